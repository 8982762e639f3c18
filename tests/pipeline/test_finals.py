"""How each agent is told a final failure: the status that ends it, the words that it reads, none that mislead it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.kit import context
from wiremend.pipeline.finals import TAKES_FOR_PASSING, parted
from wiremend.pipeline.whole import whole

if TYPE_CHECKING:
    from wiremend.pipeline.whole import Answer
    from wiremend.protocols.base import WireName

QUOTA = {"error": {"message": "no money", "type": "insufficient_quota", "param": None, "code": "insufficient_quota"}}
GONE = {"error": {"message": "no such thing here", "type": "invalid_request_error", "param": None, "code": None}}
RATE = {"error": {"message": "slow down", "type": "rate_limit_error", "param": None, "code": "rate_limit_exceeded"}}
PLAN = {"error": {"message": "the plan's limit", "type": "usage_limit_reached", "resets_in_seconds": 3600}}


def told(client: str | None, status: int, body: Any, wire: WireName = "chat", *, stream: bool = False) -> Answer:  # noqa: ANN401 - any JSON
    """Give what a client gets for an error."""
    of = context(wire, stream=stream)
    of = replace(of, scope=replace(of.scope, client=client))
    return whole(of, status, json.dumps(body).encode(), "application/json", of.wire.tally())


def text(answer: Answer) -> str:
    """Give an error's text."""
    said = json.loads(answer.body)["error"]["message"]
    assert isinstance(said, str)
    return said


@pytest.mark.parametrize(
    ("client", "given_status"),
    (
        ("codex", 400),
        ("opencode", 402),
        ("qwen-code", 402),
        ("kimi-code", 402),
        ("hermes", 402),
        ("openai/js", 402),
        ("openai/python", 402),
        ("ai-sdk/openai-compatible", 402),
        ("claude-code", 429),
        ("somebody/else", 429),
        (None, 429),
    ),
)
def test_an_empty_balance_told_as_429_is_told_so_that_the_client_ends(client: str | None, given_status: int) -> None:
    answer = told(client, 429, QUOTA)
    assert (answer.status, answer.final) == (given_status, True)
    if given_status == 429:
        assert answer.body == json.dumps(QUOTA).encode()
    else:
        assert text(answer).replace("\u2060", "").startswith("no money (the provider answered 429)")
        assert json.loads(answer.body)["error"]["code"] == "insufficient_quota"


@pytest.mark.parametrize("client", ("codex", "opencode", "claude-code", "openai/js", "openai/python", None))
def test_a_rate_limit_stays_what_it_is(client: str | None) -> None:
    answer = told(client, 429, RATE)
    assert (answer.status, answer.body, answer.final) == (429, json.dumps(RATE).encode(), False)


def test_codex_is_told_a_rate_limit_in_the_stream_where_it_waits_for_it() -> None:
    answer = told("codex", 429, RATE, "responses", stream=True)
    assert (answer.status, answer.content_type, answer.final) == (200, "text/event-stream", False)
    assert b'"rate_limit_exceeded"' in answer.body


def test_codex_knows_its_own_plans_limit() -> None:
    answer = told("codex", 429, PLAN, "responses")
    assert (answer.status, json.loads(answer.body)["error"]["type"]) == (429, "usage_limit_reached")


@pytest.mark.parametrize("client", ("hermes", "openai/python", "anthropic/python"))
def test_hermes_reads_that_a_404_is_final(client: str) -> None:
    answer = told(client, 404, GONE)
    assert answer.status == 404
    assert text(answer).startswith("no such thing here (it does not exist)")


@pytest.mark.parametrize("client", ("hermes", "openai/python", "anthropic/python"))
def test_a_404_that_says_it_already_is_left_alone(client: str) -> None:
    said = {"error": GONE["error"] | {"message": "The model `x` does not exist", "code": "model_not_found"}}
    assert told(client, 404, said).body == json.dumps(said).encode()


@pytest.mark.parametrize("client", TAKES_FOR_PASSING)
@pytest.mark.parametrize(
    ("status", "error"),
    (
        (400, {"message": "max_tokens: 65004 is more than 32000", "type": "invalid_request_error"}),
        (403, {"message": "this plan is over", "type": "access_terminated_error"}),
        (401, {"message": "internal server error: no such key, try again later", "type": "invalid_api_key"}),
    ),
)
def test_a_final_error_holds_no_words_of_a_passing_one(client: str, status: int, error: dict[str, str]) -> None:
    answer = told(client, status, {"error": error})
    assert answer.final
    assert not TAKES_FOR_PASSING[client].search(text(answer))
    assert error["message"] in text(answer).replace("\u2060", "")
    assert not TAKES_FOR_PASSING[client].search(answer.body.decode())


def test_a_passing_error_keeps_them() -> None:
    busy = {"error": {"message": "internal server error 500", "type": "server_error", "param": None, "code": None}}
    assert told("opencode", 500, busy).body == json.dumps(busy).encode()


WORDS = st.sampled_from(
    ("429", "500", "rate limit", "server error", "internal server error", "time out", "timed out", "50", "0", "e", " ")
)


@given(st.lists(WORDS | st.text(max_size=3)).map("".join))
def test_parting_leaves_no_such_word_and_loses_nothing(words: str) -> None:
    given_text = parted("opencode", words)
    assert not TAKES_FOR_PASSING["opencode"].search(given_text)
    assert given_text.replace("\u2060", "") == words.replace("\u2060", "")
    assert parted("claude-code", words) == words
    assert re.sub("\u2060", "", parted("opencode", given_text)) == re.sub("\u2060", "", given_text)
