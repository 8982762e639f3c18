"""Tapes: what went by on one side of an exchange, in the chunks in which it went by, and when (G9).

A chunk costs the event loop two appends and a look at the clock. What is beyond :data:`LIMIT` goes to the store's
thread, which scrubs it and puts it into a private file, so that the memory stays flat however long a stream is; of each
chunk only its length and its time stay, in twelve bytes.
"""

from __future__ import annotations

from array import array
from time import monotonic_ns as clock
from typing import TYPE_CHECKING, Final, Protocol

from wiremend.captures.capture import Body

if TYPE_CHECKING:
    from collections.abc import Sequence

LIMIT: Final = 1024 * 1024
"""Bytes that a tape keeps in memory."""

PORTION: Final = 256 * 1024
"""Bytes that are handed over at once, once the limit was passed."""


class Spooler(Protocol):
    """Who takes what is too much for the memory."""

    def spool(self, tape: Tape, chunks: Sequence[bytes], size: int) -> bool:
        """Take chunks of so many bytes together; False where nothing more can be taken, and then all is lost."""


class Tape:
    """One side of an exchange. ``write`` is the hot place: it must do no more than it must."""

    __slots__ = ("_chunks", "_lengths", "_room", "_spooler", "_times", "lost", "spooled", "zero")

    def __init__(self, zero: int, spooler: Spooler | None = None) -> None:
        """Begin empty; ``zero`` is when the exchange began, by the clock of ``monotonic_ns``."""
        self.zero = zero
        self.spooled = False
        """Whether the beginning is with the spooler."""
        self.lost = False
        """Whether bytes were lost, because the spooler could take no more."""
        self._chunks: list[bytes] = []
        self._times = array("q")
        self._lengths = array("I")
        self._room = LIMIT
        self._spooler = spooler

    def write(self, data: bytes) -> None:
        """Remember a chunk that goes by now."""
        self._chunks.append(data)
        self._times.append(clock())
        self._room -= len(data)
        if self._room < 0:
            self._hand_over(PORTION)

    @property
    def held(self) -> int:
        """Bytes in memory."""
        return sum(map(len, self._chunks))

    @property
    def empty(self) -> bool:
        """Whether nothing went by."""
        return not self._times

    def close(self) -> None:
        """Hand over the rest, where the beginning was handed over."""
        if self.spooled and self._chunks:
            self._hand_over(0)

    def body(self) -> Body:
        """Give what went by; of a spooled tape, nothing: its bytes are the spooler's, its cuts :meth:`cuts`."""
        if self.spooled:
            return Body()
        return Body(b"".join(self._chunks), tuple(self._cuts([len(chunk) for chunk in self._chunks])))

    def cuts(self, lengths: Sequence[int] | None = None) -> list[tuple[int, int]]:
        """Give the cuts of a closed tape: lengths in bytes, and times in microseconds since the exchange began.

        ``lengths`` are those of the chunks where they are not what came.
        """
        came = self._lengths if self.spooled else [len(chunk) for chunk in self._chunks]
        return self._cuts(came if lengths is None else lengths)

    def _cuts(self, lengths: Sequence[int]) -> list[tuple[int, int]]:
        zero = self.zero
        return [(size, (at - zero) // 1000) for size, at in zip(lengths, self._times, strict=True) if size]

    def _hand_over(self, room: int) -> None:
        chunks, self._chunks, self._room = self._chunks, [], room
        if self.lost or self._spooler is None:
            self.lost = True
            del self._times[:]  # nothing will be made of it
            return
        self._lengths.extend(map(len, chunks))
        self.spooled = True
        self.lost = not self._spooler.spool(self, chunks, sum(map(len, chunks)))


class Tapes:
    """Both tapes of an exchange: ``heard`` is what the upstream sends, ``said`` what the client is given."""

    __slots__ = ("begun", "heard", "said", "teed")

    def __init__(self, zero: int, spooler: Spooler | None = None) -> None:
        """Begin empty."""
        self.heard = Tape(zero, spooler)
        self.said = Tape(zero, spooler)
        self.teed = False
        """Whether a layer of ours writes them; else bodies are taken from the flow."""
        self.begun = False
        """Whether the client has been given a head."""
