"""A preference that no case was chosen for is dead, as a route is that no case took."""

from __future__ import annotations

from dataclasses import replace

from tests.replay.kit import captured, recorded
from wiremend.replay.coverage import NEVER, Coverage
from wiremend.replay.rules import Today
from wiremend.replay.run import replay

RULES = """\
providers:
  lab: {base_url: http://127.0.0.1:8000/v1, key: client}
preferences:
  - {name: reasoning, description: mathematics and proofs, models: [lab/thinks]}
  - {name: code_review, description: finding bugs in code, models: [lab/reads]}
default: lab/usual
"""


def covered(picked: str) -> Coverage:
    body = {"model": "auto", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    capture = recorded(captured(body), RULES)
    capture = replace(capture, model="auto", inputs=replace(capture.inputs, picked=picked))
    found, today = Coverage(Today(RULES, "rules.yaml").rules, "here/rules.yaml"), Today(RULES, "rules.yaml")
    found.add("case", replay(capture, today))
    return found


def test_the_one_that_was_chosen_lives() -> None:
    dead = [(one.kind, one.name, one.place, one.what) for one in covered("kept reasoning").dead]
    assert ("preference", "code_review", "here/rules.yaml:5", NEVER) in dead
    assert "reasoning" not in [name for _, name, _, _ in dead]


def test_where_none_was_chosen_all_are_dead() -> None:
    dead = [(one.kind, one.name) for one in covered("asked").dead]
    assert dead == [("preference", "reasoning"), ("preference", "code_review")]
