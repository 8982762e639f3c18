"""What differs between two JSON documents, as a JSON patch (RFC 6902) that leads from the one to the other.

Values are the same where every reader takes them for the same: ``1``, ``1.0`` and ``true`` are three. Items of lists
are lined up, so that one that was put in does not make all behind it differ. The operations are in the order in which
they are to be applied; each has in ``was`` what it takes away or replaces.
"""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any, Final

from wiremend.jsonedit import format_pointer
from wiremend.quirks.base import decoded, encoded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wiremend.explain.model import Operation

_LINED_UP: Final = 500
"""Items in the part of two lists that differs, up to which they are lined up; longer ones are compared in pairs."""

type _At = tuple[str, ...]


def patch_of(before: bytes, after: bytes) -> tuple[Operation, ...]:
    """Give the patch between two JSON texts. Raises ValueError or RecursionError where one cannot be decoded."""
    return () if before == after else tuple(difference(decoded(before), decoded(after)))


def difference(before: Any, after: Any, at: _At = ()) -> Iterator[Operation]:  # noqa: ANN401 - any JSON
    """Give the operations between two decoded documents; ``at`` is the place of both. Raises RecursionError."""
    match before, after:
        case dict(), dict():
            yield from _objects(before, after, at)
        case list(), list():
            yield from _lists(before, after, at)
        case _ if not same(before, after):
            yield {"op": "replace", "path": format_pointer(at), "value": after, "was": before}


def same(one: Any, other: Any) -> bool:  # noqa: ANN401 - any JSON
    """Tell whether two decoded values are the same, also in kind."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    match one:
        case dict():
            return len(one) == len(other) and all(
                key in other and same(value, other[key]) for key, value in one.items()
            )
        case list():
            return len(one) == len(other) and all(map(same, one, other))
        case _:
            return bool(one == other)


def _objects(before: dict[str, Any], after: dict[str, Any], at: _At) -> Iterator[Operation]:
    for name, value in before.items():
        if name in after:
            yield from difference(value, after[name], (*at, name))
        else:
            yield _removed(value, (*at, name))
    for name, value in after.items():
        if name not in before:
            yield _added(value, (*at, name))


def _lists(before: list[Any], after: list[Any], at: _At) -> Iterator[Operation]:
    most = min(len(before), len(after))
    start = next((place for place in range(most) if not same(before[place], after[place])), most)
    behind = next((n for n in range(most - start) if not same(before[-1 - n], after[-1 - n])), most - start)
    old, new = before[start : len(before) - behind], after[start : len(after) - behind]
    place = start
    for tag, a, b, c, d in _blocks(old, new):
        if tag == "equal":
            place += b - a
            continue
        pairs = min(b - a, d - c)
        for offset in range(pairs):
            yield from difference(old[a + offset], new[c + offset], (*at, str(place)))
            place += 1
        for gone in old[a + pairs : b]:
            yield _removed(gone, (*at, str(place)))
        for come in new[c + pairs : d]:
            yield _added(come, (*at, str(place)))
            place += 1


def _blocks(old: list[Any], new: list[Any]) -> Sequence[tuple[str, int, int, int, int]]:
    """Line up two lists: which parts of them are alike, and which stand against each other."""
    pairs: list[tuple[str, int, int, int, int]] = [("replace", 0, len(old), 0, len(new))]
    if not old or not new or max(len(old), len(new)) > _LINED_UP:
        return pairs
    if len(old) == len(new) and 2 * sum(map(same, old, new)) >= len(old) - 1:
        return pairs  # some items were changed, none came or went
    return SequenceMatcher(None, [*map(encoded, old)], [*map(encoded, new)], autojunk=False).get_opcodes()


def _removed(value: object, at: _At) -> Operation:
    return {"op": "remove", "path": format_pointer(at), "was": value}


def _added(value: object, at: _At) -> Operation:
    return {"op": "add", "path": format_pointer(at), "value": value}
