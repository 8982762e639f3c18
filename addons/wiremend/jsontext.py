r"""A JSON text, opened as far as somebody looks into it, and written back with the bytes it had.

It is opened one container at a time, and cut like this::

    { "model" : "a" , "n" : 1e2 }
     ~~~~~~~~~~~                      head of the first slot
                ~~~                   its value
                   ~                  its tail; the comma after it belongs to no slot
                               ~      foot of the container

- :func:`open_text` gives each value of a container its *slot*. msgspec's ``Raw`` does this at C speed and checks the
  syntax of all that it skips; a value is then a view into the text.
- :meth:`Container.lay_out` runs only where something is about to change: it finds the text around the values.
- Writing joins untouched texts and new values, with a comma between slots: removing a slot removes its comma.

Three things do not fit that picture. Keys that repeat: ``Raw`` keeps the last one, ``lay_out`` finds the others. Lone
surrogates (``"\ud83d"`` alone, which JavaScript writes when it cuts an emoji in two): msgspec refuses them, so the
syntax of such a text is checked on a copy in which every ``\udXXX`` reads ``\ufffd``, and the containers around the
escape are cut with the help of the standard library's scanner. A byte order mark: kept, never read.
"""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

import msgspec

from wiremend.errors import JsonError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

ANY: Final = "*"
"""The token that stands for every item of a list, or every member of an object."""

# ``bytes`` stands for msgspec.Raw as well, which its stubs declare as a subclass; it really is a buffer and no more.
type Text = bytes | memoryview
type Value = Text | Container

_BOM: Final = b"\xef\xbb\xbf"
_SPACES: Final = b" \t\n\r"
_SPACE: Final = re.compile(rb"[ \t\n\r]*+")
_MEMBER: Final = re.compile(rb'[ \t\n\r]*+("[^"\\]*+(?:\\.[^"\\]*+)*+")[ \t\n\r]*+:[ \t\n\r]*+')
_TAIL: Final = re.compile(rb"([ \t\n\r]*+)([,\]}])")
INDEX: Final = re.compile(r"0|[1-9][0-9]{0,15}", re.ASCII)
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_COMPLAINT: Final = re.compile(r"(?:JSON is malformed: )?(.*?)(?: \(byte (\d+)\))?")

_AS_VALUE: Final = msgspec.json.Decoder(msgspec.Raw)
_AS_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_AS_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])
# Asked where a value ends, never what it is: numbers are not converted, so that they may have any number of digits.
_ENDS: Final = json.JSONDecoder(parse_int=bool, parse_float=bool)


@contextmanager
def depth_checked() -> Generator[None]:
    """Report as the sender's fault what nests deeper than the decoders can follow (some thousand levels)."""
    try:
        yield
    except RecursionError:
        raise JsonError("not JSON that can be read: it is nested too deeply") from None


class Document:
    """A body while it is edited: the root value, and the bytes before and after it."""

    __slots__ = ("_after", "_before", "root")

    def __init__(self, body: bytes) -> None:
        """Find the value between what stands around it. Raises JsonError where the body is no JSON in UTF-8."""
        if not body.isascii():
            try:
                body.decode()
            except UnicodeDecodeError as e:
                raise JsonError(f"not JSON: byte {e.start} is not UTF-8", e.start) from None  # `e` holds the body
        start = _after_space(body, len(_BOM) if body.startswith(_BOM) else 0)
        end = len(body.rstrip(_SPACES))
        if start >= end:
            raise JsonError("not JSON: it is empty", start)
        text: Text = body if (start, end) == (0, len(body)) else memoryview(body)[start:end]
        box = open_text(text, start)
        if box is None:
            _check_syntax(text, start)
        self.root = Slot(box or text)
        self._before, self._after = body[:start], body[end:]

    @property
    def start(self) -> int:
        """Where the value begins, in bytes."""
        return len(self._before)

    def write(self) -> bytes:
        """Give the body as it is now."""
        return self._before + written(self.root.value) + self._after


@dataclass(slots=True)
class Slot:
    """A place for a value: ``head`` is the text before it in its container, ``tail`` the space after it."""

    value: Value
    name: str = ""
    head: bytes = b""
    tail: bytes = b""

    def text(self) -> Text:
        """Give the text that the value had when its container was opened."""
        return self.value.text if isinstance(self.value, Container) else self.value

    def open(self) -> Container | None:
        """Give the container that stands here, opened, or None where the value is a scalar."""
        if isinstance(self.value, Container):
            return self.value
        box = open_text(self.value)
        if box is not None:
            self.value = box
        return box


@dataclass(slots=True, eq=False)
class Container:
    """An object or a list that has been opened.

    ``names`` has the slot of each key (the last slot where a key repeats), and is None for a list. Until
    ``laid_out``, slots know nothing but their values, slots of repeated keys are missing, and no slot may change.
    """

    text: Text
    names: dict[str, Slot] | None
    slots: list[Slot]
    laid_out: bool = False
    foot: bytes = b""

    def at(self, token: str) -> list[tuple[str, Slot]]:
        """Give name and slot of each value that the token names."""
        if self.names is not None:
            if token == ANY:
                return list(self.names.items())
            return [(token, self.names[token])] if token in self.names else []
        if token == ANY:
            return [(str(i), slot) for i, slot in enumerate(self.slots)]
        if INDEX.fullmatch(token) and int(token) < len(self.slots):
            return [(token, self.slots[int(token)])]
        return []

    def add(self, name: str, value: bytes) -> None:
        """Put a value at the end; a list has no use for the name."""
        self.lay_out()
        slot = Slot(value)
        if self.names is not None:
            slot.name, slot.head = name, key_text(name)
            self.names[name] = slot
        self.slots.append(slot)

    def insert(self, index: int, value: bytes) -> None:
        """Put a value in front of the one at an index of a list."""
        self.lay_out()
        self.slots.insert(index, Slot(value))

    def drop(self, found: list[tuple[str, Slot]]) -> None:
        """Remove what ``at`` gave, and every repetition of its keys."""
        self.lay_out()
        if self.names is None:
            gone = {id(slot) for _, slot in found}
            self.slots = [slot for slot in self.slots if id(slot) not in gone]
        else:
            for name, _ in found:
                del self.names[name]
            self.slots = [slot for slot in self.slots if slot.name in self.names]
        if self.slots:
            self.slots[-1].tail = b""  # what comes before the closing bracket is the foot
        else:
            self.foot = b""

    def lay_out(self) -> None:
        """Find the head and tail of each slot, and the slots of repeated keys.

        A slot that ``open_text`` made for a key is put where the key occurs last: its value may have been opened, and
        changed, since.
        """
        if self.laid_out:
            return
        self.laid_out = True
        heads = [b"" if self.names is None else b'"%b":' % slot.name.encode() for slot in self.slots]
        shortest = 1 + sum(len(head) + len(slot.text()) + 1 for head, slot in zip(heads, self.slots, strict=True))
        if shortest == len(self.text):  # then there is no room for a space, an escape in a key, or a key that repeats
            for head, slot in zip(heads, self.slots, strict=True):
                slot.head = head
            return
        text = bytes(self.text)
        if _after_space(text, 1) == len(text) - 1:
            self.foot = text[1:-1]
            return
        laid = list(self._cut(text))
        self.foot, laid[-1].tail = laid[-1].tail, b""
        if self.names is None:
            opened = dict(enumerate(self.slots))
        else:
            last = {slot.name: i for i, slot in enumerate(laid)}
            opened = {i: self.names[name] for name, i in last.items() if name in self.names}
        for i, slot in opened.items():
            slot.head, slot.tail = laid[i].head, laid[i].tail
            laid[i] = slot
        self.slots = laid
        if self.names is not None:
            self.names.update((slot.name, slot) for slot in laid)

    def _cut(self, text: bytes) -> Iterator[Slot]:
        """Cut a text that is known to be JSON, and not empty, into slots.

        The slots of ``open_text`` tell how long a value is. For an object that is a guess, because its keys may repeat:
        the slot's bytes must stand here and end here (``1`` also begins ``12``). Where the guess is wrong, or there
        is none, the value is read to find its end.
        """
        view = memoryview(text)
        wide = ""  # the text with one character a byte, for the scanner
        at, index, name, ended = 1, 0, "", False
        while not ended:
            if self.names is None:
                start = _after_space(text, at)
                known = self.slots[index] if self.slots else None
                index += 1
            else:
                m = cast("re.Match[bytes]", _MEMBER.match(text, at))
                name, start = _string(m[1]), m.end()
                known = self.names.get(name)
            end, tail = start, None
            if known is not None:
                guess = known.text()
                end = start + len(guess)
                if self.names is None or text.startswith(bytes(guess), start):
                    tail = _TAIL.match(text, end)
            if tail is None:
                wide = wide or text.decode("latin-1")
                end = _ENDS.raw_decode(wide, start)[1]
                tail = cast("re.Match[bytes]", _TAIL.match(text, end))
            yield Slot(view[start:end], name, text[at:start], tail[1])
            at, ended = tail.end(), tail[2] != b","


def same(old: bytes, new: bytes) -> bool:
    """Whether every reader takes the two texts for the same value."""
    todo: list[tuple[Text, Text]] = [(old, new)]
    while todo:
        a, b = todo.pop()
        if bytes(a) == bytes(b):
            continue
        x, y = open_text(a), open_text(b)
        if x is None or y is None:
            if x is not y or _scalar(a) != _scalar(b):
                return False
            continue
        x.lay_out()
        y.lay_out()
        if len(x.slots) != len(y.slots) or (x.names is None) != (y.names is None):
            return False
        if x.names is None or y.names is None:
            todo += [(p.text(), q.text()) for p, q in zip(x.slots, y.slots, strict=True)]
        elif len(x.names) == len(x.slots) and x.names.keys() == y.names.keys():
            todo += [(slot.text(), y.names[name].text()) for name, slot in x.names.items()]
        else:
            return False
    return True


def _scalar(text: Text) -> object:
    """Give something that is equal for equal scalars, and for no others: for Python, 1 is 1.0 and True."""
    return json.loads(bytes(text), parse_int=lambda s: ("int", s), parse_float=lambda s: ("float", float(s)))


def open_text(text: Text, offset: int = 0) -> Container | None:
    """Open a container, or give None where the text is a scalar (which is then not checked).

    Raises JsonError, counting from ``offset``, where a container's text is not JSON; parts of a text that was opened
    before are.
    """
    first = memoryview(text)[0]
    try:
        if first == ord("{"):
            names = {name: Slot(value, name) for name, value in _AS_OBJECT.decode(text).items()}
            return Container(text, names, list(names.values()))
        if first == ord("["):
            return Container(text, None, [Slot(value) for value in _AS_LIST.decode(text)])
    except msgspec.DecodeError:
        _check_syntax(text, offset)
        box = Container(text, {} if first == ord("{") else None, [])
        box.lay_out()
        return box
    return None


def _check_syntax(text: Text, offset: int) -> None:
    """Raise JsonError, counting from ``offset``, unless the text is JSON (half a surrogate pair is: RFC 8259, 8.2)."""
    try:
        _AS_VALUE.decode(_SURROGATE.sub(rb"\\ufffd", text))
    except msgspec.DecodeError as e:
        reason, byte = cast("re.Match[str]", _COMPLAINT.fullmatch(str(e))).groups()
        if byte is None:  # "Input data was truncated"
            reason, at = "it ends too early", len(text)
        elif reason == "trailing characters":  # whose place msgspec counts differently from all others
            wide = bytes(text).decode("latin-1")
            at = _after_space(text, _ENDS.raw_decode(wide)[1])
            reason = "something follows it"
        else:
            at = int(byte)
        raise JsonError(f"not JSON: {reason} at byte {offset + at}", offset + at) from None


def written(value: Value) -> bytes:
    """Give the bytes of a value as it is now."""
    pieces: list[Text] = []
    _write(value, pieces)
    return b"".join(pieces)


def _write(value: Value, pieces: list[Text]) -> None:
    if not isinstance(value, Container):
        pieces.append(value)
    elif not value.laid_out:
        pieces.append(value.text)
    else:
        left, right = (b"[", b"]") if value.names is None else (b"{", b"}")
        for slot in value.slots:
            pieces += (left, slot.head)
            _write(slot.value, pieces)
            pieces.append(slot.tail)
            left = b","
        pieces += (b"" if value.slots else left, value.foot, right)


def key_text(name: str) -> bytes:
    """Write a key with its colon."""
    return json.dumps(name).encode() + b":"


def _string(text: bytes) -> str:
    return str(json.loads(text)) if b"\\" in text else text[1:-1].decode()


def _after_space(text: Text, at: int) -> int:
    return cast("re.Match[bytes]", _SPACE.match(text, at)).end()
