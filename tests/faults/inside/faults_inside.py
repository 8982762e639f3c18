"""What the harness does inside the proxy: a ``-s`` script beside Wiremend's.

- HTTP/2 is offered to every upstream over TLS; the port decides. (mitmproxy mirrors the offer of a plain client, which
  is none.)
- A name under ``.invalid`` is not found, as RFC 6761 has it, and no resolver is asked for it.
- On SIGUSR1 it writes what is alive to the file that the variable ``FAULTS_INSIDE`` names: the count of the signals,
  the names of the tasks of asyncio, and how many objects there are of the classes that a call is made of.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import json
import os
import signal
import socket
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mitmproxy.tls import TlsData

COUNTED: Final = frozenset(
    {"HTTPFlow", "WireStream", "WireLayer", "Exchange", "ConnectionHandler", "Server", "Client", "Through", "Tape"}
)

_look_up = socket.getaddrinfo


def _found(host: Any, *args: Any, **named: Any) -> Any:  # noqa: ANN401 - it stands in the place of a function of any arguments
    """Look a name up, unless nobody can have it."""
    if str(host).rstrip(".").endswith(".invalid"):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return _look_up(host, *args, **named)


class Inside:
    """Offers HTTP/2, and tells what is alive."""

    def __init__(self) -> None:
        """Count from nothing."""
        self.told = 0

    def running(self) -> None:
        """Listen to the signal."""
        socket.getaddrinfo = _found
        if os.environ.get("FAULTS_INSIDE"):
            asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, self.tell)

    def tls_start_server(self, data: TlsData) -> None:
        """Offer both kinds of HTTP."""
        data.conn.alpn_offers = [b"h2", b"http/1.1"]

    def tell(self) -> None:
        """Write what is alive, in one step."""
        self.told += 1
        gc.collect()
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL("libc.so.6").malloc_trim(0)  # what is free goes back, so that what is held shows
        path = Path(os.environ["FAULTS_INSIDE"])
        alive = Counter(type(thing).__name__ for thing in gc.get_objects())
        tasks = sorted(task.get_name() for task in asyncio.all_tasks())
        seen = {"told": self.told, "tasks": tasks, "alive": {name: alive[name] for name in sorted(COUNTED)}}
        part = path.with_suffix(".part")
        part.write_text(json.dumps(seen), "utf-8")
        part.replace(path)


addons = [Inside()]
