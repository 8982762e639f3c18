"""A stream put together, leniently: what its events say, of whichever wire, and where it breaks off.

Nothing is required of them and nothing raises: a delta without a beginning begins something, an index that is none is
the last one, what is over may go on. What comes out is a whole reply as :mod:`.conversation_reply` reads it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wiremend.explain.conversation_text import read
from wiremend.protocols import loose
from wiremend.sse import EventParser, StreamError

if TYPE_CHECKING:
    from wiremend.protocols.base import WireName
    from wiremend.sse import Event

_MESSAGES: Final = {
    *("message_start", "content_block_start", "content_block_delta", "content_block_stop"),
    *("message_delta", "message_stop"),
}
_DELTAS: Final = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "signature_delta": ("thinking", "signature"),
    "input_json_delta": ("tool_use", "partial_json"),
}
_FINAL: Final = {"response.completed", "response.incomplete", "response.failed", "response.done", "response.cancelled"}
_GROWS: Final = {
    "response.output_text": ("message", "text"),
    "response.refusal": ("message", "refusal"),
    "response.reasoning_text": ("reasoning", "text"),
    "response.reasoning_summary_text": ("reasoning", "summary"),
    "response.function_call_arguments": ("function_call", "arguments"),
    "response.custom_tool_call_input": ("custom_tool_call", "input"),
}
_DONE: Final = b"[DONE]"


def events_in(data: bytes) -> tuple[list[Event], bool]:
    """Give a stream's events, and whether its last one is whole."""
    parser = EventParser(limit=len(data) + 1, apart=True)
    try:
        events = [*parser.feed(data), *parser.close()]
    except StreamError as error:  # pragma: no cover - no event is larger than the stream
        return list(error.events), False
    cut = bool(events) and not events[-1].complete and not events[-1].apart and events[-1].data is not None
    return events, not cut


class _Texts:
    """A text that grows."""

    __slots__ = ("pieces",)

    def __init__(self) -> None:
        self.pieces: list[str] = []

    def add(self, value: object) -> None:
        if isinstance(value, str):
            self.pieces.append(value)

    @property
    def text(self) -> str:
        return "".join(self.pieces)


class Assembly:
    """Puts one stream together. Feed it the data of all events; then ask."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.wire: WireName | None = None
        self.usage: dict[str, Any] = {}
        """The last usage object."""
        self.ended = False
        """Whether the stream said that it is over."""
        self.unreadable = 0
        """Events whose data are no JSON."""
        self.number: str | None = None
        self._blocks: list[dict[str, Any]] = []
        self._block_at: dict[int, dict[str, Any]] = {}
        self._choices: dict[int, _Choice] = {}
        self._items: dict[object, _Item] = {}
        self._last_item: _Item | None = None
        self._final: dict[str, Any] = {}

    def feed(self, event: Event) -> None:
        """Take an event."""
        if event.data is None:
            return
        if event.data.strip() == _DONE:
            self.ended = True
            return
        try:
            document = read(event.data)
        except ValueError:
            self.unreadable += 1
            return
        if isinstance(document, dict):
            self.take(document, event.event)

    def take(self, document: dict[str, Any], name: str | None = None) -> None:
        """Take an event's data."""
        kind = loose.text(document.get("type")) or name or ""
        for usage in (document.get("usage"), *(loose.field(document, at, "usage") for at in ("message", "response"))):
            self.usage |= usage if isinstance(usage, dict) else {}
        if "choices" in document:
            self._chat(document)
        elif kind in _MESSAGES:
            self._message(document, kind)
        elif kind.startswith("response."):
            self._response(document, kind)
        elif kind == "error" or document.get("error"):
            self.ended = True

    def body(self) -> dict[str, Any]:
        """Give the whole reply, in the shape of its wire."""
        if self._choices:
            return {"choices": [self._choices[number].body() for number in sorted(self._choices)]}
        if self._items:
            return {"output": [item.body() for item in self._items.values()]}
        if self._final:
            return self._final
        return {"content": [_block(block) for block in self._blocks]} if self._blocks else {}

    # -- messages

    def _message(self, document: dict[str, Any], kind: str) -> None:
        self.wire = self.wire or "messages"
        index = document.get("index")
        match kind:
            case "message_start":
                self.number = loose.text(loose.field(document, "message", "id")) or self.number
                content = loose.field(document, "message", "content")
                for block in content if isinstance(content, list) else ():
                    self._begin(block, None)
            case "content_block_start":
                self._begin(document.get("content_block"), index)
            case "content_block_delta":
                self._grow(document.get("delta"), index)
            case "message_stop":
                self.ended = True

    def _begin(self, block: object, index: object) -> dict[str, Any]:
        made: dict[str, Any] = {**(block if isinstance(block, dict) else {}), "grown": {}}
        self._blocks.append(made)
        if isinstance(index, int):
            self._block_at[index] = made
        return made

    def _grow(self, delta: object, index: object) -> None:
        kind, name = _DELTAS.get(loose.text(loose.field(delta, "type")) or "", ("", ""))
        if not kind:
            return
        block = self._block_at.get(index) if isinstance(index, int) else None
        if block is None:
            block = (
                self._blocks[-1] if self._blocks and not isinstance(index, int) else self._begin({"type": kind}, index)
            )
        block["grown"].setdefault(name, _Texts()).add(loose.field(delta, name))

    # -- chat

    def _chat(self, document: dict[str, Any]) -> None:
        self.wire = self.wire or "chat"
        self.number = loose.text(document.get("id")) or self.number
        choices = document.get("choices")
        for place, choice in enumerate(choices if isinstance(choices, list) else ()):
            if not isinstance(choice, dict):
                continue
            index = choice.get("index")
            self._choices.setdefault(index if isinstance(index, int) else place, _Choice()).take(choice)
            usage = choice.get("usage")
            self.usage |= usage if isinstance(usage, dict) else {}
            self.ended = self.ended or bool(choice.get("finish_reason"))

    # -- responses

    def _response(self, document: dict[str, Any], kind: str) -> None:
        self.wire = self.wire or "responses"
        response = document.get("response")
        self.number = loose.text(loose.field(response, "id")) or self.number
        if kind in _FINAL:
            self.ended = True
            self._final = response if isinstance(response, dict) else {}
            return
        if kind in {"response.output_item.added", "response.output_item.done"}:
            item = document.get("item")
            known = self._item(document, loose.field(item, "id"))
            known.shape = item if isinstance(item, dict) else known.shape
            known.done = kind.endswith("done")
            return
        stem, _, step = kind.rpartition(".")
        shape, name = _GROWS.get(stem, ("", ""))
        if not shape or step not in {"delta", "done"}:
            return
        item = self._item(document, document.get("item_id"))
        item.shape = item.shape or {"type": shape}
        key = (name, document.get("content_index"), document.get("summary_index"))
        if step == "delta":
            item.grown.setdefault(_hashable(key), _Texts()).add(document.get("delta"))
        else:
            last = next((document[at] for at in (name, "text", "arguments", "input") if at in document), None)
            if isinstance(last, str):
                item.grown[_hashable(key)] = texts = _Texts()
                texts.add(last)

    def _item(self, document: dict[str, Any], number: object) -> _Item:
        index = document.get("output_index")
        key = index if isinstance(index, int) else number if isinstance(number, str) else None
        if key is None:
            if self._last_item is None or document.get("item") is not None:
                self._last_item = self._items[len(self._items), "unnamed"] = _Item()
            return self._last_item
        self._last_item = self._items.setdefault(key, _Item())
        return self._last_item


class _Choice:
    """One choice of the chat wire."""

    def __init__(self) -> None:
        self.role: object = None
        self.content = _Texts()
        self.reasoning = _Texts()
        self.refusal = _Texts()
        self.others: list[Any] = []
        self.calls: list[dict[str, Any]] = []
        self.call_at: dict[int, dict[str, Any]] = {}

    def take(self, choice: dict[str, Any]) -> None:
        for delta in (choice.get("delta"), choice.get("message")):
            if isinstance(delta, dict):
                self._delta(delta)
        self.content.add(choice.get("text"))

    def _delta(self, delta: dict[str, Any]) -> None:
        self.role = delta.get("role") or self.role
        content = delta.get("content")
        self.content.add(content)
        for part in content if isinstance(content, list) else [content] if isinstance(content, dict) else ():
            if isinstance(loose.field(part, "text"), str):
                self.content.add(part["text"])
            else:
                self.others.append(part)
        reasoning = next((delta[name] for name in _REASONING if loose.text(delta.get(name))), None)
        if reasoning is None:
            details = delta.get("reasoning_details")
            for one in details if isinstance(details, list) else ():
                self.reasoning.add(loose.field(one, "text") or loose.field(one, "summary"))
        self.reasoning.add(reasoning)
        self.refusal.add(delta.get("refusal"))
        calls = delta.get("tool_calls")
        for call in calls if isinstance(calls, list) else [calls] if isinstance(calls, dict) else ():
            if isinstance(call, dict):
                self._call(call, call.get("function"))
        if isinstance(delta.get("function_call"), dict):
            self._call({"index": 0}, delta["function_call"])

    def _call(self, call: dict[str, Any], function: object) -> None:
        index, number = call.get("index"), call.get("id")
        known = self.call_at.get(index) if isinstance(index, int) else (self.calls[-1] if self.calls else None)
        if known is None or (number and known["id"] and known["id"] != number):
            known = {"id": None, "name": _Texts(), "arguments": _Texts(), "whole": None}
            self.calls.append(known)
        if isinstance(index, int):
            self.call_at[index] = known
        known["id"] = known["id"] or number
        name = loose.field(function, "name")
        if name != known["name"].text:  # some send the whole name with each piece
            known["name"].add(name)
        arguments = loose.field(function, "arguments")
        known["arguments"].add(arguments)
        if isinstance(arguments, dict | list):
            known["whole"] = arguments

    def body(self) -> dict[str, Any]:
        calls = [
            {
                "id": call["id"],
                "function": {
                    "name": call["name"].text,
                    "arguments": call["arguments"].text if call["whole"] is None else call["whole"],
                },
            }
            for call in self.calls
        ]
        text = self.content.text
        return {
            "message": {
                "role": self.role,
                "reasoning": self.reasoning.text,
                "content": [text, *self.others],
                "refusal": self.refusal.text,
                "tool_calls": calls,
            }
        }


class _Item:
    """One item of the responses wire: as it began, or is when it is done, and what grew in between."""

    def __init__(self) -> None:
        self.shape: dict[str, Any] = {}
        self.done = False
        self.grown: dict[object, _Texts] = {}

    def body(self) -> dict[str, Any]:
        grown: dict[str, list[str]] = {}
        for key, texts in self.grown.items():
            grown.setdefault(key[0] if isinstance(key, tuple) else "text", []).append(texts.text)
        body = dict(self.shape)
        match body.get("type"):
            case "message" | None:
                if not _says(body.get("content")):
                    body["content"] = [{"type": "text", "text": text} for text in grown.get("text", ())]
                    body["content"] += [{"type": "refusal", "text": text} for text in grown.get("refusal", ())]
            case "reasoning":
                if not _says(body.get("content")) and not _says(body.get("summary")):
                    body["content"] = [*grown.get("summary", ()), *grown.get("text", ())]
            case _:
                for name in ("arguments", "input"):
                    if not body.get(name) and name in grown:
                        body[name] = "".join(grown[name])
        return body


_REASONING: Final = ("reasoning_content", "reasoning", "reasoning_text", "thinking")


def _block(block: dict[str, Any]) -> dict[str, Any]:
    """Give a block of the messages wire with what grew in it."""
    grown: dict[str, _Texts] = block["grown"]
    body = {name: value for name, value in block.items() if name != "grown"}
    for name, texts in grown.items():
        if name == "partial_json":
            body["input"] = texts.text or body.get("input")
        else:
            body[name] = (body[name] if isinstance(body.get(name), str) else "") + texts.text
    return body


def _says(content: object) -> bool:
    if isinstance(content, list):
        return any(map(_says, content))
    return bool(loose.field(content, "text") or loose.field(content, "refusal")) or (
        isinstance(content, str) and bool(content)
    )


def _hashable(key: tuple[object, ...]) -> tuple[object, ...]:
    return tuple(part if isinstance(part, str | int | None) else repr(part) for part in key)
