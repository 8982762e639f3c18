"""What the tests of all verbs share: a folder with something for each, and runs as their users do them."""

from __future__ import annotations

import io
import os
import signal
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from tests.cli.captures_kit import cut, exchange, har, har_entry, with_key, write
from tests.replay.cases_kit import repository
from wiremend.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

KEY: Final = "sk-kimi-Zx8q4LmN2pVt7RwYb3Kd9HsJfTgC"

RULES: Final = """\
providers:
  lab: {base_url: http://127.0.0.1:9/v1, speaks: [chat], auth: none}
aliases: {small: lab/lab-mini}
routes:
  - {name: to the lab, when: {model: "lab-*", body: {/a: b*}, stream: true, key: [sk-*, null]}, to: lab}
default: lab
edits:
  - {name: warm, when: {provider: lab}, default: {/temperature: 0.6}, headers: {X-Lab: "1"}}
expect:
  - {given: {model: small}, to: lab/lab-mini}
"""


SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Those that a verb may handle in a way of its own until it ends."""


@cache
def _contents() -> dict[Path, bytes]:
    """Make what is in every folder, once; gives each file's content by its path in the folder."""
    with TemporaryDirectory() as made:
        folder = Path(made)
        repository(folder)
        (folder / "ok.yaml").write_text(RULES)
        (folder / "bad.yaml").write_text("rules: []\ndefault: nobody\n")
        (folder / "broken.flows").write_bytes(b"no flow file")
        (folder / "script").write_text("not executable")
        (folder / "calls.har").write_text(har(har_entry("https://api.example.com/v1/chat/completions")))
        (folder / "empty.har").write_text(har())
        write(folder / "flows.mitm", [exchange(), cut(exchange(2))])
        write(folder / "secret.mitm", [with_key(exchange(), KEY)])
        return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class Screen(io.TextIOWrapper):
    """What stands in for stdout or stderr; ``terminal`` is whether it says that it is one."""

    def __init__(self, *, terminal: bool) -> None:
        """Begin empty."""
        super().__init__(io.BytesIO(), "utf-8", errors="replace", write_through=True)
        self.terminal = terminal

    def isatty(self) -> bool:
        """Say whether it is a terminal."""
        return self.terminal

    def text(self) -> str:
        """Give all that was written."""
        self.seek(0)
        return self.read()


@dataclass(frozen=True, slots=True)
class Said:
    """What a verb said, and its exit code."""

    code: int
    out: str
    err: str


class World:
    """A folder that is home and the current one: rules, captures and cases, good ones and bad ones."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Make it, and empty the environment."""
        self.folder = folder
        self.patch = monkeypatch
        for name in list(os.environ):
            if not name.startswith("COVERAGE"):
                monkeypatch.delenv(name)
        for name, value in {"HOME": str(folder), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "COLUMNS": "100"}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(folder)
        for path, content in _contents().items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)

    def run(self, arguments: Sequence[str], *, terminal: bool = False) -> Said:
        """Run the console script's own function; stdout and stderr are pipes, or a ``terminal``."""
        out, err = Screen(terminal=terminal), Screen(terminal=terminal)
        code: object = 0
        handlers = {number: signal.getsignal(number) for number in SIGNALS}
        with self.patch.context() as patch:
            patch.setattr(sys, "argv", ["wiremend", *arguments])
            patch.setattr(sys, "stdin", io.StringIO())
            patch.setattr(sys, "stdout", out)
            patch.setattr(sys, "stderr", err)
            try:
                main()
            except SystemExit as end:
                code = end.code or 0
            finally:
                for number, handler in handlers.items():
                    signal.signal(number, handler)
        assert isinstance(code, int)
        return Said(code, out.text(), err.text())
