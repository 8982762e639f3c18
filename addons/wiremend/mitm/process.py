"""Which program is at the other end of a local connection, or holds a port: for messages only."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Sequence


async def who_connects(peer: Sequence[object] | None) -> str | None:
    """Name the program behind a connection from this machine: ``claude (pid 123)``; None where it cannot be told."""
    if not peer or len(peer) < 2:  # noqa: PLR2004 - a host and a port
        return None
    return await asyncio.to_thread(_owner, int(str(peer[1])), "remote")


def who_listens(port: int) -> str | None:
    """Name the program that listens on a port of this machine; None where it cannot be told."""
    return _owner(port, "listen")


def _owner(port: int, which: str) -> str | None:
    try:
        connections = psutil.net_connections(kind="tcp")
    except (psutil.Error, OSError):
        return None  # macOS lets only root see other users' sockets
    for found in connections:
        if found.pid is None or not found.laddr or found.laddr.port != port:
            continue
        if (found.status == psutil.CONN_LISTEN) != (which == "listen"):
            continue
        try:
            process = psutil.Process(found.pid)
            return f"{process.name()} (pid {found.pid})"
        except psutil.Error:
            return f"pid {found.pid}"
    return None
