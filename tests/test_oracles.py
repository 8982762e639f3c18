"""The Python judges understand the lab's legal replies, and find fault with broken ones: else they prove nothing."""

from __future__ import annotations

import json

import pytest

from tests.lab.replies import (
    Answer,
    chat_body,
    chat_events,
    messages_body,
    messages_events,
    responses_body,
    responses_events,
)
from tests.oracles import Served, verdict

ANSWER = Answer("one two", tool=("bash", {"command": "ls"}), model="m")
REPLIES = {
    "anthropic-py": (messages_events(ANSWER), messages_body(ANSWER)),
    "openai-py": (chat_events(ANSWER), chat_body(ANSWER)),
    "openai-py/responses": (responses_events(ANSWER), responses_body(ANSWER)),
}


@pytest.mark.parametrize("oracle", REPLIES)
def test_a_legal_reply_is_understood(oracle: str) -> None:
    events, body = REPLIES[oracle]
    for served in (
        Served(b"".join(events)),
        Served(json.dumps(body).encode(), kind="application/json", whole=True),
    ):
        said = verdict(oracle, served)
        assert said.ok, said.error
        assert (said.text, said.tools) == (ANSWER.text, (ANSWER.tool,))
        assert said.usage == (ANSWER.input_tokens, ANSWER.output_tokens)


@pytest.mark.parametrize("oracle", REPLIES)
def test_a_broken_one_is_not(oracle: str) -> None:
    broken = b"".join(REPLIES[oracle][0]).replace(b'"delta":', b'"delta":[')
    assert not verdict(oracle, Served(broken)).ok
    assert not verdict(oracle, Served(b"<p>", kind="text/html", whole=True)).ok
