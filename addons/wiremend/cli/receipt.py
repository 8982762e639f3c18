"""The receipt of a run: what went through, what was mended, what went wrong, and where the log is."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from wiremend.ledger.row import CallRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from wiremend.cli.agents import Agent, Style

_FAILED = 400
_REFUSED_CA = "does not trust Wiremend's certificate"
_PASSED_BY = "is tunnelled undecrypted"
_STAMP = re.compile(r"^\[[\d:.]+\] ")


def read_rows(path: Path) -> list[CallRow]:
    """Read the rows of finished calls; a line that was not written to its end is left out."""
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    return [msgspec.json.decode(line, type=CallRow) for line in lines[:-1] if line]


def receipt(
    rows: Sequence[CallRow], *, log: Path, said: str = "", hints: Iterable[str] = (), notes: Iterable[str] = ()
) -> str:
    """Write the receipt, lines with their newlines.

    ``rows`` are the calls. Those that ask for no model (lists, probes: an agent asks for much that a provider does not
    have) are told of only where there is no other. ``said`` is the proxy's log, for the lines in it on which the user
    should act, and ``log`` is where it lies. ``hints`` are shown where there was no call, ``notes`` always.
    """
    calls = [row for row in rows if row.asked is not None]
    lost = Counter(name for row in rows for name in row.losses)
    mended = Counter(name for row in rows for name in row.mended)
    failed = Counter(filter(None, map(_failure, calls or rows)))
    signs = (_REFUSED_CA,) if calls else (_REFUSED_CA, _PASSED_BY)
    telling = (_STAMP.sub("", line) for line in said.splitlines() if any(sign in line for sign in signs))
    lines = [
        *(f"{way}  {_count(count, 'call')}" for way, count in Counter(map(_way, calls)).most_common()),
        *([f"lost: {_counted(lost)}"] if lost else []),
        *([f"mended: {_counted(mended)}"] if mended else []),
        *(f"{count} failed: {why}" for why, count in failed.most_common()),
        *dict.fromkeys(telling),
        *(hint for hint in hints if not calls),
        *notes,
        f"log: {log}",
    ]
    return "\n  ".join([_summary(calls, len(rows) - len(calls)), *lines]) + "\n"


def _counted(names: Counter[str]) -> str:
    return ", ".join(f"{name} x{count}" for name, count in names.most_common())


def why_none(agent: Agent, style: Style) -> tuple[str, ...]:
    """Give the likely causes, for this agent and style, of a run in which no call was seen; a line each."""
    name = agent.id if agent.names else "the command"
    if style == "gateway":
        source = " or ".join(agent.bases) if agent.bases and agent.names else "what it was given"
        return (
            f"perhaps {name} made none; or it did not take its base URL from {source}, because a setting of its own",
            "overrules that: try --via proxy",
        )
    return (
        f"perhaps {name} made none; or it ignores HTTPS_PROXY (try --via gateway); or it does not trust Wiremend's",
        f"certificate (it should read it from {agent.trust}); or its provider is on plain http, or is a host that no",
        "rule names (add it to listen.intercept in rules.yaml)",
    )


def _summary(calls: Sequence[CallRow], others: int) -> str:
    if not calls:
        return f"wiremend: no LLM call was seen{f', but {_count(others, "other request")}' if others else ''}"
    read = sum(row.input_tokens or 0 for row in calls)
    cached = sum(row.cached_tokens or 0 for row in calls)
    written = sum(row.output_tokens or 0 for row in calls)
    tokens = f"{read:,} tokens in{f' ({cached:,} cached)' if cached else ''}, {written:,} out"
    return f"wiremend: {_count(len(calls), 'call')}, {tokens}"


def _way(row: CallRow) -> str:
    """Say which model was asked for, and where it went if that was elsewhere."""
    sent = "/".join(filter(None, (row.provider, row.model)))
    return f"{row.asked} → {sent}" if sent and sent != row.asked else f"{row.asked}"


def _failure(row: CallRow) -> str | None:
    """Say how a call failed, None where it did not."""
    if row.error is None and (row.status or 0) < _FAILED:
        return None
    return " ".join(filter(None, (str(row.status or "no answer"), row.error)))


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
