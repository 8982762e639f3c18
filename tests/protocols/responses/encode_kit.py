"""Writing neutral events as streams of the responses wire, and holding these against whoever reads them.

The contract, openai-python's models of the events and of the response, and its accumulator each see every stream.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from tests.protocols.responses.kit import judge, sdk
from tests.protocols.responses.mend_kit import documents, ended_items
from wiremend.events import (
    Delta,
    DeltaKind,
    Ended,
    Event,
    Finished,
    PartEnded,
    PartKind,
    PartStarted,
    Started,
    UsageSeen,
)
from wiremend.message import ChatRequest, Usage
from wiremend.protocols.codec import NO_BRIDGES, Telling
from wiremend.protocols.mending import Origin
from wiremend.protocols.responses.encoder import ResponsesEncoder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.protocols.responses.kit import Json
    from wiremend.message import StopReason
    from wiremend.protocols.codec import Bridges

ORIGIN: Final = Origin("flow-1", 1700000007, "asked-model")
START: Final = Started("resp_1", "a-model", 1700000000)
USED: Final = UsageSeen(Usage(11, 5, 3, 7, 4))
ASKED: Final = ChatRequest(wire="responses", model="asked-model", messages=())


def part(index: int, kind: PartKind, *pieces: tuple[DeltaKind, str], **start: str) -> list[Event]:
    return [PartStarted(index, kind, **start), *(Delta(index, *piece) for piece in pieces), PartEnded(index)]


def reply(*parts: list[Event], reason: StopReason = "end_turn") -> list[Event]:
    return [START, *(event for some in parts for event in some), USED, Finished(reason), Ended()]


def written(
    events: Iterable[Event], bridges: Bridges = NO_BRIDGES, request: ChatRequest = ASKED, name: str | None = None
) -> tuple[bytes, ResponsesEncoder]:
    encoder = ResponsesEncoder(Telling(ORIGIN, request, bridges, name))
    return b"".join(map(encoder.feed, events)), encoder


def check(raw: bytes) -> list[Json]:
    """Hold a stream against the contract, openai-python's types and its accumulator; give the data of its events."""
    found, contract = judge(raw)
    assert found == []
    assert contract.ended
    given = documents(raw)
    assert [event["sequence_number"] for event in given] == list(range(len(given)))
    for event in given:
        if event["type"] != "response.failed":  # whose response is as short as can be
            strictly(event)
    assert sdk(raw).error is None
    return given


def strictly(event: Json) -> None:
    """Hold an event against openai-python's models, which leave nothing out that they ask for."""
    EVENTS.validate_python(event, strict=False)
    if "response" in event:
        RESPONSE.validate_python(event["response"])


EVENTS: Final[TypeAdapter[Any]] = TypeAdapter(ResponseStreamEvent)
RESPONSE: Final[TypeAdapter[Any]] = TypeAdapter(Response)


def items(*parts: list[Event], bridges: Bridges = NO_BRIDGES) -> list[Json]:
    """Write a reply of these parts, check it, and give its items as they ended."""
    raw, encoder = written(reply(*parts), bridges)
    given = check(raw)
    assert encoder.mends == []
    ended = ended_items(raw)
    assert given[-1]["response"]["output"] == ended
    return ended


TEXT: Final = part(0, "text", ("text", "Hel"), ("text", "lo"))
CALL: Final = part(0, "tool_use", ("json", '{"a"'), ("json", ":1}"), id="call_1", name="f")


def marked(wire: str, **more: str) -> str:
    return json.dumps({"wire": wire, **more})


OWN: Final = [
    {"type": "url_citation", "start_index": 0, "end_index": 2, "url": "https://example.com", "title": "t"},
    {"type": "file_citation", "file_id": "f", "filename": "n", "index": 1},
    {"type": "container_file_citation", "container_id": "c", "file_id": "f", "filename": "n", "start_index": 0,
     "end_index": 1},
    {"type": "file_path", "file_id": "f", "index": 0},
]  # fmt: skip
