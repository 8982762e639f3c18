"""What a reply is, by its bytes: labels lie (``quirks``: content-type-not-sse, error-200-json)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from wiremend.sse import EventParser, StreamError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wiremend.protocols.base import WireName
    from wiremend.protocols.failure import Failure
    from wiremend.protocols.mending import Mending, Origin
    from wiremend.sse import Event

type Shape = Literal["stream", "json", "html", "text", "empty"]

PEEK_BYTES: Final = 64 * 1024
"""Bytes of a reply that are held at most, to see what it is; an error is never that long."""

_BOM: Final = b"\xef\xbb\xbf"
_FIELD: Final = re.compile(rb"(?:data|event|id|retry)?:")
_FIELD_BEGUN: Final = re.compile(rb"(?:d(?:ata?)?|da|e(?:v(?:e(?:nt?)?)?)?|id?|r(?:e(?:t(?:ry?)?)?)?)\Z")
_MAGIC: Final = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}


@dataclass(frozen=True, slots=True)
class Look:
    """What the first bytes of a reply say. ``failure`` is that of a stream whose first word is an error."""

    shape: Shape
    failure: Failure | None = None


class _Line(msgspec.Struct):
    """By which a line of JSON is an event of a stream rather than a body: how the three wires begin."""

    object: str | None = None
    type: str | None = None


def undeclared_coding(first: bytes) -> str | None:
    """Name the coding of bytes that are no text, whatever their head says."""
    return next((name for magic, name in _MAGIC.items() if first.startswith(magic)), None)


def shape_of(first: bytes, *, ended: bool) -> Shape | None:
    """Tell what a body is by its first bytes; None where more are needed."""
    text = first.removeprefix(_BOM).lstrip()
    if not text:
        return "empty" if ended else None
    line_begun = text.startswith(b"{") and b"\n" not in text and len(text) < PEEK_BYTES
    if not ended and (line_begun or _BOM.startswith(first)):
        return None
    if text[:1] in {b"{", b"["}:
        return "stream" if _is_lines(text) else "json"
    if _FIELD.match(text):
        return "stream"
    if not ended and _FIELD_BEGUN.match(text):
        return None
    return "html" if text.startswith(b"<") else "text"


def _is_lines(text: bytes) -> bool:
    """Tell whether the first line of a JSON text is an event, as where a server forgets ``data:``."""
    line, end, _ = text.partition(b"\n")
    if not end:
        return False
    try:
        seen = msgspec.json.decode(line, type=_Line)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return False
    kind = seen.type or ""
    return seen.object == "chat.completion.chunk" or kind == "message_start" or kind.startswith("response.")


def look(first: bytes, mending: Mending, origin: Origin, *, ended: bool, answer: WireName | None = None) -> Look | None:
    """Look at the first bytes of a reply to a request for a stream; None where more are needed to know what it is.

    A stream is known once an event says something: a comment, a ping or an empty event does not. Its mender tells
    whether what it says is an error. Where ``answer`` names the stream's wire, it takes an event of the answer itself:
    what only opens the stream may be followed by an error that another try could mend.
    """
    shape = shape_of(first, ended=ended)
    if shape != "stream":
        return None if shape is None else Look(shape)
    mender = mending.mender(origin)
    for event in _events(first, ended=ended):
        given = mender.feed(event)
        if mender.failure is not None:
            return Look("stream", mender.failure)
        if given and _says(event) and (answer is None or is_answer(answer, event.data or b"")):
            return Look("stream")
    if ended:
        mender.close()
        return Look("stream", mender.failure)
    return Look("stream") if len(first) >= PEEK_BYTES else None


_OPENINGS: Final = frozenset({"response.created", "response.queued", "response.in_progress"})


class _Opening(msgspec.Struct):
    """By which an event that only opens a stream is told from one of the answer."""

    type: str = ""
    choices: list[_Choice] | None = None


class _Choice(msgspec.Struct):
    delta: dict[str, msgspec.Raw] = {}
    finish_reason: str | None = None


_EMPTY: Final = frozenset({b"null", b'""', b"[]", b"{}"})


def is_answer(wire: WireName, data: bytes) -> bool:
    """Tell whether an event's data is of the answer itself, and not only what opens a stream (or keeps it open).

    What cannot be read counts as answer: then nothing is held for it.
    """
    try:
        seen = msgspec.json.decode(data, type=_Opening)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return True
    if wire == "messages":
        return seen.type not in {"message_start", "ping"}
    if wire == "responses":
        return seen.type not in _OPENINGS and seen.type.startswith("response.")
    return any(
        one.finish_reason is not None
        or any(bytes(value) not in _EMPTY for name, value in one.delta.items() if name != "role")
        for one in seen.choices or ()
    )


def _events(first: bytes, *, ended: bool) -> Sequence[Event]:
    parser = EventParser(apart=True)
    try:
        return [*parser.feed(first), *(parser.close() if ended else ())]
    except StreamError as error:
        return error.events


def _says(event: Event) -> bool:
    """Tell whether an event is of the answer: not a comment, nor what keeps a connection alive."""
    data = event.raw if event.apart and event.data is None else event.data
    return bool(data and data.strip() not in {b"", b"{}"}) and event.event != "ping"
