"""A diagnosis as lines of text, with the names of styles, for the command line and for mitmproxy's own windows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wiremend.explain.wrap import hanging
from wiremend.replay.beside import columns, visible
from wiremend.replay.report import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wiremend.explain.diagnose_model import Cause, Diagnosis, RulesPatch
    from wiremend.explain.verdict import Verdict
    from wiremend.replay.report import Line

WIDTH: Final = 100
"""Columns where nobody says how many there are."""

_FEW: Final = 3
"""Causes that are told in full where it is to be short."""

_TRIED: Final = 5
_STYLES: Final = {"rejects": "bad", "hangs": "bad", "misreads": "warn", "accepts": "green", "not known": "dim"}
_STATES: Final = {
    "mended": "it was mended",
    "mended today": "today's rules mend it",
    "only watched": "mending is off here (mend: off), so it was only watched",
    "off": "this quirk is off for this provider",
    "on": "this quirk is on, and did not help here",
    "only explained": "this is told, never rewritten",
}


def lines(found: Diagnosis, width: int = WIDTH, *, short: bool = False) -> list[Line]:
    """Give the lines. ``short`` is for a screen that tells of more than this: the first causes, and no evidence."""
    return list(_lines(found, max(width, 40), short=short))


def _lines(found: Diagnosis, width: int, *, short: bool) -> Iterator[Line]:
    head: Line = [("PROBLEM  ", "bad")] if found.problem else [("OK  ", "green")]
    yield from hanging(head, visible(found.summary), "", width)
    shown = found.causes[:_FEW] if short else found.causes
    if shown:
        yield [("", "")]
        yield [("likely causes" if found.problem else "what was wrong with it", "name")]
    for number, cause in enumerate(shown, 1):
        yield from _cause(cause, number, width, short=short)
    if len(found.causes) > len(shown):
        told = f"… and {len(found.causes) - len(shown)} more; wiremend diagnose tells them"
        yield from hanging([("  ", "")], told, "dim", width)
    if found.verdicts:
        yield [("", "")]
        yield from _verdicts(found.verdicts, width, short=short)
    yield from _change(found, width, short=short)


def _cause(cause: Cause, number: int, width: int, *, short: bool) -> Iterator[Line]:
    style = "bad" if cause.open else "dim"
    yield from hanging([(f"  {number}. ", style)], visible(cause.what), "", width)
    if cause.quirk is not None:
        state = f": {_STATES[cause.state]}" if cause.state else ""
        told = f"quirk {cause.number} {cause.quirk}{state}"
        yield from hanging([("     ", "")], told, "cause", width)
        if (not short or number == 1) and not cause.what.startswith(cause.symptom.rstrip(".")):
            yield from hanging([("     ", ""), ("symptom   ", "dim")], visible(cause.symptom), "", width)
    elif cause.state:
        yield from hanging([("     ", "")], _STATES[cause.state], "cause", width)
    if not short or number == 1:
        yield from hanging([("     ", ""), ("rests on  ", "dim")], visible(cause.rests_on), "", width)
    if cause.evidence and not short:
        yield from hanging([("     ", ""), ("evidence  ", "dim")], visible(cause.evidence[0]), "", width)
    if cause.do:
        yield from hanging([("     ", ""), ("do        ", "dim")], visible(cause.do), "", width)


def _verdicts(verdicts: Sequence[Verdict], width: int, *, short: bool) -> Iterator[Line]:
    came = {one.client: one for one in verdicts if one.side == "upstream"}
    given = {one.client: one for one in verdicts if one.side == "client"}
    names = dict.fromkeys([*came, *given])
    same = given and all(came.get(name) and _alike(came[name], given[name]) for name in given)
    head = "what strict clients make of it"
    if given and not came:
        head = "what strict clients make of what the client got"
    elif given and not same:
        head += ": of the provider's reply, and of what the client got"
    yield from hanging([], head, "name", width)
    room = max(columns((came.get(name) or given[name]).title) for name in names)
    for name in names:
        first = came.get(name) or given[name]
        second = given.get(name) if not same and name in came else None
        if short and not first.bad and (second is None or not second.bad):
            continue
        line = _outcome(first)
        if second is not None:
            line += [("  ->  ", "dim"), *_outcome(second)]
        worst = second if second is not None and second.bad else first if second is None or first.bad else second
        if room + 4 + sum(columns(piece) for piece, _ in line) <= width:
            yield [("  ", ""), (first.title.ljust(room) + "  ", ""), *line]
        else:
            yield from hanging([("  ", "")], first.title, "", width)
            yield [("      ", ""), *line]
        told = _told(worst, short=short)
        if told:
            yield from hanging([("      ", "")], visible(told), "dim", width)
    pairs = [[side[name] for side in (came, given) if name in side] for name in names]
    well = [pair for pair in pairs if not any(one.bad for one in pair)]
    if short and well:
        yield from hanging([("  ", "")], _others(well, len(pairs)), "dim", width)


def _others(well: Sequence[Sequence[Verdict]], count: int) -> str:
    """Tell of the clients that are not told of one by one: how many accept it, and of how many nothing is known."""
    accept = sum(all(one.outcome == "accepts" for one in pair) for pair in well)
    parts = [(accept, "known to accept it"), (len(well) - accept, "not known to mind it")]
    noun = "client" if len(well) == count else "other"
    said = [f"{counted(number, noun)} {what}" for number, what in parts if number]
    return ", ".join(said)


def _alike(one: Verdict, other: Verdict) -> bool:
    return (one.outcome, one.event, one.fault) == (other.outcome, other.event, other.fault)


def _outcome(verdict: Verdict) -> Line:
    at = f" at event {verdict.event}" if verdict.event is not None and verdict.outcome != "accepts" else ""
    return [(f"{verdict.outcome}{at}", _STYLES[verdict.outcome])]


def _told(verdict: Verdict, *, short: bool) -> str:
    if verdict.outcome == "accepts":
        return ""
    if short:
        return f'"{verdict.said}"' if verdict.said else ""
    if verdict.outcome == "not known":
        return f"no case shows this client {verdict.fault}"
    words = f'"{verdict.said}": ' if verdict.said else ""
    sure = "" if verdict.alone else ", or what comes with it there"
    return f"{words}{verdict.fault}{sure}; as measured on captures/{verdict.case}"


def _change(found: Diagnosis, width: int, *, short: bool) -> Iterator[Line]:
    patch = found.patch
    if patch is None:
        failed = [one for one in found.tried if not one.helps]
        if not failed or not found.problem:
            return
        yield [("", "")]
        told = "no change of the rules was found that mends it; tried on this exchange:"
        yield from hanging([], told, "name", width)
        for one in failed[:_TRIED]:
            yield from hanging([("  ", "")], visible(f"{one.what}: {one.why}"), "", width)
        if len(failed) > _TRIED:
            yield [(f"  … and {len(failed) - _TRIED} more", "dim")]
        return
    yield [("", "")]
    yield from hanging([("the smallest change that mends it  ", "name")], visible(patch.what), "", width)
    yield from hanging([("  ", "")], visible(patch.shown), "dim", width)
    yield from _diff(patch, short=short)


def _diff(patch: RulesPatch, *, short: bool) -> Iterator[Line]:
    for line in patch.diff.splitlines():
        if short and not line.startswith(("+", "-")):
            continue
        style = "green" if line.startswith("+") else "red" if line.startswith("-") else "dim"
        yield [("  ", ""), (visible(line), style)]
