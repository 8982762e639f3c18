"""Hundreds of streams at once for as long as one likes, one in ten with a fault, and what the proxy keeps of them.

    .venv/bin/python -m tests.faults.soak [--seconds 120] [--streams 200] [--seed 7]

Each client asks again as soon as it has its answer, over a connection that it keeps as long as HTTP lets it. Which
stream gets which fault is drawn from the seed. In the end everybody leaves, and then nothing may be left: no
connection, no open file, no task, no object that a call is made of; memory may not go on growing; and each call that
was made has exactly one row.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.faults.http2 import Http2Upstream
from tests.faults.matrix import INSIDE, ledger
from tests.faults.scripts import EVENTS, FAULTS, STREAM, Play
from tests.faults.soak_clients import PATHS, Line, Shared
from tests.faults.upstream import Refusing, Upstream
from tests.faults.watch import Watch, more
from tests.lab import Authority, Mitm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.faults.upstream import Asked, Reply, Script
    from tests.faults.watch import Held, Sample
    from wiremend.protocols.base import WireName

ONE_IN: Final = 10
"""One stream in so many has a fault."""

PLAYED: Final = (
    "reset-before-head", "close-before-head", "reset-after-head", "reset-in-first-event", "reset-mid-event",
    "close-mid-event", "kill-mid-event", "empty", "429-thrice", "429-always", "429-quota", "400", "401", "500", "529",
    "503-hour", "502-page", "error-in-200", "error-after-text", "stall-before-head", "stall-after-head",
    "stall-mid-stream", "endless", "cancel", "cancel-before-head",
)  # fmt: skip
"""The faults that a provider plays. Those of connections that never come about have routes of their own."""

SHARED: Final = tuple(name for name in PLAYED if not name.startswith(("close-", "kill-")))
"""Those that leave the neighbours in a connection of HTTP/2 alone."""

SHARING: Final = 8
"""One client in so many is in the one shared connection, and as many in another."""

STALLS: Final = ("stall-before-head", "stall-after-head", "stall-mid-stream", "endless")
"""Those that a limit of time ends. Their providers have short ones."""

RETRIES: Final = 2

UNREACHED: Final = ("refused", "nowhere")
PACE: Final = 0.4
"""Seconds between two events of a provider, which is its own pace."""

ORIGINS: Final = 2
"""How many ports the providers have that take connections."""

HELD: Final = 1.5
"""What memory a proxy may hold that was busy for long, against one that has just begun: its caches are full."""

SAMPLES: Final = 10
_DEADLINE: Final = 180.0
"""Seconds after which a client is said to hang."""


@dataclass(slots=True)
class Report:
    """What a soak came to."""

    calls: dict[str, str] = field(default_factory=dict)
    """Call -> its fault, or "well"."""
    ends: Counter[str] = field(default_factory=Counter)
    """How the calls ended, each as "fault: how"."""
    samples: list[Sample] = field(default_factory=list)
    before: Held | None = None
    after: Held | None = None
    rows: Counter[str] = field(default_factory=Counter)
    """Call -> its rows."""
    kept: Counter[str] = field(default_factory=Counter)
    """Id of a row -> how often the ledger's own database has it."""
    lost: list[str] = field(default_factory=list)
    """Calls whose row is not in it exactly once."""
    odd: list[str] = field(default_factory=list)
    """Calls that were to come whole, and did not."""
    told: list[str] = field(default_factory=list)
    """Their rows, to be read."""
    late: list[str] = field(default_factory=list)
    """Requests that reached a provider when their call was over."""
    most: int = 0
    """The most streams that were open at once."""

    def wrong(self, growth: float) -> list[str]:
        """Give what is not as it must be. ``growth`` bounds the memory at the end, against that at half-time."""
        assert self.before is not None
        assert self.after is not None
        found = [f"{call} ({self.calls.get(call)}) has {n} rows" for call, n in self.rows.items() if n != 1]
        found += [f"{call} ({kind}) has no row" for call, kind in self.calls.items() if not self.rows[call]]
        found += [
            f"{n} times {how}" for how, n in self.ends.items() if how.startswith("well: ") and how != "well: whole"
        ]
        found += [f"{call} is not in the ledger once" for call in self.lost]
        if sum(self.kept.values()) != len(self.calls):
            found.append(f"{sum(self.kept.values())} rows in the ledger, {len(self.calls)} calls")
        found += [f"a provider was asked for {call} when that was over" for call in self.late]
        found += more(self.before, self.after)
        # A client's connection has one to each provider, at most, give or take some that are closing.
        bound = self.before.sample.sockets + int(1.1 * self.most * (1 + ORIGINS))
        found += [f"{sample}: more than {bound} sockets" for sample in self.samples if sample.sockets > bound]
        before, after = self.before.sample.rss, self.after.sample.rss
        if after > before * HELD:
            found.append(f"{after / 1e6:.1f} MB are held when all have left, {before / 1e6:.1f} MB before")
        half, last = self.samples[len(self.samples) // 2], self.samples[-1]
        if last.rss > half.rss * growth:
            found.append(f"memory grew from {half.rss / 1e6:.1f} to {last.rss / 1e6:.1f} MB in the second half")
        return found

    def __str__(self) -> str:
        """Give all of it."""
        assert self.before is not None
        assert self.after is not None
        return "\n".join(
            [
                f"{len(self.calls)} calls, {sum(self.rows.values())} rows, at most {self.most} streams at once",
                f"before {self.before.sample}  {len(self.before.tasks)} tasks",
                *(f"       {sample}" for sample in self.samples),
                f"after  {self.after.sample}  {len(self.after.tasks)} tasks",
                *(f"{n:6} times {how}" for how, n in sorted(self.ends.items())),
                *self.told,
            ]
        )


class Soak:
    """The providers, the clients and what they draw."""

    def __init__(self, folder: Path, seed: int) -> None:
        """Prepare; ``folder`` takes certificates and rows."""
        self.folder = folder
        self.draw = random.Random(seed)  # noqa: S311 - repeatable, no secret
        self.authority = Authority(folder)
        self.tries: Counter[str] = Counter()
        self.plays: dict[str, Play] = {}
        self.over: set[str] = set()
        self.report = Report()
        self.open = 0
        self.numbers = iter(range(10**9))

    async def bind(self, stack: AsyncExitStack) -> None:
        """Open the providers' ports."""
        cert = self.authority.server("localhost")
        self.ups = [await stack.enter_async_context(kind(self.choose, cert)) for kind in (Upstream, Http2Upstream)]
        self.refusing = stack.enter_context(Refusing())

    def rules(self) -> str:
        """Give the rules: a provider a wire and HTTP, each with a fallback that speaks the other wire."""
        # A loaded machine is slow: what is well must not be taken for a stall, nor a long wait for a connection.
        limits = "limits: {connect: 30s, cooldown: off}"
        short = "limits: {connect: 30s, first_byte: 2s, between_events: 2s, duration: 6s, cooldown: off}"
        providers = [
            f"  {slow}{wire}-{up.http[0]}: {{base_url: '{up.url}', speaks: [{wire}], key: client, {within}}}"
            for up in self.ups
            for wire in PATHS
            for slow, within in (("", limits), ("slow-", short))
        ]
        providers += [
            f"  refused: {{base_url: '{self.refusing.url}', speaks: [messages], key: client, {limits}}}",
            f"  nowhere: {{base_url: 'https://provider.invalid', speaks: [chat], key: client, {limits}}}",
        ]
        retry = f"retry: {{times: {RETRIES}, backoff: 10ms, max: 200ms, budget: 20m}}"
        routes = [
            f"  - {{when: {{model: {name}-*}}, to: [{name}, {other}], {retry}}}"
            for name, other in (
                ("messages-1", "chat-2"),
                ("messages-2", "chat-1"),
                ("chat-1", "messages-2"),
                ("chat-2", "messages-1"),
                ("refused", "chat-1"),
                ("nowhere", "messages-2"),
                *((f"slow-{wire}-{http}", f"{wire}-{http}") for wire in PATHS for http in "12"),
            )
        ]
        return "\n".join(["providers:", *providers, "routes:", *routes, "listen: {intercept: [localhost]}", ""])

    # -- the providers

    def choose(self, asked: Asked) -> Script:
        """Give the script of a request; the model's name tells which call it is."""
        call = json.loads(asked.body)["model"]
        number = self.tries[call]
        self.tries[call] += 1
        kind = self.report.calls[call]
        if call in self.over:
            self.report.late.append(call)
        wire: WireName = "messages" if asked.path.endswith("/messages") else "chat"
        first = call.removeprefix("slow-").startswith(f"{wire}-{asked.http[0]}") and number <= RETRIES
        if kind == "well" or kind in UNREACHED or not first:
            return lambda reply: self._well(wire, reply)  # nothing is wrong, or this is the fallback
        play = Play(wire, heard=self.plays[call].heard, reached=self.plays[call].reached)
        return play.follow(FAULTS[kind].script(number, play))

    @staticmethod
    async def _well(wire: WireName, reply: Reply) -> None:
        await reply.head(200, STREAM)
        for event in EVENTS[wire]:
            await reply.send(event)
            await asyncio.sleep(PACE)
        await reply.end()

    # -- the clients

    async def alone(self, port: int, until: float) -> None:
        """Ask one thing after the other, over a connection of one's own, until the time is up."""
        line = Line(port)
        try:
            while time.monotonic() < until:
                await self._call(line, PLAYED)
        finally:
            line.close()

    async def together(self, line: Shared, until: float) -> None:
        """Do the same over a connection that others use as well."""
        while time.monotonic() < until:
            await self._call(line, SHARED)

    async def _call(self, line: Line | Shared, faults: Sequence[str]) -> None:
        kind = self.draw.choice([*faults, *UNREACHED]) if self.draw.randrange(ONE_IN) == 0 else "well"
        route = f"{self.draw.choice(['messages', 'chat'])}-{self.draw.choice('12')}"
        route = kind if kind in UNREACHED else f"slow-{route}" if kind in STALLS else route
        wire = self.draw.choice(tuple(PATHS))
        call = f"{route}-{next(self.numbers)}"
        self.report.calls[call] = kind
        play = self.plays[call] = Play(wire)
        self.open += 1
        self.report.most = max(self.report.most, self.open)
        try:
            async with asyncio.timeout(_DEADLINE):
                how = await line.ask(wire, call, play, FAULTS[kind].leaves if kind in PLAYED else "never")
        except TimeoutError:
            how = "hangs"
        self.open -= 1
        if kind == "well" and how != "whole":
            self.report.odd.append(call)
        self.report.ends[f"{kind}: {how}"] += 1
        self.over.add(call)


async def soak(seconds: float, streams: int, seed: int) -> Report:
    """Run it."""
    with tempfile.TemporaryDirectory(prefix="wiremend-soak-") as name:
        folder = Path(name)
        calls, told = folder / "calls.jsonl", folder / "told.json"
        course = Soak(folder, seed)
        async with AsyncExitStack() as stack:
            await course.bind(stack)
            proxy = Mitm(
                course.rules(),
                env={
                    "SSL_CERT_FILE": str(course.authority.ca),
                    "FAULTS_INSIDE": str(told),
                    "XDG_STATE_HOME": str(folder),
                },
                options={"wiremend_calls": calls, "wiremend_call_log": False, "flow_detail": 0},
                args=["-s", str(INSIDE)],
            )
            await asyncio.to_thread(proxy.start)
            try:
                await _course(course, proxy, Watch(proxy, told), seconds, streams)
            finally:
                await asyncio.to_thread(proxy.stop)
        rows = [json.loads(line) for line in calls.read_text("utf-8").splitlines()]
        course.report.rows.update(row["asked"] for row in rows)
        course.report.kept = ledger(folder)
        course.report.lost = [row["asked"] for row in rows if course.report.kept[row["id"]] != 1]
        course.report.told = [
            json.dumps(row) for row in rows if row["asked"] in {*course.report.odd, *course.report.late}
        ]
        return course.report


async def _course(course: Soak, proxy: Mitm, watch: Watch, seconds: float, streams: int) -> None:
    """Warm up, measure, let them all run, and measure again when they have left."""
    report = course.report
    fresh = await watch.held()
    await _all(course, proxy, streams // 10, 1.0)  # what is opened, imported and cached once is no leak
    report.before = await watch.warm(fresh)
    running = asyncio.ensure_future(_all(course, proxy, streams, seconds))
    for _ in range(SAMPLES):
        await asyncio.sleep(seconds / SAMPLES)
        report.samples.append(watch.sample())
    await running
    report.after = await watch.rest(report.before)


async def _all(course: Soak, proxy: Mitm, streams: int, seconds: float) -> None:
    until = time.monotonic() + seconds
    shared = streams // SHARING
    async with (
        Shared(proxy, course.ups[0].port) as one,
        Shared(proxy, course.ups[1].port) as other,
        asyncio.TaskGroup() as group,
    ):
        for _ in range(shared):
            group.create_task(course.together(one, until))
            group.create_task(course.together(other, until))
        for _ in range(streams - 2 * shared):
            group.create_task(course.alone(proxy.port, until))


def main(words: Sequence[str] | None = None) -> None:
    """Run it and tell."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak")
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--growth", type=float, default=1.15)
    given = parser.parse_args(words)
    report = asyncio.run(soak(given.seconds, given.streams, given.seed))
    wrong = report.wrong(given.growth)
    sys.stdout.write(f"{report}\n" + "".join(f"✗ {fault}\n" for fault in wrong))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
