"""What holds upstreams up stands on mitmproxy's internals; without one of them nothing is held, and nothing breaks."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.connection import Client, Server
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import HttpLayer, HTTPMode
from mitmproxy.proxy.layers.http._http2 import Http2Server
from mitmproxy.proxy.layers.http._http_h2 import SendH2Data
from mitmproxy.test.taddons import context as addons

from wiremend.mitm import pressure
from wiremend.mitm.pressure import HIGH, LOW, Pressure, is_behind, missing_internals, watch

if TYPE_CHECKING:
    from collections.abc import Iterator

STREAM = 7


@pytest.fixture
def above(monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpLayer]:
    """Give the layer of a client of HTTP/2, without a proxy around it."""
    with addons(Proxyserver()) as made:
        client = Client(peername=("127.0.0.1", 1), sockname=("127.0.0.1", 2), alpn=b"h2")
        layer = HttpLayer(Context(client, made.options), HTTPMode.regular)
        layer.connections[client] = Http2Server(layer.context)
        monkeypatch.setattr(
            pressure, "ctx", SimpleNamespace(master=SimpleNamespace(addons=SimpleNamespace(get=lambda _: None)))
        )
        yield layer


def waits(above: HttpLayer, size: int) -> None:
    """Let so many bytes wait for the client."""
    server = above.connections[above.context.client]
    assert isinstance(server, Http2Server)
    server.h2_conn.stream_buffers[STREAM].clear()
    server.h2_conn.stream_buffers[STREAM].append(SendH2Data(bytes(size), end_stream=False))


def test_this_mitmproxy_has_all_that_it_stands_on() -> None:
    assert missing_internals() == [], "a release of mitmproxy has changed these: see wiremend/mitm/pressure.py"


def test_a_stream_is_held_between_the_two_marks(above: HttpLayer) -> None:
    found, server = watch(above), Server(address=("127.0.0.1", 3))
    assert found is not None
    above.streams[STREAM] = SimpleNamespace()  # type: ignore[assignment]  # that it is there is all that is asked
    waits(above, HIGH)
    found.comes(STREAM, server)
    assert not found.holds(STREAM)
    waits(above, HIGH + 1)
    found.comes(STREAM, server)
    assert found.holds(STREAM)
    waits(above, LOW + 1)
    assert list(found._ease()) == []
    assert found.holds(STREAM)
    waits(above, LOW)
    assert list(found._ease()) == []
    assert not found.holds(STREAM)


def test_a_stream_that_is_gone_is_held_no_longer(above: HttpLayer) -> None:
    found = Pressure(above)
    waits(above, HIGH + 1)
    found.comes(STREAM, Server(address=("127.0.0.1", 3)))
    assert found.holds(STREAM)
    assert list(found._ease()) == []
    assert not found.holds(STREAM)


def test_without_an_internal_nothing_is_held(above: HttpLayer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pressure, "INTERNALS", ((HttpLayer, ("no_such_name",)),))
    assert missing_internals() == ["HttpLayer.no_such_name"]
    found = Pressure(above)
    waits(above, HIGH + 1)
    found.begins(Server(address=("127.0.0.1", 3)))
    found.comes(STREAM, Server(address=("127.0.0.1", 3)))
    assert not found.holds(STREAM)


def test_a_client_of_http1_needs_none_of_it(above: HttpLayer) -> None:
    above.context.client.alpn = None
    assert watch(above) is None
    assert not is_behind(above.context.client)
