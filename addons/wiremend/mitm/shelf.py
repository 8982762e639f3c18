"""The folder where captures lie: its flow files, their names, and how long they stay.

``2026-11-21T14-16-36Z-4711.flows`` is begun at that time (UTC) by the process 4711; ``rules/HASH.yaml`` are the rules
that were in force. The folder is private (0700), and so is each file (0600). A ``.gitignore`` keeps all of it out of a
repository. Nothing here is known to mitmproxy, and nothing runs by itself: the store's thread calls.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from wiremend.rules.lookup import private_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SUFFIX: Final = ".flows"
_NAME: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ)-(\d+)(?:_(\d+))?\.flows")
_SPOOL: Final = re.compile(r"\.spool-(\d+)-\d+")
_RULES: Final = "rules"
_NEW: Final = os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_TRIES: Final = 1000


class Shelf:
    """One folder of captures; ``below`` is the user's state folder, if it is in there."""

    def __init__(self, folder: Path, below: Path | None = None) -> None:
        """Nothing is touched yet."""
        self.folder = folder
        self._below = below
        self._spools = 0

    def make(self) -> None:
        """Make the folder, if it is not there. Raises OSError where it cannot be made."""
        if self.folder.is_dir():
            return
        private_folder(self.folder, self._below or self.folder)
        _write_new(self.folder / ".gitignore", b"*\n")

    def begin(self, now: float) -> tuple[Path, int]:
        """Begin a new flow file; gives its path and a descriptor to append to. Raises OSError."""
        self.make()
        name = f"{datetime.fromtimestamp(now, UTC):%Y-%m-%dT%H-%M-%SZ}-{os.getpid()}"
        for number in range(_TRIES):
            path = self.folder / f"{name}{f'_{number:03}' if number else ''}{SUFFIX}"
            with suppress(FileExistsError):
                return path, os.open(path, os.O_RDWR | os.O_APPEND | _NEW, 0o600)
        raise FileExistsError(f"{name}{SUFFIX} and {_TRIES - 1} more are there already")

    def spool(self) -> int:
        """Give the descriptor of a private file that is gone when it is closed. Raises OSError."""
        self.make()
        self._spools += 1
        path = self.folder / f".spool-{os.getpid()}-{self._spools}"
        path.unlink(missing_ok=True)  # of a process that had our number
        descriptor = os.open(path, os.O_RDWR | _NEW, 0o600)
        with suppress(PermissionError):  # where an open file cannot be unlinked, it is removed at a later start
            path.unlink()
        return descriptor

    def keep_rules(self, digest: str, text: str) -> None:
        """Keep the text of rules that are in force; one that is there is dated anew. Raises OSError."""
        self.make()
        folder = self.folder / _RULES
        folder.mkdir(mode=0o700, exist_ok=True)
        path = folder / f"{digest}.yaml"
        try:
            _write_new(path, text.encode("utf-8", "surrogatepass"))
        except FileExistsError:
            os.utime(path)

    def files(self) -> list[Path]:
        """Give the flow files, the oldest first."""
        try:
            found = [(key, path) for path in self.folder.iterdir() if (key := _key(path))]
        except OSError:
            return []
        return [path for _, path in sorted(found)]

    def tidy(self, now: float, keep: float, max_size: int, current: Path | None) -> None:
        """Remove what is older than ``keep`` seconds, then the oldest until all fit into ``max_size`` bytes.

        A file that is being written, by us or by another process, stays; so does whatever is not named as ours are.
        """
        busy = {current} | {path for _, path in self._written_by_others()}
        left: list[tuple[Path, int]] = []
        for path in self.files():
            with suppress(OSError):
                seen = path.stat()
                if path not in busy and seen.st_mtime < now - keep:
                    path.unlink()
                else:
                    left.append((path, seen.st_size))
        size = sum(size for _, size in left)
        for path, one in left:
            if size > max_size and path not in busy:
                with suppress(OSError):
                    path.unlink()
                    size -= one
        self._tidy_rules(now - keep)

    def sweep(self) -> None:
        """Remove the spool files that dead processes left."""
        with suppress(OSError):
            for path in self.folder.iterdir():
                match = _SPOOL.fullmatch(path.name)
                if match and (int(match[1]) == os.getpid() or not is_alive(int(match[1]))):
                    with suppress(OSError):
                        path.unlink()

    def _tidy_rules(self, before: float) -> None:
        with suppress(OSError):
            for path in (self.folder / _RULES).glob("*.yaml"):
                if path.stat().st_mtime < before:
                    path.unlink()

    def _written_by_others(self) -> Iterator[tuple[int, Path]]:
        """Give the newest file of each other process that lives."""
        newest: dict[int, Path] = {}
        for path in self.files():
            key = _key(path)
            if key is not None and key[1] != os.getpid():
                newest[key[1]] = path
        return ((process, path) for process, path in newest.items() if is_alive(process))


def _write_new(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | _NEW, 0o600)
    try:
        os.write(descriptor, data)
    finally:
        os.close(descriptor)


def _key(path: Path) -> tuple[str, int, int] | None:
    """Give what flow files are sorted by, time, process and number; None for any other file."""
    match = _NAME.fullmatch(path.name)
    return (match[1], int(match[2]), int(match[3] or 0)) if match else None


def is_alive(process: int) -> bool:
    """Tell whether there is a process of this number."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True  # another user's, for one
    return True
