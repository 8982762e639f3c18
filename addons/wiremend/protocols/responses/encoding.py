"""The items of a responses stream as its encoder writes them: each from its beginning to its end.

Events are put together from bytes that are made once for a part; what is encoded for an event is its own piece. The
text of an item is kept, for its end and the completed response repeat it, and is encoded once more, when it is whole.
"""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING, Any, Final

import msgspec

from wiremend.protocols.coding import UNREADABLE, Proof, paired, quoted
from wiremend.protocols.mending import Mend
from wiremend.protocols.responses.encoding_extras import cited, encrypted

if TYPE_CHECKING:
    from wiremend.events import Delta, PartStarted
    from wiremend.protocols.codec import Bridge
    from wiremend.protocols.mending import Origin

encode: Final = msgspec.json.encode


class Sheet:
    """Where events are written: ``number`` is the next one's, ``output`` has the items that ended, by their index."""

    __slots__ = ("_calls", "_ids", "_minted", "_told", "mends", "number", "origin", "out", "output")

    def __init__(self, origin: Origin) -> None:
        """Begin with nothing written."""
        self.origin = origin
        self.mends: list[Mend] = []
        self.number = 0
        self.out: list[bytes] = []
        self.output: list[bytes] = []
        self._ids: set[str] = set()
        self._calls: set[tuple[str, str]] = set()
        self._minted = 0
        self._told: set[str] = set()

    def put(self, kind: bytes, body: bytes) -> None:
        """Write an event; ``body`` is what its JSON has besides type and number."""
        self.out.append(b'event: %b\ndata: {"type":"%b","sequence_number":%d,%b}\n\n' % (kind, kind, self.number, body))
        self.number += 1

    def taken(self) -> bytes:
        """Give what was written, and forget it."""
        out = self.out
        given = out[0] if len(out) == 1 else b"".join(out)
        out.clear()
        return given

    def add(self, item: bytes) -> int:
        """Begin an item; give its index."""
        at = len(self.output)
        self.output.append(b"")
        self.put(b"response.output_item.added", b'"output_index":%d,"item":%b' % (at, item))
        return at

    def done(self, at: int, item: bytes) -> None:
        """End the item at an index."""
        self.output[at] = item
        self.put(b"response.output_item.done", b'"output_index":%d,"item":%b' % (at, item))

    def name(self, prefix: str, given: str = "") -> str:
        """Give the id of an item: the one that it has, or a new one where it has none, or another has the same."""
        ident = paired(given)
        while not ident or ident in self._ids:
            self._minted += 1
            ident = self.origin.mint(prefix, self._minted)
        self._ids.add(ident)
        return ident

    def call(self, kind: str, given: str) -> str:
        """Give the id of a call: no two of one kind may have the same."""
        ident = paired(given)
        while not ident or (kind, ident) in self._calls:
            self._minted += 1
            ident = self.origin.mint("call", self._minted)
        if ident != given:
            self.tell("invented", "item.call-id-repeated", f"{ident} put for the id of a call that was taken")
        self._calls.add((kind, ident))
        return ident

    def tell(self, kind: Any, code: str, what: str) -> None:  # noqa: ANN401 - a kind of Mend
        """Say once that something of this kind was done."""
        if code not in self._told:
            self._told.add(code)
            self.mends.append(Mend(kind, f"responses.{code}", self.number, "", what))


class Writer:
    """Writes one item. ``main`` is the kind of delta whose pieces :meth:`piece` takes."""

    __slots__ = ("at", "ident", "main", "prefix", "sheet", "suffix", "text", "write")

    def __init__(self, sheet: Sheet) -> None:
        """Begin with nothing written."""
        self.sheet = sheet
        self.main: str = ""
        self.prefix = self.suffix = b""
        self.at = 0
        self.ident = b'""'
        self.text = StringIO()
        self.write = self.text.write

    def stream(self, event: bytes, where: bytes, more: bytes = b"") -> None:
        """Say by which event pieces are streamed, and where to; ``more`` is what the event has besides."""
        self.prefix = b'event: %b\ndata: {"type":"%b",%b"delta":' % (event, event, where)
        self.suffix = b'%b,"sequence_number":' % more

    def piece(self, text: str) -> bytes:
        """Give the event of a piece of text."""
        try:
            said = encode(text)
        except UnicodeEncodeError:
            text = paired(text)
            said = encode(text)
        self.write(text)
        sheet = self.sheet
        number = sheet.number
        sheet.number = number + 1
        return b"%b%b%b%d}\n\n" % (self.prefix, said, self.suffix, number)

    def detail(self, event: Delta) -> None:
        """Take a piece of another kind, or one that is not streamed."""

    def end(self) -> None:
        """Write the end of the item."""


class Lost(Writer):
    """A part that this wire has no place for."""


class Text(Writer):
    """A message of one part: text, or a refusal."""

    __slots__ = ("_field", "_notes", "_type", "_where")

    def __init__(self, sheet: Sheet, start: PartStarted) -> None:
        """Write the beginning of the message and of its part."""
        super().__init__(sheet)
        self._notes: list[bytes] = []
        refuses = start.kind == "refusal"
        self._type, self._field = (b"refusal", b"refusal") if refuses else (b"output_text", b"text")
        self.ident = encode(sheet.name("msg", start.id))
        self.at = sheet.add(
            b'{"id":%b,"type":"message","status":"in_progress","content":[],"role":"assistant"}' % self.ident
        )
        self._where = b'"item_id":%b,"output_index":%d,"content_index":0,' % (self.ident, self.at)
        sheet.put(b"response.content_part.added", b'%b"part":%b' % (self._where, self._part(b'""')))
        self.main = start.kind
        self.stream(b"response.%b.delta" % self._type, self._where, b"" if refuses else b',"logprobs":[]')

    def _part(self, text: bytes) -> bytes:
        """Give the content part with this text."""
        part = b'"type":"%b","%b":%b' % (self._type, self._field, text)
        if self._type == b"output_text":
            part += b',"annotations":[%b],"logprobs":[]' % b",".join(self._notes)
        return b"{%b}" % part

    def detail(self, event: Delta) -> None:
        """Write a citation."""
        if event.kind != "citation":
            return
        note, lost = cited(event.text, self.text.tell())
        if lost:
            self.sheet.tell("lost", "citation", f"left out: {lost}")
        if note is not None:
            body = b'%b"annotation_index":%d,"annotation":%b' % (self._where, len(self._notes), note)
            self._notes.append(note)
            self.sheet.put(b"response.output_text.annotation.added", body)

    def end(self) -> None:
        """Write the ends of text, part and message."""
        sheet, said = self.sheet, encode(self.text.getvalue())
        more = b"" if self._type == b"refusal" else b',"logprobs":[]'
        part = self._part(said)
        sheet.put(b"response.%b.done" % self._type, b'%b"%b":%b%b' % (self._where, self._field, said, more))
        sheet.put(b"response.content_part.done", b'%b"part":%b' % (self._where, part))
        item = b'{"id":%b,"type":"message","status":"completed","content":[%b],"role":"assistant"}'
        sheet.done(self.at, item % (self.ident, part))


class Reasoning(Writer):
    """A reasoning item of one part, which begins with its text: a summary, unless it is known to be the reasoning."""

    __slots__ = ("_proof", "_raw", "_where")

    def __init__(self, sheet: Sheet, start: PartStarted) -> None:
        """Write the beginning of the item."""
        super().__init__(sheet)
        self._proof = Proof.of(start)
        self._where = b""
        self._raw = self._proof.is_of("responses") and self._proof.more.get("field") == "content"
        self.ident = encode(sheet.name("rs", start.id))
        self.at = sheet.add(b'{"id":%b,"type":"reasoning","summary":[]}' % self.ident)

    def _part(self, text: bytes) -> bytes:
        return b'{"type":"%b","text":%b}' % (b"reasoning_text" if self._raw else b"summary_text", text)

    def _stem(self) -> bytes:
        return b"response.content_part" if self._raw else b"response.reasoning_summary_part"

    def _begin(self) -> None:
        """Write the beginning of the part."""
        place = b"content_index" if self._raw else b"summary_index"
        self._where = b'"item_id":%b,"output_index":%d,"%b":0,' % (self.ident, self.at, place)
        self.sheet.put(b"%b.added" % self._stem(), b'%b"part":%b' % (self._where, self._part(b'""')))
        self.main = "thinking"
        self.stream(self._text_event(b"delta"), self._where)

    def _text_event(self, step: bytes) -> bytes:
        return b"response.reasoning_%b.%b" % (b"text" if self._raw else b"summary_text", step)

    def detail(self, event: Delta) -> None:
        """Begin the part, or keep what proves it."""
        if event.kind == "thinking":
            self._begin()
            self.sheet.out.append(self.piece(event.text))
        elif event.kind in {"signature", "encrypted"}:
            self._proof.take(event)

    def end(self) -> None:
        """Write the ends of text, part and item, with what proves it."""
        sheet, parts = self.sheet, b""
        if self.main:
            said = encode(self.text.getvalue())
            parts = self._part(said)
            sheet.put(self._text_event(b"done"), b'%b"text":%b' % (self._where, said))
            sheet.put(b"%b.done" % self._stem(), b'%b"part":%b' % (self._where, parts))
        fields = b'"summary":[],"content":[%b]' % parts if self._raw else b'"summary":[%b]' % parts
        proof = encrypted(self._proof)
        if proof is not None:
            fields += b',"encrypted_content":%b' % encode(proof)
        elif self._proof.signature or self._proof.encrypted:
            sheet.tell("lost", "proof", "left out: a proof of reasoning of which it is not known whose it is")
        sheet.done(self.at, b'{"id":%b,"type":"reasoning",%b}' % (self.ident, fields))


class Call(Writer):
    """A call of a function, or of a custom tool."""

    __slots__ = ("_custom", "_names", "_where")

    def __init__(self, sheet: Sheet, start: PartStarted, bridge: Bridge | None) -> None:
        """Write the beginning of the call."""
        super().__init__(sheet)
        self._custom = start.kind == "custom_tool_use"
        self.ident = encode(sheet.name("ctc" if self._custom else "fc"))
        call = encode(sheet.call(start.kind, start.id))
        name = quoted(start.name if bridge is None else bridge.name)
        self._names = b'"call_id":%b,"name":%b' % (call, name)
        if bridge is not None and bridge.namespace is not None:
            self._names += b',"namespace":%b' % quoted(bridge.namespace)
        self.at = sheet.add(self._item(b"in_progress", b'""'))
        self._where = b'"item_id":%b,"output_index":%d,' % (self.ident, self.at)
        self.main = "input" if self._custom else "json"
        self.stream(self._event(b"delta"), self._where)

    def _event(self, step: bytes) -> bytes:
        return b"response.%b.%b" % (b"custom_tool_call_input" if self._custom else b"function_call_arguments", step)

    def _item(self, status: bytes, said: bytes) -> bytes:
        kind, field = (b"custom_tool_call", b"input") if self._custom else (b"function_call", b"arguments")
        form = b'{"id":%b,"type":"%b","status":"%b",%b,"%b":%b}'
        return form % (self.ident, kind, status, self._names, field, said)

    def end(self) -> None:
        """Write the ends of the arguments and of the call. No arguments are an empty object."""
        sheet = self.sheet
        if not self._custom and not self.text.tell():
            sheet.out.append(self.piece("{}"))
        said = encode(self.text.getvalue())
        field = b"input" if self._custom else b"arguments"
        sheet.put(self._event(b"done"), b'%b"%b":%b' % (self._where, field, said))
        sheet.done(self.at, self._item(b"completed", said))


class _Action(msgspec.Struct, tag_field="type", tag="exec", omit_defaults=True):
    """What the API's own shell tool is to do."""

    command: list[str]
    env: dict[str, str] | None = None
    timeout_ms: int | None = None
    user: str | None = None
    working_directory: str | None = None


class Shell(Writer):
    """A call of the API's own shell tool; it has no pieces on this wire, so it is written when it is whole."""

    __slots__ = ("_start",)

    def __init__(self, sheet: Sheet, start: PartStarted) -> None:
        """Write nothing yet."""
        super().__init__(sheet)
        self._start = start

    def detail(self, event: Delta) -> None:
        """Keep a piece of the arguments."""
        self.write(event.text)

    def end(self) -> None:
        """Write the call. Arguments that tell no command stay a function's, so that the client can answer them."""
        sheet, arguments = self.sheet, paired(self.text.getvalue())
        try:
            action = msgspec.json.decode(arguments, type=_Action)
        except UNREADABLE:
            sheet.tell("seen", "item.action-invalid", "a call of local_shell that tells no command, left a function's")
            call = Call(sheet, self._start, None)
            sheet.out.append(call.piece(arguments))
            call.end()
            return
        action.env = action.env or {}
        ident, call_id = encode(sheet.name("lsh")), encode(sheet.call("local_shell", self._start.id))
        form = b'{"id":%b,"type":"local_shell_call","status":"%b","call_id":%b,"action":%b}'
        said = encode(action)
        at = sheet.add(form % (ident, b"in_progress", call_id, said))
        sheet.done(at, form % (ident, b"completed", call_id, said))


class Opaque(Writer):
    """An item of this wire that the hub has no words for, whole."""

    def __init__(self, sheet: Sheet, item: bytes) -> None:
        """Write it, from its beginning to its end."""
        super().__init__(sheet)
        sheet.done(sheet.add(item), item)
