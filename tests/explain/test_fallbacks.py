"""A route's list explained: where the request goes first, where next, what is tried again, and within which limits."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.explain.kit import cases, explained
from tests.explain.test_text import section
from tests.rules.kit import KIMI, MOONSHOT, bearer, body_of
from wiremend.explain.plain import to_plain
from wiremend.explain.request import explain_capture
from wiremend.explain.text import lines
from wiremend.replay.report import plain
from wiremend.replay.rules import Today

if TYPE_CHECKING:
    from wiremend.explain.model import Explanation

LAB = 'providers: {lab: {base_url: "http://127.0.0.1:9/v1", auth: none}}'
RULES = """
providers:
  moonshot: {key: client, limits: {first_byte: 5m, cooldown: off}}
  lab: {base_url: "http://127.0.0.1:9/v1", auth: none, speaks: [messages]}
routes:
  - {name: kimi, when: {model: "kimi-*"}, to: [moonshot, lab/big, local], retry: {times: 2, on: [429, stall]}}
  - {name: spare, when: {model: "spare-*"}, to: [lab, local]}
  - {name: again, when: {model: "again-*"}, to: lab, retry: 1}
  - {name: alone, to: lab}
"""


def made_of(model: str, rules: str = RULES, key: str | None = MOONSHOT) -> Explanation:
    body = body_of(model, messages=[{"role": "user", "content": "hi"}])
    return explained(rules, body=body, headers=bearer(key) if key is not None else {})


def told(made: Explanation) -> str:
    return "\n".join(map(plain, lines(made, 120)))


def test_the_whole_list_is_told_with_what_is_tried_again() -> None:
    text = told(made_of("kimi-k2"))
    assert section(text, "routes")[0] == "  yes  kimi (rules.yaml:6) → moonshot, else lab/big, else local"
    assert section(text, "destination")[:5] == [
        "  to          moonshot/kimi-k2, by the route",
        "  else        lab/big, else local: where it fails, in this order",
        "  again       2 times each on 429, stall; waits up to 1s, then up to 30s, all in 2m",
        "  limits      first_byte 5m, cooldown off",
        "  because     route 'kimi' matches (rules.yaml:6)",
    ]


@pytest.mark.parametrize(
    ("model", "then", "again"),
    (("spare-1", ("local",), False), ("again-1", (), True), ("alone-1", (), False)),
)
def test_what_the_route_has_is_told_and_no_more(model: str, then: tuple[str, ...], *, again: bool) -> None:
    made = made_of(model)
    assert made.then == then
    assert (made.retry is not None) is (bool(then) or again)
    labels = {line.split()[0] for line in section(told(made), "destination")}
    assert ("else" in labels) is bool(then)
    assert ("again" in labels) is again
    assert "limits" not in labels


def test_a_request_that_cannot_go_to_the_first_goes_to_the_next_as_in_the_proxy() -> None:
    """For want of a key; what else refuses it refuses it everywhere."""
    made = made_of("kimi-k2", RULES.replace("key: client, ", ""), key=None)
    (passed,) = made.passed
    assert passed.to == "moonshot"
    assert "credential" in passed.why
    assert made.refused is None
    assert (made.decision["provider"], made.decision["model"], made.decision["to"]) == ("lab", "big", "lab/big")
    assert made.then == ("local",)
    assert "  not to      moonshot: " in told(made)


def test_where_no_destination_can_be_asked_the_first_refusal_is_told() -> None:
    made = made_of("m", "routes: [{to: [moonshot, deepseek]}]", key=None)
    assert made.refused is not None
    assert (made.refused.status, made.passed, made.then) == (401, (), ())
    assert "moonshot" in made.refused.message


def test_no_key_is_shown_of_those_that_are_passed_over() -> None:
    made = made_of("kimi-k2", RULES.replace("moonshot: {key: client", "moonshot: {key: $MINE"), key=KIMI)
    assert "FAKE" not in repr(to_plain(made))


def test_as_json_each_value_is_as_the_file_writes_it() -> None:
    said = to_plain(made_of("kimi-k2"))
    assert said["then"] == ("lab/big", "local")
    assert said["passed"] == ()
    assert said["retry"] == {
        "times": 2,
        "on": [429, "stall"],
        "backoff": "1s",
        "max": "30s",
        "budget": "2m",
        "stay": "10m",
    }
    assert said["limits"] == {"first_byte": "5m", "cooldown": "off"}
    assert said["routes"][0]["to"] == "moonshot"
    assert said["routes"][0]["then"] == ("lab/big", "local")


def test_a_capture_is_explained_for_the_destination_that_answered() -> None:
    """Not for the first of the route's list, where its last attempt went elsewhere."""
    capture, _ = cases()["chat/kimi-temperature-fixed"]
    assert capture.inputs.to == ""
    moved = replace(capture, inputs=replace(capture.inputs, to="local"))
    made = explain_capture(moved, Today("routes: [{to: [ollama, local, lab/x]}]\n" + LAB, "rules.yaml"))
    assert (made.decision["provider"], made.passed, made.then) == ("local", (), ("lab/x",))
