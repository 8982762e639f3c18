"""A HAR file as captures: what Chrome, Firefox, Charles or mitmproxy's ``hardump`` recorded of LLM calls.

HAR 1.2 (http://www.softwareishard.com/blog/har-12-spec/) is what people have when they ran no Wiremend. It knows less
than a capture, and each capture's notes say what is not known:

- **No cuts.** A reply is one piece, without the times of its events.
- **One side.** Whether something stood between client and provider is not in the file: the request is taken for the
  client's and for the one that left, the reply for the provider's; what the client got is not known.
- **Bodies are decoded.** A text is what the recorder showed; its ``content-encoding`` was undone, so that header goes,
  as does the length that no longer fits. A body in base64 that still is what the header says keeps both.
- **Bodies may be missing**: browsers drop large ones, and streams that a page read event by event.

The pseudo headers of HTTP/2 (``:path``) are no headers. Chrome writes several ``set-cookie`` as one value with line
feeds in it; they become several headers again. Nothing is scrubbed here.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import urlsplit

from wiremend.captures.capture import Attempt, Body, Capture, Frame, Inputs, Request, Response
from wiremend.codings import decode
from wiremend.errors import CaptureError, CodingError
from wiremend.headers import Headers
from wiremend.notes import Note
from wiremend.protocols import find_endpoint

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

LIMIT: Final = 1024 * 1024 * 1024
"""Bytes that a compressed file (mitmproxy's ``.zhar``) may have when it is not."""

_SCHEMES: Final = {"http": ("http", 80), "ws": ("http", 80), "https": ("https", 443), "wss": ("https", 443)}
_NO_CALL: Final = frozenset({"OPTIONS", "CONNECT"})
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CHARSET: Final = re.compile(r"charset\s*=\s*\"?([\w.:-]+)", re.IGNORECASE)
_ZLIB: Final = frozenset({b"\x78\x01", b"\x78\x9c", b"\x78\xda"})
_BOM: Final = "\ufeff"
_TEXT, _BINARY = 1, 2
_FIRST, _LAST = 100, 999
_MILLION: Final = 1_000_000
_HIGHEST: Final = 10**12


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the file; ``number`` counts from 1.

    ``capture`` is None where it is no LLM call, or, with ``error`` set, where it cannot be read.
    """

    number: int
    capture: Capture | None = None
    error: str | None = None


def is_har(first: bytes) -> bool:
    """Tell by its first bytes whether a file may be a HAR, rather than a flow file (which begins with a length)."""
    return first.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{" or first[:2] in _ZLIB


def read_har(data: bytes) -> Iterator[Entry]:
    """Give the entries of a HAR file. Raises :class:`CaptureError` where it is none; a bad entry is one of its own."""
    log = _load(data)
    entries = log.get("entries")
    if not isinstance(entries, list):
        raise CaptureError("/log/entries: this must be a list; it is no HAR")
    creator = _object(log.get("creator"), "/log/creator")
    recorder = " ".join(filter(None, (_text(creator.get("name")), _text(creator.get("version")))))
    return _entries(entries, recorder)


def _load(data: bytes) -> Mapping[str, Any]:
    if data[:2] in _ZLIB:
        unpacker = zlib.decompressobj()
        try:
            data = unpacker.decompress(data, LIMIT)
        except zlib.error as error:
            raise CaptureError(f"this is neither a HAR nor a compressed one: {error}") from None
        if unpacker.unconsumed_tail or not unpacker.eof:
            raise CaptureError(f"the compressed HAR is cut short, or holds more than {LIMIT} bytes")
    try:
        document = json.loads(data.decode("utf-8", "surrogateescape").removeprefix(_BOM))
    except (ValueError, RecursionError) as error:
        raise CaptureError(f"this is no JSON, so it is no HAR: {error}") from None
    log = document.get("log") if isinstance(document, dict) else None
    if not isinstance(log, dict):
        raise CaptureError("/log: this must be an object; it is no HAR")
    return log


def _entries(entries: Sequence[object], recorder: str) -> Iterator[Entry]:
    for number, entry in enumerate(entries, 1):
        try:
            yield Entry(number, _capture(entry, number, recorder))
        except CaptureError as error:
            yield Entry(number, error=str(error))


def _capture(entry: object, number: int, recorder: str) -> Capture | None:
    """Read one entry; None where it is no LLM call."""
    plain = _object(entry, "/", needed=True)
    sent = _object(plain.get("request"), "/request", needed=True)
    method, url = _text(sent.get("method")), _text(sent.get("url"))
    if not (_TOKEN.fullmatch(method) and url):
        raise CaptureError("/request: method and url are missing")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise CaptureError(f"/request/url: it cannot be read: {error}") from None
    path = tuple(segment for segment in parts.path.split("/") if segment)
    if parts.scheme not in _SCHEMES or host is None or method.upper() in _NO_CALL or find_endpoint(path) is None:
        return None
    scheme, usual = _SCHEMES[parts.scheme]
    target = ((parts.path or "/") + (f"?{parts.query}" if parts.query else "")).replace(" ", "%20")
    began, notes = _began(plain.get("startedDateTime"))
    headers, body = _message(sent.get("headers"), _object(sent.get("postData"), "/request/postData"), "/request")
    request = Request(method, scheme, host, port or usual, target, headers, body, _version(sent))
    response, failed = _response(_object(plain.get("response"), "/response"), notes)
    identity = hashlib.blake2b(f"{number} {began!r} {method} {url}".encode("utf-8", "surrogateescape"), digest_size=16)
    name = identity.hexdigest()
    said = Note("seen", "", "imported", f"from a HAR file{f' by {recorder}' if recorder else ''}: one side, no cuts")
    return Capture(
        id=name,
        began=began,
        request=request,
        inputs=Inputs(seed=name, now=int(began), flow=name),
        attempts=(Attempt(request, response, failed),),
        notes=(said, *notes),
        error=failed,
        versions={"recorder": recorder} if recorder else {},
        frames=_frames(plain.get("_webSocketMessages"), began),
    )


def _response(plain: Mapping[str, Any], notes: list[Note]) -> tuple[Response | None, str | None]:
    status = plain.get("status")
    error = _text(plain.get("_error")).encode("utf-8", "replace").decode() or None
    if not isinstance(status, int) or not _FIRST <= status <= _LAST:
        return None, error or "the file has no answer"
    content = _object(plain.get("content"), "/response/content")
    headers, body = _message(plain.get("headers"), content, "/response")
    size = _number(content.get("size"))
    if not body and size > 0:
        notes.append(Note("seen", "answer", "no body", f"the HAR has no body for this reply of {size:.0f} bytes"))
    return Response(
        status, " ".join(_text(plain.get("statusText")).split()), headers, Body(body), _version(plain)
    ), error


def _message(headers: object, content: Mapping[str, Any], where: str) -> tuple[Headers, bytes]:
    """Give headers and body, made to fit each other."""
    fields = Headers(tuple(_fields(headers, f"{where}/headers")))
    body, exact = _body(content, where)
    coding = fields.get("content-encoding")
    if coding is not None and not (exact and body and _is_coded(body, fields.joined("content-encoding"))):
        fields = fields.without("content-encoding")
    length = fields.get("content-length")
    if body and length is not None and length != str(len(body)):
        fields = fields.with_set("content-length", str(len(body)))
    return fields, body


def _fields(plain: object, where: str) -> Iterator[tuple[str, str]]:
    if not isinstance(plain, list):
        if plain is None:
            return
        raise CaptureError(f"{where}: this must be a list")
    for pair in plain:
        found = _object(pair, where, needed=True)
        name, value = _text(found.get("name")), _text(found.get("value"))
        if _TOKEN.fullmatch(name):  # a pseudo header is none, nor is what no wire could carry
            for line in value.split("\n"):
                yield name, line.replace("\r", "").replace("\0", "").strip(" \t")


def _body(content: Mapping[str, Any], where: str) -> tuple[bytes, bool]:
    """Give a body's bytes, and whether they may still be those of the wire (rather than a text made of them)."""
    text = content.get("text")
    if text is None:
        return b"", False
    if not isinstance(text, str):
        raise CaptureError(f"{where}: the body's text must be a text")
    if _text(content.get("encoding")).lower() == "base64":
        try:
            return base64.b64decode(text), True
        except (binascii.Error, ValueError):
            raise CaptureError(f"{where}: the body is said to be base64, and is not") from None
    return _encoded(text, _text(content.get("mimeType"))), False


def _encoded(text: str, mime: str) -> bytes:
    """Give the bytes of a text that a recorder decoded."""
    found = _CHARSET.search(mime)
    for charset, errors in ((found[1] if found else "utf-8", "strict"), ("utf-8", "surrogateescape")):
        try:
            return text.encode(charset, errors)
        except (UnicodeError, LookupError):
            continue
    return text.encode("utf-8", "surrogatepass")


def _is_coded(body: bytes, coding: str | None) -> bool:
    try:
        decode(body, coding)
    except CodingError:
        return False
    return True


def _frames(plain: object, began: float) -> tuple[Frame, ...]:
    if plain is None:
        return ()
    if not isinstance(plain, list):
        raise CaptureError("/_webSocketMessages: this must be a list")
    found = []
    for number, one in enumerate(plain):
        where = f"/_webSocketMessages/{number}"
        message = _object(one, where, needed=True)
        data, opcode = _text(message.get("data")), message.get("opcode", _TEXT)
        if opcode not in {_TEXT, _BINARY}:
            continue  # the connection's own affairs: close, ping, pong
        elapsed = max(_number(message.get("time")) - began, 0.0)
        raw = _encoded(data, "") if opcode == _TEXT else _body({"text": data, "encoding": "base64"}, where)[0]
        found.append(Frame(message.get("type") == "send", opcode == _TEXT, raw, int(elapsed * _MILLION)))
    return tuple(found)


def _began(text: object) -> tuple[float, list[Note]]:
    """Give the time at which an entry began, in seconds since 1970."""
    try:
        found = datetime.fromisoformat(text if isinstance(text, str) else "")
        aware = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
        return aware.timestamp(), []
    except (ValueError, OverflowError):
        return 0.0, [Note("seen", "", "no time", "the HAR does not say when this was")]


def _version(plain: Mapping[str, Any]) -> str:
    """Give the version as the wire has it, where recorders write ``h2``, ``http/2.0``, ``HTTP/2`` and the like."""
    text = _text(plain.get("httpVersion")).lower()
    if text in {"h3", "http/3", "http/3.0"} or text.startswith("h3-"):
        return "HTTP/3"
    return "HTTP/2.0" if text in {"h2", "http/2", "http/2.0"} else "HTTP/1.0" if text == "http/1.0" else "HTTP/1.1"


def _number(value: object) -> float:
    """Give a number that is finite and of a size that a file can mean; 0 for anything else."""
    if isinstance(value, int | float) and -_HIGHEST < value < _HIGHEST:
        return float(value)
    return 0.0


def _object(value: object, where: str, *, needed: bool = False) -> Mapping[str, Any]:
    """Give an object; one that is missing is empty, unless it is needed."""
    if isinstance(value, dict):
        return cast("Mapping[str, Any]", value)
    if value is None and not needed:
        return {}
    raise CaptureError(f"{where}: this must be an object, not {type(value).__name__}")


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
