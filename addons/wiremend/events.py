"""Neutral stream events, and the table of which may follow which.

A decoder reads a wire's stream into these, the sequencer makes any sequence of them legal, an encoder writes a legal
one for another wire. A stream is ``Started``, parts, ``Finished``, ``Ended``; or it is ``Failed`` anywhere before the
end. The machines are :data:`TABLE`: one for the stream, one for each part. :class:`Grammar` runs them, and holds what a
table of kinds cannot say (the rules in its docstring).

Little is asked of decoders: the sequencer takes anything. But two things only they know. ``PartEnded`` means
that the *provider* said the part is whole; on a wire without such a word (chat) the decoder says it when it reads the
finish reason. ``Ended`` means that the provider said the stream is over (``message_stop``, ``[DONE]``,
``response.completed``); the end of the bytes is not a word, it is ``close()``.

What encoders may rely on: ``Finished`` is followed by ``Ended`` and nothing else, so all usage is known by then, and
parts have indexes 0, 1, 2 … in the order in which they begin.

Opaque things (``extra``, citations, what is of kind ``opaque``, strangers) are JSON text: nobody between decoder and
encoder reads them.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct

from wiremend.message import StopReason, Usage

if TYPE_CHECKING:
    from collections.abc import Mapping

type PartKind = Literal["text", "thinking", "redacted", "refusal", "tool_use", "custom_tool_use", "opaque"]
type DeltaKind = Literal["text", "thinking", "refusal", "json", "input", "signature", "encrypted", "citation", "opaque"]


class Started(Struct, frozen=True):
    """The reply begins; ``created`` is in seconds since 1970. ``extra`` is a JSON object of vendor fields, or ""."""

    id: str
    model: str
    created: int | None = None
    extra: str = ""


class PartStarted(Struct, frozen=True):
    """A content block begins, empty.

    ``id`` is a call's or an item's, ``name`` a tool's; both "" where there is none. A part of kind ``opaque`` has its
    whole JSON in ``extra``.
    """

    index: int
    kind: PartKind
    id: str = ""
    name: str = ""
    extra: str = ""


class Delta(Struct, frozen=True):
    """A piece of a part: of its text, of its input (``json``; ``input`` of a custom tool), or of what proves it.

    Pieces of the kinds in :data:`JOINED` add up; each of the others stands for itself.
    """

    index: int
    kind: DeltaKind
    text: str


class PartEnded(Struct, frozen=True):
    """A part is whole."""

    index: int


class UsageSeen(Struct, frozen=True):
    """Counts, as far as they are known; each is a running total."""

    usage: Usage


class Finished(Struct, frozen=True):
    """Why the model stopped, and at which stop sequence."""

    reason: StopReason
    stop_sequence: str | None = None
    extra: str = ""


class Ended(Struct, frozen=True):
    """The stream is over: the terminal of a success."""


class Failed(Struct, frozen=True):
    """The stream is over: the terminal of a failure.

    ``kind`` is one of the words of ``wiremend.protocols.base.ErrorKind``, ``message`` is for the client, ``code`` the
    provider's own.
    """

    kind: str
    message: str
    code: str | None = None


class Alive(Struct, frozen=True):
    """A ping: nothing, so that the connection stays open."""


class Stranger(Struct, frozen=True):
    """An event of a type that its decoder does not know: its name and its data."""

    name: str
    data: str


type Event = Started | PartStarted | Delta | PartEnded | UsageSeen | Finished | Ended | Failed | Alive | Stranger

CALLS: Final = frozenset({"tool_use", "custom_tool_use"})
"""Kinds of parts that need an id and a name."""

JOINED: Final = frozenset({"text", "thinking", "refusal", "json", "input"})
"""Kinds of deltas of which many make one text."""

DELTAS: Final[Mapping[PartKind, tuple[DeltaKind, ...]]] = MappingProxyType(
    {
        "text": ("text", "citation"),
        "thinking": ("thinking", "signature", "encrypted"),
        "redacted": ("encrypted",),
        "refusal": ("refusal",),
        "tool_use": ("json",),
        "custom_tool_use": ("input",),
        "opaque": ("opaque",),
    }
)
"""Kind of part -> kinds of deltas that it takes."""

TABLE: Final[Mapping[str, Mapping[str, Mapping[type[Event], str]]]] = MappingProxyType(
    {
        "stream": {
            "idle": {Started: "open", Alive: "idle", Stranger: "idle", Failed: "failed"},
            "open": {
                PartStarted: "open",
                Delta: "open",
                PartEnded: "open",
                UsageSeen: "open",
                Alive: "open",
                Stranger: "open",
                Finished: "finished",
                Failed: "failed",
            },
            "finished": {Ended: "ended"},
            "ended": {},
            "failed": {},
        },
        # Finished and Failed come to every part.
        "part": {
            "absent": {PartStarted: "open"},
            "open": {Delta: "open", PartEnded: "ended", Failed: "open"},
            "ended": {Finished: "ended", Failed: "ended"},
        },
    }
)
"""machine -> state -> type of event -> next state; what is not there is illegal."""


class Grammar:
    """Judges one stream, by the table and by these rules.

    - parts begin with the indexes 0, 1, 2 …, and a call begins with an id and a name;
    - a delta is of a kind that its part takes;
    - without ``interleave`` a part ends before the next begins;
    - usage leaves out nothing that was known before;
    - the reply has an id and a model, and the stop reason is not ``error``.

    ``state`` is the stream's. An illegal event leaves the state as it was.
    """

    __slots__ = ("_interleave", "_number", "_open", "_usage", "state")

    def __init__(self, *, interleave: bool = False) -> None:
        """Begin before the first event."""
        self.state = "idle"
        self._interleave = interleave
        self._open: dict[int, PartKind] = {}
        self._number = 0
        self._usage = Usage()

    def fault(self, event: Event) -> str | None:
        """Take the next event; say what is wrong with it, None if it is legal."""
        following = TABLE["stream"][self.state].get(type(event))
        if following is None:
            return f"{type(event).__name__} in a stream that is {self.state}"
        if fault := self._within(event):
            return fault
        self.state = following
        return None

    def _within(self, event: Event) -> str | None:
        """Hold the rules of parts and of values."""
        match event:
            case PartStarted(index=index) | Delta(index=index) | PartEnded(index=index):
                return self._of_part(event, index)
            case Started(id="") | Started(model=""):
                return "the reply has no id or no model"
            case UsageSeen(usage=usage):
                if self._usage.then(usage) != usage:
                    return "usage leaves out what was known"
                self._usage = usage
            case Finished(reason="error"):
                return "the stop reason is an error"
            case Finished() if self._open:
                return f"Finished while part {min(self._open)} is open"
        return None

    def _of_part(self, event: PartStarted | Delta | PartEnded, index: int) -> str | None:
        """Move the machine of one part."""
        begun = 0 <= index < self._number
        state = "open" if index in self._open else "ended" if begun else "absent"
        following = TABLE["part"][state].get(type(event))
        if following is None:
            return f"{type(event).__name__} for part {index}, which is {state}"
        if isinstance(event, PartStarted):
            if index != self._number:
                return f"part {index} begins where {self._number} is next"
            if self._open and not self._interleave:
                return f"part {index} begins while {min(self._open)} is open"
            if event.kind in CALLS and not (event.id and event.name):
                return f"part {index} is a call without id or name"
            self._open[index] = event.kind
            self._number += 1
        elif isinstance(event, PartEnded):
            del self._open[index]
        elif event.kind not in DELTAS[self._open[index]]:
            return f"a delta of kind {event.kind} for part {index}, which is {self._open[index]}"
        return None
