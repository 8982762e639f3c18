"""Failures that are final, and how each agent is told so that it ends rather than asks again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

FINAL: Final = frozenset({401, 402, 403, 404})
"""Statuses that come again however often one asks: a wrong key, an empty balance, a closed door, a name nobody has."""

GIVES_UP_ON: Final[Mapping[str, int]] = {"codex": 400}
"""Agents that try again after a final status, header or not, and the one that they take for an answer.

Codex 0.169 asks six times after 401, 402, 403, 404 and 422, in 7 s, and once after 400 and 429 (measured, 2026-11).
"""

TAKES_FOR_FINAL: Final[Mapping[str, frozenset[int]]] = {"codex": frozenset({400, 429})}


IN_THE_STREAM: Final[Mapping[str, frozenset[str]]] = {"codex": frozenset({"context_length"})}
"""Failures that an agent understands as an event only: Codex sees a full context in ``response.failed``, and takes a
400 with the same code for a request that is wrong (openai/codex, ``codex-api``, read 2026-11)."""


def status_for(client: str | None, status: int) -> int:
    """Give the status that a client takes for final, for a failure that is."""
    if client is None or client not in GIVES_UP_ON or status in TAKES_FOR_FINAL.get(client, frozenset()):
        return status
    return GIVES_UP_ON[client]
