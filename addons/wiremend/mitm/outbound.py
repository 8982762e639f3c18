"""One request of our own to a provider, beside the traffic: as bounded as it is small.

It goes the way that requests of clients go: through the proxy that the mode or the machine's environment names, and
with the trust in certificates that mitmproxy has towards providers. It runs on the event loop, so that a limit of time,
or the end of who waits for it, ends all of it: the connection is dropped at once, whatever it was doing. Redirects are
answers like any other.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import certifi
import h11
from mitmproxy import ctx
from mitmproxy.addons.upstream_auth import parse_upstream_auth
from mitmproxy.proxy.mode_specs import ProxyMode, UpstreamMode

from wiremend.codings import decode
from wiremend.errors import BodyError
from wiremend.mitm.convert import to_fields
from wiremend.mitm.tunnel import MachineProxy, machine_proxy, own_ports
from wiremend.rules.urls import authority

if TYPE_CHECKING:
    from wiremend.headers import Headers
    from wiremend.rules.urls import Destination

MOST: Final = 256 * 1024
"""Bytes that an answer may have, as it comes and when it is decoded."""

_PIECE: Final = 16 * 1024
_OURS: Final = ("content-length", "transfer-encoding", "connection", "accept-encoding", "host")


class OutboundError(Exception):
    """There was no answer; the text says why, in words that are the same for the same cause."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. ``body`` is decoded, and empty where it cannot be; ``heard`` is when its first byte came.

    That is a second of ``time.monotonic``.
    """

    status: int
    body: bytes
    heard: float


async def post(destination: Destination, headers: Headers, body: bytes) -> Answer:
    """Send a request and read its answer. There is no limit of time in here: cancel it.

    Raises :class:`OutboundError` where no whole answer came, or too much of one.
    """
    proxy, writer = _proxy(destination), None
    try:
        reader, writer = await _connected(destination, proxy)
        absolute = proxy is not None and destination.scheme == "http"
        fields = list(to_fields(_framed(headers, destination, proxy if absolute else None)))
        target = destination.url if absolute else destination.path
        connection = h11.Connection(h11.CLIENT)
        head = h11.Request(
            method="POST", target=target, headers=[*fields, (b"Content-Length", str(len(body)).encode())]
        )
        for event in (head, h11.Data(data=body), h11.EndOfMessage()):
            writer.write(connection.send(event) or b"")
        await writer.drain()
        return await _answer(connection, reader)
    except h11.LocalProtocolError:
        raise OutboundError("the request cannot be sent: a header of it is not one of HTTP") from None
    except h11.RemoteProtocolError:
        raise OutboundError("the connection broke, or what came back is no HTTP") from None
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        raise OutboundError("the machine's proxy did not answer as proxies do") from None
    except ssl.SSLCertVerificationError as error:
        raise OutboundError(f"its certificate is not trusted: {error.verify_message}") from None
    except ssl.SSLError:
        raise OutboundError("there is no TLS with it") from None
    except OSError as error:
        raise OutboundError(_words(error)) from None
    finally:
        if writer is not None:
            writer.transport.abort()


def _words(error: OSError) -> str:
    """Say why there was no connection, or why it ended, in the system's words, without an address."""
    known = {ConnectionRefusedError: "the connection was refused", ConnectionResetError: "the connection was reset"}
    said = next((words for kind, words in known.items() if isinstance(error, kind)), None)
    return said or f"no connection: {error.strerror or type(error).__name__}"


def _framed(headers: Headers, destination: Destination, proxy: MachineProxy | None) -> Headers:
    """Give the headers with what the connection needs: one request, and an answer that is not coded."""
    headers = headers.without(*_OURS)
    headers = headers.with_set("Host", authority(destination.scheme, destination.host, destination.port))
    headers = headers.with_set("Accept-Encoding", "identity").with_set("Connection", "close")
    if proxy is not None and proxy.authorization:
        headers = headers.with_set("Proxy-Authorization", proxy.authorization)
    return headers


def _proxy(destination: Destination) -> MachineProxy | None:
    """Give the proxy by which clients' requests go there: the mode's, else the machine's."""
    named = next((mode for mode in map(ProxyMode.parse, ctx.options.mode) if isinstance(mode, UpstreamMode)), None)
    if named is None:
        return machine_proxy(destination.scheme, destination.host, destination.port, own_ports())
    said = ctx.options.upstream_auth if "upstream_auth" in ctx.options else None
    return MachineProxy((named.scheme, named.address), parse_upstream_auth(said).decode() if said else None)


async def _connected(
    destination: Destination, proxy: MachineProxy | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect: straight, or through a proxy, and with TLS where the destination has it.

    A host's addresses are tried one after the other, as mitmproxy does it: trying them side by side breaks with the
    eager tasks of its loop (Python 3.12 and 3.13.0, ``asyncio/staggered.py``).
    """
    trust = await asyncio.to_thread(_trust) if "https" in {destination.scheme, proxy and proxy.spec[0]} else None
    if proxy is None:
        tls = trust if destination.scheme == "https" else None
        return await asyncio.open_connection(destination.host, destination.port, ssl=tls, limit=_PIECE)
    scheme, (host, port) = proxy.spec[0], proxy.spec[1][:2]
    reader, writer = await asyncio.open_connection(host, port, ssl=trust if scheme == "https" else None, limit=_PIECE)
    if destination.scheme != "https" or trust is None:
        return reader, writer
    try:
        at = f"{f'[{destination.host}]' if ':' in destination.host else destination.host}:{destination.port}"
        credential = f"Proxy-Authorization: {proxy.authorization}\r\n" if proxy.authorization else ""
        writer.write(f"CONNECT {at} HTTP/1.1\r\nHost: {at}\r\n{credential}\r\n".encode())
        await writer.drain()
        status = (await reader.readuntil(b"\r\n\r\n")).split(maxsplit=2)[1:2]
        if not status or not status[0].startswith(b"2"):
            said = status[0].decode("ascii", "replace")[:3] if status else "nothing"
            raise OutboundError(f"the machine's proxy answered {said}")  # noqa: TRY301 - the connection is dropped below
        await writer.start_tls(trust, server_hostname=destination.host)
    except BaseException:
        writer.transport.abort()
        raise
    return reader, writer


async def _answer(connection: h11.Connection, reader: asyncio.StreamReader) -> Answer:
    """Read one answer to its end. Raises :class:`OutboundError` where it is too large."""
    status, coding, body, heard = 0, None, bytearray(), 0.0
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(_PIECE))
            heard = heard or time.monotonic()
        elif isinstance(event, h11.Response):
            status = event.status_code
            coding = next(
                (value.decode("latin-1") for name, value in event.headers if name == b"content-encoding"), None
            )
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > MOST:
                raise OutboundError(f"its answer is over {MOST // 1024} KiB")
        elif isinstance(event, h11.EndOfMessage):
            return Answer(status, _decoded(bytes(body), coding), heard)
        elif isinstance(event, h11.ConnectionClosed) or event is h11.PAUSED:
            raise OutboundError("the connection broke, or what came back is no HTTP")


def _decoded(body: bytes, coding: str | None) -> bytes:
    try:
        return decode(body, coding, limit=MOST) if coding and body else body
    except BodyError:
        return b""


def _trust() -> ssl.SSLContext:
    """Give what certificates are judged by: mitmproxy's own options towards providers."""
    options = ctx.options
    file = options.ssl_verify_upstream_trusted_ca or (
        None if options.ssl_verify_upstream_trusted_confdir else certifi.where()
    )
    changed = Path(file).stat().st_mtime_ns if file else 0
    return _context(file, options.ssl_verify_upstream_trusted_confdir, changed, insecure=options.ssl_insecure)


@lru_cache(maxsize=4)
def _context(file: str | None, folder: str | None, changed: int, *, insecure: bool) -> ssl.SSLContext:  # noqa: ARG001 - a file that was changed is read again
    context = ssl.create_default_context(cafile=file, capath=folder)
    context.set_alpn_protocols(["http/1.1"])
    if insecure:  # the user's own option, which counts for all traffic
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
