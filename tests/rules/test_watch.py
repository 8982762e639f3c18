"""Hot reload, driven by hand: each look is one call, there is no clock.

A change takes effect when two looks in a row have seen the same new text; what does not load is told once, and the
last good rules stay in force, as the same object.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.rules.kit import where
from wiremend.errors import RulesError
from wiremend.rules.watch import Watcher

if TYPE_CHECKING:
    from pathlib import Path

ONE = "default: local/one\n"
TWO = "default: local/two\n"
BROKEN = "default: nowhere/three\n"


class Watched:
    """A rules file, its watcher, and the default that is in force."""

    def __init__(self, path: Path, text: str = ONE) -> None:
        """Write the file, and load it."""
        self.path = path
        self.write(text)
        self.watcher = Watcher(path, {})

    def write(self, text: str) -> None:
        self.path.write_text(text, "utf-8")

    def look(self) -> str:
        return self.watcher.look()

    def looks(self, count: int) -> list[str]:
        """Look so often; a broken file is ``broken``."""
        seen = []
        for _ in range(count):
            try:
                seen.append(self.look())
            except RulesError:
                seen.append("broken")
        return seen

    @property
    def default(self) -> str:
        return where(self.watcher.current.resolved)


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path / "rules.yaml")


def test_nothing_happens_while_nothing_changes(watched: Watched) -> None:
    current = watched.watcher.current
    assert watched.looks(3) == ["same"] * 3
    assert watched.watcher.current is current


def test_a_change_takes_effect_at_the_second_look(watched: Watched) -> None:
    watched.write(TWO)
    assert watched.look() == "same"
    assert watched.default == "local/one"
    assert watched.look() == "reloaded"
    assert watched.default == "local/two"
    assert watched.looks(2) == ["same", "same"]


def test_a_file_caught_half_written_is_neither_taken_nor_told(watched: Watched) -> None:
    for text in ("def", "default: lo", "default: local/t", TWO):
        watched.write(text)
        assert watched.look() == "same"
        assert watched.default == "local/one"
    assert watched.look() == "reloaded"
    assert watched.default == "local/two"


def test_contents_count_not_dates(watched: Watched) -> None:
    before = watched.watcher.current
    watched.write(ONE)
    os.utime(watched.path, (1, 1))
    assert watched.looks(3) == ["same"] * 3
    assert watched.watcher.current is before
    watched.write(TWO)
    os.utime(watched.path, (1, 1))
    assert watched.looks(2) == ["same", "reloaded"]


def test_a_file_that_is_replaced_is_followed(watched: Watched) -> None:
    """Editors write another file and rename it."""
    other = watched.path.with_suffix(".new")
    other.write_text(TWO, "utf-8")
    other.replace(watched.path)
    assert watched.looks(2) == ["same", "reloaded"]


def test_a_broken_file_is_told_once_and_the_last_good_rules_stay(watched: Watched) -> None:
    good = watched.watcher.current
    watched.write(BROKEN)
    assert watched.looks(5) == ["same", "broken", "same", "same", "same"]
    assert watched.watcher.current is good
    watched.write(BROKEN + "# still\n")
    assert watched.looks(3) == ["same", "broken", "same"]
    watched.write(TWO)
    assert watched.looks(2) == ["same", "reloaded"]
    assert watched.default == "local/two"


def test_a_file_put_back_as_it_was_is_taken_again_without_a_word(watched: Watched) -> None:
    watched.write(BROKEN)
    assert watched.looks(2) == ["same", "broken"]
    watched.write(ONE)
    assert watched.looks(3) == ["same", "reloaded", "same"]
    assert watched.default == "local/one"
    watched.write(BROKEN)
    assert watched.looks(2) == ["same", "broken"]


def test_an_expectation_that_fails_is_a_broken_file(watched: Watched) -> None:
    watched.write(TWO + "expect: [{given: {model: a}, to: ollama}]\n")
    with pytest.raises(RulesError, match="does not hold"):
        [watched.look() for _ in range(2)]
    assert watched.default == "local/one"


def test_a_file_that_goes_away_is_told_once_and_may_come_back(watched: Watched) -> None:
    watched.path.unlink()
    assert watched.looks(4) == ["same", "broken", "same", "same"]
    assert watched.default == "local/one"
    watched.write(TWO)
    assert watched.looks(2) == ["same", "reloaded"]


def test_a_file_that_is_not_text_is_told_once(watched: Watched) -> None:
    watched.path.write_bytes(b"\xff\xfe")
    assert watched.looks(4) == ["same", "broken", "same", "same"]


def test_a_request_in_flight_keeps_the_rules_it_began_with(watched: Watched) -> None:
    begun = watched.watcher.current.resolved
    watched.write(TWO)
    watched.looks(2)
    assert where(begun) == "local/one"
    assert watched.default == "local/two"
    assert begun.rules.hash != watched.watcher.current.resolved.rules.hash


@pytest.mark.parametrize("text", (BROKEN, "", "a: ["))
def test_without_good_rules_there_is_no_start(text: str, tmp_path: Path) -> None:
    with pytest.raises(RulesError):
        Watched(tmp_path / "rules.yaml", text)


def test_messages_name_the_file_shortly(watched: Watched) -> None:
    watched.write(BROKEN)
    with pytest.raises(RulesError, match=r"\Arules\.yaml:1:10: "):
        [watched.look() for _ in range(2)]
