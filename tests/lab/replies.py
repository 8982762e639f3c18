"""Legal replies of the three wires, as whole bodies and as event streams.

They hold what the strictest accumulators ask for (facts of the wires: event names and block order on messages;
``object``, a first role and a finish reason on chat; item ids, ``output_item.done`` and a completed response on
responses), and ``tests/test_lab_scripts.py`` lets the official SDKs judge them. Each wire has ``*_body`` (the whole
JSON) and ``*_events`` (the stream, one item an event).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

type Json = dict[str, Any]

TEXT: Final = "Grüße vom Upstream: one two three."
"""What the scripts say unless told otherwise; it has characters of two bytes on purpose."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a reply says: its text, the tool it calls (name and input), its model and token counts."""

    text: str = TEXT
    model: str = "lab-model"
    tool: tuple[str, Json] | None = None
    input_tokens: int = 11
    output_tokens: int = 7

    def pieces(self) -> list[str]:
        """Cut the text into deltas, one a word."""
        return re.findall(r"\S+\s*", self.text)


def sse(data: object, event: str | None = None) -> bytes:
    """Write one server-sent event; ``data`` is JSON unless it is a text."""
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    name = f"event: {event}\n" if event else ""
    return f"{name}data: {text}\n\n".encode()


# --- messages ---------------------------------------------------------------------------------------------------------


def messages_body(answer: Answer) -> Json:
    """Give the whole reply of the messages wire."""
    content: list[Json] = [{"type": "text", "text": answer.text}] if answer.text else []
    if answer.tool:
        content.append({"type": "tool_use", "id": "toolu_lab1", "name": answer.tool[0], "input": answer.tool[1]})
    return {
        "id": "msg_lab1",
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": content,
        "stop_reason": "tool_use" if answer.tool else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": answer.input_tokens, "output_tokens": answer.output_tokens},
    }


def messages_events(answer: Answer) -> list[bytes]:
    """Give the reply as the event stream of the messages wire."""
    whole = messages_body(answer)
    usage = {"input_tokens": answer.input_tokens, "output_tokens": 1}
    events: list[Json] = [
        {"type": "message_start", "message": whole | {"content": [], "stop_reason": None, "usage": usage}},
        {"type": "ping"},
    ]
    for index, block in enumerate(whole["content"]):
        if block["type"] == "text":
            start: Json = {"type": "text", "text": ""}
            deltas = [{"type": "text_delta", "text": piece} for piece in answer.pieces()]
        else:
            start = block | {"input": {}}
            deltas = [{"type": "input_json_delta", "partial_json": part} for part in _halves(block["input"])]
        events.append({"type": "content_block_start", "index": index, "content_block": start})
        events += ({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas)
        events.append({"type": "content_block_stop", "index": index})
    events += [
        {
            "type": "message_delta",
            "delta": {"stop_reason": whole["stop_reason"], "stop_sequence": None},
            "usage": {"output_tokens": answer.output_tokens},
        },
        {"type": "message_stop"},
    ]
    return [sse(event, event["type"]) for event in events]


# --- chat -------------------------------------------------------------------------------------------------------------


def chat_body(answer: Answer) -> Json:
    """Give the whole reply of the chat wire."""
    message: Json = {"role": "assistant", "content": answer.text or None}
    if answer.tool:
        message["tool_calls"] = [_chat_call(answer.tool[0], json.dumps(answer.tool[1]))]
    return {
        "id": "chatcmpl-lab1",
        "object": "chat.completion",
        "created": 1700000000,
        "model": answer.model,
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls" if answer.tool else "stop"}],
        "usage": _chat_usage(answer),
    }


def chat_events(answer: Answer, *, include_usage: bool = True) -> list[bytes]:
    """Give the reply as the chunk stream of the chat wire, closed by ``[DONE]``."""
    deltas: list[Json] = [{"role": "assistant", "content": ""}]
    deltas += ({"content": piece} for piece in answer.pieces())
    if answer.tool:
        deltas.append({"tool_calls": [{"index": 0, **_chat_call(answer.tool[0], "")}]})
        deltas += ({"tool_calls": [{"index": 0, "function": {"arguments": part}}]} for part in _halves(answer.tool[1]))
    head = {"id": "chatcmpl-lab1", "object": "chat.completion.chunk", "created": 1700000000, "model": answer.model}
    finish = "tool_calls" if answer.tool else "stop"
    chunks = [head | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks.append(head | {"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    if include_usage:
        chunks.append(head | {"choices": [], "usage": _chat_usage(answer)})
    return [*map(sse, chunks), sse("[DONE]")]


def _chat_call(name: str, arguments: str) -> Json:
    return {"id": "call_lab1", "type": "function", "function": {"name": name, "arguments": arguments}}


def _chat_usage(answer: Answer) -> Json:
    return {
        "prompt_tokens": answer.input_tokens,
        "completion_tokens": answer.output_tokens,
        "total_tokens": answer.input_tokens + answer.output_tokens,
    }


# --- responses --------------------------------------------------------------------------------------------------------


def responses_body(answer: Answer, status: str = "completed") -> Json:
    """Give the whole reply of the responses wire."""
    done = status == "completed"
    return {
        "id": "resp_lab1",
        "object": "response",
        "created_at": 1700000000,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": answer.model,
        "output": _items(answer) if done else [],
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": {
            "input_tokens": answer.input_tokens,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": answer.output_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": answer.input_tokens + answer.output_tokens,
        }
        if done
        else None,
    }


def responses_events(answer: Answer) -> list[bytes]:
    """Give the reply as the event stream of the responses wire."""
    events: list[Json] = [
        {"type": "response.created", "response": responses_body(answer, "in_progress")},
        {"type": "response.in_progress", "response": responses_body(answer, "in_progress")},
    ]
    for index, item in enumerate(_items(answer)):
        events += _message_item(index, item, answer) if item["type"] == "message" else _call_item(index, item)
    events.append({"type": "response.completed", "response": responses_body(answer)})
    return [sse(event | {"sequence_number": number}, event["type"]) for number, event in enumerate(events)]


def _items(answer: Answer) -> list[Json]:
    items: list[Json] = []
    if answer.text:
        part = {"type": "output_text", "text": answer.text, "annotations": [], "logprobs": []}
        items.append(
            {"type": "message", "id": "msg_lab1", "status": "completed", "role": "assistant", "content": [part]}
        )
    if answer.tool:
        call = {"name": answer.tool[0], "arguments": json.dumps(answer.tool[1])}
        items.append({"type": "function_call", "id": "fc_lab1", "call_id": "call_lab1", "status": "completed", **call})
    return items


def _message_item(index: int, item: Json, answer: Answer) -> Iterable[Json]:
    where = {"item_id": item["id"], "output_index": index, "content_index": 0}
    part = item["content"][0]
    begun = item | {"status": "in_progress", "content": []}
    yield {"type": "response.output_item.added", "output_index": index, "item": begun}
    yield {"type": "response.content_part.added", **where, "part": part | {"text": ""}}
    for piece in answer.pieces():
        yield {"type": "response.output_text.delta", **where, "delta": piece, "logprobs": []}
    yield {"type": "response.output_text.done", **where, "text": part["text"], "logprobs": []}
    yield {"type": "response.content_part.done", **where, "part": part}
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def _call_item(index: int, item: Json) -> Iterable[Json]:
    where = {"item_id": item["id"], "output_index": index}
    begun = item | {"status": "in_progress", "arguments": ""}
    yield {"type": "response.output_item.added", "output_index": index, "item": begun}
    for part in _halves(json.loads(item["arguments"])):
        yield {"type": "response.function_call_arguments.delta", **where, "delta": part}
    done = {"name": item["name"], "arguments": item["arguments"]}
    yield {"type": "response.function_call_arguments.done", **where, **done}
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def _halves(value: Json) -> tuple[str, str]:
    text = json.dumps(value)
    return text[: len(text) // 2], text[len(text) // 2 :]


def any_body(path: str, answer: Answer | None = None) -> Json:
    """Give the whole reply of the wire whose path it is; an empty object for any other."""
    said = answer or Answer()
    wires = {"/messages": messages_body, "/chat/completions": chat_body, "/responses": responses_body}
    return next((body(said) for end, body in wires.items() if path.rstrip("/").endswith(end)), {})
