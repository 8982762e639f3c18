r"""Edits of a JSON body, by JSON pointer, that leave the bytes of every untouched value alone (guarantees G1, G6).

A body goes upstream with its whitespace, key order, number spelling, escapes and unknown fields as the client wrote
them, because signed thinking and prompt caches die of re-serialisation. So a body is never decoded and encoded
again. It is opened one container at a time, along the path of the pointer, and cut like this::

    { "model" : "a" , "n" : 1e2 }
     ~~~~~~~~~~~                      head of the first slot
                ~~~                   its value
                   ~                  its tail; the comma after it belongs to no slot
                               ~      foot of the container

- ``_open`` gives each value of a container its *slot*. msgspec's ``Raw`` does this at C speed and checks the syntax of
  all that it skips; a value is then a view into the body.
- ``_Container.lay_out`` runs only where something is about to change: it finds the text around the values.
- Writing joins untouched texts and new values, with a comma between slots: removing a slot removes its comma. If no
  edit changed anything, the body itself is returned.

Three things do not fit that picture. Keys that repeat: ``Raw`` keeps the last one, ``lay_out`` finds the others. Lone
surrogates (``"\ud83d"`` alone, which JavaScript writes when it cuts an emoji in two): msgspec refuses them, so the
syntax of such a body is checked on a copy in which every ``\udXXX`` reads ``\ufffd``, and the containers around the
escape are cut with the help of the standard library's scanner. A byte order mark: kept, never read.

Pointers are RFC 6901 with one addition: a token that is exactly ``*`` stands for every item or every member. (A
member that is really called ``*`` can therefore not be named alone.)
"""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, cast

import msgspec

from wiremend.errors import JsonError, PointerError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

type Pointer = tuple[str, ...]
type Op = Literal["set", "default", "remove"]

ANY: Final = "*"
"""The token that stands for every item of a list, or every member of an object."""

APPEND: Final = "-"
"""The token for the place after the last item of a list (RFC 6901, section 4)."""

# ``bytes`` stands for msgspec.Raw as well, which its stubs declare as a subclass; it really is a buffer and no more.
type _Text = bytes | memoryview
type _Value = _Text | _Container

_BOM: Final = b"\xef\xbb\xbf"
_SPACES: Final = b" \t\n\r"
_SPACE: Final = re.compile(rb"[ \t\n\r]*+")
_MEMBER: Final = re.compile(rb'[ \t\n\r]*+("[^"\\]*+(?:\\.[^"\\]*+)*+")[ \t\n\r]*+:[ \t\n\r]*+')
_TAIL: Final = re.compile(rb"([ \t\n\r]*+)([,\]}])")
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,15}", re.ASCII)
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_BAD_TILDE: Final = re.compile(r"~(?![01])")
_COMPLAINT: Final = re.compile(r"(?:JSON is malformed: )?(.*?)(?: \(byte (\d+)\))?")

_AS_VALUE: Final = msgspec.json.Decoder(msgspec.Raw)
_AS_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_AS_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])
# Asked where a value ends, never what it is: numbers are not converted, so that they may have any number of digits.
_ENDS: Final = json.JSONDecoder(parse_int=bool, parse_float=bool)


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit; ``value`` is JSON text for ``set`` and ``default``, and None for ``remove``.

    ``set`` replaces or creates, ``default`` creates where nothing is (a ``null`` is something), ``remove`` removes.
    Raises PointerError where the whole body is to be removed, ValueError where the value is missing, superfluous or
    not JSON.
    """

    op: Op
    pointer: Pointer
    value: bytes | None = None

    def __post_init__(self) -> None:
        """Refuse what could never be applied, so that rules fail when they are read and not when they are used."""
        if self.op == "remove":
            if self.value is not None:
                raise ValueError("remove takes no value")
            if not self.pointer:
                raise PointerError("the pointer '' is the whole body, which cannot be removed; name a part of it")
            return
        if self.value is None:
            raise ValueError(f"{self.op} needs a value")
        try:
            value = get(self.value, ())
        except JsonError as e:
            raise ValueError(f"the value for {format_pointer(self.pointer)!r} is {e}") from e
        object.__setattr__(self, "value", value)  # without the space around it


@dataclass(frozen=True, slots=True)
class Change:
    """What an edit did at one place.

    ``pointer`` has no wildcard; its list indexes are those before the edit. ``before`` and ``after`` are JSON text,
    and None where there was, or is, nothing.
    """

    op: Op
    pointer: str
    before: bytes | None
    after: bytes | None


@dataclass(frozen=True, slots=True)
class Edited:
    """A body after its edits. Without ``changes``, ``body`` is the very object that came in."""

    body: bytes
    changes: tuple[Change, ...]


def parse_pointer(text: str) -> Pointer:
    """Split a JSON pointer (RFC 6901) into its tokens; ``""`` is the whole body and gives ``()``.

    Raises PointerError with what was probably meant.
    """
    if text and not text.startswith("/"):
        path = text.strip().removeprefix("#")
        if path.startswith(("$", ".")):  # JSONPath, jq
            path = path.lstrip("$.").replace(".", "/")
        raise PointerError(f"a JSON pointer starts with '/'; did you mean {'/' + path.lstrip('/')!r}?")
    if _BAD_TILDE.search(text):
        meant = _BAD_TILDE.sub("~0", text)
        raise PointerError(f"in a JSON pointer '~' is written '~0', and '/' in a name '~1'; did you mean {meant!r}?")
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in text.split("/")[1:])


def format_pointer(pointer: Pointer) -> str:
    r"""Write tokens as a JSON pointer, the reverse of :func:`parse_pointer`.

    Half a surrogate pair, which a key may hold and UTF-8 cannot, is written ``\udXXX``: the text can be stored.
    """
    text = "".join("/" + token.replace("~", "~0").replace("/", "~1") for token in pointer)
    return text.encode("utf-8", "backslashreplace").decode()


def find(body: bytes, pointer: Pointer) -> list[tuple[str, bytes]]:
    """Give the concrete pointer and the exact bytes of each value that the pointer reaches; [] where nothing is.

    Where a key repeats, its last value is meant, as parsers mean it. Raises JsonError as :func:`apply` does, but a
    body that is no object or list is just one in which nothing is found.
    """
    with _depth_checked():
        return [(format_pointer(at), _written(slot.value)) for at, slot in _reach(_Document(body).root, pointer, ())]


def get(body: bytes, pointer: Pointer) -> bytes | None:
    """Give the exact bytes of the first value that :func:`find` would give, or None. Raises JsonError."""
    with _depth_checked():
        return next((_written(slot.value) for _, slot in _reach(_Document(body).root, pointer, ())), None)


def repeats(body: bytes, name: str) -> bool:
    """Tell whether the body is an object that has a member of this name more than once, however it is spelled.

    Parsers disagree about which one counts (RFC 8259, section 4). Raises JsonError as :func:`find` does.
    """
    box = _Document(body).root.open()
    if box is None or box.names is None:
        return False
    box.lay_out()
    return sum(slot.name == name for slot in box.slots) > 1


def apply(body: bytes, edits: Sequence[Edit]) -> Edited:
    """Apply the edits in order; each sees what those before it did.

    - A ``set`` to an equal value changes nothing. Equal is what every reader takes for the same: spacing, escapes and
      the order of keys do not count, but ``1`` and ``1.0`` differ, and so does an object with repeated keys.
    - ``set`` and ``default`` create missing parent objects as long as all tokens that are still to come are plain
      names. A wildcard, an index or ``-`` among them does not say what to create, and then nothing is.
    - In a list a token is an index, or ``-`` with which ``set`` and ``default`` append. At an index past the end
      nothing is created.
    - Where a key repeats, ``set`` changes its last value (the one that parsers keep), and ``remove`` removes all.
    - A pointer that runs into a string, a number, true, false or null changes nothing.

    Raises JsonError, with the offset in bytes if there is one, where the body is not JSON in UTF-8, is nested too
    deeply, or is no object or list while an edit points into it. With no edits the body is not looked at.
    """
    if not edits:
        return Edited(body, ())
    with _depth_checked():
        document = _Document(body)
        changes = tuple(change for edit in edits for change in document.apply(edit))
        return Edited(document.write(), changes) if changes else Edited(body, ())


@contextmanager
def _depth_checked() -> Generator[None]:
    """Report as the sender's fault what nests deeper than the decoders can follow (some thousand levels)."""
    try:
        yield
    except RecursionError:
        raise JsonError("not JSON that can be read: it is nested too deeply") from None


class _Document:
    """A body while it is edited: the root value, and the bytes before and after it."""

    __slots__ = ("_after", "_before", "root")

    def __init__(self, body: bytes) -> None:
        if not body.isascii():
            try:
                body.decode()
            except UnicodeDecodeError as e:
                raise JsonError(f"not JSON: byte {e.start} is not UTF-8", e.start) from None  # `e` holds the body
        start = _after_space(body, len(_BOM) if body.startswith(_BOM) else 0)
        end = len(body.rstrip(_SPACES))
        if start >= end:
            raise JsonError("not JSON: it is empty", start)
        text: _Text = body if (start, end) == (0, len(body)) else memoryview(body)[start:end]
        box = _open(text, start)
        if box is None:
            _check_syntax(text, start)
        self.root = _Slot(box or text)
        self._before, self._after = body[:start], body[end:]

    def apply(self, edit: Edit) -> Iterator[Change]:
        """Do one edit, and give what it changed."""
        if edit.pointer:
            box = self.root.open()
            if box is None:
                raise JsonError("an edit needs an object or a list, and the body is neither", len(self._before))
            yield from _edit(box, edit.pointer, (), edit)
        elif edit.op == "set":
            yield from _replace(self.root, None, (), edit)

    def write(self) -> bytes:
        """Give the body as it is now."""
        return self._before + _written(self.root.value) + self._after


@dataclass(slots=True)
class _Slot:
    """A place for a value: ``head`` is the text before it in its container, ``tail`` the space after it."""

    value: _Value
    name: str = ""
    head: bytes = b""
    tail: bytes = b""

    def text(self) -> _Text:
        """Give the text that the value had when its container was opened."""
        return self.value.text if isinstance(self.value, _Container) else self.value

    def open(self) -> _Container | None:
        """Give the container that stands here, opened, or None where the value is a scalar."""
        if isinstance(self.value, _Container):
            return self.value
        box = _open(self.value)
        if box is not None:
            self.value = box
        return box


@dataclass(slots=True, eq=False)
class _Container:
    """An object or a list that has been opened.

    ``names`` has the slot of each key (the last slot where a key repeats), and is None for a list. Until
    ``laid_out``, slots know nothing but their values, slots of repeated keys are missing, and no slot may change.
    """

    text: _Text
    names: dict[str, _Slot] | None
    slots: list[_Slot]
    laid_out: bool = False
    foot: bytes = b""

    def at(self, token: str) -> list[tuple[str, _Slot]]:
        """Give name and slot of each value that the token names."""
        if self.names is not None:
            if token == ANY:
                return list(self.names.items())
            return [(token, self.names[token])] if token in self.names else []
        if token == ANY:
            return [(str(i), slot) for i, slot in enumerate(self.slots)]
        if _INDEX.fullmatch(token) and int(token) < len(self.slots):
            return [(token, self.slots[int(token)])]
        return []

    def add(self, name: str, value: bytes) -> None:
        """Put a value at the end; a list has no use for the name."""
        self.lay_out()
        slot = _Slot(value)
        if self.names is not None:
            slot.name, slot.head = name, _key(name)
            self.names[name] = slot
        self.slots.append(slot)

    def drop(self, found: list[tuple[str, _Slot]]) -> None:
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

        A slot that ``_open`` made for a key is put where the key occurs last: its value may have been opened, and
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

    def _cut(self, text: bytes) -> Iterator[_Slot]:
        """Cut a text that is known to be JSON, and not empty, into slots.

        The slots of ``_open`` tell how long a value is. For an object that is a guess, because its keys may repeat:
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
            yield _Slot(view[start:end], name, text[at:start], tail[1])
            at, ended = tail.end(), tail[2] != b","


def _reach(slot: _Slot, pointer: Pointer, at: Pointer) -> Iterator[tuple[Pointer, _Slot]]:
    """Walk to what a pointer reaches; ``at`` is the concrete pointer so far."""
    if not pointer:
        yield at, slot
    elif (box := slot.open()) is not None:
        for name, inner in box.at(pointer[0]):
            yield from _reach(inner, pointer[1:], (*at, name))


def _edit(box: _Container, pointer: Pointer, at: Pointer, edit: Edit) -> Iterator[Change]:
    """Do an edit in an opened container; ``pointer`` is what is left of the edit's, ``at`` is the way here."""
    token, rest = pointer[0], pointer[1:]
    found = box.at(token)
    if rest:
        for name, slot in found:
            inner = slot.open()
            if inner is not None:
                for change in _edit(inner, rest, (*at, name), edit):
                    box.lay_out()
                    yield change
    elif edit.op == "remove" and found:
        changes = [Change("remove", format_pointer((*at, name)), _written(slot.value), None) for name, slot in found]
        box.drop(found)
        yield from changes
    elif edit.op == "set":
        for name, slot in found:
            yield from _replace(slot, box, (*at, name), edit)
    if not found and edit.op != "remove":
        yield from _create(box, pointer, at, edit)


def _replace(slot: _Slot, box: _Container | None, at: Pointer, edit: Edit) -> Iterator[Change]:
    """Put the edit's value in a slot of the box (the root has none), if it is another one."""
    before, after = _written(slot.value), cast("bytes", edit.value)
    if not _same(before, after):
        if box is not None:
            box.lay_out()
        slot.value = after
        yield Change(edit.op, format_pointer(at), before, after)


def _create(box: _Container, pointer: Pointer, at: Pointer, edit: Edit) -> Iterator[Change]:
    """Create what the pointer names, if the pointer says what that is: see :func:`apply`."""
    name, rest = pointer[0], pointer[1:]
    if box.names is None and name == APPEND:
        name = str(len(box.slots))
    elif box.names is None or name == ANY:
        return
    if any(token in {ANY, APPEND} or _INDEX.fullmatch(token) for token in rest):
        return
    value = cast("bytes", edit.value)
    for token in reversed(rest):
        value = b"{" + _key(token) + value + b"}"
    box.add(name, value)
    yield Change(edit.op, format_pointer((*at, name, *rest)), None, edit.value)


def _same(old: bytes, new: bytes) -> bool:
    """Whether every reader takes the two texts for the same value."""
    todo: list[tuple[_Text, _Text]] = [(old, new)]
    while todo:
        a, b = todo.pop()
        if bytes(a) == bytes(b):
            continue
        x, y = _open(a), _open(b)
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


def _scalar(text: _Text) -> object:
    """Give something that is equal for equal scalars, and for no others: for Python, 1 is 1.0 and True."""
    return json.loads(bytes(text), parse_int=lambda s: ("int", s), parse_float=lambda s: ("float", float(s)))


def _open(text: _Text, offset: int = 0) -> _Container | None:
    """Open a container, or give None where the text is a scalar (which is then not checked).

    Raises JsonError, counting from ``offset``, where a container's text is not JSON; parts of a text that was opened
    before are.
    """
    first = memoryview(text)[0]
    try:
        if first == ord("{"):
            names = {name: _Slot(value, name) for name, value in _AS_OBJECT.decode(text).items()}
            return _Container(text, names, list(names.values()))
        if first == ord("["):
            return _Container(text, None, [_Slot(value) for value in _AS_LIST.decode(text)])
    except msgspec.DecodeError:
        _check_syntax(text, offset)
        box = _Container(text, {} if first == ord("{") else None, [])
        box.lay_out()
        return box
    return None


def _check_syntax(text: _Text, offset: int) -> None:
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


def _written(value: _Value) -> bytes:
    """Give the bytes of a value as it is now."""
    pieces: list[_Text] = []
    _write(value, pieces)
    return b"".join(pieces)


def _write(value: _Value, pieces: list[_Text]) -> None:
    if not isinstance(value, _Container):
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


def _key(name: str) -> bytes:
    return json.dumps(name).encode() + b":"


def _string(text: bytes) -> str:
    return str(json.loads(text)) if b"\\" in text else text[1:-1].decode()


def _after_space(text: _Text, at: int) -> int:
    return cast("re.Match[bytes]", _SPACE.match(text, at)).end()
