"""protocols/responses/encoder.py: what each neutral event is on the wire, held against OpenAI's own types and clients.

What is expected is written from the events that OpenAI documents
(https://platform.openai.com/docs/api-reference/responses-streaming) and from the models of openai-python.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.oracles import Served, verdict
from tests.protocols.responses.encode_kit import ASKED, CALL, ORIGIN, START, TEXT, check, part, reply, written
from tests.protocols.responses.mend_kit import documents, ended_items
from wiremend.events import (
    Alive,
    Delta,
    Ended,
    Event,
    Failed,
    Finished,
    PartEnded,
    PartStarted,
    Started,
    Stranger,
    UsageSeen,
)
from wiremend.message import ChatRequest, CustomTool, Reasoning, ToolChoice, Usage
from wiremend.protocols.codec import Bridge, Telling
from wiremend.protocols.mending import Origin
from wiremend.protocols.responses.encoder import ResponsesEncoder
from wiremend.sse import EventParser

if TYPE_CHECKING:
    from tests.protocols.responses.kit import Json
    from wiremend.message import StopReason
    from wiremend.protocols.codec import Bridges

# --- the stream -------------------------------------------------------------------------------------------------------


def test_a_text_is_streamed_as_openai_streams_it() -> None:
    given = check(written(reply(TEXT))[0])
    ident = given[2]["item"]["id"]
    assert ident.startswith("msg_")
    where = {"item_id": ident, "output_index": 0, "content_index": 0}
    message = {"id": ident, "type": "message", "role": "assistant"}
    done = {"type": "output_text", "text": "Hello", "annotations": [], "logprobs": []}
    whole = message | {"status": "completed", "content": [done]}
    expected: list[Json] = [
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": message | {"status": "in_progress", "content": []},
        },
        {"type": "response.content_part.added", **where, "part": done | {"text": ""}},
        {"type": "response.output_text.delta", **where, "delta": "Hel", "logprobs": []},
        {"type": "response.output_text.delta", **where, "delta": "lo", "logprobs": []},
        {"type": "response.output_text.done", **where, "text": "Hello", "logprobs": []},
        {"type": "response.content_part.done", **where, "part": done},
        {"type": "response.output_item.done", "output_index": 0, "item": whole},
    ]
    assert given[2:-1] == [event | {"sequence_number": number} for number, event in enumerate(expected, 2)]
    assert [event["type"] for event in given[:2]] == ["response.created", "response.in_progress"]
    assert given[-1]["type"] == "response.completed"
    assert given[-1]["response"]["output"] == [whole]


def test_each_event_names_itself_and_leaves_at_once() -> None:
    encoder = ResponsesEncoder(Telling(ORIGIN, ASKED))
    names = []
    for event in reply(TEXT, part(1, "tool_use", ("json", "{}"), id="c", name="f")):
        blocks = EventParser().feed(encoder.feed(event))
        assert all(block.event == json.loads(block.data or b"")["type"] for block in blocks)
        names.append([(block.event or "").removeprefix("response.") for block in blocks])
    assert names == [
        ["created", "in_progress"],
        ["output_item.added", "content_part.added"],
        ["output_text.delta"],
        ["output_text.delta"],
        ["output_text.done", "content_part.done", "output_item.done"],
        ["output_item.added"],
        ["function_call_arguments.delta"],
        ["function_call_arguments.done", "output_item.done"],
        [],
        [],
        ["completed"],
    ]


def test_the_response_is_the_providers_and_says_what_was_asked() -> None:
    asked = ChatRequest(
        wire="responses",
        model="asked-model",
        messages=(),
        parallel=False,
        temperature=0.5,
        top_p=0.9,
        max_tokens=100,
        reasoning=Reasoning(effort="high", summary="auto"),
        metadata={"a": "b"},
        tool_choice=ToolChoice("any"),
        store=True,
    )
    created, *_, completed = check(written(reply(), request=asked)[0])
    told = {
        "id": "resp_1",
        "object": "response",
        "created_at": 1700000000,
        "model": "a-model",
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": 100,
        "metadata": {"a": "b"},
        "output": [],
        "parallel_tool_calls": False,
        "previous_response_id": None,
        "reasoning": {"effort": "high", "summary": "auto"},
        "store": False,
        "temperature": 0.5,
        "tool_choice": "required",
        "tools": [],
        "top_p": 0.9,
        "truncation": "disabled",
    }
    usage = {
        "input_tokens": 11,
        "input_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 3},
        "output_tokens": 7,
        "output_tokens_details": {"reasoning_tokens": 4},
        "total_tokens": 18,
    }
    assert created["response"] == told | {"status": "in_progress", "usage": None}
    assert completed["response"] == told | {"status": "completed", "usage": usage}


@pytest.mark.parametrize(
    ("choice", "bridges", "said"),
    (
        (None, {}, "auto"),
        (ToolChoice("auto"), {}, "auto"),
        (ToolChoice("none"), {}, "none"),
        (ToolChoice("tool", "f"), {}, {"type": "function", "name": "f"}),
        (ToolChoice("tool", "patch"), {}, {"type": "custom", "name": "patch"}),
        (ToolChoice("tool", "ns__f"), {"ns__f": Bridge("f", namespace="ns")}, {"type": "function", "name": "f"}),
        (ToolChoice("tool", "local_shell"), {"local_shell": Bridge("local_shell", "local_shell")}, "required"),
    ),
)
def test_the_choice_of_tools_is_said_in_the_clients_words(choice: ToolChoice, bridges: Bridges, said: object) -> None:
    asked = ChatRequest(wire="responses", model="m", messages=(), tool_choice=choice, tools=(CustomTool("patch"),))
    assert check(written(reply(), bridges, asked)[0])[0]["response"]["tool_choice"] == said


def test_the_models_name_is_the_one_that_the_client_is_to_see_and_the_time_is_ours_where_there_is_none() -> None:
    events = [Started("resp_1", "a-model"), *reply()[1:]]
    assert check(written(events)[0])[0]["response"]["created_at"] == 1700000007
    assert check(written(events, name="mine")[0])[0]["response"]["model"] == "mine"


# --- the end ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "kind", "details", "told"),
    (
        ("end_turn", "completed", None, []),
        ("tool_use", "completed", None, []),
        ("max_tokens", "incomplete", {"reason": "max_output_tokens"}, []),
        ("content_filter", "incomplete", {"reason": "content_filter"}, []),
        ("context_exceeded", "incomplete", {"reason": "max_output_tokens"}, [("lost", "responses.stop-reason")]),
        ("stop_sequence", "completed", None, [("lost", "responses.stop-reason")]),
        ("pause", "completed", None, [("lost", "responses.stop-reason")]),
        ("refusal", "completed", None, [("invented", "responses.refusal")]),
    ),
)
def test_the_stop_reason_is_the_event_that_ends_the_stream(
    reason: StopReason, kind: str, details: object, told: list[tuple[str, str]]
) -> None:
    raw, encoder = written(reply(TEXT, reason=reason))
    last = check(raw)[-1]
    assert last["type"] == f"response.{kind}"
    assert (last["response"]["status"], last["response"]["incomplete_details"]) == (kind, details)
    assert last["response"]["output"] == ended_items(raw)
    assert [(mend.kind, mend.code) for mend in encoder.mends] == told


def test_a_refusal_that_is_only_a_stop_reason_gets_words() -> None:
    raw, _ = written(reply(reason="refusal"))
    check(raw)
    assert [item["content"] for item in ended_items(raw)] == [
        [{"type": "refusal", "refusal": "The model refused to answer."}]
    ]
    raw, encoder = written(reply(part(0, "refusal", ("refusal", "no")), reason="refusal"))
    assert len(ended_items(raw)) == 1
    assert encoder.mends == []


@pytest.mark.parametrize(
    ("usage", "counts", "told"),
    (
        (None, None, []),
        (Usage(), None, []),
        (Usage(11, output=7), (11, 0, 7, 0, 18), []),
        (Usage(output=7), (0, 0, 7, 0, 7), ["responses.usage"]),
        (Usage(11, 4, None, 7, 2), (11, 4, 7, 2, 18), []),
    ),
)
def test_usage_is_whole_or_absent(usage: Usage | None, counts: tuple[int, ...] | None, told: list[str]) -> None:
    events: list[Event] = [START, *([] if usage is None else [UsageSeen(usage)]), Finished("end_turn"), Ended()]
    raw, encoder = written(events)
    said = check(raw)[-1]["response"]["usage"]
    assert counts == (
        said
        and (
            said["input_tokens"],
            said["input_tokens_details"]["cached_tokens"],
            said["output_tokens"],
            said["output_tokens_details"]["reasoning_tokens"],
            said["total_tokens"],
        )
    )
    assert [mend.code for mend in encoder.mends] == told


@pytest.mark.parametrize(
    ("kind", "code"),
    (
        ("context_length", "context_length_exceeded"),
        ("quota", "insufficient_quota"),
        ("rate_limit", "rate_limit_exceeded"),
        ("overloaded", "server_is_overloaded"),
        ("invalid_request", "invalid_prompt"),
        ("upstream", "server_error"),
        ("what", "server_error"),
    ),
)
@pytest.mark.parametrize("before", ([], [START], [START, *TEXT[:2]]))
def test_a_failure_ends_the_same_response_with_a_code_that_codex_knows(
    kind: str, code: str, before: list[Event]
) -> None:
    raw, _ = written([*before, Failed(kind, "it broke")])
    given = check(raw)
    assert given[0]["type"] == "response.created"
    assert given[-1]["type"] == "response.failed"
    assert given[-1]["response"]["id"] == given[0]["response"]["id"]
    assert given[-1]["response"]["error"] == {"code": code, "message": "it broke"}
    read = verdict("openai-py/responses", Served(raw))
    assert (read.ok, read.error) == (False, "it broke")
    assert verdict("codex", Served(raw)).error == f"{code}: it broke"


def test_a_failure_before_the_start_names_the_model_that_was_asked_for() -> None:
    assert documents(written([Failed("upstream", "x")])[0])[0]["response"]["model"] == "asked-model"


def test_a_ping_is_a_comment_and_a_stranger_is_lost_and_told_once() -> None:
    raw, encoder = written([Alive(), START, Alive(), Stranger("x", "{}"), Stranger("y", "{}"), *reply()[1:]])
    assert raw.startswith(b": keep-alive\n\nevent: response.created\n")
    assert raw.count(b": keep-alive\n\n") == 2
    check(raw)
    assert [mend.code for mend in encoder.mends] == ["responses.stranger"]


def test_the_same_exchange_gives_the_same_bytes_and_another_one_other_ids() -> None:
    events = reply(TEXT, CALL)
    assert written(events)[0] == written(events)[0]
    other = ResponsesEncoder(Telling(Origin("flow-2", 1700000007), ASKED))
    assert b"".join(map(other.feed, events)) != written(events)[0]


def test_a_piece_that_says_nothing_is_nothing_and_what_is_illegal_raises_nothing() -> None:
    encoder = ResponsesEncoder(Telling(ORIGIN, ASKED))
    assert encoder.feed(START)
    assert encoder.feed(PartStarted(0, "text"))
    idle: list[Event] = [Delta(0, "text", ""), Delta(7, "text", "x"), PartEnded(7)]
    assert [encoder.feed(event) for event in idle] == [b"", b"", b""]
    assert documents(encoder.feed(Ended()))[0]["response"]["output"] == [], "a part that never ended is not in it"


def test_parts_that_overlap_are_written_as_they_come() -> None:
    first, second = CALL, part(1, "text", ("text", "a"), ("text", "b"))
    events = [first[0], second[0], first[1], second[1], first[2], second[2], second[3], first[3]]
    given = check(written(reply(events))[0])
    assert [item["type"] for item in given[-1]["response"]["output"]] == ["function_call", "message"]
