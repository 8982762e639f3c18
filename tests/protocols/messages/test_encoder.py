"""messages/encoder.py: what each event looks like on the wire, and laws over whole replies.

The judges are the wire's own contract, which knows nothing of the encoder, and the official SDK's accumulator.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, get_args

import anthropic.types as sdk
import anthropic.types.beta as sdk_beta
import pytest

from tests.oracles import verdict
from tests.protocols.messages.kit import read as sdk_read
from tests.protocols.turns import documents, opened, telling, written
from tests.verdicts import Served
from wiremend.events import Alive, Delta, Ended, Failed, Finished, PartEnded, PartStarted, Started, Stranger, UsageSeen
from wiremend.message import Usage
from wiremend.protocols.messages.encoder import BLOCKS, CITATIONS, REASONS, MessagesEncoder
from wiremend.protocols.messages.schema import STOP_REASONS

if TYPE_CHECKING:
    from wiremend.events import Event, PartKind
    from wiremend.message import StopReason
    from wiremend.protocols.codec import Encoder

type Json = dict[str, Any]

START = Started("chatcmpl-1", "glm-5", 1_700_000_000)
DONE: list[Event] = [Finished("end_turn"), Ended()]
FIRST: Json = {
    "type": "message_start",
    "message": {
        "id": "chatcmpl-1",
        "type": "message",
        "role": "assistant",
        "model": "glm-5",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 0, "output_tokens": 0},
    },
}
CHAT, OWN, RESPONSES = '{"wire":"chat"}', '{"wire":"messages"}', '{"wire":"responses"}'


def encoder() -> MessagesEncoder:
    return MessagesEncoder(telling("messages"))


def wrote(*events: Event) -> list[Json]:
    return documents(written(encoder(), events))


def blocks(*events: Event) -> list[Json]:
    """Give the events of the blocks alone."""
    return wrote(START, *events)[1:]


def begin(index: int, block: Json) -> Json:
    return {"type": "content_block_start", "index": index, "content_block": block}


def grow(index: int, **delta: str) -> Json:
    return {"type": "content_block_delta", "index": index, "delta": delta}


def stop(index: int) -> Json:
    return {"type": "content_block_stop", "index": index}


def test_it_is_an_encoder() -> None:
    one: Encoder = encoder()
    assert one.mends == []


def test_a_turn_of_text_is_written_event_by_event() -> None:
    events: list[Event] = [
        START,
        PartStarted(0, "text"),
        Delta(0, "text", "Hel"),
        Delta(0, "text", "lo"),
        PartEnded(0),
        UsageSeen(Usage(input=11, output=7)),
        *DONE,
    ]
    one = encoder()
    given = [one.feed(event) for event in events]
    assert [raw.split(b"\n")[0] for raw in given] == [
        b"event: message_start",
        b"event: content_block_start",
        b"event: content_block_delta",
        b"event: content_block_delta",
        b"event: content_block_stop",
        b"",
        b"event: message_delta",
        b"event: message_stop",
    ]
    assert documents(b"".join(given)) == [
        FIRST,
        begin(0, {"type": "text", "text": ""}),
        grow(0, type="text_delta", text="Hel"),
        grow(0, type="text_delta", text="lo"),
        stop(0),
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"input_tokens": 11, "output_tokens": 7},
        },
        {"type": "message_stop"},
    ]
    assert one.mends == []
    assert sdk_read(b"".join(given)) == ([{"type": "text", "text": "Hello"}], "end_turn", 7)


def test_the_client_sees_the_name_that_it_asked_for() -> None:
    (first,) = documents(MessagesEncoder(telling("messages", name="claude-x")).feed(START))
    assert first["message"]["model"] == "claude-x"


@pytest.mark.parametrize("text", ('"', "\\", "\n\r", "\u2028", "\x00", "é", "😀", "data: x\n\n"))
def test_any_text_comes_through(text: str) -> None:
    grown = blocks(PartStarted(0, "text"), Delta(0, "text", text))[1]
    assert grown == grow(0, type="text_delta", text=text)


def test_half_of_a_surrogate_pair_does_not_make_it_raise() -> None:
    grown = blocks(PartStarted(0, "text"), Delta(0, "text", "a\ud83d"))[1]
    assert grown == grow(0, type="text_delta", text="a\ufffd")


def test_a_call() -> None:
    assert blocks(PartStarted(0, "tool_use", "call_1", "f"), Delta(0, "json", '{"a"'), Delta(0, "json", ":1}")) == [
        begin(0, {"type": "tool_use", "id": "call_1", "name": "f", "input": {}}),
        grow(0, type="input_json_delta", partial_json='{"a"'),
        grow(0, type="input_json_delta", partial_json=":1}"),
    ]


def test_a_call_of_a_custom_tool_has_its_text_as_input() -> None:
    events = blocks(
        PartStarted(0, "custom_tool_use", "call_1", "apply_patch"),
        Delta(0, "input", '*** Begin "Patch"\n'),
        Delta(0, "input", "é\\"),
        PartEnded(0),
    )
    assert events[0] == begin(0, {"type": "tool_use", "id": "call_1", "name": "apply_patch", "input": {}})
    assert events[-1] == stop(0)
    whole = "".join(event["delta"]["partial_json"] for event in events[1:-1])
    assert json.loads(whole) == {"input": '*** Begin "Patch"\né\\'}


def test_a_call_of_an_id_that_the_reply_has_already_gets_its_own() -> None:
    one = encoder()
    calls: list[Event] = [PartStarted(0, "tool_use", "c", "f"), PartEnded(0), PartStarted(1, "tool_use", "c", "g")]
    ids = [
        event["content_block"]["id"] for event in documents(written(one, [START, *calls])) if "content_block" in event
    ]
    assert ids[0] == "c"
    assert ids[1].startswith("toolu_")
    assert [mend.code for mend in one.mends] == ["messages.call-id"]


# --- reasoning --------------------------------------------------------------------------------------------------------


def thinking(mark: str, ident: str = "") -> list[Event]:
    return [PartStarted(0, "thinking", ident, extra=mark), Delta(0, "thinking", "Hm")]


THINKING: list[Json] = [
    begin(0, {"type": "thinking", "thinking": "", "signature": ""}),
    grow(0, type="thinking_delta", thinking="Hm"),
]


def test_thinking_that_nobody_signed_has_no_signature() -> None:
    assert blocks(*thinking(CHAT), PartEnded(0)) == [*THINKING, stop(0)]


def test_a_signature_of_this_wire_goes_as_it_is_at_the_end() -> None:
    events = blocks(*thinking(OWN), Delta(0, "signature", "c2ln"), PartEnded(0))
    assert events == [*THINKING, grow(0, type="signature_delta", signature="c2ln"), stop(0)]


@pytest.mark.parametrize(
    ("mark", "ident", "delta", "contents"),
    (
        (CHAT, "", Delta(0, "signature", "sig"), {"signature": "sig"}),
        (
            '{"wire":"chat","format":"anthropic-claude-v1"}',
            "r1",
            Delta(0, "signature", "sig"),
            {"signature": "sig", "id": "r1", "format": "anthropic-claude-v1"},
        ),
        (RESPONSES, "rs_1", Delta(0, "encrypted", "gAAA"), {"id": "rs_1", "encrypted_content": "gAAA"}),
        (RESPONSES, "rs_1", Delta(0, "thinking", ""), {"id": "rs_1"}),
    ),
)
def test_what_proves_reasoning_of_another_wire_is_sealed(
    mark: str, ident: str, delta: Delta, contents: dict[str, str]
) -> None:
    *rest, proof, last = blocks(*thinking(mark, ident), delta, PartEnded(0))
    assert (rest, last) == (THINKING, stop(0))
    assert proof["delta"]["type"] == "signature_delta"
    assert opened(proof["delta"]["signature"]) == (json.loads(mark)["wire"], contents)


@pytest.mark.parametrize(("mark", "name"), ((RESPONSES, "encrypted_content"), (CHAT, "data")))
def test_encrypted_reasoning_of_another_wire_is_sealed_in_a_block_of_its_own(mark: str, name: str) -> None:
    start, end = blocks(PartStarted(0, "redacted", "rs_1", extra=mark), Delta(0, "encrypted", "gAAA"), PartEnded(0))
    assert (start["index"], end) == (0, stop(0))
    assert opened(start["content_block"].pop("data"))[1] == {"id": "rs_1", name: "gAAA"}
    assert start["content_block"] == {"type": "redacted_thinking"}


def test_encrypted_reasoning_of_this_wire_goes_as_it_is() -> None:
    start, _ = blocks(PartStarted(0, "redacted", extra=OWN), Delta(0, "encrypted", "EmwK"), PartEnded(0))
    assert start == begin(0, {"type": "redacted_thinking", "data": "EmwK"})


@pytest.mark.parametrize("mark", ("", "{}", "[]", "x", '{"wire":"fax"}', '{"wire":5}'))
@pytest.mark.parametrize("kind", ("thinking", "redacted"))
def test_a_proof_that_is_nobodys_is_lost(mark: str, kind: PartKind) -> None:
    one = encoder()
    piece = Delta(0, "signature" if kind == "thinking" else "encrypted", "sig")
    events = documents(written(one, [START, PartStarted(0, kind, extra=mark), piece, PartEnded(0)]))[1:]
    assert events == ([] if kind == "redacted" else [THINKING[0], stop(0)])
    assert [(mend.kind, mend.code) for mend in one.mends] == [("lost", "messages.proof")]


def test_a_redacted_part_without_a_piece_is_no_block_and_takes_no_index() -> None:
    events = blocks(PartStarted(0, "redacted", extra=CHAT), PartEnded(0), PartStarted(1, "text"))
    assert events == [begin(0, {"type": "text", "text": ""})]


# --- what has no place ------------------------------------------------------------------------------------------------


def test_an_opaque_part_of_another_wire_is_lost_and_takes_no_index() -> None:
    one = encoder()
    foreign: list[Event] = [
        PartStarted(0, "opaque", extra='{"type":"file_search_call","id":"fs_1"}'),
        Delta(0, "opaque", '{"type":"x"}'),
        PartEnded(0),
        PartStarted(1, "text"),
    ]
    assert documents(written(one, [START, *foreign]))[1:] == [begin(0, {"type": "text", "text": ""})]
    assert [(mend.kind, mend.code, mend.pointer) for mend in one.mends] == [("lost", "messages.opaque", "/parts/0")]
    assert "file_search_call" in one.mends[0].what


def test_an_opaque_part_of_this_wire_goes_as_it_is() -> None:
    block = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    piece = {"type": "input_json_delta", "partial_json": "{}"}
    own: list[Event] = [
        PartStarted(0, "opaque", extra=json.dumps(block, indent=1)),
        Delta(0, "opaque", json.dumps(piece)),
        PartEnded(0),
    ]
    assert blocks(*own) == [begin(0, block), {"type": "content_block_delta", "index": 0, "delta": piece}, stop(0)]


def test_citations_of_this_wire_go_and_others_are_lost() -> None:
    one = encoder()
    cited = {"type": "char_location", "cited_text": "x"}
    given: list[Event] = [
        PartStarted(0, "text"),
        Delta(0, "citation", json.dumps(cited)),
        Delta(0, "citation", '{"type":"url_citation","url":"https://example.com"}'),
        Delta(0, "citation", "no JSON"),
    ]
    assert documents(written(one, [START, *given]))[2:] == [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "citations_delta", "citation": cited}}
    ]
    assert [(mend.kind, mend.code) for mend in one.mends] == [("lost", "messages.citation")] * 2
    assert "url_citation" in one.mends[0].what


def test_a_stranger_is_lost_with_its_name() -> None:
    one = encoder()
    assert one.feed(Stranger("response.odd", "{}")) == b""
    assert [(mend.kind, mend.code) for mend in one.mends] == [("lost", "messages.event")]
    assert "response.odd" in one.mends[0].what


def test_blocks_and_citations_are_those_of_the_official_sdk() -> None:
    def types(union: Any) -> set[str]:  # noqa: ANN401 - a union of models
        members = get_args(get_args(union)[0])
        return {get_args(member.model_fields["type"].annotation)[0] for member in members}

    own = {"text", "thinking", "redacted_thinking", "tool_use"}
    assert types(sdk_beta.BetaContentBlock) | types(sdk.ContentBlock) == BLOCKS | own
    assert types(sdk.TextCitation) == CITATIONS


def test_pieces_of_no_open_part_and_odd_ones_are_nothing() -> None:
    odd: list[Event] = [Delta(5, "text", "x"), PartEnded(5), PartStarted(0, "text"), Delta(0, "json", "x")]
    assert blocks(*odd, Delta(0, "text", ""), Delta(0, "opaque", "x")) == [begin(0, {"type": "text", "text": ""})]


# --- the end ----------------------------------------------------------------------------------------------------------


def ended(finished: Finished, *before: Event) -> tuple[Json, list[str]]:
    one = encoder()
    last = documents(written(one, [START, *before, finished, Ended()]))
    return last[-2]["delta"], [mend.kind for mend in one.mends]


@pytest.mark.parametrize(
    ("reason", "word", "kinds"),
    (
        ("end_turn", "end_turn", []),
        ("max_tokens", "max_tokens", []),
        ("stop_sequence", "stop_sequence", []),
        ("tool_use", "tool_use", []),
        ("refusal", "refusal", []),
        ("pause", "pause_turn", []),
        ("context_exceeded", "model_context_window_exceeded", []),
        ("content_filter", "refusal", ["mended"]),
    ),
)
def test_stop_reasons(reason: StopReason, word: str, kinds: list[str]) -> None:
    assert ended(Finished(reason)) == ({"stop_reason": word, "stop_sequence": None}, kinds)


def test_every_stop_reason_has_a_word_that_the_wire_knows() -> None:
    from wiremend.message import StopReason as Reasons  # noqa: PLC0415 - at run time only here

    assert set(REASONS) == set(get_args(Reasons.__value__))
    assert set(REASONS.values()) <= STOP_REASONS


def test_the_reply_decides_where_it_contradicts_the_reason() -> None:
    call: list[Event] = [PartStarted(0, "tool_use", "c", "f"), PartEnded(0)]
    refusal: list[Event] = [PartStarted(0, "refusal"), Delta(0, "refusal", "No."), PartEnded(0)]
    assert ended(Finished("end_turn"), *call)[0]["stop_reason"] == "tool_use"
    assert ended(Finished("end_turn"), *refusal)[0]["stop_reason"] == "refusal"
    assert ended(Finished("max_tokens"), *call)[0]["stop_reason"] == "max_tokens"


def test_a_refusal_is_a_block_of_text() -> None:
    assert blocks(PartStarted(0, "refusal"), Delta(0, "refusal", "No."), PartEnded(0)) == [
        begin(0, {"type": "text", "text": ""}),
        grow(0, type="text_delta", text="No."),
        stop(0),
    ]


def test_the_stop_sequence_and_the_details_of_a_refusal_are_told() -> None:
    assert ended(Finished("stop_sequence", "END"))[0]["stop_sequence"] == "END"
    details = {"type": "refusal", "category": "cyber", "explanation": None}
    told, kinds = ended(Finished("refusal", extra=json.dumps({"stop_details": details})))
    assert (told["stop_details"], kinds) == (details, [])
    assert ended(Finished("refusal", extra='{"odd":1}'))[1] == ["lost"]
    assert ended(Finished("refusal", extra="no JSON"))[1] == ["lost"]


def test_input_tokens_leave_out_what_the_cache_served_and_took() -> None:
    usage = Usage(input=123, cached=100, written=20, output=50, reasoning=30)
    last = wrote(START, UsageSeen(usage), *DONE)[-2]
    assert last["usage"] == {
        "input_tokens": 3,
        "cache_read_input_tokens": 100,
        "cache_creation_input_tokens": 20,
        "output_tokens": 50,
        "output_tokens_details": {"thinking_tokens": 30},
    }
    assert wrote(START, UsageSeen(Usage(input=5, cached=9)), *DONE)[-2]["usage"]["input_tokens"] == 0


def test_usage_that_nobody_told_is_not_made_up() -> None:
    assert wrote(START, *DONE)[-2]["usage"] == {"output_tokens": 0}


def test_alive_is_a_ping() -> None:
    assert wrote(Alive(), START, Alive())[::2] == [{"type": "ping"}] * 2


def test_a_failure_is_the_error_of_the_wire() -> None:
    raw = written(encoder(), [START, Failed("overloaded", "busy")])
    assert raw.split(b"\n\n")[-2].startswith(b"event: error\n")
    assert documents(raw)[-1] == {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}
    assert not verdict("anthropic-py", Served(raw)).ok
