"""What holds for every test: nothing but loopback is reached, and a marker says when a test can run.

The guard is an audit hook, which sees each connection and each look-up of a name that this process makes, whoever makes
it: an SDK, a thread, an event loop, C code. What is not loopback is refused with :class:`OutsideWorldError`. Code under
test may swallow that error or take it for an outage, so the hook also writes it down, and the test that was running
fails with it anyhow. Programs that a test starts are not covered: they get loopback addresses from the test.

Warnings are errors; pyproject.toml lists the exceptions. ``clients`` tests run where node and npm are on PATH.
"""

from __future__ import annotations

import ipaddress
import shutil
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

_refused: list[str] = []
"""What the guard refused since the current phase of the current test began."""


class OutsideWorldError(OSError):
    """A test tried to reach something that is not loopback."""


def is_loopback(host: object) -> bool:
    """Say whether a host, as sockets and resolvers are given it (text, bytes, None), can only be this machine."""
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if host is None or host == "":
        return True
    if not isinstance(host, str):
        return False
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_loopback


def _is_number(host: object) -> bool:
    """Say whether a host is an address already, so that resolving it asks nobody."""
    try:
        ipaddress.ip_address(str(host).partition("%")[0])
    except ValueError:
        return False
    return True


def _outside(event: str, args: tuple[object, ...]) -> str | None:
    """Name what an audited call would reach, or None where that is allowed."""
    match event, args:
        case ("socket.connect" | "socket.sendto" | "socket.sendmsg", (_, tuple(address))) if address:
            # Families other than IPv4 and IPv6 (Unix sockets) have no tuple or no text in front.
            return None if not isinstance(address[0], str | bytes) or is_loopback(address[0]) else f"{address[0]!s}"
        case ("socket.getaddrinfo" | "socket.gethostbyname" | "socket.gethostbyaddr", (host, *_)):
            return None if is_loopback(host) or _is_number(host) else f"the name {host!s}"
    return None


def _guard(event: str, args: tuple[object, ...]) -> None:
    """Refuse, and write down, what would leave this machine. An audit hook lives as long as the process."""
    if not event.startswith("socket.") or (target := _outside(event, args)) is None:
        return
    message = f"a test reached for {target} ({event}): tests use loopback only, with a scripted upstream of their own"
    _refused.append(message)
    raise OutsideWorldError(message)


sys.addaudithook(_guard)


def _judged() -> Generator[None]:
    """Run one phase of a test; where something was refused meanwhile, the phase fails and says what."""
    try:
        yield
    except BaseException as error:  # skips and failures of pytest are no Exceptions; all of them go on their way
        for message in dict.fromkeys(_refused):
            error.add_note(message)
        _refused.clear()
        raise
    messages = list(dict.fromkeys(_refused))
    _refused.clear()
    if messages:
        pytest.fail("\n".join(messages), pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None]:
    """Judge the fixtures of a test."""
    return (yield from _judged())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None]:
    """Judge the test itself."""
    return (yield from _judged())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Generator[None]:
    """Judge what the fixtures did at the end."""
    return (yield from _judged())


@pytest.fixture
def refused() -> list[str]:
    """Give the list of what the guard refused; a test that provokes it on purpose clears the list."""
    return _refused


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests that drive real agents where there is no node to run them."""
    missing = [program for program in ("node", "npm") if shutil.which(program) is None]
    if not missing:
        return
    skip = pytest.mark.skip(reason=f"real agents need {' and '.join(missing)} on PATH")
    for item in items:
        if item.get_closest_marker("clients"):
            item.add_marker(skip)
