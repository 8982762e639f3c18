"""WebSockets of the responses wire: messages mended both ways, one row a response, a failure before an early close.

What becomes of a message :mod:`wiremend.pipeline.socket` decides; here it is carried out. A message that does not pass
as it came is dropped in mitmproxy's sense, and what goes in its place is put in behind it, so that the flow, and the
capture of it, holds both: what came, and what was sent on (G9).

mitmproxy's hook can change a message or drop it, but not put others in their place in order: what its command
``inject.websocket`` sends waits until all that came in the same packet has gone. So its layer becomes a subclass as
soon as the socket is open, which sends what the hook left for it, and asks once more before it passes on a close. The
layer stands on internals of mitmproxy 12.2.3 (:data:`INTERNALS`); where a release has changed them, messages go
through ``inject.websocket``, and no failure stands before a close.

The edge of guarantee G7 for messages: after a bug of ours the rest of the socket passes as it comes.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from functools import partial
from time import perf_counter_ns
from typing import TYPE_CHECKING, Final, Protocol, cast

import msgspec
from mitmproxy import ctx
from mitmproxy.proxy import commands, layer
from mitmproxy.proxy.layers.websocket import WebsocketConnection, WebsocketLayer, WebsocketMessageHook
from mitmproxy.websocket import WebSocketMessage
from wsproto.connection import ConnectionState
from wsproto.events import TextMessage
from wsproto.frame_protocol import Opcode

from wiremend.mitm import listing
from wiremend.mitm.calls import made, results_in, row_of, tools_of, warn_of_clamped
from wiremend.mitm.exchange import Call, Exchange
from wiremend.mitm.mending import SHOWN
from wiremend.pipeline import frames
from wiremend.pipeline.outcome import Rewritten
from wiremend.pipeline.socket import Socket
from wiremend.protocols import TURNS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mitmproxy.connection import Client
    from mitmproxy.http import HTTPFlow
    from mitmproxy.proxy import events

    from wiremend.ledger.row import CallRow
    from wiremend.mitm.house import House
    from wiremend.pipeline.socket import Turn

type Message = tuple[bool, bytes]
"""A message that goes in another's place: whether it is for the client, and its text in UTF-8."""

_BROKEN: Final = "Wiremend failed on this WebSocket, which passes as it comes"

INTERNALS = (
    (WebsocketLayer, ("relay_messages", "client_ws", "server_ws", "flow")),
    (WebsocketConnection, ("send2", "state")),
)
"""What the layer stands on: classes, and the names in them."""


def missing_internals() -> list[str]:
    """Give what this mitmproxy no longer has of :data:`INTERNALS`."""
    return [
        f"{kind.__name__}.{name}"
        for kind, names in INTERNALS
        for name in names
        if not hasattr(kind, name) and name not in getattr(kind, "__annotations__", {})
    ]


class Instead(Protocol):
    """Who knows what goes in the place of a message, and before a close."""

    def instead(self, flow: HTTPFlow) -> list[Message]:
        """Give what goes in the place of the message that the hook has just seen."""

    def closing(self, flow: HTTPFlow) -> list[Message]:
        """Give what goes before a close that is about to be passed on."""


class WireSocket(WebsocketLayer):
    """A WebSocket in which a message may become several, or another's."""

    sockets: Instead

    def relay_messages(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Let mitmproxy relay, and put in what is to be sent besides."""
        relaying = super().relay_messages(event)
        reply: object = None
        closed = False
        while True:
            try:
                command = relaying.send(reply)
            except StopIteration:
                return
            if not closed and self._closes(command):
                closed = True
                yield from self._send(self.sockets.closing(self.flow))
            reply = yield command
            if isinstance(command, WebsocketMessageHook):
                yield from self._send(self.sockets.instead(self.flow))

    def _closes(self, command: commands.Command) -> bool:
        """Tell whether a command belongs to a close; the first of them comes when the flow says so already."""
        socket = self.flow.websocket
        return (
            socket is not None
            and socket.timestamp_end is not None
            and isinstance(command, commands.SendData | commands.CloseConnection)
        )

    def _send(self, messages: Iterable[Message]) -> layer.CommandGenerator[None]:
        for to_client, data in messages:
            side = self.client_ws if to_client else self.server_ws
            if side.state is ConnectionState.OPEN and self.flow.websocket is not None:
                self.flow.websocket.messages.append(WebSocketMessage(Opcode.TEXT, not to_client, data, injected=True))
                yield side.send2(TextMessage(data=data.decode("utf-8", "replace")))


@dataclass(slots=True)
class _Open:
    """A socket under way."""

    flow: HTTPFlow
    socket: Socket
    exchange: Exchange
    """Of the handshake; it gathers the notes of all turns."""
    call: Call
    instead: list[Message] = field(default_factory=list)
    adopted: bool = False
    broken: bool = False
    """Whether a bug of ours has ended the mending (G7); ``unseen`` counts the turns that were asked for since."""
    unseen: int = 0
    row: CallRow | None = None
    """What all turns came to, for the flow list."""


class Sockets:
    """Mends WebSockets. Its hooks stand before those of Reply and of Remember."""

    def __init__(self, house: House) -> None:
        """Keep the house."""
        self.house = house
        self.open: dict[str, _Open] = {}

    # -- mitmproxy's hooks

    def response(self, flow: HTTPFlow) -> None:
        """Take a socket over once it is open: its rows are those of its responses."""
        exchange = self.house.exchanges.get(flow.id)
        if flow.websocket is None or exchange is None or not isinstance(exchange.outcome, Rewritten):
            return
        facts = exchange.facts
        if facts.endpoint is None or facts.wire != "responses" or facts.endpoint.path != TURNS["responses"]:
            return
        memory = exchange.memory or self.house.memory
        socket = Socket(exchange.outcome, exchange.resolved, memory, seed=flow.id, flow=flow.id[:SHOWN])
        call = self.house.calls.pop(flow.id, None) or Call(flow, flow.id, exchange.began)
        self.open[flow.id] = _Open(flow, socket, exchange, call)
        del self.house.exchanges[flow.id]
        exchange.finished = True

    def websocket_start(self, flow: HTTPFlow) -> None:
        """Make mitmproxy's layer one of ours."""
        found = self.open.get(flow.id)
        if found is None:
            return
        try:
            found.adopted = _adopt(flow, self)
        except Exception as error:  # noqa: BLE001 - the edge (G7)
            self.house.failed(flow.id, "to look into the WebSocket", error)

    def websocket_message(self, flow: HTTPFlow) -> None:
        """Look at the message that has just come."""
        found = self.open.get(flow.id)
        message = flow.websocket.messages[-1] if flow.websocket is not None else None
        if found is None or message is None or message.injected or not message.is_text:
            return
        if found.broken:
            self._unseen(found, message)
            return
        began, turns = perf_counter_ns(), found.socket.begun
        try:
            _take(found, message)
            found.call.own_ns += perf_counter_ns() - began
            self._tell(found)
        except Exception as error:  # noqa: BLE001 - the edge (G7)
            found.broken, found.instead, message.dropped = True, [], False
            self.house.failed(flow.id, "to mend the WebSocket", error)
            self._abandon(found)
            if found.socket.begun == turns:
                self._unseen(found, message)
        for to_client, data in self.instead(flow) if not found.adopted else ():
            ctx.master.commands.call("inject.websocket", flow, to_client, data)

    def websocket_end(self, flow: HTTPFlow) -> None:
        """Finish the socket."""
        self._end(flow, None)

    def error(self, flow: HTTPFlow) -> None:
        """Finish a socket that broke."""
        self._end(flow, flow.error.msg if flow.error is not None else "it broke")

    def client_disconnected(self, client: Client) -> None:
        """Finish what mitmproxy ended without a word."""
        for found in [one for one in self.open.values() if one.flow.client_conn.id == client.id]:
            self._end(found.flow, "the client's connection was closed")

    def done(self) -> None:
        """Finish what is under way."""
        for found in list(self.open.values()):
            self._end(found.flow, "the proxy was shut down")

    # -- what the layer asks

    def instead(self, flow: HTTPFlow) -> list[Message]:
        """Give what goes in the place of the message that the hook has just seen."""
        found = self.open.get(flow.id)
        if found is None:
            return []
        messages, found.instead = found.instead, []
        return messages

    def closing(self, flow: HTTPFlow) -> list[Message]:
        """End the responses under way; the client is told before it hears of the close, unless it closed by itself."""
        socket = flow.websocket
        by_client = socket is not None and bool(socket.closed_by_client)
        given = self._close(flow, "the client closed the WebSocket" if by_client else None)
        return [] if by_client else [(True, data) for data in given]

    # -- how

    def _close(self, flow: HTTPFlow, why: str | None) -> list[bytes]:
        found = self.open.get(flow.id)
        if found is None or found.broken:
            return []
        try:
            given = found.socket.close(why)
            self._tell(found)
        except Exception as error:  # noqa: BLE001 - the edge (G7)
            found.broken = True
            self.house.failed(flow.id, "to end the WebSocket", error)
            self._abandon(found)
            return []
        return given

    def _end(self, flow: HTTPFlow, why: str | None) -> None:
        socket = flow.websocket
        by_client = socket is not None and bool(socket.closed_by_client)
        self._close(flow, why or ("the client closed the WebSocket" if by_client else None))
        found = self.open.pop(flow.id, None)
        if found is None or found.row is not None or found.unseen:
            return
        try:  # nothing was asked on it, or a bug of ours has ended the counting
            found.exchange.pin(flow)
            row = made(self.house, found.call, partial(row_of, found.call, found.exchange, why))
            listing.ended(flow, found.exchange, row)
            self.house.told(row)
        except Exception as error:  # noqa: BLE001 - the edge (G7)
            self.house.failed(flow.id, "to log the WebSocket", error)

    def _abandon(self, found: _Open) -> None:
        """Write the rows of the turns that were under way when the mending ended."""
        try:
            found.socket.abandon(_BROKEN)
            self._tell(found)
        except Exception as error:  # noqa: BLE001 - the edge (G7)
            self.house.failed(found.flow.id, "to log the WebSocket", error)

    def _unseen(self, found: _Open, message: WebSocketMessage) -> None:
        """Write a row for a turn that begins when nothing is mended any more; how it ends is not seen."""
        try:
            head = frames.head_of(message.content) if message.from_client else None
            if head is not None and head.type == frames.CREATE:
                found.unseen += 1
                row = made(self.house, found.call, partial(row_of, found.call, found.exchange, _BROKEN))
                self.house.told(msgspec.structs.replace(row, id=f"{found.call.id}-unseen{found.unseen}"))
        except Exception as error:  # noqa: BLE001 - the edge (G7)
            self.house.failed(found.flow.id, "to log the WebSocket", error)

    def _tell(self, found: _Open) -> None:
        """Tell of the turns that are over: a row each, their notes, and the flow list's line."""
        socket, exchange, flow = found.socket, found.exchange, found.flow
        if not socket.over and not socket.notes:
            return
        exchange.notes += socket.notes
        socket.notes = []
        turns, socket.over = socket.over, []
        for turn in turns:
            warn_of_clamped(self.house, exchange, turn.notes)
            exchange.notes += [replace(note, what=f"response {turn.number}: {note.what}") for note in turn.notes]
            ident = f"{found.call.id}-{turn.number}"
            row = made(self.house, found.call, partial(_row, found, turn))
            row = msgspec.structs.replace(row, id=ident)
            self.house.told(row, tools_of(ident, turn.tools, exchange), results_in(turn.facts))
            found.row = row if found.row is None else _sum(found.row, row)
        exchange.pin(flow)
        if found.row is not None:
            listing.ended(flow, exchange, found.row)


def _take(found: _Open, message: WebSocketMessage) -> None:
    """Let the socket have a message; what does not pass as it is goes no further, and others in its place."""
    data = message.content
    if message.from_client:
        given = found.socket.from_client(data, message.timestamp)
        if given.to_server is data:
            return
        messages = [(False, given.to_server)] if given.to_server is not None else []
        found.instead = [*messages, *((True, one) for one in given.to_client)]
    else:
        answers = found.socket.from_server(data, message.timestamp)
        if len(answers) == 1 and answers[0] is data:
            return
        found.instead = [(True, one) for one in answers]
        message.content = found.socket.clean(data)  # it stays in the flow
    message.drop()


def _row(found: _Open, turn: Turn) -> CallRow:
    now = time.time()
    one = Exchange(turn.facts, found.exchange.resolved, turn.outcome, turn.notes, tally=turn.tally, error=turn.error)
    row = row_of(found.call, one, None)
    found.call.own_ns = 0  # what was spent since the turn before is this one's
    return msgspec.structs.replace(
        row,
        time=turn.began,
        status=turn.status or row.status,
        first_byte_s=round(turn.first - turn.began, 3) if turn.first is not None else None,
        total_s=round(max(0.0, now - turn.began), 3),
    )


def _sum(before: CallRow, row: CallRow) -> CallRow:
    """Give what the turns of a socket came to together."""

    def both(one: int | None, other: int | None) -> int | None:
        return other if one is None else one + (other or 0)

    return msgspec.structs.replace(
        row,
        input_tokens=both(before.input_tokens, row.input_tokens),
        output_tokens=both(before.output_tokens, row.output_tokens),
        cached_tokens=both(before.cached_tokens, row.cached_tokens),
        error=row.error or before.error,
    )


def _adopt(flow: HTTPFlow, sockets: Instead) -> bool:
    """Make the layer of a flow's WebSocket one of ours; tells whether it is."""
    server = ctx.master.addons.get("proxyserver")
    handler = server.connections.get(flow.client_conn.id) if server is not None and not missing_internals() else None
    for one in _layers(handler.layer) if handler is not None else ():
        if type(one) is WebsocketLayer and one.flow is flow:
            # mitmproxy has built it and begun; only how it relays is to be ours.
            one.__class__ = WireSocket
            cast("WireSocket", one).sockets = sockets
            return True
    return False


def _layers(top: layer.Layer) -> Iterator[layer.Layer]:
    """Give all layers of a connection. An HTTP layer has streams, and each of these what stands behind it."""
    rest, seen = [top], {id(top)}
    while rest:
        one = rest.pop()
        yield one
        for other in (*one.context.layers, *getattr(one, "streams", {}).values()):
            if id(other) not in seen:
                seen.add(id(other))
                rest.append(other)
