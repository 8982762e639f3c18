"""Every spelling of a base and of a client's path meets at one URL, seen from the provider's side of a real proxy.

The expected column is the rule of the joiner's table (a base that ends in a version or in ``/deployments/NAME`` gets
no ``/v1``, every other gets one), written out by hand for each base. The pure joiner has a property test of its own;
this one shows that nothing between the socket and the joiner (mitmproxy's parser, the gateway) spoils a target such
as ``//v1/messages``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.lab import Client, Mitm, Reply, Request, Upstream
from tests.lab.replies import any_body

if TYPE_CHECKING:
    from collections.abc import Iterator

BASES = {
    "coding": ("/coding", "/coding/v1"),
    "coding-slash": ("/coding/", "/coding/v1"),
    "coding-v1": ("/coding/v1", "/coding/v1"),
    "coding-v1-slash": ("/coding/v1/", "/coding/v1"),
    "coding-v1-v1": ("/coding/v1/v1", "/coding/v1"),
    "pasted": ("/coding/v1/messages", "/coding/v1"),
    "bare": ("", "/v1"),
    "anthropic-form": ("/anthropic", "/anthropic/v1"),
    "paas": ("/api/paas/v4", "/api/paas/v4"),
    "compatible": ("/compatible-mode/v1", "/compatible-mode/v1"),
    "deployment": ("/openai/deployments/x", "/openai/deployments/x"),
}
"""Name -> the base's path as people write it, and the path that each request must begin with."""

SPELLINGS = (
    "/messages",
    "/v1/messages",
    "/v1/v1/messages",
    "//v1/messages",
    "/v1//messages",
    "/v1/messages/",
    "/coding/v1/messages",
    "/coding/messages",
    "/coding/v1/v1/messages",
    "/anthropic/v1/messages",
    "/api/messages",
    "/api/v1/messages",
)

ENDPOINTS = (
    ("POST", "messages/count_tokens"),
    ("POST", "chat/completions"),
    ("POST", "responses"),
    ("GET", "responses/resp_1"),
    ("POST", "embeddings"),
    ("GET", "models"),
    ("GET", "models/kimi-for-coding"),
    ("GET", "models/moonshotai/kimi-k2.6"),
    ("GET", "usages"),
)


def answer(request: Request, reply: Reply) -> None:
    reply.json(200, any_body(request.path))


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream(answer) as up:
        yield up


@pytest.fixture(scope="module")
def proxy(upstream: Upstream) -> Iterator[Mitm]:
    providers = [f"  {name}: {{base_url: '{upstream.url}{base}', auth: none}}" for name, (base, _) in BASES.items()]
    routes = [f"  - {{when: {{header: {{x-to: {name}}}}}, to: {name}}}" for name in BASES]
    with Mitm("\n".join(["providers:", *providers, "routes:", *routes, ""])) as mitm:
        yield mitm


def sent(upstream: Upstream, client: Client, method: str, target: str, name: str) -> str:
    """Send a request for the provider ``name`` and give the target that the provider saw."""
    upstream.forget()
    body = json.dumps({"model": "m", "messages": []}).encode() if method == "POST" else None
    headers = {"host": "127.0.0.1", "x-to": name, "content-type": "application/json"}
    response = client.request(method, target, headers, body)
    assert response.json() == any_body(target.partition("?")[0]), response
    (request,) = upstream.wait_for(1)
    assert request.method == method
    return request.target


@pytest.mark.parametrize("name", BASES)
def test_every_spelling_of_messages_lands_on_the_one_right_url(upstream: Upstream, proxy: Mitm, name: str) -> None:
    with Client.plain(proxy.port) as client:
        seen = {path: sent(upstream, client, "POST", f"{path}?beta=true", name) for path in SPELLINGS}
    assert seen == dict.fromkeys(SPELLINGS, f"{BASES[name][1]}/messages?beta=true")


@pytest.mark.parametrize("name", BASES)
def test_every_other_endpoint_joins_the_same_way(upstream: Upstream, proxy: Mitm, name: str) -> None:
    with Client.plain(proxy.port) as client:
        seen = {
            (prefix, endpoint): sent(upstream, client, method, prefix + endpoint, name)
            for method, endpoint in ENDPOINTS
            for prefix in ("/v1/", "/v1/v1/")
        }
    assert seen == {key: f"{BASES[name][1]}/{key[1]}" for key in seen}


def test_a_query_is_kept_letter_by_letter(upstream: Upstream, proxy: Mitm) -> None:
    query = "?beta=true&x=a%2Fb+c&empty=&beta=false&caf%C3%A9"
    with Client.plain(proxy.port) as client:
        assert sent(upstream, client, "POST", f"/v1/messages{query}", "coding") == f"/coding/v1/messages{query}"


@pytest.fixture(scope="module")
def open_proxy(upstream: Upstream) -> Iterator[Mitm]:
    """Give a proxy without a rule for the upstream's host, which it may look into all the same."""
    with Mitm("listen: {intercept: [127.0.0.1]}\n", mode=(f"reverse:{upstream.url}@127.0.0.1:0",)) as mitm:
        yield mitm


@pytest.mark.parametrize(
    ("path", "expected"),
    (
        ("/x/v1/v1/messages?beta=true", "/x/v1/messages?beta=true"),
        ("/x/v1/messages", "/x/v1/messages"),
        ("/x/messages", "/x/messages"),
        ("/v1/v1/chat/completions", "/v1/chat/completions"),
        ("//v1/messages", "/v1/messages"),
        ("/x/v1/v1/elsewhere", "/x/v1/v1/elsewhere"),
        ("/v1//page", "/v1//page"),
    ),
)
def test_for_a_host_without_a_provider_only_repetitions_collapse(
    upstream: Upstream, open_proxy: Mitm, path: str, expected: str
) -> None:
    upstream.forget()
    with Client.plain(open_proxy.port) as client:
        assert client.request("POST", path, {"host": "127.0.0.1"}, b"{}").status == 200
    assert [request.target for request in upstream.wait_for(1)] == [expected]
