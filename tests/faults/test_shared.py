"""Many streams in one client connection of HTTP/2, as Codex has them, and a provider that speaks HTTP/1.1.

Each of them has an upstream connection of its own then, all of which belong to one connection handler of mitmproxy: a
fault of one must not be lost on the way to its stream, and none may wait for another.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from tests.faults.scripts import FAULTS, Play, well
from tests.faults.soak_clients import Shared
from tests.faults.upstream import Upstream
from tests.lab import Authority, Mitm

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.faults.upstream import Asked, Reply, Script

RULES = """
providers:
  a: {{base_url: '{url}/a', speaks: [messages], key: client, limits: {{cooldown: off}}}}
  b: {{base_url: '{url}/b', speaks: [messages], key: client}}
default: a
routes: [{{when: {{model: m*}}, to: [a, b], retry: {{times: 2, backoff: 10ms, max: 50ms, budget: 600s}}}}]
listen: {{intercept: [localhost]}}
"""
STREAMS = 24
DEADLINE = 60.0
"""Seconds that all streams may take: a tenth of what a limit of time would wait for a lost fault."""


class Stage:
    """What ``a`` does; ``b`` is well."""

    def __init__(self) -> None:
        """Begin with nobody there."""
        self.there: set[str] = set()
        self.all_there = asyncio.Event()

    def script(self, asked: Asked) -> Script:
        raise NotImplementedError

    def choose(self, asked: Asked) -> Script:
        play = Play("messages")
        return self.script(asked) if asked.path.startswith("/a/") else lambda reply: well(play, reply)


class Waiting(Stage):
    """Answers nobody before all have asked."""

    def script(self, asked: Asked) -> Script:
        async def answer(reply: Reply) -> None:
            self.there.add(json.loads(asked.body)["model"])
            if len(self.there) == STREAMS:
                self.all_there.set()
            await reply.wait(self.all_there)
            await well(Play("messages"), reply)

        return answer


class Resetting(Stage):
    """Resets each connection, before the head or behind it."""

    def script(self, asked: Asked) -> Script:
        even = int(json.loads(asked.body)["model"][1:]) % 2
        fault = FAULTS["reset-before-head" if even else "reset-in-first-event"]
        return fault.script(0, Play("messages"))


@asynccontextmanager
async def playing(stage: Stage, folder: Path) -> AsyncIterator[tuple[Shared, Path]]:
    """Give a client in front of a proxy in front of a stage, and the proxy's file of calls."""
    authority, calls = Authority(folder), folder / "calls.jsonl"
    async with Upstream(stage.choose, authority.server("localhost")) as up:
        environment = {"SSL_CERT_FILE": str(authority.ca)}
        proxy = Mitm(RULES.format(url=up.url), env=environment, options={"wiremend_calls": calls})
        await asyncio.to_thread(proxy.start)
        try:
            async with Shared(proxy, up.port) as shared:
                yield shared, calls
        finally:
            await asyncio.to_thread(proxy.stop)


async def ask_all(stage: Stage, folder: Path) -> tuple[list[str], list[list[str | None]]]:
    """Let all ask at once; gives how each ended, and the troubles of each one's tries."""
    async with playing(stage, folder) as (shared, calls):
        asking = [shared.ask("messages", f"m{number}", Play("messages"), "never") for number in range(STREAMS)]
        async with asyncio.timeout(DEADLINE):
            ends = await asyncio.gather(*asking)
    rows = [json.loads(line) for line in calls.read_text("utf-8").splitlines()]
    return list(ends), [[one["trouble"] for one in row["attempts"]] for row in rows]


def test_none_waits_for_a_place_in_a_connection(tmp_path: Path) -> None:
    """By itself mitmproxy makes five connections at once to an address, for one client connection."""
    ends, troubles = asyncio.run(ask_all(Waiting(), tmp_path))
    assert ends == ["whole"] * STREAMS
    assert troubles == [[None]] * STREAMS


@pytest.mark.timeout(180)
def test_a_reset_reaches_its_stream(tmp_path: Path) -> None:
    """By itself mitmproxy loses one where another connection finds it first, while it writes."""
    ends, troubles = asyncio.run(ask_all(Resetting(), tmp_path))
    assert ends == ["whole"] * STREAMS
    assert troubles == [["connection", "connection", "connection", None]] * STREAMS
