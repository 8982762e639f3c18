"""``wiremend check``: what is wrong with a rules file, or what it does."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from wiremend.errors import RulesError
from wiremend.jsonedit import format_pointer
from wiremend.rules.load import load_rules, read_rules
from wiremend.rules.lookup import find_rules
from wiremend.rules.model import AUTO_MODEL, CAUSES
from wiremend.rules.references import Template
from wiremend.rules.resolve import reachable
from wiremend.rules.schema import json_schema
from wiremend.rules.told import (
    duration_text,
    edit_plain,
    edit_text,
    limits_plain,
    limits_text,
    retry_plain,
    retry_text,
    targets_text,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from wiremend.errors import Problem
    from wiremend.rules.load import Loaded
    from wiremend.rules.lookup import Found
    from wiremend.rules.model import Preferences, Rules, When
    from wiremend.rules.resolve import Resolved, Upstream

FORMAT: Final = 1
"""The version of the JSON form; it is raised where a key changes its meaning or goes."""

_GLOBS: Final = ("client", "key", "model", "host", "path", "agent", "provider")


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--offline", is_flag=True, help="Resolve no credential: for CI, and for files that are not yours.")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of rules.yaml, for editors.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: format, file, sound, problems, rules.")
def check(file: Path | None, *, offline: bool, schema: bool, as_json: bool) -> None:
    """Read a rules file and print every problem (exit code 1), or what the file does (0).

    Without FILE: the rules.yaml of this folder, else the one in force. One that merely lies in this folder is read
    without resolving its credentials.

    With --json each of `problems` has file, line, column, severity (error, warning) and message; `rules` says what a
    sound file does (null for another): hash, offline, providers, aliases, routes, preferences, default, edits,
    expectations, listen, limits, ledger, alerts.
    """
    if schema and as_json:
        raise click.UsageError("--schema is JSON already; choose one of --schema and --json")
    if schema:
        click.echo(json.dumps(json_schema(), indent=2))
        return
    found = find_rules(file, os.environ, folder=Path.cwd())
    offline = offline or found.origin == "folder"
    try:
        loaded = load_rules(read_rules(found.path), str(file or found.path), os.environ, offline=offline)
    except RulesError as error:
        if as_json:
            _print(found, error.problems, None)
            sys.exit(1)
        for problem in error.problems:
            click.echo(str(problem))
        errors = sum(problem.severity == "error" for problem in error.problems)
        click.echo(f"\n{errors} error{'s' if errors != 1 else ''}; the file is not taken", err=True)
        sys.exit(1)
    if as_json:
        _print(found, loaded.warnings, as_plain(loaded, offline=offline))
        return
    for warning in loaded.warnings:
        click.echo(str(warning))
    click.echo(summary(loaded, f"{found.path} ({found.why})", offline=offline), nl=False)


def _print(found: Found, problems: Iterable[Problem], rules: Mapping[str, Any] | None) -> None:
    said = {
        "format": FORMAT,
        "file": str(found.path),
        "origin": found.origin,
        "sound": rules is not None,
        "problems": [asdict(problem) for problem in problems],
        "rules": rules,
    }
    click.echo(json.dumps(said, indent=2, ensure_ascii=False))


def as_plain(loaded: Loaded, *, offline: bool) -> dict[str, Any]:
    """Give what a sound file does as JSON has it; conditions and targets as rules.yaml writes them, no credential."""
    resolved = loaded.resolved
    rules = resolved.rules
    return {
        "hash": rules.hash,
        "offline": offline,
        "providers": [_plain_provider(resolved.upstreams[name], offline=offline) for name in reachable(rules)],
        "aliases": [
            {"name": alias.name, "line": alias.line, "to": str(alias.target), "keep_name": alias.keep_name}
            for alias in rules.aliases.values()
        ],
        "routes": [
            {
                "name": route.label,
                "line": route.line,
                "when": _plain_when(route.when),
                "to": str(route.target),
                "fallbacks": [str(target) for target in route.fallbacks],
                "retry": retry_plain(route.retry),
            }
            for route in rules.routes
        ],
        "preferences": _plain_preferences(rules.preferences),
        "default": None if rules.default is None else str(rules.default),
        "edits": [
            {
                "name": edit.label,
                "line": edit.line,
                "when": _plain_when(edit.when),
                "body": [edit_plain(one) for one in edit.body],
                "headers": [header.name for header in edit.headers],
            }
            for edit in rules.edits
        ],
        "expectations": len(rules.expect),
        "listen": {"host": resolved.host, "port": resolved.port},
        "limits": limits_plain(rules.limits),
        "ledger": _ledger(rules),
        "alerts": {
            "to": [reference.text for reference in rules.alerts.to],
            "on": sorted(rules.alerts.on),
            "interval": duration_text(rules.alerts.interval),
        },
    }


def _plain_preferences(preferences: Preferences | None) -> dict[str, Any] | None:
    if preferences is None:
        return None
    return {
        "line": preferences.line,
        "router": "local" if preferences.router is None else str(preferences.router),
        "timeout": duration_text(preferences.timeout),
        "stay": duration_text(preferences.stay) if preferences.stay else "off",
        "for": "all" if preferences.every else "auto",
        "choices": [
            {
                "name": one.name,
                "line": one.line,
                "description": one.description,
                "examples": list(one.examples),
                "models": [str(target) for target in one.route.targets],
                "prefer": one.prefer,
                "retry": retry_plain(one.route.retry),
            }
            for one in preferences.choices
        ],
    }


def _plain_provider(upstream: Upstream, *, offline: bool) -> dict[str, Any]:
    provider = upstream.provider
    state = "resolved" if upstream.secret is not None else "client"
    if not provider.needs_credential:
        state = "none"
    elif offline:
        state = "not resolved"
    elif _is_missing(upstream):
        state = "missing"
    return {
        "name": upstream.name,
        "speaks": list(provider.speaks),
        "bases": {wire: base.text for wire, base in upstream.bases.items()},
        "credential": {
            "state": state,
            "references": [reference.text for reference in provider.keys],
            "unresolved": upstream.unresolved,
        },
        "limits": limits_plain(provider.limits),
    }


def _plain_when(when: When) -> dict[str, Any]:
    """Give conditions: only those that are asked for; None stands for "there is none"."""
    said: dict[str, Any] = {
        name: [None if glob is None else glob.text for glob in globs]
        for name in _GLOBS
        if (globs := getattr(when, name))
    }
    if when.wire:
        said["wire"] = list(when.wire)
    if when.stream is not None:
        said["stream"] = when.stream
    if when.header:
        said["header"] = {name: [glob.text for glob in globs] for name, globs in when.header}
    if when.body:
        said["body"] = {format_pointer(pointer): [glob.text for glob in globs] for pointer, globs in when.body}
    return said


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
    first = rules.preferences is not None and rules.preferences.every
    lines += _preferences(rules.preferences) if first else ()
    for number, route in enumerate(rules.routes, 1):
        to = targets_text(route.targets)
        lines.append(f"  {number}. {_when(route.when)} -> {to}   ({route.label}, line {route.line})")
        if route.retry.times:
            lines.append(f"     again {retry_text(retry_plain(route.retry), fallbacks=bool(route.fallbacks))}")
    lines += () if first else _preferences(rules.preferences)
    lines.append(f"  else -> {_otherwise(resolved)}")
    for edit in rules.edits:
        what = [*map(edit_text, edit.body), *(f"header {h.name}" for h in edit.headers)]
        lines.append(f"  edit: {_when(edit.when)}: {', '.join(what)}   ({edit.label}, line {edit.line})")
    if rules.expect:
        lines.append(f"  {len(rules.expect)} expectation{'s' if len(rules.expect) != 1 else ''} hold")
    lines += list(_kept(rules))
    lines.append(f"  listens on {resolved.host}:{resolved.port}")
    return "\n".join(lines) + "\n"


def _preferences(preferences: Preferences | None) -> Iterator[str]:
    """Say who chooses, for what, and the models of each preference."""
    if preferences is None:
        return
    who = "the words of the request" if preferences.router is None else f"{preferences.router}"
    what = "every request" if preferences.every else f"the model {AUTO_MODEL}, and what no route matched"
    kept = f"kept for {duration_text(preferences.stay)}" if preferences.stay else "not kept"
    yield f"  {what}: by preference; {who} choose{'' if preferences.router is None else 's'}, {kept}"
    for one in preferences.choices:
        how = "" if one.prefer == "none" else f", the {one.prefer} first"
        yield f"     {one.name} -> {targets_text(one.route.targets)}{how}   (line {one.line})"
        if one.route.retry.times:
            yield f"     again {retry_text(retry_plain(one.route.retry), fallbacks=bool(one.route.fallbacks))}"


def _kept(rules: Rules) -> Iterator[str]:
    """Say what differs from the usual: limits, where rows go, who is told. Addresses as the file has them."""
    limits = limits_plain(rules.limits)
    if limits:
        yield f"  limits: {limits_text(limits)}"
    for name, provider in rules.providers.items():
        own = limits_plain(provider.limits)
        if own != limits:
            yield f"  limits of {name}: {limits_text(own) or 'the usual ones'}"
    ledger = _ledger(rules)
    if ledger is None:
        yield "  ledger: off"
    elif ledger:
        yield f"  ledger: {', '.join(ledger)}"
    if rules.alerts.to:
        told = ", ".join(reference.text for reference in rules.alerts.to)
        causes = " or ".join(cause for cause in CAUSES if cause in rules.alerts.on)
        yield f"  alerts: {told}" if rules.alerts.on == frozenset(CAUSES) else f"  alerts: {told} on {causes}"


def _ledger(rules: Rules) -> list[str] | None:
    """Give where rows go, as the file has it: [] for the embedded database, None for nowhere."""
    if not rules.ledger.on:
        return None
    return [str((sink.reference or sink.address or Template("")).text) for sink in rules.ledger.sinks]


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
    elif _is_missing(upstream):
        key = f"credential: none, so no request falls back to it ({upstream.unresolved})"
    elif upstream.unresolved is not None:
        key = f"credential: the client's own ({upstream.unresolved})"
    else:
        key = f"credential: {references or 'none'}"
    return f"  {upstream.name:<12} {', '.join(provider.speaks)} at {', '.join(bases)}; {key}"


def _is_missing(upstream: Upstream) -> bool:
    """Tell whether the file names a credential that is not to be had, and no other may be sent: a spare provider."""
    return (
        upstream.secret is None
        and upstream.provider.key_given
        and bool(upstream.provider.keys)
        and not upstream.client_key
    )


def _when(when: When) -> str:
    said: list[str] = []
    for name in _GLOBS:
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
