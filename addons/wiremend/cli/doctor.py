"""``wiremend doctor``: why it does not work here.

Each check is a function of what it is given (an environment, paths, what is at a port) and gives :class:`Finding`
values; :func:`examine` gathers what they need from this machine, :func:`show` prints. A check says ``ok``, ``warn``
(it may be meant so) or ``FAIL`` (a request, or the proxy itself, will not work), and what to do. Nothing is changed,
nothing leaves this machine but what a credential reference asks of its own program (``op``), which ``--offline``
leaves out; no value of a credential is ever shown (G8).
"""

from __future__ import annotations

import functools
import http.client
import importlib.metadata
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

import click
from rich.text import Text

from wiremend.cli.agents import AGENTS, GENERIC
from wiremend.cli.picture import hang, make_console
from wiremend.cli.proxy import find_owner
from wiremend.errors import RulesError, SetupError
from wiremend.mitm.process import who_listens
from wiremend.rules.families import HOMES
from wiremend.rules.load import load_rules, read_rules
from wiremend.rules.lookup import Found, find_rules, state_folder
from wiremend.rules.resolve import reachable, resolve
from wiremend.rules.urls import LOOPBACK, parse_base

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from rich.console import Console

    from wiremend.rules.references import Secret
    from wiremend.rules.resolve import Resolved

type Level = Literal["ok", "warn", "FAIL"]
type Kind = Literal["nobody", "wiremend", "other"]

DEFAULT_PORT: Final = 8080
SOON: Final = timedelta(days=30)
"""A CA that ends within this time is worth a word."""

REPLACING: Final = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "CODEX_CA_CERTIFICATE")
"""Variables whose file replaces the roots of the program that reads it; ``NODE_EXTRA_CA_CERTS`` adds to them."""

ADDING: Final = "NODE_EXTRA_CA_CERTS"
_CERTIFICATE: Final = b"-----BEGINCERTIFICATE-----"
_SOME: Final = 2
_PROXIES: Final = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
_LEADING: Final = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
_KIMIS_NODE: Final = 22
_OLDEST_MITMPROXY: Final = 12
_OLDEST_PYTHON: Final = (3, 12)
_COLOURS: Final[dict[Level, str]] = {"ok": "green", "warn": "yellow", "FAIL": "bold red"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: how bad, about what, what is so, and what to do about it; ``names`` are the variables it speaks of."""

    level: Level
    about: str
    what: str
    do: str = ""
    names: tuple[str, ...] = ()


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


@click.command()
@click.option(
    "--port", "-p", type=click.IntRange(1, 65535), help="The port to look at (default: listen.port of the rules)."
)
@click.option("--rules", type=click.Path(path_type=Path), help="The rules.yaml to look at.")
@click.option("--offline", is_flag=True, help="Resolve no credential.")
def doctor(port: int | None, rules: Path | None, *, offline: bool) -> None:
    """Look at this machine: port, CA, variables, rules, credentials. Exit code 1 if anything FAILs."""
    findings = examine(os.environ, port=port, rules=rules, offline=offline)
    show(findings, make_console(os.environ))
    sys.exit(any(finding.level == "FAIL" for finding in findings))


def examine(environ: Mapping[str, str], *, port: int | None, rules: Path | None, offline: bool) -> list[Finding]:
    """Run all checks on this machine."""
    findings = check_versions(
        importlib.metadata.version("mitmproxy"), sys.version_info[:3], Path(sys.executable).parent
    )
    resolved: Resolved | None = None
    try:
        found = find_rules(rules, environ)
    except SetupError as error:
        findings.append(Finding("FAIL", "rules", str(error)))
    else:
        more, resolved = check_rules(found, environ, Path.cwd())
        findings += more
    if resolved is not None and not offline:
        findings += check_credentials(resolved, environ)
    hosts = frozenset(HOMES).union(*(upstream.hosts for upstream in resolved.upstreams.values()) if resolved else ())
    look_at = functools.cache(look)
    port = port or (resolved.port if resolved else DEFAULT_PORT)
    ca = Path(environ.get("HOME") or Path.home()) / ".mitmproxy" / "mitmproxy-ca-cert.pem"
    findings += check_port(port, look_at(port), cannot_listen(port))
    findings += check_ca(ca, datetime.now(UTC))
    findings += check_proxies(environ, look_at)
    findings += check_trust(environ, ca, needed=leads_to_us(environ, look_at))
    findings += check_bypass(environ, hosts)
    findings += check_bases(environ, resolved, look_at)
    findings += check_state(state_folder(environ))
    findings += check_agents(environ, node_version(environ))
    return findings


def show(findings: list[Finding], console: Console) -> None:
    """Print the findings and how many of them matter."""
    wide = max(len(finding.about) for finding in findings)
    for finding in merged(findings):
        what = Text(": ".join(filter(None, (", ".join(finding.names), finding.what))))
        if finding.do:
            what.append(f"\n→ {finding.do}", "cyan")
        level = (f"{finding.level:4}  ", _COLOURS[finding.level])
        hang(console, Text.assemble(level, (f"{finding.about:{wide}}  ", "bold")), what)
    counts = {level: sum(finding.level == level for finding in findings) for level in ("FAIL", "warn")}
    said = [f"{counts[level]} {what}" for level, what in (("FAIL", "to mend"), ("warn", "to look at")) if counts[level]]
    console.print(f"\n{', '.join(said) if said else 'All is well.'}")


def merged(findings: Iterable[Finding]) -> list[Finding]:
    """Give one finding for all that say the same of different variables, in the place of the first."""
    names: dict[Finding, tuple[str, ...]] = {}
    for finding in findings:
        bare = replace(finding, names=())
        names[bare] = (*names.get(bare, ()), *finding.names)
    return [replace(bare, names=all_names) for bare, all_names in names.items()]


# -- the program and its rules


def check_versions(mitmproxy: str, python: tuple[int, ...], programs: Path) -> list[Finding]:
    """Check what Wiremend runs on; ``programs`` is the folder of the interpreter, where mitmdump must be."""
    what = f"mitmproxy {mitmproxy}, Python {'.'.join(map(str, python))} on {platform.system()}"
    if int(mitmproxy.partition(".")[0]) < _OLDEST_MITMPROXY:
        return [Finding("FAIL", "versions", what, f"install mitmproxy {_OLDEST_MITMPROXY} or newer beside Wiremend")]
    if python < _OLDEST_PYTHON:
        return [Finding("FAIL", "versions", what, "run Wiremend on Python 3.12 or newer")]
    if not (programs / "mitmdump").is_file():
        return [Finding("FAIL", "versions", f"{what}; no mitmdump in {programs}", "install both into one environment")]
    return [Finding("ok", "versions", what)]


def check_rules(found: Found, environ: Mapping[str, str], folder: Path) -> tuple[list[Finding], Resolved | None]:
    """Check the rules file in force; gives it resolved too (without credentials), None where it is not sound."""
    try:
        loaded = load_rules(read_rules(found.path), str(found.path), environ, offline=True)
    except RulesError as error:
        levels: dict[str, Level] = {"error": "FAIL", "warning": "warn"}
        return [Finding(levels[problem.severity], "rules", str(problem)) for problem in error.problems], None
    findings = [Finding("ok", "rules", f"{found.path} ({found.why}), {loaded.resolved.rules.hash}")]
    findings += [Finding("warn", "rules", str(problem)) for problem in loaded.warnings]
    here = folder / "rules.yaml"
    if here.is_file() and not here.samefile(found.path):
        do = "name it if it is to be: --rules rules.yaml, or WIREMEND_RULES"
        findings.append(Finding("warn", "rules", "the rules.yaml of this folder is not in force", do))
    return findings, loaded.resolved


def check_credentials(offline: Resolved, environ: Mapping[str, str]) -> list[Finding]:
    """Resolve the references of each provider that a route can reach, and say which did; never a value."""
    rules = offline.rules
    cache: dict[str, Secret] = {}
    resolved, problems = resolve(rules, environ, cache=cache)
    known = set(resolve(rules, environ, offline=True)[1])
    fresh = [problem for problem in problems if problem not in known]
    groups: dict[str, list[str]] = {}
    for name in reachable(rules):
        upstream = resolved.upstreams[name]
        had = next((reference.text for reference in upstream.provider.keys if reference.text in cache), None)
        if any(repr(name) in problem.message for problem in fresh):
            continue
        if not upstream.provider.needs_credential:
            what = "none needed"
        elif had is not None:
            what = f"{had} resolves{', and a client that brings its own key keeps it' if upstream.client_key else ''}"
        else:
            what = "the key that the client brings, for nothing else is set"
        groups.setdefault(what, []).append(name)
    findings = [Finding("ok", "credentials", f"{', '.join(names)}: {what}") for what, names in groups.items()]
    for problem in fresh:
        level: Level = "FAIL" if problem.severity == "error" else "warn"
        findings.append(Finding(level, "credentials", f"{problem.file}:{problem.line}: {problem.message}"))
    return findings


# -- the port, and variables that lead to one


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
    values = [environ[name] for name in _LEADING if environ.get(name)]
    urls = [read_url(value if "://" in value else f"http://{value}") for value in values]
    return any(url is not None and url.local and look_at(url.port).kind == "wiremend" for url in urls)


def check_bypass(environ: Mapping[str, str], hosts: frozenset[str]) -> list[Finding]:
    """Check whether NO_PROXY lets LLM hosts pass by."""
    findings = []
    for name in ("NO_PROXY", "no_proxy"):
        for entry in environ.get(name, "").replace(",", " ").split():
            passing = sorted(host for host in hosts - LOOPBACK if _covers(entry, host))
            if passing:
                shown = ", ".join([*passing[:_SOME], *(["…"] if len(passing) > _SOME else [])])
                do = f"take {entry} out; `wiremend run` does it for the agent"
                findings.append(Finding("warn", "bypass", f"{entry} lets {shown} pass by the proxy", do, (name,)))
    return findings


def _covers(entry: str, host: str) -> bool:
    """Tell whether an entry covers a host: ``*``, the host, ``domain``, ``.domain`` or ``*.domain``, with any port."""
    name = re.sub(r":\d+$", "", entry.lower()).lstrip("*").lstrip(".")
    return not name or host == name or host.endswith(f".{name}")


def check_bases(environ: Mapping[str, str], resolved: Resolved | None, look_at: Look) -> list[Finding]:
    """Check the base URLs that agents, or the rules, read from variables: how they are written, and where they lead."""
    templates = {name: template for agent in (GENERIC, *AGENTS) for name, template in agent.bases.items()}
    used = _providers_by_variable(resolved) if resolved else {}
    findings = []
    for name in dict.fromkeys((*templates, *used)):
        value = environ.get(name)
        if not value:
            continue
        url = read_url(value)
        if url is None:
            do = f"unset {name}, or begin it with http:// or https://"
            findings.append(Finding("FAIL", "base URL", "no URL", do, (name,)))
            continue
        place = _place(name, url, used.get(name, []), resolved, look_at)
        spelling = _spelling(value, templates.get(name, ""), used=name in used)
        said = [spelling, place] if spelling and place.level != "ok" else [spelling or place]
        findings += [replace(finding, names=(name,)) for finding in said]
    return findings


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


# -- certificates


def check_ca(ca: Path, now: datetime) -> list[Finding]:
    """Check the CA that mitmproxy keeps (``mitmproxy-ca-cert.pem``; its private key lies beside it)."""
    from mitmproxy.certs import Cert  # noqa: PLC0415 - a third of a second, which the other verbs need not take

    if not ca.exists():
        return [Finding("ok", "CA", f"none yet; the first start of the proxy makes {ca}")]
    anew = f"remove {ca.parent}/mitmproxy-ca*, start the proxy, and trust the new one where the old one was trusted"
    try:
        cert = Cert.from_pem(ca.read_bytes())
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it holds no certificate"
        return [Finding("FAIL", "CA", f"{ca} cannot be read: {reason}", anew)]
    if now < cert.notbefore:
        what = f"{ca} is valid only from {cert.notbefore:%Y-%m-%d} on"
        return [Finding("FAIL", "CA", what, "set this machine's clock right")]
    if now > cert.notafter:
        what = f"{ca} was valid until {cert.notafter:%Y-%m-%d}, so every client refuses it"
        return [Finding("FAIL", "CA", what, anew)]
    findings = []
    key = ca.with_name("mitmproxy-ca.pem")
    if not key.is_file():
        findings.append(Finding("FAIL", "CA", f"its private key {key} is not there", anew))
    elif key.stat().st_mode & 0o077:
        findings.append(
            Finding("warn", "CA", f"others on this machine can read its private key {key}", f"chmod 600 {key}")
        )
    level: Level = "warn" if cert.notafter - now < SOON else "ok"
    what = f"{ca}, valid until {cert.notafter:%Y-%m-%d}"
    return [*findings, Finding(level, "CA", what, anew if level == "warn" else "")]


def check_trust(environ: Mapping[str, str], ca: Path, *, needed: bool) -> list[Finding]:
    """Check the variables that name certificates; ``needed``: agents started here do see those of our CA."""
    findings = []
    named = [name for name in (ADDING, *REPLACING) if environ.get(name)]
    ours = _squeezed(ca)
    lines = "`wiremend proxy` prints the lines"
    for name in named:
        file = _squeezed(Path(environ[name]))
        count = file.count(_CERTIFICATE)
        finding = Finding("ok", "trust", "Wiremend's CA is in it")
        if not count:
            what = f"no certificates in {environ[name]}"
            finding = Finding("warn" if name == ADDING else "FAIL", "trust", what, "unset it, or name a PEM file")
        elif not ours or ours not in file:
            finding = Finding("ok", "trust", f"{environ[name]}, to which `wiremend run` adds the CA for the agent")
            if needed:
                do = f"set it to a copy with {ca} added; {lines}"
                finding = Finding("warn", "trust", f"Wiremend's CA is not in {environ[name]}", do)
        elif count == 1 and name in REPLACING:
            what = "Wiremend's CA alone, so that git, pip and the like trust no one else"
            finding = Finding("warn", "trust", what, f"set it to a bundle of the machine's roots and the CA; {lines}")
        findings.append(replace(finding, names=(name,)))
    if needed and not named:
        what = "HTTPS_PROXY leads to Wiremend, and no variable makes agents trust its CA"
        return [Finding("warn", "trust", what, f"set them ({lines}), or start the agent with `wiremend run --`")]
    return findings or [Finding("ok", "trust", "no variable is set; `wiremend run` makes the agent trust the CA")]


def _squeezed(path: Path) -> bytes:
    """Give a file without its white space, in which a certificate can be found however its lines are broken."""
    try:
        return b"".join(path.read_bytes().split())
    except OSError:
        return b""


# -- the rest of the machine


def check_state(folder: Path) -> list[Finding]:
    """Check that logs can be written."""
    near = next(path for path in (folder, *folder.parents) if path.exists())
    if near.is_dir() and os.access(near, os.W_OK | os.X_OK):
        return []
    return [Finding("FAIL", "folder", f"{near} cannot be written to, and logs go below {folder}", "set XDG_STATE_HOME")]


def check_agents(environ: Mapping[str, str], node: str | None) -> list[Finding]:
    """Check which agents are on PATH; ``node`` is Node's version, such as ``v22.1.0``."""
    programs = {
        agent.id: name for agent in AGENTS for name in agent.names if shutil.which(name, path=environ.get("PATH", ""))
    }
    runtime = f"node {node}" if node else "no node"
    if not programs:
        return [Finding("warn", "agents", f"none of {', '.join(agent.id for agent in AGENTS)} on PATH; {runtime}")]
    major = int(node.lstrip("v").partition(".")[0]) if node else 0
    findings = [Finding("ok", "agents", f"{', '.join(programs)}; {runtime}")]
    if "kimi" in programs and 0 < major < _KIMIS_NODE:
        what = f"kimi needs Node {_KIMIS_NODE} or newer, here is {node}"
        findings.append(Finding("warn", "agents", what, "install a newer Node"))
    return findings


# -- looking at this machine


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


def node_version(environ: Mapping[str, str]) -> str | None:
    """Give the version of the Node on PATH; None where there is none that runs."""
    program = shutil.which("node", path=environ.get("PATH", ""))
    if program is None:
        return None
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=5, check=False)  # noqa: S603 - found on PATH
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if re.fullmatch(r"v\d+(\.\d+)*", done.stdout.strip()) else None


def _named(at: Listener, before: str) -> str:
    return f"{before}{at.name}" if at.name else ""
