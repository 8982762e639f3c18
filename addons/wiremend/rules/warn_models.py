"""Models that a rules file names and that its provider surely does not serve, or not for long.

Told of are names that a file writes out: under ``to`` of a route or an alias, under ``default`` and ``preferences``. An
unknown id is legal, for providers add models every week, so this leans to silence. It speaks only of

- a model that the catalogue calls deprecated, with its last day and what replaces it;
- an id that nobody publishes any more (``stands_for``), which is sent as written where the file writes it out;
- an id that another built-in provider is known for, and this one is not;
- a slip of the pen: a known id with other separators or cases, or with one word of it misspelt. Another number is no
  slip but another version.

Nothing is said of a model that the file itself has under ``models:``, nor of a built-in provider that the file has put
on another host. An alias that says just what the catalogue says (``kimi-k2-turbo: moonshot/kimi-k2-turbo-preview``) is
taken for meant.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from wiremend.rules.catalogue import catalogue
from wiremend.rules.providers import builtin_nodes
from wiremend.rules.references import Template
from wiremend.rules.urls import parse_base

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from wiremend.rules.model import Known, Provider
    from wiremend.rules.report import Report
    from wiremend.rules.tree import Node

_SEPARATORS: Final = re.compile(r"[-._ :]+")
_WORD: Final = re.compile(r"[a-z]{4,}")
_SLIPS: Final = 2
"""Letters that may be wrong in a word for it to be a slip."""


def warn_of_models(top: Mapping[str, Node], providers: Mapping[str, Provider], report: Report) -> None:
    """Warn of each model that is named where it is to be asked; ``top`` are the sections of the file."""
    for node, alias in _named(top):
        name, slash, model = str(node.value).partition("/")
        provider = providers.get(name)
        if not slash or not model or provider is None or _is_moved(provider):
            continue
        known = provider.models.get(model)
        said = _of_unknown(provider, model) if known is None else _of_known(provider, model, known, alias)
        if said is not None:
            report.warn(node.mark, said)


def _named(top: Mapping[str, Node]) -> Iterator[tuple[Node, str | None]]:
    """Give the places where a file names what is to be asked, and the alias that says so, where it is one."""
    for route in _items(top.get("routes")):
        yield from ((node, None) for node in _texts(route.mapping.get("to")))
    for alias, node in (top["aliases"].mapping if "aliases" in top else {}).items():
        yield from ((text, alias) for text in _texts(node.mapping.get("to", node)))
    preferences = top.get("preferences")
    if preferences is not None:
        yield from ((node, None) for node in _texts(preferences.mapping.get("router")))
        for choice in _items(preferences.mapping.get("choices", preferences)):
            yield from ((node, None) for node in _texts(choice.mapping.get("models")))
    yield from ((node, None) for node in _texts(top.get("default")))


def _items(node: Node | None) -> list[Node]:
    return node.value if node is not None and isinstance(node.value, list) else []


def _texts(node: Node | None) -> Iterable[Node]:
    return [item for item in (node.items if node is not None else []) if isinstance(item.value, str)]


def _is_moved(provider: Provider) -> bool:
    """Tell whether a provider is none of the built-in ones, or one that the file has put somewhere else."""
    built_in = builtin_nodes().get(provider.name)
    if built_in is None:
        return True
    homes = {_host(str(text.value)) for text in _texts_in(built_in.mapping["base_url"])}
    return not {_host(base.expand({})) for base in provider.bases.values()} <= homes


def _texts_in(node: Node) -> Iterable[Node]:
    return node.mapping.values() or [node]


def _host(base: str) -> str | None:
    """Give a base URL's host, whatever its variables may make of it; None where they alone say it."""
    try:
        return parse_base(Template(base).expand({})).host
    except ValueError:
        return None


def _of_known(provider: Provider, model: str, known: Known, alias: str | None) -> str | None:
    meant = provider.models.get(alias or "")
    if known.own or (meant is not None and meant.stands_for == model):
        return None
    if known.stands_for is not None:
        instead = f"{provider.name}/{known.stands_for}"
        return f"nobody publishes the model {model!r} any more, and it is sent as written; did you mean {instead}?"
    if not known.deprecated:
        return None
    last = f", and its last day is {known.until}" if known.until is not None else ""
    instead = f"; {provider.name}/{known.replaced_by} replaces it" if known.replaced_by is not None else ""
    return f"the model {model!r} of {provider.name!r} is deprecated{last}{instead}"


def _of_unknown(provider: Provider, model: str) -> str | None:
    served = [name for name, one in provider.models.items() if not one.deprecated and one.stands_for is None]
    near = next((name for name in served if is_slip(model, name) or name.endswith(f"/{model}")), None)
    if near is not None:
        return f"{provider.name!r} is not known to have a model {model!r}; did you mean {provider.name}/{near}?"
    if provider.namespaced or not served:
        return None  # it serves anybody's models
    others = [name for name, rows in catalogue().items() if model in rows and name != provider.name]
    if not others:
        return None
    return f"the model {model!r} is known of {' and '.join(map(repr, others))}, and not of {provider.name!r}"


def is_slip(written: str, known: str) -> bool:
    """Tell whether a name is a known one with other separators, other cases or one word misspelt."""
    mine, other = (_SEPARATORS.split(name.lower()) for name in (written, known))
    if "".join(mine) == "".join(other):
        return True
    wrong = [pair for pair in zip(mine, other, strict=False) if pair[0] != pair[1]]
    if len(mine) != len(other) or len(wrong) != 1:
        return False
    one, two = wrong[0]
    if not (_WORD.fullmatch(one) and _WORD.fullmatch(two)) or one.startswith(two) or two.startswith(one):
        return False
    return _distance(one, two) <= _SLIPS


def _distance(one: str, two: str) -> int:
    """Count the letters to put in, take out or change, or pairs to turn round, that make one word of the other."""
    rows = [list(range(len(two) + 1))]
    for at, letter in enumerate(one, 1):
        row = [at]
        for place, other in enumerate(two, 1):
            cost = min(rows[-1][place] + 1, row[-1] + 1, rows[-1][place - 1] + (letter != other))
            if at > 1 and place > 1 and (letter, one[at - 2]) == (two[place - 2], other):
                cost = min(cost, rows[-2][place - 2] + 1)
            row.append(cost)
        rows.append(row)
    return rows[-1][-1]
