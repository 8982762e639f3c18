"""What becomes of a request's headers on the way: those of the provider, the wire, the credential and the connection.

The requests are raw, so that a header that is doubled, or left over in another letter case, shows.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Protocol

import pytest

from tests.lab import Client, Mitm, Request, Upstream, provider
from tests.lab.sdk import CLAUDE, KEY

if TYPE_CHECKING:
    from collections.abc import Iterator

RULES = """
providers:
  plain:    {{base_url: '{url}', key: client}}
  keyed:    {{base_url: '{url}', key: $LAB_KEY}}
  none:     {{base_url: '{url}', auth: none}}
  swapped:  {{base_url: '{url}', key: client, auth: {{messages: bearer, chat: x-api-key}}}}
  dressed:
    base_url: {url}
    key: client
    headers:
      User-Agent: KimiCLI/1.3
      X-Added: $LAB_VALUE
      X-Gone: null
      anthropic-beta: [{{drop: 'context-1m-*'}}]
routes:
  - {{when: {{model: dressed}}, to: dressed}}
  - {{when: {{model: keyed}}, to: keyed}}
  - {{when: {{model: none}}, to: none}}
  - {{when: {{model: swapped}}, to: swapped}}
default: plain
edits:
  - {{when: {{model: dressed}}, headers: {{X-Last: edit}}}}
"""

HOST = ("Host", "127.0.0.1")
UPSTREAM_KEY = "sk-kimi-FAKE-of-the-rules"


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream(provider()) as up:
        yield up


@pytest.fixture(scope="module")
def proxy(upstream: Upstream) -> Iterator[Mitm]:
    env = {"LAB_KEY": UPSTREAM_KEY, "LAB_VALUE": "from-the-environment"}
    with Mitm(RULES.format(url=upstream.url), env=env) as mitm:
        yield mitm


class Send(Protocol):
    """Send headers for a model and give the request that the provider saw."""

    def __call__(self, *headers: tuple[str, str], model: str = "m", wire: str = "messages") -> Request: ...


@pytest.fixture
def send(upstream: Upstream, proxy: Mitm) -> Send:
    def sender(*headers: tuple[str, str], model: str = "m", wire: str = "messages") -> Request:
        upstream.forget()
        path = {"messages": "/v1/messages", "chat": "/v1/chat/completions", "responses": "/v1/responses"}[wire]
        body = json.dumps({"model": model, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 9}).encode()
        with Client.plain(proxy.port) as client:
            response = client.request("POST", path, [HOST, ("Content-Type", "application/json"), *headers], body)
            assert response.status == 200, response.read()
            response.read()
        return upstream.wait_for(1)[0]

    return sender


BEARER = ("Authorization", f"Bearer {KEY}")
X_API_KEY = ("X-Api-Key", KEY)


@pytest.mark.parametrize(
    ("model", "wire", "brought", "name", "value"),
    (
        ("m", "messages", BEARER, "x-api-key", KEY),
        ("m", "messages", X_API_KEY, "x-api-key", KEY),
        ("m", "chat", BEARER, "authorization", f"Bearer {KEY}"),
        ("m", "chat", X_API_KEY, "authorization", f"Bearer {KEY}"),
        ("m", "responses", X_API_KEY, "authorization", f"Bearer {KEY}"),
        ("swapped", "messages", X_API_KEY, "authorization", f"Bearer {KEY}"),
        ("swapped", "chat", BEARER, "x-api-key", KEY),
        ("keyed", "messages", BEARER, "x-api-key", UPSTREAM_KEY),
        ("keyed", "chat", X_API_KEY, "authorization", f"Bearer {UPSTREAM_KEY}"),
        ("none", "messages", BEARER, None, None),
        ("none", "chat", X_API_KEY, None, None),
    ),
)
def test_the_credential_travels_as_the_upstream_wire_wants_it(
    send: Send,
    model: str,
    wire: str,
    brought: tuple[str, str],
    name: str | None,
    value: str | None,
) -> None:
    request = send(brought, model=model, wire=wire)
    carried = {key: request.get(key) for key in ("authorization", "x-api-key") if request.all(key)}
    assert carried == ({name: value} if name else {})


def test_both_spellings_of_a_credential_become_one(send: Send) -> None:
    request = send(BEARER, X_API_KEY, wire="messages")
    assert (request.get("x-api-key"), request.all("authorization")) == (KEY, [])


@pytest.mark.parametrize(("given", "expected"), ((None, "2023-06-01"), ("2099-01-01", "2099-01-01")))
def test_anthropic_version_is_supplied_only_where_it_is_missing(send: Send, given: str | None, expected: str) -> None:
    request = send(X_API_KEY, *([("Anthropic-Version", given)] if given else []))
    assert request.get("anthropic-version") == expected


def test_anthropic_version_is_no_business_of_the_chat_wire(send: Send) -> None:
    assert send(BEARER, wire="chat").all("anthropic-version") == []


def test_the_clients_own_user_agent_is_forwarded(send: Send) -> None:
    assert send(BEARER, ("User-Agent", CLAUDE)).all("user-agent") == [CLAUDE]


def test_without_a_user_agent_none_is_invented(send: Send) -> None:
    assert send(BEARER).all("user-agent") == []


@pytest.mark.parametrize("spelling", ("User-Agent", "user-agent", "USER-AGENT", "uSeR-aGeNt"))
def test_a_header_is_replaced_once_whatever_its_letter_case(send: Send, spelling: str) -> None:
    assert send(BEARER, (spelling, CLAUDE), model="dressed").all("user-agent") == ["KimiCLI/1.3"]


def test_headers_are_set_removed_and_thinned(send: Send) -> None:
    beta = "claude-code-20250219, context-1m-2025-08-07,effort-2025-11-24"
    request = send(
        BEARER,
        ("x-gone", "1"),
        ("X-GONE", "2"),
        ("anthropic-beta", beta),
        ("x-kept", "1"),
        ("X-Last", "client"),
        model="dressed",
    )
    assert request.get("x-added") == "from-the-environment"
    assert request.all("x-gone") == []
    items = [item.strip() for item in (request.get("anthropic-beta") or "").split(",")]
    assert items == ["claude-code-20250219", "effort-2025-11-24"]
    assert request.get("x-kept") == "1"
    assert request.all("x-last") == ["edit"]


def test_a_list_that_loses_its_last_item_goes_altogether(send: Send) -> None:
    request = send(BEARER, ("Anthropic-Beta", "context-1m-2025-08-07"), model="dressed")
    assert request.all("anthropic-beta") == []


def test_hop_by_hop_headers_stay_behind_and_host_is_the_upstreams(send: Send, upstream: Upstream) -> None:
    request = send(
        BEARER,
        ("Connection", "keep-alive, X-Hop"),
        ("X-Hop", "1"),
        ("Keep-Alive", "timeout=5"),
        ("Proxy-Authorization", "Basic Zm9vOmJhcg=="),
        ("Proxy-Connection", "keep-alive"),
        ("TE", "trailers"),
        ("X-End-To-End", "1"),
    )
    assert request.get("host") == f"127.0.0.1:{upstream.port}"
    names = {name.lower() for name, _ in request.headers}
    assert names.isdisjoint({"x-hop", "keep-alive", "proxy-authorization", "proxy-connection", "te"})
    assert request.get("x-end-to-end") == "1"


def test_cookies_for_us_are_not_for_the_provider(send: Send) -> None:
    assert send(BEARER, ("Cookie", "session=FAKE")).all("cookie") == []
