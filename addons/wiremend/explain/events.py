"""A stream event by event: when each came, what became of it on its way to the client, and what its contract says.

============  =================================================================
``=``         the client got it as it came
``~``         the client got another in its place, which stands below it
``-``         the client did not get it
``+``         the provider did not send it
============  =================================================================
"""

from __future__ import annotations

import re
from collections import defaultdict
from textwrap import wrap
from typing import TYPE_CHECKING, Final

from wiremend.explain.conversation_text import clean, cut_to, many, one_line
from wiremend.explain.events_pairs import pairs, stream_of
from wiremend.families import scrubbed
from wiremend.protocols.wires import CHECKS, CONTRACTS
from wiremend.replay.beside import beside

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from wiremend.captures.capture import Response
    from wiremend.explain.events_pairs import Pair, Stream, Timed
    from wiremend.notes import Note
    from wiremend.protocols.base import WireName
    from wiremend.protocols.violation import Violation
    from wiremend.sse import Event

MOST: Final = 500
"""Events that are listed; those behind them are listed only where something is to be said of them."""

JUDGED: Final = 2_000
"""Events that the contract is asked about."""

_FAILED: Final = 400
_SAID: Final = 200
"""Events beyond :data:`MOST` of which something is said, that are listed."""

_AT: Final = re.compile(r"event ([0-9]{1,9}): ")
_MARGIN: Final = 19
_NARROWEST: Final = 30
_TEXT: Final = 2_000
_HEAD: Final = 400
_THOUSAND: Final = 1000
_SECOND: Final = 1_000_000

type Said = dict[int, list[str]]


def events(  # noqa: PLR0913 - both sides, and how they are shown
    response: Response,
    wire: WireName | None,
    width: int,
    *,
    upstream: Response | None = None,
    upstream_wire: WireName | None = None,
    notes: Iterable[Note] = (),
) -> str:
    """Give a stream event by event, in lines of about ``width`` columns.

    ``response`` is what the client got, or the one side that is known; ``upstream`` what the provider sent.
    """
    return "\n".join(_lines(response, wire, width, upstream, upstream_wire or wire, notes))


def body_checked(data: bytes, wire: WireName | None, status: int) -> str:
    """Say of a whole reply, which has no events, what its contract has against it."""
    head = "no stream of events, but a whole body"
    if status >= _FAILED or wire is None or not data.strip():
        return f"{head}, under the status {status}"
    found = CHECKS[wire](data)
    told = f"{many(len(found), 'violation')} of the {wire} contract:" if found else "nothing that breaks its contract"
    return "\n".join([f"{head}; in it {told}", *map(_violation, found)])


def _lines(  # noqa: PLR0913, PLR0917 - both sides, and how they are shown
    response: Response,
    wire: WireName | None,
    width: int,
    upstream: Response | None,
    upstream_wire: WireName | None,
    notes: Iterable[Note],
) -> Iterator[str]:
    given = stream_of(response)
    came = stream_of(upstream) if upstream is not None else None
    told, general = _by_event(notes)
    if came is None or not came.events:
        side = "events"
        wrong = _judged(given, wire)
        yield _count(given, side) + _breaches(wrong, wire)
        yield from _remarks(given, general)
        yield ""
        yield from _one_side(given, wrong, told, width)
        return
    wrong, still = _judged(came, upstream_wire), _judged(given, wire)
    if upstream_wire != wire:
        said = _breaches(wrong, upstream_wire)
        yield f"{_count(came, 'events')} from the provider, on the {upstream_wire} wire{said}"
        yield from _remarks(came, general)
        yield ""
        yield from _one_side(came, wrong, told, width)
        yield ""
        yield f"translated into {_count(given, 'events')} to the client, on the {wire} wire{_breaches(still, wire)}"
        yield ""
        yield from _one_side(given, still, {}, width)
        return
    found = pairs(came.events, given.events)
    changed = sum(1 for one in found if one.before and one.after and not one.same)
    dropped, put_in = sum(1 for one in found if not one.after), sum(1 for one in found if not one.before)
    yield f"{_count(came, 'events')} from the provider{_breaches(wrong, upstream_wire)}"
    became = f"{changed} changed (~), {dropped} dropped (-), {put_in} put in (+)"
    became = became if changed or dropped or put_in else "each as it came (=)"
    yield f"{_count(given, 'events')} to the client: {became}{_breaches(still, wire)}"
    yield from _remarks(came, general)
    yield ""
    yield from _both_sides(found, wrong, still, told, width)


def _remarks(stream: Stream, general: Sequence[str]) -> Iterator[str]:
    if stream.remark:
        yield clean(stream.remark)
    if len(stream.events) > JUDGED:
        yield f"the contract was asked about the first {JUDGED:,} events"
    yield from general


def _count(stream: Stream, word: str) -> str:
    count = len(stream.events)
    chunks = f" in {many(stream.chunks, 'chunk')}" if stream.chunks else ""
    return f"{count:,} {word if count != 1 else word.removesuffix('s')}{chunks}"


def _breaches(wrong: Said, wire: WireName | None) -> str:
    count = sum(map(len, wrong.values()))
    return f"; {many(count, 'violation')} of the {wire} contract (✗)" if count else ""


# -- lists


def _one_side(stream: Stream, wrong: Said, told: Said, width: int) -> Iterator[str]:
    last: int | None = None
    rest = _Rest()
    for timed in stream.events:
        more = [*wrong.get(timed.number, ()), *told.get(timed.number, ())]
        if rest.passes(timed.number, said=bool(more)):
            yield _line(timed, last, "*" if told.get(timed.number) else " ", width)
            yield from _below(more, width)
        last = timed.at
    yield from rest.told()
    yield from _behind(wrong, len(stream.events))


def _both_sides(found: Sequence[Pair], wrong: Said, still: Said, told: Said, width: int) -> Iterator[str]:
    last: int | None = None
    given = 0
    rest = _Rest()
    room = max(width - _MARGIN, 8)
    for place, pair in enumerate(found, 1):
        before, after = pair.before, pair.after
        more = [*(wrong.get(before.number, ()) if before else ()), *(told.get(before.number, ()) if before else ())]
        more += [f"to the client: {line}" for line in still.get(after.number, ())] if after else []
        if rest.passes(place, said=bool(more) or not pair.same):
            if before is not None and after is not None and not pair.same:
                was, now = beside(_whole(before), _whole(after), room)
                yield _line(before, last, "~", width, was.text)
                yield f"{'':{_MARGIN - 2}}→ {now.text}"
            elif before is not None:
                yield _line(before, last, "=" if pair.same else "-", width)
            elif after is not None:
                yield _line(after, None, "+", width, numbered=False)
            yield from _below(more, width)
        last = before.at if before is not None else last
        given = after.number if after is not None else given
    yield from rest.told()
    yield from _behind(wrong, sum(1 for pair in found if pair.before))
    yield from (f"to the client: {line}" for line in _behind(still, given))


class _Rest:
    """Counts what is not listed any more."""

    def __init__(self) -> None:
        self.left_out = 0
        self.said = 0

    def passes(self, place: int, *, said: bool) -> bool:
        if place <= MOST:
            return True
        if said and self.said < _SAID:
            self.said += 1
            return True
        self.left_out += 1
        return False

    def told(self) -> Iterator[str]:
        if self.left_out:
            yield f"… {many(self.left_out, 'more event')}"


def _line(  # noqa: PLR0913 - the columns of a line
    timed: Timed, last: int | None, mark: str, width: int, text: str | None = None, *, numbered: bool = True
) -> str:
    number = f"{timed.number:>5}" if numbered else "     "
    since = ""
    if timed.at is not None and numbered:
        since = _span(timed.at) if last is None else _span(timed.at - last, "+")
    text = cut_to(_whole(timed), max(width - _MARGIN, 8)) if text is None else text
    return f"{number} {since:>9} {mark} {text}".rstrip()


def _whole(timed: Timed) -> str:
    event = timed.event
    data = _core(event)[:_TEXT].decode("utf-8", "backslashreplace")
    return scrubbed(f"{event.event}  {data}" if event.event else data)


def _core(event: Event) -> bytes:
    """Give an event's data without what every event of its stream repeats at the front."""
    data = event.data or b""
    name = b'{"type":"%s",' % (event.event or "").encode("utf-8", "surrogatepass")
    if event.event and data.startswith(name):
        return b"{\xe2\x80\xa6 " + data[len(name) :]
    place = data.find(b'"choices":', 0, _HEAD)
    return b"{\xe2\x80\xa6 " + data[place:] if place > 1 and data.startswith(b"{") else data


def _below(lines: Iterable[str], width: int) -> Iterator[str]:
    for line in lines:
        for number, piece in enumerate(wrap(line, max(width - _MARGIN - 2, _NARROWEST), break_on_hyphens=False)):
            yield f"{'':{_MARGIN + (2 if number else 0)}}{piece}"


def _behind(wrong: Mapping[int, Sequence[str]], count: int) -> Iterator[str]:
    """Give what is said of the end: its number is that behind the last event."""
    for number in sorted(wrong):
        if number > count or number == 0:
            yield from (f"at the end: {line}" for line in wrong[number])


# -- what is said of an event


def _judged(stream: Stream, wire: WireName | None) -> Said:
    """Ask the contract. What it says of a code is told once; where that comes again, the code and the place are."""
    found: Said = defaultdict(list)
    if wire is None:
        return found
    contract = CONTRACTS[wire]()
    violations = [violation for timed in stream.events[:JUDGED] for violation in contract.feed(timed.event)]
    if len(stream.events) <= JUDGED:
        violations += contract.close()
    told: set[tuple[str, str]] = set()
    for violation in violations:
        one = violation.code, violation.message
        found[violation.event].append(_violation(violation, again=one in told))
        told.add(one)
    return found


def _violation(violation: Violation, *, again: bool = False) -> str:
    where = f" {violation.pointer}" if violation.pointer else ""
    said = "" if again else f": {violation.message}"
    return f"✗ {one_line(f'{violation.code}{where}{said}', 400)}"


def _by_event(notes: Iterable[Note]) -> tuple[Said, list[str]]:
    """Sort notes by the event that they tell of; and those of the stream, or the reply, as a whole."""
    told: Said = defaultdict(list)
    general: list[str] = []
    for note in notes:
        if note.kind not in {"mended", "invented", "lost", "failed"}:
            continue
        found = _AT.match(note.what)
        if found is not None:
            code = f" ({note.short})" if note.short else ""
            told[int(found[1])].append(one_line(f"{note.kind}: {note.what[found.end() :]}{code}", 400))
        elif note.where in {"stream", "reply"}:
            general.append(one_line(f"{note.kind}: {note.what}", 400))
    return told, general


def _span(microseconds: int, sign: str = "") -> str:
    if microseconds < _THOUSAND:
        return f"{sign}{microseconds} µs"
    if microseconds < _SECOND:
        return f"{sign}{microseconds / _THOUSAND:.0f} ms"
    return f"{sign}{microseconds / _SECOND:.1f} s"


def message(data: bytes, number: int | None, since: int | None, width: int) -> str:
    """Give one message of a WebSocket: its number, the microseconds since the one before, and its beginning."""
    place = "" if number is None else f"{number:>5}"
    when = "" if since is None else _span(since, "+")
    text = scrubbed(data[:_TEXT].decode("utf-8", "backslashreplace"))
    return f"{place} {when:>9}   {cut_to(text, max(width - _MARGIN, 8))}"
