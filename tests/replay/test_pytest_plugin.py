"""The pytest plugin in a user's repository: what it collects, what a failing case says, and what it leaves alone."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement

from tests.replay.kit import RULES, captured, recorded
from tests.replay.pytest_kit import Repo, repository, warmed
from wiremend.captures.capture import Body
from wiremend.captures.case import read_case
from wiremend.replay import pytest_items
from wiremend.replay.run import replay

if TYPE_CHECKING:
    from wiremend.captures.capture import Capture
    from wiremend.replay.rules import Today
    from wiremend.replay.run import Cuts, Replayed

pytest_plugins = ("pytester",)

LIGHT = """\
import sys

def test_light():
    ours = sorted(name for name in sys.modules if name.partition(".")[0] in {"wiremend", "mitmproxy"})
    assert ours == ["wiremend", "wiremend.replay", "wiremend.replay.pytest_plugin"]
    assert not {"yaml", "msgspec", "click", "rich", "brotli"} & set(sys.modules)
"""

COLD = RULES.replace("/temperature: 0.6", "/temperature: 0.5")


def test_without_a_stamped_case_nothing_heavy_is_imported(pytester: pytest.Pytester) -> None:
    repo = Repo(pytester)
    repo.put("test_light.py", LIGHT)
    ran = repo.pytest(apart=True)
    assert ran.outcomes == {"passed": 1}, ran.text
    for number, stamp in enumerate(("", "# format: 1\n", "title: it formats\nformat: 1\n", "formatted: 1\n")):
        repo.put(f"captures/chat/case-{number}/case.yaml", stamp)
    repo.put("elsewhere/chat/new/case.yaml", "format: 1\n")
    ran = repo.pytest(apart=True)
    assert ran.outcomes == {"passed": 1}, ran.text


def test_each_case_is_a_test_with_its_folder_as_the_id(pytester: pytest.Pytester) -> None:
    repo = repository(pytester, "chat/hello", "chat/kimi-tool-call-no-index", "messages/long_name.v2")
    repo.put("test_mine.py", "def test_mine():\n    pass\n")
    repo.put("captures/chat/old/case.yaml", "title: not stamped\n")
    ids = ["captures/chat/hello", "captures/chat/kimi-tool-call-no-index", "captures/messages/long_name.v2"]
    assert repo.pytest("--collect-only", "-q").ids == [*ids, "test_mine.py::test_mine"]
    ran = repo.pytest("-v")
    assert ran.outcomes == {"passed": 4}, ran.text
    assert all(re.search(rf"^{re.escape(one)} PASSED", ran.text, re.MULTILINE) for one in ids)


@pytest.mark.parametrize(
    ("arguments", "ids"),
    (
        (("-k", "index"), ["captures/chat/kimi-tool-call-no-index"]),
        (("-k", "messages"), ["captures/messages/other"]),
        (("captures/messages",), ["captures/messages/other"]),
        (("captures/chat/hello",), ["captures/chat/hello"]),
        (("captures/chat/hello/case.yaml",), ["captures/chat/hello"]),
        (
            ("-m", "wiremend"),
            ["captures/chat/hello", "captures/chat/kimi-tool-call-no-index", "captures/messages/other"],
        ),
        (("-m", "not wiremend"), ["test_mine.py::test_mine"]),
        (("--deselect", "captures/chat", "captures"), ["captures/messages/other"]),
    ),
)
def test_cases_are_chosen_as_tests_are(arguments: tuple[str, ...], ids: list[str], pytester: pytest.Pytester) -> None:
    repo = repository(pytester, "chat/hello", "chat/kimi-tool-call-no-index", "messages/other")
    repo.put("test_mine.py", "def test_mine():\n    pass\n")
    assert repo.pytest("--collect-only", "-q", *arguments).ids == ids


def test_the_plugin_can_be_left_out(pytester: pytest.Pytester) -> None:
    ran = repository(pytester, "chat/hello").pytest("-p", "no:wiremend")
    assert ran.code == pytest.ExitCode.NO_TESTS_COLLECTED


def test_only_the_case_that_a_broken_rule_touches_fails_and_names_the_rule(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    repo = repository(pytester, "chat/hello")
    given = {"model": "lab-1", "temperature": 1, "messages": [{"role": "user", "content": "hi"}], "stream": True}
    repo.case("chat/warm-already", recorded(captured(given)))
    repo.put("rules.yaml", COLD)
    ran = repo.pytest()
    assert ran.outcomes == {"failed": 1, "passed": 1}, ran.text
    assert re.search(r"^captures/chat/hello: 1 difference +\(a turn\)$", ran.text, re.MULTILINE)
    place = re.search(r"^ *upstream request, /temperature: (.*)$", ran.text, re.MULTILINE)
    assert place is not None, ran.text
    assert "warm" in place[1]
    assert "replayed through rules.yaml" in ran.text
    assert re.search(r"expected +0\.6\b.*got +0\.5\b", ran.text)
    assert "Traceback" not in ran.text
    assert ".py:" not in ran.text


def test_a_case_that_cannot_be_read_says_where(pytester: pytest.Pytester) -> None:
    repo = repository(pytester, "chat/hello", "chat/other")
    repo.put("captures/chat/hello/case.yaml", "format: 1\ntitle: [\n")
    ran = repo.pytest()
    assert ran.outcomes == {"failed": 1, "passed": 1}, ran.text
    assert "captures/chat/hello/case.yaml" in ran.text
    assert "Traceback" not in ran.text
    assert ".py:" not in ran.text


def test_a_stamp_that_cannot_be_looked_at_is_no_reason_to_pass_a_case_over(pytester: pytest.Pytester) -> None:
    repo = repository(pytester, "chat/hello")
    path = repo.path / "captures/chat/hello/case.yaml"
    path.unlink()
    path.symlink_to("case.yaml")
    ran = repo.pytest()
    assert ran.outcomes == {"failed": 1}, ran.text
    assert "captures/chat/hello/case.yaml" in ran.text


def test_a_bug_of_ours_has_a_traceback(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Replayed:
        raise ZeroDivisionError("planted")

    repo = repository(pytester, "chat/hello")
    monkeypatch.setattr(pytest_items, "replay", broken)
    ran = repo.pytest()
    assert ran.outcomes == {"failed": 1}, ran.text
    assert re.search(r"test_pytest_plugin\.py:\d+: ZeroDivisionError", ran.text)


# -- rules


def test_broken_rules_are_told_once_with_line_and_column(pytester: pytest.Pytester) -> None:
    repo = repository(pytester, "chat/a", "chat/b", "chat/c")
    repo.case("chat/own")
    repo.put("captures/chat/own/rules.yaml", RULES)
    repo.put("test_mine.py", "def test_mine():\n    pass\n")
    repo.put("rules.yaml", "routes:\n  - {when: {modell: x}, to: lab}\n")
    ran = repo.pytest("--continue-on-collection-errors")
    assert ran.outcomes == {"passed": 2, "error": 1}, ran.text
    assert len(re.findall(r"rules\.yaml:2:\d+: .*modell", ran.text)) == 1, ran.text
    assert "Traceback" not in ran.text


def test_a_case_has_its_own_rules_then_named_ones_then_those_of_the_repository(pytester: pytest.Pytester) -> None:
    """Each file sets another temperature; the case wants 0.6."""
    repo = repository(pytester, "chat/hello", rules=COLD)
    assert repo.pytest().outcomes == {"failed": 1}
    repo.put("warm/rules.yaml", RULES)
    assert repo.pytest("--wiremend-rules", "warm/rules.yaml").outcomes == {"passed": 1}
    repo.put("pytest.ini", "[pytest]\nwiremend_rules = warm/rules.yaml\n")
    assert repo.pytest().outcomes == {"passed": 1}
    assert repo.pytest("--wiremend-rules", "rules.yaml").outcomes == {"failed": 1}
    repo.put("captures/chat/hello/rules.yaml", RULES)
    assert repo.pytest("--wiremend-rules", "rules.yaml").outcomes == {"passed": 1}


def test_the_rules_of_a_repository_are_found_from_inside_it(pytester: pytest.Pytester) -> None:
    """Where pytest is started in captures/ and there is no ini file, that is its rootdir."""
    repo = repository(pytester, "chat/hello")
    (repo.path / ".git").mkdir()
    assert repo.pytest("--rootdir", "captures", "captures").outcomes == {"passed": 1}


def test_rules_of_a_case_that_are_broken_fail_that_case(pytester: pytest.Pytester) -> None:
    repo = repository(pytester, "chat/hello", "chat/own")
    repo.put("captures/chat/own/rules.yaml", "routes: 7\n")
    ran = repo.pytest()
    assert ran.outcomes == {"failed": 1, "passed": 1}, ran.text
    assert re.search(r"captures/chat/own/rules\.yaml:1:\d+: ", ran.text), ran.text
    assert "Traceback" not in ran.text


def test_folders_of_other_names_can_hold_cases(pytester: pytest.Pytester) -> None:
    repo = repository(pytester, "chat/hello")
    (repo.path / "tests").mkdir()
    (repo.path / "captures").rename(repo.path / "tests" / "wires")
    assert repo.pytest("--collect-only", "-q").ids == []
    repo.put("pytest.ini", "[pytest]\nwiremend_captures = tests/wires\n")
    assert repo.pytest("--collect-only", "-q").ids == ["tests/wires/chat/hello"]
    repo.put("pytest.ini", "[pytest]\nwiremend_captures = cases wires\n")
    assert repo.pytest("--collect-only", "-q").ids == ["tests/wires/chat/hello"]


def test_testpaths_that_leave_the_cases_out_are_named(pytester: pytest.Pytester) -> None:
    repo = repository(pytester, "chat/hello")
    repo.put("tests/test_mine.py", "def test_mine():\n    pass\n")
    repo.put("pytest.ini", "[pytest]\ntestpaths = tests\n")
    ran = repo.pytest()
    assert ran.outcomes == {"passed": 1}
    assert "wiremend: captures/ is not in testpaths" in ran.text
    repo.put("pytest.ini", "[pytest]\ntestpaths = tests captures\n")
    ran = repo.pytest()
    assert ran.outcomes == {"passed": 2}
    assert "is not in testpaths" not in ran.text


# -- many


def test_collecting_reads_no_case(pytester: pytest.Pytester) -> None:
    """What stands behind the stamp could not be read: neither the rest of case.yaml, nor bodies, which are folders."""
    repo = repository(pytester)
    for number in range(1000):
        repo.put(f"captures/chat/case-{number:04}/case.yaml", "# kept\n\nformat: 1\n\t: [ never read\n")
        for name in ("client.request", "upstream.request", "upstream.sse", "client.sse"):
            (repo.path / f"captures/chat/case-{number:04}" / name).mkdir()
    ran = repo.pytest("--collect-only", "-q")
    assert ran.ids == [f"captures/chat/case-{number:04}" for number in range(1000)]


def test_workers_share_the_cases_and_updates_do_not_collide(pytester: pytest.Pytester) -> None:
    repo = repository(pytester)
    names = [f"case-{number}" for number in range(6)]
    for name in names:
        repo.case(f"chat/{name}", warmed(recorded(captured())))
    ran = repo.pytest("-n", "2", "--wiremend-update", apart=True)
    assert ran.outcomes == {"updated": 6}, ran.text
    assert all(f"captures/chat/{name}: rewritten" in ran.text for name in names)
    assert repo.pytest().outcomes == {"passed": 6}
    assert sorted(path.name for path in (repo.path / "captures" / "chat").iterdir()) == names


# -- update


def test_update_rewrites_what_differs_and_tells_it(pytester: pytest.Pytester) -> None:
    repo = repository(pytester, "chat/hello")
    folder = repo.case("chat/warmer", warmed(recorded(captured())))
    before = read_case(folder)
    ran = repo.pytest("--wiremend-update")
    assert ran.outcomes == {"passed": 1, "updated": 1}, ran.text
    assert re.search(r"captures/chat/warmer: rewritten\n.*/temperature: 0\.7 -> 0\.6", ran.text), ran.text
    after = read_case(folder)
    assert after.capture.attempts == recorded(captured()).attempts != before.capture.attempts
    assert (after.capture.request, after.title) == (before.capture.request, before.title)
    assert repo.pytest().outcomes == {"passed": 2}


def test_update_does_not_rewrite_what_a_person_expects(pytester: pytest.Pytester) -> None:
    repo = repository(pytester)
    repo.case("chat/hello", expect={"to": "elsewhere"})
    ran = repo.pytest("--wiremend-update")
    assert ran.outcomes == {"failed": 1}, ran.text
    assert "expect.to" in ran.text
    assert "Traceback" not in ran.text


# -- cuts


@pytest.mark.parametrize(("wrong", "said"), (("whole", "one piece"), ("bytes", "byte by byte"), ("random", "random")))
def test_other_cuts_that_give_other_events_are_a_bug_of_ours(
    wrong: str, said: str, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    def otherwise(capture: Capture, today: Today, cuts: Cuts, seed: int) -> Replayed:
        done = replay(capture, today, cuts, seed)
        if cuts != wrong or done.answer is None:
            return done
        body = Body(done.answer.body.data.replace(b"Hello", b"Hullo"))
        return replace(done, answer=replace(done.answer, body=body))

    repo = repository(pytester, "chat/hello")
    monkeypatch.setattr(pytest_items, "replay", otherwise)
    ran = repo.pytest()
    assert ran.outcomes == {"failed": 1}, ran.text
    assert re.search(rf"{said}.*a bug of Wiremend", ran.text), ran.text
    assert "answer, event 2 /choices/0/delta/content" in ran.text
    assert repo.pytest("--wiremend-cuts", "recorded").outcomes == {"passed": 1}
    assert repo.pytest("--wiremend-cuts", wrong).outcomes == {"failed": 1}


def test_no_answer_in_other_cuts_is_a_bug_of_ours(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    def otherwise(capture: Capture, today: Today, cuts: Cuts, seed: int) -> Replayed:
        done = replay(capture, today, cuts, seed)
        return replace(done, answer=None) if cuts == "bytes" else done

    repo = repository(pytester, "chat/hello")
    monkeypatch.setattr(pytest_items, "replay", otherwise)
    ran = repo.pytest()
    assert ran.outcomes == {"failed": 1}, ran.text
    assert re.search(r"byte by byte.*a bug of Wiremend", ran.text), ran.text


@pytest.mark.parametrize(("longest", "tried"), ((10_000, True), (10, False)))
def test_a_long_reply_is_given_byte_by_byte_only_where_that_is_asked_for(
    longest: int, *, tried: bool, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Cuts] = []

    def watched(capture: Capture, today: Today, cuts: Cuts, seed: int) -> Replayed:
        seen.append(cuts)
        return replay(capture, today, cuts, seed)

    repo = repository(pytester, "chat/hello")
    monkeypatch.setattr(pytest_items, "replay", watched)
    monkeypatch.setattr(pytest_items, "BYTEWISE", longest)
    assert repo.pytest().outcomes == {"passed": 1}
    assert ("bytes" in seen) is tried
    assert {"recorded", "whole", "random"} <= set(seen)
    seen.clear()
    assert repo.pytest("--wiremend-cuts", "bytes").outcomes == {"passed": 1}
    assert seen == ["bytes"]


# -- stale


def test_stale_cases_are_warnings_of_their_own(pytester: pytest.Pytester) -> None:
    capture = replace(recorded(captured()), versions={"client": "lab/1.0"})
    repo = repository(pytester)
    repo.case("chat/hello", capture)
    assert repo.pytest().outcomes == {"passed": 1}
    ran = repo.pytest("--wiremend-max-age", "90d")
    assert ran.outcomes == {"passed": 1, "warning": 1}
    assert re.search(r"StaleCaseWarning: stale: recorded \d+ days ago", ran.text)
    assert repo.pytest("--wiremend-max-age", "99999d").outcomes == {"passed": 1}
    name = "wiremend.replay.pytest_plugin.StaleCaseWarning"
    ran = repo.pytest("--wiremend-max-age", "90d", "-W", f"error::{name}")
    assert ran.outcomes == {"failed": 1}
    assert "Traceback" not in ran.text
    assert repo.pytest("--wiremend-max-age", "90d", "-W", "error", "-W", f"ignore::{name}").outcomes == {"passed": 1}
    repo.put("rules.yaml", f"{RULES}replay: {{max_age: 90d}}\n")
    assert repo.pytest().outcomes == {"passed": 1, "warning": 1}
    repo.put("rules.yaml", RULES)
    repo.put("pytest.ini", "[pytest]\nwiremend_clients = lab-client=1.1\n")
    ran = repo.pytest()
    assert ran.outcomes == {"passed": 1, "warning": 1}
    assert "recorded with lab-client 1.0, and 1.1 is in use" in ran.text


@pytest.mark.parametrize(
    ("arguments", "said"),
    (
        (("--wiremend-max-age", "soon"), "'soon' is no duration"),
        (("--wiremend-cuts", "odd"), "invalid choice: 'odd'"),
        (("-o", "wiremend_clients=claude-code"), "wiremend_clients: 'claude-code' should read NAME=VERSION"),
    ),
)
def test_a_setting_that_cannot_be_used_is_a_usage_error(
    arguments: tuple[str, ...], said: str, pytester: pytest.Pytester
) -> None:
    ran = Repo(pytester).pytest(*arguments)
    assert ran.code == pytest.ExitCode.USAGE_ERROR
    assert said in ran.text


def test_the_docs_name_each_option_and_ini_key(pytester: pytest.Pytester) -> None:
    said = Repo(pytester).pytest("--help").text
    names = set(re.findall(r"--wiremend-[a-z-]+|\bwiremend_[a-z]+(?= \()", said))
    assert len(names) >= 7
    page = (Path(__file__).parents[2] / "docs" / "pytest.md").read_text("utf-8")
    assert [name for name in sorted(names) if not re.search(rf"(?<![\w-]){name}(?![\w-])", page)] == []


def test_the_line_that_installs_it_is_a_requirement() -> None:
    page = (Path(__file__).parents[2] / "docs" / "pytest.md").read_text("utf-8")
    found = re.search(r'^pip install "([^"]+)"', page, re.MULTILINE)
    assert found is not None
    needed = Requirement(found[1])
    assert (needed.name, (needed.url or "").partition("//")[0]) == ("wiremend", "git+https:")
