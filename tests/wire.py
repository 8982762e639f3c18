"""Ways to cut bytes into chunks: what the network does to a stream, made to order.

Every stream test runs its bytes through :func:`all_cuts`, which gives the cuts that have broken parsers: none at all,
one byte a chunk, at each line end, inside each CRLF, inside each UTF-8 character, and at random places from a seed.
:func:`cuttings` is the same for hypothesis, which then chooses the places and shrinks them. Joined, the chunks of a
cut are always the bytes that were cut; no chunk is empty, for a server that has nothing to say sends nothing.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

type Chunks = tuple[bytes, ...]

SEEDS: Final = (1, 2, 3)


def at(data: bytes, places: Iterable[int]) -> Chunks:
    """Cut before each of the offsets ``places``; those that are not inside ``data`` do nothing."""
    inside = sorted({place for place in places if 0 < place < len(data)})
    if not data:
        return ()
    return tuple(data[start:end] for start, end in zip([0, *inside], [*inside, len(data)], strict=True))


def whole(data: bytes) -> Chunks:
    """Do not cut."""
    return at(data, ())


def bytewise(data: bytes) -> Chunks:
    """Cut everywhere."""
    return at(data, range(len(data)))


def at_line_ends(data: bytes) -> Chunks:
    """Cut after each CRLF, CR and LF."""
    return at(data, _offsets_of_ends(data.splitlines(keepends=True)))


def inside_crlf(data: bytes) -> Chunks:
    """Cut between the CR and the LF of each CRLF."""
    return at(data, (place for place in range(1, len(data)) if data[place - 1 : place + 1] == b"\r\n"))


def inside_utf8(data: bytes) -> Chunks:
    """Cut before each continuation byte (10xxxxxx, RFC 3629): no character of many bytes arrives in one piece."""
    return at(data, (place for place in range(len(data)) if data[place] & 0xC0 == 0x80))


def at_random(data: bytes, seed: int) -> Chunks:
    """Cut at places drawn from ``seed``: from a few to many."""
    draw = random.Random(seed)  # noqa: S311  a repeatable cut, no secret
    return at(data, draw.sample(range(len(data)), k=draw.randint(0, len(data) // 2)))


def all_cuts(data: bytes, seeds: Iterable[int] = SEEDS) -> Iterator[tuple[str, Chunks]]:
    """Give every cut with a name to say which one failed."""
    yield "whole", whole(data)
    yield "byte by byte", bytewise(data)
    yield "at line ends", at_line_ends(data)
    yield "inside CRLF", inside_crlf(data)
    yield "inside UTF-8", inside_utf8(data)
    for seed in seeds:
        yield f"random, seed {seed}", at_random(data, seed)


@st.composite
def cuttings(draw: st.DrawFn, data: bytes) -> Chunks:
    """Let hypothesis choose the places."""
    return at(data, draw(st.sets(st.integers(1, max(1, len(data) - 1)))))


def _offsets_of_ends(pieces: Iterable[bytes]) -> Iterator[int]:
    """Give the offset after each piece."""
    offset = 0
    for piece in pieces:
        offset += len(piece)
        yield offset
