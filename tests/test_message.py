"""message.py: usage merges as running totals do, and the values can be shared without fear."""

from __future__ import annotations

import inspect
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiremend import message
from wiremend.message import (
    Base64,
    ChatRequest,
    CustomToolUse,
    Image,
    Message,
    Part,
    Text,
    Thinking,
    ToolResult,
    ToolUse,
    Usage,
)

COUNTS = st.none() | st.integers(0, 3)
USAGES = st.builds(Usage, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS)
STRUCTS = [
    value
    for _, value in inspect.getmembers(message, inspect.isclass)
    if issubclass(value, msgspec.Struct) and value is not msgspec.Struct
]


def test_the_last_word_on_each_count_holds() -> None:
    start = Usage(input=100, cached=90, output=1)
    end = Usage(output=42, reasoning=7)
    assert start.then(end) == Usage(input=100, cached=90, output=42, reasoning=7)


def test_zero_is_no_news_where_a_count_is_known() -> None:
    """Converters fill the counts that they do not know with zero."""
    assert Usage(input=100, output=5).then(Usage(input=0, output=9)) == Usage(input=100, output=9)
    assert Usage().then(Usage(input=0)) == Usage(input=0)


@given(USAGES, USAGES, USAGES)
def test_merging_is_associative_and_settles(one: Usage, two: Usage, three: Usage) -> None:
    assert one.then(two).then(three) == one.then(two.then(three))
    assert one.then(two).then(two) == one.then(two)
    assert Usage().then(one) == one == one.then(Usage())


@given(USAGES, USAGES)
def test_each_count_is_merged_on_its_own(one: Usage, two: Usage) -> None:
    merged = one.then(two)
    for name in Usage.__struct_fields__:
        old, new = getattr(one, name), getattr(two, name)
        assert getattr(merged, name) == (new or (new if old is None else old))


@pytest.mark.parametrize("struct", STRUCTS, ids=lambda struct: struct.__name__)
def test_every_value_is_frozen(struct: type[msgspec.Struct]) -> None:
    assert struct.__struct_config__.frozen


def test_two_values_share_no_default() -> None:
    one, other = Text("a"), Text("a")
    assert one == other
    assert one.extra is not other.extra


def test_what_the_client_did_not_say_is_none() -> None:
    request = ChatRequest(wire="chat", model="m", messages=())
    said = {"wire", "model", "messages", "stream"}
    empty: list[Any] = [None, (), {}]
    assert all(getattr(request, name) in empty for name in set(ChatRequest.__struct_fields__) - said)
    assert not request.stream


def test_a_turn_with_tools_and_pictures_is_told_whole() -> None:
    """The values match by class, and what only one wire can say stands beside what all can."""
    picture = Image(Base64("image/png", "aGk="), detail="low")
    turn = Message("assistant", (Thinking("hm", signature="sig"), ToolUse("c1", "look", '{"a":1}')))
    result = Message("user", (ToolResult("c1", (Text("seen"), picture), is_error=True),))
    match turn.parts, result.parts:
        case (Thinking(text=thought, signature=signature), ToolUse(id=called)), (ToolResult(id=answered, parts=parts),):
            assert (thought, signature) == ("hm", "sig")
            assert called == answered
            assert parts[1] is picture
        case _:
            pytest.fail("the parts are of other classes")
    calls: list[Part] = [ToolUse("c", "n", "x"), CustomToolUse("c", "n", "x")]
    assert calls[0] != calls[1]
