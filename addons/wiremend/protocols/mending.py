"""What mends a reply of a wire: the interface that each wire's ``mend`` module fills in.

A mender makes one stream legal, event by event, by its wire's contract: a sound event leaves as its own bytes (G1), an
unsound one with just its own JSON patched, a missing one is put in front of the event that shows that it is missing,
and nothing waits but what must (G4). A cut is never turned into a success (G2). Whole bodies are mended by the same
rules, and turned into streams and back where the provider answered in the form that was not asked for.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from wiremend.protocols.failure import Failure
    from wiremend.sse import Event

_ID_DIGITS = 24


@dataclass(frozen=True, slots=True)
class Origin:
    """What a mender may know of the exchange; a function of these gives the same bytes again (G10).

    ``seed`` is what minted ids derive from, unlike that of any other exchange (the flow's id). ``now`` is the time in
    whole seconds since 1970, ``model`` the name that the client asked for, ``client`` the agent by its User-Agent.
    ``flow`` is the short id that error texts end with, ``tried`` what they say of providers that failed before.
    """

    seed: str = ""
    now: int = 0
    model: str | None = None
    client: str | None = None
    flow: str = ""
    tried: str = ""

    def signed(self, text: str) -> str:
        """Give an error text that ends with what was tried before, and the flow's id, by which all of it is found."""
        mark = f"[flow {self.flow}]"
        if self.tried and self.tried not in text:
            text = f"{text.removesuffix(mark).rstrip()} ({self.tried})"
        return f"{text} {mark}" if self.flow and not text.endswith(mark) else text

    def mint(self, prefix: str, number: int) -> str:
        """Give an id that no other exchange has: ``prefix_`` and 24 hex digits."""
        digest = hashlib.sha256(f"{self.seed}\n{prefix}\n{number}".encode("utf-8", "surrogatepass")).hexdigest()
        return f"{prefix}_{digest[:_ID_DIGITS]}"


@dataclass(frozen=True, slots=True)
class Mend:
    """One thing that was done about a violation.

    ``code``, ``event`` and ``pointer`` are the violation's. ``what`` says in a few words what was done (``set to 0``,
    ``message_stop put in``). ``kind``: "mended" (patched, or dropped without a loss of meaning), "invented" (put in,
    what the provider never said), "lost" (dropped, what it said), "failed" (the stream or body became an error), "seen"
    (left as it was).
    """

    kind: Literal["mended", "invented", "lost", "failed", "seen"]
    code: str
    event: int
    pointer: str
    what: str


class StreamMender(Protocol):
    """Mends one stream. Never raises, whatever the events."""

    mends: list[Mend]
    """What was done since the caller last emptied it."""

    failure: Failure | None
    """The error that the stream ended with, the provider's own (also a legal one) or one of ours."""

    quiet: bool
    """Whether the last event just went on with the answer, so that it says nothing of the reply as a whole (usage)."""

    @property
    def ended(self) -> bool:
        """Tell whether the stream's terminal event has been given; nothing more will be but ``b""``."""

    def feed(self, event: Event) -> bytes:
        """Take the next event and give what the client gets for it: ``event.raw`` itself if it is sound."""

    def close(self) -> bytes:
        """Take the end of the upstream's bytes, and give what is held or missing. A second call gives ``b""``.

        An end without the wire's terminal is completed only where everything but the terminal had been said; else it
        becomes the wire's own error.
        """

    def fail(self, failure: Failure) -> bytes:
        """End the stream with an error now: what is held and sound, the wire's error, a legal end. ``b""`` if ended."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole body after mending. Without ``mends`` it is the very object that came in.

    With ``failure`` the body was no reply, but an error (or nothing that can be read), and ``body`` is as it came.
    """

    body: bytes
    mends: tuple[Mend, ...] = ()
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Mending:
    """All that mends a wire's replies.

    ``body`` mends the whole body of a reply whose status is a success. ``to_stream`` writes such a mended body as a
    legal event stream, terminal included. ``to_body`` reads a legal stream (what a mender gave) back into a body; one
    that ended in an error gives a :class:`Whole` with the failure.
    """

    mender: Callable[[Origin], StreamMender]
    body: Callable[[bytes, Origin], Whole]
    to_stream: Callable[[bytes], bytes]
    to_body: Callable[[Iterable[Event], Origin], Whole]
