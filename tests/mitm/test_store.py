"""The store: private files, one append a capture, hourly files, old ones gone, and nothing that harms the traffic."""

from __future__ import annotations

import errno
import logging
import os
import re
import shutil
import stat
import subprocess
import sys
import threading
import time
import zlib
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.lab.replies import Answer, messages_events
from tests.mitm.capture_kit import KEY, RULES, STREAM, captures_in, stage
from wiremend.captures.scrub import Scrubber
from wiremend.mitm import spool, store
from wiremend.mitm.flows import read_flows
from wiremend.mitm.shelf import Shelf
from wiremend.rules.compile import rules_hash

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.mitm.capture_kit import Stage

REPLY = messages_events(Answer("one two three", model="m"))
NAME = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ-\d+(_\d+)?\.flows")


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Stage]:
    with stage(tmp_path) as one:
        yield one


def run(made: Stage, text: str = "hi") -> None:
    one = made.ask(STREAM.replace(b'"messages":[]', b'"messages":["%s"]' % text.encode()))
    made.stream(one, REPLY)
    made.end(one)


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in [folder, *folder.rglob("*")]}


def test_the_folder_and_all_in_it_is_private_whatever_the_umask(made: Stage) -> None:
    before = os.umask(0)
    try:
        run(made)
        made.close()
    finally:
        os.umask(before)
    found = modes(made.folder)
    assert found.pop("captures") == found.pop("rules") == 0o700
    assert set(found.values()) == {0o600}
    (name,) = [name for name in found if name.endswith(".flows")]
    assert NAME.fullmatch(name)
    assert f"-{os.getpid()}." in name
    assert (made.folder / ".gitignore").read_text() == "*\n"
    assert (made.folder / "rules" / f"{rules_hash(RULES)}.yaml").read_text() == RULES


def test_a_folder_that_is_there_is_left_as_it_is(made: Stage) -> None:
    made.folder.mkdir(mode=0o755)
    run(made)
    assert len(made.captures()) == 1
    assert not (made.folder / ".gitignore").exists()


def test_captures_stand_in_the_order_in_which_they_ended_and_in_one_file(made: Stage) -> None:
    for number in range(20):
        run(made, f"n{number}")
    bodies = [capture.request.body for capture in made.captures()]
    assert [f"n{number}".encode() in body for number, body in enumerate(bodies)] == [True] * 20
    assert len(list(made.folder.glob("*.flows"))) == 1


def test_each_hour_has_a_file_of_its_own(made: Stage) -> None:
    start = float(int(time.time()))
    for seconds in (0.0, 3599.0, 3600.0, 3610.0, 7200.0):
        made.remember.store._desk._now = partial(sum, (start, seconds))
        run(made)
        wait(made)
    made.close()
    files = sorted(made.folder.glob("*.flows"))
    assert [len(list(read_flows(path))) for path in files] == [2, 2, 1]
    begun = [datetime.strptime(f"{path.name[:19]}+0000", "%Y-%m-%dT%H-%M-%S%z").timestamp() for path in files]
    assert [one - start for one in begun] == [0.0, 3600.0, 7200.0]


def test_a_file_that_somebody_removed_is_begun_anew(made: Stage) -> None:
    run(made, "first")
    wait(made)
    shutil.rmtree(made.folder)
    run(made, "second")
    (capture,) = made.captures()
    assert b"second" in capture.request.body
    assert (made.folder / "rules").is_dir()


def test_within_the_hour_the_folder_is_tidied_too(made: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "TIDIED", 10_000)
    run(made)
    wait(made)
    old = made.folder / f"2001-01-01T00-00-00Z-{dead_process()}.flows"
    old.touch()
    os.utime(old, (0, 0))
    run(made)
    wait(made)
    assert old.exists()
    for _ in range(4):
        run(made)
    made.close()
    assert not old.exists()


def wait(made: Stage) -> None:
    """Wait until the thread has done what was queued."""
    done = threading.Event()
    made.remember.store._put(done.set, 0)
    assert done.wait(10)


def test_two_files_of_one_second_have_two_names(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "c")
    paths = []
    for _ in range(3):
        path, descriptor = shelf.begin(0.0)
        os.close(descriptor)
        paths.append(path)
    assert len(set(paths)) == 3
    assert shelf.files() == paths
    assert all(NAME.fullmatch(path.name) for path in paths)


def test_old_files_go_then_the_oldest_until_the_rest_fits(tmp_path: Path) -> None:
    now = 2_000_000_000.0
    shelf = Shelf(tmp_path)
    dead = dead_process()
    files = [tmp_path / f"2033-05-{day:02}T00-00-00Z-{dead}.flows" for day in range(1, 11)]
    for age, path in zip(range(10, 0, -1), files, strict=True):
        path.write_bytes(bytes(100))
        os.utime(path, (now - age * 86400, now - age * 86400))
    strangers = [tmp_path / name for name in ("mine.flows", "2033-05-01T00-00-00Z.flows", "notes.txt")]
    for path in strangers:
        path.write_bytes(bytes(1000))
        os.utime(path, (0, 0))
    shelf.tidy(now, 7.5 * 86400, 350, None)
    assert [path for path in files if path.exists()] == files[-3:]
    assert all(path.exists() for path in strangers), "what is not named as ours are is not ours"


def test_a_file_that_is_written_is_never_removed(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    mine, descriptor = shelf.begin(0.0)
    os.close(descriptor)
    others = [tmp_path / f"1970-01-0{day}T00-00-00Z-{os.getppid()}.flows" for day in (1, 2)]
    for path in [mine, *others]:
        path.write_bytes(bytes(100))
        os.utime(path, (0, 0))
    shelf.tidy(1e9, 1.0, 0, mine)
    assert [path.exists() for path in [mine, *others]] == [True, False, True], "the newest of a process that lives"


def test_rules_go_when_nothing_is_left_that_they_were_in_force_for(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "c")
    shelf.keep_rules("old", "a")
    shelf.keep_rules("new", "b")
    os.utime(tmp_path / "c" / "rules" / "old.yaml", (0, 0))
    shelf.tidy(time.time(), 100.0, 1 << 30, None)
    assert [path.name for path in (tmp_path / "c" / "rules").iterdir()] == ["new.yaml"]
    shelf.keep_rules("new", "b")  # again is no error


def dead_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_spools_of_dead_processes_go_at_the_start_those_of_others_stay(made: Stage) -> None:
    made.folder.mkdir()
    dead = made.folder / f".spool-{dead_process()}-1"
    alive = made.folder / f".spool-{os.getppid()}-1"
    for path in (dead, alive):
        path.touch()
    made.remember.store.tidy(made.folder, 1.0, 1)
    wait(made)
    assert (dead.exists(), alive.exists()) == (False, True)


# -- what is too large for the memory


def event(size: int, secret: str = "") -> bytes:
    return b'event: ping\ndata: {"type":"ping","t":"' + b"x" * size + b" " + secret.encode() + b'"}\n\n'


def large(made: Stage, size: int, secret: str = "") -> bytes:
    one = made.ask()
    chunk = event(60_000, secret)
    given = made.stream(one, [chunk] * (size // len(chunk)))
    made.end(one)
    return given


def test_a_large_stream_is_spooled_and_nothing_of_it_is_in_a_named_file_meanwhile(made: Stage) -> None:
    one = made.ask()
    chunk, count = event(4000), 1000
    made.stream(one, [chunk] * count)
    wait(made)
    assert [path.name for path in made.folder.iterdir()] == [".gitignore"], "a spool file has no name"
    made.end(one)
    (capture,) = made.captures()
    response = capture.attempts[0].response
    assert response is not None
    assert response.body.data == chunk * count
    assert [size for size, _ in response.body.cuts] == [len(chunk)] * count
    times = [at for _, at in response.body.cuts]
    assert times == sorted(times)
    assert capture.answer is not None
    assert capture.answer.body.data.startswith(chunk * count)
    assert sum(size for size, _ in capture.answer.body.cuts) == len(capture.answer.body.data)
    assert not list(made.folder.glob(".spool*"))


def test_the_secret_in_a_large_stream_is_not_on_the_disk(made: Stage) -> None:
    other = "sk-kimi-Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4"
    given = large(made, 3 << 20, other)
    assert other.encode() in given, "the client gets it as it came"
    assert len(made.captures()) == 1
    for path in made.folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert other.encode() not in data
            assert KEY.encode() not in data


def test_the_clients_own_key_is_found_in_a_large_stream_though_it_looks_like_none(made: Stage) -> None:
    key = "correct-horse-battery-staple"
    one = made.ask(headers={"x-api-key": key})
    made.stream(one, [event(30_000, key)] * 100)
    made.end(one)
    made.close()
    (path,) = made.folder.glob("*.flows")
    assert path.stat().st_size > 3_000_000
    assert key.encode() not in path.read_bytes()


def test_a_large_compressed_stream_is_kept_decoded_and_says_so(made: Stage) -> None:
    key = "correct-horse-battery-staple"
    events = [event(0, f"{os.urandom(30_000).hex()} {key}") for _ in range(60)]
    packer = zlib.compressobj(wbits=31)
    pieces = [packer.compress(one) + packer.flush(zlib.Z_SYNC_FLUSH) for one in events] + [packer.flush()]
    one = made.ask(headers={"x-api-key": key})
    given = made.stream(one, pieces, {"content-type": "text/event-stream", "content-encoding": "gzip"})
    assert given.startswith(b"".join(events))
    made.end(one)
    (capture,) = made.captures()
    response = capture.attempts[0].response
    assert response is not None
    assert "content-encoding" not in response.headers
    assert response.headers.get("content-type") == "text/event-stream"
    sizes = [size for size, _ in response.body.cuts]
    assert len(sizes) == 60
    assert response.body.data.startswith(events[0][:60_000])
    assert sum(sizes) == len(response.body.data)
    assert any("kept decoded" in note.what for note in capture.notes)
    (path,) = made.folder.glob("*.flows")
    assert key.encode() not in path.read_bytes()


# -- what fails


def full(monkeypatch: pytest.MonkeyPatch, after: int) -> list[int]:
    """Let the disk be full after so many more bytes; gives the room, which may be changed."""
    room = [after]
    write = os.write

    def short(descriptor: int, data: bytes) -> int:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return write(descriptor, data)
        if room[0] <= 0 and data:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        done = write(descriptor, bytes(data[: max(0, room[0])]))
        room[0] -= done
        return done

    monkeypatch.setattr(os, "write", short)
    return room


@pytest.mark.parametrize("left", (0, 1, 500, 4000))
def test_a_full_disk_is_one_warning_and_what_was_written_stays_readable(
    made: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, left: int
) -> None:
    clock = [time.time()]
    made.remember.store._desk._now = lambda: clock[0]
    run(made, "first")
    wait(made)
    room = full(monkeypatch, left)
    with caplog.at_level(logging.WARNING, logger="wiremend"):
        for _ in range(3):
            run(made, "lost")
            wait(made)
    said = [record.getMessage() for record in caplog.records if "captures" in record.getMessage()]
    assert len(said) == 1
    assert str(made.folder) in said[0]
    assert "No space left" in said[0]
    room[0] = 1 << 30
    run(made, "too early")
    wait(made)
    clock[0] += store.RETRY
    run(made, "again")
    bodies = [capture.request.body for capture in made.captures()]
    assert [text in body for text, body in zip((b"first", b"again"), bodies, strict=True)] == [True, True]


def test_a_disk_that_is_full_in_the_middle_of_a_spool_costs_that_capture(
    made: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run(made, "first")
    wait(made)
    full(monkeypatch, 500_000)
    with caplog.at_level(logging.WARNING, logger="wiremend"):
        given = large(made, 3 << 20)
        assert len(given) > 3_000_000, "the traffic goes on"
        assert len(made.captures()) == 1
    assert "No space left" in caplog.text


@pytest.mark.parametrize("kind", ("a file", "no folder can be made"))
def test_a_folder_that_cannot_be_is_one_warning(made: Stage, caplog: pytest.LogCaptureFixture, kind: str) -> None:
    place = made.folder if kind == "a file" else made.folder.parent / "file"
    place.write_text("in the way")
    if kind != "a file":
        made.context.configure(made.house, wiremend_capture=str(place / "captures"))
    with caplog.at_level(logging.WARNING, logger="wiremend"):
        run(made)
        large(made, 3 << 20)
        run(made)
        made.close()
    said = [record.getMessage() for record in caplog.records if "captures" in record.getMessage()]
    assert len(said) == 1
    assert "cannot be kept in" in said[0]
    assert place.read_text() == "in the way"


def test_when_the_disk_is_too_slow_captures_are_dropped_with_one_warning(
    made: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(store, "BACKLOG", 5_000_000)
    hang = threading.Event()
    made.remember.store._put(lambda: hang.wait(30) and None, 0)
    with caplog.at_level(logging.WARNING, logger="wiremend"):
        for _ in range(3):
            assert len(large(made, 4 << 20)) > 4_000_000
        run(made, "small")
        hang.set()
        captures = made.captures()
    assert sum("dropped" in record.getMessage() for record in caplog.records) == 1
    assert [b"small" in capture.request.body for capture in captures] == [True]
    assert made.remember.store._desk._spools == {}


@pytest.mark.parametrize("method", ("capture", "text", "stream"))
def test_what_cannot_be_scrubbed_is_dropped_never_written_as_it_is(
    made: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, method: str
) -> None:
    def boom(*_: object, **__: object) -> None:
        raise ZeroDivisionError(f"a bug that quotes {KEY}")

    monkeypatch.setattr(Scrubber, method, boom)
    with caplog.at_level(logging.WARNING, logger="wiremend"):
        large(made, 3 << 20)
        large(made, 3 << 20)
        made.close()
    assert captures_in(made.folder) == []
    said = [record.getMessage() for record in caplog.records if "capture was dropped" in record.getMessage()]
    assert len(said) == 1
    assert "ZeroDivisionError" in said[0]
    assert KEY not in caplog.text
    for path in made.folder.rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes()


def test_a_spool_that_could_not_be_scrubbed_is_never_taken_for_one_that_was(
    made: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The capture's own scrubbing works; only the stream's fails, in the middle."""
    times = [0]
    add = spool.Spool.add

    def sometimes(self: spool.Spool, chunks: list[bytes]) -> None:
        times[0] += 1
        if times[0] == 3:
            raise ZeroDivisionError
        add(self, chunks)

    monkeypatch.setattr(spool.Spool, "add", sometimes)
    large(made, 4 << 20)
    assert made.captures() == []


def test_the_store_ends_though_the_disk_hangs(made: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "STOPPING", 0.05)
    hang = threading.Event()
    made.remember.store._put(lambda: hang.wait(30) and None, 0)
    made.close()
    hang.set()


def test_the_text_of_rules_that_changed_meanwhile_is_not_kept_under_the_old_hash(made: Stage) -> None:
    wait(made)
    made.remember.store._desk._texts.clear()
    Path(made.house.watcher.path).write_text(RULES + "# other\n")  # type: ignore[union-attr]  # it was loaded
    made.remember.rules(made.house.watcher.path, made.house.resolved)  # type: ignore[union-attr,arg-type]  # as above
    run(made)
    made.close()
    assert not (made.folder / "rules").exists()
