"""Sending streams of the responses wire through its mender."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from tests.protocols.responses.kit import encode
from wiremend import sse
from wiremend.protocols.mending import Origin
from wiremend.protocols.responses.mend import mender as new_mender

if TYPE_CHECKING:
    from tests.protocols.responses.kit import Json, Stream
    from wiremend.protocols.responses.mender import Mender

ORIGIN: Final = Origin("flow-1", 1700000000, "asked-model")


def mend(raw: bytes | Stream, origin: Origin = ORIGIN) -> tuple[bytes, Mender]:
    """Send a whole stream through a mender; give what comes out."""
    parser, mender = sse.EventParser(), new_mender(origin)
    events = [*parser.feed(raw if isinstance(raw, bytes) else encode(raw)), *parser.close()]
    out = [mender.feed(event) for event in events]
    return b"".join([*out, mender.close()]), mender


def documents(raw: bytes) -> list[Json]:
    """Give the data of each event, but for [DONE]."""
    parser = sse.EventParser()
    events = [*parser.feed(raw), *parser.close()]
    return [json.loads(event.data) for event in events if event.data not in {None, b"[DONE]"}]


def gist(item: Json) -> tuple[object, ...]:
    """Give what matters of an item: its type, and what it says or calls."""
    parts = [(part["type"], part.get("text", part.get("refusal"))) for part in item.get("content") or ()]
    summary = [part["text"] for part in item.get("summary") or ()]
    return (item["type"], item.get("name"), item.get("arguments", item.get("input")), parts, summary)


def codex(raw: bytes) -> list[tuple[object, ...]]:
    """Read a stream as Codex does: items as they end, and a completed response that it can parse."""
    events = documents(raw)
    final = events[-1]
    assert final["type"] == "response.completed"
    assert isinstance(final["response"]["id"], str)
    usage = final["response"].get("usage")
    assert usage is None or all(
        isinstance(usage[name], int) for name in ("input_tokens", "output_tokens", "total_tokens")
    )
    return [gist(event["item"]) for event in events if event["type"] == "response.output_item.done"]


def ended_items(raw: bytes) -> list[Json]:
    return [event["item"] for event in documents(raw) if event["type"] == "response.output_item.done"]
