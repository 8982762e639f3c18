"""What fails before the client has anything is tried again, there or elsewhere; the client sees one reply.

Each upstream is a list of scripts, one for each request that reaches it, so a test says in its first lines what the
providers do, and in its last what the client saw and who was asked how often.
"""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import pytest

from tests.lab import Answer, Client, Mitm, Reply, Request, Upstream
from tests.lab.http1 import DEADLINE
from tests.lab.replies import chat_events, messages_body, messages_events
from tests.lab.sdk import KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.lab import Script

RULES = """
providers:
  one: {{base_url: '{one}', key: $ONE_KEY, speaks: messages, limits: {{first_byte: 1s, connect: 2s}}}}
  two: {{base_url: '{two}', key: $TWO_KEY, speaks: messages, limits: {{first_byte: 5s}}}}
  talk: {{base_url: '{two}', key: $TWO_KEY, speaks: chat}}
  dead: {{base_url: 'http://127.0.0.1:9', key: $ONE_KEY, speaks: messages}}
routes:
  - {{when: {{model: again-*}}, to: one, retry: {{times: 3, backoff: 10ms, max: 2s}}}}
  - {{when: {{model: both-*}}, to: [one, two/other], retry: {{times: 1, backoff: 10ms, max: 2s}}}}
  - {{when: {{model: cross-*}}, to: [one, talk/other]}}
  - {{when: {{model: dead-*}}, to: [dead, two]}}
  - {{when: {{model: once-*}}, to: one}}
limits: {{cooldown: off}}
"""
ENV = {"ONE_KEY": "sk-one-FAKE0123456789", "TWO_KEY": "sk-two-FAKE0123456789"}
ANSWER = Answer(model="m")
EVENTS = messages_events(ANSWER)
HEADERS = {"host": "127.0.0.1", "x-api-key": KEY}
BUSY = b'{"type":"error","error":{"type":"rate_limit_error","message":"Too many requests"}}'
OVERLOADED = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'
BALANCE = b'{"error":{"message":"Insufficient balance, please recharge","type":"exceeded_current_quota_error"}}'


def says(status: int, body: bytes, *headers: tuple[str, str]) -> Script:
    def script(_: Request, reply: Reply) -> None:
        reply.head(status, [("content-type", "application/json"), ("content-length", str(len(body))), *headers])
        reply.send(body)
        reply.end()

    return script


def streams(*events: bytes) -> Script:
    def script(_: Request, reply: Reply) -> None:
        reply.head(200, [("content-type", "text/event-stream")])
        for event in events:
            reply.send(event)
        reply.end()

    return script


def resets(*events: bytes) -> Script:
    def script(_: Request, reply: Reply) -> None:
        if events:
            reply.head(200, [("content-type", "text/event-stream")])
            for event in events:
                reply.send(event)
        reply.abort()

    return script


class Stage:
    """What a provider does with the next requests, in order."""

    def __init__(self) -> None:
        """Begin with nothing to do."""
        self.scripts: list[Script] = []
        self.asked: list[Request] = []

    def __call__(self, request: Request, reply: Reply) -> None:
        self.asked.append(request)
        self.scripts.pop(0)(request, reply)

    def will(self, *scripts: Script) -> None:
        self.scripts, self.asked = list(scripts), []


@pytest.fixture(scope="module")
def stages() -> tuple[Stage, Stage]:
    return Stage(), Stage()


@pytest.fixture(scope="module")
def proxy(stages: tuple[Stage, Stage]) -> Iterator[Mitm]:
    with (
        Upstream(stages[0]) as one,
        Upstream(stages[1]) as two,
        Mitm(RULES.format(one=one.url, two=two.url), env=ENV) as mitm,
    ):
        yield mitm


def ask(proxy: Mitm, model: str, *, stream: bool = True) -> tuple[int, bytes]:
    said = [{"role": "user", "content": f"this is {model}"}]  # by its first words a conversation is known
    body = json.dumps({"model": model, "max_tokens": 9, "stream": stream, "messages": said})
    with Client.plain(proxy.port) as client:
        response = client.request("POST", "/v1/messages", HEADERS, body.encode())
        return response.status, response.read()


def row_of(proxy: Mitm, before: int) -> dict[str, object]:
    rows = proxy.wait_calls(before + 1)
    assert len(rows) == before + 1
    return rows[-1]


TRIED: dict[str, tuple[Callable[[], Script], str]] = {
    "429": (lambda: says(429, BUSY), "status"),
    "500": (lambda: says(500, b"{}"), "status"),
    "529": (lambda: says(529, OVERLOADED[21:-2]), "status"),
    "503 with Retry-After": (lambda: says(503, b"", ("retry-after", "0")), "status"),
    "reset before the head": (resets, "connection"),
    "reset after the head": (lambda: resets(EVENTS[0]), "connection"),
    "error in a 200 stream": (lambda: streams(OVERLOADED), "stream"),
    "error behind the opening": (lambda: streams(EVENTS[0], OVERLOADED), "stream"),
    "an empty stream": (streams, "stream"),
}


@pytest.mark.parametrize("fault", TRIED)
def test_it_is_tried_again_until_it_answers(proxy: Mitm, stages: tuple[Stage, Stage], fault: str) -> None:
    one, _ = stages
    make, word = TRIED[fault]
    one.will(make(), make(), make(), streams(*EVENTS))
    before = len(proxy.calls())
    status, body = ask(proxy, "again-1")
    assert (status, body) == (200, b"".join(EVENTS))
    assert len(one.asked) == 4
    assert len({request.body for request in one.asked}) == 1
    row = row_of(proxy, before)
    tries = row["attempts"]
    assert isinstance(tries, list)
    assert [one["trouble"] for one in tries] == [word] * 3 + [None]


@pytest.mark.parametrize("fault", TRIED)
def test_when_its_retries_are_spent_the_next_one_is_asked(proxy: Mitm, stages: tuple[Stage, Stage], fault: str) -> None:
    one, two = stages
    make, _ = TRIED[fault]
    one.will(make(), make())
    two.will(streams(*EVENTS))
    status, body = ask(proxy, f"both-{list(TRIED).index(fault)}")
    assert (status, body) == (200, b"".join(EVENTS))
    assert (len(one.asked), len(two.asked)) == (2, 1)
    sent = json.loads(two.asked[0].body)
    assert sent["model"] == "other"
    assert two.asked[0].get("x-api-key") == ENV["TWO_KEY"]


@pytest.mark.parametrize("status", (400, 401, 403, 404, 422))
def test_what_comes_again_however_often_one_asks_is_not_tried_again(
    proxy: Mitm, stages: tuple[Stage, Stage], status: int
) -> None:
    one, _ = stages
    one.will(says(status, b'{"type":"error","error":{"type":"invalid_request_error","message":"no"}}'))
    assert ask(proxy, "again-2")[0] == status
    assert len(one.asked) == 1


def test_a_balance_that_is_empty_is_left_at_once(proxy: Mitm, stages: tuple[Stage, Stage]) -> None:
    one, two = stages
    one.will(says(429, BALANCE))
    two.will(streams(*EVENTS))
    assert ask(proxy, "both-balance") == (200, b"".join(EVENTS))
    assert (len(one.asked), len(two.asked)) == (1, 1)


def test_where_none_is_left_the_client_is_told_of_the_balance_in_its_wire(
    proxy: Mitm, stages: tuple[Stage, Stage]
) -> None:
    one, _ = stages
    one.will(says(429, BALANCE))
    status, body = ask(proxy, "again-3")
    assert (status, len(one.asked)) == (402, 1) or status in {400, 403, 429}
    assert "Insufficient balance" in json.loads(body)["error"]["message"]


def test_a_provider_that_cannot_be_reached(proxy: Mitm, stages: tuple[Stage, Stage]) -> None:
    _, two = stages
    two.will(streams(*EVENTS))
    assert ask(proxy, "dead-1") == (200, b"".join(EVENTS))
    assert len(two.asked) == 1


def test_a_whole_reply_is_tried_again_too(proxy: Mitm, stages: tuple[Stage, Stage]) -> None:
    one, _ = stages
    body = json.dumps(messages_body(ANSWER)).encode()
    one.will(says(429, BUSY), says(200, OVERLOADED[21:-2]), says(200, body))
    assert ask(proxy, "again-4", stream=False) == (200, body)
    assert len(one.asked) == 3


def test_the_next_one_may_speak_another_wire(proxy: Mitm, stages: tuple[Stage, Stage]) -> None:
    one, two = stages
    one.will(says(500, b"{}"))
    two.will(streams(*chat_events(ANSWER)))
    status, body = ask(proxy, "cross-1")
    assert status == 200
    assert b"message_stop" in body
    assert two.asked[0].path.endswith("/chat/completions")
    assert json.loads(two.asked[0].body)["messages"] == [{"role": "user", "content": "this is cross-1"}]
    assert two.asked[0].get("authorization") == f"Bearer {ENV['TWO_KEY']}"


def test_a_conversation_stays_where_it_fell_back_to(proxy: Mitm, stages: tuple[Stage, Stage]) -> None:
    one, two = stages
    one.will(says(500, b"{}"), says(500, b"{}"), streams(*EVENTS))
    two.will(streams(*EVENTS), streams(*EVENTS))
    for _ in range(2):
        assert ask(proxy, "both-sticky")[0] == 200
    assert (len(one.asked), len(two.asked)) == (2, 2)


def test_a_stall_before_the_first_byte_is_tried_again(proxy: Mitm, stages: tuple[Stage, Stage]) -> None:
    one, _ = stages
    over = threading.Event()

    def stalls(_: Request, reply: Reply) -> None:
        reply.wait_gone(DEADLINE) if hasattr(reply, "wait_gone") else over.wait(DEADLINE)
        reply.abort()

    one.will(stalls, streams(*EVENTS))
    try:
        assert ask(proxy, "again-5") == (200, b"".join(EVENTS))
    finally:
        over.set()
    assert len(one.asked) == 2


def test_after_the_first_words_a_cut_ends_legally(proxy: Mitm, stages: tuple[Stage, Stage]) -> None:
    one, _ = stages
    one.will(resets(*EVENTS[:3]))
    status, body = ask(proxy, "again-6")
    assert status == 200
    assert body.startswith(b"".join(EVENTS[:3]))
    assert b"event: error" in body
    assert len(one.asked) == 1
