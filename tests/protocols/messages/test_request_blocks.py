"""Messages and content blocks, read: what each becomes, the normal form, and where in the body each thing stood."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest
from msgspec import Struct

from tests.protocols.messages.request_kit import asked, read
from wiremend.message import (
    Base64,
    Cache,
    Document,
    FileId,
    Image,
    Message,
    Part,
    PlainText,
    Redacted,
    Text,
    Thinking,
    ToolResult,
    ToolUse,
    Unknown,
    Url,
)
from wiremend.protocols.envelope import seal
from wiremend.protocols.messages.request_read import read_request

if TYPE_CHECKING:
    from collections.abc import Iterator

PDF: Final = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}


def said(*content: object, role: str = "user") -> tuple[Part, ...]:
    """Read the parts of one message."""
    (message,) = asked({"role": role, "content": list(content)}).request.messages
    return message.parts


# --- blocks -----------------------------------------------------------------------------------------------------------


def test_a_system_prompt_of_blocks() -> None:
    found = asked(
        {"role": "user", "content": "x"},
        system=[
            {"type": "text", "text": "a"},
            {"type": "text", "text": "b", "cache_control": {"type": "ephemeral", "scope": "global"}},
        ],
    )
    cached = Text("b", cache=Cache(), extra={"cache_control": {"scope": "global"}})
    assert found.request.messages[0] == Message("system", (Text("a"), cached))
    assert found.places.of(("messages", 0, "parts", 1, "cache")) == "/system/1/cache_control"
    assert found.places.of(("messages", 1, "parts", 0, "text")) == "/messages/0/content"


@pytest.mark.parametrize("nothing", ("", [], None))
def test_an_empty_system_prompt_says_nothing(nothing: object) -> None:
    assert asked({"role": "user", "content": "x"}, system=nothing).request.messages == (Message("user", (Text("x"),)),)


def test_a_system_in_mid_conversation_stays_there() -> None:
    """Claude Code sends such to models whose names it does not know."""
    found = asked(
        {"role": "user", "content": "x"},
        {"role": "system", "content": "The file changed.", "clear_at": "next_user_message"},
        {"role": "assistant", "content": "y"},
    ).request
    assert [message.role for message in found.messages] == ["user", "system", "assistant"]
    assert found.messages[1] == Message("system", (Text("The file changed."),), extra={"clear_at": "next_user_message"})


@pytest.mark.parametrize(
    ("source", "place"),
    (
        ({"type": "base64", "media_type": "image/png", "data": "AAAA"}, Base64("image/png", "AAAA")),
        ({"type": "url", "url": "https://example.test/a.png"}, Url("https://example.test/a.png")),
        ({"type": "url", "url": "data:image/gif;base64,R0lG"}, Base64("image/gif", "R0lG")),
        ({"type": "file", "file_id": "file_1"}, FileId("file_1")),
    ),
)
def test_images(source: dict[str, Any], place: Base64 | Url | FileId) -> None:
    assert said({"type": "image", "source": source, "transformations": {"a": 1}}) == (
        Image(place, extra={"transformations": {"a": 1}}),
    )


def test_documents() -> None:
    text = {"type": "text", "media_type": "text/plain", "data": "so"}
    blocks = [
        {"type": "document", "source": PDF, "title": "t", "context": "c", "citations": {"enabled": True}},
        {"type": "document", "source": text},
        {"type": "document", "source": {"type": "content", "content": "so"}},
        {"type": "document", "source": text | {"media_type": "text/csv"}},
    ]
    assert said(*blocks) == (
        Document(Base64("application/pdf", "JVBERi0="), "t", "c", extra={"citations": {"enabled": True}}),
        Document(PlainText("so")),
        Unknown(blocks[2]),
        Unknown(blocks[3]),
    )


def test_what_an_assistant_said() -> None:
    cited = {"type": "char_location", "cited_text": "so", "document_index": 0}
    server = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}}
    assert said(
        {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
        {"type": "thinking", "thinking": "hm", "signature": ""},
        {"type": "redacted_thinking", "data": "RXE="},
        server,
        {"type": "text", "text": "so", "citations": [cited]},
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1.5, "ü": []}, "caller": {"type": "direct"}},
        {"type": "tool_use", "id": "toolu_2", "name": "f", "input": None},
        {"type": "tool_use", "id": "toolu_3", "name": "f", "input": '{"a": 1}'},
        role="assistant",
    ) == (
        Thinking("hm", "c2ln"),
        Thinking("hm"),
        Redacted("RXE="),
        Unknown(server),
        Text("so", (cited,)),
        ToolUse("toolu_1", "f", '{"a":1.5,"ü":[]}', extra={"caller": {"type": "direct"}}),
        ToolUse("toolu_2", "f", "{}"),
        ToolUse("toolu_3", "f", '{"a": 1}'),
    )


def test_half_of_a_surrogate_pair_in_an_input() -> None:
    """JavaScript cuts an emoji in two, and the pipeline decodes such bodies with the standard library."""
    body = json.loads(
        '{"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{"a":"\\ud83d"}}]}]}'
    )
    (part,) = read_request(body).request.messages[0].parts
    assert part == ToolUse("t", "f", '{"a":"\\ud83d"}')


def test_envelopes_are_opened_into_the_fields_of_their_wire() -> None:
    summed = seal("responses", {"encrypted_content": "gAAAAAx", "id": "rs_1", "field": "summary"})
    said_in_full = seal("responses", {"encrypted_content": "gAAAAAx", "field": "content"})
    chats = {"signature": "c2ln", "format": "anthropic-claude-v1", "id": "r1"}
    assert said(
        {"type": "thinking", "thinking": "a", "signature": summed},
        {"type": "thinking", "thinking": "b", "signature": said_in_full},
        {"type": "thinking", "thinking": "c", "signature": seal("chat", chats)},
        {"type": "thinking", "thinking": "d", "signature": seal("messages", {"signature": "c2ln"})},
        {"type": "redacted_thinking", "data": seal("responses", {"encrypted_content": "gAAAAAy", "id": "rs_2"})},
        {"type": "redacted_thinking", "data": seal("responses", {"encrypted_content": "gAAAAAy"})},
        {"type": "redacted_thinking", "data": seal("responses", {"id": "rs_3"})},
        {"type": "redacted_thinking", "data": seal("chat", {"data": "RXE="})},
        {"type": "redacted_thinking", "data": seal("messages", {"data": "RXE="})},
        role="assistant",
    ) == (
        Thinking("a", encrypted="gAAAAAx", summary=True, id="rs_1"),
        Thinking("b", encrypted="gAAAAAx"),
        Thinking("c", extra={"wire": "chat", **chats}),
        Thinking("d", "c2ln"),
        Redacted("gAAAAAy", "rs_2"),
        Redacted("gAAAAAy", ""),
        Thinking("", summary=True, id="rs_3"),
        Thinking("", extra={"wire": "chat", "data": "RXE="}),
        Redacted("RXE="),
    )


def test_results_of_tools() -> None:
    found = asked(
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "a", "content": "ok", "cache_control": {"type": "ephemeral"}},
                {"type": "tool_result", "tool_use_id": "b", "content": None, "is_error": True},
                {
                    "type": "tool_result",
                    "tool_use_id": "c",
                    "content": [
                        {"type": "text", "text": "t"},
                        {"type": "image", "source": {"type": "url", "url": "https://example.test/a.png"}},
                        {"type": "tool_reference", "tool_name": "f"},
                    ],
                },
            ],
        }
    )
    assert found.request.messages[0].parts == (
        ToolResult("a", (Text("ok"),), cache=Cache()),
        ToolResult("b", (), is_error=True),
        ToolResult(
            "c",
            (
                Text("t"),
                Image(Url("https://example.test/a.png")),
                Unknown({"type": "tool_reference", "tool_name": "f"}),
            ),
        ),
    )
    of = found.places.of
    assert of(("messages", 0, "parts", 0, "id")) == "/messages/0/content/0/tool_use_id"
    assert of(("messages", 0, "parts", 0, "parts", 0)) == "/messages/0/content/0/content"
    assert of(("messages", 0, "parts", 2, "parts", 1, "detail")) == "/messages/0/content/2/content/1/detail"


# --- normal form ------------------------------------------------------------------------------------------------------


def test_results_in_a_row_are_one_message_with_what_the_user_says_behind() -> None:
    a = {"type": "tool_result", "tool_use_id": "a", "content": "1"}
    b = {"type": "tool_result", "tool_use_id": "b", "content": "2"}
    found = asked(
        {"role": "assistant", "content": "x"},
        {"role": "user", "content": [a]},
        {"role": "user", "content": [b]},
        {"role": "user", "content": "and now"},
        {"role": "user", "content": "go on"},
    )
    results = (ToolResult("a", (Text("1"),)), ToolResult("b", (Text("2"),)))
    assert found.request.messages[1:] == (
        Message("user", (*results, Text("and now"))),
        Message("user", (Text("go on"),)),
    )
    assert found.places.of(("messages", 1, "parts", 1)) == "/messages/2/content/0"
    assert found.places.of(("messages", 1, "parts", 2)) == "/messages/3/content"
    assert found.places.of(("messages", 2)) == "/messages/4"


def test_what_an_assistant_said_in_a_row_is_one_message() -> None:
    found = asked(
        {"role": "assistant", "content": "a"}, {"role": "assistant", "content": [{"type": "text", "text": "b"}]}
    )
    assert found.request.messages == (Message("assistant", (Text("a"), Text("b"))),)


def test_a_message_with_fields_of_its_own_is_not_joined_to_another() -> None:
    found = asked({"role": "assistant", "content": "a"}, {"role": "assistant", "content": "b", "later": 1}).request
    assert found.messages == (
        Message("assistant", (Text("a"),)),
        Message("assistant", (Text("b"),), extra={"later": 1}),
    )


def test_a_message_without_content_stays() -> None:
    found = asked({"role": "user", "content": []}, {"role": "assistant", "content": None}).request
    assert found.messages == (Message("user", ()), Message("assistant", ()))


# --- places -----------------------------------------------------------------------------------------------------------


def fields(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Give the paths of all that a request says: what is not as it is without a word."""
    if isinstance(value, tuple):
        for index, inner in enumerate(value):
            yield from fields(inner, (*path, index))
    elif isinstance(value, Struct):
        yield path
        defaults = value.__struct_defaults__
        plain = dict(zip(value.__struct_fields__[-len(defaults) :], defaults, strict=True)) if defaults else {}
        for name in value.__struct_fields__:
            inner = getattr(value, name)
            if name not in {"wire", "kind"} and inner not in (plain.get(name), (), {}):
                yield from fields(inner, (*path, name))
    else:
        yield path


def test_each_thing_that_is_said_has_its_place_in_the_body() -> None:
    a = {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "image", "source": PDF}]}
    b = {"type": "tool_result", "tool_use_id": "b", "content": "2", "is_error": True}
    call = {"type": "tool_use", "id": "a", "name": "f", "input": {"n": 1}, "caller": {"type": "direct"}}
    document: dict[str, Any] = {
        "model": "m",
        "max_tokens": 10,
        "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
        "messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "t", "signature": "c2ln"}]},
            {"role": "assistant", "content": [{"type": "redacted_thinking", "data": "d"}, call]},
            {"role": "user", "content": [a]},
            {"role": "user", "content": [b, "loose"]},
            {"role": "system", "content": "now"},
            {"role": "user", "content": [{"type": "document", "source": PDF, "title": "t", "context": "c"}]},
        ],
        "tools": [{"name": "f", "description": "d", "input_schema": {}, "strict": True, "defer_loading": True}],
        "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
        "thinking": {"type": "enabled", "budget_tokens": 1024, "display": "omitted"},
        "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {"type": "object"}}},
        "metadata": {"user_id": "u", "team": "t"},
        "stop_sequences": ["END"],
        "service_tier": "auto",
        "temperature": 1,
        "top_p": 1,
        "top_k": 1,
        "stream": True,
        "speed": "fast",
    }
    found = read(document)
    said_at = {path: found.places.of(path) for path in fields(found.request)}
    for path, pointer in said_at.items():
        place: Any = document
        for token in pointer.split("/")[1:]:
            assert token in place if isinstance(place, dict) else token.isdigit(), (path, pointer)
            place = place[int(token)] if isinstance(place, list) else place[token]
    assert said_at["messages", 2, "parts", 1, "encrypted"] == "/messages/2/content/0/data"
    assert (
        said_at["messages", 3, "parts", 0, "parts", 0, "source", "data"]
        == "/messages/3/content/0/content/0/source/data"
    )
    assert said_at["messages", 3, "parts", 2, "text"] == "/messages/4/content/1"
    assert said_at["parallel",] == "/tool_choice/disable_parallel_tool_use"
