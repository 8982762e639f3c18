"""Which item of the mended stream an event of the provider's means.

The provider may call an item by other names than the mended stream does: by an id that is missing, taken or different
in each event, or by an ``output_index`` that is. The id is believed before the index; an unknown id at the index of an
open item of its type is that item's, whose ids rotate (quirk resp-item-id-rotates). So says the contract as well; two
things are decided otherwise here, because a call must neither be lost nor run twice: the ``call_id`` is believed before
both, and an item of a final response that fits none by name is the next one of its type that is not spoken for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wiremend.protocols.responses.items import NO_INDEX
from wiremend.protocols.responses.model import CALLS
from wiremend.protocols.responses.shape import kind_of, named

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from wiremend.protocols.responses.model import Entry


@dataclass(slots=True, eq=False)
class Track:
    """An item as the provider calls it.

    ``entry`` is None while a call waits for its name; ``begun`` is then what began it, ``held`` what was streamed into
    it. ``moved`` has the true index of a part by its family, the index that was sent, and its type.
    """

    type: str
    sent_id: str | None
    sent_call: str | None
    sent_index: int | None
    entry: Entry | None = None
    begun: dict[str, Any] = field(default_factory=dict)
    held: str = ""
    moved: dict[tuple[str, int, str], int] = field(default_factory=dict)

    @property
    def done(self) -> bool:
        """Tell whether its end was given."""
        return self.entry is not None and self.entry.done


class Tracks:
    """All items, as the provider calls them."""

    __slots__ = ("_at", "_calls", "_ids", "_used", "all")

    def __init__(self, entries: Iterable[Entry]) -> None:
        """Begin with items whose names are sound."""
        self.all: list[Track] = []
        self._ids: dict[str, Track] = {}
        self._at: dict[int, Track] = {}
        self._calls: dict[tuple[str, str], Track] = {}
        self._used: set[tuple[str, Any]] = set()
        for entry in entries:
            self.add(Track(entry.type, entry.id, named(entry.call_id), entry.index, entry))

    def add(self, track: Track) -> None:
        """Take in a new item under the names that were sent for it."""
        self.all.append(track)
        if track.sent_id is not None:
            if track.sent_id in self._ids:
                track.sent_id = None  # taken: it can only be found by its place
            else:
                self._ids[track.sent_id] = track
        if track.sent_call is not None:
            self._calls.setdefault((track.type, track.sent_call), track)
        if track.sent_index is not None:
            self._at[track.sent_index] = track
        if track.entry is not None:
            self.take(track.entry)

    def take(self, entry: Entry) -> None:
        """Note the names that an item of the mended stream has."""
        self._used.add(("", entry.id))
        if isinstance(entry.call_id, str):
            self._used.add((entry.type, entry.call_id))

    def is_free(self, scope: str, name: str) -> bool:
        """Tell whether no item of the mended stream has the id (scope ""), or the call_id (scope: its type)."""
        return (scope, name) not in self._used

    def known(self, ident: str | None) -> Track | None:
        """Give the item that began with this id."""
        return None if ident is None else self._ids.get(ident)

    def find(self, index: int | None, ident: str | None, kind: str | None, call_id: str | None = None) -> Track | None:
        """Find the item that an event means; None if it is one that has not begun."""
        called = self._calls.get((kind or "", call_id or ""))
        if called is not None and not called.done:
            return called
        there = self._last_open(kind) if index is None else self._at.get(index)
        found = self.known(ident)
        alike = there is not None and (there.type == kind or kind is None)
        nameless = there is not None and there.sent_id is None and not there.done and alike
        if found is None or nameless:
            if there is None or (ident is not None and (there.done or not alike)):
                return None
            found = there
        elif found.done and there is not None and not there.done and alike and index not in {None, found.sent_index}:
            # its id is that of an item that has ended, its index that of one that has not
            found = there if call_id is None or there.sent_call in {None, call_id} else found
        other_call = call_id is not None and found.sent_call is not None and call_id != found.sent_call
        return None if other_call and (found.done or found.type != kind) else found

    def open_of(self, kind: str) -> Track | None:
        """Give the latest open item of a type."""
        return self._last_open(kind)

    def match(self, output: Collection[Any]) -> list[Track | None]:
        """Say for each item of a response object which one it repeats; no two are the same."""
        chosen: dict[int, Track] = {}
        left = dict.fromkeys(self.all)

        def choose(place: int, track: Track | None) -> None:
            if track is not None and track in left and place not in chosen:
                chosen[place] = track
                del left[track]

        for place, item in enumerate(output):
            if isinstance(item, dict):
                choose(place, self.known(named(item.get("id"))))
        for place, item in enumerate(output):
            kind = kind_of(item)
            if kind is not None:
                choose(place, self._calls.get((kind, named(item.get("call_id")) or "")))
        for place, item in enumerate(output):
            kind = kind_of(item)
            if place < len(self.all) and self.all[place].type == kind and self._may_be(self.all[place], item):
                choose(place, self.all[place])
        for place, item in enumerate(output):
            kind = kind_of(item)
            choose(place, next((track for track in left if track.type == kind and self._may_be(track, item)), None))
        return [chosen.get(place) for place in range(len(output))]

    @staticmethod
    def _may_be(track: Track, item: dict[str, Any]) -> bool:
        """Tell whether nothing says that the item is another one: calls of two tools are two."""
        name, begun_as = named(item.get("name")), named(track.begun.get("name"))
        return track.type not in CALLS or name is None or begun_as is None or name == begun_as

    def _last_open(self, kind: str | None) -> Track | None:
        return next((track for track in reversed(self.all) if not track.done and kind in {track.type, None}), None)


def index_of(value: object) -> int | None:
    """Give an index that can be one, or None."""
    return value if type(value) is int and 0 <= value < NO_INDEX else None
