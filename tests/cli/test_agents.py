"""How agents are launched: which entry of the table a command is, and what each style sets for it.

Expected values come from what each agent was measured to read. Three things hold for all: the user's own variables stay
but for those of the style, nothing outside the run's folder is written, and a base URL has the form that its reader
wants (``/v1`` or none).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.launching import BASE, BY_ID, V1, World
from wiremend.cli.agents import AGENTS, GENERIC, Agent, Style, find_agent

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


# --- which agent is it


@pytest.mark.parametrize(
    ("argv", "expected"),
    (
        (["claude"], "claude"),
        (["/opt/bin/claude", "-p", "hello"], "claude"),
        (["./codex.js", "exec"], "codex"),
        (["npx", "-y", "@openai/codex@0.169.0", "exec"], "codex"),
        (["npx", "opencode-ai", "run"], "opencode"),
        (["env", "A=1", "qwen"], "qwen"),
        (["node", "/lib/node_modules/@moonshot-ai/kimi-code/dist/kimi.mjs"], "kimi"),
        (["uvx", "hermes-agent"], "hermes"),
        (["pi"], "pi"),
        (["cline", "task"], "cline"),
        (["aider"], "generic"),
        (["git", "log", "claude"], "generic"),
        (["claude-squad"], "generic"),
    ),
)
def test_an_agent_is_known_by_its_program_or_package(argv: list[str], expected: str) -> None:
    assert find_agent(argv).id == expected


@pytest.mark.parametrize(
    ("program", "named", "expected"),
    (
        ("my-script", "codex", "codex"),
        ("my-script", "Codex", "codex"),
        ("my-script", "reviewer-7", "generic"),
        ("claude", "reviewer-7", "claude"),
        ("claude", "codex", "claude"),
    ),
)
def test_a_name_chooses_the_recipe_where_the_program_does_not(program: str, named: str, expected: str) -> None:
    assert find_agent([program], named).id == expected


def test_no_two_entries_answer_to_one_name() -> None:
    names = [name for agent in AGENTS for name in {agent.id, *agent.names}]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("agent", (*AGENTS, GENERIC), ids=lambda agent: agent.id)
def test_by_default_nothing_of_the_users_set_up_changes(agent: Agent) -> None:
    assert agent.via == "proxy"


# --- both styles


@pytest.mark.parametrize("style", ("proxy", "gateway"))
@pytest.mark.parametrize("agent", BY_ID)
def test_keys_stay_and_the_users_files_too(world: World, agent: str, style: Style) -> None:
    keys = {"ANTHROPIC_API_KEY": "sk-ant-FAKE", "OPENAI_API_KEY": "sk-FAKE", "KIMI_API_KEY": "sk-kimi-FAKE"}
    for path in (".kimi-code/config.toml", ".codex/config.toml", ".hermes/config.yaml", ".pi/agent/models.json"):
        world.write(path, "")
    before = world.users_files()
    launch = world.plan(agent, style, environ=keys)
    assert keys.items() <= launch.environ.items()
    assert launch.environ["PATH"] == "/bin"
    assert world.users_files() == before


@pytest.mark.parametrize("agent", BY_ID)
def test_the_proxy_style_sets_proxy_and_trust_and_no_base_url(world: World, agent: str) -> None:
    theirs = {"ANTHROPIC_BASE_URL": "https://api.kimi.com/coding/v1", "OPENAI_BASE_URL": "https://api.moonshot.ai/v1"}
    launch = world.plan(agent, "proxy", environ=theirs)
    expected = {
        "HTTPS_PROXY": BASE,
        "https_proxy": BASE,
        "NODE_EXTRA_CA_CERTS": str(world.ca),
        **dict.fromkeys(
            ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "CODEX_CA_CERTIFICATE"), str(world.bundle)
        ),
    }
    assert {**expected, **theirs}.items() <= launch.environ.items()
    assert "HTTP_PROXY" not in launch.environ
    assert launch.argv == (agent,)
    assert not launch.notes


@pytest.mark.parametrize(
    ("agent", "expected"),
    (
        ("claude", {"ANTHROPIC_BASE_URL": BASE}),
        ("qwen", {"OPENAI_BASE_URL": V1, "ANTHROPIC_BASE_URL": BASE}),
        ("kimi", {"KIMI_MODEL_BASE_URL": V1}),
        ("hermes", {"KIMI_BASE_URL": V1, "OPENAI_BASE_URL": V1, "ANTHROPIC_BASE_URL": BASE}),
        ("generic", {"ANTHROPIC_BASE_URL": BASE, "OPENAI_BASE_URL": V1, "OPENAI_API_BASE": V1}),
    ),
)
def test_the_gateway_style_sets_base_urls_in_the_form_that_works(
    world: World, agent: str, expected: dict[str, str]
) -> None:
    launch = world.plan(agent, "gateway", environ={"ANTHROPIC_BASE_URL": "https://api.kimi.com/coding/v1"})
    assert expected.items() <= launch.environ.items()
    assert not {"HTTPS_PROXY", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"} & launch.environ.keys()


@pytest.mark.parametrize("variable", ("HTTPS_PROXY", "http_proxy", "ALL_PROXY"))
@pytest.mark.parametrize(("before", "after"), (("", "127.0.0.1"), ("corp.example", "corp.example,127.0.0.1")))
def test_a_gateway_is_not_reached_through_the_machines_proxy(
    world: World, variable: str, before: str, after: str
) -> None:
    launch = world.plan("claude", "gateway", environ={variable: "http://proxy.corp.example:3128", "no_proxy": before})
    assert (launch.environ["NO_PROXY"], launch.environ["no_proxy"]) == (after, after)
    assert launch.environ[variable] == "http://proxy.corp.example:3128"


@pytest.mark.parametrize(
    ("value", "kept"),
    (
        ("*", ""),
        ("localhost,api.kimi.com,127.0.0.1", "localhost,127.0.0.1"),
        (".kimi.com, .corp.example", ".corp.example"),
        ("*.kimi.com kimi.com .com", ""),
        ("api.kimi.com:443,API.KIMI.COM,10.0.0.0/8,::1", "10.0.0.0/8,::1"),
    ),
)
def test_no_entry_of_no_proxy_lets_an_llm_host_pass_by(world: World, value: str, kept: str) -> None:
    launch = world.plan("claude", "proxy", environ={"NO_PROXY": value}, hosts=["api.kimi.com"])
    assert launch.environ["NO_PROXY"] == kept
    assert "no_proxy" not in launch.environ
    (note,) = launch.notes
    assert note.startswith("NO_PROXY: ")


@pytest.mark.parametrize("value", ("corp.example", "kimi.com.example", "otherkimi.com", "127.0.0.1,localhost"))
def test_what_must_bypass_still_does(world: World, value: str) -> None:
    launch = world.plan("claude", "proxy", environ={"no_proxy": value}, hosts=["api.kimi.com"])
    assert launch.environ["no_proxy"] == value
    assert not launch.notes


def test_a_base_url_on_plain_http_is_named_because_an_https_proxy_does_not_see_it(world: World) -> None:
    launch = world.plan("claude", "proxy", environ={"ANTHROPIC_BASE_URL": "http://127.0.0.1:11434"})
    (note,) = launch.notes
    assert note.startswith("ANTHROPIC_BASE_URL")
    assert "--via gateway" in note
