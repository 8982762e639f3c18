"""What a sound chunk, and a sound completion, of the chat wire looks like.

The Structs hold exactly what some strict client requires (facts of the wires; the zod schemas of ``@ai-sdk/openai`` and
``@ai-sdk/openai-compatible``; ``accumulate_delta`` of openai-python), and nothing else: fields that they do not name
are let through (G6), and a field that no client minds is not looked at. A type here is the strictest that any client
asks for. What depends on the events before (a first delta's role, the next index) is in ``table``, not here.

Two bits do not fit into a type. The key ``error`` must be absent, whatever its value, so it is decoded as anything and
its presence is asked for. And the openai SDK adds up *every* list in a delta, also those that we have never heard of:
``ClosedChunk`` is the same chunk with no unknown fields in its deltas, so that a chunk of that shape has no such list.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, get_args

from msgspec import UNSET, Meta, Struct, UnsetType

type Index = Annotated[int, Meta(ge=0)]
type Number = int | float

FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "function_call"]
"""What ``finish_reason`` may say: OpenAI's list; the AI SDK maps all else to "other", on which OpenCode loops."""

FINISH_REASONS: Final = frozenset(get_args(FinishReason))

ServiceTier = Literal["auto", "default", "flex", "scale", "priority", "fast"]
"""The tiers of the official model (openai-python ``types/chat/chat_completion.py``)."""

SERVICE_TIERS: Final = frozenset(get_args(ServiceTier))

COUNTS: Final = ("prompt_tokens", "completion_tokens", "total_tokens")
"""The counts of a usage object; each is a number or null."""

DETAILS: Final = {
    "prompt_tokens_details": ("cached_tokens",),
    "completion_tokens_details": ("reasoning_tokens", "accepted_prediction_tokens", "rejected_prediction_tokens"),
}
"""The objects inside a usage object, with their counts."""


class PromptDetails(Struct, gc=False):
    """How many tokens of the prompt came from the cache."""

    cached_tokens: Number | None = None


class CompletionDetails(Struct, gc=False):
    """What the tokens of the answer were spent on."""

    reasoning_tokens: Number | None = None
    accepted_prediction_tokens: Number | None = None
    rejected_prediction_tokens: Number | None = None


class Usage(Struct, gc=False):
    """Counts of tokens: numbers or null; strings are refused by the AI SDK."""

    prompt_tokens: Number | None = None
    completion_tokens: Number | None = None
    total_tokens: Number | None = None
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: CompletionDetails | None = None


class TopLogprob(Struct, gc=False):
    """A token that might have been."""

    token: str
    logprob: Number


class TokenLogprob(Struct, gc=False):
    """A token with its probability."""

    token: str
    logprob: Number
    top_logprobs: list[TopLogprob]


class Logprobs(Struct, gc=False):
    """The probabilities of a choice's tokens."""

    content: list[TokenLogprob] | None = None
    refusal: list[TokenLogprob] | None = None


class UrlCitation(Struct, gc=False):
    """A source of the answer."""

    start_index: Number
    end_index: Number
    url: str
    title: str


class Annotation(Struct, gc=False):
    """An entry of a delta's annotations; ``@ai-sdk/openai`` knows no other type."""

    type: Literal["url_citation"]
    url_citation: UrlCitation


class Function(Struct, gc=False):
    """The function of a tool call's delta: its name once, its arguments in pieces (never null)."""

    name: str | None = None
    arguments: str | UnsetType = UNSET


class ToolCall(Struct, gc=False):
    """One delta of a tool call; a later ``type`` may be absent, but never null."""

    index: Index
    function: Function
    id: str | None = None
    type: Literal["function"] | UnsetType = UNSET


class Delta(Struct, gc=False):
    """What a chunk adds to a choice."""

    role: Literal["assistant"] | None = None
    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[ToolCall] | None = None
    function_call: None = None


class Choice(Struct, gc=False):
    """A choice of a chunk. ``usage`` does not belong here; Moonshot sends it so."""

    index: Index
    delta: Delta
    finish_reason: FinishReason | None = None
    logprobs: Logprobs | None = None
    usage: Any = None


class Chunk(Struct, gc=False):
    """One event of the stream. ``error`` and ``base_resp`` (MiniMax) tell an error from a chunk."""

    object: Literal["chat.completion.chunk"]
    choices: list[Choice]
    id: str | None = None
    created: Number | None = None
    model: str | None = None
    usage: Usage | None = None
    moderation: dict[str, Any] | None = None
    error: Any = UNSET
    base_resp: Any = None


class _ClosedFunction(Function, forbid_unknown_fields=True, gc=False):
    """A function with nothing unknown."""


class _ClosedToolCall(ToolCall, forbid_unknown_fields=True, gc=False):
    """A tool call with nothing unknown."""

    function: _ClosedFunction


class _ClosedDelta(Delta, forbid_unknown_fields=True, gc=False):
    """A delta with nothing unknown."""

    tool_calls: list[_ClosedToolCall] | None = None  # type: ignore[assignment]  # narrower, and these are never written


class _ClosedChoice(Struct, gc=False):
    """A choice whose delta has nothing unknown."""

    delta: _ClosedDelta


class ClosedChunk(Struct, gc=False):
    """A chunk in whose deltas there is no unknown field, and so no list that has to be looked at."""

    choices: list[_ClosedChoice]


class WholeFunction(Struct, gc=False):
    """The function of a whole tool call."""

    name: str
    arguments: str


class WholeToolCall(Struct, gc=False):
    """A tool call of a whole message."""

    id: str
    type: Literal["function"]
    function: WholeFunction


class Message(Struct, gc=False):
    """The answer."""

    role: Literal["assistant"]
    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[WholeToolCall] | None = None
    function_call: None = None


class WholeChoice(Struct, gc=False):
    """A choice of a completion."""

    index: Index
    message: Message
    finish_reason: FinishReason
    logprobs: Logprobs | None = None


class Completion(Struct, gc=False):
    """A whole response. ``service_tier`` is as the official model has it, for validators like pydantic-ai's."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: Annotated[list[WholeChoice], Meta(min_length=1)]
    usage: Usage | None = None
    service_tier: ServiceTier | None = None
    error: Any = UNSET
    base_resp: Any = None
