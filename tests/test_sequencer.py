"""sequencer.py: the laws, for sequences that nobody wrote by hand, and one example of each code.

The judge is :class:`wiremend.events.Grammar`, which the sequencer does not use. In the laws each delta is a token of
its own that says where it came from, so what is lost, doubled, moved or mixed shows.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec import structs

from wiremend import sequencer
from wiremend.events import (
    DELTAS,
    Alive,
    Delta,
    Ended,
    Event,
    Failed,
    Finished,
    Grammar,
    PartEnded,
    PartStarted,
    Started,
    Stranger,
    UsageSeen,
)
from wiremend.message import Usage
from wiremend.sequencer import CODES, HELD, Sequencer

if TYPE_CHECKING:
    from collections.abc import Iterable

START = Started("r1", "m")
DONE: list[Event] = [Finished("end_turn"), Ended()]
NOT_DONE = {"cut", "early", "empty"}

INDEXES = st.integers(-1, 3)
KINDS = st.sampled_from(sorted(DELTAS))
PIECES = st.sampled_from(sorted({kind for kinds in DELTAS.values() for kind in kinds}))
COUNTS = st.none() | st.integers(0, 2)
IDS = st.sampled_from(["", "a", "b"])
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(Started, IDS, IDS),
    st.builds(PartStarted, INDEXES, KINDS, IDS, IDS),
    st.builds(Delta, INDEXES, PIECES, st.sampled_from(["", "x"])),
    st.builds(Delta, INDEXES, PIECES, st.sampled_from(["", "x"])),
    st.builds(PartEnded, INDEXES),
    st.builds(UsageSeen, st.builds(Usage, COUNTS, output=COUNTS)),
    st.builds(Finished, st.sampled_from(["end_turn", "tool_use", "error"])),
    st.sampled_from([Ended(), Failed("overloaded", "busy"), Alive(), Stranger("x", "{}")]),
)


def marked(events: Iterable[Event]) -> list[Event]:
    """Give each piece that is not empty a text that nobody else has: ``<index.kind.number>``."""
    return [
        structs.replace(event, text=f"<{event.index}.{event.kind}.{number}>")
        if isinstance(event, Delta) and event.text
        else event
        for number, event in enumerate(events)
    ]


@st.composite
def legal(draw: st.DrawFn, *, interleave: bool = False) -> list[Event]:
    """Write a legal stream, by drawing from what the grammar allows."""
    grammar = Grammar(interleave=interleave)
    events: list[Event] = []
    usage = Usage()
    number = 0
    opened: dict[int, Any] = {}
    event: Event
    before: list[Event] = [START, START, Alive(), Stranger("x", "1")]
    for _ in range(draw(st.integers(0, 25))):
        if grammar.state == "idle":
            event = draw(st.sampled_from(before))
        else:
            choices = ["usage", "alive", "stranger"]
            choices += ["open"] * 2 if interleave or not opened else []
            choices += ["delta"] * 4 + ["end"] if opened else []
            index = draw(st.sampled_from(sorted(opened))) if opened else 0
            match draw(st.sampled_from(choices)):
                case "usage":
                    usage = usage.then(Usage(draw(COUNTS), output=draw(COUNTS)))
                    event = UsageSeen(usage)
                case "alive":
                    event = Alive()
                case "stranger":
                    event = Stranger("y", "2")
                case "open":
                    opened[number] = draw(KINDS)
                    event = PartStarted(
                        number, opened[number], f"id{number}", "tool", draw(st.sampled_from(["", "{}"]))
                    )
                    number += 1
                case "delta":
                    event = Delta(index, draw(st.sampled_from(DELTAS[opened[index]])), draw(st.sampled_from(["", "x"])))
                case _:
                    del opened[index]
                    event = PartEnded(index)
        events.append(event)
        assert grammar.fault(event) is None
    if grammar.state == "idle":
        events.append(START)
    if draw(st.booleans()):
        return marked([*events, Failed("overloaded", "busy", "1")])
    events += [PartEnded(index) for index in opened]
    return marked([*events, *DONE])


@st.composite
def broken(draw: st.DrawFn) -> list[Event]:
    """Take a legal stream of overlapping parts and drop, repeat, move or put in a few events."""
    events = draw(legal(interleave=True))
    for _ in range(draw(st.integers(1, 4))):
        at, to = (draw(st.integers(0, len(events))) for _ in range(2))
        match draw(st.sampled_from(["drop", "repeat", "move", "put", "cut"])):
            case "drop":
                del events[at : at + 1]
            case "repeat":
                events[to:to] = events[at : at + 1]
            case "move":
                taken = events[at : at + 1]
                del events[at : at + 1]
                events[to:to] = taken
            case "put":
                events.insert(at, draw(EVENTS))
            case _:
                del events[at:]
    return marked(events)


FEW = st.integers(0, 1)
CONTENT: st.SearchStrategy[Event] = st.one_of(
    st.builds(PartStarted, FEW, st.sampled_from(["tool_use", "text"]), IDS, IDS),
    st.builds(Delta, FEW, st.sampled_from(["json", "text"]), st.just("x")),
    st.builds(PartEnded, FEW),
)
TURNS = st.lists(CONTENT, max_size=8).map(lambda content: marked([START, *content, *DONE]))
SEQUENCES = st.lists(EVENTS, max_size=25).map(marked) | broken() | TURNS


def run(
    events: Iterable[Event], *, interleave: bool = False, cut: bool = False, seed: str = ""
) -> tuple[list[Event], Sequencer]:
    """Sequence a whole stream, its end included."""
    one = Sequencer(interleave=interleave, seed=seed, model="asked", now=1)
    out = [given for event in events for given in one.feed(event)]
    return out + one.close(cut=cut), one


def codes(one: Sequencer) -> set[str]:
    return {note.short.removeprefix("sequencer.") for note in one.notes}


def assert_legal(events: Iterable[Event], *, interleave: bool) -> None:
    grammar = Grammar(interleave=interleave)
    assert [fault for event in events if (fault := grammar.fault(event))] == []
    assert grammar.state in {"ended", "failed"}


def tokens(events: Iterable[Event]) -> dict[str, list[str]]:
    """Read the pieces back, by where they came from."""
    found = defaultdict(list)
    for event in events:
        if isinstance(event, Delta):
            for source, number in re.findall(r"<(-?\d+\.\w+)\.(\d+)>", event.text):
                found[source].append(number)
    return dict(found)


@given(SEQUENCES, st.booleans(), st.booleans())
def test_any_sequence_becomes_legal_and_stays_so(events: list[Event], interleave: bool, cut: bool) -> None:  # noqa: FBT001 - drawn
    out, one = run(events, interleave=interleave, cut=cut)
    assert_legal(out, interleave=interleave)
    assert one.over
    assert not any((one._parts, one._open, one._queue, one._ended))
    assert one.feed(Ended()) == []
    assert one.close(cut=cut) == []
    again, second = run(out, interleave=interleave)
    assert again == out
    assert second.notes == []


@given(st.booleans().flatmap(lambda interleave: st.tuples(st.just(interleave), legal(interleave=interleave))))
def test_a_legal_sequence_leaves_as_it_came(drawn: tuple[bool, list[Event]]) -> None:
    interleave, events = drawn
    one = Sequencer(interleave=interleave)
    for event in events:
        given = one.feed(event)
        expected = [] if isinstance(event, Finished) else events[-2:] if isinstance(event, Ended) else [event]
        assert given == expected, "nothing but the stop reason waits"
    assert one.close(cut=True) == []
    assert one.notes == []


@given(SEQUENCES, st.booleans())
def test_what_is_no_mended_order_is_no_note(events: list[Event], interleave: bool) -> None:  # noqa: FBT001 - drawn
    """Without a note nothing changed, but that usage is merged and may overtake the stop reason, as pings may."""
    out, one = run(events, interleave=interleave)
    if not one.notes:
        free = (UsageSeen, Alive, Stranger)
        assert [event for event in out if not isinstance(event, free)] == [
            event for event in events if not isinstance(event, free)
        ]
        assert [event for event in out if isinstance(event, Alive | Stranger)] == [
            event for event in events if isinstance(event, Alive | Stranger)
        ]


@given(SEQUENCES, st.booleans(), st.booleans())
def test_no_text_and_no_input_is_lost_or_doubled_in_silence(
    events: list[Event],
    interleave: bool,  # noqa: FBT001 - drawn
    cut: bool,  # noqa: FBT001 - drawn
) -> None:
    terminals = [at for at, event in enumerate(events) if isinstance(event, Ended | Failed)]
    if terminals:  # what follows is lost in any case, and its note would hide others
        del events[terminals[0] + 1 :]
    out, one = run(events, interleave=interleave, cut=cut)
    before, after = tokens(events), tokens(out)
    lost = any(note.kind == "lost" for note in one.notes)
    for source, said in before.items():
        left = after.pop(source, [])
        unread = iter(said)
        assert all(number in unread for number in left), "doubled, or out of order"
        assert left == said or lost
    assert after == {}


@given(SEQUENCES, st.booleans())
def test_a_part_holds_what_one_part_said(events: list[Event], interleave: bool) -> None:  # noqa: FBT001 - drawn
    out, _ = run(events, interleave=interleave)
    for number in {event.index for event in out if isinstance(event, PartStarted)}:
        mine = tokens(event for event in out if isinstance(event, Delta) and event.index == number)
        assert len({source.split(".")[0] for source in mine}) <= 1


@given(SEQUENCES, st.booleans(), st.data())
def test_a_cut_is_no_success_unless_the_end_was_said(
    events: list[Event],
    interleave: bool,  # noqa: FBT001 - drawn
    data: st.DataObject,
) -> None:
    prefix = events[: data.draw(st.integers(0, len(events)))]
    out, one = run(prefix, interleave=interleave, cut=True)
    assert_legal(out, interleave=interleave)
    if isinstance(out[-1], Ended) and Ended() not in prefix:
        last = max(at for at, event in enumerate(prefix) if isinstance(event, Finished))
        assert not any(
            isinstance(event, PartStarted) or (isinstance(event, Delta) and event.text) for event in prefix[last:]
        )
        assert "end-missing" not in codes(one)
        assert "ended-missing" in codes(one)


@given(legal(), st.data())
def test_a_prefix_of_a_legal_stream_ends_as_it_must(events: list[Event], data: st.DataObject) -> None:
    assume(isinstance(events[-1], Ended))
    length = data.draw(st.integers(0, len(events)))
    out, one = run(events[:length], cut=data.draw(st.booleans()))
    if length >= len(events) - 1:
        assert out == events
        assert codes(one) == ({"ended-missing"} if length < len(events) else set())
    else:
        assert out[:-1] == events[:length]
        assert isinstance(out[-1], Failed)
        assert codes(one) & NOT_DONE


@given(SEQUENCES, st.booleans(), st.booleans())
def test_a_failure_closes_no_part(events: list[Event], interleave: bool, cut: bool) -> None:  # noqa: FBT001 - drawn
    """A part that is closed tells the client that it is whole; only the provider, or another part, says so."""
    one = Sequencer(interleave=interleave)
    steps = [one.feed(event) for event in events if not isinstance(event, PartEnded | PartStarted)]
    for out in [*steps, one.close(cut=cut)]:
        if out and isinstance(out[-1], Failed):
            assert not any(isinstance(event, PartEnded) for event in out)


@given(SEQUENCES)
def test_the_last_usage_is_all_that_was_said(events: list[Event]) -> None:
    out, _ = run(events)
    said = Usage()
    for event in events:
        if isinstance(event, Ended | Failed):
            break
        if isinstance(event, UsageSeen):
            said = said.then(event.usage)
    told = [event.usage for event in out if isinstance(event, UsageSeen)]
    if "sequencer.after-end-lost" not in {note.short for note in run(events)[1].notes}:
        assert (told[-1] if told else Usage()) == said


@given(SEQUENCES, st.booleans())
def test_the_same_input_gives_the_same_output(events: list[Event], interleave: bool) -> None:  # noqa: FBT001 - drawn
    first, one = run(events, interleave=interleave, seed="s")
    second, other = run(events, interleave=interleave, seed="s")
    assert first == second
    assert one.notes == other.notes


# --- transcripts ------------------------------------------------------------------------------------------------------


def text(index: int, *pieces: str) -> list[Event]:
    return [PartStarted(index, "text"), *(Delta(index, "text", piece) for piece in pieces), PartEnded(index)]


def call(index: int, id_: str = "c1", name: str = "look", body: str = "{}") -> list[Event]:
    return [PartStarted(index, "tool_use", id_, name), Delta(index, "json", body), PartEnded(index)]


def test_the_second_of_two_open_calls_waits_for_the_end_of_the_first() -> None:
    one = Sequencer()
    first, second = call(0), call(1, "c2")
    assert one.feed(START) == [START]
    assert one.feed(first[0]) == [first[0]]
    assert one.feed(second[0]) == []
    assert one.feed(second[1]) == []
    assert one.feed(first[1]) == [first[1]]
    assert one.feed(second[2]) == []
    assert one.feed(first[2]) == [first[2], *second]
    assert one.feed(DONE[0]) == []
    assert one.feed(DONE[1]) == DONE
    assert codes(one) == {"part-overlaps"}


def test_pieces_that_wait_leave_as_one() -> None:
    out, _ = run([START, *call(0)[:2], PartStarted(1, "tool_use", "c2", "n"), *[Delta(1, "json", "1")] * 3, *DONE])
    assert out[3:] == [
        PartEnded(0),
        PartStarted(1, "tool_use", "c2", "n"),
        Delta(1, "json", "111"),
        PartEnded(1),
        *DONE,
    ]


def test_line_ends_that_wait_stay_as_they_are() -> None:
    out, _ = run([START, *call(0)[:2], *text(1, "a\r", "\nb\r\n", "\r\ud800"), PartEnded(0), *DONE])
    assert Delta(1, "text", "a\r\nb\r\n\r\ud800") in out


def test_text_is_not_kept_waiting_by_text() -> None:
    one = Sequencer()
    assert one.feed(START) == [START]
    assert one.feed(PartStarted(0, "thinking", "rs_1")) == [PartStarted(0, "thinking", "rs_1")]
    assert one.feed(PartStarted(1, "text")) == [PartEnded(0), PartStarted(1, "text")]
    assert one.feed(Delta(0, "thinking", "hm")) == [
        PartEnded(1),
        PartStarted(2, "thinking"),
        Delta(2, "thinking", "hm"),
    ]
    assert one.feed(Delta(0, "signature", "of the whole")) == []
    assert one.feed(PartEnded(1)) == []
    assert one.feed(PartEnded(0)) == [PartEnded(2)]
    assert codes(one) == {"part-overlaps", "part-split", "index-changed", "detail-late"}


def test_a_torn_part_gets_no_signature_even_where_its_numbers_meet_again() -> None:
    out, one = run(
        [START, PartStarted(2, "thinking"), *text(1, "x"), Delta(2, "thinking", "y"), Delta(2, "signature", "s")]
    )
    assert PartStarted(2, "thinking") in out
    assert not any(isinstance(event, Delta) and event.kind == "signature" for event in out)
    assert "detail-late" in codes(one)


def test_a_call_gets_the_name_that_comes_late_and_an_id_that_is_minted() -> None:
    out, one = run(
        [START, Delta(0, "json", '{"a"'), PartStarted(0, "tool_use"), PartStarted(0, "tool_use", name="n"), *DONE[:0]],
        seed="s",
    )
    started = out[1]
    assert isinstance(started, PartStarted)
    assert (started.index, started.kind, started.name) == (0, "tool_use", "n")
    assert re.fullmatch(r"call_[0-9a-f]{24}", started.id)
    assert out[2] == Delta(0, "json", '{"a"')
    assert {"name-late", "id-missing", "part-missing"} < codes(one)
    other, _ = run([START, PartStarted(0, "tool_use", name="n")], seed="t")
    assert isinstance(other[1], PartStarted)
    assert other[1].id != started.id


def test_calls_of_one_index_are_told_apart_by_id_or_name() -> None:
    out, one = run([START, *call(0)[:2], *call(0, "c2")[:2], *call(0, "c2", "other"), *DONE])
    started = [event for event in out if isinstance(event, PartStarted)]
    assert [(event.index, event.id, event.name) for event in started] == [
        (0, "c1", "look"),
        (1, "c2", "look"),
        (2, "c2", "other"),
    ]
    assert "index-reused" in codes(one)
    assert [event for event in out if isinstance(event, Delta)] == [Delta(number, "json", "{}") for number in range(3)]
    ends = [at for at, event in enumerate(out) if isinstance(event, PartEnded)]
    assert [type(out[at + 1]) for at in ends] == [PartStarted, PartStarted, Finished], "each ends before the next"


def test_each_opaque_start_is_a_part() -> None:
    out, _ = run([START, PartStarted(0, "opaque", extra="1"), PartStarted(0, "opaque", extra="2"), *DONE])
    assert [event.extra for event in out if isinstance(event, PartStarted)] == ["1", "2"]


def test_what_a_nameless_start_said_is_kept_for_the_one_with_the_name() -> None:
    late = PartStarted(0, "tool_use", "", "n")
    out, _ = run([START, PartStarted(0, "tool_use", "c1", extra="{}"), late, PartEnded(0), *DONE])
    assert out[1] == PartStarted(0, "tool_use", "c1", "n", "{}")
    out, _ = run([START, PartStarted(0, "tool_use"), PartStarted(0, "tool_use", "c2", "n", "1"), PartEnded(0), *DONE])
    assert out[1] == PartStarted(0, "tool_use", "c2", "n", "1")


def test_a_call_without_a_name_is_no_success() -> None:
    out, one = run([START, PartStarted(0, "tool_use", "c1"), Delta(0, "json", "{}"), *DONE])
    assert [type(event) for event in out] == [Started, Failed]
    assert {"name-missing", "held-lost"} < codes(one)


def test_a_call_without_a_name_is_not_forgotten_for_the_next_at_its_index() -> None:
    nameless: list[Event] = [START, PartStarted(0, "tool_use", "c1"), Delta(0, "json", "{}")]
    out, one = run([*nameless, *call(0, "c2"), *DONE])
    assert out == [START, Failed("upstream", CODES["name-missing"][1])]
    assert {"name-missing", "held-lost"} < codes(one)


def test_a_number_is_not_taken_for_an_index() -> None:
    out, _ = run([START, PartStarted(7, "text"), Delta(7, "text", "a"), Delta(0, "text", "b"), *DONE], interleave=True)
    assert [event for event in out if isinstance(event, Delta)] == [Delta(0, "text", "a"), Delta(1, "text", "b")]


def test_a_stop_reason_with_a_part_open_and_no_end_is_a_cut() -> None:
    out, one = run([START, *text(0, "a")[:2], DONE[0]], cut=True)
    assert out == [START, *text(0, "a")[:2], Failed("upstream", CODES["cut"][1])]
    assert codes(one) == {"cut", "finish-lost"}


def test_a_piece_behind_the_stop_reason_makes_a_cut_a_cut_and_an_empty_one_does_not() -> None:
    start, _, end = text(0, "a")
    assert isinstance(run([START, start, DONE[0], Delta(0, "text", "b"), end], cut=True)[0][-1], Failed)
    assert run([START, start, DONE[0], Delta(0, "text", ""), end], cut=True)[0][-2:] == DONE


def test_a_stop_reason_that_is_an_error_is_a_failure_at_the_end_of_the_bytes() -> None:
    out, one = run([START, Finished("error")])
    assert out == [START, Failed("upstream", CODES["told-error"][1])]
    assert codes(one) == {"told-error", "finish-lost"}


def test_nothing_but_text_opens_a_paused_part_again() -> None:
    paused = [START, *text(0, "a")[:2], *text(1, "b")]
    out, one = run([*paused, Delta(0, "text", ""), Delta(0, "citation", "{}"), *DONE])
    assert out == [START, *text(0, "a"), *text(1, "b"), *DONE]
    assert {"delta-empty", "detail-late"} < codes(one)


def test_text_that_waited_does_not_keep_a_call_waiting() -> None:
    one = Sequencer()
    first, second = call(0), call(2, "c2")
    for event in [START, *first[:2], PartStarted(1, "text"), Delta(1, "text", "a"), *second[:2]]:
        one.feed(event)
    assert one.feed(first[2]) == [first[2], *text(1, "a"), *second[:2]]
    assert one.feed(Delta(2, "json", " ")) == [Delta(2, "json", " ")]
    assert one.feed(Delta(1, "text", "b")) == []
    assert one.feed(second[2]) == [second[2], PartStarted(3, "text"), Delta(3, "text", "b")]


def test_pieces_that_stand_for_themselves_wait_apart() -> None:
    pieces = [Delta(1, "text", "a"), Delta(1, "citation", "1"), Delta(1, "citation", "2"), Delta(1, "text", "b")]
    out, _ = run([START, *call(0)[:2], PartStarted(1, "text"), *pieces, PartEnded(0), PartEnded(1), *DONE])
    assert [event for event in out if isinstance(event, Delta)] == [call(0)[1], *pieces]


def test_more_input_for_a_call_that_has_ended_is_told_as_lost() -> None:
    assert codes(run(EXAMPLES["input-late"])[1]) == {"input-late", "held-lost"}


def test_a_late_id_belongs_to_the_call_whose_id_was_minted() -> None:
    out, one = run([START, PartStarted(0, "tool_use", "", "n"), *call(0, "late", "n"), *DONE])
    assert sum(isinstance(event, PartStarted) for event in out) == 1
    assert "part-again" in codes(one)


def test_usage_that_comes_in_pieces_and_late_is_whole_before_the_stop_reason() -> None:
    out, one = run([START, UsageSeen(Usage(9, 4)), DONE[0], UsageSeen(Usage(output=5)), Alive(), DONE[1]])
    assert out == [START, UsageSeen(Usage(9, 4)), UsageSeen(Usage(9, 4, output=5)), Alive(), *DONE]
    assert one.notes == []


def test_content_behind_the_stop_reason_is_kept_and_makes_a_cut_a_cut() -> None:
    events = [START, *text(0, "a"), DONE[0], *text(1, "b")]
    out, one = run([*events, DONE[1]])
    assert out == [START, *text(0, "a"), *text(1, "b"), *DONE]
    assert codes(one) == {"after-finish"}
    out, one = run(events, cut=True)
    assert isinstance(out[-1], Failed)
    assert Finished("end_turn") not in out


def test_an_error_behind_the_stop_reason_is_an_error() -> None:
    out, one = run([START, *text(0, "a"), DONE[0], Failed("overloaded", "busy")])
    assert out == [START, *text(0, "a"), Failed("overloaded", "busy")]
    assert codes(one) == {"finish-lost"}


def test_an_end_without_a_stop_reason_gets_the_one_that_fits() -> None:
    assert run([START, *text(0, "a"), Ended()])[0][-2] == Finished("end_turn")
    assert run([START, *call(0), Ended()])[0][-2] == Finished("tool_use")


@pytest.mark.parametrize("interleave", (False, True))
def test_what_is_held_is_bounded(interleave: bool) -> None:  # noqa: FBT001 - a parameter of the table
    one = Sequencer(interleave=interleave)
    one.feed(START)
    piece = Delta(0, "json", "x" * 65536)
    out = [given for _ in range(HELD // 65536 + 1) for given in one.feed(piece)]
    assert [type(event) for event in out] == [Failed]
    assert {"too-much", "held-lost"} < codes(one)


@pytest.mark.parametrize("interleave", (False, True))
@pytest.mark.parametrize(
    "kind", ("parts", "nameless", "ends", "details", "strangers", "text", "ids", "extras", "calls", "queue")
)
def test_memory_is_bounded(kind: str, interleave: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001 - a parameter of the table
    """Whatever comes again and again, what is kept stays below the bound, or the stream fails."""
    monkeypatch.setattr(sequencer, "HELD", 20_000)
    one = Sequencer(interleave=interleave)
    one.feed(START)
    makers: dict[str, Any] = {
        "parts": lambda n: text(n, "x"),
        "nameless": lambda n: [PartStarted(n, "tool_use")],
        "ends": lambda n: [PartEnded(n)],
        "details": lambda _: [Delta(0, "citation", "{}"), PartEnded(0)],
        "strangers": lambda _: [Stranger("x", "y" * 999), Alive(), UsageSeen(Usage(1))],
        "text": lambda _: [Delta(0, "text", "x" * 100), Delta(1, "thinking", "y" * 100)],
        "ids": lambda n: [PartStarted(n, "tool_use", "i" * 999, "n" * 999)],
        "extras": lambda n: [PartStarted(n, "opaque", extra="e" * 999)],
        "calls": lambda n: [PartStarted(0, "tool_use", f"{n}", "n" * 999), PartEnded(0)],
        "queue": lambda n: [
            *call(0, f"{n}")[:2],
            PartStarted(1, "tool_use", f"{n}", "n" * 999),
            *map(PartEnded, (1, 0)),
        ],
    }
    for number in range(300):
        for event in makers[kind](number):
            one.feed(event)
        parts = [part for same in one._parts.values() for part in same]
        kept = sum(
            len(part.id + part.name + part.extra) + sum(len(run.getvalue()) for _, run in part.runs) for part in parts
        )
        assert kept <= 20_000 + 2000
        assert len(one._ended) + len(parts) + len(one._queue) <= 2 * 20_000 // 256
        assert len(one.notes) <= len(CODES)
    assert one.over == (kind in {"parts", "nameless", "ids", "extras"})


def test_a_long_healthy_stream_keeps_nothing() -> None:
    one = Sequencer()
    one.feed(START)
    one.feed(PartStarted(0, "text"))
    kept = one._kept
    for _ in range(1000):
        assert len(one.feed(Delta(0, "text", "x" * HELD))) == 1
    assert one._kept == kept


# One example of each code. What it must leave of the code's notes is the code itself.
EXAMPLES: dict[str, list[Event]] = {
    "started-missing": text(0, "a"),
    "started-id": [Started("", "m")],
    "started-model": [Started("r", "")],
    "started-again": [START, Started("r2", "m")],
    "part-missing": [START, Delta(0, "refusal", "no")],
    "part-again": [START, *text(0)[:1], *text(0)],
    "index-reused": [START, *call(0)[:2], *call(0, "c2")],
    "index-changed": [START, *text(7, "a")],
    "id-missing": [START, *call(0, "")],
    "name-late": [START, PartStarted(0, "tool_use", "c1"), PartStarted(0, "tool_use", "", "n")],
    "part-overlaps": [START, *text(0)[:1], *text(1)],
    "part-split": [START, *text(0, "a"), Delta(0, "text", "b")],
    "end-missing": [START, *text(0, "a")[:2], *DONE],
    "end-unknown": [START, PartEnded(0)],
    "delta-empty": [START, Delta(0, "json", "")],
    "detail-late": [START, PartStarted(0, "thinking"), PartEnded(0), Delta(0, "signature", "s")],
    "after-finish": [START, *text(0, "a")[:2], DONE[0], PartEnded(0)],
    "finish-again": [START, Finished("tool_use"), *DONE],
    "finish-missing": [START, Ended()],
    "ended-missing": [START, DONE[0]],
    "after-end": [START, *DONE, Ended(), Alive(), PartEnded(0), Delta(0, "text", "")],
    "after-end-lost": [START, *DONE, Delta(0, "text", "x")],
    "held-lost": [START, *call(0)[:2], *text(1, "a"), Failed("overloaded", "")],
    "finish-lost": [START, DONE[0], Failed("overloaded", "")],
    "empty": [Ended()],
    "cut": [START],
    "early": [START, *text(0, "a")],
    "told-error": [START, *call(0)[:2], Finished("error"), Ended()],
    "name-missing": [START, PartStarted(0, "tool_use", "c1"), PartEnded(0)],
    "input-late": [START, *call(0), Delta(0, "json", "{}")],
    "too-much": [START, Delta(0, "json", "x" * (HELD + 1))],
}


@pytest.mark.parametrize("code", CODES)
def test_each_code_is_told_with_its_place(code: str) -> None:
    out, one = run(EXAMPLES[code], cut=code == "cut")
    assert_legal(out, interleave=False)
    (note,) = [note for note in one.notes if note.short == f"sequencer.{code}"]
    kind, what, why = CODES[code]
    assert note.kind == kind
    assert note.what.startswith(what)
    assert note.why == why
    assert re.fullmatch(r"(/parts/\d+)?", note.where)
    failed = {other for other in codes(one) if CODES[other][0] == "failed"}
    if kind == "failed":
        assert failed == {code}
        assert out[-1] == Failed("upstream", what)
        assert not any(isinstance(event, Finished | Ended) for event in out)


def test_the_failures_that_leave_a_call_open_leave_it_open() -> None:
    assert not any(isinstance(event, PartEnded) for event in run(EXAMPLES["told-error"])[0])


def test_a_note_counts_and_keeps_the_first_place() -> None:
    _, one = run([START, PartEnded(4), PartEnded(5), PartEnded(6), *DONE])
    (note,) = one.notes
    assert note.where == "/parts/4"
    assert note.what.endswith("(and 2 more)")


def test_only_content_is_lost_behind_the_end() -> None:
    assert codes(run(EXAMPLES["after-end"])[1]) == {"after-end"}


def test_codes_and_examples_are_the_same() -> None:
    assert set(EXAMPLES) == set(CODES)
