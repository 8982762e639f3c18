"""``wiremend models``: what is known of models, and which of them a rules file can reach."""

from __future__ import annotations

import fnmatch
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from wiremend.cli.models_table import show
from wiremend.cli.picture import make_console
from wiremend.protocols import WIRES
from wiremend.rules.catalogue import catalogue
from wiremend.rules.load import load_rules, read_rules
from wiremend.rules.lookup import find_rules
from wiremend.rules.model import Known
from wiremend.rules.providers import builtin_nodes
from wiremend.rules.suggest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from wiremend.protocols.base import WireName
    from wiremend.rules.model import Price, Rules, Target, When

FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Line:
    """One model. ``wires`` are those that take it; ``reached`` is None where no rules were asked."""

    provider: str
    id: str
    known: Known
    wires: tuple[WireName, ...]
    reached: bool | None = None

    @property
    def name(self) -> str:
        """As rules.yaml writes it."""
        return f"{self.provider}/{self.id}"


@click.command()
@click.argument("filters", nargs=-1, metavar="[FILTER]...")
@click.option("--rules", type=click.Path(path_type=Path), help="Mark what these rules reach, and list what they add.")
@click.option("--long", "is_long", is_flag=True, help="Print source and date of each row as well.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: format, rules, models.")
def models(filters: tuple[str, ...], rules: Path | None, *, is_long: bool, as_json: bool) -> None:
    """List what is known of models: windows, output limits, wires, prices, deprecations.

    A FILTER is a part of PROVIDER/MODEL, or a glob; what fits any of them is listed. No provider is asked: these are
    the rows of Wiremend's own catalogue, each with its source, and with --rules those of the file as well.
    """
    file = None if rules is None else find_rules(rules, os.environ).path
    lines = list(built_in()) if file is None else list(of_rules(_load(file, str(rules))))
    found = sieved(lines, filters)
    if as_json:
        told = {"format": FORMAT, "rules": None if file is None else str(file), "models": [plain(one) for one in found]}
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
        return
    show(found, make_console(os.environ), is_long=is_long)


def _load(path: Path, name: str) -> Rules:
    return load_rules(read_rules(path), name, os.environ, offline=True, loops=False).resolved.rules


def built_in() -> Iterator[Line]:
    """Give the catalogue's rows."""
    for provider, rows in catalogue().items():
        said = [str(item.value) for item in builtin_nodes()[provider].mapping["speaks"].items]
        wires = tuple(sorted((wire for wire in WIRES if wire in said), key=said.index))
        yield from (Line(provider, model, known, known.wires or wires) for model, known in rows.items())


def of_rules(rules: Rules) -> Iterator[Line]:
    """Give what a file knows of models, the catalogue's rows among it, and whether it can reach them.

    What a target names and nobody knows is a row without figures.
    """
    ways = list(_ways(rules))
    for provider in rules.providers.values():
        named = [one.model for one, _ in ways if one.provider == provider.name and one.model is not None]
        by_name = bool(provider.line) and all(
            one.provider != provider.name for way in rules.ways for one in way.targets
        )
        rows: dict[str, Known | None] = {**provider.models, **{name: provider.models.get(name) for name in named}}
        for model, known in rows.items():
            row = known if known is not None else Known(own=True)
            reached = by_name or any(_leads(one, when, provider.name, model) for one, when in ways)
            wires = tuple(wire for wire in provider.speaks if not row.wires or wire in row.wires)
            yield Line(provider.name, model, row, wires, reached)


def _ways(rules: Rules) -> Iterator[tuple[Target, When | None]]:
    for way in rules.ways:
        yield from ((target, way.when) for target in way.targets)
    yield from ((alias.target, None) for alias in rules.aliases.values())
    if rules.default is not None:
        yield rules.default, None


def _leads(target: Target, when: When | None, provider: str, model: str) -> bool:
    """Tell whether a destination is a model, or keeps a name by which a client may ask for it."""
    if target.provider != provider:
        return False
    if target.model is not None:
        return target.model == model
    globs = when.model if when is not None else ()
    names = (model, f"{provider}/{model}")
    return not globs or any(glob is not None and glob.matches(name) for glob in globs for name in names)


def sieved(lines: Sequence[Line], filters: Sequence[str]) -> list[Line]:
    """Give the models that fit any of the filters. Raises click.UsageError for a filter that nothing fits."""
    found: set[str] = set()
    for text in filters:
        fits = {line.name for line in lines if _fits(line.name.lower(), text.lower())}
        if not fits:
            meant = did_you_mean(text, [*(line.id for line in lines), *(line.provider for line in lines)], few=0)
            raise click.UsageError(f"no model is known by {text!r}{meant or '; without a FILTER all are listed'}")
        found |= fits
    return [line for line in lines if not filters or line.name in found]


def _fits(name: str, text: str) -> bool:
    return fnmatch.fnmatchcase(name, text) if any(sign in text for sign in "*?[") else text in name


def plain(line: Line) -> Mapping[str, Any]:
    """Give what is known of a model, as JSON has it."""
    known = line.known
    return {
        "provider": line.provider,
        "id": line.id,
        "context_window": known.context_window,
        "max_output": known.max_output,
        "display_name": known.display_name,
        "wires": list(line.wires),
        "sampling": known.sampling,
        "deprecated": known.deprecated,
        "until": known.until,
        "replaced_by": known.replaced_by,
        "stands_for": known.stands_for,
        "price": None if known.price is None else _price(known.price),
        "note": known.note,
        "source": list(known.source),
        "read": known.read,
        "own": known.own,
        "reached": line.reached,
    }


def _price(price: Price) -> dict[str, float | None]:
    return {"input": price.input, "cached": price.cached, "output": price.output}
