"""``wiremend import``: what it writes, what it says, and what it leaves alone; and the verbs that take a Plano file."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Final

import pytest

from tests.cli.verbs_kit import World
from tests.rules.plano_kit import KEYS, SEED, made
from wiremend.cli.trying_ways import Way, readiness, rules_for
from wiremend.rules.compile import compile_rules, rules_hash

if TYPE_CHECKING:
    from pathlib import Path

FILE: Final = "plano_config.yaml"
BROKEN: Final = """\
model_providers:
  - model: deepseek/a
    acess_key: $A_KEY
tracing: {random_sampling: 100}
"""


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    found = World(tmp_path, monkeypatch)
    shutil.copy(SEED, found.folder / FILE)
    return found


def test_the_rules_come_on_stdout_and_nothing_else_does(world: World) -> None:
    said = world.run(["import", FILE])
    assert (said.code, said.err) == (0, "")
    assert said.out == made(SEED.read_text()).text
    assert "base_url: https://api.kimi.com/coding/v1" in said.out
    assert "# plano_config.yaml:6\n" in said.out


def test_they_are_written_and_the_next_command_is_said(world: World) -> None:
    said = world.run(["import", FILE, "-o", "mine.yaml"])
    assert (said.code, said.out) == (0, "")
    assert said.err == "mine.yaml is written and sound. Run it:  wiremend proxy --rules mine.yaml\n"
    assert (world.folder / "mine.yaml").read_text() == made(SEED.read_text()).text
    assert world.run(["check", "--offline", "mine.yaml"]).code == 0
    assert (world.folder / FILE).read_bytes() == SEED.read_bytes()


def test_findings_are_told_on_stderr_and_in_the_text(world: World) -> None:
    (world.folder / FILE).write_text("model_providers: [{model: deepseek/a, access_key: $A}]\ntracing: {}\n")
    said = world.run(["import", FILE])
    told = "`tracing` is not taken over: spans go where the variables OTEL_EXPORTER_OTLP_… say"
    assert said.err == f"{FILE}:2:1: warning: {told}\n"
    assert f"#   {FILE}:2: {told}\n" in said.out


def test_a_file_that_is_there_stays_unless_it_is_forced(world: World) -> None:
    (world.folder / "mine.yaml").write_text("default: local\n")
    said = world.run(["import", FILE, "-o", "mine.yaml"])
    assert (said.code, said.err) == (1, "wiremend: mine.yaml is there already; with --force it is written over\n")
    assert (world.folder / "mine.yaml").read_text() == "default: local\n"
    assert world.run(["import", FILE, "-o", "mine.yaml", "--force"]).code == 0
    assert (world.folder / "mine.yaml").read_text().startswith("# The rules of plano_config.yaml")


def test_force_is_for_a_file(world: World) -> None:
    said = world.run(["import", FILE, "--force"])
    assert (said.code, said.out) == (2, "")
    assert "--force is for --output" in said.err


def test_the_plano_file_itself_is_never_written_over(world: World) -> None:
    (world.folder / "same.yaml").symlink_to(FILE)
    for output in (FILE, "same.yaml"):
        said = world.run(["import", FILE, "-o", output, "--force"])
        assert said.code == 1
        assert "is the Plano file itself" in said.err
    assert (world.folder / FILE).read_bytes() == SEED.read_bytes()


def test_a_file_that_is_not_sound_writes_nothing(world: World) -> None:
    (world.folder / FILE).write_text(BROKEN)
    said = world.run(["import", FILE, "-o", "mine.yaml"])
    assert (said.code, said.out) == (1, "")
    assert said.err.splitlines()[0] == (
        f"{FILE}:3:5: unknown key 'acess_key' in a model provider; did you mean 'access_key'?"
    )
    assert said.err.splitlines()[-1] == "1 error; nothing was written"
    assert not (world.folder / "mine.yaml").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    (
        ("default: local\n", "x.yaml is a rules file already; use it as it is:  wiremend check x.yaml"),
        (
            "model_list: []\n",
            "this is not a Plano file: x.yaml looks like one of LiteLLM's; docs/rules.md tells how to",
        ),
        ("{Providers: []}\n", "this is not a Plano file: x.yaml looks like one of claude-code-router's"),
        (
            '{"strategy": {"mode": "fallback"}, "targets": []}\n',
            "this is not a Plano file: x.yaml looks like one of Portk",
        ),
        (
            "a: 1\n",
            "this is not a Plano file: at the top of x.yaml there is neither 'model_providers' nor 'llm_provide",
        ),
        ("- a\n", "this is not a Plano file: at the top of x.yaml there is neither"),
        (
            "{llm_providers: [], routes: []}\n",
            "x.yaml has 'llm_providers' of a Plano file, and keys of a rules file; w",
        ),
    ),
)
def test_other_files_are_told_apart(text: str, said: str, world: World) -> None:
    (world.folder / "x.yaml").write_text(text)
    found = world.run(["import", "x.yaml"])
    assert (found.code, found.out) == (1, "")
    assert found.err.startswith(f"wiremend: {said}")


@pytest.mark.parametrize("name", ("nowhere.yaml", "captures", "broken.flows/x"))
def test_a_file_that_is_not_there(name: str, world: World) -> None:
    for more in ([], ["--json"]):
        said = world.run(["import", name, *more])
        assert (said.code, said.out) == (1, "")
        assert said.err.startswith(f"wiremend: {name} ")


def test_json(world: World) -> None:
    said = world.run(["import", FILE, "--json", "-o", "mine.yaml"])
    plain = json.loads(said.out)
    assert list(plain) == ["format", "file", "sound", "problems", "rules", "written"]
    assert (plain["format"], plain["file"], plain["sound"], plain["written"]) == (1, FILE, True, "mine.yaml")
    assert plain["rules"] == (world.folder / "mine.yaml").read_text()
    (world.folder / FILE).write_text(BROKEN)
    said = world.run(["import", FILE, "--json"])
    plain = json.loads(said.out)
    assert (said.code, plain["sound"], plain["rules"], plain["written"]) == (1, False, None, None)
    assert [(one["line"], one["column"], one["severity"]) for one in plain["problems"]] == [(3, 5, "error")]


def test_no_key_that_was_pasted_comes_out_again(world: World) -> None:
    secret = "sk-kimi-FAKEFAKEFAKEFAKEFAKE0009"
    (world.folder / FILE).write_text(
        f"model_providers: [{{model: openai/x, access_key: {secret}}}]\ntracing: {{api_key: {secret}}}\n"
    )
    for more in ([], ["--json"], ["-o", "mine.yaml"]):
        said = world.run(["import", FILE, *more])
        assert said.code == 1
        assert secret not in said.out + said.err


# -- the verbs that take it as it is


def test_check_reads_it_and_names_its_lines(world: World) -> None:
    for name, value in KEYS.items():
        world.patch.setenv(name, value)
    said = world.run(["check", FILE])
    assert said.code == 0
    assert f"{FILE} (as named): sound, {rules_hash(SEED.read_text())}" in said.out
    assert "(deepseek/deepseek-v4-flash, line 13)" in said.out
    assert f"{FILE}:37:1: warning: 127.0.0.1 serves" in said.out
    world.patch.delenv("DEEPSEEK_API_KEY")
    said = world.run(["check", FILE])
    assert said.code == 1
    assert (
        f"{FILE}:10:1: the provider 'deepseek' needs its credential, and the environment variable DEEPSEEK_API_KEY is"
        in (said.out)
    )


def test_the_proxy_starts_nothing_without_a_variable(world: World) -> None:
    world.patch.setenv("MOONSHOTAI_API_KEY", KEYS["MOONSHOTAI_API_KEY"])
    said = world.run(["proxy", "--rules", FILE])
    assert (said.code, said.out) == (1, "")
    assert "nothing was started" in said.err
    assert f"{FILE}:10:1: the provider 'deepseek' needs its credential" in said.err


def test_explain_names_its_lines(world: World) -> None:
    (world.folder / "body.json").write_text('{"model": "arch.claude.code.small.fast", "messages": []}')
    said = world.run(["explain", "--rules", FILE, "--request", "body.json", "--path", "/v1/chat/completions"])
    assert said.code == 0
    assert f"({FILE}:33)" in said.out
    assert "deepseek/deepseek-v4-flash" in said.out


@pytest.mark.parametrize(
    "arguments",
    (
        ["doctor", "--offline"],
        ["try"],
        ["stats"],
        ["replay", "--rules", FILE],
        ["models", "--rules", FILE],
        ["why", "flows.mitm:2"],
        ["diagnose", "flows.mitm:2"],
        ["captures", "list"],
    ),
)
def test_verbs_work_with_it_in_force(arguments: list[str], world: World) -> None:
    world.patch.setenv("WIREMEND_RULES", FILE)
    said = world.run(arguments)
    assert "Traceback" not in said.out + said.err
    assert "Plano" not in said.err
    assert said.out


def test_try_knows_its_models_and_leaves_its_preferences_aside(world: World) -> None:
    said = world.run(["try", "--rules", FILE])
    assert "moonshotai/kimi-for-coding" in said.out
    assert "deepseek/deepseek-v4-pro" in said.out
    text = SEED.read_text()
    way = Way("moonshotai", "kimi-for-coding", "messages")
    rules, _ = compile_rules(rules_for(text, FILE, [way]), FILE)
    assert {name: str(alias.target) for name, alias in rules.aliases.items()} == {
        "wiremend-try-1": "moonshotai/kimi-for-coding"
    }
    assert (rules.preferences, rules.routes) == (None, ())
    ready = readiness(text, FILE, way, KEYS)
    assert ready.upstream is not None
    assert (ready.problem, ready.keyless) == ("", "")


# -- the verbs that would write into it


def test_a_plano_file_that_is_not_sound_is_told_before_that(world: World) -> None:
    (world.folder / FILE).write_text(BROKEN)
    said = world.run(["setup", "--provider", "deepseek", "--rules", FILE])
    assert said.code == 1
    assert f"{FILE}:3:5: unknown key 'acess_key'" in said.err


@pytest.mark.parametrize(
    "arguments",
    (
        ["setup", "--provider", "deepseek", "--rules", FILE],
        ["diagnose", "--rules", FILE, "--apply", "flows.mitm:2"],
        ["diagnose", "--rules", FILE, "--apply", "--force", "flows.mitm:1"],
    ),
)
def test_nothing_writes_into_a_plano_file(arguments: list[str], world: World) -> None:
    said = world.run(arguments)
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(f"wiremend: {FILE} is a Plano file, and Wiremend writes into none; import it first:")
    assert f"wiremend import {FILE} -o rules.yaml" in said.err
    assert (world.folder / FILE).read_bytes() == SEED.read_bytes()
