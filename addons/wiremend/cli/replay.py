"""``wiremend replay``: captures and cases through today's rules, offline, and what differs (G10)."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wiremend.cli.replay_rules import Books, show_changes
from wiremend.cli.replay_run import Job, judged, show
from wiremend.errors import RulesError, SetupError
from wiremend.replay.corpus import CAPTURES, corpus
from wiremend.replay.run import CUTS
from wiremend.rules.checks import check_duration
from wiremend.rules.lookup import find_rules
from wiremend.rules.units import parse_duration

if TYPE_CHECKING:
    from wiremend.cli.replay_run import Form
    from wiremend.replay.corpus import Corpus
    from wiremend.replay.run import Cuts

USAGE = 2


@click.command()
@click.argument("paths", metavar="[PATH]…", nargs=-1, type=click.Path(path_type=Path))
@click.option("--rules", type=click.Path(path_type=Path), help="Rules for what has none of its own.")
@click.option(
    "--cuts",
    type=click.Choice(CUTS),
    default="recorded",
    show_default=True,
    help="How the provider's reply comes: which must not matter.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Chooses the cuts of --cuts random.")
@click.option("--strict", is_flag=True, help="Warnings are errors too.")
@click.option("--update", is_flag=True, help="Rewrite what cases expect, and print what changed.")
@click.option("--against", type=click.Path(path_type=Path), help="Compare the rules with these, on the same traffic.")
@click.option("--coverage", is_flag=True, help="Tell which rules no case exercised, and which cases no rule touched.")
@click.option("--markdown", is_flag=True, help="Print a comment for a pull request.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--max-age", help="Warn of what is older, such as 90d; else replay.max_age of the rules.")
@click.option("--client-version", "clients", metavar="NAME=VERSION", multiple=True, help="Warn of another version.")
def replay(  # noqa: PLR0913, PLR0917 - a command's options, which click gives by name
    paths: tuple[Path, ...],
    rules: Path | None,
    cuts: Cuts,
    seed: int,
    against: Path | None,
    max_age: str | None,
    clients: tuple[str, ...],
    *,
    strict: bool,
    update: bool,
    coverage: bool,
    markdown: bool,
    as_json: bool,
) -> None:
    """Replay captures and cases through today's rules, without a network, and say what differs.

    A PATH is a case's folder, a tree of cases, a repository, or a flow file (FILE:N is one flow of it); without one it
    is ./captures. A case's own rules.yaml counts for it; for all others --rules does, or the rules that `wiremend
    check` finds. The exit code is 1 where anything differs, and 2 where nothing could be replayed.
    """
    _judge_options(update=update, against=against, coverage=coverage, markdown=markdown, as_json=as_json)
    form: Form = "markdown" if markdown else "json" if as_json else "text"
    try:
        found = _corpus(paths, update=update)
        books = Books.load(find_rules(rules, os.environ, folder=Path.cwd()))
        job = Job(found, cuts, seed, form, strict=strict, update=update)
        job.max_age, job.clients = _age(max_age), _versions(clients)
        if against is not None:
            other = Books.load(find_rules(against, os.environ))
            sys.exit(show_changes(job, books, other))
    except SetupError as error:
        raise click.UsageError(str(error)) from None
    except RulesError as error:
        for problem in error.problems:
            click.echo(str(problem), err=True)
        click.echo("\nnothing was replayed: the rules cannot be used", err=True)
        sys.exit(USAGE)
    sys.exit(show(job, books, judged(job, books), coverage=coverage))


def _judge_options(*, update: bool, against: Path | None, coverage: bool, markdown: bool, as_json: bool) -> None:
    if against is not None and (update or coverage):
        raise click.UsageError(f"--against compares two rules files; --{'update' if update else 'coverage'} is for one")
    if markdown and as_json:
        raise click.UsageError("--markdown and --json are two forms of the same; choose one")


def _corpus(paths: tuple[Path, ...], *, update: bool) -> Corpus:
    found = corpus(paths or (Path(CAPTURES),))
    if found.files:
        from wiremend.mitm.flows import read_flows  # noqa: PLC0415 - mitmproxy is slow to import; cases need none of it

        found = replace(found, read_flows=read_flows)
    if update and not found.folders:
        raise SetupError("--update rewrites cases, and there is none here; flow files are never rewritten")
    return found


def _age(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        check_duration(text)
    except ValueError as error:
        raise click.UsageError(f"--max-age: {error}") from None
    return parse_duration(text)


def _versions(given: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for text in given:
        name, mark, version = text.partition("=")
        if not (name and mark and version):
            raise click.UsageError(f"--client-version: {text!r} is not NAME=VERSION, such as claude-code=2.1.197")
        found[name] = version
    return found
