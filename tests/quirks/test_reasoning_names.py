"""Reasoning under the name that the client reads, and under that one only."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.quirks.kit_streams import CHAT, WIRED, chunk, odd_chunks, replied, run
from wiremend.quirks import AUTO, chosen
from wiremend.quirks.base import Scope

NAME = "reasoning-field-name"
DETAILS = [
    {"type": "reasoning.text", "text": "Fi", "index": 0},
    {"type": "reasoning.summary", "summary": "rst", "index": 1},
    {"type": "reasoning.encrypted", "data": "eA", "index": 2},
]

ROWS = (
    ({"reasoning": "First"}, {"reasoning_content": "First"}),
    ({"reasoning_text": "First", "role": "assistant"}, {"role": "assistant", "reasoning_content": "First"}),
    ({"reasoning": "First", "reasoning_content": "First"}, {"reasoning_content": "First"}),
    ({"reasoning": "First", "reasoning_content": None}, {"reasoning_content": "First"}),
    ({"reasoning": "First", "reasoning_text": "First"}, {"reasoning_content": "First"}),
    ({"reasoning_details": DETAILS}, {"reasoning_details": DETAILS, "reasoning_content": "First"}),
    (
        {"reasoning": "First", "reasoning_details": DETAILS},
        {"reasoning_details": DETAILS, "reasoning_content": "First"},
    ),
)


@pytest.mark.parametrize(("delta", "mended"), ROWS)
def test_the_text_is_renamed(delta: dict[str, Any], mended: dict[str, Any]) -> None:
    ran = run(NAME, [chunk(delta)])
    assert ran.documents == [chunk(mended)]
    assert ran.notes
    assert run(NAME, ran.documents).same == [True]
    body = {"choices": [{"message": dict(delta)}]}
    assert replied(NAME, body)[0] == {"choices": [{"message": mended}]}


@pytest.mark.parametrize(
    "delta",
    (
        {"content": "Hi"},
        {"reasoning_content": "First"},
        {"reasoning": None, "content": "Hi"},
        {"reasoning": ""},
        {"reasoning": {"effort": "high"}},
        {"reasoning": "One", "reasoning_content": "another"},
        {"reasoning_content": "First", "reasoning_details": DETAILS},
        {"reasoning_details": [DETAILS[2], 7, {"text": 1}]},
        {"reasoning_details": "odd"},
        {"reasoning": "First", "reasoning_content": 5},
    ),
)
def test_everything_else_stays(delta: dict[str, Any]) -> None:
    ran = run(NAME, [chunk(delta)])
    assert ran.same == [True]
    assert ran.notes == []


def test_it_is_on_for_clients_that_read_one_name_only() -> None:
    def on(client: str) -> bool:
        scope = Scope(wire="chat", host="llm.example", client=client)
        return NAME in {quirk.name for quirk in chosen(AUTO, scope)}

    assert [on(client) for client in ("kimi-code", "qwen-code", "opencode", "pi")] == [True, True, False, False]


@given(odd_chunks(), st.dictionaries(st.sampled_from(["choices", "usage"]), WIRED | st.lists(WIRED)))
def test_nothing_raises(documents: list[Any], body: Any) -> None:  # noqa: ANN401 - any JSON is the point
    run(NAME, documents)
    run(NAME, [body])
    replied(NAME, body, CHAT)
