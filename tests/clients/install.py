"""Installs the programs and parsers of the JavaScript world, once for the checkout, into ``.tools/clients``.

The versions are pinned in ``package-lock.json``, which holds hashes and names no place to download from (``.npmrc``
keeps it so). What is installed is used again as long as the pins are the same. Install scripts are off, as newer npm
has it; Claude Code's own is run by name, because it puts its program in place. OpenCode is pinned as the program for
Linux on x64.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Final

from tests.lab.proxy import ROOT

PINS: Final = ("package.json", "package-lock.json", ".npmrc")
FOLDER: Final = ROOT / ".tools" / "clients"
MINUTES: Final = 10

_HERE: Final = Path(__file__).parent


class InstallError(Exception):
    """A program of the installation failed; ``fetching`` tells that it was npm, which needs a network."""

    def __init__(self, message: str, *, fetching: bool) -> None:
        """Say what failed."""
        super().__init__(message)
        self.fetching = fetching


def installed() -> Path:
    """Give the folder that holds ``node_modules``, installed where it is not. Raises InstallError."""
    FOLDER.parent.mkdir(parents=True, exist_ok=True)
    with FOLDER.with_suffix(".lock").open("w") as lock:  # tests may run side by side
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _installed()


def _installed() -> Path:
    pins = {name: (_HERE / name).read_bytes() for name in PINS}
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
    return FOLDER


def pinned() -> dict[str, str]:
    """Give the version of each package that is asked for by name."""
    given: dict[str, str] = json.loads((_HERE / "package.json").read_text("utf-8"))["dependencies"]
    return given


def _run(*command: str) -> str:
    """Run a program in the folder, and give what it wrote."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False, timeout=60 * MINUTES)
    if done.returncode:
        message = f"{' '.join(command)} gave {done.returncode}:\n{done.stderr[-2000:]}"
        raise InstallError(message, fetching=command[0] == "npm")
    return done.stdout
