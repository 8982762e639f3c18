"""Parts of messages and tools, written for the messages wire: what each becomes, and what of it is told as lost."""

from __future__ import annotations

import base64
from typing import Any, Final

import pytest

from tests.protocols.messages.request_kit import KIMI, OLD, chat, told, write
from wiremend.message import (
    Base64,
    Cache,
    CustomTool,
    CustomToolUse,
    Document,
    FileId,
    FunctionTool,
    Image,
    Message,
    Part,
    PlainText,
    Redacted,
    Refusal,
    Text,
    Thinking,
    ToolChoice,
    ToolResult,
    ToolUse,
    Unknown,
    Url,
)
from wiremend.protocols.codec import Bridge, Recipient

HI: Final = Message("user", (Text("hi"),))


def user(*parts: Part) -> Message:
    return Message("user", parts)


def assistant(*parts: Part) -> Message:
    return Message("assistant", parts)


def system(text: str) -> Message:
    return Message("system", (Text(text),))


def content(*parts: Part, to: Recipient = OLD) -> tuple[Any, list[tuple[str, str, str]]]:
    """Write one message of an assistant behind one of a user, and give its content and the losses."""
    written = write(chat(HI, assistant(*parts), HI), to)
    messages = written.document["messages"]
    return messages[1]["content"] if len(messages) == 3 else None, told(written.losses)


CALL_A: Final = ToolUse("a", "f", "{}")
RESULT_A: Final = ToolResult("a", (Text("1"),))
BLOCK_A: Final = {"type": "tool_result", "tool_use_id": "a", "content": "1"}


# --- parts ------------------------------------------------------------------------------------------------------------


def test_pictures_and_documents() -> None:
    parts = (
        Image(Base64("image/png", "AAAA"), "auto"),
        Image(Url("https://example.test/a.png"), "high"),
        Image(Url("data:image/gif;base64,R0lG"), cache=Cache()),
        Image(FileId("file_1")),
        Document(Base64("application/pdf", "JVBERi0="), "t", "c"),
        Document(Url("https://example.test/a.pdf")),
        Document(PlainText("so")),
        Document(Base64("text/csv", base64.b64encode("a,ü".encode()).decode())),
        Document(Base64("application/zip", "AAAA")),
        Document(Base64("text/csv", "/w==")),
    )
    written = write(chat(user(*parts)))
    assert written.document["messages"][0]["content"] == [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
        {"type": "image", "source": {"type": "url", "url": "https://example.test/a.png"}},
        {
            "type": "image",
            "source": {"type": "base64", "media_type": "image/gif", "data": "R0lG"},
            "cache_control": {"type": "ephemeral"},
        },
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
            "title": "t",
            "context": "c",
        },
        {"type": "document", "source": {"type": "url", "url": "https://example.test/a.pdf"}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "so"}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a,ü"}},
    ]
    assert told(written.losses) == [
        ("lost", "messages/0/parts/1/detail", "detail"),
        ("lost", "messages/0/parts/3", "file_id"),
        ("approximated", "messages/0/parts/7/source", "document"),
        ("lost", "messages/0/parts/8", "document"),
        ("lost", "messages/0/parts/9", "document"),
    ]


def test_a_picture_in_a_result() -> None:
    result = ToolResult("a", (Text("see"), Image(Base64("image/png", "AAAA")), Unknown({"type": "audio"})))
    written = write(chat(HI, assistant(CALL_A), user(result)))
    assert written.document["messages"][2]["content"] == [
        {
            "type": "tool_result",
            "tool_use_id": "a",
            "content": [
                {"type": "text", "text": "see"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
            ],
        }
    ]
    assert told(written.losses) == [("lost", "messages/2/parts/0/parts/2", "audio")]


def test_texts_of_another_wire() -> None:
    found = content(
        Text("so", ({"type": "url_citation"},), extra={"x": 1, "nothing": None}), Refusal("I will not."), Text("")
    )
    assert found == (
        [{"type": "text", "text": "so"}, {"type": "text", "text": "I will not."}],
        [
            ("lost", "messages/1/parts/0/citations", "citations"),
            ("lost", "messages/1/parts/0/extra/x", "x"),
            ("approximated", "messages/1/parts/1", "refusal"),
        ],
    )


def test_a_cache_for_longer_than_there_is() -> None:
    written = write(chat(user(Text("a", cache=Cache("24h")))))
    (block,) = written.document["messages"][0]["content"]
    assert block["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    assert told(written.losses) == [("approximated", "messages/0/parts/0/cache", "cache_control")]


@pytest.mark.parametrize(
    ("arguments", "expected", "losses"),
    (
        ('{"a": [1.5, "ü"]}', {"a": [1.5, "ü"]}, False),
        ("", {}, False),
        (" ", {}, False),
        ('{"a":', {"input": '{"a":'}, True),
        ("[1]", {"input": [1]}, True),
        ("plain words", {"input": "plain words"}, True),
        ("null", {"input": None}, True),
    ),
)
def test_arguments_are_an_object(arguments: str, expected: object, *, losses: bool) -> None:
    (block,), found = content(ToolUse("a", "f", arguments))
    assert block == {"type": "tool_use", "id": "a", "name": "f", "input": expected}
    assert found == ([("approximated", "messages/1/parts/0/arguments", "arguments")] if losses else [])


def test_ids_that_the_api_refuses_are_replaced_alike_in_call_and_result() -> None:
    call, result = ToolUse("functions.f:0", "f", "{}"), ToolResult("functions.f:0", ())
    written = write(chat(HI, assistant(call, CALL_A), user(result, RESULT_A)))
    first, second = (message["content"][0] for message in written.document["messages"][1:])
    assert first["id"] == second["tool_use_id"]
    assert first["id"].removeprefix("toolu_").isalnum()
    assert written.document["messages"][1]["content"][1]["id"] == "a"
    assert told(written.losses) == [
        ("approximated", "messages/1/parts/0/id", "tool_id"),
        ("approximated", "messages/2/parts/0/id", "tool_id"),
    ]
    assert write(chat(HI, assistant(call), user(result))).document["messages"][1]["content"][0]["id"] == first["id"]


# --- reasoning --------------------------------------------------------------------------------------------------------

SIGNED: Final = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}


def test_signed_reasoning_goes_back_as_it_was() -> None:
    for to in (OLD, KIMI):
        found = content(Thinking("hm", "c2ln"), Redacted("RXE="), Text("so"), to=to)
        blocks = [SIGNED, {"type": "redacted_thinking", "data": "RXE="}, {"type": "text", "text": "so"}]
        assert found == (blocks, [])


FOREIGN: Final = Thinking("hm", encrypted="gAAAAAx", summary=True, id="rs_1")


@pytest.mark.parametrize(
    "to",
    (
        OLD,
        Recipient("anthropic/claude-opus-4.5", "openrouter", "openrouter.ai"),
        Recipient("m", None, "api.anthropic.com"),
    ),
)
def test_who_checks_reasoning_gets_none_but_its_own(to: Recipient) -> None:
    found = content(Thinking("hm"), FOREIGN, Redacted("x", ""), Redacted("x", "rs_2"), Text("so"), to=to)
    assert found == ("so", [("lost", f"messages/1/parts/{number}", "reasoning") for number in range(4)])


def test_who_does_not_check_reasoning_gets_its_text() -> None:
    found = content(Thinking("hm"), FOREIGN, Thinking("", encrypted="gAAAAAx"), Redacted("gAAAAAx"), to=KIMI)
    unsigned = {"type": "thinking", "thinking": "hm", "signature": ""}
    assert found == (
        [unsigned, unsigned],
        [
            ("approximated", "messages/1/parts/1", "reasoning"),
            ("lost", "messages/1/parts/2", "reasoning"),
            ("lost", "messages/1/parts/3", "reasoning"),
        ],
    )


def test_what_proves_reasoning_on_the_chat_wire_is_left_out() -> None:
    proven = Thinking("hm", extra={"wire": "chat", "signature": "c2ln", "format": "x"})
    for wire in ("messages", "responses"):
        written = write(chat(HI, assistant(proven, Text("so")), HI, wire=wire), KIMI)
        assert written.document["messages"][1]["content"][0] == {"type": "thinking", "thinking": "hm", "signature": ""}
        assert told(written.losses) == [("lost", "messages/1/parts/0/extra", "reasoning")]


def test_a_host_that_only_looks_like_the_vendors_does_not_check() -> None:
    found, losses = content(Thinking("hm"), to=Recipient("m", None, "notanthropic.com"))
    assert (found[0]["type"], losses) == ("thinking", [])


def test_reasoning_bears_no_cache_mark() -> None:
    found = content(Thinking("hm", "c2ln", cache=Cache()), Text("so"))
    assert found == (
        [SIGNED, {"type": "text", "text": "so"}],
        [("lost", "messages/1/parts/0/cache", "cache_control")],
    )


# --- tools ------------------------------------------------------------------------------------------------------------


def test_schemas_are_of_objects() -> None:
    tools = (
        FunctionTool("a"),
        FunctionTool("b", {}),
        FunctionTool("c", {"properties": {"x": {}}, "$defs": {"y": {}}}, strict=False),
        FunctionTool("d", {"type": "object", "additionalProperties": False}, cache=Cache()),
    )
    written = write(chat(HI, tools=tools))
    assert written.document["tools"] == [
        {"name": "a", "input_schema": {"type": "object", "properties": {}}},
        {"name": "b", "input_schema": {"type": "object"}},
        {"name": "c", "input_schema": {"type": "object", "properties": {"x": {}}, "$defs": {"y": {}}}},
        {
            "name": "d",
            "input_schema": {"type": "object", "additionalProperties": False},
            "cache_control": {"type": "ephemeral"},
        },
    ]
    assert written.losses == ()


def test_names_that_the_api_refuses_are_bridged_everywhere() -> None:
    tools = (FunctionTool("mcp.files/read"), FunctionTool("n" * 129), FunctionTool("n" * 128))
    call = ToolUse("a", "mcp.files/read", "{}")
    request = chat(HI, assistant(call), user(RESULT_A), tools=tools, tool_choice=ToolChoice("tool", "mcp.files/read"))
    written = write(request)
    names = [tool["name"] for tool in written.document["tools"]]
    assert names[0].startswith("mcp_files_read_")
    assert (len(names[1]), names[2]) == (128, "n" * 128)
    assert written.bridges == {names[0]: Bridge("mcp.files/read"), names[1]: Bridge("n" * 129)}
    assert written.document["tool_choice"]["name"] == names[0]
    assert written.document["messages"][1]["content"][0]["name"] == names[0]
    assert written.losses == ()
    assert [tool["name"] for tool in write(request).document["tools"]] == names


def test_a_made_name_is_nobody_elses() -> None:
    (tool,) = write(chat(HI, tools=(FunctionTool("a b"),))).document["tools"]
    both = write(chat(HI, tools=(FunctionTool("a b"), FunctionTool(tool["name"]))))
    first, second = (tool["name"] for tool in both.document["tools"])
    assert (second, first != second) == (tool["name"], True)
    assert both.bridges == {first: Bridge("a b")}


def test_a_custom_tool_is_a_function_of_one_text() -> None:
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: /x+/"}
    tools = (CustomTool("apply_patch", "Patches files.", grammar), CustomTool("say", None, {"type": "text"}))
    history = (
        assistant(CustomToolUse("a", "apply_patch", "*** Begin")),
        user(ToolResult("a", (Text("1"),), custom=True)),
    )
    written = write(chat(HI, *history, tools=tools, tool_choice=ToolChoice("tool", "say")))
    patch, say = written.document["tools"]
    assert patch["input_schema"]["required"] == ["input"]
    assert patch["input_schema"]["properties"]["input"]["type"] == "string"
    assert patch["input_schema"]["additionalProperties"] is False
    assert patch["description"].startswith("Patches files.\n\n`input` is the raw text")
    assert patch["description"].endswith("(lark):\nstart: /x+/")
    assert "grammar" not in say["description"]
    assert written.document["messages"][1:] == [
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "a", "name": "apply_patch", "input": {"input": "*** Begin"}}],
        },
        {"role": "user", "content": [BLOCK_A]},
    ]
    assert written.bridges == {"apply_patch": Bridge("apply_patch", "custom"), "say": Bridge("say", "custom")}
    assert told(written.losses) == [("approximated", "tools/0/format", "grammar")]


def test_the_grammar_of_a_chat_tool() -> None:
    form = {"type": "grammar", "grammar": {"syntax": "regex", "definition": "x+"}}
    (tool,) = write(chat(HI, tools=(CustomTool("a", None, form),))).document["tools"]
    assert tool["description"].endswith("(regex):\nx+")


def test_a_tool_that_only_another_wire_has() -> None:
    search = Unknown({"type": "web_search", "name": "web_search"})
    choice = ToolChoice("tool", "web_search")
    written = write(chat(HI, tools=(search, FunctionTool("f")), tool_choice=choice))
    assert [tool["name"] for tool in written.document["tools"]] == ["f"]
    assert "tool_choice" not in written.document
    assert told(written.losses) == [("lost", "tools/0", "web_search"), ("lost", "tool_choice", "tool_choice")]


def test_its_own_tools_are_written_back() -> None:
    search = {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}
    written = write(chat(HI, wire="messages", tools=(Unknown(search),), tool_choice=ToolChoice("tool", "web_search")))
    assert (written.document["tools"], written.losses) == ([search], ())
    assert written.document["tool_choice"] == {"type": "tool", "name": "web_search"}


@pytest.mark.parametrize(
    ("choice", "parallel", "expected"),
    (
        (None, None, None),
        (None, True, None),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        (ToolChoice("auto"), None, {"type": "auto"}),
        (ToolChoice("any"), True, {"type": "any", "disable_parallel_tool_use": False}),
        (ToolChoice("none"), False, {"type": "none"}),
        (ToolChoice("tool", "f"), None, {"type": "tool", "name": "f"}),
    ),
)
def test_which_tool_is_to_be_called(choice: ToolChoice | None, parallel: bool | None, expected: object) -> None:  # noqa: FBT001 - a column of the table
    written = write(chat(HI, tools=(FunctionTool("f"),), tool_choice=choice, parallel=parallel))
    assert (written.document.get("tool_choice"), written.losses) == (expected, ())


def test_without_tools_none_can_be_forced() -> None:
    written = write(chat(HI, tool_choice=ToolChoice("any")))
    assert "tool_choice" not in written.document
    assert told(written.losses) == [("lost", "tool_choice", "tool_choice")]
