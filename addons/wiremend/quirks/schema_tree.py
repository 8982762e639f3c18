"""The JSON schemas of a request's tools: where they are, and what is a schema inside a schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wiremend.quirks.amend import amend, items_of, too_deep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wiremend.notes import Kind
    from wiremend.quirks.amend import Where
    from wiremend.quirks.base import Draft

type Schema = dict[str, Any]

MAPS: Final = ("properties", "$defs", "definitions", "patternProperties", "dependentSchemas")
"""Keywords whose value is an object of schemas."""
LISTS: Final = ("anyOf", "oneOf", "allOf", "prefixItems")
"""Keywords whose value is a list of schemas."""
ONES: Final = (
    "items",
    "additionalProperties",
    "additionalItems",
    "unevaluatedProperties",
    "unevaluatedItems",
    "contains",
    "propertyNames",
    "not",
    "if",
    "then",
    "else",
)
"""Keywords whose value is one schema; ``items`` may be a list of them, before the draft 2020-12."""
_MAX_NODES: Final = 20_000


def tool_schemas(draft: Draft) -> list[tuple[Where, Schema]]:
    """Give the schemas of a request's tools, with their places; not what is no object or too deep."""
    found: list[tuple[Where, object]] = []
    for index, tool in enumerate(items_of(draft.document, "tools")):
        if not isinstance(tool, dict):
            continue
        if draft.scope.wire == "messages":
            found.append((("tools", index, "input_schema"), tool.get("input_schema")))
        elif draft.scope.wire == "chat":
            function = tool.get("function")
            if isinstance(function, dict):
                found.append((("tools", index, "function", "parameters"), function.get("parameters")))
        else:
            found.append((("tools", index, "parameters"), tool.get("parameters")))
            for number, inner in enumerate(items_of(tool, "tools")):
                if isinstance(inner, dict):
                    found.append((("tools", index, "tools", number, "parameters"), inner.get("parameters")))
    return [(where, schema) for where, schema in found if isinstance(schema, dict) and not too_deep(schema)]


def mend_schemas(draft: Draft, mend: Callable[[Schema], Schema], what: str, kind: Kind = "mended") -> None:
    """Mend each tool's schema; ``mend`` gives the schema as it must be, and leaves what it is given as it is."""
    for where, schema in tool_schemas(draft):
        mended = mend(schema)
        if mended is not schema and not too_deep(mended):
            amend(draft, where, mended, what, kind)


def map_children(node: Schema, change: Callable[[str, Any], Any], keywords: tuple[str, ...] | None = None) -> Schema:
    """Give a node with each schema inside it as ``change(keyword, schema)`` gives it; the node itself if none changed.

    Only schemas that are directly inside are visited, and of ``keywords`` only, if they are given.
    """
    changed: Schema = {}
    for name, value in node.items():
        if keywords is not None and name not in keywords:
            continue
        new: Any = value
        if name in MAPS and isinstance(value, dict):
            new = {key: change(name, inner) for key, inner in value.items()}
            if all(new[key] is inner for key, inner in value.items()):
                continue
        elif isinstance(value, list) and (name in LISTS or name == "items"):
            new = [change(name, inner) for inner in value]
            if all(a is b for a, b in zip(new, value, strict=True)):
                continue
        elif name in ONES and isinstance(value, dict):
            new = change(name, value)
        if new is not value:
            changed[name] = new
    return {**node, **changed} if changed else node


def resolve(root: Schema, reference: object) -> object:
    """Give what a local reference (``#``, ``#/$defs/A``) means, or None: elsewhere, or nothing there."""
    if not isinstance(reference, str) or not reference.startswith("#"):
        return None
    found: Any = root
    for token in reference[1:].split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict) and name in found:
            found = found[name]
        elif isinstance(found, list) and name.isascii() and name.isdigit() and len(name) < len("99999"):
            if int(name) >= len(found):
                return None
            found = found[int(name)]
        else:
            return None
    return found


def nodes(schema: object) -> Iterator[Schema]:
    """Give a schema and all schemas inside it, parents first."""
    waiting = [schema]
    for _ in range(_MAX_NODES):
        if not waiting:
            return
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            for name, value in node.items():
                if name in MAPS and isinstance(value, dict):
                    waiting += value.values()
                elif name in ONES or name in LISTS:
                    waiting += value if isinstance(value, list) else [value]
