"""A client that reads slowly slows its provider, and nobody else: what it has not read is not heaped up in the proxy.

The upstream sends as fast as it can until nothing more is taken for some seconds, and fails the test where that never
happens. Then the client reads on, and gets every byte.
"""

from __future__ import annotations

import json
import select
import threading
from typing import TYPE_CHECKING, Final, Literal

import psutil
import pytest

from tests.lab import Answer, Authority, Client, Mitm, Reply, Request, Upstream
from tests.lab.http1 import DEADLINE
from tests.lab.http2 import Http2Reply, Http2Upstream
from tests.lab.http2_client import Http2Client
from tests.lab.replies import chat_events, sse

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from pathlib import Path

type Wire = Literal["http1", "http2"]

KEY: Final = "sk-FAKE-client-slow-01"
PIECE: Final = 16_000
TEXT: Final = b"x" * PIECE
"""What each event says."""

MOST: Final = 48 * 1000**2
"""Bytes that may leave the upstream while nobody reads: the buffers of four sockets on the way, and ours. The kernel
alone takes up to 4 MB on the sending and 6 MB on the receiving side of each."""

MEMORY: Final = 64 * 1000**2
"""Bytes by which the proxy may grow meanwhile: ``limits.memory`` of a stream."""

QUIET: Final = 3.0
"""Seconds without room on the socket, or in the window, after which the upstream takes it that it is held up.

The rules let a stream be silent for much less, so that it is seen where the provider is blamed for the silence."""

EVENTS: Final = chat_events(Answer("one two", model="m"))
EVENT: Final = sse(
    {
        "id": "c1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "delta": {"content": TEXT.decode()}, "finish_reason": None}],
    }
)


class Flood:
    """A provider that sends until it is held up, waits for the test, sends as much again, and ends."""

    def __init__(self) -> None:
        """Begin."""
        self.settled = threading.Event()
        self.go_on = threading.Event()
        self.pieces = 0
        self.held_up = False

    def __call__(self, request: Request, reply: Reply) -> None:
        if json.loads(request.body)["model"] == "quick":
            reply.events(EVENTS)
            return
        reply.head(200, [("content-type", "text/event-stream")])
        reply.send(EVENTS[0])
        while self.pieces * PIECE < MOST and not self.held_up:
            if self.has_room(reply):
                self.send(reply)
            else:
                self.held_up = True
        self.settled.set()
        reply.wait(self.go_on)
        for _ in range(self.pieces):
            self.send(reply)
        for event in EVENTS[-2:]:
            reply.send(event)
        reply.end()

    def send(self, reply: Reply) -> None:
        reply.send(EVENT)
        self.pieces += 1

    def wait(self) -> None:
        """Wait until it is held up; fails where nothing does that."""
        assert self.settled.wait(DEADLINE * 2)
        assert self.held_up, f"it could send {self.pieces * PIECE} bytes to nobody"

    @staticmethod
    def has_room(reply: Reply) -> bool:
        """Wait until something can be sent; False where the peer takes nothing."""
        if isinstance(reply, Http2Reply):
            link, stream = reply._link, reply._stream
            with link.changed:
                link.changed.wait_for(lambda: link._room(stream) >= len(EVENT), QUIET)
                if link._room(stream) < len(EVENT):
                    return False
        sock = reply._sock
        return bool(select.select([], [sock], [], QUIET)[1])


class SlowClient(Http2Client):
    """A client that opens no window for the streams it does not read; the connection's it keeps open."""

    quick = 0
    """The stream that it reads at once."""

    def __init__(self, sock: socket.socket, name: str, ca: Path) -> None:
        """Begin by reading nothing."""
        self.unread: dict[int, int] | None = {}
        super().__init__(sock, name, ca)
        frames = self.link.frames
        acknowledge = frames.acknowledge_received_data

        def note(size: int, stream: int) -> None:
            if self.unread is None or self.quick == stream:
                acknowledge(size, stream)
            else:
                self.unread[stream] = self.unread.get(stream, 0) + size
                frames.increment_flow_control_window(size)

        frames.acknowledge_received_data = note  # type: ignore[assignment]  # as said above

    def read_on(self) -> None:
        with self.link.changed:
            unread, self.unread = self.unread or {}, None
            for stream, size in unread.items():
                self.link.frames.increment_flow_control_window(size, stream)
            self.link.flush()


@pytest.fixture
def flood() -> Flood:
    return Flood()


@pytest.fixture(params=("http1", "http2"))
def upstream(request: pytest.FixtureRequest, flood: Flood, authority: Authority) -> Iterator[Upstream]:
    kind = Http2Upstream if request.param == "http2" else Upstream
    with kind(flood, authority.server("localhost")) as up:
        yield up


@pytest.fixture
def proxy(upstream: Upstream, authority: Authority) -> Iterator[Mitm]:
    rules = (
        f"providers: {{lab: {{base_url: '{upstream.url}/v1', key: client}}}}\ndefault: lab\n"
        "listen: {intercept: [localhost]}\nlimits: {between_events: 1s}\n"
    )
    with Mitm(rules, env={"SSL_CERT_FILE": str(authority.ca)}) as mitm:
        yield mitm


def asked(model: str = "m") -> bytes:
    return json.dumps({"model": model, "stream": True, "messages": [{"role": "user", "content": "hi"}]}).encode()


HEADERS: Final = {"content-type": "application/json", "authorization": f"Bearer {KEY}"}
PATH: Final = "/v1/chat/completions"


def grown(proxy: Mitm, before: int) -> int:
    return int(psutil.Process(proxy.ready["pid"]).memory_info().rss) - before


def resident(proxy: Mitm) -> int:
    return grown(proxy, 0)


@pytest.mark.parametrize("upstream", ("http1",), indirect=True)
def test_a_client_of_http1_that_does_not_read(proxy: Mitm, flood: Flood) -> None:
    before = resident(proxy)
    with Client.plain(proxy.port) as client:
        response = client.request("POST", PATH, {"host": "127.0.0.1", **HEADERS}, asked())
        flood.wait()
        assert grown(proxy, before) < MEMORY
        flood.go_on.set()
        assert response.read().count(TEXT) == flood.pieces
        assert response.ending == "whole"


def test_a_client_of_http2_that_does_not_read(proxy: Mitm, upstream: Upstream, flood: Flood) -> None:
    before = resident(proxy)
    with SlowClient.through(proxy.port, "localhost", upstream.port, ca=proxy.ca) as client:
        response = client.request("POST", PATH, HEADERS, asked()).wait()
        flood.wait()
        assert grown(proxy, before) < MEMORY
        # What it does not read keeps nothing from it that it does: another stream of the same connection.
        client.quick = 3
        quick = client.request("POST", PATH, HEADERS, asked("quick")).wait()
        assert quick.read().count(b"data:") == len(EVENTS)
        client.read_on()
        flood.go_on.set()
        assert response.read().count(TEXT) == flood.pieces
        assert response.ending == "whole"


def test_a_client_that_goes_while_the_upstream_is_held_up_closes_it(
    proxy: Mitm, upstream: Upstream, flood: Flood
) -> None:
    with SlowClient.through(proxy.port, "localhost", upstream.port, ca=proxy.ca) as client:
        client.request("POST", PATH, HEADERS, asked()).wait()
        flood.wait()
    flood.go_on.set()
    assert upstream.hung_up.wait(DEADLINE)
