"""A request's body as JSON text: its content codings undone, and its characters made readable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wiremend.codings import decode
from wiremend.errors import BodyError, JsonError
from wiremend.jsonedit import check
from wiremend.quirks.surrogates import mend_surrogates

if TYPE_CHECKING:
    from wiremend.pipeline.outcome import ClientRequest


def unpack(request: ClientRequest) -> tuple[bytes | None, str | None]:
    """Undo the content codings of a body and see whether it is JSON.

    Returns the JSON text, or None where there is none, and then why (None where there simply is no body). A body that
    cannot be read harms nothing: it leaves as it came.
    """
    if not request.body:
        return None, None
    try:
        body = decode(request.body, request.headers.get("content-encoding"))
    except BodyError as error:
        return None, str(error)
    try:
        check(body)
    except JsonError as error:
        return None, str(error)
    return body, None


def in_utf8(request: ClientRequest) -> bytes | None:
    """Give the JSON of a body that is not UTF-8 for raw surrogates alone (quirk ``lone-surrogates``), mended."""
    try:
        body = mend_surrogates(decode(request.body, request.headers.get("content-encoding"))) if request.body else None
        if body is not None:
            check(body)
    except BodyError:
        return None
    return body
