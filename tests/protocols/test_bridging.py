"""Tools that went by another name or form on the far side, on their way back to the client."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiremend.events import (
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
    UsageSeen,
)
from wiremend.message import Usage
from wiremend.protocols.bridging import HEAD, Bridging
from wiremend.protocols.codec import Bridge
from wiremend.sequencer import HELD, Sequencer

if TYPE_CHECKING:
    from collections.abc import Iterable

BRIDGES: Final = {
    "apply_patch": Bridge("apply_patch", "custom"),
    "note_1a2b": Bridge("note/größe", "custom", argument="text"),
    "mcp_files_read_9f": Bridge("mcp.files/read"),
    "local_shell": Bridge("local_shell", "local_shell"),
}
PATCH: Final = '*** Begin Patch\n*** Add File: "a b".txt\n+\t\\ grüße 😀\n*** End Patch\n'


def started(name: str, index: int = 0, ident: str = "call_1", **more: Any) -> PartStarted:  # noqa: ANN401 - kind, extra
    return PartStarted(index, more.pop("kind", "tool_use"), ident, name, **more)


def run(events: Iterable[Event], bridging: Bridging | None = None) -> list[Event]:
    bridging = bridging or Bridging(BRIDGES)
    return [one for event in events for one in bridging.feed(event)]


def call(*pieces: str, name: str = "apply_patch") -> tuple[str, list[tuple[str, str]]]:
    """Give the input that a client gets for these pieces of arguments, and what was noted."""
    bridging = Bridging(BRIDGES)
    out = run([started(name), *(Delta(0, "json", piece) for piece in pieces), PartEnded(0)], bridging)
    assert out[0] == PartStarted(0, "custom_tool_use", "call_1", BRIDGES[name].name)
    assert out[-1] == PartEnded(0)
    text = ""
    for delta in out[1:-1]:
        assert isinstance(delta, Delta)
        assert delta.kind == "input"
        assert delta.text
        text += delta.text
    return text, [(mend.kind, mend.code) for mend in bridging.mends]


# --- names ------------------------------------------------------------------------------------------------------------


def test_a_function_gets_its_name_back_and_keeps_its_arguments() -> None:
    events: list[Event] = [
        Started("r", "m"),
        started("mcp_files_read_9f"),
        Delta(0, "json", '{"path":'),
        Delta(0, "json", '"a"}'),
        PartEnded(0),
    ]
    assert run(events) == [events[0], PartStarted(0, "tool_use", "call_1", "mcp.files/read"), *events[2:]]


def test_what_has_no_bridge_passes_as_the_very_object_that_came() -> None:
    events: list[Event] = [
        Started("r", "m"),
        PartStarted(0, "text"),
        Delta(0, "text", "hi"),
        PartEnded(0),
        started("other", 1),
        Delta(1, "json", '{"input":"x"}'),
        PartEnded(1),
        started("local_shell", 2),
        PartEnded(2),
        UsageSeen(Usage(1)),
        Alive(),
        Finished("tool_use"),
        Ended(),
    ]
    assert all(out is event for out, event in zip(run(events), events, strict=True))


def test_a_custom_call_of_the_far_side_is_only_renamed() -> None:
    bridging = Bridging({"note_1": Bridge("note")})
    events: list[Event] = [started("note_1", kind="custom_tool_use"), Delta(0, "input", '{"input":"x"}'), PartEnded(0)]
    assert run(events, bridging) == [PartStarted(0, "custom_tool_use", "call_1", "note"), *events[1:]]


def test_a_name_that_comes_late_decides_then() -> None:
    events: list[Event] = [
        started(""),
        Delta(0, "json", '{"input":'),
        Delta(0, "json", '"a'),
        started("apply_patch", ident="", extra='{"x":1}'),
        Delta(0, "json", 'b"}'),
        PartEnded(0),
    ]
    assert run(events) == [
        PartStarted(0, "custom_tool_use", "call_1", "apply_patch", '{"x":1}'),
        Delta(0, "input", "a"),
        Delta(0, "input", "b"),
        PartEnded(0),
    ]


def test_an_id_that_comes_between_is_kept() -> None:
    out = run([started("", ident=""), started("", ident="call_7"), started("other", ident=""), PartEnded(0)])
    assert out == [started("other", ident="call_7"), PartEnded(0)]


def test_a_call_that_never_gets_a_name_leaves_as_it_came() -> None:
    events: list[Event] = [started(""), Delta(0, "json", "{"), Delta(0, "json", "}"), PartEnded(0)]
    assert run(events) == events
    assert run([*events[:-1], Finished("tool_use")]) == [*events[:-1], Finished("tool_use")]


def test_a_call_without_a_name_is_not_held_without_bounds() -> None:
    piece = Delta(0, "json", "x" * (HELD // 4))
    bridging = Bridging(BRIDGES)
    events: list[Event] = [started(""), *[piece] * 5]
    out = [bridging.feed(event) for event in events]
    assert [len(some) for some in out] == [0, 0, 0, 0, 5, 1]


def test_the_next_call_at_the_same_index_is_another() -> None:
    events: list[Event] = [
        started("apply_patch"),
        Delta(0, "json", '{"input":"a'),
        started("apply_patch", ident="call_2"),
        Delta(0, "json", '{"input":"b"}'),
        started("", ident="call_3"),
        Delta(0, "json", "{}"),
        started("other", ident="call_3"),
        PartEnded(0),
    ]
    bridging = Bridging(BRIDGES)
    assert run(events, bridging) == [
        PartStarted(0, "custom_tool_use", "call_1", "apply_patch"),
        Delta(0, "input", "a"),
        PartStarted(0, "custom_tool_use", "call_2", "apply_patch"),
        Delta(0, "input", "b"),
        started("other", ident="call_3"),
        Delta(0, "json", "{}"),
        PartEnded(0),
    ]
    assert [mend.code for mend in bridging.mends] == ["bridge.cut"]


@pytest.mark.parametrize(("name", "ident"), (("apply_patch", "call_1"), ("", ""), ("apply_patch", ""), ("", "call_1")))
def test_a_call_that_begins_twice_goes_on(name: str, ident: str) -> None:
    again: list[Event] = [
        started("apply_patch"),
        Delta(0, "json", '{"input":"a'),
        started(name, ident=ident),
        Delta(0, "json", 'b"}'),
        PartEnded(0),
    ]
    out = run(again)
    assert [one.text for one in out if isinstance(one, Delta)] == ["a", "b"]
    assert [one.kind for one in out if isinstance(one, PartStarted)] == ["custom_tool_use"] * 2


def test_a_call_of_another_kind_is_another() -> None:
    out = run([started("apply_patch"), Delta(0, "json", '{"input":"a'), started("apply_patch", kind="custom_tool_use")])
    assert out[1:] == [Delta(0, "input", "a"), started("apply_patch", kind="custom_tool_use")]
    bare = started("", kind="custom_tool_use")
    assert run([started(""), bare]) == [started(""), bare]


# --- the input of a custom tool ---------------------------------------------------------------------------------------


def test_the_input_comes_as_text() -> None:
    assert call(json.dumps({"input": PATCH})) == (PATCH, [])
    assert call(json.dumps({"input": PATCH}, ensure_ascii=False, indent=2)) == (PATCH, [])
    assert call('{"text":"x"}', name="note_1a2b") == ("x", [])


def test_it_comes_as_it_is_said() -> None:
    bridging = Bridging(BRIDGES)
    pieces = ['{"in', 'put": "', "ab", "\\", "nc", "\\ud83d\\u", "de00", '"', "}"]
    events: list[Event] = [started("apply_patch"), *(Delta(0, "json", piece) for piece in pieces)]
    out = [bridging.feed(event) for event in events]
    texts = [[one.text for one in some if isinstance(one, Delta)] for some in out[1:]]
    assert texts == [[], [], ["ab"], [], ["\nc"], [], ["😀"], [], []]


@given(
    text=st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('"\\/\n😀'), max_size=30),
    ascii_only=st.booleans(),
    indent=st.sampled_from((None, 1)),
    data=st.data(),
)
def test_cuts_do_not_matter(text: str, *, ascii_only: bool, indent: int | None, data: st.DataObject) -> None:
    arguments = json.dumps({"input": text}, ensure_ascii=ascii_only, indent=indent)
    cuts = data.draw(st.lists(st.integers(0, len(arguments)), max_size=8).map(sorted))
    pieces = [arguments[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(arguments)], strict=True)]
    assert call(*pieces) == (text, [])
    assert call(*arguments) == (text, [])


@pytest.mark.parametrize(
    ("arguments", "text", "told"),
    (
        ("*** Begin Patch", "*** Begin Patch", [("seen", "bridge.form")]),
        ('"just a string"', '"just a string"', [("seen", "bridge.form")]),
        ('{"patch":"x"}', '{"patch":"x"}', [("seen", "bridge.form")]),
        ('{"patch":"x","input":"y"}', '{"patch":"x","input":"y"}', [("seen", "bridge.form")]),
        ('{"input":5}', '{"input":5}', [("seen", "bridge.form")]),
        ('{"input":null}', '{"input":null}', [("seen", "bridge.form")]),
        ('{"inputs":"x"}', '{"inputs":"x"}', [("seen", "bridge.form")]),
        ("{}", "{}", [("seen", "bridge.form")]),
        ('{"inp', '{"inp', [("seen", "bridge.form")]),
        (" ", " ", []),
        ("", "", []),
        ('{"input":"x","why":"y"}', "x", [("lost", "bridge.more")]),
        ('{"input":"x"} and more', "x", [("lost", "bridge.more")]),
        ('{"input":"x"}\n ', "x", []),
        ('{"input":"x', "x", [("lost", "bridge.cut")]),
        ('{"input":"x\\', "x", [("lost", "bridge.cut")]),
        ('{"input":"x\\u00', "x", [("lost", "bridge.cut")]),
        ('{"input":"x"', "x", [("lost", "bridge.cut")]),
        ('{"input":"a\\qb"}', "a\\qb", [("lost", "bridge.escape")]),
        ('{"input":"a\\u12"}', "a\\u12", [("lost", "bridge.escape")]),
        ('{"input":"a\nb"}', "a\nb", []),
        ('{"input":"\\ud83d."}', "\ufffd.", [("lost", "bridge.surrogate")]),
        ('{"input":"\\ude00"}', "\ufffd", [("lost", "bridge.surrogate")]),
        ('{"input":"\\ud83d\\n"}', "\ufffd\n", [("lost", "bridge.surrogate")]),
        ('{"input":"\\ud83d\\u0041"}', "\ufffdA", [("lost", "bridge.surrogate")]),
        ('{"input":"\\ud83d\\ud83d\\ude00"}', "\ufffd😀", [("lost", "bridge.surrogate")]),
        ('{"input":"\\ud83d\\u00zz"}', "\ufffd\\u00zz", [("lost", "bridge.surrogate")]),
    ),
)
def test_arguments_that_are_no_such_object(arguments: str, text: str, told: list[tuple[str, str]]) -> None:
    assert call(arguments) == (text, told)
    assert call(*arguments) == (text, told)


def test_space_before_the_input_is_not_held_without_bounds() -> None:
    text, told = call("{", *[" " * 100] * (HEAD // 100 + 1), '"input":"x"}')
    assert text.startswith("{ ")
    assert text.endswith('"input":"x"}')
    assert told == [("seen", "bridge.form")]


def test_a_mend_says_of_which_part() -> None:
    bridging = Bridging(BRIDGES)
    run([started("apply_patch", 3), Delta(3, "json", "x"), Finished("tool_use"), Ended()], bridging)
    assert [(mend.pointer, mend.event) for mend in bridging.mends] == [("/parts/3", 0)]


def test_calls_that_overlap_are_kept_apart() -> None:
    events: list[Event] = [
        started("apply_patch", 0),
        started("mcp_files_read_9f", 1, "call_2"),
        started("note_1a2b", 2, "call_3"),
        Delta(0, "json", '{"input":"a'),
        Delta(2, "json", '{"text":"b'),
        Delta(1, "json", '{"input":"c"}'),
        Delta(0, "json", '\\n"}'),
        Delta(2, "json", '"}'),
        PartEnded(2),
        PartEnded(0),
        PartEnded(1),
    ]
    texts: dict[int, str] = {}
    for one in run(events):
        if isinstance(one, Delta):
            texts[one.index] = texts.get(one.index, "") + one.text
    assert texts == {0: "a\n", 1: '{"input":"c"}', 2: "b"}


@pytest.mark.parametrize("end", (Finished("tool_use"), Ended()))
def test_what_is_held_leaves_before_the_end(end: Event) -> None:
    out = run([started("apply_patch"), Delta(0, "json", '{"inp'), end])
    assert out[1:] == [Delta(0, "input", '{"inp'), end]


def test_a_failure_comes_at_once() -> None:
    failed = Failed("upstream", "cut")
    assert run([started("apply_patch"), Delta(0, "json", '{"inp'), failed])[-1] is failed


# --- any stream -------------------------------------------------------------------------------------------------------

INDEXES: Final = st.integers(0, 2)
EVENTS: Final[st.SearchStrategy[Event]] = st.one_of(
    st.builds(
        PartStarted,
        INDEXES,
        st.sampled_from(("tool_use", "tool_use", "custom_tool_use", "text")),
        st.sampled_from(("", "c1", "c2")),
        st.sampled_from(("", "apply_patch", "note_1a2b", "mcp_files_read_9f", "other")),
    ),
    st.builds(
        Delta, INDEXES, st.just("json"), st.sampled_from(('{"input":"', "a", "\\", "n", '"', "}", "", "\\ud83d"))
    ),
    st.builds(Delta, INDEXES, st.sampled_from(("text", "input")), st.just("t")),
    st.builds(PartEnded, INDEXES),
    st.builds(Finished, st.just("tool_use")),
    st.builds(Ended),
)


@given(events=st.lists(EVENTS, max_size=14))
def test_any_stream_gets_through_and_can_be_sequenced(events: list[Event]) -> None:
    bridging, sequencer, grammar = Bridging(BRIDGES), Sequencer(seed="s", model="m"), Grammar()
    out = [one for event in events for one in bridging.feed(event)]
    legal = [one for event in out for one in sequencer.feed(event)] + sequencer.close(cut=True)
    assert [fault for event in legal if (fault := grammar.fault(event))] == []
    calls = {one.name for one in out if isinstance(one, PartStarted) and one.kind != "text"}
    assert not calls & {"note_1a2b", "mcp_files_read_9f"}
