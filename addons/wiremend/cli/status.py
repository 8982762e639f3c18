"""``wiremend status``: how the running proxies fare, by the private files of :mod:`wiremend.mitm.status`.

Nothing is asked of a proxy: what is shown was true when it last changed, a second ago at most. A proxy that was killed
has left its file behind, and is told as such.
"""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import psutil
from rich.console import Group
from rich.live import Live
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from wiremend.cli.picture import make_console
from wiremend.errors import RulesError
from wiremend.mitm.status import EVERY, FORMAT, SUFFIX, status_file
from wiremend.replay.beside import visible
from wiremend.rules.compile import rules_hash
from wiremend.rules.load import read_rules

if TYPE_CHECKING:
    from rich.console import RenderableType

NONE: Final = "no proxy is running: `wiremend proxy` starts one, `wiremend run -- claude` one of its own for an agent"

_APART: Final = 2.0
"""Seconds by which the same process may seem to have begun at two times: the machine's clock is set now and then."""

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_COLOURS: Final = {"closed": "green", "half-open": "yellow", "open": "bold red"}


@dataclass(frozen=True, slots=True)
class Proxy:
    """What a proxy's file says, and whether that proxy still runs."""

    told: dict[str, Any]
    runs: bool
    changed: bool = False
    """Whether the rules file is another than the one in force."""
    now: float = field(default_factory=time.time)

    def plain(self) -> dict[str, Any]:
        """Give it as JSON has it: the file's keys, and ``runs`` and ``rules.changed``."""
        rules = self.told.get("rules")
        more = {"rules": {**rules, "changed": self.changed}} if isinstance(rules, dict) else {}
        return {**self.told, **more, "runs": self.runs}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--watch", is_flag=True, help="Go on showing it until Ctrl-C.")
def status(*, as_json: bool, watch: bool) -> None:
    """Say how the running proxies fare: ports, rules, requests by provider, who cools down, the ledger, alerts.

    The exit code is 1 where none runs.
    """
    if as_json and watch:
        raise click.UsageError("--json and --watch do not go together; ask for --json again and again")
    console = make_console(os.environ)
    if watch:
        with suppress(KeyboardInterrupt), Live(console=console, auto_refresh=False, screen=console.is_terminal) as live:
            while True:
                live.update(picture(proxies()), refresh=True)
                time.sleep(EVERY)
        return
    found = proxies()
    if as_json:
        click.echo(json.dumps({"format": FORMAT, "proxies": [one.plain() for one in found]}, indent=2))
    elif found:
        console.print(picture(found))
    if not any(one.runs for one in found):
        if not as_json:
            click.echo(NONE, err=True)
        sys.exit(1)


def proxies() -> list[Proxy]:
    """Give the proxies of this user, the oldest first; those that have ended last."""
    found = []
    for path in status_file(0).parent.glob(f"*{SUFFIX}"):
        with suppress(OSError, ValueError, KeyError, TypeError):
            told = json.loads(path.read_text("utf-8"))
            if told["format"] == FORMAT:
                runs = _runs(int(told["pid"]), float(told["began"]))
                found.append(Proxy(told, runs, changed=runs and _is_changed(told.get("rules"))))
    return sorted(found, key=lambda one: (not one.runs, one.told["since"]))


def _runs(pid: int, began: float) -> bool:
    """Tell whether the process is there, and is no other that got its number."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and abs(process.create_time() - began) < _APART
    except psutil.AccessDenied:
        return True
    except psutil.Error:
        return False


def _is_changed(rules: object) -> bool:
    if not isinstance(rules, dict):
        return False
    try:
        return rules_hash(read_rules(Path(rules["path"]))) != str(rules["hash"])
    except RulesError:
        return True


# -- the screen


def picture(found: list[Proxy]) -> RenderableType:
    """Draw them."""
    if not found:
        return Text(NONE)
    parts: list[RenderableType] = []
    for number, one in enumerate(found):
        if number:
            parts.append(Text(""))
        parts += _proxy(one)
    return Group(*parts)


def _proxy(one: Proxy) -> list[RenderableType]:
    told = one.told
    ports = ", ".join(dict.fromkeys(str(address[1]) for address in told.get("addresses", ())))
    head = Text(f"proxy on port {ports}" if ports else "proxy", "bold")
    head.append(f"  pid {told['pid']}", "dim")
    if not one.runs:
        head.append("  died", "bold red")
        head.append(f" within the last {span(one.now - told['at'])}; what it last said:")
    else:
        head.append(f"  up {span(one.now - told['since'])}", "green")
        if not told.get("enabled", True):
            head.append("  switched off (wiremend_enabled)", "yellow")
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    facts.add_row("rules", _rules(one))
    status = told.get("status") or {}
    for sink in (status.get("ledger") or {}).get("sinks", ()):
        facts.add_row("ledger", _sink(sink))
    if lost := (status.get("ledger") or {}).get("lost"):
        facts.add_row("ledger", Text(f"{lost} calls were never written down", "bold red"))
    if alerts := status.get("alerts"):
        facts.add_row("alerts", _words(alerts))
    for name, value in status.items():
        if name not in {"providers", "ledger", "alerts"}:
            facts.add_row(Text(visible(name)), _words(value))
    return [head, Padding(facts, (0, 0, 0, 2)), Padding(_providers(one, status.get("providers") or {}), (0, 0, 0, 2))]


def _rules(one: Proxy) -> Text:
    rules = one.told.get("rules")
    if not isinstance(rules, dict):
        return Text("none", "bold red")
    loaded = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(rules["loaded"]))
    said = Text(f"{visible(str(rules['path']))} ({rules['hash']}), loaded {loaded}")
    if one.changed:
        said.append("; the file says something else that is not in force: `wiremend check` says why", "yellow")
    return said


def _sink(sink: dict[str, Any]) -> Text:
    up = sink.get("up")
    said = Text(visible(str(sink.get("name"))) + "  ")
    said.append(*(("not asked yet", "dim") if up is None else ("up", "green") if up else ("down", "bold red")))
    counts = [f"{sink.get('written') or 0} rows written", f"{sink.get('waiting') or 0} waiting"]
    counts += [f"{sink[name]} {name}" for name in ("refused", "lost") if sink.get(name)]
    said.append(", " + ", ".join(counts))
    if up is False and sink.get("error"):
        said.append(": " + visible(str(sink["error"])), "yellow")
    return said


def _words(value: object) -> Text:
    if isinstance(value, dict):
        return Text(", ".join(f"{key.replace('_', ' ')} {_word(one)}" for key, one in value.items()))
    return Text(_word(value))


def _word(value: object) -> str:
    return visible(value if isinstance(value, str) else json.dumps(value))


def _providers(one: Proxy, providers: dict[str, Any]) -> RenderableType:
    if not providers:
        return Text("no request is under way, and no provider cools down", "dim")
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("provider", overflow="fold")
    table.add_column("running", justify="right", no_wrap=True)
    table.add_column("waiting", justify="right", no_wrap=True)
    table.add_column("circuit", overflow="fold")
    table.add_column("failed", justify="right", no_wrap=True)
    table.add_column("last error", overflow="fold", ratio=1)
    for name, seen in sorted(providers.items()):
        most = seen.get("concurrent")
        running = f"{seen.get('in_flight', 0)}" + (f" of {most}" if most is not None else "")
        first = [Text(visible(name)), Text(running), Text(str(seen.get("waiting", 0)))]
        breakers: list[dict[str, Any]] = seen.get("breakers") or [{}]
        for breaker in breakers:
            state = str(breaker.get("state", "closed"))
            circuit = Text(state, _COLOURS.get(state, ""))
            if state == "open":
                left = float(breaker.get("seconds", 0.0)) - (one.now - one.told["at"])
                circuit.append(f", probed in {span(left)}" if left > 0 and one.runs else ", to be probed")
            if breaker.get("credential"):
                circuit.append(f"  key {visible(str(breaker['credential']))}", "dim")
            failed, why = breaker.get("failures") or 0, visible(str(breaker.get("why") or ""))
            table.add_row(*first, circuit, str(failed) if failed else "", Text(why))
            first = [Text(""), Text(""), Text("")]
    return table


def span(seconds: float) -> str:
    """Give a time in its two largest units: ``2 h 3 min``."""
    left = max(0, int(seconds))
    if left < _MINUTE:
        return f"{left} s"
    if left < _HOUR:
        return f"{left // _MINUTE} min {left % _MINUTE} s"
    if left < _DAY:
        return f"{left // _HOUR} h {left % _HOUR // _MINUTE} min"
    return f"{left // _DAY} d {left % _DAY // _HOUR} h"
