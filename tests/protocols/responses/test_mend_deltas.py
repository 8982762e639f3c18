"""What only an end says is streamed before it: a client that reads nothing but pieces reads the whole answer.

The reader of these tests is such a client, as @ai-sdk/openai is for the text of a message and for a summary.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.protocols.responses.kit import (
    Stream,
    call,
    change,
    custom,
    encode,
    insert,
    judge,
    message,
    reasoning,
    refusal,
    response,
    stream,
    whole,
    without,
)
from tests.protocols.responses.mend_kit import ORIGIN, documents, mend
from tests.protocols.responses.quirks import CALL, TEXT
from tests.protocols.responses.test_properties import legal
from wiremend import sse
from wiremend.protocols.responses.contract import Contract
from wiremend.protocols.responses.mend import MENDING

if TYPE_CHECKING:
    from tests.protocols.responses.kit import Json

EVERYTHING = stream(
    message("Hello there", "and more"), call(), custom(), reasoning("first", "second", raw="hm"), refusal("no", "msg_2")
)
DONE = (".done",)


def pieces(raw: bytes) -> dict[tuple[object, ...], str]:
    """Join the pieces of each part and call."""
    read: Counter[tuple[object, ...]] = Counter()
    texts: dict[tuple[object, ...], str] = {}
    for event in documents(raw):
        if event["type"].endswith(".delta"):
            place = (event["item_id"], event["type"], event.get("content_index", event.get("summary_index")))
            texts[place] = texts.get(place, "") + event["delta"]
            read[place] += 1
    return {place: text for place, text in texts.items() if text}


def is_delta(event: Json | bytes) -> bool:
    return isinstance(event, dict) and event["type"].endswith(".delta")


@pytest.mark.parametrize(
    "left_out",
    (
        (".delta",),
        (".delta", "text.done", "refusal.done", "arguments.done", "input.done"),
        (".delta", "text.done", "refusal.done", "arguments.done", "input.done", "_part.done"),
        (".delta", "text.done", "refusal.done", "arguments.done", "input.done", "_part.done", "_part.added"),
        (".delta", "text.done", "refusal.done", "arguments.done", "input.done", "_part.done", "output_item.done"),
    ),
)
def test_all_that_ends_say_is_streamed(left_out: tuple[str, ...]) -> None:
    bad: Stream = [event for event in EVERYTHING if isinstance(event, dict) and not event["type"].endswith(left_out)]
    assert pieces(encode(bad)) == {}
    mended, mender = mend(bad)
    assert judge(mended)[0] == []
    assert pieces(mended) == pieces(encode(EVERYTHING))
    assert {one.kind for one in mender.mends if one.code == "responses.part.delta-missing"} == {"mended"}
    assert documents(mended)[-1] == documents(encode(EVERYTHING))[-1]


@settings(max_examples=150)
@given(st.data(), legal())
def test_whatever_pieces_are_lost_at_the_end_of_a_text_are_put_in(
    data: st.DataObject, drawn: tuple[list[Json], Stream]
) -> None:
    events = drawn[1]
    deltas = [at for at, event in enumerate(events) if is_delta(event)]
    # of each text, all pieces from some place on
    lost = {at for at in deltas if data.draw(st.booleans())}
    for at in deltas:
        event = events[at]
        assert isinstance(event, dict)
        later = [
            other
            for other in deltas
            if other > at and {**event, "delta": ""} == {**events[other], "delta": ""}  # type: ignore[dict-item] # a dict
        ]
        lost |= set(later) if at in lost else set()
    mended, mender = mend([event for at, event in enumerate(events) if at not in lost])
    assert pieces(mended) == pieces(encode(events))
    assert mender.failure is None
    assert judge(mended)[0] == []


def test_pieces_that_come_behind_their_end_are_not_given_twice() -> None:
    late = insert(without(TEXT, 4, 5), 5, TEXT[3], TEXT[4])
    mended, mender = mend(late)
    assert list(pieces(mended).values()) == ["Hello there"]
    assert judge(mended)[0] == []
    dropped = [one.event for one in mender.mends if one.what.startswith("dropped")]
    assert dropped == [5, 6]


def test_a_text_that_does_not_go_on_from_what_was_streamed_stays_as_it_is() -> None:
    for events in (
        change(TEXT, {4: {"/delta": "Jello"}}),
        change(CALL, {3: {"/delta": '{"a":'}, 4: {"/delta": "1}"}}),  # other spaces
        without(TEXT, 4),  # the first piece is lacking, and cannot be put before what was given
    ):
        raw = encode(events)
        assert judge(raw)[0] == []
        assert mend(raw)[0] == raw


def test_what_is_said_in_many_pieces_is_compared_to_its_last_character() -> None:
    text = "".join(f"{number}, " for number in range(1000)) + "雪😀" * 300
    for size in (1, 7, 300, 10_000):
        cut = [text[at : at + size] for at in range(0, len(text), size)]
        deltas = [change([TEXT[3]], {1: {"/delta": piece}})[0] for piece in cut]
        events = [*TEXT[:3], *deltas, *stream(message(text))[5:]]
        assert judge(events)[0] == []
        mended, _ = mend([*events[: 2 + len(deltas)], *events[3 + len(deltas) :]])
        assert list(pieces(mended).values()) == [text]


def test_past_the_budget_the_rest_is_known_still() -> None:
    text = "x" * 65536
    deltas = change([TEXT[3]], {1: {"/delta": text}}) * 200
    told = text * 200 + "!"
    end = stream(message(told))[5:]
    bad = [*TEXT[:3], *deltas, *end]
    parser, mender = sse.EventParser(1 << 26), MENDING.mender(ORIGIN)
    out = [mender.feed(event) for event in [*parser.feed(encode(bad)), *parser.close()]]
    assert mender.failure is None
    assert b'"delta":"!"' in out[len(deltas) + 3]
    assert [one.code for one in mender.mends] == ["responses.part.delta-missing"]


def test_what_is_compared_takes_no_room() -> None:
    contract = Contract()
    for event in sse.EventParser().feed(encode(TEXT[:3])):
        contract.feed(event)
    (delta,) = sse.EventParser().feed(encode(change([TEXT[3]], {1: {"/delta": "x" * 65536}})))
    (small,) = sse.EventParser().feed(encode([TEXT[3]]))
    for _ in range(50):
        contract.feed(delta)
        contract.feed(small)
    heard = contract.heard(0, ("content", 0))
    assert heard is not None
    assert len(heard.waiting) <= 256


def test_a_part_of_an_unknown_type_has_no_pieces() -> None:
    vendor = message() | {"content": [{"type": "vendor_part", "text": "?"}]}
    sound = stream(vendor)
    sound = [event for event in sound if not is_delta(event)]
    assert judge(sound)[0] == []
    mended, _ = mend(insert(sound, 2, {"type": "ping"}))  # so that each event is looked at
    assert pieces(mended) == {}
    assert mended.replace(b": ping\n\n", b"") == encode(sound)


# --- the end that is none ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ("response.completed", "response.done"))
@pytest.mark.parametrize(
    ("status", "last", "field"),
    (
        ("failed", "response.failed", "error"),
        ("cancelled", "response.failed", "error"),
        ("incomplete", "response.incomplete", "incomplete_details"),
    ),
)
def test_a_completed_response_that_is_not_whole_ends_as_what_it_is(
    kind: str, status: str, last: str, field: str
) -> None:
    end: Json = {"type": kind, "response": response(status, [message("Hello")])}
    for events in ([*TEXT[:5], end], [*TEXT[:8], end], [TEXT[0], end]):
        mended, mender = mend(events)
        assert judge(mended)[0] == []
        final = documents(mended)[-1]
        assert (final["type"], final["response"]["status"]) == (last, status)
        assert final["response"][field]
        assert (mender.failure is not None) == (last == "response.failed")


def test_the_reason_that_the_provider_gives_is_kept() -> None:
    details = {"reason": "max_output_tokens"}
    cut = whole("incomplete", incomplete_details=details) | {"type": "response.completed"}
    assert documents(mend([*TEXT[:5], cut])[0])[-1]["response"]["incomplete_details"] == details
    error = {"code": "context_length_exceeded", "message": "too long"}
    failed = whole("failed", error=error) | {"type": "response.completed"}
    mended, mender = mend([*TEXT[:5], failed])
    assert documents(mended)[-1]["response"]["error"] == error
    assert mender.failure is not None
    assert mender.failure.kind == "context_length"


def test_a_body_that_failed_is_a_failure_of_its_own_kind() -> None:
    error = {"code": "context_length_exceeded", "message": "too long"}
    for body in (response("failed", error=error), response("failed", error=error) | {"object": None}):
        done = MENDING.body(json.dumps(body).encode(), ORIGIN)
        assert done.failure is not None
        assert (done.failure.kind, "too long" in done.failure.message) == ("context_length", True)
    wordless = MENDING.body(json.dumps(response("failed")).encode(), ORIGIN)
    assert wordless.failure is not None
