"""The rules file under a running proxy: a change takes effect whole, or not at all, and never in mid-request.

Each wait is for a line of the log that the change must produce. Where a line must *not* come again, the test goes on
asking through the proxy for as long as several looks at the file take.
"""

from __future__ import annotations

import re
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.lab import Answer, Client, Mitm, Reply, Request, Upstream
from tests.lab.replies import chat_events
from tests.lab.scripts import messages_stream
from tests.lab.sdk import KEY
from wiremend.rules.watch import INTERVAL

if TYPE_CHECKING:
    from collections.abc import Iterator

ONE = "providers: {{lab: {{base_url: '{url}/one', key: client}}}}\ndefault: lab\n"
TWO = ONE.replace("/one", "/two")
BROKEN = ONE.replace("default", "defautl")
BODY = b'{"model":"m","messages":[]}'

RELOADED = "rules reloaded"
KEPT = "last good"


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream(messages_stream()) as up:
        yield up


@pytest.fixture
def proxy(upstream: Upstream) -> Iterator[Mitm]:
    with Mitm(ONE.format(url=upstream.url)) as mitm:
        yield mitm


def where(upstream: Upstream, proxy: Mitm) -> str:
    """Ask once and give the base that the request went to."""
    upstream.forget()
    with Client.plain(proxy.port) as client:
        response = client.request("POST", "/v1/messages", {"host": "127.0.0.1", "x-api-key": KEY}, BODY)
        assert response.status == 200
        response.read()
    return upstream.wait_for(1)[0].target.split("/")[1]


def change(proxy: Mitm, text: str, told: str) -> str:
    """Write the file, wait for what the log says of it, and give that."""
    start = len(proxy.log())
    proxy.write_rules(text)
    proxy.wait_log(told, after=start)
    return proxy.log()[start:]


def test_a_change_takes_effect_and_a_broken_one_keeps_the_last_good_rules_and_is_told_once(
    upstream: Upstream, proxy: Mitm
) -> None:
    assert where(upstream, proxy) == "one"
    change(proxy, TWO.format(url=upstream.url), RELOADED)
    assert where(upstream, proxy) == "two"
    start = len(proxy.log())
    told = change(proxy, BROKEN.format(url=upstream.url), KEPT)
    end = time.monotonic() + 4 * INTERVAL
    while time.monotonic() < end:
        assert where(upstream, proxy) == "two"
    assert re.search(r"rules\.yaml:2:1: .*defautl.*did you mean 'default'", proxy.log()[start:]), told
    assert proxy.log()[start:].count(KEPT) == 1
    change(proxy, ONE.format(url=upstream.url), RELOADED)
    assert where(upstream, proxy) == "one"


@pytest.mark.parametrize(
    "broken",
    (
        "default: [",
        "\x00",
        "version: 99\n",
        "routes: [{to: nowhere}]\n",
        "default: deepseek\nproviders: {deepseek: {key: $LAB_NOT_SET}}\n",
        "default: ollama\nexpect: [{given: {model: m}, to: deepseek}]\n",
    ),
    ids=("syntax", "binary", "version", "dangling", "credential", "expect"),
)
def test_rules_that_do_not_hold_are_not_taken(upstream: Upstream, proxy: Mitm, broken: str) -> None:
    change(proxy, broken, KEPT)
    assert where(upstream, proxy) == "one"


def test_a_file_that_vanishes_or_cannot_be_read_keeps_the_last_good_rules(upstream: Upstream, proxy: Mitm) -> None:
    assert proxy.rules is not None
    start = len(proxy.log())
    proxy.rules.unlink()
    proxy.wait_log(KEPT, after=start)
    assert where(upstream, proxy) == "one"
    change(proxy, TWO.format(url=upstream.url), RELOADED)
    assert where(upstream, proxy) == "two"


def test_the_same_text_written_again_is_no_change(upstream: Upstream, proxy: Mitm) -> None:
    proxy.write_rules(ONE.format(url=upstream.url))
    end = time.monotonic() + 4 * INTERVAL
    while time.monotonic() < end:
        where(upstream, proxy)
    assert RELOADED not in proxy.log()


def test_a_request_in_flight_keeps_the_rules_it_began_with() -> None:
    """Chat chunks each name the model: after the reload the running stream still names it by the old rules."""
    gate = threading.Semaphore(0)
    events = chat_events(Answer(model="real-name"), include_usage=False)

    def script(_: Request, reply: Reply) -> None:
        reply.events(events, gate)

    with Upstream(script) as up:
        rules = (
            "providers: {{lab: {{base_url: '{url}', key: client}}}}\n"
            "aliases: {{asked: {{to: lab/real-name, keep_name: {keep}}}}}\n"
        )
        body = b'{"model":"asked","stream":true,"messages":[]}'
        headers = {"host": "127.0.0.1", "x-api-key": KEY}
        with Mitm(rules.format(url=up.url, keep="true")) as proxy, Client.plain(proxy.port) as client:
            gate.release()
            response = client.request("POST", "/v1/chat/completions", headers, body)
            assert b'"model":"asked"' in response.read_until(b"\n\n")
            change(proxy, rules.format(url=up.url, keep="false"), RELOADED)
            for _ in events[1:]:
                gate.release()
            rest = response.read()
            assert rest.count(b'"model":"asked"') == len(events) - 2  # the first is read, the last is [DONE]
            assert b"real-name" not in rest
            for _ in events:
                gate.release()
            assert b"asked" not in client.request("POST", "/v1/chat/completions", headers, body).read()


def test_a_request_whose_body_is_still_coming_is_decided_by_one_set_of_rules(upstream: Upstream, proxy: Mitm) -> None:
    with Client.plain(proxy.port) as client:
        client.send(
            b"POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1\r\nx-api-key: %s\r\nContent-Length: %d\r\n\r\n"
            % (KEY.encode(), len(BODY))
        )
        client.send(BODY[:5])
        change(proxy, TWO.format(url=upstream.url), RELOADED)
        client.send(BODY[5:])
        assert client.response().status == 200
    assert upstream.wait_for(1)[0].target in {"/one/v1/messages", "/two/v1/messages"}


def test_the_record_of_a_call_names_its_rules(upstream: Upstream, proxy: Mitm) -> None:
    where(upstream, proxy)
    first = proxy.wait_calls(1)[0]
    assert first["provider"] == "lab"
    change(proxy, TWO.format(url=upstream.url), RELOADED)
    where(upstream, proxy)
    assert proxy.wait_calls(2)[1]["provider"] == "lab"


def test_broken_rules_at_the_start_end_it_and_say_why() -> None:
    with pytest.raises(AssertionError, match=r"the process ended with [1-9](.*\n)*.*rules\.yaml:2:1: .*defautl"):
        Mitm(BROKEN.format(url="http://127.0.0.1:1")).start()


def test_a_missing_credential_at_the_start_ends_it_and_names_the_variable() -> None:
    with pytest.raises(AssertionError, match=r"the process ended with [1-9](.*\n)*.*LAB_NOT_SET"):
        Mitm("providers: {deepseek: {key: $LAB_NOT_SET}}\ndefault: deepseek\n").start()


def test_a_file_that_merely_lies_in_the_current_folder_decides_nothing(upstream: Upstream) -> None:
    proxy = Mitm()
    lying = proxy.folder / "rules.yaml"
    lying.write_text(ONE.format(url=upstream.url))
    with proxy:  # its current folder is that folder
        assert proxy.ready["rules"] != str(lying)
        assert str(lying) not in proxy.log()
