"""The cases in captures/ that show a reply: what the provider sent, and what the client must get for it.

The one is ``upstream.response`` and its body, the other ``client.response``. Of the headers of an answer only
``content-type`` and ``x-should-retry`` count. ``case.yaml`` says what a client must read (``means``) and which parsers
do not without mending (``oracle``).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from tests.oracles import Served, Verdict
from tests.test_captures import CASES, case_of, memory_of, rules_of, sent, stored
from wiremend.pipeline.context import context_for
from wiremend.pipeline.outcome import Rewritten
from wiremend.pipeline.request import rewrite
from wiremend.pipeline.whole import replied

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from wiremend.captures.capture import Response
    from wiremend.pipeline.context import Context
    from wiremend.pipeline.whole import Answer

REPLIES: Final = [folder for folder in CASES if (folder / "upstream.response").exists()]


@dataclass(frozen=True, slots=True)
class Stored:
    """A reply as a case has it."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def kind(self) -> str:
        """The content type."""
        return self.headers.get("content-type", "")

    @property
    def final(self) -> bool:
        """Whether it says that asking again will not help."""
        return self.headers.get("x-should-retry") == "false"

    @classmethod
    def of(cls, reply: Response | None) -> Stored:
        """Take a reply."""
        assert reply is not None, "a case of a reply has both, upstream.response and client.response"
        return cls(reply.status, {name.lower(): value for name, value in reply.headers}, reply.body.data)


@dataclass(frozen=True, slots=True)
class Case:
    """A case of a reply."""

    folder: Path
    about: dict[str, Any]
    context: Context
    reply: Stored
    answer: Stored

    @property
    def oracles(self) -> list[str]:
        """The parsers that do not understand the reply as it is."""
        named = self.about["oracle"]
        return [named] if isinstance(named, str) else list(named)

    def given(self, chunks: Sequence[bytes] | None = None, *, mend: bool = True) -> Answer:
        """Give what the client gets, for the reply in these cuts."""
        context = self.context if mend else replace(self.context, mend=False)
        whole = [self.reply.body] if chunks is None else chunks
        return replied(context, self.reply.status, self.reply.kind or None, whole)

    def served(self, answer: Answer) -> Served:
        """Give an answer as a client's parser gets it."""
        kind = answer.content_type or self.reply.kind
        whole, ids = not self.context.stream, ids_of(stored(self.folder).capture.request.body)
        return Served(answer.body, answer.status, kind, whole=whole, final=answer.final, ids=ids)

    def understood(self, said: Verdict) -> bool:
        """Tell whether a parser understood what the case means. An error is understood by its words."""
        means: dict[str, Any] = self.about["means"]
        if "error" in means:
            return not said.ok and str(means["error"]) in (said.error or "")
        tools = tuple((call["name"], call["input"]) for call in means.get("tools", ()))
        usage = tuple(means["usage"]) if "usage" in means else said.usage
        told = (
            said.thinking is None or means.get("thinking", said.thinking) == said.thinking,
            said.cached is None or means.get("cached", said.cached) == said.cached,
        )
        return said.ok and all(told) and (said.text, said.tools, said.usage) == (means.get("text", ""), tools, usage)


def ids_of(body: bytes) -> tuple[str, ...]:
    """Give the ids of the tool calls in a client's history, of the chat wire."""
    turns = json.loads(body).get("messages") or [] if body.lstrip().startswith(b"{") else []
    calls = [call for turn in turns for call in turn.get("tool_calls") or ()]
    return tuple(call["id"] for call in calls)


def load(folder: Path) -> Case:
    """Read a case, and take its request through its rules."""
    capture = stored(folder).capture
    inputs, memory = capture.inputs, memory_of(folder)
    outcome = rewrite(sent(folder), rules_of(folder), memory, inputs.seed)
    assert isinstance(outcome, Rewritten), outcome
    context = context_for(outcome, memory, seed=inputs.seed, now=inputs.now, flow=inputs.flow)
    assert context is not None, "the case is of no turn of a conversation"
    reply = capture.attempt.response if capture.attempt else None
    return Case(folder, case_of(folder), context, Stored.of(reply), Stored.of(capture.answer))


def cuts(body: bytes, places: Iterable[int]) -> list[bytes]:
    """Cut a body at these places."""
    marks = sorted({place for place in places if 0 < place < len(body)})
    return [body[start:end] for start, end in zip([0, *marks], [*marks, len(body)], strict=True)]
