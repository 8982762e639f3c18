"""A raw HTTP/1.1 client: the bytes that are written are the bytes that leave, and what comes back shows when it came.

For tests that must be certain about the wire (a doubled header, a body that is no JSON, an event that must arrive
*before* the upstream sends the next): official SDKs hide all of that. :class:`Client` speaks plainly, or through a
proxy's CONNECT tunnel with TLS checked against a given CA::

    with Client.through(proxy_port, "api.kimi.com", ca=proxy_ca) as client:
        response = client.request("POST", "/coding/v1/messages", {"host": "api.kimi.com"}, body)
        assert response.read_until(b"event: ping")  # returns as soon as it is there
        release.set()  # now let the upstream go on
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

from .http1 import DEADLINE, Pairs, Reader, parse_head

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

type Ending = Literal["open", "whole", "cut", "reset"]


@dataclass(slots=True)
class Response:
    """A response being read.

    ``ending`` is ``open`` until the body's end was seen, then ``whole``, ``cut`` (FIN before the end) or ``reset``. A
    body without length and chunking ends with the connection, which is ``whole``: HTTP cannot tell.
    """

    status: int
    reason: str
    headers: Pairs
    reader: Reader
    bodiless: bool
    ending: Ending = "open"
    _given: int = 0

    def all(self, name: str) -> list[str]:
        """Give every value of a header, whatever its letter case."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def get(self, name: str) -> str | None:
        """Give the first value of a header."""
        return next(iter(self.all(name)), None)

    def chunks(self) -> Iterator[bytes]:
        """Give the body as it arrives: one item a transfer chunk, or one a ``recv`` where the body is not chunked."""
        if self.bodiless:
            self.ending = "whole"
        while self.ending == "open":
            try:
                data = self._next()
            except (ConnectionError, ssl.SSLError):
                self.ending = "reset"
                return
            if data:
                yield data

    def _next(self) -> bytes:
        if "chunked" in (self.get("transfer-encoding") or ""):
            data = self.reader.chunk()
            if not data:
                self.ending = "cut" if data is None else "whole"
            return data or b""
        length = self.get("content-length")
        if length is None:
            if not self.reader.rest and not self.reader.more():
                self.ending = "whole"
            data, self.reader.rest = self.reader.rest, b""
            return data
        return self._sized(int(length))

    def _sized(self, length: int) -> bytes:
        left = length - self._given
        if left == 0:
            self.ending = "whole"
            return b""
        if not self.reader.rest and not self.reader.more():
            self.ending = "cut"
            return b""
        data, self.reader.rest = self.reader.rest[:left], self.reader.rest[left:]
        self._given += len(data)
        return data

    def read(self) -> bytes:
        """Read the rest of the body."""
        return b"".join(self.chunks())

    def read_until(self, needle: bytes) -> bytes:
        """Read until ``needle`` has arrived and give what came; raises where the body ends without it."""
        got = b""
        for data in self.chunks():
            got += data
            if needle in got:
                return got
        raise AssertionError(f"the body ended ({self.ending}) without {needle!r}; it was {got!r}")

    def json(self) -> Any:  # noqa: ANN401 - a JSON body is what the test says it is
        """Read the rest of the body as JSON."""
        return json.loads(self.read())


class Client:
    """One connection. Requests follow each other on it as long as the other side keeps it open."""

    def __init__(self, sock: socket.socket) -> None:
        """Speak on a connected socket, which this object now owns."""
        self.sock = sock
        self.reader = Reader(sock)

    @classmethod
    def plain(cls, port: int, host: str = "127.0.0.1") -> Self:
        """Connect without TLS."""
        return cls(_connect(host, port))

    @classmethod
    def tls(cls, port: int, name: str = "localhost", *, ca: Path) -> Self:
        """Connect with TLS to a loopback port, asking for ``name``."""
        context = ssl.create_default_context(cafile=str(ca))
        return cls(context.wrap_socket(_connect("127.0.0.1", port), server_hostname=name))

    @classmethod
    def tunnel(cls, proxy: int, name: str, port: int = 443) -> Self:
        """Open a CONNECT tunnel and leave it bare: what is said in it is up to the test."""
        sock = _connect("127.0.0.1", proxy)
        client = cls(sock)
        client.send(f"CONNECT {name}:{port} HTTP/1.1\r\nHost: {name}:{port}\r\n\r\n".encode())
        head = client.reader.until(b"\r\n\r\n")
        if head is None or b" 200 " not in head.split(b"\r\n")[0]:
            client.close()
            raise ConnectionError(f"the proxy refused the tunnel to {name}:{port}: {head!r}")
        return client

    @classmethod
    def through(cls, proxy: int, name: str, port: int = 443, *, ca: Path) -> Self:
        """Open a CONNECT tunnel and speak TLS in it; only certificates that ``ca`` signed are accepted."""
        client = cls.tunnel(proxy, name, port)
        context = ssl.create_default_context(cafile=str(ca))
        try:
            return cls(context.wrap_socket(client.sock, server_hostname=name))
        except BaseException:
            client.sock.close()
            raise

    def __enter__(self) -> Self:
        """Use as a context: the connection is closed at its end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self.close()

    def close(self) -> None:
        """Close politely."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()

    @property
    def issuer(self) -> str:
        """The common name of the CA that signed the peer's certificate."""
        assert isinstance(self.sock, ssl.SSLSocket)
        certificate = self.sock.getpeercert() or {}
        issuer = certificate.get("issuer", ())
        return dict(pair for group in issuer for pair in group).get("commonName", "")  # type: ignore[misc]  # typeshed has the shape too wide

    def send(self, data: bytes) -> None:
        """Put bytes on the wire as they are."""
        self.sock.sendall(data)

    def response(self, method: str = "POST") -> Response:
        """Read the head of the next response (interim 1xx ones are skipped)."""
        while True:
            head = self.reader.until(b"\r\n\r\n")
            if head is None:
                raise ConnectionError(f"the connection closed before a response; it had said {self.reader.rest!r}")
            first, headers = parse_head(head)
            _, status, *reason = first.split(" ", 2)
            code = int(status)
            if code >= 200:  # RFC 9110 15.2
                return Response(code, "".join(reason), headers, self.reader, method == "HEAD" or code in {204, 304})

    def request(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        body: bytes | None = None,
    ) -> Response:
        """Send one request and read the head of its response; a body gets its ``content-length``."""
        pairs = list(headers.items()) if hasattr(headers, "items") else list(headers)
        if body is not None and not any(name.lower() in {"content-length", "transfer-encoding"} for name, _ in pairs):
            pairs.append(("content-length", str(len(body))))
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in pairs)]
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (body or b""))
        return self.response(method)


def _connect(host: str, port: int) -> socket.socket:
    sock = socket.create_connection((host, port), timeout=DEADLINE)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock
