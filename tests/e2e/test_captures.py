"""Every exchange is remembered while it happens: both sides, the cuts as the upstream wrote them, and no secret.

One real proxy for all; the upstream speaks TLS or plain HTTP/1.1. What is on the disk is read back by us and by
mitmproxy's own programs.
"""

from __future__ import annotations

import json
import stat
import subprocess
import threading
import zlib
from typing import TYPE_CHECKING, Any

import brotli  # type: ignore[import-untyped]  # it has no types
import pytest
import zstandard

from tests.lab import Answer, Authority, Client, Mitm, Reply, Request, Upstream
from tests.lab.proxy import BIN
from tests.lab.replies import chat_events, messages_body, messages_events, responses_events, sse
from tests.lab.sdk import MESSAGES, openai_sdk
from wiremend.mitm.flows import read_flows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wiremend.captures.capture import Capture

KEY = "sk-ant-api03-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJ"
ANSWER = Answer("one two three four", model="m")
STREAMS = {
    "/v1/messages": messages_events(ANSWER),
    "/v1/chat/completions": chat_events(ANSWER, include_usage=False),
    "/v1/responses": responses_events(ANSWER),
}
EVENT_STREAM = ("content-type", "text/event-stream")
RULES = """
providers:
  lab: {{base_url: '{url}', key: client}}
  plain: {{base_url: '{plain}', key: client}}
  picky: {{base_url: '{plain}', key: client, speaks: [chat]}}
  dead: {{base_url: 'http://127.0.0.1:1', key: client}}
routes:
  - {{when: {{model: dead}}, to: dead}}
  - {{when: {{model: plain}}, to: plain}}
  - {{when: {{model: picky}}, to: picky}}
default: lab
listen: {{intercept: [localhost]}}
"""


class Stage:
    """What the upstream does next."""

    script: Callable[[Request, Reply], None]
    port: int

    def __call__(self, request: Request, reply: Reply) -> None:
        self.script(request, reply)


@pytest.fixture(scope="module")
def stage() -> Stage:
    return Stage()


@pytest.fixture(scope="module")
def proxy(stage: Stage, authority: Authority) -> Iterator[Mitm]:
    with (
        Upstream(stage, tls=authority.server("localhost")) as up,
        Upstream(stage) as plain,
        Mitm(RULES.format(url=up.url, plain=plain.url), env={"SSL_CERT_FILE": str(authority.ca)}) as mitm,
    ):
        stage.port = up.port
        yield mitm


def body(model: str = "m", *, stream: bool = True, say: str = "x") -> bytes:
    return json.dumps({"model": model, "stream": stream, "max_tokens": 9, "messages": [], "input": say}).encode()


HEAD = {"host": "127.0.0.1", "x-api-key": KEY, "user-agent": "claude-cli/2.1.197 (external)"}


def ask(client: Client, path: str, data: bytes, **headers: str) -> Any:  # noqa: ANN401 - the lab's response
    return client.request("POST", path, {**HEAD, **headers}, data)


def next_one(proxy: Mitm, before: int) -> Capture:
    return proxy.wait_captures(before + 1)[before]


def count(proxy: Mitm) -> int:
    """Give how many calls have ended; each is one capture."""
    return len(proxy.wait_captures(len(proxy.calls())))


def packed(events: list[bytes], coding: str | None) -> list[bytes]:
    """Compress events, each flushed, as a server that streams does."""
    if coding is None:
        return events
    if coding == "gzip":
        gzip = zlib.compressobj(wbits=31)
        pieces = [gzip.compress(event) + gzip.flush(zlib.Z_SYNC_FLUSH) for event in events]
        return [*pieces, gzip.flush()]
    if coding == "br":
        br = brotli.Compressor()
        pieces = [br.process(event) + br.flush() for event in events]
        return [*pieces, br.finish()]
    zstd = zstandard.ZstdCompressor().compressobj()
    pieces = [zstd.compress(event) + zstd.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK) for event in events]
    return [*pieces, zstd.flush(zstandard.COMPRESSOBJ_FLUSH_FINISH)]


@pytest.mark.parametrize("model", ("m", "plain"), ids=("TLS", "plain"))
@pytest.mark.parametrize("coding", (None, "gzip", "br", "zstd"))
@pytest.mark.parametrize("path", STREAMS)
def test_the_cuts_are_those_that_the_upstream_wrote(
    stage: Stage, proxy: Mitm, path: str, coding: str | None, model: str
) -> None:
    """Each piece is written when the client has what the one before said, so that none can run together."""
    events = STREAMS[path]
    pieces = packed(events, coding)
    gate = threading.Semaphore(0)

    def script(_: Request, reply: Reply) -> None:
        reply.head(200, [EVENT_STREAM, *([("content-encoding", coding)] if coding else [])])
        for piece in pieces:
            reply.wait(gate)
            reply.send(piece)
        reply.end()

    stage.script = script
    before = count(proxy)
    with Client.plain(proxy.port) as client:
        gate.release()
        response = ask(client, path, body(model))
        got = b""
        for event in events:
            while len(got) < sum(map(len, events[: events.index(event) + 1])):
                got += next(response.chunks())
            gate.release()
        got += response.read()
    capture = next_one(proxy, before)
    came = capture.attempts[0].response
    assert came is not None
    assert came.body.chunks[: len(events)] == pieces[: len(events)]
    assert came.body.data == b"".join(pieces)
    assert came.headers.get("content-encoding") == coding
    assert capture.answer is not None
    assert capture.answer.body.data == got == b"".join(events)
    assert capture.answer.body.chunks == events
    times = [at for _, at in came.body.cuts]
    assert times == sorted(times)


def test_a_request_of_both_sides(stage: Stage, proxy: Mitm) -> None:
    seen: list[Request] = []

    def script(request: Request, reply: Reply) -> None:
        seen.append(request)
        reply.json(200, messages_body(ANSWER))

    stage.script = script
    before = count(proxy)
    with Client.plain(proxy.port) as client:
        ask(client, "/v1/v1/messages?beta=true", body("lab/other", stream=False)).read()
    capture = next_one(proxy, before)
    request, sent = capture.request, capture.attempts[0].request
    assert (request.host, request.target, request.body) == (
        None,
        "/v1/v1/messages?beta=true",
        body("lab/other", stream=False),
    )
    assert [name for name, _ in request.headers][:3] == ["host", "x-api-key", "user-agent"]
    assert (sent.host, sent.target, sent.body) == ("localhost", seen[0].target, seen[0].body)
    assert [name for name, _ in sent.headers] == [name for name, _ in seen[0].headers]
    assert capture.attempts[0].decision["edits"] == []
    assert (capture.client, capture.wire, capture.model) == ("claude-code", "messages", "lab/other")
    assert capture.inputs.style == "gateway"


@pytest.mark.parametrize("broken", (Reply.cut, Reply.abort), ids=("cut", "reset"))
@pytest.mark.parametrize("sent", (0, 1, 4))
def test_a_cut_is_kept_as_it_happened(stage: Stage, proxy: Mitm, broken: Callable[[Reply], None], sent: int) -> None:
    events = STREAMS["/v1/messages"]
    gate = threading.Semaphore(0)

    def script(_: Request, reply: Reply) -> None:
        reply.head(200, [EVENT_STREAM])
        for event in events[:sent]:
            reply.send(event)
        if sent:
            reply.wait(gate)
        broken(reply)

    stage.script = script
    before = count(proxy)
    with Client.plain(proxy.port) as client:
        response = ask(client, "/v1/messages", body())
        got = response.read_until(events[sent - 1]) if sent else b""
        gate.release()
        got += response.read()
    capture = next_one(proxy, before)
    came = capture.attempts[0].response
    assert capture.attempts[0].error
    assert capture.error == capture.attempts[0].error
    if came is not None:
        assert came.body.data == b"".join(events[:sent])
    else:
        assert not sent, "a reset may overtake a head with nothing behind it"
    assert capture.answer is not None
    assert capture.answer.status == response.status
    assert capture.answer.body.data == got


def test_an_upstream_that_is_not_there(proxy: Mitm) -> None:
    before = count(proxy)
    with Client.plain(proxy.port) as client:
        response = ask(client, "/v1/messages", body("dead"))
        got = response.read()
    capture = next_one(proxy, before)
    assert capture.attempts[0].response is None
    assert capture.attempts[0].error
    assert capture.answer is not None
    assert (capture.answer.status, capture.answer.body.data) == (502, got)


def test_a_refusal_of_ours(proxy: Mitm) -> None:
    before = count(proxy)
    with Client.plain(proxy.port) as client:
        response = ask(client, "/v1/messages", b'{"model":"picky","messages":"none"}')
        got = response.read()
    capture = next_one(proxy, before)
    assert capture.attempts == ()
    assert capture.answer is not None
    assert (capture.answer.status, capture.answer.body.data) == (response.status, got)
    assert response.status >= 400


def test_a_client_that_leaves(stage: Stage, proxy: Mitm) -> None:
    events = STREAMS["/v1/messages"]

    def script(_: Request, reply: Reply) -> None:
        reply.head(200, [EVENT_STREAM])
        reply.send(events[0])
        reply.wait_gone()

    stage.script = script
    before = count(proxy)
    with Client.plain(proxy.port) as client:
        ask(client, "/v1/messages", body()).read_until(events[0])
    capture = next_one(proxy, before)
    assert capture.error
    assert "disconnect" in capture.error.lower()
    assert capture.answer is not None
    assert capture.answer.body.data == events[0]


def test_a_whole_reply_that_is_mended_is_there_before_and_after(stage: Stage, proxy: Mitm) -> None:
    """An error under a status of success: as it came, and as the client got it."""
    error = json.dumps({"error": {"message": "boom", "type": "server_error"}}).encode()
    stage.script = lambda _, reply: reply.body(200, [("content-type", "application/json")], error)
    before = count(proxy)
    for stream in (True, False):
        with Client.plain(proxy.port) as client:
            response = ask(client, "/v1/messages", body(stream=stream))
            got = response.read()
        capture = next_one(proxy, before)
        before += 1
        came = capture.attempts[0].response
        assert came is not None
        assert (came.status, came.body.data) == (200, error)
        assert capture.answer is not None
        assert (capture.answer.status, capture.answer.body.data) == (response.status, got)
        assert response.status >= 500
        assert capture.notes


def test_what_is_no_llm_endpoint_is_not_kept(stage: Stage, proxy: Mitm) -> None:
    stage.script = lambda _, reply: reply.json(200, {"secret": "of another site"})
    with Client.through(proxy.port, "localhost", stage.port, ca=proxy.ca) as client:
        assert b"of another site" in client.request("GET", "/private/page", {"host": "localhost"}).read()
    stage.script = lambda _, reply: reply.json(200, messages_body(ANSWER))
    before = count(proxy)
    with Client.plain(proxy.port) as client:
        ask(client, "/v1/messages", body(stream=False)).read()
    next_one(proxy, before)
    for path in proxy.captures.rglob("*"):
        assert not path.is_file() or b"of another site" not in path.read_bytes()


def test_a_client_of_the_proxy_that_speaks_http2(stage: Stage, proxy: Mitm) -> None:
    events = STREAMS["/v1/chat/completions"]
    stage.script = lambda _, reply: reply.events(events)
    before = count(proxy)
    with openai_sdk(f"https://localhost:{stage.port}/v1", key=KEY, proxy=proxy, http2=True) as client:
        stream = client.chat.completions.create(model="m", messages=MESSAGES, stream=True)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == ANSWER.text
    capture = next_one(proxy, before)
    request = capture.request
    assert (request.version, request.host, request.port) == ("HTTP/2.0", "localhost", stage.port)
    assert capture.inputs.style == "proxy"
    assert capture.attempts[0].response is not None
    assert capture.attempts[0].response.body.data == b"".join(events)
    assert capture.answer is not None
    assert capture.answer.body.data == b"".join(events)
    (path,) = proxy.captures.glob("*.flows")
    *_, last = read_flows(path)
    assert last.flow is not None
    assert last.flow.request.pretty_url == f"https://localhost:{stage.port}/v1/chat/completions"


# -- what lies on the disk


PLANTED = {
    "header": "sk-ant-api03-planted-in-a-header-0123456789abcdef",
    "query": "AIzaPlantedInTheQuery0123456789abcdefghi",
    "body": "sk-proj-PlantedInTheBody0123456789abcdefghijklmnopqrstuvwxyz",
    "stream": "sk-kimi-PlantedInTheStream0123456789abcdef",
    "cookie": "planted-in-a-cookie-0123456789",
    "error": "hf_PlantedInAnError0123456789abcdefgh",
}


def test_nothing_planted_is_on_the_disk_or_in_the_log(stage: Stage, proxy: Mitm) -> None:
    """Whole, and split over two chunks."""
    secret = PLANTED["stream"].encode()
    half = sse({"type": "ping", "note": "STREAM"}, "ping").replace(b"STREAM", secret)
    at = half.index(secret) + 9
    first, *rest = STREAMS["/v1/messages"]

    def script(request: Request, reply: Reply) -> None:
        if b"fail" in request.body:
            message = f"wrong key {PLANTED['error']} and {PLANTED['header']}"
            reply.json(401, {"error": {"type": "authentication_error", "message": message}})
            return
        reply.head(200, [EVENT_STREAM, ("set-cookie", f"s={PLANTED['cookie']}")])
        for piece in (first, half[:at], half[at:], *rest):
            reply.send(piece)
        reply.end()

    stage.script = script
    before = count(proxy)
    headers = {"x-api-key": PLANTED["header"], "cookie": f"s={PLANTED['cookie']}"}
    with Client.plain(proxy.port) as client:
        for say in (PLANTED["body"], "fail"):
            response = client.request(
                "POST", f"/v1/messages?key={PLANTED['query']}", {**HEAD, **headers}, body(say=say)
            )
            assert response.read()
    proxy.wait_captures(before + 2)
    files = [path for path in proxy.home.rglob("*") if path.is_file()]
    assert any(path.suffix == ".flows" for path in files)
    data = {str(path): path.read_bytes() for path in files}
    data |= {"the log": proxy.log().encode(), "the calls": json.dumps(proxy.calls()).encode()}
    told = [(name, where) for name, one in PLANTED.items() for where, text in data.items() if one.encode() in text]
    assert told == []


def test_files_are_private_and_out_of_any_repository(proxy: Mitm) -> None:
    count(proxy)
    found = {path.name: stat.S_IMODE(path.stat().st_mode) for path in [proxy.captures, *proxy.captures.rglob("*")]}
    assert found.pop("captures") == found.pop("rules") == 0o700
    assert set(found.values()) == {0o600}
    assert (proxy.captures / ".gitignore").read_text() == "*\n"
    (rules,) = (proxy.captures / "rules").iterdir()
    assert proxy.rules is not None
    assert rules.read_text() == proxy.rules.read_text()
    assert rules.stem == proxy.ready["rules_hash"]


def test_mitmdump_lists_the_file_with_the_clients_side(stage: Stage, proxy: Mitm) -> None:
    stage.script = lambda _, reply: reply.events(STREAMS["/v1/messages"])
    before = count(proxy)
    with Client.plain(proxy.port) as client:
        ask(client, "/v1/messages?unheard=of", body()).read()
    next_one(proxy, before)
    (path,) = proxy.captures.glob("*.flows")
    listed = subprocess.run(
        [str(BIN / "mitmdump"), "-nr", str(path), "--flow-detail", "3", "--set", f"confdir={proxy.confdir}"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert "POST http://127.0.0.1" in listed.stdout
    assert "/v1/messages?unheard=of" in listed.stdout
    assert "message_stop" in listed.stdout
    *_, last = read_flows(path)
    assert last.flow is not None
    assert "m → lab/m" in last.flow.comment
    assert last.flow.metadata["wiremend"]["provider"] == "lab"
