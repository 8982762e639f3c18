"""What a crossing adds to its parts: which event is the error, and what does not cross."""

from __future__ import annotations

import pytest

from wiremend.pipeline.crossing import is_error
from wiremend.sse import EventParser, render


@pytest.mark.parametrize(
    ("data", "is_one"),
    (
        (b'{"error":{"message":"m"}}', True),
        (b'{"id":"x","error":{"message":"m"},"choices":[]}', True),
        (b'{"error":"gone"}', True),
        (b'{"error":null,"choices":[]}', False),
        (b'{"choices":[]}', False),
        (b'{"type":"error","error":{"type":"overloaded_error","message":"m"}}', True),
        (b'{"type":"response.failed","response":{}}', True),
        (b'{"type":"response.created","response":{"error":null}}', False),
        (b'{"type":"response.completed","error":null}', False),
        (b"[DONE]", False),
        (b"\xff", False),
        (b"[" * 100_000, False),
    ),
)
def test_an_error_is_told_from_what_is_none(data: bytes, is_one: bool) -> None:  # noqa: FBT001 - a column
    (event,) = EventParser().feed(render(data))
    assert is_error(event) is is_one
