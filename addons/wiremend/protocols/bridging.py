"""Gives tools back the form that the client knows: theory of operation.

A wire that has functions only, or takes fewer characters in a name, got some of the client's tools as functions of
another name (:class:`~wiremend.protocols.codec.Bridge`). Between the decoder and the sequencer, calls of these become
what the client offered.

**A name** is put back where the call begins. A call that has no name as yet is held until a second beginning brings it,
for only its name tells whether its arguments are to be read; beyond :data:`~wiremend.sequencer.HELD` characters, or
once the call or the stream ends, it leaves as it came. The sequencer holds such a call in any case.

**The input of a custom tool** is the string in the one property of the function's arguments. It is read piece by piece,
as it comes: a piece of JSON text gives what it says of the string, and nothing waits but an escape that is cut. What is
no such object (no object, another property first, a value that is no string) is given as it is, as text: that shows by
the first characters, so only those are held (:data:`HEAD` at most). What follows the string within the arguments, or an
end that never comes, is noted as lost.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

import msgspec
from msgspec import structs

from wiremend.events import CALLS, Delta, Ended, Finished, PartEnded, PartStarted
from wiremend.protocols.mending import Mend
from wiremend.sequencer import HELD, REMEMBERED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wiremend.events import Event
    from wiremend.protocols.codec import Bridges

HEAD: Final = 1024
"""Characters that may stand before the string: a brace, the property's name, a colon, and space."""

_AS_IT_IS: Final = "bridge.form"
_SPACE: Final = " \t\n\r"
_RUN: Final = re.compile(r'[^"\\]+')
_ESCAPES: Final[Mapping[str, str]] = MappingProxyType(
    {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
)
_HEX: Final = re.compile(r"[0-9a-fA-F]{4}")
_UNIT: Final = 6  # characters of \uXXXX
_HIGH: Final = range(0xD800, 0xDC00)
_LOW: Final = range(0xDC00, 0xE000)
_REPLACEMENT: Final = "\ufffd"


class InputReader:
    """Reads the string in an object of one property, piece by piece, out of JSON text that is cut anywhere.

    ``told`` is what was not as it should be, and came first: the kind of a mend, its code, some words. Else it is None.
    """

    def __init__(self, argument: str) -> None:
        """Begin before the first character. ``argument`` is the name of the property."""
        self.told: tuple[Literal["seen", "lost"], str, str] | None = None
        key = msgspec.json.encode(argument).decode()
        self._head = ("{", key, ":", '"')  # what comes before the string, with space between
        self._held = ""
        self._state = "head"

    def feed(self, text: str) -> str:
        """Take the next piece and give what it says of the string."""
        if self._held:
            text = self._held + text
            self._held = ""
        if self._state == "string":
            return self._string(text, 0) if '"' in text or "\\" in text else text
        if self._state == "head":
            return self._begin(text)
        if self._state == "plain":
            return text
        self._end(text)
        return ""

    def close(self) -> str:
        """Take the end and give what was held."""
        held, self._held = self._held, ""
        state, self._state = self._state, "closed"
        if state == "head":
            if held.strip():
                self._tell(_AS_IT_IS, "arguments that are no object of the one property are given as they are")
            return held
        if state == "string":
            self._tell("bridge.cut", "arguments that end within the input are given as far as they go")
        elif state == "tail":
            self._tell("bridge.cut", "arguments that end before their brace are given as far as they go")
        return ""

    def _begin(self, text: str) -> str:
        """Look for the beginning of the string; hold what may still be it."""
        at = 0
        for token in self._head:
            while at < len(text) and text[at] in _SPACE:
                at += 1
            piece = text[at : at + len(token)]
            if not token.startswith(piece):
                return self._plain(text)
            if piece != token:
                if len(text) > HEAD:
                    return self._plain(text)
                self._held = text
                return ""
            at += len(token)
        self._state = "string"
        return self._string(text, at)

    def _plain(self, text: str) -> str:
        self._state = "plain"
        self._tell(_AS_IT_IS, "arguments that are no object of the one property are given as they are")
        return text

    def _string(self, text: str, at: int) -> str:
        """Give the string from a place on, as far as the text goes."""
        found = []
        while at < len(text):
            if run := _RUN.match(text, at):
                found.append(run[0])
                at = run.end()
            elif text[at] == '"':
                self._state = "tail"
                self._end(text[at + 1 :])
                break
            else:
                said, end = self._escape(text, at)
                if end == at:
                    self._held = text[at:]
                    break
                found.append(said)
                at = end
        return found[0] if len(found) == 1 else "".join(found)

    def _escape(self, text: str, at: int) -> tuple[str, int]:
        """Read an escape; give what it says and where it ends, or where it began if it is cut."""
        kind = text[at + 1 : at + 2]
        if kind == "u":
            return self._coded(text, at)
        if kind and kind not in _ESCAPES:
            self._tell("bridge.escape", "an escape that JSON does not know is given as it is")
        return (_ESCAPES.get(kind, text[at : at + 2]), at + 2) if kind else ("", at)

    def _coded(self, text: str, at: int) -> tuple[str, int]:
        r"""Read ``\uXXXX``, or two of them that are one character."""
        unit, end = self._unit(text, at)
        if end == at:
            return "", at
        if unit is not None and unit in _HIGH and _may_be_unit(text, end):
            low, last = self._unit(text, end)
            if last == end:
                return "", at  # the second half is cut
            if low is not None and low in _LOW:
                return chr(0x10000 + ((unit - _HIGH.start) << 10) + (low - _LOW.start)), last
        return self._character(unit, text[at:end]), end

    def _unit(self, text: str, at: int) -> tuple[int | None, int]:
        r"""Read ``\uXXXX``: its number, None where it has none, and its end; the place itself where it is cut."""
        digits = text[at + 2 : at + _UNIT]
        if _HEX.fullmatch(digits):
            return int(digits, 16), at + _UNIT
        if len(digits) < _UNIT - 2 and all(digit in "0123456789abcdefABCDEF" for digit in digits):
            return None, at
        return None, at + 2

    def _character(self, unit: int | None, raw: str) -> str:
        if unit is None:
            self._tell("bridge.escape", "an escape that JSON does not know is given as it is")
            return raw
        if unit in _HIGH or unit in _LOW:
            self._tell("bridge.surrogate", "half a surrogate pair is replaced")
            return _REPLACEMENT
        return chr(unit)

    def _end(self, text: str) -> None:
        """Take what follows the string: a brace, and then space."""
        rest = text.strip(_SPACE)
        if self._state == "tail" and rest.startswith("}"):
            self._state = "done"
            rest = rest[1:].strip(_SPACE)
        if rest:
            self._state = "over"
            self._tell("bridge.more", "arguments beside the input are left out")

    def _tell(self, code: str, what: str) -> None:
        self.told = self.told or ("seen" if code == _AS_IT_IS else "lost", code, what)


def _may_be_unit(text: str, at: int) -> bool:
    r"""Tell whether ``\u`` stands at a place, as far as the text goes."""
    return "\\u".startswith(text[at : at + 2])


@dataclass(slots=True)
class _Held:
    """A call without a name, and its pieces."""

    start: PartStarted
    pieces: list[Delta] = field(default_factory=list)
    size: int = 0


@dataclass(frozen=True, slots=True)
class _Custom:
    """A call of a custom tool, as the far side began it and as the client knows it."""

    far: PartStarted
    near: PartStarted
    reader: InputReader


class Bridging:
    """Gives the tools of one stream back to the client; ``mends`` is what it did since it was last emptied.

    What goes through it is as the decoder gave it, but for calls of tools that have a bridge.
    """

    def __init__(self, bridges: Bridges) -> None:
        """Keep the tools that go by the name of a function on the far side."""
        self.mends: list[Mend] = []
        self._bridges = bridges
        self._customs: dict[int, _Custom] = {}
        self._held: dict[int, _Held] = {}

    def feed(self, event: Event) -> Sequence[Event]:
        """Take the next event and give what leaves for it."""
        if type(event) is Delta:
            return self._delta(event) if event.kind == "json" else (event,)
        if type(event) is PartStarted:
            return self._start(event) if event.kind in CALLS else (event,)
        if not (self._customs or self._held):
            return (event,)
        if type(event) is PartEnded:
            return [*self._shut(event.index), event]
        if type(event) is Finished or type(event) is Ended:
            return [*(one for index in sorted({*self._customs, *self._held}) for one in self._shut(index)), event]
        return (event,)

    def _delta(self, event: Delta) -> Sequence[Event]:
        index = event.index
        if index in self._customs:
            text = self._customs[index].reader.feed(event.text)
            return (Delta(index, "input", text),) if text else ()
        if index in self._held:
            call = self._held[index]
            call.pieces.append(event)
            call.size += len(event.text) + REMEMBERED
            return self._shut(index) if call.size > HELD else ()
        return (event,)

    def _start(self, event: PartStarted) -> Sequence[Event]:
        """Take the beginning of a call, or of one that had begun."""
        index = event.index
        custom = self._customs.get(index)
        if custom is not None and _goes_on(custom.far, event):
            return (structs.replace(custom.near, id=event.id, extra=event.extra),)
        held = self._held.get(index)
        if held is None or not _goes_on(held.start, event):
            return [*self._shut(index), *(self._begin(event) if event.name else self._hold(event))]
        first = held.start
        held.start = structs.replace(event, id=first.id or event.id, extra=first.extra or event.extra)
        if not event.name:
            return ()
        del self._held[index]
        out = [*self._begin(held.start)]
        for piece in held.pieces:
            out += self._delta(piece)
        return out

    def _begin(self, event: PartStarted) -> Sequence[Event]:
        """Give the beginning of a call as the client knows the tool."""
        bridge = self._bridges.get(event.name)
        if bridge is None or bridge.form == "local_shell":
            return (event,)
        near = structs.replace(event, name=bridge.name)
        if bridge.form == "custom" and event.kind == "tool_use":
            near = structs.replace(near, kind="custom_tool_use")
            self._customs[event.index] = _Custom(event, near, InputReader(bridge.argument))
        return (near,)

    def _hold(self, event: PartStarted) -> Sequence[Event]:
        if event.kind != "tool_use":
            return (event,)
        self._held[event.index] = _Held(event)
        return ()

    def _shut(self, index: int) -> Sequence[Event]:
        """Give what is held of a call that ends. One without a name goes as it came: the sequencer has words for it."""
        held = self._held.pop(index, None)
        if held is not None:
            return [held.start, *held.pieces]
        custom = self._customs.pop(index, None)
        if custom is None:
            return ()
        text = custom.reader.close()
        if custom.reader.told is not None:
            kind, code, what = custom.reader.told
            self.mends.append(Mend(kind, code, 0, f"/parts/{index}", what))
        return (Delta(index, "input", text),) if text else ()


def _goes_on(begun: PartStarted, event: PartStarted) -> bool:
    """Tell whether a beginning says again what had begun at the same index, as the sequencer tells it."""
    pairs = ((begun.id, event.id), (begun.name, event.name))
    return begun.kind == event.kind and all(not old or not new or old == new for old, new in pairs)
