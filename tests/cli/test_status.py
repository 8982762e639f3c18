"""``wiremend status``: of a real proxy, of one that was killed, of none; and what the screen makes of what is told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tests.cli.launching import WIREMEND
from tests.cli.status_kit import told_status
from tests.cli.verbs_kit import World
from tests.lab import Client, Mitm, Reply, Request, Upstream
from tests.lab.http1 import DEADLINE
from tests.lab.proxy import ROOT
from wiremend.cli.status import NONE, span
from wiremend.mitm.house import House
from wiremend.mitm.status import StatusFile
from wiremend.rules.compile import rules_hash

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RULES = "providers: {{lab: {{base_url: '{url}/v1', key: client, limits: {{concurrent: 2}}}}}}\ndefault: lab\n"
KEY = "sk-kimi-FAKE0000000000000000001"
FIREWORK = {
    "providers": {
        "lab": {
            "in_flight": 2,
            "waiting": 3,
            "concurrent": 2,
            "breakers": [
                {"credential": "1f3a", "state": "open", "failures": 5, "seconds": 29.5, "why": "503 overloaded"},
                {"credential": "22bb", "state": "half-open", "failures": 5, "seconds": 0.0, "why": "no connection"},
            ],
        },
        "other": {"in_flight": 1, "waiting": 0, "concurrent": None, "breakers": []},
    },
    "ledger": {
        "sinks": [
            {"name": "sqlite:calls.db", "up": True, "waiting": 0, "written": 12},
            {"name": "postgresql://db", "up": False, "waiting": 7, "written": 5, "error": "connection refused"},
            {"name": "https://hook", "up": None, "waiting": 0, "written": 0},
        ],
        "lost": 0,
    },
    "alerts": {"sent": 4, "failed": 1},
}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


@pytest.fixture
def state(world: World) -> Path:
    return world.folder / ".local" / "state"


def ask(proxy: Mitm, *options: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [*WIREMEND, "status", *options],
        env={**proxy.environment, "PYTHONPATH": str(ROOT / "addons")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def watch(proxy: Mitm, ready: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Ask until what a proxy tells is as it should be; the file is written once a second at most."""
    end = time.monotonic() + DEADLINE
    while True:
        _, out, err = ask(proxy, "--json")
        told = [one for one in json.loads(out or '{"proxies": []}')["proxies"] if one["pid"] == proxy.ready["pid"]]
        if told and ready(told[0]):
            return dict(told[0])
        assert time.monotonic() < end, (out, err)


def test_a_proxy_with_requests_under_way_and_its_end() -> None:
    def hold(_: Request, reply: Reply) -> None:
        reply.wait_gone()

    asked = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}]}).encode()
    with Upstream(hold) as upstream, Mitm(RULES.format(url=upstream.url)) as proxy:
        told = watch(proxy, lambda one: bool(one["addresses"]))
        assert told["runs"]
        assert told["addresses"] == [["127.0.0.1", proxy.port]]
        assert proxy.rules is not None
        assert told["rules"]["hash"] == rules_hash(proxy.rules.read_text())
        assert not told["rules"]["changed"]
        file = proxy.home / "state" / "wiremend" / "proxies" / f"{proxy.ready['pid']}.status.json"
        assert file.stat().st_mode & 0o777 == 0o600
        head = {"host": "127.0.0.1", "authorization": f"Bearer {KEY}"}
        clients = [Client.plain(proxy.port) for _ in range(3)]
        for client in clients:
            lines = [f"{name}: {value}" for name, value in {**head, "content-length": str(len(asked))}.items()]
            client.send(("POST /v1/chat/completions HTTP/1.1\r\n" + "\r\n".join(lines) + "\r\n\r\n").encode() + asked)
        seen = watch(proxy, lambda one: one["status"].get("providers", {}).get("lab", {}).get("waiting") == 1)
        assert seen["status"]["providers"]["lab"]["in_flight"] == 2
        code, screen, _ = ask(proxy)
        assert code == 0
        assert "2 of 2" in screen
        assert KEY not in screen + file.read_text()
        proxy.write_rules("nonsense: 1\n")
        proxy.wait_log("are not taken")
        assert "is not in force" in " ".join(ask(proxy)[1].split())
        for client in clients:
            client.close()
        watch(proxy, lambda one: not one["status"].get("providers", {}).get("lab", {}).get("waiting"))
        os.kill(proxy.ready["pid"], signal.SIGKILL)
        psutil.wait_procs([psutil.Process(proxy.process.pid)], DEADLINE)
        code, screen, err = ask(proxy)
        assert (code, "died" in screen, NONE in err) == (1, True, True)


def test_a_proxy_that_ends_leaves_nothing() -> None:
    with Mitm("default: deepseek/x\nproviders: {deepseek: {key: client}}\n") as proxy:
        watch(proxy, lambda one: one["runs"])
        folder = proxy.home / "state" / "wiremend" / "proxies"
        proxy.process.send_signal(signal.SIGTERM)
        proxy.process.wait(DEADLINE)
        assert list(folder.iterdir()) == []
        assert ask(proxy)[0] == 1


def test_none_runs(world: World) -> None:
    said = world.run(["status"])
    assert (said.code, said.out, said.err) == (1, "", NONE + "\n")
    said = world.run(["status", "--json"])
    assert (said.code, json.loads(said.out)) == (1, {"format": 1, "proxies": []})


@pytest.mark.parametrize("columns", (60, 80, 100, 160))
def test_the_screen(world: World, state: Path, columns: int) -> None:
    world.patch.setenv("COLUMNS", str(columns))
    told_status(state, status=FIREWORK)
    said = world.run(["status"])
    assert said.code == 0
    assert all(len(line) <= columns for line in said.out.splitlines())
    words = " ".join(said.out.split())
    for wanted in ("up 2 h 3 min", "port 8080", "2 of 2", "half-open", "1f3a", "22bb", "12 rows written, 0 waiting"):
        assert wanted in words, said.out
    for wanted in ("down, 5 rows written, 7 waiting: connection refused", "sent 4, failed 1"):
        assert wanted in words, said.out


def test_the_time_to_a_probe_goes_on_while_the_file_rests(world: World, state: Path) -> None:
    world.patch.setenv("COLUMNS", "200")
    told_status(state, at=time.time() - 3600.0, status=FIREWORK)
    assert "open, to be probed" in world.run(["status"]).out


def test_a_process_that_got_the_number_of_a_dead_proxy_is_none(world: World, state: Path) -> None:
    told_status(state, began=psutil.Process().create_time() - 1000.0)
    said = world.run(["status"])
    assert said.code == 1
    assert "died" in said.out


@pytest.mark.parametrize("text", ("", "{", "[]", "null", '{"format": 2}', '{"format": 1, "pid": "x"}', "\x00\xff"))
def test_a_file_that_cannot_be_read_is_passed_over(world: World, state: Path, text: str) -> None:
    path = told_status(state, pid=1)
    path.write_text(text)
    assert world.run(["status"]).code == 1


@pytest.mark.parametrize(
    "status",
    (
        {"providers": None, "ledger": None, "alerts": None},
        {"providers": {"a\x1b[31m": {}}, "ledger": {}, "alerts": {}},
        {"providers": {"a": {"breakers": [{"why": "bad\nnews \x1b[2J [red]x[/red]"}]}}},
        {"ledger": {"sinks": [{}], "lost": 3}, "more": [1, {"x": "\x07"}]},
    ),
)
def test_what_is_told_oddly_breaks_no_screen(world: World, state: Path, status: dict[str, Any]) -> None:
    told_status(state, status=status)
    said = world.run(["status"])
    assert said.code == 0
    assert "\x1b" not in said.out
    assert "\x07" not in said.out


def test_of_a_part_that_fails_the_others_are_told() -> None:
    house = House()
    file = StatusFile(house)
    house.status["broken"] = lambda: 1 / 0
    house.status["odd"] = lambda: {("a", 1): {KEY}, "deep": house}
    house.status["fine"] = lambda: [1, None, 2.5, True, f"key {KEY}"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wiremend.mitm.status.ctx", _Mitmproxy())
        patch.setattr(House, "resolved", None)
        patch.setattr(House, "failed", lambda *_: None)
        status = file.told()["status"]
    assert isinstance(status, dict)
    assert list(status) == ["odd", "fine"]
    assert status["fine"][:4] == [1, None, 2.5, True]
    assert KEY not in json.dumps(status)


class _Mitmproxy:
    """As much of ``mitmproxy.ctx`` as is asked for."""

    def __init__(self) -> None:
        """Be all three."""
        self.master = self.addons = self.options = self
        self.wiremend_enabled = True

    def get(self, _: str) -> None:
        """Have no addon."""


@pytest.mark.parametrize(
    ("seconds", "text"),
    ((-1.0, "0 s"), (59.9, "59 s"), (61.0, "1 min 1 s"), (7384.0, "2 h 3 min"), (90000.0, "1 d 1 h")),
)
def test_spans(seconds: float, text: str) -> None:
    assert span(seconds) == text
