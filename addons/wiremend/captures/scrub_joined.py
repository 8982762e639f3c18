"""What a model says in the events of a stream, put together: a key that it repeats token by token is in no event whole.

Streams are looked at while they are written down, and healthy ones hold nothing: :func:`said` costs one pass of one
expression, and no JSON is decoded. Only where a known secret begins in what it gives, the places are looked up.
"""

from __future__ import annotations

import re
import sys
from bisect import bisect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_FAR: Final = 64 * 1024
_STRING: Final = rb' ?"([^"\\]*+(?:\\.[^"\\]*+)*+)'
_SAID: Final = re.compile(rb'":(?<=(?:tent|text|ents|json|elta|king)":)' + _STRING)
_REASONING: Final = re.compile(rb'"reasoning":' + _STRING)
_TEXT_OF: Final = re.compile(
    rb'"(content|text|reasoning_content|reasoning|arguments|partial_json|delta|thinking)":' + _STRING
)
"""The members in which a model's words come, on all wires."""


@dataclass
class Joined:
    """The texts of one member of all events; ``begins`` has of each its place in ``data``, and in the stream."""

    data: bytearray = field(default_factory=bytearray)
    begins: list[tuple[int, int]] = field(default_factory=list)

    def places(self, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Give the pieces of a stretch: from where to where in ``data``, and where the piece begins in the stream."""
        at = start
        for number in range(bisect(self.begins, (start, sys.maxsize)) - 1, len(self.begins)):
            begin, there = self.begins[number]
            stop = min(end, self.begins[number + 1][0] if number + 1 < len(self.begins) else len(self.data))
            yield at, stop, there + at - begin
            at = stop
            if at >= end:
                return


def is_stream(data: bytes) -> bool:
    """Tell whether some bytes are those of an event stream, or of a part of one."""
    return data.startswith(b"data:") or data.find(b"\ndata:", 0, _FAR) >= 0


def said(data: bytes) -> bytes:
    """Give all that a stream's events say, in their order, of all members together but for one that repeats another."""
    joined = b"".join(_SAID.findall(data))
    return joined + b"".join(_REASONING.findall(data)) if b'"reasoning":' in data else joined


def joined_texts(data: bytes) -> Iterable[Joined]:
    """Put together what each member of a stream's events says; each has a text at least."""
    found: dict[bytes, Joined] = {}
    for hit in _TEXT_OF.finditer(data):
        if hit[2]:
            one = found.setdefault(hit[1], Joined())
            one.begins.append((len(one.data), hit.start(2)))
            one.data += hit[2]
    return found.values()
