"""What the tests of the guides and of the cookbook share: the pages' blocks, and the stage for problems.

The stage is a provider of many names on loopback, behind an office proxy that stands in for DNS, and one real proxy
whose rules are changed while it runs. So the rules on the page are run as they stand there, with the hosts they name.
"""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import pytest
from click.testing import CliRunner

from tests.cli.launching import WIREMEND
from tests.lab import Authority, Forwarder, Mitm, Upstream
from tests.lab.proxy import ROOT
from wiremend.cli.main import cli

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

    from click.testing import Result

    from tests.lab import Reply, Request, Script
    from wiremend.captures.capture import Capture

DOCS: Final = ROOT / "docs"
HOSTS: Final = ("llm.example.com", "api.kimi.com", "api.moonshot.ai", "api.z.ai")
IDLE: Final = "routes: [{when: {model: nothing-asks-for-this}, to: local}]\n"
"""Rules to begin with, so that those of the first problem are a change as well."""

_BLOCK: Final = re.compile(r"^```(\S*)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING: Final = re.compile(r"^## ([a-z0-9-]+): (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page: its language, its text, and the line where it begins."""

    language: str
    text: str
    line: int


def blocks(text: str) -> list[Block]:
    """Give the fenced blocks of a page, in order."""
    return [Block(found[1], found[3], text[: found.start()].count("\n") + 1) for found in _BLOCK.finditer(text)]


@dataclass(frozen=True, slots=True)
class Section:
    """A problem as the cookbook tells of it: its blocks by language."""

    title: str
    text: str

    def one(self, language: str) -> str:
        """Give the only block of a language."""
        (found,) = self.all(language)
        return found

    def all(self, language: str) -> list[str]:
        """Give the blocks of a language."""
        return [block.text for block in blocks(self.text) if block.language == language]


def sections() -> dict[str, Section]:
    """Give the problems of the cookbook by name."""
    page = (DOCS / "cookbook.md").read_text("utf-8")
    heads = list(_HEADING.finditer(page))
    ends = [*(head.start() for head in heads[1:]), len(page)]
    return {head[1]: Section(head[2], page[head.end() : end]) for head, end in zip(heads, ends, strict=True)}


def missing(shown: str, real: str) -> list[str]:
    """Give the lines of a page that a real output has not, or not behind those before them.

    A line with nothing but an ellipsis stands for any number; how lines are indented, and flows' ids, do not count.
    """
    rest, lost = [_bare(line) for line in real.splitlines()], []
    for line in (_bare(line) for line in shown.splitlines()):
        if line in {"", "…"}:
            continue
        if line in rest:
            rest = rest[rest.index(line) + 1 :]
        else:
            lost.append(line)
    return lost


def _bare(line: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"\[flow [0-9a-f]+\]", "[flow ID]", line)).strip()


class Stage:
    """A provider on loopback that answers as the problem at hand says, and a proxy in front of it."""

    def __init__(self, folder: Path) -> None:
        """Prepare; nothing runs yet."""
        authority = Authority(folder)
        self.script: Script | None = None
        self._straight: str | None = None
        self._calls = 0
        self._followed = IDLE
        self.upstream = Upstream(self._answer, tls=authority.server(*HOSTS))
        self.office = Forwarder({})
        self._authority = authority

    def __enter__(self) -> Self:
        """Start all of it."""
        self.upstream.__enter__()
        self.office.routes.update({f"{host}:443": self.upstream.port for host in HOSTS})
        self.office.__enter__()
        env = {"SSL_CERT_FILE": str(self._authority.ca), "HTTPS_PROXY": self.office.url, "COLUMNS": "100"}
        self.proxy = Mitm(IDLE, env=env).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop all of it."""
        self.proxy.__exit__(kind, error, trace)
        self.office.__exit__()
        self.upstream.__exit__(kind, error, trace)

    @property
    def gateway(self) -> str:
        """The base URL that clients are told: the gateway, or the provider itself while :meth:`straight` lasts."""
        return self._straight or self.proxy.gateway

    @contextlib.contextmanager
    def straight(self, script: Script) -> Iterator[None]:
        """Let clients talk to the provider without Wiremend."""
        with Upstream(script) as alone:
            self._straight = alone.url
            try:
                yield
            finally:
                self._straight = None

    @property
    def rules(self) -> Path:
        """The rules that the proxy follows."""
        assert self.proxy.rules is not None
        return self.proxy.rules

    def follow(self, text: str) -> None:
        """Write rules, and wait until the proxy follows them; what it follows already is no change."""
        start = len(self.proxy.log())
        self.proxy.write_rules(text)
        if text != self._followed:
            self.taken(start)

    def taken(self, since: int) -> None:
        """Wait until the proxy has taken up a change of its rules."""
        self.proxy.wait_log("rules reloaded", after=since)
        self._followed = self.rules.read_text("utf-8")

    def newest(self) -> Capture:
        """Wait until each call that reached the provider is written down, and give the newest."""
        return self.proxy.wait_captures(self._calls)[-1]

    @property
    def environ(self) -> dict[str, str]:
        """The environment of a person beside the proxy: the same home, the same rules."""
        return {**self.proxy.environment, "WIREMEND_RULES": str(self.rules), "PYTHONPATH": str(ROOT / "addons")}

    def within(self, *words: str) -> Result:
        """Run a verb in this process, which spares the imports; a connection that it opens is an error."""

        def refused(*_: object) -> None:
            raise AssertionError("it opens a connection")

        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.proxy.folder)
            patch.setattr(socket.socket, "connect", refused)
            return CliRunner().invoke(cli, words, env=self.environ)

    def wiremend(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a verb as a person does."""
        return subprocess.run(
            [*WIREMEND, *words],
            cwd=self.proxy.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def _answer(self, request: Request, reply: Reply) -> None:
        assert self.script is not None, "no problem is set up"
        self._calls += 1
        self.script(request, reply)
