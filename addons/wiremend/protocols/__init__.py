"""The three wires, and which of them a path belongs to.

One folder a wire; a new wire is a new folder and one line in ``WIRES``. Folders never import each other.

:func:`find_endpoint` reads a path from its end, because what stands before is anybody's: a provider's prefix
(``coding``, ``api/paas/v4``, ``models/x``), version segments, or a whole endpoint that somebody pasted as a base URL.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wiremend.protocols import chat, messages, responses
from wiremend.protocols.base import MODELS, Endpoint, Wire, WireName, is_version

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["COUNTS", "TURNS", "WIRES", "Found", "find_endpoint"]

WIRES: Final[Mapping[WireName, Wire]] = MappingProxyType(
    {wire.name: wire for wire in (messages.WIRE, chat.WIRE, responses.WIRE)}
)

TURNS: Final[Mapping[WireName, str]] = MappingProxyType(
    {"messages": "messages", "chat": "chat/completions", "responses": "responses"}
)
"""The endpoint of each wire whose reply is a turn of a conversation, which its contract describes."""

COUNTS: Final[Mapping[WireName, str]] = MappingProxyType(
    {"messages": "messages/count_tokens", "responses": "responses/input_tokens"}
)
"""The endpoint of a wire that counts the tokens of a turn's prompt; the chat wire has none."""

# OpenAI's own paths that end like an endpoint and are none (API reference: Threads, stored completions, admin usage).
# A star is one segment that is not a version.
_STRANGERS: Final = (
    ("threads", "*", "messages"),
    ("chat", "completions", "*", "messages"),
    ("organization", "usage", "completions"),
    ("organization", "usage", "embeddings"),
)


@dataclass(frozen=True, slots=True)
class Found:
    """What a path ends in: the endpoint, the wires that have it, and the index of its first segment."""

    wires: tuple[WireName, ...]
    endpoint: Endpoint
    start: int


def _table() -> list[tuple[tuple[str, ...], Found]]:
    """Give each endpoint's segments and what is found with it: the longest first, the closed before the open."""
    endpoints = dict.fromkeys(endpoint for wire in WIRES.values() for endpoint in wire.endpoints)
    rows = [
        (
            tuple(endpoint.path.split("/")),
            Found(tuple(name for name, wire in WIRES.items() if endpoint in wire.endpoints), endpoint, 0),
        )
        for endpoint in endpoints
    ]
    return sorted(rows, key=lambda row: (-len(row[0]), row[1].endpoint.rest))


_TABLE: Final = _table()


def find_endpoint(segments: Sequence[str]) -> Found | None:
    """Find the endpoint in which a path ends; None if it ends in none.

    ``segments`` are the path's segments without the empty ones. The leftmost place wins from which all that follows is
    an endpoint, with two exceptions. What was pasted as a base URL is none: where an endpoint is followed, but for
    version segments, by another, the later one counts. And the ids below ``models`` are free, so an endpoint that ends
    exactly where the path ends counts before them (``models/chat/completions``, Azure).

    ================================== ===================== =====
    path                               endpoint              start
    ================================== ===================== =====
    ``v1/messages/count_tokens``       messages/count_tokens 1
    ``coding/v1/messages/v1/messages`` messages              4
    ``responses/v1/responses/resp_1``  responses (open)      2
    ``models/moonshotai/kimi-k2``      models                0
    ``api/messages/v2/threads``        none
    ================================== ===================== =====
    """
    if any(_ends_like(segments, pattern) for pattern in _STRANGERS):
        return None
    places = (found for start in range(len(segments)) if (found := _match(segments, start)) is not None)
    chosen = next(places, None)
    if chosen is None:
        return None
    for later in places:
        end = _end(chosen)
        between = segments[end : later.start]
        pasted = later.start >= end and all(map(is_version, between))
        freely_named = chosen.endpoint.path == MODELS.path and _end(later) == len(segments)
        if pasted or freely_named:
            chosen = later
    return chosen


def _match(segments: Sequence[str], start: int) -> Found | None:
    """Give the endpoint that all segments from ``start`` on are, None if they are none."""
    for path, found in _TABLE:
        end = start + len(path)
        if tuple(segments[start:end]) == path and (end == len(segments) or found.endpoint.rest):
            return replace(found, start=start)
    return None


def _end(found: Found) -> int:
    """Give the index after the endpoint's own segments."""
    return found.start + found.endpoint.path.count("/") + 1


def _ends_like(segments: Sequence[str], pattern: tuple[str, ...]) -> bool:
    """Tell whether the path ends as a pattern says."""
    tail = segments[-len(pattern) :]
    return len(tail) == len(pattern) and all(
        part == name or (name == "*" and not is_version(part)) for part, name in zip(tail, pattern, strict=True)
    )
