"""Tools and fields of the Responses API, read, and what is refused."""

from __future__ import annotations

import pytest

from tests.protocols.responses.request_kit import (
    CALL,
    LOG,
    Json,
    read,
)
from wiremend.message import (
    CustomTool,
    CustomToolUse,
    FunctionTool,
    OutputFormat,
    Reasoning,
    ToolChoice,
    ToolUse,
    Unknown,
)
from wiremend.protocols.codec import Bridge, TranslationError
from wiremend.protocols.responses.request_read import read_request

# --- tools ------------------------------------------------------------------------------------------------------------


def test_tools() -> None:
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: /a/"}
    web = {"type": "web_search", "external_web_access": True}
    found = read(
        tools=[
            {**LOG, "description": "d", "defer_loading": True},
            {"type": "custom", "name": "apply_patch", "description": "d", "format": grammar},
            web,
            {"type": "function", "function": {"name": "g", "parameters": None}},
        ]
    )
    assert found.request.tools == (
        FunctionTool("log", {"type": "object", "properties": {}}, "d", False, extra={"defer_loading": True}),  # noqa: FBT003 - strict
        CustomTool("apply_patch", "d", grammar),
        Unknown(web),
        FunctionTool("g"),
    )
    assert found.places.of(("tools", 2)) == "/tools/2"
    assert found.places.of(("tools", 0, "extra", "defer_loading")) == "/tools/0/defer_loading"


def test_a_namespace_is_its_tools() -> None:
    note = {"type": "custom", "name": "note"}
    found = read(
        {**CALL, "name": "log", "namespace": "mcp__git"},
        {"type": "custom_tool_call", "call_id": "c2", "name": "note", "namespace": "mcp__git", "input": "x"},
        tools=[
            {"type": "function", "name": "shell"},
            {"type": "namespace", "name": "mcp__git", "description": "Git.", "tools": [LOG, note]},
            {"type": "namespace", "name": "mcp__burp__", "tools": [{**LOG, "name": "status"}]},
        ],
        tool_choice={"type": "function", "name": "log", "namespace": "mcp__git"},
    )
    names = [tool.name for tool in found.request.tools if not isinstance(tool, Unknown)]
    assert names == ["shell", "mcp__git__log", "mcp__git__note", "mcp__burp__status"]
    assert found.bridges == {
        "mcp__git__log": Bridge("log", namespace="mcp__git"),
        "mcp__git__note": Bridge("note", namespace="mcp__git"),
        "mcp__burp__status": Bridge("status", namespace="mcp__burp__"),
    }
    use, custom = found.request.messages[0].parts
    assert (use, custom) == (ToolUse("c1", "mcp__git__log", '{"a":1}'), CustomToolUse("c2", "mcp__git__note", "x"))
    assert found.request.tool_choice == ToolChoice("tool", "mcp__git__log")
    assert found.places.of(("tools", 3)) == "/tools/2/tools/0"
    (loss,) = found.losses
    assert (loss.kind, loss.code, found.places.of(loss.path)) == ("lost", "namespace", "/tools/1/description")


def test_names_of_a_namespace_are_legal_and_nobody_elses() -> None:
    long = "n" * 40
    tools: list[Json] = [
        {"type": "function", "name": "a__b"},
        {"type": "namespace", "name": "a", "tools": [{**LOG, "name": "b"}]},
        {"type": "namespace", "name": long, "tools": [{**LOG, "name": long}, {**LOG, "name": long + "2"}]},
        {"type": "namespace", "name": "über.all", "tools": [{**LOG, "name": "x"}]},
    ]
    found = read(tools=tools)
    names = [tool.name for tool in found.request.tools if isinstance(tool, FunctionTool)]
    assert names[0] == "a__b"
    assert names[1].startswith("a__b_")
    assert len(set(names)) == 5
    assert all(len(name) <= 64 and name.isascii() and name.replace("_", "").isalnum() for name in names)
    assert {(bridge.namespace, bridge.name) for bridge in found.bridges.values()} == {
        ("a", "b"),
        (long, long),
        (long, long + "2"),
        ("über.all", "x"),
    }
    turned = read(tools=[tools[0], *reversed(tools[1:])])
    assert turned.bridges == found.bridges


@pytest.mark.parametrize(
    ("choice", "expected"),
    (
        ("auto", ToolChoice("auto")),
        ("none", ToolChoice("none")),
        ("required", ToolChoice("any")),
        ({"type": "function", "name": "log"}, ToolChoice("tool", "log")),
        ({"type": "function", "function": {"name": "log"}}, ToolChoice("tool", "log")),
        ({"type": "custom", "name": "apply_patch"}, ToolChoice("tool", "apply_patch")),
    ),
)
def test_choices(choice: object, expected: ToolChoice) -> None:
    found = read(tools=[LOG, {"type": "custom", "name": "apply_patch"}], tool_choice=choice).request
    assert found.tool_choice == expected
    assert found.extra == {}


def test_the_choice_of_a_hosted_tool_stays_as_it_is() -> None:
    found = read(tools=[LOG, {"type": "file_search"}], tool_choice={"type": "file_search"})
    assert found.request.tool_choice is None
    assert found.request.extra == {"tool_choice": {"type": "file_search"}}
    assert found.places.of(("extra", "tool_choice")) == "/tool_choice"


def test_only_allowed_tools_are_offered() -> None:
    mcp = {"type": "mcp", "server_label": "a"}
    space = {"type": "namespace", "name": "ns", "tools": [{**LOG, "name": "in"}]}
    allowed = [
        {"type": "function", "name": "log"},
        {"type": "mcp", "server_label": "a"},
        {"type": "function", "name": "in", "namespace": "ns"},
    ]
    tools = [{**LOG, "name": "other"}, LOG, mcp, {**mcp, "server_label": "b"}, space]
    found = read(tools=tools, tool_choice={"type": "allowed_tools", "mode": "required", "tools": allowed})
    assert [getattr(tool, "name", None) for tool in found.request.tools] == ["log", None, "ns__in"]
    assert found.request.tools[1] == Unknown(mcp)
    assert found.request.tool_choice == ToolChoice("any")
    assert [found.places.of(("tools", index)) for index in range(3)] == ["/tools/1", "/tools/2", "/tools/4/tools/0"]
    (loss,) = found.losses
    assert (loss.kind, loss.path, loss.code) == ("approximated", ("tool_choice",), "allowed_tools")
    elsewhere = [{"type": "function", "name": "in", "namespace": "other"}]
    none = read(tools=tools, tool_choice={"type": "allowed_tools", "mode": "auto", "tools": elsewhere})
    assert none.request.tools == ()
    whole = [{"type": "namespace", "name": "ns"}]
    inner = read(tools=tools, tool_choice={"type": "allowed_tools", "mode": "auto", "tools": whole})
    assert [tool.name for tool in inner.request.tools if isinstance(tool, FunctionTool)] == ["ns__in"]
    every = read(tools=[LOG], tool_choice={"type": "allowed_tools", "mode": "auto", "tools": allowed})
    assert every.losses == ()


# --- fields -----------------------------------------------------------------------------------------------------------


def test_fields() -> None:
    schema = {"type": "object", "properties": {}}
    found = read(
        "hi",
        stream=True,
        parallel_tool_calls=False,
        reasoning={"effort": "high", "summary": "auto"},
        text={
            "format": {"type": "json_schema", "name": "n", "schema": schema, "strict": True, "description": "d"},
            "verbosity": "low",
        },
        max_output_tokens=100.0,
        temperature=1,
        top_p=0.5,
        top_logprobs=3,
        metadata={"a": "b"},
        user="u",
        safety_identifier="s",
        prompt_cache_key="k",
        service_tier="flex",
        store=False,
        include=["reasoning.encrypted_content", "message.output_text.logprobs"],
        truncation="disabled",
        background=False,
        previous_response_id=None,
        conversation=None,
    ).request
    assert found.extra == {}
    assert (found.stream, found.parallel, found.max_tokens, found.temperature) == (True, False, 100, 1)
    assert (found.top_p, found.top_logprobs, found.metadata, found.user) == (0.5, 3, {"a": "b"}, "u")
    assert (found.safety_identifier, found.cache_key, found.service_tier) == ("s", "k", "flex")
    assert (found.store, found.verbosity) == (False, "low")
    assert found.reasoning == Reasoning(effort="high", summary="auto")
    assert found.output == OutputFormat(schema, "n", "d", strict=True)


def test_what_only_this_wire_says_is_extra() -> None:
    found = read(
        "hi",
        truncation="auto",
        max_tool_calls=2,
        client_metadata={"x": "y"},
        prompt_cache_retention="24h",
        stream_options={"include_obfuscation": False},
        include=["web_search_call.results", "reasoning.encrypted_content"],
        reasoning={"effort": "extreme", "context": "all_turns"},
        text={"format": {"type": "text"}, "style": "terse"},
        vendor=None,
    )
    assert found.request.extra == {
        "truncation": "auto",
        "max_tool_calls": 2,
        "client_metadata": {"x": "y"},
        "prompt_cache_retention": "24h",
        "stream_options": {"include_obfuscation": False},
        "include": ["web_search_call.results"],
        "reasoning": {"effort": "extreme", "context": "all_turns"},
        "text": {"style": "terse"},
    }
    assert found.request.reasoning is None
    assert found.places.of(("extra", "client_metadata")) == "/client_metadata"


def test_formats_and_probabilities() -> None:
    assert read("hi", text={"format": {"type": "json_object"}}).request.output == OutputFormat()
    assert read("hi", text={"format": {"type": "text"}}).request.output is None
    assert read("hi", include=["message.output_text.logprobs"]).request.top_logprobs == 0


def test_fields_have_places() -> None:
    places = read("hi").places
    assert places.of(("max_tokens",)) == "/max_output_tokens"
    assert places.of(("output", "strict")) == "/text/format/strict"
    assert places.of(("reasoning", "effort")) == "/reasoning/effort"


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "pointer", "words"),
    (
        ({"previous_response_id": "resp_1"}, "/previous_response_id", "no stored responses"),
        ({"conversation": {"id": "conv_1"}}, "/conversation", "no stored conversations"),
        ({"prompt": {"id": "pmpt_1"}}, "/prompt", "no stored prompts"),
        ({"background": True}, "/background", "no background mode"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "/input/0", "store to false"),
        ({"input": ["a", {"id": "msg_1"}]}, "/input/1", "no stored items"),
        ({"input": 5}, "/input", "a string or a list"),
        ({"input": [5]}, "/input/0", "an item"),
        ({"input": [{"content": "x"}]}, "/input/0/type", "needs a type"),
        ({"input": [{"role": "wizard", "content": "x"}]}, "/input/0/role", "user, assistant"),
        ({"input": [{"role": "user", "content": 5}]}, "/input/0/content", "a list of parts"),
        ({"input": [{"role": "user", "content": [5]}]}, "/input/0/content/0", "a part"),
        ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "/input/0/content/0", "image_url"),
        ({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, "/input/0/content/0", "file_data"),
        ({"input": [{"type": "function_call", "name": "f"}]}, "/input/0/call_id", "the id of the call"),
        ({"input": [{"type": "function_call", "call_id": "c"}]}, "/input/0/name", "a name"),
        ({"input": [{**CALL, "arguments": 5}]}, "/input/0/arguments", "JSON"),
        ({"input": [{"type": "reasoning", "summary": "x"}]}, "/input/0/summary", "a list"),
        ({"tools": [{"type": "function"}]}, "/tools/0/name", "a name"),
        ({"tools": [{**LOG, "parameters": "x"}]}, "/tools/0/parameters", "an object"),
        ({"tools": {}}, "/tools", "a list"),
        ({"tool_choice": "sometimes"}, "/tool_choice", "auto, required or none"),
        ({"max_output_tokens": "5"}, "/max_output_tokens", "a number"),
        ({"max_output_tokens": 1.5}, "/max_output_tokens", "a whole number"),
        ({"temperature": True}, "/temperature", "a number"),
        ({"stream": "yes"}, "/stream", "true or false"),
        ({"reasoning": "high"}, "/reasoning", "an object"),
        ({"text": {"format": "json"}}, "/text/format", "an object"),
        ({"model": 5}, "/model", "a string"),
    ),
)
def test_what_cannot_be_read(document: Json, pointer: str, words: str) -> None:
    with pytest.raises(TranslationError) as raised:
        read_request({"model": "m", "input": "hi", **document})
    assert raised.value.pointer == pointer
    assert str(raised.value).startswith(f"{pointer}: ")
    assert words in str(raised.value)
    assert raised.value.status == 400
