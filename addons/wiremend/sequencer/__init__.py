"""Makes any sequence of neutral events legal, and says what it mended: theory of operation.

``feed(event)`` gives the events that leave for it, ``close(cut=…)`` those that leave at the end of the bytes. What
leaves is legal by :data:`wiremend.events.TABLE` and ends with exactly one terminal, ``Ended`` or ``Failed``; what was
legal leaves as it came. No event raises, as long as its values are of the types that it declares.

**Parts.** A decoder's index is a name, not a number: a part is known by index and kind, and gets the next free number
when it leaves. So a delta of another kind than the part of its index is of a part of its own. A delta whose part never
began opens it, but for a call: that needs a name, and an id, which is minted if need be. A second start with another id
or name is the next call at the same index. An end that never came is put in when the stream ends well, and not before:
a part that is closed tells the client that it is whole, so nothing is closed ahead of a failure.

**One at a time.** Without ``interleave`` the client's wire takes one open part at a time. A part of text, thinking or
refusal that is open when another begins is ended (paused), and its later text begins a new part. A call cannot be
split: what begins behind an open call waits for the call's end.

**The end (G2).** An end is a success only where the provider said so: it said ``Ended``; or it said ``Finished``, ended
each part that it began, and began or wrote nothing after it. Any other end of the bytes is a cut and a failure. So is
what would let a tool run with less, or with something else, than the model said: a call without a name, more input for
a call that has ended. An error after the stop reason is still an error.

**Usage** is merged: each count that was said once is said again by each later event. Wires tell it in pieces, so this
is no mending and not noted. Neither is it that usage, pings and strangers leave at once, ahead of what is held.

**What is held (G4).** ``HELD`` is for all of it together, in characters, with what is remembered of each part
(:data:`REMEMBERED`); beyond it the stream fails. No hold has a clock: each lasts as long as the provider is silent.

====================================== ==================================================== ===========================
what begins behind an open call        until the call ends (only without ``interleave``)    ``HELD``
a call without a name, and its pieces  until the name comes                                 ``HELD``
``Finished``                           until ``Ended``, or an end of the bytes that may     one event
                                       stand for it: an error or more content may follow
====================================== ==================================================== ===========================

**Notes (G5).** One for each code of :data:`CODES`, with the first place (``/parts/`` and the decoder's index) and how
many more. Text and input that leave go once and in their order; what does not leave is noted as lost.
"""

from __future__ import annotations

import hashlib
from collections import deque
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from msgspec import structs

from wiremend.events import (
    CALLS,
    DELTAS,
    Alive,
    Delta,
    Ended,
    Failed,
    Finished,
    PartEnded,
    PartStarted,
    Started,
    Stranger,
    UsageSeen,
)
from wiremend.message import Usage
from wiremend.notes import Note
from wiremend.sequencer.parts import CODES, HELD, HOME, REMEMBERED, SPLIT, BrokenError, Part

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wiremend.events import Event, PartKind

__all__ = ["CODES", "HELD", "REMEMBERED", "Sequencer"]

_ID_DIGITS: Final = 24


class Sequencer:
    """Makes one stream legal.

    ``seed`` is what minted ids derive from, ``model`` the name that the client asked for, ``now`` the time in seconds
    since 1970; with these the output is a function of the input (G10). ``interleave``: parts may overlap.
    """

    def __init__(self, *, seed: str = "", model: str = "", now: int | None = None, interleave: bool = False) -> None:
        """Begin before the first event."""
        self._seed = seed
        self._model = model or "unknown"
        self._now = now
        self._interleave = interleave
        self._began = False
        self._over = False
        self._finished: Finished | None = None
        self._said = False  # Finished was the provider's last word on content
        self._called = False
        self._usage = Usage()
        self._number = 0
        self._parts: dict[int, list[Part]] = {}  # what the provider has not ended, by its index
        self._ended: set[tuple[int, PartKind]] = set()
        self._open: dict[int, Part] = {}  # what is open at the client's, by its number
        self._queue: deque[Part] = deque()
        self._kept = 0
        self._out: list[Event] = []
        self._notes: dict[str, tuple[str, int]] = {}

    @property
    def over(self) -> bool:
        """Tell whether the terminal has been given."""
        return self._over

    @property
    def notes(self) -> list[Note]:
        """What was done so far: one note for each code, in the order of their first occurrence."""
        found = []
        for code, (where, times) in self._notes.items():
            kind, what, why = CODES[code]
            again = f" (and {times - 1} more)" if times > 1 else ""
            found.append(Note(kind, where, f"sequencer.{code}", f"{what}{again}", why))
        return found

    def feed(self, event: Event) -> list[Event]:
        """Take the next event and give what leaves."""
        if type(event) is Delta and self._finished is None:
            part = self._open.get(event.index)
            if part is not None and part.source == event.index and event.kind == part.main:
                return [event]
        self._out = []
        if self._over:
            self._late(event)
        else:
            try:
                self._HANDLERS[type(event)](self, event)
            except BrokenError as broken:
                if isinstance(event, Delta):
                    self._note("held-lost", event.index)
                self._fail(str(broken))
        return self._out

    def close(self, *, cut: bool) -> list[Event]:
        """Take the end of the bytes and give what leaves; ``cut`` tells that the connection broke. Again: nothing."""
        if self._over:
            return []
        if self._said and not self._parts:
            out = self.feed(Ended())
            if type(out[-1]) is Ended:
                self._note("ended-missing")
            return out
        self._out = []
        self._fail("cut" if cut else "early" if self._began else "empty")
        return self._out

    # --- the stream ---------------------------------------------------------------------------------------------------

    def _on_started(self, event: Started) -> None:
        if self._began:
            self._note("started-again")
            return
        self._began = True
        if not event.id:
            self._note("started-id")
            event = structs.replace(event, id=self._mint("reply", 0))
        if not event.model:
            self._note("started-model")
            event = structs.replace(event, model=self._model)
        self._out.append(event)

    def _start(self) -> None:
        """See to it that the reply has begun."""
        if not self._began:
            self._began = True
            self._note("started-missing")
            self._out.append(Started(self._mint("reply", 0), self._model, self._now))

    def _on_usage(self, event: UsageSeen) -> None:
        self._start()
        self._usage = self._usage.then(event.usage)
        self._out.append(UsageSeen(self._usage))

    def _on_finished(self, event: Finished) -> None:
        self._start()
        if self._finished is not None:
            self._note("finish-again")
        self._finished = event
        self._said = True

    def _on_ended(self, event: Ended) -> None:
        if not self._began:
            raise BrokenError("empty")
        self._end(event)

    def _on_failed(self, event: Failed) -> None:
        self._fail(event)

    def _pass(self, event: Alive | Stranger) -> None:
        self._out.append(event)

    def _end(self, terminal: Ended) -> None:
        """End well: close what is open, give the stop reason, then the terminal. What cannot be comes first."""
        parts = [part for same in self._parts.values() for part in same]
        if any(part.is_nameless() for part in parts):
            raise BrokenError("name-missing")
        finished = self._finished
        if finished is None:
            self._note("finish-missing")
            finished = Finished("tool_use" if self._called else "end_turn")
        if finished.reason == "error":
            raise BrokenError("told-error")
        for part in parts:
            if part.number is not None or part.waits:
                self._note("end-missing", part.source)
            self._end_part(part)
        self._out += (finished, terminal)
        self._over = True
        self._forget()

    def _fail(self, reason: str | Failed) -> None:
        """End badly: nothing is closed, and what is held is lost. ``reason`` is the provider's word, or a code."""
        held = [part for same in self._parts.values() for part in same] + list(self._queue)
        for part in dict.fromkeys(held):
            if part.waits or part.is_nameless():
                self._note("held-lost", part.source)
        if self._finished is not None:
            self._note("finish-lost")
        if isinstance(reason, str):
            self._note(reason)
            reason = Failed("upstream", CODES[reason][1])
        self._out.append(reason)
        self._over = True
        self._forget()

    def _forget(self) -> None:
        """Let go of everything that only an open stream needs."""
        self._finished = None
        self._parts.clear()
        self._ended.clear()
        self._open.clear()
        self._queue.clear()

    def _late(self, event: Event) -> None:
        """Drop what comes behind the terminal."""
        empty = isinstance(event, Delta) and not event.text
        lost = not empty and isinstance(event, Delta | PartStarted | UsageSeen | Failed | Stranger)
        self._note("after-end-lost" if lost else "after-end")

    # --- parts --------------------------------------------------------------------------------------------------------

    def _on_part_started(self, event: PartStarted) -> None:
        self._start()
        self._goes_on(event.index)
        for part in self._parts.get(event.index, ()):
            if part.kind == event.kind:
                if part.is_same(event):
                    self._again(part, event)
                    return
                self._note("index-reused", event.index)
                self._end_part(part)
                break
        self._begin(event)

    def _again(self, part: Part, event: PartStarted) -> None:
        """Take a second start of a part: news only if the name was awaited."""
        if not part.is_nameless():
            self._note("part-again", part.source)
            return
        before = len(part.id) + len(part.extra)
        part.id = part.id or event.id
        part.extra = part.extra or event.extra
        self._keep(part, len(part.id) + len(part.extra) - before + len(event.name))
        if event.name:
            part.name = event.name
            self._enter(part)

    def _on_delta(self, event: Delta) -> None:
        part = self._part_of(event)
        if not event.text and (part is None or part.is_paused()):
            self._note("delta-empty", event.index)
            return
        self._start()
        if event.text:
            self._goes_on(event.index)
        if part := part or self._opened_by(event):
            self._push(part, event)

    def _part_of(self, event: Delta) -> Part | None:
        """Find the part that a delta is of, among those that the provider has not ended."""
        for part in self._parts.get(event.index, ()):
            if event.kind in DELTAS[part.kind]:
                return part
        return None

    def _opened_by(self, event: Delta) -> Part | None:
        """Begin the part of a delta that has none; None if the delta is lost."""
        home = HOME[event.kind]
        start = PartStarted(event.index, home)
        if (event.index, home) not in self._ended:
            self._note("part-missing", event.index)
            return self._begin(start)
        if home in CALLS:
            raise BrokenError("input-late")
        if home == event.kind and home in SPLIT:
            return self._begin(start, torn=True)
        self._note("detail-late", event.index)
        return None

    def _push(self, part: Part, event: Delta) -> None:
        """Let a piece of a part leave, or hold it."""
        paused = part.is_paused()
        if part.torn and (event.kind == "signature" or (paused and event.kind != part.main)):
            self._note("detail-late", event.index)
        elif part.number is not None:
            self._out.append(event if part.number == event.index else structs.replace(event, index=part.number))
        else:
            self._keep(part, part.hold(event))
            if paused:
                self._enter(part)

    def _on_part_ended(self, event: PartEnded) -> None:
        parts = self._parts.get(event.index)
        if not parts:
            self._note("end-unknown", event.index)
            return
        if self._finished is not None:
            self._note("after-finish", event.index)
        for part in list(parts):
            self._end_part(part)

    def _begin(self, start: PartStarted, *, torn: bool = False) -> Part:
        """Know a new part, and let it leave if it can."""
        part = Part(start)
        part.torn = torn
        self._parts.setdefault(start.index, []).append(part)
        self._keep(part, REMEMBERED + len(start.id) + len(start.name) + len(start.extra))
        if start.kind in CALLS:
            self._called = True
        if part.is_nameless():
            self._note("name-late", start.index)
        else:
            self._enter(part)
        return part

    def _enter(self, part: Part) -> None:
        """Let a part leave, now or behind an open call."""
        if self._open and not self._interleave:
            self._note("part-overlaps", part.source)
            (first,) = self._open.values()
            if first.kind not in SPLIT:
                part.waits = True
                self._queue.append(part)
                return
            self._shut(first)
            first.torn = True
        self._leave(part)

    def _leave(self, part: Part) -> None:
        """Begin a part at the client's, and let go of what was held of it."""
        number = part.number = self._number
        self._number += 1
        self._open[number] = part
        part.waits = False
        if number != part.source:
            self._note("index-changed", part.source)
        if part.torn:
            self._note("part-split", part.source)
            self._out.append(PartStarted(number, part.kind))
        else:
            given = part.id
            if part.kind in CALLS and not given:
                self._note("id-missing", part.source)
                given = self._mint("call", number)
            self._out.append(PartStarted(number, part.kind, given, part.name, part.extra))
            part.extra = ""
        self._out += [Delta(number, kind, run.getvalue()) for kind, run in part.runs]
        part.runs = []
        self._keep(part, REMEMBERED + len(part.id) + len(part.name) - part.cost)

    def _shut(self, part: Part) -> None:
        """End at the client's a part that is open there."""
        if part.number is not None:
            del self._open[part.number]
            self._out.append(PartEnded(part.number))
            part.number = None

    def _end_part(self, part: Part) -> None:
        """Take the provider's end of a part, or the one that is put in for it."""
        if part.is_nameless():
            raise BrokenError("name-missing")
        same = self._parts[part.source]
        same.remove(part)
        if not same:
            del self._parts[part.source]
        if (part.source, part.kind) not in self._ended:
            self._ended.add((part.source, part.kind))
            self._kept += REMEMBERED
        part.done = True
        if not part.waits:
            self._shut(part)
            self._keep(part, -part.cost)
            self._pump()

    def _pump(self) -> None:
        """Let those that wait leave, up to the first one that must stay open."""
        while self._queue and (self._interleave or not self._open):
            part = self._queue.popleft()
            self._leave(part)
            if part.done:
                self._shut(part)
                self._keep(part, -part.cost)
            elif part.kind in SPLIT and self._queue:
                self._shut(part)
                part.torn = True

    def _goes_on(self, index: int) -> None:
        """Take note of content behind the stop reason: that was not the provider's last word."""
        if self._finished is not None:
            self._said = False
            self._note("after-finish", index)

    # --- odds and ends ------------------------------------------------------------------------------------------------

    def _keep(self, part: Part, size: int) -> None:
        """Count what is kept for a part."""
        part.cost += size
        self._kept += size
        if size > 0 and self._kept > HELD:
            raise BrokenError("too-much")

    def _note(self, code: str, index: int | None = None) -> None:
        """Count one thing that was done; the first place stands."""
        where, times = self._notes.get(code, ("" if index is None else f"/parts/{index}", 0))
        self._notes[code] = where, times + 1

    def _mint(self, prefix: str, number: int) -> str:
        """Give an id that no other exchange has."""
        text = f"{self._seed}\nsequencer\n{prefix}\n{number}"
        return f"{prefix}_{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:_ID_DIGITS]}"

    _HANDLERS: Final[Mapping[type[Event], Callable[[Sequencer, Any], None]]] = MappingProxyType(
        {
            Started: _on_started,
            PartStarted: _on_part_started,
            Delta: _on_delta,
            PartEnded: _on_part_ended,
            UsageSeen: _on_usage,
            Finished: _on_finished,
            Ended: _on_ended,
            Failed: _on_failed,
            Alive: _pass,
            Stranger: _pass,
        }
    )
