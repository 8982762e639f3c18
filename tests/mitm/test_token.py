"""Other machines come in with the token only, however they bring it; and the token does not travel on.

A test talks to loopback, and loopback is always let in; so the other machine is one by its address in the flow.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest
from mitmproxy.proxy.mode_specs import ProxyMode
from mitmproxy.test import tflow

from tests.mitm.kit import addons, at_gateway, flow

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = "a-token-FAKE"
ELSEWHERE = "192.0.2.7"
OPEN = "providers: {lab: {base_url: 'http://127.0.0.1:9/v1', key: $LAB_KEY}}\ndefault: lab/m\n"
GUARDED = OPEN + "listen: {host: 0.0.0.0, token: $LAB_TOKEN}\n"
BASIC = "Basic " + base64.b64encode(f"wiremend:{TOKEN}".encode()).decode()


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_TOKEN", TOKEN)
    monkeypatch.setenv("LAB_KEY", "sk-lab-FAKE")


@pytest.mark.parametrize(
    ("rules", "peer", "let_in"),
    (
        (OPEN, "127.0.0.1", True),
        (OPEN, "::1", True),
        (OPEN, "::ffff:127.0.0.1", True),
        (OPEN, "127.8.9.10", True),
        (OPEN, ELSEWHERE, False),
        (OPEN, "fe80::1%eth0", False),
        (GUARDED, ELSEWHERE, True),  # as far as asking for the token
    ),
)
@pytest.mark.parametrize("mode", ("regular", "reverse:http://127.0.0.1:9", "upstream:http://127.0.0.1:9"))
def test_who_may_connect(tmp_path: Path, rules: str, peer: str, let_in: bool, mode: str) -> None:  # noqa: FBT001 - a column
    client = tflow.tclient_conn()
    client.peername = (peer, 1)
    client.proxy_mode = ProxyMode.parse(mode)
    with addons(tmp_path, rules) as made:
        made.gateway.client_connected(client)
    assert (client.error is None) is let_in


@pytest.mark.parametrize(
    "brought",
    (
        {"x-api-key": TOKEN},
        {"authorization": f"Bearer {TOKEN}"},
        {"x-wiremend-token": TOKEN},
        {"proxy-authorization": BASIC},
        {"proxy-authorization": f"Bearer {TOKEN}"},
    ),
)
def test_the_token_lets_in_and_stays_behind(tmp_path: Path, brought: dict[str, str]) -> None:
    with addons(tmp_path, GUARDED) as made:
        one = at_gateway(made, flow("http://x/v1/messages", peer=ELSEWHERE, headers=brought), host="box.example:8080")
        made.request(one)
    assert one.response is None
    assert one.request.host == "127.0.0.1"
    assert one.request.headers["x-api-key"] == "sk-lab-FAKE"
    assert TOKEN not in str(one.request.headers.fields)
    assert BASIC not in str(one.request.headers.fields)


@pytest.mark.parametrize(
    "brought",
    (
        {},
        {"x-api-key": "sk-FAKE"},
        {"x-wiremend-token": TOKEN[:-1]},
        {"proxy-authorization": "Basic ???"},
        {"proxy-authorization": f"Basic {TOKEN}"},
    ),
)
def test_without_it_nothing_goes_on(tmp_path: Path, brought: dict[str, str]) -> None:
    with addons(tmp_path, GUARDED) as made:
        one = at_gateway(made, flow("http://x/v1/messages", peer=ELSEWHERE, headers=brought))
        made.request(one)
        assert one.response is not None
        assert one.response.status_code == 401
        assert b"listen.token" in (one.response.content or b"")
        tunnel = flow("http://api.kimi.com:443/", peer=ELSEWHERE, headers=brought)
        made.gateway.http_connect(tunnel)
        assert tunnel.response is not None
        assert tunnel.response.status_code == 407
        assert tunnel.response.headers["proxy-authenticate"].startswith("Basic")


def test_a_tunnel_is_opened_with_the_token_and_its_requests_need_no_second_one(tmp_path: Path) -> None:
    with addons(tmp_path, GUARDED) as made:
        tunnel = flow("http://api.kimi.com:443/", peer=ELSEWHERE, headers={"proxy-authorization": BASIC})
        made.gateway.http_connect(tunnel)
        assert tunnel.response is None
        assert "proxy-authorization" not in tunnel.request.headers
        inner = flow("https://api.kimi.com/coding/v1/messages", peer=ELSEWHERE)
        inner.client_conn = tunnel.client_conn
        made.request(inner)
        assert inner.response is None
        made.gateway.client_disconnected(tunnel.client_conn)
        later = flow("https://api.kimi.com/coding/v1/messages", peer=ELSEWHERE)
        later.client_conn = tunnel.client_conn
        made.request(later)
        assert later.response is not None


def test_this_machine_needs_none(tmp_path: Path) -> None:
    with addons(tmp_path, GUARDED) as made:
        one = at_gateway(made, flow("http://x/v1/messages", headers={"x-api-key": "sk-FAKE"}))
        made.request(one)
    assert one.response is None
