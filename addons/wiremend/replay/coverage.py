"""Dead rules: what of a rules file no case exercised, and which cases no rule touched.

A route, a preference or an alias is exercised where it decided a request, an edit or a quirk where it changed
something: one that matched, or was on, and changed nothing in any case is told apart. What was kept is bounded, however
many cases there are: names of cases are listed up to :data:`LISTED`, and counted from there on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from wiremend.pipeline.outcome import Answered, Refused, Rewritten
from wiremend.quirks import all_quirks
from wiremend.replay.beside import visible
from wiremend.replay.report import SHOWN, counted, fenced

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wiremend.notes import Note
    from wiremend.replay.run import Replayed
    from wiremend.rules.model import Rules

LISTED: Final = 100
"""Cases that are named."""

NEVER: Final = "no case"
MATCHED: Final = "matched, changed nothing in any case"
IDLE: Final = "on, changed nothing in any case"
OFF: Final = "on in no case"

_HERE: Final = {Refused: "refused", Answered: "answered here"}
_HOW: Final = {
    "name": "by the model's name",
    "default": "by the default",
    "host": "by the host",
    "client": "where the client sent it",
}


@dataclass(frozen=True, slots=True)
class Dead:
    """A part of the rules that did nothing, at ``place``, FILE:LINE.

    ``kind`` is route, preference, edit, alias, default or quirk.
    """

    kind: str
    name: str
    place: str
    what: str


@dataclass(slots=True)
class Coverage:
    """What of the rules the cases exercised; fed one case at a time."""

    rules: Rules
    file: str
    """The path of the rules, as people type it."""
    own: int = 0
    """Cases that have rules of their own, which say nothing of these."""
    untouched: list[tuple[str, str]] = field(default_factory=list)
    """Cases that neither a route nor an edit nor an alias touched, and how each went, up to :data:`LISTED`."""
    untouched_count: int = 0
    seen: int = 0
    _why: set[str] = field(default_factory=set)
    _by_default: bool = False
    _aliases: set[str] = field(default_factory=set)
    _preferences: set[str] = field(default_factory=set)
    _matched: set[str] = field(default_factory=set)
    _on: set[str] = field(default_factory=set)
    _changed: set[str] = field(default_factory=set)

    def add(self, name: str, replayed: Replayed) -> None:
        """Look at what became of a case."""
        self.seen += 1
        outcome = replayed.outcome
        if not isinstance(outcome, Rewritten):
            self._untouched(name, _HERE.get(type(outcome), "it is no LLM request"))
            return
        decision = outcome.decision
        self._by_default |= decision.by == "default"
        if decision.route is not None:
            self._why.update(decision.why)
        if decision.alias is not None:
            self._aliases.add(decision.alias)
        if decision.preference is not None:
            self._preferences.add(decision.preference)
        self._matched.update(outcome.edits)
        self._why.update(note.why for note in outcome.notes if note.kind == "edited")
        on = set(decision.quirks)
        self._on |= on
        self._changed |= {quirk for note in replayed.notes for quirk in _quirks_of(note, on)}
        if decision.route is None and decision.alias is None and not outcome.edits:
            self._untouched(name, _HOW.get(decision.by, decision.by))

    def _untouched(self, name: str, how: str) -> None:
        self.untouched_count += 1
        if len(self.untouched) < LISTED:
            self.untouched.append((name, how))

    @property
    def dead(self) -> list[Dead]:
        """What the file says that did nothing, in the order of the file."""
        return sorted(self._dead(), key=lambda dead: int(dead.place.rpartition(":")[2]))

    @property
    def idle(self) -> list[str]:
        """The quirks that were on by themselves and changed nothing, in the order of their numbers."""
        said = {name for name, _ in self._named()}
        return [name for name in all_quirks() if name in self._on - self._changed - said]

    def _dead(self) -> Iterator[Dead]:
        rules = self.rules
        yield from self._undecided()
        for edit in rules.edits:
            if edit.told(rules.file) not in self._why:
                what = MATCHED if edit.label in self._matched else NEVER
                yield Dead("edit", edit.label, self._place(edit.line), what)
        for name, line in self._named():
            if name not in self._changed:
                yield Dead("quirk", name, self._place(line), IDLE if name in self._on else OFF)

    def _undecided(self) -> Iterator[Dead]:
        """Give what decided no request."""
        rules = self.rules
        for alias in rules.aliases.values():
            if alias.name not in self._aliases:
                yield Dead("alias", alias.name, self._place(alias.line), NEVER)
        for route in rules.routes:
            if f"route {route.label!r} matches ({rules.file}:{route.line})" not in self._why:
                yield Dead("route", route.label, self._place(route.line), NEVER)
        for one in rules.preferences.choices if rules.preferences is not None else ():
            if one.name not in self._preferences:
                yield Dead("preference", one.name, self._place(one.line), NEVER)
        if rules.default is not None and not self._by_default:
            yield Dead("default", str(rules.default), self._place(rules.default_line), NEVER)

    def _named(self) -> list[tuple[str, int]]:
        """Give the quirks that the file turns on by name, and the line of the first provider that does."""
        found: dict[str, int] = {}
        for provider in self.rules.providers.values():
            for name in (*(provider.quirks.only or ()), *provider.quirks.on):
                if provider.line:
                    found.setdefault(name, provider.line)
        return list(found.items())

    def _place(self, line: int) -> str:
        return f"{self.file}:{line}"

    @property
    def complete(self) -> bool:
        """Whether each part of the file did something, and touched each case; quirks on by themselves do not count."""
        return not self.untouched_count and not self.dead

    def as_markdown(self) -> str:
        """Give it as a section of a comment."""
        lines = [f"{one.place}: {one.kind} {one.name}: {one.what}" for one in self.dead]
        if self.idle:
            lines.append(f"quirks that are on by themselves and changed nothing in any case: {', '.join(self.idle)}")
        if self.untouched_count:
            names = [f"{name} ({how})" for name, how in self.untouched[:SHOWN]]
            names += ["…"] if self.untouched_count > SHOWN else []
            lines.append(f"{counted(self.untouched_count, 'case')} that no rule touched: {', '.join(names)}")
        summary = f"coverage: {counted(len(self.dead), 'part')} of the rules that no case exercised"
        body = fenced("text", [visible(line) for line in lines] or ["nothing"])
        return f"<details><summary>{summary}</summary>\n\n{body}\n</details>\n"

    def as_plain(self) -> dict[str, Any]:
        """Give it as JSON has it."""
        return {
            "rules": self.file,
            "dead": [{"kind": one.kind, "name": one.name, "place": one.place, "what": one.what} for one in self.dead],
            "idle_quirks": self.idle,
            "untouched": [{"name": name, "how": how} for name, how in self.untouched],
            "untouched_count": self.untouched_count,
            "own_rules": self.own,
        }


def _quirks_of(note: Note, on: set[str]) -> Iterator[str]:
    """Give the quirks by which something was changed: the note names one, or a code of one that is on."""
    if note.kind in {"failed", "seen"} or not note.short:
        return
    known = all_quirks()
    if note.short in known:
        yield note.short
        return
    yield from (name for name in on if note.short in known[name].codes)
