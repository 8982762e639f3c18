"""What today's code makes of a capture: the request that would leave, and what the client would get for the reply.

No socket, no clock, no environment (G10): all that decision and mending look at besides request and rules is in the
capture (:class:`~wiremend.captures.capture.Inputs`). The provider's reply is given in its recorded cuts, or in others,
which must not matter (G3).
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from wiremend.captures.capture import Body, Request, Response
from wiremend.pipeline.answer import Came, answered, unanswered
from wiremend.pipeline.context import context_for
from wiremend.pipeline.outcome import Answered, ClientRequest, Refused, Rewritten, Untouched, headers_here
from wiremend.pipeline.request import rewrite
from wiremend.pipeline.upgrade import rules_for, upgrade_refused
from wiremend.quirks.memory import Memory
from wiremend.rules.facts import Picked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wiremend.captures.capture import Attempt, Capture
    from wiremend.notes import Note
    from wiremend.pipeline.outcome import Outcome
    from wiremend.replay.rules import Today

type Cuts = Literal["recorded", "whole", "bytes", "random"]

CUTS: Final[tuple[Cuts, ...]] = ("recorded", "whole", "bytes", "random")

_AT_RANDOM: Final = 64
"""Bytes of a chunk, on average, where the cuts are random."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What today's code makes of a capture.

    ``request`` is None where none would leave, ``answer`` None where the capture has no reply that could be mended, or
    one of another wire than the provider would be asked on today (:func:`wires_apart`).
    ``notes`` are those of both directions, in their order; ``error`` is how the exchange failed, if it did.
    """

    outcome: Outcome
    request: Request | None
    answer: Response | None
    notes: tuple[Note, ...]
    expected: Capture
    error: str | None = None


def replay(capture: Capture, today: Today, cuts: Cuts = "recorded", seed: int = 0) -> Replayed:
    """Run a capture through today's rules, quirks and codecs.

    ``seed`` chooses the cuts where they are random: the same seed gives the same. Raises nothing on any capture.
    """
    inputs = capture.inputs
    memory = Memory.of(inputs.memory)
    request, rules = sent(capture), today.for_capture(inputs)
    to = inputs.to or None
    outcome = upgrade_refused(request, rules) or rewrite(request, rules_for(request, rules), memory, inputs.seed, to)
    if isinstance(outcome, Refused | Answered):
        error = outcome.message if isinstance(outcome, Refused) else None
        return Replayed(outcome, None, _here(outcome), outcome.notes, capture, error)
    leaving = _leaving(capture.request, outcome)
    attempt = capture.attempt
    if attempt is None or isinstance(outcome, Untouched):
        notes = () if isinstance(outcome, Untouched) else outcome.notes
        return Replayed(outcome, leaving, attempt.response if attempt else None, notes, capture)
    came = _came(attempt, cuts, seed)
    if wires_apart(capture, outcome) is not None:
        return Replayed(outcome, leaving, None, outcome.notes, capture)  # what comes on another wire is not known
    context = None
    if outcome.facts.method == "POST":
        context = context_for(
            outcome,
            memory,
            seed=inputs.seed,
            now=inputs.now,
            flow=inputs.flow,
            tried=inputs.tried,
            begun=inputs.begun,
        )
    if came is None:
        if attempt.error is None:  # a case of a request alone
            return Replayed(outcome, leaving, None, outcome.notes, capture)
        given = unanswered(outcome, inputs.flow, attempt.error, inputs.tried, context, attempt.trouble)
    else:
        given = answered(outcome, context, came, inputs.flow)
    answer = Response(given.status, "", given.headers, Body(given.body))
    return Replayed(outcome, leaving, answer, (*outcome.notes, *given.notes), capture, given.error)


def wires_apart(capture: Capture, outcome: Outcome) -> tuple[str, str] | None:
    """Give the wire that the provider was spoken to on, and today's, where they are not the same; else None."""
    attempt = capture.attempt
    if attempt is None or not isinstance(outcome, Rewritten) or outcome.decision.wire is None:
        return None
    then, now = attempt.decision.get("wire"), outcome.decision.wire
    return (then, now) if isinstance(then, str) and then != now else None


def cut(body: Body, cuts: Cuts, seed: int = 0) -> list[bytes]:
    """Give a body in other cuts than its own."""
    match cuts:
        case "recorded":
            return body.chunks
        case "whole":
            return [body.data] if body.data else []
        case "bytes":
            return [body.data[at : at + 1] for at in range(len(body.data))]
        case "random":
            chance, size = random.Random(seed), len(body.data)  # noqa: S311 - to choose cuts, not secrets
            count = min(size - 1, max(1, size // _AT_RANDOM)) if size > 1 else 0
            marks = sorted(chance.sample(range(1, size), count)) if count else []
            return [body.data[a:b] for a, b in zip([0, *marks], [*marks, size], strict=True) if a < b]


def sent(capture: Capture) -> ClientRequest:
    """Give the client's request that a capture holds, as the pipeline takes it."""
    request, inputs = capture.request, capture.inputs
    return ClientRequest(
        style=inputs.style,
        method=request.method,
        scheme=request.scheme,
        host=request.host,
        port=request.port,
        target=request.target,
        headers=request.headers,
        body=request.body,
        agent=inputs.agent,
        recorded=inputs.globs,
        picked=Picked.of(inputs.picked),
    )


def _leaving(request: Request, outcome: Rewritten | Untouched) -> Request:
    """Give the request as it leaves; a body that was changed has a length of its own."""
    if isinstance(outcome, Untouched):
        return request
    there, headers = outcome.destination, outcome.headers
    if outcome.body is not None and "transfer-encoding" not in headers:
        headers = headers.with_set("content-length", str(len(outcome.body)))
    body = request.body if outcome.body is None else outcome.body
    return Request(request.method, there.scheme, there.host, there.port, there.path, headers, body, request.version)


def _came(attempt: Attempt, cuts: Cuts, seed: int) -> Came | None:
    response = attempt.response
    if response is None:
        return None
    chunks: Sequence[bytes] = cut(response.body, cuts, seed)
    return Came(response.status, response.reason, response.headers, chunks, attempt.error, attempt.trouble)


def _here(outcome: Refused | Answered) -> Response:
    body = b"" if outcome.facts.method == "HEAD" else outcome.body
    return Response(outcome.status, "", headers_here(outcome), Body(body))
