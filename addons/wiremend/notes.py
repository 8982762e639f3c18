"""What Wiremend did to an exchange, in words: guarantee G5.

A :class:`Note` says what was changed, lost or invented, where (a JSON pointer, ``header:NAME`` or ``url``) and why.
Notes are written by every room above this one, shown in the flow, and kept with the capture. They hold no
credential (G8): a header that carries one is noted by name only.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final, Literal

type Kind = Literal[
    "routed",
    "edited",
    "mended",
    "lost",
    "approximated",
    "invented",
    "refused",
    "failed",
    "seen",
    "retried",
    "alive",
    "asked",
]


OF_THE_WAY: Final = frozenset({"retried", "alive", "asked"})
"""Kinds of notes on how an answer was come by, not on what it is: what was tried before, what kept the client, which
model was asked for a preference."""


@dataclass(frozen=True, slots=True)
class Note:
    """One change. ``short`` names it in a log line, ``what`` tells it in a sentence, ``why`` is rule or quirk."""

    kind: Kind
    where: str
    short: str
    what: str
    why: str = ""

    def as_dict(self) -> dict[str, str]:
        """Give it as mitmproxy can keep it in a flow's metadata."""
        return {key: str(value) for key, value in asdict(self).items()}
