"""The store: one thread that scrubs what was remembered and writes it down, off the event loop (G8, G9).

Jobs come by a queue. A record becomes a capture, is scrubbed, and is appended to the current flow file in one go, so
that a process that is killed loses what was under way and no more. What a tape cannot hold is scrubbed as it comes and
lies in a private file without a name until its exchange ends.

Nothing here may harm the traffic (G7): where the disk is full, slow or not to be written, captures are dropped, and one
warning says why. What cannot be scrubbed is dropped as well, never written as it is.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from dataclasses import replace
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final

from wiremend.captures.plain import cuts_to_text
from wiremend.errors import RulesError
from wiremend.mitm.flows import Spooled, state_of
from wiremend.mitm.netstring import Stored, dump
from wiremend.mitm.scrubs import Scrubs
from wiremend.mitm.shelf import Shelf
from wiremend.mitm.spool import Spool, write_all
from wiremend.notes import Note
from wiremend.rules.compile import rules_hash
from wiremend.rules.load import read_rules

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from wiremend.captures.capture import Capture
    from wiremend.captures.scrub import Scrubber
    from wiremend.mitm.record import Record
    from wiremend.mitm.tape import Tape

BACKLOG: Final = 64 * 1024 * 1024
"""Bytes that may wait for the disk."""

AN_HOUR: Final = 3600.0
RETRY: Final = 60.0
"""Seconds after which a folder that could not be written is tried again."""

TIDIED: Final = 64 * 1024 * 1024
"""Bytes after which the folder is tidied again, within the hour."""

STOPPING: Final = 10.0
"""Seconds that the end of the process waits for the disk."""

_TEXTS: Final = 16


class Store:
    """The thread and its queue. ``tell`` logs a warning, once for each key; it is called in the thread."""

    def __init__(
        self, tell: Callable[[str, str], None], below: Path | None = None, now: Callable[[], float] = time.time
    ) -> None:
        """Begin without a thread: the first job starts it."""
        self._tell = tell
        self._queue: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._queued = 0
        self._done = 0
        self._desk = _Desk(tell, below, now)

    # -- for the event loop

    def tidy(self, folder: Path, keep: float, max_size: int) -> None:
        """Remove what is too old or too much, and what dead processes left."""
        self._put(lambda: self._desk.tidy(folder, keep, max_size), 0)

    def rules(self, path: Path, digest: str) -> None:
        """Take the text of rules that came in force."""
        self._put(lambda: self._desk.rules(path, digest), 0)

    def spool(self, record: Record, tape: Tape, chunks: Sequence[bytes], size: int) -> bool:
        """Take what a tape cannot hold; False where too much is waiting already."""
        return self._put(lambda: self._desk.spool(record, tape, chunks), size)

    def put(self, record: Record) -> None:
        """Take a record that has ended."""
        lost = record.tapes.heard.lost or record.tapes.said.lost
        if lost or not self._put(lambda: self._desk.keep(record), record.size):
            self._put(lambda: self._desk.drop(record), 0)

    def close(self) -> None:
        """Write down what is waiting, and end. Not for ever: a disk may hang."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join(STOPPING)
            self._thread = None

    def _put(self, job: Callable[[], object], size: int) -> bool:
        if size and self._queued - self._done + size > BACKLOG:
            self._tell(
                "captures:backlog",
                f"captures are dropped: more than {BACKLOG >> 20} MiB wait for the disk; the traffic goes on",
            )
            return False
        self._queued += size
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="wiremend: captures", daemon=True)
            self._thread.start()
        self._queue.put(lambda: self._run(job, size))
        return True

    # -- in the thread

    def _work(self) -> None:
        while (job := self._queue.get()) is not None:
            job()
            del job  # its bytes need not wait for the next one
        self._desk.close()

    def _run(self, job: Callable[[], object], size: int) -> None:
        try:
            job()
        except Exception as error:  # noqa: BLE001 - the edge (G7): a bug of ours must not end the thread
            self._tell(
                f"captures:{type(error).__name__}",
                f"a capture was dropped: Wiremend failed to write it down ({type(error).__name__})",
            )
        finally:
            self._done += size


class _Desk:
    """What the thread works with."""

    def __init__(self, tell: Callable[[str, str], None], below: Path | None, now: Callable[[], float]) -> None:
        self._tell = tell
        self._below = below
        self._now = now
        self._scrubs = Scrubs()
        self._shelf: Shelf | None = None
        self._path: Path | None = None
        self._descriptor = -1
        self._rolled = 0.0
        self._written = 0
        self._failed: dict[Path, float] = {}
        self._spools: dict[int, Spool] = {}
        self._texts: dict[str, str] = {}
        self._shelved: set[str] = set()

    # -- jobs

    def tidy(self, folder: Path, keep: float, max_size: int) -> None:
        shelf = Shelf(folder, self._below)
        shelf.sweep()
        shelf.tidy(self._now(), keep, max_size, self._path)

    def rules(self, path: Path, digest: str) -> None:
        with suppress(RulesError):
            text = read_rules(path)
            if rules_hash(text) == digest:  # else it was changed meanwhile, and the next reload says so
                self._texts[digest] = text
                while len(self._texts) > _TEXTS:
                    del self._texts[next(iter(self._texts))]

    def spool(self, record: Record, tape: Tape, chunks: Sequence[bytes]) -> None:
        spool = self._spools.get(id(tape))
        if spool is None:
            scrubber = self._scrubs.of(record)
            stream = scrubber.stream(scrubber.secrets_of(record.capture()))
            spool = self._spools[id(tape)] = Spool(stream, record.coding_of(tape, chunks[0]))
        if spool.broken:
            return
        try:
            if spool.descriptor < 0:
                spool.descriptor = self._shelf_for(record.folder).spool()
            spool.add(chunks)
        except OSError as error:
            spool.broken = True
            self._unwritable(record.folder, error)
        except Exception:
            spool.broken = True
            raise

    def drop(self, record: Record) -> None:
        """Forget what was spooled."""
        for tape in (record.tapes.heard, record.tapes.said):
            spool = self._spools.pop(id(tape), None)
            if spool is not None and spool.descriptor >= 0:
                os.close(spool.descriptor)

    def keep(self, record: Record) -> None:
        """Scrub a record and append it to the file."""
        try:
            scrubber = self._scrubs.of(record)
            spooled = self._spooled(record)
            if spooled is not None and not self._waits(record.folder):
                state = self._scrubbed(record, scrubber, spooled)
                self._append(record, dump(state), scrubber)
        except OSError as error:
            self._unwritable(record.folder, error)
        finally:
            self.drop(record)

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor, self._path = -1, None

    # -- how

    @staticmethod
    def _scrubbed(record: Record, scrubber: Scrubber, spooled: dict[str, Spooled]) -> dict[str, Any]:
        decoded = [place for place, body in spooled.items() if body.decoded]
        capture = as_decoded(scrubber.capture(record.capture()), decoded)
        about = record.about
        clean = replace(
            about,
            comment=scrubber.text(about.comment),
            marked=scrubber.text(about.marked),
            seen={str(key): _clean(value, scrubber) for key, value in about.seen.items()},
        )
        return state_of(capture, clean, spooled)

    def _spooled(self, record: Record) -> dict[str, Spooled] | None:
        """Finish the spool files of a record; None where one of them is broken."""
        found: dict[str, Spooled] = {}
        last = f"attempts/{len(record.past)}/response"
        for place, tape in ((last, record.tapes.heard), ("answer", record.tapes.said)):
            if not tape.spooled:
                continue
            spool = self._spools.get(id(tape))
            if spool is None or spool.broken:
                return None
            spool.close()
            cuts = cuts_to_text(spool.cuts(tape))
            found[place] = Spooled(Stored(spool.descriptor, spool.size), cuts, decoded=spool.coded)
        return found

    def _append(self, record: Record, pieces: list[bytes | Stored], scrubber: Scrubber) -> None:
        self._roll(record)
        self._keep_rules(record, scrubber)
        end = os.lseek(self._descriptor, 0, os.SEEK_END)
        self._written += sum(len(piece) if isinstance(piece, bytes) else piece.size for piece in pieces)
        try:
            _write_pieces(self._descriptor, pieces)
        except OSError:
            with suppress(OSError):  # so that the file can still be read to its end
                os.ftruncate(self._descriptor, end)
            self.close()
            raise

    def _roll(self, record: Record) -> None:
        """Begin a new file where it is time, where the rules want another folder, or where the old one was removed."""
        now, folder = self._now(), record.folder
        same = self._path is not None and self._path.parent == folder and os.fstat(self._descriptor).st_nlink
        if not same or now - self._rolled >= AN_HOUR:
            self.close()
            self._path, self._descriptor = self._shelf_for(folder).begin(now)
            self._rolled = now
            self._shelved.clear()
        elif self._written < TIDIED:
            return
        self._written = 0
        settings = record.resolved.rules.capture
        self._shelf_for(folder).tidy(now, settings.keep, settings.max_size, self._path)

    def _keep_rules(self, record: Record, scrubber: Scrubber) -> None:
        digest = record.resolved.rules.hash
        text = self._texts.get(digest)
        if text is not None and digest not in self._shelved:
            self._shelf_for(record.folder).keep_rules(digest, scrubber.text(text))
            self._shelved.add(digest)

    def _shelf_for(self, folder: Path) -> Shelf:
        if self._shelf is None or self._shelf.folder != folder:
            self._shelf = Shelf(folder, self._below)
        return self._shelf

    def _waits(self, folder: Path) -> bool:
        """Tell whether a folder failed so short a while ago that it is not tried again yet."""
        failed = self._failed.get(folder)
        if failed is not None and self._now() - failed < RETRY:
            return True
        self._failed.pop(folder, None)
        return False

    def _unwritable(self, folder: Path, error: OSError) -> None:
        self.close()
        self._failed[folder] = self._now()
        why = error.strerror or str(error)
        self._tell(
            f"captures:{folder}:{why}",
            f"captures cannot be kept in {folder}: {why}; the traffic goes on, and it is tried again every minute",
        )


def as_decoded(capture: Capture, places: Collection[str]) -> Capture:
    """Give a capture whose heads say that the bodies at these places are not compressed, as they are kept."""
    if not places:
        return capture
    answer, attempts = capture.answer, list(capture.attempts)
    if answer is not None and "answer" in places:
        answer = replace(answer, headers=answer.headers.without("content-encoding"))
    for number, attempt in enumerate(attempts):
        response = attempt.response
        if response is not None and f"attempts/{number}/response" in places:
            headers = response.headers.without("content-encoding")
            attempts[number] = replace(attempt, response=replace(response, headers=headers))
    what = "a compressed body is kept decoded: it was too large for the memory"
    notes = (*capture.notes, Note("seen", "body", "", what, "secrets are looked for in what was decoded"))
    return replace(capture, answer=answer, attempts=tuple(attempts), notes=notes)


def _clean(value: Any, scrubber: Scrubber) -> Any:  # noqa: ANN401 - what mitmproxy's metadata may hold
    match value:
        case str():
            return scrubber.text(value)
        case dict():
            return {str(key): _clean(inner, scrubber) for key, inner in value.items()}
        case list() | tuple():
            return [_clean(inner, scrubber) for inner in value]
        case bool() | int() | float() | None:
            return value
        case _:
            return None


def _write_pieces(descriptor: int, pieces: list[bytes | Stored]) -> None:
    """Write pieces in order, those in memory in one go."""
    waiting: list[bytes] = []
    for piece in pieces:
        if isinstance(piece, bytes):
            waiting.append(piece)
            continue
        write_all(descriptor, b"".join(waiting))
        waiting = []
        for part in piece.parts():
            write_all(descriptor, part)
    write_all(descriptor, b"".join(waiting))
