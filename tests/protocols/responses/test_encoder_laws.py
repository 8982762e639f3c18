"""protocols/responses/encoder.py: what clients read of it, and laws over any legal events."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracles import Served, verdict
from tests.protocols.responses.encode_kit import ASKED, ORIGIN, OWN, START, check, marked, part, reply, written
from tests.protocols.responses.kit import judge
from tests.protocols.responses.mend_kit import codex, documents
from tests.test_sequencer import legal
from wiremend.events import Delta, DeltaKind, Ended, Event, Finished, PartEnded, PartKind, PartStarted, UsageSeen
from wiremend.message import Usage
from wiremend.protocols.codec import Telling
from wiremend.protocols.responses.decoder import ResponsesDecoder
from wiremend.protocols.responses.encoder import ResponsesEncoder
from wiremend.sse import EventParser

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wiremend.message import StopReason


def test_clients_read_what_was_said() -> None:
    events = reply(
        part(0, "thinking", ("thinking", "hm"), ("signature", "s"), extra=marked("messages")),
        part(1, "text", ("text", "Hel"), ("text", "lo")),
        part(2, "tool_use", ("json", '{"city":'), ("json", '"Ulm"}'), id="call_1", name="get_weather"),
        part(3, "tool_use", ("json", '{"city":"Bonn"}'), id="call_2", name="get_weather"),
        reason="tool_use",
    )
    raw, _ = written(events)
    calls = (("get_weather", {"city": "Ulm"}), ("get_weather", {"city": "Bonn"}))
    for oracle in ("openai-py/responses", "codex"):
        read = verdict(oracle, Served(raw))
        assert (read.ok, read.text, read.tools, read.usage) == (True, "Hello", calls, (11, 7)), (oracle, read)
    assert codex(raw) == [
        ("reasoning", None, None, [], ["hm"]),
        ("message", None, None, [("output_text", "Hello")], []),
        ("function_call", "get_weather", '{"city":"Ulm"}', [], []),
        ("function_call", "get_weather", '{"city":"Bonn"}', [], []),
    ]


def test_a_piece_costs_the_same_however_much_was_said_before() -> None:
    encoder = ResponsesEncoder(Telling(ORIGIN, ASKED))
    begun: list[Event] = [START, PartStarted(0, "text")]
    ending: list[Event] = [PartEnded(0), Finished("end_turn"), Ended()]
    assert all(map(encoder.feed, begun))
    sizes = {len(encoder.feed(Delta(0, "text", "12345678"))) for _ in range(5000)}
    assert max(sizes) - min(sizes) <= 3, "but for the digits of the number"
    ended = documents(b"".join(map(encoder.feed, ending)))
    assert ended[0]["text"] == "12345678" * 5000
    assert ended[-1]["response"]["output"][0]["content"][0]["text"] == "12345678" * 5000


def said(events: Iterable[Event]) -> list[tuple[str, str]]:
    """Gather the text of each part that this wire can write."""
    found: dict[int, tuple[str, str]] = {}
    for event in events:
        if isinstance(event, PartStarted) and event.kind not in {"opaque", "redacted"}:
            found[event.index] = (event.kind, "")
        elif isinstance(event, Delta) and event.kind in {"text", "thinking", "refusal", "json", "input"}:
            kind, before = found[event.index]
            found[event.index] = (kind, before + event.text)
    return [entry for entry in found.values() if entry[1]]


def decoded(raw: bytes) -> list[Event]:
    decoder = ResponsesDecoder()
    found = [event for block in EventParser().feed(raw) if block.data for event in decoder.feed(block.data)]
    assert decoder.mends == []
    return found


@settings(max_examples=150)
@given(st.booleans().flatmap(lambda interleave: legal(interleave=interleave)))
def test_whatever_is_legal_is_a_legal_stream_that_says_the_same(events: list[Event]) -> None:
    raw, _ = written(events)
    check(raw)
    again = decoded(raw)
    given = [entry if entry[0] != "tool_use" or entry[1] != "{}" else (entry[0], "") for entry in said(again)]
    assert [entry for entry in given if entry[1]] == said(events)
    assert type(again[-1]) is type(events[-1])


WORDS: Final = st.text(st.characters(codec="utf-8"), min_size=1, max_size=5)


@st.composite
def replies(draw: st.DrawFn) -> list[Event]:
    """Draw a reply as this wire's decoder gives it."""
    events: list[Event] = [START]
    kinds: list[PartKind] = []
    for index in range(draw(st.integers(0, 4))):
        kind = draw(
            st.sampled_from(("text", "refusal", "thinking", "redacted", "tool_use", "custom_tool_use", "opaque"))
        )
        kinds.append(cast("PartKind", kind))
        events += draw(_parts(index, cast("PartKind", kind)))
    called = not {"tool_use", "custom_tool_use"}.isdisjoint(kinds)
    reason: StopReason = "tool_use" if called else "refusal" if "refusal" in kinds else "end_turn"
    counts = [draw(st.integers(0, 9)) for _ in range(5)]
    cut: tuple[StopReason, ...] = ("max_tokens", "content_filter")
    return [*events, UsageSeen(Usage(*counts)), Finished(draw(st.sampled_from((reason, *cut)))), Ended()]


@st.composite
def _parts(draw: st.DrawFn, index: int, kind: PartKind) -> list[Event]:
    start: dict[str, str] = {"id": f"id_{index}"}
    pieces: list[tuple[DeltaKind, str]] = []
    proof: list[tuple[DeltaKind, str]] = [("encrypted", draw(WORDS))]
    match kind:
        case "text":
            notes = st.sampled_from([json.dumps(note, separators=(",", ":")) for note in OWN])
            kinds: tuple[DeltaKind, DeltaKind] = ("text", "citation")
            piece = st.tuples(st.just(kinds[0]), WORDS) | st.tuples(st.just(kinds[1]), notes)
            pieces = draw(st.lists(piece, max_size=4))
        case "refusal":
            pieces = draw(st.lists(st.tuples(st.just("refusal"), WORDS), max_size=3))
        case "thinking":
            pieces = draw(st.lists(st.tuples(st.just("thinking"), WORDS), min_size=1, max_size=3))
            pieces += draw(st.sampled_from((proof, [])))
            start["extra"] = f'{{"wire":"responses","field":"{draw(st.sampled_from(("summary", "content")))}"}}'
        case "redacted":
            pieces, start["extra"] = proof, '{"wire":"responses"}'
        case "tool_use" | "custom_tool_use":
            field: DeltaKind = "json" if kind == "tool_use" else "input"
            pieces = draw(st.lists(st.tuples(st.just(field), WORDS), min_size=1, max_size=3))
            start["name"] = draw(WORDS)
        case _:
            start["extra"] = f'{{"type":"web_search_call","id":"id_{index}","status":"completed"}}'
    return part(index, kind, *pieces, **start)


@settings(max_examples=150)
@given(replies())
def test_what_is_written_is_read_again_as_it_was(events: list[Event]) -> None:
    raw, encoder = written(events)
    assert judge(raw)[0] == []
    assert encoder.mends == []
    assert decoded(raw) == events
