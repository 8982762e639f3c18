"""The events of the responses wire as its decoder reads them: what says something of the answer, and no more.

The mender has made the stream sound by its contract, so these Structs ask for no more than that (``schema``): a field
that no client reads may hold anything. What they do not name is skipped.
"""

from __future__ import annotations

import functools
import operator
from typing import TYPE_CHECKING, Any, ClassVar, Final

import msgspec
from msgspec import Raw, Struct

from wiremend.events import DeltaKind, PartKind  # noqa: TC001 - msgspec reads the annotations when it runs
from wiremend.message import Usage
from wiremend.protocols.coding import UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Sequence

_CONTENT_INDEX: Any = msgspec.field(default=0, name="content_index")
_SUMMARY_INDEX: Any = msgspec.field(default=0, name="summary_index")

# --- items and their parts --------------------------------------------------------------------------------------------


class Content(Struct):
    """A part of an item's ``content`` or ``summary``, of whatever type."""

    type: str = ""
    text: Any = None
    refusal: Any = None
    annotations: Raw = Raw()
    logprobs: Any = None


class Head(Struct):
    """By what an item is known. ``type`` is "" where it says none."""

    type: str = ""
    id: str | None = None


class Item(Struct):
    """An item of a type in :data:`TOLD`, begun or ended; what a field is supposed to hold it may not."""

    call_id: Any = None
    name: Any = None
    namespace: Any = None
    arguments: Any = None
    input: Any = None
    content: Raw = Raw()
    summary: Raw = Raw()
    encrypted_content: Any = None
    phase: Any = None


TOLD: Final = frozenset({"message", "reasoning", "function_call", "custom_tool_call"})
"""The types of item for which the hub has words; an item of any other is opaque."""


# --- the response object ----------------------------------------------------------------------------------------------


class Cached(Struct):
    """What the cache did for the prompt."""

    cached_tokens: int | None = None
    cache_write_tokens: Any = None


class Thought(Struct):
    """What the answer was made of."""

    reasoning_tokens: int | None = None


class Counts(Struct):
    """The tokens of a response; on this wire ``input_tokens`` includes those of the cache."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: Cached | None = None
    output_tokens_details: Thought | None = None


class Why(Struct):
    """Why a response is not whole."""

    reason: str | None = None


class Error(Struct):
    """Why a response failed."""

    code: str | None = None
    message: str | None = None


class Begun(Struct):
    """A response object that has just begun."""

    id: str = ""
    model: str = ""
    created_at: int | float | None = None
    output: list[Raw] | None = None


class Ended(Struct):
    """A response object that is over."""

    output: list[Raw] | None = None
    usage: Counts | None = None


class Cut(Ended):
    """One that is not whole."""

    incomplete_details: Why | None = None


class Broken(Struct):
    """One that failed."""

    error: Error | None = None


# --- events -----------------------------------------------------------------------------------------------------------


class Event(Struct, tag_field="type"):
    """The base of all."""


class Created(Event, tag="response.created"):
    """The first event."""

    response: Begun


class Progress(Event, tag="response.in_progress"):
    """Work has begun; it says nothing of the answer."""


class Queued(Event, tag="response.queued"):
    """Work waits; it says nothing either."""


class Completed(Event, tag="response.completed"):
    """The end of a whole answer."""

    response: Ended


class Incomplete(Event, tag="response.incomplete"):
    """The end of an answer that a limit cut off."""

    response: Cut


class Failed(Event, tag="response.failed"):
    """The end as an error."""

    response: Broken


class Added(Event, tag="response.output_item.added"):
    """An item begins."""

    output_index: int
    item: Raw


class Done(Event, tag="response.output_item.done"):
    """An item is whole."""

    output_index: int
    item: Raw


class Piece(Event, gc=False):
    """A piece of the text of an item, at a ``place`` in it (the one place of a call is 0).

    ``owner`` is the type of the item, ``kind`` that of the neutral delta, ``part`` that of the neutral part, ``field``
    the one of a reasoning item that the text is of.
    """

    owner: ClassVar[str]
    kind: ClassVar[DeltaKind]
    part: ClassVar[PartKind]
    field: ClassVar[str] = ""
    output_index: int
    delta: str
    place: int = 0


class TextPiece(Piece, tag="response.output_text.delta", gc=False):
    """Text of a message."""

    owner, kind, part = "message", "text", "text"
    place: int = _CONTENT_INDEX


class RefusalPiece(Piece, tag="response.refusal.delta", gc=False):
    """Words of a refusal."""

    owner, kind, part = "message", "refusal", "refusal"
    place: int = _CONTENT_INDEX


class ThoughtPiece(Piece, tag="response.reasoning_text.delta", gc=False):
    """Reasoning as it was thought."""

    owner, kind, part, field = "reasoning", "thinking", "thinking", "content"
    place: int = _CONTENT_INDEX


class SummaryPiece(Piece, tag="response.reasoning_summary_text.delta", gc=False):
    """A summary of the reasoning."""

    owner, kind, part, field = "reasoning", "thinking", "thinking", "summary"
    place: int = _SUMMARY_INDEX


class ArgumentsPiece(Piece, tag="response.function_call_arguments.delta", gc=False):
    """Arguments of a function call."""

    owner, kind, part = "function_call", "json", "tool_use"


class InputPiece(Piece, tag="response.custom_tool_call_input.delta", gc=False):
    """Input of a custom tool's call."""

    owner, kind, part = "custom_tool_call", "input", "custom_tool_use"


class Whole(Event):
    """All of a text, when it has been streamed; it is news only where nothing was. ``piece`` is what streams it."""

    piece: ClassVar[type[Piece]]
    output_index: int
    text: str = ""
    place: int = 0


class TextWhole(Whole, tag="response.output_text.done"):
    """Text of a message."""

    piece = TextPiece
    place: int = _CONTENT_INDEX


class RefusalWhole(Whole, tag="response.refusal.done"):
    """Words of a refusal."""

    piece = RefusalPiece
    text: str = msgspec.field(default="", name="refusal")
    place: int = _CONTENT_INDEX


class ThoughtWhole(Whole, tag="response.reasoning_text.done"):
    """Reasoning as it was thought."""

    piece = ThoughtPiece
    place: int = _CONTENT_INDEX


class SummaryWhole(Whole, tag="response.reasoning_summary_text.done"):
    """A summary of the reasoning."""

    piece = SummaryPiece
    place: int = _SUMMARY_INDEX


class ArgumentsWhole(Whole, tag="response.function_call_arguments.done"):
    """Arguments of a function call."""

    piece = ArgumentsPiece
    text: str = msgspec.field(default="", name="arguments")


class InputWhole(Whole, tag="response.custom_tool_call_input.done"):
    """Input of a custom tool's call."""

    piece = InputPiece
    text: str = msgspec.field(default="", name="input")


class OfContent(Event):
    """A content part begins or ends."""

    output_index: int
    part: Content
    place: int = _CONTENT_INDEX


class PartAdded(OfContent, tag="response.content_part.added"):
    """It begins."""


class PartDone(OfContent, tag="response.content_part.done"):
    """It is whole."""


class OfSummary(Event):
    """A part of a summary begins or ends."""

    output_index: int
    part: Content
    place: int = _SUMMARY_INDEX


class SummaryAdded(OfSummary, tag="response.reasoning_summary_part.added"):
    """It begins."""


class SummaryDone(OfSummary, tag="response.reasoning_summary_part.done"):
    """It is whole."""


class Annotated(Event, tag="response.output_text.annotation.added"):
    """A note on the text of a message."""

    output_index: int
    annotation: Raw
    place: int = _CONTENT_INDEX


class Stray(Struct):
    """An event of another type: its name, and the item that it is in."""

    type: str = ""
    output_index: Any = None


PIECE_TYPES: Final[tuple[type[Piece], ...]] = (
    *(TextPiece, RefusalPiece, ThoughtPiece, SummaryPiece),
    *(ArgumentsPiece, InputPiece),
)
WHOLE_TYPES: Final[tuple[type[Whole], ...]] = (
    *(TextWhole, RefusalWhole, ThoughtWhole, SummaryWhole),
    *(ArgumentsWhole, InputWhole),
)
_EVENTS: Final[tuple[type[Event], ...]] = (
    *(Created, Progress, Queued, Completed, Incomplete, Failed, Added, Done),
    *(PartAdded, PartDone, SummaryAdded, SummaryDone, Annotated),
    *PIECE_TYPES,
    *WHOLE_TYPES,
)

decode: Final = msgspec.json.Decoder[Any](functools.reduce(operator.or_, _EVENTS)).decode
"""Read one event's data. Raises msgspec.MsgspecError, UnicodeError or RecursionError."""

decode_head: Final = msgspec.json.Decoder(Head).decode
decode_item: Final = msgspec.json.Decoder(Item).decode
decode_stray: Final = msgspec.json.Decoder(Stray).decode
_decode_contents: Final = msgspec.json.Decoder(list[Content]).decode
_decode_list: Final = msgspec.json.Decoder(list[Raw]).decode

PIECES: Final[dict[str, type[Piece]]] = {
    "output_text": TextPiece,
    "refusal": RefusalPiece,
    "reasoning_text": ThoughtPiece,
}
"""Type of a content part -> what streams it."""


def usage_of(counts: Counts) -> Usage:
    """Give the counts in the hub's words; this wire's own count of the input is the whole prompt already."""
    cached = counts.input_tokens_details or Cached()
    thought = counts.output_tokens_details or Thought()
    return Usage(
        input=counts.input_tokens,
        cached=cached.cached_tokens,
        written=cached.cache_write_tokens if isinstance(cached.cache_write_tokens, int) else None,
        output=counts.output_tokens,
        reasoning=thought.reasoning_tokens,
    )


def contents(raw: Raw) -> Sequence[Content]:
    """Read a list of parts; what is none has none."""
    try:
        return _decode_contents(raw)
    except UNREADABLE:
        return ()


def notes(part: Content) -> Sequence[Raw]:
    """Read the annotations of a part; what is no list has none."""
    try:
        return _decode_list(part.annotations)
    except UNREADABLE:
        return ()


def words(value: object) -> str:
    """Give what is text, "" for what is not."""
    return value if isinstance(value, str) else ""
