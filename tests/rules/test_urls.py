"""One joiner owns ``/v1``: every base that people write with every path that clients send lands on the one right URL.

The oracle is two tables written down by hand and nothing else: the prefix that requests to a base must begin with,
and the endpoint that a client's path means. What is right for a pair is prefix, endpoint, query. docs/urls.md tells
the same tables to people, and is held to them here.
"""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rules.kit import decided, resolved
from wiremend.rules.urls import Destination, authority, collapse, join, parse_base, query_credentials, split_path

HOST = "https://api.example.com"

BASES: dict[str, str] = {
    # base as written -> what every request's path begins with
    "": "/v1",
    "/": "/v1",
    "/v1": "/v1",
    "/v1/": "/v1",
    "/v1/v1": "/v1",
    "//v1": "/v1",
    "/coding": "/coding/v1",
    "/coding/": "/coding/v1",
    "/coding/v1": "/coding/v1",
    "/coding/v1/": "/coding/v1",
    "/coding/v1/v1": "/coding/v1",
    "/coding//v1": "/coding/v1",
    "/anthropic": "/anthropic/v1",
    "/anthropic/": "/anthropic/v1",
    "/anthropic/v1": "/anthropic/v1",
    "/api/paas/v4": "/api/paas/v4",
    "/api/paas/v4/": "/api/paas/v4",
    "/api/coding/paas/v4": "/api/coding/paas/v4",
    "/compatible-mode/v1": "/compatible-mode/v1",
    "/compatible-mode": "/compatible-mode/v1",
    "/openai/deployments/x": "/openai/deployments/x",
    "/openai/deployments/x/": "/openai/deployments/x",
    "/openai/v1": "/openai/v1",
    "/v1beta": "/v1beta",
    "/v1beta/openai": "/v1beta/openai/v1",
    # meant as it is written
    "/v1beta/openai#": "/v1beta/openai",
    "/v1/account/gateway/compat#": "/v1/account/gateway/compat",
    "/#": "",
    "#": "",
    "/v1#": "/v1",
    "/x/chat/completions#": "/x",
    "/api/v1": "/api/v1",
    "/api": "/api/v1",
    # the whole endpoint pasted in
    "/v1/messages": "/v1",
    "/coding/v1/chat/completions": "/coding/v1",
    "/api/paas/v4/chat/completions/": "/api/paas/v4",
    "/openai/deployments/x/chat/completions": "/openai/deployments/x",
    "/coding/v1/messages/count_tokens": "/coding/v1",
}

ENDPOINTS = (
    "messages",
    "messages/count_tokens",
    "chat/completions",
    "responses",
    "responses/resp_1",
    "responses/resp_1/cancel",
    "models",
    "models/kimi-k2.6",
    "models/moonshotai/kimi-k2.6",
    "embeddings",
    "completions",
)

SPELLINGS = (
    "/{}",
    "/v1/{}",
    "/v1/v1/{}",
    "/v1/v1/v1/{}",
    "//v1/{}",
    "/v1//{}",
    "//{}",
    "/{}/",
    "/v1/{}/",
    "/coding/v1/{}",
    "/coding/{}",
    "/coding/v1/v1/{}",
    "/anthropic/v1/{}",
    "/api/{}",
    "/api/v1/{}",
    "/api/paas/v4/{}",
    "/openai/deployments/x/{}",
    "/v1/v4/{}",
)

QUERIES = ("", "?beta=true", "?a=b%20c&d&e=/v1/v1/messages")

FOREIGN = tuple(parse_base(HOST + base) for base in ("/coding/v1", "/anthropic", "/api/v1", "/api/paas/v4"))


@pytest.mark.parametrize("base", BASES, ids=lambda base: base or "(no path)")
def test_every_pair_lands_on_the_one_right_url(base: str) -> None:
    wrong = []
    for endpoint, spelling, query in itertools.product(ENDPOINTS, SPELLINGS, QUERIES):
        target = spelling.format(endpoint) + query
        got = join(parse_base(HOST + base), target, FOREIGN).url
        right = f"{HOST}{BASES[base]}/{endpoint}{query}"
        if got != right:
            wrong.append(f"{target}: {got}, not {right}")
    assert not wrong


@given(st.sampled_from(sorted(BASES)), st.sampled_from(ENDPOINTS), st.sampled_from(SPELLINGS), st.sampled_from(QUERIES))
def test_joining_again_changes_nothing(base: str, endpoint: str, spelling: str, query: str) -> None:
    parsed = parse_base(HOST + base)
    once = join(parsed, spelling.format(endpoint) + query, FOREIGN)
    assert join(parsed, once.path, FOREIGN) == once


@pytest.mark.parametrize(
    ("base", "target", "url"),
    (
        # what is no endpoint of ours is joined in the same way
        ("/coding/v1", "/usages", "/coding/v1/usages"),
        ("/coding/v1", "/v1/usages", "/coding/v1/usages"),
        ("/coding/v1", "/v1/v1/usages", "/coding/v1/usages"),
        ("/coding/v1", "/coding/v1/usages", "/coding/v1/usages"),
        ("/coding/v1", "/coding/usages?page=2", "/coding/v1/usages?page=2"),
        ("/v1", "/coding/v1/usages", "/v1/usages"),
        ("/coding", "/v1/files/", "/coding/v1/files/"),
        ("", "/v1/files/file-1/content", "/v1/files/file-1/content"),
        ("/api/paas/v4", "/v1/images/generations", "/api/paas/v4/images/generations"),
        ("/openai/deployments/x", "/v1/audio/speech", "/openai/deployments/x/audio/speech"),
        ("/v1", "/api/tags", "/v1/api/tags"),  # somebody's prefix is believed with a version behind it only
        ("/coding/v1", "/", "/coding/v1"),
        ("/coding/v1", "/coding", "/coding/v1"),
        ("/coding/v1", "/codingx/v1/usages", "/coding/v1/codingx/v1/usages"),
        # ids are free
        ("/coding/v1", "/v1/models/v1", "/coding/v1/models/v1"),
        ("/coding/v1", "/v1/responses/resp_1/input_items?limit=2", "/coding/v1/responses/resp_1/input_items?limit=2"),
        # bases whose own path has an endpoint's name in it
        ("/models/org/name", "/v1/chat/completions", "/models/org/name/v1/chat/completions"),
        ("/models/org/name/v1", "/v1/chat/completions", "/models/org/name/v1/chat/completions"),
        ("/responses-proxy/v1", "/v1/responses", "/responses-proxy/v1/responses"),
    ),
)
def test_paths_beside_the_table(base: str, target: str, url: str) -> None:
    assert join(parse_base(HOST + base), target, FOREIGN).url == HOST + url


@given(
    st.sampled_from(sorted(BASES)),
    st.lists(st.sampled_from(("v1", "v4", "coding", "api", "files", "x", "", "messages", "models")), max_size=6),
    st.booleans(),
)
def test_any_path_is_joined_once_and_for_all(base: str, parts: list[str], slash: bool) -> None:  # noqa: FBT001 - drawn
    parsed = parse_base(HOST + base)
    target = "/" + "/".join(parts) + ("/" if slash else "")
    once = join(parsed, target, FOREIGN)
    assert once.path.startswith(BASES[base])
    assert "//" not in once.path
    assert join(parsed, once.path, FOREIGN) == once


@pytest.mark.parametrize(
    ("base", "target", "query"),
    (
        ("?api-version=2026-01-01", "/chat/completions", "?api-version=2026-01-01"),
        ("?api-version=1", "/chat/completions?beta=true", "?api-version=1&beta=true"),
        ("?api-version=1&x=2", "/chat/completions?x=3", "?api-version=1&x=3"),
        ("?x=a%20b", "/chat/completions?y=c%20d", "?x=a%20b&y=c%20d"),
        ("?flag", "/chat/completions?y", "?flag&y"),
        ("", "/chat/completions?", ""),
        ("?x=1", "/chat/completions?x=", "?x="),
    ),
)
def test_queries_are_merged_and_the_clients_wins(base: str, target: str, query: str) -> None:
    assert split_path(join(parse_base(f"{HOST}/v1{base}"), target).path)[1] == query.removeprefix("?")


@pytest.mark.parametrize(
    ("url", "scheme", "host", "port", "text"),
    (
        ("https://API.Kimi.com/coding", "https", "api.kimi.com", 443, "https://api.kimi.com/coding/v1"),
        ("http://127.0.0.1:8000", "http", "127.0.0.1", 8000, "http://127.0.0.1:8000/v1"),
        ("https://h.example:443/v1", "https", "h.example", 443, "https://h.example/v1"),
        ("http://h.example:443/v1", "http", "h.example", 443, "http://h.example:443/v1"),
        ("http://[::1]:11434/v1", "http", "::1", 11434, "http://[::1]:11434/v1"),
    ),
)
def test_a_base_is_taken_apart(url: str, scheme: str, host: str, port: int, text: str) -> None:
    base = parse_base(url)
    assert (base.scheme, base.host, base.port, base.text) == (scheme, host, port, text)


@pytest.mark.parametrize("url", ("", "api.example.com/v1", "ftp://h/v1", "https:///v1", "/v1"))
def test_what_is_no_base(url: str) -> None:
    with pytest.raises(ValueError, match="http"):
        parse_base(url)


@pytest.mark.parametrize(
    ("scheme", "host", "port", "said"),
    (
        ("https", "h", 443, "h"),
        ("http", "h", 80, "h"),
        ("https", "h", 80, "h:80"),
        ("http", "::1", 8080, "[::1]:8080"),
        ("https", "::1", 443, "[::1]"),
    ),
)
def test_an_authority_names_the_port_where_it_must(scheme: str, host: str, port: int, said: str) -> None:
    assert authority(scheme, host, port) == said
    assert Destination(scheme, host, port, "/x").url == f"{scheme}://{said}/x"


# --- hosts without a provider -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "collapsed"),
    (
        ("/x/v1/v1/messages", "/x/v1/messages"),
        ("/x/v1/v1/messages?beta=true", "/x/v1/messages?beta=true"),
        ("/v1/v1/v1/chat/completions", "/v1/chat/completions"),
        ("//v1/messages", "/v1/messages"),
        ("/v1//messages", "/v1/messages"),
        ("/v1/messages/v1/messages", "/v1/messages"),
        ("/x/v1/chat/completions/chat/completions", "/x/v1/chat/completions"),
        ("/v1/chat/completions/v1/chat/completions/v1/chat/completions", "/v1/chat/completions"),
        ("/v1/v1/models/a/b", "/v1/models/a/b"),
        ("/v1/v1/responses/resp_1/cancel", "/v1/responses/resp_1/cancel"),
        ("/v1/v1/messages/", "/v1/messages/"),
        # nothing is repeated, so nothing is known to be wrong
        ("/messages", "/messages"),
        ("/v1/messages?x=/v1/v1/messages", "/v1/messages?x=/v1/v1/messages"),
        ("/v4/v1/messages", "/v4/v1/messages"),
        ("/api/api/v1/messages", "/api/api/v1/messages"),
        ("/v1/models/v1", "/v1/models/v1"),
        # no endpoint of ours, so none of our business
        ("/v1/v1/things", "/v1/v1/things"),
        ("//git//refs", "//git//refs"),
        ("/", "/"),
    ),
)
def test_only_repetitions_collapse(target: str, collapsed: str) -> None:
    assert collapse(target) == collapsed
    assert collapse(collapsed) == collapsed


@given(
    st.lists(
        st.sampled_from(("v1", "V1", "v4", "x", "", "messages", "models", "responses", "chat", "completions")),
        max_size=8,
    ),
    st.sampled_from(QUERIES),
)
def test_collapsing_again_changes_nothing(parts: list[str], query: str) -> None:
    once = collapse("/" + "/".join(parts) + query)
    assert collapse(once) == once
    assert split_path(once)[1] == query.removeprefix("?")


# --- and where a request is decided -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "target", "url"),
    (
        # the client addressed a provider's host: repaired as that provider has it
        ("api.kimi.com", "/coding/v1/v1/chat/completions", "https://api.kimi.com/coding/v1/chat/completions"),
        ("api.kimi.com", "/coding/v1/v1/messages?beta=true", "https://api.kimi.com/coding/v1/messages?beta=true"),
        ("api.kimi.com", "/coding/chat/completions", "https://api.kimi.com/coding/v1/chat/completions"),
        ("api.moonshot.ai", "/anthropic/v1/v1/messages", "https://api.moonshot.ai/anthropic/v1/messages"),
        ("api.moonshot.ai", "/v1/v1/chat/completions", "https://api.moonshot.ai/v1/chat/completions"),
        ("api.openai.com", "/v1/v1/responses", "https://api.openai.com/v1/responses"),
        ("api.openai.com", "/v1/responses/resp_1", "https://api.openai.com/v1/responses/resp_1"),
        ("openrouter.ai", "/api/v1/v1/chat/completions", "https://openrouter.ai/api/v1/chat/completions"),
        ("api.z.ai", "/api/coding/paas/v4/chat/completions", "https://api.z.ai/api/coding/paas/v4/chat/completions"),
        ("api.z.ai", "/api/anthropic/v1/v1/messages", "https://api.z.ai/api/anthropic/v1/messages"),
        # another product of the same host, by a path of its own: the client knows better than we
        ("api.z.ai", "/api/paas/v4/chat/completions", "https://api.z.ai/api/paas/v4/chat/completions"),
        ("api.deepseek.com", "/beta/chat/completions", "https://api.deepseek.com/beta/chat/completions"),
        ("api.deepseek.com", "/beta/v1/v1/chat/completions", "https://api.deepseek.com/beta/v1/chat/completions"),
        # a host that nobody knows
        ("llm.work.example", "/x/v1/v1/messages", "https://llm.work.example/x/v1/messages"),
        ("llm.work.example", "/messages", "https://llm.work.example/messages"),
    ),
)
def test_a_request_to_a_host_of_the_clients_own_choice(host: str, target: str, url: str) -> None:
    decision = decided(resolved("version: 1"), host=host, target=target, headers={"Authorization": "Bearer FAKE"})
    got = decision.destination.url if decision.destination else f"https://{host}{decision.target}"
    assert got == url


# --- the page for people ----------------------------------------------------------------------------------------------


def test_docs_urls_tells_the_same() -> None:
    """Each line ``| base | path | URL |`` of the page with a client's path in it is an example that must hold."""
    page = (Path(__file__).parents[2] / "docs" / "urls.md").read_text("utf-8")
    rows = re.findall(r"^\| `(https?://[^`]+)` \| `(/[^`]*)` \| `(https?://[^`]+)` \|$", page, re.MULTILINE)
    assert len(rows) >= 12
    for base, target, url in rows:
        assert join(parse_base(base), target, FOREIGN).url == url
    collapsed = re.findall(r"^\| `(/[^`]+)` \| `(/[^`]+)` \|$", page, re.MULTILINE)
    assert len(collapsed) >= 4
    for target, right in collapsed:
        assert collapse(target) == right


@pytest.mark.parametrize(
    ("target", "found"),
    (
        ("/v1/messages", ()),
        ("/v1/messages?beta=true", ()),
        ("/v1/messages?beta=true&key=FAKE-1", ("FAKE-1",)),
        ("/v1?KEY=a%2Bb&x=1&api_key=c", ("a+b", "a%2Bb", "c")),
        ("/v1?key=", ()),
    ),
)
def test_the_credentials_of_a_query_are_known_decoded_and_as_they_stand(target: str, found: tuple[str, ...]) -> None:
    assert query_credentials(target) == found
