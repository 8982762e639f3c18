"""A reply on its way from one wire to another, event by event.

The upstream wire's mender makes the stream legal first, by its contract: ids, indexes, an ending are there. Its events
go through the decoder into neutral ones, tools get back the form that the client knows, the sequencer orders what the
client's wire does not let overlap, and the encoder writes. What it writes is held against the contract of the client's
wire like any provider's stream (G2): there, arguments of a call that are no JSON end as they would without translation.
Each step gives its events at once (G4); what is held, the sequencer holds (its docstring has the table). A cut or an
error becomes the client wire's own error, never a success.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from wiremend.events import Alive, Delta, Failed
from wiremend.protocols.bridging import Bridging
from wiremend.protocols.codec import Telling
from wiremend.protocols.codecs import CODECS
from wiremend.protocols.failure import Failure
from wiremend.protocols.mending import Mend
from wiremend.protocols.wires import MENDING, SAID
from wiremend.sequencer import Sequencer
from wiremend.sse import EventParser

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wiremend.events import Event as Neutral
    from wiremend.pipeline.translate import Translation
    from wiremend.protocols.mending import Mending, Origin
    from wiremend.sse import Event

_BROKEN = 502
_TEXTS = frozenset({"text", "thinking"})


class Crossing:
    """Mends one stream of the upstream's wire, and gives it on the client's; a ``StreamMender`` to its caller."""

    def __init__(self, mending: Mending, translation: Translation, origin: Origin, name: str | None) -> None:
        """Begin before the first event. ``name`` is what the reply is to call the model, None for its own word."""
        client, upstream = CODECS[translation.client], CODECS[translation.upstream]
        self.mends: list[Mend] = []
        self.failure: Failure | None = None
        self.quiet = False
        self.heard = b""
        """What the mender gave for the last event, on the upstream's wire."""
        self._origin = origin
        self._said = SAID[translation.client]
        self._mender = mending.mender(origin)
        self._decoder = upstream.decoder()
        self._bridging = Bridging(translation.far) if translation.far else None
        self._sequencer = Sequencer(
            seed=origin.seed, model=origin.model or "", now=origin.now, interleave=client.interleave
        )
        self._encoder = client.encoder(Telling(origin, translation.request, translation.near, name))
        self._light = translation.client == "messages" and self._bridging is None
        self._parser = EventParser(limit=2**62)  # of what the mender gives, which is bounded by what came
        self._last = MENDING[translation.client].mender(origin)

    @property
    def ended(self) -> bool:
        """Tell whether the client has been given the end."""
        return self._last.ended

    def feed(self, event: Event) -> bytes:
        """Take the next event of the upstream, and give what the client gets for it."""
        mender = self._mender
        self.heard = given = mender.feed(event)
        self.quiet = mender.quiet
        if mender.failure is not None:
            out = self._break(given)
        elif given is event.raw:
            out = self._went_on(event) if self._light else self._held(self._cross(event))
        else:
            out = self._held(b"".join(map(self._cross, _events(given)))) if given else b""
        bridging = self._bridging
        written = self._decoder.mends or self._encoder.mends or self._last.mends
        if mender.mends or written or (bridging is not None and bridging.mends):
            self._collect()
        return out

    def close(self) -> bytes:
        """Take the end of the upstream's bytes."""
        self.heard = given = self._mender.close()
        if self._mender.failure is not None:
            out = self._break(given)
        else:
            out = b"".join(map(self._cross, _events(given)))
            out = self._held(out + self._write(self._sequencer.close(cut=False)))
        out += self._last.close()
        self._finish()
        return out

    def fail(self, failure: Failure) -> bytes:
        """End the client's stream with an error."""
        if self.ended:
            return b""
        self.heard = given = self._mender.fail(failure)
        out = self._break(given, failure)
        self._finish()
        return out

    # -- the way of an event

    def _went_on(self, event: Event) -> bytes:
        """Take a sound event; a piece of an open text is not held against the contract, which does not look into it."""
        neutral = self._decoder.feed(event.data) if event.data is not None else ()
        if len(neutral) == 1 and type(piece := neutral[0]) is Delta and piece.kind in _TEXTS:
            left = self._sequencer.feed(piece)
            if len(left) == 1 and type(left[0]) is Delta:
                return b"" if self._last.ended else self._encoder.feed(left[0])
            return self._held(self._write(left))
        return self._held(self._crossed(neutral) if event.data is not None else self._cross(event))

    def _cross(self, event: Event) -> bytes:
        data = event.data
        if data is None:
            return self._encoder.feed(Alive()) if event.raw[event.lead :].startswith(b":") else b""
        return self._crossed(self._decoder.feed(data))

    def _crossed(self, neutral: Iterable[Neutral]) -> bytes:
        if self._bridging is not None:
            neutral = [one for event in neutral for one in self._bridging.feed(event)]
        sequence = self._sequencer.feed
        out = [self._write(sequence(one)) for one in neutral]
        return out[0] if len(out) == 1 else b"".join(out)

    def _write(self, events: Sequence[Neutral]) -> bytes:
        write = self._encoder.feed
        if len(events) == 1 and type(events[0]) is not Failed:
            return write(events[0])
        out = []
        for event in events:
            if isinstance(event, Failed) and self.failure is None:
                self.failure = Failure("upstream", _BROKEN, event.message)
                event = msgspec.structs.replace(event, message=self._origin.signed(event.message))  # noqa: PLW2901 - the same event, in the client's words
            out.append(write(event))
        return b"".join(out)

    def _break(self, given: bytes, failure: Failure | None = None) -> bytes:
        """Give what is sound before the error that the mender ended with, and the error as the client's wire has it."""
        if self.ended:
            return b""
        out = []
        for event in _events(given):
            if is_error(event):
                break
            out.append(self._cross(event))
        self.failure = failure = self._mender.failure or failure or Failure("upstream", _BROKEN, "the stream broke")
        words = self._origin.signed(self._said(failure))
        out += [self._encoder.feed(event) for event in self._sequencer.feed(Failed(failure.kind, words, failure.code))]
        return self._held(b"".join(out))

    def _held(self, given: bytes) -> bytes:
        """Hold what the encoder wrote against the contract of the client's wire."""
        if not given:
            return b""
        last = self._last
        out = [last.feed(event) for event in self._parser.feed(given)]
        if last.failure is not None and self.failure is None:
            self.failure = last.failure
        return out[0] if len(out) == 1 else b"".join(out)

    # -- what was done

    def _collect(self) -> None:
        for source in (self._mender, self._decoder, self._encoder, self._bridging, self._last):
            if source is not None and source.mends:
                self.mends += source.mends
                source.mends.clear()

    def _finish(self) -> None:
        """Collect what all of them did; the sequencer tells it once, when nothing more comes."""
        self._collect()
        if self._sequencer.over:
            for note in self._sequencer.notes:
                if note.kind in ("mended", "invented", "lost", "failed"):
                    self.mends.append(Mend(note.kind, note.short, 0, note.where, f"{note.what}: {note.why}"))


_NO_ERROR = (b"", b"null")


class _Head(msgspec.Struct):
    """By which an event is known as an error."""

    type: str | None = None
    error: msgspec.Raw = msgspec.Raw(b"")


def is_error(event: Event) -> bool:
    """Tell whether an event that a mender gave is the error that it ended with, on any wire."""
    if event.data is None:
        return False
    try:
        head = msgspec.json.decode(event.data, type=_Head)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return False
    return head.type in {"error", "response.failed"} or (head.type is None and bytes(head.error) not in _NO_ERROR)


def _events(given: bytes) -> Sequence[Event]:
    return EventParser(limit=len(given) + 1).feed(given) if given else ()
