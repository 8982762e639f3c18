"""The provider itself: HTTP/1.1 with keep-alive, a thread a connection, on the standard library.

A recorded answer goes out with its status, its headers without those of the connection, and its body in cuts, each
flushed as a chunk of its own. It is framed by ``content-length`` where the recorded one was, else chunked. Where the
provider broke off, the connection breaks in the same place; where it gave no answer, the connection is closed.

Whatever a client sends is bounded: :data:`MAX_BODY` bytes a body, compressed or not yet.
"""

from __future__ import annotations

import logging
import re
import socket
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from wiremend.captures.capture import Body, Request, Response
from wiremend.errors import CaptureError, SetupError
from wiremend.headers import Headers, without_hop_by_hop
from wiremend.protocols import WIRES
from wiremend.replay.playing.chunks import chunks
from wiremend.replay.playing.player import Miss, Played, Player, Side, Unrecorded
from wiremend.rules.urls import authority

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from wiremend.captures.capture import Capture
    from wiremend.jsonedit import Pointer
    from wiremend.replay.playing.player import Entry, Outcome
    from wiremend.replay.run import Cuts

type Timing = Literal["recorded", "fast"]

MAX_BODY: Final = 64 * 1024 * 1024
"""Bytes that the body of a request may have."""

_BODILESS: Final = frozenset({204, 304})
_LINE_BREAK: Final = re.compile(r"[\r\n\0]")
_JOIN: Final = 5.0  # seconds; a handler ends at once when its connection is shut

_log: Final = logging.getLogger(__name__)


def _wait(seconds: float, closing: threading.Event) -> bool:
    return closing.wait(seconds)


@dataclass(frozen=True, slots=True)
class Clock:
    """What tells the time, in seconds; ``wait`` gives True where the provider closes meanwhile."""

    now: Callable[[], float] = time.monotonic
    wait: Callable[[float, threading.Event], bool] = _wait


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one request, for a log: ``outcome`` is None where it could not be read."""

    lines: list[str]
    outcome: Outcome | None = None


@dataclass(slots=True)
class _Open:
    """The connections that are open, and the threads that serve them."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    served: dict[socket.socket, threading.Thread] = field(default_factory=dict)


class PlayingUpstream:
    """A provider on loopback that answers as captures do; use it as a context manager.

    ``captures`` may be pairs with a name. ``timing`` is ``fast`` (no wait) or ``recorded``; for ``cuts`` see
    :mod:`~wiremend.replay.playing.chunks`. ``ignore`` are JSON pointers of the request whose values do not count
    (``*`` is any item or member). ``side`` is whose requests are matched and whose answers given: those of the
    ``upstream``, for Wiremend to be pointed here, or of the ``client``, for an agent. ``tell`` hears of each request;
    without it, misses are logged as warnings.

    Raises PointerError where a pointer is none; SetupError on entering where the port is taken.
    """

    def __init__(  # noqa: PLR0913 - each says one thing of how to play, and has a default
        self,
        captures: Iterable[Capture | tuple[str, Capture]],
        *,
        timing: Timing = "fast",
        cuts: Cuts = "recorded",
        ignore: Iterable[Pointer | str] = (),
        side: Side = "upstream",
        host: str = "127.0.0.1",
        port: int = 0,
        tell: Callable[[Told], None] | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Read the captures; nothing is bound yet."""
        self.player = Player(captures, ignore=ignore, side=side)
        self.timing: Timing = timing
        self.cuts: Cuts = cuts
        self.clock = clock or Clock()
        self.closing = threading.Event()
        self.open = _Open()
        self.tell = tell or _log_misses
        self._address = host, port
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._server.server_port if self._server is not None else self._address[1]

    @property
    def url(self) -> str:
        """Its root, without a slash or ``/v1`` behind: every path that ends in an endpoint is answered."""
        return f"http://{authority('http', self._address[0], self.port)}"

    @property
    def misses(self) -> list[Miss]:
        """The requests that no capture answered; one that was repeated byte for byte counts once."""
        return list(self.player.misses)

    @property
    def unused(self) -> list[str]:
        """The names of the captures that were never asked for."""
        return self.player.unused

    def __enter__(self) -> Self:
        """Bind the port and serve."""
        host, port = self._address
        handler = type("Handler", (_Handler,), {"owner": self})
        try:
            self._server = _Server((host, port), handler)
        except OSError as error:
            raise SetupError(f"cannot listen on {authority('http', host, port)}: {error.strerror or error}") from error
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="playing-upstream", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, answers in mid-stream included."""
        self.closing.set()
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        with self.open.lock:
            served = dict(self.open.served)
        for connection in served:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in served.values():
            thread.join(_JOIN)


def _log_misses(told: Told) -> None:
    if isinstance(told.outcome, Miss) or told.outcome is None:
        _log.warning("%s", "\n".join(told.lines))


class _Server(ThreadingHTTPServer):
    """A server that asks no resolver for its own name, as http.server's would."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: type[_Handler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, handler)

    def server_bind(self) -> None:
        """Bind, and keep the address as the name."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401, ARG002 - socketserver's signature
        """Say nothing where a client has gone; anything else is logged."""
        error = sys.exception()
        if isinstance(error, OSError):
            return
        _log.error("an answer could not be played: %s", error, exc_info=not isinstance(error, CaptureError))


class _BadRequestError(Exception):
    """A request that cannot be read: its status, and why."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    owner: PlayingUpstream  # set by the subclass of each provider
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        """Be known, so that closing reaches this connection."""
        super().setup()
        with self.owner.open.lock:
            self.owner.open.served[self.connection] = threading.current_thread()

    def finish(self) -> None:
        """Be forgotten."""
        with self.owner.open.lock:
            self.owner.open.served.pop(self.connection, None)
        super().finish()

    def handle(self) -> None:
        """Serve requests until the client leaves; that it does so in the middle of an answer is no error."""
        with suppress(OSError):
            self.close_connection = False
            while not self.close_connection and not self.owner.closing.is_set():
                self.handle_one_request()

    def answer(self) -> None:
        """Answer one request."""
        try:
            request = self._request()
        except _BadRequestError as error:
            self.close_connection = True
            self.owner.tell(Told([f"{self.command} {self.path}: {error}"]))
            self._error(error.status, "invalid_request", str(error))
            return
        outcome = self.owner.player.claim(request)
        said = f"{self.command} {self.path.partition('?')[0]}"
        if isinstance(outcome, Miss):
            self.owner.tell(Told(outcome.lines, outcome))
            self._send(_json(HTTPStatus.NOT_FOUND, outcome.body))
        elif isinstance(outcome, Unrecorded):
            self.owner.tell(Told([f"{said}: {outcome.response.status}, not recorded"], outcome))
            self._send(outcome.response)
        else:
            self.owner.tell(Told([f"{said}: {_story(outcome)}"], outcome))
            self._play(outcome.entry)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer  # noqa: N815 - http.server's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's signature
        """Say nothing here: ``tell`` does."""

    # -- what comes

    def _request(self) -> Request:
        headers = Headers(tuple((name, str(value)) for name, value in self.headers.items()))
        version = self.request_version
        host, port = self.owner._address[0], self.owner.port  # noqa: SLF001 - the one it listens on
        return Request(self.command, "http", host, port, self.path, headers, self._body(headers), version)

    def _body(self, headers: Headers) -> bytes:
        coding = (headers.joined("transfer-encoding") or "").strip().lower()
        if coding:
            if coding != "chunked" or "content-length" in headers:
                raise _BadRequestError(HTTPStatus.BAD_REQUEST, "the framing of the body is not understood")
            return self._chunked()
        lengths = set(headers.get_all("content-length"))
        if not lengths:
            return b""
        said = lengths.pop()
        if lengths or not (said.isascii() and said.isdigit()):
            raise _BadRequestError(HTTPStatus.BAD_REQUEST, "content-length is not one number")
        return self._exactly(self._bounded(said, 10))

    def _chunked(self) -> bytes:
        pieces: list[bytes] = []
        total = 0
        while True:
            size = self._line().partition(b";")[0].strip().decode("latin-1")
            if not re.fullmatch(r"[0-9a-fA-F]+", size):
                raise _BadRequestError(HTTPStatus.BAD_REQUEST, "a chunk of the body has no length")
            length = self._bounded(size, 16, total)
            total += length
            if not length:
                break
            pieces.append(self._exactly(length))
            self._line()
        while self._line():
            pass  # trailers
        return b"".join(pieces)

    @staticmethod
    def _bounded(digits: str, base: int, before: int = 0) -> int:
        length = int(digits, base) if len(digits) < 20 else MAX_BODY + 1  # noqa: PLR2004 - 64 bits in decimal
        if before + length > MAX_BODY:
            raise _BadRequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body has more than {MAX_BODY} bytes")
        return length

    def _exactly(self, length: int) -> bytes:
        data = self.rfile.read(length)
        if len(data) < length:
            raise ConnectionAbortedError("the client left before the end of its request")
        return data

    def _line(self) -> bytes:
        line = self.rfile.readline(65537)
        if not line.endswith(b"\n"):
            raise _BadRequestError(HTTPStatus.BAD_REQUEST, "a line of the body's framing is cut or too long")
        return line.strip()

    # -- what goes

    def _play(self, entry: Entry) -> None:
        if entry.response is None:
            self.close_connection = True
            return
        self._send(entry.response, cuts=self.owner.cuts, seed=entry.seed, since=entry.at, broken=entry.error)

    def _send(
        self, response: Response, *, cuts: Cuts = "recorded", seed: str = "", since: int = 0, broken: str | None = None
    ) -> None:
        """Send an answer; ``since`` is the time in microseconds from which those of its cuts count."""
        headers, chunked = self._framed(response, broken=broken is not None)
        bodiless = self.command == "HEAD" or response.status in _BODILESS
        clock, begun = self.owner.clock, self.owner.clock.now()
        head: bytes | None = _head(response, headers)
        for data, at in () if bodiless else chunks(response.body, cuts, seed):
            if self.owner.timing == "recorded":
                left = (at - since) / 1e6 - (clock.now() - begun)
                if left > 0 and clock.wait(left, self.owner.closing):
                    break
            if self.owner.closing.is_set():
                break
            if head is not None:
                self.wfile.write(head)
                head = None
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data) if chunked else data)
        if head is not None:
            self.wfile.write(head)
        if broken is not None or self.owner.closing.is_set():
            self.close_connection = True
        elif chunked and not bodiless:
            self.wfile.write(b"0\r\n\r\n")

    def _framed(self, response: Response, *, broken: bool) -> tuple[Headers, bool]:
        """Give the headers to send, and whether the body is chunked."""
        headers = without_hop_by_hop(response.headers)
        length = response.body.length
        if self.command == "HEAD" or response.status in _BODILESS:
            return headers, False
        if self.request_version == "HTTP/1.0":
            self.close_connection = True
            return headers.without("content-length").with_set("connection", "close"), False
        if "content-length" in headers or not (length or "transfer-encoding" in response.headers or broken):
            said = headers.get("content-length") or ""
            if broken:  # a byte that never comes tells the client that the end is missing
                length = max(length + 1, int(said) if said.isascii() and said.isdigit() else 0)
            return headers.with_set("content-length", str(length)), False
        return headers.with_set("transfer-encoding", "chunked"), True

    def _error(self, status: int, kind: str, message: str) -> None:
        self._send(_json(status, WIRES["chat"].error_body(status, kind, message)))


def _story(played: Played) -> str:
    """Say in a few words what is played."""
    entry = played.entry
    what = "no answer" if entry.response is None else str(entry.response.status)
    broken = f", broken off ({entry.error})" if entry.error and entry.response is not None else ""
    return f"{entry.name}: {what}{broken}{', again' if played.again else ''}"


def _json(status: int, body: bytes) -> Response:
    return Response(
        status, "", Headers((("content-type", "application/json"), ("content-length", str(len(body))))), Body(body)
    )


def _head(response: Response, headers: Headers) -> bytes:
    """Write status line and headers; a field that would break the line is left out."""
    try:
        reason = response.reason or HTTPStatus(response.status).phrase
    except ValueError:
        reason = ""
    lines = [f"HTTP/1.1 {response.status} {_LINE_BREAK.sub(' ', reason)}"]
    lines += [f"{name}: {value}" for name, value in headers if not _LINE_BREAK.search(name + value)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")
