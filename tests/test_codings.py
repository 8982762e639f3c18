"""Content codings undone: every coding of RFC 9110 and zstd, every way in which a body can be broken.

The encoders are the libraries' own, the expected bytes are what went in. The tests cut each coded body at every byte,
because decoders are silent about different cuts (zstd gives what it has, gzip lacks only its trailer).
"""

from __future__ import annotations

import gzip
import io
import random
import tracemalloc
import zlib
from typing import TYPE_CHECKING

import brotli  # type: ignore[import-untyped]  # it ships no types
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from wiremend.codings import MAX_CODINGS, decode
from wiremend.errors import CodingError

if TYPE_CHECKING:
    from collections.abc import Callable

TEXT = b'{"model": "kimi-k2", "messages": [{"role": "user", "content": "' + b"gr\xc3\xbc\xc3\x9f dich! " * 20 + b'"}]}'
NOISE = random.Random(7).randbytes(200_000)  # noqa: S311 - it only has to be incompressible, and the same each time
MIB = 1024 * 1024


def raw_deflate(data: bytes) -> bytes:
    coder = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return coder.compress(data) + coder.flush()


def zstd_without_size(data: bytes) -> bytes:
    """Write what a streaming encoder writes: no content size in the header, and here no checksum either."""
    coder = zstandard.ZstdCompressor(write_content_size=False, write_checksum=False).compressobj()
    return coder.compress(data) + coder.flush()


def zstd_with_checksum(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


def gzip_with_name(data: bytes) -> bytes:
    out = io.BytesIO()
    with gzip.GzipFile("body.json", "wb", fileobj=out, mtime=0) as file:
        file.write(data)
    return out.getvalue()


ENCODERS: tuple[tuple[str, Callable[[bytes], bytes]], ...] = (
    ("gzip", gzip.compress),
    ("gzip", gzip_with_name),
    ("x-gzip", gzip.compress),
    ("deflate", zlib.compress),
    ("deflate", raw_deflate),
    ("br", brotli.compress),
    ("zstd", zstandard.compress),
    ("zstd", zstd_without_size),
    ("zstd", zstd_with_checksum),
)
each_coding = pytest.mark.parametrize(
    ("coding", "encode"), ENCODERS, ids=[f"{coding}-{encode.__name__}" for coding, encode in ENCODERS]
)


@each_coding
@pytest.mark.parametrize("data", (b"", b"x", TEXT, NOISE), ids=("empty", "a byte", "text", "noise"))
def test_what_was_encoded_comes_back(coding: str, encode: Callable[[bytes], bytes], data: bytes) -> None:
    assert decode(encode(data), coding) == data


@pytest.mark.parametrize("header", (None, "", "identity", " Identity ", ",", "identity, identity"))
def test_a_body_without_a_coding_is_the_same_object(header: str | None) -> None:
    assert decode(TEXT, header, limit=1) is TEXT


@pytest.mark.parametrize("header", ("GZIP", " gzip\t", "x-GZip", "identity, gzip", "gzip,", ",,gzip"))
def test_letter_case_spaces_and_empty_items_do_not_matter(header: str) -> None:
    assert decode(gzip.compress(TEXT), header) == TEXT


def test_several_codings_are_undone_from_the_last_to_the_first() -> None:
    assert decode(brotli.compress(gzip.compress(TEXT)), "gzip, br") == TEXT
    assert decode(gzip.compress(zlib.compress(zstandard.compress(TEXT))), "zstd , deflate,Gzip") == TEXT
    with pytest.raises(CodingError):
        decode(brotli.compress(gzip.compress(TEXT)), "br, gzip")


def test_more_codings_than_anyone_stacks_are_refused() -> None:
    body = TEXT
    for _ in range(MAX_CODINGS):
        body = gzip.compress(body)
    assert decode(body, ", ".join(["gzip"] * MAX_CODINGS)) == TEXT
    with pytest.raises(CodingError, match="6 content codings"):
        decode(gzip.compress(body), ", ".join(["gzip"] * (MAX_CODINGS + 1)))


@pytest.mark.parametrize("header", ("compress", "gzip, snappy", "utf-8", "gzip; q=1"))
def test_an_unknown_coding_is_named_with_those_that_are_known(header: str) -> None:
    with pytest.raises(CodingError) as caught:
        decode(TEXT, header)
    message = str(caught.value)
    assert repr(header.rpartition(", ")[2]) in message
    for known in ("br", "deflate", "gzip", "x-gzip", "zstd", "identity"):
        assert known in message


def test_a_bare_deflate_body_may_begin_almost_like_zlib() -> None:
    """0x881C is a multiple of 31 and has method 8, but asks for a window that zlib's format does not have.

    As RFC 1951 it is a stored block of 28 bytes, with something in the bits that fill up its first byte.
    """
    body = b"\x88" + (28).to_bytes(2, "little") + (0xFFFF - 28).to_bytes(2, "little") + bytes(28) + raw_deflate(b"end")
    assert decode(body, "deflate") == bytes(28) + b"end"


@each_coding
def test_a_body_that_is_cut_anywhere_is_an_error(coding: str, encode: Callable[[bytes], bytes]) -> None:
    body = encode(TEXT)
    for length in range(len(body)):
        with pytest.raises(CodingError, match=f"cut short|not good {coding}"):
            decode(body[:length], coding)


@each_coding
def test_a_cut_before_the_last_byte_is_called_a_cut(coding: str, encode: Callable[[bytes], bytes]) -> None:
    with pytest.raises(CodingError, match=rf"ends before its {coding} data do: it was cut short"):
        decode(encode(TEXT)[:-1], coding)


@each_coding
def test_a_long_body_that_lacks_its_last_byte_is_an_error(coding: str, encode: Callable[[bytes], bytes]) -> None:
    with pytest.raises(CodingError):
        decode(encode(NOISE)[:-1], coding)


@each_coding
@pytest.mark.parametrize("junk", (b"x", b"junk behind it", b"\x00junk", b"\x1f", b"\n"))
def test_something_behind_the_end_is_an_error(coding: str, encode: Callable[[bytes], bytes], junk: bytes) -> None:
    with pytest.raises(CodingError):
        decode(encode(TEXT) + junk, coding)


@pytest.mark.parametrize(
    ("coding", "encode", "full"),
    (
        ("deflate", zlib.compress, 512),
        ("deflate", zlib.compress, 512 + 1024),
        ("br", brotli.compress, 64 * 1024),
    ),
)
def test_something_behind_the_end_is_seen_where_a_step_ends_with_the_data(
    coding: str, encode: Callable[[bytes], bytes], full: int
) -> None:
    """The input is fed in steps; here the coded data fill the first one, or the first two, to the last byte."""
    size = next(n for n in range(full, 0, -1) if len(encode(NOISE[:n])) == full)
    with pytest.raises(CodingError, match="goes on after the end"):
        decode(encode(NOISE[:size]) + b"x", coding)


@pytest.mark.parametrize("coding", ("gzip", "deflate", "br", "zstd"))
def test_a_body_that_is_not_coded_at_all_is_an_error(coding: str) -> None:
    with pytest.raises(CodingError, match=coding):
        decode(TEXT, coding)


@pytest.mark.parametrize(("coding", "encode"), (("gzip", gzip.compress), ("zstd", zstd_with_checksum)))
def test_a_wrong_checksum_is_an_error(coding: str, encode: Callable[[bytes], bytes]) -> None:
    body = bytearray(encode(TEXT))
    at = -5 if coding == "gzip" else -1  # gzip: checksum, then size; zstd: checksum
    body[at] ^= 1
    with pytest.raises(CodingError, match=f"not good {coding}"):
        decode(bytes(body), coding)


def test_gzip_may_have_members_and_zeros_after_them() -> None:
    members = gzip.compress(b"one ") + gzip.compress(b"") + gzip.compress(b"two")
    assert decode(members, "gzip") == b"one two"
    assert decode(members + bytes(1000), "gzip") == b"one two"
    assert decode(gzip.compress(b"one ") + bytes(3) + gzip.compress(b"two"), "gzip") == b"one two"
    with pytest.raises(CodingError, match="cut short"):
        decode(members[:-1], "gzip")


def test_zstd_may_have_frames_and_some_to_skip() -> None:
    skipped = b"\x50\x2a\x4d\x18" + (3).to_bytes(4, "little") + b"abc"  # RFC 8878, section 3.1.2
    frames = skipped + zstandard.compress(b"one ") + skipped + zstd_without_size(b"two")
    assert decode(frames, "zstd") == b"one two"
    assert decode(frames + skipped, "zstd") == b"one two"
    with pytest.raises(CodingError, match="cut short"):
        decode(frames + skipped[:-1], "zstd")


@pytest.mark.parametrize(("coding", "encode"), (("gzip", gzip.compress), ("zstd", zstandard.compress)))
def test_thousands_of_tiny_frames_are_one_body(coding: str, encode: Callable[[bytes], bytes]) -> None:
    assert decode(encode(b"ab") * 5000, coding) == b"ab" * 5000


@each_coding
def test_the_limit_is_the_size_that_is_still_allowed(coding: str, encode: Callable[[bytes], bytes]) -> None:
    body = encode(TEXT)
    assert decode(body, coding, limit=len(TEXT)) == TEXT
    with pytest.raises(CodingError, match=f"more than {len(TEXT) - 1} bytes under its {coding} coding"):
        decode(body, coding, limit=len(TEXT) - 1)


@pytest.mark.parametrize(("coding", "encode"), [entry for entry in ENCODERS if entry[1] is not gzip_with_name])
def test_a_bomb_is_refused_before_it_goes_off(coding: str, encode: Callable[[bytes], bytes]) -> None:
    bomb = encode(bytes(64 * MIB))
    tracemalloc.start()
    try:
        with pytest.raises(CodingError, match="holds more than 1048576 bytes"):
            decode(bomb, coding, limit=MIB)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * MIB


def test_a_bomb_inside_a_coding_is_refused_too() -> None:
    with pytest.raises(CodingError, match="more than 1048576 bytes under its gzip coding"):
        decode(brotli.compress(gzip.compress(bytes(64 * MIB), 9)), "gzip, br", limit=MIB)


@given(data=st.binary(max_size=2000), entry=st.sampled_from(ENCODERS), at=st.integers(min_value=0), new=st.binary())
def test_damage_is_an_error_or_other_bytes_but_nothing_else(
    data: bytes, entry: tuple[str, Callable[[bytes], bytes]], at: int, new: bytes
) -> None:
    coding, encode = entry
    body = encode(data)
    at %= len(body)
    damaged = body[:at] + new + body[at + len(new) :]
    try:
        assert len(decode(damaged, coding, limit=MIB)) <= MIB
    except CodingError as e:
        assert coding in str(e)  # noqa: PT017 - both outcomes are right, and each is checked
