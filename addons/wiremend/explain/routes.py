"""Where a request goes, and why not elsewhere: the alias, the routes, what is behind them, and what a refusal needs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from wiremend.explain.model import Refusal, Tried, Way
from wiremend.explain.preferred import preferring
from wiremend.pipeline.outcome import is_of_the_destination
from wiremend.rules.conditions import names_of, unmet
from wiremend.rules.engine import not_by_name, route_of
from wiremend.rules.model import Limits
from wiremend.rules.told import limits_plain, retry_plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wiremend.explain.model import State
    from wiremend.explain.veil import Veil
    from wiremend.pipeline.outcome import Refused
    from wiremend.rules.engine import Decision
    from wiremend.rules.facts import Facts
    from wiremend.rules.model import Alias, Target
    from wiremend.rules.resolve import Resolved


def alias_of(facts: Facts, resolved: Resolved) -> Alias | None:
    """Give the alias that the model's name is."""
    return resolved.rules.aliases.get(facts.model) if facts.model is not None else None


def tried_routes(facts: Facts, resolved: Resolved, veil: Veil) -> Iterator[Tried]:
    """Give the routes in the order of the file; behind the first that matches none is tried.

    Nor is any where a preference took the request before them.
    """
    rules, alias = resolved.rules, alias_of(facts, resolved)
    names = names_of(str(alias.target) if alias else facts.model, rules.providers)
    how = preferring(facts, resolved)
    matched = how is not None and how.first and how.chosen is not None
    for route in rules.routes:
        why = None if matched else unmet(route.when, facts, names)
        state: State = "not tried" if matched else "matches" if why is None else "differs"
        matched = matched or why is None
        yield Tried(
            veil.text(route.label),
            f"{rules.file}:{route.line}",
            str(route.target),
            state,
            None if why is None else veil.unmet(why),
            tuple(map(str, route.fallbacks)),
        )


def other_ways(facts: Facts, resolved: Resolved) -> Iterator[Way]:
    """Give what is asked where no route matches, up to the way that is taken."""
    rules, alias = resolved.rules, alias_of(facts, resolved)
    named = str(alias.target) if alias else facts.model
    why_not = not_by_name(named, resolved, by_alias=alias is not None)
    yield Way("name", why_not is None, why_not or "it begins with a provider and a slash")
    if why_not is None:
        return
    how = preferring(facts, resolved)
    if how is not None and not how.first:
        yield Way("preference", how.chosen is not None, how.why)
        if how.chosen is not None:
            return
    if rules.default is None:
        yield Way("default", taken=False, what="the file has no default")
    elif facts.generates or facts.style == "gateway":
        yield Way("default", taken=True, what=f"{rules.default} ({rules.file}:{rules.default_line})")
        return
    else:
        yield Way("default", taken=False, what="it asks no model for anything, so the default does not count")
    if facts.host is not None:
        yield Way("host", taken=True, what=f"the client addressed {facts.host}")
    else:
        yield Way("host", taken=False, what="it came to the gateway: the client addressed no host of its own")


def keeping(decision: Decision | None) -> dict[str, Any]:
    """Give what is done where the destination fails, and its limits: ``then``, ``retry``, ``limits``."""
    if decision is None:
        return {}
    others = [str(one) for one in decision.targets[decision.target_index + 1 :]]
    again = others or decision.retry.times
    limits = decision.upstream.provider.limits if decision.upstream is not None else Limits()
    return {
        "then": tuple(others),
        "retry": retry_plain(decision.retry) if again else None,
        "limits": limits_plain(limits),
    }


def destinations(refused: Refused, resolved: Resolved) -> tuple[Target, ...]:
    """Give the destinations among which another may take what the first cannot: for want of a key, a URL, or room."""
    if not is_of_the_destination(refused):
        return ()
    route = route_of(refused.facts, resolved)
    return route.targets if route is not None and route.fallbacks else ()


def refusal_of(outcome: Refused, decision: Decision | None, resolved: Resolved, veil: Veil) -> Refusal:
    """Say why a request does not leave, and what to add to the rules."""
    kind = next((note.why for note in outcome.notes if note.kind == "refused"), "invalid_request")
    return Refusal(outcome.status, kind, veil.text(outcome.message), _to_add(outcome, kind, decision, resolved, veil))


def _to_add(outcome: Refused, kind: str, decision: Decision | None, resolved: Resolved, veil: Veil) -> str | None:
    """Give the lines of rules.yaml by which the request would leave; None where none would do."""
    facts = outcome.facts
    if kind == "model_not_found" and facts.model is not None:
        return f"routes:\n  - {{when: {{model: {_quoted(veil.text(facts.model))}}}, to: PROVIDER}}"
    if kind == "model_not_found":
        return "default: PROVIDER/MODEL"
    if kind == "authentication" and decision is not None and decision.provider is not None:
        return f"providers:\n  {decision.provider}: {{key: client}}"
    if kind == "context_length" and decision is not None and decision.sent is not None and len(decision.targets) <= 1:
        model = _quoted(veil.text(decision.sent))
        known = f"{{models: {{{model}: {{context_window: TOKENS}}}}}}"
        return f"providers:\n  {decision.provider}: {known}  # its true window"
    if kind == "invalid_request" and decision is None and outcome.notes and facts.generates and facts.wire is not None:
        speak = [name for name, one in resolved.upstreams.items() if facts.wire in one.provider.speaks]
        own = [name for name in speak if resolved.rules.providers[name].line]
        to = (own or ["PROVIDER"])[0]
        model = f", model: {_quoted(veil.text(facts.model))}" if facts.model is not None else ""
        head = f"routes:  # in front of the route that took it; {to} speaks {facts.wire}"
        return f"{head}\n  - {{when: {{wire: {facts.wire}{model}}}, to: {to}}}"
    return None


def _quoted(text: str) -> str:
    """Give a text as YAML takes it in any place: as JSON has it."""
    return json.dumps(text, ensure_ascii=False)
