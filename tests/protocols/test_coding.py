"""coding.py: text that no UTF-8 can hold, marks of reasoning, and what proves it."""

from __future__ import annotations

import json

import pytest

from tests.protocols.turns import opened
from wiremend.events import Delta, PartStarted
from wiremend.protocols.coding import Proof, mark, paired, quoted, type_of


@pytest.mark.parametrize(
    ("text", "whole"),
    (
        ("", ""),
        ("abc", "abc"),
        ("é😀", "é😀"),
        ("\ud83d\ude00", "😀"),
        ("a\ud83d", "a\ufffd"),
        ("\ude00a", "\ufffda"),
        ("\ude00\ud83d", "\ufffd\ufffd"),
    ),
)
def test_halves_are_joined_and_those_that_are_alone_replaced(text: str, whole: str) -> None:
    assert paired(text) == whole
    assert json.loads(quoted(text)) == whole


def test_a_mark_says_the_wire_and_what_else_is_needed() -> None:
    assert json.loads(mark("chat")) == {"wire": "chat"}
    assert json.loads(mark("chat", format="\ud83d", id="")) == {"wire": "chat", "format": "\ufffd"}


@pytest.mark.parametrize("text", ("", "x", "5", "[]", '{"type":5}', '{"x":1}', "[" * 9999))
def test_what_has_no_type_has_none(text: str) -> None:
    assert type_of(text) == ""


def test_a_proof_is_sealed_by_the_names_of_its_own_wire() -> None:
    proof = Proof.of(PartStarted(0, "thinking", "rs_1", extra='{"wire":"responses","field":"summary","n":5}'))
    assert not proof.is_of("messages")
    for piece in (Delta(0, "encrypted", "old"), Delta(0, "encrypted", "new"), Delta(0, "encrypted", "")):
        proof.take(piece)
    proof.take(Delta(0, "thinking", "x"))
    sealed = proof.sealed()
    assert sealed is not None
    assert opened(sealed) == ("responses", {"id": "rs_1", "field": "summary", "encrypted_content": "new"})


def test_a_part_without_a_proof_has_no_envelope() -> None:
    proof = Proof.of(PartStarted(0, "thinking", "r1", extra=mark("chat")))
    assert (proof.any, proof.sealed()) == (False, None)
    proof.take(Delta(0, "signature", ""))
    assert proof.sealed() is None
    proof.take(Delta(0, "signature", "\ud83d"))
    assert opened(proof.sealed() or "") == ("chat", {"id": "r1", "signature": "\ufffd"})


@pytest.mark.parametrize("extra", ("", "{", "[]", "{}", '{"wire":null}', '{"wire":["chat"]}', '{"wire":"fax"}'))
def test_a_part_without_a_mark_is_nobodys(extra: str) -> None:
    proof = Proof.of(PartStarted(0, "redacted", extra=extra))
    proof.take(Delta(0, "encrypted", "x"))
    assert (proof.wire, proof.any, proof.sealed()) == (None, True, None)
