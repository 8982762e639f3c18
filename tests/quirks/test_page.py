"""docs/quirks.md: it is what the files say, and what the files say is shown as it is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.quirks.kit import made_up, nothing
from wiremend.cli.quirks_page import how_switched, page, where_on
from wiremend.quirks import all_quirks
from wiremend.quirks.presets import HOSTS

if TYPE_CHECKING:
    from wiremend.quirks.base import Quirk

PAGE = (Path(__file__).parents[2] / "docs" / "quirks.md").read_text("utf-8")


def test_the_page_is_what_the_files_say() -> None:
    assert page(all_quirks()) == PAGE, "run: wiremend quirks --markdown > docs/quirks.md"


def test_each_quirk_has_a_row_and_a_section() -> None:
    rows = re.findall(r"^\| (\d+) \| \[([a-z0-9-]+)\]\(#\2\) \|", PAGE, re.MULTILINE)
    sections = re.findall(r"^### (.+)$", PAGE, re.MULTILINE)
    assert [name for _, name in rows] == sections == list(all_quirks())
    assert [int(number) for number, _ in rows] == [quirk.number for quirk in all_quirks().values()]


def test_each_preset_has_a_row_with_its_hosts() -> None:
    for preset, hosts in HOSTS.items():
        (row,) = re.findall(rf"^\| {preset} \| (.+) \|$", PAGE, re.MULTILINE)
        assert all(f"`{host}`" in row for host in hosts)


def test_every_line_of_a_table_has_its_columns() -> None:
    """What stands in a cell may hold what Markdown reads: pipes above all."""
    width = 0
    for line in PAGE.splitlines():
        columns = len(re.split(r"(?<!\\)\|", line)) if line.startswith("|") else 0
        if columns and width:
            assert columns == width, line
        width = columns


def test_what_markdown_reads_is_shown_as_it_stands() -> None:
    odd = made_up(
        "odd", symptom="a|b <x> *c* _d_ `e|f*` [g](h)", before='{"a":"|`"}', after="`", evidence=("measured: a_b|c",)
    )
    text = page({"odd": odd})
    assert r"| 1 | [odd](#odd) | chat | preset |  | a\|b \<x\> \*c\* \_d\_ `e\|f*` \[g\](h) |" in text
    assert '| Before | `` {"a":"\\|`"} `` |' in text
    assert "| After | `` ` `` |" in text
    assert r"| Evidence | measured: a\_b\|c |" in text


@pytest.mark.parametrize(
    ("quirk", "where", "switch"),
    (
        (made_up(kind="always"), "for every provider", ""),
        (
            made_up(kind="always", request=nothing),
            "for every provider",
            "under the provider in rules.yaml: quirks: [-made-up] takes it out",
        ),
        (
            made_up(presets=("groq", "xai"), models=("a*",), clients=("codex",), request=nothing),
            "by itself for groq, xai, models a*, clients codex",
            "under the provider in rules.yaml: quirks: [+made-up] puts it in, [-made-up] takes it out",
        ),
        (
            made_up(request=nothing),
            "only where rules.yaml names it",
            "under the provider in rules.yaml: quirks: [+made-up] puts it in, [-made-up] takes it out",
        ),
        (
            made_up(kind="condition", clients=("codex",), request=nothing),
            "by itself, clients codex",
            "under the provider in rules.yaml: quirks: [+made-up] puts it in, [-made-up] takes it out",
        ),
        (
            made_up(kind="condition", request=nothing),
            "only where rules.yaml names it",
            "under the provider in rules.yaml: quirks: [+made-up] puts it in, [-made-up] takes it out",
        ),
        (made_up(kind="explained"), "never: it is only told", ""),
    ),
)
def test_where_a_quirk_is_on_and_how_it_is_switched(quirk: Quirk, where: str, switch: str) -> None:
    assert where_on(quirk) == where
    assert how_switched(quirk) == switch
