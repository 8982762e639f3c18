"""docs/limits.md: its numbers are those of the code, and its keys those of the rules."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Final

import pytest

from wiremend.codings import AT_ONCE
from wiremend.mitm import pressure
from wiremend.mitm.stream import STORED
from wiremend.pipeline.bounds import TOGETHER
from wiremend.rules.model import Limits

DOCS: Final = Path(__file__).parents[1] / "docs"
PAGE: Final = (DOCS / "limits.md").read_text("utf-8")
ROWS: Final = re.findall(r"^\| [^|]+ \| `(\w+)` \| ([^|]+) \| [^|]+ \|$", PAGE, re.MULTILINE)
UNITS: Final = {"MB": 1000**2, "m": 60.0}


def value(text: str) -> float | None:
    """Read a default as the table has it."""
    if text == "any number":
        return None
    found = re.fullmatch(r"(\d+)(\w*)", text)
    assert found is not None, text
    return int(found[1]) * UNITS.get(found[2], 1)


@pytest.mark.parametrize(("key", "text"), ROWS)
def test_a_default_is_that_of_the_rules(key: str, text: str) -> None:
    assert getattr(Limits(), key) == value(text)


def test_the_table_has_every_bound_that_is_no_time_of_a_provider() -> None:
    times = {"connect", "first_byte", "between_events", "duration", "keepalive", "head", "cooldown"}
    assert {key for key, _ in ROWS} == {one.name for one in fields(Limits)} - times


@pytest.mark.parametrize(
    ("words", "bound"),
    (
        ("46 MB at most", TOGETHER),
        ("(8 MiB)", STORED),
        ("more than 256 KiB wait", pressure.HIGH),
        ("no more than 64 KiB wait", pressure.LOW),
        ("can send 4 MiB ahead", pressure.WINDOW),
    ),
)
def test_a_number_of_the_text_is_that_of_the_code(words: str, bound: int) -> None:
    assert words in " ".join(PAGE.split())
    number, unit = re.findall(r"(\d+) (MB|KiB|MiB)", words)[0]
    assert int(number) * {"MB": 1000**2, "KiB": 1024, "MiB": 1024**2}[unit] == bound


def test_one_chunk_gives_no_more_than_the_memory_where_no_rules_say_so() -> None:
    assert Limits().memory == AT_ONCE
