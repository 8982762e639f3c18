"""What comes into the pipeline and what leaves it: a client's request, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wiremend.headers import Headers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wiremend.notes import Note
    from wiremend.pipeline.translate import Translation
    from wiremend.rules.engine import Decision
    from wiremend.rules.facts import Facts, Picked, Style
    from wiremend.rules.urls import Destination


@dataclass(frozen=True, slots=True)
class ClientRequest:
    """A request as the client sent it.

    ``host`` and the rest of the address are those the client addressed; ``host`` is None at the gateway, where the
    client addressed us. ``target`` is path and query, ``body`` the bytes as they came. ``agent`` is the agent's id
    where no header says. ``recorded`` belongs to a request out of a capture, ``picked`` to one whose preference is
    known (:class:`~wiremend.rules.facts.Facts`).
    """

    style: Style
    method: str
    scheme: str
    host: str | None
    port: int
    target: str
    headers: Headers
    body: bytes = b""
    agent: str | None = None
    recorded: Mapping[str, Mapping[str, bool]] = field(default_factory=dict, repr=False)
    picked: Picked | None = None


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A request as it leaves. ``body`` is None where the client's bytes leave as they came."""

    facts: Facts
    decision: Decision
    destination: Destination
    headers: Headers
    body: bytes | None
    notes: tuple[Note, ...] = ()
    edits: tuple[str, ...] = ()
    withheld: str | None = None
    """Why the client's own credential stays home, for the log."""
    translation: Translation | None = None
    """What the way back needs, where the provider is spoken to on another wire."""
    catalogue: Callable[[], bytes | None] | None = field(default=None, repr=False, compare=False)
    """Makes the list of models out of the rules, for a provider that has none."""
    tokenizer: bool = False
    """Whether a tokenizer may be used where tokens are to be estimated."""

    @property
    def reply_name(self) -> str | None:
        """The name that the reply is to give the model, where the alias asks for it."""
        return self.decision.asked if self.decision.keep_name and self.decision.model is not None else None


@dataclass(frozen=True, slots=True)
class Untouched:
    """A request that leaves as it came: no LLM request, sent to a host of the client's own choice."""

    facts: Facts


@dataclass(frozen=True, slots=True)
class Refused:
    """A request that does not leave; ``body`` is the client wire's own error object.

    ``kind`` is what is wrong with it, one of :data:`wiremend.protocols.base.ErrorKind`. ``as_stream`` tells that the
    body is a stream of events, for a client that reads such an error nowhere else.
    """

    facts: Facts
    status: int
    message: str
    body: bytes
    notes: tuple[Note, ...] = field(default=())
    kind: str = "invalid_request"
    as_stream: bool = False


def is_of_the_destination(refused: Refused) -> bool:
    """Tell whether another destination may take what was refused here: for want of a key, a usable URL, or room."""
    return refused.kind in {"authentication", "internal", "context_length"}


@dataclass(frozen=True, slots=True)
class Answered:
    """A request that does not leave, for it is answered here: a list of models out of the catalogue, an estimate."""

    facts: Facts
    status: int
    message: str
    body: bytes
    notes: tuple[Note, ...] = field(default=())
    estimated: bool = False
    """Whether the body's numbers are estimates, which the head of the answer says."""


type Outcome = Rewritten | Untouched | Refused | Answered


_JSON = ("content-type", "application/json")
_EVENTS = ("content-type", "text/event-stream")
_FINAL = (("x-wiremend", "refused"), ("x-should-retry", "false"))
REFUSED = Headers((_JSON, *_FINAL))
"""The head of a refusal."""


def headers_here(outcome: Refused | Answered) -> Headers:
    """Give the head of what the client is told without a provider."""
    if isinstance(outcome, Refused):
        return Headers((_EVENTS, *_FINAL)) if outcome.as_stream else REFUSED
    head = Headers((_JSON, ("x-wiremend", "answered")))
    return head.with_set("x-wiremend-estimated", "input_tokens") if outcome.estimated else head
