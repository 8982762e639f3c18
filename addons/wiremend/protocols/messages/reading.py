"""What one block of a stream holds, however it is framed: documents, and codes of what is wrong with the framing."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from wiremend import jsonedit
from wiremend.errors import BodyError
from wiremend.protocols.messages.framing import UNREADABLE, documents, is_utf8, refuse
from wiremend.sse import Event, EventParser, render, with_data

if TYPE_CHECKING:
    from collections.abc import Callable

_DONE: Final = b"[DONE]"
_DEPTH: Final = 4  # deeper than anything that is mended in place
_BOM: Final = 3


@dataclass(slots=True)
class Reading:
    """A block, read.

    ``event`` is it with a blank line at its end, in UTF-8 and without a byte order mark. ``way`` tells how the
    documents stand in it: one that is its ``data``, one that is but for halves of surrogate pairs (``halves``), in a
    ``list``, or as ``lines``. ``codes`` are the contract's, without the wire. ``done`` is a ``[DONE]``, ``text`` data
    that is no document. ``cut`` tells that the stream ended in it.
    """

    event: Event
    documents: list[dict[str, Any]] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    way: Literal["data", "halves", "list", "lines"] = "data"
    done: bool = False
    text: bytes | None = None
    cut: bool = False

    def name_of(self, document: dict[str, Any]) -> str | None:
        """Give the name under which a document came; one of several lines goes by its type."""
        if self.way in {"data", "halves"}:
            return self.event.event or None
        type_ = document.get("type") if self.way == "lines" else None
        return type_ if isinstance(type_, str) else None


@dataclass(slots=True)
class Frame:
    """Where a document came in: what of its bytes can stay."""

    event: Event
    before: dict[str, Any] | None
    named: bool

    def write(self, document: dict[str, Any]) -> tuple[bytes, bytes]:
        """Give the event's bytes, and its data, with the document in the place of the one that came."""
        type_, data = document["type"], self.event.data
        if self.before is None or data is None:
            return framed(document)
        data = rewritten(data, self.before, document)
        return (with_data(self.event, data) if self.named else render(data, type_)), data


def framed(document: dict[str, Any]) -> tuple[bytes, bytes]:
    """Write a document as an event, and give its data too."""
    try:
        data = msgspec.json.encode(document)
    except UnicodeEncodeError:  # half of a surrogate pair, where nothing can follow it
        data = msgspec.json.encode(mapped(document, whole_text))
    return render(data, document["type"]), data


def read(event: Event) -> Reading:
    """Read a block. Never raises."""
    clean, codes = _cleaned(event)
    reading = Reading(clean, codes=codes, cut=not event.complete and not event.apart)
    data = clean.data
    if data is None:
        _read_lines(reading)
        if clean.complete and clean.event and clean.event != "ping" and not reading.documents:
            codes.append("data.missing")
        return reading
    try:
        document = msgspec.json.decode(data)
    except UNREADABLE:
        _read_odd(reading, data)
        return reading
    if isinstance(document, dict):
        reading.documents = [document]
    elif isinstance(document, list) and document and isinstance(document[0], dict):
        reading.documents, reading.way = [entry for entry in document if isinstance(entry, dict)], "list"
    else:
        codes.append("data.not-object")
    return reading


def copied(value: Any, depth: int = _DEPTH) -> Any:  # noqa: ANN401 - any JSON
    """Copy the objects of a document as deep as mends reach; all else stays the very same."""
    if depth and isinstance(value, dict):
        return {name: copied(inner, depth - 1) for name, inner in value.items()}
    return value


def rewritten(data: bytes, before: Any, after: Any) -> bytes:  # noqa: ANN401 - any JSON
    """Write a document over the JSON text of what it was, which keeps the bytes of whatever is the same."""
    edits: list[jsonedit.Edit] = []
    try:
        _compare(before, after, (), edits)
        return jsonedit.apply(data, edits).body
    except (BodyError, ValueError):
        return msgspec.json.encode(after)


def _compare(
    before: Any,  # noqa: ANN401 - any JSON
    after: Any,  # noqa: ANN401 - any JSON
    at: jsonedit.Pointer,
    edits: list[jsonedit.Edit],
) -> None:
    """Find the edits; what is the same object, or an equal text or number, stays."""
    if before is after:
        return
    if isinstance(before, dict) and isinstance(after, dict) and len(at) < _DEPTH:
        edits += [jsonedit.Edit("remove", (*at, name)) for name in before if name not in after]
        for name, value in after.items():
            if name in before:
                _compare(before[name], value, (*at, name), edits)
            else:
                edits.append(jsonedit.Edit("set", (*at, name), msgspec.json.encode(value)))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after) and len(at) < _DEPTH:
        for number, value in enumerate(after):
            _compare(before[number], value, (*at, str(number)), edits)
    elif type(before) is not type(after) or isinstance(after, dict | list) or before != after:
        edits.append(jsonedit.Edit("set", at, msgspec.json.encode(after)))


def _cleaned(event: Event) -> tuple[Event, list[str]]:
    """Give the block as it should have been written."""
    codes = []
    marked = event.lead == _BOM and event.raw[_BOM : _BOM + 1] not in {b"", b":", b"\r", b"\n"}
    if not is_utf8(event.raw):
        codes.append("sse.utf8")
    if marked:
        codes.append("sse.bom")
    if not event.complete and event.data is not None:
        codes.append("sse.merged" if event.apart else "sse.unterminated")
    if not codes:
        return event, codes
    raw = event.raw[event.lead :].decode("utf-8", "replace").encode()
    again = EventParser(limit=2 * len(raw) + 4)
    return next(iter(again.feed(raw + (b"" if event.complete else b"\n\n")) + again.close()), event), codes


def _read_lines(reading: Reading) -> None:
    """Look for documents in the lines of a block that is not framed as one event."""
    code, found = documents(reading.event)
    if not found and reading.cut:
        code, found = _first_lines(reading.event)
    if found:
        reading.codes.append(code.removeprefix("messages."))
        reading.documents, reading.way = found, "lines"


def _first_lines(event: Event) -> tuple[str, list[dict[str, Any]]]:
    """Read the lines of a block whose end is cut, as far as they are whole."""
    lines = event.raw.splitlines(keepends=True)
    while lines := lines[:-1]:
        raw = b"".join(lines)
        code, found = documents(Event(raw, None, None, None, None, complete=True, lead=event.lead))
        if found or len(lines) <= 1:
            return code, found
        if lines[-1].strip():
            break
    return "", []


def _read_odd(reading: Reading, data: bytes) -> None:
    """Read data that is not JSON."""
    codes = reading.codes
    if data.strip().strip(b'"').upper() == _DONE:
        reading.done = True
        if data != _DONE or reading.event.event:
            codes.append("done-sentinel")
        return
    if reading.event.event == "error" and not reading.cut:
        reading.text = data
        return
    _read_lines(reading)
    if reading.documents:
        return
    try:
        text = json.dumps(json.loads(data, parse_constant=refuse), ensure_ascii=False)
        document = json.loads(data)
        msgspec.json.encode(whole_text(text))
    except UNREADABLE:
        reading.text = data
        codes.append("data.not-json" if data.strip() else "data.missing")
        return
    codes.append("data.surrogate")
    if isinstance(document, dict):
        reading.documents, reading.way = [document], "halves"
    else:
        codes.append("data.not-object")


def whole_text(text: str) -> str:
    """Join the halves of surrogate pairs, and replace those that are alone."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def mapped(value: Any, change: Callable[[str], str]) -> Any:  # noqa: ANN401 - any JSON
    """Copy JSON with every text changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [mapped(inner, change) for inner in value]
    if isinstance(value, dict):
        return {change(name): mapped(inner, change) for name, inner in value.items()}
    return value
