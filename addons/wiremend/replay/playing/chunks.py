"""A recorded body in the cuts, and at the times, that were asked for.

========== ======================================================================
``recorded`` where the provider's bytes were cut; one chunk where nobody saw it
``whole``    one chunk
``bytes``    a chunk a byte
``random``   seeded by the capture, so that each run cuts alike
========== ======================================================================

A chunk's time is that of the recorded cut in which its last byte came: no byte leaves before it came.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Final

from wiremend.errors import CaptureError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wiremend.captures.capture import Body
    from wiremend.replay.run import Cuts

_MOST: Final = 64
_PIECE: Final = 64 * 1024


def chunks(body: Body, cuts: Cuts = "recorded", seed: str = "") -> Iterator[tuple[bytes, int]]:
    """Give the body chunk by chunk, each with its time in microseconds since the exchange began.

    A body that lies in a file is read as it goes. Raises CaptureError where that file cannot be opened.
    """
    if body.file is None and not body.cuts:
        recorded: Iterator[tuple[bytes, int]] = iter([(body.data, 0)] if body.data else [])
    else:
        recorded = _recorded(body)
    if cuts == "recorded":
        yield from recorded
    elif cuts == "whole":
        kept, last = [], 0
        for data, at in recorded:
            kept.append(data)
            last = at
        if kept:
            yield b"".join(kept), last
    elif cuts == "bytes":
        yield from ((data[index : index + 1], at) for data, at in recorded for index in range(len(data)))
    else:
        yield from _random(recorded, Random(seed))  # noqa: S311 - where a stream is cut is no secret


def _recorded(body: Body) -> Iterator[tuple[bytes, int]]:
    if body.file is None:
        begin = 0
        for size, at in body.cuts:
            if size:
                yield body.data[begin : begin + size], at
            begin += size
        return
    try:
        file = body.file.open("rb")
    except OSError as error:
        raise CaptureError(f"{body.file}: {error.strerror or error}") from error
    with file:
        for size, at in body.cuts:
            if data := file.read(size):
                yield data, at
        while data := file.read(_PIECE):
            yield data, body.cuts[-1][1] if body.cuts else 0


def _random(recorded: Iterator[tuple[bytes, int]], chance: Random) -> Iterator[tuple[bytes, int]]:
    """Cut anew: pieces of 1 to 64 bytes, which do not care where the recorded cuts were."""
    held, want, last = b"", chance.randint(1, _MOST), 0
    for data, at in recorded:
        held += data
        last = at
        begin = 0
        while len(held) - begin >= want:
            yield held[begin : begin + want], at
            begin += want
            want = chance.randint(1, _MOST)
        held = held[begin:]
    if held:
        yield held, last
