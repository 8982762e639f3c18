"""The neutral request: what a client asks of a model, said in the words that the three wires share.

A codec reads a wire's body into a :class:`ChatRequest`, another writes it for another wire. What all wires know has a
field here; what one wire alone can say travels unread: signatures and encrypted reasoning in fields of their own,
vendor fields in ``extra`` (as decoded JSON, by the name they have on the wire :attr:`ChatRequest.wire`), and a part or
tool of a type that nobody else has as :class:`Unknown`. An encoder of the same wire may write these back; one of
another wire leaves them out and notes each as lost (G5).

Values are frozen Structs; nothing here validates, for what is legal is each wire's contract to say. None means that the
client did not say, which is not the same as false, zero or empty.

How the wires differ, and what was chosen:

- A system prompt is a message of role ``system`` at its place, so that one in the middle of a conversation (Claude Code
  sends such) stays there. Encoders for messages and responses lift the leading ones into ``system``, ``instructions``.
- A tool's result is a part of a user message, as on the messages wire; chat's ``tool`` messages and responses'
  ``function_call_output`` items become one.
- The input of a tool call is the JSON text that the model wrote, not a value: two of the wires carry it so, and text
  that is no JSON can still be told.

So that a request reads the same whichever wire it came by, all readers give this **normal form**:

- What the wire says with a string where it could say it with one text part is that one :class:`Text`.
- Adjacent tool results are parts of one user message, and so are those of the user message directly behind them (a
  ``tool`` message and a ``user`` message behind it are one, as are ``function_call_output`` items).
- What an assistant said in a row (reasoning, text, refusal, calls; on responses each an item of its own) is one message
  with its parts in the order of the wire; on chat, where the order is not said: reasoning, text, refusal, calls.
  Otherwise messages are not merged, also where two of one role follow each other.
- A message without parts stays, with ``parts`` empty. A tool call whose arguments are absent or empty has ``"{}"``.
- ``stop`` given as one string is a tuple of one. A tool choice, an effort, a role are in the words used here.
- JSON values inside (schemas, extras) are as decoded, untouched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping

type Wire = Literal["messages", "chat", "responses"]
type Role = Literal["system", "developer", "user", "assistant"]
type Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
type StopReason = Literal[
    "end_turn",
    "max_tokens",
    "stop_sequence",
    "tool_use",
    "refusal",
    "pause",  # the provider wants to be called again with this reply (``pause_turn``)
    "context_exceeded",
    "content_filter",
    "error",  # the provider's word for a failure; no stream that was sequenced ends with it
]


class Usage(Struct, frozen=True):
    """Counts of tokens.

    ``input`` is the whole prompt, ``cached`` (read from the cache) and ``written`` (to it) are parts of it; ``output``
    is the whole answer, ``reasoning`` a part of it. The messages wire leaves the two out of its ``input_tokens``: its
    decoder adds them up, and merges the three before it does.
    """

    input: int | None = None
    cached: int | None = None
    written: int | None = None
    output: int | None = None
    reasoning: int | None = None

    def then(self, later: Usage) -> Usage:
        """Merge with a later reading: its counts hold, but nothing and zero are no news (they are running totals)."""
        return Usage(
            later.input if later.input or self.input is None else self.input,
            later.cached if later.cached or self.cached is None else self.cached,
            later.written if later.written or self.written is None else self.written,
            later.output if later.output or self.output is None else self.output,
            later.reasoning if later.reasoning or self.reasoning is None else self.reasoning,
        )


# --- where content lies -----------------------------------------------------------------------------------------------


class Base64(Struct, frozen=True):
    """Bytes in the request itself; ``media_type`` as in ``image/png``, ``data`` is base64 without any prefix."""

    media_type: str
    data: str


class Url(Struct, frozen=True):
    """An address that the provider fetches."""

    url: str


class FileId(Struct, frozen=True):
    """A file that was uploaded to the provider; no other provider has it."""

    id: str


class PlainText(Struct, frozen=True):
    """A document that is text in the request itself."""

    text: str


class Cache(Struct, frozen=True):
    """A mark that the prompt up to here is worth caching; ``ttl`` as in ``5m``, None for the provider's own."""

    ttl: str | None = None


# --- parts of a message -----------------------------------------------------------------------------------------------


class _Part(Struct, frozen=True, kw_only=True):
    cache: Cache | None = None
    extra: Mapping[str, Any] = {}


class Text(_Part, frozen=True):
    """Text; ``citations`` as the wire has them."""

    text: str
    citations: tuple[Mapping[str, Any], ...] = ()


class Image(_Part, frozen=True):
    """A picture; ``detail`` is how closely the model is to look (low, high, auto)."""

    source: Base64 | Url | FileId
    detail: str | None = None


class Document(_Part, frozen=True):
    """A file to read, PDF or text; ``name`` is its title or file name, ``context`` what the client says about it."""

    source: Base64 | Url | FileId | PlainText
    name: str | None = None
    context: str | None = None


class ToolUse(_Part, frozen=True):
    """A call of a function; ``arguments`` is JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str


class CustomToolUse(_Part, frozen=True):
    """A call of a custom tool; ``input`` is free text."""

    id: str
    name: str
    input: str


class ToolResult(_Part, frozen=True):
    """What a call gave, by the id of the call; ``custom`` tells that it was one of a :class:`CustomToolUse`."""

    id: str
    parts: tuple[Text | Image | Document | Unknown, ...]
    is_error: bool | None = None
    custom: bool = False


class Thinking(_Part, frozen=True):
    """Reasoning that can be read.

    ``signature`` proves the text to who wrote it, ``encrypted`` is the reasoning itself for its eyes only; both die of
    any change, and no other provider takes them. ``summary`` tells that the text is a summary. ``id`` is the item's.
    """

    text: str
    signature: str | None = None
    encrypted: str | None = None
    summary: bool = False
    id: str | None = None


class Redacted(_Part, frozen=True):
    """Reasoning that only its provider can read; ``id`` is the item's."""

    encrypted: str
    id: str | None = None


class Refusal(_Part, frozen=True):
    """The model's words for not answering."""

    text: str


class Unknown(Struct, frozen=True):
    """A part, or a tool, of a type that only its wire has, whole as decoded JSON."""

    data: Mapping[str, Any]


type Part = Text | Image | Document | ToolUse | CustomToolUse | ToolResult | Thinking | Redacted | Refusal | Unknown


class Message(Struct, frozen=True):
    """One turn, or one item of it; ``name`` tells participants of one role apart, ``id`` is the item's."""

    role: Role
    parts: tuple[Part, ...]
    name: str | None = None
    id: str | None = None
    extra: Mapping[str, Any] = {}


# --- the request ------------------------------------------------------------------------------------------------------


class FunctionTool(_Part, frozen=True):
    """A tool whose input is JSON; ``schema`` is its JSON Schema, None where the client gave none."""

    name: str
    schema: Mapping[str, Any] | None = None
    description: str | None = None
    strict: bool | None = None


class CustomTool(_Part, frozen=True):
    """A tool whose input is free text; ``format`` is the grammar that it must follow, as the wire has it."""

    name: str
    description: str | None = None
    format: Mapping[str, Any] | None = None


type Tool = FunctionTool | CustomTool | Unknown


class ToolChoice(Struct, frozen=True):
    """Whether the model calls tools: as it likes, at least one, none, or the one of ``name``."""

    kind: Literal["auto", "any", "none", "tool"]
    name: str | None = None


class Reasoning(Struct, frozen=True):
    """How much the model thinks before it answers.

    ``mode``: "on", "off", or "adaptive" where the model decides. ``budget`` is in tokens. ``summary`` is how much of it
    is to be shown, in the wire's word (auto, concise, detailed; summarized, omitted).
    """

    mode: Literal["on", "off", "adaptive"] | None = None
    effort: Effort | None = None
    budget: int | None = None
    summary: str | None = None


class OutputFormat(Struct, frozen=True):
    """The answer is to be JSON: any object, or one that fits ``schema`` (a JSON Schema) where there is one."""

    schema: Mapping[str, Any] | None = None
    name: str | None = None
    description: str | None = None
    strict: bool | None = None


class ChatRequest(Struct, frozen=True, kw_only=True):
    """A request for one turn of a conversation.

    ``wire`` is the one it came by, whose words ``extra`` fields are. ``max_tokens`` bounds the whole answer, reasoning
    included. ``parallel`` allows several calls in one turn. ``user`` (``metadata.user_id`` on messages),
    ``safety_identifier`` and ``metadata`` tell the provider who asks, ``cache_key`` which requests share a prompt.
    ``output`` is None for free text. ``top_logprobs`` is how many alternatives are wanted for each token, 0 for the
    token's own probability alone. ``service_tier``, ``verbosity`` are the wires' own words. ``store`` is whether the
    provider is to keep the answer for later requests.
    """

    wire: Wire
    model: str
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel: bool | None = None
    reasoning: Reasoning | None = None
    output: OutputFormat | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    seed: int | None = None
    stream: bool = False
    user: str | None = None
    safety_identifier: str | None = None
    metadata: Mapping[str, Any] | None = None
    cache_key: str | None = None
    service_tier: str | None = None
    verbosity: str | None = None
    top_logprobs: int | None = None
    store: bool | None = None
    extra: Mapping[str, Any] = {}
