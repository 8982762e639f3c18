"""mitmproxy's HTTP layers, made ours: what stands on its internals is here, in :mod:`.stream` and :mod:`.parting`.

What mitmproxy's hooks cannot do is done by subclassing ``HttpLayer`` and ``HttpStream`` (seen on mitmproxy 12.2.3).
:mod:`.stream` has what is done for each request; here is what is done for a connection:

- **A tunnel that nobody looks into is opened at once.** With ``connection_strategy=lazy`` mitmproxy answers a CONNECT
  and then waits for the client's first bytes to see what they are. A client that waits for the server's greeting (ssh,
  smtp) would wait for ever, and a dead host would be noticed late. Where the host is not to be decrypted there is
  nothing to see, so the connection is made, and its failure told, as any proxy does.
- **Connections that a try left behind are forgotten**: what they still say is for nobody.

``tests/mitm/test_layer.py`` says in plain words which of these internals a mitmproxy release has changed;
:func:`proxy_layer` then gives mitmproxy's own layer, and Wiremend runs without the above rather than not at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from mitmproxy import http
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers import TCPLayer
from mitmproxy.proxy.layers.http import HttpLayer, HTTPMode, HttpStream
from mitmproxy.proxy.layers.http._http2 import Http2Client
from mitmproxy.proxy.layers.http._upstream_proxy import HttpUpstreamProxy
from mitmproxy.proxy.utils import ReceiveBuffer

from wiremend.mitm.parting import forget_closed, is_stale, missing
from wiremend.mitm.pressure import watch
from wiremend.mitm.stream import WireStream, nothing

if TYPE_CHECKING:
    from collections.abc import Callable

    from mitmproxy.net.server_spec import ServerSpec
    from mitmproxy.proxy.context import Context

    from wiremend.mitm.endings import Endings
    from wiremend.mitm.pressure import Pressure

    type Opaque = Callable[[str, int], bool]
    type Via = Callable[[str, int], ServerSpec | None]

INTERNALS = (
    (
        HttpLayer,
        (
            "make_stream",
            "event_to_child",
            "_handle_event",
            "streams",
            "connections",
            "command_sources",
            "waiting_for_establishment",
        ),
    ),
    (
        HttpStream,
        (
            "handle_connect_regular",
            "handle_connect_finish",
            "_handle_event",
            "handle_event",
            "_paused",
            "_paused_event_queue",
            "check_body_size",
            "check_killed",
            "flow_done",
            "handle_protocol_error",
            "make_server_connection",
            "send_response",
            "start_response_stream",
            "state_wait_for_response_headers",
            "state_stream_response_body",
            "state_consume_response_body",
            "state_done",
            "state_errored",
        ),
    ),
    (Http2Client, ("our_stream_id", "stream_queue", "streams")),
    (HttpUpstreamProxy, ("make",)),
    (ReceiveBuffer, ("__iadd__", "__len__")),
)
"""What these files stand on: classes, and the names in them."""


def missing_internals() -> list[str]:
    """Give what this mitmproxy no longer has of :data:`INTERNALS`."""
    return missing(INTERNALS)


class WireLayer(HttpLayer):
    """An HTTP layer whose streams end legally."""

    endings: Endings
    pressure: Pressure | None = None

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Take an event, unless it is of a connection that was left behind."""
        if isinstance(event, events.ConnectionEvent) and is_stale(self, event.connection):
            return nothing()
        if isinstance(event, events.Wakeup) and event.command not in self.command_sources:
            return nothing()  # of a stream that is over
        if isinstance(event, events.ConnectionClosed):
            forget_closed(self)
        done: layer.CommandGenerator[None] = super()._handle_event(event)
        return self.pressure.after(event, done) if self.pressure is not None else done

    def make_stream(self, stream_id: int) -> layer.CommandGenerator[None]:
        """Make a stream of ours, as mitmproxy makes its own."""
        stream = WireStream(self.context.fork(), stream_id)
        stream.endings = self.endings
        stream.pressure = self.pressure = self.pressure or watch(self)
        self.streams[stream_id] = stream
        yield from self.event_to_child(stream, events.Start())


class ProxyStream(WireStream):
    """A request of the HTTPS proxy; of a CONNECT to a host that is nobody's business it makes a plain tunnel."""

    def __init__(self, context: Context, stream_id: int, opaque: Opaque, via: Via) -> None:
        """Keep the two questions that a CONNECT asks."""
        super().__init__(context, stream_id)
        self.opaque = opaque
        self.via = via

    def handle_connect_regular(self) -> layer.CommandGenerator[None]:
        """Open the tunnel, or go on as mitmproxy does."""
        host, port = self.flow.request.host, self.flow.request.port
        if self.flow.response is not None or not self.opaque(host, port):
            yield from super().handle_connect_regular()  # type: ignore[no-untyped-call]  # mitmproxy has no types here
            return
        proxy = self.via(host, port)
        if proxy is not None:
            self.context.server.via = proxy
            stack = HttpUpstreamProxy.make(self.context, send_connect=True)
            stack /= TCPLayer(self.context, ignore=True)
            self.child_layer = stack[0]
        else:
            error = yield commands.OpenConnection(self.context.server)
            if error:
                message = f"Cannot connect to {host}:{port}: {error}\n"
                self.flow.response = http.Response.make(502, message, {"content-type": "text/plain"})
            self.child_layer = TCPLayer(self.context, ignore=True)
        yield from self.handle_connect_finish()  # type: ignore[no-untyped-call]  # as above


class ProxyLayer(WireLayer):
    """The HTTPS proxy's HTTP layer."""

    def __init__(self, context: Context, opaque: Opaque, via: Via, endings: Endings) -> None:
        """Keep what its streams will ask."""
        super().__init__(context, HTTPMode.regular)
        self.opaque = opaque
        self.via = via
        self.endings = endings

    def make_stream(self, stream_id: int) -> layer.CommandGenerator[None]:
        """Make a stream of ours, as mitmproxy makes its own."""
        stream = ProxyStream(self.context.fork(), stream_id, self.opaque, self.via)
        stream.endings = self.endings
        stream.pressure = self.pressure = self.pressure or watch(self)
        self.streams[stream_id] = stream
        yield from self.event_to_child(stream, events.Start())


def proxy_layer(context: Context, opaque: Opaque, via: Via, endings: Endings) -> HttpLayer:
    """Give the HTTP layer for a connection of the HTTPS proxy.

    ``opaque(host, port)`` tells whether a tunnel there is not to be looked into; ``via(host, port)`` gives the
    machine's own proxy for it.
    """
    if missing_internals():
        return HttpLayer(context, HTTPMode.regular)
    return ProxyLayer(context, opaque, via, endings)


def adopt(top: layer.Layer | None, endings: Endings) -> None:
    """Make the HTTP layer in a stack that mitmproxy chose one of ours; under TLS it is a child of the TLS layers."""
    seen: layer.Layer | None = top
    while seen is not None and not missing_internals():
        if type(seen) is HttpLayer:
            # mitmproxy has built it and put it into the stack; only how it makes streams is to be ours.
            seen.__class__ = WireLayer
            cast("WireLayer", seen).endings = endings
            return
        seen = getattr(seen, "child_layer", None)
