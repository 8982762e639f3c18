"""What a client gets is what the official SDK's own models describe, field by field: each event, and the whole reply.

The SDKs themselves read leniently; here their models validate, so that a field that must be there is.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest
from anthropic.types import Message, RawMessageStreamEvent
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from tests.translate.exchanges import BODIES, EXCHANGES, written
from tests.translate.kit import Direction, chunks_of
from tests.translate.said import DIRECTIONS, WIRES, Wire
from wiremend.sse import EventParser

if TYPE_CHECKING:
    from collections.abc import Mapping

EVENTS: Final[Mapping[Wire, TypeAdapter[Any]]] = {
    "messages": TypeAdapter(RawMessageStreamEvent),
    "chat": TypeAdapter(ChatCompletionChunk),
    "responses": TypeAdapter(ResponseStreamEvent),
}
REPLIES: Final[Mapping[Wire, TypeAdapter[Any]]] = {
    "messages": TypeAdapter(Message),
    "chat": TypeAdapter(ChatCompletion),
    "responses": TypeAdapter(Response),
}
WAYS = [
    (name, client, upstream)
    for client, upstream in DIRECTIONS
    for name, exchange in EXCHANGES.items()
    if client in exchange.asks and exchange.reply.status == 200
]


def validate(wire: Wire, raw: bytes) -> int:
    """Validate each event of a stream; give how many there were."""
    seen = 0
    for event in EventParser().feed(raw):
        if event.data in {None, b"[DONE]"}:
            continue
        read = json.loads(event.data or b"")
        if read.get("type") in {"ping", "error", "response.failed"} or "error" in read:
            continue  # an error's other fields are nobody's concern
        EVENTS[wire].validate_python(read)
        seen += 1
    return seen


@pytest.mark.parametrize(
    ("name", "client", "upstream"),
    [way for way in WAYS if way[:2] != ("custom-tool", "chat")],  # the model of a chunk does not know such calls
)
def test_each_event_is_what_the_sdks_model_says(name: str, client: Wire, upstream: Wire) -> None:
    exchange, way = EXCHANGES[name], Direction(client, upstream)
    chunks, kind = chunks_of(exchange.reply, upstream)
    assert validate(client, way.down(way.asks(exchange), chunks, kind=kind).body) >= 2


@pytest.mark.parametrize(("name", "client", "upstream"), [way for way in WAYS if EXCHANGES[way[0]].whole])
def test_the_whole_reply_is_what_the_sdks_model_says(name: str, client: Wire, upstream: Wire) -> None:
    exchange, way = EXCHANGES[name], Direction(client, upstream)
    chunks, kind = chunks_of(exchange.reply, upstream, stream=False)
    answer = way.down(way.asks(exchange, stream=False), chunks, kind=kind)
    REPLIES[client].validate_json(answer.body)


@pytest.mark.parametrize("wire", WIRES)
def test_what_the_providers_of_the_table_write_is_so_too(wire: Wire) -> None:
    for exchange in EXCHANGES.values():
        if exchange.reply.status == 200:
            validate(wire, b"".join(written(exchange.reply, wire)))
        if exchange.whole and exchange.reply.status == 200:
            REPLIES[wire].validate_python(BODIES[wire](exchange.reply))
