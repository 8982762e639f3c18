"""``wiremend why``: one exchange on one screen; by default the last that failed or was mended."""

from __future__ import annotations

import json
import os
import re
import sys
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from wiremend.cli.captures_find import HOW, Finder, seen
from wiremend.cli.captures_list import SHORT
from wiremend.cli.captures_read import moment, row_of
from wiremend.cli.diagnose_rules import rules_for
from wiremend.cli.replay_screen import Screen
from wiremend.errors import CaptureError
from wiremend.explain.diagnose import diagnose
from wiremend.explain.diagnose_model import to_plain
from wiremend.explain.diagnose_text import lines
from wiremend.explain.plain import to_plain as explanation_to_plain
from wiremend.explain.request import explain_capture
from wiremend.explain.wrap import hanging
from wiremend.pipeline.edited import CLAMPED
from wiremend.replay.beside import shortened, visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from wiremend.cli.captures_read import Picked
    from wiremend.explain.model import Explanation
    from wiremend.notes import Note
    from wiremend.replay.report import Line

_SIGNED: Final = re.compile(r"\[flow ([0-9A-Za-z_-]{4,})\]")
_CHANGES: Final = frozenset({"edited", "mended", "lost", "approximated", "invented", "failed"})
_STEPS: Final = 6


@click.command()
@click.argument("what", nargs=-1, metavar="[ID]")
@click.option("--rules", type=click.Path(path_type=Path), help="The rules to explain and diagnose by.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: the explanation and the diagnosis.")
def why(what: tuple[str, ...], rules: Path | None, *, as_json: bool) -> None:
    """Say why an exchange went as it did: what became of the request, what came back, what is wrong, what to change.

    ID is the beginning of an id, FILE:N, a case's folder, or a whole error text, which ends with `[flow ID]`. Without
    it: the last exchange in your capture folder that failed or was mended. Nothing is sent. The exit code is 0 where
    nothing is wrong for the client, 1 where a problem was found.
    """
    finder = Finder()
    picked = seen(_named(" ".join(what), finder) if what else _last(finder))
    book = rules_for(picked, rules)
    explained = explain_capture(picked.capture, book.today)
    found = diagnose(picked.capture, book.today, book.text)
    if as_json:
        head = {"format": 1, "where": picked.where, "id": picked.capture.id, "rules": str(book.path)}
        plain = {**head, "explanation": explanation_to_plain(explained), "diagnosis": to_plain(found)}
        click.echo(json.dumps(plain, indent=2))
        sys.exit(1 if found.problem else 0)
    screen = Screen(os.environ)
    screen.lines(_head(picked, screen.width))
    screen.line("")
    screen.lines(lines(found, screen.width, short=True))
    screen.line("")
    tried = [note for note in picked.capture.notes if note.kind in {"retried", "asked"}]
    screen.lines(_steps(explained, tried, screen.width))
    screen.line("")
    ours = picked.number and picked.path.parent == finder.folder()
    more = picked.capture.id[:SHORT] if ours else picked.where
    screen.line(visible(f"more: wiremend explain {more}, or diagnose, or captures show"), "dim")
    if found.patch is not None:
        screen.line(visible(f"mend it: wiremend diagnose --apply {more}"), "dim")
    for warning in finder.warnings:
        click.echo(f"warning: {visible(warning)}", err=True)
    sys.exit(1 if found.problem else 0)


def _named(text: str, finder: Finder) -> Picked:
    """Find what an id, a place or an error text means."""
    signed = _SIGNED.findall(text)
    if signed:
        return finder.one(signed[-1])
    return finder.one(text)


def _last(finder: Finder) -> Picked:
    """Give the last exchange of the user's folder that failed or was mended. Raises :class:`CaptureError`."""
    files = finder.files()
    for path in reversed(files):
        last: deque[Picked] = deque(maxlen=1)
        for one in finder.every(path):  # a file may be too large for the memory: one at a time
            row = row_of(one)
            # Mending was off, and it needed some; or the client asked for more than the rules let through.
            warned = any(note.kind == "seen" or note.short == CLAMPED for note in one.capture.notes)
            if row.is_failed or row.mended or row.lost or warned:
                last.append(one)
        if last:
            return last[0]
    if not files:
        raise CaptureError(f"{finder.folder()} is empty: {HOW}")
    raise CaptureError(
        f"nothing in {finder.folder()} failed or was mended; name one: wiremend captures list shows them"
    )


def _head(picked: Picked, width: int) -> Iterator[Line]:
    row = row_of(picked)
    status = "no answer" if row.status is None else str(row.status)
    line = f"{row.client or 'unknown client'}  {row.way}  {moment(picked.capture.began)}"
    head: Line = [
        (f"{visible(picked.capture.id[:SHORT] if picked.number else picked.where)}  ", "dim"),
        (f"{status}  ", "bad" if row.is_failed else "green"),
    ]
    yield from hanging(head, visible(line), "", width)


def _steps(explained: Explanation, tried: Iterable[Note], width: int) -> Iterator[Line]:
    """Give what became of the request, a line a step, who was asked or tried before the last, and the reply."""
    yield [("what became of it", "name")]
    taken = explained.taken
    came = f"{taken.method} {explained.url[0]}: {taken.wire or 'no LLM wire'}, model {taken.model or 'none'}"
    yield from _step("came", came, width)
    if explained.refused is not None:
        yield from _step("refused", f"{explained.refused.status}: {explained.refused.message}", width)
    elif explained.url[1] != explained.url[0]:
        yield from _step("left for", explained.url[1], width)
    whys = explained.decision.get("why") or ()
    yield from _step("because", "; ".join(map(str, whys)), width)
    changes = [note for note in explained.notes if note.kind in _CHANGES and note.where != "header:accept-encoding"]
    for note in sorted(changes, key=lambda one: one.kind == "edited" and one.short != CLAMPED)[:_STEPS]:
        why_not_said = "" if note.why == "; ".join(map(str, whys)) else note.why
        yield from _step(note.kind, f"{note.where}  {note.what}".strip(), width, why_not_said)
    if len(changes) > _STEPS:
        yield [(f"  … and {len(changes) - _STEPS} more changes of the request", "dim")]
    for note in tried:
        yield from _step("asked" if note.kind == "asked" else "tried", note.what, width, note.why)
    reply = explained.reply
    if reply is None:
        return
    yield from _step("reply", f"{reply.came_status} {reply.came}" if reply.came_status else reply.came, width)
    if not reply.same:
        given = f"{reply.given_status} {reply.given}, by today's rules" if reply.given_status else reply.given
        yield from _step("answer", given, width)


def _step(name: str, text: str, width: int, why: str = "") -> Iterator[Line]:
    if text:
        whole = shortened(f"{text} ({why})" if why else text, 2 * width)
        yield from hanging([(f"  {name:9} ", "dim")], whole, "", width)
