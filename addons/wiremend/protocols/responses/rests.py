"""What the end of a part, or of an item, says beyond what was streamed into it: put in before that end.

A client that reads pieces only would lose it (see ``heard``). Should the provider stream it after all, behind the end
that brought it, those pieces are dropped: the text would be there twice. To know them again, what was put in is kept
until its item is done, in the stream's budget (see ``model``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wiremend.protocols.responses import schema
from wiremend.protocols.responses.beginnings import Beginnings
from wiremend.protocols.responses.model import CALLS, text_field
from wiremend.protocols.responses.unroll import TEXTS, delta_of, part_events

if TYPE_CHECKING:
    from wiremend.protocols.mending import Origin
    from wiremend.protocols.responses.model import Entry, Model, Place
    from wiremend.protocols.responses.patch import Note
    from wiremend.protocols.responses.sink import Sink

_CODE: Final = "part.delta-missing"
_OWN: Final = ("", 0)


class Rests(Beginnings):
    """Sees that all that an end says was streamed before it."""

    def __init__(self, model: Model, sink: Sink, origin: Origin, note: Note) -> None:
        """Go on with the stream that the model has heard."""
        super().__init__(model, sink, origin, note)
        self._put: dict[tuple[int, Place], str] = {}  # what was put in and has not come since

    def rest_of_detail(self, entry: Entry, document: dict[str, Any]) -> bool:
        """Put in what stands only in this event, the end of a part; tell whether the event is to be given itself."""
        shape = schema.EVENTS[document["type"]]
        if not issubclass(shape, schema.OfItem):
            return True
        family = shape.family
        place = (family, document[f"{family}_index"]) if family else _OWN
        if shape.tells == "delta":
            return not self._is_repeat(entry, place, document["delta"])
        if shape.tells == "whole":
            name = document["type"].removesuffix(".done") + ".delta"
            self._rest(entry, place, name, document[shape.text], f"/{shape.text}")
        elif issubclass(shape, schema.PartDone | schema.SummaryDone):
            part = document["part"]
            kind = "summary_text" if family == "summary" else str(part["type"])
            self._rest(entry, place, delta_of(kind), _text(part, kind), f"/part/{text_field(kind)}")
        return True

    def rest_of_item(self, entry: Entry, item: dict[str, Any], pointer: str) -> None:
        """Put in what stands only in the end of an item, described at ``pointer``."""
        field = CALLS.get(entry.type)
        if field is not None:
            self._rest(entry, _OWN, delta_of(entry.type), item.get(field), f"{pointer}/{field}")
        if entry.type in {"message", "reasoning"}:
            for family in ("summary", "content") if entry.type == "reasoning" else ("content",):
                parts = item.get(family)
                self._rest_of_parts(entry, family, parts if isinstance(parts, list) else [], pointer)
        for key in [key for key in self._put if key[0] == entry.index]:
            del self._put[key]

    def _rest_of_parts(self, entry: Entry, family: str, parts: list[dict[str, Any]], pointer: str) -> None:
        kinds = ["summary_text" if family == "summary" else str(part["type"]) for part in parts]
        texts = [_text(part, kind) for part, kind in zip(parts, kinds, strict=True)]
        end = max((at for at, text in enumerate(texts, 1) if text), default=0)
        for at, (part, kind, text) in enumerate(zip(parts[:end], kinds, texts, strict=False)):
            place, where = (family, at), f"{pointer}/{family}/{at}"
            heard = self.sink.heard(entry.index, place)
            if heard is None:
                names = {"item_id": entry.id, "output_index": entry.index, f"{family}_index": at}
                self.note(_CODE, where, f"{family} part {at} put in", "mended")
                for event in part_events(part, family, names):
                    self.sink.put(event)
            elif heard.type == kind:
                self._rest(entry, place, delta_of(kind), text, f"{where}/{text_field(kind)}")

    def _rest(self, entry: Entry, place: Place, name: str, told: object, pointer: str) -> None:
        heard = self.sink.heard(entry.index, place)
        rest = heard.rest(told) if heard is not None and isinstance(told, str) else ""
        if not rest:
            return
        family, at = place
        names = {"item_id": entry.id, "output_index": entry.index, **({f"{family}_index": at} if family else {})}
        more: dict[str, Any] = {"logprobs": []} if name == "response.output_text.delta" else {}
        self.note(_CODE, pointer, f"the last {len(rest)} characters streamed", "mended")
        self.sink.put({"type": name, **names, "delta": rest, **more})
        self.model.spend(len(rest))
        if not self.model.full:
            self._put[entry.index, place] = rest

    def _is_repeat(self, entry: Entry, place: Place, piece: str) -> bool:
        """Tell whether a piece is what was put in before it."""
        rest = self._put.get((entry.index, place))
        if rest is None or not piece or not rest.startswith(piece):
            return False
        self._put[entry.index, place] = rest[len(piece) :]
        self.note(_CODE, "/delta", "dropped: it was put in before", "mended")
        return True


def _text(part: dict[str, Any], kind: str) -> str:
    """Give the text of a part; "" for one of a type that we do not know, whose pieces have no name."""
    text = part.get(text_field(kind)) if kind in TEXTS else ""
    return text if isinstance(text, str) else ""
