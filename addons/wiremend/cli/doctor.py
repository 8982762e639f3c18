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
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

import click
from rich.table import Table
from rich.text import Text

from wiremend.cli.agents import AGENTS, GENERIC
from wiremend.cli.picture import make_console
from wiremend.cli.proxy import find_owner
from wiremend.errors import RulesError, SetupError
from wiremend.mitm.process import who_listens
from wiremend.rules.families import HOMES
from wiremend.rules.load import load_rules, read_rules
from wiremend.rules.lookup import Found, find_rules, state_folder
from wiremend.rules.resolve import reachable, resolve
from wiremend.rules.urls import LOOPBACK, parse_base

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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
_PROXIES: Final = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
_LEADING: Final = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
_KIMIS_NODE: Final = 22
_OLDEST_MITMPROXY: Final = 12
_OLDEST_PYTHON: Final = (3, 12)
_COLOURS: Final[dict[Level, str]] = {"ok": "green", "warn": "yellow", "FAIL": "bold red"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: how bad, about what, what is so, and what to do about it."""

    level: Level
    about: str
    what: str
    do: str = ""


@dataclass(frozen=True, slots=True)
class Listener:
    """What is at a port of this machine; ``name`` names the program, where it can be told."""

    kind: Kind
    name: str = ""


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
    findings += check_bases(environ, resolved, hosts, look_at)
    findings += check_state(state_folder(environ))
    findings += check_agents(environ, node_version(environ))
    return findings


def show(findings: list[Finding], console: Console) -> None:
    """Print the findings and how many of them matter."""
    table = Table.grid(padding=(0, 2, 0, 0))
    for finding in findings:
        what = Text(finding.what)
        if finding.do:
            what.append(f"\n→ {finding.do}", "cyan")
        table.add_row(Text(finding.level, _COLOURS[finding.level]), Text(finding.about, "bold"), what)
    console.print(table)
    counts = {level: sum(finding.level == level for finding in findings) for level in ("FAIL", "warn")}
    said = [f"{counts[level]} {what}" for level, what in (("FAIL", "to mend"), ("warn", "to look at")) if counts[level]]
    console.print(f"\n{', '.join(said) if said else 'All is well.'}")


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
        return [Finding("ok", "port", f"a Wiremend listens on {port}{_named(at)}")]
    if at.kind == "other":
        do = f"stop it, or choose another: wiremend proxy --port {port + 2}; `wiremend run` finds a free one by itself"
        return [Finding("FAIL", "port", f"{port} is in use{_named(at) or ' by another program'}", do)]
    return [Finding("FAIL", "port", cannot)] if cannot else [Finding("ok", "port", f"{port} is free")]


def check_proxies(environ: Mapping[str, str], look_at: Look) -> list[Finding]:
    """Check what HTTPS_PROXY and its kin lead to."""
    findings = []
    values: dict[str, list[str]] = {}
    for name in _PROXIES:
        if environ.get(name):
            values.setdefault(environ[name], []).append(name)
    for value, names in values.items():
        about, which = names[0], ", ".join(names)
        parts = _url(value if "://" in value else f"http://{value}")
        if parts is None:
            findings.append(Finding("FAIL", about, "is no URL of a proxy", f"unset {which}, or set http://HOST:PORT"))
            continue
        host, port, shown = parts
        at = look_at(port) if host in LOOPBACK else Listener("other")
        if at.kind == "nobody":
            do = f"start what belongs there, such as `wiremend proxy --port {port}`, or unset {which}"
            findings.append(Finding("FAIL", about, f"leads to {shown}, where nothing listens", do))
        elif at.kind == "wiremend":
            findings.append(Finding("ok", about, f"leads to the Wiremend on port {port}"))
        else:
            findings.append(
                Finding("ok", about, f"leads to {shown}{_named(at)}; Wiremend goes through it to providers")
            )
    for upper, lower in zip(_PROXIES[::2], _PROXIES[1::2], strict=True):
        if environ.get(upper) and environ.get(lower) and environ[upper] != environ[lower]:
            do = "programs differ in which of them they read; set both alike"
            findings.append(Finding("warn", upper, f"is not what {lower} is", do))
    return findings or [Finding("ok", "HTTPS_PROXY", "is not set; `wiremend run` sets it for the agent")]


def leads_to_us(environ: Mapping[str, str], look_at: Look) -> bool:
    """Tell whether a proxy variable leads to a Wiremend, so that agents see its certificates."""
    for name in _LEADING:
        value = environ.get(name, "")
        parts = _url(value if "://" in value else f"http://{value}")
        if parts is not None and parts[0] in LOOPBACK and look_at(parts[1]).kind == "wiremend":
            return True
    return False


def check_bypass(environ: Mapping[str, str], hosts: frozenset[str]) -> list[Finding]:
    """Check whether NO_PROXY lets LLM hosts pass by."""
    findings = []
    for name in ("NO_PROXY", "no_proxy"):
        for entry in environ.get(name, "").replace(",", " ").split():
            passing = sorted(host for host in hosts - LOOPBACK if _covers(entry, host))
            if passing:
                shown = f"{', '.join(passing[:2])}{f' and {len(passing) - 2} more' if len(passing) > 2 else ''}"  # noqa: PLR2004 - two are enough to show what it does
                do = f"take {entry} out of {name}; `wiremend run` does it for the agent"
                findings.append(Finding("warn", name, f"{entry} lets {shown} pass by the proxy", do))
    return findings


def _covers(entry: str, host: str) -> bool:
    """Tell whether an entry covers a host: ``*``, the host, ``domain``, ``.domain`` or ``*.domain``, with any port."""
    name = re.sub(r":\d+$", "", entry.lower()).lstrip("*").lstrip(".")
    return not name or host == name or host.endswith(f".{name}")


def check_bases(
    environ: Mapping[str, str], resolved: Resolved | None, hosts: frozenset[str], look_at: Look
) -> list[Finding]:
    """Check the base URLs that agents, or the rules, read from variables: how they are written, and where they lead."""
    templates = {name: template for agent in (GENERIC, *AGENTS) for name, template in agent.bases.items()}
    used = _providers_by_variable(resolved)
    findings = []
    for variable in dict.fromkeys((*templates, *used)):
        value = environ.get(variable, "")
        parts = _url(value)
        if not value:
            continue
        if parts is None or "://" not in value:
            do = f"unset {variable}, or begin it with http:// or https://"
            findings.append(Finding("FAIL", variable, "is no URL", do))
            continue
        spelling = _spelling(variable, value, templates.get(variable, ""), used=variable in used)
        if variable in used:
            dead = parts[0] in LOOPBACK and look_at(parts[1]).kind == "nobody"
            what = f"{parts[2]} is where the rules send {' and '.join(used[variable])}"
            place = Finding(
                "warn" if dead else "ok", variable, f"{what}{', and nothing listens there' if dead else ''}"
            )
        else:
            place = _place(variable, value, resolved, hosts, look_at)
        findings += [spelling] if spelling else []
        findings += [place] if place.level != "ok" or not spelling else []
    return findings


def _providers_by_variable(resolved: Resolved | None) -> dict[str, list[str]]:
    """Give the variables in the base URLs of the providers that a route can reach, with the providers."""
    found: dict[str, list[str]] = {}
    for name in reachable(resolved.rules) if resolved else ():
        bases = resolved.rules.providers[name].bases if resolved else {}
        for variable in {variable for template in bases.values() for variable in template.names}:
            found.setdefault(variable, []).append(name)
    return found


def _spelling(variable: str, value: str, template: str, *, used: bool) -> Finding | None:
    """Say what is wrong with the way a base is written; None where nothing is."""
    path = urlsplit(value).path.rstrip("/")
    base = parse_base(value)
    versionless = base.text.removesuffix(f"/{base.path[-1]}") if base.path else base.text
    again = re.search(r"/(v\d+\w*)(?:/+\1)+$", path)
    if again:
        right = versionless if template == "{base}" else base.text
        return Finding("warn", variable, f"ends in /{again[1]} more than once", _repair(right))
    if template == "{base}" and path.endswith("/v1"):
        return Finding(
            "warn",
            variable,
            "ends in /v1, and its clients add their own: /v1/v1/messages is a 404",
            _repair(versionless),
        )
    if not used and template.endswith("/v1") and base.version is None and base.path != base.root:
        return Finding("warn", variable, "has no /v1 at its end, and its clients add none", _repair(base.text))
    return None


def _repair(right: str) -> str:
    return f"nothing, where requests go through Wiremend, which repairs it; else set it to {right}"


def _place(variable: str, value: str, resolved: Resolved | None, hosts: frozenset[str], look_at: Look) -> Finding:
    """Say where a base leads, and whether Wiremend sees what goes there."""
    parts = urlsplit(value)
    host, port, shown = _url(value) or ("", 0, "")
    if host in LOOPBACK:
        at = look_at(port)
        if at.kind == "nobody":
            do = f"start what belongs there, such as `wiremend proxy --port {port}`, or unset {variable}"
            return Finding("FAIL", variable, f"leads to {shown}, where nothing listens", do)
        if at.kind == "wiremend":
            return Finding("ok", variable, f"leads to the Wiremend on port {port}")
        do = "`wiremend run --via gateway` leads the agent through Wiremend all the same"
        return Finding("warn", variable, f"leads to {shown}{_named(at)}, past Wiremend", do)
    if parts.scheme == "http":
        do = "`wiremend run --via gateway` sees those calls"
        return Finding("warn", variable, f"{shown} is plain http, which HTTPS_PROXY does not lead through Wiremend", do)
    if host not in hosts and not (resolved is not None and resolved.known_host(host)):
        do = f"add to rules.yaml: listen: {{intercept: [{host}]}}"
        return Finding("warn", variable, f"{host} is no host that the rules know, and is tunnelled undecrypted", do)
    return Finding("ok", variable, f"{shown}, which is looked after as HTTPS proxy")


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
    if not cert.notbefore <= now <= cert.notafter:
        return [
            Finding("FAIL", "CA", f"{ca} was valid until {cert.notafter:%Y-%m-%d}, so every client refuses it", anew)
        ]
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
    for name in named:
        file = _squeezed(Path(environ[name]))
        count = len(_CERTIFICATE.findall(file))
        if not count:
            level: Level = "warn" if name == ADDING else "FAIL"
            findings.append(
                Finding(level, name, f"{environ[name]} holds no certificates", f"unset {name}, or name a PEM file")
            )
        elif not ours or ours not in file:
            if needed:
                do = f"add {ca} to a copy of that file; `wiremend proxy` prints the lines"
                findings.append(Finding("warn", name, f"{environ[name]} does not hold Wiremend's CA", do))
        elif count == 1 and name in REPLACING:
            do = "name a bundle of the machine's roots and the CA; `wiremend proxy` prints the lines"
            what = "holds Wiremend's CA alone, so that git, pip and the like trust no one else"
            findings.append(Finding("warn", name, what, do))
        else:
            findings.append(Finding("ok", name, "holds Wiremend's CA"))
    if needed and not named:
        do = "set what `wiremend proxy` prints, or start the agent with `wiremend run --`"
        return [
            Finding("warn", "trust", "HTTPS_PROXY leads to Wiremend, and no variable makes agents trust its CA", do)
        ]
    return findings or [Finding("ok", "trust", "`wiremend run` makes the agent trust the CA")]


_CERTIFICATE: Final = re.compile(rb"-----BEGINCERTIFICATE-----")


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


def _url(text: str) -> tuple[str, int, str] | None:
    """Give host, port, and what of a URL may be shown (no user, no password, no query); None where it is no URL."""
    try:
        parts = urlsplit(text)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return None
    if not parts.hostname or port is None:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return parts.hostname, port, f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}{parts.path}"


def _named(at: Listener) -> str:
    return f" by {at.name}" if at.name else ""
