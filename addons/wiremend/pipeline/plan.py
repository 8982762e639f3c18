"""One request's tries: after a failure, the same destination again, the next one, or none.

The same destination is asked again while retries of it are left, where the route's ``retry.on`` has the trouble, and
where asking again can help. The next one is asked at once, where the trouble is of this provider (no connection, a rate
or a balance, a fault of the server, a key or a model that it does not know). Where the request itself is wrong (400,
413, 422, longer than the context) it is wrong everywhere, and the client is told. So it is with a 401 to the client's
own credential, which only the client can refresh.

What a trouble is counts by what the error means (:class:`~wiremend.protocols.failure.Failure`), not by its status
alone: a model that is not known is the provider's trouble, also as a 400, and a refusal of the request is the
request's, also as a 500.

Waits have full jitter: anything up to ``backoff``, and up to twice that at each further retry, never more than ``max``
(https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/). Where the provider says how long, it is
waited that long and a little more, so that not all come back at once; longer than ``max`` is not waited at all. Clock
and chance are handed in, so the same troubles at the same times give the same steps (G10).
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from wiremend.rules.model import NEVER_RETRIED, RETRIED

if TYPE_CHECKING:
    from collections.abc import Callable

    from wiremend.pipeline.trouble import Trouble
    from wiremend.protocols.base import ErrorKind
    from wiremend.rules.model import Retry

_NEVER_BEGAN: Final = frozenset({"cooling", "queue", "window", "credential", "refused"})
_OF_THE_LINE: Final = frozenset({"connection", "stall"})
_OF_THE_PROVIDER: Final[frozenset[ErrorKind]] = frozenset(
    {"authentication", "permission", "model_not_found", "rate_limit", "overloaded", "timeout", "upstream", "internal"}
)
_OF_THE_REQUEST: Final[frozenset[ErrorKind]] = frozenset({"invalid_request", "request_too_large", "context_length"})
_MOST_DOUBLINGS: Final = 60
_SPREAD: Final = 0.1
_MOST_SPREAD: Final = 1.0
"""What is added to a time that the provider asked for: up to a tenth of it, and at most a second."""


@dataclass(frozen=True, slots=True)
class Step:
    """What to do next: ask the destination ``target`` (its place in the route) in ``wait`` seconds.

    ``why`` is for people: ``429 rate limit: again in 1.2 s (retry 2 of 3)``.
    """

    target: int
    wait: float
    why: str


class Plan:
    """One request's tries. It begins with a try of the destination ``first``; each trouble of it gives the next step.

    ``targets`` is how many destinations the route has. They are asked in the order of the file, but ``first`` before
    all others (where a conversation had fallen back to it). ``began`` and every ``now`` are seconds of one monotonic
    clock; ``chance`` gives numbers from 0 up to, and without, 1.
    """

    def __init__(
        self, targets: int, retry: Retry, *, began: float, chance: Callable[[], float], first: int = 0
    ) -> None:
        """Begin. Raises ValueError where there is no destination, or no ``first`` one."""
        if not 0 <= first < targets:
            raise ValueError(f"there is no destination {first} among {targets}")
        self._order = (first, *(target for target in range(targets) if target != first))
        self._at = 0
        self._retries = 0
        self._tries = 1
        self._waited = 0.0
        self._over = False
        self._retry = retry
        self._ends = began + retry.budget
        self._chance = chance

    @property
    def target(self) -> int:
        """The destination that is asked, or is about to be: its place in the route."""
        return self._order[self._at]

    @property
    def tries(self) -> int:
        """How many tries there were, with the one under way; those that never began do not count."""
        return self._tries

    @property
    def retries(self) -> int:
        """How many of them were again at the destination of now."""
        return self._retries

    @property
    def left(self) -> int:
        """How many destinations have not been asked yet."""
        return 0 if self._over else len(self._order) - 1 - self._at

    @property
    def waited(self) -> float:
        """The seconds of all waits together."""
        return self._waited

    @property
    def exhausted(self) -> bool:
        """Tell whether it was given up: no step is left."""
        return self._over

    def time_left(self, now: float) -> float:
        """Give the seconds that are left of the budget, 0 where it is spent."""
        return max(self._ends - now, 0.0)

    def after(self, trouble: Trouble, now: float, *, own_key: bool = False) -> Step | None:
        """Say what to do after a try failed; None: give up, the client is told.

        ``own_key`` tells that the try had the client's own credential.
        """
        if trouble.word in _NEVER_BEGAN:
            return self.skipped(trouble, now)
        if self._over or self._spent(now):
            self._over = True
            return None
        said = _said(trouble)
        if _may_help(trouble, self._retry):
            if self._retries < self._retry.times:
                wait = self._wait(trouble)
                if wait is not None and wait < self.time_left(now):
                    self._retries += 1
                    self._tries += 1
                    self._waited += wait
                    again = f"again in {wait:.1f} s (retry {self._retries} of {self._retry.times})"
                    return Step(self.target, wait, f"{said}: {again}")
                asked = trouble.retry_after
                said += f", which asks for {asked:g} s" if asked else ", and no time to wait"
            elif self._retries:
                said += f", also after {self._retries} {'retry' if self._retries == 1 else 'retries'}"
        if not _moves_on(trouble, self._retry, own_key=own_key) or not self.left:
            self._over = True
            return None
        self._tries += 1
        return self._next(said)

    def skipped(self, trouble: Trouble, now: float) -> Step | None:
        """Say what to do where the destination was not asked at all: the next one at once; None if there is none."""
        if self._over:
            return None
        if not self.left or self._spent(now):
            self._tries -= 1
            self._over = True
            return None
        return self._next(_said(trouble))

    def _next(self, said: str) -> Step:
        self._at += 1
        self._retries = 0
        return Step(self.target, 0.0, f"{said}: on to destination {self.target + 1} of {len(self._order)}")

    def _spent(self, now: float) -> bool:
        return now >= self._ends

    def _wait(self, trouble: Trouble) -> float | None:
        """Give the seconds to wait; None where the provider asks for more than is ever waited."""
        asked = trouble.retry_after
        if not asked:  # 0 is what servers say who do not know: asked at once they say it again
            most = min(self._retry.max, self._retry.backoff * 2.0 ** min(self._retries, _MOST_DOUBLINGS))
            return self._chance() * most
        if asked > self._retry.max:
            return None
        return asked + self._chance() * min(_MOST_SPREAD, asked * _SPREAD)


def _may_help(trouble: Trouble, retry: Retry) -> bool:
    """Tell whether the same destination may be asked again.

    An error in a stream is also known by the status that would have said it. A status that only the file names is
    tried again whatever it seems to mean.
    """
    if trouble.word == "quota":
        return False
    status = trouble.status
    if status is None and trouble.failure is not None:
        status = trouble.failure.status
    if status in NEVER_RETRIED:
        return False
    if status in retry.on and status not in RETRIED:
        return True
    return not trouble.final and (trouble.word in retry.on or status in retry.on)


def _moves_on(trouble: Trouble, retry: Retry, *, own_key: bool) -> bool:
    """Tell whether another destination may do better."""
    if trouble.word in _OF_THE_LINE or trouble.word == "quota":
        return True
    if trouble.failure is None and trouble.status is None:
        return True  # a stream without a word
    kind = trouble.failure.kind if trouble.failure is not None else None
    if own_key and (kind == "authentication" or trouble.status == HTTPStatus.UNAUTHORIZED):
        return False
    if _may_help(trouble, retry):
        return True
    if kind in _OF_THE_REQUEST:
        return False
    status = trouble.status or 0
    return kind in _OF_THE_PROVIDER or status >= HTTPStatus.INTERNAL_SERVER_ERROR


def _said(trouble: Trouble) -> str:
    """Name a trouble in a few words: ``429 rate limit``, ``stall``, ``overloaded in the stream``."""
    kind = trouble.failure.kind.replace("_", " ") if trouble.failure is not None else ""
    if trouble.status is not None:
        return f"{trouble.status} {kind}".strip()
    return f"{kind} in the stream" if kind else trouble.word
