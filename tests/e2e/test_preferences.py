"""Preferences over a real proxy: what is asked chooses the model, a conversation keeps it, its others are fallbacks.

The words of the questions are those of the preferences' own examples, so that the tests say nothing of how well the
local router judges.
"""

from __future__ import annotations

import gzip
import json
import threading
from typing import TYPE_CHECKING

import pytest

from tests.lab import Answer, Authority, Client, Forwarder, Mitm, Reply, Request, Upstream
from tests.lab.http1 import DEADLINE
from tests.lab.http2_client import Http2Client
from tests.lab.replies import any_body, chat_events, messages_events
from tests.lab.scripts import credential
from tests.lab.sdk import KEY
from wiremend.replay.rules import Today
from wiremend.replay.run import replay

if TYPE_CHECKING:
    from collections.abc import Iterator

PROVE = "prove the theorem that there are infinitely many primes"
POEM = "write a poem about the sea in winter"
ERRAND = "xyzzy"
RULES = f"""
providers:
  lab: {{{{base_url: '{{url}}', key: $LAB_KEY, speaks: [messages, chat]}}}}
preferences:
  stay: {{stay}}
  choices:
    - {{{{name: proofs, description: proving theorems, models: [lab/thinker, lab/second], examples: '{PROVE}'}}}}
    - {{{{name: verse, description: writing poems, models: lab/poet, examples: '{POEM}'}}}}
default: lab/usual
"""
ENV = {"LAB_KEY": "sk-lab-FAKE0123456789"}
ANSWER = Answer(model="m")


class Provider:
    """Answers each wire, remembers the models that it was asked for, and fails those that it is told to."""

    def __init__(self) -> None:
        """Begin with nothing asked and nothing failing."""
        self.asked: list[str] = []
        self.failing: set[str] = set()

    def __call__(self, request: Request, reply: Reply) -> None:
        model = json.loads(request.body)["model"]
        self.asked.append(model)
        if model in self.failing:
            reply.head(500, [("content-length", "2"), ("content-type", "application/json")])
            reply.send(b"{}")
        else:
            reply.head(200, [("content-type", "text/event-stream")])
            for event in (chat_events if "chat" in request.path else messages_events)(ANSWER):
                reply.send(event)
        reply.end()


@pytest.fixture(scope="module")
def provider() -> Provider:
    return Provider()


@pytest.fixture(scope="module")
def upstream(provider: Provider) -> Iterator[Upstream]:
    with Upstream(provider) as upstream:
        yield upstream


@pytest.fixture(scope="module")
def proxy(upstream: Upstream) -> Iterator[Mitm]:
    with Mitm(RULES.format(url=upstream.url, stay="1h"), env=ENV) as mitm:
        yield mitm


@pytest.fixture(autouse=True)
def fresh(provider: Provider) -> None:
    provider.asked.clear()
    provider.failing.clear()


def ask(
    proxy: Mitm, session: str, *turns: object, model: str = "auto", wire: str = "messages", tools: bool = False
) -> bytes:
    messages = [
        {"role": "user" if number % 2 == 0 else "assistant", "content": turn} for number, turn in enumerate(turns)
    ]
    more = {"tools": [{"name": "sh", "input_schema": {"type": "object"}}]} if tools else {}
    body = json.dumps({"model": model, "max_tokens": 9, "stream": True, "messages": messages, **more}).encode()
    headers = {"host": "127.0.0.1", "x-api-key": KEY, "x-session-id": session}
    path = "/v1/messages" if wire == "messages" else "/v1/chat/completions"
    with Client.plain(proxy.port) as client:
        response = client.request("POST", path, headers, body)
        assert response.status == 200
        return response.read()


@pytest.mark.parametrize("wire", ("messages", "chat"))
def test_what_is_asked_chooses_the_model(proxy: Mitm, provider: Provider, wire: str) -> None:
    for name, text in (("a", PROVE), ("b", POEM), ("c", ERRAND)):
        ask(proxy, f"{wire}-{name}", text, wire=wire)
    assert provider.asked == ["thinker", "poet", "usual"]


def test_a_conversation_keeps_its_choice_also_across_tool_turns(proxy: Mitm, provider: Provider) -> None:
    call = [{"type": "tool_use", "id": "toolu_1", "name": "sh", "input": {}}]
    result = [{"type": "tool_result", "tool_use_id": "toolu_1", "content": POEM}]
    ask(proxy, "keeps", PROVE)
    ask(proxy, "keeps", PROVE, call, result)
    ask(proxy, "keeps", PROVE, call, result, "done", POEM)
    ask(proxy, "another", POEM)
    assert provider.asked == ["thinker", "thinker", "thinker", "poet"]


def test_what_is_asked_of_another_model_beside_it_is_chosen_for_by_itself(proxy: Mitm, provider: Provider) -> None:
    ask(proxy, "beside", PROVE)
    ask(proxy, "beside", POEM, model="unknown-small")
    ask(proxy, "beside", PROVE, "so", POEM)
    assert provider.asked == ["thinker", "poet", "thinker"]


def test_the_words_of_a_request_for_a_title_do_not_choose_for_the_conversation(proxy: Mitm, provider: Provider) -> None:
    ask(proxy, "title", POEM)
    ask(proxy, "title", PROVE, tools=True)
    ask(proxy, "title", PROVE, "so", POEM, tools=True)
    assert provider.asked == ["poet", "thinker", "thinker"]


def test_none_is_no_choice_that_is_kept(proxy: Mitm, provider: Provider) -> None:
    ask(proxy, "none", ERRAND)
    ask(proxy, "none", ERRAND, "done", PROVE)
    assert provider.asked == ["usual", "thinker"]


def test_with_stay_off_each_turn_is_chosen_for(upstream: Upstream, provider: Provider) -> None:
    with Mitm(RULES.format(url=upstream.url, stay="off"), env=ENV) as proxy:
        ask(proxy, "off", PROVE)
        ask(proxy, "off", PROVE, "so", POEM)
    assert provider.asked == ["thinker", "poet"]


def test_the_next_model_answers_where_the_first_fails_and_the_conversation_stays_there(
    proxy: Mitm, provider: Provider
) -> None:
    provider.failing.add("thinker")
    assert ask(proxy, "fails", PROVE) == b"".join(messages_events(ANSWER))
    provider.failing.clear()
    ask(proxy, "fails", PROVE, "so", "go on")
    assert provider.asked == ["thinker", "second", "second"]


def test_a_capture_knows_what_was_kept_and_replays(upstream: Upstream, provider: Provider) -> None:
    rules = RULES.format(url=upstream.url, stay="1h")
    with Mitm(rules, env=ENV) as proxy:
        ask(proxy, "kept", PROVE)
        ask(proxy, "kept", PROVE, "so", POEM)
        first, second = proxy.wait_captures(2)
    assert provider.asked == ["thinker", "thinker"]
    assert (first.inputs.picked, second.inputs.picked) == ("", "kept proofs")
    assert second.attempt is not None
    assert second.attempt.decision["by"] == "preference"
    assert "'proofs': its conversation keeps it" in second.attempt.decision["why"][0]
    for capture in (first, second):
        again = replay(capture, Today(rules, "rules.yaml"))
        assert again.request is not None
        assert json.loads(again.request.body)["model"] == "thinker"


def test_a_client_that_goes_while_a_model_is_asked_has_one_row_and_costs_no_more(provider: Provider) -> None:
    asked = threading.Event()

    def hangs(request: Request, reply: Reply) -> None:
        if request.method == "GET":
            reply.json(200, {"object": "list", "data": []})
        elif json.loads(request.body)["model"] == "judge":
            asked.set()
            reply.wait_gone()
        else:
            provider(request, reply)

    with Upstream(hangs) as upstream:
        rules = RULES.format(url=upstream.url, stay="1h").replace("stay: 1h", "router: lab/judge\n  timeout: 60s")
        with Mitm(rules, env=ENV) as proxy:
            body = json.dumps({"model": "auto", "messages": [{"role": "user", "content": PROVE}]}).encode()
            with Client.plain(proxy.port) as client:
                head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {len(body)}\r\n\r\n"
                client.send(head.encode() + body)
                assert asked.wait(DEADLINE)
            upstream.hung_up.wait(DEADLINE)
            with Client.plain(proxy.port) as client:
                client.request("GET", "/v1/models", {"host": "127.0.0.1"}).read()  # its row stands behind all before it
            rows = [row for row in proxy.calls() if row["asked"] == "auto"]
    assert [row["error"] for row in rows] == ["the client's connection was closed"]
    assert provider.asked == []


KEYLESS = f"""
providers:
  lab: {{{{base_url: '{{url}}', key: $LAB_KEY, speaks: [messages, chat]}}}}
  stranger: {{{{base_url: '{{url}}', speaks: [messages, chat]}}}}
preferences:
  for: {{which}}
  choices:
    - {{{{name: proofs, description: proving theorems, models: lab/thinker, examples: '{PROVE}'}}}}
    - {{{{name: verse, description: writing poems, models: stranger/poet, examples: '{POEM}'}}}}
"""


@pytest.mark.parametrize("which", ("auto", "all"))
def test_where_a_host_is_addressed_the_clients_key_goes_there_and_nowhere_else(
    authority: Authority, which: str
) -> None:
    own = {"x-api-key": "sk-ant-FAKE-own", "authorization": "Bearer sk-ant-FAKE-own", "cookie": "s=sk-FAKE-cookie"}
    with (
        Upstream(answers) as upstream,
        Upstream(answers, tls=authority.server("api.anthropic.com")) as vendor,
        Forwarder({"api.anthropic.com:443": vendor.port}) as office,
        Mitm(
            KEYLESS.format(url=upstream.url, which=which),
            env={
                **ENV,
                "SSL_CERT_FILE": str(authority.ca),
                "HTTPS_PROXY": office.url,
                "NO_PROXY": "127.0.0.1",
            },
        ) as proxy,
        Http2Client.through(proxy.port, "api.anthropic.com", ca=proxy.ca) as client,
    ):
        replies = []
        for text in (PROVE, POEM, ERRAND) * 3:  # side by side on one connection
            asked = {"model": "claude-of-tomorrow", "max_tokens": 9, "messages": [{"role": "user", "content": text}]}
            for path in ("/v1/messages", "/v1/messages/count_tokens"):
                body = gzip.compress(json.dumps(asked).encode())
                replies.append(client.request("POST", path, {**own, "content-encoding": "gzip"}, body))
        assert [reply.wait().status for reply in replies] == [200] * len(replies)
        for reply in replies:
            reply.read()
    assert {credential(one) for one in vendor.requests} == {own["x-api-key"]}
    assert {said(one) for one in vendor.requests} == {("claude-of-tomorrow", ERRAND)}
    assert {said(one) for one in upstream.requests} == {("thinker", PROVE), ("poet", POEM)}
    assert len(vendor.requests) == len(upstream.requests) / 2 == 6
    for one in upstream.requests:
        assert "sk-ant-FAKE" not in str(one.headers)
        assert one.get("cookie") is None
        assert credential(one) == (ENV["LAB_KEY"] if said(one)[0] == "thinker" else "")


def answers(request: Request, reply: Reply) -> None:
    reply.json(200, {"input_tokens": 42} if "count" in request.path else any_body(request.path))


def said(request: Request) -> tuple[str, str]:
    data = request.body
    body = json.loads(gzip.decompress(data) if request.get("content-encoding") == "gzip" else data)
    return body["model"], body["messages"][0]["content"]


def test_a_preference_that_is_renamed_or_gone_is_no_longer_kept(upstream: Upstream, provider: Provider) -> None:
    rules = RULES.format(url=upstream.url, stay="1h")
    without = "\n".join(line for line in rules.splitlines() if "name: proofs" not in line)
    turned = rules.replace("[lab/thinker, lab/second]", "[lab/second, lab/thinker]")
    with Mitm(rules, env=ENV) as proxy:
        for number, changed in enumerate((rules, without, rules.replace("name: proofs", "name: proving"), turned)):
            ask(proxy, f"s{number}", PROVE)
            if changed != rules:
                start = len(proxy.log())
                proxy.write_rules(changed)
                proxy.wait_log("rules reloaded", after=start)
            ask(proxy, f"s{number}", PROVE, "so", POEM)
            if changed != rules:
                start = len(proxy.log())
                proxy.write_rules(rules)
                proxy.wait_log("rules reloaded", after=start)
    assert provider.asked == ["thinker", "thinker", "thinker", "poet", "thinker", "poet", "thinker", "second"]
