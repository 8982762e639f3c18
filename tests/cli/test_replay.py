"""``wiremend replay`` from its command line: what fails and only that, with which rules, and the exit codes."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from mitmproxy.io import FlowWriter
from mitmproxy.test import tflow

from tests.cli.replaying import TIME, failing, run, settle, unwrapped
from tests.replay.cases_kit import RULES, asking, put
from tests.replay.kit import captured, recorded
from wiremend.cli.replay_run import missing, reworded
from wiremend.mitm.flows import flow_of
from wiremend.notes import Note
from wiremend.replay.rules import Today
from wiremend.replay.run import replay

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from wiremend.captures.capture import Capture


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a repository of five cases, which is the current folder."""
    return settle(tmp_path, monkeypatch)


def write_flows(path: Path, captures: Sequence[Capture]) -> None:
    with path.open("wb") as file:
        writer = FlowWriter(file)
        for capture in captures:
            writer.add(flow_of(capture))
        writer.add(tflow.tflow(resp=True))


def test_without_differences_there_is_a_line(here: Path) -> None:
    (line,) = run().splitlines()
    assert TIME.sub("T", line) == "5 cases, 0 differ; T"
    assert [TIME.sub("T", run(path)) for path in ("captures", str(here))] == ["5 cases, 0 differ; T\n"] * 2


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("cuts", ("recorded", "whole", "bytes", "random"))
def test_cuts_make_no_difference(cuts: str) -> None:
    assert "5 cases, 0 differ;" in run("--cuts", cuts, "--seed", "7")


@pytest.mark.parametrize(
    ("old", "new", "differ", "said"),
    (
        ("/temperature: 0.6", "/temperature: 0.7", ["one"], "edit 'warm' (rules.yaml:12)"),
        ("/max_tokens: 4096", "/max_tokens: 9", ["two"], "edit 'limit' (rules.yaml:13)"),
        ("/max_tokens: 1}", "/max_tokens: 2}", [], ""),
        ('"lab-*"}, to: lab', '"lab-*"}, to: other', ["mini", "one", "three", "two"], "route 'to the lab'"),
        ("default: other", "default: lab", ["far"], "the default (rules.yaml:10)"),
        ("small: lab/lab-mini", "small: lab/lab-1", ["mini"], "alias 'small' stands for"),
        ("[+store-rejected]", "[-service-tier-literal]", [], ""),
    ),
)
def test_breaking_one_rule_makes_exactly_the_right_cases_fail_and_names_it(
    here: Path, old: str, new: str, differ: list[str], said: str
) -> None:
    assert RULES.count(old) == 1
    (here / "rules.yaml").write_text(RULES.replace(old, new), "utf-8")
    output = run(code=1 if differ else 0)
    assert failing(output) == differ
    assert unwrapped(output).count(said) >= len(differ)
    assert f"5 cases, {len(differ)} differ" in output


def test_a_quirk_that_is_switched_off_makes_its_case_fail_and_is_named(here: Path) -> None:
    put(here, "storing", asking("gpt-x", store=True))
    assert failing(run()) == []
    (here / "rules.yaml").write_text(RULES.replace("[+store-rejected]", "[-store-rejected]"), "utf-8")
    output = run(code=1)
    assert failing(output) == ["storing"]
    assert "upstream request, /store: no longer quirk store-rejected" in output


def test_the_rules_of_a_case_count_for_it_whatever_else_is_named(here: Path) -> None:
    (here / "captures" / "chat" / "one" / "rules.yaml").write_text(RULES, "utf-8")
    (here / "warmer.yaml").write_text(RULES.replace("0.6", "0.7").replace("4096", "9"), "utf-8")
    assert failing(run("--rules", "warmer.yaml", code=1)) == ["two"]


def test_without_rules_here_those_of_check_are_used(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "rules.yaml").rename(here / "elsewhere.yaml")
    monkeypatch.setenv("WIREMEND_RULES", str(here / "elsewhere.yaml"))
    assert "5 cases, 0 differ" in run()


def test_no_variable_of_this_machine_is_looked_at(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "providers:\n  lab: {base_url: '${LAB_URL:-http://127.0.0.1:1}', key: $LAB_KEY}\nroutes: [{to: lab}]\n"
    (here / "rules.yaml").write_text(text, "utf-8")
    put(here, "env", recorded(captured({"model": "m", "messages": []}), text))
    before = run("captures/chat/env")
    monkeypatch.setenv("LAB_URL", "http://elsewhere.example")
    monkeypatch.setenv("LAB_KEY", "sk-FAKEFAKEFAKEFAKE")
    assert "0 differ" in before
    assert "0 differ" in run("captures/chat/env")


def test_a_case_that_cannot_be_read_fails_and_the_others_go_on(here: Path) -> None:
    (here / "captures" / "chat" / "two" / "client.request").write_text("nonsense\n", "utf-8")
    (here / "captures" / "chat" / "mini" / "rules.yaml").write_text("routes: [{to: nowhere}]\n", "utf-8")
    output = run(code=1)
    assert re.search(r"^captures/chat/two: error: captures/chat/two/client\.request:1:", output, re.MULTILINE)
    assert re.search(r"^captures/chat/mini: error: rules\.yaml:1:", output, re.MULTILINE)
    assert "5 cases, 0 differ, 2 cannot be replayed" in output


@pytest.mark.usefixtures("here")
def test_a_bug_of_ours_at_one_case_is_not_the_end_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(capture: Capture, *_: object, **__: object) -> list[object]:
        if capture.model == "lab-2":
            raise TypeError("a bug")
        return []

    monkeypatch.setattr("wiremend.cli.replay_run.compare", broken)
    output = run(code=1)
    assert "captures/chat/two: error: this is a bug of Wiremend's: TypeError: a bug" in output
    assert "5 cases, 0 differ, 1 cannot be replayed" in output


@pytest.mark.parametrize(
    ("arguments", "said"),
    (
        (("nowhere",), "nowhere does not exist"),
        (("--rules", "nowhere.yaml"), "nowhere.yaml does not exist"),
        (("--against", "nowhere.yaml"), "nowhere.yaml does not exist"),
        (("--update", "--against", "rules.yaml"), "--update is for one"),
        (("--coverage", "--against", "rules.yaml"), "--coverage is for one"),
        (("--json", "--markdown"), "choose one"),
        (("--max-age", "soon"), "no duration"),
        (("--client-version", "claude-code"), "NAME=VERSION"),
        (("--cuts", "odd"), "odd"),
        (("--update", "some.mitm"), "flow files are never rewritten"),
    ),
)
def test_what_makes_no_sense_is_said_and_is_2(here: Path, arguments: tuple[str, ...], said: str) -> None:
    (here / "some.mitm").touch()
    assert said in run(*arguments, code=2).replace("\n", " ")


def test_rules_that_cannot_be_used_are_told_with_their_lines(here: Path) -> None:
    (here / "rules.yaml").write_text("routes:\n  - {to: nowhere}\n", "utf-8")
    output = run(code=2)
    assert "rules.yaml:2:" in output
    assert "nothing was replayed" in output


# -- flow files


def test_flow_files_are_replayed_as_cases_are(here: Path) -> None:
    write_flows(here / "day.mitm", [asking("lab-1"), asking("lab-2")])
    assert "2 cases, 0 differ, 1 flow without a capture passed over" in run("day.mitm")
    (here / "rules.yaml").write_text(RULES.replace("0.6", "0.7"), "utf-8")
    assert re.findall(r"^(\S+): 1 difference", run("day.mitm", code=1), re.MULTILINE) == ["day.mitm:1"]
    assert "1 case, 0 differ" in run("day.mitm:2")
    assert "holds no capture" in run("day.mitm:3", code=1)
    assert "there is no flow 8; the file has 3" in run("day.mitm:8", code=1)


def test_a_flow_file_is_not_rewritten_where_cases_are(here: Path) -> None:
    write_flows(here / "day.mitm", [asking("lab-1")])
    before = (here / "day.mitm").read_bytes()
    (here / "rules.yaml").write_text(RULES.replace("0.6", "0.7"), "utf-8")
    output = run("captures", "day.mitm", "--update", code=1)
    assert "captures/chat/one: rewritten" in output
    assert "day.mitm:1: 1 difference" in output
    assert (here / "day.mitm").read_bytes() == before


# -- update, warnings, strict


def test_update_rewrites_what_differs_and_says_what(here: Path) -> None:
    (here / "rules.yaml").write_text(RULES.replace("0.6", "0.7"), "utf-8")
    folders = {path: path.stat().st_ino for path in (here / "captures" / "chat").iterdir()}
    output = run("--update")
    assert "captures/chat/one: rewritten\n  upstream request, /temperature: 0.6 -> 0.7\n" in output
    assert "5 cases, 0 differ, 1 rewritten" in output
    assert [path.name for path, number in folders.items() if path.stat().st_ino != number] == ["one"]
    assert "5 cases, 0 differ;" in run("--update")


def test_what_update_may_not_rewrite_is_an_error(here: Path) -> None:
    (here / "rules.yaml").write_text(RULES.replace("default: other\n", ""), "utf-8")
    output = run("--update", code=1)
    assert "captures/chat/far: error:" in output
    assert "record it again" in unwrapped(output)


@pytest.mark.parametrize(
    ("arguments", "said"),
    (
        (("--max-age", "90d"), "stale: recorded"),
        (("--client-version", "lab-client=2.0"), "stale: recorded with lab-client 1.0, and 2.0 is in use"),
    ),
)
def test_a_stale_case_is_a_warning_and_with_strict_an_error(here: Path, arguments: tuple[str, ...], said: str) -> None:
    put(here, "old", replace(asking("lab-1"), versions={"client": "lab-client/1.0"}))
    output = unwrapped(run("captures/chat/old", *arguments))
    assert f"captures/chat/old: warning: {said}" in output
    assert "1 case, 0 differ, 1 warning;" in output
    run("captures/chat/old", *arguments, "--strict", code=1)
    run("captures/chat/old", "--strict", "--client-version", "lab-client=1.0")


def test_the_age_may_stand_in_the_rules_and_the_option_goes_first(here: Path) -> None:
    (here / "rules.yaml").write_text(f"{RULES}replay: {{max_age: 30d}}\n", "utf-8")
    assert unwrapped(run("captures/chat/one")).count("30 days is the most") == 1
    assert "warning" not in run("captures/chat/one", "--max-age", "100000d")


def test_what_is_ignored_does_not_count(here: Path) -> None:
    warmer = RULES.replace("0.6", "0.7")
    (here / "rules.yaml").write_text(f"{warmer}replay: {{ignore: [/temperature]}}\n", "utf-8")
    assert failing(run()) == []


def test_parts_that_are_missing_are_a_warning(here: Path) -> None:
    capture = asking("lab-1")
    assert missing(capture) == []
    (attempt,) = capture.attempts
    told = {
        "only the client's request": replace(capture, attempts=(), answer=None),
        "what the client got": replace(capture, answer=None),
        "the provider's reply": replace(capture, attempts=(replace(attempt, response=None),)),
    }
    for said, one in told.items():
        (line,) = missing(one)
        assert said in line
    assert missing(replace(capture, attempts=(replace(attempt, response=None),), answer=None)) == []
    assert missing(replace(capture, attempts=())) == []
    assert missing(replace(capture, answer=None, error="the client left")) == []
    put(here, "part", told["what the client got"])
    run("captures/chat/part")
    run("captures/chat/part", "--strict", code=1)


def test_notes_in_other_words_are_warnings_with_strict_alone(here: Path) -> None:
    capture = asking("lab-1")
    notes = tuple(replace(note, what=f"{note.what}!") if note.short else note for note in capture.notes)
    other = replace(capture, notes=notes)
    put(here, "words", other)
    assert "warning" not in run("captures/chat/words")
    told = unwrapped(run("captures/chat/words", "--strict", code=1))
    assert "reworded: the note /temperature said 'absent -> 0.6!' and says 'absent -> 0.6'" in told
    done = replay(capture, Today(RULES, "rules.yaml"))
    assert reworded(replace(other, rules=""), done) == []
    assert reworded(replace(capture, notes=(*capture.notes, Note("seen", "", "more", "x"))), done) == []


# -- coverage and two rules files


@pytest.mark.usefixtures("here")
def test_coverage_tells_and_only_strict_makes_it_count() -> None:
    output = unwrapped(run("--coverage"))
    assert "rules.yaml:9: route never taken: no case" in output
    assert "rules.yaml:14: edit idle: matched, changed nothing in any case" in output
    assert "rules.yaml:2: quirk tools-empty-array: on, changed nothing in any case" in output
    assert "captures/chat/far: by the default" in output
    run("--coverage", "--strict", code=1)
    found = json.loads(run("--coverage", "--json"))["coverage"]
    assert {"kind": "alias", "name": "unused", "place": "rules.yaml:6", "what": "no case"} in found["dead"]


def test_cases_with_rules_of_their_own_say_nothing_of_the_others(here: Path) -> None:
    (here / "captures" / "chat" / "one" / "rules.yaml").write_text(RULES, "utf-8")
    output = run("--coverage")
    assert "edit warm: no case" in output
    assert "1 case with own rules not counted" in output


def test_two_rules_files_are_compared_with_each_other_and_not_with_what_was_recorded(here: Path) -> None:
    (here / "old.yaml").write_text(RULES.replace("0.6", "0.8"), "utf-8")
    (here / "new.yaml").write_text(RULES.replace("0.6", "0.9").replace("4096", "9"), "utf-8")
    output = run("--rules", "old.yaml", "--against", "new.yaml", code=1)
    assert "upstream request, /temperature: 1 case, such as captures/chat/one\n" in output
    assert "    old  0.8\n           ^\n    new  0.9\n           ^\n" in output
    assert "old.yaml -> new.yaml: 5 cases, 2 would change;" in output
    assert "5 cases, 0 would change" in run("--rules", "old.yaml", "--against", "old.yaml")
    plain = json.loads(run("--rules", "old.yaml", "--against", "new.yaml", "--json", code=1))
    assert [(group["where"], group["cases"]) for group in plain["groups"]] == [("/max_tokens", 1), ("/temperature", 1)]
    comment = run("--rules", "old.yaml", "--against", "new.yaml", "--markdown", code=1)
    assert comment.startswith("## Wiremend replay: 2 of 5 cases would change\n")
    assert "```diff\n- 0.8\n+ 0.9\n```" in comment


def test_what_cannot_be_compared_is_told(here: Path) -> None:
    (here / "captures" / "chat" / "two" / "case.yaml").write_text("format: 77\n", "utf-8")
    (here / "captures" / "chat" / "one" / "rules.yaml").write_text(RULES, "utf-8")
    output = run("--against", "rules.yaml", code=1)
    assert "captures/chat/two: error:" in output
    assert "<code>captures/chat/two</code>: cannot be replayed" in run("--against", "rules.yaml", "--markdown", code=1)
    assert "3 cases, 0 would change, 1 cannot be replayed, 1 with own rules left out" in unwrapped(output)
