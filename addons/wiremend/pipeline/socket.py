"""The messages of one open WebSocket of the responses wire, on their way in both directions; without any socket.

A client's ``response.create`` is a request: it is decided and rewritten as the same body would be over HTTP, so that
edits, names and quirks are the same. What of it would go elsewhere than the socket is answered with the wire's own
error, and does not leave. What comes back is a stream, one event a message: each turn has a
:class:`~wiremend.pipeline.reply.ReplyStream` of its own, which mends it as it would a stream of HTTP. All else passes
as it is, both ways: other messages of the client (``response.steer``, ``response.processed``), messages that belong to
no turn (``codex.rate_limits``, ``response.steer.*``), errors with a status, binary messages.

Turns follow one another, and each ends with its terminal event or with an ``error``. On a lane (``stream_id``) they
stand in the order of their requests; lanes do not wait for each other. A response may also follow another by itself,
after ``response.steer``. What a provider still sends of a turn that had to be ended for it is dropped.

What the handshake has said stays as it is: headers, path and credential are those of the handshake.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from wiremend.notes import Note
from wiremend.pipeline import frames
from wiremend.pipeline.answer import told
from wiremend.pipeline.context import context_for
from wiremend.pipeline.finals import status_for
from wiremend.pipeline.frames import CREATE, CREATED, TERMINAL, Head
from wiremend.pipeline.outcome import ClientRequest, Refused, Rewritten
from wiremend.pipeline.reply import ReplyStream
from wiremend.pipeline.request import rewrite
from wiremend.protocols import WIRES
from wiremend.protocols.failure import Failure, failure_of_body
from wiremend.protocols.responses.schema import EVENTS
from wiremend.rules.urls import split_path
from wiremend.sse import render

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wiremend.pipeline.context import Context
    from wiremend.protocols.base import Tally
    from wiremend.protocols.tools import ToolCall
    from wiremend.quirks.memory import Memory
    from wiremend.rules.facts import Facts
    from wiremend.rules.resolve import Resolved

_WIRE: Final = WIRES["responses"]
_BAD: Final = 400
_AFTER_END: Final = "responses.stream.after-end"
_OF_HANDSHAKES: Final = ("connection", "upgrade", "content-length", "content-encoding", "content-type")


@dataclass(slots=True)
class Turn:
    """One response: what was asked, and what is known of the answer. Times are seconds since 1970.

    ``status`` is the HTTP status that an ``error`` named, None where all went by as events.
    """

    number: int
    facts: Facts
    outcome: Rewritten | Refused
    began: float
    notes: list[Note]
    tally: Tally | None = None
    first: float | None = None
    status: int | None = None
    error: str | None = None
    ident: str | None = None
    """The id that the provider's ``response.created`` gave; None until it came."""
    tools: tuple[ToolCall, ...] = ()
    """The tools that the client was told to call."""


@dataclass(frozen=True, slots=True)
class Given:
    """What becomes of a client's message: what the provider gets, None for nothing, and what the client gets back."""

    to_server: bytes | None
    to_client: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class _Live:
    """A turn that is not over, and what mends it."""

    turn: Turn
    outcome: Rewritten
    context: Context
    stream: ReplyStream


@dataclass(slots=True)
class _Lane:
    """Turns that follow one another: the first is the one being answered."""

    turns: deque[_Live] = field(default_factory=deque)
    last: Rewritten | None = None
    """What the last turn asked, which a response that follows by itself goes on with."""
    stale: bool = False
    """Whether the provider may still be sending a turn that was ended for it."""
    failed: bool = False
    """Whether the last turn ended as a failure."""


class Socket:
    """One WebSocket, from its handshake on. Hand it the text messages in the order in which they come.

    ``handshake`` is the handshake as it left. ``seed`` is what ids that are minted derive from, ``flow`` the short id
    that error texts end with. Turns that are over stand in ``over`` until the caller takes them, and what was done
    outside of turns in ``notes``.
    """

    def __init__(self, handshake: Rewritten, resolved: Resolved, memory: Memory, *, seed: str, flow: str = "") -> None:
        """Begin before the first message; ``resolved`` are the rules that the handshake began with."""
        self.handshake = handshake
        self.resolved = resolved
        self.memory = memory
        self.seed = seed
        self.flow = flow
        self.mend = handshake.decision.mend
        self.over: list[Turn] = []
        self.notes: list[Note] = []
        self.begun = 0
        """How many turns there were so far."""
        self._lanes: dict[str | None, _Lane] = {}
        self._count = 0
        self._told = False
        self._context: Context | None = None

    # -- what the client says

    def from_client(self, data: bytes, now: float) -> Given:
        """Take a client's message. What is not to be changed is given back as the very object."""
        head = frames.head_of(data)
        if head is None or head.type != CREATE:
            return Given(data)
        self._count += 1
        asked, added = frames.as_body(data)
        outcome = rewrite(self._request(asked), self.resolved, self.memory, self._seed())
        if isinstance(outcome, Rewritten) and (why := self._elsewhere(outcome)) is not None:
            body = _WIRE.error_body(_BAD, "invalid_request", why)
            outcome = Refused(outcome.facts, _BAD, why, body, outcome.notes)
        if isinstance(outcome, Refused):
            return self._refuse(outcome, head, now)
        if not isinstance(outcome, Rewritten):  # pragma: no cover - a turn of a conversation is the one or the other
            return Given(data)
        lane = self._lanes.setdefault(head.stream_id, _Lane())
        self._begin(lane, outcome, now, _of_body(outcome.notes))
        return Given(data if outcome.body is None else frames.as_message(outcome.body, added=added))

    def _request(self, body: bytes) -> ClientRequest:
        facts, destination = self.handshake.facts, self.handshake.destination
        ours = [name for name, _ in facts.headers if name.lower().startswith("sec-websocket-")]
        return ClientRequest(
            style=facts.style,
            method="POST",
            scheme=destination.scheme,
            host=facts.host,
            port=facts.port or 0,
            target=facts.target,
            headers=facts.headers.without(*_OF_HANDSHAKES, *ours),
            body=body,
            agent=facts.agent,
            recorded=facts.recorded,
        )

    def _elsewhere(self, outcome: Rewritten) -> str | None:
        """Say where a message would go, if that is not where the socket goes."""
        decision, own = outcome.decision, self.handshake.decision
        if decision.wire == outcome.facts.wire and _place(outcome) == _place(self.handshake):
            return None
        where = decision.provider or outcome.destination.host
        here = own.provider or self.handshake.destination.host
        way = "" if decision.wire == outcome.facts.wire else f" on the {decision.wire} wire"
        what = f"the model {outcome.facts.model!r} goes to {where}{way}, and this WebSocket to {here}"
        return f"{what}; ask for it over HTTP"

    def _begin(self, lane: _Lane, outcome: Rewritten, now: float, notes: list[Note]) -> None:
        context = context_for(outcome, self.memory, seed=self._seed(), now=int(now), flow=self.flow)
        if context is None:  # pragma: no cover - the handshake is of the endpoint whose replies are mended
            return
        tally = context.wire.tally()
        turn = Turn(self._count, outcome.facts, outcome, now, notes, tally)
        lane.turns.append(_Live(turn, outcome, context, ReplyStream(context, tally)))
        self.begun += 1
        self._context = context

    def _refuse(self, refused: Refused, head: Head, now: float) -> Given:
        """Answer a message in the provider's place, with the status that the client takes for final."""
        status = refused.status if refused.as_stream else status_for(refused.facts.client, refused.status)
        turn = Turn(self._count, refused.facts, refused, now, _of_body(refused.notes))
        turn.status, turn.error = status, refused.message
        self.over.append(turn)
        self.begun += 1
        if refused.as_stream:
            return Given(None, tuple(frames.events_in(refused.body, head.stream_id)))
        return Given(None, (frames.error_frame(status, refused.body, head.stream_id),))

    # -- what the provider says

    def from_server(self, data: bytes, now: float) -> Sequence[bytes]:
        """Take a provider's message, and give what the client gets for it: mostly the very object."""
        head = frames.head_of(data) or Head()
        kind, lane = head.type, self._lanes.get(head.stream_id)
        if lane is None or (kind is not None and kind not in EVENTS and not _is_of_a_turn(lane, kind)):
            return self._as_it_is(data)
        status = frames.status_of(data) if kind == "error" else None
        if status is not None:
            return self._failed(lane, data, status)
        before: list[bytes] = []
        if kind == CREATED:
            lane.stale = False
            before = self._another(lane, head.stream_id, frames.ident_of(data), now)
        elif lane.stale or not lane.turns:
            lane.stale = lane.stale and kind not in TERMINAL
            return self._behind(lane, data, kind)
        given = self._fed(lane, data, head, now) if lane.turns else self._as_it_is(data)
        return (*before, *given) if before else given

    def _another(self, lane: _Lane, name: str | None, ident: str, now: float) -> list[bytes]:
        """Take a response that begins; one that had begun and not ended is ended first."""
        before: list[bytes] = []
        if lane.turns and lane.turns[0].turn.ident not in {None, ident}:
            before = self._cut(lane, name, "began another response before the end of this one")
            lane.stale = False
        if not lane.turns and lane.last is not None:
            self._count += 1
            self._begin(lane, lane.last, now, [])
        if lane.turns and lane.turns[0].turn.ident is None:
            lane.turns[0].turn.ident = ident
        return before

    def _fed(self, lane: _Lane, data: bytes, head: Head, now: float) -> Sequence[bytes]:
        """Let the turn's stream have a message."""
        live, kind = lane.turns[0], head.type
        live.turn.first = live.turn.first or now
        final, stream = kind in TERMINAL or kind == "error", live.stream
        raw = render(data, kind if kind in EVENTS else None)
        given = stream.feed(raw)
        if final:
            given += stream.close()
        if final or stream.ended:
            self._end(lane)
            lane.stale = kind not in TERMINAL  # an error may be followed by `response.failed`
        if given == raw or frames.events_in(given, None) == [frames.one_line(data)]:
            return (data,)
        return frames.events_in(given, head.stream_id)

    def _failed(self, lane: _Lane, data: bytes, status: int) -> Sequence[bytes]:
        """Take an error of the WebSocket itself, which is legal as it is and ends a turn.

        Where a response is under way and another is asked for, the error is that one's.
        """
        if lane.turns:
            waiting = len(lane.turns) > 1 and lane.turns[0].turn.ident is not None
            turn = lane.turns[-1 if waiting else 0].turn
            turn.status, turn.error = status, failure_of_body(data, status).message
            if waiting:
                self._close(lane.turns.pop())
            else:
                self._end(lane)
        return self._as_it_is(data)

    def _behind(self, lane: _Lane, data: bytes, kind: str | None) -> tuple[bytes, ...]:
        """Drop what comes behind the end of a turn; it is noted once. A failure may be told twice, as by OpenAI."""
        if not self.mend or kind is None:
            return self._as_it_is(data)
        if not self._told and not (lane.failed and kind in TERMINAL):
            self._told = True
            self.notes.append(Note("lost", "", _AFTER_END, "what came behind a response's end was dropped", _AFTER_END))
        return ()

    # -- the end

    def close(self, why: str | None = None) -> list[bytes]:
        """Take the end of the socket, and give what the client is to get before it hears of it.

        ``why`` says who ended it, and then nobody is told; None where the provider did.
        """
        out: list[bytes] = []
        for name, lane in self._lanes.items():
            while lane.turns:
                out += self._cut(lane, name, "closed the WebSocket before the end of the response", why)
        return out

    def abandon(self, why: str) -> None:
        """Give up the turns under way, of which nothing more is said than that they were."""
        for lane in self._lanes.values():
            while lane.turns:
                turn = lane.turns.popleft().turn
                turn.error = turn.error or why
                self.over.append(turn)

    def _cut(self, lane: _Lane, name: str | None, what: str, why: str | None = None) -> list[bytes]:
        """End the first turn of a lane as a failure: by its own event if it has begun, else by an error."""
        live = lane.turns[0]
        text = why or told(live.outcome, what)
        failure = Failure("upstream", HTTPStatus.BAD_GATEWAY, text)
        given = live.stream.cut(failure) if why is None else b""
        live.turn.error = text
        self._end(lane)
        lane.stale = True
        if why is not None or not self.mend:
            return []
        if live.turn.ident is None:
            body = _WIRE.error_body(failure.status, failure.kind, live.context.origin.signed(text))
            return [frames.error_frame(failure.status, body, name)]
        return frames.events_in(given, name)

    def _end(self, lane: _Lane) -> None:
        live = lane.turns.popleft()
        lane.last = live.outcome
        self._close(live)
        lane.failed = live.turn.error is not None

    def _close(self, live: _Live) -> None:
        turn, failure = live.turn, live.stream.failure
        turn.error = turn.error or (failure.message if failure is not None else None)
        turn.notes += live.stream.notes()
        turn.tools = live.stream.tools.calls
        self.over.append(turn)

    # -- how

    def _seed(self) -> str:
        return f"{self.seed}/{self._count}"

    def clean(self, data: bytes) -> bytes:
        """Take the rules' own credential out of a provider's message, which may repeat it (G8)."""
        return data if self._context is None else self._context.kept_back(data)

    def _as_it_is(self, data: bytes) -> tuple[bytes, ...]:
        """Give a message that nobody mends."""
        return (self.clean(data),)


def _is_of_a_turn(lane: _Lane, kind: str) -> bool:
    """Tell whether a message of an unknown type belongs to a turn, so that its mender is to see it.

    Before a response has begun it does not: the mender would take it for the beginning.
    """
    begun = bool(lane.turns) and lane.turns[0].turn.ident is not None
    return kind == "error" or (begun and not kind.startswith("response.steer."))


def _place(rewritten: Rewritten) -> tuple[object, ...]:
    destination = rewritten.destination
    path = split_path(destination.path)[0]
    return rewritten.decision.provider, destination.scheme, destination.host, destination.port, path


def _of_body(notes: Sequence[Note]) -> list[Note]:
    """Leave out what the handshake has been noted for already: address and headers."""
    return [note for note in notes if note.where != "url" and not note.where.startswith("header:")]
