"""The one file that stands on mitmproxy's internals: its HTTP layers.

What mitmproxy's hooks cannot do is done by subclassing ``HttpLayer`` and ``HttpStream`` (seen on mitmproxy 12.2.3):

- **A tunnel that nobody looks into is opened at once.** With ``connection_strategy=lazy`` mitmproxy answers a CONNECT
  and then waits for the client's first bytes to see what they are. A client that waits for the server's greeting (ssh,
  smtp) would wait for ever, and a dead host would be noticed late. Where the host is not to be decrypted there is
  nothing to see, so the connection is made, and its failure told, as any proxy does.
- **The first bytes are looked at before the head leaves** (G2). mitmproxy shows an addon the head of a response before
  its first byte, and lets it leave at once; but an error under a status of success, or JSON where a stream was asked
  for, can only be told by a head of its own. So the head of a reply to an LLM request is held until the addon has seen
  enough, for so many seconds at most, and the addon bounds the bytes; then mitmproxy goes on as if both had just come.
- **The client can be sent something between two events** of a stream, when the addon asks to be woken for it.
- **All that comes and all that is sent is written on tapes** (G9), each chunk as it goes by: what an addon sees of a
  streamed body is what its callable is given, and of a body that is held, the whole.
- **A broken upstream ends legally** (guarantee G2). mitmproxy tells an addon that the upstream was cut or never
  answered, and then drops the client, or sends it a page of HTML. Here the addon is asked first: before the head it may
  give a whole response, after it the last bytes of the body, and then the client's message ends as messages do.

``tests/mitm/test_layer.py`` says in plain words which of these internals a mitmproxy release has changed;
:func:`proxy_layer` then gives mitmproxy's own layer, and Wiremend runs without the above rather than not at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self, cast

from mitmproxy import http
from mitmproxy.flow import Error
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers import TCPLayer
from mitmproxy.proxy.layers.http import DropStream, HttpLayer, HTTPMode, HttpStream, SendHttp
from mitmproxy.proxy.layers.http._events import (
    RequestProtocolError,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
)
from mitmproxy.proxy.layers.http._hooks import HttpErrorHook
from mitmproxy.proxy.layers.http._upstream_proxy import HttpUpstreamProxy
from mitmproxy.proxy.utils import ReceiveBuffer

if TYPE_CHECKING:
    from collections.abc import Callable

    from mitmproxy.net.server_spec import ServerSpec
    from mitmproxy.proxy.context import Context

    from wiremend.mitm.tape import Tape, Tapes

    type Opaque = Callable[[str, int], bool]
    type Via = Callable[[str, int], ServerSpec | None]

INTERNALS = (
    (HttpLayer, ("make_stream", "event_to_child", "streams")),
    (
        HttpStream,
        (
            "handle_connect_regular",
            "handle_connect_finish",
            "_handle_event",
            "check_body_size",
            "handle_protocol_error",
            "start_response_stream",
            "state_wait_for_response_headers",
            "state_stream_response_body",
            "state_consume_response_body",
            "state_done",
            "state_errored",
        ),
    ),
    (HttpUpstreamProxy, ("make",)),
    (ReceiveBuffer, ("__iadd__", "__len__")),
)
"""What this file stands on: classes, and the names in them."""


def missing_internals() -> list[str]:
    """Give what this mitmproxy no longer has of :data:`INTERNALS`."""
    return [
        f"{kind.__name__}.{name}"
        for kind, names in INTERNALS
        for name in names
        if not hasattr(kind, name) and name not in getattr(kind, "__annotations__", {})
    ]


class Endings(Protocol):
    """Who knows how a reply begins, goes on when nothing comes, and is to end when it breaks."""

    def tapes(self, flow: http.HTTPFlow, response: http.Response | None) -> Tapes | None:
        """Give what both sides of a reply are written on from its head on; None where nothing is to be kept of it.

        ``response`` is the head as it came, None where there is none and the client gets an answer all the same.
        """

    def peeks(self, flow: http.HTTPFlow, response: http.Response) -> float | None:
        """Give the seconds for which the head may be held until the first bytes were seen; None to let it go."""

    def enough(self, flow: http.HTTPFlow, first: bytes, ended: bool, late: bool) -> bool:  # noqa: FBT001 - a callback
        """Tell whether the first bytes are enough. At the end of the body, or when it is late, the head goes anyway."""

    def pulse(self, flow: http.HTTPFlow) -> float | None:
        """Give the seconds after which :meth:`between` is to be asked while a body streams; None for never again."""

    def between(self, flow: http.HTTPFlow) -> bytes | None:
        """Give what the client is to get now, between two events; None for nothing."""

    def unanswered(self, flow: http.HTTPFlow, message: str) -> http.Response | None:
        """Give the response for a request that the upstream did not answer; None for mitmproxy's own."""

    def cut(self, flow: http.HTTPFlow, message: str) -> bytes | None:
        """Give the last bytes of a stream that the upstream cut, ``b""`` for none; None to drop the client."""


STORED = 8 * 1024 * 1024
"""Bytes of a streamed body, give or take a chunk, that the flow keeps to be looked at: memory stays flat."""


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
    held: ResponseHeaders | None = None
    """The head that has not left yet; ``first`` are the bytes behind it."""
    first: bytes = b""
    alarm: commands.RequestWakeup | None = None
    tapes: Tapes | None = None
    heard: Tape | None = None

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Take a wake-up; all else is mitmproxy's to take. Each chunk comes by here, so no generator stands between."""
        if isinstance(event, ResponseData):
            if not event.data:  # a frame of HTTP/2 may hold nothing; what mends a stream would take it for the end
                return _nothing()
            if self.heard is not None:
                self.heard.write(event.data)
        return self._wake(event) if isinstance(event, events.Wakeup) else super()._handle_event(event)

    def _wake(self, event: events.Wakeup) -> layer.CommandGenerator[None]:
        if event.command is self.alarm:
            self.alarm = None
            if self.held is not None:
                self.endings.enough(self.flow, self.first, ended=False, late=True)
                yield from self._release()
            elif self.server_state == self.state_stream_response_body:
                between = self.endings.between(self.flow)
                if between:
                    if self.tapes is not None:
                        self.tapes.said.write(between)
                    yield SendHttp(ResponseData(self.stream_id, between), self.context.client)
                yield from self._wake_later()

    def state_wait_for_response_headers(self, event: ResponseHeaders) -> layer.CommandGenerator[None]:
        """Hold the head, or let it go."""
        self.tapes = self.endings.tapes(self.flow, event.response)
        self.heard = self.tapes.heard if self.tapes is not None else None
        seconds = self.endings.peeks(self.flow, event.response)
        if seconds is not None and event.end_stream:
            self.endings.enough(self.flow, b"", ended=True, late=False)
        if seconds is None or event.end_stream:
            yield from super().state_wait_for_response_headers(event)
            return
        self.held, self.first = event, b""
        self.server_state = self.state_peek
        self.alarm = commands.RequestWakeup(seconds)
        yield self.alarm

    def state_peek(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Take the first bytes."""
        if isinstance(event, ResponseData):
            self.first += event.data
            if self.endings.enough(self.flow, self.first, ended=False, late=False):
                yield from self._release()
        else:  # the trailers, or the end
            self.endings.enough(self.flow, self.first, ended=True, late=False)
            yield from self._release(event)

    def _release(self, last: events.Event | None = None) -> layer.CommandGenerator[None]:
        """Let mitmproxy have the head, the bytes behind it, and what came last, in this order."""
        held, first = self.held, self.first
        self.held, self.first, self.alarm = None, b"", None
        if held is None:
            return
        self.server_state = self.state_wait_for_response_headers
        yield from super().state_wait_for_response_headers(held)
        if first and self.server_state not in (self.state_errored, self.state_wait_for_response_headers):
            yield from self.server_state(ResponseData(self.stream_id, first))
        if last is not None and self.server_state != self.state_errored:
            yield from self.server_state(last)

    def start_response_stream(self) -> layer.CommandGenerator[None]:
        """Let the body stream, keep the first part of it, and ask to be woken if something is to be sent meanwhile."""
        self.response_body_buf = Beginning()  # type: ignore[no-untyped-call]  # mitmproxy has no types here
        if self.tapes is not None:
            self.response_body_buf.tape = self.tapes.said
            self.tapes.begun = True
        yield from super().start_response_stream()
        yield from self._wake_later()

    def check_body_size(self, request: bool) -> layer.CommandGenerator[bool]:  # noqa: FBT001 - mitmproxy's method
        """Judge a size. Where a body is to stream after all, mitmproxy hands itself what has come already once more."""
        heard, self.heard = self.heard, None
        too_large = yield from super().check_body_size(request)
        self.heard = heard
        return too_large

    def _wake_later(self) -> layer.CommandGenerator[None]:
        seconds = self.endings.pulse(self.flow)
        if seconds is not None:
            self.alarm = commands.RequestWakeup(seconds)
            yield self.alarm

    def handle_protocol_error(
        self, event: RequestProtocolError | ResponseProtocolError
    ) -> layer.CommandGenerator[None]:
        """End a message that the upstream broke; the client's own errors are mitmproxy's affair."""
        if isinstance(event, ResponseProtocolError) and self.client_state == self.state_done:
            if self.server_state == self.state_stream_response_body:
                tail = self.endings.cut(self.flow, event.message)
                if tail is not None:
                    yield from self._end(event.message, tail)
                    return
            elif self.server_state in (
                self.state_wait_for_response_headers,
                self.state_consume_response_body,
                self.state_peek,
            ):
                self.held, self.alarm = None, None
                response = self.endings.unanswered(self.flow, event.message)
                if response is not None:
                    yield from self._answer(event.message, response)
                    return
        yield from super().handle_protocol_error(event)

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
        if head is not None:
            yield SendHttp(ResponseHeaders(self.stream_id, head, end_stream=not tail), self.context.client)
        if tail:
            yield SendHttp(ResponseData(self.stream_id, tail), self.context.client)
        yield DropStream(self.stream_id)
        yield SendHttp(ResponseEndOfMessage(self.stream_id), self.context.client)


def _nothing() -> layer.CommandGenerator[None]:
    yield from ()


class WireLayer(HttpLayer):
    """An HTTP layer whose streams end legally."""

    endings: Endings

    def make_stream(self, stream_id: int) -> layer.CommandGenerator[None]:
        """Make a stream of ours, as mitmproxy makes its own."""
        stream = WireStream(self.context.fork(), stream_id)
        stream.endings = self.endings
        self.streams[stream_id] = stream
        yield from self.event_to_child(stream, events.Start())


class ProxyStream(WireStream):
    """A request of the HTTPS proxy; of a CONNECT to a host that is nobody's business it makes a plain tunnel."""

    def __init__(self, context: Context, stream_id: int, opaque: Opaque, via: Via) -> None:
        """Keep the two questions that a CONNECT asks."""
        super().__init__(context, stream_id)
        self.opaque = opaque
        self.via = via

    def handle_connect_regular(self) -> layer.CommandGenerator[None]:
        """Open the tunnel, or go on as mitmproxy does."""
        host, port = self.flow.request.host, self.flow.request.port
        if self.flow.response is not None or not self.opaque(host, port):
            yield from super().handle_connect_regular()  # type: ignore[no-untyped-call]  # mitmproxy has no types here
            return
        proxy = self.via(host, port)
        if proxy is not None:
            self.context.server.via = proxy
            stack = HttpUpstreamProxy.make(self.context, send_connect=True)
            stack /= TCPLayer(self.context, ignore=True)
            self.child_layer = stack[0]
        else:
            error = yield commands.OpenConnection(self.context.server)
            if error:
                message = f"Cannot connect to {host}:{port}: {error}\n"
                self.flow.response = http.Response.make(502, message, {"content-type": "text/plain"})
            self.child_layer = TCPLayer(self.context, ignore=True)
        yield from self.handle_connect_finish()  # type: ignore[no-untyped-call]  # as above


class ProxyLayer(HttpLayer):
    """The HTTPS proxy's HTTP layer."""

    def __init__(self, context: Context, opaque: Opaque, via: Via, endings: Endings) -> None:
        """Keep what its streams will ask."""
        super().__init__(context, HTTPMode.regular)
        self.opaque = opaque
        self.via = via
        self.endings = endings

    def make_stream(self, stream_id: int) -> layer.CommandGenerator[None]:
        """Make a stream of ours, as mitmproxy makes its own."""
        stream = ProxyStream(self.context.fork(), stream_id, self.opaque, self.via)
        stream.endings = self.endings
        self.streams[stream_id] = stream
        yield from self.event_to_child(stream, events.Start())


def proxy_layer(context: Context, opaque: Opaque, via: Via, endings: Endings) -> HttpLayer:
    """Give the HTTP layer for a connection of the HTTPS proxy.

    ``opaque(host, port)`` tells whether a tunnel there is not to be looked into; ``via(host, port)`` gives the
    machine's own proxy for it.
    """
    if missing_internals():
        return HttpLayer(context, HTTPMode.regular)
    return ProxyLayer(context, opaque, via, endings)


def adopt(top: layer.Layer | None, endings: Endings) -> None:
    """Make the HTTP layer in a stack that mitmproxy chose one of ours; under TLS it is a child of the TLS layers."""
    seen: layer.Layer | None = top
    while seen is not None and not missing_internals():
        if type(seen) is HttpLayer:
            # mitmproxy has built it and put it into the stack; only how it makes streams is to be ours.
            seen.__class__ = WireLayer
            cast("WireLayer", seen).endings = endings
            return
        seen = getattr(seen, "child_layer", None)
