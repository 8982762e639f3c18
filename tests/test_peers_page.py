"""docs/peers.md is what the recorded results make it, and the judge of the peers tells right from lost and from wrong.

The peers themselves are not run here: ``python -m bench.peers`` does that.
"""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bench.paced import LIMIT, OURS, SHORT
from bench.peers_judge import Came, judged, word
from bench.peers_page import NONE, PAGE, RESULTS, page
from bench.peers_run import PINS, peers
from tests.oracles import Served
from tests.translate.exchanges import EXCHANGES, written
from tests.translate.kit import Direction, chunks_of
from tests.translate.said import DIRECTIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.translate.said import Json, Wire

FOUND = json.loads(RESULTS.read_text("utf-8"))
CHAT: Wire = "chat"
UNLIKE = ("custom-tool", "tool-result-with-image")
"""Exchanges whose requests cannot say quite the same on each wire."""


def said(name: str) -> Served:
    """Give the reply of an exchange as a chat provider streams it, for a chat client."""
    reply = EXCHANGES[name].reply
    chunks, kind = chunks_of(reply, CHAT)
    return Served(b"".join(chunks), reply.status, kind)


def findings(name: str, body: Json | None = None, reply: bytes | None = None, *, broken: bool = False) -> list[str]:
    """Judge a chat client on a chat provider: nothing is to be translated, so what passes as it is must be right."""
    exchange = EXCHANGES[name]
    served = said(name) if reply is None else Served(reply, exchange.reply.status)
    came = Came((body or exchange.request(CHAT),), served, broken)
    return [f"{one.about}: {one.kind}: {one.what}" for one in judged(exchange, CHAT, CHAT, came)]


def changed(name: str, change: Callable[[Json], None]) -> Json:
    """Give the request of an exchange, changed."""
    body = copy.deepcopy(EXCHANGES[name].request(CHAT))
    change(body)
    return body


# --- the page ---------------------------------------------------------------------------------------------------------


def test_the_page_is_what_the_results_make_it() -> None:
    assert PAGE.read_text("utf-8") == page(FOUND)


def test_every_exchange_was_played_in_every_direction_of_every_peer() -> None:
    for peer in peers():
        assert FOUND["versions"][peer.name] == peer.version or peer.name == OURS
        mine = FOUND["exchanges"][peer.name]
        assert list(mine) == [f"{client} → {upstream}" for client, upstream in peer.models]
        for client, upstream in peer.models:
            exchanges = {name for name, exchange in EXCHANGES.items() if client in exchange.asks}
            assert set(mine[f"{client} → {upstream}"]) == exchanges
    ours, litellm = peers()[-1], peers()[0]
    assert set(ours.models) == set(litellm.models) == set(DIRECTIONS)


@pytest.mark.parametrize(("client", "upstream"), DIRECTIONS)
def test_our_column_is_what_we_do_today(client: Wire, upstream: Wire) -> None:
    """The other columns need the peers; ours is measured here again, in process."""
    way, recorded = Direction(client, upstream, "127.0.0.1"), FOUND["exchanges"][OURS][f"{client} → {upstream}"]
    for name, exchange in EXCHANGES.items():
        if client not in exchange.asks:
            continue
        sent = way.asks(exchange)
        chunks, kind = chunks_of(exchange.reply, upstream)
        answer = way.down(sent, chunks, kind=kind, status=exchange.reply.status)
        served = Served(answer.body, answer.status, answer.content_type or kind)
        found = judged(exchange, client, upstream, Came((sent.body,), served))
        told = [f"{one.about}: {one.kind}: {one.what}" for one in found]
        assert (name, told) == (name, recorded[name]["findings"])


def test_the_page_shows_the_losses_of_all_of_them() -> None:
    text = PAGE.read_text("utf-8").replace("`", "'")
    for mine in FOUND["exchanges"].values():
        for exchanges in mine.values():
            for one in exchanges.values():
                assert all(
                    finding.split(": ", 2)[2].replace("`", "'").replace("|", "/") in text for finding in one["findings"]
                )
    assert FOUND["cost"]["limit"] == LIMIT
    assert f"| {NONE} |" in text


def test_the_pins_name_versions_and_no_place_to_download_from() -> None:
    text = "".join(path.read_text("utf-8") for path in PINS.iterdir() if path.name in {"litellm.txt", "package.json"})
    assert "://" not in text
    assert all(line.count("==") == 1 for line in (PINS / "litellm.txt").read_text("utf-8").split())


# --- the judge --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "client", "upstream"),
    [
        (name, client, upstream)
        for client, upstream in DIRECTIONS
        for name, exchange in EXCHANGES.items()
        if client in exchange.asks and upstream in exchange.asks and name not in UNLIKE
    ],
)
def test_what_says_the_same_on_the_other_wire_is_right(name: str, client: Wire, upstream: Wire) -> None:
    """The table has each request in the words of each wire, and can say each reply on each: a perfect translation."""
    exchange = EXCHANGES[name]
    reply = exchange.reply if exchange.reply.usage_at == "absent" else replace(exchange.reply, usage_at="trailing")
    chunks, kind = chunks_of(reply, client)
    served = Served(b"".join(chunks), exchange.reply.status, kind)
    came = Came((exchange.request(upstream),), served, broken=exchange.reply.cut)
    found = [one for one in judged(exchange, client, upstream, came) if one.kind != "extra"]
    if exchange.reply.stop == "stop_sequence":  # without translation, the client is told of the sequence itself
        found = [one for one in found if "the reason of the end" not in one.what]
    assert found == []


def test_texts_may_be_joined() -> None:
    def join(body: Json) -> None:
        body["messages"][0]["content"] = "Be kind.\n\nBe brief."

    assert findings("system-in-the-middle", changed("system-in-the-middle", join)) == []


@pytest.mark.parametrize(
    ("name", "change", "told"),
    (
        ("text", lambda body: body.pop("top_p"), "request: lost: top_p 0.9"),
        ("one-tool", lambda body: body.pop("parallel_tool_calls"), "request: lost: parallel calls False"),
        ("one-tool", lambda body: body["tools"].pop(), "request: lost: tool time"),
        ("two-parallel-tools", lambda body: body.update(tool_choice="auto"), "request: lost: the choice of tool 'any'"),
        (
            "system-in-the-middle",
            lambda body: body["messages"].pop(),
            "request: lost: of the conversation: system text The file a.py was changed by the user.",
        ),
        (
            "system-in-the-middle",
            lambda body: body["messages"].insert(0, body["messages"].pop()),
            "request: wrong: in the conversation: ",
        ),
        (
            "one-tool",
            lambda body: body["tools"][0]["function"]["parameters"].pop("required"),
            "request: lost: of the schema of tool weather: required",
        ),
        ("text", lambda body: body.update(thinking={}), "request: extra: /thinking, which the vendor's wire does not"),
        ("text", lambda body: body.update(temperature="x"), "request: wrong: not as the wire has it: /temperature"),
    ),
)
def test_what_a_request_lost_is_told(name: str, change: Callable[[Json], None], told: str) -> None:
    assert any(one.startswith(told) for one in findings(name, changed(name, change))), findings(
        name, changed(name, change)
    )


@pytest.mark.parametrize(
    ("name", "before", "after", "told"),
    (
        ("text", b"naturally", b"of course", "reply: wrong: the text 'Paris, naturally"),
        ("thinking-then-text", b"reasoning_content", b"thoughts", "reply: lost: the thinking 'Compare the tenths"),
        ("max-tokens", b'"finish_reason":"length"', b'"finish_reason":"stop"', "reply: wrong: the reason of the end"),
        ("usage-trailing", b'"cached_tokens":90', b'"cached_tokens":0', "reply: lost: the count of cached tokens"),
        ("usage-trailing", b'"usage":{', b'"used":{', "reply: lost: all counts of tokens"),
        ("one-tool", b"call_A1", b"call_A2", "reply: wrong: the calls"),
        ("error-in-mid-stream", b"the kettle is on", b"", "reply: lost: the provider's words of the error"),
        ("text", b'"finish_reason":"stop"', b'"finish_reason":null', "reply: wrong: the stream ends without its last"),
    ),
)
def test_what_a_reply_lost_is_told(name: str, before: bytes, after: bytes, told: str) -> None:
    stream = b"".join(written(EXCHANGES[name].reply, CHAT))
    assert before in stream
    found = findings(name, reply=stream.replace(before, after))
    assert any(one.startswith(told) for one in found), found


def test_a_reply_that_breaks_off_is_an_error_unless_the_providers_did() -> None:
    assert findings("text", broken=True) == ["reply: error: the client is told of an error: the connection breaks off"]
    assert findings("cut", broken=True) == []


def test_who_waits_in_vain_hangs_and_the_worst_gives_the_word() -> None:
    exchange = EXCHANGES["text"]
    found = judged(exchange, CHAT, CHAT, Came((changed("text", lambda body: body.pop("top_p")),), None))
    assert [one.kind for one in found] == ["lost", "hang"]
    assert word(found) == "hang"
    assert word(found[:1]) == "lost"
    assert word([]) == "right"


def test_a_proxy_that_does_not_ask_the_provider_is_told() -> None:
    found = judged(EXCHANGES["text"], CHAT, CHAT, Came((), said("text")))
    assert [one.what for one in found] == ["the provider was not asked"]


def test_a_short_stream_is_shorter() -> None:
    assert FOUND["cost"]["events"] > SHORT
