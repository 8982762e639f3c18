"""OpenClaw with the settings of ``docs/coming-from.md``, on both wires, where it is installed.

It is no part of what ``install.py`` fetches: it needs Node 24.16 or newer and takes 600 MB. Measured with 2026.9.6.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.clients.running import is_turn
from tests.lab import Answer, Mitm, Upstream
from tests.lab.proxy import ROOT
from tests.lab.scripts import agent_turns, chat_stream, messages_stream

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab import Reply, Request

OPENCLAW: Final = shutil.which("openclaw")
pytestmark = [
    pytest.mark.skipif(OPENCLAW is None, reason="openclaw is not on PATH; it is not installed for these tests"),
    pytest.mark.timeout(300),
]

PAGE: Final = (ROOT / "docs" / "coming-from.md").read_text("utf-8")
SECTION: Final = PAGE[PAGE.index("\n## OpenClaw\n") : PAGE.index("\n## LiteLLM\n")]
(SETTINGS,) = re.findall(r"^```json\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL)
(RULES,) = re.findall(r"^```yaml\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL)
ENV: Final = {"KIMI_API_KEY": "sk-kimi-FAKE0123456789", "DEEPSEEK_API_KEY": "sk-FAKE0123456789deep"}
ANSWER: Final = "The marker 8231 is written."
BOUND: Final = 150.0
ALONE: Final = {"HTTPS_PROXY": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1"}
"""What keeps it from asking anybody for news: nothing listens there."""


def settings(base: str, api: str, workspace: Path) -> str:
    """Give the page's settings with the address of a proxy, for one wire."""
    made: dict[str, Any] = json.loads(SETTINGS)
    (entry,) = made["models"]["providers"].values()
    entry |= {"baseUrl": base, "api": api}
    made["agents"]["defaults"]["workspace"] = str(workspace)
    return json.dumps(made)


@pytest.mark.parametrize(("api", "end"), (("anthropic-messages", ""), ("openai-completions", "/v1")))
def test_openclaw_works_with_one_entry(tmp_path: Path, api: str, end: str) -> None:
    home, project = tmp_path / "home", tmp_path / "project"
    (home / ".openclaw").mkdir(parents=True)
    project.mkdir()
    marker = project / "marker.txt"
    stream = messages_stream if api.startswith("anthropic") else chat_stream
    turns = agent_turns(stream, ("exec", {"command": f"echo tool-ran-8231 | tee {marker}"}), Answer(text=ANSWER))

    def kimi(request: Request, reply: Reply) -> None:
        if is_turn(request):
            turns(request, reply)
        else:
            reply.json(404, {})

    with Upstream(kimi) as upstream:
        rules = RULES.replace("kimi-code: {", f"kimi-code: {{base_url: '{upstream.url}/coding/v1', ")
        with Mitm(rules, env=ENV) as proxy:
            (home / ".openclaw" / "openclaw.json").write_text(settings(f"{proxy.gateway}{end}", api, project))
            done = subprocess.run(
                [str(OPENCLAW), "agent", "--local", "--session-id", "lab", "--message", "Say it."],
                cwd=project,
                env={"HOME": str(home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8", **ALONE},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=BOUND,
            )
        asked = [request for request in upstream.requests if is_turn(request)]
    assert marker.is_file(), done.stderr
    assert ANSWER in done.stdout
    assert len(asked) == 2
    for request in asked:
        assert request.json()["model"] == "kimi-for-coding"
        assert ENV["KIMI_API_KEY"] in f"{request.get('x-api-key')}{request.get('authorization')}"
