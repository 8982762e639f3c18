"""Many streams on one client connection of mitmproxy's, as with HTTP/2: none waits for, or ends, another.

Two things of its connection handler (12.2.3, ``mitmproxy/proxy/server.py``), which clients of HTTP/1 hardly meet:

- Whoever reads from one of a client's connections then drains the writers of all of them. Where one of these fails (an
  upstream that was reset), mitmproxy cancels whoever reads there, who may just be waiting for the turn to tell of that
  very end. Then nobody is told, and the stream hangs. Here nobody is cancelled: a reader sees the end by itself.
- At most five connections are made to one address; a sixth waits until one of them ends, which for streams is long.
  How many requests may run at a provider is for the rules to say (``limits: {concurrent: …}``).
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from types import MethodType
from typing import TYPE_CHECKING, Final

from mitmproxy import ctx
from mitmproxy.proxy.server import ConnectionHandler

from wiremend.mitm.parting import missing

if TYPE_CHECKING:
    from mitmproxy.connection import Client

INTERNALS: Final = ((ConnectionHandler, ("drain_writers", "transports", "max_conns", "handle_connection")),)
"""What this stands on: a class, and the names in it. Where a release has changed these, nothing is mended."""

CONNECTIONS: Final = 10_000
"""How many connections one client may have at one address."""


class Draining:
    """Takes each client's handler in hand when it connects."""

    def client_connected(self, client: Client) -> None:
        """Mend its handler, where it is one that we know."""
        proxy = ctx.master.addons.get("proxyserver")
        handler = proxy.connections.get(client.id) if proxy is not None else None
        if isinstance(handler, ConnectionHandler) and not missing(INTERNALS) and hasattr(handler, "_drain_lock"):
            mend(handler)


def mend(handler: ConnectionHandler) -> None:
    """Let a handler's streams leave each other alone."""
    handler.max_conns.default_factory = lambda: asyncio.Semaphore(CONNECTIONS)
    handler.drain_writers = MethodType(_drain_writers, handler)  # type: ignore[method-assign]  # this one's alone


async def _drain_writers(handler: ConnectionHandler) -> None:
    async with handler._drain_lock:  # noqa: SLF001 - in the place of the handler's own method
        for transport in list(handler.transports.values()):
            if transport.writer is not None:
                with suppress(OSError):  # its reader sees it
                    await transport.writer.drain()
