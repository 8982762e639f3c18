"""What clients sent and what came of it, at hand for people while they look: requests as they came, and raw captures.

In a flow list, a flow's request is the one that left; the one that the client sent is here, and so is all that was
remembered of the exchange, which costs references while it runs. Of exchanges that are over the newest stay, up to a
number of bytes; where nobody can look (mitmdump), none do. It is raw, with credentials in it: it stays in memory, and
what is made of it for people, or for the disk, is scrubbed first (G8).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from wiremend.captures.capture import Inputs, Request
from wiremend.mitm.flows import capture_of, is_ours

if TYPE_CHECKING:
    from mitmproxy.http import HTTPFlow

    from wiremend.captures.capture import Capture
    from wiremend.mitm.exchange import Exchange
    from wiremend.mitm.record import Record
    from wiremend.pipeline.outcome import ClientRequest

LIMIT: Final = 64 * 1024 * 1024
"""Bytes of finished exchanges that are kept at hand."""

EACH: Final = 16 * 1024
"""Bytes that an exchange counts at least: heads, notes and the flow itself are not nothing."""


@dataclass(slots=True, repr=False)
class Original:
    """One exchange: the request as it came, what was decided, and what is remembered (None where nothing is)."""

    request: ClientRequest
    exchange: Exchange | None = None
    record: Record | None = None
    size: int = 0
    """Bytes, once it is over; 0 while it runs."""


class Originals:
    """The exchanges at hand, by the ids of their flows."""

    def __init__(self, limit: int = LIMIT) -> None:
        """Begin empty; ``limit`` is in bytes, and what runs does not count."""
        self.limit = limit
        self._kept: dict[str, Original] = {}
        self._size = 0

    def begins(
        self, flow: str, request: ClientRequest, exchange: Exchange | None = None, record: Record | None = None
    ) -> None:
        """Take an exchange that begins; one before it of the same flow (a replay) is forgotten."""
        self.forget(flow)
        self._kept[flow] = Original(request, exchange, record)

    def ends(self, flow: str) -> None:
        """Take it that an exchange is over, and let go of the oldest of those that are, where they are too much."""
        one = self._kept.get(flow)
        if one is None or one.size:
            return
        self._kept[flow] = self._kept.pop(flow)  # the newest
        one.size = EACH + (one.record.size if one.record is not None else len(one.request.body))
        self._size += one.size
        for old, kept in list(self._kept.items()) if self._size > self.limit else ():
            if self._size <= self.limit:
                break
            if kept.size:
                self.forget(old)

    def forget(self, flow: str) -> None:
        """Let go of an exchange."""
        one = self._kept.pop(flow, None)
        if one is not None:
            self._size -= one.size

    def find(self, flow: str) -> Original | None:
        """Give all that is at hand of a flow."""
        return self._kept.get(flow)

    def get(self, flow: str) -> ClientRequest | None:
        """Give the request of a flow as the client sent it, by the flow's id; None where it is not at hand any more."""
        one = self._kept.get(flow)
        return one.request if one is not None else None

    def capture(self, flow: str) -> Capture | None:
        """Give the raw capture of an exchange, by its flow's id; None while it runs, and where nothing is at hand.

        Bodies that were too large for the memory are empty in it. Credentials are in clear.
        """
        one = self._kept.get(flow)
        return one.record.capture() if one is not None and one.record is not None and one.size else None

    def of(self, flow: HTTPFlow) -> Capture:
        """Give what is known of a flow as a capture: out of a flow file of ours, at hand, or what the flow itself says.

        Credentials may be in clear. Raises :class:`~wiremend.errors.CaptureError` where a flow of ours is broken.
        """
        if is_ours(flow):
            return capture_of(flow)
        found = self.capture(flow.id)
        if found is not None:
            return found
        seen, one = capture_of(flow), self._kept.get(flow.id)
        if one is None:
            return seen
        asked, exchange = one.request, one.exchange
        came = Request(asked.method, asked.scheme, asked.host, asked.port, asked.target, asked.headers, asked.body)
        if not one.size:  # of a reply that is under way the flow has nothing to go by
            seen = replace(seen, attempts=tuple(replace(attempt, response=None) for attempt in seen.attempts))
        return replace(
            seen,
            request=came,
            inputs=Inputs(
                seed=flow.id, now=int(seen.began), style=asked.style, agent=asked.agent, picked=str(asked.picked or "")
            ),
            answer=seen.attempt.response if seen.attempt is not None else None,
            model=exchange.facts.model if exchange is not None else seen.model,
            wire=exchange.facts.wire if exchange is not None else seen.wire,
            notes=tuple(exchange.notes) if exchange is not None else (),
            rules=exchange.resolved.rules.hash if exchange is not None else "",
        )
