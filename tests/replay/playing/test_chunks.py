"""Cuts and times of what is played."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiremend.captures.capture import Body
from wiremend.replay.playing.chunks import chunks
from wiremend.replay.run import CUTS

if TYPE_CHECKING:
    from pathlib import Path

    from wiremend.replay.run import Cuts

PIECES = st.lists(st.tuples(st.binary(max_size=200), st.integers(0, 1000)), max_size=8)


@given(PIECES, st.sampled_from(CUTS))
def test_all_bytes_leave_in_order_and_none_before_it_came(pieces: list[tuple[bytes, int]], cuts: Cuts) -> None:
    pieces = sorted(pieces, key=lambda piece: piece[1])
    body = Body.of(*zip(*pieces, strict=True)) if pieces else Body()
    came = [at for data, at in pieces for _ in data]
    given_ = list(chunks(body, cuts, "seed"))
    assert b"".join(data for data, _ in given_) == body.data
    assert all(data for data, _ in given_)  # a chunk of no bytes would end the body
    sent = 0
    for data, at in given_:
        sent += len(data)
        assert at == came[sent - 1]


def test_recorded_cuts_are_those_of_the_provider_and_random_ones_are_the_same_each_time() -> None:
    body = Body.of([b"data: 1\n", b"\n", b"data: 2\n\n"], [5, 6, 7])
    assert list(chunks(body)) == [(b"data: 1\n", 5), (b"\n", 6), (b"data: 2\n\n", 7)]
    assert list(chunks(body, "whole")) == [(body.data, 7)]
    assert len(list(chunks(body, "bytes"))) == len(body.data)
    assert list(chunks(body, "random", "a")) == list(chunks(body, "random", "a"))
    long = Body.of([b"x" * 1000], [0])
    assert list(chunks(long, "random", "a")) != list(chunks(long, "random", "b"))


@pytest.mark.parametrize("cuts", CUTS)
def test_a_body_in_a_file_is_played_from_there(tmp_path: Path, cuts: Cuts) -> None:
    held = Body.of([b"a" * 100, b"b" * 50], [1, 2])
    file = tmp_path / "body"
    file.write_bytes(held.data)
    assert list(chunks(Body(cuts=held.cuts, file=file), cuts, "s")) == list(chunks(held, cuts, "s"))


def test_a_body_whose_cuts_nobody_saw_is_one_chunk() -> None:
    assert list(chunks(Body(b"{}"))) == [(b"{}", 0)]
    assert list(chunks(Body())) == []
