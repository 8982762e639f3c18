"""What stands in an event's data: a JSON object, several, or none; and whether a tool's input is whole."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

if TYPE_CHECKING:
    from wiremend.sse import Event

UNREADABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError)
_CUT_NUMBER: Final = re.compile(rb"[0-9+.eE-]+\Z")


def is_utf8(raw: bytes) -> bool:
    """Tell whether bytes are UTF-8."""
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def refuse(constant: str) -> None:
    """Refuse what Python reads as a number and JSON does not know: NaN and the infinities."""
    raise ValueError(constant)


def verdict(text: bytes) -> Literal["whole", "cut", "broken"]:
    """Read the JSON text of a tool's input."""
    try:
        msgspec.json.decode(text, type=dict)
    except msgspec.ValidationError:
        return "broken"
    except UNREADABLE:
        try:
            msgspec.json.decode(_CUT_NUMBER.sub(b"", text), type=dict)
        except UNREADABLE as error:
            return "cut" if "truncated" in str(error) and text.lstrip().startswith(b"{") else "broken"
        return "broken"
    return "whole"


def documents(event: Event) -> tuple[str, list[dict[str, Any]]]:
    """Find the JSON objects of a block that is not framed as one event, and the code for that."""
    lines, stray = [], False
    for line in event.raw[event.lead :].splitlines():
        field, _, value = line.partition(b":")
        if field == b"data":
            lines.append(value)
        elif line.strip() and field not in {b"", b"event", b"id", b"retry"}:
            lines.append(line)
            stray = True
    if stray:
        return "messages.sse.unprefixed", objects([b"\n".join(lines)]) or objects(lines)
    return "messages.sse.merged", objects(lines)


def objects(texts: list[bytes]) -> list[dict[str, Any]]:
    """Read texts as JSON objects, passing over a ``[DONE]``; none where one of them is something else."""
    try:
        return [msgspec.json.decode(text, type=dict) for text in texts if text.strip() not in {b"", b"[DONE]"}]
    except UNREADABLE:
        return []
