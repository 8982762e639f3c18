"""What other libraries log while they work for Wiremend, kept out of the log of the proxy (G8).

Apprise logs the addresses that it sends to, and urllib3 the path of each request, in which tokens stand; mitmproxy
shows the lines of every library. What goes wrong is told in words of our own instead, by whoever called the library.
"""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_OWN: Final = "wiremend"
_NEVER: Final = frozenset({"apprise"})
"""Libraries that are not heard in any thread, since they start threads of their own."""


class _Hush(logging.Filter):
    """Stands at the handlers, for a logger's own filters do not see what the loggers below it log."""

    def __init__(self) -> None:
        """Begin with no thread hushed."""
        super().__init__()
        self.threads = threading.local()

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a line may be shown. It is asked in the thread that logs."""
        library = record.name.partition(".")[0]
        return library == _OWN or (library not in _NEVER and not getattr(self.threads, "depth", 0))


_HUSH: Final = _Hush()


@contextmanager
def hushed() -> Iterator[None]:
    """Show nothing of what others than Wiremend log in this thread."""
    last = [logging.lastResort] if logging.lastResort is not None else []
    for handler in (*logging.getLogger().handlers, *last):
        handler.addFilter(_HUSH)  # does nothing where it is there already
    depth = getattr(_HUSH.threads, "depth", 0)
    _HUSH.threads.depth = depth + 1
    try:
        yield
    finally:
        _HUSH.threads.depth = depth
