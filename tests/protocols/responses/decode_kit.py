"""Sending streams of the responses wire through its decoder."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from tests.protocols.responses.kit import stream
from wiremend.events import Delta, Ended, Event, Started, UsageSeen
from wiremend.message import Usage
from wiremend.protocols.responses.decoder import ResponsesDecoder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.protocols.responses.kit import Json

START: Final = Started("resp_1", "lab-model", 1700000000)
COUNTS: Final = UsageSeen(Usage(input=11, cached=0, output=7, reasoning=0))
SUMMARY: Final = '{"wire":"responses","field":"summary"}'
CONTENT: Final = '{"wire":"responses","field":"content"}'


def fed(events: Iterable[Json | bytes]) -> tuple[list[Event], ResponsesDecoder]:
    decoder = ResponsesDecoder()
    given = [decoder.feed(one if isinstance(one, bytes) else json.dumps(one).encode()) for one in events]
    return [event for some in given for event in some], decoder


def parts(*items: Json) -> list[Event]:
    """Decode a stream of these items, and give what lies between the start and the usage."""
    found, decoder = fed(stream(*items))
    assert decoder.mends == []
    assert found[0] == START
    assert found[-3] == COUNTS
    assert found[-1] == Ended()
    return found[1:-3]


def lost(events: Iterable[Json | bytes]) -> list[str]:
    """Give what was told as lost."""
    return [mend.code for mend in fed(events)[1].mends if mend.kind == "lost"]


def deltas(events: Iterable[Event]) -> list[Event]:
    return [event for event in events if isinstance(event, Delta)]
