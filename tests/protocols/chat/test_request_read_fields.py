"""Tools and fields of a request of the chat wire, the places of things, and what cannot be read."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from openai.types.chat.completion_create_params import CompletionCreateParamsBase

from tests.protocols.chat.request_kit import Json, lost, read
from wiremend.message import (
    Cache,
    CustomTool,
    FunctionTool,
    OutputFormat,
    Reasoning,
    ToolChoice,
    Unknown,
)
from wiremend.protocols.chat import request_read
from wiremend.protocols.chat.request_read import read_request
from wiremend.protocols.codec import Path, TranslationError

CALL: Json = {"id": "call_1", "type": "function", "function": {"name": "ls", "arguments": '{"p":"/"}'}}
OTHER: Json = {"id": "call_2", "type": "function", "function": {"name": "cat", "arguments": ""}}
SCHEMA: Json = {"type": "object", "properties": {"p": {"type": "string"}}, "required": ["p"]}


# --- tools ------------------------------------------------------------------------------------------------------------


def test_tools_keep_their_schema_and_what_is_their_own() -> None:
    about = {"name": "ls", "description": "Lists.", "parameters": SCHEMA, "strict": True, "x_in": 1}
    grammar = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: /a/"}}
    found = read(
        tools=[
            {"type": "function", "function": about, "cache_control": {"type": "ephemeral"}, "x_out": 2},
            {"type": "custom", "custom": {"name": "patch", "description": "Patches.", "format": grammar}},
            {"type": "builtin_function", "function_name": "$web_search"},
        ],
        functions=[{"name": "old"}],
    ).request
    assert found.tools == (
        FunctionTool("ls", SCHEMA, "Lists.", strict=True, cache=Cache(), extra={"x_out": 2, "function": {"x_in": 1}}),
        CustomTool("patch", "Patches.", grammar),
        Unknown({"type": "builtin_function", "function_name": "$web_search"}),
        FunctionTool("old"),
    )


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    (
        ("tool_choice", "auto", ToolChoice("auto")),
        ("tool_choice", "none", ToolChoice("none")),
        ("tool_choice", "required", ToolChoice("any")),
        ("tool_choice", "any", ToolChoice("any")),
        ("tool_choice", {"type": "function", "function": {"name": "ls"}}, ToolChoice("tool", "ls")),
        ("tool_choice", {"type": "custom", "custom": {"name": "patch"}}, ToolChoice("tool", "patch")),
        ("tool_choice", None, None),
        ("function_call", "auto", ToolChoice("auto")),
        ("function_call", {"name": "ls"}, ToolChoice("tool", "ls")),
    ),
)
def test_choices(field: str, value: object, expected: ToolChoice | None) -> None:
    assert read(**{field: value}).request.tool_choice == expected


@pytest.mark.parametrize(("mode", "kind"), (("auto", "auto"), ("required", "any")))
def test_allowed_tools_are_a_mode_and_an_extra(mode: str, kind: Literal["auto", "any"]) -> None:
    choice = {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": [{"type": "function"}]}}
    found = read(tool_choice=choice).request
    assert (found.tool_choice, found.extra) == (ToolChoice(kind), {"tool_choice": choice})


# --- fields -----------------------------------------------------------------------------------------------------------


def test_the_fields_that_the_hub_has() -> None:
    found = read(
        parallel_tool_calls=False,
        max_completion_tokens=100,
        stop="END",
        temperature=0.5,
        top_p=1,
        top_k=40,
        frequency_penalty=0.1,
        presence_penalty=-0.1,
        seed=7,
        stream=True,
        user="u",
        safety_identifier="s",
        metadata={"a": "b"},
        prompt_cache_key="k",
        service_tier="flex",
        verbosity="low",
        logprobs=True,
        top_logprobs=3,
        store=True,
    ).request
    assert found.parallel is False
    assert (found.max_tokens, found.stop, found.temperature, found.top_p, found.top_k) == (100, ("END",), 0.5, 1, 40)
    assert (found.frequency_penalty, found.presence_penalty, found.seed, found.stream) == (0.1, -0.1, 7, True)
    assert (found.user, found.safety_identifier, found.metadata, found.cache_key) == ("u", "s", {"a": "b"}, "k")
    assert (found.service_tier, found.verbosity, found.top_logprobs, found.store) == ("flex", "low", 3, True)
    assert (found.wire, found.model, found.extra) == ("chat", "m", {})


def test_a_client_that_says_nothing_says_nothing() -> None:
    found = read(temperature=None, stop=None, tools=None, stream=None, response_format=None, n=None).request
    assert found == read().request
    assert (found.stop, found.tools, found.stream, found.output, found.reasoning) == ((), (), False, None, None)


@pytest.mark.parametrize(
    ("fields", "expected", "losses"),
    (
        ({"max_tokens": 5}, 5, []),
        ({"max_tokens": 5.0}, 5, []),
        ({"max_tokens": 5, "max_completion_tokens": 5}, 5, []),
        ({"max_tokens": 9, "max_completion_tokens": 5}, 5, [("lost", ("extra", "max_tokens"), "max_tokens")]),
    ),
)
def test_the_limit_by_its_two_names(fields: Json, expected: int, losses: list[Any]) -> None:
    found = read(**fields)
    assert (found.request.max_tokens, lost(found.losses)) == (expected, losses)


@pytest.mark.parametrize(
    ("fields", "expected"),
    (
        ({"reasoning_effort": "high"}, Reasoning(effort="high")),
        ({"reasoning_effort": "none"}, Reasoning(effort="none")),
        ({"thinking": {"type": "enabled"}}, Reasoning("on")),
        ({"thinking": {"type": "disabled"}}, Reasoning("off")),
        ({"thinking": {"type": "enabled", "budget_tokens": 2048}}, Reasoning("on", budget=2048)),
        ({"reasoning": {"effort": "low"}}, Reasoning(effort="low")),
        ({"reasoning": {"max_tokens": 2000}}, Reasoning(budget=2000)),
        ({"reasoning": {"enabled": True, "exclude": True}}, Reasoning("on", summary="omitted")),
        ({"reasoning": {"enabled": False, "exclude": False}}, Reasoning("off")),
        ({"reasoning_effort": "low", "thinking": {"type": "enabled"}}, Reasoning("on", "low")),
        ({"reasoning": {}}, None),
    ),
)
def test_reasoning_in_three_dialects(fields: Json, expected: Reasoning | None) -> None:
    found = read(**fields)
    assert (found.request.reasoning, found.request.extra, found.losses) == (expected, {}, ())


def test_what_a_dialect_alone_says_is_carried() -> None:
    found = read(thinking={"type": "enabled", "keep": "all"}, reasoning_effort="default").request
    assert found.reasoning == Reasoning("on")
    assert found.extra == {"thinking": {"keep": "all"}, "reasoning_effort": "default"}


def test_two_efforts_are_one_and_a_loss() -> None:
    found = read(reasoning_effort="low", reasoning={"effort": "high"})
    assert found.request.reasoning == Reasoning(effort="low")
    assert lost(found.losses) == [("lost", ("extra", "reasoning", "effort"), "reasoning")]


@pytest.mark.parametrize(
    ("form", "expected"),
    (
        ({"type": "text"}, None),
        ({"type": "json_object"}, OutputFormat()),
        (
            {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True, "description": "d"}},
            OutputFormat(SCHEMA, "n", "d", strict=True),
        ),
        ({"type": "json_schema", "json_schema": {"name": "n"}}, OutputFormat(name="n")),
    ),
)
def test_formats_of_the_answer(form: Json, expected: OutputFormat | None) -> None:
    assert read(response_format=form).request.output == expected


@pytest.mark.parametrize(
    ("fields", "expected"), (({"logprobs": True}, 0), ({"logprobs": False}, None), ({"top_logprobs": 2}, 2))
)
def test_probabilities(fields: Json, expected: int | None) -> None:
    assert read(**fields).request.top_logprobs == expected


def test_what_the_hub_does_not_have_is_carried_but_for_what_is_so_anyway() -> None:
    carried: Json = {
        "audio": {"voice": "alloy", "format": "mp3"},
        "logit_bias": {"1": 5},
        "modalities": ["text", "audio"],
        "moderation": {"model": "omni-moderation-latest"},
        "n": 2,
        "prediction": {"type": "content", "content": "a"},
        "prompt_cache_options": {"mode": "explicit"},
        "prompt_cache_retention": "24h",
        "stream_options": {"include_usage": True},
        "web_search_options": {},
        "enable_thinking": True,
    }
    assert read(**carried).request.extra == carried
    assert read(n=1, modalities=["text"], logit_bias={}, prediction=None).request.extra == {}


def test_each_field_of_the_official_request_is_known() -> None:
    """None may be forgotten: each is mapped, or named in the module's table as carried."""
    table = request_read.__doc__ or ""
    official = {*CompletionCreateParamsBase.__annotations__, "stream"}
    assert official
    assert [name for name in sorted(official) if f"``{name}``" not in table] == []


# --- places -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "pointer"),
    (
        (("messages", 0, "parts", 0), "/messages/0/content"),
        (("messages", 1, "parts", 0), "/messages/1/reasoning_content"),
        (("messages", 1, "parts", 1), "/messages/1/tool_calls/0"),
        (("messages", 1, "parts", 1, "id"), "/messages/1/tool_calls/0/id"),
        (("messages", 2, "parts", 0), "/messages/2"),
        (("messages", 2, "parts", 1, "parts", 0), "/messages/3/content/0"),
        (("messages", 2, "parts", 1, "cache"), "/messages/3/content/1/cache_control"),
        (("messages", 2, "parts", 2), "/messages/4/content/0"),
        (("messages", 2, "parts", 2, "cache"), "/messages/4/content/0/cache_control"),
        (("messages", 2, "name"), "/messages/4/name"),
        (("messages", 2, "extra", "x_m"), "/messages/4/x_m"),
        (("messages", 3, "parts", 0), "/messages/5/content"),
        (("messages", 3), "/messages/5"),
        (("tools", 0, "strict"), "/tools/0/function/strict"),
        (("tools", 0, "schema"), "/tools/0/function/parameters"),
        (("tools", 0, "cache"), "/tools/0/cache_control"),
        (("tools", 0, "extra", "x_t"), "/tools/0/x_t"),
        (("tools", 1), "/functions/0"),
        (("max_tokens",), "/max_tokens"),
        (("parallel",), "/parallel_tool_calls"),
        (("cache_key",), "/prompt_cache_key"),
        (("output", "schema"), "/response_format/json_schema/schema"),
        (("reasoning",), "/thinking"),
        (("stop", 1), "/stop/1"),
        (("temperature",), "/temperature"),
        (("extra", "logit_bias"), "/logit_bias"),
    ),
)
def test_places(path: Path, pointer: str) -> None:
    marked = {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}
    parts = [{"type": "text", "text": "b"}, marked]
    found = read(
        [
            {"role": "system", "content": "s"},
            {"role": "assistant", "content": None, "reasoning_content": "hm", "tool_calls": [CALL, OTHER]},
            {"role": "tool", "tool_call_id": "call_1", "content": "a"},
            {"role": "tool", "tool_call_id": "call_2", "content": parts},
            {"role": "user", "content": [marked], "name": "ann", "x_m": 1},
            {"role": "assistant", "content": "done"},
        ],
        tools=[
            {
                "type": "function",
                "function": {"name": "ls", "strict": True, "parameters": SCHEMA},
                "cache_control": {"type": "ephemeral"},
                "x_t": 1,
            }
        ],
        functions=[{"name": "old"}],
        max_tokens=5,
        parallel_tool_calls=True,
        prompt_cache_key="k",
        response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}},
        thinking={"type": "enabled"},
        stop=["a", "b"],
        logit_bias={"1": 1},
    )
    assert found.places.of(path) == pointer


# --- what cannot be read ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "pointer"),
    (
        ({}, "/messages"),
        ({"messages": {"role": "user"}}, "/messages"),
        ({"messages": ["hi"]}, "/messages/0"),
        ({"messages": [{"content": "hi"}]}, "/messages/0/role"),
        ({"messages": [{"role": "narrator", "content": "hi"}]}, "/messages/0/role"),
        ({"messages": [{"role": ["user"], "content": "hi"}]}, "/messages/0/role"),
        ({"messages": [{"role": "user", "content": 5}]}, "/messages/0/content"),
        ({"messages": [{"role": "user", "content": [5]}]}, "/messages/0/content/0"),
        ({"messages": [{"role": "user", "content": [{}]}]}, "/messages/0/content/0/type"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": 5}]}]}, "/messages/0/content/0/text"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            "/messages/0/content/0/image_url/url",
        ),
        ({"messages": [{"role": "user", "content": [{"type": "file"}]}]}, "/messages/0/content/0/file"),
        ({"messages": [{"role": "user", "content": "a", "name": 5}]}, "/messages/0/name"),
        ({"messages": [{"role": "tool", "content": "a"}]}, "/messages/0/tool_call_id"),
        ({"messages": [{"role": "assistant", "tool_calls": "f"}]}, "/messages/0/tool_calls"),
        ({"messages": [{"role": "assistant", "tool_calls": [{"id": "a"}]}]}, "/messages/0/tool_calls/0"),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f"}}]}]},
            "/messages/0/tool_calls/0/id",
        ),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"id": "a", "function": {}}]}]},
            "/messages/0/tool_calls/0/function/name",
        ),
        ({"messages": [], "tools": {}}, "/tools"),
        ({"messages": [], "tools": [{"type": "function"}]}, "/tools/0/function"),
        ({"messages": [], "tools": [{"type": "function", "function": {}}]}, "/tools/0/function/name"),
        ({"messages": [], "tool_choice": "sometimes"}, "/tool_choice"),
        ({"messages": [], "temperature": "warm"}, "/temperature"),
        ({"messages": [], "temperature": True}, "/temperature"),
        ({"messages": [], "max_tokens": 1.5}, "/max_tokens"),
        ({"messages": [], "stop": [1]}, "/stop/0"),
        ({"messages": [], "stream": "yes"}, "/stream"),
        ({"messages": [], "response_format": "json"}, "/response_format"),
        ({"messages": [], "response_format": {"type": "json_schema"}}, "/response_format/json_schema"),
        ({"messages": [], "model": 5}, "/model"),
    ),
)
def test_what_cannot_be_read_is_refused_with_its_place(body: Json, pointer: str) -> None:
    with pytest.raises(TranslationError) as caught:
        read_request(body)
    assert caught.value.pointer == pointer
    assert str(caught.value).startswith(f"{pointer}: must ")
    assert caught.value.status == 400
