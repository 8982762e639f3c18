"""Each wire's own words for a failure: the phrases that agents act on, and the official SDKs as readers.

The phrases are matched with the agents' own expressions: ``CLAUDE_CODE`` is in Claude Code 2.1.197, ``CODEX_WAIT`` in
Codex (``codex-api/src/sse/responses.rs``), which acts on ``response.error.code`` and reads the wait from the message.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, get_args

import anthropic
import httpx2
import openai
import pytest
from anthropic.types.shared.error_type import ErrorType
from hypothesis import given
from hypothesis import strategies as st

from tests.protocols.responses.kit import whole
from wiremend.protocols import WIRES
from wiremend.protocols import chat as chat_wire
from wiremend.protocols.base import ErrorKind
from wiremend.protocols.chat import contract as chat_contract
from wiremend.protocols.chat import errors as chat
from wiremend.protocols.failure import Failure, failure_of
from wiremend.protocols.failure_words import FINAL, STATUS_OF
from wiremend.protocols.messages import contract as messages_contract
from wiremend.protocols.messages import errors as messages
from wiremend.protocols.responses import contract as responses_contract
from wiremend.protocols.responses import errors as responses
from wiremend.sse import EventParser, render

if TYPE_CHECKING:
    from types import ModuleType

CLAUDE_CODE = re.compile(r"prompt is too long[^0-9]*(\d+)\s*tokens?\s*>\s*(\d+)", re.IGNORECASE)
CLAUDE_CODE_OUTPUT = re.compile(r"input length and `max_tokens` exceed context limit: (\d+) \+ (\d+) > (\d+)")
CODEX_WAIT = re.compile(r"(?i)try again in\s*(\d+(?:\.\d+)?)\s*(s|ms|seconds?)")

ALL: list[ErrorKind] = list(get_args(ErrorKind.__value__))
TALKERS: dict[str, ModuleType] = {"messages": messages, "chat": chat, "responses": responses}


def overflow(text: str) -> Failure:
    return failure_of({"error": {"message": text, "type": "invalid_request_error"}}, 400)


def refuse(kind: ErrorKind, message: str = "m", retry_after: float | None = None) -> Failure:
    return Failure(kind, STATUS_OF[kind][0], message, retry_after=retry_after)


# --- what makes a client compact


def test_claude_code_reads_by_how_much_the_prompt_is_too_long() -> None:
    words = messages.said(overflow("Your request exceeded model token limit: 262144 (requested: 300000)"))
    match = CLAUDE_CODE.search(words)
    assert match is not None
    assert match.groups() == ("300000", "262144")
    assert words.endswith("maximum (Your request exceeded model token limit: 262144 (requested: 300000))")


@pytest.mark.parametrize(
    "text",
    (
        "prompt is too long: 210000 tokens > 200000 maximum",
        "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000",
        "Prompt is too long",
    ),
)
def test_what_claude_code_knows_it_gets_as_it_came(text: str) -> None:
    assert messages.said(overflow(text)) == text


OPENAI = (
    "This model's maximum context length is 131072 tokens. However, you requested 140000 tokens "
    "(100000 in the messages, 40000 in the completion)."
)
OPENROUTER = (
    "This endpoint's maximum context length is 131072 tokens. However, you requested about 140000 tokens "
    "(90000 of text input, 10000 of tool input, 40000 in the output)."
)
VLLM = (
    "'max_tokens' or 'max_completion_tokens' is too large: 40000. This model's maximum context length is 131072 tokens "
    "and your request has 100000 input tokens (40000 > 131072 - 100000)."
)


@pytest.mark.parametrize("text", (OPENAI, OPENROUTER, VLLM))
def test_where_only_the_answer_does_not_fit_claude_code_is_told_to_ask_for_less(text: str) -> None:
    words = messages.said(overflow(text))
    match = CLAUDE_CODE_OUTPUT.search(words)
    assert match is not None
    assert match.groups() == ("100000", "40000", "131072")
    assert words.endswith(f"({text})")
    assert "prompt is too long" not in words


def test_where_the_prompt_does_not_fit_either_it_is_too_long_by_itself() -> None:
    text = OPENAI.replace("100000", "132000").replace("140000", "172000")
    match = CLAUDE_CODE.search(messages.said(overflow(text)))
    assert match is not None
    assert match.groups() == ("132000", "131072")


def test_an_overflow_without_numbers_names_none() -> None:
    words = messages.said(overflow("context window exceeds limit (2013)"))
    assert words == "prompt is too long (context window exceeds limit (2013))"
    assert CLAUDE_CODE.search(words) is None


AMOUNTS = st.none() | st.integers(1, 10**7)


@given(st.text(max_size=300), AMOUNTS, AMOUNTS, AMOUNTS)
def test_every_overflow_is_told_in_the_phrase_of_its_wire(
    text: str, asked: int | None, limit: int | None, output: int | None
) -> None:
    failure = Failure("context_length", 400, text, asked=asked, limit=limit, output=output)
    words = messages.said(failure)
    assert "prompt is too long" in words.lower() or "input length and `max_tokens` exceed context limit" in words
    for wire in (chat, responses):
        words = wire.said(failure)
        assert "maximum context length" in words.lower() or "exceeds the context window" in words.lower()
        assert text in words


@given(st.text(max_size=300), st.sampled_from(ALL))
def test_other_failures_keep_their_words(text: str, kind: ErrorKind) -> None:
    failure = refuse(kind, text)
    for wire in TALKERS.values():
        assert (wire.said(failure) == text) or kind == "context_length"


@pytest.mark.parametrize("text", (OPENAI, "Your input exceeds the context window of this model."))
def test_what_openai_s_agents_know_they_get_as_it_came(text: str) -> None:
    assert chat.said(overflow(text)) == responses.said(overflow(text)) == text


# --- what makes Codex wait


@pytest.mark.parametrize(("wait", "told"), ((34.0, "34"), (1.25, "1.25"), (0.0004, "0"), (604800.0, "604800")))
def test_codex_reads_the_wait_of_a_rate_limit(wait: float, told: str) -> None:
    match = CODEX_WAIT.search(responses.said(refuse("rate_limit", "slow", retry_after=wait)))
    assert match is not None
    assert match.groups() == (told, "s")


def test_a_wait_that_codex_reads_is_not_told_twice() -> None:
    failure = failure_of({"error": {"message": "Please try again in 1.2s."}}, 429)
    assert responses.said(failure) == "Please try again in 1.2s."


def test_a_quota_has_no_wait_for_codex() -> None:
    assert responses.said(refuse("quota", "no", retry_after=9.0)) == "no"


def test_codex_goes_on_only_where_asking_again_may_help() -> None:
    ends = {"context_length_exceeded", "insufficient_quota", "usage_not_included", "invalid_prompt"}
    for kind in ALL:
        (event,) = EventParser().feed(responses.error_event("m", "resp_1", 0, kind))
        code = json.loads(event.data or b"")["response"]["error"]["code"]
        assert (code in ends) is (kind in FINAL), kind


# --- statuses


@pytest.mark.parametrize("status", (503, 529))
def test_overload_has_the_status_of_its_wire(status: int) -> None:
    failure = Failure("overloaded", status, "m")
    assert {name: wire.status_of(failure) for name, wire in TALKERS.items()} == {
        "messages": 529,
        "chat": 503,
        "responses": 503,
    }


@pytest.mark.parametrize("kind", [kind for kind in ALL if kind != "overloaded"])
def test_other_statuses_are_the_failure_s_own(kind: ErrorKind) -> None:
    assert {wire.status_of(refuse(kind)) for wire in TALKERS.values()} == {STATUS_OF[kind][0]}


# --- the events


@pytest.mark.parametrize("kind", ALL)
def test_the_last_event_of_every_kind_is_sound_by_the_contract_of_its_wire(kind: ErrorKind) -> None:
    judges: dict[str, Any] = {
        "messages": messages_contract.Contract(),
        "chat": chat_contract.Contract(),
        "responses": responses_contract.Contract(),
    }
    created = render(json.dumps(whole("created")).encode(), "response.created")
    for name, judge in judges.items():
        before = created if name == "responses" else b""
        stream = before + TALKERS[name].error_event("boom", "resp_1", 1, kind)
        events = EventParser().feed(stream)
        assert [violation.code for event in events for violation in judge.feed(event)] == []
        assert judge.ended


@pytest.mark.parametrize("kind", ALL)
def test_types_of_the_messages_wire_are_anthropic_s_own(kind: ErrorKind) -> None:
    error = json.loads(messages.error_body(500, kind, "m"))["error"]
    assert error["type"] in {*get_args(ErrorType), "request_too_large"}


def served(body: bytes) -> httpx2.Client:
    """Make a client to which every request is answered with these events; no socket is opened."""

    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, content=body, headers={"content-type": "text/event-stream"})

    return httpx2.Client(transport=httpx2.MockTransport(answer))


@pytest.mark.parametrize("kind", ALL)
def test_anthropic_s_sdk_raises_the_event_with_its_type_and_words(kind: ErrorKind) -> None:
    body = messages.error_event("boom", None, 0, kind)
    client = anthropic.Anthropic(api_key="sk-ant-FAKE", http_client=served(body), max_retries=0)
    with pytest.raises(anthropic.APIStatusError) as caught, client:
        list(client.messages.create(model="m", max_tokens=1, messages=[{"role": "user", "content": "hi"}], stream=True))
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["error"] == json.loads(messages.error_body(502, kind, "boom"))["error"]
    assert "boom" in str(caught.value)


@pytest.mark.parametrize("kind", ALL)
def test_openai_s_sdk_raises_the_chunk_with_its_code_and_words(kind: ErrorKind) -> None:
    body = chat_wire.WIRE.error_event("boom", None, 0, kind)
    client = openai.OpenAI(api_key="sk-FAKE", http_client=served(body), max_retries=0)
    with pytest.raises(openai.APIError) as caught, client:
        list(client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}], stream=True))
    assert caught.value.code == json.loads(chat.error_body(502, kind, ""))["error"]["code"]
    assert caught.value.message == "boom"


@pytest.mark.parametrize("kind", ALL)
def test_openai_s_sdk_gives_the_failed_response_with_its_code_and_words(kind: ErrorKind) -> None:
    body = WIRES["responses"].error_event("boom", "resp_1", 3, kind)
    with openai.OpenAI(api_key="sk-FAKE", http_client=served(body), max_retries=0) as client:
        (event,) = client.responses.create(model="m", input="hi", stream=True)
    assert event.type == "response.failed"
    assert event.response.error is not None
    assert (event.response.error.message, event.response.id) == ("boom", "resp_1")
