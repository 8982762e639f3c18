"""One thread a sink: takes what the journal holds, in order, and writes it where it is to be.

A sink that is down is asked again after a while, longer each time, and gets what waited when it is back. A row that it
does not want is set aside after a few tries, so that it holds up no other. Several processes may write for one sink;
one of them at a time serves it, for all, and takes over what those that were killed have left.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from wiremend.ledger.entry import from_line
from wiremend.ledger.segments import LIMIT, Segment, Segments
from wiremend.ledger.sink import Position, RowRefusedError, SinkDownError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from wiremend.ledger.entry import Entry
    from wiremend.ledger.sink import Sink

READ: Final = 1024 * 1024
"""Bytes of the journal that are read at once, and :data:`ROWS`, the rows."""

ROWS: Final = 500
PAUSE: Final = 0.05
"""Seconds of rest after a batch at most. It is as long as the batch took: the event loop has the other half."""

LINGER: Final = 0.1
"""Seconds that a new row waits for others to go with it."""

LOOK: Final = 1.0
"""Seconds after which the journal is looked at for what other processes wrote."""

FIRST_WAIT: Final = 1.0
LONGEST_WAIT: Final = 60.0
LONGEST_ASKED: Final = 600.0
"""Seconds for which a sink is left alone at most, where it asks for that itself."""

TRIES: Final = 3
"""How often a row is offered that the sink does not want."""

DOUBTED: Final = 30
"""How often a row is offered that the sink fails at, which may be the row's fault: for half an hour, or so."""

LASTING: Final = 60.0
"""Seconds that a sink is up again before its next failure is told as another one."""

TIDYING: Final = 3600.0


@dataclass(frozen=True, slots=True)
class State:
    """How a sink fares. ``up`` is None until it was asked for the first time; ``error`` is why it is down.

    ``waiting`` counts the rows that the journal holds for it, ``written`` those that this process gave it, ``refused``
    those of them that it did not want, ``lost`` those that the journal had no room for.
    """

    name: str
    up: bool | None = None
    waiting: int = 0
    written: int = 0
    refused: int = 0
    lost: int = 0
    error: str | None = None


class Writer:
    """The thread of a sink. ``tell`` logs a warning, once for each key; it is called in the thread."""

    def __init__(
        self,
        sink: Sink,
        folder: Path,
        tell: Callable[[str, str], None],
        *,
        limit: int = LIMIT,
        first_wait: float = FIRST_WAIT,
    ) -> None:
        """Prepare; :meth:`start` starts the thread."""
        self.sink = sink
        self.state = State(sink.name)
        self._segments = Segments(folder)
        self._tell = tell
        self._limit = limit
        self._first_wait = first_wait
        self._wait = first_wait
        self._rests_until = 0.0
        self._new = threading.Event()
        self._stopping = threading.Event()
        self._ends_at = float("inf")
        self._thread = threading.Thread(target=self._work, name=f"wiremend: ledger {sink.key}", daemon=True)
        self._tidied = 0.0
        self._failed_at = float("-inf")
        self._outages = 0
        self._counts: dict[tuple[Segment, int], tuple[int, int]] = {}
        self._positions: dict[str, Position] = {}
        self._failing: Position | None = None
        self._failures = 0

    # -- for the event loop

    def start(self) -> None:
        """Begin to write, if it has not begun."""
        if self._thread.ident is None:
            self._thread.start()

    def wake(self) -> None:
        """Say that there is something new."""
        if not self._new.is_set():
            self._new.set()

    def stop(self, seconds: float) -> None:
        """Ask the thread to write what there is, for so many seconds at most, and to end. Waits for nothing."""
        self._ends_at = time.monotonic() + seconds
        self._stopping.set()
        self._new.set()

    def join(self) -> bool:
        """Wait for the end that was asked for; False where a sink hangs, and its rows stay in the journal."""
        if self._thread.ident is not None:
            self._thread.join(max(self._ends_at - time.monotonic(), 0.0))
        return not self._thread.is_alive()

    # -- in the thread

    def _work(self) -> None:
        while not self._stopping.is_set():
            self._new.wait(LOOK)
            self._new.clear()
            resting = self._rests_until - time.monotonic()
            if self._stopping.wait(max(resting, LINGER)):
                break
            self.once()
        self.once()
        self.sink.close()

    def once(self) -> bool:
        """Write what there is; False where the sink or the disk failed, and it is to be tried again."""
        try:
            self._tidy()
            waiting = self._segments.waiting(self.sink.key)
            news = [segment for segment in waiting if self._has_news(segment)]
            if news:
                with self._segments.serving(self.sink.key) as mine:
                    if mine:
                        self._serve(news)
            if news or not waiting:
                self._count()
        except SinkDownError as error:
            self._is_down(str(error), error.after)
        except OSError as error:
            self._is_down(f"the journal cannot be read: {error.strerror or type(error).__name__}", None)
        except Exception as error:  # noqa: BLE001 - the edge (G7): a bug of ours must not end the thread
            self._is_down(f"Wiremend failed to write ({type(error).__name__})", None)
        else:
            return True
        return False

    def _has_news(self, segment: Segment) -> bool:
        """Tell whether the sink has to be asked: it is not where nothing was written since."""
        at = self._at(segment)
        return at is None or self._segments.size(segment) > at or self._segments.is_final(segment)

    def _at(self, segment: Segment) -> int | None:
        """Give where to go on in a segment, by what is known of its stream; None where nothing is."""
        position = self._positions.get(segment.stream)
        if position is None:
            return None
        if position.segment > segment.number:
            return self._segments.size(segment)
        start = self._segments.header(segment)[1]
        return max(position.at, start) if position.segment == segment.number else start

    def _serve(self, waiting: list[Segment]) -> None:
        asked: set[str] = set()
        for segment in waiting:
            if segment.stream not in asked:  # another process may have served the sink meanwhile
                self._positions[segment.stream] = self.sink.position(segment.stream)
                asked.add(segment.stream)
            if not self._take(segment):
                return

    def _take(self, segment: Segment) -> bool:
        """Take what a segment has; False where there is no more time."""
        while (began := time.monotonic()) < self._ends_at:
            found = self._segments.read(segment, self._at(segment) or 0, ROWS, READ)
            if found is None:
                return True
            if found.lines:
                self._write(segment, found.lines, found.ends)
                self._stopping.wait(min(time.monotonic() - began, PAUSE))
                continue
            if found.torn:
                self._tell(
                    f"ledger:torn:{segment.name}", f"the journal's {segment.name} breaks off in a row, which is lost"
                )
            if found.final:
                self._segments.taken(segment, self.sink.key)
            return True
        return False

    def _write(self, segment: Segment, lines: tuple[bytes, ...], ends: tuple[int, ...]) -> None:
        entries = [from_line(line) for line in lines]
        good = [entry for entry in entries if entry is not None]
        try:
            if len(good) == len(lines) <= self.sink.batch:
                self._put(good, Position(segment.stream, segment.number, ends[-1]))
                return
        except RowRefusedError:
            pass  # one of them: which, is found by asking for each
        for line, entry, end in zip(lines, entries, ends, strict=True):
            if time.monotonic() >= self._ends_at:
                return
            position = Position(segment.stream, segment.number, end)
            if entry is None:
                self._refused(line, None, "it is no row", position)
            else:
                self._offer(entry, line, position)

    def _offer(self, entry: Entry, line: bytes, position: Position) -> None:
        """Write one row, or set it aside where the sink does not want it."""
        why = ""
        for number in range(TRIES):
            if number and self._stopping.wait(self._first_wait):
                raise SinkDownError(why)  # there is no time left for it; it stays where it is
            try:
                self._put([entry], position)
            except RowRefusedError as error:
                why = str(error)
            except SinkDownError as error:
                if not error.one_row or self._fails_at(position) < DOUBTED:
                    raise
                why = str(error)
                break
            else:
                return
        self._refused(line, entry, why, position)

    def _fails_at(self, position: Position) -> int:
        """Count the times that the sink failed at the row that ends here."""
        self._failures = self._failures + 1 if position == self._failing else 1
        self._failing = position
        return self._failures

    def _put(self, entries: list[Entry], position: Position) -> None:
        self.sink.write(entries, position)
        self._positions[position.stream] = position
        self._is_up()
        self.state = replace(self.state, written=self.state.written + len(entries))

    def _refused(self, line: bytes, entry: Entry | None, why: str, position: Position) -> None:
        name = entry.call.id if entry is not None else "without an id"
        self._segments.refuse(self.sink.key, line)
        self._put([], position)
        self.state = replace(self.state, refused=self.state.refused + 1)
        place = self._segments.folder / f"{self.sink.key}.refused.jsonl"
        self._tell(
            f"ledger:{self.sink.key}:{name}",
            f"the ledger {self.sink.name} does not take the row {name}: {why}; it is set aside in {place}",
        )

    # -- how the sink fares

    def _is_up(self) -> None:
        if self.state.up is False:
            self._tell(f"ledger:{self.sink.key}:back:{self._outages}", f"the ledger {self.sink.name} is back")
        self.state = replace(self.state, up=True, error=None)
        self._wait, self._rests_until = self._first_wait, 0.0

    def _is_down(self, why: str, after: float | None) -> None:
        now = time.monotonic()
        if self.state.up is not False and now - self._failed_at > LASTING:
            self._outages += 1
        self._failed_at = now
        self.sink.close()
        wait = self._wait if after is None else min(max(after, self._first_wait), LONGEST_ASKED)
        self._rests_until = now + wait
        self._wait = min(self._wait * 2, LONGEST_WAIT)
        self.state = replace(self.state, up=False, error=why)
        self._tell(
            f"ledger:{self.sink.key}:down:{self._outages}",
            f"the ledger {self.sink.name} takes no rows: {why}; they wait in {self._segments.folder}",
        )
        self._count()

    def _count(self) -> None:
        """Count what waits."""
        counts: dict[tuple[Segment, int], tuple[int, int]] = {}
        try:
            for segment in self._segments.waiting(self.sink.key):
                at = self._at(segment)
                if at is None:
                    at = self._segments.header(segment)[1]
                until, known = self._counts.get((segment, at), (at, 0))
                size = self._segments.size(segment)
                counts[segment, at] = size, known + self._segments.rows(segment, until, size)
        except OSError:
            return
        self._counts = counts
        self.state = replace(self.state, waiting=sum(count for _, count in counts.values()))

    def _tidy(self) -> None:
        """Hold the journal in its bounds."""
        lost, keys = self._segments.shrink(self._limit)
        if lost and self.sink.key in keys:
            self.state = replace(self.state, lost=self.state.lost + lost)
        if lost:
            self._tell(
                f"ledger:full:{self._segments.folder}",
                f"the journal in {self._segments.folder} holds more than {self._limit >> 20} MiB because a ledger is"
                f" down: its oldest rows are dropped, {lost} of them now",
            )
        now = time.monotonic()
        if not self._tidied or now - self._tidied >= TIDYING:
            self._tidied = now
            self._segments.forsake(time.time(), {self.sink.key})
