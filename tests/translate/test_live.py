"""Every exchange in each of the six directions through a real mitmdump, on a provider that plays all wires.

What reaches the provider asks for the same, and what the client's official SDK reads means the same.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.sdk import anthropic_sdk
from tests.translate.asked import asked
from tests.translate.exchanges import EXCHANGES
from tests.translate.live import COUNTED, OUR_KEY, PATHS, ask, stage
from tests.translate.record import misunderstood
from tests.translate.said import DIRECTIONS, Wire
from tests.translate.understood import understood

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab import Mitm, Upstream

STREAMED = [
    (name, client, upstream, True)
    for client, upstream in DIRECTIONS
    for name, exchange in EXCHANGES.items()
    if client in exchange.asks
]
WHOLE = [
    (name, client, upstream, False) for client, upstream in DIRECTIONS for name in ("text", "one-tool", "max-tokens")
]


@pytest.fixture(scope="module")
def lab() -> Iterator[tuple[Upstream, Mitm]]:
    with stage() as running:
        yield running


@pytest.mark.parametrize(("name", "client", "upstream", "stream"), (*STREAMED, *WHOLE))
def test_an_exchange_through_the_proxy(
    lab: tuple[Upstream, Mitm], name: str, client: Wire, upstream: Wire, *, stream: bool
) -> None:
    (provider, proxy), exchange = lab, EXCHANGES[name]
    provider.forget()
    means, _ = understood(client, ask(proxy, exchange, client, upstream, stream=stream))
    (came,) = provider.wait_for(1)
    assert came.path == PATHS[upstream]
    heads = {key.lower(): value for key, value in came.headers}
    assert OUR_KEY in (heads.get("x-api-key", ""), heads.get("authorization", "").removeprefix("Bearer "))
    got, want = asked(upstream, json.loads(came.body)), asked(client, exchange.request(client), back=False)
    assert got.says == want.says
    assert (got.schemas, got.model) == (want.schemas, name)
    assert misunderstood(exchange, client, upstream, means) == []


def test_tokens_are_estimated_where_the_providers_wire_has_no_count(lab: tuple[Upstream, Mitm]) -> None:
    provider, proxy = lab
    provider.forget()
    with anthropic_sdk(proxy.gateway) as client:
        counts = []
        for text in ("hi", "hi " * 500):
            turns: Any = [{"role": "user", "content": text}]
            raw = client.messages.with_raw_response.count_tokens(model="lab-chat/text", messages=turns)
            assert raw.headers["x-wiremend-estimated"] == "input_tokens"
            counts.append(raw.parse().input_tokens)
    assert 0 < counts[0] < 50 < counts[1] < 2_000
    assert provider.requests == []


def test_tokens_are_counted_by_a_provider_of_another_wire_that_can(lab: tuple[Upstream, Mitm]) -> None:
    provider, proxy = lab
    provider.forget()
    turns: Any = [{"role": "user", "content": "hi"}]
    with anthropic_sdk(proxy.gateway) as client:
        raw = client.messages.with_raw_response.count_tokens(model="lab-responses/text", messages=turns, system="Hm.")
    assert raw.parse().input_tokens == COUNTED
    assert "x-wiremend-estimated" not in raw.headers
    (came,) = provider.wait_for(1)
    assert came.path == "/v1/responses/input_tokens"
    body = json.loads(came.body)
    assert (body["model"], body["instructions"]) == ("text", "Hm.")
    assert not body.keys() - {"model", "instructions", "input"}, "what only a turn takes"
