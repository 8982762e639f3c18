"""docs/coming-from.md: what somebody had and what stands beside it do the same.

(That every ``yaml`` block is a sound rules file, and that links lead somewhere, is held by ``test_docs.py``; the runs
of Hermes and OpenClaw are in ``clients/test_hermes.py`` and ``clients/test_openclaw.py``.)
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.rules.kit import decided, refused, resolved
from wiremend.cli.agents import AGENTS
from wiremend.errors import RefusedError
from wiremend.quirks import all_quirks

PAGE: Final = (Path(__file__).parents[1] / "docs" / "coming-from.md").read_text("utf-8")
SECTIONS: Final = dict(re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
KEYS: Final = {
    name: f"sk-FAKE-{name}"
    for name in ("KIMI_API_KEY", "DEEPSEEK_API_KEY", "LITELLM_MASTER_KEY", "MOONSHOT_API_KEY", "OPENROUTER_API_KEY")
}


def block(section: str, info: str) -> str:
    """Give the one fenced block of its kind in a section."""
    (found,) = re.findall(rf"^```{info}\n(.*?)^```$", SECTIONS[section], re.MULTILINE | re.DOTALL)
    return str(found)


def test_each_section_leads_to_a_row_of_the_table_on_top() -> None:
    table = PAGE.partition("\n## ")[0]
    for name in SECTIONS:
        anchor = re.sub(r"[^\w\- ]", "", name.lower()).replace(" ", "-")
        assert f"(#{anchor})" in table or f"({anchor}.md)" in table, name


def test_the_agents_that_are_just_run_are_named() -> None:
    row = next(line for line in PAGE.splitlines() if line.startswith("| Claude Code"))
    told = {name.strip().lower().partition(" ")[0].partition("-")[0] for name in row.split("|")[1].split(",")}
    assert told == {agent.id for agent in AGENTS} - {"hermes"}


# --- LiteLLM ----------------------------------------------------------------------------------------------------------

LITELLM: Final[dict[str, Any]] = yaml.safe_load(block("LiteLLM", "yaml litellm"))
OURS: Final = resolved(block("LiteLLM", "yaml"), KEYS)
TABLE: Final = {entry["model_name"]: entry["litellm_params"] for entry in LITELLM["model_list"]}
HOSTS: Final = {"deepseek": "https://api.deepseek.com"}
"""Where LiteLLM looks for a provider that has no ``api_base``."""


@pytest.mark.parametrize("name", TABLE)
def test_a_model_of_litellm_s_goes_where_it_went(name: str) -> None:
    params = TABLE[name]
    vendor, _, model = params["model"].partition("/")
    decision = decided(OURS, model=name)
    assert decision.by == "route"
    assert decision.sent == model
    assert decision.destination is not None
    assert decision.destination.url.startswith(params.get("api_base") or HOSTS[vendor])
    assert decision.retry.times == LITELLM["litellm_settings"]["num_retries"]
    spare = {key: value for entry in LITELLM["litellm_settings"]["fallbacks"] for key, value in entry.items()}
    expected = [TABLE[other]["model"] for other in (name, *spare.get(name, ()))]
    assert [str(target).partition("/")[2] for target in decision.targets] == [one.partition("/")[2] for one in expected]


def test_a_provider_s_key_is_the_variable_that_litellm_reads() -> None:
    read = {params["api_key"].removeprefix("os.environ/") for params in TABLE.values()} - {"none"}
    assert read == {*re.findall(r"key: \$(\w+)", block("LiteLLM", "yaml"))}
    master = LITELLM["general_settings"]["master_key"].removeprefix("os.environ/")
    assert f"token: ${master}," in f"{block('LiteLLM', 'yaml')}".replace("}", ",")


def test_an_alias_of_a_group_is_one_here() -> None:
    for alias, group in LITELLM["router_settings"]["model_group_alias"].items():
        assert decided(OURS, model=alias).targets == decided(OURS, model=group).targets


def test_times_and_cool_downs_are_litellm_s() -> None:
    limits = OURS.rules.limits
    assert limits.duration == LITELLM["litellm_settings"]["request_timeout"]
    assert limits.cooldown is not None
    router = LITELLM["router_settings"]
    assert (limits.cooldown.after, limits.cooldown.rest) == (router["allowed_fails"], router["cooldown_time"])


def test_a_model_that_is_not_in_the_list_is_refused() -> None:
    assert refused(OURS, model="gpt-9").status in {400, 404}


# --- Hermes, OpenClaw, Portkey ----------------------------------------------------------------------------------------


def test_openclaw_s_settings_name_models_that_the_rules_have() -> None:
    settings = json.loads(block("OpenClaw", "json"))
    rules = resolved(block("OpenClaw", "yaml"), KEYS)
    (provider,) = settings["models"]["providers"].values()
    for model in provider["models"]:
        asked = {"model": model["id"], "wire": "messages", "headers": {"x-api-key": provider["apiKey"]}}
        decision = decided(rules, **asked)
        assert (decision.by, decision.sent) == ("route", model["id"])
        known = rules.rules.providers["kimi-code"].models[model["id"]]
        assert known.context_window == model["contextWindow"]
    assert settings["agents"]["defaults"]["model"]["primary"] == "wiremend/kimi-for-coding"


def test_the_quirks_that_are_named_exist() -> None:
    named = re.findall(r"\[`([a-z0-9-]+)`\]\(quirks\.md#([a-z0-9-]+)\)", PAGE)
    assert len(named) >= 10
    assert [name for name, _ in named if name not in all_quirks()] == []
    assert [name for name, anchor in named if name != anchor] == []


def test_a_portkey_config_and_the_rules_ask_the_same_places() -> None:
    theirs = json.loads(block("Portkey, and proxies with tiers", "json"))
    rules = resolved(block("Portkey, and proxies with tiers", "yaml"), offline=True)
    decision = decided(rules, model="kimi-k2.6")
    assert [target.provider for target in decision.targets] == [target["provider"] for target in theirs["targets"]]
    first, second = theirs["targets"]
    assert decision.targets[1].model == second["override_params"]["model"]
    assert decision.retry.times == first["retry"]["attempts"]
    assert decision.retry.on == frozenset(first["retry"]["on_status_codes"])


@pytest.mark.parametrize("key", ("sk-kimi-FAKE01", "sk-FAKE01"))
@pytest.mark.parametrize("wire", ("messages", "chat"))
def test_hermes_key_decides_and_no_other_is_sent(key: str, wire: str) -> None:
    rules = resolved(block("Hermes with a Kimi key", "yaml"))
    decision = decided(rules, model="kimi-k2.6", wire=wire, headers={"x-api-key": key})
    assert decision.provider == ("kimi-code" if "kimi" in key else "moonshot")
    with pytest.raises(RefusedError):
        decided(rules, model="kimi-k2.6", wire=wire, headers={"x-api-key": "pk-FAKE01"})
