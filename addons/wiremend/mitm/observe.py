"""A reply that is not mended, on its way through: watched for its usage, and given on in whole events.

These are the replies of endpoints that are no turn of a conversation (embeddings, counts, the old completions).
What the observer sees it does not change; only where an alias asks for ``keep_name`` is the model's name put back to
the one the client asked for, and then nothing else of the event changes.
"""

from __future__ import annotations

import time
from time import perf_counter_ns
from typing import TYPE_CHECKING

from wiremend.codings import decode
from wiremend.errors import BodyError
from wiremend.notes import Note
from wiremend.pipeline.reply import renamed
from wiremend.protocols import WIRES
from wiremend.protocols.tools import ToolCalls
from wiremend.sse import EventParser, StreamError, with_data

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mitmproxy.http import HTTPFlow, Response

    from wiremend.mitm.exchange import Exchange
    from wiremend.mitm.house import House
    from wiremend.pipeline.outcome import Rewritten
    from wiremend.protocols.base import Wire
    from wiremend.sse import Event

KEPT = 8 * 1024 * 1024
"""Bytes of a whole reply that are kept to read its usage."""


class Observer:
    """The callable that mitmproxy hands each chunk of a streamed reply, and ``b""`` at its end.

    It gives the chunks back as they are; a failure of ours never holds them up (G7).
    """

    def __init__(
        self, flow: HTTPFlow, response: Response, exchange: Exchange, outcome: Rewritten, house: House
    ) -> None:
        """Look at the head of the response."""
        http2 = flow.client_conn.alpn == b"h2"
        self.flow = flow.id
        self.exchange = exchange
        self.house = house
        self.wire: Wire = WIRES[exchange.facts.wire or "chat"]
        self.coding = response.headers.get("content-encoding")
        plain = not self.coding or self.coding.strip().lower() == "identity"
        self.events = EventParser() if plain and is_event_stream(response) else None
        self.name = outcome.reply_name if self.events is not None else None
        self.kept = bytearray()
        self.tally = exchange.tally = self.wire.tally()
        self.watching = True
        self.seen = 0
        if self.events is not None:
            # So that an end can be written, and a name be longer than another. HTTP/2 frames its messages itself.
            response.headers.pop("content-length", None)
            if not http2:
                response.headers["transfer-encoding"] = "chunked"

    def __call__(self, data: bytes) -> bytes | Iterable[bytes]:
        """Take a chunk and give what the client gets; ``[]`` says nothing, where ``b""`` would end the body."""
        if data and self.exchange.first_byte is None:
            self.exchange.first_byte = time.monotonic()
        if not self.watching:
            return data or []
        began = perf_counter_ns()
        try:
            return self._take(data)
        except Exception as error:  # noqa: BLE001 - the edge (G7): the client gets its bytes
            self.watching = False
            self.house.failed(self.flow, "to observe the reply", error)
            return data or []
        finally:
            self.exchange.own_ns += perf_counter_ns() - began

    def cut(self, message: str) -> bytes | None:
        """End a stream of events with the wire's own error; None where it is none, or is not understood."""
        if self.events is None or not self.watching:
            return None
        self.exchange.notes.append(Note("invented", "stream", "cut", message, "the upstream was cut"))
        return self.wire.error_event(f"the provider cut the stream: {message}", None, self.seen, "upstream")

    def _take(self, data: bytes) -> bytes | Iterable[bytes]:
        if self.events is None:
            if len(self.kept) <= KEPT:
                self.kept += data
            if not data:
                self._read_whole()
            return data or []
        try:
            events = self.events.feed(data) if data else self.events.close()
        except StreamError as error:
            self.watching = False
            self.exchange.notes.append(Note("failed", "stream", "stream", str(error)))
            return [*(self._one(event) for event in error.events), error.rest] if self.name is not None else data
        self.seen += len(events)
        for event in events:
            self.tally.event(event)
        # Whole events leave, in the callback in which their last byte came; a part of one waits, for should the rest
        # never come, no end could be written behind it.
        return [b"".join([self._one(event) for event in events])] if events else []

    def _one(self, event: Event) -> bytes:
        if self.name is None or event.data is None:
            return event.raw
        data = renamed(event.data, self.wire, self.name)
        return event.raw if data is event.data else with_data(event, data)

    def _read_whole(self) -> None:
        if not self.kept or len(self.kept) > KEPT:
            return
        try:
            body = decode(bytes(self.kept), self.coding)
            self.tally.body(body)
            self.exchange.tools = ToolCalls(self.wire.name)
            self.exchange.tools.body(body)
        except BodyError as error:
            self.exchange.notes.append(Note("failed", "body", "reply", f"its usage could not be read: {error}"))


def is_event_stream(response: Response) -> bool:
    """Tell by its label whether a response is a stream of server-sent events."""
    kind: str = response.headers.get("content-type", "")
    return kind.partition(";")[0].strip().lower() == "text/event-stream"
