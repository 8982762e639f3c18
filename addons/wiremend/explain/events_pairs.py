"""Two streams beside each other: which event of the one became which of the other.

Events that carry no data (comments, blank blocks) are left out. What is the same at both ends is passed over first; in
between each event looks a few places ahead for its like, so that long streams cost no more than their length.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wiremend.codings import StreamDecoder
from wiremend.errors import BodyError
from wiremend.pipeline.shapes import undeclared_coding
from wiremend.sse import EventParser, StreamError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wiremend.captures.capture import Body, Response
    from wiremend.sse import Event

AHEAD: Final = 8
"""Places that are looked ahead."""


@dataclass(frozen=True, slots=True)
class Timed:
    """An event that carries data. ``number`` counts from 1, ``at`` is in microseconds (None: not seen)."""

    number: int
    at: int | None
    event: Event


@dataclass(frozen=True, slots=True)
class Pair:
    """An event on both sides; None where there is none: it was dropped, or put in."""

    before: Timed | None
    after: Timed | None

    @property
    def same(self) -> bool:
        """Whether it went through as it was."""
        return self.before is not None and self.after is not None and _key(self.before) == _key(self.after)


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream, read: its events with data, its chunks, and why it could not be read further, if so."""

    events: Sequence[Timed]
    chunks: int
    remark: str = ""


def stream_of(response: Response) -> Stream:
    """Read a stream, each event with the time of the chunk that brought its last byte. Never raises."""
    parser, remark = EventParser(limit=1 << 31, apart=True), ""
    found: list[tuple[int | None, Event]] = []
    at: int | None = None
    body = response.body
    try:
        for at, data in _decoded(response, body):
            found += [(at, event) for event in parser.feed(data)]
    except (BodyError, StreamError) as error:
        remark = f"the rest cannot be read: {error}"
    found += [(at, event) for event in parser.close()]
    told = [pair for pair in found if pair[1].data is not None]
    timed = [Timed(number, at, event) for number, (at, event) in enumerate(told, 1)]
    if timed and not timed[-1].event.complete and not timed[-1].event.apart:
        remark = remark or "no blank line behind the last event"
    return Stream(timed, len(body.cuts), remark)


def _decoded(response: Response, body: Body) -> Iterator[tuple[int | None, bytes]]:
    declared = (response.headers.joined("content-encoding") or "").strip().lower()
    coding = undeclared_coding(body.data[:16]) if declared in {"", "identity"} else declared
    decoder = StreamDecoder(coding) if coding is not None else None
    times: list[int | None] = [at for _, at in body.cuts] or [None]
    for chunk, at in zip(body.chunks, times, strict=False):
        yield at, chunk if decoder is None else b"".join(decoder.feed(chunk))


def pairs(before: Sequence[Timed], after: Sequence[Timed]) -> list[Pair]:
    """Line up two streams, in the order of the first."""
    left, right = [*map(_key, before)], [*map(_key, after)]
    found: list[Pair] = []
    one, other = 0, 0
    while one < len(left) and other < len(right):
        if left[one] == right[other]:
            found.append(Pair(before[one], after[other]))
            one, other = one + 1, other + 1
            continue
        skip = _next_same(left, right, one, other)
        if skip is None:
            alike = _kind(before[one]) == _kind(after[other])
            skip = (1, 1) if alike else _next_alike(before, after, one, other)
        found += _between(before[one : one + skip[0]], after[other : other + skip[1]])
        one, other = one + skip[0], other + skip[1]
    found += [Pair(timed, None) for timed in before[one:]]
    return found + [Pair(None, timed) for timed in after[other:]]


def _between(before: Sequence[Timed], after: Sequence[Timed]) -> Iterator[Pair]:
    """Line up events of which none is the same: by what kind they are of."""
    rest = list(after)
    for timed in before:
        place = next((at for at, other in enumerate(rest) if _kind(other) == _kind(timed)), None)
        if place is None:
            yield Pair(timed, None)
            continue
        for put_in in rest[:place]:
            yield Pair(None, put_in)
        yield Pair(timed, rest[place])
        rest = rest[place + 1 :]
    for put_in in rest:
        yield Pair(None, put_in)


def _next_same(left: Sequence[object], right: Sequence[object], one: int, other: int) -> tuple[int, int] | None:
    for distance in range(1, 2 * AHEAD + 1):
        for skip in range(max(0, distance - AHEAD), min(distance, AHEAD) + 1):
            i, j = one + skip, other + distance - skip
            if i < len(left) and j < len(right) and left[i] == right[j]:
                return skip, distance - skip
    return None


def _next_alike(before: Sequence[Timed], after: Sequence[Timed], one: int, other: int) -> tuple[int, int]:
    kind = _kind(before[one])
    for skip in range(1, AHEAD + 1):
        if other + skip < len(after) and _kind(after[other + skip]) == kind:
            return 0, skip
    return 1, 0


def _key(timed: Timed) -> tuple[str | None, bytes | None]:
    return timed.event.event, timed.event.data


def _kind(timed: Timed) -> str:
    """Give what kind of event it is: its name, else the type in its data, which stands near the front."""
    event = timed.event
    data = event.data or b""
    _, found, rest = data[:400].partition(b'"type":')
    if found:
        return rest.lstrip()[1:40].split(b'"')[0].decode("utf-8", "replace")
    named = "chunk" if b'"choices"' in data else data[:40].partition(b":")[0].decode("utf-8", "replace")
    return event.event or named
