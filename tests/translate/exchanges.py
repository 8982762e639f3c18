"""The exchanges that prove translation: one table, out of which each of the six directions comes.

An :class:`Exchange` has the request in the body of each wire that can say it, as a client of that wire sends it, and
the reply that the provider gives to it. :func:`written` writes that reply as a provider of any of the wires does, event
by event or whole; :func:`expected` says what the client must understand, whichever wires the two speak. The requests
say the same in other words: ``tests/translate/asked.py`` reads the same out of each of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from tests.translate import exchanges_ends, exchanges_plain, exchanges_tools
from tests.translate.said import WIRES, meaning
from tests.translate.scribe_chat import chat_body, chat_error, chat_stream
from tests.translate.scribe_messages import messages_body, messages_error, messages_stream
from tests.translate.scribe_responses import responses_body, responses_error, responses_stream

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.translate.said import Json, Means, Reply, Wire

HEADS: Final[Mapping[Wire, Json]] = {
    "messages": {"model": "m", "max_tokens": 20_000},
    "chat": {"model": "m", "max_completion_tokens": 20_000},
    "responses": {"model": "m", "max_output_tokens": 20_000, "store": False},
}
STREAMED: Final[Mapping[Wire, Json]] = {
    "messages": {"stream": True},
    "chat": {"stream": True, "stream_options": {"include_usage": True}},
    "responses": {"stream": True},
}
STREAMS: Final[Mapping[Wire, Callable[[Reply], tuple[bytes, ...]]]] = {
    "messages": messages_stream,
    "chat": chat_stream,
    "responses": responses_stream,
}
BODIES: Final[Mapping[Wire, Callable[[Reply], Json]]] = {
    "messages": messages_body,
    "chat": chat_body,
    "responses": responses_body,
}
ERRORS: Final[Mapping[Wire, Callable[[Reply], Json]]] = {
    "messages": messages_error,
    "chat": chat_error,
    "responses": responses_error,
}


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its reply.

    ``asks`` are what the request of each wire has besides model, bound of tokens and the wish for a stream; a wire
    that cannot say it is not there. ``unheard`` are the fields of :class:`tests.translate.asked.Asked` that a wire has
    no place for: a provider of it does not hear them, and the notes say so.
    """

    name: str
    title: str
    asks: Mapping[Wire, Json]
    reply: Reply
    unheard: Mapping[Wire, frozenset[str]] = field(default_factory=dict)

    def request(self, wire: Wire, *, stream: bool = True) -> Json:
        """Give the body of the request as a client of this wire sends it."""
        return HEADS[wire] | self.asks[wire] | (STREAMED[wire] if stream else {})

    @property
    def whole(self) -> bool:
        """Whether there is a reply without a stream too: one that broke off was none."""
        return not self.reply.cut and not (self.reply.error and self.reply.status == 200)


def written(reply: Reply, wire: Wire) -> tuple[bytes, ...]:
    """Give the reply's stream as a provider of this wire writes it, one event a chunk."""
    return STREAMS[wire](reply)


def expected(exchange: Exchange, client: Wire, upstream: Wire) -> Means:
    """Give what the client must understand, where the provider speaks ``upstream``."""
    means = meaning(exchange.reply)
    stop = means.stop
    if stop == "stop_sequence" and (client, upstream) != ("messages", "messages"):
        stop = "end"  # only the messages wire tells it from an end
    return replace(means, stop=stop)


EXCHANGES: Final[Mapping[str, Exchange]] = {
    entry["name"]: Exchange(**entry)
    for entry in (*exchanges_plain.ENTRIES, *exchanges_tools.ENTRIES, *exchanges_ends.ENTRIES)
}
"""The exchanges by name, the simple ones first."""

__all__ = ["BODIES", "ERRORS", "EXCHANGES", "WIRES", "Exchange", "expected", "written"]
