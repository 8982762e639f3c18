"""What a reply is, by its first bytes: nothing raises, and what is once known stays so whatever comes behind it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.lab import replies
from tests.pipeline.kit import LEGAL, NAMES, SAMPLES, anything, context, events
from wiremend.pipeline.shapes import PEEK_BYTES, look, shape_of, undeclared_coding

if TYPE_CHECKING:
    from wiremend.protocols.base import WireName

each_wire = pytest.mark.parametrize("name", NAMES)
BODIES = {
    "messages": replies.messages_body(replies.Answer()),
    "chat": replies.chat_body(replies.Answer()),
    "responses": replies.responses_body(replies.Answer()),
}


@each_wire
@settings(max_examples=100)
@given(st.data())
def test_what_is_known_of_a_beginning_is_true_of_the_whole(name: WireName, data: st.DataObject) -> None:
    raw = data.draw(anything(name) | LEGAL[name])
    told = [shape_of(raw[:at], ended=False) for at in range(min(len(raw), 200) + 1)]
    known = next((shape for shape in told if shape is not None), None)
    assert all(shape in {None, known} for shape in told)
    at_once = shape_of(raw, ended=True)
    assert at_once is not None
    assert known in {None, at_once}


@each_wire
@settings(max_examples=60)
@given(st.data())
def test_any_bytes_can_be_looked_at(name: WireName, data: st.DataObject) -> None:
    raw, of = data.draw(anything(name)), context(name)
    for at in (0, 1, len(raw) // 2, len(raw)):
        look(raw[:at], of.mending, of.origin, ended=False)
        assert look(raw[:at], of.mending, of.origin, ended=True) is not None
    whole = raw + b"\n\n: x" + b" " * PEEK_BYTES
    if shape_of(raw, ended=False) is not None:
        assert look(whole, of.mending, of.origin, ended=False) is not None


@each_wire
@settings(max_examples=60)
@given(st.data())
def test_a_legal_stream_is_known_by_its_first_event_that_says_something(name: WireName, data: st.DataObject) -> None:
    raw, of = data.draw(LEGAL[name]), context(name)
    first = next(event for event in events(raw) if event.data is not None and event.event != "ping")
    until = raw.index(first.raw) + len(first.raw)
    at = data.draw(st.integers(0, until - 1))
    assert look(raw[:at], of.mending, of.origin, ended=False) is None
    known = look(raw[:until], of.mending, of.origin, ended=False)
    assert known is not None
    assert (known.shape, known.failure) == ("stream", None)


@each_wire
@pytest.mark.parametrize(
    "first",
    (
        b'data: {"error":{"message":"slow down","code":429}}\n\n',
        b': hi\n\ndata: {"error":{"message":"slow down","type":"rate_limit_error"}}\n\n',
        b'event: error\ndata: {"type":"error","error":{"type":"rate_limit_error","message":"slow down"}}\n\n',
    ),
)
def test_a_stream_whose_first_word_is_an_error_is_told_by_it(name: WireName, first: bytes) -> None:
    of = context(name)
    seen = look(first + b"".join(SAMPLES[name]), of.mending, of.origin, ended=False)
    assert seen is not None
    assert seen.failure is not None
    assert "slow down" in seen.failure.message


@each_wire
def test_an_error_behind_the_first_words_is_not_waited_for(name: WireName) -> None:
    of = context(name)
    raw = b"".join(SAMPLES[name][:3]) + b'data: {"error":{"message":"slow down","code":429}}\n\n'
    seen = look(raw, of.mending, of.origin, ended=False)
    assert seen is not None
    assert seen.failure is None


@each_wire
@pytest.mark.parametrize("indent", (None, 2))
def test_a_body_is_json_however_it_is_laid_out(name: WireName, indent: int | None) -> None:
    body = json.dumps(BODIES[name], indent=indent).encode()
    assert shape_of(body, ended=True) == "json"
    assert shape_of(b"\xef\xbb\xbf \r\n" + body, ended=True) == "json"
    assert shape_of(body + b"\n", ended=True) == "json"


@each_wire
def test_events_without_data_in_front_are_a_stream_wherever_they_are_cut(name: WireName) -> None:
    """Quirk ``sse-data-prefix-missing``: bare JSON, a line an event."""
    lines = [event.data for event in events(b"".join(SAMPLES[name])) if event.data]
    raw = b"\n".join(lines) + b"\n"
    assert shape_of(raw, ended=True) == "stream"
    assert {shape_of(raw[:at], ended=False) for at in range(1, len(raw))} <= {None, "stream"}


@pytest.mark.parametrize("mark", (b"\xef", b"\xef\xbb", b"\xef\xbb\xbf"))
def test_a_part_of_a_byte_order_mark_says_nothing_yet(mark: bytes) -> None:
    assert shape_of(mark, ended=False) is None
    assert shape_of(mark[:3], ended=True) in {"empty", "text"}


@pytest.mark.parametrize(
    ("first", "coding"), ((b"\x1f\x8b\x08", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"data", None), (b"", None))
)
def test_a_coding_shows(first: bytes, coding: str | None) -> None:
    assert undeclared_coding(first) == coding
