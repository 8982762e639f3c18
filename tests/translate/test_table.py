"""The table of exchanges is sound in itself, before anything is translated.

The bodies of one request say the same, and are what the official types allow; each wire's stream and whole reply is
what the wire's own mender leaves alone, and what its official SDK understands as the table says.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.oracles import Served
from tests.translate.asked import asked
from tests.translate.exchanges import BODIES, EXCHANGES, WIRES, expected, written
from tests.translate.kit import chunks_of
from tests.translate.official import faults
from tests.translate.said import differences
from tests.translate.understood import understood
from wiremend.protocols.mending import Origin
from wiremend.protocols.wires import CHECKS, MENDING
from wiremend.sse import EventParser

if TYPE_CHECKING:
    from tests.translate.said import Wire

ASKS = [(name, wire) for name, exchange in EXCHANGES.items() for wire in exchange.asks]
TOLD = [
    (name, wire)
    for name, exchange in EXCHANGES.items()
    for wire in WIRES
    if not (exchange.reply.cut or exchange.reply.error) and (name != "custom-tool" or wire == "responses")
]


def mended(wire: Wire, raw: bytes) -> tuple[bytes, list[str]]:
    """Let a wire's mender have a stream; give what it left, and the codes of what it did."""
    mender, parser = MENDING[wire].mender(Origin()), EventParser()
    given = b"".join([*map(mender.feed, [*parser.feed(raw), *parser.close()]), mender.close()])
    return given, [mend.code for mend in mender.mends]


def test_there_are_exchanges_for_all_that_translation_must_show() -> None:
    needed = {"text", "thinking-then-text", "one-tool", "two-parallel-tools", "tool-result-with-image", "refusal"}
    needed |= {"max-tokens", "error-in-mid-stream", "cut", "two-hundred-turns"}
    needed |= {"usage-trailing", "usage-in-choice", "usage-with-finish", "usage-absent"}
    assert needed <= EXCHANGES.keys()
    assert len(EXCHANGES) >= 20
    assert all(exchange.name == name and exchange.title for name, exchange in EXCHANGES.items())


@pytest.mark.parametrize("name", EXCHANGES)
def test_the_requests_of_an_exchange_say_the_same(name: str) -> None:
    exchange = EXCHANGES[name]
    read = [asked(wire, exchange.request(wire)) for wire in exchange.asks]
    assert all(one == read[0] for one in read)


@pytest.mark.parametrize(("name", "wire"), ASKS)
def test_a_request_is_what_the_official_type_allows(name: str, wire: Wire) -> None:
    assert faults(wire, EXCHANGES[name].request(wire)) == []
    assert faults(wire, EXCHANGES[name].request(wire, stream=False)) == []


@pytest.mark.parametrize(("name", "wire"), TOLD)
def test_the_sdk_understands_the_providers_stream_as_the_table_says(name: str, wire: Wire) -> None:
    exchange = EXCHANGES[name]
    given, codes = mended(wire, b"".join(written(exchange.reply, wire)))
    assert set(codes) <= {"chat.usage.in-choice", "chat.delta.list-index-missing"}
    means, _ = understood(wire, Served(given))
    assert differences(means, expected(exchange, wire, wire)) == []


@pytest.mark.parametrize(("name", "wire"), TOLD)
def test_the_sdk_understands_the_whole_reply_as_the_table_says(name: str, wire: Wire) -> None:
    exchange = EXCHANGES[name]
    raw = json.dumps(BODIES[wire](exchange.reply)).encode()
    assert list(CHECKS[wire](raw)) == []
    means, _ = understood(wire, Served(raw, kind="application/json", whole=True))
    assert differences(means, expected(exchange, wire, wire)) == []


@pytest.mark.parametrize("wire", WIRES)
def test_a_provider_that_fails_is_read_as_such(wire: Wire) -> None:
    """The judge is no friend: an error is one, and a cut is none that any SDK takes for a success."""
    broken = EXCHANGES["error-in-mid-stream"]
    means, _ = understood(wire, Served(b"".join(written(broken.reply, wire))))
    assert differences(means, expected(broken, wire, wire)) == []
    (body,), kind = chunks_of(EXCHANGES["error-status"].reply, wire)
    means, _ = understood(wire, Served(body, 429, kind))
    assert differences(means, expected(EXCHANGES["error-status"], wire, wire)) == []
    with pytest.raises((AssertionError, KeyError)):
        understood(wire, Served(b"".join(written(EXCHANGES["cut"].reply, wire))))


WRONG: list[tuple[Wire, dict[str, Any], str]] = [
    ("chat", {"messages": [{"role": "user", "content": "x"}], "model": "m", "topk": 1}, "/topk: unknown"),
    ("chat", {"messages": [{"role": "x", "content": "x"}], "model": "m"}, "/messages/0/role: 'x' is no"),
    ("chat", {"messages": [{"role": "user", "content": [{"type": "text"}]}], "model": "m"}, "content/0/text: missing"),
    ("messages", {"messages": [], "model": "m"}, "/max_tokens: missing"),
    ("messages", {"messages": [], "model": "m", "max_tokens": "9"}, "/max_tokens: '9' is no int"),
    (
        "responses",
        {"input": [{"type": "function_call", "call_id": "c", "name": "f"}], "model": "m"},
        "arguments: missing",
    ),
    ("responses", {"input": [{"role": "user", "content": "x", "name": "n"}], "model": "m"}, "/input/0/name: unknown"),
]


@pytest.mark.parametrize(("wire", "body", "told"), WRONG)
def test_the_checker_of_official_types_finds_what_is_wrong(wire: Wire, body: dict[str, Any], told: str) -> None:
    assert [one for one in faults(wire, body) if told in one]


def test_the_reader_of_requests_tells_different_ones_apart() -> None:
    request = EXCHANGES["one-tool"].request("chat")
    other = request | {"parallel_tool_calls": True}
    assert asked("chat", request) != asked("chat", other)
    with pytest.raises(AssertionError, match="nobody reads"):
        asked("chat", request | {"logit_bias": {}})
