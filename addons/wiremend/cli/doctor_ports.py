"""What ``wiremend doctor`` says of ports, and of the variables that lead to one: proxies, bypasses, base URLs."""

from __future__ import annotations

import http.client
import re
import socket
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

from wiremend.cli.agents import AGENTS, GENERIC, bypasses
from wiremend.cli.finding import Finding
from wiremend.cli.proxy import find_owner
from wiremend.errors import SetupError
from wiremend.mitm.process import who_listens
from wiremend.rules.resolve import reachable
from wiremend.rules.urls import LOOPBACK, parse_base

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wiremend.rules.resolve import Resolved

_SOME: Final = 2

type Kind = Literal["nobody", "wiremend", "other"]

_PROXIES: Final = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
_LEADING: Final = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


@dataclass(frozen=True, slots=True)
class Listener:
    """What is at a port of this machine; ``name`` names the program, where it can be told."""

    kind: Kind
    name: str = ""


@dataclass(frozen=True, slots=True)
class Url:
    """Where a variable leads; ``shown`` has no user, no password and no query in it."""

    scheme: str
    host: str
    port: int
    shown: str

    @property
    def local(self) -> bool:
        """Tell whether that is this machine."""
        return self.host in LOOPBACK


def read_url(text: str) -> Url | None:
    """Read a URL; None where it is none, or of a scheme other than http and https."""
    try:
        parts = urlsplit(text)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return None
    if not parts.hostname or port is None:
        return None
    return Url(parts.scheme, parts.hostname, port, f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}")


type Look = Callable[[int], Listener]


def check_port(port: int, at: Listener, cannot: str | None) -> list[Finding]:
    """Check the port that ``wiremend proxy`` would take; ``cannot`` says why it cannot be listened on."""
    if at.kind == "wiremend":
        return [Finding("ok", "port", f"{port} is taken, by a Wiremend{_named(at, ': ')}")]
    if at.kind == "other":
        do = f"stop it, or choose another: wiremend proxy --port {port + 2}; `wiremend run` finds a free one by itself"
        return [Finding("FAIL", "port", f"{port} is in use by {at.name or 'another program'}", do)]
    return [Finding("FAIL", "port", cannot)] if cannot else [Finding("ok", "port", f"{port} is free")]


def check_proxies(environ: Mapping[str, str], look_at: Look) -> list[Finding]:
    """Check what HTTPS_PROXY and its kin lead to."""
    findings = []
    for name in _PROXIES:
        value = environ.get(name)
        if not value:
            continue
        url = read_url(value if "://" in value else f"http://{value}")
        other = name.swapcase()
        if url is None:
            finding = Finding("FAIL", "proxy", "no URL of a proxy", f"unset {name}, or set http://HOST:PORT")
        elif not url.local:
            finding = Finding("ok", "proxy", f"{url.shown}, which Wiremend goes through to providers")
        else:
            finding = _at_port("proxy", name, url, look_at(url.port))
            if finding.level == "warn":
                finding = Finding("ok", "proxy", f"{finding.what}, which Wiremend goes through to providers")
        findings.append(replace(finding, names=(name,)))
        if name.isupper() and environ.get(other) not in (None, "", value):
            do = "programs differ in which of the two they read; set both alike"
            findings.append(Finding("warn", "proxy", "not the same", do, (name, other)))
    return findings or [Finding("ok", "proxy", "none is set; `wiremend run` sets HTTPS_PROXY for the agent")]


def _at_port(about: str, name: str, url: Url, at: Listener) -> Finding:
    """Say what a variable that names a port of this machine leads to; ``warn`` where it is another program."""
    if at.kind == "wiremend":
        return Finding("ok", about, f"the Wiremend on port {url.port}")
    if at.kind == "other":
        return Finding("warn", about, f"{url.shown}{_named(at, ', ')}")
    do = f"start what belongs there, such as `wiremend proxy --port {url.port}`, or unset {name}"
    return Finding("FAIL", about, f"{url.shown}, where nothing listens", do)


def leads_to_us(environ: Mapping[str, str], look_at: Look) -> bool:
    """Tell whether a proxy variable leads to a Wiremend, so that agents see its certificates."""
    return bool(ports_of_ours(environ, look_at))


def ports_of_ours(environ: Mapping[str, str], look_at: Look) -> frozenset[int]:
    """Give the ports at which a proxy variable leads to a Wiremend."""
    values = [environ[name] for name in _LEADING if environ.get(name)]
    urls = [read_url(value if "://" in value else f"http://{value}") for value in values]
    local = {url.port for url in urls if url is not None and url.local}
    return frozenset(port for port in local if look_at(port).kind == "wiremend")


def check_bypass(environ: Mapping[str, str], hosts: frozenset[str]) -> list[Finding]:
    """Check whether NO_PROXY lets LLM hosts pass by."""
    findings = []
    for name in ("NO_PROXY", "no_proxy"):
        for entry in environ.get(name, "").replace(",", " ").split():
            passing = sorted(host for host in hosts - LOOPBACK if bypasses(entry, host))
            if passing:
                shown = ", ".join([*passing[:_SOME], *(["…"] if len(passing) > _SOME else [])])
                do = f"take {entry} out; `wiremend run` does it for the agent"
                findings.append(Finding("warn", "bypass", f"{entry} lets {shown} pass by the proxy", do, (name,)))
    return findings


def check_bases(environ: Mapping[str, str], resolved: Resolved | None, look_at: Look) -> list[Finding]:
    """Check the base URLs that agents, or the rules, read from variables: how they are written, and where they lead."""
    templates = {name: template for agent in (GENERIC, *AGENTS) for name, template in agent.bases.items()}
    used = _providers_by_variable(resolved) if resolved else {}
    findings = []
    for name in dict.fromkeys((*templates, *used)):
        value = environ.get(name)
        if not value:
            continue
        findings += check_base(name, value, templates.get(name, ""), used.get(name, []), resolved, look_at)
    return findings


def check_base(  # noqa: PLR0913, PLR0917 - what is known of a base
    name: str, value: str, template: str, providers: list[str], resolved: Resolved | None, look_at: Look
) -> list[Finding]:
    """Check one base URL, of a variable or of an agent's settings, called ``name``.

    ``template`` tells what its clients expect (``{base}/v1``: they add no version; ``{base}``: they do; empty: either).
    ``providers`` are those that the rules have there.
    """
    url = read_url(value)
    if url is None:
        return [Finding("FAIL", "base URL", "no URL", f"unset {name}, or begin it with http:// or https://", (name,))]
    place = _place(name, url, providers, resolved, look_at)
    spelling = _spelling(value, template, used=bool(providers))
    said = [spelling, place] if spelling and place.level != "ok" else [spelling or place]
    return [replace(finding, names=(name,)) for finding in said]


def _providers_by_variable(resolved: Resolved) -> dict[str, list[str]]:
    """Give the variables in the base URLs of the providers that a route can reach, with the providers."""
    found: dict[str, list[str]] = {}
    for name in reachable(resolved.rules):
        templates = resolved.rules.providers[name].bases.values()
        for variable in {variable for template in templates for variable in template.names}:
            found.setdefault(variable, []).append(name)
    return found


def _spelling(value: str, template: str, *, used: bool) -> Finding | None:
    """Say what is wrong with the way a base is written; None where nothing is.

    ``template`` tells what the variable's clients expect: with ``/v1`` at its end they add none.
    """
    path = urlsplit(value).path.rstrip("/")
    base = parse_base(value)
    right = base.text
    if template == "{base}" and base.path:
        right = right.removesuffix(f"/{base.path[-1]}")
    if again := re.search(r"/(v\d+\w*)(?:/+\1)+$", path):
        what = f"/{again[1]} more than once at its end"
    elif template == "{base}" and path.endswith("/v1"):
        what = "/v1 at its end, and clients add their own: /v1/v1/messages is a 404"
    elif not used and template.endswith("/v1") and base.version is None and base.path != base.root:
        what = "no /v1 at its end, and clients add none"
    else:
        return None
    do = f"nothing, where requests go through Wiremend, which repairs it; else set it to {right}"
    return Finding("warn", "base URL", what, do)


def _place(name: str, url: Url, providers: list[str], resolved: Resolved | None, look_at: Look) -> Finding:
    """Say where a base leads, and whether Wiremend sees what goes there; ``providers`` the rules have there."""
    here = _at_port("base URL", name, url, look_at(url.port)) if url.local else None
    if here is not None and here.level != "warn":
        return here
    if providers:
        return Finding("ok", "base URL", f"{url.shown}, where the rules have {' and '.join(providers)}")
    by_gateway = "`wiremend run --via gateway` leads the agent through Wiremend all the same"
    if here is not None:
        return Finding("warn", "base URL", f"{here.what}, past Wiremend", by_gateway)
    if url.scheme == "http":
        what = f"{url.shown} is plain http, which HTTPS_PROXY does not lead through Wiremend"
        return Finding("warn", "base URL", what, by_gateway)
    if resolved is not None and not resolved.known_host(url.host):
        do = f"add to rules.yaml: listen: {{intercept: [{url.host}]}}"
        what = f"{url.host} is not known to the rules, so the HTTPS proxy tunnels it undecrypted"
        return Finding("warn", "base URL", what, do)
    return Finding("ok", "base URL", f"{url.shown}, which the HTTPS proxy looks after")


def look(port: int) -> Listener:
    """See what listens on a port of this machine.

    A Wiremend is known by its answer to a Host that is not its own: it refuses such a request, so none goes anywhere.
    """
    for address in ("127.0.0.1", "::1"):
        with closing(http.client.HTTPConnection(address, port, timeout=2)) as connection:
            try:
                connection.connect()
            except OSError:
                continue
            try:
                connection.request("GET", "/", headers={"Host": "doctor.invalid"})
                ours = b"Wiremend: the gateway" in connection.getresponse().read(4096)
            except (OSError, http.client.HTTPException):
                ours = False
            return Listener("wiremend" if ours else "other", who_listens(port) or "")
    return Listener("nobody")


def cannot_listen(port: int) -> str | None:
    """Say why a port cannot be listened on; None where it can."""
    try:
        find_owner("localhost", port)
    except (SetupError, socket.gaierror) as error:
        return str(error)
    return None


def _named(at: Listener, before: str) -> str:
    return f"{before}{at.name}" if at.name else ""
