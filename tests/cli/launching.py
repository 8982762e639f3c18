"""What the tests of launching share: ``wiremend run`` in a clean environment, and launches that are planned only."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING, Any, Final

from tests.lab.proxy import BIN, ROOT, _authority
from wiremend.cli.agents import AGENTS, GENERIC, LaunchPlan, Style, plan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

WIREMEND: Final = (sys.executable, "-c", "from wiremend.cli import main; main()")
"""What the console script does, with the interpreter that runs the tests, be Wiremend installed for it or not."""


def clean_environ(home: Path, **more: str) -> dict[str, str]:
    """Give an environment that holds nothing of ours but PATH; ``home`` is made, with a CA for mitmproxy in it."""
    shutil.copytree(_authority(), home / ".mitmproxy")  # making one takes longer than all else at start
    measured = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
    return {
        "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PYTHONPATH": str(ROOT / "addons"),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
        **measured,
        **more,
    }


BASE: Final = "http://127.0.0.1:41234"
V1: Final = f"{BASE}/v1"
BY_ID: Final = {agent.id: agent for agent in (*AGENTS, GENERIC)}


class World:
    """A home, a project and a private folder, and launches planned in them."""

    def __init__(self, root: Path) -> None:
        """Make the folders below ``root``."""
        self.home, self.project, self.folder = (root / name for name in ("home", "project", "run"))
        for folder in (self.home, self.project, self.folder):
            folder.mkdir()
        self.ca, self.bundle = root / "ca.pem", root / "bundle.pem"

    def write(self, path: str, text: str) -> Path:
        """Write a file of the user's, below the home folder."""
        target = self.home / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        return target

    def plan(
        self,
        agent: str,
        style: Style,
        argv: Sequence[str] = (),
        environ: Mapping[str, str] | None = None,
        **more: Any,  # noqa: ANN401 - passed on
    ) -> LaunchPlan:
        """Plan a launch of an agent, of its program alone if no command line is given."""
        return plan(
            BY_ID[agent],
            style,
            base=BASE,
            ca=self.ca,
            bundle=self.bundle,
            environ={"HOME": str(self.home), "PATH": "/bin", **(environ or {})},
            argv=argv or (agent,),
            folder=self.folder,
            cwd=self.project,
            **more,
        )

    def users_files(self) -> dict[str, bytes]:
        """Give everything below home and project."""
        return {str(p): p.read_bytes() for top in (self.home, self.project) for p in top.rglob("*") if p.is_file()}
