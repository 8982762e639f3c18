"""Sockets that mitmproxy has forgotten are closed; those that it closed itself, and those of others, are let alone."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
from mitmproxy.connection import Client, Server
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.server import ConnectionHandler, ConnectionIO
from mitmproxy.proxy.server_hooks import ServerConnectionHookData
from mitmproxy.test.taddons import context as addons

from wiremend.mitm.closing import Closing

if TYPE_CHECKING:
    from mitmproxy.proxy import commands


class _Handler(ConnectionHandler):
    """A connection's handler that calls no hooks."""

    async def handle_hook(self, hook: commands.StartHook) -> None:
        """Do nothing."""


class _Writer:
    """A socket's writer."""

    closed = 0

    def close(self) -> None:
        """Count."""
        self.closed += 1


class Scene:
    """A client with an upstream connection, both held open, and mitmproxy's addon that knows them."""

    def __init__(self) -> None:
        """Connect."""
        with addons() as made:
            self.client = Client(peername=("127.0.0.1", 1), sockname=("127.0.0.1", 2))
            self.server = Server(address=("127.0.0.1", 3))
            self.handler = _Handler(Context(self.client, made.options))
        self.writers = {self.client: _Writer(), self.server: _Writer()}
        for one, writer in self.writers.items():
            self.handler.transports[one] = ConnectionIO(writer=cast("asyncio.StreamWriter", writer))
        self.proxyserver = SimpleNamespace(connections={self.client.id: self.handler})


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    async def made() -> Scene:
        await asyncio.sleep(0)
        return Scene()

    found = asyncio.run(made())
    known = {"proxyserver": found.proxyserver}
    master = SimpleNamespace(addons=SimpleNamespace(get=known.get))
    monkeypatch.setattr("wiremend.mitm.closing.ctx", SimpleNamespace(master=master))
    return found


def test_an_upstream_that_was_forgotten(scene: Scene) -> None:
    data = ServerConnectionHookData(client=scene.client, server=scene.server)
    Closing().server_disconnected(data)
    Closing().server_disconnected(data)
    assert [writer.closed for writer in scene.writers.values()] == [0, 1]
    assert list(scene.handler.transports) == [scene.client]


def test_a_client_that_was_forgotten(scene: Scene) -> None:
    Closing().client_disconnected(scene.client)
    assert [writer.closed for writer in scene.writers.values()] == [1, 0]
    assert list(scene.handler.transports) == [scene.server]


def test_one_that_mitmproxy_has_closed_is_let_alone(scene: Scene) -> None:
    del scene.handler.transports[scene.server]
    Closing().server_disconnected(ServerConnectionHookData(client=scene.client, server=scene.server))
    assert [writer.closed for writer in scene.writers.values()] == [0, 0]


def test_one_of_a_client_that_nobody_knows(scene: Scene) -> None:
    scene.proxyserver.connections.clear()
    Closing().server_disconnected(ServerConnectionHookData(client=scene.client, server=scene.server))
    Closing().client_disconnected(scene.client)
    assert [writer.closed for writer in scene.writers.values()] == [0, 0]
