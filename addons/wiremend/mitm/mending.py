"""From a flow to what mends its reply."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wiremend.codings import StreamDecoder
from wiremend.errors import CodingError
from wiremend.pipeline.context import context_for
from wiremend.pipeline.shapes import Look, look, undeclared_coding

if TYPE_CHECKING:
    from mitmproxy.http import HTTPFlow

    from wiremend.pipeline.context import Context
    from wiremend.pipeline.outcome import Rewritten
    from wiremend.quirks.memory import Memory

SHOWN = 8
"""Characters of a flow's id that an error text ends with: enough to find it, and as mitmproxy's own lists have it."""


def context_of(flow: HTTPFlow, outcome: Rewritten, memory: Memory) -> Context | None:
    """Give what mends the reply of a flow; None where it is no turn of a conversation."""
    if flow.request.method != "POST":
        return None
    return context_for(outcome, memory, seed=flow.id, now=int(flow.request.timestamp_start), flow=flow.id[:SHOWN])


def peeked(context: Context, first: bytes, coding: str | None, *, ended: bool) -> Look | None:
    """Look at the first bytes of a reply, as they came; None where more are needed."""
    declared = (coding or "").strip().lower()
    coding = declared if declared not in {"", "identity"} else undeclared_coding(first)
    if coding is not None:
        try:
            first = b"".join(StreamDecoder(coding).feed(first))
        except CodingError:
            return Look("text")  # nothing that can be read: the whole of it will say so
    return look(first, context.mending, context.origin, ended=ended)
