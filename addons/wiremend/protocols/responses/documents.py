"""From the blocks of a broken stream to its documents: framing, comments, errors, and what is no event of this wire.

Every block becomes a comment, nothing, or documents; every document a failure of the stream, or an event that
``lifecycle`` and ``stream`` mend. Whatever may be a piece of the answer and cannot be read is dropped and remembered:
what was streamed is then not known whole.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from wiremend.protocols.failure import Failure, failure_of
from wiremend.protocols.responses import schema
from wiremend.protocols.responses.lifecycle import why_not_whole
from wiremend.protocols.responses.patch import Patch, encode, readable
from wiremend.protocols.responses.reading import (
    BROKEN,
    KEEP_ALIVE,
    STATUSES,
    ending,
    error_at,
    in_utf8,
    is_chat,
    is_error,
    is_utf8,
    lenient_json,
    loose_json,
)
from wiremend.sse import Event, EventParser, render

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from wiremend.protocols.mending import Origin
    from wiremend.protocols.responses.lifecycle import Lifecycle
    from wiremend.protocols.responses.patch import Note

type Unfold = Callable[[bytes, Origin], tuple[bytes, Failure | None]]
"""Writes a whole response object as events, for a provider that answers with a body where events should be."""

_DONE: Final = b"[DONE]"
_MARK: Final = b"\xef\xbb\xbf"
_LAST: Final = re.compile(rb'\A\s*\{\s*"type"\s*:\s*"response\.(?:completed|done)"')

CHAT_WORDS: Final = (
    "the provider answered with chat completions, not with the Responses API; "
    "use its chat wire (in Codex: wire_api), or a provider that speaks responses"
)
EARLY_WORDS: Final = "the provider's stream ended early"


class FailError(Exception):
    """The stream ends as a failure."""

    def __init__(self, failure: Failure, code: str, pointer: str = "") -> None:
        """Keep what to say, and about which violation."""
        self.failure = failure
        self.code = code
        self.pointer = pointer
        super().__init__(failure.message)


def broken(message: str) -> Failure:
    """Give the failure of a provider that does not answer as its wire says."""
    return Failure("upstream", 502, message)


def failure_in(document: dict[str, Any]) -> Failure:
    """Read the failure that a ``response.failed`` tells."""
    response = document.get("response")
    error = response.get("error") if isinstance(response, dict) else None
    return failure_of({"error": error} if error else "the provider says that the response failed")


class Documents:
    """Mends what comes, block by block. ``failure`` is the one that the provider's own terminal event told."""

    def __init__(self, events: Lifecycle, note: Note, unfold: Unfold) -> None:
        """Go on with the stream that the model has heard."""
        self.failure: Failure | None = None
        self.events = events
        self._model = events.model
        self.sink = events.sink
        self._origin = events.origin
        self._note = note
        self._unfold = unfold

    def finish(self, code: str) -> None:
        """End a stream whose terminal event has not come. Raises FailError unless all but that was said."""
        model, events = self._model, self.events
        whole = bool(events.tracks.all) and all(track.done for track in events.tracks.all) and not model.hurt
        if not whole or any(model.item(entry).get("status") == "incomplete" for entry in model.entries):
            words = EARLY_WORDS if model.ident is not None else "the provider sent an empty stream"
            raise FailError(broken(words), code)
        events.complete()
        self._note(code, "", "response.completed put in", "invented")

    # --- from a block to its documents

    def block(self, event: Event) -> None:
        """Mend one block. Raises FailError, UnnamedError, LostError, IllegalError, ValueError, RecursionError."""
        if not is_utf8(event):
            self._note("event.not-utf8", "", "U+FFFD put for what is not", "mended")
            event = in_utf8(event)
        if event.lead == len(_MARK):
            self._note("event.bom", "", "taken away", "mended")
        if event.data is None:
            self._bare(event)
            return
        if not event.complete and not self._cut_off(event.data):
            code, what = ("merged", "taken apart") if event.apart else ("unterminated", "a blank line put behind it")
            self._note(f"event.{code}", "", what, "mended")
        stripped = event.data.strip()
        if stripped.strip(b"\"' ").upper() == _DONE:
            self._sentinel(event)
        elif not stripped:
            self._comment(event, "event.no-data")
        else:
            self._data(event)

    @staticmethod
    def _cut_off(data: bytes) -> bool:
        return data.lstrip()[:1] == b"{" and loose_json(data) is BROKEN

    def _sentinel(self, event: Event) -> None:
        sink = self.sink
        if not sink.ended:
            self.finish("stream.completed-missing")
        if event.data != _DONE:
            self._note("event.not-json", "", "written as [DONE]", "mended")
        plain = event.data == _DONE and event.complete and not event.lead and event.id is None
        sink.literal(event if plain else Event(render(_DONE), None, _DONE, None, None, complete=True))

    def _comment(self, event: Event, code: str, pointer: str = "", kind: Literal["mended", "lost"] = "mended") -> None:
        """Make a comment of a block, or drop it where openai-python would still take that for an event."""
        sink = self.sink
        name = event.event or (event.data or event.raw[event.lead :]).decode("utf-8", "replace")
        words = " ".join(name.replace("\ufeff", "").split())[:40].encode()
        if sink.ids or event.id:
            self._note(code, pointer, "dropped", kind)
            return
        self._note(code, pointer, "made a comment", kind)
        sink.literal(Event(b": " + words + b"\n\n", None, None, None, None, complete=True))

    def _bare(self, event: Event) -> None:
        """Mend a block without data: a comment, or JSON without its framing."""
        sink = self.sink
        raw = event.raw[event.lead :]
        lines = [line for line in raw.splitlines() if line.lstrip()[:1] in {b"{", b"[", b"<"}]
        if not lines:
            if event.event == "error" and not sink.ended:
                raise FailError(failure_of("the provider gave an error without words"), "error.event")
            if event.complete and (event.event or event.retry is not None or sink.ids or event.id):
                self._comment(event, "event.no-data")
            elif raw.startswith(_MARK):
                self._comment(event, "event.bom")
            elif event.complete:
                sink.literal(msgspec.structs.replace(event, raw=raw, lead=0))
            return
        if sink.ended:
            self._note("stream.after-end", "", "dropped", "mended")
            return
        self._unframed(raw, lines)

    def _unframed(self, raw: bytes, lines: list[bytes]) -> None:
        """Mend JSON that stands in the stream without ``data:``: a whole body, or lines of events."""
        whole = loose_json(raw.strip())
        if whole is BROKEN:
            whole = lenient_json(raw.strip())
        documents: list[Any] = [whole] if isinstance(whole, dict | list) else [loose_json(line) for line in lines]
        for document in documents:
            if failing := _error_in(document):
                raise FailError(failure_of(failing), "error.object")
        if isinstance(whole, dict) and not isinstance(whole.get("type"), str):
            self._body(whole, raw.strip(), "event.unframed")
        elif documents and all(isinstance(one, dict) and isinstance(one.get("type"), str) for one in documents):
            self._note("event.unframed", "", "framed", "mended")
            self._each(documents)
        elif self._model.ident is None:
            raise FailError(failure_of(raw.decode("utf-8", "replace")), "event.unframed")
        else:
            raise FailError(broken(EARLY_WORDS), "event.unframed")

    def _body(self, document: dict[str, Any], raw: bytes, code: str) -> None:
        """Give a whole response object as the events that it should have been."""
        if is_chat(document):
            raise FailError(_wrong_wire(), "stream.chat-chunks")
        if self._model.ident is not None or not _is_response(document):
            raise FailError(broken("the provider answered with what is no event of a response"), code)
        raw = raw if loose_json(raw) is not BROKEN else encode(document)
        stream, failure = self._unfold(raw, self._origin)
        if failure is not None:
            raise FailError(failure, code)
        self._note(code, "", "written as events", "mended")
        for event in EventParser(len(stream) + 1).feed(stream):
            if event.data is not None:
                self._document(loose_json(event.data), event, event.event)

    def _data(self, event: Event) -> None:
        """Mend a block with data."""
        data = event.data or b""
        document, readable_event = loose_json(data), event
        if document is BROKEN:
            document = lenient_json(data)
            if isinstance(document, dict):
                self._note("event.not-json", "", "written as JSON that every client reads", "mended")
                document = readable(document)
                readable_event = Event(
                    render(encode(document), event.event), event.event, encode(document), None, None, complete=True
                )
        if isinstance(document, dict):
            self._document(document, readable_event, event.event)
        elif document is not BROKEN:
            if failing := _error_in(document):
                raise FailError(failure_of(failing), "event.not-object")
            lost = isinstance(document, list) and any(isinstance(inner, dict) for inner in document)
            self._model.hurt = self._model.hurt or (lost and not self.sink.ended)
            self._comment(event, "event.not-object", kind="lost" if lost else "mended")
        else:
            lines = [loose_json(line) for line in data.splitlines()]
            if len(lines) > 1 and all(isinstance(line, dict) for line in lines):
                self._note("event.merged", "", "taken apart", "mended")
                self._each(lines)
                return
            self._unreadable(event, data)

    def _unreadable(self, event: Event, data: bytes) -> None:
        """Leave out what cannot be read, and remember if that was part of the answer."""
        if data.lstrip()[:1] not in {b"{", b"["}:
            if event.event == "error" and not self.sink.ended:
                raise FailError(failure_of(data.decode("utf-8", "replace")), "error.event")
            self._comment(event, "event.not-json")
            return
        last = event.event in {"response.completed", "response.done"} or _LAST.match(data)
        if not (last and not event.complete):
            self._model.hurt = True
        self._note("event.not-json", "", "dropped", "lost")

    def _each(self, documents: Iterable[Any]) -> None:
        for document in documents:
            self._document(document, None, None)

    # --- from a document to its event

    def _document(self, document: dict[str, Any], event: Event | None, name: str | None) -> None:
        """Mend the document of an event; ``event`` is None where it stood in no block of its own."""
        kind = document.get("type")
        ended = self.sink.ended
        if kind == "error" or (kind is None and name == "error") or is_error(document):
            if ended:
                self._note("stream.after-end", "", "dropped", "mended")
                return
            code = "error.event" if kind == "error" or not is_error(document) else "error.object"
            raise FailError(failure_of(document), code, "/type" if code == "error.event" else error_at(document))
        if isinstance(kind, str) and kind:
            self._typed(document, event, kind)
        elif is_chat(document) and not ended:
            raise FailError(_wrong_wire(), "stream.chat-chunks")
        elif ended:
            self._note("stream.after-end", "", "dropped", "mended")
        elif name and (name.startswith("response.") or name in KEEP_ALIVE):
            self._note("event.type-missing", "/type", f"set to {name}", "mended")
            self._typed({"type": name} | document | {"type": name}, None, name)
        elif self._model.ident is None and _is_response(document):
            self._body(document, encode(document), "event.type-missing")
        else:
            self._untyped(document, event)

    def _untyped(self, document: dict[str, Any], event: Event | None) -> None:
        """Leave out an event of no type, or take a final response object for the end that it is."""
        status = document.get("status")
        if _is_response(document) and isinstance(status, str) and status in STATUSES:
            kind = f"response.{STATUSES[status]}"
            self._note("event.type-missing", "/type", f"put into {kind}", "mended")
            self._typed({"type": kind, "response": document}, None, kind)
            return
        blank = not document
        self._model.hurt = self._model.hurt or not blank
        if event is not None:
            self._comment(event, "event.type-missing", "/type", "mended" if blank else "lost")
        else:
            self._note("event.type-missing", "/type", "dropped", "mended" if blank else "lost")

    def _typed(self, document: dict[str, Any], event: Event | None, kind: str) -> None:
        sink, events = self.sink, self.events
        if kind in KEEP_ALIVE:
            blank = Event(b"", kind, None, None, None, complete=True)
            self._comment(blank if event is None else event, "event.keep-alive", "/type")
            return
        if sink.ended:
            self._note("stream.after-end", "", "dropped", "mended")
            return
        patch = Patch(document, self._note)
        renamed = kind == "response.done" or (kind == "response.completed" != ending(document))
        if renamed:
            code = "response.status-wrong" if kind == "response.completed" else "event.type-alias"
            kind = ending(document)
            patch.set(("type",), kind, code)
            why_not_whole(patch)
        if kind == "response.created" or (kind in schema.EVENTS and issubclass(schema.EVENTS[kind], schema.Lifecycle)):
            events.response(patch, event, kind, renamed=renamed)
        else:
            events.begin(kind, document)
            if kind == "response.output_item.added":
                events.added(patch, event)
            elif kind == "response.output_item.done":
                events.done(patch, event)
            elif kind in schema.EVENTS:
                events.detail(patch, event, kind)
            else:
                sink.pass_on(patch, event)
        if kind == "response.failed":
            self.failure = failure_in(document)


def _wrong_wire() -> Failure:
    return Failure("invalid_request", 400, CHAT_WORDS, final=True)


def _is_response(document: dict[str, Any]) -> bool:
    return document.get("object") == "response" or isinstance(document.get("output"), list)


def _error_in(document: object) -> dict[str, Any] | None:
    """Give the error that a document is, or that a list begins with (Gemini wraps its errors so)."""
    inner = document[0] if isinstance(document, list) and document else document
    return inner if isinstance(inner, dict) and (is_error(inner) or inner.get("type") == "error") else None
