"""events.py: the table lets every legal stream through, and each rule of the grammar can be broken in one way."""

from __future__ import annotations

from typing import get_args

import pytest

from wiremend.events import (
    CALLS,
    DELTAS,
    JOINED,
    TABLE,
    Alive,
    Delta,
    DeltaKind,
    Ended,
    Event,
    Failed,
    Finished,
    Grammar,
    PartEnded,
    PartKind,
    PartStarted,
    Started,
    Stranger,
    UsageSeen,
)
from wiremend.message import Usage

KINDS = frozenset(get_args(Event.__value__))
START = Started("r1", "m")
TEXT: list[Event] = [PartStarted(0, "text"), Delta(0, "text", "hi"), PartEnded(0)]
CALL: list[Event] = [PartStarted(1, "tool_use", "c1", "look"), Delta(1, "json", "{}"), PartEnded(1)]
END: list[Event] = [Finished("tool_use"), Ended()]


def faults(events: list[Event], *, interleave: bool = False) -> list[str | None]:
    grammar = Grammar(interleave=interleave)
    return [grammar.fault(event) for event in events]


@pytest.mark.parametrize(
    "events",
    (
        [START, *TEXT, *CALL, *END],
        [START, *END],
        [Alive(), Stranger("x", "{}"), START, Alive(), *TEXT, Stranger("x", ""), UsageSeen(Usage(1)), *END],
        [START, UsageSeen(Usage(1)), UsageSeen(Usage(1, output=2)), UsageSeen(Usage(1, output=3)), *END],
        [Failed("upstream", "no")],
        [START, *TEXT[:2], Failed("upstream", "cut")],
        [START, PartStarted(0, "thinking"), Delta(0, "signature", "s"), Delta(0, "encrypted", "e"), PartEnded(0), *END],
        [START, PartStarted(0, "redacted"), Delta(0, "encrypted", "e"), PartEnded(0), *END],
    ),
)
def test_a_legal_stream_has_no_fault(events: list[Event]) -> None:
    grammar = Grammar()
    assert [grammar.fault(event) for event in events] == [None] * len(events)
    assert grammar.state == ("failed" if isinstance(events[-1], Failed) else "ended")


@pytest.mark.parametrize(
    ("events", "fault"),
    (
        ([PartStarted(0, "text")], "PartStarted in a stream that is idle"),
        ([Ended()], "Ended in a stream that is idle"),
        ([UsageSeen(Usage())], "UsageSeen in a stream that is idle"),
        ([START, START], "Started in a stream that is open"),
        ([START, Ended()], "Ended in a stream that is open"),
        ([START, END[0], UsageSeen(Usage())], "UsageSeen in a stream that is finished"),
        ([START, END[0], Failed("upstream", "")], "Failed in a stream that is finished"),
        ([START, END[0], END[0]], "Finished in a stream that is finished"),
        ([START, *END, Alive()], "Alive in a stream that is ended"),
        ([Failed("upstream", ""), Ended()], "Ended in a stream that is failed"),
        ([START, Delta(0, "text", "")], "Delta for part 0, which is absent"),
        ([START, Delta(-1, "text", "")], "Delta for part -1, which is absent"),
        ([START, PartEnded(0)], "PartEnded for part 0, which is absent"),
        ([START, *TEXT, PartEnded(0)], "PartEnded for part 0, which is ended"),
        ([START, *TEXT, Delta(0, "text", "")], "Delta for part 0, which is ended"),
        ([START, *TEXT, PartStarted(0, "text")], "PartStarted for part 0, which is ended"),
        ([START, TEXT[0], TEXT[0]], "PartStarted for part 0, which is open"),
        ([START, PartStarted(1, "text")], "part 1 begins where 0 is next"),
        ([START, TEXT[0], CALL[0]], "part 1 begins while 0 is open"),
        ([START, PartStarted(0, "tool_use", "", "n")], "part 0 is a call without id or name"),
        ([START, PartStarted(0, "custom_tool_use", "c", "")], "part 0 is a call without id or name"),
        ([START, TEXT[0], Delta(0, "json", "")], "a delta of kind json for part 0, which is text"),
        ([START, TEXT[0], END[0]], "Finished while part 0 is open"),
        ([START, Finished("error")], "the stop reason is an error"),
        ([Started("", "m")], "the reply has no id or no model"),
        ([Started("r", "")], "the reply has no id or no model"),
        ([START, UsageSeen(Usage(1)), UsageSeen(Usage(output=2))], "usage leaves out what was known"),
    ),
)
def test_a_fault_is_told_and_changes_nothing(events: list[Event], fault: str) -> None:
    *before, last = events
    grammar = Grammar()
    assert [grammar.fault(event) for event in before] == [None] * len(before)
    state = grammar.state
    assert grammar.fault(last) == fault
    assert grammar.fault(last) == fault
    assert grammar.state == state


def test_parts_overlap_only_where_they_may() -> None:
    events: list[Event] = [START, TEXT[0], CALL[0], TEXT[1], CALL[1], CALL[2], TEXT[2], *END]
    assert faults(events, interleave=True) == [None] * len(events)
    assert faults(events)[2] == "part 1 begins while 0 is open"


def test_the_table_is_closed() -> None:
    """Each next state is one of the machine's, each event is in some row, and a terminal is followed by nothing."""
    for machine in TABLE.values():
        for row in machine.values():
            assert set(row.values()) <= set(machine)
            assert set(row) <= KINDS
    assert {event for row in TABLE["stream"].values() for event in row} == KINDS
    assert not TABLE["stream"]["ended"]
    assert not TABLE["stream"]["failed"]
    assert list(TABLE["stream"]["finished"]) == [Ended]


def test_every_kind_has_its_place() -> None:
    assert set(DELTAS) == set(get_args(PartKind.__value__)) >= CALLS
    assert {kind for kinds in DELTAS.values() for kind in kinds} == set(get_args(DeltaKind.__value__)) >= JOINED
    mains = [kinds[0] for kinds in DELTAS.values()]
    assert len(set(mains)) == len(mains), "the first kind of delta tells the kind of part"
