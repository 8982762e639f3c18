"""While a stream is translated nothing waits (G4), what leaves is legal as it is (G2), and agents take it.

An event leaves in the call in which its last byte came: the first one of the client's for the first one of the
provider's, and each piece of text, reasoning and arguments with its own.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.oracles import Served, verdict
from tests.translate.exchanges import EXCHANGES, written
from tests.translate.kit import Direction, chunks_of
from tests.translate.said import DIRECTIONS, Call, Say, Think, Wire, meaning
from wiremend.protocols.mending import Origin
from wiremend.protocols.wires import CONTRACTS, MENDING
from wiremend.sse import EventParser

if TYPE_CHECKING:
    from collections.abc import Iterator

SMOOTH = ("text", "thinking-then-text", "one-tool", "two-parallel-tools", "structured-output")
WAYS = [
    (name, client, upstream)
    for client, upstream in DIRECTIONS
    for name, exchange in EXCHANGES.items()
    if client in exchange.asks and exchange.reply.status == 200
]
AGENTS = [
    (name, client, upstream, agent)
    for client, upstream in DIRECTIONS
    for agent in {
        "messages": ("claude-code", "anthropic-older", "agent-loop/messages"),
        "chat": ("agent-loop", "hand-rolled", "opencode"),
        "responses": ("codex",),
    }[client]
    for name in (*SMOOTH, "interleaved-tools", "usage-trailing")
]


def leaving(name: str, client: Wire, upstream: Wire) -> list[tuple[bytes, bytes]]:
    """Give each event of the provider with what leaves for it."""
    exchange, way = EXCHANGES[name], Direction(client, upstream)
    chunks = written(exchange.reply, upstream)
    return list(zip(chunks, way.live(way.asks(exchange), chunks), strict=False))


@pytest.mark.parametrize(("name", "client", "upstream"), WAYS)
def test_the_first_event_answers_the_first_event(name: str, client: Wire, upstream: Wire) -> None:
    assert leaving(name, client, upstream)[0][1].startswith((b"event: ", b"data: "))


def pieces(name: str) -> Iterator[str]:
    """Give what comes piece by piece, as JSON has it."""
    for part in EXCHANGES[name].reply.parts:
        if isinstance(part, Say | Think | Call):
            for piece in part.pieces:
                yield json.dumps(piece, ensure_ascii=False)


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize(("client", "upstream"), DIRECTIONS)
def test_each_piece_leaves_with_its_own_event(name: str, client: Wire, upstream: Wire) -> None:
    rest = list(pieces(name))
    if name == "two-parallel-tools" and upstream == "chat":
        rest.pop()  # that wire does not say that a call is whole, so the next must wait for the end
    for came, left in leaving(name, client, upstream):
        if rest and rest[0].encode() in came:
            assert rest.pop(0).encode() in left
    assert rest == []


@pytest.mark.parametrize(("name", "client", "upstream"), WAYS)
def test_what_leaves_is_legal_on_the_clients_wire(name: str, client: Wire, upstream: Wire) -> None:
    exchange, way = EXCHANGES[name], Direction(client, upstream)
    chunks, kind = chunks_of(exchange.reply, upstream)
    raw = way.down(way.asks(exchange), chunks, kind=kind).body
    contract, parser = CONTRACTS[client](), EventParser()
    events = [*parser.feed(raw), *parser.close()]
    if b'"type":"custom"' in raw:
        return  # for a client that has such tools; the contract is that of all the others
    assert [violation for event in events for violation in contract.feed(event)] == []
    assert list(contract.close()) == []
    mender = MENDING[client].mender(Origin())
    assert b"".join([*map(mender.feed, events), mender.close()]) == raw


@pytest.mark.parametrize(("name", "client", "upstream"), [way for way in WAYS if way[1] == "messages"])
def test_a_block_starts_and_stops_once_and_never_overlaps(name: str, client: Wire, upstream: Wire) -> None:
    raw = b"".join(left for _, left in leaving(name, client, upstream))
    open_, following = None, 0
    for event in EventParser().feed(raw):
        read: dict[str, Any] = json.loads(event.data or b"{}")
        match read.get("type"):
            case "content_block_start":
                assert (open_, read["index"]) == (None, following)
                open_, following = following, following + 1
            case "content_block_delta":
                assert read["index"] == open_
            case "content_block_stop":
                assert read["index"] == open_
                open_ = None


@pytest.mark.parametrize(("name", "client", "upstream", "agent"), AGENTS)
def test_agents_read_it_as_the_sdks_do(name: str, client: Wire, upstream: Wire, agent: str) -> None:
    """The readers of agents, played as they were measured."""
    exchange, way = EXCHANGES[name], Direction(client, upstream)
    chunks, kind = chunks_of(exchange.reply, upstream)
    means = meaning(exchange.reply)
    said = verdict(agent, Served(way.down(way.asks(exchange), chunks, kind=kind).body))
    assert (said.ok, said.error, said.text) == (True, None, means.words)
    assert said.tools == tuple((call, given) for _, call, given in means.calls)
    assert said.thinking in {None, means.thinking}
