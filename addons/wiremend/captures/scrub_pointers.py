"""The places that a user's JSON pointers reach: in a body that is JSON, and in the data of each event of a stream."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from wiremend import jsonedit
from wiremend.captures.scrub_places import ANYWHERE, Place
from wiremend.errors import JsonError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wiremend.jsonedit import Pointer

_DATA: Final = re.compile(rb"^data:[ ]?([^\r\n]*)", re.MULTILINE)
_SENTINEL: Final = b'"\\u0000wiremend\\u0000"'
_NOTHING: Final = {b"null", b"true", b"false", b'""'}


def pointer_places(data: bytes, pointers: Sequence[Pointer]) -> list[Place]:
    """Find the values that pointers reach. What is no JSON, nor a stream of events that are, has none."""
    if not pointers or not data:
        return []
    first = data.lstrip()[:1]
    if first in {b"{", b"["}:
        return list(_in_json(data, 0, pointers))
    found: list[Place] = []
    for line in _DATA.finditer(data):
        if line[1][:1] in {b"{", b"["}:
            found += _in_json(line[1], line.start(1), pointers)
    return found


def _in_json(body: bytes, offset: int, pointers: Sequence[Pointer]) -> Iterator[Place]:
    for pointer in pointers:
        try:
            reached = jsonedit.find(body, pointer)
        except JsonError:
            return
        for concrete, text in reached:
            if bytes(text) in _NOTHING:
                continue
            start = _start_of(body, jsonedit.parse_pointer(concrete))
            if start is None or body[start : start + len(text)] != text:
                continue
            begin, end = offset + start, offset + start + len(text)
            if text[:1] == b'"':
                yield Place(begin + 1, end - 1, _text_of(text), "pointer", least=ANYWHERE)
            else:
                yield Place(begin, end, bytes(text).decode("utf-8", "replace"), "pointer", least=10_000, quoted=True)


def _start_of(body: bytes, pointer: Pointer) -> int | None:
    """Give where a value begins: with another in its place, everything before it stays byte for byte."""
    if not pointer:
        return len(body) - len(body.lstrip())
    try:
        edited = jsonedit.apply(body, [jsonedit.Edit("set", pointer, _SENTINEL)]).body
    except JsonError:
        return None
    at = edited.find(_SENTINEL)
    return at if at >= 0 else None


def _text_of(text: bytes) -> str:
    return str(json.loads(text.decode("utf-8", "surrogatepass"), strict=False))
