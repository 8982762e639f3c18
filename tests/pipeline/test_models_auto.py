"""The model ``auto`` in lists of models: there where preferences lead somewhere, as small as the smallest behind it."""

from __future__ import annotations

import json
from typing import Any

from tests.rules.kit import facts, resolved
from wiremend.pipeline.models import catalogue, catalogue_answer

RULES = """
providers:
  lab:
    base_url: http://127.0.0.1:9/v1
    auth: none
    models:
      wide: {context_window: 1000, max_output: 20}
      narrow: {context_window: 500, max_output: 50}
  shut: {base_url: http://127.0.0.1:9/v1, key: $SHUT_KEY}
preferences:
  - {name: one, description: words, models: [lab/wide, lab/unknown]}
  - {name: two, description: others, models: [MODELS]}
"""


def listed(models: str = "lab/wide, lab/narrow", more: str = "", path: str = "/v1/models") -> tuple[int, Any]:
    rules = resolved(RULES.replace("MODELS", models) + more, {"SHUT_KEY": "x"})
    status, body = catalogue_answer(facts(rules, target=path, method="GET", body=b""), rules)
    return status, json.loads(body)


def names(**options: str) -> list[str]:
    return [one["id"] for one in listed(**options)[1]["data"]]


def test_it_is_listed_and_small() -> None:
    rules = resolved(RULES.replace("MODELS", "lab/wide, lab/narrow"), {"SHUT_KEY": "x"})
    (auto,) = [one for one in catalogue(rules) if one.id == "auto"]
    assert (auto.context_window, auto.max_output, auto.owner) == (500, 20, "wiremend")
    status, one = listed(path="/v1/models/auto")
    assert (status, one["id"]) == (200, "auto")


def test_what_the_preferences_name_is_offered() -> None:
    assert {"auto", "lab/wide", "lab/narrow", "lab/unknown"} <= set(names())


def test_a_fallback_that_can_be_had_is_enough() -> None:
    text = RULES.replace("[lab/wide, lab/unknown]", "[shut/x, lab/wide]").replace("MODELS", "shut/x")
    for text_, there in ((text, True), (text.replace(", lab/wide", ""), False)):
        rules = resolved(text_.replace("key: $SHUT_KEY", "key: [client, $SHUT_KEY]"), offline=True)
        _, body = catalogue_answer(facts(rules, target="/v1/models", method="GET", body=b""), rules)
        assert ("auto" in [one["id"] for one in json.loads(body)["data"]]) is there


def test_without_preferences_there_is_none() -> None:
    rules = resolved("default: lab/wide\nproviders: {lab: {base_url: 'http://127.0.0.1:9/v1', auth: none}}")
    found = [one.id for one in catalogue(rules)]
    assert found
    assert "auto" not in found


def test_an_alias_of_that_name_is_the_files_own() -> None:
    rules = resolved(RULES.replace("MODELS", "lab/narrow") + "aliases: {auto: lab/wide}\n", {"SHUT_KEY": "x"})
    found = [one for one in catalogue(rules) if one.id == "auto"]
    assert [(one.context_window, one.owner) for one in found] == [(1000, "lab")]
    status, body = catalogue_answer(facts(rules, target="/v1/models/auto", method="GET", body=b""), rules)
    assert (status, json.loads(body)["owned_by"]) == (200, "lab")
