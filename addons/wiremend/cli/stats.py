"""``wiremend stats``: what the ledger says of calls, as a table: how many, their errors, tokens and times."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any, Final

import click
from rich.table import Table
from rich.text import Text

from wiremend.cli.captures_read import span
from wiremend.cli.picture import hang, make_console
from wiremend.errors import CredentialError, SetupError
from wiremend.ledger.addresses import embedded, sink_of
from wiremend.ledger.stats import BY, By, Sum, read, summed
from wiremend.replay.beside import visible
from wiremend.rules.load import load_rules, read_rules
from wiremend.rules.lookup import find_rules, state_folder
from wiremend.rules.model import Ledger, LedgerSink, Rules
from wiremend.rules.references import Template, parse_reference
from wiremend.rules.resolve_keeps import resolve_keeps
from wiremend.rules.sinks import check_sink, is_reference
from wiremend.rules.units import parse_duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from wiremend.ledger.sink import Sink
    from wiremend.rules.references import Reference, Secret

FORMAT: Final = 1
TABLE: Final = 150
"""Columns from which there is room for the table; below, a group takes three lines."""

_MANY: Final = 10_000
_MILLION: Final = 1_000_000
_MICROSECONDS: Final = 1_000_000
_READABLE: Final = ("sqlite:", "postgresql:")


@click.command()
@click.option("--since", default="24h", show_default=True, metavar="AGE", help="The newest only: 30m, 24h, 7d; or all.")
@click.option("--by", default="provider,model", show_default=True, metavar="NAMES", help=f"Of {', '.join(BY)}.")
@click.option(
    "--ledger", metavar="ADDRESS", help="sqlite:PATH, or a reference ($NAME, ...) to a postgresql:// address."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def stats(since: str, by: str, ledger: str | None, *, as_json: bool) -> None:
    """Sum up calls: how many, errors, tokens, time to the first byte and in all, retries and fallbacks.

    It reads the first database that `ledger` in the rules in force names, unless --ledger gives another. NAMES are
    joined by commas: --by day,client.
    """
    start, names = _start(since), _names(by)
    sink = _sink(ledger)
    try:
        groups, every = summed(read(sink, start), names)
    except LookupError:
        groups, every = [], Sum(())
        missing = True
    else:
        missing = False
    if as_json:
        told = {"format": FORMAT, "ledger": sink.name, "since": start, "by": list(names)}
        sums = {"groups": [plain(one, names) for one in groups], "all": plain(every, ())}
        click.echo(json.dumps({**told, **sums}, indent=2))
        return
    console = make_console(os.environ)
    if groups:
        show(groups, every, names, console)
        console.print()
    hang(console, Text(""), Text(_told(sink, every, since, missing=missing)))


def plain(group: Sum, by: Sequence[By]) -> dict[str, Any]:
    """Give a sum as JSON has it."""
    return {
        **dict(zip(by, group.names, strict=True)),
        "calls": group.calls,
        "errors": group.errors,
        "input_tokens": group.input_tokens,
        "cached_tokens": group.cached_tokens,
        "output_tokens": group.output_tokens,
        "reasoning_tokens": group.reasoning_tokens,
        **group.percentiles(),
        "retries": group.retries,
        "fallbacks": group.fallbacks,
    }


def show(groups: Sequence[Sum], every: Sum, by: Sequence[By], console: Console) -> None:
    """Print the groups, and all of them together where there are several."""
    more = [every] if len(groups) > 1 else []
    if console.width >= TABLE:
        console.print(_table(groups, more, by))
        return
    for number, group in enumerate([*groups, *more]):
        if number:
            console.print()
        _paragraph(group, "all" if group is every else _name(group), console)


# -- what is asked


def _start(text: str) -> float:
    if text.strip() == "all":
        return 0.0
    seconds = parse_duration(text.strip())
    if seconds <= 0:
        raise click.UsageError(f"--since {text}: write an age such as 30m, 24h or 7d; or all")
    return time.time() - seconds


def _names(text: str) -> tuple[By, ...]:
    asked = [name.strip() for name in text.split(",")]
    found = tuple(name for name in BY if name in asked)
    if len(found) != len(asked):
        raise click.UsageError(f"--by {text}: write some of {', '.join(BY)}, each once, with commas between")
    return tuple(sorted(found, key=asked.index))


def _sink(ledger: str | None) -> Sink:
    """Give the ledger to read. Raises SetupError."""
    address = _own() if ledger is None else _asked(ledger)
    try:
        return sink_of(address, state_folder(os.environ))
    except ValueError as error:
        raise SetupError(f"the ledger cannot be read: {error}") from None


def _asked(text: str) -> str:
    """Give the address that was asked for; one with a password in clear does not stand in arguments (G8)."""
    if text.lower().startswith("sqlite:"):
        return text
    try:
        check_sink(text)
    except ValueError as error:
        raise click.UsageError(f"--ledger: {error}") from None
    kept = is_reference(text)
    sink = LedgerSink(None, parse_reference(text)) if kept else LedgerSink(Template(text))
    return _resolved(sink)


def _own() -> str:
    """Give the first database of the rules in force; nothing else that they refer to is resolved."""
    found = find_rules(None, os.environ)
    rules = load_rules(read_rules(found.path), str(found.path), os.environ, offline=True, loops=False).resolved.rules
    if not rules.ledger.on:
        raise SetupError(f"{found.path} says `ledger: off`, so there is none; --ledger reads another")
    for sink in rules.ledger.sinks:
        address = _resolved(sink)
        if address.startswith(_READABLE):
            return address
    if rules.ledger.sinks:
        raise SetupError(f"the ledger of {found.path} has no database that can be read; --ledger reads another")
    return embedded(state_folder(os.environ))


def _resolved(sink: LedgerSink) -> str:
    """Give the address of one sink. Raises SetupError where its variable or reference does not resolve."""
    told: list[str] = []

    def fetch(references: tuple[Reference, ...]) -> tuple[Secret | None, str | None, str | None]:
        (reference,) = references
        try:
            return reference.resolve(os.environ), reference.text, None
        except CredentialError as error:
            return None, None, str(error)

    def tell(_: int, message: str) -> None:
        told.append(message)

    rules = Rules(file="", hash="", providers={}, ledger=Ledger(sinks=(sink,)))
    found = resolve_keeps(rules, os.environ, fetch, tell).ledger
    if not found:
        raise SetupError(told[0] if told else "the ledger has no address")
    return found[0]


# -- what is shown


def _told(sink: Sink, every: Sum, since: str, *, missing: bool) -> str:
    if missing:
        return (
            f"There is no ledger at {sink.name} yet: the first call through a proxy begins it."
            " wiremend run and wiremend proxy start one."
        )
    when = "" if since.strip() == "all" else f" in the last {since.strip()}"
    if not every.calls:
        return f"No calls{when} in {sink.name}.{'' if not when else ' --since 7d, or --since all, looks further back.'}"
    return f"{every.calls:,} call{'' if every.calls == 1 else 's'}{when}, from {sink.name}."


def _table(groups: Sequence[Sum], more: Sequence[Sum], by: Sequence[By]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in by:
        table.add_column(name, overflow="fold", max_width=32)
    for title in (
        "calls", "errors", "in", "cached", "out", "reasoning", "first byte p50", "p95", "p99", "took p50", "p95",
        "retries", "fallbacks",
    ):  # fmt: skip
        table.add_column(title, justify="right", no_wrap=True)
    for group in groups:
        table.add_row(*(Text(visible(name or "-")) for name in group.names), *_cells(group))
    for group in more:
        table.add_row(*(Text("all" if not number else "") for number in range(len(by))), *_cells(group), style="bold")
    return table


def _cells(group: Sum) -> list[Text]:
    times = group.percentiles()
    return [
        Text(f"{group.calls:,}"),
        _errors(group),
        *(
            Text(_short(count))
            for count in (group.input_tokens, group.cached_tokens, group.output_tokens, group.reasoning_tokens)
        ),
        *(Text("-" if value is None else _span(value)) for value in times.values()),
        Text(f"{group.retries:,}", "yellow" if group.retries else ""),
        Text(f"{group.fallbacks:,}", "yellow" if group.fallbacks else ""),
    ]


def _paragraph(group: Sum, name: str, console: Console) -> None:
    times = {key: "-" if value is None else _span(value) for key, value in group.percentiles().items()}
    hang(console, Text(""), Text.assemble((visible(name), "bold"), f"  {group.calls:,} calls, errors ", _errors(group)))
    tokens = (
        f"{_short(group.input_tokens)} in ({_short(group.cached_tokens)} cached), {_short(group.output_tokens)} out"
    )
    again = f"{group.retries:,} retries, {group.fallbacks:,} fallbacks"
    hang(console, Text("  "), Text(f"{tokens} ({_short(group.reasoning_tokens)} reasoning); {again}"))
    first = f"first byte {times['first_byte_p50']} p50, {times['first_byte_p95']} p95, {times['first_byte_p99']} p99"
    hang(console, Text("  "), Text(f"{first}; took {times['total_p50']} p50, {times['total_p95']} p95"))


def _name(group: Sum) -> str:
    return "  ".join(name or "-" for name in group.names)


def _errors(group: Sum) -> Text:
    share = f" ({group.errors / group.calls:.0%})" if group.errors else ""
    return Text(f"{group.errors:,}{share}", "red" if group.errors else "")


def _short(count: int) -> str:
    if count < _MANY:
        return f"{count:,}"
    if count < _MILLION:
        return f"{count / 1000:.0f}k"
    return f"{count / _MILLION:,.1f}M"


def _span(seconds: float) -> str:
    return span(round(seconds * _MICROSECONDS))
