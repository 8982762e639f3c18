"""What is legal in a rules file but surely not meant: routes that nothing can reach, edits that undo each other.

Both lean to silence: a warning is given only where the globs themselves prove it (:mod:`wiremend.rules.globs`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wiremend.jsonedit import format_pointer
from wiremend.jsonnumber import parse_bounds
from wiremend.rules.globs import covers, overlap
from wiremend.rules.tree import Mark

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wiremend.jsonedit import Edit
    from wiremend.rules.globs import Glob
    from wiremend.rules.model import EditRule, Route, When
    from wiremend.rules.report import Report

type Globs = tuple[Glob | None, ...]

_GLOB_KEYS = ("client", "key", "model", "host", "path", "agent", "provider")


def warn_of_routes(routes: Sequence[Route], report: Report) -> None:
    """Warn of each route that an earlier one leaves nothing to match."""
    named = [_named(route.when) for route in routes]
    for later, route in enumerate(routes):
        for place, earlier in enumerate(routes[:later]):
            one, other = named[place], named[later]
            if one is not None and other is not None and not other <= one:
                continue  # a table of models is long, and looked through in no time
            if when_covers(earlier.when, route.when):
                what = (
                    f"{route.label!r} can never match: {earlier.label!r} (line {earlier.line}) takes all that it would"
                )
                report.warn(Mark(route.line, 1), what)
                break


def _named(when: When) -> frozenset[str] | None:
    """Give the models that conditions name letter by letter; None where they name others too, or none."""
    texts = [glob.text.lower() for glob in when.model if glob is not None and glob.literal]
    return frozenset(texts) if texts and len(texts) == len(when.model) else None


def warn_of_edits(edits: Sequence[EditRule], report: Report) -> None:
    """Warn of each edit that changes a place which an earlier one, for the same requests, changes too."""
    for later, edit in enumerate(edits):
        for earlier in edits[:later]:
            if not when_overlaps(earlier.when, edit.when):
                continue
            for one in earlier.body:
                for other in edit.body:
                    told = one.pointer == other.pointer and _together(one, other)
                    if told:
                        _told(report, edit, earlier, format_pointer(one.pointer), told)
            names = {header.name.lower() for header in earlier.headers if not header.drop}
            for header in edit.headers:
                if header.name.lower() in names and not header.drop:
                    _told(report, edit, earlier, f"the header {header.name}", _LATER)


_LATER: Final = "both change {} of the same requests; the later one wins"
_EARLIER: Final = "both change {} of the same requests; the earlier one wins"
_TWICE: Final = "both scale {} of the same requests, one after the other"
_BEHIND: Final = "clamp and then scale {} of the same requests, so it may leave its bounds; put the scale first"


_OF_NUMBERS: Final[dict[tuple[str, str], str | None]] = {
    ("scale", "scale"): _TWICE,
    ("scale", "clamp"): None,
    ("clamp", "scale"): _BEHIND,
    ("remove", "scale"): _EARLIER,
    ("remove", "clamp"): _EARLIER,
    ("set", "scale"): None,
    ("set", "clamp"): None,
    ("default", "scale"): None,
    ("default", "clamp"): None,
    ("scale", "default"): None,
    ("clamp", "default"): None,
}
"""What is wrong with two changes of a number, the first before the second; None: nothing. A scale or a clamp works on
what is there: behind a ``default`` or a ``set`` it contradicts neither, and a ``default`` behind it is for what was not
there."""


def _together(one: Edit, other: Edit) -> str | None:
    """Say what is wrong with two changes of one place, the first of them before the other; None where nothing is."""
    ops = one.op, other.op
    if ops in _OF_NUMBERS:
        return _OF_NUMBERS[ops]
    if ops == ("clamp", "clamp"):
        return None if _meet(one, other) else _LATER
    if (one.value, one.op) == (other.value, other.op):
        return None
    return _EARLIER if other.op == "default" and one.op != "remove" else _LATER


def _meet(one: Edit, other: Edit) -> bool:
    """Tell whether a number can be within the bounds of both clamps."""
    ends = [parse_bounds(edit.value or b"") for edit in (one, other)]
    least = [end.least[0] for end in ends if end.least is not None]
    most = [end.most[0] for end in ends if end.most is not None]
    return not least or not most or max(least) <= min(most)


def _told(report: Report, edit: EditRule, earlier: EditRule, place: str, what: str) -> None:
    both = f"{edit.label!r} and {earlier.label!r} (line {earlier.line})"
    report.warn(Mark(edit.line, 1), f"{both} {what.format(place)}")


def when_covers(wide: When, narrow: When) -> bool:
    """Tell whether ``wide`` surely holds wherever ``narrow`` does."""
    for name in _GLOB_KEYS:
        mine: Globs = getattr(wide, name)
        if mine and not _all_covered(mine, getattr(narrow, name)):
            return False
    if wide.wire and not (narrow.wire and set(narrow.wire) <= set(wide.wire)):
        return False
    if wide.stream is not None and wide.stream != narrow.stream:
        return False
    for mine_pairs, other_pairs in ((wide.header, narrow.header), (wide.body, narrow.body)):
        other = dict(other_pairs)
        if not all(key in other and _all_covered(globs, other[key]) for key, globs in dict(mine_pairs).items()):
            return False
    return True


def _all_covered(mine: Globs, other: Globs) -> bool:
    if not other:
        return False
    return all(
        any((g is None and h is None) or (g is not None and h is not None and covers(g, h)) for g in mine)
        for h in other
    )


def when_overlaps(one: When, two: When) -> bool:
    """Tell whether some request can meet both."""
    for name in _GLOB_KEYS:
        mine: Globs = getattr(one, name)
        other: Globs = getattr(two, name)
        if mine and other and not _some_meet(mine, other):
            return False
    if one.wire and two.wire and not set(one.wire) & set(two.wire):
        return False
    if one.stream is not None and two.stream is not None and one.stream != two.stream:
        return False
    for mine_pairs, other_pairs in ((one.header, two.header), (one.body, two.body)):
        pairs = dict(other_pairs)
        if any(key in pairs and not _some_meet(globs, pairs[key]) for key, globs in dict(mine_pairs).items()):
            return False
    return True


def _some_meet(mine: Globs, other: Globs) -> bool:
    return any(
        (g is None and h is None) or (g is not None and h is not None and overlap(g, h)) for g in mine for h in other
    )
