"""An explanation as lines of text, with the names of styles, for the command line and for mitmproxy's own windows.

All of it is pure. What did not match, or looked and did nothing, is folded into a line unless ``every`` is asked for.
Long values are cut to the place where they differ.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from wiremend.explain.wrap import fitted, hanging
from wiremend.replay.beside import columns, shortened, visible
from wiremend.replay.report import counted, sides
from wiremend.rules.told import limits_text, retry_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wiremend.explain.model import (
        Applied,
        Carried,
        Explanation,
        HeaderChange,
        Operation,
        Refusal,
        Reply,
        Taken,
        Tried,
        Used,
    )
    from wiremend.notes import Note
    from wiremend.replay.report import Line
    from wiremend.rules.conditions import Unmet

WIDTH: Final = 100
"""Columns where nobody says how many there are."""

_NARROWEST: Final = 40
_LABEL: Final = 12
_INSET: Final = 4
_OPERATIONS: Final = 12
_NOTES: Final = 20
_MARKS: Final = {"add": ("+", "green"), "remove": ("-", "red"), "replace": ("~", "place")}
_KINDS: Final = {"lost": "warn", "approximated": "warn", "failed": "bad", "refused": "bad"}
_WAYS: Final = {
    "name": "the model's name",
    "preference": "the preferences",
    "default": "default",
    "host": "the client's own host",
}
_BY: Final = {
    "route": "the route",
    "name": "the model's name",
    "preference": "the preference",
    "default": "the default",
    "host": "the host that the client addressed",
}
_WORDS: Final = ("was  ", "is   ")
_FAILED: Final = 400


def lines(explanation: Explanation, width: int = WIDTH, *, every: bool = False, carets: bool = True) -> list[Line]:
    """Give the lines. ``every`` shows what did not match too; ``carets`` mark what differs without colours."""
    page = _Page(max(width, _NARROWEST), every=every, carets=carets)
    page.explanation(explanation)
    return [cut for line in page.lines for cut in fitted(line, page.width)]


class _Page:
    """Collects lines of at most ``width`` columns."""

    def __init__(self, width: int, *, every: bool, carets: bool) -> None:
        self.width = width
        self.every = every
        self.carets = carets
        self.lines: list[Line] = []

    def explanation(self, explained: Explanation) -> None:
        self.taken(explained.taken)
        self.pair("rules", f"{explained.rules} ({explained.rules_hash})")
        if explained.untouched:
            self.section("untouched")
            self.say("  ", "no LLM endpoint, at a host of the client's own choice: it passes as it came")
            return
        if explained.alias is not None:
            self.pair("alias", f"{explained.taken.model} stands for {explained.alias}")
        first = explained.preferring is not None and explained.preferring.first
        for part in (self.preferences, self.routes) if first else (self.routes, self.preferences):
            part(explained)
        if explained.refused is not None:
            self.refusal(explained.refused)
            return
        self.decided(explained)
        self.edits(explained.edits)
        self.quirks(explained.quirks)
        self.headers(explained.headers)
        self.body(explained)
        self.losses(explained.losses)
        if explained.reply is not None:
            self.reply(explained.reply)

    # -- what it was taken for

    def taken(self, taken: Taken) -> None:
        who = taken.client or "an unknown client"
        what = f"asks {taken.model}" if taken.model else "names no model"
        wire = f" on the {taken.wire} wire" if taken.wire else ""
        stream = ", streamed" if taken.stream else ""
        head: Line = [(visible(who), "name"), (" ", "")]
        self.lines += hanging(head, visible(f"{what}{wire}{stream}"), "name", self.width, 2)
        self.pair("request", f"{taken.method} {taken.target}")
        self.pair("endpoint", f"{taken.endpoint} ({taken.kind})" if taken.endpoint else "none of the three wires'")
        self.pair("came to", "the gateway" if taken.address is None else f"the HTTPS proxy, for {taken.address}")
        keys = ", ".join(f"{one.prefix} in {one.header}" for one in taken.credentials)
        self.pair("credential", keys or "none")
        if taken.agent:
            self.pair("agent", taken.agent)
        self.pair("body", taken.body if not taken.size else f"{taken.body}, {counted(taken.size, 'byte')}")

    # -- where it goes

    def routes(self, explained: Explanation) -> None:
        self.section("routes")
        rest = 0
        for route in explained.routes:
            if route.state == "not tried" and not self.every:
                rest += 1
                continue
            self.route(route)
        if rest:
            tried = rest < len(explained.routes)
            told = f"{counted(rest, 'more route')} behind it" if tried else counted(rest, "route")
            self.say("       ", f"{told}, not tried", "dim")
        if not explained.routes:
            self.say("  ", "the file has none", "dim")
        for way in explained.ways:
            self.verdict(way.taken, f"{_WAYS[way.name]}: {way.what}")

    def preferences(self, explained: Explanation) -> None:
        """Say how well each fits, and why one is chosen."""
        how = explained.preferring
        if how is None:
            return
        self.section("preferences")
        for one in explained.preferences:
            fastest = ", the fastest first" if one.prefer == "fastest" else ""
            told = f"{one.score:.2f}  {one.name} ({one.where}) → {', else '.join(one.models)}{fastest}"
            self.verdict(one.chosen, told)
            if one.words:
                self.say("             ", f"speaks for it: {', '.join(one.words)}", "dim")
        if how.router is not None:
            self.pair("router", f"a proxy asks {how.router} first; here nothing is sent, and the words decide")
        if how.first and (how.chosen is None or how.how != "words"):
            self.pair("because", how.why)

    def route(self, route: Tried) -> None:
        told = f"{route.name} ({route.where}) → {', else '.join((route.to, *route.then))}"
        if route.state == "not tried":
            self.say("  -    ", told, "dim")
            return
        self.verdict(route.state == "matches", told)
        if route.unmet is not None:
            self.unmet(route.unmet, "       ")

    def verdict(self, yes: bool, text: str) -> None:  # noqa: FBT001 - yes or no is what it is
        self.lines += hanging([("  yes  ", "green") if yes else ("  no   ", "red")], visible(text), "", self.width)

    def unmet(self, unmet: Unmet, indent: str) -> None:
        there = "there is none" if unmet.there is None else f"there is {unmet.there}"
        if unmet.condition == "key" and unmet.there == "…":
            there = "there is one of no known family"
        self.say(indent, f"{unmet.condition}: asks for {unmet.asked}; {there}", "dim")

    def refusal(self, refused: Refusal) -> None:
        self.section("refused")
        head: Line = [(f"  {refused.status} {refused.kind}: ", "bad")]
        self.lines += hanging(head, visible(refused.message), "", self.width, _INSET)
        if refused.add is not None:
            self.say("  ", "to let it through, add to the rules:", "dim")
            self.lines += [[("      ", ""), (visible(line), "green")] for line in refused.add.splitlines()]

    def decided(self, explained: Explanation) -> None:
        decision = explained.decision
        self.section("destination")
        provider, model = decision.get("provider"), decision.get("model")
        to = f"{provider}/{model}" if provider and model else provider
        self.pair("to", f"{to}, by {_BY[decision['by']]}" if to else "where the client sent it")
        self.keeping(explained)
        for why in decision.get("why", ()):
            self.pair("because", why)
        if explained.translated is not None:
            self.pair("wire", f"{explained.taken.wire} → {explained.translated}: translated")
        before, after = explained.url
        if before == after:
            self.pair("url", f"{after}, as it came")
        elif columns(before) + columns(after) + len(" → ") + _LABEL + 2 <= self.width:
            self.pair("url", f"{before} → {after}")
        else:
            self.pair("url", before)
            self.pair("", f"→ {after}")
        for why in explained.url_why if before != after else ():
            self.say(" " * (_LABEL + 2), why, "dim")
        if explained.credential is not None:
            self.credential(explained.credential)
        if not decision.get("mend", True):
            self.pair("mend", "off: no quirk works, what comes back is only watched", "warn")

    def keeping(self, explained: Explanation) -> None:
        """Say what is done where the destination fails, and what it may take."""
        for one in explained.passed:
            self.pair("not to", f"{one.to}: {one.why}", "warn")
        if explained.then:
            self.pair("else", f"{', else '.join(explained.then)}: where it fails, in this order")
        if explained.retry is not None and explained.retry["times"]:
            self.pair("again", retry_text(explained.retry, fallbacks=bool(explained.then)))
        if explained.limits:
            self.pair("limits", limits_text(explained.limits))

    def credential(self, carried: Carried) -> None:
        sent = f" ({carried.prefix})" if carried.prefix else ""
        how = f", in {carried.header}" if carried.header else ""
        self.pair("credential", f"{carried.source}{sent}{how}")
        if carried.withheld:
            self.pair("withheld", carried.withheld, "warn")

    # -- who changed what

    def edits(self, edits: tuple[Applied, ...]) -> None:
        if not edits:
            return
        self.section("edits")
        silent = [edit for edit in edits if edit.unmet is not None]
        for edit in edits:
            if edit.unmet is not None and not self.every:
                continue
            self.verdict(edit.unmet is None, f"{edit.name} ({edit.where})")
            if edit.unmet is not None:
                self.unmet(edit.unmet, "       ")
                continue
            if edit.failed is not None:
                self.say("       ", f"the body was left alone: {edit.failed}", "bad")
            elif not edit.patch and not edit.headers and not edit.clamped:
                self.say("       ", "matches, and changes nothing here", "dim")
            self.patch(edit.patch, "       ")
            for clamped in edit.clamped:
                self.say("       ", clamped, "warn")
            for header in edit.headers:
                self.say("       ", header)
        if silent and not self.every:
            self.say("       ", f"{counted(len(silent), 'edit')} that did not match; --all says why", "dim")

    def quirks(self, quirks: tuple[Used, ...]) -> None:
        if not quirks:
            return
        self.section("quirks")
        for used in quirks:
            if used.did in {"changed", "failed"} or used.reply or self.every:
                self.quirk(used)
        if self.every:
            return
        words = (("nothing", "looked, did nothing"), ("waits", "wait for the reply"), ("off", "kept off by mend: off"))
        for did, told in words:
            names = [used.name for used in quirks if used.did == did and not used.reply]
            if names:
                self.lines += hanging([(f"  {told}: ", "dim")], ", ".join(names), "dim", self.width, _INSET)

    def quirk(self, used: Used) -> None:
        words = {"changed": "did", "failed": "fail", "off": "off"}
        reply = " · mends the reply" if used.reply else ""
        head: Line = [(f"  {words.get(used.did, '-'):<5}", "bad" if used.did == "failed" else "green")]
        told = [(f"{used.number} {used.name}", "name"), (": ", "")]
        self.lines += hanging([*head, *told], visible(f"{used.symptom}{reply}"), "dim", self.width, 7)
        if used.failed is not None:
            self.say("       ", used.failed, "bad")
        if used.url is not None:
            self.say("       ", f"{used.url[0]} → {used.url[1]}")
        self.patch(used.patch, "       ")
        for header in used.headers:
            self.say("       ", header)

    def patch(self, operations: tuple[Operation, ...], indent: str) -> None:
        shown = operations if self.every else operations[:_OPERATIONS]
        for one in shown:
            self.operation(one, indent)
        if len(shown) < len(operations):
            self.say(indent, f"… and {len(operations) - len(shown):,} more; --all shows them", "dim")

    def operation(self, one: Operation, indent: str) -> None:
        mark, colour = _MARKS[one["op"]]
        path = visible(str(one["path"])) or "(the whole body)"
        head: Line = [(f"{indent}{mark} ", colour), (path, "place")]
        used = sum(columns(text) for text, _ in head)
        if used > self.width - 16:
            self.lines += hanging([(f"{indent}{mark} ", colour)], path, "place", self.width)
            head, used = [(f"{indent}  ", "")], len(indent) + 2
        room = self.width - used - 2
        if one["op"] != "replace":
            value = one["value"] if one["op"] == "add" else one.get("was")
            self.lines.append([*head, ("  ", ""), (shortened(_json(value), room), colour)])
            return
        before, after = _json(one.get("was")), _json(one["value"])
        if columns(visible(before)) + columns(visible(after)) + len(" → ") <= room:
            self.lines.append([*head, ("  ", ""), (visible(before), "red"), (" → ", ""), (visible(after), "green")])
            return
        self.lines.append(head)
        self.sides(before, after, len(indent) + 2)

    def sides(self, before: str | None, after: str | None, indent: int) -> None:
        """Show two long values, cut to the place where they differ."""
        pad = indent - _INSET
        for line in sides(before, after, self.width - pad, carets=self.carets, words=_WORDS):
            self.lines.append([(" " * pad, ""), *line])

    # -- both sides

    def headers(self, headers: tuple[HeaderChange, ...]) -> None:
        if not headers:
            return
        self.section("headers")
        for one in headers:
            self.header(one)

    def header(self, one: HeaderChange) -> None:
        before = "absent" if one.before is None else visible(one.before)
        after = "removed" if one.after is None else visible(one.after)
        why = f"({'; '.join(one.why)})" if any(one.why) else ""
        mark = "+" if one.before is None else "-" if one.after is None else "~"
        head: Line = [(f"  {mark} ", _MARKS["add" if mark == "+" else "remove" if mark == "-" else "replace"][1])]
        head.append((visible(one.name), "place"))
        if columns(before) + columns(after) + columns(one.name) + len("  ~  → ") > self.width:
            self.lines += hanging([*head, ("  ", "")], visible(why), "dim", self.width, _INSET)
            self.sides(one.before, one.after, _INSET)
            return
        head.append((": ", ""))
        if one.before is not None and one.after is not None:
            head += [(before, "red"), (" → ", ""), (after, "green")]
        else:
            head.append((after, "green") if one.before is None else (f"{before} → removed", "red"))
        self.lines += hanging([*head, ("  ", "")], visible(why), "dim", self.width, _INSET)

    def body(self, explained: Explanation) -> None:
        self.section("body")
        if explained.bytes_kept:
            self.say("  ", "the client's, byte for byte", "dim")
        elif explained.translated is not None:
            behind = "; behind that:" if explained.patch else ""
            self.say("  ", f"the client's request, said on the {explained.translated} wire{behind}", "dim")
        elif not explained.patch:
            self.say("  ", "the client's JSON, in other bytes", "dim")
        self.patch(explained.patch, "  ")
        for note in explained.notes:
            if note.kind == "failed" and not note.where:
                self.say("  ", f"{note.short}: {note.what}", "bad")

    def losses(self, losses: Iterable[Note]) -> None:
        found = list(losses)
        if found:
            self.section("lost on the way")
            self.notes(found)

    def reply(self, reply: Reply) -> None:
        self.section("reply")
        self.pair("came", _answer(reply.came_status, reply.came), _bad(reply.came_status))
        if reply.notes:
            self.notes(reply.notes)
        if reply.same and reply.came_status == reply.given_status:
            self.pair("client gets", f"{reply.given_status}, the same bytes")
        else:
            self.pair("client gets", _answer(reply.given_status, reply.given), _bad(reply.given_status))
        if reply.as_recorded is False:
            self.pair("recorded", "when it was recorded, the client got another answer", "warn")
        if reply.error is not None:
            self.pair("error", reply.error, "bad")

    def notes(self, notes: Iterable[Note]) -> None:
        found = list(notes)
        shown = found if self.every else found[:_NOTES]
        for note in shown:
            head: Line = [(f"  {note.kind:12} ", _KINDS.get(note.kind, ""))]
            if note.where:
                head.append((f"{visible(note.where)} ", "place"))
            name = f" ({note.short})" if note.short else ""
            self.lines += hanging(head, visible(f"{note.what}{name}"), "", self.width, len("  ") + 13)
        if len(shown) < len(found):
            self.say("  ", f"… and {len(found) - len(shown):,} more; --all shows them", "dim")

    # -- lines

    def section(self, title: str) -> None:
        self.lines += [[("", "")], [(title, "name")]]

    def say(self, indent: str, text: str, style: str = "") -> None:
        self.lines += hanging([(indent, "")], visible(text), style, self.width)

    def pair(self, label: str, text: str, style: str = "") -> None:
        self.lines += hanging([(f"  {label:<{_LABEL}}", "dim")], visible(text), style, self.width)


def _answer(status: int | None, told: str) -> str:
    return told if status is None else f"{status}, {told}"


def _bad(status: int | None) -> str:
    return "bad" if status is None or status >= _FAILED else ""


def _json(value: Any) -> str:  # noqa: ANN401 - any JSON
    """Write a value as JSON, half a surrogate pair included."""
    return json.dumps(value, ensure_ascii=False)
