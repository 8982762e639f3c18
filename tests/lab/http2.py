"""A scripted provider that speaks HTTP/2, frame by frame.

:class:`Http2Upstream` is :class:`~tests.lab.upstream.Upstream` over TLS and HTTP/2, for the same scripts: what a script
sends in one call leaves as one DATA frame (as long as the peer's window and frame size allow), each stream is served by
a thread of its own, and :meth:`Http2Reply.seen` waits until the peer has read all of it. The other end is
:class:`~tests.lab.http2_client.Http2Client`.

Frames are h2's affair, which mitmproxy brings. TLS goes by memory buffers, so that one lock holds it, the frames and
their order on the socket; one thread reads, whoever has something to say writes.
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import struct
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from h2 import events
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.exceptions import H2Error

from .http1 import DEADLINE, Pairs, Request
from .upstream import PeerGoneError, Reply, ScriptError, Upstream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .certs import ServerCert
    from .upstream import Script, Table

_OF_HTTP1: Final = frozenset({"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"})
"""RFC 9113, section 8.2.2: what HTTP/2 has no header for."""


class Link:
    """One HTTP/2 connection over TLS. ``changed`` guards all of it, and tells of whatever happens."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, name: str | None = None) -> None:
        """Shake hands on a connected socket: as the client that asks for ``name``, as the server without one."""
        self.sock = sock
        self.changed = threading.Condition()
        self.gone: str | None = None
        """Why nothing can be sent any more."""
        self.answered: set[bytes] = set()
        """The pings that the peer has answered."""
        self.resets: set[int] = set()
        """The streams that the peer has reset."""
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=name is None, server_hostname=name)
        self._shake()
        if self._tls.selected_alpn_protocol() != "h2":
            raise ConnectionError("the peer does not speak HTTP/2")
        self.frames = H2Connection(H2Configuration(client_side=name is not None, header_encoding="latin-1"))
        self.frames.initiate_connection()
        self.flush()

    def _shake(self) -> None:
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self.sock.sendall(self._out.read())
                data = self.sock.recv(65536)
                if not data:
                    raise ConnectionError("the connection was closed in the handshake") from None
                self._in.write(data)
            else:
                return

    def flush(self) -> None:
        """Put on the socket what h2 has to say."""
        with self.changed:
            data = self.frames.data_to_send()
            try:
                if data:
                    self._tls.write(data)
                    self.sock.sendall(self._out.read())
            except OSError as error:
                self._end(str(error))
                raise PeerGoneError(str(error)) from error

    def pump(self, take: Callable[[events.Event], None]) -> None:
        """Read until the connection ends; gives each event to ``take``, under the lock."""
        try:
            while data := self.sock.recv(65536):
                with self.changed:
                    self._in.write(data)
                    for event in self.frames.receive_data(self._plain()):
                        self._note(event)
                        take(event)
                    self.flush()
                    self.changed.notify_all()
        except (OSError, H2Error, PeerGoneError) as error:
            self._end(str(error) or type(error).__name__)
        else:
            self._end("the peer closed the connection")

    def send(self, stream: int, data: bytes) -> None:
        """Send DATA: one frame, unless the peer's frame size or window is smaller."""
        view = memoryview(data)
        while view:
            with self.changed:
                self.until(lambda: self._room(stream) > 0, "the peer's window to open", stream)
                room = min(self._room(stream), len(view))
                self.frames.send_data(stream, view[:room].tobytes())
                self.flush()
            view = view[room:]

    def ping(self) -> None:
        """Wait until the peer has read what was sent so far: it answers a PING after what came before it."""
        with self.changed:
            token = os.urandom(8)
            self.frames.ping(token)
            self.flush()
            self.until(lambda: token in self.answered, "the peer to answer a ping")

    def until(self, ready: Callable[[], bool], what: str, stream: int = 0) -> None:
        """Wait for something. Raises PeerGoneError where the connection ends, or the stream is reset, before it."""
        end = time.monotonic() + DEADLINE
        with self.changed:
            while not ready():
                if self.gone is not None or stream in self.resets:
                    raise PeerGoneError(self.gone or "the peer reset the stream")
                if not self.changed.wait(end - time.monotonic()):
                    raise ScriptError(f"waited for {what}")

    def close(self) -> None:
        """Close politely."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()

    def _plain(self) -> bytes:
        parts = []
        with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLZeroReturnError):
            while part := self._tls.read(65536):
                parts.append(part)
        return b"".join(parts)

    def _note(self, event: events.Event) -> None:
        match event:
            case events.DataReceived(stream_id=stream, flow_controlled_length=size):
                self.frames.acknowledge_received_data(size or 0, stream or 0)
            case events.PingAckReceived(ping_data=token):
                self.answered.add(token or b"")
            case events.StreamReset(stream_id=stream):
                self.resets.add(stream or 0)
            case events.ConnectionTerminated():
                self.gone = "the peer sent GOAWAY"

    def _room(self, stream: int) -> int:
        if self.gone is not None or stream in self.resets:
            return 0
        return min(self.frames.local_flow_control_window(stream), self.frames.max_outbound_frame_size)

    def _end(self, why: str) -> None:
        with self.changed:
            self.gone = self.gone or why
            self.changed.notify_all()


class Http2Reply(Reply):
    """What a script speaks through, on a stream of HTTP/2."""

    def __init__(self, link: Link, stream: int, request: Request, closing: threading.Event) -> None:
        """Speak on a stream of ``link``."""
        super().__init__(link.sock, request, closing)
        self._link = link
        self._stream = stream

    def head(self, status: int = 200, headers: Iterable[tuple[str, str]] = (), reason: str | None = None) -> None:
        """Send the head; HTTP/2 has neither a reason nor the headers that frame an HTTP/1.1 message."""
        del reason
        kept = [(name.lower(), value) for name, value in headers if name.lower() not in _OF_HTTP1]
        self._bodiless = self._bodiless or status in {204, 304}
        self.began = True
        self._say(lambda: self._link.frames.send_headers(self._stream, [(":status", str(status)), *kept]))

    def send(self, data: bytes) -> None:
        """Send exactly these bytes of the body, as one DATA frame."""
        if data and not self._bodiless:
            self._link.send(self._stream, data)

    def blank(self) -> None:
        """Send a DATA frame without a byte in it, which ends nothing."""
        self._say(lambda: self._link.frames.send_data(self._stream, b""))

    def raw(self, data: bytes) -> None:
        """Refuse: there is no way around the frames."""
        raise ScriptError(f"HTTP/2 has frames: {data[:20]!r} cannot be sent raw")

    def end(self, trailers: Iterable[tuple[str, str]] = ()) -> None:
        """Finish the body, with trailers if there are any."""
        self.ended = True
        fields = list(trailers)
        frames = self._link.frames
        if fields:
            self._say(lambda: frames.send_headers(self._stream, fields, end_stream=True))
        else:
            self._say(lambda: frames.end_stream(self._stream))

    def seen(self) -> None:
        """Wait until the peer has read all that was sent so far."""
        self._link.ping()

    def cut(self) -> None:
        """Stop in the middle: the connection closes politely (FIN), whatever else is going on in it."""
        self.ended = True
        self._link.close()

    def abort(self) -> None:
        """Stop in the middle: the connection is reset (RST), and whatever was not yet delivered is lost."""
        self.ended = True
        self._link.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._link.sock.shutdown(socket.SHUT_RD)  # wakes the thread that reads; the close below is then the last
        self._link.sock.close()

    def reset(self, code: ErrorCodes = ErrorCodes.INTERNAL_ERROR) -> None:
        """Stop in the middle: the stream is reset (RST_STREAM), and the connection goes on."""
        self.ended = True
        self._say(lambda: self._link.frames.reset_stream(self._stream, code))

    def wait_gone(self, deadline: float = DEADLINE) -> None:
        """Wait until the peer resets the stream or closes the connection; ends the script."""
        del deadline
        self._link.until(lambda: False, "the peer to leave", self._stream)

    def _say(self, speak: Callable[[], None]) -> None:
        with self._link.changed:
            if self._stream in self._link.resets or self._link.gone is not None:
                raise PeerGoneError(self._link.gone or "the peer reset the stream")
            speak()
            self._link.flush()


class Http2Upstream(Upstream):
    """A provider that speaks HTTP/2 over TLS and nothing else."""

    def __init__(self, script: Script | Table, tls: ServerCert, host: str = "127.0.0.1", port: int = 0) -> None:
        """Prepare; the port is bound on entry."""
        super().__init__(script, tls, host, port)
        self._certificate = tls

    def _serve(self, plain: socket.socket, number: int) -> None:
        try:
            plain.settimeout(DEADLINE * 4)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            context = self._certificate.context()
            context.set_alpn_protocols(["h2"])
            context.sni_callback = lambda _, name, __: self._sni.update({number: name})
            try:
                link = Link(plain, context)
            except OSError as error:
                self.refused.append(str(error))
                raise
            link.pump(_Streams(self, link, number))
        except (OSError, PeerGoneError):
            pass  # a connection that dies in its handshake is nobody's fault
        finally:
            with self._changed:
                self._open.discard(plain)
            plain.close()

    def come(self, link: Link, stream: int, number: int, headers: Pairs, body: bytes) -> None:
        """Serve a request that has come, in a thread of its own."""
        fields = dict(headers)
        kept = tuple(pair for pair in headers if not pair[0].startswith(":"))
        named = (fields[":method"], fields[":path"], "HTTP/2.0")
        request = Request(*named, kept, body, time.monotonic(), number, self._sni.get(number))
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()
        self._spawn(lambda: self._answer(Http2Reply(link, stream, request, self._closing), request))

    def _answer(self, reply: Http2Reply, request: Request) -> None:
        try:
            self.script(request, reply)
            if not reply.ended:
                raise ScriptError(f"the script for {request.method} {request.target} did not end its reply")  # noqa: TRY301 - it takes the way of every other fault of a script
        except PeerGoneError:
            if not self._closing.is_set():
                self.hung_up.set()
        except BaseException as error:  # noqa: BLE001 - kept, and raised by the test's own thread
            with self._changed:
                self.faults.append(error)
                self._changed.notify_all()


class _Streams:
    """Gathers the requests of one connection."""

    def __init__(self, upstream: Http2Upstream, link: Link, number: int) -> None:
        self.upstream = upstream
        self.link = link
        self.number = number
        self.heads: dict[int, Pairs] = {}
        self.bodies: dict[int, list[bytes]] = {}

    def __call__(self, event: events.Event) -> None:
        match event:
            case events.RequestReceived(stream_id=int(stream), headers=headers):
                self.heads[stream] = pairs_of(headers)
                self.bodies[stream] = []
            case events.DataReceived(stream_id=int(stream), data=data):
                self.bodies[stream].append(data or b"")
            case events.StreamEnded(stream_id=int(stream)):
                body = b"".join(self.bodies.pop(stream))
                self.upstream.come(self.link, stream, self.number, self.heads.pop(stream), body)


def pairs_of(headers: Iterable[Any] | None) -> Pairs:
    """Give the headers of one of h2's events."""
    return tuple((str(name), str(value)) for name, value in headers or ())
