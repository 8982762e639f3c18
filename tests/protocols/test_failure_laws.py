"""Laws of reading errors: any input is some failure, within bounds, and no tag of a page reaches a client."""

from __future__ import annotations

import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiremend.protocols.base import ErrorKind
from wiremend.protocols.failure import Failure, failure_of, failure_of_body
from wiremend.protocols.failure_words import STATUS_OF

KINDS: frozenset[ErrorKind] = frozenset(get_args(ErrorKind.__value__))
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=40)
    | st.sampled_from(
        [
            "prompt is too long",
            "rate limit",
            '{"error":"x"}',
            "<html>",
            "1113",
            "insufficient_quota",
            "try again in 3s",
            "\ud83d",
        ]
    )
)
FIELDS = """
error errors type code message msg detail details status reason object base_resp status_code status_msg metadata raw
provider_name choices response retryDelay retry_after loc failed_generation
"""
NAMES = st.sampled_from(FIELDS.split()) | st.text(max_size=5)
DOCUMENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=6), max_leaves=25
)


def sound(failure: Failure) -> None:
    assert failure.kind in KINDS
    assert 400 <= failure.status < 600
    assert failure.status == STATUS_OF[failure.kind][0] or failure.status in STATUS_OF[failure.kind][1]
    assert failure.message
    assert len(failure.message) <= 2000
    assert failure.message.isprintable() or not any(ord(letter) < 32 for letter in failure.message)
    failure.message.encode()
    assert failure.retry_after is None or 0 <= failure.retry_after <= 7 * 24 * 3600


@given(DOCUMENTS, st.none() | st.integers(-5, 1000))
def test_any_document_is_some_failure(document: object, status: int | None) -> None:
    sound(failure_of(document, status))


@given(st.binary(max_size=200) | DOCUMENTS.map(repr).map(lambda text: text.encode("utf-8", "replace")), st.integers())
def test_any_body_is_some_failure(body: bytes, status: int) -> None:
    sound(failure_of_body(body, status))


@given(st.text(st.sampled_from("<>/&;=\"' abhtmlscriptstyletitlebody!-\n"), max_size=200))
def test_no_tag_of_a_page_reaches_the_client(text: str) -> None:
    failure = failure_of_body(f"<html>{text}".encode(), 502)
    assert "<" not in failure.message
    assert ">" not in failure.message


@given(DOCUMENTS, st.sampled_from((400, 401, 403, 404, 429, 500, 503)))
def test_reading_is_the_same_from_bytes_and_from_the_document(document: object, status: int) -> None:
    body = json.dumps({"error": document})
    assert failure_of_body(body.encode(), status) == failure_of(json.loads(body), status)


@pytest.mark.parametrize(
    "body",
    (
        b"[" * 100_000,
        b'{"error":' * 50_000,
        b'{"error":{"message":"' + b"x" * 5_000_000 + b'"}}',
        b'{"error":{"message":"' + b"maximum context length is " * 100_000 + b'"}}',
        b"<title" * 200_000,
        b"<script" * 200_000,
        b"<" * 1_000_000,
        b'{"error":{"message":"' + b"1,2" * 500_000 + b'"}}',
        b'{"code":' + b"9" * 100_000 + b"}",
        b'{"detail":[' + b'{"msg":"x"},' * 100_000 + b"{}]}",
        b"data: {\n" * 100_000,
    ),
    ids=lambda body: body[:20].decode(),
)
def test_huge_bodies_are_read_within_bounds(body: bytes) -> None:
    sound(failure_of_body(body, 500))


def test_words_are_looked_for_six_levels_down() -> None:
    document: object = "boom"
    for _ in range(6):
        document = {"error": document}
    assert failure_of(document, 500).message == "boom"
    assert failure_of({"error": document}, 500).message == "the provider gave an error without words"
