"""Lines that hang: a head, and a text that is wrapped beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wiremend.replay.beside import columns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wiremend.replay.report import Line

_LEAST: Final = 16
"""Columns that a text has, even where its head leaves fewer."""

_PAD: Final = "    "


def hanging(head: Line, text: str, style: str, width: int, indent: int | None = None) -> Iterator[Line]:
    """Give the lines of a text behind a head; those that follow are set in by ``indent``, else by the head's width."""
    first = sum(columns(piece) for piece, _ in head)
    more = min(first if indent is None else indent, max(width - _LEAST, 0))
    pad: Line = [(" " * more, "")]
    if width - first < min(_LEAST, columns(text)):
        yield head
        head, first = pad, more
    for number, line in enumerate(_broken(text, max(width - first, _LEAST), max(width - more, _LEAST))):
        yield [*(pad if number else head), (line, style)]


def fitted(line: Line, width: int) -> Iterator[Line]:
    """Give a line, cut wherever it is wider than it may be; what follows is set in."""
    made: Line = []
    used = 0
    for text, style in line:
        rest = text
        while used + columns(rest) > width:
            end = _end(rest, width - used)
            yield [*made, (rest[:end], style)]
            made, used, rest = [(_PAD, "")], len(_PAD), rest[end:]
        made.append((rest, style))
        used += columns(rest)
    yield made


def _end(text: str, room: int) -> int:
    """Give how many characters of a text fit."""
    end, used = 0, 0
    while end < len(text) and used + (wide := columns(text[end])) <= room:
        used += wide
        end += 1
    return end


def _broken(text: str, room: int, more: int) -> Iterator[str]:
    """Break a text between words into lines of at most ``room`` columns, later ones of ``more``; long words are cut."""
    line, used = "", 0
    for word in text.split(" "):
        rest, wide = word, columns(word)
        if line and used + 1 + wide <= room:
            line, used = f"{line} {rest}", used + 1 + wide
            continue
        if line:
            yield line
            room = more
        while wide > room:
            end = _end(rest, room)
            yield rest[:end]
            rest, room = rest[end:], more
            wide = columns(rest)
        line, used = rest, wide
    yield line
