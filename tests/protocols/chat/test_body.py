"""Whole responses and errors of the chat wire, held against the contract.

Some of them the official model refuses too (``ChatCompletion.model_validate``, which pydantic-ai uses).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion
from pydantic import ValidationError

from tests.lab.replies import Answer, chat_body
from tests.protocols.chat.kit import found
from wiremend.protocols.chat.contract import check_body, check_error
from wiremend.protocols.chat.schema import Completion

if TYPE_CHECKING:
    from tests.protocols.chat.kit import Found

type Json = dict[str, Any]

TOOL: Final = ("f", {"a": 1})
CHOICE: Final = "/choices/0"
MESSAGE: Final = f"{CHOICE}/message"
CALL: Final = f"{MESSAGE}/tool_calls/0"


def body(**top: object) -> bytes:
    return json.dumps(chat_body(Answer()) | top).encode()


def choice(**fields: object) -> bytes:
    whole = chat_body(Answer())
    return body(choices=[whole["choices"][0] | fields])


def message(finish: str = "stop", **fields: object) -> bytes:
    whole = chat_body(Answer())
    return choice(message=whole["choices"][0]["message"] | fields, finish_reason=finish)


def tool(finish: str = "tool_calls", **fields: object) -> bytes:
    call = chat_body(Answer(tool=TOOL))["choices"][0]["message"]["tool_calls"][0]
    return message(finish, content=None, tool_calls=[call | fields])


def function(finish: str = "tool_calls", **fields: object) -> bytes:
    return tool(finish, function={"name": "f", "arguments": "{}"} | fields)


def at(code: str, *pointers: str) -> list[Found]:
    return [(code, 0, pointer) for pointer in pointers]


# body -> (bytes, what is found)
BODIES: Final[dict[str, tuple[bytes, list[Found]]]] = {
    "empty": (b"", at("chat.body.not-json", "")),
    "html": (b"<html>", at("chat.body.not-json", "")),
    "not UTF-8": (b'{"id":"\xff"}', at("chat.body.not-json", "")),
    "too deep": (b"[" * 200_000, at("chat.body.not-json", "")),
    "NaN": (b'{"id":NaN}', at("chat.body.not-json", "")),
    "a stream": (b'data: {"id":"x"}\n\n', at("chat.body.event-stream", "")),
    "a stream with a comment first": (b": hi\n\ndata: {}\n\n", at("chat.body.event-stream", "")),
    "a list": (b"[1]", at("chat.body.not-object", "")),
    "an error": (b'{"error":{"message":"boom","type":null,"code":5}}', at("chat.body.error", "/error")),
    "an error as a text": (b'{"error":"boom"}', at("chat.error.shape", "/error")),
    "an error in a list": (b'[{"error":{"message":"boom"}}]', at("chat.error.shape", "")),
    "an error beside choices": (b'{"error":{"message":"m"},"choices":[]}', at("chat.error.beside-choices", "/choices")),
    "MiniMax's error": (b'{"choices":null,"base_resp":{"status_code":1004}}', at("chat.error.shape", "/base_resp")),
    "error is null": (body(error=None), at("chat.error.null", "/error")),
    "choices null": (
        b'{"choices":null,"provider":null}',
        at("chat.body.field-missing", "/id", "/created", "/model")
        + at("chat.body.object-wrong", "/object")
        + at("chat.body.choices-missing", "/choices"),
    ),
    "choices no list": (body(choices={}), at("chat.chunk.choices-type", "/choices")),
    "fields of wrong types": (
        body(id=1, created="now", model=[], object="x", service_tier="on_demand", usage=5),
        at("chat.body.field-type", "/id", "/created", "/model")
        + at("chat.body.object-wrong", "/object")
        + at("chat.body.service-tier", "/service_tier")
        + at("chat.usage.type", "/usage"),
    ),
    "service tier a list": (body(service_tier=[]), at("chat.body.service-tier", "/service_tier")),
    "choice no object": (body(choices=[5]), at("chat.choice.not-object", CHOICE)),
    "choice index missing": (choice(index=None), at("chat.choice.index-missing", f"{CHOICE}/index")),
    "choice index a text": (choice(index="x"), at("chat.choice.index-type", f"{CHOICE}/index")),
    "logprobs": (choice(logprobs=5), at("chat.choice.logprobs-type", f"{CHOICE}/logprobs")),
    "finish missing": (choice(finish_reason=None), at("chat.finish.missing", f"{CHOICE}/finish_reason")),
    "finish empty": (choice(finish_reason=""), at("chat.finish.empty", f"{CHOICE}/finish_reason")),
    "finish no text": (choice(finish_reason=[]), at("chat.finish.type", f"{CHOICE}/finish_reason")),
    "finish unknown": (choice(finish_reason="eos"), at("chat.finish.unknown", f"{CHOICE}/finish_reason")),
    "finish promises tools": (
        choice(finish_reason="tool_calls"),
        at("chat.finish.no-tools", f"{CHOICE}/finish_reason"),
    ),
    "message missing": (choice(message=None), at("chat.body.message-missing", MESSAGE)),
    "role missing": (message(role=None), at("chat.delta.role-missing", f"{MESSAGE}/role")),
    "role empty": (message(role=""), at("chat.delta.role-empty", f"{MESSAGE}/role")),
    "role wrong": (message(role="user"), at("chat.delta.role-wrong", f"{MESSAGE}/role")),
    "content in parts": (message(content=[]), at("chat.delta.content-type", f"{MESSAGE}/content")),
    "legacy call": (
        message("function_call", function_call={"name": "f", "arguments": "{}"}),
        at("chat.choice.function-call", f"{MESSAGE}/function_call"),
    ),
    "calls no list": (message(tool_calls={}), at("chat.delta.tool-calls-type", f"{MESSAGE}/tool_calls")),
    "call no object": (message("tool_calls", tool_calls=[5]), at("chat.tool-call.not-object", CALL)),
    "stop with calls": (tool("stop"), at("chat.finish.contradicts-tools", f"{CHOICE}/finish_reason")),
    "call id missing": (tool(id=None), at("chat.tool-call.id-missing", f"{CALL}/id")),
    "call id a number": (tool(id=5), at("chat.tool-call.id-type", f"{CALL}/id")),
    "call type missing": (tool(type=None), at("chat.tool-call.type-missing", f"{CALL}/type")),
    "call type wrong": (tool(type=[]), at("chat.tool-call.type-wrong", f"{CALL}/type")),
    "function missing": (tool(function=None), at("chat.tool-call.function-missing", f"{CALL}/function")),
    "function a text": (tool(function="f"), at("chat.tool-call.function-type", f"{CALL}/function")),
    "name missing": (function(name=""), at("chat.tool-call.name-missing", f"{CALL}/function/name")),
    "name a number": (function(name=5), at("chat.tool-call.name-type", f"{CALL}/function/name")),
    "arguments null": (function(arguments=None), at("chat.tool-call.arguments-empty", f"{CALL}/function/arguments")),
    "arguments empty": (function(arguments=""), at("chat.tool-call.arguments-empty", f"{CALL}/function/arguments")),
    "arguments an object": (function(arguments={}), at("chat.tool-call.arguments-type", f"{CALL}/function/arguments")),
    "arguments cut": (
        function("stop", arguments='{"a'),
        at("chat.tool-call.arguments-truncated", f"{CALL}/function/arguments"),
    ),
    "arguments not JSON": (
        function(arguments="{a}"),
        at("chat.tool-call.arguments-not-json", f"{CALL}/function/arguments"),
    ),
}
ERRORS: Final[dict[str, tuple[bytes, list[Found]]]] = {
    "OpenAI's": (b'{"error":{"message":"m","type":"t","param":null,"code":"c"}}', []),
    "FastAPI's": (b'{"detail":[{"msg":"m"}]}', at("chat.error.shape", "")),
    "vLLM's": (b'{"object":"error","message":"m","code":400}', at("chat.error.shape", "")),
    "Mistral's": (b'{"message":{"detail":[]}}', at("chat.error.shape", "")),
    "LM Studio's": (b'{"error":"m"}', at("chat.error.shape", "/error")),
    "Gemini's": (b'[{"error":{"message":"m"}}]', at("chat.error.shape", "")),
    "Cerebras's": (b"", at("chat.body.not-json", "")),
    "no message": (b'{"error":{"code":5}}', at("chat.error.shape", "/error/message")),
    "error is null": (b'{"error":null,"choices":[]}', at("chat.error.shape", "")),
}
SOUND: Final = {
    "text": body(),
    "tool": json.dumps(chat_body(Answer(tool=TOOL))).encode(),
    "no text": message(content=None, refusal="no", reasoning_content="hm"),
    "cut arguments that say so": function("length", arguments='{"a'),
    "unknown fields": body(x_groq={"id": 5}, choices=[chat_body(Answer())["choices"][0] | {"vendor": []}]),
    "a byte order mark": b"\xef\xbb\xbf" + body(),
    "legacy finish": tool("function_call"),
}
NOT_THE_MODEL: Final = ("field", "object", "role", "choices null", "finish missing", "finish unknown", "name a number")


@pytest.mark.parametrize("name", BODIES)
def test_a_breach_is_found(name: str) -> None:
    raw, breaches = BODIES[name]
    assert found(check_body(raw)) == sorted(breaches)


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_has_openais_shape(name: str) -> None:
    raw, breaches = ERRORS[name]
    assert found(check_error(raw)) == sorted(breaches)


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_body_has_none(name: str) -> None:
    assert check_body(SOUND[name]) == []
    ChatCompletion.model_validate_json(SOUND[name].removeprefix(b"\xef\xbb\xbf"))


@pytest.mark.parametrize("name", [name for name in BODIES if name.startswith(NOT_THE_MODEL)])
def test_the_official_model_minds(name: str) -> None:
    with pytest.raises(ValidationError):
        ChatCompletion.model_validate_json(BODIES[name][0])


@pytest.mark.parametrize("name", (*BODIES, *SOUND))
def test_schema_and_contract_agree(name: str) -> None:
    raw = SOUND[name].removeprefix(b"\xef\xbb\xbf") if name in SOUND else BODIES[name][0]
    try:
        decoded = msgspec.json.decode(raw, type=Completion)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        assert check_body(raw)
    else:
        # What is left for the contract has no type: an error key, ids and names that say nothing, a finish that lies.
        told = {item.code for item in check_body(raw)}
        untyped = ("chat.error", "chat.finish", "chat.tool-call")
        assert decoded.choices
        assert all(code.startswith(untyped) for code in told)


@given(st.binary())
def test_arbitrary_bytes_do_not_raise(raw: bytes) -> None:
    check_body(raw)
    check_error(raw)
