r"""Bytes <-> server-sent events, keeping the raw bytes of each.

The grammar is the WHATWG's (https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream):
lines end in CRLF, CR or LF, a blank line ends an event, a byte order mark may open the stream. What we add to it is
that nothing is thrown away: a block of comments, a stray blank line, a block that the end of the stream cut short,
each is an :class:`Event` too, and the ``raw`` of all events, joined, is the input. So a stream that needs no mending
leaves as it came (guarantee G1).

Most streams are made of one kind of block, ``data: …`` behind an ``event: …`` or alone, with LF line ends and whole
in its chunk; ``_PLAIN`` reads these in one step, and must find what the automaton would.

The parser is one automaton over three kinds of bytes (CR, LF, anything else), written as ``_TABLE``. It looks at each
byte once and never further than one byte ahead, so where the input was cut cannot matter (G3). Its states:

====== =================================================================================================
start  at the start of a line; how the line before ended is settled
line   inside a line
cr     after a CR that ended a line with bytes in it; an LF would be its second half
held   after a CR alone on its line: the event is over, but an LF would still belong to it
spent  after a CR that ended an event at once; an LF would be the first byte of the next event's ``raw``
====== =================================================================================================

Whether a blank line that is a CR waits for an LF depends on the line before it, never on the cut. If that line ended
in a lone CR, the stream's line end is CR, and the event leaves at once (``data: x\r\r``); should an LF follow after
all, it is the ``lead`` of the next event and no line of its own. If that line ended in CRLF or LF, or there was none
yet, the CR is held for one byte, so that the ``raw`` of a CRLF stream ends in a whole CRLF. This is the one thing that
this module holds back (G4): at most one byte, and only where line ends are mixed; :meth:`EventParser.close` lets it go.

Some providers leave the blank lines out, or ``data:`` as well (quirk ``sse-framing``), and then the whole stream is one
block. A parser that takes events ``apart`` ends a block early in two cases, in which no client could read it: its one
data line is a JSON object (or ``[DONE]``) and a further data line begins with ``{`` or ``[DONE]``; or a line is a JSON
object (or ``[DONE]``) without any field's name, in a stream where nothing was framed before. The first is known with
the first bytes of the next event's data, the second with the line's end.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from wiremend.errors import BodyError

if TYPE_CHECKING:
    from collections.abc import Iterable

DEFAULT_LIMIT: Final = 16 * 1024 * 1024
"""Bytes of one event, its blank line included."""

_BOM: Final = b"\xef\xbb\xbf"
_TOKEN: Final = re.compile(rb"\r|\n|[^\r\n]+")
_PLAIN: Final = re.compile(rb"(?:event: ([^\r\n]*)\n)?data: ([^\r\n]*)\n\n")
_LINE_END: Final = re.compile(rb"\r\n|\r|\n")
_MAX_RETRY_DIGITS: Final = 18
_DONE: Final = b"[DONE]"
_BEGINS: Final = re.compile(rb"data: ?(?:\{|\[DONE\])")
_BEGINS_BYTES: Final = len(b"data: [DONE]")
_REPEATED: Final = frozenset({b"event", b"id", b"retry"})

type _State = Literal["start", "line", "cr", "held", "spent"]
type _Action = Literal["", "end", "end before", "lead"]
type _Kind = Literal["CR", "LF", "other"]

_KINDS: Final[dict[int, _Kind]] = {0x0D: "CR", 0x0A: "LF"}

# state -> what comes -> (action, next state). "end": the event ends after this byte. "lead": this byte opens the next
# raw and is no line. "end before": the event ended before this byte, which is then looked at again from "spent".
_TABLE: Final[dict[_State, dict[_Kind, tuple[_Action, _State]]]] = {
    "start": {"CR": ("", "held"), "LF": ("end", "start"), "other": ("", "line")},
    "line": {"CR": ("", "cr"), "LF": ("", "start"), "other": ("", "line")},
    "cr": {"CR": ("end", "spent"), "LF": ("", "start"), "other": ("", "line")},
    "held": {"CR": ("end before", "spent"), "LF": ("end", "start"), "other": ("end before", "spent")},
    "spent": {"CR": ("end", "spent"), "LF": ("lead", "start"), "other": ("", "line")},
}


class Event(msgspec.Struct, frozen=True):
    """One block of the stream, up to and with its blank line.

    ``raw`` is exactly its bytes. ``event``, ``id`` and ``retry`` (milliseconds) are the block's own fields, the last of
    each, None where absent; an ``id`` is not carried over to the events that follow, and one that contains NUL is
    ignored, as is a ``retry`` that is not all digits. ``data`` is the data fields joined by LF, None if there was none
    (``data:`` alone gives ``b""``); it stays bytes. Names are decoded as UTF-8 with U+FFFD for what is not UTF-8.

    ``complete`` is False for the last block of a stream that ended without a blank line. The WHATWG tells browsers to
    drop such a block; providers that close right after their last line (quirk ``sse-final-newline-missing``) mean it.

    It is False too where ``apart`` is True: the block had no blank line, and the parser took it apart from the next.

    ``lead`` counts the bytes at the front of ``raw`` that are part of no line: the byte order mark (3), or the LF
    whose CR had already ended the event before (1).
    """

    raw: bytes
    event: str | None
    data: bytes | None
    id: str | None
    retry: int | None
    complete: bool
    lead: int = 0
    apart: bool = False


class StreamError(BodyError):
    """An event that is larger than the parser's limit.

    ``events`` are the events that the same call had finished before it; ``rest`` is what the parser held plus what it
    had not looked at, so that ``raw`` of all events so far + ``rest`` + later input is still the whole stream.
    """

    def __init__(self, message: str, events: Iterable[Event], rest: bytes) -> None:
        """Keep what the caller needs in order to go on without the parser."""
        self.events = tuple(events)
        self.rest = rest
        super().__init__(message)


class EventParser:
    """Turns chunks, cut anywhere, into events; an event is given out by the call that brings its last byte."""

    __slots__ = (
        "_apart",
        "_bare",
        "_closed",
        "_failed",
        "_framed",
        "_held",
        "_lead",
        "_limit",
        "_line",
        "_looking",
        "_opening",
        "_shut",
        "_state",
    )

    def __init__(self, limit: int = DEFAULT_LIMIT, *, apart: bool = False) -> None:
        """Read events of at most ``limit`` bytes of ``raw``; ``apart``: also where no blank line parts them."""
        self._limit = limit
        self._apart = apart
        self._line = 0  # where in its block the last line begins
        self._bare = False  # that line may be an event without its framing
        self._framed = False  # something was framed, so that no line is
        self._looking = False  # that line may begin the next event
        self._shut = False  # this block is no event that could be followed by another
        self._held = bytearray()
        self._lead = 0
        self._state: _State = "start"
        self._opening = True
        self._failed = False
        self._closed = False

    def feed(self, data: bytes) -> list[Event]:
        """Take the next bytes and give the events that they complete.

        Raises :class:`StreamError` once, when an event outgrows the limit; from then on the parser looks at nothing and
        gives nothing, and the bytes are the caller's to pass on. Raises ValueError after :meth:`close`.
        """
        if self._closed:
            raise ValueError("the event parser is closed")
        if self._failed:
            return []
        data = self._open(data) if self._opening else data
        events: list[Event] = []
        start = 0
        if self._state == "start" and not self._held and not self._lead:
            start = self._plain(events, data)
            if start == len(data):
                return events
        for token in _TOKEN.finditer(data, start):
            at = token.start()
            kind = _KINDS.get(data[at], "other")
            before = self._state
            action, state = _TABLE[before][kind]
            if action == "end before":
                self._end(events, data, start, at)
                start = at
                before = state
                action, state = _TABLE[state][kind]
            self._state = state
            if action == "lead":
                self._lead = 1
            elif action == "end":
                self._end(events, data, start, token.end())
                start = token.end()
            elif self._apart:
                start = self._take_apart(events, data, start, token, before)
        self._hold(events, data, start, len(data))
        return events

    def _plain(self, events: list[Event], data: bytes) -> int:
        """Read the events at the front of ``data`` that are of the usual form; give where the first other begins."""
        start = 0
        while (found := _PLAIN.match(data, start)) is not None and found.end() - start <= self._limit:
            name = found[1]
            decoded = None if name is None else name.decode("utf-8", "replace")
            events.append(Event(found[0], decoded, found[2], None, None, complete=True))
            start = found.end()
        self._framed = self._framed or start > 0
        return start

    def close(self) -> list[Event]:
        """Say that no more comes: give the block that is left, if there is one. A second call gives nothing."""
        raw, self._held = bytes(self._held), bytearray()
        self._closed = True
        return [_read(raw, self._lead, complete=self._state == "held")] if raw else []

    def _open(self, data: bytes) -> bytes:
        """Set the byte order mark aside; give what is left to look at.

        A prefix of the mark is kept and looked at again with the next bytes: no event can end inside it.
        """
        head = bytes(self._held) + data
        self._held.clear()
        if len(head) < len(_BOM) and _BOM.startswith(head):
            self._held += head
            return b""
        self._opening = False
        if not head.startswith(_BOM):
            return head
        self._held += _BOM
        self._lead = len(_BOM)
        return head[len(_BOM) :]

    def _hold(self, events: list[Event], data: bytes, start: int, end: int) -> None:
        """Add ``data[start:end]`` to what is held, within the limit."""
        if len(self._held) + end - start > self._limit:
            rest = bytes(self._held) + data[start:]
            self._held.clear()
            self._failed = True
            raise StreamError(f"one server-sent event is larger than {self._limit} bytes", events, rest)
        self._held += data[start:end]

    def _end(self, events: list[Event], data: bytes, start: int, end: int) -> None:
        """Make an event of what is held and ``data[start:end]``."""
        self._hold(events, data, start, end)
        events.append(_read(bytes(self._held), self._lead, complete=True))
        self._held.clear()
        self._lead = 0
        self._bare = self._shut = False

    def _take_apart(self, events: list[Event], data: bytes, start: int, token: re.Match[bytes], before: _State) -> int:
        """Look at a piece of a line, or its end, that ends no block by itself; give where the block begins now."""
        at, end = token.span()
        if self._bare and (self._state == "start" or before == "cr"):
            start = self._end_bare(events, data, start, at if self._state == "line" else end)
        if self._state != "line":
            return start
        if before != "line":
            self._line = len(self._held) + at - start
            first = data[at]
            self._looking = first == ord("d") and not self._shut and self._line > self._lead
            if not self._framed and first != ord(":"):
                self._bare = first in b"{["
                self._framed = not self._bare
        return self._part(events, data, start, end) if self._looking else start

    def _part(self, events: list[Event], data: bytes, start: int, end: int) -> int:
        """Look at the line up to ``end``: if it begins another event, give the one before.

        How a line is judged does not depend on the cut: by its first bytes, up to what tells.
        """
        held = len(self._held)
        head = bytes(self._held[self._line :]) + data[max(start, start + self._line - held) : end][:_BEGINS_BYTES]
        found = _BEGINS.match(head)
        self._looking = found is None and end == len(data) and len(head) < _BEGINS_BYTES
        if found is None:
            return start
        size = self._line + found.end()
        if size > self._limit:
            self._hold(events, data, start, start + size - held)  # raises
        block = (bytes(self._held) + data[start : start + max(0, self._line - held)])[: self._line]
        place = _end_of_event(block, self._lead)
        self._shut = place < 0
        if place <= 0:
            return start
        events.append(_read(block[:place], self._lead, complete=False, apart=True))
        del self._held[:place]
        self._line -= place
        self._lead = 0
        return start + max(0, place - held)

    def _end_bare(self, events: list[Event], data: bytes, start: int, end: int) -> int:
        """Look at a line without a field's name that has ended, and give it if it is an event.

        A line end that follows at once is part of no line, as after an event that a CR ended.
        """
        held = len(self._held)
        line = bytes(self._held[self._line :]) + data[max(start, start + self._line - held) : end]
        self._bare = False
        self._framed = not _is_whole(line)
        if self._framed:
            return start
        self._hold(events, data, start, end)
        events.append(_read(bytes(self._held), self._lead, complete=False, apart=True))
        self._held.clear()
        self._lead = 0
        self._shut = False
        if self._state == "start":
            self._state = "spent"
        return end


def render(data: bytes, event: str | None = None) -> bytes:
    """Write one event, with LF line ends.

    A line end inside ``data`` becomes a further ``data:`` line; CR and CRLF come back from a parser as LF, for the
    format has no other way. Raises ValueError if the name contains a line end, which would begin another field.
    """
    name = b""
    if event is not None:
        value = event.encode("utf-8", "replace")
        if _LINE_END.search(value):
            raise ValueError(f"an event's name cannot contain a line end: {event!r}")
        name = b"event: " + value + b"\n"
    return name + _data_lines(data, b"\n") + b"\n"


def with_data(event: Event, new_data: bytes) -> bytes:
    """Give the event's raw bytes with just its data replaced.

    All other lines keep their bytes and order. The new data stands where the first data line stood, or, if there was
    none, at the end of the block, with the line end found there. An incomplete block stays incomplete. The event's own
    data gives the event's own bytes.
    """
    if new_data == event.data:
        return event.raw
    lead, lines = event.raw[: event.lead], event.raw[event.lead :].splitlines(keepends=True)
    blank = lines.pop() if event.complete else b""
    place = next((i for i, line in enumerate(lines) if _is_data(line)), len(lines))
    before, after = lines[:place], [line for line in lines[place:] if not _is_data(line)]
    near = [*lines[place : place + 1], *reversed(before), blank]
    end_of_line = next((end for end in map(_end_of, near) if end), b"\n")
    if before and not _end_of(before[-1]):
        before[-1] += end_of_line
    body = lead + b"".join([*before, _data_lines(new_data, end_of_line), *after])
    if blank == b"\n" and body.endswith(b"\r"):
        # In a block of mixed line ends these two have become neighbours: as one CRLF they would end no event.
        body = body[:-1] + b"\n"
    return body + blank


def _read(raw: bytes, lead: int, *, complete: bool, apart: bool = False) -> Event:
    """Interpret the fields of one block."""
    name: str | None = None
    ident: str | None = None
    retry: int | None = None
    data: list[bytes] = []
    for line in (raw[lead:] if lead else raw).splitlines():
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value.decode("utf-8", "replace")
        elif field == b"id" and b"\0" not in value:
            ident = value.decode("utf-8", "replace")
        elif field == b"retry" and value.isdigit() and len(value) <= _MAX_RETRY_DIGITS:
            retry = int(value)
    return Event(raw, name, b"\n".join(data) if data else None, ident, retry, complete, lead, apart)


def _end_of_event(block: bytes, lead: int) -> int:
    """Tell where in a block the event ends that further data must not join; 0: it has no data yet, -1: nowhere.

    Lines behind the data are the event's own, up to one that names a field for the second time: that is the next one's.
    """
    if b"data" not in block:
        return 0
    at, place, value, named = lead, 0, None, set[bytes]()
    for line in block[lead:].splitlines(keepends=True):
        field, _, rest = line.partition(b":")
        if field.rstrip() == b"data":
            if value is not None:
                return -1
            value = rest
        elif value is None:
            named.add(field)
        elif not place and field in _REPEATED and field in named:
            place = at
        at += len(line)
    if value is None:
        return 0
    return (place or at) if _is_whole(value) else -1


def _is_whole(text: bytes) -> bool:
    """Tell whether a line holds a whole JSON object, or ``[DONE]``."""
    text = text.strip()
    if not text.startswith(b"{") or not text.endswith(b"}"):
        return text == _DONE
    try:
        msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        try:
            json.loads(text.decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            return False
    return True


def _data_lines(data: bytes, end_of_line: bytes) -> bytes:
    """Write ``data`` as its ``data:`` lines."""
    return b"".join(b"data: " + line + end_of_line for line in _LINE_END.split(data))


def _is_data(line: bytes) -> bool:
    """Tell whether a line, with or without its end, is a data field."""
    return line.rstrip(b"\r\n").partition(b":")[0] == b"data"


def _end_of(line: bytes) -> bytes:
    """Give the line end that a line carries, ``b""`` if none."""
    return line[len(line.rstrip(b"\r\n")) :]
