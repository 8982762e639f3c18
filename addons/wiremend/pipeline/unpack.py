"""A request's body as JSON text: its content codings undone, and its characters made readable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wiremend.codings import DEFAULT_LIMIT, decode
from wiremend.errors import BodyError, JsonError, TooLargeError
from wiremend.jsonedit import check
from wiremend.quirks.surrogates import mend_surrogates

if TYPE_CHECKING:
    from wiremend.pipeline.outcome import ClientRequest


def unpack(request: ClientRequest, limit: int | None = None) -> tuple[bytes | None, str | None]:
    """Undo the content codings of a body and see whether it is JSON.

    Returns the JSON text, or None where there is none, and then why (None where there simply is no body). A body that
    cannot be read harms nothing: it leaves as it came. Raises :class:`~wiremend.errors.TooLargeError` where there is
    a ``limit``, and it has more bytes when it is decoded.
    """
    if not request.body:
        return None, None
    try:
        body = decode(request.body, request.headers.get("content-encoding"), limit=limit or DEFAULT_LIMIT)
    except BodyError as error:
        if limit is not None and isinstance(error, TooLargeError):
            raise
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
