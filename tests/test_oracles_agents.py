"""The readers of agents that are no SDKs understand legal replies, and mind what they were measured to mind."""

from __future__ import annotations

import json

import pytest

from tests.lab.replies import Answer, messages_body, messages_events, responses_events
from tests.oracles import Served, verdict

ANSWER = Answer("one two", tool=("bash", {"command": "ls"}), model="m")
MESSAGES = b"".join(messages_events(ANSWER))
RESPONSES = b"".join(responses_events(ANSWER))
READERS = ("claude-code", "anthropic-older", "agent-loop/messages", "by-label")


def _without(stream: bytes, name: str) -> bytes:
    """Take the events of a name out of a stream."""
    blocks = stream.split(b"\n\n")
    kept = [block for block in blocks if not block.startswith(f"event: {name}\n".encode())]
    assert len(kept) < len(blocks)
    return b"\n\n".join(kept)


@pytest.mark.parametrize(("oracle", "stream"), (*((name, MESSAGES) for name in READERS), ("codex", RESPONSES)))
def test_a_legal_stream_is_understood(oracle: str, stream: bytes) -> None:
    for body in (stream, stream.replace(b"\n", b"\r\n")):
        said = verdict(oracle, Served(body))
        assert (said.ok, said.text, said.tools) == (True, ANSWER.text, (ANSWER.tool,)), said
        assert said.usage == (ANSWER.input_tokens, ANSWER.output_tokens)


@pytest.mark.parametrize("oracle", READERS[:3])
def test_a_legal_body_is_understood(oracle: str) -> None:
    body = messages_body(ANSWER)
    said = verdict(oracle, Served(json.dumps(body).encode(), kind="application/json", whole=True))
    assert (said.ok, said.text, said.tools) == (True, ANSWER.text, (ANSWER.tool,)), said
    said = verdict(oracle, Served(json.dumps(body | {"content": None}).encode(), kind="application/json", whole=True))
    assert said.error == "API returned an empty or malformed response"


@pytest.mark.parametrize("oracle", ("claude-code", "codex", "by-label"))
def test_an_error_is_told_in_its_own_words(oracle: str) -> None:
    said = verdict(oracle, Served(b'{"error":{"message":"boom"}}', 502, "application/json"))
    assert (said.ok, said.error) == (False, "502 boom")


def test_claude_code_delivers_what_is_stopped_and_counts_at_the_end() -> None:
    assert not verdict("claude-code", Served(_without(MESSAGES, "content_block_stop"))).ok
    assert verdict("claude-code", Served(_without(MESSAGES, "message_stop"))).usage == (0, 0)
    assert verdict("claude-code", Served(MESSAGES[:-1])).usage == (0, 0)


def test_claude_code_forgets_what_a_start_brings() -> None:
    body = _without(MESSAGES, "content_block_delta").replace(b'"input": {}', b'"input": {"command": "ls"}')
    assert verdict("claude-code", Served(body.replace(b'"input":{}', b'"input":{"command":"ls"}'))).tools == (
        ("bash", {}),
    )


def test_codex_believes_the_ends_of_items_only() -> None:
    assert verdict("codex", Served(_without(RESPONSES, "response.output_item.done"))).text == ""
    said = verdict("codex", Served(_without(RESPONSES, "response.completed") + b'data: {"type":"error"}\n\n'))
    assert said.error == "stream disconnected before completion: stream closed before response.completed"
    short = RESPONSES.replace(b'"total_tokens"', b'"all_tokens"')
    assert verdict("codex", Served(short)).error == "failed to parse ResponseCompleted: missing field `total_tokens`"
