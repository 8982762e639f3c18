"""What a chunk of the chat wire says, as its decoder reads it.

The mender has seen to it that a stream is sound, so little is asked here: leaves are of any type and looked at where
they are used. :class:`ClosedChunk` is the usual chunk; what has a further field in its delta is read as :class:`Chunk`,
and :func:`strangers` gives the names of what nobody here knows, so that nothing is lost in silence.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from wiremend.message import Usage
from wiremend.protocols.chat.values import encode
from wiremend.protocols.coding import UNREADABLE
from wiremend.protocols.loose import count, field, first

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Function(Struct, frozen=True, gc=False):
    """The function of a piece of a call."""

    name: Any = None
    arguments: Any = None


class Custom(Struct, frozen=True, gc=False):
    """The custom tool of a piece of a call."""

    name: Any = None
    input: Any = None


class Entry(Struct, frozen=True, gc=False):
    """A piece of a call."""

    index: Any = None
    id: Any = None
    type: Any = None
    function: Function | None = None
    custom: Custom | None = None


class Detail(Struct, frozen=True, gc=False):
    """An entry of ``reasoning_details`` (OpenRouter): text, a summary, or what only its provider can read."""

    type: Any = None
    text: Any = None
    summary: Any = None
    data: Any = None
    signature: Any = None
    id: Any = None
    format: Any = None


class Said(Struct, frozen=True, gc=False):
    """A delta. The fields behind ``annotations`` have no place elsewhere; most providers that have them send null."""

    role: Any = None
    content: Any = None
    refusal: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    reasoning_details: list[Detail] | None = None
    tool_calls: list[Entry] | None = None
    annotations: list[Any] | None = None
    audio: Any = None
    function_call: Any = None
    images: Any = None
    name: Any = None


HOMELESS: Final = ("audio", "function_call", "images")
"""Fields of a delta that say something, and that no other wire has."""


class _ClosedSaid(Said, frozen=True, forbid_unknown_fields=True, gc=False):
    """A delta with nothing unknown."""


class Choice(Struct, frozen=True, gc=False):
    """A choice."""

    delta: Said | None = None
    finish_reason: Any = None
    index: Any = 0
    logprobs: Any = None
    usage: Any = None


class _ClosedChoice(Choice, frozen=True, gc=False):
    """A choice whose delta has nothing unknown."""

    delta: _ClosedSaid | None = None


class Chunk(Struct, frozen=True, gc=False):
    """One event. ``citations`` are Perplexity's, the sources of the whole answer."""

    id: Any = None
    created: Any = None
    model: Any = None
    choices: list[Choice] | None = None
    usage: Any = None
    error: Any = None
    citations: Any = None
    search_results: Any = None


class ClosedChunk(Chunk, frozen=True, gc=False):
    """A chunk in whose deltas there is nothing unknown."""

    choices: list[_ClosedChoice] | None = None  # type: ignore[assignment]  # narrower, and these are never written


class _Names(Struct):
    """A choice, for the names in its delta."""

    delta: dict[str, Any] | None = None


class _Named(Struct):
    """A chunk, for the names in its deltas."""

    choices: list[_Names] | None = None


decode: Final[Callable[[bytes], Chunk]] = msgspec.json.Decoder(ClosedChunk).decode
"""Read a chunk with nothing unknown in its deltas; raises what is in ``UNREADABLE``."""

decode_open: Final[Callable[[bytes], Chunk]] = msgspec.json.Decoder(Chunk).decode
"""Read any chunk."""

_NAMED: Final = msgspec.json.Decoder(_Named).decode


def with_halves(data: bytes) -> Chunk | None:
    """Read a chunk that has halves of surrogate pairs, or what else msgspec refuses. None for what is no chunk."""
    try:
        return msgspec.convert(json.loads(data), Chunk)
    except UNREADABLE:
        return None


def strangers(data: bytes) -> list[str]:
    """Give the names of fields in a chunk's deltas that nobody here knows and that say something.

    Raises what is in ``UNREADABLE``.
    """
    named = _NAMED(data)
    known = Said.__struct_fields__
    return [
        name
        for choice in named.choices or ()
        for name, value in (choice.delta or {}).items()
        if name not in known and value
    ]


def said(value: object) -> str:
    """Give a text that says something; "" for all else."""
    return value if isinstance(value, str) else ""


def json_text(value: object) -> str:
    """Give arguments as text: itself, or the JSON of a value. "" for nothing."""
    if isinstance(value, str):
        return value
    return "" if value is None else encode(value).decode()


def usage_of(value: object) -> Iterator[Usage]:
    """Give the counts of a usage object, if it is one; ``prompt_tokens`` includes what the cache served."""
    if not isinstance(value, dict):
        return
    prompt, completion = value.get("prompt_tokens_details"), value.get("completion_tokens_details")
    yield Usage(
        input=first(count(value.get("prompt_tokens")), count(value.get("input_tokens"))),
        cached=first(
            count(field(prompt, "cached_tokens")),
            count(value.get("cached_tokens")),
            count(value.get("prompt_cache_hit_tokens")),
        ),
        written=count(field(prompt, "cache_write_tokens")),
        output=first(count(value.get("completion_tokens")), count(value.get("output_tokens"))),
        reasoning=first(count(field(completion, "reasoning_tokens")), count(value.get("reasoning_tokens"))),
    )
