"""What the judges of a reply are given, and what they say of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx2


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a parser made of a reply; ``tools`` are pairs of name and input, ``error`` is why it gave up.

    ``finish`` is the wire's own word for why the turn ended, or the parser's; ``usage`` are input and output tokens.
    """

    ok: bool
    text: str = ""
    tools: tuple[tuple[str, Any], ...] = ()
    finish: str | None = None
    error: str | None = None
    usage: tuple[int | None, int | None] | None = None


@dataclass(frozen=True, slots=True)
class Served:
    """A reply as a client gets it; ``whole`` for a call that asked for no stream."""

    body: bytes
    status: int = 200
    kind: str = "text/event-stream"
    whole: bool = False

    def __call__(self, _: httpx2.Request) -> httpx2.Response:
        """Answer any request."""
        return httpx2.Response(self.status, headers={"content-type": self.kind}, content=self.body)
