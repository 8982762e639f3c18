"""A reply as Chat Completions providers write it: chunks, and the whole completion.

After OpenAI's reference of the chat completion chunk, with ``reasoning_content`` as DeepSeek and Moonshot say it. The
role comes in the first delta, a call's id, type and name in its first piece; the usage comes in a chunk of its own
behind the finish, in the choice (Moonshot), or with the finish (vLLM, DeepSeek).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.translate.said import Call, Json, Patch, Refuse, Reply, Say, Think, alternating, sse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.translate.said import Stop, Usage

HEAD: Final[Json] = {"id": "chatcmpl-UPSTREAM", "created": 1_763_700_000, "model": "upstream-model"}
STOPS: Final[dict[Stop, str]] = {
    "end": "stop",
    "length": "length",
    "stop_sequence": "stop",
    "tools": "tool_calls",
    "refusal": "stop",
}


def chat_stream(reply: Reply) -> tuple[bytes, ...]:
    """Write the chunks, one event each."""
    return tuple(map(sse, _chunks(reply)))


def chat_body(reply: Reply) -> Json:
    """Write the whole completion."""
    calls = _calls(reply)
    message: Json = {
        "role": "assistant",
        "content": "".join(piece for part in reply.parts if isinstance(part, Say) for piece in part.pieces) or None,
        "refusal": "".join(piece for part in reply.parts if isinstance(part, Refuse) for piece in part.pieces) or None,
    }
    if thoughts := "".join(piece for part in reply.parts if isinstance(part, Think) for piece in part.pieces):
        message["reasoning_content"] = thoughts
    if calls:
        message["tool_calls"] = [_begun(call) | {"function": _function(call, "".join(call.pieces))} for call in calls]
    if cited := [_annotation(*part.cited) for part in reply.parts if isinstance(part, Say) and part.cited]:
        message["annotations"] = cited
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": STOPS[reply.stop]}
    usage = {"usage": _usage(reply.usage)} if reply.usage else {}
    return HEAD | {"object": "chat.completion", "choices": [choice]} | usage


def chat_error(reply: Reply) -> Json:
    """Write an error."""
    kind, text = reply.error or ("server_error", "")
    quota = reply.status == 429
    code = "insufficient_quota" if quota else None
    return {"error": {"message": text, "type": code or kind, "param": None, "code": code}}


def _chunks(reply: Reply) -> Iterator[Json | str]:
    yield _chunk({"role": "assistant", "content": "", "refusal": None})
    for part in reply.parts:
        match part:
            case Think(pieces):
                yield from (_chunk({"reasoning_content": piece}) for piece in pieces)
            case Say(pieces, cited):
                yield from (_chunk({"content": piece}) for piece in pieces)
                if cited:
                    yield _chunk({"annotations": [_annotation(*cited)]})
            case Refuse(pieces):
                yield from (_chunk({"refusal": piece}) for piece in pieces)
    yield from _pieces(reply)
    if reply.error is not None:
        yield chat_error(reply)
    elif not reply.cut:
        yield from _end(reply)


def _pieces(reply: Reply) -> Iterator[Json]:
    calls = _calls(reply)
    if reply.interleaved:
        yield _chunk({"tool_calls": [_started(number, call) for number, call in enumerate(calls)]})
        for number, piece in alternating(calls):
            yield _chunk({"tool_calls": [{"index": number, "function": {"arguments": piece}}]})
        return
    for number, call in enumerate(calls):
        yield _chunk({"tool_calls": [_started(number, call)]})
        yield from (_chunk({"tool_calls": [{"index": number, "function": {"arguments": one}}]}) for one in call.pieces)


def _end(reply: Reply) -> Iterator[Json | str]:
    last = _chunk({}, STOPS[reply.stop])
    usage = _usage(reply.usage) if reply.usage else None
    if usage is not None and reply.usage_at == "finish":
        last |= {"usage": usage}
    elif usage is not None and reply.usage_at == "choice":
        last["choices"][0] |= {"usage": usage}
    yield last
    if usage is not None and reply.usage_at == "trailing":
        yield HEAD | {"object": "chat.completion.chunk", "choices": [], "usage": usage}
    yield "[DONE]"


def _chunk(delta: Json, finish: str | None = None) -> Json:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return HEAD | {"object": "chat.completion.chunk", "choices": [choice]}


def _calls(reply: Reply) -> list[Call]:
    found = [part for part in reply.parts if isinstance(part, Call | Patch)]
    return [part.as_call() if isinstance(part, Patch) else part for part in found]


def _begun(call: Call) -> Json:
    return {"id": call.id, "type": "function", "function": _function(call, "")}


def _started(number: int, call: Call) -> Json:
    return {"index": number, **_begun(call)}


def _function(call: Call, arguments: str) -> Json:
    return {"name": call.name, "arguments": arguments}


def _annotation(url: str, title: str) -> Json:
    return {"type": "url_citation", "url_citation": {"start_index": 0, "end_index": 4, "url": url, "title": title}}


def _usage(usage: Usage) -> Json:
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": usage.written},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }
