"""``expect``: from sound nodes to :class:`~wiremend.rules.model.Expect`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from wiremend.jsonedit import parse_pointer
from wiremend.protocols import WIRES
from wiremend.rules.globs import compile_glob
from wiremend.rules.model import DECIDERS, Expect, Given
from wiremend.rules.report import Report
from wiremend.rules.schema_expect import EXPECT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wiremend.rules.model import Target
    from wiremend.rules.tree import Node


def compile_expects(
    nodes: Sequence[Node], targets_of: Callable[[Node], tuple[Target, ...]], report: Report
) -> list[Expect]:
    """Compile the entries of ``expect``; ``targets_of`` reads a destination or a list, and reports what dangles."""
    found: list[Expect] = []
    for node in nodes:
        if not EXPECT.check(node, Report(report.file)):
            continue
        to, url = node.mapping["to"], node.mapping.get("url")
        targets = () if to.value is None else targets_of(to)
        if to.value is not None and not targets:
            continue
        given, by = node.mapping["given"].mapping, node.mapping.get("by")
        model = given.get("model")
        listed = model.items if model is not None and isinstance(model.value, list) else []
        asked = {item.value for item in by.items} if by is not None else set()
        _told_twice(listed, report)
        _told_twice(by.items if by is not None else (), report)
        if by is not None and to.value is None and asked - {"host"}:
            message = "`to: null` is where no part of the rules decides; there `by` can be host alone"
            report.error(by.mark, message)
        found.append(
            Expect(
                _given(given),
                targets[0] if targets else None,
                compile_glob(str(url.value)) if url is not None else None,
                node.at.line,
                node.at.column,
                targets if isinstance(to.value, list) else (),
                tuple((_name(item), item.mark.line, item.mark.column) for item in listed),
                tuple(decider for decider in DECIDERS if decider in asked),
            )
        )
    return found


def _name(item: Node) -> str | None:
    return None if item.value is None else str(item.value)


def _told_twice(items: Sequence[Node], report: Report) -> None:
    """Report what stands in a list a second time."""
    seen: dict[object, Node] = {}
    for item in items:
        first = seen.setdefault(item.value, item)
        if first is not item:
            report.error(item.mark, f"this stands twice in the list; the first is at line {first.mark.line}")


def _given(given: dict[str, Node]) -> Given:
    """Compile the request of an expectation."""
    text = {name: str(value.value) for name, value in given.items() if isinstance(value.value, str)}
    stream = given.get("stream")
    headers = given["header"].mapping if "header" in given else {}
    body = given["body"].mapping if "body" in given else {}
    return Given(
        client=text.get("client"),
        key=text.get("key"),
        model=text.get("model"),
        host=text.get("host"),
        path=text.get("path"),
        wire=next((wire for wire in WIRES if wire == text.get("wire")), None),
        agent=text.get("agent"),
        header=tuple((name, str(value.value)) for name, value in headers.items()),
        body=tuple((parse_pointer(at), msgspec.json.encode(value.plain())) for at, value in body.items()),
        stream=stream.value if stream is not None and isinstance(stream.value, bool) else None,
    )
