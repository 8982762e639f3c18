"""How ``wiremend replay`` looks on a terminal: lines with colours or without, and a bar while it works."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.text import Text

from wiremend.cli.picture import make_console
from wiremend.replay.beside import visible
from wiremend.replay.coverage import LISTED
from wiremend.replay.report import counted, picture, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from wiremend.replay.coverage import Coverage
    from wiremend.replay.report import Line, Result

STYLES: Final = {
    "name": "bold",
    "place": "bold",
    "cause": "cyan",
    "red": "red",
    "green": "green",
    "mark-red": "bold red reverse",
    "mark-green": "bold green reverse",
    "dim": "dim",
    "bad": "bold red",
    "warn": "bold yellow",
}

_BETWEEN: Final = 0.1
"""Seconds between two looks of the bar."""


class Screen:
    """Prints lines on stdout."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Print as wide as the terminal is."""
        self.console = make_console(environ)
        self.plain = self.console.color_system is None
        self.width = self.console.width

    def result(self, result: Result) -> None:
        """Print what is to be said of a case."""
        self.lines(picture(result, self.width, carets=self.plain))

    def lines(self, lines: Iterable[Line]) -> None:
        """Print lines that fit."""
        for line in lines:
            text = Text.assemble(*((visible(piece), STYLES.get(style, "")) for piece, style in line))
            text.rstrip()
            self.console.print(text, soft_wrap=True)

    def line(self, text: str, style: str = "", indent: str = "") -> None:
        """Print a text, wrapped."""
        self.lines(wrapped([(indent, "")], text, style, self.width))

    def coverage(self, covered: Coverage) -> None:
        """Print which rules are dead, and which cases no rule touched."""
        self.line("")
        dead = covered.dead
        self.line(f"{covered.file}: {counted(len(dead), 'part')} that no case exercised")
        for one in dead:
            self.line(f"{one.place}: {one.kind} {one.name}: {one.what}", indent="  ")
        if covered.idle:
            self.line(f"quirks that are on by themselves and changed nothing in any case: {', '.join(covered.idle)}")
        if covered.untouched_count:
            self.line(f"{counted(covered.untouched_count, 'case')} that no rule touched")
            for name, how in covered.untouched:
                self.line(f"{name}: {how}", indent="  ")
            if covered.untouched_count > LISTED:
                self.line(f"… and {covered.untouched_count - LISTED:,} more", indent="  ")
        if covered.own:
            self.line(f"{counted(covered.own, 'case')} with own rules not counted")


class Bar:
    """A progress bar on stderr, if that is a terminal; without threads, and gone at the end."""

    def __init__(self, total: int | None) -> None:
        """Begin; ``total`` is None where it is not known."""
        self._bar: Progress | None = None
        self._seen, self._next = 0, 0.0
        if sys.stderr.isatty():
            columns = (SpinnerColumn(), TextColumn("replaying"), BarColumn(), MofNCompleteColumn())
            console = Console(stderr=True)
            self._bar = Progress(
                *columns,
                console=console,
                transient=True,
                auto_refresh=False,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._task = self._bar.add_task("", total=total)
            self._bar.start()

    def step(self) -> None:
        """Count one, and show it if the last look is some time ago."""
        self._seen += 1
        if self._bar is not None and time.monotonic() >= self._next:
            self._bar.update(self._task, completed=self._seen, refresh=True)
            self._next = time.monotonic() + _BETWEEN

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Take the bar away while lines are printed."""
        if self._bar is None:
            yield
            return
        self._bar.stop()
        try:
            yield
        finally:
            sys.stdout.flush()
            self._bar.start()

    def stop(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()


@contextmanager
def progress(total: int | None) -> Iterator[Bar]:
    """Show a bar while the work goes on."""
    bar = Bar(total)
    try:
        yield bar
    finally:
        bar.stop()
