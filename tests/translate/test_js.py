"""The parsers of the JavaScript world read what is translated as the Python SDKs do: the AI SDK, the node SDKs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.clients.install import InstallError, installed
from tests.clients.judge import ORACLES, Judge
from tests.oracles import Served
from tests.translate.exchanges import EXCHANGES
from tests.translate.kit import Direction, chunks_of
from tests.translate.said import CUT, DIRECTIONS, Wire, meaning

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.clients, pytest.mark.timeout(900)]  # the first test installs them

KNOWN = {"weather": "bash", "time": "list_dir"}
"""Our tools -> those that the judge says the client has."""

WAYS = [
    (name, client, upstream, oracle)
    for client, upstream in DIRECTIONS
    for oracle in ORACLES[client]
    for name, exchange in EXCHANGES.items()
    if client in exchange.asks and name not in {"error-status", "custom-tool", "refusal"}
]


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    try:
        folder = installed()
    except InstallError as error:
        if error.fetching and not os.environ.get("CI"):
            pytest.skip(f"the parsers cannot be installed here: {error}")
        pytest.fail(str(error))
    with Judge(folder) as running:
        yield running


@pytest.mark.parametrize(("name", "client", "upstream", "oracle"), WAYS)
def test_a_parser_of_javascript_understands(judge: Judge, name: str, client: Wire, upstream: Wire, oracle: str) -> None:
    exchange, way = EXCHANGES[name], Direction(client, upstream)
    means = meaning(exchange.reply)
    chunks, kind = chunks_of(exchange.reply, upstream)
    body = way.down(way.asks(exchange), chunks, kind=kind).body
    for name_, known in KNOWN.items():
        body = body.replace(f'"name":"{name_}"'.encode(), f'"name":"{known}"'.encode())
    said = judge.verdict(oracle, Served(body))
    if means.error is not None:
        assert not said.ok
        assert means.error == CUT or means.error in (said.error or "")
        return
    assert (said.ok, said.error, said.text) == (True, None, means.words)
    assert said.tools == tuple((KNOWN[call], given) for _, call, given in means.calls)
    assert said.thinking in {None, "", means.thinking}
    if means.usage is not None and oracle != "anthropic-node":  # which gives the wire's own number, without the cache
        assert said.usage in {None, (means.usage.input, means.usage.output)}
        assert said.cached in {None, means.usage.cached}
