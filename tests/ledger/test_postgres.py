"""A real PostgreSQL as a sink: its tables, its errors, and what becomes of rows when it is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from tests.ledger.kit import Told, entry, journal, names, row, wait_until
from tests.ledger.server import PASSWORD, Server, needs_server
from wiremend.ledger.entry import Entry
from wiremend.ledger.postgres import Postgres
from wiremend.ledger.row import ToolRow, Try
from wiremend.ledger.schema import CALLS, POSTGRES
from wiremend.ledger.segments import Segments
from wiremend.ledger.sink import Position, RowRefusedError, SinkDownError
from wiremend.ledger.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HERE = Position("s", 1, 100)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Give a server that runs."""
    with Server() as made:
        yield made


@pytest.fixture
def clean(server: Server) -> Server:
    """Give it without anything of ours."""
    server.do("DROP SCHEMA IF EXISTS wiremend CASCADE")
    server.do("DROP SCHEMA IF EXISTS other CASCADE")
    return server


# -- addresses


@pytest.mark.parametrize(
    ("address", "name"),
    (
        ("postgresql://u:FAKE-secret@db.example.com:6543/postgres?sslmode=require", "postgresql://db.example.com:6543/postgres"),
        ("postgres://u:FAKE-secret@[::1]:5432/x", "postgresql://[::1]:5432/x"),
        ("postgresql://db/x?user=u&password=FAKE-secret", "postgresql://db/x"),
        ("postgresql:///x?host=/run/postgresql&user=u&password=FAKE-secret", "postgresql:///run/postgresql/x"),
        ("postgresql://u:FAKE-secret@a:1,b:2/x", "postgresql://a:1,b:2/x"),
    ),
)  # fmt: skip
def test_a_sink_is_named_by_host_and_database_alone(address: str, name: str) -> None:
    assert Postgres(address).name == name


@pytest.mark.parametrize(
    "address",
    (
        "postgresql://u:FAKE/secret@db/x",
        "postgresql://u:FAKE@secret@db/x?options=a@b",
        "postgresql://u:FAKE-secret/x",
        "postgresql://u:p@db/x?schema=FAKE-secret; drop",
    ),
)
def test_an_address_that_cannot_be_one_is_refused_without_being_quoted(address: str) -> None:
    with pytest.raises(ValueError, match="postgresql:// ledger") as refused:
        Postgres(address)
    assert "FAKE" not in str(refused.value)


def test_the_key_is_of_the_place_and_not_of_the_password() -> None:
    def key(address: str) -> str:
        return Postgres(address).key

    assert key("postgresql://u:old@h/d") == key("postgresql://u:new@h/d") == key("postgres://u:x@h/d?sslmode=require")
    others = ("postgresql://v:old@h/d", "postgresql://u:old@g/d", "postgresql://u@h:1/d", "postgresql://u@h/d?schema=s")
    assert len({key(address) for address in (*others, "postgresql://u@h/d", "postgresql://u@h/e")}) == 6


# -- rows


@needs_server
def test_a_row_is_there_as_it_was(clean: Server) -> None:
    tries = (Try("kimi", "k2", 429, "status", 0.0, 0.2), Try("deepseek", "v4", 200, None, 1.5, 3.0))
    call = row(
        "a", 1234.5, agent="x", attempts=tries, mended=("url",), losses=("l",), seen=("s",), input_tokens=12,
        reasoning_tokens=3, overhead_ms=1.25, capture="a", stop_reason="end_turn", error="it's \"quoted\" — ü %s\n",
    )  # fmt: skip
    sink = Postgres(clean.address)
    sink.write([Entry(call, (ToolRow("a", "t1", "ls", 17), ToolRow("a", "", "rm", 0)))], HERE)
    names_ = ", ".join(f'extract(epoch from "{c.name}")::float8' if c.kind == "time" else f'"{c.name}"' for c in CALLS)
    (found,) = clean.ask(f"SELECT {names_} FROM wiremend.calls")  # noqa: S608 - names of ours
    for column, value in zip(CALLS, found, strict=True):
        had = getattr(call, column.name)
        if column.name == "attempts":
            had = [{name: getattr(one, name) for name in Try.__struct_fields__} for one in had]
        assert value == (list(had) if column.kind == "list" else had), column.name
    tools = clean.ask("SELECT call, number, id, name, argument_bytes, result_seen, result_at FROM wiremend.tool_calls")
    assert tools == [("a", 0, "t1", "ls", 17, False, None), ("a", 1, "", "rm", 0, False, None)]
    assert sink.position("s") == HERE
    assert sink.position("another") == Position("another", 0, 0)
    sink.close()


@needs_server
def test_rows_that_are_there_are_left_as_they_are_and_results_mark_the_latest(clean: Server) -> None:
    sink = Postgres(clean.address)
    sink.write([entry("a", ["t"], client="first")], HERE)
    sink.write([entry("a", ["t"], client="second"), entry("b")], HERE)
    assert clean.ask("SELECT id, client FROM wiremend.calls ORDER BY serial") == [
        ("a", "first"),
        ("b", "claude-code"),
    ]
    sink.write(
        [
            entry("old", ["ls:0"], at=1.0),
            entry("new", ["ls:0", "other"], at=2.0),
            entry("of codex", ["ls:0"], at=3.0, client="codex"),
            entry("later", ["ls:0"], ["ls:0", "never called"], at=4.0),
        ],
        HERE,
    )
    seen = clean.ask("SELECT call, id, extract(epoch from result_at)::int FROM wiremend.tool_calls WHERE result_seen")
    assert seen == [("new", "ls:0", 4)]
    sink.close()


@needs_server
def test_tables_are_made_once_by_many_who_come_at_once(clean: Server) -> None:
    failed: list[Exception] = []

    def write(name: str) -> None:
        try:
            sink = Postgres(clean.address)
            sink.write([entry(name)], Position(name))
            sink.close()
        except Exception as error:  # noqa: BLE001 - told below
            failed.append(error)

    threads = [threading.Thread(target=write, args=(name,)) for name in names(0, 8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert sorted(clean.ask("SELECT id FROM wiremend.calls")) == [(name,) for name in names(0, 8)]
    assert clean.ask("SELECT version FROM wiremend.ledger_version") == [(len(POSTGRES),)]


@needs_server
def test_a_user_who_may_not_make_a_schema_uses_the_one_that_is_there(clean: Server) -> None:
    clean.do("DROP ROLE IF EXISTS small")
    clean.do("CREATE ROLE small LOGIN PASSWORD 'FAKE-small'")
    address = f"postgresql://small:FAKE-small@127.0.0.1:{clean.port}/postgres?schema=other"
    with pytest.raises(SinkDownError, match="the user may not do that"):
        Postgres(address).position("s")
    clean.do("CREATE SCHEMA other AUTHORIZATION small")
    sink = Postgres(address)
    sink.write([entry("a")], HERE)
    sink.close()
    assert clean.ask("SELECT id FROM other.calls") == [("a",)]


@needs_server
def test_tables_of_a_newer_version_are_left_alone(clean: Server) -> None:
    sink = Postgres(clean.address)
    sink.write([entry("a")], HERE)
    sink.close()
    clean.do("UPDATE wiremend.ledger_version SET version = 99")
    with pytest.raises(SinkDownError, match="a newer Wiremend"):
        sink.write([entry("b")], HERE)


@needs_server
def test_a_row_that_does_not_fit_is_refused_and_nothing_else_lost(clean: Server, tmp_path: Path) -> None:
    sink, told = Postgres(clean.address), Told()
    with pytest.raises(RowRefusedError, match="out of range"):
        sink.write([entry("a"), entry("b", input_tokens=10**30)], HERE)
    assert clean.ask("SELECT count(*) FROM wiremend.calls") == [(0,)]
    clean.do("ALTER TABLE wiremend.calls ADD CONSTRAINT no_teapots CHECK (status <> 418)")
    made = journal(tmp_path, sink.key)
    for number, name in enumerate(names(0, 9)):
        made.append(entry(name, status=418 if number == 4 else 200, error="FAKE words \0 of a row"))
    assert Writer(sink, tmp_path, told, first_wait=0.001).once()
    rows = [name for (name,) in clean.ask("SELECT id FROM wiremend.calls ORDER BY serial")]
    assert rows == [*names(0, 4), *names(5, 9)]
    (message,) = told.messages
    assert "does not take the row call-000004" in message
    assert "no_teapots" in message
    assert "FAKE" not in message
    sink.close()


@needs_server
def test_a_table_that_is_locked_makes_nobody_wait_for_ever(clean: Server) -> None:
    sink = Postgres(clean.address, statement=1)
    sink.write([entry("a")], HERE)
    with clean.connect() as db, db.transaction():
        db.execute("LOCK TABLE wiremend.calls")
        with pytest.raises(SinkDownError, match="statement timeout"):
            sink.write([entry("b")], HERE)
    sink.write([entry("b")], HERE)
    sink.close()


@needs_server
def test_a_connection_that_the_server_closed_is_no_outage(clean: Server, tmp_path: Path) -> None:
    sink, told = Postgres(clean.address), Told()
    made = journal(tmp_path, sink.key)
    served = Writer(sink, tmp_path, told)
    for name in names(0, 3):
        made.append(entry(name))
        assert served.once()
        clean.do("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    assert [name for (name,) in clean.ask("SELECT id FROM wiremend.calls ORDER BY serial")] == names(0, 3)
    assert told.messages == []
    sink.close()


@needs_server
def test_a_connection_keeps_nothing_that_a_pooler_would_mix_up(clean: Server) -> None:
    """Behind a pooler each transaction may be on another connection: nothing is prepared, set or locked for long."""
    sink = Postgres(clean.address)
    for name in names(0, 12):
        sink.write([entry(name, ["t"], ["t"])], HERE)
    assert sink._db is not None
    for query in (
        "SELECT count(*) FROM pg_prepared_statements",
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'",
    ):
        assert sink._db.execute(query.encode()).fetchone() == (0,)
    assert sink._db.execute("SHOW statement_timeout").fetchone() == ("0",)
    sink.close()


@needs_server
@pytest.mark.parametrize(
    ("change", "said"),
    (
        (("wiremend:", "wiremend:not"), "password authentication failed"),
        (("/postgres", "/nowhere"), "does not exist"),
        (("/postgres", "/postgres?bogus=FAKE"), "the address cannot be read"),
    ),
)
def test_no_error_shows_the_address(clean: Server, change: tuple[str, str], said: str) -> None:
    with pytest.raises(SinkDownError, match=said) as failed:
        Postgres(clean.address.replace(*change)).position("s")
    for secret in (PASSWORD, "FAKE", "wiremend:", "p@ss"):
        assert secret not in str(failed.value)


# -- killed


@needs_server
def test_a_server_that_is_killed_in_the_middle_has_every_row_once_and_in_order(tmp_path: Path) -> None:
    """Rows are written all the while; the server is killed and started again on the same files, three times."""
    with Server() as server:
        sink, told = Postgres(server.address), Told()
        made = journal(tmp_path, sink.key, rotate=30_000)
        served = Writer(sink, tmp_path, told, first_wait=0.05)
        served.start()
        written = 0
        for _ in range(3):
            for name in names(written, written + 800):
                made.append(entry(name, [f"tool {name}"]))
                served.wake()
            written += 800
            wait_until(lambda: served.state.up is True, "the sink to take rows")
            server.kill()
            for name in names(written, written + 200):
                made.append(entry(name, [f"tool {name}"]))
            written += 200
            wait_until(lambda: served.state.up is False, "the writer to notice")
            server.start()
        made.close()
        wait_until(lambda: not Segments(tmp_path).all(), "all rows to be taken")
        served.stop(10.0)
        assert served.join()
        rows = [name for (name,) in server.ask("SELECT id FROM wiremend.calls ORDER BY serial")]
        assert rows == names(0, written)
        assert server.ask("SELECT count(*), count(DISTINCT call) FROM wiremend.tool_calls") == [(written, written)]
        sink.close()
        assert all(PASSWORD not in message for message in told.messages)


_SERVES = """
import sys
from pathlib import Path
from tests.ledger.kit import Told
from wiremend.ledger.postgres import Postgres
from wiremend.ledger.writer import Writer
served = Writer(Postgres(sys.stdin.readline().strip()), Path(sys.argv[1]), Told())
print("begins", flush=True)
while True:
    served.once()
    print(served.state.written, flush=True)
"""


@needs_server
def test_a_process_that_is_killed_while_it_writes_neither_loses_nor_doubles_a_row(
    clean: Server, tmp_path: Path
) -> None:
    sink = Postgres(clean.address)
    made = journal(tmp_path, sink.key, rotate=30_000)
    written = 0
    for round_ in range(4):
        for name in names(written, written + 600):
            made.append(entry(name))
        written += 600
        child = subprocess.Popen(
            [sys.executable, "-c", _SERVES, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(clean.address.encode() + b"\n")
        child.stdin.flush()
        child.stdout.readline()
        if round_ % 2:
            child.stdout.readline()
        elif not round_:
            wait_until(lambda: clean.ask("SELECT to_regclass('wiremend.calls')") != [(None,)], "it to begin")
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdin.close()
        child.stdout.close()
    made.close()
    assert Writer(sink, tmp_path, Told()).once()
    assert [name for (name,) in clean.ask("SELECT id FROM wiremend.calls ORDER BY serial")] == names(0, written)
    assert Segments(tmp_path).all() == []
    sink.close()
