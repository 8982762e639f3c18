"""A whole reply: mended, turned into the form that was asked for, or told as the wire's own error."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import msgspec

from wiremend.errors import BodyError
from wiremend.jsonedit import Edit, apply, get
from wiremend.notes import Note
from wiremend.pipeline.finals import FINAL, IN_THE_STREAM, parted, status_for, takes_for_passing, words_for
from wiremend.pipeline.reply import KEY_REPEATED, Notebook, ReplyStream, renamed, renamed_stream
from wiremend.pipeline.shapes import look, shape_of
from wiremend.protocols.failure import Failure, failure_of_body
from wiremend.protocols.mending import Mend
from wiremend.protocols.wires import CHECKS, MENDING, SAID, SHAPES, STATUSES
from wiremend.sse import EventParser, StreamError, render

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wiremend.pipeline.context import Context
    from wiremend.protocols.base import Tally
    from wiremend.sse import Event

JSON: Final = "application/json"
EVENTS: Final = "text/event-stream"

_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the client gets.

    ``content_type`` is None where it is as it came, and ``body`` is then the very object that came. ``failure`` tells
    that it is an error, ``final`` that asking again will not help.
    """

    status: int
    body: bytes
    content_type: str | None = None
    notes: tuple[Note, ...] = ()
    failure: Failure | None = None
    final: bool = False


def whole(context: Context, status: int, body: bytes, content_type: str | None, tally: Tally) -> Answer:
    """Give the client's answer for a reply that has come whole. ``body`` is decoded. Never raises."""
    return _kept_back(context, _whole(context, status, body, content_type, tally))


def _kept_back(context: Context, answer: Answer) -> Answer:
    """Take the rules' own credential out of an answer, where the provider repeated it (G8)."""
    body = context.kept_back(answer.body)
    if body is answer.body:
        return answer
    note = Note("mended", "", KEY_REPEATED, "the rules' own credential is taken out", KEY_REPEATED)
    return replace(answer, body=body, notes=(*answer.notes, note))


def _whole(context: Context, status: int, body: bytes, content_type: str | None, tally: Tally) -> Answer:
    if status >= HTTPStatus.BAD_REQUEST:
        tally.body(body)
        return _error(context, status, body, failure_of_body(body, status, content_type))
    if not context.edits:
        return _watched(context, status, body, tally)
    if shape_of(body, ended=True) == "stream":
        return _from_stream(context, status, body, tally)
    return _from_body(context, status, body, content_type, tally)


def failed(context: Context, failure: Failure, status: int) -> Answer:
    """Give the answer for a failure in the client wire's own words. ``status`` is the provider's."""
    return _kept_back(context, _failed(context, failure, status))


def _failed(context: Context, failure: Failure, status: int) -> Answer:
    wire, client = context.wire.name, context.scope.client
    own = STATUSES[wire](failure)
    final = failure.final or own in FINAL
    told = status_for(client, own, failure.code) if final else own
    text = SAID[wire](failure)
    if status >= HTTPStatus.BAD_REQUEST and told != status:
        text = f"{text} (the provider answered {status})"
    if final and (words := words_for(client, told, text)):
        text = f"{text} (it {words})"
    text = context.origin.signed(text)
    if final and failure.kind != "context_length":
        text = parted(client, text)
    what = f"{status} -> {told} {failure.kind}" if status != told else f"{told} {failure.kind}"
    note = Note("failed", "", "error", f"{what}: {failure.message}", failure.mapped or "")
    if _in_the_stream(context, failure):
        event = context.wire.error_event(text, None, 0, failure.kind)
        return Answer(HTTPStatus.OK, _begun(context) + event, EVENTS, (note,), failure, final)
    return Answer(told, context.wire.error_body(told, failure.kind, text), JSON, (note,), failure, final)


def _in_the_stream(context: Context, failure: Failure) -> bool:
    return context.begun or (context.stream and failure.kind in IN_THE_STREAM.get(context.scope.client or "", ()))


def _begun(context: Context) -> bytes:
    """Give what must come before a stream's failure: on the responses wire, the response that fails."""
    if context.wire.name != "responses":
        return b""
    response = {
        "id": "resp_failed",
        "object": "response",
        "created_at": context.origin.now,
        "status": "in_progress",
        "model": context.origin.model or "unknown",
        "output": [],
    }
    event = {"type": "response.created", "sequence_number": 0, "response": response}
    return render(msgspec.json.encode(event), "response.created")


def _error(context: Context, status: int, body: bytes, failure: Failure) -> Answer:
    """Give the answer for an error: the provider's own bytes where they say all that the client needs (G1)."""
    wire, client = context.wire.name, context.scope.client
    own = STATUSES[wire](failure)
    final = failure.final or own in FINAL
    told = status_for(client, own, failure.code) if final else own
    words = words_for(client, told, failure.message) if final else ""
    sound = failure.legal and failure.shape == SHAPES[wire] and own == status and not _in_the_stream(context, failure)
    if sound and final and failure.kind != "context_length":
        sound = not takes_for_passing(client, body.decode(errors="replace"))
    more = told != status or words or context.origin.tried
    if not context.edits or (sound and not (context.mend and more)):
        return Answer(status, body, None, (), failure, final and context.mend)
    if not sound:
        return failed(context, failure, status)
    remarks = [f"(the provider answered {status})"] if told != status else []
    remarks += [f"(it {words})"] if words else []
    what = f"{status} -> {told}: {client} takes it for final so; the error's text ends with {' '.join(remarks)}"
    if not remarks:
        what = "the error's text says what was tried before"
    note = Note("mended", "status" if told != status else "/error/message", "status" if remarks else "tried", what)
    return Answer(told, _with_remarks(context, body, remarks), JSON, (note,), failure, final)


def _with_remarks(context: Context, body: bytes, remarks: Sequence[str]) -> bytes:
    """Put remarks behind the text of an error, and leave all else of it as it is."""
    try:
        said = get(body, ("error", "message"))
        if said is None or said[:1] != b'"':
            return body
        text = parted(context.scope.client, context.origin.signed(" ".join([json.loads(said), *remarks])))
        return apply(body, [Edit("set", ("error", "message"), json.dumps(text).encode())]).body
    except BodyError:
        return body


def _watched(context: Context, status: int, body: bytes, tally: Tally) -> Answer:
    """Look at a reply that is to be left alone, but for the model's name."""
    book = Notebook()
    events = _events(body) if shape_of(body, ended=True) == "stream" else None
    if events is None:
        tally.body(body)
        book.add([Mend("seen", one.code, 0, one.pointer, one.message) for one in CHECKS[context.wire.name](body)])
        return Answer(status, _named(context, body), None, tuple(book.notes()))
    stream = ReplyStream(context, tally)
    given = stream.feed(body) + stream.close()
    return Answer(status, given, None, (*stream.notes(), *unasked(context, stream=True)))


def unasked(context: Context, *, stream: bool) -> tuple[Note, ...]:
    """Note that a reply which is left alone has not the form that was asked for: a stream, or a body."""
    if context.stream == stream:
        return ()
    what, code = (
        ("an event stream came where JSON was asked for", "json-request-sse-response")
        if stream
        else ("JSON came where an event stream was asked for", "stream-request-json-response")
    )
    return (Note("seen", "", code, what),)


def _from_stream(context: Context, status: int, body: bytes, tally: Tally) -> Answer:
    """Mend a stream that has come whole; where the client did not ask for one, give it the body instead."""
    stream = ReplyStream(replace(context, name=None), tally)
    given = stream.feed(body) + stream.close()
    notes = tuple(stream.notes())
    if context.stream:
        if stream.failure is not None:
            return _noted(failed(context, stream.failure, status), notes)
        named = given if context.name is None else renamed_stream(given, context.wire, context.name)
        return Answer(status, named, EVENTS, notes)
    read = MENDING[context.wire.name].to_body(_events(given), context.origin)
    failure = stream.failure or read.failure
    if failure is not None:
        return _noted(failed(context, failure, status), notes)
    note = Note("mended", "", "json-request-sse-response", "an event stream -> the JSON that was asked for", "")
    return Answer(status, _named(context, read.body), JSON, (*notes, note))


def _from_body(context: Context, status: int, body: bytes, content_type: str | None, tally: Tally) -> Answer:
    """Mend a whole body; where the client asked for a stream, give it one."""
    book = Notebook()
    quirky = _quirks(context, body, book)
    tally.body(quirky)
    mended = context.mending.body(quirky, context.origin)
    book.add(mended.mends)
    notes = tuple(book.notes())
    if mended.failure is not None:
        failure = mended.failure
        if shape_of(body, ended=True) != "json":
            # A page, a text, or nothing at all: what it says is for the reader of errors to find.
            failure = failure_of_body(body, status, content_type)
        if failure.status < HTTPStatus.BAD_REQUEST:
            failure = replace(failure, status=HTTPStatus.BAD_GATEWAY)
        return _noted(failed(context, failure, status), notes)
    for quirk in context.quirks:
        if quirk.recorder is not None:
            try:
                recorder = quirk.recorder(context.scope, context.memory)
                recorder.body(mended.body)
                recorder.close()
            except Exception as error:  # noqa: BLE001 - the edge (G7)
                what = f"the reply is not remembered ({type(error).__name__})"
                notes = (*notes, Note("failed", "", quirk.name, what, quirk.name))
    if context.translation is not None:
        return _crossed(context, status, mended.body, notes)
    given = _named(context, mended.body)
    if context.stream:
        note = Note("mended", "", "stream-request-json-response", "JSON -> the event stream that was asked for", "")
        return Answer(status, context.mending.to_stream(given), EVENTS, (*notes, note))
    return Answer(status, given, None if given is body else JSON, notes)


def _crossed(context: Context, status: int, body: bytes, notes: Sequence[Note]) -> Answer:
    """Give a mended body of the upstream's wire on the client's: as a stream through the crossing, and back."""
    mender, book = context.mender(), Notebook()
    events = _events(context.mending.to_stream(body))
    given = b"".join([mender.feed(event) for event in events]) + mender.close() if mender is not None else b""
    book.add(mender.mends if mender is not None else ())
    notes = (*notes, *book.notes())
    failure = mender.failure if mender is not None else None
    if failure is None and not context.stream:
        read = MENDING[context.wire.name].to_body(_events(given), context.origin)
        given, failure = read.body, read.failure
    if failure is not None:
        return _noted(failed(context, failure, status), notes)
    return Answer(status, given, EVENTS if context.stream else JSON, notes)


def _quirks(context: Context, body: bytes, book: Notebook) -> bytes:
    active = [quirk for quirk in context.quirks if quirk.reply is not None]
    if not active:
        return body
    try:
        document = msgspec.json.decode(body)
    except _UNREADABLE:
        return body
    if not isinstance(document, dict):
        return body
    for quirk in active:
        if quirk.reply is None:
            continue
        own = Notebook()
        try:
            quirk.reply(document, context.scope, context.memory, own.noting(quirk.name))
            changed = msgspec.json.encode(document) if own.told else body
        except Exception as error:  # noqa: BLE001 - the edge (G7): all that it did is undone
            book.add([Mend("failed", quirk.name, 0, "", f"the quirk itself failed ({type(error).__name__})")])
            document = msgspec.json.decode(body)
        else:
            book.told |= own.told
            body = changed
    return body


def _noted(answer: Answer, notes: Sequence[Note]) -> Answer:
    return replace(answer, notes=(*notes, *answer.notes))


def _named(context: Context, body: bytes) -> bytes:
    return body if context.name is None else renamed(body, context.wire, context.name)


def _events(body: bytes) -> list[Event]:
    parser = EventParser(len(body) + 1)
    try:
        return [*parser.feed(body), *parser.close()]
    except StreamError as error:
        return list(error.events)


def replied(
    context: Context, status: int, content_type: str | None, chunks: Sequence[bytes], tally: Tally | None = None
) -> Answer:
    """Give what the client gets for a reply that came in these chunks: a stream in its cuts, or a whole body."""
    tally = tally or context.upstream.tally()
    body = b"".join(chunks)
    if not context.stream or status >= HTTPStatus.BAD_REQUEST:
        return whole(context, status, body, content_type, tally)
    kind = (content_type or "").partition(";")[0].strip().lower()
    seen = look(body, context.mending, context.origin, ended=True) if context.edits else None
    if seen is not None and seen.failure is not None:
        return failed(context, seen.failure, status)
    if (seen.shape != "stream") if seen is not None else (kind != EVENTS):
        return whole(context, status, body, content_type, tally)
    stream = ReplyStream(context, tally)
    given = b"".join([*map(stream.feed, chunks), stream.close()])
    return Answer(status, given, EVENTS, tuple(stream.notes()), stream.failure)
