"""Reads the conversation of a request of the chat wire.

======================  ==============================================================================================
message                 becomes
======================  ==============================================================================================
``system``, ``user``…   a message of that role; ``name`` is kept, the content read by :mod:`request_read_parts`
``assistant``           reasoning (:mod:`request_thoughts`), content, ``refusal``, ``tool_calls``, in this order
``tool``                a ToolResult in a user message; ``custom`` where its call is of a custom tool
``function``            the same, for the call of that name that has no result yet
``function_call``       a ToolUse; it has no id, so one is made of the message's place
``audio``               an extra of the message, as all that is not named here
======================  ==============================================================================================

Results in a row, and the user message behind them, are one message (the hub's normal form). A tool message without an
id answers the first call that has no result yet. The mark for the cache on the last part of a tool message is the
result's own. Roles that the wire does not have, and contents of a wrong type, are refused.
"""

from __future__ import annotations

from bisect import bisect_left
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Literal, cast

import msgspec

from wiremend.message import CustomToolUse, Message, Refusal, Text, ToolResult, ToolUse, Unknown
from wiremend.protocols.chat.request_read_parts import read_content
from wiremend.protocols.chat.request_thoughts import FIELDS, Found, read_thoughts
from wiremend.protocols.chat.request_usual import put_usual, usual_said, usual_text
from wiremend.protocols.chat.request_values import At, Json, items, mapping, refusal, rest, text
from wiremend.protocols.chat.values import encode
from wiremend.protocols.codec import Loss, Places

if TYPE_CHECKING:
    from wiremend.message import Document, Image, Role
    from wiremend.protocols.codec import Path

type _Given = Text | Image | Document | Unknown

_ROLES: Final = "system, developer, user, assistant or tool"
_PLAIN: Final = frozenset({"role", "content", "name"})
_ASSISTANT: Final = frozenset({"role", "content", "name", "refusal", "tool_calls", "function_call", *FIELDS})
_RESULT: Final = frozenset({"role", "content", "tool_call_id"})
_FUNCTION: Final = frozenset({"role", "content", "name"})
_CALL: Final = frozenset({"id", "type", "function", "custom", "index"})
_INNER: Final = frozenset({"name", "arguments", "input"})


class Conversation:
    """Reads messages one by one; ``messages`` is what they have become, ``losses`` what was made up."""

    def __init__(self, places: Places) -> None:
        """Begin with no message."""
        self.messages: list[Message] = []
        self.losses: list[Loss] = []
        self._places = places
        self._usual_at: list[tuple[int, int, int]] = []  # of each: its message, its number in the body, its first part
        self._results: list[ToolResult] = []
        self._custom: set[str] = set()
        self._open: dict[str, str] = {}  # id of a call without a result -> its name

    def read(self, values: object) -> tuple[Message, ...]:
        """Read all messages. Raises TranslationError, with the place, for what is none."""
        if not isinstance(values, list):
            raise refusal(("messages",), "must be the list of messages")
        for number, value in enumerate(values):
            if not isinstance(value, dict):
                raise refusal(("messages", number), "must be a message: an object with a role")
            role = value.get("role")
            if not self._usual(value, number, role):
                self._read(value, number, role)
        self._flush()
        self._places.later(partial(_put_places, self._usual_at, values))
        return tuple(self.messages)

    def _stood(self, path: Path, found: list[Found], first: int = 0) -> None:
        """Say where parts stood; ``path`` leads to their list, ``first`` is the number of the first."""
        for number, (part, at) in enumerate(found, first):
            self._places.put((*path, number), *at)
            if getattr(part, "cache", None) is not None:
                self._places.put((*path, number, "cache"), *at, "cache_control")

    def _usual(self, message: Json, number: int, role: object) -> bool:
        """Read a message as nearly all are; tells whether it is one."""
        if role == "tool":
            ident, text = message.get("tool_call_id"), usual_text(message, 3)
            if text is None or not isinstance(ident, str) or not ident:
                return False
            self._usual_at.append((len(self.messages), number, len(self._results)))
            self._open.pop(ident, None)
            self._results.append(ToolResult(ident, (text,), None, ident in self._custom))
            return True
        if role == "assistant":
            parts = usual_said(message)
            if parts is None:
                return False
            for part in parts:
                if type(part) is ToolUse:
                    self._open[part.id] = part.name
                    self._custom.discard(part.id)
            self._flush()
        elif role == "system" or (role == "user" and not self._results):
            text = usual_text(message, 2)
            if text is None:
                return False
            self._flush()
            parts = [text]
        else:
            return False
        self._usual_at.append((len(self.messages), number, 0))
        self.messages.append(Message(role, tuple(parts)))
        return True

    def _read(self, message: Json, number: int, role: object) -> None:
        if role == "tool" or role == "function":  # noqa: PLR1714  what has no hash must not be looked up
            self._result(message, number, role)
        elif role == "user":
            self._user(message, number)
        elif role == "assistant":
            self._flush()
            self._assistant(message, number)
        elif role == "system" or role == "developer":  # noqa: PLR1714  as above
            self._flush()
            self._add(message, number, role, self._content(message, number, role))
        else:
            raise refusal(("messages", number, "role"), f"must be {_ROLES}")

    # -- messages

    def _content(self, message: Json, number: int, role: str) -> list[Found]:
        content = message.get("content")
        if isinstance(content, str):
            return [(Text(content), ("messages", number, "content"))] if content else []
        return read_content(content, ("messages", number, "content"), role)

    def _add(self, message: Json, number: int, role: Role, found: list[Found], known: frozenset[str] = _PLAIN) -> None:
        index = len(self.messages)
        if index != number:
            self._places.put(("messages", index), "messages", number)
        self._stood(("messages", index, "parts"), found)
        parts = tuple([part for part, _ in found])
        name = message.get("name")
        if name is None and message.keys() <= known:
            self.messages.append(Message(role, parts))
            return
        name = text(name, ("messages", number, "name")) or None
        self.messages.append(Message(role, parts, name, extra=rest(message, known)))

    def _user(self, message: Json, number: int) -> None:
        found = self._content(message, number, "user")
        if not self._results:
            self._add(message, number, "user", found)
            return
        index, before = len(self.messages), len(self._results)
        self._stood(("messages", index, "parts"), found, before)
        for field in ("name", "extra"):
            self._places.put(("messages", index, field), "messages", number, *(() if field == "extra" else (field,)))
        name = text(message.get("name"), ("messages", number, "name"))
        parts = (*self._results, *[part for part, _ in found])
        self.messages.append(Message("user", parts, name or None, extra=rest(message, _PLAIN)))
        self._results = []

    def _flush(self) -> None:
        """End a message of results alone."""
        if self._results:
            self.messages.append(Message("user", tuple(self._results)))
            self._results = []

    # -- what an assistant said

    def _assistant(self, message: Json, number: int) -> None:
        at: At = ("messages", number)
        found = read_thoughts(message, at) if not message.keys().isdisjoint(FIELDS) else []
        content = message.get("content")
        if content is not None:
            found += self._content(message, number, "assistant")
        refused = message.get("refusal")
        if refused is not None and text(refused, (*at, "refusal")):
            found.append((Refusal(refused), (*at, "refusal")))
        calls = message.get("tool_calls")
        if calls is not None:
            for order, value in enumerate(items(calls, (*at, "tool_calls"))):
                place = (*at, "tool_calls", order)
                found.append((self._call(value, place), place))
        if message.get("function_call") is not None:
            place = (*at, "function_call")
            path: Path = ("messages", len(self.messages), "parts", len(found), "id")
            call = self._call({"function": message["function_call"], "id": f"call_{number}"}, place)
            found.append((call, place))
            self._invented(path, "an id was made for the call", "the API had none when it had function_call")
        self._add(message, number, "assistant", found, _ASSISTANT)

    def _call(self, value: object, at: At) -> ToolUse | CustomToolUse:
        call = mapping(value, at) or {}
        kind: Literal["custom", "function"] = "function"
        inner = call.get("function")
        if not isinstance(inner, dict):
            if isinstance(call.get("custom"), dict):
                kind = "custom"
            inner = mapping(call.get(kind), (*at, kind))
            if inner is None:
                raise refusal(at, "must be a call: an object with its function")
        name, ident = inner.get("name"), call.get("id")
        if not isinstance(name, str) or not name:
            raise refusal((*at, kind, "name"), "must be the name of the function that was called")
        if not isinstance(ident, str) or not ident:
            raise refusal((*at, "id"), "must be the call's id, by which its result is found")
        extra: Json = {}
        if not (call.keys() <= _CALL and inner.keys() <= _INNER):
            extra = rest(call, _CALL)
            if more := rest(inner, _INNER):
                extra[kind] = more
        self._open[ident] = name
        if kind == "custom":
            self._custom.add(ident)
            return CustomToolUse(ident, name, text(inner.get("input"), (*at, kind, "input")) or "", extra=extra)
        self._custom.discard(ident)
        return ToolUse(ident, name, _arguments(inner.get("arguments")), extra=extra)

    # -- what tools gave

    def _result(self, message: Json, number: int, role: str) -> None:
        at: At = ("messages", number)
        path: Path = ("messages", len(self.messages), "parts", len(self._results))
        if not self._results and path[1] != number:
            self._places.put(path[:2], *at)
        self._places.put(path, *at)
        found = self._content(message, number, role)
        cache = None
        if found:
            last, place = found[-1]
            cache = None if isinstance(last, Unknown) else last.cache
            if cache is not None:
                found[-1] = (msgspec.structs.replace(last, cache=None), place)
                self._places.put((*path, "cache"), *place, "cache_control")
            self._stood((*path, "parts"), found)
        ident = message.get("tool_call_id")
        if not isinstance(ident, str) or not ident:
            text(ident, (*at, "tool_call_id"))
            ident = self._unanswered(message, at, path)
        self._open.pop(ident, None)
        known = _FUNCTION if role == "function" else _RESULT
        extra = {} if message.keys() <= known else rest(message, known)
        parts = cast("tuple[_Given, ...]", tuple([part for part, _ in found]))  # what only assistants say is Unknown
        self._results.append(ToolResult(ident, parts, custom=ident in self._custom, cache=cache, extra=extra))

    def _unanswered(self, message: Json, at: At, path: Path) -> str:
        """Find the call that a result without an id is of."""
        name = message.get("name")
        calls = list(self._open.items())
        ident = next((ident for ident, called in calls if called == name), calls[0][0] if calls else None)
        if ident is None:
            raise refusal((*at, "tool_call_id"), "must be the id of the call that this is the result of")
        if message.get("role") == "tool":
            self._invented((*path, "id"), "taken for the result of the first call without one", "it has no id")
        return ident

    def _invented(self, path: Path, what: str, why: str) -> None:
        self.losses.append(Loss("invented", path, "tool_call_id", what, why))


def _put_places(usual: list[tuple[int, int, int]], values: list[Any], places: Places, index: int) -> None:
    """Say where a message stood, as far as it is a usual one."""
    for message, number, first in islice(usual, bisect_left(usual, (index,)), None):
        if message != index:
            return
        put_usual(values[number], number, index, first, places)


def _arguments(value: object) -> str:
    """Give the JSON text of arguments; some servers send the object itself."""
    if isinstance(value, str):
        return value if value.strip() else "{}"
    return "{}" if value is None else encode(value).decode()
