"""The agents that the clients suite drives, installed once for the checkout.

The versions are pinned in ``package-lock.json``, which holds hashes and names no place to download from (``.npmrc``
keeps it so). They are installed into ``.tools/clients`` and used again as long as the pins are the same. Install
scripts are off, as newer npm has it; Claude Code's own is run by name, because it puts its program in place. OpenCode
is pinned as the program for Linux on x64. The SDKs that judge replies (``judge.py``) are among the pins.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.clients.judge import Judge
from tests.lab.proxy import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

PINS: Final = ("package.json", "package-lock.json", ".npmrc")
FOLDER: Final = ROOT / ".tools" / "clients"
MINUTES: Final = 10


@pytest.fixture(scope="session")
def agents() -> Path:
    """Give the folder that holds the programs ``claude`` and ``codex``."""
    pins = {name: (Path(__file__).parent / name).read_bytes() for name in PINS}
    node = _run("node", "--print", "[process.platform, process.arch].join()")
    wanted = hashlib.sha256(b"\0".join([*pins.values(), node.encode()])).hexdigest()
    stamp = FOLDER / "installed"
    if not stamp.is_file() or stamp.read_text() != wanted:
        shutil.rmtree(FOLDER, ignore_errors=True)
        FOLDER.mkdir(parents=True)
        for name, content in pins.items():
            (FOLDER / name).write_bytes(content)
        _run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
        _run("node", "node_modules/@anthropic-ai/claude-code/install.cjs")
        stamp.write_text(wanted)
    return FOLDER / "node_modules" / ".bin"


@pytest.fixture(scope="session")
def opencode(agents: Path) -> Path:
    """Give OpenCode's program."""
    program = agents.parent / "opencode-linux-x64" / "bin" / "opencode"
    if not program.is_file():
        pytest.skip("OpenCode's program is pinned for Linux on x64, which this machine is not")
    return program


@pytest.fixture(scope="session")
def judge(agents: Path) -> Iterator[Judge]:
    """Give the judges of the JavaScript world."""
    with Judge(agents.parents[1]) as process:
        yield process


def _run(*command: str) -> str:
    """Run a program in the folder; where npm cannot fetch, the suite is skipped on a desk and fails in CI."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False, timeout=60 * MINUTES)
    if done.returncode:
        message = f"{' '.join(command)} gave {done.returncode}:\n{done.stderr[-2000:]}"
        if command[0] == "npm" and not os.environ.get("CI"):
            pytest.skip(f"the agents cannot be installed here: {message}")
        pytest.fail(message)
    return done.stdout
