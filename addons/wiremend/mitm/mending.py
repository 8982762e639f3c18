"""From a flow to what mends its reply."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wiremend.codings import beginning
from wiremend.errors import CodingError
from wiremend.pipeline.context import context_for
from wiremend.pipeline.shapes import PEEK_BYTES, Look, look, undeclared_coding

if TYPE_CHECKING:
    from mitmproxy.http import HTTPFlow

    from wiremend.pipeline.context import Context
    from wiremend.pipeline.outcome import Rewritten
    from wiremend.quirks.memory import Memory

SHOWN = 8
"""Characters of a flow's id that an error text ends with: enough to find it, and as mitmproxy's own lists have it."""


def context_of(
    flow: HTTPFlow, outcome: Rewritten, memory: Memory, *, tried: str = "", begun: bool = False
) -> Context | None:
    """Give what mends the reply of a flow; None where it is no turn of a conversation."""
    if flow.request.method != "POST":
        return None
    return context_for(
        outcome,
        memory,
        seed=flow.id,
        now=int(flow.request.timestamp_start),
        flow=flow.id[:SHOWN],
        tried=tried,
        begun=begun,
    )


def peeked(context: Context, first: bytes, coding: str | None, *, ended: bool, answer: bool = False) -> Look | None:
    """Look at the first bytes of a reply, as they came; None where more are needed.

    ``answer``: until something of the answer itself has come.
    """
    declared = (coding or "").strip().lower()
    coding = declared if declared not in {"", "identity"} else undeclared_coding(first)
    if coding is not None:
        try:
            first = beginning(first, coding, PEEK_BYTES)
        except CodingError:
            return Look("text")  # nothing that can be read: the whole of it will say so
    wire = context.upstream.name if answer else None
    return look(first, context.mending, context.origin, ended=ended, answer=wire)
