"""``wiremend import``: a Plano file as a rules.yaml, each line with the place that it comes from."""

from __future__ import annotations

import json
import os
import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from wiremend.cli.setup_rules import read_text, write_whole
from wiremend.errors import RulesError, SetupError
from wiremend.rules.load import load_rules, read_rules
from wiremend.rules.plano.detect import is_ours, is_plano, whose
from wiremend.rules.plano.shapes import NEW, OLD
from wiremend.rules.plano.source import imported
from wiremend.rules.tree import parse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wiremend.errors import Problem
    from wiremend.rules.tree import Node

FORMAT: Final = 1
"""The version of the JSON form; it is raised where a key changes its meaning or goes."""


@click.command(name="import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="Where to write; else to stdout.")
@click.option("--force", is_flag=True, help="With -o: write over a file that is there.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: format, file, sound, problems, rules, written.")
def import_plano(file: Path, output: Path | None, *, force: bool, as_json: bool) -> None:
    """Write the rules.yaml that does what a Plano file does, with the line of the Plano file behind each of its own.

    What has no meaning for Wiremend is named on stderr and at the top of the rules. Nothing is sent and no credential
    is resolved. A Plano file also does as it is, wherever a rules file is asked for. Exit code 1 where it is not sound.
    """
    if force and output is None:
        raise click.UsageError("--force is for --output")
    before = _before(output, file, force=force)
    try:
        text, findings = _rules(file, str(output or "rules.yaml"))
    except RulesError as error:
        if as_json:
            _print(file, error.problems, None, None)
        else:
            _tell(error.problems)
            errors = sum(problem.severity == "error" for problem in error.problems)
            click.echo(f"\n{errors} error{'s' if errors != 1 else ''}; nothing was written", err=True)
        sys.exit(1)
    if output is not None:
        write_whole(output, text, before)
    if as_json:
        _print(file, findings, text, output)
        return
    _tell(findings)
    if output is None:
        click.echo(text, nl=False)
        return
    there = shlex.quote(str(output))
    click.echo(f"{output} is written and sound. Run it:  wiremend proxy --rules {there}", err=True)


def _before(output: Path | None, file: Path, *, force: bool) -> str | None:
    """Give what stands where the rules are to go, None for nothing. Raises :class:`SetupError` where it is to stay."""
    if output is None or not output.exists():
        return None
    if file.exists() and output.samefile(file):
        raise SetupError(f"{output} is the Plano file itself; write the rules to another")
    if not force:
        raise SetupError(f"{output} is there already; with --force it is written over")
    return read_text(output)


def _rules(file: Path, name: str) -> tuple[str, tuple[Problem, ...]]:
    """Give the rules that a Plano file makes, and what is to be told of it; ``name`` is what they will be called.

    Raises :class:`SetupError` for another file, :class:`RulesError` for one that is not sound.
    """
    if not file.is_file():
        raise SetupError(f"{file} {'is a folder' if file.is_dir() else 'does not exist'}")
    text = read_rules(file)
    root, problems = parse(text, str(file))
    if not is_plano(root):
        raise SetupError(_no_plano(root, file))
    found = load_rules(text, str(file), os.environ, offline=True)
    made = imported(root, problems, str(file)).text
    load_rules(made, name, os.environ, offline=True)
    return made, found.warnings


def _no_plano(root: Node, file: Path) -> str:
    """Say why a file is not taken for a Plano file, and what to do with it."""
    both = sorted(root.mapping.keys() & {OLD, NEW})
    if both and is_ours(root):
        return f"{file} has {both[0]!r} of a Plano file, and keys of a rules file; which of them is it to be?"
    if is_ours(root):
        return f"{file} is a rules file already; use it as it is:  wiremend check {shlex.quote(str(file))}"
    program = whose(root)
    if program is not None:
        return f"this is not a Plano file: {file} looks like one of {program}'s; docs/rules.md tells how to write rules"
    return f"this is not a Plano file: at the top of {file} there is neither {NEW!r} nor {OLD!r}"


def _tell(problems: Iterable[Problem]) -> None:
    for problem in problems:
        click.echo(str(problem), err=True)


def _print(file: Path, problems: Iterable[Problem], rules: str | None, written: Path | None) -> None:
    said = {
        "format": FORMAT,
        "file": str(file),
        "sound": rules is not None,
        "problems": [asdict(problem) for problem in problems],
        "rules": rules,
        "written": None if written is None else str(written),
    }
    click.echo(json.dumps(said, indent=2, ensure_ascii=False))
