"""A reply as Anthropic writes it: events of the Messages API, and the whole message.

After the examples of "Streaming messages" in the vendor's documentation: a ping behind the first block's start; the
input of a call as an empty object, and then in pieces, the first of them empty; counts of the prompt in
``message_start``, all of them again in ``message_delta``. ``input_tokens`` leaves out what the cache served and what
was written to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.translate.said import Call, Json, Patch, Refuse, Reply, Say, Think, sse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.translate.said import Part, Stop, Usage

STOPS: Final[dict[Stop, str]] = {
    "end": "end_turn",
    "length": "max_tokens",
    "stop_sequence": "stop_sequence",
    "tools": "tool_use",
    "refusal": "refusal",
}
EMPTY: Final[Json] = {"input_tokens": 0, "output_tokens": 0}


def messages_stream(reply: Reply) -> tuple[bytes, ...]:
    """Write the events, one a chunk."""
    return tuple(sse(event, event["type"]) for event in _events(reply))


def messages_body(reply: Reply) -> Json:
    """Write the whole message."""
    return _MESSAGE | {
        "content": [_block(part) for part in reply.parts],
        "stop_reason": STOPS[reply.stop],
        "stop_sequence": reply.at,
        "usage": _usage(reply.usage) if reply.usage else EMPTY,
    }


def messages_error(reply: Reply) -> Json:
    """Write an error."""
    kind, text = reply.error or ("api_error", "")
    return {"type": "error", "error": {"type": kind, "message": text}, "request_id": "req_1"}


def _events(reply: Reply) -> Iterator[Json]:
    usage = _usage(reply.usage) if reply.usage and reply.usage_at != "absent" else EMPTY
    begun = {name: count for name, count in usage.items() if name != "output_tokens_details"} | {"output_tokens": 0}
    yield {"type": "message_start", "message": _MESSAGE | {"usage": begun}}
    for index, part in enumerate(reply.parts):
        yield {"type": "content_block_start", "index": index, "content_block": _begun(part)}
        if index == 0:
            yield {"type": "ping"}
        broken = (reply.error is not None or reply.cut) and index == len(reply.parts) - 1
        for delta in _deltas(part):
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        if not broken:
            yield {"type": "content_block_stop", "index": index}
    if reply.error is not None:
        yield messages_error(reply)
    elif not reply.cut:
        delta = {"stop_reason": STOPS[reply.stop], "stop_sequence": reply.at}
        yield {"type": "message_delta", "delta": delta, "usage": usage}
        yield {"type": "message_stop"}


_MESSAGE: Final[Json] = {
    "id": "msg_01UPSTREAM",
    "type": "message",
    "role": "assistant",
    "model": "upstream-model",
    "content": [],
    "stop_reason": None,
    "stop_sequence": None,
}


def _usage(usage: Usage) -> Json:
    counts: Json = {
        "input_tokens": usage.input - usage.cached - usage.written,
        "cache_creation_input_tokens": usage.written,
        "cache_read_input_tokens": usage.cached,
        "output_tokens": usage.output,
    }
    return counts | ({"output_tokens_details": {"thinking_tokens": usage.reasoning}} if usage.reasoning else {})


def _citation(url: str, title: str) -> Json:
    place = {"cited_text": "as it says", "encrypted_index": "Eo8BCioIAhgB"}
    return {"type": "web_search_result_location", "url": url, "title": title, **place}


def _block(part: Part) -> Json:
    match part:
        case Think(pieces, proof):
            return {"type": "thinking", "thinking": "".join(pieces), "signature": proof}
        case Say(pieces, cited):
            return {"type": "text", "text": "".join(pieces)} | ({"citations": [_citation(*cited)]} if cited else {})
        case Refuse(pieces):
            return {"type": "text", "text": "".join(pieces)}
        case Call():
            return {"type": "tool_use", "id": part.id, "name": part.name, "input": part.arguments}
        case Patch():
            return _block(part.as_call())


def _begun(part: Part) -> Json:
    block = _block(part)
    empty: Json = {"text": "", "thinking": "", "signature": "", "input": {}, "citations": []}
    return {name: empty.get(name, value) for name, value in block.items()}


def _deltas(part: Part) -> Iterator[Json]:
    match part:
        case Think(pieces, proof):
            yield from ({"type": "thinking_delta", "thinking": piece} for piece in pieces)
            yield {"type": "signature_delta", "signature": proof}
        case Say(pieces, cited):
            yield from ({"type": "text_delta", "text": piece} for piece in pieces)
            if cited:
                yield {"type": "citations_delta", "citation": _citation(*cited)}
        case Refuse(pieces):
            yield from ({"type": "text_delta", "text": piece} for piece in pieces)
        case Call(pieces=pieces):
            yield from ({"type": "input_json_delta", "partial_json": piece} for piece in ("", *pieces))
        case Patch():
            yield from _deltas(part.as_call())
