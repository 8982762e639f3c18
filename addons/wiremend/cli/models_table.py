"""The table of ``wiremend models``: a block a provider, a line a model, and nothing cut however narrow the terminal."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final

from rich.text import Text

from wiremend.cli.picture import hang

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from wiremend.cli.models import Line
    from wiremend.rules.model import Price

_LEAST: Final = 60
"""Columns from which figures stand in columns; below, a model is a paragraph."""

_HEADS: Final = ("window", "output", "$ in/cached/out")
_REACHED: Final = "*"


def show(lines: Sequence[Line], console: Console, *, is_long: bool) -> None:
    """Print the models, those of one provider together."""
    for provider, group in groupby(lines, key=lambda line: line.provider):
        rows = list(group)
        wires = ", ".join(dict.fromkeys(wire for line in rows for wire in line.wires))
        if console.width >= _LEAST:
            _block(Text.assemble((provider, "bold"), f"  {wires}"), rows, console, is_long=is_long)
        else:
            hang(console, Text(""), Text.assemble((provider, "bold"), f"  {wires}"))
            for line in rows:
                body = Text.assemble((line.id, _style(line)), f"  {_sentence(line)}")
                hang(console, Text(f"{_mark(line)} "), body)
                _sources(line, console, is_long=is_long)
        console.print()
    hang(console, Text(""), Text(_count(lines)))


def _block(head: Text, rows: Sequence[Line], console: Console, *, is_long: bool) -> None:
    """Print a provider's models with their figures in columns; what none of them has takes no room."""
    figures = [
        (_tokens(line.known.context_window), _tokens(line.known.max_output), _price(line.known.price)) for line in rows
    ]
    columns = [
        (title, max(len(title), *map(len, values)))
        for title, values in zip(_HEADS, zip(*figures, strict=True), strict=True)
        if any(values)
    ]
    kept = [at for at, values in enumerate(zip(*figures, strict=True)) if any(values)]
    beside = sum(width + 2 for _, width in columns) + 2
    wide = min(max(len(head), *(len(line.id) for line in rows)), console.width - beside)
    titles = "".join(f"  {title:>{width}}" for title, width in columns)
    if len(head) <= wide:
        console.print(head + Text(" " * (wide + 2 - len(head)) + titles, "dim"), soft_wrap=True)
    else:
        hang(console, Text(""), head)
        console.print(Text(" " * (wide + 2) + titles, "dim"), soft_wrap=True)
    for line, own in zip(rows, figures, strict=True):
        values = "".join(f"  {own[at]:>{width}}" for at, (_, width) in zip(kept, columns, strict=True))
        _row(line, wide, values, console)
        _sources(line, console, is_long=is_long)


def _row(line: Line, wide: int, values: str, console: Console) -> None:
    first = Text.assemble(f"{_mark(line)} ", (f"{line.id:<{wide}}", _style(line)), values)
    notes = "; ".join(_notes(line))
    room = console.width - len(first) - 2
    if len(line.id) > wide:  # a name that is longer than the terminal is broken, and nothing of it is lost
        hang(console, Text(f"{_mark(line)} "), Text(line.id, _style(line)))
        first = Text(" " * (wide + 2) + values)
    if notes and len(notes) <= room:
        first += Text(f"  {notes}")
        notes = ""
    first.rstrip()
    console.print(first, soft_wrap=True)
    if notes:
        hang(console, Text("      "), Text(notes))


def _mark(line: Line) -> str:
    return _REACHED if line.reached else " "


def _style(line: Line) -> str:
    return "dim" if line.known.deprecated or line.known.stands_for is not None else "default"


def _tokens(count: int | None) -> str:
    return "" if count is None else f"{count:,}"


def _price(price: Price | None) -> str:
    if price is None:
        return ""
    return "/".join("-" if one is None else f"{one:g}" for one in (price.input, price.cached, price.output))


def _notes(line: Line) -> Iterator[str]:
    known = line.known
    if known.stands_for is not None:
        yield f"stands for {known.stands_for}"
    if known.deprecated:
        yield f"deprecated, last day {known.until}" if known.until is not None else "deprecated"
    if known.replaced_by is not None:
        yield f"take {known.replaced_by}"
    if known.wires:
        yield f"{' and '.join(known.wires)} only"
    if known.sampling is not None:
        yield f"sampling {known.sampling}"
    if known.note is not None:
        yield known.note
    if known.own:
        yield "in the rules"


def _sentence(line: Line) -> str:
    known = line.known
    figures = (
        f"{_tokens(known.context_window)} tokens" if known.context_window is not None else "",
        f"{_tokens(known.max_output)} of output" if known.max_output is not None else "",
        f"${_price(known.price)} a million" if known.price is not None else "",
    )
    return "; ".join(part for part in (*figures, *_notes(line)) if part)


def _sources(line: Line, console: Console, *, is_long: bool) -> None:
    for source in line.known.source if is_long else ():
        console.print(Text(f"    {source} ({line.known.read})", "dim"), soft_wrap=True)


def _count(lines: Sequence[Line]) -> str:
    count = f"{len(lines)} model{'' if len(lines) == 1 else 's'}"
    if any(line.reached is not None for line in lines):
        count += f", {sum(bool(line.reached) for line in lines)} of them reached by these rules ({_REACHED})"
    return f"{count}; prices in US dollars for a million tokens; --long tells where a row is from (docs/models.md)."
