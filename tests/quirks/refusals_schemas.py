"""How providers refuse the schemas of tools.

Moonshot's rules are those of its own validator, https://github.com/MoonshotAI/walle (docs/walle.md), as far as the
catalogue has seen them refuse: a type in each node but beside anyOf and $ref, references into $defs, items that are an
object, values of an enumeration that have the type.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.quirks.kit import Refusal
    from wiremend.headers import Headers

TYPES = ("null", "boolean", "object", "array", "number", "integer", "string")
MAPS = ("properties", "$defs", "definitions")
COMBINE = ("anyOf", "oneOf", "allOf")
LISTS = (*COMBINE, "prefixItems")
GEMINI = [
    "type",
    "format",
    "title",
    "description",
    "nullable",
    "enum",
    "items",
    "minItems",
    "maxItems",
    "properties",
    "required",
    "minProperties",
    "maxProperties",
    "minLength",
    "maxLength",
    "pattern",
    "example",
    "anyOf",
    "propertyOrdering",
    "default",
    "minimum",
    "maximum",
]
FLAVOR = "tools.function.parameters is not a valid moonshot flavored json schema, details: <At path '{}': {}>"


def schemas_of(body: dict[str, Any]) -> list[dict[str, Any]]:
    tools = body.get("tools", [])
    return [tool.get("function", tool).get("parameters") or tool.get("input_schema") or {} for tool in tools]


def walk(node: Any, path: str = "root", place: str = "") -> Iterator[tuple[str, str, dict[str, Any]]]:  # noqa: ANN401 - any JSON
    """Give each node with its path and the keyword it stands under."""
    if not isinstance(node, dict):
        return
    yield path, place, node
    for name, value in node.items():
        if name in MAPS and isinstance(value, dict):
            for key, inner in value.items():
                yield from walk(inner, f"{path}.{name}.{key}", name)
        elif name in LISTS and isinstance(value, list):
            for number, inner in enumerate(value):
                yield from walk(inner, f"{path}.{name}.{number}", name)
        elif name == "items" and isinstance(value, list):
            for number, inner in enumerate(value):
                yield from walk(inner, f"{path}.items.{number}", name)
        elif name in {"items", "additionalProperties"}:
            yield from walk(value, f"{path}.{name}", name)


def _each(judge: Callable[[dict[str, Any]], str | None], status: int = 400) -> Refusal:
    def refuses(body: dict[str, Any], _headers: Headers) -> tuple[int, str] | None:
        found = [text for schema in schemas_of(body) if (text := judge(schema)) is not None]
        return (status, found[0]) if found else None

    return refuses


def any_of(schema: dict[str, Any]) -> str | None:
    if schema.get("type") != "object" or isinstance(schema.get("anyOf"), list):
        if "anyOf" in schema and "type" in schema:
            return FLAVOR.format("root", "when using anyOf, type should be defined in anyOf items instead")
        if "anyOf" in schema or "$ref" in schema:
            return FLAVOR.format("root", 'type is required and must be "object"')
    for path, _, node in walk(schema):
        if isinstance(node.get("anyOf"), list) and "type" in node:
            return FLAVOR.format(path, "when using anyOf, type should be defined in anyOf items instead")
        reference = node.get("$ref")
        if isinstance(reference, str):
            if "type" in node:
                return FLAVOR.format(path, "when using $ref, type should be defined in the referenced schema")
            if reference != "#" and not reference.startswith("#/$defs/"):
                return FLAVOR.format(path, "references must start with #/$defs/")
    return None


def types(schema: dict[str, Any]) -> str | None:
    for path, place, node in walk(schema):
        kind = node.get("type")
        if kind is None or kind == []:
            if any(name in node for name in (*COMBINE, "$ref", "not")) or (
                place == "additionalProperties" and not node
            ):
                continue
            return FLAVOR.format(path, "type is not defined")
        if isinstance(kind, str) and kind not in TYPES and not any(name in node for name in COMBINE):
            return FLAVOR.format(path, f"type {kind!r} is not supported")
        values = node.get("enum")
        if isinstance(values, list) and isinstance(kind, str) and kind in TYPES:
            fitting = [value for value in values if _fits(value, kind)]
            if fitting and len(fitting) < len(values):
                return FLAVOR.format(path, "enum values must match the type")
    return None


def _fits(value: object, kind: str) -> bool:
    python: dict[str, Any] = {"null": type(None), "boolean": bool, "object": dict, "array": list, "string": str}
    if kind in python:
        return isinstance(value, python[kind])
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return kind == "number" or value == int(value)


def tuples(schema: dict[str, Any]) -> str | None:
    for path, _, node in walk(schema):
        if "items" in node and not isinstance(node["items"], dict):
            return FLAVOR.format(path, "items must be an object")
    return None


def _null(schema: dict[str, Any]) -> str | None:
    for _, _, node in walk(schema):
        union = [branch for name in ("anyOf", "oneOf") for branch in node.get(name, ())]
        if isinstance(node.get("type"), list) or {"type": "null"} in union:
            return "JSON schema conversion failed"
    return None


def _root(schema: dict[str, Any]) -> str | None:
    found = [name for name in COMBINE if name in schema]
    return f"unsupported top-level schema keyword '{found[0]}'" if found else None


def _siblings(schema: dict[str, Any]) -> str | None:
    for _, _, node in walk(schema):
        beside = [name for name in node if name != "$ref"] if "$ref" in node else []
        if beside:
            return f"JSON Schema not supported: keyword(s) {beside} not allowed at the same level as $ref"
    return None


def _properties(schema: dict[str, Any]) -> str | None:
    for _, _, node in walk(schema):
        if node.get("type") == "object" and "properties" not in node:
            return 'Unable to generate parser for this template. Unrecognized schema: "object"'
        if any(isinstance(inner, str) for inner in node.get("properties", {}).values()):
            return 'Unable to generate parser for this template. Unrecognized schema: "string"'
    return None


def _gemini(schema: dict[str, Any]) -> str | None:
    for path, _, node in walk(schema):
        for name in node:
            if name not in GEMINI:
                return f"Invalid JSON payload received. Unknown name \"{name}\" at '{path}': Cannot find field."
    return None


def _slash(body: dict[str, Any], _headers: Headers) -> tuple[int, str] | None:
    if "service_tier" in body:
        return 400, "Argument not supported: service_tier"
    for schema in schemas_of(body):
        for _, _, node in walk(schema):
            if any("/" in str(value) for value in node.get("enum", ())):
                return 400, "Invalid arguments passed to the model"
    return None


REFUSALS: dict[str, Refusal] = {
    "schema-anyof-parent-type": _each(any_of),
    "schema-missing-type": _each(types),
    "schema-tuple-items": _each(tuples),
    "schema-type-array-null": _each(_null),
    "schema-root-combinator": _each(_root),
    "schema-ref-siblings": _each(_siblings),
    "schema-object-no-properties": _each(_properties),
    "schema-gemini-keywords": _each(_gemini),
    "schema-enum-slash-xai": _slash,
}
