"""The fault matrix: every fault, on the same wire and translated, over HTTP/1.1 and HTTP/2, alone and with a fallback.

    .venv/bin/python -m tests.faults.matrix [NAME …]

runs the cells against one real mitmdump, many at a time, says which are not as :mod:`tests.faults.expected` has them,
and writes docs/faults.md. Names (or the beginnings of the names of cells) run just those, with transcripts, and write
nothing. Each cell has providers and a route of its own, told apart by the model's name, so no cell sees another's
cool-down.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.faults import page
from tests.faults.client import Saw, ask
from tests.faults.expected import EXPECTED, FINISH, READS
from tests.faults.http2 import Http2Upstream
from tests.faults.scripts import FAULTS, Play, well
from tests.faults.upstream import Refusing, Silent, Upstream
from tests.faults.ways import WAYS
from tests.faults.words import OVERLOADED, WORDS
from tests.lab import Authority, Mitm

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.faults.expected import End
    from tests.faults.scripts import Fault
    from tests.faults.upstream import Asked, Script
    from tests.faults.ways import Http
    from wiremend.protocols.base import WireName

AT_ONCE: Final = 24
"""Cells that run side by side: stalls overlap, and a loaded machine does not make stalls of its own."""

SOON: Final = 5.0
"""Seconds within which providers must be let go when the client has its answer, or has left: far more than it takes."""

INSIDE: Final = Path(__file__).parent / "inside" / "faults_inside.py"


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell; ``number`` is its model's name and its place in the rules."""

    number: int
    name: str
    way: str
    http: Http
    fallback: bool

    @property
    def fault(self) -> Fault:
        """What is played."""
        return FAULTS[self.name]

    @property
    def model(self) -> str:
        """The name by which its route knows it."""
        return f"c{self.number}"

    @property
    def wires(self) -> tuple[WireName, WireName, WireName]:
        """The wires of the client, of ``a`` and of ``b``."""
        return WAYS[self.way][:3]

    @property
    def end(self) -> End:
        """What it must come to."""
        expected = EXPECTED[self.name]
        return expected.fallback if self.fallback else expected.alone

    def __str__(self) -> str:
        """Give the name that a failing test has."""
        return f"{self.name}/{self.way}/{self.http}/{'fallback' if self.fallback else 'alone'}"


@dataclass(slots=True)
class Result:
    """What a cell came to."""

    cell: Cell
    saw: Saw
    asked: tuple[list[Asked], list[Asked]]
    rows: list[dict[str, Any]] = field(default_factory=list)
    kept: int = 0
    """How many of the rows are in the ledger's own database."""
    held: bool = False
    """Whether a provider was still being held when the client had long gone."""

    def __str__(self) -> str:
        """Give all of it, for a cell that failed."""
        tries = [
            f"{side} {asked.http} #{asked.connection} {asked.path} {asked.ending}"
            for side, found in zip("ab", self.asked, strict=True)
            for asked in found
        ]
        return "\n".join([f"=== {self.cell}", str(self.saw), *tries, *map(json.dumps, self.rows)])


def cells() -> list[Cell]:
    """Give every cell."""
    found: list[tuple[str, str, Http, bool]] = [
        (name, way, http, fallback)
        for name in FAULTS
        for way, (*_, kinds) in WAYS.items()
        for http in kinds
        for fallback in (False, True)
    ]
    return [Cell(number, *one) for number, one in enumerate(found)]


# -- the run


class Stage:
    """The providers of all cells."""

    def __init__(self, folder: Path, chosen: Sequence[Cell]) -> None:
        """Prepare; ``folder`` takes certificates."""
        self.cells = {cell.model: cell for cell in chosen}
        self.plays = {cell.model: (Play(cell.wires[1]), Play(cell.wires[2])) for cell in chosen}
        self.asked: dict[str, tuple[list[Asked], list[Asked]]] = {cell.model: ([], []) for cell in chosen}
        self.authority = Authority(folder)
        (folder / "stranger").mkdir()
        self._stranger = Authority(folder / "stranger", "a stranger's CA")

    async def open(self, stack: AsyncExitStack) -> None:
        """Bind all ports."""
        cert, strange = self.authority.server("localhost"), self._stranger.server("localhost")
        self.sites: dict[tuple[str, Http], str] = {}
        for kind, http in ((Upstream, "1.1"), (Http2Upstream, "2")):
            assert http in {"1.1", "2"}
            for site, own in (("provider", cert), ("stranger", strange)):
                up = await stack.enter_async_context(kind(self.choose, own))
                self.sites[site, kind.http] = up.url
            silent = await stack.enter_async_context(Silent(self.choose, cert))
            self.sites["silent", kind.http] = silent.url
            self.sites["refusing", kind.http] = stack.enter_context(Refusing()).url
            self.sites["nowhere", kind.http] = "https://provider.invalid"

    def choose(self, asked: Asked) -> Script:
        """Give the script of a request, whose path begins with its cell and its side."""
        _, model, side, *_ = asked.path.split("/")
        at = "ab".index(side)
        tries, play = self.asked[model][at], self.plays[model][at]
        script = self.cells[model].fault.script(len(tries), play) if side == "a" else (lambda reply: well(play, reply))
        tries.append(asked)
        return play.follow(script)

    def rules(self) -> str:
        """Give the rules of all cells."""
        providers, routes = [], []
        for cell in self.cells.values():
            a, b = f"{cell.model}-a", f"{cell.model}-b"
            limits = f", limits: {{{cell.fault.limits}}}" if cell.fault.limits else ""
            site = self.sites[cell.fault.site, cell.http]
            _, wire, other = cell.wires
            providers.append(f"  {a}: {{base_url: '{site}/{cell.model}/a', speaks: [{wire}], key: client{limits}}}")
            site = self.sites["provider", cell.http]
            providers.append(f"  {b}: {{base_url: '{site}/{cell.model}/b', speaks: [{other}], key: client}}")
            retry = f"{{times: 3, backoff: 10ms, {cell.fault.retry or 'max: 200ms'}, budget: 20s}}"
            to = f"[{a}, {b}]" if cell.fallback else a
            routes.append(f"  - {{when: {{model: {cell.model}}}, to: {to}, retry: {retry}}}")
        return "\n".join(["providers:", *providers, "routes:", *routes, ""])

    async def run(self, cell: Cell, base: str) -> Result:
        """Run one cell, until its providers are done with it."""
        play, other = self.plays[cell.model]
        play.idle.set()
        other.idle.set()
        saw = await ask(base, cell.wires[0], cell.model, play, cell.fault.leaves)
        result = Result(cell, saw, self.asked[cell.model])
        try:
            async with asyncio.timeout(SOON):
                await play.idle.wait()
                await other.idle.wait()
        except TimeoutError:
            result.held = True
        return result


async def measure(chosen: Sequence[Cell]) -> list[Result]:
    """Run cells against a proxy of their own."""
    with tempfile.TemporaryDirectory(prefix="wiremend-faults-") as name:
        folder = Path(name)
        calls = folder / "calls.jsonl"
        stage = Stage(folder, chosen)
        async with AsyncExitStack() as stack:
            await stage.open(stack)
            proxy = Mitm(
                stage.rules(),
                env={"SSL_CERT_FILE": str(stage.authority.ca), "XDG_STATE_HOME": str(folder)},
                options={"wiremend_calls": calls},
                args=["-s", str(INSIDE)],
            )
            await asyncio.to_thread(proxy.start)
            try:
                results = await _all(stage, chosen, proxy.gateway)
            finally:
                await asyncio.to_thread(proxy.stop)
        rows = [json.loads(line) for line in calls.read_text("utf-8").splitlines()]
        kept = ledger(folder)
        for result in results:
            result.rows = [row for row in rows if row["asked"] == result.cell.model]
            result.kept = sum(kept[row["id"]] for row in result.rows)
        return results


def ledger(folder: Path) -> Counter[str]:
    """Count the rows of each id in the embedded database of a proxy that has ended, whose state folder this is."""
    with closing(sqlite3.connect(folder / "wiremend" / "ledger.sqlite")) as database:
        return Counter(number for (number,) in database.execute("SELECT id FROM calls"))


async def _all(stage: Stage, chosen: Iterable[Cell], base: str) -> list[Result]:
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(cell: Cell) -> Result:
        async with turns:
            return await stage.run(cell, base)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(cell)) for cell in chosen]
    return [task.result() for task in tasks]


# -- the judgement


def wrong(result: Result) -> list[str]:
    """Give what of a cell is not as it must be."""
    cell, saw, end = result.cell, result.saw, result.cell.end
    wire = cell.wires[0]
    status = OVERLOADED[wire] if end.kind == "overloaded" and end.text == "none" else end.status
    worded = "chat" if wire == "responses" and end.text == "none" else wire
    seen: dict[str, tuple[object, object]] = {
        "status": (saw.status, status),
        "error": (saw.error, WORDS[worded][end.kind] if end.kind else None),
        "text": (saw.text if READS[end.text].fullmatch(saw.text) is None else end.text, end.text),
        "finish": (saw.finish, FINISH[wire] if end.text == "whole" else None),
        "a reply that ends as HTTP does": (saw.ending == "whole" or end.left, True),
        "the SDK's verdict": (_verdict(saw), "left" if end.left else "ok" if end.text == "whole" else "error"),
        "requests at a": (len(result.asked[0]), end.tries[0] if end.reached is None else end.reached),
        "requests at b": (len(result.asked[1]), end.tries[1]),
        "a provider that is held": (result.held, False),
        "rows": (len(result.rows), 1),
        "rows in the ledger": (result.kept, 1),
    }
    for row in result.rows[:1]:
        tries = row["attempts"]
        seen |= {
            "the row's status": (row["status"], status),
            "the row's tries": (
                [(one["provider"], one["trouble"]) for one in tries],
                [
                    *((f"{cell.model}-a", trouble) for trouble in end.troubles),
                    *[(f"{cell.model}-b", None)] * end.tries[1],
                ],
            ),
            "the row's provider": (row["provider"], f"{cell.model}-{'b' if end.tries[1] else 'a'}"),
            "the row's error": (bool(row["error"]), bool(end.kind) or end.left),
        }
    if cell.name == "503-second":
        first, *rest = [asked.at for asked in result.asked[0]]
        seen["the wait that was asked for"] = (all(later - first >= 1 for later in rest), True)
    return [f"{what}: {found!r}, not {wanted!r}" for what, (found, wanted) in seen.items() if found != wanted]


def _verdict(saw: Saw) -> str:
    return saw.sdk if saw.sdk in {"ok", "left", "hangs"} else "error"


def main() -> None:
    """Run, judge, and write the page."""
    names = tuple(sys.argv[1:])
    chosen = [cell for cell in cells() if not names or str(cell).startswith(names)]
    began = time.monotonic()
    results = asyncio.run(measure(chosen))
    bad = 0
    for result in results:
        faults = wrong(result)
        bad += bool(faults)
        if faults:
            sys.stdout.write("\n".join([str(result), *(f"  ✗ {fault}" for fault in faults), "", ""]))
        elif names:
            sys.stdout.write(f"{result}\n  ✓\n\n")
    if not names and not bad:
        page.PAGE.write_text(page.write(), "utf-8")
    sys.stdout.write(f"{len(results)} cells in {time.monotonic() - began:.0f} s, {bad} not as they must be\n")
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
