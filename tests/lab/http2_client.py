"""An HTTP/2 client that shows each DATA frame.

It speaks through a proxy's CONNECT tunnel, or straight::

with Http2Client.through(proxy_port, "localhost", up.port, ca=proxy_ca) as client:
    one, two = client.request("POST", "/a", body=b"{}"), client.request("POST", "/b", body=b"{}")
    assert one.read_until(b"event: ping")
"""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
from typing import TYPE_CHECKING, Any, Self

from h2 import events

from .http1 import DEADLINE, Pairs
from .http2 import Link, pairs_of
from .rawhttp import Client
from .upstream import PeerGoneError

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from .rawhttp import Ending


class Http2Response:
    """A response being read; the items of :meth:`chunks` are its DATA frames."""

    def __init__(self, link: Link, stream: int) -> None:
        """Wait for nothing yet."""
        self.status = 0
        self.headers: Pairs = ()
        self.trailers: Pairs = ()
        self.ending: Ending = "open"
        self.waiting: list[bytes] = []
        self._link = link
        self._stream = stream

    def get(self, name: str) -> str | None:
        """Give the first value of a header."""
        return next((value for key, value in self.headers if key == name.lower()), None)

    def wait(self) -> Self:
        """Wait for the head; raises where the stream ends without one."""
        self._link.until(lambda: self.status > 0, "the head of a response", self._stream)
        return self

    def chunks(self) -> Iterator[bytes]:
        """Give the body as it arrives."""
        while True:
            with contextlib.suppress(PeerGoneError):
                self._link.until(lambda: bool(self.waiting) or self.ending != "open", "a frame", self._stream)
            with self._link.changed:
                data = self.waiting.pop(0) if self.waiting else None
                if data is None and self.ending == "open":
                    self.ending = "reset" if self._stream in self._link.resets else "cut"
            if data is None:
                return
            yield data

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


class Http2Client:
    """One connection; requests may run side by side on it."""

    def __init__(self, sock: socket.socket, name: str, ca: Path) -> None:
        """Speak HTTP/2 over TLS to ``name`` on a connected socket, which this object now owns."""
        context = ssl.create_default_context(cafile=str(ca))
        context.set_alpn_protocols(["h2"])
        self.name = name
        self.link = Link(sock, context, name)
        self._responses: dict[int, Http2Response] = {}
        self._thread = threading.Thread(target=self.link.pump, args=(self._take,), daemon=True)
        self._thread.start()

    @classmethod
    def tls(cls, port: int, name: str = "localhost", *, ca: Path) -> Self:
        """Connect straight to a loopback port."""
        return cls(Client.plain(port).sock, name, ca)

    @classmethod
    def through(cls, proxy: int, name: str, port: int = 443, *, ca: Path) -> Self:
        """Open a CONNECT tunnel and speak in it; only certificates that ``ca`` signed are accepted."""
        return cls(Client.tunnel(proxy, name, port).sock, name, ca)

    def __enter__(self) -> Self:
        """Use as a context: the connection is closed at its end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self.link.close()
        self._thread.join(DEADLINE)

    def request(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        *,
        length: bool = True,
    ) -> Http2Response:
        """Send one request; whoever wants its head waits for it (:meth:`Http2Response.wait`).

        A body gets its ``content-length``, as SDKs send it; HTTP/2 does without just as well.
        """
        fields = {":method": method, ":scheme": "https", ":authority": self.name, ":path": target, **(headers or {})}
        if body and length:
            fields["content-length"] = str(len(body))
        with self.link.changed:
            stream = self.link.frames.get_next_available_stream_id()
            response = self._responses[stream] = Http2Response(self.link, stream)
            self.link.frames.send_headers(stream, list(fields.items()), end_stream=not body)
            self.link.flush()
        if body:
            self.link.send(stream, body)
            with self.link.changed:
                self.link.frames.end_stream(stream)
                self.link.flush()
        return response

    def _take(self, event: events.Event) -> None:
        response = self._responses.get(getattr(event, "stream_id", None) or 0)
        if response is None:
            return
        match event:
            case events.ResponseReceived(headers=headers):
                fields = pairs_of(headers)
                response.headers = tuple(pair for pair in fields if not pair[0].startswith(":"))
                response.status = int(dict(fields)[":status"])
            case events.DataReceived(data=data) if data:
                response.waiting.append(data)
            case events.TrailersReceived(headers=headers):
                response.trailers = pairs_of(headers)
            case events.StreamEnded():
                response.ending = "whole"
