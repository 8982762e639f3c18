"""What other rules would change: between what both make of an exchange, grouped by what the change is."""

from __future__ import annotations

import pytest

from tests.replay.cases_kit import CASES, RULES, asking
from wiremend.replay.against import GROUPS, SHOWN, VALUES, Changes, changes, comment, picture
from wiremend.replay.compare import Difference
from wiremend.replay.report import LIMIT, plain
from wiremend.replay.rules import Today
from wiremend.replay.run import replay

OLD = Today(RULES, "rules.yaml")


def grouped(text: str, *models: str) -> Changes:
    """Give what rules would change for these models."""
    new, found = Today(text, "new.yaml"), Changes()
    for number, model in enumerate(models or CASES.values()):
        capture = asking(model)
        found.add(f"case {number}", changes(capture, replay(capture, OLD), replay(capture, new)))
    return found


def test_the_same_rules_change_nothing_whatever_they_are_called() -> None:
    assert grouped(RULES).changed == 0
    assert grouped(f"# a line more\n{RULES}").changed == 0


def test_a_value_that_an_edit_sets_changes_where_the_edit_is_for() -> None:
    found = grouped(RULES.replace("0.6", "0.7"))
    (group,) = found.groups
    assert (found.cases, found.changed) == (5, 1)
    assert (group.part, group.where, group.cases, group.example) == ("upstream", "/temperature", 1, "case 0")
    assert list(group.pairs) == [("0.6", "0.7")]
    assert "'warm' (new.yaml:" in group.cause


def test_another_destination_shows_as_decision_and_url() -> None:
    found = grouped(RULES.replace('"lab-*"}, to: lab', '"lab-*"}, to: other'), "lab-1", "lab-2", "gpt-x")
    told = {(group.part, group.where): (group.cases, list(group.pairs)) for group in found.groups}
    assert told["decision", "provider"] == (2, [("lab", "other")])
    urls = [("http://127.0.0.1:8000/v1/chat/completions", "http://127.0.0.1:9000/v1/chat/completions")]
    assert told["upstream", "url"] == (2, urls)
    assert found.changed == 2


def test_the_recorded_goldens_do_not_count() -> None:
    capture = asking("lab-1")
    other = Today(RULES.replace("0.6", "0.9"), "rules.yaml")
    assert changes(capture, replay(capture, other), replay(capture, other)) == []


def test_a_refusal_is_a_change_both_ways() -> None:
    capture = asking("gpt-x")
    strict = Today(RULES.replace("default: other\n", ""), "rules.yaml")
    (gone, *_) = changes(capture, replay(capture, OLD), replay(capture, strict))
    assert (gone.part, (gone.got or "")[:14]) == ("decision", "it is refused:")
    (back, *_) = changes(capture, replay(capture, strict), replay(capture, OLD))
    assert (back.part, back.expected) == ("decision", "it was refused")


def test_a_route_without_a_name_is_not_changed_by_one_in_front_of_it() -> None:
    old = RULES.replace("name: to the lab, ", "")
    new = old.replace("routes:\n", 'routes:\n  - {when: {model: "never"}, to: other}\n')
    capture = asking("lab-1")
    assert changes(capture, replay(capture, Today(old, "rules.yaml")), replay(capture, Today(new, "rules.yaml"))) == []


def test_five_hundred_cases_with_one_change_read_as_one_group() -> None:
    found = Changes()
    for number in range(500):
        where = f"event {number + 1} /choices/{number % 3}/delta/role"
        twice = [Difference("answer", where, '""', None, "quirk delta-role-empty")] * 2
        found.add(f"case {number}", twice)
    (group,) = found.groups
    assert (group.where, group.cases, group.example) == ("event * /choices/*/delta/role", 500, "case 0")
    text = "\n".join(plain(line) for line in picture(found, 100, carets=True))
    assert "answer, event * /choices/*/delta/role: 500 cases, such as case 0" in text
    assert text.count('""') == 1


@pytest.mark.parametrize(
    ("where", "general"),
    (
        ("/messages/12/content/0/text", "/messages/*/content/*/text"),
        ("/12", "/*"),
        ("/a/12b/3c", "/a/12b/3c"),
        ("event 7", "event *"),
        ("event 7 event:", "event * event:"),
        ("header:x-7", "header:x-7"),
        ("status", "status"),
    ),
)
def test_numbers_of_events_and_items_do_not_count(where: str, general: str) -> None:
    found = Changes()
    found.add("case", [Difference("answer", where, "a", "b")])
    assert [group.where for group in found.groups] == [general]


def test_groups_are_by_part_and_the_most_frequent_first() -> None:
    found = Changes()
    for number in range(3):
        more = [Difference("answer", "status", "200", "500")] if number else []
        found.add(f"case {number}", [Difference("notes", "n", None, "x"), Difference("answer", "a", "1", "2"), *more])
    assert [(group.part, group.where) for group in found.groups] == [
        ("answer", "a"),
        ("answer", "status"),
        ("notes", "n"),
    ]


def test_values_and_groups_are_bounded_and_what_is_left_out_is_counted() -> None:
    found = Changes()
    for number in range(VALUES + 20):
        found.add("case", [Difference("upstream", "/user", str(number), "none")])
    (group,) = found.groups
    assert (len(group.pairs), group.more, group.shown[1]) == (VALUES, 20, VALUES + 20 - SHOWN)
    for number in range(GROUPS + 5):
        found.add("case", [Difference("upstream", f"/x{number}", "1", "2")])
    assert (len(found.groups), found.groups_left_out) == (GROUPS, 6)
    assert len(comment(found, "old.yaml", "new.yaml")) <= LIMIT
    assert len(found.as_plain()["groups"]) == GROUPS


def test_a_value_of_a_megabyte_is_not_kept() -> None:
    found = Changes()
    found.add("case", [Difference("upstream", "/user", "x" * 10**6, None)])
    ((old, new),) = found.groups[0].pairs
    assert len(old or "") < 1000
    assert new is None
