"""docs/conformance.md: what each parser makes of each bad reply in captures/, without mending and with it.

``make conformance`` (``python -m tests.conformance``) measures anew and writes the page. ``tests/test_conformance.py``
holds the Python columns to what is measured in the suite, ``tests/clients/test_conformance_js.py`` the others.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.clients import judge
from tests.clients.install import installed, pinned
from tests.oracles import ORACLES, verdict
from tests.reply_cases import REPLIES, Case, load
from tests.test_captures import QUIRKY, case_of, left, refusals
from wiremend.codings import decode
from wiremend.quirks import all_quirks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tests.test_captures import Request
    from tests.verdicts import Served, Verdict

    type Reader = Callable[[str, Served], Verdict]

PAGE: Final = Path(__file__).parents[1] / "docs" / "conformance.md"
PYTHON: Final = {"messages": "anthropic-py", "chat": "openai-py", "responses": "openai-py/responses"}
COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {wire: (PYTHON[wire], *judge.ORACLES[wire]) for wire in PYTHON}
"""Wire -> the parsers that every case of it is shown to."""

AGENTS: Final = frozenset(ORACLES) - frozenset(PYTHON.values())
"""Readers that are shown only the cases that name them."""

FINE: Final = "ok"
_BAD: Final = ("fails", "hangs", "misreads")
_LONGEST: Final = 70
_CELL: Final = re.compile(r"^(?P<before>\w+)(?: → (?P<after>\w+))?(?: \[(?P<note>\d+)\])?$")

_HEAD: Final = """\
# What the parsers make of it

Each row is a case in [captures/](../captures): bad bytes as a provider sends them, and what must come out. Each column
is a parser that read both. This page is measured and written by `make conformance`; the tests hold it to what they
measure. [quirks.md](quirks.md) tells of each quirk, [streams.md](streams.md) how a reply is mended.

| Word | Before is without mending, after is with it |
|---|---|
| ok | The parser understands: the text, the tool calls with their inputs, and the tokens, or the error's own words. |
| fails | It gives up; or, where the case is an error, what it says is not what the provider said. |
| hangs | It does not come to an end. |
| misreads | It reports a success, with something in it lost, doubled or wrong. |

`fails → ok` is before and after; a single word is both. The last column has the readers of agents that are no SDK one
could call, played as they were measured (`tests/oracles_agents*.py`), in the cases that they mind.

Parsers: {versions}.
"""
_REFUSED: Final = """
## Requests

What leaves is judged by the provider, played by what it is known to refuse (`tests/quirks/refusals_*.py`): without
mending it answers as the third column says; with mending it takes the request.

| Case | Quirk | Before | After |
|---|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class Cell:
    """What a parser made of one case's reply, and of the answer that mending made of it."""

    before: str
    after: str

    def __str__(self) -> str:
        """Write it as the page does."""
        return self.before if self.before == self.after else f"{self.before} → {self.after}"


@dataclass(slots=True)
class Page:
    """The page's tables, read back: case -> parser -> cell, and request cases -> (before, after)."""

    replies: dict[str, dict[str, Cell]] = field(default_factory=dict)
    requests: dict[str, tuple[str, str]] = field(default_factory=dict)
    noted: set[tuple[str, str]] = field(default_factory=set)
    """The cells, as (case, parser), that have a footnote."""


def cases() -> list[Case]:
    """Give the cases of replies that say what a client must read."""
    return [load(folder) for folder in REPLIES if "means" in case_of(folder)]


def name_of(case: Case) -> str:
    """Give the name that the page knows a case by."""
    return f"{case.folder.parent.name}/{case.folder.name}"


def agents_of(case: Case) -> list[str]:
    """Give the agents that a case is shown to."""
    return [oracle for oracle in case.oracles if oracle in AGENTS]


def measure(case: Case, oracles: Iterable[str], reader: Reader = verdict) -> dict[str, Cell]:
    """Let parsers read a case's reply, as it came and mended."""
    before, after = case.served(case.given(mend=False)), case.served(case.given())
    return {
        oracle: Cell(*(_word(case, reader(oracle, served)) for served in (before, after)))
        for oracle in dict.fromkeys(oracles)
    }


def measured_here(case: Case) -> dict[str, Cell]:
    """Measure what needs no JavaScript."""
    return measure(case, [PYTHON[case.context.wire.name], *agents_of(case)])


def refused() -> dict[str, tuple[str, str]]:
    """Give what the providers of the request cases say before, and after: "accepted", or their words again."""
    found = {}
    for folder in QUIRKY:
        if case_of(folder).get("oracle") == "refusal":
            name = case_of(folder)["quirk"]
            before, after = (_answer(name, left(folder, mend=mend)[0]) for mend in (False, True))
            found[f"{folder.parent.name}/{folder.name}"] = (before, after)
    return found


def _answer(quirk: str, request: Request) -> str:
    body = decode(request.body, request.headers.get("content-encoding"))
    refusal = refusals()[quirk](json.loads(body), request.headers)
    if refusal is None:
        return "accepted"
    words = " ".join(refusal[1].split())
    words = words if len(words) <= _LONGEST else f"{words[: _LONGEST - 1]}…"
    return f"{refusal[0]} {words}".replace("|", "\\|").replace("`", "'")


def _word(case: Case, said: Verdict) -> str:
    if case.understood(said):
        return FINE
    if said.ok:
        return "misreads"
    return "hangs" if (said.error or "").endswith("it hangs") else "fails"


def write(found: Mapping[str, Mapping[str, Cell]], requests: Mapping[str, tuple[str, str]]) -> str:
    """Write the page. ``found`` is what was measured: case -> parser -> cell."""
    text = _HEAD.format(versions=_versions())
    notes: list[str] = []
    by_name = {name_of(case): case for case in cases()}
    for wire, columns in COLUMNS.items():
        text += f"\n## {wire.capitalize()}\n\n" + _row(["Case", "Quirk", *columns, "agents"])
        text += _row(["---"] * (len(columns) + 3)).replace(" ", "")
        for name, case in sorted(by_name.items()):
            if case.context.wire.name == wire:
                text += _case(name, case, found[name], notes)
    text += _REFUSED
    for name, (before, after) in sorted(requests.items()):
        quirk = case_of(Path(PAGE.parents[1], "captures", name))["quirk"]
        text += _row([_link(name), _quirk(quirk), before, after])
    if notes:
        text += "\n## Notes\n\n" + "\n".join(notes) + "\n"
    return text


def _case(name: str, case: Case, cells: Mapping[str, Cell], notes: list[str]) -> str:
    def shown(oracle: str) -> str:
        cell = cells[oracle]
        if cell.after == FINE:
            return str(cell)
        notes.append(f"{len(notes) + 1}. {_reason(name, case, oracle)}")
        return f"{cell} [{len(notes)}]"

    agents = [f"{agent}: {shown(agent)}" for agent in agents_of(case)]
    columns = [shown(oracle) for oracle in COLUMNS[case.context.wire.name]]
    return _row([_link(name), _quirk(case.about["quirk"]), *columns, "; ".join(agents)])


def _reason(name: str, case: Case, oracle: str) -> str:
    """Give the case's word for why a parser does not understand the mended answer."""
    but = case.about.get("but") or {}
    said = but.get(oracle) if isinstance(but, dict) else None
    return f"{oracle} on `{name}`: {said or 'see the `but` of the case'}"


def _link(name: str) -> str:
    return f"[{name.partition('/')[2]}](../captures/{name})"


def _quirk(name: str) -> str:
    return f"[{all_quirks()[name].number}](quirks.md#{name})"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def _versions() -> str:
    """Give the parsers' versions, a line of at most 120 characters each."""
    here = [f"{name} {version(name)} (Python)" for name in ("anthropic", "openai")]
    there = [f"{name} {number}" for name, number in pinned().items() if not name.endswith(("claude-code", "codex"))]
    lines, line = [], ""
    for word in ", ".join([*here, *there]).split(" "):
        if line and len(f"{line} {word}") > 110:
            lines.append(line)
            line = ""
        line = f"{line} {word}".strip()
    return "\n".join([*lines, line])


def read(text: str) -> Page:
    """Read a page back. Raises ValueError where a cell is none that :func:`write` writes."""
    page, wire = Page(), ""
    for line in text.splitlines():
        if line.startswith("## "):
            wire = line.removeprefix("## ").lower()
        found = re.match(r"\| \[[^]]*\]\(\.\./captures/([^)]+)\) \| ", line)
        if found is None:
            continue
        name, (_, _, *cells) = found[1], re.split(r"(?<!\\) \| ", line.removeprefix("| ").removesuffix(" |"))
        if wire == "requests":
            page.requests[name] = (cells[0], cells[1])
            continue
        *columns, agents = cells
        said = dict(zip(COLUMNS[wire], columns, strict=True))
        said |= dict(one.split(": ", 1) for one in agents.split("; ") if one)
        page.replies[name] = {oracle: _cell(page, name, oracle, one) for oracle, one in said.items()}
    return page


def _cell(page: Page, name: str, oracle: str, text: str) -> Cell:
    found = _CELL.match(text)
    if found is None or {found["before"], found["after"] or FINE} - {FINE, *_BAD}:
        raise ValueError(f"{name}, {oracle}: {text!r} is no cell")
    if found["note"]:
        page.noted.add((name, oracle))
    return Cell(found["before"], found["after"] or found["before"])


def main() -> None:
    """Measure everything, and write the page."""
    found: dict[str, dict[str, Cell]] = {}
    with judge.Judge(installed()) as javascript:
        for case in cases():
            found[name_of(case)] = measured_here(case) | measure(
                case, judge.ORACLES[case.context.wire.name], javascript.verdict
            )
    PAGE.write_text(write(found, refused()), "utf-8")
    bad = [name for name, cells in found.items() for cell in cells.values() if cell.after != FINE]
    sys.stdout.write(f"{PAGE.name}: {len(found)} replies, {len(refused())} requests; not mended: {bad or 'none'}\n")


if __name__ == "__main__":
    main()
