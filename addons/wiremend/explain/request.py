"""A request explained: each step of the pipeline again, and what it did, was asked, or would have needed.

What leaves is :func:`wiremend.pipeline.request.rewrite`'s own word. Who changed what is found by taking the steps one
by one beside it: without the quirks, then edit by edit, then quirk by quirk. Nothing is sent and nothing is remembered
(G7, G10): what a quirk keeps in the memory it keeps beside it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from wiremend.errors import RefusedError
from wiremend.explain.model import Brought, Carried, Explanation, HeaderChange, Passed, Taken
from wiremend.explain.patch import patch_of
from wiremend.explain.plain import to_plain
from wiremend.explain.preferred import preferred, preferring
from wiremend.explain.reply import reply_of
from wiremend.explain.routes import alias_of, destinations, keeping, other_ways, refusal_of, tried_routes
from wiremend.explain.steps import Beside, applied_edits, used_quirks
from wiremend.explain.text import lines
from wiremend.explain.veil import Veil
from wiremend.families import CREDENTIAL_HEADERS, shown
from wiremend.headers import HOP_BY_HOP
from wiremend.pipeline.decided import decision_of
from wiremend.pipeline.outcome import ClientRequest, Refused, Rewritten, Untouched
from wiremend.pipeline.request import rewrite
from wiremend.pipeline.translate import DIFFERENCES
from wiremend.pipeline.unpack import unpack
from wiremend.pipeline.upgrade import rules_for, upgrade_refused
from wiremend.quirks import all_quirks
from wiremend.quirks.memory import Memory
from wiremend.replay.run import sent
from wiremend.rules.credentials import Send, plan_credential
from wiremend.rules.engine import decide
from wiremend.rules.urls import authority, locate

__all__ = ["explain", "explain_capture", "lines", "to_plain"]

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wiremend.captures.capture import Capture
    from wiremend.explain.model import Operation, Used
    from wiremend.notes import Note
    from wiremend.pipeline.outcome import Outcome
    from wiremend.replay.rules import Today
    from wiremend.rules.engine import Decision
    from wiremend.rules.facts import Facts
    from wiremend.rules.resolve import Resolved

STAND_IN: Final = "SCRUBBED-"
"""How the stand-in begins that :mod:`wiremend.replay.rules` makes of a reference."""

NOT_SHOWN: Final = "(not shown)"
_FRAMING: Final = frozenset({"content-length"})

_LOST: Final = frozenset({"lost", "approximated"})


def explain(request: ClientRequest, resolved: Resolved, memory: Memory | None = None, seed: str = "") -> Explanation:
    """Explain what becomes of a request by these rules. Raises nothing on any request that is HTTP.

    ``memory`` and ``seed`` are as for :func:`wiremend.pipeline.request.rewrite`; nothing is put into the memory.
    """
    return _Explainer(request, resolved, memory, seed).run()


def explain_capture(capture: Capture, today: Today) -> Explanation:
    """Explain what today's rules make of a capture: of its request, and of its reply, if it has one."""
    inputs = capture.inputs
    rules, memory = today.for_capture(inputs), Memory.of(inputs.memory)
    explainer = _Explainer(sent(capture), rules, memory, inputs.seed, inputs.to or None)
    explained = explainer.run()
    reply = reply_of(capture, today, explainer.veil)
    if reply is None:
        return explained
    quirks = tuple(replace(used, reply=_mended(used, reply.notes)) for used in explained.quirks)
    losses = (*explained.losses, *(note for note in reply.notes if note.kind in _LOST))
    return replace(explained, reply=reply, quirks=quirks, losses=losses)


def _mended(used: Used, notes: tuple[Note, ...]) -> int:
    codes = {used.name, *all_quirks()[used.name].codes}
    return sum(note.short in codes or note.why == f"quirk {used.name}" for note in notes)


class _Explainer:
    """One request, its outcome, and what is to be said of both."""

    def __init__(
        self, request: ClientRequest, resolved: Resolved, memory: Memory | None, seed: str, to: str | None = None
    ) -> None:
        self.request = request
        self.resolved = resolved
        self.memory = Memory() if memory is None else memory
        self.seed = seed
        refused = upgrade_refused(request, resolved)
        self.outcome: Outcome = refused or self.made(to)
        self.facts: Facts = self.outcome.facts
        self.veil = Veil(request.headers, request.target, resolved, plain=(self.facts.model, self.facts.agent))
        self.passed: tuple[Passed, ...] = ()
        if isinstance(self.outcome, Refused) and refused is None and to is None:
            self.passed = tuple(self.pass_over(self.outcome))

    def made(self, to: str | None) -> Outcome:
        """Rewrite the request for one destination of its route."""
        return rewrite(self.request, rules_for(self.request, self.resolved), Beside(self.memory), self.seed, to)

    def pass_over(self, refused: Refused) -> Iterator[Passed]:
        """Take the first destination to which the request can go, as the proxy does; give those in front of it."""
        targets = destinations(refused, self.resolved)
        outcomes = {str(target): self.made(str(target)) for target in targets}
        found = next((name for name, one in outcomes.items() if isinstance(one, Rewritten)), None)
        if found is None:
            return
        self.outcome = outcomes[found]
        for name, one in outcomes.items():
            if isinstance(one, Refused) and name != found:
                yield Passed(name, self.veil.text(one.message))
            else:
                return

    def run(self) -> Explanation:
        outcome, veil, facts, resolved = self.outcome, self.veil, self.facts, self.resolved
        notes = () if isinstance(outcome, Untouched) else tuple(map(veil.note, outcome.notes))
        decision = self.decision()
        routes = () if isinstance(outcome, Untouched) else tuple(tried_routes(facts, resolved, veil))
        how = None if isinstance(outcome, Untouched) else preferring(facts, resolved)
        taken = how is not None and how.first and how.chosen is not None
        routed = isinstance(outcome, Untouched) or taken or any(route.state == "matches" for route in routes)
        alias = alias_of(facts, resolved)
        left = outcome if isinstance(outcome, Rewritten) else None
        return Explanation(
            taken=self.taken(),
            rules=resolved.rules.file,
            rules_hash=resolved.rules.hash,
            alias=None if alias is None else f"{alias.target} ({resolved.rules.file}:{alias.line})",
            routes=routes,
            ways=() if routed else tuple(other_ways(facts, resolved)),
            decision=_veiled(decision_of(outcome), veil),
            refused=refusal_of(outcome, decision, resolved, veil) if isinstance(outcome, Refused) else None,
            edits=applied_edits(left, resolved, veil) if left else (),
            quirks=used_quirks(left, self.request, resolved, self.memory, self.seed, veil) if left else (),
            credential=self.credential(decision),
            url=self.url(),
            url_why=tuple(self.url_why()),
            headers=tuple(self.headers()),
            patch=self.patch(),
            translated=None if left is None or left.translation is None else left.translation.upstream,
            losses=tuple(
                note
                for note in notes
                if note.kind in (_LOST if left is None or left.translation is None else DIFFERENCES)
            ),
            notes=notes,
            untouched=isinstance(outcome, Untouched),
            bytes_kept=isinstance(outcome, Untouched) or (left is not None and left.body is None),
            passed=self.passed,
            preferences=() if how is None else preferred(facts, resolved, veil),
            preferring=how,
            **keeping(left.decision if left else None),
        )

    def decision(self) -> Decision | None:
        """Give the decision; of a request that is refused, the one that came before."""
        if isinstance(self.outcome, Rewritten):
            return self.outcome.decision
        if isinstance(self.outcome, Untouched):
            return None
        try:
            return decide(self.facts, self.resolved)
        except RefusedError:
            return None

    def taken(self) -> Taken:
        request, facts, veil = self.request, self.facts, self.veil
        found = locate(request.target)
        host = request.host
        return Taken(
            client=facts.client and veil.text(facts.client),
            wire=facts.wire,
            endpoint=found.endpoint.path if found is not None else None,
            kind=found.endpoint.kind if found is not None else None,
            model=facts.model and veil.text(facts.model),
            stream=facts.stream,
            style=request.style,
            method=request.method,
            address=None if host is None else authority(request.scheme, host, request.port),
            target=veil.target(request.target),
            agent=facts.agent and veil.text(facts.agent),
            credentials=tuple(Brought(one.header, shown(one.value)) for one in facts.credentials),
            body=self.body_told(),
            size=len(request.body),
        )

    def body_told(self) -> str:
        if not self.request.body:
            return "none"
        coding = self.request.headers.get("content-encoding")
        coded = f", {coding}" if coding and coding.strip().lower() != "identity" else ""
        body, why = unpack(self.request)
        if body is not None:
            return f"JSON{coded}"
        if self.facts.body is not None:
            return f"JSON but for raw surrogates{coded}"
        return f"left alone{coded}: {why}"

    def url(self) -> tuple[str, str]:
        request, outcome = self.request, self.outcome
        before = request.target
        if request.host is not None:
            before = f"{request.scheme}://{authority(request.scheme, request.host, request.port)}{request.target}"
        before = self.veil.target(before)
        if isinstance(outcome, Rewritten):
            return before, self.veil.target(outcome.destination.url)
        return before, before if isinstance(outcome, Untouched) else ""

    def url_why(self) -> Iterator[str]:
        """Say who changed the URL: the provider's base, a repetition that collapsed, quirks, a credential left out."""
        outcome = self.outcome
        if not isinstance(outcome, Rewritten):
            return
        upstream = outcome.decision.upstream
        if outcome.decision.destination is not None and upstream is not None:
            line = upstream.provider.line
            place = f"{self.resolved.rules.file}:{line}" if line else "built in"
            yield f"base_url of {upstream.name} ({place})"
        for note in outcome.notes:
            if note.where == "url" and note.kind == "mended":
                yield self.veil.target(f"{note.why}: {note.what}")
            elif note.where == "url" and note.short == "url":
                yield self.veil.target(f"the path was repaired: {note.what}")
            elif note.where == "url" and note.short == "query":
                yield f"{note.what} ({note.why})"

    def credential(self, decision: Decision | None) -> Carried | None:
        if decision is None:
            return None
        try:
            plan = plan_credential(self.facts, decision, self.resolved)
        except RefusedError:
            return None
        if not isinstance(plan, Send):
            own = next(iter(self.facts.credentials), None)
            if own is None:
                return Carried("none: the client brought none")
            return Carried("the client's own, as it sent it", shown(own.value), own.header)
        if plan.value is None:
            return Carried(plan.source, withheld=plan.withheld)
        prefix = None if plan.value.startswith(STAND_IN) else shown(plan.value)
        header = "Authorization: Bearer" if plan.bearer else "x-api-key"
        return Carried(self.veil.text(plan.source), prefix, header, plan.withheld)

    def headers(self) -> Iterator[HeaderChange]:
        """Give the headers that differ, and who did it; the length of a body is none."""
        if not isinstance(self.outcome, Rewritten):
            return
        whys: dict[str, list[str]] = {}
        for note in self.outcome.notes:
            if note.where.startswith("header:"):
                whys.setdefault(note.where.removeprefix("header:"), []).append(note.why or note.what)
        credential = [f"{note.what}" for note in self.outcome.notes if note.short == "credential"]
        hidden = self.from_variables()
        for name, before, after in self.request.headers.diff(self.outcome.headers):
            key = name.lower()
            if key in _FRAMING:
                continue
            why = credential if key in CREDENTIAL_HEADERS else whys.get(key, [])
            if not why:
                why = [self.unsaid(key, removed=after is None)]
            yield HeaderChange(
                name,
                self.veil.header(name, before),
                NOT_SHOWN if key in hidden and after is not None else self.veil.header(name, after),
                tuple(map(self.veil.text, why)),
            )

    def unsaid(self, name: str, *, removed: bool) -> str:
        """Say why a header differs that no note speaks of."""
        if name == "host":
            return "the destination's own name"
        named = {part.strip().lower() for part in (self.request.headers.joined("connection") or "").split(",")}
        if name in HOP_BY_HOP or name in named or name.startswith("proxy-"):
            return "it is about one connection only"
        return "it may hold a credential, and the destination is a stranger (G11)" if removed else ""

    def from_variables(self) -> frozenset[str]:
        """Give the names of the headers that the rules set from a variable."""
        outcome = self.outcome
        upstream = outcome.decision.upstream if isinstance(outcome, Rewritten) else None
        edits = (
            *(upstream.provider.headers if upstream is not None else ()),
            *(edit for rule in self.resolved.rules.edits for edit in rule.headers),
        )
        return frozenset(edit.name.lower() for edit in edits if edit.value is not None and edit.value.names)

    def patch(self) -> tuple[Operation, ...]:
        outcome, body = self.outcome, self.facts.body
        if not isinstance(outcome, Rewritten) or outcome.body is None or body is None:
            return ()
        if outcome.translation is not None:
            body = outcome.translation.body
        try:
            return self.veil.patch(patch_of(body, outcome.body))
        except (ValueError, RecursionError):
            return ()


def _veiled(decision: dict[str, Any], veil: Veil) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in decision.items():
        if isinstance(value, str):
            made[name] = veil.target(value)
        elif isinstance(value, list):
            made[name] = [veil.text(one) for one in value]
        else:
            made[name] = value
    return made
