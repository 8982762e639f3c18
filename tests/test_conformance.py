"""docs/conformance.md says what is measured: every case is in it, and what the Python parsers make of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import conformance
from tests.conformance import COLUMNS, FINE, PAGE, PYTHON, Cell, agents_of, cases, name_of
from tests.oracles import ORACLES

if TYPE_CHECKING:
    from tests.reply_cases import Case

TEXT = PAGE.read_text("utf-8")
SHOWN = conformance.read(TEXT)
CASES = cases()


def test_every_case_is_in_the_page_and_no_other() -> None:
    assert sorted(SHOWN.replies) == sorted(map(name_of, CASES))
    assert sorted(SHOWN.requests) == sorted(conformance.refused())


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_the_python_columns_are_what_is_measured(case: Case) -> None:
    shown = SHOWN.replies.get(name_of(case), {})
    measured = conformance.measured_here(case)
    assert {oracle: str(cell) for oracle, cell in shown.items() if oracle in ORACLES} == {
        oracle: str(cell) for oracle, cell in measured.items()
    }, "make conformance"


def test_the_requests_are_what_is_measured() -> None:
    assert SHOWN.requests == conformance.refused(), "make conformance"
    assert {after for _, after in SHOWN.requests.values()} == {"accepted"}
    assert all(before[:1] in "45" for before, _ in SHOWN.requests.values())


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_what_is_not_mended_is_what_the_case_admits(case: Case) -> None:
    name = name_of(case)
    bad = {oracle for oracle, cell in SHOWN.replies.get(name, {}).items() if cell.after != FINE}
    assert bad == {oracle for shown, oracle in SHOWN.noted if shown == name}
    assert bad <= set(case.about.get("but", ()))


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_the_page_shows_that_the_parsers_which_the_case_names_need_the_mend(case: Case) -> None:
    shown = SHOWN.replies.get(name_of(case), {})
    assert {oracle for oracle in case.oracles if oracle in shown and shown[oracle].before == FINE} == set()
    assert set(case.oracles) <= set(shown)
    assert set(agents_of(case)) == shown.keys() - set(COLUMNS[case.context.wire.name])


def test_the_page_is_what_is_written_for_what_it_shows() -> None:
    assert conformance.write(SHOWN.replies, SHOWN.requests) == TEXT, "make conformance"


def test_each_wire_has_its_python_parser_first() -> None:
    assert {wire: columns[0] for wire, columns in COLUMNS.items()} == PYTHON


@pytest.mark.parametrize("text", ("fine", "ok → fine", "fails -> ok", "", "fails → ok (1)", "ok → ok → ok"))
def test_a_cell_that_nobody_wrote_is_not_read(text: str) -> None:
    table = f"## Messages\n| [a](../captures/messages/a) | [1](x) | {text} | ok | ok |  |\n"
    with pytest.raises(ValueError, match="no cell"):
        conformance.read(table)


def test_a_cell_is_read_as_it_is_written() -> None:
    cells = "ok | fails → ok | hangs → misreads [3] | codex: fails"
    page = conformance.read(f"## Messages\n| [a](../captures/messages/a) | [1](x) | {cells} |\n")
    assert page.replies == {
        "messages/a": {
            "anthropic-py": Cell("ok", "ok"),
            "ai-sdk/anthropic": Cell("fails", "ok"),
            "anthropic-node": Cell("hangs", "misreads"),
            "codex": Cell("fails", "fails"),
        }
    }
    assert page.noted == {("messages/a", "anthropic-node")}
