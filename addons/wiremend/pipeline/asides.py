"""Replies that are no turn of a conversation and yet not the provider's alone: counts of tokens, lists of models.

A count that the provider does not give is estimated, a list of models that it does not have comes out of the catalogue,
and whatever it gives is put into the shape of the client's wire; an error of it too, where the wires differ.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import msgspec

from wiremend.notes import Note
from wiremend.pipeline.counts import estimated_count
from wiremend.pipeline.models import asked_id, translated_list, translated_model
from wiremend.pipeline.whole import JSON, Answer
from wiremend.protocols import WIRES
from wiremend.protocols.failure import failure_of_body
from wiremend.protocols.wires import SAID, STATUSES
from wiremend.rules.urls import split_path

if TYPE_CHECKING:
    from wiremend.pipeline.outcome import Rewritten

MISSING: Final = frozenset({404, 405, 501})
"""What providers answer that have no such endpoint; 404 is the usual one."""

ESTIMATED: Final = ("x-wiremend-estimated", "input_tokens")
"""The header by which a client knows an estimate."""


def is_aside(outcome: Rewritten) -> bool:
    """Tell whether a reply is to be looked at when it is whole, by :func:`aside`."""
    facts, decision = outcome.facts, outcome.decision
    kind = facts.endpoint.kind if facts.endpoint is not None else None
    if facts.wire is None or kind not in ("count", "list"):
        return False
    return decision.wire != facts.wire or (decision.mend and decision.upstream is not None)


def aside(outcome: Rewritten, status: int, body: bytes, content_type: str | None) -> Answer | None:
    """Give what the client gets for such a reply; None where it is the provider's own. ``body`` is decoded."""
    facts, decision = outcome.facts, outcome.decision
    counts = facts.endpoint is not None and facts.endpoint.kind == "count"
    if decision.mend and status in MISSING:
        if counts:
            what, why = f"{status} -> 200, ", "the provider does not count tokens"
            told, note = estimated_count(facts, what, why, tokenizer=outcome.tokenizer)
            return Answer(HTTPStatus.OK, told, JSON, (note,))
        known = outcome.catalogue() if outcome.catalogue is not None else None
        if known is not None:
            what = f"{status} -> 200, models from the rules and the built-in table"
            note = Note("invented", "", "catalogue", what, "the provider does not list its models")
            return Answer(HTTPStatus.OK, known, JSON, (note,))
    if status >= HTTPStatus.BAD_REQUEST:
        return _error(outcome, status, body, content_type)
    given = _count(outcome, body) if counts else _models(outcome, body)
    if given is None:
        return None
    return Answer(status, given, JSON, (Note("mended", "", "shape", f"in the shape of the {facts.wire} wire"),))


def _error(outcome: Rewritten, status: int, body: bytes, content_type: str | None) -> Answer | None:
    wire = outcome.facts.wire
    if wire is None or outcome.decision.wire == wire:
        return None
    failure = failure_of_body(body, status, content_type)
    own = STATUSES[wire](failure)
    note = Note("failed", "", "error", f"{status} -> {own} {failure.kind}: {failure.message}", failure.mapped or "")
    return Answer(own, WIRES[wire].error_body(own, failure.kind, SAID[wire](failure)), JSON, (note,), failure)


def _count(outcome: Rewritten, body: bytes) -> bytes | None:
    """Give a count in the shape of the client's wire; both of them say ``input_tokens``."""
    if outcome.decision.wire == outcome.facts.wire:
        return None
    try:
        counted = msgspec.json.decode(body, type=_Counted).input_tokens
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    kind = {"object": "response.input_tokens"} if outcome.facts.wire == "responses" else {}
    return msgspec.json.encode(kind | {"input_tokens": counted})


class _Counted(msgspec.Struct):
    input_tokens: int


def _models(outcome: Rewritten, body: bytes) -> bytes | None:
    facts = outcome.facts
    if facts.wire is None:
        return None
    if asked_id(facts) is not None:
        return translated_model(body, facts.wire)
    return translated_list(body, facts.wire, split_path(facts.target)[1])
