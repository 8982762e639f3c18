"""One port, two ways in: the HTTPS proxy, and the gateway that agents name as their base URL.

mitmproxy's regular mode takes every plain request for one that names its destination. A request in origin form (``POST
/v1/messages``) names none: it came to us. So before mitmproxy chooses the protocol layer, :class:`Gateway` looks at the
first bytes of a connection and, for origin form, puts an ``HttpLayer`` in transparent mode there; the destination is
then decided per request. Reverse mode (``--mode reverse:…``) is a gateway as well, with a destination of its own.

Who may come in: connections from this machine, from others only with ``listen.token``. At the gateway a ``Host`` or
``Origin`` that is not this machine's is refused, for a web page that a browser on this machine shows could otherwise
spend the user's keys (DNS rebinding).
"""

from __future__ import annotations

import base64
import hmac
import ipaddress
import logging
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mitmproxy import ctx, http
from mitmproxy.net.tls import starts_like_tls_record
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers import modes
from mitmproxy.proxy.layers.http import HttpLayer, HTTPMode
from mitmproxy.proxy.mode_specs import RegularMode, ReverseMode, UpstreamMode

from wiremend.mitm.convert import headers_of
from wiremend.mitm.layer import adopt, proxy_layer
from wiremend.protocols import WIRES
from wiremend.rules.facts import credentials_of, wire_of
from wiremend.rules.urls import LOOPBACK, authority, locate

if TYPE_CHECKING:
    from mitmproxy.connection import Client
    from mitmproxy.proxy.context import Context

    from wiremend.mitm.endings import Endings
    from wiremend.mitm.house import House
    from wiremend.mitm.tunnel import Tunnel

logger = logging.getLogger("wiremend")

NOWHERE = ("gateway.invalid", 80)
"""Where a gateway request "goes" until it is decided; ``.invalid`` never resolves (RFC 6761)."""

TOKEN_HEADER = "x-wiremend-token"  # noqa: S105 - the name of a header

_ORIGIN_FORM = re.compile(rb"[A-Za-z]+ +/")
_UNDECIDED = re.compile(rb"[A-Za-z]* *")


class _Sniffer(layer.Layer):
    """Stands in for the HTTP layer while the first line is still too short to tell which one it must be."""

    def __init__(self, context: Context, gateway: Gateway) -> None:
        super().__init__(context)
        self.gateway = gateway
        self.seen = b""

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(event, events.DataReceived):
            self.seen += event.data
            if not _UNDECIDED.fullmatch(self.seen):
                chosen = self.gateway.choose(self.context, self.seen)
                # How mitmproxy's own layers hand over to the next one.
                self._handle_event = chosen.handle_event  # type: ignore[method-assign]  # a layer becomes its child
                yield from chosen.handle_event(events.Start())
                yield from chosen.handle_event(events.DataReceived(self.context.client, self.seen))
        elif isinstance(event, events.ConnectionClosed):
            yield commands.CloseConnection(self.context.client)


class Gateway:
    """Tells the two ways in apart, and guards them."""

    def __init__(self, house: House, tunnel: Tunnel, endings: Endings) -> None:
        """Keep the house, who decides about tunnels, and who ends what breaks."""
        self.house = house
        self.tunnel = tunnel
        self.endings = endings
        self._admitted: set[str] = set()

    # -- connections

    def client_connected(self, client: Client) -> None:
        """Turn away connections from other machines, unless a token is asked for."""
        if not isinstance(client.proxy_mode, RegularMode | UpstreamMode | ReverseMode):
            return  # a tunnel of the user's own: WireGuard, a local redirect
        resolved = self.house.resolved
        if _from_here(client) or (resolved is not None and resolved.token is not None):
            return
        peer = client.peername[0]
        self.house.tell_once(
            f"peer:{peer}",
            f"a connection from {peer} was refused: only this machine may use the proxy. To let others in, add to"
            " rules.yaml: listen: {host: 0.0.0.0, token: $WIREMEND_TOKEN}",
        )
        client.error = "not from this machine"

    def client_disconnected(self, client: Client) -> None:
        """Forget the connection."""
        self.house.gateways.discard(client.id)
        self._admitted.discard(client.id)

    def next_layer(self, nextlayer: layer.NextLayer) -> None:
        """Choose the HTTP layer for a connection that is about to send its first request."""
        context = nextlayer.context
        first = len(context.layers) == 1 and isinstance(context.layers[0], modes.HttpProxy | modes.HttpUpstreamProxy)
        if nextlayer.layer is not None or not first:
            return
        data = nextlayer.data_client()
        if _UNDECIDED.fullmatch(data):
            nextlayer.layer = _Sniffer(context, self)
        elif not starts_like_tls_record(data):  # a client that speaks TLS to its proxy is mitmproxy's own affair
            nextlayer.layer = self.choose(context, data)

    def choose(self, context: Context, data: bytes) -> layer.Layer:
        """Give the layer for a connection that begins with these bytes."""
        if _ORIGIN_FORM.match(data):
            self.house.gateways.add(context.client.id)
            context.server.address = NOWHERE
            chosen = HttpLayer(context, HTTPMode.transparent)
        elif isinstance(context.layers[0], modes.HttpUpstreamProxy):
            chosen = HttpLayer(context, HTTPMode.upstream)
        else:
            return proxy_layer(context, self.tunnel.opaque, self.tunnel.via, self.endings)
        adopt(chosen, self.endings)
        return chosen

    # -- requests

    def http_connect(self, flow: http.HTTPFlow) -> None:
        """Ask a client of another machine for the token before it may tunnel."""
        if self._admit(flow):
            flow.request.headers.pop("proxy-authorization", None)
        else:
            flow.response = http.Response.make(
                407, b"this proxy asks for its token\n", {"Proxy-Authenticate": 'Basic realm="wiremend"'}
            )

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Refuse what must not come in, before its body is read."""
        client = flow.client_conn
        gateway = self.house.at_gateway(client)
        if (
            flow.response is not None
            or flow.is_replay
            or not isinstance(client.proxy_mode, RegularMode | UpstreamMode | ReverseMode)
        ):
            return
        admitted = self._admit(flow)
        if not admitted:
            self._refuse(
                flow, 401, "authentication", "this Wiremend asks clients of other machines for its token (listen.token)"
            )
            return
        if not gateway:
            flow.request.headers.pop("proxy-authorization", None)
        if gateway or isinstance(client.proxy_mode, ReverseMode):
            told = self._foreign(flow)
            if told:
                self._refuse(flow, 403, "permission", told)
            elif not gateway and not self.house.keep_host_header:
                request = flow.request
                request.host_header = authority(request.scheme, request.host, request.port)

    def _admit(self, flow: http.HTTPFlow) -> bool:
        """Tell whether the client may come in: it is on this machine, or brings the token. Takes the token off."""
        resolved = self.house.resolved
        token = resolved.token if resolved is not None else None
        if token is None:
            return True
        headers = flow.request.headers
        brought = _tokens(flow.request)
        right = [name for name, value in brought if hmac.compare_digest(value.encode(), token.value.encode())]
        for name in right:
            del headers[name]  # the token is ours; it must not travel on as somebody's key
        if right:
            self._admitted.add(flow.client_conn.id)
        return bool(right) or flow.client_conn.id in self._admitted or _from_here(flow.client_conn)

    def _foreign(self, flow: http.HTTPFlow) -> str | None:
        """Say which header of a gateway request speaks of another place; None where none does."""
        resolved = self.house.resolved
        ours = LOOPBACK | ({resolved.host} if resolved else set()) | {str(ctx.options.listen_host)}
        admitted = flow.client_conn.id in self._admitted
        origin = flow.request.headers.get("origin")
        if origin and urlsplit(origin).hostname not in ours and not admitted:
            return f"the gateway serves programs of this machine, not the web page {origin}"
        host = urlsplit(f"//{flow.request.headers.get('host', '')}").hostname
        if host not in ours and not admitted:
            return (
                f"the gateway answers to localhost, not to the Host {host!r}; set the base URL to http://127.0.0.1:PORT"
            )
        return None

    @staticmethod
    def _refuse(flow: http.HTTPFlow, status: int, kind: str, message: str) -> None:
        found = locate(flow.request.path)
        wire = WIRES[wire_of(found, headers_of(flow.request)) or "chat"]
        body = b"" if flow.request.method == "HEAD" else wire.error_body(status, kind, f"Wiremend: {message}")
        flow.response = http.Response.make(status, body, {"content-type": "application/json"})
        logger.warning("%s %s refused: %s", flow.request.method, flow.request.path.partition("?")[0], message)


def _from_here(client: Client) -> bool:
    address = ipaddress.ip_address(client.peername[0].partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def _tokens(request: http.Request) -> list[tuple[str, str]]:
    """Give what a client may have brought as its token, and in which header."""
    found: list[tuple[str, str]] = []
    for name in ("proxy-authorization", TOKEN_HEADER):
        value = request.headers.get(name, "").strip()
        scheme, _, rest = value.partition(" ")
        if scheme.lower() == "basic":
            try:
                user, _, password = base64.b64decode(rest, validate=True).decode().partition(":")
            except ValueError:
                continue
            found.append((name, password or user))
        elif scheme.lower() == "bearer":
            found.append((name, rest.strip()))
        elif value:
            found.append((name, value))
    found += [(credential.header, credential.value) for credential in credentials_of(headers_of(request))]
    return found
