"""``docs/agents-and-tiers.md``: agents on a plan, tiers, a default one, and what is said of a model that has none."""

from __future__ import annotations

import re
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rules.kit import ANTHROPIC, decided, problems, resolved, where
from tests.rules.tiers_kit import AROUND, PAGE, TABLE, TIERS, USED, line_of, once, without

RULES: Final = resolved(TIERS, offline=True)
ON_THE_PLAN: Final = ("dispo", "Dispo", "planner", "PLANNER")
OFF_IT: Final = ("mailer", "dispo2", "xdispo", "", None)
CLAUDE: Final = ("claude-opus-4-6", "claude-haiku-4-5", "Claude-Sonnet-4-5", "CLAUDE-X")


def goes(model: object, agent: str | None = None, **more: str) -> str:
    """Give ``provider/model`` for a request of an agent that brings a login of Anthropic's."""
    return where(RULES, model=model, wire="messages", agent=agent, headers={"x-api-key": ANTHROPIC}, **more)


# --- what the page says -----------------------------------------------------------------------------------------------


def test_the_page_is_ten_lines_and_sound() -> None:
    assert problems(TIERS, offline=True) == []
    assert problems(AROUND, {"ROWS_TOKEN": "FAKE"}, offline=True) == []
    body = TIERS[TIERS.index("routes:") :]
    lines = [line for line in body.splitlines() if line and line not in {"routes:", "expect:"}]
    assert len(lines) <= 10


def test_the_router_for_the_plan_is_the_one_on_this_machine() -> None:
    destination = decided(RULES, model="claude-opus-4-6", wire="messages", agent="dispo").destination
    assert destination is not None
    assert destination.url == "http://127.0.0.1:18903/v1/messages"


def test_all_keys_but_the_plan_s_are_in_the_vault() -> None:
    keys = re.findall(r"key: ([^}]+)}", TIERS)
    assert [key for key in keys if not key.startswith("op://Aurora/")] == ["client"]


# --- the gate ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("agent", ON_THE_PLAN)
@pytest.mark.parametrize("model", CLAUDE)
def test_an_agent_on_the_plan_reaches_the_router_with_anthropic_s_models(agent: str, model: str) -> None:
    assert goes(model, agent) == f"max/{model}"


@pytest.mark.parametrize("agent", OFF_IT)
@pytest.mark.parametrize("model", CLAUDE)
def test_any_other_agent_s_go_to_the_default_tier(agent: str | None, model: str) -> None:
    assert goes(model, agent) == "moonshot/kimi-k2.6"


@pytest.mark.parametrize(("agent", "tier"), (("dispo", "max/claude-opus-4-6"), ("mailer", "moonshot/kimi-k2.6")))
def test_it_is_the_same_through_the_https_proxy(agent: str, tier: str) -> None:
    assert goes("claude-opus-4-6", agent, host="api.anthropic.com", target="/v1/messages?beta=true") == tier


@pytest.mark.parametrize("model", ("gpt-5", "my-claude-4", "kimi-k2.6", "", None, 7, "anthropic.claude-3"))
def test_an_agent_on_the_plan_reaches_it_with_no_other_model(model: object) -> None:
    assert not goes(model, "dispo").startswith("max/")


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=20)


@given(
    model=st.one_of(
        NAMES, NAMES.map("claude-{}".format), NAMES.map("max/{}".format), NAMES.map("max/claude-{}".format)
    ),
    agent=st.one_of(st.none(), st.sampled_from(("dispo", "planner", "mailer")), st.text("adiops-*?", max_size=7)),
)
def test_nothing_else_opens_the_gate(model: str, agent: str | None) -> None:
    bare = model.removeprefix("max/")
    opens = agent is not None and agent.lower() in {"dispo", "planner"} and bare.lower().startswith("claude-")
    assert goes(model, agent).startswith("max/") == opens


# --- the tiers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", USED)
@pytest.mark.parametrize("agent", ("dispo", "mailer", None))
def test_each_model_in_use_has_its_tier(model: str, agent: str | None) -> None:
    decision = decided(RULES, model=model, agent=agent)
    assert decision.by == "route"
    tier = "kimi-code" if model == "kimi-for-coding" else "moonshot"
    assert [target.provider for target in decision.targets] == [tier, "openrouter"]
    assert decision.retry.times == 3


@pytest.mark.parametrize("agent", ("dispo", None))
def test_the_prefix_of_a_tier_is_taken_off(agent: str | None) -> None:
    assert goes("moonshot/kimi-k2.5", agent) == "moonshot/kimi-k2.5"


@pytest.mark.parametrize("model", ("gpt-5", "llama-9", "k9", "openrouter-x", "claude"))
def test_what_stands_in_no_table_goes_to_the_default_tier(model: str) -> None:
    decision = decided(RULES, model=model)
    assert (decision.by, goes(model)) == ("default", "moonshot/kimi-k2.6")


# --- a model without a tier -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", USED)
def test_a_model_in_use_without_a_route_is_told_with_its_line(model: str) -> None:
    text = without(model)
    expected = "model: kimi-for-coding}" if model == "kimi-for-coding" else "model: [kimi-k2.6,"
    expected_at = line_of(text[text.index("expect:") :], expected) + line_of(text, "expect:") - 1
    (told,) = problems(text, offline=True)
    assert told.startswith(f"{expected_at}:")
    named = {name for name in USED if re.search(rf"(?<![\w./-]){re.escape(name)}(?![\w.-])", told)}
    assert named == {model}


def test_the_page_shows_what_is_said() -> None:
    change = re.search(r"^`(model: \[[^`]+\])`, and forget one", PAGE, re.MULTILINE)
    assert change is not None
    (said,) = re.findall(r"^```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    told = problems(once(TIERS, TABLE, change[1]), offline=True)
    assert [f"rules.yaml:{line}" for line in told] == said.splitlines()


def test_that_the_default_would_take_it_is_not_enough() -> None:
    careless = TIERS.replace(", by: route", "")
    assert problems(once(careless, TABLE, "model: [moonshot/*]"), offline=True) == []
