"""A reply with more tool calls than any model makes: bounded, for each event of a call looks at all of them."""

from __future__ import annotations

import json

import pytest

from wiremend.protocols.chat.mend import MENDING, MOST_CALLS
from wiremend.protocols.mending import Origin
from wiremend.sse import EventParser


def stream(calls: int) -> bytes:
    """Write a reply with so many calls, one a chunk."""

    def chunk(delta: object, reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        document = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
        return b"data: " + json.dumps(document).encode() + b"\n\n"

    def call(number: int) -> object:
        function = {"name": "sh", "arguments": "{}"}
        return {"tool_calls": [{"index": number, "id": f"call_{number}", "type": "function", "function": function}]}

    begin = chunk({"role": "assistant", "content": ""})
    return (
        b"".join([begin, *(chunk(call(number)) for number in range(calls)), chunk({}, "tool_calls")])
        + b"data: [DONE]\n\n"
    )


@pytest.mark.parametrize(("calls", "fails"), ((MOST_CALLS, False), (MOST_CALLS + 1, True), (4 * MOST_CALLS, True)))
def test_more_calls_than_any_model_makes_end_the_stream(calls: int, fails: bool) -> None:  # noqa: FBT001 - a column
    mender = MENDING.mender(Origin(seed="s"))
    given = b"".join(mender.feed(event) for event in EventParser().feed(stream(calls))) + mender.close()
    assert (mender.failure is not None) is fails
    assert given.count(b"data: [DONE]") == 1
    assert (f"more than {MOST_CALLS} tool calls".encode() in given) is fails
    assert given.count(b'"id": "call_') == min(calls, MOST_CALLS)
