"""Whole bodies of the chat wire: mended, written as a stream, read back from one.

The judges are the contract, the official model (``ChatCompletion``), and the openai SDK's accumulator, which reads a
body that was written as a stream back to the same message.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion

from tests.lab.replies import Answer, chat_body, chat_events, sse
from tests.protocols.chat.kit import DONE, HEAD, ROLE, TEXT, TOTAL, USAGE, call, chunk, oracle, tools, verdict
from tests.protocols.chat.rows import BOOM
from tests.protocols.chat.test_body import BODIES, SOUND, body, choice, function, message, tool
from tests.protocols.chat.test_mend_properties import ANY_JSON, DELTAS, LET_THROUGH, ORIGIN, REASONS
from wiremend.protocols.chat.contract import check_body
from wiremend.protocols.chat.mend import MENDING
from wiremend.sse import EventParser

if TYPE_CHECKING:
    from wiremend.protocols.mending import Whole

type Json = dict[str, Any]

# body -> what must be there after mending: pointer -> value; None where the body is an error
MENDED: Final[dict[str, dict[tuple[str | int, ...], object]]] = {
    "error is null": {},
    "fields of wrong types": {
        ("id",): "1",
        ("created",): 1700000000,
        ("model",): "asked",
        ("object",): "chat.completion",
    },
    "service tier a list": {},
    "choice index missing": {("choices", 0, "index"): 0},
    "choice index a text": {("choices", 0, "index"): 0},
    "logprobs": {},
    "finish missing": {("choices", 0, "finish_reason"): "stop"},
    "finish empty": {("choices", 0, "finish_reason"): "stop"},
    "finish no text": {("choices", 0, "finish_reason"): "stop"},
    "finish unknown": {("choices", 0, "finish_reason"): "stop"},
    "finish promises tools": {("choices", 0, "finish_reason"): "stop"},
    "role missing": {("choices", 0, "message", "role"): "assistant"},
    "role empty": {("choices", 0, "message", "role"): "assistant"},
    "role wrong": {("choices", 0, "message", "role"): "assistant"},
    "content in parts": {("choices", 0, "message", "content"): ""},
    "legacy call": {
        ("choices", 0, "message", "tool_calls", 0, "function"): {"name": "f", "arguments": "{}"},
        ("choices", 0, "finish_reason"): "tool_calls",
    },
    "calls no list": {},
    "stop with calls": {("choices", 0, "finish_reason"): "tool_calls"},
    "call id missing": {("choices", 0, "message", "tool_calls", 0, "id"): ORIGIN.mint("call", 0)},
    "call id a number": {("choices", 0, "message", "tool_calls", 0, "id"): "5"},
    "call type missing": {("choices", 0, "message", "tool_calls", 0, "type"): "function"},
    "call type wrong": {("choices", 0, "message", "tool_calls", 0, "type"): "function"},
    "arguments null": {("choices", 0, "message", "tool_calls", 0, "function", "arguments"): "{}"},
    "arguments empty": {("choices", 0, "message", "tool_calls", 0, "function", "arguments"): "{}"},
    "arguments an object": {("choices", 0, "message", "tool_calls", 0, "function", "arguments"): "{}"},
    "arguments cut": {("choices", 0, "finish_reason"): "length"},
    "NaN": {},
}
UNTOUCHED: Final = {"arguments not JSON"}
FAILED: Final = [*sorted(BODIES.keys() - MENDED.keys() - UNTOUCHED), "NaN"]


def at(document: Any, pointer: tuple[str | int, ...]) -> object:  # noqa: ANN401  any JSON
    for token in pointer:
        document = document[token]
    return document


def failed(whole: Whole, raw: bytes) -> None:
    assert whole.failure is not None
    assert whole.failure.message
    assert whole.body == raw
    assert [mend.kind for mend in whole.mends] == ["failed"] * max(1, len(whole.mends))


@pytest.mark.parametrize("name", [name for name in MENDED if name != "NaN"])
def test_a_body_is_mended(name: str) -> None:
    raw, breaches = BODIES[name]
    whole = MENDING.body(raw, ORIGIN)
    assert whole.failure is None
    assert check_body(whole.body) == []
    ChatCompletion.model_validate_json(whole.body)
    document = json.loads(whole.body)
    assert {pointer: at(document, pointer) for pointer in MENDED[name]} == MENDED[name]
    assert {(mend.code, mend.event, mend.pointer) for mend in whole.mends} == set(breaches)
    assert MENDING.body(whole.body, ORIGIN).body is whole.body


@pytest.mark.parametrize("name", FAILED)
def test_what_is_no_answer_is_a_failure(name: str) -> None:
    raw, _ = BODIES[name]
    failed(MENDING.body(raw, ORIGIN), raw)


@pytest.mark.parametrize("raw", (*SOUND.values(), BODIES["arguments not JSON"][0]))
def test_a_sound_body_is_the_very_object(raw: bytes) -> None:
    whole = MENDING.body(raw, ORIGIN)
    assert whole.body is raw
    assert whole.mends == ()
    assert whole.failure is None


def test_a_failure_says_what_the_provider_said() -> None:
    failure = MENDING.body(b'{"error":{"message":"boom","type":"x","code":5}}', ORIGIN).failure
    assert failure is not None
    assert "boom" in failure.message
    said = MENDING.body(choice(finish_reason="network_error"), ORIGIN).failure
    assert said is not None
    assert "network_error" in said.message


def test_the_older_endpoint_is_left_alone() -> None:
    raw = json.dumps({"id": "x", "object": "text_completion", "choices": [{"text": "Hi", "index": 0}]}).encode()
    assert MENDING.body(raw, ORIGIN).body is raw


def test_a_body_that_is_mended_keeps_the_bytes_of_the_rest() -> None:
    raw = (
        b'{ "id":"x",\n "object":"chat.completion", "created":17e8, "model":"m", "vendor": {"n": 1.50},\n "choices":'
        b'[{"index":0,"message":{"role":"assistant","content":"H\\u0069"},"finish_reason":"eos"}]}'
    )
    out = MENDING.body(raw, ORIGIN).body
    assert out == raw.replace(b'"eos"', b'"stop"').replace(b"17e8", b"1700000000")


@pytest.mark.parametrize(
    ("raw", "content", "reasoning"),
    (
        (message(content=[{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}]), "Hello", None),
        (
            message(
                content=[
                    {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
                    {"type": "text", "text": "Hi"},
                ]
            ),
            "Hi",
            "hm",
        ),
    ),
)
def test_parts_become_text(raw: bytes, content: str, reasoning: str | None) -> None:
    told = json.loads(MENDING.body(raw, ORIGIN).body)["choices"][0]["message"]
    assert (told["content"], told.get("reasoning_content")) == (content, reasoning)


def test_two_calls_of_one_id_get_two() -> None:
    calls = [{"id": "a", "type": "function", "function": {"name": name, "arguments": ""}} for name in "fg"]
    told = json.loads(MENDING.body(message("tool_calls", tool_calls=calls), ORIGIN).body)
    ids = [call["id"] for call in told["choices"][0]["message"]["tool_calls"]]
    assert ids[0] == "a"
    assert len(set(ids)) == 2


# --- into a stream, and back ------------------------------------------------------------------------------------------

WORDS = st.text(alphabet='aü€[]{}"\\ \n', min_size=1, max_size=6)


@st.composite
def completions(draw: st.DrawFn) -> Json:
    """Give a sound completion."""

    def one(index: int) -> Json:
        calls = [
            {"id": f"c{n}", "type": "function", "function": {"name": draw(WORDS), "arguments": json.dumps(draw(WORDS))}}
            for n in range(draw(st.integers(0, 3)))
        ]
        fields = st.fixed_dictionaries(
            {"content": st.none() | st.just("") | WORDS},
            optional={
                "reasoning_content": WORDS,
                "reasoning": WORDS,
                "refusal": st.none() | WORDS,
                "vendor": st.just({"a": "x", "n": 1.5, "list": [1, "x"]}),
            },
        )
        told: Json = {"role": "assistant"} | draw(fields) | ({"tool_calls": calls} if calls else {})
        reason = draw(st.sampled_from(("tool_calls", "length") if calls else ("stop", "length", "content_filter")))
        extra = draw(st.fixed_dictionaries({}, optional={"vendor": st.just([1])}))
        return {"index": index, "message": told, "finish_reason": reason} | extra

    whole = {"id": "x", "object": "chat.completion", "created": 5, "model": "m", "choices": [one(0)]}
    if draw(st.booleans()):
        whole["choices"] = [one(0), one(1)]
    optional = {"usage": st.just(USAGE | {"vendor": 3}), "service_tier": st.just("default"), "x": st.just({"y": [1]})}
    return whole | draw(st.fixed_dictionaries({}, optional=optional))


def events_of(raw: bytes) -> list[Any]:
    parser = EventParser()
    return parser.feed(raw) + parser.close()


@given(completions())
@settings(max_examples=100)
def test_a_body_goes_through_a_stream_and_back(document: Json) -> None:
    raw = json.dumps(document).encode()
    assert check_body(raw) == []
    stream = MENDING.to_stream(raw)
    assert verdict(stream) == []
    assert stream.endswith(DONE)
    outcome = oracle(stream)
    assert outcome.error is None
    read = [told["message"] for told in json.loads(outcome.completion)["choices"]]
    for told, choice_ in zip(read, document["choices"], strict=True):
        given_ = choice_["message"]
        assert (told.get("content") or "") == (given_["content"] or "")
        calls = [item["function"]["arguments"] for item in told.get("tool_calls") or ()]
        assert calls == [item["function"]["arguments"] for item in given_.get("tool_calls") or ()]
    back = MENDING.to_body(events_of(stream), ORIGIN)
    assert back.failure is None
    assert back.mends == ()
    assert json.loads(back.body) == document


@given(ANY_JSON, DELTAS, REASONS)
@settings(max_examples=200)
def test_whatever_comes_the_body_is_sound_or_a_failure(value: object, told: Json, reason: object) -> None:
    wild = {"id": "x", "choices": [{"message": told, "finish_reason": reason}]}
    for raw in (json.dumps(value).encode(), json.dumps(wild).encode()):
        whole = MENDING.body(raw, ORIGIN)
        if whole.failure is not None:
            assert whole.body == raw
            assert whole.failure.kind != "internal"
            continue
        codes = {violation.code for violation in check_body(whole.body)} - LET_THROUGH
        assert codes <= {"chat.tool-call.type-wrong", "chat.tool-call.function-missing"}
        assert MENDING.body(whole.body, ORIGIN).body is whole.body or codes
        assert not {violation.code for violation in verdict(MENDING.to_stream(whole.body))} - LET_THROUGH


@given(st.binary(max_size=40))
def test_arbitrary_bytes_do_not_raise(raw: bytes) -> None:
    failed(MENDING.body(raw, ORIGIN), raw)


@pytest.mark.parametrize("answer", (Answer(), Answer(tool=("f", {"city": ["Zürich"]}))))
def test_a_stream_becomes_the_body_of_the_same_answer(answer: Answer) -> None:
    whole = MENDING.to_body(events_of(b"".join(chat_events(answer))), ORIGIN)
    assert whole.mends == ()
    assert json.loads(whole.body) == chat_body(answer)


def test_a_stream_without_a_head_gets_one() -> None:
    bare = [
        {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
        for delta, reason in (({"role": "assistant"}, None), ({"content": "Hi"}, None), ({}, "stop"))
    ]
    whole = MENDING.to_body(events_of(b"".join(map(sse, bare)) + DONE), ORIGIN)
    told = json.loads(whole.body)
    assert (told["id"], told["created"], told["model"]) == (ORIGIN.mint("chatcmpl", 0), 1700000000, "asked")
    assert told["choices"][0]["message"] == {"role": "assistant", "content": "Hi"}


def test_pieces_are_added_up() -> None:
    details = {"reasoning_details": [{"type": "reasoning.text", "text": "h", "index": 0}]}
    logprobs = {"content": [{"token": "Hi", "logprob": -0.5, "top_logprobs": []}]}
    one = HEAD | {"choices": [{"index": 0, "delta": {"content": "Hi"}, "logprobs": logprobs, "finish_reason": None}]}
    raw = ROLE + 2 * chunk(details) + 2 * sse(one) + tools(call(0, "c1", '{"a"'), call(1, "c2", "{}"))
    raw += tools({"index": 0, "function": {"arguments": ":1}"}}) + chunk(finish="tool_calls") + TOTAL + DONE
    assert verdict(raw) == []
    whole = MENDING.to_body(events_of(raw), ORIGIN)
    told = json.loads(whole.body)
    assert told["choices"][0]["message"] == {
        "role": "assistant",
        "content": "HiHi",
        "reasoning_details": [{"type": "reasoning.text", "text": "hh", "index": 0}],
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}},
            {"id": "c2", "type": "function", "function": {"name": "f", "arguments": "{}"}},
        ],
    }
    assert told["choices"][0]["logprobs"] == {"content": 2 * logprobs["content"]}
    assert told["usage"] == USAGE
    ChatCompletion.model_validate(told)


@pytest.mark.parametrize("raw", (ROLE + TEXT + BOOM, ROLE + TEXT, ROLE + TEXT + DONE, b"", DONE))
def test_a_stream_that_ended_badly_is_a_failure(raw: bytes) -> None:
    whole = MENDING.to_body(events_of(raw), ORIGIN)
    assert whole.failure is not None
    assert whole.body == b""


def test_kit_bodies_are_what_their_names_say() -> None:
    assert check_body(body()) == check_body(tool()) == check_body(function()) == []
