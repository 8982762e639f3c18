"""A reply on its way back: quirks, contract step, the model's name, in this order.

A stream is mended event by event (:class:`ReplyStream`), a whole reply at once (:func:`whole`), also where the provider
answered in the form that was not asked for, or with an error under a status of success. Both are functions of the
bytes and of the :class:`Context` (G10). What is done is counted, and told in the flow's notes (G5): one note for each
code, with the first event and pointer, however often it happened.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from wiremend.errors import BodyError
from wiremend.jsonedit import Edit, apply, get, parse_pointer
from wiremend.notes import Note
from wiremend.pipeline.bounds import event_limit
from wiremend.pipeline.crossing import Crossing
from wiremend.protocols.failure import Failure
from wiremend.protocols.mending import Mend
from wiremend.protocols.tools import ToolCalls
from wiremend.protocols.wires import CONTRACTS
from wiremend.sse import Event, EventParser, StreamError, render, with_data

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wiremend.pipeline.context import Context
    from wiremend.protocols.base import Tally, Wire
    from wiremend.protocols.mending import StreamMender
    from wiremend.quirks.base import EventStep, Noting, Recorder

_UNREADABLE = (msgspec.MsgspecError, UnicodeError, RecursionError)


KEY_REPEATED = "key-repeated"
"""The code of a mend that takes the rules' own credential out of what the client gets."""


@dataclass(slots=True)
class _Told:
    first: Mend
    times: int = 1


@dataclass(slots=True)
class Notebook:
    """What was done to one reply, each code once."""

    told: dict[tuple[str, str], _Told] = field(default_factory=dict)

    def add(self, mends: Sequence[Mend]) -> None:
        """Count what a mender did."""
        for mend in mends:
            seen = self.told.get((mend.code, mend.kind))
            if seen is None:
                self.told[mend.code, mend.kind] = _Told(mend)
            else:
                seen.times += 1

    def noting(self, code: str, event: int = 0) -> Noting:
        """Give what a quirk of this name notes its changes with."""

        def note(pointer: str, what: str, kind: Literal["mended", "lost", "invented"] = "mended") -> None:
            self.add([Mend(kind, code, event, pointer, what)])

        return note

    def notes(self) -> list[Note]:
        """Give the notes."""
        found = []
        for (code, _), seen in self.told.items():
            mend = seen.first
            where = f"event {mend.event}: " if mend.event else ""
            again = f" (and {seen.times - 1} more)" if seen.times > 1 else ""
            found.append(Note(mend.kind, mend.pointer, code, f"{where}{mend.what}{again}", code))
        return found


class ReplyStream:
    """One stream of events on its way to the client. Feed it the upstream's bytes, decoded; it gives the client's.

    Never raises on any bytes; what it gives is legal on the client's wire where ``context.mend`` is on, or where it is
    translated (G2).
    """

    def __init__(self, context: Context, tally: Tally) -> None:
        """Begin before the first byte."""
        self.context = context
        self.tally = tally
        self.book = Notebook()
        self.tools = ToolCalls(context.wire.name)
        """The tools that the client is told to call."""
        self.events = 0
        """How many events have come."""
        self._parser = EventParser(event_limit(context.limits), apart=True)
        self._mender = context.mender()
        self._crossing = self._mender if isinstance(self._mender, Crossing) else None
        self._contract = CONTRACTS[context.wire.name]() if self._mender is None else None
        active = context.quirks if context.mend else ()
        self._steps = [
            (quirk.name, quirk.step(context.scope, context.memory)) for quirk in active if quirk.step is not None
        ]
        self._recorders: list[Recorder] = [
            quirk.recorder(context.scope, context.memory) for quirk in active if quirk.recorder is not None
        ]
        self._needles = _needles_of(self._recorders)
        """What the recorders look for, where all of them say so; None where they must hear everything."""
        self._secret = context.secret
        self._over = False
        self._raw = False
        """Whether all that comes passes as it is, behind an event that is too large to be read (mending is off)."""

    @property
    def failure(self) -> Failure | None:
        """The error that the stream ended with."""
        return self._mender.failure if self._mender is not None else None

    @property
    def ended(self) -> bool:
        """Tell whether the client has been given the end."""
        return self._over or (self._mender is not None and self._mender.ended)

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes, and give what the client gets for them: whole events."""
        given = self._feed(data)
        if self._secret is not None:
            given = self._kept_back(given)
        self.tools.feed(given)
        return given

    def _feed(self, data: bytes) -> bytes:
        if self._over or self._raw:
            return data if self._raw else b""
        try:
            events: Sequence[Event] = self._parser.feed(data)
        except StreamError as error:
            return self._take(error.events) + self._too_large(error)
        listens = self._recorders and self._needles is None
        if self._mender is not None and not self._steps and not listens and self.context.name is None:
            return self._straight(self._mender, events)
        return self._take(events)

    def _straight(self, mender: StreamMender, events: Sequence[Event]) -> bytes:
        """Take events in the usual case, in which only the contract and the tally look at them all."""
        self.events += len(events)
        out = []
        for event in events:
            try:
                given = mender.feed(event)
                out.append(given)
                if self._recorders:
                    self._let_hear(given if self._crossing is None else self._crossing.heard, event)
            except Exception as error:
                if not self.ended:
                    raise
                self._fell(error)  # behind the client's end: what it is to get is in `out`
                break
            if not mender.quiet:
                self.tally.event(event)
        if mender.mends:
            self._write_down()
        return out[0] if len(out) == 1 else b"".join(out)

    def _kept_back(self, given: bytes) -> bytes:
        clean = self.context.kept_back(given)
        if clean is not given:
            self.book.add([Mend("mended", KEY_REPEATED, self.events, "", "the rules' own credential is taken out")])
        return clean

    def close(self) -> bytes:
        """Take the end of the upstream's message, and give the end of the client's."""
        given = self._kept_back(self._close())
        self.tools.feed(given)
        return given

    def _close(self) -> bytes:
        if self._over:
            return b""
        out = self._take(self._parser.close())
        for name, step in tuple(self._steps):
            try:
                held = [self._event_of(one) for one in step.close(self.book.noting(name, self.events))]
            except Exception as error:  # noqa: BLE001 - as above
                self._give_up(name, error)
                continue
            behind = [other for other, _ in self._steps]
            behind = behind[behind.index(name) + 1 :]
            out += b"".join([self._passed(seen) for one in held for seen in self._stepped(one, behind)])
        if self._mender is not None:
            rest = self._mender.close()
            self._write_down()
            self._hear(rest if self._crossing is None else self._crossing.heard)
            out += self._renamed(rest)
        elif self._contract is not None:
            self._watch(self._contract.close())
        self._over = True
        self._remember()
        return out

    def _remember(self) -> None:
        """Let the recorders keep what they saw."""
        try:
            for recorder in self._recorders:
                recorder.close()
        except Exception as error:  # noqa: BLE001 - the edge (G7)
            self._forget(error)

    def cut(self, failure: Failure) -> bytes:
        """End the client's stream: the upstream broke off. A cut is never turned into a success (G2)."""
        return self._kept_back(self._cut(failure))

    def _cut(self, failure: Failure) -> bytes:
        if self._over:
            return b""
        if self.ended or (self._contract is not None and self._contract.ended):
            self._over = True
            self._remember()
            return b""
        self._over = True
        self.book.add([Mend("invented", "cut", self.events, "", failure.message)])
        if self._mender is None:
            words = self.context.origin.signed(failure.message)
            return self.context.wire.error_event(words, None, self.events, failure.kind)
        out = self._mender.fail(failure)
        self._write_down()
        return out

    def notes(self) -> list[Note]:
        """Give what was done, so far."""
        return self.book.notes()

    # -- one event

    def _take(self, events: Sequence[Event]) -> bytes:
        out = []
        for event in events:
            self.events += 1
            self.tally.event(event)
            out += [self._passed(stepped) for stepped in (self._stepped(event) if self._steps else (event,))]
        if self._mender is not None and self._mender.mends:
            self._write_down()
        return b"".join(out)

    def _passed(self, event: Event) -> bytes:
        """Give what the client gets for an event, after the recorders have heard it."""
        given = self._give(event)
        if self._recorders:
            self._hear(given if self._crossing is None else self._crossing.heard, event)
        return self._renamed(given) if self.context.name is not None else given

    def _give(self, event: Event) -> bytes:
        if self._mender is not None:
            return self._mender.feed(event)
        if self._contract is not None:
            self._watch(self._contract.feed(event))
        return event.raw

    def _stepped(self, event: Event, only: Sequence[str] | None = None) -> Sequence[Event]:
        """Let the quirks (or those of these names) look at an event; what they put in its place is seen by the next."""
        if event.data is None:
            return (event,)
        now: list[Event] = [event]
        for name, step in self._steps:
            if only is not None and name not in only:
                continue
            following: list[Event] = []
            for one in now:
                following += self._one_step(name, step, one)
            now = following
        return now

    def _one_step(self, name: str, step: EventStep, event: Event) -> Sequence[Event]:
        data = event.data
        if data is None or (step.needles and not any(needle in data for needle in step.needles)):
            return (event,)
        try:
            document = msgspec.json.decode(data)
        except _UNREADABLE:
            return (event,)
        if not isinstance(document, dict):
            return (event,)
        try:
            given = step.event(document, self.book.noting(name, self.events))
            if given is None:
                return (event,)
            return [_like(event, one) if one is document else self._event_of(one) for one in given]
        except Exception as error:  # noqa: BLE001 - the edge (G7): a bug in one quirk must not end the stream
            self._give_up(name, error)
            return (event,)

    def _give_up(self, name: str, error: Exception) -> None:
        """Go on without a quirk that raised."""
        self._steps = [(other, step) for other, step in self._steps if other != name]
        self.book.add([Mend("failed", name, self.events, "", f"the quirk itself failed ({type(error).__name__})")])

    def _event_of(self, document: dict[str, Any]) -> Event:
        """Frame a document as an event of its own; the chat wire's have no name."""
        data, kind = msgspec.json.encode(document), document.get("type")
        name = kind if isinstance(kind, str) and kind.isprintable() and self.context.upstream.name != "chat" else None
        return Event(render(data, name), name, data, None, None, complete=True)

    def _renamed(self, given: bytes) -> bytes:
        """Put the name that the client asked for in the place of the model's."""
        return renamed_stream(given, self.context.wire, self.context.name) if given and self.context.name else given

    def _fell(self, error: Exception) -> None:
        """Note that the mender itself failed, where nothing depends on it any more."""
        self._over = True
        self.book.add([Mend("failed", "mender", self.events, "", f"the mender itself failed ({type(error).__name__})")])

    def _hear(self, given: bytes, event: Event | None = None) -> None:
        """Show the recorders what was given, on the upstream's wire; ``event`` is read already, if it is just that."""
        if not self._recorders or not given:
            return
        try:
            heard = [event] if event is not None and given is event.raw else EventParser(len(given) + 1).feed(given)
            for one in heard:
                if one.data is not None:
                    for recorder in self._recorders:
                        recorder.event(one.data)
        except Exception as error:  # noqa: BLE001 - the edge (G7): what is remembered is not worth the stream
            self._forget(error)

    def _let_hear(self, given: bytes, event: Event) -> None:
        """Show the recorders what holds what they look for."""
        for needle in self._needles or ():
            if needle in given:
                self._hear(given, event)
                return

    def _forget(self, error: Exception) -> None:
        """Go on without the recorders."""
        self._recorders = []
        what = f"the reply is not remembered ({type(error).__name__})"
        self.book.add([Mend("failed", "recorder", self.events, "", what)])

    def _write_down(self) -> None:
        if self._mender is not None:
            self.book.add(self._mender.mends)
            self._mender.mends.clear()

    def _watch(self, violations: Sequence[Any]) -> None:
        for violation in violations:
            self.book.add([Mend("seen", violation.code, violation.event, violation.pointer, violation.message)])

    def _too_large(self, error: StreamError) -> bytes:
        if self._mender is None:
            self._raw = True
            return error.rest
        self._over = True
        out = self._mender.fail(Failure("upstream", 502, f"the stream was given up: {error}"))
        self._write_down()
        return out


def _needles_of(recorders: Sequence[Recorder]) -> tuple[bytes, ...] | None:
    named = [getattr(recorder, "needles", None) for recorder in recorders]
    return None if None in named else tuple(dict.fromkeys(needle for one in named for needle in one or ()))


def _like(event: Event, document: dict[str, Any]) -> Event:
    """Give an event with the same framing and other data."""
    data = msgspec.json.encode(document)
    return msgspec.structs.replace(event, raw=with_data(event, data), data=data)


def renamed_stream(given: bytes, wire: Wire, name: str) -> bytes:
    """Put a name in the place of the model's in each event of a legal stream."""
    parser = EventParser(limit=len(given) + 1)
    out = []
    for event in [*parser.feed(given), *parser.close()]:
        data = event.data
        named = data and renamed(data, wire, name)
        out.append(event.raw if data is None or named is data else with_data(event, named or b""))
    return b"".join(out)


def renamed(data: bytes, wire: Wire, name: str) -> bytes:
    """Put a name in the place of the model's in a reply's JSON; the same object where it names none."""
    for text in wire.model_pointers:
        pointer = parse_pointer(text)
        try:
            if get(data, pointer) is not None:
                return apply(data, [Edit("set", pointer, msgspec.json.encode(name))]).body
        except BodyError:
            return data
    return data
