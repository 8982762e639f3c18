"""What a provider's error means: by shape, name, code, phrase and status, and in this order.

The table of bodies is docs/errors.md, which ``test_failure_docs`` holds to the code; here are the laws between them.
"""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest

from wiremend.protocols import loose
from wiremend.protocols.base import ErrorKind
from wiremend.protocols.failure import failure_of, failure_of_body
from wiremend.protocols.failure_words import FINAL, STATUS_OF, VAGUE, kind_of_status

KINDS: frozenset[ErrorKind] = frozenset(get_args(ErrorKind.__value__))


def openai(message: str, type_: str | None = None, code: str | int | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": type_, "param": None, "code": code}}


def test_every_kind_has_a_status() -> None:
    assert set(STATUS_OF) == KINDS
    assert {"rate_limit", "overloaded", "timeout", "upstream", "internal"} == KINDS - FINAL


# --- the shapes

SHAPES: list[Any] = [
    {"error": {"message": "boom", "type": "x", "code": None}},
    {"type": "error", "error": {"type": "x", "message": "boom"}},
    [{"error": {"code": 400, "message": "boom", "status": "INVALID_ARGUMENT"}}],
    {"error": "boom"},
    {"error": True, "message": "boom"},
    {"error": {"error": {"message": "boom"}}},
    {"object": "error", "message": "boom", "type": "BadRequestError", "code": 400},
    {"object": "error", "message": {"detail": "boom"}},
    {"object": "error", "message": {"detail": [{"msg": "boom"}]}},
    {"detail": "boom"},
    {"detail": [{"msg": "boom", "type": "missing"}]},
    {"detail": {"message": "boom"}},
    {"message": "boom"},
    {"code": 7, "message": "boom"},
    {"code": 7, "msg": "boom"},
    {"error": {"code": "7", "reason": "boom"}},
    {"errors": [{"message": "boom"}]},
    {"base_resp": {"status_code": 1000, "status_msg": "boom"}},
    {"type": "error", "code": "server_error", "message": "boom", "param": None, "sequence_number": 3},
    {"type": "response.failed", "response": {"id": "r", "error": {"code": "server_error", "message": "boom"}}},
    {"choices": [{"index": 0, "finish_reason": "error", "error": {"code": 502, "message": "boom"}}]},
    {"choices": [], "error": {"message": "boom", "code": 502}},
    {"error": {"message": '{"error": {"message": "boom"}}'}},
    {"error": '{"message": "boom"}'},
    '{"error": "boom"}',
    "boom",
    "  boom\r\n",
    "\x1b[31mboom\x1b[0m",
    "<html><body><script>var a = '<p>';</script><h1>boom</h1></body></html>",
    "<html><head><title>\n boom </title></head><body>no</body></html>",
    "<?xml version='1.0'?><Error>boom</Error>",
]


@pytest.mark.parametrize("document", SHAPES, ids=lambda document: json.dumps(document)[:60])
def test_the_words_of_every_shape_are_found(document: object) -> None:
    message = failure_of(document, 400).message
    assert message.removesuffix(" (a page, not an answer of the API)") == "boom"


def test_what_fastapi_refuses_is_told_with_its_place() -> None:
    document = {"detail": [{"loc": ["body", "tools", 0], "msg": "too short"}, {"loc": ["query"], "msg": "missing"}]}
    assert failure_of(document, 422).message == "too short (body.tools.0): missing (query)"


def test_a_router_s_error_has_the_words_and_the_name_of_who_is_behind_it() -> None:
    raw = json.dumps({"error": {"message": "This model's maximum context length is 8 tokens", "type": "x"}})
    document = {"error": {"message": "Provider returned error", "code": 400, "metadata": {"raw": raw}}}
    document["error"]["metadata"]["provider_name"] = "Novita"  # type: ignore[index]  # a literal of mixed types
    failure = failure_of(document, 200)
    assert failure.message == "Provider returned error: This model's maximum context length is 8 tokens (Novita)"
    assert failure.kind == "context_length"


def test_a_failed_generation_is_told_in_short_and_kept_whole() -> None:
    written = "<function=ls>" + "x" * 1000
    document = {"error": {"message": "Failed", "code": "tool_use_failed", "failed_generation": written}}
    failure = failure_of(document, 400)
    assert failure.generation == written
    assert failure.message.startswith("Failed (the model wrote: <function=ls>xxx")
    assert len(failure.message) < 400
    assert not failure.final


@pytest.mark.parametrize("body", (b"", b"  \r\n", b"\xef\xbb\xbf"))
@pytest.mark.parametrize(("status", "kind"), ((400, "invalid_request"), (413, "request_too_large")))
def test_an_empty_refusal_is_likely_an_overflow_but_not_called_one(body: bytes, status: int, kind: str) -> None:
    failure = failure_of_body(body, status)
    assert (failure.kind, failure.status) == (kind, status)
    assert "likely" in failure.message


def test_an_empty_success_is_a_failure_of_the_provider() -> None:
    failure = failure_of_body(b"", 200)
    assert (failure.kind, failure.status, failure.final) == ("upstream", 502, False)


@pytest.mark.parametrize(
    "body",
    (
        b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n',
        b'data: {"error":{"message":"Overloaded"}}\n\ndata: [DONE]\n\n',
        b': OPENROUTER PROCESSING\n\ndata: {"error":{"message":"Overloaded"}}\n\n',
        b'\xef\xbb\xbf{"error":{"message":"Overloaded"}}',
        b'{"error":{"message":"Over\x01loaded"}}'.replace(b"\x01", b""),
    ),
)
def test_an_error_as_events_or_behind_a_mark_is_read(body: bytes) -> None:
    failure = failure_of_body(body, 500)
    assert (failure.kind, failure.message) == ("overloaded", "Overloaded")


def test_json_that_strict_readers_refuse_is_read() -> None:
    assert failure_of_body(b'{"error":{"message":"half \\ud83d a\tb"}}', 400).message == "half a b"
    assert failure_of_body(b'{"error":{"message":"caf\xe9"}}', 400).message == "caf\ufffd"


def test_a_page_by_its_content_type_is_a_page() -> None:
    failure = failure_of_body(b"Just a moment... <b>wait</b>", 403, "text/html; charset=utf-8")
    assert failure.message == "Just a moment... wait (a page, not an answer of the API)"
    assert failure.kind == "permission"


# --- the order of trust


def test_the_type_is_trusted_before_the_code() -> None:
    """Mistral's 1300 is a rate limit, Z.ai's a breach of policy; Mistral names the type too."""
    document = {"object": "error", "message": "no", "type": "rate_limited", "code": "1300"}
    assert failure_of(document, 429).kind == "rate_limit"
    assert failure_of({"error": {"code": "1300", "message": "no"}}, 400).kind == "invalid_request"


def test_a_name_is_trusted_before_a_phrase_and_a_status() -> None:
    assert failure_of(openai("the server is overloaded", "authentication_error"), 500).kind == "authentication"


def test_an_exact_code_is_trusted_before_a_vague_type() -> None:
    assert failure_of(openai("no", "rate_limit_error", "insufficient_quota"), 429).kind == "quota"
    assert failure_of(openai("no", "invalid_request_error", "model_not_found"), 404).kind == "model_not_found"


@pytest.mark.parametrize("type_", sorted(VAGUE))
def test_a_phrase_is_trusted_before_a_name_that_says_little(type_: str) -> None:
    assert failure_of(openai("prompt is too long", type_), 400).kind == "context_length"


def test_a_phrase_is_trusted_before_a_status() -> None:
    assert failure_of({"error": {"message": "The engine is overloaded"}}, 429).kind == "overloaded"


@pytest.mark.parametrize("status", (400, 401, 404, 422))
def test_a_refused_request_that_quotes_a_load_is_still_refused(status: int) -> None:
    failure = failure_of(openai("unexpected text: 'server overloaded, timed out, rate limit'"), status)
    assert failure.kind == kind_of_status(status)


@pytest.mark.parametrize(
    "words", ("Rate limit reached", "Too Many Requests", "tokens per min (TPM)", "tokens per minute")
)
def test_words_of_a_rate_limit_are_no_overflow(words: str) -> None:
    failure = failure_of(openai(f"{words}: the maximum context length is 8 tokens"), 429)
    assert failure.kind == "rate_limit"
    assert not failure.final


def test_minimax_and_zai_use_the_same_numbers_for_different_things() -> None:
    assert failure_of({"base_resp": {"status_code": 1002, "status_msg": "x"}}, 200).kind == "rate_limit"
    assert failure_of({"error": {"code": 1002, "message": "x"}}, 401).kind == "authentication"
    assert failure_of(openai("login fail: wrong key (1004)", "authorized_error"), 400).kind == "authentication"
    assert failure_of(openai("[1214] Incorrect role information"), 400).kind == "invalid_request"


@pytest.mark.parametrize(
    "text", ("quota per minute exceeded your current quota", "exceeded your current quota, retry in 20s")
)
def test_a_quota_that_is_back_in_a_moment_is_a_rate(text: str) -> None:
    assert failure_of(openai(text), 429).kind == "rate_limit"


@pytest.mark.parametrize("text", ("exceeded your current quota PerDay, retry in 20s", "exceeded your current quota"))
def test_a_quota_that_is_not_is_final(text: str) -> None:
    failure = failure_of(openai(text), 429)
    assert (failure.kind, failure.status, failure.final, failure.mapped) == ("quota", 429, True, "quota")


@pytest.mark.parametrize(
    ("text", "status", "kind", "answered"),
    (
        ("invalid api key", 400, "authentication", 401),
        ("unauthorized", 403, "authentication", 403),
        ("unauthorized", 502, "upstream", 502),  # whose key is the gateway's affair
        ("request timed out", 500, "timeout", 504),
        ("deadline exceeded", None, "timeout", 504),
        ("rate limit exceeded", 500, "rate_limit", 429),
        ("rate limit exceeded", None, "rate_limit", 429),
        ("the model x is not available", 429, "rate_limit", 429),
        ("the model x is not available", 503, "model_not_found", 404),
        ("No endpoints found for moonshotai/kimi-k9.", 404, "model_not_found", 404),
        ("this model does not support tools", 404, "not_found", 404),
        ("[1113] no", 429, "quota", 429),
        ("[1114] no", 429, "rate_limit", 429),
        ("no (1008)", 400, "quota", 400),
        ("no (1008) yes", 400, "invalid_request", 400),
        ("total message size 3000000 exceeds limit 2097152", 400, "request_too_large", 400),
    ),
)
def test_a_phrase_alone_tells_the_kind(text: str, status: int | None, kind: str, answered: int) -> None:
    failure = failure_of({"error": {"message": text}}, status)
    assert (failure.kind, failure.status) == (kind, answered)


def test_the_title_of_a_page_is_no_phrase_of_the_api() -> None:
    body = b"<html><title>example.com: rate limit of the provider, request timed out</title></html>"
    assert failure_of_body(body, 502).kind == "upstream"


@pytest.mark.parametrize(
    ("code", "kind"), ((402, "quota"), ("429", "rate_limit"), (503, "overloaded"), (599, "upstream"))
)
def test_a_status_inside_counts_where_there_is_none_outside(code: int | str, kind: str) -> None:
    for status in (None, 200):
        failure = failure_of({"error": {"message": "no", "code": code}}, status)
        assert (failure.kind, failure.status) == (kind, int(code))
    assert failure_of({"error": {"message": "no", "code": code}}, 401).kind == "authentication"


def test_a_conflict_may_be_gone_the_next_time() -> None:
    """The SDKs of Anthropic and OpenAI ask again after a 409 (``_base_client._should_retry``)."""
    assert not failure_of(openai("conflict"), 409).final
    assert failure_of(openai("no"), 422).final


def test_mistral_s_nested_refusal_is_an_error_for_the_tallies_too() -> None:
    document = loose.Document(message={"detail": [{"msg": "Extra inputs are not permitted"}]})
    assert loose.error_of(document) == "Extra inputs are not permitted"
    assert loose.error_of(loose.Document(message={"role": "assistant", "content": "hi"})) is None


# --- what may leave as it came


@pytest.mark.parametrize(
    ("document", "status", "shape"),
    (
        ({"type": "error", "error": {"type": "overloaded_error", "message": "m"}}, 529, "messages"),
        (
            {"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long: 9 > 8"}},
            400,
            "messages",
        ),
        (
            {"type": "error", "error": {"type": "invalid_request_error", "message": "credit balance is too low"}},
            400,
            "messages",
        ),
        (openai("m", "insufficient_quota", "insufficient_quota"), 429, "openai"),
        (openai("m", "usage_limit_reached"), 429, "openai"),
        (openai("m", "invalid_request_error", "context_length_exceeded"), 400, "openai"),
        (openai("m", "server_error"), 500, "openai"),
        (
            {"type": "response.failed", "response": {"error": {"code": "server_error", "message": "m"}}},
            None,
            "responses",
        ),
    ),
)
def test_an_error_in_a_wire_s_own_words_is_legal_there(document: object, status: int | None, shape: str) -> None:
    failure = failure_of(document, status)
    assert (failure.legal, failure.shape) == (True, shape)


@pytest.mark.parametrize(
    ("document", "status"),
    (
        ({"type": "error", "error": {"type": "rate_limit_error", "message": "insufficient balance"}}, 429),
        (openai("insufficient balance", "rate_limit_error"), 429),
        (openai("exceeded model token limit: 1", "invalid_request_error"), 400),
        (openai("m", "server_error"), 200),
        (openai("Jinja Exception", "server_error"), None),
        ({"type": "error", "error": {"type": "access_terminated_error", "message": "usage limit reached"}}, 403),
        ({"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long"}}, 413),
        ({"type": "error", "error": {"type": "invalid_request_error", "message": "exceeds the context window"}}, 400),
        (openai("Jinja Exception", "server_error"), 500),
        (openai("Allocated quota exceeded", "insufficient_quota", "insufficient_quota"), 429),
        (openai("m"), 400),  # without a type
        (openai("m", "x", 400), 400),  # with a number for a code
        ({"error": {"message": "m", "type": "x"}, "choices": []}, 500),
        ({"type": "response.failed", "response": {"error": {"message": "m"}}}, None),
        ({"detail": "m"}, 400),
        ("m", 500),
    ),
)
def test_what_a_client_would_take_for_something_else_is_not_legal(document: object, status: int | None) -> None:
    assert not failure_of(document, status).legal
