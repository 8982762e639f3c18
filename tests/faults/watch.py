"""A proxy's process, looked at from outside and asked what is alive in it (``inside/faults_inside.py`` answers)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import psutil

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab import Mitm

SETTLE: Final = 20.0
"""Seconds within which everything must be gone when everybody has left."""

_LOOK: Final = 0.2
"""Seconds between two looks at a process that says nothing by itself."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What the proxy holds at a moment: seconds since the start, resident bytes, open files, sockets."""

    at: float
    rss: int
    files: int
    sockets: int

    def __str__(self) -> str:
        """Give a line of a table."""
        return f"{self.at:7.1f} s  {self.rss / 1e6:7.1f} MB  {self.files:4} files  {self.sockets:4} sockets"


@dataclass(slots=True)
class Held:
    """What the proxy holds when it is at rest: a sample, the names of its tasks, and how many objects of each class."""

    sample: Sample
    tasks: list[str]
    alive: dict[str, int]


class Watch:
    """Looks at a proxy from outside, and asks it what is alive in it."""

    def __init__(self, proxy: Mitm, told: Path) -> None:
        """Watch a proxy that writes to ``told`` when it gets the signal."""
        self.pid = int(proxy.ready["pid"])
        self.process = psutil.Process(self.pid)
        self.began = time.monotonic()
        self._told = told
        self._times = 0

    def sample(self) -> Sample:
        """Look."""
        sockets = len(self.process.net_connections("inet"))
        return Sample(time.monotonic() - self.began, self.process.memory_info().rss, self.process.num_fds(), sockets)

    async def held(self) -> Held:
        """Look, and ask."""
        self._times += 1
        os.kill(self.pid, signal.SIGUSR1)
        seen: dict[str, Any] = {}
        async with asyncio.timeout(SETTLE):
            while seen.get("told") != self._times:
                with contextlib.suppress(FileNotFoundError):
                    seen = json.loads(self._told.read_text("utf-8"))
                await asyncio.sleep(0.02)
        return Held(self.sample(), seen["tasks"], seen["alive"])

    async def rest(self, before: Held) -> Held:
        """Give what is held when it is no more than before, or when the time for that is up."""
        end = time.monotonic() + SETTLE
        while more(before, now := await self.held()) and time.monotonic() < end:  # noqa: ASYNC110 - another process
            await asyncio.sleep(_LOOK)
        return now

    async def warm(self, fresh: Held) -> Held:
        """Give what is held when all clients have left a proxy that is no longer fresh, and what they left is gone."""
        last = await self.held()
        while (now := await self.held()).sample.sockets > fresh.sample.sockets or now.tasks != last.tasks:
            last = now
            await asyncio.sleep(_LOOK)
        return now


def more(before: Held, after: Held) -> list[str]:
    """Give what there is more of than before."""
    found = [
        f"{now} {what}, {then} before"
        for what, now, then in (
            ("sockets", after.sample.sockets, before.sample.sockets),
            ("open files", after.sample.files, before.sample.files),
            *((f"objects of {name}", n, before.alive[name]) for name, n in after.alive.items()),
        )
        if now > then
    ]
    tasks = Counter(after.tasks) - Counter(before.tasks)
    return [*found, f"tasks that were not there before: {dict(tasks)}"] if tasks else found
