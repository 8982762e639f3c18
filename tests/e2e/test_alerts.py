"""Alerts of a real proxy: what happens to providers arrives once where the rules say, and stands in nobody's way.

Those who are told are servers of this machine, addressed as Apprise addresses any web server (``json://``). The first
half calls the addon's hooks in this process, so that anything can be made to happen; the second half is mitmdump.
"""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import pytest
from mitmproxy.test import taddons

from tests.lab import Answer, Client, Mitm, Upstream
from tests.lab.replies import messages_body
from tests.lab.sdk import KEY
from wiremend.ledger.happening import Happening
from wiremend.mitm.alerts import Alerting
from wiremend.mitm.house import House
from wiremend.rules.model import CAUSES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tests.lab import Reply, Request

TOKEN: Final = "FAKE-TOKEN-5566778899"
DEADLINE: Final = 15.0
RULES: Final = """
providers:
  a: {{base_url: '{a}', key: $KEY_A}}
  b: {{base_url: '{b}', key: $KEY_B}}
routes:
  - to: [a, b]
    retry: {{times: 1, backoff: 10ms}}
alerts: {alerts}
"""
QUIET: Final = "{to: $ALERTS, on: [balance]}"
QUOTA: Final = {
    "error": {"type": "insufficient_quota", "code": "insufficient_quota", "message": "You are out of quota"}
}


def fine(_: Request, reply: Reply) -> None:
    reply.json(200, {})


def answers(_: Request, reply: Reply) -> None:
    reply.json(200, messages_body(Answer()))


@pytest.fixture
def receiver() -> Iterator[Upstream]:
    with Upstream(fine) as up:
        yield up


def titles(receiver: Upstream) -> list[str]:
    """Give the titles that came, without our name in front."""
    return [request.json()["title"].removeprefix("Wiremend: ") for request in receiver.requests]


# -- in this process


@contextmanager
def alerting(path: Path, text: str) -> Iterator[tuple[House, Alerting, Callable[[str], None]]]:
    """Load the addon with rules, and give it with what changes them."""
    path.write_text(text, "utf-8")
    house = House()
    addon = Alerting(house)
    with taddons.context(house) as context:
        context.configure(house, wiremend_rules=str(path))

        def change(new: str) -> None:
            other = path.with_name(f"{path.stem}-2.yaml")
            other.write_text(new, "utf-8")
            context.configure(house, wiremend_rules=str(other))

        yield house, addon, change


def happened(house: House, *causes: str, provider: str = "lab") -> None:
    for cause in causes:
        house.happened(Happening(cause, provider, f"What happened is {cause}", 1_760_000_000.0, "m", "flow-1"))


def test_every_cause_arrives_once_and_a_reload_changes_who_is_told(
    tmp_path: Path, receiver: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_ONE", f"json://127.0.0.1:{receiver.port}/one/{TOKEN}")
    monkeypatch.setenv("LAB_TWO", f"json://127.0.0.1:{receiver.port}/two/{TOKEN}")
    with alerting(tmp_path / "rules.yaml", "alerts: $LAB_ONE\n") as (house, addon, change):
        for _ in range(20):
            happened(house, *CAUSES)
        receiver.wait_for(len(CAUSES))
        change("alerts: {to: [$LAB_ONE, $LAB_TWO], on: [balance, gate], interval: 1h}\n")
        happened(house, "balance", "fallback", provider="other")
        receiver.wait_for(len(CAUSES) + 2)
        change("mend: auto\n")
        happened(house, *CAUSES, provider="third")
        asyncio.run(addon.done())
    came = [request.path.split("/")[1] for request in receiver.requests]
    assert came[:5] == ["one"] * 5
    assert sorted(came[5:]) == ["one", "two"]
    assert {title.split(": ")[0] for title in titles(receiver)[5:]} == {"other"}


def test_a_server_that_hangs_keeps_neither_the_loop_nor_the_end_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()

    def hang(_: Request, reply: Reply) -> None:
        reply.wait(gate)
        fine(_, reply)

    monkeypatch.setattr("wiremend.mitm.alerts.CLOSING", 0.1)
    with Upstream(hang) as up:
        monkeypatch.setenv("LAB_ONE", f"json://127.0.0.1:{up.port}/{TOKEN}?rto=60")
        with alerting(tmp_path / "rules.yaml", "alerts: $LAB_ONE\n") as (house, addon, _):
            happened(house, "balance")
            up.wait_for(1)
            for number in range(500):
                happened(house, "balance", provider=f"p{number}")
            asyncio.run(addon.done())
            assert not gate.is_set()
            assert len(up.requests) == 1
        gate.set()


def test_warnings_are_told_once_and_in_the_event_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("LAB_ONE", f"nonsense://{TOKEN}")
    told: list[str] = []

    async def play() -> None:
        with alerting(tmp_path / "rules.yaml", "alerts: $LAB_ONE\n") as (house, addon, _):
            addon.running()
            monkeypatch.setattr(house, "tell_once", lambda *_: told.append(threading.current_thread().name))
            addon.sender._warn("alerts:x", "one")
            await asyncio.to_thread(addon.sender._warn, "alerts:x", "two")
            await asyncio.to_thread(addon.sender.close, DEADLINE)
            await asyncio.sleep(0)
            await addon.done()

    asyncio.run(play())
    assert set(told) == {threading.current_thread().name}
    assert len(told) >= 2
    assert TOKEN not in caplog.text


# -- mitmdump


def ask(proxy: Mitm, times: int = 1, *, say: str = "hi") -> list[int]:
    """Ask so often, and give the statuses."""
    found = []
    body = json.dumps({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": say}]}).encode()
    for _ in range(times):
        with Client.plain(proxy.port) as client:
            headers = {"host": "127.0.0.1", "content-type": "application/json", "x-api-key": KEY}
            response = client.request("POST", "/v1/messages", headers, body)
            response.read()
            found.append(response.status)
    return found


def proxy_of(a: Upstream, b: Upstream, addresses: Sequence[str], alerts: str = "$ALERTS") -> Mitm:
    env = {
        "KEY_A": "sk-FAKE-of-a-0123456789",
        "KEY_B": "sk-FAKE-of-b-0123456789",
        **{f"ALERTS{number or ''}": address for number, address in enumerate(addresses)},
    }
    loud = {"termlog_verbosity": "debug"}  # shows what libraries log, too
    return Mitm(RULES.format(a=a.url, b=b.url, alerts=alerts), env=env, options=loud)


def test_an_empty_balance_and_the_fallback_are_told_once_each(receiver: Upstream) -> None:
    with (
        Upstream(lambda _, reply: reply.json(429, QUOTA)) as a,
        Upstream(answers) as b,
        proxy_of(a, b, [f"json://user:{TOKEN}@127.0.0.1:{receiver.port}/{TOKEN}"]) as proxy,
    ):
        assert ask(proxy, 3) == [200, 200, 200]
        receiver.wait_for(2)
        assert proxy.stop() == 0
        log = proxy.log()
    told = [title.split(": ", 1)[1] for title in titles(receiver)]
    assert told.count("balance or quota exhausted") == 1
    assert told.count("fell back to another destination") == 1
    assert len(told) == len(set(told))
    (balance,) = [request.json() for request in receiver.requests if "balance" in request.json()["title"]]
    assert balance["title"].startswith("Wiremend: a: ")
    assert "(model m)" in balance["message"]
    everything = log + str([request.json() for request in receiver.requests])
    assert "FAKE" not in everything
    assert "apprise" not in log
    assert "urllib3" not in log


def test_a_gate_is_told(receiver: Upstream) -> None:
    refusal = {"error": {"type": "access_terminated_error", "message": "only available for Coding Agents"}}
    with (
        Upstream(lambda _, reply: reply.json(403, refusal)) as a,
        Upstream(answers) as b,
        proxy_of(a, b, [f"json://127.0.0.1:{receiver.port}/"], "{to: $ALERTS, on: [gate]}") as proxy,
    ):
        ask(proxy, 2)
        receiver.wait_for(1)
    assert titles(receiver) == ["a: the provider refuses this client"]


def test_calls_do_not_wait_for_a_server_that_hangs_and_the_proxy_ends(receiver: Upstream) -> None:
    with (
        Upstream(lambda _, reply: reply.wait_gone()) as hangs,
        Upstream(lambda _, reply: reply.json(429, QUOTA)) as a,
        Upstream(answers) as b,
        proxy_of(
            a,
            b,
            [f"json://127.0.0.1:{hangs.port}/{TOKEN}?rto=60", f"json://127.0.0.1:{receiver.port}/"],
            "[$ALERTS, $ALERTS1]",
        ) as proxy,
    ):
        assert ask(proxy, 3) == [200, 200, 200]
        hangs.wait_for(1)
        receiver.wait_for(1)
        assert proxy.stop() == 0  # a minute before Apprise gives up
        assert TOKEN not in proxy.log()


def test_a_reload_names_another_address(receiver: Upstream) -> None:
    with (
        Upstream(fine) as other,
        Upstream(lambda _, reply: reply.json(429, QUOTA)) as a,
        Upstream(answers) as b,
        proxy_of(a, b, [f"json://127.0.0.1:{receiver.port}/", f"json://127.0.0.1:{other.port}/"], QUIET) as proxy,
    ):
        ask(proxy)
        receiver.wait_for(1)
        start = len(proxy.log())
        text = RULES.format(a=a.url, b=b.url, alerts=QUIET.replace("$ALERTS", "$ALERTS1"))
        proxy.write_rules(
            text.replace("  b:", "  c: {base_url: '" + a.url + "', key: $KEY_A}\n  b:").replace("[a,", "[c,")
        )
        proxy.wait_log("rules reloaded", after=start)
        ask(proxy, say="of something else")  # the first conversation stays where it fell back to
        other.wait_for(1)
        assert len(receiver.requests) == 1
    assert {title.split(": ")[0] for title in titles(other)} == {"c"}
