"""The world in which the commands of the guides are run: a home with a key, an agent on PATH, a repository, a provider.

Most verbs run in this process, by the console script's own function, which spares the imports; what has a pipe, is
another program or has no end is run by a shell. Ports that the pages name are replaced by free ones.
"""

from __future__ import annotations

import contextlib
import os
import pty
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import termios
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import pytest
from click.testing import CliRunner

from tests.cli.captures_kit import exchange, har, har_entry, write
from tests.cli.launching import WIREMEND
from tests.cli.setup_kit import CODING, make_home
from tests.lab.quirky import chat_one
from tests.lab.replies import Answer
from tests.replay.cases_kit import RULES as CASE_RULES
from tests.replay.cases_kit import asking, repository
from wiremend.captures.capture import Body
from wiremend.cli.main import cli

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wiremend.captures.capture import Capture

BASH: Final = shutil.which("bash") or "/bin/bash"
DEADLINE: Final = 30.0
ID: Final = "3f2a91c0-0000-4000-8000-000000000001"
INSIDE: Final = frozenset({"bundle", "captures", "check", "diagnose", "explain", "quirks", "replay", "why"})
"""Verbs that start nothing and ask no keyring, so that they may run in the tests' own process."""

AGENT: Final = """\
#!{python}
import json, os, urllib.request
base = os.environ.get("ANTHROPIC_BASE_URL", "https://api.anthropic.com")
headers = {{"x-api-key": os.environ["ANTHROPIC_API_KEY"], "content-type": "application/json",
           "user-agent": "claude-cli/2.1.197", "anthropic-version": "2023-06-01"}}
body = {{"model": "claude-sonnet-4-5", "max_tokens": 9, "messages": [{{"role": "user", "content": "hello"}}]}}
request = urllib.request.Request(base + "/v1/messages", json.dumps(body).encode(), headers)
print(json.load(urllib.request.urlopen(request, timeout=15))["content"][0]["text"])
"""
"""What stands in for Claude Code: it finds its way by the environment alone, as the real one does."""

DEBUG_RULES: Final = """\
# what the guide to debugging looks into
providers:
  lab:
    base_url: https://api.example.com/coding/v1
    speaks: [chat]
    auth: none
    mend: off
default: lab
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command did."""

    code: int
    said: str


class World:
    """A person's home and a repository, in which the commands of one page are run in turn."""

    def __init__(self, root: Path, base: str) -> None:
        """Make it below ``root``; ``base`` is the base URL of the provider on loopback."""
        self.home = make_home(root)
        self.folder = root / "repository"
        self.folder.mkdir()
        programs = root / "bin"
        programs.mkdir()
        _program(programs / "wiremend", f"#!{WIREMEND[0]}\n{WIREMEND[2]}\n")
        _program(programs / "claude", AGENT.format(python=sys.executable))
        self.ports: dict[str, str] = {}
        self.environ = {
            **self.home.environ,
            "PATH": f"{programs}{os.pathsep}{self.home.environ['PATH']}",
            "MY_KEY": CODING,
            "ANTHROPIC_API_KEY": CODING,
            "KIMI_BASE_URL": base,
            "NO_COLOR": "1",
        }
        (self.home.folder / ".mitmproxy" / "config.yaml").write_text("web_port: 0\nweb_open_browser: false\n")
        self.remember(broken())

    def remember(self, capture: Capture) -> None:
        """Let the folder of captures hold this one."""
        write(self.home.folder / ".local" / "state" / "wiremend" / "captures" / "2026-11-21.flows", [capture])

    def repository(self) -> None:
        """Make a repository with cases and the rules of today and of the main branch; what is remembered fits them."""
        repository(self.folder)
        self.remember(replace(asking("lab-1"), id=ID))
        (self.folder / "main.yaml").write_text(CASE_RULES.replace("0.6", "0.7"))

    def debugging(self) -> None:
        """Make a folder with rules, a request and a HAR."""
        (self.folder / "rules.yaml").write_text(DEBUG_RULES)
        (self.folder / "request.json").write_text('{"model": "claude-sonnet-4-5", "max_tokens": 9, "messages": []}')
        (self.folder / "calls.har").write_text(har(har_entry("https://api.example.com/v1/chat/completions")))
        self.environ["WIREMEND_RULES"] = str(self.folder / "rules.yaml")

    def run(self, line: str, keys: tuple[tuple[str, str], ...] = ()) -> Ran:
        """Run a command to its end; ``keys`` are typed where it asks."""
        if keys:
            return Ran(*self.home.type(keys))
        line, words = self._ported(line), shlex.split(line)
        if words[0] == "wiremend" and words[1] in INSIDE and not re.search(r"[|>&$]", line):
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(self.folder)
                result = CliRunner().invoke(cli, words[1:], env=self.environ)
            if result.exception is not None and not isinstance(result.exception, SystemExit):
                return Ran(1, f"{result.output}\n{result.exception!r}")
            return Ran(result.exit_code, result.output)
        done = subprocess.run(
            [BASH, "-euo", "pipefail", "-c", line],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Ran(done.returncode, done.stdout + done.stderr)

    @contextlib.contextmanager
    def endless(self, line: str, until: str) -> Iterator[str]:
        """Start a command in a terminal, wait for what it says, and ask it to end when the block is left."""
        ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (40, 140))
        process = subprocess.Popen(
            [BASH, "-c", f"exec {self._ported(line)}"],
            cwd=self.folder,
            env=self.environ,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        try:
            yield _read(ours, until, process)
        finally:
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(OSError):  # Linux says that the other end is gone with EIO
                while os.read(ours, 65536):
                    pass
            os.close(ours)
            code = process.wait(DEADLINE)
        assert code in {0, -signal.SIGTERM}, f"{line} ended with {code}"

    def _ported(self, line: str) -> str:
        return re.sub(r"\b(?:8080|9000|9090)\b", lambda found: self.ports.setdefault(found[0], free_port()), line)


def _read(terminal: int, until: str, process: subprocess.Popen[bytes]) -> str:
    said, end = b"", time.monotonic() + DEADLINE
    while re.search(until.encode(), said) is None:
        assert time.monotonic() < end, f"{until!r} was not said:\n{said.decode(errors='replace')}"
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            piece = b""
        assert piece, f"it ended with {process.wait(DEADLINE)}:\n{said.decode(errors='replace')}"
        said += piece
    return said.decode(errors="replace")


def free_port() -> str:
    """Give a port that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return str(server.getsockname()[1])


def broken() -> Capture:
    """Give an exchange of just now whose tool call has no index, as ``mend: off`` lets it pass."""
    chunks = chat_one("tool-index-missing")(Answer(text="", tool=("look", {"at": "."})))
    made = exchange()
    (attempt,) = made.attempts
    assert attempt.response is not None
    reply = replace(attempt.response, body=Body.of(chunks, range(len(chunks))))
    decision = {"provider": "lab", "model": "kimi-k2", "wire": "chat", "by": "default"}
    sent = replace(attempt.request, body=made.request.body)
    attempts = (replace(attempt, request=sent, response=reply, decision=decision),)
    return replace(made, id=ID, began=time.time(), attempts=attempts, answer=reply)


def _program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)
