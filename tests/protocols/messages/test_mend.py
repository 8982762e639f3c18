"""Mending streams of the messages wire: each quirk is mended to what was meant, or fails where a mend would lie.

The rows are the contract's own: the violations that they list are what must be written down of the mends, and the
official SDK, which minds the row or is told who does, must read from the mended stream what was meant.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.lab.replies import sse
from tests.protocols.messages import quirks
from tests.protocols.messages.kit import (
    CALL,
    ERROR,
    START,
    STOP,
    TEXT,
    TOOL,
    begin,
    end,
    frames,
    judge,
    piece,
    put,
    read,
    said,
    stop,
    stream,
    swap,
)
from tests.protocols.messages.mend_kit import ORIGIN, events_of, mend
from tests.protocols.messages.mend_rows import BECOMES, CASES, FURTHER, RAISES
from tests.protocols.messages.test_contract import LEGAL
from wiremend.protocols.failure import Failure
from wiremend.protocols.messages.blocks import BUDGET
from wiremend.protocols.messages.contract import CODES
from wiremend.protocols.messages.mend import Mender
from wiremend.protocols.messages.words import USUAL

if TYPE_CHECKING:
    from tests.protocols.messages.kit import Row
    from tests.protocols.messages.mend_rows import Case
    from tests.protocols.messages.test_contract import Legal


def _read_is(raw: bytes, means: object) -> None:
    seen = read(raw)
    if means == RAISES:
        assert isinstance(seen, ValueError)
    else:
        assert seen == means


@pytest.mark.parametrize("legal", LEGAL, ids=lambda legal: legal.name)
def test_a_legal_stream_is_left_alone(legal: Legal) -> None:
    given, mender = mend(legal.raw)
    assert given == legal.raw
    assert mender.mends == []
    assert (mender.failure is not None) == ("error" in legal.name)


@pytest.mark.parametrize("row", quirks.ROWS, ids=lambda row: f"{row.quirk}-{row.name}")
def test_each_quirk_is_mended(row: Row) -> None:
    given, mender = mend(row.raw)
    assert judge(given) == set()
    _read_is(given, BECOMES.get((row.quirk, row.name), row.means))
    found = {(one.code.removeprefix("messages."), one.event, one.pointer) for one in mender.mends}
    if BECOMES.get((row.quirk, row.name)) in (ERROR, RAISES):
        assert mender.failure is not None  # a failed stream has no later violations
    assert row.found <= found
    assert {code for code, _, _ in found - row.found} <= FURTHER.get((row.quirk, row.name), set())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_made_of_worse(case: Case) -> None:
    given, mender = mend(case.raw)
    assert judge(given) == set()
    _read_is(given, case.means)
    assert [f"{one.kind} {one.code.removeprefix('messages.')}" for one in mender.mends] == case.mends
    assert (mender.failure is not None) == (case.means == ERROR)


def test_each_code_is_mended_in_a_row() -> None:
    streams = {one.code for row in quirks.ROWS for one in mend(row.raw)[1].mends}
    bodies = {f"messages.{code}" for body in quirks.BODIES for code, _ in body.found}
    assert streams | bodies >= set(CODES)
    assert {f"messages.{code}" for code in USUAL} == set(CODES)


def test_each_row_that_is_named_is_a_row() -> None:
    assert set(BECOMES) | set(FURTHER) <= {(row.quirk, row.name) for row in quirks.ROWS}


def test_an_event_keeps_the_bytes_that_are_not_mended() -> None:
    data = '{"type": "message_delta",  "delta":{"stop_reason" : "tool_calls","x":1.50}, "usage":{"output_tokens":7e0}'
    data += ', "y":"\\u00e9"}'
    raw = b"id: 7\n: note\nevent: message_delta\ndata: " + data.encode() + b"\n\n"
    given, _ = mend(stream(*TOOL[:5]) + raw + stream(STOP))
    assert given == stream(*TOOL[:5]) + raw.replace(b"tool_calls", b"tool_use") + stream(STOP)


def test_an_index_is_all_that_changes_of_an_event() -> None:
    raw = b'event: content_block_delta\r\ndata: {"delta": {"text":"\\u0041","type":"text_delta"}, '
    raw += b'"type" : "content_block_delta", "index": 1}\r\n\r\n'
    given, _ = mend(stream(START, TEXT[1] | {"index": 1}) + raw + stream(*TEXT[4:]))
    assert raw.replace(b'"index": 1', b'"index": 0') in given


def test_the_number_of_a_mend_is_its_event() -> None:
    raw = (
        stream(*TEXT[1:3])
        + b": comment\n\n"
        + b"data: x\n\n"
        + stream(*TEXT[3:4])
        + b"event: keepalive\n\n"
        + stream(*TEXT[4:])
    )
    _, mender = mend(raw)
    assert [(one.event, one.code.removeprefix("messages.")) for one in mender.mends] == [
        (1, "message-start.missing"),
        (3, "data.not-json"),
        (5, "data.missing"),
    ]


def test_what_is_missing_is_filled_from_the_origin() -> None:
    given, _ = mend(stream(*TEXT[1:]))
    message = json.loads(events_of(given)[0].data or b"")["message"]
    assert message["model"] == "asked-model"
    assert message["id"] == ORIGIN.mint("msg", 1)
    assert mend(stream(*TEXT[1:]))[0] == given


def test_usage_keeps_what_is_known() -> None:
    usage = {"prompt_tokens": 11, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 4}}
    given, _ = mend(swap(TEXT, 6, end() | {"usage": usage}))
    told = json.loads(events_of(given)[5].data or b"")["usage"]
    assert told == usage | {"input_tokens": 7, "output_tokens": 7, "cache_read_input_tokens": 4}


def test_a_mend_leaves_with_the_event_that_shows_it() -> None:
    """Nothing waits: every text is out when its event has come, whatever was mended before."""
    mender = Mender(ORIGIN)
    events = events_of(stream(START, begin({"type": "text", "text": ""}, 3), said("Hel", 3), said("lo", 3)))
    given = [mender.feed(event) for event in events]
    assert all(given)
    assert b'"lo"' in given[-1]


@pytest.mark.parametrize("at", range(8))
def test_fail_ends_a_stream_anywhere(at: int) -> None:
    raw = b"".join(frames(*TOOL)[:at])
    mender = Mender(ORIGIN)
    given = b"".join(map(mender.feed, events_of(raw)))
    failure = Failure("overloaded", 529, "busy")
    end_ = mender.fail(failure)
    assert judge(given + end_) == set()
    assert mender.ended
    assert mender.fail(failure) == mender.close() == b""
    if at < len(TOOL):
        assert b"overloaded_error" in end_
        assert mender.failure is failure
        assert mender.feed(events_of(stream(STOP))[0]) == b""
    else:
        assert end_ == b""


def test_a_legal_error_leaves_as_it_came_and_is_read() -> None:
    raw = sse({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, "error")
    given, mender = mend(stream(*TEXT[:3]) + raw)
    assert given == stream(*TEXT[:3]) + raw
    assert mender.failure is not None
    assert mender.failure.kind == "overloaded"
    assert mender.mends == []


def test_the_words_of_an_error_arrive() -> None:
    given, mender = mend(
        stream(*TEXT[:3]) + sse({"error": {"message": "Your request exceeded model token limit: 5 (requested: 9)"}})
    )
    assert mender.failure is not None
    assert b"prompt is too long: 9 tokens > 5 maximum" in given


def test_the_failure_says_why() -> None:
    _, mender = mend(stream(*TOOL[:3], stop(), end("tool_use"), STOP))
    assert mender.failure is not None
    assert mender.failure.kind == "upstream"
    assert "cut the input of a tool call short" in mender.failure.message


def _holding(start: bytes, more: bytes) -> tuple[Mender, int]:
    mender, fed = Mender(ORIGIN), 0
    [event] = events_of(more)
    for first in events_of(start):
        mender.feed(first)
    while mender.failure is None and fed < 2 * BUDGET:
        mender.feed(event)
        fed += len(event.raw)
    return mender, fed


PIECE = stream(piece("x" * 65536))


@pytest.mark.parametrize(
    "start",
    (stream(START), stream(START, begin(CALL | {"input": {"a": 1}}))),
    ids=("pieces before the start", "pieces after the input"),
)
def test_what_is_held_is_bounded(start: bytes) -> None:
    mender, fed = _holding(start, PIECE)
    assert mender.failure is not None
    assert BUDGET - len(PIECE) <= fed <= BUDGET + 2 * len(PIECE)


def test_a_long_healthy_stream_keeps_nothing() -> None:
    mender = Mender(ORIGIN)
    for event in events_of(stream(*TEXT[:2])):
        mender.feed(event)
    [event] = events_of(stream(said("x" * 1_000_000)))
    for _ in range(100):
        assert mender.feed(event) is event.raw
    for index in range(1, 3000):
        for event in events_of(stream(begin(CALL | {"id": f"toolu_{index}"}, index), piece("{}", index), stop(index))):
            assert mender.feed(event) is event.raw
    sent = mender._sent
    assert len(sent._open) == 1
    assert not mender._holds()
    assert mender.mends == []


def test_too_many_open_blocks_are_an_error_soon() -> None:
    mender = Mender(ORIGIN)
    given = mender.feed(events_of(stream(START))[0])
    for index in range(5000):
        given += mender.feed(events_of(stream(begin({"type": "text", "text": ""}, index)))[0])
    given += mender.close()
    assert mender.failure is not None
    assert judge(given) == set()


@pytest.mark.parametrize("deep", (b"[" * 900 + b"]" * 900, b"[" * 50_000, b'{"a":' * 900 + b"1" + b"}" * 900))
@pytest.mark.parametrize(
    "around",
    (
        b"data: %s",
        b'data: {"type":"content_block_delta","index":5,"delta":{"type":"citations_delta","citation":{"a":%s}}}',
        b'data: {"type":"content_block_start","index":1,"content_block":{"type":"tool_use","name":"n","input":%s}}',
        b'event: x\ndata: {"type":"ping","x":"\\ud800","y":%s}',
        b'data: {"type":"message","content":[{"type":"tool_use","id":"i","name":"n","input":{"a":%s}}]}',
    ),
)
def test_deep_json_does_not_raise(around: bytes, deep: bytes) -> None:
    for at in (1, 3):
        given, mender = mend(put(TEXT, at, around.replace(b"%s", deep) + b"\n\n"))
        assert judge(given) == set()
        assert mender.ended
