"""Ids that restart in each turn: unique for the client, the model's own for the provider."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.quirks.kit_streams import CHAT, NO_HEADERS, WIRED, added, call, chunk, more, odd_chunks, replied, run, sent
from tests.quirks.refusals_reasoning import repeated

NAME = "toolid-reused-kimi"


def turn(ident: str = "functions.ls:0") -> list[Any]:
    return [
        chunk({"role": "assistant", "content": "a"}),
        chunk({"tool_calls": [call(ident, '{"a"')]}),
        chunk({"tool_calls": [more(":1}")]}),
        chunk(finish="tool_calls"),
    ]


def ident_of(seed: str, ident: str = "functions.ls:0") -> str:
    calls = added(run(NAME, turn(ident), replace(CHAT, seed=seed)).documents)["calls"]
    return str(calls[0][0])


def history(*idents: str) -> bytes:
    messages: list[Any] = []
    for ident in idents:
        messages += [
            {"role": "assistant", "tool_calls": [call(ident, '{ "n": 1.0 }')]},
            {"role": "tool", "tool_call_id": ident, "content": "x"},
        ]
    return json.dumps({"messages": messages, "temperature": 1.0}).encode()


@pytest.mark.parametrize("own", ("functions.ls:0", "list_dir:12", "functions.mcp__git-status:3"))
def test_each_turn_has_its_own_id_and_the_provider_gets_the_models(own: str) -> None:
    one, two = ident_of("flow-1", own), ident_of("flow-2", own)
    assert one != two
    assert one == ident_of("flow-1", own)
    assert repeated(json.loads(history(one, two)), NO_HEADERS) is not None
    mended, notes = sent(NAME, history(one, two))
    assert mended == history(own, own)
    assert repeated(json.loads(mended), NO_HEADERS) is None
    assert len(notes) == 4
    assert sent(NAME, mended) == (mended, [])


def test_only_the_chunk_with_the_id_changes() -> None:
    ran = run(NAME, turn())
    assert ran.same == [True, False, True, True]
    assert ran.documents[1]["choices"][0]["delta"]["tool_calls"][0]["function"] == {"name": "ls", "arguments": '{"a"'}


@pytest.mark.parametrize("ident", ("call_8f3a91c2", "toolu_01", "functions.ls", "a b:0", ":0", "x:1234567", ""))
def test_other_ids_are_left_alone(ident: str) -> None:
    assert all(run(NAME, turn(ident)).same)
    assert sent(NAME, history(ident)) == (history(ident), [])


@pytest.mark.parametrize(
    "ident", ("functions.ls:0~short", "functions.ls:0~0123ABCD", "call_1~0123abcd", "ls:0~0123abcdef")
)
def test_what_only_looks_like_ours_is_left_alone(ident: str) -> None:
    assert sent(NAME, history(ident)) == (history(ident), [])


def test_a_whole_body() -> None:
    message = {"role": "assistant", "tool_calls": [call("ls:0", "{}"), call("ls:1", "{}")]}
    mended, notes = replied(NAME, {"choices": [{"message": message}]})
    idents = [entry["id"] for entry in mended["choices"][0]["message"]["tool_calls"]]
    assert [ident.partition("~")[0] for ident in idents] == ["ls:0", "ls:1"]
    assert all(len(ident.partition("~")[2]) == 8 for ident in idents)
    assert len(notes) == 2
    assert replied(NAME, mended) == (mended, [])


@given(odd_chunks())
def test_no_chunk_raises(documents: list[Any]) -> None:
    run(NAME, documents)


@given(WIRED | st.fixed_dictionaries({"messages": WIRED | st.lists(WIRED)}))
def test_no_request_raises_and_all_are_idempotent(body: Any) -> None:  # noqa: ANN401 - any JSON is the point
    mended, _ = sent(NAME, json.dumps(body).encode())
    assert sent(NAME, mended) == (mended, [])
