"""chat/encoder.py: what each event looks like on the wire, and laws over whole replies.

The judges are the wire's own contract, which knows nothing of the encoder, and the official SDK's accumulator.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, get_args

import pytest

from tests.protocols.chat.kit import oracle
from tests.protocols.chat.kit import verdict as judge
from tests.protocols.turns import (
    documents,
    full,
    opened,
    telling,
    written,
)
from wiremend.events import Alive, Delta, Ended, Failed, Finished, PartEnded, PartStarted, Started, Stranger, UsageSeen
from wiremend.message import Usage
from wiremend.protocols.chat.encoder import REASONS, ChatEncoder
from wiremend.protocols.chat.schema import FINISH_REASONS

if TYPE_CHECKING:
    from wiremend.events import Event, PartKind
    from wiremend.protocols.codec import Encoder

type Json = dict[str, Any]

START = Started("msg_1", "claude-x", 1_700_000_000)
DONE: list[Event] = [Finished("end_turn"), Ended()]
HEAD = {"id": "msg_1", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "claude-x"}
ROLE = {"role": "assistant", "content": None}
OWN, MESSAGES, RESPONSES = '{"wire":"chat"}', '{"wire":"messages"}', '{"wire":"responses"}'


def encoder() -> ChatEncoder:
    return ChatEncoder(telling("chat"))


def wrote(*events: Event) -> list[Any]:
    return documents(written(encoder(), events))


def chunk(delta: Json, finish: str | None = None) -> Json:
    return {**HEAD, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def deltas(*events: Event) -> list[Json]:
    """Give the deltas behind the first."""
    chunks = wrote(START, *events)
    assert chunks[0] == chunk(ROLE)
    assert all(each == chunk(each["choices"][0]["delta"]) for each in chunks)
    return [each["choices"][0]["delta"] for each in chunks[1:]]


def test_it_is_an_encoder() -> None:
    one: Encoder = encoder()
    assert one.mends == []


def test_a_turn_of_text_is_written_event_by_event() -> None:
    one = encoder()
    events: list[Event] = [
        START,
        PartStarted(0, "text"),
        Delta(0, "text", "Hel"),
        Delta(0, "text", "lo"),
        PartEnded(0),
        UsageSeen(Usage(input=11, output=7)),
        *DONE,
    ]
    given = [one.feed(event) for event in events]
    assert [bool(raw) for raw in given] == [True, False, True, True, False, False, True, True]
    assert documents(b"".join(given)) == [
        chunk(ROLE),
        chunk({"content": "Hel"}),
        chunk({"content": "lo"}),
        chunk({}, "stop"),
        "[DONE]",
    ]
    assert all(not line or line.startswith(b"data: ") for line in b"".join(given).split(b"\n"))
    assert one.mends == []


def test_the_client_sees_the_name_that_it_asked_for_and_a_time() -> None:
    (first,) = documents(ChatEncoder(telling("chat", name="gpt-x")).feed(Started("i", "m")))
    assert (first["model"], first["created"]) == ("gpt-x", 1_800_000_000)
    (first,) = documents(ChatEncoder(telling("chat")).feed(Started("i", "m", 0)))
    assert (first["model"], first["created"]) == ("m", 0)


@pytest.mark.parametrize("text", ('"', "\\", "\n\r", "\u2028", "\x00", "é", "😀", "data: x\n\n"))
def test_any_text_comes_through(text: str) -> None:
    assert deltas(PartStarted(0, "text"), Delta(0, "text", text)) == [{"content": text}]


def test_half_of_a_surrogate_pair_does_not_make_it_raise() -> None:
    assert deltas(PartStarted(0, "text"), Delta(0, "text", "a\ud83d")) == [{"content": "a\ufffd"}]


def test_refusal() -> None:
    assert deltas(PartStarted(0, "refusal"), Delta(0, "refusal", "No.")) == [{"refusal": "No."}]


# --- calls ------------------------------------------------------------------------------------------------------------


def begun(index: int, ident: str, name: str) -> Json:
    function = {"name": name, "arguments": ""}
    return {"tool_calls": [{"index": index, "id": ident, "type": "function", "function": function}]}


def grown(index: int, arguments: str) -> Json:
    return {"tool_calls": [{"index": index, "function": {"arguments": arguments}}]}


def test_calls_are_counted_from_0_whatever_stands_before_them() -> None:
    assert deltas(
        PartStarted(0, "text"),
        PartEnded(0),
        PartStarted(1, "tool_use", "c1", "f"),
        Delta(1, "json", '{"a"'),
        Delta(1, "json", ":1}"),
        PartEnded(1),
        PartStarted(2, "tool_use", "c2", "g"),
        Delta(2, "json", "{}"),
        PartEnded(2),
    ) == [begun(0, "c1", "f"), grown(0, '{"a"'), grown(0, ":1}"), begun(1, "c2", "g"), grown(1, "{}")]


def test_a_call_without_input_has_an_empty_object() -> None:
    """An empty text is no JSON; the AI SDK alone reads it as none."""
    assert deltas(PartStarted(0, "tool_use", "c1", "f"), PartEnded(0)) == [begun(0, "c1", "f"), grown(0, "{}")]


def test_a_call_of_a_custom_tool() -> None:
    assert deltas(PartStarted(0, "custom_tool_use", "c1", "patch"), Delta(0, "input", "*** B"), PartEnded(0)) == [
        {"tool_calls": [{"index": 0, "id": "c1", "type": "custom", "custom": {"name": "patch", "input": ""}}]},
        {"tool_calls": [{"index": 0, "custom": {"input": "*** B"}}]},
    ]


def test_a_call_of_an_id_that_the_reply_has_already_gets_its_own() -> None:
    one = encoder()
    calls: list[Event] = [PartStarted(0, "tool_use", "c", "f"), PartEnded(0), PartStarted(1, "tool_use", "c", "g")]
    tools = [each["choices"][0]["delta"].get("tool_calls") for each in documents(written(one, [START, *calls]))]
    ids = [tool[0]["id"] for tool in tools if tool and "id" in tool[0]]
    assert ids[0] == "c"
    assert ids[1].startswith("call_")
    assert [mend.code for mend in one.mends] == ["chat.call-id"]


# --- reasoning --------------------------------------------------------------------------------------------------------


def thinking(mark: str, ident: str = "") -> list[Event]:
    return [
        PartStarted(0, "thinking", ident, extra=mark),
        Delta(0, "thinking", "H"),
        Delta(0, "thinking", "m"),
    ]


THOUGHTS = [{"reasoning_content": "H"}, {"reasoning_content": "m"}]


def test_thinking_that_nobody_signed_is_its_text_alone() -> None:
    assert deltas(*thinking(MESSAGES), PartEnded(0)) == THOUGHTS


@pytest.mark.parametrize(
    ("mark", "ident", "delta", "contents"),
    (
        (MESSAGES, "", Delta(0, "signature", "c2ln"), {"signature": "c2ln"}),
        (RESPONSES, "rs_1", Delta(0, "encrypted", "gAAA"), {"id": "rs_1", "encrypted_content": "gAAA"}),
        (RESPONSES, "rs_1", Delta(0, "thinking", ""), {"id": "rs_1"}),
    ),
)
def test_what_proves_reasoning_of_another_wire_is_sealed(
    mark: str, ident: str, delta: Delta, contents: dict[str, str]
) -> None:
    *rest, last = deltas(*thinking(mark, ident), delta, PartEnded(0))
    assert rest == THOUGHTS
    (entry,) = last["reasoning_details"]
    assert opened(entry.pop("signature")) == (json.loads(mark)["wire"], contents)
    assert entry == {"index": 0, "type": "reasoning.text", "text": "Hm"}


def test_a_signature_of_this_wire_goes_as_it_is() -> None:
    mark = '{"wire":"chat","format":"anthropic-claude-v1"}'
    entry = {"index": 0, "type": "reasoning.text", "text": "Hm", "signature": "s"}
    assert deltas(*thinking(mark, "r1"), Delta(0, "signature", "s"), PartEnded(0))[2:] == [
        {"reasoning_details": [{**entry, "id": "r1", "format": "anthropic-claude-v1"}]}
    ]


@pytest.mark.parametrize(("mark", "name"), ((MESSAGES, "data"), (RESPONSES, "encrypted_content")))
def test_encrypted_reasoning_of_another_wire_is_sealed(mark: str, name: str) -> None:
    (only,) = deltas(PartStarted(0, "redacted", "rs_1", extra=mark), Delta(0, "encrypted", "gAAA"), PartEnded(0))
    (entry,) = only["reasoning_details"]
    assert opened(entry.pop("data"))[1] == {"id": "rs_1", name: "gAAA"}
    assert entry == {"index": 0, "type": "reasoning.encrypted"}


def test_entries_are_counted_so_that_none_is_joined_with_another() -> None:
    own: list[Event] = [PartStarted(0, "redacted", extra=OWN), Delta(0, "encrypted", "a"), PartEnded(0)]
    more: list[Event] = [PartStarted(1, "redacted", extra=OWN), Delta(1, "encrypted", "b"), PartEnded(1)]
    assert [each["reasoning_details"] for each in deltas(*own, *more)] == [
        [{"index": 0, "type": "reasoning.encrypted", "data": "a"}],
        [{"index": 1, "type": "reasoning.encrypted", "data": "b"}],
    ]


@pytest.mark.parametrize("mark", ("", "{}", "[]", "x", '{"wire":"fax"}'))
@pytest.mark.parametrize("kind", ("thinking", "redacted"))
def test_a_proof_that_is_nobodys_is_lost(mark: str, kind: PartKind) -> None:
    one = encoder()
    piece = Delta(0, "signature" if kind == "thinking" else "encrypted", "sig")
    assert written(one, [START, PartStarted(0, kind, extra=mark), piece, PartEnded(0)]).count(b"data:") == 1
    assert [(mend.kind, mend.code) for mend in one.mends] == [("lost", "chat.proof")]


# --- what has no place ------------------------------------------------------------------------------------------------

CITED = {"url": "https://x", "title": "X", "start_index": 0, "end_index": 2}


@pytest.mark.parametrize(
    "citation", ({"type": "url_citation", "url_citation": CITED}, {"type": "url_citation", **CITED})
)
def test_a_citation_of_a_url_goes_also_where_it_is_of_the_responses_wire(citation: Json) -> None:
    given: list[Event] = [PartStarted(0, "text"), *[Delta(0, "citation", json.dumps(citation))] * 2]
    assert deltas(*given) == [
        {"annotations": [{"index": number, "type": "url_citation", "url_citation": CITED}]} for number in (0, 1)
    ]


@pytest.mark.parametrize(
    "citation",
    (
        '{"type":"char_location","cited_text":"x"}',
        '{"type":"url_citation","url":"https://x"}',
        '{"type":"file_citation","url":"https://x","start_index":0,"end_index":1}',
        "no JSON",
    ),
)
def test_other_citations_are_lost(citation: str) -> None:
    one = encoder()
    assert written(one, [START, PartStarted(0, "text"), Delta(0, "citation", citation)]).count(b"data:") == 1
    assert [(mend.kind, mend.code, mend.pointer) for mend in one.mends] == [("lost", "chat.citation", "/parts/0")]


def test_an_opaque_part_is_lost_with_its_type() -> None:
    one = encoder()
    given: list[Event] = [PartStarted(0, "opaque", extra='{"type":"server_tool_use"}'), Delta(0, "opaque", "{}")]
    assert written(one, [START, *given, PartEnded(0)]).count(b"data:") == 1
    assert [(mend.kind, mend.code) for mend in one.mends] == [("lost", "chat.opaque")]
    assert "server_tool_use" in one.mends[0].what


def test_a_stranger_is_lost_with_its_name() -> None:
    one = encoder()
    assert one.feed(Stranger("odd_event", "{}")) == b""
    assert [(mend.kind, mend.code) for mend in one.mends] == [("lost", "chat.event")]
    assert "odd_event" in one.mends[0].what


def test_pieces_of_no_open_part_and_odd_ones_are_nothing() -> None:
    odd: list[Event] = [Delta(5, "text", "x"), PartEnded(5), PartStarted(0, "text"), Delta(0, "json", "x")]
    assert deltas(*odd, Delta(0, "text", "")) == []


# --- the end ----------------------------------------------------------------------------------------------------------


def ended(finished: Finished, *before: Event) -> tuple[str, list[tuple[str, str]]]:
    one = encoder()
    last = documents(written(one, [START, *before, finished, Ended()]))[-2]
    return last["choices"][0]["finish_reason"], [(mend.kind, mend.code) for mend in one.mends]


CALL: list[Event] = [PartStarted(0, "tool_use", "c", "f"), PartEnded(0)]
REFUSAL: list[Event] = [PartStarted(0, "refusal"), Delta(0, "refusal", "No."), PartEnded(0)]


@pytest.mark.parametrize(
    ("finished", "word", "mends"),
    (
        (Finished("end_turn"), "stop", []),
        (Finished("max_tokens"), "length", []),
        (Finished("stop_sequence"), "stop", []),
        (Finished("stop_sequence", "END"), "stop", [("lost", "chat.stop-sequence")]),
        (Finished("refusal"), "content_filter", [("mended", "chat.stop-reason")]),
        (
            Finished("refusal", extra='{"stop_details":{}}'),
            "content_filter",
            [("lost", "chat.finish"), ("mended", "chat.stop-reason")],
        ),
        (Finished("pause"), "stop", [("lost", "chat.stop-reason")]),
        (Finished("context_exceeded"), "length", [("mended", "chat.stop-reason")]),
        (Finished("content_filter"), "content_filter", []),
    ),
)
def test_finish_reasons(finished: Finished, word: str, mends: list[tuple[str, str]]) -> None:
    assert ended(finished) == (word, mends)


def test_every_stop_reason_has_a_word_that_the_wire_knows() -> None:
    from wiremend.message import StopReason as Reasons  # noqa: PLC0415 - at run time only here

    assert set(REASONS) == set(get_args(Reasons.__value__))
    assert set(REASONS.values()) <= FINISH_REASONS


def test_the_reply_decides_where_it_contradicts_the_reason() -> None:
    assert ended(Finished("end_turn"), *CALL) == ("tool_calls", [])
    assert ended(Finished("tool_use"), *CALL) == ("tool_calls", [])
    assert ended(Finished("tool_use")) == ("stop", [])
    assert ended(Finished("refusal"), *REFUSAL) == ("stop", [])
    assert ended(Finished("max_tokens"), *CALL) == ("length", [])


USAGE = Usage(input=100, cached=80, written=5, output=50, reasoning=30)
COUNTS = {
    "prompt_tokens": 100,
    "completion_tokens": 50,
    "total_tokens": 150,
    "prompt_tokens_details": {"cached_tokens": 80, "cache_write_tokens": 5},
    "completion_tokens_details": {"reasoning_tokens": 30},
}


def test_usage_is_told_behind_the_finish_reason() -> None:
    chunks = documents(written(ChatEncoder(full()), [START, UsageSeen(USAGE), *DONE]))
    assert chunks[1:] == [chunk({}, "stop"), {**HEAD, "choices": [], "usage": COUNTS}, "[DONE]"]


def test_counts_that_nobody_told_are_not_made_up() -> None:
    def last(usage: Usage) -> Json:
        found: Json = documents(written(ChatEncoder(full()), [START, UsageSeen(usage), *DONE]))[-2]
        return found

    assert last(Usage(input=3, output=4))["usage"] == {
        "prompt_tokens": 3,
        "completion_tokens": 4,
        "total_tokens": 7,
    }
    assert "usage" not in last(Usage())


@pytest.mark.parametrize(
    ("options", "stream", "told"),
    (
        ({}, True, False),
        ({"stream_options": None}, True, False),
        ({"stream_options": {"include_usage": False}}, True, False),
        ({"stream_options": {"include_usage": True}}, True, True),
        ({}, False, True),
    ),
)
def test_usage_is_told_to_whom_it_belongs(options: Json, stream: bool, told: bool) -> None:  # noqa: FBT001 - of the table
    one = ChatEncoder(telling("chat", stream=stream, **options))
    assert ("usage" in documents(written(one, [START, UsageSeen(USAGE), *DONE]))[-2]) is told


def test_alive_is_a_comment() -> None:
    assert encoder().feed(Alive()) == b": keep-alive\n\n"


def test_a_failure_is_the_error_of_the_wire_and_then_the_end() -> None:
    raw = written(encoder(), [START, Failed("overloaded", "busy", "1")])
    error, done = documents(raw)[1:]
    assert error["error"] == {"message": "busy", "type": "server_error", "param": None, "code": "server_is_overloaded"}
    assert done == "[DONE]"
    assert judge(raw) == []
    assert "busy" in (oracle(raw).error or "")
