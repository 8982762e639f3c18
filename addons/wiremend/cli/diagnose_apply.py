"""The corpus replayed with the rules before and after a change, and the change written where nothing else changes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wiremend.cli.replay_screen import progress
from wiremend.errors import SetupError, WiremendError
from wiremend.explain.change import write
from wiremend.replay.against import Changes, changes, picture
from wiremend.replay.corpus import CAPTURES
from wiremend.replay.corpus import corpus as corpus_at
from wiremend.replay.report import counted, wrapped
from wiremend.replay.rules import Today
from wiremend.replay.run import replay
from wiremend.rules.lookup import private_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wiremend.cli.captures_read import Picked
    from wiremend.cli.diagnose_rules import Book
    from wiremend.explain.diagnose_model import RulesPatch
    from wiremend.replay.corpus import Corpus, Item
    from wiremend.replay.report import Line

_FEW = 5


@dataclass(slots=True)
class Applied:
    """What a change would do to the corpus, and whether it was written.

    ``path`` is the corpus, None where there is none. ``unread`` are the exchanges that could not be compared; ``own``
    counts those whose own rules decide them, so that the change is none of theirs.
    """

    path: Path | None
    target: Path
    found: Changes = field(default_factory=Changes)
    unread: list[str] = field(default_factory=list)
    own: int = 0
    asked: bool = False
    written: bool = False

    @property
    def safe(self) -> bool:
        """Tell whether nothing else changes, as far as there is anything to show it."""
        return not self.found.changed and not self.unread

    def as_plain(self) -> dict[str, Any]:
        """Give it as JSON has it."""
        return {
            "path": None if self.path is None else str(self.path),
            "target": str(self.target),
            "written": self.written,
            "unreadable": self.unread,
            "own_rules": self.own,
            **self.found.as_plain(),
        }

    def lines(self, width: int, *, carets: bool) -> Iterator[Line]:
        """Give the lines that tell of it."""
        yield [("", "")]
        if self.path is not None:
            told = f"{counted(self.found.cases, 'exchange')} of {self.path} replayed with both rules: "
            told += f"{self.found.changed:,} would change" if self.found.changed else "nothing else changes"
            if self.own:
                told += f" ({self.own:,} with rules of their own left out)"
            yield from wrapped([("corpus  ", "name")], told, "bad" if self.found.changed else "", width)
            yield from picture(self.found, width, carets=carets)
            for text in self.unread[:_FEW]:
                yield from wrapped([("  cannot be compared: ", "warn")], text, "", width)
        elif self.asked:
            told = "there is none (./captures, or --corpus PATH): nothing shows what else changes"
            yield from wrapped([("corpus  ", "name")], told, "warn", width)
        if self.written:
            yield [("written  ", "green"), (str(self.target), "")]
        elif self.asked:
            what = "nothing was written: something else would change; --force writes it all the same"
            yield from wrapped([], what, "bad", width)
        else:
            yield [(f"--apply writes it to {self.target}", "dim")]


def would_change(picked: Picked, book: Book, patch: RulesPatch, path: Path | None, *, wanted: bool) -> Applied:
    """Replay a corpus with the rules before and after a change; not where nobody wants it.

    ``path`` None is ./captures, if there is one. The exchange itself does not count. Raises click.UsageError where a
    corpus that is named is none.
    """
    if path is None and not (Path.cwd() / CAPTURES).is_dir():
        return Applied(None, book.target)
    applied = Applied(path or Path(CAPTURES), book.target)
    if not wanted:
        return Applied(None, book.target)
    try:
        corpus = _corpus(applied.path or Path(CAPTURES))
    except SetupError as error:
        if path is None:
            return Applied(None, book.target)
        raise click.UsageError(f"--corpus: {error}") from None
    old, new = (Today(text.removeprefix("\ufeff"), book.path.name) for text in (patch.before, patch.after))
    with progress(corpus.total) as bar:
        for item in corpus:
            bar.step()
            if not item.stranger and not _is_itself(item, picked):
                _compare(item, old, new, applied)
    return applied


def _corpus(path: Path) -> Corpus:
    found = corpus_at((path,))
    if not found.files:
        return found
    from wiremend.mitm.flows import read_flows  # noqa: PLC0415 - mitmproxy is slow to import; cases need none of it

    return replace(found, read_flows=read_flows)


def _is_itself(item: Item, picked: Picked) -> bool:
    if item.case is not None:
        return not picked.number and item.case.folder.resolve() == picked.path.resolve()
    return item.capture is not None and bool(item.capture.id) and item.capture.id == picked.capture.id


def _compare(item: Item, old: Today, new: Today, applied: Applied) -> None:
    if item.rules is not None:
        applied.own += 1
        return
    if item.capture is None:
        applied.unread.append(item.error or f"{item.name}: it holds no capture")
        return
    try:
        before, after = (replay(item.capture, today) for today in (old, new))
        applied.found.add(item.name, changes(item.capture, before, after, ignore=new.replay.ignore))
    except WiremendError as error:
        applied.unread.append(f"{item.name}: {error}")


def apply_patch(book: Book, patch: RulesPatch, applied: Applied, *, force: bool) -> Applied:
    """Write a change, if nothing else changes by it, or it is forced. Raises :class:`ChangeError`."""
    applied.asked = True
    if not (applied.safe or force):
        return applied
    if book.target != book.path:
        if book.target.exists():
            raise SetupError(f"{book.target}: it is there, but not in force; name it by --rules")
        try:
            private_folder(book.target.parent, book.target.parent)
            with book.target.open("x", encoding="utf-8", newline="") as file:
                file.write(patch.after)
        except OSError as error:
            raise SetupError(f"{book.target}: it cannot be written: {error.strerror}") from None
    else:
        write(book.target, patch.before, patch.after)
    applied.written = True
    return applied
