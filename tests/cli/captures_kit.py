"""Captures for the tests of the verbs, and the files that hold them. All keys say FAKE, all hosts are examples."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from click.testing import CliRunner, Result
from mitmproxy import http
from mitmproxy.io import FlowWriter
from mitmproxy.test import tflow

from wiremend.captures.capture import Attempt, Body, Capture, Inputs, Request, Response
from wiremend.cli.main import cli
from wiremend.headers import Headers
from wiremend.mitm.flows import flow_of
from wiremend.notes import Note

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

BEGAN = 1795255200.25
"""2026-11-21 10:00:00.25 in UTC."""

FIRST = (
    b'data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"kimi-k2","choices":[{"index":0,'
    b'"delta":{"role":"assistant","content":"Hello"},"finish_reason":null}]}\n\n'
)
LAST = (
    b'data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"kimi-k2","choices":[{"index":0,'
    b'"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":1200,"completion_tokens":34,"total_tokens":1234}}\n\n'
)
CHUNKS = (FIRST[:150], FIRST[150:], LAST, b"data: [DONE]\n\n")
TIMES = (312_000, 350_000, 1_200_000, 1_200_400)
STREAM = b"".join(CHUNKS)
ASKED = json.dumps({"model": "kimi-k2", "stream": True, "messages": [{"role": "user", "content": "hello"}]}).encode()
SENT = ASKED.replace(b"kimi-k2", b"kimi-for-coding")


def exchange(number: int = 1, **changes: Any) -> Capture:  # noqa: ANN401 - the fields of a capture
    """Give a chat exchange that went well: a request that was rewritten, and a stream in four chunks."""
    headers = Headers((("content-type", "application/json"), ("user-agent", "opencode/1.18.33")))
    request = Request("POST", "http", None, 8080, "/v1/chat/completions", headers, ASKED)
    sent = Request("POST", "https", "api.example.com", 443, "/coding/v1/chat/completions", headers, SENT)
    reply = Response(200, "OK", Headers((("content-type", "text/event-stream"),)), Body.of(CHUNKS, TIMES))
    decision = {"provider": "kimi-code", "model": "kimi-for-coding", "wire": "chat", "by": "route", "route": "coding"}
    made = Capture(
        id=f"{number:04x}c0de-0000-4000-8000-00000000{number:04x}",
        began=BEGAN + number,
        request=request,
        client="opencode",
        wire="chat",
        model="kimi-k2",
        inputs=Inputs(seed="seed", now=1795255200, flow="flow", style="gateway"),
        attempts=(Attempt(sent, reply, decision=decision),),
        answer=reply,
        notes=(Note("mended", "event 1", "chat.chunk.created-missing", "created was missing", "contract"),),
        rules="0123456789ab",
        versions={"wiremend": "0.1.0", "mitmproxy": "12.2.3", "python": "3.12.4"},
    )
    return replace(made, **changes)


def with_key(capture: Capture, secret: str) -> Capture:
    """Give a capture that was not scrubbed: its client sent this key."""
    headers = Headers((*capture.request.headers, ("Authorization", f"Bearer {secret}")))
    return replace(capture, request=replace(capture.request, headers=headers))


def cut(capture: Capture) -> Capture:
    """Give the same exchange, cut by the provider after its first chunk."""
    reply = Response(200, "OK", Headers((("content-type", "text/event-stream"),)), Body.of(CHUNKS[:1], TIMES[:1]))
    attempts = (replace(capture.attempts[0], response=reply, error="peer closed connection"),)
    note = Note("failed", "stream", "cut", "the provider cut the stream", "the upstream was cut")
    return replace(capture, attempts=attempts, notes=(note,), error="peer closed connection")


def write(path: Path, captures: Iterable[Capture | http.HTTPFlow]) -> Path:
    """Write captures, or flows, as a flow file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        writer = FlowWriter(file)
        for one in captures:
            writer.add(flow_of(one) if isinstance(one, Capture) else one)
    return path


def plain_flow(url: str, body: bytes = b"", reply: bytes = b"", **headers: str) -> http.HTTPFlow:
    """Give a flow as plain mitmproxy records it."""
    request = http.Request.make("POST", url, body, _fields(headers))
    response = http.Response.make(200, reply, http.Headers(content_type="text/event-stream"))
    return tflow.tflow(req=request, resp=response)


def _fields(headers: Mapping[str, str]) -> http.Headers:
    return http.Headers([(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()])


def har(*entries: Mapping[str, Any]) -> str:
    """Give a HAR file's text."""
    return json.dumps({"log": {"creator": {"name": "Firefox", "version": "146"}, "entries": list(entries)}})


def har_entry(url: str, reply: str = STREAM.decode(), **headers: str) -> dict[str, Any]:
    """Give one entry of a HAR file."""
    pairs = [{"name": name.replace("_", "-"), "value": value} for name, value in headers.items()]
    return {
        "startedDateTime": "2026-11-21T10:00:00Z",
        "request": {"method": "POST", "url": url, "headers": pairs, "postData": {"text": ASKED.decode()}},
        "response": {
            "status": 200,
            "headers": [{"name": "content-type", "value": "text/event-stream"}],
            "content": {"text": reply, "mimeType": "text/event-stream"},
        },
    }


def run(*arguments: str | Path, **environ: str) -> Result:
    """Run a verb."""
    return CliRunner().invoke(cli, [str(one) for one in arguments], env=environ)
