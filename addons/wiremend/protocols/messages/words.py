"""What is said of a mend: for each code of the contract, what is usually done, and in which words."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

type Kind = Literal["mended", "invented", "lost", "failed"]

CUT: Final = "the provider's stream ended early"

_USUAL: Final = """
mended sse.bom the byte order mark was left out
mended sse.utf8 bytes that are not UTF-8 were replaced or left out
mended sse.unterminated the missing blank line was put in
mended sse.merged written as one event each
mended sse.unprefixed written as one event each
failed stream.empty the stream became an error
failed stream.cut the stream became an error
mended stream.not-a-stream written as an event stream
mended data.missing left out
lost data.not-json left out
mended data.not-object left out, or unwrapped
lost data.surrogate halves were joined, or replaced where one was alone
mended done-sentinel left out
mended event-line.missing the event line was put in
mended event-line.mismatch the event line was set to the type
mended type.missing the type was put in, or what says nothing was left out
lost order.after-message-delta left out
lost order.after-end left out
invented message-start.missing message_start was put in
mended message-start.repeated left out
mended message-start.message filled
mended message-start.role set to assistant
mended message-start.identity filled
mended message-start.content set to []
mended message-start.content-prefilled taken out, and given as blocks where the stream brings none
mended message-start.usage filled with what is known
mended usage.input-tokens set to what is known, or 0
mended usage.output-tokens set to what is known, or 0
mended usage.counter read as a number, or set to null
mended index.missing filled
mended index.type read, or filled
mended index.order set to the place in the order of arrival
mended block.missing the start was left out: the first delta opens the block
mended block.type-missing filled, or the start was left out
invented block.start-missing content_block_start was put in
invented block.stop-missing content_block_stop was put in
mended block.after-stop a block of its own was opened for it
mended block.stop-repeated left out
mended delta.missing left out
mended delta.type-missing filled, or left out
mended delta.block-mismatch given to a block that takes it
mended text.not-string set to "", or the delta was left out
mended text.prefilled given as a delta
mended thinking.not-string set to "", or the delta was left out
mended thinking.prefilled given as a delta
mended signature.not-string set to "", or the delta was left out
mended signature.prefilled given as a delta
mended redacted.data set to ""
mended citation.missing left out
invented tool.id an id was made up
failed tool.name the stream became an error
mended tool.input-type set to {}, or given as a delta
mended tool.input-prefilled given as a delta before the stop
mended tool.partial-json left out, or written as JSON text
failed tool.input-json the stream became an error
failed tool.input-cut the stream became an error
invented message-delta.missing message_delta was put in
mended message-delta.delta filled
mended message-delta.usage filled with what is known
invented stop-reason.missing a message_delta with a stop reason was put in
mended stop-reason.unknown mapped to one of this wire
mended stop-reason.tool-use set to tool_use
mended stop-sequence.type set to null
invented message-stop.missing message_stop was put in
mended error.shape written in this wire's shape
failed body.empty the body became an error
mended body.stream read as the reply that it tells
mended body.type set to message
mended body.model filled
mended body.content set to a list
mended body.usage filled with what is known
"""
USUAL: Final[Mapping[str, tuple[Kind, str]]] = MappingProxyType(
    {
        code: (cast("Kind", kind), text)
        for kind, code, text in (line.split(" ", 2) for line in _USUAL.strip().splitlines())
    }
)
"""Code, without the wire -> the kind of mend, and what is usually done."""

FAILURES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "tool.input-json": "the provider's tool call has an input that is not a JSON object",
        "tool.input-cut": "the provider's stream cut the input of a tool call short",
        "stream.empty": "the provider's stream ended before it said anything",
        "stream.cut": CUT,
    }
)
"""Code -> what the client reads of it."""

OTHERWISE: Final = "the provider's stream cannot be mended"
