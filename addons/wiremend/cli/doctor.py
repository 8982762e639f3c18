"""``wiremend doctor``: why it does not work here.

Each check is a function of what it is given (an environment, paths, what is at a port) and gives :class:`Finding`
values; :func:`examine` gathers what they need from this machine, :func:`show` prints. A check says ``ok``, ``warn``
(it may be meant so) or ``FAIL`` (a request, or the proxy itself, will not work), and what to do. Nothing is changed,
nothing leaves this machine but what a credential reference asks of its own program (``op``), which ``--offline``
leaves out; no value of a credential is ever shown (G8).
"""

from __future__ import annotations

import functools
import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from rich.text import Text

from wiremend.cli.agents import AGENTS
from wiremend.cli.doctor_ports import (
    cannot_listen,
    check_bases,
    check_bypass,
    check_port,
    check_proxies,
    leads_to_us,
    look,
)
from wiremend.cli.doctor_trust import check_ca, check_trust
from wiremend.cli.finding import Finding, Level
from wiremend.cli.picture import hang, make_console
from wiremend.errors import RulesError, SetupError
from wiremend.families import HOMES
from wiremend.rules.load import load_rules, read_rules
from wiremend.rules.lookup import Found, find_rules, state_folder
from wiremend.rules.resolve import reachable, resolve

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rich.console import Console

    from wiremend.rules.references import Secret
    from wiremend.rules.resolve import Resolved

DEFAULT_PORT: Final = 8080
_SOME: Final = 2
_KIMIS_NODE: Final = 22
_OLDEST_MITMPROXY: Final = 12
_OLDEST_PYTHON: Final = (3, 12)
_COLOURS: Final[dict[Level, str]] = {"ok": "green", "warn": "yellow", "FAIL": "bold red"}


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
