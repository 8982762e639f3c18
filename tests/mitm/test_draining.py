"""A client's connections leave each other alone: one that breaks cancels nobody, and a sixth need not wait."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from mitmproxy.connection import Server
from mitmproxy.options import Options
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.mode_specs import ProxyMode
from mitmproxy.proxy.server import ConnectionHandler, ConnectionIO
from mitmproxy.test import tflow

from wiremend.mitm.draining import INTERNALS, mend
from wiremend.mitm.parting import missing

if TYPE_CHECKING:
    from mitmproxy.proxy.commands import StartHook


class Broken:
    """A writer whose peer has reset the connection."""

    drained = 0

    async def drain(self) -> None:
        """Fail, as a socket does that was reset."""
        self.drained += 1
        raise ConnectionResetError("Connection reset by peer")


class Handler(ConnectionHandler):
    """A client's handler, without the client."""

    async def handle_hook(self, hook: StartHook) -> None:
        """Ask nobody."""


def handler() -> Handler:
    client = tflow.tclient_conn()
    client.proxy_mode = ProxyMode.parse("regular")
    options = Options()
    options.add_option("tcp_timeout", int, 600, "")
    return Handler(Context(client, options))


async def drained(made: Handler) -> bool:
    """Drain with a broken writer; tells whether its reader was cancelled."""
    reader = asyncio.get_running_loop().create_future()
    broken = Broken()
    made.transports[Server(address=("127.0.0.1", 9))] = ConnectionIO(handler=reader, writer=broken)  # type: ignore[arg-type]
    await made.drain_writers()  # type: ignore[no-untyped-call]  # mitmproxy has no types here
    assert broken.drained == 1
    return reader.cancelled()


def test_what_it_stands_on_is_still_there() -> None:
    assert missing(INTERNALS) == []
    assert hasattr(handler(), "_drain_lock")


def test_a_writer_that_breaks_cancels_nobody() -> None:
    async def run() -> tuple[bool, bool]:
        first, second = handler(), handler()
        mend(second)
        return await drained(first), await drained(second)

    theirs, ours = asyncio.run(run())
    assert theirs, "mitmproxy does not cancel any more: wiremend/mitm/draining.py can go"
    assert not ours


def test_a_sixth_connection_need_not_wait() -> None:
    async def run() -> list[bool]:
        one = handler()
        theirs = one.max_conns["127.0.0.1", 9]
        mend(one)
        ours = one.max_conns["127.0.0.1", 10]
        for _ in range(5):
            await theirs.acquire()
            await ours.acquire()
        return [theirs.locked(), ours.locked()]

    assert asyncio.run(run()) == [True, False]
