"""Which requests belong to one conversation, so that one that fell back stays where it went.

No wire has a name for it that all clients send, so the first of these that a request has is taken:

==================================================================  ==================================================
what                                                                who sends it (measured, and from their sources)
==================================================================  ==================================================
``X-Claude-Code-Session-Id``; the session in ``metadata.user_id``   Claude Code
``thread-id``, ``conversation_id``, ``session_id``, ``session-id``  Codex, today's spelling and those before
``x-session-id``, ``x-session-affinity``                            OpenCode
``conversation``                                                    the responses wire's own
``prompt_cache_key``                                                Codex, kimi-code
the first words of the user, with client, agent and credential      all others: a history keeps its beginning
==================================================================  ==================================================

``previous_response_id`` is none: it is another one with each turn. The system prompt is not looked at, for it may hold
the time of day.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wiremend.rules.facts import Facts

READ: Final = 4096
"""How many characters of the user's first words are looked at."""

_HEADERS: Final = (
    "x-claude-code-session-id",
    "thread-id",
    "conversation_id",
    "conversation-id",
    "session_id",
    "session-id",
    "x-session-id",
    "x-session-affinity",
)
_KINDS: Final = frozenset({"generate", "count"})
_SESSION: Final = re.compile(r'_session_([0-9A-Za-z-]{8,64})\Z|"session_id"\s*:\s*"([^"\\]{8,200})"')
_DIGITS: Final = 32


class _Body(msgspec.Struct):
    """What of a body may tell; the values are looked at one by one."""

    metadata: msgspec.Raw = msgspec.Raw()
    conversation: msgspec.Raw = msgspec.Raw()
    prompt_cache_key: msgspec.Raw = msgspec.Raw()
    messages: msgspec.Raw = msgspec.Raw()
    input: msgspec.Raw = msgspec.Raw()


class _Message(msgspec.Struct):
    role: msgspec.Raw = msgspec.Raw()
    content: msgspec.Raw = msgspec.Raw()


class _Part(msgspec.Struct):
    text: msgspec.Raw = msgspec.Raw()


class _Box(msgspec.Struct):
    """``metadata``, or the object form of ``conversation``."""

    id: msgspec.Raw = msgspec.Raw()
    user_id: msgspec.Raw = msgspec.Raw()


def conversation_of(facts: Facts) -> str | None:
    """Give what the turns of a conversation have in common: 32 hexadecimal digits; None where nothing tells.

    It is a digest, so neither a credential nor a prompt can be read from it. A body of a megabyte takes a millisecond
    or two, and none where a header tells. Never raises.
    """
    if facts.endpoint is None or facts.endpoint.kind not in _KINDS:
        return None
    for name in _HEADERS:
        value = (facts.headers.get(name) or "").strip()
        if value:
            return _digest("session", facts.client or "", value)
    body = _decoded(facts.body, _Body)
    if body is None:
        return None
    for kind, told in _told(body):
        if told:
            return _digest(kind, facts.client or "", told)
    words = _first_words(body)
    if words is None:
        return None
    credential = facts.credentials[0].value if facts.credentials else ""
    return _digest("words", facts.client or "", facts.agent or "", credential, words)


def _told(body: _Body) -> Iterator[tuple[str, str | None]]:
    """Give the names that a body has for its conversation. A user's name is none, but Claude Code's has the session."""
    metadata = _decoded(body.metadata, _Box)
    session = _SESSION.search(_text(metadata.user_id) or "") if metadata is not None else None
    yield "session", (session[1] or session[2]) if session else None
    box = _decoded(body.conversation, _Box)
    yield "conversation", _text(body.conversation) or (_text(box.id) if box is not None else None)
    yield "cache", _text(body.prompt_cache_key)


def _first_words(body: _Body) -> str | None:
    """Give the beginning of what the user said first, or of its JSON where that is no text; None where there is none.

    On the responses wire a text alone is what the user said.
    """
    alone = _text(body.input)
    if alone:
        return _cut(alone)
    for items in (body.messages, body.input):
        for item in _decoded(items, list[msgspec.Raw]) or ():
            message = _decoded(item, _Message)
            if message is not None and _text(message.role) == "user":
                texts = _text(message.content) or "\n".join(_texts(message.content))
                return _cut(texts or bytes(message.content).decode("utf-8", "replace"))
    return None


def _texts(content: msgspec.Raw) -> Iterator[str]:
    for item in _decoded(content, list[msgspec.Raw]) or ():
        part = _decoded(item, _Part)
        text = _text(part.text) if part is not None else None
        if text:
            yield text


def _text(value: msgspec.Raw) -> str | None:
    return _decoded(value, str)


def _decoded[T](value: bytes | msgspec.Raw | None, form: type[T]) -> T | None:
    """Decode what has this form; None for what has not."""
    if not value:
        return None
    try:
        return msgspec.json.decode(value, type=form)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


def _cut(text: str) -> str:
    return text[:READ]


def _digest(*parts: str) -> str:
    """Give a digest of texts in which none can pass for the end of another."""
    found = hashlib.sha256()
    for part in parts:
        written = part.encode("utf-8", "surrogatepass")
        found.update(len(written).to_bytes(8, "big"))
        found.update(written)
    return found.hexdigest()[:_DIGITS]
