"""Conversations of the Responses API, read: the wire's JSON on the left, neutral messages on the right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pytest

from tests.protocols.responses.request_kit import (
    CALL,
    OUTPUT,
    RESULT,
    USE,
    Json,
    assistant,
    messages,
    one,
    read,
    user,
)
from wiremend.message import (
    Base64,
    Cache,
    CustomToolUse,
    Document,
    FileId,
    FunctionTool,
    Image,
    Message,
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
from wiremend.protocols.codec import Bridge
from wiremend.protocols.envelope import seal
from wiremend.protocols.responses.request_read import read_request

CAPTURES: Final = Path(__file__).parents[3] / "captures" / "responses"


# --- messages ---------------------------------------------------------------------------------------------------------


def test_a_string_is_a_message_of_the_user() -> None:
    found = read_request({"model": "m", "input": "hi", "instructions": "be kind"})
    assert found.request.messages == (Message("system", (Text("be kind"),)), user(Text("hi")))
    assert found.places.of(("messages", 0, "parts", 0)) == "/instructions"
    assert found.places.of(("messages", 1, "parts", 0, "text")) == "/input/text"


@pytest.mark.parametrize("nothing", ({"instructions": ""}, {"instructions": None}, {"input": None}, {"input": []}))
def test_what_says_nothing_is_nothing(nothing: Json) -> None:
    assert read_request({"model": "m", **nothing}).request.messages == ()


@pytest.mark.parametrize(
    "item",
    (
        {"role": "user", "content": "hi"},
        {"type": "message", "role": "user", "content": "hi"},
        {"type": None, "role": "user", "content": [{"type": "input_text", "text": "hi"}]},
        {"type": "message", "role": "user", "content": {"type": "text", "text": "hi"}, "status": "completed"},
        "hi",
    ),
)
def test_a_message_has_many_forms(item: Json | str) -> None:
    assert messages(item) == (user(Text("hi")),)


def test_roles_stay_where_they_are() -> None:
    roles = ("system", "developer", "user", "system", "assistant", "developer")
    found = messages(*({"role": role, "content": "x"} for role in roles), instructions="i")
    assert tuple(message.role for message in found) == ("system", *roles)


def test_two_messages_of_the_user_stay_two() -> None:
    assert messages("a", "b") == (user(Text("a")), user(Text("b")))


def test_a_message_without_parts_stays() -> None:
    assert messages({"role": "user", "content": []}) == (user(),)
    assert messages({"role": "assistant", "content": None}) == (assistant(),)


@pytest.mark.parametrize(
    ("part", "expected"),
    (
        (
            {"type": "input_image", "image_url": "https://x.test/a.png", "detail": "high"},
            Image(Url("https://x.test/a.png"), "high"),
        ),
        (
            {"type": "input_image", "image_url": "data:image/PNG;base64,iVBO", "detail": "auto"},
            Image(Base64("image/png", "iVBO")),
        ),
        ({"type": "input_image", "file_id": "file_1", "image_url": None}, Image(FileId("file_1"))),
        ({"type": "input_image", "image_url": {"url": "https://x.test/a"}}, Image(Url("https://x.test/a"))),
        (
            {"type": "input_file", "file_data": "data:application/pdf;base64,JVBE", "filename": "a.pdf"},
            Document(Base64("application/pdf", "JVBE"), "a.pdf"),
        ),
        (
            {"type": "input_file", "file_data": "aGk=", "filename": "a.txt"},
            Document(Base64("text/plain", "aGk="), "a.txt"),
        ),
        ({"type": "input_file", "file_data": "JVBE"}, Document(Base64("application/pdf", "JVBE"))),
        ({"type": "input_file", "file_url": "https://x.test/a.pdf"}, Document(Url("https://x.test/a.pdf"))),
        ({"type": "input_file", "file_id": "file_1"}, Document(FileId("file_1"))),
        (
            {"type": "input_text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "30m"}},
            Text("a", cache=Cache("30m")),
        ),
        (
            {"type": "input_text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}},
            Text("a", cache=Cache()),
        ),
        ({"type": "input_text", "text": "a", "vendor": 1}, Text("a", extra={"vendor": 1})),
        ({"type": "input_audio", "input_audio": {}}, Unknown({"type": "input_audio", "input_audio": {}})),
    ),
)
def test_parts_of_a_message(part: Json, expected: object) -> None:
    assert one({"role": "user", "content": [part]}) == expected
    (result,) = messages({"type": "function_call_output", "call_id": "c", "output": [part]})[0].parts
    assert isinstance(result, ToolResult)
    assert result.parts == (expected,)


def test_what_an_assistant_said_in_a_row_is_one_message() -> None:
    note = {"type": "url_citation", "start_index": 0, "end_index": 2, "title": "t", "url": "https://x.test"}
    found = messages(
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"},
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "phase": "commentary",
            "content": [
                {"type": "output_text", "text": "so", "annotations": [note], "logprobs": []},
                {"type": "refusal", "refusal": "no"},
            ],
        },
        {**CALL, "id": "fc_1", "status": "completed"},
        {**CALL, "call_id": "c2", "arguments": ""},
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}},
        OUTPUT,
        {
            **OUTPUT,
            "call_id": "c2",
            "output": [{"type": "input_text", "text": "a"}, {"type": "refusal", "refusal": "b"}],
        },
        "go on",
        "now",
    )
    search = {
        "type": "web_search_call",
        "id": "ws_1",
        "status": "completed",
        "action": {"type": "search", "query": "q"},
    }
    said = (
        Redacted("gAAA", "rs_1"),
        Text("so", (note,)),
        Refusal("no"),
        USE,
        ToolUse("c2", "f", "{}"),
        Unknown(search),
    )
    assert found == (
        Message("assistant", said, extra={"phase": "commentary"}),
        user(RESULT, ToolResult("c2", (Text("a"), Text("b"))), Text("go on")),
        user(Text("now")),
    )


def test_results_are_one_message_with_the_users_behind_them_and_no_other() -> None:
    assert messages(OUTPUT, {"role": "developer", "content": "d"}, "hi") == (
        user(RESULT),
        Message("developer", (Text("d"),)),
        user(Text("hi")),
    )
    approval = {"type": "mcp_approval_response", "approval_request_id": "a", "approve": True}
    assert messages(OUTPUT, approval) == (user(RESULT, Unknown(approval)),)
    assert messages("a", OUTPUT) == (user(Text("a")), user(RESULT))


def test_ids_of_items_are_one_loss_together() -> None:
    found = read({**CALL, "id": "fc_1"}, {**OUTPUT, "id": "fco_1"}, {"role": "user", "content": "a", "id": "msg_1"})
    (loss,) = found.losses
    assert (loss.kind, loss.code, loss.what) == ("lost", "item_id", "the ids of 3 items are left out")
    assert found.places.of(loss.path) == "/input/0/id"
    assert found.request.messages[1].id is None
    (loss,) = read("a", {**CALL, "id": "fc_1"}).losses
    assert loss.what == "the id of an item is left out"
    assert read(CALL, OUTPUT).losses == ()


# --- reasoning --------------------------------------------------------------------------------------------------------


def summed(*texts: str) -> list[Json]:
    return [{"type": "summary_text", "text": text} for text in texts]


THOUGHT: Final = [{"type": "reasoning_text", "text": "hm"}]


@pytest.mark.parametrize(
    ("item", "expected"),
    (
        (
            {"id": "rs_1", "summary": summed("a", "b"), "encrypted_content": "gAAA"},
            Thinking("a\n\nb", encrypted="gAAA", summary=True, id="rs_1"),
        ),
        ({"id": "rs_1", "summary": [], "encrypted_content": "gAAA"}, Redacted("gAAA", "rs_1")),
        ({"summary": [], "encrypted_content": "gAAA", "content": None}, Redacted("gAAA", "")),
        ({"id": "rs_1", "summary": [], "content": THOUGHT}, Thinking("hm")),
        ({"id": "rs_1", "summary": summed("a"), "encrypted_content": None}, Thinking("a", summary=True)),
        (
            {"id": "rs_1", "summary": summed("a"), "content": THOUGHT},
            Thinking("hm", extra={"summary": summed("a")}),
        ),
        (
            {"id": "rs_9", "summary": summed("a"), "encrypted_content": seal("messages", {"signature": "Ep"})},
            Thinking("a", signature="Ep"),
        ),
        ({"id": "rs_9", "summary": [], "encrypted_content": seal("messages", {"data": "Ek"})}, Redacted("Ek")),
        (
            {
                "id": "rs_9",
                "summary": summed("a"),
                "encrypted_content": seal("responses", {"encrypted_content": "gAAA", "id": "rs_1"}),
            },
            Thinking("a", encrypted="gAAA", summary=True, id="rs_1"),
        ),
        (
            {"summary": [], "encrypted_content": seal("responses", {"encrypted_content": "gAAA", "id": "rs_1"})},
            Redacted("gAAA", "rs_1"),
        ),
        (
            {"id": "rs_1", "summary": [], "content": THOUGHT, "encrypted_content": "gA"},
            Thinking("hm", None, "gA", id="rs_1"),
        ),
        (
            {"summary": summed("a"), "encrypted_content": seal("responses", {"id": "rs_1", "field": "content"})},
            Thinking("a", id="rs_1"),
        ),
        ({"summary": summed("a"), "encrypted_content": seal("chat", {})}, Thinking("a")),
        (
            {"summary": summed("a"), "encrypted_content": seal("chat", {"signature": "S", "format": "f"})},
            Thinking("a", extra={"wire": "chat", "signature": "S", "format": "f"}),
        ),
        (
            {"summary": [], "encrypted_content": seal("chat", {"data": "D"})},
            Thinking("", extra={"wire": "chat", "data": "D"}),
        ),
    ),
)
def test_reasoning(item: Json, expected: object) -> None:
    assert one({"type": "reasoning", **item}) == expected


def test_reasoning_that_says_nothing_is_nothing() -> None:
    assert messages({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": None}) == ()


# --- calls ------------------------------------------------------------------------------------------------------------


def test_custom_calls() -> None:
    assert messages(
        {
            "type": "custom_tool_call",
            "call_id": "c1",
            "name": "apply_patch",
            "input": "*** Begin",
            "status": "completed",
        },
        {"type": "custom_tool_call_output", "call_id": "c1", "output": "ok"},
    ) == (
        assistant(CustomToolUse("c1", "apply_patch", "*** Begin")),
        user(ToolResult("c1", (Text("ok"),), custom=True)),
    )


def test_arguments_in_other_forms() -> None:
    assert one({**CALL, "arguments": None}) == ToolUse("c1", "f", "{}")
    assert one({**CALL, "arguments": {"a": [1]}}) == ToolUse("c1", "f", '{"a":[1]}')
    assert one({**CALL, "arguments": "no json"}) == ToolUse("c1", "f", "no json")
    assert one({"type": "function_call", "id": "fc_1", "name": "f"}) == ToolUse("fc_1", "f", "{}")


def test_what_a_call_has_besides_stays() -> None:
    usual = {"status": "completed", "caller": {"type": "direct"}, "async": False}
    assert one({**CALL, **usual}) == USE
    found = one({**CALL, "status": "incomplete", "x": 1})
    assert found.extra == {"status": "incomplete", "x": 1}


def test_the_local_shell() -> None:
    action = {"type": "exec", "command": ["ls", "-l"], "env": {}, "timeout_ms": 5, "user": None}
    found = read(
        {"type": "local_shell_call", "id": "lsh_1", "call_id": "c1", "status": "completed", "action": action},
        {"type": "local_shell_call_output", "id": "lsh_1", "output": "a.txt"},
        {"type": "local_shell_call_output", "id": "c1", "output": "again"},
        tools=[{"type": "local_shell"}],
        tool_choice={"type": "local_shell"},
    )
    assert found.request.messages == (
        assistant(ToolUse("c1", "local_shell", '{"command":["ls","-l"],"env":{},"timeout_ms":5}')),
        user(ToolResult("c1", (Text("a.txt"),)), ToolResult("c1", (Text("again"),))),
    )
    assert found.bridges == {"local_shell": Bridge("local_shell", "local_shell")}
    (tool,) = found.request.tools
    assert isinstance(tool, FunctionTool)
    assert tool.schema is not None
    assert set(tool.schema["properties"]) == {"command", "env", "timeout_ms", "user", "working_directory"}
    assert tool.schema["required"] == ["command"]
    assert found.request.tool_choice == ToolChoice("tool", "local_shell")


def test_a_function_called_local_shell_keeps_its_name() -> None:
    found = read(tools=[{"type": "local_shell"}, {"type": "function", "name": "local_shell"}])
    shell, function = (tool.name for tool in found.request.tools if isinstance(tool, FunctionTool))
    assert function == "local_shell"
    assert shell != function
    assert found.bridges == {shell: Bridge("local_shell", "local_shell")}


# --- what Codex sends -------------------------------------------------------------------------------------------------


def test_a_session_of_codex() -> None:
    document = json.loads((CAPTURES / "session-codex-02" / "client.request.json").read_bytes())
    found = read_request(document)
    developer, asked, called, given = found.request.messages
    assert developer == Message("developer", (Text("You run the commands that the provider asks for."),))
    assert asked == user(Text("Say it."))
    use = ToolUse("call_lab1", "exec_command", '{"cmd": "echo tool-ran-8231 | tee marker.txt"}')
    assert called == assistant(use)
    (result,) = given.parts
    assert isinstance(result, ToolResult)
    assert result.id == "call_lab1"
    assert [tool.name for tool in found.request.tools if isinstance(tool, FunctionTool)] == [
        "exec_command",
        "write_stdin",
        "request_user_input",
        "view_image",
    ]
    assert found.request.extra == {"client_metadata": document["client_metadata"]}
    assert found.request.cache_key == document["prompt_cache_key"]
    assert found.bridges == {}
    assert [loss.code for loss in found.losses] == ["item_id"]
