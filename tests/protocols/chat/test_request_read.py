"""Requests of the chat wire are read into the hub's normal form, with the place of each thing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.protocols.chat.request_kit import Json, lost, read, said
from wiremend.message import (
    Base64,
    Cache,
    CustomToolUse,
    Document,
    FileId,
    Image,
    Message,
    Refusal,
    Text,
    Thinking,
    ToolResult,
    ToolUse,
    Unknown,
    Url,
)

CALL: Json = {"id": "call_1", "type": "function", "function": {"name": "ls", "arguments": '{"p":"/"}'}}
OTHER: Json = {"id": "call_2", "type": "function", "function": {"name": "cat", "arguments": ""}}


# --- messages ---------------------------------------------------------------------------------------------------------


def test_each_role_is_read_at_its_place() -> None:
    found = said(
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi", "name": "ann"},
        {"role": "assistant", "content": "Hello"},
        {"role": "developer", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
    )
    assert found == (
        Message("system", (Text("Be brief."),)),
        Message("user", (Text("Hi"),), name="ann"),
        Message("assistant", (Text("Hello"),)),
        Message("developer", (Text("a"), Text("b"))),
    )


@pytest.mark.parametrize("content", ("", None, []))
@pytest.mark.parametrize("role", ("system", "user", "assistant"))
def test_a_message_that_says_nothing_stays(role: str, content: object) -> None:
    [message] = said({"role": role, "content": content})
    assert message.parts == ()


def test_results_and_the_user_behind_them_are_one_message() -> None:
    found = said(
        {"role": "assistant", "content": None, "tool_calls": [CALL, OTHER]},
        {"role": "tool", "tool_call_id": "call_1", "content": "a b"},
        {"role": "tool", "tool_call_id": "call_2", "content": [{"type": "text", "text": "no such file"}]},
        {"role": "user", "content": "go on"},
        {"role": "user", "content": "please"},
    )
    assert found == (
        Message("assistant", (ToolUse("call_1", "ls", '{"p":"/"}'), ToolUse("call_2", "cat", "{}"))),
        Message(
            "user",
            (ToolResult("call_1", (Text("a b"),)), ToolResult("call_2", (Text("no such file"),)), Text("go on")),
        ),
        Message("user", (Text("please"),)),
    )


def test_results_with_no_user_behind_them_are_a_message() -> None:
    result = {"role": "tool", "tool_call_id": "call_1", "content": "a", "name": "ls"}
    found = said({"role": "assistant", "tool_calls": [CALL]}, result, {"role": "assistant", "content": "done"})
    assert [message.role for message in found] == ["assistant", "user", "assistant"]
    assert found[1].parts == (ToolResult("call_1", (Text("a"),), extra={"name": "ls"}),)


def test_an_assistant_says_reasoning_then_text_then_refusal_then_calls() -> None:
    [message] = said(
        {
            "tool_calls": [CALL],
            "refusal": "No.",
            "content": "Well.",
            "reasoning_content": "Hm.",
            "role": "assistant",
        }
    )
    assert message.parts == (Thinking("Hm."), Text("Well."), Refusal("No."), ToolUse("call_1", "ls", '{"p":"/"}'))


def test_a_refusal_may_stand_among_the_parts() -> None:
    parts = [{"type": "refusal", "refusal": "No."}, {"type": "text", "text": "But"}]
    [message] = said({"role": "assistant", "content": parts})
    assert message.parts == (Refusal("No."), Text("But"))


def test_an_audio_of_the_model_stays_an_extra() -> None:
    [message] = said({"role": "assistant", "audio": {"id": "audio_1"}, "content": None, "function_call": None})
    assert message == Message("assistant", (), extra={"audio": {"id": "audio_1"}})


def test_custom_calls_and_their_results() -> None:
    call = {"id": "call_3", "type": "custom", "custom": {"name": "apply_patch", "input": "*** Begin"}}
    found = said(
        {"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "call_3", "content": "ok"}
    )
    assert found[0].parts == (CustomToolUse("call_3", "apply_patch", "*** Begin"),)
    assert found[1].parts == (ToolResult("call_3", (Text("ok"),), custom=True),)


def test_arguments_that_are_an_object_become_their_text() -> None:
    call = {"id": "c", "function": {"name": "ls", "arguments": {"p": "/", "n": 1}}}
    [message] = said({"role": "assistant", "tool_calls": [call]})
    assert message.parts == (ToolUse("c", "ls", '{"p":"/","n":1}'),)


def test_function_calls_of_old_get_an_id() -> None:
    found = read(
        [
            {"role": "assistant", "content": None, "function_call": {"name": "ls", "arguments": "{}"}},
            {"role": "function", "name": "ls", "content": "a b"},
        ]
    )
    [use] = found.request.messages[0].parts
    [result] = found.request.messages[1].parts
    assert isinstance(use, ToolUse)
    assert isinstance(result, ToolResult)
    assert use.id == result.id != ""
    assert lost(found.losses) == [("invented", ("messages", 0, "parts", 0, "id"), "tool_call_id")]


def test_a_result_without_an_id_answers_the_first_call_without_one() -> None:
    found = read(
        [
            {"role": "assistant", "tool_calls": [CALL, OTHER]},
            {"role": "tool", "tool_call_id": "call_1", "content": "a"},
            {"role": "tool", "content": "b"},
        ]
    )
    assert [part.id for part in found.request.messages[1].parts if isinstance(part, ToolResult)] == ["call_1", "call_2"]
    assert lost(found.losses) == [("invented", ("messages", 1, "parts", 1, "id"), "tool_call_id")]


# --- parts ------------------------------------------------------------------------------------------------------------

PARTS: list[tuple[Json, Any]] = [
    ({"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}, Text("a", cache=Cache())),
    (
        {"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        Text("a", cache=Cache("1h")),
    ),
    (
        {"type": "text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}},
        Text("a", extra={"prompt_cache_breakpoint": {"mode": "explicit"}}),
    ),
    ({"type": "input_text", "text": "a"}, Text("a")),
    (
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk=", "detail": "low"}},
        Image(Base64("image/png", "aGk="), "low"),
    ),
    ({"type": "image_url", "image_url": {"url": "https://a.test/b.png"}}, Image(Url("https://a.test/b.png"))),
    ({"type": "image_url", "image_url": "https://a.test/b.png"}, Image(Url("https://a.test/b.png"))),
    (
        {"type": "image_url", "image_url": {"url": "data:image/svg+xml,<svg/>"}},
        Image(Url("data:image/svg+xml,<svg/>")),
    ),
    (
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERi0=", "filename": "a.pdf"}},
        Document(Base64("application/pdf", "JVBERi0="), "a.pdf"),
    ),
    (
        {"type": "file", "file": {"file_data": "YQ==", "filename": "a.txt"}},
        Document(Base64("text/plain", "YQ=="), "a.txt"),
    ),
    (
        {"type": "file", "file": {"file_data": "https://a.test/b.pdf", "filename": "b.pdf"}},
        Document(Url("https://a.test/b.pdf"), "b.pdf"),
    ),
    ({"type": "file", "file": {"file_id": "file-1"}}, Document(FileId("file-1"))),
    (
        {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}},
        Unknown({"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}}),
    ),
    ({"type": "refusal", "refusal": "No."}, Unknown({"type": "refusal", "refusal": "No."})),
]


@pytest.mark.parametrize(("part", "expected"), PARTS)
def test_parts_of_a_user(part: Json, expected: object) -> None:
    [message] = said({"role": "user", "content": [part]})
    assert message.parts == (expected,)


def test_pictures_in_results_are_read() -> None:
    """Official results are text; Kimi's and OpenRouter's take pictures."""
    url = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
    content = [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}, url]
    found = said(
        {"role": "assistant", "tool_calls": [CALL]}, {"role": "tool", "tool_call_id": "call_1", "content": content}
    )
    image = Image(Base64("image/png", "aGk="))
    assert found[1].parts == (ToolResult("call_1", (Text("a", cache=Cache()), image)),)


def test_the_mark_at_the_end_of_a_result_is_the_results() -> None:
    content = [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]
    found = said({"role": "tool", "tool_call_id": "call_1", "content": content})
    assert found[0].parts == (ToolResult("call_1", (Text("a"),), cache=Cache()),)
