"""What was streamed into a part, or into a call: how much, and whether a text goes on from it.

Clients that read pieces only (@ai-sdk/openai takes the text of a message from its deltas alone) lose what just the end
of a part, or of its item, says. To see that, an end is held against what was streamed: against the number of its
characters and a checksum, so no text is kept, but for the last few pieces, which wait to be counted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final
from zlib import crc32

FEW: Final = 256
"""Characters that wait to be counted, at most."""

_UNKNOWN: Final = 1 << 62


@dataclass(slots=True, eq=False)
class Heard:
    """What was streamed to one place; ``type`` is that of the part, "" for a call.

    ``waiting`` is the end of it, not yet counted. Whoever adds to that himself, for speed, calls :meth:`count` as
    :meth:`hear` does.
    """

    type: str = ""
    waiting: str = ""
    _length: int = 0
    _sum: int = 0

    def hear(self, piece: str) -> None:
        """Take in the next piece."""
        self.waiting += piece
        if len(self.waiting) > FEW:
            self.count()

    def count(self) -> None:
        """Count what waits, and let it go."""
        self._length += len(self.waiting)
        self._sum = crc32(_bytes(self.waiting), self._sum)
        self.waiting = ""

    def forget(self) -> None:
        """Note that a piece could not be read: from now on no text goes on from here."""
        self._length = _UNKNOWN

    def rest(self, told: str) -> str:
        """Give what a text says beyond what was streamed; "" if it says no more, or is another text."""
        self.count()
        if len(told) <= self._length or crc32(_bytes(told[: self._length])) != self._sum:
            return ""
        return told[self._length :]

    def copy(self, kind: str) -> Heard:
        """Give the same for a part of type ``kind``, which goes on on its own."""
        return replace(self, type=kind)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # a lenient decoder lets half of a pair through
