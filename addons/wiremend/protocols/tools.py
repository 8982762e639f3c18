"""The tools that a reply calls, as the client gets them, and the results that a later request brings of them.

Only what a ledger writes down: ids, names, sizes. A stream is looked at on its hot path, so an event is read only where
it holds the word by which its wire speaks of a call, and the pieces of arguments only once there was one. Nothing here
raises, whatever the input; what cannot be read says nothing.

========= ================================================ ==============================================
wire      a call                                           a result
========= ================================================ ==============================================
messages  a block ``tool_use``                             a block ``tool_result``
chat      ``tool_calls`` and, as once, ``function_call``   a message of the role ``tool``
responses an item ``…_call`` that has a ``call_id``        an item ``…_output``
========= ================================================ ==============================================

Tools that the provider runs itself (``server_tool_use``, ``web_search_call``) are none of the client's calls.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from wiremend.protocols import loose
from wiremend.sse import EventParser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from wiremend.protocols.base import WireName

MOST: Final = 1000
"""Calls of one reply, and results of one request, that are written down."""

_LONGEST: Final = 256
_PLAIN: Final = re.compile(rb"(?:event: [^\r\n]*\n)?data: ([^\r\n]*)\n\n")
"""The usual form of an event (see :mod:`wiremend.sse`)."""

_ASSISTANT: Final = "assistant"
_CALL: Final = "_call"
_OUTPUT: Final = "_output"
_EMPTY: Final = msgspec.Raw()


class ToolCall(msgspec.Struct):
    """One call. ``argument_bytes`` is the size of its arguments as they are written, in UTF-8."""

    id: str
    name: str
    argument_bytes: int = 0


class ToolCalls:
    """Watches what a client is given of one reply, and keeps the calls in it. ``wire`` is the client's."""

    __slots__ = ("_calls", "_needles", "_pieces", "_places", "_read")

    def __init__(self, wire: WireName) -> None:
        """Begin before the first event."""
        self._calls: list[ToolCall] = []
        self._places: dict[object, tuple[ToolCall, bool]] = {}
        """By what an event names its call with: the call, and whether pieces of its arguments have come."""
        self._needles = _NEEDLES[wire]
        self._pieces = _PIECES[wire]
        self._read: Callable[[bytes], None] = getattr(self, f"_{wire}")

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """The calls so far, in the order in which they began."""
        return tuple(self._calls)

    def feed(self, given: bytes) -> None:
        """Look at whole events that the client is given."""
        if not self._speaks(given):
            return
        start = 0
        while (found := _PLAIN.match(given, start)) is not None:
            self.event(found[1])
            start = found.end()
        for event in EventParser(len(given) + 1).feed(given[start:]) if start < len(given) else ():
            if event.data is not None:
                self.event(event.data)

    def event(self, data: bytes) -> None:
        """Look at the data of one event that the client is given."""
        if self._speaks(data):
            self._read(data)

    def body(self, body: bytes) -> None:
        """Look at a whole body that the client is given."""
        if self._speaks(body):
            self._read(body)

    def _speaks(self, data: bytes) -> bool:
        """Tell whether there may be a call in it, or a piece of one."""
        for needle in self._needles:  # not any(): most events go no further than this
            if needle in data:
                return True
        return bool(self._calls) and self._pieces in data

    # -- the wires

    def _messages(self, data: bytes) -> None:
        document = loose.decode(data, _Messages)
        if document is None:
            return
        if document.type == "content_block_delta":
            self._add(_key(document.index), loose.field(document.delta, "partial_json"))
        elif document.type == "content_block_start":
            for block in _each(document.content_block, _Block, single=True):
                self._begin_block(block, document.index)
        else:
            for block in _each(document.content, _Block):
                self._begin_block(block, None)

    def _begin_block(self, block: _Block, index: object) -> None:
        if block.type == "tool_use":
            self._begin(_key(index), block.id, block.name, len(bytes(block.input)))

    def _chat(self, data: bytes) -> None:
        document = loose.decode(data, _Chat)
        for choice in _entries(document.choices if document is not None else None):
            said = loose.field(choice, "delta") or loose.field(choice, "message")
            for number, call in enumerate(_entries(loose.field(said, "tool_calls"))):
                self._chat_call(choice, call, loose.field(call, "index"), number)
            old = loose.field(said, "function_call")
            if isinstance(old, dict):
                self._chat_call(choice, {"function": old}, "function_call", 0)

    def _chat_call(self, choice: object, call: object, index: object, number: int) -> None:
        key = (_key(loose.field(choice, "index")), _key(number if index is None else index))
        ident, known = _short(loose.text(loose.field(call, "id"))), self._places.get(key)
        function = loose.field(call, "function") or loose.field(call, "custom")
        name = loose.text(loose.field(function, "name"))
        if known is None or (ident and known[0].id not in {"", ident}):
            self._begin(key, ident, name, 0)
        else:
            known[0].id = known[0].id or ident
            known[0].name = known[0].name or _short(name)
        self._add(key, loose.field(function, "arguments") or loose.field(function, "input"))

    def _responses(self, data: bytes) -> None:
        document = loose.decode(data, _Responses)
        if document is None:
            return
        key = loose.text(document.item_id) or _key(document.output_index)
        if document.item is not _EMPTY:
            for item in _each(document.item, _Item, single=True):
                self._take_item(item, loose.text(item.id) or key)
        elif loose.text(document.delta) is not None:
            self._add(key, document.delta)
        elif not self._calls:  # the whole response, whose items have not been seen one by one
            whole = document if document.output is not _EMPTY else loose.decode(bytes(document.response), _Responses)
            for number, item in enumerate(_each(whole.output, _Item) if whole is not None else ()):
                self._take_item(item, loose.text(item.id) or number)

    def _take_item(self, item: _Item, key: object) -> None:
        kind, ident = loose.text(item.type) or "", loose.text(item.call_id)
        if not kind.endswith(_CALL) or ident is None:
            return
        given = loose.text(item.arguments) or loose.text(item.input)
        size = _size(given) if given is not None else len(bytes(item.action))
        known = next((call for call in self._calls if call.id == _short(ident)), None)
        if known is None:
            self._begin(key, ident, loose.text(item.name) or kind.removesuffix(_CALL), size)
        elif size:
            known.argument_bytes = size

    # -- what they come to

    def _begin(self, key: object, ident: object, name: object, size: int) -> None:
        if len(self._calls) < MOST:
            call = ToolCall(_short(loose.text(ident)), _short(loose.text(name)), size)
            self._calls.append(call)
            self._places[key] = call, False

    def _add(self, key: object, piece: object) -> None:
        """Count a piece of arguments. The first takes the place of what the call began with."""
        known = self._places.get(key)
        if known is None or not isinstance(piece, str) or not piece:
            return
        call, begun = known
        if not begun:
            call.argument_bytes = 0
            self._places[key] = call, True
        call.argument_bytes += _size(piece)


def results_of(wire: WireName, body: bytes | None) -> tuple[str, ...]:
    """Give the ids of the calls whose results a turn's request brings for the first time.

    They stand behind the last turn of the assistant. ``body`` is the JSON of the request, on the client's wire.
    """
    if body is None or _RESULTS[wire] not in body:
        return ()
    document = loose.decode(body, _Request)
    if document is None:
        return ()
    of_one = {"messages": _of_message, "chat": _of_chat, "responses": _of_item}[wire]
    found: list[str] = []
    for raw in reversed(_raws(document.input if wire == "responses" else document.messages)):
        ids = of_one(raw)
        if ids is None or len(found) >= MOST:
            break
        found[:0] = ids
    return tuple(dict.fromkeys(found))


def _of_message(raw: msgspec.Raw) -> list[str] | None:
    """Give the results in one message; None where it is the assistant's."""
    message = loose.decode(bytes(raw), _Message)
    if message is None or message.role == _ASSISTANT:
        return None if message is not None else []
    blocks = [one for one in _each(message.content, _Result) if one.type == "tool_result"]
    return [_short(ident) for one in blocks if (ident := loose.text(one.tool_use_id)) is not None]


def _of_chat(raw: msgspec.Raw) -> list[str] | None:
    message = loose.decode(bytes(raw), _Message)
    if message is None or message.role == _ASSISTANT:
        return None if message is not None else []
    ident = loose.text(message.tool_call_id) if message.role == "tool" else None
    return [_short(ident)] if ident is not None else []


def _of_item(raw: msgspec.Raw) -> list[str] | None:
    item = loose.decode(bytes(raw), _Message)
    if item is None:
        return []
    kind = loose.text(item.type) or "message"
    if item.role == _ASSISTANT or kind == "reasoning" or kind.endswith(_CALL):
        return None
    ident = loose.text(item.call_id) if kind.endswith(_OUTPUT) else None
    return [_short(ident)] if ident is not None else []


# -- shapes: each field of any type, for one of the wrong type must not hide the others


class _Messages(msgspec.Struct):
    type: Any = None
    index: Any = None
    delta: Any = None
    content_block: msgspec.Raw = _EMPTY
    content: msgspec.Raw = _EMPTY


class _Block(msgspec.Struct):
    type: Any = None
    id: Any = None
    name: Any = None
    input: msgspec.Raw = _EMPTY


class _Chat(msgspec.Struct):
    choices: Any = None


class _Responses(msgspec.Struct):
    item_id: Any = None
    output_index: Any = None
    delta: Any = None
    item: msgspec.Raw = _EMPTY
    response: msgspec.Raw = _EMPTY
    output: msgspec.Raw = _EMPTY


class _Item(msgspec.Struct):
    type: Any = None
    id: Any = None
    call_id: Any = None
    name: Any = None
    arguments: Any = None
    input: Any = None
    action: msgspec.Raw = _EMPTY


class _Request(msgspec.Struct):
    messages: msgspec.Raw = _EMPTY
    input: msgspec.Raw = _EMPTY


class _Message(msgspec.Struct):
    type: Any = None
    role: Any = None
    tool_call_id: Any = None
    call_id: Any = None
    content: msgspec.Raw = _EMPTY


class _Result(msgspec.Struct):
    type: Any = None
    tool_use_id: Any = None


_NEEDLES: Final[dict[WireName, tuple[bytes, ...]]] = {
    "messages": (b'"tool_use"',),
    "chat": (b'"tool_calls"', b'"function_call"'),
    "responses": (b"_call",),
}
_PIECES: Final[dict[WireName, bytes]] = {
    "messages": b"input_json_delta",
    "chat": b'"tool_calls"',
    "responses": b"_call",
}
_RESULTS: Final[dict[WireName, bytes]] = {
    "messages": b'"tool_result"',
    "chat": b'"tool_call_id"',
    "responses": b'_output"',
}


def _raws(raw: msgspec.Raw) -> list[msgspec.Raw]:
    """Give the entries of a list, unread."""
    if raw is _EMPTY:
        return []
    try:
        return msgspec.json.decode(raw, type=list[msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return []


def _each[T](raw: msgspec.Raw, shape: type[T], *, single: bool = False) -> Iterable[T]:
    """Give the entries of a list, or the one object, that are of a shape."""
    for entry in [raw] if single else _raws(raw):
        read = loose.decode(bytes(entry), shape)
        if read is not None:
            yield read


def _entries(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _key(value: object) -> object:
    """Give what may be a key: a place is a number or a text."""
    return value if isinstance(value, int | str) else None


def _short(text: str | None) -> str:
    return (text or "")[:_LONGEST]


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
