"""Effort and budget: an effort that became a budget is the same effort when it is read back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiremend.protocols.efforts import BUDGETS, LEAST, budget_of, effort_of


@pytest.mark.parametrize("effort", BUDGETS)
def test_an_effort_comes_back(effort: str) -> None:
    budget = budget_of(effort)  # type: ignore[arg-type]  # a key of the table
    assert budget is not None
    assert effort_of(budget) == effort


def test_no_thinking_is_no_budget() -> None:
    assert budget_of("none") is None
    assert effort_of(0) == effort_of(-1) == "none"
    assert effort_of(10**9) == "max"


@given(st.sampled_from([*BUDGETS]), st.integers(-10, 200_000))
def test_a_budget_is_below_what_the_answer_may_have_or_there_is_none(effort: str, max_tokens: int) -> None:
    budget = budget_of(effort, max_tokens)  # type: ignore[arg-type]  # a key of the table
    assert budget is None or LEAST <= budget < max_tokens
    assert (budget is None) == (max_tokens <= LEAST)


@given(st.integers(0, 300_000), st.integers(0, 300_000))
def test_more_tokens_are_no_less_effort(one: int, other: int) -> None:
    order = ["none", *BUDGETS]
    low, high = sorted((one, other))
    assert order.index(effort_of(low)) <= order.index(effort_of(high))
