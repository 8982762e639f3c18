"""``wiremend run`` as a process in a world of its own, for the tests of ``run`` and of the agents that it runs."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING, Final

from tests.lab.proxy import BIN, ROOT, _authority

if TYPE_CHECKING:
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
