"""What the strictest clients of the messages wire require of a stream, and of a whole reply.

A stream is one message. ``TABLE["stream"]`` says which event may follow which; its states:

====== =============================================================================================
start  nothing yet but pings
open   message_start was seen: blocks open, grow and stop, and more than one may be open at a time
tail   a message_delta said why the turn ended: no block opens any more
done   message_stop was seen
failed an error was seen; like ``done``, but nothing is missing
====== =============================================================================================

``TABLE["block"]`` says the same for one block, and ``TAKES`` which deltas a kind of block takes. Two bits do not fit a
table. A message_delta leads to ``tail`` only if it has a stop reason; one without is a report of usage and may come
at any time. And indexes: a block's index must be its place in the order of arrival, for the SDKs append the block on
arrival and find it by its index later.

Strict here is the union of what was measured or read: Claude Code (a block counts when it is stopped, and what its
start brings is thrown away), the official SDKs (event lines, indexes, usage; message_stop), the AI SDK and with it
OpenCode (every field typed, the last blank line). Types that nobody knows yet break no rule (G6), nor do comments, a
ping without data, or a ``[DONE]`` without a name behind the end, which all of them skip.

After a violation the contract goes on as if the event had been mended in the obvious way: a wrong index is replaced,
a block that never started is opened, one that never stopped is closed. So each violation of an event says what is to
be done to this event, or just before it, and a later event is judged against the mended stream. A block that was
opened by its own delta may still be started: a mender may have held the delta back.

State is a few bytes for each open block, and the JSON text of an open tool's input up to ``INPUT_LIMIT``, so that
it can be read when the block stops; a larger one is not read. An input that was cut short is a breach only if the stop
reason says nothing of a limit.
"""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, cast

import msgspec

from wiremend.protocols.messages import schema
from wiremend.protocols.messages.codes import CODES
from wiremend.protocols.messages.framing import UNREADABLE, documents, is_utf8, refuse, verdict
from wiremend.protocols.messages.schema import TOOLS, UNSAID, Fault
from wiremend.protocols.violation import Violation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from wiremend.sse import Event

__all__ = ["CODES", "INPUT_LIMIT", "TABLE", "TAKES", "Contract", "check_body"]

type State = Literal["start", "open", "tail", "done", "failed"]

INPUT_LIMIT: Final = 1024 * 1024
"""Bytes of a tool's input up to which it is read."""

TABLE: Final[Mapping[str, Mapping[str, Mapping[str, str]]]] = MappingProxyType(
    {
        "stream": {
            "start": {"message_start": "open", "ping": "start", "error": "failed"},
            "open": {
                "content_block_start": "open",
                "content_block_delta": "open",
                "content_block_stop": "open",
                "message_delta": "tail",  # or "open", if it has no stop reason
                "message_stop": "done",
                "ping": "open",
                "error": "failed",
            },
            "tail": {"message_delta": "tail", "message_stop": "done", "ping": "tail", "error": "failed"},
            "done": {"ping": "done"},
            "failed": {"ping": "failed"},
        },
        "block": {
            "absent": {"content_block_start": "open"},
            "open": {"content_block_delta": "open", "content_block_stop": "closed"},
            "closed": {},
        },
    }
)

_SHAPES: Final = schema.DELTAS
TAKES: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "text": frozenset({"text_delta", "citations_delta"}),
        "thinking": frozenset({"thinking_delta", "signature_delta"}),
        "redacted_thinking": frozenset(),
        **dict.fromkeys(TOOLS, frozenset({"input_json_delta"})),
    }
)
"""Kind of block -> the deltas that it takes; other kinds, and types of delta that nobody knows, are not judged."""

_WITHOUT_LIMIT: Final = frozenset({"end_turn", "tool_use", "stop_sequence"})


class _Block:
    """An open block; ``presumed`` if no start was seen, ``json`` is None where no input is read."""

    __slots__ = ("json", "kind", "presumed", "takes")

    def __init__(self, kind: str, *, presumed: bool = False) -> None:
        self.kind = kind
        names = TAKES.get(kind, _SHAPES.keys())
        self.takes = frozenset(_SHAPES[name] for name in names)
        self.json: bytearray | None = bytearray() if kind in TOOLS else None
        self.presumed = presumed

    def add(self, piece: str) -> None:
        if self.json is not None:
            self.json += piece.encode("utf-8", "replace")
            if len(self.json) > INPUT_LIMIT:
                self.json = None


class Contract:
    """Judges one stream of the messages wire; see :class:`wiremend.protocols.violation.StreamContract`.

    A block of the stream that has no data is not counted; what is wrong with it has the number of the next event.
    """

    __slots__ = ("_alias", "_called", "_cut", "_next", "_number", "_open", "_reason", "_state", "_told")

    def __init__(self) -> None:
        """Begin before the first event."""
        self._state: State = "start"
        self._number = 0
        self._open: dict[int, _Block] = {}  # by place in the order of arrival
        self._next = 0  # the place of the next block
        self._alias: dict[int, int] = {}  # wrong index -> place
        self._called = False  # a tool_use block was opened
        self._cut: list[int] = []  # places of the calls whose input ended too early
        self._told = False  # a message_delta was seen
        self._reason: str | None = None

    @property
    def ended(self) -> bool:
        """Tell whether message_stop or an error was seen, so that nothing but pings may come."""
        return self._state in {"done", "failed"}

    def feed(self, event: Event) -> Sequence[Violation]:
        """Judge the next event."""
        data, raw = event.data, event.raw
        if data is None or not event.complete or event.lead or not (raw.isascii() or is_utf8(raw)):
            return self._consider(event)
        try:
            message = schema.decode(data)
        except UNREADABLE:
            return self._consider(event)
        if type(message) is schema.BlockDelta and event.event == "content_block_delta":
            block, delta = self._open.get(message.index), message.delta
            if block is not None and type(delta) in block.takes and not self._alias:
                if type(delta) is schema.InputDelta:
                    block.add(delta.partial_json)
                self._number += 1
                return ()
        return self._consider(event)

    def close(self) -> Sequence[Violation]:
        """Judge the end: only one thing can be missing, the first that did not come."""
        self._number += 1
        state, self._state = self._state, "failed"
        if state == "start":
            return self._violations([Fault("messages.stream.empty", "")])
        if state == "tail" or (state == "open" and self._reason is not None and not self._open):
            return self._violations([Fault("messages.message-stop.missing", "")])
        return self._violations([Fault("messages.stream.cut", "")] if state == "open" else [])

    def _violations(self, faults: Iterable[Fault]) -> Sequence[Violation]:
        return tuple(_violation(fault, self._number) for fault in faults)

    # --- what the event is --------------------------------------------------------------------------------------------

    def _consider(self, event: Event) -> Sequence[Violation]:
        """Judge an event that is not the usual one."""
        data, raw = event.data, event.raw
        if data is None or not event.complete or event.lead or not (raw.isascii() or is_utf8(raw)):
            return self._odd(event)
        self._number += 1
        return self._violations(self._judge(event, data))

    def _odd(self, event: Event) -> Sequence[Violation]:
        """Judge a block with something unusual about its bytes."""
        data, found = event.data, []
        if not is_utf8(event.raw):
            found.append(Fault("messages.sse.utf8", ""))
            data = data and data.decode("utf-8", "replace").encode()
        if event.lead > 1 and event.raw[event.lead :][:1] not in {b"", b":", b"\r", b"\n"}:
            found.append(Fault("messages.sse.bom", ""))
        self._number += 1
        if data is not None:
            if not event.complete:
                found.append(Fault(f"messages.sse.{'merged' if event.apart else 'unterminated'}", ""))
            return self._violations([*found, *self._judge(event, data)])
        if event.complete and event.event and event.event != "ping":
            found.append(Fault("messages.data.missing", ""))
        violations = self._violations([*found, *self._unframed(event)])
        self._number -= 1
        return violations

    def _judge(self, event: Event, data: bytes) -> list[Fault]:
        """Find out what the data is, and judge it."""
        try:
            document = msgspec.json.decode(data)
        except UNREADABLE:
            return self._unread(event, data)
        if isinstance(document, dict):
            return self._read(document, event.event or None)
        if isinstance(document, list) and document and isinstance(document[0], dict):
            return self._read(document[0], None)
        return [Fault("messages.data.not-object", "")]

    def _unread(self, event: Event, data: bytes) -> list[Fault]:
        """Judge data that is not JSON."""
        if data.strip() == b"[DONE]":
            sound = data == b"[DONE]" and not event.event and self.ended
            return [] if sound else [Fault("messages.done-sentinel", "")]
        if not event.complete and not event.apart:
            return []  # cut short, and dropped by every client; close() says the rest
        if event.event == "error":
            return self._fail("")
        if found := self._unframed(event):
            return found
        try:
            whole = json.dumps(json.loads(data, parse_constant=refuse), ensure_ascii=False).encode("utf-8", "replace")
        except UNREADABLE:
            return [Fault("messages.data.not-json" if data.strip() else "messages.data.missing", "")]
        return [Fault("messages.data.surrogate", ""), *self._judge(event, whole)]

    def _unframed(self, event: Event) -> list[Fault]:
        """Judge a block that holds JSON, but not in one event's data; the documents count as if they were events."""
        code, found = documents(event)
        inner = [self._read(document, document.get("type")) for document in found]
        if (
            len(inner) == 1
            and inner[0]
            and inner[0][0].code in {"messages.stream.not-a-stream", "messages.error.shape"}
        ):
            return inner[0]
        return [Fault(code, "")] if found else []

    def _read(self, document: dict[str, Any], name: str | None) -> list[Fault]:
        """Judge an object that came under a name."""
        found, type_ = [], document.get("type")
        if type_ == "message":
            self._state = "done"
            return [Fault("messages.stream.not-a-stream", "")]
        if schema.is_error(document, name):
            return self._fail("" if type_ is None else "/type")
        if not isinstance(type_, str):
            found.append(Fault("messages.type.missing", "/type"))
            type_ = document["type"] = str(name)
        elif type_ in schema.KNOWN and name != type_:
            found.append(Fault(f"messages.event-line.{'mismatch' if name else 'missing'}", ""))
        if type_ not in schema.KNOWN:
            return found
        return found + schema.faults(document) + self._step(type_, document)

    def _fail(self, pointer: str) -> list[Fault]:
        self._state = "failed"
        return [Fault("messages.error.shape", pointer)]

    # --- where it may stand -------------------------------------------------------------------------------------------

    def _step(self, type_: str, document: dict[str, Any]) -> list[Fault]:
        """Follow the table, with an event that is sound in itself."""
        found = []
        if type_ not in TABLE["stream"][self._state]:
            found = self._misplaced(type_)
            if self.ended or type_ == "message_start":
                return found
            self._state = "open"
        target = TABLE["stream"][self._state][type_]
        match type_:
            case "message_start":
                self._next = len(document["message"]["content"])
            case "content_block_start":
                found += self._start(document["index"], document["content_block"]["type"])
            case "content_block_delta":
                found += self._grow(document["index"], document["delta"])
            case "content_block_stop":
                found += self._stop(document["index"])
            case "message_delta":
                found += self._end(document["delta"].get("stop_reason"))
                target = "open" if self._reason is None else "tail"
            case "message_stop":
                found += self._finish()
        self._state = cast("State", target)
        return found

    def _misplaced(self, type_: str) -> list[Fault]:
        """Say what the table says of an event that may not come now."""
        if self.ended:
            return [Fault("messages.order.after-end", "")]
        if type_ == "message_start":
            return [Fault("messages.message-start.repeated", "")]
        if self._state == "start":
            return [Fault("messages.message-start.missing", "")]
        # Of a delta or a stop after the stop reason it is said where no open block is found for it.
        return [Fault("messages.order.after-message-delta", "")] if type_ == "content_block_start" else []

    def _start(self, index: int, kind: str) -> list[Fault]:
        found = []
        place = self._alias.get(index, UNSAID if index in self._alias.values() else index)  # who was called so
        self._called |= kind == "tool_use"
        if place in self._open:
            if self._open[place].presumed:
                self._open[place] = _Block(kind)
                return []
            found += [Fault("messages.block.stop-missing", "", f"block {place}"), *self._shut(place)]
        found += self._place(index)
        self._open[self._next - 1] = _Block(kind)
        return found

    def _place(self, index: int) -> list[Fault]:
        """Give the next place to a block that calls itself ``index``."""
        place, self._next = self._next, self._next + 1
        self._alias.pop(index, None)
        if index in {place, UNSAID}:
            return []
        self._alias[index] = place
        return [Fault("messages.index.order", "/index", f"it says {index} and is {place}")]

    def _find(self, index: int) -> tuple[int | None, list[Fault]]:
        """Find the open block that an event means; without an index, the one that was opened last."""
        if index == UNSAID:
            return next(reversed(self._open), None), []
        place = self._alias.get(index, index)
        if place not in self._open:
            return None, []
        wrong = Fault("messages.index.order", "/index", f"it says {index} and is {place}")
        return place, [] if place == index else [wrong]

    def _gone(self, index: int) -> bool:
        return index != UNSAID and self._alias.get(index, index) < self._next

    def _grow(self, index: int, delta: dict[str, Any]) -> list[Fault]:
        place, found = self._find(index)
        shape = _SHAPES.get(delta["type"])
        if place is None:
            if self._gone(index):
                return [Fault("messages.block.after-stop", "/index")]
            self._place(index)
            place = self._next - 1
            kind = next((kind for kind, takes in TAKES.items() if delta["type"] in takes), "")
            self._open[place] = _Block(kind, presumed=True)
            found = [Fault("messages.block.start-missing", "/index")]
        block = self._open[place]
        if shape is not None and shape not in block.takes:
            found.append(Fault("messages.delta.block-mismatch", "/delta/type"))
        elif shape is schema.InputDelta:
            block.add(delta["partial_json"])
        return found

    def _stop(self, index: int) -> list[Fault]:
        place, found = self._find(index)
        if place is not None:
            return found + self._shut(place)
        if index == UNSAID:
            return []
        return [Fault(f"messages.block.{'stop-repeated' if self._gone(index) else 'start-missing'}", "/index")]

    def _shut(self, place: int) -> list[Fault]:
        """Close a block, and read the input of a tool."""
        text = self._open.pop(place).json
        read = verdict(bytes(text)) if text else "whole"
        if read == "cut":
            self._cut.append(place)
        return [Fault("messages.tool.input-json", "", f"block {place}")] if read == "broken" else []

    def _shut_all(self) -> list[Fault]:
        found = []
        for place in list(self._open):
            found += [Fault("messages.block.stop-missing", "", f"block {place}"), *self._shut(place)]
        return found

    def _end(self, reason: str | None) -> list[Fault]:
        self._told = True
        if reason is None:
            return []
        self._reason = reason
        found = self._shut_all()
        if reason in _WITHOUT_LIMIT:
            found += [Fault("messages.tool.input-cut", "", f"block {place}") for place in self._cut]
            self._cut.clear()
        if reason == "end_turn" and self._called:
            found.append(Fault("messages.stop-reason.tool-use", "/delta/stop_reason"))
        return found

    def _finish(self) -> list[Fault]:
        found = self._shut_all()
        if self._reason is None:
            found.append(Fault(f"messages.{'stop-reason' if self._told else 'message-delta'}.missing", ""))
        return found


def check_body(body: bytes) -> list[Violation]:
    """Judge a whole reply. An error object of this wire is sound: whether the status suits it is not told here."""
    try:
        document = msgspec.json.decode(body)
    except UNREADABLE:
        start = body.lstrip()[:6]
        kind = "data.not-json" if start else "body.empty"
        return [_violation(Fault(f"messages.{'body.stream' if start.startswith(_STREAM) else kind}", ""), 0)]
    if not isinstance(document, dict):
        return [_violation(Fault("messages.data.not-object", ""), 0)]
    if document.get("type") == "error":
        found = schema.faults(document)
    elif "content" not in document and schema.loose_error(document):
        found = [Fault("messages.error.shape", "")]
    else:
        found = schema.body_faults(document)
        calls = any(isinstance(block, dict) and block.get("type") == "tool_use" for block in document["content"])
        if calls and document["stop_reason"] == "end_turn":
            found.append(Fault("messages.stop-reason.tool-use", "/stop_reason"))
    return [_violation(fault, 0) for fault in found]


_STREAM: Final = (b"event:", b"data:", b":")


def _violation(fault: Fault, number: int) -> Violation:
    text = CODES[fault.code]
    return Violation(fault.code, number, fault.pointer, f"{text[:-1]} ({fault.detail})." if fault.detail else text)
