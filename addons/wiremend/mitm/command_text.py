"""What the commands show, as lines of text: an explanation, what differs between two sides, or between two flows.

Nothing is asked of the network. No line holds a credential (G8): known ones, and what looks like one, are taken out of
every line at the end.
"""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Final

from wiremend.errors import WiremendError
from wiremend.explain.difference import request_difference, response_difference
from wiremend.explain.request import explain
from wiremend.explain.text import lines as lines_of
from wiremend.explain.veil import Veil
from wiremend.families import scrubbed
from wiremend.mitm.mending import SHOWN
from wiremend.quirks.memory import Memory
from wiremend.replay.beside import shortened
from wiremend.replay.report import plain
from wiremend.replay.run import sent
from wiremend.rules.conditions import looked_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mitmproxy.http import HTTPFlow

    from wiremend.captures.capture import Capture, Request, Response
    from wiremend.mitm.house import House
    from wiremend.mitm.originals import Original
    from wiremend.notes import Note
    from wiremend.rules.resolve import Resolved

WIDTH: Final = 100
"""Columns of a line where nobody says how many there are."""

MOST: Final = 60
"""Notes that are shown; the others are counted."""

_LONG: Final = 400
_TOLD: Final = ("mended", "invented", "lost", "failed")
_HEADING: Final = 3
"""Lines that the differences of two sides begin with, which name the sides."""


class NotOursError(WiremendError):
    """A flow, or a state, that a command can do nothing with."""


def explanation(house: House, flow: HTTPFlow, width: int = WIDTH) -> list[str]:
    """Explain what became of a flow's request, by the rules that it ran with, and what was noted of its reply."""
    one, capture = house.originals.find(flow.id), house.originals.of(flow)
    rules = rules_of(house, one)
    asked = one.request if one is not None else sent(capture)
    told = lines_of(explain(asked, rules, _memory(one, capture), capture.inputs.seed), width, carets=False)
    found = [_preface(house, one, capture), *(plain(line) for line in told), *_noted(capture.notes, width)]
    return _clean([line for line in found if line is not None], rules, one, capture)


def two_sides(house: House, flow: HTTPFlow, width: int = WIDTH) -> list[str]:
    """Say what differs between the client's side of a flow and the upstream's."""
    one, capture = house.originals.find(flow.id), house.originals.of(flow)
    rules, attempt = rules_of(house, one), capture.attempt
    keep = looked_at(rules.rules)
    found = [f"flow {flow.id[:SHOWN]}", ""]
    if attempt is None:
        found.append("nothing left for a provider" if capture.answer is not None else "nothing has left yet")
        return _clean(found, rules, one, capture)
    found += request_difference(capture.request, attempt.request, width, keep).splitlines()
    found.append("")
    if attempt.response is None or capture.answer is None:
        side = "the provider" if attempt.response is None else "the client"
        found.append(f"no reply: {side} has none{' yet' if flow.live else ''}")
    else:
        wires = (capture.upstream_wire, capture.wire)
        found += response_difference(attempt.response, capture.answer, width, keep, wires).splitlines()
    return _clean(found, rules, one, capture)


def two_flows(house: House, first: HTTPFlow, second: HTTPFlow, width: int = WIDTH) -> list[str]:
    """Say what differs between two flows: what the clients sent, what left for providers, what the clients got."""
    both = [(house.originals.find(flow.id), house.originals.of(flow)) for flow in (first, second)]
    (one, before), (other, after) = both
    rules = rules_of(house, one)
    keep = looked_at(rules.rules) | looked_at(rules_of(house, other).rules)
    found = [f"- flow {first.id[:SHOWN]}  {_way(before)}", f"+ flow {second.id[:SHOWN]}  {_way(after)}"]
    requests = [
        ("what the client sent", before.request, after.request),
        ("what left for the provider", _sent(before), _sent(after)),
    ]
    for title, old, new in requests:
        found += ["", title, *_requests(old, new, width, keep)]
    found += ["", "what the client got", *_responses(before.answer, after.answer, width, keep)]
    return _clean(_clean(found, rules, one, before), rules_of(house, other), other, after)


def rules_of(house: House, one: Original | None) -> Resolved:
    """Give the rules that a flow ran with, else those in force. Raises :class:`NotOursError` where there are none."""
    if one is not None and one.exchange is not None:
        return one.exchange.resolved
    if house.resolved is None:
        raise NotOursError("Wiremend is switched off (wiremend_enabled), or has no rules")
    return house.resolved


# -- parts


def _preface(house: House, one: Original | None, capture: Capture) -> str | None:
    now, ran = house.resolved, capture.rules
    if now is None or now.rules.hash == ran:
        return None
    if one is None or one.exchange is None:
        return "by the rules in force, which are not those that it ran with" if ran else "by the rules in force"
    return "by the rules that it ran with; they were changed since (wiremend.resend takes today's)"


def _noted(notes: Iterable[Note], width: int) -> Iterator[str]:
    told = [note for note in notes if note.kind in _TOLD]
    if told:
        yield ""
        yield "noted while it ran"
    for note in told[:MOST]:
        line = shortened(f"{note.kind:8} {note.where or '-'}  {note.what}", _LONG)
        yield from wrap(line, width, initial_indent="  ", subsequent_indent=" " * 11, break_on_hyphens=False)
    if len(told) > MOST:
        yield f"  … and {len(told) - MOST} more"


def _way(capture: Capture) -> str:
    decision = capture.attempt.decision if capture.attempt is not None else {}
    parts = [str(decision.get(name)) for name in ("provider", "model") if decision.get(name)]
    return f"to {'/'.join(parts)}" if parts else ""


def _sent(capture: Capture) -> Request | None:
    return capture.attempt.request if capture.attempt is not None else None


def _requests(old: Request | None, new: Request | None, width: int, keep: frozenset[str]) -> list[str]:
    if old is None or new is None:
        return [_absent(old is None, new is None)]
    return request_difference(old, new, width, keep).splitlines()[_HEADING:]


def _responses(old: Response | None, new: Response | None, width: int, keep: frozenset[str]) -> list[str]:
    if old is None or new is None:
        return [_absent(old is None, new is None)]
    return response_difference(old, new, width, keep).splitlines()[_HEADING:]


def _absent(first: bool, second: bool) -> str:  # noqa: FBT001 - which of the two is absent
    return "neither has it" if first and second else f"the {'first' if first else 'second'} has it not"


# -- how


def _memory(one: Original | None, capture: Capture) -> Memory:
    """Give the memory as the exchange saw it, where that is known."""
    asked = one.record.memory.asked if one is not None and one.record is not None else capture.inputs.memory
    return Memory.of(asked)


def _clean(lines: Iterable[str], rules: Resolved, one: Original | None, capture: Capture) -> list[str]:
    """Take credentials out of lines."""
    own = one.exchange.secrets() if one is not None and one.exchange is not None else ()
    secrets = (*own, *rules.secrets)
    words = (capture.model, capture.inputs.agent)
    veil = Veil(capture.request.headers, capture.request.target, rules, plain=words)
    return [veil.text(scrubbed(line, secrets)) for line in lines]
