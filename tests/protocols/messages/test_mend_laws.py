"""The laws of mending on the messages wire, for streams that nobody wrote by hand.

Whatever comes, what is given out is a legal stream with an end, and no event raises; what is legal leaves as it came; a
cut is a failure unless the stop reason was given; what was mended needs no mending; and where the bytes were cut does
not matter. The judge is a fresh contract and, for what was mended into a success, the official SDK.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.lab.replies import sse
from tests.protocols.messages.kit import CALL, ERROR, START, STOP, begin, end, frames, judge, piece, read, stop, stream
from tests.protocols.messages.mend_kit import ORIGIN, events_of, mend
from tests.protocols.messages.test_contract_properties import EVENTS, JSON, broken, turns
from wiremend.protocols.messages.mend import Mender
from wiremend.sse import Event, EventParser

if TYPE_CHECKING:
    from tests.protocols.messages.kit import Json

NAMES = st.sampled_from([None, "", "ping", "error", "message_stop", "content_block_delta", "x"])
DONE = [b"data: [DONE]\n\n", b"data:  [DONE]\n\n", b": ping\n\n", b"event: ping\n\n", b"\n", b"\xef\xbb\xbf", b"\xff"]


def assert_mended(raw: bytes) -> None:
    given, mender = mend(raw)
    assert judge(given) == set(), given
    assert mender.ended
    again, second = mend(given)
    assert again == given
    assert second.mends == []
    assert (second.failure is None) == (mender.failure is None)
    if given == raw:
        assert [one for one in mender.mends if one.kind != "failed"] == []
    else:
        assert mender.mends
    if mender.failure is None:
        assert isinstance(read(given), tuple), read(given)


@given(turns())
def test_a_legal_stream_leaves_as_it_came(turn: tuple[list[Json], list[Json], str]) -> None:
    raw = stream(*turn[0])
    mender = Mender(ORIGIN)
    for event in EventParser().feed(raw):
        assert mender.feed(event) is event.raw
    assert mender.close() == b""
    assert mender.mends == []
    assert mender.failure is None


@settings(max_examples=120)
@given(broken())
def test_a_broken_stream_is_mended_or_fails(raw: bytes) -> None:
    assert_mended(raw)


@settings(max_examples=80)
@given(st.lists(st.tuples(EVENTS | JSON, NAMES | st.just(...)), max_size=8), st.booleans())
def test_arbitrary_events_are_mended_or_fail(documents: list[tuple[Any, Any]], opened: bool) -> None:  # noqa: FBT001 - drawn
    raw = stream(START) if opened else b""
    for document, name in documents:
        known = document.get("type") if isinstance(document, dict) else None
        named = known if name is ... and isinstance(known, str) and known.isprintable() and known.isascii() else name
        raw += sse(json.dumps(document), None if named is ... else named)
    given, mender = mend(raw)
    assert judge(given) == set()
    assert mender.ended
    assert mend(given)[0] == given


@settings(max_examples=80)
@given(
    st.lists(
        st.binary(max_size=20)
        | st.sampled_from(
            [*frames(START, begin(CALL), piece("{"), piece("}"), stop(), end(), end("tool_use"), STOP), *DONE]
        ),
        max_size=12,
    )
)
def test_arbitrary_bytes_are_mended_or_fail(chunks: list[bytes]) -> None:
    given, mender = mend(b"".join(chunks))
    assert judge(given) == set()
    assert mender.ended
    mender = Mender(ORIGIN)
    for chunk in chunks:
        mender.feed(Event(chunk, "ping", chunk, None, None, complete=True))
    mender.close()
    assert mender.ended


@settings(max_examples=60)
@given(turns(), st.data())
def test_a_prefix_is_no_success_before_the_stop_reason(
    turn: tuple[list[Json], list[Json], str], data: st.DataObject
) -> None:
    raw, events = stream(*turn[0]), frames(*turn[0])
    at = data.draw(st.integers(0, len(raw)))
    given, mender = mend(raw[:at])
    assert judge(given) == set()
    # The stop reason is in the last event but one; its JSON is whole one line end before the event is.
    said = at >= len(raw) - len(events[-1]) - 2
    assert (mender.failure is None) == said
    assert (read(given) == ERROR) == (not said)


@settings(max_examples=60)
@given(broken(), st.data())
def test_cuts_do_not_matter(raw: bytes, data: st.DataObject) -> None:
    whole, mender = mend(raw)
    parser, cut = EventParser(), Mender(ORIGIN)
    places = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=4)))
    given = b""
    for start, stop_ in zip([0, *places], [*places, len(raw)], strict=True):
        given += b"".join(cut.feed(event) for event in parser.feed(raw[start:stop_]))
    given += b"".join(cut.feed(event) for event in parser.close()) + cut.close()
    assert given == whole
    assert cut.mends == mender.mends


@settings(max_examples=60)
@given(turns(), st.sampled_from([1, 2, -1]))
def test_other_indexes_change_nothing_but_the_indexes(turn: tuple[list[Json], list[Json], str], step: int) -> None:
    """A block that calls itself by another number is found again by it, also where blocks overlap."""

    def called(event: Json) -> Json:
        index = event.get("index")
        return event if index is None else event | {"index": index + step if step > 0 else 100 - index}

    given, mender = mend(stream(*map(called, turn[0])))
    assert [json.loads(event.data or b"") for event in events_of(given)] == turn[0]
    assert {one.code for one in mender.mends} <= {"messages.index.order"}


@settings(max_examples=40)
@given(turns())
def test_what_only_frames_can_be_left_out(turn: tuple[list[Json], list[Json], str]) -> None:
    """Without event lines and block stops a stream still means what it meant."""
    kept = [event for event in turn[0] if event["type"] != "content_block_stop"]
    given, mender = mend(b"".join(sse(event) for event in kept))
    assert mender.failure is None
    assert read(given) == read(stream(*turn[0]))
