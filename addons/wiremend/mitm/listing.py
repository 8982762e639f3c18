"""What the flow list shows of an LLM call: a comment, and a marker where something went wrong.

The comment has the way (``claude-sonnet-4-5 → kimi-code/kimi-for-coding``), as soon as it is decided; at the end follow
the tokens and what was mended. How a call failed, and what was lost on it, stand before the way: mitmweb's column shows
some 20 characters, and the marker does not tell the reason. The marker is the worst of it. What a person wrote or set
in their place stays: only what stands there as Wiremend left it is replaced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wiremend.families import scrubbed
from wiremend.pipeline.outcome import Refused, Rewritten
from wiremend.replay.beside import shortened

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mitmproxy.http import HTTPFlow

    from wiremend.ledger.row import CallRow
    from wiremend.mitm.exchange import Exchange

FAILED: Final = ":x:"
LOST: Final = ":warning:"
MENDED: Final = ":wrench:"

BAD: Final = 400
_MENDED: Final = frozenset({"mended", "invented"})
_LOST: Final = frozenset({"lost"})
_NAME: Final = 60
_LONG: Final = 160


def decided(flow: HTTPFlow, exchange: Exchange) -> None:
    """Show where a call goes, as soon as that is known."""
    _show(flow, exchange, comment_of(exchange), "")


def ended(flow: HTTPFlow, exchange: Exchange, row: CallRow) -> None:
    """Show what became of a call."""
    _show(flow, exchange, comment_of(exchange, row), marker_of(exchange, row))


def comment_of(exchange: Exchange, row: CallRow | None = None) -> str:
    """Give the comment: the way, and of a call that is over (``row``) the tokens and what happened on it."""
    parts = [] if row is None else [*_wrong(exchange, row)]
    parts.append(_way(exchange))
    if exchange.again is not None:
        parts.append(exchange.again.words)
    if row is None:
        return "  ".join(parts)
    if row.input_tokens is not None or row.output_tokens is not None:
        cached = f" ({row.cached_tokens} cached)" if row.cached_tokens else ""
        parts.append(f"{row.input_tokens or 0} in{cached}, {row.output_tokens or 0} out")
    mended = _codes(exchange, _MENDED)
    if mended:
        parts.append(f"mended: {', '.join(mended)}")
    return "  ".join(_fit(part, _LONG, exchange) for part in parts)


def marker_of(exchange: Exchange, row: CallRow) -> str:
    """Give the marker: the worst of failed, lost and mended; none where all was well."""
    if _is_failed(row):
        return FAILED
    if _codes(exchange, _LOST):
        return LOST
    return MENDED if _codes(exchange, _MENDED) else ""


def _wrong(exchange: Exchange, row: CallRow) -> Iterator[str]:
    if _is_failed(row):
        yield f"failed: {row.error or _status(row)}"
    lost = _codes(exchange, _LOST)
    if lost:
        yield f"lost: {', '.join(lost)}"


def _show(flow: HTTPFlow, exchange: Exchange, comment: str, marker: str) -> None:
    was_comment, was_marker = exchange.listed
    if flow.comment == was_comment:
        flow.comment = was_comment = comment
    if flow.marked == was_marker:
        flow.marked = was_marker = marker
    exchange.listed = was_comment, was_marker


def _way(exchange: Exchange) -> str:
    asked = exchange.facts.model or exchange.facts.path
    outcome = exchange.outcome
    first = _fit(asked, _NAME, exchange)
    if not isinstance(outcome, Rewritten):
        return f"{first} → {'refused' if isinstance(outcome, Refused) else 'answered here'}"
    decision = outcome.decision
    sent = "/".join(part for part in (decision.provider, decision.sent) if part)
    return first if not sent or sent == asked else f"{first} → {_fit(sent, _NAME, exchange)}"


def _fit(text: str, room: int, exchange: Exchange) -> str:
    """Give a text that may hold anything, as it may be shown: scrubbed before it is cut (G8)."""
    return shortened(scrubbed(text, exchange.secrets()), room)


def _codes(exchange: Exchange, kinds: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(note.short for note in exchange.notes if note.kind in kinds and note.short))


def _is_failed(row: CallRow) -> bool:
    return row.error is not None or row.status is None or row.status >= BAD


def _status(row: CallRow) -> str:
    return "no answer" if row.status is None else f"status {row.status}"
