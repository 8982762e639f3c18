"""The tool calls of a stream that is being mended: which call each piece belongs to, and the piece as it must leave.

Which call is told by :class:`wiremend.protocols.chat.calls.Calls`, with three cases more, for which a contract has no
use and a mender has: an index that is in use, without an id but with a name again, is a new call where the name is
another one or the arguments were whole already; an id that is in use, at a new index, is a new call where the arguments
were whole already; and an id that comes late belongs to the call that is held for its name.

A call is held until its name is there, because no client takes one without (quirk ``tool-name-late``); it gets its
index when it leaves, so that indexes are dense whatever waits. What no one can make a call of raises
:class:`BrokenStreamError`: an agent must not go on as if the model had not called.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from wiremend.errors import WiremendError
from wiremend.protocols.chat.calls import Call, Calls
from wiremend.protocols.chat.faults import is_index, is_number, whole_arguments
from wiremend.protocols.chat.values import encode, is_foreign
from wiremend.protocols.failure import Failure, failure_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wiremend.protocols.chat.choices import Choices
    from wiremend.protocols.mending import Origin

type Json = dict[str, Any]

HELD: Final = 64 * 1024
"""Characters that the calls of a stream may have together while their names are awaited."""

UPSTREAM: Final = 502
_OWN: Final = frozenset({"index", "id", "type", "function"})
_FLAT: Final = frozenset({"name", "arguments"})
_PLACEHOLDERS: Final = frozenset({"{}", "null"})
_LONGEST_PLACEHOLDER: Final = 8
_MAX_INDEX_DIGITS: Final = 3


class BrokenStreamError(WiremendError):
    """A stream that no mend makes legal: ``code`` names the breach, ``failure`` is what the client is told."""

    def __init__(self, code: str, message: str, pointer: str = "") -> None:
        """Say what is wrong, as the provider's fault."""
        self.code = code
        self.pointer = pointer
        self.failure = Failure("upstream", UPSTREAM, message)
        super().__init__(message)


def ended_with(item: Json) -> BrokenStreamError:
    """Give the error for a choice whose finish reason tells a failure: its own ``error`` (OpenRouter), if any."""
    error = BrokenStreamError("chat.finish.unknown", f"the provider ended its answer with {item['finish_reason']!r}")
    if item.get("error"):
        error.failure = failure_of(item["error"])
    return error


class Recall(Protocol):
    """Takes back the placeholder arguments of a call, in an event that is still held; False if it has left."""

    def __call__(self, choice: int, call: int, arguments: str) -> bool:
        """Put ``arguments`` in their place."""


@dataclass(slots=True)
class Piece(Call):
    """A call that is being mended.

    ``given`` is the index under which it left, None while it is held. ``own`` is its id and ``label`` its name, where
    it has told them; ``shared`` is an id that another call has as well. ``held`` are arguments, ``extra`` and ``inner``
    other fields of it and of its function, that wait for the name. ``fresh`` are the functions in the chunk at hand,
    which the guard has not seen yet.
    """

    given: int | None = None
    own: str | None = None
    label: str | None = None
    shared: str | None = None
    held: str = ""
    extra: Json = field(default_factory=dict)
    inner: Json = field(default_factory=dict)
    fresh: list[Json] = field(default_factory=list)


class Pieces:
    """The tool calls of one choice.

    ``choices`` are the states of what was given out (the guard's), ``choice`` is the index of this one there. ``lost``
    tells that something in the place of a call could not be read as one.
    """

    __slots__ = ("_budget", "_calls", "_choice", "_choices", "_count", "_legacy", "_mint", "_recall", "lost")

    def __init__(self, choice: int, choices: Choices, origin: Origin, recall: Recall) -> None:
        """Go on from what was given out so far."""
        self.lost = False
        self._choice = choice
        self._choices = choices
        self._recall = recall
        self._mint = origin.mint
        self._budget = HELD
        self._calls = Calls(Piece)
        self._legacy: Piece | None = None
        state = choices.by_index.get(choice)
        given = state.calls if state is not None else Calls(Call)
        for call in given.every:
            name = "" if call.name == "named" else None  # sound so far, so it had a name, whichever
            piece = Piece(call.index, call.fault, call.id, call.type, call.name, given=call.index, label=name)
            piece.foreign = call.foreign
            self._calls.every.append(piece)
        self._calls.sent = {index: self._calls.every[call.index] for index, call in given.sent.items()}
        self._calls.ids = {ident: self._calls.every[call.index] for ident, call in given.ids.items()}
        self._calls.latest = None if given.latest is None else self._calls.every[given.latest.index]
        self._count = len(given.every)

    @property
    def any(self) -> bool:
        """Tell whether a call was given out."""
        return self._count > 0

    def legacy(self, function: object) -> list[Json]:
        """Turn a ``function_call`` into pieces of a tool call."""
        if not isinstance(function, dict):
            self.lost = True
            return []
        entry: Json = {"function": function}
        if self._legacy is None or (function.get("name") and self._is_whole(self._legacy)):
            self._legacy = self._calls.new(None)
        return self._take(self._legacy, entry, function)

    def entry(self, entry: object) -> list[Json]:
        """Give what leaves for a piece of a tool call: itself as it must be, or nothing."""
        if not isinstance(entry, dict):
            self.lost = self.lost or entry is not None
            return []
        function = entry.get("function")
        if not isinstance(function, dict):
            if is_foreign(entry) or (function is None and self._goes_on_foreign(entry)):
                return [self._foreign(entry)]
            if function:
                raise BrokenStreamError(
                    "chat.tool-call.function-type", "the provider sent a tool call that cannot be read"
                )
            function = {name: entry[name] for name in ("name", "arguments") if name in entry}
            entry = {name: value for name, value in entry.items() if name not in _FLAT}
            if not function and not _ident(entry) and not entry.keys() - _OWN:
                return []  # padding
        name = function.get("name")
        nothing = not name and not function.get("arguments") and not _ident(entry) and not entry.keys() - _OWN
        place = _place(entry.get("index"))
        if nothing and (self._calls.latest is None if place is None else place not in self._calls.sent):
            return []
        call = self._find(place, _ident(entry), name if isinstance(name, str) and name else None, _text(function))
        return self._take(call, entry, function)

    def settle(self, reason: str | None) -> tuple[str, list[Json]]:
        """End the calls: give the finish reason that they allow, and the pieces that must come before it."""
        if reason in {"length", "content_filter"}:
            return reason, []
        for call in self._calls.every:
            if call.given is None and call.held.strip() not in {"", *_PLACEHOLDERS}:
                raise BrokenStreamError("chat.tool-call.name-missing", "the provider sent a tool call without a name")
            self.lost = self.lost or (call.given is None and bool(call.own))
        verdicts = [(call, self._verdict(call)) for call in self._calls.every if call.given is not None]
        if any(verdict == "truncated" for _, verdict in verdicts):
            return "length", []
        added: list[Json] = []
        for call, verdict in verdicts:
            if verdict == "empty":
                added += self._fill(call)
        if self.any:
            return ("function_call" if reason == "function_call" and self._legacy is None else "tool_calls"), added
        if self.lost:
            raise BrokenStreamError("chat.finish.no-tools", "the provider sent a tool call that cannot be read")
        return "stop", []

    def flush(self) -> None:
        """Take note that the chunk at hand was given out."""
        for call in self._calls.every:
            call.fresh.clear()

    def _take(self, call: Piece, entry: Json, function: Json) -> list[Json]:
        name = function.get("name")
        label = name if isinstance(name, str) and name else None
        call.own = call.own or _ident(entry)
        extra = {key: value for key, value in entry.items() if key not in _OWN}
        inner = {key: value for key, value in function.items() if key not in _FLAT}
        if call.given is None and label is None:
            self._hold(call, _text(function), extra, inner)
            return []
        if call.given is None:
            self._hold(call, _text(function), extra, inner)
            return [self._open(call, label or "")]
        text = self._real(call, _text(function))
        fixed: Json = {"index": call.given, **extra}
        if entry.get("type") == "function":
            fixed["type"] = "function"
        if "id" in entry and (entry["id"] is None or entry["id"] == ""):
            fixed["id"] = entry["id"]
        fixed["function"] = inner
        if "name" in function and (name is None or name == ""):
            inner["name"] = name
        if isinstance(function.get("arguments"), str) or text:
            inner["arguments"] = text
        bare = not isinstance(entry.get("function"), dict) or function.get("arguments") is not None
        empty = not text and not extra and not inner.keys() - _FLAT
        if empty and bare and function.get("arguments") != "":
            return []
        call.fresh.append(inner)
        return [fixed]

    def _open(self, call: Piece, label: str) -> Json:
        """Give the first piece of a call, with all that was held of it."""
        call.label = label
        call.given, self._count = self._count, self._count + 1
        call.id = "known" if call.own else "minted"
        call.name = "named"
        ident = call.own or self._mint("call", self._choice * 1000 + call.given)
        function: Json = {"name": label, "arguments": call.held, **call.inner}
        opened = {"index": call.given, "id": ident, "type": "function", "function": function, **call.extra}
        self._budget += len(call.held)
        call.held, call.extra, call.inner = "", {}, {}
        call.fresh.append(function)
        return opened

    def _hold(self, call: Piece, text: str, extra: Json, inner: Json) -> None:
        placeholder = call.held.strip() in _PLACEHOLDERS and bool(text.strip())
        call.held = text if placeholder else call.held + text
        call.extra |= extra
        call.inner |= inner
        self._budget -= len(text) + (len(encode([extra, inner])) if extra or inner else 0)
        call.id = "minted" if call.own is None else "known"
        if self._budget < 0:
            raise BrokenStreamError("chat.tool-call.name-missing", "the provider sent a tool call without a name")

    def _foreign(self, entry: Json) -> Json:
        """Pass on a call that is none of a function (OpenAI's custom tools); whoever asked for it can read it."""
        call = self._find(_place(entry.get("index")), _ident(entry), None, "")
        fixed = dict(entry)
        if call.given is None:
            call.given, self._count = self._count, self._count + 1
            call.own = _ident(entry) or self._mint("call", self._choice * 1000 + call.given)
            fixed["id"] = call.own
            call.foreign, call.id = True, "known"
        elif fixed.get("id"):
            del fixed["id"]
        if fixed.get("type", "") is None:
            del fixed["type"]
        fixed["index"] = call.given
        return fixed

    def _goes_on_foreign(self, entry: Json) -> bool:
        place = _place(entry.get("index"))
        call = self._calls.latest if place is None else self._calls.sent.get(place)
        return call is not None and call.foreign and entry.get("type", "custom") not in {"function", None}

    def _find(self, place: int | None, ident: str | None, name: str | None, text: str) -> Piece:
        calls = self._calls
        at = calls.latest if place is None else calls.sent.get(place)
        known = calls.ids.get(ident) if ident is not None else None
        if known is not None and place is not None and place not in calls.sent and name and self._is_whole(known):
            calls.latest = new = calls.new(place)  # its id is taken, so it gets another
            new.shared, new.own = ident, self._mint("call", self._choice * 1000 + new.index)
            return new
        if known is not None and at is not None and at.shared == ident:
            calls.latest = at
            return at
        if ident is not None and known is None and at is not None and at.given is None and at.own is None:
            calls.ids[ident] = calls.latest = at
            return at
        if ident is None and name and at is not None and at.given is not None:
            so_far = self._arguments(at)
            begins = bool(text.strip()) and self._is_whole(at) and text.strip() != so_far.strip()
            if place is not None and (begins or (at.label and name != at.label)):
                calls.latest = new = calls.new(place)
                return new
            if place is None and name == at.label and so_far.strip() and not self._is_whole(at):
                return at
        return calls.find(place, ident, named=bool(name))

    def _state(self, call: Piece) -> Call | None:
        """Give what the guard knows of a call."""
        state = self._choices.by_index.get(self._choice)
        if state is None or call.given is None or call.given >= len(state.calls.every):
            return None
        return state.calls.every[call.given]

    def _arguments(self, call: Piece) -> str:
        """Give the arguments so far; "" where they outgrew what is kept."""
        if call.given is None:
            return call.held
        state = self._state(call)
        old = state.pieces if state is not None else []
        return "" if old is None else "".join([*old, *_texts(call.fresh)])

    def _is_whole(self, call: Piece) -> bool:
        state = self._state(call)
        pieces = [*((state.pieces or ()) if state is not None else ()), *_texts(call.fresh), call.held]
        last = next((piece for piece in reversed(pieces) if piece.strip()), "")
        return last.rstrip().endswith("}") and whole_arguments("".join(pieces)) == "whole"

    def _real(self, call: Piece, text: str) -> str:
        """Give what of a piece's arguments must leave: a placeholder before it is taken back, a repetition dropped."""
        if not text.strip():
            return text
        state = self._state(call)
        length = state.length if state is not None and state.pieces is not None else 0
        if length <= _LONGEST_PLACEHOLDER and (so_far := self._arguments(call).strip()) in _PLACEHOLDERS:
            if text.strip() == so_far:
                return ""
            self._clear(call, "")
        elif text.lstrip().startswith("{") and self._is_whole(call) and text.strip() == self._arguments(call).strip():
            return ""
        return text

    def _clear(self, call: Piece, arguments: str) -> None:
        """Take back a placeholder, wherever it is."""
        for function in call.fresh:
            if "arguments" in function:
                function["arguments"] = ""
        state = self._state(call)
        if state is None or not state.pieces or not "".join(state.pieces).strip():
            return
        if call.given is None or not self._recall(self._choice, call.given, arguments):
            raise BrokenStreamError(
                "chat.tool-call.arguments-restarted", "the provider sent the arguments of a tool call twice"
            )
        self._choices.budget += state.length - len(arguments)
        state.pieces[:] = [arguments] if arguments else []
        state.length = len(arguments)

    def _fill(self, call: Piece) -> list[Json]:
        """Give a call that ends with no arguments an empty object."""
        if self._arguments(call).strip():  # null
            at_hand = bool("".join(_texts(call.fresh)).strip())
            self._clear(call, "{}")
            if not at_hand:
                return []
        if call.fresh:
            call.fresh[-1]["arguments"] = "{}"
            return []
        return [{"index": call.given, "function": {"arguments": "{}"}}]

    def _verdict(self, call: Piece) -> str:
        state = self._state(call)
        if call.foreign or (state is not None and state.pieces is None):
            return "whole"
        return whole_arguments(self._arguments(call))


def _texts(functions: Iterable[Json]) -> list[str]:
    return [function.get("arguments", "") for function in functions]


def _text(function: Json) -> str:
    """Give the text of the arguments; an object is the text that it stands for."""
    value = function.get("arguments")
    if isinstance(value, str):
        return value
    return "" if value is None else encode(value).decode()


def _ident(entry: Json) -> str | None:
    value = entry.get("id")
    if isinstance(value, str):
        return value or None
    return str(value) if is_number(value) else None


def _place(index: object) -> int | None:
    if isinstance(index, str) and index.isdecimal() and len(index) <= _MAX_INDEX_DIGITS:
        return int(index)
    if isinstance(index, float) and index.is_integer() and 0 <= index < 10**_MAX_INDEX_DIGITS:
        return int(index)
    return index if isinstance(index, int) and is_index(index) else None
