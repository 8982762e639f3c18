"""What can be said of a capture at a glance: sums, times, events, and codes. Nothing here prints."""

from __future__ import annotations

import itertools
from dataclasses import asdict, dataclass, field
from datetime import datetime
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from wiremend.codings import StreamDecoder, decode
from wiremend.errors import BodyError
from wiremend.families import scrubbed
from wiremend.pipeline.shapes import shape_of
from wiremend.protocols import WIRES
from wiremend.sse import EventParser, StreamError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from wiremend.captures.capture import Body, Capture, Request, Response
    from wiremend.protocols.base import Tally, WireName
    from wiremend.sse import Event

FAILED: Final = 400
"""The first status that is a failure."""

_MENDED: Final = frozenset({"mended", "invented"})
_BROKEN: Final = frozenset({"failed", "refused"})
_THOUSAND: Final = 1000
_SECOND: Final = 1_000_000
_TEN: Final = 10_000
_MINUTE: Final = 60 * _SECOND


@dataclass(frozen=True, slots=True)
class Picked:
    """A capture, and where it was found: ``number`` counts a file's flows from 1, and is 0 for a case's folder."""

    path: Path
    number: int
    capture: Capture
    beside: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """What else a flow file says of it, which no capture holds: a person's comment, notes of other addons."""

    @property
    def where(self) -> str:
        """Name the place, as the verbs take it."""
        return f"{self.path}:{self.number}" if self.number else str(self.path)


@dataclass(frozen=True, slots=True)
class Row:
    """One capture in the list. Times are microseconds, ``began`` is in seconds since 1970; None is not known.

    ``model`` is the one that was sent. ``mended``, ``lost`` and ``failed`` are the codes of the notes of these kinds.
    """

    file: str
    number: int
    id: str
    began: float
    client: str | None
    asked: str | None
    provider: str | None
    model: str | None
    wire: str | None
    status: int | None
    input_tokens: int | None
    output_tokens: int | None
    bytes: int
    first_byte: int | None
    total: int | None
    attempts: int
    error: str | None
    mended: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()

    @property
    def is_failed(self) -> bool:
        """Tell whether the exchange went wrong, for the client."""
        return bool(self.failed or self.error or self.status is None or self.status >= FAILED)

    @property
    def way(self) -> str:
        """Say which model was asked for, and where it went if that was elsewhere."""
        sent = "/".join(filter(None, (self.provider, self.model)))
        asked = self.asked or "no model"
        return f"{asked} → {sent}" if sent and sent != self.asked else asked

    def plain(self) -> dict[str, Any]:
        """Give it as JSON has it."""
        return asdict(self) | {"is_failed": self.is_failed}


def row_of(picked: Picked) -> Row:
    """Sum up a capture."""
    capture, attempt = picked.capture, picked.capture.attempt
    decision = attempt.decision if attempt is not None else {}
    tally, answer = tally_of(capture), reply_of(capture)
    error = capture.error or (tally.error if tally is not None else None)
    times = [at for _, at in answer.body.cuts] if answer is not None else []
    return Row(
        file=str(picked.path),
        number=picked.number,
        id=capture.id,
        began=capture.began,
        client=capture.client,
        asked=capture.model,
        provider=capture.provider,
        model=_text(decision.get("model")),
        wire=capture.wire,
        status=answer.status if answer is not None else None,
        input_tokens=tally.input_tokens if tally is not None else None,
        output_tokens=tally.output_tokens if tally is not None else None,
        bytes=answer.body.length if answer is not None else 0,
        first_byte=times[0] if times else None,
        total=times[-1] if times else None,
        attempts=len(capture.attempts),
        error=scrubbed(error) if error else None,  # a provider may repeat the key, and others do not scrub (G8)
        mended=codes(capture, _MENDED),
        lost=codes(capture, frozenset({"lost"})),
        failed=codes(capture, _BROKEN),
    )


def codes(capture: Capture, kinds: frozenset[str]) -> tuple[str, ...]:
    """Give the codes of the notes of some kinds, each once, in their order."""
    return tuple(dict.fromkeys(note.short for note in capture.notes if note.kind in kinds))


# -- bodies


def bytes_of(body: Body) -> bytes:
    """Give a body's bytes, from the file that holds them if need be. Raises OSError where that cannot be read."""
    return body.data if body.file is None else body.file.read_bytes()


def readable(request: Request | Response) -> tuple[bytes, str | None]:
    """Give a body without its content coding, and what to say about that: None where there was none."""
    body = request.body if isinstance(request.body, bytes) else bytes_of(request.body)
    coding = request.headers.joined("content-encoding")
    if not body or not coding or coding.strip().lower() == "identity":
        return body, None
    try:
        return decode(body, coding), f"its {coding} coding is undone here"
    except BodyError as error:
        return body, f"as it is: {error}"


def is_stream(response: Response) -> bool:
    """Tell whether a reply is a stream of events, by its bytes, or by its label where it has none."""
    body, _ = readable(response)
    if not body:
        return "event-stream" in (response.headers.get("content-type") or "").lower()
    return shape_of(body[:65536], ended=True) == "stream"


def timed_events(response: Response) -> Iterator[tuple[int | None, Event]]:
    """Give a stream's events, each with the time of the chunk that brought its last byte (None: not seen)."""
    parser, body = EventParser(), response.body
    at: int | None = None
    try:
        for at, data in _decoded(response, body):
            for event in parser.feed(data):
                yield at, event
        for event in parser.close():
            yield at, event
    except StreamError as error:
        for event in error.events:
            yield at, event


def _decoded(response: Response, body: Body) -> Iterator[tuple[int | None, bytes]]:
    coding = (response.headers.joined("content-encoding") or "").strip().lower()
    data = bytes_of(body)
    cuts: list[tuple[int, int | None]] = [*body.cuts] or [(len(data), None)]
    try:
        decoder = StreamDecoder(coding) if coding not in {"", "identity"} else None
    except BodyError:
        yield cuts[-1][1], readable(response)[0]  # several codings, or one that nobody knows
        return
    begin = 0
    for size, at in cuts:
        chunk, begin = data[begin : begin + size], begin + size
        if decoder is None:
            yield at, chunk
            continue
        try:
            yield at, b"".join(decoder.feed(chunk))
        except BodyError:
            return


def reply_of(capture: Capture) -> Response | None:
    """Give what the client got; of an exchange that others recorded, what is known of it: the provider's reply."""
    if capture.answer is None and "wiremend" not in capture.versions and capture.attempt is not None:
        return capture.attempt.response
    return capture.answer


def tally_of(capture: Capture) -> Tally | None:
    """Read what a reply said of itself, on the client's side, else on the upstream's; None where there is neither.

    Of a translated reply it is what the provider said: a client's wire may have no place for it, or demand zeros.
    """
    attempt, reply = capture.attempt, reply_of(capture)
    came = attempt.response if attempt is not None else None
    if reply is not None and (came is None or not capture.translated):
        return _tally(capture.wire, reply)
    return _tally(capture.upstream_wire, came) if came is not None else None


def wire_of(name: object) -> WireName | None:
    """Give the wire of a name, None where it is none."""
    return next((wire for wire in WIRES if wire == name), None)


def _tally(wire: WireName | None, response: Response) -> Tally | None:
    if wire is None:
        return None
    tally = WIRES[wire].tally()
    if is_stream(response):
        for _, event in timed_events(response):
            tally.event(event)
    else:
        tally.body(readable(response)[0])
    return tally


# -- times


def pace(body: Body) -> str:
    """Say when a body came: its first byte, its last, and how evenly."""
    times = [at for _, at in body.cuts]
    if not times:
        return "no times were recorded"
    said = [f"first byte after {span(times[0])}"]
    gaps = [later - before for before, later in itertools.pairwise(times)]
    if gaps:
        longest = max(gaps)
        place = gaps.index(longest) + 2
        said.append(f"the last after {span(times[-1])}")
        said.append(f"{len(times)} chunks")
        said.append(f"between them {span(int(median(gaps)))} (median), {span(longest)} at most (before chunk {place})")
    return ", ".join(said)


def span(microseconds: int) -> str:
    """Write a length of time as people read it."""
    if microseconds < _THOUSAND:
        return f"{microseconds} µs"
    if microseconds < _SECOND:
        return f"{microseconds / _THOUSAND:.{1 if microseconds < _TEN else 0}f} ms"
    if microseconds < _MINUTE:
        return f"{microseconds / _SECOND:.1f} s"
    minutes, seconds = divmod(microseconds // _SECOND, 60)
    return f"{minutes} min {seconds:02} s"


def size(count: int) -> str:
    """Write a number of bytes as people read it."""
    if count < _THOUSAND:
        return f"{count} B"
    for unit, power in (("kB", 1), ("MB", 2), ("GB", 3)):
        value = count / _THOUSAND**power
        if value < 999.5 or unit == "GB":  # noqa: PLR2004 - what would be rounded to four digits
            return f"{value:.1f} {unit}" if value < 10 else f"{value:.0f} {unit}"  # noqa: PLR2004 - two digits at least
    raise AssertionError


def moment(began: float) -> str:
    """Write the time at which a capture began, on this machine's clock."""
    if began <= 0:
        return "time unknown"
    try:
        return datetime.fromtimestamp(began).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return "time unknown"


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
