"""Why a request went where it went, or nowhere: what refused it here, and the route that nearly took it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from wiremend.errors import RefusedError
from wiremend.explain.diagnose_changes import key_route, near_alias, own_key
from wiremend.explain.diagnose_model import Cause
from wiremend.families import family_of
from wiremend.pipeline.outcome import Refused
from wiremend.rules.conditions import matches, names_of, unmet
from wiremend.rules.engine import chooses_first, decide

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wiremend.explain.diagnose_look import Finding, Look
    from wiremend.explain.diagnose_model import Candidate
    from wiremend.rules.model import When

_OPEN: Final = {
    "client": (), "key": (), "model": (), "host": (), "path": (), "wire": (), "agent": (), "provider": (),
    "header": (), "body": (), "stream": None,
}  # fmt: skip
_NEAR: Final = 3


def refused(look: Look) -> Iterator[Finding]:
    """Give why today's rules let no request leave."""
    outcome = look.outcome
    if not isinstance(outcome, Refused):
        return
    kind = next((note.why for note in outcome.notes if note.kind == "refused"), "")
    said = look.veil.text(outcome.message)
    facts = outcome.facts
    changes: list[Candidate] = []
    if kind == "model_not_found":
        changes += near_alias(look)
        family = family_of(facts.credentials[0].value) if facts.credentials else None
        changes += key_route(look, family) if family is not None and family.homes else ()
    elif kind == "authentication":
        try:
            provider = decide(facts, look.resolved).provider
        except RefusedError:
            provider = None
        changes += own_key(look, provider) if provider is not None and facts.credentials else ()
    what = f"Wiremend itself refuses the request with {outcome.status}: {said}"
    yield Cause("routing", what, f"{look.resolved.rules.file}, replayed"), tuple(changes)


def nearly(look: Look) -> Iterator[Finding]:
    """Give the routes that lack one condition, where no route took the request."""
    decision, outcome = look.decision, look.outcome
    by = decision.by if decision is not None else "refused" if isinstance(outcome, Refused) else ""
    if by not in {"preference", "default", "host", "client", "refused"}:
        return
    rules, facts = look.resolved.rules, outcome.facts
    if by == "preference" and chooses_first(facts, look.resolved):
        return  # no route was tried
    alias = rules.aliases.get(facts.model) if facts.model is not None else None
    names = names_of(str(alias.target) if alias else facts.model, rules.providers)
    went = {
        "preference": "it went by what it asks, to a preference",
        "default": "it went to the default",
        "refused": "it was refused",
    }.get(by, "it went where the client sent it")
    count = 0
    for route in rules.routes:
        why = unmet(route.when, facts, names)
        if why is None or count == _NEAR:
            return
        if len([name for name in _OPEN if getattr(route.when, name) != _OPEN[name]]) < 2:  # noqa: PLR2004 - of one condition none holds
            continue
        opened = _without(route.when, why.condition)
        if matches(opened, facts, names):
            count += 1
            told = look.veil.text(f"{why.condition} asks for {why.asked}, and the request has {why.there or 'none'}")
            what = f"No route took the request ({went}); {route.label!r} lacks one condition: {told}"
            yield Cause("routing", what, f"{rules.file}:{route.line}, to {route.target}"), ()


def _without(when: When, condition: str) -> When:
    """Give conditions without one of them, named as :func:`unmet` does."""
    name = condition.partition(" ")[0].partition(":")[0]
    change: Any = {name: _OPEN[name]} if name in _OPEN else {}
    return replace(when, **change)
