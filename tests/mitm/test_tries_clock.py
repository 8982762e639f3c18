"""Time as the layer sees it, on a clock of the test's: long stalls, waits, limits, and what clients hear meanwhile."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from mitmproxy.connection import Server

from tests.lab import Answer
from tests.lab.replies import chat_events, messages_events, responses_events
from tests.mitm.kit import addons
from tests.mitm.simulated import Clock, Wire
from wiremend.mitm.stream import WireStream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.mitm.kit import Addons

RULES = """
providers:
  one:
    base_url: http://one.invalid/v1
    key: client
    speaks: [messages, chat, responses]
    models: {small: {context_window: 1000}}
  two: {base_url: 'http://two.invalid/v1', key: client, speaks: [messages, chat, responses]}
routes:
  - {when: {model: again}, to: one, retry: {times: 3, backoff: 1s, max: 30s, budget: 2m}}
  - {when: {model: both}, to: [one, two], retry: {times: 1, backoff: 1s, max: 30s}}
  - {when: {model: rest}, to: [one, two], retry: {stay: 1s}}
  - {when: {model: window}, to: [one/small, two/large]}
  - {to: one}
limits: {first_byte: 10m, between_events: 10m, cooldown: {after: 3, for: 30s}}
"""
ANSWER = Answer(model="m")
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
BUSY = b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n"
WIRES = {
    "messages": ("/v1/messages", messages_events(ANSWER)),
    "chat": ("/v1/chat/completions", chat_events(ANSWER)),
    "responses": ("/v1/responses", responses_events(ANSWER)),
}
AGENTS = {
    "claude-code": ("messages", "claude-cli/2.1.197 (external, sdk-cli)"),
    "codex": ("responses", "codex_exec/0.169.0 (Linux)"),
    "opencode messages": ("messages", "opencode/1.18.33 ai-sdk/1 runtime/bun/1"),
    "opencode chat": ("chat", "opencode/1.18.33 ai-sdk/1 runtime/bun/1"),
    "opencode responses": ("responses", "opencode/1.18.33 ai-sdk/1 runtime/bun/1"),
    "qwen-code": ("chat", "QwenCode/0.15.10 (linux; x64)"),
    "kimi-code": ("chat", "kimi-code-cli/2.1.0"),
    "hermes": ("chat", "OpenAI/Python 2.24.0"),
}
"""Agents of the clients' suite -> the wire they speak, and their User-Agent (facts, measured 2026-11)."""

STALL = 301.0
WATCHDOG = 180.0
"""Seconds of the shortest watchdog that was measured (Hermes); what counts for whom is in tests/clients/test_stalls."""


class Stage:
    """A client at a gateway, on a clock that only the test moves."""

    def __init__(self, made: Addons, wire: Wire, clock: Clock) -> None:
        """Begin before the first request."""
        self.made, self.wire, self.clock = made, wire, clock

    def ask(self, wire: str, model: str = "m", agent: str = "curl/8", said: str = "x") -> bytes:
        messages = [{"role": "user", "content": said}]
        body = json.dumps(
            {"model": model, "stream": True, "max_tokens": 9, "messages": messages, "input": said}
        ).encode()
        head = f"POST {WIRES[wire][0]} HTTP/1.1\r\nhost: 127.0.0.1\r\nuser-agent: {agent}\r\nx-api-key: k\r\n"
        return self.wire.send(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)

    def says(self, *events: bytes) -> bytes:
        return self.wire.answer(b"".join(b"%x\r\n%s\r\n" % (len(event), event) for event in events))


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    clock = Clock()
    with addons(tmp_path, RULES, clock) as made:
        monkeypatch.setattr(made.house, "at_gateway", lambda _: True)
        hooks = [made.rewrite, made.reply, made.tries, made.calls]
        yield Stage(made, Wire(hooks, made.reply, monkeypatch, clock), clock)


def longest_silence(beats: list[tuple[float, bytes]], seconds: float) -> float:
    times = [0.0, *(at for at, _ in beats), seconds]
    return max(b - a for a, b in pairwise(times))


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize("place", ("before the head", "behind the head", "in the middle"))
def test_a_stall_of_301_seconds_is_survived(stage: Stage, agent: str, place: str) -> None:
    wire, name = AGENTS[agent]
    events = WIRES[wire][1]
    stage.ask(wire, agent=name)
    said = 0
    if place != "before the head":
        stage.wire.answer(HEAD)
    if place == "in the middle":
        said = len(events) // 2
        assert stage.says(*events[:said])
    beats = stage.wire.wait(STALL)
    assert longest_silence(beats, STALL) <= WATCHDOG
    assert longest_silence(beats[1:], STALL - beats[0][0]) <= WATCHDOG / 2
    if place == "before the head":
        stage.wire.answer(HEAD)
    assert stage.says(*events[said:])
    end = stage.wire.answer(b"0\r\n\r\n")
    assert end.endswith(b"0\r\n\r\n")
    assert len(stage.wire.asked) == 1
    given = stage.wire.given
    for event in events:
        assert event in given.replace(b"\r\n", b"\n") or event in given


def test_a_wait_is_as_long_as_the_provider_asks(stage: Stage) -> None:
    stage.ask("messages", "again")
    assert stage.wire.answer(BUSY) == b""
    assert stage.wire.wait(6.9) == []
    assert len(stage.wire.asked) == 1
    before = len(stage.wire.asked[0])
    stage.wire.wait(1.0)
    assert len(stage.wire.asked[0]) == 2 * before  # on the same connection, the same request
    assert stage.wire.answer(HEAD) == b""
    assert b"message_start" in stage.says(*WIRES["messages"][1])


def test_times_counts_the_retries(stage: Stage) -> None:
    stage.ask("messages", "again")
    for _ in range(3):
        assert stage.wire.answer(BUSY) == b""
        stage.wire.wait(8.0)
    given = stage.wire.answer(BUSY)
    assert given.startswith(b"HTTP/1.1 429")
    assert b"retry-after: 7" in given


def test_the_budget_ends_it(stage: Stage) -> None:
    stage.ask("messages", "again")
    stage.wire.wait(119.0)
    assert stage.wire.answer(BUSY).count(b"error") > 0  # told in the stream, whose head the client has by now
    assert stage.wire.given.startswith(b"HTTP/1.1 200")


def test_a_client_that_leaves_ends_the_wait(stage: Stage) -> None:
    rows = []
    stage.made.house.on_row.append(lambda row, *_: rows.append(row))
    stage.ask("messages", "again")
    stage.wire.answer(BUSY)
    stage.wire.leave()
    assert len(rows) == 1
    stage.wire.wait(60.0)
    assert stage.wire.asked[0].count(b"POST ") == 1
    assert [one.trouble for one in rows[0].attempts] == ["status"]


def test_what_a_left_upstream_still_says_is_nobodys(stage: Stage) -> None:
    stage.wire.refuse = lambda _: None
    stage.ask("messages", "both")
    for _ in range(2):
        stage.wire.answer(BUSY.replace(b"content-length: 0", b"content-length: 5") + b"12345")
        stage.wire.wait(8.0)
    assert len(stage.wire.servers) == 2
    stage.wire.hang_up(0)
    assert stage.wire.answer(b"HTTP/1.1 200 OK\r\n\r\n", 0) == b""
    stage.wire.answer(HEAD)
    assert b"message_stop" in stage.says(*WIRES["messages"][1])


def test_a_refused_connection_is_not_refused_for_ever(stage: Stage) -> None:
    stage.wire.refuse = lambda _: "Connection refused"
    stage.ask("messages", "again")
    stage.wire.refuse = lambda _: None
    stage.wire.wait(2.0)
    assert len(stage.wire.asked) == 1
    stage.wire.answer(HEAD)
    assert b"message_stop" in stage.says(*WIRES["messages"][1])


def test_limits_of_time_end_a_stream(stage: Stage) -> None:
    stage.ask("messages")
    stage.wire.answer(HEAD)
    stage.says(*WIRES["messages"][1][:3])
    stage.wire.wait(610.0)
    assert b"no event came for 600 s" in stage.wire.given
    assert stage.wire.given.endswith(b"0\r\n\r\n")
    assert stage.wire.servers[0] in stage.wire.closed


def whole(stage: Stage) -> None:
    """Let the upstream that was asked last answer."""
    stage.wire.answer(HEAD)
    assert b"message_stop" in stage.says(*WIRES["messages"][1])
    stage.wire.answer(b"0\r\n\r\n")


def asked(stage: Stage) -> list[tuple[str, int]]:
    """Give who was asked, and how often."""
    names = [str((server.address or ("?",))[0]).partition(".")[0] for server in stage.wire.servers]
    return [(name, bytes(got).count(b"POST ")) for name, got in zip(names, stage.wire.asked, strict=True)]


def test_a_provider_that_fails_is_left_alone_probed_and_taken_back(stage: Stage) -> None:
    happenings: list[str] = []
    stage.made.house.on_happening.append(lambda one: happenings.append(one.cause))
    down = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n"
    for _ in range(3):
        stage.ask("messages", "rest")
        stage.wire.answer(down, 0)
        stage.wire.wait(2.0)  # the conversation's stay is over
        whole(stage)
        stage.wire.wait(2.0)
    assert asked(stage) == [("one", 3), ("two", 3)]
    assert happenings.count("cooled_down") == 1
    states = stage.made.house.status["providers"]()
    assert isinstance(states, dict)
    assert [one["state"] for one in states["one"]["breakers"]] == ["open"]
    stage.ask("messages", "rest")
    whole(stage)
    assert asked(stage) == [("one", 3), ("two", 4)]  # it was not asked
    stage.wire.wait(30.0)
    stage.ask("messages", "rest")  # the probe, which fails: the rest doubles
    stage.wire.answer(down, 0)
    stage.wire.wait(0.0)
    whole(stage)
    stage.wire.wait(40.0)
    stage.ask("messages", "rest")
    whole(stage)
    assert asked(stage) == [("one", 4), ("two", 6)]
    stage.wire.wait(30.0)
    stage.ask("messages", "rest")
    stage.wire.answer(HEAD, 0)
    stage.wire.answer(b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in WIRES["messages"][1]) + b"0\r\n\r\n", 0)
    assert asked(stage) == [("one", 5), ("two", 6)]
    assert stage.made.house.status["providers"]() == {}


def test_a_model_whose_window_is_too_small_is_passed_over(stage: Stage) -> None:
    stage.ask("messages", "window")
    whole(stage)
    stage.ask("messages", "window", said="word " * 20_000)
    whole(stage)
    assert asked(stage) == [("one", 1), ("two", 1)]
    assert b'"model":"large"' in stage.wire.asked[1].replace(b" ", b"")


@pytest.mark.parametrize("ending", ("end", "cut", "leave", "stall"))
def test_a_stream_that_is_over_is_not_kept_by_its_timers(stage: Stage, ending: str) -> None:
    stage.ask("messages")
    stage.wire.answer(HEAD)
    stage.says(*WIRES["messages"][1][:3])
    if ending == "end":
        stage.says(*WIRES["messages"][1][3:])
        stage.wire.answer(b"0\r\n\r\n")
    elif ending == "cut":
        stage.wire.hang_up()
    elif ending == "leave":
        stage.wire.leave()
    else:
        stage.wire.wait(610.0)
    assert stage.wire.layer.streams == {}
    assert not [one for one in stage.wire.layer.command_sources.values() if isinstance(one, WireStream)]
    stage.wire.wait(700.0)  # and those that come all the same do no harm


def test_connections_that_are_closed_are_not_kept(stage: Stage) -> None:
    """A client of HTTP/2 has one for each request at a provider of HTTP/1, and may stay for days."""
    for _ in range(3):
        stage.ask("messages")
        whole(stage)
        stage.wire.hang_up()
        stage.wire.servers[-1].timestamp_end = stage.clock.seconds
    kept = [one for one in stage.wire.layer.connections if isinstance(one, Server)]
    assert len(kept) <= 1
    stage.ask("messages")
    whole(stage)
    assert [count for _, count in asked(stage)] == [1, 1, 1, 1]
