"""A reply that is not what was asked for, or not what it says it is: the client gets the form that it asked for.

Each wire: an error under a status of success (whole, and as the first event of a stream), JSON for a stream, a stream
for JSON, wrong labels, a page, nothing at all, a coding that no head declares. The official SDKs are the judges.
"""

from __future__ import annotations

import gzip
import json
import threading
from typing import TYPE_CHECKING, Any

import anthropic
import openai
import pytest

from tests.lab import Answer, Client, Mitm, Reply, Request, Upstream
from tests.lab.replies import (
    chat_body,
    chat_events,
    messages_body,
    messages_events,
    responses_body,
    responses_events,
    sse,
)
from tests.lab.sdk import KEY, MESSAGES, anthropic_sdk, openai_sdk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ANSWER = Answer("one two three", model="m")
PATHS = ("/v1/messages", "/v1/chat/completions", "/v1/responses")
BODIES = dict(zip(PATHS, (messages_body(ANSWER), chat_body(ANSWER), responses_body(ANSWER)), strict=True))
STREAMS = dict(
    zip(
        PATHS,
        (messages_events(ANSWER), chat_events(ANSWER), responses_events(ANSWER)),
        strict=True,
    )
)
ERROR = {"error": {"message": "boom from the provider", "type": "server_error", "code": None}}
RULES = "providers: {{lab: {{base_url: '{url}', key: client}}}}\ndefault: lab\n"
EVENT_STREAM = [("content-type", "text/event-stream")]


class Stage:
    """What the upstream does next."""

    script: Callable[[Reply], None]

    def __call__(self, request: Request, reply: Reply) -> None:
        if request.path == "/v1/models":
            reply.json(200, {"data": []})
        else:
            self.script(reply)


@pytest.fixture(scope="module")
def stage() -> Stage:
    return Stage()


@pytest.fixture(scope="module")
def proxy(stage: Stage) -> Iterator[Mitm]:
    with Upstream(stage) as upstream, Mitm(RULES.format(url=upstream.url)) as mitm:
        yield mitm


def ask(client: Client, path: str, *, stream: bool) -> Any:  # noqa: ANN401 - the lab's response
    body = json.dumps({"model": "m", "stream": stream, "messages": [], "input": "x"}).encode()
    return client.request("POST", path, {"host": "127.0.0.1", "x-api-key": KEY}, body)


def text_of(proxy: Mitm, path: str, *, stream: bool) -> str:
    """Ask by the wire's official SDK, which raises on what it does not understand."""
    if path == "/v1/messages":
        with anthropic_sdk(proxy.gateway) as client:
            if stream:
                with client.messages.stream(model="m", max_tokens=9, messages=MESSAGES) as events:
                    return events.get_final_text()
            block = client.messages.create(model="m", max_tokens=9, messages=MESSAGES).content[0]
            assert block.type == "text"
            return block.text
    with openai_sdk(f"{proxy.gateway}/v1") as client:
        if path == "/v1/responses":
            if not stream:
                return client.responses.create(model="m", input="x").output_text
            with client.responses.stream(model="m", input="x") as responses:
                return responses.get_final_response().output_text
        if not stream:
            return client.chat.completions.create(model="m", messages=MESSAGES).choices[0].message.content or ""
        with client.chat.completions.stream(model="m", messages=MESSAGES) as chunks:
            return chunks.get_final_completion().choices[0].message.content or ""


def send(data: bytes, headers: list[tuple[str, str]]) -> Callable[[Reply], None]:
    return lambda reply: reply.body(200, headers, data)


@pytest.mark.parametrize("stream", (True, False))
@pytest.mark.parametrize("kind", ("application/json", "text/event-stream", "text/plain"))
@pytest.mark.parametrize("path", PATHS)
def test_an_error_under_a_success_gets_a_status(
    stage: Stage, proxy: Mitm, path: str, kind: str, *, stream: bool
) -> None:
    stage.script = send(json.dumps(ERROR).encode(), [("content-type", kind)])
    with Client.plain(proxy.port) as client:
        response = ask(client, path, stream=stream)
        assert response.status >= 500
        assert response.get("content-type") == "application/json"
        assert "boom from the provider" in response.json()["error"]["message"]
    with pytest.raises((anthropic.APIStatusError, openai.APIStatusError), match="boom from the provider"):
        text_of(proxy, path, stream=stream)


@pytest.mark.parametrize("path", PATHS)
def test_an_error_as_the_first_event_gets_a_status_while_the_upstream_holds_on(
    stage: Stage, proxy: Mitm, path: str
) -> None:
    """The upstream keeps the stream open until the client has its answer: nothing waits for the end."""
    gate = threading.Event()

    def script(reply: Reply) -> None:
        reply.head(200, EVENT_STREAM)
        reply.send(b": hold the line\n\n" + sse(ERROR))
        reply.wait(gate)
        reply.end()

    stage.script = script
    with Client.plain(proxy.port) as client:
        response = ask(client, path, stream=True)
        assert response.status >= 500
        assert "boom from the provider" in response.json()["error"]["message"]
        gate.set()


@pytest.mark.parametrize("kind", ("application/json", "text/event-stream"))
@pytest.mark.parametrize("path", PATHS)
def test_json_for_a_stream_becomes_a_stream(stage: Stage, proxy: Mitm, path: str, kind: str) -> None:
    stage.script = send(json.dumps(BODIES[path]).encode(), [("content-type", kind)])
    assert text_of(proxy, path, stream=True) == ANSWER.text
    with Client.plain(proxy.port) as client:
        assert ask(client, path, stream=True).get("content-type") == "text/event-stream"
    assert "stream-request-json-response" in proxy.calls()[-1]["mended"]


@pytest.mark.parametrize("path", PATHS)
def test_a_stream_for_json_becomes_json(stage: Stage, proxy: Mitm, path: str) -> None:
    stage.script = send(b"".join(STREAMS[path]), EVENT_STREAM)
    assert text_of(proxy, path, stream=False) == ANSWER.text
    with Client.plain(proxy.port) as client:
        assert ask(client, path, stream=False).get("content-type") == "application/json"
    assert "json-request-sse-response" in proxy.calls()[-1]["mended"]


@pytest.mark.parametrize("label", ("application/json", "text/plain; charset=utf-8", "application/octet-stream"))
@pytest.mark.parametrize("path", PATHS)
def test_a_stream_under_another_label_is_a_stream_byte_for_byte(
    stage: Stage, proxy: Mitm, path: str, label: str
) -> None:
    stage.script = send(b"".join(STREAMS[path]), [("content-type", label)])
    with Client.plain(proxy.port) as client:
        response = ask(client, path, stream=True)
        assert response.get("content-type") == "text/event-stream"
        assert response.read() == b"".join(STREAMS[path])


@pytest.mark.parametrize("stream", (True, False))
@pytest.mark.parametrize("status", (200, 502))
@pytest.mark.parametrize("path", PATHS)
def test_a_page_becomes_the_wires_error(stage: Stage, proxy: Mitm, path: str, status: int, *, stream: bool) -> None:
    page = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502</h1>nginx</body></html>"
    stage.script = lambda reply: reply.body(status, [("content-type", "text/html")], page)
    with Client.plain(proxy.port) as client:
        response = ask(client, path, stream=stream)
        assert (response.status, response.get("content-type")) == (502, "application/json")
        message = response.json()["error"]["message"]
        assert "502 Bad Gateway" in message
        assert "<" not in message


@pytest.mark.parametrize("stream", (True, False))
@pytest.mark.parametrize("headers", (EVENT_STREAM, [("content-type", "application/json")]))
@pytest.mark.parametrize("path", PATHS)
def test_nothing_at_all_becomes_the_wires_error(
    stage: Stage, proxy: Mitm, path: str, headers: list[tuple[str, str]], *, stream: bool
) -> None:
    stage.script = send(b"", headers)
    with Client.plain(proxy.port) as client:
        response = ask(client, path, stream=stream)
        assert response.status == 502
        assert response.json()["error"]["message"]


@pytest.mark.parametrize("declared", (True, False))
@pytest.mark.parametrize("path", PATHS)
def test_a_compressed_stream_is_undone(stage: Stage, proxy: Mitm, path: str, *, declared: bool) -> None:
    headers = [*EVENT_STREAM, *([("content-encoding", "gzip")] if declared else [])]
    stage.script = send(gzip.compress(b"".join(STREAMS[path])), headers)
    with Client.plain(proxy.port) as client:
        response = ask(client, path, stream=True)
        assert response.get("content-encoding") is None
        assert response.read() == b"".join(STREAMS[path])


@pytest.mark.parametrize("declared", (True, False))
@pytest.mark.parametrize("path", PATHS)
def test_a_compressed_error_in_a_stream_is_told_as_plain_text(
    stage: Stage, proxy: Mitm, path: str, *, declared: bool
) -> None:
    headers = [*EVENT_STREAM, *([("content-encoding", "gzip")] if declared else [])]
    stage.script = send(gzip.compress(sse(ERROR)), headers)
    with Client.plain(proxy.port) as client:
        response = ask(client, path, stream=True)
        assert (response.status >= 500, response.get("content-encoding")) == (True, None)
        assert "boom from the provider" in response.json()["error"]["message"]


@pytest.mark.parametrize("path", PATHS)
def test_a_body_that_is_compressed_and_does_not_say_so_is_undone(stage: Stage, proxy: Mitm, path: str) -> None:
    stage.script = send(gzip.compress(json.dumps(BODIES[path]).encode()), [("content-type", "application/json")])
    with Client.plain(proxy.port) as client:
        assert ask(client, path, stream=False).json() == BODIES[path]


@pytest.mark.parametrize("path", PATHS)
def test_a_cut_before_the_first_event_is_a_502(stage: Stage, proxy: Mitm, path: str) -> None:
    def script(reply: Reply) -> None:
        reply.head(200, EVENT_STREAM)
        reply.send(b": hold the line\n\n")
        reply.cut()

    stage.script = script
    with Client.plain(proxy.port) as client:
        response = ask(client, path, stream=True)
        assert response.status == 502
        assert "did not answer" in response.json()["error"]["message"]
        assert client.request("GET", "/v1/models", {"host": "127.0.0.1", "x-api-key": KEY}).status == 200


@pytest.mark.parametrize("stream", (True, False))
@pytest.mark.parametrize("path", PATHS)
def test_json_that_is_cut_is_a_502(stage: Stage, proxy: Mitm, path: str, *, stream: bool) -> None:
    def script(reply: Reply) -> None:
        reply.head(200, [("content-type", "application/json"), ("content-length", "9999")])
        reply.raw(json.dumps(BODIES[path]).encode()[:40])
        reply.cut()

    stage.script = script
    with Client.plain(proxy.port) as client:
        response = ask(client, path, stream=stream)
        assert response.status == 502
        assert "did not answer" in response.json()["error"]["message"]


def test_a_head_does_not_wait_for_ever_for_its_first_event(stage: Stage, proxy: Mitm) -> None:
    """An upstream that thinks sends comments to keep the connection alive: they reach the client."""
    gate = threading.Event()

    def script(reply: Reply) -> None:
        reply.head(200, EVENT_STREAM)
        reply.send(b": PROCESSING\n\n")
        reply.wait(gate)
        for event in STREAMS["/v1/chat/completions"]:
            reply.send(event)
        reply.end()

    stage.script = script
    with Client.plain(proxy.port) as client:
        response = ask(client, "/v1/chat/completions", stream=True)
        assert response.status == 200
        assert response.read_until(b"\n\n") == b": PROCESSING\n\n"
        gate.set()
        assert response.read().endswith(b"data: [DONE]\n\n")


def test_a_client_is_kept_while_nothing_comes_between_two_events(stage: Stage) -> None:
    heard = threading.Event()
    events, ping = STREAMS["/v1/messages"], b'event: ping\ndata: {"type":"ping"}\n\n'

    def speak(reply: Reply) -> None:
        reply.head(200, EVENT_STREAM)
        reply.send(events[0])
        reply.wait(heard)
        for event in events[1:]:
            reply.send(event)
        reply.end()

    stage.script = speak
    with Upstream(stage) as upstream, Mitm(RULES.format(url=upstream.url) + "limits: {keepalive: 50ms}\n") as proxy:
        with Client.plain(proxy.port) as client:
            response = ask(client, "/v1/messages", stream=True)
            got = response.read_until(ping)
            heard.set()
            got += response.read()
        assert response.ending == "whole"
        assert got.count(ping) > events.count(ping)
        assert got.replace(ping, b"") == b"".join(events).replace(ping, b"")


@pytest.mark.parametrize("status", (404, 405))
def test_tokens_that_nobody_counts_are_estimated(stage: Stage, proxy: Mitm, status: int) -> None:
    """Quirk path-count-tokens-404; four bytes of text are a token."""
    stage.script = lambda reply: reply.json(status, {"error": {"type": "not_found_error", "message": "no"}})
    with anthropic_sdk(proxy.gateway) as client:
        counted = client.messages.with_raw_response.count_tokens(model="m", messages=MESSAGES, system="x" * 400)
    assert counted.headers["x-wiremend-estimated"] == "input_tokens"
    # 400 of the system prompt; role, user, content and hi of the message
    assert counted.parse().input_tokens == -(-(400 + len("roleusercontenthi")) // 4)
    assert "path-count-tokens-404" in proxy.calls()[-1]["mended"]


@pytest.mark.parametrize("path", PATHS)
def test_mend_off_leaves_all_of_it_alone(stage: Stage, path: str) -> None:
    with Upstream(stage) as upstream, Mitm(RULES.format(url=upstream.url) + "mend: off\n") as proxy:
        for body, kind in ((json.dumps(ERROR).encode(), "text/event-stream"), (b"<p>", "text/html"), (b"", "x/y")):
            stage.script = send(body, [("content-type", kind)])
            for stream in (True, False):
                with Client.plain(proxy.port) as client:
                    response = ask(client, path, stream=stream)
                    assert (response.status, response.get("content-type")) == (200, kind)
                    assert response.read() == body
