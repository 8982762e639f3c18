"""The forms of ``wiremend replay``: JSON, Markdown, a terminal, and the page of the docs."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.cli.launching import WIREMEND
from tests.cli.replaying import TIME, alone, run, settle
from tests.replay.cases_kit import CASES, RULES, asking, put
from tests.replay.kit import captured, recorded
from wiremend.captures.case import read_case, write_case
from wiremend.cli.main import cli
from wiremend.replay.report import LIMIT

PAGE = Path(__file__).parents[2] / "docs" / "replay.md"
CONSOLE = re.compile(r"^```console\n\$ wiremend (replay[^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a repository of five cases, which is the current folder."""
    return settle(tmp_path, monkeypatch)


def test_json_has_what_differs_and_the_numbers(here: Path) -> None:
    empty = json.loads(run("--json"))
    assert (empty["format"], empty["cases"]) == (1, [])
    (here / "rules.yaml").write_text(RULES.replace("0.6", "0.7").replace("4096", "9"), "utf-8")
    found: dict[str, Any] = json.loads(run("--json", code=1))
    assert [case["name"] for case in found["cases"]] == ["captures/chat/one", "captures/chat/two"]
    (difference,) = found["cases"][0]["differences"]
    assert difference == {
        "part": "upstream",
        "where": "/temperature",
        "expected": "0.6",
        "got": "0.7",
        "cause": difference["cause"],
    }
    assert "edit 'warm' (rules.yaml:12)" in difference["cause"]
    summary = found["summary"]
    assert (summary["cases"], summary["same"], summary["differ"]) == (5, 3, 2)
    assert summary["seconds"] >= 0


def test_markdown_of_very_many_cases_is_still_a_comment(here: Path) -> None:
    for number in range(40):
        put(here, f"more-{number}", asking("lab-1", user="<b>`|" * 50))
    (here / "rules.yaml").write_text(RULES.replace("/temperature", "/top_p"), "utf-8")
    output = run("--markdown", "--coverage", code=1)
    assert output.startswith("## Wiremend replay: 41 of 45 cases differ\n")
    assert len(output) <= LIMIT


def test_colours_are_a_terminals_and_go_with_no_color(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "rules.yaml").write_text(RULES.replace("0.6", "0.7"), "utf-8")
    monkeypatch.setenv("TERM", "xterm-256color")
    plain = run(code=1)
    assert "\x1b" not in plain
    assert "^" in plain
    monkeypatch.setenv("FORCE_COLOR", "1")
    coloured = run(code=1)
    assert "0.\x1b[1;7;31m6\x1b[0m" in coloured
    assert "^" not in coloured
    monkeypatch.setenv("NO_COLOR", "1")
    assert TIME.sub("T", run(code=1)) == TIME.sub("T", plain)


@pytest.mark.parametrize("terminal", (True, False))
def test_the_bar_is_on_a_terminal_and_on_stderr_alone(here: Path, *, terminal: bool) -> None:
    master, slave = pty.openpty()
    root = Path(__file__).parents[2] / "addons"
    environ = {"PATH": os.defpath, "HOME": str(here), "TERM": "xterm-256color", "PYTHONPATH": str(root)}
    with os.fdopen(master, "rb", buffering=0) as screen:
        stderr = slave if terminal else subprocess.PIPE
        done = subprocess.run(
            [*WIREMEND, "replay"], cwd=here, env=environ, stdout=subprocess.PIPE, stderr=stderr, check=False, timeout=60
        )
        os.close(slave)
        shown = b""
        try:
            while piece := screen.read(4096):
                shown += piece
        except OSError:
            pass  # the terminal is gone, and all of it was read
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"5 cases, 0 differ;")
    assert (b"replaying" in shown) is terminal
    assert not done.stderr
    assert not terminal or shown.rstrip().endswith((b"\x1b[2K", b"\x1b[?25h"))  # taken away again, and the cursor back


def test_what_a_provider_sends_cannot_write_on_the_terminal(here: Path) -> None:
    capture = asking("lab-1", user="\x1b]0;owned\x07\u202e")
    put(here, "evil", capture)
    rules = RULES.replace("default: {/temperature: 0.6}", "set: {/user: me}")
    (here / "rules.yaml").write_text(rules, "utf-8")
    output = run(code=1)
    assert "\x1b" not in output
    assert "\u202e" not in output


# -- the page


def page_repository(root: Path) -> None:
    """Write what docs/replay.md speaks of."""
    found = re.search(r"^```yaml\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert found is not None
    rules = found[1]
    for name, model in (("cheap-turn", "deepseek-chat"), ("first-turn", "kimi-k2.5")):
        body = {"model": model, "stream": True, "messages": [{"role": "user", "content": "hi"}]}
        capture = recorded(replace(captured(body), model=model), rules)
        write_case(root / "captures" / "chat" / name, capture, title=f"A turn with {model}")
    (root / "old.yaml").write_text(rules, "utf-8")
    (root / "rules.yaml").write_text(rules.replace("8192", "16384"), "utf-8")


def shown(output: str) -> str:
    """Give an output without what is another each time, and without the long list of quirks."""
    return re.sub(
        r"(?<=changed nothing in any case:)\s[^\n]*(?:\n    [^\n]*)*", " …", TIME.sub("0.01 s, 200 a second", output)
    )


def test_the_page_shows_what_is_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone(tmp_path, monkeypatch)
    page_repository(tmp_path)
    told = CONSOLE.findall(PAGE.read_text("utf-8"))
    codes = []
    for command, text in told:
        done = CliRunner().invoke(cli, command.split())
        assert shown(done.output) == text, command
        codes.append(done.exit_code)
    assert [command for command, _ in told] == [
        "replay",
        "replay --update",
        "replay --rules old.yaml --against rules.yaml",
        "replay --coverage",
    ]
    assert codes == [1, 0, 1, 0]


def test_the_kit_is_what_the_tests_say_it_is(here: Path) -> None:
    found = {path.name: read_case(path).capture.model for path in (here / "captures" / "chat").iterdir()}
    assert found == CASES
