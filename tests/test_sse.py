"""Server-sent events in and out of bytes.

The expected values are read off the WHATWG text and its examples; the decoders of the official anthropic and openai
SDKs judge the same streams. Hypothesis chooses streams full of line ends and the places where they are cut (guarantee
G3), and holds the promise that no byte is lost (the ground of G1).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from anthropic._streaming import SSEDecoder as AnthropicDecoder
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from openai._streaming import SSEDecoder as OpenAIDecoder

from tests import wire
from wiremend import sse
from wiremend.errors import BodyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

BOM = b"\xef\xbb\xbf"


def read(chunks: Iterable[bytes], limit: int = sse.DEFAULT_LIMIT) -> list[sse.Event]:
    """Run chunks through a parser to the end."""
    parser = sse.EventParser(limit)
    return [event for chunk in chunks for event in parser.feed(chunk)] + parser.close()


def fields(stream: bytes) -> list[tuple[str | None, bytes | None, str | None, int | None, bool]]:
    """Give what a block says, without its bytes."""
    return [(e.event, e.data, e.id, e.retry, e.complete) for e in read([stream])]


def blocks(stream: bytes) -> list[bytes]:
    """Give the raw bytes of each block."""
    return [event.raw for event in read([stream])]


# Bytes in which every line end, field, comment and the byte order mark are likely to meet.
ENDS = b"\r|\n|\r\n|\n\n|\r\r|\r\n\r\n".split(b"|")
LINES = b"data: a|data:b|data|event: x|id: 1|id|retry: 10|: c|:|x: y| |data: \xf0\x9f\x92\x9a".split(b"|")
ODD = [b"\xc3\xa9", b"\xef", b"\xff", b"\0", BOM]
soup = st.lists(st.sampled_from([*ENDS, *LINES, *ODD]), max_size=24).map(b"".join)


class TestExamplesOfTheSpecification:
    """Section 9.2.6 of the WHATWG text, and what it says of each."""

    def test_three_data_lines_are_one_event(self) -> None:
        assert fields(b"data: YHOO\ndata: +2\ndata: 10\n\n") == [(None, b"YHOO\n+2\n10", None, None, True)]

    def test_comment_then_three_events_of_which_the_last_is_cut_off(self) -> None:
        stream = b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n"
        assert fields(stream) == [
            (None, None, None, None, True),
            (None, b"first event", "1", None, True),
            (None, b"second event", "", None, True),
            (None, b" third event", None, None, False),
        ]

    def test_data_fields_without_colon_are_empty_lines(self) -> None:
        assert fields(b"data\n\ndata\ndata\n\ndata:") == [
            (None, b"", None, None, True),
            (None, b"\n", None, None, True),
            (None, b"", None, None, False),
        ]

    def test_one_space_after_the_colon_is_no_part_of_the_value(self) -> None:
        first, second = fields(b"data:test\n\ndata: test\n\n")
        assert first == second == (None, b"test", None, None, True)


class TestFields:
    @pytest.mark.parametrize(
        ("line", "expected"),
        (
            (b"event: message_start", {"event": "message_start"}),
            (b"event", {"event": ""}),
            (b"event: a\nevent: b", {"event": "b"}),
            (b"event: caf\xc3\xa9", {"event": "café"}),
            (b"event: caf\xff", {"event": "caf\N{REPLACEMENT CHARACTER}"}),
            (b"id: a:b", {"id": "a:b"}),
            (b"id: a\0b", {}),
            (b"retry: 3000", {"retry": 3000}),
            (b"retry: 3s", {}),
            (b"retry: -1", {}),
            (b"retry:", {}),
            (b"retry: " + b"9" * 5000, {}),
            (b"Data: x", {}),
            (b" data: x", {}),
            (b"data : x", {}),
            (b":data: x", {}),
            (b"data: \xff", {"data": b"\xff"}),
        ),
    )
    def test_are_read_as_the_specification_says(self, line: bytes, expected: dict[str, Any]) -> None:
        raw = line + b"\n\n"
        nothing = sse.Event(raw=raw, event=None, data=None, id=None, retry=None, complete=True)
        assert read([raw]) == [replace(nothing, **expected)]


class TestBlocks:
    @pytest.mark.parametrize("end", (b"\n", b"\r\n", b"\r"))
    def test_end_with_their_blank_line_whatever_the_line_end(self, end: bytes) -> None:
        first, second = b"event: a" + end + b"data: 1" + end + end, b"data: 2" + end + end
        assert blocks(first + second) == [first, second]

    @pytest.mark.parametrize(
        ("stream", "expected"),
        (
            pytest.param(b"", [], id="nothing"),
            pytest.param(b": ping\n\n", [b": ping\n\n"], id="only a comment"),
            pytest.param(b"\n\ndata: a\n\n\n", [b"\n", b"\n", b"data: a\n\n", b"\n"], id="stray LF"),
            pytest.param(
                b"\r\n\r\ndata: a\r\n\r\n\r\n", [b"\r\n", b"\r\n", b"data: a\r\n\r\n", b"\r\n"], id="stray CRLF"
            ),
            pytest.param(b"\r\rdata: a\r\r\r", [b"\r", b"\r", b"data: a\r\r", b"\r"], id="stray CR"),
            pytest.param(b"data: a\n\rdata: b\n\n", [b"data: a\n\r", b"data: b\n\n"], id="LF then CR"),
            pytest.param(b"data: a\r\n\rdata: b\n\n", [b"data: a\r\n\r", b"data: b\n\n"], id="CRLF then CR"),
            pytest.param(b"data: a\r\r\r\n", [b"data: a\r\r", b"\r", b"\n"], id="CR thrice, then LF"),
            pytest.param(b"data: a\r\n\n", [b"data: a\r\n\n"], id="CRLF then LF"),
            pytest.param(b"data: a\r\ndata: b\r\n\r\n", [b"data: a\r\ndata: b\r\n\r\n"], id="CRLF is one line end"),
        ),
    )
    def test_hold_every_byte(self, stream: bytes, expected: list[bytes]) -> None:
        assert blocks(stream) == expected

    @pytest.mark.parametrize("first", (b"", b"data: 1\n\n"))
    @pytest.mark.parametrize("rest", (b"data: a", b"data: a\n", b"data: a\r", b"data: a\r\n", b": c", BOM, BOM[:2]))
    def test_that_are_cut_off_come_at_the_end_and_say_so(self, first: bytes, rest: bytes) -> None:
        *before, last = read([first, rest])
        assert [event.raw for event in before if event.complete] == ([first] if first else [])
        assert (last.raw, last.complete) == (rest, False)

    def test_that_end_in_a_held_cr_are_complete(self) -> None:
        assert [(e.raw, e.complete) for e in read([b"data: a\r\n\r"])] == [(b"data: a\r\n\r", True)]


class TestByteOrderMark:
    @pytest.mark.parametrize(("end", "count"), ((b"data: a\n\n", 1), (b"\n", 1), (b"\r\n", 1)))
    def test_belongs_to_the_first_event_and_to_no_line(self, end: bytes, count: int) -> None:
        events = read([BOM + end])
        assert len(events) == count
        assert (events[0].raw, events[0].lead) == (BOM + end, 3)
        assert events[0].data == (b"a" if b"data" in end else None)

    def test_later_in_the_stream_is_part_of_a_name(self) -> None:
        assert fields(b"\n" + BOM + b"data: a\n\n")[1] == (None, None, None, None, True)

    def test_second_mark_is_part_of_a_name(self) -> None:
        assert fields(BOM + BOM + b"data: a\n\n") == [(None, None, None, None, True)]


class TestNothingWaits:
    """G4: an event leaves in the call that brings its last byte."""

    @pytest.mark.parametrize("end", (b"\n", b"\r\n", b"\r"))
    def test_for_the_next_event(self, end: bytes) -> None:
        parser = sse.EventParser()
        stream = b"data: a" + end + end
        assert [len(parser.feed(byte)) for byte in wire.bytewise(stream)] == [0] * (len(stream) - 1) + [1]

    def test_for_a_blank_line_to_prove_stray(self) -> None:
        parser = sse.EventParser()
        assert [len(parser.feed(byte)) for byte in wire.bytewise(b"a\r\r\r")] == [0, 0, 1, 1]

    def test_lf_after_an_event_that_a_cr_ended_leads_the_next(self) -> None:
        parser = sse.EventParser()
        (first,) = parser.feed(b"data: a\r\r")
        (second,) = parser.feed(b"\ndata: b\r\n\r\n")
        assert (first.raw, first.data) == (b"data: a\r\r", b"a")
        assert (second.raw, second.data, second.lead) == (b"\ndata: b\r\n\r\n", b"b", 1)

    def test_cr_after_a_line_that_ended_in_lf_waits_for_one_byte_at_most(self) -> None:
        parser = sse.EventParser()
        assert parser.feed(b"data: a\n\r") == []
        assert [event.raw for event in parser.feed(b"d")] == [b"data: a\n\r"]


class TestCuts:
    """G3: the same bytes, cut anywhere, give the same events."""

    @given(soup)
    @example(b"data: a\r\r\ndata: b\r\n\r\r\n\n\r")
    @example(BOM + b"\r\ndata: \xc3\xa9\r\n\r\n")
    @settings(max_examples=150, deadline=None)
    def test_do_not_matter(self, stream: bytes) -> None:
        expected = read(wire.whole(stream))
        for name, chunks in wire.all_cuts(stream):
            assert read(chunks) == expected, name

    @given(st.data())
    @settings(max_examples=100, deadline=None)
    def test_chosen_by_hypothesis_do_not_matter(self, data: st.DataObject) -> None:
        stream = data.draw(soup)
        assert read(data.draw(wire.cuttings(stream))) == read([stream])

    @given(soup)
    @settings(max_examples=200, deadline=None)
    def test_lose_no_byte(self, stream: bytes) -> None:
        assert b"".join(event.raw for event in read([stream])) == stream

    @given(st.binary(max_size=64))
    @settings(max_examples=100, deadline=None)
    def test_of_any_bytes_at_all_lose_none(self, stream: bytes) -> None:
        assert b"".join(event.raw for event in read(wire.bytewise(stream))) == stream

    @given(soup)
    @settings(max_examples=100, deadline=None)
    def test_only_the_last_event_may_be_incomplete(self, stream: bytes) -> None:
        assert all(event.complete for event in read([stream])[:-1])


class TestLimit:
    @staticmethod
    def until_error(chunks: Iterable[bytes], limit: int) -> tuple[list[sse.Event], bytes]:
        """Give the events before the error and all the bytes that no event has."""
        parser, events, rest = sse.EventParser(limit), [], None
        for chunk in chunks:
            if rest is not None:
                assert parser.feed(chunk) == []
                rest += chunk
                continue
            try:
                events += parser.feed(chunk)
            except sse.StreamError as error:
                events += error.events
                rest = error.rest
        assert rest is not None, "the limit was not noticed"
        assert parser.close() == []
        return events, rest

    def test_is_the_size_of_one_event_with_its_blank_line(self) -> None:
        stream = b"data: 12\n\n" * 3
        assert len(read([stream], limit=10)) == 3
        with pytest.raises(sse.StreamError, match="larger than 9 bytes"):
            read([stream], limit=9)

    def test_is_the_sender_s_fault(self) -> None:
        assert issubclass(sse.StreamError, BodyError)

    def test_gives_what_came_before_and_all_other_bytes_for_every_cut(self) -> None:
        good, bad, later = b"data: a\n\ndata: b\n\n", b"data: " + b"x" * 40 + b"\n\n", b"data: c\n\n"
        for name, chunks in wire.all_cuts(good + bad + later):
            events, rest = self.until_error(chunks, limit=20)
            assert [event.raw for event in events] == [b"data: a\n\n", b"data: b\n\n"], name
            assert rest == bad + later, name

    def test_holds_for_an_event_that_never_ends(self) -> None:
        events, rest = self.until_error([b"x" * 5] * 4, limit=12)
        assert (events, rest) == ([], b"x" * 20)

    def test_bytes_after_close_are_refused(self) -> None:
        parser = sse.EventParser()
        parser.close()
        assert parser.close() == []
        with pytest.raises(ValueError, match="closed"):
            parser.feed(b"data: a\n\n")


def test_time_is_linear_when_a_megabyte_comes_byte_by_byte() -> None:
    """Looking again at what is held would take minutes here; one look at each byte takes about a second."""
    parser = sse.EventParser()
    stream = b"data: " + b"x" * 1_000_000 + b"\n\n"
    begun = time.process_time()
    events = [event for i in range(len(stream)) for event in parser.feed(stream[i : i + 1])]
    assert time.process_time() - begun < 30
    assert [event.raw for event in events] == [stream]


class TestRender:
    @pytest.mark.parametrize(
        ("data", "event", "expected"),
        (
            (b"{}", None, b"data: {}\n\n"),
            (b"{}", "ping", b"event: ping\ndata: {}\n\n"),
            (b"a\nb", None, b"data: a\ndata: b\n\n"),
            (b"a\r\nb\rc\n", None, b"data: a\ndata: b\ndata: c\ndata: \n\n"),
            (b" a", None, b"data:  a\n\n"),
            (b"", "x", b"event: x\ndata: \n\n"),
        ),
    )
    def test_writes_one_event(self, data: bytes, event: str | None, expected: bytes) -> None:
        assert sse.render(data, event) == expected

    @given(st.binary(max_size=40), st.none() | st.text(st.characters(exclude_characters="\r\n", codec="utf-8")))
    def test_comes_back_as_it_was_but_for_line_ends(self, data: bytes, event: str | None) -> None:
        (back,) = read([sse.render(data, event)])
        assert (back.data, back.event, back.complete) == (_with_lf(data), event, True)

    @pytest.mark.parametrize("name", ("a\nb", "a\r", "\r\ndata: x"))
    def test_name_with_a_line_end_is_refused(self, name: str) -> None:
        with pytest.raises(ValueError, match="line end"):
            sse.render(b"{}", name)


class TestWithData:
    @pytest.mark.parametrize(
        ("raw", "data", "expected"),
        (
            (b"data: a\n\n", b"b", b"data: b\n\n"),
            (b"event: x\ndata:a\nid: 7\n\n", b"b", b"event: x\ndata: b\nid: 7\n\n"),
            (b": c\ndata: a\n: d\ndata: b\nretry: 5\n\n", b"z", b": c\ndata: z\n: d\nretry: 5\n\n"),
            (b"event: x\r\ndata: a\r\n\r\n", b"1\n2", b"event: x\r\ndata: 1\r\ndata: 2\r\n\r\n"),
            (b"event: x\rdata: a\r\r", b"b", b"event: x\rdata: b\r\r"),
            (b"event: x\n\n", b"b", b"event: x\ndata: b\n\n"),
            (b"\n", b"b", b"data: b\n\n"),
            (b"data\n\n", b"b", b"data: b\n\n"),
            (b"database: 1\ndata: a\n\n", b"b", b"database: 1\ndata: b\n\n"),
            (b"event: x\ndata: a", b"b", b"event: x\ndata: b\n"),
            (b"event: x", b"b", b"event: x\ndata: b\n"),
            (BOM + b"data: a\n\n", b"b", BOM + b"data: b\n\n"),
            (b"data:a\n\n", b"a", b"data:a\n\n"),
            (b": a\r\n: b\n\n", b"x", b": a\r\n: b\ndata: x\n\n"),
        ),
    )
    def test_changes_the_data_lines_and_no_other_byte(self, raw: bytes, data: bytes, expected: bytes) -> None:
        (event,) = read([raw])
        assert sse.with_data(event, data) == expected

    def test_keeps_the_line_feed_that_leads_an_event(self) -> None:
        _, event = read([b"data: a\r\r\ndata: b\r\r"])
        assert sse.with_data(event, b"c") == b"\ndata: c\r\r"

    @given(soup, st.binary(max_size=12))
    @example(b": a\r: b\n\n", b"x")
    @example(b"data: a\rdata: b\n\n", b"x")
    @example(b"data: a\n: b\rdata: c\n\n", b"x")
    @settings(max_examples=300, deadline=None)
    def test_reads_back_as_the_same_event_with_the_new_data(self, stream: bytes, data: bytes) -> None:
        for event in read([stream]):
            prefix = {0: b"\n", 1: b"\r\r", len(BOM): b""}[event.lead]  # what makes the lead one
            *_, back = read([prefix + sse.with_data(event, data)])
            expected = data if data == event.data else _with_lf(data)
            assert replace(back, raw=b"", lead=event.lead) == replace(event, raw=b"", data=expected)
            assert _other_lines(back) == _other_lines(event)


def _is_utf8(data: bytes) -> bool:
    """Tell whether the SDKs could decode it."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


type Told = tuple[str | None, str, int | None]


class TestOfficialDecodersAgree:
    """The SDKs decode the same events.

    Left out is what they do otherwise: ids (sticky, they make an event of each blank line), a byte order mark, bytes
    that are not UTF-8, and a last block without a blank line, which both drop.
    """

    DATA = (
        b"data: a|data:b|data: \xc3\xa9\xe2\x82\xac|data|data:  c|data: \xc2\x85\xe2\x80\xa8|data: \x0b\x0c\x1c".split(
            b"|"
        )
    )
    OTHER = b"event: x|event:|event: \xf0\x9f\x92\x9a|: note|:|x: y|retry: 10".split(b"|")
    lines = st.sampled_from([*DATA, *OTHER])
    streams = st.builds(
        lambda blocks, end: b"".join(end.join([*block, b"", b""]) for block in blocks),
        st.lists(st.lists(lines, max_size=5), max_size=6),
        st.sampled_from([b"\n", b"\r\n", b"\r"]),
    )

    @staticmethod
    def told_by_us(stream: bytes) -> list[Told]:
        """Give what the SDKs would give: events that say nothing are no events to them."""
        said = [e for e in read([stream]) if e.event or e.data is not None or e.retry is not None]
        return [(e.event or None, (e.data or b"").decode(), e.retry) for e in said]

    @pytest.mark.parametrize("decoder", (AnthropicDecoder, OpenAIDecoder), ids=["anthropic", "openai"])
    @given(stream=streams)
    @example(stream=b"event: message_start\ndata: {}\n\n: ping\n\ndata: [DONE]\n\n")
    @settings(max_examples=100, deadline=None)
    def test_on_streams_that_they_support(self, decoder: Callable[[], Any], stream: bytes) -> None:
        theirs = [(e.event, e.data, e.retry) for e in decoder().iter_bytes(iter([stream]))]
        assert self.told_by_us(stream) == theirs

    @pytest.mark.parametrize("decoder", (AnthropicDecoder, OpenAIDecoder), ids=["anthropic", "openai"])
    @given(data=st.binary(max_size=40).filter(_is_utf8))
    @settings(max_examples=50, deadline=None)
    def test_on_what_we_write(self, decoder: Callable[[], Any], data: bytes) -> None:
        (theirs,) = decoder().iter_bytes(iter([sse.render(data, "x")]))
        assert (theirs.event, theirs.data) == ("x", _with_lf(data).decode())


class TestCutter:
    """The helper itself: a cutter that loses a byte would make every stream test a lie."""

    @given(st.binary(max_size=60))
    def test_joined_chunks_are_the_bytes(self, data: bytes) -> None:
        for name, chunks in wire.all_cuts(data):
            assert b"".join(chunks) == data, name
            assert all(chunks), name

    @pytest.mark.parametrize(
        ("cut", "expected"),
        (
            (wire.whole, (b"a\r\n\xc3\xa9\n",)),
            (wire.bytewise, (b"a", b"\r", b"\n", b"\xc3", b"\xa9", b"\n")),
            (wire.at_line_ends, (b"a\r\n", b"\xc3\xa9\n")),
            (wire.inside_crlf, (b"a\r", b"\n\xc3\xa9\n")),
            (wire.inside_utf8, (b"a\r\n\xc3", b"\xa9\n")),
        ),
        ids=lambda value: getattr(value, "__name__", ""),
    )
    def test_cuts_where_it_says(self, cut: Callable[[bytes], wire.Chunks], expected: wire.Chunks) -> None:
        assert cut(b"a\r\n\xc3\xa9\n") == expected


def _with_lf(data: bytes) -> bytes:
    """Give data as it comes back from a parser."""
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _other_lines(event: sse.Event) -> list[bytes]:
    """Give all lines but those of the data."""
    lines: Iterator[bytes] = iter(event.raw[event.lead :].splitlines())
    return [line for line in lines if line.partition(b":")[0] != b"data"]
