"""Each problem of docs/cookbook.md: shown failing with the real SDK, diagnosed, mended by the patch, and well.

All that the page shows is held against what happens: the rules are those of the page, the symptom is the SDK's own
error, what ``why`` says is there line by line, and the patch is what ``diagnose --apply`` writes into the rules of the
running proxy, which takes them up.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.cli.captures_kit import plain_flow, run, write
from tests.cookbook.kit import DOCS, Section, Stage, missing, sections
from tests.cookbook.problems import BY_NAME, CALLS, TABLE, Problem, got
from tests.lab.quirky import chat_one
from wiremend.quirks import all_quirks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECTIONS = sections()
APART = ("developer", "tool-index")
"""Problems whose ``diagnose --apply`` is run as a person runs it, in a process of its own."""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Stage(tmp_path_factory.mktemp("cookbook")) as made:
        yield made


def test_the_page_has_each_problem_and_no_other() -> None:
    assert list(SECTIONS) == [problem.name for problem in TABLE]
    assert len(SECTIONS) >= 12


@pytest.mark.parametrize("name", BY_NAME)
def test_a_problem_fails_is_diagnosed_is_mended_and_is_well(stage: Stage, name: str) -> None:
    problem, section = BY_NAME[name], SECTIONS[name]
    before = section.one("yaml")
    stage.script = problem.script
    stage.follow(before)
    well = None
    if problem.straight:
        with stage.straight(problem.script):
            failed = got(problem, stage)
        well = got(problem, stage)
    else:
        failed = got(problem, stage)
    capture = stage.newest()
    assert failed != problem.good
    assert section.one("text").split() == failed.split()

    command, _, screen = section.all("console")[0].partition("\n")
    words = {"$ wiremend why": ("why",), "$ wiremend why 3f2a": ("why", capture.id)}[command]
    shown = stage.within(*words)
    assert screen.startswith("OK  " if problem.straight else "PROBLEM  ")
    assert missing(screen, shown.output) == [], shown.output or shown.exception
    assert capture.id[:8] in shown.output
    assert shown.exit_code == (0 if problem.straight else 1)
    if problem.quirk is not None:
        quirk = all_quirks()[problem.quirk]
        assert re.search(rf"quirk {quirk.number} {quirk.name}\b", shown.output)
        assert f"(quirks.md#{quirk.name})" in section.text
    if problem.straight:
        assert section.all("diff") == []
    elif problem.instead is not None:
        assert section.all("diff") == []
        assert stage.within("diagnose", "--apply", capture.id).exit_code == 1
        assert stage.rules.read_text("utf-8") == before
        well = got(problem, stage, problem.instead)
        stage.newest()
    else:
        well = applied(stage, section, problem, capture.id)
    assert well == problem.good


def applied(stage: Stage, section: Section, problem: Problem, capture: str) -> str:
    """Apply the patch by the command, and give what the client gets by it."""
    before, since = section.one("yaml"), len(stage.proxy.log())
    code, said = diagnosed(stage, problem, "--apply", capture)
    assert code == 1, said
    after = stage.rules.read_text("utf-8")
    assert patched(before, section.one("diff")) == after, said
    assert missing(section.one("diff"), said) == []
    assert re.findall(r"#.*", before) == re.findall(r"#.*", after)
    stage.taken(since)
    for block in section.all("console")[1:]:
        command, _, screen = block.partition("\n")
        assert command == "$ wiremend explain 3f2a"
        assert screen.strip()
        assert missing(screen, stage.within("explain", capture).output) == []
    well = got(problem, stage)
    stage.newest()
    return well


def diagnosed(stage: Stage, problem: Problem, *words: str) -> tuple[int, str]:
    """Run ``diagnose``: for some problems as a program of its own, for the others in this process, which is quick."""
    if problem.name in APART:
        ran = stage.wiremend("diagnose", *words)
        return ran.returncode, ran.stdout + ran.stderr
    result = stage.within("diagnose", *words)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def patched(text: str, diff: str) -> str:
    """Apply a unified diff whose lines are unambiguous."""
    for hunk in re.split(r"^@@.*\n", diff, flags=re.MULTILINE)[1:]:
        lines = hunk.splitlines(keepends=True)
        old = "".join(line[1:] for line in lines if line[0] in " -")
        assert text.count(old) == 1, f"{old!r} is not there once"
        text = text.replace(old, "".join(line[1:] for line in lines if line[0] in " +"))
    return text


def test_what_a_page_shows_and_is_not_said_is_found() -> None:
    real = "PROBLEM  a\n\n  1. b [flow 0a1b2c3d]\n  c\n"
    assert missing("PROBLEM a\n…\n  1. b [flow 3f2a91c0]\n", real) == []
    assert missing("PROBLEM  a\n  d\n  c\n", real) == ["d"]
    assert missing("  c\n  1. b [flow 3f2a91c0]\n", real) == ["1. b [flow ID]"]


def test_the_patch_on_the_page_is_what_a_hand_would_write() -> None:
    assert patched("a: 1\nb: 2\n", "--- a\n+++ b\n@@ -1,2 +1,2 @@\n a: 1\n-b: 2\n+b: 3\n") == "a: 1\nb: 3\n"


def test_a_flow_that_was_recorded_without_wiremend_is_diagnosed_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = b'{"model": "m", "stream": true, "messages": [{"role": "user", "content": "look"}]}'
    reply = b"".join(chat_one("tool-index-missing")(CALLS))
    write(tmp_path / "plain.flows", [plain_flow("https://llm.example.com/v1/chat/completions", asked, reply)])
    (tmp_path / "rules.yaml").write_text("default: local\n")
    monkeypatch.chdir(tmp_path)
    done = run("why", "plain.flows:1", HOME=str(tmp_path), WIREMEND_RULES="rules.yaml")
    said = " ".join(done.output.split())
    assert done.exit_code == 1
    assert "quirk 73 tool-index-missing: today's rules mend it" in said
    assert "the client got the provider's bytes as they are; today's rules mend it" in said
    assert "rejects at event 2" in said


def test_each_number_of_a_quirk_on_the_page_is_its_own() -> None:
    page = " ".join((DOCS / "cookbook.md").read_text("utf-8").split())
    links = re.findall(r"\[[Qq]uirk (\d+), `([a-z0-9-]+)`\]\(quirks\.md#([a-z0-9-]+)\)", page)
    assert len(links) >= 12
    assert [(number, name) for number, name, _ in links] == [(str(all_quirks()[at].number), at) for _, _, at in links]
