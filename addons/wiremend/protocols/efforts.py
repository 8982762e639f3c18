"""Reasoning effort and thinking budget: the one table by which either is said by the other.

The budgets are those that Claude Code itself asks for by the words ``think`` (4,000), ``megathink`` (10,000) and
``ultrathink`` (31,999); ``minimal`` is the least that the Messages API takes (1,024). ``xhigh`` and ``max`` double what
is below them. An effort that became a budget is the same effort when it is read back.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wiremend.message import Effort

BUDGETS: Final[Mapping[Effort, int]] = MappingProxyType(
    {"minimal": 1_024, "low": 4_000, "medium": 10_000, "high": 31_999, "xhigh": 63_998, "max": 127_996}
)
"""Effort -> tokens, in rising order. The effort ``none`` is no thinking at all."""

LEAST: Final = 1_024
"""The least budget that the Messages API takes (docs: extended thinking)."""


def budget_of(effort: Effort, max_tokens: int | None = None) -> int | None:
    """Give the budget for an effort; below ``max_tokens``, as the Messages API wants it. None for no thinking.

    None too where ``max_tokens`` leaves no room for the least budget.
    """
    if effort == "none":
        return None
    budget = BUDGETS[effort]
    if max_tokens is not None and budget >= max_tokens:
        budget = max_tokens - 1
    return budget if budget >= LEAST else None


def effort_of(budget: int) -> Effort:
    """Give the least effort whose budget is as large; ``none`` for no budget, ``max`` for more than any."""
    if budget <= 0:
        return "none"
    return next((effort for effort, tokens in BUDGETS.items() if budget <= tokens), "max")
