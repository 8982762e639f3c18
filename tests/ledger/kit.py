"""What the tests of the ledger share: rows, places, a sink that can be told to fail."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wiremend.ledger.entry import Entry
from wiremend.ledger.journal import Journal
from wiremend.ledger.row import CallRow, ToolRow
from wiremend.ledger.sink import Position, RowRefusedError, SinkDownError
from wiremend.ledger.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

DEADLINE = 20.0
"""Seconds after which a test gives up waiting for what must come."""


def row(call: str, at: float = 1000.0, **more: object) -> CallRow:
    """Give a row with an id."""
    values: dict[str, object] = {
        "time": at, "client": "claude-code", "agent": None, "wire": "messages", "asked": "claude", "provider": "kimi",
        "model": "k2", "status": 200, "first_byte_s": 0.5, "total_s": 2.0, "id": call,
    } | more  # fmt: skip
    return CallRow(**values)  # type: ignore[arg-type]  # as the struct has them


def entry(call: str, tools: Iterable[str] = (), results: Iterable[str] = (), **more: object) -> Entry:
    """Give an entry whose tools have these ids."""
    made = tuple(ToolRow(call, tool, f"run {tool}", 10) for tool in tools)
    return Entry(row(call, **more), made, tuple(results))  # type: ignore[arg-type]  # as above


def names(start: int, end: int) -> list[str]:
    """Give ids of rows in their order."""
    return [f"call-{number:06d}" for number in range(start, end)]


def wait_until(holds: Callable[[], bool], what: str) -> None:
    """Wait until something holds that other threads or processes bring about."""
    end = time.monotonic() + DEADLINE
    pause = time.sleep
    while not holds():
        assert time.monotonic() < end, f"waited for {what}"
        pause(0.01)


@dataclass
class Told:
    """Takes warnings as the house does: once for each key."""

    keys: dict[str, str] = field(default_factory=dict)

    def __call__(self, key: str, message: str) -> None:
        """Keep a warning."""
        self.keys.setdefault(key, message)

    @property
    def messages(self) -> list[str]:
        """All of them, in order."""
        return list(self.keys.values())


@dataclass
class Memory:
    """A sink in memory. It is down while ``down`` says why; it refuses the ids in ``bad``."""

    name: str = "memory"
    key: str = "00000000aaaaaaaa"
    batch: int = 500
    rows: list[str] = field(default_factory=list)
    positions: dict[str, Position] = field(default_factory=dict)
    down: SinkDownError | None = None
    bad: frozenset[str] = frozenset()
    hangs_on: frozenset[str] = frozenset()
    batches: list[int] = field(default_factory=list)
    asked: int = 0

    def position(self, stream: str) -> Position:
        """Give how far it is."""
        self.asked += 1
        if self.down:
            raise self.down
        return self.positions.get(stream, Position(stream))

    def write(self, entries: Sequence[Entry], position: Position) -> None:
        """Take all or nothing."""
        if self.down:
            raise self.down
        ids = [one.call.id for one in entries]
        if self.hangs_on.intersection(ids):
            raise SinkDownError("it answers 500", one_row=True)
        if self.bad.intersection(ids):
            raise RowRefusedError("a constraint")
        self.batches.append(len(ids))
        self.rows += ids
        self.positions[position.stream] = position

    def close(self) -> None:
        """Nothing is open."""


def journal(folder: Path, *keys: str, told: Told | None = None, rotate: int = 4096) -> Journal:
    """Give a journal that writes for sinks of these keys."""
    made = Journal(folder, told or Told(), rotate=rotate)
    made.plan(keys)
    return made


def writer(sink: Memory, folder: Path, told: Told | None = None, limit: int = 1 << 30) -> Writer:
    """Give a writer that waits for next to nothing between tries."""
    return Writer(sink, folder, told or Told(), limit=limit, first_wait=0.001)
