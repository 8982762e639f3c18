"""What is held of a stream because some call in it has ``{}`` or ``null`` for arguments, and more may come.

Some servers send a placeholder ahead of the real arguments (quirk ``tool-args-prefix-obj``); added up, the two are no
JSON. A call without arguments looks just the same. So the event that opens such a call is held until something else
comes: more arguments for it, and then the placeholder is taken back; or anything else, and then it leaves as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wiremend.protocols.chat.choices import PLACEHOLDERS
from wiremend.protocols.chat.faults import parse
from wiremend.protocols.chat.values import edited
from wiremend.sse import render

if TYPE_CHECKING:
    from wiremend.protocols.chat.choices import Choices

type Json = dict[str, Any]

HELD: Final = 64 * 1024
"""Bytes of events that may be held."""

EVENTS: Final = 16
"""Events that may be held."""

SIGNS: Final = (b'"{}"', b'"null"')
"""What an event has in it that opens such a call."""


class Hold:
    """The events that are held, in their order; a comment among them waits with them."""

    __slots__ = ("_awaited", "_calls", "_events", "_size")

    def __init__(self) -> None:
        """Hold nothing."""
        self._events: list[tuple[bytes, bytes | None]] = []
        self._awaited: set[tuple[int, int]] = set()
        self._calls: set[tuple[int, int]] = set()
        self._size = 0

    def __bool__(self) -> bool:
        """Tell whether something is held."""
        return bool(self._events)

    def take(self, raw: bytes, data: bytes | None, document: Json | None, choices: Choices) -> bytes:
        """Take an event that is to leave, and give what leaves now. ``choices`` have taken it in."""
        if data is not None and any(sign in data for sign in SIGNS):
            self._watch(document, choices)
        self._size += len(raw)
        full = self._size > HELD or len(self._events) >= EVENTS
        if self._awaited and not full and (document is None or self._is_about_them(document)):
            self._events.append((raw, data))
            return b""
        return self.release() + raw

    def recall(self, choice: int, call: int, arguments: str) -> bool:
        """Put other arguments in the place of a call's placeholder; False if it has left."""
        if (choice, call) not in self._awaited:
            return False
        self._awaited.discard((choice, call))
        for number, (_, data) in enumerate(self._events):
            document: Any = parse(data) if data is not None else None
            functions = [piece["function"] for piece in _pieces(document, choice) if piece.get("index") == call]
            told = [function for function in functions if function.get("arguments", "").strip()]
            if told:
                for function in told:
                    function["arguments"] = arguments
                new = edited(data or b"", parse(data or b""), document)
                self._events[number] = (render(new), new)
        return True

    def release(self) -> bytes:
        """Give all that is held, and hold nothing."""
        held = b"".join(raw for raw, _ in self._events)
        self._events.clear()
        self._awaited.clear()
        self._calls.clear()
        self._size = 0
        return held

    def _watch(self, document: Json | None, choices: Choices) -> None:
        """Note the calls whose arguments are a placeholder, and come from this event."""
        for index, state in choices.by_index.items():
            for piece in _pieces(document, index):
                call = state.calls.sent.get(piece.get("index", -1))
                if call is not None and call.pieces in PLACEHOLDERS:
                    self._awaited.add((index, call.index))
                    self._calls.add((index, call.index))

    def _is_about_them(self, document: Json) -> bool:
        """Tell whether an event has nothing but pieces of the calls that are held."""
        for choice in document.get("choices") or ():
            delta = choice["delta"]
            if choice.get("finish_reason") is not None or delta.get("content") or delta.get("refusal"):
                return False
            if any((choice["index"], piece["index"]) not in self._calls for piece in delta.get("tool_calls") or ()):
                return False
        return bool(document.get("choices"))


def _pieces(document: Json | None, choice: int) -> list[Json]:
    """Give the pieces of tool calls that a sound chunk has for a choice."""
    found: list[Json] = []
    for item in (document or {}).get("choices") or ():
        if item.get("index") == choice:
            found += [
                piece for piece in item["delta"].get("tool_calls") or () if isinstance(piece.get("function"), dict)
            ]
    return found
