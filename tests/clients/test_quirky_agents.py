"""Claude Code, Codex and OpenCode on providers that break the rules: two turns with a tool call, to a finished answer.

Each quirk here is one that the agent was measured not to survive, or that costs money in silence: a request made again,
a tool run without its input. What counts is what was done (the file that the tool wrote) and how often the provider was
asked: twice for the turns, no more.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.clients.running import ANSWER, Ran, Runner, Stage
from tests.lab import Answer, provider
from tests.lab.quirky import (
    CHAT_QUIRKS,
    MESSAGES_QUIRKS,
    RESPONSES_QUIRKS,
    chat_one,
    messages_one,
    messages_ten,
    messages_unnamed,
    responses_one,
    responses_ten,
    serving,
)
from tests.lab.replies import (
    chat_body,
    chat_events,
    messages_body,
    messages_events,
    responses_body,
    responses_events,
    sse,
)
from tests.lab.scripts import agent_turns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from tests.lab import Reply, Request, Script

pytestmark = [pytest.mark.clients, pytest.mark.timeout(900)]  # the first test installs them


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with Stage.set() as one:
        yield one


@pytest.fixture(scope="module")
def watched() -> Iterator[Stage]:
    """Set a stage on which nothing is mended."""
    with Stage.set("mend: off\n") as one:
        yield one


@pytest.fixture
def runner(agents: Path, opencode: Path, tmp_path: Path) -> Runner:
    return Runner(agents, opencode, tmp_path)


def json_for_a_stream(body: Callable[[Answer], object]) -> Callable[..., Script]:
    """Answer every request, the streaming ones too, with one JSON body."""

    def make(answer: Answer | None = None) -> Script:
        return lambda _, reply: reply.json(200, body(answer or Answer()))

    return make


MESSAGES = {
    "ten at once": serving(messages_ten, "text/plain"),
    "anth-event-line-missing": serving(messages_unnamed),
    "stream-request-json-response": json_for_a_stream(messages_body),
    **{name: serving(messages_one(name)) for name in MESSAGES_QUIRKS},
}
RESPONSES = {
    "ten at once": serving(responses_ten, "text/plain"),
    "stream-request-json-response": json_for_a_stream(responses_body),
    **{name: serving(responses_one(name)) for name in RESPONSES_QUIRKS},
}
CHAT = {
    "stream-request-json-response": json_for_a_stream(chat_body),
    **{name: serving(chat_one(name)) for name in CHAT_QUIRKS},
}
OPENCODE_ON_MESSAGES = (
    "ten at once",
    "stream-request-json-response",
    "anth-stop-reason-missing",
    "anth-message-delta-missing",
    "anth-message-stop-missing",
)


def two_turns(runner: Runner, stage: Stage, agent: str, make: Callable[..., Script], *flags: str) -> Ran:
    """Let an agent work with a provider whose every turn is made so."""
    stage.play(agent_turns(make, runner.tool(agent), Answer(text=ANSWER)))
    return runner.run(agent, stage, *flags)


def finished(ran: Ran) -> None:
    """Hold that the tool ran, that the answer was said, and that each turn was asked for once, as a stream."""
    assert ran.marker == "tool-ran-8231\n", ran.said
    assert ANSWER in ran.said
    assert [asked["stream"] for asked in ran.asked] == [True, True], ran.said


@pytest.mark.parametrize("quirk", MESSAGES)
def test_claude_code_finishes_in_two_requests(runner: Runner, stage: Stage, quirk: str) -> None:
    finished(two_turns(runner, stage, "claude", MESSAGES[quirk]))


@pytest.mark.parametrize("quirk", RESPONSES)
def test_codex_finishes_in_two_requests(runner: Runner, stage: Stage, quirk: str) -> None:
    finished(two_turns(runner, stage, "codex", RESPONSES[quirk]))


@pytest.mark.parametrize("quirk", CHAT)
def test_opencode_finishes_in_two_requests_on_chat(runner: Runner, stage: Stage, quirk: str) -> None:
    ran = two_turns(runner, stage, "opencode-chat", CHAT[quirk], "--format", "json")
    finished(ran)
    assert counted(ran) == [(11, 7), (11, 7)], ran.said  # what the provider counted, so that it knows when to compact


def counted(ran: Ran) -> list[tuple[int, int]]:
    """Give the tokens in and out that OpenCode counted, step by step."""
    steps = [json.loads(line) for line in ran.said.splitlines() if line.startswith("{") and '"step_finish"' in line]
    return [(step["part"]["tokens"]["input"], step["part"]["tokens"]["output"]) for step in steps]


@pytest.mark.parametrize("quirk", OPENCODE_ON_MESSAGES)
def test_opencode_finishes_in_two_requests_on_messages(runner: Runner, stage: Stage, quirk: str) -> None:
    finished(two_turns(runner, stage, "opencode-messages", MESSAGES[quirk]))


@pytest.mark.parametrize(
    ("agent", "quirks", "quirk"),
    (
        ("claude", MESSAGES, "anth-tool-input-shape"),
        ("codex", RESPONSES, "resp-item-done-missing"),
        ("opencode-chat", CHAT, "tool-id-missing"),
        ("opencode-chat", CHAT, "tool-args-object"),
    ),
)
def test_without_mending_the_tool_does_not_run(
    runner: Runner, watched: Stage, agent: str, quirks: Mapping[str, Callable[..., Script]], quirk: str
) -> None:
    """So that the tests above can fail."""
    assert two_turns(runner, watched, agent, quirks[quirk]).marker is None


def test_without_mending_opencode_counts_nothing(runner: Runner, watched: Stage) -> None:
    ran = two_turns(runner, watched, "opencode-chat", CHAT["usage-in-choice"], "--format", "json")
    assert counted(ran) == [(0, 0), (0, 0)], ran.said


# --- an error in mid-stream, and a cut

CAUSE = "this key was closed while it was in use"
BEGUN = {
    "claude": (
        messages_events,
        [sse({"type": "error", "error": {"type": "permission_error", "message": CAUSE}}, "error")],
    ),
    "codex": (
        responses_events,
        [sse({"type": "error", "code": "invalid_api_key", "message": CAUSE, "sequence_number": 4}, "error")],
    ),
    "opencode-chat": (chat_events, [sse({"error": {"type": "permission_error", "message": CAUSE}})]),
    "opencode-messages": (
        messages_events,
        [sse({"type": "error", "error": {"type": "permission_error", "message": CAUSE}}, "error")],
    ),
}


def begins(agent: str, then: Callable[[Request, Reply], None]) -> Script:
    """Stream the first four events of an answer, and go on with ``then``."""
    events, _ = BEGUN[agent]
    refusal: dict[str, Any] = {"type": "error", "error": {"type": "permission_error", "message": CAUSE}}

    def script(request: Request, reply: Reply) -> None:
        if not request.json().get("stream"):
            reply.json(403, refusal)
            return
        reply.head(200, [("content-type", "text/event-stream")])
        for event in events(Answer(text="one two three four"))[:4]:
            reply.send(event)
        then(request, reply)

    return script


@pytest.mark.parametrize(
    ("agent", "turns"),
    (
        ("claude", [True, False]),  # it asks once more without a stream, and takes the answer to that
        ("codex", [True]),
        ("opencode-chat", [True]),
        ("opencode-messages", [True]),
    ),
)
def test_a_final_error_in_mid_stream_ends_the_agent_with_its_cause(
    runner: Runner, stage: Stage, agent: str, turns: list[bool]
) -> None:
    _, error = BEGUN[agent]

    def end(_: Request, reply: Reply) -> None:
        reply.send(error[0])
        reply.end()

    stage.play(begins(agent, end))
    ran = runner.run(agent, stage)
    assert CAUSE in ran.said, ran.said
    assert [bool(asked.get("stream")) for asked in ran.asked] == turns, ran.said


@pytest.mark.parametrize("agent", ("claude", "codex", "opencode-chat"))
def test_an_agent_hears_of_a_cut_and_asks_again(runner: Runner, stage: Stage, agent: str) -> None:
    """It hears of it by the cut alone: what would tell it otherwise, its own patience, lasts for minutes."""
    cut = begins(agent, lambda _, reply: reply.cut())
    well = provider(answer=Answer(text=ANSWER))
    scripts = iter([cut])

    def cut_once(request: Request, reply: Reply) -> None:
        next(scripts, well)(request, reply)

    stage.play(cut_once)
    ran = runner.run(agent, stage)
    assert ANSWER in ran.said, ran.said
    assert len(ran.asked) == 2, ran.said


def test_opencode_says_that_the_stream_was_cut(runner: Runner, stage: Stage) -> None:
    stage.play(begins("opencode-messages", lambda _, reply: reply.cut()))
    ran = runner.run("opencode-messages", stage)
    assert "cut the stream" in ran.said, ran.said
    assert len(ran.asked) == 1, ran.said
