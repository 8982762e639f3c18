"""Calls: each has one row, whatever becomes of it.

A call begins with the head of a request for an endpoint of an LLM, before anything is decided, and ends once: with its
response, with its error, with its client's connection where mitmproxy says no more of it (flows that are killed, for
one), or with the proxy. What is known of it by then is in its row: all that its exchange has gathered, or, where a bug
of ours or a refusal at the door left none, what the flow itself says. A row that cannot be made is made without what
cannot be had (G7). The hook that ends a call runs before the end of the response leaves, so a client that has seen it
has its row.

A row has neither credential nor prompt in it (G8). Who is told of rows stands in
:attr:`~wiremend.mitm.house.House.on_row`; the lines of the log and of the option ``wiremend_calls`` are such.
"""

from __future__ import annotations

import time
from pathlib import Path
from time import perf_counter_ns
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import msgspec
from mitmproxy import ctx

from wiremend.captures.scrub import Scrubber
from wiremend.codings import decode
from wiremend.errors import CodingError
from wiremend.families import scrubbed
from wiremend.ledger.row import CallRow, ToolRow, to_line
from wiremend.ledger.sinks import append_json
from wiremend.mitm import listing
from wiremend.mitm.convert import headers_of
from wiremend.mitm.exchange import Call
from wiremend.mitm.observe import KEPT
from wiremend.mitm.telling import tell
from wiremend.pipeline.edited import CLAMPED
from wiremend.pipeline.outcome import Refused, Rewritten
from wiremend.protocols import TURNS, WIRES
from wiremend.protocols.tools import ToolCalls, results_of
from wiremend.replay.beside import shortened
from wiremend.rules.clients import client_of
from wiremend.rules.facts import credentials_of, peek, wire_of
from wiremend.rules.urls import locate, query_credentials, split_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mitmproxy.connection import Client
    from mitmproxy.http import HTTPFlow

    from wiremend.mitm.exchange import Exchange
    from wiremend.mitm.house import House
    from wiremend.notes import Note
    from wiremend.protocols.base import Tally, WireName
    from wiremend.protocols.tools import ToolCall
    from wiremend.rules.facts import Facts

_WORD: Final = 80
"""Characters of a reason to stop: it is a word, but not one of ours."""


class Calls:
    """Begins and ends calls. Its hooks stand behind those of Reply, and before those of Remember."""

    def __init__(self, house: House) -> None:
        """Keep the house, and tell the log of its rows."""
        self.house = house
        house.on_row += [_log, _write]

    # -- mitmproxy's hooks

    def requestheaders(self, flow: HTTPFlow) -> None:
        """Begin a call."""
        self.begins(flow)

    def response(self, flow: HTTPFlow) -> None:
        """End a call. That of a WebSocket goes on, and its rows are made where its messages are."""
        self.ends(flow, None)

    def error(self, flow: HTTPFlow) -> None:
        """End a call that broke."""
        self.ends(flow, flow.error.msg if flow.error is not None else "it broke")

    def client_disconnected(self, client: Client) -> None:
        """End what mitmproxy ended without a word. What it sends once more is no longer that client's."""
        for call in list(self.house.calls.values()):
            if call.flow.client_conn.id == client.id and call.flow.is_replay != "request":
                self.ends(call.flow, "the client's connection was closed")

    def done(self) -> None:
        """End what is under way."""
        for call in list(self.house.calls.values()):
            self.ends(call.flow, "the proxy was shut down")

    # -- how

    def begins(self, flow: HTTPFlow) -> None:
        """Begin a call, where the request is for an endpoint of an LLM and Wiremend is not switched off."""
        try:
            if self.house.resolved is None or not flow.live or locate(flow.request.path) is None:
                return  # one that is not live comes out of a file, to be looked at
            # What mitmproxy replays keeps the id of its flow, also when it comes out of a file.
            again = flow.is_replay == "request" and flow.id not in self.house.again
            self.house.calls[flow.id] = Call(flow, f"{flow.id}-{uuid4().hex[:8]}" if again else flow.id)
        except Exception as error:  # noqa: BLE001 - the edge (G7)
            self.house.failed(flow.id, "to begin the call", error)

    def ends(self, flow: HTTPFlow, error: str | None) -> None:
        """End a call, if it is under way: tell of its row, and show in the flow list what became of it."""
        exchange = self.house.exchanges.pop(flow.id, None)
        call = self.house.calls.pop(flow.id, None)
        try:
            if exchange is not None:
                over(flow, exchange)
                warn_of_clamped(self.house, exchange, exchange.notes)
                if call is None and exchange.facts.endpoint is not None:
                    call = Call(flow, flow.id, exchange.began)
        except Exception as failure:  # noqa: BLE001 - the edge (G7)
            self.house.failed(flow.id, "to end the call", failure)
        if call is None:  # a probe of some other path at the gateway is no call
            return
        error = error or (flow.error.msg if flow.error is not None else None)
        began = perf_counter_ns()
        tools, results = self._tools(call, exchange)
        call.own_ns += perf_counter_ns() - began
        row = made(self.house, call, lambda: row_of(call, exchange, error) if exchange else self._bare(call, error))
        try:
            if exchange is not None:
                listing.ended(flow, exchange, row)
        except Exception as failure:  # noqa: BLE001 - the edge (G7)
            self.house.failed(flow.id, "to list the call", failure)
        self.house.told(row, tools, results)

    def _tools(self, call: Call, exchange: Exchange | None) -> tuple[tuple[ToolRow, ...], tuple[str, ...]]:
        """Give the tools that the client was told to call, and the calls whose results it brought."""
        try:
            if exchange is None or not is_turn(exchange.facts):
                return (), ()
            calls = exchange.reply.tools if exchange.reply is not None else exchange.tools
            if calls is None:
                calls = _called(call.flow, exchange.facts)
            return tools_of(call.id, calls.calls, exchange), results_in(exchange.facts)
        except Exception as failure:  # noqa: BLE001 - the edge (G7)
            self.house.failed(call.flow.id, "to write down the call's tools", failure)
            return (), ()

    def _bare(self, call: Call, error: str | None) -> CallRow:
        """Give the row of a call of which nothing is known but its flow."""
        flow, resolved = call.flow, self.house.resolved
        headers, path = headers_of(flow.request), split_path(flow.request.path)[0]
        own = (credential.value for credential in credentials_of(headers))
        secrets = (*own, *query_credentials(flow.request.path), *(resolved.secrets if resolved is not None else ()))
        wire = wire_of(locate(path), headers)
        agent = headers.get(resolved.rules.agent_header) if resolved is not None else None
        tally = _read(flow, wire)

        def clean(text: str | None) -> str | None:
            return scrubbed(text, secrets) if text else text

        said = error or (tally.error if tally is not None else None)
        return CallRow(
            time=flow.request.timestamp_start,
            client=client_of(headers.get("user-agent")),
            agent=clean(agent or ctx.options.wiremend_agent or None),
            wire=wire,
            asked=clean(peek(flow.request.raw_content)[0]),
            provider=None,
            model=None,
            status=flow.response.status_code if flow.response is not None else None,
            first_byte_s=None,
            total_s=round(time.monotonic() - call.began, 3),
            input_tokens=tally.input_tokens if tally is not None else None,
            output_tokens=tally.output_tokens if tally is not None else None,
            cached_tokens=tally.cached_tokens if tally is not None else None,
            reasoning_tokens=tally.reasoning_tokens if tally is not None else None,
            error=clean(Scrubber().text(said)) if said else None,
            path=clean(path),
            id=call.id,
            stop_reason=shortened(clean(tally.stop_reason) or "", _WORD) or None if tally is not None else None,
            overhead_ms=_milliseconds(call.own_ns),
            capture=call.capture,
        )


def over(flow: HTTPFlow, exchange: Exchange) -> None:
    """Take what the reply's stream has to say at its end into the exchange, once."""
    if exchange.finished:
        return
    exchange.finished = True
    if exchange.reply is not None:
        exchange.notes += exchange.reply.notes()
        failure = exchange.reply.failure
        exchange.error = exchange.error or (failure.message if failure is not None else None)
    exchange.pin(flow)


def warn_of_clamped(house: House, exchange: Exchange, notes: Iterable[Note]) -> None:
    """Warn of numbers that the rules' bounds changed, once for each edit."""
    for note in notes:
        if note.short == CLAMPED:
            key = f"clamped:{exchange.resolved.rules.hash}:{note.why}"
            house.tell_once(key, f"{note.why}: {note.where} {note.what} (told once; each flow has its note)")


def made(house: House, call: Call, make: Callable[[], CallRow]) -> CallRow:
    """Give the row that is made so; one that says little is better than none (G7)."""
    try:
        return make()
    except Exception as failure:  # noqa: BLE001 - the edge (G7)
        house.failed(call.flow.id, "to write the call's row", failure)
        return _least(call, f"Wiremend failed to write this row ({type(failure).__name__})")


def row_of(call: Call, exchange: Exchange, error: str | None) -> CallRow:
    """Give the row of a finished call."""
    flow, outcome, tally = call.flow, exchange.outcome, exchange.tally
    decision = outcome.decision if isinstance(outcome, Rewritten) else None
    now = time.monotonic()
    refused = outcome.message if isinstance(outcome, Refused) else None
    if error and exchange.is_whole:
        error = None  # the client had all of it, and left, or the provider did, before the message was over
    said = error or exchange.error or (tally.error if tally else None) or refused
    secrets = exchange.secrets()

    def clean(text: str | None) -> str | None:
        return scrubbed(text, secrets) if text else text

    def codes(*kinds: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(note.short for note in exchange.notes if note.kind in kinds and note.short))

    return CallRow(
        time=flow.request.timestamp_start,
        client=exchange.facts.client,
        agent=clean(exchange.facts.agent),
        wire=exchange.facts.wire,
        asked=clean(exchange.facts.model),
        provider=decision.provider if decision else None,
        model=clean(decision.sent) if decision else None,
        status=flow.response.status_code if flow.response else None,
        first_byte_s=round(exchange.first_byte - call.began, 3) if exchange.first_byte else None,
        total_s=round(now - call.began, 3),
        input_tokens=tally.input_tokens if tally else None,
        output_tokens=tally.output_tokens if tally else None,
        cached_tokens=tally.cached_tokens if tally else None,
        mended=codes("edited", "mended", "invented"),
        seen=codes("seen"),
        route=decision.route if decision else None,
        error=clean(Scrubber().text(said)) if said else None,  # it may be JSON with tokens in it
        path=clean(exchange.facts.path),
        id=call.id,
        upstream_wire=decision.wire if decision else None,
        attempts=tuple(msgspec.structs.replace(one, model=clean(one.model)) for one in exchange.tries),
        stop_reason=shortened(clean(tally.stop_reason) or "", _WORD) or None if tally else None,
        reasoning_tokens=tally.reasoning_tokens if tally else None,
        overhead_ms=_milliseconds(call.own_ns + exchange.own_ns),
        losses=codes("lost"),
        capture=call.capture,
    )


def is_turn(facts: Facts) -> bool:
    """Tell whether a request asks for a turn of a conversation, which may call tools and bring their results."""
    return facts.wire is not None and facts.endpoint is not None and facts.endpoint.path == TURNS[facts.wire]


def tools_of(call: str, calls: Iterable[ToolCall], exchange: Exchange) -> tuple[ToolRow, ...]:
    """Give the rows of the tools that a client was told to call; ``call`` is the id of the call's row."""
    secrets = exchange.secrets()
    return tuple(
        ToolRow(call, scrubbed(one.id, secrets), scrubbed(one.name, secrets), one.argument_bytes) for one in calls
    )


def results_in(facts: Facts) -> tuple[str, ...]:
    """Give the ids of the tools' results that a request brings for the first time."""
    return results_of(facts.wire, facts.body) if facts.wire is not None else ()


def _called(flow: HTTPFlow, facts: Facts) -> ToolCalls:
    """Read what tools a whole body calls."""
    calls = ToolCalls(facts.wire or "chat")
    calls.body(_body_of(flow))
    return calls


def _body_of(flow: HTTPFlow) -> bytes:
    """Give a whole reply as it can be read; nothing where it was streamed, or cannot be."""
    response = flow.response
    if response is None or response.stream or not response.raw_content:
        return b""
    try:
        return decode(response.raw_content, response.headers.get("content-encoding"), limit=KEPT)
    except CodingError:
        return b""


def _least(call: Call, error: str) -> CallRow:
    """Give a row that says that there was a call, and how it ended."""
    request, response = call.flow.request, call.flow.response
    return CallRow(
        time=request.timestamp_start,
        client=None,
        agent=None,
        wire=None,
        asked=None,
        provider=None,
        model=None,
        status=response.status_code if response is not None else None,
        first_byte_s=None,
        total_s=round(time.monotonic() - call.began, 3),
        error=error,
        id=call.id,
    )


def _read(flow: HTTPFlow, wire: WireName | None) -> Tally | None:
    """Read what a whole body says of itself."""
    body = _body_of(flow)
    if wire is None or not body:
        return None
    tally = WIRES[wire].tally()
    tally.body(body)
    return tally


def _milliseconds(nanoseconds: int) -> float:
    return round(nanoseconds / 1e6, 3)


def _log(row: CallRow, tools: tuple[ToolRow, ...], results: tuple[str, ...]) -> None:  # noqa: ARG001 - as all are told
    """Write a row into the log."""
    if ctx.options.wiremend_call_log:
        tell("%s", to_line(row))


def _write(row: CallRow, tools: tuple[ToolRow, ...], results: tuple[str, ...]) -> None:  # noqa: ARG001 - as above
    """Write a row into the file of the option."""
    if ctx.options.wiremend_calls:
        append_json(Path(ctx.options.wiremend_calls), row)
