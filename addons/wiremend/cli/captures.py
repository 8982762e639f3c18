"""``wiremend captures``: list, show, keep and scrub what was remembered."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click
from rich.text import Text

from wiremend.cli.captures_clean import Cleaner
from wiremend.cli.captures_find import HOW, Finder, seen
from wiremend.cli.captures_keep import add as keep_all
from wiremend.cli.captures_keep import folders, import_files, import_target, suspects
from wiremend.cli.captures_keep import scrub as scrub_path
from wiremend.cli.captures_list import Filter
from wiremend.cli.captures_list import show as show_rows
from wiremend.cli.captures_read import row_of, size
from wiremend.cli.captures_show import Page, Side, raw
from wiremend.cli.picture import hang, make_console
from wiremend.errors import CaptureError
from wiremend.quirks import all_quirks
from wiremend.replay.beside import visible
from wiremend.rules.suggest import did_you_mean
from wiremend.rules.units import parse_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

    from wiremend.captures.personal import ToRead

_PATH = click.Path(path_type=Path)


@click.group()
def captures() -> None:
    """List, show, keep and scrub what was remembered.

    A capture is named by FILE:N (its number in the list), or by the beginning of its id.
    """


@captures.command("list")
@click.argument("files", nargs=-1, type=_PATH, metavar="[FILE]...")
@click.option("--client", metavar="GLOB", help="Only those of this agent (claude-code, codex, ...).")
@click.option("--model", metavar="GLOB", help="Only those that asked for this model, or were sent to it.")
@click.option("--failed", is_flag=True, help="Only those that went wrong for the client.")
@click.option("--mended", is_flag=True, help="Only those in which something was mended or lost.")
@click.option("--since", metavar="TIME", help="Only the newest: 30m, 2h, 7d.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(  # noqa: PLR0913 - the filters, each by its name
    files: tuple[Path, ...],
    *,
    client: str | None,
    model: str | None,
    failed: bool,
    mended: bool,
    since: str | None,
    as_json: bool,
) -> None:
    """List captures, the newest last: those of the FILEs, or of your own folder.

    FILE is a flow file, a HAR, a case, or a folder.
    """
    finder, start = Finder(), _since(since)
    wanted = Filter(client, model, failed=failed, mended=mended, since=start)
    paths = list(files) or finder.files(start)
    rows = []
    for path in paths:
        rows += [row for one in finder.every(path) if wanted.takes(row := row_of(seen(one)))]
    if as_json:
        click.echo(json.dumps([row.plain() for row in rows], indent=2))
        _warn(finder)
        return
    console = make_console(os.environ)
    if rows:
        show_rows(rows, console)
        console.print()
    count = f"{len(rows)} capture{'' if len(rows) == 1 else 's'}"
    place = "" if files else f" in {finder.folder()}"
    some = " of this kind" if wanted != Filter() else ""
    others = f"; {_others(finder.others)} no LLM call" if finder.others else ""
    told = f"{count}{some}{place}{others}."
    if rows:
        told += " wiremend captures show FILE:N, or the id, shows one."
    elif not files and not paths and start is None:
        told += f" {HOW[0].upper()}{HOW[1:]}."
    hang(console, Text(""), Text(told))
    _warn(finder)


@captures.command()
@click.argument("capture")
@click.option("--side", type=click.Choice(get_args(Side.__value__)), help="Show the bodies of this side whole.")
@click.option("--events", is_flag=True, help="Show every event of a stream, whole.")
@click.option(
    "--raw", "part", metavar="PART", help="Write exact bytes: client.request, client.sse, upstream.request ..."
)
def show(capture: str, *, side: Side | None, events: bool, part: str | None) -> None:
    """Show a capture: what was decided and why, what was mended, times, and both sides' bodies."""
    finder = Finder()
    picked = finder.one(capture)
    # What others recorded was never scrubbed; of what Wiremend did, this is the very same again.
    picked = replace(picked, capture=Cleaner(os.environ, personal=False).scrubbed(picked))
    if part is not None:
        sys.stdout.buffer.write(raw(picked.capture, part))
        return
    Page(make_console(os.environ), side, events=events).show(picked)
    _warn(finder)


@captures.command()
@click.argument("capture")
@click.option("--name", required=True, help="The case's name, such as kimi-tool-call-no-index.")
@click.option("--to", type=_PATH, default=Path("captures"), show_default=True, help="The folder that holds the cases.")
@click.option("--title", help="What happens, in a line.")
@click.option("--quirk", help="The quirk that the case is about.")
@click.option("--all", "every", is_flag=True, help="All captures of the file, as NAME-01, NAME-02 ...")
@click.option("--force", is_flag=True, help="Write a case anew that is there already.")
def add(  # noqa: PLR0913 - what a case is made of, each by its name
    capture: str, *, name: str, to: Path, title: str | None, quirk: str | None, every: bool, force: bool
) -> None:
    """Keep a capture as a case: a folder of text, scrubbed, that a person can review and `wiremend replay` runs.

    CAPTURE is FILE:N, FILE:N-M (a session: NAME-01, NAME-02 ...), or the beginning of an id; FILE is a flow file or a
    HAR. Your home folder, user, host and e-mail addresses are replaced as well.
    """
    if quirk is not None and quirk not in all_quirks():
        raise click.UsageError(f"there is no quirk {quirk!r}{did_you_mean(quirk, all_quirks())}")
    finder, cleaner = Finder(), Cleaner(os.environ, personal=True)
    several = every or re.fullmatch(r".+:\d+-\d+", capture)
    found = finder.some(capture) if several else [finder.one(capture)]
    console = make_console(os.environ)
    about = {"quirk": quirk} if quirk else {}
    kept = list(keep_all(found, folders(found, name, to), cleaner, title=title, about=about, force=force))
    for case in kept:
        hang(console, Text(""), Text.assemble((str(case.folder), "bold")))
        for file in sorted(path for path in case.folder.rglob("*") if path.is_file()):
            console.print(Text(f"  {size(file.stat().st_size):>8}  {file.relative_to(case.folder)}"), soft_wrap=True)
    console.print()
    tell_to_read(console, [(str(case.folder), case.to_read) for case in kept])
    hang(console, Text(""), Text("Then:", "bold"))
    where = str(kept[0].folder) if len(kept) == 1 else str(kept[0].folder.parent)
    hang(console, Text("  "), Text(f"wiremend replay {where}"))
    hang(console, Text("  "), Text(f"git add {' '.join(str(case.folder) for case in kept)}"))
    _warn(finder)


@captures.command()
@click.argument("paths", nargs=-1, required=True, type=_PATH, metavar="PATH...")
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 where something looks like a secret.")
def scrub(paths: tuple[Path, ...], *, check: bool) -> None:
    """Replace secrets, and what tells who you are, in cases (where they lie) and flow files (into a new one beside).

    With --check only say where something looks like one; the value itself is never shown.
    """
    finder, cleaner = Finder(), Cleaner(os.environ, personal=True)
    if check:
        found = list(suspects(paths, finder, cleaner))
        for one in found:
            click.echo(f"{one.where}: {one.finding}")
        if finder.others:
            click.echo(f"{_others(finder.others)} no LLM call, and not looked at", err=True)
        _warn(finder)
        if found:
            count = f"{len(found)} place{' looks' if len(found) == 1 else 's look'}"
            click.echo(f"\n{count} like a secret; wiremend captures scrub replaces what it knows", err=True)
            sys.exit(1)
        click.echo("nothing looks like a secret")
        return
    for path in paths:
        for written, changed in scrub_path(path, finder, cleaner):
            if written.is_dir():
                click.echo(f"{written}: {'scrubbed' if changed else 'nothing to do'}")
            else:
                click.echo(f"{written}: written; {changed} capture{'' if changed == 1 else 's'} changed")
    if finder.others:
        click.echo(f"{_others(finder.others)} no LLM call, and left out")
    _warn(finder)


@captures.command("import")
@click.argument("files", nargs=-1, required=True, type=_PATH, metavar="FILE...")
@click.option("--to", type=_PATH, help="The capture file to write; without it, one in your own folder.")
@click.option("--force", is_flag=True, help="Write it anew if it is there already.")
def import_(files: tuple[Path, ...], *, to: Path | None, force: bool) -> None:
    """Make a capture file of what others recorded: a HAR, or a flow file of plain mitmproxy. It is scrubbed.

    Only the LLM calls are taken.
    """
    finder, cleaner = Finder(), Cleaner(os.environ, personal=False)
    target = to or import_target(files[0], finder)
    count = import_files(files, target, finder, cleaner, force=force)
    others = f"{_others(finder.others)} left out"
    if not count:
        _warn(finder)
        raise CaptureError(
            f"{', '.join(map(str, files))}: there is no LLM call in it; {others}, and nothing was written"
        )
    click.echo(f"{target}: {count} LLM call{'' if count == 1 else 's'}" + (f"; {others}" if finder.others else ""))
    _warn(finder)


def tell_to_read(console: Console, listed: Iterable[tuple[str, Sequence[ToRead]]]) -> None:
    """List what a person should read before anybody else does."""
    hang(console, Text(""), Text("Read this before you share it; only you can tell what is private in it:", "bold"))
    some = False
    for place, entries in listed:
        for entry in entries:
            some = True
            hang(console, Text("  "), Text(visible(f"{place}: {entry.where}: {entry.what}")))
    if not some:
        hang(console, Text("  "), Text("nothing but the heads of request and reply"))
    console.print()


def _others(count: int) -> str:
    return f"{count} other request{' was' if count == 1 else 's were'}"


def _since(text: str | None) -> float | None:
    """Give the time that an age means, in seconds since 1970. Raises click.UsageError where it is none."""
    if text is None:
        return None
    seconds = parse_duration(text.strip())
    if seconds <= 0:
        raise click.UsageError(f"--since {text}: write an age such as 30m, 2h or 7d")
    return time.time() - seconds


def _warn(finder: Finder) -> None:
    for warning in finder.warnings:
        click.echo(f"warning: {warning}", err=True)
