"""Alerts: what happens to providers, told to people through Apprise, and never in the way of a call.

The :class:`Limiter` lets one alert through a cause, provider and interval, and counts what it holds back meanwhile; the
next alert tells the count. The :class:`Sender` is a thread that takes alerts from a bounded queue. Each address is
served by a thread of its own for as long as one alert takes, so that a server that hangs holds up neither the others
nor the end of the proxy; what did not arrive is told again with the next alert. Addresses hold tokens: of an address
no more is ever shown than its scheme (G8).
"""

from __future__ import annotations

import inspect
import logging
import re
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from wiremend.families import scrubbed
from wiremend.ledger.hush import hushed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from wiremend.ledger.happening import Happening

MISSING: Final = "alerts need Apprise, which is not installed: pip install 'wiremend[alerts]'"

WAITING: Final = 100
"""Alerts that wait to be sent at most; the oldest goes."""

MISSED: Final = 20
"""Alerts that an address missed and that are told again at most; the oldest goes."""

PATIENCE: Final = 30.0
"""Seconds that a service has for one alert."""

AGAIN: Final = 60.0
"""Seconds until an alert that reached nobody may be followed by one of its kind, unless the interval is shorter."""

_TITLES: Final = {
    "rate_limited": "rate limited, retries spent",
    "balance": "balance or quota exhausted",
    "cooled_down": "left alone for a while",
    "fallback": "fell back to another destination",
    "gate": "the provider refuses this client",
}
_ADVICE: Final = {
    "rate_limited": "Fewer requests at once help (`limits: {concurrent: N}`), or another destination (`to: [a, b]`).",
    "balance": "Top the account up, or wait until its quota renews; `to: [a, b]` sends requests elsewhere meanwhile.",
    "cooled_down": "It is tried again by itself; `wiremend status` shows when.",
    "fallback": "Nothing needs to be done, unless it goes on: look at the first destination then.",
    "gate": "The provider serves some clients only, and asking again will not change that: use a key or an endpoint of"
    " it that is meant for this client.",
}

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,23})://")
_LONG: Final = 300


@dataclass(frozen=True, slots=True)
class Alert:
    """One message. ``key`` is its cause and provider, ``at`` seconds since 1970."""

    key: tuple[str, str]
    title: str
    text: str
    at: float


@dataclass(slots=True)
class _Seen:
    """When the next of a kind may go, and what is held back until then."""

    free_at: float
    held: int = 0
    since: float = 0.0


class Limiter:
    """One alert a kind and interval. Threads may share it; ``clock`` gives seconds that never go back."""

    def __init__(self, interval: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with nothing sent."""
        self.interval = interval
        self._clock = clock
        self._seen: dict[tuple[str, str], _Seen] = {}
        self._lock = threading.Lock()

    def take(self, key: tuple[str, str], at: float) -> tuple[int, float] | None:
        """Tell whether one that happened ``at`` may go: how many were held back before, and since when.

        None where it is held back itself. Nobody is told how many were, before one of their kind goes again.
        """
        with self._lock:
            now, seen = self._clock(), self._seen.get(key)
            if seen is not None and now < seen.free_at:
                seen.held, seen.since = seen.held + 1, seen.since if seen.held else at
                return None
            self._seen[key] = _Seen(now + self.interval)
            return (seen.held, seen.since) if seen is not None else (0, 0.0)

    def failed(self, key: tuple[str, str]) -> None:
        """Take it that the last of this kind reached nobody: the next may go sooner."""
        with self._lock:
            seen = self._seen.get(key)
            if seen is not None:
                seen.free_at = min(seen.free_at, self._clock() + AGAIN)


def compose(happening: Happening, held: int = 0, since: float = 0.0, secrets: Iterable[str] = ()) -> Alert:
    """Write the alert of a happening: what, where, how often, and what to do."""
    cause, provider = happening.cause, _plain(happening.provider, secrets)
    what = _plain(happening.what, secrets).rstrip(".")
    model = f" (model {_plain(happening.model, secrets)})" if happening.model else ""
    more = f" And {held} more since {_clock(since)}." if held else ""
    text = f"{what}{model}.{more}\n{_ADVICE.get(cause, '')}".strip()
    return Alert((cause, happening.provider), f"Wiremend: {provider}: {_TITLES.get(cause, cause)}", text, happening.at)


def _plain(text: str, secrets: Iterable[str]) -> str:
    """Give a text as one line without a secret, and without what a chat would take for a call to everybody."""
    clean = " ".join(scrubbed(text, secrets).split())
    clean = "".join(character for character in clean if character.isprintable())
    clean = clean.replace("@", "@\u200b").replace("<!", "<\u200b!")  # a space of no width
    return clean if len(clean) <= _LONG else clean[: _LONG - 1] + "…"


def _clock(at: float) -> str:
    return time.strftime("%H:%M", time.localtime(at))


def has_apprise() -> bool:
    """Tell whether the extra is installed; imports nothing."""
    return find_spec("apprise") is not None


def scheme_of(address: str) -> str:
    """Give what may be shown of an address: the scheme in front, such as ``discord``."""
    found = _SCHEME.match(address.strip())
    return found[1].lower() if found else "unknown"


class Service:
    """One address, as Apprise understood it."""

    def __init__(self, scheme: str, notify: Callable[[str, str], bool]) -> None:
        """Keep what sends a title and a text, and tells whether they arrived."""
        self.scheme = scheme
        self.missed: deque[Alert] = deque(maxlen=MISSED)
        self._notify = notify
        self._thread: threading.Thread | None = None
        self._result: str | None = None

    def begin(self, title: str, text: str) -> bool:
        """Begin to send; False where the last is still under way."""
        if self._thread is not None and self._thread.is_alive():
            return False
        self._result = "it did not answer in time"
        self._thread = threading.Thread(
            target=self._send, args=(title, text), name=f"wiremend: alert to {self.scheme}", daemon=True
        )
        self._thread.start()
        return True

    def outcome(self, seconds: float) -> str | None:
        """Wait for the end and give what went wrong, in words without a secret; None where it arrived."""
        if self._thread is not None:
            self._thread.join(max(0.0, seconds))
        return self._result

    def _send(self, title: str, text: str) -> None:
        reasons = _Reasons()
        logger = logging.getLogger("apprise")
        logger.addHandler(reasons)
        try:
            with hushed():
                arrived = self._notify(title, text)
            self._result = None if arrived else reasons.last
        except Exception as error:  # noqa: BLE001 - whatever a plugin raises: it did not arrive, and its text may hold the address
            self._result = f"Apprise failed ({type(error).__name__})"
        finally:
            logger.removeHandler(reasons)


class _Reasons(logging.Handler):
    """Hears in Apprise's own words why something did not arrive, and keeps of them what holds no address."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last = "it was not taken"
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        """Look at a line of the thread that sends."""
        if record.thread != self._thread:
            return
        said = record.getMessage()
        status = re.search(r"\berror=(\d{3})\b", said)
        if status is not None:
            self.last = f"it answered {status[1]}"
        elif "onnection error" in said:
            self.last = "no connection, or no answer in time"


def open_services(address: str) -> list[Service]:
    """Give what an address stands for, be it several with commas between; none where Apprise does not understand it.

    It imports Apprise, which takes a good part of a second. Raises ImportError where it is not installed.
    """
    with hushed():
        from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType  # noqa: PLC0415 - an extra, and slow

        options: dict[str, Any] = {"app_id": "Wiremend", "app_desc": "Wiremend alerts", "async_mode": False}
        if "service_timeout" in inspect.signature(AppriseAsset).parameters:
            options["service_timeout"] = 0  # it would wait in threads that hold up the end of the process; ours do not
        asset = AppriseAsset(**options)
        every = Apprise(asset=asset)
        servers = list(every) if every.add(address) else []

    def service(server: Any) -> Service:  # noqa: ANN401 - a plugin of Apprise, of any class
        def notify(title: str, text: str) -> bool:
            alone = Apprise([server], asset=asset)
            return bool(
                alone.notify(body=text, title=title, notify_type=NotifyType.WARNING, body_format=NotifyFormat.TEXT)
            )

        return Service(str(getattr(server, "schema", "")) or scheme_of(address), notify)

    return [service(server) for server in servers]


@dataclass(frozen=True, slots=True)
class Plan:
    """Who is told of what. ``secrets`` is what no alert may hold, ``interval`` is seconds."""

    addresses: tuple[str, ...] = field(default=(), repr=False)
    causes: frozenset[str] = frozenset()
    interval: float = 900.0
    secrets: tuple[str, ...] = field(default=(), repr=False)


class Sender:
    """The thread that sends. ``warn`` gets a key and a message, from any thread; the key says what was told already."""

    def __init__(
        self,
        warn: Callable[[str, str], None],
        *,
        opens: Callable[[str], list[Service]] = open_services,
        clock: Callable[[], float] = time.monotonic,
        patience: float = PATIENCE,
    ) -> None:
        """Begin with nobody to tell."""
        self._warn = warn
        self._opens = opens
        self._patience = patience
        self._plan = Plan()
        self._limiter = Limiter(self._plan.interval, clock)
        self._alerts: deque[Alert] = deque(maxlen=WAITING)
        self._opened: tuple[str, ...] = ()
        self._closing = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def plan(self, plan: Plan) -> None:
        """Take who is told of what from now on. What was sent before still counts for the interval."""
        with self._changed:
            self._plan = plan
            self._limiter.interval = plan.interval
            if plan.addresses and self._thread is None and not self._closing:
                self._thread = threading.Thread(target=self._run, name="wiremend: alerts", daemon=True)
                self._thread.start()
            self._changed.notify()

    def happened(self, happening: Happening) -> None:
        """Send an alert, unless nobody wants it or one of its kind has just gone. It waits for nothing."""
        plan = self._plan
        if not plan.addresses or happening.cause not in plan.causes:
            return
        taken = self._limiter.take((happening.cause, happening.provider), happening.at)
        if taken is None:
            return
        alert = compose(happening, *taken, (*plan.secrets, *plan.addresses))
        with self._changed:
            full = len(self._alerts) == WAITING
            self._alerts.append(alert)
            self._changed.notify()
        if full:
            self._warn("alerts:full", f"more than {WAITING} alerts wait to be sent; the oldest are dropped")

    def close(self, seconds: float) -> None:
        """Send what waits, for so long at most, and end."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(seconds)  # whatever hangs is a daemon, and ends with the process

    # -- in the thread

    def _run(self) -> None:
        services: list[Service] = []
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._alerts or self._closing or self._plan.addresses != self._opened)
                addresses = self._plan.addresses
                alert = self._alerts.popleft() if self._alerts else None
                if alert is None and self._closing:
                    return
            try:
                if addresses != self._opened:
                    self._opened, services = addresses, []  # should this fail, it is not tried without end
                    services = self._open(addresses)
                if alert is not None:
                    self._send(alert, services)
            except Exception as error:  # noqa: BLE001 - the edge (G7): the thread goes on
                self._warn("alerts:failed", f"Wiremend failed to send an alert ({type(error).__name__})")

    def _open(self, addresses: Iterable[str]) -> list[Service]:
        found: list[Service] = []
        for address in addresses:
            try:
                services = self._opens(address)
            except ImportError:
                self._warn("alerts:missing", MISSING)
                return []
            except Exception as error:  # noqa: BLE001 - whatever a plugin raises; its text may hold the address
                self._warn(f"alerts:{scheme_of(address)}:address", f"alerts: Apprise failed ({type(error).__name__})")
                continue
            if not services:
                scheme = scheme_of(address)
                self._warn(f"alerts:{scheme}:address", f"alerts: Apprise does not understand the {scheme}:// address")
            found += services
        return found

    def _send(self, alert: Alert, services: list[Service]) -> None:
        if not services:
            return
        under_way: list[Service] = []
        for service in services:
            batch = [*service.missed, alert]
            service.missed.append(alert)
            title = alert.title if len(batch) == 1 else f"{alert.title} (and {len(batch) - 1} earlier)"
            if service.begin(title, _joined(batch)):
                under_way.append(service)
        end = time.monotonic() + self._patience
        whys = [
            service.outcome(end - time.monotonic()) if service in under_way else "it still hangs"
            for service in services
        ]
        if None not in whys:
            self._limiter.failed(alert.key)
        for service, why in zip(services, whys, strict=True):
            if why is None:
                service.missed.clear()
            else:
                self._warn(
                    f"alerts:{service.scheme}",
                    f"an alert did not go out by {service.scheme}:// ({why}); it is told again with the next",
                )


def _joined(alerts: list[Alert]) -> str:
    """Write several alerts as one text, the newest first; the earlier ones with their times and titles."""
    *earlier, newest = alerts
    told = [f"{_clock(alert.at)} {alert.title.removeprefix('Wiremend: ')}: {alert.text}" for alert in reversed(earlier)]
    return "\n\n".join([newest.text, *told])
