"""How fast models answer: the median of the last times, each model's turn, and a memory that is bounded."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiremend.pipeline.speeds import AGE, TIMES, Speeds, is_failure
from wiremend.pipeline.trouble import Trouble, of_connection, of_stall, of_stream
from wiremend.protocols.failure import Failure

MODELS = ("a/one", "b/two", "c/three")


def measured(**seconds: float) -> Speeds:
    speeds = Speeds()
    for name, taken in seconds.items():
        speeds.took(next(one for one in MODELS if one.startswith(name)), taken, 0.0, stream=True)
    return speeds


def test_each_has_its_turn_in_the_order_of_the_file() -> None:
    speeds, chosen = Speeds(), []
    for _ in MODELS:
        at = speeds.fastest(MODELS, 0.0, stream=True)
        chosen.append(at)
        speeds.took(MODELS[at], 9.0 - at, 0.0, stream=True)
    assert chosen == [0, 1, 2]
    assert speeds.fastest(MODELS, 0.0, stream=True) == 2


def test_the_fastest_is_the_one_of_the_smallest_median() -> None:
    speeds = measured(a=2.0, b=1.0, c=3.0)
    for taken in (5.0, 5.0):
        speeds.took("b/two", taken, 0.0, stream=True)
    assert speeds.seconds("b/two", 0.0, stream=True) == 5.0
    assert speeds.fastest(MODELS, 0.0, stream=True) == 0
    assert measured(a=1.0, b=1.0, c=1.0).fastest(MODELS, 0.0, stream=True) == 0


def test_the_last_times_count() -> None:
    speeds = Speeds()
    for _ in range(TIMES):
        speeds.took("a/one", 100.0, 0.0, stream=True)
    for _ in range(TIMES):
        speeds.took("a/one", 1.0, 0.0, stream=True)
    assert speeds.seconds("a/one", 0.0, stream=True) == 1.0


def test_who_failed_comes_last_and_has_another_chance_in_an_hour() -> None:
    speeds = measured(b=5.0, c=6.0)
    speeds.failed("a/one", 1.0, stream=True)
    assert speeds.seconds("a/one", 1.0, stream=True) == math.inf
    assert speeds.fastest(MODELS, 1.0, stream=True) == 1
    speeds.took("b/two", 5.0, AGE, stream=True)
    speeds.took("c/three", 6.0, AGE, stream=True)
    assert speeds.fastest(MODELS, AGE, stream=True) == 1
    assert speeds.fastest(MODELS, AGE + 1.0, stream=True) == 0


def test_streams_and_whole_answers_are_apart() -> None:
    speeds = measured(a=1.0, b=2.0, c=3.0)
    speeds.took("a/one", 30.0, 0.0, stream=False)
    assert speeds.seconds("a/one", 0.0, stream=True) == 1.0
    assert speeds.fastest(MODELS, 0.0, stream=True) == 0
    assert speeds.fastest(MODELS, 0.0, stream=False) == 1


@pytest.mark.parametrize(
    ("trouble", "failed"),
    (
        (of_connection("gone"), True),
        (of_stall("late"), True),
        (of_stream(None), True),
        (Trouble("status", "x", 500), True),
        (Trouble("status", "x", 404), True),
        (Trouble("status", "x", 401), True),
        (Trouble("quota", "x", 429), True),
        (Trouble("status", "x", 400), False),
        (Trouble("status", "x", 404, Failure("model_not_found", 404, "x")), True),
        (Trouble("status", "x", 500, Failure("context_length", 400, "x")), False),
        (Trouble("queue", "x"), False),
        (Trouble("cooling", "x"), False),
        (Trouble("window", "x"), False),
    ),
)
def test_what_counts_as_a_failure(trouble: Trouble, failed: bool) -> None:  # noqa: FBT001 - a row of the table
    assert is_failure(trouble) is failed


def test_where_there_is_none_there_is_no_fastest() -> None:
    with pytest.raises(ValueError, match="empty"):
        Speeds().fastest((), 0.0, stream=True)


@given(
    st.lists(st.tuples(st.sampled_from("abcdefgh"), st.floats(0, 100), st.booleans()), max_size=200), st.integers(1, 5)
)
def test_it_is_bounded_and_always_gives_one(taken: list[tuple[str, float, bool]], most: int) -> None:
    speeds = Speeds(most)
    for name, seconds, stream in taken:
        speeds.took(name, seconds, 0.0, stream=stream)
        assert len(speeds) <= most
    names = list("abcdefgh")
    for stream in (True, False):
        at = speeds.fastest(names, 0.0, stream=stream)
        known = [speeds.seconds(name, 0.0, stream=stream) for name in names]
        first = min((seconds for seconds in known if seconds is not None), default=None)
        assert known[at] == (None if None in known else first)
        assert at == known.index(known[at])
