"""The cases in captures/ that show a reply: what the provider sent, and what the client must get for it.

``reply.http`` and ``answer.http`` are a status line, headers, an empty line and the body, whose bytes are exactly those
on the wire. Of the headers of an answer only ``content-type`` and ``x-should-retry`` count. ``case.yaml`` says what a
client must read (``means``) and which parsers do not without mending (``oracle``).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from tests.oracles import Served, Verdict
from tests.test_captures import CASES, Request, case_of
from wiremend.pipeline.context import context_for
from wiremend.pipeline.request import Rewritten, rewrite
from wiremend.pipeline.whole import replied
from wiremend.quirks.memory import Memory
from wiremend.rules.load import load_rules
from wiremend.rules.lookup import shipped

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from wiremend.pipeline.context import Context
    from wiremend.pipeline.whole import Answer

SEED: Final = "case"
NOW: Final = 1700000000

REPLIES: Final = [folder for folder in CASES if (folder / "reply.http").exists()]


@dataclass(frozen=True, slots=True)
class Stored:
    """A reply as a file has it."""

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
    def read(cls, path: Path) -> Stored:
        """Read a file."""
        head, _, body = path.read_bytes().partition(b"\n\n")
        first, *lines = head.decode().split("\n")
        version, status, *_ = first.split(" ")
        assert version == "HTTP/1.1", path
        return cls(
            int(status), {name.lower(): value for name, _, value in (one.partition(": ") for one in lines)}, body
        )


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
        whole, ids = not self.context.stream, ids_of(self.folder / "client.http")
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


def ids_of(path: Path) -> tuple[str, ...]:
    """Give the ids of the tool calls in a client's history, of the chat wire."""
    body = path.read_bytes().partition(b"\n\n")[2]
    turns = json.loads(body).get("messages") or [] if body.lstrip().startswith(b"{") else []
    calls = [call for turn in turns for call in turn.get("tool_calls") or ()]
    return tuple(call["id"] for call in calls)


def load(folder: Path) -> Case:
    """Read a case, and take its request through its rules."""
    about = case_of(folder)
    client = Request.read(folder / "client.http", coded=about.get("body") == "base64")
    file = folder / "rules.yaml" if (folder / "rules.yaml").exists() else shipped()
    resolved = load_rules(file.read_text("utf-8"), file.name, about.get("environment", {})).resolved
    memory = Memory()
    for key, value in about.get("memory", {}).items():
        memory.keep(key, value)
    seed = about.get("seed", SEED)
    outcome = rewrite(client.sent(), resolved, memory, seed)
    assert isinstance(outcome, Rewritten), outcome
    context = context_for(outcome, memory, seed=seed, now=NOW)
    assert context is not None, "the case is of no turn of a conversation"
    return Case(folder, about, context, Stored.read(folder / "reply.http"), Stored.read(folder / "answer.http"))


def cuts(body: bytes, places: Iterable[int]) -> list[bytes]:
    """Cut a body at these places."""
    marks = sorted({place for place in places if 0 < place < len(body)})
    return [body[start:end] for start, end in zip([0, *marks], [*marks, len(body)], strict=True)]
