"""What single agents get beyond variables: flags, layers, and copies that stand in for their own files.

Expected values come from what each agent was measured to read. The user's own files stay as they are, and a base URL
has the form that its reader wants (``/v1`` or none).
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.cli.launching import BASE, V1, World
from wiremend.cli.recipes import Overlay, parse_json

if TYPE_CHECKING:
    from wiremend.cli.agents import Style


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


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
