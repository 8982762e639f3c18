"""Reads a stream of the responses wire, as its mender gives it, into neutral events.

=============================================== ======================================================================
on the wire                                     neutral
=============================================== ======================================================================
``response.created``                            Started
a text or refusal part of a message             a part of kind text or refusal; ``id`` is the message's
annotations                                     deltas of kind citation, as they are
``function_call``, ``custom_tool_call``         a part of kind tool_use or custom_tool_use; ``id`` is its ``call_id``
``reasoning`` with text                         one part of kind thinking; each summary or text of it but the first
                                                begins with a blank line
``encrypted_content``                           a delta of kind encrypted at the end of the item, for only then is it
                                                whole; of an item without text, a part of kind redacted
any other item                                  a part of kind opaque, when it is done; its events on the way say less
``response.completed``, ``response.incomplete`` UsageSeen, Finished, Ended; see below
any other event                                 Stranger
=============================================== ======================================================================

The ``extra`` of a part of reasoning is ``{"wire":"responses"}``, and for text the ``field`` of the item that it is of:
``summary`` or ``content``. A message's part begins with its own event, reasoning with its first text (before that it
is not known whether there is any). Parts end with their item, or where the next part of it begins. What is said by an
end alone, and was never streamed, is given then.

Stop reasons: an incomplete response is ``max_tokens``, or ``content_filter``; a complete one is ``tool_use`` where it
calls a function or a custom tool, ``refusal`` where a part refuses, else ``end_turn``.

What is told as lost: a message's ``phase``, log probabilities, the ``namespace`` of a call, parts of unknown types,
reasons of an incomplete response that the hub has no word for (these are ``max_tokens``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from wiremend.events import (
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
from wiremend.protocols.coding import UNREADABLE, mark
from wiremend.protocols.mending import Mend
from wiremend.protocols.responses import decoding as wire

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from msgspec import Raw

    from wiremend.events import Event, PartKind
    from wiremend.message import StopReason

_CALLS: Final[Mapping[str, type[wire.Piece]]] = MappingProxyType(
    {"function_call": wire.ArgumentsPiece, "custom_tool_call": wire.InputPiece}
)
_REASONS: Final[Mapping[str, StopReason]] = MappingProxyType(
    {"max_output_tokens": "max_tokens", "content_filter": "content_filter"}
)
_MARK: Final = mark("responses")
_MARKS: Final = {name: mark("responses", field=name) for name in ("summary", "content")}
_BETWEEN: Final = "\n\n"
_NONE: Final = -1
_SHORT: Final = 40


@dataclass(slots=True, eq=False)
class _Section:
    """A place of an item that text is streamed to; ``index`` is that of its neutral part."""

    index: int
    piece: type[wire.Piece]
    said: bool = False
    notes: int = 0


@dataclass(slots=True, eq=False)
class _Item:
    """An item of the stream. ``open`` is the index of its neutral part that is open.

    ``live`` has, by their places, the sections whose next piece needs no second look.
    """

    kind: str
    id: str
    open: int = _NONE
    said: bool = False
    done: bool = False
    live: dict[int, _Section] = field(default_factory=dict)
    sections: dict[tuple[type[wire.Piece], int], _Section] = field(default_factory=dict)


class ResponsesDecoder:
    """A :class:`wiremend.protocols.codec.Decoder`."""

    __slots__ = ("_called", "_items", "_number", "_parts", "_refused", "_told", "mends")

    def __init__(self) -> None:
        """Begin before the first event."""
        self.mends: list[Mend] = []
        self._items: dict[int, _Item] = {}
        self._number = 0
        self._parts = 0
        self._called = False
        self._refused = False
        self._told: set[str] = set()

    def feed(self, data: bytes) -> Sequence[Event]:
        """Take the data of the next event. Never raises."""
        self._number += 1
        try:
            event = wire.decode(data)
        except UNREADABLE:
            return self._stray(data)
        try:
            return self._HANDLERS[type(event)](self, event)
        except UNREADABLE:
            self._lost("event", "an event that cannot be read")
            return ()

    # --- the response

    def _on_created(self, event: wire.Created) -> Sequence[Event]:
        response = event.response
        created = None if response.created_at is None else int(response.created_at)
        out: list[Event] = [Started(response.id, response.model, created)]
        for index, item in enumerate(response.output or ()):
            self._begin(index, item, out)
        return out

    def _on_nothing(self, event: wire.Event) -> Sequence[Event]:
        del self, event
        return ()

    def _on_end(self, event: wire.Completed | wire.Incomplete) -> Sequence[Event]:
        out: list[Event] = []
        named = {item.id: item for item in self._items.values() if item.id}
        for index, item in enumerate(event.response.output or ()):
            self._repeat(index, item, named, out)
        for known in self._items.values():
            self._close(known, out)
        counts = event.response.usage
        if counts is not None:
            out.append(UsageSeen(wire.usage_of(counts)))
        return (*out, Finished(self._reason(event)), Ended())

    def _reason(self, event: wire.Completed | wire.Incomplete) -> StopReason:
        if isinstance(event, wire.Incomplete):
            why = event.response.incomplete_details
            word = (why.reason if why is not None else None) or "max_output_tokens"
            if word not in _REASONS:
                self._lost("stop-reason", f"that it stopped for {word[:_SHORT]!r}: told as max_tokens")
            return _REASONS.get(word, "max_tokens")
        if self._called:
            return "tool_use"
        return "refusal" if self._refused else "end_turn"

    def _on_failed(self, event: wire.Failed) -> Sequence[Event]:
        del self
        error = event.response.error or wire.Error()
        return (Failed("upstream", error.message or "the response failed", error.code),)

    def _stray(self, data: bytes) -> Sequence[Event]:
        """Take an event of a type that is not known here."""
        try:
            stray = wire.decode_stray(data)
        except UNREADABLE:
            stray = wire.Stray()
        if not stray.type:
            self._lost("event", "an event that cannot be read")
            return ()
        item = self._items.get(stray.output_index) if isinstance(stray.output_index, int) else None
        if item is not None and item.kind not in wire.TOLD:
            return ()  # its item is given whole
        return (Stranger(stray.type, data.decode("utf-8", "replace")),)

    # --- items

    def _on_added(self, event: wire.Added) -> Sequence[Event]:
        out: list[Event] = []
        self._begin(event.output_index, event.item, out)
        return out

    def _on_done(self, event: wire.Done) -> Sequence[Event]:
        out: list[Event] = []
        if event.output_index not in self._items:
            self._begin(event.output_index, event.item, out)
        item = self._items[event.output_index]
        if not item.done:
            self._finish(item, event.item, out)
        return out

    def _begin(self, index: int, raw: Raw, out: list[Event]) -> None:
        """Know a new item, and say what it begins with."""
        head = wire.decode_head(raw)
        item = self._items[index] = _Item(head.type, head.id or "")
        if head.type not in wire.TOLD:
            return
        begun = wire.decode_item(raw)
        piece = _CALLS.get(head.type)
        if piece is not None:
            self._called = True
            item.open = self._start(piece.part, wire.words(begun.call_id), wire.words(begun.name), "", out)
            item.sections[piece, 0] = _Section(item.open, piece)
        self._tell_all(item, begun, out)

    def _finish(self, item: _Item, raw: Raw, out: list[Event]) -> None:
        """Take an item that is whole: what was never streamed of it is given now."""
        item.done = True
        if item.kind not in wire.TOLD:
            index = self._start("opaque", item.id, "", bytes(raw).decode(), out)
            out.append(PartEnded(index))
            return
        ended = wire.decode_item(raw)
        self._tell_all(item, ended, out)
        encrypted = wire.words(ended.encrypted_content)
        if encrypted and item.kind == "reasoning":
            if item.open == _NONE:
                item.open = self._start("redacted", item.id, "", _MARK, out)
            out.append(Delta(item.open, "encrypted", encrypted))
        if phase := wire.words(ended.phase):
            self._lost("phase", f"the phase of a message ({phase[:_SHORT]})")
        if space := wire.words(ended.namespace):
            self._lost("namespace", f"the namespace of a call ({space[:_SHORT]})")
        self._close(item, out)

    def _repeat(self, index: int, raw: Raw, named: Mapping[str, _Item], out: list[Event]) -> None:
        """Take an item of the completed response: news where its end never came, or where it said nothing."""
        head = wire.decode_head(raw)
        known = named.get(head.id or "") or self._items.get(index)
        if known is None or known.kind != head.type:
            index = _NONE - len(self._items)  # nobody else's
            self._begin(index, raw, out)
            known = self._items[index]
        if not known.done:
            self._finish(known, raw, out)
        elif known.kind == "message" and not known.said:
            self._tell_all(known, wire.decode_item(raw), out)

    def _tell_all(self, item: _Item, whole: wire.Item, out: list[Event]) -> None:
        """Give all text of an item that was not streamed."""
        piece = _CALLS.get(item.kind)
        if piece is not None:
            given = whole.arguments if piece is wire.ArgumentsPiece else whole.input
            self._tell(item, piece, 0, wire.words(given), out)
            return
        if item.kind == "reasoning":
            for place, part in enumerate(wire.contents(whole.summary)):
                self._tell(item, wire.SummaryPiece, place, wire.words(part.text), out)
        for place, part in enumerate(wire.contents(whole.content)):
            self._tell_part(item, place, part, out)

    # --- parts

    def _on_part(self, event: wire.OfContent) -> Sequence[Event]:
        out: list[Event] = []
        item = self._items.get(event.output_index)
        if item is not None and item.kind in wire.TOLD:
            piece = wire.PIECES.get(event.part.type)
            if isinstance(event, wire.PartAdded) and piece is not None and piece.owner == item.kind == "message":
                self._section(item, piece, event.place, out)
            self._tell_part(item, event.place, event.part, out)
        return out

    def _on_summary(self, event: wire.OfSummary) -> Sequence[Event]:
        out: list[Event] = []
        item = self._items.get(event.output_index)
        if item is not None:
            self._tell(item, wire.SummaryPiece, event.place, wire.words(event.part.text), out)
        return out

    def _on_whole(self, event: wire.Whole) -> Sequence[Event]:
        out: list[Event] = []
        item = self._items.get(event.output_index)
        if item is not None:
            self._tell(item, event.piece, event.place, event.text, out)
        return out

    def _on_annotated(self, event: wire.Annotated) -> Sequence[Event]:
        out: list[Event] = []
        item = self._items.get(event.output_index)
        if item is not None and item.kind == "message":
            self._note(self._section(item, wire.TextPiece, event.place, out), event.annotation, out)
        return out

    def _on_piece(self, event: wire.Piece) -> Sequence[Event]:
        item = self._items.get(event.output_index)
        if item is not None:
            section = item.live.get(event.place)
            if section is not None and section.piece is type(event) and event.delta:
                return (Delta(section.index, event.kind, event.delta),)
            out: list[Event] = []
            self._say(item, type(event), event.place, event.delta, out)
            return out
        self._lost("piece", "a piece of an item that never began")
        return ()

    def _tell_part(self, item: _Item, place: int, part: wire.Content, out: list[Event]) -> None:
        """Give what a described part says that was not streamed."""
        piece = wire.PIECES.get(part.type)
        if piece is None or piece.owner != item.kind:
            self._lost("part", f"a part of type {part.type[:_SHORT]!r} of a {item.kind}")
            return
        self._tell(item, piece, place, wire.words(part.refusal if piece is wire.RefusalPiece else part.text), out)
        section = item.sections.get((piece, place))
        if section is not None and piece is wire.TextPiece:
            for annotation in wire.notes(part)[section.notes :]:
                self._note(self._section(item, piece, place, out), annotation, out)
        if part.logprobs:
            self._lost("logprobs", "the log probabilities of a text")

    def _tell(self, item: _Item, piece: type[wire.Piece], place: int, text: str, out: list[Event]) -> None:
        """Give all of a text, if none of it was given."""
        section = item.sections.get((piece, place))
        if text and (section is None or not section.said):
            self._say(item, piece, place, text, out)

    def _say(self, item: _Item, piece: type[wire.Piece], place: int, text: str, out: list[Event]) -> None:
        """Give a piece of text."""
        if item.kind != piece.owner:
            self._lost("piece", f"a piece of a {piece.owner} in a {item.kind}")
            return
        if not text:
            return
        section = self._section(item, piece, place, out)
        if piece.part == "thinking" and item.said and not section.said:
            text = _BETWEEN + text
        section.said = item.said = True
        item.live[place] = section
        out.append(Delta(section.index, piece.kind, text))

    def _note(self, section: _Section, annotation: Raw, out: list[Event]) -> None:
        """Give an annotation."""
        section.notes += 1
        out.append(Delta(section.index, "citation", bytes(annotation).decode()))

    def _section(self, item: _Item, piece: type[wire.Piece], place: int, out: list[Event]) -> _Section:
        """Find the section of a place, or begin it; one that has ended goes on as a new part, but that of a call."""
        section = item.sections.get((piece, place))
        if section is not None and (section.index == item.open or piece.owner in _CALLS):
            return section
        if item.kind != "reasoning" or item.open == _NONE:
            self._close(item, out)
            item.open = self._start(piece.part, item.id, "", _MARKS.get(piece.field, ""), out)
        notes = 0 if section is None else section.notes
        section = item.sections[piece, place] = _Section(item.open, piece, section is not None and section.said, notes)
        return section

    def _start(self, kind: PartKind, ident: str, name: str, extra: str, out: list[Event]) -> int:
        """Begin a neutral part; give its index."""
        index = self._parts
        self._parts += 1
        self._refused = self._refused or kind == "refusal"
        out.append(PartStarted(index, kind, ident, name, extra))
        return index

    @staticmethod
    def _close(item: _Item, out: list[Event]) -> None:
        """End the part of an item that is open."""
        if item.open != _NONE:
            out.append(PartEnded(item.open))
            item.open = _NONE
            item.live.clear()

    # --- odds and ends

    def _lost(self, code: str, what: str) -> None:
        """Say once that something of this kind could not be told."""
        if code not in self._told:
            self._told.add(code)
            self.mends.append(Mend("lost", f"responses.{code}", self._number, "", f"left out: {what}"))

    _HANDLERS: Final[Mapping[type[wire.Event], Callable[[ResponsesDecoder, Any], Sequence[Event]]]] = MappingProxyType(
        {
            wire.Created: _on_created,
            wire.Progress: _on_nothing,
            wire.Queued: _on_nothing,
            wire.Completed: _on_end,
            wire.Incomplete: _on_end,
            wire.Failed: _on_failed,
            wire.Added: _on_added,
            wire.Done: _on_done,
            wire.PartAdded: _on_part,
            wire.PartDone: _on_part,
            wire.SummaryAdded: _on_summary,
            wire.SummaryDone: _on_summary,
            wire.Annotated: _on_annotated,
            **dict.fromkeys(wire.PIECE_TYPES, _on_piece),
            **dict.fromkeys(wire.WHOLE_TYPES, _on_whole),
        }
    )
