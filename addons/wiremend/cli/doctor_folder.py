"""What ``wiremend doctor`` says of the folders that Wiremend writes to, and of the clock."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wiremend.cli.finding import Finding
from wiremend.mitm.shelf import Shelf
from wiremend.rules.checks import folder_problem
from wiremend.rules.lookup import home_folder, state_folder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wiremend.rules.model import Capture

FIRST_YEAR: Final = 2026
"""The year of the first release: no clock that is right says an earlier one."""

LAST_YEAR: Final = 2060
LITTLE: Final = 200 * 1000**2
"""Bytes of free space, below which a word is due."""

_DAY: Final = 86400.0
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_UNITS: Final = ((1000**3, "GB"), (1000**2, "MB"), (1000, "kB"))


def check_state(folder: Path) -> list[Finding]:
    """Check that logs can be written."""
    near = nearest(folder)
    if is_writable(near):
        return []
    return [Finding("FAIL", "folder", f"{near} cannot be written to, and logs go below {folder}", "set XDG_STATE_HOME")]


def nearest(folder: Path) -> Path:
    """Give the folder, or the nearest of its parents that is there."""
    return next((path for path in (folder, *folder.parents) if os.path.lexists(path)), folder)


def is_writable(folder: Path) -> bool:
    """Tell whether a folder can be written to, by a file without a name: permissions alone do not tell all."""
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        return False
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def check_captures(capture: Capture, environ: Mapping[str, str]) -> list[Finding]:
    """Check the folder in which exchanges are remembered: that it can be written to, is private, and has its size."""
    if not capture.on:
        return [Finding("ok", "captures", "nothing is remembered: capture is off in the rules")]
    folder, wrong = capture_folder(capture, environ)
    if folder is None:
        return [Finding("FAIL", "captures", f"capture.dir cannot be used: {wrong}", "mend capture.dir in the rules")]
    near = nearest(folder)
    if not is_writable(near):
        do = f"make {near} a folder of yours that can be written to, or name another one: capture: {{dir: …}}"
        return [Finding("FAIL", "captures", f"{near} cannot be written to, so nothing is remembered", do)]
    findings = []
    if near != folder:
        findings.append(Finding("ok", "captures", f"none yet; the first exchange makes {folder}"))
    else:
        findings += _kept(folder, capture)
        seen = folder.stat()
        if seen.st_mode & _OTHERS:
            what = f"others on this machine may look into {folder} (mode {stat.S_IMODE(seen.st_mode):o})"
            findings.append(Finding("warn", "captures", what, f"chmod 700 {folder}"))
        if seen.st_uid != os.geteuid():
            what = f"{folder} belongs to another user (number {seen.st_uid})"
            findings.append(Finding("warn", "captures", what, f"sudo chown -R $USER {folder}"))
    free = shutil.disk_usage(near).free
    if free < LITTLE:
        do = "make room; where a capture cannot be written, the exchange goes on without it"
        findings.append(Finding("warn", "captures", f"{told_size(free)} free on the disk of {near}", do))
    return findings


def capture_folder(capture: Capture, environ: Mapping[str, str]) -> tuple[Path | None, str]:
    """Give the folder of captures by these rules; or None, and why it cannot be told."""
    if capture.folder is None:
        return state_folder(environ) / "captures", ""
    if missing := capture.folder.missing(environ):
        return None, f"the variable {missing[0]} is not set"
    text = capture.folder.expand(environ)
    if wrong := folder_problem(text):
        return None, wrong
    return (home_folder(environ) / text[2:] if text.startswith("~") else Path(text)), ""


def _kept(folder: Path, capture: Capture) -> list[Finding]:
    """Say how much is there; as :meth:`Shelf.tidy` counts, which keeps it below the limit while a proxy runs."""
    sizes = []
    for path in Shelf(folder).files():
        try:
            sizes.append(path.stat().st_size)
        except OSError:
            continue  # tidied away just now
    count = f"{len(sizes)} file{'' if len(sizes) == 1 else 's'}"
    limits = f"{told_size(capture.max_size)} and {capture.keep / _DAY:g} days are kept"
    what = f"{folder}: {count}, {told_size(sum(sizes))}; {limits}"
    if sum(sizes) > capture.max_size:
        return [Finding("warn", "captures", f"{what}, so it is over its size", "the next start of the proxy tidies up")]
    return [Finding("ok", "captures", what)]


def check_clock(now: datetime, newest: datetime) -> list[Finding]:
    """Check that the clock can be right: by its year, and by ``newest``, when our files were written."""
    do = "set this machine's clock right: certificates, and the signing of some providers, depend on it"
    shown = f"{now:%Y-%m-%d %H:%M} UTC"
    if not FIRST_YEAR <= now.year < LAST_YEAR:
        return [Finding("FAIL", "clock", f"{shown} cannot be", do)]
    if now < newest - timedelta(days=1):
        return [Finding("warn", "clock", f"{shown} is before {newest:%Y-%m-%d}, when Wiremend was installed", do)]
    return [Finding("ok", "clock", shown)]


def installed_at() -> datetime:
    """Give when the newest of our own files was written."""
    package = Path(__file__).resolve().parent
    return datetime.fromtimestamp(max(path.stat().st_mtime for path in package.glob("*.py")), UTC)


def told_size(count: int) -> str:
    """Say how many bytes: ``1.2 MB``."""
    for unit, name in _UNITS:
        if count >= unit:
            return f"{count / unit:.3g} {name}" if count < 1000 * unit else f"{count / unit:,.0f} {name}"
    return f"{count} bytes"
