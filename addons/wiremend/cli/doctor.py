"""``wiremend doctor``: why it does not work here.

Each check is a function of what it is given (an environment, paths, what is at a port) and gives :class:`Finding`
values; :func:`examine` gathers what they need from this machine, :func:`show` prints. A check says ``ok``, ``warn``
(it may be meant so) or ``FAIL`` (a request, or the proxy itself, will not work), and what to do. Nothing is changed,
and nothing leaves this machine but what a credential reference asks of its own program (``op``), which ``--offline``
leaves out, and what ``--online`` asks of providers; no value of a credential is ever shown (G8).
"""

from __future__ import annotations

import functools
import importlib.metadata
import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from wiremend.cli.doctor_agents import check_agents, check_agents_trust, check_settings, node_version
from wiremend.cli.doctor_folder import check_captures, check_clock, check_state, installed_at
from wiremend.cli.doctor_online import check_online
from wiremend.cli.doctor_ports import (
    cannot_listen,
    check_bases,
    check_bypass,
    check_port,
    check_proxies,
    leads_to_us,
    look,
    ports_of_ours,
)
from wiremend.cli.doctor_tls import check_handshakes
from wiremend.cli.doctor_trust import check_ca, check_trust
from wiremend.cli.finding import Finding, Level, as_plain, cleaned, merged, show
from wiremend.cli.picture import make_console
from wiremend.errors import RulesError, SetupError
from wiremend.families import HOMES, family_of, shown
from wiremend.rules.load import load_rules, read_rules
from wiremend.rules.lookup import Found, find_rules, home_folder, state_folder
from wiremend.rules.resolve import reachable, resolve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wiremend.mitm.tunnel import MachineProxy
    from wiremend.rules.references import Secret
    from wiremend.rules.resolve import Resolved

DEFAULT_PORT: Final = 8080
_OLDEST_MITMPROXY: Final = 12
_OLDEST_PYTHON: Final = (3, 12)


@click.command()
@click.option(
    "--port", "-p", type=click.IntRange(1, 65535), help="The port to look at (default: listen.port of the rules)."
)
@click.option("--rules", type=click.Path(path_type=Path), help="The rules.yaml to look at.")
@click.option("--offline", is_flag=True, help="Resolve no credential.")
@click.option("--online", is_flag=True, help="Ask each provider for an answer as well; no credential is sent.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: format, ok, counts, findings.")
def doctor(port: int | None, rules: Path | None, *, offline: bool, online: bool, as_json: bool) -> None:
    """Look at this machine: port, CA, variables, agents, rules, credentials, folders, clock.

    Each line says ok, warn or FAIL, and what to do. The exit code is 1 if anything FAILs, else 0.

    With --json each of `findings` has level (ok, warn, fail), about, names (the variables or settings it speaks of),
    what, and do (empty where there is nothing to do).
    """
    findings = examine(os.environ, port=port, rules=rules, offline=offline, online=online)
    if as_json:
        click.echo(json.dumps(as_plain(findings), indent=2, ensure_ascii=False))
    else:
        show(findings, make_console(os.environ))
    sys.exit(any(finding.level == "FAIL" for finding in findings))


def examine(
    environ: Mapping[str, str], *, port: int | None, rules: Path | None, offline: bool, online: bool = False
) -> list[Finding]:
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
    ca = home_folder(environ) / ".mitmproxy" / "mitmproxy-ca-cert.pem"
    needed = leads_to_us(environ, look_at)
    findings += check_port(port, look_at(port), cannot_listen(port))
    findings += check_ca(ca, datetime.now(UTC))
    findings += check_handshakes(ca, environ, needed=needed)
    findings += check_proxies(environ, look_at)
    findings += check_trust(environ, ca, needed=needed)
    findings += check_bypass(environ, hosts)
    findings += check_bases(environ, resolved, look_at)
    findings += check_agents(environ, node_version(environ))
    findings += check_agents_trust(environ, ca, needed=needed)
    findings += check_settings(environ, Path.cwd(), resolved, look_at, ca=ca, hosts=hosts, needed=needed)
    findings += check_state(state_folder(environ))
    if resolved is not None:
        findings += check_captures(resolved.rules.capture, environ)
    findings += check_clock(datetime.now(UTC), installed_at())
    if online and resolved is not None:
        findings += check_online(resolved, environ, _machine_proxy(ports_of_ours(environ, look_at)))
    return merged(cleaned(findings, environ))


def _machine_proxy(ours: frozenset[int]) -> functools.partial[MachineProxy | None]:
    """Give what finds the machine's own proxy; a Wiremend at one of these ports is none."""
    from wiremend.mitm.tunnel import machine_proxy  # noqa: PLC0415 - mitmproxy is slow to import; --online alone needs it

    return functools.partial(machine_proxy, own_ports=ours)


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
        prefix = _prefix(cache[had]) if had is not None else ""
        if any(repr(name) in problem.message for problem in fresh):
            continue
        if not upstream.provider.needs_credential:
            what = "none needed"
        elif had is not None:
            what = f"{had} resolves{prefix}"
            what += ", and a client that brings its own key keeps it" if upstream.client_key else ""
        else:
            what = "the key that the client brings, for nothing else is set"
        groups.setdefault(what, []).append(name)
    findings = [Finding("ok", "credentials", f"{', '.join(names)}: {what}") for what, names in groups.items()]
    for problem in fresh:
        level: Level = "FAIL" if problem.severity == "error" else "warn"
        findings.append(Finding(level, "credentials", f"{problem.file}:{problem.line}: {problem.message}"))
    return findings


def _prefix(secret: Secret) -> str:
    """Say which family a credential is of, by the prefix that all of them have; nothing of an unknown one (G8)."""
    return f" ({shown(secret.value)})" if family_of(secret.value) is not None else ""
