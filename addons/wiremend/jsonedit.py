r"""Edits of a JSON body, by JSON pointer, that leave the bytes of every untouched value alone (guarantees G1, G6).

A body goes upstream with its whitespace, key order, number spelling, escapes and unknown fields as the client wrote
them, because signed thinking and prompt caches die of re-serialisation. So a body is never decoded and encoded
again: :mod:`wiremend.jsontext` opens it along the path of a pointer, and what no edit touches is written back byte for
byte. If no edit changed anything, the body itself is returned.

Pointers are RFC 6901 with one addition: a token that is exactly ``*`` stands for every item or every member. (A
member that is really called ``*`` can therefore not be named alone.)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, cast

from wiremend.errors import JsonError, PointerError
from wiremend.jsonnumber import clamped, parse_bounds, parse_factor, scaled
from wiremend.jsontext import ANY, INDEX, Container, Document, Slot, depth_checked, key_text, same, written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

type Pointer = tuple[str, ...]
type Op = Literal["set", "default", "remove", "insert", "scale", "clamp"]

APPEND: Final = "-"
"""The token for the place after the last item of a list (RFC 6901, section 4)."""

_BAD_TILDE: Final = re.compile(r"~(?![01])")
_OF_NUMBERS: Final[dict[Op, Callable[[bytes], object]]] = {"scale": parse_factor, "clamp": parse_bounds}
"""What changes numbers alone, and what reads its value."""
_BEGINS_NUMBER: Final = b"-0123456789"


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit; ``value`` is JSON text, and None for ``remove``.

    ``set`` replaces or creates, ``default`` creates where nothing is (a ``null`` is something), ``remove`` removes,
    ``insert`` puts an item into a list, in front of the one at its index. ``scale`` multiplies a number by its value, a
    number or a fraction such as ``"1/0.6"``; ``clamp`` keeps one between the two of its list, of which one may be null
    (:mod:`wiremend.jsonnumber`). Raises PointerError where the whole body is to be removed, scaled or clamped, or
    something put in front of it, ValueError where the value is missing, superfluous, not JSON or not what the op takes.
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
        if self.op == "insert" and not self.pointer:
            raise PointerError("the pointer '' is the whole body, which has no place in a list; name a place in one")
        if self.op in _OF_NUMBERS and not self.pointer:
            raise PointerError("the pointer '' is the whole body, which is no number; name a number in it")
        if self.value is None:
            raise ValueError(f"{self.op} needs a value")
        try:
            value = get(self.value, ())
        except JsonError as e:
            raise ValueError(f"the value for {format_pointer(self.pointer)!r} is {e}") from e
        object.__setattr__(self, "value", value)  # without the space around it
        if self.op in _OF_NUMBERS:
            _OF_NUMBERS[self.op](cast("bytes", value))


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
    with depth_checked():
        return [(format_pointer(at), written(slot.value)) for at, slot in _reach(Document(body).root, pointer, ())]


def get(body: bytes, pointer: Pointer) -> bytes | None:
    """Give the exact bytes of the first value that :func:`find` would give, or None. Raises JsonError."""
    with depth_checked():
        return next((written(slot.value) for _, slot in _reach(Document(body).root, pointer, ())), None)


def check(body: bytes) -> None:
    """Raise JsonError unless the body is JSON in UTF-8. Half a surrogate pair, which JavaScript writes, is allowed."""
    with depth_checked():
        Document(body)


def members(body: bytes, *names: str) -> tuple[list[bytes], ...]:
    """Give, for each name, the values of all members of the body that are called so, however they are spelled.

    A name that repeats has several values, and parsers disagree about which one counts (RFC 8259, section 4). A body
    that is no object has no members. Raises JsonError as :func:`find` does.
    """
    with depth_checked():
        box = Document(body).root.open()
    if box is None or box.names is None:
        return tuple([] for _ in names)
    box.lay_out()
    return tuple([bytes(slot.text()) for slot in box.slots if slot.name == name] for name in names)


def apply(body: bytes, edits: Sequence[Edit]) -> Edited:
    """Apply the edits in order; each sees what those before it did.

    - A ``set`` to an equal value changes nothing. Equal is what every reader takes for the same: spacing, escapes and
      the order of keys do not count, but ``1`` and ``1.0`` differ, and so does an object with repeated keys.
    - ``set`` and ``default`` create missing parent objects as long as all tokens that are still to come are plain
      names. A wildcard, an index or ``-`` among them does not say what to create, and then nothing is.
    - In a list a token is an index, or ``-`` with which ``set`` and ``default`` append. At an index past the end
      nothing is created.
    - ``insert`` moves the items from its index on by one, as RFC 6902's ``add`` does; the index may be the one past the
      end, or ``-``. In an object, at a wildcard or further past the end nothing is put in.
    - Where a key repeats, ``set`` changes its last value (the one that parsers keep), and ``remove`` removes all.
    - ``scale`` and ``clamp`` leave what is no number alone, a text of digits too; where nothing is, nothing comes.
      Where a key repeats, they change its last value.
    - A pointer that runs into a string, a number, true, false or null changes nothing.

    Raises JsonError, with the offset in bytes if there is one, where the body is not JSON in UTF-8, is nested too
    deeply, or is no object or list while an edit points into it. With no edits the body is not looked at.
    """
    if not edits:
        return Edited(body, ())
    with depth_checked():
        document = Document(body)
        changes = tuple(change for edit in edits for change in _apply(document, edit))
        return Edited(document.write(), changes) if changes else Edited(body, ())


def _apply(document: Document, edit: Edit) -> Iterator[Change]:
    """Do one edit, and give what it changed."""
    if edit.pointer:
        box = document.root.open()
        if box is None:
            raise JsonError("an edit needs an object or a list, and the body is neither", document.start)
        yield from _edit(box, edit.pointer, (), edit)
    elif edit.op == "set":
        yield from _replace(document.root, None, (), edit)


def _reach(slot: Slot, pointer: Pointer, at: Pointer) -> Iterator[tuple[Pointer, Slot]]:
    """Walk to what a pointer reaches; ``at`` is the concrete pointer so far."""
    if not pointer:
        yield at, slot
    elif (box := slot.open()) is not None:
        for name, inner in box.at(pointer[0]):
            yield from _reach(inner, pointer[1:], (*at, name))


def _edit(box: Container, pointer: Pointer, at: Pointer, edit: Edit) -> Iterator[Change]:
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
    elif edit.op == "insert":
        yield from _insert(box, token, at, edit)
    elif edit.op == "remove" and found:
        changes = [Change("remove", format_pointer((*at, name)), written(slot.value), None) for name, slot in found]
        box.drop(found)
        yield from changes
    elif edit.op == "set" or edit.op in _OF_NUMBERS:
        for name, slot in found:
            yield from _replace(slot, box, (*at, name), edit)
    if not found and edit.op in {"set", "default"}:
        yield from _create(box, pointer, at, edit)


def _replace(slot: Slot, box: Container | None, at: Pointer, edit: Edit) -> Iterator[Change]:
    """Put what the edit makes of the value in a slot of the box (the root has none) there, if it is another one."""
    after = _meant(slot, edit)
    if after is not None:
        before = written(slot.value)
        if box is not None:
            box.lay_out()
        slot.value = after
        yield Change(edit.op, format_pointer(at), before, after)


def _meant(slot: Slot, edit: Edit) -> bytes | None:
    """Give what a ``set``, ``scale`` or ``clamp`` makes of the value in a slot; None where it stays."""
    value = cast("bytes", edit.value)
    if edit.op not in _OF_NUMBERS:
        return None if same(written(slot.value), value) else value
    if isinstance(slot.value, Container) or memoryview(slot.value)[0] not in _BEGINS_NUMBER:
        return None
    number = bytes(slot.value)
    return scaled(number, parse_factor(value)) if edit.op == "scale" else clamped(number, parse_bounds(value))


def _insert(box: Container, token: str, at: Pointer, edit: Edit) -> Iterator[Change]:
    """Put the edit's value in a list, if the token is a place in it."""
    index = len(box.slots) if token == APPEND else int(token) if INDEX.fullmatch(token) else -1
    if box.names is None and 0 <= index <= len(box.slots):
        box.insert(index, cast("bytes", edit.value))
        yield Change(edit.op, format_pointer((*at, str(index))), None, edit.value)


def _create(box: Container, pointer: Pointer, at: Pointer, edit: Edit) -> Iterator[Change]:
    """Create what the pointer names, if the pointer says what that is: see :func:`apply`."""
    name, rest = pointer[0], pointer[1:]
    if box.names is None and name == APPEND:
        name = str(len(box.slots))
    elif box.names is None or name == ANY:
        return
    if any(token in {ANY, APPEND} or INDEX.fullmatch(token) for token in rest):
        return
    value = cast("bytes", edit.value)
    for token in reversed(rest):
        value = b"{" + key_text(token) + value + b"}"
    box.add(name, value)
    yield Change(edit.op, format_pointer((*at, name, *rest)), None, edit.value)
