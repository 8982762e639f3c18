"""A final failure ends an agent at its first request, with the provider's own words; a passing one does not.

Left to themselves the agents ask on, for ever or with their own words in the place of the cause (docs/agents.md). The
requests are counted, and the words are looked for; no clock is read.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.clients.running import ANSWER, Runner, Stage
from tests.lab import Answer, provider

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab import Reply, Request, Script

pytestmark = [pytest.mark.clients, pytest.mark.timeout(900)]  # the first test installs them

MOONSHOT: Final = {
    "error": {
        "message": "You exceeded your current token quota: 0, please check your account balance",
        "type": "exceeded_current_quota_error",
    }
}
OPENAI: Final = {
    "error": {
        "message": "You exceeded your current quota, please check your plan and billing details.",
        "type": "insufficient_quota",
        "param": None,
        "code": "insufficient_quota",
    }
}


def plain(kind: str, message: str) -> dict[str, Any]:
    """Give an error that is legal on every wire."""
    return {"type": "error", "error": {"type": kind, "message": message}}


FAILURES: Final[dict[str, tuple[int, dict[str, Any]]]] = {
    "401": (401, plain("authentication_error", "this key is not known here")),
    "402": (402, plain("billing_error", "Insufficient Balance")),
    "403": (403, plain("permission_error", "this key may not do that")),
    "404": (404, plain("not_found_error", "Not found the model m or Permission denied")),
    "moonshot's quota": (429, MOONSHOT),
    "openai's quota": (429, OPENAI),
}
# Words that OpenCode takes for a fault of the moment: the type of Kimi's gate, a number that looks like a status.
TREACHEROUS: Final[dict[str, tuple[int, dict[str, Any]]]] = {
    "terminated": (403, {"error": {"type": "access_terminated_error", "message": "this plan is over"}}),
    "a number": (400, plain("invalid_request_error", "max_tokens: 65004 is more than 32000")),
}


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with Stage.set() as one:
        yield one


@pytest.fixture
def runner(agents: Path, opencode: Path, tmp_path: Path) -> Runner:
    return Runner(agents, opencode, tmp_path)


def failing(status: int, body: dict[str, Any], times: int | None = None) -> Script:
    """Fail always, or the first few times."""
    asked = iter(range(times) if times is not None else iter(int, 1))
    well = provider(answer=Answer(text=ANSWER))

    def script(request: Request, reply: Reply) -> None:
        if next(asked, None) is None:
            well(request, reply)
        else:
            reply.json(status, body)

    return script


@pytest.mark.parametrize(
    ("agent", "failure"),
    (
        *itertools.product(("claude", "codex"), FAILURES),
        ("opencode-messages", "401"),
        ("opencode-messages", "moonshot's quota"),
        ("opencode-chat", "402"),
        ("opencode-chat", "403"),
        ("opencode-chat", "openai's quota"),
        ("opencode-responses", "404"),
    ),
)
def test_an_agent_ends_at_once_and_says_why(runner: Runner, stage: Stage, agent: str, failure: str) -> None:
    status, body = FAILURES[failure]
    stage.play(failing(status, body))
    ran = runner.run(agent, stage)
    assert body["error"]["message"] in ran.said, ran.said
    assert len(ran.asked) == 1, ran.said
    if agent == "codex":  # it is told another status
        assert re.search(rf"\(the provider answered {status}\) \[flow [0-9a-f]{{8}}\]", ran.said), ran.said


@pytest.mark.parametrize("failure", TREACHEROUS)
def test_opencode_ends_though_the_text_holds_words_of_a_passing_fault(
    runner: Runner, stage: Stage, failure: str
) -> None:
    status, body = TREACHEROUS[failure]
    stage.play(failing(status, body))
    ran = runner.run("opencode-chat", stage)
    assert body["error"]["message"] in ran.said.replace("\u2060", ""), ran.said
    assert len(ran.asked) == 1, ran.said


PASSING: Final[dict[str, tuple[int, dict[str, Any]]]] = {
    "429": (429, plain("rate_limit_error", "Rate limit reached for requests")),
    "503": (503, plain("overloaded_error", "The engine is currently overloaded")),
    "529": (529, plain("overloaded_error", "Overloaded")),
}


@pytest.mark.parametrize(
    ("agent", "failure"),
    (
        ("claude", "429"),
        ("claude", "503"),
        ("claude", "529"),
        ("codex", "429"),
        ("codex", "503"),
        ("opencode-chat", "429"),
    ),
)
def test_a_failure_of_the_moment_is_tried_again(runner: Runner, stage: Stage, agent: str, failure: str) -> None:
    stage.play(failing(*PASSING[failure], times=1))
    ran = runner.run(agent, stage)
    assert ANSWER in ran.said, ran.said
    assert len(ran.asked) == 2, ran.said
