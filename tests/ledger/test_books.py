"""The addon: which sinks there are by the rules, and that an event loop is never kept waiting by one of them."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.ledger.kit import DEADLINE, row, wait_until
from wiremend.ledger.row import ToolRow
from wiremend.ledger.segments import Segments
from wiremend.ledger.sqlite import Sqlite
from wiremend.ledger.stats import read, summed
from wiremend.mitm.books import Books
from wiremend.mitm.house import House
from wiremend.rules.model import Rules
from wiremend.rules.resolve import Resolved

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

NOTHING = Resolved(Rules(file="rules.yaml", hash="", providers={}), {})


class Running:
    """A house with books, in an event loop of the test's own."""

    def __init__(self, folder: Path, *addresses: str) -> None:
        """Load rules with these sinks."""
        self.folder = folder
        self.house = House()
        self.books = Books(self.house)
        self.rules(*addresses)

    def rules(self, *addresses: str) -> None:
        """Put other rules in force."""
        resolved = replace(NOTHING, ledger=addresses)
        for tell in self.house.on_rules:
            tell(self.folder / "rules.yaml", resolved)

    def call(self, name: str, tools: Sequence[str] = (), results: tuple[str, ...] = ()) -> None:
        """End a call."""
        self.house.told(row(name), tuple(ToolRow(name, tool, tool) for tool in tools), results)

    @property
    def status(self) -> dict[str, Any]:
        """What `wiremend status` is told."""
        told: Any = self.house.status["ledger"]()
        return dict(told)

    @property
    def told(self) -> set[str]:
        return self.house._told


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a state folder of the test's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "wiremend"


def ids(path: Path) -> list[str]:
    return [name for (name,) in _ask(path, "SELECT id FROM calls ORDER BY rowid")]


def _ask(path: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute(query).fetchall()


async def _until(holds: Callable[[], bool]) -> None:
    """Wait, in the loop, until something holds."""
    await asyncio.to_thread(wait_until, holds, "the sink")


def _waits(running: Running) -> bool:
    """Tell whether the one sink is down and a row waits for it."""
    (sink,) = running.status["sinks"]
    return sink["up"] is False and sink["waiting"] == 1


def test_nothing_is_written_before_there_is_something_to_write(state: Path) -> None:
    async def run() -> None:
        running = Running(state)
        running.books.running()
        await running.books.done()

    asyncio.run(run())
    assert not state.exists()


def test_a_call_goes_to_the_embedded_ledger_at_the_latest_at_the_end(state: Path) -> None:
    async def run() -> None:
        running = Running(state)
        running.books.running()
        running.call("a", ["t"])
        running.call("b", (), ("t",))
        running.call("", ())
        await running.books.done()
        (sink,) = running.status["sinks"]
        assert sink["name"] == f"sqlite:{state / 'ledger.sqlite'}"
        assert [sink[name] for name in ("up", "waiting", "written", "refused", "lost", "error")] == [
            True,
            0,
            3,
            0,
            0,
            None,
        ]

    asyncio.run(run())
    first, second, third = ids(state / "ledger.sqlite")
    assert (first, second) == ("a", "b")
    assert len(third) == 36  # a row without an id gets one


def test_calls_before_the_proxy_runs_are_there_when_it_does(state: Path) -> None:
    async def run() -> None:
        running = Running(state)
        running.call("early")
        running.books.running()
        await _until(lambda: running.status["sinks"][0]["written"] == 1)
        await running.books.done()

    asyncio.run(run())
    assert ids(state / "ledger.sqlite") == ["early"]


def test_without_a_ledger_nothing_is_written(state: Path) -> None:
    async def run() -> None:
        running = Running(state)
        running.house.on_rules[0](state, replace(NOTHING, ledger=None))
        running.books.running()
        running.call("a")
        await running.books.done()
        assert running.status == {"sinks": [], "lost": 0}

    asyncio.run(run())
    assert not state.exists()


def test_rules_that_change_nothing_of_the_ledger_leave_its_threads_alone(state: Path) -> None:
    async def run() -> None:
        running = Running(state)
        running.books.running()
        (before,) = running.books._kept.values()
        running.rules()
        (after,) = running.books._kept.values()
        assert before is after
        await running.books.done()

    asyncio.run(run())


def test_a_new_address_of_the_same_place_takes_over_what_waits(state: Path) -> None:
    """As where a password was changed: what was written for the old address goes where the new one leads."""

    async def run(port: int) -> None:
        running = Running(state, f"postgresql://u:FAKE-old@127.0.0.1:{port}/d")
        running.books.running()
        running.call("a")
        await _until(lambda: _waits(running))
        (before,) = running.books._kept
        running.rules(f"postgresql://u:FAKE-new@127.0.0.1:{port}/d")
        (after,) = running.books._kept
        assert before == after
        await _until(lambda: _waits(running))
        await running.books.done()
        assert not any("FAKE" in key for key in running.told)

    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        asyncio.run(run(closed.getsockname()[1]))
    segments = Segments(state / "ledger" / "journal")
    (one,) = segments.all()
    assert len(segments.header(one)[0].sinks) == 1


def test_an_address_that_cannot_be_used_is_told_and_the_others_are_used(
    state: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        running = Running(state, "postgresql://u:FAKE/x@h/d", f"sqlite:{state / 'mine.sqlite'}", "http://[FAKE/x")
        running.books.running()
        running.call("a")
        await running.books.done()

    asyncio.run(run())
    assert ids(state / "mine.sqlite") == ["a"]
    assert caplog.text.count("a ledger cannot be used") == 2
    assert "FAKE" not in caplog.text


def test_no_call_waits_for_a_sink_that_hangs_nor_does_the_end(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its server takes the connection and says nothing; the loop goes on, and SQLite beside it has all rows."""
    monkeypatch.setattr("wiremend.mitm.books.STOPPING", 0.3)

    async def run(port: int) -> None:
        running = Running(state, f"postgresql://u:FAKE@127.0.0.1:{port}/d", f"sqlite:{state / 'mine.sqlite'}")
        running.books.running()
        for number in range(50):
            running.call(f"call-{number:02}")
        sqlite = next(kept.writer for kept in running.books._kept.values() if isinstance(kept.writer.sink, Sqlite))
        await _until(lambda: sqlite.state.written == 50)
        async with asyncio.timeout(DEADLINE):
            await running.books.done()

    with socket.create_server(("127.0.0.1", 0)) as silent:
        asyncio.run(run(silent.getsockname()[1]))
        assert ids(state / "mine.sqlite") == [f"call-{number:02}" for number in range(50)]
        left = Segments(state / "ledger" / "journal")
        assert sum(left.rows(one, left.header(one)[1], left.size(one)) for one in left.all()) == 50
        connection, _ = silent.accept()
        connection.close()  # so that the thread which still waits for it ends
        wait_until(lambda: not _threads(), "the thread to end")


def _threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("wiremend: ledger")]


def test_the_ledger_can_be_summed_while_it_is_written(state: Path) -> None:
    async def run() -> None:
        running = Running(state)
        running.books.running()
        running.call("a")
        await _until(lambda: running.status["sinks"][0]["written"] == 1)
        _, every = summed(read(Sqlite(state / "ledger.sqlite"), 0.0), ("model",))
        assert every.calls == 1
        await running.books.done()

    asyncio.run(run())
