"""``wiremend check``: what is wrong with a rules file, or what it does."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wiremend.errors import RulesError
from wiremend.rules.load import load_rules, read_rules
from wiremend.rules.lookup import find_rules
from wiremend.rules.resolve import reachable
from wiremend.rules.schema import json_schema

if TYPE_CHECKING:
    from wiremend.rules.load import Loaded
    from wiremend.rules.model import When
    from wiremend.rules.resolve import Resolved, Upstream


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--offline", is_flag=True, help="Resolve no credential: for CI, and for files that are not yours.")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of rules.yaml, for editors.")
def check(file: Path | None, *, offline: bool, schema: bool) -> None:
    """Read a rules file and print every problem (exit code 1), or what the file does (0).

    Without FILE: the rules.yaml of this folder, else the one in force. One that merely lies in this folder is read
    without resolving its credentials.
    """
    if schema:
        click.echo(json.dumps(json_schema(), indent=2))
        return
    found = find_rules(file, os.environ, folder=Path.cwd())
    offline = offline or found.origin == "folder"
    try:
        loaded = load_rules(read_rules(found.path), str(file or found.path), os.environ, offline=offline)
    except RulesError as error:
        for problem in error.problems:
            click.echo(str(problem))
        errors = sum(problem.severity == "error" for problem in error.problems)
        click.echo(f"\n{errors} error{'s' if errors != 1 else ''}; the file is not taken", err=True)
        sys.exit(1)
    for warning in loaded.warnings:
        click.echo(str(warning))
    click.echo(summary(loaded, f"{found.path} ({found.why})", offline=offline), nl=False)


def summary(loaded: Loaded, title: str, *, offline: bool) -> str:
    """Say what a sound file does, in a screen."""
    resolved = loaded.resolved
    rules = resolved.rules
    lines = [f"{title}: sound, {rules.hash}", ""]
    lines += [_provider(resolved.upstreams[name], offline=offline) for name in reachable(rules)]
    if reachable(rules):
        lines.append("")
    for alias in rules.aliases.values():
        note = ", and the reply keeps the asked name" if alias.keep_name else ""
        lines.append(f"  {alias.name} means {alias.target}{note}")
    for number, route in enumerate(rules.routes, 1):
        lines.append(f"  {number}. {_when(route.when)} -> {route.target}   ({route.label}, line {route.line})")
    lines.append(f"  else -> {_otherwise(resolved)}")
    for edit in rules.edits:
        what = [*(f"{e.op} /{'/'.join(e.pointer)}" for e in edit.body), *(f"header {h.name}" for h in edit.headers)]
        lines.append(f"  edit: {_when(edit.when)}: {', '.join(what)}   ({edit.label}, line {edit.line})")
    if rules.expect:
        lines.append(f"  {len(rules.expect)} expectation{'s' if len(rules.expect) != 1 else ''} hold")
    lines.append(f"  listens on {resolved.host}:{resolved.port}")
    return "\n".join(lines) + "\n"


def _otherwise(resolved: Resolved) -> str:
    if resolved.rules.default is not None:
        return str(resolved.rules.default)
    return "where the client sent it; at the gateway: refused"


def _provider(upstream: Upstream, *, offline: bool) -> str:
    provider = upstream.provider
    bases = dict.fromkeys(base.text for base in upstream.bases.values())
    references = " or ".join("the client's own" if ref.kind == "client" else ref.text for ref in provider.keys)
    if not provider.needs_credential:
        key = "no credential needed"
    elif offline:
        key = f"credential: {references or 'none'} (not resolved)"
    elif upstream.secret is not None:
        key = f"credential: {references}"
    elif upstream.unresolved is not None:
        key = f"credential: the client's own ({upstream.unresolved})"
    else:
        key = f"credential: {references or 'none'}"
    return f"  {upstream.name:<12} {', '.join(provider.speaks)} at {', '.join(bases)}; {key}"


def _when(when: When) -> str:
    said: list[str] = []
    for name in ("client", "key", "model", "host", "path", "agent", "provider"):
        globs = getattr(when, name)
        if globs:
            said.append(f"{name} {' or '.join('none' if glob is None else glob.text for glob in globs)}")
    if when.wire:
        said.append(f"wire {' or '.join(when.wire)}")
    if when.stream is not None:
        said.append("a stream" if when.stream else "no stream")
    said += [f"header {name} {' or '.join(glob.text for glob in globs)}" for name, globs in when.header]
    said += [f"/{'/'.join(pointer)} {' or '.join(glob.text for glob in globs)}" for pointer, globs in when.body]
    return " and ".join(said) or "everything"
