"""One request's tries under way: what is known of each, and the request as it leaves for a destination.

Each destination is decided, translated and rewritten from the client's original, with its own credential (G11). One
that cannot be asked is passed over: it cools down, its model cannot hold the request, there is no credential for it.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wiremend.pipeline.breaker import Key
    from wiremend.pipeline.outcome import ClientRequest, Outcome, Rewritten
    from wiremend.pipeline.plan import Plan
    from wiremend.pipeline.queue import Ticket
    from wiremend.pipeline.trouble import Trouble
    from wiremend.rules.model import Limits, Rules, Target

_SALT: Final = os.urandom(16)
_CARRIERS: Final = ("authorization", "x-api-key", "api-key")


@dataclass(slots=True)
class Running:
    """One request's tries. Times are of the clock of :class:`~wiremend.mitm.tries.Tries`.

    ``targets`` are the destinations of its route (() where none decided), ``made`` gives the outcome for one of them.
    """

    request: ClientRequest
    outcome: Rewritten
    plan: Plan
    began: float
    make: Callable[[int], Outcome]
    rules: Rules
    targets: tuple[Target, ...] = ()
    conversation: str | None = None
    tried_at: float = 0.0
    sent_at: float = 0.0
    """When the try of now began, by the clock of :attr:`~wiremend.mitm.exchange.Exchange.first_byte`."""
    next: Rewritten | None = None
    """What the next try sends, once it is decided."""
    ticket: Ticket | None = None
    wake: Callable[[], None] | None = None
    """Ends the wait for a place."""
    over: bool = False
    """Whether the try of now has ended, or none has begun."""
    last: Trouble | None = None
    """Why the try of now failed, where the client is told of it."""
    told: list[tuple[str, str]] = field(default_factory=list)
    """Who failed before, and how, in a few words."""
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    why: str = ""
    """Why it begins with another destination than the first."""
    stay: float | None = None
    """Seconds for which its conversation stays where it is answered; None: as its route's ``retry`` says."""

    @property
    def may_go_on(self) -> bool:
        """Whether a failure may be followed by another try."""
        return not self.plan.exhausted and (self.outcome.decision.retry.times > 0 or len(self.targets) > 1)

    @property
    def provider(self) -> str:
        """The provider of the try of now; its host where it has no name."""
        return self.outcome.decision.provider or self.outcome.destination.host

    @property
    def limits(self) -> Limits | None:
        """What a try may take at the provider of now; None where the host is no provider of the rules."""
        upstream = self.outcome.decision.upstream
        return upstream.provider.limits if upstream is not None else None

    @property
    def key(self) -> Key:
        """The provider, and what tells its credentials apart."""
        return key_of(self.outcome)

    @property
    def own_key(self) -> bool:
        """Whether the client's own credential is sent."""
        own = {credential.value for credential in self.outcome.facts.credentials}
        return any(value in own for value in _carried(self.outcome))

    def for_target(self, index: int) -> Outcome:
        """Give the request as it would leave for a destination."""
        if index not in self.outcomes:
            self.outcomes[index] = self.make(index)
        return self.outcomes[index]

    def tried(self) -> str:
        """Say for an error's text who failed before: ``before: kimi-code 429 quota, 3 times``; "" for nobody."""
        counts: dict[tuple[str, str], int] = {}
        for one in self.told:
            counts[one] = counts.get(one, 0) + 1
        said = [f"{who} {how}" + (f", {times} times" if times > 1 else "") for (who, how), times in counts.items()]
        return f"before: {'; '.join(said)}" if said else ""


def key_of(outcome: Rewritten) -> Key:
    """Give what a breaker is for: the provider, and a digest of the credential that only this process can make."""
    name = outcome.decision.provider or outcome.destination.host
    value = " ".join(_carried(outcome))
    if not value:
        return name, ""
    return name, hashlib.blake2b(value.encode("utf-8", "surrogateescape"), key=_SALT, digest_size=4).hexdigest()


def _carried(outcome: Rewritten) -> Sequence[str]:
    values = (outcome.headers.get(name) for name in _CARRIERS)
    return [value.removeprefix("Bearer ").strip() for value in values if value]


def short(trouble: Trouble) -> str:
    """Say a trouble in two or three words: ``429 rate limit``, ``no connection``."""
    words = {
        "connection": "no connection",
        "stall": "stalled",
        "stream": "error in the stream",
        "quota": "balance or quota exhausted",
        "cooling": "cooling down",
        "queue": "queue full",
        "window": "context window too small",
        "credential": "no credential",
        "refused": "cannot take the request",
    }
    said = words.get(trouble.word) or (trouble.failure.kind.replace("_", " ") if trouble.failure is not None else "")
    return f"{trouble.status} {said}".strip() if trouble.status is not None else said or trouble.word
