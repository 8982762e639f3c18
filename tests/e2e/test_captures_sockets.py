"""A WebSocket's frames are remembered, both ways, with what they were and no secret."""

from __future__ import annotations

import base64
import hashlib
import struct
from typing import TYPE_CHECKING, Final

from tests.lab import Authority, Client, Mitm, Reply, Request, Upstream
from tests.lab.http1 import Reader

if TYPE_CHECKING:
    import socket

KEY: Final = "sk-proj-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP"
MAGIC: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT: Final = 1
BINARY: Final = 2
CLOSE: Final = 8
RULES: Final = (
    "providers: {{lab: {{base_url: '{url}', key: client, websocket: true}}}}\nlisten: {{intercept: [localhost]}}\n"
)


def frame(kind: int, data: bytes, *, masked: bool) -> bytes:
    """Write one small frame (RFC 6455, section 5.2); a client's are masked, here with zeros."""
    return bytes([0x80 | kind, len(data) | (0x80 if masked else 0)]) + (bytes(4) if masked else b"") + data


def read(reader: Reader) -> tuple[int, bytes]:
    """Read one small frame."""
    while len(reader.rest) < 2:
        assert reader.more()
    kind, size = struct.unpack("!BB", reader.rest[:2])
    skip = 6 if size & 0x80 else 2
    size &= 0x7F
    while len(reader.rest) < skip + size:
        assert reader.more()
    mask = reader.rest[2:6] if skip == 6 else bytes(4)
    data = bytes(byte ^ mask[at % 4] for at, byte in enumerate(reader.rest[skip : skip + size]))
    reader.rest = reader.rest[skip + size :]
    return kind & 0x0F, data


def echo(request: Request, reply: Reply) -> None:
    asked = (request.get("sec-websocket-key") or "").encode()
    accept = base64.b64encode(hashlib.sha1(asked + MAGIC).digest()).decode()  # noqa: S324 - RFC 6455, section 4.2.2
    reply.raw(
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
        b"sec-websocket-accept: " + accept.encode() + b"\r\n\r\n"
    )
    sock: socket.socket = reply._sock
    reader = Reader(sock)
    while True:
        kind, data = read(reader)
        reply.raw(frame(kind, data, masked=False))
        if kind == CLOSE:
            break
    reply.began = reply.ended = True
    reply.keep_alive = False


def test_the_frames_of_a_web_socket(authority: Authority) -> None:
    with (
        Upstream(echo, tls=authority.server("localhost")) as up,
        Mitm(RULES.format(url=up.url), env={"SSL_CERT_FILE": str(authority.ca)}) as proxy,
        Client.through(proxy.port, "localhost", up.port, ca=proxy.ca) as client,
    ):
        client.send(
            b"GET /v1/responses HTTP/1.1\r\nhost: localhost:%d\r\nauthorization: Bearer %b\r\nupgrade: websocket\r\n"
            b"connection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: %b\r\n\r\n"
            % (up.port, KEY.encode(), base64.b64encode(bytes(16)))
        )
        head = client.reader.until(b"\r\n\r\n")  # what skips interim responses would skip this one
        assert head is not None
        assert head.startswith(b"HTTP/1.1 101")
        sent = [(TEXT, b'{"type":"response.create"}'), (BINARY, KEY.encode()), (CLOSE, struct.pack("!H", 1000))]
        got = []
        for kind, data in sent:
            client.send(frame(kind, data, masked=True))
            got.append(read(client.reader))
        assert got == sent
        (capture,) = proxy.wait_captures(1)
        assert [(one.from_client, one.text) for one in capture.frames] == [
            (True, True),
            (False, True),
            (True, False),
            (False, False),
        ]
        assert [one.data for one in capture.frames[:2]] == [sent[0][1]] * 2
        secret = capture.frames[2].data
        assert secret.startswith(b"sk-proj-")
        assert secret == capture.frames[3].data != KEY.encode()
        assert [one.at for one in capture.frames] == sorted(one.at for one in capture.frames)
        assert capture.answer is not None
        assert capture.answer.status == 101
        (path,) = proxy.captures.glob("*.flows")
        assert KEY.encode() not in path.read_bytes()
