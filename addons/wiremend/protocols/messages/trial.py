"""A contract that judges what is about to be given out, and forgets an event that breaks it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wiremend.protocols.messages.contract import Contract
from wiremend.protocols.messages.schema import UNSAID
from wiremend.protocols.violation import Violation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wiremend.protocols.messages.contract import State, _Block
    from wiremend.protocols.messages.schema import Fault
    from wiremend.sse import Event

MOST: Final = 4096
"""How many blocks may be open at once."""

_TOO_MANY: Final = (Violation("messages.index.order", 0, "/index", "Too many blocks are open at once."),)
_UNFINISHED: Final = (Violation("messages.sse.unterminated", 0, "", "The last block has no blank line."),)


class Trial(Contract):
    """The stream as the client has it: only sound events move it on, so its state is never a presumption."""

    __slots__ = ("_grown", "begun", "calls", "ident", "output")

    def __init__(self) -> None:
        """Begin before the first event."""
        super().__init__()
        self.ident: object = None
        """The message's id."""
        self.output: int | float | None = None
        """The last count of output tokens."""
        self._grown: list[tuple[_Block, bytearray, int]] = []  # by the event at hand
        self.calls: set[str] = set()
        """The ids of the first calls."""
        self.begun: tuple[int, int] = (UNSAID, 0)
        """The place of the block that opened last, and how many events were given then."""

    @property
    def state(self) -> State:
        """The stream's state in the contract's table."""
        return self._state

    @property
    def number(self) -> int:
        """How many events with data were given."""
        return self._number

    @property
    def next(self) -> int:
        """The place that the next block will have."""
        return self._next

    @property
    def open(self) -> dict[int, _Block]:
        """The open blocks by their places, in the order in which they opened."""
        return self._open

    @property
    def reason(self) -> str | None:
        """The stop reason."""
        return self._reason

    @property
    def told(self) -> bool:
        """Tell whether a message_delta was given."""
        return self._told

    @property
    def called(self) -> bool:
        """Tell whether a tool_use block was opened."""
        return self._called

    def _consider(self, event: Event) -> Sequence[Violation]:
        """Judge an event that is not the usual one; what breaks the contract leaves no trace."""
        if event.data is None and not event.complete and not self.ended:
            return _UNFINISHED  # clients drop it, but what has to follow would be taken for a part of it
        if len(self._open) > MOST and event.event == "content_block_start":
            return _TOO_MANY
        self._grown.clear()
        fields = (self._state, self._number, self._next, self._called, self._told, self._reason)
        others = (dict(self._open), list(self._cut), self.ident, self.output)
        found = super()._consider(event)
        if found:
            self._state, self._number, self._next, self._called, self._told, self._reason = fields
            self._open, self._cut, self.ident, self.output = others
            self._alias = {}
            for block, text, length in reversed(self._grown):
                block.json = text
                del text[length:]
        return found

    def _grow(self, index: int, delta: dict[str, Any]) -> list[Fault]:
        place, _ = self._find(index)
        block = None if place is None else self._open[place]
        if block is not None and block.json is not None:
            self._grown.append((block, block.json, len(block.json)))
        return super()._grow(index, delta)

    def _step(self, type_: str, document: dict[str, Any]) -> list[Fault]:
        usage = document.get("usage")
        if type_ == "message_start":
            message = document["message"]
            self.ident, usage = message.get("id"), message.get("usage")
        if isinstance(usage, dict) and isinstance(count := usage.get("output_tokens"), int | float):
            self.output = count
        found = super()._step(type_, document)
        if type_ == "content_block_start" and not found:
            self.begun = (self._next - 1, self._number)
            ident = document["content_block"].get("id")
            if isinstance(ident, str) and len(self.calls) < MOST:
                self.calls.add(ident)
        return found
