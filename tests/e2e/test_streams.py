"""Nothing waits: each event is at the client before the upstream sends the next (G4), and what ends badly is seen to.

The upstream holds each event behind a gate that the test opens only when the one before has arrived, so a proxy that
gathers even two of them makes the test fail, whatever the machine's speed.
"""

from __future__ import annotations

import gzip
import json
import threading
from typing import TYPE_CHECKING

import pytest

from tests.lab import Answer, Authority, Client, Mitm, Reply, Request, Upstream, table
from tests.lab.http1 import DEADLINE
from tests.lab.replies import chat_events, messages_body, messages_events, responses_events, sse
from tests.lab.scripts import chat_stream, messages_stream, responses_stream
from tests.lab.sdk import KEY, MESSAGES, anthropic_sdk, openai_sdk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.lab import Script

RULES = """
providers:
  lab: {{base_url: '{url}', key: client}}
aliases: {{renamed: {{to: lab/m, keep_name: true}}}}
default: lab
listen: {{intercept: [localhost]}}
"""

ANSWER = Answer(model="m")
WIRES = {
    "/v1/messages": messages_events(ANSWER),
    "/v1/chat/completions": chat_events(ANSWER, include_usage=False),
    "/v1/responses": responses_events(ANSWER),
}
ASKED = json.dumps({"model": "m", "stream": True, "messages": [], "input": "x"}).encode()
HEADERS = {"host": "127.0.0.1", "x-api-key": KEY, "accept-encoding": "gzip, br"}


class Stage:
    """What the upstream does next; each test sets its own script."""

    gate: threading.Semaphore
    script: Script

    def __call__(self, request: Request, reply: Reply) -> None:
        self.script(request, reply)


@pytest.fixture
def stage(the_stage: Stage) -> Stage:
    the_stage.gate = threading.Semaphore(0)
    the_stage.script = table({})
    return the_stage


@pytest.fixture(scope="module")
def the_stage() -> Stage:
    return Stage()


@pytest.fixture(scope="module")
def upstream(the_stage: Stage) -> Iterator[Upstream]:
    with Upstream(the_stage) as up:
        yield up


@pytest.fixture(scope="module")
def site(the_stage: Stage, authority: Authority) -> Iterator[Upstream]:
    """Give a site that is no provider, behind TLS."""
    with Upstream(the_stage, tls=authority.server("localhost")) as up:
        yield up


@pytest.fixture(scope="module")
def proxy(upstream: Upstream, authority: Authority) -> Iterator[Mitm]:
    with Mitm(RULES.format(url=upstream.url), env={"SSL_CERT_FILE": str(authority.ca)}) as mitm:
        yield mitm


@pytest.mark.parametrize("path", WIRES)
def test_each_event_arrives_before_the_next_is_sent_byte_for_byte(stage: Stage, proxy: Mitm, path: str) -> None:
    stage.script = {
        "/v1/messages": messages_stream,
        "/v1/chat/completions": chat_stream,
        "/v1/responses": responses_stream,
    }[path](ANSWER, stage.gate)
    with Client.plain(proxy.port) as client:
        response = client.request("POST", path, HEADERS, ASKED)
        assert (response.status, response.get("content-length")) == (200, None)
        assert (response.get("content-type") or "").startswith("text/event-stream")
        for event in WIRES[path]:
            stage.gate.release()
            assert response.read_until(b"\n\n") == event
        assert response.read() == b""
        assert response.ending == "whole"


def test_the_head_does_not_wait_for_the_first_event_for_ever(stage: Stage, proxy: Mitm) -> None:
    """A client's own time-out for the head must not see the model's thinking time once a first byte is there."""
    seen = threading.Event()

    def script(_: Request, reply: Reply) -> None:
        reply.head(200, [("content-type", "text/event-stream")])
        reply.send(b": keep-alive\n\n")
        reply.wait(seen)
        for event in WIRES["/v1/messages"]:
            reply.send(event)
        reply.end()

    stage.script = script
    with Client.plain(proxy.port) as client:
        response = client.request("POST", "/v1/messages", HEADERS, ASKED)
        seen.set()
        assert response.read().endswith(b"".join(WIRES["/v1/messages"]))


def test_the_official_sdk_sees_each_event_as_it_comes(stage: Stage, proxy: Mitm) -> None:
    stage.script = messages_stream(ANSWER, stage.gate)
    with anthropic_sdk(proxy.gateway) as client:
        for _ in range(2):  # the head and the first text come with what was let through so far
            stage.gate.release()
        stream = client.messages.create(model="m", max_tokens=9, messages=MESSAGES, stream=True)
        assert next(iter(stream)).type == "message_start"
        for wanted in ("content_block_start", *["content_block_delta"] * len(ANSWER.pieces()), "content_block_stop"):
            stage.gate.release()
            assert next(iter(stream)).type == wanted
        stage.gate.release()
        stage.gate.release()
        assert [event.type for event in stream] == ["message_delta", "message_stop"]


@pytest.mark.parametrize("ending", ("\n", "\r\n", "\r"))
def test_events_cut_in_odd_places_come_out_the_same(stage: Stage, proxy: Mitm, ending: str) -> None:
    """The same bytes byte by byte, in each of the three line endings that the format allows."""
    whole = b"".join(WIRES["/v1/messages"]).replace(b"\n", ending.encode())

    def script(_: Request, reply: Reply) -> None:
        reply.head(200, [("content-type", "text/event-stream")])
        for at in range(len(whole)):
            reply.send(whole[at : at + 1])
        reply.end()

    stage.script = script
    with Client.plain(proxy.port) as client:
        response = client.request("POST", "/v1/messages", HEADERS, ASKED)
        assert response.read() == whole
        assert response.ending == "whole"


@pytest.mark.parametrize("path", WIRES)
def test_a_name_that_is_put_back_is_put_back_wherever_the_stream_is_cut(stage: Stage, proxy: Mitm, path: str) -> None:
    whole = b"".join(WIRES[path])

    def script(_: Request, reply: Reply) -> None:
        reply.head(200, [("content-type", "text/event-stream")])
        for at in range(len(whole)):
            reply.send(whole[at : at + 1])
        reply.end()

    stage.script = script
    with Client.plain(proxy.port) as client:
        body = b'{"model":"renamed","stream":true,"messages":[],"input":"x"}'
        assert client.request("POST", path, HEADERS, body).read() == whole.replace(b'"model":"m"', b'"model":"renamed"')


def test_a_stream_of_a_site_that_is_no_provider_is_not_buffered(stage: Stage, site: Upstream, proxy: Mitm) -> None:
    """Decrypted because ``listen.intercept`` says so, and otherwise as if Wiremend were not there."""
    events = [b"data: 1\n\n", b"event: x\ndata: {not json\n\n", b": nothing\n\n", b"data: \xff\xfe\n\n"]

    def script(_: Request, reply: Reply) -> None:
        reply.events(events, stage.gate)

    stage.script = script
    with Client.through(proxy.port, "localhost", site.port, ca=proxy.ca) as client:
        response = client.request("GET", "/live?a=b", {"Host": f"localhost:{site.port}", "Accept": "text/event-stream"})
        for event in events:
            stage.gate.release()
            assert response.read_until(b"\n\n") == event
        assert response.read() == b""


def test_a_large_download_of_a_stranger_passes_whole(stage: Stage, site: Upstream, proxy: Mitm) -> None:
    data = bytes(range(256)) * 8000
    stage.script = lambda _, reply: reply.body(
        200, [("Content-Type", "application/octet-stream"), ("X-Odd", "1")], data
    )
    with Client.through(proxy.port, "localhost", site.port, ca=proxy.ca) as client:
        response = client.request("GET", "/file", {"Host": f"localhost:{site.port}"})
        assert response.get("x-odd") == "1"
        assert response.read() == data


def test_a_compressed_stream_is_not_asked_for(stage: Stage, upstream: Upstream, proxy: Mitm) -> None:
    upstream.forget()
    stage.script = messages_stream(ANSWER)
    with Client.plain(proxy.port) as client:
        client.request("POST", "/v1/messages", HEADERS, ASKED).read()
    assert upstream.wait_for(1)[0].get("accept-encoding") in {None, "identity"}


def test_a_stream_that_comes_compressed_all_the_same_arrives_readable(stage: Stage, proxy: Mitm) -> None:
    whole = b"".join(WIRES["/v1/messages"])

    def script(_: Request, reply: Reply) -> None:
        reply.head(200, [("content-type", "text/event-stream"), ("content-encoding", "gzip")])
        packed = gzip.compress(whole)
        for at in range(0, len(packed), 7):
            reply.send(packed[at : at + 7])
        reply.end()

    stage.script = script
    with Client.plain(proxy.port) as client:
        response = client.request("POST", "/v1/messages", HEADERS, ASKED)
        data = response.read()
        packed = (response.get("content-encoding") or "identity") == "gzip"
        assert (gzip.decompress(data) if packed else data) == whole


@pytest.mark.parametrize("finish", (Reply.cut, Reply.abort))
def test_a_stream_that_is_cut_is_never_a_success(stage: Stage, proxy: Mitm, finish: Callable[[Reply], None]) -> None:
    arrived = threading.Event()

    def script(_: Request, reply: Reply) -> None:
        reply.head(200, [("content-type", "text/event-stream")])
        for event in WIRES["/v1/messages"][:5]:
            reply.send(event)
        reply.wait(arrived)
        finish(reply)

    stage.script = script
    with Client.plain(proxy.port) as client:
        response = client.request("POST", "/v1/messages", HEADERS, ASKED)
        got = response.read_until(b"".join(WIRES["/v1/messages"][:5])[-20:])
        arrived.set()
        got += response.read()
        assert b"message_stop" not in got
        assert response.ending != "whole" or b"event: error" in got


def test_a_client_that_leaves_takes_the_upstream_request_with_it(stage: Stage, upstream: Upstream, proxy: Mitm) -> None:
    upstream.hung_up.clear()

    def script(_: Request, reply: Reply) -> None:
        reply.head(200, [("content-type", "text/event-stream")])
        reply.send(WIRES["/v1/messages"][0])
        reply.wait_gone()

    stage.script = script
    with Client.plain(proxy.port) as client:
        client.request("POST", "/v1/messages", HEADERS, ASKED).read_until(b"\n\n")
    assert upstream.hung_up.wait(DEADLINE)


def test_several_streams_run_side_by_side(stage: Stage, proxy: Mitm) -> None:
    """Eight at once, each let on in turn: none waits for another."""
    gates = [threading.Semaphore(0) for _ in range(8)]

    def script(request: Request, reply: Reply) -> None:
        number = int(request.query.removeprefix("n="))
        reply.events([piece(number, i) for i in range(3)], gates[number])

    def piece(number: int, i: int) -> bytes:
        delta = {"content": f"{number}.{i}"} | ({} if i else {"role": "assistant"})
        choice = {"index": 0, "delta": delta, "finish_reason": None}
        return sse({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]})

    stage.script = script
    clients = [Client.plain(proxy.port) for _ in gates]
    try:
        replies = []
        for number, client in enumerate(clients):
            gates[number].release()
            replies.append(client.request("POST", f"/v1/chat/completions?n={number}", HEADERS, ASKED))
        for i in range(3):
            for number in reversed(range(8)):
                if i:
                    gates[number].release()
                assert replies[number].read_until(b"\n\n") == piece(number, i)
    finally:
        for client in clients:
            client.close()


def test_what_the_upstream_refuses_passes_as_it_is(stage: Stage, proxy: Mitm) -> None:
    body = b'{ "type":"error","error" : {"type":"rate_limit_error" ,"message":"caf\\u00e9"}}\n'
    headers = [
        ("Content-Type", "application/octet-stream"),
        ("Retry-After", "7"),
        ("X-Request-Id", "r1"),
        ("x-request-id", "r2"),
    ]
    stage.script = lambda _, reply: reply.body(429, headers, body)
    with Client.plain(proxy.port) as client:
        response = client.request("POST", "/v1/messages", HEADERS, ASKED)
        assert (response.status, response.get("retry-after")) == (429, "7")
        assert response.all("x-request-id") == ["r1", "r2"]
        assert response.read() == body


def test_a_whole_reply_keeps_its_bytes_and_its_coding(stage: Stage, proxy: Mitm) -> None:
    packed = gzip.compress(json.dumps(messages_body(ANSWER), indent=1).encode())
    stage.script = lambda _, reply: reply.body(
        200, [("content-type", "application/json"), ("content-encoding", "gzip")], packed
    )
    with Client.plain(proxy.port) as client:
        response = client.request("POST", "/v1/messages", HEADERS, b'{"model":"m","messages":[]}')
        assert (response.get("content-encoding"), response.read()) == ("gzip", packed)


@pytest.mark.parametrize("finish", (Reply.cut, Reply.abort))
def test_an_upstream_that_hangs_up_without_a_word_is_an_error_and_no_hang(
    stage: Stage, proxy: Mitm, finish: Callable[[Reply], None]
) -> None:
    stage.script = lambda _, reply: finish(reply)
    with Client.plain(proxy.port) as client:
        assert client.request("POST", "/v1/messages", HEADERS, ASKED).status == 502


def test_a_last_event_without_an_end_is_given_one(stage: Stage, proxy: Mitm) -> None:
    """Quirk sse-final-newline-missing: the AI SDK and Codex drop it."""
    whole = b"".join(WIRES["/v1/chat/completions"])

    def script(_: Request, reply: Reply) -> None:
        reply.head(200, [("content-type", "text/event-stream")])
        reply.send(whole.removesuffix(b"\n\n"))
        reply.end()

    stage.script = script
    with Client.plain(proxy.port) as client:
        assert client.request("POST", "/v1/chat/completions", HEADERS, ASKED).read() == whole


@pytest.mark.parametrize("http2", (False, True))
def test_an_openai_client_streams_through_the_https_proxy_over_either_http(
    stage: Stage,
    site: Upstream,
    upstream: Upstream,
    proxy: Mitm,
    http2: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """Codex speaks HTTP/2 over TLS."""
    upstream.forget()
    stage.script = responses_stream(ANSWER, stage.gate)
    with openai_sdk(f"{site.url}/v1/v1", proxy=proxy, http2=http2) as client:
        stage.gate.release()
        stream = client.responses.create(model="m", input="hi", stream=True)
        assert next(iter(stream)).type == "response.created"
        for _ in WIRES["/v1/responses"]:
            stage.gate.release()
        assert [event.type for event in stream][-1] == "response.completed"
    (request,) = upstream.wait_for(1)
    assert (request.target, request.get("host")) == ("/v1/responses", f"127.0.0.1:{upstream.port}")
