"""Reading the parts of a message, and of what a tool gave, into neutral ones.

===================================== ============================================================================
``input_text``, ``output_text``       ``Text``; ``annotations`` are its citations (``text`` is taken for one too)
``input_image``                       ``Image``: a data URL is ``Base64``; ``detail: auto`` says what is so anyway
``input_file``                        ``Document``: ``file_data``, ``file_url``, ``file_id``, and ``filename``
``refusal``                           ``Refusal``
``prompt_cache_breakpoint`` of a part ``Cache``
any other type                        ``Unknown``
===================================== ============================================================================
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from wiremend.message import Base64, Cache, Document, FileId, Image, Refusal, Text, Unknown, Url
from wiremend.protocols.responses.request_values import rest_of, text_at, wrong

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wiremend.protocols.codec import Path, Places
    from wiremend.protocols.responses.request_values import Json, Where

type Content = Text | Image | Document | Refusal | Unknown

_DATA_URL: Final = re.compile(r"data:([^;,]*)(?:;[^;,]+)*;base64,", re.IGNORECASE)
_MEDIA: Final[Mapping[str, str]] = {"pdf": "application/pdf", "txt": "text/plain", "md": "text/markdown"}
_TEXT: Final = frozenset({"type", "text", "annotations", "prompt_cache_breakpoint"})
_IMAGE: Final = frozenset({"type", "image_url", "file_id", "detail", "prompt_cache_breakpoint"})
_FILE: Final = frozenset({"type", "file_data", "file_url", "file_id", "filename", "prompt_cache_breakpoint"})
_REFUSAL: Final = frozenset({"type", "refusal"})


def read_content(content: object, path: Path, where: Where, first: int, places: Places) -> list[Content]:
    """Read a ``content`` or ``output``: a string is one text, null is nothing.

    ``path`` and ``where`` are the places of what it is the content of, in the neutral request and in the body; the
    parts are numbered from ``first``. Raises TranslationError for what is no content.
    """
    if content is None:
        return []
    if isinstance(content, str):
        places.put((*path, "parts", first), *where)
        return [Text(content)]
    if isinstance(content, dict):
        places.put((*path, "parts", first), *where)
        return [_part(content, (*path, "parts", first), where, places)]
    if not isinstance(content, list):
        raise wrong(where, "this must be a string or a list of parts")
    found = []
    for index, part in enumerate(content):
        here, place = (*path, "parts", first + index), (*where, index)
        places.put(here, *place)
        found.append(Text(part) if isinstance(part, str) else _part(part, here, place, places))
    return found


def _part(part: object, path: Path, where: Where, places: Places) -> Content:
    if not isinstance(part, dict):
        raise wrong(where, "this must be a part: an object with a type")
    kind = part.get("type")
    read = _READERS.get(kind) if isinstance(kind, str) else None
    if read is None:
        return Unknown(part)
    if "prompt_cache_breakpoint" in part:
        places.put((*path, "cache"), *where, "prompt_cache_breakpoint")
    return read(part, path, where, places)


def _text(part: Json, path: Path, where: Where, places: Places) -> Text:
    notes = part.get("annotations")
    citations = tuple(note for note in notes if isinstance(note, dict)) if isinstance(notes, list) else ()
    if citations:
        places.put((*path, "citations"), *where, "annotations")
    return Text(text_at(part, "text", *where) or "", citations, cache=_cache(part), extra=rest_of(part, _TEXT))


def _image(part: Json, path: Path, where: Where, places: Places) -> Image:
    url, file_id = part.get("image_url"), text_at(part, "file_id", *where)
    if isinstance(url, dict):  # as chat has it
        url = url.get("url")
    source: Base64 | Url | FileId
    if isinstance(url, str):
        source = _of_url(url)
        places.put((*path, "source"), *where, "image_url")
    elif file_id:
        source = FileId(file_id)
        places.put((*path, "source"), *where, "file_id")
    else:
        raise wrong(where, "a picture needs an image_url or a file_id")
    detail = text_at(part, "detail", *where)
    extra = rest_of(part, _IMAGE)
    return Image(source, None if detail == "auto" else detail, cache=_cache(part), extra=extra)


def _file(part: Json, path: Path, where: Where, places: Places) -> Document:
    name = text_at(part, "filename", *where)
    source: Base64 | Url | FileId
    if data := text_at(part, "file_data", *where):
        found = _of_url(data)
        ending = (name or "").rpartition(".")[2].lower()
        source = found if isinstance(found, Base64) else Base64(_MEDIA.get(ending, "application/pdf"), data)
        places.put((*path, "source"), *where, "file_data")
    elif url := text_at(part, "file_url", *where):
        source = Url(url)
        places.put((*path, "source"), *where, "file_url")
    elif file_id := text_at(part, "file_id", *where):
        source = FileId(file_id)
        places.put((*path, "source"), *where, "file_id")
    else:
        raise wrong(where, "a file needs file_data, a file_url or a file_id")
    places.put((*path, "name"), *where, "filename")
    return Document(source, name, cache=_cache(part), extra=rest_of(part, _FILE))


def _refusal(part: Json, _path: Path, where: Where, _places: Places) -> Refusal:
    return Refusal(text_at(part, "refusal", *where) or "", extra=rest_of(part, _REFUSAL))


def _of_url(url: str) -> Base64 | Url:
    found = _DATA_URL.match(url)
    if found is None:
        return Url(url)
    return Base64(found[1].lower() or "application/octet-stream", url[found.end() :])


def _cache(part: Mapping[str, Any]) -> Cache | None:
    mark = part.get("prompt_cache_breakpoint")
    if not isinstance(mark, dict):
        return None
    ttl = mark.get("ttl")
    return Cache(ttl if isinstance(ttl, str) else None)


_READERS: Final[Mapping[str, Callable[[Json, Path, Where, Places], Content]]] = {
    "input_text": _text,
    "output_text": _text,
    "text": _text,
    "input_image": _image,
    "input_file": _file,
    "refusal": _refusal,
}
