"""Surrogates as raw bytes (CESU-8), which make a body no UTF-8 at all, on their way through the request's steps."""

from __future__ import annotations

import gzip

import pytest

from tests.rules.kit import request, resolved
from wiremend.pipeline.outcome import Rewritten
from wiremend.pipeline.request import rewrite

NAME = "lone-surrogates"
LAB = (
    "providers: {lab: {base_url: 'https://llm.example/v1', auth: none%s}}\nroutes: [{when: {model: asked}, to: lab}]\n"
)
ON, OFF, UNMENDED = LAB % "", LAB % ", quirks: [-lone-surrogates]", LAB % ", mend: off"
# A lone half, and a pair that is written as its two halves: U+1F600, in UTF-8 f0 9f 98 80.
RAW = b'{ "model":"asked", "messages":[{"role":"user","content":"a\xed\xa0\xbd b\xed\xa0\xbd\xed\xb8\x80","n":1.50}] }'
MENDED = b'{ "model":"asked", "messages":[{"role":"user","content":"a\xef\xbf\xbd b\xf0\x9f\x98\x80","n":1.50}] }'


def sent(rules: str, body: bytes, headers: dict[str, str] | None = None) -> Rewritten:
    outcome = rewrite(request(body=body, headers=headers or {}), resolved(rules))
    assert isinstance(outcome, Rewritten)
    return outcome


def test_they_are_characters_when_they_leave() -> None:
    got = sent(ON, RAW)
    assert got.body == MENDED
    assert (got.decision.provider, got.facts.model) == ("lab", "asked")
    assert [(note.kind, note.where) for note in got.notes if note.short == NAME] == [("mended", "")]


def test_a_body_that_was_compressed_leaves_as_it_reads() -> None:
    got = sent(ON, gzip.compress(RAW), {"content-encoding": "gzip"})
    assert got.body == MENDED
    assert "content-encoding" not in got.headers


def test_edits_and_other_quirks_find_a_body_they_can_read() -> None:
    got = sent(ON + "edits: [{set: {/temperature: 1}}]\n", RAW)
    assert got.body == MENDED.removesuffix(b" }") + b',"temperature":1 }'


@pytest.mark.parametrize("rules", (OFF, UNMENDED))
def test_without_the_quirk_the_body_leaves_as_it_came(rules: str) -> None:
    rules += "default: lab/other\n"
    got = sent(rules, RAW)
    assert got.body is None
    assert got.facts.model is None
    assert not [note for note in got.notes if note.short == NAME]


@pytest.mark.parametrize(
    "body",
    (RAW.replace(b" b", b"\xff"), RAW[:-1], RAW.replace(b"}", b"\xed"), b"\xed\xa0\xbd", b"no json \xed\xa0\xbd"),
)
def test_what_is_broken_in_other_ways_leaves_as_it_came(body: bytes) -> None:
    got = sent(ON + "default: lab/other\n", body)
    assert got.body is None


def test_a_body_in_utf_8_is_not_looked_at_twice() -> None:
    got = sent(ON, MENDED)
    assert got.body is None
    assert not [note for note in got.notes if note.short == NAME]
