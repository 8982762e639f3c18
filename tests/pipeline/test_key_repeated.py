"""A credential of the rules that the provider repeats is none of the client's business (G8); the client's own is."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.replay.kit import KEY, captured
from wiremend.captures.capture import Body
from wiremend.headers import Headers
from wiremend.replay.rules import Today
from wiremend.replay.run import CUTS, replay

if TYPE_CHECKING:
    from wiremend.captures.capture import Capture
    from wiremend.replay.run import Cuts

RULES = "providers: {lab: {base_url: 'http://127.0.0.1:8000/v1', key: $LAB_KEY}}\ndefault: lab\n"
THEIRS = "sk-kimi-" + "Zz9" * 12
SHORT = "dummy"


def told(text: bytes, status: int, kind: str, secret: str = THEIRS) -> Capture:
    capture = captured()
    attempt = capture.attempts[0]
    assert attempt.response is not None
    response = replace(attempt.response, status=status, headers=Headers((("content-type", kind),)), body=Body(text))
    inputs = replace(capture.inputs, credentials={"$LAB_KEY": secret})
    return replace(capture, inputs=inputs, attempts=(replace(attempt, response=response),))


def given(capture: Capture, cuts: Cuts = "recorded") -> tuple[bytes, list[str]]:
    done = replay(capture, Today(RULES, "rules.yaml"), cuts)
    assert done.answer is not None
    return done.answer.body.data, [note.short for note in done.notes]


ERRORS = (
    (
        json.dumps({"error": {"message": f"Incorrect API key provided: {THEIRS}.", "type": "x"}}),
        401,
        "application/json",
    ),
    (json.dumps({"detail": f"no such key {THEIRS}"}), 500, "application/json"),
    (f"<html><title>401</title>{THEIRS}</html>", 401, "text/html"),
    (json.dumps({"error": {"message": THEIRS, "type": "x"}}), 200, "application/json"),
    (f'data: {{"error":{{"message":"key {THEIRS} is gone","type":"x"}}}}\n\n', 200, "text/event-stream"),
)


@pytest.mark.parametrize(("text", "status", "kind"), ERRORS)
@pytest.mark.parametrize("cuts", CUTS)
def test_the_rules_own_key_does_not_reach_the_client(text: str, status: int, kind: str, cuts: Cuts) -> None:
    body, codes = given(told(text.encode(), status, kind), cuts)
    assert THEIRS.encode() not in body
    assert body
    if b"sk-kimi-" in body:
        assert "sk-kimi-…".encode() in body or b"sk-kimi-\\u2026" in body
        assert "key-repeated" in codes or "error" in codes


@pytest.mark.parametrize("cuts", CUTS)
def test_nor_does_it_in_the_middle_of_a_stream(cuts: Cuts) -> None:
    begun = b"".join(captured().attempts[0].response.body.chunks[:2])  # type: ignore[union-attr]  # the kit's has one
    end = json.dumps({"error": {"message": f"your key {THEIRS} expired", "type": "x"}}).encode()
    body, codes = given(told(begun + b"data: " + end + b"\n\n", 200, "text/event-stream"), cuts)
    assert body.startswith(begun)
    assert THEIRS.encode() not in body
    assert "key-repeated" in codes


def test_the_clients_own_key_may_be_repeated_to_it() -> None:
    text = json.dumps({"error": {"message": f"Incorrect API key provided: {KEY}", "type": "invalid_request_error"}})
    capture = told(text.encode(), 401, "application/json", secret=KEY)
    body, codes = given(capture)
    assert KEY.encode() in body
    assert "key-repeated" not in codes


def test_a_word_in_a_keys_place_stays_a_word() -> None:
    text = json.dumps({"error": {"message": f"a {SHORT} error", "type": "x"}})
    body, codes = given(told(text.encode(), 400, "application/json", secret=SHORT))
    assert SHORT.encode() in body
    assert "key-repeated" not in codes
