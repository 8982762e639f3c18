"""Reasoning is given back to the host, the wire and the call that it came with, and to nobody else."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.quirks.kit_streams import NO_HEADERS, WIRED, added, call, chunk, heard, more, odd_chunks, quirk, run, sent
from tests.quirks.refusals_reasoning import deepseek, kimi
from wiremend.quirks.base import Scope
from wiremend.quirks.memory import Memory
from wiremend.quirks.reasoning import MAX_CALLS, MAX_TEXT

if TYPE_CHECKING:
    from tests.quirks.kit import Refusal

KIMI, DEEPSEEK = "reasoning-missing-kimi", "reasoning-missing-deepseek"
CHAT = Scope(wire="chat", model="kimi-k2.6", host="api.moonshot.ai")
MESSAGES = replace(CHAT, wire="messages")
DEEP = Scope(wire="chat", model="deepseek-v4-pro", host="api.deepseek.com")
ID = "call_8f3a91c2d7"


def turn(ident: str = ID, arguments: str = '{"path": "."}', **more_: object) -> dict[str, Any]:
    entry = {"id": ident, "type": "function", "function": {"name": "ls", "arguments": arguments}}
    return {"role": "assistant", "content": None, "tool_calls": [entry], **more_}


def request(*turns: dict[str, Any], **top: object) -> bytes:
    messages: list[Any] = [{"role": "user", "content": "go"}]
    for one in turns:
        idents = [entry["id"] for entry in one.get("tool_calls") or ()]
        messages += [one, *({"role": "tool", "tool_call_id": ident, "content": "a.txt"} for ident in idents)]
    # Spaces, a number and an escape that no encoder of ours would write: they must stay.
    return b'{ "temperature":1.00, "user":"\\u0061",' + json.dumps({"messages": messages, **top}).encode()[1:]


def reply(ident: str = ID, text: str = "The folder first.", arguments: str = '{"path":"."}') -> list[Any]:
    half = len(text) // 2
    return [
        chunk({"role": "assistant", "reasoning_content": text[:half]}),
        chunk({"reasoning_content": text[half:]}),
        chunk({"tool_calls": [call(ident, arguments[:3])]}),
        chunk({"tool_calls": [more(arguments[3:])]}),
        chunk(finish="tool_calls"),
    ]


def reasonings(body: bytes) -> list[Any]:
    return [
        message.get("reasoning_content") for message in json.loads(body)["messages"] if message["role"] == "assistant"
    ]


def test_off_it_is_refused_and_on_it_is_accepted() -> None:
    body, memory = request(turn()), Memory()
    refused = kimi(json.loads(body), NO_HEADERS)
    assert refused is not None
    assert refused[0] == 400
    heard(KIMI, reply(), memory, CHAT)
    mended, notes = sent(KIMI, body, CHAT, memory)
    assert kimi(json.loads(mended), NO_HEADERS) is None
    assert mended == body.replace(
        b'"arguments": "{\\"path\\": \\".\\"}"}}]}',
        b'"arguments": "{\\"path\\": \\".\\"}"}}],"reasoning_content":"The folder first."}',
    )
    assert [(note.kind, note.where) for note in notes] == [("mended", "/messages/1/reasoning_content")]
    assert sent(KIMI, mended, CHAT, memory) == (mended, [])


@pytest.mark.parametrize(("name", "scope", "refuses", "pad"), ((KIMI, CHAT, kimi, ""), (DEEPSEEK, DEEP, deepseek, " ")))
def test_what_is_not_remembered_gets_the_pad_of_its_host(name: str, scope: Scope, refuses: Refusal, pad: str) -> None:
    body = request(turn())
    assert refuses(json.loads(body), NO_HEADERS) is not None
    mended, notes = sent(name, body, scope)
    assert refuses(json.loads(mended), NO_HEADERS) is None
    assert reasonings(mended) == [pad]
    assert [note.kind for note in notes] == ["invented"]
    assert sent(name, mended, scope) == (mended, [])


def test_an_empty_text_is_no_pad_for_deepseek() -> None:
    body = request(turn(reasoning_content=""))
    assert deepseek(json.loads(body), NO_HEADERS) is not None
    assert reasonings(sent(DEEPSEEK, body, DEEP)[0]) == [" "]
    assert sent(KIMI, body, CHAT) == (body, [])


def test_a_clients_own_pad_is_replaced_by_what_is_remembered() -> None:
    memory = Memory()
    heard(KIMI, reply(), memory, CHAT)
    for pad in ("", " "):
        assert reasonings(sent(KIMI, request(turn(reasoning_content=pad)), CHAT, memory)[0]) == ["The folder first."]


@pytest.mark.parametrize(
    "said",
    (
        {"reasoning": "The folder."},
        {"reasoning_text": "The folder."},
        {"reasoning_details": [{"type": "reasoning.text", "text": "The "}, {"type": "x", "summary": "folder."}, 7]},
    ),
)
def test_another_name_will_do(said: dict[str, Any]) -> None:
    mended, notes = sent(KIMI, request(turn(**said)), CHAT)
    assert reasonings(mended) == ["The folder."]
    assert [note.kind for note in notes] == ["mended"]
    stream = [chunk(said), chunk({"tool_calls": [call(ID, "{}")]}), chunk(finish="tool_calls")]
    memory = Memory()
    heard(KIMI, stream, memory, CHAT)
    assert reasonings(sent(KIMI, request(turn()), CHAT, memory)[0]) == ["The folder."]


def test_the_clients_own_reasoning_stays() -> None:
    memory = Memory()
    heard(KIMI, reply(), memory, CHAT)
    body = request(turn(reasoning_content="Mine."))
    assert sent(KIMI, body, CHAT, memory) == (body, [])


@pytest.mark.parametrize(
    "other",
    (
        replace(CHAT, host="api.deepseek.com"),
        replace(CHAT, host="api.moonshot.cn"),
        replace(CHAT, host="", provider="x"),
    ),
)
def test_nobody_else_gets_it(other: Scope) -> None:
    memory = Memory()
    heard(KIMI, reply(), memory, CHAT)
    assert reasonings(sent(KIMI, request(turn()), other, memory)[0]) == [""]


def test_without_a_host_the_provider_counts() -> None:
    one, memory = replace(CHAT, host="", provider="relay"), Memory()
    heard(KIMI, reply(), memory, one)
    assert reasonings(sent(KIMI, request(turn()), one, memory)[0]) == ["The folder first."]


def test_a_short_id_is_known_by_its_arguments_too() -> None:
    memory = Memory()
    heard(KIMI, reply("functions.ls:0", "In the root.", '{"path":".","all":true}'), memory, CHAT)
    heard(KIMI, reply("functions.ls:0", "In src.", '{"path":"src"}'), memory, CHAT)
    turns = [turn("functions.ls:0", '{ "all": true, "path": "." }'), turn("functions.ls:0", '{"path":"src"}')]
    assert reasonings(sent(KIMI, request(*turns), CHAT, memory)[0]) == ["In the root.", "In src."]


def test_two_turns_that_nobody_can_tell_apart_get_the_pad() -> None:
    memory = Memory()
    heard(KIMI, reply("functions.ls:0", "One conversation."), memory, CHAT)
    heard(KIMI, reply("functions.ls:0", "Another one."), memory, CHAT)
    assert reasonings(sent(KIMI, request(turn("functions.ls:0")), CHAT, memory)[0]) == [""]
    heard(KIMI, reply("functions.ls:0", "One conversation."), memory, CHAT)
    assert reasonings(sent(KIMI, request(turn("functions.ls:0")), CHAT, memory)[0]) == [""]


def test_any_of_the_calls_will_do() -> None:
    memory = Memory()
    heard(KIMI, reply(), memory, CHAT)
    two = turn("call_unknown001")
    two["tool_calls"].append(turn()["tool_calls"][0])
    assert reasonings(sent(KIMI, request(two), CHAT, memory)[0]) == ["The folder first."]


@pytest.mark.parametrize(
    ("top", "model"),
    (
        ({"thinking": {"type": "disabled"}}, "kimi-k2.6"),
        ({"enable_thinking": False}, "moonshotai/Kimi-K2.5"),
        ({"chat_template_kwargs": {"thinking": False}}, "kimi-k2.5"),
    ),
)
def test_without_thinking_nothing_is_given_back(top: dict[str, Any], model: str) -> None:
    body = request(turn(), **top)
    assert sent(KIMI, body, replace(CHAT, model=model)) == (body, [])


@pytest.mark.parametrize("model", ("k3", "kimi-k3", "kimi-k2-thinking-turbo"))
def test_some_models_always_think(model: str) -> None:
    body = request(turn(), thinking={"type": "disabled"})
    assert reasonings(sent(KIMI, body, replace(CHAT, model=model))[0]) == [""]


def test_only_turns_with_tool_calls_are_looked_at() -> None:
    body = request({"role": "assistant", "content": "hi"}, {"role": "assistant", "content": "", "tool_calls": []})
    assert sent(KIMI, body, CHAT) == (body, [])


def test_a_reply_that_was_cut_is_not_kept() -> None:
    memory = Memory()
    heard(KIMI, reply()[:-1], memory, CHAT)
    heard(KIMI, [*reply()[:-1], chunk(finish="length")], memory, CHAT)
    assert reasonings(sent(KIMI, request(turn()), CHAT, memory)[0]) == [""]


def test_a_reply_that_is_too_large_is_not_kept() -> None:
    memory = Memory()
    heard(KIMI, reply(text="x" * (MAX_TEXT + 1)), memory, CHAT)
    calls = [call(f"call_{n:08}", "{}", index=n) for n in range(MAX_CALLS + 1)]
    heard(KIMI, [chunk({"reasoning": "x", "tool_calls": calls}, "tool_calls")], memory, CHAT)
    assert reasonings(sent(KIMI, request(turn(), turn("call_00000001")), CHAT, memory)[0]) == ["", ""]


def test_a_whole_reply_is_remembered() -> None:
    memory, make = Memory(), quirk(KIMI).recorder
    assert make is not None
    recorder = make(CHAT, memory)
    message = {**turn(), "reasoning": "The folder."}
    recorder.body(json.dumps({"choices": [{"message": message, "finish_reason": "tool_calls"}]}).encode())
    recorder.close()
    assert reasonings(sent(KIMI, request(turn()), CHAT, memory)[0]) == ["The folder."]


# -- the messages wire


def thinking(ident: str = "toolu_0123456789", reason: str = "tool_use") -> list[Any]:
    block = {"type": "thinking", "thinking": "", "signature": ""}
    return [
        {"type": "message_start", "message": {"content": []}},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "The "}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "folder."}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "c2ln"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "I look."}},
        {"type": "content_block_stop", "index": 1},
        {
            "type": "content_block_start",
            "index": 2,
            "content_block": {"type": "tool_use", "id": ident, "name": "ls", "input": {}},
        },
        {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": '{"p":1}'}},
        {"type": "content_block_stop", "index": 2},
        {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 3}},
        {"type": "message_stop"},
    ]


def asked(*before: dict[str, Any], ident: str = "toolu_0123456789") -> dict[str, Any]:
    used = {"type": "tool_use", "id": ident, "name": "ls", "input": {"p": 1}}
    content = [*before, {"type": "text", "text": "I look."}, used]
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": ident, "content": "a"}]}
    return {"messages": [{"role": "user", "content": "go"}, {"role": "assistant", "content": content}, result]}


KEPT = {"type": "thinking", "thinking": "The folder.", "signature": "c2ln"}
EMPTY = {"type": "thinking", "thinking": " ", "signature": ""}


@pytest.mark.parametrize("ident", ("toolu_0123456789", "ls:0"))
@pytest.mark.parametrize(
    ("name", "scope", "refuses"), ((KIMI, MESSAGES, kimi), (DEEPSEEK, replace(DEEP, wire="messages"), deepseek))
)
def test_the_thinking_comes_back_first_and_signed(name: str, scope: Scope, refuses: Refusal, ident: str) -> None:
    memory, body = Memory(), json.dumps(asked(ident=ident)).encode()
    assert refuses(json.loads(body), NO_HEADERS) is not None
    heard(name, thinking(ident), memory, scope)
    mended, _ = sent(name, body, scope, memory)
    assert json.loads(mended) == asked(KEPT, ident=ident)
    assert refuses(json.loads(mended), NO_HEADERS) is None
    assert sent(name, mended, scope, memory) == (mended, [])


def test_what_is_not_remembered_gets_an_empty_block() -> None:
    memory = Memory()
    heard(KIMI, thinking(reason="max_tokens"), memory, MESSAGES)
    heard(KIMI, thinking()[:-2], memory, MESSAGES)
    mended, notes = sent(KIMI, json.dumps(asked()).encode(), MESSAGES, memory)
    assert json.loads(mended) == asked(EMPTY)
    assert [note.kind for note in notes] == ["invented"]


@pytest.mark.parametrize("block", ({"type": "thinking", "thinking": ""}, {"type": "redacted_thinking", "data": "x"}))
def test_a_turn_that_has_thinking_stays(block: dict[str, Any]) -> None:
    body = json.dumps(asked(block)).encode()
    assert sent(KIMI, body, MESSAGES) == (body, [])


def test_a_whole_message_is_remembered() -> None:
    memory, make = Memory(), quirk(KIMI).recorder
    assert make is not None
    recorder = make(MESSAGES, memory)
    recorder.body(json.dumps({"content": asked(KEPT)["messages"][1]["content"], "stop_reason": "tool_use"}).encode())
    recorder.close()
    assert json.loads(sent(KIMI, json.dumps(asked()).encode(), MESSAGES, memory)[0]) == asked(KEPT)


# -- anything


@given(odd_chunks(), st.lists(WIRED))
def test_no_reply_raises(documents: list[Any], bodies: list[Any]) -> None:
    for scope in (CHAT, MESSAGES):
        memory, make = Memory(), quirk(KIMI).recorder
        assert make is not None
        heard(KIMI, documents, memory, scope)
        heard(KIMI, bodies, memory, scope)
        recorder = make(scope, memory)
        for raw in (*map(msgspec.json.encode, bodies), b"\xff", b"[" * 5000, b'"\\ud800"', b"{}"):
            recorder.event(raw + b'"tool_calls" thinking')
            recorder.event(raw)
            recorder.body(raw)
        recorder.close()


ODD = WIRED | st.fixed_dictionaries(
    {
        "messages": st.lists(
            WIRED
            | st.fixed_dictionaries(
                {"role": st.just("assistant")},
                optional={
                    "tool_calls": WIRED | st.lists(WIRED),
                    "content": WIRED
                    | st.lists(WIRED | st.fixed_dictionaries({"type": st.just("tool_use"), "id": WIRED})),
                    "reasoning_content": WIRED,
                },
            ),
            max_size=3,
        )
    },
    optional={"thinking": WIRED, "model": WIRED, "chat_template_kwargs": WIRED},
)


@given(ODD)
def test_no_request_raises_and_all_are_idempotent(body: Any) -> None:  # noqa: ANN401 - any JSON is the point
    memory = Memory()
    heard(KIMI, reply(), memory, CHAT)
    for name, scope in ((KIMI, CHAT), (KIMI, MESSAGES), (DEEPSEEK, DEEP)):
        raw = json.dumps(body).encode()
        mended, _ = sent(name, raw, scope, memory)
        json.loads(mended)
        assert sent(name, mended, scope, memory) == (mended, [])


def test_half_a_surrogate_pair_raises_nothing() -> None:
    body = json.dumps({"messages": [turn("functions.l\ud800:0", '{"a":"\ud800"}')]}).encode()
    assert reasonings(sent(KIMI, body, CHAT)[0]) == [""]
    asks = asked(ident="\ud800")
    asks["messages"][1]["content"][1]["input"] = {"p": "\ud800"}
    assert json.loads(sent(KIMI, json.dumps(asks).encode(), MESSAGES)[0])["messages"][1]["content"][0] == EMPTY


def test_ids_that_are_made_unique_lead_back_to_their_reasoning() -> None:
    """The client knows suffixed ids, the recorder hears them, and the provider gets the model's own."""
    ids, memory, turns = "toolid-reused-kimi", Memory(), []
    for seed, text in (("flow-1", "One."), ("flow-2", "Two.")):
        given_ = run(ids, reply("functions.ls:0", text), replace(CHAT, seed=seed)).documents
        heard(KIMI, given_, memory, CHAT)
        turns.append(turn(added(given_)["calls"][0][0]))
    assert turns[0] != turns[1]
    restored, _ = sent(ids, sent(KIMI, request(*turns), CHAT, memory)[0])
    wanted = [turn("functions.ls:0", reasoning_content=text) for text in ("One.", "Two.")]
    assert json.loads(restored) == json.loads(request(*wanted))
