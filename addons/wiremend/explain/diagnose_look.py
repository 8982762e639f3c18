"""All that a diagnosis looks at: an exchange as it was, and as today's rules have it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from wiremend.captures.capture import client_left
from wiremend.codings import decode
from wiremend.errors import BodyError
from wiremend.explain.veil import Veil
from wiremend.explain.verdict_faults import context_of, faults, readable
from wiremend.pipeline.outcome import Rewritten
from wiremend.pipeline.whole import replied
from wiremend.protocols.failure import failure_of_body
from wiremend.quirks.base import Scope
from wiremend.quirks.memory import Memory
from wiremend.replay.run import replay
from wiremend.rules.facts import credentials_of

if TYPE_CHECKING:
    from wiremend.captures.capture import Attempt, Capture, Request, Response
    from wiremend.explain.diagnose_model import Candidate, Cause
    from wiremend.explain.verdict_faults import Fault
    from wiremend.pipeline.outcome import Outcome
    from wiremend.protocols.failure import Failure
    from wiremend.replay.rules import Today
    from wiremend.replay.run import Replayed
    from wiremend.rules.engine import Decision
    from wiremend.rules.resolve import Resolved

type Finding = tuple[Cause, tuple[Candidate, ...]]
"""A cause, and the changes of the rules that may help against it."""


@dataclass(frozen=True, slots=True)
class Look:
    """An exchange. ``came`` and ``given`` are the faults of the upstream's reply and of the client's answer.

    Of an exchange that was recorded without Wiremend (``plain``) the reply itself is the answer: the client got it as
    it was. ``now`` are the faults of the answer that today's rules give. ``left`` is the request that left (None: none
    did), ``sent`` its body, decoded. ``failure`` is the provider's error, ``again`` what today's code makes of it all.
    """

    capture: Capture
    resolved: Resolved
    again: Replayed
    veil: Veil
    left: Request | None
    sent: bytes
    reply: Response | None
    answer: Response | None
    came: tuple[Fault, ...]
    given: tuple[Fault, ...]
    now: tuple[Fault, ...]
    failure: Failure | None
    plain: bool = False

    @property
    def attempt(self) -> Attempt | None:
        """The last try at a provider."""
        return self.capture.attempt

    @property
    def outcome(self) -> Outcome:
        """What today's rules make of the request."""
        return self.again.outcome

    @property
    def decision(self) -> Decision | None:
        """What today's rules decide."""
        return self.outcome.decision if isinstance(self.outcome, Rewritten) else None

    @property
    def provider(self) -> str | None:
        """The provider by today's rules, else the one that was asked."""
        return (self.decision.provider if self.decision is not None else None) or self.capture.provider

    @property
    def host(self) -> str:
        """The host that the request left for."""
        return (self.left.host or "").lower() if self.left is not None else ""

    def scope(self) -> Scope | None:
        """Give the exchange as a quirk may know it, as it left."""
        wire, left = self.capture.upstream_wire, self.left
        if wire is None or left is None:
            return None
        decision = self.capture.attempt.decision if self.capture.attempt else {}
        model = decision.get("model")
        return Scope(
            wire,
            model if isinstance(model, str) else self.capture.model,
            self.provider,
            self.host,
            self.capture.client,
            self.outcome.facts.stream,
            seed=self.capture.inputs.seed,
            port=left.port,
        )

    def memory(self) -> Memory:
        """Give what earlier replies left behind."""
        return Memory.of(self.capture.inputs.memory)


def _whole(capture: Capture) -> Capture:
    """Give a capture without the error that its client left, where that had the whole of a stream by then."""
    attempt = capture.attempt
    reply = attempt.response if attempt is not None else None
    if attempt is None or reply is None or not client_left(attempt.error):
        return capture
    if any(one.code.endswith(".cut") for one in faults(capture, reply, cut=True, side="upstream")):
        return capture
    return replace(capture, error=None, attempts=(*capture.attempts[:-1], replace(attempt, error=None)))


def look_at(capture: Capture, today: Today) -> Look:
    """Look at an exchange, and replay it. Raises nothing on any capture."""
    capture = _whole(capture)
    again = replay(capture, today)
    resolved = today.for_capture(capture.inputs)
    attempt = capture.attempt
    reply = attempt.response if attempt is not None else None
    left = attempt.request if attempt is not None else again.request
    recorded = capture.answer
    plain = recorded is None and reply is not None and not capture.rules and "wiremend" not in capture.versions
    if plain:
        recorded = reply
    cut = bool(attempt is not None and attempt.error)
    came = faults(capture, reply, cut=cut, side="upstream") if reply is not None else ()
    veil = Veil(capture.request.headers, capture.request.target, resolved, plain=(capture.model,))
    return Look(
        capture=capture,
        resolved=resolved,
        again=again,
        veil=veil,
        left=left,
        sent=_decoded(left),
        reply=reply,
        answer=recorded,
        came=came,
        given=came if plain else faults(capture, recorded) if recorded is not None else (),
        now=faults(capture, again.answer) if again.answer is not None and reply is not None else (),
        failure=_failure(capture, reply),
        plain=plain,
    )


def _decoded(request: Request | None) -> bytes:
    if request is None or not request.body:
        return b""
    try:
        return decode(request.body, request.headers.get("content-encoding"))
    except BodyError:
        return request.body


def _failure(capture: Capture, reply: Response | None) -> Failure | None:
    """Read the error that a reply is, or ends with."""
    if reply is None:
        return None
    body, kind = readable(reply), reply.headers.get("content-type")
    if reply.status >= HTTPStatus.BAD_REQUEST:
        return failure_of_body(body, reply.status, kind)
    context = context_of(capture, side="upstream")
    return replied(context, reply.status, kind, [body]).failure if context is not None else None


def key_of(look: Look) -> str | None:
    """Give the credential (of a capture: what stands for it) that the request left with."""
    request = look.left or look.capture.request
    return next((one.value for one in credentials_of(request.headers)), None)


__all__ = ["Finding", "Look", "key_of", "look_at"]
