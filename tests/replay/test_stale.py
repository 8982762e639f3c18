"""What is stale: by age, and by the client's version; and none of the cases that we ship is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.replay.kit import captured
from wiremend.captures.case import find_cases, read_case, write_case
from wiremend.replay.stale import stale, version_of

TOP = Path(__file__).parents[2]
DAY = 86_400.0
PACKAGES = {"claude-code": "@anthropic-ai/claude-code", "codex": "@openai/codex", "opencode": "opencode-linux-x64"}
"""The clients of the suite -> the package that the suite pins."""

CAPTURE = replace(captured(), client="claude-code", versions={"client": "claude-cli/2.1.197", "wiremend": "0.1"})


def pins() -> dict[str, str]:
    """Give the version of each client that the clients suite drives."""
    package = json.loads((TOP / "tests" / "clients" / "package.json").read_text("utf-8"))
    pinned = package["dependencies"] | package.get("optionalDependencies", {})
    return {client: pinned[name] for client, name in PACKAGES.items()}


def test_what_is_as_old_as_it_may_be_is_not_stale_and_a_second_later_it_is() -> None:
    at = CAPTURE.began + 90 * DAY
    assert stale(CAPTURE, at, 90 * DAY, {}) == []
    assert stale(CAPTURE, at + 1, 90 * DAY, {}) == ["stale: recorded 90 days ago, and 90 days is the most"]


def test_ages_are_told_in_hours_where_they_are_short() -> None:
    assert stale(CAPTURE, CAPTURE.began + 7200, 3600, {}) == ["stale: recorded 2 h ago, and 1 h is the most"]


def test_without_a_most_nothing_is_too_old_and_without_a_date_neither() -> None:
    assert stale(CAPTURE, CAPTURE.began + 10_000 * DAY, None, {}) == []
    assert stale(replace(CAPTURE, began=0.0), 10_000 * DAY, DAY, {}) == []


@pytest.mark.parametrize(
    ("client", "versions", "told"),
    (
        ("claude-code", {"client": "claude-cli/2.1.197"}, False),
        ("claude-code", {"client": "2.1.197"}, False),
        ("claude-code", {"client": "claude-cli/2.1.19"}, True),
        ("claude-code", {}, False),
        ("codex", {"client": "codex_exec/0.1.0"}, False),
        (None, {"client": "x/1"}, False),
    ),
)
def test_another_version_of_a_client_is_stale(client: str | None, versions: dict[str, str], *, told: bool) -> None:
    found = stale(replace(CAPTURE, client=client, versions=versions), CAPTURE.began, None, {"claude-code": "2.1.197"})
    expected = ["stale: recorded with claude-code 2.1.19, and 2.1.197 is in use"] if told else []
    assert found == expected


def test_the_version_is_without_the_products_name() -> None:
    assert version_of(CAPTURE) == "2.1.197"
    assert version_of(replace(CAPTURE, versions={})) is None


def test_the_pins_of_the_clients_suite_are_read() -> None:
    assert set(pins()) == set(PACKAGES)
    assert all(version[0].isdigit() for version in pins().values())


def stale_cases(root: Path) -> list[str]:
    """Give the recorded cases below a folder whose client is not the one that the clients suite drives."""
    found = []
    for folder in find_cases(root):
        case = read_case(folder)
        if case.capture.rules:
            found += [f"{folder}: {line}" for line in stale(case.capture, 0.0, None, pins())]
    return found


def test_a_case_of_another_version_than_the_pinned_one_is_found(tmp_path: Path) -> None:
    current = replace(CAPTURE, rules="1234", attempts=(), versions={"client": f"claude-cli/{pins()['claude-code']}"})
    write_case(tmp_path / "chat" / "new", current, title="New")
    old = replace(CAPTURE, rules="1234", attempts=(), versions={"client": "claude-cli/0.0.1"})
    write_case(tmp_path / "chat" / "old", old, title="Old")
    (told,) = stale_cases(tmp_path)
    assert told.startswith(str(tmp_path / "chat" / "old"))


def test_the_recorded_cases_that_we_ship_are_of_the_clients_that_the_suite_drives() -> None:
    assert stale_cases(TOP / "captures") == []
