"""Output items and their content parts, as they begin (``output_item.added``), as they end, and in a whole body.

Each field's type carries the code of the violation that its absence or wrong type is (see the schema). Items and parts
of a type that is not listed here become strangers, which must only have what all of their kind have (G6).
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct

NO_NAME: Final = "\0"
"""Stands for a string that is missing; no server sends it."""

NO_INDEX: Final = 2**53 - 1
"""Stands for an index that is missing; the highest that JavaScript can count to."""


def coded(code: str) -> Meta:
    """Give the mark of a field whose absence or wrong type is the violation ``code``."""
    return Meta(extra={"code": f"responses.{code}"})


def filled(code: str) -> Meta:
    """Give the same for a string that must not be empty."""
    return Meta(extra={"code": f"responses.{code}"}, min_length=1)


def counted(code: str) -> Meta:
    """Give the same for an index."""
    return Meta(extra={"code": f"responses.{code}"}, ge=0, le=NO_INDEX)


_ItemId = Annotated[str, filled("item.id-missing")]
_CallId = Annotated[str, filled("item.call-id-missing")]
_ToolName = Annotated[str, filled("item.name-missing")]
_Arguments = Annotated[str, coded("item.arguments-invalid")]
_CallStatus = Annotated[Literal["completed", "in_progress", "incomplete"], coded("item.status-missing")]
_Role = Annotated[Literal["assistant"], coded("item.role-invalid")]
_PartText = Annotated[str, coded("part.text-invalid")]


class Part(Struct, tag_field="type", frozen=True):
    """A content part; the base of all."""


class OutputText(Part, tag="output_text", frozen=True):
    """Text of a message."""

    text: _PartText


class AnnotatedText(OutputText, tag="output_text", frozen=True):
    """The same in a whole body, where @ai-sdk/openai asks for the list of annotations too."""

    annotations: Annotated[list[Any], coded("part.annotations-missing")]


class Refusal(Part, tag="refusal", frozen=True):
    """A refusal in a message."""

    refusal: _PartText


class ReasoningText(Part, tag="reasoning_text", frozen=True):
    """Raw reasoning."""

    text: _PartText


class StrangerPart(Part, tag=NO_NAME, frozen=True):
    """A part of a type that we do not know, ``was``."""

    was: str


class SummaryPart(Struct, frozen=True):
    """A part of a reasoning item's summary, in the field ``summary`` and in the events that speak of it."""

    text: _PartText


AnyPart = Annotated[OutputText | Refusal | ReasoningText | StrangerPart, coded("part.missing")]
AnyBodyPart = Annotated[AnnotatedText | Refusal | ReasoningText | StrangerPart, coded("part.missing")]


class Item(Struct, tag_field="type", frozen=True, kw_only=True):
    """An output item; the base of all. @ai-sdk/openai asks for the id of calls too, the SDKs for that of all others.

    openai-python keeps a ``call_id`` of whatever item in a set, so it must be one that can be.
    """

    id: _ItemId
    call_id: Annotated[str | None, coded("item.call-id-missing")] = None


class StrangerItem(Item, tag=NO_NAME, frozen=True):
    """An item of a type whose fields are not listed here, ``was``."""

    was: str


class Message(Item, tag="message", frozen=True):
    """A message as it begins. The accumulators append to ``content``, so null fails."""

    content: Annotated[list[AnyPart], coded("item.content-invalid")]


class DoneMessage(Message, tag="message", frozen=True):
    """A message as it ends; Codex drops one without a role."""

    role: _Role


class BodyMessage(Item, tag="message", frozen=True):
    """A message of a whole body."""

    content: Annotated[list[AnyBodyPart], coded("item.content-invalid")]
    role: _Role


class Reasoning(Item, tag="reasoning", frozen=True):
    """Reasoning; Codex drops one without a list of summaries, openai-node appends to that list."""

    summary: Annotated[list[SummaryPart], coded("item.content-invalid")]
    content: Annotated[list[AnyPart] | None, coded("item.content-invalid")] = None


class FunctionCall(Item, tag="function_call", frozen=True):
    """A function call as it begins."""

    call_id: _CallId
    name: _ToolName
    arguments: _Arguments


class DoneFunctionCall(FunctionCall, tag="function_call", frozen=True):
    """A function call as it ends; @ai-sdk/openai asks for the status."""

    status: _CallStatus


class CustomCall(Item, tag="custom_tool_call", frozen=True):
    """A custom tool's call as it begins."""

    call_id: _CallId
    name: _ToolName
    input: _Arguments


class DoneCustomCall(CustomCall, tag="custom_tool_call", frozen=True):
    """A custom tool's call as it ends."""

    status: _CallStatus


class WebSearch(Item, tag="web_search_call", frozen=True):
    """A web search, begun or ended."""

    status: Annotated[str, coded("item.status-missing")]


AnyItem = Annotated[Message | Reasoning | FunctionCall | CustomCall | WebSearch | StrangerItem, coded("item.missing")]
AnyDoneItem = Annotated[
    DoneMessage | Reasoning | DoneFunctionCall | DoneCustomCall | WebSearch | StrangerItem, coded("item.missing")
]
AnyBodyItem = Annotated[
    BodyMessage | Reasoning | FunctionCall | CustomCall | WebSearch | StrangerItem, coded("item.missing")
]


def type_of(thing: Item | Part) -> str:
    """Give the type of an item or part as the server wrote it."""
    return str(getattr(thing, "was", None) or thing.__struct_config__.tag)


def text_field(part: Part | SummaryPart) -> str:
    """Name the field of a part that has its text."""
    return "refusal" if isinstance(part, Refusal) else "text"


def text_of(part: Part | SummaryPart) -> str:
    """Give the text of a part, "" where it has none that can be read."""
    return _read(getattr(part, text_field(part), ""))


def own_text(item: object) -> str:
    """Give the arguments of a call, "" where it has none that can be read."""
    return _read(getattr(item, "arguments", "") or getattr(item, "input", ""))


def _read(text: Any) -> str:  # noqa: ANN401 - the fields' types say that it is text
    return text if isinstance(text, str) and text != NO_NAME else ""
