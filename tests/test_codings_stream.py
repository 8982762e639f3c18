"""The coding of a stream, undone chunk by chunk: within bounds, whatever a chunk holds."""

from __future__ import annotations

import gzip
import random
import tracemalloc
import zlib
from typing import TYPE_CHECKING, Final

import brotli  # type: ignore[import-untyped]  # it ships no types
import pytest
import zstandard

from wiremend.codings import StreamDecoder, beginning
from wiremend.errors import CodingError, TooLargeError

if TYPE_CHECKING:
    from collections.abc import Callable

MB: Final = 1000**2
TEXT: Final = b"data: one two three\n\n" * 5000
NOISE: Final = random.Random(7).randbytes(400_000)  # noqa: S311 - it only has to be incompressible
ENCODERS: Final[tuple[tuple[str, Callable[[bytes], bytes]], ...]] = (
    ("gzip", gzip.compress),
    ("deflate", zlib.compress),
    ("br", brotli.compress),
    ("zstd", zstandard.compress),
)
each = pytest.mark.parametrize(("coding", "encode"), ENCODERS)


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@each
@pytest.mark.parametrize("size", (1, 7, 1000, 10**9))
def test_what_is_within_the_bounds_comes_out_whole(coding: str, encode: Callable[[bytes], bytes], size: int) -> None:
    decoder = StreamDecoder(coding, limit=len(TEXT), at_once=len(TEXT))
    assert b"".join(piece for chunk in cut(encode(TEXT), size) for piece in decoder.feed(chunk)) == TEXT


@each
@pytest.mark.parametrize("size", (7, 10**9))
def test_the_whole_is_bounded(coding: str, encode: Callable[[bytes], bytes], size: int) -> None:
    decoder = StreamDecoder(coding, limit=len(TEXT) - 1)
    pieces = (piece for chunk in cut(encode(TEXT), size) for piece in decoder.feed(chunk))
    with pytest.raises(TooLargeError, match=f"{len(TEXT) - 1} bytes"):
        list(pieces)


@each
def test_what_one_chunk_gives_is_bounded_and_many_chunks_are_not(coding: str, encode: Callable[[bytes], bytes]) -> None:
    coded = encode(NOISE)
    with pytest.raises(TooLargeError, match="one chunk"):
        list(StreamDecoder(coding, at_once=len(NOISE) - 1).feed(coded))
    decoder = StreamDecoder(coding, at_once=len(NOISE) - 1)
    assert sum(len(piece) for chunk in cut(coded, len(coded) // 2) for piece in decoder.feed(chunk)) == len(NOISE)


@each
def test_a_bomb_is_seen_before_it_is_in_memory(coding: str, encode: Callable[[bytes], bytes]) -> None:
    bomb = encode(bytes(300 * MB))
    tracemalloc.start()
    try:
        with pytest.raises(TooLargeError):
            for _ in StreamDecoder(coding, at_once=4 * MB).feed(bomb):
                pass
        assert len(beginning(bomb, coding, 64 * 1024)) < 6 * MB
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 32 * MB


@each
@pytest.mark.parametrize("size", (0, 1, 40, 10**9))
def test_the_beginning_of_a_body_needs_no_end(coding: str, encode: Callable[[bytes], bytes], size: int) -> None:
    given = beginning(encode(TEXT)[:size], coding, 100)
    assert TEXT.startswith(given)
    assert len(given) >= 100 or size <= 40


@pytest.mark.parametrize("coding", ("gzip", "deflate", "br", "zstd"))
def test_the_beginning_of_what_is_not_coded(coding: str) -> None:
    with pytest.raises(CodingError):
        beginning(b"\xff\xfe no such coding" * 10, coding, 100)
    with pytest.raises(CodingError):
        beginning(b"x", "snappy", 100)
