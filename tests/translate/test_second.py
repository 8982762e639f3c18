"""The second turn: what the provider said comes back to it, calls, results, and the proof of its reasoning.

The proof (a signature, encrypted reasoning) travels through a client of another wire, whose SDK reads it and sends it
back; another provider never gets it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.translate.asked import FREE, asked
from tests.translate.exchanges import EXCHANGES, written
from tests.translate.kit import OFFICIAL, Direction, chunks_of
from tests.translate.official import faults
from tests.translate.said import DIRECTIONS, WIRES, Call, Patch, Reply, Think, Wire
from tests.translate.second import next_request
from wiremend.protocols.envelope import PREFIX

if TYPE_CHECKING:
    from tests.translate.said import Json

CALLING = [
    (name, client, upstream)
    for client, upstream in DIRECTIONS
    for name in ("one-tool", "two-parallel-tools", "interleaved-tools", "custom-tool")
    if client in EXCHANGES[name].asks
]
PROOF = "EqQBCkYIBxgCKkDproofOfTheReasoning"
THOUGHT = Reply((Think(("Look ", "it up."), PROOF), Call("call_A1", "weather", ('{"city":"Paris"}',))), stop="tools")


def thinking(client: Wire) -> Json:
    """Write a request of a client that wants reasoning and has a tool."""
    request = EXCHANGES["thinking-then-text"].request(client)
    return request | {"tools": EXCHANGES["two-parallel-tools"].request(client)["tools"]}


def understood(client: Wire, upstream: Wire) -> tuple[Json, Any]:
    """Give a client's request, and what its SDK made of a reply that thinks and calls."""
    way, request = Direction(client, upstream), thinking(client)
    sent = way.up(request)
    means, reply = way.reads(sent, way.down(sent, written(THOUGHT, upstream)))
    assert (means.thinking, means.calls) == ("Look it up.", (("call_A1", "weather", {"city": "Paris"}),))
    return request, reply


@pytest.mark.parametrize(("name", "client", "upstream"), CALLING)
def test_calls_and_their_results_come_back(name: str, client: Wire, upstream: Wire) -> None:
    exchange, way = EXCHANGES[name], Direction(client, upstream)
    request = exchange.request(client)
    sent = way.up(request)
    chunks, kind = chunks_of(exchange.reply, upstream)
    means, reply = way.reads(sent, way.down(sent, chunks, kind=kind))
    results = {id_: f"result of {id_}" for id_, _, _ in means.calls}
    again = next_request(client, request, reply, results)
    assert faults(client, again, dialect=True) == []
    body = way.up(again).body
    assert faults(upstream, body, dialect=True) == []
    want, got = asked(client, again), asked(upstream, body)
    assert got.says == want.says
    made = [part for part in exchange.reply.parts if isinstance(part, Call | Patch)]
    told = [part.as_call() if isinstance(part, Patch) else part for part in made]
    tail = [("assistant", "call", call.id, call.name, call.arguments) for call in told]
    assert got.says[-2 * len(tail) :] == [*tail, *(("result", id_, "text", text) for id_, text in results.items())]
    assert FREE not in got.schemas.values() or name == "custom-tool"


def proof_in(upstream: Wire, body: Json) -> tuple[str | None, str | None]:
    """Give the reasoning that a provider gets back, and its proof."""
    if upstream == "messages":
        blocks = [block for message in body["messages"] for block in message["content"] if isinstance(block, dict)]
        (found,) = [block for block in blocks if block["type"] == "thinking"]
        return found["thinking"], found["signature"]
    if upstream == "responses":
        (found,) = [item for item in body["input"] if item.get("type") == "reasoning"]
        assert found["id"] == "rs_0"
        return found["summary"][0]["text"], found["encrypted_content"]
    (found,) = [message for message in body["messages"] if message["role"] == "assistant"]
    return found["reasoning_content"], PROOF  # this wire has none


@pytest.mark.parametrize(("client", "upstream"), DIRECTIONS)
def test_the_proof_of_reasoning_comes_back_to_its_provider(client: Wire, upstream: Wire) -> None:
    request, reply = understood(client, upstream)
    again = next_request(client, request, reply, {"call_A1": "sunny"})
    body = Direction(client, upstream).up(again).body
    assert proof_in(upstream, body) == ("Look it up.", PROOF)
    assert PREFIX not in json.dumps(body)


@pytest.mark.parametrize(("client", "upstream"), [way for way in DIRECTIONS if way[1] != "chat"])
def test_the_proof_of_reasoning_goes_to_nobody_else(client: Wire, upstream: Wire) -> None:
    request, reply = understood(client, upstream)
    again = next_request(client, request, reply, {"call_A1": "sunny"})
    (other,) = [wire for wire in WIRES if wire not in {client, upstream}]
    sent = Direction(client, other, OFFICIAL[other]).up(again)
    assert PREFIX not in json.dumps(sent.body)
    assert PROOF not in json.dumps(sent.body)
    assert faults(other, sent.body) == []
    assert [note for note in sent.notes if note.kind == "lost"]
