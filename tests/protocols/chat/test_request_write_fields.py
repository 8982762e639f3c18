"""Tools and fields of other wires' requests, written for the chat wire; what is its own comes back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.protocols.chat.request_kit import (
    OPENAI,
    OTHER,
    Json,
    lost,
    official,
    read,
    request,
    turn,
    write,
)
from wiremend.message import (
    CustomTool,
    CustomToolUse,
    FunctionTool,
    OutputFormat,
    Reasoning,
    Text,
    ToolChoice,
    ToolResult,
    ToolUse,
    Unknown,
)
from wiremend.protocols.chat.request_write import write_request
from wiremend.protocols.codec import Bridge, Recipient

if TYPE_CHECKING:
    from wiremend.message import Wire

SCHEMA: Json = {
    "type": "object",
    "properties": {"p": {"$ref": "#/$defs/path"}},
    "$defs": {"path": {"type": "string", "pattern": "^/"}},
    "additionalProperties": False,
}
LS = FunctionTool("ls", SCHEMA, "Lists.", strict=True)
PATCH = CustomTool("apply_patch", "Edits files.", {"type": "grammar", "syntax": "lark", "definition": "start: /a/"})


# --- tools ------------------------------------------------------------------------------------------------------------


def test_names_that_do_not_fit_are_bridged_wherever_they_stand() -> None:
    name, taken = "mcp.files/read", "mcp_files_read"
    found = write(
        request(
            turn("assistant", ToolUse("a", name, "{}"), ToolUse("b", "übersetze", "{}")),
            tools=(FunctionTool(name), FunctionTool(taken), FunctionTool("n" * 65)),
            tool_choice=ToolChoice("tool", name),
        )
    )
    first, second, third = (tool["function"]["name"] for tool in found.document["tools"])
    assert (second, len({first, second, third})) == (taken, 3)
    calls = [call["function"]["name"] for call in found.document["messages"][0]["tool_calls"]]
    assert calls[0] == first == found.document["tool_choice"]["function"]["name"]
    assert found.bridges == {first: Bridge(name), third: Bridge("n" * 65), calls[1]: Bridge("übersetze")}
    assert found.losses == ()


def test_a_name_is_never_anothers_even_if_that_one_looks_so() -> None:
    """A tool may be called what ours would become."""
    minted = write(request(tools=(FunctionTool("a b"),))).document["tools"][0]["function"]["name"]
    found = write(request(tools=(FunctionTool("a b"), FunctionTool(minted))))
    first, second = (tool["function"]["name"] for tool in found.document["tools"])
    assert second == minted != first
    assert found.bridges == {first: Bridge("a b")}


def test_a_custom_tool_is_a_function_elsewhere() -> None:
    found = write(
        request(
            turn("assistant", CustomToolUse("c", "apply_patch", 'say "ü"\n')),
            turn("user", ToolResult("c", (Text("ok"),), custom=True)),
            tools=(PATCH,),
            tool_choice=ToolChoice("tool", "apply_patch"),
            wire="responses",
        )
    )
    [tool] = found.document["tools"]
    function = tool["function"]
    assert (tool["type"], function["name"]) == ("function", "apply_patch")
    assert function["description"].startswith("Edits files.\n\n")
    assert "`input`" in function["description"]
    assert "start: /a/" in function["description"]
    assert function["parameters"]["required"] == ["input"]
    assert function["parameters"]["properties"]["input"]["type"] == "string"
    assert function["parameters"]["additionalProperties"] is False
    call, result = found.document["messages"]
    assert json.loads(call["tool_calls"][0]["function"]["arguments"]) == {"input": 'say "ü"\n'}
    assert result == {"role": "tool", "tool_call_id": "c", "content": "ok"}
    assert found.document["tool_choice"] == {"type": "function", "function": {"name": "apply_patch"}}
    assert found.bridges == {"apply_patch": Bridge("apply_patch", "custom")}
    assert lost(found.losses) == [("approximated", ("tools", 0, "format"), "grammar")]
    assert official(found.document) == found.document


def test_a_custom_tool_and_a_function_of_one_name_stay_two() -> None:
    found = write(request(tools=(CustomTool("run"), FunctionTool("run"))))
    custom, function = (tool["function"]["name"] for tool in found.document["tools"])
    assert function == "run" != custom
    assert found.bridges == {custom: Bridge("run", "custom")}


def test_tools_of_servers_are_lost_and_what_chooses_them() -> None:
    server = Unknown({"type": "web_search_20250305", "name": "web_search"})
    found = write(request(tools=(server, LS), tool_choice=ToolChoice("tool", "web_search")))
    assert [tool["function"]["name"] for tool in found.document["tools"]] == ["ls"]
    assert "tool_choice" not in found.document
    assert lost(found.losses) == [
        ("lost", ("tools", 0), "web_search_20250305"),
        ("lost", ("tool_choice",), "tool_choice"),
    ]


def test_without_tools_nothing_is_said_of_them() -> None:
    """OpenAI refuses both fields without tools."""
    server = Unknown({"type": "mcp"})
    found = write(request(tools=(server,), tool_choice=ToolChoice("any"), parallel=True))
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & found.document.keys()
    assert [path for _, path, _ in lost(found.losses)] == [("tools", 0), ("tool_choice",), ("parallel",)]


@pytest.mark.parametrize(
    ("choice", "expected"),
    (
        (ToolChoice("auto"), "auto"),
        (ToolChoice("any"), "required"),
        (ToolChoice("none"), "none"),
        (ToolChoice("tool", "ls"), {"type": "function", "function": {"name": "ls"}}),
    ),
)
def test_choices(choice: ToolChoice, expected: object) -> None:
    found = write(request(tools=(LS,), tool_choice=choice))
    assert (found.document["tool_choice"], found.losses) == (expected, ())


# --- fields -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reasoning", "effort", "losses"),
    (
        (Reasoning(effort="low"), "low", []),
        (Reasoning("on", "low"), "low", []),
        (Reasoning("adaptive", "max"), "max", []),
        (Reasoning("off"), "none", []),
        (Reasoning("off", "none"), "none", []),
        (Reasoning("off", "high"), "none", [("lost", ("reasoning", "effort"), "effort")]),
        (Reasoning("on", None, 1_024), "minimal", []),
        (Reasoning("on", None, 4_000), "low", []),
        (Reasoning("on", None, 10_000), "medium", []),
        (Reasoning("on", None, 31_999), "high", []),
        (Reasoning("on", None, 5_000), "medium", [("approximated", ("reasoning", "budget"), "budget")]),
        (Reasoning("on", None, 200_000), "max", [("approximated", ("reasoning", "budget"), "budget")]),
        (Reasoning("on", "high", 31_999), "high", []),
        (Reasoning("on", "high", 5_000), "high", [("lost", ("reasoning", "budget"), "budget")]),
        (Reasoning("on"), "medium", [("approximated", ("reasoning",), "thinking")]),
        (Reasoning("adaptive"), "high", [("approximated", ("reasoning",), "thinking")]),
        (Reasoning(None, "low", None, "auto"), "low", [("lost", ("reasoning", "summary"), "summary")]),
        (Reasoning(), None, []),
    ),
)
def test_reasoning_is_one_effort(reasoning: Reasoning, effort: str | None, losses: list[Any]) -> None:
    found = write(request(reasoning=reasoning))
    assert (found.document.get("reasoning_effort"), lost(found.losses)) == (effort, losses)


@pytest.mark.parametrize(
    ("output", "expected", "losses"),
    (
        (OutputFormat(), {"type": "json_object"}, []),
        (
            OutputFormat(SCHEMA, "n", "d", strict=True),
            {"type": "json_schema", "json_schema": {"name": "n", "description": "d", "schema": SCHEMA, "strict": True}},
            [],
        ),
        (
            OutputFormat(SCHEMA),
            {"type": "json_schema", "json_schema": {"name": "response", "schema": SCHEMA}},
            [("invented", ("output", "name"), "response_format")],
        ),
    ),
)
def test_formats_of_the_answer(output: OutputFormat, expected: Json, losses: list[Any]) -> None:
    found = write(request(output=output))
    assert (found.document["response_format"], lost(found.losses)) == (expected, losses)


def test_four_stops_at_most() -> None:
    found = write(request(stop=("a", "b", "c", "d", "e", "f")))
    assert found.document["stop"] == ["a", "b", "c", "d"]
    assert lost(found.losses) == [("lost", ("stop", 4), "stop"), ("lost", ("stop", 5), "stop")]


@pytest.mark.parametrize(("host", "expected"), ((OPENAI, None), (OTHER, 40)))
def test_top_k_is_unknown_at_openai(host: str, expected: int | None) -> None:
    found = write(request(top_k=40), host)
    assert found.document.get("top_k") == expected
    assert lost(found.losses) == ([] if expected else [("lost", ("top_k",), "top_k")])


def test_who_asks_is_told_in_as_many_characters_as_the_wire_takes() -> None:
    """Claude Code's user is a JSON object of some 150 characters; OpenAI takes 64."""
    long = "u" * 150
    found = write(request(user=long, safety_identifier="s" * 128, cache_key="k" * 64))
    document = found.document
    assert len(document["user"]) == 64
    assert document["user"] != long[:64]
    assert (document["safety_identifier"], document["prompt_cache_key"]) == ("s" * 128, "k" * 64)
    assert lost(found.losses) == [("approximated", ("user",), "user")]


@pytest.mark.parametrize(
    ("logprobs", "fields"), ((0, {"logprobs": True}), (3, {"logprobs": True, "top_logprobs": 3}), (None, {}))
)
def test_probabilities(logprobs: int | None, fields: Json) -> None:
    document = write(request(top_logprobs=logprobs)).document
    assert {name: value for name, value in document.items() if "logprobs" in name} == fields


@pytest.mark.parametrize(
    ("tier", "expected", "losses"),
    (("standard_only", "default", [("approximated", ("service_tier",), "service_tier")]), ("flex", "flex", [])),
)
def test_tiers(tier: str, expected: str, losses: list[Any]) -> None:
    found = write(request(service_tier=tier))
    assert (found.document["service_tier"], lost(found.losses)) == (expected, losses)


def test_usage_is_asked_for_in_other_clients_streams_alone() -> None:
    assert write(request(stream=True)).document["stream_options"] == {"include_usage": True}
    assert "stream_options" not in write(request()).document
    own = read(stream=True, stream_options={"include_obfuscation": False}).request
    assert write(own).document["stream_options"] == {"include_obfuscation": False}
    assert "stream_options" not in write(read(stream=True).request).document


def test_store_is_said_where_it_is_not_so_anyway() -> None:
    assert write(request(store=True)).document["store"] is True
    assert "store" not in write(request(store=False)).document
    assert write(read(store=False).request).document["store"] is False


def test_the_wires_own_extras_come_back() -> None:
    choice = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}}
    body: Json = {
        "tools": [{"type": "function", "function": {"name": "ls", "x_in": 1}, "x_out": 2}],
        "tool_choice": choice,
        "n": 2,
        "logit_bias": {"1": 2},
        "x_any": [1],
    }
    content = [
        {"type": "image_url", "image_url": {"url": "https://a.test/b", "x_url": 1}, "x_part": 2},
        {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}},
    ]
    extra = {"google": {"thought_signature": "s"}}
    call = {"id": "c", "type": "function", "function": {"name": "ls", "arguments": "{}"}, "extra_content": extra}
    messages: list[Json] = [
        {"role": "user", "content": content, "x_message": 3},
        {"role": "assistant", "content": None, "tool_calls": [call], "prefix": True},
        {"role": "tool", "tool_call_id": "c", "content": "ok", "name": "ls"},
    ]
    found = write(read(messages, **body).request)
    assert found.losses == ()
    assert found.document == {"model": "sent", "messages": messages, **body}


def test_extras_of_other_wires_are_noted_one_by_one() -> None:
    found = write(
        request(
            turn("user", Text("a", extra={"x_part": 1, "x_null": None})),
            tools=(FunctionTool("ls", extra={"defer_loading": True}),),
            extra={"mcp_servers": [{}], "container": None},
        )
    )
    assert sorted(lost(found.losses)) == [
        ("lost", ("extra", "mcp_servers"), "mcp_servers"),
        ("lost", ("messages", 0, "parts", 0, "extra", "x_part"), "x_part"),
        ("lost", ("tools", 0, "extra", "defer_loading"), "defer_loading"),
    ]


@pytest.mark.parametrize(("host", "wire"), ((OPENAI, "responses"), (OPENAI, "messages"), (OTHER, "responses")))
def test_openai_has_some_extras_on_both_of_its_wires(host: str, wire: Wire) -> None:
    found = write(request(wire=wire, extra={"prompt_cache_retention": "24h"}), host)
    shared = host == OPENAI and wire == "responses"
    assert found.document.get("prompt_cache_retention") == ("24h" if shared else None)
    assert [code for _, _, code in lost(found.losses)] == ([] if shared else ["prompt_cache_retention"])


def test_half_a_surrogate_pair_is_no_reason_to_fail() -> None:
    """Agents cut texts in the middle of an emoji; the quirks mend what is left of it."""
    half = json.loads('"\\ud83d"')
    custom = CustomToolUse("c", "apply_patch", half)
    asked = request(turn("user", Text(half)), turn("assistant", custom), tools=(FunctionTool(half),), user=half * 70)
    found = write_request(asked, Recipient("sent"))
    [call] = found.document["messages"][1]["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == {"input": half}
    arguments = {"id": "c", "function": {"name": "ls", "arguments": {"p": half}}}
    [message] = read([{"role": "assistant", "tool_calls": [arguments]}]).request.messages
    assert json.loads(message.parts[0].arguments) == {"p": half}  # type: ignore[union-attr]  # it is a call
