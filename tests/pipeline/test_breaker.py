"""The cool-down: what opens it, how long it lasts, one probe at a time, and that it always comes back."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiremend.headers import Headers
from wiremend.pipeline.breaker import Breakers, State, counts
from wiremend.pipeline.trouble import Trouble, of_connection, of_reply, of_stall, of_stream
from wiremend.protocols.failure import failure_of
from wiremend.rules.model import Cooldown

KEY: Final = ("moonshot", "c0ffee")
OTHER: Final = ("moonshot", "decade")
THREE: Final = Cooldown(after=3, rest=30.0)
REFUSED: Final = of_connection("connection refused")


def status(number: int, body: bytes = b"", **fields: str) -> Trouble:
    headers = Headers(tuple((name.replace("_", "-"), value) for name, value in fields.items()))
    found = of_reply(number, headers, body, now=0.0)
    assert found is not None
    return found


def opened(trouble: Trouble = REFUSED, now: float = 100.0) -> Breakers:
    """Give breakers of which that of KEY has just opened."""
    made = Breakers()
    assert [made.failed(KEY, THREE, now, trouble) for _ in range(3)] == [False, False, True]
    return made


def word(breakers: Breakers, now: float) -> str:
    return breakers.states(now)[0].state


COUNTED = (
    REFUSED,
    of_stall("600 s"),
    of_stream(None),
    of_stream(failure_of({"error": {"type": "overloaded_error", "message": "x"}})),
    *map(status, (408, 429, 500, 502, 503, 504, 520, 529)),
    status(429, b'{"error":{"type":"engine_overloaded_error","message":"busy"}}'),
    Trouble("status", "", 500),
    Trouble("status", "", 429),
    status(402),
)
NOT_COUNTED = (
    *map(status, (400, 401, 403, 404, 413, 422)),
    status(400, b'{"error":"prompt is too long: 9 tokens > 8 maximum"}'),
    status(500, b'{"error":"jinja2.exceptions.TemplateError: roles must alternate"}'),
    of_stream(failure_of({"error": {"type": "invalid_request_error", "message": "prompt is too long"}})),
    Trouble("status", "", 400),
    *(Trouble(word, "") for word in ("cooling", "queue", "window", "credential", "refused")),
)


@pytest.mark.parametrize("trouble", COUNTED, ids=str)
def test_what_the_provider_does_counts(trouble: Trouble) -> None:
    assert counts(trouble)
    assert Breakers().failed(KEY, Cooldown(after=1), 0.0, trouble)


@pytest.mark.parametrize("trouble", NOT_COUNTED, ids=str)
def test_what_the_request_does_never_counts(trouble: Trouble) -> None:
    breakers = Breakers()
    assert not counts(trouble)
    assert not any(breakers.failed(KEY, Cooldown(after=1), 0.0, trouble) for _ in range(9))
    assert breakers.allows(KEY, Cooldown(after=1), 0.0)
    assert breakers.states(0.0) == []


def test_so_many_failures_in_a_row_open_it() -> None:
    breakers = opened()
    assert not breakers.allows(KEY, THREE, 129.9)
    assert breakers.states(110.0) == [State("moonshot", "c0ffee", "open", 3, 20.0, "connection refused")]


def test_a_success_in_between_forgets_them() -> None:
    breakers = Breakers()
    for _ in range(9):
        assert not breakers.failed(KEY, THREE, 0.0, REFUSED)
        assert not breakers.failed(KEY, THREE, 0.0, REFUSED)
        assert not breakers.succeeded(KEY, 0.0)
    assert breakers.states(0.0) == []


def test_a_refusal_of_a_request_neither_counts_nor_forgets() -> None:
    breakers = Breakers()
    found = [breakers.failed(KEY, THREE, 0.0, one) for one in (REFUSED, status(400), REFUSED, status(404), REFUSED)]
    assert found == [False, False, False, False, True]


def test_another_credential_is_another_breaker() -> None:
    breakers = opened()
    assert breakers.allows(OTHER, THREE, 100.0)
    assert breakers.allows(("kimi-code", "c0ffee"), THREE, 100.0)
    assert not breakers.allows(KEY, THREE, 100.0)


def test_one_request_probes_and_its_success_closes() -> None:
    breakers = opened()
    assert word(breakers, 130.0) == "half-open"
    assert [breakers.allows(KEY, THREE, 130.0) for _ in range(3)] == [True, False, False]
    assert breakers.succeeded(KEY, 131.0)
    assert not breakers.succeeded(KEY, 131.0)
    assert all(breakers.allows(KEY, THREE, 131.0) for _ in range(3))
    assert [breakers.failed(KEY, THREE, 132.0, REFUSED) for _ in range(3)] == [False, False, True]


def test_each_probe_that_fails_doubles_the_rest_up_to_ten_times() -> None:
    breakers, now, rests = opened(), 100.0, []
    for _ in range(6):
        rest = breakers.seconds(KEY, now)
        rests.append(rest)
        now += rest
        assert breakers.allows(KEY, THREE, now)
        assert not breakers.failed(KEY, THREE, now, REFUSED)  # it had opened before
        assert not breakers.allows(KEY, THREE, now)
    assert rests == [30.0, 60.0, 120.0, 240.0, 300.0, 300.0]
    assert breakers.succeeded(KEY, now + 300.0)
    for _ in range(3):
        breakers.failed(KEY, THREE, now + 400.0, REFUSED)
    assert breakers.seconds(KEY, now + 400.0) == 30.0  # it begins anew


def test_a_probe_whose_client_went_away_makes_room_for_another() -> None:
    breakers = opened()
    assert breakers.allows(KEY, THREE, 130.0)
    assert not breakers.allows(KEY, THREE, 131.0)
    breakers.gave_up_probe(KEY)
    assert breakers.allows(KEY, THREE, 131.0)
    assert not breakers.allows(KEY, THREE, 131.0)


def test_a_probe_that_was_a_wrong_request_makes_room_for_another() -> None:
    breakers = opened()
    assert breakers.allows(KEY, THREE, 130.0)
    assert not breakers.failed(KEY, THREE, 131.0, status(400))
    assert word(breakers, 131.0) == "half-open"
    assert breakers.allows(KEY, THREE, 131.0)


def test_a_probe_that_nobody_ends_is_none_after_a_rest() -> None:
    breakers = opened()
    assert breakers.allows(KEY, THREE, 130.0)
    assert not breakers.allows(KEY, THREE, 159.9)
    assert breakers.seconds(KEY, 140.0) == 20.0
    assert breakers.allows(KEY, THREE, 160.0)
    assert not breakers.allows(KEY, THREE, 160.1)


def test_what_was_on_its_way_when_it_opened_changes_nothing() -> None:
    breakers = opened()
    assert not breakers.failed(KEY, THREE, 120.0, REFUSED)
    assert not breakers.succeeded(KEY, 121.0)
    assert breakers.states(121.0) == [State("moonshot", "c0ffee", "open", 3, 9.0, "connection refused")]


def test_who_was_asked_during_the_rest_and_answers_is_taken_back() -> None:
    breakers = opened()
    assert not breakers.succeeded(KEY, 121.0, began=99.0)
    assert breakers.succeeded(KEY, 121.0, began=101.0)
    assert breakers.allows(KEY, THREE, 121.0)


@pytest.mark.parametrize("body", (b"", b'{"error":{"message":"Insufficient balance","type":"x"}}'))
def test_an_empty_balance_opens_at_once_for_ten_rests(body: bytes) -> None:
    breakers = Breakers()
    assert breakers.failed(KEY, THREE, 0.0, status(402, body, retry_after="3"))
    assert not breakers.allows(KEY, THREE, 299.0)
    assert breakers.allows(KEY, THREE, 300.0)


def test_an_empty_balance_lengthens_a_rest_that_has_begun() -> None:
    breakers = opened()
    assert not breakers.failed(KEY, THREE, 110.0, status(402))
    assert breakers.seconds(KEY, 110.0) == 300.0


@pytest.mark.parametrize(("asked", "rest"), (("5", 5.0), ("60", 60.0), ("300", 300.0), ("9999", 300.0), ("0", 30.0)))
def test_a_provider_that_says_when_to_come_back_is_left_alone_until_then(asked: str, rest: float) -> None:
    breakers = opened(status(429, retry_after=asked))
    assert breakers.seconds(KEY, 100.0) == rest


def test_after_a_probe_that_was_told_to_come_back_soon_the_next_one_comes_then() -> None:
    breakers = opened()
    assert breakers.allows(KEY, THREE, 130.0)
    assert not breakers.failed(KEY, THREE, 131.0, status(429, retry_after="5"))
    assert not breakers.allows(KEY, THREE, 135.9)
    assert breakers.allows(KEY, THREE, 136.0)


def test_off_is_off() -> None:
    breakers = opened()
    assert breakers.allows(KEY, None, 100.0)
    other = Breakers()
    assert not any(other.failed(KEY, None, 0.0, status(402)) for _ in range(99))
    assert other.states(0.0) == []


def test_the_number_of_breakers_is_bounded_and_the_newest_stay() -> None:
    breakers = Breakers(most=10)
    for number in range(25):
        breakers.failed(("p", str(number)), Cooldown(after=1), 0.0, REFUSED)
    assert [state.credential for state in breakers.states(0.0)] == [str(number) for number in range(15, 25)]


def test_keys_that_are_not_known_are_no_trouble() -> None:
    breakers = Breakers()
    breakers.gave_up_probe(KEY)
    assert not breakers.succeeded(KEY, 0.0)
    assert breakers.seconds(KEY, 0.0) == 0.0


STEPS = st.lists(
    st.tuples(
        st.sampled_from(("ask", "fail", "quota", "wrong", "succeed", "give up")),
        st.floats(0, 40, allow_subnormal=False),
    ),
    max_size=80,
)


@given(STEPS, st.integers(1, 4), st.floats(0.5, 60))
def test_laws(steps: list[tuple[str, float]], after: int, rest: float) -> None:
    """Whatever comes: no rest is longer than ten of the rules', and within a rest at most one probe begins by itself.

    Ten rests after the last word it takes a request again.
    """
    breakers, cooldown, now = Breakers(), Cooldown(after, rest), 0.0
    probes: list[float] = []
    for step, pause in steps:
        now += pause
        before = breakers.states(now)
        assert breakers.seconds(KEY, now) <= 10 * rest + 1e-6
        if step == "ask":
            allowed = breakers.allows(KEY, cooldown, now)
            state = before[0].state if before else "closed"
            assert state == "half-open" or allowed is (state == "closed")
            if allowed and state == "half-open":
                probes.append(now)
            continue
        if step == "succeed":
            closed = breakers.succeeded(KEY, now)
            assert closed is bool(before and before[0].state == "half-open")
        elif step == "give up":
            breakers.gave_up_probe(KEY)
        else:
            trouble = {"fail": REFUSED, "quota": status(402), "wrong": status(400)}[step]
            was_closed = not before or before[0].state == "closed"
            assert breakers.failed(KEY, cooldown, now, trouble) is (was_closed and word_of(breakers, now) == "open")
        probes.clear()  # the probe has ended
    assert all(b - a >= rest - 1e-6 for a, b in pairwise(probes))
    assert breakers.allows(KEY, cooldown, now + 10 * rest + 1e-6)


def word_of(breakers: Breakers, now: float) -> str:
    found = breakers.states(now)
    return found[0].state if found else "closed"
