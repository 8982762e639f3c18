"""The strategy for neutral requests gives the normal form of ``wiremend.message``, and uses every field of it."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.protocols.requests import chat_requests
from wiremend import message
from wiremend.message import ChatRequest, CustomToolUse, ToolResult, ToolUse

if TYPE_CHECKING:
    from collections.abc import Iterator

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
FIELDS = [
    (struct.__name__, name)
    for _, struct in inspect.getmembers(message, inspect.isclass)
    if issubclass(struct, msgspec.Struct)
    and not struct.__name__.startswith("_")
    and struct.__module__ == message.__name__
    and struct.__name__ != "Usage"
    for name in struct.__struct_fields__
]

UNSAID = {(part, name) for part in ("Thinking", "Redacted", "Refusal", "CustomToolUse") for name in ("cache", "extra")}
"""Fields of all parts that no wire has on these."""


def structs_in(value: Any) -> Iterator[msgspec.Struct]:  # noqa: ANN401  any value
    if isinstance(value, msgspec.Struct):
        yield value
        for name in value.__struct_fields__:
            yield from structs_in(getattr(value, name))
    elif isinstance(value, tuple):
        for item in value:
            yield from structs_in(item)


@settings(suppress_health_check=SLOW)
@given(chat_requests())
def test_it_is_the_normal_form(request: ChatRequest) -> None:
    open_: list[str] = []
    for turn, following in zip(request.messages, [*request.messages[1:], None], strict=True):
        results = [part for part in turn.parts if isinstance(part, ToolResult)]
        assert list(turn.parts[: len(results)]) == results, "results stand first"
        assert sorted(result.id for result in results) == sorted(open_), (
            "each call has its result in the next user's message"
        )
        open_ = [part.id for part in turn.parts if isinstance(part, ToolUse | CustomToolUse)]
        if following is not None:
            assert not turn.role == following.role == "assistant", "what is said in a row is one message"
            alone = turn.parts and len(results) == len(turn.parts)
            assert not (alone and following.role == "user"), "results and what follows are one message"
    assert not open_


@settings(suppress_health_check=SLOW)
@given(chat_requests(("chat",), odd=False))
def test_what_is_not_odd_has_the_order_of_the_chat_wire(request: ChatRequest) -> None:
    ranks = {"Thinking": 0, "Redacted": 0, "Text": 1, "Refusal": 2, "ToolUse": 3, "CustomToolUse": 3}
    for turn in request.messages:
        if turn.role == "assistant":
            found = [ranks[type(part).__name__] for part in turn.parts]
            assert found == sorted(found)


class AllUsedError(Exception):
    """Every field was drawn: the search is over."""


def test_every_field_is_used() -> None:
    left = set(FIELDS) - UNSAID

    @settings(max_examples=2_000, suppress_health_check=SLOW, phases=[Phase.generate], database=None, deadline=None)
    @given(chat_requests())
    def draw(request: ChatRequest) -> None:
        for struct in structs_in(request):
            for name in struct.__struct_fields__:
                if getattr(struct, name) not in (None, (), {}, False):
                    left.discard((type(struct).__name__, name))
        if not left:
            raise AllUsedError

    with pytest.raises(AllUsedError):
        draw()
    assert left == set()
