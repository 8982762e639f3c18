"""The lab's ready-made replies, judged by the official SDKs, and Kimi's habits.

A stream that the SDKs' own accumulators do not accept would make a faultless proxy look broken, or hide a broken one.
"""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anthropic
import pytest

from tests.lab import Answer, Client, Reply, Request, Upstream, kimi, provider
from tests.lab.replies import chat_events, messages_events, responses_events
from tests.lab.scripts import KIMI_GATE, agent_turns, chat_stream, messages_stream, responses_stream
from tests.lab.sdk import CLAUDE, MESSAGES, anthropic_sdk, openai_sdk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab import Script

WEATHER = ("get_weather", {"city": "Zürich", "days": 3})


@pytest.fixture(scope="module")
def lab() -> Iterator[Upstream]:
    answer = Answer(tool=WEATHER, model="m")
    scripts: dict[str, Script] = {
        "/text": provider("/text/v1", replace(answer, tool=None)),
        "/tool": provider("/tool/v1", answer),
        "/coding": kimi(),
    }

    def script(request: Request, reply: Reply) -> None:
        scripts["/" + request.path.split("/")[1]](request, reply)

    with Upstream(script) as up:
        yield up


@pytest.mark.parametrize("kind", ("text", "tool"))
def test_the_anthropic_sdk_accepts_stream_and_body(lab: Upstream, kind: str) -> None:
    with anthropic_sdk(f"{lab.url}/{kind}") as client:
        with client.messages.stream(model="m", max_tokens=9, messages=MESSAGES) as stream:
            streamed = stream.get_final_message()
        whole = client.messages.create(model="m", max_tokens=9, messages=MESSAGES)
    assert streamed.content[0].text == whole.content[0].text == Answer().text  # type: ignore[union-attr]  # the first block is text
    assert [block.type for block in streamed.content] == [block.type for block in whole.content]
    if kind == "tool":
        assert streamed.content[1].input == whole.content[1].input == WEATHER[1]  # type: ignore[union-attr]  # and the second a tool call
    assert streamed.stop_reason == whole.stop_reason == {"text": "end_turn", "tool": "tool_use"}[kind]
    assert (streamed.usage.input_tokens, streamed.usage.output_tokens) == (11, 7)


@pytest.mark.parametrize("kind", ("text", "tool"))
def test_the_openai_sdk_accepts_chat_stream_and_body(lab: Upstream, kind: str) -> None:
    with openai_sdk(f"{lab.url}/{kind}/v1") as client:
        with client.chat.completions.stream(
            model="m", messages=MESSAGES, stream_options={"include_usage": True}
        ) as stream:
            streamed = stream.get_final_completion()
        whole = client.chat.completions.create(model="m", messages=MESSAGES)
    for reply in (streamed, whole):
        assert reply.choices[0].message.content == Answer().text
        assert reply.choices[0].finish_reason == {"text": "stop", "tool": "tool_calls"}[kind]
        assert reply.usage is not None
        assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (11, 7)
        calls: Any = reply.choices[0].message.tool_calls or []
        assert [call.function.name for call in calls] == {"text": [], "tool": ["get_weather"]}[kind]


@pytest.mark.parametrize("kind", ("text", "tool"))
def test_the_openai_sdk_accepts_responses_stream_and_body(lab: Upstream, kind: str) -> None:
    with openai_sdk(f"{lab.url}/{kind}/v1") as client:
        with client.responses.stream(model="m", input="hi") as stream:
            streamed = stream.get_final_response()
        whole = client.responses.create(model="m", input="hi")
    for reply in (streamed, whole):
        assert reply.output_text == Answer().text
        assert [item.type for item in reply.output] == {"text": ["message"], "tool": ["message", "function_call"]}[kind]
        assert reply.usage is not None
        assert (reply.usage.input_tokens, reply.usage.output_tokens) == (11, 7)


def test_the_small_endpoints_are_accepted_too(lab: Upstream) -> None:
    with anthropic_sdk(f"{lab.url}/text") as client:
        assert client.messages.count_tokens(model="m", messages=MESSAGES).input_tokens == 42
        assert [model.id for model in client.models.list()] == ["lab-model"]
    with openai_sdk(f"{lab.url}/text/v1") as client:
        assert [model.id for model in client.models.list()] == ["lab-model"]
        assert client.embeddings.create(model="e", input="x", encoding_format="float").data[0].embedding == [0.5, -0.5]


@pytest.mark.parametrize(
    ("events", "terminal"),
    ((messages_events, b"message_stop"), (chat_events, b"[DONE]"), (responses_events, b"response.completed")),
)
def test_each_event_is_one_chunk_and_the_terminal_comes_last(events: Any, terminal: bytes) -> None:  # noqa: ANN401 - one of three functions
    stream = events(Answer(tool=WEATHER))
    assert all(event.endswith(b"\n\n") and event.count(b"\n\n") == 1 for event in stream)
    assert [terminal in event for event in stream] == [False] * (len(stream) - 1) + [True]


def test_a_gate_lets_events_through_one_by_one() -> None:
    gate = threading.Semaphore(0)
    events = messages_events(Answer(model="m"))
    with Upstream(messages_stream(gate=gate)) as up, Client.plain(up.port) as client:
        response = client.request("POST", "/", body=b'{"model":"m","stream":true}')
        chunks = response.chunks()
        for event in events:
            gate.release()
            assert next(chunks) == event
        assert next(chunks, None) is None


@pytest.mark.parametrize(
    ("stream", "turns"),
    (
        (messages_stream, {"messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t"}]}]}),
        (chat_stream, {"messages": [{"role": "tool", "tool_call_id": "t", "content": "x"}]}),
        (responses_stream, {"input": [{"type": "function_call_output", "call_id": "t", "output": "x"}]}),
    ),
)
def test_an_agent_gets_its_tool_call_and_then_its_text(stream: Any, turns: dict[str, Any]) -> None:  # noqa: ANN401 - one of three functions
    def body(**more: object) -> bytes:
        return json.dumps({"model": "m", "messages": [], **more}).encode()

    with Upstream(agent_turns(stream, WEATHER)) as up, Client.plain(up.port) as client:
        first = client.request("POST", "/", body=body(tools=[{"name": "get_weather"}])).read()
        second = client.request("POST", "/", body=body(tools=[{"name": "get_weather"}], **turns)).read()
        title = client.request("POST", "/", body=body()).read()
    assert [b"get_weather" in reply for reply in (first, second, title)] == [True, False, False]


# --- Kimi -------------------------------------------------------------------------------------------------------------


def kimi_error(caught: pytest.ExceptionInfo[anthropic.APIStatusError]) -> tuple[int, str]:
    body: Any = caught.value.body
    return caught.value.status_code, body["error"]["type"]


@pytest.mark.parametrize(
    ("base", "agent", "model", "expected"),
    (
        ("/coding/v1", CLAUDE, "k3", (404, "resource_not_found_error")),
        ("/coding", "curl/8.5", "k3", (403, "access_terminated_error")),
        ("/coding", CLAUDE, "claude-opus-4", (404, "resource_not_found_error")),
    ),
    ids=["double-v1", "unknown-agent", "unknown-model"],
)
def test_kimi_refuses_what_kimi_refuses(
    lab: Upstream, base: str, agent: str, model: str, expected: tuple[int, str]
) -> None:
    with anthropic_sdk(lab.url + base, agent=agent) as client, pytest.raises(anthropic.APIStatusError) as caught:
        client.messages.create(model=model, max_tokens=9, messages=MESSAGES)
    assert kimi_error(caught) == expected
    wanted = {403: KIMI_GATE, 404: "The requested resource was not found"}[expected[0]]
    if model == "k3":
        assert wanted in str(caught.value)


def test_kimi_answers_both_wires_to_those_it_knows(lab: Upstream) -> None:
    with anthropic_sdk(f"{lab.url}/coding") as client:
        reply = client.messages.create(model="kimi-for-coding", max_tokens=9, messages=MESSAGES)
    assert reply.model == "kimi-for-coding"
    with openai_sdk(f"{lab.url}/coding/v1", agent="KimiCLI/1.3") as chat:
        assert chat.chat.completions.create(model="k3", messages=MESSAGES).model == "k3"
        assert "kimi-for-coding" in {model.id for model in chat.models.list()}


def test_kimi_wants_a_coding_key(lab: Upstream) -> None:
    with (
        anthropic_sdk(f"{lab.url}/coding", key="sk-FAKE-platform") as wrong,
        pytest.raises(anthropic.AuthenticationError),
    ):
        wrong.messages.create(model="k3", max_tokens=9, messages=MESSAGES)
