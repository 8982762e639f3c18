"""Who may speak to the gateway: programs of this machine, by this machine's names, and no web page.

A browser on this machine can be made to send requests to any local port; what it cannot forge is ``Host`` (DNS
rebinding) and ``Origin``. Both are looked at before a key could be spent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.lab import Client, Mitm, Upstream, provider
from tests.lab.sdk import KEY

if TYPE_CHECKING:
    from collections.abc import Iterator

BODY = b'{"model":"m","messages":[]}'


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream(provider()) as up:
        yield up


@pytest.fixture(scope="module")
def proxy(upstream: Upstream) -> Iterator[Mitm]:
    with Mitm(f"providers: {{lab: {{base_url: '{upstream.url}', key: client}}}}\ndefault: lab\n") as mitm:
        yield mitm


def status(proxy: Mitm, host: str, *headers: tuple[str, str], path: str = "/v1/messages") -> int:
    with Client.plain(proxy.port) as client:
        response = client.request("POST", path, [("Host", host), ("x-api-key", KEY), *headers], BODY)
        response.read()
        return response.status


@pytest.mark.parametrize(
    "host", ("localhost", "127.0.0.1", "[::1]", "LOCALHOST", "localhost:{port}", "127.0.0.1:{port}")
)
def test_this_machines_own_names_are_served(proxy: Mitm, host: str) -> None:
    assert status(proxy, host.format(port=proxy.port)) == 200


@pytest.mark.parametrize(
    "host",
    (
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.nip.example",
        "192.0.2.1",
        "api.kimi.com",
        "evil@localhost.x",
        "",
    ),
)
def test_a_foreign_host_is_refused(proxy: Mitm, upstream: Upstream, host: str) -> None:
    upstream.forget()
    assert status(proxy, host) in {400, 403}
    assert upstream.requests == []


@pytest.mark.parametrize(
    ("origin", "expected"),
    (
        ("https://evil.example", 403),
        ("http://localhost.evil.example", 403),
        ("null", 403),
        ("file://", 403),
        ("http://localhost:3000", 200),
        ("http://127.0.0.1", 200),
    ),
)
def test_a_foreign_web_page_is_refused(proxy: Mitm, upstream: Upstream, origin: str, expected: int) -> None:
    upstream.forget()
    assert status(proxy, "127.0.0.1", ("Origin", origin)) == expected
    assert len(upstream.requests) == (expected == 200)


@pytest.mark.parametrize("path", ("/v1/messages", "/v1/chat/completions", "/"))
def test_the_refusal_speaks_the_wires_own_error(proxy: Mitm, path: str) -> None:
    with Client.plain(proxy.port) as client:
        response = client.request("POST", path, {"Host": "evil.example", "x-api-key": KEY}, BODY)
        assert (response.status, response.get("content-type")) == (403, "application/json")
        error = response.json()
        assert "evil.example" in error["error"]["message"]
        if path == "/v1/messages":
            assert (error["type"], error["error"]["type"]) == ("error", "permission_error")


def test_a_preflight_of_a_foreign_page_gets_no_permission(proxy: Mitm) -> None:
    with Client.plain(proxy.port) as client:
        headers = {"Host": "127.0.0.1", "Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
        response = client.request("OPTIONS", "/v1/messages", headers)
        assert response.status == 403
        assert response.get("access-control-allow-origin") is None


@pytest.mark.parametrize(
    "opening",
    (b"P", b"PO", b"POST", b"POST ", b"POST /v1/mess", b"POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1\r\nx-api-"),
)
def test_a_request_that_comes_in_pieces_is_one_request(proxy: Mitm, upstream: Upstream, opening: bytes) -> None:
    """The first bytes decide between the two ways in; they need not all come at once."""
    upstream.forget()
    whole = (
        b"POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1\r\nx-api-key: %s\r\nContent-Length: %d\r\n\r\n%s"
        % (KEY.encode(), len(BODY), BODY)
    )  # fmt: skip
    with Client.plain(proxy.port) as client, Client.plain(proxy.port) as other:
        client.send(opening)
        # a whole request on another connection: by its answer the proxy has surely seen the opening
        other.send(whole)
        assert other.response().status == 200
        client.send(whole.removeprefix(opening))
        assert client.response().status == 200
    assert [request.body for request in upstream.wait_for(2)] == [BODY, BODY]


@pytest.mark.parametrize(
    "junk", (b"\r\n\r\n", b"\x00\x01\x02", b"\x16\x03\x01\x00\x05hello", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n")
)
def test_junk_on_the_port_harms_nobody(proxy: Mitm, junk: bytes) -> None:
    with Client.plain(proxy.port) as client:
        client.send(junk)
        assert status(proxy, "127.0.0.1") == 200
    assert "Traceback" not in proxy.log()
    assert "has crashed" not in proxy.log()


def test_a_proxy_request_for_the_proxy_itself_is_a_gateway_request(proxy: Mitm, upstream: Upstream) -> None:
    """Claude Code sends plain-http URLs through HTTPS_PROXY too: its base URL may be the proxy that it goes through."""
    upstream.forget()
    for host in ("127.0.0.1", "localhost"):
        assert status(proxy, f"{host}:{proxy.port}", path=f"http://{host}:{proxy.port}/v1/v1/messages") == 200
    assert [request.target for request in upstream.requests] == ["/v1/messages", "/v1/messages"]
