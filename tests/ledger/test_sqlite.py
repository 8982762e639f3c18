"""The embedded database: what its tables hold, whom it lets read, and what it says where it cannot."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.ledger.kit import Told, entry, journal, names, row
from wiremend.ledger.entry import Entry
from wiremend.ledger.row import CallRow, ToolRow, Try
from wiremend.ledger.schema import APPLICATION, CALLS, POSTGRES, SQLITE, TOOLS
from wiremend.ledger.segments import Segments
from wiremend.ledger.sink import Position, RowRefusedError, SinkDownError
from wiremend.ledger.sqlite import Sqlite, migrate
from wiremend.ledger.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Position("s", 1, 100)


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sqlite]:
    """Give a database that is not there yet."""
    with closing(Sqlite(tmp_path / "l.sqlite", busy=0.01)) as made:
        yield made


def ask(path: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute(query).fetchall()


def test_every_field_of_a_row_is_a_column() -> None:
    assert {column.name for column in CALLS} == set(CallRow.__struct_fields__)
    assert set(TOOLS) == {*ToolRow.__struct_fields__, "number"}
    assert len(SQLITE) == len(POSTGRES)


def test_a_row_is_there_as_it_was(sink: Sqlite, tmp_path: Path) -> None:
    tries = (Try("kimi", "k2", 429, "status", 0.0, 0.2), Try("deepseek", "v4", 200, None, 1.5, 3.0))
    call = row(
        "a", 1234.5, agent="x", attempts=tries, mended=("url",), losses=("l",), seen=("s",), input_tokens=12,
        reasoning_tokens=3, overhead_ms=1.25, capture="a", stop_reason="end_turn", error="it's \"quoted\" — ü\n",
    )  # fmt: skip
    sink.write([Entry(call, (ToolRow("a", "t1", "ls", 17), ToolRow("a", "", "rm", 0)))], HERE)
    with closing(sqlite3.connect(tmp_path / "l.sqlite")) as db:
        db.row_factory = sqlite3.Row
        (found,) = db.execute("SELECT * FROM calls").fetchall()
    for column in CALLS:
        value = getattr(call, column.name)
        if column.kind == "list":
            assert json.loads(found[column.name]) == json.loads(json.dumps([_built(one) for one in value]))
        else:
            assert found[column.name] == value, column.name
    tools = ask(tmp_path / "l.sqlite", f"SELECT {', '.join(TOOLS)}, result_at FROM tool_calls")  # noqa: S608 - names of ours
    assert tools == [("a", 0, "t1", "ls", 17, 0, None), ("a", 1, "", "rm", 0, 0, None)]
    assert sink.position("s") == HERE
    assert sink.position("another") == Position("another", 0, 0)


def _built(one: object) -> object:
    return {name: getattr(one, name) for name in Try.__struct_fields__} if isinstance(one, Try) else one


def test_rows_that_are_there_are_left_as_they_are(sink: Sqlite) -> None:
    sink.write([entry("a", ["t"], client="first")], HERE)
    sink.write([entry("a", ["t"], client="second"), entry("b")], HERE)
    assert ask(sink.path, "SELECT id, client FROM calls ORDER BY rowid") == [("a", "first"), ("b", "claude-code")]
    assert ask(sink.path, "SELECT count(*) FROM tool_calls") == [(1,)]


def test_a_result_marks_the_latest_call_of_that_id_by_that_client_before_it(sink: Sqlite) -> None:
    """Providers use ids again (``functions.ls:0``), and agents run side by side."""
    sink.write(
        [
            entry("old", ["ls:0"], at=1.0),
            entry("new", ["ls:0", "other"], at=2.0),
            entry("of codex", ["ls:0"], at=3.0, client="codex"),
            entry("later", ["ls:0"], ["ls:0", "never called"], at=4.0),
        ],
        HERE,
    )
    sink.write([entry("again", (), ["ls:0"], at=4.0)], HERE)  # the same request, sent once more
    assert ask(sink.path, "SELECT call, id, result_seen, result_at FROM tool_calls ORDER BY rowid") == [
        ("old", "ls:0", 0, None),
        ("new", "ls:0", 1, 4.0),
        ("new", "other", 0, None),
        ("of codex", "ls:0", 0, None),
        ("later", "ls:0", 0, None),
    ]


def test_the_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with closing(Sqlite(tmp_path / "state" / "l.sqlite")) as sink:
            sink.write([entry("a")], HERE)
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "state").iterdir()}
    finally:
        os.umask(before)
    assert modes == {"l.sqlite": 0o600, "l.sqlite-wal": 0o600, "l.sqlite-shm": 0o600}
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    assert ask(sink.path, "PRAGMA journal_mode") == [("wal",)]


def test_a_batch_is_all_or_nothing(sink: Sqlite) -> None:
    with pytest.raises(RowRefusedError):
        sink.write([entry("a"), entry("b", input_tokens=10**30)], HERE)
    assert ask(sink.path, "SELECT count(*) FROM calls") == [(0,)]
    assert sink.position("s") == Position("s", 0, 0)
    sink.write([entry("a")], HERE)
    assert ask(sink.path, "SELECT id FROM calls") == [("a",)]


def test_a_constraint_of_the_users_own_refuses_just_the_row(sink: Sqlite, tmp_path: Path) -> None:
    told = Told()
    sink.write([entry("first")], HERE)
    with closing(sqlite3.connect(sink.path)) as db:
        db.executescript(
            "CREATE TRIGGER no BEFORE INSERT ON calls WHEN new.status = 418"
            " BEGIN SELECT RAISE(ABORT, 'no teapots'); END"
        )
    made = journal(tmp_path / "j", sink.key)
    for number, name in enumerate(names(0, 9)):
        made.append(entry(name, status=418 if number == 4 else 200))
    assert Writer(sink, tmp_path / "j", told, first_wait=0.001).once()
    rows = [name for (name,) in ask(sink.path, "SELECT id FROM calls ORDER BY rowid")]
    assert rows == ["first", *names(0, 4), *names(5, 9)]
    assert "does not take the row call-000004: no teapots" in told.messages[0]


def test_a_database_that_is_locked_is_down_and_not_the_row_refused(sink: Sqlite) -> None:
    sink.write([entry("a")], HERE)
    with closing(sqlite3.connect(sink.path, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        with pytest.raises(SinkDownError, match="locked"):
            sink.write([entry("b")], HERE)
        db.execute("ROLLBACK")
    sink.write([entry("b")], HERE)
    assert ask(sink.path, "SELECT id FROM calls ORDER BY rowid") == [("a",), ("b",)]


def test_a_file_that_was_removed_or_replaced_is_made_anew(sink: Sqlite, tmp_path: Path) -> None:
    sink.write([entry("a")], HERE)
    for path in list(tmp_path.iterdir()):
        path.unlink()
    sink.write([entry("b")], HERE)
    assert ask(sink.path, "SELECT id FROM calls") == [("b",)]


@pytest.mark.parametrize(
    ("prepare", "said"),
    (
        ("CREATE TABLE calls (theirs)", "another program"),
        ("PRAGMA application_id = 7", "another program"),
        (f"PRAGMA application_id = {APPLICATION}; PRAGMA user_version = 99", "a newer Wiremend"),
    ),
)
def test_a_file_that_is_not_ours_is_left_alone(tmp_path: Path, prepare: str, said: str) -> None:
    path = tmp_path / "theirs.sqlite"
    with closing(sqlite3.connect(path)) as db:
        db.executescript(prepare)
    before = ask(path, "SELECT * FROM sqlite_master")
    with pytest.raises(SinkDownError, match=said):
        Sqlite(path).write([entry("a")], HERE)
    assert ask(path, "SELECT * FROM sqlite_master") == before


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("this is no database " * 100)
    with pytest.raises(SinkDownError, match="not a database"):
        Sqlite(path).position("s")
    assert path.read_text() == "this is no database " * 100


def test_a_folder_that_cannot_be_made_is_down(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkDownError):
        Sqlite(tmp_path / "file" / "l.sqlite").position("s")


_SERVES = """
import sys
from pathlib import Path
from tests.ledger.kit import Told
from wiremend.ledger.sqlite import Sqlite, migrate
from wiremend.ledger.writer import Writer
served = Writer(Sqlite(Path(sys.argv[1])), Path(sys.argv[2]), Told())
print("begins", flush=True)
while True:
    served.once()
    print(served.state.written, flush=True)
"""


def test_a_process_that_is_killed_while_it_writes_neither_loses_nor_doubles_a_row(sink: Sqlite, tmp_path: Path) -> None:
    path, folder = sink.path, tmp_path / "j"
    made = journal(folder, sink.key, rotate=20_000)
    written = 0
    for round_ in range(6):
        for name in names(written, written + 700):
            made.append(entry(name, [f"tool {name}"]))
        written += 700
        child = subprocess.Popen(
            [sys.executable, "-c", _SERVES, str(path), str(folder)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert child.stdout is not None
        child.stdout.readline()
        if round_ % 2:
            child.stdout.readline()
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
    made.close()
    assert Writer(sink, folder, Told()).once()
    assert [name for (name,) in ask(path, "SELECT id FROM calls ORDER BY rowid")] == names(0, written)
    assert ask(path, "SELECT count(*) FROM tool_calls") == [(written,)]
    assert Segments(folder).all() == []


def test_the_docs_have_each_column_with_its_types() -> None:
    page = (Path(__file__).parents[2] / "docs" / "ledger.md").read_text("utf-8")
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| (\S+)(?: \(JSON\))? \| ([a-z ]+) \| \S", page, re.MULTILINE)
    told = [(name, sqlite, postgres) for names_, sqlite, postgres in rows for name in re.findall(r"`(\w+)`", names_)]
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        migrate(db)
        made = [
            (name, kind.lower())
            for table in ("calls", "tool_calls")
            for _, name, kind, *_ in db.execute(f"PRAGMA table_info({table})").fetchall()
        ]
    served = [(name, kind) for name, kind, _ in told if name != "serial"]
    assert sorted(served) == sorted(made)
    statements = " ".join(POSTGRES[-1])
    for name, _, kind in told:
        assert re.search(rf'[ (]"?{name}"? {kind}\b', statements), name
