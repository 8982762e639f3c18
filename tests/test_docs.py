"""The docs say what the product has: each key, option, provider, family, verb, and no example that would not load.

What is missing in docs/ or README.md fails here with its name. Examples in ``yaml`` blocks are rules files and must
be sound; one marked ``yaml broken`` must give exactly the lines of the ``text`` block behind it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from tests.rules.kit import problems
from tests.rules.test_schema import records
from wiremend.cli.main import VERBS, cli
from wiremend.families import FAMILIES
from wiremend.mitm.house import House
from wiremend.rules.providers import builtin_nodes
from wiremend.rules.schema import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

TOP = Path(__file__).parents[1]
PAGES = {
    path.relative_to(TOP).as_posix(): path.read_text("utf-8")
    for path in [TOP / "README.md", *sorted((TOP / "docs").glob("*.md"))]
}
ALL = "\n".join(PAGES.values())
RULES = PAGES["docs/rules.md"]

ENVIRON = defaultdict(lambda: "FAKE", {"LAB_HOST": "127.0.0.1"})
"""Whatever variable an example names is set."""


def blocks(info: str) -> list[object]:
    """Give the fenced blocks with an info string, and the text block right behind each, if there is one."""
    found: list[object] = []
    for name, text in PAGES.items():
        for match in re.finditer(
            rf"^```{info}\n(.*?)^```$(?:\n\n```text\n(.*?)^```$)?", text, re.MULTILINE | re.DOTALL
        ):
            line = text[: match.start()].count("\n") + 1
            found.append(pytest.param(match[1], match[2], id=f"{name}:{line}"))
    return found


def sound(text: str) -> list[str]:
    """Give the errors of an example; 1Password and files are not asked, variables are all set."""
    needed = set(re.findall(r"\$\{?([A-Z_]+)", text)) | set(re.findall(r"\$([A-Z_]+)", _builtin()))
    environ = {name: ENVIRON[name] for name in needed if not name.endswith("_URL")}
    return [line for line in problems(text, environ, offline=True) if " warning: " not in line]


def _builtin() -> str:
    return " ".join(str(node.plain()) for node in builtin_nodes().values())


@pytest.mark.parametrize(("text", "_behind"), blocks("yaml"))
def test_an_example_is_a_sound_rules_file(text: str, _behind: str | None) -> None:
    assert sound(text) == []


@pytest.mark.parametrize(("text", "said"), blocks("yaml broken"))
def test_a_broken_example_gives_the_lines_behind_it(text: str, said: str) -> None:
    assert [f"rules.yaml:{line}" for line in problems(text, offline=True)] == said.splitlines()


def test_every_key_of_the_rules_is_in_the_reference_with_its_sentence() -> None:
    missing = []
    for record in records(ROOT):
        for name, key in record.keys.items():
            if record.name.endswith("per wire"):
                continue  # its keys are the wires
            row = rf"^\| \[?`{re.escape(name)}`(?:\]\([^)]*\))? \| {re.escape(key.doc)}(?: .*)? \|$"
            if not re.search(row, RULES, re.MULTILINE) and f"`{name}`: {key.doc}" not in RULES:
                missing.append(f"| `{name}` | {key.doc} |   ({record.name})")
    assert missing == []


@pytest.mark.parametrize("section", list(ROOT.keys))
def test_every_section_has_a_heading_that_its_row_leads_to(section: str) -> None:
    row = re.search(rf"^\| \[`{section}`\]\(#([^)]+)\)", RULES, re.MULTILINE)
    assert row is not None
    assert row[1] in anchors(RULES)


def anchors(text: str) -> set[str]:
    """Give the anchors of a page's headings, as they are made of the words."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_built_in_provider_is_named() -> None:
    for name, node in builtin_nodes().items():
        wires = ", ".join(str(item.value) for item in node.mapping["speaks"].items)
        (row,) = re.findall(rf"^\| `{name}` \| (.*) \|$", RULES, re.MULTILINE)
        assert row.startswith(f"{wires} | ")
        assert ("key" not in node.mapping) or f"`{node.mapping['key'].value}`" in row


def test_every_family_of_keys_is_named_with_its_homes() -> None:
    for family in FAMILIES:
        (row,) = re.findall(rf"^\| `{re.escape(family.prefix)}` \| {family.name} \| (.*) \|$", RULES, re.MULTILINE)
        homes = ", ".join(family.homes) or "where the client sent it"
        assert row.startswith(homes), family.name
        assert ("Bearer only" in row) is (family.style == "bearer")


def options() -> Sequence[str]:
    """Give the names of our mitmproxy options, as the addon declares them."""
    names: list[str] = []

    class Loader:
        def add_option(self, name: str, *_: object) -> None:
            names.append(name)

    House().load(Loader())  # type: ignore[arg-type]  # the one method of a loader that is used
    return names


def test_every_option_is_explained() -> None:
    declared = options()
    assert len(declared) >= 5
    assert all(name.startswith("wiremend_") for name in declared)
    assert [name for name in declared if not re.search(rf"^\| `{name}` \| .* \|$", ALL, re.MULTILINE)] == []


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_and_its_options_are_explained(verb: str) -> None:
    command = cli.get_command(click.Context(cli), verb)
    assert isinstance(command, click.Command)
    assert f"wiremend {verb}" in ALL
    said = [option for parameter in command.params if isinstance(parameter, click.Option) for option in parameter.opts]
    long = [option for option in said if option.startswith("--")]
    assert [option for option in long if not re.search(rf"{option}\b", ALL)] == []


def test_what_the_docs_call_a_verb_or_an_option_is_there() -> None:
    verbs = set(re.findall(r"`(?:\.venv/bin/)?wiremend ([a-z]+)", ALL)) | set(
        re.findall(r"^\S*wiremend ([a-z]+)", ALL, re.MULTILINE)
    )
    assert verbs <= set(cli.list_commands(click.Context(cli)))
    named = set(re.findall(r"`(wiremend_[a-z_]+)`", ALL))
    assert named <= set(options())


@pytest.mark.parametrize("page", sorted(PAGES))
def test_links_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", PAGES[page]):
        if re.match(r"https?://", target):
            continue
        path, _, anchor = target.partition("#")
        file = (TOP / page).parent / path if path else TOP / page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file.read_text("utf-8")), target


@pytest.mark.parametrize("page", sorted(PAGES))
def test_lines_are_short_enough_to_read(page: str) -> None:
    long = [line for line in PAGES[page].splitlines() if len(line) > 130 and not line.startswith(("|", "rules.yaml:"))]
    assert long == []
