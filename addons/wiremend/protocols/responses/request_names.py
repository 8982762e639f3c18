"""Names of tools: what the Responses API takes for one, and one name for what a namespace and a name say together."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST: Final = 64
"""Characters that a name, the id of a call, and the name of a user may have (OpenAI answers 400 to more)."""

_LEGAL: Final = re.compile(rf"[a-zA-Z0-9_-]{{1,{LONGEST}}}")
_BAD: Final = re.compile(r"[^a-zA-Z0-9_-]")
_BORDER: Final = "__"
_MARK: Final = 8


def is_legal(name: str) -> bool:
    """Tell whether a tool may have this name."""
    return _LEGAL.fullmatch(name) is not None


def digest(text: str, digits: int) -> str:
    """Give hex digits that stand for a text, the same ones each time."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:digits]


def marked(name: str, key: str) -> str:
    """Give a legal name that reads like ``name`` and stands for ``key``."""
    return f"{_BAD.sub('_', name)[: LONGEST - _MARK - 1]}_{digest(key, _MARK)}"


class Names:
    """Gives each tool a name that no other has; the same tool gets the same name again.

    ``taken`` are the names that stay as they are. A name that cannot stay is made legal, and ends with a mark that
    depends on nothing but the tool, so that it is the same in every request of a conversation.
    """

    def __init__(self, taken: Iterable[str]) -> None:
        """Begin with the names that stay."""
        self._given = {name: name for name in taken}
        self._used = set(self._given)

    def has(self, name: str) -> bool:
        """Tell whether a tool has this name."""
        return name in self._used

    def of(self, name: str) -> str:
        """Give the name for a tool that is called so."""
        known = self._given.get(name)
        return self._give(name, name, may_stay=is_legal(name)) if known is None else known

    def within(self, namespace: str, name: str) -> str:
        """Give the name for a tool of a namespace: both joined, where that is legal and free."""
        joined = namespace + name if namespace.endswith(_BORDER) else f"{namespace}{_BORDER}{name}"
        return self._give(f"{namespace}\n{name}", joined, may_stay=is_legal(joined))

    def _give(self, key: str, wish: str, *, may_stay: bool) -> str:
        known = self._given.get(key)
        if known is not None:
            return known
        again = key
        found = wish if may_stay else marked(wish, again)
        while found in self._used:
            again += "\n"
            found = marked(wish, again)
        self._given[key] = found
        self._used.add(found)
        return found
