"""Reading items as nearly all are: of what they must have and nothing else.

A long conversation is made of four shapes: a message of texts, a call, what a call gave, and encrypted reasoning with
its summary. All that is not so plain is read by :mod:`.request_items`, with care. An id, ``status: completed`` and
empty lists say nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wiremend.message import CustomToolUse, Redacted, Text, Thinking, ToolResult, ToolUse
from wiremend.protocols.envelope import PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wiremend.message import Part
    from wiremend.protocols.codec import Path, Places
    from wiremend.protocols.responses.request_values import Json, Where

_TEXTS: Final = frozenset({"input_text", "output_text", "text"})
_CALLS: Final = frozenset({"function_call", "custom_tool_call"})
_OUTPUTS: Final = frozenset({"function_call_output", "custom_tool_call_output"})


def size_of(item: Json) -> int:
    """Count the fields of an item that say something."""
    size = len(item)
    if "status" in item and item["status"] == "completed":
        size -= 1
    return size - 1 if "id" in item else size


def _call(item: Json) -> ToolUse | CustomToolUse | None:
    custom = item["type"] == "custom_tool_call"
    call, name, said = item.get("call_id"), item.get("name"), item.get("input" if custom else "arguments")
    if not (isinstance(call, str) and isinstance(name, str) and isinstance(said, str) and call and name):
        return None
    if len(item) != 4 != size_of(item):  # noqa: PLR2004 - its type and these three
        return None
    return CustomToolUse(call, name, said) if custom else ToolUse(call, name, said or "{}")


def _output(item: Json) -> ToolResult | None:
    call, text = item.get("call_id"), item.get("output")
    if not (isinstance(call, str) and isinstance(text, str) and call):
        return None
    if len(item) != 3 != size_of(item):  # noqa: PLR2004 - its type and these two
        return None
    return ToolResult(call, (Text(text),), None, item["type"] == "custom_tool_call_output")


def _reasoning(item: Json) -> Thinking | Redacted | None:
    proof, summary, ident = item.get("encrypted_content"), item.get("summary"), item.get("id")
    if not isinstance(proof, str) or not proof or proof.startswith(PREFIX) or not isinstance(summary, list):
        return None
    if size_of(item) - ("content" in item and not item["content"]) != 3:  # noqa: PLR2004 - its type and these two
        return None
    if ident is not None and not isinstance(ident, str):
        return None
    if not summary:
        return Redacted(proof, ident or "")
    text = summary[0].get("text") if len(summary) == 1 and isinstance(summary[0], dict) else None
    return Thinking(text, None, proof, summary=True, id=ident) if isinstance(text, str) and text else None


USUAL: Final[Mapping[str, Callable[[Json], Part | None]]] = {
    "function_call": _call,
    "custom_tool_call": _call,
    "function_call_output": _output,
    "custom_tool_call_output": _output,
    "reasoning": _reasoning,
}
"""Type of an item -> what reads those that are as usual; it gives None for others."""


def usual_texts(item: Json) -> list[Text] | None:
    """Read the content of a message of texts."""
    content = item.get("content")
    if content is None or size_of(item) != (3 if "type" in item else 2):
        return None
    if isinstance(content, str):
        return [Text(content)]
    if not isinstance(content, list):
        return None
    found = []
    for part in content:
        text = _text(part)
        if text is None:
            return None
        found.append(Text(text))
    return found


def _text(part: object) -> str | None:
    if not isinstance(part, dict):
        return None
    size = len(part)
    if size > 2:  # noqa: PLR2004 - its type and its text
        size -= ("annotations" in part and part["annotations"] == []) + ("logprobs" in part and part["logprobs"] == [])
    kind, text = part.get("type"), part.get("text")
    if size != 2 or not isinstance(kind, str) or kind not in _TEXTS or not isinstance(text, str):  # noqa: PLR2004 - as above
        return None
    return text


def put_usual(item: Json, path: Path, first: int, where: Where, places: Places) -> None:
    """Say where the parts of an item stood; ``path`` leads to the parts of its message, ``first`` is its first."""
    kind = item.get("type")
    if kind == "reasoning":
        places.put((*path, first), *where)
        for field, name in (
            ("encrypted", "encrypted_content"),
            ("signature", "encrypted_content"),
            ("text", "summary"),
        ):
            places.put((*path, first, field), *where, name)
    elif isinstance(kind, str) and (kind in _OUTPUTS or kind in _CALLS):
        places.put((*path, first), *where)
        places.put((*path, first, "id"), *where, "call_id")
        if kind in _OUTPUTS:
            places.put((*path, first, "parts", 0), *where, "output")
    elif isinstance(item["content"], str):
        places.put((*path, first), *where, "content")
    else:
        for number in range(len(item["content"])):
            places.put((*path, first + number), *where, "content", number)
