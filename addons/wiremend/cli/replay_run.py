"""The work of ``wiremend replay``: one exchange after the other, and what is said of each as soon as it is known.

Of an exchange in which nothing differs nothing is kept, so that a corpus of any size takes the memory of one.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import click

from wiremend.cli.replay_screen import Screen, progress
from wiremend.errors import WiremendError
from wiremend.replay.compare import compare
from wiremend.replay.coverage import Coverage
from wiremend.replay.report import Comment, Counts, Result, as_plain
from wiremend.replay.run import replay
from wiremend.replay.stale import stale
from wiremend.replay.update import update_case

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wiremend.captures.capture import Capture
    from wiremend.cli.replay_rules import Books
    from wiremend.replay.corpus import Corpus, Item
    from wiremend.replay.run import Cuts, Replayed

type Form = Literal["text", "markdown", "json"]

FORMAT = 1
"""The version of what ``--json`` prints."""


@dataclass(slots=True)
class Job:
    """What is to be replayed, and how. ``max_age`` is in seconds; None: as the rules say."""

    corpus: Corpus
    cuts: Cuts
    seed: int
    form: Form
    strict: bool = False
    update: bool = False
    max_age: float | None = None
    clients: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Judged:
    """An item, what is to be said of it (None: it is no capture), and what became of it."""

    item: Item
    result: Result | None
    replayed: Replayed | None = None


def judged(job: Job, books: Books) -> Iterator[Judged]:
    """Replay and compare all of a corpus, one after the other. What fails is said of the one that it is."""
    for item in job.corpus:
        if item.stranger:
            yield Judged(item, None)
            continue
        try:
            yield _judge(item, job, books)
        except WiremendError as error:
            yield Judged(item, Result(item.name, error=str(error)))
        except Exception as error:  # noqa: BLE001 - a bug of ours at one case is not the end of the others (G7)
            told = f"this is a bug of Wiremend's: {type(error).__name__}: {error}"
            yield Judged(item, Result(item.name, error=told))


def _judge(item: Item, job: Job, books: Books) -> Judged:
    capture, title = item.capture, item.case.title if item.case is not None else ""
    if capture is None:
        return Judged(item, Result(item.name, title, error=item.error or "it holds no capture"))
    today = books.for_item(item)
    replayed = replay(capture, today, job.cuts, job.seed)
    expect = item.case.about.get("expect") if item.case is not None else None
    differences = tuple(compare(capture, replayed, ignore=today.replay.ignore, expect=expect))
    max_age = today.replay.max_age if job.max_age is None else job.max_age
    warnings = [*stale(capture, time.time(), max_age, job.clients), *missing(capture)]
    if job.strict:
        warnings += reworded(capture, replayed)
    updated: tuple[str, ...] = ()
    if job.update and item.case is not None:
        updated = update_case(item.case, replayed, differences)
    return Judged(item, Result(item.name, title, differences, tuple(warnings), updated=updated), replayed)


def missing(capture: Capture) -> list[str]:
    """Say which parts a capture should have and has not, so that they are not compared."""
    attempt = capture.attempt
    if attempt is None:
        return [] if capture.answer is not None else ["incomplete: only the client's request was kept"]
    if attempt.response is None and attempt.error is None:
        return ["incomplete: the provider's reply is missing"] if capture.answer is not None else []
    return ["incomplete: what the client got is missing"] if capture.answer is None and capture.error is None else []


def reworded(capture: Capture, replayed: Replayed) -> list[str]:
    """Say which notes tell the same in other words."""
    if not capture.rules:
        return []
    before = {(note.kind, note.short, note.where): note.what for note in capture.notes}
    return [
        f"reworded: the note {note.short or note.kind} said {was!r} and says {note.what!r}"
        for note in replayed.notes
        if (was := before.get((note.kind, note.short, note.where))) is not None and was != note.what
    ]


# -- what is said


def show(job: Job, books: Books, found: Iterator[Judged], *, coverage: bool) -> int:
    """Say what is found, as it is found; gives the exit code."""
    counts, began = Counts(), time.monotonic()
    covered = Coverage(books.main.rules, books.shown) if coverage else None
    tellers: dict[str, type[_Text | _Markdown | _Json]] = {"text": _Text, "markdown": _Markdown, "json": _Json}
    teller = tellers[job.form](counts)
    with progress(job.corpus.total) as bar:
        for one in found:
            if one.result is None:
                counts.strangers += 1
                continue
            counts.add(one.result)
            if one.result.differences or one.result.warnings or one.result.error is not None:
                with bar.aside():
                    teller.result(one.result)
            if covered is not None and one.replayed is not None:
                if one.item.rules is not None:
                    covered.own += 1
                else:
                    covered.add(one.item.name, one.replayed)
            bar.step()
    counts.seconds = time.monotonic() - began
    teller.end(covered)
    dead = covered is not None and not covered.complete
    return 1 if counts.differ or counts.unreadable or (job.strict and (counts.warnings or dead)) else 0


class _Text:
    """For a person."""

    def __init__(self, counts: Counts) -> None:
        self.counts = counts
        self.screen = Screen(os.environ)

    def result(self, result: Result) -> None:
        self.screen.result(result)

    def end(self, covered: Coverage | None) -> None:
        self.screen.line(self.counts.told())
        if covered is not None:
            self.screen.coverage(covered)


class _Markdown:
    """For a pull request."""

    def __init__(self, counts: Counts) -> None:
        self.counts = counts
        self.comment = Comment()

    def result(self, result: Result) -> None:
        self.comment.add(result)

    def end(self, covered: Coverage | None) -> None:
        if covered is not None:
            self.comment.section(covered.as_markdown())
        click.echo(self.comment.text(self.counts), nl=False)


class _Json:
    """For a program: one object, written as it grows."""

    def __init__(self, counts: Counts) -> None:
        self.counts = counts
        self.begun = False

    def result(self, result: Result) -> None:
        click.echo("," if self.begun else f'{{"format": {FORMAT}, "cases": [')
        click.echo(json.dumps(as_plain(result)), nl=False)
        self.begun = True

    def end(self, covered: Coverage | None) -> None:
        counts = self.counts
        summary = {
            name: getattr(counts, name)
            for name in ("cases", "same", "differ", "updated", "unreadable", "warnings", "strangers")
        }
        summary["seconds"] = round(counts.seconds, 3)
        click.echo("\n]," if self.begun else f'{{"format": {FORMAT}, "cases": [],')
        more = f', "coverage": {json.dumps(covered.as_plain())}' if covered is not None else ""
        click.echo(f'"summary": {json.dumps(summary)}{more}}}')
