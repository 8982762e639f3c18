"""The journal: where a finished call is written down at once, before any database has heard of it.

:meth:`Journal.append` is one ``write`` at the end of a file. It runs in the event loop, before the client gets the end
of its response: whoever saw an end has its row on the disk, and a proxy that is killed loses none. The file is not
synced: a machine that loses its power may lose the last seconds. Sinks take what is here in their own time
(:mod:`wiremend.ledger.writer`); :mod:`wiremend.ledger.segments` says how the folder is kept.

A disk that is full costs rows, never the traffic (G7).
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import msgspec

from wiremend.ledger.entry import to_line
from wiremend.ledger.segments import Header, Segment, Segments, make_private

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from wiremend.ledger.entry import Entry

ROTATE: Final = 4 * 1024 * 1024
"""Bytes after which a segment is ended."""


class Journal:
    """What one process writes. ``tell`` logs a warning, once for each key."""

    def __init__(
        self,
        folder: Path,
        tell: Callable[[str, str], None],
        *,
        rotate: int = ROTATE,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        """Begin without a file: the first entry makes it. ``folder`` is made with it, for its owner alone."""
        self.folder = folder
        self.lost = 0
        """Entries that could not be written."""
        self._tell = tell
        self._rotate = rotate
        self._began = clock()
        self._stream = secrets.token_hex(6)
        self._number = 0
        self._sinks: tuple[str, ...] = ()
        self._descriptor = -1
        self._size = 0
        self._lock = threading.Lock()

    def plan(self, sinks: Iterable[str]) -> None:
        """Write for these sinks from now on, by their keys; what is there already stays theirs that it was for.

        Those that this process no longer writes for hold nothing of it back any more.
        """
        with self._lock:
            keys = tuple(sorted(set(sinks)))
            gone = set(self._sinks) - set(keys)
            if keys == self._sinks:
                return
            self._sinks = keys
            self._end()
        with suppress(OSError):
            segments = Segments(self.folder)
            for one in segments.all() if gone else ():
                for key in gone.intersection(segments.header(one)[0].sinks) if one.stream == self._stream else ():
                    segments.taken(one, key)

    def append(self, entry: Entry) -> bool:
        """Write an entry down; False where that failed, or where there is no sink to write for."""
        line = to_line(entry)
        with self._lock:
            if not self._sinks:
                return False
            try:
                self._write(line)
            except OSError as error:
                self.lost += 1
                why = error.strerror or type(error).__name__
                self._tell(
                    f"ledger:{why}",
                    f"calls cannot be written down in {self.folder}: {why}; the traffic goes on, their rows are lost",
                )
                return False
        return True

    def close(self) -> None:
        """End the last segment."""
        with self._lock:
            self._end()

    # -- how

    def _write(self, line: bytes) -> None:
        if self._descriptor >= 0 and (self._size >= self._rotate or not os.fstat(self._descriptor).st_nlink):
            self._end()
        if self._descriptor < 0:
            self._begin()
        written = 0
        try:
            while written < len(line):  # a disk that fills up takes the first part
                written += os.write(self._descriptor, line[written:])
        except OSError:
            with suppress(OSError):  # else the sinks pass over the part
                os.ftruncate(self._descriptor, self._size)
            self._end()
            raise
        self._size += len(line)

    def _begin(self) -> None:
        """Make a segment: locked and with its header before it has its name, so that nobody takes it for an old one."""
        make_private(self.folder)
        self._number += 1
        segment = Segment(self._began, self._stream, self._number)
        draft = self.folder / f"{segment.stem}.draft"
        header = msgspec.json.encode(Header(self._sinks)) + b"\n"
        descriptor = os.open(draft, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.write(descriptor, header) != len(header):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # noqa: TRY301 - the same clean-up
            draft.rename(self.folder / segment.name)
        except OSError:
            os.close(descriptor)
            draft.unlink(missing_ok=True)
            raise
        self._descriptor, self._size = descriptor, len(header)

    def _end(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1
