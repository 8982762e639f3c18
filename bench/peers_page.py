"""docs/peers.md, out of what ``python -m bench.peers`` has found (``bench/peers/results.json``), and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench.peers_judge import RIGHT
from tests.translate.exchanges import EXCHANGES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PAGE: Final = Path(__file__).resolve().parents[1] / "docs" / "peers.md"
RESULTS: Final = Path(__file__).parent / "peers" / "results.json"

NONE: Final = "-"
"""The cell of a direction that a proxy does not have."""

APOSTROPHE: Final = "'"
"""What stands for a backtick in what was found."""

_HEAD: Final = """\
# Side by side

What LiteLLM, claude-code-router and Wiremend make of the same {count} exchanges, where the client speaks one wire and
the provider another. Each proxy ran as its documentation says, on one machine, in front of the same provider on
loopback; one judge, which knows none of them, looked at what reached the provider and at what the official SDK of the
client's wire read. `python -m bench.peers` installs the peers, measures, and writes this page; no result in a table
is typed by hand.

Versions: {versions}.

Read it with this in mind: the exchanges are ours (`tests/translate/exchanges.py`), and Wiremend's own tests play the
same ones, so a column without faults says that the tests hold, and no more. The other proxies do much that is not asked
here: keys and budgets, many providers, routing.

## How many came out right

"""
_WORDS: Final = """
## Exchange by exchange

| Word | |
|---|---|
| right | The provider was asked for all that the client asked for, and the client read all that the provider said. |
| lost | Something did not arrive. |
| wrong | Something else arrived, or something that nobody said. |
| error | The client got an error where the provider gave none, or bytes at which its SDK fails. |
| hang | The client waited in vain. |
| - | The proxy does not have this direction. |

A cell has the worst of what was found; [all of it](#what-was-lost-and-what-was-wrong) is told below. All replies are
streams, an event each ten milliseconds. The exchanges:

"""
_FOUND: Final = """
## What was lost, and what was wrong

Each row is one finding, and where it was found. What a request has besides ("besides") is told and not counted: a
strict provider may refuse it.
"""
_COST: Final = """
## What an event costs

The processor's time of the proxy, for a messages client on a chat provider: {events} events, {pace:g} ms apart,
{at_once} clients at once, {calls} calls through each, in turn. The bare mitmdump passes the bytes of one destination on
and knows nothing of them. The first ratio is of an event alone, the second of one with its part of the call. The last
column is how long a client waits for the whole stream. A proxy that cannot follow gets several events in one piece,
which makes each of them cheaper.

| Proxy | μs an event | ratio | μs with the call | ratio | s a stream |
|---|---:|---:|---:|---:|---:|
"""
_HOW: Final = """
Wiremend is shown with `capture: off`, for which its bound is {limit:g} times the bare mitmdump for an event, and as it
is by itself, remembering each exchange. The other two write no log here.

## What the judge lets pass

- Texts of one speaker in a row may be joined, with any white space; empty ones may be left out.
- Between the messages wire and the others there are no exact words for how hard a model thinks: any effort stands for
  any budget. Between the other two it must be the same.
- The chat wire has no picture in the result of a tool: one in a message of the user behind it is right. In the other
  two it must be in the result.
- A tool of free text may become a function of one text, under any name, as long as the client gets its free text back.
- Any 4xx is right for the provider's 429, with the provider's own words. (Wiremend says 402 where a quota is used up:
  clients ask a 429 again and again. See [errors.md](errors.md).)
- Claude Sonnet 4.5 takes one of `temperature` and `top_p`: on a messages provider the second is not looked at.
- What the provider's wire has no place for (stop sequences on the Responses wire) is asked of nobody.

## How they were set up

The files are in `bench/peers/`. LiteLLM: retries and cool-downs off, `drop_params` on, as its documentation has it for
providers that take less than OpenAI, with `reasoning_effort` and three more named as allowed; `custom_openai/` for the
provider of chat, `openai/` and `openai/responses/` for that of responses, `anthropic/` for that of messages. Where a
model must be one that can do it, it is: `gpt-5.1` for the effort of a chat client on a Responses provider, and
`claude-opus-4-8` for the system in the middle, which `claude-sonnet-4-5`, asked else, does not take.

claude-code-router is for messages clients on chat providers; its provider is set up without transformers. With its
transformer `reasoning` the thinking comes through, and then the reasons of the end and the counts of nearly all
exchanges do not; the other transformers that were tried change nothing for the better.

The versions are the newest that could be installed, where this was measured, with all that they need.
"""


def page(results: Mapping[str, Any]) -> str:
    """Write the page."""
    found: Mapping[str, Any] = results["exchanges"]
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    parts = [
        _HEAD.format(count=len(EXCHANGES), versions=versions),
        *_summary(found),
        _WORDS,
        *(f"- `{name}`: {exchange.title}\n" for name, exchange in EXCHANGES.items()),
        *_tables(found),
        _FOUND,
        *_findings(found),
    ]
    if cost := results.get("cost"):
        parts += [_COST.format(**{**cost, "pace": cost["pace_ms"]}), *_cost(cost), _HOW.format(limit=cost["limit"])]
    return "".join(parts)


def _directions(found: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys(direction for mine in found.values() for direction in mine))


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |\n"


def _summary(found: Mapping[str, Any]) -> Iterator[str]:
    yield _row("Client → provider", *found)
    yield _row("---", *("---" for _ in found))
    for direction in _directions(found):
        yield _row(direction, *(_score(mine.get(direction)) for mine in found.values()))


def _score(exchanges: Mapping[str, Any] | None) -> str:
    if exchanges is None:
        return NONE
    return f"{sum(one['word'] == RIGHT for one in exchanges.values())} of {len(exchanges)}"


def _tables(found: Mapping[str, Any]) -> Iterator[str]:
    for direction in _directions(found):
        yield f"\n### {direction}\n\n"
        yield _row("Exchange", *found)
        yield _row("---", *("---" for _ in found))
        for name in EXCHANGES:
            cells = [mine.get(direction, {}).get(name, {}).get("word", NONE) for mine in found.values()]
            if set(cells) != {NONE}:
                yield _row(f"`{name}`", *cells)


def _findings(found: Mapping[str, Any]) -> Iterator[str]:
    for peer, mine in found.items():
        yield f"\n### {peer}\n\n"
        places: dict[str, dict[str, list[str]]] = {}
        for direction, exchanges in mine.items():
            for name, one in exchanges.items():
                for finding in one["findings"]:
                    places.setdefault(finding, {}).setdefault(direction, []).append(f"`{name}`")
        yield _row("", "What", "Where")
        yield _row("---", "---", "---")
        for finding, where in sorted(places.items(), key=lambda item: _rank(item[0])):
            about, kind, what = finding.split(": ", 2)
            told = "; ".join(f"{direction}: {', '.join(names)}" for direction, names in where.items())
            yield _row(f"{about}, {'besides' if kind == 'extra' else kind}", _plain(what), told)


def _rank(finding: str) -> tuple[int, str]:
    about, kind, what = finding.split(": ", 2)
    return ("hang", "error", "wrong", "lost", "extra").index(kind), f"{about} {what}"


def _plain(text: str) -> str:
    """Make what was found harmless in a table: it is shown as code."""
    return f"`{text.replace('`', APOSTROPHE).replace('|', '/')}`"


def _cost(cost: Mapping[str, Any]) -> Iterator[str]:
    proxies = cost["proxies"]
    bare = next(iter(proxies.values()))
    for name, spent in sorted(proxies.items(), key=lambda item: item[1]["event_us"]):
        cells = []
        for measure in ("event_us", "whole_us"):
            cells += [f"{spent[measure]:.0f}", f"{spent[measure] / bare[measure]:.2f}"]
        yield _row(name, *cells, f"{spent['stream_s']:.2f}")
