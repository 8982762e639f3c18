"""Every code of the contract with one sentence: what is wrong, and who minds.

"The SDKs" are openai-python and openai-node, that is, their accumulators (``responses.stream()``); "the AI SDK" is
@ai-sdk/openai, which OpenCode uses. Where only some versions mind, the newest that do are named.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_CODES: Final = {
    # --- server-sent events
    "event.bom": "The stream opens with a byte order mark, with which the SDKs lose its first event.",
    "event.not-utf8": "Bytes of the block are not UTF-8, and openai-python raises UnicodeDecodeError.",
    "event.unterminated": "The last event has no blank line behind it, and the AI SDK drops it.",
    "event.no-data": "A block that carries no data is no comment either, and the SDKs parse its empty data as JSON.",
    "event.unframed": "JSON stands in the stream without `data:`, and no client sees it.",
    "event.merged": "Several events stand in one block, with no blank line between them: no client can parse it.",
    "event.not-json": "The data is not JSON: the SDKs and the AI SDK fail, Codex skips it.",
    "event.not-object": "The data is JSON but no object: the SDKs and the AI SDK fail on it.",
    "event.type-missing": "The data has no string `type`, by which every client, Codex included, knows an event.",
    "event.type-alias": "`response.done` is what no client but its server's own takes for `response.completed`.",
    "event.keep-alive": "A keep-alive comes as an event: openai-node throws 'Unhandled response stream event'.",
    "event.field-invalid": "A field is of a type that a strict client refuses.",
    # --- the stream
    "stream.empty": "The stream ended without one event of a response.",
    "stream.created-missing": "The first event is not `response.created`, without which the SDKs take no other.",
    "stream.completed-missing": "The stream ended without `response.completed`: Codex retries it as a cut.",
    "stream.after-end": "An event follows the one that ended the response: a stream has one end.",
    "stream.chat-chunks": "The stream is one of chat completions, which no client of the Responses API understands.",
    # --- errors
    "error.event": "The failure comes as an `error` event, which Codex ignores: it heeds `response.failed`.",
    "error.object": "The failure comes as a bare error object, which Codex ignores: it heeds `response.failed`.",
    "failed.error-invalid": "The `error` of the failed response has no text `message` (and text or no `code`), which "
    "Codex and the AI SDK read.",
    "failed.unnumbered": "`response.failed` has no `sequence_number`, without which the AI SDK refuses this one event.",
    "incomplete.reason-invalid": "`incomplete_details` has no text `reason`, for which the AI SDK refuses the event.",
    # --- the response object
    "response.missing": "The event has no `response` object, which the SDKs and the AI SDK read.",
    "response.id-missing": "The response has no `id`: Codex fails on the completed one, the AI SDK on the created one.",
    "response.id-changed": "The response has another `id` than before: the newest SDKs throw 'identity changed'.",
    "response.model-missing": "The created response has no text `model`, which the AI SDK asks for.",
    "response.created-at-missing": "The created response has no number `created_at`, which the AI SDK asks for.",
    "response.status-wrong": "The response is said to be completed, and its `status` says that it is not: clients take "
    "an answer that was cut off for a whole one.",
    "response.output-invalid": "`output` is no list: openai-python before 3.51 cannot append to it or return it.",
    "response.output-short": "`output` lacks an item that was streamed: the SDKs return it as the whole result.",
    "usage.invalid": "A count is missing or no integer: Codex then fails to parse response.completed, and retries.",
    # --- output items
    "item.missing": "The event has no `item` object: the SDKs fail, Codex sees no message and no call.",
    "item.type-missing": "The item has no string `type`, by which every client knows it.",
    "item.type-changed": "The item has another `type` than when it began: the SDKs throw 'identity changed'.",
    "item.type-mismatch": "The event is one of another type of item: openai-node throws, openai-python asserts.",
    "item.id-missing": "The item's id is missing: openai-node asks for a non-empty one, the AI SDK for a string.",
    "item.id-changed": "The id is not the one that the item began with: openai-node throws, the AI SDK loses its text.",
    "item.id-repeated": "Two items have one id: the SDKs throw 'conflicting output identities'.",
    "item.call-id-missing": "The call has no `call_id`: the AI SDK fails, and Codex cannot answer the call.",
    "item.call-id-changed": "The call has another `call_id` than when it began: the SDKs throw 'identity changed'.",
    "item.call-id-repeated": "Two calls have one `call_id`: the SDKs throw 'conflicting output identities'.",
    "item.name-missing": "The call has no `name`: the AI SDK fails, Codex drops the call.",
    "item.arguments-invalid": "The call's arguments (or input) are no string: openai-python and the AI SDK fail.",
    "item.content-invalid": "The item's `content` (of reasoning, its `summary`) is no list, to which the SDKs append.",
    "item.status-missing": "The item has none of the statuses that the AI SDK asks for.",
    "item.role-invalid": "The message is not by `assistant`: Codex drops one without a role, the AI SDK fails.",
    "item.index-missing": "`output_index` is missing or no whole number, and the SDKs and the AI SDK key items by it.",
    "item.index-wrong": "`output_index` does not count the items from 0: openai-python before 3.51 raises IndexError.",
    "item.index-repeated": "Two items have one `output_index`: the SDKs throw 'Duplicate response output index'.",
    "item.added-again": "The item begins a second time: the newest SDKs throw 'Duplicate response output index'.",
    "item.not-added": "The item has not begun with `response.output_item.added`: the SDKs do not find it.",
    "item.done-missing": "The item has not ended with `response.output_item.done`, the only event that Codex takes "
    "messages and calls from.",
    "item.after-done": "An event belongs to an item that was done: its text is lost, a call would run twice.",
    # --- content parts, and what is streamed into them
    "part.missing": "The event has no `part` object, which the SDKs append.",
    "part.type-missing": "The part has no string `type`, by which every client knows it.",
    "part.type-mismatch": "The event is one of another type of part: the SDKs fail.",
    "part.text-invalid": "The part's text is no string: the SDKs cannot add to it, Codex drops the whole message.",
    "part.annotations-missing": "The text has no list of `annotations`, which the AI SDK asks for in a whole body.",
    "part.index-missing": "`content_index` (or `summary_index`) is missing or no whole number: the SDKs fail.",
    "part.index-wrong": "`content_index` (or `summary_index`) does not count the parts from 0: the SDKs fail.",
    "part.added-again": "The part begins a second time: openai-node throws, openai-python puts text in the wrong part.",
    "part.not-added": "The part has not begun with `response.content_part.added` (or the summary's): the SDKs fail.",
    "part.delta-missing": "The end says more than was streamed: the AI SDK reads pieces only, and loses the rest.",
    "delta.not-text": "What is streamed is no string: openai-python cannot add it, openai-node adds 'null'.",
    # --- a whole body
    "body.not-json": "The body is not a JSON object, which is what every client parses.",
    "body.is-stream": "The body is an event stream, but a client that did not ask for one parses JSON.",
    "body.is-chat": "The body is a chat completion, which no client of the Responses API understands.",
    "body.failed": "The response failed, under a status of success: the SDKs return it as an answer without words.",
    "body.error": "The body is an error under a status of success: the SDKs return it as an empty response.",
}

CODES: Final[Mapping[str, str]] = MappingProxyType({f"responses.{code}": text for code, text in _CODES.items()})
"""Every code, with what is wrong and who minds."""
