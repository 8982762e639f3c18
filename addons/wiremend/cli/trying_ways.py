"""What ``wiremend try`` can try: every place that the rules lead to, and rules that lead to just these places.

A route may ask for what nobody can make up (a key that begins so, a header of an agent). So the proxy of a try gets
the user's file with another way in: routes, aliases and ``default`` give way to one alias a place, ``wiremend-try-1``
and so on; ``expect`` and ``listen`` speak of what is not there then, and a try is no call to write down or to alert
people of. Providers, edits, quirks, limits and ``mend`` stay as they are, and with them all that happens to a request
that has been decided.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from wiremend.errors import RulesError, SetupError
from wiremend.families import looks_like_credential, scrubbed
from wiremend.rules.compile import compile_rules
from wiremend.rules.model import Target, When
from wiremend.rules.plano.source import rules_tree
from wiremend.rules.resolve import resolve
from wiremend.rules.suggest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from wiremend.protocols.base import WireName
    from wiremend.rules.model import Provider, Rules
    from wiremend.rules.references import Secret
    from wiremend.rules.resolve import Upstream

ALIAS: Final = "wiremend-try-"
_GONE: Final = ("routes", "preferences", "default", "expect", "listen", "alerts")


@dataclass(frozen=True, slots=True)
class Way:
    """One place to try. ``model`` is None where the rules name none; ``by`` says what in the rules leads there."""

    provider: str
    model: str | None
    wire: WireName
    by: tuple[str, ...] = ()

    @property
    def target(self) -> str:
        """Give it as written in rules.yaml."""
        return str(Target(self.provider, self.model))


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether a provider can be asked: its upstream, and what stands in the way.

    ``problem`` is an error of the rules or the machine; ``keyless`` says that the rules pass a client's own credential
    on, and that there is none here.
    """

    upstream: Upstream | None
    problem: str = ""
    keyless: str = ""


def ways_of(rules: Rules) -> tuple[Way, ...]:
    """Give every provider, model and wire that routes, aliases and ``default`` lead to, in the order of the file."""
    found: dict[tuple[str, str | None, WireName], list[str]] = {}
    for target, when, by in _leads(rules):
        provider = rules.providers.get(target.provider)
        if provider is None:
            continue
        for model in _models(target, when, provider):
            for wire in (wire for wire in provider.speaks if not when.wire or wire in when.wire):
                found.setdefault((provider.name, model, wire), []).append(by)
    named = {(provider, wire) for provider, model, wire in found if model is not None}
    return tuple(
        Way(*place, tuple(dict.fromkeys(by)))
        for place, by in found.items()
        if place[1] is not None or (place[0], place[2]) not in named
    )


def ways_to(asked: str, rules: Rules) -> tuple[Way, ...]:
    """Give the ways to ``provider/model``, to a provider's first known model, or to what an alias stands for.

    Raises :class:`SetupError` where there is no such provider, or no model is known of it.
    """
    if looks_like_credential(asked):
        raise SetupError("this looks like a key, and a key does not belong on a command line; nothing was sent")
    alias = rules.aliases.get(asked)
    name, _, model = (str(alias.target) if alias else asked).partition("/")
    provider = rules.providers.get(name)
    if provider is None:
        meant = did_you_mean(name, rules.providers)
        raise SetupError(f"there is no provider {name!r}{meant}; write PROVIDER/MODEL, as in rules.yaml")
    by = f"alias {alias.name}" if alias else "as named"
    known = [way.model for way in ways_of(rules) if way.provider == name and way.model is not None]
    chosen = model or next(iter([*known, *provider.models]), None)
    if chosen is None:
        raise SetupError(f"the rules name no model of {name!r}; say which: wiremend try {name}/MODEL")
    return tuple(Way(name, chosen, wire, (by,)) for wire in provider.speaks)


def rules_for(text: str, file: str, ways: Sequence[Way]) -> str:
    """Give rules in which the alias ``wiremend-try-N`` stands for the Nth way, counted from 1; JSON, which is YAML.

    Raises :class:`RulesError` where the text is no YAML, or a Plano file that is not sound.
    """
    root, _ = rules_tree(text, file)
    plain = root.plain()
    kept = {key: value for key, value in plain.items() if key not in _GONE} if isinstance(plain, dict) else {}
    aliases = {f"{ALIAS}{number}": way.target for number, way in enumerate(ways, 1)}
    return json.dumps({**kept, "aliases": aliases, "capture": "off", "ledger": "off"}, ensure_ascii=False, indent=1)


def readiness(
    text: str, file: str, way: Way, environ: Mapping[str, str], cache: dict[str, Secret] | None = None
) -> Readiness:
    """Find out whether a provider can be asked as things are; its credential is resolved, nothing is sent."""
    try:
        rules, _ = compile_rules(rules_for(text, file, [replace(way, model=way.model or "any")]), file)
    except RulesError as error:
        return Readiness(None, error.problems[0].message)
    resolved, problems = resolve(rules, environ, loops=False, cache=cache)
    wrong = [problem.message for problem in problems if problem.severity == "error"]
    upstream = resolved.upstreams.get(way.provider)
    if upstream is None:
        return Readiness(None, wrong[0] if wrong else "it has no usable base_url")
    provider = upstream.provider
    if provider.auth.get(way.wire) != "none" and provider.keys and upstream.secret is None:
        why = upstream.unresolved or "the rules name `key: client` alone: a client's own key, and `try` has none"
        return Readiness(upstream, keyless=scrubbed(why))
    return Readiness(upstream, wrong[0] if wrong else "")


def _leads(rules: Rules) -> Iterator[tuple[Target, When, str]]:
    for route in rules.ways:
        by = route.label if route.label.startswith(("route ", "preference ")) else f"route {route.label!r}"
        yield from ((target, route.when, by) for target in route.targets)
    for alias in rules.aliases.values():
        yield alias.target, When(), f"alias {alias.name}"
    if rules.default is not None:
        yield rules.default, When(), "default"
    if rules.preferences is not None and rules.preferences.router is not None:
        yield rules.preferences.router, When(wire=("chat",)), "router of the preferences"


def _models(target: Target, when: When, provider: Provider) -> Sequence[str | None]:
    """Give the models to try where a target leads: its own, those that the route names, or the first that fits."""
    if target.model is not None:
        return (target.model,)
    globs = [glob for glob in when.model if glob is not None]
    prefix = f"{provider.name}/"
    named = [glob.text.removeprefix(prefix) for glob in globs if glob.literal]
    if named:
        return named
    fits = (
        model
        for model in provider.models
        if not globs or any(glob.matches(model) or glob.matches(prefix + model) for glob in globs)
    )
    return (next(fits, None),)
