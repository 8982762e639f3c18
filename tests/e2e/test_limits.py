"""What is too large is refused, or ended, in the client's own wire.

What is small when it comes and large when it is decoded counts as it is decoded, and is never decoded as a whole.
"""

from __future__ import annotations

import gzip
import json
import threading
from typing import TYPE_CHECKING, Final

import brotli  # type: ignore[import-untyped]  # it ships no types
import psutil
import pytest
import zstandard

from tests.lab import Answer, Client, Mitm, Reply, Request, Upstream
from tests.lab.http1 import DEADLINE
from tests.lab.http2_client import Http2Client
from tests.lab.replies import chat_events, messages_events
from wiremend.pipeline.bounds import TOGETHER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.lab import Script

MB: Final = 1000**2
RULES: Final = """
limits: {{request_body: 1MB, reply_body: 2MB, event: 100KB}}
capture: off
listen: {{intercept: [localhost]}}
providers:
  lab: {{base_url: '{url}/v1', key: client, speaks: [messages, chat, responses], quirks: []}}
  small: {{base_url: '{url}/v1', key: client, speaks: [chat], limits: {{request_body: 10KB}}}}
routes: [{{when: {{model: small}}, to: small}}]
default: lab
"""
KEY: Final = "sk-FAKE-client-limits-01"
HEADERS: Final = {"host": "127.0.0.1", "authorization": f"Bearer {KEY}", "content-type": "application/json"}
PATHS: Final = ("/v1/messages", "/v1/chat/completions", "/v1/responses")
CODERS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "gzip": gzip.compress,
    "br": brotli.compress,
    "zstd": zstandard.compress,
}


class Stage:
    """What the upstream does next."""

    script: Script

    def __call__(self, request: Request, reply: Reply) -> None:
        self.script(request, reply)


@pytest.fixture(scope="module")
def stage() -> Stage:
    return Stage()


@pytest.fixture(scope="module")
def upstream(stage: Stage) -> Iterator[Upstream]:
    with Upstream(stage) as up:
        yield up


@pytest.fixture(scope="module")
def proxy(upstream: Upstream) -> Iterator[Mitm]:
    with Mitm(RULES.format(url=upstream.url)) as mitm:
        yield mitm


@pytest.fixture(autouse=True)
def fresh(upstream: Upstream) -> None:
    upstream.forget()


def asked(size: int = 0, model: str = "m", *, stream: bool = False) -> bytes:
    said = {"model": model, "stream": stream, "max_tokens": 9, "messages": [{"role": "user", "content": "x" * size}]}
    return json.dumps({**said, "input": "hi"}).encode()


def is_error(path: str, body: dict[str, object]) -> bool:
    """Tell whether a body is an error of the path's wire."""
    error = body.get("error")
    return (
        isinstance(error, dict) and isinstance(error.get("message"), str) and ("type" in body) == ("messages" in path)
    )


def resident(proxy: Mitm) -> int:
    return int(psutil.Process(proxy.ready["pid"]).memory_info().rss)


# -- requests


@pytest.mark.parametrize("path", PATHS)
def test_a_request_whose_length_is_too_large(proxy: Mitm, upstream: Upstream, path: str) -> None:
    count = len(proxy.calls())
    with Client.plain(proxy.port) as client:
        response = client.request("POST", path, HEADERS, asked(2 * MB))
        assert response.status == 413
        body = response.json()
        assert is_error(path, body)
        assert "1000000 bytes" in body["error"]["message"]
        assert response.get("x-should-retry") == "false"
    assert upstream.requests == []
    [row] = proxy.wait_calls(count + 1)[count:]
    assert row["status"] == 413


def test_a_request_that_is_refused_for_its_length_is_not_read_first(proxy: Mitm) -> None:
    """The answer comes while nearly all of the body is still to be sent."""
    head = "".join(f"{name}: {value}\r\n" for name, value in {**HEADERS, "content-length": str(10**12)}.items())
    with Client.plain(proxy.port) as client:
        client.send(f"POST /v1/messages HTTP/1.1\r\n{head}\r\n".encode() + b"x" * 100)
        assert client.response().status == 413


def test_a_chunked_request_without_an_end_is_answered_and_not_kept(proxy: Mitm) -> None:
    before = resident(proxy)
    head = "".join(f"{name}: {value}\r\n" for name, value in {**HEADERS, "transfer-encoding": "chunked"}.items())
    chunk = b"%x\r\n%s\r\n" % (65536, b"x" * 65536)
    with Client.plain(proxy.port) as client:
        client.send(f"POST /v1/chat/completions HTTP/1.1\r\n{head}\r\n".encode())
        answered = threading.Event()

        def send() -> None:
            for _ in range(2000):  # 131 MB
                client.send(chunk)
            answered.wait(DEADLINE)
            client.send(b"0\r\n\r\n")

        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        response = client.response()
        assert (response.status, is_error("/v1/chat/completions", response.json())) == (413, True)
        answered.set()
        sender.join(DEADLINE * 2)
        assert not sender.is_alive()
        assert resident(proxy) - before < 40 * MB
        # The connection is as good as before: what was not wanted was read to its end.
        assert client.request("POST", "/v1/chat/completions", HEADERS, asked(2 * MB)).status == 413


@pytest.mark.parametrize("length", (True, False))
def test_a_large_request_on_http2_does_not_end_the_others(stage: Stage, proxy: Mitm, *, length: bool) -> None:
    stage.script = lambda _, reply: reply.json(200, {"object": "chat.completion", "choices": []})
    headers = {name: text for name, text in HEADERS.items() if name != "host"}
    with Http2Client.through(proxy.port, "localhost", ca=proxy.ca) as client:
        large = client.request("POST", "/v1/chat/completions", headers, asked(2 * MB), length=length).wait()
        assert (large.status, is_error("/v1/chat/completions", large.json())) == (413, True)
        assert client.request("POST", "/v1/chat/completions", headers, asked()).wait().read()


@pytest.mark.parametrize("coding", CODERS)
def test_a_bomb_is_as_large_as_it_is_decoded(proxy: Mitm, upstream: Upstream, coding: str) -> None:
    before = resident(proxy)
    bomb = CODERS[coding](b"[" + b" " * 200 * MB + b"]")
    assert len(bomb) < MB
    with Client.plain(proxy.port) as client:
        response = client.request("POST", "/v1/chat/completions", {**HEADERS, "content-encoding": coding}, bomb)
        assert (response.status, is_error("/v1/chat/completions", response.json())) == (413, True)
    assert resident(proxy) - before < 40 * MB
    assert upstream.requests == []


def test_a_provider_takes_less_than_the_others(stage: Stage, proxy: Mitm, upstream: Upstream) -> None:
    stage.script = lambda _, reply: reply.json(200, {"object": "chat.completion", "choices": []})
    with Client.plain(proxy.port) as client:
        response = client.request("POST", "/v1/chat/completions", HEADERS, asked(20_000, "small"))
        assert (response.status, is_error("/v1/chat/completions", response.json())) == (413, True)
        assert "10000 bytes" in str(proxy.wait_calls(1)[-1]["error"])
        assert upstream.requests == []
        assert client.request("POST", "/v1/chat/completions", HEADERS, asked(20_000)).read()
        assert len(upstream.requests) == 1


def test_an_upload_that_asks_no_model_is_not_limited(stage: Stage, proxy: Mitm, upstream: Upstream) -> None:
    stage.script = lambda _, reply: reply.json(200, {"id": "file-1"})
    with Client.plain(proxy.port) as client:
        response = client.request("POST", "/v1/files", HEADERS, b"x" * 3 * MB)
        assert (response.status, response.json()) == (200, {"id": "file-1"})
    assert [len(one.body) for one in upstream.requests] == [3 * MB]


# -- replies


def test_a_whole_reply_that_is_too_large(stage: Stage, proxy: Mitm) -> None:
    stage.script = lambda _, reply: reply.body(200, [("content-type", "application/json")], b" " * 3 * MB)
    with Client.plain(proxy.port) as client:
        response = client.request("POST", "/v1/messages", HEADERS, asked())
        assert response.status == 502
        assert is_error("/v1/messages", response.json())


@pytest.mark.parametrize("status", (200, 500))
@pytest.mark.parametrize("coding", CODERS)
def test_a_whole_reply_that_is_a_bomb(stage: Stage, proxy: Mitm, coding: str, status: int) -> None:
    before = resident(proxy)
    bomb = CODERS[coding](b" " * 200 * MB)
    stage.script = lambda _, reply: reply.body(
        status, [("content-type", "application/json"), ("content-encoding", coding)], bomb
    )
    with Client.plain(proxy.port) as client:
        response = client.request("POST", "/v1/messages", HEADERS, asked())
        assert response.status in {502, 500}
        assert is_error("/v1/messages", response.json())
    assert resident(proxy) - before < 40 * MB


@pytest.mark.parametrize("coding", CODERS)
def test_a_stream_that_is_a_bomb_ends_with_an_error(stage: Stage, proxy: Mitm, coding: str) -> None:
    before = resident(proxy)
    events = b"".join(messages_events(Answer("one two", model="m"))[:-1])
    bomb = CODERS[coding](events + b": comment\n\n" * 20 * MB)

    def script(_: Request, reply: Reply) -> None:
        reply.head(200, [("content-type", "text/event-stream"), ("content-encoding", coding)])
        reply.send(bomb)
        reply.end()

    stage.script = script
    with Client.plain(proxy.port) as client:
        response = client.request("POST", "/v1/messages", HEADERS, asked(stream=True))
        given = response.read()
        assert response.ending == "whole"
        assert given.count(b"event: error") == 1 or is_error("/v1/messages", json.loads(given))
    assert resident(proxy) - before < 64 * MB


def test_a_stream_that_is_too_long_ends_with_an_error(stage: Stage, proxy: Mitm) -> None:
    gone = threading.Event()
    event = chat_events(Answer("word " * 1000, model="m"), include_usage=False)[1]

    def script(_: Request, reply: Reply) -> None:
        reply.head(200, [("content-type", "text/event-stream")])
        try:
            while True:
                reply.send(event)
        finally:
            gone.set()

    stage.script = script
    with Client.plain(proxy.port) as client:
        response = client.request("POST", "/v1/chat/completions", HEADERS, asked(stream=True))
        given = response.read()
        assert response.ending == "whole"
        assert given.endswith(b"data: [DONE]\n\n")
        assert b'"error"' in given
        assert len(given) < 3 * MB
    assert gone.wait(DEADLINE), "the upstream was not closed"


def test_an_event_that_is_too_large_ends_the_stream(stage: Stage, proxy: Mitm) -> None:
    events = chat_events(Answer("one two", model="m"), include_usage=False)

    def script(_: Request, reply: Reply) -> None:
        reply.head(200, [("content-type", "text/event-stream")])
        for one in (*events[:2], b"data: " + b"x" * 150_000, *events[2:]):
            reply.send(one)
        reply.end()

    stage.script = script
    with Client.plain(proxy.port) as client:
        response = client.request("POST", "/v1/chat/completions", HEADERS, asked(stream=True))
        given = response.read()
        assert given.startswith(events[0])
        assert b"larger than 100000 bytes" in given
        assert given.endswith(b"data: [DONE]\n\n")


def test_little_memory_makes_events_smaller(stage: Stage) -> None:
    big = b'data: {"x":"' + b"y" * 2 * MB + b'"}\n\n'
    events = chat_events(Answer("one", model="m"), include_usage=False)

    def script(_: Request, reply: Reply) -> None:
        reply.head(200, [("content-type", "text/event-stream")])
        for one in (*events[:2], big, *events[2:]):
            reply.send(one)
        reply.end()

    stage.script = script
    with Upstream(stage) as up:
        limits = f"limits: {{memory: {TOGETHER // MB + 1}MB}}\n"
        rules = f"{limits}providers: {{lab: {{base_url: '{up.url}/v1', key: client}}}}\ndefault: lab\n"
        with Mitm(rules) as proxy, Client.plain(proxy.port) as client:
            response = client.request("POST", "/v1/chat/completions", HEADERS, asked(stream=True))
            assert b"larger than 1000000 bytes" in response.read()
