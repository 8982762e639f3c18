"""The Kimi stories, with the shipped rules and real host names, as a user lives them.

No rules file is named, so the product finds its own. Every connection goes through an office proxy that leads
``api.kimi.com`` and ``api.moonshot.ai`` to loopback upstreams with certificates of a CA that the machine trusts by
``SSL_CERT_FILE``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.lab import Authority, Client, Forwarder, Mitm, Reply, Request, Upstream, kimi, provider
from tests.lab.scripts import credential
from tests.lab.sdk import CLAUDE, KEY, MESSAGES, NO_ANTHROPIC_KEY, anthropic_sdk, openai_sdk

if TYPE_CHECKING:
    from collections.abc import Iterator

PLATFORM_KEY = "sk-FAKEmoonshotplatformkey"


def moonshot() -> object:
    chat, messages = provider("/v1"), provider("/anthropic/v1")

    def script(request: Request, reply: Reply) -> None:
        if credential(request).startswith("sk-kimi-"):
            reply.json(401, {"error": {"type": "invalid_authentication_error", "message": "Invalid Authentication"}})
        else:
            (messages if request.path.startswith("/anthropic") else chat)(request, reply)

    return script


@pytest.fixture(scope="module")
def coding(authority: Authority) -> Iterator[Upstream]:
    with Upstream(kimi(), tls=authority.server("api.kimi.com")) as up:
        yield up


@pytest.fixture(scope="module")
def platform(authority: Authority) -> Iterator[Upstream]:
    with Upstream(moonshot(), tls=authority.server("api.moonshot.ai")) as up:  # type: ignore[arg-type]  # a script
        yield up


@pytest.fixture(scope="module")
def office(coding: Upstream, platform: Upstream) -> Iterator[Forwarder]:
    with Forwarder({"api.kimi.com:443": coding.port, "api.moonshot.ai:443": platform.port}) as forwarder:
        yield forwarder


@pytest.fixture(scope="module")
def proxy(authority: Authority, office: Forwarder) -> Iterator[Mitm]:
    env = {"SSL_CERT_FILE": str(authority.ca), "HTTPS_PROXY": office.url, "NO_PROXY": "127.0.0.1,localhost"}
    with Mitm(env=env) as mitm:
        yield mitm


@pytest.fixture(autouse=True)
def _fresh(coding: Upstream, platform: Upstream) -> None:
    coding.forget()
    platform.forget()


@pytest.mark.parametrize("base", ("", "/v1", "/coding", "/coding/v1", "/coding/v1/"))
def test_a_coding_key_goes_to_the_coding_endpoint(proxy: Mitm, coding: Upstream, platform: Upstream, base: str) -> None:
    with (
        anthropic_sdk(proxy.gateway + base) as client,
        client.messages.stream(model="kimi-for-coding", max_tokens=9, messages=MESSAGES) as stream,
    ):
        assert stream.get_final_message().stop_reason == "end_turn"
    (request,) = coding.requests
    assert (request.target.partition("?")[0], credential(request)) == ("/coding/v1/messages", KEY)
    assert platform.requests == []


def test_any_other_moonshot_key_goes_to_the_platform(proxy: Mitm, coding: Upstream, platform: Upstream) -> None:
    with openai_sdk(f"{proxy.gateway}/v1", key=PLATFORM_KEY) as client:
        client.chat.completions.create(model="kimi-k2.6", messages=MESSAGES)
    (request,) = platform.requests
    assert (request.target, request.get("authorization")) == ("/v1/chat/completions", f"Bearer {PLATFORM_KEY}")
    assert coding.requests == []


@pytest.mark.parametrize("host", ("api.moonshot.ai", "api.kimi.com"))
def test_a_coding_key_sent_to_the_platform_is_redirected(
    proxy: Mitm, coding: Upstream, platform: Upstream, host: str
) -> None:
    path = {"api.moonshot.ai": "/v1", "api.kimi.com": "/coding/v1"}[host]
    with openai_sdk(f"https://{host}{path}", agent="KimiCLI/1.49", proxy=proxy) as client:
        assert client.chat.completions.create(model="kimi-for-coding", messages=MESSAGES).choices[0].message.content
    (request,) = coding.requests
    assert (request.target, request.sni) == ("/coding/v1/chat/completions", "api.kimi.com")
    assert request.get("host") == "api.kimi.com"
    assert platform.requests == []


@pytest.mark.parametrize(
    "base", ("https://api.kimi.com/coding", "https://api.kimi.com/coding/v1", "https://api.kimi.com/coding/v1/v1")
)
def test_a_double_v1_is_repaired_through_the_https_proxy(proxy: Mitm, coding: Upstream, base: str) -> None:
    with anthropic_sdk(base, proxy=proxy) as client:
        assert client.messages.create(model="k3", max_tokens=9, messages=MESSAGES).content
        assert client.messages.count_tokens(model="k3", messages=MESSAGES).input_tokens == 42
    assert [request.target for request in coding.requests] == [
        "/coding/v1/messages",
        "/coding/v1/messages/count_tokens",
    ]


def test_kimi_base_url_wins_over_both(
    authority: Authority, office: Forwarder, coding: Upstream, platform: Upstream
) -> None:
    with Upstream(provider("/own/v1")) as own:
        env = {
            "SSL_CERT_FILE": str(authority.ca), "HTTPS_PROXY": office.url, "KIMI_BASE_URL": f"{own.url}/own",
            "NO_PROXY": "127.0.0.1",
        }  # fmt: skip
        with Mitm(env=env) as proxy:
            for key in (KEY, PLATFORM_KEY):
                with anthropic_sdk(proxy.gateway, key=key) as client:
                    client.messages.create(model="kimi-for-coding", max_tokens=9, messages=MESSAGES)
        seen = [(request.target, credential(request)) for request in own.requests]
        assert seen == [("/own/v1/messages", KEY), ("/own/v1/messages", PLATFORM_KEY)]
    assert coding.requests == platform.requests == []


def test_no_key_at_all_goes_to_the_providers_default(
    authority: Authority, office: Forwarder, coding: Upstream, platform: Upstream
) -> None:
    env = {"SSL_CERT_FILE": str(authority.ca), "HTTPS_PROXY": office.url, "MOONSHOT_API_KEY": PLATFORM_KEY}
    with Mitm(env=env) as proxy, anthropic_sdk(proxy.gateway) as client:
        client.messages.create(model="kimi-k2.6", max_tokens=9, messages=MESSAGES, extra_headers=NO_ANTHROPIC_KEY)
    (request,) = platform.requests
    assert (request.target, credential(request)) == ("/anthropic/v1/messages", PLATFORM_KEY)
    assert coding.requests == []


def test_one_tunnel_goes_now_here_and_now_there(proxy: Mitm, coding: Upstream, platform: Upstream) -> None:
    body = b'{"model":"k3","messages":[]}'
    with Client.through(proxy.port, "api.kimi.com", ca=proxy.ca) as client:
        for key in (KEY, PLATFORM_KEY, KEY):
            headers = {"host": "api.kimi.com", "user-agent": CLAUDE, "authorization": f"Bearer {key}"}
            assert client.request("POST", "/coding/v1/chat/completions", headers, body).json()["model"] == "k3"
    assert [credential(request) for request in coding.requests] == [KEY, KEY]
    assert [(request.target, credential(request)) for request in platform.requests] == [
        ("/v1/chat/completions", PLATFORM_KEY)
    ]
