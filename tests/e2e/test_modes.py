"""Modes that a user gives mitmproxy: a reverse mode whose host is dead, several at once; the machine's own proxy.

With mitmproxy's eager connections a reverse mode to a dead host drops the client before any hook has run; under
Wiremend the destination is decided per request, so the mode's own host need not live.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from tests.lab import Client, Forwarder, Mitm, Upstream, provider
from tests.lab.http1 import DEADLINE
from tests.lab.sdk import KEY, MESSAGES, anthropic_sdk, openai_sdk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab import Authority

RULES = """
providers: {{lab: {{base_url: '{url}', key: client}}}}
routes: [{{when: {{model: lab-*}}, to: lab}}]
"""


def free_port() -> int:
    """Give a port of this machine on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


dead = pytest.fixture(scope="module")(free_port)


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream(provider()) as up:
        yield up


@pytest.mark.parametrize("scheme", ("http", "https"))
def test_a_gateway_whose_mode_names_a_dead_host_still_works(upstream: Upstream, dead: int, scheme: str) -> None:
    modes = (f"reverse:{scheme}://127.0.0.1:{dead}@127.0.0.1:0",)
    with Mitm(RULES.format(url=upstream.url), mode=modes) as proxy:
        with anthropic_sdk(f"{proxy.gateway}/v1") as client:
            assert client.messages.create(model="lab-model", max_tokens=9, messages=MESSAGES).stop_reason == "end_turn"
            with client.messages.stream(model="lab-model", max_tokens=9, messages=MESSAGES) as stream:
                assert stream.get_final_message().stop_reason == "end_turn"
        with Client.plain(proxy.port) as raw:  # what no route takes goes to the mode's own host, which is dead
            response = raw.request(
                "POST", "/v1/messages", {"host": "127.0.0.1", "x-api-key": KEY}, b'{"model":"other"}'
            )
            assert response.status == 502


def test_several_modes_at_once(upstream: Upstream, dead: int) -> None:
    modes = ("regular@127.0.0.1:0", f"reverse:http://127.0.0.1:{dead}@127.0.0.1:{free_port()}")
    with Mitm(RULES.format(url=upstream.url), mode=modes) as proxy:
        ports = [address[1] for address in proxy.ready["addresses"]]
        assert len(ports) == 2
        for port in ports:
            with openai_sdk(f"http://127.0.0.1:{port}/v1") as client:
                assert (
                    client.chat.completions.create(model="lab-x", messages=MESSAGES).choices[0].finish_reason == "stop"
                )


def test_plain_http_through_the_proxy_is_a_proxy_request(upstream: Upstream, dead: int) -> None:
    """Absolute form names its destination: a provider's host is looked after, also without TLS."""
    with Mitm(RULES.format(url=upstream.url)) as proxy, Client.plain(proxy.port) as client:
        upstream.forget()
        headers = {"host": f"127.0.0.1:{dead}", "x-api-key": KEY}
        url = f"http://127.0.0.1:{dead}/v1/v1/messages"
        response = client.request("POST", url, headers, b'{"model":"lab-m","messages":[]}')
        assert response.status == 200
        response.read()
        assert upstream.wait_for(1)[0].target == "/v1/messages"


@pytest.mark.parametrize("variable", ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"))
def test_the_machines_own_proxy_is_used_by_the_gateway(authority: Authority, variable: str) -> None:
    with (
        Upstream(provider(), tls=authority.server("lab.example")) as up,
        Forwarder({"lab.example:443": up.port}) as office,
    ):
        env = {"SSL_CERT_FILE": str(authority.ca), variable: office.url.replace("http://", "http://user:p%40ss@")}
        with Mitm(RULES.format(url="https://lab.example"), env=env) as proxy, anthropic_sdk(proxy.gateway) as client:
            for _ in range(2):
                assert client.messages.create(model="lab-model", max_tokens=9, messages=MESSAGES).content
        assert set(office.asked) == {"lab.example:443"}
        credentials = [
            value for _, headers in office.heads for name, value in headers if name.lower() == "proxy-authorization"
        ]
        assert set(credentials) == {"Basic dXNlcjpwQHNz"}  # user:p@ss
        for request in up.requests:
            assert request.all("proxy-authorization") == []


def test_no_proxy_goes_straight(authority: Authority) -> None:
    with Upstream(provider(), tls=authority.server("localhost")) as up, Forwarder({}) as office:
        env = {"SSL_CERT_FILE": str(authority.ca), "HTTPS_PROXY": office.url, "NO_PROXY": "localhost"}
        with Mitm(RULES.format(url=up.url), env=env) as proxy, anthropic_sdk(proxy.gateway) as client:
            assert client.messages.create(model="lab-model", max_tokens=9, messages=MESSAGES).content
        assert office.heads == []


def test_an_office_proxy_that_refuses_is_an_error_and_no_hang(authority: Authority) -> None:
    with Forwarder({}) as office:
        env = {"SSL_CERT_FILE": str(authority.ca), "HTTPS_PROXY": office.url}
        with Mitm(RULES.format(url="https://nowhere.example"), env=env) as proxy, Client.plain(proxy.port) as client:
            response = client.request(
                "POST", "/v1/messages", {"host": "127.0.0.1", "x-api-key": KEY}, b'{"model":"lab-m","messages":[]}'
            )
            assert response.status == 502


def test_a_provider_that_is_ourselves_is_refused(upstream: Upstream) -> None:
    """Asked after the start, when the port is known: the request does not go round."""
    with Mitm(RULES.format(url=upstream.url)) as proxy:
        proxy.write_rules(RULES.format(url=proxy.gateway))
        proxy.wait_log("rules reloaded")
        with Client.plain(proxy.port) as client:
            response = client.request(
                "POST", "/v1/messages", {"host": "127.0.0.1", "x-api-key": KEY}, b'{"model":"lab-m","messages":[]}'
            )
            assert response.status == 508
            assert "lab" in (message := response.json()["error"]["message"])
            assert "itself" in message


@pytest.mark.parametrize("host", ("evil.example", "127.0.0.1.evil.example"))
def test_a_reverse_mode_is_a_gateway_too_and_refuses_a_foreign_host(upstream: Upstream, dead: int, host: str) -> None:
    """A page that rebinds its own name to 127.0.0.1 sends no Origin with GET; the Host is all that gives it away."""
    rules = f"providers: {{lab: {{base_url: '{upstream.url}', key: $LAB_KEY}}}}\ndefault: lab\n"
    with Mitm(rules, mode=(f"reverse:http://127.0.0.1:{dead}@127.0.0.1:0",), env={"LAB_KEY": "sk-FAKE"}) as proxy:
        upstream.forget()
        with Client.plain(proxy.port) as client:
            assert client.request("GET", "/v1/models", {"host": f"{host}:{proxy.port}"}).status == 403
        assert upstream.requests == []


def test_switched_off_it_is_as_if_it_were_not_there(upstream: Upstream) -> None:
    with Mitm(RULES.format(url=upstream.url), options={"wiremend_enabled": False}) as proxy:
        headers = {"host": "127.0.0.1", "x-api-key": KEY}
        body = b'{"model":"lab/lab-m","messages":[]}'
        with Client.plain(proxy.port) as client:
            upstream.forget()
            assert client.request("POST", f"{upstream.url}/v1/messages", headers, body).status == 200
            assert upstream.wait_for(1)[0].body == body
        with Client.plain(proxy.port) as client:
            response = client.request("POST", "/v1/messages", headers, body)
            assert response.status >= 500
            assert "wiremend_enabled" in response.json()["error"]["message"]


def test_it_ends_when_the_process_that_started_it_is_another() -> None:
    with Mitm() as kept, Mitm(options={"wiremend_parent": 1}) as orphan:
        assert orphan.process.wait(DEADLINE) == 0
        assert kept.process.poll() is None
