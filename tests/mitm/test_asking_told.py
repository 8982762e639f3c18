"""What is told of a router's question: a span of the same trace as the call that it was asked for, and a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mitmproxy.test import tflow

from wiremend.ledger.row import CallRow, to_line
from wiremend.mitm.asking import CLIENT, ROUTE
from wiremend.mitm.house import House
from wiremend.mitm.spans import Spans

if TYPE_CHECKING:
    from wiremend.ledger.spans import Asked

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class Puts:
    """Stands for the thread, and keeps what it is given."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.got: list[tuple[str, str | None]] = []

    def put(self, row: CallRow, asked: Asked) -> None:
        """Take a row."""
        self.got.append((row.id, asked.traceparent))


def row(ident: str, route: str | None = None) -> CallRow:
    return CallRow(
        time=0.0,
        client=CLIENT if route else "claude-code",
        agent=None,
        wire="chat",
        asked="judge",
        provider="small",
        model="judge",
        status=200,
        first_byte_s=None,
        total_s=0.4,
        input_tokens=50,
        output_tokens=2,
        route=route,
        id=ident,
    )


def test_both_spans_have_the_clients_own_as_their_parent() -> None:
    house, puts = House(), Puts()
    spans = Spans(house)
    spans.tracer = puts  # type: ignore[assignment]  # has the one method that is called
    flow = tflow.tflow()
    flow.request.headers["traceparent"] = TRACEPARENT
    spans.requestheaders(flow)
    house.told(row(f"{flow.id}-router", ROUTE))
    house.told(row(flow.id))
    house.told(row(flow.id))
    assert puts.got == [(f"{flow.id}-router", TRACEPARENT), (flow.id, TRACEPARENT), (flow.id, None)]


def test_its_line_says_who_was_asked_and_what_it_cost() -> None:
    assert to_line(row("1", ROUTE)) == "wiremend-router  judge → small/judge  chat 200  50 in, 2 out"
