"""The text of rules that are written: lines, each with its place in the Plano file, and scalars as YAML has them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from wiremend.rules.tree import Mark

if TYPE_CHECKING:
    from wiremend.rules.tree import Node

_COLUMN: Final = 58
"""Where the remark behind a line begins, if the line is shorter."""


@dataclass(slots=True)
class Line:
    """A line, the places in the Plano file of its key and its value, and the remark behind it."""

    text: str
    at: Mark
    value: Mark
    remark: str = ""


@dataclass(slots=True)
class Lines:
    """The lines so far; ``name`` is what the remarks call the Plano file."""

    name: str
    lines: list[Line] = field(default_factory=list)

    def add(self, indent: int, text: str, place: Mark | Node, more: str = "") -> None:
        """Add a line that says what the file says at a place, or in a scalar; the remark names it, and ``more``."""
        key, value = (place, place) if isinstance(place, Mark) else (place.at, place.mark)
        where = f"{self.name}:{key.line}"
        self.lines.append(Line(" " * indent + text, key, value, f"{where}: {more}" if more else where))

    def own(self, indent: int, text: str, at: Mark, remark: str = "") -> None:
        """Add a line that is Wiremend's own idea; ``at`` is the place that a message about it names."""
        self.lines.append(Line(" " * indent + text, at, at, remark))

    def whole(self) -> str:
        """Give the text, with the remarks in a column."""
        return "".join(
            f"{line.text.ljust(_COLUMN) if line.text.strip() else ''}  # {line.remark}\n"
            if line.remark
            else f"{line.text}\n"
            for line in self.lines
        )


_WORD: Final = re.compile(r"[A-Za-z_$/](?:[\w./$@+*?-]|:(?=[\w/$]))*", re.ASCII)
_WORDS: Final = re.compile(r"[A-Za-z_$/](?:[\w./$@+*?,;()'-]|:(?=[\w/$])| (?=[\w./$@+*?,;('-]))*", re.ASCII)
_ADDRESS: Final = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")
_MEANS: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def plain(text: str) -> str:
    """Give a text as a YAML scalar in a block: as it is where that is safe, else in double quotes."""
    safe = _WORDS.fullmatch(text) and text.lower() not in _MEANS
    return text if safe or _ADDRESS.fullmatch(text) else _quoted(text)


def flow(text: str) -> str:
    """Give a text as a YAML scalar inside of brackets."""
    return text if _WORD.fullmatch(text) and text.lower() not in _MEANS else _quoted(text)


def _quoted(text: str) -> str:
    return '"' + "".join(_escaped(character) for character in text) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 1 << 8 else f"\\u{code:04x}" if code < 1 << 16 else f"\\U{code:08x}"


def printable(text: str) -> str:
    """Give a text for a remark: on one line, whatever is in it."""
    return "".join(character if character.isprintable() else " " for character in text)


def glob(text: str) -> str:
    """Give the glob that matches a text and no other, but for its letter case."""
    return re.sub(r"[*?\[]", r"[\g<0>]", text)
