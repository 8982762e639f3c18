"""protocols/responses/decoder.py: what an end alone says, and was never streamed, is given then and once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.protocols.responses.decode_kit import deltas, fed, parts
from tests.protocols.responses.kit import (
    call,
    change,
    custom,
    encode,
    message,
    reasoning,
    refusal,
    search,
    stream,
    streamed,
    whole,
    without,
)
from tests.protocols.responses.mend_kit import documents
from wiremend.events import Delta, Ended, Event, Finished, PartEnded, PartStarted, UsageSeen

if TYPE_CHECKING:
    from tests.protocols.responses.kit import Json

ENTIRE: Final = [
    (message("hello"), [Delta(0, "text", "hello")]),
    (refusal("no"), [Delta(0, "refusal", "no")]),
    (reasoning("ab", "cd"), [Delta(0, "thinking", "ab"), Delta(0, "thinking", "\n\ncd")]),
    (reasoning(raw="ab"), [Delta(0, "thinking", "ab")]),
    (call("f", '{"a": 1}'), [Delta(0, "json", '{"a": 1}')]),
    (custom("ls"), [Delta(0, "input", "ls")]),
]


@pytest.mark.parametrize(("item", "said"), ENTIRE)
@pytest.mark.parametrize("last", ("text", "part", "item", "response"))
def test_what_only_an_end_says_is_given_then_and_once(item: Json, said: list[Event], last: str) -> None:
    """Without deltas the first of the ends that is left says it: of the text, of the part, of the item, of all."""
    events = [event for event in documents(encode(stream(item))) if not event["type"].endswith(".delta")]
    if last != "text":
        words = ("text.done", "refusal.done", "arguments.done", "input.done")
        events = [event for event in events if not event["type"].endswith(words)]
    if last in {"item", "response"}:
        events = [event for event in events if not event["type"].endswith("part.done")]
    if last == "response":
        events = [event for event in events if not event["type"].endswith("item.done")]
    found, decoder = fed(events)
    assert deltas(found) == said
    assert [type(event) for event in found[-4:]] == [PartEnded, UsageSeen, Finished, Ended]
    assert sum(isinstance(event, PartStarted | PartEnded) for event in found) == 2
    assert decoder.mends == []


@pytest.mark.parametrize(("item", "said"), ENTIRE)
def test_an_item_that_only_the_end_of_its_own_or_of_all_tells_is_given_whole(item: Json, said: list[Event]) -> None:
    for events in ([whole("created"), *streamed(item, 0)[-1:], whole("completed", [item])], None):
        found, _ = fed(events or [whole("created"), whole("completed", [item])])
        assert deltas(found) == said
        assert sum(isinstance(event, PartStarted | PartEnded) for event in found) == 2


def test_a_message_that_ended_without_a_word_has_those_of_the_completed_response() -> None:
    events = stream(message("hello"))
    empty = change(without(events, 3, 4, 5, 6, 7), {3: {"/item/content": []}})
    assert deltas(fed(empty)[0]) == [Delta(0, "text", "hello")]


def test_the_items_of_the_completed_response_go_by_their_ids() -> None:
    first, second = message("hello", ident="msg_1"), message("world", ident="msg_2")
    begun = streamed(second, 1)[0]
    found, _ = fed([whole("created"), *streamed(first, 0), begun, whole("completed", [second, first])])
    assert deltas(found) == [Delta(0, "text", "he"), Delta(0, "text", "llo"), Delta(1, "text", "world")]


def test_an_item_of_the_completed_response_is_no_other_one_at_its_place() -> None:
    begun, *_ = streamed(message("hello"), 0)
    found, _ = fed([whole("created"), begun, whole("completed", [call("f", "{}")])])
    assert PartStarted(0, "tool_use", "call_1", "f") in found


def test_more_of_a_part_that_has_ended_is_a_part_of_its_own_and_told_once() -> None:
    events = stream(message("ab", "cd"))
    late = dict(events[3]) | {"delta": "x"}  # type: ignore[arg-type] # no bytes
    found, _ = fed([*events[:9], late, *events[9:]])
    assert [(event.index, event.text) for event in deltas(found) if isinstance(event, Delta)] == [
        (0, "a"),
        (0, "b"),
        (1, "c"),
        (2, "x"),
        (3, "d"),
    ]
    assert sum(isinstance(event, PartEnded) for event in found) == 4


def test_a_late_note_on_a_part_that_has_ended_does_not_bring_its_text_again() -> None:
    events = stream(message("ab", "cd"))
    where = {"item_id": "msg_1", "output_index": 0, "content_index": 0, "annotation_index": 0}
    note = {"type": "response.output_text.annotation.added", **where, "annotation": {"type": "file_path"}}
    found, _ = fed([*events[:9], note, *events[9:]])
    assert [event.text for event in deltas(found) if isinstance(event, Delta) and event.kind == "text"] == list("abcd")


def test_what_has_ended_does_not_end_again() -> None:
    for item in (reasoning() | {"encrypted_content": "gAAA"}, search(), message("hello")):
        events = stream(item)
        assert fed([*events[:-1], *events[-2:]])[0] == fed(events)[0]


def test_what_the_beginning_of_an_item_or_part_says_is_told() -> None:
    events = stream(call("f", "{}"))
    begun = change(events, {2: {"/item/arguments": "{}"}})
    assert deltas(fed(without(begun, 3, 4))[0]) == [Delta(0, "json", "{}")]
    events = change(stream(message("hello")), {3: {"/part/text": "hello"}})
    assert deltas(fed(without(events, 4, 5))[0]) == [Delta(0, "text", "hello")]


def test_items_that_the_created_response_has_already_have_begun() -> None:
    events = stream(message("hello"))
    begun = streamed(message("hello"), 0)[0]["item"]
    found, _ = fed([whole("created", [begun]), *events[2:]])
    assert found[1:5] == parts(message("hello"))
