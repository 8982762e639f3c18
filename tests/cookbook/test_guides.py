"""Each command of the guides is run, in the page's order, and ends as it should; what has no end is also stopped."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pytest

from tests.cli.setup_kit import CODING
from tests.cookbook.guides_kit import ID, World
from tests.cookbook.kit import DOCS, Block, blocks
from tests.lab import Upstream, provider

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PAGES: Final = ("guide-launch.md", "guide-debug.md", "guide-ci.md", "cookbook.md")

TYPED: Final = {
    "wiremend setup": (
        ("part of the name: ", "kimi\n"),
        ("(not shown): ", CODING + "\n"),
        ("Write this? [Y/n]: ", "y\n"),
    ),
}
"""Commands that ask: what is typed after which words."""

ENDLESS: Final = {
    "wiremend proxy": "HTTPS_PROXY",
    "wiremend proxy --port 9090": "HTTPS_PROXY",
    "wiremend proxy --ui web": "Web server listening",
    "wiremend proxy --ui console": r"Flows",
    "wiremend explain --live 8080": "following the proxy on port",
    "wiremend upstream captures --side client --port 9000": "127.0.0.1",
}
"""Commands that run until they are stopped: what they say when they are up."""

NEEDS_PROXY: Final = "wiremend explain --live 8080"

CODES: Final = {
    "wiremend doctor": ((0, 1), "the machine of the tests may lack what it looks for"),
    "wiremend why": ((0, 1), "1 where what it shows was not mended"),
    "wiremend why 3f2a": ((1,), "1 where something is wrong, as here"),
    "wiremend why 'API Error: 400 the model is not known [flow 3f2a91c0]'": ((1,), "the same"),
    "wiremend diagnose 3f2a": ((1,), "the same"),
    "wiremend diagnose --apply 3f2a": ((1,), "the same, also where the change was written"),
    "wiremend replay captures/chat/no-index": ((1,), "the case is of the time before the change"),
    "wiremend replay --rules main.yaml --against rules.yaml --markdown > comment.md": ((1,), "something would change"),
}
"""Commands that do not end with 0, or need not: with which codes, and why."""

ELSEWHERE: Final = {
    'pip install "wiremend @ git+https://git.example.com/your/wiremend.git" pytest': "it needs a network",
}
"""Commands of the workflow that are not run here."""


def commands(text: str) -> list[str]:
    """Give the lines of a page's ``sh`` blocks, indented ones too, without their remarks; each once."""
    found: list[str] = []
    for block in blocks(re.sub(r"^ +(```|\S)", r"\1", text, flags=re.MULTILINE)):
        if block.language == "sh":
            found += [line.partition("  #")[0].strip() for line in block.text.splitlines()]
    return list(dict.fromkeys(line for line in found if line))


def page(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


SCENES: Final[dict[str, Callable[[World], None]]] = {
    "guide-launch.md": lambda _: None,
    "guide-debug.md": World.debugging,
    "guide-ci.md": World.repository,
    "cookbook.md": World.debugging,
}


@pytest.mark.parametrize("name", PAGES)
def test_each_command_of_a_page_does_what_it_says(name: str, tmp_path: Path) -> None:
    with Upstream(provider("/coding/v1")) as up:
        world = World(tmp_path, f"{up.url}/coding/v1")
        SCENES[name](world)
        wrong: list[str] = []
        for line in commands(page(name)):
            if line in ENDLESS:
                started(world, line)
                continue
            ran = world.run(line, TYPED.get(line, ()))
            codes, _ = CODES.get(line, ((0,), ""))
            if ran.code not in codes:
                wrong.append(f"$ {line}\n{ran.said}\nexit code {ran.code}, not one of {codes}")
            assert CODING not in ran.said, line
        assert wrong == [], "\n\n".join(wrong)


def started(world: World, line: str) -> None:
    """Start a command that never ends; a proxy that is to be free in its port gets one."""
    if line == NEEDS_PROXY:
        with world.endless("wiremend proxy --port 8080", ENDLESS["wiremend proxy"]), world.endless(line, ENDLESS[line]):
            return
    free = " --port 0" if line.startswith("wiremend proxy") and "--port" not in line else ""
    with world.endless(line + free, ENDLESS[line]):
        pass


def test_the_commands_are_found() -> None:
    text = "```sh\na --b   # c\n\nd\n```\n\n1. x\n\n   ```sh\n   e | f\n   a --b\n   ```\n\n```text\ng\n```\n"
    assert commands(text) == ["a --b", "d", "e | f"]
    assert all(commands(page(name)) for name in PAGES)


def test_the_tables_name_commands_of_the_pages() -> None:
    known = {line for name in PAGES for line in commands(page(name))}
    assert {*TYPED, *ENDLESS, *CODES} - known == set()


def test_each_step_of_the_workflow_is_a_command_of_its_page() -> None:
    text = page("guide-ci.md")
    (workflow,) = [block for block in blocks(text) if block.language == "yml"]
    steps = re.findall(r"^ *- run: (.+)$", workflow.text, re.MULTILINE)
    assert len(steps) == 4
    assert [step for step in steps if step not in commands(text) and step not in ELSEWHERE] == []


def test_only_the_cookbook_shows_screens() -> None:
    """Its screens are held against the real ones in test_cookbook.py; a guide that shows one needs such a test too."""
    shown: list[Block] = [block for name in PAGES[:3] for block in blocks(page(name)) if block.language == "console"]
    assert shown == []


def test_the_change_of_the_page_is_written(tmp_path: Path) -> None:
    world = World(tmp_path, "http://127.0.0.1:9/v1")
    world.debugging()
    said = world.run("wiremend diagnose --apply 3f2a").said
    after = (world.folder / "rules.yaml").read_text()
    assert ID in said
    assert "mend: auto" in after
    assert after.startswith("# what the guide")
