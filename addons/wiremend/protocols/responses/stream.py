"""Makes the typed events of a stream legal: what begins, what ends, and what is inside an item.

An event is changed where it stands, and what must stand before it is put in first. What is held, and no longer than
said (G4):

============================================== ======================================== ================================
what                                           until                                    bound
============================================== ======================================== ================================
a call whose tool is not named, with what is   its name comes (its end, or that of the  the stream's budget; past it,
streamed into it                               response, brings it)                     or if none comes: a failure
an item whose type nothing tells               an event inside it, or its end, tells    nothing is kept of it
============================================== ======================================== ================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wiremend.protocols.responses import schema
from wiremend.protocols.responses.model import CALLS, LostError
from wiremend.protocols.responses.patch import Patch, encode
from wiremend.protocols.responses.rests import Rests
from wiremend.protocols.responses.shape import UnnamedError, kind_of, mend_item, mend_part, named
from wiremend.protocols.responses.tracks import Track, index_of
from wiremend.protocols.responses.unroll import unroll

if TYPE_CHECKING:
    from wiremend.protocols.responses.model import Entry
    from wiremend.sse import Event

_ADDED: Final = "response.output_item.added"
_SAID: Final = {kind: getattr(shape, "text", "") for kind, shape in schema.EVENTS.items()}
_DESCRIBES: Final = (schema.PartAdded, schema.PartDone, schema.SummaryAdded, schema.SummaryDone)


class Items(Rests):
    """Mends the events of items, from output_item.added to output_item.done."""

    # --- inside an item

    def detail(self, patch: Patch, event: Event | None, kind: str) -> None:
        """Mend an event inside an item. Raises LostError."""
        document = patch.document
        ident, index = named(document.get("item_id")), index_of(document.get("output_index"))
        owner, part_type = self._owner(document, kind)
        track = self.tracks.find(index, ident, owner)
        if track is not None and track.type != owner:
            found = track
            track = self.tracks.open_of(owner)
            self.note("item.type-mismatch", "/output_index", f"it is no {found.type}", "mended" if track else "lost")
            if track is None:
                self.model.hurt = True
                return
        if track is None:
            self.note("item.not-added", "/output_index", "output_item.added put in", "invented")
            track = Track(owner, ident, None, index)
            if owner in CALLS:
                self.tracks.add(track)
                self.note("item.name-missing", "", "held until its name comes", "mended")
            else:
                self.put_added(track, {"type": owner, "id": ident, "status": "in_progress"} | _empty(owner))
        if track.entry is None:
            self._hold(track, patch, kind)
            return
        if track.entry.done:
            self.note("item.after-done", "/item_id", "dropped: its end has said all of it", "mended")
            return
        entry = track.entry
        if ident != entry.id:
            patch.set(("item_id",), entry.id, "item.id-missing" if ident is None else "item.id-changed")
        if index != entry.index:
            patch.set(("output_index",), entry.index, "item.index-missing" if index is None else "item.index-wrong")
        if (
            self._place(patch, track, entry, kind, part_type)
            and self._says(patch, entry, kind)
            and self.rest_of_detail(entry, document)
        ):
            self.sink.pass_on(patch, event)

    def _owner(self, document: dict[str, Any], kind: str) -> tuple[str, str]:
        """Tell the types of the item and of the part that an event belongs to."""
        shape = schema.EVENTS[kind]
        if issubclass(shape, schema.OfSummary):
            return "reasoning", "summary_text"
        if not issubclass(shape, schema.PartAdded | schema.PartDone):
            return shape.owner, shape.part_type  # type: ignore[union-attr] # an OfItem, for all others are dealt with
        part = document.get("part")
        said = named(part.get("type")) if isinstance(part, dict) else None
        if said is None:
            track = self.tracks.find(index_of(document.get("output_index")), named(document.get("item_id")), None)
            in_reasoning = track is not None and track.type == "reasoning"
            said = "reasoning_text" if in_reasoning else "output_text"
            if isinstance(part, dict) and "refusal" in part:
                said = "refusal"
        return "reasoning" if said == "reasoning_text" else "message", said

    def _hold(self, track: Track, patch: Patch, kind: str) -> None:
        """Keep what is streamed into a call that cannot begin yet."""
        field, tells = _SAID[kind], schema.EVENTS[kind].tells  # type: ignore[union-attr] # an event inside an item
        said = patch.document.get(field) if field else None
        text = said if isinstance(said, str) else "" if said is None else encode(said).decode()
        self.model.spend(len(text))
        if self.model.full:
            raise LostError
        track.held = track.held + text if tells == "delta" else text or track.held

    def _place(self, patch: Patch, track: Track, entry: Entry, kind: str, part_type: str) -> bool:
        """Mend the index of the part, and the part; tell whether the event is to be given."""
        shape = schema.EVENTS[kind]
        if not issubclass(shape, schema.OfPart):
            return True
        family = shape.family
        name = f"{family}_index"
        sent = index_of(patch.document.get(name))
        true = self._part_of(track, entry, family, sent, part_type)
        if shape.kind == "part":
            if true is not None and sent is not None:
                self.note("part.added-again", f"/{name}", "dropped", "mended")
                return False
            true = sum(1 for known, _ in entry.parts if known == family)
        elif true is None:
            code = "part.not-added" if (family, sent) not in entry.parts else "part.type-mismatch"
            true = self._put_part(entry, family, part_type)
            self.note(code, f"/{name}", f"{family} part {true} put in", "invented")
        if sent is not None and sent != true:
            track.moved[family, sent, part_type] = true
        if sent != true:
            patch.set((name,), true, "part.index-missing" if sent is None else "part.index-wrong")
        if issubclass(shape, _DESCRIBES):
            if not isinstance(patch.document.get("part"), dict):
                more: dict[str, Any] = {"annotations": []} if part_type == "output_text" else {}
                patch.set(("part",), {"type": part_type, **more}, "part.missing")
            text = "" if shape.kind == "part" else None
            place = (family, true)
            mend_part(
                patch, ("part",), family, part_type, lambda: self.model.text(entry, place) if text is None else ""
            )
        return True

    @staticmethod
    def _part_of(track: Track, entry: Entry, family: str, sent: int | None, part_type: str) -> int | None:
        """Find the part that an event means; None if it is one that has not begun."""
        if sent is None:
            places = [at for (known, at), kind in entry.parts.items() if (known, kind) == (family, part_type)]
            return places[-1] if places else None
        moved = track.moved.get((family, sent, part_type))
        if moved is not None:
            return moved
        return sent if entry.parts.get((family, sent)) == part_type else None

    def _put_part(self, entry: Entry, family: str, part_type: str) -> int:
        """Put in the beginning of the next part."""
        index = sum(1 for known, _ in entry.parts if known == family)
        part: dict[str, Any] = {"type": part_type, "refusal" if part_type == "refusal" else "text": ""}
        if part_type == "output_text":
            part["annotations"] = []
        stem = "reasoning_summary_part" if family == "summary" else "content_part"
        where = {"item_id": entry.id, "output_index": entry.index, f"{family}_index": index}
        self.sink.put({"type": f"response.{stem}.added", **where, "part": part})
        return index

    def _says(self, patch: Patch, entry: Entry, kind: str) -> bool:
        """Mend what is streamed; tell whether the event is to be given."""
        field, shape = _SAID[kind], schema.EVENTS[kind]
        said = patch.document.get(field) if field else ""
        if not field or isinstance(said, str) or not issubclass(shape, schema.OfItem):
            return True
        place = (shape.family, patch.document[f"{shape.family}_index"]) if shape.family else ("", 0)
        if isinstance(said, dict) and isinstance(said.get("text"), str) and shape.family:
            text = said["text"]
        elif said is not None and (not shape.family or not isinstance(said, dict | list)):
            text = encode(said).decode()
        elif shape.tells == "whole":
            text = self.model.text(entry, place)
        else:
            self.note("delta.not-text", f"/{field}", "dropped", "mended" if said is None else "lost")
            self.model.hurt = self.model.hurt or said is not None
            return False
        if shape.tells == "whole" and not shape.family:
            text = self.model.text(entry, place) or text
        patch.set((field,), text, "delta.not-text")
        return True

    # --- an item ends

    def done(self, patch: Patch, event: Event | None) -> None:
        """Mend response.output_item.done. Raises UnnamedError, LostError."""
        document = patch.document
        item = document.get("item")
        kind = kind_of(item)
        index = index_of(document.get("output_index"))
        given = item if isinstance(item, dict) else {}
        ident, call_id = named(given.get("id")), named(given.get("call_id"))
        track = self.tracks.find(index, ident, kind, call_id)
        if kind is None and track is None:
            code = "type-missing" if isinstance(item, dict) else "missing"
            self.note(f"item.{code}", "/item", "dropped", "lost")
            self.model.hurt = True
            return
        if track is None:
            self._whole_item(patch, event, str(kind))
            return
        if track.done:
            self.note("item.after-done", "/item/id", "dropped: it has ended before", "mended")
            return
        if track.entry is None:
            self.release(track, given)
        entry = track.entry
        if entry is None:
            raise UnnamedError
        if not isinstance(item, dict) or kind not in {None, entry.type}:
            code = "item.type-changed" if isinstance(item, dict) else "item.missing"
            patch.set(("item",), self.model.item(entry), code, "what was streamed", "lost" if kind else "mended")
        mend_item(patch, ("item",), "done", self.wanted(track, entry))
        self.rest_of_item(entry, document["item"], "/item")
        if index != entry.index:
            patch.set(("output_index",), entry.index, "item.index-missing" if index is None else "item.index-wrong")
        self.sink.pass_on(patch, event)

    def _whole_item(self, patch: Patch, event: Event | None, kind: str) -> None:
        """Give an item that comes whole, with no beginning."""
        self.note("item.not-added", "/output_index", "its events put in", "invented")
        self.begin_whole(patch, ("item",), kind, index_of(patch.document.get("output_index")))
        item, index = patch.document["item"], len(self.model.entries) - 1
        if patch.document.get("output_index") != index:
            code = "item.index-missing" if index_of(patch.document.get("output_index")) is None else "item.index-wrong"
            patch.set(("output_index",), index, code)
        for inner in unroll(item, index)[1:-1]:
            self.sink.put(inner)
        self.sink.pass_on(patch, event)


def _empty(kind: str) -> dict[str, Any]:
    """Give the fields that an item of this type begins with."""
    if kind == "message":
        return {"role": "assistant", "content": []}
    return {"summary": []} if kind == "reasoning" else {}
