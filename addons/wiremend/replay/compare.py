"""What differs between a capture and what today's code makes of it, said so that a person sees the cause.

Compared are the request that leaves (method, URL, headers, body leaf by leaf), the client's answer (status, headers,
events; the bytes where they were left untouched), the notes, and what the case itself expects. Framing does not count:
hop-by-hop headers, ``content-length``, the letter case and the order of headers, the cuts. What a hand-written case
does not say (it has no hash of rules, so nothing recorded its notes) is not compared. Where the request would go out on
another wire than it did, that is said, and neither its body nor the reply is compared: they are of the other wire.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from wiremend.codings import decode
from wiremend.errors import BodyError
from wiremend.headers import HOP_BY_HOP, Headers
from wiremend.jsonedit import find, parse_pointer
from wiremend.notes import OF_THE_WAY
from wiremend.pipeline.outcome import Refused, Rewritten
from wiremend.replay.run import wires_apart
from wiremend.rules.globs import compile_glob
from wiremend.rules.urls import authority
from wiremend.sse import EventParser, StreamError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from wiremend.captures.capture import Capture, Request, Response
    from wiremend.jsonedit import Pointer
    from wiremend.notes import Note
    from wiremend.replay.run import Replayed
    from wiremend.sse import Event

type Part = Literal["decision", "upstream", "answer", "notes", "expect"]

_UNCOUNTED: Final = HOP_BY_HOP | {"content-length", "host", "date"}
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference.

    ``where`` is ``method``, ``url``, ``status``, ``header:NAME``, a JSON pointer, ``event 12 /choices/0/delta``, or a
    note's code. ``expected`` and ``got`` are None where there is none. ``cause`` names the rule or the quirk that acts
    differently; it is empty where nothing that was noted explains it.
    """

    part: Part
    where: str
    expected: str | None
    got: str | None
    cause: str = ""


def compare(
    capture: Capture, replayed: Replayed, *, ignore: Sequence[Pointer] = (), expect: Mapping[str, Any] | None = None
) -> list[Difference]:
    """Compare. ``ignore`` are pointers into JSON bodies that do not count; ``expect`` is the case's own expectation."""
    causes = _Causes(capture, replayed)
    wires = wires_apart(capture, replayed.outcome)
    if wires is not None:
        expected, got = capture.attempts[-1].request, replayed.request
        found = [Difference("decision", "wire", *wires, causes.of("url"))]
        if got is not None and _url(expected) != _url(got):
            found.append(Difference("upstream", "url", _url(expected), _url(got), causes.of("url")))
        return [*found, *(_expectation(replayed, expect) if expect else ())]
    found = [*_upstream(capture, replayed, causes, ignore), *_answer(capture, replayed, causes, ignore)]
    if capture.rules:
        found += _notes(capture.notes, replayed.notes, causes)
    return [*found, *(_expectation(replayed, expect) if expect else ())]


# -- the request that leaves


def _upstream(capture: Capture, replayed: Replayed, causes: _Causes, ignore: Sequence[Pointer]) -> Iterator[Difference]:
    attempt, got = capture.attempt, replayed.request
    if attempt is None:
        recorded_refusal = capture.answer is not None
        if recorded_refusal and got is not None and not any(note.short == "loop" for note in capture.notes):
            yield Difference("decision", "", "it was refused", f"it goes to {_url(got)}", causes.of("url"))
        return
    if got is None:
        told = replayed.outcome.message if isinstance(replayed.outcome, Refused) else "nothing leaves"
        was = f"it went to {_url(attempt.request)}"
        yield Difference("decision", "", was, f"it is refused: {told}", causes.refused)
        return
    expected = attempt.request
    if expected.method != got.method:
        yield Difference("upstream", "method", expected.method, got.method)
    if _url(expected) != _url(got):
        yield Difference("upstream", "url", _url(expected), _url(got), causes.of("url"))
    yield from _headers("upstream", expected.headers, got.headers, causes)
    if expected.body != got.body:
        untouched = expected.body == capture.request.body
        yield from _bodies("upstream", _Side(expected.body, expected.headers), _Side(got.body, got.headers), ignore,
                           causes, exact=untouched)  # fmt: skip


def _url(request: Request) -> str:
    if request.host is None:
        return request.target
    return f"{request.scheme}://{authority(request.scheme, request.host, request.port)}{request.target}"


def _headers(part: Part, expected: Headers, got: Headers, causes: _Causes) -> Iterator[Difference]:
    names = dict.fromkeys(name.lower() for headers in (expected, got) for name, _ in headers)
    for name in names:
        if name in _UNCOUNTED:
            continue
        before, after = expected.get_all(name), got.get_all(name)
        if before != after:
            left, right = (", ".join(values) if values else None for values in (before, after))
            yield Difference(part, f"header:{name}", left, right, causes.of(f"header:{name}"))


# -- bodies


@dataclass(frozen=True, slots=True)
class _Side:
    """A body and its headers."""

    raw: bytes
    headers: Headers

    def text(self) -> bytes:
        """Undo the body's coding; a body of which that cannot be done stays as it is."""
        try:
            return decode(self.raw, self.headers.get("content-encoding")) if self.raw else self.raw
        except BodyError:
            return self.raw


def _bodies(  # noqa: PLR0913 - two bodies and how they are compared
    part: Part,
    expected: _Side,
    got: _Side,
    ignore: Sequence[Pointer],
    causes: _Causes,
    *,
    exact: bool,
    event: str = "",
) -> Iterator[Difference]:
    """Compare two bodies that are not the same bytes; ``exact``: the bytes count where the values are the same."""
    before, after = expected.text(), got.text()
    different = False
    try:
        leaves = list(_leaves(_document(before, ignore), _document(after, ignore)))
    except _UNREADABLE:
        different = before != after
        if different:
            yield Difference(part, event.strip(), _shown(before), _shown(after), causes.of(""))
        return
    for pointer, one, other in leaves:
        different = True
        yield Difference(part, f"{event}{pointer}", one, other, causes.of(pointer))
    if not different and exact and not ignore:
        was, now = f"the bytes as they came ({len(expected.raw)})", f"the same values in other bytes ({len(got.raw)})"
        yield Difference(part, event.strip(), was, now, causes.of(""))


def _document(text: bytes, ignore: Sequence[Pointer]) -> object:
    document = msgspec.json.decode(text)
    for pointer in ignore:
        for place, _ in find(text, pointer):
            _drop(document, parse_pointer(place))
    return document


def _drop(document: Any, pointer: Pointer) -> None:  # noqa: ANN401 - any JSON value
    for token in pointer[:-1]:
        document = document[int(token)] if isinstance(document, list) else document.get(token, {})
    if isinstance(document, dict) and pointer:
        document.pop(pointer[-1], None)
    elif isinstance(document, list) and pointer and str(pointer[-1]).isdigit() and int(pointer[-1]) < len(document):
        document[int(pointer[-1])] = None


def _leaves(left: Any, right: Any, pointer: str = "") -> Iterator[tuple[str, str | None, str | None]]:  # noqa: ANN401
    """Give what differs between two JSON values, leaf by leaf; None where one has nothing there."""
    if isinstance(left, dict) and isinstance(right, dict):
        for key in dict.fromkeys([*left, *right]):
            below = f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}"
            if key not in left:
                yield below, None, _json(right[key])
            elif key not in right:
                yield below, _json(left[key]), None
            else:
                yield from _leaves(left[key], right[key], below)
    elif isinstance(left, list) and isinstance(right, list):
        for number, (one, other) in enumerate(zip(left, right, strict=False)):
            yield from _leaves(one, other, f"{pointer}/{number}")
        for number in range(min(len(left), len(right)), max(len(left), len(right))):
            yield (
                f"{pointer}/{number}",
                _json(left[number]) if number < len(left) else None,
                _json(right[number]) if number < len(right) else None,
            )
    elif type(left) is not type(right) or left != right:
        yield pointer, _json(left), _json(right)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _shown(text: bytes) -> str:
    return text.decode("utf-8", "backslashreplace")


# -- what the client gets


def _answer(capture: Capture, replayed: Replayed, causes: _Causes, ignore: Sequence[Pointer]) -> Iterator[Difference]:
    expected, got = capture.answer, replayed.answer
    if expected is None or (capture.attempt is None and replayed.request is not None):
        return  # a case of a request alone, or a refusal that is none any more, which the request has told
    if got is None:
        yield Difference("answer", "", f"an answer with the status {expected.status}", None, causes.of("status"))
        return
    if expected.status != got.status:
        yield Difference("answer", "status", str(expected.status), str(got.status), causes.of("status"))
    yield from _headers("answer", expected.headers, got.headers, causes)
    if expected.body.data == got.body.data:
        return
    attempt = capture.attempt
    came = attempt.response.body.data if attempt is not None and attempt.response is not None else None
    untouched = came == expected.body.data
    sides = (_Side(expected.body.data, expected.headers), _Side(got.body.data, got.headers))
    if all(_is_events(response) for response in (expected, got)):
        yield from _events(*sides, causes, exact=untouched)
    else:
        yield from _bodies("answer", *sides, ignore, causes, exact=untouched)


def _is_events(response: Response) -> bool:
    kind = response.headers.get("content-type") or ""
    return kind.partition(";")[0].strip().lower() == "text/event-stream"


def _events(before: _Side, after: _Side, causes: _Causes, *, exact: bool) -> Iterator[Difference]:
    """Compare two streams, event by event; what is at both ends the same is passed over first."""
    expected, got = _parsed(before.text()), _parsed(after.text())
    begin = 0
    while begin < min(len(expected), len(got)) and _same(expected[begin], got[begin]):
        begin += 1
    end = 0
    while end < min(len(expected), len(got)) - begin and _same(expected[-1 - end], got[-1 - end]):
        end += 1
    left, right = expected[begin : len(expected) - end], got[begin : len(got) - end]
    if not left and not right and exact:
        yield Difference("answer", "", "the bytes as they came", "the same events in other bytes", causes.of("event"))
    for number in range(max(len(left), len(right))):
        one = left[number] if number < len(left) else None
        other = right[number] if number < len(right) else None
        yield from _event(begin + number + 1, one, other, causes)


def _event(number: int, one: Event | None, other: Event | None, causes: _Causes) -> Iterator[Difference]:
    where = f"event {number}"
    if one is None or other is None:
        left, right = (None if event is None else _shown(event.raw).strip() for event in (one, other))
        yield Difference("answer", where, left, right, causes.of("event"))
        return
    if one.event != other.event:
        yield Difference("answer", f"{where} event:", one.event, other.event, causes.of("event"))
    if one.data != other.data:
        sides = (_bare(one), _bare(other))
        yield from _bodies("answer", *sides, (), causes, exact=False, event=f"{where} ")


def _bare(event: Event) -> _Side:
    return _Side(event.data or b"", Headers())


def _same(one: Event, other: Event) -> bool:
    return one.event == other.event and one.data == other.data


def _parsed(text: bytes) -> list[Event]:
    parser = EventParser(limit=len(text) + 1, apart=True)
    try:
        return [event for event in [*parser.feed(text), *parser.close()] if event.data is not None]
    except StreamError as error:
        return list(error.events)


# -- notes, causes, expectations


def _notes(expected: Sequence[Note], got: Sequence[Note], causes: _Causes) -> Iterator[Difference]:
    """Compare what was noted: by kind, place and code. How it is worded may change from version to version."""
    before, after = (
        Counter((note.kind, note.short, note.where) for note in notes if note.kind not in OF_THE_WAY)
        for notes in (expected, got)
    )
    for kind, short, where in [*(before - after), *(after - before)]:
        gone = (kind, short, where) in before - after
        notes = expected if gone else got
        said = next(note for note in notes if (note.kind, note.short, note.where) == (kind, short, where))
        shown = f"{kind} {where}: {said.what}" if where else f"{kind}: {said.what}"
        cause = causes.named(said)
        yield Difference("notes", short or kind, shown if gone else None, None if gone else shown, cause)


def _expectation(replayed: Replayed, expect: Mapping[str, Any]) -> Iterator[Difference]:
    outcome = replayed.outcome
    decision = outcome.decision if isinstance(outcome, Rewritten) else None
    went = [decision.provider, f"{decision.provider}/{decision.sent}"] if decision is not None else [None]
    why = "; ".join(decision.why) if decision is not None else ""
    if "to" in expect and expect["to"] not in went:
        yield Difference("expect", "to", expect["to"], went[-1], why)
    if "url" in expect:
        url = None if replayed.request is None else _url(replayed.request)
        if url is None or not compile_glob(str(expect["url"])).matches(url):
            yield Difference("expect", "url", str(expect["url"]), url, why)


class _Causes:
    """Which notes are new and which are gone: the rules and quirks that act differently."""

    def __init__(self, capture: Capture, replayed: Replayed) -> None:
        self.recorded = bool(capture.rules)
        before, after = ({_key(note): note for note in notes} for notes in (capture.notes, replayed.notes))
        self.new = [note for key, note in after.items() if key not in before]
        self.gone = [note for key, note in before.items() if key not in after]
        decision = replayed.outcome.decision if isinstance(replayed.outcome, Rewritten) else None
        attempt = capture.attempt
        why = tuple(attempt.decision.get("why", ())) if attempt is not None else ()
        went = "; ".join(why)
        self.refused = f"no longer {went}" if went and isinstance(replayed.outcome, Refused) else ""
        self.rerouted = "; ".join(decision.why) if decision is not None and decision.why != why else ""

    def of(self, where: str) -> str:
        """Name what acts differently at a place: what is noted there now, or what no longer is."""
        if self.refused:
            return self.refused
        for notes, form in ((self.new, "{}"), (self.gone, "no longer {}")):
            near = [note for note in notes if _near(note.where, where)]
            if near:
                best = max(near, key=lambda note: len(note.where))
                return form.format(self.named(best))
        return self.rerouted if where in {"url", "header:authorization", "header:x-api-key", "/model"} else ""

    @staticmethod
    def named(note: Note) -> str:
        """Name the rule or quirk of a note."""
        return note.why or (f"quirk {note.short}" if note.short else note.kind)


def _key(note: Note) -> tuple[str, ...]:
    return (note.kind, note.where, note.short, note.what, note.why)


def _near(noted: str, where: str) -> bool:
    """Tell whether a note's place is the place of a difference, or one above or below it."""
    if where == "event" or where.startswith("event "):
        return noted == "" or noted.startswith("/") or noted in {"stream", "reply"}
    if noted == where or not noted:
        return noted == where or where.startswith("/") or where == "status"
    return where.startswith(f"{noted}/") or noted.startswith(f"{where}/") if where.startswith("/") else False
