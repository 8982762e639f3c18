"""Content codings of HTTP bodies, undone (RFC 9110, section 8.4).

Codex sends its requests as zstd, browsers and SDKs ask for gzip and br; rules and mends need the bytes underneath. A
body comes out whole or not at all: decoders differ in what they do with half a body (zstd gives nothing and is
content), so here each frame must say itself that it has ended.

``Content-Encoding`` lists codings in the order in which they were applied; they are undone from the end. A gzip body
may have several members and zeros after the last (RFC 1952, section 2.2, and what tapes left behind), a zstd body
several frames, some of them skippable (RFC 8878, section 3). ``deflate`` means zlib's format (RFC 1950), but servers
that send bare RFC 1951 never died out; the two zlib bytes at the start tell them apart, as browsers do it. Anything
else behind the end of the data is an error.

A small body can hold gigabytes. Input is fed in steps so small that no step can give much more than is still allowed
(a byte gives at most 1032 with deflate, 32768 with zstd: a block of 128 KiB takes four bytes); brotli knows no such
bound and is asked for its output in pieces. A stream is bounded both as a whole and in what one chunk of it may give,
for that is in memory at once. What cannot be seen is a body cut between two members or frames.
"""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING, Final, Protocol, cast

import brotli  # type: ignore[import-untyped]  # it ships no types; what we use of it is in _unbrotli
import zstandard

from wiremend.errors import CodingError, TooLargeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DEFAULT_LIMIT: Final = 256 * 1024 * 1024
"""Bytes that a body may have when it is decoded."""

AT_ONCE: Final = 64 * 1000**2
"""Bytes that one chunk of a stream may give."""

MAX_CODINGS: Final = 5
"""Codings that may be stacked on one body. Real ones have one; curl stops at five as well."""

_GZIP_MAGIC: Final = b"\x1f\x8b"
_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS
_DEFLATE_GAIN: Final = 1032
_ZSTD_GAIN: Final = 32 * 1024
_FIRST_STEP: Final = 512
_LEAST_STEP: Final = 64
_MOST_STEP: Final = 64 * 1024
_STREAM_STEP: Final = 128
_ZEROS: Final = re.compile(rb"\0*+")


def decode(body: bytes, content_encoding: str | None, *, limit: int = DEFAULT_LIMIT) -> bytes:
    """Undo the codings that the value of a ``Content-Encoding`` header names.

    A body without a coding comes back as it is, whatever its size. A body of no bytes is no coded body: do not ask.
    Raises CodingError where a coding is unknown, the data are corrupt, cut short or followed by something else, and
    its TooLargeError where more than ``limit`` bytes would come out of any of the codings.
    """
    names = [name.strip().lower() for name in (content_encoding or "").split(",")]
    codings = [name for name in names if name not in {"", "identity"}]
    if len(codings) > MAX_CODINGS:
        raise CodingError(
            f"the body has {len(codings)} content codings on top of each other; {MAX_CODINGS} are allowed"
        )
    for coding in codings:
        if coding not in _DECODERS:
            known = ", ".join(sorted(_DECODERS))
            raise CodingError(f"the content coding {coding[:40]!r} is not known; known are {known} and identity")
    for coding in reversed(codings):
        output = _Output(coding, limit)
        try:
            _DECODERS[coding](body, output)
        except (zlib.error, zstandard.ZstdError, brotli.error) as e:
            raise CodingError(f"the body is not good {coding}: {e}") from e
        body = output.joined()
    return body


class _Output:
    """What came out of one coding, and how much more may."""

    def __init__(self, coding: str, limit: int) -> None:
        self.coding = coding
        self.room = limit
        self._limit = limit
        self._pieces: list[bytes] = []

    def add(self, piece: bytes) -> None:
        self.room -= len(piece)
        if self.room < 0:
            raise TooLargeError(f"the body holds more than {self._limit} bytes under its {self.coding} coding")
        self._pieces.append(piece)

    def joined(self) -> bytes:
        return b"".join(self._pieces)

    def cut_short(self) -> CodingError:
        return CodingError(f"the body ends before its {self.coding} data do: it was cut short")

    def not_the_end(self) -> CodingError:
        return CodingError(f"the body goes on after the end of its {self.coding} data")


class _Frame(Protocol):
    """What the objects of zlib and zstandard that decode one member or frame have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


def _read_frame(frame: _Frame, gain: int, body: bytes, at: int, output: _Output) -> int:
    """Decode the frame that begins at ``at``, and give where it ends.

    ``gain`` is how many bytes can come out for one that goes in. The first steps are small so that a body of a
    million tiny frames is not copied a million times.
    """
    step = _FIRST_STEP
    while not frame.eof:
        if at == len(body):
            raise output.cut_short()
        piece = body[at : at + min(step, max(_LEAST_STEP, output.room // gain))]
        at += len(piece)
        output.add(frame.decompress(piece))
        step = min(2 * step, _MOST_STEP)
    return at - len(frame.unused_data)


def _ungzip(body: bytes, output: _Output) -> None:
    at = 0
    while True:
        at = _read_frame(zlib.decompressobj(_GZIP_WINDOW), _DEFLATE_GAIN, body, at, output)
        at = cast("re.Match[bytes]", _ZEROS.match(body, at)).end()
        if at == len(body):
            return
        if not body.startswith(_GZIP_MAGIC, at):
            raise output.not_the_end()


def _undeflate(body: bytes, output: _Output) -> None:
    has_header = body[:1] and body[0] & 0x8F == zlib.DEFLATED and int.from_bytes(body[:2]) % 31 == 0
    frame = zlib.decompressobj(zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS)
    if _read_frame(frame, _DEFLATE_GAIN, body, 0, output) < len(body):
        raise output.not_the_end()


def _unbrotli(body: bytes, output: _Output) -> None:
    frame = brotli.Decompressor()
    for at in range(0, len(body), _MOST_STEP):
        if frame.is_finished():
            raise output.not_the_end()
        piece = body[at : at + _MOST_STEP]
        # Asked until nothing comes: output may wait inside even while `can_accept_more_data()` and the input is used.
        while given := frame.process(piece, output_buffer_limit=_MOST_STEP):
            output.add(given)
            piece = b""
    if not frame.is_finished():
        raise output.cut_short()


def _unzstd(body: bytes, output: _Output) -> None:
    decompressor = zstandard.ZstdDecompressor()
    at = _read_frame(decompressor.decompressobj(), _ZSTD_GAIN, body, 0, output)
    while at < len(body):
        at = _read_frame(decompressor.decompressobj(), _ZSTD_GAIN, body, at, output)


_DECODERS: Final[dict[str, Callable[[bytes, _Output], None]]] = {
    "gzip": _ungzip,
    "x-gzip": _ungzip,  # the same, says RFC 9110, section 8.4.1.3
    "deflate": _undeflate,
    "br": _unbrotli,  # RFC 7932
    "zstd": _unzstd,  # RFC 8878
}


class StreamDecoder:
    """Undoes the coding of a body that is still coming, piece by piece.

    One coding only, as servers that compress a stream have it. Raises CodingError from the constructor where the coding
    is not known, and from :meth:`feed` where the data are corrupt; its TooLargeError where one chunk gives more than
    ``at_once`` bytes, or the whole more than ``limit`` (None: any number). That the end is missing is for the reader of
    what comes out to notice: a stream of events says itself when it is over.
    """

    def __init__(self, content_encoding: str, *, limit: int | None = None, at_once: int = AT_ONCE) -> None:
        """Begin a body with this ``Content-Encoding``."""
        self._limit = limit
        self._at_once = at_once
        self._given = 0
        self._coding = content_encoding.strip().lower()
        if self._coding not in _DECODERS:
            known = ", ".join(sorted(_DECODERS))
            raise CodingError(f"the content coding {self._coding[:40]!r} is not known; known are {known} and identity")
        self._frame: _Frame | None = None
        self._brotli = brotli.Decompressor() if self._coding == "br" else None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Give what comes out of the next piece, in parts of a few MiB at most."""
        at_once = 0
        for given in self._fed(data):
            at_once += len(given)
            self._given += len(given)
            if at_once > self._at_once:
                raise TooLargeError(f"one chunk of the stream holds more than {self._at_once} bytes")
            if self._limit is not None and self._given > self._limit:
                raise TooLargeError(f"the stream holds more than {self._limit} bytes under its {self._coding} coding")
            yield given

    def _fed(self, data: bytes) -> Iterator[bytes]:
        try:
            if self._brotli is not None:
                while given := self._brotli.process(data, output_buffer_limit=_MOST_STEP):
                    yield given
                    data = b""
            else:
                yield from self._frames(data)
        except (zlib.error, zstandard.ZstdError, brotli.error) as e:
            raise CodingError(f"the stream is not good {self._coding}: {e}") from e

    def _frames(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._frame is None or self._frame.eof:
                if self._frame is not None and self._coding not in {"gzip", "x-gzip", "zstd"}:
                    return  # bytes behind the end, which nobody reads
                self._frame = self._begin(data)
            step, data = data[:_STREAM_STEP], data[_STREAM_STEP:]
            given = self._frame.decompress(step)
            data = self._frame.unused_data + data if self._frame.eof else data
            if given:
                yield given

    def _begin(self, data: bytes) -> _Frame:
        if self._coding == "zstd":
            return zstandard.ZstdDecompressor().decompressobj()
        if self._coding == "deflate":
            return zlib.decompressobj(zlib.MAX_WBITS if data[0] & 0x8F == zlib.DEFLATED else -zlib.MAX_WBITS)
        return zlib.decompressobj(_GZIP_WINDOW)


def beginning(data: bytes, content_encoding: str, most: int) -> bytes:
    """Give what the first bytes of a body hold, ``most`` bytes and a few MiB at most.

    Raises CodingError where the coding is not known or the data are corrupt.
    """
    out = bytearray()
    for given in StreamDecoder(content_encoding).feed(data):
        out += given
        if len(out) >= most:
            break
    return bytes(out)
