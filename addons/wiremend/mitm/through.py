"""What mitmproxy hands each chunk of a streamed reply, and ``b""`` at its end: it gives back what the client gets.

``[]`` says nothing, where ``b""`` would end an HTTP/1 body. A failure of ours is caught here (G7): as long as nothing
has been sent the stream goes on untouched; after that it ends with its wire's error, for it cannot be taken back.
"""

from __future__ import annotations

import time
from http import HTTPStatus
from time import perf_counter_ns
from typing import TYPE_CHECKING

from wiremend.codings import StreamDecoder
from wiremend.errors import CodingError
from wiremend.pipeline.alive import Alive
from wiremend.pipeline.reply import ReplyStream
from wiremend.protocols.failure import Failure

if TYPE_CHECKING:
    from wiremend.mitm.exchange import Exchange
    from wiremend.mitm.house import House
    from wiremend.pipeline.context import Context


class Through:
    """A stream of events on its way through: decoded, mended, and counted."""

    def __init__(self, context: Context, exchange: Exchange, house: House, flow: str, coding: str | None) -> None:
        """Begin before the first byte. Raises CodingError where the coding is not known."""
        tally = context.upstream.tally()
        self.stream = ReplyStream(context, tally)
        self.exchange = exchange
        self.house = house
        self.flow = flow
        limits = context.limits
        self.decoder = StreamDecoder(coding, limit=limits.reply_body, at_once=limits.memory) if coding else None
        self.began = False
        """Whether the client has been given something; until then ``taken`` is what came."""
        self.taken = b""
        self.plain = False
        """Whether a chunk goes straight into the stream: the first was seen, and there is no coding to undo."""
        self.raw = False
        self.broken = False
        self.alive = Alive(context.wire.name, exchange.facts.client, exchange.facts.headers.get("x-stainless-lang"))
        """What keeps the client while nothing comes."""
        exchange.tally = tally
        exchange.reply = self.stream

    def __call__(self, data: bytes) -> list[bytes]:
        """Take a chunk and give what the client gets, in the same callback (G4)."""
        began = perf_counter_ns()
        given = self._given(data)
        self.exchange.own_ns += perf_counter_ns() - began
        return given

    def _given(self, data: bytes) -> list[bytes]:
        if self.raw:
            return [data] if data else []
        if self.broken:
            return []
        try:
            given = self.stream.feed(data) if self.plain and data else self._take(data)
        except CodingError as error:
            return self._end(str(error))
        except Exception as error:  # noqa: BLE001 - the edge (G7)
            self.house.failed(self.flow, "to mend the reply", error)
            if self.began or self.decoder is not None or self.stream.context.translation is not None:
                return self._end("Wiremend failed to mend the reply")
            self.raw = True  # nothing has been sent yet: it goes on untouched
            return [self.taken + data] if self.taken or data else []
        if given:
            self.began, self.taken = True, b""
            self.alive.saw(given)
        elif not self.began:
            self.taken += data
        return [given] if given else []

    def _take(self, data: bytes) -> bytes:
        if not data:
            return self.stream.close()
        if self.exchange.first_byte is None:
            self.exchange.first_byte = time.monotonic()
        self.plain = self.decoder is None
        if self.decoder is None:
            return self.stream.feed(data)
        return b"".join([self.stream.feed(piece) for piece in self.decoder.feed(data)])

    def _end(self, message: str) -> list[bytes]:
        self.broken = True
        given = self.end(Failure("upstream", HTTPStatus.BAD_GATEWAY, message))
        return [given] if given else []

    def end(self, failure: Failure) -> bytes:
        """End the client's stream with its wire's error."""
        try:
            return self.stream.cut(failure)
        except Exception as error:  # noqa: BLE001 - the edge (G7): the mender itself may be what failed
            self.house.failed(self.flow, "to end the stream", error)
            return self.stream.context.wire.error_event(failure.message, None, self.stream.events, failure.kind)


class Once:
    """An answer of our own in the place of a stream: whatever else the upstream sends is not read."""

    def __init__(self, body: bytes) -> None:
        """Keep the body."""
        self.body = body

    def __call__(self, data: bytes) -> list[bytes]:  # noqa: ARG002 - the upstream's bytes are of no use
        """Give the body at once, then nothing."""
        given, self.body = self.body, b""
        return [given] if given else []
