"""Places of a request that are worked out when they are asked for: right in any order, and a ring with nothing."""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from wiremend.protocols.codec import Places
from wiremend.protocols.codecs import CODECS

if TYPE_CHECKING:
    from wiremend.protocols.base import WireName

USUAL: dict[WireName, dict[str, Any]] = {
    "messages": {
        "model": "m",
        "max_tokens": 9,
        "system": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "hi"}]},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "s"},
                    {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "r"}]}
                ],
            },
            {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_2", "name": "f", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_2", "content": "r"}]},
        ],
    },
    "chat": {
        "model": "m",
        "messages": [
            {"role": "system", "content": "a"},
            {"role": "user", "content": "hi"},
            {
                "role": "assistant",
                "content": "look",
                "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "r"},
            {"role": "assistant", "content": "so"},
        ],
    },
    "responses": {
        "model": "m",
        "instructions": "a",
        "input": [
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]},
            {
                "type": "reasoning",
                "id": "rs_1",
                "summary": [{"type": "summary_text", "text": "hm"}],
                "encrypted_content": "g",
            },
            {
                "type": "message",
                "role": "assistant",
                "id": "msg_1",
                "status": "completed",
                "content": [{"type": "output_text", "text": "look", "annotations": []}],
            },
            {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "r"},
        ],
    },
}


@pytest.mark.parametrize("wire", USUAL)
def test_a_body_is_let_go_without_the_garbage_collector(wire: WireName) -> None:
    read = CODECS[wire].read(USUAL[wire])
    read.places.of(("messages", 1, "parts", 0))
    places = weakref.ref(read.places)
    gc.disable()
    try:
        del read
        assert places() is None
    finally:
        gc.enable()


def test_a_message_is_worked_out_once_and_only_when_it_is_asked_for() -> None:
    places, asked = Places(), list[int]()

    def puts(found: Places, number: int) -> None:
        asked.append(number)
        found.put(("messages", number), "input", number + 1)

    places.later(puts)
    assert places.of(("tools", 0)) == "/tools/0"
    assert places.of(("messages",)) == "/messages"
    assert asked == []
    assert places.of(("messages", 2, "role")) == "/input/3/role"
    assert places.of(("messages", 2, "parts", 0)) == "/input/3/0"
    assert asked == [2]


@pytest.mark.parametrize(
    ("wire", "path", "pointer"),
    (
        ("messages", ("messages", 0, "parts", 1, "text"), "/system/1/text"),
        ("messages", ("messages", 2, "parts", 1, "arguments"), "/messages/1/content/1/input"),
        ("messages", ("messages", 3, "parts", 0, "id"), "/messages/2/content/0/tool_use_id"),
        ("messages", ("messages", 3, "parts", 0, "parts", 0), "/messages/2/content/0/content/0"),
        ("messages", ("messages", 5, "parts", 0, "parts", 0), "/messages/4/content/0/content"),
        ("chat", ("messages", 1, "parts", 0), "/messages/1/content"),
        ("chat", ("messages", 2, "parts", 1, "arguments"), "/messages/2/tool_calls/0/arguments"),
        ("chat", ("messages", 3, "parts", 0), "/messages/3"),
        ("chat", ("messages", 3, "parts", 0, "parts", 0, "text"), "/messages/3/content/text"),
        ("responses", ("messages", 0, "parts", 0), "/instructions"),
        ("responses", ("messages", 1, "parts", 0), "/input/0/content/0"),
        ("responses", ("messages", 2, "parts", 0, "encrypted"), "/input/1/encrypted_content"),
        ("responses", ("messages", 2, "parts", 1), "/input/2/content/0"),
        ("responses", ("messages", 2, "parts", 2, "id"), "/input/3/call_id"),
        ("responses", ("messages", 3, "parts", 0, "parts", 0), "/input/4/output"),
    ),
)
def test_what_is_as_usual_has_its_place(wire: WireName, path: tuple[str | int, ...], pointer: str) -> None:
    assert CODECS[wire].read(USUAL[wire]).places.of(path) == pointer


def test_parts_of_joined_messages_have_their_places() -> None:
    say = [
        {"role": "assistant", "content": [{"type": "text", "text": text}, {"type": "text", "text": "b"}]}
        for text in "ac"
    ]
    places = CODECS["messages"].read({"model": "m", "messages": [{"role": "user", "content": "x"}, *say]}).places
    assert places.of(("messages", 1, "parts", 3, "text")) == "/messages/2/content/1/text"
    assert places.of(("messages", 1, "parts", 1)) == "/messages/1/content/1"


def test_results_of_one_turn_have_their_places_on_chat() -> None:
    calls = [{"id": f"c{n}", "type": "function", "function": {"name": "f", "arguments": "{}"}} for n in range(2)]
    gave = [{"role": "tool", "tool_call_id": f"c{n}", "content": "g"} for n in range(2)]
    said = [{"role": "assistant", "content": None, "tool_calls": calls}, *gave, {"role": "assistant", "content": "ok"}]
    places = CODECS["chat"].read({"model": "m", "messages": said}).places
    assert places.of(("messages", 0, "parts", 1, "id")) == "/messages/0/tool_calls/1/id"
    assert places.of(("messages", 1, "parts", 1)) == "/messages/2"
    assert places.of(("messages", 2, "parts", 0)) == "/messages/3/content"


@pytest.mark.parametrize(
    "item",
    (
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}", "caller": {"type": "program"}},
        {"type": "function_call_output", "call_id": "c", "output": "o", "tone": "dry"},
        {"type": "reasoning", "summary": [], "encrypted_content": "gAAAAA", "tone": "dry"},
    ),
)
def test_what_an_item_has_besides_makes_it_unusual(item: dict[str, object]) -> None:
    read = CODECS["responses"].read({"model": "m", "input": [item]})
    [part] = read.request.messages[0].parts
    name = next(name for name in ("caller", "tone") if name in item)
    assert part.extra == {name: item[name]}  # type: ignore[union-attr]  # no part of these is Unknown
