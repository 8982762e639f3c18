"""``wiremend why``: which exchange it takes, and that one screen tells the essential."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.captures_kit import cut, exchange, run, write
from tests.cli.test_diagnose import RULES, of_a_case

if TYPE_CHECKING:
    from click.testing import Result

FOLDER = Path("state") / "wiremend" / "captures"
OLD, NEW = "2026-11-20T10-00-00Z-1.flows", "2026-11-21T10-00-00Z-1.flows"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the current folder, with rules and an empty capture folder of the user's."""
    (tmp_path / "rules.yaml").write_text(RULES, "utf-8")
    (tmp_path / FOLDER).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    for name, value in (
        ("HOME", tmp_path), ("XDG_STATE_HOME", tmp_path / "state"), ("XDG_CONFIG_HOME", tmp_path / "config"),
        ("COLUMNS", 100), ("NO_COLOR", 1),
    ):  # fmt: skip
        monkeypatch.setenv(name, str(value))
    monkeypatch.delenv("WIREMEND_RULES", raising=False)
    return tmp_path


def id_in(done: Result) -> str:
    told = json.loads(done.output)
    return str(told["id"])


@pytest.mark.usefixtures("here")
def test_the_last_that_failed_or_was_mended_is_taken() -> None:
    well = exchange(4, notes=())
    write(FOLDER / NEW, [exchange(1), cut(exchange(2)), exchange(3, notes=()), well])
    assert id_in(run("why", "--json")) == exchange(2).id


def test_an_older_file_is_looked_at_where_the_newest_has_none(here: Path) -> None:
    import os  # noqa: PLC0415 - beside its one use

    write(here / FOLDER / OLD, [exchange(1)])
    write(here / FOLDER / NEW, [exchange(2, notes=())])
    os.utime(here / FOLDER / OLD, (1, 1))
    assert id_in(run("why", "--json")) == exchange(1).id


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("form", ("{id}", "{short}", "API Error: 502 it broke off [flow {short}]", "{file}:2"))
def test_an_id_a_place_or_a_whole_error_text_names_it(form: str) -> None:
    write(FOLDER / NEW, [exchange(1), cut(exchange(2)), exchange(3)])
    wanted = exchange(2).id
    text = form.format(id=wanted, short=wanted[:8], file=FOLDER / NEW)
    assert id_in(run("why", text, "--json")) == wanted
    assert id_in(run("why", *text.split(), "--json")) == wanted, "not quoted"


@pytest.mark.usefixtures("here")
def test_one_screen_tells_the_essential_first() -> None:
    write(FOLDER / NEW, [of_a_case("chat/tool-index-missing")])
    done = run("why")
    lines = done.output.splitlines()
    assert done.exit_code == 1
    assert len(lines) <= 48
    assert lines[2].startswith("PROBLEM  The tool call has no index")
    assert "quirk 73 tool-index-missing: mending is off here" in done.output
    assert "+    mend: auto" in done.output
    assert "came      POST /v1/chat/completions" in done.output
    assert lines[-1].startswith("mend it: wiremend diagnose --apply ")


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("width", (40, 80, 200))
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    write(FOLDER / NEW, [of_a_case("chat/tool-index-missing")])
    done = run("why", COLUMNS=str(width))
    told = max(map(len, done.output.splitlines()))
    assert 20 < told <= width


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("captures", "words"), (((), "is empty"), ((exchange(1, notes=()),), "nothing in")))
def test_where_there_is_nothing_to_tell_of_it_says_so(captures: tuple[object, ...], words: str) -> None:
    if captures:
        write(FOLDER / NEW, captures)  # type: ignore[arg-type]  # captures, each
    done = run("why")
    assert done.exit_code == 1
    assert words in str(done.exception)
