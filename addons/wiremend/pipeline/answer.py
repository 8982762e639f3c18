"""What the client gets for what came back, from the first byte to the last: the sans-io whole of a reply.

The edge (``mitm/``) does the same step by step while the bytes come; here they are all there, with their cuts and how
they ended, which is what replay has (G10). What a head must say of it is decided by the functions at the top, which
both use.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from wiremend.codings import StreamDecoder, beginning, decode
from wiremend.errors import BodyError, CodingError
from wiremend.headers import Headers
from wiremend.notes import Note
from wiremend.pipeline.asides import ESTIMATED, aside, is_aside
from wiremend.pipeline.finals import FINAL
from wiremend.pipeline.reply import ReplyStream, renamed
from wiremend.pipeline.shapes import PEEK_BYTES, Look, look, undeclared_coding
from wiremend.pipeline.whole import EVENTS, JSON, failed, unasked, whole
from wiremend.protocols import WIRES
from wiremend.protocols.failure import Failure
from wiremend.protocols.mending import Origin
from wiremend.protocols.wires import STATUSES
from wiremend.rules.urls import authority
from wiremend.sse import EventParser, StreamError, with_data

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wiremend.pipeline.context import Context
    from wiremend.pipeline.outcome import Rewritten
    from wiremend.pipeline.whole import Answer
    from wiremend.protocols.base import ErrorKind, Wire
    from wiremend.sse import Event

_FRAMING: Final = ("content-length", "transfer-encoding")


@dataclass(frozen=True, slots=True)
class Came:
    """What came back: a head, and the body in its cuts as on the wire. ``error`` is why it broke off, if it did.

    ``trouble`` says that in a word (:func:`broken`).
    """

    status: int
    reason: str
    headers: Headers
    chunks: Sequence[bytes]
    error: str | None = None
    trouble: str | None = None

    @property
    def kind(self) -> str | None:
        """The content type as it is said."""
        return self.headers.get("content-type")

    @property
    def is_events(self) -> bool:
        """Whether it is labelled as a stream of server-sent events."""
        return (self.kind or "").partition(";")[0].strip().lower() == EVENTS

    def coding(self, first: bytes) -> str | None:
        """Give the coding that the body is in: declared, or seen by its first bytes."""
        declared = (self.headers.get("content-encoding") or "").strip().lower()
        return declared if declared not in {"", "identity"} else undeclared_coding(first[:16])


@dataclass(frozen=True, slots=True)
class Given:
    """What the client gets. ``error`` is how the exchange failed, if it did."""

    status: int
    headers: Headers
    body: bytes
    notes: tuple[Note, ...] = field(default=())
    error: str | None = None


# -- what the edge says too


def told(outcome: Rewritten, what: str) -> str:
    """Say who failed, and how; the place without its query, which may hold a credential."""
    where = authority(outcome.destination.scheme, outcome.destination.host, outcome.destination.port)
    name = outcome.decision.provider
    return f"{name} ({where}) {what}" if name else f"{where} {what}"


def losses(notes: Sequence[Note]) -> str | None:
    """Name which of the client's intents did not reach the provider, for the head of the reply (G5)."""
    lost = list(dict.fromkeys(note.short for note in notes if note.kind == "lost" and note.short))
    return ", ".join(lost) or None


def request_id(outcome: Rewritten, headers: Mapping[str, str]) -> tuple[str, str] | None:
    """Give the header by which the client's SDK knows the provider's id of a translated exchange; None if it is there.

    Anthropic's SDKs read ``request-id``, OpenAI's ``x-request-id``. ``headers`` are the reply's, by any letter case.
    """
    if outcome.translation is None:
        return None
    names = ("request-id", "x-request-id")
    own, other = names if outcome.translation.client == "messages" else names[::-1]
    return (own, headers[other]) if own not in headers and other in headers else None


def final_note(status: int) -> Note:
    """Note that the client is told not to try a final failure again.

    The SDKs of Anthropic and OpenAI heed ``x-should-retry``. Without it Claude Code 2.1.197 asks on after a 401 for
    more than 40 s, with it the cause is on the screen at once (measured, 2026-11).
    """
    what = f"a {status} is final: x-should-retry: false"
    return Note("mended", "header:x-should-retry", "x-should-retry", what)


def content_type_note(said: str | None) -> Note:
    """Note that a stream was not labelled as one."""
    what = f"{said or 'none'} -> {EVENTS}: they are events"
    return Note("mended", "header:content-type", "content-type-not-sse", what)


_BROKEN: Final[Mapping[str, tuple[ErrorKind, int, str, str]]] = {
    "stall": ("timeout", 504, "did not answer in time", "did not go on"),
    "queue": ("overloaded", 503, "has no place for it", ""),
    "size": ("upstream", 502, "answered with too much", "did not end"),
}


def broken(outcome: Rewritten, trouble: str | None, message: str, *, streaming: bool = False) -> Failure:
    """Say how a try broke; ``trouble`` is a word of the ledger's rows, ``streaming`` tells that a part had come."""
    usual: tuple[ErrorKind, int, str, str] = ("upstream", HTTPStatus.BAD_GATEWAY, "did not answer", "cut the stream")
    kind, status, before, after = _BROKEN.get(trouble or "", usual)
    return Failure(kind, status, told(outcome, f"{after if streaming else before}: {message}"))


def unanswered(  # noqa: PLR0913, PLR0917 - what is known of it, read at few places
    outcome: Rewritten,
    flow: str,
    message: str,
    tried: str = "",
    context: Context | None = None,
    trouble: str | None = None,
) -> Given:
    """Tell the client, in its wire's own words, that the upstream did not answer or broke off at once.

    Where ``context`` says that the client has the head of a stream already, it is told in the stream.
    """
    failure = broken(outcome, trouble, message)
    if context is not None and context.begun:
        answer = failed(context, failure, failure.status)
        headers = Headers((("content-type", EVENTS), ("x-wiremend", "failed")))
        return Given(answer.status, headers, answer.body, answer.notes, message)
    wire = WIRES[outcome.facts.wire or "chat"]
    status, words = STATUSES[wire.name](failure), Origin(flow=flow, tried=tried).signed(failure.message)
    body = b"" if outcome.facts.method == "HEAD" else wire.error_body(status, failure.kind, words)
    headers = Headers((("content-type", JSON), ("x-wiremend", "failed"), ("content-length", str(len(body)))))
    return Given(status, headers, body, (Note("failed", "reply", "", failure.message),), message)


# -- the whole of it


def answered(outcome: Rewritten, context: Context | None, came: Came, flow: str = "") -> Given:
    """Give what the client gets for a reply. ``flow`` is the id that error texts end with. Never raises."""
    headers = came.headers
    lost = losses(outcome.notes)
    if lost is not None:
        headers = headers.with_set("x-wiremend-lost", lost)
    known = request_id(outcome, {name.lower(): value for name, value in headers})
    if known is not None:
        headers = headers.with_set(*known)
    came = replace(came, headers=headers)
    return _plain(outcome, came, flow) if context is None else _turn(outcome, context, came, flow)


def _turn(outcome: Rewritten, context: Context, came: Came, flow: str) -> Given:
    """Give the reply to a turn of a conversation: a stream in its cuts, or a whole body."""
    peeks = context.stream and context.edits and HTTPStatus.OK <= came.status < HTTPStatus.BAD_REQUEST
    seen = _peeked(context, came) if peeks else Look("stream" if came.is_events else "json")
    if seen is None:
        error = came.error or "the connection was closed"
        return unanswered(outcome, flow, error, context.origin.tried, context, came.trouble)
    streamed = came.status < HTTPStatus.BAD_REQUEST and context.stream
    if not streamed or (seen.shape != "stream" and context.edits):
        if came.error is not None:
            return unanswered(outcome, flow, came.error, context.origin.tried, context, came.trouble)
        return _whole(outcome, context, came)
    if seen.failure is not None and context.edits:
        return _applied(came, failed(context, seen.failure, came.status), error=came.error)
    if seen.shape != "stream":
        given = _passed(outcome, came)
        return replace(given, notes=(*unasked(context, stream=False), *given.notes))
    return _streamed(outcome, context, came)


def _peeked(context: Context, came: Came) -> Look | None:
    """Look at the first bytes as they come; None where the upstream broke off before they said what they are."""
    first = b""
    for chunk in came.chunks:
        first += chunk
        seen = _looked(context, came, first, ended=False)
        if seen is None and len(first) >= PEEK_BYTES:
            seen = Look("stream")
        if seen is not None:
            return seen
    return None if came.error is not None else _looked(context, came, first, ended=True) or Look("stream")


def _looked(context: Context, came: Came, first: bytes, *, ended: bool) -> Look | None:
    coding = came.coding(first)
    if coding is not None:
        try:
            first = beginning(first, coding, PEEK_BYTES)
        except CodingError:
            return Look("text")  # nothing that can be read: the whole of it will say so
    return look(first, context.mending, context.origin, ended=ended)


def _streamed(outcome: Rewritten, context: Context, came: Came) -> Given:
    headers, notes = came.headers.without(*_FRAMING, "content-encoding"), []
    if context.edits and not came.is_events:
        notes.append(content_type_note(came.kind))
        headers = headers.with_set("content-type", EVENTS)
    stream = ReplyStream(context, context.upstream.tally())
    out: list[bytes] = []
    error = came.error
    try:
        decoder = None
        for number, chunk in enumerate(came.chunks):
            if not number and (coding := came.coding(chunk)) is not None:
                decoder = StreamDecoder(coding, limit=context.limits.reply_body, at_once=context.limits.memory)
            out += [stream.feed(piece) for piece in (decoder.feed(chunk) if decoder is not None else (chunk,))]
        if error is None:
            out.append(stream.close())
    except CodingError as unreadable:
        error = str(unreadable)
        out.append(stream.cut(Failure("upstream", HTTPStatus.BAD_GATEWAY, error)))
    else:
        if error is not None:
            out.append(stream.cut(broken(outcome, came.trouble, error, streaming=True)))
    failure = stream.failure
    said = error or (failure.message if failure is not None else None)
    return Given(came.status, headers, b"".join(out), (*notes, *stream.notes()), said)


def _whole(outcome: Rewritten, context: Context, came: Came) -> Given:
    raw = b"".join(came.chunks)
    coding = came.coding(raw)
    try:
        body = decode(raw, coding, limit=context.limits.reply_body) if coding and raw else raw
        answer = whole(context, came.status, body, came.kind, context.upstream.tally())
    except CodingError as error:
        body = b""
        said = Failure("upstream", HTTPStatus.BAD_GATEWAY, told(outcome, f"sent a body that cannot be read: {error}"))
        answer = failed(context, said, came.status)
    undeclared = coding is not None and "content-encoding" not in came.headers and context.edits
    changed = answer.body is not body or answer.content_type is not None or undeclared
    return _applied(came, answer, raw=None if changed else raw)


def _applied(came: Came, answer: Answer, *, raw: bytes | None = None, error: str | None = None) -> Given:
    """Give an answer with its head; ``raw`` is the body as it came, where nothing of it was changed."""
    headers, notes = came.headers, answer.notes
    if raw is None:
        headers = headers.without("content-encoding", *_FRAMING)
    if answer.content_type is not None:
        headers = headers.with_set("content-type", answer.content_type)
    if answer.final and answer.status >= HTTPStatus.BAD_REQUEST and headers.get("x-should-retry") != "false":
        headers, notes = headers.with_set("x-should-retry", "false"), (*notes, final_note(answer.status))
    said = answer.failure.message if answer.failure is not None else error
    return Given(answer.status, headers, answer.body if raw is None else raw, notes, said)


# -- what is no turn of a conversation


def _plain(outcome: Rewritten, came: Came, flow: str) -> Given:
    """Give the reply of any other endpoint: as it came, but for the model's name, a missing count, a final failure."""
    if is_aside(outcome):
        return _aside(outcome, came, flow)
    headers, notes = came.headers, tuple[Note, ...]()
    if came.status in FINAL and outcome.facts.generates and headers.get("x-should-retry") != "false":
        headers, notes = headers.with_set("x-should-retry", "false"), (final_note(came.status),)
    came = replace(came, headers=headers)
    if outcome.reply_name is None or came.is_events:
        given = _passed(outcome, came)
    elif came.error is not None:
        return unanswered(outcome, flow, came.error, trouble=came.trouble)
    else:
        given = Given(came.status, headers, _named_whole(outcome, came))
    return replace(given, notes=(*notes, *given.notes))


def _aside(outcome: Rewritten, came: Came, flow: str) -> Given:
    """Give the reply to a count of tokens or a list of models."""
    if came.error is not None:
        return unanswered(outcome, flow, came.error, trouble=came.trouble)
    raw = b"".join(came.chunks)
    try:
        body = decode(raw, came.headers.get("content-encoding")) if raw else raw
    except BodyError:
        return _passed(outcome, came)
    answer = aside(outcome, came.status, body, came.kind)
    if answer is None:
        return _passed(outcome, came)
    given = _applied(came, answer)
    if any(note.short == "path-count-tokens-404" for note in answer.notes):
        given = replace(given, headers=given.headers.with_set(*ESTIMATED))
    return given


def _named_whole(outcome: Rewritten, came: Came) -> bytes:
    raw, wire = b"".join(came.chunks), WIRES[outcome.facts.wire or "chat"]
    return renamed(raw, wire, outcome.reply_name or "")


def _passed(outcome: Rewritten, came: Came) -> Given:
    """Give a reply on as it came; of a stream of events, whole events, and an end where it was cut."""
    wire = WIRES[outcome.facts.wire or "chat"]
    body = b"".join(came.chunks)
    coded = (came.headers.get("content-encoding") or "identity").strip().lower() != "identity"
    if came.is_events and not coded:
        return _passed_events(outcome, came, wire)
    try:
        wire.tally().body(decode(body, came.headers.get("content-encoding")) if body else body)
    except BodyError as error:
        if came.error is None:
            note = Note("failed", "body", "reply", f"its usage could not be read: {error}")
            return Given(came.status, came.headers, body, (note,))
    return Given(came.status, came.headers, body, (), came.error)


def _passed_events(outcome: Rewritten, came: Came, wire: Wire) -> Given:
    headers = came.headers.without(*_FRAMING)
    parser, out, seen = EventParser(), [], 0
    try:
        for chunk in came.chunks:
            events = parser.feed(chunk)
            seen += len(events)
            out += [event.raw if event.data is None else _named(event, outcome, wire) for event in events]
        if came.error is not None:
            note = Note("invented", "stream", "cut", came.error, "the upstream was cut")
            end = wire.error_event(f"the provider cut the stream: {came.error}", None, seen, "upstream")
            return Given(came.status, headers, b"".join([*out, end]), (note,), came.error)
        out += [_named(event, outcome, wire) for event in parser.close()]
    except StreamError as error:
        note = Note("failed", "stream", "stream", str(error))
        return Given(came.status, headers, b"".join(came.chunks), (note,), came.error)
    return Given(came.status, headers, b"".join(out))


def _named(event: Event, outcome: Rewritten, wire: Wire) -> bytes:
    if outcome.reply_name is None or event.data is None:
        return event.raw
    data = renamed(event.data, wire, outcome.reply_name)
    return event.raw if data is event.data else with_data(event, data)
