"""Runs an agent at a gateway that is there already, for tests that start many: one proxy and one provider for all.

What counts is what reached the provider. Of OpenCode's requests that is the turns alone: it asks for a title beside
them, which has no tools, and which the scripts here answer well whatever they do to a turn.
"""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tests.lab import Answer, Mitm, Upstream, provider

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab import Reply, Request, Script

KEY: Final = "sk-lab-FAKE0123456789"
SAY: Final = "Say it."
ANSWER: Final = "The marker 8231 is written."
BOUND: Final = 60.0
PACKAGES: Final = {
    "messages": "@ai-sdk/anthropic",
    "chat": "@ai-sdk/openai-compatible",
    "responses": "@ai-sdk/openai",
}
ENDS: Final = ("/messages", "/completions", "/responses")


@dataclass(frozen=True)
class Ran:
    """What came of it: what the agent printed, and the turns that the provider was asked for."""

    said: str
    asked: list[dict[str, Any]]
    marker: str | None


@dataclass(frozen=True)
class Stage:
    """A provider whose script is set test by test, and a proxy before it."""

    upstream: Upstream
    proxy: Mitm

    @classmethod
    @contextmanager
    def set(cls, rules: str = "") -> Iterator[Stage]:
        """Start both; ``rules`` are lines more of the rules file, whose one provider gets the client's own key."""
        with (
            Upstream(provider()) as upstream,
            Mitm(f"{rules}providers: {{lab: {{base_url: '{upstream.url}', key: client}}}}\ndefault: lab\n") as proxy,
        ):
            yield cls(upstream, proxy)

    def play(self, script: Script) -> None:
        """Answer turns with a script from now on; all else as a provider does that has nothing wrong with it."""
        well = provider(answer=Answer(text=ANSWER))

        def answer(request: Request, reply: Reply) -> None:
            if request.method == "HEAD":
                reply.json(200, {})
            else:
                (script if is_turn(request) else well)(request, reply)

        self.upstream.forget()
        self.upstream.script = answer


@dataclass(frozen=True)
class Runner:
    """Where an agent works: its programs, a home, a project."""

    programs: Path
    opencode: Path | None
    folder: Path

    @property
    def home(self) -> Path:
        """The agent's home."""
        return self.folder / "home"

    @property
    def project(self) -> Path:
        """Where it runs."""
        return self.folder / "project"

    @property
    def marker(self) -> Path:
        """The file that the tool call writes."""
        return self.project / "marker.txt"

    @property
    def command(self) -> str:
        """The shell line that a provider asks for."""
        return f"echo tool-ran-8231 | tee {self.marker}"

    def tool(self, agent: str) -> tuple[str, dict[str, str]]:
        """Give the call of the agent's shell tool."""
        line = {"command": self.command, "description": "Write the marker"}
        return {"claude": ("Bash", line), "codex": ("exec_command", {"cmd": self.command})}.get(agent, ("bash", line))

    def run(self, agent: str, stage: Stage, *flags: str) -> Ran:
        """Run ``claude``, ``codex`` or ``opencode-WIRE`` to its end, with flags more at the end of its line."""
        said = self.at(agent, stage.proxy.gateway, *flags)
        asked = [request.json() for request in stage.upstream.requests if is_turn(request)]
        marker = self.marker.read_text() if self.marker.is_file() else None
        return Ran(said, asked, marker)

    def at(self, agent: str, base: str, *flags: str) -> str:
        """Run an agent as above at whatever answers at this URL, and give what it printed."""
        self.home.mkdir(exist_ok=True)
        self.project.mkdir(exist_ok=True)
        done = subprocess.run(
            [*self._line(agent, base), *flags],
            cwd=self.project,
            env=self._environ(base),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=BOUND,
        )
        return f"--- stdout\n{done.stdout}\n--- stderr\n{done.stderr}"

    def _line(self, agent: str, base: str) -> list[str]:
        if agent == "claude":
            line = [str(self.programs / "claude"), "-p", SAY, "--allowedTools", "Bash", "--model", "claude-sonnet-4-5"]
        elif agent == "codex":
            line = [str(self.programs / "codex"), "exec", "--skip-git-repo-check", "-c", f'openai_base_url="{base}/v1"']
            line += ["--dangerously-bypass-approvals-and-sandbox", "--model", "gpt-5.1-codex", SAY]
        else:
            assert self.opencode is not None
            line = [str(self.opencode), "run", "--auto", "--model", self._opencode(agent, base), SAY]
        return line

    def _opencode(self, agent: str, base: str) -> str:
        """Write OpenCode's settings; gives the model's name. As ``openai`` a provider is treated in its own way."""
        wire = agent.removeprefix("opencode-")
        name = "openai" if wire == "responses" else "lab"
        options = {"baseURL": f"{base}/v1", "apiKey": KEY}
        lab = {"npm": PACKAGES[wire], "name": name, "options": options, "models": {"m": {"name": "m"}}}
        config = {"provider": {name: lab}, "autoupdate": False, "share": "disabled"}
        (self.project / "opencode.json").write_text(json.dumps(config))
        return f"{name}/m"

    def _environ(self, base: str) -> dict[str, str]:
        return {
            "HOME": str(self.home),
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "ANTHROPIC_BASE_URL": base,
            "ANTHROPIC_API_KEY": KEY,
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "CODEX_API_KEY": KEY,
            "OPENCODE_DISABLE_AUTOUPDATE": "1",
            "OPENCODE_DISABLE_MODELS_FETCH": "1",
            "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1",
            "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
        }


def is_turn(request: Request) -> bool:
    """Tell whether a request is one for a turn of the conversation."""
    return request.method == "POST" and request.path.endswith(ENDS) and bool(request.json().get("tools"))
