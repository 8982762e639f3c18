"""The catalogue: what is known of the models of the built-in providers, in ``catalogue.yaml``, a row a model.

It is data that ships with the package, with a source and a date on each row. The shapes of a rules file check it
(:data:`wiremend.rules.schema_models.CATALOGUE`), and :func:`faults` what a shape cannot see; a test runs both. What a
rules file says under ``models:`` goes over it key by key.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final

from wiremend.errors import RulesError
from wiremend.protocols import WIRES
from wiremend.rules.model import Known, Price
from wiremend.rules.report import Report
from wiremend.rules.schema_models import CATALOGUE
from wiremend.rules.tree import Mark, Node, parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wiremend.errors import Problem

FILE: Final = "catalogue.yaml"

type Rows = Mapping[str, Mapping[str, Node]]
"""Providers to their models' ids to the rows."""

_EMPTY: Final = Node({}, Mark(1, 1))


@cache
def catalogue_text() -> str:
    """Give the text of the file."""
    return resources.files("wiremend.rules").joinpath(FILE).read_text("utf-8")


@cache
def catalogue_nodes() -> Rows:
    """Give the rows as nodes, to be overlaid by a file's own."""
    root, problems = parse(catalogue_text(), FILE)
    if problems:  # pragma: no cover - a broken package, not a broken input
        raise RulesError(problems)
    return {provider: node.mapping for provider, node in root.mapping["models"].mapping.items()}


@cache
def catalogue() -> Mapping[str, Mapping[str, Known]]:
    """Give what is known of each built-in provider's models, in the order of the file."""
    return {provider: known_models(rows) for provider, rows in catalogue_nodes().items()}


def known_models(rows: Mapping[str, Node], own: Mapping[str, Node] | None = None) -> dict[str, Known]:
    """Give what is known of a provider's models: ``rows`` of the catalogue, overlaid key by key by a file's ``own``.

    The catalogue's come first. An id that stands for another has that one's sizes, unless it says its own.
    """
    mine = own or {}
    found = {
        model: _known({**rows.get(model, _EMPTY).mapping, **mine.get(model, _EMPTY).mapping}, own=model in mine)
        for model in [*rows, *(model for model in mine if model not in rows)]
    }
    return {model: _sized(known, found) for model, known in found.items()}


def faults(text: str, providers: Mapping[str, tuple[str, ...]], file: str = FILE) -> list[Problem]:
    """Find what is wrong with a catalogue: its shape, and what its rows say of each other.

    ``providers`` are the built-in ones, with the wires that each speaks. Raises :class:`RulesError` where the text is
    no YAML.
    """
    root, problems = parse(text, file)
    report = Report(file, problems)
    if CATALOGUE.check(root, report):
        for provider, rows in root.mapping["models"].mapping.items():
            if provider not in providers:
                report.error(rows.at, f"there is no built-in provider {provider!r}")
                continue
            for model, row in rows.mapping.items():
                for message in _faults(model, row, rows.mapping, providers[provider]):
                    report.error(row.at, f"{provider}/{model}: {message}")
    return report.problems


def _faults(model: str, row: Node, rows: Mapping[str, Node], wires: tuple[str, ...]) -> Iterator[str]:
    keys = row.mapping
    for name in ("replaced_by", "stands_for"):
        other = str(keys[name].value) if name in keys else None
        if other is None:
            continue
        if other not in rows or other == model:
            yield f"{name} names {other!r}, which is no other model of this provider"
        elif "stands_for" in rows[other].mapping:
            yield f"{name} names {other!r}, which stands for another one itself"
        elif name == "replaced_by" and "deprecated" in rows[other].mapping:
            yield f"replaced_by names {other!r}, which is deprecated itself"
    yield from _faults_alone(keys, wires)


def _faults_alone(keys: Mapping[str, Node], wires: tuple[str, ...]) -> Iterator[str]:
    """Find what is wrong with a row by itself."""
    if "replaced_by" in keys and "deprecated" not in keys:
        yield "it is replaced, but not deprecated"
    if "stands_for" in keys and (extra := keys.keys() - {"stands_for", "note", "source", "read"}):
        yield f"it stands for another one, which says {', '.join(sorted(extra))}"
    window, output = (int(str(keys[name].value)) if name in keys else 0 for name in ("context_window", "max_output"))
    if output and output >= window:
        yield "it can write no more than its window holds"
    for wire in keys["wires"].items if "wires" in keys else []:
        if wire.value not in wires:
            yield f"its provider does not speak {wire.value}"


def _known(keys: Mapping[str, Node], *, own: bool) -> Known:
    def text(name: str) -> str | None:
        return str(keys[name].value) if name in keys else None

    def tokens(name: str) -> int | None:
        return int(str(keys[name].value)) if name in keys else None

    deprecated = keys.get("deprecated")
    said = [str(item.value) for item in keys["wires"].items] if "wires" in keys else []
    return Known(
        context_window=tokens("context_window"),
        max_output=tokens("max_output"),
        display_name=text("display_name"),
        price=_price(keys.get("price")),
        wires=tuple(wire for wire in WIRES if wire in said),
        sampling=text("sampling"),
        deprecated=deprecated is not None,
        until=str(deprecated.value) if deprecated is not None and isinstance(deprecated.value, str) else None,
        replaced_by=text("replaced_by"),
        stands_for=text("stands_for"),
        note=text("note"),
        source=tuple(str(item.value) for item in keys["source"].items) if "source" in keys else (),
        read=text("read"),
        own=own,
    )


def _price(node: Node | None) -> Price | None:
    if node is None:
        return None
    dollars = {name: float(str(member.value)) for name, member in node.mapping.items()}
    return Price(dollars["input"], dollars["output"], dollars.get("cached"))


def _sized(known: Known, found: Mapping[str, Known]) -> Known:
    other = found.get(known.stands_for) if known.stands_for is not None else None
    return known if other is None else known.with_sizes_of(other)
