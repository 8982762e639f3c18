"""Ready-made scripts: legal replies of the three wires, and a provider with Kimi's habits.

The streams hold what the strictest accumulators ask for (facts of the wires: event names and block order on messages;
``object``, a first role and a finish reason on chat; item ids, ``output_item.done`` and a completed response on
responses), and ``test_lab.py`` lets the official SDKs judge them. Each wire has ``*_events`` (the stream as a list of
events), ``*_body`` (the whole JSON) and ``*_stream`` (a script that gives the one or the other, as ``stream`` in the
request asks).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from .upstream import Reply, Script, table

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Collection, Iterable

    from .http1 import Request

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


# --- scripts ----------------------------------------------------------------------------------------------------------


def messages_stream(answer: Answer | None = None, gate: threading.Semaphore | None = None) -> Script:
    """Answer as the messages wire does; with a gate each event waits to be let through."""
    return _script(messages_body, lambda a, _: messages_events(a), answer, gate)


def chat_stream(answer: Answer | None = None, gate: threading.Semaphore | None = None) -> Script:
    """Answer as the chat wire does; usage comes where ``stream_options.include_usage`` asks for it."""

    def events(answer: Answer, asked: Json) -> list[bytes]:
        return chat_events(answer, include_usage=bool((asked.get("stream_options") or {}).get("include_usage")))

    return _script(chat_body, events, answer, gate)


def responses_stream(answer: Answer | None = None, gate: threading.Semaphore | None = None) -> Script:
    """Answer as the responses wire does."""
    return _script(responses_body, lambda a, _: responses_events(a), answer, gate)


def count_tokens(request: Request, reply: Reply) -> None:
    """Answer ``/v1/messages/count_tokens``."""
    assert request.json()["messages"] is not None
    reply.json(200, {"input_tokens": 42})


def models(*names: str) -> Script:
    """Answer ``/v1/models`` in the shape that both the OpenAI and the Anthropic SDK read."""
    rows = [
        {
            "id": name,
            "object": "model",
            "created": 1700000000,
            "owned_by": "lab",
            "type": "model",
            "display_name": name,
            "created_at": "2026-01-01T00:00:00Z",
        }
        for name in names
    ]
    page = {"object": "list", "data": rows, "has_more": False, "first_id": names[0], "last_id": names[-1]}
    return lambda _, reply: reply.json(200, page)


def provider(base: str = "/v1", answer: Answer | None = None) -> Script:
    """Serve all three wires, ``count_tokens``, ``models`` and ``embeddings`` under one base path; else 404."""
    embedding = {"object": "embedding", "index": 0, "embedding": [0.5, -0.5]}
    usage = {"prompt_tokens": 1, "total_tokens": 1}
    embeddings = {"object": "list", "data": [embedding], "model": "lab-embedding", "usage": usage}
    return table(
        {
            f"{base}/messages": messages_stream(answer),
            f"{base}/messages/count_tokens": count_tokens,
            f"{base}/chat/completions": chat_stream(answer),
            f"GET {base}/responses": lambda _, reply: reply.body(426, [], b""),  # Codex asks for a WebSocket first
            f"{base}/responses": responses_stream(answer),
            f"{base}/models": models("lab-model"),
            f"{base}/embeddings": lambda _, reply: reply.json(200, embeddings),
        },
    )


KIMI_MODELS: Final = ("kimi-for-coding", "kimi-for-coding-highspeed", "k3", "k3-256k")
KIMI_AGENTS: Final = re.compile(r"(claude-cli|KimiCLI|kimi-code-cli|RooCode|Kilo-Code)/", re.IGNORECASE)
KIMI_GATE: Final = "Kimi For Coding is currently only available for Coding Agents such as Kimi CLI, Claude Code, etc."


def kimi(
    answer: Answer | None = None,
    known: Collection[str] = KIMI_MODELS,
    agents: re.Pattern[str] = KIMI_AGENTS,
    gate: threading.Semaphore | None = None,
) -> Script:
    """Behave as Kimi Code does, under ``/coding/v1``.

    A path that is not served (a double ``/v1`` above all) is a 404, a User-Agent that is not on the list a 403, a key
    without ``sk-kimi-`` a 401, a model id that is not known a 404; both wires answer else. Messages and codes as in the
    facts about Kimi Code.
    """
    served = {
        "/coding/v1/messages": messages_stream(answer, gate),
        "/coding/v1/chat/completions": chat_stream(answer, gate),
        "/coding/v1/messages/count_tokens": count_tokens,
    }
    listing = models(*known)

    def error(reply: Reply, status: int, kind: str, message: str) -> None:
        reply.json(status, {"error": {"type": kind, "message": message}})

    def script(request: Request, reply: Reply) -> None:
        if request.method == "HEAD":  # Claude Code's probe
            reply.body(200, (), b"")
            return
        endpoint = listing if request.path == "/coding/v1/models" else served.get(request.path)
        if endpoint is None:
            error(reply, 404, "resource_not_found_error", "The requested resource was not found")
        elif not agents.match(request.get("user-agent") or ""):
            error(reply, 403, "access_terminated_error", KIMI_GATE)
        elif not credential(request).startswith("sk-kimi-"):
            error(reply, 401, "invalid_authentication_error", "The API Key appears to be invalid or may have expired.")
        elif endpoint is not listing and (name := request.json().get("model")) not in known:
            error(reply, 404, "resource_not_found_error", f"Not found the model {name} or Permission denied")
        else:
            endpoint(request, reply)

    return script


def credential(request: Request) -> str:
    """Give the credential that a request carries, in either spelling; two different ones are an error."""
    bearer = (request.get("authorization") or "").removeprefix("Bearer ")
    key = request.get("x-api-key") or ""
    if bearer and key and bearer != key:
        raise AssertionError("the request carries two different credentials")
    return bearer or key


def agent_turns(
    stream: Callable[[Answer | None], Script], tool: tuple[str, Json], answer: Answer | None = None
) -> Script:
    """Play an agent's two turns on any wire: call ``tool`` until its result is in the request, then say the text.

    ``stream`` is one of the ``*_stream`` functions. A request without tools (a title, a summary) gets the text at once.
    """
    call = stream(replace(answer or Answer(), text="", tool=tool))
    say = stream(answer)

    def script(request: Request, reply: Reply) -> None:
        asked = request.json()
        (call if asked.get("tools") and not _has_result(asked) else say)(request, reply)

    return script


def _has_result(asked: Json) -> bool:
    turns = asked.get("messages") or asked.get("input") or []
    if not isinstance(turns, list):
        return False
    for turn in turns:
        blocks = turn.get("content")
        kinds = [turn.get("type"), turn.get("role")]
        kinds += [block.get("type") for block in blocks] if isinstance(blocks, list) else []
        if {"tool_result", "function_call_output", "tool"} & set(kinds):
            return True
    return False


def _script(
    body: Callable[[Answer], Json],
    events: Callable[[Answer, Json], list[bytes]],
    answer: Answer | None,
    gate: threading.Semaphore | None,
) -> Script:
    def script(request: Request, reply: Reply) -> None:
        asked = request.json()
        if not isinstance(asked, dict):
            reply.json(400, {"error": {"type": "invalid_request_error", "message": "the body must be an object"}})
            return
        said = answer or Answer(model=asked.get("model") or "lab-model")
        if asked.get("stream"):
            reply.events(events(said, asked), gate)
        else:
            reply.json(200, body(said))

    return script


def _halves(value: Json) -> tuple[str, str]:
    text = json.dumps(value)
    return text[: len(text) // 2], text[len(text) // 2 :]
