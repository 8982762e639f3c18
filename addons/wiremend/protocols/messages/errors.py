"""The error object of the messages wire.

Shape and types: https://docs.claude.com/en/api/errors, and ``types/shared/error_type.py`` of the official SDK, which
chooses the class of exception by the status and reads ``error.type`` and ``error.message``.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

import msgspec

from wiremend.sse import render

_KINDS: Final = {
    "authentication": "authentication_error",
    "permission": "permission_error",
    "invalid_request": "invalid_request_error",
    "not_found": "not_found_error",
    "model_not_found": "not_found_error",  # what api.anthropic.com answers: 404, "model: NAME"
    "request_too_large": "request_too_large",
    "rate_limit": "rate_limit_error",
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
    529: "overloaded_error",
}


def error_event(message: str, ident: str | None = None, number: int = 0) -> bytes:  # noqa: ARG001 - of responses alone
    """Write the event that ends a stream as a failure: ``event: error``, which the SDKs raise and agents report."""
    return render(error_body(HTTPStatus.BAD_GATEWAY, "upstream", message), "error")


def error_body(status: int, kind: str, message: str) -> bytes:
    """Write Anthropic's error object: ``{"type": "error", "error": {"type", "message"}}``."""
    unknown = "api_error" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "invalid_request_error"
    type_ = _KINDS.get(kind) or _STATUSES.get(status, unknown)
    readable = message.encode("utf-8", "backslashreplace").decode()
    return msgspec.json.encode({"type": "error", "error": {"type": type_, "message": readable}})
