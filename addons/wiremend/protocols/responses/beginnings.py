"""How an item of a mended stream begins, and what it is called from then on.

Where its own id or ``call_id`` is missing, or another item's, one is minted (the same for the same exchange).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wiremend.protocols.responses.model import CALLS, LostError
from wiremend.protocols.responses.patch import Patch, encode, unheard
from wiremend.protocols.responses.shape import PREFIXES, UnnamedError, Wanted, kind_of, mend_item, named
from wiremend.protocols.responses.tracks import Track, Tracks, index_of
from wiremend.protocols.responses.unroll import unroll

if TYPE_CHECKING:
    from wiremend.protocols.mending import Origin
    from wiremend.protocols.responses.model import Entry, Model
    from wiremend.protocols.responses.patch import Note
    from wiremend.protocols.responses.sink import Sink
    from wiremend.sse import Event

_ADDED: Final = "response.output_item.added"


class Beginnings:
    """Begins items, and says what each must be from then on."""

    def __init__(self, model: Model, sink: Sink, origin: Origin, note: Note) -> None:
        """Go on with the stream that the model has heard."""
        self.model = model
        self.sink = sink
        self.origin = origin
        self.note = note
        self.tracks = Tracks(model.entries)
        self._minted = 0

    def added(self, patch: Patch, event: Event | None) -> None:
        """Mend response.output_item.added. Raises UnnamedError, LostError."""
        document = patch.document
        item = document.get("item")
        kind = kind_of(item)
        if kind is None:
            code = "type-missing" if isinstance(item, dict) else "missing"
            self.note(f"item.{code}", "/item", "left out until an event tells what it is", "mended")
            return
        ident, call_id = named(item.get("id")), named(item.get("call_id"))
        index = index_of(document.get("output_index"))
        known = self.tracks.known(ident)
        if (
            known is not None
            and known.type == kind
            and index in {None, known.sent_index}
            and (call_id is None or known.sent_call in {None, call_id})
        ):
            if known.entry is None and named(item.get("name")) is not None:
                self._release(known, str(item["name"]), item)
            self.note("item.added-again", "", "dropped", "mended")
            return
        track = Track(kind, ident, call_id, index, begun={"name": item.get("name")})
        if kind in CALLS and named(item.get("name")) is None:
            track.begun = item
            self.model.spend(len(encode(item)))
            self.tracks.add(track)
            self.note("item.name-missing", "/item/name", "held until its name comes", "mended")
            return
        self._mend_added(patch, track)
        self._begin(track, patch, event)

    def _mend_added(self, patch: Patch, track: Track) -> None:
        item = patch.document["item"]
        wanted = self.wanted_new(item, track.type)
        mend_item(patch, ("item",), "added", wanted)
        place = len(self.model.entries)
        sent = patch.document.get("output_index")
        if index_of(sent) != place:
            code = "missing" if index_of(sent) is None else "repeated" if sent < place else "wrong"
            patch.set(("output_index",), place, f"item.index-{code}")

    def wanted_new(self, item: dict[str, Any], kind: str) -> Wanted:
        """Choose the names of an item that begins: its own where they are free."""
        ident, call_id = named(item.get("id")), item.get("call_id")
        taken = ident is not None and not self.tracks.is_free("", ident)
        new_id = ident if ident is not None and not taken else self._mint("", PREFIXES.get(kind, "item"))
        call_code = "item.call-id-changed"
        if kind in CALLS or isinstance(call_id, str):
            call_id = named(call_id)
            if call_id is not None and not self.tracks.is_free(kind, call_id):
                call_id, call_code = self._mint(kind, "call"), "item.call-id-repeated"
            elif call_id is None:
                call_id = self._mint(kind, "call") if kind in CALLS else item.get("call_id")
        else:
            call_id = None
        return Wanted(
            kind,
            new_id,
            call_id,
            named(item.get("name")),
            id_code="item.id-repeated" if taken else "item.id-missing",
            call_code=call_code,
            new=True,
        )

    def _mint(self, scope: str, prefix: str) -> str:
        """Make a name that no item of this stream has."""
        while True:
            self._minted += 1
            name = self.origin.mint(prefix, self._minted)
            if self.tracks.is_free(scope, name):
                return name

    def _begin(self, track: Track, patch: Patch, event: Event | None) -> None:
        """Give the beginning of an item and take it in."""
        self.sink.pass_on(patch, event)
        track.entry = self.model.entries[-1]
        if track in self.tracks.all:
            self.tracks.take(track.entry)
        else:
            self.tracks.add(track)

    def put_added(self, track: Track, item: dict[str, Any]) -> None:
        """Put in the beginning of an item."""
        document = {"type": _ADDED, "output_index": len(self.model.entries), "item": item}
        patch = Patch(document, unheard)
        mend_item(patch, ("item",), "added", self.wanted_new(item, track.type))
        self.sink.put(document)
        track.entry = self.model.entries[-1]
        if track in self.tracks.all:
            self.tracks.take(track.entry)
        else:
            self.tracks.add(track)

    def _release(self, track: Track, name: str, more: dict[str, Any]) -> None:
        """Give the beginning of a call whose name is known now, and what was streamed into it."""
        field = CALLS[track.type]
        known = {key: value for key, value in track.begun.items() if value is not None}
        if track.sent_call is None:
            track.sent_call = named(more.get("call_id"))
            known["call_id"] = track.sent_call
        item = {"type": track.type, "status": "in_progress"} | known | {"name": name, field: ""}
        held, track.held = track.held, ""
        track.begun = {"name": name}
        self.put_added(track, item)
        self.note("item.name-missing", "/item/name", "its beginning put in, with its name", "mended")
        if held and track.entry is not None:
            self.sink.put(unroll(self._whole(track.entry, name, held), track.entry.index)[1])

    def _whole(self, entry: Entry, name: str, text: str) -> dict[str, Any]:
        names = {"type": entry.type, "id": entry.id, "call_id": entry.call_id, "name": name}
        return {**names, CALLS[entry.type]: text, "status": "completed"}

    def release(self, track: Track, item: dict[str, Any]) -> None:
        """Begin a call that waited for its name, which the item has. Raises UnnamedError."""
        name = named(item.get("name"))
        if name is None:
            raise UnnamedError
        self._release(track, name, item)

    def wanted(self, track: Track, entry: Entry) -> Wanted:
        """Say what an item must be when it is spoken of again."""
        return Wanted(
            entry.type,
            entry.id,
            entry.call_id,
            self._name_of(entry),
            lambda family, at: self._text_of(entry, family, at),
            lambda family: self._parts_of(entry, family),
            call_code="item.call-id-repeated"
            if track.sent_call not in (None, entry.call_id)
            else "item.call-id-changed",
        )

    def _name_of(self, entry: Entry) -> str | None:
        try:
            return named(self.model.began(entry).get("name")) if entry.type in CALLS else None
        except LostError:
            return None

    def _text_of(self, entry: Entry, family: str, index: int) -> str:
        """Give what was said at a place of an item."""
        if not entry.done:
            return self.model.text(entry, (family, index))
        item = self.model.item(entry)
        value = item.get(CALLS.get(entry.type, "")) if not family else None
        parts = item.get(family) if family else None
        if isinstance(parts, list) and index < len(parts):
            value = parts[index].get("text", parts[index].get("refusal"))
        return value if isinstance(value, str) else ""

    def _parts_of(self, entry: Entry, family: str) -> list[Any]:
        """Give the parts of an item as they were said."""
        parts = self.model.item(entry).get(family)
        return parts if isinstance(parts, list) else []

    def begin_whole(self, patch: Patch, at: tuple[str | int, ...], kind: str, sent_index: int | None) -> None:
        """Mend an item that has not begun, and put its beginning in. Raises UnnamedError."""
        item = patch.at(at)
        track = Track(
            kind, named(item.get("id")), named(item.get("call_id")), sent_index, begun={"name": item.get("name")}
        )
        mend_item(patch, at, "done", self.wanted_new(item, kind))
        self.put_added(track, unroll(item, 0)[0]["item"])
