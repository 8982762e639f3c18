"""Reads content blocks as nearly all are: of what they must have and nothing else.

A text, a call, its result that is one text, and signed thinking. All others are read with care by ``request_blocks``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wiremend.message import Text, Thinking, ToolResult, ToolUse
from wiremend.protocols.envelope import PREFIX
from wiremend.protocols.messages.request_values import json_text

if TYPE_CHECKING:
    from wiremend.protocols.messages.request_values import Json


def usual(raw: object) -> Text | ToolUse | ToolResult | Thinking | None:
    """Read a block of nothing but what such blocks always have; None for any other, which is to be read with care."""
    if not isinstance(raw, dict):
        return None
    kind, size = raw.get("type"), len(raw)
    if kind == "text":
        text = raw.get("text")
        return Text(text) if size == 2 and isinstance(text, str) else None  # noqa: PLR2004 - its type and this
    if kind == "tool_result":
        return _usual_result(raw, size)
    if kind == "tool_use" and size == 4:  # noqa: PLR2004 - its type and these three
        call, name, value = raw.get("id"), raw.get("name"), raw.get("input")
        if isinstance(call, str) and isinstance(name, str) and isinstance(value, dict):
            return ToolUse(call, name, json_text(value))
    elif kind == "thinking" and size == 3:  # noqa: PLR2004 - its type and these two
        text, proof = raw.get("thinking"), raw.get("signature")
        if isinstance(text, str) and isinstance(proof, str) and not proof.startswith(PREFIX):
            return Thinking(text, proof or None)
    return None


def _usual_result(raw: Json, size: int) -> ToolResult | None:
    call, content, failed = raw.get("tool_use_id"), raw.get("content"), raw.get("is_error")
    if not isinstance(call, str) or size != (3 if failed is None else 4):
        return None
    if isinstance(content, list) and len(content) == 1 and isinstance(content[0], dict):
        text = usual(content[0])
    else:
        text = Text(content) if isinstance(content, str) else None
    if not isinstance(text, Text) or (failed is not None and not isinstance(failed, bool)):
        return None
    return ToolResult(call, (text,), failed)
