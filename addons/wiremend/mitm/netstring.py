"""Typed netstrings, in which mitmproxy writes its flow files: what its own writer and reader cannot do.

Its writer wants each value in memory; :func:`dump` also takes a :class:`Stored` value, whose bytes lie in a file. Its
reader reads all of each flow; :func:`frames` finds where flows begin and end, and :func:`pick` a value deep in one,
without looking at the rest.

A value is ``LENGTH:PAYLOAD`` and one character for its type: ``,`` bytes, ``;`` text, ``#`` whole number, ``^`` float,
``!`` boolean, ``~`` None, ``]`` list, ``}`` dict (keys and values in turn). A text that is not UTF-8 for a lone
surrogate is written as bytes (``surrogatepass``).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wiremend.errors import CaptureError

if TYPE_CHECKING:
    from collections.abc import Buffer, Iterator, Mapping, Sequence

type Value = str | bytes | int | float | bool | Stored | Sequence[Value] | Mapping[str, Value] | None

_COPIED: Final = 256 * 1024
_DIGITS: Final = 12
"""More digits of a length mitmproxy does not take."""


@dataclass(frozen=True, slots=True)
class Stored:
    """Bytes that lie in an open file, from its beginning."""

    descriptor: int
    size: int

    def parts(self) -> Iterator[bytes]:
        """Give them, a piece at a time. Raises OSError where the file is shorter."""
        position = 0
        while position < self.size:
            piece = os.pread(self.descriptor, min(_COPIED, self.size - position), position)
            if not piece:
                raise OSError(f"a spool file ends after {position} of {self.size} bytes")
            position += len(piece)
            yield piece


def dump(value: Value) -> list[bytes | Stored]:
    """Give the pieces that make up a value, in order. Raises TypeError for a value of another kind."""
    pieces: list[bytes | Stored] = []
    _dump(value, pieces)
    pieces.reverse()
    return pieces


def _dump(value: Value, pieces: list[bytes | Stored]) -> int:
    """Add the pieces of a value, the last one first; gives their size."""
    match value:
        case bytes():
            size = _scalar(value, b",", pieces)
        case str():
            size = _text(value, pieces)
        case None:
            size = _scalar(b"", b"~", pieces)
        case bool():
            size = _scalar(b"true" if value else b"false", b"!", pieces)
        case int():
            size = _scalar(str(value).encode(), b"#", pieces)
        case float():
            size = _scalar(repr(value).encode(), b"^", pieces)
        case Stored():
            pieces += (b",", value)
            size = _headed(value.size, pieces)
        case list() | tuple():
            pieces.append(b"]")
            size = _headed(sum([_dump(item, pieces) for item in reversed(value)]), pieces)
        case dict():
            pieces.append(b"}")
            items = reversed(list(value.items()))
            size = _headed(sum([_dump(item, pieces) + _dump(key, pieces) for key, item in items]), pieces)
        case _:
            raise TypeError(f"a flow file cannot hold {type(value).__name__}")
    return size


def _text(text: str, pieces: list[bytes | Stored]) -> int:
    try:
        return _scalar(text.encode(), b";", pieces)
    except UnicodeEncodeError:  # a lone surrogate, in which headers keep what is not UTF-8: mitmproxy reads UTF-8 alone
        return _scalar(text.encode("utf-8", "surrogatepass"), b",", pieces)


def _scalar(data: bytes, kind: bytes, pieces: list[bytes | Stored]) -> int:
    pieces += (kind, data)
    return _headed(len(data), pieces)


def _headed(size: int, pieces: list[bytes | Stored]) -> int:
    head = b"%d:" % size
    pieces.append(head)
    return len(head) + size + 1


def frames(data: Buffer) -> Iterator[tuple[int, int]]:
    """Give where each value of a file begins and ends.

    Raises :class:`CaptureError`, which names the offset, where the last one is cut short or what follows is none.
    """
    view = memoryview(data)
    position = 0
    while position < len(view):
        start, size = _head(view, position)
        end = start + size + 1
        if end > len(view):
            raise CaptureError(f"offset {position}: what begins here is cut short")
        yield position, end
        position = end


def pick(data: Buffer, begin: int, *path: str) -> tuple[int, int] | None:
    """Find a value in a dict of dicts that begins at ``begin``; gives where it begins and ends, None where it is not.

    Raises :class:`CaptureError` where the bytes are no netstrings.
    """
    view = memoryview(data)
    for name in path:
        start, size = _head(view, begin)
        end = start + size
        if view[end] != ord("}"):
            return None
        found, wanted = None, name.encode()
        position = start
        while position < end:
            key, length = _head(view, position)
            value = key + length + 1
            inner, inside = _head(view, value)
            if view[key : key + length] == wanted:
                found = value
            position = inner + inside + 1
        if found is None:
            return None
        begin = found
    start, size = _head(view, begin)
    return begin, start + size + 1


def _head(view: memoryview, position: int) -> tuple[int, int]:
    """Read a length; gives where the payload begins, and the length."""
    head = bytes(view[position : position + _DIGITS + 1])
    digits, colon, _ = head.partition(b":")
    if not colon or not digits.isdigit():
        cut = len(head) <= _DIGITS and not colon and (digits.isdigit() or not digits)
        raise CaptureError(f"offset {position}: {'what begins here is cut short' if cut else 'this is no flow'}")
    return position + len(digits) + 1, int(digits)
