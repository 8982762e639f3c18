"""The journal's folder: what the processes of this machine have written and not every sink has taken.

A **stream** is what one process writes; its **segments** are files of JSON lines, which lie side by side::

    journal/
      01763759999123456789-9f86d081884c-000001.jsonl       began (ns since 1970), stream, number
      01763759999123456789-9f86d081884c-000001.3a7bd3e2    the sink 3a7bd3e2 has taken all of it
      3a7bd3e2.lock                                        held by the process that serves the sink just now
      3a7bd3e2.refused.jsonl                               entries that the sink did not want

Sorted by name they are in the order in which they were written, stream by stream. The first line of a segment names the
sinks that it is for: a process with other rules writes for other sinks, and its rows go to no others. A segment is
**final** when nobody holds its lock any more, because its process went on to the next one, ended, or was killed. One
that all of its sinks have taken is removed, by whoever sees it first.
"""

from __future__ import annotations

import fcntl
import os
import re
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

LIMIT: Final = 256 * 1024 * 1024
"""Bytes that the segments of all processes may take together."""

FORSAKEN: Final = 7 * 86400.0
"""Seconds for which a segment waits for a sink that no running proxy serves."""

_NAME: Final = re.compile(r"(?P<began>\d{20})-(?P<stream>[0-9a-f]{12})-(?P<number>\d{6})\.jsonl")
_MARK: Final = re.compile(r"\d{20}-[0-9a-f]{12}-\d{6}\.(?:draft|[0-9a-f]+)")
AN_HOUR: Final = 3600.0
_BLOCK: Final = 1024 * 1024
_LONGEST: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, order=True)
class Segment:
    """One file; ``order`` is that of writing."""

    began: int
    stream: str
    number: int

    @property
    def stem(self) -> str:
        """Its name without the ending."""
        return f"{self.began:020d}-{self.stream}-{self.number:06d}"

    @property
    def name(self) -> str:
        """The file's name."""
        return f"{self.stem}.jsonl"


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines read from a segment, and where each ends. ``final``: there will be no more than are in the file."""

    lines: tuple[bytes, ...]
    ends: tuple[int, ...]
    final: bool
    torn: bool = False
    """Whether the last line of a final segment breaks off; it is not among the lines."""


class Header(msgspec.Struct, frozen=True):
    """The first line of a segment: the keys of the sinks that it is for."""

    sinks: tuple[str, ...]


class Segments:
    """The folder. Its methods raise OSError where the disk does not do as told, unless they say otherwise."""

    def __init__(self, folder: Path) -> None:
        """Look at a folder, which need not be there."""
        self.folder = folder
        self._headers: dict[Segment, tuple[Header, int]] = {}

    def all(self) -> list[Segment]:
        """Give the segments in their order."""
        try:
            names = [path.name for path in self.folder.iterdir()]
        except FileNotFoundError:
            return []
        found = sorted(
            Segment(int(match["began"]), match["stream"], int(match["number"]))
            for name in names
            if (match := _NAME.fullmatch(name))
        )
        self._headers = {one: self._headers[one] for one in found if one in self._headers}
        return found

    def waiting(self, key: str) -> list[Segment]:
        """Give the segments that a sink is to take, or to go on taking, in order."""
        return [one for one in self.all() if key in self.header(one)[0].sinks and not self._mark(one, key).exists()]

    def header(self, segment: Segment) -> tuple[Header, int]:
        """Give the first line of a segment, and where the second begins; no sinks where it is gone or is no header."""
        known = self._headers.get(segment)
        if known is None:
            known = Header(()), 0
            with suppress(FileNotFoundError, msgspec.DecodeError), open(self.folder / segment.name, "rb") as file:  # noqa: PTH123 - a Path is opened by each of its names alike
                line = file.readline(_BLOCK)
                known = msgspec.json.decode(line, type=Header), len(line)
            self._headers[segment] = known
        return known

    def read(self, segment: Segment, at: int, rows: int, size: int) -> Lines | None:
        """Read lines from an offset on: at most so many, and no more than ``size`` bytes but for one longer line.

        None where the segment is gone.
        """
        try:
            descriptor = os.open(self.folder / segment.name, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            final = _is_final(descriptor)  # asked first: what is written in between is there when it is read
            data = os.pread(descriptor, size, at)
            while len(data) >= size and b"\n" not in data and size < _LONGEST:
                size *= 2
                data = os.pread(descriptor, size, at)
        finally:
            os.close(descriptor)
        lines: list[bytes] = []
        ends: list[int] = []
        start = 0
        while len(lines) < rows and (end := data.find(b"\n", start)) >= 0:
            lines.append(data[start:end])
            start = end + 1
            ends.append(at + start)
        torn = final and not lines and bool(data)
        return Lines(tuple(lines), tuple(ends), final and (torn or not data), torn)

    def taken(self, segment: Segment, key: str) -> None:
        """Note that a sink has all of a segment, or does not want it, and remove it where it was the last."""
        header, _ = self.header(segment)
        self._mark(segment, key).touch(mode=0o600)
        if all(self._mark(segment, one).exists() for one in header.sinks):
            self.remove(segment)

    def remove(self, segment: Segment) -> bool:
        """Remove a segment and the marks on it; False where another process did."""
        mine = True
        try:
            (self.folder / segment.name).unlink()
        except FileNotFoundError:
            mine = False
        for mark in self.folder.glob(f"{segment.stem}.*"):
            mark.unlink(missing_ok=True)
        return mine

    def size(self, segment: Segment) -> int:
        """Give its bytes; 0 where it is gone."""
        try:
            return (self.folder / segment.name).stat().st_size
        except FileNotFoundError:
            return 0

    def rows(self, segment: Segment, at: int, until: int) -> int:
        """Count the lines between two offsets."""
        count = 0
        with suppress(FileNotFoundError), open(self.folder / segment.name, "rb") as file:  # noqa: PTH123 - as above
            file.seek(at)
            while at < until and (block := file.read(min(_BLOCK, until - at))):
                count += block.count(b"\n")
                at += len(block)
        return count

    # -- what holds the folder in its bounds

    def shrink(self, limit: int = LIMIT) -> tuple[int, frozenset[str]]:
        """Remove the oldest final segments where all are too much: gives rows and the keys of sinks that miss them.

        The count may hold rows that such a sink had taken already.
        """
        every = self.all()
        sizes = {one: self.size(one) for one in every}
        too_much = sum(sizes.values()) - limit
        lost, missing = 0, set[str]()
        for one in every:
            if too_much <= 0:
                break
            if not self.is_final(one):
                continue
            header, start = self.header(one)
            without = {key for key in header.sinks if not self._mark(one, key).exists()}
            rows = self.rows(one, start, sizes[one])
            if self.remove(one) and without:
                lost += rows
                missing |= without
            too_much -= sizes[one]
        return lost, frozenset(missing)

    def forsake(self, now: float, served: Collection[str]) -> None:
        """Let go of what waits for sinks that nobody serves: ``served`` are those of this process.

        What killed processes left half made goes as well.
        """
        every = self.all()
        known = {one.stem for one in every}
        for path in self.folder.iterdir() if self.folder.is_dir() else ():
            if _MARK.fullmatch(path.name) and path.stem not in known and now - _modified(path) >= AN_HOUR:
                path.unlink(missing_ok=True)
        for one in every:
            if now - _modified(self.folder / one.name) < FORSAKEN or not self.is_final(one):
                continue
            header, _ = self.header(one)
            if not header.sinks:
                self.remove(one)
            for key in header.sinks:
                served_at = _modified(self.folder / f"{key}.lock")
                if key not in served and now - served_at >= FORSAKEN:
                    self.taken(one, key)

    def is_final(self, segment: Segment) -> bool:
        """Tell whether nobody writes to a segment any more."""
        try:
            descriptor = os.open(self.folder / segment.name, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return True
        try:
            return _is_final(descriptor)
        finally:
            os.close(descriptor)

    # -- what belongs to a sink

    @contextmanager
    def serving(self, key: str) -> Iterator[bool]:
        """Hold the lock of a sink, so that one process at a time serves it; gives False where another has it."""
        path = self.folder / f"{key}.lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            os.utime(descriptor)
            yield True
        finally:
            os.close(descriptor)

    def refuse(self, key: str, line: bytes) -> None:
        """Set aside an entry that a sink does not want."""
        path = self.folder / f"{key}.refused.jsonl"
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if os.fstat(descriptor).st_size < LIMIT // 4:
                os.write(descriptor, line + b"\n")
        finally:
            os.close(descriptor)

    def _mark(self, segment: Segment, key: str) -> Path:
        return self.folder / f"{segment.stem}.{key}"


def make_private(folder: Path) -> None:
    """Make a folder and those above it that are missing, for their owner alone. Raises OSError where it cannot."""
    for part in (*reversed(folder.parents), folder):
        if not part.is_dir():
            part.mkdir(mode=0o700, exist_ok=True)


def _modified(path: Path) -> float:
    """Give when a file was last changed; 0 where it is gone."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _is_final(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return True
