"""Closes sockets that mitmproxy has forgotten to close.

mitmproxy closes a connection by cancelling the task that reads from it, which then closes its socket. But where so much
comes that the task finds more to read at once, it is cancelled on the way to hand that on, and ends without closing
anything (``ConnectionHandler.handle_connection`` of mitmproxy 12.2.3). So a provider whose stream is called off while
it sends as fast as it can, and a client that is turned away in the middle of a large upload, would hang as long as
the proxy runs, and each would cost it a file descriptor.

mitmproxy tells of the end of each connection all the same; whose socket it still holds then is closed here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mitmproxy import ctx
from mitmproxy.proxy.server import ConnectionHandler

if TYPE_CHECKING:
    from mitmproxy.connection import Client, Connection
    from mitmproxy.proxy.server_hooks import ServerConnectionHookData


class Closing:
    """Looks behind mitmproxy when a connection has ended."""

    def server_disconnected(self, data: ServerConnectionHookData) -> None:
        """Close the socket of an upstream connection."""
        _close(data.client, data.server)

    def client_disconnected(self, client: Client) -> None:
        """Close the socket of a client."""
        _close(client, client)


def _close(client: Client, connection: Connection) -> None:
    proxy = ctx.master.addons.get("proxyserver")
    handler = proxy.connections.get(client.id) if proxy is not None else None
    if not isinstance(handler, ConnectionHandler) or connection not in handler.transports:
        return  # it is closed: mitmproxy has taken it out
    writer = handler.transports.pop(connection).writer
    if writer is not None:
        writer.close()
