"""The commands of docs/try.md and docs/setup.md: each is run, as a shell reads it, and does what the page says."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING, Final

import pytest

from tests.cli.launching import WIREMEND
from tests.cli.setup_kit import CODING, make_home
from tests.lab.proxy import ROOT
from tests.lab.scripts import provider
from tests.lab.upstream import Upstream

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.setup_kit import Home

ASKS: Final = "wiremend setup"
"""The one command that needs a terminal: tests/cli/test_setup.py types into it."""


def commands(page: str) -> list[str]:
    """Give the lines of a page's ``sh`` blocks, without their remarks."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    lines = [line.partition("  #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line and line != ASKS]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Give a home with a keyring, and ``wiremend`` on PATH."""
    made = make_home(tmp_path)
    program = tmp_path / "bin" / "wiremend"
    program.parent.mkdir()
    program.write_text(f"#!{WIREMEND[0]}\n{WIREMEND[2]}\n")
    program.chmod(0o755)
    (made.folder / ".config" / "fish" / "completions").mkdir(parents=True)
    made.environ["PATH"] = f"{program.parent}{os.pathsep}{made.environ['PATH']}"
    return made


def shell(home: Home, line: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = ["bash", "-euo", "pipefail", "-c", line]
    environ = {**home.environ, **environ}
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("line", commands("try.md"))
def test_a_command_of_the_page_about_try(line: str, home: Home) -> None:
    with Upstream(provider("/coding/v1")) as up:
        done = shell(
            home, line, KIMI_BASE_URL=f"{up.url}/coding/v1", KIMI_API_KEY=CODING, MOONSHOT_API_KEY="sk-FAKE-open"
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert (up.requests == []) == (line == "wiremend try")
    assert CODING not in done.stdout + done.stderr


@pytest.mark.parametrize("line", commands("setup.md"))
def test_a_command_of_the_page_about_setup(line: str, home: Home) -> None:
    done = shell(home, line, MY_KEY=CODING, KIMI_API_KEY=CODING)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (home.ring == {"wiremend/kimi-code": CODING}) == ("setup" in line)
    assert CODING not in done.stdout + done.stderr


def test_what_the_page_shows_is_what_setup_prints(home: Home) -> None:
    page = (ROOT / "docs" / "setup.md").read_text("utf-8")
    screen = re.findall(r"^```text\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)[0]
    steps = [("part of the name: ", "kimi\n"), ("(not shown): ", CODING + "\n"), ("Write this? [Y/n]: ", "y\n")]
    code, shown = home.type(steps)
    assert code == 0
    missing = [line for line in screen.splitlines() if line.strip() != "…" and line.rstrip() not in shown]
    assert missing == []
