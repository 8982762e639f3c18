"""A body that is too large for the memory: scrubbed as it comes, in a private file (G8)."""

from __future__ import annotations

import os
from array import array
from typing import TYPE_CHECKING

from wiremend.codings import StreamDecoder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wiremend.captures.scrub import StreamScrubber
    from wiremend.mitm.tape import Tape


class Spool:
    """One such body. A compressed one is kept decoded: what is secret in it could not be seen otherwise."""

    def __init__(self, scrubber: StreamScrubber, coding: str | None = None) -> None:
        """Begin empty, without a file. Raises CodingError where the coding is not known."""
        self.descriptor = -1
        self.size = 0
        self.broken = False
        self._scrubber = scrubber
        self._decoder = StreamDecoder(coding) if coding else None
        self._lengths = array("I")

    @property
    def coded(self) -> bool:
        """Whether the body came compressed."""
        return self._decoder is not None

    def add(self, chunks: Sequence[bytes]) -> None:
        """Take chunks. Raises OSError where they cannot be written, CodingError where they cannot be read."""
        if self._decoder is not None:
            chunks = [b"".join(self._decoder.feed(chunk)) for chunk in chunks]
            self._lengths.extend(map(len, chunks))
        self._write(self._scrubber.feed(b"".join(chunks)))

    def close(self) -> None:
        """Take what was held back to the last. Raises OSError."""
        self._write(self._scrubber.close())

    def cuts(self, tape: Tape) -> Sequence[tuple[int, int]]:
        """Give the cuts of what is in the file, for those of the closed tape."""
        cuts = tape.cuts(self._lengths if self.coded else None)
        return self._scrubber.cuts(tuple(cuts))

    def _write(self, data: bytes) -> None:
        write_all(self.descriptor, data)
        self.size += len(data)


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of it. Raises OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
