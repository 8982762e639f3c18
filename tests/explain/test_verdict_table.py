"""explain/verdicts.json says what is measured: each case that a contract minds, and what each Python parser says."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from tests import verdict_table
from tests.conformance import PAGE, PYTHON, name_of
from tests.conformance import read as read_page
from tests.test_captures import stored
from tests.verdict_table import FILE, PLAYED, codes_of, general, measured_here, shown
from wiremend.cli.captures_find import identified
from wiremend.explain.verdict import verdicts

if TYPE_CHECKING:
    from tests.reply_cases import Case

TEXT = FILE.read_text("utf-8")
TOLD = json.loads(TEXT)
CASES = {case["case"]: case for case in TOLD["cases"]}
SHOWN = shown()


def test_every_case_is_in_it_and_no_other() -> None:
    assert sorted(CASES) == sorted(map(name_of, SHOWN))


@pytest.mark.parametrize("case", SHOWN, ids=name_of)
def test_what_the_python_parsers_say_is_what_is_measured(case: Case) -> None:
    told = CASES[name_of(case)]
    here = {*PYTHON.values(), *PLAYED}
    assert told["faults"] == codes_of(case), "make verdicts"
    measured = measured_here(case)
    assert {name: said for name, said in told["said"].items() if name in here} == measured, "make verdicts"


def test_it_agrees_with_the_conformance_page() -> None:
    """The page is measured by other code: who is fine there without mending accepts here, and no one else."""
    page = read_page(PAGE.read_text("utf-8")).replies
    words = {"ok": "accepts", "fails": "rejects", "hangs": "hangs", "misreads": "misreads"}
    for name, case in CASES.items():
        for client, said in case["said"].items():
            assert words[page[name][client].before] == said[0], (name, client)


def test_the_file_is_what_is_written_for_what_it_says() -> None:
    said = {name: case["said"] for name, case in CASES.items()}
    codes = {name: case["faults"] for name, case in CASES.items()}
    assert verdict_table.write(said, codes) == TEXT, "make verdicts"


def test_the_file_is_small_and_names_nobody() -> None:
    assert len(TEXT) < 64 * 1024
    assert not re.search(r"/(?:home|root|tmp|work)/", TEXT)


@pytest.mark.parametrize("case", SHOWN, ids=name_of)
def test_a_case_gets_the_verdicts_that_were_measured_of_it(case: Case) -> None:
    """What is drawn from all cases together must not contradict any one of them, but where a worse one is like it."""
    capture = identified(stored(case.folder).capture)
    found = {one.client: one for one in verdicts(capture) if one.side == "upstream"}
    alike = [other for other in CASES.values() if other["faults"] == CASES[name_of(case)]["faults"]]
    for client, (outcome, *_) in CASES[name_of(case)]["said"].items():
        if client in PLAYED and outcome == "accepts":
            continue
        possible = {outcome} | {other["said"][client][0] for other in alike if client in other["said"]}
        bad = {"rejects", "hangs", "misreads"}
        assert found[client].outcome in (possible | bad if possible & bad else possible), (client, found[client])


@pytest.mark.parametrize(
    ("said", "told"),
    (
        ("Error: missing role for choice 0", "missing role for choice …"),
        ("_GaveUpError: Content block not found", "Content block not found"),
        ("Expected 'id' to be a string.", "Expected 'id' to be a string."),
        ('AI_JSONParseError: JSON parsing failed: Text: {"a": 1}.', "AI_JSONParseError: JSON parsing failed: Text: …"),
        ("text part msg_1 not found", "text part … not found"),
        ("AssertionError: ", "AssertionError"),
        ("at position 17", "at position …"),
        ("x" * 400, "x" * 149 + "…"),
    ),
)  # fmt: skip
def test_an_error_text_is_told_without_what_is_this_reply_s_own(said: str, told: str) -> None:
    assert general(said) == told
