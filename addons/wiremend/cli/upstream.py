"""``wiremend upstream``: a provider on this machine that answers as the captures do."""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wiremend.errors import PointerError, SetupError
from wiremend.jsonedit import parse_pointer
from wiremend.replay.corpus import CAPTURES, corpus
from wiremend.replay.playing import Miss, Played, PlayingUpstream
from wiremend.replay.rules import Today, rules_beside
from wiremend.replay.run import CUTS
from wiremend.rules.urls import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wiremend.captures.capture import Capture
    from wiremend.jsonedit import Pointer
    from wiremend.replay.corpus import FoundFlow
    from wiremend.replay.playing import Side, Timing
    from wiremend.replay.playing.server import Told
    from wiremend.replay.run import Cuts

_ENDS = (signal.SIGINT, signal.SIGTERM)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


@click.command()
@click.argument("paths", metavar="PATH…", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--timing",
    type=click.Choice(("fast", "recorded")),
    default="fast",
    show_default=True,
    help="When chunks leave: at once, or as long after the request as they came.",
)
@click.option(
    "--cuts", type=click.Choice(CUTS), default="recorded", show_default=True, help="Where answers are cut into chunks."
)
@click.option(
    "--side",
    type=click.Choice(("upstream", "client")),
    default="upstream",
    show_default=True,
    help="What is played: the provider behind Wiremend, or Wiremend and provider for an agent.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Where to listen; without it, any free port.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--rules", type=click.Path(path_type=Path), help="The rules whose replay.ignore counts.")
@click.option("--ignore", multiple=True, metavar="POINTER", help="A place of the request that does not count.")
@click.option("--strict", is_flag=True, help="Exit code 1 also for captures that were never asked for.")
def upstream(  # noqa: PLR0913 - a command's options
    *,
    paths: tuple[Path, ...],
    timing: Timing,
    cuts: Cuts,
    side: Side,
    port: int,
    host: str,
    rules: Path | None,
    ignore: tuple[str, ...],
    strict: bool,
) -> None:
    """Answer as the captures do, so that an agent runs a whole session without a network or a key.

    A PATH is a case's folder, a tree of cases, a repository, or a flow file (FILE:N is one flow of it); without one it
    is ./captures. Each capture answers once. It runs until Ctrl-C or SIGTERM, and then reports; the exit code is 1
    where a request found no capture.
    """
    paths = paths or (Path(CAPTURES),)
    try:
        pointers = [*map(parse_pointer, ignore), *_ignored(rules, paths)]
        named = _read(paths)
    except (SetupError, PointerError) as error:
        raise click.UsageError(str(error)) from None
    screen = _Screen()
    playing = PlayingUpstream(
        named, timing=timing, cuts=cuts, side=side, ignore=pointers, host=host, port=port, tell=screen.told
    )
    if not playing.player.entries:
        for name, why in playing.player.unplayable:
            screen.bad(f"{name}: {why}")
        raise click.UsageError("there is nothing to play")
    # Threads inherit the mask, so both signals wait for `sigwait`, wherever they come.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)
    try:
        with playing:
            screen.begin(playing, side, host)
            signal.sigwait(_ENDS)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    screen.end(playing)
    if playing.misses or screen.broken or (strict and playing.unused):
        sys.exit(1)


def _read(paths: Sequence[Path]) -> list[tuple[str, Capture]]:
    """Read all captures; what cannot be read is told, and the others are played."""
    named = []
    for item in corpus(paths, _read_flows):
        if item.capture is not None:
            named.append((item.name, item.capture))
        elif item.error:
            click.echo(f"wiremend upstream: {_clean(item.error)}", err=True)
    return named


def _read_flows(path: Path) -> Iterable[FoundFlow]:
    from wiremend.mitm.flows import read_flows  # noqa: PLC0415 - mitmproxy is slow to import, and cases need none of it

    return read_flows(path)


def _ignored(rules: Path | None, paths: Sequence[Path]) -> list[Pointer]:
    """Give ``replay.ignore`` of the rules that are named, or of those beside the captures."""
    files = [rules] if rules is not None else [found for path in paths if (found := rules_beside(path)) is not None]
    return [pointer for file in dict.fromkeys(files) for pointer in Today.load(file).replay.ignore]


class _Screen:
    """Prints what happens, a line a request; from many threads."""

    def __init__(self) -> None:
        self.broken = 0
        self._played = self._again = 0
        self._lock = threading.Lock()
        self._colour = False if os.environ.get("NO_COLOR") else True if os.environ.get("FORCE_COLOR") else None

    def begin(self, playing: PlayingUpstream, side: Side, host: str) -> None:
        """Say where it listens, and how to be pointed at it."""
        count = len(playing.player.entries)
        self._say(f"Playing {count} answer{'s' if count != 1 else ''} at {playing.url} until Ctrl-C", bold=True)
        if side == "upstream":
            wires = dict.fromkeys(w for e in playing.player.entries if e.asked.found for w in e.asked.found.wires)
            speaks = f", speaks: [{', '.join(wires)}]" if wires else ""
            self._say(f"  rules.yaml:  providers: {{played: {{base_url: '{playing.url}'{speaks}, key: client}}}}")
        else:
            self._say(f"  ANTHROPIC_BASE_URL={playing.url}  OPENAI_BASE_URL={playing.url}/v1  and any key")
        for name, why in playing.player.unplayable:
            self.bad(f"  {name} is not played: {why}")
        if host not in LOOPBACK:
            self.bad("  other machines can reach this address, and nobody is asked for a key")

    def told(self, told: Told) -> None:
        """Say what became of a request."""
        outcome = told.outcome
        with self._lock:
            if isinstance(outcome, Played):
                self._played += not outcome.again
                self._again += outcome.again
            self.broken += outcome is None
        if outcome is None:
            self.bad(*told.lines)
        elif isinstance(outcome, Miss):
            self.bad(*([f"{outcome.request}: no capture, asked again"] if outcome.again else told.lines))
        else:
            self._say(*told.lines)

    def end(self, playing: PlayingUpstream) -> None:
        """Report."""
        misses, unused = playing.misses, playing.unused
        again = f" ({self._again} more for requests that came again)" if self._again else ""
        self._say("", f"{self._played} of {len(playing.player.entries)} played{again}, {len(misses)} missed", bold=True)
        for miss in misses:
            self.bad(f"  missed: {miss.lines[0]}")
        for name in unused:
            self._say(f"  never asked for: {name}")

    def bad(self, *lines: str) -> None:
        """Say what is wrong, to stderr."""
        self._say(*lines, err=True, fg="red")

    def _say(self, *lines: str, err: bool = False, **style: bool | str) -> None:
        text = "\n".join(click.style(_clean(line), **style) for line in lines)  # type: ignore[arg-type]  # click's names
        with self._lock:
            click.echo(text, err=err, color=self._colour)


def _clean(line: str) -> str:
    """Give a line without what would move a terminal's cursor or change its colours."""
    return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], line)
