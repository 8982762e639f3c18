"""The embedded sink: a SQLite file for its owner alone."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from wiremend.ledger.schema import APPLICATION, CALLS, POSITIONS_KEPT, SQLITE, TOOLS, values
from wiremend.ledger.segments import make_private
from wiremend.ledger.sink import Position, RowRefusedError, SinkDownError, key_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from wiremend.ledger.entry import Entry

BATCH: Final = 500
"""Rows that one transaction writes at most."""

BUSY: Final = 5.0
"""Seconds for which another writer is waited for."""

_CALL: Final = (
    f"INSERT INTO calls ({', '.join(column.name for column in CALLS)})"  # noqa: S608 - names of ours
    f" VALUES ({', '.join('?' * len(CALLS))}) ON CONFLICT DO NOTHING"
)
_TOOL: Final = (
    f"INSERT INTO tool_calls ({', '.join(TOOLS)}) VALUES ({', '.join('?' * len(TOOLS))})"  # noqa: S608 - as above
    " ON CONFLICT DO NOTHING"
)
_RESULT: Final = """
    UPDATE tool_calls SET result_seen = 1, result_at = coalesce(result_at, :at) WHERE rowid = (
        SELECT tool_calls.rowid FROM tool_calls JOIN calls ON calls.id = tool_calls.call
        WHERE tool_calls.id = :id AND calls.time < :at AND calls.client IS :client
        ORDER BY calls.time DESC, number DESC LIMIT 1)"""
_MOVE: Final = """
    INSERT INTO ledger_positions (stream, segment, at, moved) VALUES (?, ?, ?, ?)
    ON CONFLICT (stream) DO UPDATE SET segment = excluded.segment, at = excluded.at, moved = excluded.moved"""


class Sqlite:
    """A file. ``path`` is absolute; it and its folder are made when the first row comes."""

    def __init__(self, path: Path, busy: float = BUSY) -> None:
        """Touch nothing yet."""
        self.path = path
        self.name = f"sqlite:{path}"
        self.key = key_of(self.name)
        self.batch = BATCH
        self._busy = busy
        self._db: sqlite3.Connection | None = None
        self._file = (0, 0)

    def position(self, stream: str) -> Position:
        """Give how far a stream was taken."""
        with self._trouble():
            found = self._open().execute("SELECT segment, at FROM ledger_positions WHERE stream = ?", (stream,))
            return Position(stream, *(found.fetchone() or (0, 0)))

    def write(self, entries: Sequence[Entry], position: Position) -> None:
        """Write entries in one transaction."""
        with self._trouble(), self._transaction() as db:
            db.executemany(_CALL, [values(entry.call) for entry in entries])
            db.executemany(
                _TOOL,
                [
                    (entry.call.id, number, tool.id, tool.name, tool.argument_bytes, tool.result_seen)
                    for entry in entries
                    for number, tool in enumerate(entry.tools)
                ],
            )
            db.executemany(
                _RESULT,
                [
                    {"id": result, "at": entry.call.time, "client": entry.call.client}
                    for entry in entries
                    for result in entry.results
                ],
            )
            now = time.time()
            db.execute(_MOVE, (position.stream, position.segment, position.at, now))
            db.execute("DELETE FROM ledger_positions WHERE moved < ?", (now - POSITIONS_KEPT,))

    def close(self) -> None:
        """Close the file."""
        db, self._db = self._db, None
        if db is not None:
            with suppress(sqlite3.Error):
                db.close()

    # -- how

    def _open(self) -> sqlite3.Connection:
        if self._db is not None and self._file == _identity(self.path):
            return self._db
        self.close()  # somebody removed the file, or put another in its place
        make_private(self.path.parent)
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))  # its WAL gets the same mode
        db = sqlite3.connect(self.path, timeout=self._busy, isolation_level=None)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")  # the journal forgets what is here
            migrate(db)
        except BaseException:
            db.close()
            raise
        self._db, self._file = db, _identity(self.path)
        return db

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        db = self._open()
        db.execute("BEGIN IMMEDIATE")
        try:
            yield db
            db.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                db.execute("ROLLBACK")
            raise

    @contextmanager
    def _trouble(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.InterfaceError, OverflowError) as error:
            raise RowRefusedError(str(error)) from None
        except sqlite3.Error as error:
            self.close()
            raise SinkDownError(str(error)) from None
        except OSError as error:
            self.close()
            raise SinkDownError(error.strerror or type(error).__name__) from None


def migrate(db: sqlite3.Connection) -> None:
    """Bring the tables up to date, in one transaction.

    Raises SinkDownError where the file is another program's, or a newer Wiremend's.
    """
    if check_version(db) == len(SQLITE):
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        for statements in SQLITE[check_version(db) :]:  # asked again: another process may have done it meanwhile
            for statement in statements:
                db.execute(statement)
        db.execute(f"PRAGMA application_id = {APPLICATION}")
        db.execute(f"PRAGMA user_version = {len(SQLITE)}")
        db.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            db.execute("ROLLBACK")
        raise


def check_version(db: sqlite3.Connection) -> int:
    """Give the version of a file's tables; 0 where it has none. Raises SinkDownError as :func:`migrate` does."""
    (application,) = db.execute("PRAGMA application_id").fetchone()
    (version,) = db.execute("PRAGMA user_version").fetchone()
    (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != APPLICATION and (application or version or tables):
        raise SinkDownError("the file is the database of another program")
    if version > len(SQLITE):
        raise SinkDownError("the file was written by a newer Wiremend")
    return int(version)


def _identity(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except FileNotFoundError:
        return (0, 0)
    return found.st_dev, found.st_ino
