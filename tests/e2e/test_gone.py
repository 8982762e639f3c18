"""A client that goes away takes its request with it, wherever that is: the upstream is closed, nothing is tried again.

No limit of time is near, so what ends a call here is that its client is gone.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from typing import TYPE_CHECKING, Final, Literal

import psutil
import pytest
from h2.errors import ErrorCodes

from tests.lab import Answer, Authority, Client, Mitm, Reply, Request, Upstream
from tests.lab.http1 import DEADLINE
from tests.lab.http2_client import Http2Client
from tests.lab.replies import messages_events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.lab import Script

type Asks = Callable[..., Asking]
type Way = Literal["http1", "http2", "http2 reset"]

WAYS: Final[tuple[Way, ...]] = ("http1", "http2", "http2 reset")
"""How a client goes: it closes its connection, or resets the one stream."""

KEY: Final = "sk-FAKE-client-gone-01"
HEADERS: Final = {
    "authorization": f"Bearer {KEY}",
    "content-type": "application/json",
    "anthropic-version": "2023-06-01",
}
PATH: Final = "/v1/messages"
RULES: Final = """
limits: {{connect: 1h, first_byte: 1h, between_events: 1h, head: 1h, keepalive: off, concurrent: 1, queue_wait: 1h}}
providers:
  lab: {{base_url: '{url}/v1', key: client, quirks: []}}
  nowhere: {{base_url: 'http://127.0.0.1:{port}/v1', key: client}}
routes:
  - {{when: {{model: nowhere}}, to: nowhere, retry: 3}}
  - {{when: {{}}, to: lab, retry: {{times: 3, backoff: 1h, max: 1h, budget: 10h}}}}
listen: {{intercept: [localhost]}}
"""


class Stage:
    """What the upstream does next."""

    script: Script

    def __call__(self, request: Request, reply: Reply) -> None:
        self.script(request, reply)


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def upstream(stage: Stage, authority: Authority) -> Iterator[Upstream]:
    with Upstream(stage, tls=authority.server("localhost")) as up:
        yield up


@pytest.fixture(scope="module")
def deaf() -> Iterator[int]:
    """Give a port whose queue of connections is full: who connects there waits."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            one = stack.enter_context(socket.socket())
            one.settimeout(0)
            one.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


@pytest.fixture
def proxy(upstream: Upstream, authority: Authority, deaf: int) -> Iterator[Mitm]:
    with Mitm(RULES.format(url=upstream.url, port=deaf), env={"SSL_CERT_FILE": str(authority.ca)}) as mitm:
        yield mitm


class Asking:
    """A client that asks and goes."""

    def __init__(self, proxy: Mitm, upstream: Upstream, way: Way, model: str = "m") -> None:
        """Ask."""
        said = {"model": model, "stream": True, "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
        body = json.dumps(said).encode()
        self.way = way
        self.http1: Client | None = None
        self.http2: Http2Client | None = None
        if way == "http1":
            self.http1 = Client.through(proxy.port, "localhost", upstream.port, ca=proxy.ca)
            fields = {"host": f"localhost:{upstream.port}", **HEADERS, "content-length": str(len(body))}
            head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
            self.http1.send(f"POST {PATH} HTTP/1.1\r\n{head}\r\n".encode() + body)
        else:
            self.http2 = Http2Client.through(proxy.port, "localhost", upstream.port, ca=proxy.ca)
            self.response = self.http2.request("POST", PATH, HEADERS, body)

    def until(self, needle: bytes) -> None:
        """Read until that has come."""
        if self.http1 is not None:
            self.http1.response().read_until(needle)
        else:
            self.response.wait().read_until(needle)

    def go(self) -> None:
        """Go away."""
        if self.way == "http2 reset" and self.http2 is not None:
            with self.http2.link.changed:
                self.http2.link.frames.reset_stream(self.response._stream, ErrorCodes.CANCEL)
                self.http2.link.flush()
        else:
            self.close()

    def close(self) -> None:
        """Close the connection, if it is open."""
        if self.http1 is not None:
            self.http1.close()
        if self.http2 is not None:
            self.http2.__exit__()


@pytest.fixture
def asks(proxy: Mitm, upstream: Upstream) -> Iterator[Callable[..., Asking]]:
    """Give what makes a client that asks; at the end all of them are closed."""
    with contextlib.ExitStack() as stack:

        def ask(way: Way, model: str = "m") -> Asking:
            client = Asking(proxy, upstream, way, model)
            stack.callback(client.close)
            return client

        yield ask


def stream(request: Request, reply: Reply) -> None:
    del request
    reply.head(200, [("content-type", "text/event-stream")])
    reply.send(b"".join(messages_events(Answer("one two"))[:3]))
    reply.wait_gone()


def connects(proxy: Mitm, port: int) -> bool:
    """Tell whether the proxy is about to connect to a port."""
    sockets = psutil.Process(proxy.ready["pid"]).net_connections("tcp")
    return any(one.status == psutil.CONN_SYN_SENT and one.raddr.port == port for one in sockets)


def silent(request: Request, reply: Reply) -> None:
    del request
    reply.wait_gone()


@pytest.mark.parametrize("way", WAYS)
def test_in_the_middle_of_a_stream(stage: Stage, proxy: Mitm, upstream: Upstream, way: Way, asks: Asks) -> None:
    stage.script = stream
    client = asks(way)
    client.until(b"content_block")
    client.go()
    assert upstream.hung_up.wait(DEADLINE)
    [row] = proxy.wait_calls(1)
    assert row["status"] == 200
    assert row["error"]


@pytest.mark.parametrize("way", WAYS)
def test_before_the_head(stage: Stage, proxy: Mitm, upstream: Upstream, way: Way, asks: Asks) -> None:
    stage.script = silent
    client = asks(way)
    upstream.wait_for(1)
    client.go()
    assert upstream.hung_up.wait(DEADLINE)
    [row] = proxy.wait_calls(1)
    assert row["error"]
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("way", WAYS)
def test_while_a_connection_is_made(proxy: Mitm, deaf: int, way: Way, asks: Asks) -> None:
    client = asks(way, "nowhere")
    proxy._watch(lambda: connects(proxy, deaf) or None, "the proxy to connect", DEADLINE)
    client.go()
    [row] = proxy.wait_calls(1)
    assert row["status"] is None
    assert row["error"]


@pytest.mark.parametrize("way", WAYS)
def test_while_it_waits_for_the_next_try(stage: Stage, proxy: Mitm, upstream: Upstream, way: Way, asks: Asks) -> None:
    answered = threading.Event()

    def busy(_: Request, reply: Reply) -> None:
        reply.json(529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
        answered.set()

    stage.script = busy
    client = asks(way)
    assert answered.wait(DEADLINE)
    client.go()
    [row] = proxy.wait_calls(1)
    assert len(row["attempts"]) == 1
    assert row["error"]
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("way", WAYS)
def test_in_the_queue(stage: Stage, proxy: Mitm, upstream: Upstream, way: Way, asks: Asks) -> None:
    stage.script = stream
    first = asks("http1")
    first.until(b"content_block")
    second, third = asks(way), asks("http1")
    second.go()
    [row] = proxy.wait_calls(1)
    assert [one["trouble"] for one in row["attempts"]] == ["cancelled"]
    assert row["error"]
    first.go()
    third.until(b"content_block")  # its turn has come, past the one that is gone
    assert len(upstream.requests) == 2
    third.go()
    assert len(proxy.wait_calls(3)) == 3
