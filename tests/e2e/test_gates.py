"""Who may go where: each condition of ``when``, and the gate that matters most, by table and by what the upstreams saw.

The gate: an Anthropic-only upstream takes ``claude-*`` of two agents; a cloud upstream takes the rest. Zero other
models may reach the first one, in any letter case, from any agent, with any trick in the body: a wrong request there
costs the user an account.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab import Client, Mitm, Reply, Request, Upstream
from tests.lab.replies import any_body
from tests.lab.sdk import CLAUDE, KEY

if TYPE_CHECKING:
    from collections.abc import Iterator


def answer(request: Request, reply: Reply) -> None:
    reply.json(200, any_body(request.path))


def ask(port: int, body: bytes, headers: dict[str, str], path: str = "/v1/messages") -> int:
    with Client.plain(port) as client:
        response = client.request(
            "POST", path, {"host": "127.0.0.1", "content-type": "application/json", **headers}, body
        )
        response.read()
        return response.status


# --- the two upstreams ------------------------------------------------------------------------------------------------

TWO = """
providers:
  max:   {{base_url: '{max}', speaks: [messages], key: client}}
  cloud: {{base_url: '{cloud}', key: client}}
routes:
  - name: the plan's own models
    when: {{agent: [planner, coder-*], model: claude-*}}
    to: max
default: cloud
"""


@pytest.fixture(scope="module")
def plan() -> Iterator[Upstream]:
    with Upstream(answer) as up:
        yield up


@pytest.fixture(scope="module")
def cloud() -> Iterator[Upstream]:
    with Upstream(answer) as up:
        yield up


@pytest.fixture(scope="module")
def gate(plan: Upstream, cloud: Upstream) -> Iterator[Mitm]:
    with Mitm(TWO.format(max=plan.url, cloud=cloud.url)) as mitm:
        yield mitm


MODELS = (
    ("claude-opus-4-6", True),
    ("CLAUDE-OPUS-4-6", True),
    ("Claude-Sonnet-4-5", True),
    ("claude-", True),
    ("claude", False),
    ("kimi-for-coding", False),
    ("not-claude-opus", False),
    (" claude-opus-4-6", False),
    ("somebody/claude-opus-4-6", False),
    ("gpt-5\nclaude-x", False),
    ("", False),
    (None, False),
    (5, False),
    (["claude-opus-4-6"], False),
    ({"claude-opus-4-6": 1}, False),
)
AGENTS = (
    ("planner", True),
    ("Planner", True),
    ("coder-7", True),
    ("stranger", False),
    ("planner2", False),
    (None, False),
)


def test_the_table_of_the_two_upstreams(plan: Upstream, cloud: Upstream, gate: Mitm) -> None:
    wrong = []
    for model, anthropic_model in MODELS:
        for agent, listed in AGENTS:
            plan.forget()
            cloud.forget()
            headers = {"x-api-key": KEY, **({"x-agent-id": agent} if agent else {})}
            status = ask(gate.port, json.dumps({"model": model, "messages": []}).encode(), headers)
            seen = (status, len(plan.requests), len(cloud.requests))
            wanted = (200, 1, 0) if anthropic_model and listed else (200, 0, 1)
            if seen != wanted:
                wrong.append((model, agent, seen, wanted))
    assert wrong == []


@pytest.mark.parametrize(
    "body",
    (
        b'{"messages":[]}',
        b'{"model":"kimi-k2.6","model":"claude-opus-4-6","messages":[]}',
        b'{"model":"claude-opus-4-6","model":"kimi-k2.6","messages":[]}',
        b'{"model":"claude-opus-4-6","mod\\u0065l":"kimi-k2.6","messages":[]}',
        b'{"Model":"claude-opus-4-6","model":"kimi-k2.6","messages":[]}',
        b'{"messages":[{"model":"claude-opus-4-6"}]}',
        b'\xef\xbb\xbf{"model":"kimi-k2.6","messages":[]}',
        b'{"model":"anthropic/claude-opus-4-6","messages":[]}',
        b'{"model":"openrouter/anthropic/claude-opus-4-6","messages":[]}',
        b'{"model":"cloud/claude-opus-4-6","messages":[]}',
        b'["claude-opus-4-6"]',
        b'"claude-opus-4-6"',
        b"claude-opus-4-6",
        b'{"model":"claude-opus-4-6","messages":[]',
        b'{"model":"claude-opus-4-6","messages":[]} {"model":"kimi-k2.6"}',
        b"",
    ),
)
def test_no_trick_in_the_body_gets_another_model_past_the_gate(plan: Upstream, gate: Mitm, body: bytes) -> None:
    plan.forget()
    ask(gate.port, body, {"x-api-key": KEY, "x-agent-id": "planner"})
    for request in plan.requests:
        names = re.findall(rb'"(?:m|\\u006d)(?:o)(?:d)(?:e|\\u0065)l"\s*:\s*"([^"]*)"', request.body, re.IGNORECASE)
        assert names, request.body
        assert all(name.lower().startswith(b"claude-") for name in names), request.body
        assert isinstance(request.json(), dict)


# --- each condition ---------------------------------------------------------------------------------------------------

EACH = """
providers:
{providers}
routes:
  - {{when: {{key: sk-kimi-*}}, to: by-key}}
  - {{when: {{client: codex}}, to: by-client}}
  - {{when: {{client: [claude-*]}}, to: by-client-glob}}
  - {{when: {{wire: responses}}, to: by-wire}}
  - {{when: {{header: {{X-Tier: gold*}}}}, to: by-header}}
  - {{when: {{body: {{/metadata/plan: max}}}}, to: by-body}}
  - {{when: {{body: {{/messages/*/content: '*urgent*'}}}}, to: by-body-list}}
  - {{when: {{stream: true}}, to: by-stream}}
  - {{when: {{model: kimi-*, agent: night}}, to: by-both}}
  - {{when: {{path: '/v1/embeddings'}}, to: by-path}}
  - {{when: {{model: [kimi-*, 'moonshot/*']}}, to: by-model}}
  - {{when: {{key: null, model: free-*}}, to: by-no-key}}
default: by-default
"""
NAMES = (*re.findall(r"to: (by-[a-z-]+)", EACH), "by-default")


@pytest.fixture(scope="module")
def anywhere() -> Iterator[Upstream]:
    with Upstream(answer) as up:
        yield up


@pytest.fixture(scope="module")
def each(anywhere: Upstream) -> Iterator[Mitm]:
    providers = "\n".join(f"  {name}: {{base_url: '{anywhere.url}/{name}', auth: none}}" for name in NAMES)
    with Mitm(EACH.format(providers=providers)) as mitm:
        yield mitm


OTHER_KEY = {"authorization": "Bearer sk-FAKE-other"}


@pytest.mark.parametrize(
    ("expected", "headers", "body", "path"),
    (
        ("by-key", {"x-api-key": KEY}, {}, "/v1/messages"),
        ("by-key", {"authorization": f"bearer {KEY}"}, {"model": "kimi-k2"}, "/v1/messages"),
        ("by-key", {"authorization": f"Bearer {KEY}", "user-agent": "codex_exec/0.169.0"}, {}, "/v1/messages"),
        ("by-client", {**OTHER_KEY, "user-agent": "codex_exec/0.169.0 (Linux)"}, {}, "/v1/messages"),
        ("by-client-glob", {**OTHER_KEY, "user-agent": CLAUDE}, {}, "/v1/messages"),
        ("by-wire", OTHER_KEY, {"input": "hi"}, "/v1/responses"),
        ("by-header", {**OTHER_KEY, "x-tier": "GOLDEN"}, {}, "/v1/messages"),
        ("by-body", OTHER_KEY, {"metadata": {"plan": "max"}}, "/v1/messages"),
        ("by-body-list", OTHER_KEY, {"messages": [{"content": "a"}, {"content": "an URGENT b"}]}, "/v1/messages"),
        ("by-stream", OTHER_KEY, {"stream": True}, "/v1/messages"),
        ("by-both", {**OTHER_KEY, "x-agent-id": "night"}, {"model": "KIMI-k2"}, "/v1/messages"),
        ("by-model", {**OTHER_KEY, "x-agent-id": "day"}, {"model": "KIMI-k2"}, "/v1/chat/completions"),
        ("by-model", OTHER_KEY, {"model": "moonshot/kimi-k3"}, "/v1/chat/completions"),
        ("by-path", OTHER_KEY, {"input": "x"}, "/v1/embeddings"),
        ("by-no-key", {}, {"model": "free-for-all"}, "/v1/messages"),
        ("by-default", OTHER_KEY, {"model": "free-for-all"}, "/v1/messages"),
        ("by-default", {**OTHER_KEY, "x-tier": "silver"}, {"stream": False}, "/v1/messages"),
        ("by-default", {}, {"model": None}, "/v1/messages"),
    ),
)
def test_each_condition_decides(
    anywhere: Upstream, each: Mitm, expected: str, headers: dict[str, str], body: dict[str, Any], path: str
) -> None:
    anywhere.forget()
    assert ask(each.port, json.dumps({"model": "m", **body}).encode(), headers, path) == 200
    assert [request.target.split("/")[1] for request in anywhere.wait_for(1)] == [expected]


def test_one_connection_goes_now_here_and_now_there(plan: Upstream, cloud: Upstream, gate: Mitm) -> None:
    plan.forget()
    cloud.forget()
    headers = {"host": "127.0.0.1", "x-api-key": KEY, "x-agent-id": "planner"}
    models = ["claude-a", "kimi-b", "claude-c", "claude-d", "kimi-e", "kimi-f", "claude-g"]
    with Client.plain(gate.port) as client:
        for model in models:
            client.request("POST", "/v1/messages", headers, json.dumps({"model": model}).encode()).read()
    assert [request.json()["model"] for request in plan.requests] == [name for name in models if name[0] == "c"]
    assert [request.json()["model"] for request in cloud.requests] == [name for name in models if name[0] == "k"]
