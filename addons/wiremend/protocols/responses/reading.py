"""Reads what a provider sent without asking much of it: bytes as text, text as JSON, JSON as what it may be instead."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import msgspec

from wiremend.protocols import loose

if TYPE_CHECKING:
    from wiremend.sse import Event

UNREADABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError)
"""What a decoder raises."""

KEEP_ALIVE: Final = {"ping", "keepalive", "keep-alive", "keep_alive", "heartbeat"}
"""The types of events that say nothing."""

BROKEN: Final = object()
"""Stands for the value of what is no JSON."""

STATUSES: Final = {"completed": "completed", "failed": "failed", "incomplete": "incomplete", "cancelled": "failed"}
"""Final status of a response -> the event that says so."""

_ERROR_FIELDS: Final = ("error", "base_resp", "detail", "message")


def ending(document: dict[str, Any]) -> str:
    """Tell which event ends a stream whose last one has this data, by the status of its response."""
    response = document.get("response")
    status = response.get("status") if isinstance(response, dict) else None
    return f"response.{STATUSES.get(status, 'completed') if isinstance(status, str) else 'completed'}"


def is_utf8(event: Event) -> bool:
    """Tell whether all bytes of a block are UTF-8, those that no decoder of ours looks at too."""
    try:
        event.raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def in_utf8(event: Event) -> Event:
    """Give the event with U+FFFD for what is not UTF-8."""
    raw = event.raw.decode("utf-8", "replace").encode()
    data = None if event.data is None else event.data.decode("utf-8", "replace").encode()
    return msgspec.structs.replace(event, raw=raw, data=data)


def loose_json(data: bytes) -> Any:  # noqa: ANN401 - anybody's JSON
    """Decode any JSON; ``BROKEN`` if it is none."""
    try:
        return msgspec.json.decode(data)
    except UNREADABLE:
        return BROKEN


def lenient_json(data: bytes) -> Any:  # noqa: ANN401 - anybody's JSON
    """Decode what Python takes for JSON: with half a surrogate pair, NaN, or numbers of any size."""
    try:
        return json.loads(data)
    except UNREADABLE:
        return BROKEN


def is_error(document: dict[str, Any]) -> bool:
    """Tell whether a document is an error object; one that has a type is so by its ``error`` alone."""
    if document.get("type") is not None:
        return document.get("error") is not None
    return loose.error_of(msgspec.convert(document, loose.Document)) is not None


def error_at(document: dict[str, Any]) -> str:
    """Point to what makes a document an error."""
    return next((f"/{name}" for name in _ERROR_FIELDS if document.get(name)), "")


def is_chat(document: dict[str, Any]) -> bool:
    """Tell whether a document is of the chat wire."""
    return isinstance(document.get("choices"), list) or str(document.get("object")).startswith("chat.completion")
