r"""A scripted provider on loopback: exact bytes out, exact bytes in, cuts where the script wants them.

Built on sockets, because a test of a proxy must decide where a chunk ends, when a connection dies and how (FIN or
RST), none of which an HTTP library lets it say. One thread accepts, one thread serves each connection; a script is a
plain function that gets the recorded :class:`Request` and a :class:`Reply` to speak through::

    def hello(request: Request, reply: Reply) -> None:
        reply.head(200, [("content-type", "text/event-stream")])
        reply.send(b"data: 1\n\n")  # one chunk, flushed now
        reply.wait(test_saw_it)  # a threading.Event that the test sets
        reply.end()


    with Upstream({"/v1/messages": hello}) as up:
        ...
        request = up.wait_for(1)[0]

Nothing sleeps: each wait is on an Event or a Condition with a deadline. What goes wrong inside a script (an exception,
a reply never ended) is kept in :attr:`Upstream.faults` and raised when the ``with`` block is left, so that a broken
script cannot pass for a broken proxy. A peer that leaves early is no fault: it raises
:class:`PeerGoneError` in the script, which ends it, and sets :attr:`Upstream.hung_up`.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, Self

from .http1 import DEADLINE, Reader, Request, read_request

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from .certs import ServerCert

type Script = Callable[["Request", "Reply"], None]
type Table = Mapping[str, Script]

_SLICE: Final = 0.05
_REASONS: Final = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found"}


class PeerGoneError(Exception):
    """The other end closed its connection while a script was still speaking."""


class ScriptError(AssertionError):
    """A script of the test itself misbehaved."""


class Reply:
    """What a script speaks through. Every call writes to the socket before it returns."""

    def __init__(self, sock: socket.socket, request: Request, closing: threading.Event) -> None:
        """Speak on ``sock`` in answer to ``request``; ``closing`` is set when the upstream shuts down."""
        self._sock = sock
        self._request = request
        self._closing = closing
        self._chunked = False
        self._bodiless = request.method == "HEAD"
        self.began = False
        self.ended = False
        self.keep_alive = True

    def head(self, status: int = 200, headers: Iterable[tuple[str, str]] = (), reason: str | None = None) -> None:
        """Send the status line and headers.

        Without ``content-length`` the body is chunked towards HTTP/1.1; a ``connection: close`` header makes it raw
        until the connection closes.
        """
        pairs = list(headers)
        names = {name.lower(): value.lower() for name, value in pairs}
        bodiless = self._bodiless = self._bodiless or status in {204, 304} or status < 200  # RFC 9110 6.4.1
        if names.get("connection") == "close" or self._request.version == "HTTP/1.0":
            self.keep_alive = False
        elif "content-length" not in names and not bodiless:
            self._chunked = True
            if "transfer-encoding" not in names:
                pairs.append(("transfer-encoding", "chunked"))
        lines = [f"HTTP/1.1 {status} {reason or _REASONS.get(status, 'Whatever')}"]
        lines += [f"{name}: {value}" for name, value in pairs]
        self.began = True
        self.raw(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    def send(self, data: bytes) -> None:
        """Send exactly these bytes of the body, as one chunk where the body is chunked."""
        if self._bodiless or not data:
            return
        self.raw(b"%x\r\n%s\r\n" % (len(data), data) if self._chunked else data)

    def raw(self, data: bytes) -> None:
        """Put bytes on the socket as they are."""
        try:
            self._sock.sendall(data)
        except (BrokenPipeError, ConnectionError, ssl.SSLError, TimeoutError) as error:
            self.keep_alive = False
            raise PeerGoneError(str(error)) from error

    def end(self) -> None:
        """Finish the body."""
        self.ended = True
        if self._chunked and not self._bodiless:
            self.raw(b"0\r\n\r\n")

    def cut(self) -> None:
        """Stop in the middle: the connection closes politely (FIN) without an end of the body."""
        self.ended = True
        self.keep_alive = False

    def abort(self) -> None:
        """Stop in the middle: the connection is reset (RST), and whatever was not yet delivered is lost."""
        self.ended = True
        self.keep_alive = False
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._sock.close()

    def wait(self, gate: threading.Event | threading.Semaphore, deadline: float = DEADLINE) -> None:
        """Hold the reply here until the test opens the gate (an Event), or lets one through (a Semaphore)."""
        end = time.monotonic() + deadline
        take = gate.wait if isinstance(gate, threading.Event) else lambda seconds: gate.acquire(timeout=seconds)
        while not take(_SLICE):
            if self._closing.is_set():
                raise PeerGoneError("the test is over")
            if time.monotonic() > end:
                raise ScriptError(f"the test never opened the gate for {self._request.method} {self._request.target}")

    def wait_gone(self, deadline: float = DEADLINE) -> None:
        """Wait until the peer closes its side, as a proxy does when its client has left; ends the script."""
        self._sock.settimeout(deadline)
        try:
            while self._sock.recv(65536):
                pass
        except TimeoutError as error:
            raise ScriptError("the peer is still there") from error
        except OSError:
            pass  # a reset is a way to leave
        raise PeerGoneError("as awaited")

    def body(self, status: int, headers: Iterable[tuple[str, str]], data: bytes) -> None:
        """Send a whole response with its length."""
        self.head(status, [*headers, ("content-length", str(len(data)))])
        self.send(data)
        self.end()

    def json(self, status: int, value: object, headers: Iterable[tuple[str, str]] = ()) -> None:
        """Send a whole JSON response."""
        self.body(status, [("content-type", "application/json"), *headers], json.dumps(value).encode())

    def events(self, events: Iterable[bytes], gate: threading.Semaphore | None = None) -> None:
        """Send a whole event stream, one chunk an event; with a gate, each event waits to be let through."""
        self.head(200, [("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache")])
        for event in events:
            if gate is not None:
                self.wait(gate)
            self.send(event)
        self.end()


def table(scripts: Table) -> Script:
    """Make one script of a table ``path`` or ``METHOD path`` -> script; any other path gets a 404 that says so."""

    def dispatch(request: Request, reply: Reply) -> None:
        script = scripts.get(f"{request.method} {request.path}") or scripts.get(request.path)
        if script is None:
            reply.json(
                404, {"error": {"type": "not_found_error", "message": f"the lab has no script for {request.path}"}}
            )
        else:
            script(request, reply)

    return dispatch


class Upstream:
    """A provider that does what its script says, and remembers what it was asked."""

    def __init__(
        self, script: Script | Table, tls: ServerCert | None = None, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        """Prepare; the port is bound on entry. With ``tls`` it speaks HTTPS under the certificate's first name."""
        self.script = script if callable(script) else table(script)
        self.tls = tls
        self.host = host
        self.port = port
        self.requests: list[Request] = []
        self.connections = 0
        self.refused: list[str] = []
        """TLS handshakes that failed, by reason: a proxy that does not trust our CA shows here."""
        self.faults: list[BaseException] = []
        self.hung_up = threading.Event()
        """Set when a peer left before a reply was finished."""
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._threads: list[threading.Thread] = []
        self._open: set[socket.socket] = set()
        self._context = tls.context() if tls else None
        self._sni: dict[int, str | None] = {}

    @property
    def url(self) -> str:
        """Scheme, name and port, without a path."""
        return f"https://{self.tls.names[0]}:{self.port}" if self.tls else f"http://{self.host}:{self.port}"

    def __enter__(self) -> Self:
        """Bind and start to accept."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        self._listener = socket.socket(family, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((self.host, self.port))
        self._listener.listen(128)
        self.port = self._listener.getsockname()[1]
        self._spawn(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close everything; raise the first fault of a script unless the test already failed."""
        self._closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._changed:
            open_now = list(self._open)
        for sock in open_now:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        end = time.monotonic() + DEADLINE
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        stuck = [thread.name for thread in self._threads if thread.is_alive()]
        if error is None:
            if self.faults:
                raise self.faults[0]
            if stuck:
                raise ScriptError(f"these threads of the upstream did not end: {stuck}")

    def wait_for(self, count: int, deadline: float = DEADLINE) -> list[Request]:
        """Wait until ``count`` requests have come since the start (or :meth:`forget`); gives all that came."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.requests) >= count or self.faults, deadline) or self.faults:
                seen = [f"{request.method} {request.target}" for request in self.requests]
                raise AssertionError(f"waited for {count} requests, saw {seen}; faults: {self.faults}")
            return list(self.requests)

    def forget(self) -> None:
        """Drop the requests recorded so far; for tests that share one upstream."""
        with self._changed:
            self.requests.clear()

    def _spawn(self, run: Callable[[], None]) -> None:
        thread = threading.Thread(target=run, daemon=True, name=f"upstream-{self.port}-{len(self._threads)}")
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return  # the listener was closed
            with self._changed:
                self.connections += 1
                number = self.connections
                self._open.add(sock)
            self._spawn(lambda sock=sock, number=number: self._serve(sock, number))  # type: ignore[misc]  # defaults bind the loop's values

    def _serve(self, plain: socket.socket, number: int) -> None:
        sock = plain
        try:
            plain.settimeout(DEADLINE * 4)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context is not None:
                sock = self._handshake(plain, number)
            with self._changed:
                self._open.add(sock)
            reader = Reader(sock)
            while self._one(sock, reader, number):
                pass
        except OSError:
            pass  # a connection that dies between two requests, or in its handshake, is nobody's fault
        finally:
            with self._changed:
                self._open.discard(plain)
                self._open.discard(sock)
            sock.close()

    def _handshake(self, plain: socket.socket, number: int) -> socket.socket:
        assert self._context is not None

        def named(_: ssl.SSLObject, name: str, __: ssl.SSLContext) -> None:
            self._sni[number] = name

        with self._changed:  # the callback belongs to the context, so one handshake at a time
            self._context.sni_callback = named
            try:
                return self._context.wrap_socket(plain, server_side=True)
            except OSError as error:
                self.refused.append(str(error))
                raise

    def _one(self, sock: socket.socket, reader: Reader, number: int) -> bool:
        """Serve one request; true where the connection goes on."""
        request = read_request(reader, number, self._sni.get(number))
        if request is None:
            return False
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()
        reply = Reply(sock, request, self._closing)
        try:
            self.script(request, reply)
            if not reply.ended:
                raise ScriptError(f"the script for {request.method} {request.target} did not end its reply")  # noqa: TRY301 - it takes the way of every other fault of a script
        except PeerGoneError:
            if not self._closing.is_set():
                self.hung_up.set()
            return False
        except BaseException as error:  # noqa: BLE001 - kept, and raised by the test's own thread
            with self._changed:
                self.faults.append(error)
                self._changed.notify_all()
            return False
        return reply.keep_alive
