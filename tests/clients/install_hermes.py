"""Installs Hermes, once for the checkout, into ``.tools/hermes``: a venv of its own, apart from that of the tests.

The versions are pinned in ``hermes.txt``, which holds hashes and names no place to download from. It is what
``uv pip compile --universal --python-version 3.12 --generate-hashes --no-header --no-annotate --no-emit-index-url
--no-emit-find-links`` makes of the one line :data:`WANTED`. What is installed is used again as long as the pins and the
interpreter are the same.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.clients.install import MINUTES, InstallError
from tests.lab.proxy import ROOT

WANTED: Final = 'hermes-agent[anthropic]==0.19.0 ; python_version < "3.14"'
PINS: Final = Path(__file__).parent / "hermes.txt"
FOLDER: Final = ROOT / ".tools" / "hermes"
TOO_NEW: Final = (3, 14)
"""The first Python for which Hermes 0.19.0 is not."""


def installed() -> Path:
    """Give Hermes' program, installed where it is not. Raises InstallError. For Pythons before :data:`TOO_NEW`."""
    FOLDER.parent.mkdir(parents=True, exist_ok=True)
    with FOLDER.with_suffix(".lock").open("w") as lock:  # tests may run side by side
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _installed()


def _installed() -> Path:
    wanted = hashlib.sha256(b"\0".join([PINS.read_bytes(), sys.version.encode(), str(FOLDER).encode()])).hexdigest()
    stamp = FOLDER / "installed"
    if not stamp.is_file() or stamp.read_text() != wanted:
        shutil.rmtree(FOLDER, ignore_errors=True)
        python = FOLDER / "bin" / "python"
        _run(sys.executable, "-m", "venv", "--without-pip", str(FOLDER), fetching=False)
        flags = ("--quiet", "--disable-pip-version-check", "--require-hashes", "--only-binary", ":all:")
        pip = (sys.executable, "-m", "pip", "--python", str(python), "install", *flags, "-r", str(PINS))
        _run(*pip, fetching=True)
        stamp.write_text(wanted)
    return FOLDER / "bin" / "hermes"


def _run(*command: str, fetching: bool) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60 * MINUTES)
    if done.returncode:
        message = f"{' '.join(command)} gave {done.returncode}:\n{done.stderr[-2000:]}"
        raise InstallError(message, fetching=fetching)
