"""What happens to providers while the proxy runs that a person may want to be told of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened.

    ``cause`` is a word that ``alerts: {on: …}`` knows: ``rate_limited``, ``balance``, ``cooled_down``, ``fallback`` or
    ``gate``. ``what`` is a sentence for people, without a secret; ``at`` is seconds since 1970.
    """

    cause: str
    provider: str
    what: str
    at: float
    model: str | None = None
    flow: str = ""
