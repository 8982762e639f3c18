"""Events, blocks and deltas of the messages wire that a client's closed list does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wiremend.quirks.base import Quirk

if TYPE_CHECKING:
    from wiremend.quirks.base import EventStep, Noting, Scope
    from wiremend.quirks.memory import Memory

EVENTS: Final = frozenset(
    {
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
        "ping",
        "error",
    }
)
BLOCKS: Final = frozenset(
    {
        "text",
        "thinking",
        "redacted_thinking",
        "tool_use",
        "server_tool_use",
        "web_search_tool_result",
        "web_fetch_tool_result",
        "code_execution_tool_result",
        "bash_code_execution_tool_result",
        "text_editor_code_execution_tool_result",
        "mcp_tool_use",
        "mcp_tool_result",
        "tool_search_tool_result",
        "advisor_tool_result",
        "compaction",
        "fallback",
    }
)
DELTAS: Final = frozenset(
    {
        "text_delta",
        "thinking_delta",
        "signature_delta",
        "input_json_delta",
        "citations_delta",
        "compaction_delta",
    }
)
"""What the unions of @ai-sdk/anthropic 3.0.138 have (its ``dist/index.js``); older versions have some fewer."""

MAX_DROPPED: Final = 1024
"""Dropped blocks of one stream whose later events are dropped too."""


class _Step:
    """Drops what is unknown; the blocks behind a dropped one move up, for an index is a place."""

    needles: tuple[bytes, ...] = ()

    def __init__(self) -> None:
        self._dropped: set[int] = set()

    def event(self, document: dict[str, Any], note: Noting) -> list[dict[str, Any]] | None:
        """Drop the event, move its index, or leave it alone."""
        kind, index = document.get("type"), document.get("index")
        if not isinstance(kind, str) or "error" in document or kind.endswith("error"):
            return None
        place = index if isinstance(index, int) else -1
        what = self._unknown(kind, place, document)
        if what:
            note("/type", f"{what[:60]} dropped", "lost")
        if what is not None:
            return []
        gone = sum(dropped < place for dropped in self._dropped)
        if not gone:
            return None
        document["index"] = place - gone
        return [document]

    def _unknown(self, kind: str, place: int, document: dict[str, Any]) -> str | None:
        """Say what is dropped; "" for a later event of a block that was, None for what is known."""
        if kind not in EVENTS:
            return f"the event {kind!r}"
        if kind == "content_block_start":
            self._dropped.discard(place)
            block = _unknown(document.get("content_block"), BLOCKS)
            if block and place >= 0 and len(self._dropped) < MAX_DROPPED:
                self._dropped.add(place)
            return f"the block {block!r}" if block else None
        if place in self._dropped:
            return ""
        delta = _unknown(document.get("delta"), DELTAS) if kind == "content_block_delta" else ""
        return f"the delta {delta!r}" if delta else None

    def close(self, note: Noting) -> list[dict[str, Any]]:  # noqa: ARG002 - the protocol's signature
        """Give nothing: nothing is held."""
        return []


def _unknown(box: object, known: frozenset[str]) -> str:
    """Give the type of a block or delta that is not in the list; "" if it is, or has none."""
    kind = box.get("type") if isinstance(box, dict) else None
    return kind if isinstance(kind, str) and kind not in known else ""


def _reply(document: dict[str, Any], _: Scope, _memory: Memory, note: Noting) -> None:
    content = document.get("content")
    if not isinstance(content, list):
        return
    for number in reversed(range(len(content))):
        if block := _unknown(content[number], BLOCKS):
            del content[number]
            note(f"/content/{number}", f"the block {block[:40]!r} dropped", "lost")


def _step(_: Scope, _memory: Memory) -> EventStep:
    return _Step()


QUIRKS: Final[tuple[Quirk, ...]] = (
    Quirk(
        number=134,
        name="anth-unknown-variants",
        wires=("messages",),
        side="stream",
        kind="condition",
        who="Endpoints with event, block or delta types of their own, to clients built on @ai-sdk/anthropic.",
        symptom="The AI SDK's closed unions refuse the stream, and the turn fails.",
        mend="What the AI SDK's unions do not have is dropped, for these clients only.",
        before='event: heartbeat\\ndata: {"type":"heartbeat"}',
        after="(dropped)",
        evidence=("measured: @ai-sdk/anthropic 3.0.138 rejects unknown event, block and delta types",),
        clients=("opencode*",),
        step=_step,
        reply=_reply,
    ),
)
