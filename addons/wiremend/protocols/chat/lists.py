"""The lists in the deltas of a choice that is being mended: each entry with an index, all of one kind.

The openai SDK adds up *every* list of a delta: scalars are put one after the other, objects are merged by their index.
So an entry that has none gets one (quirk ``list-delta-without-index``): pieces of reasoning have one number for each
type and id, for they are meant to be joined; whatever else comes in lists (annotations, images) is counted through,
for two of those must never become one. What does not fit into its list is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from wiremend.protocols.chat.faults import is_index
from wiremend.protocols.chat.schema import Annotation

if TYPE_CHECKING:
    from wiremend.protocols.chat.faults import Lists

type Json = dict[str, Any]

_MAX_DEPTH: Final = 32
_MAX_NUMBERS: Final = 1024
_JOINED: Final = ("reasoning", "thinking")


class Numbers:
    """The numbers given to the entries of one choice's lists, by the path of the list."""

    __slots__ = ("_next", "_numbers")

    def __init__(self) -> None:
        """Begin at 0."""
        self._next: dict[str, int] = {}
        self._numbers: dict[tuple[str, str, str], int] = {}

    def mend(self, value: Json, kinds: Lists | None, path: str = "") -> None:
        """Mend every list inside, in place; ``kinds`` are those of the lists that were given out before."""
        self._walk(value, kinds, {}, path)

    def _walk(self, value: Json, kinds: Lists | None, seen: dict[str, bool], path: str) -> None:
        for name, item in value.items():
            key = f"{path}/{name}"
            if key.count("/") > _MAX_DEPTH or key in {"/tool_calls", "/content"}:
                continue
            if isinstance(item, dict):
                self._walk(item, kinds, seen, key)
            elif isinstance(item, list) and item:
                value[name] = self._list(item, kinds, seen, key)

    def _list(self, items: list[Any], kinds: Lists | None, seen: dict[str, bool], key: str) -> list[Any]:
        known = seen.get(key)
        if known is None:
            known = kinds.kind(key) if kinds is not None else None
        objects = isinstance(items[0], dict) if known is None else known
        kept: list[Any] = []
        for entry in items:
            if isinstance(entry, dict) if objects else isinstance(entry, str | int | float):
                if key == "/annotations" and not _is_citation(entry):
                    continue
                kept.append(entry)
        if kept:
            seen[key] = objects
        for entry in kept if objects else ():
            if not is_index(entry.get("index")):
                entry["index"] = self._number(key, entry)
            elif len(self._next) < _MAX_NUMBERS:
                self._next[key] = max(self._next.get(key, 0), entry["index"] + 1)
            self._walk(entry, kinds, seen, key)
        return kept

    def _number(self, key: str, entry: Json) -> int:
        following = self._next.get(key, 0)
        name = (key, str(entry.get("type")), str(entry.get("id")))
        if any(word in key for word in _JOINED):
            if name in self._numbers:
                return self._numbers[name]
            if len(self._numbers) < _MAX_NUMBERS:
                self._numbers[name] = following
        if len(self._next) < _MAX_NUMBERS:
            self._next[key] = following + 1
        return following


def _is_citation(entry: object) -> bool:
    try:
        msgspec.convert(entry, Annotation)
    except msgspec.ValidationError:
        return False
    return True
