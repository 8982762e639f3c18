"""Keys stay home (G11): a client's own credential goes to the host it addressed or to its vendor's, and nowhere else.

The gateway is addressed by nobody's host, so each provider here is a stranger to the client's key. Wherever a client
may have put one (headers of either spelling, the query), it must not arrive there, unless the rules say ``key:
client``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.lab import Authority, Client, Forwarder, Mitm, Reply, Request, Upstream
from tests.lab.replies import any_body

if TYPE_CHECKING:
    from collections.abc import Iterator

RULES = """
providers:
  stranger: {{base_url: '{url}'}}
  keyed:    {{base_url: '{url}', key: $LAB_KEY}}
  trusted:  {{base_url: '{url}', key: client}}
routes:
  - {{when: {{model: stranger}}, to: stranger}}
  - {{when: {{model: keyed}}, to: keyed}}
  - {{when: {{model: trusted}}, to: trusted}}
  - {{when: {{model: claude-*}}, to: anthropic}}
"""
OWN = "sk-ant-FAKE-of-the-client"
RULES_KEY = "sk-FAKE-of-the-rules"


def answer(request: Request, reply: Reply) -> None:
    reply.json(200, any_body(request.path))


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream(answer) as up:
        yield up


@pytest.fixture(scope="module")
def vendor(authority: Authority) -> Iterator[Upstream]:
    with Upstream(answer, tls=authority.server("api.anthropic.com")) as up:
        yield up


@pytest.fixture(scope="module")
def proxy(upstream: Upstream, vendor: Upstream, authority: Authority) -> Iterator[Mitm]:
    with Forwarder({"api.anthropic.com:443": vendor.port}) as office:
        env = {
            "LAB_KEY": RULES_KEY,
            "ANTHROPIC_API_KEY": "sk-ant-FAKE-of-the-environment",
            "SSL_CERT_FILE": str(authority.ca),
            "HTTPS_PROXY": office.url,
        }
        with Mitm(RULES.format(url=upstream.url), env=env) as mitm:
            yield mitm


def sent(seen: Upstream, proxy: Mitm, model: str, *headers: tuple[str, str], query: str = "") -> Request:
    seen.forget()
    with Client.plain(proxy.port) as client:
        pairs = [("host", "127.0.0.1"), *headers]
        response = client.request("POST", f"/v1/messages{query}", pairs, b'{"model":"%s"}' % model.encode())
        assert response.json() == any_body("/v1/messages")
    return seen.wait_for(1)[0]


CARRIERS = (
    ("x-api-key", OWN),
    ("X-API-Key", OWN),
    ("authorization", f"Bearer {OWN}"),
    ("Authorization", f"bearer   {OWN}"),
    ("api-key", OWN),
    ("x-goog-api-key", OWN),
    ("x-auth-token", OWN),
    ("proxy-authorization", f"Basic {OWN}"),
    ("cookie", f"session={OWN}"),
)


@pytest.mark.parametrize("carrier", CARRIERS, ids=lambda pair: pair[0])
@pytest.mark.parametrize("model", ("stranger", "keyed"))
def test_a_stranger_does_not_get_the_clients_key(
    upstream: Upstream, proxy: Mitm, model: str, carrier: tuple[str, str]
) -> None:
    request = sent(upstream, proxy, model, carrier)
    assert OWN not in repr(request)
    carried = [value for name in ("x-api-key", "authorization") for value in request.all(name)]
    assert carried == ([RULES_KEY] if model == "keyed" else [])


@pytest.mark.parametrize("name", ("key", "api_key", "access_token"))
def test_a_key_in_the_query_stays_behind_and_the_rest_of_the_query_goes(
    upstream: Upstream, proxy: Mitm, name: str
) -> None:
    request = sent(upstream, proxy, "stranger", query=f"?beta=true&{name}={OWN}&x=1")
    assert request.target == "/v1/messages?beta=true&x=1"


def test_it_is_said_once_that_a_key_was_withheld_and_what_to_write(upstream: Upstream, proxy: Mitm) -> None:
    for _ in range(2):
        sent(upstream, proxy, "stranger", ("x-api-key", OWN))
    told = proxy.wait_log(r".*sk-ant-….*is not sent to 127\.0\.0\.1.*").group()
    assert "key: client" in told
    assert proxy.log().count(told[-60:]) == 1


def test_the_rules_may_pass_it_on(upstream: Upstream, proxy: Mitm) -> None:
    assert sent(upstream, proxy, "trusted", ("authorization", f"Bearer {OWN}")).get("x-api-key") == OWN


def test_its_own_vendor_gets_it(vendor: Upstream, proxy: Mitm) -> None:
    request = sent(vendor, proxy, "claude-opus-4-6", ("x-api-key", OWN))
    assert (request.sni, request.get("x-api-key")) == ("api.anthropic.com", OWN)


@pytest.mark.parametrize("key", ("sk-kimi-FAKE", "sk-FAKE"))
def test_another_vendor_gets_what_the_environment_has_for_it(vendor: Upstream, proxy: Mitm, key: str) -> None:
    request = sent(vendor, proxy, "claude-opus-4-6", ("x-api-key", key))
    assert request.get("x-api-key") == "sk-ant-FAKE-of-the-environment"
