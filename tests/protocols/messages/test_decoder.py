"""messages/decoder.py: what the events of the wire say, from the bytes that Anthropic's documents show."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocols.messages.kit import (
    CALL,
    START,
    STOP,
    THINKING,
    begin,
    change,
    delta,
    end,
    piece,
    said,
    signed,
    stop,
    stream,
    thought,
)
from tests.protocols.turns import read
from wiremend.events import Alive, Delta, Ended, Event, Finished, PartEnded, PartStarted, Started, Stranger, UsageSeen
from wiremend.message import Usage
from wiremend.protocols.messages.decoder import REASONS, MessagesDecoder
from wiremend.protocols.messages.schema import STOP_REASONS
from wiremend.sequencer import Sequencer

if TYPE_CHECKING:
    from collections.abc import Iterable

type Json = dict[str, Any]

MARK = '{"wire":"messages"}'
EMPTY = {"type": "text", "text": ""}


def decoded(*events: Json) -> list[Event]:
    return read(MessagesDecoder(), stream(*events))


def inside(*events: Json) -> list[Event]:
    """Give what comes between the start and the end."""
    return decoded(START, *events)[2:]


def test_a_turn_of_text_is_told_event_by_event() -> None:
    assert decoded(START, {"type": "ping"}, begin(EMPTY), said("Hel"), said("lo"), stop(), end(), STOP) == [
        Started("msg_1", "lab-model"),
        UsageSeen(Usage(input=11, output=1)),
        Alive(),
        PartStarted(0, "text"),
        Delta(0, "text", "Hel"),
        Delta(0, "text", "lo"),
        PartEnded(0),
        UsageSeen(Usage(input=11, output=7)),
        Finished("end_turn"),
        Ended(),
    ]


def test_each_event_is_told_at_once() -> None:
    decoder = MessagesDecoder()
    assert [type(event) for event in decoder.feed(json.dumps(START).encode())] == [Started, UsageSeen]
    assert [type(event) for event in decoder.feed(json.dumps(begin(EMPTY)).encode())] == [PartStarted]
    assert [type(event) for event in decoder.feed(json.dumps(said("x")).encode())] == [Delta]


def test_thinking_has_its_signature_and_says_whose_it_is() -> None:
    assert inside(begin(THINKING), thought("Hm"), signed("c2ln"), stop()) == [
        PartStarted(0, "thinking", extra=MARK),
        Delta(0, "thinking", "Hm"),
        Delta(0, "signature", "c2ln"),
        PartEnded(0),
    ]


def test_redacted_thinking_is_whole_in_its_start() -> None:
    assert inside(begin({"type": "redacted_thinking", "data": "EmwK"}), stop()) == [
        PartStarted(0, "redacted", extra=MARK),
        Delta(0, "encrypted", "EmwK"),
        PartEnded(0),
    ]


def test_the_input_of_a_call_comes_in_pieces_and_empty_ones_are_not_told() -> None:
    assert inside(begin(CALL), piece(""), piece('{"city":'), piece('"Paris"}'), stop()) == [
        PartStarted(0, "tool_use", "toolu_1", "weather"),
        Delta(0, "json", '{"city":'),
        Delta(0, "json", '"Paris"}'),
        PartEnded(0),
    ]


@pytest.mark.parametrize("given", ({}, None))
def test_a_call_without_input_has_no_pieces(given: object) -> None:
    assert inside(begin({**CALL, "input": given}), stop()) == [
        PartStarted(0, "tool_use", "toolu_1", "weather"),
        PartEnded(0),
    ]


def test_what_a_start_brings_is_told_as_pieces() -> None:
    (begun, whole) = inside(begin({**CALL, "input": {"city": "Paris"}}))
    assert begun == PartStarted(0, "tool_use", "toolu_1", "weather")
    assert isinstance(whole, Delta)
    assert whole.kind == "json"
    assert json.loads(whole.text) == {"city": "Paris"}
    assert inside(begin({"type": "text", "text": "Hi", "citations": [{"type": "char_location"}]})) == [
        PartStarted(0, "text"),
        Delta(0, "text", "Hi"),
        Delta(0, "citation", '{"type":"char_location"}'),
    ]
    assert inside(begin({"type": "thinking", "thinking": "Hm", "signature": "s"})) == [
        PartStarted(0, "thinking", extra=MARK),
        Delta(0, "thinking", "Hm"),
        Delta(0, "signature", "s"),
    ]


def test_a_call_that_message_start_has_already_is_a_whole_part() -> None:
    """Programmatic tool calls do so (types/raw_message_start_event.py)."""
    first = change(START, "message", "content", to=[{**CALL, "input": {"a": 1}}])
    events = decoded(first)
    assert events[0] == Started("msg_1", "lab-model")
    assert events[1] == PartStarted(0, "tool_use", "toolu_1", "weather")
    assert isinstance(events[2], Delta)
    assert json.loads(events[2].text) == {"a": 1}
    assert events[3] == PartEnded(0)


def test_a_citation_is_told_as_it_stands() -> None:
    cited = {"type": "char_location", "cited_text": "x", "document_index": 0, "start_char_index": 0}
    (told,) = inside(begin(EMPTY), delta("citations_delta", "citation", cited))[1:]
    assert isinstance(told, Delta)
    assert told.kind == "citation"
    assert json.loads(told.text) == cited


def test_a_block_of_the_server_is_opaque_with_all_its_deltas() -> None:
    server = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
    result = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
    events = inside(
        begin(server), piece('{"query":1}'), stop(), begin(result, 1), stop(1), begin(EMPTY, 2), said("x", 2)
    )
    assert [type(event) for event in events] == [
        PartStarted,
        Delta,
        PartEnded,
        PartStarted,
        PartEnded,
        PartStarted,
        Delta,
    ]
    first, grown, second = (
        event for event in events if getattr(event, "index", 2) < 2 and type(event) is not PartEnded
    )
    assert isinstance(first, PartStarted)
    assert isinstance(grown, Delta)
    assert isinstance(second, PartStarted)
    assert (first.kind, json.loads(first.extra)) == ("opaque", server)
    assert (grown.kind, json.loads(grown.text)) == (
        "opaque",
        {"type": "input_json_delta", "partial_json": '{"query":1}'},
    )
    assert (second.kind, json.loads(second.extra)) == ("opaque", result)
    assert events[-1] == Delta(2, "text", "x")


@pytest.mark.parametrize(
    ("reason", "neutral"),
    (
        ("end_turn", "end_turn"),
        ("max_tokens", "max_tokens"),
        ("stop_sequence", "stop_sequence"),
        ("tool_use", "tool_use"),
        ("pause_turn", "pause"),
        ("refusal", "refusal"),
        ("model_context_window_exceeded", "context_exceeded"),
        ("compaction", "pause"),
    ),
)
def test_stop_reasons(reason: str, neutral: str) -> None:
    assert inside(end(reason))[-1] == Finished(neutral)  # type: ignore[arg-type]  # one of them


def test_every_stop_reason_of_the_wire_has_its_word() -> None:
    assert set(REASONS) == STOP_REASONS
    from anthropic.types import StopReason  # noqa: PLC0415 - a second is enough where it is needed

    assert set(get_args(StopReason)) <= set(REASONS)


def test_the_stop_sequence_and_the_details_of_a_refusal_are_kept() -> None:
    ended = change(end("stop_sequence"), "delta", "stop_sequence", to="END")
    assert inside(ended)[-1] == Finished("stop_sequence", "END")
    details = {"type": "refusal", "category": "cyber", "explanation": None}
    (finished,) = inside(change(end("refusal"), "delta", "stop_details", to=details))[-1:]
    assert isinstance(finished, Finished)
    assert json.loads(finished.extra) == {"stop_details": details}


def test_a_stop_reason_that_nobody_knows_is_noted() -> None:
    decoder = MessagesDecoder()
    events = read(decoder, stream(START, begin(CALL), stop(), end("because")))
    assert events[-1] == Finished("tool_use")
    assert [(mend.kind, mend.code, mend.event) for mend in decoder.mends] == [("lost", "messages.stop-reason", 4)]
    assert "because" in decoder.mends[0].what


def test_a_message_delta_without_a_reason_tells_usage_alone() -> None:
    assert inside(end(None)) == [UsageSeen(Usage(input=11, output=7))]


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    (
        # what the cache served and took is part of the prompt
        (
            {"input_tokens": 3, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 20, "output_tokens": 1},
            {"output_tokens": 50},
            Usage(input=123, cached=100, written=20, output=50),
        ),
        # Kimi and others tell the prompt only at the end
        (
            {"input_tokens": 0, "output_tokens": 0},
            {"input_tokens": 7, "cache_read_input_tokens": 2, "output_tokens": 5},
            Usage(input=9, cached=2, output=5),
        ),
        # and some say 0 there for what the start had told; the pieces are merged before they are added up
        (
            {"input_tokens": 9, "cache_read_input_tokens": 4, "output_tokens": 1},
            {"input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 5},
            Usage(input=13, cached=4, output=5),
        ),
        (
            {"input_tokens": 9, "output_tokens": 1},
            {"output_tokens": 5, "output_tokens_details": {"thinking_tokens": 3}},
            Usage(input=9, output=5, reasoning=3),
        ),
    ),
)
def test_usage_is_merged_by_its_counts_and_then_added_up(first: Json, last: Json, expected: Usage) -> None:
    events = decoded(change(START, "message", "usage", to=first), {**end(), "usage": last})
    assert [event for event in events if isinstance(event, UsageSeen)][-1].usage == expected


def test_errors_are_the_callers() -> None:
    assert decoded({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}) == []


def test_an_event_that_nobody_knows_passes_as_a_stranger() -> None:
    odd = {"type": "context_report", "tokens": 5}
    (stranger,) = decoded(odd)
    assert isinstance(stranger, Stranger)
    assert (stranger.name, json.loads(stranger.data)) == ("context_report", odd)


def test_a_delta_that_nobody_knows_is_noted_as_lost() -> None:
    decoder = MessagesDecoder()
    assert read(decoder, stream(START, begin(EMPTY), delta("odd_delta", "x", "y")))[-1] == PartStarted(0, "text")
    assert [(mend.kind, mend.code, mend.pointer) for mend in decoder.mends] == [
        ("lost", "messages.delta", "/delta/type")
    ]


def test_a_block_that_cannot_be_read_is_noted_as_lost() -> None:
    decoder = MessagesDecoder()
    assert read(decoder, stream(START, begin({"type": "text", "text": 5})))[2:] == []
    assert [mend.code for mend in decoder.mends] == ["messages.block"]


@pytest.mark.parametrize("data", (b"", b" ", b"\n"))
def test_no_data_is_nothing(data: bytes) -> None:
    assert MessagesDecoder().feed(data) == ()


PIECES = st.sampled_from(
    [
        START,
        {"type": "message_start"},
        {"type": "message_start", "message": {"content": [{}, 5]}},
        begin(CALL),
        begin({"type": "odd"}),
        begin({}),
        {"type": "content_block_start", "index": 0, "content_block": None},
        begin(EMPTY, -1),
        {"type": "content_block_start"},
        said("x"),
        said("x", 9),
        said(5),
        {"type": "content_block_delta"},
        {"type": "content_block_delta", "index": 0, "delta": None},
        stop(),
        stop("0"),
        end(),
        end(7),
        {"type": "message_delta"},
        STOP,
        {"type": 5},
        {},
    ]
)


@given(st.lists(st.one_of(PIECES.map(lambda piece: json.dumps(piece).encode()), st.binary(max_size=9)), max_size=9))
def test_no_stream_makes_it_raise(data: Iterable[bytes]) -> None:
    decoder, sequencer = MessagesDecoder(), Sequencer()
    for each in data:
        for event in decoder.feed(each):
            sequencer.feed(event)
    sequencer.close(cut=False)
