"""Gemini's signatures come back with the call that they came with."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.quirks.kit_streams import NO_HEADERS, WIRED, call, chunk, heard, odd_chunks, quirk, sent
from tests.quirks.refusals_reasoning import gemini
from wiremend.quirks.base import Scope
from wiremend.quirks.memory import Memory
from wiremend.quirks.thought_signatures import MAX_TEXT, SKIP

NAME = "gemini-thought-signature"
SCOPE = Scope(wire="chat", model="gemini-3-pro-preview", host="generativelanguage.googleapis.com")
ONE, TWO = "function-call-11700000", "function-call-22700000"


def signed(text: str) -> dict[str, Any]:
    return {"google": {"thought_signature": text}}


def reply(*calls: dict[str, Any], finish: object = "stop") -> list[Any]:
    return [chunk({"role": "assistant", "tool_calls": list(calls)}), chunk(finish=finish)]


def request(*calls: dict[str, Any]) -> bytes:
    turn = {"role": "assistant", "content": "", "tool_calls": [{**one, "x": 1.0} for one in calls]}
    return json.dumps({"temperature": 1.0, "messages": [{"role": "user", "content": "go"}, turn]}).encode()


def extras(body: bytes) -> list[Any]:
    return [entry.get("extra_content") for entry in json.loads(body)["messages"][1]["tool_calls"]]


def test_off_it_is_refused_and_on_it_is_accepted() -> None:
    memory, body = Memory(), request(call(ONE, "{}"), call(TWO, "{}", index=1))
    assert gemini(json.loads(body), NO_HEADERS) is not None
    heard(NAME, reply({**call(ONE, "{}"), "extra_content": signed("c2ln")}, call(TWO, "{}", index=1)), memory, SCOPE)
    mended, notes = sent(NAME, body, SCOPE, memory)
    assert gemini(json.loads(mended), NO_HEADERS) is None
    assert extras(mended) == [signed("c2ln"), None]
    assert mended == body.replace(b'"x": 1.0}', b'"x": 1.0,"extra_content":{"google":{"thought_signature":"c2ln"}}}', 1)
    assert [note.kind for note in notes] == ["mended"]
    assert sent(NAME, mended, SCOPE, memory) == (mended, [])


def test_what_is_not_remembered_gets_googles_word_at_google_only() -> None:
    body = request(call(ONE, "{}"), call(TWO, "{}", index=1))
    mended, notes = sent(NAME, body, SCOPE)
    assert gemini(json.loads(mended), NO_HEADERS) is None
    assert extras(mended) == [signed(SKIP), None]
    assert [note.kind for note in notes] == ["invented"]
    assert sent(NAME, mended, SCOPE) == (mended, [])
    assert sent(NAME, body, replace(SCOPE, host="relay.example")) == (body, [])


def test_one_signature_is_enough_and_the_clients_own_stays() -> None:
    body = request(call(ONE, "{}"), {**call(TWO, "{}", index=1), "extra_content": signed("bWluZQ")})
    assert sent(NAME, body, SCOPE) == (body, [])


def test_other_extra_content_stays() -> None:
    memory = Memory()
    heard(NAME, reply({**call(ONE, "{}"), "extra_content": signed("c2ln")}), memory, SCOPE)
    body = request({**call(ONE, "{}"), "extra_content": {"mine": 1}})
    assert extras(sent(NAME, body, SCOPE, memory)[0]) == [{"mine": 1, **signed("c2ln")}]


@pytest.mark.parametrize("host", ("relay.example", "us-aiplatform.googleapis.com"))
def test_another_host_does_not_get_it(host: str) -> None:
    memory = Memory()
    heard(NAME, reply({**call(ONE, "{}"), "extra_content": signed("c2ln")}), memory, SCOPE)
    assert signed("c2ln") not in extras(sent(NAME, request(call(ONE, "{}")), replace(SCOPE, host=host), memory)[0])


@pytest.mark.parametrize(
    ("text", "finish", "ident"), (("c2ln", None, ONE), ("x" * (MAX_TEXT + 1), "stop", ONE), ("c2ln", "stop", "call_0"))
)
def test_a_cut_reply_a_huge_signature_and_a_short_id_are_not_kept(text: str, finish: object, ident: str) -> None:
    memory = Memory()
    heard(NAME, reply({**call(ident, "{}"), "extra_content": signed(text)}, finish=finish), memory, SCOPE)
    assert extras(sent(NAME, request(call(ident, "{}")), SCOPE, memory)[0]) == [signed(SKIP)]


def test_a_whole_reply_is_remembered() -> None:
    memory, make = Memory(), quirk(NAME).recorder
    assert make is not None
    recorder = make(SCOPE, memory)
    message = {"tool_calls": [{**call(ONE, "{}"), "extra_content": signed("c2ln")}]}
    recorder.body(json.dumps({"choices": [{"message": message, "finish_reason": "tool_calls"}]}).encode())
    recorder.close()
    assert extras(sent(NAME, request(call(ONE, "{}")), SCOPE, memory)[0]) == [signed("c2ln")]


@given(odd_chunks(), st.lists(WIRED))
def test_no_reply_raises(documents: list[Any], bodies: list[Any]) -> None:
    make = quirk(NAME).recorder
    assert make is not None
    heard(NAME, documents, Memory(), SCOPE)
    recorder = make(SCOPE, Memory())
    for raw in (*map(msgspec.json.encode, bodies), b"\xff", b"[" * 5000, b'"\\ud800"'):
        recorder.event(raw + b'"tool_calls"')
        recorder.body(raw)
    recorder.close()


CALLS = WIRED | st.lists(WIRED | st.fixed_dictionaries({"id": st.just(ONE) | WIRED}, optional={"extra_content": WIRED}))
TURNS = st.lists(WIRED | st.fixed_dictionaries({"role": st.just("assistant"), "tool_calls": CALLS}), max_size=3)


@given(WIRED | st.fixed_dictionaries({"messages": TURNS}))
def test_no_request_raises_and_all_are_idempotent(body: Any) -> None:  # noqa: ANN401 - any JSON is the point
    memory = Memory()
    heard(NAME, reply({**call(ONE, "{}"), "extra_content": signed("c2ln")}), memory, SCOPE)
    mended, _ = sent(NAME, json.dumps(body).encode(), SCOPE, memory)
    json.loads(mended)
    assert sent(NAME, mended, SCOPE, memory) == (mended, [])
