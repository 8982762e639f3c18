"""The output items of one stream: which is meant by an event, and whether it is where it should be.

Clients find an item by ``output_index`` (the SDKs) or by ``item_id`` (the AI SDK), so both must name the same one in
every event. Where they do not, the id is believed before the index; an event that names an unknown id at the index of
an open item of its type is taken for that item's, whose ids rotate (quirk resp-item-id-rotates).

Memory is a few words per item, and none per event.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from wiremend.protocols.responses import schema
from wiremend.protocols.responses.heard import Heard
from wiremend.protocols.responses.items import (
    NO_INDEX,
    NO_NAME,
    Item,
    Message,
    Reasoning,
    ReasoningText,
    StrangerItem,
    own_text,
    text_field,
    text_of,
    type_of,
)
from wiremend.protocols.responses.table import TABLE, Fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


_UNSEEN: Final = object()
"""The call_id of an item of which only an inner event was seen: whatever its end says is right."""


class Say(Protocol):
    """Reports a violation of the event that is being judged."""

    def __call__(self, code: str, pointer: str = "", detail: object = None) -> None:
        """Report ``code`` at ``pointer``; ``detail`` is shown in brackets."""


@dataclass(slots=True, eq=False)
class Tracked:
    """An output item. ``index`` is its place in the mended stream; ``id`` is None if only a mender knows it.

    ``parts`` has what was streamed into each open part by (family, index), ``own`` what was streamed into a call;
    ``moved`` has the true index of a part where the event's was wrong.
    """

    index: int
    type: str
    id: str | None
    call_id: Any
    state: str = "open"
    parts: dict[tuple[str, int], Heard] = field(default_factory=dict)
    own: Heard = field(default_factory=Heard)
    moved: dict[tuple[str, int], int] = field(default_factory=dict)

    def open_part(self, family: str, part_type: str, text: str = "") -> int:
        """Open the next part of the family, which begins with a text; give its index."""
        index = sum(1 for known, _ in self.parts if known == family)
        heard = self.parts[family, index] = Heard(part_type)
        heard.hear(text)
        return index


class Output:
    """All items of one stream. ``live`` has those whose events need no second look, by index."""

    __slots__ = ("_calls", "_items", "_named", "_say", "_sent_at", "live")

    def __init__(self, say: Say) -> None:
        """Begin with no items."""
        self._say = say
        self._items: list[Tracked] = []  # by the index of the mended stream
        self._named: dict[str, Tracked] = {}  # by id
        self._sent_at: dict[int, Tracked] = {}  # by the index that the server gave, which may be wrong
        self._calls: dict[tuple[str, str], Tracked] = {}  # by type and call_id
        self.live: dict[int, Tracked] = {}

    def __len__(self) -> int:
        """Count the items that began."""
        return len(self._items)

    @property
    def settled(self) -> bool:
        """Tell whether every item is done."""
        return all(item.state == "done" for item in self._items)

    def heard(self, index: int, place: tuple[str, int]) -> Heard | None:
        """Give what was streamed to a place of an item; None if that part has not begun."""
        return self._items[index].parts.get(place) if place[0] else self._items[index].own

    def resume(self, items: Iterable[Tracked]) -> None:
        """Begin with items that are where they should be."""
        for item in items:
            self._items.append(item)
            self._sent_at[item.index] = item
            if item.id is not None:
                self._named[item.id] = item
            if isinstance(item.call_id, str) and item.call_id:
                self._calls[item.type, item.call_id] = item
            if item.state == "open":
                self.live[item.index] = item

    # --- the events of an item, in their order

    def add(self, item: Item, index: int, pointer: str, index_pointer: str = "/output_index") -> None:
        """Judge the beginning of an item, described at ``pointer``."""
        known = self._named.get(item.id)
        if known is not None and known.type == type_of(item) and index in {NO_INDEX, known.index}:
            self._step(known, "added", "")
            return
        if known is not None:
            self._say("responses.item.id-repeated", f"{pointer}/id", item.id)
        tracked = self._begin(item, index, index_pointer, named=known is None)
        call = (tracked.type, tracked.call_id)
        if isinstance(tracked.call_id, str) and tracked.call_id not in {NO_NAME, ""}:
            if call in self._calls:
                self._say("responses.item.call-id-repeated", f"{pointer}/call_id", tracked.call_id)
                tracked.call_id = NO_NAME
            else:
                self._calls[call] = tracked
        if isinstance(item, Message | Reasoning):
            for part in item.content or ():
                tracked.open_part("content", type_of(part), text_of(part))
        if isinstance(item, Reasoning):
            for begun in item.summary:
                tracked.open_part("summary", "summary_text", begun.text)
        tracked.own.hear(own_text(item))

    def detail(self, event: schema.OfItem) -> None:
        """Judge an event inside an item."""
        owner, part_type = event.owner, event.part_type
        if isinstance(event, schema.PartAdded | schema.PartDone):
            part_type = type_of(event.part)
            owner = "reasoning" if isinstance(event.part, ReasoningText) else "message"
        item = self._find(event.output_index, event.item_id, owner, "/item_id")
        if item is None:
            self._absent(event.kind, event.output_index)
            item = self._begin(_Unseen(event.item_id, owner), event.output_index, "/output_index")
        elif not self._step(item, event.kind, "/item_id"):
            return
        if item.type == NO_NAME:
            item.type = owner
        if item.type != owner:
            self._say("responses.item.type-mismatch", "/output_index", f"it is a {item.type}")
        else:
            heard = self._place(item, event, part_type) if isinstance(event, schema.OfPart) else item.own
            if heard is not None:
                self._hear(heard, event)

    def done(self, item: Item, index: int) -> None:
        """Judge the end of an item."""
        kind = type_of(item)
        known = self._find(index, item.id, kind, "/item/id")
        if known is None:
            self._absent("done", index)
            self.add(item, index, "/item")
            self._items[-1].state = "done"
            self.live.pop(len(self._items) - 1, None)
        elif self._step(known, "done", "/item/id"):
            self._compare(known, item, "/item")  # its id was judged when it was found
            if kind == known.type:
                self._ending(known, item)

    def complete(self, output: Sequence[Item], *, known_bad: bool) -> None:
        """Judge the completed response's output against what was streamed; ``known_bad`` if it is no list at all."""
        seen: set[Tracked] = set()
        for index, item in enumerate(output):
            pointer = f"/response/output/{index}"
            known = self._match(item, index)
            if known is None:
                self._absent("completed", index, pointer)
            elif known in seen:
                self._say("responses.item.id-repeated", f"{pointer}/id", item.id)
            else:
                seen.add(known)
                self._compare_id(known, item, pointer)
                self._compare(known, item, pointer)
        finished = [item for item in self._items if self._step(item, "completed", f"/response/output/{item.index}")]
        if not known_bad and not seen.issuperset(finished):
            self._say("responses.response.output-short", "/response/output")

    def interim(self, output: Sequence[Item]) -> None:
        """Judge the items that a response on the way repeats."""
        for index, item in enumerate(output):
            known = self._match(item, index)
            if known is not None:
                self._compare_id(known, item, f"/response/output/{index}")
                self._compare(known, item, f"/response/output/{index}")

    # --- which item

    def _begin(self, item: Item | _Unseen, index: int, pointer: str, *, named: bool = True) -> Tracked:
        """Track a new item, at the next free index."""
        place = len(self._items)
        if index not in {NO_INDEX, place}:
            fault = "index-repeated" if index < place else "index-wrong"
            self._say(f"responses.item.{fault}", pointer, f"{index} for {place}")
        ident = item.id if named and item.id != NO_NAME else None
        tracked = Tracked(place, type_of(item) if isinstance(item, Item) else item.type, ident, _call_id(item))
        self._items.append(tracked)
        self._sent_at[place if index == NO_INDEX else index] = tracked
        self.live[place] = tracked
        if ident is not None:
            self._named[ident] = tracked
        return tracked

    def _find(self, index: int, ident: str, kind: str, pointer: str) -> Tracked | None:
        """Find the item that an event means, and report where it names it wrongly."""
        named, there = self._named.get(ident), self._sent_at.get(index)
        if index == NO_INDEX:
            there = next((item for item in reversed(self._items) if item.state == "open" and item.type == kind), None)
        alike = there is not None and (there.type == kind or NO_NAME in {there.type, kind})
        nameless = there is not None and there.id is None and there.state == "open" and alike
        if named is None or nameless:
            if there is None or (ident != NO_NAME and (there.state == "done" or not alike)):
                return None
            if ident != NO_NAME:
                self._say("responses.item.id-changed", pointer, ident)
            named = there
        if index not in {NO_INDEX, named.index}:
            self._say("responses.item.index-wrong", "/output_index", f"{index} for {named.index}")
        return named

    def _match(self, item: Item, index: int) -> Tracked | None:
        """Find the item that a response object repeats: by its id, by its call, else by its place."""
        kind = type_of(item)
        found = self._named.get(item.id) or self._calls.get((kind, str(_call_id(item))))
        if found is None and index < len(self._items):
            found = self._items[index]
        return found if found is not None and found.type == kind else None

    def _compare_id(self, known: Tracked, item: Item, pointer: str) -> None:
        if item.id not in {NO_NAME, known.id}:
            self._say("responses.item.id-changed", f"{pointer}/id", item.id)

    def _compare(self, known: Tracked, item: Item, pointer: str) -> None:
        """Judge whether a described item is still the one that began."""
        if type_of(item) not in {known.type, NO_NAME} and known.type != NO_NAME:
            self._say("responses.item.type-changed", f"{pointer}/type", type_of(item))
        call_id = _call_id(item)
        if known.call_id is _UNSEEN:
            known.call_id = call_id
        elif call_id not in (NO_NAME, known.call_id):
            self._say("responses.item.call-id-changed", f"{pointer}/call_id", call_id)

    # --- steps of the table

    def _cell(self, machine: str, state: str, kind: str, pointer: str, detail: str | None) -> tuple[str, bool]:
        """Look into the table and report a fault; give the next state, and whether the step was in order."""
        cell = TABLE[machine][state][kind]
        if isinstance(cell, Fault):
            self._say(cell.code, pointer, detail)
            return cell.then, False
        return cell, True

    def _absent(self, kind: str, index: int, pointer: str = "/output_index") -> None:
        self._cell("item", "absent", kind, pointer, None if index == NO_INDEX else f"item {index}")

    def _step(self, item: Tracked, kind: str, pointer: str) -> bool:
        """Take a step of an item; tell whether it was in order."""
        item.state, in_order = self._cell("item", item.state, kind, pointer, f"item {item.index}")
        if item.state == "done":
            self.live.pop(item.index, None)
        return in_order

    def _place(self, item: Tracked, event: schema.OfPart, part_type: str) -> Heard | None:
        """Judge the part that an event is in; give what was streamed into it, None if it says nothing of that."""
        family = event.family
        key = (family, event.place)
        pointer = "/content_index" if family == "content" else "/summary_index"
        true = item.moved.get(key, event.place)
        if event.place == NO_INDEX:
            alike = (at for (known, at), part in item.parts.items() if (known, part.type) == (family, part_type))
            true = next(alike, true)
        here = item.parts.get((family, true))
        if event.place == NO_INDEX and event.kind == "part":
            here = None
        detail = None if event.place == NO_INDEX else f"part {event.place}"
        self._cell("part", "absent" if here is None else "open", event.kind, pointer, detail)
        again = here is not None and event.kind == "part"
        if here is None:
            true = item.open_part(family, part_type)
            here = item.parts[family, true]
            if event.place not in {NO_INDEX, true}:
                item.moved[key] = true
                self.live.pop(item.index, None)  # from now on its indexes are looked at
        elif NO_NAME in {here.type, part_type}:
            here.type = here.type if part_type == NO_NAME else part_type
        elif here.type != part_type:
            self._say("responses.part.type-mismatch", pointer, f"it is a {here.type}")
            return None
        if event.place not in {NO_INDEX, true}:
            self._say("responses.part.index-wrong", pointer, f"{event.place} for {true}")
        return None if again else here

    # --- what was streamed

    def _hear(self, heard: Heard, event: schema.OfItem) -> None:
        """Take in what an event says, or hold it against what was streamed."""
        if isinstance(event, schema.PartAdded | schema.SummaryAdded):
            heard.hear(text_of(event.part))
        elif isinstance(event, schema.PartDone | schema.SummaryDone):
            self._told(heard, text_of(event.part), f"/part/{text_field(event.part)}")
        elif event.tells == "whole":
            self._told(heard, "" if event.said == NO_NAME else event.said, f"/{event.text}")
        elif event.said == NO_NAME:
            heard.forget()
        else:
            heard.hear(event.said)

    def _told(self, heard: Heard, text: str, pointer: str) -> None:
        rest = heard.rest(text)
        if rest:
            self._say("responses.part.delta-missing", pointer, f"{len(rest)} of {len(text)} characters")
            heard.hear(rest)

    def _ending(self, known: Tracked, item: Item) -> None:
        """Hold the end of an item against what was streamed into it."""
        for family in ("content", "summary"):
            for at, part in enumerate(getattr(item, family, None) or ()):
                heard = known.parts.get((family, at)) or Heard(type_of(part))
                if heard.type in {type_of(part), "summary_text"}:
                    self._told(heard, text_of(part), f"/item/{family}/{at}/{text_field(part)}")
        self._told(known.own, own_text(item), f"/item/{'input' if known.type == 'custom_tool_call' else 'arguments'}")


@dataclass(frozen=True, slots=True)
class _Unseen:
    """What is known of an item of which only an inner event was seen."""

    id: str
    type: str
    call_id: Any = _UNSEEN


def _call_id(item: Item | _Unseen) -> Any:  # noqa: ANN401 - of a stranger it may be anything
    call_id = getattr(item, "call_id", None)
    return None if call_id == NO_NAME and isinstance(item, StrangerItem) else call_id  # a stranger's may be missing
