"""Writing neutral messages as the items of ``input``.

======================================== =========================================================================
a leading system message of one text     ``instructions``; see :func:`instructions_of`
text, pictures, files in a row           one ``message`` item of the role
``Thinking``, ``Redacted``               a ``reasoning`` item, see below
``ToolUse``, ``CustomToolUse``           ``function_call``, ``custom_tool_call``
``ToolResult``                           ``function_call_output``, ``custom_tool_call_output``
``Unknown``                              itself, on its own wire
======================================== =========================================================================

An assistant's ``message`` has an id and a status, which the official type demands (and OpenRouter); the id is made up,
and means nothing.

Reasoning goes back to who encrypted it, whole: the item with its id, its text where it was, and what is encrypted.
Any other reasoning has no place at OpenAI, which refuses an item that it cannot check, and at others that encrypt
theirs. Servers of open models have no such proof and read the text (``content``), and some of them want it back.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from wiremend.message import CustomToolUse, Redacted, Text, Thinking, ToolResult, ToolUse, Unknown
from wiremend.protocols.responses.request_contents import CONTENT, content_of, given, said, unknown
from wiremend.protocols.responses.request_names import LONGEST

if TYPE_CHECKING:
    from wiremend.message import ChatRequest, Message, Part
    from wiremend.protocols.codec import Path
    from wiremend.protocols.responses.request_losses import Desk, Json

_OTHERS: Final = "only the provider that wrote it can check it"


def instructions_of(request: ChatRequest, desk: Desk) -> str | None:
    """Give the text of a leading system message that is one plain text; its losses are noted.

    What this wire says of an item or a part, and not of instructions, keeps it from being plain.
    """
    if not request.messages or request.messages[0].role != "system":
        return None
    message = request.messages[0]
    if len(message.parts) != 1 or not isinstance(part := message.parts[0], Text) or not part.text:
        return None
    if desk.own and (part.cache or part.extra or part.citations or message.extra):
        return None
    path: Path = ("messages", 0)
    _envelope(message, path, desk)
    desk.own_of(path, message.extra)
    given(part, (*path, "parts", 0), desk)
    return part.text


def items_of(request: ChatRequest, desk: Desk, *, skip: int) -> list[Json]:
    """Write the messages from the one of this index on."""
    items: list[Json] = []
    for index, message in enumerate(islice(request.messages, skip, None), skip):
        written = _usual(message, desk)
        if written is None:
            _Turn(message, ("messages", index), desk, items).write()
        else:
            items += written
    return items


def _usual(message: Message, desk: Desk) -> list[Json] | None:
    """Write a message of texts, calls and results that are no more than that; None for any other."""
    if message.extra or message.name is not None or message.id is not None or not message.parts:
        return None
    role = message.role
    items: list[Json] = []
    content: list[Json] | None = None
    for part in message.parts:
        text = _plain(part)
        if text is None:
            item = _usual_item(part, desk)
            if item is None:
                return None
            items.append(item)
            content = None
            continue
        if content is None:
            content = []
            items.append({"type": "message", "role": role, "content": content})
        if role == "assistant":
            content.append({"type": "output_text", "text": text, "annotations": []})
        else:
            content.append({"type": "input_text", "text": text})
    if role == "assistant":
        items = [_spoken(item, desk) if "role" in item else item for item in items]
    return items


def _spoken(item: Json, desk: Desk) -> Json:
    """Add to a message what the official type demands of an assistant's."""
    return {"status": "completed", **item, "id": desk.mint("msg")}


def _plain(part: Part) -> str | None:
    """Give the text of what is that and nothing more."""
    if type(part) is not Text or part.cache is not None or part.extra or part.citations:
        return None
    return part.text


def _usual_item(part: Part, desk: Desk) -> Json | None:
    """Write a call or a result of which nothing is lost; None for any other part."""
    if type(part) is ToolUse:
        if part.cache is not None or part.extra or not 0 < len(part.id) <= LONGEST:
            return None
        name = desk.name(part.name)
        return {"type": "function_call", "call_id": part.id, "name": name, "arguments": part.arguments}
    if type(part) is not ToolResult or part.is_error or part.cache is not None or part.extra or len(part.parts) != 1:
        return None
    text = _plain(part.parts[0])
    if text is None or not 0 < len(part.id) <= LONGEST:
        return None
    kind = "custom_tool_call_output" if part.custom else "function_call_output"
    return {"type": kind, "call_id": part.id, "output": text}


def _envelope(message: Message, path: Path, desk: Desk) -> None:
    """Lose what a message has besides its parts."""
    if message.name is not None:
        desk.lose((*path, "name"), "name", "the name of a participant is left out")
    if message.id is not None:
        desk.lose((*path, "id"), "item_id", "the id of an item is left out", "items are sent whole")


class _Turn:
    """Writes one message."""

    def __init__(self, message: Message, path: Path, desk: Desk, items: list[Json]) -> None:
        self._message = message
        self._path = path
        self._desk = desk
        self._items = items
        self._spoken = message.role == "assistant"
        self._open: list[Json] | None = None  # the content of the message item that goes on
        self._extra = desk.own_of(path, message.extra)
        self._told = False

    def write(self) -> None:
        """Write all of it. A message of which nothing is left is left out."""
        message, desk = self._message, self._desk
        before = len(self._items)
        _envelope(message, self._path, desk)
        for index, part in enumerate(message.parts):
            self._part(part, (*self._path, "parts", index))
        if not message.parts:
            self._content()
        if len(self._items) == before:
            desk.lose(self._path, "message", "a message is left out", "nothing of it is left")
        elif self._extra and not self._told:
            for name in self._extra:
                desk.lose((*self._path, "extra", name), name, f"{name} is left out", "no item of the turn is a message")

    def _part(self, part: Part, path: Path) -> None:
        if isinstance(part, CONTENT):
            written = (said if self._spoken else given)(part, path, self._desk)
            if written is not None:
                self._content().append(written)
            return
        item = self._item(part, path)
        if item is None:
            return
        if isinstance(part, Unknown) and self._is_content(item):
            self._content().append(item)
        else:
            self._items.append(item)
            self._open = None

    def _item(self, part: Part, path: Path) -> Json | None:
        """Write a part that is an item of its own; None for one that is lost."""
        match part:
            case ToolUse():
                return self._call(part, path, "function_call", "arguments", part.arguments)
            case CustomToolUse():
                return self._call(part, path, "custom_tool_call", "input", part.input)
            case ToolResult():
                return self._result(part, path)
            case Thinking():
                return self._thinking(part, path)
            case Redacted():
                return self._redacted(part, path)
            case _:
                return unknown(part, path, self._desk) if isinstance(part, Unknown) else None

    def _is_content(self, item: Json) -> bool:
        """Tell whether what nobody knows is a part of a message; the reader has items among the parts too."""
        kind = str(item.get("type") or "")
        if self._spoken:
            return kind.startswith(("input_", "output_"))
        return not kind.endswith(("_output", "_response", "_tools", "_update", "_trigger"))

    def _content(self) -> list[Json]:
        """Give the content of the message item that is open, or of a new one."""
        if self._open is None:
            self._open = []
            self._told = True
            item: Json = {**self._extra, "type": "message", "role": self._message.role, "content": self._open}
            self._items.append(_spoken(item, self._desk) if self._spoken else item)
        return self._open

    def _call(self, part: ToolUse | CustomToolUse, path: Path, kind: str, field: str, text: str) -> Json:
        desk = self._desk
        desk.no_cache(path, part.cache)
        known = {"type": kind, "call_id": desk.call_id(part.id, path), "name": desk.name(part.name), field: text}
        return {**desk.own_of(path, part.extra), **known}

    def _result(self, part: ToolResult, path: Path) -> Json:
        desk = self._desk
        desk.no_cache(path, part.cache)
        if part.is_error:
            why = "a result is a result here, and its text tells what went wrong"
            desk.lose((*path, "is_error"), "is_error", "that a tool failed is left out", why)
        kind = "custom_tool_call_output" if part.custom else "function_call_output"
        extra = desk.own_of(path, part.extra)
        ident = desk.call_id(part.id, path)
        return {**extra, "type": kind, "call_id": ident, "output": content_of(part.parts, path, desk)}

    def _thinking(self, part: Thinking, path: Path) -> Json | None:
        desk = self._desk
        if part.encrypted is None and not desk.reads_thoughts:
            desk.lose(path, "thinking", "reasoning of a past turn is left out", _OTHERS)
            return None
        desk.no_cache(path, part.cache)
        if part.signature is not None:
            desk.lose((*path, "signature"), "signature", "the signature of reasoning is left out", _OTHERS)
        extra = desk.own_of(path, part.extra)
        if part.encrypted is not None:
            item: Json = {**extra, "type": "reasoning", "summary": []}
            if part.id:
                item["id"] = part.id
            if part.text:
                kind = "summary" if part.summary else "content"
                item[kind] = [{"type": "summary_text" if part.summary else "reasoning_text", "text": part.text}]
            item["encrypted_content"] = part.encrypted
            return item
        if part.summary:
            what = "a summary of reasoning is written as the reasoning"
            desk.lose((*path, "summary"), "summary", what, "that is where a server reads it", "approximated")
        if part.id is not None:
            desk.lose((*path, "id"), "item_id", "the id of an item is left out", "items are sent whole")
        content = [{"type": "reasoning_text", "text": part.text}]
        return {**extra, "type": "reasoning", "id": desk.mint("rs"), "summary": [], "content": content}

    def _redacted(self, part: Redacted, path: Path) -> Json | None:
        desk = self._desk
        if part.id is None:
            desk.lose(path, "thinking", "encrypted reasoning of a past turn is left out", _OTHERS)
            return None
        desk.no_cache(path, part.cache)
        item: Json = {**desk.own_of(path, part.extra), "type": "reasoning", "summary": []}
        if part.id:
            item["id"] = part.id
        item["encrypted_content"] = part.encrypted
        return item
