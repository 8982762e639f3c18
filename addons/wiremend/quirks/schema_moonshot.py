"""The schemas that Moonshot takes: a subset of JSON Schema that it calls MFJS, and in which each node has a type.

Its rules are https://github.com/MoonshotAI/walle (docs/walle.md, docs/mfjs-spec.md), read 2026-11.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from wiremend.quirks.amend import amend, same, too_deep
from wiremend.quirks.base import Quirk
from wiremend.quirks.schema_merge import follow_root, merge_root
from wiremend.quirks.schema_tree import Schema, map_children, mend_schemas, nodes, resolve, tool_schemas

if TYPE_CHECKING:
    from wiremend.quirks.base import Draft

TYPES: Final = ("string", "integer", "number", "boolean", "object", "array", "null")
INSIDE: Final = ("properties", "$defs", "definitions", "items", "additionalProperties", "prefixItems")
COMBINE: Final = ("anyOf", "oneOf", "allOf")
UNTYPED: Final = (*COMBINE, "$ref", "not")
"""A node with one of these gets its type from inside."""
_BESIDE_REF: Final = ("$ref", "title", "description", "default", "$defs", "definitions", "$id", "$schema", "$comment")
_HINTS: Final = (
    ("object", ("properties", "required", "additionalProperties", "patternProperties", "minProperties")),
    ("array", ("items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains")),
    ("string", ("minLength", "maxLength", "pattern", "format")),
    ("number", ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")),
)
_NULLABLE: Final = 2


def _any_of(draft: Draft) -> None:
    for where, schema in tool_schemas(draft):
        root = merge_root(follow_root(schema), ("anyOf",))
        kind, what = (
            ("mended", "type put where Moonshot wants it") if root is schema else ("lost", "alternatives merged")
        )
        mended = _push(_local_refs(root))
        if mended is not schema and not too_deep(mended):
            amend(draft, where, mended, what, "lost" if kind == "lost" else "mended")


def _push(node: Schema) -> Schema:
    """Move a node's type into its alternatives, and away from a reference."""
    if isinstance(node.get("$ref"), str) and any(name not in _BESIDE_REF for name in node):
        node = {name: value for name, value in node.items() if name in _BESIDE_REF}
    branches = node.get("anyOf")
    if isinstance(branches, list) and "type" in node:
        kind = node["type"]
        if branches:
            node = {name: value for name, value in node.items() if name != "type"}
            node["anyOf"] = [_with_type(branch, kind) for branch in branches]
        else:
            node = {name: value for name, value in node.items() if name != "anyOf"}
    return map_children(node, lambda _, inner: _push(inner) if isinstance(inner, dict) else inner, (*INSIDE, *COMBINE))


def _with_type(branch: object, kind: object) -> object:
    if branch is True:
        return {"type": kind}
    return {"type": kind, **branch} if isinstance(branch, dict) and not {"type", "$ref"} & branch.keys() else branch


def _local_refs(root: Schema) -> Schema:
    """Make every reference one into ``$defs``: what is elsewhere is put there, and what is nowhere is let go."""
    found = {node["$ref"] for node in nodes(root) if isinstance(node.get("$ref"), str)}
    renamed: dict[str, str | None] = {}
    held = root.get("$defs")
    definitions: Schema = dict(held) if isinstance(held, dict) else {}
    for reference in sorted(found):
        target = resolve(root, reference)
        if reference == "#" or (reference.startswith("#/$defs/") and isinstance(target, dict)):
            continue
        renamed[reference] = None
        if isinstance(target, dict):
            name = reference.rpartition("/")[2].replace("~", "_") or "root"
            while name in definitions and not same(definitions[name], target):
                name += "_"
            definitions[name] = target
            renamed[reference] = f"#/$defs/{name}"
    if not renamed:
        return root
    if definitions:
        root = {**root, "$defs": definitions}
    if all(reference.startswith("#/definitions/") for reference in renamed):
        root = {name: value for name, value in root.items() if name != "definitions"}
    return _renamed(root, renamed)


def _renamed(node: Schema, renamed: dict[str, str | None]) -> Schema:
    reference = node.get("$ref")
    if isinstance(reference, str) and reference in renamed:
        new = renamed[reference]
        node = {**node, "$ref": new} if new else {name: value for name, value in node.items() if name != "$ref"}
    return map_children(node, lambda _, inner: _renamed(inner, renamed) if isinstance(inner, dict) else inner)


def _types(draft: Draft) -> None:
    for where, schema in tool_schemas(draft):
        guesses: list[Schema] = []
        mended = _typed(guesses, "object", "", _objects_only(schema))
        if mended.get("type") != "object" and not any(name in schema for name in UNTYPED):
            mended = {**mended, "type": "object"}
        what = "no type was given, and none can be told: a string" if guesses else "the type that its values have"
        amend(draft, where, mended, what, "lost" if guesses else "mended")


def _objects_only(root: Schema) -> Schema:
    """Leave objects among the values that the root enumerates: arguments are nothing else."""
    values = root.get("enum")
    if not isinstance(values, list) or all(isinstance(value, dict) for value in values):
        return root
    objects = [value for value in values if isinstance(value, dict)]
    rest = {name: value for name, value in root.items() if name != "enum"}
    return {**rest, "enum": objects} if objects else rest


def _typed(guesses: list[Schema], inherited: object, keyword: str, node: Any) -> Any:  # noqa: ANN401 - any JSON
    """Give a node, and each inside it, a type."""
    if not isinstance(node, dict) or (not node and keyword == "additionalProperties"):
        return node
    if node.get("items") in ({}, True):  # any item: the same as none said
        node = {name: value for name, value in node.items() if name != "items"}
    kind = node.get("type")
    is_typed = (isinstance(kind, str) and kind in TYPES) or (isinstance(kind, list) and bool(kind))
    passed = kind if is_typed else inherited
    node = map_children(node, partial(_typed, guesses, None), INSIDE)
    node = map_children(node, partial(_typed, guesses, passed), COMBINE)
    values = node.get("enum")
    if isinstance(values, list) and values:
        node = _enum(node, values, kind if is_typed else None)
        is_typed = is_typed or "type" in node
    if is_typed or any(name in node for name in UNTYPED):
        return node
    told = _told(node) if inherited is None else inherited
    if told is None:
        guesses.append(node)
    return {**node, "type": told or "string"}


def _told(node: Schema) -> str | None:
    """Tell a type from what else a node says."""
    if "const" in node:
        return type_of(node["const"])
    return next((kind for kind, names in _HINTS if any(name in node for name in names)), None)


def _enum(node: Schema, values: list[Any], kind: object) -> Schema:
    """Make the values of an enumeration, and its type, agree: alternatives where they are of several types."""
    if isinstance(kind, str):
        fitting = [value for value in values if has_type(value, kind)]
        return {**node, "enum": fitting} if fitting and len(fitting) < len(values) else node
    groups: dict[str, list[Any]] = {}
    for value in values:
        if not isinstance(kind, list) or any(has_type(value, one) for one in kind):
            groups.setdefault("number" if type_of(value) == "integer" else type_of(value), []).append(value)
    if "number" in groups and all(type_of(value) == "integer" for value in groups["number"]):
        groups = {"integer" if name == "number" else name: group for name, group in groups.items()}
    if not groups or any(name in node for name in UNTYPED):
        return node
    if isinstance(kind, list) and len(kind) == _NULLABLE and "null" in kind and not {"object", "array"} & groups.keys():
        fitting = [value for value in values if any(has_type(value, one) for one in kind)]
        return {**node, "enum": fitting} if len(fitting) < len(values) else node
    rest = {name: value for name, value in node.items() if name not in {"type", "enum"}}
    branches = [{"type": name} if name == "null" else {"type": name, "enum": group} for name, group in groups.items()]
    return {**rest, **branches[0]} if len(branches) == 1 else {**rest, "anyOf": branches}


def type_of(value: object) -> str:
    """Name the JSON type of a value."""
    if value is None:
        return "null"
    for kind, name in ((bool, "boolean"), (int, "integer"), (float, "number"), (str, "string"), (list, "array")):
        if isinstance(value, kind):
            return name
    return "object"


def has_type(value: object, kind: object) -> bool:
    """Tell whether a value is of a JSON type; a float without a fraction is an integer as well."""
    mine = type_of(value)
    return mine == kind or (mine == "integer" and kind == "number") or (kind == "integer" and _is_whole(value))


def _is_whole(value: object) -> bool:
    return isinstance(value, float) and value.is_integer()


def _tuples(draft: Draft) -> None:
    mend_schemas(draft, _no_tuple, "a tuple's items are prefixItems")


def _no_tuple(node: Schema) -> Schema:
    items = node.get("items")
    if "items" in node and not isinstance(items, dict):
        rest = node.get("additionalItems")
        node = {name: value for name, value in node.items() if name not in {"items", "additionalItems"}}
        if isinstance(items, list) and items:
            node.setdefault("prefixItems", items)
            if isinstance(rest, dict):
                node["items"] = rest
    return map_children(node, lambda _, inner: _no_tuple(inner) if isinstance(inner, dict) else inner)


_VERIFIED: Final = "https://github.com/vercel/ai/pull/18921"
_SPECIFIED: Final = "https://github.com/MoonshotAI/walle"

QUIRKS: Final[tuple[Quirk, ...]] = (
    Quirk(
        number=38,
        name="schema-anyof-parent-type",
        wires=("messages", "chat"),
        side="request",
        kind="preset",
        who="Moonshot and Kimi, given the tools of many MCP servers.",
        symptom="400 not a valid moonshot flavored json schema: type should be defined in anyOf items.",
        mend="A type beside anyOf goes into its items; at the root the alternatives become one object.",
        before='{"type":"string","anyOf":[{"minLength":1},{"maxLength":9}]}',
        after='{"anyOf":[{"type":"string","minLength":1},{"type":"string","maxLength":9}]}',
        evidence=(
            _VERIFIED,
            _SPECIFIED,
            "https://github.com/MoonshotAI/kimi-code/issues/2661",
            "https://github.com/openclaw/openclaw/issues/113130",
            "https://github.com/abhigyanpatwari/GitNexus/issues/2703",
        ),
        presets=("moonshot", "kimi-code"),
        request=_any_of,
    ),
    Quirk(
        number=39,
        name="schema-missing-type",
        wires=("messages", "chat"),
        side="request",
        kind="preset",
        who="Moonshot and Kimi.",
        symptom="400 not a valid moonshot flavored json schema: type is not defined.",
        mend="The type is told from the values, or from what else is said; else it is a string.",
        before='{"enum":["A","B"]}',
        after='{"enum":["A","B"],"type":"string"}',
        evidence=("https://github.com/MoonshotAI/kimi-cli/pull/2030", _SPECIFIED),
        presets=("moonshot", "kimi-code"),
        request=_types,
    ),
    Quirk(
        number=40,
        name="schema-tuple-items",
        wires=("messages", "chat"),
        side="request",
        kind="preset",
        who="Moonshot and Kimi.",
        symptom="400: items must be an object.",
        mend="Items that are a list become prefixItems.",
        before='{"type":"array","items":[{"type":"string"},{"type":"number"}]}',
        after='{"type":"array","prefixItems":[{"type":"string"},{"type":"number"}]}',
        evidence=(_VERIFIED,),
        presets=("moonshot", "kimi-code"),
        request=_tuples,
    ),
)
