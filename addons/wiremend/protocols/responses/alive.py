"""What a client of the responses wire counts as life while the upstream is silent.

A comment keeps every timer that counts bytes, and no client reads it. Codex counts events: 300 s behind the last one it
gives the stream up and asks again. It skips events of types that it does not know, and counts them, before the first as
well; so it is sent one of ours. No other client is: openai-node throws on a type that it does not know. See
``docs/stalls.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

COMMENT: Final = b": keep-alive\n\n"
"""What every parser of events skips."""

UNKNOWN: Final = b'event: wiremend.keepalive\ndata: {"type":"wiremend.keepalive"}\n\n'
"""An event that Codex counts and does not read."""

COUNTING: Final = frozenset({"codex"})
"""Clients whose timer looks past comments."""

_OVER: Final = frozenset({"response.completed", "response.failed", "response.incomplete", "error"})


def beat(client: str | None, last: Mapping[str, Any] | None) -> bytes | None:
    """Give what to send now; None where the client has been given the end.

    ``last`` is the object in the last event that the client was given, empty before the first; None if that event held
    no object.
    """
    if last is not None and last.get("type") in _OVER:
        return None
    return UNKNOWN if client in COUNTING else COMMENT
