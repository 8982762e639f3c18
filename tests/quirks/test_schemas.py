"""The schemas of tools: rows of refused ones and how they are accepted, and laws for any schema.

Moonshot's rules are judged by two who do not know our code: the refusal, which holds the rules of its own validator,
and jsonschema, which says whether an instance that was valid still is.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.quirks.refusals_schemas import REFUSALS, any_of, tuples, types
from tests.quirks.request_kit import Row, check_any, check_row, draft_of, json_values, mended, run
from wiremend.quirks import all_quirks
from wiremend.quirks.amend import MAX_DIFFERENCES
from wiremend.quirks.base import Scope, WireName

if TYPE_CHECKING:
    from wiremend.notes import Kind

MOONSHOT = ("schema-anyof-parent-type", "schema-missing-type", "schema-tuple-items")


def chat(schema: str) -> str:
    return (
        '{"model":"m", "tools":[{"type":"function","function":{"name":"f","parameters":'
        f"{schema}"
        '}}],"messages":[],"top_p":1.0}'
    )


def row(quirk: str, before: str, after: str, *kinds: Kind) -> Row:
    return Row(quirk, "chat", chat(before), chat(after), kinds=kinds or ("mended",))


ROWS = {
    "type beside anyOf": row(
        "schema-anyof-parent-type",
        '{"type":"object","properties":{"a":{"description":"d","type":"string","anyOf":[{"minLength":1},'
        '{"type":"null"}]}}}',
        '{"type":"object","properties":{"a":{"description":"d","anyOf":[{"minLength":1,"type":"string"},'
        '{"type":"null"}]}}}',
    ),
    "a type that all branches have": row(
        "schema-anyof-parent-type",
        '{"type":"object","properties":{"a":{"type":["string","array"],'
        '"anyOf":[{"type":"array" },{"type":"string"}]}}}',
        '{"type":"object","properties":{"a":{"anyOf":[{"type":"array" },{"type":"string"}]}}}',
    ),
    "anyOf in anyOf": row(
        "schema-anyof-parent-type",
        '{"type":"object","properties":{"a":{"type":"integer","anyOf":[{"anyOf":[{"minimum":1},{"maximum":-1}]}]}}}',
        '{"type":"object","properties":{"a":{"anyOf":[{"anyOf":[{"minimum":1,"type":"integer"},'
        '{"maximum":-1,"type":"integer"}]}]}}}',
    ),
    "alternatives at the root, as Notion's server has them": row(
        "schema-anyof-parent-type",
        '{"type":"object","description":"d","anyOf":['
        '{"type":"object","properties":{"name":{"type":"string"},"text":{"type":"string"}},"required":["name","text"]},'
        '{"type":"object","properties":{"name":{"type":"string"},"url":{"type":"string"}},"required":["name","url"]}]}',
        '{"type":"object","description":"d","properties":{"name":{"type":"string"},"text":{"type":"string"},'
        '"url":{"type":"string"}},"required":["name"]}',
        "lost",
    ),
    "alternatives at the root that only require": row(
        "schema-anyof-parent-type",
        '{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}},"required":["a"],'
        '"anyOf":[{"required":["a"]},{"required":["b"]}]}',
        '{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}},"required":["a"]}',
        "lost",
    ),
    "a reference elsewhere, with a type beside it": row(
        "schema-anyof-parent-type",
        '{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string","minLength":1,"description":"d",'
        '"$ref":"#/properties/a"}}}',
        '{"type":"object","properties":{"a":{"type":"string"},"b":{"description":"d",'
        '"$ref":"#/$defs/a"}},"$defs":{"a":{"type":"string"}}}',
    ),
    "definitions of draft 7": row(
        "schema-anyof-parent-type",
        '{"type":"object","properties":{"a":{"$ref":"#/definitions/A"}},"definitions":{"A":{"type":"string"}}}',
        '{"type":"object","properties":{"a":{"$ref":"#/$defs/A"}},"$defs":{"A":{"type":"string"}}}',
    ),
    "an enum without type": row(
        "schema-missing-type",
        '{"type":"object","properties":{"a":{"enum":["A", "B"]},"b":{"enum":[1,2.5]},"c":{"const":true}}}',
        '{"type":"object","properties":{"a":{"enum":["A", "B"],"type":"string"},"b":{"enum":[1,2.5],"type":"number"},'
        '"c":{"const":true,"type":"boolean"}}}',
    ),
    "types that are told by what is said": row(
        "schema-missing-type",
        '{"properties":{"a":{"properties":{}},"b":{"items":{"type":"string"}},"c":{"pattern":"x"},"d":{"minimum":1}}}',
        '{"properties":{"a":{"properties":{},"type":"object"},"b":{"items":{"type":"string"},"type":"array"},'
        '"c":{"pattern":"x","type":"string"},"d":{"minimum":1,"type":"number"}},"type":"object"}',
    ),
    "nothing tells the type": row(
        "schema-missing-type",
        '{"type":"object","properties":{"a":{"description":"d"},"b":{"type":"any"}}}',
        '{"type":"object","properties":{"a":{"description":"d","type":"string"},"b":{"type":"string"}}}',
        "lost",
    ),
    "null among the values": row(
        "schema-missing-type",
        '{"type":"object","properties":{"a":{"description":"d","enum":["A",null]},"b":{"type":"string",'
        '"enum":["B",null]}}}',
        '{"type":"object","properties":{"a":{"description":"d","anyOf":[{"type":"string","enum":["A"]},'
        '{"type":"null"}]},"b":{"type":"string","enum":["B"]}}}',
    ),
    "branches without type": row(
        "schema-missing-type",
        '{"type":"object","properties":{"a":{"anyOf":[{"minLength":1},{"enum":[1]}]},"m":{"type":"object",'
        '"additionalProperties":{}}}}',
        '{"type":"object","properties":{"a":{"anyOf":[{"minLength":1,"type":"string"},{"enum":[1],"type":"integer"}]},'
        '"m":{"type":"object","additionalProperties":{}}}}',
    ),
    "a tuple": row(
        "schema-tuple-items",
        '{"type":"object","properties":{"a":{"type":"array","items":[{"type":"string"},{"type":"number"}],'
        '"additionalItems":false,"maxItems":2}}}',
        '{"type":"object","properties":{"a":{"type":"array","maxItems":2,'
        '"prefixItems":[{"type":"string"},{"type":"number"}]}}}',
    ),
    "a tuple with a rest, and items that are no object": row(
        "schema-tuple-items",
        '{"type":"object","properties":{"a":{"type":"array","prefixItems":[{"type":"string"}],"items":false},'
        '"*":{"type":"array","items":[{"type":"string"}],"additionalItems":{"type":"null"}}}}',
        '{"type":"object","properties":{"a":{"type":"array","prefixItems":[{"type":"string"}]},'
        '"*":{"type":"array","items":{"type":"null"},"prefixItems":[{"type":"string"}]}}}',
    ),
    "a type or null": row(
        "schema-type-array-null",
        '{"type":"object","properties":{"a":{"type":["string","null"],"default":null,"enum":["x",null]},'
        '"b":{"anyOf":[{"type":"integer","minimum":0},{"type":"null"}],"title":"B"},"c":{"type":["string","integer"]}}}',
        '{"type":"object","properties":{"a":{"type":"string","enum":["x"]},'
        '"b":{"title":"B","type":"integer","minimum":0},"c":{"anyOf":[{"type":"string"},{"type":"integer"}]}}}',
        "lost",
    ),
    "oneOf at the root": row(
        "schema-root-combinator",
        '{"$defs":{"B":{"type":"object","properties":{"b":{"type":"integer"}}}},"oneOf":['
        '{"type":"object","properties":{"a":{"type":"string"},"k":{"const":1}},"required":["a","k"]},'
        '{"allOf":[{"$ref":"#/$defs/B"},{"properties":{"k":{"const":2}},"required":["k"]}]}]}',
        '{"$defs":{"B":{"type":"object","properties":{"b":{"type":"integer"}}}},"type":"object",'
        '"properties":{"a":{"type":"string"},"k":{"anyOf":[{"const":1},{"const":2}]},"b":{"type":"integer"}},'
        '"required":["k"]}',
        "lost",
    ),
    "siblings of a reference": row(
        "schema-ref-siblings",
        '{"type":"object","properties":{"a":{"$ref":"#/$defs/F","default":null},"$ref":{"type":"string"}},'
        '"$defs":{"F":{"type":"string"}}}',
        '{"type":"object","properties":{"a":{"$ref":"#/$defs/F"},"$ref":{"type":"string"}},'
        '"$defs":{"F":{"type":"string"}}}',
        "lost",
    ),
    "an object without properties": row(
        "schema-object-no-properties",
        '{"type":"object","properties":{"a":{"type":"object"},"b":"string","*":{"type":"object"},"type":{}}}',
        '{"type":"object","properties":{"a":{"type":"object","properties":{}},"b":{"type":"string"},'
        '"*":{"type":"object","properties":{}},"type":{}}}',
    ),
    "keywords that Gemini lacks": row(
        "schema-gemini-keywords",
        '{"$schema":"x","type":"object","properties":{"a":{"const":"b"},"c":{"$ref":"#/$defs/C","description":"d"},'
        '"e":{"oneOf":[{"type":"string"},{"type":"integer","exclusiveMinimum":0}]},"f":{"allOf":[{"type":"object",'
        '"properties":{"g":{"type":"string","encrypted":true}}}],"if":{}}},"additionalProperties":false,'
        '"$defs":{"C":{"type":"string"}}}',
        '{"type":"object","properties":{"a":{"enum":["b"]},"c":{"description":"d","type":"string"},'
        '"e":{"anyOf":[{"type":"string"},{"type":"integer"}]},"f":{"type":"object",'
        '"properties":{"g":{"type":"string"}}}}}',
        "lost",
    ),
    "an enum with a slash": Row(
        "schema-enum-slash-xai",
        "responses",
        '{"service_tier":"auto","tools":[{"type":"function","name":"f","parameters":{"type":"object","properties":{'
        '"a":{"type":"string","enum":["Qwen/Qwen3.5-0.8B"]},"b":{"enum":["x"]}}}}]}',
        '{"tools":[{"type":"function","name":"f","parameters":{"type":"object","properties":{'
        '"a":{"type":"string"},"b":{"enum":["x"]}}}}]}',
        host="api.x.ai",
        model="grok-4",
        kinds=("lost",),
    ),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_what_is_refused_is_accepted_after(row: Row) -> None:
    check_row(row, REFUSALS)


@pytest.mark.parametrize("name", ("schema-anyof-parent-type", "schema-missing-type", "schema-tuple-items"))
def test_the_tools_of_the_messages_wire_are_mended_alike(name: str) -> None:
    chats = [known for known in ROWS.values() if known.quirk == name]
    assert chats
    for known in chats:
        schemas = [json.loads(text)["tools"][0]["function"]["parameters"] for text in (known.before, known.after)]
        before, after = [{"tools": [{"name": "f", "input_schema": schema}], "messages": []} for schema in schemas]
        assert mended(name, Scope("messages"), json.dumps(before)) == after


@pytest.mark.parametrize("name", REFUSALS)
@pytest.mark.parametrize(
    "schema",
    (
        '{"type":"object","properties":{}}',
        '{"type":"object","properties":{"type":{"type":"string"},"anyOf":{"type":"string"},"enum":{"type":"string"}}}',
        '{"type":"object","properties":{"a":{"type":"array","items":{"type":"string","enum":["a","b"]}}},"required":["a"]}',
    ),
)
def test_a_schema_that_all_take_keeps_its_bytes(name: str, schema: str) -> None:
    assert run(name, Scope("chat"), chat(schema)).body().decode() == chat(schema)


def test_a_schema_with_very_many_faults_is_written_anew_with_one_note() -> None:
    many = {"type": "object", "properties": {f"p{number}": {"enum": ["a"]} for number in range(MAX_DIFFERENCES + 1)}}
    draft = run("schema-missing-type", Scope("chat"), chat(json.dumps(many)))
    schema = json.loads(draft.body())["tools"][0]["function"]["parameters"]
    assert list(schema["properties"].values()) == [{"enum": ["a"], "type": "string"}] * (MAX_DIFFERENCES + 1)
    assert [note.where for note in draft.notes] == ["/tools/0/function/parameters"]


# --- any schema -------------------------------------------------------------------------------------------------------

KINDS = ("null", "boolean", "object", "array", "number", "integer", "string")
NAMES = st.sampled_from(("a", "b", "*", "$ref", "type", "x/y", ""))
INSTANCES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from((0.5, 1.0, "", "a", "b", "x/y")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
REFS = st.sampled_from(("#", "#/$defs/A", "#/definitions/B", "#/properties/a", "#/nowhere", "https://llm.example/s"))


def _node(inner: st.SearchStrategy[Any], *, refs: bool) -> st.SearchStrategy[Any]:
    optional: dict[str, st.SearchStrategy[Any]] = {
        "type": st.sampled_from(KINDS) | st.lists(st.sampled_from(KINDS), min_size=1, max_size=3, unique=True),
        "enum": st.lists(INSTANCES, min_size=1, max_size=3),
        "const": INSTANCES,
        "properties": st.dictionaries(NAMES, inner, max_size=3),
        "required": st.lists(NAMES, max_size=2, unique=True),
        "additionalProperties": inner | st.booleans(),
        "items": inner | st.lists(inner, max_size=2) | st.booleans(),
        "prefixItems": st.lists(inner, min_size=1, max_size=2),
        "anyOf": st.lists(inner, min_size=1, max_size=3),
        "oneOf": st.lists(inner, min_size=1, max_size=2),
        "allOf": st.lists(inner, min_size=1, max_size=2),
        "not": inner,
        "minLength": st.integers(0, 2),
        "minimum": st.integers(-1, 1),
        "description": st.just("d"),
        "default": INSTANCES,
    }
    if refs:
        optional |= {"$ref": REFS, "$defs": st.dictionaries(st.just("A"), inner)}
        optional |= {"definitions": st.dictionaries(st.just("B"), inner)}
    return st.fixed_dictionaries({}, optional=optional)


def schemas(*, refs: bool) -> st.SearchStrategy[Any]:
    leaves = st.booleans() | st.fixed_dictionaries({}, optional={"type": st.sampled_from(KINDS)})
    return st.recursive(leaves, lambda inner: _node(inner, refs=refs), max_leaves=8).filter(
        lambda schema: isinstance(schema, dict)
    )


def moonshot(schema: Any) -> Any:  # noqa: ANN401 - any JSON
    body: Any = {"tools": [{"type": "function", "function": {"name": "f", "parameters": schema}}]}
    for name in MOONSHOT:
        body = mended(name, Scope("chat"), json.dumps(body))
    return body["tools"][0]["function"]["parameters"]


@given(schemas(refs=True))
def test_moonshot_takes_any_schema_after(schema: Any) -> None:  # noqa: ANN401 - any JSON
    left = moonshot(schema)
    assert [judge(left) for judge in (any_of, types, tuples)] == [None, None, None]
    assert moonshot(left) == left


@given(schemas(refs=True))
def test_quirks_that_follow_each_other_on_one_draft_agree_with_its_bytes(schema: Any) -> None:  # noqa: ANN401 - any JSON
    draft = draft_of(Scope("chat"), chat(json.dumps(schema)))
    for name in (name for name in REFUSALS if name != "schema-enum-slash-xai"):
        mend = all_quirks()[name].request
        assert mend is not None
        assert draft.run(name, mend) is None
        assert json.loads(draft.body()) == draft.document


def test_what_one_quirk_writes_twice_another_can_change_twice() -> None:
    a = '{"type":["string","null"],"default":null}'
    body = chat(f'{{"type":"object","properties":{{"a":{a},"b":{{"$ref":"#/properties/a"}}}}}}')
    draft = draft_of(Scope("chat"), body)
    for name in ("schema-anyof-parent-type", "schema-type-array-null"):
        mend = all_quirks()[name].request
        assert mend is not None
        assert draft.run(name, mend) is None
    schema = json.loads(draft.body())["tools"][0]["function"]["parameters"]
    string = {"type": "string"}
    wanted = {"type": "object", "properties": {"a": string, "b": {"$ref": "#/$defs/a"}}, "$defs": {"a": string}}
    assert schema == wanted == draft.document["tools"][0]["function"]["parameters"]


def _is_valid(schema: Any, instance: Any) -> bool:  # noqa: ANN401 - any JSON
    # A list of items is of draft 7, in which prefixItems is no keyword; no drawn schema has both.
    draft7 = '"items": [' in json.dumps(schema)
    validator = jsonschema.Draft7Validator if draft7 else jsonschema.Draft202012Validator
    return bool(validator(schema).is_valid(instance))


TYPED = st.recursive(
    st.fixed_dictionaries({"type": st.sampled_from(KINDS)}, optional={"minLength": st.just(1), "minimum": st.just(0)})
    | st.fixed_dictionaries(
        {"enum": st.lists(st.none() | st.booleans() | st.integers(-1, 1) | st.just("a"), min_size=1)}
    )
    | st.fixed_dictionaries({"type": st.sampled_from(KINDS), "enum": st.lists(INSTANCES, min_size=1, max_size=3)}),
    lambda inner: st.one_of(
        st.fixed_dictionaries(
            {"type": st.just("object")},
            optional={
                "properties": st.dictionaries(NAMES, inner, max_size=3),
                "required": st.lists(NAMES, max_size=1),
                "additionalProperties": inner | st.booleans(),
            },
        ),
        st.fixed_dictionaries({"type": st.just("array")}, optional={"items": inner | st.lists(inner, min_size=1)}),
        st.fixed_dictionaries({"anyOf": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"type": st.sampled_from(KINDS), "anyOf": st.lists(inner, min_size=1, max_size=2)}),
        st.fixed_dictionaries({"type": st.sampled_from(KINDS), "allOf": st.lists(inner, min_size=1, max_size=2)}),
    ),
    max_leaves=8,
)


@given(st.dictionaries(NAMES, TYPED, min_size=1, max_size=3), st.data())
def test_what_moonshot_may_be_given_stays_valid(properties: dict[str, Any], data: st.DataObject) -> None:
    """Where every type can be told, a mend narrows nothing: below the root each instance that was valid still is."""
    schema = {"type": "object", "properties": properties}
    left = moonshot(schema)
    for name in properties:
        for instance in data.draw(st.lists(INSTANCES, min_size=1, max_size=6)):
            if _is_valid(schema, {name: instance}):
                assert jsonschema.Draft202012Validator(left).is_valid({name: instance}), (schema, left, instance)


VALUES: dict[str, Any] = {
    "null": None,
    "boolean": True,
    "object": {},
    "array": [],
    "number": 0.5,
    "integer": 1,
    "string": "a",
}
CLOSED = st.dictionaries(st.sampled_from("abc"), st.sampled_from(KINDS), max_size=3)


@given(branches=st.lists(CLOSED, min_size=1, max_size=3), data=st.data())
def test_a_merged_root_takes_what_a_closed_branch_took(branches: list[dict[str, str]], data: st.DataObject) -> None:
    schema = {
        "anyOf": [
            {
                "type": "object",
                "properties": {name: {"type": kind} for name, kind in one.items()},
                "required": sorted(one)[:1],
                "additionalProperties": False,
            }
            for one in branches
        ]
    }
    chosen = data.draw(st.sampled_from(branches))
    instance = {name: VALUES[kind] for name, kind in chosen.items()}
    assert _is_valid(schema, instance)
    left = mended("schema-root-combinator", Scope("chat"), chat(json.dumps(schema)))
    assert _is_valid(left["tools"][0]["function"]["parameters"], instance)


@pytest.mark.parametrize("name", REFUSALS)
@given(
    schema=schemas(refs=True) | json_values(("type", "anyOf", "items", "enum", "$ref", "properties", "object", "null"))
)
def test_any_schema_goes_through(name: str, schema: object) -> None:
    wire: WireName = "responses" if name == "schema-enum-slash-xai" else "chat"
    tool = {"parameters": schema} if wire == "responses" else {"function": {"parameters": schema}}
    check_any(name, Scope(wire), {"tools": [tool]})


@pytest.mark.parametrize("name", REFUSALS)
@pytest.mark.parametrize("keyword", ("items", "anyOf", "properties", "not"))
def test_a_schema_that_is_nested_deeply_goes_through(name: str, keyword: str) -> None:
    schema: Any = {"enum": [None, "a/b"]}
    for _ in range(150):
        schema = {keyword: [schema] if keyword == "anyOf" else {"a": schema} if keyword == "properties" else schema}
    check_any(name, Scope("chat"), {"tools": [{"function": {"parameters": schema}}]})


@pytest.mark.parametrize("name", REFUSALS)
def test_a_reference_that_goes_in_circles_ends(name: str) -> None:
    schema = {
        "$ref": "#/$defs/A",
        "$defs": {"A": {"$ref": "#/$defs/B"}, "B": {"$ref": "#/$defs/A"}, "C": {"allOf": [{"$ref": "#/$defs/C"}]}},
        "anyOf": [{"$ref": "#/$defs/C"}, {"$ref": "#"}],
        "properties": {"a": {"$ref": "#"}, "b": {"$ref": "#/properties/b"}},
    }
    check_any(name, Scope("chat"), {"tools": [{"function": {"parameters": schema}}]})
