"""The journal: one write a call, segments that outlive their process, and a disk that does not do as it is told."""

from __future__ import annotations

import errno
import json
import os
import signal
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.ledger.kit import Memory, Told, entry, journal, names, writer
from wiremend.ledger.entry import from_line, to_line
from wiremend.ledger.journal import Journal
from wiremend.ledger.segments import FORSAKEN, Segments

if TYPE_CHECKING:
    from pathlib import Path

A, B = "00000000aaaaaaaa", "00000000bbbbbbbb"


def lines(folder: Path) -> list[bytes]:
    """Give all lines of all segments but their headers, in order."""
    return [
        line
        for one in Segments(folder).all()
        for line in (folder / one.name).read_bytes().split(b"\n")[1:]
        if line
    ]  # fmt: skip


def ids(folder: Path) -> list[str]:
    return [json.loads(line)["call"]["id"] for line in lines(folder)]


# -- entries


def test_an_entry_is_a_line_and_comes_back_from_it() -> None:
    made = entry("a", ["t1", "t2"], ["t0"], mended=("url",), losses=("x",))
    line = to_line(made)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert from_line(line[:-1]) == made


@pytest.mark.parametrize("text", ("\ud800 alone", "a\0b", "\udfff\0"))
def test_text_that_no_database_takes_is_replaced_and_the_row_kept(text: str) -> None:
    found = from_line(to_line(entry("a", error=text)))
    assert found is not None
    assert found.call.error is not None
    assert "\0" not in found.call.error
    found.call.error.encode("utf-8")


@pytest.mark.parametrize("line", (b"", b"{", b"[]", b'{"call":{}}', b"\xff\xfe", to_line(entry("a"))[:40]))
def test_what_is_no_entry_is_none(line: bytes) -> None:
    assert from_line(line) is None


def test_a_line_of_another_version_is_read_as_far_as_it_is_known() -> None:
    value = msgspec.to_builtins(entry("a"))
    value["call"]["of_tomorrow"] = 1
    del value["call"]["losses"]
    found = from_line(msgspec.json.encode(value))
    assert found is not None
    assert found.call == entry("a").call


# -- segments


def test_an_entry_is_one_write_of_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = journal(tmp_path / "j", A)
    made.append(entry("first"))  # makes the segment
    written: list[bytes] = []
    real = os.write

    def write(descriptor: int, data: bytes) -> int:
        written.append(bytes(data))
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", write)
    monkeypatch.setattr(os, "fsync", lambda _: pytest.fail("the disk is not waited for"))
    made.append(entry("second"))
    assert written == [to_line(entry("second"))]


def test_segments_are_for_their_owner_and_begin_anew_after_some_bytes(tmp_path: Path) -> None:
    made = journal(tmp_path / "state" / "j", A, rotate=2000)
    for name in names(0, 20):
        assert made.append(entry(name))
    found = Segments(tmp_path / "state" / "j").all()
    assert len(found) > 2
    assert found == sorted(found)
    assert [one.number for one in found] == list(range(1, len(found) + 1))
    assert ids(tmp_path / "state" / "j") == names(0, 20)
    for path in (tmp_path / "state" / "j").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "state" / "j").stat().st_mode) == 0o700


def test_without_a_sink_nothing_is_written(tmp_path: Path) -> None:
    made = journal(tmp_path / "j")
    assert not made.append(entry("a"))
    assert not (tmp_path / "j").exists()


def test_a_segment_is_final_when_its_process_has_left_it(tmp_path: Path) -> None:
    made = journal(tmp_path, A)
    made.append(entry("a"))
    (one,) = Segments(tmp_path).all()
    assert not Segments(tmp_path).is_final(one)
    made.close()
    assert Segments(tmp_path).is_final(one)
    made.append(entry("b"))
    assert len(Segments(tmp_path).all()) == 2
    assert ids(tmp_path) == ["a", "b"]


def test_a_sink_that_is_added_begins_at_now_and_gets_no_row_of_before(tmp_path: Path) -> None:
    made = journal(tmp_path, A)
    made.append(entry("before"))
    made.plan([A, B])
    made.append(entry("after"))
    first, second = Memory(key=A), Memory(key=B)
    assert writer(first, tmp_path).once()
    assert writer(second, tmp_path).once()
    assert first.rows == ["before", "after"]
    assert second.rows == ["after"]


def test_a_sink_that_is_removed_holds_nothing_back(tmp_path: Path) -> None:
    made = journal(tmp_path, A, B)
    made.append(entry("before"))
    made.plan([A])
    made.append(entry("after"))
    sink = Memory(key=A)
    made.close()
    assert writer(sink, tmp_path).once()
    assert sink.rows == ["before", "after"]
    assert Segments(tmp_path).all() == []


def test_rows_go_to_no_sink_of_another_process(tmp_path: Path) -> None:
    mine, other = journal(tmp_path, A), journal(tmp_path, B)
    mine.append(entry("mine"))
    other.append(entry("other"))
    sink = Memory(key=A)
    assert writer(sink, tmp_path).once()
    assert sink.rows == ["mine"]


# -- the disk


def test_a_full_disk_costs_rows_and_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk takes a part of a row, and then nothing more; later there is room again."""
    told = Told()
    made = journal(tmp_path, A, told=told)
    made.append(entry("before"))
    real, room = os.write, [40]

    def full(descriptor: int, data: bytes) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = real(descriptor, data[: room[0]])
        room[0] -= taken
        return taken

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        assert [made.append(entry(f"lost-{number}")) for number in range(5)] == [False] * 5
    assert made.append(entry("after"))
    assert made.lost == 5
    (message,) = told.messages
    assert "No space left on device; the traffic goes on" in message
    sink = Memory(key=A)
    assert writer(sink, tmp_path, told).once()
    assert sink.rows == ["before", "after"]
    assert told.messages == [message]  # the part was taken back


def test_a_part_of_a_row_that_cannot_be_taken_back_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = journal(tmp_path, A)
    made.append(entry("before"))
    real = os.write

    def torn(descriptor: int, data: bytes) -> int:
        if len(data) < 50:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(descriptor, data[:-20])

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", torn)
        patched.setattr(os, "ftruncate", lambda *_: (_ for _ in ()).throw(OSError(errno.EIO, "no")))
        assert not made.append(entry("torn"))
    made.append(entry("after"))
    sink, told = Memory(key=A), Told()
    assert writer(sink, tmp_path, told).once()
    assert sink.rows == ["before", "after"]
    assert [message for message in told.messages if "breaks off in a row" in message]


def test_a_place_that_cannot_be_written_is_told_and_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    told = Told()
    made = journal(tmp_path / "file" / "j", A, told=told)
    assert not made.append(entry("a"))
    assert not made.append(entry("b"))
    assert (made.lost, len(told.messages)) == (2, 1)


def test_a_journal_that_is_removed_meanwhile_is_begun_anew(tmp_path: Path) -> None:
    made = journal(tmp_path, A)
    made.append(entry("gone"))
    for path in tmp_path.iterdir():
        path.unlink()
    assert made.append(entry("there"))
    assert ids(tmp_path) == ["there"]


def test_the_oldest_go_when_all_are_too_much_but_never_what_is_being_written(tmp_path: Path) -> None:
    made = journal(tmp_path, A, rotate=2000)
    for name in names(0, 40):
        made.append(entry(name))
    segments = Segments(tmp_path)
    every = segments.all()
    (tmp_path / f"{every[0].stem}.{A}").touch()  # the sink has this one
    has = (tmp_path / every[0].name).read_bytes().count(b"\n") - 1
    size = sum(map(segments.size, every))
    lost, missing = segments.shrink(size // 2)
    left = ids(tmp_path)
    assert left == names(0, 40)[-len(left) :]
    assert sum(map(segments.size, segments.all())) <= size // 2
    assert (lost, missing) == (40 - len(left) - has, frozenset({A}))  # what the sink has is no loss
    segments.shrink(0)
    assert segments.all() == every[-1:]


def test_what_waits_for_a_sink_that_nobody_serves_is_let_go_after_a_week(tmp_path: Path) -> None:
    made = journal(tmp_path, A, B)
    made.append(entry("a"))
    made.close()
    segments = Segments(tmp_path)
    (one,) = segments.all()
    now = (tmp_path / one.name).stat().st_mtime
    segments.forsake(now + FORSAKEN - 60, {A})
    assert segments.waiting(B) == [one]
    with segments.serving(B) as mine:
        assert mine
    os.utime(tmp_path / f"{B}.lock", (now + 60, now + 60))  # a proxy has served it since
    segments.forsake(now + FORSAKEN + 1, {A})
    assert segments.waiting(B) == [one]
    segments.forsake(now + FORSAKEN + 61, {A})
    assert segments.waiting(B) == []
    assert segments.waiting(A) == [one]
    assert writer(Memory(key=A), tmp_path).once()
    assert segments.all() == []


def test_what_killed_processes_left_half_made_is_removed(tmp_path: Path) -> None:
    halves = [f"01763759999123456789-9f86d081884c-000001.{ending}" for ending in ("draft", A)]
    for name in (*halves, "a file of another"):
        (tmp_path / name).touch()
    segments = Segments(tmp_path)
    segments.forsake((tmp_path / halves[0]).stat().st_mtime + 60, set())
    assert len(list(tmp_path.iterdir())) == 3
    segments.forsake((tmp_path / halves[0]).stat().st_mtime + 3601, set())
    assert [path.name for path in tmp_path.iterdir()] == ["a file of another"]


def test_one_process_at_a_time_serves_a_sink(tmp_path: Path) -> None:
    first, second = Segments(tmp_path), Segments(tmp_path)
    with first.serving(A) as mine, second.serving(A) as theirs, second.serving(B) as other:
        assert (mine, theirs, other) == (True, False, True)
    with second.serving(A) as mine:
        assert mine


# -- a process that is killed

_APPENDS = """
import sys
from pathlib import Path
from tests.ledger.kit import entry, journal
made = journal(Path(sys.argv[1]), *sys.argv[2].split(","), rotate=50_000)
number = 0
while True:
    name = f"{sys.argv[3]}-{number:06d}"
    made.append(entry(name))
    print(name, flush=True)
    number += 1
"""


def appending(folder: Path, keys: str, name: str) -> subprocess.Popen[str]:
    """Start a process that writes rows and says the id of each behind it, as a client sees the end of its response."""
    return subprocess.Popen(
        [sys.executable, "-c", _APPENDS, str(folder), keys, name],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def test_processes_that_are_killed_lose_no_row_that_was_said_to_be_there(tmp_path: Path) -> None:
    """Three of them write at once, while the sink is served; each is killed in the middle."""
    children = [appending(tmp_path, A, f"p{number}") for number in range(3)]
    said: dict[int, list[str]] = {0: [], 1: [], 2: []}
    sink = Memory(key=A)
    served = writer(sink, tmp_path)
    for number, child in enumerate(children):
        assert child.stdout is not None
        for line in child.stdout:
            said[number].append(line.strip())
            if len(said[number]) == 300 * (number + 1):
                break
        served.once()
        child.send_signal(signal.SIGKILL)
        said[number] += [line.strip() for line in child.stdout if line.endswith("\n")]
        child.wait()
        child.stdout.close()
    assert served.once()
    assert len(sink.rows) == len(set(sink.rows))
    for number, names_said in said.items():
        rows = [name for name in sink.rows if name.startswith(f"p{number}-")]
        assert rows[: len(names_said)] == names_said  # the last may have been written and not said
        assert len(rows) - len(names_said) <= 1
    assert Segments(tmp_path).all() == []


def test_journals_are_apart_in_one_process(tmp_path: Path) -> None:
    first, second = (Journal(tmp_path, Told(), clock=lambda: 5) for _ in range(2))
    for made, name in ((first, "a"), (second, "b")):
        made.plan([A])
        made.append(entry(name))
    assert sorted(ids(tmp_path)) == ["a", "b"]
    assert len(Segments(tmp_path).all()) == 2
