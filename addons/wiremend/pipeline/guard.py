"""The guard: a request that surely is longer than its model's context window is answered here, and not sent.

The provider would refuse it, some after it has been paid for, and each in words of its own. Here it gets the words by
which its client makes room (docs/errors.md): what Claude Code and the agents on the other wires compact upon. Looked at
is the body as it would leave, after the translation, the edits and the quirks, and only of an endpoint that answers
with a turn. That it does not fit is sure (:mod:`.windows`). By how much, clients want to know as well, for they leave
out as much as that: this number is the estimate of :mod:`.estimate`, which is nearer than what is sure.

Codex knows a full context by an event in the stream alone, so there it gets a stream.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import msgspec

from wiremend.notes import Note
from wiremend.pipeline.estimate import estimate
from wiremend.pipeline.finals import IN_THE_STREAM
from wiremend.pipeline.models import limits_of
from wiremend.pipeline.outcome import Refused
from wiremend.pipeline.windows import too_long
from wiremend.protocols import WIRES
from wiremend.protocols.failure import Failure
from wiremend.protocols.wires import SAID
from wiremend.sse import render

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wiremend.headers import Headers
    from wiremend.rules.engine import Decision
    from wiremend.rules.facts import Facts
    from wiremend.rules.model import Rules

KIND: Final = "context_length"

_LARGER: Final = "context-1m"
_MILLION: Final = 1_000_000
"""Tokens that a model of Anthropic's can hold where the request asks for that beta."""


def overflow(facts: Facts, decision: Decision, rules: Rules, body: bytes | None, headers: Headers) -> Refused | None:
    """Refuse a request that its model surely cannot hold; None for all others.

    ``body`` and ``headers`` are those that would leave. With mending off, a request that has but one destination is not
    looked at: then the provider is to say it.
    """
    if facts.wire is None or facts.endpoint is None or facts.endpoint.kind != "generate":
        return None
    window = limits_of(rules, decision.provider, decision.sent).context_window
    if window is None or (not decision.mend and len(decision.targets) <= 1):
        return None
    if _LARGER in (headers.get("anthropic-beta") or ""):
        window = max(window, _MILLION)
    least = too_long(body, window)
    if least is None:
        return None
    about = max(least, estimate(body))
    who = f"{decision.provider}/{decision.sent}"
    message = f"the request has some {about:,} tokens, and the context window of {who} is {window:,}"
    room, name = max([(window, who), *_others(decision, rules, least)])
    if room > window:
        message += f"; {name} has {room:,}"
    said = f"Wiremend: {name} was not asked"
    failure = Failure(KIND, HTTPStatus.BAD_REQUEST, said, final=True, asked=about, limit=room)
    return _refused(facts, failure, message)


def _others(decision: Decision, rules: Rules, least: int) -> Iterator[tuple[int, str]]:
    """Give the destinations of the same route that are too small as well, with their windows.

    The client is told of the largest: what makes room for that one is enough.
    """
    for target in decision.targets:
        model = target.model or decision.asked
        window = limits_of(rules, target.provider, model).context_window
        if window is not None and window < least:
            yield window, f"{target.provider}/{model}"


def _refused(facts: Facts, failure: Failure, message: str) -> Refused:
    wire = WIRES[facts.wire or "chat"]
    text = SAID[wire.name](failure)
    as_stream = facts.stream and KIND in IN_THE_STREAM.get(facts.client or "", ())
    if as_stream:
        body, status = _begun(facts) + wire.error_event(text, None, 1, KIND), HTTPStatus.OK
    else:
        body, status = wire.error_body(failure.status, KIND, text), HTTPStatus.BAD_REQUEST
    note = Note("refused", "", "window", message, KIND)
    return Refused(facts, status, message, body, (note,), KIND, as_stream)


def _begun(facts: Facts) -> bytes:
    """Give what must come before a stream's failure: on the responses wire, the response that fails."""
    if facts.wire != "responses":
        return b""
    response = {
        "id": "resp_failed",
        "object": "response",
        "created_at": 0,
        "status": "in_progress",
        "model": facts.model or "unknown",
        "output": [],
    }
    event = {"type": "response.created", "sequence_number": 0, "response": response}
    return render(msgspec.json.encode(event), "response.created")
