"""The contract of the messages wire: what is legal has no violation, and each quirk has exactly its own.

A row of the quirk tables is the smallest stream that shows it, the violations as (code, event, pointer), and an oracle.
The oracle is the official Python SDK, which must raise, or read something else than was meant; or, where that SDK reads
what was meant, the row names the client that was seen to mind (facts of the wires and clients).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.lab.replies import Answer, messages_events, sse
from tests.protocols.messages import quirks
from tests.protocols.messages.kit import (
    CALL,
    ERROR,
    HELLO,
    HM,
    MIND,
    PARIS,
    START,
    STOP,
    TEXT,
    THINKING,
    TOOL,
    begin,
    change,
    delta,
    end,
    judge,
    piece,
    put,
    read,
    said,
    signed,
    stop,
    stream,
    swap,
    thought,
)
from wiremend.protocols.messages.contract import CODES, INPUT_LIMIT, TABLE, TAKES, Contract
from wiremend.sse import EventParser

if TYPE_CHECKING:
    from tests.protocols.messages.kit import Row

OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
CITATION = {"type": "char_location", "cited_text": "x", "document_index": 0, "start_char_index": 0, "end_char_index": 1}
TEXT_BLOCK = {"type": "text", "text": ""}


@dataclass(frozen=True, slots=True)
class Legal:
    name: str
    raw: bytes


LEGAL = [
    Legal("text", b"".join(messages_events(Answer()))),
    Legal("text and a tool", b"".join(messages_events(Answer(tool=("f", {"city": "Zürich"}))))),
    Legal("thinking", stream(*MIND)),
    Legal("thinking without a signature", stream(START, begin(THINKING), thought("Hm"), stop(), end(), STOP)),
    Legal("redacted thinking", stream(START, begin({"type": "redacted_thinking", "data": "x"}), stop(), end(), STOP)),
    Legal("a tool without input", stream(START, begin(CALL), stop(), end("tool_use"), STOP)),
    Legal("an empty piece first", stream(START, begin(CALL), piece(""), piece("{}"), stop(), end("tool_use"), STOP)),
    Legal(
        "two tools, one after the other",
        stream(*TOOL[:5], begin(CALL | {"id": "toolu_2"}, 1), piece("{}", 1), stop(1), end("tool_use"), STOP),
    ),
    Legal(
        "two tools at once",
        stream(
            START,
            begin(CALL),
            begin(CALL | {"id": "toolu_2"}, 1),
            piece('{"a":', 1),
            piece("{}", 0),
            stop(0),
            piece("1}", 1),
            stop(1),
            end("tool_use"),
            STOP,
        ),
    ),
    Legal("an input cut by the limit", stream(*TOOL[:3], stop(), end("max_tokens"), STOP)),
    Legal("a number cut by the limit", stream(*TOOL[:2], piece('{"a":-1.'), stop(), end("max_tokens"), STOP)),
    Legal("refusal", stream(*TEXT[:5], end("refusal", input_tokens=3), STOP)),
    Legal("nothing said", stream(START, end(), STOP)),
    Legal("usage on the way", stream(*TEXT[:3], end(None), *TEXT[3:])),
    Legal("usage in two", stream(*TEXT[:6], end("end_turn", cache_read_input_tokens=3), STOP)),
    Legal(
        "a server's tool, its result and a citation",
        stream(
            START,
            begin(SEARCH),
            piece('{"query":"x"}'),
            stop(),
            begin(FOUND, 1),
            stop(1),
            begin(TEXT_BLOCK, 2),
            delta("citations_delta", "citation", CITATION, 2),
            said("x", 2),
            stop(2),
            end("end_turn", server_tool_use={"web_search_requests": 1}),
            STOP,
        ),
    ),
    Legal(
        "a call that message_start brings",
        stream(change(START, "message", "content", to=[CALL]), end("tool_use"), STOP),
    ),
    Legal("an error at once", stream(OVERLOADED)),
    Legal("an error on the way", stream(*TEXT[:3], OVERLOADED)),
    Legal("unknown fields", stream(*({**event, "x": {"y": [1]}} for event in TEXT))),
    Legal("an unknown event", put(TEXT, 3, sse({"type": "message_annotation"}, "message_annotation"))),
    Legal("an unknown event without a line", put(TEXT, 3, sse({"type": "vendor"}))),
    Legal(
        "an unknown block and delta",
        stream(START, begin({"type": "new"}), delta("new_delta", "x", 1), stop(), end(), STOP),
    ),
    Legal("an unknown delta of a known block", put(TEXT, 3, stream(delta("new_delta", "x", 1)))),
    Legal("a ping without data", put(TEXT, 3, b"event: ping\n\n")),
    Legal("a ping after the end", stream(*TEXT, {"type": "ping"})),
    Legal("comments and retry", put(TEXT, 3, b": OPENROUTER PROCESSING\n\nretry: 3000\n\n:\n\n")),
    Legal("a byte order mark before a comment", b"\xef\xbb\xbf: hello\n\n" + stream(*TEXT)),
    Legal("[DONE] without a name", stream(*TEXT) + b"data: [DONE]\n\n"),
    Legal("CRLF", stream(*TEXT).replace(b"\n", b"\r\n")),
    Legal("CR", stream(*TEXT).replace(b"\n", b"\r")),
]


@pytest.mark.parametrize("legal", LEGAL, ids=lambda legal: legal.name)
def test_a_legal_stream_has_no_violation_and_the_sdk_reads_it(legal: Legal) -> None:
    assert judge(legal.raw) == set()
    seen = read(legal.raw)
    assert seen == ERROR if "error" in legal.name else isinstance(seen, tuple), seen


@pytest.mark.parametrize("row", quirks.ROWS, ids=lambda row: f"{row.quirk}-{row.name}")
def test_a_quirk_is_found_where_it_is_and_its_oracle_minds(row: Row) -> None:
    assert judge(row.raw) == row.found
    seen = read(row.raw)
    if row.minds == "anthropic-py":
        assert seen != row.means
    else:
        assert seen == row.means, "the SDK minds, so the row need not name another client"


@pytest.mark.parametrize("row", quirks.ROWS, ids=lambda row: f"{row.quirk}-{row.name}")
def test_each_violation_says_who_minds(row: Row) -> None:
    contract, parser = Contract(), EventParser()
    events = parser.feed(row.raw) + parser.close()
    for violation in [v for event in events for v in contract.feed(event)] + list(contract.close()):
        assert violation.message.startswith(CODES[violation.code][:-1])
        assert violation.message.endswith(".")


def test_each_code_occurs_in_a_row() -> None:
    occurring = {code for row in quirks.ROWS for code, _, _ in row.found}
    occurring |= {code for row in quirks.BODIES for code, _ in row.found}
    assert {f"messages.{code}" for code in occurring} == set(CODES)


def test_each_quirk_of_the_wire_that_bytes_can_show_has_a_row() -> None:
    assert {row.quirk for row in quirks.ROWS} >= {99, 100, 102, 103, 105, *range(117, 134)}


def test_the_table_is_closed() -> None:
    for rows in TABLE.values():
        for row in rows.values():
            assert set(row.values()) <= set(rows)
    assert set(TABLE["stream"]["start"]) <= set(TABLE["stream"]["open"]) | {"message_start"}
    assert TAKES["text"].isdisjoint(TAKES["thinking"])


def test_an_input_over_the_limit_is_not_kept() -> None:
    contract, parser = Contract(), EventParser()
    text = "x" * 65536
    raw = stream(START, begin(CALL), piece('{"a":"'), *(piece(text) for _ in range(20)), piece('"'))
    for event in parser.feed(raw):
        assert contract.feed(event) == ()
    assert 20 * len(text) > INPUT_LIMIT
    assert contract._open[0].json is None
    [stopped] = parser.feed(stream(stop()))
    assert contract.feed(stopped) == ()


def test_state_does_not_grow_with_the_stream() -> None:
    contract, parser = Contract(), EventParser()
    for event in parser.feed(stream(START)):
        contract.feed(event)
    for index in range(500):
        for event in parser.feed(stream(begin(TEXT_BLOCK, index), said("x", index), stop(index))):
            assert contract.feed(event) == ()
    assert not contract._open
    assert not contract._alias
    assert not contract._cut


def test_the_contract_ends_with_the_terminal_event() -> None:
    contract, parser = Contract(), EventParser()
    ended = []
    for event in parser.feed(stream(*TEXT)):
        contract.feed(event)
        ended.append(contract.ended)
    assert ended == [False] * 6 + [True]


def test_a_violation_is_told_once_by_close() -> None:
    contract = Contract()
    assert [violation.code for violation in contract.close()] == ["messages.stream.empty"]
    assert contract.close() == ()


def test_the_reference_streams_mean_what_the_rows_take_them_for() -> None:
    assert read(stream(*TEXT)) == HELLO
    assert read(stream(*TOOL)) == PARIS
    assert read(stream(*MIND)) == HM
    assert read(swap(TEXT, 4, said("p"))) != HELLO
    assert json.loads(json.dumps(START)) == START
    assert signed("x")["delta"] == {"type": "signature_delta", "signature": "x"}
