"""Writing the parts of a message, and of what a tool gave, as the content of an item.

===================================== ============================================================================
``Text``                              ``input_text``; of an assistant ``output_text``, with its citations
``Image``                             ``input_image``; one that was uploaded elsewhere is lost
``Document``                          ``input_file``; plain text is ``input_text``, with its name and context before it
``Refusal``                           ``refusal``; where only input can stand, text
``Unknown``                           itself, on its own wire
===================================== ============================================================================

A file that is named by a URL or an id has no ``filename``: OpenAI takes one or the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wiremend.message import Base64, Document, FileId, Image, PlainText, Refusal, Text, Unknown, Url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wiremend.message import Cache, Part
    from wiremend.protocols.codec import Path
    from wiremend.protocols.responses.request_losses import Desk, Json

CONTENT: Final = (Text, Image, Document, Refusal)

_ENDINGS: Final[Mapping[str, str]] = {"application/pdf": "pdf", "text/plain": "txt", "text/markdown": "md"}
_UPLOADED: Final = "what was uploaded to one provider is at no other"


def given(part: Part, path: Path, desk: Desk) -> Json | None:
    """Write a part of what the model is given; None for one that is lost."""
    match part:
        case Text():
            if part.citations:
                desk.lose((*path, "citations"), "citations", "citations of a text are left out")
            return _with({"type": "input_text", "text": part.text}, part, path, desk)
        case Image():
            return _image(part, path, desk)
        case Document():
            return _document(part, path, desk)
        case Refusal():
            desk.lose(path, "refusal", "a refusal is written as text", "only a model refuses", "approximated")
            return {"type": "input_text", "text": part.text}
        case Unknown():
            return unknown(part, path, desk)
    desk.lose(path, "part", "a part is left out", "it cannot stand here")
    return None


def said(part: Part, path: Path, desk: Desk) -> Json | None:
    """Write a part of what the model said; None for one that is lost."""
    if isinstance(part, Text):
        desk.no_cache(path, part.cache)
        notes = [dict(note) for note in part.citations] if desk.own else []
        if part.citations and not desk.own:
            desk.lose((*path, "citations"), "citations", "citations of a text are left out")
        return {**desk.own_of(path, part.extra), "type": "output_text", "text": part.text, "annotations": notes}
    if isinstance(part, Refusal):
        desk.no_cache(path, part.cache)
        return {**desk.own_of(path, part.extra), "type": "refusal", "refusal": part.text}
    kind = type(part).__name__.lower()
    desk.lose(path, kind, f"a part of an assistant's message is left out ({kind})", "a model says text here")
    return None


def unknown(part: Unknown, path: Path, desk: Desk) -> Json | None:
    """Write what only its own wire knows; None for another's."""
    if desk.own:
        return dict(part.data)
    kind = str(part.data.get("type") or "unknown")
    desk.lose(path, kind, f"a part of the type {kind} is left out")
    return None


def _with(written: Json, part: Text | Image | Document, path: Path, desk: Desk) -> Json:
    """Add the mark for the cache, and what the part has besides."""
    extra = desk.own_of(path, part.extra)
    if part.cache is not None:
        if desk.own:
            written["prompt_cache_breakpoint"] = _mark(part.cache)
        else:
            desk.no_cache(path, part.cache)
    return {**extra, **written} if extra else written


def _mark(cache: Cache) -> Json:
    return {"mode": "explicit"} if cache.ttl is None else {"mode": "explicit", "ttl": cache.ttl}


def _image(part: Image, path: Path, desk: Desk) -> Json | None:
    written: Json = {"type": "input_image", "detail": part.detail or "auto"}
    match part.source:
        case Base64(media_type=media, data=data):
            written["image_url"] = f"data:{media};base64,{data}"
        case Url(url=url):
            written["image_url"] = url
        case FileId(id=ident):
            if not desk.own:
                desk.lose(path, "file_id", "a picture is left out", _UPLOADED)
                return None
            written["file_id"] = ident
    return _with(written, part, path, desk)


def _document(part: Document, path: Path, desk: Desk) -> Json | None:
    written: Json = {"type": "input_file"}
    named = False
    match part.source:
        case PlainText(text=text):
            desk.lose(path, "document", "a document is written as text", "plain text is no file here", "approximated")
            head = "\n".join(line for line in (part.name, part.context) if line)
            return {"type": "input_text", "text": f"{head}\n\n{text}" if head else text}
        case Base64(media_type=media, data=data):
            written["file_data"] = f"data:{media};base64,{data}"
            named = True
            written["filename"] = part.name or f"document.{_ENDINGS.get(media, 'bin')}"
            if part.name is None:
                what = f"a document is called {written['filename']}"
                desk.lose((*path, "name"), "filename", what, "a file here needs a name", "invented")
        case Url(url=url):
            written["file_url"] = url
        case FileId(id=ident):
            if not desk.own:
                desk.lose(path, "file_id", "a document is left out", _UPLOADED)
                return None
            written["file_id"] = ident
    if part.name is not None and not named:
        desk.lose(
            (*path, "name"), "filename", "the name of a document is left out", "a file that is elsewhere has none"
        )
    if part.context is not None:
        desk.lose((*path, "context"), "context", "what is said about a document is left out")
    return _with(written, part, path, desk)


def content_of(parts: tuple[Any, ...], path: Path, desk: Desk) -> str | list[Json]:
    """Write what a tool gave: as a string where it is one plain text."""
    found = []
    for index, part in enumerate(parts):
        written = given(part, (*path, "parts", index), desk)
        if written is not None:
            found.append(written)
    if len(found) == 1 and found[0].keys() == {"type", "text"} and found[0]["type"] == "input_text":
        return str(found[0]["text"])
    return found
