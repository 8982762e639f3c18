"""docs/exit-codes.md is true: each verb is brought to each code of its table; and nothing in a pipe has a colour.

Most verbs run in this process, by the console script's own function. Those that wait for signals, or start other
programs, run in a process of their own.
"""

from __future__ import annotations

import re
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import click
import pytest

from tests.cli.launching import WIREMEND, clean_environ
from tests.cli.status_kit import told_status
from tests.cli.verbs_kit import Said, World
from tests.lab import Upstream
from wiremend.cli import demo, trying
from wiremend.cli import setup as wizard
from wiremend.cli.main import _MODULES, VERBS

PAGE: Final = (Path(__file__).parents[2] / "docs" / "exit-codes.md").read_text("utf-8")
ROWS: Final = [(verb, int(code)) for verb, code in re.findall(r"^\| `([\w ]+)` \| (\d+) \| ", PAGE, re.MULTILINE)]

type Scene = Callable[[World], Said]

ESCAPE: Final = "\x1b"


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return str(server.getsockname()[1])


@contextmanager
def started(world: World, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Start a verb in a process of its own; stdout and stderr come as one. A test that fails leaves nothing of it."""
    environ = clean_environ(world.folder / "home", PYTHONUNBUFFERED="1")
    with subprocess.Popen(
        [*WIREMEND, *arguments],
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=world.folder,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def spawned(world: World, *arguments: str) -> Said:
    """Run a verb in a process of its own."""
    with started(world, *arguments) as process:
        out, _ = process.communicate(timeout=30)
    return Said(process.returncode, out, "")


def ended(world: World, *arguments: str, sign: str, before: Callable[[str], None] | None = None) -> Said:
    """Run a verb until it prints ``sign``, do something with that line, and end it by SIGTERM."""
    with started(world, *arguments) as process:
        assert process.stdout is not None
        said = [line := process.stdout.readline()]
        while line and sign not in line:
            said.append(line := process.stdout.readline())
        assert line, said
        if before is not None:
            before(line)
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=30)
    return Said(process.returncode, "".join(said) + rest, "")


def miss(line: str) -> None:
    """Ask the upstream of this line for what it has not."""
    port = int(line.split("127.0.0.1:")[1].split(maxsplit=1)[0])
    with socket.create_connection(("127.0.0.1", port), 10) as client:
        client.sendall(b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
        assert client.recv(4096)


def played(code: int) -> Scene:
    """Run the demo's verb with a play that ends so; the play itself is tested in test_demo.py."""

    def play(*_: object) -> int:
        click.echo("played")
        return code

    def scene(world: World) -> Said:
        world.patch.setattr(demo, "play", play)
        world.patch.setattr(signal, "signal", lambda *_: None)
        return world.run(["demo"])

    return scene


def imported(entry: str) -> Scene:
    """Import a Plano file with one model provider."""

    def scene(world: World) -> Said:
        (world.folder / "plano_config.yaml").write_text(f"model_providers: [{{{entry}}}]\n")
        return world.run(["import", "plano_config.yaml"])

    return scene


class Ring:
    """A keyring of one entry; ``interrupted``: Ctrl-C is pressed while it stores."""

    def __init__(self, *, interrupted: bool) -> None:
        """Begin empty."""
        self.interrupted = interrupted
        self.kept: str | None = None

    def get_password(self, *_: str) -> str | None:
        """Give the entry."""
        return self.kept

    def set_password(self, _service: str, _name: str, password: str) -> None:
        """Store it."""
        self.kept = password
        if self.interrupted:
            signal.raise_signal(signal.SIGINT)

    def delete_password(self, *_: str) -> None:
        """Forget it."""
        self.kept = None


def storing(*, interrupted: bool = False) -> Scene:
    """Save a key in a keyring of this process; those of the system are in test_setup.py."""

    def scene(world: World) -> Said:
        ring = Ring(interrupted=interrupted)
        world.patch.setattr(wizard, "open_keyring", lambda: ring)
        world.patch.setenv("LAB_KEY", "sk-FAKE5566778899001122")
        said = world.run(["setup", "--provider", "deepseek", "--from-env", "LAB_KEY", "--yes"])
        assert (ring.kept is None) is interrupted
        return said

    return scene


def terminated(world: World) -> Said:
    """Try all ways, and be ended by SIGTERM instead; what becomes of the proxy is tested in test_try.py."""
    world.patch.setattr(trying.Attempt, "run", lambda *_: signal.raise_signal(signal.SIGTERM))
    return world.run(["try", "--all", "--rules", "ok.yaml"])


def told_all(world: World) -> Said:
    """Send the test alert to a server of this machine."""
    with Upstream(lambda _, reply: reply.json(200, {})) as receiver:
        world.patch.setenv("LAB_ALERTS", f"json://127.0.0.1:{receiver.port}/")
        (world.folder / "told.yaml").write_text("alerts: $LAB_ALERTS\n")
        said = world.run(["alerts", "test", "--rules", "told.yaml"])
        assert len(receiver.requests) == 1
    return said


def asked(world: World) -> Said:
    """Ask how a proxy fares; this process stands in for it."""
    told_status(world.folder / ".local" / "state")
    return world.run(["status"])


SCENES: Final[dict[tuple[str, int], list[str] | Scene]] = {
    ("proxy", 0): lambda world: ended(world, "proxy", "--port", "0", "--rules", "ok.yaml", sign="Point an agent"),
    ("proxy", 1): ["proxy", "--rules", "bad.yaml"],
    ("proxy", 2): ["proxy", "--port", "many"],
    ("run", 0): lambda world: spawned(world, "run", "--rules", "ok.yaml", "--", "true"),
    ("run", 1): ["run", "--rules", "none.yaml", "--", "true"],
    ("run", 2): ["run"],
    ("run", 126): ["run", "--", "./script"],
    ("run", 127): ["run", "--", "./not-there"],
    ("run", 143): lambda world: spawned(world, "run", "--rules", "ok.yaml", "--", "sh", "-c", "kill -TERM $$"),
    ("check", 0): ["check", "ok.yaml"],
    ("check", 1): ["check", "bad.yaml"],
    ("check", 2): ["check", "--schema", "--json"],
    ("import", 0): imported("model: deepseek/x"),
    ("import", 1): imported("modle: deepseek/x"),
    ("import", 2): ["import", "ok.yaml", "--force"],
    ("doctor", 0): lambda world: world.run(["doctor", "--offline", "--rules", "ok.yaml", "--port", free_port()]),
    ("doctor", 1): ["doctor", "--offline", "--rules", "bad.yaml"],
    ("doctor", 2): ["doctor", "--port", "0"],
    ("quirks", 0): ["quirks"],
    ("quirks", 2): ["quirks", "nonsense"],
    ("models", 0): ["models"],
    ("models", 1): ["models", "--rules", "bad.yaml"],
    ("models", 2): ["models", "nobody-of-that-name"],
    ("captures list", 0): ["captures", "list", "flows.mitm"],
    ("captures list", 1): ["captures", "list", "none.flows"],
    ("captures list", 2): ["captures", "list", "--since", "yesterday"],
    ("captures show", 0): ["captures", "show", "flows.mitm:1"],
    ("captures show", 1): ["captures", "show", "flows.mitm:99"],
    ("captures show", 2): ["captures", "show"],
    ("captures add", 0): ["captures", "add", "flows.mitm:1", "--name", "kept"],
    ("captures add", 1): ["captures", "add", "flows.mitm:99", "--name", "kept"],
    ("captures add", 2): ["captures", "add", "flows.mitm:1", "--name", "kept", "--quirk", "nonsense"],
    ("captures scrub", 0): ["captures", "scrub", "--check", "flows.mitm"],
    ("captures scrub", 1): ["captures", "scrub", "--check", "secret.mitm"],
    ("captures scrub", 2): ["captures", "scrub"],
    ("captures import", 0): ["captures", "import", "calls.har", "--to", "new.flows"],
    ("captures import", 1): ["captures", "import", "empty.har", "--to", "new.flows"],
    ("captures import", 2): ["captures", "import"],
    ("status", 0): asked,
    ("status", 1): ["status"],
    ("status", 2): ["status", "--json", "--watch"],
    ("stats", 0): ["stats"],
    ("stats", 1): ["stats", "--ledger", "sqlite:flows.mitm"],
    ("stats", 2): ["stats", "--since", "yesterday"],
    ("replay", 0): ["replay"],
    ("replay", 1): ["replay", "--rules", "ok.yaml"],
    ("replay", 2): ["replay", "nowhere"],
    ("upstream", 0): lambda world: ended(world, "upstream", "captures", sign="127.0.0.1:"),
    ("upstream", 1): lambda world: ended(world, "upstream", "captures", sign="127.0.0.1:", before=miss),
    ("upstream", 2): ["upstream", "nowhere"],
    ("bundle", 0): ["bundle", "flows.mitm:1"],
    ("bundle", 1): ["bundle", "flows.mitm:99"],
    ("bundle", 2): ["bundle"],
    ("explain", 0): ["explain", "flows.mitm:1"],
    ("explain", 1): ["explain", "flows.mitm:99"],
    ("explain", 2): ["explain", "flows.mitm:1", "--path", "/v1/messages"],
    ("why", 0): ["why", "--rules", "ok.yaml", "flows.mitm:1"],
    ("why", 1): ["why", "--rules", "ok.yaml", "flows.mitm:2"],
    ("why", 2): ["why", "--nonsense"],
    ("diagnose", 0): ["diagnose", "--rules", "ok.yaml", "flows.mitm:1"],
    ("diagnose", 1): ["diagnose", "--rules", "ok.yaml", "flows.mitm:2"],
    ("diagnose", 2): ["diagnose", "flows.mitm:1", "--force"],
    ("try", 0): ["try", "--rules", "ok.yaml"],
    ("try", 1): ["try", "--all", "--rules", "bad.yaml"],
    ("try", 2): ["try", "lab/x", "--all"],
    ("try", 143): terminated,
    ("setup", 0): storing(),
    ("setup", 1): ["setup", "--provider", "nobody-of-that-name"],
    ("setup", 2): ["setup", "--nonsense"],
    ("setup", 130): storing(interrupted=True),
    ("alerts test", 0): told_all,
    ("alerts test", 1): ["alerts", "test", "--rules", "ok.yaml"],
    ("alerts test", 2): ["alerts", "test", "--nonsense"],
    ("completion", 0): ["completion", "bash"],
    ("completion", 2): ["completion", "cmd"],
    ("demo", 0): played(0),
    ("demo", 1): played(1),
    ("demo", 2): ["demo", "--nonsense"],
}

MORE: Final[tuple[tuple[list[str], int], ...]] = (
    ([], 0),
    (["--help"], 0),
    (["--version"], 0),
    (["nonsense"], 2),
    (["--nonsense"], 2),
    (["check", "none.yaml"], 1),
    (["check", "--json", "bad.yaml"], 1),
    (["doctor", "--json", "--offline", "--rules", "bad.yaml"], 1),
    (["captures", "list", "broken.flows"], 0),
    (["explain", "--rules", "bad.yaml", "flows.mitm:1"], 1),
    (["why", "--rules", "ok.yaml", "flows.mitm:99"], 1),
    (["why", "--rules", "bad.yaml", "flows.mitm:1"], 1),
    (["diagnose", "--rules", "ok.yaml", "flows.mitm:99"], 1),
    (["diagnose", "--rules", "bad.yaml", "flows.mitm:1"], 1),
    (["diagnose", "--rules", "ok.yaml", "--apply", "flows.mitm:2"], 1),
    (["diagnose", "--rules", "ok.yaml", "--corpus", "nowhere", "flows.mitm:1"], 2),
    (["captures", "add", "flows.mitm:1", "--name", "one", "--to", "captures"], 1),
    (["captures", "scrub", "none.flows"], 1),
    (["replay", "--rules", "bad.yaml", "flows.mitm"], 2),
    (["replay", "--json", "--markdown"], 2),
    (["upstream", "broken.flows"], 2),
)
"""Codes that the page gives for all verbs, or in more than one case of a row."""


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


def judge(said: Said, code: int) -> None:
    """Hold what is true of every verb: its code, no colour, and that a failure is told."""
    assert said.code == code, said
    assert ESCAPE not in said.out + said.err
    if code == 2:
        assert said.err
    if code == 1:
        assert said.out + said.err
    assert "Traceback" not in said.out + said.err


def test_the_page_and_the_scenes_are_the_same() -> None:
    assert list(SCENES) == ROWS


def test_every_verb_has_its_rows() -> None:
    there = [verb for verb in VERBS if find_spec(f"wiremend.cli.{_MODULES.get(verb, verb)}") is not None]
    named = {verb.split()[0] for verb, _ in ROWS}
    assert [verb for verb in there if verb not in named] == []


@pytest.mark.parametrize(("verb", "code"), SCENES)
def test_each_code_of_the_page(verb: str, code: int, world: World) -> None:
    scene = SCENES[verb, code]
    judge(scene(world) if callable(scene) else world.run(scene), code)


@pytest.mark.parametrize(("arguments", "code"), MORE)
def test_what_all_verbs_have_in_common(arguments: list[str], code: int, world: World) -> None:
    judge(world.run(arguments), code)


def test_what_is_in_the_way_is_told_on_stderr_under_our_name(world: World) -> None:
    for arguments in (["check", "none.yaml"], ["captures", "show", "flows.mitm:99"], ["proxy", "--rules", "bad.yaml"]):
        said = world.run(arguments)
        assert (said.code, said.out, said.err.startswith("wiremend: ")) == (1, "", True)


# -- colours

TABLES: Final = (
    ["doctor", "--offline", "--rules", "ok.yaml"],
    ["quirks"],
    ["quirks", "1"],
    ["models", "kimi-code"],
    ["captures", "list", "flows.mitm"],
    ["captures", "show", "flows.mitm:1"],
    ["replay", "--rules", "ok.yaml"],
)


@pytest.mark.parametrize("arguments", TABLES)
def test_where_there_are_colours(arguments: list[str], world: World) -> None:
    """On a terminal, unless NO_COLOR says no; in a pipe, if FORCE_COLOR says so; NO_COLOR wins."""
    world.patch.setenv("TERM", "xterm-256color")

    def coloured(*, terminal: bool, **environ: str) -> bool:
        with world.patch.context() as patch:
            for name, value in environ.items():
                patch.setenv(name, value)
            return ESCAPE in world.run(arguments, terminal=terminal).out

    assert coloured(terminal=True)
    assert not coloured(terminal=False)
    assert not coloured(terminal=True, NO_COLOR="1")
    assert coloured(terminal=False, FORCE_COLOR="1")
    assert not coloured(terminal=False, FORCE_COLOR="1", NO_COLOR="1")
    assert not coloured(terminal=True, TERM="dumb")
