"""The row of one finished call, as a line of the log and as JSON, and the rows of the tools that it called.

A row holds names and numbers only: no prompt, no credential (G8). Tokens are totals as the provider counts them; what
the cache served is part of the input. Times are seconds.
"""

from __future__ import annotations

from typing import Final

import msgspec

NEVER_SENT: Final = frozenset({"cooling", "queue", "window", "credential"})
"""Troubles of a try that did not get as far as the provider."""


class Try(msgspec.Struct, frozen=True):
    """One try at a provider: when it began (seconds since the call began), how long it took, and how it failed.

    ``status`` is None where no head came; ``trouble`` is None for the try whose reply the client got, else a word:
    ``connection``, ``stall``, ``stream``, ``status``, ``quota``, ``cooling``, ``queue``, ``window``, ``credential``, or
    ``cancelled``: the client went away.
    """

    provider: str | None
    model: str | None
    status: int | None = None
    trouble: str | None = None
    at_s: float = 0.0
    total_s: float = 0.0


class ToolRow(msgspec.Struct, frozen=True):
    """One call of a tool that a reply asked for. ``id`` is as the client got it, ``call`` the id of its row."""

    call: str
    id: str
    name: str
    argument_bytes: int = 0
    result_seen: bool = False


class CallRow(msgspec.Struct, frozen=True, omit_defaults=False):
    """One call. ``time`` is seconds since 1970 at its beginning; ``status`` is None where no head ever came."""

    time: float
    client: str | None
    agent: str | None
    wire: str | None
    asked: str | None
    provider: str | None
    model: str | None
    status: int | None
    first_byte_s: float | None
    total_s: float
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    mended: tuple[str, ...] = ()
    """What was changed on the way, and what was put in."""
    seen: tuple[str, ...] = ()
    """What was noticed and left as it is, as where mending is off."""
    route: str | None = None
    error: str | None = None
    path: str | None = None
    id: str = ""
    """The flow's id; with a number behind it where a flow has several rows: responses of a WebSocket, replays."""
    upstream_wire: str | None = None
    """The wire that the provider speaks, where a request went to one; ``wire`` is the client's."""
    attempts: tuple[Try, ...] = ()
    stop_reason: str | None = None
    """Why the answer ended, in the provider's own word."""
    reasoning_tokens: int | None = None
    """The part of ``output_tokens`` that was thought."""
    overhead_ms: float | None = None
    """Our own share of the time, up to the row: what the event loop spent in Wiremend's hooks and in its reply."""
    losses: tuple[str, ...] = ()
    """What of the client's intents did not reach the provider, or of its answer the client (G5)."""
    capture: str | None = None
    """The id of its capture, where one is kept."""


def to_json(row: CallRow) -> bytes:
    """Give a row as one line of JSON."""
    return msgspec.json.encode(row) + b"\n"


def to_line(row: CallRow) -> str:
    """Give a row as one line for people.

    ``claude-code  claude-sonnet-4-5 → kimi-code/kimi-for-coding  messages 200  0.41 s  1234 in (1000 cached), 56 out``,
    and behind it how often it was tried, what was lost, what was mended, and what went wrong.
    """
    asked = row.asked or row.path or "?"
    sent = "/".join(part for part in (row.provider, row.model) if part)
    parts = [
        row.client or "unknown client",
        f"{asked} → {sent}" if sent and sent != asked else asked,
        f"{row.wire or '-'} {row.status if row.status is not None else 'no answer'}",
    ]
    if row.first_byte_s is not None:
        parts.append(f"{row.first_byte_s:.2f} s")
    if row.input_tokens is not None or row.output_tokens is not None:
        cached = f" ({row.cached_tokens} cached)" if row.cached_tokens else ""
        parts.append(f"{row.input_tokens or 0} in{cached}, {row.output_tokens or 0} out")
    tries = sum(one.trouble not in NEVER_SENT for one in row.attempts)
    if tries > 1:
        parts.append(f"{tries} tries")
    if row.losses:
        parts.append(f"lost: {', '.join(row.losses)}")
    if row.mended:
        parts.append(f"mended: {', '.join(row.mended)}")
    if row.seen:
        parts.append(f"seen: {', '.join(row.seen)}")
    if row.error:
        parts.append(f"error: {row.error}")
    return "  ".join(parts)
