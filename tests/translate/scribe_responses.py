"""A reply as OpenAI writes it on the Responses API: events, and the whole response.

After the reference of the streaming events: an item is added in progress, its parts are added empty, grow, are done,
and the item is done whole; the response begins in progress and comes whole at the end, with its usage. Reasoning is
summarised, and proved by ``encrypted_content``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tests.translate.said import Call, Json, Patch, Refuse, Reply, Say, Think, alternating, sse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.translate.said import Part, Usage

HEAD: Final[Json] = {
    "id": "resp_UPSTREAM",
    "object": "response",
    "created_at": 1_763_700_000,
    "status": "in_progress",
    "background": False,
    "error": None,
    "incomplete_details": None,
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "model": "upstream-model",
    "output": [],
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_p": 1.0,
    "truncation": "disabled",
    "usage": None,
}


def responses_stream(reply: Reply) -> tuple[bytes, ...]:
    """Write the events, one a chunk."""
    return tuple(sse(event | {"sequence_number": number}, event["type"]) for number, event in enumerate(_events(reply)))


def responses_body(reply: Reply) -> Json:
    """Write the whole response."""
    output = [_item(part, index) for index, part in enumerate(reply.parts)]
    ended: Json = {"status": "completed", "output": output, "usage": _usage(reply.usage) if reply.usage else None}
    if reply.usage_at == "absent":
        ended["usage"] = None
    if reply.stop == "length":
        ended |= {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    return HEAD | ended


def responses_error(reply: Reply) -> Json:
    """Write an error."""
    kind, text = reply.error or ("server_error", "")
    code = "insufficient_quota" if reply.status == 429 else None
    return {"error": {"message": text, "type": code or kind, "param": None, "code": code}}


def _events(reply: Reply) -> Iterator[Json]:
    yield {"type": "response.created", "response": HEAD}
    yield {"type": "response.in_progress", "response": HEAD}
    if reply.interleaved:
        yield from _interleaved(reply)
    else:
        for index, part in enumerate(reply.parts):
            broken = (reply.error is not None or reply.cut) and index == len(reply.parts) - 1
            yield from _of(part, index, broken=broken)
    if reply.error is not None:
        error = {"code": "server_error", "message": reply.error[1]}
        yield {"type": "response.failed", "response": HEAD | {"status": "failed", "error": error}}
    elif not reply.cut:
        response = responses_body(reply)
        yield {"type": f"response.{response['status']}", "response": response}


def _of(part: Part, index: int, *, broken: bool) -> Iterator[Json]:
    events = list(_item_events(part, index))
    # Of an item that breaks off there are no more events than its pieces.
    yield from (event for event in events if not (broken and event["type"].endswith(".done")))


def _interleaved(reply: Reply) -> Iterator[Json]:
    calls = [part for part in reply.parts if isinstance(part, Call)]
    lives = [list(_item_events(call, index)) for index, call in enumerate(calls)]
    yield from (life[0] for life in lives)
    for number, piece in alternating(calls):
        yield _piece(number, piece)
    for life in lives:
        yield from life[-2:]


def _item_events(part: Part, index: int) -> Iterator[Json]:
    item = _item(part, index)
    begun = item | {"status": "in_progress"}
    begun |= {
        name: value
        for name, value in {"content": [], "summary": [], "arguments": "", "input": ""}.items()
        if name in item
    }
    if item["type"] == "reasoning":
        begun = begun | {"encrypted_content": ""}
        begun.pop("status")
    yield {"type": "response.output_item.added", "output_index": index, "item": begun}
    where: Json = {"item_id": item["id"], "output_index": index}
    match part:
        case Think(pieces):
            where |= {"summary_index": 0}
            text = "".join(pieces)
            empty, full = {"type": "summary_text", "text": ""}, {"type": "summary_text", "text": text}
            yield {"type": "response.reasoning_summary_part.added", **where, "part": empty}
            for piece in pieces:
                yield {"type": "response.reasoning_summary_text.delta", **where, "delta": piece}
            yield {"type": "response.reasoning_summary_text.done", **where, "text": text}
            yield {"type": "response.reasoning_summary_part.done", **where, "part": full}
        case Say(pieces):
            yield from _said(item, where, pieces)
        case Refuse(pieces):
            where |= {"content_index": 0}
            yield {"type": "response.content_part.added", **where, "part": {"type": "refusal", "refusal": ""}}
            for piece in pieces:
                yield {"type": "response.refusal.delta", **where, "delta": piece}
            yield {"type": "response.refusal.done", **where, "refusal": "".join(pieces)}
            yield {"type": "response.content_part.done", **where, "part": item["content"][0]}
        case Call(pieces=pieces):
            yield from (_piece(index, piece) for piece in pieces)
            done = {"arguments": item["arguments"], "name": part.name}
            yield {"type": "response.function_call_arguments.done", **where, **done}
        case Patch(pieces=pieces):
            for piece in pieces:
                yield {"type": "response.custom_tool_call_input.delta", **where, "delta": piece}
            yield {"type": "response.custom_tool_call_input.done", **where, "input": item["input"]}
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def _said(item: Json, where: Json, pieces: tuple[str, ...]) -> Iterator[Json]:
    where = where | {"content_index": 0}
    part = item["content"][0]
    yield {"type": "response.content_part.added", **where, "part": part | {"text": "", "annotations": []}}
    for piece in pieces:
        yield {"type": "response.output_text.delta", **where, "delta": piece, "logprobs": []}
    for number, annotation in enumerate(part["annotations"]):
        more: Json = {"annotation_index": number, "annotation": annotation}
        yield {"type": "response.output_text.annotation.added", **where, **more}
    yield {"type": "response.output_text.done", **where, "text": part["text"], "logprobs": []}
    yield {"type": "response.content_part.done", **where, "part": part}


def _piece(index: int, piece: str) -> Json:
    where: Json = {"item_id": f"fc_{index}", "output_index": index}
    return {"type": "response.function_call_arguments.delta", **where, "delta": piece}


def _item(part: Part, index: int) -> Json:
    match part:
        case Think(pieces, proof):
            summary = [{"type": "summary_text", "text": "".join(pieces)}]
            return {"id": f"rs_{index}", "type": "reasoning", "summary": summary, "encrypted_content": proof}
        case Say(pieces, cited):
            text: Json = {"type": "output_text", "text": "".join(pieces), "annotations": [], "logprobs": []}
            if cited:
                address = {"url": cited[0], "title": cited[1]}
                text["annotations"] = [{"type": "url_citation", "start_index": 0, "end_index": 4, **address}]
            return _message(index, text)
        case Refuse(pieces):
            return _message(index, {"type": "refusal", "refusal": "".join(pieces)})
        case Call():
            call: dict[str, Any] = {"call_id": part.id, "name": part.name, "arguments": "".join(part.pieces)}
            return {"id": f"fc_{index}", "type": "function_call", "status": "completed", **call}
        case Patch():
            call = {"call_id": part.id, "name": part.name, "input": "".join(part.pieces)}
            return {"id": f"ctc_{index}", "type": "custom_tool_call", "status": "completed", **call}


def _message(index: int, part: Json) -> Json:
    return {"id": f"msg_{index}", "type": "message", "status": "completed", "role": "assistant", "content": [part]}


def _usage(usage: Usage) -> Json:
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": usage.written},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.input + usage.output,
    }
