"""Keeps the books: each finished call goes into the journal at once, and from there into the ledger's sinks.

:class:`Books` hears finished calls (``House.on_row``) in the event loop, before the client gets the end of its
response, and writes each into the journal: one ``write``. All else is done by threads, one a sink
(:mod:`wiremend.ledger.writer`). Which sinks there are, the rules in force say (``ledger``).
"""

from __future__ import annotations

import asyncio
import os
import uuid
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from wiremend.ledger.addresses import embedded, sink_of
from wiremend.ledger.entry import Entry
from wiremend.ledger.journal import Journal
from wiremend.ledger.writer import Writer
from wiremend.rules.lookup import state_folder

if TYPE_CHECKING:
    from pathlib import Path

    from wiremend.ledger.row import CallRow, ToolRow
    from wiremend.ledger.sink import Sink
    from wiremend.mitm.house import House
    from wiremend.rules.resolve import Resolved

STOPPING: Final = 3.0
"""Seconds that the end of the process waits for the sinks; what they did not take stays in the journal."""


@dataclass(slots=True)
class _Kept:
    """A sink in use, with the address that it was made of."""

    address: str
    writer: Writer


class Books:
    """Writes down calls, and runs the sinks' threads."""

    def __init__(self, house: House) -> None:
        """Listen to the house. No file is made and no thread started before there are rules that want it."""
        self.house = house
        self._state = state_folder(os.environ)
        self._folder = self._state / "ledger" / "journal"
        self._journal = Journal(self._folder, self._tell)
        self._kept: dict[str, _Kept] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        house.on_rules.append(self.rules)
        house.on_row.append(self.row)
        house.status["ledger"] = self.status

    # -- what the house says

    def rules(self, _: Path, resolved: Resolved) -> None:
        """Use the sinks of the rules that came in force."""
        addresses = resolved.ledger
        if addresses == ():
            addresses = (embedded(self._state),)
        wanted: dict[str, _Kept] = {}
        for address in addresses or ():
            try:
                sink = sink_of(address, self._folder)
            except ValueError as error:
                self._tell(f"ledger:{error}", f"a ledger cannot be used: {error}")
                continue
            known = self._kept.get(sink.key)
            same = known is not None and known.address == address
            wanted[sink.key] = known if known is not None and same else _Kept(address, self._writer(sink))
        for kept in self._kept.values():
            if kept not in wanted.values():
                kept.writer.stop(0.0)
        self._kept = wanted
        self._journal.plan(wanted)
        if self._loop is not None:
            self._start()

    def row(self, row: CallRow, tools: tuple[ToolRow, ...], results: tuple[str, ...]) -> None:
        """Write down a finished call."""
        if not row.id:
            row = msgspec.structs.replace(row, id=str(uuid.uuid4()))
        if self._journal.append(Entry(row, tools, results)):
            for kept in self._kept.values():
                kept.writer.wake()

    def status(self) -> dict[str, object]:
        """Give how the sinks fare, for ``wiremend status``: ``sinks``, and ``lost``, the calls never written down."""
        states = [msgspec.to_builtins(kept.writer.state) for kept in self._kept.values()]
        return {"sinks": states, "lost": self._journal.lost}

    # -- mitmproxy's hooks

    def running(self) -> None:
        """Start to write down, first of all what other processes have left."""
        self._loop = asyncio.get_running_loop()
        self._start()

    async def done(self) -> None:
        """Give the sinks a moment for what waits."""
        self._journal.close()
        for kept in self._kept.values():
            kept.writer.stop(STOPPING)
        await asyncio.to_thread(self._join)

    # -- how

    def _start(self) -> None:
        for kept in self._kept.values():
            kept.writer.start()

    def _join(self) -> None:
        for kept in self._kept.values():
            kept.writer.join()

    def _writer(self, sink: Sink) -> Writer:
        return Writer(sink, self._folder, self._tell)

    def _tell(self, key: str, message: str) -> None:
        """Log a warning once, in the event loop; the sinks' threads call."""
        if self._loop is None or self._loop.is_closed():
            self.house.tell_once(key, message)
            return
        with suppress(RuntimeError):  # it was closed meanwhile
            self._loop.call_soon_threadsafe(self.house.tell_once, key, message)
