"""What a contract says of a stream or a body that breaks it.

Each wire's ``contract`` module holds what the strictest of its clients requires (the official SDKs' accumulators and
the agents that were measured), as a schema of every event and a table of which event may follow which. Contracts
judge and change nothing; they are usable on their own: feed events, get violations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wiremend.sse import Event


@dataclass(frozen=True, slots=True)
class Violation:
    """One breach.

    ``code`` is stable (``chat.tool-call.index-missing``: wire, part, fault). ``event`` counts the stream's events that
    carry data, from 1; it is 0 for a whole body, and the number after the last for what the end of a stream lacks.
    ``pointer`` is a JSON pointer into the event's data (or the body), ``message`` one sentence for a person.
    """

    code: str
    event: int
    pointer: str
    message: str


class StreamContract(Protocol):
    """Judges one stream, event by event. Never raises, whatever the bytes."""

    @property
    def ended(self) -> bool:
        """Tell whether the stream's terminal event was seen, so that nothing more may come."""

    def feed(self, event: Event) -> Sequence[Violation]:
        """Judge the next event; a sound one gives an empty sequence (the usual case, and the cheap one)."""

    def close(self) -> Sequence[Violation]:
        """Judge the end of the stream: what is open, or missing."""
