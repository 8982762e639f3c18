"""The listeners of a Plano file: the one of type ``model`` is where Wiremend listens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wiremend.rules.plano.left import LEFT
from wiremend.rules.units import parse_duration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wiremend.rules.report import Report
    from wiremend.rules.tree import Mark, Node

MOST_RETRIES: Final = 10

_SERVED: Final = "model"
_OTHER: Final = {
    "prompt": "it is for prompt targets, and Wiremend calls no functions for a model",
    "agent": "Wiremend runs no agents",
}


@dataclass(slots=True)
class Listening:
    """Where a Plano file listens for requests to models; None where it does not say.

    ``at`` is the listener's place, ``retries`` more than 0, ``timeout`` more than nothing.
    """

    at: Mark | None = None
    name: Node | None = None
    address: Node | None = None
    port: Node | None = None
    timeout: Node | None = None
    retries: Node | None = None


def read_listeners(node: Node | None, report: Report) -> Listening:
    """Read the sound node of ``listeners``; what is wrong or not served goes into ``report``."""
    if node is None:
        return Listening()
    if node.mapping:
        found = [(_SERVED if name == "egress_traffic" else "prompt", one) for name, one in node.mapping.items()]
    else:
        found = [(str(one.mapping["type"].value), one) for one in node.items if one.mapping]
    served: Node | None = None
    for kind, one in found:
        if kind != _SERVED:
            report.warn(one.at, f"this listener of the type {kind} is not taken over: {_OTHER[kind]}")
        elif served is not None:
            told = f"Plano has one listener of the type model, and there is one at line {served.at.line}; keep one"
            report.error(one.at, told)
        else:
            served = one
    if served is None:
        return Listening()
    _tell_left(served.mapping, report)
    keys = served.mapping
    return Listening(
        at=served.at,
        name=keys.get("name"),
        address=keys.get("address"),
        port=keys.get("port"),
        timeout=_timeout(keys.get("timeout"), report),
        retries=_retries(keys.get("max_retries"), report),
    )


def _tell_left(keys: Mapping[str, Node], report: Report) -> None:
    for place, why in LEFT.items():
        section, _, name = place.rpartition(".")
        if section == "listeners" and name in keys:
            report.warn(keys[name].at, f"`{name}` of this listener is not taken over: {why}")


def _timeout(node: Node | None, report: Report) -> Node | None:
    if node is None or parse_duration(str(node.value)):
        return node
    report.warn(node.at, "`timeout` is not taken over: 0 means no limit to Plano, and a try has one here: 1h")
    return None


def _retries(node: Node | None, report: Report) -> Node | None:
    if node is None or not node.value:
        return None
    if isinstance(node.value, int) and node.value > MOST_RETRIES:
        report.warn(node.at, f"`max_retries` is {MOST_RETRIES} here: no destination is asked more often than that")
    return node
