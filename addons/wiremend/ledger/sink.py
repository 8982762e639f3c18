"""What a place for rows has to offer: :class:`Sink`, and how it says that it cannot."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wiremend.ledger.entry import Entry


@dataclass(frozen=True, slots=True)
class Position:
    """How far a stream was taken: its segments before ``segment``, and of that the bytes before ``at``."""

    stream: str
    segment: int = 0
    at: int = 0


class SinkDownError(Exception):
    """A sink takes nothing just now. The message says why, without an address or a secret (G8).

    ``after`` is for how many seconds it wants to be left alone, if it says. ``one_row``: it may be that the sink cannot
    bear this very row, and would take others.
    """

    def __init__(self, why: str, after: float | None = None, *, one_row: bool = False) -> None:
        """Keep what the writer is to go by."""
        self.after = after
        self.one_row = one_row
        super().__init__(why)


class RowRefusedError(Exception):
    """A sink does not want what it was given, and will not want it later. The message says why, as above."""


class Sink(Protocol):
    """A place for rows. It is used by one thread, and connects when it is asked for something first.

    ``name`` is shown to people and holds no secret; ``key`` is the same for the same place whatever password leads
    there, and is good for a file's name. ``batch`` is how many rows it takes at once.
    """

    name: str
    key: str
    batch: int

    def position(self, stream: str) -> Position:
        """Give how far a stream was taken. Raises SinkDownError."""
        ...

    def write(self, entries: Sequence[Entry], position: Position) -> None:
        """Write entries, in order, and how far the stream is taken then: all of it, or nothing.

        What is there already is left as it is. Raises SinkDownError, or RowRefusedError where one of them is not to be
        had by this sink.
        """
        ...

    def close(self) -> None:
        """Let go of the connection; the next use makes another."""
        ...


def key_of(text: str) -> str:
    """Give the key of a place that is described by a text without a password."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
