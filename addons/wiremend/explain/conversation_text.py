"""Texts of others as a person may read them: nothing that a terminal would act on, and no more than is needed.

All of it works on the beginning of a text before it looks at single characters, so that a megabyte costs no more than
a line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from wiremend.quirks.base import decoded, encoded
from wiremend.replay.beside import shortened, visible

if TYPE_CHECKING:
    from collections.abc import Iterator

FIRST: Final = 100
"""Characters of what is folded to one line."""

_TAB: Final = 4
_THOUSAND: Final = 1000
_DEEPEST: Final = 40
_LONG_VALUE: Final = 2_000
"""Characters of a text inside laid-out JSON."""

_MOST_VALUES: Final = 2_000
"""Values of laid-out JSON."""

_BOM: Final = b"\xef\xbb\xbf"


def clean(line: str) -> str:
    """Give a line as it may be shown; tabs become blanks."""
    line = line.expandtabs(_TAB)
    return line if line.isprintable() else visible(line)


def one_line(text: str, room: int = FIRST) -> str:
    """Give the beginning of a text on one line."""
    words = " ".join(text[: room * 8].split())
    cut = len(words) > room or len(text) > room * 8
    return clean(words[:room]).rstrip() + ("…" if cut else "")


def cut_to(text: str, room: int) -> str:
    """Give the beginning of a text in at most ``room`` columns; the usual text, plain ASCII, at once."""
    begin = text[:room]
    if begin.isascii() and begin.isprintable():
        return begin if len(text) <= room else f"{begin[:-1]}…"
    return shortened(text, room)


def shown_lines(text: str, most_lines: int, most: int) -> Iterator[str]:
    """Give a text line by line, so many lines and characters of it at most; a last line says what is left out."""
    begin = text[:most]
    lines = begin.splitlines() or [""]
    for line in lines[:most_lines]:
        yield clean(line)
    left_lines = max(0, len(lines) - most_lines)
    left = len(text) - len(begin) + sum(len(line) + 1 for line in lines[most_lines:])
    if left:
        yield f"… {many(left, 'more character')}" + (f", {left_lines}+ lines" if left_lines else "")


def laid_out(value: object, most_lines: int = 60, most: int = 8_000) -> Iterator[str]:
    """Give a JSON value line by line, laid out; long texts inside are shortened."""
    try:
        text = msgspec.json.format(encoded(_trimmed(value, [_MOST_VALUES])), indent=2).decode("utf-8")
    except (msgspec.MsgspecError, ValueError, RecursionError):
        text = repr(value)
    yield from shown_lines(text, most_lines, most)


def _trimmed(value: object, left: list[int], depth: int = 0) -> object:
    left[0] -= 1
    if left[0] < 0 or depth > _DEEPEST:
        return "…"
    match value:
        case str() if len(value) > _LONG_VALUE:
            return f"{value[:_LONG_VALUE]}… ({many(len(value), 'character')})"
        case dict():
            kept = list(value.items())[: max(left[0], 0)]
            return {name: _trimmed(inner, left, depth + 1) for name, inner in kept}
        case list():
            return [_trimmed(item, left, depth + 1) for item in value[: max(left[0], 0)]]
        case _:
            return value


def read(data: bytes) -> object:
    """Decode JSON. Raises ValueError where it is none, or is nested too deep."""
    try:
        return decoded(data.removeprefix(_BOM))
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def many(count: int, word: str) -> str:
    """Write a number of things: ``1 tool``, ``1,234 characters``."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def size(count: int) -> str:
    """Write a number of bytes."""
    if count < _THOUSAND:
        return f"{count} B"
    if count < _THOUSAND**2:
        return f"{count / _THOUSAND:.0f} kB"
    return f"{count / _THOUSAND**2:.1f} MB"
