"""Framing that mitmproxy by itself breaks off on, or forgets: trailers of HTTP/1.1, a body whose length nobody said."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.lab import Answer, Authority, Client, Mitm, Reply, Request, Upstream
from tests.lab.http2_client import Http2Client
from tests.lab.replies import messages_events

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "sk-ant-FAKE-framing-0001"
EVENTS = messages_events(Answer("one two three", model="m"))
RULES = """
providers: {{lab: {{base_url: '{url}', key: client}}}}
default: lab
listen: {{intercept: [localhost]}}
"""


def answer(request: Request, reply: Reply) -> None:
    if request.path == "/echo":
        reply.json(200, {"bytes": len(request.body)})
        return
    reply.head(200, [("content-type", "text/event-stream"), ("trailer", "X-Sum")])
    for event in EVENTS:
        reply.send(event)
    reply.raw(b"0\r\nX-Sum: 7\r\nX-More: yes\r\n\r\n")
    reply.ended = True


@pytest.fixture(scope="module")
def upstream(authority: Authority) -> Iterator[Upstream]:
    with Upstream(answer, tls=authority.server("localhost")) as up:
        yield up


@pytest.fixture(scope="module")
def proxy(upstream: Upstream, authority: Authority) -> Iterator[Mitm]:
    with Mitm(RULES.format(url=upstream.url), env={"SSL_CERT_FILE": str(authority.ca)}) as mitm:
        yield mitm


def test_a_stream_that_ends_with_trailers_ends(proxy: Mitm) -> None:
    body = json.dumps({"model": "m", "stream": True, "max_tokens": 9, "messages": []}).encode()
    with Client.plain(proxy.port) as client:
        for _ in range(2):  # the connection lives on
            response = client.request("POST", "/v1/messages", {"host": "127.0.0.1", "x-api-key": KEY}, body)
            assert response.read() == b"".join(EVENTS)
            assert response.ending == "whole"


@pytest.mark.parametrize("path", ("/v1/messages", "/echo"))
def test_a_body_of_http2_without_a_length_arrives_whole(proxy: Mitm, upstream: Upstream, path: str) -> None:
    body = json.dumps({"model": "m", "stream": True, "max_tokens": 9, "messages": [], "x": "y" * 5000}).encode()
    upstream.forget()
    with Http2Client.through(proxy.port, "localhost", upstream.port, ca=proxy.ca) as client:
        client.request("POST", path, {"x-api-key": KEY}, body, length=False).read()
    (seen,) = upstream.wait_for(1)
    assert seen.body == body
