"""The one file that stands on mitmproxy's internals: its HTTP layers.

What mitmproxy's hooks cannot do is done by subclassing ``HttpLayer`` and ``HttpStream`` (seen on mitmproxy 12.2.3):

- **A tunnel that nobody looks into is opened at once.** With ``connection_strategy=lazy`` mitmproxy answers a CONNECT
  and then waits for the client's first bytes to see what they are. A client that waits for the server's greeting (ssh,
  smtp) would wait for ever, and a dead host would be noticed late. Where the host is not to be decrypted there is
  nothing to see, so the connection is made, and its failure told, as any proxy does.

``tests/mitm/test_layer.py`` says in plain words which of these internals a mitmproxy release has changed;
:func:`proxy_layer` then gives mitmproxy's own layer, and Wiremend runs without the above rather than not at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mitmproxy import http
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers import TCPLayer
from mitmproxy.proxy.layers.http import HttpLayer, HTTPMode, HttpStream
from mitmproxy.proxy.layers.http._upstream_proxy import HttpUpstreamProxy

if TYPE_CHECKING:
    from collections.abc import Callable

    from mitmproxy.net.server_spec import ServerSpec
    from mitmproxy.proxy.context import Context

    type Opaque = Callable[[str, int], bool]
    type Via = Callable[[str, int], ServerSpec | None]

INTERNALS = (
    (HttpLayer, ("make_stream", "event_to_child", "streams")),
    (HttpStream, ("handle_connect_regular", "handle_connect_finish", "handle_connect")),
    (HttpUpstreamProxy, ("make",)),
)
"""What this file stands on: classes, and the names in them."""


def missing_internals() -> list[str]:
    """Give what this mitmproxy no longer has of :data:`INTERNALS`."""
    return [
        f"{kind.__name__}.{name}"
        for kind, names in INTERNALS
        for name in names
        if not hasattr(kind, name) and name not in getattr(kind, "__annotations__", {})
    ]


class ProxyStream(HttpStream):
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


class ProxyLayer(HttpLayer):
    """The HTTPS proxy's HTTP layer."""

    def __init__(self, context: Context, mode: HTTPMode, opaque: Opaque, via: Via) -> None:
        """Keep what its streams will ask."""
        super().__init__(context, mode)
        self.opaque = opaque
        self.via = via

    def make_stream(self, stream_id: int) -> layer.CommandGenerator[None]:
        """Make a stream of ours, as mitmproxy makes its own."""
        self.streams[stream_id] = ProxyStream(self.context.fork(), stream_id, self.opaque, self.via)
        yield from self.event_to_child(self.streams[stream_id], events.Start())


def proxy_layer(context: Context, opaque: Opaque, via: Via) -> HttpLayer:
    """Give the HTTP layer for a connection of the HTTPS proxy.

    ``opaque(host, port)`` tells whether a tunnel there is not to be looked into; ``via(host, port)`` gives the
    machine's own proxy for it.
    """
    if missing_internals():
        return HttpLayer(context, HTTPMode.regular)
    return ProxyLayer(context, HTTPMode.regular, opaque, via)
