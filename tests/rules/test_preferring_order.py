"""``prefer: cheapest``: the order by known prices, and what is said where one is not known."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.rules.kit import problems, resolved
from wiremend.rules.model import Known, Price, Provider, Target
from wiremend.rules.preferring_order import cheapest_first, cost, without_price

RULES = """
providers:
  lab:
    base_url: http://127.0.0.1:1/v1
    auth: none
    models:
      dear: {{price: {{input: 2, output: 10}}}}
      cheap: {{price: {{input: 0.1, output: 0.4}}}}
      writes: {{price: {{input: 0.1, output: 100}}}}
      free: {{price: {{input: 0, output: 0}}}}
      vague: {{}}
preferences:
  - {{name: one, description: words, models: [{models}], prefer: {prefer}}}
"""


def order(models: str, prefer: str = "cheapest") -> list[str]:
    preferences = resolved(RULES.format(models=models, prefer=prefer)).rules.preferences
    assert preferences is not None
    return [str(target) for target in preferences.choices[0].route.targets]


def test_the_cheapest_is_the_first() -> None:
    models = "lab/dear, lab/writes, lab/cheap, lab/free"
    assert order(models) == ["lab/free", "lab/cheap", "lab/dear", "lab/writes"]
    for other in ("none", "fastest"):
        assert order(models, other) == ["lab/dear", "lab/writes", "lab/cheap", "lab/free"]


def test_a_prompt_counts_three_times_as_much_as_an_answer() -> None:
    prices = {"a": Known(price=Price(4.0, 0.0)), "b": Known(price=Price(0.0, 11.9)), "c": Known(price=Price(0.0, 12.1))}
    lab = {"lab": Provider("lab", {}, ("chat",), {}, models=prices)}
    assert cost(Target("lab", "a"), lab) == 3.0
    assert [str(one) for one in cheapest_first((Target("lab", name) for name in "cab"), lab)] == [
        "lab/b",
        "lab/a",
        "lab/c",
    ]


def test_what_has_no_price_comes_last_as_written_and_is_told() -> None:
    text = RULES.format(models="lab/vague, lab/dear, deepseek/of-nobody, lab/cheap", prefer="cheapest")
    assert order("lab/vague, lab/dear, deepseek/of-nobody, lab/cheap") == [
        "lab/cheap",
        "lab/dear",
        "lab/vague",
        "deepseek/of-nobody",
    ]
    line = next(number for number, one in enumerate(text.splitlines(), 1) if "prefer:" in one)
    told = [one for one in problems(text) if "no price is known" in one]
    column = text.splitlines()[line - 1].index("cheapest") + 1
    (only,) = told
    assert only == (
        f"{line}:{column}: warning: no price is known of lab/vague and deepseek/of-nobody, which come last;"
        " write it, for a million tokens, as"
        " `providers: {lab: {models: {vague: {price: {input: DOLLARS, output: DOLLARS}}}}}`"
    )


def test_one_model_needs_no_price() -> None:
    text = RULES.format(models="lab/vague", prefer="cheapest")
    assert [one for one in problems(text) if "price" in one] == []


_PRICES = st.none() | st.tuples(st.floats(0, 100), st.floats(0, 100))


@given(st.lists(_PRICES, min_size=1, max_size=8))
def test_it_is_an_order_of_the_same_models(prices: list[tuple[float, float] | None]) -> None:
    known = {f"m{at}": Known(price=None if one is None else Price(*one)) for at, one in enumerate(prices)}
    lab = {"lab": Provider("lab", {}, ("chat",), {}, models=known)}
    targets = [Target("lab", name) for name in known]
    ordered = cheapest_first(targets, lab)
    assert set(ordered) == set(targets)
    costs = [cost(one, lab) for one in ordered]
    priced = [one for one in costs if one is not None]
    assert costs == [*sorted(priced), *[None] * costs.count(None)]
    assert [one for one in ordered if cost(one, lab) is None] == [one for one in targets if cost(one, lab) is None]
    assert (without_price(targets, lab) is None) == (None not in prices)
