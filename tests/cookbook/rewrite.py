"""Write the screens, errors and patches of docs/cookbook.md anew: ``python -m tests.cookbook.rewrite``.

Rules, commands and prose stay. Read the difference before you commit it: test_cookbook.py holds the page against what
happens, and this makes the page say whatever does.
"""

from __future__ import annotations

import re
import tempfile
import textwrap
from pathlib import Path
from typing import Final

from tests.cookbook.kit import DOCS, Section, Stage, sections
from tests.cookbook.problems import TABLE, Problem, got

WIDTH: Final = 126


def screen(said: str) -> str:
    """Give what the page shows of ``why``: the verdict on it, the first cause, who minds, and the change in words.

    The steps are shown only where nothing is wrong; the patch has a block of its own.
    """
    lines = said.splitlines()
    begin = next(number for number, line in enumerate(lines) if line.startswith(("PROBLEM", "OK")))
    shown: list[str] = []
    part = ""
    for line in lines[begin:]:
        part = line if re.match(r"\S", line) else part
        if line.startswith("more:") or (part.startswith("what became") and shown[0].startswith("PROBLEM")):
            break
        if part.startswith("likely") and re.match(r"  [2-9]\.", line):
            part = "cut"
            shown.append("  …")
        if (part == "cut" and line) or re.match(r"  [+-]", line):
            continue
        shown.append(line)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(shown)).strip()


def patch_of(said: str) -> str:
    """Give the unified diff in what ``diagnose`` says; nothing where there is none."""
    lines = said[said.index("  --- a/") :].splitlines() if "  --- a/" in said else []
    end = next((number for number, line in enumerate(lines) if not line.startswith("  ")), len(lines))
    return "\n".join(line[2:] for line in lines[:end])


def replaced(section: str, language: str, text: str) -> str:
    """Put a text into a section's only block of a language."""
    head, mark, rest = section.partition(f"```{language}\n")
    return f"{head}{mark}{text}\n{rest[rest.index('```') :]}" if mark else section


def explained(section: str, text: str) -> str:
    """Put a text into a section's second screen, where there is one."""
    mark = "```console\n$ wiremend explain 3f2a\n"
    head, there, rest = section.partition(mark)
    return f"{head}{mark}{text}\n{rest[rest.index('```') :]}" if there else section


def step(said: str) -> str:
    """Give what the page shows of ``explain``: the quirk, or the edit, that acted, and its patch."""
    quirk = re.search(r"^  did  .*\n(?:       .*\n)*", said, re.MULTILINE)
    edit = re.search(r"^edits\n((?:  .*\n)+)", said, re.MULTILINE)
    return f"quirks\n{quirk[0].rstrip()}" if quirk else f"edits\n{edit[1].rstrip()}" if edit else ""


def real(stage: Stage, problem: Problem, section: Section) -> dict[str, str]:
    """Set a problem up, and give the blocks of its section by language."""
    stage.script = problem.script
    stage.follow(section.one("yaml"))
    if problem.straight:
        with stage.straight(problem.script):
            failed = got(problem, stage)
        got(problem, stage)
    else:
        failed = got(problem, stage)
    capture = stage.newest().id
    command = section.all("console")[0].partition("\n")[0]
    wrapped = textwrap.wrap(failed, WIDTH, break_long_words=False, break_on_hyphens=False)
    blocks = {
        "text": "\n".join(wrapped),
        "console": f"{command}\n{screen(stage.within('why', capture).output)}",
        "diff": patch_of(stage.within("diagnose", capture).output),
    }
    return {language: text for language, text in blocks.items() if text}


def main() -> None:
    """Rewrite the page."""
    path = DOCS / "cookbook.md"
    page, found = path.read_text("utf-8"), sections()
    with tempfile.TemporaryDirectory() as folder, Stage(Path(folder)) as stage:
        for problem in TABLE:
            old = new = found[problem.name].text
            for language, text in real(stage, problem, found[problem.name]).items():
                new = replaced(new, language, text)
            if "$ wiremend explain" in new:
                since = len(stage.proxy.log())
                newest = stage.newest().id
                stage.within("diagnose", "--apply", newest)
                stage.taken(since)
                new = explained(new, step(stage.within("explain", newest).output))
            page = page.replace(old, new)
    path.write_text(page, "utf-8")


if __name__ == "__main__":
    main()
