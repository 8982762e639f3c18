"""A client of HTTP/2 that reads slowly slows its provider: what it has not read is not heaped up here.

For clients of HTTP/1 mitmproxy sees to it: it reads nothing from an upstream as long as the client's socket takes no
more. A client of HTTP/2 has many streams on one socket, and says by windows how much of each it takes (RFC 9113,
section 5.2). mitmproxy keeps what is beyond the window in memory, without a bound, and reads on. Here the upstream of
the one stream is held up when more than :data:`HIGH` bytes wait for the client, until no more than :data:`LOW` do:

- an upstream connection of HTTP/1 serves one stream, so its socket is not read;
- one of HTTP/2 serves many, so the window of the one stream is not opened again. mitmproxy offers windows of 2 GiB,
  which would hold up nothing; :data:`WINDOW` is offered instead.

So one stream holds :data:`HIGH` + :data:`WINDOW` bytes at most, and a chunk.

:func:`is_behind` tells whether an upstream is silent because its client does not read.

Stands on mitmproxy 12.2.3 (:data:`INTERNALS`); where a release has changed these, nothing is held up.
"""

from __future__ import annotations

from asyncio import Transport
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from h2.exceptions import ProtocolError
from h2.settings import SettingCodes
from mitmproxy import ctx
from mitmproxy.proxy import events
from mitmproxy.proxy.layers.http import HttpClient, HttpLayer
from mitmproxy.proxy.layers.http._events import RequestData
from mitmproxy.proxy.layers.http._http2 import Http2Client, Http2Connection, Http2Server
from mitmproxy.proxy.layers.http._http_h2 import BufferedH2Connection
from mitmproxy.proxy.server import ConnectionHandler

from wiremend.mitm.parting import http2_in, missing

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from mitmproxy.connection import Client, Connection
    from mitmproxy.proxy import layer
    from mitmproxy.proxy.layers.http._http_h2 import SendH2Data

HIGH: Final = 256 * 1024
"""Bytes that wait for a client before its upstream is held up."""

LOW: Final = 64 * 1024
"""Bytes that may still wait when the upstream goes on."""

WINDOW: Final = 4 * 1024 * 1024
"""Bytes of one stream that an upstream of HTTP/2 may send ahead."""

INTERNALS = (
    (BufferedH2Connection, ("stream_buffers", "acknowledge_received_data", "update_settings")),
    (Http2Client, ("our_stream_id", "their_stream_id")),
    (Http2Connection, ("h2_conn",)),
    (HttpClient, ("child_layer",)),
    (HttpLayer, ("connections", "streams", "event_to_child")),
    (ConnectionHandler, ("transports",)),
)
"""What this file stands on: classes, and the names in them."""


class Pressure:
    """The streams of one client connection of HTTP/2 that are read more slowly than they come."""

    def __init__(self, above: HttpLayer) -> None:
        """Watch over the streams of this layer, which has its client's connection already."""
        self._above = above
        client = above.connections.get(above.context.client)
        self._waiting: Mapping[int, Collection[SendH2Data]] = {}
        if isinstance(client, Http2Server) and not missing_internals():
            self._waiting = client.h2_conn.stream_buffers
        self._held: dict[int, _Held] = {}

    def holds(self, stream: int) -> bool:
        """Tell whether a stream waits for its client, so that its upstream is not to blame for the silence."""
        return stream in self._held

    def begins(self, server: Connection) -> None:
        """Offer an upstream of HTTP/2 a small window, before the first request that is sent to it. Call it for each."""
        spoken = http2_in(self._above.connections.get(server))
        if spoken is None or missing_internals():
            return
        frames = spoken.h2_conn
        if isinstance(frames.acknowledge_received_data, _Windows):
            return
        frames.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: WINDOW})  # leaves with the head of the request
        frames.acknowledge_received_data = _Windows(spoken, self._held)  # type: ignore[assignment]  # as said above

    def comes(self, stream: int, server: Connection) -> None:
        """Take it that a chunk has come for a stream; call it for each. Holds its upstream up if too much waits."""
        if not self._waiting.get(stream) or self._size(stream) <= HIGH:
            return
        held = self._held.get(stream)
        if held is None:
            held = self._held[stream] = _Held(server)
        if http2_in(self._above.connections.get(server)) is None:
            held.transport = held.transport or self._transport(server)
            if held.transport is not None:  # said again for each chunk: asyncio's reader may have gone on by itself
                held.transport.pause_reading()

    def after(self, event: events.Event, done: layer.CommandGenerator[None]) -> layer.CommandGenerator[None]:
        """Give what is done for an event, and behind it, where the client has spoken, what lets its upstreams go on."""
        spoke = isinstance(event, events.ConnectionEvent) and event.connection is self._above.context.client
        return self._then(done) if self._held and spoke else done

    def _then(self, done: layer.CommandGenerator[None]) -> layer.CommandGenerator[None]:
        yield from done
        yield from self._ease()

    def _ease(self) -> layer.CommandGenerator[None]:
        """Let upstreams go on whose client has read enough, or has left."""
        for stream, held in [*self._held.items()]:
            if stream in self._above.streams and self._size(stream) > LOW:
                continue
            del self._held[stream]
            if held.transport is not None and not held.transport.is_closing():
                held.transport.resume_reading()
            for acknowledge in held.read:
                acknowledge()
            below = self._above.connections.get(held.server)
            spoken = http2_in(below)
            if held.read and below is not None and spoken is not None and stream in spoken.our_stream_id:
                # No bytes at all: it sends what h2 has to say, which are the windows.
                yield from self._above.event_to_child(below, RequestData(stream, b""))

    def _size(self, stream: int) -> int:
        return sum(len(one.data) for one in self._waiting.get(stream, ()))

    def _transport(self, server: Connection) -> Transport | None:
        """Give the socket of an upstream connection; behind another proxy it is that one's."""
        socket = getattr(self._above.connections.get(server), "tunnel_connection", server)
        return _transport(self._above.context.client, socket)


def watch(above: HttpLayer) -> Pressure | None:
    """Give what watches over the streams of a layer; None where its client speaks HTTP/1."""
    return Pressure(above) if above.context.client.alpn == b"h2" else None


class _Held:
    """A stream whose upstream is held up, and how it goes on."""

    def __init__(self, server: Connection) -> None:
        self.server = server
        self.transport: Transport | None = None
        self.read: list[Callable[[], None]] = []
        """What opens the windows of HTTP/2 again."""


class _Windows:
    """Opens the windows of an upstream connection, but not those of streams that are held up."""

    def __init__(self, spoken: Http2Client, held: dict[int, _Held]) -> None:
        self._spoken = spoken
        self._held = held
        self._open = spoken.h2_conn.acknowledge_received_data

    def __call__(self, size: int, ours: int) -> None:
        held = self._held.get(self._spoken.their_stream_id.get(ours, -1))
        if held is None:
            self._open(size, ours)
        else:
            held.read.append(lambda: self._later(size, ours))

    def _later(self, size: int, ours: int) -> None:
        with suppress(ProtocolError):  # the connection was closed meanwhile
            self._open(size, ours)


def missing_internals() -> list[str]:
    """Give what this mitmproxy no longer has of :data:`INTERNALS`."""
    return missing(INTERNALS)


def is_behind(client: Client) -> bool:
    """Tell whether a client's socket takes nothing more for now: mitmproxy then reads nothing from its upstreams."""
    transport = _transport(client, client)
    return transport is not None and transport.get_write_buffer_size() > transport.get_write_buffer_limits()[0]


def _transport(client: Client, connection: Connection) -> Transport | None:
    """Give the socket of a client, or of an upstream connection made for it; None where it has none, as in a replay."""
    proxy = ctx.master.addons.get("proxyserver")
    handler = proxy.connections.get(client.id) if proxy is not None else None
    if not isinstance(handler, ConnectionHandler) or connection not in handler.transports:
        return None
    found = getattr(handler.transports[connection].writer, "transport", None)
    return found if isinstance(found, Transport) else None
