"""How large things may be: requests as they come and decoded, events, and all that is held of one stream."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest
import zstandard

from tests.lab.replies import Answer, chat_events, messages_events, responses_events
from tests.pipeline.kit import NAMES, context, working
from tests.rules.kit import resolved as resolved_from
from wiremend.headers import Headers
from wiremend.message import ChatRequest
from wiremend.mitm import pressure, tape
from wiremend.pipeline.bounds import LEAST, TOGETHER, event_limit
from wiremend.pipeline.outcome import ClientRequest, Refused, Rewritten
from wiremend.pipeline.reply import ReplyStream
from wiremend.pipeline.request import rewrite
from wiremend.pipeline.shapes import PEEK_BYTES
from wiremend.pipeline.translate import Translation
from wiremend.protocols import WIRES
from wiremend.protocols.messages.blocks import BUDGET as MESSAGES
from wiremend.protocols.responses.model import BUDGET as RESPONSES
from wiremend.protocols.wires import MENDING
from wiremend.quirks.thinking_blocks import _MAX_BYTES as THINKING
from wiremend.rules.model import Limits
from wiremend.sequencer import HELD as SEQUENCED

if TYPE_CHECKING:
    from collections.abc import Callable

    from wiremend.pipeline.context import Context
    from wiremend.protocols.base import WireName

MB: Final = 1000**2
RULES: Final = """
limits: {request_body: 1MB}
providers:
  lab: {base_url: http://127.0.0.1:9/v1, speaks: [chat, messages, responses], auth: none}
  large: {base_url: http://127.0.0.1:9/v1, speaks: [chat], auth: none, limits: {request_body: 3MB}}
  small: {base_url: http://127.0.0.1:9/v1, speaks: [chat], auth: none, limits: {request_body: 1KB}}
routes: [{when: {model: large}, to: large}, {when: {model: small}, to: small}]
default: lab
"""
EVENTS: Final = {"messages": messages_events, "chat": chat_events, "responses": responses_events}
FLOOD: Final = 24 * MB
PIECE: Final = 60_000


def asked(size: int, model: str, coding: str | None = None, path: str = "/v1/chat/completions") -> ClientRequest:
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": ""}]}).encode()
    body = body.replace(b'"content": ""', b'"content": "' + b"x" * (size - len(body)) + b'"')
    assert len(body) == size
    coders: dict[str | None, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "zstd": zstandard.compress}
    headers = Headers((("content-type", "application/json"),))
    if coding is not None:
        body, headers = coders[coding](body), headers.with_set("content-encoding", coding)
    return ClientRequest("gateway", "POST", "http", None, 80, path, headers, body)


@pytest.mark.parametrize("coding", (None, "gzip", "zstd"))
@pytest.mark.parametrize(("model", "most"), (("m", MB), ("large", 3 * MB), ("small", 1000)))
def test_each_provider_takes_what_it_takes(model: str, most: int, coding: str | None) -> None:
    resolved = resolved_from(RULES)
    assert isinstance(rewrite(asked(most, model, coding), resolved), Rewritten)
    refused = rewrite(asked(most + 1, model, coding), resolved)
    assert isinstance(refused, Refused)
    assert refused.status == 413
    assert f"{most} bytes" in refused.message


@pytest.mark.parametrize("path", ("/v1/messages", "/v1/chat/completions", "/v1/responses"))
@pytest.mark.parametrize("model", ("m", "large", "small"))
def test_a_bomb_is_never_decoded_to_its_end(model: str, path: str) -> None:
    request = asked(200 * MB, model, "zstd", path)
    resolved = resolved_from(RULES)
    tracemalloc.start()
    try:
        refused = rewrite(request, resolved)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(refused, Refused)
    assert refused.status == 413
    assert b"error" in refused.body
    assert peak < 16 * MB


def test_what_asks_no_model_may_be_as_large_as_it_likes() -> None:
    outcome = rewrite(asked(2 * MB, "m", path="/v1/files"), resolved_from(RULES))
    assert not (isinstance(outcome, Refused) and outcome.status == 413)


def test_an_event_is_what_is_left_of_the_memory() -> None:
    usual = Limits()
    assert event_limit(usual) == usual.event
    assert event_limit(replace(usual, event=100)) == LEAST
    assert event_limit(replace(usual, memory=TOGETHER + MB)) == MB
    assert event_limit(replace(usual, memory=0)) == LEAST


def test_the_single_bounds_are_together_what_is_said() -> None:
    """A character counts two bytes. A translation has a second mender, and for responses what it repeats at the end."""
    tapes = 2 * (tape.LIMIT + tape.PORTION)
    waiting = pressure.HIGH + pressure.WINDOW
    mended = max(MESSAGES, RESPONSES)
    crossing = 2 * SEQUENCED + 2 * RESPONSES
    assert PEEK_BYTES + tapes + waiting + mended + crossing + THINKING <= TOGETHER
    usual = Limits()
    assert TOGETHER + usual.event <= usual.memory


def flood(name: WireName) -> tuple[list[bytes], bytes]:
    """Give the beginning of a stream, and an event of text that may follow it any number of times."""
    events = EVENTS[name](Answer("one two"))
    at = next(number for number, event in enumerate(events) if b'"one' in event and b"delta" in event)
    return events[: at + 1], events[at].replace(b'"one', b'"' + b"w" * PIECE)


def crossing(client: WireName, upstream: WireName) -> Context:
    if client == upstream:
        return context(client, quirks=working(client))
    request = ChatRequest(wire=client, model="m", messages=())
    translation = Translation(client, upstream, request, {}, {}, b"{}")
    return replace(context(upstream), wire=WIRES[client], mending=MENDING[upstream], translation=translation)


@pytest.mark.parametrize("upstream", NAMES)
@pytest.mark.parametrize("client", NAMES)
def test_a_stream_without_an_end_is_held_within_the_bound(client: WireName, upstream: WireName) -> None:
    stream = ReplyStream(crossing(client, upstream), WIRES[upstream].tally())
    first, event = flood(upstream)
    for one in first:
        stream.feed(one)
    tracemalloc.start()
    try:
        for _ in range(FLOOD // PIECE):
            stream.feed(event)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < TOGETHER
