"""Two values beside each other, cut to the place where they differ, with the part that differs marked.

Nothing that a terminal or a reader would act on gets through: control characters, marks that turn the direction of
writing, and half surrogate pairs are written as their escapes. Widths are columns of a terminal, where a Chinese
character takes two.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final

NOTHING: Final = "nothing"
"""What stands in the place of a value that is not there."""

_CUT: Final = "…"
_SHORT: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class Side:
    """One value as it is shown. ``mark`` is the part that differs, as offsets in ``text``; None: all, or none, of it.

    An empty mark is where the other side has something more.
    """

    text: str
    mark: tuple[int, int] | None = None


def visible(text: str) -> str:
    """Give a text with what cannot be seen in it as escapes."""
    return text if _is_plain(text) else "".join(map(_seen, text))


def columns(text: str) -> int:
    """Give the columns that a visible text takes."""
    return len(text) if text.isascii() or _is_plain(text) else sum(map(_width, text))


def beside(expected: str | None, got: str | None, room: int) -> tuple[Side, Side]:
    """Give both sides, each at most ``room`` columns wide (but never less than 8); None is :data:`NOTHING`."""
    room = max(room, 8)
    if expected is None or got is None:
        return _alone(expected, room), _alone(got, room)
    same = _same_ahead(expected, got)
    behind = _same_behind(expected, got, same)
    rest = max(_columns_up_to(value[same:], room) for value in (expected, got))
    begin = _back(expected, same, max(room // 3, room - 2 - rest))
    return _window(expected, begin, same, behind, room), _window(got, begin, same, behind, room)


def shortened(text: str, room: int) -> str:
    """Give the beginning of a text, in at most ``room`` columns, as it may be shown."""
    return _window(text, 0, 0, 0, room).text


def _alone(value: str | None, room: int) -> Side:
    return Side(NOTHING) if value is None else Side(shortened(value, room))


def _window(value: str, begin: int, same: int, behind: int, room: int) -> Side:
    """Show a value from ``begin`` on; what differs begins at ``same`` and ends ``behind`` characters before its end."""
    end = len(value) - behind
    plain = value[begin : begin + room + 1]
    if _is_plain(plain):
        return _plain_window(plain, len(value) - begin, 1 if begin else 0, same - begin, end - begin, room)
    pieces = [_CUT] if begin else []
    used, length = len(pieces), len(pieces)
    first = last = length
    for place in range(begin, len(value)):
        piece = _seen(value[place])
        wide = columns(piece)
        left_out = 1 if place + 1 < len(value) else 0
        if used + wide + left_out > room:
            pieces.append(_CUT)
            if place < end:
                last = length + 1
            break
        pieces.append(piece)
        used += wide
        length += len(piece)
        if place < same:
            first = length
        if place < end:
            last = length
    return Side("".join(pieces), (first, max(first, last)))


def _plain_window(text: str, length: int, ahead: int, same: int, end: int, room: int) -> Side:  # noqa: PLR0913, PLR0917 - the places
    """Do the same where each character is a column: ``length`` characters from there on, of which ``text`` is in sight.

    ``ahead`` counts the marks of a cut before it; ``same`` and ``end`` are places in it.
    """
    whole = ahead + length <= room
    shown = length if whole else max(0, room - 1 - ahead)
    first, last = (ahead + min(max(place, 0), shown) for place in (same, end))
    if not whole and shown < end:
        last += 1
    return Side(f"{_CUT * ahead}{text[:shown]}{'' if whole else _CUT}", (first, max(first, last)))


def _same_ahead(one: str, other: str) -> int:
    """Count the characters that two texts begin with in common, by halves: values may be megabytes."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _same_behind(one: str, other: str, ahead: int) -> int:
    """Count the characters that two texts end with in common, without those ahead."""
    low, high = 0, min(len(one), len(other)) - ahead
    while low < high:
        middle = (low + high + 1) // 2
        if one[len(one) - middle : len(one) - low] == other[len(other) - middle : len(other) - low]:
            low = middle
        else:
            high = middle - 1
    return low


def _back(text: str, place: int, lead: int) -> int:
    """Give the place that lies at most ``lead`` columns before another."""
    near = text[max(0, place - lead) : place]
    if _is_plain(near):
        return place - len(near)
    used = 0
    while place > 0 and (used := used + columns(_seen(text[place - 1]))) <= lead:
        place -= 1
    return place


def _columns_up_to(text: str, limit: int) -> int:
    """Count columns, but no further than a limit."""
    return min(columns(visible(text[:limit])) + (1 if len(text) > limit else 0), limit)


def _is_plain(text: str) -> bool:
    """Tell whether each character is shown as it is, in one column: ASCII, and the mark of a cut."""
    return text.isprintable() and (text.isascii() or text.replace(_CUT, "").isascii())


def _seen(character: str) -> str:
    if character.isascii() and character.isprintable():
        return character
    if character in _SHORT:
        return _SHORT[character]
    if unicodedata.category(character) in _UNSEEN:
        number = ord(character)
        return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"  # noqa: PLR2004 - how many digits Python's own escapes have
    return character


def _width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
