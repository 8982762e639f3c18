"""HTTP/1.1 as bytes: what the lab's server and its raw client both read.

Small on purpose: heads, lengths and chunks, every letter and every repetition kept.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from mitmproxy.net.encoding import decode

if TYPE_CHECKING:
    import socket

type Pairs = tuple[tuple[str, str], ...]

DEADLINE: Final = 15.0
"""Seconds that any wait of the lab may take: far above what is needed, far below a hung build."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request as its bytes came.

    ``headers`` keep order, repetition and letter case; ``body`` is de-chunked and otherwise untouched (a gzip body is
    still gzip); ``time`` is :func:`time.monotonic` when the last byte was read; ``connection`` counts
    accepted connections from 1; ``sni`` is the name asked for in the TLS handshake.
    """

    method: str
    target: str
    version: str
    headers: Pairs
    body: bytes
    time: float
    connection: int
    sni: str | None

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """What follows the question mark, or nothing."""
        return self.target.partition("?")[2]

    def all(self, name: str) -> list[str]:
        """Give every value of a header, in order, whatever its letter case."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def get(self, name: str) -> str | None:
        """Give the only value of a header; a header sent twice is an error, which a test wants to see."""
        values = self.all(name)
        if len(values) > 1:
            raise AssertionError(f"{name} was sent {len(values)} times: {values}")
        return values[0] if values else None

    def json(self) -> Any:  # noqa: ANN401 - a JSON body is what the test says it is
        """Read the body as JSON, decompressed first where ``content-encoding`` says so."""
        return json.loads(decode(self.body, self.get("content-encoding") or "identity"))


class Reader:
    """Bytes of a socket, by line, by count or chunk by chunk."""

    def __init__(self, sock: socket.socket) -> None:
        """Read from ``sock``; the caller owns it."""
        self.sock = sock
        self.rest = b""

    def more(self) -> bool:
        """Receive once; false where the peer has finished."""
        data = self.sock.recv(65536)
        self.rest += data
        return bool(data)

    def until(self, mark: bytes) -> bytes | None:
        """Everything up to and with ``mark``; ``None`` where the connection ends before it."""
        while (at := self.rest.find(mark)) < 0:
            if not self.more():
                return None
        found, self.rest = self.rest[: at + len(mark)], self.rest[at + len(mark) :]
        return found

    def exactly(self, count: int) -> bytes | None:
        """``count`` bytes, or ``None`` where the connection ends before them."""
        parts = [self.rest]
        have = len(self.rest)
        while have < count:
            data = self.sock.recv(65536)
            if not data:
                return None
            parts.append(data)
            have += len(data)
        whole = b"".join(parts)
        self.rest = whole[count:]
        return whole[:count]

    def chunk(self) -> bytes | None:
        """Read the next chunk of a chunked body: ``b""`` is the last, ``None`` a connection that ended before it."""
        line = self.until(b"\r\n")
        if line is None:
            return None
        size = int(line.split(b";")[0], 16)
        if size == 0:
            while line := self.until(b"\r\n"):  # trailers, then an empty line
                if line == b"\r\n":
                    return b""
            return None
        data = self.exactly(size + 2)
        return None if data is None else data[:-2]


def parse_head(head: bytes) -> tuple[str, Pairs]:
    """Split a head into its first line and its header pairs, letter case kept."""
    first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    pairs = []
    for line in lines:
        name, _, value = line.partition(":")
        pairs.append((name, value.strip()))
    return first, tuple(pairs)


def read_request(reader: Reader, connection: int, sni: str | None) -> Request | None:
    """Read one request; ``None`` where the connection ends before it is whole."""
    head = reader.until(b"\r\n\r\n")
    if head is None:
        return None
    first, headers = parse_head(head)
    method, target, version = first.split(" ", 2)
    fields = {name.lower(): value for name, value in headers}
    if fields.get("expect", "").lower() == "100-continue":
        reader.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    body: bytes | None = b""
    if "chunked" in fields.get("transfer-encoding", "").lower():
        parts = []
        while data := reader.chunk():
            parts.append(data)
        body = None if data is None else b"".join(parts)
    elif length := int(fields.get("content-length", "0")):
        body = reader.exactly(length)
    if body is None:
        return None
    return Request(method, target, version, headers, body, time.monotonic(), connection, sni)
