"""What a sink gets: every row, once, in order, whatever it and the processes do meanwhile."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.ledger.kit import Memory, Told, entry, journal, names, wait_until, writer
from wiremend.ledger.segments import Segments
from wiremend.ledger.sink import SinkDownError
from wiremend.ledger.writer import DOUBTED, Writer

if TYPE_CHECKING:
    from pathlib import Path

    from wiremend.ledger.sink import Position

A, B = "00000000aaaaaaaa", "00000000bbbbbbbb"


def test_rows_come_in_order_and_in_few_batches(tmp_path: Path) -> None:
    made, sink = journal(tmp_path, A, rotate=1 << 30), Memory()
    for name in names(0, 1234):
        made.append(entry(name))
    served = writer(sink, tmp_path)
    assert served.once()
    assert sink.rows == names(0, 1234)
    assert max(sink.batches) <= 500
    assert len(sink.batches) == 3
    assert (served.state.up, served.state.written, served.state.waiting) == (True, 1234, 0)


def test_a_sink_is_not_asked_while_there_is_nothing_for_it(tmp_path: Path) -> None:
    made, sink = journal(tmp_path, A), Memory()
    served = writer(sink, tmp_path)
    served.once()
    made.append(entry("a"))
    served.once()
    asked = sink.asked
    for _ in range(5):
        served.once()
    assert (asked, sink.asked) == (1, 1)
    made.append(entry("b"))
    served.once()
    assert sink.rows == ["a", "b"]


def test_what_waited_is_written_in_order_when_the_sink_is_back(tmp_path: Path) -> None:
    made, sink, told = journal(tmp_path, A), Memory(), Told()
    served = writer(sink, tmp_path, told)
    for number, name in enumerate(names(0, 60)):
        made.append(entry(name))
        sink.down = SinkDownError("the cable is out") if 20 <= number < 50 else None
        assert served.once() is (sink.down is None)
        if sink.down:
            assert (served.state.up, served.state.error) == (False, "the cable is out")
            assert served.state.waiting == number - 19
    assert sink.rows == names(0, 60)
    assert [message.partition(":")[0] for message in told.messages] == [
        "the ledger memory takes no rows",
        "the ledger memory is back",
    ]


def test_waits_grow_until_the_sink_is_back(tmp_path: Path) -> None:
    made, sink = journal(tmp_path, A), Memory(down=SinkDownError("x"))
    made.append(entry("a"))
    served = Writer(sink, tmp_path, Told())
    waits = []
    for _ in range(9):
        before = time.monotonic()
        served.once()
        waits.append(round(served._rests_until - before))
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    sink.down = SinkDownError("x", 120.0)
    before = time.monotonic()
    served.once()
    assert round(served._rests_until - before) == 120  # as it asks
    sink.down = None
    served.once()
    sink.down = SinkDownError("x")
    made.append(entry("b"))
    before = time.monotonic()
    served.once()
    assert round(served._rests_until - before) == 1


def test_a_row_that_is_refused_is_set_aside_and_holds_up_no_other(tmp_path: Path) -> None:
    made, sink, told = journal(tmp_path, A), Memory(bad=frozenset({"call-000003"})), Told()
    for name in names(0, 8):
        made.append(entry(name, error="FAKE words of a row"))
    served = writer(sink, tmp_path, told)
    assert served.once()
    assert sink.rows == [name for name in names(0, 8) if name != "call-000003"]
    (message,) = told.messages
    assert "does not take the row call-000003: a constraint; it is set aside in" in message
    assert "FAKE" not in message
    assert b'"id":"call-000003"' in (tmp_path / f"{A}.refused.jsonl").read_bytes()
    assert served.state.refused == 1
    made.close()
    served.once()
    assert Segments(tmp_path).all() == []


def test_a_row_that_the_sink_fails_at_each_time_is_set_aside_in_the_end(tmp_path: Path) -> None:
    """A server that answers 500 to one row alone, and would block all others."""
    made, sink = journal(tmp_path, A), Memory(hangs_on=frozenset({"call-000001"}), batch=1)
    for name in names(0, 3):
        made.append(entry(name))
    served = writer(sink, tmp_path)
    for _ in range(DOUBTED - 1):
        assert not served.once()
        assert sink.rows == ["call-000000"]
    assert served.once()
    assert sink.rows == ["call-000000", "call-000002"]
    assert served.state.refused == 1


def test_a_line_that_is_no_row_is_set_aside(tmp_path: Path) -> None:
    made, sink, told = journal(tmp_path, A), Memory(), Told()
    made.append(entry("a"))
    (one,) = Segments(tmp_path).all()
    with open(tmp_path / one.name, "ab") as file:  # noqa: PTH123 - appended to, in bytes
        file.write(b"not a row\n")
    made.append(entry("b"))
    assert writer(sink, tmp_path, told).once()
    assert sink.rows == ["a", "b"]
    assert [message for message in told.messages if "it is no row" in message]


def test_a_sink_that_wants_one_at_a_time_gets_one_at_a_time(tmp_path: Path) -> None:
    made, sink = journal(tmp_path, A), Memory(batch=1)
    for name in names(0, 5):
        made.append(entry(name))
    assert writer(sink, tmp_path).once()
    assert (sink.rows, sink.batches) == (names(0, 5), [1] * 5)


def test_two_sinks_have_the_same_rows_and_the_journal_is_empty_when_both_do(tmp_path: Path) -> None:
    made, first, second = journal(tmp_path, A, B), Memory(key=A), Memory(key=B, down=SinkDownError("x"))
    for name in names(0, 30):
        made.append(entry(name))
    made.close()
    one, two = writer(first, tmp_path), writer(second, tmp_path)
    one.once()
    two.once()
    assert first.rows == names(0, 30)
    assert Segments(tmp_path).waiting(A) == []
    assert Segments(tmp_path).all()
    second.down = None
    two.once()
    assert second.rows == first.rows
    assert Segments(tmp_path).all() == []


def test_a_process_that_ended_between_the_rows_and_the_mark_is_made_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, sink = journal(tmp_path, A), Memory()
    for name in names(0, 30):
        made.append(entry(name))
    made.close()

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    killed = writer(sink, tmp_path)
    monkeypatch.setattr(Segments, "taken", dies)
    with pytest.raises(KeyboardInterrupt):
        killed.once()
    monkeypatch.undo()
    assert sink.rows
    assert writer(sink, tmp_path).once()
    assert sink.rows == names(0, 30)
    assert Segments(tmp_path).all() == []


def test_a_writer_that_was_overtaken_by_another_goes_on_where_that_one_is(tmp_path: Path) -> None:
    made, sink = journal(tmp_path, A), Memory()
    first, second = writer(sink, tmp_path), writer(sink, tmp_path)
    for number, (name, served) in enumerate(zip(names(0, 8), [first, second] * 4, strict=True), 1):
        made.append(entry(name))
        assert served.once()
        assert sink.rows == names(0, number)


def test_a_mark_that_was_lost_costs_nothing_where_the_sink_is_further(tmp_path: Path) -> None:
    """As where a machine lost its power: the database was synced, the mark was not."""
    made, sink = journal(tmp_path, A, B), Memory()
    for name in names(0, 30):
        made.append(entry(name))
    writer(sink, tmp_path).once()
    marks = list(tmp_path.glob(f"*.{A}"))
    assert len(marks) > 2
    for mark in marks:
        mark.unlink()
    made.append(entry("last"))
    assert writer(sink, tmp_path).once()
    assert sink.rows == [*names(0, 30), "last"]
    assert sorted(tmp_path.glob(f"*.{A}")) == sorted(marks)


def test_a_bug_of_ours_ends_no_thread(tmp_path: Path) -> None:
    class Broken(Memory):
        def position(self, stream: str) -> Position:
            raise ZeroDivisionError(stream)

    made, told = journal(tmp_path, A), Told()
    made.append(entry("a"))
    served = writer(Broken(), tmp_path, told)
    assert not served.once()
    assert served.state.error == "Wiremend failed to write (ZeroDivisionError)"


def test_a_journal_that_is_too_large_loses_its_oldest_rows_and_says_so_once(tmp_path: Path) -> None:
    made, sink, told = journal(tmp_path, A), Memory(down=SinkDownError("x")), Told()
    served = writer(sink, tmp_path, told, limit=20_000)
    for name in names(0, 200):
        made.append(entry(name))
        served.once()
    sink.down = None
    served.once()
    assert sink.rows == names(0, 200)[-len(sink.rows) :]
    assert served.state.lost == 200 - len(sink.rows)
    assert len([message for message in told.messages if "its oldest rows are dropped" in message]) == 1
    assert served.state.lost > 50


# -- threads


def test_the_thread_writes_as_rows_come_and_ends_when_asked(tmp_path: Path) -> None:
    made, sink = journal(tmp_path, A), Memory()
    served = writer(sink, tmp_path)
    served.start()
    served.start()  # is started already
    for name in names(0, 50):
        made.append(entry(name))
        served.wake()
    wait_until(lambda: len(sink.rows) == 50, "the rows")
    made.append(entry("last"))
    made.close()
    served.stop(10.0)
    assert served.join()
    assert sink.rows == [*names(0, 50), "last"]
    assert Segments(tmp_path).all() == []


def test_what_another_process_wrote_is_found_without_being_told(tmp_path: Path) -> None:
    sink = Memory()
    served = writer(sink, tmp_path)
    served.start()
    journal(tmp_path, A).append(entry("a"))
    wait_until(lambda: sink.rows == ["a"], "the row of another")
    served.stop(1.0)
    assert served.join()


def test_an_end_waits_for_no_sink_that_hangs(tmp_path: Path) -> None:
    hangs, free = threading.Event(), threading.Event()

    class Hanging(Memory):
        def position(self, stream: str) -> Position:
            hangs.set()
            free.wait()
            return super().position(stream)

    made, sink = journal(tmp_path, A), Hanging()
    made.append(entry("a"))
    served = writer(sink, tmp_path)
    served.start()
    assert hangs.wait(20)
    served.stop(0.05)
    assert not served.join()
    free.set()
    wait_until(lambda: not served._thread.is_alive(), "the thread to end")
    assert sink.rows == []  # there was no time left, so it is still in the journal
    assert writer(sink, tmp_path).once()
    assert sink.rows == ["a"]


def test_a_sink_that_rests_is_tried_once_more_at_the_end(tmp_path: Path) -> None:
    made, sink = journal(tmp_path, A), Memory(down=SinkDownError("x", 500.0))
    made.append(entry("a"))
    served = writer(sink, tmp_path)
    served.start()
    wait_until(lambda: served.state.up is False, "the first try")
    sink.down = None
    served.stop(10.0)
    assert served.join()
    assert sink.rows == ["a"]


def test_writers_of_two_proxies_share_a_sink(tmp_path: Path) -> None:
    """Both serve it, one at a time; each row is there once, those of each proxy in order."""
    sink = Memory()
    journals = [journal(tmp_path, A, rotate=3000) for _ in range(2)]
    served = [writer(sink, tmp_path) for _ in range(2)]
    for one in served:
        one.start()
    for name in names(0, 300):
        for made, one, proxy in zip(journals, served, "xy", strict=True):
            made.append(entry(f"{proxy}{name}"))
            one.wake()
    for made in journals:
        made.close()
    wait_until(lambda: len(sink.rows) >= 600, "all rows")
    for one in served:
        one.stop(10.0)
        assert one.join()
    assert len(sink.rows) == 600
    for proxy in "xy":
        assert [name[1:] for name in sink.rows if name[0] == proxy] == names(0, 300)
