"""Alerts to people, as the rules ask for them: what happens to providers goes to :mod:`wiremend.ledger.alerts`."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from wiremend.ledger.alerts import Plan, Sender

if TYPE_CHECKING:
    from pathlib import Path

    from wiremend.ledger.happening import Happening
    from wiremend.mitm.house import House
    from wiremend.rules.resolve import Resolved

CLOSING: Final = 2.0
"""Seconds that the end of the proxy waits for alerts that are under way."""


class Alerting:
    """Sends alerts, to the addresses of the rules in force."""

    def __init__(self, house: House, sender: Sender | None = None) -> None:
        """Keep the house. No thread is started, and Apprise not imported, before rules name an address."""
        self.house = house
        self.sender = sender or Sender(self._warn)
        self._loop: asyncio.AbstractEventLoop | None = None
        house.on_rules.append(self.rules)
        house.on_happening.append(self.happened)

    def rules(self, _path: Path, resolved: Resolved) -> None:
        """Take rules that came in force."""
        alerts = resolved.rules.alerts
        self.sender.plan(Plan(resolved.alerts, frozenset(alerts.on), alerts.interval, resolved.secrets))

    def happened(self, happening: Happening) -> None:
        """Take what happened; it is sent elsewhere."""
        self.sender.happened(happening)

    def running(self) -> None:
        """Know the event loop, where warnings are logged."""
        self._loop = asyncio.get_running_loop()

    async def done(self) -> None:
        """Send what waits, for a short while."""
        await asyncio.to_thread(self.sender.close, CLOSING)

    def _warn(self, key: str, message: str) -> None:
        """Log a warning once, in the event loop; the sending thread calls."""
        with suppress(RuntimeError):  # the loop is closed, and the log with it
            if self._loop is None:
                self.house.tell_once(key, message)
            else:
                self._loop.call_soon_threadsafe(self.house.tell_once, key, message)
