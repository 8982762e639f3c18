"""docs/conformance.md says what is measured of the parsers of the JavaScript world."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import conformance
from tests.clients.judge import ORACLES
from tests.conformance import PAGE, cases, name_of

if TYPE_CHECKING:
    from tests.clients.judge import Judge
    from tests.reply_cases import Case

pytestmark = [pytest.mark.clients, pytest.mark.timeout(900)]  # the first test installs them

SHOWN = conformance.read(PAGE.read_text("utf-8"))


@pytest.mark.parametrize("case", cases(), ids=name_of)
def test_the_columns_are_what_is_measured(judge: Judge, case: Case) -> None:
    oracles = ORACLES[case.context.wire.name]
    measured = conformance.measure(case, oracles, judge.verdict)
    shown = SHOWN.replies[name_of(case)]
    assert {oracle: str(shown[oracle]) for oracle in oracles} == {
        oracle: str(cell) for oracle, cell in measured.items()
    }, "make conformance"
