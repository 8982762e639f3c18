"""Ready-made scripts: each wire as it should be, and a provider with Kimi's habits.

``*_stream`` answers as a stream or as a whole body, as ``stream`` in the request asks; ``provider`` puts all wires
under one base path; ``kimi`` refuses what Kimi Code refuses; ``agent_turns`` plays the two turns of an agent that
calls a tool.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from .replies import (
    Answer,
    Json,
    chat_body,
    chat_events,
    messages_body,
    messages_events,
    responses_body,
    responses_events,
)
from .upstream import Reply, Script, table

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Collection

    from .http1 import Request


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
