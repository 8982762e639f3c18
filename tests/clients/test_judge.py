"""The judges agree that the lab's legal replies are legal, and find fault with broken ones: else they prove nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.clients.judge import ORACLES
from tests.lab.replies import (
    Answer,
    chat_body,
    chat_events,
    messages_body,
    messages_events,
    responses_body,
    responses_events,
)
from tests.oracles import Served

if TYPE_CHECKING:
    from tests.clients.judge import Judge

pytestmark = [pytest.mark.clients, pytest.mark.timeout(900)]  # the first test installs them

ANSWER = Answer("one two", tool=("bash", {"command": "ls"}), model="m")
REPLIES = {
    "messages": (messages_events(ANSWER), messages_body(ANSWER)),
    "chat": (chat_events(ANSWER), chat_body(ANSWER)),
    "responses": (responses_events(ANSWER), responses_body(ANSWER)),
}
PAIRS = [(wire, oracle) for wire, oracles in ORACLES.items() for oracle in oracles]


@pytest.mark.parametrize(("wire", "oracle"), PAIRS)
def test_a_legal_reply_is_understood(judge: Judge, wire: str, oracle: str) -> None:
    events, body = REPLIES[wire]
    streamed = judge.verdict(oracle, Served(b"".join(events)))
    whole = judge.verdict(oracle, Served(json.dumps(body).encode(), kind="application/json", whole=True))
    for said in (streamed, whole):
        assert said.ok, said.error
        assert (said.text, said.tools) == (ANSWER.text, (ANSWER.tool,))
        assert said.usage == (ANSWER.input_tokens, ANSWER.output_tokens)


@pytest.mark.parametrize(("wire", "oracle"), PAIRS)
def test_a_broken_one_is_not(judge: Judge, wire: str, oracle: str) -> None:
    broken = b"".join(REPLIES[wire][0]).replace(b'"index":0', b'"index":"x"').replace(b'"delta":', b'"delta":[')
    assert not judge.verdict(oracle, Served(broken)).ok
    assert not judge.verdict(oracle, Served(b"<p>", kind="text/html", whole=True)).ok
