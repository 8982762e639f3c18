"""What a client of the chat wire counts as life while the upstream is silent.

A comment keeps every timer that counts bytes, and no client reads it: providers send them for this. Hermes counts
chunks: 180 s behind the last one it breaks the stream off and asks again (900 s, where the address is one of this
machine). So it is sent a chunk that adds nothing to a choice that is open, with the head of the chunk before it, which
is legal for everyone. Behind a finish reason it gets the comment: a chunk behind the usage would hide it. Before the
first chunk nothing can be gone on with, so Hermes is sent a chunk without choices, as Azure begins its streams with;
others would stumble over it, so what may be another client of OpenAI's Python SDK is sent a comment. See
``docs/stalls.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from wiremend.sse import render

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["COMMENT", "COUNTING", "EMPTY", "beat"]

COMMENT: Final = b": keep-alive\n\n"
"""What every parser of events skips."""

EMPTY: Final = b'data: {"id":"","object":"chat.completion.chunk","created":0,"model":"","choices":[]}\n\n'
"""A chunk that names nothing; Hermes passes over it."""

COUNTING: Final = frozenset({"hermes", "openai/python"})
"""Clients whose timer looks past comments; Hermes goes by the name of the SDK where it has no name of its own."""

_HEAD: Final = ("id", "object", "created", "model")


def beat(client: str | None, last: Mapping[str, Any] | None) -> bytes | None:
    """Give what to send now; None where the client has been given the end.

    ``last`` is the object in the last event that the client was given, empty before the first; None if that event held
    no object (``[DONE]``).
    """
    if last is None or "error" in last:
        return None
    if client == "hermes" and not last:
        return EMPTY
    return (_nothing_more(last) if client in COUNTING else None) or COMMENT


def _nothing_more(last: Mapping[str, Any]) -> bytes | None:
    """Give the chunk that adds nothing to the choice that the last chunk went on with; None where none is open."""
    match last:
        case {"object": "chat.completion.chunk", "choices": [{"index": int() as index, "delta": {}, **choice}]}:
            if choice.get("finish_reason") is not None or last.get("usage") is not None:
                return None
        case _:
            return None
    head = {name: last[name] for name in _HEAD if name in last}
    choices = [{"index": index, "delta": {}, "finish_reason": None}]
    return render(msgspec.json.encode(head | {"choices": choices}))
