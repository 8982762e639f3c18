"""``wiremend try``: one tiny request down a route, or down every one. The one verb that talks to providers by itself.

What is tried is what agents get: a proxy of ours is started with the user's rules (:mod:`wiremend.cli.trying_ways` says
what of them is another), and the request goes through it as an agent's would at the gateway, so it is rewritten, quirks
act on it and the reply is mended. It asks a model to say OK, in at most 16 tokens, as a stream. Nothing of it is kept:
its rules are not the user's, so a capture of it could not be replayed.

The exit code is 0 where every answer is whole, 1 where one is not. Of ``--all`` a way for which the rules want a
client's own key, and this machine has none, is not tried and does not count, unless nothing else is left.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import click
from rich.text import Text

from wiremend.cli.launch import Proxy
from wiremend.cli.picture import hang, make_console
from wiremend.cli.receipt import read_rows
from wiremend.cli.trying_send import AGENT, send
from wiremend.cli.trying_ways import ALIAS, readiness, rules_for, ways_of, ways_to
from wiremend.cli.trying_why import cause, remedy
from wiremend.errors import RulesError, SetupError
from wiremend.families import scrubbed
from wiremend.mitm.trust import write_private
from wiremend.protocols import WIRES
from wiremend.replay.beside import visible
from wiremend.rules.load import load_rules, read_rules
from wiremend.rules.lookup import find_rules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from types import FrameType

    from rich.console import Console

    from wiremend.cli.trying_ways import Readiness, Way
    from wiremend.rules.references import Secret

type State = Literal["ok", "failed", "not tried"]

TIMEOUT: Final = 30.0
"""Seconds that an answer may take, by default."""

_ROW: Final = 2.0
_PACE: Final = 0.02
_OURS: Final = frozenset({"model", "credential", "x-should-retry"})
"""What is noted for the sake of the try itself: its model is an alias, it brings no key, nobody asks again."""

_FLOW: Final = re.compile(r" \[flow [0-9a-f]+\]$")
_SIGNS: Final[Mapping[State, tuple[str, str]]] = {
    "ok": ("ok  ", "green"),
    "failed": ("FAIL", "bold red"),
    "not tried": ("-   ", "yellow"),
}
_SAYS: Final = "talks to providers by itself, with your keys; no other verb does"


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of one way; ``--json`` prints these. Times are seconds.

    ``said`` are the words of whoever refused, ``cause`` and ``do`` ours about it; all three without a credential.
    ``answered`` is the model that answered, by its own word.
    """

    provider: str
    model: str | None
    wire: str
    state: State
    by: tuple[str, ...] = ()
    url: str | None = None
    status: int | None = None
    first_byte_s: float | None = None
    total_s: float | None = None
    answered: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    mended: tuple[str, ...] = ()
    said: str = ""
    cause: str = ""
    do: str = ""


@click.command("try")
@click.argument("target", required=False, metavar="[PROVIDER/MODEL]")
@click.option("--all", "every", is_flag=True, help="Try every place that routes, aliases and default lead to.")
@click.option("--rules", type=click.Path(path_type=Path), help="The rules.yaml to use.")
@click.option("--wire", type=click.Choice(tuple(WIRES)), help="Only on this wire.")
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    default=TIMEOUT,
    show_default=True,
    help="Seconds that an answer may take.",
)
@click.option("--user-agent", default=AGENT, show_default=True, help="The User-Agent to send, as your agent has it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def trying(  # noqa: PLR0913 - click gives each option by its name
    target: str | None,
    *,
    every: bool,
    rules: Path | None,
    wire: str | None,
    timeout: float,
    user_agent: str,
    as_json: bool,
) -> None:
    """Send one tiny request down a route, or down every one, and say what came back.

    This is the one verb that talks to providers by itself, with your keys, and what it asks costs a few tokens. Without
    PROVIDER/MODEL or --all it only lists what could be tried. Exit code 1 where one fails.
    """
    if every and target is not None:
        raise click.UsageError("name a PROVIDER/MODEL or say --all, not both")
    if "\n" in user_agent or "\r" in user_agent or not user_agent.isascii():
        raise click.UsageError("--user-agent is one line of ASCII")
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _leave)
    found = find_rules(rules, os.environ)
    text, file = read_rules(found.path), str(found.path)
    try:
        known = load_rules(text, file, os.environ, offline=True, loops=False).resolved.rules
    except RulesError as error:
        raise SetupError(f"the rules cannot be used; nothing was sent\n{error}") from None
    console = make_console(os.environ)
    ways = [way for way in (ways_to(target, known) if target else ways_of(known)) if wire in {None, way.wire}]
    if not ways:
        where = f" on the {wire} wire" if wire else ""
        raise SetupError(f"{file} leads nowhere{where}; name a place: wiremend try PROVIDER/MODEL")
    if target is None and not every:
        _list(ways, file, console, as_json=as_json)
        return
    attempt = Attempt(text, file, os.environ, timeout, user_agent)
    if as_json:
        results = attempt.run(ways, lambda _: None)
        click.echo(json.dumps([asdict(result) for result in results], indent=2, ensure_ascii=False))
    else:
        count = f"{len(ways)} tiny request{'' if len(ways) == 1 else 's'}"
        hang(console, Text(""), Text(f"{count} by the rules of {file}. `wiremend try` {_SAYS}.", "dim"))
        results = attempt.run(ways, lambda result: show(result, console))
        _sum(results, console)
    sys.exit(_code(results, named=target is not None))


class Attempt:
    """Tries ways, one after the other, through a proxy of its own."""

    def __init__(self, text: str, file: str, environ: Mapping[str, str], timeout: float, user_agent: str) -> None:
        """Keep the rules (their text and file) and what every request is sent with; nothing runs yet."""
        self.text = text
        self.file = file
        self.environ = environ
        self.timeout = timeout
        self.user_agent = user_agent
        self.cache: dict[str, Secret] = {}

    def run(self, ways: Sequence[Way], tell: Callable[[Tried], None]) -> list[Tried]:
        """Try all; ``tell`` is given each result when it is there, in the order of the ways.

        Raises :class:`SetupError` where the proxy does not start.
        """
        ready: dict[tuple[str, str], Readiness] = {}
        for way in ways:
            place = (way.provider, way.wire)
            if place not in ready:
                ready[place] = readiness(self.text, self.file, way, self.environ, self.cache)
        states = [ready[way.provider, way.wire] for way in ways]
        known = [self._not_asked(way, state) for way, state in zip(ways, states, strict=True)]
        going = [way for way, result in zip(ways, known, strict=True) if result is None]
        results: list[Tried] = []
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wiremend-try-")))
            proxy = stack.enter_context(self._proxy(folder, going)) if going else None
            number = 0
            for way, state, result in zip(ways, states, known, strict=True):
                if result is None and proxy is not None:
                    number += 1
                    result = self._one(proxy, number, way, state)  # noqa: PLW2901 - what there is not yet
                if result is not None:
                    results.append(result)
                    tell(result)
        return results

    def _proxy(self, folder: Path, going: Sequence[Way]) -> Proxy:
        rules = folder / "rules.yaml"
        write_private(rules, rules_for(self.text, self.file, going).encode())
        return Proxy(folder, rules=rules, environ=self.environ, options={"wiremend_capture": "off"})

    def _one(self, proxy: Proxy, number: int, way: Way, state: Readiness) -> Tried:
        name = f"{ALIAS}{number}"
        reply = send(proxy.ready.port, way.wire, name, timeout=self.timeout, user_agent=self.user_agent)
        mended = _mended(proxy, name)
        secrets = [secret.value for secret in self.cache.values()]
        secrets += [state.upstream.secret.value] if state.upstream and state.upstream.secret else []
        said = _FLOW.sub("", scrubbed(reply.error or "", secrets)).replace(name, way.model or "")
        failed = reply.error is not None
        return Tried(
            way.provider,
            way.model,
            way.wire,
            "failed" if failed else "ok",
            way.by,
            _url(way, state),
            reply.status,
            _rounded(reply.first_byte),
            _rounded(reply.total),
            scrubbed(reply.model, secrets) if reply.model else None,
            reply.input_tokens,
            reply.output_tokens,
            mended,
            said,
            cause(reply, said) if failed else "",
            remedy(reply, said, way, state.upstream, self.file) if failed else "",
        )

    def _not_asked(self, way: Way, state: Readiness) -> Tried | None:
        """Give what is so without asking, None where the provider can be asked."""
        place = (way.provider, way.model, way.wire)
        if state.problem:
            do = f"wiremend check {self.file} says where"
            return Tried(
                *place, "failed", way.by, _url(way, state), said=state.problem, cause="the rules cannot be used", do=do
            )
        if way.model is None:
            do = f"say which: wiremend try {way.provider}/MODEL"
            return Tried(*place, "not tried", way.by, _url(way, state), cause="the rules name no model of it", do=do)
        if state.keyless:
            do = f"wiremend setup stores a key, and {way.provider} needs it under `key` in {self.file}"
            return Tried(
                *place, "not tried", way.by, _url(way, state), said=state.keyless, cause="there is no key here", do=do
            )
        return None


def show(result: Tried, console: Console) -> None:
    """Print one result: a line of facts, and below it what went wrong and what to do."""
    sign, style = _SIGNS[result.state]
    name = f"{result.provider}/{result.model}" if result.model else result.provider
    facts = [Text(visible(name), "bold"), Text(result.wire)]
    if result.status is not None:
        facts.append(Text(str(result.status), "" if result.state == "ok" else "red"))
    if result.first_byte_s is not None:
        facts.append(Text(f"first byte {result.first_byte_s:.2f} s"))
    if result.state == "ok":
        facts.append(Text(f"{visible(result.answered)} answered" if result.answered else "the model is not said"))
        if result.input_tokens is not None or result.output_tokens is not None:
            facts.append(Text(f"{_count(result.input_tokens)} in, {_count(result.output_tokens)} out"))
    if result.mended:
        facts.append(Text(f"mended: {', '.join(result.mended)}", "cyan"))
    hang(console, Text(f"{sign}  ", style), Text("  ").join(facts))
    for label, words in (("said", result.said), ("cause", result.cause), ("do", result.do)):
        if words:
            hang(console, Text(f"      {label:6}", "dim"), Text(visible(words)))


def _list(ways: Sequence[Way], file: str, console: Console, *, as_json: bool) -> None:
    """Print what could be tried; nothing is sent."""
    if as_json:
        plain: list[dict[str, Any]] = [asdict(way) for way in ways]
        click.echo(json.dumps(plain, indent=2, ensure_ascii=False))
        return
    hang(console, Text(""), Text(f"What the rules of {file} lead to; nothing was sent:"))
    console.print()
    for target, group in groupby(ways, key=lambda way: way.target):
        same = list(group)
        wires = ", ".join(way.wire for way in same)
        by = ", ".join(dict.fromkeys(by for way in same for by in way.by))
        unnamed = "" if same[0].model else "  (name a model to try it)"
        line = Text.assemble((visible(target), "bold"), f"  {wires}  ", (visible(by) + unnamed, "dim"))
        hang(console, Text("  "), line)
    console.print()
    text = f"`wiremend try PROVIDER/MODEL` tries one, `wiremend try --all` every one: it {_SAYS}."
    hang(console, Text(""), Text(text))


def _sum(results: Sequence[Tried], console: Console) -> None:
    counts = [(sum(result.state == state for result in results), state) for state in _SIGNS]
    console.print(Text(", ".join(f"{count} {state}" for count, state in counts if count)))


def _code(results: Iterable[Tried], *, named: bool) -> int:
    states = {result.state for result in results}
    return 1 if "failed" in states or "ok" not in states or (named and states != {"ok"}) else 0


def _mended(proxy: Proxy, name: str) -> tuple[str, ...]:
    """Give what the proxy mended on the one call that asked for ``name``: its row comes when the reply has ended."""
    end = time.monotonic() + _ROW
    while time.monotonic() < end:
        for row in read_rows(proxy.calls):
            if row.asked == name:
                return tuple(code for code in row.mended if code not in _OURS)
        time.sleep(_PACE)
    return ()


def _url(way: Way, state: Readiness) -> str | None:
    base = state.upstream.bases.get(way.wire) if state.upstream else None
    return base.text if base else None


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _count(tokens: int | None) -> str:
    return "?" if tokens is None else str(tokens)


def _leave(number: int, _: FrameType | None) -> None:
    """End on a signal as on an error: the proxy is stopped and its folder removed on the way out."""
    sys.exit(128 + number)
