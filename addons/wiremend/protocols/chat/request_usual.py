"""Reads messages of the chat wire as nearly all are: of what they must have and nothing else.

These are texts, an assistant's text with calls of functions (and what it thought, as ``reasoning_content``), and the
text that a tool gave. All others are read with care by :mod:`request_read_messages`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wiremend.message import Text, Thinking, ToolUse

if TYPE_CHECKING:
    from wiremend.message import Part
    from wiremend.protocols.chat.request_values import Json
    from wiremend.protocols.codec import Places


def usual_text(message: Json, size: int) -> Text | None:
    """Read a content that is a text, of a message with so many fields."""
    content = message.get("content")
    return Text(content) if isinstance(content, str) and content and len(message) == size else None


def usual_said(message: Json) -> list[Part] | None:
    """Read what an assistant said."""
    thought, content, calls = message.get("reasoning_content"), message.get("content"), message.get("tool_calls")
    said = [] if calls is None else _calls(calls)
    if said is None:
        return None
    size = 1 if calls is None else 2  # its role, its calls
    found: list[Part] = []
    if thought is not None:
        size += 1
        if not isinstance(thought, str):
            return None
        if thought:
            found.append(Thinking(thought))
    if isinstance(content, str):
        size += 1
        if content:
            found.append(Text(content))
    elif content is None:
        size += "content" in message
    found += said
    return found if size == len(message) else None


def _calls(values: object) -> list[ToolUse] | None:
    if not isinstance(values, list):
        return None
    found = []
    for value in values:
        call = _call(value)
        if call is None:
            return None
        found.append(call)
    return found


def _call(value: object) -> ToolUse | None:
    if not isinstance(value, dict):
        return None
    ident, inner = value.get("id"), value.get("function")
    if not isinstance(inner, dict) or len(inner) != len(("name", "arguments")):
        return None
    if not isinstance(ident, str) or not ident or len(value) != 2 + ("type" in value) + ("index" in value):
        return None
    name, arguments = inner.get("name"), inner.get("arguments")
    if not isinstance(name, str) or not name or not isinstance(arguments, str):
        return None
    return ToolUse(ident, name, arguments if arguments and not arguments.isspace() else "{}")


def put_usual(message: Json, number: int, index: int, first: int, places: Places) -> None:
    """Say where a message of the body, and its parts, stood: message ``index``, its parts from ``first`` on."""
    if not first and index != number:
        places.put(("messages", index), "messages", number)
    if message["role"] == "tool":
        places.put(("messages", index, "parts", first), "messages", number)
        places.put(("messages", index, "parts", first, "parts", 0), "messages", number, "content")
        return
    for name in ("reasoning_content", "content"):
        if message.get(name):
            places.put(("messages", index, "parts", first), "messages", number, name)
            first += 1
    for order in range(len(message.get("tool_calls") or ())):
        places.put(("messages", index, "parts", first + order), "messages", number, "tool_calls", order)
