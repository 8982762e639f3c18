"""A connection of a client with all of Wiremend's addons on it, and neither a socket nor a clock: both are the test's.

:class:`Wire` is mitmproxy's connection handler in small: it gives the layers their events and carries out the commands
that they answer with. Hooks run the addons at once; an upstream connection is made when the layer asks for it, or fails
as the test says; a wake-up comes when the test lets so much time pass.
"""

from __future__ import annotations

import heapq
import inspect
import itertools
from typing import TYPE_CHECKING, Any

from mitmproxy import ctx
from mitmproxy.addonmanager import Loader
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.connection import Client, ConnectionState, Server
from mitmproxy.proxy import commands, context, events
from mitmproxy.proxy.layers.http import HTTPMode
from mitmproxy.proxy.mode_specs import ProxyMode

from wiremend.mitm.layer import WireLayer
from wiremend.mitm.stream import WireStream

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pytest
    from mitmproxy.proxy import layer

    from wiremend.mitm.endings import Endings


class Clock:
    """Seconds, as the test counts them."""

    def __init__(self) -> None:
        """Begin at a time that is not zero, which a monotonic clock never is."""
        self.seconds = 1000.0

    def __call__(self) -> float:
        """Give the time."""
        return self.seconds


class Wire:
    """One client's connection to a gateway at ``host``."""

    def __init__(
        self, addons: Sequence[object], endings: Endings, monkeypatch: pytest.MonkeyPatch, clock: Clock
    ) -> None:
        """Begin; ``addons`` are asked in their order, as mitmproxy asks them."""
        self.clock = clock
        monkeypatch.setattr(WireStream, "now", staticmethod(clock))
        client = Client(peername=("127.0.0.1", 50000), sockname=("127.0.0.1", 8080), timestamp_start=0)
        client.proxy_mode = ProxyMode.parse("regular")
        client.state = ConnectionState.OPEN
        self.client = client
        Proxyserver().load(Loader(ctx.master))  # the options that the layers ask for
        made = context.Context(client, ctx.options)
        made.server.address = ("gateway.invalid", 80)
        self.layer = WireLayer(made, HTTPMode.transparent)
        self.layer.endings = endings
        self.addons = addons
        self.given = b""
        """What the client was sent, and ``asked`` what each upstream was, by connection."""
        self.asked: list[bytearray] = []
        self.servers: list[Server] = []
        self.closed: set[Any] = set()
        self.refuse: Callable[[Server], str | None] = lambda _: None
        self._alarms: list[tuple[float, int, commands.RequestWakeup]] = []
        self._number = itertools.count()
        self._feed(events.Start())

    def send(self, data: bytes) -> bytes:
        """Let the client send bytes; gives what it gets for them at once."""
        return self._during(events.DataReceived(self.client, data))

    def answer(self, data: bytes, number: int = -1) -> bytes:
        """Let an upstream send bytes, the last one that was connected to; gives what the client gets at once."""
        return self._during(events.DataReceived(self.servers[number], data))

    def hang_up(self, number: int = -1) -> bytes:
        """Let an upstream close its connection."""
        server = self.servers[number]
        server.state = ConnectionState.CLOSED
        return self._during(events.ConnectionClosed(server))

    def leave(self) -> None:
        """Let the client close its connection."""
        self.client.state = ConnectionState.CLOSED
        self._feed(events.ConnectionClosed(self.client))

    def wait(self, seconds: float) -> list[tuple[float, bytes]]:
        """Let time pass; gives what the client was sent meanwhile, and when (seconds from now)."""
        began, end, found = self.clock.seconds, self.clock.seconds + seconds, []
        while self._alarms and self._alarms[0][0] <= end:
            at, _, command = heapq.heappop(self._alarms)
            self.clock.seconds = max(at, self.clock.seconds)
            before = len(self.given)
            self._feed(events.Wakeup(command))
            if len(self.given) > before:
                found.append((self.clock.seconds - began, self.given[before:]))
        self.clock.seconds = end
        return found

    def _during(self, event: events.Event) -> bytes:
        before = len(self.given)
        self._feed(event)
        return self.given[before:]

    def _feed(self, event: events.Event) -> None:
        todo = [event]
        while todo:
            for command in list(self.layer.handle_event(todo.pop(0))):
                todo += self._do(command)

    def _do(self, command: commands.Command) -> list[events.Event]:
        match command:
            case commands.RequestWakeup():
                heapq.heappush(self._alarms, (self.clock.seconds + command.delay, next(self._number), command))
            case commands.SendData() if command.connection is self.client:
                self.given += command.data
            case commands.SendData():
                at = next(n for n, one in enumerate(self.servers) if one is command.connection)
                self.asked[at] += command.data
            case commands.OpenConnection():
                return [self._open(command)]
            case commands.CloseConnection():
                self.closed.add(command.connection)
                command.connection.state = ConnectionState.CLOSED
            case commands.StartHook():
                self._hook(command)
                if command.blocking:
                    return [events.HookCompleted(command)]
        return []

    def _open(self, command: commands.OpenConnection) -> events.Event:
        server = command.connection
        why = self.refuse(server)
        if why is None:
            server.state = ConnectionState.OPEN
            server.peername = server.address
            self.servers.append(server)
            self.asked.append(bytearray())
        else:
            server.error = why
        return events.OpenConnectionCompleted(command, why)

    def _hook(self, command: commands.StartHook) -> None:
        for addon in self.addons:
            hook = getattr(addon, command.name, None)
            if hook is not None and not inspect.iscoroutinefunction(hook):
                hook(*command.args())


def stack(top: layer.Layer) -> list[layer.Layer]:
    """Give a layer and its children."""
    found: list[layer.Layer] = [top]
    while (below := getattr(found[-1], "child_layer", None)) is not None:
        found.append(below)
    return found
