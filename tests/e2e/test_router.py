"""A router model and the fastest model, through a real mitmdump: what leaves, what it costs, and that it replays.

The router, and the models that it chooses between, are one upstream; a request tells by its model who it is for.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab import Answer, Client, Mitm, Reply, Request, Upstream
from tests.lab.http1 import DEADLINE
from tests.lab.replies import chat_body, messages_events
from tests.lab.sdk import KEY
from wiremend.pipeline.outcome import Rewritten
from wiremend.replay.compare import compare
from wiremend.replay.rules import Today
from wiremend.replay.run import replay

if TYPE_CHECKING:
    from collections.abc import Iterator
RULES = """
providers:
  small: {base_url: 'URL', key: $ROUTER_KEY, speaks: chat}
  lab: {base_url: 'URL', key: $LAB_KEY, speaks: messages}
preferences:
  for: all
  router: small/judge
  timeout: 5s
  choices:
    - {name: code_review, description: finding bugs, models: [lab/reads]}
    - {name: writing, description: fiction and poetry, models: [lab/slow, lab/quick], prefer: fastest}
default: lab/usual
limits: {cooldown: off}
"""
ENV = {"ROUTER_KEY": "sk-router-FAKE0123456789", "LAB_KEY": "sk-lab-FAKE0123456789"}
EVENTS = messages_events(Answer(model="m"))
HEADERS = {"host": "127.0.0.1", "x-api-key": KEY, "user-agent": "claude-cli/2.1.197 (external, cli)"}


class Stage:
    """The upstream: what the router says next, and which models fail."""

    def __init__(self) -> None:
        """Begin with a router that says none."""
        self.router: str | int = "none"
        self.rules = ""
        self.broken: set[str] = set()
        self.asked: list[tuple[str, Request]] = []
        self.hangs = False

    def __call__(self, request: Request, reply: Reply) -> None:
        model = request.json()["model"]
        self.asked.append((model, request))
        if self.hangs:
            reply.wait_gone()
        elif model == "judge" and not isinstance(self.router, str):
            reply.json(self.router, {"error": {"message": f"no, {request.get('authorization')}", "type": "busy"}})
        elif model == "judge":
            reply.json(200, chat_body(Answer(str(self.router), input_tokens=50, output_tokens=2)))
        elif model in self.broken:
            reply.json(500, {})
        else:
            reply.events(EVENTS)

    def models(self) -> list[str]:
        return [model for model, _ in self.asked]


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def proxy(stage: Stage) -> Iterator[Mitm]:
    with Upstream(stage) as up:
        stage.rules = RULES.replace("URL", up.url)
        with Mitm(stage.rules, env=ENV) as mitm:
            yield mitm


def body(text: str) -> bytes:
    said = {"model": "m", "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": text}]}
    return json.dumps(said).encode()


def ask(proxy: Mitm, text: str) -> int:
    with Client.plain(proxy.port) as client:
        response = client.request("POST", "/v1/messages", HEADERS, body(text))
        assert b"message_stop" in response.read()
        return response.status


def rows(proxy: Mitm, count: int) -> list[dict[str, Any]]:
    return list(proxy.wait_calls(count))


def test_it_is_asked_once_and_the_conversation_keeps_what_it_says(proxy: Mitm, stage: Stage) -> None:
    stage.router = "code_review"
    for _ in range(2):
        assert ask(proxy, "look at this") == 200
    assert stage.models() == ["judge", "reads", "reads"]
    question = stage.asked[0][1]
    assert question.get("authorization") == f"Bearer {ENV['ROUTER_KEY']}"
    assert KEY not in str(question.headers), "G11: the client's own key stays home"
    assert "look at this" in question.json()["messages"][1]["content"]
    router, first, second = rows(proxy, 3)
    assert (router["client"], router["model"], router["route"]) == ("wiremend-router", "judge", "preferences.router")
    assert (router["input_tokens"], router["output_tokens"], router["status"]) == (50, 2, 200)
    assert router["id"] == f"{first['id']}-router"
    assert first["route"] == second["route"] == "preference code_review"


def test_where_it_fails_the_words_decide_and_it_is_told(proxy: Mitm, stage: Stage) -> None:
    stage.router = 429
    assert ask(proxy, "please write a short poem about the sea") == 200
    assert stage.models() == ["judge", "slow"]
    proxy.wait_log(r"small/judge was asked which preference fits, in vain: it answered 429")
    assert rows(proxy, 2)[0]["status"] == 429
    stage.router = "I would rather tell of umbrellas"
    assert ask(proxy, "what is a good name for a cat") == 200
    proxy.wait_log(r"in vain: its answer names none of the preferences, or several$")
    assert "umbrellas" not in proxy.log(), "it may be the prompt that a model repeats"


def test_what_it_chose_and_what_was_fastest_replays(proxy: Mitm, stage: Stage) -> None:
    stage.router, stage.broken = "writing", {"slow"}
    assert ask(proxy, "one") == 200
    assert ask(proxy, "two") == 200
    assert stage.models() == ["judge", "slow", "quick", "judge", "quick"], "who failed is not asked first again"
    stage.broken = set()
    assert ask(proxy, "two") == 200
    assert stage.models()[5:] == ["quick"], "the conversation stays with its model"
    kept = sorted(proxy.wait_captures(3), key=lambda one: one.began)
    assert [(one.inputs.picked, one.inputs.to) for one in kept] == [
        ("asked writing", "lab/quick"),
        ("asked writing", "lab/quick"),
        ("kept writing", "lab/quick"),
    ]
    today = Today(stage.rules, "rules.yaml")
    for capture in kept:  # G10: nothing was measured, and nobody is asked
        done = replay(capture, today)
        assert compare(capture, done) == []
        assert capture.attempt is not None
        assert isinstance(done.outcome, Rewritten)
        assert done.outcome.decision.sent == capture.attempt.decision["model"] == "quick"
    assert len(stage.asked) == 6


def test_a_client_that_goes_takes_the_question_with_it(stage: Stage) -> None:
    with Upstream(stage) as up, Mitm(RULES.replace("URL", up.url).replace("5s", "60s"), env=ENV) as mitm:
        stage.hangs = True
        with Client.plain(mitm.port) as client:
            said = body("look at this")
            head = f"POST /v1/messages HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {len(said)}\r\n\r\n"
            client.send(head.encode() + said)
            up.wait_for(1)
        assert up.hung_up.wait(DEADLINE), "the router's connection is dropped long before its time is over"
