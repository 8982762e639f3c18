"""The laws of mending, over streams that nobody wrote: legal ones damaged at random, and bytes of any kind.

Whatever comes in: nothing raises, what goes out is legal to a fresh contract and ends, mending it again changes
nothing, and openai-python reads it. What was legal stays as it was, byte for byte; no prefix of a stream is a success
unless all its items had ended; and no loss, repetition or disorder of events makes an answer that was not given.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from hypothesis import event as mark
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.protocols.responses.kit import Stream, encode, judge, sdk
from tests.protocols.responses.mend_kit import documents, gist, mend
from tests.protocols.responses.test_properties import BLOCKS, damaged, legal, places
from tests.wire import cuttings
from wiremend import sse
from wiremend.protocols.mending import Origin
from wiremend.protocols.responses.mend import MENDING

if TYPE_CHECKING:
    from tests.protocols.responses.kit import Json
    from wiremend.protocols.responses.mender import Mender

TERMINALS: Final = {"response.completed", "response.incomplete", "response.failed"}


def terminal(raw: bytes) -> list[str]:
    return [found["type"] for found in documents(raw) if found["type"] in TERMINALS]


def check(raw: bytes) -> Mender:
    """Mend, and hold the laws that are true of everything."""
    mended, mender = mend(raw)
    found, contract = judge(mended)
    assert found == [], (found, mended)
    assert contract.ended
    assert mender.ended
    assert len(terminal(mended)) == 1
    assert (terminal(mended) == ["response.failed"]) == (mender.failure is not None)
    again, second = mend(mended)
    assert again == mended
    assert second.mends == []
    outcome = sdk(mended)
    assert outcome.error is None, outcome
    return mender


@settings(max_examples=150)
@given(st.data(), legal())
def test_what_is_legal_stays_as_it_is_however_it_is_cut(data: st.DataObject, drawn: tuple[list[Json], Stream]) -> None:
    raw = encode(drawn[1])
    parser, mender = sse.EventParser(), MENDING.mender(Origin())
    out = b""
    for chunk in data.draw(cuttings(raw)):
        for one in parser.feed(chunk):
            given_out = mender.feed(one)
            assert given_out is one.raw
            out += given_out
    assert out + mender.close() == raw
    assert mender.mends == []
    assert mender.failure is None


@settings(max_examples=250)
@given(damaged())
def test_whatever_happens_to_a_stream_what_goes_out_is_legal(events: Stream) -> None:
    mender = check(encode([as_sent(event) for event in events]))
    mark("failed" if mender.failure else "mended" if mender.mends else "legal")


def as_sent(event: Json | bytes) -> bytes:
    return event if isinstance(event, bytes) else b"data: " + json.dumps(event).encode() + b"\n\n"


@st.composite
def ruined(draw: st.DrawFn) -> Stream:
    """Draw a stream with many things wrong at once, of one kind of field often."""
    events: Stream = json.loads(json.dumps([event for event in draw(legal())[1] if isinstance(event, dict)]))
    for _ in range(draw(st.integers(1, 4))):
        name = draw(
            st.sampled_from(("id", "item_id", "call_id", "output_index", "content_index", "type", "item", "status"))
        )
        value: Any = draw(st.sampled_from((None, "", "x", 0, 1, "message", "function_call", {}, "msg_0", "fc_1")))
        how = draw(st.sampled_from(("all", "some", "drop")))
        for event in events:
            for *path, last in places(event):
                if last != name or (how == "some" and draw(st.booleans())):
                    continue
                at: Any = event
                for step in path:
                    at = at.get(step) if isinstance(at, dict) else at[step]
                if not isinstance(at, dict) or (name == "type" and not path):
                    continue
                if how == "drop":
                    at.pop(last, None)
                else:
                    at[last] = value
    for _ in range(draw(st.integers(0, 3))):
        if events:
            at = draw(st.integers(0, len(events) - 1))
            events.insert(draw(st.integers(0, len(events))), events.pop(at))
    dropped = draw(st.sets(st.integers(0, len(events)), max_size=4))
    return [event for number, event in enumerate(events) if number not in dropped]


@settings(max_examples=250)
@given(ruined())
def test_streams_that_are_wrong_throughout_become_legal_too(events: Stream) -> None:
    mender = check(encode([as_sent(event) for event in events]))
    mark("failed" if mender.failure else "mended" if mender.mends else "legal")


@settings(max_examples=250)
@given(st.lists(BLOCKS, max_size=6))
@example([b"data: " + b"[" * 100_000 + b"\n\n"])
@example([b'data: {"type": "response.output_item.done", "item": ' + b'{"call_id":' * 5000 + b"\n\n"])
@example([b'data: {"type": "response.queued", "n": ' + b"9" * 5000 + b"}\n\n"])
@example([b'data: {"type": "response.queued", "response": {"n": ' + b"9" * 400 + b"}}\n\n"])
def test_no_bytes_raise_and_all_of_them_end_legally(blocks: list[bytes]) -> None:
    check(b"".join(blocks))


@settings(max_examples=150)
@given(st.data(), legal())
def test_a_cut_is_a_success_only_if_every_item_had_ended(data: st.DataObject, drawn: tuple[list[Json], Stream]) -> None:
    raw = encode(drawn[1])
    cut = raw[: data.draw(st.integers(0, len(raw) - 1))]
    mended, _ = mend(cut)
    whole = [block for block in cut.split(b"\n\n")[:-1] if b"data: " in block]
    seen = [json.loads(block.partition(b"data: ")[2]) for block in whole]
    begun = sum(one["type"] == "response.output_item.added" for one in seen)
    ended = sum(one["type"] == "response.output_item.done" for one in seen)
    tail = cut.rpartition(b"\n\n")[2]
    if tail.endswith((b"}\n", b"}")):  # it may be a whole event without its blank line
        return
    said = bool(begun) and begun == ended
    if any(one["type"] == "response.completed" for one in seen):
        assert terminal(mended) == ["response.completed"]
    elif not said:
        assert terminal(mended) == ["response.failed"]
    assert mended.startswith(cut.rpartition(b"\n\n")[0])


@st.composite
def shuffled(draw: st.DrawFn) -> tuple[list[Json], Stream]:
    """Draw a stream of which events were lost, doubled or exchanged; none was changed."""
    output, events = draw(legal())
    for _ in range(draw(st.integers(1, 3))):
        if not events:
            break
        at, other = (draw(st.integers(0, len(events) - 1)) for _ in range(2))
        match draw(st.sampled_from(("drop", "double", "swap"))):
            case "drop":
                del events[at]
            case "double":
                events.insert(other, events[at])
            case "swap":
                events[at], events[other] = events[other], events[at]
    return output, events


@settings(max_examples=300)
@given(shuffled())
def test_a_success_holds_just_what_was_answered_and_each_item_once(drawn: tuple[list[Json], Stream]) -> None:
    output, events = drawn
    mended, mender = mend(events)
    if mender.failure is not None:
        return
    ended = [one["item"] for one in documents(mended) if one["type"] == "response.output_item.done"]
    left = [gist(item) for item in output]
    for item in ended:
        assert gist(item) in left, (item, mended)
        left.remove(gist(item))
