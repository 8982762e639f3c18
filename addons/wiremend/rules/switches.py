"""``quirks`` under a provider: ``auto``, a list of names, or a list of changes to what auto gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wiremend.families import looks_like_credential
from wiremend.quirks import AUTO, Setting, all_quirks, may_be_named
from wiremend.rules.suggest import did_you_mean

if TYPE_CHECKING:
    from wiremend.rules.report import Report
    from wiremend.rules.shapes import JsonSchema
    from wiremend.rules.tree import Node

_SIGNS = ("+", "-")


@dataclass(frozen=True, slots=True)
class Switches:
    """The shape of the key."""

    expects: str = "auto, a list of quirks, or a list of changes such as [+NAME, -NAME]"

    def fits(self, node: Node) -> bool:
        """Tell whether it is the word or a list."""
        return node.value == "auto" or isinstance(node.value, list)

    def check(self, node: Node, report: Report) -> bool:
        """Check each name, and that all of them have signs or none has."""
        if node.value == "auto":
            return True
        if not isinstance(node.value, list):
            known = isinstance(node.value, str) and _bare(node.value) in all_quirks()
            listed = f"; write [{node.value}]" if known else ""
            return report.error(node.mark, f"this must be {self.expects}{listed}")
        seen: dict[str, Node] = {}
        sound = [_check(item, seen, report) for item in node.value]
        signed = [isinstance(item.value, str) and item.value.startswith(_SIGNS) for item in node.value]
        if any(signed) and not all(signed):
            odd = node.value[signed.index(not signed[0])]
            message = "either every name has a + or -, as a change to auto, or none has, as the list itself"
            return report.error(odd.mark, message)
        return all(sound)

    def schema(self) -> JsonSchema:
        """Give the word, or an array of names."""
        name: JsonSchema = {"type": "string", "pattern": "^[+-]?[a-z0-9-]+$", "description": "a quirk's name"}
        return {"anyOf": [{"const": "auto"}, {"type": "array", "items": name}]}


def setting_of(node: Node | None) -> Setting:
    """Read a sound value; None is auto."""
    if node is None or not isinstance(node.value, list):
        return AUTO
    names = [str(item.value) for item in node.value]
    on = tuple(name[1:] for name in names if name.startswith("+"))
    off = tuple(name[1:] for name in names if name.startswith("-"))
    return Setting(on=on, off=off) if on or off else Setting(only=tuple(names))


def _bare(text: str) -> str:
    return text[1:] if text.startswith(_SIGNS) else text


def _check(item: Node, seen: dict[str, Node], report: Report) -> bool:
    if not isinstance(item.value, str):
        return report.error(item.mark, "this must be the name of a quirk; `wiremend quirks` lists them")
    name = _bare(item.value)
    problem = _problem(name)
    first = seen.setdefault(name, item)
    if problem is None and first is not item:
        problem = f"{name!r} stands in this list twice; the first is at line {first.mark.line}"
    return problem is None or report.error(item.mark, problem)


def _problem(name: str) -> str | None:
    """Say why a name cannot stand here; None where it can."""
    if looks_like_credential(name):
        return "a credential stands here in clear, where the name of a quirk is expected"
    quirk = all_quirks().get(name)
    if quirk is None:
        known = did_you_mean(name, all_quirks(), few=0) or "; `wiremend quirks` lists them"
        return f"there is no quirk {name!r}{known}"
    if quirk.kind == "explained":
        return f"{name!r} is only explained, never mended, so it cannot be switched here"
    if not may_be_named(quirk):
        return f"{name!r} is mended for every provider and cannot be switched here"
    return None
