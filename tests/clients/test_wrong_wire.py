"""Agents at providers that do not speak their wire: two turns with a shell command that is really run, to the end.

Claude Code speaks messages only, Codex responses only, OpenCode what its settings say. Each provider here answers one
wire and 404 on all others, so that nothing but translation can finish a turn. What counts is what was done (the file
that the command wrote), what was said, and that each turn was asked for once, on the provider's wire.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.clients.running import ANSWER, Ran, Runner, Stage
from tests.lab import Answer, Mitm, Upstream
from tests.lab.scripts import agent_turns, chat_stream, messages_stream, responses_stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.lab import Reply, Request, Script

pytestmark = [pytest.mark.clients, pytest.mark.timeout(900)]  # the first test installs them

TURNS = {"messages": "/v1/messages", "chat": "/v1/chat/completions", "responses": "/v1/responses"}
STREAMS: dict[str, Callable[[Answer], Script]] = {
    "messages": messages_stream,
    "chat": chat_stream,
    "responses": responses_stream,
}


@pytest.fixture
def runner(agents: Path, opencode: Path, tmp_path: Path) -> Runner:
    return Runner(agents, opencode, tmp_path)


@pytest.fixture(scope="module")
def stages() -> Iterator[dict[str, Stage]]:
    """Set a stage for each wire: a provider that speaks it alone, and a proxy that knows so."""
    with ExitStack() as stack:
        found = {}
        for wire in TURNS:
            upstream = stack.enter_context(Upstream(nothing))
            rules = (
                f"providers: {{lab: {{base_url: '{upstream.url}/v1', speaks: {wire}, key: client}}}}\ndefault: lab\n"
            )
            found[wire] = Stage(upstream, stack.enter_context(Mitm(rules)))
        yield found


def nothing(_: Request, reply: Reply) -> None:
    """Know no path."""
    reply.json(404, {"error": {"message": "no such path", "type": "invalid_request_error"}})


def play(stage: Stage, wire: str, turn: Script) -> None:
    """Answer turns on the wire alone, and quietly what an agent asks beside them."""
    aside = STREAMS[wire](Answer(text="A title"))

    def answer(request: Request, reply: Reply) -> None:
        if request.path.partition("?")[0] != TURNS[wire]:
            nothing(request, reply)
        else:
            (turn if request.json().get("tools") else aside)(request, reply)

    stage.upstream.forget()
    stage.upstream.script = answer


def worked(runner: Runner, stage: Stage, agent: str, wire: str) -> Ran:
    """Let an agent work."""

    def make(answer: Answer | None = None) -> Script:
        return STREAMS[wire](answer or Answer())

    play(stage, wire, agent_turns(make, runner.tool(agent), Answer(text=ANSWER)))
    return runner.run(agent, stage)


@pytest.mark.parametrize(
    ("agent", "wire"),
    (
        ("claude", "chat"),
        ("claude", "responses"),
        ("codex", "chat"),
        ("codex", "messages"),
        ("opencode-chat", "messages"),
        ("opencode-chat", "responses"),
        ("opencode-messages", "chat"),
        ("opencode-messages", "responses"),
        ("opencode-responses", "chat"),
        ("opencode-responses", "messages"),
    ),
)
def test_an_agent_finishes_its_work_at_a_provider_of_another_wire(
    runner: Runner, stages: dict[str, Stage], agent: str, wire: str
) -> None:
    ran = worked(runner, stages[wire], agent, wire)
    assert ran.marker == "tool-ran-8231\n", ran.said
    assert ANSWER in ran.said
    assert [asked["stream"] for asked in ran.asked] == [True, True], ran.said
    paths = {request.path.partition("?")[0] for request in stages[wire].upstream.requests if request.method == "POST"}
    assert TURNS[wire] in paths
