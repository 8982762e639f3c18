"""What a provider says and what a client must understand of it, in words of no wire.

A :class:`Reply` is what the model said, piece by piece as it came; ``tests/translate/scribe_*.py`` write it as each
vendor does. :class:`Means` is what the official SDK of the client's wire must read out of what the client gets,
whatever wire the provider spoke.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

type Json = dict[str, Any]
type Wire = Literal["messages", "chat", "responses"]
type Stop = Literal["end", "length", "stop_sequence", "tools", "refusal"]
type UsageAt = Literal["trailing", "choice", "finish", "absent"]

WIRES: Final[tuple[Wire, ...]] = ("messages", "chat", "responses")
DIRECTIONS: Final[tuple[tuple[Wire, Wire], ...]] = tuple(
    (client, upstream) for client in WIRES for upstream in WIRES if client != upstream
)
"""The six pairs of the client's wire and the provider's."""


@dataclass(frozen=True, slots=True)
class Think:
    """Reasoning that can be read, and what proves it to who wrote it."""

    pieces: tuple[str, ...]
    proof: str = "EqQBCkYIBxgCKkDfake"


@dataclass(frozen=True, slots=True)
class Say:
    """Text, and the address that backs it (``url``, ``title``)."""

    pieces: tuple[str, ...]
    cited: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Refuse:
    """The words for not answering."""

    pieces: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a tool; the pieces are of its arguments, which are JSON."""

    id: str
    name: str
    pieces: tuple[str, ...]

    @property
    def arguments(self) -> Any:  # noqa: ANN401  any JSON
        """The arguments, decoded."""
        return json.loads("".join(self.pieces) or "{}")


@dataclass(frozen=True, slots=True)
class Patch:
    """A call of a custom tool; the pieces are of its input, which is free text.

    A provider that was told of it as a function writes it as one, with the text in ``input``.
    """

    id: str
    name: str
    pieces: tuple[str, ...]

    def as_call(self) -> Call:
        """Give the call of the function, cut inside an escape."""
        text = json.dumps({"input": "".join(self.pieces)}, ensure_ascii=False)
        cut = text.find("\\n") + 1
        return Call(self.id, self.name, (text[:cut], text[cut : cut + 9], text[cut + 9 :]))


type Part = Think | Say | Refuse | Call | Patch


@dataclass(frozen=True, slots=True)
class Usage:
    """Counts of tokens; ``input`` is the whole prompt, ``cached`` and ``written`` are parts of it."""

    input: int
    output: int
    cached: int = 0
    reasoning: int = 0
    written: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """What a provider answers.

    ``usage_at`` is the place where a chat provider says the usage. ``error`` breaks the stream off with the provider's
    own error: its kind, in the messages wire's word, and its text. ``cut`` breaks it off without a word. With another
    ``status`` there is no stream at all. ``interleaved``: the pieces of the calls alternate, where the wire lets them.
    """

    parts: tuple[Part, ...] = ()
    stop: Stop = "end"
    at: str | None = None
    usage: Usage | None = Usage(11, 7)
    usage_at: UsageAt = "trailing"
    error: tuple[str, str] | None = None
    cut: bool = False
    status: int = 200
    interleaved: bool = False


@dataclass(frozen=True, slots=True)
class Means:
    """What a client must understand.

    ``words`` are all that the model says aloud, its refusal included. ``calls`` are (id, name, arguments decoded; the
    text itself of a custom tool). ``usage`` None means that none is told, or zeros. ``error`` are words that the error
    must hold; ``stop`` is then nothing. ``cited`` are the addresses that back the text.
    """

    words: str = ""
    thinking: str = ""
    calls: tuple[tuple[str, str, Any], ...] = ()
    stop: Stop | None = "end"
    usage: Usage | None = None
    error: str | None = None
    cited: tuple[str, ...] = ()


CUT: Final = "cut"
"""What ``Means.error`` is where the provider gave no words of its own."""


def meaning(reply: Reply) -> Means:
    """Give what a client must understand of a reply."""
    parts = reply.parts
    words = "".join(piece for part in parts if isinstance(part, Say | Refuse) for piece in part.pieces)
    thinking = "".join(piece for part in parts if isinstance(part, Think) for piece in part.pieces)
    if reply.error is not None or reply.cut:
        return Means(words, thinking, stop=None, error=reply.error[1] if reply.error else CUT)
    calls = tuple(
        (part.id, part.name, part.arguments if isinstance(part, Call) else "".join(part.pieces))
        for part in parts
        if isinstance(part, Call | Patch)
    )
    cited = tuple(part.cited[0] for part in parts if isinstance(part, Say) and part.cited)
    usage = None if reply.usage_at == "absent" else reply.usage
    return Means(words, thinking, calls, reply.stop, usage, None, cited)


def alternating(calls: Sequence[Call]) -> list[tuple[int, str]]:
    """Give the pieces of calls in turn: the number of the call, and its piece."""
    longest = max((len(call.pieces) for call in calls), default=0)
    return [
        (number, call.pieces[turn])
        for turn in range(longest)
        for number, call in enumerate(calls)
        if turn < len(call.pieces)
    ]


def sse(data: object, event: str | None = None) -> bytes:
    """Write one server-sent event; ``data`` is JSON unless it is a text."""
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    name = f"event: {event}\n" if event else ""
    return f"{name}data: {text}\n\n".encode()


def differences(got: Means, want: Means) -> list[str]:
    """Say where a client understood something else than it must; nothing where it understood all.

    An error must hold the provider's words, and none is needed where the provider gave none. Counts of a stream that
    failed are nobody's concern.
    """
    found = []
    if (got.error is None) != (want.error is None):
        found.append(f"error: {got.error!r} instead of {want.error!r}")
    elif want.error is not None and want.error != CUT and want.error not in (got.error or ""):
        found.append(f"error: {got.error!r} does not say {want.error!r}")
    if want.error is not None:
        return found + [f"{name}: {getattr(got, name)!r}" for name in ("calls", "stop") if getattr(got, name)]
    for name in ("words", "thinking", "calls", "stop", "usage", "cited"):
        had, must = getattr(got, name), getattr(want, name)
        if had != must:
            found.append(f"{name}: {had!r} instead of {must!r}")
    return found
