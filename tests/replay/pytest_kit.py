"""A user's repository with cases in it, and pytest run there as the user runs it.

Most runs are in this process, which has imported all of it already; a run ``apart`` is a process of its own.
"""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import wiremend.replay.pytest_upstream  # noqa: F401 - so that a run finds it imported, and does not drop it at its end
from tests.replay.kit import RULES, captured, recorded
from wiremend.captures.case import write_case

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from wiremend.captures.capture import Capture

_OTHERS: Final = ("no:cacheprovider", "no:anyio", "no:hypothesispytest", "no:timeout")


@dataclass(frozen=True, slots=True)
class Ran:
    """How a run of pytest ended, and what it said."""

    code: int
    text: str

    @property
    def ids(self) -> list[str]:
        """The tests that ``--collect-only -q`` lists."""
        return [line for line in self.text.splitlines() if re.fullmatch(r"\S+/\S+|\S+::\S+", line)]

    @property
    def outcomes(self) -> dict[str, int]:
        """The counts of the last line: ``{"passed": 3}``."""
        return {word: int(count) for count, word in re.findall(r"(\d+) ([a-z]+)", self.text.splitlines()[-1])}


@dataclass(frozen=True, slots=True)
class Repo:
    """A folder with ``captures/``, ``rules.yaml`` and whatever else a test puts there."""

    pytester: pytest.Pytester

    @property
    def path(self) -> Path:
        """The folder."""
        return self.pytester.path

    def put(self, name: str, text: str) -> Path:
        """Write a file."""
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
        return file

    def case(self, name: str, capture: Capture | None = None, **about: Any) -> Path:  # noqa: ANN401 - values of YAML
        """Keep a capture as a case below ``captures/``; a sound one where none is given."""
        folder = self.path / "captures" / name
        wire: Any = folder.parent.name
        write_case(folder, replace(capture or recorded(captured()), wire=wire), title="a turn", about=about)
        return folder

    def pytest(self, *arguments: str, apart: bool = False) -> Ran:
        """Run pytest as in a terminal that is 120 columns wide. Warnings are not errors."""
        options = [word for plugin in _OTHERS for word in ("-p", plugin)]
        if apart:
            command = [sys.executable, "-m", "pytest", *options, *arguments]
            done = subprocess.run(command, cwd=self.path, capture_output=True, text=True, check=False)
            return Ran(done.returncode, done.stdout + done.stderr)
        ran = self.pytester.runpytest_inprocess(*options, "-W", "default", *arguments)
        return Ran(int(ran.ret), "\n".join([*ran.outlines, *ran.errlines]))


def repository(pytester: pytest.Pytester, *names: str, rules: str = RULES) -> Repo:
    """Make a repository with sound cases of these names."""
    repo = Repo(pytester)
    repo.put("rules.yaml", rules)
    for name in names:
        repo.case(name)
    return repo


def warmed(capture: Capture) -> Capture:
    """Give a capture with another request than today's rules make: it expects a temperature of 0.7."""
    attempt = capture.attempt
    assert attempt is not None
    body = attempt.request.body.replace(b"0.6", b"0.7")
    assert body != attempt.request.body
    return replace(capture, attempts=(replace(attempt, request=replace(attempt.request, body=body)),))
