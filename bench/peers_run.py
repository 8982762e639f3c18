"""The peers as processes on loopback, installed as their own documentation says, each in a home of its own.

A :class:`Peer` is started by :meth:`Peer.started`; what it asks of the provider goes to the address that it is given.
The versions are pinned in ``bench/peers/``; they are installed into ``.tools/peers``, which git does not see.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.paced import KEY as CLIENT_KEY
from tests.lab import Mitm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.translate.said import Wire

ROOT: Final = Path(__file__).resolve().parents[1]
PINS: Final = Path(__file__).parent / "peers"
TOOLS: Final = ROOT / ".tools" / "peers"
KEY: Final = "sk-FAKE-lab-provider"

START: Final = 180.0
"""Seconds that a peer may take until it listens; LiteLLM reads much when it starts."""

CLAUDE: Final = "claude-sonnet-4-5"
"""What the provider of the messages wire is called: LiteLLM must know a model to know that it can think."""

NEWER: Final = "claude-opus-4-8"
"""One that takes a message of the system in the middle of the conversation."""

type Direction = tuple[Wire, Wire]


@dataclass(frozen=True, slots=True)
class Running:
    """A peer that listens: its port, and the process whose CPU is its cost, children included."""

    port: int
    pid: int


@dataclass(frozen=True, slots=True)
class Peer:
    """A proxy: its name and version, and for each direction that it has the model that a client asks for."""

    name: str
    version: str
    models: Mapping[Direction, str]
    special: Mapping[tuple[Direction, str], str] = field(default_factory=dict)

    def model(self, direction: Direction, exchange: str) -> str:
        """Give the model that a client asks for: for an exchange that not all models can have, one that can."""
        return self.special.get((direction, exchange), self.models[direction])

    @contextlib.contextmanager
    def started(self, upstream: str) -> Iterator[Running]:
        """Run it in front of the provider at this address. Raises RuntimeError where it does not come up."""
        with _STARTS[self.name](upstream) as running:
            yield running


def peers() -> tuple[Peer, ...]:
    """Give the three, the peers first."""
    chat: dict[Direction, str] = {("messages", "chat"): "lab-chat", ("responses", "chat"): "lab-chat"}
    litellm = chat | {
        ("messages", "responses"): "lab-responses",
        ("chat", "responses"): "lab-chat-to-responses",
        ("chat", "messages"): "lab-messages",
        ("responses", "messages"): "lab-messages",
    }
    ours: dict[Direction, str] = {
        (client, upstream): f"lab-{upstream}/{CLAUDE if upstream == 'messages' else 'lab-model'}"
        for client, upstream in litellm
    }
    middle: list[tuple[Direction, str]] = [
        (("chat", "messages"), "system-in-the-middle"),
        (("responses", "messages"), "system-in-the-middle"),
    ]
    special: dict[tuple[Direction, str], str] = dict.fromkeys(middle, "lab-messages-newer")
    special[("chat", "responses"), "thinking-then-text"] = "lab-chat-to-responses-thinking"
    return (
        Peer("LiteLLM", _pinned("litellm"), litellm, special),
        Peer("claude-code-router", _node_pin(), {("messages", "chat"): "lab,lab-model"}),
        Peer("Wiremend", _ours(), ours, dict.fromkeys(middle, f"lab-messages/{NEWER}")),
    )


def _ours() -> str:
    from wiremend import __version__  # noqa: PLC0415  only a word for the page

    return __version__


def _pinned(name: str) -> str:
    pins = dict(line.split("==") for line in (PINS / "litellm.txt").read_text("utf-8").split())
    return pins[name]


def _node_pin() -> str:
    pins: dict[str, str] = json.loads((PINS / "package.json").read_text("utf-8"))["dependencies"]
    return pins["@musistudio/claude-code-router"]


# --- installing -------------------------------------------------------------------------------------------------------


def install() -> None:
    """Install what is not there with the pins of today. Raises RuntimeError with what the installer said."""
    _installed(TOOLS / "litellm", "litellm.txt", _install_litellm)
    _installed(TOOLS / "ccr", "package.json", _install_router)


def _installed(folder: Path, pins: str, how: Callable[[Path], None]) -> None:
    wanted = hashlib.sha256((PINS / pins).read_bytes()).hexdigest()
    stamp = folder / "installed"
    if stamp.is_file() and stamp.read_text("utf-8") == wanted:
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    how(folder)
    stamp.write_text(wanted, "utf-8")


def _install_litellm(folder: Path) -> None:
    # All of its dependencies are in the list, so that pip resolves nothing.
    _run(folder, sys.executable, "-m", "venv", str(folder))
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-deps"]
    _run(folder, *pip, "--requirement", str(PINS / "litellm.txt"))


def _install_router(folder: Path) -> None:
    shutil.copy(PINS / "package.json", folder)
    _run(folder, "npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")


def _run(folder: Path, *command: str) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=900)  # noqa: S603  ours
    if done.returncode:
        raise RuntimeError(f"{command[:4]} gave {done.returncode}:\n{done.stderr[-2000:]}")


# --- running ----------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def litellm(upstream: str) -> Iterator[Running]:
    """Run LiteLLM's proxy."""
    port = _free()
    env = {
        "LAB_URL": upstream,
        "LAB_URL_V1": f"{upstream}/v1",
        "LAB_KEY": KEY,
        "LITELLM_MASTER_KEY": CLIENT_KEY,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # the list that it came with, not one from the network
        "LITELLM_LOG": "ERROR",
    }
    command = [str(TOOLS / "litellm" / "bin" / "litellm"), "--config", str(PINS / "litellm.yaml")]
    command += ["--host", "127.0.0.1", "--port", str(port), "--num_workers", "1", "--telemetry", "False"]
    with _process(command, env, port, "/health/liveliness", {}) as pid:
        yield Running(port, pid)


@contextlib.contextmanager
def router(upstream: str) -> Iterator[Running]:
    """Run claude-code-router."""
    port = _free()
    config = json.loads((PINS / "claude-code-router.json").read_text("utf-8"))
    config["PORT"] = port
    config["Providers"][0] |= {"api_base_url": f"{upstream}/v1/chat/completions", "api_key": KEY}
    script = TOOLS / "ccr" / "node_modules" / "@musistudio" / "claude-code-router" / "dist" / "cli.js"
    files = {".claude-code-router/config.json": json.dumps(config), ".claude.json": "{}"}
    with _process(["node", str(script), "start"], {}, port, "/health", files) as pid:
        yield Running(port, pid)


@contextlib.contextmanager
def wiremend(upstream: str) -> Iterator[Running]:
    """Run ours, as users do."""
    env = {"LAB_URL": upstream, "LAB_KEY": KEY}
    rules = (PINS / "wiremend.yaml").read_text("utf-8")
    with Mitm(rules, env=env, options={"flow_detail": 0, "termlog_verbosity": "error"}) as proxy:
        yield Running(proxy.port, proxy.process.pid)


_STARTS: Final = {"LiteLLM": litellm, "claude-code-router": router, "Wiremend": wiremend}


@contextlib.contextmanager
def _process(
    command: list[str], env: Mapping[str, str], port: int, health: str, files: Mapping[str, str]
) -> Iterator[int]:
    """Run a program in a home of its own that has these files, until it answers; gives its id."""
    with tempfile.TemporaryDirectory(prefix="wiremend-peer-", ignore_cleanup_errors=True) as home:
        for name, text in files.items():
            (Path(home) / name).parent.mkdir(parents=True, exist_ok=True)
            (Path(home) / name).write_text(text, "utf-8")
        base = {"PATH": os.environ["PATH"], "HOME": home, "TMPDIR": home, "LANG": "C.UTF-8", "NO_COLOR": "1"}
        with (Path(home) / "log").open("w+b") as log:
            process = subprocess.Popen(  # noqa: S603  ours, with no word from elsewhere
                command, cwd=home, env=base | dict(env), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
            try:
                _listens(process, f"http://127.0.0.1:{port}{health}", Path(home) / "log")
                yield process.pid
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait(10)


def _listens(process: subprocess.Popen[bytes], health: str, log: Path) -> None:
    end = time.monotonic() + START
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(urllib.error.HTTPError):
            try:
                urllib.request.urlopen(health, timeout=5).close()  # noqa: S310  our own address
            except (OSError, ValueError) as error:
                if not isinstance(error, urllib.error.HTTPError):
                    time.sleep(0.2)
                    continue
        return
    raise RuntimeError(f"{process.args!r} does not listen:\n{log.read_text('utf-8', 'replace')[-3000:]}")


def _free() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
