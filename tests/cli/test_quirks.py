"""``wiremend quirks``: the list, one of it, and what a wrong name gives."""

from __future__ import annotations

import io
import json

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from tests.quirks.kit import made_up
from wiremend.cli.main import cli
from wiremend.cli.quirks import TABLE, explain, named, show, sieved
from wiremend.cli.quirks_page import page
from wiremend.quirks import all_quirks, may_be_named

ODD = made_up("odd", symptom="[bold]not a tag[/] :smile: \\[x]", before='{"a":["[/]"]}', presets=("groq",))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["quirks", *arguments])


def printed(width: int, *names: str) -> str:
    out = io.StringIO()
    show([all_quirks()[name] for name in names] or [*all_quirks().values()], Console(file=out, width=width))
    return out.getvalue()


@pytest.mark.parametrize("width", (20, 40, 80, TABLE - 1, TABLE, 130, 200))
def test_the_list_names_each_quirk_and_keeps_to_the_width(width: int) -> None:
    text = printed(width)
    assert max(map(len, text.splitlines())) <= width
    for name, quirk in all_quirks().items():
        assert width < 60 or f"{quirk.number:>3}  {name} " in text
    assert width < 60 or f"{len(all_quirks())} quirks;" in text


def test_the_list_has_a_head_where_it_is_a_table() -> None:
    assert printed(TABLE).split()[:6] == ["#", "name", "wires", "class", "presets", "symptom"]
    row = next(line for line in printed(160).splitlines() if " context-management-extra " in line)
    assert row.split()[:4] == ["50", "context-management-extra", "messages", "preset"]


def test_what_rich_would_read_as_markup_is_shown() -> None:
    for width in (60, 140):
        out = io.StringIO()
        show([ODD], Console(file=out, width=width))
        explain(ODD, Console(file=out, width=width))
        assert out.getvalue().count("[bold]not a tag[/] :smile: \\[x]") == 2
        assert '{"a":["[/]"]}' in out.getvalue()
        assert "1 quirk;" in out.getvalue()


def test_a_wire_and_a_provider_choose_some() -> None:
    known = all_quirks().values()
    chat = sieved(known, "chat", None)
    assert chat
    assert all("chat" in quirk.wires for quirk in chat)
    assert len(chat) < len(all_quirks())
    moonshot = sieved(known, None, "moonshot")
    assert moonshot == sieved(known, None, "moonshot-cn") == sieved(known, None, "Moonshot")
    assert "kimi-temperature-fixed" in {quirk.name for quirk in moonshot}
    assert all("moonshot" in quirk.presets for quirk in moonshot)
    assert sieved(known, "responses", "perplexity") == []


def test_the_choice_can_be_empty() -> None:
    got = run("--provider", "perplexity", "--wire", "responses")
    assert got.exit_code == 0
    assert got.stdout.strip().startswith("0 quirks;")


@pytest.mark.parametrize("asked", ("finish-reason-never", "63", "063", "Finish-Reason-Never"))
def test_one_is_explained_by_its_name_or_number(asked: str) -> None:
    got = run(asked)
    assert got.exit_code == 0
    said = " ".join(got.stdout.split())
    quirk = all_quirks()["finish-reason-never"]
    for text in (quirk.symptom, quirk.who, quirk.mend, "chat.finish.missing", "for every provider"):
        assert text in said
    assert said.startswith("63 finish-reason-never chat, stream, always")
    assert all(link in got.stdout for link in quirk.evidence if link.startswith("https://"))


def test_how_one_is_switched_is_said_as_rules_yaml_takes_it() -> None:
    said = " ".join(run("role-developer-rejected").stdout.split())
    assert "quirks: [+role-developer-rejected] puts it in, [-role-developer-rejected] takes it out" in said
    assert "by itself for" in said
    assert "switch" not in run("silent-truncation").stdout


@pytest.mark.parametrize("name", tuple(all_quirks()))
def test_each_is_explained_in_any_width(name: str) -> None:
    out = io.StringIO()
    explain(all_quirks()[name], Console(file=out, width=30))
    text = out.getvalue()
    assert max(map(len, text.splitlines())) <= 30
    assert "".join(all_quirks()[name].mend.split()) in "".join(text.replace("mend", "", 1).split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    (
        (["finish-reason-nevr"], "there is no quirk 'finish-reason-nevr'; did you mean 'finish-reason-never'?"),
        (["role-dev"], "there is no quirk 'role-dev'; did you mean 'role-developer-rejected'?"),
        (
            ["beta-"],
            "there is no quirk 'beta-'; did you mean 'path-beta-query' or 'beta-header-rejected'?",
        ),
        (["zzz"], "there is no quirk 'zzz'; wiremend quirks lists them"),
        ([""], "there is no quirk ''; wiremend quirks lists them"),
        (["0"], "there is no quirk number 0; the numbers go from 1 to"),
        (["--provider", "moonshoot"], "there is no provider 'moonshoot'; did you mean 'moonshot'?"),
        (["--wire", "chatt"], "'chatt' is not one of 'messages', 'chat', 'responses'"),
    ),
)
def test_what_is_not_there_gives_2_and_what_was_meant(arguments: list[str], message: str) -> None:
    got = run(*arguments)
    assert got.exit_code == 2
    assert message in got.stderr
    assert got.stdout == ""


def test_json_is_for_programs() -> None:
    listed = json.loads(run("--json").stdout)
    assert [one["name"] for one in listed] == list(all_quirks())
    assert [one["switchable"] for one in listed] == [may_be_named(quirk) for quirk in all_quirks().values()]
    (one,) = json.loads(run("50", "--json").stdout)
    assert {"number", "name", "wires", "side", "kind", "symptom", "before", "after", "presets"} <= one.keys()
    assert (one["number"], one["name"], one["kind"]) == (50, "context-management-extra", "preset")
    assert json.loads(run("--json", "--wire", "responses", "--provider", "perplexity").stdout) == []


def test_markdown_is_the_page() -> None:
    assert run("--markdown").stdout == page(all_quirks())


def test_a_number_that_two_share_gives_both() -> None:
    twins = {name: made_up(name, number=7) for name in ("one", "two")}
    assert [quirk.name for quirk in named("7", twins)] == ["one", "two"]
