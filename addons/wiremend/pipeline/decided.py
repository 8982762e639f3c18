"""A decision as plain values: what a capture keeps of it, and what people are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wiremend.pipeline.outcome import Rewritten
from wiremend.rules.urls import without_credentials

if TYPE_CHECKING:
    from wiremend.pipeline.outcome import Outcome


def decision_of(outcome: Outcome | None) -> dict[str, Any]:
    """Give a decision; {} where the request was refused, or is none of ours. The URL is without credentials."""
    if not isinstance(outcome, Rewritten):
        return {}
    decision = outcome.decision
    return {
        "provider": decision.provider,
        "model": decision.sent,
        "wire": decision.wire,
        "by": decision.by,
        "route": decision.route,
        "alias": decision.alias,
        **({"to": str(decision.targets[decision.target_index])} if len(decision.targets) > 1 else {}),
        "url": without_credentials(outcome.destination.url),
        "edits": list(outcome.edits),
        "quirks": list(decision.quirks),
        "mend": decision.mend,
        "why": list(decision.why),
    }
