"""What is wrong with a reply: breaches of the wire's contract, and what quirks other than the contract's would mend.

A :class:`Fault` is called by the contract's code (``chat.tool-call.index-missing``), or by the quirk's name where the
bytes are legal and still mean something else than they say (``think-tags-in-content``). Nothing here depends on rules.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Literal

from wiremend.codings import decode
from wiremend.errors import BodyError
from wiremend.families import scrubbed
from wiremend.pipeline.context import Context
from wiremend.pipeline.shapes import look, shape_of
from wiremend.pipeline.whole import replied
from wiremend.protocols import TURNS, WIRES
from wiremend.protocols.failure import failure_of_body
from wiremend.protocols.mending import Origin
from wiremend.protocols.wires import CHECKS, CONTRACTS, MENDING, SHAPES, STATUSES
from wiremend.quirks import all_quirks
from wiremend.quirks.base import Scope
from wiremend.quirks.memory import Memory
from wiremend.replay.beside import shortened
from wiremend.rules.facts import peek
from wiremend.sse import EventParser, StreamError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wiremend.captures.capture import Capture, Response
    from wiremend.protocols.base import WireName
    from wiremend.quirks.base import Quirk
    from wiremend.sse import Event

MOST: Final = 200
"""Faults of one reply that are kept; each code's first is among them."""

LOOKED: Final = 256 * 1024
"""Bytes of a stream that quirks with functions of their own look at; the contract judges all of it."""

_LABELLED: Final = "content-type-not-sse"
_HIDDEN: Final = "error-200-json"
_UNSTREAMED: Final = "stream-request-json-response"
_REUSED: Final = "toolid-reused-kimi"
_HELD_BACK: Final = "no closing tag came"
"""What a quirk notes that held a text back in case a tag came, and none did: a sign of nothing."""

_SAID: Final = 200
_MEANT: Final = {
    "context": "overflow-phrase",
    "quota": "quota-as-429",
    "overloaded": "overload-as-429",
    "validation": "validation-as-5xx",
    "status": "error-200-json",
}
"""What was read into an error, and the quirk that tells of it."""


_MEANING: Final = {
    "context": "a prompt that does not fit, in words that clients do not know: they do not compact",
    "quota": "an empty balance: asking again does not help",
    "overloaded": "an overload: changing the key, or asking less often, does not help",
    "validation": "a request that is refused: asking again does not help",
    "status": "an error of another status",
}
"""What such an error means, and why it matters."""


type Side = Literal["upstream", "client"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong.

    ``event`` counts the stream's events that carry data, from 1; 0 for a whole body; the number after the last for what
    the end of a stream lacks. ``pointer`` is a JSON pointer into the event's data or the body. ``quirk`` names the
    catalogue's entry, None where it has none.
    """

    code: str
    event: int
    pointer: str
    what: str
    quirk: str | None = None


@cache
def quirk_of(code: str) -> str | None:
    """Name the quirk that tells of a contract's code."""
    return next((name for name, quirk in all_quirks().items() if code in quirk.codes), None)


def readable(response: Response) -> bytes:
    """Give a reply's body without its content coding; as it is where that cannot be undone."""
    data = response.body.data
    if response.body.file is not None:
        try:
            data = response.body.file.read_bytes()
        except OSError:
            return b""
    coding = response.headers.joined("content-encoding")
    try:
        return decode(data, coding) if data and coding else data
    except BodyError:
        return data


def is_turn(capture: Capture) -> bool:
    """Tell whether a capture's reply is a turn of a conversation, of which a contract speaks."""
    return capture.wire is not None and context_of(capture) is not None


def context_of(capture: Capture, quirks: Sequence[Quirk] = (), side: Side = "client") -> Context | None:
    """Give the context of a capture's reply, with mending on; None where it is no turn of a conversation.

    ``side`` says on which wire the reply is, where the exchange was translated.
    """
    own, inputs = capture.wire, capture.inputs
    wire = capture.upstream_wire if side == "upstream" else own
    path = capture.request.target.partition("?")[0].rstrip("/")
    if wire is None or own is None or capture.request.method != "POST" or not path.endswith(TURNS[own]):
        return None
    attempt = capture.attempt
    request = attempt.request if attempt is not None else capture.request
    asked, stream = peek(_json(capture))
    memory = Memory.of(inputs.memory)
    sent = attempt.decision.get("model") if attempt is not None else None
    model = sent if isinstance(sent, str) else asked
    scope = Scope(wire, model, capture.provider, request.host or "", capture.client, stream, seed=inputs.seed)
    origin = Origin(seed=inputs.seed, now=inputs.now, model=asked, client=capture.client)
    return Context(
        WIRES[wire], MENDING[wire], scope, origin, memory, tuple(quirks), mend=True, name=None, stream=stream
    )


def _json(capture: Capture) -> bytes | None:
    request = capture.request
    try:
        return decode(request.body, request.headers.get("content-encoding")) if request.body else None
    except BodyError:
        return None


def faults(capture: Capture, response: Response, *, cut: bool = False, side: Side = "client") -> tuple[Fault, ...]:
    """Give what is wrong with a reply to a capture's request, in the order of the events; nothing where all is well.

    ``cut`` tells that the reply broke off, ``side`` whether it is the provider's or what the client got. Never raises.
    """
    context = context_of(capture, side=side)
    if context is None:
        return ()
    wire = context.wire.name
    body = readable(response)
    if response.status >= HTTPStatus.BAD_REQUEST:
        return tuple(_error_faults(wire, body, response))
    found = [*_not_asked_for(context, body), *_broken(wire, body, stream=context.stream, cut=cut)]
    found += _told_by_quirks(capture, context, response, body, {one.quirk for one in found})
    if not found and context.stream and not _labelled(response) and shape_of(body, ended=True) == "stream":
        kind = response.headers.get("content-type") or "none"
        found.append(Fault(_LABELLED, 0, "", f"the stream is labelled {kind}", _LABELLED))
    return tuple(sorted(found, key=lambda one: one.event)[:MOST])


def _not_asked_for(context: Context, body: bytes) -> Iterator[Fault]:
    """Give what is no stream where one was asked for, and an error under a status of success."""
    if not context.stream:
        return
    seen = look(body, context.mending, context.origin, ended=True)
    if seen is None or (seen.shape == "stream" and seen.failure is None):
        return
    failure = seen.failure or replied(context, HTTPStatus.OK, None, [body]).failure
    if failure is not None:
        said = scrubbed(shortened(failure.message, _SAID))
        yield Fault(_HIDDEN, 1, "", f"an error under a status of success: {said}", _HIDDEN)
    elif seen.shape == "json":
        yield Fault(_UNSTREAMED, 1, "", "a whole body came, where a stream was asked for", _UNSTREAMED)


def _labelled(response: Response) -> bool:
    kind = response.headers.get("content-type") or ""
    return kind.partition(";")[0].strip().lower() == "text/event-stream"


def _broken(wire: WireName, body: bytes, *, stream: bool, cut: bool) -> Iterator[Fault]:
    """Give the breaches of the contract, each code with its first event only."""
    seen: set[str] = set()
    contract = CONTRACTS[wire]()
    violations = (one for event in _events(body) for one in contract.feed(event)) if stream else CHECKS[wire](body)
    for violation in violations:
        if violation.code not in seen:
            seen.add(violation.code)
            yield Fault(violation.code, violation.event, violation.pointer, violation.message, quirk_of(violation.code))
    if stream:
        for violation in contract.close():
            if violation.code not in seen:
                seen.add(violation.code)
                what = f"{violation.message} (the reply was cut)" if cut else violation.message
                yield Fault(violation.code, violation.event, violation.pointer, what, quirk_of(violation.code))


def _events(body: bytes) -> Iterator[Event]:
    parser = EventParser(limit=len(body) + 1, apart=True)
    try:
        yield from parser.feed(body)
        yield from parser.close()
    except StreamError as error:  # pragma: no cover - the limit is the body's own length
        yield from error.events


def _told_by_quirks(
    capture: Capture, context: Context, response: Response, body: bytes, known: set[str | None]
) -> list[Fault]:
    """Give what quirks with a step or a reply function of their own find, each tried alone."""
    found: list[Fault] = []
    if context.stream and len(body) > LOOKED:
        body = body[: max(body.rfind(b"\n\n", 0, LOOKED) + 2, 2)]
    for name, quirk in all_quirks().items():
        judged = any(code.startswith(f"{context.wire.name}.") for code in quirk.codes)
        if judged or name in known or context.upstream.name not in quirk.wires or not _may_act(quirk, context, body):
            continue
        alone = replace(context, quirks=(quirk,))
        kind = response.headers.get("content-type")
        notes = replied(alone, response.status, kind, [body]).notes
        acted = (note for note in notes if note.short == name and note.kind in {"mended", "lost"})
        told = next((note for note in acted if _HELD_BACK not in note.what), None)
        if told is not None and not (name == _REUSED and _is_new(told.what, capture)):
            number, _, what = told.what.partition(": ")
            event = int(number.removeprefix("event ")) if number.removeprefix("event ").isdigit() else 0
            found.append(Fault(name, event, told.where, what if event else told.what, name))
    return found


def _may_act(quirk: Quirk, context: Context, body: bytes) -> bool:
    """Tell whether a quirk has anything to look at in a reply."""
    if not context.stream:
        return quirk.reply is not None
    if quirk.step is None:
        return False
    needles = quirk.step(context.scope, context.memory).needles
    return not needles or any(needle in body for needle in needles)


def _is_new(what: str, capture: Capture) -> bool:
    """Tell whether the id that a note speaks of is not in the request, so that nothing was reused."""
    id_ = what.partition(": ")[2].partition(" ")[0] or what.partition(" ")[0]
    return id_.encode() not in (_json(capture) or b"")


def _error_faults(wire: WireName, body: bytes, response: Response) -> Iterator[Fault]:
    """Give what is wrong with how an error is said."""
    failure = failure_of_body(body, response.status, response.headers.get("content-type"))
    quirk = _MEANT.get(failure.mapped or "")
    if quirk is not None:
        what = f"a {response.status} that means {_MEANING[failure.mapped or '']}"
        yield Fault(quirk, 0, "", what, quirk)
    if failure.shape != SHAPES[wire] or (not failure.legal and quirk is None):
        yield Fault("error-body-shapes", 0, "", "the error is in another shape than this wire's", "error-body-shapes")
    elif STATUSES[wire](failure) != response.status and quirk is None:
        yield Fault("error-body-shapes", 0, "", f"the status {response.status} is not that of the error", None)
