"""``wiremend captures list``: a table, or where there is no room for one, two lines a capture."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

from wiremend.cli.captures_read import FAILED, Row, moment, size, span
from wiremend.cli.picture import hang
from wiremend.replay.beside import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

TABLE: Final = 132
"""Columns from which there is room for the table."""

SHORT: Final = 8
"""Characters of an id that are shown; the verbs take any beginning of it."""

_LONGEST: Final = 300
_LONGEST_CELL: Final = 60
_TIME: Final = len("12-31 23:59:59")


@dataclass(frozen=True, slots=True)
class Filter:
    """Which captures are wanted. ``since`` is a time in seconds since 1970; globs are in any letter case."""

    client: str | None = None
    model: str | None = None
    failed: bool = False
    mended: bool = False
    since: float | None = None

    def takes(self, row: Row) -> bool:
        """Tell whether a capture is wanted."""
        sent = f"{row.provider}/{row.model}"
        return (
            (self.client is None or _matches(self.client, row.client))
            and (self.model is None or any(_matches(self.model, name) for name in (row.asked, row.model, sent)))
            and (not self.failed or row.is_failed)
            and (not self.mended or bool(row.mended or row.lost))
            and (self.since is None or row.began >= self.since)
        )


def _matches(glob: str, text: str | None) -> bool:
    return text is not None and fnmatch.fnmatchcase(text.lower(), glob.lower())


def show(rows: Sequence[Row], console: Console) -> None:
    """Print the captures, those of each file below its name."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.file if row.number else str(Path(row.file).parent), []).append(row)
    for number, (file, group) in enumerate(groups.items()):
        if number:
            console.print()
        hang(console, Text(""), Text(visible(file), "bold"))
        if console.width >= TABLE:
            console.print(_table(group))
        else:
            for row in group:
                _paragraph(row, console)


def _table(rows: Iterable[Row]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("#", justify="right", no_wrap=True)
    table.add_column("time", no_wrap=True)
    table.add_column("client", max_width=14)
    table.add_column("model asked → sent", ratio=3, overflow="fold")
    table.add_column("wire", no_wrap=True)
    table.add_column("status", no_wrap=True)
    table.add_column("tokens in → out", justify="right", no_wrap=True)
    table.add_column("bytes", justify="right", no_wrap=True)
    table.add_column("took", justify="right", no_wrap=True)
    table.add_column("notes", ratio=4, overflow="fold")
    table.add_column("id", max_width=24, overflow="fold")
    for row in rows:
        table.add_row(
            Text(str(row.number) if row.number else ""),
            Text(moment(row.began)[-_TIME:], "dim"),
            Text(visible(row.client or "unknown")),
            Text(visible(row.way)),
            Text(row.wire or ""),
            _status(row),
            Text(tokens(row)),
            Text(size(row.bytes)),
            Text("" if row.total is None else span(row.total)),
            _codes(row, _LONGEST_CELL),
            _name(row),
        )
    return table


def _paragraph(row: Row, console: Console) -> None:
    first = Text(f"{row.number or '':>3}  ", "bold")
    spent = tokens(row)
    facts = [
        moment(row.began),
        row.wire or "no wire",
        f"{spent} tokens" if spent else "",
        size(row.bytes),
        "" if row.total is None else span(row.total),
    ]
    hang(
        console,
        first,
        Text.assemble(_name(row), visible(f"  {row.client or 'unknown'}  {row.way}")),
    )
    line = Text.assemble(_status(row), "  " + ", ".join(filter(None, facts)))
    hang(console, Text("     "), line)
    said = _codes(row, _LONGEST)
    if said:
        hang(console, Text("     "), said)


def _name(row: Row) -> Text:
    """Give what the verbs take for it: the beginning of its id, or the case's own name."""
    return Text(visible(row.id[:SHORT] if row.number else Path(row.file).name), "cyan")


def _status(row: Row) -> Text:
    tries = f" x{row.attempts}" if row.attempts > 1 else ""
    if row.status is None:
        return Text(f"none{tries}", "red")
    return Text(f"{row.status}{tries}", "red" if row.status >= FAILED else "yellow" if row.is_failed else "green")


def tokens(row: Row) -> str:
    """Say how many tokens went in and came out; nothing where the reply did not say."""
    if row.input_tokens is None and row.output_tokens is None:
        return ""
    given, got = ("?" if count is None else f"{count:,}" for count in (row.input_tokens, row.output_tokens))
    return f"{given} → {got}"


def _codes(row: Row, longest: int) -> Text:
    parts = [
        *(Text(visible(code), "yellow") for code in row.mended),
        *(Text(visible(f"lost {code}"), "magenta") for code in row.lost),
        *(Text(visible(f"failed {code}"), "red") for code in row.failed),
    ]
    if row.error:
        words = visible(" ".join(row.error.split()))
        parts.append(Text(words if len(words) <= longest else f"{words[: longest - 1]}…", "red"))
    return Text(", ").join(parts)
