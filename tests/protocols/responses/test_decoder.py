"""protocols/responses/decoder.py: what each event of the wire is in neutral words, and laws over any stream.

Streams are written as OpenAI documents them (https://platform.openai.com/docs/api-reference/responses-streaming).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import pytest

from tests.protocols.responses.decode_kit import CONTENT, COUNTS, START, SUMMARY, fed, lost, parts
from tests.protocols.responses.kit import (
    USAGE,
    call,
    change,
    custom,
    message,
    reasoning,
    refusal,
    response,
    search,
    stranger,
    stream,
    streamed,
    whole,
)
from wiremend.events import Delta, Ended, Failed, Finished, PartEnded, PartStarted, Started, Stranger, UsageSeen
from wiremend.message import Usage
from wiremend.protocols.responses.decoder import ResponsesDecoder

if TYPE_CHECKING:
    from tests.protocols.responses.kit import Json

# --- each kind of item ------------------------------------------------------------------------------------------------


def test_text_is_a_part_that_streams_as_it_comes() -> None:
    assert parts(message("hello")) == [
        PartStarted(0, "text", "msg_1"),
        Delta(0, "text", "he"),
        Delta(0, "text", "llo"),
        PartEnded(0),
    ]


def test_the_part_begins_with_its_own_event_and_each_delta_leaves_at_once() -> None:
    decoder = ResponsesDecoder()
    given = [list(decoder.feed(json.dumps(event).encode())) for event in stream(message("hello"))]
    ending = [COUNTS, Finished("end_turn"), Ended()]
    begun, first, second = PartStarted(0, "text", "msg_1"), Delta(0, "text", "he"), Delta(0, "text", "llo")
    assert given == [[START], [], [begun], [first], [second], [], [], [PartEnded(0)], ending]


def test_the_parts_of_a_message_are_parts_one_after_the_other() -> None:
    both = message("one") | {
        "content": [*message("one")["content"], {"type": "refusal", "refusal": "no"}, *message("two")["content"]]
    }
    assert parts(both) == [
        PartStarted(0, "text", "msg_1"),
        Delta(0, "text", "o"),
        Delta(0, "text", "ne"),
        PartEnded(0),
        PartStarted(1, "refusal", "msg_1"),
        Delta(1, "refusal", "n"),
        Delta(1, "refusal", "o"),
        PartEnded(1),
        PartStarted(2, "text", "msg_1"),
        Delta(2, "text", "t"),
        Delta(2, "text", "wo"),
        PartEnded(2),
    ]


def test_summaries_are_one_text_with_blank_lines_between_and_are_proved_at_the_end() -> None:
    assert parts(reasoning("ab", "cd") | {"encrypted_content": "gAAA"}) == [
        PartStarted(0, "thinking", "rs_1", extra=SUMMARY),
        Delta(0, "thinking", "a"),
        Delta(0, "thinking", "b"),
        Delta(0, "thinking", "\n\nc"),
        Delta(0, "thinking", "d"),
        Delta(0, "encrypted", "gAAA"),
        PartEnded(0),
    ]


def test_what_a_reasoning_item_has_encrypted_when_it_begins_is_not_yet_whole() -> None:
    events = stream(reasoning("ab") | {"encrypted_content": "whole"})
    found, _ = fed(change(events, {2: {"/item/encrypted_content": "half"}}))
    assert [event.text for event in found if isinstance(event, Delta) and event.kind == "encrypted"] == ["whole"]


def test_raw_reasoning_says_that_it_is_no_summary() -> None:
    assert parts(reasoning(raw="ab")) == [
        PartStarted(0, "thinking", "rs_1", extra=CONTENT),
        Delta(0, "thinking", "a"),
        Delta(0, "thinking", "b"),
        PartEnded(0),
    ]


def test_a_summary_and_the_reasoning_itself_are_one_text() -> None:
    assert [event.text for event in parts(reasoning("ab", raw="cd")) if isinstance(event, Delta)] == [
        *("a", "b", "\n\nc", "d"),
    ]


def test_reasoning_that_only_its_provider_reads_is_redacted() -> None:
    assert parts(reasoning() | {"encrypted_content": "gAAA"}) == [
        PartStarted(0, "redacted", "rs_1", extra='{"wire":"responses"}'),
        Delta(0, "encrypted", "gAAA"),
        PartEnded(0),
    ]


def test_reasoning_that_says_nothing_is_nothing() -> None:
    assert parts(reasoning()) == []
    assert parts(reasoning("")) == []


def test_calls_go_by_their_call_id() -> None:
    assert parts(call("f", '{"a": 1}'), custom("ls")) == [
        PartStarted(0, "tool_use", "call_1", "f"),
        Delta(0, "json", '{"a"'),
        Delta(0, "json", ": 1}"),
        PartEnded(0),
        PartStarted(1, "custom_tool_use", "call_c1", "shell"),
        Delta(1, "input", "l"),
        Delta(1, "input", "s"),
        PartEnded(1),
    ]


@pytest.mark.parametrize("item", (search(), stranger(), {"type": "local_shell_call", "id": "lsh_1", "call_id": "c1"}))
def test_an_item_that_the_hub_has_no_words_for_is_given_whole_when_it_is_done(item: Json) -> None:
    started, ended = parts(item)
    assert isinstance(started, PartStarted)
    assert (started.kind, started.id, json.loads(started.extra)) == ("opaque", item["id"], item)
    assert ended == PartEnded(0)


def test_what_a_servers_tool_streams_is_in_its_item() -> None:
    item = {"type": "mcp_call", "id": "mcp_1", "name": "n", "server_label": "s", "arguments": "{}", "output": "o"}
    inner = {"type": "response.mcp_call_arguments.delta", "item_id": "mcp_1", "output_index": 0, "delta": "{}"}
    added, done = streamed(item, 0)
    found, decoder = fed([whole("created"), added, inner, done])
    assert [type(event) for event in found] == [Started, PartStarted, PartEnded]
    assert decoder.mends == []


def test_items_that_overlap_are_parts_that_overlap() -> None:
    first, second = streamed(call("f", "{}", 1), 0), streamed(call("g", "[]", 2), 1)
    found, _ = fed([whole("created"), first[0], second[0], first[1], second[1], first[2], first[-1], *second[2:]])
    assert found[1:] == [
        PartStarted(0, "tool_use", "call_1", "f"),
        PartStarted(1, "tool_use", "call_2", "g"),
        Delta(0, "json", "{"),
        Delta(1, "json", "["),
        Delta(0, "json", "}"),
        PartEnded(0),
        Delta(1, "json", "]"),
        PartEnded(1),
    ]


NOTE: Final = {"type": "url_citation", "start_index": 0, "end_index": 2, "url": "https://example.com", "title": "t"}


def annotation(note: object, at: int) -> Json:
    where = {"item_id": "msg_1", "output_index": 0, "content_index": 0, "annotation_index": at}
    return {"type": "response.output_text.annotation.added", **where, "annotation": note}


def test_annotations_are_citations_each_told_once() -> None:
    item = message("ab")
    item["content"][0]["annotations"] = [NOTE, NOTE | {"title": "u"}]
    events = change(stream(item), {3: {"/part/annotations": []}})
    found, _ = fed([*events[:5], annotation(NOTE, 0), *events[5:]])
    cited = [json.loads(event.text) for event in found if isinstance(event, Delta) and event.kind == "citation"]
    assert cited == [NOTE, NOTE | {"title": "u"}]
    assert [type(event) for event in found[-4:]] == [PartEnded, UsageSeen, Finished, Ended]


# --- the end ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("items", "reason"),
    (
        ([message("a")], "end_turn"),
        ([], "end_turn"),
        ([message("a"), call()], "tool_use"),
        ([custom()], "tool_use"),
        ([refusal("no")], "refusal"),
        ([refusal("no"), call()], "tool_use"),
        ([search()], "end_turn"),
    ),
)
def test_the_stop_reason_is_read_off_the_output(items: list[Json], reason: str) -> None:
    found, _ = fed(stream(*items))
    assert found[-2:] == [Finished(reason), Ended()]  # type: ignore[arg-type] # the table has stop reasons


@pytest.mark.parametrize(
    ("details", "reason", "told"),
    (
        ({"reason": "max_output_tokens"}, "max_tokens", []),
        ({"reason": "content_filter"}, "content_filter", []),
        (None, "max_tokens", []),
        ({"reason": "steered"}, "max_tokens", ["responses.stop-reason"]),
    ),
)
def test_an_incomplete_response_says_why(details: object, reason: str, told: list[str]) -> None:
    output = [call()]
    ended = {"type": "response.incomplete", "response": response("incomplete", output, incomplete_details=details)}
    events = [*stream(*output)[:-1], ended]
    found, _ = fed(events)
    assert found[-2:] == [Finished(reason), Ended()]  # type: ignore[arg-type] # the table has stop reasons
    assert lost(events) == told


def test_counts_are_the_hubs() -> None:
    usage = USAGE | {
        "input_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 3},
        "output_tokens_details": {"reasoning_tokens": 4},
    }
    found, _ = fed(stream(usage=usage))
    assert found[-3] == UsageSeen(Usage(input=11, cached=5, written=3, output=7, reasoning=4))


def test_no_usage_is_no_news() -> None:
    assert [type(event) for event in fed(stream(usage=None))[0]] == [Started, Finished, Ended]


def test_a_failed_response_is_a_failure() -> None:
    failed = response("failed", error={"code": "server_error", "message": "boom"})
    found, _ = fed([whole("created"), {"type": "response.failed", "sequence_number": 1, "response": failed}])
    assert found[1:] == [Failed("upstream", "boom", "server_error")]


# --- what has no place ------------------------------------------------------------------------------------------------


def phased(phase: str) -> Json:
    return message("a", ident=f"msg_{phase}") | {"phase": phase}


def with_logprobs() -> Json:
    item = message("a")
    item["content"][0]["logprobs"] = [{"token": "a", "logprob": -0.1, "bytes": [97], "top_logprobs": []}]
    return item


@pytest.mark.parametrize(
    ("items", "code"),
    (
        ([phased("commentary"), phased("final_answer")], "responses.phase"),
        ([with_logprobs()], "responses.logprobs"),
        ([call() | {"namespace": "mcp"}], "responses.namespace"),
        ([message() | {"content": [{"type": "output_audio", "data": "x"}]}], "responses.part"),
    ),
)
def test_what_the_hub_has_no_place_for_is_told_once(items: list[Json], code: str) -> None:
    events = [
        whole("created"),
        *(event for at, item in enumerate(items) for event in ends(item, at)),
        whole("completed"),
    ]
    assert lost(events) == [code]
    numbers = [mend.event for mend in fed(events)[1].mends]
    assert numbers == [3], "the event that says it, the first being 1"


def ends(item: Json, index: int) -> list[Json]:
    return [
        {"type": "response.output_item.added", "output_index": index, "item": item | {"content": []}},
        {"type": "response.output_item.done", "output_index": index, "item": item},
    ]


def test_an_event_of_an_unknown_type_is_a_stranger() -> None:
    data = b'{"type":"response.vendor.thing","x":[1]}'
    found, decoder = fed([whole("created"), data])
    assert found[1:] == [Stranger("response.vendor.thing", data.decode())]
    assert decoder.mends == []


@pytest.mark.parametrize("data", (b"", b"[DONE]", b"{", b"[]", b"null", b'{"x":1}', b'{"type":7}', b"\xff"))
def test_data_that_cannot_be_read_is_told_as_lost(data: bytes) -> None:
    assert lost([whole("created"), data, data]) == ["responses.event"]
