"""Tapes: every chunk with its time, in memory up to a limit, then with the spooler; nothing lost, nothing twice."""

from __future__ import annotations

import gzip
import zlib
from array import array
from time import monotonic_ns
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lab.replies import sse
from wiremend.captures.scrub import Scrubber
from wiremend.errors import CodingError
from wiremend.mitm import tape as module
from wiremend.mitm.spool import Spool
from wiremend.mitm.tape import Tape

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class Spooler:
    """Takes chunks, as many as it is told to."""

    def __init__(self, room: int = 1 << 40) -> None:
        """Take so many bytes."""
        self.room = room
        self.taken: list[bytes] = []

    def spool(self, tape: Tape, chunks: Sequence[bytes], size: int) -> bool:
        assert isinstance(tape, Tape)
        assert size == sum(map(len, chunks))
        self.room -= size
        if self.room >= 0:
            self.taken += chunks
        return self.room >= 0


def test_what_goes_by_is_kept_with_its_times() -> None:
    tape = Tape(monotonic_ns())
    for chunk in (b"one", b"", b"two two", b"3"):
        tape.write(chunk)
    tape.close()
    body = tape.body()
    assert body.data == b"onetwo two3"
    assert [size for size, _ in body.cuts] == [3, 7, 1], "what is empty is no chunk"
    times = [at for _, at in body.cuts]
    assert times == sorted(times)
    assert 0 <= times[0] <= times[-1] < 60_000_000
    assert body.chunks == [b"one", b"two two", b"3"]


def test_a_time_is_microseconds_since_the_exchange_began() -> None:
    tape = Tape(monotonic_ns() - 5_000_000_000)
    tape.write(b"x")
    ((_, at),) = tape.body().cuts
    assert 5_000_000 <= at < 65_000_000


@given(
    chunks=st.lists(st.binary(max_size=40)),
    limit=st.integers(0, 60),
    portion=st.integers(0, 60),
)
def test_beyond_the_limit_all_of_it_is_handed_over_in_order(chunks: list[bytes], limit: int, portion: int) -> None:
    spooler = Spooler()
    before = module.LIMIT, module.PORTION
    module.LIMIT, module.PORTION = limit, portion  # type: ignore[misc]  # put back below
    try:
        tape = Tape(0, spooler)
        for chunk in chunks:
            tape.write(chunk)
            assert tape.held <= max(limit, portion)
        tape.close()
    finally:
        module.LIMIT, module.PORTION = before  # type: ignore[misc]  # as above
    whole = b"".join(chunks)
    assert tape.spooled == (len(whole) > limit)
    assert b"".join(spooler.taken) + tape.body().data == whole
    assert [size for size, _ in tape.cuts()] == [len(chunk) for chunk in chunks if chunk]
    assert not tape.lost


def test_where_nothing_more_can_be_taken_it_is_lost_and_no_memory_is_used() -> None:
    spooler = Spooler(room=0)
    tape = Tape(0, spooler)
    for _ in range(5):
        tape.write(bytes(module.LIMIT))
    assert tape.lost
    assert tape.held <= module.LIMIT


SECRET = b"sk-ant-oat01-0123456789abcdefghijklmnopqrstuvwxyz"


def in_file(path: Path, chunks: Sequence[bytes], coding: str | None) -> tuple[bytes, Sequence[tuple[int, int]]]:
    """Give what a spool makes of chunks, and its cuts."""
    tape = Tape(0, Spooler())
    with path.open("w+b") as file:
        spool = Spool(Scrubber(salt=b"x").stream(), coding)
        spool.descriptor = file.fileno()
        for chunk in chunks:
            tape.write(chunk)
        tape.spooled, tape._lengths = True, array("I", map(len, chunks))
        tape._chunks = []
        spool.add(chunks)
        spool.close()
        file.seek(0)
        data = file.read()
        assert spool.size == len(data)
        return data, spool.cuts(tape)


def test_a_spool_file_never_has_the_secret(tmp_path: Path) -> None:
    body = b"".join(sse({"text": "word " * 20, "n": n}) for n in range(2000)) + sse({"key": SECRET.decode()})
    body += b"".join(sse({"text": "word " * 20, "n": n}) for n in range(2000))
    at = body.index(SECRET)
    chunks = [body[: at + 10], body[at + 10 : at + 11], body[at + 11 :]]
    data, cuts = in_file(tmp_path / "spool", chunks, None)
    assert SECRET not in data
    assert SECRET[10:] not in data
    assert len(data) == sum(size for size, _ in cuts)
    assert data[: at + 10 - 13] == body[: at + 10 - 13]
    assert data.endswith(body[-1000:])


@pytest.mark.parametrize("coding", ("gzip", "deflate"))
def test_a_compressed_body_is_kept_decoded_with_the_cuts_of_what_was_decoded(tmp_path: Path, coding: str) -> None:
    events = [sse({"n": n}) for n in range(50)]
    packer = zlib.compressobj(wbits=31 if coding == "gzip" else 15)
    chunks = [packer.compress(event) + packer.flush(zlib.Z_SYNC_FLUSH) for event in events] + [packer.flush()]
    data, cuts = in_file(tmp_path / "spool", chunks, coding)
    assert data == b"".join(events)
    assert [size for size, _ in cuts] == [len(event) for event in events]


def test_what_says_to_be_compressed_and_is_not_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CodingError):
        in_file(tmp_path / "spool", [gzip.compress(b"x")[:4], b"no gzip at all"], "gzip")
