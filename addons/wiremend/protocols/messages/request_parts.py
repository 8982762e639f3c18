"""Writes parts of messages as content blocks of the messages wire.

What a block cannot say, or may not: a cache mark on reasoning, a ``detail``, citations of another wire, an empty text
(which the API refuses, and which says nothing: it goes without a word). Reasoning goes back to who can check it, and to
who does not check; see :class:`Parts`.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any, Final

import msgspec

from wiremend.message import (
    Base64,
    CustomToolUse,
    Document,
    FileId,
    Image,
    PlainText,
    Redacted,
    Refusal,
    Text,
    Thinking,
    ToolResult,
    ToolUse,
    Unknown,
    Url,
)
from wiremend.protocols.messages.request_names import legal_id
from wiremend.protocols.messages.request_values import of_data_url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from wiremend.message import Cache, Part, Tool
    from wiremend.protocols.codec import Path
    from wiremend.protocols.messages.request_names import Names
    from wiremend.protocols.messages.request_values import Json, Losses

_TTLS: Final = frozenset({"5m", "1h"})
_PDF: Final = "application/pdf"
_OPENAIS: Final = "gAAAAA"
"""How OpenAI's encrypted reasoning begins; Claude's does not."""

_decode: Final = msgspec.json.Decoder().decode

type _Carrier = Part | Tool


class Parts:
    """Writes parts, and notes what they say and blocks do not.

    ``own`` tells that the request came by this wire, whose words the extra fields then are. ``checks`` tells that the
    recipient refuses reasoning that it did not sign: Claude, wherever it runs. Others take reasoning without a
    signature, and some want it back; they get the text of any.
    """

    def __init__(self, names: Names, losses: Losses, *, own: bool, checks: bool) -> None:
        """Write for one recipient."""
        self._names = names
        self._losses = losses
        self._own = own
        self._checks = checks
        self._ids: dict[str, str] = {}

    def block(self, part: Part, path: Path) -> Json | None:
        """Give the block of a part; None for what is left out."""
        return self._WRITERS[type(part)](self, part, path)

    def blocks(self, parts: Sequence[Part], index: int) -> list[Json]:
        """Give the blocks of all parts of the message with this index.

        Of nearly all nothing is lost: paths are only made for the others.
        """
        found: list[Json] = []
        for number, part in enumerate(parts):
            block: Json | None = None
            if type(part) is ToolUse:
                block = self._usual_use(part)
            elif type(part) is ToolResult:
                block = self._usual_result(part)
            elif (text := _plain(part)) is not None:
                block = {"type": "text", "text": text}
            if block is None:
                block = self.block(part, ("messages", index, "parts", number))
            if block is not None:
                found.append(block)
        return found

    def _usual_use(self, part: ToolUse) -> Json | None:
        call = part.id
        if part.cache is not None or part.extra or (self._ids.get(call) or self._legal(call)) != call:
            return None
        try:
            value: Any = _decode(part.arguments)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return None
        if not isinstance(value, dict):
            return None
        return {"type": "tool_use", "id": call, "name": self._names[part.name], "input": value}

    def _usual_result(self, part: ToolResult) -> Json | None:
        call, inside = part.id, part.parts
        text = _plain(inside[0]) if len(inside) == 1 and part.cache is None and not part.extra else None
        if text is None or (self._ids.get(call) or self._legal(call)) != call:
            return None
        block: Json = {"type": "tool_result", "tool_use_id": call, "content": text}
        if part.is_error is not None:
            block["is_error"] = part.is_error
        return block

    def _legal(self, call: str) -> str:
        legal = self._ids.get(call)
        if legal is None:
            legal = self._ids[call] = legal_id(call)
        return legal

    def unknown(self, part: Unknown, path: Path) -> Json | None:
        """Give what only its own wire has, on its own wire."""
        if self._own:
            return dict(part.data)
        kind = part.data.get("type")
        code = kind if isinstance(kind, str) else "unknown"
        self._losses.lost(path, code, f"{code!r} was left out", "only the client's wire has it")
        return None

    def marked(self, block: Json, part: _Carrier, path: Path) -> Json:
        """Put on a block what any part may have: the cache mark, and extra fields of this wire."""
        if isinstance(part, Unknown) or (part.cache is None and not part.extra):
            return block
        if part.cache is not None:
            block["cache_control"] = self._cache(part.cache, path)
        for name, value in part.extra.items():
            if not self._own:
                self.foreign(name, value, path)
            elif name == "cache_control" and isinstance(value, dict):
                block[name] = block.get(name, {}) | value
            else:
                block[name] = value
        return block

    def foreign(self, name: str, value: object, path: Path) -> None:
        """Note a field that has no place here; null, and what is empty, says nothing."""
        if value is not None and value not in ([], {}):
            self._losses.lost((*path, "extra", name), name, f"{name!r} was left out", "it has no place here")

    def _cache(self, cache: Cache, path: Path) -> Json:
        if cache.ttl is None:
            return {"type": "ephemeral"}
        ttl = cache.ttl
        if ttl not in _TTLS:
            ttl = "1h"
            why = "the cache is kept for 5m or 1h here"
            self._losses.approximated((*path, "cache"), "cache_control", f"{cache.ttl!r} said as 1h", why)
        return {"type": "ephemeral", "ttl": ttl}

    def _uncached(self, block: Json, part: Thinking | Redacted, path: Path) -> Json:
        """Put extra fields on a block of reasoning, which can bear no cache mark."""
        if part.cache is not None:
            self._losses.lost((*path, "cache"), "cache_control", "left out", "reasoning bears no cache mark here")
            part = msgspec.structs.replace(part, cache=None)
        return self.marked(block, part, path)

    def _text(self, part: Text, path: Path) -> Json | None:
        if not part.text.strip():
            if part.text or part.cache is not None or part.extra or part.citations:
                self._losses.lost(path, "empty", "a text of nothing but space was left out", "it is refused here")
            return None
        block: Json = {"type": "text", "text": part.text}
        if part.citations and self._own:
            block["citations"] = list(part.citations)
        elif part.citations:
            self._losses.lost((*path, "citations"), "citations", "left out", "each wire has its own")
        return self.marked(block, part, path)

    def _refusal(self, part: Refusal, path: Path) -> Json | None:
        if not part.text.strip():
            self._losses.lost(path, "empty", "a refusal without words was left out")
            return None
        self._losses.approximated(path, "refusal", "said as text", "this wire has no refusal in a message")
        return self.marked({"type": "text", "text": part.text}, part, path)

    # --- pictures and documents ---------------------------------------------------------------------------------------

    def _media(self, part: Image | Document, path: Path) -> Json | None:
        source = self._source(part, path)
        if source is None:
            return None
        if isinstance(part, Image):
            if part.detail not in {None, "auto"}:
                self._losses.lost((*path, "detail"), "detail", f"{part.detail!r} was left out", "it has no place here")
            return self.marked({"type": "image", "source": source}, part, path)
        block: Json = {"type": "document", "source": source}
        if part.name is not None:
            block["title"] = part.name
        if part.context is not None:
            block["context"] = part.context
        return self.marked(block, part, path)

    def _source(self, part: Image | Document, path: Path) -> Json | None:
        match part.source:
            case Base64(media_type=kind, data=data):
                return self._inline(part, kind, data, path)
            case Url(url=url):
                inline = of_data_url(url)
                return {"type": "url", "url": url} if inline is None else self._inline(part, *inline, path)
            case PlainText(text=text):
                return {"type": "text", "media_type": "text/plain", "data": text}
            case FileId(id=file):
                if self._own:
                    return {"type": "file", "file_id": file}
                self._losses.lost(path, "file_id", f"the file {file!r} was left out", "no other provider has it")
                return None

    def _inline(self, part: Image | Document, kind: str, data: str, path: Path) -> Json | None:
        """Write bytes; a document is a PDF or text."""
        if isinstance(part, Image) or kind == _PDF:
            return {"type": "base64", "media_type": kind, "data": data}
        text = _as_text(data) if kind.startswith("text/") or kind == "application/json" else None
        if text is None:
            self._losses.lost(
                path, "document", f"a document of type {kind!r} was left out", "PDF and text are read here"
            )
            return None
        self._losses.approximated((*path, "source"), "document", f"{kind!r} said as plain text", "it is no PDF")
        return {"type": "text", "media_type": "text/plain", "data": text}

    # --- calls and results --------------------------------------------------------------------------------------------

    def _use(self, part: ToolUse | CustomToolUse, path: Path) -> Json:
        if isinstance(part, CustomToolUse):
            value: Json = {"input": part.input}
        else:
            value = self._arguments(part.arguments, path)
        block = {"type": "tool_use", "id": self._id(part.id, path), "name": self._names[part.name], "input": value}
        return self.marked(block, part, path)

    def _arguments(self, text: str, path: Path) -> Json:
        """Read the input of a call, which is an object on this wire."""
        try:
            value: Any = msgspec.json.decode(text) if text.strip() else {}
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            value = text
        if isinstance(value, dict):
            return value
        what = "said as the member 'input' of an object"
        self._losses.approximated((*path, "arguments"), "arguments", what, "a call's input is a JSON object here")
        return {"input": value}

    def _id(self, call: str, path: Path) -> str:
        legal = self._legal(call)
        if legal != call:
            why = "an id has letters, digits, _ and - here"
            self._losses.approximated((*path, "id"), "tool_id", f"{call!r} said as {legal!r}", why)
        return legal

    def _result(self, part: ToolResult, path: Path) -> Json:
        block: Json = {"type": "tool_result", "tool_use_id": self._id(part.id, path)}
        inside = [self.block(each, (*path, "parts", number)) for number, each in enumerate(part.parts)]
        content = [each for each in inside if each is not None]
        if content:
            block["content"] = shortest(content)
        if part.is_error is not None:
            block["is_error"] = part.is_error
        return self.marked(block, part, path)

    # --- reasoning ----------------------------------------------------------------------------------------------------

    def _thinking(self, part: Thinking, path: Path) -> Json | None:
        if part.signature is None and (self._checks or not part.text):
            why = "it is not signed for this provider, which takes no other" if self._checks else "it has no text"
            self._losses.lost(path, "reasoning", "left out", why)
            return None
        gone = [name for name in ("encrypted", "id", "summary") if getattr(part, name)]
        if gone:
            what = f"its text is kept as reasoning, without {', '.join(gone)}"
            self._losses.approximated(path, "reasoning", what, "only who wrote it can read the rest")
        if "wire" in part.extra:
            why = "only who wrote it can read that"
            self._losses.lost((*path, "extra"), "reasoning", "what proves it on another wire was left out", why)
            part = msgspec.structs.replace(part, extra={})
        block = {"type": "thinking", "thinking": part.text, "signature": part.signature or ""}
        return self._uncached(block, part, path)

    def _redacted(self, part: Redacted, path: Path) -> Json | None:
        if part.id is not None or not part.encrypted or part.encrypted.startswith(_OPENAIS):
            self._losses.lost(path, "reasoning", "encrypted reasoning was left out", "only who wrote it can read it")
            return None
        return self._uncached({"type": "redacted_thinking", "data": part.encrypted}, part, path)

    _WRITERS: Final[Mapping[type, Callable[[Parts, Any, Path], Json | None]]] = {
        Text: _text,
        Image: _media,
        Document: _media,
        ToolUse: _use,
        CustomToolUse: _use,
        ToolResult: _result,
        Thinking: _thinking,
        Redacted: _redacted,
        Refusal: _refusal,
        Unknown: unknown,
    }


def _plain(part: Part) -> str | None:
    """Give the text of what is that and nothing more; None for any other part, and for a text that is only space."""
    if type(part) is not Text or part.cache is not None or part.extra or part.citations:
        return None
    text = part.text
    return None if not text or text.isspace() else text


def shortest(content: list[Json]) -> str | list[Json]:
    """Give a content as a string where it is one text without anything else."""
    if len(content) == 1 and content[0].get("type") == "text" and len(content[0]) == 2:  # noqa: PLR2004 - that and the text
        text: str = content[0]["text"]
        return text
    return content


def _as_text(data: str) -> str | None:
    try:
        return base64.b64decode(data).decode()
    except (binascii.Error, ValueError):
        return None
