"""A route that lacked one condition is named where a preference took the request behind the routes, and only there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.explain.diagnose_kit import LAB
from tests.explain.test_diagnose_plain import INDEX, recorded
from wiremend.explain.diagnose import diagnose
from wiremend.explain.diagnose_changes import _known
from wiremend.explain.diagnose_look import look_at
from wiremend.replay.rules import Today

RULES = (
    "routes:\n  - {name: ours, when: {model: '*', client: codex}, to: lab}\n"
    "preferences: {for: FOR, choices: [{name: work, description: hard work, models: [lab/worker]}]}\n" + LAB
)


@pytest.mark.parametrize(("which", "told"), (("auto", True), ("all", False)))
def test_the_route_is_named_where_it_was_tried(which: str, told: bool) -> None:  # noqa: FBT001 - a row of the table
    text = RULES.replace("FOR", which)
    capture = recorded(INDEX)
    capture = replace(capture, inputs=replace(capture.inputs, picked="kept work"))
    routing = [
        cause.what for cause in diagnose(capture, Today(text, "rules.yaml"), text).causes if cause.where == "routing"
    ]
    assert bool(routing) is told
    if told:
        assert "(it went by what it asks, to a preference); 'ours' lacks one condition" in routing[0]


def test_the_models_of_preferences_are_known_names() -> None:
    look = look_at(recorded(INDEX), Today(RULES.replace("FOR", "auto"), "rules.yaml"))
    assert "worker" in _known(look, "lab", "")
