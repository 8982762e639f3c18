"""The phrases by which errors are known, one text a server, as the catalogue and the providers' pages report them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiremend.protocols.failure import failure_of
from wiremend.protocols.failure_words import tokens_in


def openai(message: str, type_: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": type_, "param": None}}


# --- an overflow: the catalogue's section 5


OVERFLOWS = [
    ("prompt is too long: 210000 tokens > 200000 maximum", (210000, 200000)),
    ("input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000", (210000, 200000)),
    ("Your input exceeds the context window of this model", None),
    ("Your request exceeded model token limit: 262144 (requested: 300000)", (300000, 262144)),
    ("Invalid request: Your request exceeded model token limit : 262144", None),
    ("tokens in request more than max tokens allowed", None),
    ("invalid params, context window exceeds limit (2013)", None),
    ("输入超过最大长度", None),
    ("上下文长度超限", None),
    (
        "This endpoint's maximum context length is 262144 tokens. However, you requested about 300123 tokens",
        (300123, 262144),
    ),
    ("The input exceeds the model's maximum context length of 131,072 tokens", None),
    ("The input (200000 tokens) is longer than the model's context length (131072 tokens).", (200000, 131072)),
    ("Please reduce the length of the messages or completion.", None),
    (
        "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
        (40000, 32768),
    ),
    ("The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).", (1200000, 1048576)),
    ("This model's maximum prompt length is 131072 but the request contains 537812 tokens.", (537812, 131072)),
    ("prompt token count of 140000 exceeds the limit of 128000", (140000, 128000)),
    ("Input is too long for requested model.", None),
    (
        "The decoder prompt (length 5000) is longer than the maximum model length of 4096. Make sure `max_model_len`",
        (5000, 4096),
    ),
    ("the request exceeds the available context size, try increasing it", None),
    ("request (5000 tokens) exceeds the available context size (4096 tokens), try increasing it", (5000, 4096)),
    ("The number of tokens to keep from the initial prompt is greater than the context length", None),
    ("prompt too long; exceeded max context length by 12 tokens", None),
    ("max_tokens + prompt is above max_model_len", None),
    ("engine prompt length must not be above it", None),
    ("n_ctx_slot = 4096 is too small", None),
    ("Range of input length should be [1, 98304]", None),
    ("Prompt 超长", None),
]


@pytest.mark.parametrize("status", (None, 200, 400, 403, 413, 422, 500))
@pytest.mark.parametrize(("text", "tokens"), OVERFLOWS, ids=[text[:40] for text, _ in OVERFLOWS])
def test_every_overflow_is_a_full_context_with_its_numbers(
    text: str, tokens: tuple[int, int] | None, status: int | None
) -> None:
    failure = failure_of(openai(text, "invalid_request_error"), status)
    assert (failure.kind, failure.status, failure.final, failure.mapped) == ("context_length", 400, True, "context")
    assert ((failure.asked, failure.limit) if failure.asked else None) == tokens
    assert failure.message == text


@given(st.integers(1, 10**9), st.integers(1, 10**9))
def test_numbers_are_taken_only_where_more_was_asked_than_there_is(asked: int, limit: int) -> None:
    text = f"exceeded model token limit: {limit:,} (requested: {asked})"
    assert tokens_in(text) == ((asked, limit, None) if asked > limit else None)


QUOTAS = [  # the texts of Moonshot's own client, and those of the providers' documentation
    "You exceeded your current quota",
    "You exceeded your current token quota: 1",
    "please check your account balance",
    "Insufficient Balance",
    "Please recharge",
    "your account is in arrears",
    "Your credit balance is too low",
    "You've reached your usage limit for this period",
    "You've reached kimi monthly usage limit",
    "your weekly limit",
    "您的账户已欠费",
]


@pytest.mark.parametrize("text", QUOTAS)
def test_texts_of_an_empty_balance_are_final_under_429(text: str) -> None:
    failure = failure_of(openai(text, "rate_limit_error"), 429)
    assert (failure.kind, failure.status, failure.final) == ("quota", 429, True)


REFUSALS = [
    "Jinja Exception: Conversation roles must alternate user/assistant",
    "System message must be at the beginning.",
    "Cannot have 2 or more assistant messages at the end of the list",
    "invalid params, invalid message role: system (2013)",
    "JSON schema conversion failed",
    'Unable to generate parser for this template. Unrecognized schema: "object"',
    "error parsing grammar",
]


@pytest.mark.parametrize("status", (500, 502, 503))
@pytest.mark.parametrize("text", REFUSALS)
def test_a_refusal_told_as_a_fault_of_the_server_is_a_final_400(text: str, status: int) -> None:
    failure = failure_of(openai(text, "server_error"), status)
    assert (failure.kind, failure.status, failure.final, failure.mapped) == ("invalid_request", 400, True, "validation")


# --- Kimi Code's one type for two things


@pytest.mark.parametrize(
    ("text", "kind", "remark"),
    (
        ("Kimi For Coding is currently only available for Coding Agents such as Kimi CLI", "permission", "admits only"),
        (
            "You've reached your usage limit for this billing cycle",
            "quota",
            "usage limit of this coding plan is reached",
        ),
        ("weekly limit reached, quota will reset", "quota", "usage limit of this coding plan is reached"),
        (
            "Access terminated",
            "permission",
            "either this coding plan's gate does not accept the User-Agent, or the plan's",
        ),
        ("Access terminated. Review our Community Guidelines", "permission", "has blocked this account"),
    ),
)
def test_access_terminated_is_told_apart(text: str, kind: str, remark: str) -> None:
    failure = failure_of(openai(text, "access_terminated_error"), 403)
    assert (failure.kind, failure.status, failure.final, failure.legal) == (kind, 403, True, False)
    assert failure.mapped == ("quota" if kind == "quota" else "explained")
    assert failure.message.startswith(f"{text} (Wiremend: ")
    assert remark in failure.message
