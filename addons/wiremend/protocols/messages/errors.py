"""The errors of the messages wire.

Shape and types: https://platform.claude.com/docs/en/api/errors, and ``types/shared/error_type.py`` of the official SDK,
which chooses the class of exception by the status and reads ``error.type`` and ``error.message``. Claude Code 2.1.197
makes room in the context when it reads ``prompt is too long``, and sees by how much where the numbers follow.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import msgspec

from wiremend.sse import render

if TYPE_CHECKING:
    from wiremend.protocols.failure import Failure

_OVERLOADED: Final = 529

_KINDS: Final = {
    "authentication": "authentication_error",
    "permission": "permission_error",
    "invalid_request": "invalid_request_error",
    "not_found": "not_found_error",
    "model_not_found": "not_found_error",  # what api.anthropic.com answers: 404, "model: NAME"
    "request_too_large": "request_too_large",
    "rate_limit": "rate_limit_error",
    "quota": "billing_error",
    "context_length": "invalid_request_error",
    "overloaded": "overloaded_error",
    "timeout": "timeout_error",
}

# For the other kinds, loop, upstream and internal, the status says more.
_STATUSES: Final = {
    HTTPStatus.UNAUTHORIZED: "authentication_error",
    HTTPStatus.PAYMENT_REQUIRED: "billing_error",
    HTTPStatus.FORBIDDEN: "permission_error",
    HTTPStatus.NOT_FOUND: "not_found_error",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "request_too_large",
    HTTPStatus.TOO_MANY_REQUESTS: "rate_limit_error",
    HTTPStatus.GATEWAY_TIMEOUT: "timeout_error",
    _OVERLOADED: "overloaded_error",
}

# What Claude Code reads by itself: the one makes it compact, the other ask for a shorter answer.
_ACTED_ON: Final = re.compile(
    r"prompt is too long[^0-9]*\d+\s*tokens?\s*>\s*\d+|"
    r"input length and `max_tokens` exceed context limit: \d+ \+ \d+ > \d+",
    re.IGNORECASE,
)


def said(failure: Failure) -> str:
    """Give the words for the client: where the context is too long, the phrase that makes agents act leads.

    Where the prompt itself would fit, and only the room for the answer does not, it is the phrase that makes them ask
    for less.
    """
    told = failure.message
    if failure.kind != "context_length" or _ACTED_ON.search(told):
        return told
    if failure.asked is None or failure.limit is None:
        return told if told.lower().startswith("prompt is too long") else f"prompt is too long ({told})"
    output, limit = failure.output or 0, failure.limit
    prompt = failure.asked - output
    if output and prompt <= limit:
        return f"input length and `max_tokens` exceed context limit: {prompt} + {output} > {limit} ({told})"
    return f"prompt is too long: {prompt} tokens > {limit} maximum ({told})"


def status_of(failure: Failure) -> int:
    """Give the status for the client: the failure's own, except that this wire has one for overload."""
    return _OVERLOADED if failure.kind == "overloaded" else failure.status


def error_event(
    message: str,
    ident: str | None = None,  # noqa: ARG001 - of responses alone
    number: int = 0,  # noqa: ARG001 - as well
    kind: str = "upstream",
) -> bytes:
    """Write the event that ends a stream as a failure: ``event: error``, which the SDKs raise and agents report."""
    return render(error_body(HTTPStatus.BAD_GATEWAY, kind, message), "error")


def error_body(status: int, kind: str, message: str) -> bytes:
    """Write Anthropic's error object: ``{"type": "error", "error": {"type", "message"}}``."""
    unknown = "api_error" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "invalid_request_error"
    type_ = _KINDS.get(kind) or _STATUSES.get(status, unknown)
    readable = message.encode("utf-8", "backslashreplace").decode()
    return msgspec.json.encode({"type": "error", "error": {"type": type_, "message": readable}})
