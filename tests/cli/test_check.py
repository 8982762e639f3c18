"""``wiremend check``: which file it reads, what it says of it, and that a credential is never resolved by surprise."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.cli.verbs_kit import KEY, RULES, World

if TYPE_CHECKING:
    from pathlib import Path

KEYED = "providers: {deepseek: {key: $DEEPSEEK_API_KEY}}\ndefault: deepseek/x\n"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


def test_what_a_sound_file_does(world: World) -> None:
    said = world.run(["check", "ok.yaml"])
    assert said.code == 0
    first, _, *lines = said.out.splitlines()
    assert first.startswith("ok.yaml (as named): sound, ")
    assert lines == [
        "  lab          chat at http://127.0.0.1:9/v1; no credential needed",
        "",
        "  small means lab/lab-mini",
        "  1. key sk-* or none and model lab-* and a stream and /a b* -> lab   (to the lab, line 5)",
        "  else -> lab",
        "  edit: provider lab: default /temperature, header X-Lab   (warm, line 8)",
        "  1 expectation hold",
        "  listens on 127.0.0.1:8080",
    ]


KEEPS = """\
providers: {lab: {base_url: 'http://127.0.0.1:9/v1', speaks: chat, auth: none, limits: {concurrent: 1, queue_wait: 5m}}}
routes:
- {name: first, when: {model: a*}, to: [lab, ollama/qwen3], retry: {times: 2, on: [429, 5xx]}}
- {name: next, when: {model: b*}, to: [lab/x, local]}
- {name: last, when: {model: c*}, to: lab, retry: 1}
limits: {concurrent: 8, cooldown: {after: 3}}
ledger: off
"""


def test_what_is_tried_again_and_what_a_call_may_take(world: World) -> None:
    (world.folder / "keeps.yaml").write_text(KEEPS)
    said = world.run(["check", "keeps.yaml"])
    assert said.code == 0
    usual = "408, 409, 425, 429, 500, 502-504, 520-529, connection, stall, stream"
    assert said.out.splitlines()[6:] == [
        "  1. model a* -> lab, else ollama/qwen3   (first, line 3)",
        "     again 2 times each on 429, 5xx; waits up to 1s, then up to 30s, all in 2m",
        "  2. model b* -> lab/x, else local   (next, line 4)",
        "  3. model c* -> lab   (last, line 5)",
        f"     again once on {usual}; waits up to 1s, then up to 30s, all in 2m",
        "  else -> where the client sent it; at the gateway: refused",
        "  limits: concurrent 8, cooldown after 3 for 30s",
        "  limits of lab: concurrent 1, queue_wait 5m, cooldown after 3 for 30s",
        "  ledger: off",
        "  listens on 127.0.0.1:8080",
    ]
    rules = json.loads(world.run(["check", "keeps.yaml", "--json"]).out)["rules"]
    assert [route["fallbacks"] for route in rules["routes"]] == [["ollama/qwen3"], ["local"], []]
    assert [route["retry"]["times"] for route in rules["routes"]] == [2, 0, 1]
    assert rules["routes"][0]["retry"]["on"] == [429, "5xx"]
    assert (rules["ledger"], rules["limits"]) == (None, {"concurrent": 8, "cooldown": {"after": 3, "for": "30s"}})
    assert rules["providers"][0]["limits"]["queue_wait"] == "5m"


def test_a_spare_provider_without_its_credential_is_said_to_be_skipped(world: World) -> None:
    spare = "providers: {deepseek: {key: $DEEPSEEK_API_KEY}}\nroutes: [{to: [local, deepseek]}]\n"
    (world.folder / "spare.yaml").write_text(spare)
    world.patch.delenv("DEEPSEEK_API_KEY", raising=False)
    said = world.run(["check", "spare.yaml"])
    assert said.code == 0
    assert (
        "spare.yaml:1:1: warning: the provider 'deepseek' is skipped as a fallback without its credential" in said.out
    )
    why = "the environment variable DEEPSEEK_API_KEY is not set"
    assert f"credential: none, so no request falls back to it ({why})" in said.out
    plain = json.loads(world.run(["check", "spare.yaml", "--json"]).out)["rules"]["providers"]
    assert [one["credential"]["state"] for one in plain] == ["none", "missing"]


def test_every_problem_is_a_line_that_editors_can_jump_to(world: World) -> None:
    said = world.run(["check", "bad.yaml"])
    assert said.code == 1
    assert [line.partition(": ")[0] for line in said.out.splitlines()] == ["bad.yaml:1:1", "bad.yaml:2:10"]
    assert said.err == "\n2 errors; the file is not taken\n"


def test_the_file_of_this_folder_is_read_without_resolving_a_credential(world: World) -> None:
    (world.folder / "rules.yaml").write_text(KEYED)
    assert world.run(["check"]).code == 0
    plain = json.loads(world.run(["check", "--json"]).out)
    assert (plain["origin"], plain["rules"]["offline"]) == ("folder", True)
    assert plain["rules"]["providers"][0]["credential"]["state"] == "not resolved"
    assert world.run(["check", "rules.yaml"]).code == 1
    assert world.run(["check", "rules.yaml", "--offline"]).code == 0


@pytest.mark.parametrize("form", ([], ["--json"]))
def test_no_key_is_shown(form: list[str], world: World) -> None:
    (world.folder / "keyed.yaml").write_text(KEYED)
    world.patch.setenv("DEEPSEEK_API_KEY", KEY)
    said = world.run(["check", "keyed.yaml", *form])
    assert said.code == 0
    assert "$DEEPSEEK_API_KEY" in said.out
    assert KEY[8:] not in said.out + said.err


def test_each_state_of_a_credential(world: World) -> None:
    (world.folder / "all.yaml").write_text(
        "providers:\n"
        "  a: {base_url: 'https://a.example/v1', speaks: [chat], key: $A_KEY}\n"
        "  b: {base_url: 'https://b.example/v1', speaks: [chat], key: client}\n"
        "  c: {base_url: 'https://c.example/v1', speaks: [chat], auth: none}\n"
        "routes:\n"
        "- {when: {model: a*}, to: a}\n- {when: {model: b*}, to: b}\n- {when: {model: c*}, to: c}\n"
    )
    world.patch.setenv("A_KEY", KEY)

    def states(*arguments: str) -> dict[str, str]:
        providers = json.loads(world.run(["check", "all.yaml", "--json", *arguments]).out)["rules"]["providers"]
        return {one["name"]: one["credential"]["state"] for one in providers}

    assert states() == {"a": "resolved", "b": "client", "c": "none"}
    assert states("--offline") == {"a": "not resolved", "b": "not resolved", "c": "none"}


def test_warnings_leave_it_sound(world: World) -> None:
    (world.folder / "warn.yaml").write_text(
        "routes:\n- {when: {model: a*}, to: ollama}\n- {when: {model: ab*}, to: ollama}\n"
    )
    said = world.run(["check", "warn.yaml"])
    assert (said.code, said.out.startswith("warn.yaml:3:")) == (0, True)
    plain = json.loads(world.run(["check", "warn.yaml", "--json"]).out)
    assert (plain["sound"], [one["severity"] for one in plain["problems"]]) == (True, ["warning"])


def test_the_schema_is_json_and_takes_no_other_form(world: World) -> None:
    assert json.loads(world.run(["check", "--schema"]).out)["type"] == "object"
    assert world.run(["check", "--schema", "--json"]).code == 2


def test_pointers_are_written_as_rfc_6901_has_them(world: World) -> None:
    (world.folder / "odd.yaml").write_text(RULES.replace("/temperature", "/a~1b/c~0d"))
    (edit,) = json.loads(world.run(["check", "odd.yaml", "--json"]).out)["rules"]["edits"]
    assert edit["body"] == [{"op": "default", "pointer": "/a~1b/c~0d"}]
