"""An exchange through the translation, in process: the request up, the reply down, as the pipeline does it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from tests.oracles import Served
from tests.translate.exchanges import BODIES, ERRORS, expected, written
from tests.translate.said import differences
from tests.translate.understood import understood
from wiremend.pipeline.context import Context
from wiremend.pipeline.reply import ReplyStream
from wiremend.pipeline.translate import translate
from wiremend.pipeline.whole import EVENTS, JSON, replied
from wiremend.protocols import WIRES
from wiremend.protocols.codec import Recipient
from wiremend.protocols.mending import Origin
from wiremend.protocols.wires import MENDING
from wiremend.quirks.base import Scope
from wiremend.quirks.memory import Memory

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.translate.exchanges import Exchange
    from tests.translate.said import Json, Means, Reply, Wire
    from wiremend.notes import Note
    from wiremend.pipeline.translate import Translation
    from wiremend.pipeline.whole import Answer

MODEL: Final = "lab-model"
OFFICIAL: Final = {"messages": "api.anthropic.com", "chat": "api.openai.com", "responses": "api.openai.com"}
"""The vendor's own host of each wire."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it reaches the provider, and what was said of the differences."""

    translation: Translation
    body: Json
    notes: tuple[Note, ...]
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Direction:
    """One way through the translation."""

    client: Wire
    upstream: Wire
    host: str = ""

    def up(self, body: Json) -> Sent:
        """Translate a request."""
        raw = json.dumps(body, ensure_ascii=False).encode()
        done = translate(raw, self.client, self.upstream, Recipient(MODEL, host=self.host))
        return Sent(done.translation, json.loads(done.translation.body), done.notes, done.headers)

    def asks(self, exchange: Exchange, *, stream: bool = True) -> Sent:
        """Translate the request of an exchange."""
        return self.up(exchange.request(self.client, stream=stream))

    def context(self, sent: Sent) -> Context:
        """Give the exchange that a reply belongs to."""
        request = sent.translation.request
        return Context(
            wire=WIRES[self.client],
            mending=MENDING[self.upstream],
            scope=Scope(self.upstream, MODEL, "lab", self.host, stream=request.stream),
            origin=Origin(seed="exchange", now=1_763_700_000, model=request.model, flow="f10w"),
            memory=Memory(),
            stream=request.stream,
            translation=sent.translation,
        )

    def down(self, sent: Sent, chunks: Sequence[bytes], *, kind: str = EVENTS, status: int = 200) -> Answer:
        """Translate a reply, in these chunks."""
        return replied(self.context(sent), status, kind, chunks)

    def live(self, sent: Sent, chunks: Sequence[bytes]) -> list[bytes]:
        """Translate a stream while it comes; give what leaves for each chunk, and at the end."""
        context = self.context(sent)
        stream = ReplyStream(context, context.upstream.tally())
        return [*map(stream.feed, chunks), stream.close()]

    def reads(self, sent: Sent, answer: Answer) -> tuple[Means, Any]:
        """Let the SDK of the client read an answer."""
        kind = answer.content_type or JSON
        return understood(
            self.client, Served(answer.body, answer.status, kind, whole=not sent.translation.request.stream)
        )


NOTED: Final = {"cited": ("lost", "citation"), "words": ("invented", "refusal")}
"""What may be understood otherwise, and the kind and the code of the note that must then be there."""


def untold(way: Direction, exchange: Exchange, means: Means, answer: Answer) -> list[str]:
    """Say where a client understood something else than it must, and no note tells it (G5)."""
    want = expected(exchange, way.client, way.upstream)
    noted = {(note.kind, word) for note in answer.notes for word in note.short.replace(".", "-").split("-")}
    if NOTED["cited"] in noted and not means.cited:
        means = replace(means, cited=want.cited)
    if NOTED["words"] in noted and means.words.startswith(want.words):
        means = replace(means, words=want.words)
    return differences(means, want)


def chunks_of(reply: Reply, wire: Wire, *, stream: bool = True) -> tuple[tuple[bytes, ...], str]:
    """Give a reply as the provider sends it, and its content type."""
    if reply.status >= 400:
        return (json.dumps(ERRORS[wire](reply)).encode(),), JSON
    if not stream:
        return (json.dumps(BODIES[wire](reply), ensure_ascii=False).encode(),), JSON
    return written(reply, wire), EVENTS
