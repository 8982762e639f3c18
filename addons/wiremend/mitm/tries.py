"""Tries: what is done when a provider does not answer as it should, before the client has been given anything.

:class:`Tries` answers the layer's questions (:class:`wiremend.mitm.endings.Tries`). What to do is decided by
:mod:`wiremend.pipeline.plan`; here are the clock, the places at providers, the breakers, and the conversations that
stay where they fell back to. Whatever fails in here means that there is no further try, and the traffic goes on (G7).
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from contextlib import suppress
from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, Final

from mitmproxy.http import Response

from wiremend.codings import DEFAULT_LIMIT, decode
from wiremend.errors import BodyError
from wiremend.families import scrubbed
from wiremend.ledger.row import Try
from wiremend.mitm import listing
from wiremend.mitm.choosing import Choosing
from wiremend.mitm.convert import frame, headers_of, write_again
from wiremend.mitm.mending import context_of
from wiremend.mitm.running import Running, short
from wiremend.mitm.through import Through
from wiremend.mitm.timed import timed
from wiremend.mitm.tunnel import via_for
from wiremend.mitm.veil import hidden
from wiremend.notes import Note
from wiremend.pipeline.alive import Alive
from wiremend.pipeline.outcome import Rewritten
from wiremend.pipeline.shapes import shape_of, undeclared_coding
from wiremend.pipeline.speeds import is_failure
from wiremend.pipeline.trouble import Trouble, of_connection, of_reply, of_stall, of_stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from mitmproxy.http import HTTPFlow

    from wiremend.mitm.exchange import Exchange
    from wiremend.mitm.house import House
    from wiremend.mitm.remember import Remember
    from wiremend.rules.model import Limits

logger = logging.getLogger("wiremend")

EVENTS: Final = "text/event-stream"
SHORTEST: Final = 1.0
"""Seconds for which the first byte of a stream is waited for at least, however little of the budget is left."""


def _edge[**Rest, Given](
    hook: Callable[Concatenate[Tries, HTTPFlow, Rest], Given | None],
) -> Callable[Concatenate[Tries, HTTPFlow, Rest], Given | None]:
    """Give None where an answer to the layer fails (G7). Its time is our own share of the call's."""

    @wraps(hook)
    def run(self: Tries, flow: HTTPFlow, /, *rest: Rest.args, **named: Rest.kwargs) -> Given | None:
        try:
            return hook(self, flow, *rest, **named)
        except Exception as error:  # noqa: BLE001 - the edge (G7)
            self.house.failed(flow.id, "to try again", error)
            return None

    return timed(run)


class Tries(Choosing):
    """All requests' tries."""

    def __init__(
        self,
        house: House,
        remember: Remember,
        now: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Begin with nothing known of any provider."""
        super().__init__(house, now, chance)
        self.remember = remember

    # -- what the layer asks: the clock

    @_edge
    def limits(self, flow: HTTPFlow) -> Limits | None:
        """Give what this try may take."""
        exchange = self.house.exchanges.get(flow.id)
        if exchange is None or exchange.running is None:
            return None
        running = exchange.running
        limits = running.limits or exchange.resolved.rules.limits
        if not (running.may_go_on and running.plan.left and exchange.facts.stream):
            return limits
        half = max(running.plan.time_left(self.now()) / 2, SHORTEST)
        return replace(limits, first_byte=min(limits.first_byte, half))  # so that there is time for another one

    @_edge
    def moved(self, flow: HTTPFlow) -> int | None:
        """Count the events that have come."""
        through = flow.response.stream if flow.response is not None else None
        return through.stream.events if isinstance(through, Through) else None

    @_edge
    def heard(self, flow: HTTPFlow) -> int | None:
        """Count what the client was given and takes for life."""
        through = flow.response.stream if flow.response is not None else None
        return through.alive.heard if isinstance(through, Through) else None

    @_edge
    def alive(self, flow: HTTPFlow) -> bytes | None:
        """Give what keeps the client."""
        exchange = self.house.exchanges.get(flow.id)
        through = flow.response.stream if flow.response is not None else None
        if exchange is None or not (exchange.begun or isinstance(through, Through)):
            return None
        if exchange.context is None or not exchange.context.edits:
            return None
        if isinstance(through, Through):
            beat = None if through.raw else through.alive.beat(begun=through.began)
        else:
            facts = exchange.facts
            alive = Alive(exchange.context.wire.name, facts.client, facts.headers.get("x-stainless-lang"))
            beat = alive.beat(begun=False)
        if beat:
            exchange.beats += 1
        return beat

    @_edge
    def head(self, flow: HTTPFlow) -> Response | None:
        """Give the head of a stream, where one was asked for, and nothing has come of it yet."""
        exchange = self.house.exchanges.get(flow.id)
        if exchange is None or not isinstance(exchange.outcome, Rewritten) or exchange.running is None:
            return None
        memory = exchange.memory or self.house.memory
        context = exchange.context or context_of(flow, exchange.outcome, memory, tried=exchange.tried)
        if context is None or not (context.stream and context.edits):
            return None
        exchange.context, exchange.begun = replace(context, begun=True), True
        exchange.notes.append(Note("alive", "", "head", "the head of the stream left before the provider's"))
        response = Response.make(200, b"", {"content-type": EVENTS, "cache-control": "no-cache"})
        response.headers.pop("content-length", None)
        if flow.client_conn.alpn != b"h2":
            response.headers["transfer-encoding"] = "chunked"
        return response

    # -- places

    def waits(self, flow: HTTPFlow) -> bool:
        """Ask for a place; tells whether it must be waited for, or there is none."""
        exchange = self.house.exchanges.get(flow.id)
        running = exchange.running if exchange is not None else None
        if running is None or running.outcome.decision.upstream is None:
            return False
        try:
            running.over = False
            running.tried_at, running.sent_at = self.now(), time.monotonic()
            limits = running.outcome.decision.upstream.provider.limits
            who = running.conversation or flow.client_conn.id
            running.ticket = self.providers.slots.ask(running.provider, who, limits, self.now())
        except Exception as error:  # noqa: BLE001 - the edge (G7)
            self.house.failed(flow.id, "to ask for a place", error)
            return False
        return not running.ticket.ready

    async def wiremend_admit(self, flow: HTTPFlow) -> None:
        """Wait for a place, in the hook that blocks one stream."""
        exchange = self.house.exchanges.get(flow.id)
        ticket = exchange.running.ticket if exchange is not None and exchange.running is not None else None
        if ticket is None or not ticket.waiting:
            return
        over = asyncio.get_running_loop().create_future()
        ticket.on_ready = lambda: None if over.done() else over.set_result(None)
        if exchange is not None and exchange.running is not None:
            exchange.running.wake = ticket.on_ready
        with suppress(TimeoutError):
            async with asyncio.timeout(max(ticket.deadline - self.now(), 0.0)):
                await over
        if ticket.waiting:
            self.providers.slots.expired(max(self.now(), ticket.deadline))

    @_edge
    def admitted(self, flow: HTTPFlow) -> str | None:
        """Say why there is no place."""
        exchange = self.house.exchanges.get(flow.id)
        running = exchange.running if exchange is not None else None
        if running is None or running.ticket is None or running.ticket.ready:
            return None
        limits = running.limits
        room = f"{limits.concurrent} at once (limits: concurrent)" if limits is not None else "any more"
        late = running.ticket.standing == "late"
        why = f"no place in {limits.queue_wait:g} s" if late and limits is not None else "too many requests wait"
        return f"{running.provider} takes {room}, and {why}"

    def gone(self, flow: HTTPFlow) -> None:
        """Wake a request that waits, and whose client is gone."""
        exchange = self.house.exchanges.get(flow.id)
        running = exchange.running if exchange is not None else None
        if running is not None and running.ticket is not None:
            wake, running.wake = running.wake, None
            self.providers.slots.leave(running.ticket)
            if wake is not None:
                wake()

    # -- what comes of a try

    @_edge
    def failed(self, flow: HTTPFlow, word: str, message: str) -> float | None:
        """Take it that a try broke."""
        made = {"stall": of_stall, "connection": of_connection}.get(word)
        return self._next(flow, made(message) if made is not None else Trouble("queue", message))

    @_edge
    def judged(self, flow: HTTPFlow) -> float | None:
        """Look at a whole reply."""
        exchange, response = self.house.exchanges.get(flow.id), flow.response
        if exchange is None or exchange.running is None or response is None:
            return None
        raw = response.raw_content or b""
        declared = (response.headers.get("content-encoding") or "").strip().lower()
        coding = declared if declared not in {"", "identity"} else undeclared_coding(raw[:16])
        try:
            limits = exchange.running.limits
            most = limits.reply_body if limits is not None else DEFAULT_LIMIT
            body = decode(raw, coding, limit=most) if coding and raw else raw
        except BodyError:
            body = b""
        trouble = of_reply(response.status_code, headers_of(response), body, now=time.time())
        context = exchange.context
        mended = exchange.running.may_go_on and context is not None and context.edits
        if trouble is None and mended and context is not None and shape_of(body, ended=True) != "stream":
            failure = context.mending.body(body, context.origin).failure
            trouble = of_stream(failure) if failure is not None else None
        return None if trouble is None else self._next(flow, trouble)

    @_edge
    def opened(self, flow: HTTPFlow) -> float | None:
        """Look at how a stream begins."""
        exchange = self.house.exchanges.get(flow.id)
        look = exchange.look if exchange is not None else None
        if exchange is None or look is None or (look.failure is None and look.shape != "empty"):
            return None
        return self._next(flow, of_stream(look.failure))

    def _next(self, flow: HTTPFlow, trouble: Trouble) -> float | None:
        """Decide on the next try; None where there is none, and the client is told of this one."""
        exchange = self.house.exchanges.get(flow.id)
        running = exchange.running if exchange is not None else None
        if exchange is None or running is None or running.over:
            return None
        trouble = replace(trouble, message=scrubbed(trouble.message, exchange.secrets()))
        before, index = running.outcome, running.plan.target
        if trouble.status is not None:
            exchange.status = trouble.status
        step = running.plan.after(trouble, self.now(), own_key=running.own_key)
        outcome = self.reachable(running, step)
        self.providers.counted(flow, running, trouble)
        self.providers.told(flow, running, trouble, again=step is not None and step.target == index)
        if step is None or outcome is None:
            running.last = trouble
            return None
        self._ended(exchange, running, trouble)
        self.remember.tried(flow, trouble.word, trouble.message)
        running.next = outcome
        running.told.append((self.name_of(before), short(trouble)))
        exchange.notes.append(Note("retried", "", trouble.word, f"{self.name_of(before)}: {trouble.message}", step.why))
        if outcome.decision.target_index != before.decision.target_index:
            what = f"falls back from {self.name_of(before)} ({short(trouble)}) to {self.name_of(outcome)}"
            self.providers.happened(flow, running, "fallback", what)
        return step.wait

    @_edge
    def again(self, flow: HTTPFlow) -> None:
        """Put the next try's request into the flow."""
        exchange = self.house.exchanges[flow.id]
        running = exchange.running
        if running is None or running.next is None:
            return
        running.outcome, running.next = running.next, None
        exchange.begin_again(running.outcome, running.tried())
        write_again(flow, running.outcome, running.request)
        frame(flow)
        via_for(flow)
        self.house.leaving[flow.id] = hidden(exchange)
        exchange.pin(flow)
        listing.decided(flow, exchange)

    # -- its end

    def response(self, flow: HTTPFlow) -> None:
        """End the last try."""
        self._over(flow, None)

    def error(self, flow: HTTPFlow) -> None:
        """End the last try, which broke."""
        self._over(flow, flow.error.msg if flow.error is not None else "it broke")

    def client_disconnected(self, client: object) -> None:
        """End what mitmproxy ended without a word."""
        ident = getattr(client, "id", None)
        for call in [one for one in self.house.calls.values() if one.flow.client_conn.id == ident]:
            self._over(call.flow, "the client's connection was closed")

    def _over(self, flow: HTTPFlow, error: str | None) -> None:
        exchange = self.house.exchanges.get(flow.id)
        running = exchange.running if exchange is not None else None
        if exchange is None or running is None or running.over:
            return
        try:
            if exchange.beats:
                what = f"{exchange.beats} sent to keep the client while nothing came"
                exchange.notes.append(Note("alive", "stream", "keepalive", what))
            trouble = running.last or self._broke_off(exchange)
            error = None if exchange.is_whole else error
            if trouble is not None and trouble is not running.last:
                self.providers.counted(flow, running, trouble)
            self._ended(exchange, running, trouble, cancelled=error is not None)
            if trouble is not None:
                return
            if error is not None:
                self.providers.breakers.gave_up_probe(running.key)
                return
            if self.providers.breakers.succeeded(running.key, self.now(), began=running.tried_at):
                logger.info("%s answers again, and is taken back", running.provider)
            self.stays(running)
        except Exception as failure:  # noqa: BLE001 - the edge (G7)
            self.house.failed(flow.id, "to end the try", failure)

    @staticmethod
    def _broke_off(exchange: Exchange) -> Trouble | None:
        """Give why a reply that the client has had a part of did not end as it should."""
        if exchange.is_whole:
            return None
        if exchange.broke is not None:
            word, message = exchange.broke
            return of_stall(message) if word in {"stall", "size"} else of_connection(message)
        failure = exchange.reply.failure if exchange.reply is not None else None
        return of_stream(failure) if failure is not None else None

    def _ended(self, exchange: Exchange, running: Running, trouble: Trouble | None, *, cancelled: bool = False) -> None:
        """Give back the place of a try, and write down what it was."""
        running.over = True
        if running.ticket is not None:
            ticket, running.ticket = running.ticket, None
            self.providers.slots.leave(ticket)
        self._measured(exchange, running, trouble)
        decision = running.outcome.decision
        exchange.tries.append(
            Try(
                provider=decision.provider,
                model=decision.sent,
                status=exchange.status,
                trouble=trouble.word if trouble is not None else "cancelled" if cancelled else None,
                at_s=round(running.tried_at - running.began, 3),
                total_s=round(self.now() - running.tried_at, 3),
            )
        )
        exchange.status = None

    def _measured(self, exchange: Exchange, running: Running, trouble: Trouble | None) -> None:
        """Take how fast a model answered a turn, or that it failed."""
        endpoint, decision = exchange.facts.endpoint, running.outcome.decision
        if endpoint is None or endpoint.kind != "generate" or decision.provider is None:
            return
        name, stream = f"{decision.provider}/{decision.sent}", exchange.facts.stream
        if trouble is not None and is_failure(trouble):
            self.speeds.failed(name, self.now(), stream=stream)
        elif trouble is None and exchange.first_byte is not None:
            self.speeds.took(name, max(exchange.first_byte - running.sent_at, 0.0), self.now(), stream=stream)
