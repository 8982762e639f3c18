"""The errors of the responses wire: as a body OpenAI's object, in a stream an event of its own.

Of the two events that say so, ``error`` and ``response.failed``, Codex 0.169 heeds the second only (measured,
2026-11), so that is the one that ends a stream. By ``response.error.code`` Codex chooses what to do
(``codex-api/src/sse/responses.rs``):

=========================================== ============================================================
``context_length_exceeded``                 the context is full: it is compacted before the next turn
``insufficient_quota``                      ends the turn: the balance is used up
``invalid_prompt``                          ends the turn with the message; the one code that shows it
``server_is_overloaded``, ``slow_down``     ends the turn: the model is at capacity
``rate_limit_exceeded``                     asks again after ``try again in 1.2s`` of the message
any other                                   asks again, five times
=========================================== ============================================================

So what will not get better is ``invalid_prompt``, whatever it was, and what may is ``server_error``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from wiremend.protocols import openai
from wiremend.protocols.openai import error_body, status_of
from wiremend.sse import render

if TYPE_CHECKING:
    from wiremend.protocols.failure import Failure

__all__ = ["error_body", "error_event", "said", "status_of"]

_CODES: Final = {
    "context_length": "context_length_exceeded",
    "quota": "insufficient_quota",
    "rate_limit": "rate_limit_exceeded",
    "overloaded": "server_is_overloaded",
    "authentication": "invalid_prompt",
    "permission": "invalid_prompt",
    "invalid_request": "invalid_prompt",
    "not_found": "invalid_prompt",
    "model_not_found": "invalid_prompt",
    "request_too_large": "invalid_prompt",
    "loop": "invalid_prompt",
}
_WAIT: Final = re.compile(r"try again in\s*\d+(?:\.\d+)?\s*(?:s|ms|seconds?)", re.IGNORECASE)


def said(failure: Failure) -> str:
    """Give the words for the client: those of the chat wire, and of a rate limit the wait as Codex reads it."""
    words = openai.said(failure)
    if failure.kind != "rate_limit" or failure.retry_after is None or _WAIT.search(words):
        return words
    return f"{words} Please try again in {round(failure.retry_after, 3):g}s."


def error_event(message: str, ident: str | None = None, number: int = 0, kind: str = "upstream") -> bytes:
    """Write the event that ends a stream as a failure: ``response.failed`` of the response that ``ident`` names.

    ``number`` is its sequence number, without which @ai-sdk/openai 3.0.141 does not read it (measured, 2026-11).
    """
    readable = message.encode("utf-8", "backslashreplace").decode()
    response = {
        "id": ident or "resp_failed",
        "object": "response",
        "status": "failed",
        "error": {"code": _CODES.get(kind, "server_error"), "message": readable},
        "output": [],
    }
    return render(
        msgspec.json.encode({"type": "response.failed", "sequence_number": number, "response": response}),
        "response.failed",
    )
