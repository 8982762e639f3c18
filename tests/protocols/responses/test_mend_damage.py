"""What mending must never do: lose text or arguments unseen, run a call twice, or take a part of an answer for all.

And what it may keep in order to do so: no more than its budget, past which it fails rather than cuts short.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.protocols.responses.kit import (
    DROP,
    call,
    change,
    encode,
    insert,
    reasoning,
    response,
    stream,
    streamed,
    whole,
    without,
)
from tests.protocols.responses.mend_kit import ORIGIN, documents, ended_items, mend
from tests.protocols.responses.quirks import CALL, TEXT
from wiremend import sse
from wiremend.protocols.responses.mend import MENDING
from wiremend.protocols.responses.model import BUDGET


def test_a_call_that_ends_without_its_streamed_arguments_gets_them_back() -> None:
    mended, mender = mend(change(CALL, {6: {"/item/arguments": ""}}))
    assert [item["arguments"] for item in ended_items(mended)] == ['{"a": 1}']
    assert [one.code for one in mender.mends] == ["responses.item.arguments-invalid"]


def test_a_message_that_ends_without_its_streamed_text_gets_it_back() -> None:
    mended, _ = mend(change(TEXT, {8: {"/item/content": []}}))
    assert [item["content"][0]["text"] for item in ended_items(mended)] == ["Hello there"]


def test_a_call_that_the_completed_response_repeats_under_other_names_runs_once() -> None:
    renamed = change(CALL, {7: {"/response/output/0/id": "fc_9", "/response/output/0/call_id": "call_9"}})
    for events in (renamed, without(renamed, 6)):
        mended, _ = mend(events)
        assert [(item["call_id"], item["arguments"]) for item in ended_items(mended)] == [("call_1", '{"a": 1}')]
        assert [item["call_id"] for item in documents(mended)[-1]["response"]["output"]] == ["call_1"]


def test_a_completed_response_that_leaves_out_the_reasoning_doubles_nothing() -> None:
    events = stream(reasoning("so"), call())
    rotated = {"id": "fc_other", "call_id": "call_other"}
    events[-1] = whole("completed", [call() | rotated])
    mended, _ = mend(events)
    assert [item["type"] for item in ended_items(mended)] == ["reasoning", "function_call"]
    assert [item["type"] for item in documents(mended)[-1]["response"]["output"]] == ["reasoning", "function_call"]


def test_two_calls_that_come_whole_at_one_index_are_two() -> None:
    first, second = (
        event | {"output_index": 0} for event in (streamed(call(), 0)[-1], streamed(call("g", "{}", 2), 0)[-1])
    )
    mended, _ = mend([TEXT[0], first, second, whole("completed", [call(), call("g", "{}", 2)])])
    assert [item["name"] for item in ended_items(mended)] == ["f", "g"]


@pytest.mark.parametrize("lost", (b'data: {"type": "response.output_text.del\n\n', b"data: [{}]\n\n"))
def test_what_could_not_be_read_is_never_completed_from_the_rest(lost: bytes) -> None:
    damaged = insert(TEXT, 5, lost)
    assert documents(mend(damaged)[0])[-1]["type"] == "response.completed"  # the provider says the whole text itself
    unsaid = change(without(damaged, 9), {9: {"/response/output": []}})
    mended, mender = mend(unsaid)
    assert documents(mended)[-1]["type"] == "response.failed"
    assert mender.failure is not None
    assert documents(mend(without(damaged, 10))[0])[-1]["type"] == "response.failed"


@pytest.mark.parametrize("named", (False, True))
def test_a_cut_inside_the_last_event_completes_what_had_been_said(named: bool) -> None:  # noqa: FBT001
    for end in ("response.completed", "response.output_item.added"):
        cut = sse.render(
            json.dumps({"type": end, "response": response("completed")}).encode()[:-9], end if named else None
        )
        mended, _ = mend(encode(TEXT[:8]) + cut.rstrip(b"\n"))
        wanted = "response.completed" if end == "response.completed" else "response.failed"
        assert documents(mended)[-1]["type"] == wanted


def test_a_call_that_names_no_tool_waits_for_its_name_and_runs_with_all_its_arguments() -> None:
    unnamed = change(CALL, {2: {"/item/name": DROP, "/item/arguments": DROP}})
    mended, mender = mend(unnamed)
    added, *_ = [event for event in documents(mended) if event["type"] == "response.output_item.added"]
    assert added["item"]["name"] == "f"
    deltas = [event["delta"] for event in documents(mended) if event["type"].endswith("arguments.delta")]
    assert "".join(deltas) == '{"a": 1}'
    assert ended_items(mended) == [call()]
    assert mender.failure is None


def test_a_call_that_no_event_names_is_a_failure() -> None:
    nameless: dict[int, dict[str, object]] = {
        2: {"/item/name": DROP},
        6: {"/item/name": ""},
        7: {"/response/output/0/name": None},
    }
    mended, mender = mend(change(CALL, nameless))
    assert documents(mended)[-1]["type"] == "response.failed"
    assert mender.failure is not None
    assert ended_items(mended) == []


def test_a_call_whose_arguments_came_with_its_beginning_keeps_them() -> None:
    begun = change(without(CALL, 3, 4, 5), {2: {"/item/arguments": '{"a": 1}'}})
    for events in (change(begun, {3: {"/item/arguments": ""}}), without(begun, 3)):
        mended, _ = mend(events)
        assert [item["arguments"] for item in ended_items(mended)] == ['{"a": 1}']


def test_a_message_that_begins_with_text_ends_with_that_text_and_what_followed() -> None:
    part = {"type": "output_text", "text": "Oh. ", "annotations": []}
    events = without(change(TEXT, {2: {"/item/content": [part]}, 9: {"/response/output": []}}), 3, 6, 7, 8)
    mended, _ = mend(events)
    assert [item["content"][0]["text"] for item in ended_items(mended)] == ["Oh. Hello there"]


def test_a_text_that_is_said_to_be_empty_after_all_is_what_was_streamed() -> None:
    events = without(change(TEXT, {6: {"/text": ""}, 7: {"/part/text": ""}, 9: {"/response/output": []}}), 8)
    mended, _ = mend(events)
    assert [item["content"][0]["text"] for item in ended_items(mended)] == ["Hello there"]


# --- memory -----------------------------------------------------------------------------------------------------------


def held(mender: Any) -> int:  # noqa: ANN401 - what it keeps is its own
    entries = mender._model.entries
    return sum(entry.size + sum(len(getattr(piece, "said", piece)) for piece in entry.log) for entry in entries)


def test_a_long_sound_stream_passes_untouched_and_is_not_kept_beyond_the_budget() -> None:
    text = "x" * 65536
    (delta,) = sse.EventParser().feed(encode(change([TEXT[3]], {1: {"/delta": text}})))
    mender = MENDING.mender(ORIGIN)
    for event in sse.EventParser().feed(encode(TEXT[:3])):
        mender.feed(event)
    for number in range(100 * 2**20 // len(text)):
        assert mender.feed(delta) is delta.raw
        if number % 256 == 0:
            assert held(mender) <= BUDGET
    assert held(mender) <= BUDGET
    for event in sse.EventParser().feed(encode(TEXT[5:])):
        assert mender.feed(event) is event.raw
    assert mender.mends == []
    assert mender.ended


@pytest.mark.parametrize(("pieces", "last"), ((100, "response.completed"), (200, "response.failed")))
def test_what_is_longer_than_the_budget_is_failed_and_not_cut_short(pieces: int, last: str) -> None:
    text = "x" * 65536
    deltas = change([TEXT[3]], {1: {"/delta": text}}) * pieces
    mended, mender = mend([*TEXT[:3], *deltas, whole("completed", [])])
    assert documents(mended)[-1]["type"] == last
    if last == "response.completed":
        assert [len(item["content"][0]["text"]) for item in ended_items(mended)] == [pieces * len(text)]
    else:
        assert ended_items(mended) == []
        assert mender.failure is not None


def test_past_the_budget_a_mend_that_needs_nothing_of_it_is_still_made() -> None:
    deltas = change([TEXT[3]], {1: {"/delta": "x" * 65536}}) * 200
    mended, mender = mend(
        [*TEXT[:3], *deltas, {"type": "ping"}, *TEXT[5:8], change(TEXT, {9: {"/type": "response.done"}})[8]]
    )
    assert mender.failure is None
    assert documents(mended)[-1]["type"] == "response.completed"
