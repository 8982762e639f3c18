"""What ``wiremend doctor --online`` says of providers: whether each can be reached, and what their clocks say of ours.

A connection goes as the proxy's would: through the machine's own proxy where one is set, and trusting what the proxy
trusts (certifi's roots and what the CA variables name). One ``HEAD`` of the base is asked, without a credential: any
answer, a 401 or a 404 among them, shows that the way is open. Nothing of a request is sent.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import certifi

from wiremend import __version__
from wiremend.cli.finding import Finding
from wiremend.mitm.trust import upstream_bundle
from wiremend.rules.resolve import reachable
from wiremend.rules.urls import LOOPBACK, authority

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from wiremend.mitm.tunnel import MachineProxy
    from wiremend.rules.resolve import Resolved
    from wiremend.rules.urls import Base

type Via = Callable[[str, str, int], MachineProxy | None]
"""Gives the machine's own proxy for a scheme, a host and a port."""

WAIT: Final = 6.0
"""Seconds that a connection, and an answer, may take."""

MUCH: Final = timedelta(seconds=60)
"""A difference between two clocks that is worth a word."""

_NAME: Final = f"wiremend-doctor/{__version__}"
_SERVER_ERROR: Final = 500
_PROXY_ASKS: Final = 407
_TUNNEL: Final = "Tunnel connection failed"
_AT_ONCE: Final = 16


@dataclass(frozen=True, slots=True)
class Place:
    """One place to ask: a base, and the providers that have it."""

    scheme: str
    host: str
    port: int
    path: str
    providers: tuple[str, ...]

    @property
    def shown(self) -> str:
        """The host, with the port where it is not the scheme's own."""
        return authority(self.scheme, self.host, self.port)


@dataclass(frozen=True, slots=True)
class Reached:
    """What came of asking: a status, after how long, how far its clock is ahead; or why there was none, what to do."""

    place: Place
    status: int | None = None
    seconds: float = 0.0
    ahead: timedelta | None = None
    why: str = ""
    do: str = ""
    via: str = ""


def check_online(resolved: Resolved, environ: Mapping[str, str], via: Via) -> list[Finding]:
    """Ask each provider that a route can reach, all at once; and compare their clocks with ours."""
    asked = places(resolved)
    if not asked:
        return [Finding("ok", "online", "no provider to ask: no route, alias or default names one")]
    with tempfile.TemporaryDirectory(prefix="wiremend-doctor-") as folder:
        bundle = upstream_bundle(Path(folder), environ)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            found = list(pool.map(lambda place: reach(place, bundle, via), asked))
    return [*map(told, found), *check_clocks(found)]


def places(resolved: Resolved) -> list[Place]:
    """Give the bases of the providers that a route can reach, those on one host and port as one."""
    bases: dict[tuple[str, str, int], Base] = {}
    names: dict[tuple[str, str, int], list[str]] = {}
    for name in reachable(resolved.rules):
        upstream = resolved.upstreams.get(name)
        for base in upstream.bases.values() if upstream is not None else ():
            at = (base.scheme, base.host, base.port)
            bases.setdefault(at, base)
            if name not in names.setdefault(at, []):
                names[at].append(name)
    return [Place(*at, f"/{'/'.join(base.path)}", tuple(names[at])) for at, base in bases.items()]


def reach(place: Place, bundle: Path | None, via: Via) -> Reached:
    """Ask one place: ``HEAD``, no credential, no redirect followed. ``bundle`` replaces certifi's roots."""
    proxy = via(place.scheme, place.host, place.port)
    through = f", through {authority(proxy.spec[0], proxy.spec[1][0], proxy.spec[1][1])}" if proxy is not None else ""
    began = time.monotonic()
    connection = None
    try:
        connection = _connection(place, bundle, proxy)
        connection.connect()
        connection.request("HEAD", place.path, headers={"User-Agent": _NAME, "Accept": "*/*"})
        answer = connection.getresponse()
        seconds = time.monotonic() - began
        return Reached(place, answer.status, seconds, _ahead(answer.getheader("Date")), via=through)
    except (OSError, http.client.HTTPException, ValueError) as error:
        why, do = reason(error, place, proxied=bool(through))
        return Reached(place, None, time.monotonic() - began, why=why, do=do, via=through)
    finally:
        if connection is not None:
            connection.close()


def _connection(place: Place, bundle: Path | None, proxy: MachineProxy | None) -> http.client.HTTPConnection:
    host, port = (place.host, place.port) if proxy is None else proxy.spec[1]
    context = None
    if place.scheme == "https":
        context = ssl.create_default_context(cafile=str(bundle or certifi.where()))
    if place.scheme == "https" and (proxy is None or proxy.spec[0] == "http"):
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(host, port, timeout=WAIT, context=context)
    elif proxy is not None and proxy.spec[0] == "https":
        raise ValueError("the machine's proxy speaks TLS itself, which is not tried here; the proxy does go through it")
    else:
        connection = http.client.HTTPConnection(host, port, timeout=WAIT)
    if proxy is not None:
        headers = {"Proxy-Authorization": proxy.authorization} if proxy.authorization else {}
        connection.set_tunnel(place.host, place.port, headers)
    return connection


def reason(error: Exception, place: Place, *, proxied: bool) -> tuple[str, str]:
    """Say why a place was not reached, and what to do about it."""
    if isinstance(error, ssl.SSLError):
        return _no_tls(error, place)
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    why, do = said, "look at the network, and at base_url"
    match error:
        case socket.gaierror():
            who = "the name of the machine's proxy" if proxied else f"the name {place.host}"
            why, do = f"{who} does not resolve", "look at the network, HTTPS_PROXY, and the base_url's spelling"
        case TimeoutError():
            why, do = f"no answer in {WAIT:.0f} s", "a firewall may drop it; behind an office's proxy set HTTPS_PROXY"
        case ConnectionRefusedError():
            why = f"{"the machine's proxy" if proxied else 'it'} refuses the connection"
            do = "start the server there" if place.host in LOOPBACK or proxied else "look at the port in base_url"
        case http.client.HTTPException():
            why = f"what answers does not speak HTTP: {type(error).__name__}"
            do = "look at scheme and port of base_url"
        case OSError() if str(error).startswith(_TUNNEL):
            why = f"the machine's proxy says{str(error).removeprefix(_TUNNEL)}"
            asks = str(_PROXY_ASKS) in str(error)
            do = "put user and password into HTTPS_PROXY" if asks else "ask who keeps that proxy"
    return why, do


def _no_tls(error: ssl.SSLError, place: Place) -> tuple[str, str]:
    if isinstance(error, ssl.SSLCertVerificationError):
        do = "behind a proxy that re-signs, name its CA by SSL_CERT_FILE; else look at this machine's clock"
        return f"its certificate is not trusted: {error.verify_message}", do
    return f"no TLS: {error.reason or error}", f"see whether {place.shown} speaks TLS; mend base_url"


def told(reached: Reached) -> Finding:
    """Say what came of asking one place."""
    place = reached.place
    who = f"{place.shown} ({', '.join(place.providers)})"
    if reached.status is None:
        return Finding("FAIL", "online", f"{who}{reached.via}: {reached.why}", reached.do)
    what = f"{who} answers in {reached.seconds * 1000:.0f} ms{reached.via}"
    if reached.status == _PROXY_ASKS:
        return Finding("FAIL", "online", f"{who}: the machine's proxy wants a login", "put it into HTTPS_PROXY")
    if reached.status >= _SERVER_ERROR:
        return Finding("warn", "online", f"{what}, with {reached.status}", "see the provider's status page; try later")
    return Finding("ok", "online", what)


def check_clocks(found: Iterable[Reached]) -> list[Finding]:
    """Compare the clocks of those that answered with ours, by the one in the middle: a single one may be wrong."""
    ahead = sorted(reached.ahead for reached in found if reached.ahead is not None)
    if not ahead:
        return []
    middle = ahead[len(ahead) // 2]
    if abs(middle) <= MUCH:
        return [Finding("ok", "clock", "within a minute of the providers'")]
    which = "behind" if middle > timedelta(0) else "ahead of"
    what = f"this machine is {_span(abs(middle))} {which} the providers"
    return [Finding("warn", "clock", what, "set this machine's clock right, such as by NTP")]


def _ahead(date: str | None) -> timedelta | None:
    """Give how far a server's clock is ahead of ours; None where it does not say."""
    if date is None:
        return None
    try:
        theirs = parsedate_to_datetime(date)
        return (theirs if theirs.tzinfo is not None else theirs.replace(tzinfo=UTC)) - datetime.now(UTC)
    except (ValueError, OverflowError):
        return None


def _span(time_span: timedelta) -> str:
    seconds = time_span.total_seconds()
    for unit, name in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} seconds"
