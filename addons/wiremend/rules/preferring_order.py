"""``prefer: cheapest``: the models of a preference in the order of what they cost, by the prices that are known.

Three tokens of a prompt are reckoned for one that is written: agents send a long history with each request and get
little back, and what a cache serves is left out of it. A model without a known price comes behind all that have one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wiremend.rules.model import Provider, Target

PROMPT: Final = 3
"""Tokens of a prompt for each one that is written."""


def cost(target: Target, providers: Mapping[str, Provider]) -> float | None:
    """Give what a million tokens cost in US dollars, of prompts and of answers together; None where it is not known."""
    provider = providers.get(target.provider)
    known = provider.models.get(target.model or "") if provider is not None else None
    if known is None or known.price is None:
        return None
    return (PROMPT * known.price.input + known.price.output) / (PROMPT + 1)


def cheapest_first(targets: Iterable[Target], providers: Mapping[str, Provider]) -> tuple[Target, ...]:
    """Order destinations by cost, the cheapest first; equal ones, and those of unknown cost, as they were."""

    def key(target: Target) -> tuple[bool, float]:
        known = cost(target, providers)
        return known is None, known or 0.0

    return tuple(sorted(targets, key=key))


def without_price(targets: Iterable[Target], providers: Mapping[str, Provider]) -> str | None:
    """Say which destinations have no known price, and what to write; None where all have one."""
    unknown = [target for target in targets if cost(target, providers) is None]
    if not unknown:
        return None
    names = " and ".join(str(target) for target in unknown)
    comes, one = ("comes", unknown[0]) if len(unknown) == 1 else ("come", unknown[0])
    key = f"providers: {{{one.provider}: {{models: {{{one.model}: {{price: {{input: DOLLARS, output: DOLLARS}}}}}}}}}}"
    return f"no price is known of {names}, which {comes} last; write it, for a million tokens, as `{key}`"
