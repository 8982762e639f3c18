"""The ways in behave alike: one scenario through each of them, with the same expectations.

``mitmdump -s`` on the checkout's script, the console script of the editable install, the console script of the built
wheel; and mitmproxy's two other programs with the same script. Whatever the way, the shipped or named rules are
found, the request is repaired, the stream comes through, and the process ends when asked.
"""

from __future__ import annotations

import re
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from tests.lab import Answer, Client, Mitm, Upstream, kimi
from tests.lab.proxy import ROOT, installed_wheel
from tests.lab.replies import messages_events
from tests.lab.scripts import credential
from tests.lab.sdk import CLAUDE, KEY, MESSAGES, anthropic_sdk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Literal

    from tests.lab import Authority

RULES = """
providers:
  kimi-code: {{base_url: '{url}/coding/v1', key: client}}
aliases: {{small: kimi-code/kimi-for-coding}}
routes: [{{when: {{key: sk-kimi-*}}, to: kimi-code}}]
"""

type Way = tuple[Literal["script", "console", "wheel"], Literal["mitmdump", "mitmproxy", "mitmweb"]]

WAYS: tuple[Way, ...] = (
    ("script", "mitmdump"),
    ("console", "mitmdump"),
    ("wheel", "mitmdump"),
    ("script", "mitmproxy"),
    ("script", "mitmweb"),
    ("console", "mitmproxy"),
    ("console", "mitmweb"),
)


@pytest.fixture(scope="module")
def upstream(authority: Authority) -> Iterator[Upstream]:
    with Upstream(kimi(), tls=authority.server("localhost")) as up:
        yield up


@pytest.fixture(params=WAYS, ids="-".join, scope="module")
def proxy(request: pytest.FixtureRequest, upstream: Upstream, authority: Authority) -> Iterator[Mitm]:
    way, program = request.param
    env = {"SSL_CERT_FILE": str(authority.ca)}
    with Mitm(RULES.format(url=upstream.url), way=way, program=program, env=env) as mitm:
        yield mitm
    assert mitm.process.returncode == 0


@pytest.fixture(autouse=True)
def _fresh(upstream: Upstream) -> None:
    upstream.forget()


def test_a_gateway_base_with_v1_is_repaired_and_streams(proxy: Mitm, upstream: Upstream) -> None:
    with (
        anthropic_sdk(f"{proxy.gateway}/coding/v1") as client,
        client.messages.stream(model="small", max_tokens=9, messages=MESSAGES) as stream,
    ):
        message = stream.get_final_message()
    assert (message.content[0].type, message.model) == ("text", "kimi-for-coding")
    (request,) = upstream.requests
    assert (request.target, request.json()["model"], credential(request)) == (
        "/coding/v1/messages",
        "kimi-for-coding",
        KEY,
    )
    assert request.get("user-agent") == CLAUDE


def test_the_https_proxy_does_the_same(proxy: Mitm, upstream: Upstream) -> None:
    with anthropic_sdk(f"{upstream.url}/coding/v1/v1", proxy=proxy) as client:
        assert client.messages.create(model="small", max_tokens=9, messages=MESSAGES).stop_reason == "end_turn"
    assert [request.target for request in upstream.requests] == ["/coding/v1/messages"]


def test_the_call_is_recorded(proxy: Mitm) -> None:
    before = len(proxy.calls())
    with anthropic_sdk(proxy.gateway) as client:
        client.messages.create(model="small", max_tokens=9, messages=MESSAGES)
    row = proxy.wait_calls(before + 1)[-1]
    expected = {
        "client": "claude-code",
        "wire": "messages",
        "asked": "small",
        "provider": "kimi-code",
        "model": "kimi-for-coding",
        "status": 200,
        "input_tokens": 11,
        "output_tokens": 7,
    }
    assert {key: row[key] for key in expected} == expected
    assert row["first_byte_s"] >= 0


def test_it_answers_on_loopback_by_name(proxy: Mitm) -> None:
    """Whatever addresses this machine gives to the name: clients differ in which of them they try."""
    found = socket.getaddrinfo("localhost", proxy.port, type=socket.SOCK_STREAM)
    for host in {address[0] for *_, address in found} if proxy.way != "script" else {"127.0.0.1"}:
        with Client.plain(proxy.port, str(host)) as client:
            assert client.request("GET", "/", {"Host": "localhost"}).status == 404


@pytest.mark.parametrize("way", ("script", "console", "wheel"))
def test_without_a_file_the_shipped_rules_are_in_force(way: Literal["script", "console", "wheel"]) -> None:
    with Mitm(way=way) as proxy:
        rules = proxy.ready["rules"]
        root = installed_wheel().parent if way == "wheel" else ROOT
        assert rules.startswith(str(root)), rules
        assert rules.endswith("rules.yaml")


def test_one_readable_line_a_call(upstream: Upstream, authority: Authority) -> None:
    """Client, model asked -> provider/model, wire, status, first byte, tokens, what was mended."""
    with Mitm(RULES.format(url=upstream.url), env={"SSL_CERT_FILE": str(authority.ca)}) as proxy:
        with anthropic_sdk(f"{proxy.gateway}/v1") as client:
            client.messages.create(model="small", max_tokens=9, messages=MESSAGES)
        line = proxy.wait_log(r".*claude-code.*small.*").group()
        for part in (
            r"small\S* ?(->|→) ?kimi-code/kimi-for-coding",
            "messages",
            "200",
            r"\d m?s",
            r"\b11\b",
            r"\b7\b",
            "url",
            "model",
        ):
            assert re.search(part, line), (part, line)
        assert KEY not in proxy.log()


def test_two_proxies_side_by_side_do_not_meet() -> None:
    gate = threading.Semaphore(0)
    events = messages_events(Answer(model="k3"))
    with (
        Upstream(kimi(gate=gate)) as one,
        Upstream(kimi(Answer(text="other"))) as two,
        Mitm(RULES.format(url=one.url)) as first,
        Mitm(RULES.format(url=two.url)) as second,
        anthropic_sdk(first.gateway) as held,
        anthropic_sdk(second.gateway) as free,
    ):
        gate.release()
        running = held.messages.create(model="k3", max_tokens=9, messages=MESSAGES, stream=True)
        assert next(iter(running)).type == "message_start"
        reply = free.messages.create(model="k3", max_tokens=9, messages=MESSAGES)
        assert reply.content[0].text == "other"  # type: ignore[union-attr]  # it is text
        for _ in events:
            gate.release()
        assert [event.type for event in running][-1] == "message_stop"
