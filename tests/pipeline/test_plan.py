"""The next step after each trouble: again, on to the next destination, or the client is told."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiremend.headers import Headers
from wiremend.pipeline.plan import Plan, Step
from wiremend.pipeline.trouble import Trouble, of_connection, of_reply, of_stall, of_stream
from wiremend.protocols.failure import failure_of
from wiremend.rules.model import NEVER_RETRIED, RETRIED, Retry

if TYPE_CHECKING:
    from collections.abc import Callable

BEGAN: Final = 1000.0


def status(number: int, body: bytes = b"", **fields: str) -> Trouble:
    """Give the trouble of a reply with a status."""
    headers = Headers(tuple((name.replace("_", "-"), value) for name, value in fields.items()))
    found = of_reply(number, headers, body, now=0.0)
    assert found is not None
    return found


def in_stream(kind: str, message: str = "no") -> Trouble:
    return of_stream(failure_of({"type": "error", "error": {"type": kind, "message": message}}))


def plan(
    targets: int = 1,
    *,
    chance: float | Callable[[], float] = 0.5,
    first: int = 0,
    **retry: Any,  # noqa: ANN401 - the fields of Retry
) -> Plan:
    """Begin a plan at the second 1000, three retries unless told otherwise."""
    called = chance if callable(chance) else lambda: chance
    return Plan(targets, Retry(**{"times": 3, **retry}), began=BEGAN, chance=called, first=first)


RATE: Final = status(429)
QUOTA: Final = status(402)
COOLING: Final = Trouble("cooling", "left alone for 12 s")


def test_three_retries_are_four_tries() -> None:
    """The issue's own example: 429, 429, 429, 200 is answered with ``times: 3``."""
    one = plan()
    steps = [one.after(RATE, BEGAN) for _ in range(3)]
    assert [step.target for step in steps if step] == [0, 0, 0]
    assert (one.tries, one.retries, one.exhausted) == (4, 3, False)
    assert one.after(RATE, BEGAN) is None
    assert (one.tries, one.exhausted) == (4, True)


def test_waits_double_up_to_the_longest() -> None:
    one = plan(times=5, backoff=1.0, max=6.0, chance=0.999999)
    steps = [one.after(RATE, BEGAN) for _ in range(5)]
    assert [round(step.wait, 3) for step in steps if step] == [1.0, 2.0, 4.0, 6.0, 6.0]
    assert one.waited == pytest.approx(19.0, abs=0.001)


def test_a_wait_may_be_none_at_all() -> None:
    step = plan(chance=0.0).after(RATE, BEGAN)
    assert step is not None
    assert step.wait == 0.0


def test_what_the_provider_asks_for_is_waited_and_a_little_more() -> None:
    for asked, longest in ((2.0, 2.2), (0.5, 0.55), (25.0, 26.0)):
        least, most = plan(chance=0.0), plan(chance=0.999999)
        trouble = Trouble("status", "", 429, retry_after=asked)
        found = [one.after(trouble, BEGAN) for one in (least, most)]
        assert [round(step.wait, 3) for step in found if step] == [asked, longest]


def test_a_provider_that_says_zero_does_not_know() -> None:
    step = plan(chance=0.5).after(status(429, retry_after="0"), BEGAN)
    assert step == Step(0, 0.5, "429 rate limit: again in 0.5 s (retry 1 of 3)")


def test_longer_than_the_longest_is_not_waited() -> None:
    trouble = status(429, retry_after="31")
    assert plan(max=30.0).after(trouble, BEGAN) is None
    step = plan(2, max=30.0).after(trouble, BEGAN)
    assert step == Step(1, 0.0, "429 rate limit, which asks for 31 s: on to destination 2 of 2")


def test_no_wait_reaches_beyond_the_budget() -> None:
    trouble = status(429, retry_after="20")
    assert plan(budget=120.0).after(trouble, BEGAN + 90) is not None
    assert plan(budget=120.0).after(trouble, BEGAN + 100) is None
    step = plan(2, budget=120.0).after(trouble, BEGAN + 100)
    assert step == Step(1, 0.0, "429 rate limit, which asks for 20 s: on to destination 2 of 2")
    step = plan(2, budget=120.0, backoff=30.0).after(RATE, BEGAN + 110)
    assert step == Step(1, 0.0, "429 rate limit, and no time to wait: on to destination 2 of 2")


def test_with_the_budget_spent_nothing_is_tried() -> None:
    for now in (BEGAN + 120, BEGAN + 1e6):
        assert plan(3).after(RATE, now) is None
        assert plan(3).skipped(COOLING, now) is None
    assert plan().time_left(BEGAN + 119.5) == 0.5
    assert plan().time_left(BEGAN + 500) == 0.0


# -- which trouble does what

AGAIN = (
    *(status(number) for number in sorted(number for number in RETRIED if isinstance(number, int))),
    of_connection("refused"),
    of_stall("600 s"),
    of_stream(None),
    in_stream("overloaded_error"),
    in_stream("api_error"),
    in_stream("rate_limit_error"),
)
ON = (
    QUOTA,
    status(429, b'{"error":{"message":"no","code":"insufficient_quota"}}'),
    in_stream("billing_error"),
    status(401),
    status(403),
    status(403, b'{"error":{"message":"only available for Coding Agents","type":"access_terminated_error"}}'),
    status(404, b'{"error":{"message":"no","code":"model_not_found"}}'),
    status(400, b'{"error":{"message":"Model Not Exist","type":"invalid_request_error"}}'),
    status(501),
    status(505),
    status(599),
    status(503, x_should_retry="false"),
    status(429, x_should_retry="false"),
    in_stream("authentication_error"),
    *(Trouble(word, "") for word in ("cooling", "queue", "window", "credential", "refused")),
)
OVER = (
    status(400),
    status(400, b'{"error":{"message":"prompt is too long: 9 tokens > 8 maximum"}}'),
    status(422),
    status(413),
    status(415),
    status(418),
    status(404),
    status(500, b'{"error":"jinja2.exceptions.TemplateError: roles must alternate"}'),
    status(503, b'{"error":{"message":"extra inputs are not permitted"}}'),
    in_stream("invalid_request_error", "prompt is too long: 9 tokens > 8 maximum"),
    in_stream("invalid_request_error"),
    in_stream("not_found_error"),
)


def ids(trouble: Trouble) -> str:
    return f"{trouble.word}-{trouble.status or (trouble.failure.kind if trouble.failure else '')}"


@pytest.mark.parametrize("trouble", AGAIN, ids=ids)
def test_what_may_be_over_is_asked_again_and_then_elsewhere(trouble: Trouble) -> None:
    one = plan(2, times=1)
    first, second, third = (one.after(trouble, BEGAN) for _ in range(3))
    assert first is not None
    assert second is not None
    assert third is not None
    assert [first.target, second.target, third.target] == [0, 1, 1]
    assert second.wait == 0
    assert "(retry 1 of 1)" in first.why
    assert "also after 1 retry: on to destination 2 of 2" in second.why
    assert one.after(trouble, BEGAN) is None
    assert one.tries == 4


@pytest.mark.parametrize("trouble", ON, ids=ids)
def test_what_is_of_this_provider_goes_to_the_next_one_at_once(trouble: Trouble) -> None:
    step = plan(2).after(trouble, BEGAN)
    assert step is not None
    assert (step.target, step.wait) == (1, 0.0)
    assert plan(1).after(trouble, BEGAN) is None


@pytest.mark.parametrize("trouble", OVER, ids=ids)
def test_what_is_wrong_everywhere_is_told(trouble: Trouble) -> None:
    one = plan(3)
    assert one.after(trouble, BEGAN) is None
    assert one.exhausted
    assert one.after(RATE, BEGAN) is None


@pytest.mark.parametrize("number", sorted(NEVER_RETRIED))
def test_some_statuses_are_never_retried_whatever_the_file_says(number: int) -> None:
    one = plan(2, on=frozenset({*RETRIED, number}))
    step = one.after(status(number), BEGAN)
    assert step is None or step.target == 1
    # Groq's refusal of what the model wrote, which is not final
    body = b'{"error":{"message":"no","code":"tool_use_failed"}}'
    step = plan(2).after(status(number, body), BEGAN)
    assert step is None or step.target == 1


def test_a_status_that_only_the_file_names_is_retried() -> None:
    assert plan().after(status(424), BEGAN) is None
    one = plan(2, times=1, on=frozenset({424}))
    steps = [one.after(status(424), BEGAN) for _ in range(2)]
    assert [step.target for step in steps if step] == [0, 1]


def test_an_empty_balance_is_never_asked_again_whatever_the_file_says() -> None:
    for trouble in (QUOTA, Trouble("quota", "", 429)):
        one = plan(2, on=frozenset({*RETRIED, 402}))
        steps = [one.after(trouble, BEGAN) for _ in range(2)]
        assert [step.target if step else None for step in steps] == [1, None]


@pytest.mark.parametrize(
    ("trouble", "on"),
    (
        (RATE, {500, "connection", "stall", "stream"}),
        (of_connection("refused"), {429, "stall"}),
        (of_stall("600 s"), {429, "connection"}),
        (of_stream(None), {429, "connection"}),
        (in_stream("rate_limit_error"), {500}),
    ),
    ids=("rate", "connection", "stall", "empty stream", "error in the stream"),
)
def test_what_the_file_leaves_out_is_not_retried_but_falls_back(trouble: Trouble, on: set[int | str]) -> None:
    assert plan(1, on=frozenset(on)).after(trouble, BEGAN) is None
    step = plan(2, on=frozenset(on)).after(trouble, BEGAN)
    assert step is not None
    assert step.target == 1


def test_an_error_in_a_stream_is_retried_as_the_status_that_it_stands_for() -> None:
    step = plan(on=frozenset({429})).after(in_stream("rate_limit_error"), BEGAN)
    assert step is not None
    assert step.why == "rate limit in the stream: again in 0.5 s (retry 1 of 3)"


def test_a_wrong_key_of_the_client_s_own_is_the_client_s_to_refresh() -> None:
    for trouble in (status(401), status(403, b'{"error":{"message":"no","code":"invalid_api_key"}}')):
        assert plan(2).after(trouble, BEGAN, own_key=True) is None
        assert plan(2).after(trouble, BEGAN) is not None
    for trouble in (QUOTA, status(403), RATE, status(500)):
        step = plan(2, times=0).after(trouble, BEGAN, own_key=True)
        assert step is not None
        assert step.target == 1


# -- order, and what the flow shows


def test_a_conversation_that_fell_back_begins_there() -> None:
    one = plan(4, times=0, first=2)
    assert (one.target, one.left) == (2, 3)
    steps = [one.after(RATE, BEGAN) for _ in range(4)]
    assert [step.target if step else None for step in steps] == [0, 1, 3, None]


def test_each_destination_has_retries_of_its_own() -> None:
    one = plan(2, times=2)
    steps = [one.after(RATE, BEGAN) for _ in range(6)]
    assert [(step.target, step.wait) if step else None for step in steps] == [
        (0, 0.5),
        (0, 1.0),
        (1, 0.0),
        (1, 0.5),
        (1, 1.0),
        None,
    ]


def test_what_never_began_is_no_try() -> None:
    one = plan(3)
    step = one.skipped(COOLING, BEGAN)
    assert step == Step(1, 0.0, "cooling: on to destination 2 of 3")
    assert (one.tries, one.left) == (1, 1)
    assert one.skipped(COOLING, BEGAN) is not None
    assert one.skipped(COOLING, BEGAN) is None
    assert (one.tries, one.left, one.exhausted) == (0, 0, True)
    assert one.skipped(COOLING, BEGAN) is None
    assert one.tries == 0


def test_a_destination_that_is_skipped_on_the_way_back_to_it_gets_no_retry() -> None:
    one = plan(2)
    assert one.after(RATE, BEGAN) is not None
    step = one.skipped(COOLING, BEGAN)
    assert step is not None
    assert step.target == 1


@pytest.mark.parametrize(("targets", "first"), ((0, 0), (1, 1), (2, -1)))
def test_there_is_a_first_destination(targets: int, first: int) -> None:
    with pytest.raises(ValueError, match="there is no destination"):
        plan(targets, first=first)


# -- laws

TROUBLES = st.one_of(
    st.sampled_from((*AGAIN, *ON, *OVER)),
    st.builds(
        lambda number, wait: Trouble("status", "", number, retry_after=wait),
        st.sampled_from((429, 503, 529)),
        st.one_of(st.none(), st.floats(0, 1e5)),
    ),
)
RETRIES = st.builds(
    Retry,
    times=st.integers(0, 6),
    backoff=st.floats(0.001, 100),
    max=st.floats(0.001, 200),
    budget=st.floats(0, 500),
)
BELOW_ONE = st.floats(0, 1, exclude_max=True)


@given(st.data(), st.integers(1, 5), RETRIES)
def test_laws(data: st.DataObject, targets: int, retry: Retry) -> None:
    """Whatever happens and however long it takes: bounded tries, bounded waits, an end.

    No destination is asked more than ``times + 1`` times or after another was, no wait is longer than ``max`` (and the
    little more) or than what is left of the budget, and what is given up stays so.
    """
    first = data.draw(st.integers(0, targets - 1))
    one = Plan(targets, retry, began=BEGAN, chance=lambda: data.draw(BELOW_ONE), first=first)
    now, asked = BEGAN, [first]
    while True:
        now += data.draw(st.floats(0, 50))
        trouble = data.draw(TROUBLES)
        step = one.skipped(trouble, now) if data.draw(st.booleans()) else one.after(trouble, now)
        if step is None:
            break
        assert now < BEGAN + retry.budget
        assert step.wait == 0.0 or step.wait <= retry.max + min(1.0, 0.1 * retry.max)
        assert now + step.wait <= BEGAN + retry.budget
        if trouble.retry_after and step.target == asked[-1]:
            assert trouble.retry_after <= step.wait <= trouble.retry_after * 1.1 + 1e-9
        elif step.target != asked[-1]:
            assert step.wait == 0.0
        now += step.wait
        asked.append(step.target)
    order = [first, *(target for target in range(targets) if target != first)]
    assert [asked[0], *(b for a, b in pairwise(asked) if a != b)] == order[: len(set(asked))]
    assert max(asked.count(target) for target in asked) <= retry.times + 1
    assert one.waited <= retry.budget
    assert one.tries <= len(asked)
    assert one.exhausted
    assert one.after(RATE, now) is None
    assert one.skipped(COOLING, now) is None


@given(RETRIES, st.integers(0, 5))
def test_the_longest_wait_never_shrinks_from_retry_to_retry(retry: Retry, targets: int) -> None:
    """With chance at its top the waits rise to ``max``, and with less chance no wait is longer."""
    most = Plan(targets + 1, retry, began=BEGAN, chance=lambda: 0.999)
    least = Plan(targets + 1, retry, began=BEGAN, chance=lambda: 0.25)
    waits: list[float] = []
    for _ in range(retry.times):
        high, low = most.after(RATE, BEGAN), least.after(RATE, BEGAN)
        if high is None or low is None or high.target:
            break
        assert low.wait <= high.wait < retry.max
        waits.append(high.wait)
    assert all(a <= b for a, b in pairwise(waits))
