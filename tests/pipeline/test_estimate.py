"""The estimate of a prompt's tokens: four bytes a token, media at a flat rate, and no input raises."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiremend.pipeline.estimate import MEDIA, estimate


@pytest.mark.parametrize(
    ("document", "tokens"),
    (
        ({"system": "abcd"}, 1),
        ({"system": "abcde"}, 2),
        ({"system": "äöüß"}, 2),
        ({"messages": [{"role": "user", "content": "hi"}]}, 5),  # 17 bytes: the names count as well
        ({"model": "a name that is no prompt", "max_tokens": 9}, 0),
        ({"messages": [{"source": {"type": "base64", "media_type": "image/png", "data": "A" * 4000}}]}, MEDIA + 2),
        ([], 0),
        ("text", 0),
    ),
)
def test_the_rule(document: object, tokens: int) -> None:
    assert estimate(json.dumps(document, ensure_ascii=False).encode()) == tokens


@given(st.binary())
def test_no_bytes_raise(body: bytes) -> None:
    assert estimate(body) >= 0


def test_nothing_is_nothing() -> None:
    assert estimate(None) == 0
