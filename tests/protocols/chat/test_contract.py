"""The contract of the chat wire: each breach is found where it is, and a client minds it; sound streams have none.

The rows are in ``rows``; the judge of what clients mind is the openai SDK's accumulator, where it can show it.
"""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING

import pytest

from tests.lab.replies import Answer, chat_events, sse
from tests.protocols.chat.kit import (
    CALLS,
    DONE,
    ROLE,
    STOP,
    TEXT,
    TOTAL,
    USAGE,
    call,
    choices,
    chunk,
    found,
    more,
    oracle,
    tools,
    verdict,
)
from tests.protocols.chat.rows import BOOM, ONE, OTHERS, ROWS, SOUND_CITATION, TWO, Row
from tests.protocols.chat.test_body import BODIES, ERRORS
from wiremend.protocols.chat.contract import ARGUMENTS_BUDGET, CODES, TABLE, Contract
from wiremend.sse import Event, EventParser

if TYPE_CHECKING:
    from wiremend.protocols.violation import StreamContract

EVERY = [*ROWS, *OTHERS]
LOGPROBS = {"content": [{"token": "Hi", "logprob": -0.5, "bytes": [72], "top_logprobs": []}], "refusal": None}
DETAILS = {"prompt_tokens_details": {"cached_tokens": 3}, "completion_tokens_details": {"reasoning_tokens": None}}
PAIR = [call(0, "c1"), call(1, "c2")]

LEGAL = {
    "text": ROLE + TEXT + STOP + DONE,
    "the lab's text": b"".join(chat_events(Answer())),
    "the lab's tool": b"".join(chat_events(Answer(tool=("f", {"city": ["Zürich"]})), include_usage=False)),
    "only a finish": chunk({"role": "assistant"}, "stop") + DONE,
    "length": ROLE + TEXT + chunk(finish="length") + DONE,
    "content filter": ROLE + chunk(finish="content_filter") + DONE,
    "cut arguments that say so": ROLE + tools(call(0, "c1", '{"a')) + chunk(finish="length") + DONE,
    "usage in a trailing chunk": ROLE + TEXT + STOP + TOTAL + DONE,
    "usage in every chunk": b"".join(
        chunk(delta, finish, usage=USAGE | DETAILS)
        for delta, finish in (({"role": "assistant"}, None), ({"content": "Hi"}, None), ({}, "stop"))
    )
    + DONE,
    "usage with null counts, null before": chunk({"role": "assistant"}, usage=None)
    + chunk(finish="stop", usage={"prompt_tokens": None, "total_tokens": 0.0})
    + DONE,
    "usage in the choice and at the top": ROLE
    + choices({"index": 0, "delta": {}, "finish_reason": "stop", "usage": USAGE})
    + TOTAL
    + DONE,
    "reasoning": ROLE + chunk({"reasoning_content": "hm"}) + chunk({"reasoning": "hm"}) + TEXT + STOP + DONE,
    "refusal": ROLE + chunk({"refusal": "I can"}) + chunk({"refusal": "not."}) + STOP + DONE,
    "nulls that every client allows": chunk({"role": "assistant", "content": None, "tool_calls": None, "refusal": None})
    + chunk(
        {"content": "Hi", "role": None, "function_call": None, "reasoning": None}, id=None, model=None, created=None
    )
    + STOP
    + DONE,
    "two tools, one after the other": ROLE + tools(ONE) + tools(TWO) + CALLS + DONE,
    "two tools in one chunk": ROLE + tools(ONE, TWO) + CALLS + DONE,
    "two tools, interleaved": ROLE
    + tools(*PAIR)
    + b"".join(tools(more(index, part)) for part in ('{"a"', ":1}") for index in (0, 1))
    + CALLS
    + DONE,
    "text before a tool, all at the end": ROLE + TEXT + tools(ONE, finish="tool_calls") + DONE,
    "later pieces with empty names and a type": ROLE
    + tools(call(0, "c1"))
    + tools({"index": 0, "id": None, "type": "function", "function": {"name": "", "arguments": "{}"}})
    + tools({"index": 0, "id": "", "function": {"name": None}})
    + CALLS
    + DONE,
    "arguments that are not an object": ROLE + tools(call(0, "c1", "[1]")) + CALLS + DONE,
    "finish reason twice": ROLE + TEXT + STOP + chunk({"content": ""}, "stop") + DONE,
    "an empty delta after the finish": ROLE + TEXT + STOP + chunk({"content": "", "tool_calls": []}) + DONE,
    "two choices": choices({"index": 0, "delta": {"role": "assistant"}}, {"index": 1, "delta": {"role": "assistant"}})
    + choices({"index": 1, "delta": {"content": "Ho"}, "finish_reason": "stop"})
    + TEXT
    + STOP
    + DONE,
    "a second choice that begins late": ROLE
    + TEXT
    + STOP
    + chunk({"role": "assistant", "content": "Ho"}, index=1)
    + chunk(finish="stop", index=1)
    + DONE,
    "logprobs": ROLE
    + choices({"index": 0, "delta": {"content": "Hi"}, "logprobs": LOGPROBS, "finish_reason": None})
    + choices({"index": 0, "delta": {}, "logprobs": {"content": None}, "finish_reason": "stop"})
    + DONE,
    "lists with an index": ROLE
    + 2 * chunk({"reasoning_details": [{"type": "reasoning.text", "text": "x", "index": 0}]})
    + chunk({"annotations": [{"index": 0, "type": "url_citation", "url_citation": SOUND_CITATION}]})
    + STOP
    + DONE,
    "lists of scalars": ROLE + 2 * chunk({"token_ids": [1, 2, "x", True], "empty": []}) + STOP + DONE,
    "brackets in the text": ROLE + 2 * chunk({"content": "a[0]"}) + STOP + DONE,
    "brackets in arguments": ROLE
    + tools(call(0, "c1", '{"a":['))
    + tools(more(0, "[1],["))
    + tools(more(0, "2]]}"))
    + CALLS
    + DONE,
    "unknown fields": chunk({"role": "assistant", "vendor": {"a": 1}}, moderation={}, x_groq={"id": "r"})
    + chunk(
        {"content": "Hi", "vendor": {"a": 2}}, base_resp={"status_code": 0, "status_msg": ""}, system_fingerprint="f"
    )
    + tools(ONE | {"extra_content": {"google": {"thought_signature": "x"}}}, finish="tool_calls")
    + DONE,
    "an error at once": BOOM,
    "an error in mid-stream": ROLE + TEXT + BOOM,
    "a named error": ROLE + sse({"error": {"message": "boom", "code": 502}}, "error") + DONE,
    "comments and blank lines": b": hi\n\n\n" + ROLE + b":\n\n" + TEXT + STOP + DONE + b": bye\n\nevent: ping\n\n",
    "an id and a comment without a blank line": b": hi\nid: 1\n" + ROLE + b"id:\n" + TEXT + b": hi\n\n" + STOP + DONE,
    "a trailing comment that nothing ends": ROLE + TEXT + STOP + DONE + b": bye",
    "data in two lines": ROLE + TEXT.replace(b',"created"', b',\ndata: "created"') + STOP + DONE,
    "CRLF, no space after the colon": (ROLE + TEXT + STOP + DONE).replace(b"\n", b"\r\n").replace(b"data: ", b"data:"),
    "lone surrogates, and numbers of any length": ROLE
    + TEXT.replace(b"Hi", b"\\ud83d")
    + TEXT.replace(b"1700000000", b"1" * 400)
    + STOP
    + DONE,
}


@pytest.mark.parametrize("name", LEGAL)
def test_a_sound_stream_has_no_violation(name: str) -> None:
    assert verdict(LEGAL[name]) == []


@pytest.mark.parametrize("name", [name for name in LEGAL if "error" not in name])
def test_the_openai_sdk_accepts_a_sound_stream(name: str) -> None:
    assert oracle(LEGAL[name]).error is None


@pytest.mark.parametrize("item", EVERY, ids=str)
def test_a_breach_is_found_where_it_is(item: Row) -> None:
    assert found(verdict(item.bad)) == item.found


@pytest.mark.parametrize("item", [item for item in EVERY if item.good], ids=str)
def test_the_mended_stream_is_sound(item: Row) -> None:
    assert item.good is not None
    assert verdict(item.good) == []


@pytest.mark.parametrize("item", [item for item in EVERY if item.who in {"raises", "differs"}], ids=str)
def test_the_openai_sdk_minds(item: Row) -> None:
    bad = oracle(item.bad)
    if item.who == "raises":
        assert bad.error
    else:
        assert item.good is not None
        assert bad != oracle(item.good)


def test_every_code_occurs_and_is_described() -> None:
    seen = {code for item in EVERY for code, _, _ in item.found}
    seen |= {code for table in (BODIES, ERRORS) for _, breaches in table.values() for code, _, _ in breaches}
    assert seen == set(CODES)
    assert all(text.endswith(".") and ": " in text for text in CODES.values())


def test_a_message_says_what_was_found() -> None:
    [violation] = verdict(ROLE + TEXT + chunk(finish="eos") + DONE)
    assert violation.message.endswith("OpenCode repeats the request without end, pi fails (found: 'eos').")
    [violation] = verdict(ROLE + TEXT + chunk(finish="x" * 99) + DONE)
    assert "…)." in violation.message


def test_the_table_is_closed() -> None:
    for rows in TABLE.values():
        for steps in rows.values():
            for following, code in steps.values():
                assert following in rows
                assert code is None or code in CODES


def test_each_state_of_a_stream_answers_to_all_that_can_come() -> None:
    rows = TABLE["stream"]
    assert all(set(steps) == {"bare", "delta", "finish", "error", "done", "end"} for steps in rows.values())


def test_it_has_ended_with_done_or_an_error() -> None:
    for raw, ended in ((ROLE + STOP, False), (ROLE + STOP + DONE, True), (ROLE + BOOM, True)):
        contract: StreamContract = Contract()
        for event in EventParser().feed(raw):
            contract.feed(event)
        assert contract.ended is ended


def test_an_end_is_told_once() -> None:
    contract = Contract()
    assert [item.code for item in contract.close()] == ["chat.stream.empty"]
    assert list(contract.close()) == []


def test_arguments_beyond_the_budget_are_not_judged_and_not_kept() -> None:
    long = ROLE + tools(call(0, "c1", "{")) + tools(more(0, "x" * ARGUMENTS_BUDGET)) + tools(more(0, "x"))
    assert verdict(long + CALLS + DONE) == []
    # Once they are judged, the budget is there again: here for another choice.
    half = "[" + "1" * (ARGUMENTS_BUDGET * 2 // 3)
    two = [chunk({"role": "assistant", "tool_calls": [call(0, f"c{n}", half)]}, "length", index=n) for n in (0, 1)]
    bad = chunk({"role": "assistant", "tool_calls": [call(0, "c3", "[")]}, "tool_calls", index=2)
    assert found(verdict(b"".join(two) + bad + DONE)) == [
        ("chat.tool-call.arguments-truncated", 3, "/choices/0/finish_reason")
    ]


def test_memory_stays_flat_on_a_long_stream() -> None:
    text, arguments = (EventParser().feed(raw)[0] for raw in (TEXT, tools(more(0, "[1],"))))
    contract = Contract()
    for event in EventParser().feed(ROLE + tools(call(0, "c1", "["))):
        contract.feed(event)

    def run(events: int) -> int:
        for _ in range(events):
            contract.feed(text)
            contract.feed(arguments)
        return tracemalloc.get_traced_memory()[0]

    run(ARGUMENTS_BUDGET // 4 + 1)  # until the budget is spent
    tracemalloc.start()
    try:
        before = run(100)
        assert run(10_000) - before < 4096
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("depth", (50, 5000, 200_000))
def test_any_depth_is_judged(depth: int) -> None:
    data = b'{"choices":[{"index":0,"delta":{"x":' + b'{"a":' * depth + b"1" + b"}" * depth + b"}}]}"
    contract = Contract()
    assert contract.feed(Event(b"data: " + data + b"\n\n", None, data, None, None, complete=True))


def test_lists_of_its_own_invention_are_checked_within_bounds() -> None:
    names = {f"list{number}": [{"index": 0}] for number in range(400)}
    assert verdict(ROLE + 2 * chunk(names) + STOP + DONE) == []
