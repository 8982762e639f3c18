"""Reading the items of ``input`` into neutral messages.

=========================================== ======================================================================
``message``                                 a message of its role; an assistant's is part of the turn
``reasoning``                               ``Thinking``, or ``Redacted`` where it has no text; envelopes are opened
``function_call``, ``custom_tool_call``     ``ToolUse``, ``CustomToolUse``
``local_shell_call``                        ``ToolUse`` of the function that stands for the shell tool
``function_call_output`` and its like       ``ToolResult`` in the user's message
``item_reference``                          refused: the provider has not stored the item
any other type                              ``Unknown``: in the user's message where it is a result, else in the turn
=========================================== ======================================================================

What the model said in a row is one message, and so are results in a row with the user's message behind them.

The id of an item is not kept, but for that of encrypted reasoning, which is its issuer's to read again: an item is sent
whole, and its id only finds what a provider has stored. All of them together are one loss. Reasoning without text has
an id, "" where the client sent none: so ``Redacted`` of this wire and of the messages wire are told apart. What proves
reasoning to a provider of the chat wire is in ``extra``, and ``extra["wire"]`` says so.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final, cast, get_args

import msgspec

from wiremend.message import (
    CustomToolUse,
    Message,
    Redacted,
    Refusal,
    Role,
    Text,
    Thinking,
    ToolResult,
    ToolUse,
    Unknown,
)
from wiremend.protocols.codec import Loss
from wiremend.protocols.envelope import unseal
from wiremend.protocols.responses.patch import encode
from wiremend.protocols.responses.request_parts import read_content
from wiremend.protocols.responses.request_usual import USUAL, put_usual, usual_texts
from wiremend.protocols.responses.request_values import object_at, objects_at, rest_of, text_at, wrong

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wiremend.message import Part
    from wiremend.protocols.codec import Path, Places
    from wiremend.protocols.responses.request_tools import Naming
    from wiremend.protocols.responses.request_values import Json, Where

_ROLES: Final = frozenset(get_args(Role.__value__))
_MESSAGE: Final = frozenset({"type", "id", "role", "content"})
_REASONING: Final = frozenset({"type", "id", "summary", "content", "encrypted_content"})
_CALL: Final = frozenset({"type", "id", "call_id", "name", "namespace", "arguments", "input", "action"})
_OUTPUT: Final = frozenset({"type", "id", "call_id", "name", "namespace", "output"})
_GIVEN: Final = frozenset({"mcp_approval_response", "additional_tools", "configuration_update", "compaction_trigger"})
"""Items of types of their own that the client says, besides those whose type ends with ``_output``."""
STORED: Final = "the provider has no stored {what}: send the whole conversation as input, and set store to false"


class _Turn(msgspec.Struct):
    """A message that is being read. ``open``: what may still become a part of it.

    ``where`` is the place of the item that it begins with. ``usual`` are items whose places are put when they are asked
    for: the number of each in ``input``, and of its first part.
    """

    role: Role
    path: Path
    open: str
    where: Where
    parts: list[Part] = []
    extra: Json = {}
    usual: list[tuple[int, int]] = []


class ItemReader:
    """Reads items one by one; ``messages`` gives what they make."""

    def __init__(self, places: Places, naming: Naming) -> None:
        """Begin a conversation."""
        self.losses: list[Loss] = []
        self._places = places
        self._naming = naming
        self._turns: list[_Turn] = []
        self._shells: dict[str, str] = {}  # the id of an item -> the id of its call
        self._left = 0
        self._items: list[object] = []

    def instruct(self, text: str) -> None:
        """Begin with a system prompt."""
        turn = self._begin("system", "", ("instructions",))
        turn.parts.append(Text(text))
        self._places.put((*turn.path, "parts", 0), "instructions")

    def read(self, given: object) -> None:
        """Read ``input``. Raises TranslationError for what is none."""
        if given is None:
            return
        if isinstance(given, str):
            self._message({"role": "user", "content": given}, ("input",), ("input",))
            return
        if not isinstance(given, list):
            raise wrong(("input",), "this must be a string or a list of items")
        self._items = given
        for index, item in enumerate(given):
            if isinstance(item, str):
                self._item({"role": "user", "content": item}, ("input", index))
            elif not self._usual(item, index):
                self._item(item, ("input", index))

    def messages(self) -> tuple[Message, ...]:
        """Give what was read."""
        self._places.later(partial(_put_places, self._turns, self._items))
        if self._left > 1:
            self.losses[0] = replace(self.losses[0], what=f"the ids of {self._left} items are left out")
        return tuple([Message(turn.role, tuple(turn.parts), None, None, turn.extra) for turn in self._turns])

    # --- turns

    def _begin(self, role: Role, what: str, where: Where) -> _Turn:
        turn = _Turn(role, ("messages", len(self._turns)), what, where)
        self._turns.append(turn)
        return turn

    def _turn(self, what: str, where: Where) -> _Turn:
        """Give the message that takes the next part of this kind: ``said`` by the model, or ``given`` to it."""
        if self._turns and self._turns[-1].open == what:
            return self._turns[-1]
        return self._begin("assistant" if what == "said" else "user", what, where)

    def _speaks(self, role: Role, where: Where) -> _Turn:
        """Give the message that takes what an item of type ``message`` says."""
        if role == "assistant":
            return self._turn("said", where)
        if role == "user" and self._turns and self._turns[-1].open == "given":
            turn = self._turns[-1]
            turn.open = ""
            return turn
        return self._begin(role, "", where)

    def _add(self, turn: _Turn, part: Part, where: Where) -> Path:
        path: Path = (*turn.path, "parts", len(turn.parts))
        self._places.put(path, *where)
        turn.parts.append(part)
        return path

    def _leave_id(self, item: Json, path: Path, where: Where) -> None:
        """Count the id of an item, which the hub has no place for."""
        if not item.get("id"):
            return
        self._left += 1
        if self._left == 1:
            here = (*path[:2], "id")
            self._places.put(here, *where, "id")
            why = "items are sent whole, and an id only finds what a provider has stored"
            self.losses.insert(0, Loss("lost", here, "item_id", "the id of an item is left out", why))

    # --- items

    def _usual(self, item: object, index: int) -> bool:
        """Read an item of a usual shape; tells whether it is one."""
        if not isinstance(item, dict):
            return False
        kind = item.get("type")
        if kind == "message" or (kind is None and "type" not in item):
            texts, role = usual_texts(item), item.get("role")
            if texts is None or not isinstance(role, str) or role not in _ROLES:
                return False
            turn = self._speaks(cast("Role", role), ("input", index))
            turn.usual.append((index, len(turn.parts)))
            turn.parts += texts
        else:
            reader = USUAL.get(kind) if isinstance(kind, str) else None
            part = None if reader is None else reader(item)
            if part is None or (type(part) is ToolResult and part.id in self._shells):
                return False
            what = "given" if type(part) is ToolResult else "said"
            turns = self._turns
            turn = turns[-1] if turns and turns[-1].open == what else self._turn(what, ("input", index))
            turn.usual.append((index, len(turn.parts)))
            turn.parts.append(part)
        if "id" in item and kind != "reasoning":
            self._leave_id(item, turn.path, ("input", index))
        return True

    def _item(self, item: object, where: Where) -> None:
        if not isinstance(item, dict):
            raise wrong(where, "this must be an item: an object")
        kind = item.get("type") or ("message" if "role" in item else "item_reference" if "id" in item else None)
        if kind == "item_reference":
            raise wrong(where, STORED.format(what="items"))
        if not isinstance(kind, str):
            raise wrong((*where, "type"), "this item needs a type")
        reader = self._READERS.get(kind)
        if reader is not None:
            reader(self, item, where)
            return
        given = kind.endswith("_output") or kind in _GIVEN
        self._add(self._turn("given" if given else "said", where), Unknown(item), where)

    def _message(self, item: Json, where: Where, content: Where | None = None) -> None:
        role = item.get("role")
        if not isinstance(role, str) or role not in _ROLES:
            raise wrong((*where, "role"), "this must be user, assistant, system or developer")
        turn = self._speaks(cast("Role", role), where)
        place = content or (*where, "content")
        turn.parts += read_content(item.get("content"), turn.path, place, len(turn.parts), self._places)
        for name, value in rest_of(item, _MESSAGE).items():
            here: Path = (*turn.path, "extra", name)
            if turn.extra.get(name, value) != value:
                what = f"{name} of an item of the turn is left out"
                self.losses.append(Loss("lost", here, name, what, "what is said in a row is one turn"))
            else:
                turn.extra[name] = value
                self._places.put(here, *where, name)
        self._leave_id(item, turn.path, where)

    def _reasoning(self, item: Json, where: Where) -> None:
        shown = [text_at(part, "text", *where) or "" for part in objects_at(item, "content", *where)]
        summary = [text_at(part, "text", *where) or "" for part in objects_at(item, "summary", *where)]
        text = "".join(shown) or "\n\n".join(summary)
        encrypted, ident = text_at(item, "encrypted_content", *where), text_at(item, "id", *where)
        extra = rest_of(item, _REASONING)
        if shown and any(summary):
            extra["summary"] = item["summary"]
        if not (text or encrypted or extra):
            return  # it says nothing
        part: Part
        envelope = unseal(encrypted)
        if envelope is not None:
            part = _opened(envelope.wire, envelope.contents, text, summary=not shown)
        elif not encrypted:
            part = Thinking(text, summary=bool(summary) and not shown, extra=extra)
        elif text:
            part = Thinking(text, encrypted=encrypted, summary=not shown, id=ident, extra=extra)
        else:
            part = Redacted(encrypted, ident or "", extra=extra)
        path = self._add(self._turn("said", where), part, where)
        self._places.put((*path, "encrypted"), *where, "encrypted_content")
        self._places.put((*path, "signature"), *where, "encrypted_content")
        self._places.put((*path, "text"), *where, "content" if shown else "summary")
        if not encrypted:
            self._leave_id(item, path, where)

    def _function_call(self, item: Json, where: Where) -> None:
        arguments = item.get("arguments")
        if isinstance(arguments, dict | list):
            arguments = encode(arguments).decode()
        elif arguments is not None and not isinstance(arguments, str):
            raise wrong((*where, "arguments"), "this must be a string of JSON")
        name = self._naming.of(item, *where)
        call = ToolUse(_call_id(item, where), name, arguments or "{}", extra=rest_of(item, _CALL))
        self._call(call, item, where)

    def _custom_call(self, item: Json, where: Where) -> None:
        name = self._naming.of(item, *where)
        given = text_at(item, "input", *where) or ""
        self._call(CustomToolUse(_call_id(item, where), name, given, extra=rest_of(item, _CALL)), item, where)

    def _shell_call(self, item: Json, where: Where) -> None:
        action = object_at(item, "action", *where)
        said = {name: value for name, value in action.items() if name != "type" and value is not None}
        ident = _call_id(item, where)
        if isinstance(item.get("id"), str):
            self._shells[item["id"]] = ident
        path = self._call(
            ToolUse(ident, self._naming.shell(), encode(said).decode(), extra=rest_of(item, _CALL)), item, where
        )
        self._places.put((*path, "arguments"), *where, "action")

    def _call(self, call: ToolUse | CustomToolUse, item: Json, where: Where) -> Path:
        path = self._add(self._turn("said", where), call, where)
        self._places.put((*path, "id"), *where, "call_id")
        if item.get("call_id"):
            self._leave_id(item, path, where)
        return path

    def _output(self, item: Json, where: Where) -> None:
        custom = item["type"] == "custom_tool_call_output"
        turn = self._turn("given", where)
        path: Path = (*turn.path, "parts", len(turn.parts))
        parts = read_content(item.get("output"), path, (*where, "output"), 0, self._places)
        given = tuple(Text(part.text) if isinstance(part, Refusal) else part for part in parts)
        ident = _call_id(item, where)
        result = ToolResult(self._shells.get(ident, ident), given, custom=custom, extra=rest_of(item, _OUTPUT))
        self._add(turn, result, where)
        self._places.put((*path, "id"), *where, "call_id" if item.get("call_id") else "id")
        if item.get("call_id"):
            self._leave_id(item, path, where)

    _READERS: Final[Mapping[str, Callable[[ItemReader, Json, Where], None]]] = {
        "message": _message,
        "reasoning": _reasoning,
        "function_call": _function_call,
        "custom_tool_call": _custom_call,
        "local_shell_call": _shell_call,
        "function_call_output": _output,
        "custom_tool_call_output": _output,
        "local_shell_call_output": _output,
    }


def _put_places(turns: list[_Turn], items: list[object], places: Places, number: int) -> None:
    """Say where a message stood, and the usual items in it."""
    if number < len(turns):
        turn = turns[number]
        places.put(turn.path, *turn.where)
        for index, first in turn.usual:
            put_usual(cast("Json", items[index]), (*turn.path, "parts"), first, ("input", index), places)


def _opened(wire: str, contents: Mapping[str, str], text: str, *, summary: bool) -> Part:
    """Give reasoning as the wire that proves it has it."""
    if wire == "messages":
        if "data" in contents:
            return Redacted(contents["data"])
        return Thinking(contents.get("thinking", text), signature=contents.get("signature"))
    if wire == "chat":  # whose proofs are its own words
        return Thinking(text, extra={"wire": wire, **contents} if contents else {})
    encrypted, ident = contents.get("encrypted_content"), contents.get("id")
    if encrypted and not text:
        return Redacted(encrypted, ident or "")
    told = contents.get("field", "summary" if summary else "content")
    return Thinking(text, encrypted=encrypted, summary=told == "summary", id=ident)


def _call_id(item: Json, where: Where) -> str:
    """Give the id of a call, in whichever field it is."""
    ident = text_at(item, "call_id", *where) or text_at(item, "id", *where)
    if not ident:
        raise wrong((*where, "call_id"), "a call, and what it gave, need the id of the call")
    return ident
