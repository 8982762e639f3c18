"""No network while a test runs: connecting and resolving names raise, and say who tried to reach what.

What swallows the error does not get away with it: the test fails at its end. Where ``loopback`` is allowed, this
machine can still be reached, for tests that talk to a provider of their own. Covered is what goes through Python's
:mod:`socket` in this process; programs that a test starts are not.
"""

from __future__ import annotations

import ipaddress
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_METHODS: Final = ("connect", "connect_ex", "sendto", "sendmsg")
_LOOKUPS: Final = ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr")


class OfflineError(OSError):
    """A test that must stay offline tried to reach something."""


@contextmanager
def offline(who: str, *, loopback: bool = False) -> Iterator[None]:
    """Block the network. ``who`` is the test, for the message; a refusal that was swallowed fails the test."""
    refused: list[str] = []

    def refuse(call: str, target: str) -> None:
        message = f"{who} tried to reach {target} ({call}); it runs offline"
        refused.append(message)
        raise OfflineError(message)

    with pytest.MonkeyPatch.context() as patch:
        for name in _METHODS:
            if hasattr(socket.socket, name):  # sendmsg is not on each system
                patch.setattr(socket.socket, name, _method(name, refuse, loopback=loopback))
        for name in _LOOKUPS:
            patch.setattr(socket, name, _lookup(name, refuse, loopback=loopback))
        yield
    if refused:
        pytest.fail("\n".join(dict.fromkeys(refused)), pytrace=False)


def is_loopback(host: object) -> bool:
    """Tell whether a host, as sockets and resolvers are given it, can only be this machine."""
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if not isinstance(host, str):
        return host is None
    name = host.rstrip(".").lower()
    if name in {"", "localhost"} or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback


def _method(name: str, refuse: Callable[[str, str], None], *, loopback: bool) -> Callable[..., Any]:
    real = getattr(socket.socket, name)

    def guarded(self: socket.socket, *args: Any) -> Any:  # noqa: ANN401 - as the call that it stands for
        address = _address(name, args)
        near = address is None or (loopback and (not isinstance(address, tuple) or is_loopback(address[0])))
        if not near:
            refuse(f"socket.{name}", _shown(address))
        return real(self, *args)

    return guarded


def _lookup(name: str, refuse: Callable[[str, str], None], *, loopback: bool) -> Callable[..., Any]:
    real = getattr(socket, name)

    def guarded(host: Any, *args: Any, **named: Any) -> Any:  # noqa: ANN401 - as the call that it stands for
        if not (loopback and is_loopback(host)):
            refuse(f"socket.{name}", f"the name {_shown(host)}")
        return real(host, *args, **named)

    return guarded


def _address(name: str, args: tuple[Any, ...]) -> object:
    """Give where a call goes; None where it goes over a connection that is there already."""
    if name == "sendmsg":
        return args[3] if len(args) > 3 else None  # noqa: PLR2004 - sendmsg(buffers, ancillary, flags, address)
    return args[-1] if args else None


def _shown(target: object) -> str:
    if isinstance(target, tuple) and len(target) > 1:
        return f"{_shown(target[0])}:{target[1]}"
    return target.decode("ascii", "replace") if isinstance(target, bytes) else str(target)
