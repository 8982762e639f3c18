"""Every code of the messages contract, with a sentence that says who minds."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_SENTENCES: Final = """
sse.bom A byte order mark opens the stream; anthropic-py loses the first event.
sse.utf8 The block is not UTF-8; anthropic-py raises UnicodeDecodeError.
sse.unterminated The stream ends without a blank line; the SDKs and the AI SDK drop the last event.
sse.merged No blank line parts the events; every client reads them as one and fails on it.
sse.unprefixed The JSON stands outside of data lines; every client passes over it.
stream.empty The stream has no event; the TypeScript SDK says "request ended without sending any chunks".
stream.cut The stream ends before a stop reason; Claude Code asks again without streaming, OpenCode repeats the request.
stream.not-a-stream A whole reply stands where a stream should; SDKs see nothing, Claude Code pays twice.
data.missing A named event, or a data line, has no data; the SDKs or the AI SDK fail to parse it.
data.not-json The data is not JSON; the SDKs fail if the event is named, the AI SDK always.
data.not-object The data is not a JSON object; the SDKs fail if the event is named, the AI SDK always.
data.surrogate A string has half of a surrogate pair; anthropic-py cannot encode it, and no API takes it back.
done-sentinel A [DONE] that is named, not exactly this, or before the end; Claude Code fails to parse a named one.
event-line.missing There is no event line; the official SDKs, and so Claude Code, pass over the event.
event-line.mismatch The event line is not the data's type; older SDKs go by an allow-list of names.
type.missing The data has no type; newer SDKs go by it, and the AI SDK rejects the stream.
order.after-message-delta A block opens after the stop reason; Claude Code delivers it without one.
order.after-end An event comes after the end; a second message_stop counts usage twice in Claude Code.
message-start.missing message_start does not come first; the SDKs fail, Claude Code asks again without streaming.
message-start.repeated A second message_start; the TypeScript SDK raises "Unexpected event order".
message-start.message message_start has no message object; every client fails.
message-start.role The message's role is not "assistant"; SDK users put it into the next request.
message-start.identity The message's id or model is not a string; the AI SDK rejects the stream.
message-start.content The message's content is not a list; the SDKs append to it and fail.
message-start.content-prefilled The message brings content; the AI SDK rejects it, Claude Code throws it away.
message-start.usage The message has no usage object; the SDKs write into it and fail.
usage.input-tokens input_tokens is not a number; the AI SDK rejects it.
usage.output-tokens output_tokens is not a number; the SDKs or the AI SDK fail on it.
usage.counter A counter is neither number nor null; the AI SDK rejects it.
index.missing There is no index; the TypeScript SDK silently loses text and tool input, anthropic-py fails.
index.type The index is not a number from 0; the TypeScript SDK silently loses text, the AI SDK rejects it.
index.order The index is not the block's place in the order of arrival; the SDKs find another block there, or none.
block.missing There is no content block object; every client fails.
block.type-missing The content block has no type; the AI SDK rejects it, Claude Code fails at its first delta.
block.start-missing The block was never started; Claude Code says "Content block not found", anthropic-py IndexError.
block.stop-missing The block was never stopped; Claude Code delivers stopped blocks only, the AI SDK drops the call.
block.after-stop A delta for a block that was stopped; Claude Code and the AI SDK have delivered it already.
block.stop-repeated The block is stopped twice; Claude Code delivers it twice, and a tool runs twice.
delta.missing There is no delta object; every client fails.
delta.type-missing The delta has no type; every client loses it or fails.
delta.block-mismatch The block takes no such delta; Claude Code fails, the SDKs lose it.
text.not-string The text is not a string; Claude Code writes "null" or "undefined" into the answer.
text.prefilled The start brings text; Claude Code throws it away.
thinking.not-string The thinking is not a string; Claude Code writes "null" or "undefined" into it.
thinking.prefilled The start brings thinking; Claude Code throws it away.
signature.not-string The signature is not a string; the AI SDK and Claude Code fail, or lose the thinking.
signature.prefilled The start brings a signature; Claude Code throws it away.
redacted.data The redacted thinking has no data; the AI SDK rejects it.
citation.missing There is no citation object; the AI SDK rejects it.
tool.id The call has no id; the AI SDK rejects it, and no client can send the result back.
tool.name The call has no name; the AI SDK rejects it, and no client knows what to run.
tool.input-type The call's input is not an object; the AI SDK rejects it, anthropic-py hands null to the tool.
tool.input-prefilled The start brings the input; Claude Code throws it away and runs the tool with nothing.
tool.partial-json The piece of the input is not a string; the SDKs raise a type error, others lose the arguments.
tool.input-json The pieces of the input do not make a JSON object; anthropic-py fails, the tool cannot run.
tool.input-cut The input is cut short, but the stop reason names no limit; clients run the tool with what is there.
message-delta.missing There is no message_delta; OpenCode repeats the request without end.
message-delta.delta message_delta has no delta object; Claude Code says "undefined is not an object".
message-delta.usage message_delta has no usage object; the SDKs fail to read output_tokens of it.
stop-reason.missing No stop reason was given; OpenCode repeats the request without end.
stop-reason.unknown The stop reason is not one of this wire; agents end early, OpenCode repeats the request.
stop-reason.tool-use The stop reason is end_turn, but a tool is called; agents end without running it.
stop-sequence.type stop_sequence is neither string nor null; the AI SDK rejects it.
message-stop.missing There is no message_stop; the TypeScript SDK fails, Claude Code counts no usage.
error.shape The error is not in this wire's shape; anthropic-py takes the truncated text for a success.
body.empty The body is empty; every client fails.
body.stream The body is an event stream; every client fails to parse it.
body.type The reply's type is not "message"; the AI SDK rejects it.
body.model The reply has no model; Claude Code says "empty or malformed response".
body.content The reply has no list of content; Claude Code says "empty or malformed response".
body.usage The reply has no usage object; Claude Code says "empty or malformed response".
"""
CODES: Final[Mapping[str, str]] = MappingProxyType(
    {f"messages.{code}": text for code, _, text in (line.partition(" ") for line in _SENTENCES.strip().splitlines())}
)
