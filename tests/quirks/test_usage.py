"""Counts of tokens come to where clients look for them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lab.replies import sse
from tests.protocols.chat.kit import oracle
from tests.quirks.kit_streams import HEAD, WIRED, chunk, odd_chunks, replied, run

HOIST, CACHED = "usage-in-choice", "usage-cache-field"
USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
TEXT = [chunk({"role": "assistant", "content": "Hi"}), chunk(finish="stop")]


def counted(documents: list[Any]) -> Any:  # noqa: ANN401 - what the SDK says
    outcome = oracle(b"".join(sse(document) for document in documents) + b"data: [DONE]\n\n")
    assert outcome.error is None
    return json.loads(outcome.completion).get("usage")


def test_the_usage_of_a_choice_moves_up() -> None:
    documents = [TEXT[0], chunk(finish="stop", usage=USAGE)]
    assert counted(documents) is None
    ran = run(HOIST, documents)
    assert ran.documents == [TEXT[0], {**TEXT[1], "usage": USAGE}]
    assert ran.same == [True, False]
    assert [where for where, _ in ran.notes] == ["/choices/0/usage"]
    assert counted(ran.documents) == USAGE


@pytest.mark.parametrize(
    "document",
    (
        TEXT[0],
        {**TEXT[1], "usage": None},
        {**TEXT[1], "usage": USAGE},
        {**chunk(finish="stop", usage={"prompt_tokens": 1}), "usage": USAGE},
        chunk(finish="stop", usage=None),
        {**HEAD, "choices": [], "usage": USAGE},
    ),
)
def test_what_is_right_stays(document: Any) -> None:  # noqa: ANN401 - a chunk
    assert run(HOIST, [document]).same == [True]


@pytest.mark.parametrize("name", ("cached_tokens", "prompt_cache_hit_tokens"))
@pytest.mark.parametrize(
    "details", ({}, {"prompt_tokens_details": None}, {"prompt_tokens_details": {"audio_tokens": 0}})
)
def test_the_count_of_the_cache_is_copied(name: str, details: dict[str, Any]) -> None:
    document = {**TEXT[1], "usage": {**USAGE, name: 3, **details}}
    ran = run(CACHED, [TEXT[0], document])
    (usage,) = [one["usage"] for one in ran.documents if "usage" in one]
    wanted = {**(details.get("prompt_tokens_details") or {}), "cached_tokens": 3}
    assert usage == {**document["usage"], "prompt_tokens_details": wanted}
    assert counted([TEXT[0], document]).get("prompt_tokens_details") != wanted
    assert counted(ran.documents)["prompt_tokens_details"] == wanted
    assert run(CACHED, ran.documents).same == [True, True]


@pytest.mark.parametrize(
    "usage",
    (
        USAGE,
        {**USAGE, "prompt_tokens_details": {"cached_tokens": 0}},
        {**USAGE, "cached_tokens": 3, "prompt_tokens_details": {"cached_tokens": 3}},
        {**USAGE, "cached_tokens": None},
        {**USAGE, "cached_tokens": "3"},
        {**USAGE, "cached_tokens": 3, "prompt_tokens_details": "odd"},
    ),
)
def test_other_counts_stay(usage: Any) -> None:  # noqa: ANN401 - a usage
    ran = run(CACHED, [{**TEXT[1], "usage": usage}])
    assert ran.same == [True]
    assert ran.notes == []


def test_both_work_one_after_the_other() -> None:
    documents = [TEXT[0], chunk(finish="stop", usage={**USAGE, "cached_tokens": 3})]
    usage = run(CACHED, run(HOIST, documents).documents).documents[1]["usage"]
    assert usage == {**USAGE, "cached_tokens": 3, "prompt_tokens_details": {"cached_tokens": 3}}


def test_whole_bodies() -> None:
    choice = {"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}
    up, notes = replied(HOIST, {"choices": [{**choice, "usage": {**USAGE, "cached_tokens": 3}}]})
    assert up == {"choices": [choice], "usage": {**USAGE, "cached_tokens": 3}}
    copied, more = replied(CACHED, up)
    assert copied["usage"] == {**USAGE, "cached_tokens": 3, "prompt_tokens_details": {"cached_tokens": 3}}
    assert len(notes) == len(more) == 1
    assert replied(HOIST, copied) == (copied, [])
    assert replied(CACHED, copied) == (copied, [])


@given(odd_chunks(), st.dictionaries(st.sampled_from(["choices", "usage"]), WIRED | st.lists(WIRED)))
def test_nothing_raises(documents: list[Any], body: Any) -> None:  # noqa: ANN401 - any JSON is the point
    for name in (HOIST, CACHED):
        run(name, documents)
        run(name, [body])
        replied(name, body)
