"""Writes what a user, a system or a tool said: parts of a content of the chat wire.

======================================  ==============================================================================
part                                    is written as
======================================  ==============================================================================
Text                                    ``text``; citations are lost
Image of bytes, by URL                  ``image_url``
Document of bytes                       ``file`` with a ``data:`` URL; a missing file name is made up
Document that is text                   ``text`` that begins with its name and context (approximated)
Document by URL                         ``file`` for OpenRouter, which fetches it; else a ``text`` that names it
Image, Document of an uploaded file     ``file`` with the id, for a document of this wire's own; else lost
Unknown                                 as it is where it is of this wire, else lost
======================================  ==============================================================================

A system's and a tool's content takes text alone. What else a tool gave is set aside, to be shown behind it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wiremend.message import Base64, Document, FileId, Image, PlainText, Text, Unknown, Url
from wiremend.protocols.chat.request_write_tools import inner

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wiremend.message import Part
    from wiremend.protocols.chat.request_writing import Json, Writing
    from wiremend.protocols.codec import Path

_ENDINGS: Final = {
    "application/json": "json",
    "application/pdf": "pdf",
    "text/csv": "csv",
    "text/html": "html",
    "text/markdown": "md",
    "text/plain": "txt",
}
_ELSEWHERE: Final = "the file is another provider's"


def write_content(writing: Writing, parts: Sequence[Part], path: Path, first: int = 0) -> list[Json]:
    """Write parts as a list; ``path`` leads to them, the number of the first being ``first``."""
    found = (write_part(writing, part, (*path, number)) for number, part in enumerate(parts, first))
    return [item for item in found if item is not None]


def plain_text(parts: Sequence[Part]) -> str:
    """Give the text of what is one text and nothing more, so that a content may be that string; else ""."""
    if len(parts) != 1:
        return ""
    part = parts[0]
    return part.text if type(part) is Text and part.cache is None and not (part.citations or part.extra) else ""


def collapsed(content: list[Json]) -> list[Json] | str:
    """Give a content in its shortest form: a string for one text, for nothing."""
    if not content:
        return ""
    if len(content) == 1 and content[0].keys() == {"type", "text"} and content[0]["text"]:
        text: str = content[0]["text"]
        return text
    return content


def write_part(writing: Writing, part: Part, path: Path) -> Json | None:
    """Write one part; None where it is lost."""
    if isinstance(part, Text):
        return write_text(writing, part, path)
    if isinstance(part, Image):
        return _image(writing, part, path)
    if isinstance(part, Document):
        return _document(writing, part, path)
    if isinstance(part, Unknown) and writing.own:
        return dict(part.data)
    kind = str(part.data.get("type") or "part") if isinstance(part, Unknown) else type(part).__name__.lower()
    writing.lose("lost", path, kind, "the part was left out", "this wire has no part of its kind here")
    return None


def write_text(writing: Writing, part: Text, path: Path) -> Json:
    """Write a text."""
    if part.citations:
        writing.lose("lost", (*path, "citations"), "citations", "left out", "this wire has no place for them")
    if part.cache is None and not part.extra:
        return {"type": "text", "text": part.text}
    return _whole(writing, part, path, {"type": "text", "text": part.text})


def _whole(writing: Writing, part: Text | Image | Document, path: Path, item: Json) -> Json:
    """Add the extras and the mark for the cache."""
    return {**writing.extras(part.extra, path), **item, **writing.cache(part.cache, path)}


def _image(writing: Writing, part: Image, path: Path) -> Json | None:
    if isinstance(part.source, FileId):
        writing.lose("lost", path, "file_id", "the picture was left out", _ELSEWHERE)
        return None
    url = part.source.url if isinstance(part.source, Url) else _data(part.source)
    item = _whole(writing, part, path, {"type": "image_url"})
    image: Json = {"url": url} | ({} if part.detail is None else {"detail": part.detail})
    return item | {"image_url": image | inner(item, "image_url")}


def _data(source: Base64) -> str:
    return f"data:{source.media_type};base64,{source.data}"


def _document(writing: Writing, part: Document, path: Path) -> Json | None:
    source = part.source
    if isinstance(source, PlainText):
        writing.lose("approximated", path, "document", "the document became text", "the wire has files alone")
        return _as_text(writing, part, path, source.text)
    if isinstance(source, Url) and not writing.router:
        what = "a text tells the document's address instead"
        writing.lose("approximated", path, "document_url", what, "the wire takes no documents by URL")
        return _as_text(writing, part, path, f"Document: {source.url}")
    if isinstance(source, FileId) and not writing.own:
        writing.lose("lost", path, "file_id", "the document was left out", _ELSEWHERE)
        return None
    if isinstance(source, FileId):
        file = {"file_id": source.id} | ({} if part.name is None else {"filename": part.name})
    elif isinstance(source, Url):
        file = {"filename": _name(writing, part, "application/pdf", path), "file_data": source.url}
    else:
        file = {"filename": _name(writing, part, source.media_type, path), "file_data": _data(source)}
    if part.context is not None:
        writing.lose("lost", (*path, "context"), "context", "left out", "this wire has no place for it")
    item = _whole(writing, part, path, {"type": "file"})
    return item | {"file": file | inner(item, "file")}


def _as_text(writing: Writing, part: Document, path: Path, text: str) -> Json:
    """Write a document as a text that begins with its name and what the client says about it."""
    head = [value for value in (part.name, part.context) if value]
    return {"type": "text", "text": "\n\n".join([*head, text])} | writing.cache(part.cache, path)


def _name(writing: Writing, part: Document, media_type: str, path: Path) -> str:
    if part.name is not None:
        return part.name
    name = f"document.{_ENDINGS.get(media_type, 'bin')}"
    writing.lose("invented", (*path, "name"), "filename", f"the file is called {name}", "the wire wants a name")
    return name
