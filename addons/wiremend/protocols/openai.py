"""What the chat and the responses wire have in common: OpenAI's error object, and how a tally counts.

Shape: the ``Error`` schema of OpenAI's API description; the official SDK reads ``message``, ``type``, ``param`` and
``code`` of it and chooses the class of exception by the status alone (``openai/_client.py``). The codes are those that
api.openai.com sends (https://platform.openai.com/docs/guides/error-codes) where it has one for the case; agents look
for ``invalid_api_key``, ``model_not_found`` and ``rate_limit_exceeded``. Where it has none, the code is our own kind.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import msgspec

from wiremend.protocols import loose
from wiremend.sse import render

if TYPE_CHECKING:
    from wiremend.protocols.failure import Failure

_INVALID: Final = "invalid_request_error"
_SERVER: Final = "server_error"

# kind -> (type, code)
_KINDS: Final = {
    "authentication": (_INVALID, "invalid_api_key"),
    "permission": (_INVALID, "permission_denied"),
    "invalid_request": (_INVALID, None),
    "not_found": (_INVALID, "not_found"),
    "model_not_found": (_INVALID, "model_not_found"),
    "request_too_large": (_INVALID, "request_too_large"),
    "rate_limit": ("rate_limit_error", "rate_limit_exceeded"),
    "quota": ("insufficient_quota", "insufficient_quota"),
    "context_length": (_INVALID, "context_length_exceeded"),
    "overloaded": (_SERVER, "server_is_overloaded"),
    "timeout": (_SERVER, "timeout"),
    "loop": (_SERVER, "loop"),
    "upstream": (_SERVER, "upstream"),
    "internal": (_SERVER, "internal"),
}


# By either of these phrases agents know an overflow whose code they do not read.
_ACTED_ON: Final = ("maximum context length", "exceeds the context window")


def said(failure: Failure) -> str:
    """Give the words for the client: where the context is too long, OpenAI's own phrase leads."""
    told = failure.message
    if failure.kind != "context_length" or any(phrase in told.lower() for phrase in _ACTED_ON):
        return told
    if failure.asked is None or failure.limit is None:
        return f"Your input exceeds the context window of this model. ({told})"
    return (
        f"This model's maximum context length is {failure.limit} tokens. "
        f"However, your messages resulted in {failure.asked} tokens. ({told})"
    )


def status_of(failure: Failure) -> int:
    """Give the status for the client: the failure's own, except that overload is 503 here, never Anthropic's 529."""
    return HTTPStatus.SERVICE_UNAVAILABLE.value if failure.kind == "overloaded" else failure.status


def error_body(status: int, kind: str, message: str) -> bytes:
    """Write OpenAI's error object: ``{"error": {"message", "type", "param": null, "code"}}``."""
    unknown = (_SERVER if status >= HTTPStatus.INTERNAL_SERVER_ERROR else _INVALID, None)
    type_, code = _KINDS.get(kind, unknown)
    readable = message.encode("utf-8", "backslashreplace").decode()
    return msgspec.json.encode({"error": {"message": readable, "type": type_, "param": None, "code": code}})


def error_event(
    message: str,
    ident: str | None = None,  # noqa: ARG001 - of responses alone
    number: int = 0,  # noqa: ARG001 - as well
    kind: str = "upstream",
) -> bytes:
    """Write the chunk that ends a chat stream as a failure: an ``error`` in its data, which every SDK raises."""
    return render(error_body(HTTPStatus.BAD_GATEWAY, kind, message))


@dataclass(slots=True)
class OpenAITally:
    """The values of a tally, with the counts as OpenAI names them; see :class:`wiremend.protocols.base.Tally`."""

    model: str | None = None
    stop_reason: str | None = None
    error: str | None = None
    _counts: loose.Counts = field(default_factory=loose.Counts)

    @property
    def input_tokens(self) -> int | None:
        """Tokens of the prompt, those from the cache included."""
        return self._counts.input

    @property
    def output_tokens(self) -> int | None:
        """Tokens of the answer, reasoning included."""
        return self._counts.output

    @property
    def cached_tokens(self) -> int | None:
        """The part of ``input_tokens`` that the cache served."""
        return self._counts.cached

    @property
    def reasoning_tokens(self) -> int | None:
        """The part of ``output_tokens`` that was thought."""
        return self._counts.reasoning

    def count(self, usage: object) -> None:
        """Merge one usage object; most chunks have none."""
        if isinstance(usage, dict):
            self._counts = self._counts.then(loose.openai_counts(usage))
