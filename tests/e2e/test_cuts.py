"""An upstream that breaks: the client's stream ends legally, with its own wire's error, and is never taken for done.

Each wire, both ways in, both kinds of break (the connection closed in the middle of the body, and reset), and in the
middle of an event. The official SDKs say what they make of it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import anthropic
import openai
import pytest

from tests.lab import Answer, Authority, Client, Mitm, Reply, Request, Upstream
from tests.lab.replies import chat_events, messages_events, responses_events
from tests.lab.sdk import KEY, MESSAGES, anthropic_sdk, openai_sdk
from wiremend.protocols.chat import contract as chat
from wiremend.protocols.messages import contract as messages
from wiremend.protocols.responses import contract as responses
from wiremend.sse import EventParser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wiremend.protocols.violation import StreamContract

ANSWER = Answer("one two three four", model="m")
EVENTS = {
    "/v1/messages": messages_events(ANSWER),
    "/v1/chat/completions": chat_events(ANSWER, include_usage=False),
    "/v1/responses": responses_events(ANSWER),
}
RULES = """
providers:
  lab: {{base_url: '{url}', key: client}}
  dead: {{base_url: 'http://127.0.0.1:1', key: client}}
routes: [{{when: {{model: dead}}, to: dead}}]
default: lab
listen: {{intercept: [localhost]}}
"""
BREAKS = (Reply.cut, Reply.abort)


class Stage:
    """How the upstream breaks next."""

    broken: Callable[[Reply], None]
    half: bytes = b""

    def __call__(self, request: Request, reply: Reply) -> None:
        if request.path == "/v1/models":
            reply.json(200, {"data": []})
            return
        events = EVENTS[request.path]
        reply.head(200, [("content-type", "text/event-stream")])
        for event in events[:4]:
            reply.send(event)
        if self.half:
            reply.send(self.half)
        self.broken(reply)


@pytest.fixture(scope="module")
def stage() -> Stage:
    return Stage()


@pytest.fixture(scope="module")
def upstream(stage: Stage, authority: Authority) -> Iterator[Upstream]:
    with Upstream(stage, tls=authority.server("localhost")) as up:
        yield up


@pytest.fixture(scope="module")
def proxy(upstream: Upstream, authority: Authority) -> Iterator[Mitm]:
    with Mitm(RULES.format(url=upstream.url), env={"SSL_CERT_FILE": str(authority.ca)}) as mitm:
        yield mitm


def ask(client: Client, path: str, model: str = "m") -> Any:  # noqa: ANN401 - the lab's response
    body = json.dumps({"model": model, "stream": True, "messages": [], "input": "x"}).encode()
    return client.request("POST", path, {"host": "127.0.0.1", "x-api-key": KEY}, body)


@pytest.mark.parametrize("broken", BREAKS)
@pytest.mark.parametrize("half", (b"", b'data: {"half":', b"event: x\ndata: {}\n"))
@pytest.mark.parametrize("path", EVENTS)
def test_the_whole_events_arrive_then_the_wires_error_then_the_end(
    stage: Stage, proxy: Mitm, path: str, half: bytes, broken: Callable[[Reply], None]
) -> None:
    stage.broken, stage.half = broken, half
    with Client.plain(proxy.port) as client:
        response = ask(client, path)
        body = response.read()
        assert response.ending == "whole", "chunked to its end, so that the client need not guess"
        sent = b"".join(EVENTS[path][:4])
        assert body.startswith(sent)
        error = body.removeprefix(sent)
        assert b"half" not in error
        assert error.endswith(b"\n\n")
        assert b"lab (localhost:" in error
        # the connection lives on
        assert client.request("GET", "/v1/models", {"host": "127.0.0.1", "x-api-key": KEY}).status == 200


@pytest.mark.parametrize("broken", BREAKS)
@pytest.mark.parametrize("way", ("gateway", "proxy"))
def test_anthropics_sdk_raises_on_it(
    stage: Stage, proxy: Mitm, upstream: Upstream, way: str, broken: Callable[[Reply], None]
) -> None:
    stage.broken, stage.half = broken, b""
    base = proxy.gateway if way == "gateway" else upstream.url
    with anthropic_sdk(base, proxy=proxy if way == "proxy" else None) as client:  # noqa: SIM117 - what is to raise, alone
        with (
            pytest.raises(anthropic.APIError, match="cut the stream"),
            client.messages.stream(model="m", max_tokens=9, messages=MESSAGES) as stream,
        ):
            stream.get_final_message()


@pytest.mark.parametrize("broken", BREAKS)
@pytest.mark.parametrize("way", ("gateway", "proxy", "proxy, HTTP/2"))
def test_openais_sdk_raises_on_it_on_the_chat_wire(
    stage: Stage, proxy: Mitm, upstream: Upstream, way: str, broken: Callable[[Reply], None]
) -> None:
    stage.broken, stage.half = broken, b""
    base = proxy.gateway if way == "gateway" else upstream.url
    through = None if way == "gateway" else proxy
    with openai_sdk(f"{base}/v1", proxy=through, http2=way.endswith("2")) as client:
        stream = client.chat.completions.create(model="m", messages=MESSAGES, stream=True)
        with pytest.raises(openai.APIError, match="cut the stream"):
            for _ in stream:
                pass


@pytest.mark.parametrize("broken", BREAKS)
@pytest.mark.parametrize("way", ("gateway", "proxy", "proxy, HTTP/2"))
def test_on_the_responses_wire_the_response_has_failed(
    stage: Stage, proxy: Mitm, upstream: Upstream, way: str, broken: Callable[[Reply], None]
) -> None:
    """``response.failed``, of the response that began: the one event that Codex takes for an end."""
    stage.broken, stage.half = broken, b""
    base = proxy.gateway if way == "gateway" else upstream.url
    through = None if way == "gateway" else proxy
    with openai_sdk(f"{base}/v1", proxy=through, http2=way.endswith("2")) as client:
        events = list(client.responses.create(model="m", input="x", stream=True))
    assert events[-1].type == "response.failed"
    assert events[0].type == "response.created"
    assert events[-1].response.id == events[0].response.id
    assert events[-1].response.error is not None
    assert "cut the stream" in events[-1].response.error.message
    assert "response.completed" not in {event.type for event in events}


@pytest.mark.parametrize("path", EVENTS)
def test_an_upstream_that_is_not_there_is_told_in_the_wires_words(proxy: Mitm, path: str) -> None:
    with Client.plain(proxy.port) as client:
        for _ in range(2):  # on one connection
            response = ask(client, path, "dead")
            assert (response.status, response.get("content-type")) == (502, "application/json")
            error = response.json()["error"]
            assert error["type"] == ("api_error" if path == "/v1/messages" else "server_error")
            assert error["message"].startswith("dead (127.0.0.1:1) did not answer: ")


def test_what_broke_is_in_the_calls_and_in_the_log(stage: Stage, proxy: Mitm) -> None:
    stage.broken, stage.half = Reply.cut, b""
    before = len(proxy.calls())
    with Client.plain(proxy.port) as client:
        ask(client, "/v1/messages").read()
        ask(client, "/v1/messages", "dead").read()
    cut, dead = proxy.wait_calls(before + 2)[before:]
    assert (cut["status"], cut["mended"]) == (200, ["anthropic-version", "cut"])
    assert cut["error"]
    assert (dead["status"], dead["provider"]) == (502, "dead")
    assert dead["error"]


def test_the_failure_itself_is_sound_by_the_contract_of_its_wire(stage: Stage, proxy: Mitm) -> None:
    """Also for the AI SDK, which reads no event of the responses wire without its number."""
    stage.broken, stage.half = Reply.cut, b""
    contracts: dict[str, StreamContract] = {
        "/v1/messages": messages.Contract(),
        "/v1/chat/completions": chat.Contract(),
        "/v1/responses": responses.Contract(),
    }
    for path, judge in contracts.items():
        with Client.plain(proxy.port) as client:
            body = ask(client, path).read()
        events = EventParser().feed(body)
        assert [violation.code for event in events for violation in judge.feed(event)] == []
        assert judge.ended
