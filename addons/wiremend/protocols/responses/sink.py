"""Where a mended stream is written: each event is judged, remembered and numbered on its way out.

The judge is a second contract, which begins where the stream had got to when it first needed mending; nothing leaves
that it does not find sound. Sequence numbers stay the provider's as long as they can. Once an event was put in, one
that is not above all before it is raised to the next number, so a client that sorts by them sees what we sent. A
stream without numbers stays without, but for ``response.failed``, which @ai-sdk/openai does not read otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from wiremend.protocols.responses.patch import Patch, encode
from wiremend.protocols.responses.reading import loose_json
from wiremend.sse import Event, render, with_data

if TYPE_CHECKING:
    from wiremend.protocols.responses.contract import Contract
    from wiremend.protocols.responses.heard import Heard
    from wiremend.protocols.responses.model import Model, Place

_NUMBER = "sequence_number"


class IllegalError(Exception):
    """A bug of ours: what was to be given is not sound."""


class Sink:
    """Writes events; ``out`` has their bytes since the caller last emptied it."""

    __slots__ = ("_guard", "_highest", "_model", "_numbered", "_put_in", "ended", "out", "sent")

    def __init__(self, model: Model, guard: Contract, sent: int) -> None:
        """Go on with a stream of which ``sent`` events were given."""
        self._model = model
        self._guard = guard
        self._put_in = False
        self._highest = -1
        self._numbered = False
        if model.last:
            self._count(_number_of(loose_json(model.last)))
        self.sent = sent
        self.ended = guard.ended
        """Whether the terminal event was given."""
        self.out: list[bytes] = []

    @property
    def ids(self) -> bool:
        """Tell whether an ``id:`` stands."""
        return self._guard.ids

    def heard(self, index: int, place: Place) -> Heard | None:
        """Give what was streamed to a place of an item; None if that part has not begun."""
        return self._guard.heard(index, place)

    def judge(self, guard: Contract) -> None:
        """Take another judge, who knows of nothing that was not given."""
        self._guard = guard

    def taken(self) -> bytes:
        """Give what was written, and forget it."""
        out = b"".join(self.out)
        self.out.clear()
        return out

    def next_number(self) -> int:
        """Give the number that the next event may have."""
        return self._highest + 1 if self._numbered else self.sent

    def put(self, document: dict[str, Any], before: object = None) -> None:
        """Put in an event; ``before`` is the document that comes next, from which it is known if the stream counts."""
        self._put_in = True
        self._numbered = self._numbered or _number_of(before) is not None
        if self._numbered:
            document = {"type": document["type"], _NUMBER: self._highest + 1} | document
            document[_NUMBER] = self._highest + 1
        else:
            document.pop(_NUMBER, None)
        data = encode(document)
        self._give(Event(render(data, document["type"]), document["type"], data, None, None, complete=True))
        self._count(_number_of(document))

    def pass_on(self, patch: Patch, event: Event | None, *, name: str | None = None) -> None:
        """Give an event of the provider's, with what was changed in it; ``event`` is None where it stood in no block.

        ``name`` is what its ``event:`` line is to say, where that has changed.
        """
        number = _number_of(patch.document)
        if number is not None and self._put_in and number <= self._highest:
            patch.fill((_NUMBER,), self._highest + 1)
        if event is None or event.data is None or name is not None:
            data = patch.data(event.data if event is not None else None)
            kind = name or str(patch.document["type"])
            self._give(Event(render(data, kind), kind, data, None, None, complete=True))
        else:
            data = patch.data(event.data)
            event = msgspec.structs.replace(event, raw=event.raw[event.lead :], lead=0) if event.lead else event
            raw = with_data(event, data)
            if not event.complete:
                raw += b"\n" if raw.endswith(b"\n") else b"\n\n"
            # with_data splits what has line ends into lines, and a parser joins them again
            self._give(msgspec.structs.replace(event, raw=raw, data=data, complete=True))
        self._count(_number_of(patch.document))

    def literal(self, event: Event) -> None:
        """Give a block that is no event of the response: a comment, ``[DONE]``."""
        self._give(event)

    def _count(self, number: int | None) -> None:
        if number is not None:
            self._numbered = True
            self._highest = max(self._highest, number)

    def _give(self, event: Event) -> None:
        if self._guard.feed(event):
            raise IllegalError
        self.ended = self._guard.ended
        self.out.append(event.raw)
        if event.data is None:
            return
        self.sent += 1
        self._model.last = event.data
        if self._guard.sound is not None:
            self._model.saw(self._guard.sound, event.data)


def _number_of(document: object) -> int | None:
    number = document.get(_NUMBER) if isinstance(document, dict) else None
    return number if type(number) is int and 0 <= number < 2**53 else None
