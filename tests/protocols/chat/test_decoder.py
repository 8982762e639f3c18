"""chat/decoder.py: what the chunks of the wire say, as OpenAI, OpenRouter, DeepSeek and others write them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.protocols.chat.kit import CALLS, DONE, ROLE, STOP, TOTAL, call, choices, chunk, more, tools
from tests.protocols.turns import meaning, read
from wiremend.events import Delta, Ended, Event, Finished, PartEnded, PartStarted, Started, UsageSeen
from wiremend.message import Usage
from wiremend.protocols.chat.decoder import ChatDecoder
from wiremend.sequencer import Sequencer

type Json = dict[str, Any]

FIRST = Started("chatcmpl-1", "m", 1_700_000_000)
MARK = '{"wire":"chat"}'


def decoded(*raw: bytes) -> tuple[list[Event], ChatDecoder]:
    decoder = ChatDecoder()
    return read(decoder, b"".join(raw)), decoder


def inside(*raw: bytes) -> list[Event]:
    """Give what comes behind the start, where nothing is lost."""
    events, decoder = decoded(ROLE, *raw)
    assert decoder.mends == []
    assert events[0] == FIRST
    return events[1:]


def said(**delta: object) -> bytes:
    return chunk(delta)


def codes(decoder: ChatDecoder) -> list[str]:
    assert {mend.kind for mend in decoder.mends} <= {"lost"}
    return [mend.code for mend in decoder.mends]


# --- what is said -----------------------------------------------------------------------------------------------------


def test_a_turn_of_text_is_told_event_by_event() -> None:
    assert inside(said(content="Hel"), said(content="lo"), STOP, TOTAL, DONE) == [
        PartStarted(0, "text"),
        Delta(0, "text", "Hel"),
        Delta(0, "text", "lo"),
        PartEnded(0),
        Finished("end_turn"),
        UsageSeen(Usage(input=11, output=7)),
        Ended(),
    ]


def test_each_chunk_is_told_at_once() -> None:
    decoder = ChatDecoder()
    counts = [len(read(decoder, raw)) for raw in (ROLE, said(content="a"), said(content="b"), STOP, DONE)]
    assert counts == [1, 2, 1, 2, 1]


def test_the_reply_begins_with_the_first_chunk_that_is_its_own() -> None:
    """Azure's first chunk has no choices, no id and no model; it tells of the prompt's filter."""
    azure = choices(id="", model="", created=0, prompt_filter_results=[])
    assert decoded(azure)[0] == []
    assert decoded(azure, ROLE)[0] == [FIRST]


@pytest.mark.parametrize("created", (None, "soon", True, -1, float("1e300")))
def test_a_time_that_is_none_is_not_told(created: object) -> None:
    assert decoded(chunk({"role": "assistant"}, created=created))[0] == [Started("chatcmpl-1", "m")]


@pytest.mark.parametrize("name", ("reasoning_content", "reasoning"))
def test_reasoning_and_text_are_parts_of_their_own(name: str) -> None:
    assert inside(said(**{name: "Hm"}), said(**{name: "."}), said(content="Hi"), said(**{name: "Oh"}), STOP) == [
        PartStarted(0, "thinking", extra=MARK),
        Delta(0, "thinking", "Hm"),
        Delta(0, "thinking", "."),
        PartEnded(0),
        PartStarted(1, "text"),
        Delta(1, "text", "Hi"),
        PartEnded(1),
        PartStarted(2, "thinking", extra=MARK),
        Delta(2, "thinking", "Oh"),
        PartEnded(2),
        Finished("end_turn"),
    ]


def test_reasoning_comes_before_the_text_of_its_chunk() -> None:
    events = inside(said(content="Hi", reasoning_content="Hm"))
    assert [event.kind for event in events if isinstance(event, PartStarted)] == ["thinking", "text"]


def test_empty_pieces_begin_nothing() -> None:
    assert inside(said(content="", reasoning_content="", refusal=None), said(content=None, tool_calls=[])) == []


def test_content_in_parts_is_read_as_text_and_reasoning() -> None:
    """Mistral's magistral sends its thinking so."""
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]}
    events = inside(said(content=[thinking, {"type": "text", "text": "Hi"}]))
    assert [event.text for event in events if isinstance(event, Delta)] == ["Hm", "Hi"]
    assert [event.kind for event in events if isinstance(event, PartStarted)] == ["thinking", "text"]


def test_a_refusal_is_the_reason_too() -> None:
    assert inside(said(refusal="No"), said(refusal="."), STOP) == [
        PartStarted(0, "refusal"),
        Delta(0, "refusal", "No"),
        Delta(0, "refusal", "."),
        PartEnded(0),
        Finished("refusal"),
    ]


def test_halves_of_a_surrogate_pair_are_joined_across_pieces() -> None:
    """JavaScript cuts an emoji in two; msgspec refuses either half."""
    one = b'data: {"id":"x","choices":[{"index":0,"delta":{"content":"a\\ud83d"},"finish_reason":null}]}\n\n'
    other = b'data: {"id":"x","choices":[{"index":0,"delta":{"content":"\\ude00b"},"finish_reason":null}]}\n\n'
    assert meaning(decoded(one, other, STOP)[0]).parts[0].said == {"text": "a😀b"}
    assert meaning(decoded(one, STOP)[0]).parts[0].said == {"text": "a\ufffd"}
    alone = one.replace(b"a\\", b"\\")
    assert meaning(decoded(alone, other, STOP)[0]).parts[0].said == {"text": "😀b"}
    assert meaning(decoded(one, said(content="c"), STOP)[0]).parts[0].said == {"text": "a\ufffdc"}
    assert [part.said for part in meaning(decoded(one, said(reasoning="c"), other, STOP)[0]).parts] == [
        {"text": "a\ufffd"},
        {"thinking": "c"},
        {"text": "\ufffdb"},
    ]


def test_halves_of_a_surrogate_pair_are_joined_in_arguments_too() -> None:
    half = b'data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"%s"}}]}}]}\n\n'
    events = inside(tools(call(0, "c", '"')), half % b"\\ud83d", half % b'\\ude00\\"', CALLS)
    assert meaning(events).parts[0].said == {"json": '"😀"'}


# --- reasoning that must come back ------------------------------------------------------------------------------------

TEXT = {"type": "reasoning.text", "format": "anthropic-claude-v1", "index": 0}
MARKED = '{"wire":"chat","format":"anthropic-claude-v1"}'


def test_the_signature_of_reasoning_ends_it() -> None:
    """As OpenRouter writes Claude's: each text twice, the signature in an entry behind it."""
    assert inside(
        said(content="", reasoning="Hm", reasoning_details=[{**TEXT, "text": "Hm"}]),
        said(content="", reasoning=".", reasoning_details=[{**TEXT, "text": "."}]),
        said(content="", reasoning_details=[{**TEXT, "signature": "c2ln"}]),
        said(content="Hi"),
    ) == [
        PartStarted(0, "thinking", extra=MARKED),
        Delta(0, "thinking", "Hm"),
        Delta(0, "thinking", "."),
        Delta(0, "signature", "c2ln"),
        PartEnded(0),
        PartStarted(1, "text"),
        Delta(1, "text", "Hi"),
    ]


def test_reasoning_that_stands_in_details_alone_is_read_there() -> None:
    events = inside(
        said(reasoning_details=[{**TEXT, "text": "Hm"}]),
        said(reasoning_details=[{"type": "reasoning.summary", "summary": "."}]),
        said(reasoning_details=[{**TEXT, "text": "!", "signature": "s"}]),
    )
    (part,) = meaning(events).parts
    assert (part.kind, part.said, part.details) == ("thinking", {"thinking": "Hm.!"}, [("signature", "s")])


def test_encrypted_reasoning_is_a_part_of_its_own() -> None:
    entry = {"type": "reasoning.encrypted", "data": "gAAA", "id": "rs_1", "format": "openai-responses-v1", "index": 0}
    summary = {"type": "reasoning.summary", "summary": "Hm", "id": "rs_1", "index": 0}
    assert inside(said(reasoning="Hm", reasoning_details=[summary]), said(reasoning_details=[entry])) == [
        PartStarted(0, "thinking", "rs_1", extra=MARK),
        Delta(0, "thinking", "Hm"),
        PartEnded(0),
        PartStarted(1, "redacted", "rs_1", extra='{"wire":"chat","format":"openai-responses-v1"}'),
        Delta(1, "encrypted", "gAAA"),
        PartEnded(1),
    ]


def test_reasoning_that_is_not_shown_has_a_signature_still() -> None:
    assert inside(said(reasoning_details=[{**TEXT, "text": "", "signature": "s"}])) == [
        PartStarted(0, "thinking", extra=MARKED),
        Delta(0, "signature", "s"),
        PartEnded(0),
    ]


def test_a_signature_that_comes_too_late_is_lost() -> None:
    events, decoder = decoded(
        ROLE, said(reasoning="Hm"), said(content="Hi"), said(reasoning_details=[{"signature": "s"}])
    )
    assert codes(decoder) == ["chat.signature"]
    assert events[-1] == Delta(1, "text", "Hi")


# --- calls ------------------------------------------------------------------------------------------------------------


def test_a_call_begins_with_its_first_piece_and_ends_with_the_finish_reason() -> None:
    assert inside(said(content="Hi"), tools(call(0, "c1")), tools(more(0, "{}")), CALLS) == [
        PartStarted(0, "text"),
        Delta(0, "text", "Hi"),
        PartEnded(0),
        PartStarted(1, "tool_use", "c1", "f"),
        Delta(1, "json", "{}"),
        PartEnded(1),
        Finished("tool_use"),
    ]


def test_two_calls_in_one_chunk_with_their_arguments() -> None:
    assert inside(tools(call(0, "c1", '{"a":1}'), call(1, "c2", "{}", "g"), finish="tool_calls")) == [
        PartStarted(0, "tool_use", "c1", "f"),
        Delta(0, "json", '{"a":1}'),
        PartStarted(1, "tool_use", "c2", "g"),
        Delta(1, "json", "{}"),
        PartEnded(0),
        PartEnded(1),
        Finished("tool_use"),
    ]


def test_calls_may_take_turns() -> None:
    events = inside(
        tools(call(0, "c1", '{"a"')), tools(call(1, "c2", "{", "g")), tools(more(0, ":1}")), tools(more(1, "}"))
    )
    assert [(part.name, part.said["json"]) for part in meaning(events).parts] == [("f", '{"a":1}'), ("g", "{}")]


def test_an_id_that_is_said_again_is_of_the_same_call() -> None:
    again = {**more(0, "}"), "id": "c1"}
    assert [part.said for part in meaning(inside(tools(call(0, "c1", "{")), tools(again))).parts] == [{"json": "{}"}]


def test_without_an_index_pieces_are_of_the_last_call() -> None:
    bare = {"function": {"arguments": "}"}}
    second = {"id": "c2", "type": "function", "function": {"name": "g", "arguments": "{"}}
    events = inside(tools(call(0, "c1", "{")), tools(bare), tools(second), tools(bare))
    assert [(part.id, part.name, part.said["json"]) for part in meaning(events).parts] == [
        ("c1", "f", "{}"),
        ("c2", "g", "{}"),
    ]


def test_an_index_that_another_id_takes_is_a_new_call() -> None:
    """Gemini's endpoint numbered every call 0."""
    events = inside(tools(call(0, "c1", "{}")), tools(call(0, "c2", "{}", "g")))
    assert [part.id for part in meaning(events).parts] == ["c1", "c2"]


def test_a_name_that_comes_late_is_a_second_start() -> None:
    late = {"index": 0, "function": {"name": "f", "arguments": "}"}}
    events = inside(tools({"index": 0, "id": "c1", "type": "function", "function": {"arguments": "{"}}), tools(late))
    assert events == [
        PartStarted(0, "tool_use", "c1", ""),
        Delta(0, "json", "{"),
        PartStarted(0, "tool_use", "c1", "f"),
        Delta(0, "json", "}"),
    ]
    sequencer = Sequencer()
    out = [given for event in [FIRST, *events] for given in sequencer.feed(event)]
    assert [(part.id, part.name, part.said) for part in meaning(out).parts] == [("c1", "f", {"json": "{}"})]


def test_arguments_that_are_an_object_are_written_as_json() -> None:
    whole = {"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": {"a": 1}}}
    (part,) = meaning(inside(tools(whole))).parts
    assert json.loads(part.said["json"]) == {"a": 1}


def test_a_call_of_a_custom_tool() -> None:
    begun = {"index": 0, "id": "c1", "type": "custom", "custom": {"name": "apply_patch", "input": ""}}
    grown = {"index": 0, "custom": {"input": "*** Begin"}}
    assert inside(tools(begun), tools(grown), CALLS)[:-1] == [
        PartStarted(0, "custom_tool_use", "c1", "apply_patch"),
        Delta(0, "input", "*** Begin"),
        PartEnded(0),
    ]


def test_padding_is_no_call() -> None:
    assert inside(tools({"index": 0, "function": {}}), tools({"index": 0})) == []
