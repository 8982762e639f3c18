"""Streams without blank lines, or without ``data:`` (quirk ``sse-framing``), taken apart as they come.

What a parser that takes events apart must give for a stream without blank lines is what every parser gives for the same
stream with them. Streams that are framed right are drawn by hypothesis, and must come out as from any other parser.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests import wire
from wiremend import sse

if TYPE_CHECKING:
    from collections.abc import Iterable

BOM = b"\xef\xbb\xbf"
DONE = b"[DONE]"


def read(chunks: Iterable[bytes], limit: int = sse.DEFAULT_LIMIT, *, apart: bool = True) -> list[sse.Event]:
    """Run chunks through a parser to the end."""
    parser = sse.EventParser(limit, apart=apart)
    return [event for chunk in chunks for event in parser.feed(chunk)] + parser.close()


def raws(stream: bytes) -> list[bytes]:
    """Give the raw bytes of each event."""
    return [event.raw for event in read([stream])]


VALUES = st.recursive(
    st.none() | st.integers(-9, 9) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
OBJECTS = st.dictionaries(st.text(max_size=4), VALUES, max_size=2).map(lambda value: json.dumps(value).encode())
ENDS = st.sampled_from((b"\n", b"\r\n", b"\r"))
SPACES = st.sampled_from((b" ", b""))


@st.composite
def framed(draw: st.DrawFn) -> bytes:
    """Draw a stream that is framed right: JSON in one line or several, names before and behind it, comments."""
    end, blocks = draw(ENDS), []
    for _ in range(draw(st.integers(0, 5))):
        value = json.loads(draw(OBJECTS))
        text = draw(st.sampled_from((json.dumps(value), json.dumps(value, indent=1), json.dumps(value, indent=0))))
        data = [b"data:" + draw(SPACES) + line.encode() for line in text.splitlines()]
        field = st.sampled_from((b"event: a", b"event: b", b"id: 1", b"retry: 5", b": hi", b"x: {}", b":", b"dat"))
        before, behind = draw(st.lists(field, max_size=3)), draw(st.lists(field, max_size=3))
        lines = draw(st.sampled_from(([*before, *data, *behind], [b"data: [DONE]"], [b": hi"])))
        blocks += [*lines, b""]
    return draw(st.sampled_from((b"", BOM))) + b"".join(line + end for line in blocks)


@st.composite
def messy(draw: st.DrawFn) -> bytes:
    """Draw a stream of all that may meet."""
    lines = (
        b'data: {"a":1}',
        b"data:{}",
        b"data: {",
        b"data: }",
        b"data: [DONE]",
        b"data: x",
        b"data",
        b"{}",
        b'{"a":[{}]}',
    )
    other = (b"[DONE]", b"event: a", b"event: b", b"id: 1", b": c", b"", b"", b"[", b"da", b"ta: {}", BOM, b'{"a":1')
    ends = (b"\n", b"\n", b"\r", b"\r\n", b"")
    pieces = draw(st.lists(st.tuples(st.sampled_from(lines + other), st.sampled_from(ends)), max_size=14))
    return b"".join(line + end for line, end in pieces)


class TestWithoutBlankLines:
    @given(
        st.lists(OBJECTS, min_size=1, max_size=5),
        ENDS,
        SPACES,
        st.sampled_from(([], [DONE])),
        st.sampled_from((b"", BOM)),
    )
    def test_each_data_line_is_an_event(
        self, data: list[bytes], end: bytes, space: bytes, done: list[bytes], mark: bytes
    ) -> None:
        data = [*data, *done]
        events = read([mark + b"".join(b"data:" + space + one + end for one in data)])
        assert [event.data for event in events] == data
        assert [event.apart for event in events] == [True] * (len(data) - 1) + [False]
        assert not any(event.complete for event in events)

    @given(st.lists(OBJECTS, min_size=1, max_size=5), ENDS)
    def test_a_name_goes_with_the_data_behind_it(self, data: list[bytes], end: bytes) -> None:
        lines = [b"event: e%d%bdata: %b%b" % (number, end, one, end) for number, one in enumerate(data)]
        events = read([b"".join(lines)])
        assert [event.raw for event in events] == lines
        assert [event.event for event in events] == [f"e{number}" for number in range(len(data))]

    def test_a_name_goes_with_the_data_before_it_where_the_stream_has_it_so(self) -> None:
        lines = [b"data: {}\nevent: a\n: c\n", b"data: {}\nevent: b\n"]
        assert raws(b"".join(lines)) == lines

    def test_ids_and_names_that_come_again_begin_the_next_event(self) -> None:
        lines = [b"id: 1\nevent: a\ndata: {}\n: c\n", b"id: 2\nevent: b\ndata: {}\n\n"]
        assert raws(b"".join(lines)) == lines

    def test_the_ends_of_a_line_count_as_they_stand(self) -> None:
        assert raws(b'data: {"a":1}\r\ndata: {}\rdata: [DONE]\n') == [
            b'data: {"a":1}\r\n',
            b"data: {}\r",
            b"data: [DONE]\n",
        ]

    @pytest.mark.parametrize("text", (b'{"a":"\\ud83d"}', b'{"a":NaN}', b'{"a":"\xff"}', b'{"a":1,"a":2}', b"{} "))
    def test_an_object_that_only_a_lenient_reader_takes_is_one(self, text: bytes) -> None:
        assert raws(b"data: " + text + b"\ndata: {}\n") == [b"data: " + text + b"\n", b"data: {}\n"]

    @pytest.mark.parametrize(
        "stream",
        (
            b"data: {\ndata: }\n\n",
            b'data: {"a":\ndata: {}\ndata: }\n\n',
            b'data: {}\ndata: "x"\n\n',
            b"data: {}\ndata: x\ndata: {}\n\n",
            b"data: {}}\ndata: {}\n\n",
            b"data: [\ndata: {},\ndata: {}\ndata: ]\n\n",
            b"data: {}\nevent: a\nid: 1\n: c\nevent: b\n\n",
            b"event: a\ndata: {}\nevent: b\n\n",
            b"data: {}\n\ndata: {}\n\n",
            b"data: {}\ndatum: {}\n\n",
            b"data: {}\n data: {}\n\n",
            b"data: 1\ndata: [DONE]\n\n",
            b"x\n{}\n{}\n\n",
            b": c\n\n{\n{}\n}\n",
            b"data: {}\n\n{}\n{}\n",
            b'[\n{"a":1}\n]\n',
        ),
    )
    def test_what_may_be_one_event_is_one(self, stream: bytes) -> None:
        assert read([stream]) == read([stream], apart=False)


class TestWithoutFieldNames:
    @given(st.lists(OBJECTS, min_size=1, max_size=5), ENDS, st.sampled_from((b"", BOM)))
    def test_each_line_is_an_event(self, data: list[bytes], end: bytes, mark: bytes) -> None:
        lines = [one + end for one in [*data, DONE]]
        lines[0] = mark + lines[0]
        events = read([b"".join(lines)])
        assert [event.raw for event in events] == lines
        assert all(event.data is None and not event.complete for event in events)

    def test_a_blank_line_behind_it_is_part_of_no_line(self) -> None:
        events = read([b'{"a":1}\n\n{"b":2}\n\n'])
        assert [(event.raw, event.lead) for event in events] == [(b'{"a":1}\n', 0), (b'\n{"b":2}\n', 1), (b"\n", 1)]

    def test_a_comment_goes_with_the_line_behind_it(self) -> None:
        assert raws(b": hi\n{}\n: hi\n\n{}\n") == [b": hi\n{}\n", b": hi\n\n", b"{}\n"]

    def test_what_is_framed_ends_it(self) -> None:
        assert raws(b"{}\ndata: {}\n\n{}\n{}\n") == [b"{}\n", b"data: {}\n\n", b"{}\n{}\n"]


class TestFramedRight:
    @given(framed())
    @example(b"event: a\r\ndata: {}\r\nevent: b\r\n\r\n")
    @settings(max_examples=300, deadline=None)
    def test_streams_are_read_as_by_any_other_parser(self, stream: bytes) -> None:
        assert read([stream]) == read([stream], apart=False)
        assert read(wire.bytewise(stream)) == read([stream], apart=False)


class TestNothingWaits:
    """G4: an event leaves with its last byte, or with the first bytes of the next one's data."""

    @staticmethod
    def given_at(stream: bytes) -> list[int]:
        """Give how many bytes had come when each event was given."""
        parser = sse.EventParser(apart=True)
        return [count for count, byte in enumerate(wire.bytewise(stream), 1) for _ in parser.feed(byte)]

    @pytest.mark.parametrize("begins", (b"data: {", b"data:{", b"data: [DONE]"))
    @pytest.mark.parametrize("end", (b"\n", b"\r\n", b"\r"))
    def test_for_more_than_the_next_data_s_beginning(self, begins: bytes, end: bytes) -> None:
        first = b'data: {"a":1}' + end
        assert self.given_at(first + begins) == [len(first + begins)]

    def test_for_more_than_the_end_of_a_line_without_a_field_s_name(self) -> None:
        assert self.given_at(b"{}\n{}\r\n{}\r{") == [3, 7, 11]

    def test_for_more_than_the_blank_line(self) -> None:
        assert self.given_at(b"data: {}\n\ndata: {}\r\n\r\n") == [10, 22]


class TestCuts:
    """G3: the same bytes, cut anywhere, give the same events."""

    @given(messy())
    @example(b'data: {}\ndata: {"a":1}\ndata: [DONE]\n')
    @example(b"{}\r\n{}\r\r{}\n\n{}\r")
    @settings(max_examples=200, deadline=None)
    def test_do_not_matter(self, stream: bytes) -> None:
        expected = read([stream])
        assert b"".join(event.raw for event in expected) == stream
        for name, chunks in wire.all_cuts(stream):
            assert read(chunks) == expected, name

    @given(st.data())
    @settings(max_examples=200, deadline=None)
    def test_chosen_by_hypothesis_do_not_matter(self, data: st.DataObject) -> None:
        stream = data.draw(messy())
        assert read(data.draw(wire.cuttings(stream))) == read([stream])

    @given(messy())
    @settings(max_examples=200, deadline=None)
    def test_an_event_apart_has_a_whole_object_or_the_end(self, stream: bytes) -> None:
        for event in read([stream]):
            if event.apart:
                text = event.data if event.data is not None else event.raw[event.lead :].strip().splitlines()[-1]
                assert text.strip() == DONE or isinstance(json.loads(text), dict)

    @given(messy(), st.integers(8, 24))
    @settings(max_examples=200, deadline=None)
    def test_nor_do_they_where_an_event_is_too_large(self, stream: bytes, limit: int) -> None:
        def until_error(chunks: Iterable[bytes]) -> tuple[list[sse.Event], bytes]:
            parser, events, rest = sse.EventParser(limit, apart=True), list[sse.Event](), b""
            for chunk in chunks:
                try:
                    events += parser.feed(chunk)
                except sse.StreamError as error:
                    events, rest = events + list(error.events), error.rest
                else:
                    rest += chunk if rest else b""
            return events + parser.close(), rest

        events, rest = until_error([stream])
        assert b"".join(event.raw for event in events) + rest == stream
        assert all(len(event.raw) <= limit for event in events)
        assert until_error(wire.bytewise(stream)) == (events, rest)


@pytest.mark.parametrize(
    "block",
    (
        b'data: {"a":[\n' + b"data: {},\n" * 60_000,
        b"data: {}\n" * 100_000,
        b"{}\n" * 100_000,
        b"event: a\ndata: {}\n" * 60_000,
        b"data: {}\n" + b"event: a\n" * 60_000 + b"data: {}\n",
    ),
)
def test_time_is_linear(block: bytes) -> None:
    """Looking again at what was looked at would take hours here; one look takes about a second."""
    begun = time.process_time()
    events = read([block])
    assert time.process_time() - begun < 30
    assert b"".join(event.raw for event in events) == block


def test_new_data_keeps_the_frame_of_an_event_apart() -> None:
    first: Any = read([b"event: a\ndata: {}\nevent: b\ndata: {}\n"])[0]
    assert sse.with_data(first, b"[]") == b"event: a\ndata: []\n"
