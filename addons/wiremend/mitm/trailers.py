"""Trailers of HTTP/1.1: dropped, where mitmproxy would break off.

A chunked body may end with header fields. mitmproxy 12.2.3 raises on them ("HTTP trailers are not implemented yet",
``proxy/layers/http/_http1.py``), and the client waits for the end of its stream until it gives up. Who receives
trailers may drop them (RFC 9110, section 6.5.1), and over HTTP/1 no client of an LLM reads any. A release that takes
them by itself has no use for this; one in which the name below is gone is left as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import h11
from h11._readers import ChunkedReader
from mitmproxy.proxy.layers.http import _http1

if TYPE_CHECKING:
    from h11._receivebuffer import ReceiveBuffer


class TrailerlessReader(ChunkedReader):
    """Reads a chunked body, and forgets the fields behind it."""

    def __call__(self, buf: ReceiveBuffer) -> h11.Data | h11.EndOfMessage | None:
        """Give what is there: data, the end, or nothing yet."""
        event = super().__call__(buf)
        return h11.EndOfMessage() if isinstance(event, h11.EndOfMessage) and event.headers else event


def drop_trailers() -> None:
    """Let mitmproxy read chunked bodies so, in this process."""
    if getattr(_http1, "ChunkedReader", None) is ChunkedReader:
        _http1.ChunkedReader = TrailerlessReader  # type: ignore[attr-defined]  # it imports the name for itself
