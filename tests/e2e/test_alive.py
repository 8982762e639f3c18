"""While a provider is silent, each client is sent what it counts as life: byte by byte, through a real proxy.

The provider waits at a gate that the test opens only when what was awaited has come, and no clock is read.
"""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Final

import pytest

from tests.lab import Client, Mitm, Reply, Request, Upstream
from tests.pipeline.test_alive import KINDS, SAMPLES, before
from wiremend.pipeline.alive import Alive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab import Script
    from wiremend.protocols.base import WireName

RULES: Final = """
providers: {{lab: {{base_url: '{url}', key: client}}}}
default: lab
limits: {{keepalive: 100ms, head: 100ms}}
"""
PATHS: Final[dict[WireName, str]] = {
    "messages": "/v1/messages",
    "chat": "/v1/chat/completions",
    "responses": "/v1/responses",
}
AGENTS: Final[dict[str | None, str]] = {
    None: "an-agent/1.0",
    "claude-code": "claude-cli/2.1.197 (external, sdk-cli)",
    "codex": "codex_exec/0.169.0 (Debian 12.0.0; x86_64)",
    "hermes": "hermes-agent/1.0",
    "anthropic/python": "Anthropic/Python 0.87.0",
    "openai/python": "OpenAI/Python 2.24.0",
}
PLACES: Final[dict[WireName, dict[str, int | None]]] = {
    "messages": {
        "before the head": None,
        "before the first event": 0,
        "behind message_start": 1,
        "in thinking": len(before("messages", b'"thinking":"a"')),
        "between blocks": len(before("messages", b"content_block_stop")),
        "in the input": len(before("messages", b"input_json_delta")),
        "behind the stop reason": len(before("messages", b"message_delta")),
    },
    "chat": {
        "before the head": None,
        "before the first event": 0,
        "in the text": len(before("chat", b"one")),
        "behind the finish reason": len(before("chat", b'"finish_reason":"tool_calls"')),
    },
    "responses": {"before the head": None, "before the first event": 0, "behind response.created": 1},
}
"""Wire -> behind how many events the provider is silent; None before its head."""

PINGS: Final = {
    "messages": b'event: ping\ndata: {"type": "ping"}\n\n',
    "chat": b": wait\n\n",
    "responses": b": wait\n\n",
}


class Provider:
    """A provider of all wires that is silent at a place, until the gate is opened; or that only pings there."""

    def __init__(self) -> None:
        """Begin with the gate shut."""
        self.gate = threading.Event()
        self.place: int | None = None
        self.pings = False

    def __call__(self, request: Request, reply: Reply) -> None:
        (wire,) = [wire for wire, path in PATHS.items() if request.path.endswith(path.removeprefix("/v1"))]
        if self.place is None:
            reply.wait(self.gate)
        reply.head(200, [("content-type", "text/event-stream")])
        for event in SAMPLES[wire][: self.place or 0]:
            reply.send(event)
        while self.pings and not self.gate.wait(0.02):
            reply.send(PINGS[wire])
        reply.wait(self.gate)
        for event in SAMPLES[wire][self.place or 0 :]:
            reply.send(event)
        reply.end()


@pytest.fixture(scope="module")
def provider() -> Provider:
    return Provider()


@pytest.fixture(scope="module")
def proxy(provider: Provider) -> Iterator[Mitm]:
    script: Script = provider
    with Upstream(script) as upstream, Mitm(RULES.format(url=upstream.url)) as mitm:
        yield mitm


def awaited(wire: WireName, client: str | None, place: int | None, sdk: str | None) -> bytes:
    """Give what the client is to be sent there."""
    alive = Alive(wire, client, sdk)
    alive.saw(b"".join(SAMPLES[wire][: place or 0]))
    return alive.beat(begun=bool(place)) or b""


def heard(
    proxy: Mitm, provider: Provider, wire: WireName, client: str | None, place: int | None, sdk: str | None = None
) -> bytes:
    """Ask as a client does, open the gate when the beat has come twice, and give what was read without them."""
    provider.gate.clear()
    provider.place = place
    beat = awaited(wire, client, place, sdk)
    body = {"model": "m", "stream": True, "max_tokens": 9}
    body |= {"input": "hi"} if wire == "responses" else {"messages": [{"role": "user", "content": "hi"}]}
    headers = {"host": "127.0.0.1", "content-type": "application/json", "authorization": "Bearer sk-lab-FAKE0123"}
    headers |= {"user-agent": AGENTS[client]} | ({"x-stainless-lang": sdk} if sdk else {})
    with Client.plain(proxy.port) as raw:
        response = raw.request("POST", PATHS[wire], headers, json.dumps(body).encode())
        assert response.status == 200
        assert (response.get("content-type") or "").startswith("text/event-stream")
        got = response.read_until(beat * 2) if not provider.pings else response.read_until(beat)
        provider.gate.set()
        got += response.read()
        assert response.ending == "whole"
    return got.replace(beat, b"")


@pytest.mark.parametrize(
    ("wire", "client", "place"),
    [
        (wire, client, place)
        for wire in PLACES
        for client in KINDS[wire]
        for place in PLACES[wire]
        # A head without a body is held for some seconds; that wait is not taken for each.
        if place != "before the first event" or client in {"claude-code", "codex", "hermes"}
    ],
    ids=str,
)
def test_a_client_is_kept_and_reads_what_the_provider_said(
    proxy: Mitm, provider: Provider, wire: WireName, client: str | None, place: str
) -> None:
    provider.pings = False
    said = b"".join(SAMPLES[wire])
    beat = awaited(wire, client, PLACES[wire][place], None)
    assert heard(proxy, provider, wire, client, PLACES[wire][place]) == said.replace(beat, b"")


@pytest.mark.parametrize(
    ("wire", "client", "place"),
    (
        ("messages", "claude-code", "before the first event"),
        ("messages", "claude-code", "behind message_start"),
        ("messages", "claude-code", "in thinking"),
        ("messages", "hermes", "in thinking"),
        ("chat", "hermes", "before the first event"),
        ("chat", "hermes", "in the text"),
        ("responses", "codex", "before the first event"),
        ("responses", "codex", "behind response.created"),
    ),
)
def test_a_client_that_counts_events_is_kept_though_the_provider_pings(
    proxy: Mitm, provider: Provider, wire: WireName, client: str, place: str
) -> None:
    provider.pings = True
    got = heard(proxy, provider, wire, client, PLACES[wire][place])
    beat = awaited(wire, client, PLACES[wire][place], None)
    assert got.replace(PINGS[wire], b"") == b"".join(SAMPLES[wire]).replace(beat, b"")


def test_hermes_under_claude_codes_name_is_sent_no_event_that_its_sdk_does_not_know(
    proxy: Mitm, provider: Provider
) -> None:
    provider.pings = False
    said = b"".join(SAMPLES["messages"]).replace(awaited("messages", None, None, None), b"")
    assert heard(proxy, provider, "messages", "claude-code", None, "python") == said
