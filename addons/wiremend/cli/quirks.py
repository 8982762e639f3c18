"""``wiremend quirks``: what providers get wrong, what is done about it, and where it is on."""

from __future__ import annotations

import json
import os
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

import click
from rich.table import Table
from rich.text import Text

from wiremend.cli.picture import hang, make_console
from wiremend.cli.quirks_page import how_switched, page, where_on
from wiremend.protocols import WIRES
from wiremend.quirks import all_quirks, may_be_named
from wiremend.quirks.base import Quirk
from wiremend.quirks.presets import BUILT_IN, HOSTS
from wiremend.rules.suggest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.console import Console

TABLE: Final = 110
"""Columns from which there is room for the table; below, a quirk takes two lines or more."""

_FEW: Final = 3
_FUNCTIONS: Final = frozenset({"request", "step", "reply", "recorder", "target", "needles"})
_COLOURS: Final = {"always": "green", "preset": "cyan", "condition": "yellow", "explained": "magenta"}


@click.command()
@click.argument("name", required=False)
@click.option("--wire", type=click.Choice(tuple(WIRES)), help="Only those of this wire.")
@click.option("--provider", help="Only those that are on by themselves for this provider, but not for all.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--markdown", is_flag=True, help="Print docs/quirks.md.")
def quirks(name: str | None, wire: str | None, provider: str | None, *, as_json: bool, markdown: bool) -> None:
    """List what providers get wrong; with a NAME (or its number) explain one of it.

    Each of these has a name by which rules.yaml switches it for a provider: quirks: [+NAME, -NAME].
    """
    if markdown:
        click.echo(page(all_quirks()), nl=False)
        return
    console = make_console(os.environ)
    if name is not None:
        found = named(name, all_quirks())
        if as_json:
            click.echo(json.dumps([plain(quirk) for quirk in found], indent=2, ensure_ascii=False))
            return
        for number, quirk in enumerate(found):
            if number:
                console.print()
            explain(quirk, console)
        return
    listed = sieved(all_quirks().values(), wire, provider)
    if as_json:
        click.echo(json.dumps([plain(quirk) for quirk in listed], indent=2, ensure_ascii=False))
    else:
        show(listed, console)


def named(name: str, known: Mapping[str, Quirk]) -> list[Quirk]:
    """Give the quirk of a name, or those of a number. Raises click.UsageError, with what was meant."""
    if name.isascii() and name.isdigit():
        found = [quirk for quirk in known.values() if quirk.number == int(name)]
        if not found:
            last = max(quirk.number for quirk in known.values())
            raise click.UsageError(f"there is no quirk number {name}; the numbers go from 1 to {last}")
        return found
    quirk = known.get(name.lower())
    if quirk is None:
        parts = [whole for whole in known if name and name.lower() in whole][:_FEW]
        meant = f"; did you mean {' or '.join(map(repr, parts))}?" if parts else did_you_mean(name, known, few=0)
        raise click.UsageError(f"there is no quirk {name!r}{meant or '; wiremend quirks lists them'}")
    return [quirk]


def sieved(known: Iterable[Quirk], wire: str | None, provider: str | None) -> list[Quirk]:
    """Give the quirks of a wire, and of a provider's preset. Raises click.UsageError where nobody is called so."""
    preset = None
    if provider is not None:
        preset = BUILT_IN.get(provider.lower(), provider.lower())
        if preset not in HOSTS:
            raise click.UsageError(f"there is no provider {provider!r}{did_you_mean(provider, [*HOSTS, *BUILT_IN])}")
    return [
        quirk
        for quirk in known
        if (wire is None or wire in quirk.wires) and (preset is None or preset in quirk.presets)
    ]


def plain(quirk: Quirk) -> dict[str, Any]:
    """Give what is said of a quirk, as JSON has it."""
    said = {field.name: getattr(quirk, field.name) for field in fields(Quirk) if field.name not in _FUNCTIONS}
    return {**said, "switchable": may_be_named(quirk)}


def show(listed: Sequence[Quirk], console: Console) -> None:
    """Print the list: a table, or where there is no room for one, a paragraph each."""
    if console.width >= TABLE:
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("#", justify="right")
        for title in ("name", "wires", "class"):
            table.add_column(title, no_wrap=title != "wires", max_width=10 if title == "wires" else None)
        table.add_column("presets", max_width=24)
        table.add_column("symptom", ratio=1)
        for quirk in listed:
            kind = Text(quirk.kind, _COLOURS[quirk.kind])
            wires, presets = Text(_wires(quirk)), Text(", ".join(quirk.presets))
            table.add_row(Text(str(quirk.number)), Text(quirk.name, "bold"), wires, kind, presets, Text(quirk.symptom))
        console.print(table)
    else:
        for quirk in listed:
            named_for = f"  {', '.join(quirk.presets)}" if quirk.presets else ""
            said = (f"  {quirk.kind}", _COLOURS[quirk.kind])
            line = Text.assemble((quirk.name, "bold"), f"  {_wires(quirk)}", said, named_for)
            hang(console, Text(f"{quirk.number:>3}  "), line)
            hang(console, Text("     "), Text(quirk.symptom))
    count = f"{len(listed)} quirk{'' if len(listed) == 1 else 's'}"
    console.print()
    hang(
        console, Text(""), Text(f"{count}; wiremend quirks NAME explains one, rules.yaml switches it (docs/quirks.md).")
    )


def explain(quirk: Quirk, console: Console) -> None:
    """Print all that is known of a quirk."""
    title = Text.assemble((f"{quirk.number}  {quirk.name}", "bold"), f"  {_wires(quirk)}, {quirk.side}, ")
    hang(console, Text(""), title + Text(quirk.kind, _COLOURS[quirk.kind]))
    console.print()
    said = (
        ("symptom", quirk.symptom),
        ("who", quirk.who),
        ("mend", quirk.mend),
        ("before", quirk.before),
        ("after", quirk.after),
        ("on", where_on(quirk)),
        ("switch", how_switched(quirk)),
        ("codes", ", ".join(quirk.codes)),
        *(("evidence" if number == 0 else "", link) for number, link in enumerate(quirk.evidence)),
    )
    for label, text in said:
        if text:
            hang(console, Text(f"{label:10}", "bold"), Text(text))


def _wires(quirk: Quirk) -> str:
    return "all" if set(quirk.wires) == set(WIRES) else ", ".join(quirk.wires)
