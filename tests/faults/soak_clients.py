"""The clients of the soak, which read a stream's bytes and no more: an SDK for each of hundreds would be the load.

:class:`Line` is a connection of its own to the gateway. :class:`Shared` goes through the HTTPS proxy over HTTP/2, many
streams in one connection, as Codex does.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from typing import TYPE_CHECKING, Final, Self

from h2 import events
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes

from tests.faults.client import error_in
from tests.lab.http1 import parse_head
from tests.lab.http2 import pairs_of
from tests.lab.sdk import KEY

if TYPE_CHECKING:
    from tests.faults.scripts import Leaves, Play
    from tests.lab import Mitm
    from wiremend.protocols.base import WireName

PATHS: Final[dict[WireName, str]] = {"messages": "/v1/messages", "chat": "/v1/chat/completions"}
_HEADERS: Final = {"x-api-key": KEY, "authorization": f"Bearer {KEY}", "content-type": "application/json"}
_END: Final[dict[WireName, bytes]] = {"messages": b'"message_stop"', "chat": b"[DONE]"}


class Line:
    """A connection to the gateway, of one client that asks one thing after the other."""

    def __init__(self, port: int) -> None:
        """Prepare; it connects where it is asked, as often as it has to."""
        self._port = port
        self._pair: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    def close(self) -> None:
        """Leave."""
        if self._pair is not None:
            self._pair[1].close()
            self._pair = None

    async def ask(self, wire: WireName, call: str, play: Play, leaves: Leaves) -> str:
        """Ask for a stream; gives how it ended."""
        if self._pair is None:
            self._pair = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._pair
        body = _body(call)
        fields = {"host": "127.0.0.1", **_HEADERS, "content-length": str(len(body))}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        writer.write(f"POST {PATHS[wire]} HTTP/1.1\r\n{head}\r\n".encode() + body)
        how, goes_on = "left", False
        try:
            if leaves == "at once":
                await play.reached.wait()
            else:
                how, goes_on = await _read(reader, wire, play, leaves)
        except (OSError, asyncio.IncompleteReadError) as error:
            how = f"cut ({type(error).__name__})"
        finally:
            if not goes_on:
                self.close()
        return how


async def _read(reader: asyncio.StreamReader, wire: WireName, play: Play, leaves: Leaves) -> tuple[str, bool]:
    """Give how a reply ended, and whether the connection goes on."""
    first, headers = parse_head(await reader.readuntil(b"\r\n\r\n"))
    fields = {name.lower(): value for name, value in headers}
    got = b""
    if "content-length" in fields:
        got = await reader.readexactly(int(fields["content-length"]))
    else:
        while size := int(await reader.readuntil(b"\r\n"), 16):
            got += (await reader.readexactly(size + 2))[:-2]
            if b"one " in got:
                play.heard.set()
                if leaves == "at the text":
                    return "left", False
        await reader.readexactly(2)
    return _how(wire, int(first.split(" ")[1]), got), fields.get("connection", "").lower() != "close"


class Shared:
    """One connection of HTTP/2 through the HTTPS proxy, for many streams. Whoever leaves resets a stream."""

    def __init__(self, proxy: Mitm, port: int) -> None:
        """Ask the provider at this port of localhost, as far as the client knows; the rules then route."""
        self._proxy = proxy
        self._site = f"localhost:{port}"
        self._frames = H2Connection(H2Configuration(header_encoding="latin-1"))
        self._streams: dict[int, asyncio.Queue[events.Event]] = {}

    async def __aenter__(self) -> Self:
        """Connect: a tunnel, TLS in it, HTTP/2 in that."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._proxy.port)
        writer.write(f"CONNECT {self._site} HTTP/1.1\r\nhost: {self._site}\r\n\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
        trust = ssl.create_default_context(cafile=str(self._proxy.ca))
        trust.set_alpn_protocols(["h2"])
        await writer.start_tls(trust, server_hostname="localhost")
        self._reader, self._writer = reader, writer
        self._frames.initiate_connection()
        self._flush()
        self._reading = asyncio.ensure_future(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connection."""
        self._writer.close()
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)

    async def ask(self, wire: WireName, call: str, play: Play, leaves: Leaves) -> str:
        """Ask for a stream; gives how it ended."""
        stream, body = self._frames.get_next_available_stream_id(), _body(call)
        head = {":method": "POST", ":scheme": "https", ":authority": self._site, ":path": PATHS[wire], **_HEADERS}
        self._streams[stream] = asyncio.Queue()
        self._frames.send_headers(stream, list(head.items()))
        self._frames.send_data(stream, body, end_stream=True)
        self._flush()
        ended = False
        try:
            if leaves == "at once":
                await play.reached.wait()
                return "left"
            how = await self._answer(stream, wire, play, leaves)
            ended = how != "left"
            return how
        finally:
            del self._streams[stream]
            if not ended and not self._writer.is_closing():
                self._frames.reset_stream(stream, ErrorCodes.CANCEL)
                self._flush()

    async def _answer(self, stream: int, wire: WireName, play: Play, leaves: Leaves) -> str:
        status, got = 0, b""
        while True:
            match await self._streams[stream].get():
                case events.ResponseReceived(headers=headers):
                    status = int(dict(pairs_of(headers))[":status"])
                case events.DataReceived(data=data):
                    got += data or b""
                    if b"one " in got:
                        play.heard.set()
                        if leaves == "at the text":
                            return "left"
                case events.StreamEnded():
                    return _how(wire, status, got)
                case events.StreamReset() | events.ConnectionTerminated() as event:
                    return f"cut ({type(event).__name__})"

    async def _read(self) -> None:
        """Hand what comes to the streams that it is for."""
        while data := await self._reader.read(65536):
            for event in self._frames.receive_data(data):
                if isinstance(event, events.DataReceived):
                    self._frames.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id or 0)
                if (one := self._streams.get(getattr(event, "stream_id", None) or 0)) is not None:
                    one.put_nowait(event)
            self._flush()
        for one in self._streams.values():
            one.put_nowait(events.ConnectionTerminated())

    def _flush(self) -> None:
        self._writer.write(self._frames.data_to_send())


def _body(call: str) -> bytes:
    said = [{"role": "user", "content": f"hi from {call}"}]
    return json.dumps({"model": call, "max_tokens": 99, "stream": True, "messages": said}).encode()


def _how(wire: WireName, status: int, got: bytes) -> str:
    """Tell how a reply ended: "whole", or its status and the wire's word for the error."""
    error, _ = error_in(wire, got)
    if error is not None:
        return f"{status} {error}"
    return "whole" if status < 300 and _END[wire] in got else f"{status} without an end"
