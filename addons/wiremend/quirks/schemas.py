"""The schemas of tools, where a provider takes a part of JSON Schema only. Moonshot's are in ``schema_moonshot``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wiremend.quirks.amend import SIGNERS, items_of, on_host
from wiremend.quirks.base import Quirk
from wiremend.quirks.schema_merge import follow_root, merge_root
from wiremend.quirks.schema_tree import LISTS, MAPS, ONES, Schema, map_children, mend_schemas, resolve

if TYPE_CHECKING:
    from wiremend.quirks.base import Draft

_TYPES: Final = frozenset({"string", "integer", "number", "boolean", "object", "array", "null"})
_NULL: Final[Schema] = {"type": "null"}
_HELD: Final = frozenset({"$ref", "$defs", "definitions"})
_ANNOTATIONS: Final = frozenset({"title", "description", "default", "examples"})
_HOPS: Final = 4
# https://ai.google.dev/api/caching#Schema, read 2026-11: what the Schema object has.
_GEMINI: Final = frozenset(
    {
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
    }
)


def _no_null(draft: Draft) -> None:
    mend_schemas(draft, _not_null, "null cannot be said here", "lost")


def _not_null(node: Schema) -> Schema:
    kinds = node.get("type")
    if isinstance(kinds, list) and all(isinstance(kind, str) for kind in kinds):
        kept = [kind for kind in kinds if kind != "null"] or ["null"]
        rest = {name: value for name, value in node.items() if name != "type"}
        if len(kept) == 1:
            node = _without_null({**rest, "type": kept[0]})
        elif "anyOf" not in node:
            node = _without_null({**rest, "anyOf": [{"type": kind} for kind in kept]})
    for keyword in ("anyOf", "oneOf"):
        branches = node.get(keyword)
        if isinstance(branches, list) and _NULL in branches and any(branch != _NULL for branch in branches):
            kept = [branch for branch in branches if branch != _NULL]
            node = _without_null({**node, keyword: kept})
            if len(kept) == 1 and isinstance(kept[0], dict):
                beside = {name: value for name, value in node.items() if name != keyword}
                told = {name: value for name, value in beside.items() if name in _ANNOTATIONS}
                node = {**beside, **kept[0], **told}
    return map_children(node, lambda _, inner: _not_null(inner) if isinstance(inner, dict) else inner)


def _without_null(node: Schema) -> Schema:
    """Take null out of what is said beside the type."""
    if node.get("default", 0) is None:
        node = {name: value for name, value in node.items() if name != "default"}
    values = node.get("enum")
    if isinstance(values, list) and None in values and any(value is not None for value in values):
        node = {**node, "enum": [value for value in values if value is not None]}
    return node


def _one_root(draft: Draft) -> None:
    if draft.scope.wire == "messages" and on_host(draft.scope.host, *SIGNERS):
        return
    mend_schemas(draft, merge_root, "the alternatives at the root are one object", "lost")


def _lone_refs(draft: Draft) -> None:
    mend_schemas(draft, lambda root: _lone_ref(follow_root(root)), "nothing may stand beside $ref", "lost")


def _lone_ref(node: Schema) -> Schema:
    if isinstance(node.get("$ref"), str) and any(name not in _HELD for name in node):
        node = {name: value for name, value in node.items() if name in _HELD}
    return map_children(node, lambda _, inner: _lone_ref(inner) if isinstance(inner, dict) else inner)


def _properties(draft: Draft) -> None:
    if not on_host(draft.scope.host, *SIGNERS):
        mend_schemas(draft, _with_properties, "an object has properties, if none")


def _with_properties(node: Schema) -> Schema:
    if node.get("type") == "object" and "properties" not in node:
        node = {**node, "properties": {}}
    places = {name for name in node if (name in MAPS or name in LISTS or name in ONES)}
    bare: Schema = {}
    for name in places:
        value = node[name]
        if name in MAPS and isinstance(value, dict):
            bare[name] = {key: _schema(inner) for key, inner in value.items()}
        elif isinstance(value, list):
            bare[name] = [_schema(inner) for inner in value]
        else:
            bare[name] = _schema(value)
    if any(bare[name] != node[name] for name in places):
        node = {**node, **bare}
    return map_children(node, lambda _, inner: _with_properties(inner) if isinstance(inner, dict) else inner)


def _schema(value: object) -> object:
    """Make a schema of a type's bare name."""
    return {"type": value} if isinstance(value, str) and value in _TYPES else value


def _gemini(draft: Draft) -> None:
    mend_schemas(draft, lambda root: _for_gemini(root, root, _HOPS), "not known to Gemini's schemas", "lost")


def _for_gemini(node: Schema, root: Schema, hops: int) -> Schema:
    """Give a node in the words that Gemini has; a reference is replaced by what it means, a few times deep."""
    if "$ref" in node:
        target = resolve(root, node["$ref"]) if hops else None
        beside = {name: value for name, value in node.items() if name != "$ref"}
        node, hops = {**(target if isinstance(target, dict) else {"type": "object"}), **beside}, hops - 1
        if not isinstance(target, dict):
            return {name: value for name, value in node.items() if name in {"type", "title", "description"}}
        if "$ref" in node:
            return _for_gemini(node, root, max(hops, 0))
    if "allOf" in node:
        node = _all_of(node, root, hops)
    if "oneOf" in node and "anyOf" not in node:
        node = {("anyOf" if name == "oneOf" else name): value for name, value in node.items()}
    if isinstance(node.get("const"), str) and "enum" not in node:
        node = {
            ("enum" if name == "const" else name): [value] if name == "const" else value for name, value in node.items()
        }
    if any(name not in _GEMINI for name in node):
        node = {name: value for name, value in node.items() if name in _GEMINI}
    if any(not isinstance(value, str) for value in items_of(node, "enum")):
        node = {name: value for name, value in node.items() if name != "enum"}  # texts only
    return map_children(
        node,
        lambda _, inner: _for_gemini(inner, root, max(hops, 0)) if isinstance(inner, dict) else inner,
        ("properties", "items", "anyOf"),
    )


def _all_of(node: Schema, root: Schema, hops: int) -> Schema:
    """Put the parts of allOf together: their properties and required names, and else what comes first."""
    whole = {name: value for name, value in node.items() if name != "allOf"}
    for branch in items_of(node, "allOf"):
        part: Any = resolve(root, branch["$ref"]) if isinstance(branch, dict) and "$ref" in branch and hops else branch
        if not isinstance(part, dict):
            continue
        for name, value in part.items():
            known = whole.get(name)
            if name == "properties" and isinstance(known, dict) and isinstance(value, dict):
                whole[name] = {**value, **known}
            elif name == "required" and isinstance(known, list) and isinstance(value, list):
                whole[name] = [*known, *(one for one in value if one not in known)]
            else:
                whole.setdefault(name, value)
    return whole


def _no_slash(draft: Draft) -> None:
    mend_schemas(draft, _slash, "an enum with a slash is refused here", "lost")
    if isinstance(draft.document, dict) and "service_tier" in draft.document:
        draft.remove(("service_tier",), "not known to Grok", kind="lost")


def _slash(node: Schema) -> Schema:
    values = node.get("enum")
    if isinstance(values, list) and any(isinstance(value, str) and "/" in value for value in values):
        node = {name: value for name, value in node.items() if name != "enum"}
    return map_children(node, lambda _, inner: _slash(inner) if isinstance(inner, dict) else inner)


QUIRKS: Final[tuple[Quirk, ...]] = (
    Quirk(
        number=41,
        name="schema-type-array-null",
        wires=("messages", "chat"),
        side="request",
        kind="preset",
        who="Gemini, the grammars of llama.cpp, and schemas of Anthropic's kind.",
        symptom="400: JSON schema conversion failed.",
        mend="What may be null as well becomes what it is otherwise.",
        before='{"type":["string","null"],"default":null}',
        after='{"type":"string"}',
        evidence=("measured: the clients that know these hosts send no union with null (Hermes 0.19.0, source)",),
        presets=("gemini",),
        request=_no_null,
    ),
    Quirk(
        number=42,
        name="schema-root-combinator",
        wires=("messages", "chat", "responses"),
        side="request",
        kind="preset",
        who="LM Studio, the Codex backend of ChatGPT, and schemas of Anthropic's kind.",
        symptom="400: unsupported top-level schema keyword 'oneOf'.",
        mend="Alternatives at the root become one object with the properties of all.",
        before='{"oneOf":[{"type":"object","properties":{"a":{"type":"string"}}}]}',
        after='{"type":"object","properties":{"a":{"type":"string"}}}',
        evidence=("https://github.com/yoy123/lmstudio-copilot-provider/issues/2",),
        request=_one_root,
    ),
    Quirk(
        number=43,
        name="schema-ref-siblings",
        wires=("chat",),
        side="request",
        kind="preset",
        who="Fireworks.",
        symptom="400 JSON Schema not supported: keyword not allowed at the same level as $ref.",
        mend="A reference stands alone; one at the root is replaced by what it means.",
        before='{"$ref":"#/$defs/F","default":null}',
        after='{"$ref":"#/$defs/F"}',
        evidence=("measured: Hermes 0.19.0 strips them for this host (source)",),
        presets=("fireworks",),
        request=_lone_refs,
    ),
    Quirk(
        number=44,
        name="schema-object-no-properties",
        wires=("chat",),
        side="request",
        kind="always",
        who="llama.cpp, and strict tools of OpenAI.",
        symptom='400: unable to generate parser for this template, unrecognized schema: "object".',
        mend="An object gets empty properties, and a type's bare name becomes a schema.",
        before='{"type":"object"}',
        after='{"type":"object","properties":{}}',
        evidence=("https://github.com/vercel/ai/pull/15249",),
        request=_properties,
    ),
    Quirk(
        number=45,
        name="schema-gemini-keywords",
        wires=("chat",),
        side="request",
        kind="preset",
        who="Gemini's OpenAI-compatible endpoint.",
        symptom="400 INVALID_ARGUMENT: unknown name.",
        mend="Keywords that Gemini's schemas lack go, or become what it has for them.",
        before='{"$schema":"x","type":"object","properties":{"a":{"const":"b"}},"additionalProperties":false}',
        after='{"type":"object","properties":{"a":{"enum":["b"]}}}',
        evidence=(
            "https://github.com/router-for-me/CLIProxyAPI/commit/ac0d1888c",
            "https://github.com/router-for-me/CLIProxyAPI/commit/f53a2b6e8",
            "https://github.com/router-for-me/CLIProxyAPI/commit/a7e3596b7",
        ),
        presets=("gemini",),
        request=_gemini,
    ),
    Quirk(
        number=46,
        name="schema-enum-slash-xai",
        wires=("responses",),
        side="request",
        kind="preset",
        who="xAI's responses endpoint.",
        symptom="400: invalid arguments passed to the model, or argument not supported: service_tier.",
        mend="An enum with a slash in a value goes, and so does service_tier.",
        before='{"type":"string","enum":["Qwen/Qwen3.5-0.8B"]}',
        after='{"type":"string"}',
        evidence=("https://github.com/NousResearch/hermes-agent/issues/28490",),
        presets=("xai",),
        models=("grok-*",),
        request=_no_slash,
    ),
)
