"""Which tools a reply calls, and whose results a request brings.

Legal streams and bodies first; then every reply of the corpus, whose calls the official SDKs tell; then the odd shapes,
and anything at all: nothing raises.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lab import replies
from tests.lab.replies import Answer, sse
from tests.oracles import verdict
from tests.reply_cases import REPLIES, load
from wiremend.pipeline.reply import ReplyStream
from wiremend.protocols import WIRES, tools
from wiremend.protocols.tools import MOST, ToolCall, ToolCalls, results_of

if TYPE_CHECKING:
    from pathlib import Path

    from wiremend.protocols.base import WireName

INPUT = {"city": "Zürich", "days": [1, 2]}
ARGUMENTS = len(json.dumps(INPUT))
ANSWER = Answer(tool=("weather", INPUT))
EVENTS = {
    "messages": replies.messages_events(ANSWER),
    "chat": replies.chat_events(ANSWER),
    "responses": replies.responses_events(ANSWER),
}
BODIES = {
    "messages": replies.messages_body(ANSWER),
    "chat": replies.chat_body(ANSWER),
    "responses": replies.responses_body(ANSWER),
}
TEXTS = {
    "messages": [event for event in replies.messages_events(Answer()) if b"text_delta" in event],
    "chat": replies.chat_events(Answer()),
    "responses": [event for event in replies.responses_events(Answer()) if b"output_text.delta" in event],
}
IDS = {"messages": "toolu_lab1", "chat": "call_lab1", "responses": "call_lab1"}
ORACLES = {"messages": "anthropic-py", "chat": "openai-py", "responses": "openai-py/responses"}

type Calls = tuple[ToolCall, ...]


def fed(wire: WireName, *events: object) -> Calls:
    """Give the calls of a stream; what is no bytes is JSON, named by its type."""
    calls = ToolCalls(wire)
    for event in events:
        calls.feed(
            event if isinstance(event, bytes) else sse(event, event.get("type") if isinstance(event, dict) else None)
        )
    return calls.calls


def of_body(wire: WireName, body: object) -> Calls:
    calls = ToolCalls(wire)
    calls.body(body if isinstance(body, bytes) else json.dumps(body).encode())
    return calls.calls


@pytest.mark.parametrize("wire", sorted(WIRES))
class TestEachWire:
    def test_a_stream_tells_of_its_call_event_by_event_and_at_once(self, wire: WireName) -> None:
        expected = (ToolCall(IDS[wire], "weather", ARGUMENTS),)
        assert fed(wire, *EVENTS[wire]) == expected
        assert fed(wire, b"".join(EVENTS[wire])) == expected

    def test_a_body_tells_of_its_call(self, wire: WireName) -> None:
        assert of_body(wire, BODIES[wire]) == (ToolCall(IDS[wire], "weather", ARGUMENTS),)

    def test_text_about_calls_is_none(self, wire: WireName) -> None:
        text = 'a "tool_use", "tool_calls", "function_call" or custom_tool_call is input_json_delta'
        events = {
            "messages": replies.messages_events, "chat": replies.chat_events, "responses": replies.responses_events
        }  # fmt: skip
        assert fed(wire, *events[wire](Answer(text=text))) == ()

    def test_what_speaks_of_no_call_is_not_even_read(self, wire: WireName, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tools, "loose", None)
        calls = ToolCalls(wire)
        for event in TEXTS[wire]:
            calls.feed(event)
        with pytest.raises(AttributeError):
            calls.feed(b"".join(EVENTS[wire]))

    def test_more_calls_than_anyone_makes_are_not_all_kept(self, wire: WireName) -> None:
        def call(number: int) -> dict[str, Any]:
            ident = f"call_{number}"
            shapes: dict[str, dict[str, Any]] = {
                "messages": {
                    "type": "content_block_start",
                    "index": number,
                    "content_block": {"type": "tool_use", "id": ident, "name": "n", "input": {}},
                },
                "chat": {"choices": [{"delta": {"tool_calls": [{"index": number, "id": ident}]}}]},
                "responses": {
                    "type": "response.output_item.added",
                    "output_index": number,
                    "item": {"type": "function_call", "call_id": ident, "name": "n"},
                },
            }
            return shapes[wire]

        assert len(fed(wire, b"".join(sse(call(number)) for number in range(MOST + 5)))) == MOST


@pytest.mark.parametrize("folder", REPLIES, ids=lambda folder: f"{folder.parent.name}/{folder.name}")
def test_the_calls_of_every_reply_are_those_that_the_official_sdk_reads(folder: Path) -> None:
    case = load(folder)
    if case.reply.status >= 400 or case.about.get("means", {}).get("error"):
        return  # an error calls nothing; the SDKs tell of none of its parts
    wire = case.context.wire.name
    seen = verdict(ORACLES[wire], case.served(case.given()))
    if not seen.ok:
        return
    if case.context.stream and "event-stream" in case.reply.kind:
        stream = ReplyStream(case.context, case.context.upstream.tally())
        for at in range(len(case.reply.body)):
            stream.feed(case.reply.body[at : at + 1])
        stream.close()
        calls = stream.tools.calls
    else:
        answer = case.given()
        calls = fed(wire, answer.body) if case.context.stream else of_body(wire, answer.body)
    assert [call.name for call in calls] == [name for name, _ in seen.tools]
    assert len({call.id for call in calls}) == len(calls)
    assert all(call.argument_bytes >= len("{}") for call in calls)


class TestMessages:
    START = {  # noqa: RUF012 - never changed
        "type": "content_block_start",
        "index": 1,
        "content_block": {"type": "tool_use", "id": "t1", "name": "n", "input": {}},
    }

    def piece(self, text: object, index: object = 1) -> dict[str, Any]:
        return {
            "type": "content_block_delta",
            "index": index,
            "delta": {"type": "input_json_delta", "partial_json": text},
        }

    def test_a_call_without_arguments_has_an_empty_object(self) -> None:
        assert fed("messages", self.START, self.piece("")) == (ToolCall("t1", "n", 2),)

    def test_arguments_count_in_bytes_and_by_their_block(self) -> None:
        other = self.START | {"index": 2, "content_block": {"type": "tool_use", "id": "t2", "name": "o", "input": {}}}
        assert fed(
            "messages", self.START, other, self.piece('{"ä'), self.piece("{}", 2), self.piece('":1}'), b": x\n\n"
        ) == (
            ToolCall("t1", "n", 8),
            ToolCall("t2", "o", 2),
        )

    def test_a_cut_call_has_what_had_come(self) -> None:
        assert fed("messages", self.START, self.piece('{"a":')) == (ToolCall("t1", "n", 5),)

    def test_tools_of_the_provider_are_not_the_clients(self) -> None:
        block = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
        assert fed("messages", self.START | {"content_block": block}, self.piece("{}")) == ()


class TestChat:
    def chunk(self, *calls: object, choice: int = 0) -> dict[str, Any]:
        return {"choices": [{"index": choice, "delta": {"tool_calls": list(calls)}}]}

    @pytest.mark.parametrize(
        ("events", "expected"),
        (
            pytest.param(({"choices": [{"index": 0, "delta": {"content": "x", "tool_calls": None}}]},), (), id="null"),
            pytest.param(
                ({"choices": [{"delta": {"function_call": {"name": "f", "arguments": "{}"}}}]},),
                (ToolCall("", "f", 2),),
                id="as it once was",
            ),
            pytest.param(
                ({"choices": [{"delta": {"tool_calls": [{"id": "c", "custom": {"name": "p", "input": "*** A"}}]}}]},),
                (ToolCall("c", "p", 5),),
                id="a custom tool",
            ),
            pytest.param(({"choices": "tool_calls", "x": {"tool_calls": 1}},), (), id="nonsense"),
        ),
    )  # fmt: skip
    def test_odd_shapes(self, events: tuple[object, ...], expected: Calls) -> None:
        assert fed("chat", *events) == expected

    def test_an_id_that_comes_again_is_no_other_call_and_another_is(self) -> None:
        def call(ident: str, arguments: str) -> dict[str, Any]:
            return {"index": 0, "id": ident, "function": {"name": "n", "arguments": arguments}}

        assert fed("chat", *(self.chunk(call(*one)) for one in (("a", "{"), ("a", "}"), ("b", "{}")))) == (
            ToolCall("a", "n", 2),
            ToolCall("b", "n", 2),
        )

    def test_choices_have_calls_of_their_own(self) -> None:
        first, second = {"index": 0, "id": "a"}, {"index": 0, "id": "b"}
        more = {"index": 0, "function": {"arguments": "{}"}}
        given = (self.chunk(first), self.chunk(second, choice=1), self.chunk(more, choice=1))
        assert fed("chat", *given) == (ToolCall("a", "", 0), ToolCall("b", "", 2))


class TestResponses:
    @pytest.mark.parametrize(
        ("item", "expected"),
        (
            ({"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}, ToolCall("c", "f", 2)),
            ({"type": "custom_tool_call", "call_id": "c", "name": "patch", "input": "***"}, ToolCall("c", "patch", 3)),
            (
                {"type": "local_shell_call", "call_id": "c", "action": {"type": "exec"}},
                ToolCall("c", "local_shell", len('{"type":"exec"}')),
            ),
            ({"type": "web_search_call", "id": "ws_1", "status": "completed"}, None),
            ({"type": "function_call_output", "call_id": "c", "output": "{}"}, None),
            ({"type": ["function_call"], "call_id": {}}, None),
        ),
    )
    def test_an_item_is_told_of_when_it_is_done_or_with_the_whole(
        self, item: dict[str, Any], expected: ToolCall | None
    ) -> None:
        wanted = () if expected is None else (expected,)
        assert fed("responses", {"type": "response.output_item.done", "output_index": 0, "item": item}) == wanted
        assert fed("responses", {"type": "response.completed", "response": {"output": [item]}}) == wanted
        assert of_body("responses", json.dumps({"output": [item]}, separators=(",", ":")).encode()) == wanted

    def test_a_cut_call_has_what_had_come(self) -> None:
        assert fed(
            "responses",
            {"type": "response.output_item.added", "output_index": 0,
             "item": {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": ""}},
            {"type": "response.function_call_arguments.delta", "item_id": "fc_1", "output_index": 0, "delta": '{"ä'},
        ) == (ToolCall("c", "f", 4),)  # fmt: skip


RESULTS = (
    ("messages", {"messages": [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "n", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "old"}]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t2"}, {"type": "tool_use", "id": "t3"}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t2"}, {"type": "text", "text": "and"}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t3", "is_error": True}]},
        {"role": "system", "content": "mind it"},
    ], "model": "m"}, ("t2", "t3")),
    ("messages", {"messages": [
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1"}]},
        {"role": "assistant", "content": '"tool_result"'},
        {"role": "user", "content": "thanks"},
    ]}, ()),
    ("chat", {"messages": [
        {"role": "user", "content": "go"},
        {"role": "assistant", "tool_calls": [{"id": "a"}]},
        {"role": "tool", "tool_call_id": "a", "content": "old"},
        {"role": "assistant", "tool_calls": [{"id": "b"}, {"id": "c"}]},
        {"role": "tool", "tool_call_id": "b", "content": "1"},
        {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "2"}]},
        {"role": "user", "content": "well?"},
    ]}, ("b", "c")),
    ("responses", {"input": [
        {"type": "function_call", "call_id": "a"},
        {"type": "function_call_output", "call_id": "a", "output": "old"},
        {"type": "reasoning", "summary": []},
        {"type": "function_call", "call_id": "b"},
        {"type": "custom_tool_call", "call_id": "c"},
        {"type": "function_call_output", "call_id": "b", "output": "1"},
        {"type": "custom_tool_call_output", "call_id": "c", "output": "2"},
        {"role": "user", "content": "well?"},
    ]}, ("b", "c")),
    ("responses", {"previous_response_id": "r", "input": [
        {"type": "function_call_output", "call_id": "a", "output": "1"}]}, ("a",)),
    ("responses", {"input": "function_call_output"}, ()),
    ("messages", {"messages": "tool_result"}, ()),
    ("chat", {"messages": [1, {"role": "tool", "tool_call_id": 7}, {"role": "tool", "tool_call_id": "a"}]}, ("a",)),
)  # fmt: skip


@pytest.mark.parametrize(("wire", "body", "expected"), RESULTS)
def test_results_are_those_behind_the_last_turn_of_the_assistant(
    wire: WireName, body: object, expected: tuple[str, ...]
) -> None:
    assert results_of(wire, json.dumps(body).encode()) == expected


@pytest.mark.parametrize("body", (None, b"", b"{", b'{"messages": [{"tool_call_id": "tool_result"', b'["_output"]'))
@pytest.mark.parametrize("wire", sorted(WIRES))
def test_a_body_that_cannot_be_read_brings_nothing(wire: WireName, body: bytes | None) -> None:
    assert results_of(wire, body) == ()


WORDS = st.sampled_from(
    ["type", "tool_use", "tool_calls", "function_call", "custom_tool_call", "id", "index", "content_block", "delta",
     "partial_json", "input_json_delta", "content_block_start", "content_block_delta", "choices", "function", "name",
     "arguments", "item", "item_id", "output", "response", "call_id", "messages", "input", "role", "tool", "content",
     "tool_call_id", "tool_use_id", "tool_result", "function_call_output", "assistant", "\ud800"]
)  # fmt: skip
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda some: st.lists(some, max_size=4) | st.dictionaries(WORDS, some, max_size=6),
    max_leaves=25,
)


@given(wire=st.sampled_from(sorted(WIRES)), documents=st.lists(ANYTHING, max_size=6), cut=st.integers(0, 40))
def test_nothing_raises(wire: WireName, documents: list[object], cut: int) -> None:
    raw = [json.dumps(document).encode() for document in documents]
    calls = ToolCalls(wire)
    for one in raw:
        calls.event(one)
        calls.event(one[:cut])
        calls.body(one)
        calls.feed(b"data: " + one + b"\n\n" + one[:cut])
        assert all(isinstance(ident, str) for ident in results_of(wire, one))
    assert {type(part) for call in calls.calls for part in (call.id, call.name)} <= {str}
    assert all(call.argument_bytes >= 0 for call in calls.calls)
