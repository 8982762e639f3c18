"""A reply on its way through: watched for its usage, and given on in whole events.

What the observer sees it does not change; only where an alias asks for ``keep_name`` is the model's name put back to
the one the client asked for, and then nothing else of the event changes.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec

from wiremend.codings import decode
from wiremend.errors import BodyError
from wiremend.jsonedit import Edit, apply, get, parse_pointer
from wiremend.notes import Note
from wiremend.protocols import WIRES
from wiremend.sse import EventParser, StreamError, with_data

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mitmproxy.http import HTTPFlow, Response

    from wiremend.mitm.exchange import Exchange
    from wiremend.mitm.house import House
    from wiremend.pipeline import Rewritten
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
        self.ident: str | None = None
        self.seen = 0
        """How many events have passed: the number of the next one, where a wire numbers them."""
        self.unnamed = self.wire.name == "responses"  # the one wire whose failure names the reply it is of
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
        try:
            return self._take(data)
        except Exception as error:  # noqa: BLE001 - the edge (G7): the client gets its bytes
            self.watching = False
            self.house.failed(self.flow, "to observe the reply", error)
            return data or []

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
        if self.unnamed and events:
            self.unnamed = False
            self.ident = _ident(events[0])
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
            self.tally.body(decode(bytes(self.kept), self.coding))
        except BodyError as error:
            self.exchange.notes.append(Note("failed", "body", "reply", f"its usage could not be read: {error}"))


class _Named(msgspec.Struct):
    """Where an event of the responses wire says the response's id."""

    id: str | None = None


class _OfResponse(msgspec.Struct):
    response: _Named | None = None


def _ident(event: Event) -> str | None:
    """Give the id of the response that an event is of, where it says it."""
    try:
        seen = msgspec.json.decode(event.data or b"{}", type=_OfResponse)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return seen.response.id if seen.response is not None else None


def renamed(data: bytes, wire: Wire, name: str) -> bytes:
    """Put a name in the place of the model's in a reply's JSON; the same object where it names none."""
    for text in wire.model_pointers:
        pointer = parse_pointer(text)
        try:
            if get(data, pointer) is not None:
                return apply(data, [Edit("set", pointer, msgspec.json.encode(name))]).body
        except BodyError:
            return data
    return data


def is_event_stream(response: Response) -> bool:
    """Tell by its label whether a response is a stream of server-sent events."""
    kind: str = response.headers.get("content-type", "")
    return kind.partition(";")[0].strip().lower() == "text/event-stream"
