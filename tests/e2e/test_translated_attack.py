"""Providers and clients at their worst, with a provider of another wire: the client gets a legal end, or an error (G2).

A real mitmdump between. Each reply is judged by the contract of the client's wire, and by its one terminal; the proxy's
log holds no failure of its own (G7).
"""

from __future__ import annotations

import json
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.e2e.secrets_traffic import packed
from tests.lab import Answer, Authority, Client, Mitm, Reply, Request, Upstream
from tests.lab.http2 import Http2Upstream
from tests.lab.http2_client import Http2Client
from tests.lab.replies import chat_body, chat_events, messages_body, messages_events, responses_body, responses_events
from tests.lab.sdk import KEY
from wiremend.protocols.wires import CHECKS, CONTRACTS
from wiremend.sse import EventParser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from wiremend.protocols.base import WireName

    type Script = Callable[[Request, Reply], None]

PATHS: Final[dict[WireName, str]] = {
    "messages": "/v1/messages",
    "chat": "/v1/chat/completions",
    "responses": "/v1/responses",
}
WAYS: Final = [(client, upstream) for client in PATHS for upstream in PATHS if client != upstream]
ANSWER: Final = Answer(model="m", text="one two three", tool=("sh", {"command": "ls"}))
EVENTS: Final = {
    "messages": messages_events(ANSWER),
    "chat": chat_events(ANSWER),
    "responses": responses_events(ANSWER),
}
BODIES: Final = {"messages": messages_body(ANSWER), "chat": chat_body(ANSWER), "responses": responses_body(ANSWER)}
ENDS: Final[dict[WireName, tuple[bytes, ...]]] = {
    "messages": (b"event: message_stop", b"event: error"),
    "chat": (b"data: [DONE]",),
    "responses": (b"event: response.completed", b"event: response.failed", b"event: response.incomplete"),
}
SAYS: Final[dict[WireName, bytes]] = {"messages": b'"one ', "chat": b'"one ', "responses": b'"one '}
SCHEMA: Final = {"type": "object", "properties": {"command": {"type": "string"}}}
TOOLS: Final[dict[WireName, dict[str, Any]]] = {
    "messages": {"name": "sh", "input_schema": SCHEMA},
    "chat": {"type": "function", "function": {"name": "sh", "parameters": SCHEMA}},
    "responses": {"type": "function", "name": "sh", "parameters": SCHEMA, "strict": False},
}
FAILURES: Final = ("Wiremend failed", "itself failed", "Traceback")

RULES: Final = """
providers:
  p-messages: {{base_url: '{url}', speaks: [messages], key: client}}
  p-chat: {{base_url: '{url}', speaks: [chat], key: client}}
  p-responses: {{base_url: '{url}', speaks: [responses], key: client}}
routes:
  - {{when: {{header: {{x-to: messages}}}}, to: p-messages}}
  - {{when: {{header: {{x-to: chat}}}}, to: p-chat}}
  - {{when: {{header: {{x-to: responses}}}}, to: p-responses}}
edits:
  - {{when: {{header: {{x-edit: 'yes'}}}}, default: {{/temperature: 0.25}}, headers: {{X-Edited: 'yes'}}}}
listen: {{intercept: [localhost]}}
"""


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
        assert not failures(mitm)


def failures(proxy: Mitm) -> list[str]:
    """Give the lines of a log that tell of a failure of the proxy's own."""
    return [line for line in proxy.log().splitlines() if any(word in line for word in FAILURES)]


def body(wire: WireName, *, stream: bool = True, **more: Any) -> bytes:  # noqa: ANN401 - any JSON
    said = {"input": "hi"} if wire == "responses" else {"messages": [{"role": "user", "content": "hi"}]}
    most = "max_output_tokens" if wire == "responses" else "max_tokens"
    return json.dumps({"model": "m", "stream": stream, most: 99, **said, "tools": [TOOLS[wire]], **more}).encode()


def headers(to: WireName, **more: str) -> dict[str, str]:
    kind = {"host": "127.0.0.1", "content-type": "application/json"}
    return kind | {"x-api-key": KEY, "x-to": to} | {name.replace("_", "-"): value for name, value in more.items()}


def faults(wire: WireName, status: int, head: Mapping[str, str], data: bytes, *, stream: bool) -> list[str]:
    """Give what is wrong with what a client got."""
    if status >= 400:
        document = json.loads(data)
        wrong = [] if document["error"]["message"] else ["an error without words"]
        return wrong if wire != "messages" or document["type"] == "error" else ["no error of this wire"]
    kind = head["content-type"].partition(";")[0]
    if not stream:
        return [one.message for one in CHECKS[wire](data)] + ([] if kind == "application/json" else [kind])
    contract, parser = CONTRACTS[wire](), EventParser(limit=len(data) + 1)
    found = [one.message for event in [*parser.feed(data), *parser.close()] for one in contract.feed(event)]
    found += [one.message for one in contract.close()]
    ends = sum(data.count(end + b"\n") for end in ENDS[wire])
    found += [] if ends == 1 else [f"{ends} ends: {data[-300:]!r}"]
    return found + ([] if kind == "text/event-stream" else [kind])


def ask(
    proxy: Mitm, client: WireName, to: WireName, data: bytes, *, stream: bool = True, **more: str
) -> tuple[int, bytes]:
    """Ask, and see that what comes is sound."""
    with Client.plain(proxy.port) as one:
        got = one.request("POST", PATHS[client], headers(to, **more), data)
        said = got.read()
        assert got.ending == "whole"
    assert faults(client, got.status, {name.lower(): value for name, value in got.headers}, said, stream=stream) == []
    return got.status, said


# -- what providers do


def streams(
    *pieces: bytes, last: Callable[[Reply], None] = Reply.end, kind: str = "text/event-stream", coding: str = ""
) -> Script:
    def script(_: Request, reply: Reply) -> None:
        reply.head(200, [("content-type", kind), *([("content-encoding", coding)] if coding else [])])
        for piece in pieces:
            reply.send(piece)
        last(reply)

    return script


def whole(data: bytes, kind: str = "application/json", status: int = 200, coding: str = "") -> Script:
    head = [("content-type", kind), *([("content-encoding", coding)] if coding else [])]
    return lambda _, reply: reply.body(status, head, data)


def nothing(status: int) -> Script:
    def script(_: Request, reply: Reply) -> None:
        reply.head(status, [])
        reply.end()

    return script


def good_ones(wire: WireName) -> Iterator[tuple[str, Script]]:
    """Give replies in unusual forms, of which a client gets all that was said."""
    data, document = b"".join(EVENTS[wire]), json.dumps(BODIES[wire]).encode()
    yield "whole", whole(document)
    yield "byte by byte", streams(*(data[at : at + 1] for at in range(len(data))))
    yield "CRLF", streams(data.replace(b"\n", b"\r\n"))
    yield "CR", streams(data.replace(b"\n", b"\r"))
    yield "BOM", streams(b"\xef\xbb\xbf" + data)
    yield "as JSON", streams(data, kind="application/json")
    for coding in ("gzip", "br", "zstd"):
        yield coding, streams(packed(data, coding), coding=coding)
        yield f"{coding}, whole", whole(packed(document, coding), coding=coding)


def bad_ones(wire: WireName) -> Iterator[tuple[str, Script]]:
    """Give replies that are none."""
    events, page = EVENTS[wire], b"<html><title>502 Bad Gateway</title></html>"
    for other in PATHS:
        if other != wire:
            yield f"{other} events", streams(*EVENTS[other])
            yield f"{other} body", whole(json.dumps(BODIES[other]).encode())
    yield "empty", whole(b"")
    yield "empty stream", streams()
    yield "204", nothing(204)
    yield "302", nothing(302)
    yield "page", whole(page, "text/html", 502)
    yield "page of 200", whole(page, "text/html")
    for text in (b"null", b"[]", b"{}", b'"x"', b"7", b"x", b"[" * 5000 + b"]" * 5000):
        yield f"JSON {text[:9]!r}", whole(text)
        yield f"events {text[:9]!r}", streams(b"data: " + text + b"\n\n" * 3)
    yield "DONE only", streams(b"data: [DONE]\n\n")
    yield "comments only", streams(b": ping\n\n" * 3)
    yield "broken coding", streams(packed(b"".join(events), "gzip")[:60], coding="gzip")
    yield "reset at once", lambda _, reply: reply.abort()
    yield "reset after the head", streams(last=Reply.abort)
    part = b"response.output_item.done" if wire == "responses" else events[-3]  # behind it an end may be invented
    for count in range(1, next(at for at, event in enumerate(events) if part in event)):
        yield f"ends after {count}", streams(*events[:count])
        yield f"cut after {count}", streams(*events[:count], last=Reply.cut)


@pytest.mark.parametrize(("client", "wire"), WAYS)
def test_what_was_said_arrives_in_whatever_form(stage: Stage, proxy: Mitm, client: WireName, wire: WireName) -> None:
    for name, script in good_ones(wire):
        for stream in (True, False):
            stage.script = script
            status, said = ask(proxy, client, wire, body(client, stream=stream), stream=stream)
            assert status == 200, name
            assert SAYS[client] in said, name
            assert b'"name":"sh"' in said.replace(b'": "', b'":"'), name


@pytest.mark.parametrize(("client", "wire"), WAYS)
def test_what_is_no_reply_is_an_error(stage: Stage, proxy: Mitm, client: WireName, wire: WireName) -> None:
    done = {"messages": b"message_stop", "chat": b'"finish_reason":"', "responses": b"response.completed"}[client]
    for name, script in bad_ones(wire):
        for stream in (True, False):
            stage.script = script
            status, said = ask(proxy, client, wire, body(client, stream=stream), stream=stream)
            assert status >= 400 if not stream else status >= 400 or done not in said, (name, stream)


def test_without_mending_it_is_no_different(stage: Stage, upstream: Upstream) -> None:
    """What is translated is made legal first, whatever `mend` says."""
    with Mitm(f"mend: off\n{RULES.format(url=upstream.url)}") as proxy:
        for client, wire in WAYS:
            for name, script in (*good_ones(wire), *bad_ones(wire)):
                stage.script = script
                status, _ = ask(proxy, client, wire, body(client))
                assert (status == 200) or name not in dict(good_ones(wire)), name
        assert not failures(proxy)


def odd_values(document: Any) -> Iterator[Any]:  # noqa: ANN401 - any JSON
    """Give copies of a document, in each of which one value is null."""
    items = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in items:
        for other in (None, *(odd_values(value) if isinstance(value, dict | list) else ())):
            copy = dict(document) if isinstance(document, dict) else list(document)
            copy[key] = other
            yield copy


@pytest.mark.parametrize(("client", "wire"), WAYS)
def test_null_at_each_place_of_a_reply(stage: Stage, proxy: Mitm, client: WireName, wire: WireName) -> None:
    for document in odd_values(BODIES[wire]):
        stage.script = whole(json.dumps(document).encode())
        ask(proxy, client, wire, body(client, stream=False), stream=False)


@pytest.mark.parametrize(("client", "wire"), WAYS)
def test_ten_megabytes_of_arguments(stage: Stage, proxy: Mitm, client: WireName, wire: WireName) -> None:
    size = 10 * 1024 * 1024
    big = Answer(model="m", text="", tool=("sh", {"command": "a" * size}))
    made: Mapping[str, Callable[[Answer], Sequence[bytes]]] = {
        "messages": messages_events, "chat": chat_events, "responses": responses_events,
    }  # fmt: skip
    stage.script = streams(*made[wire](big))
    status, said = ask(proxy, client, wire, body(client))
    assert status == 200
    assert said.count(b"a") >= size


# -- what clients do


@pytest.mark.parametrize(("client", "wire"), WAYS)
def test_a_client_that_leaves_takes_the_provider_with_it(
    stage: Stage, upstream: Upstream, proxy: Mitm, client: WireName, wire: WireName
) -> None:
    upstream.hung_up.clear()
    stage.script = streams(*EVENTS[wire][:5], last=Reply.wait_gone)
    with Client.plain(proxy.port) as one:
        one.request("POST", PATHS[client], headers(wire), body(client)).read_until(b"one")
    assert upstream.hung_up.wait(10)


@pytest.mark.parametrize("coding", ("gzip", "br", "zstd"))
@pytest.mark.parametrize(("client", "wire"), WAYS)
def test_a_packed_request_leaves_unpacked(
    stage: Stage, upstream: Upstream, proxy: Mitm, client: WireName, wire: WireName, coding: str
) -> None:
    stage.script = streams(*EVENTS[wire])
    upstream.forget()
    status, _ = ask(proxy, client, wire, packed(body(client), coding), content_encoding=coding)
    assert status == 200
    (sent,) = upstream.requests
    assert sent.get("content-encoding") is None
    assert sent.json()["model"] == "m"


@pytest.mark.parametrize(("client", "wire"), WAYS)
def test_edits_see_the_translated_body(
    stage: Stage, upstream: Upstream, proxy: Mitm, client: WireName, wire: WireName
) -> None:
    stage.script = streams(*EVENTS[wire])
    upstream.forget()
    ask(proxy, client, wire, body(client), x_edit="yes")
    ask(proxy, client, wire, body(client, temperature=0.5), x_edit="yes")
    assert [sent.json()["temperature"] for sent in upstream.requests] == [0.25, 0.5]
    assert [sent.get("x-edited") for sent in upstream.requests] == ["yes", "yes"]
    assert {sent.path for sent in upstream.requests} == {PATHS[wire]}


ODD: Final[Any] = (None, 7, "x", [], {}, [None], [{}], {"type": None}, [[]], True, -1, 10**30)
FIELDS: Final = ("tools", "messages", "input", "max_tokens", "model", "temperature", "system", "tool_choice")
FIELDS_BESIDE: Final = ("metadata", "stop", "response_format", "text", "reasoning", "thinking")


@pytest.mark.parametrize(("client", "wire"), WAYS)
def test_odd_requests_are_sent_or_refused(stage: Stage, proxy: Mitm, client: WireName, wire: WireName) -> None:
    stage.script = streams(*EVENTS[wire])
    for field in (*FIELDS, *FIELDS_BESIDE):
        for value in ODD:
            status, said = ask(proxy, client, wire, body(client, **{field: value}))
            assert status in {200, 400}, (field, value, said)


@pytest.mark.parametrize(("client", "wire"), WAYS)
def test_requests_that_are_no_json_or_nearly_none(stage: Stage, proxy: Mitm, client: WireName, wire: WireName) -> None:
    stage.script = streams(*EVENTS[wire])
    plain = body(client)
    deep = b"[" * 20_000 + b"]" * 20_000
    for data in (b"[]", b"null", b"x", b"\xff", plain[:-1], plain.replace(b'"hi"', b'"\xff"'),
                 plain[:-1] + b',"metadata":' + deep + b"}"):  # fmt: skip
        assert ask(proxy, client, wire, data)[0] == 400, data[:80]
    for text in (b"\\ud83d", b"\\u0000", b"\\ud83d\\ude00"):
        assert ask(proxy, client, wire, plain.replace(b'"hi"', b'"' + text + b'"'))[0] == 200, text
    assert ask(proxy, client, wire, plain[:-1] + b',"model":"m","stream":true}')[0] == 200


# -- HTTP/2


@pytest.mark.parametrize(("client", "wire"), WAYS)
def test_over_http2_on_both_sides(authority: Authority, client: WireName, wire: WireName) -> None:
    """Each word arrives before the next is sent; and a stream that is reset is an error of the client's wire."""
    gate, broken = threading.Semaphore(0), threading.Event()

    def script(request: Request, reply: Reply) -> None:
        assert request.path == PATHS[wire]
        reply.head(200, [("content-type", "text/event-stream")])
        for event in EVENTS[wire][:8] if broken.is_set() else EVENTS[wire]:
            if b"two" in event and b"three" not in event:
                reply.wait(gate)
            reply.send(event)
        if broken.is_set():
            reply.reset()  # type: ignore[attr-defined]  # a reply of HTTP/2 has it
        else:
            reply.end()

    with ExitStack() as stack:
        up = stack.enter_context(Http2Upstream(script, tls=authority.server("localhost")))
        env = {"SSL_CERT_FILE": str(authority.ca)}
        proxy = stack.enter_context(Mitm(RULES.format(url=up.url), env=env))
        one = stack.enter_context(Http2Client.through(proxy.port, "localhost", up.port, ca=proxy.ca))
        head = {name: value for name, value in headers(wire).items() if name != "host"}
        response = one.request("POST", PATHS[client], head, body(client)).wait()
        said = response.read_until(b"one")
        assert b"two" not in said
        gate.release()
        said += response.read()
        assert faults(client, response.status, dict(response.headers), said, stream=True) == []
        broken.set()
        gate.release()
        response = one.request("POST", PATHS[client], head, body(client)).wait()
        said = response.read()
        assert faults(client, response.status, dict(response.headers), said, stream=True) == []
        assert b"error" in said
        assert not failures(proxy)
