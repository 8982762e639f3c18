"""``wiremend diagnose``: what is wrong with an exchange, who minds, why, and the smallest change that mends it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import click

from wiremend.cli.captures_find import Finder, seen
from wiremend.cli.diagnose_apply import apply_patch, would_change
from wiremend.cli.diagnose_rules import rules_for
from wiremend.cli.replay_screen import Screen
from wiremend.cli.unwritable import refuse_plano
from wiremend.explain.diagnose import diagnose as diagnosed
from wiremend.explain.diagnose_model import to_plain
from wiremend.explain.diagnose_text import lines
from wiremend.replay.beside import visible

USAGE = 2


@click.command()
@click.argument("capture")
@click.option("--rules", type=click.Path(path_type=Path), help="The rules to diagnose by, and to change.")
@click.option(
    "--apply", "applies", is_flag=True, help="Write the change, if the corpus shows that nothing else changes."
)
@click.option("--corpus", type=click.Path(path_type=Path), help="What must not change; without it ./captures, if any.")
@click.option("--force", is_flag=True, help="With --apply: write it, whatever else changes.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def diagnose(  # noqa: PLR0913 - a command's options, which click gives by name
    capture: str, rules: Path | None, corpus: Path | None, *, applies: bool, force: bool, as_json: bool
) -> None:
    """Diagnose an exchange: which strict clients would reject its reply, why, and what to change in rules.yaml.

    CAPTURE is FILE:N of a flow file or a HAR, a case's folder, or the beginning of an id. Nothing is sent. The exit
    code is 0 where nothing is wrong for the client, 1 where a problem was found (also where its change was applied),
    and 2 where the command line is wrong.
    """
    if force and not applies:
        raise click.UsageError("--force is for --apply")
    finder = Finder()
    picked = seen(finder.one(capture))
    book = rules_for(picked, rules)
    if applies and book.made:
        raise refuse_plano(book.path)
    found = diagnosed(picked.capture, book.today, book.text)
    applied = None
    if found.patch is not None:
        changes = would_change(picked, book, found.patch, corpus, wanted=applies or corpus is not None)
        applied = apply_patch(book, found.patch, changes, force=force) if applies else changes
    elif corpus is not None and not corpus.exists():
        raise click.UsageError(f"--corpus {corpus} does not exist")
    if as_json:
        plain = {"where": picked.where, "id": picked.capture.id, "rules": str(book.path), **to_plain(found)}
        plain["corpus"] = applied.as_plain() if applied is not None else None
        click.echo(json.dumps(plain, indent=2))
    else:
        screen = Screen(os.environ)
        screen.line(visible(f"{picked.where}  {picked.capture.id}  by {book.shown}"), "dim")
        screen.lines(lines(found, screen.width))
        if book.made and found.patch is not None:
            screen.line(visible(f"the change is of the rules that `wiremend import {book.shown}` makes"), "dim")
        if applied is not None:
            screen.lines(applied.lines(screen.width, carets=screen.plain))
        elif found.patch is None and applies:
            screen.line("nothing was written: there is no change to apply", "warn")
    for warning in finder.warnings:
        click.echo(f"warning: {visible(warning)}", err=True)
    sys.exit(1 if found.problem else 0)
