"""A provider that answers on another wire than the one it was asked on."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from wiremend.explain.diagnose_changes import away_from_host
from wiremend.explain.diagnose_model import Cause
from wiremend.explain.verdict_faults import context_of, readable
from wiremend.pipeline.shapes import shape_of
from wiremend.pipeline.whole import replied
from wiremend.protocols import WIRES
from wiremend.protocols.wires import CHECKS, CONTRACTS, MENDING
from wiremend.sse import EventParser

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wiremend.explain.diagnose_look import Finding, Look
    from wiremend.pipeline.context import Context
    from wiremend.protocols.base import WireName


def another_wire(look: Look) -> Iterator[Finding]:
    """Give the wire that a reply is sound on, where it is nothing on the wire that the provider was asked on."""
    asked, reply, context = look.capture.upstream_wire, look.reply, context_of(look.capture, side="upstream")
    if context is None or reply is None or look.failure is None or reply.status >= HTTPStatus.BAD_REQUEST:
        return
    body = readable(reply)
    spoken = next((wire for wire in CONTRACTS if wire != asked and _is_answer(wire, body, context)), None)
    if spoken is None:
        return
    what = f"{look.provider or look.host} answers on the {spoken} wire, and was asked on the {asked} wire"
    events = shape_of(body, ended=True) == "stream"
    rests = f"{'each event of the reply is one' if events else 'the reply is a whole one'} of the {spoken} wire"
    changes = away_from_host(look, {"speaks": [spoken]}, f"speaks: [{spoken}]")
    yield Cause("request", what, rests), tuple(changes)


def _is_answer(wire: WireName, body: bytes, context: Context) -> bool:
    """Tell whether a reply is an answer on a wire, of which nothing breaks the contract."""
    shape = shape_of(body, ended=True)
    if shape == "stream":
        contract, parser = CONTRACTS[wire](), EventParser(limit=len(body) + 1, apart=True)
        sound = not any(contract.feed(event) for event in (*parser.feed(body), *parser.close()))
    else:
        sound = shape == "json" and not CHECKS[wire](body)
    there = replace(context, wire=WIRES[wire], mending=MENDING[wire])
    return sound and replied(there, HTTPStatus.OK, None, [body]).failure is None
