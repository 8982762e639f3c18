"""The guard of conftest.py guards: what is not loopback is refused, by whatever call, and no test can swallow that."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable

ELSEWHERE = "203.0.113.7"  # TEST-NET-3 of RFC 5737: belongs to nobody
ELSEWHERE_6 = "2001:db8::7"  # the documentation prefix of RFC 3849
NAME = "api.example.com"  # reserved by RFC 2606


def _connect(address: tuple[str, int], family: socket.AddressFamily = socket.AF_INET) -> None:
    with socket.socket(family) as client:
        client.connect(address)


def _send_datagram() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"x", (ELSEWHERE, 53))


async def _open() -> None:
    await asyncio.open_connection(ELSEWHERE, 443)


@pytest.mark.parametrize(
    "reach",
    (
        pytest.param(lambda: _connect((ELSEWHERE, 443)), id="connect"),
        pytest.param(lambda: _connect((ELSEWHERE_6, 443), socket.AF_INET6), id="connect over IPv6"),
        pytest.param(_send_datagram, id="datagram"),
        pytest.param(lambda: socket.getaddrinfo(NAME, 443), id="getaddrinfo"),
        pytest.param(lambda: socket.gethostbyname(NAME), id="gethostbyname"),
        pytest.param(lambda: socket.create_connection((NAME, 443)), id="create_connection"),
        pytest.param(lambda: asyncio.run(_open()), id="asyncio"),
    ),
)
def test_whatever_is_not_loopback_is_refused_by_name(reach: Callable[[], object], refused: list[str]) -> None:
    with pytest.raises(OSError, match=rf"a test reached for .*({ELSEWHERE}|{ELSEWHERE_6}|{NAME})"):
        reach()
    assert len(refused) == 1
    refused.clear()


@pytest.mark.parametrize("host", ("127.0.0.1", "localhost"))
def test_loopback_is_reached(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection((host, server.getsockname()[1])):
        peer, _ = server.accept()
        peer.close()


@pytest.mark.parametrize(
    ("host", "expected"),
    (
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("LOCALHOST.", True),
        ("wiremend.localhost", True),
        (b"localhost", True),
        (None, True),
        ("0.0.0.0", False),  # noqa: S104 -- a value to judge, nothing is bound
        ("10.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("fe80::1%eth0", False),
        ("localhost.example.com", False),
        ("notlocalhost", False),
    ),
)
def test_only_this_machine_is_loopback(host: object, expected: bool) -> None:  # noqa: FBT001 -- a column of the table
    assert is_loopback(host) is expected


def test_a_test_that_swallows_the_refusal_fails_all_the_same(tmp_path: Path) -> None:
    shutil.copy(Path(__file__).with_name("conftest.py"), tmp_path / "conftest.py")
    (tmp_path / "test_it.py").write_text(
        "import contextlib, socket\n"
        "def test_swallows():\n"
        "    with contextlib.suppress(OSError):\n"
        f"        socket.getaddrinfo({NAME!r}, 443)\n"
        "def test_next():\n"
        "    pass\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", ".", "-c", "none.ini"]
    (tmp_path / "none.ini").write_text("[pytest]\n", encoding="utf-8")
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 1, run.stdout + run.stderr
    assert "1 failed, 1 passed" in run.stdout
    assert f"a test reached for the name {NAME} (socket.getaddrinfo)" in run.stdout
