"""Neutral messages, written for the Responses API: the neutral ones on the left, the wire's JSON on the right."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.protocols.responses.request_kit import (
    LOCAL,
    Json,
    assistant,
    items,
    text,
    told,
    user,
    write,
)
from wiremend.message import (
    Base64,
    Cache,
    CustomToolUse,
    Document,
    FileId,
    Image,
    Message,
    PlainText,
    Redacted,
    Refusal,
    Text,
    Thinking,
    ToolResult,
    ToolUse,
    Unknown,
    Url,
)
from wiremend.protocols.codec import Recipient

PDF: Final = Base64("application/pdf", "JVBE")


# --- messages ---------------------------------------------------------------------------------------------------------


def test_the_least_request() -> None:
    written = write(user(Text("hi")), wire="chat")
    assert written.document == {
        "model": "gpt-lab",
        "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}],
        "store": False,
        "stream": False,
    }
    assert (written.losses, written.bridges, written.headers) == ((), {}, {})


def test_a_leading_system_message_of_one_text_is_instructions() -> None:
    written = write(Message("system", (Text("be kind", cache=Cache("5m")),)), Message("system", (Text("be brief"),)))
    assert written.document["instructions"] == "be kind"
    assert written.document["input"] == [{"type": "message", "role": "system", "content": [text("be brief")]}]
    assert told(written) == [("lost", ("messages", 0, "parts", 0, "cache"), "cache_control")]


@pytest.mark.parametrize(
    "message",
    (
        Message("system", (Text("a"), Text("b"))),
        Message("system", ()),
        Message("system", (Text(""),)),
        Message("developer", (Text("a"),)),
    ),
)
def test_other_prompts_are_items(message: Message) -> None:
    document = write(message).document
    assert "instructions" not in document
    content = [text(part.text) for part in message.parts if isinstance(part, Text)]
    assert document["input"] == [{"type": "message", "role": message.role, "content": content}]


def test_prompts_in_the_middle_stay_there() -> None:
    found = items(user(Text("a")), Message("system", (Text("b"),)), user(Text("c")))
    assert [item["role"] for item in found] == ["user", "system", "user"]


def test_the_turn_of_an_assistant() -> None:
    written = write(
        assistant(
            Text("a"), Text("b"), ToolUse("c1", "f", '{"a": 1}'), CustomToolUse("c2", "note", "raw"), Refusal("no")
        ),
        user(
            ToolResult("c1", (Text("done"),)),
            ToolResult("c2", (Text("x"), Image(Url("https://x.test/a"))), custom=True),
            Text("go on"),
        ),
        wire="chat",
    )
    said, call, custom, refused, *given = written.document["input"]
    ident = said.pop("id")
    assert ident.startswith("msg_")
    assert len(ident) <= 64
    assert said == {
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [
            {"type": "output_text", "text": "a", "annotations": []},
            {"type": "output_text", "text": "b", "annotations": []},
        ],
    }
    assert call == {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a": 1}'}
    assert custom == {"type": "custom_tool_call", "call_id": "c2", "name": "note", "input": "raw"}
    assert refused["content"] == [{"type": "refusal", "refusal": "no"}]
    assert refused["id"] not in {ident, ""}
    assert given == [
        {"type": "function_call_output", "call_id": "c1", "output": "done"},
        {
            "type": "custom_tool_call_output",
            "call_id": "c2",
            "output": [text("x"), {"type": "input_image", "detail": "auto", "image_url": "https://x.test/a"}],
        },
        {"type": "message", "role": "user", "content": [text("go on")]},
    ]
    assert written.losses == ()


@pytest.mark.parametrize(
    ("part", "expected"),
    (
        (
            Image(Base64("image/png", "iVBO"), "low"),
            {"type": "input_image", "detail": "low", "image_url": "data:image/png;base64,iVBO"},
        ),
        (Image(Url("https://x.test/a")), {"type": "input_image", "detail": "auto", "image_url": "https://x.test/a"}),
        (
            Document(PDF, "a.pdf"),
            {"type": "input_file", "file_data": "data:application/pdf;base64,JVBE", "filename": "a.pdf"},
        ),
        (Document(Url("https://x.test/a.pdf")), {"type": "input_file", "file_url": "https://x.test/a.pdf"}),
    ),
)
def test_pictures_and_files(part: Any, expected: Json) -> None:  # noqa: ANN401 - any part
    written = write(user(part))
    assert written.document["input"][0]["content"] == [expected]
    assert written.losses == ()


PART: Final = ("messages", 0, "parts", 1)


@pytest.mark.parametrize(
    ("part", "expected", "losses"),
    (
        (Image(FileId("file_1")), None, [("lost", PART, "file_id")]),
        (Document(FileId("file_1")), None, [("lost", PART, "file_id")]),
        (
            Document(PDF),
            {"type": "input_file", "file_data": "data:application/pdf;base64,JVBE", "filename": "document.pdf"},
            [("invented", (*PART, "name"), "filename")],
        ),
        (
            Document(Url("https://x.test/a.pdf"), "a.pdf", "what it is"),
            {"type": "input_file", "file_url": "https://x.test/a.pdf"},
            [("lost", (*PART, "name"), "filename"), ("lost", (*PART, "context"), "context")],
        ),
        (
            Document(PlainText("so it is"), "a.txt", "a note"),
            text("a.txt\na note\n\nso it is"),
            [("approximated", PART, "document")],
        ),
        (Text("a", ({"type": "char_location"},)), text("a"), [("lost", (*PART, "citations"), "citations")]),
        (Text("a", cache=Cache()), text("a"), [("lost", (*PART, "cache"), "cache_control")]),
        (Text("a", extra={"x": 1}), text("a"), [("lost", (*PART, "extra", "x"), "x")]),
        (Unknown({"type": "search_result"}), None, [("lost", PART, "search_result")]),
    ),
)
def test_what_is_lost_of_a_part(part: Any, expected: Json | None, losses: list[Any]) -> None:  # noqa: ANN401 - any part
    written = write(user(Text("first"), part))
    assert written.document["input"][0]["content"] == [text("first"), *([expected] if expected else [])]
    assert told(written) == losses


def test_a_message_of_which_nothing_is_left_is_left_out() -> None:
    written = write(user(Image(FileId("file_1"))), user(Text("hi")))
    assert [item["content"] for item in written.document["input"]] == [[text("hi")]]
    assert told(written) == [("lost", ("messages", 0, "parts", 0), "file_id"), ("lost", ("messages", 0), "message")]


def test_that_a_tool_failed_is_lost() -> None:
    written = write(user(ToolResult("c", (), is_error=True), ToolResult("d", (Text("x"),), is_error=False)))
    assert [item["output"] for item in written.document["input"]] == [[], "x"]
    assert told(written) == [("lost", ("messages", 0, "parts", 0, "is_error"), "is_error")]


def test_an_id_that_does_not_fit_is_replaced_in_the_call_and_in_its_result() -> None:
    long = "call_" + "9" * 70
    written = write(assistant(ToolUse(long, "f", "{}")), user(ToolResult(long, ())))
    call, result = written.document["input"]
    assert call["call_id"] == result["call_id"]
    assert len(call["call_id"]) <= 64
    assert told(written) == [
        ("approximated", ("messages", 0, "parts", 0, "id"), "call_id"),
        ("approximated", ("messages", 1, "parts", 0, "id"), "call_id"),
    ]
    other = Recipient("m", host="h.test", seed="another")
    assert items(assistant(ToolUse(long, "f", "{}")), to=other)[0]["call_id"] == call["call_id"]


# --- reasoning in history ---------------------------------------------------------------------------------------------


def test_encrypted_reasoning_goes_back_whole() -> None:
    written = write(
        assistant(
            Thinking("hm", encrypted="gAAA", summary=True, id="rs_1"),
            Redacted("gBBB", "rs_2"),
            Thinking("so", encrypted="gCCC"),
            Redacted("gDDD", ""),
        )
    )
    assert written.document["input"] == [
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "hm"}],
            "encrypted_content": "gAAA",
        },
        {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "gBBB"},
        {
            "type": "reasoning",
            "summary": [],
            "content": [{"type": "reasoning_text", "text": "so"}],
            "encrypted_content": "gCCC",
        },
        {"type": "reasoning", "summary": [], "encrypted_content": "gDDD"},
    ]
    assert written.document["include"] == ["reasoning.encrypted_content"]
    assert written.losses == ()


@pytest.mark.parametrize("part", (Thinking("hm"), Thinking("hm", signature="Ep"), Redacted("Ek")))
@pytest.mark.parametrize("host", ("api.openai.com", "x.openai.azure.com", "api.x.ai", "openrouter.ai", ""))
def test_reasoning_of_others_is_left_out(part: Any, host: str) -> None:  # noqa: ANN401 - any part
    written = write(assistant(part, Text("so")), to=Recipient("m", host=host))
    assert [item["type"] for item in written.document["input"]] == ["message"]
    assert told(written) == [("lost", ("messages", 0, "parts", 0), "thinking")]
    assert "include" not in written.document


def test_servers_of_open_models_read_it() -> None:
    written = write(assistant(Thinking("hm", signature="Ep"), Redacted("Ek"), Text("so")), to=LOCAL)
    item = written.document["input"][0]
    assert item.pop("id").startswith("rs_")
    assert item == {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]}
    assert told(written) == [
        ("lost", ("messages", 0, "parts", 0, "signature"), "signature"),
        ("lost", ("messages", 0, "parts", 1), "thinking"),
    ]
