"""Think tags in the content: moved however they are cut, at the content's beginning only, and never held for long."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lab.replies import sse
from tests.protocols.chat.kit import oracle
from tests.quirks.kit_streams import WIRED, added, call, chunk, cut, odd_chunks, replied, run

TAGGED, UNOPENED = "think-tags-in-content", "think-tag-unopened"


def stream(pieces: list[str], finish: str = "stop") -> list[Any]:
    return [chunk({"role": "assistant"}), *(chunk({"content": piece}) for piece in pieces), chunk(finish=finish)]


def both(name: str, pieces: list[str], finish: str = "stop") -> tuple[str, str]:
    total = added(run(name, stream(pieces, finish)).documents)
    assert total["finish"] == finish
    return total["reasoning"], total["content"]


ROWS = (
    ("<think>1. a</think>391", "1. a", "391"),
    ("<THINK>1. a</Think>\n\n391", "1. a", "\n\n391"),
    ("\n<thinking>1 < 2 </thin king></thinking>391", "\n1 < 2 </thin king>", "391"),
    ("<think>never closed </thin", "never closed </thin", ""),
    ("<think></think>", "", ""),
    ("<think>a</think><think>b</think>", "a", "<think>b</think>"),
    ("Use <think> here</think>.", "", "Use <think> here</think>."),
    ("<thin", "", "<thin"),
    ("<thinker>", "", "<thinker>"),
    (" " * 40 + "<think>a</think>", "", " " * 40 + "<think>a</think>"),
    ("", "", ""),
)


@pytest.mark.parametrize(("text", "reasoning", "content"), ROWS)
def test_what_begins_with_a_tag(text: str, reasoning: str, content: str) -> None:
    assert both(TAGGED, [text]) == (reasoning, content)
    assert both(TAGGED, list(text)) == (reasoning, content)


OPENED = (
    ("1. a</think>391", "1. a", "391"),
    ("<think>1. a</think>391", "1. a", "391"),
    ("a</b></THINKING> b</think>", "a</b>", " b</think>"),
)


@pytest.mark.parametrize(("text", "reasoning", "content"), OPENED)
def test_what_the_template_opened(text: str, reasoning: str, content: str) -> None:
    assert both(UNOPENED, [text]) == (reasoning, content)
    assert both(UNOPENED, list(text)) == (reasoning, content)


def test_an_answer_without_a_closing_tag_is_still_an_answer() -> None:
    assert both(UNOPENED, ["Hello", " you"]) == ("Hello you", "Hello you")
    assert both(UNOPENED, ["Hello", " you"], "length") == ("Hello you", "")
    ran = run(UNOPENED, stream(["Hello"]))
    assert [what for _, what in ran.notes] == ["no closing tag came, so the text is given as the answer too"]


PIECES = st.lists(
    st.sampled_from(["<think>", "</think>", "<thinking>", "</thinking>", "<", "</t", "a", " ", "\n", "</think", "ü"]),
    max_size=8,
)


@given(PIECES.map("".join), st.data())
def test_the_cut_does_not_matter(text: str, data: st.DataObject) -> None:
    places = data.draw(st.sets(st.integers(1, max(1, len(text) - 1))))
    for name in (TAGGED, UNOPENED):
        assert both(name, cut(text, places)) == both(name, [text])


@given(PIECES.map("".join))
def test_nothing_is_lost_but_the_tags(text: str) -> None:
    reasoning, content = both(TAGGED, list(text))
    tags = len(text) - len(reasoning + content)
    opening = (text.lstrip()[:10].lower() + "     ").startswith(("<think>", "<thinking>"))
    assert tags in ({7, 10, 15, 16, 17, 18, 19, 21} if opening else {0})


@given(st.lists(st.text(min_size=1, max_size=6).filter(lambda text: "<" not in text and not text.isspace())))
def test_a_stream_without_tags_is_unchanged(pieces: list[str]) -> None:
    ran = run(TAGGED, stream(pieces))
    assert all(ran.same)
    assert ran.notes == []


def test_what_is_held_is_a_tag_at_most() -> None:
    ran = run(TAGGED, stream(["<thi", "nk>a", "b</", "think", ">", "c"]))
    said = [(added([document])["reasoning"], added([document])["content"]) for document in ran.documents]
    assert said == [("", ""), ("", ""), ("a", ""), ("b", ""), ("", ""), ("", ""), ("", "c"), ("", "")]


def test_a_chunk_with_both_becomes_two() -> None:
    ran = run(TAGGED, [chunk({"role": "assistant", "content": "<think>a</think>b"}, "stop", logprobs=None)])
    first, second = ran.documents
    assert first["choices"][0]["delta"] == {"role": "assistant", "reasoning_content": "a"}
    assert first["choices"][0]["finish_reason"] is None
    assert second["choices"][0] == {"index": 0, "delta": {"content": "b"}, "finish_reason": "stop", "logprobs": None}


def test_a_server_that_parses_is_left_alone() -> None:
    documents = [chunk({"reasoning_content": "a"}), chunk({"content": "b</think>"}), chunk(finish="stop")]
    for name in (TAGGED, UNOPENED):
        assert all(run(name, documents).same)


def test_tool_calls_end_what_is_held() -> None:
    documents = [chunk({"content": "<think>a</th"}), chunk({"tool_calls": [call("call_1", "{}")]})]
    ran = run(TAGGED, documents)
    assert added(ran.documents)["reasoning"] == "a</th"


def test_what_is_held_at_a_cut_leaves() -> None:
    assert added(run(TAGGED, stream(["<think>a</thi"])[:-1]).documents)["reasoning"] == "a</thi"
    assert added(run(TAGGED, stream(["<thi"])[:-1]).documents)["content"] == "<thi"


@pytest.mark.parametrize("name", (TAGGED, UNOPENED))
def test_a_whole_body(name: str) -> None:
    text = "<think>1. a</think>391" if name == TAGGED else "1. a</think>391"
    body = {"choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]}
    mended, notes = replied(name, body)
    assert mended["choices"][0]["message"] == {"role": "assistant", "content": "391", "reasoning_content": "1. a"}
    assert len(notes) == 1
    assert replied(name, mended) == (mended, [])
    plain = {"choices": [{"message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}]}
    assert replied(name, plain) == (plain, [])


def test_the_openai_sdk_hears_the_answer_alone_afterwards() -> None:
    def content(documents: list[Any]) -> Any:  # noqa: ANN401 - what the SDK says
        outcome = oracle(b"".join(sse(document) for document in documents) + b"data: [DONE]\n\n")
        assert outcome.error is None
        return json.loads(outcome.completion)["choices"][0]["message"]["content"]

    documents = stream(list("<think>1.</think>391"))
    assert content(documents) == "<think>1.</think>391"
    assert content(run(TAGGED, documents).documents) == "391"


@given(odd_chunks())
def test_no_chunk_raises(documents: list[Any]) -> None:
    run(TAGGED, documents)
    run(UNOPENED, documents)


@given(st.dictionaries(st.sampled_from(["choices", "usage"]), WIRED | st.lists(WIRED)))
def test_no_body_raises(body: Any) -> None:  # noqa: ANN401 - any JSON is the point
    replied(TAGGED, body)
    replied(UNOPENED, body)
