"""One line of ``wiremend doctor``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

type Level = Literal["ok", "warn", "FAIL"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: how bad, about what, what is so, and what to do about it; ``names`` are the variables it speaks of."""

    level: Level
    about: str
    what: str
    do: str = ""
    names: tuple[str, ...] = ()
