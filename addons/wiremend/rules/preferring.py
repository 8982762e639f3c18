"""Which preference a request gets: the one that was picked before or by a model, else the one that its words fit.

A function of the facts and the rules (G10): what was picked elsewhere is one of the facts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wiremend.rules.local_router import local_router
from wiremend.rules.utterances import turns_of

if TYPE_CHECKING:
    from wiremend.rules.facts import Facts
    from wiremend.rules.local_router import Judged, LocalRouter
    from wiremend.rules.model import Preference, Preferences

_KINDS: Final = frozenset({"generate", "count"})


@dataclass(frozen=True, slots=True)
class Fit:
    """The preference that a request gets, and why; ``preference`` is None where it gets none."""

    preference: Preference | None
    why: str


def is_asked(facts: Facts) -> bool:
    """Tell whether a request is one that a preference can be chosen for: a turn of a conversation, or its count."""
    return facts.endpoint is not None and facts.endpoint.kind in _KINDS


def fit(facts: Facts, preferences: Preferences) -> Fit:
    """Choose the preference for a request."""
    picked = facts.picked
    chosen = preferences.named(picked.name) if picked is not None else None
    if picked is not None and (chosen is not None or not picked.name):
        if picked.how == "kept":
            who = "its conversation keeps it" if chosen is not None else "nothing new is asked"
        else:
            who = f"{preferences.router or 'a router'} chose {'it' if chosen is not None else 'none of them'}"
        return Fit(chosen, f"{chosen.name!r}: {who}" if chosen is not None else who)
    judged = judge(facts, preferences)
    chosen = preferences.named(judged.choice) if judged.choice is not None else None
    scores = ", ".join(f"{score.name} {score.value:.2f}" for score in judged.scores)
    return Fit(chosen, f"{chosen.name!r} fits best ({scores})" if chosen is not None else f"none fits ({scores})")


def judge(facts: Facts, preferences: Preferences) -> Judged:
    """Score the user's words against all preferences, whatever was picked."""
    return _router(preferences).judge(turns_of(facts.body))


def prepare(preferences: Preferences) -> None:
    """Make the router of these preferences, so that the first request does not wait for it."""
    _router(preferences)


def _router(preferences: Preferences) -> LocalRouter:
    return local_router(tuple((one.name, one.description, one.examples) for one in preferences.choices))
