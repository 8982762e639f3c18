"""Who changed what: the edits one by one, then the quirks one by one, beside the pipeline's own run."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from wiremend.errors import JsonError
from wiremend.explain.model import Applied, Used
from wiremend.explain.patch import patch_of
from wiremend.jsonedit import Edit, apply
from wiremend.pipeline.edited import CLAMPED
from wiremend.pipeline.outcome import Rewritten
from wiremend.pipeline.request import MODEL, rewrite
from wiremend.quirks import all_quirks
from wiremend.quirks.base import Draft, encoded
from wiremend.quirks.memory import Memory
from wiremend.rules.conditions import unmet
from wiremend.rules.engine import edits_for, scope_of, seen_by_edits

if TYPE_CHECKING:
    from collections.abc import Callable

    from wiremend.explain.model import Did, Operation
    from wiremend.explain.veil import Veil
    from wiremend.headers import Headers
    from wiremend.pipeline.outcome import ClientRequest
    from wiremend.quirks.base import Quirk
    from wiremend.rules.engine import Decision
    from wiremend.rules.model import EditRule
    from wiremend.rules.resolve import Resolved

SURROGATES: Final = "lone-surrogates"
"""The quirk that works before all others, on bytes that are no JSON yet."""


class Beside(Memory):
    """A memory beside another one: it knows what that one knows, and keeps to itself what is put into it."""

    def __init__(self, under: Memory) -> None:
        """Begin with what is in the other one."""
        super().__init__()
        self._under = under

    def recall(self, key: str) -> str | None:
        """Give what is remembered here, else in the other one."""
        own = super().recall(key)
        return own if own is not None else self._under.recall(key)


@dataclass(slots=True)
class Edited:
    """A body on its way through the edits; ``steps`` has the body before and after each rule that changed it."""

    body: bytes | None
    steps: dict[int, tuple[bytes, bytes]] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)


def edited(outcome: Rewritten, rules: tuple[EditRule, ...]) -> Edited:
    """Put the model's name and the edits into a body, as the pipeline does: all of them, or none where one cannot.

    Of a translated request it is the body as the upstream's wire has it, which has the model's name already.
    """
    facts, decision, translation = outcome.facts, outcome.decision, outcome.translation
    first_body = facts.body if translation is None else translation.body
    if first_body is None:
        return Edited(None)
    made, body = Edited(first_body), first_body
    swap = decision.model is not None and facts.generates and translation is None
    first = (Edit("set", MODEL, encoded(decision.model)),) if swap else ()
    for number, edits in enumerate((first, *(rule.body for rule in rules)), -1):
        try:
            after = body
            for edit in edits:
                after = apply(after, [edit]).body
        except JsonError as error:
            return Edited(first_body, failed={number: str(error)})
        if after is not body:
            made.steps[number] = (body, after)
        made.body = body = after
    return made


def applied_edits(outcome: Rewritten, resolved: Resolved, veil: Veil) -> tuple[Applied, ...]:
    """Say of each edit of the rules what it did, or why it does not match."""
    decision = outcome.decision
    facts, names = seen_by_edits(outcome.facts, decision), (decision.sent,) if decision.sent is not None else ()
    judged = [(rule, unmet(rule.when, facts, names, decision.provider)) for rule in resolved.rules.edits]
    matching = tuple(rule for rule, why in judged if why is None)
    done, place, found = edited(outcome, matching), 0, []
    for rule, why in judged:
        where = f"{resolved.rules.file}:{rule.line}"
        if why is not None:
            found.append(Applied(rule.label, where, unmet=veil.unmet(why)))
            continue
        told = rule.told(resolved.rules.file)
        headers = tuple(
            f"{note.where.removeprefix('header:')}: {note.what.removeprefix('-> ')}"
            for note in outcome.notes
            if note.why == told and note.where.startswith("header:")
        )
        patch = veil.patch(_patched(*done.steps[place])) if place in done.steps else ()
        failed = done.failed.get(place)
        clamped = tuple(
            veil.text(f"{note.where}: {note.what}")
            for note in outcome.notes
            if (note.short, note.why) == (CLAMPED, told)
        )
        found.append(Applied(rule.label, where, None, patch, tuple(map(veil.text, headers)), failed, clamped))
        place += 1
    return tuple(found)


def used_quirks(  # noqa: PLR0913, PLR0917 - what a request is mended by, and by whom it is shown
    outcome: Rewritten, request: ClientRequest, resolved: Resolved, memory: Memory, seed: str, veil: Veil
) -> tuple[Used, ...]:
    """Say of each quirk that is on what it did to the request."""
    decision = outcome.decision
    quirks = [all_quirks()[name] for name in decision.quirks]
    if not decision.mend:
        return tuple(Used(quirk.number, quirk.name, quirk.symptom, "off") for quirk in quirks)
    body = edited(outcome, edits_for(outcome.facts, decision, resolved)).body
    before = _without_quirks(request, resolved, Beside(memory), seed, decision)
    urls = _urls(before, quirks)
    drafted = _drafted(outcome, before.headers if before is not None else outcome.headers, body, memory, seed)
    return tuple(_used(quirk, outcome, drafted, urls.get(quirk.name), veil) for quirk in quirks)


def _used(quirk: Quirk, outcome: Rewritten, drafted: _Watched | None, url: tuple[str, str] | None, veil: Veil) -> Used:
    notes = tuple(note for note in outcome.notes if note.why == f"quirk {quirk.name}")
    bodies = drafted.steps.get(quirk.name, []) if drafted is not None else []
    patch: tuple[Operation, ...] = tuple(one for step in bodies for one in _patched(*step))
    failed = next((note.what for note in notes if note.kind == "failed"), None)
    headers = tuple(
        f"{note.where.removeprefix('header:')}: {note.what}" for note in notes if note.where.startswith("header:")
    )
    did: Did = "nothing"
    if failed is not None:
        did = "failed"
    elif notes or patch or url:
        did = "changed"
    elif quirk.request is None and quirk.target is None and quirk.name != SURROGATES:
        did = "waits"
    return Used(
        number=quirk.number,
        name=quirk.name,
        symptom=quirk.symptom,
        did=did,
        patch=veil.patch(patch),
        url=None if url is None else (veil.target(url[0]), veil.target(url[1])),
        headers=tuple(map(veil.text, headers)),
        notes=tuple(map(veil.note, notes)),
        failed=None if failed is None else veil.text(failed),
    )


class _Watched(Draft):
    """A draft that keeps the body before and after each quirk that changed it."""

    steps: dict[str, list[tuple[bytes, bytes]]]

    def run(self, name: str, mend: Callable[[Draft], None]) -> Exception | None:
        """Let one quirk work, and look at the body before and after."""
        before = self.body()
        raised = super().run(name, mend)
        after = self.body()
        if after is not before:
            self.steps.setdefault(name, []).append((before, after))
        return raised


def _drafted(outcome: Rewritten, headers: Headers, body: bytes | None, memory: Memory, seed: str) -> _Watched | None:
    """Run the quirks as the pipeline does."""
    decision, there = outcome.decision, outcome.destination
    scope = scope_of(outcome.facts, decision.wire, decision.sent, decision.provider, there.host, there.port)
    if scope is None or body is None:
        return None
    mends = [
        (quirk.name, quirk.request)
        for quirk in map(all_quirks().__getitem__, decision.quirks)
        if quirk.request is not None and (not quirk.needles or any(needle in body for needle in quirk.needles))
    ]
    try:
        draft = _Watched(replace(scope, seed=seed), headers, body, Beside(memory))
    except (ValueError, RecursionError):
        return None
    draft.steps = {}
    draft.run_all(mends)
    return draft


def _urls(before: Rewritten | None, quirks: list[Quirk]) -> dict[str, tuple[str, str]]:
    """Give the path before and after each quirk that changed it."""
    found: dict[str, tuple[str, str]] = {}
    path = before.destination.path if before is not None else ""
    for quirk in quirks if path else ():
        made = quirk.target(path) if quirk.target is not None else path
        if made != path:
            found[quirk.name] = path, made
        path = made
    return found


def _without_quirks(
    request: ClientRequest, resolved: Resolved, memory: Memory, seed: str, decision: Decision
) -> Rewritten | None:
    """Give what would leave for the same destination if no quirk worked; None where nothing would."""
    upstreams = {
        name: replace(one, provider=replace(one.provider, mend=False)) for name, one in resolved.upstreams.items()
    }
    quiet = replace(resolved, rules=replace(resolved.rules, mend=False), upstreams=upstreams)
    to = str(decision.targets[decision.target_index]) if decision.targets else None
    outcome = rewrite(request, quiet, memory, seed, to)
    return outcome if isinstance(outcome, Rewritten) else None


def _patched(before: bytes, after: bytes) -> tuple[Operation, ...]:
    try:
        return patch_of(before, after)
    except (ValueError, RecursionError):  # nested too deeply to be decoded: the bytes differ, and that is all
        return ({"op": "replace", "path": "", "value": "(nested too deeply to be shown)"},)
