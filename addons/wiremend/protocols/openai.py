"""What the chat and the responses wire have in common: OpenAI's error object, and how a tally counts.

Shape: the ``Error`` schema of OpenAI's API description; the official SDK reads ``message``, ``type``, ``param`` and
``code`` of it and chooses the class of exception by the status alone (``openai/_client.py``). The codes are those that
api.openai.com sends (https://platform.openai.com/docs/guides/error-codes) where it has one for the case; agents look
for ``invalid_api_key``, ``model_not_found`` and ``rate_limit_exceeded``. Where it has none, the code is our own kind.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

import msgspec

from wiremend.protocols import loose
from wiremend.sse import render

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
    "loop": (_SERVER, "loop"),
    "upstream": (_SERVER, "upstream"),
    "internal": (_SERVER, "internal"),
}


def error_body(status: int, kind: str, message: str) -> bytes:
    """Write OpenAI's error object: ``{"error": {"message", "type", "param": null, "code"}}``."""
    unknown = (_SERVER if status >= HTTPStatus.INTERNAL_SERVER_ERROR else _INVALID, None)
    type_, code = _KINDS.get(kind, unknown)
    readable = message.encode("utf-8", "backslashreplace").decode()
    return msgspec.json.encode({"error": {"message": readable, "type": type_, "param": None, "code": code}})


def error_event(message: str, ident: str | None = None, number: int = 0) -> bytes:  # noqa: ARG001 - of responses alone
    """Write the chunk that ends a chat stream as a failure: an ``error`` in its data, which every SDK raises."""
    return render(error_body(HTTPStatus.BAD_GATEWAY, "upstream", message))


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

    def count(self, usage: object) -> None:
        """Merge one usage object; most chunks have none."""
        if isinstance(usage, dict):
            self._counts = self._counts.then(loose.openai_counts(usage))
