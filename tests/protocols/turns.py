"""Replies as neutral events, drawn by hypothesis, and what they mean: for the laws of stream decoders and encoders.

A drawn reply is one that a sequencer lets through: legal, one part at a time, and of a turn that a model may make (the
input of a call is JSON, the stop reason suits the parts). What it *means* is told without its cuts, so that events that
were written on a wire and read back can be held against it.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st

from wiremend.events import (
    JOINED,
    Alive,
    Delta,
    Ended,
    Failed,
    Finished,
    Grammar,
    PartEnded,
    PartStarted,
    Started,
    Stranger,
    UsageSeen,
)
from wiremend.message import ChatRequest, Usage
from wiremend.protocols.codec import Telling
from wiremend.protocols.mending import Origin
from wiremend.sse import EventParser

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wiremend.events import DeltaKind, Event, PartKind
    from wiremend.message import StopReason
    from wiremend.protocols.codec import Decoder, Encoder

ORIGIN: Final = Origin(seed="seed", now=1_800_000_000, model="asked")

WORDS: Final = st.text(st.characters(codec="utf-8"), max_size=12)
NAMES: Final = st.from_regex(r"[a-zA-Z0-9_-]{1,12}", fullmatch=True)
JSONS: Final = st.dictionaries(WORDS, st.none() | st.booleans() | st.integers(-9, 9) | WORDS, max_size=3)
COUNTS: Final = st.integers(1, 10_000)
USAGE: Final = st.builds(
    lambda fresh, cached, written, output, thought: Usage(
        fresh + cached + written, cached, written, output + thought, thought
    ),
    *[COUNTS] * 5,
)


def telling(wire: Any = "chat", *, name: str | None = None, stream: bool = True, **extra: Any) -> Telling:  # noqa: ANN401 - any JSON, and a name of a wire
    request = ChatRequest(wire=wire, model="asked", messages=(), stream=stream, extra=extra)
    return Telling(ORIGIN, request, name=name)


def full(wire: Any = "chat") -> Telling:  # noqa: ANN401 - a name of a wire
    """Give a telling of a client that wants all counts."""
    return telling(wire, stream_options={"include_usage": True})


@dataclass
class Part:
    """One part, whole."""

    kind: str
    id: str = ""
    name: str = ""
    extra: str = ""
    said: dict[str, str] = field(default_factory=dict)
    details: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Meaning:
    """What a reply says, without its cuts."""

    id: str = ""
    model: str = ""
    parts: list[Part] = field(default_factory=list)
    usage: Usage | None = None
    reason: str | None = None
    sequence: str | None = None
    end: str = ""


def meaning(events: Iterable[Event]) -> Meaning:
    """Give what events say."""
    told = Meaning()
    places: dict[int, Part] = {}
    for event in events:
        match event:
            case Started():
                told.id, told.model = event.id, event.model
            case PartStarted():
                places[event.index] = Part(event.kind, event.id, event.name, event.extra)
                told.parts.append(places[event.index])
            case Delta(text=""):
                pass
            case Delta() if event.kind in JOINED:
                part = places[event.index]
                part.said[event.kind] = part.said.get(event.kind, "") + event.text
            case Delta():
                places[event.index].details.append((event.kind, event.text))
            case UsageSeen():
                told.usage = event.usage
            case Finished():
                told.reason, told.sequence = event.reason, event.stop_sequence
            case Ended() | Failed():
                told.end = type(event).__name__
            case _:
                pass
    return told


def data_of(raw: bytes) -> list[bytes]:
    parser = EventParser()
    return [event.data for event in parser.feed(raw) + parser.close() if event.data is not None]


def documents(raw: bytes) -> list[Any]:
    """Give the JSON of each event; ``[DONE]`` as a text."""
    return [json.loads(data) if data != b"[DONE]" else "[DONE]" for data in data_of(raw)]


def written(encoder: Encoder, events: Iterable[Event]) -> bytes:
    return b"".join(encoder.feed(event) for event in events)


def read(decoder: Decoder, raw: bytes) -> list[Event]:
    return [event for data in data_of(raw) for event in decoder.feed(data)]


def legal(events: Iterable[Event], *, interleave: bool = False) -> None:
    """Hold neutral events against the grammar."""
    grammar = Grammar(interleave=interleave)
    assert [fault for event in events if (fault := grammar.fault(event))] == []


def pieces(draw: st.DrawFn, text: str) -> list[str]:
    """Cut a text."""
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=3)))
    return [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]


@st.composite
def parts(
    draw: st.DrawFn, index: int, kinds: Sequence[PartKind], marks: Sequence[str], citations: Sequence[str]
) -> list[Event]:
    """Draw a part, from its start to its end."""
    kind = draw(st.sampled_from(kinds))
    deltas: list[tuple[DeltaKind, str]] = []
    start = PartStarted(index, kind)
    match kind:
        case "text":
            deltas = [("text", piece) for piece in pieces(draw, draw(WORDS))]
            deltas += [("citation", text) for text in draw(st.lists(st.sampled_from(citations), max_size=2))]
        case "refusal":
            deltas = [("refusal", piece) for piece in pieces(draw, draw(WORDS))]
        case "thinking":
            start = PartStarted(index, kind, extra=draw(st.sampled_from(marks)))
            deltas = [("thinking", piece) for piece in pieces(draw, draw(WORDS))]
            deltas += [("signature", text) for text in draw(st.lists(NAMES, max_size=1))]
        case "redacted":
            start = PartStarted(index, kind, extra=draw(st.sampled_from(marks)))
            deltas = [("encrypted", draw(NAMES))]
        case "tool_use":
            start = PartStarted(index, kind, f"call_{index}", draw(NAMES))
            deltas = [("json", piece) for piece in pieces(draw, json.dumps(draw(JSONS)))]
        case "custom_tool_use":
            start = PartStarted(index, kind, f"call_{index}", draw(NAMES))
            deltas = [("input", piece) for piece in pieces(draw, draw(WORDS))]
        case _:
            start = PartStarted(index, kind, extra=json.dumps({"type": draw(NAMES)}))
            deltas = [("opaque", json.dumps({"type": "x", "y": text})) for text in draw(st.lists(WORDS, max_size=1))]
    return [start, *(Delta(index, piece, text) for piece, text in deltas), PartEnded(index)]


@st.composite
def turns(
    draw: st.DrawFn,
    kinds: Sequence[PartKind],
    *,
    marks: Sequence[str] = ('{"wire":"messages"}', '{"wire":"chat"}', '{"wire":"responses"}'),
    citations: Sequence[str] = ('{"type":"x"}',),
    strangers: bool = True,
) -> list[Event]:
    """Draw a reply that ends well."""
    events: list[Event] = [Started(draw(NAMES), draw(NAMES), draw(st.none() | st.integers(0, 2_000_000_000)))]
    between: list[Event] = [Alive(), Stranger("odd", "{}")] if strangers else [Alive()]
    called = False
    for index in range(draw(st.integers(0, 4))):
        part = draw(parts(index, kinds, marks, citations))
        start = part[0]
        called = called or (isinstance(start, PartStarted) and start.kind in {"tool_use", "custom_tool_use"})
        events += part
        events += draw(st.lists(st.sampled_from(between), max_size=1))
    usage = draw(USAGE)
    events.append(UsageSeen(usage))
    good: StopReason = "tool_use" if called else "end_turn"
    limit: StopReason = "max_tokens"
    events += [Finished(draw(st.sampled_from([good, limit]))), Ended()]
    legal(events)
    return events


def opened(text: str) -> tuple[str, Any]:
    """Open an envelope by hand: base64url of JSON behind a prefix. Gives its wire and its contents."""
    prefix, _, inside = text.partition(".")
    assert prefix == "wiremend1"
    value = json.loads(base64.urlsafe_b64decode(inside + "=" * (-len(inside) % 4)))
    return value["wire"], value["contents"]
