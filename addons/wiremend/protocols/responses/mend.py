"""All that mends the replies of the responses wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wiremend.protocols.mending import Mending, Origin, Whole
from wiremend.protocols.responses import convert
from wiremend.protocols.responses.body import mend_body
from wiremend.protocols.responses.mender import Mender

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wiremend.protocols.failure import Failure
    from wiremend.sse import Event

__all__ = ["MENDING", "body", "mender", "to_body"]


def mender(origin: Origin) -> Mender:
    """Give the mender of one stream."""
    return Mender(origin, _unfold)


def body(data: bytes, origin: Origin) -> Whole:
    """Mend a whole body that came with a status of success. Never raises."""
    return mend_body(data, origin, mender)


def to_stream(data: bytes) -> bytes:
    """Write a mended body as a legal stream. Raises TypeError where it is no response object."""
    whole, _ = convert.through(convert.to_stream(data), mender(Origin()))
    return whole


def to_body(events: Iterable[Event], origin: Origin) -> Whole:
    """Give the body that a call without a stream would have given. Never raises."""
    whole = convert.to_body(events)
    return whole if whole.failure is not None else body(whole.body, origin)


def _unfold(data: bytes, origin: Origin) -> tuple[bytes, Failure | None]:
    """Mend a body that came where events should be, and write it as events."""
    whole = body(data, origin)
    return (b"", whole.failure) if whole.failure is not None else (convert.to_stream(whole.body), None)


MENDING: Final = Mending(mender=mender, body=body, to_stream=to_stream, to_body=to_body)
