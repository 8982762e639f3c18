"""What is read out of a failed reply: which trouble it is, whether asking again can help, and how long to wait."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiremend.headers import Headers
from wiremend.pipeline import trouble
from wiremend.pipeline.trouble import of_connection, of_reply, of_stall, of_stream
from wiremend.protocols.failure import failure_of

if TYPE_CHECKING:
    from wiremend.pipeline.trouble import Trouble

NOON = 1_800_000_000.0  # 2027-01-15 08:00:00 UTC


def openai(message: str, kind: str | None = None, code: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def anthropic(kind: str, message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}}


def read(status: int, document: object = None, *fields: tuple[str, str], now: float = NOON) -> Trouble:
    """Read a reply; a document is sent as JSON, bytes as they are."""
    body = document if isinstance(document, bytes) else b"" if document is None else json.dumps(document).encode()
    found = of_reply(status, Headers(fields), body, now=now)
    assert found is not None
    return found


EMPTY = (
    # Moonshot's own client's rule: the type, or one of the phrases
    (429, openai("quota", "exceeded_current_quota_error")),
    (429, openai("You exceeded your current quota, please check your plan", "rate_limit_reached_error")),
    (429, openai("exceeded your current token quota: 0", None)),
    (429, openai("suspended, please check your account balance")),
    (429, openai("Your account is suspended due to insufficient balance", "rate_limit_reached_error")),
    (429, openai("your account is out, please recharge")),
    (429, openai("Your account org-1 is in arrears")),
    # others
    (429, openai("You exceeded your current quota", "insufficient_quota", "insufficient_quota")),
    (429, {"error": {"code": "1113", "message": "Insufficient balance or no resource package. Please recharge."}}),
    (402, openai("Insufficient Balance", "unknown_error", "invalid_request_error")),
    (402, openai("Payment Required", "access_denied")),
    (402, b""),
    (402, b"<html><title>Payment Required</title></html>"),
    (400, anthropic("invalid_request_error", "Your credit balance is too low to access the Anthropic API")),
    (403, anthropic("access_terminated_error", "You've reached your weekly limit, your quota will reset on Monday")),
    (429, openai("The usage limit has been reached", "usage_limit_reached")),
    (429, {"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}),
)


@pytest.mark.parametrize(("status", "document"), EMPTY)
@pytest.mark.parametrize("wait", (None, "1"))
def test_an_empty_balance_is_a_quota_whatever_status_and_time_it_comes_with(
    status: int, document: object, wait: str | None
) -> None:
    found = read(status, document, *([("retry-after", wait)] if wait else []))
    assert (found.word, found.status, found.final) == ("quota", status, True)


@pytest.mark.parametrize(
    ("status", "document", "kind"),
    (
        (429, openai("too many", "rate_limit_reached_error"), "rate_limit"),
        (429, openai("The engine is currently overloaded", "engine_overloaded_error"), "overloaded"),
        (429, None, "rate_limit"),
        (429, anthropic("rate_limit_error", "slow down"), "rate_limit"),
        (529, anthropic("overloaded_error", "Overloaded"), "overloaded"),
        (408, None, "timeout"),
        (409, openai("conflict"), "invalid_request"),
        (500, anthropic("api_error", "Internal server error"), "upstream"),
        (502, b"<html><head><title>502 Bad Gateway</title></head></html>", "upstream"),
        (503, None, "upstream"),
        (503, openai("busy", "service_unavailable"), "overloaded"),
        (504, None, "timeout"),
        (524, b"error code: 524", "timeout"),
    ),
)
def test_what_is_over_in_a_moment_is_a_status_that_may_be_asked_again(status: int, document: object, kind: str) -> None:
    found = read(status, document)
    assert found.failure is not None
    assert (found.word, found.status, found.failure.kind, found.final) == ("status", status, kind, False)


@pytest.mark.parametrize(
    ("status", "document"),
    (
        (400, anthropic("invalid_request_error", "max_tokens: required")),
        (400, openai("exceeded model token limit: 8 (requested: 9)")),
        (401, openai("Incorrect API key", "invalid_request_error", "invalid_api_key")),
        (403, anthropic("permission_error", "no")),
        (404, openai("The model `x` does not exist", "invalid_request_error", "model_not_found")),
        (413, None),
        (422, {"detail": [{"loc": ["body", "messages"], "msg": "field required"}]}),
        (500, {"error": "jinja2.exceptions.TemplateError: roles must alternate"}),
        (503, openai("invalid params, tool_call_id is not found (2013)")),
    ),
)
def test_a_refusal_is_final_also_where_it_is_told_as_a_fault_of_the_server(status: int, document: object) -> None:
    found = read(status, document)
    assert (found.word, found.final) == ("status", True)


@pytest.mark.parametrize(("said", "final"), (("false", True), (" False ", True), ("true", False), ("no", False)))
def test_a_provider_may_forbid_to_ask_again(said: str, final: bool) -> None:  # noqa: FBT001 - a column of the table
    assert read(503, None, ("X-Should-Retry", said)).final is final


def test_true_makes_no_refusal_worth_a_retry() -> None:
    assert read(400, None, ("x-should-retry", "true")).final


@pytest.mark.parametrize("status", (100, 200, 204, 302, 399))
def test_no_error_s_status_is_no_trouble(status: int) -> None:
    assert of_reply(status, Headers(), b'{"error": {"message": "no"}}', now=NOON) is None


# -- how long to wait


@pytest.mark.parametrize(
    ("fields", "document", "wait"),
    (
        ((("Retry-After", "7"),), None, 7.0),
        ((("retry-after", "0"),), None, 0.0),
        ((("retry-after-ms", "250"), ("retry-after", "7")), None, 0.25),
        ((("retry-after", "Fri, 15 Jan 2027 08:00:09 GMT"),), None, 9.0),
        ((("retry-after", "Fri, 15 Jan 2027 07:00:00 GMT"),), None, 0.0),
        # the provider's clock is an hour ahead of ours: its dates are read against its own
        (
            (("retry-after", "Fri, 15 Jan 2027 09:00:09 GMT"), ("date", "Fri, 15 Jan 2027 09:00:00 GMT")),
            None,
            9.0,
        ),
        ((("retry-after", "Fri, 15 Jan 2027 08:00:09 GMT"), ("date", "yesterday")), None, 9.0),
        ((), openai("Rate limit reached. Please try again in 1.5s."), 1.5),
        ((), openai("Rate limit: try again in 2m"), 120.0),
        ((), openai("Rate limit: try again in 1m30s"), 90.0),
        ((), [{"error": {"code": 429, "message": "x", "details": [{"retryDelay": "34s"}]}}], 34.0),
        ((("retry-after", "3"),), openai("Rate limit: try again in 2m"), 3.0),
        ((("retry-after", "soon"),), openai("Rate limit: try again in 2m"), 120.0),
        ((("retry-after", "-1"),), None, None),
        ((("retry-after", "nan"),), None, None),
        ((("retry-after", "1e3"),), None, None),
        ((("retry-after", "99999999"),), None, None),
        ((("retry-after", ""),), None, None),
        ((), None, None),
    ),
)
def test_the_time_to_wait_is_the_provider_s(
    fields: tuple[tuple[str, str], ...], document: object, wait: float | None
) -> None:
    assert read(429, document, *fields).retry_after == wait


@pytest.mark.parametrize(
    ("fields", "wait"),
    (
        # OpenAI's: the limit that has something left is not the one in the way
        (
            (
                ("x-ratelimit-remaining-requests", "59"),
                ("x-ratelimit-reset-requests", "1s"),
                ("x-ratelimit-remaining-tokens", "0"),
                ("x-ratelimit-reset-tokens", "6m0s"),
            ),
            360.0,
        ),
        ((("x-ratelimit-reset-requests", "120ms"), ("x-ratelimit-reset-tokens", "7.66s")), 7.66),
        ((("x-ratelimit-remaining-tokens", "12"), ("x-ratelimit-reset-tokens", "6m0s")), None),
        # OpenRouter's: milliseconds since 1970
        ((("X-RateLimit-Remaining", "0"), ("X-RateLimit-Reset", "1800000030000")), 30.0),
        ((("x-ratelimit-reset", "1800000030"),), 30.0),
        ((("x-ratelimit-reset", "1799999000"),), 0.0),
        ((("ratelimit-reset", "12"),), 12.0),
        # Anthropic's: a date of RFC 3339
        (
            (
                ("anthropic-ratelimit-requests-remaining", "0"),
                ("anthropic-ratelimit-requests-reset", "2027-01-15T08:00:20Z"),
            ),
            20.0,
        ),
        ((("x-ratelimit-reset", "tomorrow"),), None),
        ((("x-ratelimit-reset", "99999999999999"),), None),
        ((("x-ratelimit-reset", "2027-01-15"),), None),
        ((("x-ratelimit-reset", "9999-12-31T23:59:59Z"),), None),
        ((("x-ratelimit-resets", "3"), ("my-ratelimit-reset", "3")), None),
    ),
)
def test_a_limit_that_is_spent_says_when_it_is_renewed(fields: tuple[tuple[str, str], ...], wait: float | None) -> None:
    assert read(429, None, *fields).retry_after == wait


def test_what_the_reply_says_outright_counts_more_than_its_limits() -> None:
    limits = ("x-ratelimit-reset-tokens", "6m0s")
    assert read(429, None, limits, ("retry-after", "2")).retry_after == 2.0
    assert read(429, openai("try again in 3s"), limits).retry_after == 3.0


def test_limits_say_nothing_of_another_trouble() -> None:
    assert read(500, None, ("x-ratelimit-reset-tokens", "6m0s")).retry_after is None


# -- troubles without a status


@pytest.mark.parametrize(
    ("document", "word", "final"),
    (
        (anthropic("overloaded_error", "Overloaded"), "stream", False),
        (anthropic("api_error", "Internal server error"), "stream", False),
        (anthropic("invalid_request_error", "prompt is too long: 9 tokens > 8 maximum"), "stream", True),
        (openai("no money", "insufficient_quota", "insufficient_quota"), "quota", True),
    ),
)
def test_an_error_in_a_stream_is_the_trouble_that_it_tells_of(
    document: dict[str, Any],
    word: str,
    final: bool,  # noqa: FBT001 - a column of the table
) -> None:
    failure = failure_of(document)
    found = of_stream(failure)
    assert (found.word, found.final, found.status, found.failure) == (word, final, None, failure)
    assert found.message == failure.message


def test_a_stream_s_error_says_when_to_come_back() -> None:
    assert of_stream(failure_of(openai("Rate limit: try again in 1.5s", "rate_limit_error"))).retry_after == 1.5


def test_a_stream_without_a_word_is_a_trouble_too() -> None:
    assert of_stream(None) == trouble.Trouble("stream", "the stream ended before it said anything")
    assert of_stream(None, "cut after 12 bytes").message == "cut after 12 bytes"


def test_the_line_s_troubles_can_be_tried_again() -> None:
    assert of_connection("refused") == trouble.Trouble("connection", "refused")
    assert of_stall("600 s without a byte") == trouble.Trouble("stall", "600 s without a byte")


NAMES = st.sampled_from(
    ("retry-after", "retry-after-ms", "x-ratelimit-reset", "x-ratelimit-remaining", "x-should-retry", "date")
)
VALUES = st.one_of(st.text(max_size=30), st.integers().map(str), st.floats().map(str), st.datetimes().map(str))


@given(
    st.integers(min_value=400, max_value=999),
    st.lists(st.tuples(NAMES, VALUES), max_size=5),
    st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)),
)
def test_whatever_a_reply_says_it_is_read_and_no_wait_is_mad(
    status: int, fields: list[tuple[str, str]], body: bytes
) -> None:
    found = of_reply(status, Headers(tuple(fields)), body, now=NOON)
    assert found is not None
    assert found.retry_after is None or 0 <= found.retry_after <= 7 * 86400
    assert "\n" not in found.message
    assert found.word in {"status", "quota"}
