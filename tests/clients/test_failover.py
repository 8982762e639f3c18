"""Agents whose provider fails at each turn, and a second one answers, perhaps on another wire: they work on, once each.

The first provider does another thing at each request: an overload, a stream that begins and then says that it is
overloaded, a broken connection. What counts is what was done, and that the agent itself asked for each turn once.
"""

from __future__ import annotations

from contextlib import ExitStack
from itertools import cycle
from typing import TYPE_CHECKING

import pytest

from tests.clients.running import ANSWER, Runner, Stage
from tests.clients.test_wrong_wire import STREAMS, TURNS, nothing, play
from tests.lab import Answer, Mitm, Upstream
from tests.lab.replies import messages_events
from tests.lab.scripts import agent_turns

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab import Reply, Request, Script

pytestmark = [pytest.mark.clients, pytest.mark.timeout(900)]  # the first test installs them

OVERLOADED = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'


@pytest.fixture
def runner(agents: Path, opencode: Path, tmp_path: Path) -> Runner:
    return Runner(agents, opencode, tmp_path)


def overload(_: Request, reply: Reply) -> None:
    reply.body(529, [("content-type", "application/json")], OVERLOADED)


def overload_behind_the_opening(_: Request, reply: Reply) -> None:
    reply.head(200, [("content-type", "text/event-stream")])
    reply.send(messages_events(Answer())[0])
    reply.send(b"event: error\ndata: " + OVERLOADED + b"\n\n")
    reply.end()


def broken(_: Request, reply: Reply) -> None:
    reply.abort()


def failing() -> Script:
    """Fail in another way at each request."""
    faults = cycle((overload, overload_behind_the_opening, broken))

    def script(request: Request, reply: Reply) -> None:
        next(faults)(request, reply)

    return script


@pytest.fixture(scope="module")
def stages() -> Iterator[dict[str, tuple[Stage, Upstream]]]:
    """Set a stage for each wire of the second provider; the first one speaks messages, and always fails."""
    with ExitStack() as stack:
        found = {}
        for wire in TURNS:
            first = stack.enter_context(Upstream(failing()))
            second = stack.enter_context(Upstream(nothing))
            rules = (
                f"providers:\n  first: {{base_url: '{first.url}/v1', speaks: messages, key: client}}\n"
                f"  second: {{base_url: '{second.url}/v1', speaks: {wire}, key: client}}\n"
                "routes: [{to: [first, second], retry: {times: 1, backoff: 10ms, stay: 1s}}]\n"
                "limits: {cooldown: off}\n"
            )
            found[wire] = Stage(second, stack.enter_context(Mitm(rules))), first
        yield found


@pytest.mark.parametrize(
    ("agent", "wire"), (("claude", "messages"), ("claude", "chat"), ("codex", "responses"), ("opencode-chat", "chat"))
)
def test_an_agent_does_not_notice_that_its_provider_fails(
    runner: Runner, stages: dict[str, tuple[Stage, Upstream]], agent: str, wire: str
) -> None:
    def make(answer: Answer | None = None) -> Script:
        return STREAMS[wire](answer or Answer())

    stage, first = stages[wire]
    first.forget()
    play(stage, wire, agent_turns(make, runner.tool(agent), Answer(text=ANSWER)))
    ran = runner.run(agent, stage)
    assert ran.marker == "tool-ran-8231\n", ran.said
    assert ANSWER in ran.said
    assert [asked["stream"] for asked in ran.asked] == [True, True], ran.said
    assert first.requests, "the first provider was asked"
