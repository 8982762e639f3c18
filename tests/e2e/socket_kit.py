"""WebSockets of the lab: a client that speaks through a proxy, and an upstream whose script speaks messages.

Both stand on ``wsproto``, which mitmproxy brings; a message is one frame unless the test writes bytes itself.
"""

from __future__ import annotations

import base64
import hashlib
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage
from wsproto.extensions import Extension, PerMessageDeflate

from tests.lab import Client

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator, Mapping

    from tests.lab import Mitm, Reply, Request

type Talk = Callable[["Peer", "Request"], None]

MAGIC: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
NONCE: Final = base64.b64encode(bytes(16)).decode()
DEFLATE: Final = "permessage-deflate"


class Peer:
    """One end of an open WebSocket."""

    def __init__(self, sock: socket.socket, kind: ConnectionType, rest: bytes = b"", *, deflate: bool = False) -> None:
        """Speak on a socket whose handshake is over; ``rest`` is what came behind it."""
        self.sock = sock
        extensions: list[Extension] = []
        if deflate:
            extension = PerMessageDeflate()
            extension.finalize(DEFLATE)
            extensions.append(extension)
        self.connection = Connection(kind, extensions)
        self.closed: int | None = None
        """The code that the other end closed with; 1006 where it just went away."""
        self.pings: list[bytes] = []
        self._events: list[Any] = []
        self._text = ""
        if rest:
            self.connection.receive_data(rest)

    def frame(self, message: bytes | str) -> bytes:
        """Write a message's frame: text, or binary where it is bytes."""
        event = TextMessage(data=message) if isinstance(message, str) else BytesMessage(data=message)
        return self.connection.send(event)

    def say(self, *messages: bytes | str) -> None:
        """Send messages as texts, all in one packet."""
        texts = [message.decode() if isinstance(message, bytes) else message for message in messages]
        self.sock.sendall(b"".join(map(self.frame, texts)))

    def hear(self) -> bytes | None:
        """Give the next message; None once the other end has closed, and that is answered."""
        while True:
            for event in self.connection.events():
                if isinstance(event, TextMessage):
                    self._text += event.data
                    if event.message_finished:
                        text, self._text = self._text, ""
                        return text.encode()
                elif isinstance(event, BytesMessage):
                    return bytes(event.data)
                elif isinstance(event, Ping):
                    self.sock.sendall(self.connection.send(event.response()))
                elif isinstance(event, Pong):
                    self.pings.append(bytes(event.payload))
                elif isinstance(event, CloseConnection):
                    if self.connection.state is ConnectionState.REMOTE_CLOSING:
                        self._answer(event)
                    self.closed = event.code
                    return None
            self._more()

    def _answer(self, event: CloseConnection) -> None:
        try:
            self.sock.sendall(self.connection.send(event.response()))
        except OSError:
            return

    def _more(self) -> None:
        try:
            data = self.sock.recv(65536)
        except ConnectionError:
            data = b""
        self.connection.receive_data(data or None)

    def rest(self) -> list[bytes]:
        """Give all messages up to the close."""
        found = []
        while (message := self.hear()) is not None:
            found.append(message)
        return found

    def until(self, kind: str) -> list[bytes]:
        """Give the messages up to one of this type."""
        found = []
        while (message := self.hear()) is not None:
            found.append(message)
            if json.loads(message).get("type") == kind:
                return found
        raise AssertionError(f"closed ({self.closed}) before {kind}: {found}")

    def close(self, code: int = 1000) -> None:
        """Begin to close."""
        self.sock.sendall(self.connection.send(CloseConnection(code=code, reason="done")))


def talking(talk: Talk, *, deflate: bool = False) -> Callable[[Request, Reply], None]:
    """Give a script that opens each WebSocket and lets ``talk`` speak; it ends with the other end's close."""

    def script(request: Request, reply: Reply) -> None:
        asked = (request.get("sec-websocket-key") or "").encode()
        accept = base64.b64encode(hashlib.sha1(asked + MAGIC).digest()).decode()  # noqa: S324 - RFC 6455, section 4.2.2
        extension = f"sec-websocket-extensions: {DEFLATE}\r\n" if deflate else ""
        reply.raw(
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
            f"sec-websocket-accept: {accept}\r\n{extension}\r\n".encode()
        )
        reply.began = reply.ended = True
        reply.keep_alive = False
        talk(Peer(reply._sock, ConnectionType.SERVER, deflate=deflate), request)

    return script


def ask(client: Client, headers: Mapping[str, str], target: str = "/v1/responses") -> bytes:
    """Send a handshake and give the head of its answer."""
    fields = {
        "host": "127.0.0.1",
        "connection": "Upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": NONCE,
        **headers,
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    client.send(f"GET {target} HTTP/1.1\r\n{lines}\r\n".encode())
    head = client.reader.until(b"\r\n\r\n")  # what skips interim responses would skip this one
    assert head is not None
    return head


@contextmanager
def opened(proxy: Mitm, headers: Mapping[str, str], *, deflate: bool = False) -> Iterator[Peer]:
    """Open a WebSocket at a proxy's gateway."""
    with Client.plain(proxy.port) as client:
        offered = {"sec-websocket-extensions": DEFLATE} if deflate else {}
        head = ask(client, {**headers, **offered})
        assert head.startswith(b"HTTP/1.1 101"), head
        yield Peer(client.sock, ConnectionType.CLIENT, client.reader.rest, deflate=deflate)
