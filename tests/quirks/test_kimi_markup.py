"""Kimi's tool calls in text: read however they are cut, and left alone where they are only spoken of."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lab.replies import sse
from tests.protocols.chat.kit import oracle
from tests.quirks.kit_streams import CHAT, WIRED, added, call, chunk, cut, odd_chunks, replied, run

NAME = "kimi-tool-markup"
BEGIN, END = "<|tool_calls_section_begin|>", "<|tool_calls_section_end|>"


def marked(head: str, arguments: str) -> str:
    return f"<|tool_call_begin|>{head}<|tool_call_argument_begin|>{arguments}<|tool_call_end|>"


ONE = f"I look.{BEGIN}{marked('functions.ls:0', '{"path":"."}')}{END}"
TWO = (
    f"{BEGIN}\n{marked(' functions.ls:0 ', ' {"path":"."}')}\n"
    f"{marked('functions.mcp__git-status:1', '{"q":"a < b <| c"}')} {END}"
)


def stream(pieces: list[str], finish: str = "stop") -> list[Any]:
    return [chunk({"role": "assistant", "content": ""}), *(chunk({"content": p}) for p in pieces), chunk(finish=finish)]


def test_a_call_in_the_text_becomes_a_call() -> None:
    ran = run(NAME, stream([ONE]))
    assert added(ran.documents) == {
        "content": "I look.",
        "reasoning": "",
        "calls": {0: ["functions.ls:0", "ls", '{"path":"."}']},
        "finish": "tool_calls",
    }
    assert [what for _, what in ran.notes] == [
        "tool calls in Kimi's markup become tool_calls",
        "stop becomes tool_calls",
    ]


TWO_CALLS = {
    0: ["functions.ls:0", "ls", '{"path":"."}'],
    1: ["functions.mcp__git-status:1", "mcp__git-status", '{"q":"a < b <| c"}'],
}


@given(st.sets(st.integers(1, len(TWO) - 1)))
def test_the_cut_does_not_matter(places: set[int]) -> None:
    total = added(run(NAME, stream(cut(TWO, places))).documents)
    assert total == {"content": "", "reasoning": "", "calls": TWO_CALLS, "finish": "tool_calls"}


@pytest.mark.parametrize("at", range(1, len(ONE)))
def test_every_single_cut(at: int) -> None:
    total = added(run(NAME, stream([ONE[:at], ONE[at:]])).documents)
    assert total["content"] == "I look."
    assert total["calls"] == {0: ["functions.ls:0", "ls", '{"path":"."}']}


TOKENS = st.sampled_from(
    [
        BEGIN,
        END,
        "<|tool_call_section_begin|>",
        "<|tool_call_begin|>",
        "<|tool_call_argument_begin|>",
        "<|tool_call_end|>",
        "functions.ls:0",
        "ls",
        "{}",
        '{"a":"<"}',
        " ",
        "\n\n",
        "<|tool",
        "x" * 300,
        " " * 70,
        "a b",
    ]
)


@given(st.lists(TOKENS, max_size=9).map("".join), st.data())
def test_the_cut_does_not_matter_for_broken_markup_either(text: str, data: st.DataObject) -> None:
    places = data.draw(st.sets(st.integers(1, max(1, len(text) - 1))))
    assert added(run(NAME, stream(cut(text, places))).documents) == added(run(NAME, stream([text])).documents)
    assert added(run(NAME, stream(list(text))).documents) == added(run(NAME, stream([text])).documents)


@given(st.lists(st.sampled_from([BEGIN, "<|tool_call_begin|>", END, "<", "a", "functions.ls:0", "\n"])).map("".join))
def test_what_is_no_call_is_the_text_that_it_was(text: str) -> None:
    """Without the token before the arguments there is no call, and then nothing may be lost."""
    assert added(run(NAME, stream(list(text))).documents)["content"] == text


def test_the_arguments_do_not_wait() -> None:
    pieces = [BEGIN + "<|tool_call_begin|>functions.ls:0<|tool_call_argument_begin|>", '{"path"', ':".', '"}']
    ran = run(NAME, stream(pieces))
    given_ = [added([document])["calls"].get(0, ["", "", ""])[2] for document in ran.documents]
    assert given_ == ["", "", '{"path"', ':".', '"}', ""]


def test_the_name_waits_for_its_end_only() -> None:
    ran = run(NAME, stream([BEGIN, "<|tool_call_begin|>", "functions.ls:0", "<|tool_call_argument_begin|>", "{}"]))
    assert [bool(added([document])["calls"]) for document in ran.documents] == [False] * 4 + [True, True, False]


def test_a_call_without_a_section_and_one_without_its_end() -> None:
    bare = marked("functions.ls:0", "{}")
    assert added(run(NAME, stream([bare])).documents)["calls"] == {0: ["functions.ls:0", "ls", "{}"]}
    lost = f"{BEGIN}<|tool_call_begin|>functions.ls:0<|tool_call_argument_begin|>{{}}{END}after"
    total = added(run(NAME, stream(list(lost))).documents)
    assert (total["calls"], total["content"]) == ({0: ["functions.ls:0", "ls", "{}"]}, "after")


def test_a_call_without_an_id_gets_one_of_this_exchange() -> None:
    calls = added(run(NAME, stream([marked("ls", "{}") + marked("ls", "{}")])).documents)["calls"]
    assert calls[0][0].startswith("call_")
    assert calls[0][0] != calls[1][0]
    again = added(run(NAME, stream(list(marked("ls", "{}") + marked("ls", "{}")))).documents)["calls"]
    assert again == calls


def test_a_call_that_is_cut_short_is_not_said_to_be_complete() -> None:
    cut_short = f'{BEGIN}<|tool_call_begin|>functions.ls:0<|tool_call_argument_begin|>{{"path":"'
    for finish in ("stop", "length"):
        total = added(run(NAME, stream([cut_short], finish)).documents)
        assert total["finish"] == finish
        assert total["calls"] == {0: ["functions.ls:0", "ls", '{"path":"']}


def test_length_stays_length() -> None:
    assert added(run(NAME, stream([ONE], "length")).documents)["finish"] == "length"


def test_calls_of_both_kinds_keep_apart() -> None:
    before = [chunk({"tool_calls": [call("call_real0001", "{}")]}), *stream([ONE])]
    assert sorted(added(run(NAME, before).documents)["calls"]) == [0, 1]
    after = [*stream([ONE])[:-1], chunk({"tool_calls": [call("call_real0001", "{}")]}), chunk(finish="tool_calls")]
    calls = added(run(NAME, after).documents)["calls"]
    assert [one[0] for one in calls.values()] == ["functions.ls:0", "call_real0001"]


@given(st.lists(st.text(alphabet='ab \n{}|>"', max_size=8), max_size=6))
def test_a_stream_without_it_is_unchanged(pieces: list[str]) -> None:
    ran = run(NAME, [*stream(pieces), chunk({"tool_calls": [call("call_1", "{}", index=3)]}), chunk(finish="stop")])
    assert all(ran.same)
    assert ran.notes == []


def test_a_lesser_sign_is_held_no_longer_than_it_must() -> None:
    ran = run(NAME, stream(["a <", "b", "<|tool_call", "s are", " <"], "stop"))
    assert added(ran.documents)["content"] == "a <b<|tool_calls are <"
    assert [added([document])["content"] for document in ran.documents] == [
        "",
        "a ",
        "<b",
        "",
        "<|tool_calls are",
        " ",
        "<",
    ]


def test_what_is_held_at_a_cut_leaves() -> None:
    ran = run(NAME, stream(["a", "<|tool"])[:-1])
    assert added(ran.documents)["content"] == "a<|tool"
    assert ran.documents[-1]["id"] == "chatcmpl-1"


def test_a_whole_body() -> None:
    body = {"choices": [{"index": 0, "message": {"role": "assistant", "content": TWO}, "finish_reason": "stop"}]}
    mended, notes = replied(NAME, body)
    (choice,) = mended["choices"]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    assert [
        [one["id"], one["function"]["name"], one["function"]["arguments"]] for one in choice["message"]["tool_calls"]
    ] == list(TWO_CALLS.values())
    assert all(one["type"] == "function" and "index" not in one for one in choice["message"]["tool_calls"])
    assert len(notes) == 2
    assert replied(NAME, mended) == (mended, [])


def test_the_openai_sdk_hears_a_call_only_afterwards() -> None:
    def understood(documents: list[Any]) -> tuple[Any, Any]:
        raw = b"".join(sse(document) for document in documents) + b"data: [DONE]\n\n"
        outcome = oracle(raw)
        assert outcome.error is None
        (choice,) = json.loads(outcome.completion)["choices"]
        return choice["finish_reason"], choice["message"].get("tool_calls")

    documents = stream(list(ONE))
    assert understood(documents) == ("stop", None)
    reason, calls = understood(run(NAME, documents).documents)
    assert reason == "tool_calls"
    assert [(one["id"], one["function"]["name"], one["function"]["arguments"]) for one in calls] == [
        ("functions.ls:0", "ls", '{"path":"."}')
    ]


@given(odd_chunks())
def test_no_chunk_raises(documents: list[Any]) -> None:
    run(NAME, documents)


@given(st.dictionaries(st.sampled_from(["choices", "usage"]), WIRED | st.lists(WIRED)))
def test_no_body_raises(body: Any) -> None:  # noqa: ANN401 - any JSON is the point
    replied(NAME, body, CHAT)
