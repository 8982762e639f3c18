"""Which destination a request goes to, at first and after a try that failed.

That is the first of its route that may be asked; a conversation that fell back to another one begins there. Of a
preference that asks for the fastest it is the one that has answered fastest, and the conversation stays there.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from wiremend.mitm.providers import Providers
from wiremend.mitm.running import Running, key_of, short
from wiremend.notes import Note
from wiremend.pipeline.conversation import conversation_of
from wiremend.pipeline.outcome import Refused, Rewritten, is_of_the_destination
from wiremend.pipeline.plan import Plan
from wiremend.pipeline.request import rewrite
from wiremend.pipeline.speeds import Speeds
from wiremend.pipeline.trouble import Trouble
from wiremend.rules.engine import route_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from mitmproxy.http import HTTPFlow

    from wiremend.mitm.exchange import Exchange
    from wiremend.mitm.house import House
    from wiremend.pipeline.outcome import ClientRequest, Outcome
    from wiremend.pipeline.plan import Step
    from wiremend.quirks.memory import Memory
    from wiremend.rules.resolve import Resolved


class Choosing:
    """Chooses destinations. ``now`` is a monotonic clock in seconds, ``chance`` gives numbers from 0 up to 1."""

    def __init__(self, house: House, now: Callable[[], float], chance: Callable[[], float]) -> None:
        """Begin with nothing known of any provider."""
        self.house = house
        self.now = now
        self.chance = chance
        self.providers = Providers(house, now)
        self.speeds = Speeds()

    def begins(
        self, flow: str, request: ClientRequest, resolved: Resolved, memory: Memory, outcome: Outcome
    ) -> tuple[Outcome, Running | None]:
        """Begin with a request that was decided, perhaps for another destination of its route than the first."""
        targets = self._targets(resolved, outcome)
        make = partial(self._made, request, resolved, memory, flow, tuple(map(str, targets)))
        if isinstance(outcome, Refused) and targets:
            found = next((one for one in map(make, range(1, len(targets))) if isinstance(one, Rewritten)), None)
            if found is None:
                return outcome, None
        elif isinstance(outcome, Rewritten):
            found = outcome
        else:
            return outcome, None
        decision, now = found.decision, self.now()
        upstream = decision.upstream
        queues = upstream is not None and upstream.provider.limits.concurrent is not None
        conversation = conversation_of(found.facts) if queues or len(targets) > 1 else None
        kept = None
        if len(targets) > 1 and conversation is not None:
            name = self.providers.sticky.recall(conversation, decision.route or "", now)
            kept = next((at for at, one in enumerate(targets) if str(one) == name), None)
        first, why, stay = kept or 0, "its conversation fell back to it", self._stay(found, resolved)
        if stay is not None:
            why = "its conversation stays with it"
        if stay is not None and kept is None:
            first = self.speeds.fastest([str(one) for one in targets], now, stream=found.facts.stream)
            why = "it is the fastest, as measured"
        plan = Plan(max(len(targets), 1), decision.retry, began=now, chance=self.chance, first=first)
        running = Running(request, found, plan, now, make, resolved.rules, targets, conversation, why=why, stay=stay)
        if not targets:
            return found, running
        running.outcomes[0] = outcome
        chosen = self._choose(running, first, found)
        if not isinstance(chosen, Rewritten):
            return chosen, None
        running.outcome = chosen
        return chosen, running

    def stays(self, running: Running) -> None:
        """Let a conversation go on where it was answered: where it fell back to, or with the fastest."""
        decision, conversation = running.outcome.decision, running.conversation
        if conversation is None:
            return
        route, sticky = decision.route or "", self.providers.sticky
        if running.stay is not None or not decision.target_index:
            sticky.forget(conversation, route)  # with the fastest its time begins anew with each request
        if running.stay is not None or decision.target_index:
            stay = decision.retry.stay if running.stay is None else running.stay
            sticky.keep(conversation, route, self.name_of(running.outcome), self.now() + stay)

    def started(self, flow: HTTPFlow, exchange: Exchange, running: Running | None) -> None:
        """Note on an exchange that begins why it does not go to the first destination of its route."""
        exchange.running = running
        if running is None:
            return
        running.tried_at, running.sent_at = self.now(), time.monotonic()
        decision = running.outcome.decision
        if decision.target_index:
            what = f"goes to {self.name_of(running.outcome)}, which is destination {decision.target_index + 1}"
            why = running.tried() or running.why
            exchange.notes.append(Note("retried", "", "fallback", what, why))
            if running.told:
                self.providers.happened(flow, running, "fallback", f"{what} of {decision.route!r}; {why}")

    @staticmethod
    def _stay(found: Rewritten, resolved: Resolved) -> float | None:
        """Give for how many seconds a conversation stays with the fastest of its preference; None for all else."""
        preferences, name = resolved.rules.preferences, found.decision.preference
        chosen = preferences.named(name) if preferences is not None and name is not None else None
        fastest = chosen is not None and chosen.prefer == "fastest" and len(found.decision.targets) > 1
        return preferences.stay if preferences is not None and fastest else None

    @staticmethod
    def _targets(resolved: Resolved, outcome: Outcome) -> tuple[Any, ...]:
        if isinstance(outcome, Rewritten):
            return outcome.decision.targets
        if not isinstance(outcome, Refused) or not is_of_the_destination(outcome):
            return ()
        route = route_of(outcome.facts, resolved)
        return route.targets if route is not None and route.fallbacks else ()

    @staticmethod
    def _made(  # noqa: PLR0913, PLR0917 - what a request is made from
        request: ClientRequest, resolved: Resolved, memory: Memory, seed: str, names: tuple[str, ...], index: int
    ) -> Outcome:
        return rewrite(request, resolved, memory, seed, names[index])

    def _choose(self, running: Running, index: int, found: Rewritten) -> Outcome:
        """Find the first destination that may be asked; where all cool down, the one that is back first."""
        now, cooling = self.now(), list[tuple[float, Rewritten]]()
        while True:
            outcome = running.for_target(index)
            trouble = self.providers.in_the_way(outcome)
            if trouble is None:
                return outcome
            if trouble.word == "cooling" and isinstance(outcome, Rewritten):
                cooling.append((self.providers.breakers.seconds(key_of(outcome), now), outcome))
            if len(running.targets) == 1:
                return outcome
            self._tell_of(running, index, trouble)
            step = running.plan.skipped(trouble, now)
            if step is None:
                return min(cooling, key=lambda one: one[0])[1] if cooling else found
            index = step.target

    def _tell_of(self, running: Running, index: int, trouble: Trouble) -> None:
        running.told.append((str(running.targets[index]), short(trouble)))

    def reachable(self, running: Running, step: Step | None) -> Rewritten | None:
        """Give what the next try sends; destinations that cannot be asked are passed over."""
        index = running.outcome.decision.target_index
        while step is not None:
            if step.target == index:
                return running.outcome
            outcome = running.for_target(step.target)
            trouble = self.providers.in_the_way(outcome)
            if trouble is None and isinstance(outcome, Rewritten):
                return outcome
            if trouble is not None:
                self._tell_of(running, step.target, trouble)
            step = running.plan.skipped(trouble or Trouble("refused", "it cannot be asked"), self.now())
        return None

    @staticmethod
    def name_of(outcome: Rewritten) -> str:
        """Give a destination as rules.yaml writes it; where no route decided, its provider."""
        decision = outcome.decision
        return str(decision.targets[decision.target_index]) if decision.targets else str(decision.provider)
