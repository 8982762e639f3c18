"""What the AI SDK does not know is kept from it, and from nobody else.

The AI SDK itself is not run here: that its closed unions refuse such a stream is measured in the catalogue, and
anthropic-py, which takes everything, shows that what is left is a whole message.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocols.messages.kit import (
    CALL,
    HELLO,
    START,
    STOP,
    TEXT,
    TOOL,
    begin,
    end,
    piece,
    read,
    said,
    stop,
    stream,
)
from tests.quirks.kit_streams import WIRED, replied, run
from wiremend.quirks import AUTO, chosen
from wiremend.quirks.base import Scope
from wiremend.quirks.unknown_variants import MAX_DROPPED

NAME = "anth-unknown-variants"
SCOPE = Scope(wire="messages", host="llm.example", client="opencode")
HEARTBEAT = {"type": "heartbeat"}
ODD_BLOCK = {"type": "guess", "x": 1}
ODD_DELTA = {"type": "guess_delta", "x": 1}


@pytest.mark.parametrize("base", (TEXT, TOOL))
@pytest.mark.parametrize("number", range(8))
def test_an_unknown_event_goes(base: list[Any], number: int) -> None:
    ran = run(NAME, [*base[:number], HEARTBEAT, *base[number:]], SCOPE)
    assert ran.kinds == ["lost"]
    assert ran.documents == base
    assert ran.same == [True] * number + [False] + [True] * (7 - number)
    assert ran.notes == [("/type", "the event 'heartbeat' dropped")]


def test_an_unknown_delta_goes() -> None:
    odd = {"type": "content_block_delta", "index": 0, "delta": ODD_DELTA}
    assert run(NAME, [*TEXT[:3], odd, *TEXT[3:]], SCOPE).documents == TEXT


def test_an_unknown_block_goes_and_those_behind_it_move_up() -> None:
    odd = [begin(ODD_BLOCK, 0), {"type": "content_block_delta", "index": 0, "delta": ODD_DELTA}, stop(0)]
    text = [begin({"type": "text", "text": ""}, 1), said("Hel", 1), said("lo", 1), stop(1)]
    more = [begin(ODD_BLOCK, 2), stop(2)]
    call = [begin(CALL, 3), piece('{"city":"Paris"}', 3), stop(3)]
    ran = run(NAME, [START, *odd, *text, *more, *call, end(), STOP], SCOPE)
    moved = [begin(CALL, 1), piece('{"city":"Paris"}', 1), stop(1)]
    assert ran.documents == [*TEXT[:5], *moved, end(), STOP]
    content, *_ = HELLO
    assert read(stream(*ran.documents)) == ([*content, {**CALL, "input": {"city": "Paris"}}], "end_turn", 7)


def test_an_index_that_is_used_again_is_heard_again() -> None:
    ran = run(NAME, [START, begin(ODD_BLOCK, 0), stop(0), *TEXT[1:]], SCOPE)
    assert ran.documents == TEXT


@pytest.mark.parametrize(
    "document",
    (
        *TEXT,
        *TOOL,
        {"type": "ping"},
        {"type": "error", "error": {"type": "overloaded_error", "message": "x"}},
        {"type": "overloaded_error", "message": "x"},
        {"type": "odd", "error": {"message": "x"}},
        {"error": {"message": "x"}},
        {},
        {"type": None},
        begin({"type": "redacted_thinking", "data": "x"}),
        begin({"type": "server_tool_use", "id": "a", "name": "b", "input": {}}),
        {"type": "content_block_start", "index": 0, "content_block": 7},
        {"type": "content_block_delta", "index": 0},
    ),
)
def test_what_is_known_or_an_error_stays(document: Any) -> None:  # noqa: ANN401 - an event
    assert run(NAME, [document], SCOPE).same == [True]


def test_a_whole_message() -> None:
    text = {"type": "text", "text": "Hello"}
    mended, notes = replied(NAME, {"content": [ODD_BLOCK, text, ODD_BLOCK]}, SCOPE)
    assert mended == {"content": [text]}
    assert sorted(where for where, _ in notes) == ["/content/0", "/content/2"]


def test_it_is_on_for_opencode_only() -> None:
    on = {
        client: NAME in {quirk.name for quirk in chosen(AUTO, replace(SCOPE, client=client))}
        for client in ("opencode", "claude-code", "anthropic/python", None)
    }
    assert on == {"opencode": True, "claude-code": False, "anthropic/python": False, None: False}


def test_what_is_kept_in_mind_is_bounded() -> None:
    ran = run(NAME, [begin(ODD_BLOCK, n) for n in range(MAX_DROPPED + 5)], SCOPE)
    assert ran.documents == []
    assert (
        len(run(NAME, [*(begin(ODD_BLOCK, n) for n in range(MAX_DROPPED + 5)), stop(MAX_DROPPED + 1)]).documents) == 1
    )


@given(
    st.lists(st.dictionaries(st.sampled_from(["type", "index", "delta", "content_block", "error", "content"]), WIRED))
)
def test_nothing_raises(documents: list[Any]) -> None:
    run(NAME, documents, SCOPE)
    for document in documents:
        replied(NAME, document, SCOPE)
