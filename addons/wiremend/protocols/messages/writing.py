"""The client's side of a stream that is being mended: what is given out, and what is written down of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wiremend.protocols.mending import Mend
from wiremend.protocols.messages.errors import error_body, said, status_of
from wiremend.protocols.messages.reading import framed
from wiremend.protocols.messages.repair import Unmendable
from wiremend.protocols.messages.trial import Trial
from wiremend.protocols.messages.words import FAILURES, OTHERWISE, USUAL
from wiremend.sse import Event, render

if TYPE_CHECKING:
    from wiremend.protocols.failure import Failure
    from wiremend.protocols.mending import Origin
    from wiremend.protocols.messages.reading import Frame
    from wiremend.protocols.messages.schema import Fault
    from wiremend.protocols.messages.words import Kind

type Json = dict[str, Any]


class Writer:
    """Gives events to the client, each judged before it leaves."""

    __slots__ = ("_invented", "_minted", "_number", "_origin", "_out", "_sent", "mends")

    def __init__(self, origin: Origin) -> None:
        """Begin before the first event."""
        self.mends: list[Mend] = []
        self._origin = origin
        self._sent = Trial()
        self._out: list[bytes] = []  # what the current call gives
        self._number = 0  # of the current event
        self._minted = 0
        self._invented = False  # message_start is ours

    def _note(self, code: str, pointer: str = "", *, kind: Kind | None = None, what: str | None = None) -> None:
        usual, words = USUAL[code]
        self.mends.append(Mend(kind or usual, f"messages.{code}", self._number, pointer, what or words))

    def _fault(self, fault: Fault) -> str:
        """Write a fault down as it is usually mended, and give its code without the wire."""
        code = fault.code.removeprefix("messages.")
        if USUAL[code][0] != "failed":
            self._note(code, fault.pointer)
        return code

    def _give(self, document: Json, frame: Frame | None = None) -> None:
        """Give an event out, in the frame that it came in if there is one. Raises Unmendable where it is not sound."""
        raw, data = framed(document) if frame is None else frame.write(document)
        found = self._sent.feed(Event(raw, document["type"], data, None, None, complete=True))
        if found:
            raise self._unmendable(found[0].code.removeprefix("messages."), found[0].pointer)
        self._out.append(raw)

    def _give_error(self, failure: Failure) -> None:
        """End the stream with an error, if it has not ended."""
        if self._sent.ended:
            return
        data = error_body(status_of(failure), failure.kind, self._origin.signed(said(failure)))
        raw = render(data, "error")
        self._sent.feed(Event(raw, "error", data, None, None, complete=True))
        self._out.append(raw)

    def _open_message(self) -> None:
        """Put in message_start."""
        self._note("message-start.missing")
        self._invented = True
        self._give({"type": "message_start", "message": self._message()})

    def _message(self) -> Json:
        return {
            "id": self._mint("msg"),
            "type": "message",
            "role": "assistant",
            "model": self._origin.model or "",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": 0, "output_tokens": 0},
        }

    def _mint(self, prefix: str) -> str:
        self._minted += 1
        return self._origin.mint(prefix, self._minted)

    @staticmethod
    def _unmendable(code: str, pointer: str = "") -> Unmendable:
        return Unmendable(code, pointer, FAILURES.get(code, OTHERWISE))
