"""Reading an error of any shape: which words it has, and which names and numbers stand for what happened.

======================================================== ==============================================
``{"error": {"message", "type", "code"}}``               OpenAI; with ``"type": "error"`` Anthropic
``[{"error": {"code": 400, "message", "status"}}]``      Gemini
``{"error": "…"}``                                       LM Studio, Ollama
``{"object": "error", "message", "type", "code"}``       vLLM; Mistral, with a ``message`` of ``{"detail"}``
``{"detail": "…"}``, ``{"detail": [{"loc", "msg"}]}``    FastAPI
``{"base_resp": {"status_code", "status_msg"}}``         MiniMax
``{"code": "1113", "message": "…"}``                     Z.ai, gateways
``{"error": {"code", "metadata": {"raw"}}}``             OpenRouter: the error of the provider behind it
``{"choices": [{"error": {…}}]}``                        OpenRouter, in a stream
``{"error": {"code", "failed_generation"}}``             Groq: what the model wrote
``{"type": "response.failed", "response": {"error"}}``   the responses wire
a text that is JSON again                                relays that wrap an error in a message
======================================================== ==============================================

Nothing here raises, whatever the input.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import msgspec

from wiremend.protocols.failure_text import duration, one_line, page_title, seconds

type Shape = Literal["messages", "openai", "responses"]

_DEEPEST: Final = 6
_WIDEST: Final = 4
_MOST_NAMES: Final = 24
_LONGEST_NAME: Final = 100
_LONGEST_TEXT: Final = 16 * 1024
_NO_NAMES: Final = frozenset({"error", "response.failed"})
_WORDS: Final = ("message", "msg", "detail", "error_description", "error_msg", "errors")
_WAITS: Final = ("retry_after", "retry_after_seconds", "resets_in_seconds")


@dataclass(slots=True)
class Told:
    """What an error document tells.

    ``text`` is all words on one line, ``words`` each of them; ``names`` are types and codes as they stand, in the order
    of trust: of one object its type, code and status, and those of an inner one first. ``base`` is MiniMax's code.
    ``status`` is an HTTP status told inside. ``shape`` is the wire's own shape, if it has one. ``provider`` is who
    stands behind a router. ``wait`` is in seconds. ``page`` tells that a page was among the texts, ``plain`` that there
    was a text alone and no document.
    """

    text: str = ""

    words: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    base: str | None = None
    status: int | None = None
    shape: Shape | None = None
    provider: str | None = None
    generation: str | None = None
    wait: float | None = None
    page: bool = False
    plain: bool = False


def read(document: object) -> Told:
    """Read an error: decoded JSON, or a text."""
    told = Told(shape=shape_of(document), plain=not isinstance(document, dict | list))
    _read(document, told, 0)
    told.text = one_line(": ".join(dict.fromkeys(told.words)), _LONGEST_TEXT)
    return told


def shape_of(document: object) -> Shape | None:
    """Tell whose shape an error has, all of it well-typed; None if it is nobody's."""
    if not isinstance(document, dict):
        return None
    if document.get("type") == "response.failed":
        response = document.get("response")
        failed = isinstance(response, dict) and _texts(response.get("error"), "code", "message")
        return "responses" if failed else None
    error = document.get("error")
    if not isinstance(error, dict) or not _texts(error, "type", "message"):
        return None
    if document.get("type") == "error":
        return "messages"
    free = all(error.get(name) is None or isinstance(error[name], str) for name in ("code", "param"))
    return "openai" if free and "choices" not in document else None


def decoded(text: str | bytes) -> object:
    """Decode JSON that may have lone surrogates, control characters or a mark in front; None if it is none."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        pass
    try:
        line = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
        return json.loads(line.lstrip("\ufeff"), strict=False)
    except (ValueError, RecursionError):
        return None


def _texts(value: object, *names: str) -> bool:
    return isinstance(value, dict) and all(isinstance(value.get(name), str) and value[name] for name in names)


def _read(value: object, told: Told, depth: int) -> bool:
    """Read a piece of an error; tell whether it had words."""
    if depth > _DEEPEST:
        return False
    if isinstance(value, str):
        return _read_text(value, told, depth)
    if isinstance(value, list):
        found = [_read(entry, told, depth + 1) for entry in value[:_WIDEST]]
        return any(found)
    return _read_object(value, told, depth) if isinstance(value, dict) else False


def _read_text(text: str, told: Told, depth: int) -> bool:
    start = text[:_LONGEST_TEXT].strip()
    if start[:1] in ("{", "[") and len(text) <= _LONGEST_TEXT:
        inside = decoded(start)
        if isinstance(inside, dict | list) and _read(inside, told, depth + 1):
            return True
    title = page_title(start)
    told.page = told.page or title is not None
    words = title or one_line(start, _LONGEST_TEXT)
    if words:
        told.words.append(words)
    return bool(words)


def _read_object(box: dict[Any, Any], told: Told, depth: int) -> bool:
    found = bool(box.get("error")) and _read(box["error"], told, depth + 1)
    found = _read_response(box, told, depth) or found
    _names(box, told)
    found = _read_words(box, told, depth) or found
    found = _read_metadata(box.get("metadata"), told, depth) or found
    base = box.get("base_resp")
    if isinstance(base, dict) and base.get("status_code"):
        told.base = told.base or _name(base["status_code"])
        found = _read(base.get("status_msg"), told, depth + 1) or found
    if not found and isinstance(box.get("reason"), str):
        found = _read(box["reason"], told, depth + 1)
    written = box.get("failed_generation")
    if isinstance(written, str) and written:
        told.generation = told.generation or written[:_LONGEST_TEXT]
    return found


def _read_words(box: dict[Any, Any], told: Told, depth: int) -> bool:
    """Read the first field that has words; FastAPI says beside them which field of the request it means."""
    place = box.get("loc")
    for name in _WORDS:
        before = len(told.words)
        if box.get(name) and _read(box[name], told, depth + 1):
            if isinstance(place, list) and len(told.words) == before + 1:
                told.words[before] += f" ({'.'.join(_place(part) for part in place[:_DEEPEST])})"
            return True
    return False


def _place(part: object) -> str:
    return one_line(part, _LONGEST_NAME) if isinstance(part, str) else _name(part) or "0"


def _read_metadata(metadata: object, told: Told, depth: int) -> bool:
    """Read what OpenRouter passes on of the provider behind it."""
    if not isinstance(metadata, dict):
        return False
    provider = metadata.get("provider_name")
    if isinstance(provider, str) and provider:
        told.provider = told.provider or one_line(provider, _LONGEST_NAME)
    _wait(metadata, told)
    return _read(metadata.get("raw"), told, depth + 1)


def _read_response(box: dict[Any, Any], told: Told, depth: int) -> bool:
    """Read the error of a failed response, or of a choice."""
    response, choices = box.get("response"), box.get("choices")
    found = isinstance(response, dict) and _read(response.get("error"), told, depth + 1)
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        found = _read(choices[0].get("error"), told, depth + 1) or found
    return found


def _names(box: dict[Any, Any], told: Told) -> None:
    for key in ("type", "code", "status", "error", "reason"):
        name = _name(box.get(key))
        if name is None or " " in name or name in _NO_NAMES or len(told.names) >= _MOST_NAMES:
            continue
        status = int(name) if re.fullmatch("[45][0-9]{2}", name) else None
        if status is None:
            told.names.append(name)
        else:
            told.status = told.status or status
    _wait(box, told)
    details = box.get("details")
    for detail in details[:_WIDEST] if isinstance(details, list) else []:
        if isinstance(detail, dict):
            _names({"reason": detail.get("reason")}, told)
            delay = detail.get("retryDelay")
            if isinstance(delay, str) and told.wait is None:
                told.wait = duration(delay)


def _wait(box: dict[Any, Any], told: Told) -> None:
    for key in _WAITS:
        if told.wait is None:
            told.wait = seconds(box.get(key))


def _name(value: object) -> str | None:
    """Give a type or code as a text: a short string, or a number that is no truth value."""
    if isinstance(value, str):
        return value[:_LONGEST_NAME] or None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 10**9:
        return None
    return str(value)
