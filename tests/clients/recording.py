"""Sessions of real agents, recorded through a real proxy and kept as cases: for tests, and those in ``captures/``.

A session is two turns: the provider asks for the agent's shell tool, and answers once the tool's result has come. It
is one that breaks rules of its wire, so that the cases have mends in them.

``python -m tests.clients.recording`` makes the shipped cases anew, for instance after the pins of the agents have
moved. They are recorded with the least that each agent sends: system prompts of ours, and no tools but the shell where
it has a switch for that.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.cli.launching import WIREMEND
from tests.clients.install import installed
from tests.clients.running import ANSWER, Runner
from tests.lab import Answer, Mitm, Upstream, provider
from tests.lab.proxy import ROOT
from tests.lab.quirky import CHAT_QUIRKS, documents, messages_ten, responses_ten, serving
from tests.lab.replies import chat_events, sse
from tests.lab.scripts import agent_turns
from wiremend.captures.case import find_cases, read_case, write_case

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.lab import Reply, Request, Script

OUR_KEY: Final = "sk-lab-FAKE9876543210"
"""What the rules send instead of the agent's own key."""

RULES: Final = """\
# What the sessions were recorded with. One provider, a script on this machine, plays a lab that has models of its own.
providers:
  lab:
    base_url: ${LAB_URL}/v1
    key: $LAB_KEY
    headers: {x-lab-team: blue}
aliases:
  claude-sonnet-4-5: lab/lab-large
routes:
  - {name: Codex, when: {client: codex}, to: lab/lab-coder}
  - {name: OpenCode, when: {client: opencode}, to: lab/lab-small}
edits:
  - {name: answers of Claude Code, when: {client: claude-code}, set: {/max_tokens: 4096}}
  - {name: no browser here, when: {wire: messages}, headers: {anthropic-dangerous-direct-browser-access: null}}
  - {name: in a row, when: {wire: responses}, set: {/parallel_tool_calls: false}}
  - {name: after a tool, when: {body: {/messages/*/role: tool}}, default: {/temperature: 0.2}}
"""
SHELL: Final = "echo tool-ran-8231 | tee marker.txt"
PROMPT: Final = "You run the commands that the provider asks for."
CLIENT: Final[dict[str, str]] = {"claude": "claude-code", "codex": "codex", "opencode-chat": "opencode"}
"""The agent as the runner names it -> as rules do."""

SESSION: Final[dict[str, str]] = {agent: f"session-{client}" for agent, client in CLIENT.items()}
SHOWS: Final[dict[str, str]] = {
    "claude": "A doubled /v1, an alias, an edit, and a stream without names that begins at block 1.",
    "codex": "A route, an edit, and a stream without types, numbers and finished items.",
    "opencode-chat": "A route, and tool calls without ids whose arguments are an object, with the usage in the choice.",
}

_FOLDER: Final = Path("/tmp/session")  # noqa: S108 - the agents tell the provider where they work: nobody's own folder
_BASE: Final = "@BASE@"
_LEAST_OF_CODEX: Final = {
    "model_providers.lab.name": '"lab"',
    "model_providers.lab.base_url": f'"{_BASE}/v1"',
    "model_providers.lab.env_key": '"CODEX_API_KEY"',
    "model_providers.lab.wire_api": '"responses"',
    "model_provider": '"lab"',
    "include_apps_instructions": "false",
    "include_collaboration_mode_instructions": "false",
    "include_environment_context": "false",
    "include_permissions_instructions": "false",
    "skills.include_instructions": "false",
    "features.multi_agent": "false",
    "features.goals": "false",
    "web_search": '"disabled"',
}


def _broken_chat(answer: Answer) -> list[bytes]:
    """No ids of tool calls, arguments as an object, a finish reason of its own, the usage in the choice."""
    events = documents(chat_events(answer))
    for quirk in ("tool-id-missing", "tool-args-object", "usage-in-choice", "finish-reason-nonstandard"):
        if not (answer.tool and quirk == "finish-reason-nonstandard"):
            events = CHAT_QUIRKS[quirk](events)
    return [*map(sse, events), sse("[DONE]")]


_BROKEN: Final[dict[str, Callable[..., Script]]] = {
    "claude": serving(messages_ten, "text/plain"),
    "codex": serving(responses_ten, "text/plain"),
    "opencode-chat": serving(_broken_chat),
}
_TOOL: Final = {"claude": "Bash", "codex": "exec_command", "opencode-chat": "bash"}


def script(agent: str) -> Script:
    """Play the two turns of a session; whatever else an agent asks for is answered as it should be."""
    call = {"cmd": SHELL} if agent == "codex" else {"command": SHELL, "description": "Write the marker"}
    turns = agent_turns(_BROKEN[agent], (_TOOL[agent], call), Answer(text=ANSWER))
    well = provider()

    def answer(request: Request, reply: Reply) -> None:
        turn = request.method == "POST" and request.path.endswith(("/messages", "/completions", "/responses"))
        (turns if turn else well)(request, reply)

    return answer


def runs(runner: Runner, agent: str, base: str, *flags: str) -> str:
    """Let an agent run its session at a URL; gives what it printed. Raises AssertionError where it has another end."""
    runner.marker.unlink(missing_ok=True)
    at = f"{base}/v1" if agent == "claude" else base  # Claude Code adds another /v1
    said = runner.at(agent, at, *(flag.replace(_BASE, base) for flag in flags))
    assert ANSWER in said, said
    assert runner.marker.is_file(), said
    assert runner.marker.read_text() == "tool-ran-8231\n", said
    return said


def record(runner: Runner, agent: str, folder: Path, *flags: str) -> Path:
    """Run a session through the proxy; gives the flow file, the one in ``folder``."""
    with (
        Upstream(script(agent)) as upstream,
        Mitm(RULES, env=environ(upstream.url), options={"wiremend_capture": folder}) as proxy,
    ):
        runs(runner, agent, proxy.gateway, *flags)
    (file,) = folder.glob("*.flows")
    return file


def environ(url: str) -> dict[str, str]:
    """Give the variables that the rules name, for a provider at a URL."""
    return {"LAB_URL": url, "LAB_KEY": OUR_KEY}


def wiremend(*arguments: str, folder: Path, home: Path) -> subprocess.CompletedProcess[str]:
    """Run a verb in a folder, as a user who has nothing in this home."""
    return subprocess.run(
        [*WIREMEND, *arguments], cwd=folder, env=alone(home), capture_output=True, text=True, check=False
    )


def alone(home: Path) -> dict[str, str]:
    """Give the environment of such a user."""
    return {"PYTHONPATH": str(ROOT / "addons"), "PATH": "/usr/bin:/bin", "HOME": str(home), "COLUMNS": "120"}


def keep(file: Path, agent: str, repository: Path, home: Path) -> None:
    """Add all of a flow file to the captures of a repository, as the user does whose home this is."""
    name = ("--all", "--name", SESSION[agent])
    done = wiremend("captures", "add", str(file), *name, folder=repository, home=home)
    assert done.returncode == 0, done.stdout + done.stderr


# --- the shipped ones


def least(agent: str, runner: Runner) -> list[str]:
    """Give the flags with which an agent sends the least, and write the settings that have no flag."""
    if agent == "claude":
        return ["--bare", "--tools", "Bash", "--disable-slash-commands", "--system-prompt", PROMPT]
    runner.home.mkdir(exist_ok=True)
    if agent == "codex":
        file = runner.home / "instructions.md"
        file.write_text(PROMPT)
        settings = _LEAST_OF_CODEX | {"model_instructions_file": f'"{file}"'}
        return [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    file = runner.home / ".config" / "opencode" / "opencode.json"
    file.parent.mkdir(parents=True)
    agents = {"build": {"prompt": PROMPT, "tools": {"*": False, "bash": True}}, "title": {"disable": True}}
    file.write_text(json.dumps({"agent": agents}))
    return []


def ship(agent: str, runner: Runner, captures: Path) -> list[Path]:
    """Record a session and put it into ``captures``, in place of the one that is there; gives its cases."""
    flags = least(agent, runner)
    keep(record(runner, agent, runner.folder / "recorded", *flags), agent, runner.folder, runner.folder)
    made = find_cases(runner.folder / "captures")
    for old in captures.glob(f"*/{SESSION[agent]}-*"):
        shutil.rmtree(old)
    return [_shipped(folder, agent, captures) for folder in made]


def _shipped(folder: Path, agent: str, captures: Path) -> Path:
    case = read_case(folder)
    target = captures / folder.parent.name / folder.name
    title = f"A session of {case.capture.client}, request {int(folder.name[-2:])}"
    origin = f"{case.origin}, from {case.capture.versions['client']} on a scripted provider"
    about = {"shows": SHOWS[agent]}
    write_case(target, case.capture, title=title, about=about, origin=origin)
    (target / "rules.yaml").write_text(RULES)
    return target


def main() -> None:
    """Make the shipped sessions anew."""
    modules = installed() / "node_modules"
    for agent in sys.argv[1:] or SESSION:
        _FOLDER.mkdir(mode=0o700)
        try:
            runner = Runner(modules / ".bin", modules / "opencode-linux-x64" / "bin" / "opencode", _FOLDER)
            for folder in ship(agent, runner, ROOT / "captures"):
                sys.stdout.write(f"{folder.relative_to(ROOT)}\n")
        finally:
            shutil.rmtree(_FOLDER)


if __name__ == "__main__":
    main()
