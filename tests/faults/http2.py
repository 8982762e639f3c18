"""The scripted provider over HTTP/2: one call of a script is one DATA frame, one break one RST_STREAM or GOAWAY.

Frames are h2's affair, which mitmproxy brings. A request runs in a task of its own, as many at once as the peer opens
streams; the connection's own task reads.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING, Final, Literal

from h2 import events
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.exceptions import H2Error

from tests.faults.upstream import DEADLINE, Asked, Reply, Upstream
from tests.lab.http2 import pairs_of
from tests.lab.upstream import PeerGoneError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable

    from tests.lab.http1 import Pairs

_OF_HTTP1: Final = frozenset({"connection", "keep-alive", "transfer-encoding"})
"""RFC 9113, section 8.2.2: what HTTP/2 has no header for."""


class Link:
    """One connection."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        """Begin to speak on ``writer``."""
        self.writer = writer
        self.frames = H2Connection(H2Configuration(client_side=False, header_encoding="latin-1"))
        self.gone = False
        self.resets: set[int] = set()
        """The streams that the peer has reset."""
        self.changed = asyncio.Event()
        """Set, and replaced by another, whenever something has come."""
        self.frames.initiate_connection()
        self.flush()

    def flush(self) -> None:
        """Give the socket what h2 has to say."""
        data = self.frames.data_to_send()
        if data and not self.writer.is_closing():
            self.writer.write(data)

    def tell(self) -> None:
        """Wake all who wait."""
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()

    def check(self, stream: int) -> None:
        """Raise where the peer does not want this stream any more."""
        if self.gone or stream in self.resets or self.writer.is_closing():
            raise PeerGoneError("the peer left the stream")

    def room(self, stream: int) -> int:
        """Give how many bytes of DATA may be sent now."""
        return min(self.frames.local_flow_control_window(stream), self.frames.max_outbound_frame_size)


class Http2Reply(Reply):
    """A reply on a stream of HTTP/2."""

    def __init__(self, asked: Asked, link: Link, stream: int) -> None:
        """Speak on a stream of ``link``."""
        super().__init__(asked)
        self._link = link
        self._stream = stream

    async def head(self, status: int, headers: Iterable[tuple[str, str]] = ()) -> None:
        """Send the head."""
        kept = [(name.lower(), value) for name, value in headers if name.lower() not in _OF_HTTP1]
        self._link.check(self._stream)
        self._link.frames.send_headers(self._stream, [(":status", str(status)), *kept])
        await self._put()

    async def send(self, data: bytes) -> None:
        """Send one DATA frame, or as many as the peer's windows make of it."""
        while data:
            self._link.check(self._stream)
            room = self._link.room(self._stream)
            if room > 0:
                part, data = data[:room], data[room:]
                self._link.frames.send_data(self._stream, part)
                await self._put()
            else:
                await self._change()

    async def end(self) -> None:
        """Finish the body."""
        self._link.check(self._stream)
        self.ended = True
        self._link.frames.end_stream(self._stream)
        await self._put()

    async def reset(self) -> None:
        """Reset the stream; the connection goes on."""
        self._link.check(self._stream)
        self.ended = True
        self._link.frames.reset_stream(self._stream, ErrorCodes.INTERNAL_ERROR)
        await self._put()

    async def close(self) -> None:
        """Say goodbye to the whole connection, and close it."""
        self.ended = True
        self._link.gone = True
        self._link.frames.close_connection()
        await self._put()
        self._link.writer.close()

    async def kill(self) -> None:
        """Reset the connection with all its streams (RST)."""
        self.ended = True
        self._link.gone = True
        sock = self._link.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._link.writer.transport.abort()

    async def left(self) -> None:
        """Wait for a reset, or the end of the connection."""
        while True:
            self._link.check(self._stream)
            await self._change()

    async def _change(self) -> None:
        async with asyncio.timeout(DEADLINE):
            await self._link.changed.wait()

    async def _put(self) -> None:
        self._link.flush()
        try:
            await self._link.writer.drain()
        except OSError as error:
            raise PeerGoneError(str(error)) from error


class Http2Upstream(Upstream):
    """A port that speaks HTTP/2 over TLS and nothing else."""

    http: Literal["1.1", "2"] = "2"

    def context(self) -> ssl.SSLContext | None:
        """Offer h2."""
        assert self.cert is not None
        context = self.cert.context()
        context.set_alpn_protocols(["h2"])
        return context

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        """Read until the connection ends."""
        link = Link(writer)
        requests = _Requests(self, link, number)
        try:
            while data := await reader.read(65536):
                for event in link.frames.receive_data(data):
                    requests.take(event)
                link.flush()
                link.tell()
        except H2Error as error:
            if not link.gone:  # what crosses our own goodbye is nobody's fault
                self.faults.append(error)
        finally:
            link.gone = True
            link.tell()


class _Requests:
    """Gathers the requests of one connection."""

    def __init__(self, upstream: Http2Upstream, link: Link, number: int) -> None:
        self.upstream = upstream
        self.link = link
        self.number = number
        self.heads: dict[int, Pairs] = {}
        self.bodies: dict[int, bytes] = {}

    def take(self, event: events.Event) -> None:
        match event:
            case events.RequestReceived(stream_id=int(stream), headers=headers):
                self.heads[stream], self.bodies[stream] = pairs_of(headers), b""
            case events.DataReceived(stream_id=int(stream), data=data, flow_controlled_length=size):
                self.bodies[stream] += data or b""
                self.link.frames.acknowledge_received_data(size or 0, stream)
            case events.StreamEnded(stream_id=int(stream)):
                head = self.heads.pop(stream)
                fields, kept = dict(head), tuple(pair for pair in head if not pair[0].startswith(":"))
                path = fields[":path"].partition("?")[0]
                asked = Asked(fields[":method"], path, kept, self.bodies.pop(stream), self.number, "2")
                self.upstream.later(self.upstream.run(Http2Reply(asked, self.link, stream)))
            case events.StreamReset(stream_id=int(stream)):
                self.heads.pop(stream, None)
                self.bodies.pop(stream, None)
                self.link.resets.add(stream)
            case events.ConnectionTerminated():
                self.link.gone = True
