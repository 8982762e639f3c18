"""The cases in captures/ that show a reply, judged by the parsers of the JavaScript world."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.clients.judge import ORACLES
from tests.reply_cases import REPLIES, load

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.judge import Judge

pytestmark = [pytest.mark.clients, pytest.mark.timeout(900)]  # the first test installs them

JAVASCRIPT = {oracle for oracles in ORACLES.values() for oracle in oracles}
PAIRS = [(folder, oracle) for folder in REPLIES for oracle in load(folder).oracles if oracle in JAVASCRIPT]


@pytest.mark.parametrize(("folder", "oracle"), PAIRS, ids=lambda value: value if isinstance(value, str) else value.name)
def test_the_parser_fails_without_mending_and_understands_with_it(judge: Judge, folder: Path, oracle: str) -> None:
    case = load(folder)
    before = judge.verdict(oracle, case.served(case.given(mend=False)))
    assert not case.understood(before), f"{oracle} needs no mending here: {before}"
    after = judge.verdict(oracle, case.served(case.given()))
    assert case.understood(after), after


@pytest.mark.parametrize("folder", REPLIES, ids=lambda folder: folder.name)
def test_no_parser_of_the_wire_misunderstands_the_answer(judge: Judge, folder: Path) -> None:
    case = load(folder)
    for oracle in ORACLES[case.context.wire.name]:
        said = judge.verdict(oracle, case.served(case.given()))
        assert case.understood(said) or oracle in case.about.get("but", ()), (oracle, said)
