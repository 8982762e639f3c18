"""What the judges of a reply are given, and what they say of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx2


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a parser made of a reply; ``tools`` are pairs of name and input, ``error`` is why it gave up.

    ``finish`` is the wire's own word for why the turn ended, or the parser's; ``usage`` are input and output tokens,
    ``cached`` those of the input that the cache served. ``thinking`` is what it took for the model's reasoning. Both
    are None where the parser does not tell them.
    """

    ok: bool
    text: str = ""
    tools: tuple[tuple[str, Any], ...] = ()
    finish: str | None = None
    error: str | None = None
    usage: tuple[int | None, int | None] | None = None
    cached: int | None = None
    thinking: str | None = None


@dataclass(frozen=True, slots=True)
class Served:
    """A reply as a client gets it; ``whole`` for a call that asked for no stream.

    ``final`` tells that its head says that asking again will not help. ``ids`` are those of the tool calls that the
    client's history already has.
    """

    body: bytes
    status: int = 200
    kind: str = "text/event-stream"
    whole: bool = False
    final: bool = False
    ids: tuple[str, ...] = ()

    def __call__(self, _: httpx2.Request) -> httpx2.Response:
        """Answer any request."""
        headers = {"content-type": self.kind} | ({"x-should-retry": "false"} if self.final else {})
        return httpx2.Response(self.status, headers=headers, content=self.body)
