"""What other rules would do to a corpus: each exchange through both, and the changes grouped by what they are.

A change that 500 exchanges have in common reads as one: places are compared without the numbers of events and of list
items, and the values that changed are counted. What is kept is bounded: :data:`GROUPS` kinds of change, and of each
:data:`VALUES` pairs of values.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from wiremend.captures.capture import Attempt
from wiremend.pipeline.decided import decision_of
from wiremend.replay.beside import NOTHING, shortened
from wiremend.replay.compare import Difference, compare
from wiremend.replay.report import Comment, code, counted, escaped, fenced, place_of, sides, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wiremend.captures.capture import Capture
    from wiremend.jsonedit import Pointer
    from wiremend.replay.compare import Part
    from wiremend.replay.report import Line, Result
    from wiremend.replay.run import Replayed

GROUPS: Final = 1000
VALUES: Final = 50

SHOWN: Final = 3
"""Pairs of values that are shown of a group."""

_ROOM: Final = 400
"""Columns of a value that are kept."""

_NUMBERS: Final = re.compile(r"(?<=^event )[0-9]+|(?<=/)[0-9]+(?=/|$)")
_BY_PLACE: Final = re.compile(r"(?:route|edit) [0-9]+")
"""How a rule is called that has no name: it is another one as soon as a rule is put in front of it."""

_ORDER: Final = ("decision", "upstream", "answer", "notes", "expect")

type Pair = tuple[str | None, str | None]


def changes(capture: Capture, old: Replayed, new: Replayed, *, ignore: Sequence[Pointer] = ()) -> list[Difference]:
    """Give what differs between what two rules files make of one exchange; ``expected`` is what the old one makes."""
    found = list(_decided(old, new))
    told = {one.where for one in found}
    more = compare(_as_recorded(capture, old), new, ignore=ignore)
    return found + [one for one in more if not (one.part == "decision" and one.where in told)]


def _as_recorded(capture: Capture, old: Replayed) -> Capture:
    """Give the capture that would have been recorded with the old rules."""
    last, attempts = capture.attempt, tuple[Attempt, ...]()
    if old.request is not None:
        came = (None, None, 0) if last is None else (last.response, last.error, last.at)
        attempts = (Attempt(old.request, came[0], came[1], decision_of(old.outcome), came[2]),)
    return replace(capture, attempts=attempts, answer=old.answer, notes=old.notes, rules=capture.rules or "old")


def _decided(old: Replayed, new: Replayed) -> Iterator[Difference]:
    before, after = decision_of(old.outcome), decision_of(new.outcome)
    if not before or not after:
        return  # one of them refuses, which the comparison says
    why = "; ".join(after["why"])
    for name in ("route", "alias", "provider", "model", "mend"):
        one, other = (None if side[name] is None else str(side[name]) for side in (before, after))
        unnamed = name == "route" and one and other and _BY_PLACE.fullmatch(one) and _BY_PLACE.fullmatch(other)
        if one != other and not unnamed:
            yield Difference("decision", name, one, other, why)
    for name in ("edits", "quirks"):
        one, other = (", ".join(_apart(side[name], there[name])) for side, there in ((before, after), (after, before)))
        if one or other:
            yield Difference("decision", name, one or None, other or None)


def _apart(these: Sequence[str], those: Sequence[str]) -> list[str]:
    return [name for name in these if name not in those and not _BY_PLACE.fullmatch(name)]


@dataclass(slots=True)
class Group:
    """One kind of change: how many exchanges have it, the values that changed, and an exchange to look at."""

    part: Part
    where: str
    cause: str
    example: str
    cases: int = 0
    pairs: Counter[Pair] = field(default_factory=Counter)
    more: int = 0
    """Changes whose values are not among the pairs."""

    @property
    def place(self) -> str:
        """Say what changes."""
        return place_of(Difference(self.part, self.where, None, None))

    @property
    def shown(self) -> tuple[list[tuple[Pair, int]], int]:
        """Give the most frequent pairs with their numbers, and how many changes are not among them."""
        common = self.pairs.most_common(SHOWN)
        return common, self.pairs.total() + self.more - sum(times for _, times in common)


@dataclass(slots=True)
class Changes:
    """All changes of a corpus, grouped; fed one exchange at a time."""

    cases: int = 0
    changed: int = 0
    groups_left_out: int = 0
    _groups: dict[tuple[Part, str, str], Group] = field(default_factory=dict)

    def add(self, name: str, differences: Sequence[Difference]) -> None:
        """Add what differs in an exchange."""
        self.cases += 1
        self.changed += bool(differences)
        counted: set[tuple[Part, str, str]] = set()
        for difference in differences:
            key = (difference.part, _NUMBERS.sub("*", difference.where), difference.cause)
            group = self._groups.get(key)
            if group is None:
                if len(self._groups) >= GROUPS:
                    self.groups_left_out += 1
                    continue
                group = self._groups[key] = Group(*key, name)
            group.cases += key not in counted
            counted.add(key)
            pair = (_kept(difference.expected), _kept(difference.got))
            if pair in group.pairs or len(group.pairs) < VALUES:
                group.pairs[pair] += 1
            else:
                group.more += 1

    @property
    def groups(self) -> list[Group]:
        """The kinds of change: by the part, then the most frequent first."""
        return sorted(self._groups.values(), key=lambda one: (_ORDER.index(one.part), -one.cases, one.where))

    def as_plain(self) -> dict[str, Any]:
        """Give them as JSON has them."""
        return {
            "cases": self.cases,
            "changed": self.changed,
            "groups": [
                {
                    "part": group.part,
                    "where": group.where,
                    "cause": group.cause,
                    "cases": group.cases,
                    "example": group.example,
                    "values": [
                        {"old": old, "new": new, "times": times} for (old, new), times in group.pairs.most_common()
                    ],
                    "other_values": group.more,
                }
                for group in self.groups
            ],
            "groups_left_out": self.groups_left_out,
        }


def _kept(value: str | None) -> str | None:
    """Give a value as it is kept: what is too long by its beginning."""
    return value if value is None or len(value) <= _ROOM else shortened(value, _ROOM)


# -- for people


def picture(found: Changes, width: int, *, carets: bool) -> Iterator[Line]:
    """Give the lines that tell of all changes, a group at a time."""
    for group in found.groups:
        count = f": {counted(group.cases, 'case')}, such as {group.example}"
        yield from wrapped([(group.place, "place")], count, "", width)
        if group.cause:
            yield from wrapped([("  ", "")], group.cause, "cause", width)
        common, rest = group.shown
        for (old, new), times in common:
            if len(common) > 1 or rest:
                yield [(f"  {counted(times, 'time')}:", "dim")]
            yield from sides(old, new, width, carets=carets, words=("old  ", "new  "))
        if rest:
            yield [(f"  … and {counted(rest, 'change')} with other values", "dim")]
    if found.groups_left_out:
        yield [(f"… and {counted(found.groups_left_out, 'change')} of other kinds", "dim")]


def comment(found: Changes, old: str, new: str, failed: Sequence[Result] = ()) -> str:
    """Give the changes as a comment for a pull request; ``old`` and ``new`` name the rules."""
    written = Comment()
    for result in failed:
        written.add(result)
    for group in found.groups:
        common, rest = group.shown
        lines = [line for (before, after), _ in common for line in (f"- {_diffed(before)}", f"+ {_diffed(after)}")]
        lines += [f"# and {counted(rest, 'change')} with other values"] if rest else []
        cause = f"{code(group.cause)}\n\n" if group.cause else ""
        summary = f"<code>{escaped(group.place, 160)}</code>: {counted(group.cases, 'case')}"
        example = f"Such as {code(group.example)}.\n"
        written.section(
            f"<details><summary>{summary}</summary>\n\n{cause}{fenced('diff', lines)}\n{example}\n</details>\n"
        )
    head = f"## Wiremend replay: {found.changed:,} of {counted(found.cases, 'case')} would change\n\n"
    return written.under(f"{head}{code(old)} → {code(new)}\n", "kind of change")


def _diffed(value: str | None) -> str:
    return f"({NOTHING})" if value is None else shortened(value, _ROOM)
