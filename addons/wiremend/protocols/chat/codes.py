"""The names of the breaches of the chat contract, each with what is wrong and who minds.

A code is spelled ``chat.part.fault`` and is stable. A part is where the fault lies: ``event`` (the framing), ``stream``
and ``done`` (how it ends), ``error``, ``chunk``, ``choice``, ``delta`` (in a whole body: the message), ``tool-call``,
``finish`` (``finish_reason``), ``usage``, and ``body`` for what only a whole response has.

Whom the sentences name was measured or read in the client's source: "the openai SDK" is the accumulator of
openai-python (``lib/streaming``), "openai-node" that of the JavaScript SDK, "the AI SDK" ``@ai-sdk/openai`` or
``@ai-sdk/openai-compatible``, which OpenCode is built on.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

CODES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "chat.event.not-utf8": "The event is not valid UTF-8: the openai SDK ends the turn with a decoding error.",
        "chat.event.byte-order-mark": (
            "The stream opens with a byte order mark: openai SDKs lose the first event by it."
        ),
        "chat.event.unterminated": "The last event lacks its blank line: the AI SDK and the openai SDK drop it.",
        "chat.event.no-data": (
            "A block has fields but no data, or comes alone after an id: the openai SDKs parse it as JSON and fail."
        ),
        "chat.event.empty-data": "The event's data is empty: all openai SDKs and the AI SDK parse it as JSON and fail.",
        "chat.event.not-json": "The event's data is neither JSON nor [DONE]: all openai SDKs and the AI SDK fail.",
        "chat.event.merged": "Several chunks stand in one event, for lack of blank lines: no SDK can read it as JSON.",
        "chat.event.unframed": (
            "A chunk stands on a line without `data:`: every SDK ignores the line, and what it says is lost."
        ),
        "chat.event.not-object": "The event's data is JSON but not an object: the openai SDKs and the AI SDK fail.",
        "chat.event.not-chunk": (
            "The event is no chunk and no error (a keep-alive?): the AI SDK and openai-node fail on its missing "
            "choices."
        ),
        "chat.event.named": (
            "The event has an `event:` name: openai-node 4 then gives {event, data} in place of the chunk."
        ),
        "chat.done.spelling": (
            "The end is not spelled exactly [DONE]: SDKs parse it as JSON and fail at the end of a good turn."
        ),
        "chat.done.missing": "The stream ends without [DONE]: hand-written clients wait for it.",
        "chat.stream.empty": (
            "The stream says nothing: the openai SDK has no completion to give, and OpenCode repeats the request "
            "without end."
        ),
        "chat.stream.cut": "The stream ends before a finish reason and before [DONE]: the connection was cut.",
        "chat.stream.json-body": (
            "A JSON document answers where an event stream is due: SDKs see no chunk, and OpenCode repeats the "
            "request without end."
        ),
        "chat.stream.after-done": "Something follows [DONE]: openai SDKs never read it.",
        "chat.stream.after-error": (
            "Something follows an error: the openai SDKs ended the turn there, others would take it for success."
        ),
        "chat.error.null": (
            "The chunk has an `error` that says nothing: the AI SDK aborts on the key alone, whatever its value."
        ),
        "chat.error.shape": (
            "The error is not {error: {message, type, code}}: the openai SDK takes it for the end of a success, "
            "or the AI SDK cannot read it."
        ),
        "chat.error.beside-choices": (
            "The error stands beside choices: @ai-sdk/openai drops the error and takes the chunk for a success."
        ),
        "chat.chunk.object-missing": (
            'The chunk has no `object`: the openai SDK skips every chunk but a "chat.completion.chunk".'
        ),
        "chat.chunk.object-wrong": 'The `object` is not "chat.completion.chunk": the openai SDK skips the chunk.',
        "chat.chunk.id-type": "The chunk's id is not a string: the AI SDK refuses the chunk.",
        "chat.chunk.created-type": "The chunk's `created` is not a number: the AI SDK refuses the chunk.",
        "chat.chunk.model-type": "The chunk's model is not a string: the AI SDK refuses the chunk.",
        "chat.chunk.moderation-type": "The chunk's `moderation` is not an object: the openai SDK fails on it.",
        "chat.chunk.choices-missing": (
            "The chunk has no `choices`, or null: openai-node, the openai SDK and the AI SDK need an array in "
            "every chunk."
        ),
        "chat.chunk.choices-type": (
            "The `choices` are no array: openai-node, the openai SDK and the AI SDK need one in every chunk."
        ),
        "chat.chunk.empty": "The chunk has neither choices nor usage: clients that index choices[0] crash on it.",
        "chat.choice.not-object": "The choice is not an object: every client fails on it.",
        "chat.choice.index-missing": "The choice has no index: @ai-sdk/openai and the openai SDK need a number.",
        "chat.choice.index-type": (
            "The choice's index is not a whole number: @ai-sdk/openai and the openai SDK need one."
        ),
        "chat.choice.index-order": (
            "The choice's index is not the next one, counted from 0: the openai SDK uses it as a place in a list "
            "and fails."
        ),
        "chat.choice.index-repeated": (
            "Two choices of one chunk have the same index: the AI SDK reads only the first, the openai SDK may drop it."
        ),
        "chat.choice.delta-missing": "The choice has no delta: the openai SDK fails on it.",
        "chat.choice.delta-null": (
            "The choice's delta is null: the openai SDK and plain loops over its chunks fail on it."
        ),
        "chat.choice.delta-type": "The choice's delta is not an object: every client fails on it.",
        "chat.choice.message-not-delta": (
            "The choice of a chunk has a message in place of a delta: openai SDKs fail, others repeat the text."
        ),
        "chat.choice.logprobs-type": (
            "The logprobs are not as documented: the AI SDK refuses the chunk, and the openai SDK may fail."
        ),
        "chat.choice.function-call": "The tool call comes as the legacy `function_call`: today's SDKs lose it.",
        "chat.choice.after-finish": (
            "Text or a tool call follows the choice's finish reason: the openai SDK has already given the whole out."
        ),
        "chat.delta.role-missing": 'The first delta of a choice lacks the role "assistant": openai-node needs it.',
        "chat.delta.role-empty": 'The role is "": the AI SDK refuses the chunk (OpenCode 1.18, @ai-sdk/openai).',
        "chat.delta.role-wrong": 'The role is not "assistant": the AI SDK refuses the chunk.',
        "chat.delta.role-repeated": 'The role comes a second time: the openai SDK makes "assistantassistant" of it.',
        "chat.delta.content-type": (
            "The content is neither a string nor null: the openai SDK and @ai-sdk/openai fail on parts."
        ),
        "chat.delta.refusal-type": "The refusal is neither a string nor null: @ai-sdk/openai refuses the chunk.",
        "chat.delta.reasoning-type": "The reasoning is neither a string nor null: the AI SDK refuses the chunk.",
        "chat.delta.reasoning-with-content": (
            "One delta has both reasoning and content: clients that read content first (pi) turn their order round."
        ),
        "chat.delta.tool-calls-type": (
            "The `tool_calls` are neither an array nor null: the AI SDK refuses the chunk, openai SDKs fail."
        ),
        "chat.delta.list-index-missing": (
            "An entry of a list in the delta has no whole number as index: the openai SDK cannot add the lists up "
            "and fails."
        ),
        "chat.delta.list-entry-type": (
            "A list in the delta mixes kinds of entries: the openai SDK cannot add the lists up and fails."
        ),
        "chat.delta.annotation-type": (
            "The annotation is not a complete `url_citation`: @ai-sdk/openai refuses the chunk."
        ),
        "chat.tool-call.not-object": "The tool call is not an object: every client fails on it.",
        "chat.tool-call.index-missing": (
            "The tool call has no index: the openai SDK and @ai-sdk/openai fail, openai-node loses the call."
        ),
        "chat.tool-call.index-type": (
            "The tool call's index is not a whole number: the openai SDK and @ai-sdk/openai fail."
        ),
        "chat.tool-call.index-order": (
            "The tool call's index is not the next one, counted from 0: the openai SDK uses it as a place in a "
            "list and fails."
        ),
        "chat.tool-call.index-reused": (
            "A second tool call has the index of another one: nearly every client merges the two into one."
        ),
        "chat.tool-call.id-missing": (
            "The tool call's first delta has no id: OpenCode fails with \"Expected 'id' to be a string.\"."
        ),
        "chat.tool-call.id-type": "The tool call's id is not a string: the AI SDK refuses the chunk.",
        "chat.tool-call.id-repeated": (
            "The tool call's id comes a second time: the openai SDK writes it twice, so no result fits it."
        ),
        "chat.tool-call.id-late": "The tool call's id comes after its first delta: OpenCode has failed by then.",
        "chat.tool-call.type-missing": 'The tool call\'s first delta has no type "function": openai-node needs it.',
        "chat.tool-call.type-null": (
            "A later delta of the tool call has a null type: the openai SDK forgets that it is a function and fails."
        ),
        "chat.tool-call.type-wrong": (
            'The tool call\'s type is not "function": openai-node, the openai SDK and @ai-sdk/openai fail.'
        ),
        "chat.tool-call.function-missing": (
            "The tool call has no function, or null: the AI SDK and the openai SDK need an object in every delta."
        ),
        "chat.tool-call.function-type": "The tool call's function is not an object: every client fails on it.",
        "chat.tool-call.name-missing": (
            "The tool call's first delta does not name the function: the AI SDK fails with \"Expected "
            "'function.name' to be a string.\"."
        ),
        "chat.tool-call.name-type": "The function's name is not a string: the AI SDK refuses the chunk.",
        "chat.tool-call.name-repeated": (
            "The function's name comes a second time: the openai SDK and plain loops write it twice."
        ),
        "chat.tool-call.arguments-null": "The arguments are null: plain loops that add them up fail.",
        "chat.tool-call.arguments-type": (
            'The arguments are not a string: the AI SDK refuses the chunk, openai-node makes "[object Object]" of them.'
        ),
        "chat.tool-call.arguments-restarted": (
            "A placeholder {} comes before the arguments: added up they are not JSON, for any client."
        ),
        "chat.tool-call.arguments-empty": (
            'A tool call ends without arguments: most clients keep "" or null, which is not JSON.'
        ),
        "chat.tool-call.arguments-truncated": (
            "A tool call's arguments break off, and the finish reason does not say so: clients run it or crash."
        ),
        "chat.tool-call.arguments-not-json": (
            "A tool call's arguments are not JSON: the AI SDK and all agents reject the call."
        ),
        "chat.finish.empty": (
            'The finish reason is "": openai-node needs one that says something, and OpenCode repeats the request '
            "without end."
        ),
        "chat.finish.type": "The finish reason is not a string: the AI SDK refuses the chunk.",
        "chat.finish.unknown": (
            "The finish reason is not one that clients know: OpenCode repeats the request without end, pi fails."
        ),
        "chat.finish.missing": (
            "A choice never got its finish reason: openai-node and the AI SDK fail, OpenCode repeats the request "
            "without end."
        ),
        "chat.finish.contradicts-tools": (
            'The finish reason is "stop" after tool calls: agents end without running them.'
        ),
        "chat.finish.no-tools": (
            "The finish reason promises tool calls, and there are none: OpenCode repeats the request without end."
        ),
        "chat.usage.type": "The usage is neither an object nor null: the AI SDK refuses the chunk.",
        "chat.usage.count-type": "A count of the usage is not a number: the AI SDK refuses the chunk.",
        "chat.usage.not-last": "The usage is not in the last chunk: the openai SDK keeps only what the last one says.",
        "chat.usage.in-choice": (
            "The usage stands inside a choice and nowhere else: clients read the top level and count 0 tokens."
        ),
        "chat.body.not-json": "The body is not JSON: every client fails.",
        "chat.body.event-stream": "An event stream answers where a JSON document is due: every client fails.",
        "chat.body.not-object": "The body is not a JSON object: every client fails.",
        "chat.body.error": "The body is an error: under a status of success the SDKs take it for an empty completion.",
        "chat.body.field-missing": (
            "The completion lacks a field that it must have: validators of the official model (pydantic-ai) refuse it."
        ),
        "chat.body.field-type": "A field of the completion has the wrong type: the AI SDK and pydantic-ai refuse it.",
        "chat.body.object-wrong": (
            'The `object` is not "chat.completion": validators of the official model (pydantic-ai) refuse it.'
        ),
        "chat.body.choices-missing": "The completion has no choices: every client that reads choices[0] fails.",
        "chat.body.message-missing": "The choice has no message: every client fails.",
        "chat.body.service-tier": (
            "The service tier is not one that OpenAI documents: pydantic-ai refuses the completion."
        ),
    }
)
"""Every code, with a sentence for a person."""
