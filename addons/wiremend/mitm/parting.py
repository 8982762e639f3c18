"""Parting from upstream connections: what a try leaves behind must not be taken for a reply to the next.

Stands on mitmproxy's HttpLayer and on what it speaks HTTP/2 with (:data:`wiremend.mitm.layer.INTERNALS`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mitmproxy.connection import Server
from mitmproxy.proxy.layers.http import GetHttpConnection, HttpLayer, SendHttp
from mitmproxy.proxy.layers.http._events import ErrorCode, RequestProtocolError
from mitmproxy.proxy.layers.http._http2 import Http2Client

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mitmproxy.connection import Connection
    from mitmproxy.proxy import commands, layer


def missing(internals: Sequence[tuple[type, Sequence[str]]]) -> list[str]:
    """Give what this mitmproxy no longer has of classes and the names in them."""
    return [
        f"{kind.__name__}.{name}"
        for kind, names in internals
        for name in names
        if not hasattr(kind, name) and all(name not in getattr(one, "__annotations__", {}) for one in kind.__mro__)
    ]


def abandon(above: HttpLayer, server: Connection, stream_id: int, *, ended: bool) -> layer.CommandGenerator[None]:
    """Part from the upstream of a try.

    ``ended``: its message has ended, or broken, so that there is nothing to call off. On HTTP/2 the stream is reset,
    and a later try on the same connection gets a stream of its own; a connection of HTTP/1 is closed and forgotten.
    """
    spoken = http2_in(above.connections.get(server))
    if spoken is not None:
        spoken.stream_queue.pop(stream_id, None)
        ours = spoken.our_stream_id.get(stream_id)
        if ours is not None and not ended:
            yield SendHttp(RequestProtocolError(stream_id, "called off", ErrorCode.CANCEL), server)
            spoken.streams.pop(ours, None)
        spoken.our_stream_id.pop(stream_id, None)
    elif not ended and server in above.connections:
        yield SendHttp(RequestProtocolError(stream_id, "called off", ErrorCode.CANCEL), server)
        above.connections.pop(server, None)


def forget_failed(above: HttpLayer) -> None:
    """Forget connections that failed: mitmproxy would give the old error to the next try as well."""
    for connection in [one for one in above.connections if isinstance(one, Server) and one.error]:
        if not above.waiting_for_establishment.get(connection):
            del above.connections[connection]
    if above.context.server.error and above.context.server not in above.connections:
        above.context.server.error = None


def forget_closed(above: HttpLayer) -> None:
    """Forget connections that are closed and that no stream knows.

    mitmproxy keeps them, and with them what came on each, as long as the client's connection lives; of a client of
    HTTP/2 and an upstream of HTTP/1 that is one a request.
    """
    known = {id(stream.context.server) for stream in above.streams.values()}
    for connection in [one for one in above.connections if isinstance(one, Server)]:
        waited_for = above.waiting_for_establishment.get(connection)
        if connection.timestamp_end and id(connection) not in known and not waited_for:
            del above.connections[connection]


def withdraw(above: HttpLayer, command: commands.Command) -> bool:
    """Take back a request for a connection, which may still be made, and then stands by; False where it is none."""
    if not isinstance(command, GetHttpConnection):
        return False
    for waiting in above.waiting_for_establishment.values():
        place = next((at for at, one in enumerate(waiting) if one is command), None)  # equal ones are others'
        if place is not None:
            del waiting[place]
            above.command_sources.pop(command, None)
            return True
    return False


def is_stale(above: HttpLayer, connection: Connection) -> bool:
    """Tell whether an event is of a connection that a try left behind."""
    return connection not in above.connections and connection != above.context.server


def http2_in(top: layer.Layer | None) -> Http2Client | None:
    """Give what speaks HTTP/2 in the stack of an upstream connection; None where it speaks another version."""
    seen: layer.Layer | None = top
    while seen is not None and not isinstance(seen, Http2Client):
        seen = getattr(seen, "child_layer", None)
    return seen
