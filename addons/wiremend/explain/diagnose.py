"""What is wrong with an exchange, why, and the smallest change of rules.yaml that mends it.

Causes are looked for in this order: how the connection ended, what the provider's error says, what is wrong with its
reply, what today's rules make of the request. A change is offered only where it was tried: the capture is replayed with
the changed rules, and what was wrong must be gone. Nothing is sent, and nothing is written.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from wiremend.errors import JsonError, RulesError
from wiremend.explain.change import ChangeError, changed, difference
from wiremend.explain.diagnose_changes import mending, on_switch
from wiremend.explain.diagnose_error import broken, told
from wiremend.explain.diagnose_look import look_at
from wiremend.explain.diagnose_model import Cause, Diagnosis, RulesPatch, Tried
from wiremend.explain.diagnose_reply import causes_of
from wiremend.explain.diagnose_request import nearly, refused
from wiremend.explain.diagnose_wire import another_wire
from wiremend.explain.verdict import judged
from wiremend.explain.verdict_faults import context_of, faults
from wiremend.jsonedit import find, parse_pointer
from wiremend.pipeline.outcome import Rewritten
from wiremend.quirks import all_quirks
from wiremend.replay.report import counted
from wiremend.replay.rules import Today
from wiremend.replay.run import replay

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wiremend.captures.capture import Capture
    from wiremend.explain.diagnose_look import Finding, Look
    from wiremend.explain.diagnose_model import Candidate, State
    from wiremend.explain.verdict import Verdict
    from wiremend.replay.run import Replayed

__all__ = ["Diagnosis", "diagnose"]

_ACTS: Final = frozenset({"mended", "lost", "invented"})

MOST: Final = 24
"""Changes that are tried on one capture."""


def diagnose(capture: Capture, today: Today, text: str | None = None) -> Diagnosis:
    """Diagnose an exchange by today's rules.

    ``text`` is the text of today's file, without which no change of it is looked for. Raises nothing on any capture.
    """
    look = look_at(capture, today)
    reply, error = list(_of_the_reply(look)), list(told(look))
    refusal = look.reply is not None and look.reply.status >= HTTPStatus.BAD_REQUEST
    other = list(another_wire(look))
    found = [*broken(look), *(other or ([*error, *reply] if refusal else [*reply, *error])), *refused(look)]
    problem = _is_problem(look, [cause for cause, _ in found])
    if problem or any(cause.open for cause, _ in found):
        found += nearly(look)
    found = _ordered(found)
    causes = _once([cause for cause, _ in found])
    patch, tried = _smallest(look, today, text, found)
    summary = _summary(look, causes, problem=problem)
    verdicts = _verdicts(look)
    return Diagnosis(problem, summary, tuple(causes), verdicts, patch, tuple(tried))


def _of_the_reply(look: Look) -> Iterator[Finding]:
    """Give the faults of the reply as causes, each with the changes that may mend it."""
    decision = look.decision
    on, mend = (decision.quirks, decision.mend) if decision is not None else ((), True)
    given, now = ({one.code for one in side} for side in (look.given, look.now))
    if decision is None:
        now = {one.code for one in look.came}  # today's rules let it pass untouched, or not at all: they mend nothing
    if look.answer is None and look.reply is not None:
        given = {one.code for one in look.came}  # nothing reached the client: nothing of it was mended for it
    for cause in causes_of(look.came, given, now, on, mend=mend):
        state: State = "" if decision is None and cause.state in {"off", "on"} else cause.state
        shown = replace(cause, what=look.veil.text(cause.what), state=state)
        changes: Iterator[Candidate] = iter(())
        if cause.quirk is not None and cause.state in {"only watched", "off"}:
            changes = on_switch(look, (cause.quirk,), "reply")
        elif cause.state == "only watched":
            changes = mending(look)
        yield shown, tuple(changes)


def _ordered(found: Sequence[Finding]) -> list[Finding]:
    """Put what is still to be mended first, and of that what a change may help; else the order stays."""

    def rank(finding: Finding) -> tuple[bool, bool, bool]:
        cause, changes = finding
        return (not cause.open, cause.where == "routing" and not changes, not changes and cause.where != "connection")

    return sorted(found, key=rank)


def _once(causes: Sequence[Cause]) -> list[Cause]:
    seen: dict[tuple[str | None, str], Cause] = {}
    for cause in causes:
        seen.setdefault((cause.quirk, "" if cause.quirk else cause.what), cause)
    return list(seen.values())


def _is_problem(look: Look, causes: Sequence[Cause]) -> bool:
    """Tell whether something is wrong for the client that is not mended."""
    capture, answer = look.capture, look.answer
    if capture.error is not None or look.failure is not None:
        return True
    if answer is not None and answer.status >= HTTPStatus.BAD_REQUEST:
        return True
    if look.reply is None and answer is None and not isinstance(look.outcome, Rewritten):
        return True
    if look.attempt is not None and look.attempt.error is not None:
        return True
    minded = {one.fault for one in _of_this_client(look) if one.bad}
    return any(
        cause.where == "reply"
        and cause.state != "mended"
        and (not _is_soft(cause.quirk, cause.codes) or cause.quirk in minded)
        for cause in causes
    )


def _of_this_client(look: Look) -> list[Verdict]:
    """Judge the client's answer by all parsers that are libraries, and by the client itself where it is played."""
    wire = look.capture.wire
    found = judged(wire, look.given, "client") if wire is not None else []
    return [one for one in found if not one.played or one.client == look.capture.client]


def _is_soft(name: str | None, codes: Sequence[str]) -> bool:
    """Tell whether a fault is a matter of taste: the bytes are legal, and some clients only read more out of others."""
    quirk = all_quirks().get(name or "")
    return not codes and quirk is not None and quirk.kind == "condition"


def _verdicts(look: Look) -> tuple[Verdict, ...]:
    wire = look.capture.wire
    found: list[Verdict] = []
    if wire is None:
        return ()
    for side, response, these in (("upstream", look.reply, look.came), ("client", look.answer, look.given)):
        if look.plain and side == "client":
            break  # the client got the upstream's reply, which is judged already
        if side == "upstream" and look.capture.translated:
            continue  # no client of the capture's wire ever sees it
        turn = response is not None and response.status < HTTPStatus.BAD_REQUEST
        if turn and context_of(look.capture) is not None:
            found += judged(wire, these, "upstream" if side == "upstream" else "client")
    return tuple(found)


def _summary(look: Look, causes: Sequence[Cause], *, problem: bool) -> str:
    today = [cause for cause in causes if cause.state == "mended today"]
    first = next((cause for cause in causes if cause.open and not (today and cause.where == "routing")), None)
    lead = first or (today[0] if today else None)
    replied = any(cause.where == "reply" for cause in causes)
    if look.plain and replied and lead is not None and lead.where in {"reply", "error"}:
        told = _as_it_came(lead, causes)
        return told if problem else f"nothing is wrong for this client; others may lose by it: {told}"
    if not problem:
        mended = sum(cause.state == "mended" for cause in causes)
        faults_were = f"{counted(mended, 'fault')} of the reply {'was' if mended == 1 else 'were'}"
        lost = len({note.where for note in look.capture.notes if note.kind == "lost"}) if look.capture.translated else 0
        said = f"; {counted(lost, 'thing')} it asked for had no place on the {look.capture.upstream_wire} wire"
        fine = f"nothing is wrong for the client: {faults_were} mended" if mended else "nothing is wrong for the client"
        return fine + said if lost else fine if mended else "nothing is wrong"
    if lead is None:
        error = look.capture.error
        return look.veil.text(error) if error else "it failed, and nothing of what is recorded tells why"
    return lead.what if first is not None else f"{lead.what.rstrip('.')}: today's rules mend it"


def _as_it_came(cause: Cause, causes: Sequence[Cause]) -> str:
    """Tell of a reply that reached the client without Wiremend, and what today's rules would do about it."""
    states = {one.state for one in causes if one.where == "reply"}
    failed = cause.where == "error" or any(code.endswith(".cut") for code in cause.codes)  # which it stays
    it = "how it is said" if failed else "it"
    if states == {"mended today"}:
        now = f"today's rules mend {it}"
    elif "mended today" in states:
        now = f"today's rules mend some of {it}"
    else:
        now = f"today's rules do not mend {it}"
    came = "recorded without Wiremend, so the client got the provider's bytes as they are"
    return f"{cause.what.rstrip('.')} ({came}; {now})"


# -- changes


def _smallest(
    look: Look, today: Today, text: str | None, found: Sequence[Finding]
) -> tuple[RulesPatch | None, list[Tried]]:
    """Try the changes on the capture, and give the one that helps best; of such the smallest; and what was tried.

    What mends the first cause goes before what mends a later one; all faults of a reply count as one cause.
    """
    tried: list[Tried] = []
    helping: list[tuple[int, int, int, int, Candidate, str, str]] = []
    for number, (rank, candidate) in enumerate(_asked(look, found)[: MOST if text is not None else 0]):
        try:
            after = changed(text or "", candidate.steps)
        except ChangeError as error:
            tried.append(Tried(candidate.what, helps=False, why=str(error)))
            continue
        seen = _seen(look, today, candidate, after)
        tried.append(Tried(candidate.what, helps=seen.helps, why=seen.why))
        if seen.helps:
            helping.append((rank, seen.left, _size(text or "", after), number, candidate, after, seen.why))
    if not helping:
        return None, tried
    *_, candidate, after, shown = min(helping, key=lambda one: one[:4])
    diff = difference(text or "", after, today.rules.file)
    return RulesPatch(candidate.what, text or "", after, diff, shown), tried


def _asked(look: Look, found: Sequence[Finding]) -> list[tuple[int, Candidate]]:
    """Give the changes to try, each with the rank of its cause; where several quirks are off, all at once too."""
    asked: list[tuple[int, Candidate]] = []
    first = next((rank for rank, (cause, _) in enumerate(found) if cause.where == "reply"), 0)
    for rank, (cause, changes) in enumerate(found):
        for one in changes if cause.open else ():
            pair = (first if cause.where == "reply" else rank, one)
            if pair not in asked:
                asked.append(pair)
    off = [cause.quirk for cause, _ in found if cause.where == "reply" and cause.state == "off" and cause.quirk]
    if len(off) > 1:
        asked += [(first, one) for one in on_switch(look, off, "reply")]
    return asked


def _size(before: str, after: str) -> int:
    """Give how much a change writes: characters that are added or taken away."""
    return sum(len(line) for line in difference(before, after, "r").splitlines() if line[:1] in "+-")


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a replay with changed rules showed. ``left`` counts the faults of the answer that are left."""

    helps: bool
    why: str
    left: int = 0


def _seen(look: Look, today: Today, candidate: Candidate, text: str) -> _Seen:
    """Replay the capture with changed rules."""
    try:
        rules = Today(text, today.rules.file)
    except RulesError as error:
        return _Seen(helps=False, why=f"the rules would not load: {error.problems[0].message}")
    again = replay(look.capture, rules)
    match candidate.goal:
        case "reply":
            return _mends_reply(look, candidate, again)
        case "request":
            done = any(note.short == candidate.about and note.kind in _ACTS for note in again.notes)
            return _Seen(done, f"replayed: {candidate.about} mends the request" if done else "it changes nothing here")
        case "parameter":
            return _without(candidate, again)
        case "routing":
            return _routes(look, candidate, again)


def _mends_reply(look: Look, candidate: Candidate, again: Replayed) -> _Seen:
    if again.answer is None or look.capture.wire is None:
        return _Seen(helps=False, why="the replay gives no answer")
    left = faults(look.capture, again.answer)
    same = [one for one in left if candidate.about in {one.quirk, one.code}] if candidate.about else list(left)
    if same:
        return _Seen(helps=False, why=f"the answer still has {same[0].code}")
    bad = [one for one in judged(look.capture.wire, left, "client") if one.bad]
    hard = sum(not _is_soft(one.quirk, [one.code] if one.code != one.quirk else []) for one in left)
    if len(bad) > len([one for one in judged(look.capture.wire, look.now, "client") if one.bad]):
        return _Seen(helps=False, why=f"{bad[0].title} would reject the answer")
    if bad:
        return _Seen(helps=True, why=f"replayed: that is gone; {bad[0].title} still minds {bad[0].fault}", left=hard)
    return _Seen(helps=True, why="replayed: no client that is known rejects the answer", left=hard)


def _without(candidate: Candidate, again: Replayed) -> _Seen:
    if again.request is None:
        return _Seen(helps=False, why="no request would leave")
    try:
        there = any(True for _ in find(again.request.body, parse_pointer(candidate.about)))
    except JsonError:
        return _Seen(helps=False, why="the body is not JSON")
    if there:
        return _Seen(helps=False, why=f"{candidate.about} is still sent")
    why = f"replayed: {candidate.about} is no longer sent; whether the provider takes the rest, it must say"
    return _Seen(helps=True, why=why)


def _routes(look: Look, candidate: Candidate, again: Replayed) -> _Seen:
    outcome = again.outcome
    if not isinstance(outcome, Rewritten) or again.request is None:
        return _Seen(helps=False, why="no request would leave")
    if outcome.decision.provider != candidate.about:
        return _Seen(helps=False, why=f"it would go to {outcome.decision.provider or outcome.destination.host}")
    now = look.again.request
    same = now is not None and (now.host, now.target, now.body, list(now.headers)) == (
        again.request.host, again.request.target, again.request.body, list(again.request.headers),
    )  # fmt: skip
    if same:
        return _Seen(helps=False, why="it changes nothing here")
    where = look.veil.target(outcome.destination.url)
    sent = look.veil.text(str(outcome.decision.sent))
    return _Seen(helps=True, why=f"replayed: it goes to {where} as {sent}; nothing was sent")
