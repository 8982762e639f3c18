"""The office proxy: a CONNECT proxy that Wiremend must go through, and that stands in for DNS.

It sends each ``host:port`` of its table to a loopback port, so a test can use real provider names
(``api.kimi.com:443``) without a name ever being resolved: the proxy under test gets this one as ``HTTPS_PROXY``.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Self

from .http1 import DEADLINE, Pairs, Reader, parse_head

if TYPE_CHECKING:
    from collections.abc import Mapping


class Forwarder:
    """A CONNECT proxy on loopback; ``routes`` maps ``host:port`` to a loopback port."""

    def __init__(self, routes: Mapping[str, int]) -> None:
        """Prepare; the port is bound on entry."""
        self.routes = {name.lower(): port for name, port in routes.items()}
        self.heads: list[tuple[str, Pairs]] = []
        """The first line and the headers of each request that came, in order."""
        self.port = 0
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """What belongs into ``HTTPS_PROXY``."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def asked(self) -> list[str]:
        """The ``host:port`` of each CONNECT, in order."""
        return [first.split(" ")[1] for first, _ in self.heads]

    def __enter__(self) -> Self:
        """Bind and start to accept."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Close every connection; the pumping threads end with them."""
        with self._lock:
            sockets = [self._listener, *self._open]
        for sock in sockets:
            _close(sock)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        reader = Reader(client)
        head = reader.until(b"\r\n\r\n")
        if head is None:
            _close(client)
            return
        first, headers = parse_head(head)
        self.heads.append((first, headers))
        method, name, _ = first.split(" ")
        port = self.routes.get(name.lower())
        if method != "CONNECT" or port is None:
            with contextlib.suppress(OSError):
                client.sendall(b"HTTP/1.1 502 Unknown Host\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            _close(client)
            return
        server = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
        for sock in (client, server):
            sock.settimeout(None)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._open |= {client, server}
        client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
        server.sendall(reader.rest)
        threading.Thread(target=_pump, args=(server, client), daemon=True).start()
        _pump(client, server)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def _close(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()
