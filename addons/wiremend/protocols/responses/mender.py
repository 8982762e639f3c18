"""Mends one stream of the responses wire, event by event (G1, G2, G4).

While all is sound, an event costs the contract's look at it and a note of what it said (see ``model``). From the first
violation on each event is read loosely, made what the mended stream needs there (see ``documents``, ``lifecycle`` and
``stream``), and judged by a contract of its own before it leaves. An event in which nothing had to be changed still
leaves as its bytes.

What ends the stream as a failure (``response.failed``): any error, whatever its shape; chat chunks or a page where
events should be; an end of the bytes, or ``[DONE]``, before every item that began was done; and a mend that would need
what is not known whole (past the budget of ``model``, or after an event that could not be read).

========================================= ============================= ==========================================
held                                      until                         bound
========================================= ============================= ==========================================
a call whose tool is not named            its name comes                8 MiB a stream, see ``stream``
what was streamed (kept beside, not held) its item is done, and for the 8 MiB a stream, then nothing is kept
                                          last event all of it is
========================================= ============================= ==========================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from wiremend.protocols.mending import Mend, Origin
from wiremend.protocols.responses import schema
from wiremend.protocols.responses.contract import USUAL, Contract
from wiremend.protocols.responses.documents import Documents, FailError, Unfold, broken, failure_in
from wiremend.protocols.responses.errors import error_event, said
from wiremend.protocols.responses.lifecycle import Lifecycle
from wiremend.protocols.responses.model import CALLS, LostError, Model
from wiremend.protocols.responses.reading import loose_json
from wiremend.protocols.responses.shape import UnnamedError
from wiremend.protocols.responses.sink import IllegalError, Sink

if TYPE_CHECKING:
    from collections.abc import Callable

    from wiremend.protocols.failure import Failure
    from wiremend.sse import Event


class Mender:
    """Mends one stream; see :class:`wiremend.protocols.mending.StreamMender`.

    ``unfold`` writes a whole response object as events, for a provider that answers with a body where events should be.
    """

    def __init__(self, origin: Origin, unfold: Unfold) -> None:
        """Begin before the first event."""
        self.mends: list[Mend] = []
        self.failure: Failure | None = None
        self.quiet = False  # the tally knows by its name what an event may say
        self._origin = origin
        self._unfold = unfold
        self._model = Model()
        self._contract = Contract()
        self._final = False  # whether the terminal event came while all was sound
        self._ids = False  # whether an `id:` stood when all was sound
        self._closed = False
        self._number = 0
        self._between = False  # whether the block at hand has no number, and stands before the next event
        self._mending: _Mending | None = None  # None while all is sound

    @property
    def ended(self) -> bool:
        """Tell whether the terminal event was given."""
        return self._contract.ended if self._mending is None else self._mending.ended

    def feed(self, event: Event) -> bytes:
        """Take the next event and give what the client gets for it. Never raises."""
        if self._mending is None:
            contract, model = self._contract, self._model
            found = contract.feed(event)
            sound = contract.sound
            if found is USUAL and sound.tells:  # type: ignore[union-attr] # an OfItem then, and the event has data
                # Model.piece, in place: these come by the thousand
                data = model.last = event.data  # type: ignore[assignment] # the same
                entry = model.entries[sound.output_index]  # type: ignore[union-attr] # the same
                entry.streamed = True
                if not model.full:
                    entry.log.append(sound)  # type: ignore[arg-type] # the same
                    model.room -= len(data)  # type: ignore[arg-type] # the same
                    if model.room < 0:
                        model.spend(0)
                else:
                    entry.hear(sound)  # type: ignore[arg-type] # the same
                return event.raw
            if not found and (sound is None or not self._is_hollow(sound)):
                self._heard(sound, event)
                return event.raw
            self._number = contract.number - (event.data is not None)
        mending = self._begun()
        self._number += event.data is not None
        self._between = event.data is None
        return b"" if mending.over else self._written(lambda: mending.documents.block(event))

    def close(self) -> bytes:
        """Take the end of the upstream's bytes. A second call gives ``b""``."""
        if self._closed or self.ended:
            self._closed = True
            return b""
        self._closed = True
        mending = self._begun(self._contract.number)
        self._number += 1
        self._between = False
        code = "stream.empty" if self._model.ident is None else "stream.completed-missing"
        return self._written(lambda: mending.documents.finish(code))

    def fail(self, failure: Failure) -> bytes:
        """End the stream with an error now. ``b""`` if it has ended."""
        if self.ended:
            return b""
        self._begun(self._contract.number)

        def stop() -> None:
            raise FailError(failure, "stream.completed-missing")

        return self._written(stop)

    # --- while all is sound

    def _heard(self, sound: schema.AnyEvent | None, event: Event) -> None:
        """Remember a sound event that is not one of the many."""
        self._ids = self._contract.ids
        if event.data is None:
            return
        self._model.last = event.data
        self._final = self._contract.ended
        if sound is not None:
            self._model.saw(sound, event.data)
            if isinstance(sound, schema.Failed):
                self.failure = failure_in(loose_json(event.data))

    def _is_hollow(self, sound: schema.AnyEvent) -> bool:
        """Tell whether an item ends with nothing in it although something was streamed, which no schema tells."""
        if not isinstance(sound, schema.ItemDone):
            return False
        entry = self._model.entries[sound.output_index]
        if entry.type in CALLS:
            return entry.streamed and not getattr(sound.item, CALLS[entry.type], "")
        return entry.type == "message" and bool(entry.parts) and not getattr(sound.item, "content", None)

    # --- from the first violation on

    def _begun(self, number: int | None = None) -> _Mending:
        """Begin to mend, behind the sound events so far, if that has not begun."""
        if self._mending is None:
            self._number = self._number if number is None else number
            model = self._model
            tracked = [entry.tracked() for entry in model.entries]
            sink = Sink(model, Contract.resume(model.ident, tracked, ids=self._ids, ended=self._final), self._number)
            self._mending = _Mending(
                Documents(Lifecycle(model, sink, self._origin, self._note), self._note, self._unfold)
            )
        return self._mending

    def _note(self, code: str, pointer: str, what: str, kind: Literal["mended", "invented", "lost", "failed"]) -> None:
        self.mends.append(Mend(kind, f"responses.{code}", self._number + self._between, pointer, what))

    def _written(self, work: Callable[[], None]) -> bytes:
        """Do a piece of work and give what it wrote; whatever it cannot do ends the stream as a failure."""
        mending = self._begun()
        sink = mending.documents.sink
        try:
            work()
        except FailError as error:
            self._stop(error.failure, error.code, error.pointer)
        except UnnamedError:
            self._stop(broken("the provider's stream has a tool call that names no tool"), "item.name-missing")
        except LostError:
            self._stop(broken("the provider's stream is incomplete, and too much of it is lost"), "item.done-missing")
        except (IllegalError, RecursionError, ValueError) as error:
            sink.judge(Contract.resume(self._model.ident, (), ids=False))  # the old one judged what was not given
            name = type(error).__name__
            self._stop(broken(f"the provider's stream cannot be mended ({name})"), "event.field-invalid")
        self.failure = mending.documents.failure or self.failure
        return sink.taken()

    def _stop(self, failure: Failure, code: str, pointer: str = "") -> None:
        """End the stream as a failure."""
        mending = self._begun()
        documents = mending.documents
        mending.over = True
        if documents.sink.ended:
            return
        self.failure = failure
        self._note(code, pointer, "response.failed", "failed")
        documents.events.begin()
        ident, number = self._model.ident, documents.sink.next_number()
        words = self._origin.signed(said(failure))
        documents.sink.out.append(error_event(words, ident, number, failure.kind))


class _Mending:
    """What mends a stream; ``over`` once we ended it, so that whatever comes is behind the end."""

    __slots__ = ("documents", "over")

    def __init__(self, documents: Documents) -> None:
        self.documents = documents
        self.over = False

    @property
    def ended(self) -> bool:
        return self.over or self.documents.sink.ended
