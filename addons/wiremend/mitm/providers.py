"""What is known of providers: who fails and cools down, who is busy, and which conversations stay where.

What a person may want to know of it is told: in the log, to those who listen for a
:class:`~wiremend.ledger.happening.Happening`, and to `wiremend status`.
"""

from __future__ import annotations

import logging
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from wiremend.ledger.happening import Happening
from wiremend.mitm.running import key_of, short
from wiremend.pipeline.breaker import Breakers, counts
from wiremend.pipeline.outcome import Refused, Rewritten
from wiremend.pipeline.queue import Slots
from wiremend.pipeline.sticky import Sticky
from wiremend.pipeline.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Callable

    from mitmproxy.http import HTTPFlow

    from wiremend.mitm.house import House
    from wiremend.mitm.running import Running
    from wiremend.pipeline.outcome import Outcome
    from wiremend.pipeline.trouble import Word
    from wiremend.rules.resolve import Resolved

logger = logging.getLogger("wiremend")

_IN_THE_LINE: Final = frozenset({"rate_limited", "gate"})
"""What the line of the call shows, for the client is told."""

_WORDS: Final[dict[str, Word]] = {"authentication": "credential", "context_length": "window"}
"""By the kind of a refusal, what is in the way."""


class Providers:
    """All providers, as this process has seen them. ``now`` is a monotonic clock in seconds."""

    def __init__(self, house: House, now: Callable[[], float]) -> None:
        """Begin with nothing known of any."""
        self.house = house
        self.now = now
        self.breakers = Breakers()
        self.slots = Slots(lambda error: house.failed("queue", "to let a request in", error))
        self.sticky = Sticky()
        house.status["providers"] = self.status
        house.on_rules.append(lambda _path, resolved: self.rules(resolved))

    def in_the_way(self, outcome: Outcome) -> Trouble | None:
        """Say why a destination is not to be asked; None where it is."""
        if isinstance(outcome, Refused):
            word: Word = _WORDS.get(outcome.kind, "refused")
            return Trouble(word, outcome.message, final=True)
        if not isinstance(outcome, Rewritten):
            return None
        upstream, key = outcome.decision.upstream, key_of(outcome)
        cooldown = upstream.provider.limits.cooldown if upstream is not None else None
        if self.breakers.allows(key, cooldown, self.now()):  # the last question, for who is allowed may be the probe
            return None
        return Trouble("cooling", f"{key[0]} cools down for {self.breakers.seconds(key, self.now()):.0f} s more")

    def counted(self, flow: HTTPFlow, running: Running, trouble: Trouble) -> None:
        """Let the breaker count a failure, and tell where it has opened."""
        limits = running.limits
        if limits is None or (trouble.failure is not None and running.own_key and not counts(trouble)):
            return
        opened = self.breakers.failed(running.key, limits.cooldown, self.now(), trouble)
        if opened and trouble.word != "quota":  # of an empty balance they are told as such
            seconds = self.breakers.seconds(running.key, self.now())
            what = f"{running.provider} fails again and again ({short(trouble)}), and is left alone for {seconds:.0f} s"
            self.happened(flow, running, "cooled_down", what)

    def told(self, flow: HTTPFlow, running: Running, trouble: Trouble, *, again: bool) -> None:
        """Tell of what only a person can do something about."""
        who, said = running.provider, trouble.message
        if trouble.word == "quota":
            self.happened(flow, running, "balance", f"the balance or quota of {who} is exhausted: {said}")
        elif trouble.status == HTTPStatus.FORBIDDEN:
            self.happened(flow, running, "gate", f"{who} does not let this request in (403): {said}")
        elif trouble.status == HTTPStatus.TOO_MANY_REQUESTS and not again:
            tries = running.plan.retries
            spent = f", also after {tries} {'retry' if tries == 1 else 'retries'}" if tries else ""
            self.happened(flow, running, "rate_limited", f"{who} limits the rate (429){spent}: {said}")

    def happened(self, flow: HTTPFlow, running: Running, cause: str, what: str) -> None:
        """Tell those who want to know, and the log of what the line of the call would not show."""
        model = running.outcome.decision.sent
        happening = Happening(cause, running.provider, what, time.time(), model=model, flow=flow.id)
        if cause not in _IN_THE_LINE:
            logger.warning("%s", what)
        self.house.happened(happening)

    def status(self) -> object:
        """Tell of each provider what goes on there, for `wiremend status`."""
        now = self.now()
        found: dict[str, dict[str, Any]] = {}
        for name, load in self.slots.loads().items():
            found[name] = {
                "in_flight": load.running,
                "waiting": load.waiting,
                "concurrent": load.concurrent,
                "breakers": [],
            }
        for state in self.breakers.states(now):
            one = found.setdefault(state.provider, {"in_flight": 0, "waiting": 0, "concurrent": None, "breakers": []})
            one["breakers"].append(
                {
                    "credential": state.credential,
                    "state": state.state,
                    "failures": state.failures,
                    "seconds": round(state.seconds, 1),
                    "why": state.why,
                }
            )
        return found

    def rules(self, resolved: Resolved) -> None:
        """Take the limits of rules that came in force."""
        self.slots.reload({name: one.provider.limits for name, one in resolved.upstreams.items()})
