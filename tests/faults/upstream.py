r"""A provider on asyncio, scripted down to TCP: each request runs the script that its path chooses.

The lab's upstream (:mod:`tests.lab.upstream`) has a thread a connection, which is right for a test and wrong for
hundreds of streams at once. This one runs in the loop of whoever asks, speaks HTTP/1.1 here and HTTP/2 in
:mod:`tests.faults.http2`, and a script breaks off where and how it likes::

    async def half(reply: Reply) -> None:
        await reply.head(200, EVENTS)
        await reply.send(b"data: 1\n\n")
        await client_has_it.wait()
        await reply.reset()

What comes is kept in :attr:`Upstream.asked`. A script that fails, other than by a peer that left, is kept in
:attr:`Upstream.faults`: it must not pass for a fault of the proxy.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, Self

from tests.lab.http1 import Pairs, parse_head
from tests.lab.upstream import PeerGoneError, ScriptError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable
    from types import TracebackType

    from tests.lab import ServerCert

type Script = Callable[["Reply"], Awaitable[None]]
type Ending = Literal["open", "done", "left"]
type Choose = Callable[["Asked"], Script]

DEADLINE: Final = 30.0
"""Seconds that a script may wait for anything: far above what is needed, far below a hung build."""


@dataclass(slots=True)
class Asked:
    """One request as it came; ``at`` is :func:`time.monotonic`, ``connection`` counts the upstream's from 1.

    ``ending`` is ``open`` while its script runs, ``left`` where the peer went away before the script was done.
    """

    method: str
    path: str
    headers: Pairs
    body: bytes
    connection: int
    http: Literal["1.1", "2"]
    at: float = field(default_factory=time.monotonic)
    ending: Ending = "open"


class Reply(ABC):
    """What a script speaks through. Raises :class:`PeerGoneError` where nobody listens any more."""

    def __init__(self, asked: Asked) -> None:
        """Answer ``asked``."""
        self.asked = asked
        self.ended = False

    @abstractmethod
    async def head(self, status: int, headers: Iterable[tuple[str, str]] = ()) -> None:
        """Send the head; without ``content-length`` the body is chunked, in HTTP/1.1."""

    @abstractmethod
    async def send(self, data: bytes) -> None:
        """Send a part of the body: one chunk, or one DATA frame."""

    @abstractmethod
    async def end(self) -> None:
        """Finish the body."""

    @abstractmethod
    async def reset(self) -> None:
        """Break off: RST of the connection in HTTP/1.1, RST_STREAM in HTTP/2."""

    @abstractmethod
    async def close(self) -> None:
        """Break off politely: FIN in HTTP/1.1; in HTTP/2 GOAWAY, then FIN."""

    async def kill(self) -> None:
        """Break off the whole connection (RST), with all that goes on in it."""
        await self.reset()

    @abstractmethod
    async def left(self) -> None:
        """Wait until the peer leaves, and raise :class:`PeerGoneError` then."""

    async def wait(self, gate: asyncio.Event) -> None:
        """Wait for the test, or until the peer leaves."""
        opened = asyncio.ensure_future(gate.wait())
        gone = asyncio.ensure_future(self.left())
        try:
            done, _ = await asyncio.wait({opened, gone}, timeout=DEADLINE, return_when=asyncio.FIRST_COMPLETED)
            if gone in done:
                gone.result()
            if not done:
                raise ScriptError(f"the test never opened the gate of {self.asked.path}")
        finally:
            for one in (opened, gone):
                one.cancel()
            await asyncio.gather(opened, gone, return_exceptions=True)

    async def body(self, status: int, headers: Iterable[tuple[str, str]], data: bytes) -> None:
        """Send a whole response."""
        await self.head(status, [*headers, ("content-length", str(len(data)))])
        await self.send(data)
        await self.end()


class Http1Reply(Reply):
    """A reply on a connection of HTTP/1.1."""

    def __init__(self, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Speak on ``writer``; ``reader`` tells when the peer leaves."""
        super().__init__(asked)
        self._reader = reader
        self._writer = writer
        self._chunked = False
        self.keep_alive = True

    async def head(self, status: int, headers: Iterable[tuple[str, str]] = ()) -> None:
        """Send the head."""
        pairs = list(headers)
        self._chunked = not any(name.lower() == "content-length" for name, _ in pairs)
        if self._chunked:
            pairs.append(("transfer-encoding", "chunked"))
        lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {value}" for name, value in pairs)]
        await self._put(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    async def send(self, data: bytes) -> None:
        """Send one chunk."""
        if data:
            await self._put(b"%x\r\n%s\r\n" % (len(data), data) if self._chunked else data)

    async def end(self) -> None:
        """Finish the body."""
        self.ended = True
        if self._chunked:
            await self._put(b"0\r\n\r\n")

    async def reset(self) -> None:
        """Reset the connection. What the peer's kernel has is not lost by it."""
        self.ended, self.keep_alive = True, False
        sock = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def close(self) -> None:
        """Close the connection."""
        self.ended, self.keep_alive = True, False
        self._writer.close()

    async def left(self) -> None:
        """Wait for the end of the connection; whoever has asked sends nothing more until it is answered."""
        with contextlib.suppress(OSError):
            async with asyncio.timeout(DEADLINE):
                if await self._reader.read(1):
                    raise ScriptError("the peer spoke before it was answered")
        self.keep_alive = False
        raise PeerGoneError("the peer closed the connection")

    async def _put(self, data: bytes) -> None:
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError as error:
            self.keep_alive = False
            raise PeerGoneError(str(error)) from error
        if self._reader.at_eof():
            self.keep_alive = False
            raise PeerGoneError("the peer closed the connection")


class Upstream:
    """A port that speaks one kind of HTTP over TLS, or without it where ``cert`` is None (HTTP/1.1 only).

    ``choose`` gives the script of a request. Use as an asynchronous context.
    """

    http: Literal["1.1", "2"] = "1.1"

    def __init__(self, choose: Choose, cert: ServerCert | None) -> None:
        """Prepare; the port is bound on entry."""
        self.choose = choose
        self.cert = cert
        self.port = 0
        self.asked: list[Asked] = []
        self.connections = 0
        self.faults: list[BaseException] = []
        self.open: set[asyncio.WriteTransport] = set()
        """The connections that live now."""
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Scheme, name and port."""
        return f"http://127.0.0.1:{self.port}" if self.cert is None else f"https://localhost:{self.port}"

    def context(self) -> ssl.SSLContext | None:
        """Give the TLS that it offers."""
        return None if self.cert is None else self.cert.context()

    async def __aenter__(self) -> Self:
        """Bind and accept."""
        self._server = await asyncio.start_server(
            self._connected, "127.0.0.1", 0, ssl=self.context(), backlog=1024, limit=2**24
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close everything; raise what a script did wrong, unless something else is wrong already."""
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for transport in list(self.open):
            transport.abort()
        await self._server.wait_closed()
        if self.faults and error is None:
            raise self.faults[0]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        """Serve one connection until its end."""
        while (asked := await _read_request(reader, number)) is not None:
            reply = Http1Reply(asked, reader, writer)
            await self.run(reply)
            if not reply.keep_alive or not reply.ended:
                return

    async def run(self, reply: Reply) -> None:
        """Let the script answer."""
        self.asked.append(reply.asked)
        try:
            await self.choose(reply.asked)(reply)
            if not reply.ended:
                raise ScriptError(f"the script of {reply.asked.path} did not end its reply")  # noqa: TRY301 - it takes the way of every other fault of a script
        except PeerGoneError:
            reply.asked.ending = "left"
        except Exception as error:  # noqa: BLE001 - kept, and raised at the end
            self.faults.append(error)
        else:
            reply.asked.ending = "done"

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.later(self._serve(reader, writer, self.connections))

    def later(self, work: Awaitable[None]) -> None:
        """Let something run beside."""
        task = asyncio.ensure_future(work)
        assert isinstance(task, asyncio.Task)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        transport = writer.transport
        self.open.add(transport)
        try:
            await self.serve(reader, writer, number)
        except (OSError, asyncio.IncompleteReadError):
            pass  # a connection that dies between two requests is nobody's fault
        finally:
            self.open.discard(transport)
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(1):  # a peer that does not answer the end of TLS
                    await writer.wait_closed()
            transport.abort()


async def _read_request(reader: asyncio.StreamReader, number: int) -> Asked | None:
    """Read one request; None where the connection ends first."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, headers = parse_head(head)
    method, target, _ = first.split(" ", 2)
    fields = {name.lower(): value for name, value in headers}
    body = await reader.readexactly(int(fields.get("content-length", "0")))
    return Asked(method, target.partition("?")[0], headers, body, number, "1.1")


class Silent(Upstream):
    """A port that takes a connection and says nothing, not even of TLS."""

    def context(self) -> ssl.SSLContext | None:
        """Offer no TLS, whatever the URL says."""
        return None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        """Read, and leave when the peer does."""
        del writer, number
        while await reader.read(65536):
            pass


class Refusing:
    """A port that refuses connections: it is bound, so nobody else gets it, and does not listen."""

    def __enter__(self) -> Self:
        """Bind."""
        self._sock = socket.socket()
        self._sock.bind(("127.0.0.1", 0))
        self.port = self._sock.getsockname()[1]
        self.url = f"https://localhost:{self.port}"
        return self

    def __exit__(self, *_: object) -> None:
        """Give the port free."""
        self._sock.close()
