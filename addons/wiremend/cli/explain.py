"""``wiremend explain``: what becomes of a request or a capture, step by step and why. Nothing is sent.

Its sections and the shape of ``--json`` are in docs/explain.md. :func:`show` prints an explanation for the other verbs.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wiremend.cli.captures_find import Finder, seen
from wiremend.cli.explain_request import Asked, asked_request, asked_rules
from wiremend.cli.replay_screen import Screen
from wiremend.explain.plain import to_plain
from wiremend.explain.request import explain as explain_request
from wiremend.explain.request import explain_capture
from wiremend.explain.text import lines
from wiremend.replay.beside import visible
from wiremend.replay.rules import FILE, Today
from wiremend.rules.lookup import find_rules

if TYPE_CHECKING:
    from wiremend.cli.captures_read import Picked
    from wiremend.explain.model import Explanation


@click.command()
@click.argument("capture", required=False)
@click.option("--rules", type=click.Path(path_type=Path), help="The rules to explain by.")
@click.option("--request", "body", metavar="FILE", help="Explain a request with this body; - is standard input.")
@click.option("--path", "target", metavar="PATH", help="Its path, such as /v1/messages, or its whole URL.")
@click.option("--method", default="POST", show_default=True, help="Its method.")
@click.option("--host", metavar="HOST", help="The host that the client addressed; without it, it came to the gateway.")
@click.option("--header", "headers", metavar="'NAME: VALUE'", multiple=True, help="A header of it; repeatable.")
@click.option("--header-file", type=click.Path(path_type=Path), help="Its headers, one a line: the place for a key.")
@click.option("--live", metavar="PORT", type=click.IntRange(1, 65535), help="Follow the proxy on this port.")
@click.option("-n", "count", metavar="N", type=click.IntRange(1), help="With --live: end after so many exchanges.")
@click.option("--once", is_flag=True, help="With --live: end after one exchange.")
@click.option("--strict", is_flag=True, help="Explain a request as a proxy in strict mode would take it.")
@click.option("--all", "every", is_flag=True, help="Show what did not match, and long patches, too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; with --live, one object a line.")
def explain(  # noqa: PLR0913, PLR0917 - a command's options, which click gives by name
    capture: str | None,
    rules: Path | None,
    body: str | None,
    target: str | None,
    method: str,
    host: str | None,
    headers: tuple[str, ...],
    header_file: Path | None,
    live: int | None,
    count: int | None,
    *,
    once: bool,
    strict: bool,
    every: bool,
    as_json: bool,
) -> None:
    """Explain a capture, or a request that you write down; nothing is sent, and no credential is looked up.

    CAPTURE is FILE:N of a flow file or a HAR, a case's folder, or the beginning of an id. Rules are those of --rules,
    else a case's own, else those that `wiremend check` finds. The exit code is 0 where it could be explained, also
    where the request would be refused.
    """
    asked = Asked(method, target, host, headers, header_file, body)
    _judge(capture, asked, live, count, once=once)
    if live is not None:
        from wiremend.cli.explain_live import follow  # noqa: PLC0415 - mitmproxy: half a second for --help

        follow(live, rules, 1 if once else count, every=every, as_json=as_json)
        return
    if capture is not None:
        finder = Finder()
        picked = seen(finder.one(capture))
        if strict:
            inputs = replace(picked.capture.inputs, strict=True)
            picked = replace(picked, capture=replace(picked.capture, inputs=inputs))
        show(explain_picked(picked, rules), every=every, as_json=as_json, head=_head(picked))
        for warning in finder.warnings:
            click.echo(f"warning: {visible(warning)}", err=True)
        return
    today = Today.load(find_rules(rules, os.environ, folder=Path.cwd()).path)
    made = asked_request(asked)
    show(explain_request(made, asked_rules(today, made, strict=strict)), every=every, as_json=as_json)


def explain_picked(picked: Picked, rules: Path | None = None) -> Explanation:
    """Explain a capture by the rules that count for it. Raises :class:`RulesError`, :class:`SetupError`."""
    return explain_capture(picked.capture, today_for(picked, rules))


def today_for(picked: Picked, rules: Path | None = None) -> Today:
    """Load the rules for a capture: those that are named, else a case's own, else those that ``check`` finds."""
    own = picked.path / FILE
    if rules is None and not picked.number and own.is_file():
        return Today.load(own)
    return Today.load(find_rules(rules, os.environ, folder=Path.cwd()).path)


def show(
    explanation: Explanation,
    *,
    every: bool = False,
    as_json: bool = False,
    one_line: bool = False,
    head: dict[str, Any] | None = None,
) -> None:
    """Print an explanation on standard output; ``head`` says where it was found."""
    if as_json:
        plain = {**(head or {}), **to_plain(explanation)}
        click.echo(json.dumps(plain, indent=None if one_line else 2))
        sys.stdout.flush()
        return
    screen = Screen(os.environ)
    if head:
        screen.line(visible(_title(head, explanation)), "dim")
    screen.lines(lines(explanation, screen.width, every=every, carets=screen.plain))
    sys.stdout.flush()


def _title(head: dict[str, Any], explanation: Explanation) -> str:
    told = f"{head['where']}  {head['id']}"
    other = head["recorded_rules"]
    return f"{told}  (recorded under other rules: {other})" if other not in {"", explanation.rules_hash} else told


def _head(picked: Picked) -> dict[str, Any]:
    return {"where": picked.where, "id": picked.capture.id, "recorded_rules": picked.capture.rules}


def _judge(capture: str | None, asked: Asked, live: int | None, count: int | None, *, once: bool) -> None:
    """Raise click.UsageError where the options do not say one thing."""
    ways = [capture is not None, asked.given, live is not None]
    if sum(ways) > 1:
        raise click.UsageError("a CAPTURE, a request (--request, --path ...) and --live are three ways; choose one")
    if not any(ways):
        raise click.UsageError(
            "say what to explain: a CAPTURE (`wiremend captures list` shows them), --request FILE --path /v1/messages,"
            " or --live PORT"
        )
    if live is None and (once or count is not None):
        raise click.UsageError("--once and -n are for --live")
    if once and count is not None:
        raise click.UsageError("--once is -n 1; say one of them")
