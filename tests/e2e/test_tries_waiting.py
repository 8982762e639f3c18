"""While a request waits, for a try, a place or a first byte: the client is kept, may leave, and is told.

No test sleeps: the upstream waits for the test at gates, and the proxy's limits of time are short.
"""

from __future__ import annotations

import json
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from tests.e2e.test_tries import BALANCE, BUSY, ENV, EVENTS, HEADERS, Stage, ask, says, streams
from tests.lab import Client, Mitm, Reply, Request, Upstream
from tests.lab.http1 import DEADLINE
from wiremend.replay.compare import compare
from wiremend.replay.rules import Today
from wiremend.replay.run import CUTS, replay

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab import Script

RULES = """
providers:
  one: {{base_url: '{one}', key: $ONE_KEY, speaks: messages, limits: {{concurrent: 1}}}}
  two: {{base_url: '{two}', key: $TWO_KEY, speaks: messages}}
  slow: {{base_url: '{two}', key: $TWO_KEY, speaks: messages, limits: {{first_byte: 300ms, between_events: 300ms}}}}
  small: {{base_url: '{two}', key: $TWO_KEY, speaks: messages, limits: {{duration: 1s, reply_body: 4KB}}}}
  hole: {{base_url: 'http://127.0.0.1:{hole}', key: $ONE_KEY, speaks: messages, limits: {{connect: 200ms}}}}
  dead: {{base_url: 'http://127.0.0.1:9', key: $ONE_KEY, speaks: messages}}
  full: {{base_url: '{one}', key: $ONE_KEY, speaks: messages, limits: {{concurrent: 1, queue_wait: 50ms}}}}
routes:
  - {{when: {{model: full-*}}, to: [full, two]}}
  - {{when: {{model: dead-*}}, to: [full, dead]}}
  - {{when: {{model: alone-*}}, to: full}}
  - {{when: {{model: one-*}}, to: one, retry: {{times: 3, backoff: 10ms, max: 20s}}}}
  - {{when: {{model: both-*}}, to: [one, two]}}
  - {{when: {{model: hole-*}}, to: [hole, two]}}
  - {{when: {{model: slow-*}}, to: slow}}
  - {{when: {{model: small-*}}, to: small}}
limits: {{cooldown: off, head: 200ms, keepalive: 100ms, queue_wait: 10s}}
"""


@pytest.fixture(scope="module")
def stages() -> tuple[Stage, Stage]:
    return Stage(), Stage()


@pytest.fixture(scope="module")
def rules(stages: tuple[Stage, Stage]) -> Iterator[str]:
    with Upstream(stages[0]) as one, Upstream(stages[1]) as two, socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        hole.listen(0)
        port = hole.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]  # a queue that is full answers no SYN any more
        for filler in fillers:
            filler.settimeout(0)
            filler.connect_ex(("127.0.0.1", port))
        yield RULES.format(one=one.url, two=two.url, hole=port)
        for filler in fillers:
            filler.close()


@pytest.fixture(scope="module")
def proxy(rules: str) -> Iterator[Mitm]:
    with Mitm(rules, env=ENV) as mitm:
        yield mitm


def body_of(model: str) -> bytes:
    said = [{"role": "user", "content": f"this is {model}"}]
    return json.dumps({"model": model, "max_tokens": 9, "stream": True, "messages": said}).encode()


def held(gate: threading.Event, *events: bytes) -> Script:
    def script(_: Request, reply: Reply) -> None:
        reply.wait(gate)
        reply.head(200, [("content-type", "text/event-stream")])
        for event in events:
            reply.send(event)
        reply.end()

    return script


def test_a_client_that_leaves_during_the_wait_is_not_tried_for(proxy: Mitm, stages: tuple[Stage, Stage]) -> None:
    one, _ = stages
    seen = threading.Event()

    def busy(request: Request, reply: Reply) -> None:
        says(429, BUSY, ("retry-after", "15"))(request, reply)
        seen.set()

    one.will(busy, streams(*EVENTS))
    before = len(proxy.calls())
    with Client.plain(proxy.port) as client:
        client.send(b"POST /v1/messages HTTP/1.1\r\nhost: 127.0.0.1\r\nx-api-key: k\r\n")
        asked = body_of("one-1")
        client.send(b"content-length: %d\r\n\r\n%s" % (len(asked), asked))
        assert seen.wait(DEADLINE)
    row = proxy.wait_calls(before + 1)[-1]
    assert [one["trouble"] for one in row["attempts"]] == ["status"]
    assert row["error"]
    assert ask(proxy, "one-2") == (200, b"".join(EVENTS))  # its place is free, and the script of the second try is left
    assert len(one.asked) == 2


def test_one_after_the_other_where_one_at_a_time_is_allowed(proxy: Mitm, stages: tuple[Stage, Stage]) -> None:
    one, _ = stages
    gate, got = threading.Event(), threading.Event()

    def first(_: Request, reply: Reply) -> None:
        reply.head(200, [("content-type", "text/event-stream")])
        for event in EVENTS[:3]:
            reply.send(event)
        got.set()
        reply.wait(gate)
        for event in EVENTS[3:]:
            reply.send(event)
        reply.end()

    one.will(first, streams(*EVENTS), streams(*EVENTS))
    before = len(proxy.calls())
    with Client.plain(proxy.port) as holds, Client.plain(proxy.port) as waits, Client.plain(proxy.port) as leaves:
        running = holds.request("POST", "/v1/messages", HEADERS, body_of("one-3"))
        assert got.wait(DEADLINE)
        for client, model in ((leaves, "one-4"), (waits, "one-5")):
            asked = body_of(model)
            client.send(b"POST /v1/messages HTTP/1.1\r\nhost: 127.0.0.1\r\nx-api-key: k\r\n")
            client.send(b"content-length: %d\r\n\r\n%s" % (len(asked), asked))
        leaves.close()
        row = proxy.wait_calls(before + 1)[-1]  # it is gone, though it waited for a place
        assert (row["asked"], row["status"]) == ("one-4", None)
        assert len(one.asked) == 1
        gate.set()
        assert running.read() == b"".join(EVENTS)
        assert waits.response("POST").read() == b"".join(EVENTS)
    assert len(one.asked) == 2


def test_where_there_is_no_place_in_time_the_next_one_is_asked(proxy: Mitm, stages: tuple[Stage, Stage]) -> None:
    one, two = stages
    gate, got = threading.Event(), threading.Event()

    def holds(_: Request, reply: Reply) -> None:
        reply.head(200, [("content-type", "text/event-stream")])
        for event in EVENTS[:3]:
            reply.send(event)
        got.set()
        reply.wait(gate)
        for event in EVENTS[3:]:
            reply.send(event)
        reply.end()

    one.will(holds)
    two.will(streams(*EVENTS))
    before = len(proxy.calls())
    with Client.plain(proxy.port) as client:
        running = client.request("POST", "/v1/messages", HEADERS, body_of("full-1"))
        assert got.wait(DEADLINE)
        assert ask(proxy, "full-2") == (200, b"".join(EVENTS))
        status, body = ask(proxy, "alone-1", stream=False)  # it is told that there is no place
        assert status in {503, 529}
        assert b"has no place for it: full takes 1 at once" in body
        status, body = ask(proxy, "dead-1", stream=False)  # and of another one, what is wrong there
        assert status == 502
        assert b"dead (127.0.0.1:9) did not answer" in body
        gate.set()
        assert running.read().endswith(EVENTS[-1])
    rows = {row["asked"]: [one["trouble"] for one in row["attempts"]] for row in proxy.wait_calls(before + 4)[before:]}
    assert rows == {
        "full-1": [None],
        "full-2": ["queue", None],
        "alone-1": ["queue"],
        "dead-1": ["queue", "connection"],
    }
    assert (len(one.asked), len(two.asked)) == (1, 1)


def test_a_stream_begins_before_the_providers_and_goes_on_with_it(proxy: Mitm, stages: tuple[Stage, Stage]) -> None:
    _, two = stages
    gate = threading.Event()
    two.will(held(gate, *EVENTS))
    with Client.plain(proxy.port) as client:
        stages[0].will(says(429, BALANCE))
        response = client.request("POST", "/v1/messages", HEADERS, body_of("both-1"))
        assert (response.status, response.get("content-type")) == (200, "text/event-stream")
        kept = response.read_until(b"\n\n") + response.read_until(b"\n\n")
        assert b"message_start" not in kept
        gate.set()
        assert response.read().endswith(b"".join(EVENTS))


def test_what_goes_wrong_behind_that_is_told_in_the_stream(proxy: Mitm, stages: tuple[Stage, Stage]) -> None:
    _, two = stages
    gate = threading.Event()

    def script(request: Request, reply: Reply) -> None:
        reply.wait(gate)
        says(503, b"")(request, reply)

    stages[0].will(says(429, BALANCE))
    two.will(script)
    with Client.plain(proxy.port) as client:
        response = client.request("POST", "/v1/messages", HEADERS, body_of("both-2"))
        assert response.status == 200
        response.read_until(b"\n\n")
        gate.set()
        rest = response.read()
        assert response.ending == "whole"
    assert b"event: error" in rest
    assert b"one 429 balance or quota exhausted" in rest


def test_a_connection_that_is_not_made_in_time(proxy: Mitm, stages: tuple[Stage, Stage]) -> None:
    _, two = stages
    two.will(streams(*EVENTS))
    before = len(proxy.calls())
    status, body = ask(proxy, "hole-1")
    assert status == 200
    assert body.endswith(b"".join(EVENTS))
    row = proxy.wait_calls(before + 1)[-1]
    assert [one["trouble"] for one in row["attempts"]] == ["connection", None]


def test_a_stall_in_the_middle_ends_with_the_wires_error(proxy: Mitm, stages: tuple[Stage, Stage]) -> None:
    _, two = stages
    gone = threading.Event()

    def script(_: Request, reply: Reply) -> None:
        reply.head(200, [("content-type", "text/event-stream")])
        for event in EVENTS[:3]:
            reply.send(event)
        try:
            reply.wait_gone()
        finally:
            gone.set()

    two.will(script)
    status, body = ask(proxy, "slow-1")
    assert status == 200
    assert b"no event came for 0.3 s" in body
    assert body.rstrip().splitlines()[-2] == b"event: error"
    assert gone.wait(DEADLINE)


def test_a_stream_without_end_ends(proxy: Mitm, stages: tuple[Stage, Stage]) -> None:
    _, two = stages

    def script(_: Request, reply: Reply) -> None:
        reply.head(200, [("content-type", "text/event-stream")])
        for event in EVENTS[:2]:
            reply.send(event)
        while True:
            reply.send(EVENTS[2])

    two.will(script)
    status, body = ask(proxy, "small-1")
    assert status == 200
    assert b"larger than 4000 bytes" in body


def test_captures_have_every_try_and_replay(rules: str, stages: tuple[Stage, Stage]) -> None:
    one, two = stages
    with Mitm(rules, env=ENV) as proxy:
        one.will(says(429, BUSY, ("retry-after", "0")), streams(*EVENTS), says(429, BALANCE), says(429, BALANCE))
        two.will(streams(*EVENTS), says(503, b""))
        assert ask(proxy, "one-7")[0] == 200
        assert ask(proxy, "both-7")[0] == 200
        assert ask(proxy, "both-8")[0] == 503
        captures = proxy.wait_captures(3)
    assert [len(one.attempts) for one in captures] == [2, 2, 2]
    firsts = [one.attempts[0].response for one in captures]
    assert [one.status for one in firsts if one is not None] == [429, 429, 429]
    assert [one.body.data for one in firsts if one is not None] == [BUSY, BALANCE, BALANCE]
    assert [one.attempt.decision["provider"] for one in captures if one.attempt] == ["one", "two", "two"]
    today = Today(rules, "rules.yaml")
    for capture in captures:
        for cuts in CUTS:
            assert compare(capture, replay(capture, today, cuts)) == []
