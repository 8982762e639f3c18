"""``wiremend upstream``: what it prints, how it ends, and whom it answers."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from tests.cli.launching import WIREMEND
from tests.lab import Client
from tests.lab.proxy import ROOT
from tests.replay.playing.playing_kit import answered, asked, capture, turn
from wiremend.captures.case import write_case
from wiremend.cli.upstream import upstream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GO, ON = turn("go"), turn("go", "went", "on")


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Give a repository with two cases."""
    for name, body, chunks in (("go", GO, (b"data: 1\n", b"\n")), ("on", ON, (b"data: 2\n\n",))):
        kept = capture(asked(body), answered(*chunks), name=name, began=1.0)
        write_case(tmp_path / "captures" / "messages" / name, kept, title=f"{name}.")
    return tmp_path


class Running:
    """The verb in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        """Read its first lines."""
        assert process.stdout is not None
        self.process = process
        self.first = process.stdout.readline()
        self.second = process.stdout.readline()
        self.port = int(self.first.split("127.0.0.1:")[1].split()[0])

    def end(self, how: signal.Signals = signal.SIGINT) -> tuple[int, str, str]:
        """End it, and give exit code, stdout and stderr."""
        self.process.send_signal(how)
        said, complained = self.process.communicate(timeout=30)
        return self.process.returncode, said, complained


@contextmanager
def running(*arguments: str, folder: Path) -> Iterator[Running]:
    process = subprocess.Popen(
        [*WIREMEND, "upstream", *arguments],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT / "addons"), "PATH": "", "HOME": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield Running(process)
    finally:
        process.kill()
        process.communicate()


def ask(port: int, body: object) -> tuple[int, bytes]:
    with Client.plain(port) as client:
        response = client.request("POST", "/coding/v1/messages", {"host": "x"}, json.dumps(body).encode())
        return response.status, response.read()


@pytest.mark.parametrize("how", (signal.SIGINT, signal.SIGTERM))
def test_all_asked_for_is_a_success(corpus: Path, how: signal.Signals) -> None:
    with running(folder=corpus) as verb:
        assert f"Playing 2 answers at http://127.0.0.1:{verb.port}" in verb.first
        assert f"base_url: 'http://127.0.0.1:{verb.port}', speaks: [messages], key: client" in verb.second
        assert ask(verb.port, GO) == (200, b"data: 1\n\n")
        assert ask(verb.port, ON) == (200, b"data: 2\n\n")
        code, said, complained = verb.end(how)
    assert (code, complained) == (0, "")
    assert said.splitlines() == [
        "POST /coding/v1/messages: captures/messages/go: 200",
        "POST /coding/v1/messages: captures/messages/on: 200",
        "",
        "2 of 2 played, 0 missed",
    ]


@pytest.mark.parametrize(("flags", "expected"), (((), 0), (("--strict",), 1)))
def test_what_was_never_asked_for_is_reported_and_an_error_where_that_is_wanted(
    corpus: Path, flags: tuple[str, ...], expected: int
) -> None:
    with running("captures", *flags, folder=corpus) as verb:
        ask(verb.port, GO)
        code, said, _ = verb.end()
    assert code == expected
    assert said.endswith("\n1 of 2 played, 0 missed\n  never asked for: captures/messages/on\n")


def test_a_miss_is_told_on_stderr_and_by_the_exit_code(corpus: Path) -> None:
    with running("captures/messages/go", "--side", "client", folder=corpus) as verb:
        assert f"ANTHROPIC_BASE_URL=http://127.0.0.1:{verb.port} " in verb.second
        assert ask(verb.port, turn("go\x1b[31m away"))[0] == 404
        code, _, complained = verb.end()
    assert code == 1
    assert "nearest is captures/messages/go, of which 1 leaf differs" in complained
    assert '/messages/0/content: "go" → "go' in complained
    assert "\x1b" not in complained


def test_rules_beside_the_captures_and_flags_say_what_does_not_count(corpus: Path) -> None:
    (corpus / "rules.yaml").write_text("replay: {ignore: [/run]}\n")
    with running("captures", "--ignore", "/max_tokens", folder=corpus) as verb:
        assert ask(verb.port, GO | {"run": 7, "max_tokens": 99}) == (200, b"data: 1\n\n")
        code, _, complained = verb.end()
    assert (code, complained) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    (
        (["nowhere"], "nowhere does not exist"),
        (["--ignore", "run", "captures"], "did you mean '/run'"),
        (["--cuts", "none"], "recorded"),
    ),
)
def test_a_wrong_command_line(corpus: Path, arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(corpus)
    result = CliRunner().invoke(upstream, arguments)
    assert result.exit_code == 2
    assert said in result.output


def test_nothing_to_play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = capture(asked(GO), None)
    write_case(tmp_path / "captures" / "messages" / "half", kept, title="A request alone.")
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(upstream, [])
    assert result.exit_code == 2
    assert "captures/messages/half" in result.output
    assert "there is nothing to play" in result.output


def test_help_needs_no_mitmproxy() -> None:
    code = "import sys; import wiremend.cli.upstream; sys.exit('mitmproxy' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": str(ROOT / "addons")})
