"""What the laws of the reply pipeline share: contexts, streams of each wire, and what a client makes of a stream's end.

The streams are those that the tests of each wire's contract and mender draw; here they meet quirks, menders and names
in the order in which the pipeline has them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st

from tests.lab import replies
from tests.protocols.chat import test_properties as chat
from tests.protocols.messages import test_contract_properties as messages
from tests.protocols.messages.kit import stream as write_messages
from tests.protocols.responses import test_properties as responses
from tests.protocols.responses.kit import encode as write_responses
from wiremend.pipeline.context import Context
from wiremend.pipeline.reply import ReplyStream
from wiremend.protocols import WIRES
from wiremend.protocols.mending import Origin
from wiremend.protocols.wires import CONTRACTS, MENDING
from wiremend.quirks import all_quirks
from wiremend.quirks.base import Scope
from wiremend.quirks.memory import Memory
from wiremend.sse import EventParser

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wiremend.protocols.base import WireName
    from wiremend.quirks.base import Quirk
    from wiremend.sse import Event

NAMES: Final[tuple[WireName, ...]] = ("messages", "chat", "responses")
LET_THROUGH: Final = frozenset({"chat.tool-call.arguments-not-json"})
"""What no mend can help, and all clients check for: see ``wiremend.protocols.chat.done.LEFT``."""

REWRITES: Final = frozenset({"anth-unknown-variants", "reasoning-field-name", "think-tag-unopened"})
"""Quirks that also change what is legal: for agents whose closed lists know less than the wire has, or by name only."""

HOLDS: Final = frozenset({"think-tags-in-content", "tool-args-invalid-json"})
"""Quirks that hold back some of a legal text: white space that a tag may follow, a comma that a bracket may."""

LEGAL: Final[dict[str, st.SearchStrategy[bytes]]] = {
    "messages": messages.turns().map(lambda turn: write_messages(*turn[0])),
    "chat": chat.chunks().map(chat.write),
    "responses": responses.legal().map(lambda drawn: write_responses(drawn[1])),
}
SAMPLES: Final[dict[str, list[bytes]]] = {
    "messages": replies.messages_events(replies.Answer("one two", tool=("bash", {"command": "ls"}))),
    "chat": replies.chat_events(replies.Answer("one two", tool=("bash", {"command": "ls"}))),
    "responses": replies.responses_events(replies.Answer("one two", tool=("bash", {"command": "ls"}))),
}
"""A legal stream of each wire, event by event: a text, and a tool's call."""

BROKEN: Final[dict[str, st.SearchStrategy[bytes]]] = {
    "messages": messages.broken(),
    "chat": chat.broken(),
    "responses": responses.damaged().map(
        lambda events: write_responses([one if isinstance(one, bytes) else _unnamed(one) for one in events])
    ),
}
JUNK: Final = st.lists(
    st.binary(max_size=16)
    | st.sampled_from(
        (
            *(b"data: [DONE]\n\n", b"data: {}\n\n", b"data: [1]\n\n", b"data: {\n\n", b"data:", b": hi\n\n"),
            *(b"\xef\xbb\xbf", b"event: ping\n\n", b"\r", b"\r\n", b"\n", b"<html>", b"\x1f\x8b"),
            b'data: {"error":{"message":"x","code":429}}\n\n',
            b'{"detail":"x"}\n',
            b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"x"}}\n\n',
            b'data: {"type":"response.failed"}\n\n',
            b'data: {"type":"message_stop"}\n\n',
        )
    ),
    max_size=6,
).map(b"".join)


def _unnamed(event: Any) -> bytes:  # noqa: ANN401 - JSON
    return b"data: " + json.dumps(event).encode() + b"\n\n"


@st.composite
def spliced(draw: st.DrawFn, name: str) -> bytes:
    """Draw a stream of a wire, sound or not, with junk somewhere in it."""
    raw = draw(LEGAL[name] | BROKEN[name] | st.just(b""))
    at, gap = draw(st.integers(0, len(raw))), draw(st.sampled_from((0, 0, 1, 7, 80)))
    return raw[:at] + draw(JUNK) + raw[at + gap :]


def anything(name: str) -> st.SearchStrategy[bytes]:
    """Give bytes of all kinds, most of them near to a stream of the wire."""
    return BROKEN[name] | spliced(name) | spliced(name) | JUNK


def working(name: WireName) -> list[Quirk]:
    """Give the quirks of a wire that look at its replies, in the catalogue's order."""
    return [one for one in all_quirks().values() if name in one.wires and (one.step or one.reply or one.recorder)]


def context(name: WireName, /, *, quirks: Iterable[Quirk] = (), **more: Any) -> Context:  # noqa: ANN401 - Context's fields
    """Give the context of an exchange with a made-up provider."""
    return Context(
        wire=WIRES[name],
        mending=MENDING[name],
        scope=Scope(wire=name, model="k3-sent", host="llm.example", stream=True, seed="seed"),
        origin=Origin(seed="seed", now=1700000000, model="asked", flow="f10e1d"),
        memory=Memory(),
        quirks=tuple(quirks),
        **{"stream": True, **more},
    )


def begun(of: Context) -> ReplyStream:
    """Give a stream before its first byte."""
    return ReplyStream(of, of.wire.tally())


def mended(of: Context, chunks: Iterable[bytes]) -> tuple[bytes, ReplyStream]:
    """Send chunks through, to the end."""
    stream = begun(of)
    given = b"".join([*map(stream.feed, chunks), stream.close()])
    assert stream.ended
    assert stream.close() == b""
    return given, stream


def events(raw: bytes) -> list[Event]:
    """Read a stream."""
    parser = EventParser()
    return [*parser.feed(raw), *parser.close()]


def faults(name: WireName, raw: bytes) -> list[str]:
    """Give the codes of what a stream breaks of its wire's contract, its end included."""
    contract = CONTRACTS[name]()
    codes = {found.code for event in events(raw) for found in contract.feed(event)}
    codes |= {found.code for found in contract.close()}
    assert contract.ended
    if b'"custom":{' in raw:  # a custom tool's call on the chat wire, which the contract does not know
        codes.discard("chat.tool-call.type-wrong")
    return sorted(codes - LET_THROUGH)


def documents(raw: bytes) -> list[Any]:
    """Give the JSON of a stream's events; None for data that is none."""
    return [_document(event.data) for event in events(raw) if event.data is not None]


def _document(data: bytes) -> Any:  # noqa: ANN401 - JSON
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def succeeds(name: WireName, raw: bytes) -> bool:
    """Tell whether a client takes a stream's end for a success: by the wire's own terminal, and no error before it."""
    found = [one for one in documents(raw) if isinstance(one, dict)]
    if any("error" in one and one["error"] for one in found if one.get("type") in {None, "error"}):
        return False
    match name:
        case "messages":
            return any(one.get("type") == "message_stop" for one in found)
        case "chat":
            return any(event.data == b"[DONE]" for event in events(raw))
        case _:
            return any(one.get("type") in {"response.completed", "response.incomplete"} for one in found)


def finished(name: WireName, raw: bytes) -> bool:
    """Tell whether a part of a legal stream has said all but its terminal: then an ending may be put in (G2)."""
    found = [one for one in documents(raw) if isinstance(one, dict)]
    match name:
        case "messages":
            return any(one.get("type") == "message_delta" and one["delta"].get("stop_reason") for one in found)
        case "chat":
            choices = [choice for one in found for choice in one["choices"]]
            ended = {choice["index"] for choice in choices if choice["finish_reason"]}
            return bool(ended) and ended == {choice["index"] for choice in choices}
        case _:
            kinds = [one.get("type") for one in found]
            items = kinds.count("response.output_item.added")
            return "response.completed" in kinds or 0 < items == kinds.count("response.output_item.done")
