"""What ``wiremend demo`` shows: above all two requests side by side, and what changed between them.

:func:`compare` pairs the two line by line (request line, headers by name, the body's members by name) and numbers the
lines that differ; :func:`draw` lays the pairs out as two columns, or one below the other in a narrow terminal. With
colours the changed parts are coloured; without, there are carets below them, as compilers have it. Lines of framing
(Content-Length, Connection …) differ by nature and are left out. Both are pure; :class:`Stage` prints.
"""

from __future__ import annotations

import difflib
import itertools
import os
import re
import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from rich.console import Console
from rich.text import Text

from wiremend.headers import HOP_BY_HOP
from wiremend.rules.lookup import shipped

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from wiremend.cli.demo_upstream import Seen
    from wiremend.pipeline.outcome import Rewritten
    from wiremend.protocols.base import Tally

type Span = tuple[int, int]

FRAMING: Final = HOP_BY_HOP | {"content-length"}
"""Headers about one connection or the length of the body."""

SIDE_BY_SIDE: Final = 76
"""Columns from which there is room for both requests beside each other."""

_INDENT: Final = 2
_GUTTER: Final = 3
_WIDEST: Final = 60
_TOKEN: Final = re.compile(r"/[\w.-]*|[\w.-]+|\W")
_SUBJECT: Final = "url"
_JOINED: Final = (
    "/v1 stood there twice: the base URL ends in it, and the client adds its own; Wiremend owns the joining, so any"
    " spelling of a base URL is right"
)
_UNCOMPRESSED: Final = "the answer is to come uncompressed, so that each event can pass as it comes"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of both requests. ``where`` says what it shows, as a note does; ``number`` is set where they differ."""

    where: str
    left: str
    right: str
    number: int | None = None

    @property
    def differs(self) -> bool:
        """Tell whether its sides are to be compared and differ."""
        return bool(self.where) and self.left != self.right

    @property
    def spans(self) -> tuple[list[Span], list[Span]]:
        """Give the parts that differ, left and right, as offsets."""
        if not self.differs:
            return [], []
        left, right = _TOKEN.findall(self.left), _TOKEN.findall(self.right)
        changes = [
            change
            for change in difflib.SequenceMatcher(None, left, right, autojunk=False).get_opcodes()
            if change[0] != "equal"
        ]
        return (
            [span for _, a, b, _, _ in changes if (span := _offsets(left, a, b))],
            [span for _, _, _, a, b in changes if (span := _offsets(right, a, b))],
        )


def compare(sent: Seen, got: Seen, shown: Collection[str]) -> list[Row]:
    """Pair two requests; their bodies are JSON objects, of which each member is a row.

    ``shown`` names what to show although it is alike: headers in lower case, members as ``/name``. What differs is
    shown anyhow, what is left is counted.
    """
    rows = [Row(_SUBJECT, f"{sent.method} {sent.target}", f"{got.method} {got.target}")]
    rows += _sieved(_headers(sent, got), {f"header:{name}" for name in shown}, "headers", "the same")
    rows.append(Row("", "", ""))  # the blank line before the body
    rows += _sieved(_members(sent.body, got.body), shown, "members", "the same bytes")
    numbers = itertools.count(1)
    return [replace(row, number=next(numbers)) if row.differs else row for row in rows]


def _sieved(rows: Iterable[Row], shown: Collection[str], what: str, alike: str) -> list[Row]:
    """Keep the rows that differ or are named in ``shown``, and count the others in a row of their own."""
    every = list(rows)
    kept = [row for row in every if row.differs or row.where in shown]
    left_out = len(every) - len(kept)
    return [*kept, Row("", f"{left_out} more {what}", alike)] if left_out else kept


def _headers(sent: Seen, got: Seen) -> Iterator[Row]:
    """Pair the headers by name; one that is missing on a side is an empty text there."""
    for name in {name.lower(): name for name, _ in (*got.headers, *sent.headers)}.values():
        if name.lower() not in FRAMING:
            left, right = sent.headers.joined(name), got.headers.joined(name)
            yield Row(f"header:{name.lower()}", _field(name, left), _field(name, right))


def _field(name: str, value: str | None) -> str:
    return "" if value is None else f"{name}: {value}"


def _members(sent: bytes, got: bytes) -> Iterator[Row]:
    """Pair the members of two JSON objects; a row differs where the bytes of the value do."""
    left, right = map(_object, (sent, got))
    for name in dict.fromkeys((*left, *right)):
        a, b = (bytes(side[name]).decode("utf-8", "replace") if name in side else None for side in (left, right))
        if a == b and a is not None and a[0] in "[{":
            a = b = f"{a[0]} {len(a):,} bytes {a[-1]}"
        yield Row(f"/{name}", _field(f'"{name}"', a), _field(f'"{name}"', b))


def _object(body: bytes) -> dict[str, msgspec.Raw]:
    try:
        return msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except msgspec.DecodeError:
        return {}


def draw(rows: list[Row], width: int, titles: tuple[str, str], *, plain: bool) -> list[Text]:
    """Lay the rows out for a terminal of ``width`` columns; ``plain`` marks changes without any style."""
    if width < SIDE_BY_SIDE:
        return list(_stacked(rows, width, titles))
    return list(_columns(rows, min((width - _INDENT - _GUTTER) // 2, _WIDEST), titles, plain=plain))


def _columns(rows: list[Row], column: int, titles: tuple[str, str], *, plain: bool) -> Iterator[Text]:
    yield _line(Text(titles[0], "bold"), "", Text(titles[1], "bold"), column)
    yield _line(Text("─" * column, "dim"), "", Text("─" * column, "dim"), column)
    for row in rows:
        left, right = row.spans
        number = f"{row.number}" if row.number else ""
        yield _line(
            _side(row.left, column, left, "red", row), number, _side(row.right, column, right, "green", row), column
        )
        if plain and (left or right):
            yield _line(Text(_carets(left, column)), "", Text(_carets(right, column)), column)


def _stacked(rows: list[Row], width: int, titles: tuple[str, str]) -> Iterator[Text]:
    room = max(width - 4, 8)
    yield Text(f"- {titles[0]}", "red")
    yield Text(f"+ {titles[1]}", "green")
    yield Text("─" * min(width, _WIDEST), "dim")
    for row in rows:
        left, right = row.spans
        if row.number is None:
            same = row.left if row.left == row.right else f"{row.left}: {row.right}"
            yield Text("    ") + _side(same, room, [], "", row)
            continue
        if row.left:
            yield Text(f"{row.number} - ") + _side(row.left, room, left, "red", row)
        if row.right:
            yield Text(f"{row.number} + ") + _side(row.right, room, right, "green", row)


def _side(text: str, room: int, spans: list[Span], style: str, row: Row) -> Text:
    """Give one side of a row, cut to ``room`` columns, with its changed parts in ``style``."""
    side = Text(text if len(text) <= room else f"{text[: room - 1]}…", "" if row.number else "dim")
    for start, end in spans:
        side.stylize(f"bold {style}", start, min(end, room))
    return side


def _line(left: Text, middle: str, right: Text, column: int) -> Text:
    left.pad_right(column - len(left))
    line = Text(" " * _INDENT) + left + Text(middle.center(_GUTTER), "bold yellow") + right
    line.rstrip()
    return line


def _carets(spans: list[Span], room: int) -> str:
    marks = [" "] * room
    for start, end in spans:
        for place in range(start, min(end, room)):
            marks[place] = "^"
    return "".join(marks).rstrip()


def _offsets(tokens: list[str], first: int, last: int) -> Span | None:
    """Give where the tokens ``first`` to ``last`` stand in their text; None where that is nothing."""
    start = sum(map(len, tokens[:first]))
    end = start + sum(map(len, tokens[first:last]))
    return (start, end) if end > start else None


# -- why


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a row differs: what happened, and which rule did it."""

    number: int
    name: str
    what: str
    rule: str


def reasons(rows: Sequence[Row], rewritten: Rewritten, file: str) -> list[Reason]:
    """Give the reason for each row that differs, in the words of the pipeline's notes where it has any.

    ``file`` is the rules file's name.
    """
    decision = rewritten.decision
    route = decision.why[-1] if decision.why else ""
    line = decision.upstream.provider.line if decision.upstream else 0
    base = f"base_url of {decision.provider} ({file}:{line})"
    notes = {("header:host" if note.kind == "routed" else note.where): note for note in rewritten.notes}
    glosses = {
        _SUBJECT: Reason(0, "path", _JOINED, base),
        "header:host": Reason(0, "host", "", route),
        "header:accept-encoding": Reason(0, "encoding", _UNCOMPRESSED, "Wiremend itself, for every stream"),
    }
    found = []
    for row in rows:
        if row.number is not None:
            note = notes.get(row.where)
            name = row.where.removeprefix("header:").removeprefix("/")
            gloss = glosses.get(row.where, Reason(0, name, "", note.why if note else ""))
            found.append(replace(gloss, number=row.number, what=gloss.what or (note.what if note else "changed")))
    return found


# -- the screen


def make_console(environ: Mapping[str, str]) -> Console:
    """Give the console for stdout. Rich leaves bold and the like in place under NO_COLOR; here it means plain text."""
    if environ.get("NO_COLOR"):
        return Console(highlight=False, color_system=None)
    return Console(highlight=False)


def hang(console: Console, first: Text, body: Text) -> None:
    """Print a paragraph that is wrapped beside ``first``, without white space at the ends of its lines."""
    lines = body.wrap(console, max(console.width - len(first), 8))
    for number, line in enumerate(lines):
        whole = (first if number == 0 else Text(" " * len(first))) + line
        whole.rstrip()
        console.print(whole, soft_wrap=True)


class Stage:
    """Prints the demo, part by part."""

    def __init__(self, console: Console) -> None:
        """Print to this console."""
        self.console = console
        self.plain = console.color_system is None

    def title(self) -> None:
        """Say what this is."""
        self.console.print(
            "[bold]Wiremend demo[/]  Claude Code with a Kimi key. No real key, no network: the proxy in the middle is"
            " real, the two ends are played on this machine."
        )

    def heading(self, text: str) -> None:
        """Begin a part."""
        self.console.print()
        self.console.rule(Text(text, "bold"), align="left", style="dim")

    def base(self, url: str) -> None:
        """Say which base URL the client was given."""
        self.say(Text.assemble("ANTHROPIC_BASE_URL=", (url, "bold")))

    def say(self, text: Text) -> None:
        """Print a paragraph, indented."""
        hang(self.console, Text(" " * _INDENT), text)

    def turned_away(self, request: str, status: int, error: str, complaint: str) -> None:
        """Show a request that failed, and what its user reads."""
        self.say(Text(request))
        self.say(Text.assemble((f"{status} {error}", "red")))
        self.say(Text.assemble(("Claude Code makes of it: ", "dim"), complaint))

    def picture(self, sent: Seen, got: Seen, rewritten: Rewritten, *, shown: Collection[str], file: str) -> None:
        """Show both requests, and the reason for each change."""
        rows = compare(sent, got, shown)
        self.console.print()
        for line in draw(
            rows, self.console.width, ("what left Claude Code", "what reached the provider"), plain=self.plain
        ):
            self.console.print(line, soft_wrap=True)
        self.console.print()
        found = reasons(rows, rewritten, file)
        wide = max((len(reason.name) for reason in found), default=0)
        for reason in found:
            name = Text.assemble(
                " " * _INDENT, (f"{reason.number} ", "bold yellow"), (f"{reason.name:{wide}}  ", "bold")
            )
            hang(self.console, name, Text.assemble(reason.what, (f"\n{reason.rule}" if reason.rule else "", "cyan")))

    def type(self, pieces: Iterable[str]) -> None:
        """Print a text as its pieces come, wrapped between words."""
        room = max(self.console.width - _INDENT, 8)
        column, gap = 0, ""
        for piece in filter(None, pieces):
            word = piece.rstrip()
            if column and column + len(gap + word) > room:
                self.console.out("")
                column, gap = 0, ""
            before = gap if column else " " * _INDENT
            self.console.out(before + word, end="", highlight=False)
            column += len(gap + word)
            gap = piece[len(word) :]
        self.console.out("")

    def receipt(self, first_byte: float, slowest: float, tally: Tally) -> None:
        """Show what the answer cost, and that it was not held back."""
        tokens = f"{tally.input_tokens or 0:,} tokens in, {tally.output_tokens or 0:,} out"
        streamed = f"no event took longer than {_ms(slowest)} from the provider to the client"
        self.say(Text(f"first byte {_ms(first_byte)} · {tokens} · {streamed}", "green"))

    def failed(self, faults: Sequence[str], log: str) -> None:
        """Say what was wrong."""
        self.heading("This is not right")
        for fault in faults:
            hang(self.console, Text("  FAIL  ", "bold red"), Text(fault))
        self.say(Text("What the proxy said:", "dim"))
        self.console.out("\n".join(log.splitlines()[-12:]), highlight=False)
        self.say(Text("If this is a fresh checkout, please report it; `wiremend doctor` looks at this machine."))

    def what_next(self) -> None:
        """Say what to type now."""
        self.heading("Now with your own")
        me = program(sys.argv[0])
        for command, what in (
            ("run -- claude", "Claude Code, or any agent, through it"),
            ("check", "what the rules in force do"),
            ("doctor", "what on this machine could be in the way"),
        ):
            hang(self.console, Text(f"  {me} {command:15}", "bold"), Text(what))
        self.say(Text.assemble("The rules used here: ", str(shipped()), "; README.md says how to write your own."))


def program(argv0: str) -> str:
    """Give the shortest name under which the console script at ``argv0`` can be typed again."""
    script = Path(argv0)
    found = shutil.which("wiremend")
    if script.name != "wiremend" or (found is not None and Path(found).resolve() == script.resolve()):
        return "wiremend"
    near = os.path.relpath(script)
    return argv0 if near.startswith("..") else near


def _ms(seconds: float) -> str:
    return f"{max(seconds * 1000, 1):.0f} ms"
