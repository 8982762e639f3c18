"""What a client of the messages wire counts as life while the upstream is silent.

A ping is the wire's own word for it, may stand anywhere, and keeps every timer that counts bytes. Two clients count
events, and look past pings: Claude Code gives a stream up 300 s after the last event that is none, and Hermes, on
Anthropic's Python SDK, after 180 s. Inside an open block both are sent an empty delta of that block, which says nothing
and is legal for everyone.

Elsewhere Claude Code is sent an event of a type of our own, under the name ``message``: its SDK drops names that are
not on its list, which has this one, and what reads the events skips types that it does not know. (A message_delta would
count as well, but with each the turn's cost is added again.) Hermes reads no type that it does not know; between
message_start and the stop reason it is sent a message_delta without a stop reason, whose values the last one replaces.
Before message_start and behind the stop reason nothing that it counts can be said, and it is sent the ping. See
``docs/stalls.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from wiremend.sse import render

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["COUNTING", "PING", "REPORT", "UNKNOWN", "beat"]

PING: Final = b'event: ping\ndata: {"type":"ping"}\n\n'
"""The wire's keepalive."""

UNKNOWN: Final = b'event: message\ndata: {"type":"wiremend.keepalive"}\n\n'
"""An event that Claude Code counts and does not read."""

REPORT: Final = (
    b"event: message_delta\n"
    b'data: {"type":"message_delta","delta":{"stop_reason":null,"stop_sequence":null},"usage":{"output_tokens":0}}\n\n'
)
"""A report of usage that says nothing yet."""

_BETWEEN: Final = {"claude-code": UNKNOWN, "hermes": REPORT, "anthropic/python": PING}
"""Clients whose timer looks past pings -> what they are sent where no block takes a delta.

Hermes goes by the name of the SDK where it has no name of its own.
"""

COUNTING: Final = frozenset(_BETWEEN)
"""Clients whose timer looks past pings."""

_FIELDS: Final = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}
"""Deltas that may be empty -> where they hold their text."""

_OF_DELTA: Final = {kind: kind for kind in _FIELDS} | {
    "citations_delta": "text_delta",
    "signature_delta": "thinking_delta",
}
"""The last delta of an open block -> the empty one that may follow it."""

_OF_BLOCK: Final = {
    "text": "text_delta",
    "thinking": "thinking_delta",
    "tool_use": "input_json_delta",
    "server_tool_use": "input_json_delta",
    "mcp_tool_use": "input_json_delta",
}
"""The kind of a block that has just begun -> its empty delta. A block of another kind takes none."""

_OPEN: Final = frozenset({"message_start", "content_block_start", "content_block_delta", "content_block_stop"})
"""Behind these the stop reason has not been said."""

_OVER: Final = frozenset({"message_stop", "error"})


def beat(client: str | None, last: Mapping[str, Any] | None) -> bytes | None:
    """Give what to send now; None where the client has been given the end.

    ``last`` is the object in the last event that the client was given and that is no ping, empty before the first; None
    if that event held no object.
    """
    said = last or {}
    kind = said.get("type")
    if kind in _OVER:
        return None
    between = _BETWEEN.get(client or "", PING)
    if client in COUNTING and (delta := _empty_delta(said)) is not None:
        return delta
    return PING if between is REPORT and kind not in _OPEN else between


def _empty_delta(last: Mapping[str, Any]) -> bytes | None:
    """Give the empty delta for the block that an event began or went on with."""
    index, kind = last.get("index"), None
    match last:
        case {"type": "content_block_delta", "delta": {"type": str() as said}}:
            kind = _OF_DELTA.get(said)
        case {"type": "content_block_start", "content_block": {"type": str() as said}}:
            kind = _OF_BLOCK.get(said)
    if kind is None or type(index) is not int:
        return None
    delta = {"type": "content_block_delta", "index": index, "delta": {"type": kind, _FIELDS[kind]: ""}}
    return render(msgspec.json.encode(delta), "content_block_delta")
