"""Errors that no field called ``error`` tells: a gateway's code and msg, and the error of a choice."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.lab.replies import sse
from tests.protocols.chat.kit import HEAD, chunk
from wiremend.protocols.chat.mend import MENDING
from wiremend.protocols.mending import Origin
from wiremend.sse import EventParser

BEGUN = chunk({"role": "assistant", "content": "Hel"})
DONE = b"data: [DONE]\n\n"


def mended(body: bytes) -> tuple[bytes, str | None]:
    mender = MENDING.mender(Origin())
    given = b"".join([*map(mender.feed, EventParser().feed(body)), mender.close()])
    return given, mender.failure.message if mender.failure is not None else None


@pytest.mark.parametrize(
    "event",
    (
        {"code": 500, "msg": "boom"},
        {"code": "1302", "msg": "boom"},
        {"code": 1, "msg": "boom", "data": None},
        {"success": False, "msg": "boom"},
        {"code": 200, "success": False, "msg": "boom"},
    ),
)
def test_a_code_of_failure_with_words_ends_the_stream(event: dict[str, Any]) -> None:
    given, failure = mended(BEGUN + sse(event) + DONE)
    assert failure == "boom"
    assert given.startswith(BEGUN + b'data: {"error":{"message":"boom"')
    assert given.endswith(DONE)


@pytest.mark.parametrize(
    "event",
    (
        {"code": 0, "msg": "success"},
        {"code": "200", "msg": "ok"},
        {"code": 200, "msg": "", "success": True},
        {"code": "OK", "msg": "alive"},
        {"code": 500},
        {"msg": "alive"},
        {"code": 500, "msg": ["boom"]},
        {"code": 500, "msg": None},
    ),
)
def test_what_tells_no_failure_is_a_comment(event: dict[str, Any]) -> None:
    rest = chunk({"content": "lo"}) + chunk(finish="stop") + DONE
    given, failure = mended(BEGUN + sse(event) + rest)
    assert failure is None
    assert given == BEGUN + b": keep-alive\n\n" + rest


def test_a_chunk_with_choices_is_none_whatever_its_code() -> None:
    body = chunk({"role": "assistant", "content": "Hi"}, "stop", code=500, msg="alive") + DONE
    assert mended(body) == (body, None)


@pytest.mark.parametrize(
    ("error", "words"),
    (
        ({"code": 502, "message": "boom"}, "boom"),
        ("boom", "boom"),
        (None, "the provider ended its answer with 'error'"),
        ({}, "the provider ended its answer with 'error'"),
    ),
)
def test_the_error_of_a_choice_is_told(error: object, words: str) -> None:
    choice = {"index": 0, "delta": {}, "finish_reason": "error", "error": error}
    given, failure = mended(BEGUN + sse({**HEAD, "choices": [choice]}) + DONE)
    assert failure == words
    assert json.dumps(words).encode() in given


def test_the_error_of_a_choice_of_a_whole_body_is_told() -> None:
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": "Hel"},
        "finish_reason": "error",
        "error": {"code": 429, "message": "Rate limit exceeded"},
    }
    body = json.dumps({**HEAD, "object": "chat.completion", "choices": [choice]}).encode()
    whole = MENDING.body(body, Origin())
    assert whole.failure is not None
    assert (whole.failure.kind, whole.failure.message) == ("rate_limit", "Rate limit exceeded")
