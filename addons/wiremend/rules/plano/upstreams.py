"""Which providers of rules.yaml the models of a Plano file make, and what is written of each.

Models of one prefix that are asked in the same way are one provider, of the prefix's name. Those of it that have
another key, URL or header are another provider: of the ``name`` that the file gives, else ``PREFIX-2`` and so on.

Where a provider's URL is that of one of our built-in providers, that one's wires, credentials' forms and models are
known, and are taken over; all else is spoken to on the wires that Plano would.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import chain, count
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from wiremend.protocols import WIRES
from wiremend.rules.checks import PROVIDER_PATTERN
from wiremend.rules.plano.shapes import is_true
from wiremend.rules.plano.vendors import (
    AZURE_PATH,
    AZURE_QUERY,
    KIMI_AGENT,
    KIMI_HOST,
    QWEN_PATH,
    VENDORS,
    at_home,
    base_of,
    builtins,
    is_builtin,
)
from wiremend.rules.references import Template
from wiremend.rules.urls import parse_base

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wiremend.protocols.base import WireName
    from wiremend.rules.model import Known, Provider
    from wiremend.rules.plano.read import Entry
    from wiremend.rules.report import Report

_DOCKER = "host.docker.internal"


@dataclass(slots=True)
class Upstream:
    """A provider to be written: its name, and the models of the file that it serves, the first of them in front.

    ``home`` is the built-in provider that it is, or None; ``url`` is where it is, None where ``home`` says so.
    """

    name: str
    entries: list[Entry]
    home: Provider | None = None
    url: str | None = None

    @property
    def first(self) -> Entry:
        """The model whose lines of the file are given as those of the provider."""
        return self.entries[0]

    @property
    def overlays(self) -> bool:
        """Tell whether it is the built-in provider of its own name."""
        return self.home is not None and self.home.name == self.name

    @property
    def bases(self) -> str | dict[WireName, str] | None:
        """Where it is, one URL or one per wire; None where the built-in provider of its name says so."""
        if self.home is None:
            return self.url
        if self.overlays and (self.url is None or _is_at(self.url, self.home)):
            return None
        texts = {wire: self.home.bases[wire].text for wire in self.home.speaks}
        return texts if len(set(texts.values())) > 1 else self.url or next(iter(texts.values()))

    @property
    def speaks(self) -> tuple[WireName, ...] | None:
        """The wires to be written; None where the built-in provider of its name says so."""
        if self.home is not None:
            return None if self.overlays else self.home.speaks
        return VENDORS[self.first.interface].wires

    @property
    def auth(self) -> str | dict[WireName, str] | None:
        """How the credential travels; None where that is clear without a word."""
        key = is_true(self.first.keys.get("passthrough_auth")) or "access_key" in self.first.keys
        if self.home is not None and self.home.needs_credential:
            styles: dict[WireName, str] = {wire: self.home.auth[wire] for wire in self.home.speaks}
            usual = all(WIRES[wire].auth == style for wire, style in styles.items())
            return None if self.overlays or usual else _one(styles)
        if not key:
            return None if self.overlays else "none"
        if self.home is not None:
            return "bearer"
        return _one({wire: WIRES[wire].auth for wire in self.speaks or ()}) if is_builtin(self.name) else None

    @property
    def keys(self) -> list[str]:
        """The references of the built-in provider that it is by another name, where the file gives no key."""
        if self.home is None or self.overlays:
            return []
        return ["client", *(reference.text for reference in self.home.keys)]

    @property
    def models(self) -> Mapping[str, Known]:
        """What is known of its models, where the built-in provider of its name does not say that by itself."""
        if self.home is None or self.overlays:
            return {}
        if self.home.namespaced and self.name != self.first.prefix and any(entry.wild for entry in self.entries):
            return {}  # with ids that have a slash, the prefix of what is asked for would not be taken off
        known = self.home.models
        asked = {entry.model for entry in self.entries}
        return {name: one for name, one in known.items() if name in asked or any(entry.wild for entry in self.entries)}

    def bare(self, taken: Iterable[str]) -> list[str]:
        """Give the bare names that a wildcard stands for: those of known models, but for ``taken`` ones."""
        return [name for name in (self.home.models if self.home is not None else {}) if name not in set(taken)]


def _is_at(url: str, home: Provider) -> bool:
    """Tell whether a URL is at the host and port of a built-in provider."""
    if Template(url).names:
        return False
    there = parse_base(url)
    bases = (base_of(home, wire) for wire in home.speaks)
    return any((base.host, base.port) == (there.host, there.port) for base in bases)


def _one(styles: dict[WireName, str]) -> str | dict[WireName, str]:
    return next(iter(styles.values())) if len(set(styles.values())) == 1 else styles


def upstreams_of(entries: Iterable[Entry], report: Report) -> dict[Entry, Upstream]:
    """Give the provider of each model of a Plano file; what Plano would do otherwise there goes into ``report``."""
    groups: dict[tuple[object, ...], list[Entry]] = {}
    for entry in entries:
        groups.setdefault(_way(entry), []).append(entry)
    prefixes = {entry.prefix for entries in groups.values() for entry in entries}
    by_prefix: dict[str, list[Upstream]] = {}
    for group in groups.values():
        url = _url(group[0])
        by_prefix.setdefault(group[0].prefix, []).append(Upstream("", group, _home(group[0], url), url))
    found: dict[Entry, Upstream] = {}
    taken = set(prefixes)
    for prefix, those in by_prefix.items():
        # Who lives where the prefix says has its name, wherever it stands in the file.
        first = next((one for one in those if _at_its_own(one, prefix)), those[0])
        for one in those:
            one.name = prefix if one is first else _name(one, taken)
            taken.add(one.name)
            found |= dict.fromkeys(one.entries, one)
            _judge(one, report)
    return found


def _way(entry: Entry) -> tuple[object, ...]:
    """Give what of a model belongs to its provider; two with the same are one provider's."""
    headers = entry.keys["headers"].mapping if "headers" in entry.keys else {}
    passes = is_true(entry.keys.get("passthrough_auth"))
    return (
        entry.prefix,
        entry.interface,
        None if passes else entry.text("access_key"),
        passes,
        entry.text("base_url"),
        entry.text("http_host"),
        tuple(sorted((name.lower(), str(value.value)) for name, value in headers.items())),
        entry.model if entry.interface == "azure_openai" else None,
    )


def _url(entry: Entry) -> str | None:
    """Give the URL of a model's provider, as Plano would put its path together; None where a built-in one has it."""
    url = entry.text("base_url")
    if url is None:
        return VENDORS[entry.interface].base
    path = "" if Template(url).names else urlsplit(url).path.strip("/")
    bare, _, query = url.partition("?")
    if entry.interface == "azure_openai":
        root = bare.rstrip("/") if path else f"{bare.rstrip('/')}/{AZURE_PATH}"
        return f"{root}/{entry.model}?{query or AZURE_QUERY}"
    if entry.interface == "qwen" and not path:
        return f"{bare.rstrip('/')}/{QWEN_PATH}"
    as_it_is = path and parse_base(url).version is None and at_home(url) is None
    return f"{url}#" if as_it_is else url  # Plano puts no version behind a path


def _home(entry: Entry, url: str | None) -> Provider | None:
    vendor = VENDORS[entry.interface]
    if vendor.builtin == "ollama" and entry.prefix == "ollama":
        return builtins()["ollama"]  # a program, wherever it runs
    return at_home(url) if url is not None else builtins()[vendor.builtin] if vendor.builtin is not None else None


def _at_its_own(one: Upstream, prefix: str) -> bool:
    vendor = VENDORS.get(prefix)
    return vendor is not None and one.home is not None and one.home.name == vendor.builtin


def _name(one: Upstream, taken: set[str]) -> str:
    """Give a provider's name where its prefix is another's: the one that the file gives it, else one with a number."""
    said = (entry.text("name") for entry in one.entries)
    slugs = (re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-.") for name in said if name is not None)
    numbered = (f"{one.first.prefix}-{number}" for number in count(2))
    names = (name for name in chain(slugs, numbered) if re.fullmatch(PROVIDER_PATTERN, name))
    return next(name for name in names if name not in taken and not is_builtin(name))


def _judge(one: Upstream, report: Report) -> None:
    """Tell what Plano would do by itself there, and Wiremend does not."""
    for entry in one.entries:
        url = entry.keys.get("base_url")
        if url is None or Template(str(url.value)).names:
            continue
        base = parse_base(str(url.value))
        names = {name.lower() for name in (entry.keys["headers"].mapping if "headers" in entry.keys else {})}
        if (base.host == KIMI_HOST or entry.model == "kimi-for-coding") and "user-agent" not in names:
            told = f"Plano sends `User-Agent: {KIMI_AGENT}` there by itself, and Wiremend the client's own"
            report.warn(url.at, f"{told}; if you mean Plano's, say so: headers: {{User-Agent: {KIMI_AGENT}}}")
        if base.host == _DOCKER:
            told = f"{_DOCKER} is what a container calls the machine that it runs on"
            report.warn(url.at, f"{told}; where Wiremend runs in none, write 127.0.0.1")
