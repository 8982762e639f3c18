"""What the encoders of the messages and the chat wire write, as the parsers of the JavaScript world read it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from msgspec import structs

from tests.clients.judge import ORACLES
from tests.protocols.turns import full, meaning, turns, written
from tests.verdicts import Served
from wiremend.events import PartStarted
from wiremend.protocols.chat.encoder import ChatEncoder
from wiremend.protocols.messages.encoder import MessagesEncoder

if TYPE_CHECKING:
    from tests.clients.judge import Judge
    from wiremend.events import Event, PartKind

pytestmark = [pytest.mark.clients, pytest.mark.timeout(900)]  # the first test installs them

TOOL = "bash"  # one of those that the judge says the client has
KINDS: tuple[PartKind, ...] = ("text", "thinking", "redacted", "refusal", "tool_use", "opaque")
CITED = {"url": "https://example.com", "title": "X", "start_index": 0, "end_index": 2}
CITATION = json.dumps({"type": "url_citation", "url_citation": CITED})
REFUSED = {"ai-sdk/anthropic", "anthropic-node", "ai-sdk/openai"}
"""Judges that take words of refusal for text; the others of the chat wire do not show them."""


@pytest.mark.parametrize(
    ("oracle", "encoder"),
    [(oracle, MessagesEncoder) for oracle in ORACLES["messages"]]
    + [(oracle, ChatEncoder) for oracle in ORACLES["chat"]],
)
def test_what_was_meant_is_read(judge: Judge, oracle: str, encoder: Any) -> None:  # noqa: ANN401 - either class
    @settings(max_examples=40, deadline=None)
    @given(turns(KINDS, citations=(CITATION,)))
    def law(drawn: list[Event]) -> None:
        named = [isinstance(event, PartStarted) and bool(event.name) for event in drawn]
        events = [structs.replace(event, name=TOOL) if yes else event for event, yes in zip(drawn, named, strict=True)]
        told = meaning(events)
        said = judge.verdict(oracle, Served(written(encoder(full()), events)))
        assert said.ok, said.error
        words = ("text", "refusal") if oracle in REFUSED else ("text",)
        assert said.text == "".join(part.said.get(word, "") for part in told.parts for word in words)
        calls = [(TOOL, json.loads(part.said.get("json", "{}"))) for part in told.parts if part.kind == "tool_use"]
        assert list(said.tools) == calls

    law()
