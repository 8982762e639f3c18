"""Dead rules: what no case exercised is told with its line, and what did something is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.replay.cases_kit import CASES, RULES, asking
from wiremend.notes import Note
from wiremend.replay.coverage import IDLE, LISTED, MATCHED, NEVER, OFF, Coverage
from wiremend.replay.rules import Today
from wiremend.replay.run import replay

TODAY = Today(RULES, "rules.yaml")


def covered(*models: str, rules: Today = TODAY) -> Coverage:
    found = Coverage(rules.rules, "here/rules.yaml")
    for model in models:
        found.add(f"case {model}", replay(asking(model), rules))
    return found


def line_of(text: str) -> str:
    """Give the place of the line that holds a text."""
    (number,) = [n for n, line in enumerate(RULES.splitlines(), 1) if text in line]
    return f"here/rules.yaml:{number}"


def dead(found: Coverage) -> set[tuple[str, str, str, str]]:
    return {(one.kind, one.name, one.place, one.what) for one in found.dead}


def test_what_no_case_exercised_is_told_with_its_line() -> None:
    found = covered(*CASES.values())
    assert dead(found) == {
        ("alias", "unused", line_of("unused:"), NEVER),
        ("route", "never taken", line_of("never taken"), NEVER),
        ("edit", "idle", line_of("name: idle"), MATCHED),
        ("edit", "dead", line_of("name: dead"), NEVER),
        ("quirk", "tools-empty-array", line_of("  lab:"), IDLE),
        ("quirk", "store-rejected", line_of("  other:"), IDLE),
    }
    lines = [int(one.place.rpartition(":")[2]) for one in found.dead]
    assert lines == sorted(lines)
    assert not found.complete


@pytest.mark.parametrize(
    ("model", "gone"),
    (
        ("lab-1", {("route", "to the lab"), ("edit", "warm")}),
        ("lab-2", {("route", "to the lab"), ("edit", "limit")}),
        ("small", {("route", "to the lab"), ("alias", "small")}),
        ("gpt-x", {("default", "other")}),
    ),
)
def test_a_case_exercises_what_it_uses_and_nothing_else(model: str, gone: set[tuple[str, str]]) -> None:
    def names(found: Coverage) -> set[tuple[str, str]]:
        return {(one.kind, one.name) for one in found.dead if one.kind != "quirk"}

    assert names(covered()) - names(covered(model)) == gone


def test_an_edit_that_changes_nothing_counts_once_it_changes_something() -> None:
    found = covered("lab-3")
    assert ("edit", "idle", line_of("name: idle"), MATCHED) in dead(found)
    capture = asking("lab-3")
    body = b'{"model":"lab-3","messages":[{"role":"user","content":"hi"}]}'
    found.add("whole", replay(replace(capture, request=replace(capture.request, body=body)), TODAY))
    assert "idle" not in {one.name for one in found.dead}


def test_a_quirk_that_is_on_counts_once_it_changes_something() -> None:
    found = covered("gpt-x")
    assert ("quirk", "store-rejected", line_of("  other:"), IDLE) in dead(found)
    assert ("quirk", "tools-empty-array", line_of("  lab:"), OFF) in dead(found)
    found.add("storing", replay(asking("gpt-x", store=True), TODAY))
    assert "store-rejected" not in {one.name for one in found.dead}


def test_quirks_that_are_on_by_themselves_are_told_apart() -> None:
    found = covered("lab-1")
    assert "lone-surrogates" in found.idle
    assert not set(found.idle) & {"tools-empty-array", "store-rejected"}


def test_a_code_of_a_quirk_counts_for_it_and_a_failure_does_not() -> None:
    found = covered()
    done = replay(asking("gpt-x"), TODAY)
    found.add("failed", replace(done, notes=(Note("failed", "", "store-rejected", "it failed"),)))
    found.add("seen", replace(done, notes=(Note("seen", "", "store-rejected", "it was seen"),)))
    assert "store-rejected" in {one.name for one in found.dead}
    found.add("mended", replace(done, notes=(Note("mended", "", "store-rejected", "it was mended"),)))
    assert "store-rejected" not in {one.name for one in found.dead}


def test_cases_that_no_rule_touched_are_named_with_how_they_went() -> None:
    assert covered(*CASES.values()).untouched == [("case gpt-x", "by the default")]


def test_of_very_many_cases_some_are_named_and_all_are_counted() -> None:
    found = covered()
    done = replay(asking("gpt-x"), TODAY)
    for number in range(LISTED + 50):
        found.add(str(number), done)
    assert (len(found.untouched), found.untouched_count) == (LISTED, LISTED + 50)


def test_two_routes_of_one_name_are_told_apart() -> None:
    text = RULES.replace("never taken", "to the lab")
    found = covered("lab-1", rules=Today(text, "rules.yaml"))
    assert [one.place for one in found.dead if one.kind == "route"] == [line_of('never-*"}, to: other')]


def test_rules_of_which_each_part_did_something_are_complete() -> None:
    text = "providers:\n  lab: {base_url: 'http://127.0.0.1:1/v1', key: client}\nroutes: [{to: lab}]\n"
    assert covered("lab-1", rules=Today(text, "rules.yaml")).complete


def test_it_is_told_in_markdown_and_json_too() -> None:
    found = covered(*CASES.values())
    found.own = 3
    text = found.as_markdown()
    assert "6 parts of the rules that no case exercised" in text
    assert f"{line_of('never taken')}: route never taken: no case" in text
    assert "case gpt-x (by the default)" in text
    plain = found.as_plain()
    assert {"kind": "edit", "name": "dead", "place": line_of("name: dead"), "what": NEVER} in plain["dead"]
    assert (plain["own_rules"], plain["untouched_count"]) == (3, 1)
