"""The cool-down: a provider that fails again and again is left alone for a while, then probed, then taken back.

A circuit breaker for each provider and credential, for a rate and a balance are the credential's. It has three states:

=============  =========================================================================================
state          what it means
=============  =========================================================================================
``closed``     requests go there; failures in a row are counted, a success forgets them
``open``       nothing goes there until the rest is over
``half-open``  one request goes there, the probe; what becomes of it closes the breaker, or opens it again
=============  =========================================================================================

What counts is what the provider does, whoever asks: no connection, a stall, a broken stream, an error of the server, an
overload, a rate limit. What is the request's own fault (400, 401, 404 …) does not. An empty balance opens it at once,
for ten times the rest. Where the provider says when to come back, it is left alone until then, at most as long. Each
probe that fails doubles the rest, up to ten times.

A probe that nobody tells the end of is none any more after a rest: the breaker cannot hang on it.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from wiremend.pipeline.trouble import Trouble
    from wiremend.protocols.base import ErrorKind
    from wiremend.rules.model import Cooldown

type Key = tuple[str, str]
"""A provider's name, and what tells its credentials apart: a fingerprint, never the credential."""
type Word = Literal["closed", "open", "half-open"]

MOST_KEYS: Final = 10_000
LONGEST: Final = 10.0
"""How many times the rest of the rules it may be at most."""

_LINE: Final = frozenset({"connection", "stall"})
_COUNTED: Final[frozenset[ErrorKind]] = frozenset({"rate_limit", "overloaded", "timeout", "upstream", "internal"})
_OF_THE_REQUEST: Final[frozenset[ErrorKind]] = frozenset({"invalid_request", "request_too_large", "context_length"})


@dataclass(frozen=True, slots=True)
class State:
    """One breaker, for people. ``failures`` are those in a row, ``seconds`` how long until it is probed.

    ``why`` is the last failure's message.
    """

    provider: str
    credential: str
    state: Word
    failures: int
    seconds: float
    why: str


@dataclass(slots=True)
class _Breaker:
    failures: int = 0
    until: float | None = None
    """When the rest is over; None while closed."""
    rest: float = 0.0
    """How long it is, in seconds."""
    opened: float = 0.0
    """When it opened last."""
    probed: float | None = None
    """When the probe began, if one is under way."""
    why: str = ""

    def state(self, now: float) -> Word:
        if self.until is None:
            return "closed"
        return "open" if now < self.until else "half-open"

    def is_probed(self, now: float) -> bool:
        return self.probed is not None and now < self.probed + self.rest


class Breakers:
    """All breakers of a process. Every ``now`` is in seconds of one monotonic clock; at most ``most`` are kept."""

    def __init__(self, most: int = MOST_KEYS) -> None:
        """Begin with all closed."""
        self._kept: OrderedDict[Key, _Breaker] = OrderedDict()
        self._most = most

    def allows(self, key: Key, cooldown: Cooldown | None, now: float) -> bool:
        """Tell whether a request may go there. Where its rest is over the first who asks is the probe.

        Who was allowed says how it ended, by :meth:`failed`, :meth:`succeeded` or :meth:`gave_up_probe`.
        """
        kept = self._kept.get(key)
        if cooldown is None or kept is None or kept.until is None:
            return True
        if kept.state(now) == "open" or kept.is_probed(now):
            return False
        kept.probed = now
        return True

    def failed(self, key: Key, cooldown: Cooldown | None, now: float, trouble: Trouble) -> bool:
        """Count a failure. True where this has just opened the breaker: not where it was open, or a probe failed.

        One that says nothing of the provider makes room for another probe.
        """
        if cooldown is None:
            return False
        if not counts(trouble):
            self.gave_up_probe(key)
            return False
        kept = self._kept.setdefault(key, _Breaker())
        self._kept.move_to_end(key)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
        state, quota, longest = kept.state(now), trouble.word == "quota", LONGEST * cooldown.rest
        if state == "open" and not quota:
            return False  # it was on its way before
        kept.failures += 1
        kept.why = trouble.message
        if state == "closed" and not quota and kept.failures < cooldown.after:
            return False
        kept.rest = longest if quota else min(2 * kept.rest, longest) if state == "half-open" else cooldown.rest
        asked = trouble.retry_after
        kept.until = now + (min(asked, longest) if asked and not quota else kept.rest)
        kept.opened = now
        kept.probed = None
        return state == "closed"

    def succeeded(self, key: Key, now: float, *, began: float | None = None) -> bool:
        """Forget the failures in a row. True where this has just closed the breaker.

        A success during the rest of a request that was on its way before says nothing. ``began`` is when it began: one
        that was sent since then, because nobody else was there to be asked, ends the rest.
        """
        kept = self._kept.get(key)
        if kept is None or (kept.state(now) == "open" and (began is None or began <= kept.opened)):
            return False
        del self._kept[key]
        return kept.until is not None

    def gave_up_probe(self, key: Key) -> None:
        """Let another one probe: this one's client went away, or it said nothing of the provider."""
        kept = self._kept.get(key)
        if kept is not None:
            kept.probed = None

    def seconds(self, key: Key, now: float) -> float:
        """Give how long it is until the next probe; 0 where one may begin, or the breaker is closed."""
        kept = self._kept.get(key)
        if kept is None or kept.until is None:
            return 0.0
        if kept.probed is not None and kept.is_probed(now):
            return kept.probed + kept.rest - now
        return max(kept.until - now, 0.0)

    def states(self, now: float) -> list[State]:
        """Give all breakers that have counted a failure since the last success."""
        return [
            State(*key, kept.state(now), kept.failures, self.seconds(key, now), kept.why)
            for key, kept in self._kept.items()
        ]


def counts(trouble: Trouble) -> bool:
    """Tell whether a trouble says that the provider fails, whoever asks and whatever for."""
    if trouble.word in _LINE or trouble.word == "quota":
        return True
    if trouble.word not in {"stream", "status"}:
        return False  # it never began
    if trouble.failure is None:
        status = trouble.status
        return status is None or status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    if trouble.failure.kind in _COUNTED:
        return True
    server = (trouble.status or 0) >= HTTPStatus.INTERNAL_SERVER_ERROR
    return server and trouble.failure.kind not in _OF_THE_REQUEST
