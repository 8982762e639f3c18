"""The shapes of the messages wire, as its strictest readers need them.

Two descriptions of one thing. The *strict* one is a tagged union of Structs: one decode says yes to a healthy event and
gives what the contract looks at. It knows only what some strict client requires, so unknown fields pass unseen. What it
refuses is read again by the *loose* one, a table of rules per type: each names a place, what fits there, the code of
the violation, and what a mender would put there, so that one fault does not look like several. An unknown event, block
or delta type has no rules, hence no faults. A test holds that both descriptions say the same.

Sources: ``types/raw_*.py`` and ``lib/streaming/_messages.py`` of the official Python SDK, ``lib/MessageStream.ts`` of
the official TypeScript SDK, ``anthropic-api.ts`` of @ai-sdk/anthropic, and what Claude Code 2.1.197 was seen to do: it
empties the text, thinking, signature and input that a block start brings, so these must come as deltas.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, NamedTuple

import msgspec
from msgspec import Meta, Struct

from wiremend.protocols import loose

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import UnionType

type StopReason = Literal[
    "end_turn",
    "max_tokens",
    "stop_sequence",
    "tool_use",
    "pause_turn",
    "refusal",
    "model_context_window_exceeded",
    "compaction",
]
type Index = Annotated[int, Meta(ge=0)]
type Said = Annotated[str, Meta(min_length=1)]
type Empty = Annotated[dict[str, Any], Meta(max_length=0)]
type Number = int | float

STOP_REASONS: Final = frozenset(StopReason.__value__.__args__)
TOOLS: Final = frozenset({"tool_use", "server_tool_use"})
UNSAID: Final = -1  # the index of an event that has none


class _Cache(Struct):
    cache_creation_input_tokens: Number | None = None
    cache_read_input_tokens: Number | None = None


class StartUsage(_Cache, kw_only=True):
    """The prompt's counts, in message_start."""

    input_tokens: Number


class Usage(_Cache, kw_only=True):
    """The running totals, in message_delta."""

    output_tokens: Number
    input_tokens: Number | None = None


class Message(Struct):
    """What message_start opens; ``content`` is still empty."""

    role: Literal["assistant"]
    content: Annotated[list[Any], Meta(max_length=0)]
    usage: StartUsage
    id: str | None = None
    model: str | None = None


class TextStart(Struct, tag="text"):
    """A block of text opens, empty."""

    text: Literal[""]


class ThinkingStart(Struct, tag="thinking"):
    """A block of thinking opens, empty; the signature comes as a delta, or never."""

    thinking: Literal[""]
    signature: Literal[""]


class RedactedStart(Struct, tag="redacted_thinking"):
    """A block of encrypted thinking, whole."""

    data: str


class ToolStart(Struct, tag="tool_use"):
    """A call of the client's tool opens; its input comes as deltas."""

    id: Said
    name: Said
    input: Empty


class ServerToolStart(ToolStart, tag="server_tool_use"):
    """The same for a tool that the server runs."""


class TextDelta(Struct, tag="text_delta"):
    """A piece of text."""

    text: str


class ThinkingDelta(Struct, tag="thinking_delta"):
    """A piece of thinking."""

    thinking: str


class SignatureDelta(Struct, tag="signature_delta"):
    """The signature of a block of thinking."""

    signature: str


class InputDelta(Struct, tag="input_json_delta"):
    """A piece of the JSON text of a tool's input."""

    partial_json: str


class CitationsDelta(Struct, tag="citations_delta"):
    """A citation of a block of text."""

    citation: dict[str, Any]


class MessageStart(Struct, tag="message_start"):
    """The first event."""

    message: Message


class BlockStart(Struct, tag="content_block_start"):
    """A block opens at the next index."""

    index: Index
    content_block: TextStart | ThinkingStart | RedactedStart | ToolStart | ServerToolStart


class BlockDelta(Struct, tag="content_block_delta"):
    """A piece of the open block at the index."""

    index: Index
    delta: TextDelta | ThinkingDelta | SignatureDelta | InputDelta | CitationsDelta


class BlockStop(Struct, tag="content_block_stop"):
    """The block at the index is whole."""

    index: Index


class Ending(Struct):
    """The ``delta`` of a message_delta."""

    stop_reason: StopReason | None = None
    stop_sequence: str | None = None


class MessageDelta(Struct, tag="message_delta"):
    """Why the turn ended, and the totals."""

    delta: Ending
    usage: Usage


class MessageStop(Struct, tag="message_stop"):
    """The last event."""


class Ping(Struct, tag="ping"):
    """Nothing, so that the connection stays open."""


class ErrorObject(Struct):
    """What went wrong."""

    type: str
    message: str


class Error(Struct, tag="error"):
    """The last event of a stream that failed."""

    error: ErrorObject


type AnyEvent = MessageStart | BlockStart | BlockDelta | BlockStop | MessageDelta | MessageStop | Ping | Error

_SHAPES: Final = (TextDelta, ThinkingDelta, SignatureDelta, InputDelta, CitationsDelta)
DELTAS: Final[dict[str, type[Struct]]] = {str(shape.__struct_config__.tag): shape for shape in _SHAPES}
decode: Final[Callable[[bytes], AnyEvent]] = msgspec.json.Decoder(AnyEvent).decode
"""Read one event strictly; raises msgspec's errors, or RecursionError."""


class Fault(NamedTuple):
    """One breach inside a document."""

    code: str
    pointer: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """What must be at ``path``; what a mender puts there instead is ``mend`` of what was found (None: nothing was)."""

    path: tuple[str, ...]
    fits: Callable[[Any], bool]
    code: str
    mend: Callable[[Any], Any]


def _one_of(*allowed: object) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str | None) and value in allowed


def _is(kind: type | UnionType) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kind)


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _counter(value: object) -> bool:
    return value is None or _number(value)


def _rule(path: str, fits: Callable[[Any], bool], code: str, mend: object) -> Rule:
    return Rule(tuple(path.split("/")), fits, f"messages.{code}", mend if callable(mend) else lambda _: mend)


def _calls_only(content: list[Any]) -> bool:
    """Allow a tool_use in message_start (programmatic tool calls do), and what nobody knows yet."""
    return all(
        isinstance(b, dict) and str(b.get("type")) not in {"text", "thinking", "redacted_thinking"} for b in content
    )


def _delta_type(delta: dict[str, Any]) -> str:
    return next((type_ for type_, shape in DELTAS.items() if shape.__struct_fields__[0] in delta), "")


def _json_text(value: object) -> str:
    return msgspec.json.encode(value).decode() if isinstance(value, dict) else ""


_FOREIGN: Final = {"tool_calls": "tool_use", "function_call": "tool_use", "length": "max_tokens"}

_INDEX: Final = (
    _rule("index", lambda value: value is not None, "index.missing", UNSAID),
    _rule("index", lambda value: _number(value) and isinstance(value, int) and value >= 0, "index.type", UNSAID),
)
_COUNTERS: Final = tuple(
    _rule(f"usage/{name}", _counter, "usage.counter", None)
    for name in ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
)
_REASON: Final = _rule(
    "stop_reason",
    _one_of(None, *STOP_REASONS),
    "stop-reason.unknown",
    lambda value: _FOREIGN.get(value, "other") if isinstance(value, str) else "other",
)
_MESSAGE: Final = (
    _rule("role", _one_of("assistant"), "message-start.role", "assistant"),
    *(_rule(name, _is(str | None), "message-start.identity", None) for name in ("id", "model")),
    _rule("content", _is(list), "message-start.content", lambda _: []),
    _rule("content", _calls_only, "message-start.content-prefilled", lambda _: []),
    _rule("usage", _is(dict), "message-start.usage", lambda _: {}),
    _rule("usage/input_tokens", _number, "usage.input-tokens", 0),
    *_COUNTERS,
)
_ENDING: Final = (
    _rule("delta", _is(dict), "message-delta.delta", lambda _: {"stop_reason": "other"}),
    Rule(("delta", *_REASON.path), _REASON.fits, _REASON.code, _REASON.mend),
    _rule("delta/stop_sequence", _is(str | None), "stop-sequence.type", None),
    _rule("usage", _is(dict), "message-delta.usage", lambda _: {}),
    _rule("usage/output_tokens", _number, "usage.output-tokens", 0),
    *_COUNTERS,
)
_BLOCK: Final = (
    *_INDEX,
    _rule("content_block", _is(dict), "block.missing", lambda _: {"type": ""}),
    _rule("content_block/type", _is(str), "block.type-missing", ""),
)
_ERROR: Final = tuple(_rule(f"error/{name}", _is(str), "error.shape", "") for name in ("type", "message"))
_EVENTS: Final[dict[str, tuple[Rule, ...]]] = {
    "message_start": (
        _rule("message", _is(dict), "message-start.message", lambda _: {"content": []}),
        *(Rule(("message", *rule.path), rule.fits, rule.code, rule.mend) for rule in _MESSAGE),
    ),
    "content_block_start": _BLOCK,
    "content_block_delta": (*_INDEX, _rule("delta", _is(dict), "delta.missing", lambda _: {"type": ""})),
    "content_block_stop": _INDEX,
    "message_delta": _ENDING,
    **dict.fromkeys(("message_stop", "ping"), ()),
    "error": (_rule("error", _is(dict), "error.shape", lambda _: {}), *_ERROR),
}
KNOWN: Final = frozenset(_EVENTS)
_WHOLE_TOOL: Final = (
    *(
        _rule(name, lambda value: isinstance(value, str) and value != "", f"tool.{name}", name)
        for name in ("id", "name")
    ),
    _rule("input", _is(dict), "tool.input-type", lambda _: {}),
)
_TOOL: Final = (*_WHOLE_TOOL, _rule("input", lambda value: not value, "tool.input-prefilled", lambda _: {}))
_WHOLE_BLOCKS: Final[dict[str, tuple[Rule, ...]]] = {
    "text": (_rule("text", _is(str), "text.not-string", ""),),
    "thinking": (*(_rule(name, _is(str), f"{name}.not-string", "") for name in ("thinking", "signature")),),
    "redacted_thinking": (_rule("data", _is(str), "redacted.data", ""),),
    **dict.fromkeys(TOOLS, _WHOLE_TOOL),
}
_STARTS: Final = {
    **_WHOLE_BLOCKS,
    "text": (*_WHOLE_BLOCKS["text"], _rule("text", _one_of(""), "text.prefilled", "")),
    "thinking": (
        *_WHOLE_BLOCKS["thinking"],
        *(_rule(name, _one_of(""), f"{name}.prefilled", "") for name in ("thinking", "signature")),
    ),
    **dict.fromkeys(TOOLS, _TOOL),
}
_PIECES: Final[dict[str, tuple[Rule, ...]]] = {
    **{
        f"{name}_delta": (_rule(name, _is(str), f"{name}.not-string", ""),)
        for name in ("text", "thinking", "signature")
    },
    "input_json_delta": (_rule("partial_json", _is(str), "tool.partial-json", _json_text),),
    "citations_delta": (_rule("citation", _is(dict), "citation.missing", lambda _: {}),),
}
_BODY: Final = (
    _rule("type", _one_of("message"), "body.type", "message"),
    _rule("model", _is(str), "body.model", "model"),
    _rule("content", _is(list), "body.content", lambda _: []),
    _rule("stop_reason", lambda value: value is not None, "stop-reason.missing", "other"),
    _REASON,
    _rule("usage", _is(dict), "body.usage", lambda _: {}),
    _rule("usage/input_tokens", _number, "usage.input-tokens", 0),
    _rule("usage/output_tokens", _number, "usage.output-tokens", 0),
    *_COUNTERS,
)


def faults(document: dict[str, Any]) -> list[Fault]:
    """Find what is wrong inside an event whose ``type`` is known, and mend the document on the way."""
    found = _apply(document, _EVENTS[document["type"]])
    if document["type"] == "content_block_start":
        block = document["content_block"]
        found += _apply(block, _STARTS.get(block["type"], ()), "/content_block")
    elif document["type"] == "content_block_delta":
        delta = document["delta"]
        if not isinstance(delta.get("type"), str):
            delta["type"] = _delta_type(delta)
            found.append(Fault("messages.delta.type-missing", "/delta/type"))
        found += _apply(delta, _PIECES.get(delta["type"], ()), "/delta")
    return found


def body_faults(document: dict[str, Any]) -> list[Fault]:
    """Find what is wrong inside a whole reply, and mend the document on the way."""
    found = _apply(document, _BODY)
    for number, block in enumerate(document["content"]):
        at = f"/content/{number}"
        if not isinstance(block, dict):
            found.append(Fault("messages.block.missing", at))
        elif not isinstance(block.get("type"), str):
            found.append(Fault("messages.block.type-missing", f"{at}/type"))
        else:
            found += _apply(block, _WHOLE_BLOCKS.get(block["type"], ()), at)
    return found


def is_error(document: dict[str, Any], name: str | None) -> bool:
    """Tell whether a document that came under a name is an error in a shape that is not this wire's.

    One with a type that nobody knows must say so in as many words, for it may as well be news.
    """
    type_ = document.get("type")
    if name == "error" != type_:
        return True
    if not isinstance(type_, str):
        return loose_error(document)
    named = bool(document.get("error")) or document.get("object") == "error"
    return named and type_ not in KNOWN and loose_error(document)


def loose_error(document: dict[str, Any]) -> bool:
    """Tell whether a document without a type is somebody's error; see :func:`wiremend.protocols.loose.error_of`."""
    names = loose.Document.__struct_fields__
    return loose.error_of(loose.Document(**{name: document.get(name) for name in names if name != "type"})) is not None


def _apply(document: dict[str, Any], rules: tuple[Rule, ...], at: str = "") -> list[Fault]:
    """Hold the rules against a document; the first fault of a place, or of what it lies in, is the one that counts."""
    found: dict[tuple[str, ...], Fault] = {}
    for rule in rules:
        if any(rule.path[:length] in found for length in range(1, len(rule.path) + 1)):
            continue
        parent = document
        for name in rule.path[:-1]:
            parent = parent[name]
        value = parent.get(rule.path[-1])
        if not rule.fits(value):
            parent[rule.path[-1]] = rule.mend(value)
            found[rule.path] = Fault(rule.code, f"{at}/{'/'.join(rule.path)}")
    return list(found.values())
