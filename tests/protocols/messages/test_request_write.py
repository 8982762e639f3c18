"""Neutral requests, written for the messages wire: what each part becomes, in which order, and what is told as lost.

Every body is held against the types of the official SDK.
"""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.protocols.messages.request_kit import NEW, OLD, chat, told, write
from wiremend.message import (
    Cache,
    FunctionTool,
    Image,
    Message,
    OutputFormat,
    Part,
    Text,
    ToolChoice,
    ToolResult,
    ToolUse,
    Url,
)
from wiremend.protocols.codec import Recipient
from wiremend.protocols.messages.request_write import LATE_SYSTEM, MAX_TOKENS

HI: Final = Message("user", (Text("hi"),))
NO_LOSS: Final[list[tuple[str, str, str]]] = []


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


# --- the top ----------------------------------------------------------------------------------------------------------


def test_what_has_the_same_name() -> None:
    request = chat(
        system("Be short."),
        HI,
        stop=("END",),
        stream=True,
        user="u",
        service_tier="auto",
        tools=(FunctionTool("f", {"type": "object"}, "d", strict=True),),
        tool_choice=ToolChoice("tool", "f"),
        parallel=False,
        output=OutputFormat({"type": "object"}),
        temperature=0.5,
        top_k=5,
    )
    written = write(request)
    assert written.document == {
        "model": OLD.model,
        "max_tokens": 50_000,
        "system": "Be short.",
        "messages": [{"role": "user", "content": "hi"}],
        "tools": [{"name": "f", "description": "d", "input_schema": {"type": "object"}, "strict": True}],
        "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
        "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}},
        "temperature": 0.5,
        "top_k": 5,
        "stop_sequences": ["END"],
        "stream": True,
        "metadata": {"user_id": "u"},
        "service_tier": "auto",
    }
    assert (written.losses, written.bridges, written.headers) == ((), {}, {})


def test_what_has_no_place_is_lost() -> None:
    request = chat(
        HI,
        frequency_penalty=0.5,
        presence_penalty=-0.5,
        seed=7,
        metadata={"a": "b"},
        safety_identifier="s",
        verbosity="low",
        top_logprobs=0,
        store=True,
        service_tier="flex",
        extra={"logit_bias": {"1": 2}, "prediction": {"type": "content"}},
    )
    assert sorted(told(write(request).losses)) == sorted(
        [
            *(("lost", name, name) for name in ("frequency_penalty", "presence_penalty", "seed", "metadata")),
            *(("lost", name, name) for name in ("safety_identifier", "verbosity", "top_logprobs")),
            *(("lost", name, name) for name in ("store", "service_tier")),
            ("lost", "extra/logit_bias", "logit_bias"),
            ("lost", "extra/prediction", "prediction"),
        ]
    )


def test_a_key_of_the_cache_is_a_mark_for_claude_which_keeps_none_unasked() -> None:
    marked = chat(Message("user", (Text(text="hi", cache=Cache()),)), cache_key="k")
    assert write(chat(HI, cache_key="k"), NEW).document["cache_control"] == {"type": "ephemeral"}
    assert told(write(chat(HI, cache_key="k"), NEW).losses) == [("approximated", "cache_key", "cache_key")]
    assert told(write(marked, NEW).losses) == [("lost", "cache_key", "cache_key")]  # the client's own marks are better
    assert "cache_control" not in write(marked, NEW).document


def test_what_says_what_is_so_anyway_is_no_loss() -> None:
    """Clients of the other wires send these with every request: Codex, pi, the SDKs."""
    request = chat(
        HI,
        store=False,
        frequency_penalty=0,
        presence_penalty=0.0,
        metadata={},
        verbosity="medium",
        parallel=True,
        tool_choice=ToolChoice("auto"),
        extra={"n": 1, "logprobs": False, "stream_options": {"include_usage": True}, "modalities": None, "include": []},
    )
    written = write(request)
    assert written.losses == ()
    assert written.document.keys() == {"model", "max_tokens", "messages"}


def test_how_much_an_answer_may_have() -> None:
    unknown = Recipient("m")
    for most, asked, expected, losses in (
        (64_000, None, 64_000, NO_LOSS),
        (64_000, 90_000, 64_000, [("approximated", "max_tokens", "max_tokens")]),
        (64_000, 9, 9, NO_LOSS),
        (None, None, MAX_TOKENS, [("invented", "max_tokens", "max_tokens")]),
        (None, 262_144, 262_144, NO_LOSS),
    ):
        written = write(chat(HI, max_tokens=asked), Recipient(unknown.model, max_output=most))
        assert (written.document["max_tokens"], told(written.losses)) == (expected, losses)


def test_the_service_of_everyday() -> None:
    written = write(chat(HI, service_tier="default"))
    assert written.document["service_tier"] == "standard_only"
    assert told(written.losses) == [("approximated", "service_tier", "service_tier")]


def test_output_without_a_schema_and_what_a_schema_has_besides() -> None:
    written = write(chat(HI, output=OutputFormat()))
    assert "output_config" not in written.document
    assert told(written.losses) == [("lost", "output", "json_object")]
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    named = write(chat(HI, output=OutputFormat(schema, "n", "d", strict=False)))
    assert named.document["output_config"] == {"format": {"type": "json_schema", "schema": schema}}
    assert told(named.losses) == [
        ("lost", "output/name", "output.name"),
        ("lost", "output/description", "output.description"),
        ("approximated", "output/strict", "output.strict"),
    ]


def test_a_stop_of_nothing_but_space_is_refused_by_the_api() -> None:
    written = write(chat(HI, stop=("\n", "END")))
    assert written.document["stop_sequences"] == ["END"]
    assert told(written.losses) == [("lost", "stop/0", "stop")]


def test_fields_of_its_own_wire_go_back_to_their_places() -> None:
    extra = {
        "context_management": {"edits": []},
        "metadata": {"team": "t"},
        "output_config": {"task_budget": {"type": "tokens", "total": 9}},
    }
    written = write(chat(HI, wire="messages", user="u", output=OutputFormat({}), extra=extra), NEW)
    assert written.document["context_management"] == {"edits": []}
    assert written.document["metadata"] == {"user_id": "u", "team": "t"}
    assert written.document["output_config"] == {
        "task_budget": {"type": "tokens", "total": 9},
        "format": {"type": "json_schema", "schema": {}},
    }
    assert written.losses == ()


# --- system -----------------------------------------------------------------------------------------------------------


def test_leading_prompts_are_the_system_prompt() -> None:
    developer = Message("developer", (Text("And kind."),))
    written = write(chat(system("Be short."), developer, HI))
    assert written.document["system"] == [
        {"type": "text", "text": "Be short."},
        {"type": "text", "text": "And kind."},
    ]
    assert told(written.losses) == [
        ("approximated", "messages/1/role", "developer"),
        ("approximated", "messages/1", "system"),
    ]
    assert written.headers == {}


def test_a_later_prompt_stays_at_its_place_under_a_beta() -> None:
    written = write(chat(HI, Message("developer", (Text("Now in French."),)), assistant(Text("oui")), HI))
    assert written.document["messages"][1] == {"role": "system", "content": "Now in French."}
    assert written.headers == {"anthropic-beta": LATE_SYSTEM}
    assert told(written.losses) == [("approximated", "messages/1/role", "developer")]


def test_a_system_speaks_text() -> None:
    prompt = Message("system", (Text("a", cache=Cache("1h")), Image(Url("https://example.test/a.png"))))
    written = write(chat(prompt, HI))
    assert written.document["system"] == [
        {"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    ]
    assert told(written.losses) == [("lost", "messages/0/parts/1", "system")]


def test_a_conversation_that_nobody_began() -> None:
    for messages in ([system("Tell a joke.")], [system("x"), assistant(Text("y")), HI], []):
        written = write(chat(*messages))
        assert written.document["messages"][0] == {"role": "user", "content": "Begin."}
        assert told(written.losses) == [("invented", "messages", "first_user")]


# --- order ------------------------------------------------------------------------------------------------------------

CALL_A: Final = ToolUse("a", "f", "{}")
CALL_B: Final = ToolUse("b", "f", '{"n":1}')
RESULT_A: Final = ToolResult("a", (Text("1"),))
RESULT_B: Final = ToolResult("b", (Text("2"),), is_error=True)
BLOCK_A: Final = {"type": "tool_result", "tool_use_id": "a", "content": "1"}
BLOCK_B: Final = {"type": "tool_result", "tool_use_id": "b", "content": "2", "is_error": True}
NOTE: Final = {"type": "text", "text": "note"}


@pytest.mark.parametrize(
    ("messages", "expected", "moved"),
    (
        ([user(RESULT_A, RESULT_B, Text("note"))], [[BLOCK_A, BLOCK_B, NOTE]], []),
        ([user(Text("note"), RESULT_A, RESULT_B)], [[BLOCK_A, BLOCK_B, NOTE]], ["2/parts/1", "2/parts/2"]),
        ([user(RESULT_A, Text("note")), user(RESULT_B)], [[BLOCK_A, BLOCK_B, NOTE]], ["3/parts/0"]),
        ([user(RESULT_A, Text("note"), RESULT_B)], [[BLOCK_A, BLOCK_B, NOTE]], ["2/parts/2"]),
        (
            [system("s"), user(RESULT_A, RESULT_B, Text("note"))],
            [[BLOCK_A, BLOCK_B], "s", "note"],
            ["3/parts/0", "3/parts/1"],
        ),
        ([user(Text("note"))], ["note"], []),
        ([user(RESULT_B)], [[BLOCK_B]], []),
    ),
)
def test_results_stand_right_behind_their_calls(messages: list[Message], expected: list[Any], moved: list[str]) -> None:
    """Calls without results are left to the quirk ``tool-result-orphan``."""
    written = write(chat(HI, assistant(CALL_A, CALL_B), *messages))
    assert [message["content"] for message in written.document["messages"][2:]] == expected
    assert told(written.losses) == [("approximated", f"messages/{path}", "tool_result.order") for path in moved]


def test_an_empty_message_before_a_result_is_told_as_any_other() -> None:
    written = write(chat(HI, assistant(CALL_A), user(), system("s"), user(RESULT_A)))
    assert [message["content"] for message in written.document["messages"][2:]] == [[BLOCK_A], "s"]
    assert told(written.losses) == [("approximated", "messages/4/parts/0", "tool_result.order")]


def test_results_of_two_turns_do_not_mix() -> None:
    written = write(chat(HI, assistant(CALL_A), user(RESULT_A), assistant(CALL_B), user(RESULT_B)))
    assert [message["content"] for message in written.document["messages"][2::2]] == [[BLOCK_A], [BLOCK_B]]
    assert written.losses == ()


def test_no_message_is_empty() -> None:
    written = write(chat(HI, assistant(Text("")), user(), assistant(Text("a")), user(Text(" "))))
    assert written.document["messages"] == [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "a"},
    ]
    assert told(written.losses) == [
        ("lost", "messages/1", "empty"),
        ("lost", "messages/2", "empty"),
        ("lost", "messages/4/parts/0", "empty"),
        ("lost", "messages/4", "empty"),
    ]


def test_what_the_model_goes_on_with_does_not_end_with_space() -> None:
    written = write(chat(HI, assistant(Text("It is ( "))))
    assert written.document["messages"][1]["content"] == "It is ("
    assert told(written.losses) == [("approximated", "messages/1/parts/0/text", "prefill")]
    assert write(chat(HI, assistant(Text("It is ( ")), HI)).losses == ()
