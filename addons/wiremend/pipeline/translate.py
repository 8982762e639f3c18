"""A request on its way to another wire, and what its reply needs to find the way back.

The client wire's codec reads the body, the upstream wire's writes it; what the one said and the other does not hear
becomes notes, each with the JSON pointer of the place in the client's body (G5). A function of its arguments (G10).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from wiremend.families import scrubbed
from wiremend.notes import Note
from wiremend.protocols.codec import TranslationError
from wiremend.protocols.codecs import CODECS
from wiremend.quirks.base import decoded, encoded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wiremend.message import ChatRequest
    from wiremend.protocols.base import WireName
    from wiremend.protocols.codec import Bridges, Loss, LossKind, Places, Recipient

SHOWN: Final = 20
"""Notes of one code that a request gets; a last one counts the rest."""

DIFFERENCES: Final = frozenset({"lost", "approximated", "invented"})
"""Kinds of notes that strict mode does not let pass."""


@dataclass(frozen=True, slots=True)
class Translation:
    """Between which wires an exchange is translated, and what its request was.

    ``near`` are tools that the hub knows by another name or form than the client, ``far`` those that the upstream does.
    ``body`` is the request on the upstream's wire, before edits and quirks.
    """

    client: WireName
    upstream: WireName
    request: ChatRequest = field(repr=False)
    near: Bridges
    far: Bridges
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Translated:
    """A request as the other wire has it, with headers that it needs besides the wire's own."""

    translation: Translation
    """Between which wires, with the body."""
    headers: Mapping[str, str]
    notes: tuple[Note, ...]

    @property
    def body(self) -> bytes:
        """The body on the upstream's wire."""
        return self.translation.body


_COUNTED: Final[Mapping[WireName, frozenset[str]]] = {
    "messages": frozenset({"model", "messages", "system", "tools", "tool_choice", "thinking", "output_config"}),
    "responses": frozenset(
        {"model", "input", "instructions", "tools", "tool_choice", "reasoning", "text", "parallel_tool_calls"}
    ),
}
"""What a request for a count of tokens may have of a turn's fields (the vendors' references); others are refused."""


def translate(
    body: bytes, client: WireName, upstream: WireName, recipient: Recipient, *, counts: bool = False
) -> Translated:
    """Say a request on another wire; ``counts`` tells that it is one for a count of tokens.

    Raises :class:`TranslationError`, with the JSON pointer, for what cannot be read or cannot be said there at all.
    """
    try:
        document = decoded(body)
    except (ValueError, RecursionError) as error:
        message = f"the body cannot be read: {error}"
        raise TranslationError("", message) from None
    if not isinstance(document, dict):
        message = "the body is no JSON object"
        raise TranslationError("", message)
    read = CODECS[client].read(document)
    written = CODECS[upstream].write(read.request, recipient)
    document, losses = written.document, (*read.losses, *written.losses)
    if counts:
        document = {name: value for name, value in document.items() if name in _COUNTED.get(upstream, ())}
        losses = tuple(loss for loss in losses if loss.path[:1] != ("max_tokens",))
    return Translated(
        translation=Translation(client, upstream, read.request, read.bridges, written.bridges, encoded(document)),
        headers=written.headers,
        notes=_notes(losses, read.places, f"{client} -> {upstream}"),
    )


def _notes(losses: Sequence[Loss], places: Places, way: str) -> tuple[Note, ...]:
    """Give a note for each loss; of very many of one code the first, and their number."""
    given: list[Note] = []
    seen: dict[tuple[LossKind, str], int] = {}
    told: dict[str, str] = {}  # most losses of a kind are told in the same words
    for loss in losses:
        which = (loss.kind, loss.code)
        seen[which] = times = seen.get(which, 0) + 1
        if times <= SHOWN:
            why = f"{way}: {loss.why}" if loss.why else way
            if (what := told.get(loss.what)) is None:
                what = told[loss.what] = scrubbed(loss.what)
            given.append(Note(loss.kind, places.of(loss.path), loss.code, what, why))
    for which, times in seen.items():
        if times > SHOWN:
            last = next(loss for loss in reversed(losses) if (loss.kind, loss.code) == which)
            what = f"and {times - SHOWN} more of the kind, this the last"
            given.append(Note(last.kind, places.of(last.path), last.code, what, way))
    return tuple(given)


def strictly(notes: Sequence[Note], why: str) -> str | None:
    """Say why strict mode refuses a request: the list of all differences; None where there are none."""
    found = [note for note in notes if note.kind in DIFFERENCES]
    if not found:
        return None
    places = "; ".join(f"{note.kind} {note.where or '(the body)'}: {note.what}" for note in found)
    return f"strict mode refuses this request ({why}), for the provider would not hear all that it says: {places}"
