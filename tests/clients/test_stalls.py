"""Claude Code, Codex and OpenCode at a provider that falls silent for longer than they wait, to a finished answer.

What they wait for is lowered where an agent has a setting for it; without the keepalives they then give up, which is
shown as well. Claude Code's 300 s cannot be lowered: here it is shown that what it is sent changes nothing, and
``WIREMEND_STALL=335`` makes every silence that long. What came of that, for more agents, is in docs/stalls.md.
"""

from __future__ import annotations

import itertools
import json
import os
import threading
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.clients import running
from tests.clients.judge import ORACLES
from tests.clients.running import ANSWER, Ran, Runner, Stage
from tests.lab import Answer
from tests.lab.replies import chat_events, messages_events, responses_events
from tests.lab.scripts import agent_turns
from tests.oracles import Served
from tests.pipeline.test_alive import EARLY, KINDS, SAMPLES, beaten

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.clients.judge import Judge
    from tests.lab import Reply, Request, Script
    from wiremend.protocols.base import WireName

pytestmark = [pytest.mark.clients, pytest.mark.timeout(900)]  # the first test installs them

SILENCE: Final = float(os.environ.get("WIREMEND_STALL", "6"))
"""Seconds for which the provider says nothing."""

LOWERED: Final = 3000
"""Milliseconds for which Codex and OpenCode wait; they are not set where the silence is longer than what they have."""

LIMITS: Final = "limits: {keepalive: 15s, head: 60s}\n" if SILENCE > 60 else "limits: {keepalive: 300ms, head: 1s}\n"
"""The defaults, where they have time to show."""

EVENTS: Final[dict[WireName, Callable[[Answer], list[bytes]]]] = {
    "messages": messages_events,
    "chat": chat_events,
    "responses": responses_events,
}
PLACES: Final[dict[WireName, dict[str, bytes | None]]] = {
    "messages": {
        "before the head": None,
        "before the first event": b"",
        "behind the first event": b"message_start",
        "in the call": b"input_json_delta",
        "behind the call": b"content_block_stop",
        "before the end": b"message_delta",
    },
    "chat": {
        "before the head": None,
        "before the first event": b"",
        "in the call": b'"arguments":"{',
        "before the end": b'"finish_reason":"tool_calls"',
    },
    "responses": {
        "before the head": None,
        "before the first event": b"",
        "behind the first event": b"response.created",
        "in the call": b"function_call_arguments.delta",
        "before the end": b"response.output_item.done",
    },
}
"""Wire -> where the provider falls silent: behind the first event with these bytes in it, None before the head."""

AGENTS: Final[tuple[tuple[str, WireName], ...]] = (
    ("claude", "messages"),
    ("codex", "responses"),
    ("opencode-chat", "chat"),
    ("opencode-messages", "messages"),
    ("opencode-responses", "responses"),
)


def silent(wire: WireName, place: str, fall_silent: Callable[[Reply], object]) -> Callable[..., Script]:
    """Answer as the wire does, but fall silent at a place of each answer that calls a tool."""

    def make(answer: Answer | None = None) -> Script:
        said = answer or Answer()

        def script(request: Request, reply: Reply) -> None:
            assert request.json()["stream"], "it gave up, and asks for the whole"
            events, mark = EVENTS[wire](said), PLACES[wire][place]
            behind = 0
            if mark and said.tool:
                behind = next(number for number, event in enumerate(events, 1) if mark in event)
            if said.tool and mark is None:
                fall_silent(reply)
            reply.head(200, [("content-type", "text/event-stream")])
            for event in events[:behind]:
                reply.send(event)
            if said.tool and mark is not None:
                fall_silent(reply)
            for event in events[behind:]:
                reply.send(event)
            reply.end()

        return script

    return make


def for_a_while(_: Reply) -> None:
    """Say nothing; nobody ends it early: that much time is what is tested."""
    threading.Event().wait(SILENCE)


def but_for_comments(reply: Reply) -> None:
    """Say nothing but comments, more often than the proxy would say something of its own."""
    for _ in range(10):
        threading.Event().wait(SILENCE / 10)
        reply.send(b": PROCESSING\n\n")


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with Stage.set(LIMITS) as one:
        yield one


@pytest.fixture(scope="module")
def mute() -> Iterator[Stage]:
    """Set a stage on which no client is kept."""
    with Stage.set("limits: {keepalive: off}\n") as one:
        yield one


@pytest.fixture
def runner(agents: Path, opencode: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runner:
    monkeypatch.setattr(running, "BOUND", running.BOUND + 3 * SILENCE)
    return Runner(agents, opencode, tmp_path)


def lowered(runner: Runner, agent: str, stage: Stage, wire: WireName) -> list[str]:
    """Let an agent wait for a short time only; gives its flags more."""
    if agent == "codex":
        lab = {"name": '"lab"', "base_url": f'"{stage.proxy.gateway}/v1"', "env_key": '"CODEX_API_KEY"'}
        more = {"wire_api": '"responses"', "stream_idle_timeout_ms": f"{LOWERED}"}
        words = [f"model_providers.lab.{name}={value}" for name, value in (lab | more).items()]
        return [word for one in ('model_provider="lab"', *words) for word in ("-c", one)]
    if agent.startswith("opencode"):
        name = "openai" if wire == "responses" else "lab"
        file = runner.home / ".config" / "opencode" / "opencode.json"
        file.parent.mkdir(parents=True)
        options: dict[str, Any] = {"chunkTimeout": LOWERED, "headerTimeout": LOWERED}
        file.write_text(json.dumps({"provider": {name: {"options": options}}}))
    return []


def played(runner: Runner, stage: Stage, agent: str, wire: WireName, script: Callable[..., Script]) -> Ran:
    """Let an agent that waits for a short time have its two turns."""
    flags = lowered(runner, agent, stage, wire) if SILENCE * 1000 < 10 * LOWERED else []
    stage.play(agent_turns(script, runner.tool(agent), Answer(text=ANSWER)))
    return runner.run(agent, stage, *flags)


@pytest.mark.parametrize(
    ("agent", "wire", "place"),
    [
        (agent, wire, place)
        for agent, wire in AGENTS
        for place in (PLACES[wire] if agent in {"claude", "codex"} else ("before the head", "in the call"))
    ],
)
def test_an_agent_waits_for_a_silent_provider(
    runner: Runner, stage: Stage, agent: str, wire: WireName, place: str
) -> None:
    finished(played(runner, stage, agent, wire, silent(wire, place, for_a_while)))


@pytest.mark.parametrize("place", ("before the first event", "in the call"))
def test_an_agent_that_counts_events_waits_for_a_provider_that_sends_comments(
    runner: Runner, stage: Stage, place: str
) -> None:
    finished(played(runner, stage, "codex", "responses", silent("responses", place, but_for_comments)))


def finished(ran: Ran) -> None:
    """Hold that the tool ran, that its result was told, that the answer was said, and each turn asked for once."""
    assert ran.marker == "tool-ran-8231\n", ran.said
    assert ANSWER in ran.said
    assert len(ran.asked) == 2, ran.said
    assert json.dumps(ran.asked[1]).count("tool-ran-8231") > json.dumps(ran.asked[0]).count("tool-ran-8231")


@pytest.mark.parametrize(("agent", "wire"), [pair for pair in AGENTS if pair[0] != "claude"])
def test_left_alone_it_gives_up(runner: Runner, mute: Stage, agent: str, wire: WireName) -> None:
    """So that the tests above can fail."""
    asked = itertools.count()

    def until_it_leaves(reply: Reply) -> None:
        if next(asked) == 0:
            reply.wait_gone(running.BOUND)

    script = silent(wire, "in the call", until_it_leaves)
    ran = played(runner, mute, agent, wire, script)
    assert len(ran.asked) > 2, ran.said


@pytest.mark.parametrize(
    ("wire", "client"),
    # An event of an unknown type goes to these two alone: the AI SDK and openai-node throw on it.
    [(wire, one) for wire in KINDS for one in KINDS[wire] if one not in {"claude-code", "codex"}],
    ids=str,
)
def test_the_parsers_of_the_javascript_world_read_the_same(judge: Judge, wire: WireName, client: str | None) -> None:
    sample = SAMPLES[wire]
    for oracle in ORACLES[wire]:
        wanted = judge.verdict(oracle, Served(b"".join(sample)))
        assert wanted.ok, wanted
        for place in range((wire, client) in EARLY, len(sample) + 1):
            assert judge.verdict(oracle, Served(beaten(wire, client, sample, place))) == wanted, (oracle, place)
