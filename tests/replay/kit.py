"""Captures made by hand, for the tests of replay."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from wiremend.captures.capture import Attempt, Body, Capture, Inputs, Request, Response
from wiremend.headers import Headers
from wiremend.replay.rules import Today
from wiremend.replay.run import replay

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wiremend.replay.run import Replayed

KEY: Final = "sk-kimi-SCRUBBED0123456789ab"
"""What stands for a client's key in a capture."""

RULES: Final = """\
providers:
  lab: {base_url: http://127.0.0.1:8000/v1, key: client}
routes:
  - {name: to the lab, when: {model: "lab-*"}, to: lab}
edits:
  - {name: warm, when: {provider: lab}, default: {/temperature: 0.6}}
"""


def chunk(content: str | None = None, *, finish: str | None = None, role: str | None = None) -> bytes:
    """Give an event of a chat stream."""
    delta: dict[str, Any] = {"role": role} if role else {}
    if content is not None:
        delta["content"] = content
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    event = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "lab-1", "choices": [choice]}
    return b"data: " + json.dumps(event).encode() + b"\n\n"


STREAM: Final = (
    chunk("", role="assistant"),
    chunk("Hello"),
    chunk(" there"),
    chunk(finish="stop"),
    b"data: [DONE]\n\n",
)
"""A sound chat stream, an event a chunk."""


def captured(
    body: object | None = None,
    stream: Sequence[bytes] = STREAM,
    *,
    headers: Sequence[tuple[str, str]] = (),
    target: str = "/v1/chat/completions",
    error: str | None = None,
) -> Capture:
    """Give a capture of a chat turn with the client's side and the provider's reply, and nothing expected yet."""
    asked = (
        body
        if body is not None
        else {"model": "lab-1", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    )
    text = asked if isinstance(asked, bytes) else json.dumps(asked).encode()
    fields = (
        ("Host", "127.0.0.1:8080"),
        ("Content-Type", "application/json"),
        ("Authorization", f"Bearer {KEY}"),
        *headers,
        ("Content-Length", str(len(text))),
    )
    request = Request("POST", "http", None, 8080, target, Headers(fields), text)
    reply = Response(
        200,
        "OK",
        Headers((("content-type", "text/event-stream"),)),
        Body.of(stream, range(0, 1000 * len(stream), 1000)),
    )
    inputs = Inputs(seed="flow-1", now=1700000000, flow="flow-1", style="gateway")
    return Capture(
        "flow-1", 1700000000.0, request, "lab-client", "chat", "lab-1", inputs, (Attempt(request, reply, error),)
    )


def recorded(capture: Capture, rules: str = RULES) -> Capture:
    """Give the capture as it would have been recorded under these rules: what today's code does is what is expected.

    Only for tests that then change one thing; that the code does the right thing is shown elsewhere.
    """
    done = replay(capture, Today(rules, "rules.yaml"))
    assert done.request is not None
    attempt = capture.attempt
    assert attempt is not None
    return replace(
        capture,
        attempts=(replace(attempt, request=done.request),),
        answer=done.answer,
        notes=done.notes,
        rules="1234abcd",
        error=done.error,
    )


def replayed(capture: Capture, rules: str = RULES) -> Replayed:
    """Replay under these rules."""
    return replay(capture, Today(rules, "rules.yaml"))
