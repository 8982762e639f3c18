"""Edits that several quirks share: a part of a body is changed to what it must be by the fewest edits.

A quirk works out what a part must be, as a value of its own, and :func:`amend` writes the difference: what is alike
keeps its bytes (G1).
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wiremend.notes import Kind
    from wiremend.quirks.base import Draft

type Where = tuple[str | int, ...]

_MAX_DEPTH: Final = 100
MAX_DIFFERENCES: Final = 16
"""Edits of one value, each with a note, before it is written as a whole."""
MAX_MOVES: Final = 256
"""Items that are taken out of a list and put in, each with a note, before the list is written as a whole."""
_GONE: Final = object()
SIGNERS: Final = ("anthropic.com", "claude.ai")
"""Hosts that sign what they think, and refuse what was changed around it."""
OPENAI: Final = ("openai.com", "chatgpt.com", "openai.azure.com", "cognitiveservices.azure.com")


def on_host(host: str, *domains: str) -> bool:
    """Tell whether a host is one of the domains, or below one."""
    name = host.lower().rstrip(".")
    return any(name == domain or name.endswith(f".{domain}") for domain in domains)


def items_of(document: object, name: str | int) -> list[Any]:
    """Give the list that a body has under a name; [] where it has none."""
    found = document.get(name) if isinstance(document, dict) else None
    return found if isinstance(found, list) else []


def amend(draft: Draft, where: Where, new: object, what: str, kind: Kind = "mended") -> None:
    """Make the value at a place equal to ``new``, and note each difference with ``what``.

    Where there are more than ``MAX_DIFFERENCES``, the value is written anew as a whole, with one note.
    """
    found: list[tuple[Where, object]] = []
    _compare(where, _find(draft.document, where), new, found)
    if len(found) > MAX_DIFFERENCES:
        draft.set(where, new, what, kind=kind)
        return
    for place, value in found:
        if value is _GONE:
            draft.remove(place, what, kind=kind)
        else:
            draft.set(place, value, what, kind=kind)


def _compare(where: Where, old: object, new: object, found: list[tuple[Where, object]]) -> None:
    """List what must be set, and removed, to make one value of another."""
    if old is new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        found += [((*where, name), _GONE) for name in old if name not in new]
        for name, value in new.items():
            if name in old:
                _compare((*where, name), old[name], value, found)
            else:
                found.append(((*where, name), value))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (one, other) in enumerate(zip(old, new, strict=True)):
            _compare((*where, index), one, other, found)
    elif not same(old, new):
        found.append((where, new))


@dataclass(frozen=True, slots=True)
class New:
    """An item that a plan puts in."""

    value: Any


def rearrange(draft: Draft, where: Where, plan: Sequence[int | New], what: str, kind: Kind = "mended") -> None:
    """Make the list at a place what a plan says: the indexes of items that stay, and new items.

    Items whose order stays keep their bytes. With more than ``MAX_MOVES`` edits the list is written anew.
    """
    found = _find(draft.document, where[:-1])
    items = list(items_of(found, where[-1]))
    if list(plan) == list(range(len(items))):
        return
    staying = _longest_rise([entry for entry in plan if isinstance(entry, int)])
    if len(items) + len(plan) - 2 * len(staying) > MAX_MOVES:
        draft.set(where, [items[entry] if isinstance(entry, int) else entry.value for entry in plan], what, kind=kind)
        return
    for index in reversed(range(len(items))):
        if index not in staying:
            draft.remove((*where, index), what, kind=kind)
    for place, entry in enumerate(plan):
        if isinstance(entry, New):
            draft.insert(where, place, entry.value, what, kind=kind)
        elif entry not in staying:
            draft.insert(where, place, items[entry], what, kind=kind)


def _longest_rise(numbers: Sequence[int]) -> frozenset[int]:
    """Give the members of a longest part of a sequence of unlike numbers that rises."""
    ends: list[int] = []  # of the rises of each length, the lowest last number
    before: dict[int, int] = {}
    for number in numbers:
        at = bisect_left(ends, number)
        if at:
            before[number] = ends[at - 1]
        ends[at : at + 1] = [number]
    found = ends[-1:]
    while found and found[-1] in before:
        found.append(before[found[-1]])
    return frozenset(found)


def too_deep(value: object, limit: int = _MAX_DEPTH) -> bool:
    """Tell whether a value is nested deeper than what a quirk looks into."""
    level = [value]
    for _ in range(limit):
        level = [
            inner
            for box in level
            if isinstance(box, dict | list)
            for inner in (box.values() if isinstance(box, dict) else box)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def same(one: object, other: object) -> bool:
    """Tell whether two JSON values are equal as JSON: ``1``, ``1.0`` and ``true`` are three values."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[name]) for name, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    return one == other


def _find(box: Any, where: Where) -> Any:  # noqa: ANN401 - any JSON
    for token in where:
        box = box[int(token)] if isinstance(box, list) else box[token]
    return box
