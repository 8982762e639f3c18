"""What a message of a WebSocket of the responses wire says, and how one is made of a body, an event or an error."""

from __future__ import annotations

from typing import Final

import msgspec

from wiremend.errors import BodyError
from wiremend.jsonedit import Edit, apply, get, members
from wiremend.sse import EventParser

CREATE: Final = "response.create"
CREATED: Final = "response.created"
TERMINAL: Final = frozenset({"response.completed", "response.incomplete", "response.failed"})

_STREAM: Final = ("stream",)
_TYPE: Final = ("type",)
_LANE: Final = ("stream_id",)
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeError, RecursionError)


class Head(msgspec.Struct):
    """What of a message says what it is. ``stream_id`` names its lane."""

    type: str | None = None
    stream_id: str | None = None


class _Response(msgspec.Struct):
    id: str | None = None


class _Created(msgspec.Struct):
    response: _Response | None = None


class Said(msgspec.Struct):
    """An error of the WebSocket itself: the wire's error object, with the status that it would have had over HTTP."""

    error: dict[str, msgspec.Raw]
    status: int | None = None
    status_code: int | None = None

    @property
    def number(self) -> int | None:
        """The status, under either name; Codex knows both."""
        return self.status or self.status_code


_head: Final = msgspec.json.Decoder(Head).decode
_created: Final = msgspec.json.Decoder(_Created).decode
_error: Final = msgspec.json.Decoder(Said).decode


def head_of(data: bytes) -> Head | None:
    """Read what a message is; None where it does not say so."""
    try:
        return _head(data)
    except _UNREADABLE:
        return None


def ident_of(data: bytes) -> str:
    """Read the id of the response that begins; ``""`` where there is none."""
    try:
        response = _created(data).response
    except _UNREADABLE:
        return ""
    return (response.id if response is not None else None) or ""


def status_of(data: bytes) -> int | None:
    """Read the status of an error of the WebSocket itself; None where it is one of a stream, which has none.

    Codex heeds the first kind, and of the second waits for ``response.failed`` (openai/codex, responses_websocket.rs).
    """
    try:
        return _error(data).number
    except _UNREADABLE:
        return None


def as_body(data: bytes) -> tuple[bytes, bool]:
    """Give a ``response.create`` as the body that asks for the same over HTTP.

    A message need not say that it asks for a stream; tells too whether that had to be put in.
    """
    try:
        if members(data, "stream")[0]:
            return data, False
        return apply(data, [Edit("set", _STREAM, b"true")]).body, True
    except BodyError:
        return data, False


def as_message(body: bytes, *, added: bool) -> bytes:
    """Make a body that was rewritten a message again; ``added`` tells that ``stream`` was put in."""
    edits = [Edit("remove", _STREAM)] if added else []
    if get(body, _TYPE) is None:
        edits.append(Edit("set", _TYPE, msgspec.json.encode(CREATE)))
    return apply(body, edits).body


def events_in(given: bytes, lane: str | None) -> list[bytes]:
    """Give the events of a stream as the messages of a lane."""
    found = [one.data for one in EventParser(len(given) + 1).feed(given) if one.data is not None] if given else []
    return found if lane is None else [_on_lane(data, lane) for data in found]


def one_line(data: bytes) -> bytes:
    """Give a message as an event has it: line ends are LF there."""
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in data else data


def error_frame(status: int, body: bytes, lane: str | None) -> bytes:
    """Write an error as a WebSocket has it; ``body`` is that of the same error over HTTP."""
    named = b"" if lane is None else b',"stream_id":' + msgspec.json.encode(lane)
    return b'{"type":"error","status":%d,"error":%s%s}' % (status, get(body, ("error",)) or b"null", named)


def _on_lane(data: bytes, lane: str) -> bytes:
    return apply(data, [Edit("default", _LANE, msgspec.json.encode(lane))]).body
