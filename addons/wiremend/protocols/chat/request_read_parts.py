"""Reads the parts of a message's content.

======================  ==============================================================================================
part                    becomes
======================  ==============================================================================================
``text``                Text; also ``input_text``, ``output_text`` and a bare string
``image_url``           Image: a ``data:`` URL is Base64, any other a Url; ``detail`` is kept
``file``                Document: ``file_data`` (a ``data:`` URL, bare base64; a URL, as OpenRouter has it), ``file_id``
``refusal``             Refusal, of an assistant
``thinking``            Thinking, of an assistant (Mistral); also ``reasoning``
any other               Unknown (``input_audio``, ``video_url`` …)
======================  ==============================================================================================

``cache_control`` is the part's Cache (OpenRouter's dialect, and that of hosts compatible with Anthropic). All other
fields are the part's ``extra``, OpenAI's ``prompt_cache_breakpoint`` among them: it is for the newest models alone, and
its times are others. Unknown fields inside ``image_url`` and ``file`` are in ``extra`` under that name.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from wiremend.message import Base64, Cache, Document, FileId, Image, Refusal, Text, Thinking, Unknown, Url
from wiremend.protocols.chat.request_values import At, Json, refusal, rest, text
from wiremend.protocols.chat.values import text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wiremend.message import Part

_DATA: Final = re.compile(r"data:([^,;]*)(?:;[^,;]*)*?;base64,", re.IGNORECASE)
_TEXTS: Final = frozenset({"text", "input_text", "output_text"})
_TEXT_FIELDS: Final = frozenset({"type", "text", "cache_control"})
_IMAGE_FIELDS: Final = frozenset({"type", "image_url", "detail", "cache_control"})
_FILE_FIELDS: Final = frozenset({"type", "file", "cache_control"})
_REFUSAL_FIELDS: Final = frozenset({"type", "refusal", "cache_control"})
_THOUGHT_FIELDS: Final = frozenset({"type", "thinking", "reasoning", "text", "cache_control"})
_URL_FIELDS: Final = frozenset({"url", "detail"})
_NAMED_FIELDS: Final = frozenset({"file_data", "file_id", "filename"})

_TYPES: Final = {
    "csv": "text/csv",
    "html": "text/html",
    "json": "application/json",
    "md": "text/markdown",
    "txt": "text/plain",
}
_PDF: Final = "application/pdf"


def read_content(value: object, at: At, role: str) -> list[tuple[Part, At]]:
    """Read a content, a string or a list, into parts, each with its place; null and "" are no parts.

    Raises TranslationError for any other type.
    """
    if value is None or value == "":
        return []
    if isinstance(value, str):
        return [(Text(value), at)]
    if isinstance(value, dict):
        return [(read_part(value, at, role), at)]
    if not isinstance(value, list):
        raise refusal(at, "must be a string or a list of parts")
    return [(read_part(item, (*at, number), role), (*at, number)) for number, item in enumerate(value)]


def read_part(value: object, at: At, role: str) -> Part:
    """Read one part of a content. Raises TranslationError for what is no part."""
    if isinstance(value, str):
        return Text(value)
    if not isinstance(value, dict):
        raise refusal(at, "must be a part: an object with a type")
    kind = value.get("type") or ("text" if "text" in value else "image_url" if "image_url" in value else None)
    if not isinstance(kind, str):
        raise refusal((*at, "type"), "must say of which type the part is")
    if kind in _TEXTS:
        found = text(value.get("text"), (*at, "text")) or ""
        if len(value) == 2:  # noqa: PLR2004  the type and the text, as nearly always
            return Text(found)
        return Text(found, cache=cache_of(value), extra=rest(value, _TEXT_FIELDS))
    read = _READ.get(kind) or (_SAID.get(kind) if role == "assistant" else None)
    return Unknown(value) if read is None else read(value, at)


def cache_of(value: Json) -> Cache | None:
    """Read the mark that the prompt up to here is worth caching."""
    mark = value.get("cache_control")
    if not isinstance(mark, dict):
        return None
    ttl = mark.get("ttl")
    return Cache(ttl if isinstance(ttl, str) else None)


def _source(url: str) -> Base64 | Url:
    found = _DATA.match(url)
    return Base64(found[1].lower(), url[found.end() :]) if found else Url(url)


def _more(value: Json, known: frozenset[str], name: str, inner: frozenset[str]) -> Json:
    """Give the unknown fields of a part, and those of the object in it under the object's name."""
    extra = rest(value, known)
    within = value.get(name)
    if isinstance(within, dict) and (more := rest(within, inner)):
        extra[name] = more
    return extra


def _image(value: Json, at: At) -> Image:
    within: Any = value.get("image_url")
    inner: Json = within if isinstance(within, dict) else {"url": within, "detail": value.get("detail")}
    url = text(inner.get("url"), (*at, "image_url", "url"))
    if not url:
        raise refusal((*at, "image_url", "url"), "must be the picture's URL; a data: URL may hold the picture itself")
    detail = text(inner.get("detail"), (*at, "image_url", "detail"))
    extra = _more(value, _IMAGE_FIELDS, "image_url", _URL_FIELDS)
    return Image(_source(url), detail, cache=cache_of(value), extra=extra)


def _file(value: Json, at: At) -> Document | Unknown:
    within = value.get("file")
    if not isinstance(within, dict):
        raise refusal((*at, "file"), "must be an object with file_data or file_id")
    data = text(within.get("file_data"), (*at, "file", "file_data"))
    ident = text(within.get("file_id"), (*at, "file", "file_id"))
    name = text(within.get("filename"), (*at, "file", "filename")) or None
    if not data and not ident:
        return Unknown(value)
    source = _data(data, name) if data else FileId(ident or "")
    extra = _more(value, _FILE_FIELDS, "file", _NAMED_FIELDS)
    if data and ident:
        extra["file"] = {"file_id": ident, **extra.get("file", {})}
    return Document(source, name, cache=cache_of(value), extra=extra)


def _refusal(value: Json, at: At) -> Refusal:
    said = text(value.get("refusal"), (*at, "refusal")) or ""
    return Refusal(said, cache=cache_of(value), extra=rest(value, _REFUSAL_FIELDS))


def _thought(value: Json, _: At) -> Thinking:
    return Thinking(text_of(value) or "", cache=cache_of(value), extra=rest(value, _THOUGHT_FIELDS))


_READ: Final[Mapping[str, Callable[[Json, At], Part]]] = {"image_url": _image, "file": _file}
_SAID: Final[Mapping[str, Callable[[Json, At], Part]]] = {
    "refusal": _refusal,
    "thinking": _thought,
    "reasoning": _thought,
}
"""Types of parts that an assistant alone has."""


def _data(data: str, name: str | None) -> Base64 | Url:
    """Read ``file_data``; bare base64 is of the type that the file's name ends in, a PDF if that says nothing."""
    if data.startswith(("data:", "http://", "https://")):
        return _source(data)
    return Base64(_TYPES.get((name or "").rpartition(".")[2].lower(), _PDF), data)
