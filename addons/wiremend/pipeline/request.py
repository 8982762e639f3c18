"""The order of the steps: the one place that knows it.

A request is *unpacked* (content codings undone), its *facts* are taken, the rules *decide*, and the request is
*rewritten*: URL, wire, model, edits, credential, headers, quirks, in this order. :func:`rewrite` is a function of its
arguments alone (G10; what is remembered is one of them): no clock, no socket, no environment; the edge (``mitm/``)
hands in the request and writes the result back, replay does the same with a capture. What is not to be changed comes
back as :class:`Untouched`, and then nothing of it is (G1).
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec

from wiremend.errors import JsonError, RefusedError
from wiremend.families import CREDENTIAL_HEADERS, scrubbed
from wiremend.headers import Headers, without_hop_by_hop
from wiremend.jsonedit import Edit, apply
from wiremend.notes import Note
from wiremend.pipeline.bounds import check_size, most_request, read
from wiremend.pipeline.counts import estimated_count
from wiremend.pipeline.edited import note_of
from wiremend.pipeline.guard import overflow
from wiremend.pipeline.models import asked_id, catalogue_answer, limits_of, listed, offers
from wiremend.pipeline.outcome import Answered, Refused, Rewritten, Untouched
from wiremend.pipeline.translate import strictly, translate
from wiremend.pipeline.unpack import in_utf8
from wiremend.protocols import COUNTS, WIRES
from wiremend.protocols.codec import Recipient
from wiremend.quirks import all_quirks
from wiremend.quirks.base import Draft
from wiremend.quirks.memory import Memory
from wiremend.rules.credentials import Send, apply_plan, plan_credential
from wiremend.rules.engine import Decision, decide, edits_for, scope_of
from wiremend.rules.facts import facts_of
from wiremend.rules.urls import Destination, authority, carries_credential, collapse, split_path, without_credentials

if TYPE_CHECKING:
    from collections.abc import Callable

    from wiremend.pipeline.outcome import ClientRequest, Outcome
    from wiremend.pipeline.translate import Translated
    from wiremend.rules.credentials import Plan
    from wiremend.rules.facts import Facts
    from wiremend.rules.model import EditRule, HeaderEdit
    from wiremend.rules.resolve import Resolved

MODEL = ("model",)
_SURROGATES = "lone-surrogates"


def rewrite(
    request: ClientRequest, resolved: Resolved, memory: Memory | None = None, seed: str = "", to: str | None = None
) -> Outcome:
    """Decide a request and rewrite it. Raises nothing on any input that is HTTP.

    ``memory`` is what earlier replies left for the quirks to bring again (None: nothing), ``seed`` what ids that a
    quirk mints derive from, unlike that of any other exchange (the flow's id). ``to`` chooses among the destinations of
    a route; None: its first.
    """
    body, unreadable, size = read(request, resolved.rules)
    mended = None if body is not None or size > most_request(resolved.rules) else in_utf8(request)
    facts = facts_in(request, mended or body, resolved)
    if facts.endpoint is None and facts.host is not None:
        return Untouched(facts)
    try:
        decision = decide(facts, resolved, to)
        if mended is not None and not (decision.mend and _SURROGATES in decision.quirks):
            mended, facts = None, facts_in(request, body, resolved)
            decision = decide(facts, resolved, to)
        if facts.generates:
            check_size(size, decision, resolved.rules)
        if decision.by == "default" and offers(facts, resolved.rules):
            return _from_catalogue(facts, resolved)
        rewriter = _Rewriter(request, facts, decision, resolved, unreadable)
        rewriter.as_sent = mended is None
        return rewriter.counted() or rewriter.run(Memory() if memory is None else memory, seed)
    except RefusedError as error:
        if facts.endpoint is not None and facts.endpoint.kind == "list" and error.status == HTTPStatus.NOT_FOUND:
            return _from_catalogue(facts, resolved)
        wire = WIRES[facts.wire or "chat"]
        note = Note("refused", "url", "refused", str(error), error.kind)
        told = wire.error_body(error.status, error.kind, str(error))
        return Refused(facts, error.status, str(error), told, (note,), error.kind)


def _from_catalogue(facts: Facts, resolved: Resolved) -> Answered:
    """Answer a list of models, or one of them, that no provider is asked for."""
    status, body = catalogue_answer(facts, resolved)
    note = Note(
        "invented", "", "catalogue", "models from the rules and the built-in table", "no route takes the request"
    )
    return Answered(facts, status, "answered from the catalogue", body, (note,))


def facts_in(request: ClientRequest, body: bytes | None, resolved: Resolved) -> Facts:
    """Take the facts of a request; ``body`` is its JSON text, None where there is none."""
    return facts_of(
        style=request.style,
        method=request.method,
        target=request.target,
        headers=request.headers,
        host=request.host,
        port=request.port,
        body=body,
        agent_header=resolved.rules.agent_header,
        agent=request.agent,
        recorded=request.recorded,
        picked=request.picked,
    )


class _Rewriter:
    """One request on its way through the steps; each step adds its notes."""

    def __init__(
        self, request: ClientRequest, facts: Facts, decision: Decision, resolved: Resolved, unreadable: str | None
    ) -> None:
        self.request = request
        self.facts = facts
        self.decision = decision
        self.resolved = resolved
        self.unreadable = unreadable
        self.as_sent = True
        """False where the facts' body is not what the client sent, which had raw surrogates."""
        self.notes: list[Note] = []
        self.translated: Translated | None = None

    def catalogue(self) -> Callable[[], bytes | None] | None:
        """Give what makes the list of models that the rules know, where that is asked for; most providers have one."""
        facts = self.facts
        lists = facts.endpoint is not None and facts.endpoint.kind == "list" and asked_id(facts) is None
        return partial(listed, facts, self.resolved) if lists and self.decision.upstream is not None else None

    def counted(self) -> Answered | None:
        """Estimate the tokens of a prompt where the provider's wire has no count of them; None for all else."""
        facts, wire = self.facts, self.decision.wire
        asks = facts.endpoint is not None and facts.endpoint.kind == "count"
        if not asks or not self.decision.translates(facts) or wire is None or wire in COUNTS:
            return None
        why = f"the {wire} wire, which {self.decision.provider} speaks, counts no tokens"
        body, note = estimated_count(facts, "", why, tokenizer=self.resolved.tokenizer)
        return Answered(facts, HTTPStatus.OK, "answered with an estimate", body, (note,), estimated=True)

    def run(self, memory: Memory, seed: str) -> Rewritten | Refused:
        destination = self.destination()
        moved = not self.facts.addressed(destination.host, destination.port)
        plan = plan_credential(self.facts, self.decision, self.resolved)
        self.translate(destination, seed)
        if moved and carries_credential(self.request.target):
            self.note("url", "query", "a credential in the query stays behind", "G11")
        edits = edits_for(self.facts, self.decision, self.resolved)
        body = self.body(edits, moved=moved)
        headers = self.headers(destination, plan, edits, moved=moved, replaced=body is not None)
        headers, body = self.mended(destination, headers, body, memory, seed)
        if self.resolved.strict and (told := strictly(self.notes, "wiremend_strict")):
            raise RefusedError(400, "invalid_request", told)
        leaves = self.text if body is None else body
        too_long = overflow(self.facts, self.decision, self.resolved.rules, leaves, headers)
        if too_long is not None:
            return too_long
        return Rewritten(
            facts=self.facts,
            decision=self.decision,
            destination=destination,
            headers=headers,
            body=body,
            notes=tuple(self.notes),
            edits=tuple(rule.label for rule in edits),
            withheld=plan.withheld if isinstance(plan, Send) else None,
            translation=self.translated.translation if self.translated is not None else None,
            catalogue=self.catalogue(),
            tokenizer=self.resolved.tokenizer,
        )

    def note(self, where: str, short: str, what: str, why: str = "") -> None:
        self.notes.append(Note("edited", where, short, what, why))

    # -- where to

    def destination(self) -> Destination:
        decision, request = self.decision, self.request
        found = decision.destination
        if found is None:
            found = Destination(request.scheme, request.host or "", request.port, decision.target)
        why = "; ".join(decision.why)
        addressed = Destination(request.scheme, request.host or "", request.port, request.target)
        if request.host is None or (found.scheme, found.host, found.port) != (
            addressed.scheme,
            addressed.host.lower(),
            addressed.port,
        ):
            host = authority(found.scheme, found.host, found.port)
            self.notes.append(Note("routed", "url", "", f"goes to {decision.provider or host} ({host})", why))
        if found.path != request.target:
            # A provider's own root in the place of the one that the client thought of is a route, not a repair.
            repaired = request.host is not None and found.host == request.host.lower()
            short = "url" if repaired or collapse(request.target) != request.target else ""
            self.note("url", short, f"{split_path(request.target)[0]} -> {split_path(found.path)[0]}", why)
        return self.targeted(found)

    def targeted(self, found: Destination) -> Destination:
        """Let the quirks mend path and query."""
        for name in self.decision.quirks if self.decision.mend else ():
            target = all_quirks()[name].target
            path = target(found.path) if target is not None else found.path
            if path != found.path:
                shown = scrubbed(f"{without_credentials(found.path)} -> {without_credentials(path)}")
                self.notes.append(Note("mended", "url", name, shown, f"quirk {name}"))
                found = replace(found, path=path)
        return found

    # -- what

    def translate(self, destination: Destination, seed: str) -> None:
        """Say the request on the wire that the provider speaks, where that is another than the client's.

        Raises :class:`RefusedError` where it cannot be read, or cannot be said there.
        """
        client, upstream, body = self.facts.wire, self.decision.wire, self.facts.body
        if client is None or upstream is None or not self.decision.translates(self.facts):
            return
        if body is None:
            why = self.unreadable or "there is none"
            message = f"the body cannot be translated for {self.decision.provider}, which speaks {upstream}: {why}"
            raise RefusedError(400, "invalid_request", message)
        most = limits_of(self.resolved.rules, self.decision.provider, self.decision.sent).max_output
        recipient = Recipient(self.decision.sent or "", self.decision.provider, destination.host, most, seed)
        counts = self.facts.endpoint is not None and self.facts.endpoint.kind == "count"
        self.translated = translate(body, client, upstream, recipient, counts=counts)
        if self.decision.model is not None:
            self.note("/model", "model", f"{self.facts.model} -> {self.decision.sent}", "; ".join(self.decision.why))
        what = f"{client} -> {upstream}, which {self.decision.provider} speaks"
        self.notes.append(Note("edited", "", "translated", what, "; ".join(self.decision.why)))
        self.notes += self.translated.notes

    @property
    def text(self) -> bytes | None:
        """The body that the edits and the quirks begin with, on the wire that the provider speaks."""
        return self.translated.body if self.translated is not None else self.facts.body

    def body(self, rules: tuple[EditRule, ...], *, moved: bool) -> bytes | None:
        """Swap the model, apply the edits; None where the bytes leave as they came."""
        text = self.text
        wanted: list[tuple[str, Edit]] = []
        if self.decision.model is not None and self.facts.generates and self.translated is None:
            wanted.append(("; ".join(self.decision.why), Edit("set", MODEL, msgspec.json.encode(self.decision.model))))
        wanted += [(rule.told(self.resolved.rules.file), edit) for rule in rules for edit in rule.body]
        if text is None:
            if wanted and self.unreadable:
                self.notes.append(Note("failed", "", "body", f"the body was left alone: {self.unreadable}"))
            return None
        edited = text
        for why, edit in wanted:
            try:
                result = apply(edited, [edit])
            except JsonError as error:
                self.notes.append(Note("failed", "", "body", f"the body was left alone: {error}", why))
                return None
            for change in result.changes:
                self.notes.append(note_of(change, edit, why))
            edited = result.body
        if edited == text:  # scaled and clamped back, say
            edited = text
        if not self.as_sent:
            what = "raw surrogates, which are not UTF-8, are characters now"
            self.notes.append(Note("mended", "", _SURROGATES, what, f"quirk {_SURROGATES}"))
        elif edited is self.facts.body and not (self.coded and moved):
            return None
        self.note_coding()
        return edited

    @property
    def coded(self) -> bool:
        return (self.request.headers.get("content-encoding") or "identity").strip().lower() != "identity"

    def note_coding(self) -> None:
        if self.coded:
            said = self.request.headers.get("content-encoding")
            self.note("header:content-encoding", "coding", f"{said} -> identity")

    def mended(
        self, destination: Destination, headers: Headers, body: bytes | None, memory: Memory, seed: str
    ) -> tuple[Headers, bytes | None]:
        """Let the quirks that are on mend the request; a body that none of them changes stays as it was given.

        One that fails is noted, and the others go on (G7).
        """
        text = self.text if body is None else body
        decision = self.decision
        scope = scope_of(
            self.facts, decision.wire, decision.sent, decision.provider, destination.host, destination.port
        )
        if text is None or scope is None or not decision.mend:
            return headers, body
        mends = [
            (quirk.name, quirk.request)
            for quirk in map(all_quirks().__getitem__, decision.quirks)
            if quirk.request is not None and (not quirk.needles or any(needle in text for needle in quirk.needles))
        ]
        if not mends:
            return headers, body
        try:
            draft = Draft(replace(scope, seed=seed), headers, text, memory)
        except (ValueError, RecursionError) as error:
            self.notes.append(Note("failed", "", "quirks", f"no quirk looked at the body: {error}"))
            return headers, body
        for name, raised in draft.run_all(mends).items():
            what = f"it failed, and what it had changed was undone: {scrubbed(repr(raised))[:_LONG]}"
            self.notes.append(Note("failed", "", name, what, f"quirk {name}"))
        self.notes += [replace(note, what=scrubbed(note.what)) for note in draft.notes]
        if draft.body() is text:
            return draft.headers, body
        if body is None:
            self.note_coding()
        return draft.headers.without("content-encoding"), draft.body()

    # -- how

    def headers(
        self, destination: Destination, plan: Plan, rules: tuple[EditRule, ...], *, moved: bool, replaced: bool
    ) -> Headers:
        """Give the headers that leave: none hop-by-hop; the credential's, the wire's, the provider's, the edits'."""
        headers = self.credential(plan, moved=moved)
        if replaced:
            headers = headers.without("content-encoding")
        headers = self.required(self.spoken(headers))
        asked = headers.get("accept-encoding")
        if self.facts.stream and asked is not None and asked != "identity":
            headers = headers.with_set("accept-encoding", "identity")
            self.note("header:accept-encoding", "", f"{asked} -> identity", "so that each event can pass as it comes")
        upstream = self.decision.upstream
        for edit in upstream.provider.headers if upstream else ():
            headers = self.header(headers, edit, f"providers.{self.decision.provider}")
        for rule in rules:
            for edit in rule.headers:
                headers = self.header(headers, edit, rule.told(self.resolved.rules.file))
        if "upgrade" not in headers:  # a WebSocket's handshake is hop-by-hop by nature
            headers = without_hop_by_hop(headers, keep=("transfer-encoding",))
        if "host" in headers and not self.names_host(rules):
            headers = headers.with_set("Host", authority(destination.scheme, destination.host, destination.port))
        return headers

    def names_host(self, rules: tuple[EditRule, ...]) -> bool:
        """Tell whether the file says itself what the Host header is to be."""
        upstream = self.decision.upstream
        edits = (*(upstream.provider.headers if upstream else ()), *(edit for rule in rules for edit in rule.headers))
        return any(edit.name.lower() == "host" for edit in edits)

    def credential(self, plan: Plan, *, moved: bool) -> Headers:
        """Put the credential where the upstream wants it."""
        before = self.request.headers
        headers = apply_plan(before, plan, stranger=moved)
        if before != headers:
            source = plan.source if isinstance(plan, Send) else ""
            self.note("header:authorization", "credential", f"sent as {_carrier(plan)}: {source}", "G11")
        return headers

    def spoken(self, headers: Headers) -> Headers:
        """Leave out what is of the client's wire alone, and put in what the translated body needs."""
        if self.translated is None:
            return headers
        own = WIRES[self.translated.translation.client].own_headers
        gone = [name for name, _ in headers if name.lower().startswith(own)]
        for name in gone:
            self.note(f"header:{name.lower()}", "", "removed", "it is of the client's wire alone")
        headers = headers.without(*gone)
        for name, value in self.translated.headers.items():
            headers = headers.with_set(name, value)
            self.note(f"header:{name}", name, f"-> {value}", "the translated body needs it")
        return headers

    def required(self, headers: Headers) -> Headers:
        """Supply the headers without which the upstream's wire is not spoken."""
        if self.decision.upstream is None or self.decision.wire is None:
            return headers
        for name, value in WIRES[self.decision.wire].headers.items():
            if name not in headers:
                headers = headers.with_set(name, value)
                self.note(f"header:{name}", name, f"absent -> {value}", f"the {self.decision.wire} wire requires it")
        return headers

    def header(self, headers: Headers, edit: HeaderEdit, why: str) -> Headers:
        """Carry out one header edit; a value that may be a credential is noted by name only."""
        before = headers
        if edit.drop:
            for glob in edit.drop:
                headers = headers.with_items_dropped(edit.name, glob)
        elif edit.value is None:
            headers = headers.without(edit.name)
        else:
            headers = headers.with_set(edit.name, self.resolved.header_value(edit))
        if headers != before:
            now = scrubbed(headers.get(edit.name) or "removed")
            if edit.name.lower() in CREDENTIAL_HEADERS or (edit.value is not None and edit.value.names):
                now = "(not shown)"  # a credential, or what a variable holds
            self.note(f"header:{edit.name.lower()}", edit.name, f"-> {now}", why)
        return headers


def _carrier(plan: Plan) -> str:
    if not isinstance(plan, Send) or plan.value is None:
        return "nothing"
    return "Authorization: Bearer" if plan.bearer else "x-api-key"


_LONG = 80
