"""What ``wiremend check`` says of preferences: who chooses, for what, and the models in the order they are asked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.cli.verbs_kit import World

if TYPE_CHECKING:
    from pathlib import Path

RULES = """\
providers:
  lab:
    base_url: http://127.0.0.1:9/v1
    auth: none
    models: {dear: {price: {input: 2, output: 9}}, cheap: {price: {input: 1, output: 1}}}
routes: [{when: {model: m}, to: lab}]
preferences:
  for: FOR
  router: ROUTER
  stay: STAY
  choices:
    - {name: work, description: hard work, models: [lab/dear, lab/cheap], prefer: cheapest, retry: 1}
    - {name: play, description: games, models: lab/dear, examples: [a game]}
default: lab/cheap
"""


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


def rules(which: str = "auto", router: str = "local", stay: str = "1h") -> str:
    return RULES.replace("FOR", which).replace("ROUTER", router).replace("STAY", stay)


def said(world: World, text: str) -> list[str]:
    (world.folder / "chosen.yaml").write_text(text)
    told = world.run(["check", "chosen.yaml"])
    assert told.code == 0
    return told.out.splitlines()[4:]


def test_behind_the_routes(world: World) -> None:
    usual = "408, 409, 425, 429, 500, 502-504, 520-529, connection, stall, stream"
    assert said(world, rules()) == [
        "  1. model m -> lab   (route 1, line 6)",
        "  the model auto, and what no route matched: by preference; the words of the request choose, kept for 1h",
        "     work -> lab/cheap, else lab/dear, the cheapest first   (line 12)",
        f"     again once each on {usual}; waits up to 1s, then up to 30s, all in 2m",
        "     play -> lab/dear   (line 13)",
        "  else -> lab/cheap",
        "  listens on 127.0.0.1:8080",
    ]


def test_before_them_where_all_is_chosen_for(world: World) -> None:
    lines = said(world, rules("all", "lab/dear", "off"))
    assert lines[0] == "  every request: by preference; lab/dear chooses, not kept"
    assert lines[4] == "  1. model m -> lab   (route 1, line 6)"


def test_json(world: World) -> None:
    (world.folder / "chosen.yaml").write_text(rules("all", "lab/dear", "off"))
    plain = json.loads(world.run(["check", "--json", "chosen.yaml"]).out)["rules"]["preferences"]
    first, second = plain.pop("choices")
    assert plain == {"line": 7, "router": "lab/dear", "timeout": "2s", "stay": "off", "for": "all"}
    assert (first["models"], first["prefer"], first["retry"]["times"]) == (["lab/cheap", "lab/dear"], "cheapest", 1)
    assert (second["name"], second["line"], second["examples"], second["prefer"]) == ("play", 13, ["a game"], "none")
    assert json.loads(world.run(["check", "--json", "ok.yaml"]).out)["rules"]["preferences"] is None


def test_what_can_be_tried(world: World) -> None:
    (world.folder / "chosen.yaml").write_text(rules("auto", "lab/judge"))
    listed = json.loads(world.run(["try", "--rules", "chosen.yaml", "--json"]).out)
    by = {(one["model"], one["wire"]): one["by"] for one in listed}
    assert by["dear", "chat"] == ["preference work", "preference play"]
    assert by["cheap", "chat"] == ["preference work", "default"]
    assert by["judge", "chat"] == ["router of the preferences"]
    assert ("judge", "messages") not in by
