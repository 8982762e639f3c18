"""Tells `wiremend status` how this proxy fares: a private file, written anew when something has changed.

What is in it, the others tell by ``House.status``: each under its own name, as JSON has it. The file is looked at once
a second and written whole by a thread; a proxy that is killed leaves it behind, and so its end can be told.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import psutil
from mitmproxy import ctx

from wiremend import __version__
from wiremend.families import scrubbed
from wiremend.mitm.life import whereabouts_file
from wiremend.mitm.shelf import is_alive
from wiremend.rules.lookup import private_folder, state_folder

if TYPE_CHECKING:
    from pathlib import Path

    from wiremend.mitm.house import House
    from wiremend.rules.resolve import Resolved

logger = logging.getLogger("wiremend")

FORMAT: Final = 1
"""The version of the file's shape; a change of what a key means raises it."""

EVERY: Final = 1.0
"""Seconds between two looks."""

REMEMBERED: Final = 86400.0
"""Seconds for which the end of a proxy that was killed is told."""

SUFFIX: Final = ".status.json"

_DEEPEST: Final = 12


class StatusFile:
    """Writes the file."""

    def __init__(self, house: House) -> None:
        """Listen for rules; nothing is written before the proxy runs."""
        self.house = house
        self._since = 0.0
        self._began = 0.0
        self._rules: dict[str, object] | None = None
        self._written: dict[str, object] | None = None
        self._ticker: asyncio.Task[None] | None = None
        self._file = threading.Lock()
        """Held by whoever writes the file, or takes it away for good."""
        self._over = False
        house.on_rules.append(self._on_rules)

    # -- mitmproxy's hooks

    def running(self) -> None:
        """Begin to write."""
        self._since = time.time()
        self._began = psutil.Process().create_time()
        self._ticker = asyncio.create_task(self._tick(), name="wiremend: status")

    def done(self) -> None:
        """Take the file away: a proxy that has ended is not told of."""
        if self._ticker is not None:
            self._ticker.cancel()
            self._ticker = None
            with self._file, suppress(OSError):
                self._over = True
                status_file(os.getpid()).unlink(missing_ok=True)

    # -- how

    def _on_rules(self, path: Path, resolved: Resolved) -> None:
        self._rules = {"path": str(path), "hash": resolved.rules.hash, "loaded": time.time()}

    async def _tick(self) -> None:
        try:
            await asyncio.to_thread(_sweep)
        except Exception as error:  # noqa: BLE001 - the edge (G7): an old file more, that is all
            logger.debug("Wiremend failed to remove old status files (%s)", type(error).__name__)
        while True:
            try:
                told = self.told()
                if told != self._written:
                    await asyncio.to_thread(self._write, {**told, "at": time.time()})
                    self._written = told
            except Exception as error:  # noqa: BLE001 - the edge (G7): `wiremend status` tells less, that is all
                self.house.failed("status", "to tell how it fares", error)
            await asyncio.sleep(EVERY)

    def told(self) -> dict[str, object]:
        """Give what is written, but for the time."""
        server = ctx.master.addons.get("proxyserver")
        addresses = [[str(address[0]), int(str(address[1]))] for address in server.listen_addrs()] if server else []
        resolved = self.house.resolved
        secrets = resolved.secrets if resolved is not None else ()
        status: dict[str, object] = {}
        for name, tell in self.house.status.items():
            try:
                status[name] = _plain(tell(), secrets)
            except Exception as error:  # noqa: BLE001 - the edge (G7): what one of them raises is not the others' affair
                self.house.failed(f"status of {name}", "to tell how it fares", error)
        return {
            "format": FORMAT,
            "version": __version__,
            "pid": os.getpid(),
            "began": self._began,
            "since": self._since,
            "addresses": addresses,
            "enabled": bool(ctx.options.wiremend_enabled),
            "rules": self._rules,
            "status": status,
        }

    def _write(self, told: dict[str, object]) -> None:
        """Write the file, whole or not at all. Raises OSError."""
        path = status_file(os.getpid())
        part = path.with_suffix(".part")
        with self._file:
            if self._over:
                return
            private_folder(path.parent, state_folder(os.environ))
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(json.dumps(told) + "\n")
            part.replace(path)


def status_file(process: int) -> Path:
    """Give the private file in which the proxy of this process says how it fares."""
    return whereabouts_file(process).with_name(f"{process}{SUFFIX}")


def _plain(value: object, secrets: tuple[str, ...], depth: int = 0) -> object:
    """Give a value as JSON has it, without a credential in any text (G8); what JSON does not know is told as text."""
    if isinstance(value, str):
        return scrubbed(value, secrets)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, dict) and depth < _DEEPEST:
        return {scrubbed(str(key), secrets): _plain(one, secrets, depth + 1) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset) and depth < _DEEPEST:
        return [_plain(one, secrets, depth + 1) for one in value]
    return scrubbed(str(value), secrets)


def _sweep() -> None:
    """Remove what proxies left behind that were killed long ago."""
    for left in status_file(0).parent.glob(f"*{SUFFIX}"):
        number = left.name.removesuffix(SUFFIX)
        if number.isdigit() and not is_alive(int(number)) and time.time() - left.stat().st_mtime > REMEMBERED:
            left.unlink(missing_ok=True)
