"""Tools and fields of a neutral request, written for the Responses API."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.protocols.responses.request_kit import (
    Json,
    assistant,
    text,
    told,
    user,
    write,
)
from wiremend.message import (
    Cache,
    CustomTool,
    CustomToolUse,
    FileId,
    FunctionTool,
    Image,
    Message,
    OutputFormat,
    Reasoning,
    Text,
    Thinking,
    ToolChoice,
    ToolUse,
    Unknown,
    Url,
)
from wiremend.protocols.codec import Bridge, Recipient

# --- tools ------------------------------------------------------------------------------------------------------------

SCHEMA: Final = {"type": "object", "properties": {"a": {"type": ["string", "null"]}}}


def test_tools() -> None:
    grammar = {"syntax": "lark", "definition": "start: /a/"}
    written = write(
        user(Text("hi")),
        wire="chat",
        tools=(
            FunctionTool("f", SCHEMA, "d", strict=True),
            FunctionTool("g"),
            CustomTool("note", "d", {"type": "grammar", "grammar": grammar}),
        ),
        tool_choice=ToolChoice("any"),
        parallel=False,
    )
    assert written.document["tools"] == [
        {"type": "function", "name": "f", "description": "d", "parameters": SCHEMA, "strict": True},
        {"type": "function", "name": "g", "parameters": None, "strict": False},
        {"type": "custom", "name": "note", "description": "d", "format": {"type": "grammar", **grammar}},
    ]
    assert (written.document["tool_choice"], written.document["parallel_tool_calls"]) == ("required", False)
    assert written.losses == ()


@pytest.mark.parametrize(
    ("choice", "expected"),
    (
        (ToolChoice("auto"), "auto"),
        (ToolChoice("none"), "none"),
        (ToolChoice("tool", "f"), {"type": "function", "name": "f"}),
        (ToolChoice("tool", "note"), {"type": "custom", "name": "note"}),
        (ToolChoice("tool", "gone"), None),
    ),
)
def test_choices(choice: ToolChoice, expected: object) -> None:
    written = write(user(Text("hi")), tools=(FunctionTool("f"), CustomTool("note")), tool_choice=choice)
    assert written.document.get("tool_choice") == expected
    assert told(written) == ([] if expected else [("lost", ("tool_choice",), "tool_choice")])


def test_a_tool_that_only_its_own_wire_knows_is_not_offered() -> None:
    web = Unknown({"type": "web_search_20250305", "name": "web_search"})
    written = write(user(Text("hi")), tools=(web,), tool_choice=ToolChoice("any"))
    assert "tools" not in written.document
    assert "tool_choice" not in written.document
    assert told(written) == [
        ("lost", ("tools", 0), "web_search_20250305"),
        ("lost", ("tool_choice",), "tool_choice"),
    ]


def test_names_that_do_not_fit_have_bridges() -> None:
    long = "mcp__server__" + "x" * 80
    written = write(
        assistant(ToolUse("c1", long, "{}"), CustomToolUse("c2", "a b", "x"), ToolUse("c3", "fine", "{}")),
        tools=(FunctionTool(long), CustomTool("a b"), FunctionTool("fine"), FunctionTool("a.b"), FunctionTool("a_b")),
        tool_choice=ToolChoice("tool", long),
    )
    names = [tool["name"] for tool in written.document["tools"]]
    assert [written.bridges.get(name, Bridge(name)) for name in names] == [
        Bridge(long),
        Bridge("a b"),
        Bridge("fine"),
        Bridge("a.b"),
        Bridge("a_b"),
    ]
    assert len(set(names)) == 5
    assert all(len(name) <= 64 for name in names)
    assert [item["name"] for item in written.document["input"]] == names[:3]
    assert written.document["tool_choice"] == {"type": "function", "name": names[0]}
    assert set(written.bridges) == {names[0], names[1], names[3]}
    assert written.losses == ()
    again = write(user(Text("hi")), tools=(FunctionTool("fine"), FunctionTool(long)))
    assert again.document["tools"][1]["name"] == names[0]


# --- fields -----------------------------------------------------------------------------------------------------------


def test_fields() -> None:
    written = write(
        user(Text("hi")),
        stream=True,
        max_tokens=100,
        temperature=0.5,
        top_p=0.9,
        metadata={"a": "b"},
        user="u",
        safety_identifier="s",
        cache_key="k",
        service_tier="auto",
        verbosity="low",
        top_logprobs=2,
        store=True,
        output=OutputFormat(SCHEMA, "n", "d", strict=True),
    )
    assert written.losses == ()
    del written.document["input"]  # type: ignore[attr-defined] # a dict
    assert written.document == {
        "model": "gpt-lab",
        "stream": True,
        "max_output_tokens": 100,
        "temperature": 0.5,
        "top_p": 0.9,
        "metadata": {"a": "b"},
        "user": "u",
        "safety_identifier": "s",
        "prompt_cache_key": "k",
        "service_tier": "auto",
        "text": {
            "verbosity": "low",
            "format": {"type": "json_schema", "name": "n", "schema": SCHEMA, "description": "d", "strict": True},
        },
        "top_logprobs": 2,
        "include": ["message.output_text.logprobs"],
        "store": True,
    }


FIELD: Final = ("reasoning",)


@pytest.mark.parametrize(
    ("reasoning", "expected", "losses"),
    (
        (Reasoning(effort="high"), {"effort": "high"}, []),
        (Reasoning(effort="none"), {"effort": "none"}, []),
        (Reasoning(summary="detailed"), {"summary": "detailed"}, []),
        (Reasoning(summary="omitted", effort="low"), {"effort": "low"}, []),
        (Reasoning("on", budget=4_000), {"effort": "low"}, ["mode", "budget", "effort"]),
        (Reasoning("on", budget=10_000), {"effort": "medium"}, ["mode", "budget", "effort"]),
        (Reasoning("on", budget=31_999), {"effort": "high"}, ["mode", "budget", "effort"]),
        (Reasoning("on", "max", 5_000), {"effort": "max"}, ["mode", "budget"]),
        (Reasoning("off"), {"effort": "none"}, ["mode", "effort"]),
        (Reasoning("on"), {"effort": "medium"}, ["mode", "effort"]),
        (Reasoning("adaptive"), None, ["mode"]),
        (Reasoning("adaptive", "high", None, "summarized"), {"effort": "high", "summary": "auto"}, ["mode", "summary"]),
        (Reasoning(), None, []),
    ),
)
def test_reasoning(reasoning: Reasoning, expected: Json | None, losses: list[str]) -> None:
    written = write(user(Text("hi")), reasoning=reasoning)
    assert written.document.get("reasoning") == expected
    assert [loss.path for loss in written.losses] == [("reasoning", name) for name in losses]
    thinks = reasoning.mode in {"on", "adaptive"} or reasoning.effort not in {None, "none"}
    assert ("include" in written.document) == thinks


@pytest.mark.parametrize(
    ("fields", "expected", "loss"),
    (
        ({"max_tokens": 1}, {"max_output_tokens": 16}, ("approximated", ("max_tokens",), "max_tokens")),
        ({"max_tokens": 9_999}, {"max_output_tokens": 4_096}, ("approximated", ("max_tokens",), "max_tokens")),
        (
            {"service_tier": "standard_only"},
            {"service_tier": "default"},
            ("approximated", ("service_tier",), "service_tier"),
        ),
        ({"stop": ("x",)}, {}, ("lost", ("stop",), "stop")),
        ({"top_k": 5}, {}, ("lost", ("top_k",), "top_k")),
        ({"seed": 5}, {}, ("lost", ("seed",), "seed")),
        ({"frequency_penalty": 0.5}, {}, ("lost", ("frequency_penalty",), "frequency_penalty")),
        ({"presence_penalty": 0.5}, {}, ("lost", ("presence_penalty",), "presence_penalty")),
        ({"extra": {"context_management": {}}}, {}, ("lost", ("extra", "context_management"), "context_management")),
        (
            {"output": OutputFormat(SCHEMA)},
            {"text": {"format": {"type": "json_schema", "name": "output", "schema": SCHEMA}}},
            ("invented", ("output", "name"), "output"),
        ),
        (
            {"output": OutputFormat(strict=True)},
            {"text": {"format": {"type": "json_object"}}},
            ("lost", ("output", "strict"), "output"),
        ),
    ),
)
def test_what_is_lost_of_a_field(fields: Json, expected: Json, loss: object) -> None:
    to = Recipient("m", host="api.openai.com", max_output=4_096)
    least = write(user(Text("hi")), to=to).document
    written = write(user(Text("hi")), to=to, **fields)
    assert written.document == {**least, **expected}
    assert told(written) == [loss]


@pytest.mark.parametrize(
    ("field", "here"), (("user", "user"), ("safety_identifier", "safety_identifier"), ("cache_key", "prompt_cache_key"))
)
def test_identifiers_have_64_characters(field: str, here: str) -> None:
    long: Any = "user_" + "a" * 64 + "_session_1"
    written = write(user(Text("hi")), **{field: long})
    assert len(written.document[here]) == 64
    assert written.document[here] != long[:64]
    assert told(written) == [("approximated", (field,), field)]
    assert write(user(Text("yo")), **{field: long}).document[here] == written.document[here]
    assert write(user(Text("hi")), **{field: long + "2"}).document[here] != written.document[here]


def test_usage_is_told_anyway() -> None:
    assert write(user(Text("hi")), wire="chat", extra={"stream_options": {"include_usage": True}}).losses == ()
    more = {"stream_options": {"include_usage": True, "x": 1}}
    assert told(write(user(Text("hi")), wire="chat", extra=more))[0][2] == "stream_options"


def test_its_own_words_are_written_back() -> None:
    mark = Text("a", cache=Cache("30m"), extra={"x": 1})
    search = Unknown({"type": "web_search_call", "id": "ws_1"})
    written = write(
        Message("user", (mark, Image(FileId("file_1")), Unknown({"type": "input_audio"})), extra={"y": 2}),
        Message("assistant", (search, Text("b", ({"type": "url_citation"},))), extra={"phase": "commentary"}),
        wire="responses",
        reasoning=Reasoning(effort="low"),
        extra={
            "include": ["web_search_call.results", "reasoning.encrypted_content"],
            "reasoning": {"context": "all_turns"},
            "truncation": "auto",
            "tool_choice": {"type": "file_search"},
        },
    )
    given, found, said = written.document["input"]
    assert given == {
        "type": "message",
        "role": "user",
        "y": 2,
        "content": [
            {**text("a"), "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "30m"}, "x": 1},
            {"type": "input_image", "detail": "auto", "file_id": "file_1"},
            {"type": "input_audio"},
        ],
    }
    assert found == {"type": "web_search_call", "id": "ws_1"}
    assert said["phase"] == "commentary"
    assert said["content"][0]["annotations"] == [{"type": "url_citation"}]
    assert written.document["include"] == ["reasoning.encrypted_content", "web_search_call.results"]
    assert written.document["reasoning"] == {"effort": "low", "context": "all_turns"}
    assert written.document["truncation"] == "auto"
    assert written.document["tool_choice"] == {"type": "file_search"}
    assert "store" not in written.document
    assert written.losses == ()


def test_each_loss_says_what_and_why() -> None:
    written = write(
        Message("user", (Text("hi"),), "jo", "msg_1"),
        assistant(Image(Url("https://x.test/a")), Thinking("hm")),
        stop=("x",),
    )
    assert [loss.code for loss in written.losses] == ["name", "item_id", "image", "thinking", "message", "stop"]
    assert all(loss.what and loss.why for loss in written.losses)
