"""Chromium's own protocol (DevTools) over a pair of pipes: a browser that only the test can speak to.

``--remote-debugging-pipe`` makes Chromium read commands from descriptor 3 and write answers and events to 4, each a
JSON document that ends with a NUL. There is no port, no WebSocket and no library.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import os
import signal
import threading
import time
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

DEADLINE: Final = 30.0
"""Seconds for whatever a browser is asked; a busy machine takes its time."""

_HIGH: Final = 10
_ENDED: Final = 10.0
_TAIL: Final = 2000

type Json = dict[str, Any]


class BrowserError(AssertionError):
    """The browser refused a command, did not answer, or ended."""


class DevTools:
    """A running browser."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        """Start it; ``log`` takes what it prints."""
        self._log = log
        self._number = itertools.count(1)
        self._answers: dict[int, Json] = {}
        self._changed = threading.Condition()
        self._gone = False
        self._writing = threading.Lock()
        hears, self._to = os.pipe()
        self._from, says = os.pipe()
        # Above 4, so that putting one in its place does not close the other.
        theirs = [fcntl.fcntl(one, fcntl.F_DUPFD_CLOEXEC, _HIGH) for one in (hears, says)]
        actions: list[tuple[Any, ...]] = [
            (os.POSIX_SPAWN_DUP2, theirs[0], 3),
            (os.POSIX_SPAWN_DUP2, theirs[1], 4),
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ]
        try:
            self.pid = os.posix_spawn(command[0], [*command], dict(environment), file_actions=actions, setpgroup=0)
        finally:
            for one in (hears, says, *theirs):
                os.close(one)
        self._reader = threading.Thread(target=self._read, daemon=True, name="devtools")
        self._reader.start()

    def call(self, method: str, params: Mapping[str, object] | None = None, session: str | None = None) -> Json:
        """Ask for something, of a page where ``session`` names one; gives the result. Raises BrowserError."""
        number = next(self._number)
        asked: Json = {"id": number, "method": method, "params": dict(params or {})}
        if session is not None:
            asked["sessionId"] = session
        data = json.dumps(asked).encode() + b"\0"
        try:
            with self._writing:
                while data:
                    data = data[os.write(self._to, data) :]
        except OSError as error:
            raise self._failed(f"{method}: the browser has ended") from error
        with self._changed:
            self._changed.wait_for(lambda: number in self._answers or self._gone, DEADLINE)
            answer = self._answers.pop(number, None)
        if answer is None:
            raise self._failed(f"{method}: {'the browser has ended' if self._gone else 'no answer'}")
        if "error" in answer:
            raise BrowserError(f"{method}: {answer['error'].get('message')}")
        result: Json = answer["result"]
        return result

    def close(self) -> None:
        """End it, and all of its processes."""
        with contextlib.suppress(BrowserError):
            self.call("Browser.close")
        with self._changed:
            self._changed.wait_for(lambda: self._gone, _ENDED)
        self._wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        os.close(self._to)
        self._reader.join(_ENDED)
        os.close(self._from)

    def _wait(self) -> None:
        """Reap the process, by force where it does not end."""
        end = time.monotonic() + _ENDED
        while os.waitpid(self.pid, os.WNOHANG) == (0, 0):
            if time.monotonic() > end:
                os.killpg(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                return
            with self._changed:
                self._changed.wait(0.02)

    def _read(self) -> None:
        rest = b""
        with contextlib.suppress(OSError):
            while data := os.read(self._from, 1 << 16):
                *documents, rest = (rest + data).split(b"\0")
                for document in documents:
                    said = json.loads(document)
                    if "id" in said:
                        with self._changed:
                            self._answers[said["id"]] = said
                            self._changed.notify_all()
        with self._changed:
            self._gone = True
            self._changed.notify_all()

    def _failed(self, what: str) -> BrowserError:
        try:
            said = self._log.read_text(errors="replace")
        except OSError:
            said = ""
        return BrowserError(f"{what}\n--- what the browser printed\n{said[-_TAIL:]}")
