"""explain/verdicts.json says what is measured of the parsers of the JavaScript world."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.clients.judge import ORACLES
from tests.conformance import name_of
from tests.verdict_table import FILE, measure, shown

if TYPE_CHECKING:
    from tests.clients.judge import Judge
    from tests.reply_cases import Case

pytestmark = [pytest.mark.clients, pytest.mark.timeout(900)]  # the first test installs them

TOLD = {case["case"]: case["said"] for case in json.loads(FILE.read_text("utf-8"))["cases"]}


@pytest.mark.parametrize("case", shown(), ids=name_of)
def test_what_the_parsers_say_is_what_is_measured(judge: Judge, case: Case) -> None:
    oracles = list(ORACLES[case.context.wire.name])
    said = TOLD[name_of(case)]
    assert {name: words for name, words in said.items() if name in oracles} == measure(case, oracles, judge.verdict)
