"""Every exchange in each of the six directions: the request up, the reply down, judged by the official SDKs.

What reaches the provider is what its official request type allows, and asks for the same; what the client gets means
the same, in the provider's own cuts, byte by byte and whole (G3), streamed and not. What is not the same is noted (G5).
"""

from __future__ import annotations

import pytest

from tests import wire as cutting
from tests.translate.asked import asked
from tests.translate.exchanges import EXCHANGES, Exchange, expected
from tests.translate.kit import MODEL, OFFICIAL, Direction, chunks_of, untold
from tests.translate.official import faults
from tests.translate.said import DIRECTIONS, Wire

WAYS = [
    (name, client, upstream)
    for client, upstream in DIRECTIONS
    for name, exchange in EXCHANGES.items()
    if client in exchange.asks
]
IDS = [f"{client}-{upstream}-{name}" for name, client, upstream in WAYS]
WHOLE = [(name, client, upstream) for name, client, upstream in WAYS if EXCHANGES[name].whole]

every_way = pytest.mark.parametrize(("name", "client", "upstream"), WAYS, ids=IDS)
every_whole_way = pytest.mark.parametrize(("name", "client", "upstream"), WHOLE)


def heard(exchange: Exchange, client: Wire, upstream: Wire, host: str = "") -> tuple[object, object]:
    """Give what the client asks for and what the provider hears, without what the wire has no place for."""
    written = Direction(client, upstream, host).asks(exchange)
    want, got = asked(client, exchange.request(client), back=False), asked(upstream, written.body)
    assert got.model == MODEL
    got.model = want.model
    noted = {note.where.split("/")[1] for note in written.notes if note.where}
    for name in exchange.unheard.get(upstream, ()):
        assert noted & {name, "stop_sequences"}, "what is not heard is noted"
        setattr(want, name, getattr(got, name))
    return want, got


@every_way
def test_the_provider_is_asked_for_the_same(name: str, client: Wire, upstream: Wire) -> None:
    want, got = heard(EXCHANGES[name], client, upstream)
    assert got == want


@every_way
def test_the_vendor_itself_is_asked_for_the_same_in_its_own_official_form(
    name: str, client: Wire, upstream: Wire
) -> None:
    exchange = EXCHANGES[name]
    want, got = heard(exchange, client, upstream, OFFICIAL[upstream])
    assert got == want
    body = Direction(client, upstream, OFFICIAL[upstream]).asks(exchange).body
    assert faults(upstream, body) == []


@every_way
def test_what_reaches_the_provider_is_legal(name: str, client: Wire, upstream: Wire) -> None:
    body = Direction(client, upstream).asks(EXCHANGES[name]).body
    assert faults(upstream, body, dialect=True) == []


@every_way
def test_the_client_understands_the_stream(name: str, client: Wire, upstream: Wire) -> None:
    """In the provider's cuts, in one piece, byte by byte: the same bytes, and the same meaning."""
    exchange, way = EXCHANGES[name], Direction(client, upstream)
    request = way.asks(exchange)
    chunks, kind = chunks_of(exchange.reply, upstream)
    status = exchange.reply.status
    answer = way.down(request, chunks, kind=kind, status=status)
    means, _ = way.reads(request, answer)
    assert untold(way, exchange, means, answer) == []
    raw = b"".join(chunks)
    for cuts in (cutting.whole(raw), cutting.bytewise(raw), cutting.at_random(raw, 1)):
        assert way.down(request, cuts, kind=kind, status=status).body == answer.body


@every_whole_way
def test_the_client_understands_the_whole_reply(name: str, client: Wire, upstream: Wire) -> None:
    exchange, way = EXCHANGES[name], Direction(client, upstream)
    request = way.asks(exchange, stream=False)
    chunks, kind = chunks_of(exchange.reply, upstream, stream=False)
    answer = way.down(request, chunks, kind=kind, status=exchange.reply.status)
    means, _ = way.reads(request, answer)
    assert untold(way, exchange, means, answer) == []


@every_whole_way
def test_a_provider_that_answers_in_the_other_form_is_understood_too(name: str, client: Wire, upstream: Wire) -> None:
    exchange, way = EXCHANGES[name], Direction(client, upstream)
    for stream in (True, False):
        request = way.asks(exchange, stream=stream)
        chunks, kind = chunks_of(exchange.reply, upstream, stream=not stream)
        answer = way.down(request, chunks, kind=kind, status=exchange.reply.status)
        means, _ = way.reads(request, answer)
        assert untold(way, exchange, means, answer) == []


def test_a_broken_stream_says_first_what_had_come() -> None:
    for client, upstream in DIRECTIONS:
        for name in ("error-in-mid-stream", "cut"):
            exchange, way = EXCHANGES[name], Direction(client, upstream)
            request = way.asks(exchange)
            chunks, kind = chunks_of(exchange.reply, upstream)
            means, _ = way.reads(request, way.down(request, chunks, kind=kind))
            assert means.words == expected(exchange, client, upstream).words, (client, upstream, name)
