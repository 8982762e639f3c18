"""Globs: ``*`` is any text, ``?`` one character, ``[abc]`` and ``[!abc]`` one of a set; letter case never matters.

Besides matching, rules need two questions answered about globs themselves: can two of them match the same text
(edits that overlap), and does one match everything that another does (a route that can never be reached)? Both are
answered over the glob's tokens, without building automata: :func:`overlap` exactly, :func:`covers` on the safe side (it
may say no where yes were true, never the reverse).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache


class GlobError(ValueError):
    """A text that is not a glob; the message says what to write instead."""


@dataclass(frozen=True, slots=True)
class _Set:
    """One character out of (or, ``negated``, outside) a set."""

    characters: frozenset[str]
    negated: bool = False

    def meets(self, other: _Set) -> bool:
        if self.negated and other.negated:
            return True  # two finite sets never exclude every character
        if self.negated:
            return bool(other.characters - self.characters)
        if other.negated:
            return bool(self.characters - other.characters)
        return bool(self.characters & other.characters)

    def holds(self, other: _Set) -> bool:
        """Tell whether every character of ``other`` is one of mine."""
        if self.negated:
            return other.characters >= self.characters if other.negated else not self.characters & other.characters
        return not other.negated and self.characters >= other.characters


_ANY = _Set(frozenset(), negated=True)
type _Token = _Set | None  # None is ``*``


@dataclass(frozen=True, slots=True)
class Glob:
    """A compiled glob; ``text`` is as written."""

    text: str
    tokens: tuple[_Token, ...]
    pattern: re.Pattern[str]

    def matches(self, text: str) -> bool:
        """Tell whether the whole of ``text`` fits, whatever its letter case."""
        return self.pattern.fullmatch(text.lower()) is not None

    @property
    def literal(self) -> bool:
        """Tell whether it matches one text only."""
        return all(t is not None and not t.negated and len(t.characters) == 1 for t in self.tokens)


@lru_cache(maxsize=4096)
def compile_glob(text: str) -> Glob:
    """Compile a glob. Raises :class:`GlobError` for an empty text, or a ``[`` that is not closed or holds nothing."""
    if not text:
        message = "an empty glob matches nothing; write '*' for anything"
        raise GlobError(message)
    tokens: list[_Token] = []
    parts: list[str] = []
    lowered, position = text.lower(), 0
    while position < len(lowered):
        character = lowered[position]
        position += 1
        if character == "*":
            if not tokens or tokens[-1] is not None:
                tokens.append(None)
                parts.append(".*")
            continue
        if character == "?":
            tokens.append(_ANY)
            parts.append(".")
        elif character == "[":
            found, position = _read_set(text, lowered, position)
            tokens.append(found)
            inner = "".join(re.escape(c) for c in sorted(found.characters))
            parts.append(f"[{'^' if found.negated else ''}{inner}]")
        else:
            tokens.append(_Set(frozenset(character)))
            parts.append(re.escape(character))
    return Glob(text, tuple(tokens), re.compile("".join(parts), re.DOTALL))


def _read_set(text: str, lowered: str, start: int) -> tuple[_Set, int]:
    end = lowered.find("]", start + 1)
    if end < 0:
        message = f"the '[' in {text!r} is not closed; write '[[]' for the character itself"
        raise GlobError(message)
    inner = lowered[start:end]
    negated = inner[:1] in ("!", "^")
    inner = inner[1:] if negated else inner
    characters: set[str] = set()
    position = 0
    while position < len(inner):
        if inner[position + 1 : position + 2] == "-" and position + 2 < len(inner):
            first, last = ord(inner[position]), ord(inner[position + 2])
            if first > last:
                message = f"the range {inner[position : position + 3]!r} in {text!r} runs backwards"
                raise GlobError(message)
            characters.update(chr(code) for code in range(first, last + 1))
            position += 3
        else:
            characters.add(inner[position])
            position += 1
    if not characters:
        message = f"the set in {text!r} is empty"
        raise GlobError(message)
    return _Set(frozenset(characters), negated), end + 1


def overlap(one: Glob, two: Glob) -> bool:
    """Tell whether some text matches both."""
    a, b = one.tokens, two.tokens
    seen: set[tuple[int, int]] = set()
    todo = [(0, 0)]
    while todo:
        i, j = todo.pop()
        if (i, j) in seen:
            continue
        seen.add((i, j))
        if i == len(a) and j == len(b):
            return True
        x = a[i] if i < len(a) else _END
        y = b[j] if j < len(b) else _END
        if x is None:
            todo.append((i + 1, j))
            if j < len(b):
                todo.append((i, j + 1))
        if y is None:
            todo.append((i, j + 1))
            if i < len(a):
                todo.append((i + 1, j))
        if isinstance(x, _Set) and isinstance(y, _Set) and x is not _END and y is not _END and x.meets(y):
            todo.append((i + 1, j + 1))
    return False


_END = _Set(frozenset())


def covers(wide: Glob, narrow: Glob) -> bool:
    """Tell whether ``wide`` surely matches every text that ``narrow`` does."""
    a, b = wide.tokens, narrow.tokens
    if wide.literal and narrow.literal:
        return a == b
    reach = {0} | ({1} if a[:1] == (None,) else set())
    for token in b:
        step: set[int] = set()
        for i in reach:
            if i >= len(a):
                continue
            mine = a[i]
            if mine is None:
                step.add(i)  # my star swallows it, whatever it is
            elif token is not None and mine.holds(token):
                step.add(i + 1)
        reach = set(step)
        for i in step:
            k = i
            while k < len(a) and a[k] is None:
                k += 1
                reach.add(k)
    return len(a) in reach
