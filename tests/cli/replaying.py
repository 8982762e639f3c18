"""What the tests of ``wiremend replay`` share: a repository on a machine without rules of its own, and runs in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from click.testing import CliRunner

from tests.replay.cases_kit import repository
from wiremend.cli.main import cli

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

TIME: Final = re.compile(r"\d+\.\d\d s(?:, [\d,]+ a second)?")
"""What is another each time."""


def alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a folder the current one, on a machine without rules of its own, at a terminal of 80 columns."""
    for name in ("WIREMEND_RULES", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(folder)


def settle(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a repository of five cases, and go there."""
    alone(folder, monkeypatch)
    return repository(folder)


def run(*arguments: str, code: int = 0) -> str:
    """Run the verb; gives stdout and stderr."""
    done = CliRunner().invoke(cli, ["replay", *arguments])
    assert done.exit_code == code, done.output
    return done.output


def unwrapped(output: str) -> str:
    """Give the lines of a text as they were before they were wrapped."""
    return re.sub(r"\n {4}(?=\S)", " ", output)


def failing(output: str) -> list[str]:
    """Name the cases that are told to differ."""
    return re.findall(r"^captures/chat/([\w-]+): \d+ difference", output, re.MULTILINE)
