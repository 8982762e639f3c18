"""docs/translation.md: its tables and numbers are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

from wiremend.families import ENVELOPE
from wiremend.pipeline.estimate import BYTES, MEDIA
from wiremend.protocols.efforts import BUDGETS
from wiremend.protocols.messages.request_write import MAX_TOKENS

PAGE = (Path(__file__).parents[1] / "docs" / "translation.md").read_text("utf-8")


def test_the_table_of_efforts_is_that_of_the_code() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \|$", PAGE, re.MULTILINE)
    assert [(effort, int(budget)) for effort, budget in rows] == list(BUDGETS.items())


def test_the_numbers_are_those_of_the_code() -> None:
    flat = " ".join(PAGE.split())
    assert f"either, {MAX_TOKENS}, noted as invented" in flat
    assert BYTES == 4, "the page says `four of text a token`"
    assert f"four of text a token and {MEDIA} an image" in flat
    assert f"begins with `{ENVELOPE}`" in flat
