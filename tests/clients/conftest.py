"""The agents that the clients suite drives, installed once for the checkout.

The versions are pinned in ``package-lock.json``, which holds hashes and names no place to download from (``.npmrc``
keeps it so). They are installed into ``.tools/clients`` and used again as long as the pins are the same. Install
scripts are off, as newer npm has it; Claude Code's own is run by name, because it puts its program in place.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.lab.proxy import ROOT

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
