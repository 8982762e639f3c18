"""A model is passed over only where a request surely does not fit into its context window."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiremend.pipeline.estimate import estimate
from wiremend.pipeline.windows import too_long

LONG = " ".join(["abcde"] * 6000)  # 35,999 characters; with those of "user" 6,000 tokens at the least


def judged(body: object, window: int) -> int | None:
    return too_long(body if isinstance(body, bytes) else json.dumps(body).encode(), window)


def said(content: object = LONG, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - any members
    return {"messages": [{"role": "user", "content": content}], **more}


def test_what_surely_does_not_fit_is_told_with_its_least_number() -> None:
    assert judged(said(), 4096) == 6000


@pytest.mark.parametrize("window", (6000, 8192, 262144))
def test_what_may_fit_is_let_through(window: int) -> None:
    assert judged(said(), window) is None
    assert judged(said(), 5999) == 6000


def test_nothing_has_no_length() -> None:
    assert too_long(None, 1) is None
    assert too_long(b"", 1) is None


@pytest.mark.parametrize(
    "body",
    (
        {"system": LONG, "messages": []},
        {"system": [{"type": "text", "text": LONG}]},
        {"instructions": LONG, "input": "Hi"},
        {"input": LONG},
        {"input": [{"type": "function_call_output", "call_id": "c", "output": LONG}]},
        {"tools": [{"name": "t", "description": LONG}]},
        said([{"type": "text", "text": LONG}]),
        said([{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": LONG}]}]),
        {"messages": [{"role": "assistant", "tool_calls": [{"function": {"arguments": LONG}}]}]},
        {"messages": [{"role": "assistant", "content": [{"type": "tool_use", "input": {"text": LONG}}]}]},
        said(context_management={"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}),
        said(truncation="disabled"),
    ),
)
def test_all_that_a_prompt_consists_of_counts(body: object) -> None:
    assert judged(body, 4096) is not None


@pytest.mark.parametrize(
    "body",
    (
        # what the provider may leave out
        said([{"type": "thinking", "thinking": LONG, "signature": LONG}]),
        said([{"type": "redacted_thinking", "data": LONG}]),
        {"messages": [{"role": "assistant", "content": "x", "reasoning_content": LONG}]},
        {"input": [{"type": "reasoning", "encrypted_content": LONG, "summary": [{"text": LONG}]}]},
        said([{"type": "image", "source": {"type": "base64", "data": LONG}}]),
        said([{"type": "image_url", "image_url": {"url": LONG}}]),
        said([{"type": "document", "source": {"type": "base64", "data": LONG}}]),
        said([{"type": "file", "file": {"file_data": LONG}}]),
        # what is no part of the prompt
        said("Hi", metadata={"user_id": LONG}, model=LONG),
        # what few tokens may stand for
        said(" " * 36000),
        said(("x" + "-" * 79 + "\n") * 450),
        said(("x" + " " * 79 + "\n") * 450),
        # where the provider makes it fit
        said(truncation="auto"),
        said(transforms=["middle-out"]),
        said(context_management={"edits": [{"type": "clear_tool_uses_20250919"}]}),
        said(context_management={"edits": [{"type": "clear_thinking_20251015"}, {"type": "compact_20260112"}]}),
        said(context_management=[{"type": "compaction"}]),
        # what nobody can read
        b"",
        b"{" + LONG.encode(),
        b"[" * 36000,
        [said()],
        LONG,
    ),
)
def test_what_may_count_nothing_counts_nothing(body: object) -> None:
    assert judged(body, 4096) is None


def test_other_scripts_are_counted_by_their_letters() -> None:
    """Thai has three bytes a letter, and a token may be five letters of it."""
    thai = "ภาษาไทย" * 2000
    assert len(thai.encode()) // 6 > 5000
    assert judged(said(thai), 5000) is None


WORDS = ("the", "model", "returns", "self.value", "{'key': 1}", "    if x:", "\n", "0x7f", "語", "-----", "e")


@given(st.integers(0, 2**32), st.integers(1, 3000))
def test_no_more_is_counted_than_the_estimate_that_users_see(seed: int, window: int) -> None:
    """What is passed over by this has more tokens by the usual estimate, too, and more than a third more."""
    words = " ".join(random.Random(seed).choices(WORDS, k=2000))  # noqa: S311 - a drawn text, no secret
    if judged(said(words), window) is not None:
        assert estimate(json.dumps(said(words)).encode()) > window * 4 / 3
