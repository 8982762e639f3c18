"""Requests of other wires, written for the chat wire: the body is the official one, what it cannot say is noted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.protocols.chat.request_kit import (
    OPENAI,
    OTHER,
    ROUTER,
    Json,
    lost,
    messages_of,
    official,
    request,
    turn,
    write,
)
from wiremend.message import (
    Base64,
    Cache,
    CustomTool,
    CustomToolUse,
    Document,
    FileId,
    FunctionTool,
    Image,
    PlainText,
    Reasoning,
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

if TYPE_CHECKING:
    from wiremend.message import Part

PIXEL = Image(Base64("image/png", "aGk="))
PIXEL_ITEM: Json = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
SCHEMA: Json = {
    "type": "object",
    "properties": {"p": {"$ref": "#/$defs/path"}},
    "$defs": {"path": {"type": "string", "pattern": "^/"}},
    "additionalProperties": False,
}
LS = FunctionTool("ls", SCHEMA, "Lists.", strict=True)
PATCH = CustomTool("apply_patch", "Edits files.", {"type": "grammar", "syntax": "lark", "definition": "start: /a/"})


# --- a whole session --------------------------------------------------------------------------------------------------


def test_a_session_of_claude_code_on_another_host() -> None:
    """System blocks with marks, a system message in the middle, signed thinking, two calls, a result that failed."""
    mark = Cache()
    found = write(
        request(
            turn("system", Text("You are an agent.", cache=mark), Text("Be brief.", cache=mark)),
            turn("user", Text("What is in /?")),
            turn("system", Text("The date has changed.")),
            turn(
                "assistant",
                Thinking("Look first.", signature="EqQB"),
                Text("I look."),
                ToolUse("toolu_1", "ls", '{"p":"/"}'),
                ToolUse("toolu_2", "cat", '{"p":"/a"}'),
            ),
            turn(
                "user",
                ToolResult("toolu_1", (Text("a b"),)),
                ToolResult("toolu_2", (Text("no such file"),), is_error=True, cache=mark),
                Text("Go on."),
            ),
            tools=(FunctionTool("ls", SCHEMA, "Lists."), FunctionTool("cat", cache=mark)),
            tool_choice=ToolChoice("auto"),
            parallel=True,
            max_tokens=32_000,
            reasoning=Reasoning("adaptive", "high"),
            stream=True,
            user="user_1",
            temperature=1,
            extra={"context_management": {"edits": []}},
        )
    )
    assert found.document == {
        "model": "sent",
        "messages": [
            {
                "role": "system",
                "content": [{"type": "text", "text": "You are an agent."}, {"type": "text", "text": "Be brief."}],
            },
            {"role": "user", "content": "What is in /?"},
            {"role": "system", "content": "The date has changed."},
            {
                "role": "assistant",
                "content": "I look.",
                "reasoning_content": "Look first.",
                "tool_calls": [
                    {"id": "toolu_1", "type": "function", "function": {"name": "ls", "arguments": '{"p":"/"}'}},
                    {"id": "toolu_2", "type": "function", "function": {"name": "cat", "arguments": '{"p":"/a"}'}},
                ],
            },
            {"role": "tool", "tool_call_id": "toolu_1", "content": "a b"},
            {"role": "tool", "tool_call_id": "toolu_2", "content": "no such file"},
            {"role": "user", "content": "Go on."},
        ],
        "tools": [
            {"type": "function", "function": {"name": "ls", "description": "Lists.", "parameters": SCHEMA}},
            {"type": "function", "function": {"name": "cat"}},
        ],
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "temperature": 1,
        "max_tokens": 32_000,
        "reasoning_effort": "high",
        "user": "user_1",
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert sorted(lost(found.losses)) == sorted(
        [
            ("lost", ("messages", 0, "parts", 0, "cache"), "cache_control"),
            ("lost", ("messages", 0, "parts", 1, "cache"), "cache_control"),
            ("lost", ("messages", 3, "parts", 0, "signature"), "signature"),
            ("lost", ("messages", 4, "parts", 1, "is_error"), "is_error"),
            ("lost", ("messages", 4, "parts", 1, "cache"), "cache_control"),
            ("lost", ("tools", 1, "cache"), "cache_control"),
            ("lost", ("extra", "context_management"), "context_management"),
        ]
    )
    assert found.bridges == {}
    assert all(loss.what and loss.why for loss in found.losses)


def test_a_session_of_codex_at_openai() -> None:
    """What OpenAI has on both of its wires is no loss: custom tools, the developer, keys of caches."""
    found = write(
        request(
            turn("system", Text("You are Codex.")),
            turn("developer", Text("Sandbox: none.")),
            turn("user", Text("Patch it.")),
            turn("assistant", CustomToolUse("call_1", "apply_patch", "*** Begin\n")),
            turn("user", ToolResult("call_1", (Text("ok"),), custom=True)),
            wire="responses",
            tools=(LS, PATCH),
            tool_choice=ToolChoice("tool", "apply_patch"),
            parallel=False,
            reasoning=Reasoning(effort="xhigh"),
            cache_key="thread-1",
            store=False,
            verbosity="low",
            max_tokens=100,
            extra={"include": ["reasoning.encrypted_content"], "truncation": "disabled"},
        ),
        OPENAI,
    )
    grammar = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: /a/"}}
    function = {"name": "ls", "description": "Lists.", "parameters": SCHEMA, "strict": True}
    assert found.document == {
        "model": "sent",
        "messages": [
            {"role": "system", "content": "You are Codex."},
            {"role": "developer", "content": "Sandbox: none."},
            {"role": "user", "content": "Patch it."},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {"id": "call_1", "type": "custom", "custom": {"name": "apply_patch", "input": "*** Begin\n"}}
                ],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": "ok"},
        ],
        "tools": [
            {"type": "function", "function": function},
            {"type": "custom", "custom": {"name": "apply_patch", "description": "Edits files.", "format": grammar}},
        ],
        "tool_choice": {"type": "custom", "custom": {"name": "apply_patch"}},
        "parallel_tool_calls": False,
        "max_completion_tokens": 100,
        "reasoning_effort": "xhigh",
        "prompt_cache_key": "thread-1",
        "verbosity": "low",
    }
    assert (found.losses, found.bridges) == ((), {})
    assert official(found.document) == found.document


# --- messages ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "role"),
    (
        ("api.openai.com", "developer"),
        ("eu.api.openai.com", "developer"),
        ("lab.openai.azure.com", "developer"),
        ("API.OpenAI.com", "developer"),
        ("api.deepseek.com", "system"),
        ("notapi.openai.com.example", "system"),
        ("", "system"),
    ),
)
def test_a_developer_is_one_at_openai(host: str, role: str) -> None:
    found = write(request(turn("developer", Text("a"))), host)
    assert found.document["messages"] == [{"role": role, "content": "a"}]
    expected = [] if role == "developer" else [("approximated", ("messages", 0, "role"), "developer")]
    assert lost(found.losses) == expected


@pytest.mark.parametrize(
    ("host", "name"), ((OPENAI, "max_completion_tokens"), (OTHER, "max_tokens"), ("", "max_tokens"))
)
def test_the_limit_has_openais_new_name_at_openai(host: str, name: str) -> None:
    document = write(request(max_tokens=5), host).document
    assert {key: value for key, value in document.items() if key.startswith("max_")} == {name: 5}


@pytest.mark.parametrize(
    ("parts", "expected"),
    (
        ((), ""),
        ((Text("a"),), "a"),
        ((Text("a"), Text("b")), [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]),
        ((PIXEL,), [PIXEL_ITEM]),
        (
            (Image(Url("https://a.test/b.png"), "high"),),
            [{"type": "image_url", "image_url": {"url": "https://a.test/b.png", "detail": "high"}}],
        ),
        (
            (Document(Base64("application/pdf", "JVBERi0="), "a.pdf"),),
            [{"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}}],
        ),
    ),
)
def test_what_a_user_says(parts: tuple[Part, ...], expected: object) -> None:
    found = write(request(turn("user", *parts)))
    assert found.document["messages"] == [{"role": "user", "content": expected}]
    assert found.losses == ()


@pytest.mark.parametrize(
    ("part", "content", "loss"),
    (
        (Document(PlainText("It is so."), "a.txt", "Mine."), "a.txt\n\nMine.\n\nIt is so.", "approximated"),
        (Document(Url("https://a.test/b.pdf"), "b"), "b\n\nDocument: https://a.test/b.pdf", "approximated"),
        (Document(FileId("file_1")), "", "lost"),
        (Image(FileId("file_1")), "", "lost"),
        (Unknown({"type": "search_result"}), "", "lost"),
        (ToolUse("a", "b", "{}"), "", "lost"),
    ),
)
def test_what_this_wire_cannot_carry(part: Part, content: object, loss: str) -> None:
    found = write(request(turn("user", part)))
    assert found.document["messages"] == [{"role": "user", "content": content}]
    assert [(kind, path) for kind, path, _ in lost(found.losses)] == [(loss, ("messages", 0, "parts", 0))]


def test_a_file_gets_a_name_and_openrouter_fetches_one() -> None:
    data = Document(Base64("application/pdf", "JVBERi0="))
    found = write(request(turn("user", data, Document(Url("https://a.test/b"), "b.pdf"))), ROUTER)
    [message] = found.document["messages"]
    assert message["content"] == [
        {"type": "file", "file": {"filename": "document.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}},
        {"type": "file", "file": {"filename": "b.pdf", "file_data": "https://a.test/b"}},
    ]
    assert lost(found.losses) == [("invented", ("messages", 0, "parts", 0, "name"), "filename")]


def test_openrouter_has_marks_for_the_cache() -> None:
    parts = (ToolResult("c", (Text("a"),), cache=Cache("1h")), Text("b", cache=Cache()))
    found = write(request(turn("user", *parts), tools=(FunctionTool("ls", cache=Cache()),)), ROUTER)
    mark = {"type": "ephemeral"}
    assert found.document["messages"] == [
        {
            "role": "tool",
            "tool_call_id": "c",
            "content": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
        },
        {"role": "user", "content": [{"type": "text", "text": "b", "cache_control": mark}]},
    ]
    assert found.document["tools"][0]["cache_control"] == mark
    assert found.losses == ()


def test_two_marks_at_one_place_are_one() -> None:
    found = write(request(turn("user", ToolResult("c", (Text("a", cache=Cache("5m")),), cache=Cache("1h")))), ROUTER)
    [message] = found.document["messages"]
    assert message["content"][0]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    assert lost(found.losses) == [("lost", ("messages", 0, "parts", 0, "parts", 0, "cache"), "cache_control")]


def test_pictures_of_results_follow_behind_all_results() -> None:
    found = write(
        request(
            turn(
                "user",
                ToolResult("a", (Text("one"), PIXEL)),
                ToolResult("b", (PIXEL,)),
                ToolResult("c", (Text("three"),)),
                Text("Go on."),
            )
        )
    )
    tools, [user] = found.document["messages"][:3], found.document["messages"][3:]
    assert [(item["role"], item["tool_call_id"]) for item in tools] == [("tool", "a"), ("tool", "b"), ("tool", "c")]
    assert [item["content"] for item in tools[::2]] == ["one", "three"]
    assert tools[1]["content"]  # an empty result is refused by some
    one, first, two, second, rest = user["content"]
    assert (first, second, rest) == (PIXEL_ITEM, PIXEL_ITEM, {"type": "text", "text": "Go on."})
    assert " a:" in one["text"]
    assert " b:" in two["text"]
    assert sorted(lost(found.losses)) == [
        ("approximated", ("messages", 0, "parts", 0, "parts", 1), "tool_result_file"),
        ("approximated", ("messages", 0, "parts", 1, "parts", 0), "tool_result_file"),
        ("invented", ("messages", 0, "parts"), "tool_result_file"),
    ]


def test_a_message_that_is_lost_keeps_two_users_apart() -> None:
    """Else what the second one says would be taken for the first one's."""
    first = turn("user", ToolResult("a", (Text("one"),)), Unknown({"type": "search_result"}))
    found = messages_of(first, turn("user", Text("Go on.")))
    assert [(item["role"], item["content"]) for item in found] == [("tool", "one"), ("user", ""), ("user", "Go on.")]
    assert [item["role"] for item in messages_of(first, turn("assistant", Text("Done.")))] == ["tool", "assistant"]


def test_results_stand_in_front() -> None:
    found = write(request(turn("user", Text("So?"), ToolResult("a", (Text("one"),)))))
    assert [item["role"] for item in found.document["messages"]] == ["tool", "user"]
    assert lost(found.losses) == [("approximated", ("messages", 0, "parts"), "order")]


def test_prompts_do_not_part_results_from_their_calls() -> None:
    """The responses wire allows it, OpenAI refuses it on this one."""
    found = write(
        request(
            turn("user", Text("a")),
            turn("assistant", ToolUse("c", "ls", "{}")),
            turn("developer", Text("b")),
            turn("system", Text("d")),
            turn("user", ToolResult("c", (Text("e"),)), Text("f")),
            turn("assistant", Text("g")),
            turn("system", Text("h")),
            turn("user", Text("i")),
        ),
        OPENAI,
    )
    said = [(item["role"], item["content"]) for item in found.document["messages"]]
    behind = [("tool", "e"), ("user", "f"), ("developer", "b"), ("system", "d")]
    assert said == [("user", "a"), ("assistant", None), *behind, ("assistant", "g"), ("system", "h"), ("user", "i")]
    assert lost(found.losses) == [("approximated", ("messages", 4), "order")]


@pytest.mark.parametrize("parts", ((ToolUse("a", "ls", "{}"), Text("Wait.")), (Text("Wait."), Thinking("Hm."))))
def test_an_assistants_order_is_noted_where_it_is_lost(parts: tuple[Part, ...]) -> None:
    found = write(request(turn("assistant", *parts)))
    assert found.document["messages"][0]["content"] == "Wait."
    assert lost(found.losses) == [("approximated", ("messages", 0, "parts"), "order")]


@pytest.mark.parametrize(
    ("parts", "fields"),
    (
        ((Refusal("No."),), {"content": None, "refusal": "No."}),
        ((Text("Well."), Refusal("No.")), {"content": "Well.", "refusal": "No."}),
        (
            (Refusal("No."), Refusal("Never.")),
            {"content": [{"type": "refusal", "refusal": "No."}, {"type": "refusal", "refusal": "Never."}]},
        ),
        ((Refusal(""),), {"content": [{"type": "refusal", "refusal": ""}]}),
        (
            (Refusal("No."), Text("But.")),
            {"content": [{"type": "refusal", "refusal": "No."}, {"type": "text", "text": "But."}]},
        ),
    ),
)
def test_refusals(parts: tuple[Part, ...], fields: Json) -> None:
    found = write(request(turn("assistant", *parts)))
    assert found.document["messages"] == [{"role": "assistant", **fields}]
    assert found.losses == ()
    assert official(found.document) == found.document


@pytest.mark.parametrize(
    ("parts", "content"),
    (
        ((), ""),
        ((Text(""),), [{"type": "text", "text": ""}]),
        ((ToolUse("a", "ls", ""),), None),
        ((Redacted("xyz"),), ""),
    ),
)
def test_an_assistant_with_nothing_to_say(parts: tuple[Part, ...], content: object) -> None:
    [message] = messages_of(turn("assistant", *parts))
    assert message["content"] == content


def test_handles_and_citations_are_noted() -> None:
    found = write(request(turn("assistant", Text("a", ({"type": "url_citation"},)), id="msg_1"), wire="responses"))
    assert lost(found.losses) == [
        ("lost", ("messages", 0, "id"), "item_id"),
        ("lost", ("messages", 0, "parts", 0, "citations"), "citations"),
    ]


def test_ids_that_are_too_long_are_shorter_in_calls_and_results() -> None:
    long = "call_" + "9" * 60
    parts = (ToolUse(long, "ls", "{}"), ToolUse(long + "a", "ls", "{}"), ToolUse("x" * 64, "ls", "{}"))
    results = tuple(ToolResult(part.id, ()) for part in parts)
    found = write(request(turn("assistant", *parts), turn("user", *results)))
    call, *answers = found.document["messages"]
    ids = [item["id"] for item in call["tool_calls"]]
    assert ids == [item["tool_call_id"] for item in answers]
    assert len(set(ids)) == 3
    assert all(len(ident) <= 40 for ident in ids[:2])  # what the strictest host takes
    assert ids[2] == "x" * 64
    paths = [("messages", at, "parts", part, "id") for at in (0, 1) for part in (0, 1)]
    assert lost(found.losses) == [("approximated", path, "tool_call_id") for path in paths]
