"""What the user says in a request: the turns that a person wrote, newest first, without what agents put around them.

All three wires have turns of the role ``user``; not all that stands in them is said by a person. A result of a tool is
not (it has no text of its own on any wire), nor what :mod:`wiremend.rules.furniture` lists, nor an image or a document.
What is said to the model by another role never counts. Texts of the user between which the model said nothing are one
turn, for Codex sends each as a message of its own.

A body is read as far as needed and no further: from its end, so many turns, and of each its beginning and its end.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from wiremend.rules.furniture import is_errand, without_furniture

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_TURNS: Final = 5
"""So many turns are given at most: a "go on" says nothing by itself, and people say it several times in a row."""

HEAD, TAIL = 1_200, 800
"""Of a long turn so many bytes are given, from its beginning and its end: what is asked stands before or behind what is
pasted."""

MOST_TEXTS: Final = 64
"""So many texts of one turn are looked at."""

CUT: Final = "\n\n"
"""What stands in the place of the middle of a long turn; behind it a fence, where the end is inside of one."""

FENCE: Final = "\n```"

MOST: Final = HEAD + TAIL + 16
"""So many bytes a turn has at most, with what stands in the place of its middle."""

# Tuples: what stands in their place in a body may be a list or an object, which no set can be asked for.
_SAID: Final = ("text", "input_text")
_SILENT: Final = ("system", "developer")
"""Roles that may stand between two texts of the user, and part no turns."""

_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")


class _Item(msgspec.Struct):
    """A message, or an item of the responses wire."""

    role: Any = None
    type: Any = None
    content: msgspec.Raw = msgspec.Raw(b"null")


class _Body(msgspec.Struct):
    messages: msgspec.Raw = msgspec.Raw(b"")
    input: msgspec.Raw = msgspec.Raw(b"")


def turns_of(body: bytes | None) -> tuple[str, ...]:
    """Give the latest turns of the user in a request of any wire, newest first; () where nobody says anything.

    ``body`` is the request's JSON text. At most :data:`MOST_TURNS` turns are given, each as :func:`clipped` leaves it.
    A request that an agent makes for itself (a title for the conversation) has no turns. Never raises: what cannot be
    read says nothing.
    """
    try:
        return _turns_of(body or b"")
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        pass
    try:  # Half a surrogate pair, which JavaScript writes, or bytes that are no UTF-8.
        return _turns_of(_SURROGATE.sub(rb"\\ufffd", (body or b"").decode("utf-8-sig", "replace").encode()))
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return ()


def _turns_of(body: bytes) -> tuple[str, ...]:
    turns: list[str] = []
    for newest, texts in enumerate(_spoken(body)):
        if newest == 0 and any(is_errand(text) for text in texts):
            return ()
        said = "\n".join(one for text in texts if (one := without_furniture(text).strip()))
        if said:
            turns.append(clipped(said))
        if len(turns) == MOST_TURNS:
            break
    return tuple(turns)


def clipped(text: str) -> str:
    """Give the beginning and the end of a text of more than :data:`MOST` bytes; else all of it."""
    if len(text) <= MOST and len(text.encode("utf-8", "replace")) <= MOST:
        return text
    head = text[:HEAD].encode("utf-8", "replace")[:HEAD].decode("utf-8", "ignore")
    tail = text[-TAIL:].encode("utf-8", "replace")[-TAIL:].decode("utf-8", "ignore")
    fenced = text.count(FENCE, len(head), len(text) - len(tail)) % 2
    return f"{head}{CUT}{'```' + CUT if fenced else ''}{tail}"


def _spoken(body: bytes) -> Iterator[list[str]]:
    """Yield the texts of each turn of the role ``user``, the newest turn first, and in it the first text first."""
    found = msgspec.json.decode(body, type=_Body)
    raw = bytes(found.messages) or bytes(found.input)
    if raw[:1] == b'"':
        yield [msgspec.json.decode(raw, type=str)]
        return
    texts: list[str] = []
    for one in reversed(msgspec.json.decode(raw, type=list[msgspec.Raw]) if raw[:1] == b"[" else []):
        item = _item(one)
        if item is not None and item.role == "user":
            if len(texts) < MOST_TEXTS:  # messages in front of so many are not looked at
                texts[:0] = _texts(bytes(item.content))
        elif item is None or item.role not in _SILENT:
            if texts:
                yield texts
            texts = []
    if texts:
        yield texts


def _item(raw: msgspec.Raw) -> _Item | None:
    try:
        return msgspec.json.decode(raw, type=_Item)
    except msgspec.ValidationError:  # no object
        return None


def _texts(content: bytes) -> list[str]:
    """Give what is said in the content of a message: a text, or parts of which some are texts."""
    if content[:1] == b'"':
        return [msgspec.json.decode(content, type=str)]
    parts = msgspec.json.decode(content)
    return [
        part["text"]
        for part in (parts if isinstance(parts, list) else [])
        if isinstance(part, dict) and part.get("type", "text") in _SAID and isinstance(part.get("text"), str)
    ][-MOST_TEXTS:]
