"""A capture as plain values, and back: dicts, lists, texts, whole numbers, bytes, booleans and None.

That is what the metadata of a mitmproxy flow can hold. Nothing is lost on the way, and nothing is guessed on the way
back: what does not fit raises :class:`~wiremend.errors.CaptureError`, which names the place.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from wiremend.captures.capture import FORMAT, Attempt, Body, Capture, Frame, Inputs, Request, Response
from wiremend.errors import CaptureError
from wiremend.headers import Headers
from wiremend.notes import Note

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

type Plain = dict[str, Any]


def to_plain(capture: Capture) -> Plain:
    """Give a capture as plain values. Bodies that lie in a file are the caller's to put in."""
    return {
        "format": FORMAT,
        "id": capture.id,
        "began": repr(capture.began),  # a float's text is exact, in whatever the plain values are written
        "client": capture.client,
        "wire": capture.wire,
        "model": capture.model,
        "rules": capture.rules,
        "error": capture.error,
        "versions": dict(capture.versions),
        "request": request_to_plain(capture.request),
        "inputs": inputs_to_plain(capture.inputs),
        "attempts": [_attempt_to_plain(attempt) for attempt in capture.attempts],
        "answer": None if capture.answer is None else response_to_plain(capture.answer),
        "notes": [note.as_dict() for note in capture.notes],
        "kept": dict(capture.kept),
        "frames": [_frame_to_plain(frame) for frame in capture.frames],
    }


def from_plain(plain: Mapping[str, Any]) -> Capture:
    """Give the capture back. Raises :class:`CaptureError` where a value is missing, or of another kind."""
    version = plain.get("format")
    if version != FORMAT:
        newer = isinstance(version, int) and version > FORMAT
        what = f"this capture has the format {version}, and this Wiremend reads {FORMAT}"
        raise CaptureError(f"{what}; {'a newer Wiremend wrote it' if newer else 'it is none of Wiremend'}")
    look = _Look(plain, "")
    wire = look.text_or_none("wire")
    if wire not in {None, "messages", "chat", "responses"}:
        raise CaptureError(f"/wire: {wire!r} is no wire")
    answer = look.mapping_or_none("answer")
    return Capture(
        id=look.text("id"),
        began=float(look.text("began")),
        client=look.text_or_none("client"),
        wire=wire,  # type: ignore[arg-type]  # judged just above
        model=look.text_or_none("model"),
        rules=look.text("rules"),
        error=look.text_or_none("error"),
        versions=look.texts("versions"),
        request=request_from_plain(look.mapping("request"), "/request"),
        inputs=inputs_from_plain(look.mapping("inputs"), "/inputs"),
        attempts=tuple(
            _attempt_from_plain(_mapping(one, f"/attempts/{number}"), f"/attempts/{number}")
            for number, one in enumerate(look.items("attempts"))
        ),
        answer=None if answer is None else response_from_plain(answer, "/answer"),
        notes=tuple(
            note_from_plain(_mapping(one, f"/notes/{n}"), f"/notes/{n}") for n, one in enumerate(look.items("notes"))
        ),
        kept=look.texts("kept"),
        frames=tuple(_frame(one, f"/frames/{number}") for number, one in enumerate(look.items("frames"))),
    )


# -- the parts


def request_to_plain(request: Request) -> Plain:
    """Give a request as plain values."""
    plain = {one.name: getattr(request, one.name) for one in fields(Request)}
    return plain | {"headers": [list(pair) for pair in request.headers]}


def request_from_plain(plain: Mapping[str, Any], where: str) -> Request:
    """Give a request back; ``where`` is the pointer for messages."""
    look = _Look(plain, where)
    return Request(
        method=look.text("method"),
        scheme=look.text("scheme"),
        host=look.text_or_none("host"),
        port=look.number("port"),
        target=look.text("target"),
        headers=_headers(look),
        body=look.data("body"),
        version=look.text("version"),
    )


def response_to_plain(response: Response) -> Plain:
    """Give a response as plain values; its cuts as two lists, lengths and times."""
    body = response.body
    return {
        "status": response.status,
        "reason": response.reason,
        "headers": [list(pair) for pair in response.headers],
        "version": response.version,
        "body": body.data,
        "cuts": cuts_to_text(body.cuts),
    }


def response_from_plain(plain: Mapping[str, Any], where: str) -> Response:
    """Give a response back."""
    look = _Look(plain, where)
    data, cuts = look.data("body"), cuts_from_text(look.text("cuts"), f"{where}/cuts")
    if cuts and sum(size for size, _ in cuts) != len(data):
        raise CaptureError(f"{where}/cuts: they add up to another length than the body's {len(data)} bytes")
    return Response(look.number("status"), look.text("reason"), _headers(look), Body(data, cuts), look.text("version"))


def inputs_to_plain(inputs: Inputs) -> Plain:
    """Give the inputs as plain values."""
    plain = {one.name: getattr(inputs, one.name) for one in fields(Inputs)}
    maps = {name: dict(plain[name]) for name in ("memory", "environment", "credentials")}
    return plain | maps | {"globs": {name: dict(found) for name, found in inputs.globs.items()}}


def inputs_from_plain(plain: Mapping[str, Any], where: str) -> Inputs:
    """Give the inputs back."""
    look = _Look(plain, where)
    style = look.text("style")
    if style not in {"gateway", "proxy"}:
        raise CaptureError(f"{where}/style: {style!r} is neither gateway nor proxy")
    memory = look.mapping("memory")
    globs = {name: _mapping(found, f"{where}/globs/{name}") for name, found in look.mapping("globs").items()}
    return Inputs(
        seed=look.text("seed"),
        now=look.number("now"),
        flow=look.text("flow"),
        style=style,  # type: ignore[arg-type]  # judged just above
        agent=look.text_or_none("agent"),
        memory={str(key): None if value is None else str(value) for key, value in memory.items()},
        environment=look.texts("environment"),
        credentials=look.texts("credentials"),
        globs={name: {str(glob): bool(met) for glob, met in found.items()} for name, found in globs.items()},
        strict=plain.get("strict") is True,
        tokenizer=plain.get("tokenizer") is True,
        to=str(plain.get("to") or ""),
        tried=str(plain.get("tried") or ""),
        begun=plain.get("begun") is True,
        picked=str(plain.get("picked") or ""),
    )


def note_from_plain(plain: Mapping[str, Any], where: str) -> Note:
    """Give a note back."""
    look = _Look(plain, where)
    kind: Any = look.text("kind")
    return Note(kind, *(look.text(name) for name in ("where", "short", "what", "why")))


def cuts_to_text(cuts: Sequence[tuple[int, int]]) -> str:
    """Write cuts as a person can read them: ``LENGTH@TIME``, in bytes and microseconds since the cut before."""
    words, last = [], 0
    for size, at in cuts:
        words.append(f"{size}@{at - last}")
        last = at
    return " ".join(words)


def cuts_from_text(text: str, where: str) -> tuple[tuple[int, int], ...]:
    """Read cuts. Raises :class:`CaptureError`, which names the word that is none."""
    found, last = [], 0
    for word in text.split():
        size, mark, delta = word.partition("@")
        if not (mark and size.isascii() and size.isdigit() and delta.isascii() and delta.removeprefix("-").isdigit()):
            raise CaptureError(f"{where}: {word!r} is no cut; one reads LENGTH@MICROSECONDS, such as 120@350")
        last += int(delta)
        found.append((int(size), last))
    return tuple(found)


def _attempt_to_plain(attempt: Attempt) -> Plain:
    return {
        "request": request_to_plain(attempt.request),
        "response": None if attempt.response is None else response_to_plain(attempt.response),
        "error": attempt.error,
        "decision": dict(attempt.decision),
        "at": attempt.at,
        "trouble": attempt.trouble,
    }


def _attempt_from_plain(plain: Mapping[str, Any], where: str) -> Attempt:
    look = _Look(plain, where)
    response = look.mapping_or_none("response")
    return Attempt(
        request=request_from_plain(look.mapping("request"), f"{where}/request"),
        response=None if response is None else response_from_plain(response, f"{where}/response"),
        error=look.text_or_none("error"),
        decision=look.mapping("decision"),
        at=look.number("at"),
        trouble=plain.get("trouble") if isinstance(plain.get("trouble"), str) else None,
    )


def _frame_to_plain(frame: Frame) -> list[object]:
    """Give a frame as plain values; most passed as they came, and then nothing is said about it."""
    plain = [frame.from_client, frame.text, frame.data, frame.at]
    return [*plain, frame.dropped, frame.injected] if frame.dropped or frame.injected else [*plain]


def _frame(plain: object, where: str) -> Frame:
    match plain:
        case [bool(from_client), bool(text), bytes(data), int(at)]:
            return Frame(from_client, text, data, at)
        case [bool(from_client), bool(text), bytes(data), int(at), bool(dropped), bool(injected)]:
            return Frame(from_client, text, data, at, dropped, injected)
        case _:
            raise CaptureError(f"{where}: a frame is [from_client, text, data, at], or has dropped, injected behind it")


def _headers(look: _Look) -> Headers:
    pairs = []
    for number, pair in enumerate(look.items("headers")):
        match pair:
            case [str(name), str(value)]:
                pairs.append((name, value))
            case _:
                raise CaptureError(f"{look.where}/headers/{number}: a header is [name, value]")
    return Headers(tuple(pairs))


def _mapping(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise CaptureError(f"{where}: this must be a mapping, not {type(value).__name__}")
    return value


class _Look:
    """Reads the values of one mapping; each must be there and of its kind."""

    def __init__(self, plain: Mapping[str, Any], where: str) -> None:
        self.plain = plain
        self.where = where

    def text(self, key: str) -> str:
        return self._of(key, str, "a text")

    def text_or_none(self, key: str) -> str | None:
        return None if self._value(key) is None else self.text(key)

    def number(self, key: str) -> int:
        return self._of(key, int, "a whole number")

    def data(self, key: str) -> bytes:
        return self._of(key, bytes, "bytes")

    def items(self, key: str) -> Sequence[Any]:
        return self._of(key, list, "a list")

    def mapping(self, key: str) -> Mapping[str, Any]:
        return self._of(key, dict, "a mapping")

    def mapping_or_none(self, key: str) -> Mapping[str, Any] | None:
        return None if self._value(key) is None else self.mapping(key)

    def texts(self, key: str) -> dict[str, str]:
        found = self.mapping(key)
        for name, value in found.items():
            if not isinstance(value, str):
                raise CaptureError(f"{self.where}/{key}/{name}: this must be a text, not {type(value).__name__}")
        return dict(found)

    def _value(self, key: str) -> object:
        if key not in self.plain:
            raise CaptureError(f"{self.where}/{key}: this is missing")
        return self.plain[key]

    def _of[T](self, key: str, kind: type[T], what: str) -> T:
        value = self._value(key)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise CaptureError(f"{self.where}/{key}: this must be {what}, not {type(value).__name__}")
        return value
