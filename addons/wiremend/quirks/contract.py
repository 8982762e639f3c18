"""What the contracts of all wires find in how events are framed, and in a reply of the form that was not asked for.

The rows that only one wire has are in ``contract_chat``, ``contract_calls``, ``contract_messages`` and
``contract_responses``.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from wiremend.quirks.base import Quirk

_row = partial(Quirk, wires=("messages", "chat", "responses"), side="stream", kind="always")

QUIRKS: Final[tuple[Quirk, ...]] = (
    _row(
        number=99,
        name="sse-final-newline-missing",
        who="servers that close the connection right behind the last line",
        symptom="The AI SDK drops the last event, the TypeScript SDK of Anthropic has no message.",
        mend="The last event gets the blank line that ends it.",
        before='data: {"type":"message_stop"}<end>',
        after='data: {"type":"message_stop"}, a blank line',
        evidence=("measured: AI SDK 5 to 7, @anthropic-ai/sdk, Claude Code 2.1.197",),
        codes=("messages.sse.unterminated", "chat.event.unterminated", "responses.event.unterminated"),
    ),
    _row(
        number=100,
        name="sse-keepalive-as-event",
        who="servers whose keep-alive is an event: without data, with empty data, or with a type of its own",
        symptom="A JSON parse error, or an unknown event, in a stream that is otherwise good.",
        mend="It becomes a comment, which is what a keep-alive is; the ping of the messages wire is legal and stays.",
        before="event: keepalive",
        after=": keepalive",
        evidence=(
            "https://github.com/router-for-me/CLIProxyAPI/commit/4d68ca8a6",
            "measured: openai-python, openai-node, the AI SDK, OpenCode and qwen-code, with several spellings",
        ),
        codes=(
            "messages.data.missing",
            "messages.data.not-json",
            "messages.data.not-object",
            "chat.event.no-data",
            "chat.event.empty-data",
            "chat.event.not-chunk",
            "responses.event.no-data",
            "responses.event.keep-alive",
        ),
    ),
    _row(
        number=102,
        name="sse-framing",
        who="servers that forget the blank line, or `data:`, or begin with a byte order mark",
        symptom="Events run into each other or vanish: an empty answer, or a parse error.",
        mend="The events are parted and framed as they must be, and the mark is taken off.",
        before='data: {"id":"a"}, and data: {"id":"b"} in the next line',
        after='data: {"id":"a"}, a blank line, data: {"id":"b"}, a blank line',
        evidence=("measured: single line feeds, lines of JSON, JSON over several lines, a byte order mark",),
        codes=(
            "messages.sse.bom",
            "messages.sse.merged",
            "messages.sse.unprefixed",
            "chat.event.byte-order-mark",
            "chat.event.merged",
            "chat.event.unframed",
            "responses.event.bom",
            "responses.event.merged",
            "responses.event.unframed",
        ),
    ),
    _row(
        number=103,
        name="stream-request-json-response",
        who="hosts and adapters that pass over stream: true",
        symptom="An empty answer; Claude Code pays twice; OpenCode asks the model again without end.",
        mend="The whole body is turned into the stream that was asked for.",
        before='content-type: application/json, {"choices":[{"message":{"content":"Hi"}}]}',
        after='content-type: text/event-stream, data: {"choices":[{"delta":{"content":"Hi"}}]} and so on',
        evidence=("measured: OpenCode 1.18.33 made 749 model calls in 40 s", "source: hermes-agent 0.19.0"),
        codes=("messages.stream.not-a-stream", "chat.stream.json-body"),
    ),
    _row(
        number=104,
        name="json-request-sse-response",
        side="reply",
        who="upstreams that can only stream",
        symptom="The client fails to parse a stream as JSON.",
        mend="The stream is read to its end and given as the body that was asked for.",
        before='data: {"choices":[{"delta":{"content":"Hi"}}]} and so on',
        after='{"choices":[{"message":{"role":"assistant","content":"Hi"}}]}',
        evidence=("source: hermes-agent 0.19.0, chat_completion_helpers.py",),
        codes=("messages.body.stream", "chat.body.event-stream", "responses.body.is-stream"),
    ),
)
