"""Sums of calls: what counts as what, percentiles by hand, and the same from both databases."""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ledger.kit import entry
from tests.ledger.server import Server, needs_server
from wiremend.errors import SetupError
from wiremend.ledger.postgres import Postgres
from wiremend.ledger.row import Try
from wiremend.ledger.sink import Position
from wiremend.ledger.sqlite import Sqlite
from wiremend.ledger.stats import percentile, read, summed
from wiremend.ledger.webhook import Webhook

if TYPE_CHECKING:
    from pathlib import Path

    from wiremend.ledger.stats import By

HERE = Position("s", 1, 100)
HERE_TRIES = (Try("kimi", "k2", 200),)
CALLS = [
    entry("1", at=10.0, input_tokens=100, cached_tokens=60, output_tokens=5, reasoning_tokens=2, first_byte_s=1.0,
          attempts=HERE_TRIES),
    entry("2", at=20.0, input_tokens=None, output_tokens=7, first_byte_s=3.0, total_s=4.0,
          attempts=(Try("kimi", "k2", 429, "status"), Try("kimi", "k2", 503, "status"), Try("kimi", "k2", 200))),
    entry("3", at=30.0, first_byte_s=None, status=529, total_s=9.0,
          attempts=(Try("kimi", "k2", 529, "status"), Try("kimi", "k2", 529, "status"))),
    entry("4", at=40.0, provider="deepseek", model="v4", first_byte_s=2.0, client="codex",
          attempts=(Try("kimi", "k2", 429, "quota"), Try("deepseek", "v4", 200))),
    entry("5", at=50.0, provider="deepseek", model="v4", first_byte_s=4.0, error="the stream was cut",
          attempts=(Try("kimi", "k2", None, "cooling"), Try("deepseek", "v4", 200))),
    entry("6", at=60.0, provider=None, model=None, status=None, first_byte_s=None),
]  # fmt: skip


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Sqlite:
    """Give a database with the calls."""
    made = Sqlite(tmp_path_factory.mktemp("stats") / "l.sqlite")
    with closing(made):
        made.write(CALLS, HERE)
    return made


def test_calls_are_summed_by_provider_and_model(database: Sqlite) -> None:
    groups, every = summed(read(database, 0.0), ("provider", "model"))
    assert [one.names for one in groups] == [("kimi", "k2"), ("deepseek", "v4"), (None, None)]
    kimi, deepseek, nowhere = groups
    assert (kimi.calls, kimi.errors, kimi.retries, kimi.fallbacks) == (3, 1, 3, 0)
    assert (kimi.input_tokens, kimi.cached_tokens, kimi.output_tokens, kimi.reasoning_tokens) == (100, 60, 12, 2)
    assert list(kimi.first_bytes) == [1.0, 3.0]
    assert (deepseek.calls, deepseek.errors, deepseek.retries, deepseek.fallbacks) == (2, 1, 0, 2)
    assert (nowhere.calls, nowhere.errors) == (1, 1)
    assert nowhere.percentiles()["first_byte_p50"] is None
    assert (every.calls, every.errors, every.retries, every.fallbacks) == (6, 3, 3, 2)
    assert every.percentiles() == {
        "first_byte_p50": 2.0,
        "first_byte_p95": 4.0,
        "first_byte_p99": 4.0,
        "total_p50": 2.0,
        "total_p95": 9.0,
    }


def test_only_what_is_new_enough_counts(database: Sqlite) -> None:
    groups, every = summed(read(database, 40.0), ("client",))
    assert [(one.names, one.calls) for one in groups] == [(("claude-code",), 2), (("codex",), 1)]
    assert every.calls == 3


def test_days_are_in_order_and_the_machines_own(tmp_path: Path) -> None:
    noon = datetime(2026, 3, 7, 12).timestamp()  # noqa: DTZ001 - the machine's own
    calls = [
        entry(f"{day}-{n}", at=noon + day * 86400) for day, count in ((2, 1), (0, 2), (1, 3)) for n in range(count)
    ]
    with closing(Sqlite(tmp_path / "l.sqlite")) as sink:
        sink.write(calls, HERE)
        groups, _ = summed(read(sink, 0.0), ("day",))
    assert [(one.names, one.calls) for one in groups] == [
        (("2026-03-07",), 2),
        (("2026-03-08",), 3),
        (("2026-03-09",), 1),
    ]


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    (
        ([], 50, None),
        ([7], 1, 7),
        ([7], 99, 7),
        ([1, 2], 50, 1),
        ([1, 2, 3], 50, 2),
        (list(range(1, 201)), 95, 190),
        (list(range(1, 201)), 99, 198),
        (list(range(1, 101)), 95, 95),
        (list(range(1, 22)), 95, 20),
    ),
)
def test_percentiles_are_those_of_the_nearest_rank(values: list[float], share: int, expected: float | None) -> None:
    assert percentile(values, share) == expected


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=80).map(sorted), st.integers(1, 100))
def test_a_percentile_is_the_least_that_so_many_do_not_exceed(values: list[float], share: int) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) * 100 >= share * len(values)
    assert sum(value < found for value in values) * 100 < share * len(values) or math.isclose(found, values[0])


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    none = Sqlite(tmp_path / "none.sqlite")
    with pytest.raises(LookupError):
        list(read(none, 0.0))
    assert not none.path.exists()
    none.path.touch()  # as it is for a moment when it is made
    with pytest.raises(LookupError):
        list(read(none, 0.0))
    (tmp_path / "text").write_text("no database " * 100)
    with pytest.raises(SetupError, match="not a database"):
        list(read(Sqlite(tmp_path / "text"), 0.0))
    with closing(sqlite3.connect(tmp_path / "theirs.sqlite")) as db:
        db.execute("CREATE TABLE calls (time)")
    with pytest.raises(SetupError, match="another program"):
        list(read(Sqlite(tmp_path / "theirs.sqlite"), 0.0))
    with pytest.raises(SetupError, match="is a webhook") as told:
        list(read(Webhook("https://hook.example.com/FAKE-secret", tmp_path), 0.0))
    assert "FAKE" not in str(told.value)
    with pytest.raises(SetupError, match="cannot be read: Connection refused") as refused:
        list(read(Postgres("postgresql://u:FAKE-pw@127.0.0.1:1/x"), 0.0))
    assert "FAKE" not in str(refused.value)


@needs_server
def test_both_databases_say_the_same(database: Sqlite) -> None:
    by: tuple[By, ...] = ("provider", "model", "client")
    with Server() as server, closing(Postgres(server.address)) as sink:
        with pytest.raises(LookupError):
            list(read(sink, 0.0))
        assert server.ask("SELECT to_regnamespace('wiremend')") == [(None,)]  # to read makes nothing
        sink.write(CALLS, HERE)
        assert summed(read(sink, 0.0), by) == summed(read(database, 0.0), by)
        assert len(list(read(sink, 40.0))) == 3
