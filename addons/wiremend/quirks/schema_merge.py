"""A schema whose alternatives are at its root, made one object: some providers take nothing else."""

from __future__ import annotations

from typing import Any, Final

from wiremend.quirks.amend import same
from wiremend.quirks.schema_tree import Schema, resolve

_HOPS: Final = 8
_COMBINE: Final = ("anyOf", "oneOf", "allOf")
_HELD: Final = ("$defs", "definitions")


def follow_root(root: Schema) -> Schema:
    """Put what the root refers to in its place; members beside the reference win."""
    for _ in range(_HOPS):
        if "$ref" not in root:
            return root
        target = resolve(root, root["$ref"])
        beside = {name: value for name, value in root.items() if name != "$ref"}
        root = {**target, **beside} if isinstance(target, dict) and target is not root else beside
    return {name: value for name, value in root.items() if name != "$ref"}


def merge_root(root: Schema, keywords: tuple[str, ...] = _COMBINE) -> Schema:
    """Give the root without these keywords, and with the properties of their branches.

    What was valid stays valid as long as it uses a property as a branch declares it. A property that every instance
    has stays required. Where the root has none of the keywords it is given back itself.
    """
    if not any(isinstance(root.get(keyword), list) for keyword in keywords):
        return root
    merged = {name: value for name, value in root.items() if name not in keywords or not isinstance(value, list)}
    properties, required = _merged(root, root, keywords, _HOPS)
    merged["type"] = "object"
    if properties:
        merged["properties"] = properties
    names = [name for name in required if name in properties]
    if names:
        merged["required"] = names
    else:
        merged.pop("required", None)
    return merged


def _merged(root: Schema, node: Schema, keywords: tuple[str, ...], hops: int) -> tuple[dict[str, Any], list[str]]:
    """Give the properties of a node and its branches, and the names that are required in any case."""
    own = node.get("properties")
    properties = dict(own) if isinstance(own, dict) else {}
    names = node.get("required")
    required = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
    for keyword in keywords:
        branches = node.get(keyword)
        if not isinstance(branches, list) or not branches:
            continue
        parts = [_branch(root, branch, hops) for branch in branches]
        found: dict[str, list[Any]] = {}
        for part, _ in parts:
            for name, schema in part.items():
                known = found.setdefault(name, [])
                if not any(same(schema, other) for other in known):
                    known.append(schema)
        for name, schemas in found.items():
            # All of allOf hold, so any one of them is true; of alternatives either may be.
            one = len(schemas) == 1 or keyword == "allOf"
            properties.setdefault(name, schemas[0] if one else {"anyOf": schemas})
        sets = [set(needed) for _, needed in parts]
        always = set.union(*sets) if keyword == "allOf" else set.intersection(*sets)
        ordered = [name for _, needed in parts for name in needed if name in always]
        required += [name for name in dict.fromkeys(ordered) if name not in required]
    return properties, required


def _branch(root: Schema, branch: object, hops: int) -> tuple[dict[str, Any], list[str]]:
    while hops and isinstance(branch, dict) and "$ref" in branch:
        branch, hops = resolve(root, branch["$ref"]), hops - 1
    if not hops or not isinstance(branch, dict) or branch.get("type", "object") != "object":
        return {}, []
    return _merged(root, branch, _COMBINE, hops - 1)
