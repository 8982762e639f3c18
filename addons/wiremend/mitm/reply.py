"""Responses: streamed through as they come, observed on the way, and one line a call when they end.

mitmproxy buffers a response to its end unless told otherwise, server-sent events included; so a client would see
nothing of a generation until it is over. Every reply to an LLM request is streamed, and so are event streams and
large downloads of any other site (G6). A provider that fails is told in the client's own wire, so that the client
stops where asking again would not help, and never takes a cut for an end (G2).
"""

from __future__ import annotations

import json
import logging
import time
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from mitmproxy import ctx
from mitmproxy.http import Response
from mitmproxy.log import ALERT

from wiremend.errors import BodyError
from wiremend.jsonedit import Edit, apply, get
from wiremend.ledger.row import CallRow, to_line
from wiremend.ledger.sinks import append_json
from wiremend.mitm.observe import Observer, is_event_stream, renamed
from wiremend.notes import Note
from wiremend.pipeline import Rewritten
from wiremend.protocols import WIRES
from wiremend.rules.families import scrubbed
from wiremend.rules.urls import authority

if TYPE_CHECKING:
    from mitmproxy.http import HTTPFlow

    from wiremend.mitm.exchange import Exchange
    from wiremend.mitm.house import House

logger = logging.getLogger("wiremend")

LARGE = 16 * 1024 * 1024
"""Bytes from which a download of any site is streamed rather than held."""

FINAL = frozenset({401, 402, 403, 404})
"""Statuses that come again however often one asks: a wrong key, an empty balance, a closed door, a name nobody has."""

GIVES_UP_ON = {"codex": 400}
"""Agents that try again after a final status, header or not, and the one that they take for an answer.

Codex 0.169 asks six times after 401, 402, 403, 404 and 422, in 7 s, and once after 400 (measured, 2026-11).
"""

SWITCHING = 101
BAD_GATEWAY = 502

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
            _say_final(response, exchange)
            if exchange.answered is not None:
                return  # its error text is to tell the status that the provider gave
            if exchange.outcome.reply_name is not None and not is_event_stream(response):
                return  # its name is put back in the response hook, and that wants the whole body
            response.stream = Observer(flow, response, exchange, exchange.outcome, self.house)
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

    # -- what breaks (see :class:`wiremend.mitm.layer.Endings`)

    def unanswered(self, flow: HTTPFlow, message: str) -> Response | None:
        """Tell the client in its wire's own words that the upstream did not answer."""
        exchange = self.house.exchanges.get(flow.id)
        if exchange is None or not isinstance(exchange.outcome, Rewritten):
            return None
        try:
            text = _told(exchange.outcome, f"did not answer: {message}")
            exchange.notes.append(Note("failed", "reply", "", text))
            wire = WIRES[exchange.facts.wire or "chat"]
            body = b"" if flow.request.method == "HEAD" else wire.error_body(BAD_GATEWAY, "upstream", text)
            return Response.make(BAD_GATEWAY, body, {"content-type": "application/json", "x-wiremend": "failed"})
        except Exception as error:  # noqa: BLE001 - the edge (G7)
            self.house.failed(flow.id, "to end the exchange", error)
            return None

    def cut(self, flow: HTTPFlow, message: str) -> bytes | None:
        """End a stream of events with the wire's own error; a cut is never turned into a success (G2)."""
        observer = flow.response.stream if flow.response else None
        if not isinstance(observer, Observer) or observer.events is None or not observer.watching:
            return None
        try:
            outcome = observer.exchange.outcome
            text = _told(outcome, f"cut the stream: {message}") if isinstance(outcome, Rewritten) else message
            observer.exchange.notes.append(Note("invented", "stream", "cut", text, "the upstream was cut"))
            return observer.wire.error_event(text, observer.ident, observer.seen)
        except Exception as error:  # noqa: BLE001 - the edge (G7)
            self.house.failed(flow.id, "to end the stream", error)
            return None

    @staticmethod
    def _whole(response: Response, exchange: Exchange, outcome: Rewritten) -> None:
        body = response.content or b""
        if exchange.answered is not None:
            body = response.content = _with_status(body, exchange.answered)
        wire = WIRES[outcome.facts.wire or "chat"]
        exchange.first_byte = exchange.first_byte or time.monotonic()
        exchange.tally = wire.tally()
        exchange.tally.body(body)
        if outcome.reply_name is not None:
            response.content = renamed(body, wire, outcome.reply_name)

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


def _say_final(response: Response, exchange: Exchange) -> None:
    """Tell the client not to try a final failure again.

    The SDKs of Anthropic and OpenAI heed ``x-should-retry``. Without it Claude Code 2.1.197 asks on after a 401 for
    more than 40 s, with it the cause is on the screen at once (measured, 2026-11).
    """
    status = response.status_code
    if status not in FINAL or not exchange.facts.generates:
        return
    if "x-should-retry" not in response.headers:
        response.headers["x-should-retry"] = "false"
        what = f"a {status} is final: x-should-retry: false"
        exchange.notes.append(Note("mended", "header:x-should-retry", "x-should-retry", what))
    wanted = GIVES_UP_ON.get(exchange.facts.client or "")
    if wanted is not None:
        exchange.answered = status
        response.status_code = wanted
        response.reason = HTTPStatus(wanted).phrase
        what = (
            f"{status} -> {wanted}, which {exchange.facts.client} takes for final; the error's text tells the {status}"
        )
        exchange.notes.append(Note("mended", "status", "status", what))


def _with_status(body: bytes, status: int) -> bytes:
    """Put the provider's status into the text of an error; one that has no such text stays as it is."""
    try:
        said = get(body, ("error", "message"))
        if said is None or said[:1] != b'"':
            return body
        text = f"{json.loads(said)} (the provider answered {status})"
        return apply(body, [Edit("set", ("error", "message"), json.dumps(text).encode())]).body
    except BodyError:
        return body


def _told(outcome: Rewritten, what: str) -> str:
    """Say who failed, and how; the place without its query, which may hold a credential."""
    where = authority(outcome.destination.scheme, outcome.destination.host, outcome.destination.port)
    name = outcome.decision.provider
    return f"{name} ({where}) {what}" if name else f"{where} {what}"


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
