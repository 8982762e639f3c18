"""A Chromium to look at pages with: one of this machine, else the pinned one that npm carries, in ``.tools/chromium``.

The npm package ``@sparticuz/chromium`` holds a headless Chromium for Linux on x64, packed with brotli, the libraries
that it needs beyond glibc, and a font. npm fetches the package, and what comes is held against the hash below; none of
its own code is run. It is unpacked once for the checkout.
"""

from __future__ import annotations

import base64
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

import brotli  # type: ignore[import-untyped]  # it has no types

from tests.lab.proxy import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

PACKAGE: Final = "@sparticuz/chromium"
VERSION: Final = "153.0.0"
INTEGRITY: Final = "sha512-jiGWqSvPMdu4+P9TilYqAR7yEGPEHINx+lCvE/NqNO/EHYzF/x1hUiI5T6ioVIt7dEy7n88byyT0vk+dnsgQwA=="

NAMES: Final = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
"""What a Chromium is called where a machine has one."""

FOLDER: Final = ROOT / ".tools" / "chromium"
MINUTES: Final = 5

_PIECE: Final = 1 << 20
_SYSTEM: Final = "linux"
_MACHINES: Final = ("x86_64", "amd64")
_FONTS: Final = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>/usr/share/fonts</dir>
  <dir>{folder}/fonts</dir>
  <cachedir>{folder}/cache</cachedir>
</fontconfig>
"""


class NoChromiumError(Exception):
    """There is no Chromium here; the message says why. ``fetching`` tells that it is npm that failed."""

    def __init__(self, message: str, *, fetching: bool = False) -> None:
        """Say why."""
        super().__init__(message)
        self.fetching = fetching


@dataclass(frozen=True)
class Chromium:
    """A program that has been seen to start, and what its environment has to say besides."""

    program: Path
    version: str
    environment: Mapping[str, str] = field(default_factory=dict)


def chromium() -> Chromium:
    """Give one that starts. Raises NoChromiumError where there is none."""
    for name in NAMES:
        found = shutil.which(name)
        if found is not None and (said := version_of(Path(found), {})) is not None:
            return Chromium(Path(found), said)
    folder = installed()
    environment = {"LD_LIBRARY_PATH": str(folder / "lib"), "FONTCONFIG_FILE": str(folder / "fonts.conf")}
    program = folder / "chromium"
    said = version_of(program, environment)
    if said is None:
        raise NoChromiumError(f"no Chromium on PATH, and that of npm does not start here: {_missing(program)}")
    return Chromium(program, said, environment)


def version_of(program: Path, environment: Mapping[str, str]) -> str | None:
    """Give what a program says of its version; None where it does not start."""
    try:
        done = subprocess.run(
            [program, "--version"],
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def installed() -> Path:
    """Give the folder of the pinned one, installed where it is not. Raises NoChromiumError."""
    if not sys.platform.startswith(_SYSTEM) or platform.machine().lower() not in _MACHINES:
        raise NoChromiumError("no Chromium on PATH, and the pinned one is a program for Linux on x64")
    folder = FOLDER / VERSION
    if folder.is_dir():
        return folder
    npm = shutil.which("npm")
    if npm is None:
        raise NoChromiumError("no Chromium on PATH, and no npm to fetch the pinned one with")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=FOLDER) as name:
        new = Path(name, "new")
        new.mkdir()
        unpack(fetched(npm, Path(name)), new, folder)
        try:
            new.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another run was faster
                raise
    return folder


def fetched(npm: str, into: Path) -> Path:
    """Let npm fetch the package; gives the archive, which is the pinned one. Raises NoChromiumError."""
    wanted = f"{PACKAGE}@{VERSION}"
    command = [npm, "pack", wanted, "--pack-destination", str(into), "--loglevel=error"]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60 * MINUTES
        )
    except subprocess.TimeoutExpired as error:
        raise NoChromiumError(f"npm did not fetch {wanted} within {MINUTES} minutes", fetching=True) from error
    found = list(into.glob("*.tgz"))
    if done.returncode or len(found) != 1:
        raise NoChromiumError(f"npm could not fetch {wanted}: {done.stderr[-500:]}", fetching=True)
    with found[0].open("rb") as file:
        digest = hashlib.file_digest(file, "sha512").digest()
    if f"sha512-{base64.b64encode(digest).decode()}" != INTEGRITY:
        raise NoChromiumError(f"what npm fetched is not the {wanted} that is pinned")
    return found[0]


def unpack(archive: Path, into: Path, final: Path) -> None:
    """Unpack the package: the program, its libraries, a font; ``final`` is where it will lie."""
    with tarfile.open(archive) as package:
        for member in package:
            name = member.name.removeprefix("package/bin/")
            packed = package.extractfile(member) if name.endswith(".br") else None
            if packed is None:
                continue
            if name == "chromium.br":
                _plain(packed, into / "chromium")
                (into / "chromium").chmod(0o755)
            elif name in {"al2023.tar.br", "fonts.tar.br"}:  # `lib/` and `fonts/`
                _plain(packed, into / "part.tar")
                with tarfile.open(into / "part.tar") as part:
                    part.extractall(into, filter="data")
                (into / "part.tar").unlink()
    (into / "fonts.conf").write_text(_FONTS.format(folder=final))


def _plain(packed: IO[bytes], into: Path) -> None:
    reader = brotli.Decompressor()
    with into.open("wb") as file:
        while piece := packed.read(_PIECE):
            file.write(reader.process(piece))
    if not reader.is_finished():
        raise NoChromiumError(f"{into.name} of the pinned package is cut short")


def _missing(program: Path) -> str:
    """Name the libraries that a program misses on this machine."""
    ldd = shutil.which("ldd")
    if ldd is None:
        return "its libraries are unknown (no ldd)"
    done = subprocess.run([ldd, program], capture_output=True, text=True, check=False, timeout=60)
    lines = [line.split()[0] for line in done.stdout.splitlines() if "not found" in line]
    return f"it misses {', '.join(lines)}" if lines else "it gives no reason"
