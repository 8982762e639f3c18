"""Real proxies as subprocesses: ``mitmdump -s``, the console script, the console script of the built wheel.

:class:`Mitm` starts one in a world of its own: temporary HOME, XDG and mitmproxy folders, an environment that holds
only what the test names, port 0. It is ready when the addon has written the file named by the option
``wiremend_ready``; that file, the growing log and the file of calls are all watched by one loop that also notices a
dead process, so a failure shows the log and not a timeout alone::

    with Mitm("routes: [...]", env={"KIMI_API_KEY": "sk-kimi-FAKE"}) as proxy:
        anthropic.Anthropic(base_url=proxy.gateway, ...)
        proxy.wait_log(r"kimi-code/kimi-for-coding")
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import functools
import json
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import venv
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from mitmproxy.certs import CertStore

from wiremend.mitm.flows import read_flows
from wiremend.mitm.shelf import Shelf

from .http1 import DEADLINE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

    from wiremend.captures.capture import Capture

type Way = Literal["script", "console", "wheel"]

ROOT: Final = Path(__file__).resolve().parents[2]
ADDON: Final = ROOT / "addons" / "wiremend_addon.py"
BIN: Final = Path(sys.executable).parent

SCANDALS: Final = re.compile(r"sk-[\w-]*FAKE[\w-]*|Traceback \(most recent call last\)|has crashed")
"""What no log and no record of calls may hold: a credential (G8; the keys here all say FAKE), an accident (G7)."""

_START: Final = 30.0
_TAIL: Final = 4000
_PACE: Final = 0.02


class Mitm:
    """One proxy process. Use as a context, or call :meth:`start` and :meth:`stop`.

    ``rules`` is a path, or the text of a rules file, or ``None`` for the product's own lookup. ``options`` are
    mitmproxy options (``--set``), ``args`` go to the command line as they are. ``way`` is how the addon gets in;
    ``program`` is which of mitmproxy's programs is started (``mitmproxy`` in a pseudo-terminal). ``mode`` gives
    explicit proxy modes. ``addon`` replaces our script (the harness's own tests use it).
    """

    running: Final[set[Mitm]] = set()
    """Every started proxy that was not stopped, for a report that wants to show logs."""

    def __init__(
        self,
        rules: str | Path | None = None,
        *,
        way: Way = "script",
        program: Literal["mitmdump", "mitmproxy", "mitmweb"] = "mitmdump",
        options: Mapping[str, object] | None = None,
        env: Mapping[str, str] | None = None,
        mode: Sequence[str] = (),
        args: Sequence[str] = (),
        addon: Path = ADDON,
    ) -> None:
        """Prepare the folders; nothing runs yet."""
        self.folder = Path(tempfile.mkdtemp(prefix="wiremend-lab-"))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)  # also where it is never started
        self.home = self.folder / "home"
        self.confdir = self.folder / "mitmproxy"
        self.home.mkdir()
        shutil.copytree(_authority(), self.confdir)
        self.rules = self._rules_file(rules)
        self._ready_file = self.folder / "ready.json"
        self._calls_file = self.folder / "calls.jsonl"
        self.way = way
        self._program = program
        self._addon = addon
        self._mode = list(mode)
        self._args = list(args)
        self._options: dict[str, object] = {
            "confdir": self.confdir,
            "wiremend_ready": self._ready_file,
            "wiremend_calls": self._calls_file,
            "wiremend_parent": os.getpid(),  # a killed test run leaves no proxy behind
            **({"web_port": 0, "web_open_browser": False} if program == "mitmweb" else {}),
            **(options or {}),
        }
        self._env = dict(env or {})
        self._log = bytearray()
        self._said = threading.Condition()
        self.ready: dict[str, Any] = {}

    @property
    def port(self) -> int:
        """The port that is proxy and gateway."""
        return int(self.ready["port"])

    @property
    def gateway(self) -> str:
        """The base URL of the gateway."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def proxy_url(self) -> str:
        """What belongs into a client's ``HTTPS_PROXY``."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def ca(self) -> Path:
        """The certificate that a client must trust."""
        return Path(self.ready["ca"])

    @property
    def environment(self) -> dict[str, str]:
        """The whole environment of the process: nothing is inherited but ``PATH``."""
        measured = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
        folders = {f"XDG_{kind}_HOME": str(self.home / kind.lower()) for kind in ("CONFIG", "STATE", "CACHE", "DATA")}
        return {
            "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "HOME": str(self.home),
            "TMPDIR": str(self.folder),
            "PYTHONUNBUFFERED": "1",
            "NO_COLOR": "1",
            **measured,
            **folders,
            **self._env,
        }

    @property
    def command(self) -> list[str]:
        """The command line."""
        sets = [part for name, value in self._options.items() for part in ("--set", f"{name}={_option(value)}")]
        modes = [part for mode in self._mode for part in ("--mode", mode)]
        if self.way == "script":
            sets += ["--set", f"wiremend_rules={self.rules}"] if self.rules else []
            listen = [] if modes else ["--listen-host", "127.0.0.1", "--listen-port", "0"]
            return [str(BIN / self._program), *listen, *modes, *sets, "-s", str(self._addon), *self._args]
        script = (BIN if self.way == "console" else installed_wheel()) / "wiremend"
        interface = {"mitmdump": [], "mitmproxy": ["--ui", "console"], "mitmweb": ["--ui", "web"]}[self._program]
        rules = ["--rules", str(self.rules)] if self.rules else []
        return [str(script), "proxy", "--port", "0", *rules, *interface, *modes, *sets, *self._args]

    def __enter__(self) -> Self:
        """Start and wait until it is ready."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop; a failing test gets the log with it."""
        if error is not None:
            error.add_note(f"--- log of the proxy\n{self.log()[-_TAIL:]}")
        self.stop()

    def start(self) -> Self:
        """Start and wait until the addon says that it listens."""
        terminal = self._program == "mitmproxy"
        ours, theirs = pty.openpty() if terminal else os.pipe()
        if terminal:
            fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 140, 0, 0))
        self.process = subprocess.Popen(
            self.command,
            cwd=self.folder,  # a rules.yaml in the current folder must not matter
            env=self.environment,
            stdin=theirs if terminal else subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self.running.add(self)
        self._listen = threading.Thread(target=self._collect, args=(ours,), daemon=True)
        self._listen.start()
        try:
            self.ready = self._watch(self._read_ready, "the proxy to be ready", _START)
        except BaseException:
            self.stop()
            raise
        return self

    def log(self) -> str:
        """Everything that the process has printed so far."""
        with self._said:
            return self._log.decode(errors="replace")

    def wait_log(self, pattern: str, *, after: int = 0, deadline: float = DEADLINE) -> re.Match[str]:
        """Wait until the log matches; ``after`` skips that many characters (see ``len(proxy.log())``)."""
        return self._watch(
            lambda: re.search(pattern, self.log()[after:], re.MULTILINE), f"the log to say {pattern!r}", deadline
        )

    def calls(self) -> list[dict[str, Any]]:
        """Give the records of finished calls (option ``wiremend_calls``), in order."""
        try:
            lines = self._calls_file.read_text().split("\n")
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in lines[:-1]]  # what follows the last newline is being written

    def wait_calls(self, count: int, deadline: float = DEADLINE) -> list[dict[str, Any]]:
        """Wait until at least ``count`` calls were recorded."""
        return self._watch(lambda: calls if len(calls := self.calls()) >= count else None, f"{count} calls", deadline)

    @property
    def captures(self) -> Path:
        """The folder where exchanges are remembered, unless rules or options name another."""
        return Path(self.environment["XDG_STATE_HOME"]) / "wiremend" / "captures"

    def wait_captures(self, count: int, deadline: float = DEADLINE, folder: Path | None = None) -> list[Capture]:
        """Wait until at least ``count`` exchanges are written down, and give them, in order."""

        def look() -> list[Capture] | None:
            found = captures_in(folder or self.captures)
            return found if len(found) >= count else None

        return self._watch(look, f"{count} captures", deadline)

    def write_rules(self, text: str) -> None:
        """Replace the rules file in one step, as an editor does."""
        assert self.rules is not None
        draft = self.rules.with_suffix(".draft")
        draft.write_text(text)
        draft.replace(self.rules)

    def stop(self) -> int:
        """Ask it to end and give its exit code (negative: the signal it died of); nothing is left behind."""
        if self not in self.running:
            return self.process.returncode
        self.running.discard(self)
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired as error:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(DEADLINE)
            raise AssertionError(f"the proxy did not end when asked\n{self.log()[-_TAIL:]}") from error
        finally:
            left = _alive(self.ready.get("pid", 0))
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self._listen.join(DEADLINE)
            told = self.log() + "".join(map(str, self.calls()))
            shutil.rmtree(self.folder, ignore_errors=True)
        if self.ready and (found := SCANDALS.search(told)):
            raise AssertionError(f"the log or the calls hold {found.group()!r}\n{told[-_TAIL:]}")
        if left:
            raise AssertionError(f"the process {self.ready['pid']} outlived the command that started it")
        return code

    def _rules_file(self, rules: str | Path | None) -> Path | None:
        if rules is None or isinstance(rules, Path):
            return rules
        path = self.folder / "rules.yaml"
        path.write_text(rules)
        return path

    def _read_ready(self) -> dict[str, Any] | None:
        try:
            ready: dict[str, Any] = json.loads(self._ready_file.read_text())
        except (FileNotFoundError, ValueError):
            return None
        return ready

    def _collect(self, pipe: int) -> None:
        with open(pipe, "rb", buffering=0) as stream, contextlib.suppress(OSError):
            while data := stream.read(65536):
                with self._said:
                    self._log += data
                    self._said.notify_all()

    def _watch[T](self, look: Callable[[], T | None], what: str, deadline: float) -> T:
        end = time.monotonic() + deadline
        while True:
            found = look()
            if found is not None:
                return found
            dead = self.process.poll()
            if dead is not None or time.monotonic() > end:
                if (found := look()) is not None:
                    return found
                why = f"the process ended with {dead}" if dead is not None else f"{deadline:.0f} s were not enough"
                raise AssertionError(f"waited for {what}: {why}\n{self.log()[-_TAIL:]}")
            with self._said:
                self._said.wait(_PACE)


def captures_in(folder: Path) -> list[Capture]:
    """Give the whole captures of a folder's flow files, in order; a flow that is being written is not there yet."""
    return [found.capture for path in Shelf(folder).files() for found in read_flows(path) if found.capture is not None]


def _option(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _alive(pid: int) -> bool:
    if not pid:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@functools.cache
def _authority() -> Path:
    """Make the proxy's CA once: an RSA key takes longer than all else at start."""
    folder = Path(tempfile.mkdtemp(prefix="wiremend-lab-ca-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    CertStore.create_store(folder, "mitmproxy", 2048)
    return folder


@functools.cache
def installed_wheel() -> Path:
    """Build the wheel, install it into a venv of its own and give that venv's ``bin``.

    The dependencies are those of the running interpreter, reached by a path file. Path files of a folder that is
    added this way are not read, so the editable install stays out, and what is imported is what is in the wheel.
    """
    folder = Path(tempfile.mkdtemp(prefix="wiremend-lab-wheel-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    _run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)])
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    python = folder / "venv" / "bin" / "python"
    (site,) = (folder / "venv" / "lib").glob("python*/site-packages")
    (site / "dependencies.pth").write_text("".join(f"{path}\n" for path in sys.path if path.endswith("site-packages")))
    _run([sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)])
    return folder / "venv" / "bin"


def _run(command: list[str]) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"{command} gave {done.returncode}\n{done.stdout}{done.stderr}")
