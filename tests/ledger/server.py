"""A PostgreSQL of the test's own: a cluster in a temporary folder, on a port of its own, that can be killed."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import psutil
import psycopg
import pytest

if TYPE_CHECKING:
    from types import TracebackType

PASSWORD = "FAKE-p%40ss/word"
"""Not a word that a URL could hold as it is."""

_DEADLINE = 60.0


def _program(name: str) -> str | None:
    """Find a program of the server: Debian keeps them off the PATH, a folder a version."""
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    return str(debian[0]) if debian else shutil.which(name)


MISSING = [name for name in ("initdb", "postgres") if _program(name) is None]
needs_server = pytest.mark.skipif(bool(MISSING), reason=f"PostgreSQL's {' and '.join(MISSING)} are not installed here")


class Server:
    """The server. It is run by another user where the tests are run by root, whom it refuses."""

    def __init__(self) -> None:
        """Make a cluster with a user ``wiremend`` who has :data:`PASSWORD`; nothing runs yet."""
        self.folder = Path(tempfile.mkdtemp(prefix="wiremend-postgres-"))
        self.data = self.folder / "data"
        self.process: subprocess.Popen[bytes] | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        secret = self.folder / "password"
        secret.write_text(PASSWORD, "utf-8")
        self._user: dict[str, Any] = {}
        if os.getuid() == 0:
            nobody = pwd.getpwnam("nobody")
            self._user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
            os.chown(secret, nobody.pw_uid, nobody.pw_gid)
        subprocess.run(
            [
                str(_program("initdb")), "-D", str(self.data), "-U", "wiremend", "--pwfile", str(secret), "-A",
                "scram-sha-256", "--no-sync", "-E", "UTF8", "--locale=C",
            ],
            check=True,
            capture_output=True,
            cwd=self.folder,
            **self._user,
        )  # fmt: skip

    @property
    def address(self) -> str:
        """Its URL, with the password."""
        return (
            f"postgresql://wiremend:{PASSWORD.replace('%', '%25').replace('/', '%2F')}@127.0.0.1:{self.port}/postgres"
        )

    def start(self) -> Self:
        """Start it, and wait until it answers."""
        end = time.monotonic() + _DEADLINE
        pause = time.sleep
        while True:
            if self.process is None or self.process.poll() is not None:
                with open(self.folder / "log", "ab") as log:  # noqa: PTH123 - appended to, in bytes
                    self.process = subprocess.Popen(
                        [
                            str(_program("postgres")), "-D", str(self.data), "-p", str(self.port), "-h", "127.0.0.1",
                            "-k", "", "-c", "max_connections=20",
                        ],
                        stdout=log,
                        stderr=log,
                        cwd=self.folder,
                        **self._user,
                    )  # fmt: skip
            try:
                self.connect().close()
            except psycopg.OperationalError:
                log_text = (self.folder / "log").read_text("utf-8", "replace")
                assert time.monotonic() < end, f"PostgreSQL does not start\n{log_text[-3000:]}"
                pause(0.05)
            else:
                return self

    def connect(self) -> psycopg.Connection[Any]:
        """Connect as its owner."""
        return psycopg.connect(self.address, connect_timeout=5, autocommit=True)

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """Give what a query finds."""
        with self.connect() as db:
            return db.execute(query.encode()).fetchall()

    def do(self, statement: str) -> None:
        """Carry out a statement."""
        with self.connect() as db:
            db.execute(statement.encode())

    def kill(self) -> None:
        """Kill it and the processes of its connections, with no warning."""
        assert self.process is not None
        children = psutil.Process(self.process.pid).children(recursive=True)
        self.process.kill()
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        self.process.wait()

    def __enter__(self) -> Self:
        """Start it."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it, and remove its folder."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
