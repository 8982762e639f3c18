"""The request hook: a flow's request through the pipeline and back.

The edge of guarantee G7 for requests: whatever fails in here is logged once with the flow's id, and the flow goes on
untouched, or is refused with an error of its wire where it had no destination of its own (the gateway).
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from mitmproxy import ctx, http

from wiremend.families import scrubbed
from wiremend.mitm import listing
from wiremend.mitm.convert import frame, headers_of, write_back
from wiremend.mitm.exchange import Exchange
from wiremend.mitm.gateway import NOWHERE
from wiremend.mitm.incoming import came_to_gateway, incoming, to_ourselves
from wiremend.mitm.preferring import Preferring
from wiremend.mitm.remember import Remember
from wiremend.mitm.timed import timed
from wiremend.mitm.tries import Tries
from wiremend.mitm.tunnel import own_ports, via_for
from wiremend.mitm.veil import hidden, unveil
from wiremend.notes import Note
from wiremend.pipeline.outcome import REFUSED, Rewritten, Untouched, headers_here
from wiremend.pipeline.request import rewrite
from wiremend.pipeline.upgrade import rules_for, upgrade_refused
from wiremend.protocols import WIRES
from wiremend.rules.facts import wire_of
from wiremend.rules.model import Route, When
from wiremend.rules.urls import LOOPBACK, locate

if TYPE_CHECKING:
    from wiremend.headers import Headers
    from wiremend.mitm.exchange import Again
    from wiremend.mitm.house import House
    from wiremend.pipeline.outcome import Answered, Refused
    from wiremend.rules.model import Target
    from wiremend.rules.resolve import Resolved

logger = logging.getLogger("wiremend")


class Rewrite:
    """Rewrites requests."""

    def __init__(
        self,
        house: House,
        remember: Remember | None = None,
        tries: Tries | None = None,
        preferring: Preferring | None = None,
    ) -> None:
        """Keep the house, who remembers, who tries again, and who knows what conversations prefer."""
        self.house = house
        self.remember = remember or Remember(house)
        self.tries = tries or Tries(house, self.remember)
        self.preferring = preferring or Preferring(house)

    @timed
    def request(self, flow: http.HTTPFlow) -> None:
        """Decide and rewrite a request, once its body is there.

        What mitmproxy replays leaves as it did the first time; what a person sends again by our commands is decided
        anew.
        """
        try:
            if not self.preferring.left(flow):
                self._request(flow)
            elif flow.killable:
                flow.kill()
        finally:
            self.preferring.forget(flow)

    def _request(self, flow: http.HTTPFlow) -> None:
        again = self.house.again.pop(flow.id, None)
        if flow.is_replay and again is None:
            self._once_more(flow)
        if _answered(flow) or (flow.is_replay and again is None) or flow.request.method == "CONNECT":
            return
        gateway = came_to_gateway(self.house, flow)
        if again is not None:
            gateway = again.request.host is None
        try:
            resolved = self.house.resolved
            if resolved is not None:
                self._rewrite(flow, resolved, gateway=gateway, again=again)
        except Exception as error:  # noqa: BLE001 - the edge (G7): a bug of ours must not be their outage
            self.house.failed(flow.id, "to rewrite the request", error)
        if _answered(flow):
            return
        if gateway and (flow.request.host == NOWHERE[0] or to_ourselves(flow)):
            why = "could not decide where this request goes; its log says why"
            if not ctx.options.wiremend_enabled:
                why = "is switched off (wiremend_enabled), so this request has no destination"
            self._answer(flow, 500, "internal", f"Wiremend {why}")
        else:
            frame(flow)
            via_for(flow)

    def _rewrite(self, flow: http.HTTPFlow, resolved: Resolved, *, gateway: bool, again: Again | None) -> None:
        if again is not None:
            request = again.request
            resolved = resolved if again.target is None else only_to(resolved, again.target)
        else:
            request = self.preferring.picked(flow, incoming(flow, gateway=gateway))
        refused = upgrade_refused(request, resolved)
        if refused is not None:
            self.remember.decided(self.remember.begins(flow, request, resolved), None)
            self._reply(flow, refused)
            return
        record = self.remember.begins(flow, request, resolved)
        memory = record.memory if record is not None else self.house.memory
        rules = rules_for(request, resolved)
        outcome, running = self.tries.begins(flow.id, request, rules, memory, rewrite(request, rules, memory, flow.id))
        asked = self.preferring.decided(flow, outcome)
        if isinstance(outcome, Untouched):
            return
        exchange = Exchange(outcome.facts, resolved, outcome, [*asked, *outcome.notes], memory=memory, again=again)
        self.house.exchanges[flow.id] = exchange
        self.tries.started(flow, exchange, running)
        self.remember.decided(record, exchange)
        self.house.originals.begins(flow.id, request, exchange, record)
        if not isinstance(outcome, Rewritten):
            exchange.pin(flow)
            self._reply(flow, outcome)
            return
        destination = outcome.destination
        if destination.port in own_ports() and (
            destination.host in LOOPBACK or destination.host == ctx.options.listen_host
        ):
            what = outcome.decision.provider or "the destination"
            message = f"{what} is this proxy itself ({destination.url}); mend its base_url"
            exchange.notes.append(Note("refused", "url", "loop", message))
            exchange.pin(flow)
            self._answer(flow, 508, "loop", message)
            return
        self._warn(outcome, exchange.secrets())
        write_back(flow, outcome)
        self.house.leaving[flow.id] = hidden(exchange)
        exchange.pin(flow)
        listing.decided(flow, exchange)

    def _once_more(self, flow: http.HTTPFlow) -> None:
        """Give a request that mitmproxy sends once more, as it left, its credential back."""
        try:
            resolved = self.house.resolved
            if resolved is not None:
                self.house.leaving[flow.id] = unveil(flow, resolved)
        except Exception as error:  # noqa: BLE001 - the edge (G7)
            self.house.failed(flow.id, "to give the request its credential back", error)

    def _warn(self, outcome: Rewritten, secrets: tuple[str, ...]) -> None:
        decision = outcome.decision
        if decision.unrouted is not None:
            self.house.tell_once(
                f"unrouted:{decision.rules_hash}:{decision.unrouted}",
                scrubbed(  # a client may say its key in the wrong place (G8)
                    f"no route matches the model {decision.unrouted!r};"
                    f" it goes to the default, {decision.provider}/{decision.sent}",
                    secrets,
                ),
            )
        if outcome.withheld is not None:
            self.house.tell_once(
                f"withheld:{decision.provider}:{outcome.withheld}",
                f"{outcome.withheld}; if {decision.provider!r} is to have it, write `key: client` under that provider",
            )

    def _answer(self, flow: http.HTTPFlow, status: int, kind: str, message: str) -> None:
        wire = WIRES[wire_of(locate(flow.request.path), headers_of(flow.request)) or "chat"]
        self._give(flow, status, wire.error_body(status, kind, message), REFUSED)

    def _reply(self, flow: http.HTTPFlow, outcome: Refused | Answered) -> None:
        self._give(flow, outcome.status, outcome.body, headers_here(outcome))

    def _give(self, flow: http.HTTPFlow, status: int, body: bytes, headers: Headers) -> None:
        self.remember.answered(flow)
        flow.response = http.Response.make(status, b"" if flow.request.method == "HEAD" else body, dict(headers))


def only_to(resolved: Resolved, target: Target) -> Resolved:
    """Give the rules as if they had one route, which takes everything to a target."""
    route = Route(f"wiremend.try {target}", When(), target, 0)
    return replace(resolved, rules=replace(resolved.rules, aliases={}, routes=(route,), preferences=None))


def _answered(flow: http.HTTPFlow) -> bool:
    """Tell whether the flow has a response already: an addon's, or a refusal of ours."""
    return flow.response is not None
