"""How fast models answer, as this process has measured it: for preferences that ask for the fastest.

Measured is the time from a request to the first byte of its answer, of streams and of whole answers apart, for the
latter come at once. A model's speed is the median of its last times. One that was not measured yet counts as the
fastest, so that each has its turn; a try that failed counts as endless. What was measured an hour ago is forgotten, so
that who failed, or was slow, has another chance.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from statistics import median_high
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wiremend.pipeline.trouble import Trouble
    from wiremend.protocols.base import ErrorKind

TIMES: Final = 20
"""How many times of each model are kept."""

MOST: Final = 1000
"""How many models are remembered, the one that was measured longest ago out first."""

AGE: Final = 3600.0
"""Seconds for which a time counts."""

_OF_A_TRY: Final = frozenset({"connection", "stall", "stream", "status", "quota"})
_OF_THE_REQUEST: Final[frozenset[ErrorKind]] = frozenset({"invalid_request", "request_too_large", "context_length"})
_REQUESTS_FAULT: Final = frozenset({400, 413, 422})


def is_failure(trouble: Trouble) -> bool:
    """Tell whether a try failed for a reason of the model's or its provider's: not the request's, nor ours."""
    if trouble.word not in _OF_A_TRY:
        return False
    if trouble.failure is not None:
        return trouble.failure.kind not in _OF_THE_REQUEST
    return trouble.status not in _REQUESTS_FAULT


class Speeds:
    """What was measured, for each ``provider/model``. In memory only, and bounded.

    ``now`` is always a second of the caller's monotonic clock.
    """

    def __init__(self, most: int = MOST) -> None:
        """Begin with nothing measured. ``most`` models are remembered."""
        self._times: OrderedDict[tuple[str, bool], deque[tuple[float, float]]] = OrderedDict()
        self._most = most

    def __len__(self) -> int:
        """Give how many models are remembered; those that answer both in streams and whole count twice."""
        return len(self._times)

    def took(self, model: str, seconds: float, now: float, *, stream: bool) -> None:
        """Take a time; infinite for a try that failed."""
        key = (model, stream)
        self._times.setdefault(key, deque(maxlen=TIMES)).append((now, seconds))
        self._times.move_to_end(key)
        while len(self._times) > self._most:
            self._times.popitem(last=False)

    def failed(self, model: str, now: float, *, stream: bool) -> None:
        """Take it that a try failed."""
        self.took(model, math.inf, now, stream=stream)

    def seconds(self, model: str, now: float, *, stream: bool) -> float | None:
        """Give a model's median in seconds; None where nothing is known, or not any more."""
        times = self._times.get((model, stream), ())
        counted = [seconds for at, seconds in times if now - at < AGE]
        return median_high(counted) if counted else None

    def fastest(self, models: Sequence[str], now: float, *, stream: bool) -> int:
        """Give the place of the fastest; the first of those that are equal, and of those that are not known yet.

        Raises ValueError where there are none.
        """
        known = [self.seconds(model, now, stream=stream) for model in models]
        return min(range(len(models)), key=lambda at: -1.0 if (taken := known[at]) is None else taken)
