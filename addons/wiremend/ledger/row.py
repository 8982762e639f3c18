"""The row of one finished call, as a line of the log and as JSON.

A row holds names and numbers only: no prompt, no credential (G8). Tokens are totals as the provider counts them; what
the cache served is part of the input. Times are seconds.
"""

from __future__ import annotations

import msgspec


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
    seen: tuple[str, ...] = ()
    """What was noticed and left as it is, as where mending is off."""
    route: str | None = None
    error: str | None = None
    path: str | None = None


def to_json(row: CallRow) -> bytes:
    """Give a row as one line of JSON."""
    return msgspec.json.encode(row) + b"\n"


def to_line(row: CallRow) -> str:
    """Give a row as one line for people.

    ``claude-code  claude-sonnet-4-5 → kimi-code/kimi-for-coding  messages 200  0.41 s  1234 in (1000 cached), 56 out``,
    and behind it what was mended and what went wrong.
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
    if row.mended:
        parts.append(f"mended: {', '.join(row.mended)}")
    if row.seen:
        parts.append(f"seen: {', '.join(row.seen)}")
    if row.error:
        parts.append(f"error: {row.error}")
    return "  ".join(parts)
