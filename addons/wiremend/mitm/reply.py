"""Responses: mended and streamed through as they come, and one line a call when they end.

mitmproxy buffers a response to its end unless told otherwise, server-sent events included; so a client would see
nothing of a generation until it is over. A stream to a client that asked for one is mended event by event; a whole
reply, and any error, is held until it is whole and then mended at once; so is what a look at the first bytes shows to
be something else than was asked for. Event streams and large downloads of any other site stream too (G6). A provider
that fails is told in the client's own wire, so that the client stops where asking again would not help, and never
takes a cut for an end (G2).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from mitmproxy.http import Response

from wiremend.codings import DEFAULT_LIMIT, decode
from wiremend.errors import CodingError
from wiremend.mitm.bodies import most
from wiremend.mitm.mending import SHOWN, context_of, peeked
from wiremend.mitm.observe import Observer, is_event_stream
from wiremend.mitm.remember import Remember
from wiremend.mitm.through import Once, Through
from wiremend.mitm.timed import timed
from wiremend.mitm.tries import Tries
from wiremend.pipeline.answer import broken, content_type_note, final_note, losses, request_id, told, unanswered
from wiremend.pipeline.asides import ESTIMATED, aside, is_aside
from wiremend.pipeline.finals import FINAL
from wiremend.pipeline.outcome import Rewritten
from wiremend.pipeline.reply import renamed
from wiremend.pipeline.shapes import PEEK_BYTES, Look, undeclared_coding
from wiremend.pipeline.whole import EVENTS, Answer, failed, unasked, whole
from wiremend.protocols import WIRES
from wiremend.protocols.failure import Failure

if TYPE_CHECKING:
    from mitmproxy.http import HTTPFlow

    from wiremend.mitm.exchange import Exchange
    from wiremend.mitm.house import House
    from wiremend.mitm.tape import Tapes
    from wiremend.pipeline.context import Context

LARGE = 16 * 1024 * 1024
"""Bytes from which a download of any site is streamed rather than held."""

PEEK_SECONDS = 5.0
"""How long the head of a stream is held at most, until its first event says what it is."""

HOLD_SECONDS = 10.0
"""How long it is held where another try could follow, until something of the answer itself has come."""

SWITCHING = 101
BAD = 400
BAD_GATEWAY = 502
OK = 200

_PARTS = {
    "text/event-stream",
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/json-seq",
}


class Reply:
    """Streams and mends responses."""

    def __init__(self, house: House, remember: Remember | None = None, tries: Tries | None = None) -> None:
        """Keep the house, who remembers, and who tries again."""
        self.house = house
        self.remember = remember or Remember(house)
        self.tries = tries or Tries(house, self.remember)

    @timed
    def responseheaders(self, flow: HTTPFlow) -> None:
        """Let the response stream, or hold it until it is whole."""
        response = flow.response
        if response is None:
            return
        self.remember.head(flow, response)  # where no layer of ours has seen it
        if response.status_code == SWITCHING or response.stream:
            return
        exchange = self.house.exchanges.get(flow.id)
        if exchange is not None and isinstance(exchange.outcome, Rewritten):
            try:
                self._begin(flow, response, exchange, exchange.outcome)
            except Exception as error:  # noqa: BLE001 - the edge (G7)
                self.house.failed(flow.id, "to mend the reply", error)
                response.stream = True
        elif _comes_bit_by_bit(response) or _length(response) > LARGE:
            response.stream = True

    def _begin(self, flow: HTTPFlow, response: Response, exchange: Exchange, outcome: Rewritten) -> None:
        context = self._context(flow, exchange)
        _tell_losses(response, exchange)
        if (
            known := request_id(outcome, {name.lower(): value for name, value in response.headers.items()})
        ) is not None:
            response.headers[known[0]] = known[1]
        if context is None:
            if is_aside(outcome):
                return  # looked at in the response hook
            if response.status_code in FINAL and exchange.facts.generates:
                _say_final(response, exchange)
            if outcome.reply_name is None or is_event_stream(response):
                response.stream = Observer(flow, response, exchange, outcome, self.house)
            return  # else its name is put back in the response hook, and that wants the whole body
        look = exchange.look or Look("stream" if is_event_stream(response) else "json")
        if response.status_code >= BAD or not context.stream or (look.shape != "stream" and context.edits):
            return  # mended when it is whole
        if look.failure is not None and context.edits:
            answer = failed(context, look.failure, response.status_code)
            self._apply(response, exchange, answer)
            response.stream = Once(answer.body)
            return
        if look.shape != "stream":
            exchange.notes += unasked(context, stream=False)
            response.stream = Observer(flow, response, exchange, outcome, self.house)
            return
        response.stream = Through(context, exchange, self.house, flow.id, _coding(response, exchange.first))
        response.headers.pop("content-encoding", None)
        if context.edits and not is_event_stream(response):
            exchange.notes.append(content_type_note(response.headers.get("content-type")))
            response.headers["content-type"] = EVENTS
        _unframe(flow, response)

    @timed
    def response(self, flow: HTTPFlow) -> None:
        """Mend a reply that was held until it was whole."""
        exchange = self.house.exchanges.get(flow.id)
        response = flow.response
        if exchange is None or response is None:
            return
        try:
            if response.stream is False:
                self.remember.body(flow, response)
            if response.stream is False and isinstance(exchange.outcome, Rewritten):
                self._whole(flow, response, exchange, exchange.outcome)
        except Exception as error:  # noqa: BLE001 - the edge (G7)
            self.house.failed(flow.id, "to mend the reply", error)

    # -- how it begins, goes on and breaks (see :class:`wiremend.mitm.endings.Endings`)

    def largest(self, flow: HTTPFlow) -> int | None:
        """Give the bytes that a request's body may have while it comes."""
        try:
            return most(self.house, flow)
        except Exception as error:  # noqa: BLE001 - the edge (G7)
            self.house.failed(flow.id, "to bound the request", error)
            return None

    @timed
    def tapes(self, flow: HTTPFlow, response: Response | None) -> Tapes | None:
        """Take the head as it came, and give what the rest is to be written on."""
        exchange = self.house.exchanges.get(flow.id)
        if exchange is not None and response is not None:
            exchange.status = response.status_code
        try:
            return self.remember.comes(flow, response)
        except Exception as error:  # noqa: BLE001 - the edge (G7)
            self.house.failed(flow.id, "to remember the reply", error)
            return None

    @timed
    def peeks(self, flow: HTTPFlow, response: Response) -> float | None:
        """Hold the head of a stream that is to be mended."""
        try:
            exchange = self.house.exchanges.get(flow.id)
            context = self._context(flow, exchange) if exchange is not None else None
        except Exception as error:  # noqa: BLE001 - the edge (G7)
            self.house.failed(flow.id, "to look at the reply", error)
            return None
        if exchange is None or context is None or not (context.stream and context.edits):
            return None
        exchange.coding = response.headers.get("content-encoding")
        if not OK <= response.status_code < BAD:
            return None
        return HOLD_SECONDS if may_go_on(exchange) else PEEK_SECONDS

    @timed
    def enough(self, flow: HTTPFlow, first: bytes, ended: bool, late: bool) -> bool:  # noqa: FBT001 - a callback
        """Look at the first bytes."""
        exchange = self.house.exchanges.get(flow.id)
        if exchange is None or exchange.context is None:
            return True
        try:
            if first and exchange.first_byte is None:
                exchange.first_byte = time.monotonic()
            exchange.first = first[:16]
            answer = may_go_on(exchange)
            exchange.look = peeked(exchange.context, first, exchange.coding, ended=ended, answer=answer)
        except Exception as error:  # noqa: BLE001 - the edge (G7)
            self.house.failed(flow.id, "to look at the reply", error)
            return True
        if exchange.look is None and (late or ended or len(first) >= PEEK_BYTES):
            exchange.look = Look("stream")
        return exchange.look is not None

    @timed
    def unanswered(self, flow: HTTPFlow, message: str, word: str) -> Response | None:
        """Tell the client, in its wire's own words, that the upstream did not answer or broke off at once."""
        exchange = self.house.exchanges.get(flow.id)
        if exchange is None or not isinstance(exchange.outcome, Rewritten):
            return None
        try:
            context = self._context(flow, exchange)
            tried = exchange.tried if context is not None else ""
            exchange.broke = word, message
            given = unanswered(exchange.outcome, flow.id[:SHOWN], message, tried, context, word)
            exchange.notes += given.notes
            return Response.make(given.status, given.body, dict(given.headers))
        except Exception as error:  # noqa: BLE001 - the edge (G7)
            self.house.failed(flow.id, "to end the exchange", error)
            return None

    @timed
    def cut(self, flow: HTTPFlow, message: str, word: str) -> bytes | None:
        """End a stream of events with the wire's own error; a cut is never turned into a success (G2)."""
        through = flow.response.stream if flow.response else None
        exchange = self.house.exchanges.get(flow.id)
        if exchange is not None:
            exchange.broke = word, message
        try:
            if isinstance(through, Once):
                return b""
            if isinstance(through, Observer):
                return through.cut(message)
            if not isinstance(through, Through):
                return None
            outcome = through.exchange.outcome
            if isinstance(outcome, Rewritten):
                return through.end(broken(outcome, word, message, streaming=True))
            return through.end(Failure("upstream", BAD_GATEWAY, message))
        except Exception as error:  # noqa: BLE001 - the edge (G7)
            self.house.failed(flow.id, "to end the stream", error)
            return None

    # -- whole replies

    def _context(self, flow: HTTPFlow, exchange: Exchange) -> Context | None:
        if exchange.context is None and isinstance(exchange.outcome, Rewritten):
            memory = exchange.memory or self.house.memory
            exchange.context = context_of(flow, exchange.outcome, memory, tried=exchange.tried, begun=exchange.begun)
        return exchange.context

    def _whole(self, flow: HTTPFlow, response: Response, exchange: Exchange, outcome: Rewritten) -> None:
        context = self._context(flow, exchange)
        exchange.first_byte = exchange.first_byte or time.monotonic()
        if context is None and is_aside(outcome):
            self._aside(response, exchange, outcome)
            return
        if context is None:
            upstream = outcome.decision.upstream
            most = upstream.provider.limits.reply_body if upstream is not None else DEFAULT_LIMIT
            try:  # mitmproxy's own decoding has no bound
                raw = response.raw_content or b""
                body = decode(raw, response.headers.get("content-encoding"), limit=most) if raw else raw
            except CodingError:
                return  # it passes as it came
            wire = WIRES[outcome.facts.wire or "chat"]
            exchange.tally = wire.tally()
            exchange.tally.body(body)
            if outcome.reply_name is not None:
                response.content = renamed(body, wire, outcome.reply_name)
            return
        exchange.tally = context.upstream.tally()
        raw = response.raw_content or b""
        coding = _coding(response, raw[:16])
        try:
            body = decode(raw, coding, limit=context.limits.reply_body) if coding and raw else raw
            kind = response.headers.get("content-type")
            answer = whole(context, response.status_code, body, kind, exchange.tally)
        except CodingError as error:
            body = b""
            said = Failure("upstream", BAD_GATEWAY, told(outcome, f"sent a body that cannot be read: {error}"))
            answer = failed(context, said, response.status_code)
        undeclared = coding is not None and "content-encoding" not in response.headers and context.edits
        if answer.body is not body or answer.content_type is not None or undeclared:
            response.headers.pop("content-encoding", None)
            response.content = answer.body
        self._apply(response, exchange, answer)

    def _aside(self, response: Response, exchange: Exchange, outcome: Rewritten) -> None:
        """Give a count of tokens or a list of models; a count may be an estimate, and then its head says so."""
        try:
            coding, raw = response.headers.get("content-encoding"), response.raw_content or b""
            body = decode(raw, coding) if coding and raw else raw
        except CodingError:
            return  # it passes as it came
        answer = aside(outcome, response.status_code, body, response.headers.get("content-type"))
        if answer is None:
            return
        response.headers.pop("content-encoding", None)
        response.content = answer.body
        if any(note.short == "path-count-tokens-404" for note in answer.notes):
            name, value = ESTIMATED
            response.headers[name] = value
        self._apply(response, exchange, answer)

    def _apply(self, response: Response, exchange: Exchange, answer: Answer) -> None:
        """Give the head of an answer; the notes say what was done."""
        exchange.notes += answer.notes
        if answer.status != response.status_code:
            response.status_code = answer.status
            response.reason = Response.make(answer.status).reason
        if answer.content_type is not None:
            response.headers["content-type"] = answer.content_type
            response.headers["content-length"] = str(len(answer.body))
            response.headers.pop("content-encoding", None)
            response.headers.pop("transfer-encoding", None)
        if answer.failure is not None:
            exchange.error = exchange.error or answer.failure.message
        if answer.final and answer.status >= BAD:
            _say_final(response, exchange)


def _say_final(response: Response, exchange: Exchange) -> None:
    """Tell the client not to try a final failure again."""
    if response.headers.get("x-should-retry") != "false":
        response.headers["x-should-retry"] = "false"
        exchange.notes.append(final_note(response.status_code))


def _tell_losses(response: Response, exchange: Exchange) -> None:
    """Show in the response's head which of the client's intents did not reach the provider (G5)."""
    lost = losses(exchange.notes)
    if lost is not None:
        response.headers["x-wiremend-lost"] = lost


def _coding(response: Response, first: bytes) -> str | None:
    """Give the coding that the body is in: declared, or seen by its first bytes."""
    declared = (response.headers.get("content-encoding") or "").strip().lower()
    return declared if declared not in {"", "identity"} else undeclared_coding(first)


def _unframe(flow: HTTPFlow, response: Response) -> None:
    """Let a stream be longer or shorter than its provider made it. HTTP/2 frames its messages itself."""
    response.headers.pop("content-length", None)
    if flow.client_conn.alpn != b"h2":
        response.headers["transfer-encoding"] = "chunked"


def _comes_bit_by_bit(response: Response) -> bool:
    """Tell whether a site sends its answer in parts that are each of use: events, or a line of JSON at a time."""
    kind: str = response.headers.get("content-type", "")
    return kind.partition(";")[0].strip().lower() in _PARTS


def _length(response: Response) -> int:
    text = response.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() else 0


def may_go_on(exchange: Exchange) -> bool:
    """Tell whether another try may follow, as long as the client has been given nothing."""
    return exchange.running is not None and exchange.running.may_go_on
