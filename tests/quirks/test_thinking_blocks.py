"""Thinking and reasoning that only their maker can check: what is known to be another's goes, the rest stays."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.quirks.refusals_responses_input import REFUSALS
from tests.quirks.request_kit import CHAT_BODIES, RESPONSES_BODIES, Row, check_any, check_row, run
from wiremend.protocols.envelope import seal
from wiremend.quirks import AUTO, all_quirks, chosen
from wiremend.quirks.base import Recorder, Scope
from wiremend.quirks.memory import Memory

THINKING = "thinking-signature-foreign"
REASONING = "resp-encrypted-reasoning-foreign"
ANTHROPIC = Scope("messages", "claude-sonnet-4-5", host="api.anthropic.com")
KIMI = Scope("messages", "kimi-for-coding", host="api.kimi.com")
OPENAI = Scope("responses", "gpt-5.6", host="api.openai.com")
XAI = Scope("responses", "grok-4", host="api.x.ai")


def block(signature: str | None) -> dict[str, Any]:
    return {"type": "thinking", "thinking": "…", **({} if signature is None else {"signature": signature})}


def turn(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": [*blocks, {"type": "text", "text": "a"}]}


def recorder(name: str, scope: Scope, memory: Memory) -> Recorder:
    make = all_quirks()[name].recorder
    assert make is not None
    return make(scope, memory)


def thought(scope: Scope, memory: Memory, *events: dict[str, Any]) -> None:
    """Let the recorder hear a stream."""
    hears = recorder(THINKING, scope, memory)
    for event in events:
        hears.event(json.dumps(event).encode())
    hears.close()


def signature(text: str, index: int = 0) -> dict[str, Any]:
    delta = {"type": "signature_delta", "signature": text}
    return {"type": "content_block_delta", "index": index, "delta": delta}


def left(scope: Scope, memory: Memory, *messages: dict[str, Any]) -> list[Any]:
    draft = run(THINKING, scope, json.dumps({"messages": messages}), memory)
    found: list[Any] = json.loads(draft.body())["messages"]
    return found


ROWS = {
    "unsigned": Row(
        THINKING,
        "messages",
        '{"messages":[{"role":"user", "content":"x"},{"role":"assistant","content":['
        '{"type":"thinking","thinking":"…","signature":""},{"type":"text", "text":"a"}]}],"top_p":1.0}',
        '{"messages":[{"role":"user", "content":"x"},{"role":"assistant","content":['
        '{"type":"text", "text":"a"}]}],"top_p":1.0}',
        host="api.anthropic.com",
        kinds=("lost",),
    ),
    "unsigned and alone": Row(
        THINKING,
        "messages",
        '{"messages":[{"role":"user","content":"x"},{"role":"assistant","content":[{"type":"thinking"}]}]}',
        '{"messages":[{"role":"user","content":"x"}]}',
        host="europe-west1-aiplatform.googleapis.com",
        kinds=("lost",),
    ),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_what_is_refused_is_accepted_after(row: Row) -> None:
    check_row(row, REFUSALS)


@pytest.mark.parametrize("scope", (KIMI, Scope("messages", "claude-x", host="llm.example")))
def test_hosts_that_check_nothing_get_all(scope: Scope) -> None:
    assert left(scope, Memory(), turn(block(""))) == [turn(block(""))]


def test_signed_thinking_of_which_nothing_is_known_keeps_its_bytes() -> None:
    body = json.dumps({"messages": [turn(block("EqQB")), turn(block("x"), block(""))]}, indent=1)
    draft = run(THINKING, ANTHROPIC, body)
    assert draft.body().decode() == body
    assert draft.notes == []


def test_what_holds_the_proof_of_another_wire_goes_though_nothing_was_heard() -> None:
    sealed = seal("responses", {"id": "rs_1", "encrypted_content": "gAAA"})
    assert left(ANTHROPIC, Memory(), turn(block(sealed))) == [
        {"role": "assistant", "content": [{"type": "text", "text": "a"}]}
    ]
    asked = {"input": [{"type": "reasoning", "summary": [], "encrypted_content": seal("messages", {"signature": "s"})}]}
    assert json.loads(run(REASONING, OPENAI, json.dumps(asked), Memory()).body()) == {"input": []}


def test_what_was_seen_to_come_from_another_goes_and_ones_own_stays() -> None:
    memory = Memory()
    thought(KIMI, memory, signature("ki"), signature("mi"))
    thought(ANTHROPIC, memory, signature("own"))
    given_back = left(ANTHROPIC, memory, turn(block("kimi")), turn(block("own")), turn(block("kimi"), block("own")))
    assert given_back == [turn(), turn(block("own")), turn(block("kimi"), block("own"))]


def test_one_foreign_block_takes_its_unknown_neighbours_with_it() -> None:
    memory = Memory()
    thought(KIMI, memory, signature("kimi"))
    assert left(ANTHROPIC, memory, turn(block("kimi"), block("?"), block(""))) == [turn()]


def test_redacted_thinking_is_known_by_its_data() -> None:
    memory = Memory()
    redacted = {"type": "redacted_thinking", "data": "kimi"}
    thought(KIMI, memory, {"type": "content_block_start", "index": 0, "content_block": redacted})
    assert left(ANTHROPIC, memory, turn(redacted)) == [turn()]
    other = {"type": "redacted_thinking", "data": "other"}
    assert left(ANTHROPIC, memory, turn(other)) == [turn(other)]


@pytest.mark.parametrize(
    "maker",
    (
        Scope("messages", "anthropic/claude-opus-5", host="openrouter.ai"),
        Scope("messages", "claude-opus-5", host="bedrock-runtime.us-east-1.amazonaws.com"),
        Scope("messages", "unknown", host="openrouter.ai"),
        Scope("messages", "unknown", host="127.0.0.1"),
        Scope("messages", "unknown", host="localhost"),
    ),
)
def test_claude_elsewhere_and_relays_are_not_taken_for_another(maker: Scope) -> None:
    memory = Memory()
    thought(maker, memory, signature("s"))
    assert left(ANTHROPIC, memory, turn(block("s"))) == [turn(block("s"))]


def test_a_whole_reply_is_heard_too() -> None:
    memory = Memory()
    recorder(THINKING, KIMI, memory).body(json.dumps({"content": [block("s"), {"type": "text"}]}).encode())
    assert left(ANTHROPIC, memory, turn(block("s"))) == [turn()]


def test_what_is_remembered_is_no_text_of_the_reply() -> None:
    memory = Memory()
    thought(KIMI, memory, signature("a secret signature"))
    kept = {**memory._kept}
    assert list(kept.values()) == ["api.kimi.com"]
    assert all(key.startswith("issuer:") and "secret" not in key for key in kept)


@pytest.mark.parametrize("scope", (KIMI, ANTHROPIC, OPENAI, XAI))
def test_the_quirks_are_on_where_they_must_hear_and_where_they_must_mend(scope: Scope) -> None:
    names = {quirk.name for quirk in chosen(AUTO, scope)}
    assert (THINKING if scope.wire == "messages" else REASONING) in names


def item(seal: str) -> dict[str, Any]:
    return {"type": "reasoning", "summary": [], "encrypted_content": seal}


@pytest.mark.parametrize(
    "event",
    (
        {"type": "response.output_item.done", "item": item("sx")},
        {"type": "response.completed", "response": {"output": [{"type": "message"}, item("sx")]}},
    ),
)
def test_reasoning_that_another_encrypted_goes(event: dict[str, Any]) -> None:
    memory = Memory()
    hears = recorder(REASONING, XAI, memory)
    hears.event(json.dumps(event).encode())
    hears.close()
    body = json.dumps({"input": [item("sx"), item("?"), {"role": "user", "content": "x"}]})
    draft = run(REASONING, OPENAI, body, memory)
    assert json.loads(draft.body())["input"] == [item("?"), {"role": "user", "content": "x"}]
    assert [note.kind for note in draft.notes] == ["lost"]
    assert run(REASONING, XAI, body, memory).notes == []
    assert run(REASONING, Scope("responses", host="llm.example"), body, memory).notes == []


@given(st.lists(st.binary(max_size=40) | (CHAT_BODIES | RESPONSES_BODIES).map(lambda body: json.dumps(body).encode())))
def test_any_reply_is_heard(data: list[bytes]) -> None:
    hears = recorder(THINKING, KIMI, Memory())
    for one in data:
        hears.event(one + b"signature")
        hears.event(b'{"type":"content_block_delta","index":0,"delta":' + one + b',"signature":0}')
        hears.body(one)
    hears.close()


@given(CHAT_BODIES)
def test_any_body_goes_through(body: object) -> None:
    check_any(THINKING, ANTHROPIC, body)


@given(RESPONSES_BODIES)
def test_any_input_goes_through(body: object) -> None:
    check_any(REASONING, OPENAI, body)
