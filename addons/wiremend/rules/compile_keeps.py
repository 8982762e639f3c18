"""``retry``, ``limits``, ``ledger`` and ``alerts``: from sound nodes to :mod:`wiremend.rules.model`.

What two values say together is judged here: a first wait that is longer than any may be, a sink that stands twice.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from wiremend.rules.model import (
    CAUSES,
    Alerts,
    Cooldown,
    Ledger,
    LedgerSink,
    Limits,
    Retry,
)
from wiremend.rules.references import Template, parse_reference
from wiremend.rules.report import Report
from wiremend.rules.schema_keeps import ALERTS, LEDGER, LIMITS, RETRY_SHAPE
from wiremend.rules.sinks import is_reference
from wiremend.rules.units import parse_duration, parse_size

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wiremend.rules.model import Target
    from wiremend.rules.references import Reference
    from wiremend.rules.tree import Node

_SIZES: Final = frozenset({"request_body", "reply_body", "event", "memory"})
_COUNTS: Final = frozenset({"concurrent", "queue"})


def compile_retry(node: Node | None, targets: Iterable[Target], report: Report) -> Retry:
    """Compile a route's ``retry``. ``targets`` are the route's destinations."""
    usual = Retry()
    if node is None or not RETRY_SHAPE.check(node, Report(report.file)):
        return usual
    keys = node.mapping
    times = keys.get("times", node).value
    budget = _seconds(keys, "budget", usual.budget)
    backoff = _seconds(keys, "backoff", min(usual.backoff, budget, _seconds(keys, "max", usual.max)))
    retry = Retry(
        times=times if type(times) is int else usual.times,
        on=_troubles(keys["on"]) if "on" in keys else usual.on,
        backoff=backoff,
        max=_seconds(keys, "max", max(backoff, min(usual.max, budget))),
        budget=budget,
        stay=_seconds(keys, "stay", usual.stay),
    )
    _judge_waits(retry, keys, report)
    idle = [name for name in ("on", "backoff", "max") if name in keys]
    if not retry.times and len(tuple(targets)) == 1:
        report.warn(node.at, "this tries nothing again: `times` is 0, and `to` has one destination")
    elif not retry.times and idle:
        report.warn(keys[idle[0]].at, f"`{idle[0]}` does nothing: `times` is 0, so no destination is asked again")
    return retry


def _troubles(node: Node) -> frozenset[int | str]:
    found: set[int | str] = set()
    for item in node.items:
        text = str(item.value)
        if text == "5xx":
            found |= set(range(500, 600))
        else:
            found.add(int(text) if text.isdigit() else text)
    return frozenset(found)


def _judge_waits(retry: Retry, keys: dict[str, Node], report: Report) -> None:
    """Report waits that no try could have. What the file leaves out has made room already, but for the budget."""
    for name, bound in (("backoff", "max"), ("backoff", "budget"), ("max", "budget")):
        if name in keys and getattr(retry, name) > getattr(retry, bound):
            much = f"{getattr(retry, bound):g}s"
            unless = "" if bound in keys else ", unless you say so"
            report.error(keys[name].mark, f"`{name}` is longer than `{bound}`, which is {much}{unless}")
            return


def _seconds(keys: dict[str, Node], name: str, usual: float) -> float:
    return parse_duration(str(keys[name].value)) if name in keys else usual


def compile_limits(node: Node | None, over: Limits, report: Report) -> Limits:
    """Compile ``limits``, key by key over others. What is broken is left as it was."""
    if node is None or not LIMITS.check(node, Report(report.file)):
        return over
    changed: dict[str, Any] = {}
    for name, given in node.mapping.items():
        if given.value == "off":
            changed[name] = None
        elif name == "cooldown":
            changed[name] = _cooldown(given, over.cooldown)
        elif name in _COUNTS:
            changed[name] = given.value
        else:
            changed[name] = (parse_size if name in _SIZES else parse_duration)(str(given.value))
    return replace(over, **changed)


def _cooldown(node: Node, over: Cooldown | None) -> Cooldown:
    keys, over = node.mapping, over or Cooldown()
    after = keys["after"].value if "after" in keys else over.after
    return Cooldown(after if type(after) is int else over.after, _seconds(keys, "for", over.rest))


def compile_ledger(node: Node | None, report: Report) -> Ledger:
    """Compile ``ledger``."""
    if node is None or not LEDGER.check(node, Report(report.file)):
        return Ledger()
    if node.value == "off":
        return Ledger(on=False, line=node.at.line)
    sinks: list[LedgerSink] = []
    for item in _once(node, report):
        text = str(item.value)
        line = item.at.line
        if is_reference(text):
            sinks.append(LedgerSink(reference=parse_reference(text), line=line))
        else:
            sinks.append(LedgerSink(address=Template(text), line=line))
    return Ledger(sinks=tuple(sinks), line=node.at.line)


def compile_alerts(node: Node | None, report: Report) -> Alerts:
    """Compile ``alerts``."""
    usual = Alerts()
    if node is None or not ALERTS.check(node, Report(report.file)):
        return usual
    keys = node.mapping
    to = keys.get("to", node)
    named = {str(item.value) for item in keys["on"].items} if "on" in keys else set(CAUSES)
    return Alerts(
        to=tuple(_references(to, report)),
        on=frozenset(cause for cause in CAUSES if cause in named),
        interval=_seconds(keys, "interval", usual.interval),
        line=to.at.line,
    )


def _references(node: Node, report: Report) -> Iterable[Reference]:
    return (parse_reference(str(item.value)) for item in _once(node, report))


def _once(node: Node, report: Report) -> list[Node]:
    """Give the items of a list, and report those that stand there a second time; none is quoted."""
    seen: dict[str, Node] = {}
    for item in node.items:
        first = seen.setdefault(str(item.value), item)
        if first is not item:
            report.error(item.mark, f"this stands twice in the list; the first is at line {first.mark.line}")
    return list(seen.values())
