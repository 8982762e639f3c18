"""The proxy as a process of ours: started, waited for, stopped.

``wiremend run``, ``wiremend demo`` and the tests start mitmproxy's own ``mitmdump`` with ``-s`` and the installed
script, exactly as a user would (so that all ways in behave alike), in a session of its own, so that Ctrl-C in the
terminal reaches the agent and not the proxy. The kernel picks the port. The addon says that it listens by writing a
file (option ``wiremend_ready``), and it ends the proxy when the process named by ``wiremend_parent`` is gone, which
covers the one end that :meth:`Proxy.stop` cannot: a ``kill -9`` of ourselves.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import msgspec

from wiremend.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

START_BOUND: Final = 60.0
"""Seconds until a proxy that neither listens nor ends counts as failed; 1 s is usual, and a first start makes a CA."""

STOP_BOUND: Final = 5.0
"""Seconds that a proxy has to end by itself."""

_PACE: Final = 0.02
_TAIL: Final = 20


class Ready(msgspec.Struct, frozen=True):
    """What the addon writes once the proxy listens: its port, its CA (a PEM file), and which rules are in force."""

    pid: int
    port: int
    ca: Path
    rules: str | None = None
    rules_hash: str | None = None


class Proxy:
    """One proxy process; use it as a context manager.

    ``folder`` is a private folder that exists: log, calls and certificates go there. ``rules`` is a rules file, or None
    for the product's own lookup. ``agent`` is what ``when: {agent: …}`` sees where no header says. ``environ`` is the
    environment of the process (by default ours): references in the rules are resolved from it, and its ``HTTPS_PROXY``
    and CA variables count towards providers. ``options`` are further mitmproxy options.
    """

    def __init__(
        self,
        folder: Path,
        *,
        rules: Path | None = None,
        agent: str = "",
        environ: Mapping[str, str] | None = None,
        options: Mapping[str, str] | None = None,
    ) -> None:
        """Prepare; nothing runs yet."""
        self.folder = folder
        self.environ = dict(os.environ if environ is None else environ)
        self.log = folder / "proxy.log"
        self.calls = folder / "calls.jsonl"
        self._ready_file = folder / "ready.json"
        self._options = {
            "wiremend_ready": str(self._ready_file),
            "wiremend_calls": str(self.calls),
            "wiremend_parent": str(os.getpid()),
            "wiremend_rules": str(rules.absolute()) if rules else "",
            "wiremend_agent": agent,
            "wiremend_show_setup": "false",
            "wiremend_connection_log": "false",
            "flow_detail": "0",
            **(options or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._ready: Ready | None = None

    @property
    def ready(self) -> Ready:
        """What the addon said of itself."""
        if self._ready is None:
            raise SetupError("the proxy is not running")
        return self._ready

    @property
    def base(self) -> str:
        """The URL of the gateway, also the value for ``HTTPS_PROXY``; it has no path and no slash at its end."""
        return f"http://127.0.0.1:{self.ready.port}"

    @property
    def command(self) -> list[str]:
        """The command line."""
        sets = [part for name, value in self._options.items() for part in ("--set", f"{name}={value}")]
        return [_mitmdump(), "--mode", "regular", "--listen-host", "localhost", "-p", "0", *sets, "-s", script()]

    def __enter__(self) -> Self:
        """Start; see :meth:`start`."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def start(self) -> Self:
        """Start and wait until it listens.

        Raises :class:`SetupError` with the end of its log where it ends instead: that is where the addon names what is
        wrong with the rules.
        """
        log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter's mitmdump with our own script
                self.command,
                env={**self.environ, "PYTHONUNBUFFERED": "1"},  # the log is read while it runs
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        finally:
            os.close(log)
        try:
            self._ready = self._wait(self._process)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> int | None:
        """End the process and its group; gives its exit code, None where it never started. Twice does no harm."""
        process = self._process
        if process is None:
            return None
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_BOUND)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)  # not reaped yet, so the number is still its own
        return process.wait()

    def ended(self) -> int | None:
        """Give the exit code where the proxy has ended by itself, else None."""
        return self._process.poll() if self._process else None

    def said(self) -> str:
        """Give its log."""
        try:
            return self.log.read_text("utf-8", "replace")
        except FileNotFoundError:
            return ""

    def _wait(self, process: subprocess.Popen[bytes]) -> Ready:
        end = time.monotonic() + START_BOUND
        while True:
            if (ready := self._read()) is not None:
                self._ready_file.unlink()
                return ready
            try:
                code = process.wait(_PACE)
            except subprocess.TimeoutExpired:
                if time.monotonic() < end:
                    continue
                raise SetupError(f"the proxy did not listen within {START_BOUND:.0f} s\n{self._tail()}") from None
            raise SetupError(f"the proxy did not start (it ended with {code})\n{self._tail()}")

    def _read(self) -> Ready | None:
        try:
            ready = msgspec.json.decode(self._ready_file.read_bytes(), type=Ready, dec_hook=_path)
            # On a machine's first start mitmproxy makes its CA after it listens, which takes a moment.
            whole = ready.ca.read_bytes().rstrip().endswith(b"-----END CERTIFICATE-----")
        except FileNotFoundError:
            return None
        return ready if whole else None

    def _tail(self) -> str:
        return "\n".join(self.said().splitlines()[-_TAIL:]) or f"it said nothing ({self.log})"


def _path(kind: type, value: object) -> object:
    """Read a path from JSON text; the only type of ours that msgspec does not know."""
    return kind(value)


def _mitmdump() -> str:
    """Give the ``mitmdump`` that belongs to the running interpreter."""
    program = Path(sys.executable).parent / "mitmdump"
    if not program.is_file():
        raise SetupError(
            f"there is no mitmdump beside {sys.executable}; install Wiremend and mitmproxy into the same environment"
        )
    return str(program)


def script() -> str:
    """Give the script for ``mitmdump -s``, as installed: from a checkout, an editable install or the wheel."""
    spec = importlib.util.find_spec("wiremend_addon")
    if spec is None or spec.origin is None:
        raise SetupError("wiremend_addon.py is not installed beside the package wiremend; install Wiremend again")
    return spec.origin
