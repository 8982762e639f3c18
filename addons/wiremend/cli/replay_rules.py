"""The rules of a replay: those of a case's own folder, else those of all others; and two rules files side by side."""

from __future__ import annotations

import json
import os
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import click

from wiremend.cli.replay_screen import Screen, progress
from wiremend.errors import WiremendError
from wiremend.replay.against import Changes, changes, comment, picture
from wiremend.replay.report import Result, counted
from wiremend.replay.rules import Today
from wiremend.replay.run import replay
from wiremend.rules.load import read_rules

if TYPE_CHECKING:
    from wiremend.cli.replay_run import Job
    from wiremend.replay.corpus import Item
    from wiremend.rules.lookup import Found

_HELD: Final = 64
"""How many rules of cases are kept: cases of one kind have the same ones, one after the other."""


@dataclass(slots=True)
class Books:
    """Rules by the case that they are for. ``main`` are those of all cases without their own, ``shown`` is its path."""

    main: Today
    shown: str
    _own: OrderedDict[str, Today] = field(default_factory=OrderedDict)

    @classmethod
    def load(cls, found: Found) -> Books:
        """Read the rules for all cases without their own. Raises :class:`RulesError`."""
        near = os.path.relpath(found.path)
        return cls(Today.load(found.path), str(found.path) if near.startswith("..") else near)

    def for_item(self, item: Item) -> Today:
        """Give the rules for a case or a flow. Raises :class:`RulesError` for its own."""
        if item.rules is None:
            return self.main
        text = read_rules(item.rules)
        if text in self._own:
            self._own.move_to_end(text)
            return self._own[text]
        if len(self._own) >= _HELD:
            self._own.popitem(last=False)
        today = self._own[text] = Today(text, item.rules.name)
        return today


def show_changes(job: Job, old: Books, new: Books) -> int:
    """Say what other rules would change in a corpus; gives the exit code."""
    found, failed, own, began = Changes(), list[Result](), 0, time.monotonic()
    unreadable = 0
    with progress(job.corpus.total) as bar:
        for item in job.corpus:
            bar.step()
            if item.stranger:
                continue
            if item.rules is not None:
                own += 1
                continue
            error = _compared(item, job, old, new, found)
            if error is not None:
                unreadable += 1
                if len(failed) < _HELD:
                    failed.append(Result(item.name, error=error))
    skipped = {"own_rules": own, "unreadable": unreadable}
    _tell(job, found, failed, (old.shown, new.shown), skipped, time.monotonic() - began)
    return 1 if found.changed or unreadable else 0


def _compared(item: Item, job: Job, old: Books, new: Books, found: Changes) -> str | None:
    """Compare what both make of an exchange; gives why that was not possible."""
    if item.capture is None:
        return item.error or "it holds no capture"
    try:
        before, after = (replay(item.capture, books.main, job.cuts, job.seed) for books in (old, new))
        found.add(item.name, changes(item.capture, before, after, ignore=new.main.replay.ignore))
    except WiremendError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - a bug of ours at one case is not the end of the others (G7)
        return f"this is a bug of Wiremend's: {type(error).__name__}: {error}"
    return None


def _tell(  # noqa: PLR0913, PLR0917 - all that there is to tell
    job: Job,
    found: Changes,
    failed: list[Result],
    names: tuple[str, str],
    skipped: dict[str, int],
    seconds: float,
) -> None:
    if job.form == "json":
        errors = [{"name": one.name, "error": one.error} for one in failed]
        rules = {"old": names[0], "new": names[1]}
        click.echo(json.dumps({"format": 1, **rules, **found.as_plain(), "errors": errors, **skipped}, indent=2))
        return
    if job.form == "markdown":
        click.echo(comment(found, *names, failed), nl=False)
        return
    screen = Screen(os.environ)
    for result in failed:
        screen.result(result)
    screen.lines(picture(found, screen.width, carets=screen.plain))
    told = f"{names[0]} -> {names[1]}: {counted(found.cases, 'case')}, {found.changed:,} would change"
    if skipped["unreadable"]:
        told += f", {skipped['unreadable']:,} cannot be replayed"
    if skipped["own_rules"]:
        told += f", {skipped['own_rules']:,} with own rules left out"
    screen.line(f"{told}; {seconds:.2f} s")
