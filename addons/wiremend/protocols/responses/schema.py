"""What the events and the response object of the responses wire must hold, as msgspec Structs.

A Struct has only what some strict client needs, so the decoder skips the rest, and fields that we do not know live on
in the bytes (G6). The clients: openai-python and openai-node with their accumulators (``lib/streaming/responses``,
``internal/responses/response-accumulator``), @ai-sdk/openai (its zod schemas), Codex (``codex-api/src/sse``). Where
one asks for more than the others the field says so.

Each field's type carries the code of the violation that its absence or wrong type is. So the same Structs serve twice:
:data:`decode` reads a sound event in one step, and ``explain`` (its own file), called only when that failed, walks the
loose JSON along the very same types, lists every fault with its pointer, and gives a Struct all the same, in which what
was missing is :data:`NO_NAME` or :data:`NO_INDEX`. Events, items and parts of unknown types are no faults: an event is
not looked at, an item or part becomes a stranger that must only have what all of its kind have.
"""

from __future__ import annotations

import functools
import operator
from typing import Annotated, Any, ClassVar, Final

import msgspec
from msgspec import Struct

from wiremend.protocols.responses.items import (
    AnyBodyItem,
    AnyDoneItem,
    AnyItem,
    AnyPart,
    SummaryPart,
    coded,
    counted,
    filled,
)

_ResponseId = Annotated[str, filled("response.id-missing")]
_OutputIndex = Annotated[int, counted("item.index-missing")]
_PartIndex = Annotated[int, counted("part.index-missing")]
_Delta = Annotated[str, coded("delta.not-text")]
_Count = Annotated[int, coded("usage.invalid")]
_ItemId = Annotated[str, filled("item.id-missing")]


# --- the response object ----------------------------------------------------------------------------------------------


class _Cached(Struct, frozen=True):
    cached_tokens: _Count


class _Thought(Struct, frozen=True):
    reasoning_tokens: _Count


class Usage(Struct, frozen=True):
    """Token counts. Codex takes integers only, and asks for ``total_tokens`` and for the counter of each detail."""

    input_tokens: _Count
    output_tokens: _Count
    total_tokens: _Count
    input_tokens_details: Annotated[_Cached | None, coded("usage.invalid")] = None
    output_tokens_details: Annotated[_Thought | None, coded("usage.invalid")] = None


class Response(Struct, kw_only=True, frozen=True):
    """What must hold of every response object."""

    id: _ResponseId


class FinalResponse(Response, kw_only=True, frozen=True):
    """One of an event that ends the stream: nobody reads the counts before that."""

    usage: Annotated[Usage | None, coded("usage.invalid")] = None


class InterimResponse(Response, frozen=True):
    """One on the way; it may leave out its output."""

    output: Annotated[list[AnyItem] | None, coded("response.output-invalid")] = None


class CreatedResponse(Response, kw_only=True, frozen=True):
    """The first one: @ai-sdk/openai reads model and time off it, older accumulators append to its output."""

    model: Annotated[str, coded("response.model-missing")]
    created_at: Annotated[float, coded("response.created-at-missing")]
    output: Annotated[list[AnyItem], coded("response.output-invalid")]


class CompletedResponse(FinalResponse, kw_only=True, frozen=True):
    """The last one, which is the result; openai-python before 3.51 cannot do without its output.

    Its ``status`` may be missing, or one of the way; not one that says that this is no result.
    """

    status: Any = None
    output: Annotated[list[AnyItem], coded("response.output-invalid")]


class _Reason(Struct, frozen=True):
    reason: Annotated[str, coded("incomplete.reason-invalid")]


class StoppedResponse(FinalResponse, frozen=True):
    """The last one of an answer that is not whole; it may leave out its output."""

    output: Annotated[list[AnyItem] | None, coded("response.output-invalid")] = None


class IncompleteResponse(StoppedResponse, frozen=True):
    """The last one of an answer that was cut by a limit."""

    incomplete_details: Annotated[_Reason | None, coded("incomplete.reason-invalid")] = None


class _Error(Struct, frozen=True):
    message: Annotated[str, coded("failed.error-invalid")]
    code: Annotated[str | None, coded("failed.error-invalid")] = None


class FailedResponse(StoppedResponse, frozen=True):
    """The last one of a failure; Codex sorts by ``error.code`` and shows ``error.message``."""

    error: Annotated[_Error | None, coded("failed.error-invalid")] = None


class Body(FinalResponse, kw_only=True, frozen=True):
    """The response object as a whole body."""

    output: Annotated[list[AnyBodyItem], coded("response.output-invalid")]


# --- events -----------------------------------------------------------------------------------------------------------


class StreamEvent(Struct, tag_field="type", kw_only=True, frozen=True):
    """The base of all. Both SDKs raise whatever has a top-level ``error``, whatever its type."""

    kind: ClassVar[str]
    error: Annotated[None, coded("error.object")] = None


class Lifecycle(StreamEvent, kw_only=True, frozen=True):
    """An event that carries the response object."""

    kind = "progress"
    response: Any


class Created(Lifecycle, tag="response.created", kw_only=True, frozen=True):
    """The first event."""

    kind = "created"
    response: Annotated[CreatedResponse, coded("response.missing")]


class InProgress(Lifecycle, tag="response.in_progress", kw_only=True, frozen=True):
    """Work has begun."""

    response: Annotated[InterimResponse, coded("response.missing")]


class Queued(InProgress, tag="response.queued", kw_only=True, frozen=True):
    """Work waits."""


class Completed(Lifecycle, tag="response.completed", kw_only=True, frozen=True):
    """The end, and the only one that Codex takes for a success."""

    kind = "completed"
    response: Annotated[CompletedResponse, coded("response.missing")]


class Incomplete(Lifecycle, tag="response.incomplete", kw_only=True, frozen=True):
    """The end, at a limit."""

    kind = "stopped"
    response: Annotated[IncompleteResponse, coded("response.missing")]


class Failed(Lifecycle, tag="response.failed", kw_only=True, frozen=True):
    """The end, as an error. @ai-sdk/openai asks for the number here and nowhere else."""

    kind = "stopped"
    response: Annotated[FailedResponse, coded("response.missing")]
    sequence_number: Annotated[float, coded("failed.unnumbered")]


class ItemAdded(StreamEvent, tag="response.output_item.added", kw_only=True, frozen=True):
    """An output item begins."""

    kind = "added"
    output_index: _OutputIndex
    item: AnyItem


class ItemDone(StreamEvent, tag="response.output_item.done", kw_only=True, frozen=True):
    """An output item is whole: all that Codex takes messages and calls from."""

    kind = "done"
    output_index: _OutputIndex
    item: AnyDoneItem


class OfItem(StreamEvent, kw_only=True, frozen=True, gc=False):
    """An event inside an item of the type ``owner``; ``part`` and ``family`` are empty if it concerns no part.

    ``said`` is its text: a piece of it ("delta"), all of it ("whole"), or none ("") is what ``tells`` says. ``text``
    is the name of the field that has it.
    """

    kind = "detail"
    tells: ClassVar[str] = ""
    text: ClassVar[str] = ""
    said: ClassVar[str] = ""
    owner: ClassVar[str] = ""
    family: ClassVar[str] = ""
    part_type: ClassVar[str] = ""
    item_id: _ItemId
    output_index: _OutputIndex


class OfPart(OfItem, kw_only=True, frozen=True, gc=False):
    """An event inside a part of an item."""

    place: Any


class OfContent(OfPart, kw_only=True, frozen=True, gc=False):
    """An event inside a content part."""

    family = "content"
    place: _PartIndex = msgspec.field(name="content_index")


class OfSummary(OfPart, kw_only=True, frozen=True, gc=False):
    """An event inside a part of a reasoning item's summary."""

    owner = "reasoning"
    family = "summary"
    part_type = "summary_text"
    place: _PartIndex = msgspec.field(name="summary_index")


class PartAdded(OfContent, tag="response.content_part.added", kw_only=True, frozen=True):
    """A content part begins."""

    kind = "part"
    part: AnyPart


class PartDone(OfContent, tag="response.content_part.done", kw_only=True, frozen=True):
    """A content part is whole."""

    part: AnyPart


class SummaryAdded(OfSummary, tag="response.reasoning_summary_part.added", kw_only=True, frozen=True):
    """A part of the summary begins."""

    kind = "part"
    part: Annotated[SummaryPart, coded("part.missing")]


class SummaryDone(OfSummary, tag="response.reasoning_summary_part.done", kw_only=True, frozen=True):
    """A part of the summary is whole."""

    part: Annotated[SummaryPart, coded("part.missing")]


# event, the field that holds the text, base, item's type, part's type
_TEXTS: Final = (
    ("output_text.delta", "delta", OfContent, "message", "output_text"),
    ("output_text.done", "text", OfContent, "message", "output_text"),
    ("output_text.annotation.added", None, OfContent, "message", "output_text"),
    ("refusal.delta", "delta", OfContent, "message", "refusal"),
    ("refusal.done", "refusal", OfContent, "message", "refusal"),
    ("reasoning_text.delta", "delta", OfContent, "reasoning", "reasoning_text"),
    ("reasoning_text.done", "text", OfContent, "reasoning", "reasoning_text"),
    ("reasoning_summary_text.delta", "delta", OfSummary, "reasoning", "summary_text"),
    ("reasoning_summary_text.done", "text", OfSummary, "reasoning", "summary_text"),
    ("function_call_arguments.delta", "delta", OfItem, "function_call", ""),
    ("function_call_arguments.done", "arguments", OfItem, "function_call", ""),
    ("custom_tool_call_input.delta", "delta", OfItem, "custom_tool_call", ""),
    ("custom_tool_call_input.done", "input", OfItem, "custom_tool_call", ""),
    ("mcp_call_arguments.delta", "delta", OfItem, "mcp_call", ""),
    ("mcp_call_arguments.done", "arguments", OfItem, "mcp_call", ""),
    ("code_interpreter_call_code.delta", "delta", OfItem, "code_interpreter_call", ""),
    ("code_interpreter_call_code.done", "code", OfItem, "code_interpreter_call", ""),
)
# what the server's own tools say of their progress: openai-node matches item and id of these too
_STEPS: Final = {
    "web_search_call": ("in_progress", "searching", "completed"),
    "file_search_call": ("in_progress", "searching", "completed"),
    "code_interpreter_call": ("in_progress", "interpreting", "completed"),
    "image_generation_call": ("in_progress", "generating", "completed", "partial_image"),
    "mcp_call": ("in_progress", "completed", "failed"),
    "mcp_list_tools": ("in_progress", "completed", "failed"),
}


def _detail(name: str, text: str | None, base: type[OfItem], owner: str, part: str) -> type[OfItem]:
    """Make the Struct of an event inside an item."""
    made = msgspec.defstruct(
        "".join(word.title() for word in name.replace(".", "_").split("_")),
        [("said", _Delta, msgspec.field(name=text))] if text else [],
        bases=(base,),
        namespace={
            "owner": owner,
            "part_type": part,
            "tells": "delta" if text == "delta" else "whole" if text else "",
            "text": text or "",
        },
        tag=f"response.{name}",
        kw_only=True,
        frozen=True,
        gc=False,
    )
    return made if issubclass(made, OfItem) else OfItem  # the former, always: said for the type checker


_DETAILS: Final = (
    *(_detail(*row) for row in _TEXTS),
    *(_detail(f"{owner}.{step}", None, OfItem, owner, "") for owner, steps in _STEPS.items() for step in steps),
)
type AnyEvent = Lifecycle | ItemAdded | ItemDone | OfItem
"""What the contract tells apart."""

_WHOLES: Final[tuple[type[AnyEvent], ...]] = (
    Created,
    InProgress,
    Queued,
    Completed,
    Incomplete,
    Failed,
    ItemAdded,
    ItemDone,
)
_PARTS: Final[tuple[type[AnyEvent], ...]] = (PartAdded, PartDone, SummaryAdded, SummaryDone)

EVENTS: Final[dict[str, type[AnyEvent]]] = {
    str(event.__struct_config__.tag): event for event in (*_WHOLES, *_PARTS, *_DETAILS)
}
"""Every event that is looked at, by its type."""

USUAL: Final[frozenset[type]] = frozenset(event for event in _DETAILS if event.tells != "whole")
"""Those that come by the thousand and change no state."""

decode: Final = msgspec.json.Decoder[Any](functools.reduce(operator.or_, EVENTS.values())).decode
"""Read one event's data strictly. Raises msgspec.MsgspecError, UnicodeError or RecursionError."""
