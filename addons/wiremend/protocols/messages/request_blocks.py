"""Reads the conversation of a request of the messages wire: messages and their content blocks.

======================== =============================================================================================
block                    becomes
======================== =============================================================================================
``text``                 Text, with its ``citations``
``image``                Image: source ``base64``, ``url``, ``file``; any other source is an Unknown part
``document``             Document: source ``base64``, ``text``, ``url``, ``file``; ``title`` is its name; any other
                         source (``content``) is an Unknown part
``thinking``             Thinking; a signature that is an envelope is opened into the fields of its wire
``redacted_thinking``    Redacted; likewise
``tool_use``             ToolUse; the input is written as JSON text
``tool_result``          ToolResult; text, images and documents in it as above
any other                Unknown: ``server_tool_use`` and the results of server tools, ``search_result``,
                         ``mcp_tool_use``, ``container_upload``, ``compaction``, ``tool_reference`` …
``cache_control``        the part's cache, with its ``ttl``; other fields in it (``scope``) are extra
any other field          the part's extra, by its name: ``citations`` of a document, ``caller``, ``transformations`` …
======================== =============================================================================================

The normal form of :mod:`wiremend.message` is made here: messages of an assistant in a row are one, and a user message
of nothing but tool results is one with the user message behind it.

Nearly all blocks have what they must have and nothing else: :func:`usual` reads these. All others are read with care,
field by field. Where things stood is worked out only for messages that somebody asks about, by reading them again.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from wiremend.message import (
    Base64,
    Cache,
    Document,
    FileId,
    Image,
    Message,
    PlainText,
    Redacted,
    Text,
    Thinking,
    ToolResult,
    ToolUse,
    Unknown,
    Url,
)
from wiremend.protocols.codec import TranslationError
from wiremend.protocols.envelope import unseal
from wiremend.protocols.messages.request_usual import usual
from wiremend.protocols.messages.request_values import (
    Json,
    Tokens,
    a_flag,
    a_list,
    a_text,
    an_object,
    json_text,
    of_data_url,
    refused,
    rest_of,
    text_or_none,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wiremend.message import Part, Role
    from wiremend.protocols.codec import Path, Places
    from wiremend.protocols.envelope import Envelope

type _Source = Base64 | Url | FileId | PlainText
type _Given = Text | Image | Document | Unknown

_ROLES: Final = frozenset({"system", "developer", "user", "assistant"})
_MESSAGE: Final = frozenset({"role", "content"})
_CACHE: Final = frozenset({"type", "ttl"})
_SYSTEM: Final = -1
"""Stands for the number of a message where it is the system prompt."""
_SOURCES: Final[Mapping[str, frozenset[str]]] = {
    "base64": frozenset({"type", "media_type", "data"}),
    "text": frozenset({"type", "media_type", "data"}),
    "url": frozenset({"type", "url"}),
    "file": frozenset({"type", "file_id"}),
}


class _Turn(msgspec.Struct):
    """A message while its parts are collected.

    ``index`` is its number in the body. ``joined``: of each other message of the body in it, its number and that of its
    first part.
    """

    role: Role
    extra: Json
    index: int
    parts: list[Part] = []
    joined: list[tuple[int, int]] = []

    def takes(self, role: str, extra: Json) -> bool:
        """Tell whether a message of the same role that follows is one with this, by the normal form."""
        if extra:
            return False
        return role == "assistant" or (
            role == "user" and bool(self.parts) and all(isinstance(part, ToolResult) for part in self.parts)
        )


class Conversation:
    """Collects the messages of a body, and says where each stood."""

    def __init__(self, places: Places) -> None:
        """Begin before the first message."""
        self._places = places
        self._turns: list[_Turn] = []
        self._system: object = None

    def messages(self) -> tuple[Message, ...]:
        """Give the messages."""
        return tuple([Message(turn.role, tuple(turn.parts), None, None, turn.extra) for turn in self._turns])

    def system(self, value: object) -> None:
        """Take the system prompt; an empty one says nothing."""
        if value is None or value in ("", []):
            return
        self._system = value
        self._turns.append(_Turn("system", {}, _SYSTEM))
        self._content(self._turns[-1], value, _SYSTEM)

    def read(self, values: list[Any]) -> None:
        """Take all messages."""
        for index, raw in enumerate(values):
            self._add(index, raw)
        self._places.later(partial(_put_places, self._turns, self._system, values))

    def _add(self, index: int, raw: object) -> None:
        if not isinstance(raw, dict):
            raise refused(("messages", index), "a message as an object", raw)
        role = raw.get("role")
        if not isinstance(role, str) or role not in _ROLES:
            what = "a message is of role user, assistant or system here"
            if role == "tool":
                what += "; a tool's result is a block of type tool_result in a user message"
            raise TranslationError(f"/messages/{index}/role", what)
        content = raw.get("content")
        extra = {} if content is not None and len(raw) == len(_MESSAGE) else rest_of(raw, _MESSAGE)
        turns = self._turns
        turn = turns[-1] if turns else None
        if turn is not None and turn.role == role and turn.takes(role, extra):
            turn.joined.append((index, len(turn.parts)))
        else:
            turn = _Turn(cast("Role", role), extra, index)
            turns.append(turn)
        self._content(turn, content, index)

    def _content(self, turn: _Turn, content: object, index: int) -> None:
        """Read a content, of the message with this index in the body."""
        parts = turn.parts
        if isinstance(content, str):
            parts.append(Text(content))
            return
        blocks = content if isinstance(content, list) else a_list(content, _content_at(index))
        for number, block in enumerate(blocks):
            part: Part | None = usual(block)
            if part is None:
                path = ("messages", len(self._turns) - 1, "parts", len(parts))
                part = _block(block, path, (*_content_at(index), number), self._places)
            parts.append(part)


def _put_places(turns: list[_Turn], system: object, values: list[Any], places: Places, number: int) -> None:
    """Say where a message stood, and what is in it, by reading it again."""
    if number >= len(turns):
        return
    path: Path = ("messages", number)
    index = turns[number].index
    if index == _SYSTEM:
        places.put(path, "system")
        places.put((*path, "role"), "system")
    elif index != number:
        places.put(path, "messages", index)
    for source, first in ((index, 0), *turns[number].joined):
        content = system if source == _SYSTEM else values[source].get("content")
        _put_content(content, (*path, "parts"), first, _content_at(source), places)


def _put_content(content: object, path: Path, first: int, at: Tokens, places: Places) -> None:
    if isinstance(content, str):
        places.put((*path, first), *at)
        places.put((*path, first, "text"), *at)
        return
    if not first:
        places.put(path, *at)
    for number, block in enumerate(a_list(content, at)):
        place = (*path, first + number)
        if first:  # the numbers of its blocks are not those of its parts
            places.put(place, *at, number)
        _block(block, place, (*at, number), places)


def _block(raw: object, path: Path, at: Tokens, places: Places) -> Part:
    if isinstance(raw, str):
        places.put((*path, "text"), *at)
        return Text(raw)
    kind = raw.get("type") if isinstance(raw, dict) else None
    if not isinstance(raw, dict) or not isinstance(kind, str):
        raise refused(at, "a content block: an object with a type", raw)
    if kind == "tool_result":
        return _result(raw, path, at, places)
    read = _BLOCKS.get(kind)
    return Unknown(raw) if read is None else read(raw, path, at, places)


def _result(raw: Json, path: Path, at: Tokens, places: Places) -> ToolResult:
    content, inside = raw.get("content"), (*at, "content")
    extra = rest_of(raw, _FIELDS["tool_result"])
    places.put((*path, "id"), *at, "tool_use_id")
    places.put((*path, "parts"), *inside)
    if isinstance(content, str):
        places.put((*path, "parts", 0), *inside)
        places.put((*path, "parts", 0, "text"), *inside)
        parts: list[_Given] = [Text(content)]
    else:
        blocks = [content] if isinstance(content, dict) else a_list(content, inside)
        parts = [
            _given(block, (*path, "parts", number), (*inside, number), places) for number, block in enumerate(blocks)
        ]
    return ToolResult(
        a_text(raw.get("tool_use_id"), (*at, "tool_use_id")),
        tuple(parts),
        a_flag(raw.get("is_error"), (*at, "is_error")),
        cache=read_cache(raw, path, extra, places, at),
        extra=extra,
    )


def _given(raw: object, path: Path, at: Tokens, places: Places) -> _Given:
    """Read a part of a tool's result; what no other wire has there is Unknown."""
    part = _block(raw, path, at, places)
    if isinstance(part, Text | Image | Document | Unknown):
        return part
    return Unknown(an_object(raw, at))


def _content_at(index: int) -> Tokens:
    return ("system",) if index == _SYSTEM else ("messages", index, "content")


def read_cache(raw: Mapping[str, Any], path: Path, extra: Json, places: Places, at: Tokens) -> Cache | None:
    """Read a ``cache_control``; what a :class:`Cache` has no place for goes into ``extra``."""
    control = raw.get("cache_control")
    if control is None:
        return None
    places.put((*path, "cache"), *at, "cache_control")
    control = an_object(control, (*at, "cache_control"))
    if control.get("type") != "ephemeral":
        extra["cache_control"] = control
        return None
    rest = rest_of(control, _CACHE)
    if rest:
        extra["cache_control"] = rest
    return Cache(text_or_none(control.get("ttl"), (*at, "cache_control", "ttl")))


def _text(raw: Json, path: Path, at: Tokens, places: Places) -> Text:
    text = raw.get("text")
    extra = rest_of(raw, _FIELDS["text"])
    citations = raw.get("citations")
    found = () if citations is None else tuple(a_list(citations, (*at, "citations")))
    return Text(
        a_text(text, (*at, "text")),
        found,
        cache=read_cache(raw, path, extra, places, at),
        extra=extra,
    )


def _source(raw: Json, at: Tokens) -> _Source | None:
    """Read where content lies; None where only this wire can say it."""
    source = raw.get("source")
    if not isinstance(source, dict):
        raise refused((*at, "source"), "the source as an object", source)
    kind = source.get("type")
    known = _SOURCES.get(kind) if isinstance(kind, str) else None
    if known is None or rest_of(source, known):
        return None

    def field(name: str) -> str:
        return a_text(source.get(name), (*at, "source", name))

    match kind:
        case "url":
            inline = of_data_url(field("url"))
            return Url(field("url")) if inline is None else Base64(*inline)
        case "file":
            return FileId(field("file_id"))
        case "text":
            return PlainText(field("data")) if source.get("media_type") in (None, "text/plain") else None
        case _:
            return Base64(field("media_type"), field("data"))


def _image(raw: Json, path: Path, at: Tokens, places: Places) -> Image | Unknown:
    source = _source(raw, at)
    if source is None or isinstance(source, PlainText):
        return Unknown(raw)
    extra = rest_of(raw, _FIELDS["image"])
    return Image(source, cache=read_cache(raw, path, extra, places, at), extra=extra)


def _document(raw: Json, path: Path, at: Tokens, places: Places) -> Document | Unknown:
    source = _source(raw, at)
    if source is None:
        return Unknown(raw)
    extra = rest_of(raw, _FIELDS["document"])
    places.put((*path, "name"), *at, "title")
    return Document(
        source,
        text_or_none(raw.get("title"), (*at, "title")),
        text_or_none(raw.get("context"), (*at, "context")),
        cache=read_cache(raw, path, extra, places, at),
        extra=extra,
    )


def _thinking(raw: Json, path: Path, at: Tokens, places: Places) -> Thinking | Redacted:
    text = a_text(raw.get("thinking"), (*at, "thinking"))
    signature = a_text(raw.get("signature"), (*at, "signature")) or None
    extra = rest_of(raw, _FIELDS["thinking"])
    cache = read_cache(raw, path, extra, places, at)
    places.put((*path, "text"), *at, "thinking")
    envelope = unseal(signature)
    if envelope is None:
        return Thinking(text, signature, cache=cache, extra=extra)
    places.put((*path, "encrypted"), *at, "signature")
    return _opened(envelope, text, cache, extra)


def _redacted(raw: Json, path: Path, at: Tokens, places: Places) -> Thinking | Redacted:
    data = a_text(raw.get("data"), (*at, "data"))
    extra = rest_of(raw, _FIELDS["redacted_thinking"])
    cache = read_cache(raw, path, extra, places, at)
    places.put((*path, "encrypted"), *at, "data")
    envelope = unseal(data)
    return Redacted(data, cache=cache, extra=extra) if envelope is None else _opened(envelope, "", cache, extra)


def _opened(envelope: Envelope, text: str, cache: Cache | None, extra: Json) -> Thinking | Redacted:
    """Give reasoning as the wire that proves it has it.

    What proves it on the chat wire are words of that wire: they are extra, under the wire's name. A Redacted of the
    responses wire has an id, "" where there is none, and one of the messages wire has not.
    """
    inside = envelope.contents
    if envelope.wire == "chat":
        return Thinking(text, cache=cache, extra=extra | {"wire": "chat", **inside})
    if envelope.wire == "messages":
        if "data" in inside:
            return Redacted(inside["data"], cache=cache, extra=extra)
        return Thinking(inside.get("thinking", text), inside.get("signature"), cache=cache, extra=extra)
    encrypted, ident = inside.get("encrypted_content"), inside.get("id")
    if encrypted and not text:
        return Redacted(encrypted, ident or "", cache=cache, extra=extra)
    summary = inside.get("field", "summary") == "summary"
    return Thinking(text, encrypted=encrypted, summary=summary, id=ident, cache=cache, extra=extra)


def _use(raw: Json, path: Path, at: Tokens, places: Places) -> ToolUse:
    extra = rest_of(raw, _FIELDS["tool_use"])
    places.put((*path, "arguments"), *at, "input")
    value = raw.get("input")
    said = "" if value is None else value if isinstance(value, str) else json_text(value)  # some clients send its JSON
    return ToolUse(
        a_text(raw.get("id"), (*at, "id")),
        a_text(raw.get("name"), (*at, "name")),
        said if said.strip() else "{}",
        cache=read_cache(raw, path, extra, places, at),
        extra=extra,
    )


_BLOCKS: Final[Mapping[str, Callable[[Json, Path, Tokens, Places], Part]]] = {
    "text": _text,
    "image": _image,
    "document": _document,
    "thinking": _thinking,
    "redacted_thinking": _redacted,
    "tool_use": _use,
}
_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    "text": frozenset({"type", "text", "citations", "cache_control"}),
    "image": frozenset({"type", "source", "cache_control"}),
    "document": frozenset({"type", "source", "title", "context", "cache_control"}),
    "thinking": frozenset({"type", "thinking", "signature", "cache_control"}),
    "redacted_thinking": frozenset({"type", "data", "cache_control"}),
    "tool_use": frozenset({"type", "id", "name", "input", "cache_control"}),
    "tool_result": frozenset({"type", "tool_use_id", "content", "is_error", "cache_control"}),
}
