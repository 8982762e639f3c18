"""Reads a stream of the messages wire into neutral events.

============================= ==========================================================================================
message_start                 ``Started``; the blocks that it has already; ``UsageSeen``
content_block_start           ``PartStarted``, and what the start brings with it as deltas: a tool's whole input, the
                              data of redacted thinking
content_block_delta           ``Delta``
content_block_stop            ``PartEnded``
message_delta                 ``UsageSeen``; ``Finished``, if it has a stop reason
message_stop                  ``Ended``
ping                          ``Alive``
error                         nothing: errors are the caller's
any other                     ``Stranger``
============================= ==========================================================================================

======================================= ======================================
stop_reason                             neutral
======================================= ======================================
end_turn, max_tokens, stop_sequence,    the same
tool_use, refusal
pause_turn, compaction                  pause
model_context_window_exceeded           context_exceeded
a word that nobody knows                tool_use where there was a call, else
                                        end_turn; the word is noted as lost
======================================= ======================================

A block's index is its part's. Blocks of text, thinking and the client's tools are parts of those kinds; any other (a
server's tool and its results) is ``opaque``, whole, with each of its deltas whole.

Usage comes in two pieces, the prompt's counts with the start and totals with the end, and either may leave out what the
other said; ``input_tokens`` leaves out what the cache served or took. So the counts are merged one by one, each as it
stands on the wire, and added up after that.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Raw, Struct

from wiremend.events import Alive, Delta, Ended, Finished, PartEnded, PartStarted, Started, Stranger, UsageSeen
from wiremend.message import Usage
from wiremend.protocols.coding import UNREADABLE, lost, mark
from wiremend.protocols.loose import count, field, later

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from wiremend.events import DeltaKind, Event, PartKind
    from wiremend.message import StopReason
    from wiremend.protocols.mending import Mend

__all__ = ["REASONS", "MessagesDecoder"]

REASONS: Final[Mapping[str, StopReason]] = MappingProxyType(
    {
        "end_turn": "end_turn",
        "max_tokens": "max_tokens",
        "stop_sequence": "stop_sequence",
        "tool_use": "tool_use",
        "refusal": "refusal",
        "pause_turn": "pause",
        "compaction": "pause",
        "model_context_window_exceeded": "context_exceeded",
    }
)
"""Stop reason of the wire -> the neutral one."""

_KINDS: Final[Mapping[str, PartKind]] = MappingProxyType(
    {"text": "text", "thinking": "thinking", "redacted_thinking": "redacted", "tool_use": "tool_use"}
)
_MARK: Final = mark("messages")
_MARKED: Final = frozenset({"thinking", "redacted"})
_LONGEST: Final = 40


class _Delta(Struct, frozen=True, gc=False):
    """A block's delta, or the one of a message_delta."""

    type: str = ""
    text: str = ""
    thinking: str = ""
    partial_json: str = ""
    signature: str = ""
    citation: Raw = Raw()
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: Raw = Raw(b"null")


class _Block(Struct):
    """A block, as it starts."""

    type: str = ""
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    id: str | None = None
    name: str | None = None
    input: Raw = Raw()
    citations: list[Raw] | None = None


class _Message(Struct):
    """What message_start says of the reply."""

    id: str | None = None
    model: str | None = None
    content: list[Raw] = []
    usage: Any = None


class _Event(Struct, gc=False):
    """Any event; which of the fields matter, ``type`` says."""

    type: str = ""
    index: int = 0
    delta: _Delta = _Delta()
    content_block: Raw = Raw()
    message: _Message | None = None
    usage: Any = None


class _RawDelta(Struct):
    """The delta of an opaque block."""

    delta: Raw = Raw()


_EVENT: Final = msgspec.json.Decoder(_Event).decode
_BLOCK: Final = msgspec.json.Decoder(_Block).decode
_RAW_DELTA: Final = msgspec.json.Decoder(_RawDelta).decode
_ANY: Final = msgspec.json.Decoder(dict[str, Any]).decode
_NOTHING: Final = frozenset({b"", b"{}", b"null"})
_SPACE: Final = b" \t\r\n"


class MessagesDecoder:
    """Reads one stream; see :class:`wiremend.protocols.codec.Decoder`."""

    __slots__ = ("_called", "_input", "_number", "_opaque", "_output", "_read", "_thought", "_written", "mends")

    def __init__(self) -> None:
        """Begin before the first event."""
        self.mends: list[Mend] = []
        self._number = 0
        self._opaque: set[int] = set()
        self._called = False
        self._input: int | None = None
        self._read: int | None = None
        self._written: int | None = None
        self._output: int | None = None
        self._thought: int | None = None

    def feed(self, data: bytes) -> Sequence[Event]:
        """Take the data of the next event."""
        self._number += 1
        try:
            event = _EVENT(data)
        except UNREADABLE:
            return self._strange(data)
        if event.type == "content_block_delta":
            if self._opaque and event.index in self._opaque:
                return self._opaque_delta(event.index, data)
            delta = event.delta
            if delta.type == "text_delta":
                return (Delta(event.index, "text", delta.text),) if delta.text else ()
            return self._delta(event.index, delta)
        handler = self._HANDLERS.get(event.type)
        return self._strange(data) if handler is None else handler(self, event)

    def _delta(self, index: int, delta: _Delta) -> Sequence[Event]:
        """Take a block's delta."""
        kind: DeltaKind
        match delta.type:
            case "input_json_delta":
                kind, text = "json", delta.partial_json
            case "thinking_delta":
                kind, text = "thinking", delta.thinking
            case "signature_delta":
                kind, text = "signature", delta.signature
            case "citations_delta":
                kind, text = "citation", bytes(delta.citation).decode()
            case other:
                self._lose("delta", f"a delta of type {other[:_LONGEST]!r} was left out", "/delta/type")
                return ()
        return (Delta(index, kind, text),) if text else ()

    def _opaque_delta(self, index: int, data: bytes) -> Sequence[Event]:
        return (Delta(index, "opaque", bytes(_RAW_DELTA(data).delta).decode()),)

    def _start(self, event: _Event) -> Sequence[Event]:
        """Take message_start."""
        message = event.message or _Message()
        out: list[Event] = [Started(message.id or "", message.model or "")]
        for index, block in enumerate(message.content):
            out += self._block(index, bytes(block))
            out.append(PartEnded(index))
        return out + self._counted(message.usage)

    def _block_start(self, event: _Event) -> Sequence[Event]:
        return self._block(event.index, bytes(event.content_block))

    def _block(self, index: int, raw: bytes) -> list[Event]:
        """Take the start of a block, and what it brings."""
        try:
            block = _BLOCK(raw)
        except UNREADABLE:
            self._lose("block", "a block that cannot be read was left out", "/content_block")
            return []
        kind = _KINDS.get(block.type)
        if kind is None:
            self._opaque.add(index)
            return [PartStarted(index, "opaque", extra=raw.decode())]
        self._opaque.discard(index)
        if kind == "tool_use":
            self._called = True
            out: list[Event] = [PartStarted(index, kind, block.id or "", block.name or "")]
            given = bytes(block.input)
            if given.translate(None, _SPACE) not in _NOTHING:
                out.append(Delta(index, "json", given.decode()))
            return out
        out = [PartStarted(index, kind, extra=_MARK if kind in _MARKED else "")]
        brought: tuple[tuple[DeltaKind, str | None], ...] = (
            ("text", block.text),
            ("thinking", block.thinking),
            ("signature", block.signature),
            ("encrypted", block.data),
        )
        out += [Delta(index, piece, text) for piece, text in brought if text]
        return out + [Delta(index, "citation", bytes(entry).decode()) for entry in block.citations or ()]

    def _block_stop(self, event: _Event) -> Sequence[Event]:
        self._opaque.discard(event.index)
        return (PartEnded(event.index),)

    def _end(self, event: _Event) -> Sequence[Event]:
        """Take a message_delta; one without a stop reason is a report of usage."""
        out, delta = self._counted(event.usage), event.delta
        if delta.stop_reason is None:
            return out
        reason = REASONS.get(delta.stop_reason)
        if reason is None:
            reason = "tool_use" if self._called else "end_turn"
            word = delta.stop_reason[:_LONGEST]
            self._lose("stop-reason", f"the stop reason {word!r} is told as {reason}", "/delta/stop_reason")
        details = bytes(delta.stop_details)
        extra = "" if details in _NOTHING else f'{{"stop_details":{details.decode()}}}'
        return [*out, Finished(reason, delta.stop_sequence, extra)]

    def _counted(self, usage: object) -> list[Event]:
        """Merge what is said of usage, and tell the sum."""
        if not isinstance(usage, dict):
            return []
        self._input = later(self._input, count(usage.get("input_tokens")))
        self._read = later(self._read, count(usage.get("cache_read_input_tokens")))
        self._written = later(self._written, count(usage.get("cache_creation_input_tokens")))
        self._output = later(self._output, count(usage.get("output_tokens")))
        self._thought = later(self._thought, count(field(usage, "output_tokens_details", "thinking_tokens")))
        known = [part for part in (self._input, self._read, self._written) if part is not None]
        whole = sum(known) if known else None
        return [UsageSeen(Usage(whole, self._read, self._written, self._output, self._thought))]

    def _strange(self, data: bytes) -> Sequence[Event]:
        """Give an event that nobody knows, or that cannot be read."""
        if not data.strip():
            return ()
        try:
            name = _ANY(data).get("type")
        except UNREADABLE:
            name = None
        return (Stranger(name if isinstance(name, str) else "", data.decode("utf-8", "replace")),)

    def _lose(self, code: str, what: str, pointer: str) -> None:
        self.mends.append(lost(f"messages.{code}", what, pointer, self._number))

    def _ended(self, _: _Event) -> Sequence[Event]:
        return (Ended(),)

    def _alive(self, _: _Event) -> Sequence[Event]:
        return (Alive(),)

    def _failed(self, _: _Event) -> Sequence[Event]:
        return ()

    _HANDLERS: Final[Mapping[str, Callable[[MessagesDecoder, _Event], Sequence[Event]]]] = MappingProxyType(
        {
            "message_start": _start,
            "content_block_start": _block_start,
            "content_block_stop": _block_stop,
            "message_delta": _end,
            "message_stop": _ended,
            "ping": _alive,
            "error": _failed,
        }
    )
