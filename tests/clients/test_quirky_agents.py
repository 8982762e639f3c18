"""Claude Code, Codex and OpenCode on providers that break the rules: two turns with a tool call, to a finished answer.

Each quirk here is one that the agent was measured not to survive, or that costs money in silence: a request made again,
a tool run without its input. What counts is what was done (the file that the tool wrote) and how often the provider was
asked: twice for the turns, no more.
"""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.clients.test_real_agents import ANSWER, CLAUDE, CLAUDE_ENVIRON, CODEX, KIMI_KEY, OPENAI_KEY, PROMPT, Desk
from tests.lab import Answer, Authority, Forwarder, Mitm, Reply, Request, Upstream
from tests.lab.quirky import (
    MESSAGES_QUIRKS,
    RESPONSES_QUIRKS,
    chat_without_finish,
    messages_one,
    messages_ten,
    messages_unnamed,
    responses_one,
    responses_ten,
    serving,
)
from tests.lab.replies import messages_body, responses_body
from tests.lab.scripts import agent_turns

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.lab import Script

pytestmark = [pytest.mark.clients, pytest.mark.timeout(900)]  # the first test installs them

RULES = "providers: {{lab: {{base_url: '{url}', key: client}}}}\ndefault: lab\n"


@pytest.fixture
def desk(agents: Path, tmp_path: Path) -> Desk:
    project = tmp_path / "project"
    project.mkdir()
    return Desk(agents, tmp_path / "home", project, Authority(tmp_path))


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


@pytest.mark.parametrize("quirk", MESSAGES)
def test_claude_code_finishes_in_two_requests(desk: Desk, quirk: str) -> None:
    bash = ("Bash", {"command": desk.command, "description": "Write the marker"})
    turns = agent_turns(MESSAGES[quirk], bash, Answer(text=ANSWER))

    def script(request: Request, reply: Reply) -> None:
        if request.method == "HEAD":
            reply.json(200, {})
        else:
            turns(request, reply)

    with Upstream(script) as upstream, Forwarder({}) as office:
        rules = desk.project / "my-rules.yaml"
        rules.write_text(RULES.format(url=upstream.url))
        environ = desk.environ(office, **CLAUDE_ENVIRON, ANTHROPIC_API_KEY=KIMI_KEY)
        done = desk.run(environ, "--via", "gateway", "--rules", str(rules), *CLAUDE)
        asked = [request for request in upstream.requests if request.path.endswith("/messages")]
    what = f"--- stdout\n{done.stdout}\n--- stderr\n{done.stderr}"
    assert desk.marker.is_file(), what
    assert desk.marker.read_text() == "tool-ran-8231\n"
    assert ANSWER in done.stdout, what
    assert [request.json()["stream"] for request in asked] == [True, True], what


@pytest.mark.parametrize("quirk", RESPONSES)
def test_codex_finishes_in_two_requests(desk: Desk, quirk: str) -> None:
    shell = ("exec_command", {"cmd": desk.command})
    turns = agent_turns(RESPONSES[quirk], shell, Answer(text=ANSWER))
    with Upstream(turns) as upstream, Forwarder({}) as office:
        rules = desk.project / "my-rules.yaml"
        rules.write_text(RULES.format(url=upstream.url))
        environ = desk.environ(office, OPENAI_API_KEY=OPENAI_KEY)
        done = desk.run(environ, "--via", "gateway", "--rules", str(rules), *CODEX, "--model", "gpt-5.1-codex", PROMPT)
        asked = [request for request in upstream.requests if request.path.endswith("/responses")]
    what = f"--- stdout\n{done.stdout}\n--- stderr\n{done.stderr}"
    assert desk.marker.is_file(), what
    assert ANSWER in done.stdout, what
    assert len(asked) == 2, what


def test_opencode_asks_once_where_no_finish_reason_comes(opencode: Path, tmp_path: Path) -> None:
    """Left to itself it asks without end (measured: 833 times in 60 s)."""
    with (
        Upstream(serving(chat_without_finish)(Answer(text=ANSWER))) as upstream,
        Mitm(RULES.format(url=upstream.url)) as proxy,
    ):
        home, project = tmp_path / "home", tmp_path / "project"
        home.mkdir()
        project.mkdir()
        options = {"baseURL": f"{proxy.gateway}/v1", "apiKey": OPENAI_KEY}
        provider = {
            "npm": "@ai-sdk/openai-compatible",
            "name": "lab",
            "options": options,
            "models": {"m": {"name": "m"}},
        }
        config = {"provider": {"lab": provider}, "autoupdate": False, "share": "disabled"}
        (project / "opencode.json").write_text(json.dumps(config))
        environ = {
            "HOME": str(home),
            "PATH": os.environ["PATH"],
            "OPENCODE_DISABLE_AUTOUPDATE": "1",
            "OPENCODE_DISABLE_MODELS_FETCH": "1",
            "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1",
            "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
        }
        done = subprocess.run(
            [opencode, "run", "--auto", "--model", "lab/m", "Say it."],
            cwd=project,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        asked = [request.json() for request in upstream.requests if request.path.endswith("/completions")]
    assert ANSWER in done.stdout, f"--- stdout\n{done.stdout}\n--- stderr\n{done.stderr}"
    assert len([request for request in asked if request.get("tools")]) == 1, len(asked)
    assert len(asked) <= 2, "the turn, and the title that it asks for beside it"
