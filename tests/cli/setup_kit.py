"""What the tests of ``wiremend setup`` share: homes with and without a keyring, and the verb in a pseudo-terminal."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import psutil
from click.testing import CliRunner, Result

from tests.cli.launching import WIREMEND, clean_environ
from wiremend.cli.main import cli

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CODING: Final = "sk-kimi-FAKE7788990011223344"
OPEN: Final = "sk-FAKE5566778899001122"
ANTHROPIC: Final = "sk-ant-api03-FAKE3344556677889900"
BARE: Final = "FAKE99aa88bb77cc66dd55"
KEYS: Final = (CODING, OPEN, ANTHROPIC, BARE)

RING: Final = """
import json, os, pathlib, signal
from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError

FILE = pathlib.Path(os.environ["FAKE_RING"])

class Keyring(KeyringBackend):
    priority = 5
    def entries(self):
        return json.loads(FILE.read_text()) if FILE.exists() else {}
    def get_password(self, service, name):
        return self.entries().get(service + "/" + name)
    def set_password(self, service, name, password):
        FILE.write_text(json.dumps({**self.entries(), service + "/" + name: password}))
    def delete_password(self, service, name):
        entries = self.entries()
        if entries.pop(service + "/" + name, None) is None:
            raise PasswordDeleteError("no such entry")
        FILE.write_text(json.dumps(entries))

class Locked(Keyring):
    def set_password(self, service, name, password):
        raise RuntimeError("locked: " + password)

class Forgetful(Keyring):
    def set_password(self, service, name, password):
        pass

class Interrupted(Keyring):
    def set_password(self, service, name, password):
        if "REAL" not in password:
            super().set_password(service, name, password)
        os.kill(os.getpid(), signal.SIGINT)

class PlaintextKeyring(Keyring):
    pass

class Watching(Keyring):
    def set_password(self, service, name, password):
        import psutil
        lines = [" ".join(one.info["cmdline"] or []) for one in psutil.process_iter(["cmdline"])]
        FILE.with_name("processes").write_text("\\n".join(lines))
        super().set_password(service, name, password)
"""
"""Keyrings for a subprocess: a good one, and one for each way to fail."""


@dataclass(slots=True)
class Home:
    """A user's home, with the environment for it."""

    folder: Path
    environ: dict[str, str]

    @property
    def rules(self) -> Path:
        return self.folder / ".config" / "wiremend" / "rules.yaml"

    @property
    def ring(self) -> dict[str, str]:
        """What the keyring holds."""
        file = self.folder.parent / "ring.json"
        return dict(json.loads(file.read_text())) if file.exists() else {}

    def write(self, text: str) -> None:
        self.rules.parent.mkdir(parents=True, exist_ok=True)
        self.rules.write_bytes(text.encode())

    def run(self, *args: str, key: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
        """Run the verb without a terminal; ``key`` is piped to it."""
        return subprocess.run(
            [*WIREMEND, "setup", *args],
            env={**self.environ, **environ},
            input=key,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            start_new_session=True,  # no terminal to be had
        )

    def invoke(self, *args: str, key: str = "") -> Result:
        """Run the verb in this process: for what is refused before anything is stored."""
        return CliRunner(env=self.environ).invoke(cli, ["setup", *args], input=key)

    def files(self) -> dict[str, bytes]:
        """Give all files of the home but mitmproxy's CA."""
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for path in self.folder.rglob("*")
            if path.is_file() and ".mitmproxy" not in path.parts
        }

    def type(self, steps: Sequence[tuple[str, str]], *args: str, **environ: str) -> tuple[int, str]:
        """Run the verb in a terminal: wait for each text, then type; gives the exit code and the screen, uncoloured."""
        child, terminal = pty.fork()
        if child == 0:
            os.execve(WIREMEND[0], [*WIREMEND, "setup", *args], {**self.environ, **environ})  # noqa: S606 - in the fork
        screen, at = "", 0
        for text, keys in steps:
            end = time.monotonic() + 30
            while text not in screen[at:]:
                assert time.monotonic() < end, f"{text!r} is not in\n{screen}"
                screen += _read(terminal)
            at = screen.index(text, at) + len(text)
            while keys and not _asks(child):
                assert time.monotonic() < end, f"it does not wait for a key after\n{screen}"
                screen += _read(terminal, wait=0.01)
            os.write(terminal, keys.encode())
        with contextlib.suppress(OSError):  # Linux says that the other end is gone with EIO
            while piece := _read(terminal, wait=30):
                screen += piece
        os.close(terminal)
        plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.replace("\r\n", "\n"))
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), plain


def _asks(child: int) -> bool:
    """Tell whether a program with a prompt on the screen has come to sleep in the read behind it.

    Ctrl-C that comes between the two is only noted by Python, and acted on after the read: at the next key.
    """
    if sys.platform != "linux":
        return True  # other tables of processes do not tell who sleeps
    return psutil.Process(child).status() in {psutil.STATUS_SLEEPING, psutil.STATUS_ZOMBIE}


def _read(terminal: int, wait: float = 1.0) -> str:
    ready, _, _ = select.select([terminal], [], [], wait)
    return os.read(terminal, 65536).decode("utf-8", "replace") if ready else ""


def make_home(root: Path, ring: str = "Keyring") -> Home:
    """Make a home; ``ring`` is which of the fake keyrings it has, or ``none`` for a system without one."""
    modules = root / "modules"
    modules.mkdir(parents=True)
    (modules / "fake_ring.py").write_text(RING)
    backend = "keyring.backends.fail.Keyring" if ring == "none" else f"fake_ring.{ring}"
    environ = clean_environ(
        root / "home", PYTHON_KEYRING_BACKEND=backend, FAKE_RING=str(root / "ring.json"), COLUMNS="80"
    )
    environ["PYTHONPATH"] = f"{environ['PYTHONPATH']}{os.pathsep}{modules}"
    return Home(root / "home", environ)
