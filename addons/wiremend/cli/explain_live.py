"""``wiremend explain --live PORT``: an explanation for each exchange of a running proxy, as it is written down.

A proxy says in a private file of the state folder where it listens and where it keeps captures
(:func:`wiremend.mitm.life.whereabouts_file`); its newest flow files are read from where they end now.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import psutil
from mitmproxy import flow, http
from mitmproxy.io import compat, tnetstring

from wiremend.cli.explain import show
from wiremend.errors import CaptureError, RulesError, SetupError
from wiremend.explain.request import explain_capture
from wiremend.mitm.flows import capture_of, is_ours
from wiremend.mitm.life import whereabouts_file
from wiremend.mitm.netstring import frames
from wiremend.mitm.process import who_listens
from wiremend.mitm.shelf import Shelf
from wiremend.replay.rules import Today
from wiremend.rules.load import read_rules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wiremend.captures.capture import Capture

BETWEEN: Final = 0.1
"""Seconds between two looks at the files."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """A running proxy: where it keeps captures (None: it keeps none), and the rules that it began with."""

    pid: int
    port: int
    captures: Path | None
    rules: Path | None


def follow(port: int, rules: Path | None, count: int | None, *, every: bool, as_json: bool) -> None:
    """Explain each exchange of the proxy on a port, until there were ``count`` of them, it ends, or Ctrl-C.

    Raises :class:`SetupError` where there is no such proxy, or it keeps no captures.
    """
    proxy = find_proxy(port)
    if proxy.captures is None:
        where = f" {proxy.rules}" if proxy.rules is not None else " its rules"
        raise SetupError(
            f"the proxy on port {port} keeps no captures, so there is nothing to explain: take `capture: off` out"
            f" of{where}, or set its option wiremend_capture to a folder (`:set wiremend_capture=FOLDER`)"
        )
    tail = Tail(proxy.captures, proxy.pid)
    book = _Book(proxy, rules)
    click.echo(f"following the proxy on port {port} (pid {proxy.pid}); Ctrl-C ends it", err=True)
    done = 0
    try:
        while True:
            running = _runs(proxy.pid)
            for capture in tail.captures():
                book.explain(capture, every=every, as_json=as_json, first=not done)
                done += 1
                if done == count:
                    return
            if not running:
                click.echo(f"the proxy on port {port} has ended", err=True)
                return
            time.sleep(BETWEEN)
    except KeyboardInterrupt:
        click.echo("", err=True)


def find_proxy(port: int) -> Proxy:
    """Find the proxy that listens on a port. Raises :class:`SetupError`, which says who does, if somebody does."""
    for path in sorted(whereabouts_file(0).parent.glob("*.json")):
        found = _read(path, port)
        if found is not None and _listens(found.pid, port):
            return found
    owner = who_listens(port)
    if owner is None:
        raise SetupError(f"nothing listens on port {port}; `wiremend proxy --port {port}` starts a proxy there")
    raise SetupError(
        f"{owner} listens on port {port}, and is no Wiremend proxy that keeps its state in"
        f" {whereabouts_file(0).parent.parent}; a proxy that was started with another $XDG_STATE_HOME, or by an older"
        " Wiremend, is followed by naming its flow file: wiremend explain FILE:N"
    )


def _read(path: Path, port: int) -> Proxy | None:
    with suppress(OSError, ValueError, KeyError, TypeError):
        told = json.loads(path.read_text("utf-8"))
        if port in told["ports"]:
            captures, rules = told["captures"], told["rules"]
            return Proxy(int(told["pid"]), port, Path(captures) if captures else None, Path(rules) if rules else None)
    return None


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _listens(pid: int, port: int) -> bool:
    """Tell whether a process is there and listens; where that cannot be asked, that it is there must do."""
    try:
        sockets = psutil.Process(pid).net_connections(kind="tcp")
    except psutil.AccessDenied:
        return True
    except psutil.Error:
        return False
    return any(one.status == psutil.CONN_LISTEN and one.laddr.port == port for one in sockets)


@dataclass(slots=True)
class Tail:
    """What one process adds to its flow files; what is in them at the beginning is passed over."""

    folder: Path
    pid: int
    _read: dict[Path, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin where the files end now."""
        for path in self._files():
            with suppress(OSError):
                self._read[path] = path.stat().st_size

    def captures(self) -> Iterator[Capture]:
        """Give what was added since the last look; what is not whole yet is left for the next one."""
        for path in self._files():
            begin = self._read.setdefault(path, 0)
            try:
                if path.stat().st_size == begin:
                    continue
                with path.open("rb") as file:
                    file.seek(begin)
                    data = file.read()
            except OSError:
                continue
            end = 0
            with suppress(CaptureError):
                for start, stop in frames(data):
                    end = stop
                    self._read[path] = begin + end
                    capture = _capture(data[start:stop])
                    if capture is not None:
                        yield capture

    def _files(self) -> list[Path]:
        shelf = Shelf(self.folder)
        return [path for path in shelf.files() if path.stem.split("Z-")[-1].split("_")[0] == str(self.pid)]


def _capture(data: bytes) -> Capture | None:
    """Read one flow; None where it holds no capture that can be read."""
    try:
        state: Any = tnetstring.loads(data)
        one = flow.Flow.from_state(compat.migrate_flow(state))
        return capture_of(one) if isinstance(one, http.HTTPFlow) and is_ours(one) else None
    except Exception as error:  # noqa: BLE001 - of what is no flow, mitmproxy's reader raises whatever its parts raise
        click.echo(f"warning: an exchange cannot be read ({type(error).__name__}); it was passed over", err=True)
        return None


class _Book:
    """The rules of each exchange: those that are named, else those that were in force."""

    def __init__(self, proxy: Proxy, rules: Path | None) -> None:
        self.proxy = proxy
        self.named = rules
        self.loaded: dict[str, Today] = {}

    def explain(self, capture: Capture, *, every: bool, as_json: bool, first: bool) -> None:
        if not first and not as_json:
            click.echo()
        try:
            explanation = explain_capture(capture, self._today(capture.rules))
        except RulesError as error:
            click.echo(f"warning: {capture.id[:8]} cannot be explained, the rules cannot be used:\n{error}", err=True)
            return
        head = {"where": f"port {self.proxy.port}", "id": capture.id, "recorded_rules": capture.rules}
        show(explanation, every=every, as_json=as_json, one_line=True, head=head)

    def _today(self, digest: str) -> Today:
        """Load the rules. Raises :class:`RulesError`. Beside the captures lies the text of all that were in force."""
        if self.named is not None:
            return Today.load(self.named)  # anew for each: they may be under work
        if digest not in self.loaded:
            kept = (self.proxy.captures or Path()) / "rules" / f"{digest}.yaml"
            named = self.proxy.rules or kept
            self.loaded[digest] = Today(read_rules(kept if kept.is_file() else named), named.name)
        return self.loaded[digest]
