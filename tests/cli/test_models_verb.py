"""``wiremend models``: all that is known of models, in any terminal, and what a rules file makes of it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from wiremend.cli.completion import names_for
from wiremend.cli.main import cli
from wiremend.cli.models import Line, built_in, plain, sieved
from wiremend.cli.models_table import show
from wiremend.rules.catalogue import catalogue
from wiremend.rules.model import Known, Price

RULES = """
providers:
  lab:
    base_url: http://127.0.0.1:9
    auth: none
    models: {own-1: {context_window: 5000, price: {input: 1, output: 2}}, own-2: {}}
  moonshot: {key: client, models: {kimi-k2.6: {context_window: 7}}}
aliases: {fast: deepseek/deepseek-v4-flash, odd: zai/glm-odd}
routes:
  - {when: {model: [kimi-k2.6, own-1, moonshot/kimi-k3]}, to: moonshot}
  - {when: {key: sk-kimi-*, model: k*}, to: kimi-code}
"""


@pytest.fixture
def rules(tmp_path: Path) -> str:
    path = tmp_path / "own.yaml"
    path.write_text(RULES)
    return str(path)


def run(*arguments: str, width: int = 80) -> Result:
    return CliRunner().invoke(cli, ["models", *arguments], env={"COLUMNS": str(width)})


def listed(*arguments: str) -> dict[str, dict[str, Any]]:
    result = run("--json", *arguments)
    assert result.exit_code == 0, result.output
    return {f"{row['provider']}/{row['id']}": row for row in json.loads(result.stdout)["models"]}


def printed(width: int, *lines: Line, is_long: bool = False) -> str:
    out = io.StringIO()
    show(lines or list(built_in()), Console(file=out, width=width), is_long=is_long)
    return out.getvalue()


@pytest.mark.parametrize("width", (20, 40, 59, 60, 80, 110, 200))
def test_nothing_is_cut_however_narrow_the_terminal_is(width: int) -> None:
    text = printed(width)
    assert max(map(len, text.splitlines())) <= width
    together = "".join(text.split())
    for line in built_in():
        assert line.id in together or width < 40
        assert width < 40 or line.id in text
        for figure in (line.known.context_window, line.known.max_output):
            assert figure is None or f"{figure:,}" in together
        for said in (line.known.until, line.known.replaced_by, line.known.stands_for, line.known.note):
            assert said is None or "".join(said.split()) in together
    assert f"{sum(map(len, catalogue().values()))}models;" in together


def test_a_terminal_of_80_columns_has_the_figures_in_columns() -> None:
    lines = run("kimi-k2.6", "deepseek-v4-pro").stdout.splitlines()
    assert lines[0] == "kimi-code  messages, chat     window"
    assert lines[1] == "  kimi-k2.6                  262,144  sampling fixed"
    assert "moonshot  chat, messages     window  $ in/cached/out" in lines
    assert "  deepseek-v4-pro           1,048,576  384,000  1.32/0.044/3.96" in lines


def test_the_page_shows_lines_that_are_printed() -> None:
    page = (Path(__file__).parents[2] / "docs" / "models.md").read_text("utf-8")
    shown = page.split("```text\n", 1)[1].split("```", 1)[0].splitlines()
    assert len(shown) > 3
    assert set(shown) <= set(run().stdout.splitlines())


def test_with_long_each_row_says_where_it_is_from() -> None:
    text = run("--long", "k3-256k").stdout
    assert "    https://github.com/anomalyco/models.dev/pull/3698 (2026-11-22)\n" in text
    every = printed(80, is_long=True)
    for line in built_in():
        for source in line.known.source:
            assert f"    {source} ({line.known.read})\n" in every


def test_names_and_remarks_of_any_length_are_whole() -> None:
    long = "vendor/" + "m" * 120
    note = "a [bold]remark[/] " * 12
    line = Line("lab", long, Known(5, price=Price(1, 2), note=note.strip()), ("chat",))
    for width in (30, 60, 80):
        text = printed(width, line)
        assert max(map(len, text.splitlines())) <= width
        assert long in "".join(text.split())
        assert "".join(note.split()) in "".join(text.split())
        assert "1/-/2" in text


@pytest.mark.parametrize(
    ("filters", "expected"),
    (
        (("k3-256k",), ["kimi-code/k3-256k"]),
        (("K3-256K",), ["kimi-code/k3-256k"]),
        (("*/k3*",), ["kimi-code/k3", "kimi-code/k3-256k"]),
        (("openrouter",), [f"openrouter/{model}" for model in catalogue()["openrouter"]]),
        (("glm-5.3", "k3-256k"), ["kimi-code/k3-256k", "zai/glm-5.3"]),
        (("kimi-code/k3-?56k", "k3-256"), ["kimi-code/k3-256k"]),
    ),
)
def test_a_filter_is_a_part_of_a_name_or_a_glob(filters: tuple[str, ...], expected: list[str]) -> None:
    assert [line.name for line in sieved(list(built_in()), filters)] == expected


def test_a_filter_that_nothing_fits_is_told_with_what_was_meant() -> None:
    result = run("k3", "deepseek-v4-falsh")
    assert result.exit_code == 2
    assert "no model is known by 'deepseek-v4-falsh'; did you mean 'deepseek-v4-flash'?" in result.stderr
    assert "'zzz'; without a FILTER all are listed" in run("zzz").stderr


def test_json_has_all_that_is_known_and_what_is_not_is_null() -> None:
    rows = listed()
    assert len(rows) == sum(map(len, catalogue().values()))
    row = rows["moonshot/kimi-k3"]
    assert (row["context_window"], row["max_output"], row["sampling"]) == (1048576, None, "removed")
    assert row["price"] == {"input": 3.0, "cached": 0.3, "output": 15.0}
    assert rows["openai/gpt-5-codex"]["wires"] == ["responses"]
    assert rows["openai/gpt-5"]["wires"] == ["responses", "chat"]
    assert rows["kimi-code/kimi-latest"]["stands_for"] == "kimi-for-coding"
    gone = rows["moonshot/kimi-k2.5"]
    assert (gone["deprecated"], gone["until"], gone["replaced_by"]) == (True, "2026-08-31", "kimi-k2.6")


def test_a_rules_file_adds_changes_and_reaches(rules: str) -> None:
    rows = listed("--rules", rules)
    assert {name for name, row in rows.items() if row["own"]} == {
        "lab/own-1",
        "lab/own-2",
        "moonshot/kimi-k2.6",
        "zai/glm-odd",
    }
    assert rows["moonshot/kimi-k2.6"]["context_window"] == 7
    assert rows["moonshot/kimi-k2.6"]["source"] == list(catalogue()["moonshot"]["kimi-k2.6"].source)
    assert rows["lab/own-1"]["price"] == {"input": 1.0, "cached": None, "output": 2.0}
    reached = {name for name, row in rows.items() if row["reached"]}
    assert reached == {
        "lab/own-1",  # by name: the file speaks of it, and no route guards it
        "lab/own-2",
        "moonshot/kimi-k2.6",
        "moonshot/kimi-k3",
        "deepseek/deepseek-v4-flash",
        "zai/glm-odd",
        *(f"kimi-code/{model}" for model in catalogue()["kimi-code"]),
    }
    assert all(row["reached"] is False for name, row in rows.items() if name not in reached)


def test_a_route_that_asks_for_no_model_reaches_all_of_its_provider(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("routes: [{when: {agent: planner}, to: [kimi-code, zai/glm-5.3]}]")
    rows = listed("--rules", str(path))
    reached = {name for name, row in rows.items() if row["reached"]}
    assert reached == {"zai/glm-5.3", *(f"kimi-code/{model}" for model in catalogue()["kimi-code"])}


def test_a_preference_reaches_its_models(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("preferences: [{name: a, description: b, models: [deepseek/deepseek-v4-pro, local/x]}]")
    rows = listed("--rules", str(path))
    assert {name for name, row in rows.items() if row["reached"]} == {"deepseek/deepseek-v4-pro", "local/x"}


def test_the_mark_and_the_count_are_printed(rules: str) -> None:
    text = run("--rules", rules, "own", "k3").stdout
    assert "* own-1" in text
    assert "* k3" in text
    assert "4 models, 4 of them reached by these rules (*)" not in text  # kimi-k3 is there twice
    assert "of them reached by these rules (*)" in " ".join(text.split())
    assert "  kimi-k3 " in text.split("moonshot-cn")[1]


def test_no_credential_is_resolved(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("providers: {w: {base_url: 'https://w.example', key: op://a/b/c}}\ndefault: w/m")
    assert listed("--rules", str(path))["w/m"]["reached"] is True


def test_rules_that_are_not_sound_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("default: nobody")
    result = run("--rules", str(path))
    assert result.exit_code == 1
    assert result.stdout == ""


def test_names_are_completed() -> None:
    names = names_for(cli, ["models"], "kimi-code/k3")
    assert names == ["kimi-code/k3", "kimi-code/k3-256k"]
    assert "deepseek" in names_for(cli, ["models", "k3"], "d")


def test_plain_and_line_have_the_same_names() -> None:
    line = next(built_in())
    assert {"provider", "id", "wires", "reached"} <= set(plain(line))
    assert set(plain(line)) - {"provider", "id", "reached"} == set(Known.__slots__)
