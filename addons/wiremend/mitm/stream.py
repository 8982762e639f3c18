"""One request and its reply on mitmproxy's internals: looked at, tried again, watched over, and ended legally.

What mitmproxy's hooks cannot do is done by subclassing ``HttpStream`` (seen on mitmproxy 12.2.3; :mod:`.layer` has the
list of what this stands on):

- **The first bytes are looked at before the head leaves** (G2). mitmproxy shows an addon the head of a response before
  its first byte, and lets it leave at once; but an error under a status of success, or JSON where a stream was asked
  for, can only be told by a head of its own. So the head of a reply to an LLM request is held until the addon has seen
  enough, for so many seconds at most, and the addon bounds the bytes; then mitmproxy goes on as if both had just come.
- **A try that fails is followed by another**, at the same upstream or the next, as long as the client has been given
  nothing of an answer: where no connection is made, where it breaks off, where the reply says no, where a limit of time
  is reached. The wait in between is a wake-up: nothing is blocked, and a client that goes away ends it.
- **The client is kept**: when it has heard nothing for long, it is sent what keeps it, if need be behind a head of our
  own.
- **All that comes and all that is sent is written on tapes** (G9), each chunk as it goes by: what an addon sees of a
  streamed body is what its callable is given, and of a body that is held, the whole.
- **A broken upstream ends legally** (G2). mitmproxy tells an addon that the upstream was cut or never answered, and
  then drops the client, or sends it a page of HTML. Here the addon is asked first: before the head it may give a whole
  response, after it the last bytes of the body, and then the client's message ends as messages do.
"""

from __future__ import annotations

import math
from time import monotonic
from typing import TYPE_CHECKING, Final, Self

from mitmproxy.flow import Error
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers.http import (
    DropStream,
    GetHttpConnection,
    GetHttpConnectionCompleted,
    HttpLayer,
    HttpStream,
    SendHttp,
)
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    RequestData,
    RequestEndOfMessage,
    RequestHeaders,
    RequestProtocolError,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
)
from mitmproxy.proxy.layers.http._hooks import HttpErrorHook, HttpResponseHeadersHook, HttpResponseHook
from mitmproxy.proxy.utils import ReceiveBuffer

from wiremend.mitm.bodies import declared, refusal
from wiremend.mitm.endings import AdmitHook
from wiremend.mitm.parting import abandon, forget_failed, withdraw
from wiremend.mitm.pressure import is_behind

if TYPE_CHECKING:
    from mitmproxy import http
    from mitmproxy.proxy.context import Context

    from wiremend.mitm.endings import Endings, Word
    from wiremend.mitm.pressure import Pressure
    from wiremend.mitm.tape import Tape, Tapes
    from wiremend.rules.model import Limits

STORED: Final = 8 * 1024 * 1024
"""Bytes of a streamed body, give or take a chunk, that the flow keeps to be looked at: memory stays flat."""

SHORTEST: Final = 0.02
LONGEST: Final = 5.0
"""Seconds between two looks at the clock; a task of mitmproxy's sleeps so long behind the end of a stream."""


class Beginning(ReceiveBuffer):
    """Keeps the first bytes of what the client is given, and writes all of it on its tape, if there is one."""

    tape: Tape | None = None

    def __iadd__(self, other: bytes) -> Self:
        """Add what came, unless there is enough."""
        if self.tape is not None:
            self.tape.write(other)
        return super().__iadd__(other) if len(self) < STORED else self


class WireStream(HttpStream):
    """A request whose reply is looked at before it begins, and whose upstream may break."""

    endings: Endings
    now = staticmethod(monotonic)
    held: ResponseHeaders | None = None
    """The head that has not left yet; ``first`` are the bytes behind it."""
    first: bytes = b""
    peek_alarm: commands.RequestWakeup | None = None
    rest_alarm: commands.RequestWakeup | None = None
    connect_alarm: commands.RequestWakeup | None = None
    tick_alarm: commands.RequestWakeup | None = None
    alarms: list[commands.RequestWakeup]
    """All that may still come."""
    tapes: Tapes | None = None
    heard: Tape | None = None
    limits: Limits | None = None
    talking: bool = False
    """Whether the present try has an upstream connection that something was sent on."""
    refused: bool = False
    """Whether the present try got no place at its provider."""
    begun: bool = False
    """Whether the client has the head of a stream that is our own."""
    came: int = 0
    """Bytes of the present try's body; ``most`` are as many as may come."""
    most: float = math.inf
    asked_at: float = 0.0
    """When the request was there, ``tried_at`` when the present try began, ``moved_at`` when it last went on."""
    tried_at: float = 0.0
    moved_at: float = 0.0
    beat_at: float = 0.0
    seen: int = -1
    told: int = -1
    """How much the client was given that it takes for life; ``told_at`` when that was last seen to have risen."""
    told_at: float = 0.0

    pressure: Pressure | None = None
    """Who holds the upstream up while the client does not read; None for clients of HTTP/1, which need nobody."""

    def __init__(self, context: Context, stream_id: int) -> None:
        """Begin as mitmproxy's own does."""
        super().__init__(context, stream_id)
        self.alarms = []

    # -- what comes

    def handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Take an event. While the stream is blocked, a client that goes away and a limit of time are not kept waiting.

        Each chunk comes by here, so no generator stands between.
        """
        if self._paused is not None:
            if isinstance(event, RequestProtocolError):
                return self._left(event)
            if isinstance(event, events.Wakeup) and event.command is self.connect_alarm:
                seconds = self.limits.connect if self.limits is not None else 0.0
                return self._unconnected(f"no connection within {_seconds(seconds)}")
        return super().handle_event(event)

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Take a wake-up; all else is mitmproxy's to take."""
        if isinstance(event, ResponseData):
            if not event.data:  # a frame of HTTP/2 may hold nothing; what mends a stream would take it for the end
                return nothing()
            if self.heard is not None:
                self.heard.write(event.data)
            if self.pressure is not None:
                self.pressure.comes(self.stream_id, self.context.server)
            self.came += len(event.data)
            if self.came > self.most:
                return self._too_much()
        return self._wake(event) if isinstance(event, events.Wakeup) else super()._handle_event(event)

    def _left(self, event: RequestProtocolError) -> layer.CommandGenerator[None]:
        """Take it that the client is gone while the stream waits for a place, or for a connection."""
        yield from super().handle_event(event)  # it is queued
        if self._paused is not None and isinstance(self._paused.command, AdmitHook):
            self.endings.tries.gone(self.flow)
        else:
            yield from self._unconnected("the client is gone")

    def _unconnected(self, message: str) -> layer.CommandGenerator[None]:
        """End the wait for a connection."""
        self.connect_alarm = None
        command = self._paused.command if self._paused is not None else None
        if isinstance(command, GetHttpConnection) and withdraw(self._layer, command):
            yield from super().handle_event(GetHttpConnectionCompleted(command, (None, message)))

    @property
    def _layer(self) -> HttpLayer:
        above = self.context.layers[self.context.layers.index(self) - 1]
        assert isinstance(above, HttpLayer)  # noqa: S101 - mitmproxy says so itself (HttpStream.mode)
        return above

    # -- the clock

    def _alarm(self, seconds: float) -> commands.RequestWakeup:
        alarm = commands.RequestWakeup(seconds)
        self.alarms.append(alarm)
        return alarm

    def _wake(self, event: events.Wakeup) -> layer.CommandGenerator[None]:
        self.alarms = [one for one in self.alarms if one is not event.command]
        if event.command is self.peek_alarm:
            self.peek_alarm = None
            if self.held is not None:
                self.endings.enough(self.flow, self.first, ended=False, late=True)
                yield from self._release()
        elif event.command is self.rest_alarm:
            self.rest_alarm = None
            if self.server_state == self.state_resting:
                yield from self._next_try()
        elif event.command is self.tick_alarm:
            self.tick_alarm = None
            yield from self._tick()

    def _tick(self) -> layer.CommandGenerator[None]:
        """Look at the clock: end what takes too long, keep the client, and ask to be woken again."""
        limits, now = self.limits, self.now()
        if limits is None or self.client_state != self.state_done:
            return
        state = self.server_state
        if state not in (
            self.state_resting,
            self.state_wait_for_response_headers,
            self.state_peek,
            self.state_consume_response_body,
            self.state_stream_response_body,
        ):
            return
        streaming = state == self.state_stream_response_body
        moved = self.endings.tries.moved(self.flow) if streaming else None
        seen = self.came if moved is None else moved
        if seen != self.seen or self._waits_for_client:
            self.seen, self.moved_at = seen, now
        due = math.inf
        if state != self.state_resting:
            between, since = (limits.between_events, self.moved_at) if self.came else (limits.first_byte, self.tried_at)
            what = "no event" if streaming else "nothing" if self.came else "not a byte"
            if now >= since + between:
                yield from self._give_up("stall", f"{what} came for {_seconds(between)}")
                return
            if now >= self.tried_at + limits.duration:
                yield from self._give_up("stall", f"it did not end within {_seconds(limits.duration)}")
                return
            due = min(since + between, self.tried_at + limits.duration)
        if limits.keepalive is not None:
            due = min(due, (yield from self._keep(limits.keepalive, limits.head, now, streaming=streaming)))
        self.tick_alarm = self._alarm(min(max(due - now, SHORTEST), LONGEST))
        yield self.tick_alarm

    @property
    def _waits_for_client(self) -> bool:
        """Whether nothing comes because the client does not read: the upstream is not to blame."""
        held_up = self.pressure is not None and self.pressure.holds(self.stream_id)
        return held_up or is_behind(self.context.client)

    def _keep(self, every: float, head: float, now: float, *, streaming: bool) -> layer.CommandGenerator[float]:
        """Keep a client that has heard nothing for long; gives when it is to be looked after next."""
        if not streaming and not self.begun:
            if now < self.asked_at + head:
                return self.asked_at + head
            response = self.endings.tries.head(self.flow) if self.held is None else None
            if response is None:
                return math.inf if self.held is None else now + every
            self.begun = True
            self.beat_at = now
            yield SendHttp(ResponseHeaders(self.stream_id, response, end_stream=False), self.context.client)
        else:
            told = self.endings.tries.heard(self.flow)
            if told is not None and told != self.told:
                self.told, self.told_at = told, now
            if now < max(self.told_at, self.beat_at) + every:
                return max(self.told_at, self.beat_at) + every
        self.beat_at = now
        beat = self.endings.tries.alive(self.flow)
        if beat:
            yield SendHttp(ResponseData(self.stream_id, beat), self.context.client)
        return now + every

    def _too_much(self) -> layer.CommandGenerator[None]:
        self.most = math.inf
        size = self.limits.reply_body if self.limits is not None else self.came
        yield from self._give_up("size", f"the reply is larger than {size} bytes (limits: reply_body)")

    def _give_up(self, word: Word, message: str) -> layer.CommandGenerator[None]:
        """End a try that the upstream would go on with."""
        streaming = self.server_state == self.state_stream_response_body
        tail = self.endings.cut(self.flow, message, word) if streaming else None
        if not streaming and word == "stall" and (yield from self._broke(word, message)):
            return
        yield from self._abandon()
        if streaming and tail is not None:
            yield from self._end(message, tail)
            return
        self.held, self.peek_alarm = None, None
        response = None if streaming else self.endings.unanswered(self.flow, message, word)
        if response is not None:
            yield from self._answer(message, response)
        else:
            error = ResponseProtocolError(self.stream_id, message, ErrorCode.GENERIC_SERVER_ERROR)
            yield from super().handle_protocol_error(error)

    def _over(self) -> None:
        """Let go of the alarms that are still to come: mitmproxy would keep the stream, and its flow, until then."""
        for alarm in self.alarms:
            self._layer.command_sources.pop(alarm, None)
        self.alarms = []

    def flow_done(self) -> layer.CommandGenerator[None]:
        """End a request whose reply has ended."""
        yield from super().flow_done()
        self._over()

    # -- the first bytes

    def state_wait_for_response_headers(self, event: ResponseHeaders) -> layer.CommandGenerator[None]:
        """Hold the head, or let it go."""
        self.tapes = self.endings.tapes(self.flow, event.response)
        self.heard = self.tapes.heard if self.tapes is not None else None
        seconds = self.endings.peeks(self.flow, event.response)
        if seconds is not None and event.end_stream:
            self.endings.enough(self.flow, b"", ended=True, late=False)
            again = self.endings.tries.opened(self.flow)
            if again is not None:
                yield from self._again(again)
                return
        if seconds is None or event.end_stream:
            yield from super().state_wait_for_response_headers(event)
            return
        self.held, self.first = event, b""
        self.server_state = self.state_peek
        self.peek_alarm = self._alarm(seconds)
        yield self.peek_alarm

    def state_peek(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Take the first bytes."""
        if isinstance(event, ResponseData):
            self.first += event.data
            if self.endings.enough(self.flow, self.first, ended=False, late=False):
                yield from self._release()
        else:  # the trailers, or the end
            self.endings.enough(self.flow, self.first, ended=True, late=False)
            yield from self._release(event)

    def state_resting(self, _: events.Event) -> layer.CommandGenerator[None]:
        """Wait for the next try: whatever the last one's upstream still says is of no use."""
        yield from ()

    def _release(self, last: events.Event | None = None) -> layer.CommandGenerator[None]:
        """Let mitmproxy have the head, the bytes behind it, and what came last, in this order."""
        held, first = self.held, self.first
        self.held, self.first, self.peek_alarm = None, b"", None
        if held is None:
            return
        again = self.endings.tries.opened(self.flow)
        if again is not None:
            yield from self._again(again, ended=isinstance(last, ResponseEndOfMessage))
            return
        self.server_state = self.state_wait_for_response_headers
        yield from super().state_wait_for_response_headers(held)
        if first and self.server_state not in (self.state_errored, self.state_wait_for_response_headers):
            yield from self.server_state(ResponseData(self.stream_id, first))
        if last is not None and self.server_state not in (self.state_errored, self.state_resting):
            yield from self.server_state(last)

    def start_response_stream(self) -> layer.CommandGenerator[None]:
        """Let the body stream, and keep the first part of it."""
        self.response_body_buf = Beginning()  # type: ignore[no-untyped-call]  # mitmproxy has no types here
        if self.tapes is not None:
            self.response_body_buf.tape = self.tapes.said
            self.tapes.begun = True
        self.moved_at = self.now()
        if self.begun:
            self.server_state = self.state_stream_response_body
        else:
            yield from super().start_response_stream()

    def send_response(self, already_streamed: bool = False) -> layer.CommandGenerator[None]:  # noqa: FBT001, FBT002 - mitmproxy's
        """Send a whole reply, unless it says no and another try follows."""
        if self.server_state == self.state_consume_response_body:
            again = self.endings.tries.judged(self.flow)
            if again is not None:
                yield from self._again(again, ended=True)
                return
        if not self.begun or already_streamed:
            yield from super().send_response(already_streamed)
            return
        assert self.flow.response is not None  # noqa: S101 - mitmproxy says so itself
        self.flow.response.timestamp_end = self.flow.response.timestamp_start
        yield HttpResponseHook(self.flow)
        self.server_state = self.state_done
        if (yield from self.check_killed(emit_error_hook=False)):
            return
        if self.flow.response.raw_content:
            yield SendHttp(ResponseData(self.stream_id, self.flow.response.raw_content), self.context.client)
        yield from self.flow_done()

    def check_body_size(self, request: bool) -> layer.CommandGenerator[bool]:  # noqa: FBT001 - mitmproxy's method
        """Judge a size. Where a body is to stream after all, mitmproxy hands itself what has come already once more."""
        if request and self.request_body_buf:
            largest = self.endings.largest(self.flow)
            if largest is not None and max(len(self.request_body_buf), declared(self.flow)) > largest:
                yield from self._refuse(largest)
                return True
        heard, self.heard = self.heard, None
        too_large = yield from super().check_body_size(request)
        self.heard = heard
        return too_large

    def _refuse(self, largest: int) -> layer.CommandGenerator[None]:
        """Answer a request that is too large before all of it is there; what else comes of it is for nobody."""
        self.request_body_buf.clear()
        if self.flow.response is None:
            self.flow.response = refusal(self.flow, largest)
        self.client_state = self.state_errored
        yield HttpResponseHeadersHook(self.flow)
        yield from self.send_response()
        if self.server_state == self.state_done:
            yield from self.flow_done()

    # -- tries

    def make_server_connection(self) -> layer.CommandGenerator[bool]:
        """Begin a try: wait for a place, connect. False where it failed; what comes of that is under way then."""
        self.talking = self.refused = False
        self.limits = self.endings.tries.limits(self.flow)
        self.asked_at = self.asked_at or self.now()
        if self.endings.tries.waits(self.flow):
            yield AdmitHook(self.flow)
            refused = self.endings.tries.admitted(self.flow)
            if self._client_is_gone:
                return False
            self.refused = refused is not None
            if refused is not None:
                yield from self._not_begun("queue", refused)
                return False
        self.tried_at = self.moved_at = self.now()
        self.came, self.seen = 0, -1
        server = self.flow.server_conn
        wanted = GetHttpConnection(
            (self.flow.request.host, self.flow.request.port),
            self.flow.request.scheme == "https",
            server.via,
            server.transport_protocol,
        )
        if self.limits is not None:
            self.most = self.limits.reply_body
            above = self._layer
            made = (one for one in above.connections if one not in above.waiting_for_establishment)
            if not any(wanted.connection_spec_matches(one) and one.connected for one in made):
                self.connect_alarm = self._alarm(self.limits.connect)
                yield self.connect_alarm
        connection, error = yield wanted
        self.connect_alarm = None
        if error:
            forget_failed(self._layer)
            if not self._client_is_gone:
                yield from self._not_begun("connection", error)
            return False
        self.context.server = self.flow.server_conn = connection
        if self.pressure is not None:
            self.pressure.begins(connection)
        self.talking = True
        yield from self._watch()
        return True

    @property
    def _client_is_gone(self) -> bool:
        return any(isinstance(event, RequestProtocolError) for event in self._paused_event_queue)

    def _not_begun(self, word: Word, message: str) -> layer.CommandGenerator[None]:
        if (yield from self._broke(word, message)):
            return
        yield from self.handle_protocol_error(ResponseProtocolError(self.stream_id, message, ErrorCode.CONNECT_FAILED))

    def _broke(self, word: Word, message: str) -> layer.CommandGenerator[bool]:
        """Begin another try in the place of one that broke; False where there is none."""
        if self.client_state != self.state_done:
            return False
        again = self.endings.tries.failed(self.flow, word, message)
        if again is None:
            return False
        yield from self._again(again, ended=word == "connection")
        return True

    def _again(self, seconds: float, *, ended: bool = False) -> layer.CommandGenerator[None]:
        """Leave a try behind, whose reply has ended or not, and begin the next one after a while."""
        yield from self._abandon(ended=ended)
        self.held, self.first, self.peek_alarm = None, b"", None
        self.heard = None
        self.flow.response = None
        self.response_body_buf = ReceiveBuffer()
        self.server_state = self.state_resting
        self.rest_alarm = self._alarm(max(seconds, 0.0))  # also for none: what brought us here must return
        yield self.rest_alarm
        yield from self._watch()

    def _watch(self) -> layer.CommandGenerator[None]:
        if self.limits is not None and self.tick_alarm is None:
            self.tick_alarm = self._alarm(min(_soonest(self.limits), LONGEST))
            yield self.tick_alarm

    def _next_try(self) -> layer.CommandGenerator[None]:
        if (yield from self.check_killed(emit_error_hook=True)):
            return
        self.endings.tries.again(self.flow)
        self.server_state = self.state_wait_for_response_headers
        if not (yield from self.make_server_connection()):
            return
        request, content = self.flow.request, self.flow.request.raw_content
        server = self.context.server
        yield SendHttp(RequestHeaders(self.stream_id, request, end_stream=not content), server)
        if content:
            yield SendHttp(RequestData(self.stream_id, content), server)
        yield SendHttp(RequestEndOfMessage(self.stream_id), server)

    def _abandon(self, *, ended: bool = False) -> layer.CommandGenerator[None]:
        if self.talking:
            self.talking = False
            yield from abandon(self._layer, self.context.server, self.stream_id, ended=ended)

    # -- the end

    def handle_protocol_error(
        self, event: RequestProtocolError | ResponseProtocolError
    ) -> layer.CommandGenerator[None]:
        """End a message that the upstream broke, or try once more; the client's own errors are mitmproxy's affair."""
        if isinstance(event, RequestProtocolError) and not self.talking and self._between_tries:
            self.flow.error = Error(event.message)
            yield HttpErrorHook(self.flow)
            self.client_state = self.server_state = self.state_errored
            self.flow.live = False
            self._over()
            yield DropStream(self.stream_id)
            return
        if isinstance(event, ResponseProtocolError) and self.client_state == self.state_done:
            if self.server_state == self.state_resting:
                return  # the last try's upstream
            if self.server_state == self.state_stream_response_body:
                tail = self.endings.cut(self.flow, event.message, "connection")
                if tail is not None:
                    yield from self._end(event.message, tail)
                    return
            elif self.server_state in (
                self.state_wait_for_response_headers,
                self.state_consume_response_body,
                self.state_peek,
            ):
                if self.talking and (yield from self._broke("connection", event.message)):
                    return
                self.held, self.peek_alarm = None, None
                word = "queue" if self.refused else "connection"
                response = self.endings.unanswered(self.flow, event.message, word)
                if response is not None:
                    yield from self._answer(event.message, response)
                    return
        yield from super().handle_protocol_error(event)
        self._over()

    @property
    def _between_tries(self) -> bool:
        waiting = (self.state_resting, self.state_wait_for_response_headers)
        return self.client_state == self.state_done and self.server_state in waiting

    def _answer(self, message: str, response: http.Response) -> layer.CommandGenerator[None]:
        self.flow.response = response
        yield from self._end(message, response.raw_content or b"", response)

    def _end(self, message: str, tail: bytes, head: http.Response | None = None) -> layer.CommandGenerator[None]:
        self.flow.error = Error(message)
        if self.tapes is None:
            self.tapes = self.endings.tapes(self.flow, None)
        if self.tapes is not None:
            self.tapes.begun = True
            if tail:
                self.tapes.said.write(tail)
        yield HttpErrorHook(self.flow)
        self.server_state = self.state_errored
        self.flow.live = False
        if head is not None and not self.begun:
            yield SendHttp(ResponseHeaders(self.stream_id, head, end_stream=not tail), self.context.client)
        if tail:
            yield SendHttp(ResponseData(self.stream_id, tail), self.context.client)
        self._over()
        yield DropStream(self.stream_id)
        yield SendHttp(ResponseEndOfMessage(self.stream_id), self.context.client)


def nothing() -> layer.CommandGenerator[None]:
    """Give no command."""
    yield from ()


def _seconds(seconds: float) -> str:
    return f"{seconds:g} s"


def _soonest(limits: Limits) -> float:
    """Give the seconds until the first of the limits may be reached."""
    times = (limits.first_byte, limits.between_events, limits.duration, limits.head)
    return min(*times, *([limits.keepalive] if limits.keepalive is not None else []))
