"""``--json`` of each verb that prints a table: one document on stdout, with the keys that docs/exit-codes.md gives."""

from __future__ import annotations

import json
import re
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import click
import pytest

from tests.cli.verbs_kit import World
from tests.ledger.kit import entry
from wiremend.cli.main import cli
from wiremend.ledger.sink import Position
from wiremend.ledger.sqlite import Sqlite

DOCS: Final = Path(__file__).parents[2] / "docs"
PAGE: Final = (DOCS / "exit-codes.md").read_text("utf-8")
DOCTOR: Final = (DOCS / "doctor.md").read_text("utf-8")

TABLES: Final = ("check", "doctor", "quirks", "models", "captures list", "status", "stats", "replay")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


def told(world: World, *arguments: str, code: int = 0) -> Any:  # noqa: ANN401 - whatever JSON it is
    said = world.run([*arguments, "--json"])
    assert said.code == code, said
    return json.loads(said.out)


def names_of(paragraph: str) -> list[str]:
    """Give the names in backticks of the paragraph that begins so."""
    start = PAGE.index(paragraph) + len(paragraph)
    return re.findall(r"`([a-z_0-9]+)`", PAGE[start : PAGE.find("\n\n", start)])


def command_of(verb: str) -> click.Command:
    first, *rest = verb.split()
    command = getattr(import_module(f"wiremend.cli.{first}"), first)
    for name in rest:
        assert isinstance(command, click.Group)
        command = command.commands[name]
    assert isinstance(command, click.Command)
    return command


@pytest.mark.parametrize("verb", TABLES)
def test_the_option_is_in_the_help_and_in_the_docs(verb: str) -> None:
    assert any("--json" in parameter.opts for parameter in command_of(verb).params)
    assert f"| `wiremend {verb} --json` |" in PAGE
    assert verb.split(maxsplit=1)[0] in cli.list_commands(click.Context(cli))


def test_check(world: World) -> None:
    said = told(world, "check", "ok.yaml")
    assert list(said) == ["format", "file", "origin", "sound", "problems", "rules"]
    assert (said["format"], said["origin"], said["sound"], said["problems"]) == (1, "named", True, [])
    rules = said["rules"]
    documented = {key.partition("[")[0] for key in re.findall(r"`rules\.(\w+(?:\[\])?)`", PAGE)}
    assert set(rules) == documented
    assert rules["providers"] == [
        {
            "name": "lab",
            "speaks": ["chat"],
            "bases": {"chat": "http://127.0.0.1:9/v1"},
            "credential": {"state": "none", "references": [], "unresolved": None},
            "limits": {},
        }
    ]
    assert rules["aliases"] == [{"name": "small", "line": 3, "to": "lab/lab-mini", "keep_name": False}]
    when = {"key": ["sk-*", None], "model": ["lab-*"], "stream": True, "body": {"/a": ["b*"]}}
    (route,) = rules["routes"]
    retry = route.pop("retry")
    assert route == {"name": "to the lab", "line": 5, "when": when, "to": "lab", "fallbacks": []}
    assert (retry["times"], retry["backoff"], retry["stay"]) == (0, "1s", "10m")
    assert rules["edits"] == [
        {
            "name": "warm",
            "line": 8,
            "when": {"provider": ["lab"]},
            "body": [{"op": "default", "pointer": "/temperature"}],
            "headers": ["X-Lab"],
        }
    ]
    assert (rules["default"], rules["expectations"], rules["offline"]) == ("lab", 1, False)
    assert rules["listen"] == {"host": "127.0.0.1", "port": 8080}
    assert (rules["limits"], rules["ledger"]) == ({}, [])
    assert rules["alerts"]["to"] == []


def test_check_of_rules_that_are_not_sound(world: World) -> None:
    said = told(world, "check", "bad.yaml", code=1)
    assert (said["sound"], said["rules"]) == (False, None)
    assert [(one["line"], one["column"], one["severity"]) for one in said["problems"]] == [
        (1, 1, "error"),
        (2, 10, "error"),
    ]
    assert set(said["problems"][0]) == {"file", "line", "column", "severity", "message"}
    assert all(f"`{key}`" in PAGE for key in said["problems"][0])


def test_doctor(world: World) -> None:
    said = told(world, "doctor", "--offline", "--rules", "bad.yaml", code=1)
    keys = {*said, *(f"findings[].{key}" for key in said["findings"][0])}
    assert keys == set(re.findall(r"^\| `([\w\[\].]+)` \| ", DOCTOR[DOCTOR.index("## JSON") :], re.MULTILINE))


def test_quirks(world: World) -> None:
    listed = told(world, "quirks")
    assert [quirk["number"] for quirk in listed] == sorted(quirk["number"] for quirk in listed)
    for quirk in listed:
        assert list(quirk) != []
        assert set(quirk) == set(names_of("Of `wiremend quirks --json`:"))
    name = listed[0]["name"]
    assert told(world, "quirks", name) == [listed[0]]


def test_models(world: World) -> None:
    documented = set(names_of("Of `wiremend models --json`, an object of `models` has:"))
    said = told(world, "models")
    assert (list(said), said["format"], said["rules"]) == (["format", "rules", "models"], 1, None)
    for row in said["models"]:
        assert {*row, "input", "cached", "output"} == documented
        assert row["source"]
        assert row["read"]
        assert (row["own"], row["reached"]) == (False, None)
    by_rules = told(world, "models", "--rules", "ok.yaml", "lab")
    assert by_rules["rules"].endswith("ok.yaml")
    (row,) = by_rules["models"]
    assert (row["provider"], row["id"], row["wires"], row["own"], row["reached"]) == (
        "lab",
        "lab-mini",
        ["chat"],
        True,
        True,
    )
    assert row["context_window"] is None


def test_captures_list(world: World) -> None:
    rows = told(world, "captures", "list", "flows.mitm")
    assert [row["number"] for row in rows] == [1, 2]
    for row in rows:
        assert set(row) == set(names_of("Of `wiremend captures list --json`:"))
    assert [row["is_failed"] for row in rows] == [False, True]
    assert told(world, "captures", "list", "--model", "nothing", "flows.mitm") == []


def test_stats(world: World) -> None:
    with closing(Sqlite(world.folder / "calls.sqlite")) as ledger:
        ledger.write([entry("a", at=1.0), entry("b", at=2.0, first_byte_s=None, status=429)], Position("s"))
    said = told(world, "stats", "--ledger", "sqlite:calls.sqlite", "--since", "all", "--by", "client,day")
    head = re.search(r"^\| `wiremend stats --json` \| (.*) \|$", PAGE, re.MULTILINE)
    assert head is not None
    assert list(said) == re.findall(r"`(\w+)`", head[1])
    keys = set(names_of("Of `wiremend stats --json`")) - {"since", "groups", "all"}
    assert set(said["all"]) == keys
    (group,) = said["groups"]
    assert set(group) == keys | {"client", "day"}
    assert (group["client"], group["calls"], group["errors"]) == ("claude-code", 2, 1)


def test_replay(world: World) -> None:
    said = told(world, "replay")
    assert set(said) == {"format", "cases", "summary"}
    assert said["summary"]["same"] == 5
    assert told(world, "replay", "--rules", "ok.yaml", code=1)["cases"]


def test_warnings_do_not_stand_in_the_document(world: World) -> None:
    said = world.run(["captures", "list", "broken.flows", "--json"])
    assert json.loads(said.out) == []
    assert said.err.startswith("warning: ")


@pytest.mark.parametrize(
    "arguments", (["check", "none.yaml"], ["captures", "list", "none.flows"], ["replay", "nowhere"])
)
def test_where_there_is_nothing_to_print_stdout_is_empty(arguments: list[str], world: World) -> None:
    said = world.run([*arguments, "--json"])
    assert said.code != 0
    assert said.out == ""
    assert said.err


def test_a_name_outside_of_ascii_is_whole(world: World) -> None:
    (world.folder / "umlaut.yaml").write_text("routes:\n- {name: grüße, when: {model: x}, to: ollama}\n", "utf-8")
    said = world.run(["check", "--json", "umlaut.yaml"])
    assert "grüße" in said.out
    assert json.loads(said.out)["rules"]["routes"][0]["name"] == "grüße"
