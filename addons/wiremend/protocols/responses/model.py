"""What a mended stream has said so far: its items, and their content where the stream may still need it.

A stream that lacks the end of an item, or its own, is given one that is built from here. So the beginnings and ends of
items are kept as the bytes that they came in, and the pieces of an open item as they were read; they are put together
only if somebody asks. All that counts against one budget, :data:`BUDGET` bytes a stream. Once it is used up the content
is let go and only names and places are kept (some words per item and part): from then on a mend that would have to
say again what was streamed cannot be made, and :class:`LostError` says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec

from wiremend.protocols.responses import schema
from wiremend.protocols.responses.heard import Heard
from wiremend.protocols.responses.items import Message, Reasoning, own_text, text_of, type_of
from wiremend.protocols.responses.output import Tracked

if TYPE_CHECKING:
    from collections.abc import Mapping

BUDGET: Final = 8 * 1024 * 1024
"""Bytes of content that are kept for one stream."""

CALLS: Final[Mapping[str, str]] = {"function_call": "arguments", "custom_tool_call": "input"}
"""The types of item that a client runs, and the field that holds what it runs them with."""

_SPARE: Final = BUDGET // 8

type Place = tuple[str, int]
"""Where text goes: ("content" or "summary", index of the part), ("", 0) for a call's arguments."""


class LostError(Exception):
    """What was streamed is needed again, and is not known whole."""


@dataclass(slots=True, eq=False)
class Entry:
    """An item of the mended stream.

    ``began`` and ``ended`` are the data of its two events (b"" for one that never came, or was let go). ``log`` has
    its inner events since they were last put together, ``texts`` and ``parts_as_sent`` what came of those before, and
    ``heard`` how much was streamed, which is known past the budget too.
    """

    index: int
    type: str
    id: str
    call_id: str | None
    began: bytes
    done: bool = False
    ended: bytes = b""
    parts: dict[Place, str] = field(default_factory=dict)
    streamed: bool = False
    log: list[schema.OfItem | bytes] = field(default_factory=list)
    texts: dict[Place, bytearray] = field(default_factory=dict)
    parts_as_sent: dict[Place, dict[str, Any]] = field(default_factory=dict)
    heard: dict[Place, Heard] = field(default_factory=dict)
    told: set[Place] = field(default_factory=set)
    described: int = 0

    @property
    def size(self) -> int:
        """Count the bytes of what was put together, and of the two events."""
        return len(self.began) + len(self.ended) + self.described + sum(map(len, self.texts.values()))

    def release(self) -> None:
        """Let what was streamed go."""
        self.log.clear()
        self.texts.clear()
        self.parts_as_sent.clear()
        self.described = 0

    def open_part(self, family: str, kind: str) -> int:
        """Open the next part of a family; give its index."""
        index = sum(1 for known, _ in self.parts if known == family)
        self.parts[family, index] = kind
        return index

    def begin_text(self, place: Place, text: str, *, kept: bool) -> None:
        """Note the text that a part begins with."""
        self.heard[place] = Heard()
        self.heard[place].hear(text)
        if text and kept:
            self.texts[place] = bytearray(text.encode())

    def hear(self, piece: schema.OfItem) -> None:
        """Count a piece."""
        if piece.tells == "delta":
            self.heard.setdefault(place_of(piece), Heard()).hear(piece.said)

    def fold(self) -> None:
        """Put the pieces together."""
        log, self.log = self.log, []
        for piece in log:
            if isinstance(piece, bytes):
                self.described += len(piece) - self._fold_part(msgspec.json.decode(piece))
                continue
            self.hear(piece)
            place = place_of(piece)
            text = self.texts.setdefault(place, bytearray())
            if piece.tells == "whole":
                self.told.add(place)
                if piece.said:
                    text.clear()
            text += piece.said.encode()

    def _fold_part(self, document: dict[str, Any]) -> int:
        """Take in an event that describes a part: its beginning, its end, a note; give the bytes of its text."""
        family = "summary" if document["type"].startswith("response.reasoning_summary") else "content"
        place = (family, document[f"{family}_index"])
        part = document.get("part")
        if isinstance(part, dict):
            self.parts_as_sent[place] = part
            text = part.pop(text_field(str(part.get("type"))), None)
            if isinstance(text, str) and text:
                self.texts[place] = bytearray(text.encode())
                return len(self.texts[place])
        elif "annotation" in document:
            notes = self.parts_as_sent.setdefault(place, {}).setdefault("annotations", [])
            if isinstance(notes, list):
                notes.append(document["annotation"])
        return 0

    def tracked(self) -> Tracked:
        """Give it as a contract keeps it."""
        self.fold()
        parts = {place: self.heard.get(place, Heard()).copy(kind) for place, kind in self.parts.items()}
        state = "done" if self.done else "open"
        own = self.heard.get(("", 0), Heard()).copy("")
        return Tracked(self.index, self.type, self.id, self.call_id, state, parts, own)


class Model:
    """The mended stream, as far as it has been given. ``room`` is what is left of the budget."""

    __slots__ = ("created", "entries", "full", "hurt", "ident", "last", "room")

    def __init__(self) -> None:
        """Begin with nothing said."""
        self.entries: list[Entry] = []
        self.ident: str | None = None
        self.created = b""
        self.last = b""
        """The data of the last event that was given."""
        self.hurt = False
        """Whether something that was streamed could not be read, so that no text is known to be whole."""
        self.room = BUDGET
        self.full = False

    @property
    def settled(self) -> bool:
        """Tell whether items began and every one is done."""
        return bool(self.entries) and all(entry.done for entry in self.entries)

    # --- listening

    def piece(self, event: schema.OfItem, data: bytes) -> None:
        """Take in an event inside an item; the usual one."""
        self.last = data
        entry = self.entries[event.output_index]
        entry.streamed = True
        if not self.full:
            entry.log.append(event)
            self.room -= len(data)
            if self.room < 0:
                self.spend(0)
        else:
            entry.hear(event)

    def saw(self, event: schema.AnyEvent, data: bytes) -> None:
        """Take in any other event of the mended stream."""
        match event:
            case schema.Lifecycle():
                self._response(event, data)
            case schema.ItemAdded():
                self._begin(event.item, data)
            case schema.ItemDone():
                self._end(self.entries[event.output_index], data)
            case schema.PartAdded() | schema.PartDone() | schema.SummaryAdded() | schema.SummaryDone():
                entry = self.entries[event.output_index]
                kind = "summary_text" if event.family == "summary" else type_of(event.part)  # type: ignore[arg-type] # a Part there
                entry.parts[event.family, event.place] = kind
                if event.kind != "part":
                    entry.told.add((event.family, event.place))
                else:
                    entry.heard.setdefault((event.family, event.place), Heard()).hear(text_of(event.part))
                self._keep(entry, data)
            case schema.OfItem():
                if event.tells:
                    self.piece(event, data)
                elif event.family:  # an annotation
                    self._keep(self.entries[event.output_index], data)

    def spend(self, size: int) -> None:
        """Count what is kept; let all content go where the budget is used up."""
        self.room -= size
        if self.room >= 0:
            return
        for entry in self.entries:
            if entry.log:
                entry.fold()
        self.room = BUDGET - len(self.created) - sum(entry.size for entry in self.entries)
        if self.room < _SPARE:
            self.full = True
            self.created = b""
            for entry in self.entries:
                entry.began = entry.ended = b""
                entry.release()

    def _keep(self, entry: Entry, data: bytes) -> None:
        if not self.full:
            entry.log.append(data)
            self.spend(len(data))

    def _response(self, event: schema.Lifecycle, data: bytes) -> None:
        if isinstance(event, schema.Created) and self.ident is None:
            self.ident = event.response.id
            self.created = data
            self.spend(len(data))
            for index, item in enumerate(event.response.output):
                described = msgspec.json.decode(data)["response"]["output"][index]
                self._begin(item, msgspec.json.encode({"item": described}))

    def _begin(self, item: Any, data: bytes) -> None:  # noqa: ANN401 - an Item
        call_id = getattr(item, "call_id", None)
        kept = b"" if self.full else data
        entry = Entry(len(self.entries), type_of(item), item.id, call_id, kept)
        self.entries.append(entry)
        if isinstance(item, Message | Reasoning):
            for part in item.content or ():
                place = ("content", entry.open_part("content", type_of(part)))
                entry.begin_text(place, text_of(part), kept=not self.full)
        if isinstance(item, Reasoning):
            for begun_part in item.summary:
                place = ("summary", entry.open_part("summary", "summary_text"))
                entry.begin_text(place, begun_part.text, kept=not self.full)
        own = own_text(item) if entry.type in CALLS else ""
        entry.streamed = bool(own)
        entry.heard["", 0] = Heard()
        entry.heard["", 0].hear(own)
        self.spend(len(kept))

    def _end(self, entry: Entry, data: bytes) -> None:
        entry.done = True
        entry.release()
        if not self.full:
            entry.ended, entry.began = data, b""
            self.spend(len(data))

    # --- telling

    def began(self, entry: Entry) -> dict[str, Any]:
        """Give an item as it began, or as it ended if it has. Raises LostError."""
        data = entry.ended or entry.began
        if not data:
            raise LostError
        item: dict[str, Any] = msgspec.json.decode(data)["item"]
        return item

    def text(self, entry: Entry, place: Place) -> str:
        """Give what was streamed to a place, "" if nothing was. Raises LostError."""
        if self.full or self.hurt:
            raise LostError
        entry.fold()
        text = entry.texts.get(place, b"").decode()
        if not text and not place[0]:
            begun = self.began(entry).get(CALLS.get(entry.type, ""))
            return begun if isinstance(begun, str) else ""
        return text

    def item(self, entry: Entry) -> dict[str, Any]:
        """Give an item as it ended, or as it would end now. Raises LostError."""
        if entry.done:
            return self.began(entry)
        if self.full or self.hurt:
            raise LostError
        item = self.began(entry)
        entry.fold()
        item["status"] = "completed"
        if entry.type in CALLS:
            item[CALLS[entry.type]] = self.text(entry, ("", 0))
        for family in ("content", "summary"):
            places = [place for place in entry.parts if place[0] == family]
            if places:
                given = item.get(family)
                item[family] = [self._part(entry, place, given) for place in places]
        if entry.type == "reasoning":
            item.pop("status")
        if entry.type == "message":
            item["role"] = "assistant"
        return item

    def _part(self, entry: Entry, place: Place, given: object) -> dict[str, Any]:
        """Give a part with all its text; ``given`` are the parts that the item began with."""
        kind = entry.parts[place]
        begun = given[place[1]] if isinstance(given, list) and place[1] < len(given) else {}
        part: dict[str, Any] = {"type": kind, **begun, **entry.parts_as_sent.get(place, {})}
        text = entry.texts.get(place)
        if text is not None or not isinstance(part.get(text_field(kind)), str):
            part[text_field(kind)] = (text or b"").decode()
        if kind == "output_text":
            part.setdefault("annotations", [])
        return part


def text_field(kind: str) -> str:
    """Name the field of a part that holds its text."""
    return "refusal" if kind == "refusal" else "text"


def place_of(piece: schema.OfItem) -> Place:
    """Tell where the text of an event goes."""
    return (piece.family, piece.place) if isinstance(piece, schema.OfPart) else ("", 0)
