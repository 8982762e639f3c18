"""How agents are launched: the table, what each style sets, and the copies that stand in for an agent's own files.

Expected values come from what each agent was measured to read. Three things hold for all: the user's own variables stay
but for those of the style, nothing outside the run's folder is written, and a base URL has the form that its reader
wants (``/v1`` or none).
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from wiremend.cli.agents import AGENTS, GENERIC, Agent, LaunchPlan, Style, find_agent, plan
from wiremend.cli.recipes import Overlay, parse_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BASE = "http://127.0.0.1:41234"
V1 = f"{BASE}/v1"
BY_ID = {agent.id: agent for agent in (*AGENTS, GENERIC)}


class World:
    """A home, a project and a private folder, and launches planned in them."""

    def __init__(self, root: Path) -> None:
        """Make the folders below ``root``."""
        self.home, self.project, self.folder = (root / name for name in ("home", "project", "run"))
        for folder in (self.home, self.project, self.folder):
            folder.mkdir()
        self.ca, self.bundle = root / "ca.pem", root / "bundle.pem"

    def write(self, path: str, text: str) -> Path:
        """Write a file of the user's, below the home folder."""
        target = self.home / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        return target

    def plan(
        self,
        agent: str,
        style: Style,
        argv: Sequence[str] = (),
        environ: Mapping[str, str] | None = None,
        **more: Any,  # noqa: ANN401 - passed on
    ) -> LaunchPlan:
        """Plan a launch of an agent, of its program alone if no command line is given."""
        return plan(
            BY_ID[agent],
            style,
            base=BASE,
            ca=self.ca,
            bundle=self.bundle,
            environ={"HOME": str(self.home), "PATH": "/bin", **(environ or {})},
            argv=argv or (agent,),
            folder=self.folder,
            cwd=self.project,
            **more,
        )

    def users_files(self) -> dict[str, bytes]:
        """Give everything below home and project."""
        return {str(p): p.read_bytes() for top in (self.home, self.project) for p in top.rglob("*") if p.is_file()}


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


# --- claude


SETTINGS = '{"env": {"ANTHROPIC_BASE_URL": "https://api.kimi.com/coding/v1", "OTHER": "1"}, "model": "x"}'


@pytest.mark.parametrize("place", ("home", "project", "local", "CLAUDE_CONFIG_DIR"))
def test_claudes_own_settings_do_not_overrule_ours(world: World, place: str) -> None:
    environ = {}
    if place == "CLAUDE_CONFIG_DIR":
        environ = {place: str(world.home / "elsewhere")}
        world.write("elsewhere/settings.json", SETTINGS)
    elif place == "home":
        world.write(".claude/settings.json", SETTINGS)
    else:
        (world.project / ".claude").mkdir()
        name = "settings.json" if place == "project" else "settings.local.json"
        (world.project / ".claude" / name).write_text(SETTINGS)
    launch = world.plan("claude", "gateway", ("claude", "-p", "hello"), environ)
    program, flag, value, *rest = launch.argv
    assert (program, flag, rest) == ("claude", "--settings", ["-p", "hello"])
    assert json.loads(value) == {"env": {"ANTHROPIC_BASE_URL": BASE}}


def test_claude_with_settings_that_say_nothing_of_ours_is_started_as_typed(world: World) -> None:
    world.write(".claude/settings.json", SETTINGS)
    assert world.plan("claude", "proxy", ("claude", "-p", "hello")).argv == ("claude", "-p", "hello")


@pytest.mark.parametrize("argv", (("claude", "--settings", "x.json"), ("claude", "--settings=x.json")))
def test_a_settings_flag_of_the_user_stays_and_is_named(world: World, argv: tuple[str, ...]) -> None:
    world.write(".claude/settings.json", SETTINGS)
    launch = world.plan("claude", "gateway", argv)
    assert launch.argv == argv
    (note,) = launch.notes
    assert "ANTHROPIC_BASE_URL" in note


# --- codex


def test_codex_is_pointed_at_the_gateway_by_flags_and_keeps_its_home(world: World) -> None:
    world.write(".codex/config.toml", '[model_providers.corp]\nbase_url = "https://llm.corp.example"\n')
    launch = world.plan("codex", "gateway", ("npx", "@openai/codex", "exec", "hello"))
    flags = launch.argv[2:-2]
    assert launch.argv[:2] == ("npx", "@openai/codex")
    assert launch.argv[-2:] == ("exec", "hello")
    assert flags[::2] == ("-c", "-c")
    overrides = tomllib.loads("\n".join(flags[1::2]))
    assert overrides == {"openai_base_url": V1, "model_providers": {"corp": {"base_url": V1}}}
    assert "CODEX_HOME" not in launch.environ


def test_a_broken_codex_configuration_is_codexs_to_report(world: World) -> None:
    world.write("mine/config.toml", "model_providers = [")
    launch = world.plan("codex", "gateway", environ={"CODEX_HOME": str(world.home / "mine")})
    assert launch.argv == ("codex", "-c", f'openai_base_url="{V1}"')


# --- opencode


def test_opencode_gets_a_layer_for_each_provider_that_it_would_offer(world: World) -> None:
    world.write(".config/opencode/opencode.jsonc", '{"provider": {"lab": {"npm": "x"},}, // mine\n}')
    world.write(".local/share/opencode/auth.json", '{"openrouter": {"type": "api", "key": "sk-or-FAKE"}}')
    (world.project / "opencode.json").write_text('{"provider": {"here": {}}}')
    own = {"provider": {"corp": {"options": {"apiKey": "x", "baseURL": "https://corp.example"}}}, "theme": "dark"}
    environ = {"OPENCODE_CONFIG_CONTENT": json.dumps(own), "ANTHROPIC_API_KEY": "sk-ant-FAKE"}
    launch = world.plan("opencode", "gateway", ("opencode", "run", "-m", "asked/model", "hello"), environ)
    layer = json.loads(launch.environ["OPENCODE_CONFIG_CONTENT"])
    ours = {"options": {"baseURL": V1}}
    assert layer["provider"] == {
        "corp": {"options": {"apiKey": "x", "baseURL": V1}},
        **dict.fromkeys(("lab", "openrouter", "here", "anthropic", "asked"), ours),
    }
    assert layer["theme"] == "dark"
    assert "sk-or-FAKE" not in launch.environ["OPENCODE_CONFIG_CONTENT"]


@pytest.mark.parametrize(
    ("text", "expected"),
    (
        ('{"a": "http://x", /* no, */ "b": [1, 2,], // end\n}', {"a": "http://x", "b": [1, 2]}),
        ('{"a": "said \\"//\\" and ,]"}', {"a": 'said "//" and ,]'}),
        ("[1]", {}),
        ("", {}),
        ("{", {}),
    ),
)
def test_json_with_comments_is_read_as_agents_read_it(text: str, expected: dict[str, object]) -> None:
    assert parse_json(text) == expected


# --- qwen, cline: a copy of one file


def test_qwens_model_providers_are_moved_in_its_system_layer(world: World) -> None:
    model = {"id": "m1", "envKey": "KEY", "baseUrl": "https://corp.example/v1"}
    settings = {"modelProviders": {"openai": [model], "anthropic": [model]}, "theme": "x"}
    world.write(".qwen/settings.json", json.dumps(settings))
    system = world.write("system.json", '{"telemetry": {"enabled": false}}')
    launch = world.plan("qwen", "gateway", environ={"QWEN_CODE_SYSTEM_SETTINGS_PATH": str(system)})
    layer = json.loads(Path(launch.environ["QWEN_CODE_SYSTEM_SETTINGS_PATH"]).read_text())
    assert layer == {
        "telemetry": {"enabled": False},
        "modelProviders": {"openai": [{**model, "baseUrl": V1}], "anthropic": [{**model, "baseUrl": BASE}]},
    }


def test_qwen_without_model_providers_needs_variables_alone(world: World) -> None:
    assert "QWEN_CODE_SYSTEM_SETTINGS_PATH" not in world.plan("qwen", "gateway").environ


@pytest.mark.parametrize("style", ("proxy", "gateway"))
def test_cline_runs_in_one_process_so_that_no_hub_outlives_the_run(world: World, style: Style) -> None:
    assert world.plan("cline", style).environ["CLINE_SESSION_BACKEND_MODE"] == "local"


@pytest.mark.parametrize("variable", (None, "CLINE_DIR", "CLINE_DATA_DIR", "CLINE_PROVIDER_SETTINGS_PATH"))
def test_cline_gets_a_copy_of_its_providers_with_our_base_url(world: World, variable: str | None) -> None:
    places = {
        None: (".cline/data/settings/providers.json", ""),
        "CLINE_DIR": ("x/data/settings/providers.json", "x"),
        "CLINE_DATA_DIR": ("x/settings/providers.json", "x"),
        "CLINE_PROVIDER_SETTINGS_PATH": ("x/mine.json", "x/mine.json"),
    }
    path, value = places[variable]
    keyed = {"settings": {"provider": "a", "apiKey": "sk-FAKE", "baseUrl": "https://corp.example/v1"}}
    login = {"settings": {"provider": "cline", "auth": {"accessToken": "FAKE"}}}
    world.write(path, json.dumps({"version": 1, "providers": {"a": keyed, "cline": login}}))
    launch = world.plan("cline", "gateway", environ={variable: str(world.home / value)} if variable else {})
    target = launch.environ["CLINE_PROVIDER_SETTINGS_PATH"]
    assert target.startswith(str(world.folder))
    providers = json.loads(Path(target).read_text())["providers"]
    assert providers["a"]["settings"] == {"provider": "a", "apiKey": "sk-FAKE", "baseUrl": V1}
    assert providers["cline"] == login


# --- kimi, pi, hermes: a stand-in for a folder


def test_kimi_gets_our_base_url_in_each_provider_and_nowhere_else(world: World) -> None:
    text = """\
default_model = "k3"
[providers."managed:kimi-code"]
type = "kimi"
base_url = "https://api.kimi.com/coding/v1"
[providers.other] # mine
type = "openai"
[providers.other.oauth]
base_url = "https://auth.example"
[services.moonshot_search]
base_url = "https://api.kimi.com/coding/v1/search"
"""
    world.write(".kimi-code/config.toml", text)
    launch = world.plan("kimi", "gateway")
    stand_in = launch.overlays[0].folder
    assert launch.environ["KIMI_CODE_HOME"] == str(stand_in)
    changed, expected = tomllib.loads((stand_in / "config.toml").read_text()), tomllib.loads(text)
    expected["providers"]["managed:kimi-code"]["base_url"] = V1
    expected["providers"]["other"]["base_url"] = V1
    assert changed == expected


def test_pi_gets_base_urls_bare_for_messages_and_with_v1_for_the_rest(world: World) -> None:
    mine = {
        "corp": {"baseUrl": "https://corp.example/v1", "api": "openai-completions", "models": [{"id": "m"}]},
        "claude-like": {"baseUrl": "https://corp.example", "api": "anthropic-messages", "models": []},
    }
    world.write("p/models.json", json.dumps({"providers": mine}))
    launch = world.plan("pi", "gateway", environ={"PI_CODING_AGENT_DIR": str(world.home / "p")})
    providers = json.loads((launch.overlays[0].folder / "models.json").read_text())["providers"]
    bases = {name: provider.pop("baseUrl") for name, provider in providers.items()}
    assert bases == {
        **dict.fromkeys(("claude-like", "anthropic", "kimi-coding"), BASE),
        **dict.fromkeys(("corp", "openai", "openrouter", "deepseek", "moonshotai", "moonshotai-cn", "zai"), V1),
    }
    assert providers["corp"] == {"api": "openai-completions", "models": [{"id": "m"}]}


def test_hermes_gets_our_base_url_in_its_configuration_and_in_its_env_file(world: World) -> None:
    config = {
        "model": {"provider": "custom", "base_url": "https://corp.example", "api_key": "sk-FAKE"},
        "custom_providers": [{"name": "a", "base_url": "https://corp.example"}],
        "tools": {"search": {"base_url": "https://search.example"}},
    }
    world.write(".hermes/config.yaml", yaml.safe_dump(config))
    world.write(".hermes/.env", "KIMI_API_KEY=sk-kimi-FAKE\nexport KIMI_BASE_URL=https://api.kimi.com/coding\n")
    launch = world.plan("hermes", "gateway")
    stand_in = launch.overlays[0].folder
    expected: dict[str, Any] = config
    expected["model"]["base_url"] = expected["custom_providers"][0]["base_url"] = V1
    assert yaml.safe_load((stand_in / "config.yaml").read_text()) == expected
    assert (stand_in / ".env").read_text().splitlines() == ["KIMI_API_KEY=sk-kimi-FAKE", f"KIMI_BASE_URL={V1}"]
    assert launch.environ["HERMES_HOME"] == str(stand_in)


@pytest.mark.parametrize("text", ("model: [", "just text", ""))
def test_a_configuration_of_hermes_that_cannot_be_read_is_left_to_hermes(world: World, text: str) -> None:
    world.write(".hermes/config.yaml", text)
    assert not world.plan("hermes", "gateway").overlays


@pytest.mark.parametrize("agent", ("kimi", "hermes", "codex", "opencode", "claude"))
def test_an_agent_that_was_never_set_up_is_launched_all_the_same(world: World, agent: str) -> None:
    launch = world.plan(agent, "gateway")
    assert not launch.overlays
    assert not world.users_files()


# --- overlays


@pytest.fixture
def overlay(tmp_path: Path) -> Overlay:
    original = tmp_path / "original"
    (original / "sessions").mkdir(parents=True)
    (original / "auth.json").write_text("token 1")
    (original / "config.toml").write_text("theirs")
    return Overlay(original, tmp_path / "run" / "stand-in", {"config.toml": b"ours"}).make()


def test_an_overlay_shows_the_users_entries_and_our_file(overlay: Overlay) -> None:
    assert (overlay.folder / "auth.json").read_text() == "token 1"
    assert (overlay.folder / "config.toml").read_text() == "ours"
    assert (overlay.folder / "sessions").is_dir()
    assert overlay.folder.stat().st_mode & 0o777 == 0o700
    assert (overlay.folder / "config.toml").stat().st_mode & 0o777 == 0o600


def test_what_an_agent_writes_in_an_overlay_comes_home(overlay: Overlay) -> None:
    (overlay.folder / "sessions" / "s1").write_text("through the link")
    renewed = overlay.folder / "auth.json.tmp"
    renewed.write_text("token 2")
    renewed.replace(overlay.folder / "auth.json")  # as programs do that write safely: the link is gone
    (overlay.folder / "history").write_text("new")
    (overlay.folder / "cache").mkdir()
    (overlay.folder / "cache" / "c1").write_text("new")
    assert overlay.settle() == []
    found = {str(p.relative_to(overlay.original)): p.read_text() for p in overlay.original.rglob("*") if p.is_file()}
    assert found == {
        "auth.json": "token 2",
        "config.toml": "theirs",
        "sessions/s1": "through the link",
        "history": "new",
        "cache/c1": "new",
    }


def test_a_change_to_our_copy_is_named_and_not_kept(overlay: Overlay) -> None:
    (overlay.folder / "config.toml").write_text("changed")
    (note,) = overlay.settle()
    assert str(overlay.original / "config.toml") in note
    assert (overlay.original / "config.toml").read_text() == "theirs"


def test_an_overlay_of_a_folder_that_is_not_there_yet_makes_it_when_there_is_something_to_keep(tmp_path: Path) -> None:
    overlay = Overlay(tmp_path / "home" / ".agent", tmp_path / "stand-in", {"c": b""}).make()
    assert overlay.settle() == []
    assert not overlay.original.exists()
    (overlay.folder / "sessions").mkdir()
    overlay.settle()
    assert (overlay.original / "sessions").is_dir()


def test_runs_side_by_side_that_make_the_same_new_folder_both_keep_what_is_in_it(overlay: Overlay) -> None:
    other = replace(overlay, folder=overlay.folder.with_name("other")).make()
    for one, name in ((overlay, "a"), (other, "b")):
        (one.folder / "history").mkdir()
        (one.folder / "history" / name).touch()
    overlay.settle()
    other.settle()
    assert {path.name for path in (overlay.original / "history").iterdir()} == {"a", "b"}


def test_an_overlay_does_not_write_a_file_over_a_folder_of_the_user(overlay: Overlay) -> None:
    other = replace(overlay, folder=overlay.folder.with_name("other")).make()
    (other.folder / "sessions").unlink()
    (other.folder / "sessions").write_text("a file")
    other.settle()
    assert (overlay.original / "sessions").is_dir()
