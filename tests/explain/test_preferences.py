"""What is said of preferences: the score of each, the words that spoke for it, and why one was chosen."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.rules.kit import request, resolved
from wiremend.explain.request import explain, lines, to_plain
from wiremend.rules.facts import Picked

if TYPE_CHECKING:
    from wiremend.explain.model import Explanation

RULES = """
providers:
  lab: {base_url: 'http://127.0.0.1:9/v1', auth: none}
  other: {base_url: 'http://127.0.0.1:7/v1', auth: none}
routes:
  - {name: known, when: {model: known-*}, to: lab}
preferences:
  for: FOR
  router: ROUTER
  choices:
    - {name: reasoning, description: mathematics and proofs, models: [lab/thinks, other/too], prefer: fastest}
    - {name: code_review, description: finding bugs in code, models: [other/reads]}
default: lab/usual
"""
PROVE = "Please prove that there are infinitely many primes."
RENAME = "rename a.txt to b.txt"


def explained(
    model: str, text: str = PROVE, *, every: bool = False, router: str = "local", picked: str = ""
) -> Explanation:
    rules = RULES.replace("FOR", "all" if every else "auto").replace("ROUTER", router)
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": text}]}).encode()
    asked = request(target="/v1/chat/completions", body=body)
    return explain(replace(asked, picked=Picked.of(picked)), resolved(rules, offline=True))


def text_of(explanation: Explanation, **options: Any) -> str:  # noqa: ANN401 - the options of lines
    return "\n".join("".join(text for text, _ in line) for line in lines(explanation, 200, **options))


def states(explanation: Explanation) -> list[str]:
    return [route.state for route in explanation.routes]


def ways(explanation: Explanation) -> list[tuple[str, bool]]:
    return [(way.name, way.taken) for way in explanation.ways]


def test_each_has_its_score_its_words_and_its_models() -> None:
    one, two = explained("auto").preferences
    assert (one.name, one.where, one.chosen, one.models, one.prefer) == (
        "reasoning",
        "rules.yaml:11",
        True,
        ("lab/thinks", "other/too"),
        "fastest",
    )
    assert (two.name, two.where, two.chosen) == ("code_review", "rules.yaml:12", False)
    assert 1.0 >= one.score > two.score >= 0.0
    assert any("prove" in word for word in one.words)


def test_the_model_auto_asks_them_before_the_routes() -> None:
    explanation = explained("auto")
    assert explanation.preferring is not None
    assert (explanation.preferring.first, explanation.preferring.how) == (True, "words")
    assert states(explanation) == ["not tried"]
    assert ways(explanation) == []
    assert explanation.decision["by"] == "preference"
    shown = text_of(explanation)
    assert shown.index("\npreferences\n") < shown.index("\nroutes\n")
    assert "reasoning (rules.yaml:11) → lab/thinks, else other/too, the fastest first" in shown
    assert "lab/thinks, by the preference" in shown
    assert "1 route, not tried" in shown


def test_where_none_fits_the_routes_are_tried() -> None:
    explanation = explained("auto", RENAME)
    assert states(explanation) == ["differs"]
    assert ways(explanation) == [("name", False), ("default", True)]
    assert [one.chosen for one in explanation.preferences] == [False, False]
    assert "because     none fits" in text_of(explanation)


def test_what_no_route_matched_asks_them_behind_the_routes() -> None:
    explanation = explained("unknown")
    assert explanation.preferring is not None
    assert not explanation.preferring.first
    assert (states(explanation), ways(explanation)) == (["differs"], [("name", False), ("preference", True)])
    shown = text_of(explanation)
    assert shown.index("\nroutes\n") < shown.index("\npreferences\n")
    assert "yes  the preferences: 'reasoning' fits best" in shown
    none = explained("unknown", RENAME)
    assert ways(none) == [("name", False), ("preference", False), ("default", True)]


@pytest.mark.parametrize("model", ("known-1", "other/named"))
def test_where_they_are_not_asked_nothing_is_said_of_them(model: str) -> None:
    explanation = explained(model)
    assert (explanation.preferences, explanation.preferring) == ((), None)
    assert "preferences" not in text_of(explanation)


def test_for_all_means_all() -> None:
    explanation = explained("known-1", every=True)
    assert states(explanation) == ["not tried"]
    assert explanation.decision["by"] == "preference"
    assert states(explained("known-1", RENAME, every=True)) == ["matches"]


@pytest.mark.parametrize(
    ("picked", "how", "chosen", "why"),
    (
        ("kept code_review", "kept", "code_review", "'code_review': its conversation keeps it"),
        ("asked code_review", "asked", "code_review", "'code_review': lab/small chose it"),
        ("asked", "asked", None, "lab/small chose none of them"),
    ),
)
def test_what_was_picked_counts_and_is_told(picked: str, how: str, chosen: str | None, why: str) -> None:
    explanation = explained("auto", picked=picked, router="lab/small")
    assert explanation.preferring is not None
    said = explanation.preferring
    assert (said.how, said.chosen, said.why, said.router) == (how, chosen, why, None)
    assert [one.name for one in explanation.preferences if one.chosen] == ([chosen] if chosen else [])
    assert explanation.preferences[0].score > 0.5, "the scores are shown all the same"
    assert f"because     {why}" in text_of(explanation)


def test_what_was_picked_and_is_gone_does_not_count() -> None:
    explanation = explained("auto", picked="kept gone")
    assert explanation.preferring is not None
    assert (explanation.preferring.how, explanation.preferring.chosen) == ("words", "reasoning")


def test_a_router_model_is_named_and_not_asked() -> None:
    explanation = explained("auto", router="lab/small")
    assert explanation.preferring is not None
    assert (explanation.preferring.router, explanation.preferring.chosen) == ("lab/small", "reasoning")
    assert "a proxy asks lab/small first; here nothing is sent, and the words decide" in text_of(explanation)


def test_json_has_it() -> None:
    plain = json.loads(json.dumps(to_plain(explained("auto"))))
    assert [one["name"] for one in plain["preferences"]] == ["reasoning", "code_review"]
    assert set(plain["preferences"][0]) == {"name", "where", "score", "words", "chosen", "models", "prefer"}
    assert set(plain["preferring"]) == {"first", "how", "chosen", "why", "router"}
    plain = json.loads(json.dumps(to_plain(explained("known-1"))))
    assert (plain["preferences"], plain["preferring"]) == ([], None)


def test_a_key_among_the_words_is_not_shown() -> None:
    key = "sk-kimi-FAKEFAKEFAKEFAKEFAKE0001"
    explanation = explained("auto", f"prove that {key} is a prime {key}")
    assert key not in text_of(explanation, every=True)
    assert key not in json.dumps(to_plain(explanation))
