"""Every LLM exchange is remembered while it happens: where it begins, what goes by, and where it ends (G9).

:class:`Remember` is asked by :mod:`~wiremend.mitm.rewrite` when a request is decided, by
:mod:`~wiremend.mitm.reply` and the layer when something comes back, and hears mitmproxy's hooks when it is over. What
was remembered goes to the :class:`~wiremend.mitm.store.Store`. Whatever fails in here costs a capture, never the
traffic (G7).

At the start, what earlier replies left for later requests is looked up in the newest captures, so that a conversation
survives a restart of the proxy.
"""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mitmproxy import ctx

from wiremend.mitm.recollect import recollect
from wiremend.mitm.record import Head, Record
from wiremend.mitm.store import Store
from wiremend.rules.lookup import state_folder

if TYPE_CHECKING:
    from mitmproxy.connection import Client
    from mitmproxy.http import HTTPFlow, Response

    from wiremend.mitm.exchange import Exchange
    from wiremend.mitm.house import House
    from wiremend.mitm.tape import Tapes
    from wiremend.pipeline.outcome import ClientRequest
    from wiremend.rules.resolve import Resolved

logger = logging.getLogger("wiremend")

SWITCHING: Final = 101
RECOLLECTING: Final = 2.0
"""Seconds for which the proxy's readiness waits until the memory is looked up."""


def default_folder() -> Path:
    """Give where captures lie unless the rules say otherwise."""
    return state_folder(os.environ) / "captures"


class Remember:
    """Remembers exchanges."""

    def __init__(self, house: House) -> None:
        """Keep the house. Nothing is written before the first exchange ends."""
        self.house = house
        self.records: dict[str, Record] = {}
        self.store = Store(self._tell, state_folder(os.environ))
        self._loop: asyncio.AbstractEventLoop | None = None
        self._recollection: asyncio.Task[None] | None = None
        house.on_rules.append(self.rules)

    # -- what the others say

    def folder(self, resolved: Resolved) -> Path | None:
        """Give where captures are kept by these rules; None where none are."""
        option = ctx.options.wiremend_capture
        if option == "off" or not resolved.rules.capture.on:
            return None
        if option:
            return Path(option).expanduser().absolute()
        return resolved.capture_folder or default_folder()

    def rules(self, path: Path, resolved: Resolved) -> None:
        """Take rules that came in force, so that their text lies beside the captures."""
        if self.folder(resolved) is not None:
            self.store.rules(path, resolved.rules.hash)

    def begins(self, flow: HTTPFlow, request: ClientRequest, resolved: Resolved) -> Record | None:
        """Begin to remember, before anything is decided; None where nothing is to be kept."""
        try:
            folder = self.folder(resolved)
            if folder is None:
                return None
            return Record.begin(
                flow, request, resolved=resolved, memory=self.house.memory, keeper=self.store, folder=folder
            )
        except Exception as error:  # noqa: BLE001 - the edge (G7)
            self.house.failed(flow.id, "to remember the exchange", error)
            return None

    def decided(self, record: Record | None, exchange: Exchange | None) -> None:
        """Go on remembering, where this exchange is one to be kept."""
        if record is None:
            return
        try:
            if record.decided(exchange):
                self.records[record.flow.id] = record
                call = self.house.calls.get(record.flow.id)
                if call is not None:
                    call.capture = record.flow.id
        except Exception as error:  # noqa: BLE001 - the edge (G7)
            self.house.failed(record.flow.id, "to remember the exchange", error)

    def answered(self, flow: HTTPFlow) -> None:
        """Take it that the response is one of our own."""
        record = self.records.get(flow.id)
        if record is not None:
            record.answered = True

    def comes(self, flow: HTTPFlow, response: Response | None) -> Tapes | None:
        """Take the head of a response as it came, if one did; gives the tapes for what follows."""
        record = self.records.get(flow.id)
        if record is None:
            return None
        if response is not None:
            self.head(flow, response)
        record.tapes.teed = True
        return record.tapes

    def tried(self, flow: HTTPFlow, trouble: str, error: str) -> None:
        """Take it that a try is over, and another one follows."""
        record = self.records.get(flow.id)
        if record is not None:
            try:
                record.tried(trouble, error)
            except Exception as failure:  # noqa: BLE001 - the edge (G7)
                self.house.failed(flow.id, "to remember the try", failure)

    def head(self, flow: HTTPFlow, response: Response) -> None:
        """Take the head of a response as it came, unless it was taken already."""
        record = self.records.get(flow.id)
        if record is not None and record.came is None and not record.answered:
            record.came = Head.of(response)
            record.leaves()

    def body(self, flow: HTTPFlow, response: Response) -> None:
        """Take a whole body as it came, where no tape has it."""
        record = self.records.get(flow.id)
        if record is not None and not record.tapes.teed:
            record.whole = response.raw_content

    # -- mitmproxy's hooks

    def running(self) -> None:
        """Tidy the folder, and look up the memory."""
        self._loop = asyncio.get_running_loop()
        resolved = self.house.resolved
        folder = self.folder(resolved) if resolved is not None else None
        if resolved is None or folder is None:
            return
        settings = resolved.rules.capture
        self.store.tidy(folder, settings.keep, settings.max_size)
        self._recollection = asyncio.create_task(self._recollect(folder), name="wiremend: recollect")

    async def recollected(self) -> None:
        """Wait until the memory was looked up, for a short while at most."""
        if self._recollection is not None:
            await asyncio.wait([self._recollection], timeout=RECOLLECTING)

    def response(self, flow: HTTPFlow) -> None:
        """End an exchange. After the handshake of a WebSocket, it goes on."""
        response = flow.response
        if response is None or response.status_code != SWITCHING or flow.websocket is None:
            self._end(flow, None)

    def error(self, flow: HTTPFlow) -> None:
        """End an exchange that broke. What the client got of it is there to be looked at."""
        record, response = self.records.get(flow.id), flow.response
        said = record.tapes.said if record is not None else None
        if said is not None and not said.spooled and response is not None and response.raw_content is None:
            response.raw_content = said.body().data
        self._end(flow, flow.error.msg if flow.error is not None else "it broke")

    def websocket_end(self, flow: HTTPFlow) -> None:
        """End a WebSocket's exchange."""
        self._end(flow, flow.error.msg if flow.error is not None else None)

    def client_disconnected(self, client: Client) -> None:
        """End what mitmproxy ended without a word: flows that were killed, for one."""
        for record in [one for one in self.records.values() if one.flow.client_conn.id == client.id]:
            self._end(record.flow, "the client's connection was closed")

    async def done(self) -> None:
        """Write down what was under way, as cut, and wait for the disk."""
        for record in list(self.records.values()):
            self._end(record.flow, "the proxy was shut down")
        if self._recollection is not None:
            self._recollection.cancel()
        await asyncio.to_thread(self.store.close)

    # -- how

    def _end(self, flow: HTTPFlow, error: str | None) -> None:
        record = self.records.pop(flow.id, None)
        if record is None:
            return
        try:
            record.end(error)
            self.store.put(record)
        except Exception as failure:  # noqa: BLE001 - the edge (G7)
            self.house.failed(flow.id, "to remember the exchange", failure)

    async def _recollect(self, folder: Path) -> None:
        try:
            found = await asyncio.to_thread(recollect, folder)
        except Exception as error:  # noqa: BLE001 - the edge (G7)
            logger.warning("Wiremend failed to look up its memory (%s)", type(error).__name__)
            return
        memory = self.house.memory
        for key, value in found.items():
            if memory.recall(key) is None:
                memory.keep(key, value)

    def _tell(self, key: str, message: str) -> None:
        """Log a warning once, in the event loop; the store's thread calls."""
        if self._loop is None or self._loop.is_closed():
            self.house.tell_once(key, message)
            return
        with suppress(RuntimeError):  # it was closed meanwhile
            self._loop.call_soon_threadsafe(self.house.tell_once, key, message)
