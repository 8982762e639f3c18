"""Responses: streamed through as they come, observed on the way, and one line a call when they end.

mitmproxy buffers a response to its end unless told otherwise, server-sent events included; so a client would see
nothing of a generation until it is over. Every reply to an LLM request is streamed, and so are event streams and
large downloads of any other site (G6). What the observer sees it does not change; only where an alias asks for
``keep_name`` is the model's name in the reply put back to the one the client asked for, and then nothing else of it
changes.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from mitmproxy import ctx
from mitmproxy.log import ALERT

from wiremend.codings import decode
from wiremend.errors import BodyError
from wiremend.jsonedit import Edit, apply, get, parse_pointer
from wiremend.ledger.row import CallRow, to_line
from wiremend.ledger.sinks import append_json
from wiremend.notes import Note
from wiremend.pipeline import Rewritten
from wiremend.protocols import WIRES
from wiremend.rules.families import scrubbed
from wiremend.sse import EventParser, StreamError, with_data

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mitmproxy.http import HTTPFlow, Response

    from wiremend.mitm.exchange import Exchange
    from wiremend.mitm.house import House
    from wiremend.protocols.base import Wire
    from wiremend.sse import Event

logger = logging.getLogger("wiremend")

LARGE = 16 * 1024 * 1024
"""Bytes from which a download of any site is streamed rather than held."""

KEPT = 8 * 1024 * 1024
"""Bytes of a whole reply that are kept to read its usage."""

SWITCHING = 101

_PARTS = {
    "text/event-stream",
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/json-seq",
}


class Reply:
    """Streams and observes responses."""

    def __init__(self, house: House) -> None:
        """Keep the house."""
        self.house = house

    def responseheaders(self, flow: HTTPFlow) -> None:
        """Let the response stream."""
        response = flow.response
        if response is None or response.status_code == SWITCHING or response.stream:
            return
        exchange = self.house.exchanges.get(flow.id)
        if exchange is not None and isinstance(exchange.outcome, Rewritten):
            if exchange.outcome.reply_name is not None and not _is_event_stream(response):
                return  # its name is put back in the response hook, and that wants the whole body
            response.stream = Observer(flow.id, response, exchange, exchange.outcome, self.house)
        elif _comes_bit_by_bit(response) or _length(response) > LARGE:
            response.stream = True

    def response(self, flow: HTTPFlow) -> None:
        """Finish the call."""
        exchange = self.house.exchanges.get(flow.id)
        if exchange is None or flow.response is None:
            return
        try:
            if flow.response.stream is False and isinstance(exchange.outcome, Rewritten):
                self._whole(flow.response, exchange, exchange.outcome)
        except Exception as error:  # noqa: BLE001 - the edge (G7)
            self.house.failed(flow.id, "to read the reply", error)
        self._finish(flow, exchange, None)

    def error(self, flow: HTTPFlow) -> None:
        """Finish a call that broke."""
        exchange = self.house.exchanges.get(flow.id)
        if exchange is not None:
            self._finish(flow, exchange, flow.error.msg if flow.error else "it broke")

    @staticmethod
    def _whole(response: Response, exchange: Exchange, outcome: Rewritten) -> None:
        body = response.content or b""
        wire = WIRES[outcome.facts.wire or "chat"]
        exchange.first_byte = exchange.first_byte or time.monotonic()
        exchange.tally = wire.tally()
        exchange.tally.body(body)
        if outcome.reply_name is not None:
            response.content = _renamed(body, wire, outcome.reply_name)

    def _finish(self, flow: HTTPFlow, exchange: Exchange, error: str | None) -> None:
        if exchange.finished:
            return
        exchange.finished = True
        self.house.exchanges.pop(flow.id, None)
        try:
            exchange.pin(flow)
            if exchange.facts.endpoint is not None:  # a probe of some other path at the gateway is no call
                row = row_of(flow, exchange, error)
                flow.comment = flow.comment or to_line(row)
                self._tell(row)
        except Exception as failure:  # noqa: BLE001 - the edge (G7)
            self.house.failed(flow.id, "to log the call", failure)

    @staticmethod
    def _tell(row: CallRow) -> None:
        if ctx.options.wiremend_call_log:
            logger.log(ALERT, to_line(row))
        if ctx.options.wiremend_calls:
            append_json(Path(ctx.options.wiremend_calls), row)


class Observer:
    """The callable that mitmproxy hands each chunk of a streamed reply, and ``b""`` at its end.

    It gives the chunks back as they are; a failure of ours never holds them up (G7).
    """

    def __init__(self, flow: str, response: Response, exchange: Exchange, outcome: Rewritten, house: House) -> None:
        """Look at the head of the response; ``flow`` is the flow's id."""
        self.flow = flow
        self.exchange = exchange
        self.house = house
        self.wire: Wire = WIRES[exchange.facts.wire or "chat"]
        self.coding = response.headers.get("content-encoding")
        plain = not self.coding or self.coding.strip().lower() == "identity"
        self.events = EventParser() if plain and _is_event_stream(response) else None
        self.name = outcome.reply_name if self.events is not None else None
        self.kept = bytearray()
        self.tally = exchange.tally = self.wire.tally()
        self.watching = True
        if self.name is not None and "content-length" in response.headers:
            del response.headers["content-length"]  # one name is longer than the other
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
        for event in events:
            self.tally.event(event)
        if self.name is None:
            return data or []
        return [b"".join(self._one(event) for event in events)] if events else []

    def _one(self, event: Event) -> bytes:
        if self.name is None or event.data is None:
            return event.raw
        renamed = _renamed(event.data, self.wire, self.name)
        return event.raw if renamed is event.data else with_data(event, renamed)

    def _read_whole(self) -> None:
        if not self.kept or len(self.kept) > KEPT:
            return
        try:
            self.tally.body(decode(bytes(self.kept), self.coding))
        except BodyError as error:
            self.exchange.notes.append(Note("failed", "body", "reply", f"its usage could not be read: {error}"))


def _renamed(data: bytes, wire: Wire, name: str) -> bytes:
    """Put a name in the place of the model's in a reply's JSON; the same object where it names none."""
    for text in wire.model_pointers:
        pointer = parse_pointer(text)
        try:
            if get(data, pointer) is not None:
                return apply(data, [Edit("set", pointer, msgspec.json.encode(name))]).body
        except BodyError:
            return data
    return data


def _is_event_stream(response: Response) -> bool:
    kind: str = response.headers.get("content-type", "")
    return kind.partition(";")[0].strip().lower() == "text/event-stream"


def _comes_bit_by_bit(response: Response) -> bool:
    """Tell whether a site sends its answer in parts that are each of use: events, or a line of JSON at a time."""
    kind: str = response.headers.get("content-type", "")
    return kind.partition(";")[0].strip().lower() in _PARTS


def _length(response: Response) -> int:
    text = response.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() else 0


def row_of(flow: HTTPFlow, exchange: Exchange, error: str | None) -> CallRow:
    """Give the row of a finished call."""
    outcome, tally = exchange.outcome, exchange.tally
    decision = outcome.decision if isinstance(outcome, Rewritten) else None
    now = time.monotonic()
    said = (
        error or (tally.error if tally else None) or (outcome.message if not isinstance(outcome, Rewritten) else None)
    )
    mended = tuple(
        dict.fromkeys(
            note.short for note in exchange.notes if note.kind in ("edited", "mended", "invented") and note.short
        )
    )
    return CallRow(
        time=flow.request.timestamp_start,
        client=exchange.facts.client,
        agent=exchange.facts.agent,
        wire=exchange.facts.wire,
        asked=exchange.facts.model,
        provider=decision.provider if decision else None,
        model=decision.sent if decision else None,
        status=flow.response.status_code if flow.response else None,
        first_byte_s=round(exchange.first_byte - exchange.began, 3) if exchange.first_byte else None,
        total_s=round(now - exchange.began, 3),
        input_tokens=tally.input_tokens if tally else None,
        output_tokens=tally.output_tokens if tally else None,
        cached_tokens=tally.cached_tokens if tally else None,
        mended=mended,
        route=decision.route if decision else None,
        error=scrubbed(said, exchange.secrets()) if said else None,
        path=exchange.facts.path,
    )
