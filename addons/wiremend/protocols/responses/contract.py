"""The strict contract of the responses wire: which event may follow which, and what each must hold.

Three small machines, nested. :data:`TABLE` (its own file) is all of them; a cell is the next state, or the
:class:`Fault` that the event is and the state in which a mended stream would be.

====== ============================================================================================================
stream ``start`` until the first event, which must be ``response.created``; then ``open``; ``ended`` after the one
       terminal event (completed, incomplete, failed), behind which only ``[DONE]`` may stand. ``foreign`` once it is
       clear that this is no stream of this wire: one violation has said so, and no more is said.
item   ``absent``, ``open`` from output_item.added, ``done`` from output_item.done. Items may overlap.
part   ``absent`` until content_part.added (reasoning_summary_part.added), then ``open``. It has no other state, for no
       client minds what comes after content_part.done, or its lack, as long as the item is open.
====== ============================================================================================================

What does not fit the table, and is code: that an item is the same from its beginning to its place in the completed
response (id, call_id, type, and an ``output_index`` that counts the items as they begin; see ``output``), and that the
response is (id, and a ``status`` that says what its event says). Nor does the table know what was streamed: where the
end of a part or of an item says more than its pieces did, that is a violation too (see ``heard``). What an event must
hold is the schema's.

After a violation the state is what a mended stream's would be, so one cause is told once, where that is possible. It is
not where each event repeats the fault: items numbered from 1, or ids that change with each event, are a violation of
each event, because each has to be changed. An item that began without an id has one that only a mender knows, so
whatever id it has later is another one.

The usual event, a delta of a part that is open, costs one decoding and one look into ``_live``, which holds just the
items for which the table would say "open, open, open". All else takes the long way.

What is tolerated (G6): events, items and parts of unknown types. openai-node's accumulator throws on an unknown event,
but a vendor's own client may need it; only bare keep-alives are violations. ``sequence_number`` is needed in
``response.failed`` and nowhere else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, assert_never, cast

from wiremend.protocols.responses import schema
from wiremend.protocols.responses.codes import CODES
from wiremend.protocols.responses.explain import explain
from wiremend.protocols.responses.heard import FEW
from wiremend.protocols.responses.items import NO_NAME
from wiremend.protocols.responses.output import Output
from wiremend.protocols.responses.reading import (
    BROKEN,
    KEEP_ALIVE,
    UNREADABLE,
    ending,
    error_at,
    in_utf8,
    is_chat,
    is_error,
    is_utf8,
    lenient_json,
    loose_json,
)
from wiremend.protocols.responses.table import TABLE, Fault
from wiremend.protocols.violation import Violation

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from wiremend.protocols.responses.heard import Heard
    from wiremend.protocols.responses.output import Tracked
    from wiremend.sse import Event

__all__ = ["CODES", "TABLE", "Contract", "Fault", "check_body"]

_MARK: Final = b"\xef\xbb\xbf"
_SHORT: Final = 40
USUAL: Final[Sequence[Violation]] = ()
"""What :meth:`Contract.feed` finds in a delta of an open part: this very object."""
_decode: Final = schema.decode
_USUAL: Final = schema.USUAL
_OTHERWISE: Final = ("failed", "incomplete", "cancelled")


class Contract:
    """Judges one stream; see :class:`wiremend.protocols.violation.StreamContract`."""

    __slots__ = ("_found", "_id", "_live", "_output", "_state", "ids", "number", "sound")

    def __init__(self) -> None:
        """Begin before the first event."""
        self._state = "start"
        self.number = 0
        """The events with data so far."""
        self.sound: schema.AnyEvent | None = None
        """The last event, as it was read, if it was one of :data:`schema.EVENTS`; tells nothing after a violation."""
        self._found: list[Violation] = []
        self.ids = False
        """Whether an ``id:`` stands, with which openai-python takes a comment for an event without data."""
        self._id: str | None = None  # the response's; NO_NAME if only a mender knows it
        self._output = Output(self._say)
        self._live = self._output.live

    @property
    def ended(self) -> bool:
        """Tell whether the terminal event was seen."""
        return self._state == "ended"

    @property
    def settled(self) -> bool:
        """Tell whether items began and every one is done, which is when an end may be invented (G2)."""
        return len(self._output) > 0 and self._output.settled

    @classmethod
    def resume(cls, ident: str | None, items: Iterable[Tracked], *, ids: bool, ended: bool = False) -> Contract:
        """Give the contract of a sound stream that is under way: of response ``ident`` (None: none began)."""
        contract = cls()
        if ident is not None:
            contract._state = "ended" if ended else "open"
            contract._id = ident
        contract.ids = ids
        if not ended:
            contract._output.resume(items)
        return contract

    def heard(self, index: int, place: tuple[str, int]) -> Heard | None:
        """Give what was streamed to a place of the item at an index; None if that part has not begun."""
        return self._output.heard(index, place)

    def feed(self, event: Event) -> Sequence[Violation]:
        """Judge the next event. Never raises."""
        sound = None
        if event.data is not None:
            self.number += 1
            try:
                sound = _decode(event.data)
                if not event.raw.isascii():
                    event.raw.decode()  # the bytes that the decoder skips too
            except UNREADABLE:
                sound = None
            else:
                if type(sound) in _USUAL and event.complete and event.id is None and not event.lead:
                    item = self._live.get(sound.output_index)
                    if item is not None and item.id == sound.item_id:
                        family = sound.family
                        heard = item.parts.get((family, sound.place)) if family else item.own
                        if heard is not None and (
                            heard.type == sound.part_type if family else item.type == sound.owner
                        ):
                            self.sound = sound
                            # Heard.hear, in place: these come by the thousand
                            heard.waiting = waiting = heard.waiting + sound.said
                            if len(waiting) > FEW:
                                heard.count()
                            return USUAL
        self._found = []
        self.sound = None
        self._judge(event, sound)
        return self._found

    def close(self) -> Sequence[Violation]:
        """Judge the end of the stream. A second call finds nothing."""
        self._found = []
        self.number += 1
        self._stream("end")
        return self._found

    def _say(self, code: str, pointer: str = "", detail: object = None) -> None:
        self._found.append(_violation(code, self.number, pointer, detail))

    def _stream(self, kind: str) -> bool:
        """Take a step of the stream; tell whether the event stays in it."""
        began, cell = self._state, TABLE["stream"][self._state][kind]
        if isinstance(cell, Fault):
            self._say(cell.code)
        self._state = cell.then if isinstance(cell, Fault) else cell
        if self._state != "open":
            self._live.clear()
        return began in {"start", "open"}

    # --- from a block of the stream to an event

    def _judge(self, event: Event, sound: schema.AnyEvent | None) -> None:
        """Judge a block the long way; ``sound`` is its event, if it decoded strictly."""
        if not is_utf8(event):
            number = self.number + (event.data is None)
            self._found.append(_violation("responses.event.not-utf8", number, "", None))
            event = in_utf8(event)
            sound = _strictly(event.data)
        if event.raw.startswith(_MARK) and event.lead == len(_MARK):
            self._say("responses.event.bom")
        if event.id is not None:
            self.ids = event.id != ""
        if event.data is None:
            self.number += 1  # it has no data to be counted by: it stands before the next event
            self._judge_block(event)
            self.number -= 1
            return
        if not event.complete:
            self._say("responses.event.merged" if event.apart else "responses.event.unterminated")
        if sound is not None:
            self._judge_event(sound, ())
        elif event.data == b"[DONE]":
            self._stream("sentinel")
        elif not event.data.strip():
            self._say("responses.event.no-data")
        else:
            self._judge_data(event.data, event.event)

    def _judge_block(self, event: Event) -> None:
        """Judge a block with no data: a comment is in order, and nothing else."""
        raw = event.raw[event.lead :]
        bare = [line for line in raw.splitlines() if line.lstrip()[:1] in {b"{", b"[", b"<"}]
        if bare:
            self._judge_bare(raw, bare)
        elif event.complete and (event.event or event.retry is not None or self.ids):
            self._say("responses.event.no-data", "", None if event.event else "openai-python keeps the last `id:`")

    def _judge_bare(self, raw: bytes, lines: list[bytes]) -> None:
        """Judge JSON without ``data:``, which is a whole body, or lines of events."""
        whole = loose_json(raw.strip())
        documents = [whole] if isinstance(whole, dict) else [loose_json(line) for line in lines]
        if any(isinstance(document, dict) and is_error(document) for document in documents):
            if self._stream("error"):
                self._say("responses.error.object")
            return
        if self._state != "foreign":
            self._say("responses.event.unframed")
        if all(isinstance(document, dict) and isinstance(document.get("type"), str) for document in documents):
            for document in documents:
                self._judge_document(document, None)
        elif self._state in {"start", "open"}:
            self._state = "foreign"
            self._live.clear()

    def _judge_data(self, data: bytes, name: str | None) -> None:
        """Judge data that did not decode strictly."""
        document = loose_json(data)
        if isinstance(document, dict):
            self._judge_document(document, name)
        elif document is not BROKEN:
            self._say("responses.event.not-object")
        else:
            lines = [loose_json(line) for line in data.splitlines()]
            if len(lines) > 1 and all(isinstance(line, dict) for line in lines):
                self._say("responses.event.merged")
                for line in lines:
                    self._judge_document(line, None)
                return
            self._say("responses.event.not-json")
            document = lenient_json(data)
            if isinstance(document, dict):
                self._judge_document(document, name)

    def _judge_document(self, document: dict[str, Any], name: str | None) -> None:
        """Judge the loose JSON of an event whose `event:` line says ``name``."""
        kind = document.get("type")
        if kind == "error" or is_error(document):
            code = "responses.error.event" if kind == "error" else "responses.error.object"
            if self._stream("error"):
                self._say(code, "/type" if kind == "error" else error_at(document))
        elif kind in KEEP_ALIVE if isinstance(kind, str) else False:
            self._say("responses.event.keep-alive", "/type", kind)
        elif isinstance(kind, str) and kind:
            if kind == "response.done":
                self._say("responses.event.type-alias", "/type")
                kind = ending(document)
            self._judge_typed(document, kind)
        elif self._state == "foreign":
            return
        elif is_chat(document):
            self._say("responses.stream.chat-chunks")
            self._state = "foreign"
            self._live.clear()
        else:
            self._say("responses.event.type-missing", "/type")
            if name in schema.EVENTS:
                self._judge_typed(document, name)

    def _judge_typed(self, document: dict[str, Any], kind: str) -> None:
        wanted = schema.EVENTS.get(kind)
        if wanted is None:
            self._stream("other")
            return
        try:
            event, faults = explain(document | {"type": kind}, wanted)
        except UNREADABLE:
            self._say("responses.event.field-invalid")
        else:
            self._judge_event(event, faults)

    # --- events

    def _judge_event(self, event: schema.AnyEvent, faults: Collection[tuple[str, str]]) -> None:
        """Judge an event whose own ``faults`` are known."""
        self.sound = event
        if self._state == "start" and not isinstance(event, schema.Lifecycle):
            self._id = NO_NAME
        if not self._stream(event.kind):
            return
        for code, pointer in faults:
            self._say(code, pointer)
        match event:
            case schema.Lifecycle():
                self._judge_response(event, {pointer for _, pointer in faults})
            case schema.ItemAdded():
                self._output.add(event.item, event.output_index, "/item")
            case schema.ItemDone():
                self._output.done(event.item, event.output_index)
            case schema.OfItem():
                self._output.detail(event)
            case _:
                assert_never(event)

    def _judge_response(self, event: schema.Lifecycle, bad: set[str]) -> None:
        response = event.response
        if self._id is None:
            self._id = response.id
        elif response.id not in {NO_NAME, self._id}:
            self._say("responses.response.id-changed", "/response/id", response.id)
        if isinstance(event, schema.Completed) and response.status in _OTHERWISE:
            self._say("responses.response.status-wrong", "/response/status", response.status)
            self._output.interim(response.output)
        elif isinstance(event, schema.Completed):
            self._output.complete(response.output, known_bad=bool(bad & {"/response", "/response/output"}))
        elif isinstance(event, schema.Created) and not len(self._output):
            for index, item in enumerate(response.output):
                self._output.add(item, index, f"/response/output/{index}", f"/response/output/{index}")
        elif event.kind != "stopped":
            self._output.interim(response.output or ())


def check_body(body: bytes) -> list[Violation]:
    """Judge a whole reply with a status of success: the response object. Never raises."""
    document = loose_json(body)
    if not isinstance(document, dict):
        stream = body.removeprefix(_MARK).lstrip().startswith((b"data:", b"event:", b": "))
        return [_violation(f"responses.body.{'is-stream' if stream else 'not-json'}", 0, "", None)]
    if document.get("object") != "response" and is_error(document):
        return [_violation("responses.body.error", 0, error_at(document), None)]
    if is_chat(document):
        return [_violation("responses.body.is-chat", 0, "", None)]
    if document.get("status") == "failed":
        return [_violation("responses.body.failed", 0, "/status", None)]
    try:
        response, faults = explain(document, schema.Body)
    except UNREADABLE:
        return [_violation("responses.event.field-invalid", 0, "", None)]
    found = [_violation(code, 0, pointer, None) for code, pointer in faults]
    seen: set[str] = set()
    for index, item in enumerate(response.output):
        if item.id in seen:
            found.append(_violation("responses.item.id-repeated", 0, f"/output/{index}/id", item.id))
        elif item.id != NO_NAME:
            seen.add(item.id)
    return found


def _violation(code: str, number: int, pointer: str, detail: object) -> Violation:
    """Write a violation; the detail is somebody's value, so it is cut short."""
    message = CODES[code]
    if detail is not None:
        words = str(detail)
        message = f"{message[:-1]} ({words if len(words) <= _SHORT else words[:_SHORT] + '…'})."
    return Violation(code, number, pointer, message)


def _strictly(data: bytes | None) -> schema.AnyEvent | None:
    """Read data strictly; None if it cannot be."""
    try:
        return None if data is None else cast("schema.AnyEvent", _decode(data))
    except UNREADABLE:
        return None
