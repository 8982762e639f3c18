"""What a replay found, for people: as lines of text, as a comment of a pull request, and as plain values.

All of it is pure. :func:`picture` gives lines as pieces with the name of a style, so that whoever has colours can use
them; :func:`as_text` marks what differs by carets below it, as compilers do. :class:`Comment` writes GitHub's Markdown:
nothing of a value can leave the place it is put at, and the whole is never longer than a comment may be.
"""

from __future__ import annotations

import html
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from wiremend.replay.beside import NOTHING, beside, columns, shortened, visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wiremend.replay.beside import Side
    from wiremend.replay.compare import Difference

type Line = list[tuple[str, str]]
"""Pieces of a line: a text and its style, one of "", name, place, cause, red, green, mark-red, mark-green, dim, bad,
warn."""

SHOWN: Final = 10
"""Differences of one case that are shown; the others are counted (``--json`` has all)."""

SIDE_BY_SIDE: Final = 100
"""Columns from which there is room for both values beside each other."""

LIMIT: Final = 65_536
"""Characters of a comment on GitHub."""

_INDENT: Final = 4
_NARROW: Final = 20
"""Columns that are used even where there are fewer."""
WORDS: Final = ("expected  ", "got       ")
"""What stands before the two values, of one length."""
_IN_A_COMMENT: Final = 300
"""Columns of a value in a comment."""
_MARGIN: Final = 600
"""Characters that are kept free for the end of a comment."""

_PARTS: Final = {
    "decision": "decision",
    "upstream": "upstream request",
    "answer": "answer",
    "notes": "notes",
    "expect": "expect",
}


@dataclass(frozen=True, slots=True)
class Result:
    """What is to be said of one case or flow.

    ``error`` is why it could not be replayed. ``updated`` tells what of it was rewritten, a line each.
    """

    name: str
    title: str = ""
    differences: tuple[Difference, ...] = ()
    warnings: tuple[str, ...] = ()
    error: str | None = None
    updated: tuple[str, ...] = ()

    @property
    def sound(self) -> bool:
        """Whether it was replayed, and nothing differs (or what did was rewritten)."""
        return self.error is None and (not self.differences or bool(self.updated))


@dataclass(slots=True)
class Counts:
    """What there was, in numbers: all that is kept of cases that pass. ``strangers`` are flows that are no captures."""

    cases: int = 0
    differ: int = 0
    unreadable: int = 0
    warnings: int = 0
    updated: int = 0
    strangers: int = 0
    seconds: float = field(default=0.0)

    def add(self, result: Result) -> None:
        """Count a result."""
        self.cases += 1
        self.differ += result.error is None and not result.sound
        self.unreadable += result.error is not None
        self.warnings += len(result.warnings)
        self.updated += bool(result.updated)

    @property
    def same(self) -> int:
        """Cases in which nothing differs; those that were rewritten are not among them."""
        return self.cases - self.differ - self.unreadable - self.updated

    def told(self) -> str:
        """Say it in a line."""
        said = [counted(self.cases, "case"), f"{self.differ:,} {'differs' if self.differ == 1 else 'differ'}"]
        if self.updated:
            said.append(f"{self.updated:,} rewritten")
        if self.unreadable:
            said.append(f"{self.unreadable:,} cannot be replayed")
        if self.warnings:
            said.append(counted(self.warnings, "warning"))
        if self.strangers:
            said.append(f"{counted(self.strangers, 'flow')} without a capture passed over")
        speed = f", {self.cases / self.seconds:,.0f} a second" if self.seconds > 0 else ""
        return f"{', '.join(said)}; {self.seconds:.2f} s{speed}"


def counted(number: int, noun: str) -> str:
    """Give a number and its noun."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


# -- lines


def picture(result: Result, width: int, *, carets: bool) -> Iterator[Line]:
    """Give the lines that tell of a result; none where there is nothing to tell. ``carets`` mark without colours."""
    name = visible(result.name)
    for warning in result.warnings:
        yield from wrapped([(name, "name"), (": ", ""), ("warning", "warn"), (": ", "")], visible(warning), "", width)
    if result.error is not None:
        for number, line in enumerate(result.error.splitlines() or [""]):
            head: Line = [(name, "name"), (": ", ""), ("error", "bad"), (": ", "")] if not number else [("  ", "")]
            yield from wrapped(head, visible(line), "", width)
    if result.updated:
        yield [(name, "name"), (": rewritten", "")]
        for line in result.updated:
            yield from wrapped([("  ", "")], visible(line), "", width)
    elif result.differences:
        title = f"  ({visible(result.title)})" if result.title else ""
        count = counted(len(result.differences), "difference")
        yield from wrapped([(name, "name"), (": ", ""), (count, "bad")], title, "dim", width)
        for difference in result.differences[:SHOWN]:
            yield from _difference(difference, width, carets=carets)
        more = len(result.differences) - SHOWN
        if more > 0:
            yield [(f"  … and {more:,} more; --json has all", "dim")]


def as_text(result: Result, width: int) -> str:
    """Give the lines of a result as one text, without colours; it ends with a line feed where there is any."""
    return "".join(f"{plain(line)}\n" for line in picture(result, width, carets=True))


def plain(line: Line) -> str:
    """Give a line without its styles."""
    return "".join(text for text, _ in line).rstrip()


def place_of(difference: Difference) -> str:
    """Say where a difference is."""
    where = visible(difference.where)
    return f"{_PARTS[difference.part]}, {where}" if where else _PARTS[difference.part]


def sides(
    expected: str | None, got: str | None, width: int, *, carets: bool, words: tuple[str, str] = WORDS
) -> Iterator[Line]:
    """Show two values: beside each other where there is room, else one below the other."""
    label = len(words[0])
    both = (width - _INDENT - 3) // 2 if width >= SIDE_BY_SIDE else 0
    left, right = beside(expected, got, (both or width - _INDENT) - label)
    one = _side(words[0], left, "red" if expected is not None else "dim")
    other = _side(words[1], right, "green" if got is not None else "dim")
    below = (_carets(left), _carets(right)) if carets else ("", "")
    pad = " " * _INDENT
    if not both:
        for line, marks in ((one, below[0]), (other, below[1])):
            yield [(pad, ""), *line]
            if marks:
                yield [(pad + " " * label + marks, "")]
        return
    gap = " " * (both - label - columns(left.text) + 3)
    yield [(pad, ""), *one, (gap, ""), *other]
    if any(below):
        yield [(pad + (" " * label + below[0]).ljust(both + 3) + " " * label + below[1], "")]


def _difference(difference: Difference, width: int, *, carets: bool) -> Iterator[Line]:
    cause = f": {visible(difference.cause)}" if difference.cause else ""
    place = place_of(difference)
    if columns(place) + 2 < width:
        yield from wrapped([("  ", ""), (place, "place")], cause, "cause", width)
    else:
        yield from wrapped([("  ", "")], place, "place", width)
        if cause:
            yield from wrapped([("    ", "")], cause.removeprefix(": "), "cause", width)
    yield from sides(difference.expected, difference.got, width, carets=carets)


def _side(word: str, side: Side, colour: str) -> Line:
    if side.mark is None or side.mark[0] == side.mark[1]:
        return [(word, "dim"), (side.text, colour)]
    begin, end = side.mark
    parts = ((side.text[:begin], ""), (side.text[begin:end], f"mark-{colour}"), (side.text[end:], ""))
    return [(word, "dim"), *((text, style) for text, style in parts if text)]


def _carets(side: Side) -> str:
    if side.mark is None:
        return ""
    begin, end = side.mark
    return " " * columns(side.text[:begin]) + "^" * max(columns(side.text[begin:end]), 1)


def wrapped(head: Line, text: str, style: str, width: int) -> Iterator[Line]:
    """Wrap a text behind a head, between words where there are any; the lines that follow are set in."""
    room = max(width, _NARROW) - sum(columns(piece) for piece, _ in head)
    first = True
    for line in _lines(text, max(room, 0), max(width, _NARROW) - _INDENT):
        yield [*head, (line, style)] if first else [(" " * _INDENT + line, style)]
        first = False


def _lines(text: str, room: int, more: int) -> Iterator[str]:
    """Break a text into lines: the first of at most ``room`` columns, those that follow of ``more``."""
    while columns(text) > room:
        end, used, space = 0, 0, -1
        while used + (wide := columns(text[end])) <= room:
            space = end if text[end] == " " and text[:end].strip() else space
            used += wide
            end += 1
        if text[end] == " ":
            space = end
        if space < 0:
            space = 0 if text[0] == " " else end
        yield text[:space].rstrip()
        text, room = text[space:].lstrip(), more
    yield text


# -- Markdown


class Comment:
    """A comment for a pull request. What does not fit is counted; nothing is kept of it."""

    def __init__(self, limit: int = LIMIT) -> None:
        """Begin one of at most ``limit`` characters."""
        self.room = limit - _MARGIN
        self.sections: list[str] = []
        self.left_out = 0

    def add(self, result: Result) -> None:
        """Add what is to be said of a result, if there is anything, and room for it."""
        section = _section(result)
        if section:
            self.section(section)

    def section(self, section: str) -> None:
        """Add a section that is Markdown already, if there is room for it."""
        if self.left_out or len(section) > self.room:
            self.left_out += 1
            return
        self.room -= len(section) + 1
        self.sections.append(section)

    def text(self, counts: Counts, title: str = "Wiremend replay") -> str:
        """Give the whole comment."""
        failing = counts.differ + counts.unreadable
        what = f"{failing:,} of {counted(counts.cases, 'case')}" if failing else counted(counts.cases, "case")
        told = ("differs" if failing == 1 else "differ") if failing else "as recorded"
        rows = (
            ("the same", counts.same),
            ("differ", counts.differ),
            *((("rewritten", counts.updated),) if counts.updated else ()),
            ("cannot be replayed", counts.unreadable),
            ("warnings", counts.warnings),
        )
        table = "".join(f"| {word} | {number:,} |\n" for word, number in rows)
        return self.under(f"## {title}: {what} {told}\n\n| cases | {counts.cases:,} |\n|---|--:|\n{table}", "case")

    def under(self, head: str, noun: str) -> str:
        """Give the sections under a head of their own; ``noun`` is what a section tells of."""
        left_out = f"\n{counted(self.left_out, f'more {noun}')} left out: a comment has room for no more.\n"
        return "\n".join([head, *self.sections]) + (left_out if self.left_out else "")


def fenced(language: str, lines: Sequence[str]) -> str:
    """Give lines as a block whose fence is longer than any run of backticks in it."""
    longest = max((len(run) for line in lines for run in _backticks(line)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{''.join(f'{line}\n' for line in lines)}{fence}\n"


def _section(result: Result) -> str:
    parts = [f"- warning: {code(warning)}\n" for warning in result.warnings]
    said = [counted(len(result.warnings), "warning")] if result.warnings else []
    if result.error is not None:
        said = ["cannot be replayed"]
        parts.append(fenced("text", [shortened(line, _IN_A_COMMENT) for line in result.error.splitlines()[:SHOWN]]))
    elif result.updated:
        said = ["rewritten"]
        parts.append(fenced("text", [shortened(line, _IN_A_COMMENT) for line in result.updated[:SHOWN]]))
    elif result.differences:
        said = [counted(len(result.differences), "difference")]
        parts += [_block(difference) for difference in result.differences[:SHOWN]]
        if len(result.differences) > SHOWN:
            parts.append(f"{len(result.differences) - SHOWN:,} more differences are not shown.\n")
    if not parts:
        return ""
    causes = dict.fromkeys(one.cause for one in result.differences if one.cause)
    if causes and not result.updated:
        said.append(f"<code>{escaped('; '.join(causes), 160)}</code>")
    summary = f"<code>{escaped(result.name, 160)}</code>: {', '.join(said)}"
    return f"<details><summary>{summary}</summary>\n\n{'\n'.join(parts)}\n</details>\n"


def _block(difference: Difference) -> str:
    left, right = beside(difference.expected, difference.got, _IN_A_COMMENT)
    cause = f": {code(difference.cause)}" if difference.cause else ""
    where = f" {code(difference.where)}" if difference.where else ""
    lines = [
        f"- {left.text}" if difference.expected is not None else f"- ({NOTHING})",
        f"+ {right.text}" if difference.got is not None else f"+ ({NOTHING})",
    ]
    return f"{_PARTS[difference.part]}{where}{cause}\n\n{fenced('diff', lines)}"


def code(text: str) -> str:
    """Give a text as a span of code, in which nothing is markup."""
    shown = shortened(text, _IN_A_COMMENT)
    mark = "`" * (max((len(run) for run in _backticks(shown)), default=0) + 1)
    pad = " " if shown.startswith(("`", " ")) or shown.endswith(("`", " ")) or not shown else ""
    return f"{mark}{pad}{shown}{pad}{mark}"


def escaped(text: str, room: int) -> str:
    """Give a text for a place where HTML counts and Markdown does not."""
    return html.escape(shortened(text, room), quote=False)


def _backticks(text: str) -> list[str]:
    runs = "".join(one if one == "`" else " " for one in text).split()
    return runs if "`" in text else []


# -- plain values


def as_plain(result: Result) -> dict[str, Any]:
    """Give a result as JSON has it."""
    said: dict[str, Any] = {"name": result.name, "title": result.title}
    said["differences"] = [asdict(difference) for difference in result.differences]
    return said | {"warnings": list(result.warnings), "error": result.error, "updated": list(result.updated)}
