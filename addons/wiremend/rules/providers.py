"""Providers: the built-in ones, overlaid key by key with the file's own.

``builtin.yaml`` has the form of rules.yaml's own ``providers``, so both go through the same shapes and the same code;
a key that the file gives replaces the built-in one whole. Only ``models`` are put together: the catalogue's rows
(:mod:`wiremend.rules.catalogue`), and over them, key by key, the file's own.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from wiremend.errors import RulesError
from wiremend.families import CREDENTIAL_HEADERS, looks_like_credential
from wiremend.protocols import WIRES
from wiremend.rules.catalogue import catalogue_nodes, catalogue_text, known_models
from wiremend.rules.compile_keeps import compile_limits
from wiremend.rules.model import HeaderEdit, Limits, Provider
from wiremend.rules.references import Template, parse_reference
from wiremend.rules.report import Report
from wiremend.rules.schema import PROVIDER
from wiremend.rules.suggest import did_you_mean
from wiremend.rules.switches import setting_of
from wiremend.rules.tree import Mark, parse
from wiremend.rules.urls import parse_base

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wiremend.protocols.base import WireName
    from wiremend.rules.model import Auth
    from wiremend.rules.tree import Node


@cache
def _providers_text() -> str:
    return resources.files("wiremend.rules").joinpath("builtin.yaml").read_text("utf-8")


@cache
def builtin_text() -> str:
    """Give the text of all that is built in, the providers' file and the catalogue of their models, for a hash."""
    return f"{_providers_text()}\0{catalogue_text()}"


@cache
def builtin_nodes() -> Mapping[str, Node]:
    """Give the built-in providers as nodes, to be overlaid by a file's own."""
    root, problems = parse(_providers_text(), "builtin.yaml")
    if problems:  # pragma: no cover - a broken package, not a broken input
        raise RulesError(problems)
    return root.mapping["providers"].mapping


@cache
def builtin_hosts() -> frozenset[str]:
    """Give the hosts of the built-in providers, which are known whatever a file makes of the providers."""
    bases = (node.mapping["base_url"] for node in builtin_nodes().values())
    texts = (base for node in bases for base in ([*node.mapping.values()] or [node]))
    return frozenset(parse_base(Template(str(text.value)).expand({})).host for text in texts)


def compile_providers(own: Mapping[str, Node], report: Report, limits: Limits = Limits()) -> dict[str, Provider]:  # noqa: B008 - a frozen value
    """Compile the built-in providers and the file's own; what is broken is left out, and reported.

    ``limits`` are those of the file, which a provider's own change key by key.
    """
    found: dict[str, Provider] = {}
    for name in [*builtin_nodes(), *(name for name in own if name not in builtin_nodes())]:
        mine = own.get(name)
        check_headers(mine.mapping.get("headers") if mine else None, report)
        if mine is not None and not PROVIDER.check(mine, Report(report.file)):
            continue  # the shapes have reported it
        provider = _provider(name, builtin_nodes().get(name), mine, limits, report)
        if provider is not None:
            found[name] = provider
    return found


def _provider(name: str, builtin: Node | None, mine: Node | None, limits: Limits, report: Report) -> Provider | None:
    own = mine.mapping if mine else {}
    merged = {**(builtin.mapping if builtin else {}), **own}
    base = merged.get("base_url")
    if base is None:
        known = did_you_mean(name, builtin_nodes())
        at = mine.at if mine else Mark(1, 1)
        report.error(at, f"the provider {name!r} is not built in, so it needs a base_url{known}")
        return None
    speaks = _speaks(own, merged, base)
    bases = _bases(base)
    for wire in speaks:
        if wire not in bases:
            report.error(base.at, f"the provider {name!r} speaks {wire}, but its base_url names none for it")
    key = merged.get("key")
    return Provider(
        name=name,
        bases=bases,
        speaks=speaks,
        auth=_auth(merged.get("auth")),
        keys=tuple(parse_reference(str(item.value)) for item in key.items) if key is not None else (),
        key_given="key" in own,
        headers=compile_headers(merged.get("headers")),
        models=known_models(catalogue_nodes().get(name, {}), own["models"].mapping if "models" in own else {}),
        quirks=setting_of(merged.get("quirks")),
        mend=merged["mend"].value != "off" if "mend" in merged else None,
        websocket=_websocket(own, merged),
        limits=compile_limits(merged.get("limits"), limits, report),
        line=mine.at.line if mine else 0,
    )


def _bases(base: Node) -> dict[WireName, Template]:
    if base.mapping:
        return {wire: Template(str(base.mapping[wire].value)) for wire in WIRES if wire in base.mapping}
    return dict.fromkeys(WIRES, Template(str(base.value)))


def _speaks(own: Mapping[str, Node], merged: Mapping[str, Node], base: Node) -> tuple[WireName, ...]:
    """Give the wires in the order of the file: as said, else those that have a base of their own, else all."""
    if "speaks" not in own and "base_url" in own and base.mapping:
        said = list(base.mapping)
    elif "speaks" in merged:
        said = [str(item.value) for item in merged["speaks"].items]
    else:
        said = list(WIRES)
    return tuple(sorted((wire for wire in WIRES if wire in said), key=said.index))


def _websocket(own: Mapping[str, Node], merged: Mapping[str, Node]) -> bool:
    """Tell whether it has WebSockets; what is built in is true of the built-in URL only."""
    said = own if "base_url" in own else merged
    return "websocket" in said and said["websocket"].value is True


def _auth(node: Node | None) -> dict[WireName, Auth]:
    styles: dict[WireName, Auth] = {name: wire.auth for name, wire in WIRES.items()}
    for wire in WIRES:
        given = node.mapping.get(wire) if node is not None and node.mapping else node
        match given.value if given else None:
            case "bearer" | "x-api-key" | "none" as style:
                styles[wire] = style
    return styles


def check_headers(node: Node | None, report: Report) -> None:
    """Report what a shape cannot see in ``headers``: one header twice, a literal where credentials travel."""
    seen: dict[str, Node] = {}
    for name, value in (node.mapping if node else {}).items():
        first = seen.setdefault(name.lower(), value)
        if first is not value:
            line = first.at.line
            report.error(value.at, f"the header {name!r} stands here a second time, whatever its case; see line {line}")
        elif name.lower() in CREDENTIAL_HEADERS and isinstance(value.value, str) and not _refers(value.value):
            message = f"the header {name!r} carries a credential; write a reference such as $NAME, or use `key`"
            report.error(value.mark, message)


def _refers(text: str) -> bool:
    """Tell whether a header's value is fit for a credential; what looks like one has been reported by the shapes."""
    return bool(Template(text).names) or looks_like_credential(text)


def compile_headers(node: Node | None) -> tuple[HeaderEdit, ...]:
    """Compile a sound ``headers`` mapping."""
    edits: dict[str, HeaderEdit] = {}
    for name, value in (node.mapping if node else {}).items():
        if isinstance(value.value, list):
            edit = HeaderEdit(name, drop=tuple(str(item.mapping["drop"].value) for item in value.value))
        else:
            edit = HeaderEdit(name, None if value.value is None else Template(str(value.value)))
        edits.setdefault(name.lower(), edit)
    return tuple(edits.values())
