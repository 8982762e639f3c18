"""Changes of rules.yaml that may help against a cause; what each does is found by replaying the capture with it."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any, Final

from wiremend.explain.change import Insert, Put
from wiremend.explain.diagnose_model import Candidate
from wiremend.quirks import all_quirks, may_be_named
from wiremend.rules.providers import builtin_nodes
from wiremend.rules.references import Template
from wiremend.rules.urls import authority, locate, parse_base, segments

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from wiremend.explain.change import Step
    from wiremend.explain.diagnose_look import Look
    from wiremend.explain.diagnose_model import Goal
    from wiremend.families import Family
    from wiremend.quirks import Setting

_UNFIT: Final = re.compile(r"[^A-Za-z0-9]+")


def mend_on(look: Look) -> tuple[Step, ...]:
    """Give the steps that turn mending on for the exchange; none where it is on."""
    decision = look.decision
    if decision is None or decision.mend:
        return ()
    provider = decision.provider
    own = look.resolved.rules.providers[provider].mend if provider is not None else None
    return (Put(("mend",), "auto"),) if own is None else (Put(("providers", provider or "", "mend"), "auto"),)


def mending(look: Look) -> Iterator[Candidate]:
    """Turn mending on: for the exchange's provider alone, and for all, where it is off for all."""
    steps = mend_on(look)
    if not steps:
        return
    provider = look.decision.provider if look.decision is not None else None
    if steps[0].path == ("mend",):
        if provider is not None:
            yield Candidate(
                f"`mend: auto` for the provider {provider}", (_provider(provider, "mend", "auto"),), "reply"
            )
        yield Candidate("`mend: auto` for all that has none of its own", steps, "reply")
    else:
        yield Candidate(f"`mend: auto` for the provider {provider}", steps, "reply")


def on_switch(look: Look, names: Sequence[str], goal: Goal) -> Iterator[Candidate]:
    """Switch quirks on for the exchange's provider, and mending with them where that is off.

    Mending alone goes first: much of what a quirk tells of is mended for every provider.
    """
    decision = look.decision
    if decision is None or any(all_quirks()[name].kind == "explained" for name in names):
        return
    steps, about = mend_on(look), names[0] if len(names) == 1 else ""
    wanted = [name for name in names if name not in decision.quirks and may_be_named(all_quirks()[name])]
    for one in mending(look):
        yield Candidate(one.what, one.steps, goal, about)
    if not wanted:
        return
    said = ", ".join(f"+{name}" for name in wanted)
    provider = decision.provider
    if provider is None:
        for one in away_from_host(look, {"quirks": [f"+{name}" for name in wanted]}, f"quirks: [{said}]"):
            yield Candidate(one.what, (*steps, *one.steps), goal, about)
        return
    setting = _with(look.resolved.rules.providers[provider].quirks, wanted)
    extra = " and `mend: auto`" if steps else ""
    yield Candidate(
        f"`{said}` for the provider {provider}{extra}", (_provider(provider, "quirks", setting), *steps), goal, about
    )


def _with(setting: Setting, names: Sequence[str]) -> list[str]:
    """Give a setting with quirks on, as rules.yaml writes it."""
    if setting.only is not None:
        return [*setting.only, *names]
    kept = [*(f"+{one}" for one in setting.on), *(f"-{one}" for one in setting.off if one not in names)]
    return [*kept, *(f"+{name}" for name in names)]


def _provider(name: str, key: str, value: Any) -> Put:  # noqa: ANN401 - any plain value
    return Put(("providers", name, key), value)


def away_from_host(look: Look, settings: Mapping[str, Any], told: str) -> Iterator[Candidate]:
    """Put settings under the exchange's provider; where its host is none, name a provider for it."""
    provider, left = look.provider, look.left
    if provider is not None and provider in look.resolved.rules.providers:
        steps = tuple(_provider(provider, key, value) for key, value in settings.items())
        yield Candidate(f"`{told}` for the provider {provider}", steps, "routing", provider)
        return
    found = locate(left.target) if left is not None else None
    if left is None or found is None or not left.host:
        return
    name = _UNFIT.sub("-", left.host).strip("-").lower()
    root = "/".join(segments(left.target.partition("?")[0])[: found.start])
    place = authority(left.scheme, left.host, left.port)
    base = f"{left.scheme}://{place}/{root}".rstrip("/")
    wires = [look.capture.upstream_wire] if look.capture.upstream_wire else []
    value = {"base_url": base, **({"speaks": wires} if wires else {}), **settings}
    yield Candidate(f"a provider for {left.host}, with `{told}`", (Put(("providers", name), value),), "routing", name)


def key_route(look: Look, family: Family) -> Iterator[Candidate]:
    """Send a family's keys home, in front of all other routes."""
    for name, upstream in look.resolved.upstreams.items():
        wire = look.capture.wire
        if wire is not None and wire not in upstream.provider.speaks:
            continue
        if any(family.at_home(base.host) for base in upstream.bases.values()):
            route = {"name": f"{family.name} keys go home", "when": {"key": f"{family.prefix}*"}, "to": name}
            yield Candidate(
                f"a route that sends {family.prefix}* keys to {name}", (Insert(("routes",), route, first=True),),
                "routing", name,
            )  # fmt: skip
            return


def other_base(look: Look) -> Iterator[Candidate]:
    """Give the provider the base URL that the built-in one at the same host has."""
    provider, wire, left = look.provider, look.capture.upstream_wire, look.left
    if provider is None or left is None or provider not in look.resolved.rules.providers:
        return
    for name, node in builtin_nodes().items():
        base = node.mapping["base_url"]
        url = base.mapping[wire].value if base.mapping and wire in base.mapping else base.value
        if not isinstance(url, str):
            continue
        known = parse_base(Template(url).expand({}))
        if known.host == look.host and known.port == left.port:
            plain = Template(url).expand({})
            yield Candidate(
                f"the base URL of the built-in {name}", (_provider(provider, "base_url", plain),), "routing", provider
            )


def alias_for(look: Look, sent: str | None, said: str) -> Iterator[Candidate]:
    """Give an unknown model's name the nearest one that is known for the provider."""
    provider, asked = look.provider, look.capture.model
    if provider is None or sent is None or asked is None or provider not in look.resolved.rules.providers:
        return
    near = _nearest(sent, _known(look, provider, said) - {sent, asked})
    if near is not None:
        what = f"an alias: {asked} stands for {provider}/{near}"
        yield Candidate(what, (Put(("aliases", asked), f"{provider}/{near}"),), "routing", provider)


def _known(look: Look, provider: str, said: str) -> set[str]:
    """Give the models that the rules, or the provider's own words, name for a provider."""
    rules = look.resolved.rules
    targets = [alias.target for alias in rules.aliases.values()]
    targets += [target for way in rules.ways for target in way.targets]
    targets += [rules.default] if rules.default is not None else []
    found = {one.model for one in targets if one.provider == provider and one.model is not None}
    known = rules.providers[provider].models
    found |= {name for name, one in known.items() if one.stands_for is None and not one.deprecated}
    return found | {word.rstrip(".,:;") for word in re.findall(r"[A-Za-z0-9][\w./:-]*[-.\d][\w./:-]*", said)}


def _nearest(name: str, known: set[str]) -> str | None:
    near = difflib.get_close_matches(name.lower(), sorted(known), n=1, cutoff=0.6)
    return near[0] if near else None


def without(look: Look, pointer: str) -> Iterator[Candidate]:
    """Take a parameter out of what goes to the provider."""
    provider = look.provider
    if provider is None or provider not in look.resolved.rules.providers:
        when: dict[str, Any] = {"host": look.host} if look.host else {}
    else:
        when = {"provider": provider}
    if not when:
        return
    rule = {"name": f"no {pointer.rpartition('/')[2]}", "when": when, "remove": [pointer]}
    yield Candidate(
        f"an edit that removes {pointer} for {look.provider or look.host}", (Insert(("edits",), rule),), "parameter",
        pointer,
    )  # fmt: skip


def near_alias(look: Look) -> Iterator[Candidate]:
    """Give a name that no route takes the meaning of the nearest alias."""
    asked, rules = look.outcome.facts.model, look.resolved.rules
    near = _nearest(asked, set(rules.aliases)) if asked is not None else None
    if asked is not None and near is not None:
        target = str(rules.aliases[near].target)
        what = f"an alias: {asked} stands for {target}, as {near} does"
        yield Candidate(what, (Put(("aliases", asked), target),), "routing", rules.aliases[near].target.provider)


def own_key(look: Look, provider: str) -> Iterator[Candidate]:
    """Let the client's own key go to a provider, besides what the file names."""
    known = look.resolved.rules.providers.get(provider)
    if known is None:
        return
    named = [reference.text for reference in known.keys if reference.kind != "client"] if known.key_given else []
    value: Any = ["client", *named] if named else "client"
    yield Candidate(
        f"`key: client` for the provider {provider}", (_provider(provider, "key", value),), "routing", provider
    )
