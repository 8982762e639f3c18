"""A walk over all that a capture holds, to look at it and to give it back with parts replaced.

Compressed bodies are decoded for the walk. Where nothing in one is replaced, it stays as it is; else it becomes plain,
its ``content-encoding`` goes, and a note says so. ``content-length`` follows the body.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from wiremend.captures.capture import Attempt, Body, Capture, Frame, Request, Response
from wiremend.captures.scrub_spans import remapped, replaced
from wiremend.codings import StreamDecoder, decode
from wiremend.errors import CodingError
from wiremend.headers import Headers
from wiremend.notes import Note

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from wiremend.captures.capture import Inputs
    from wiremend.captures.scrub_spans import Cuts, Span

CODED: Final = "a compressed body is kept as plain text, because something in it was replaced"


class Visitor(Protocol):
    """Looks at every text and body of a capture; what it gives comes in the place of what it got."""

    def text(self, text: str) -> str:
        """Look at a text of any kind."""

    def header(self, name: str, value: str) -> str:
        """Look at the value of a header."""

    def target(self, target: str) -> str:
        """Look at a request target."""

    def variable(self, name: str, value: str) -> str:
        """Look at the value of an environment variable."""

    def credential(self, value: str) -> str:
        """Look at what was recorded for a reference to a credential."""

    def data(self, data: bytes, *, form: bool) -> Sequence[Span]:
        """Look at a decoded body; give what comes into it."""


@dataclass
class Decoded:
    """Bodies without their codings, each decoded once; a body that cannot be decoded is itself."""

    _done: dict[tuple[bytes, str], bytes | None] = field(default_factory=dict)

    def of(self, data: bytes, coding: str | None) -> bytes | None:
        """Give the decoded bytes; None where there is no coding, or it cannot be undone."""
        if not data or not coding or coding.strip().lower() in {"", "identity"}:
            return None
        key = data, coding
        if key not in self._done:
            try:
                self._done[key] = decode(data, coding)
            except CodingError:
                self._done[key] = None
        return self._done[key]


class Walk:
    """One walk of a visitor over a capture."""

    def __init__(self, visitor: Visitor, decoded: Decoded) -> None:
        """Begin; ``decoded`` may be shared by the walks over one capture."""
        self._visitor = visitor
        self._decoded = decoded
        self._uncoded = False

    def capture(self, capture: Capture) -> Capture:
        """Give the capture with what the visitor gave; the same object where nothing changed."""
        text = self._visitor.text
        made = replace(
            capture,
            request=self.request(capture.request),
            client=capture.client and text(capture.client),
            model=capture.model and text(capture.model),
            inputs=self._inputs(capture.inputs),
            attempts=_same(capture.attempts, tuple(map(self._attempt, capture.attempts))),
            answer=capture.answer and self.response(capture.answer),
            notes=_same(capture.notes, tuple(map(self._note, capture.notes))),
            error=capture.error and text(capture.error),
            versions=self._texts(capture.versions),
            kept=self._texts(capture.kept),
            frames=_same(capture.frames, tuple(map(self._frame, capture.frames))),
        )
        if self._uncoded and not any(note.short == "scrubbed" for note in capture.notes):
            made = replace(made, notes=(*made.notes, Note("seen", "", "scrubbed", CODED)))
        return capture if made == capture else made

    def request(self, request: Request) -> Request:
        """Give a request with what the visitor gave."""
        headers, body = self._headers(request.headers), request.body
        if body:
            headers, body, _ = self._body(headers, request.headers, body, ())
        return replace(
            request,
            host=request.host and self._visitor.text(request.host),
            target=self._visitor.target(request.target),
            headers=headers,
            body=body,
        )

    def response(self, response: Response) -> Response:
        """Give a response with what the visitor gave. A body in a file is not read."""
        headers, body = self._headers(response.headers), response.body
        if body.data and body.file is None:
            headers, data, cuts = self._body(headers, response.headers, body.data, body.cuts)
            body = body if data is body.data else Body(data, cuts)
        return replace(response, reason=self._visitor.text(response.reason), headers=headers, body=body)

    def _body(self, headers: Headers, asked: Headers, data: bytes, cuts: Cuts) -> tuple[Headers, bytes, Cuts]:
        coding = asked.joined("content-encoding")
        plain = self._decoded.of(data, coding)
        spans = self._visitor.data(data if plain is None else plain, form=_is_form(asked))
        if not spans:
            return headers, data, cuts
        if plain is not None:
            cuts = _cuts_of_decoded(data, cuts, coding or "", len(plain))
            headers, self._uncoded = headers.without("content-encoding"), True
        new = replaced(data if plain is None else plain, spans)
        if "content-length" in headers and len(new) != len(data):
            headers = headers.with_set("content-length", str(len(new)))
        return headers, new, remapped(cuts, spans)

    def _headers(self, headers: Headers) -> Headers:
        made = Headers(tuple((name, self._visitor.header(name, value)) for name, value in headers))
        return headers if made == headers else made

    def _attempt(self, attempt: Attempt) -> Attempt:
        return replace(
            attempt,
            request=self.request(attempt.request),
            response=attempt.response and self.response(attempt.response),
            error=attempt.error and self._visitor.text(attempt.error),
            decision=self._plain(attempt.decision),
        )

    def _inputs(self, inputs: Inputs) -> Inputs:
        text = self._visitor.text
        return replace(
            inputs,
            seed=text(inputs.seed),
            agent=inputs.agent and text(inputs.agent),
            memory={text(key): value and text(value) for key, value in inputs.memory.items()},
            environment={text(key): self._visitor.variable(key, value) for key, value in inputs.environment.items()},
            credentials={text(key): self._visitor.credential(value) for key, value in inputs.credentials.items()},
            globs={text(key): value for key, value in inputs.globs.items()},
        )

    def _note(self, note: Note) -> Note:
        text = self._visitor.text
        return replace(note, where=text(note.where), short=text(note.short), what=text(note.what), why=text(note.why))

    def _frame(self, frame: Frame) -> Frame:
        spans = self._visitor.data(frame.data, form=False)
        return replace(frame, data=replaced(frame.data, spans)) if spans else frame

    def _texts(self, texts: Mapping[str, str]) -> dict[str, str]:
        return {self._visitor.text(key): self._visitor.text(value) for key, value in texts.items()}

    def _plain(self, value: Any) -> Any:  # noqa: ANN401 - a decision holds plain values of any kind
        if isinstance(value, str):
            return self._visitor.text(value)
        if isinstance(value, bytes):
            return replaced(value, self._visitor.data(value, form=False))
        if isinstance(value, dict):
            return {self._plain(key): self._plain(one) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(map(self._plain, value))
        return value


def _same[T](old: Sequence[T], new: Sequence[T]) -> Sequence[T]:
    """Give the old sequence where the new one has the same items: a list stays a list."""
    return old if list(old) == list(new) else new


def _is_form(headers: Headers) -> bool:
    return (headers.get("content-type") or "").lower().startswith("application/x-www-form-urlencoded")


def _cuts_of_decoded(data: bytes, cuts: Cuts, coding: str, length: int) -> Cuts:
    """Give the cuts of a decoded body: each chunk has what could be decoded when it had come."""
    if not cuts:
        return ()
    try:
        result = list(_decoded_cuts(data, cuts, StreamDecoder(coding)))
    except CodingError:
        result = []
    if sum(size for size, _ in result) != length:  # several codings, which come whole
        return ((length, cuts[-1][1]),)
    return tuple(result)


def _decoded_cuts(data: bytes, cuts: Cuts, decoder: StreamDecoder) -> Iterator[tuple[int, int]]:
    begin = 0
    for size, at in cuts:
        given = sum(map(len, decoder.feed(data[begin : begin + size])))
        begin += size
        if given:
            yield given, at
