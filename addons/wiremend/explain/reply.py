"""What came back, and what the client gets for it: by today's rules, from the bytes that were recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wiremend.codings import decode
from wiremend.errors import BodyError
from wiremend.explain.model import Reply
from wiremend.pipeline.outcome import Untouched
from wiremend.pipeline.shapes import shape_of
from wiremend.replay.run import replay, wires_apart
from wiremend.sse import EventParser, StreamError

if TYPE_CHECKING:
    from wiremend.captures.capture import Capture, Response
    from wiremend.explain.veil import Veil
    from wiremend.headers import Headers
    from wiremend.replay.rules import Today

_PEEK = 65536


def reply_of(capture: Capture, today: Today, veil: Veil) -> Reply | None:
    """Give what became of a capture's reply; None where it has none, and did not fail either."""
    attempt = capture.attempt
    if attempt is None or (attempt.response is None and attempt.error is None):
        return None
    done = replay(capture, today)
    before = () if isinstance(done.outcome, Untouched) else done.outcome.notes
    came, given, recorded = attempt.response, done.answer, capture.answer
    came_bytes, given_bytes = plain_body(came), plain_body(given)
    error = done.error or attempt.error
    apart, nothing = wires_apart(capture, done.outcome), "nothing"
    if apart is not None:
        nothing = f"not known: this reply is of the {apart[0]} wire, and today's rules ask on the {apart[1]} wire"
    return Reply(
        came_status=came.status if came is not None else None,
        came=told(came_bytes) if came is not None else f"nothing: {veil.text(attempt.error or '')}",
        given_status=given.status if given is not None else None,
        given=told(given_bytes) if given is not None else nothing,
        same=came_bytes == given_bytes,
        as_recorded=None if recorded is None or apart is not None else plain_body(recorded) == given_bytes,
        notes=tuple(veil.note(note) for note in done.notes[len(before) :]),
        error=None if error is None else veil.text(error),
    )


def plain_body(response: Response | None) -> bytes:
    """Give a response's body with its coding undone, where that can be."""
    if response is None:
        return b""
    return _decoded(response.body.data, response.headers)


def _decoded(data: bytes, headers: Headers) -> bytes:
    try:
        return decode(data, headers.get("content-encoding")) if data else data
    except BodyError:
        return data


def told(body: bytes) -> str:
    """Say in words what a body is."""
    shape = shape_of(body[:_PEEK], ended=len(body) <= _PEEK)
    size = f"{len(body):,} byte{'' if len(body) == 1 else 's'}"
    match shape:
        case "stream":
            count = _count(body)
            return f"a stream of {count:,} event{'' if count == 1 else 's'}, {size}"
        case "json":
            return f"JSON, {size}"
        case "html":
            return f"HTML, {size}"
        case "empty":
            return "no body"
        case _:
            return f"text, {size}"


def _count(body: bytes) -> int:
    parser = EventParser()
    try:
        return len([*parser.feed(body), *parser.close()])
    except StreamError as error:
        return len(error.events)
