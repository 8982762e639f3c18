"""The fault matrix holds: each cell comes to what is written in ``expected.py``, and docs/faults.md says so.

All cells run once, side by side, against one real mitmdump; each is a test of its own then, whose failure shows the
transcript.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.faults import page
from tests.faults.expected import EXPECTED
from tests.faults.matrix import Cell, Result, cells, measure, wrong
from tests.faults.scripts import FAULTS

if TYPE_CHECKING:
    from collections.abc import Mapping

CELLS = cells()


@pytest.fixture(scope="module")
def results() -> Mapping[Cell, Result]:
    return {result.cell: result for result in asyncio.run(measure(CELLS))}


@pytest.mark.timeout(300)  # the first one runs all of them
@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_a_fault_comes_to_what_it_must(results: Mapping[Cell, Result], cell: Cell) -> None:
    faults = wrong(results[cell])
    assert not faults, "\n".join([str(results[cell]), *faults])


def test_every_fault_is_expected_to_come_to_something() -> None:
    assert list(FAULTS) == list(EXPECTED)


def test_the_page_is_what_is_written_for_it() -> None:
    assert page.write() == page.PAGE.read_text("utf-8"), "python -m tests.faults.matrix"
