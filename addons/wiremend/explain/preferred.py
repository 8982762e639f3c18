"""How the preferences judge a request: the score of each, the words that spoke for it, and which is chosen, and why.

Nothing is sent: where the rules have a router model, a proxy would ask it, and here the words decide, as they do where
that model does not answer. Of a capture it is known what was picked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wiremend.explain.model import Preferred, Preferring
from wiremend.rules.engine import chooses, chooses_first
from wiremend.rules.preferring import fit, judge

if TYPE_CHECKING:
    from wiremend.explain.veil import Veil
    from wiremend.rules.facts import Facts
    from wiremend.rules.resolve import Resolved


def preferring(facts: Facts, resolved: Resolved) -> Preferring | None:
    """Say how a request is chosen for; None where the preferences are not asked."""
    preferences = resolved.rules.preferences
    if preferences is None or not chooses(facts, resolved):
        return None
    found, picked = fit(facts, preferences), facts.picked
    known = picked is not None and (not picked.name or preferences.named(picked.name) is not None)
    return Preferring(
        first=chooses_first(facts, resolved),
        how=picked.how if picked is not None and known else "words",
        chosen=found.preference.name if found.preference is not None else None,
        why=found.why,
        router=None if preferences.router is None or known else str(preferences.router),
    )


def preferred(facts: Facts, resolved: Resolved, veil: Veil) -> tuple[Preferred, ...]:
    """Give all preferences in the order of the file, with their scores; () where they are not asked."""
    preferences, how = resolved.rules.preferences, preferring(facts, resolved)
    if preferences is None or how is None:
        return ()
    scores = {score.name: score for score in judge(facts, preferences).scores}
    return tuple(
        Preferred(
            name=one.name,
            where=f"{resolved.rules.file}:{one.line}",
            score=scores[one.name].value if one.name in scores else 0.0,
            words=tuple(map(veil.text, scores[one.name].words)) if one.name in scores else (),
            chosen=one.name == how.chosen,
            models=tuple(map(str, one.route.targets)),
            prefer=one.prefer,
        )
        for one in preferences.choices
    )
