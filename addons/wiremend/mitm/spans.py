"""OpenTelemetry, where the standard variables ask for it: each row becomes a span in :mod:`wiremend.ledger.spans`."""

from __future__ import annotations

import asyncio
import logging
import os
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mitmproxy import ctx

from wiremend.families import scrubbed
from wiremend.ledger.spans import MISSING, Asked, Tracer, exporters, has_opentelemetry, wanted
from wiremend.mitm.asking import ROUTE

if TYPE_CHECKING:
    from mitmproxy.http import HTTPFlow

    from wiremend.ledger.row import CallRow, ToolRow
    from wiremend.mitm.exchange import Exchange
    from wiremend.mitm.house import House

logger = logging.getLogger("wiremend")

CLOSING: Final = 2.0
"""Seconds that the end of the proxy waits for spans to be exported."""

KEPT: Final = 10_000
"""Requests of which something is kept at most until their rows come; those that are no LLM calls have none."""

_UUID: Final = 36
"""Characters of a flow's id. Where one flow has several rows, their ids go on behind it."""

_SCREEN: Final = "console_palette"
"""An option that mitmproxy's own screen alone has."""


@dataclass(slots=True)
class _Kept:
    """What is kept of a request until its row comes; a WebSocket has several rows."""

    traceparent: str | None = None
    tracestate: str | None = None
    exchange: Exchange | None = None
    socket: bool = False


class Spans:
    """Makes a span of each call, as a child of the client's own where its request brings W3C Trace Context."""

    def __init__(self, house: House) -> None:
        """Keep the house. Nothing of OpenTelemetry is imported before the proxy runs."""
        self.house = house
        self.tracer: Tracer | None = None
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._loop: asyncio.AbstractEventLoop | None = None
        house.on_row.append(self.row)

    # -- mitmproxy's hooks

    def running(self) -> None:
        """Start, where the variables ask for spans."""
        self._loop = asyncio.get_running_loop()
        if self.tracer is not None or not wanted(os.environ):
            return
        if not has_opentelemetry():
            logger.info("%s (or set OTEL_SDK_DISABLED=true)", MISSING)
            return
        names = exporters(os.environ)
        if _SCREEN in ctx.options:
            names = tuple(name for name in names if name != "console")  # it would write over the screen
        self.tracer = Tracer(self._warn)
        self.tracer.start(names, os.environ)

    def requestheaders(self, flow: HTTPFlow) -> None:
        """Keep the trace context of a request."""
        if self.tracer is not None and "traceparent" in flow.request.headers:
            kept = self._keep(flow)
            kept.traceparent = flow.request.headers["traceparent"]
            kept.tracestate = flow.request.headers.get("tracestate")

    def request(self, flow: HTTPFlow) -> None:
        """Keep the exchange, which is gone when its row comes."""
        exchange = self.house.exchanges.get(flow.id) if self.tracer is not None else None
        if exchange is not None:
            self._keep(flow).exchange = exchange

    def websocket_start(self, flow: HTTPFlow) -> None:
        """Keep it for more than one row."""
        if flow.id in self._kept:
            self._kept[flow.id].socket = True

    def websocket_end(self, flow: HTTPFlow) -> None:
        """Keep it no longer."""
        self._kept.pop(flow.id, None)

    async def done(self) -> None:
        """Export what waits, for a short while."""
        if self.tracer is not None:
            await asyncio.to_thread(self.tracer.close, CLOSING)

    # -- what the house says

    def row(self, row: CallRow, _tools: tuple[ToolRow, ...], _results: tuple[str, ...]) -> None:
        """Take a finished call."""
        if self.tracer is None:
            return
        flow = row.id[:_UUID]
        kept = self._kept.get(flow) or _Kept()
        if not kept.socket and row.route != ROUTE:  # a router is asked before the call itself
            self._kept.pop(flow, None)
        stream = answered = None
        if kept.exchange is not None:
            stream, tally = kept.exchange.facts.stream, kept.exchange.tally
            answered = scrubbed(tally.model, kept.exchange.secrets()) if tally is not None and tally.model else None
        address, port = self._server(row)
        self.tracer.put(row, Asked(kept.traceparent, kept.tracestate, bool(stream), answered, address, port))

    # -- how

    def _keep(self, flow: HTTPFlow) -> _Kept:
        kept = self._kept.setdefault(flow.id, _Kept())
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return kept

    def _server(self, row: CallRow) -> tuple[str | None, int | None]:
        """Give host and port of the provider, by the rules."""
        resolved = self.house.resolved
        upstream = resolved.upstreams.get(row.provider) if resolved is not None and row.provider is not None else None
        if upstream is None:
            return None, None
        wire, bases = row.upstream_wire or row.wire, upstream.bases
        base = next((base for name, base in bases.items() if name == wire), None) or next(iter(bases.values()), None)
        return (base.host, base.port) if base is not None else (None, None)

    def _warn(self, key: str, message: str) -> None:
        """Log a warning once, in the event loop; the thread calls."""
        with suppress(RuntimeError):  # the loop is closed, and the log with it
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self.house.tell_once, key, message)
