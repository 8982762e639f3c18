"""The errors of the responses wire: as a body OpenAI's object, in a stream an event of its own.

Of the two events that say so, ``error`` and ``response.failed``, Codex 0.169 heeds the second only (measured,
2026-11), so that is the one that ends a stream.
"""

from __future__ import annotations

import msgspec

from wiremend.protocols.openai import error_body
from wiremend.sse import render

__all__ = ["error_body", "error_event"]


def error_event(message: str, ident: str | None = None, number: int = 0) -> bytes:
    """Write the event that ends a stream as a failure: ``response.failed`` of the response that ``ident`` names.

    ``number`` is its sequence number, without which @ai-sdk/openai 3.0.141 does not read it (measured, 2026-11).
    """
    readable = message.encode("utf-8", "backslashreplace").decode()
    response = {
        "id": ident or "resp_failed",
        "object": "response",
        "status": "failed",
        "error": {"code": "server_error", "message": readable},
        "output": [],
    }
    return render(
        msgspec.json.encode({"type": "response.failed", "sequence_number": number, "response": response}),
        "response.failed",
    )
