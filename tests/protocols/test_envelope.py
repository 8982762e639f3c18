"""Envelopes: what is sealed comes back, what is none stays unopened."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiremend.protocols.envelope import PREFIX, Envelope, seal, unseal

TEXTS = st.dictionaries(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")))


@given(st.sampled_from(("messages", "chat", "responses")), TEXTS)
def test_what_is_sealed_comes_back_and_the_same_is_sealed_the_same(wire: str, contents: dict[str, str]) -> None:
    sealed = seal(wire, contents)  # type: ignore[arg-type]  # one of the three
    assert unseal(sealed) == Envelope(wire, contents)  # type: ignore[arg-type]  # as above
    assert sealed == seal(wire, dict(reversed(contents.items())))  # type: ignore[arg-type]  # as above
    assert sealed.isascii()
    assert all(letter.isalnum() or letter in "._-" for letter in sealed)  # fit for any place that takes base64


@pytest.mark.parametrize(
    "text",
    (
        None,
        "",
        "EqQBCgIYAhIM",
        PREFIX,
        f"{PREFIX}!!!!",
        f"{PREFIX}Z",
        PREFIX + base64.urlsafe_b64encode(b"[1]").decode(),
        PREFIX + base64.urlsafe_b64encode(b'{"wire":"telegraph","contents":{}}').decode(),
        PREFIX + base64.urlsafe_b64encode(b'{"wire":"chat","contents":{"a":1}}').decode(),
        PREFIX + base64.urlsafe_b64encode(b'{"wire":"chat","contents":{"a":"\xff"}}').decode(),
    ),
)
def test_what_is_none_or_broken_is_not_opened(text: str | None) -> None:
    assert unseal(text) is None


@given(st.text())
def test_no_text_raises(text: str) -> None:
    unseal(text)
    unseal(PREFIX + text)
