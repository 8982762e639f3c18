"""``edits``: from sound nodes to :class:`~wiremend.rules.model.EditRule`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from wiremend.jsonedit import Edit, parse_pointer
from wiremend.rules.conditions import compile_when
from wiremend.rules.model import EditRule
from wiremend.rules.providers import check_headers, compile_headers
from wiremend.rules.report import Report
from wiremend.rules.schema import EDIT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wiremend.jsonedit import Op, Pointer
    from wiremend.rules.tree import Node

_CHANGES: Final = ("default", "set", "scale", "clamp", "remove", "headers")
_OPS: Final[frozenset[Op]] = frozenset({"default", "set", "scale", "clamp", "remove"})


def compile_edits(nodes: Sequence[Node], report: Report) -> list[EditRule]:
    """Compile the entries of ``edits``; what is broken is reported and left out."""
    rules: list[EditRule] = []
    for number, node in enumerate(nodes, 1):
        check_headers(node.mapping.get("headers"), report)
        if not EDIT.check(node, Report(report.file)):
            continue
        keys = node.mapping
        if not keys.keys() & set(_CHANGES):
            report.error(node.at, f"this edit changes nothing; it needs {', '.join(_CHANGES[:-1])} or {_CHANGES[-1]}")
            continue
        label, when = label_of("edit", number, node), compile_when(keys.get("when"))
        rules.append(EditRule(label, when, _body(keys, report), compile_headers(keys.get("headers")), node.at.line))
    return rules


def _body(keys: dict[str, Node], report: Report) -> tuple[Edit, ...]:
    """Give the changes of a body, key by key in the order of the file; but ``scale`` comes before ``clamp``."""
    order: list[Op] = [op for op in keys if op in _OPS]
    if {"scale", "clamp"} <= keys.keys() and order.index("clamp") < order.index("scale"):
        order.remove("clamp")
        order.insert(order.index("scale") + 1, "clamp")
    edits: list[Edit] = []
    seen: dict[Pointer, tuple[Op, Node]] = {}
    for op in order:
        if op == "remove":
            given = [(str(item.value), item) for item in keys[op].items]
        else:
            given = list(keys[op].mapping.items())
        for text, node in given:
            if _once(text, node, op, seen, report):
                value = None if op == "remove" else msgspec.json.encode(node.plain())
                edits.append(Edit(op, parse_pointer(text), value))
    return tuple(edits)


def _once(text: str, node: Node, op: Op, seen: dict[Pointer, tuple[Op, Node]], report: Report) -> bool:
    """Report a pointer that the edit names already, unless a ``scale`` comes before its ``clamp``."""
    pointer = parse_pointer(text)
    before = seen.get(pointer)
    seen[pointer] = op, node
    if before is None or (before[0], op) == ("scale", "clamp"):
        return True
    first = min(before[1].at, node.at, key=lambda at: (at.line, at.column))
    second = node.at if first is not node.at else before[1].at
    return report.error(second, f"the pointer {text} stands twice in this edit; the first is at line {first.line}")


def label_of(kind: str, number: int, node: Node) -> str:
    """Give what an entry is called: its own name, or its kind and place such as ``edit 2``."""
    name = node.mapping.get("name")
    return str(name.value) if name is not None else f"{kind} {number}"
