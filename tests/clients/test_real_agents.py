"""Claude Code and Codex themselves, through ``wiremend run`` in both styles, to a finished answer with a tool call.

The provider is scripted: its first turn asks for the agent's shell tool, its second, once a tool result has come,
answers. A doubled ``/v1`` is a 404 there, one model is known, one header carries the key. What counts is what was done:
the file that the tool wrote, and what reached the provider; an agent's exit code proves nothing by itself.

Each agent gets an environment that holds nothing of ours, a fake key and its settings as people write them (a base URL
that ends in ``/v1`` for Claude Code, one without for Codex, each the wrong form). It reaches loopback only: the
machine's proxy, which Wiremend honours upstream, is the test's own, knows the provider's real name, and refuses all
others.
"""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.launching import WIREMEND, clean_environ
from tests.lab import Answer, Authority, Forwarder, Reply, Request, Upstream, kimi, table
from tests.lab.scripts import agent_turns, messages_stream, responses_stream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab import Script

pytestmark = [pytest.mark.clients, pytest.mark.timeout(900)]  # the first test installs them

KIMI_KEY = "sk-kimi-FAKE0123456789"
OPENAI_KEY = "sk-proj-FAKE0123456789"
ANSWER = "The marker 8231 is written."
PROMPT = "Write the marker."
BOUND = 60.0


@dataclass(frozen=True)
class Desk:
    """Where an agent works: a home, a project as current folder, and the office's CA; the agents' programs."""

    agents: Path
    home: Path
    project: Path
    authority: Authority

    @property
    def marker(self) -> Path:
        """The file that the tool call writes."""
        return self.project / "marker.txt"

    @property
    def command(self) -> str:
        """The shell line that the provider asks for; what it prints goes back as the tool's result."""
        return f"echo tool-ran-8231 | tee {self.marker}"

    def environ(self, office: Forwarder, **more: str) -> dict[str, str]:
        """Give the agent's whole environment."""
        return clean_environ(self.home, HTTPS_PROXY=office.url, SSL_CERT_FILE=str(self.authority.ca), **more)

    def run(self, environ: dict[str, str], *argv: str) -> subprocess.CompletedProcess[str]:
        """Run ``wiremend run`` to its end; ``argv`` is its flags, ``--``, and the agent's command line."""
        return subprocess.run(
            [*WIREMEND, "run", *(str(self.agents / word) if word in {"claude", "codex"} else word for word in argv)],
            cwd=self.project,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=BOUND,
        )

    def settings(self, path: str, text: str) -> Path:
        """Write a settings file of the user's."""
        file = self.home / path
        file.parent.mkdir(parents=True)
        file.write_text(text)
        return file

    def judge(self, done: subprocess.CompletedProcess[str]) -> None:
        """Hold what is true of every good run: the tool ran, the answer was said, the receipt tells of two calls."""
        what = f"--- stdout\n{done.stdout}\n--- stderr\n{done.stderr}"
        assert self.marker.is_file(), what
        assert self.marker.read_text() == "tool-ran-8231\n"
        assert ANSWER in done.stdout, what
        assert done.returncode == 0, what
        assert re.search(r"^wiremend: 2 calls, 22 tokens in, 14 out$", done.stderr, re.MULTILINE), what


@pytest.fixture
def desk(agents: Path, tmp_path: Path) -> Desk:
    project = tmp_path / "project"
    project.mkdir()
    return Desk(agents, tmp_path / "home", project, Authority(tmp_path))


# --- Claude Code


CLAUDE = ("--", "claude", "-p", PROMPT, "--allowedTools", "Bash", "--model", "claude-sonnet-4-5")
CLAUDE_ENVIRON = {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1"}


def kimi_for_agents(desk: Desk) -> Script:
    """Behave as Kimi Code does, but play an agent's two turns to a request in which all is right."""
    bash = ("Bash", {"command": desk.command, "description": "Write the marker"})
    turns = agent_turns(messages_stream, bash, Answer(text=ANSWER))
    refuse = kimi()

    def script(request: Request, reply: Reply) -> None:
        right = (request.method, request.path) == ("POST", "/coding/v1/messages") and right_at_kimi(request)
        (turns if right else refuse)(request, reply)

    return script


def right_at_kimi(request: Request) -> bool:
    """Tell whether model, credential and version are what Kimi's messages wire wants."""
    return (
        request.json()["model"] == "kimi-for-coding"
        and request.get("x-api-key") == KIMI_KEY
        and request.get("authorization") is None
        and request.get("anthropic-version") is not None
    )


@pytest.fixture
def kimi_upstream(desk: Desk) -> Iterator[Upstream]:
    with Upstream(kimi_for_agents(desk), tls=desk.authority.server("api.kimi.com")) as upstream:
        yield upstream


@pytest.mark.parametrize("credential", ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"))
def test_claude_code_through_the_https_proxy(desk: Desk, kimi_upstream: Upstream, credential: str) -> None:
    with Forwarder({"api.kimi.com:443": kimi_upstream.port}) as office:
        environ = desk.environ(
            office, **CLAUDE_ENVIRON, **{credential: KIMI_KEY}, ANTHROPIC_BASE_URL="https://api.kimi.com/coding/v1"
        )
        done = desk.run(environ, "--via", "proxy", *CLAUDE)
    desk.judge(done)
    judge_at_kimi(kimi_upstream, done)


@pytest.mark.parametrize("place", ("environment", "settings"))
def test_claude_code_through_the_gateway(desk: Desk, kimi_upstream: Upstream, place: str) -> None:
    base = {"ANTHROPIC_BASE_URL": "https://api.kimi.com/coding/v1"}
    written = json.dumps({"env": base if place == "settings" else {}})
    settings = desk.settings(".claude/settings.json", written)
    with Forwarder({"api.kimi.com:443": kimi_upstream.port}) as office:
        more = {**CLAUDE_ENVIRON, **(base if place == "environment" else {}), "ANTHROPIC_AUTH_TOKEN": KIMI_KEY}
        done = desk.run(desk.environ(office, **more), "--via", "gateway", *CLAUDE)
    desk.judge(done)
    judge_at_kimi(kimi_upstream, done)
    assert settings.read_text() == written


def test_claude_code_goes_where_the_users_rules_say(desk: Desk) -> None:
    with Upstream(kimi_for_agents(desk)) as upstream, Forwarder({}) as office:
        rules = desk.project / "mine.yaml"
        rules.write_text(
            f"providers: {{kimi-code: {{base_url: '{upstream.url}/coding', key: $LAB_KEY}}}}\n"
            "routes: [{when: {client: claude-code, agent: tester-1}, to: kimi-code/kimi-for-coding}]\n"
        )
        environ = desk.environ(office, **CLAUDE_ENVIRON, LAB_KEY=KIMI_KEY, ANTHROPIC_API_KEY="sk-ant-FAKE0123456789")
        done = desk.run(environ, "--rules", "mine.yaml", "--agent", "tester-1", *CLAUDE)
    desk.judge(done)
    judge_at_kimi(upstream, done)


def judge_at_kimi(upstream: Upstream, done: subprocess.CompletedProcess[str]) -> None:
    """Hold that every call reached Kimi right, the second with the tool's result, and that the receipt says so."""
    calls = [request for request in upstream.requests if request.method == "POST"]
    assert [call.target for call in calls] == ["/coding/v1/messages?beta=true"] * 2
    assert all(map(right_at_kimi, calls))
    assert all((call.get("user-agent") or "").startswith("claude-cli/") for call in calls)
    results = [block for turn in calls[1].json()["messages"] for block in turn["content"] if is_result(block)]
    assert ["tool-ran-8231" in str(block["content"]) for block in results] == [True]
    assert "claude-sonnet-4-5 → kimi-code/kimi-for-coding  2 calls" in done.stderr


def is_result(block: Any) -> bool:  # noqa: ANN401 - a block of a JSON body, or a character of a text
    """Tell whether a content block is a tool's result."""
    return isinstance(block, dict) and block["type"] == "tool_result"


# --- Codex


CODEX = ("--", "codex", "exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox")
CONFIG = """\
model = "gpt-5.1-codex"
model_provider = "mine"
check_for_update_on_startup = false

[model_providers.mine]
name = "mine"
base_url = "https://api.openai.com"
env_key = "MY_KEY"
wire_api = "responses"
"""


def openai_for_agents(desk: Desk) -> Script:
    """Behave as OpenAI does, with an agent's two turns, for one key and one model; no WebSocket, no double /v1."""
    shell = ("exec_command", {"cmd": desk.command})
    turns = agent_turns(responses_stream, shell, Answer(text=ANSWER))

    def responses(request: Request, reply: Reply) -> None:
        if right_at_openai(request):
            turns(request, reply)
        else:
            reply.json(403, {"error": {"type": "invalid_request_error", "message": "not this model, not this key"}})

    return table({"POST /v1/responses": responses, "GET /v1/responses": lambda _, reply: reply.body(426, [], b"")})


def right_at_openai(request: Request) -> bool:
    """Tell whether model and credential are what the provider wants."""
    return request.json()["model"] == "gpt-5.1-codex" and request.all("authorization") == [f"Bearer {OPENAI_KEY}"]


@pytest.fixture
def openai_upstream(desk: Desk) -> Iterator[Upstream]:
    with Upstream(openai_for_agents(desk), tls=desk.authority.server("api.openai.com")) as upstream:
        yield upstream


@pytest.mark.parametrize("style", ("proxy", "gateway"))
@pytest.mark.parametrize("provider", ("built-in", "mine"))
def test_codex_through_wiremend(desk: Desk, openai_upstream: Upstream, style: str, provider: str) -> None:
    with Forwarder({"api.openai.com:443": openai_upstream.port}) as office:
        if provider == "mine":
            settings = desk.settings(".codex/config.toml", CONFIG)
            done = desk.run(desk.environ(office, MY_KEY=OPENAI_KEY), "--via", style, *CODEX, PROMPT)
            assert settings.read_text() == CONFIG
        else:
            environ = desk.environ(office, CODEX_API_KEY=OPENAI_KEY)
            done = desk.run(environ, "--via", style, *CODEX, "--model", "gpt-5.1-codex", PROMPT)
    desk.judge(done)
    calls = [request for request in openai_upstream.requests if request.method == "POST"]
    assert [call.target for call in calls] == ["/v1/responses"] * 2
    assert all(map(right_at_openai, calls))
    outputs = [item for item in calls[1].json()["input"] if item["type"] == "function_call_output"]
    assert ["tool-ran-8231" in str(item["output"]) for item in outputs] == [True]
    assert "gpt-5.1-codex → openai/gpt-5.1-codex  2 calls" in done.stderr
