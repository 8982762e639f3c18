"""What the contract finds legal, what its table says, and when it says nothing more.

Legal streams are those that OpenAI sends, item by item and interleaved, with everything in them that may be there:
unknown events, fields, items and parts, comments, ``[DONE]``; and those that lack what no client asks for. The rows of
offences are in ``test_quirks``, whole bodies and properties in files of their own.
"""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.protocols.responses import quirks_body, quirks_items
from tests.protocols.responses.kit import (
    DROP,
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
    sdk,
    search,
    stranger,
    stream,
    streamed,
    told,
    whole,
    without,
)
from tests.protocols.responses.quirks import TEXT, TWO
from tests.wire import all_cuts
from wiremend import sse
from wiremend.protocols.responses import schema
from wiremend.protocols.responses.contract import CODES, TABLE, Contract, Fault, check_body
from wiremend.protocols.responses.explain import explain

_ERROR: Final = {"code": "context_length_exceeded", "message": "too long"}
_A, _B = streamed(call(), 0), streamed(call("g", "{}", 2), 1)

FINISHED: Final[dict[str, Stream]] = {
    "text": stream(message("Grüße 😀 there")),
    "reasoning that begins with a summary": [
        whole("created"),
        streamed(reasoning("so"), 0)[0] | {"item": reasoning("so")},
        streamed(reasoning("so"), 0)[2],
        streamed(reasoning("so"), 0)[-1],
        whole("completed", [reasoning("so")]),
    ],
    "text of no length": stream(message("")),
    "nothing": stream(),
    "several parts": stream(message("one", "two")),
    "refusal": stream(refusal("I will not.")),
    "refusal after text": stream(
        message("Well,") | {"content": [message("Well,")["content"][0], *refusal("no")["content"]]}
    ),
    "a call": stream(call()),
    "calls, one after the other": stream(message("both:"), call(), call("g", "{}", 2)),
    "calls, interleaved": [
        whole("created"),
        _A[0],
        _B[0],
        _A[1],
        _B[1],
        _B[2],
        _A[2],
        _B[3],
        _B[4],
        *_A[3:],
        whole("completed", [call(), call("g", "{}", 2)]),
    ],
    "a custom tool's call": stream(custom()),
    "reasoning": stream(reasoning("first", "second"), message("so")),
    "raw reasoning": stream(reasoning(raw="hm"), message("so")),
    "a search": stream(search(), message("found")),
    "an item of an unknown type": stream(stranger(), message("x")),
    "a part of an unknown type": stream(message() | {"content": [{"type": "vendor_part", "text": "?"}]}),
    "no usage": change(TEXT, {9: {"/response/usage": DROP}}),
    "usage null": change(TEXT, {9: {"/response/usage": None}}),
    "usage without details": change(
        TEXT, {9: {"/response/usage": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3, "vendor": "x"}}}
    ),
    "details null": change(
        TEXT, {9: {"/response/usage/input_tokens_details": None, "/response/usage/output_tokens_details": None}}
    ),
    "queued and in_progress": insert(TEXT, 2, whole("queued"), whole("in_progress")),
    "in_progress with no output": insert(TEXT, 2, change([whole("in_progress")], {1: {"/response/output": DROP}})[0]),
    "items that the created response has": [
        whole("created", [message("Hello there")]),
        TEXT[7],
        whole("completed", [message("Hello there")]),
    ],
    "a message that begins with a part": without(
        change(TEXT, {2: {"/item/content": [{"type": "output_text", "text": "", "annotations": []}]}}), 3
    ),
    "no output_text.done and no content_part.done": without(TEXT, 6, 7),
    "annotations": insert(
        TEXT,
        6,
        {"type": "response.output_text.annotation.added", "item_id": "msg_1", "output_index": 0, "content_index": 0},
    ),
    "sequence numbers, all 0": [event | {"sequence_number": 0} for event in TEXT if isinstance(event, dict)],
    "unknown fields": [event | {"vendor": {"x": [1]}, "error": None} for event in TEXT if isinstance(event, dict)],
    "unknown events": insert(
        insert(TEXT, 5, {"type": "response.vendor.note", "x": 1}), 3, {"type": "vendor.rate_limits"}
    ),
    "comments": insert(insert(TEXT, 5, b": keep-alive\n\n"), 1, b":\n\n"),
    "[DONE]": [*TEXT, b"data: [DONE]\n\n"],
    "only data lines": [encode(TEXT, named=False)],
    "CRLF": [encode(TEXT).replace(b"\n", b"\r\n")],
    "data over several lines": [encode(TEXT).replace(b'", "', b'",\ndata: "')],
}
STOPPED: Final[dict[str, Stream]] = {
    "failed": [whole("created"), whole("failed", error=_ERROR) | {"sequence_number": 1}],
    "failed in the middle": [*TEXT[:5], whole("failed", error=_ERROR) | {"sequence_number": 5}],
    "failed for no reason": [whole("created"), whole("failed") | {"sequence_number": 1}],
    "incomplete": [*TEXT[:8], whole("incomplete", incomplete_details={"reason": "max_output_tokens"})],
    "incomplete in the middle": [*TEXT[:5], whole("incomplete")],
}


@pytest.mark.parametrize("name", FINISHED)
def test_a_legal_stream_has_no_violation_and_openai_python_reads_it(name: str) -> None:
    found, contract = judge(FINISHED[name])
    assert found == []
    assert contract.ended
    outcome = sdk(FINISHED[name])
    assert outcome.error is None
    assert outcome.output is not None


@pytest.mark.parametrize("name", STOPPED)
def test_an_answer_that_failed_or_was_cut_by_a_limit_is_legal(name: str) -> None:
    found, contract = judge(STOPPED[name])
    assert (found, contract.ended) == ([], True)
    assert sdk(STOPPED[name]) == (None, None)


@pytest.mark.parametrize("name", ("text", "calls, interleaved", "CRLF", "comments"))
def test_where_the_bytes_are_cut_does_not_matter(name: str) -> None:
    raw = encode(FINISHED[name])
    for cut, chunks in all_cuts(raw):
        parser, contract = sse.EventParser(), Contract()
        events = [event for chunk in chunks for event in parser.feed(chunk)] + parser.close()
        assert [found for event in events for found in contract.feed(event)] == [], cut
        assert contract.ended


def test_the_end_is_told_when_it_came() -> None:
    parser, contract = sse.EventParser(), Contract()
    ended = [(list(contract.feed(event)), contract.ended)[1] for event in parser.feed(encode(TEXT))]
    assert ended == [False] * 8 + [True]
    assert list(contract.close()) == []
    assert contract.ended


def test_closing_twice_tells_the_lack_once() -> None:
    contract = Contract()
    assert [found.code for found in contract.close()] == ["responses.stream.empty"]
    assert list(contract.close()) == []


@pytest.mark.parametrize(
    ("events", "settled"),
    ((TEXT[:1], False), (TEXT[:7], False), (TEXT[:8], True), (TWO[:9], False), (TWO[:-1], True)),
)
def test_an_end_may_be_invented_when_every_item_that_began_is_done(events: Stream, settled: bool) -> None:  # noqa: FBT001
    _, contract = judge(events)
    assert contract.settled is settled


def test_a_sound_delta_gives_the_very_same_empty_sequence() -> None:
    parser, contract = sse.EventParser(), Contract()
    found = [contract.feed(event) for event in parser.feed(encode(TEXT))]
    assert found[3] is found[4] == ()


def test_a_stream_of_another_wire_is_told_once_and_then_left_alone() -> None:
    chat = b'data: {"object": "chat.completion.chunk", "choices": []}\n\n'
    page = b"<html>\n\n"
    assert told(chat * 3 + b"data: {}\n\n" + b'data: {"type": "x"}\n\n' + page) == {("stream.chat-chunks", 1, "")}


def test_an_error_after_the_end_comes_after_the_end_and_is_no_other_fault() -> None:
    for late in (b'{"error": "late"}\n\n', b'data: {"error": "late"}\n\n', b'data: {"type": "error"}\n\n'):
        assert {code for code, _, _ in told([*TEXT, late])} == {"stream.after-end"}


def test_bytes_that_are_lines_of_events_without_framing_are_judged_as_those_events() -> None:
    raw = b'{"type": "response.created", "response": {}}\n\n'
    assert told(raw) == {
        ("event.unframed", 1, ""),
        ("response.id-missing", 1, "/response/id"),
        ("response.model-missing", 1, "/response/model"),
        ("response.created-at-missing", 1, "/response/created_at"),
        ("response.output-invalid", 1, "/response/output"),
        ("stream.completed-missing", 1, ""),
    }


def test_what_python_alone_takes_for_json_still_moves_the_state() -> None:
    odd = encode([TEXT[1]]).replace(b'"status": "in_progress"', b'"status": NaN')
    assert told([TEXT[0], odd, *TEXT[2:]]) == {("event.not-json", 2, "")}


def test_a_stranger_that_changes_is_still_the_same_item() -> None:
    events = change(stream(stranger()), {3: {"/item/type": "vendor_other"}})
    assert told(events) == {("item.type-changed", 3, "/item/type")}


def test_items_that_begin_with_an_unknown_kind_take_the_kind_of_what_is_in_them() -> None:
    assert told(change(TEXT, {2: {"/item": None}})) >= {("item.missing", 2, "/item")}
    assert told(change(TEXT, {2: {"/item/type": DROP}})) == {("item.type-missing", 2, "/item/type")}


def test_parts_numbered_from_1_are_told_each_time_and_stay_apart() -> None:
    events = stream(message("one", "two"))
    moved = change(events, {number: {"/content_index": 1 if number < 8 else 2} for number in range(3, 13)})
    assert told(moved) == {("part.index-wrong", number, "/content_index") for number in range(3, 13)}


def test_a_part_that_did_not_begin_is_opened_at_the_next_place() -> None:
    events = change(without(TEXT, 3), {number: {"/content_index": 4} for number in (3, 4, 5, 6)})
    assert told(events) == {
        ("part.not-added", 3, "/content_index"),
        *(("part.index-wrong", number, "/content_index") for number in (3, 4, 5, 6)),
    }


def test_a_second_created_adds_nothing() -> None:
    assert told(insert(TEXT, 2, TEXT[0])) == set()


def test_an_item_on_the_way_may_be_repeated_but_not_renamed() -> None:
    again = change([whole("in_progress", [message("Hello there")])], {1: {"/response/output/0/id": "msg_2"}})[0]
    assert told(insert(TEXT, 3, whole("in_progress", [message("Hello there")]))) == set()
    assert told(insert(TEXT, 2, whole("in_progress", [message("Hello there")]))) == set()  # before it began
    assert told(insert(TEXT, 3, again)) == {("item.id-changed", 3, "/response/output/0/id")}


# --- the table --------------------------------------------------------------------------------------------------------


def test_the_table_is_closed_and_its_faults_have_codes() -> None:
    for states in TABLE.values():
        for cells in states.values():
            for cell in cells.values():
                assert (cell.then if isinstance(cell, Fault) else cell) in states.keys() | {"open", "done", "closed"}
                assert not isinstance(cell, Fault) or cell.code in CODES


def test_every_kind_of_event_has_a_cell_in_every_state() -> None:
    kinds = {event.kind for event in schema.EVENTS.values()} | {"error", "sentinel", "other", "end"}
    for cells in TABLE["stream"].values():
        assert cells.keys() == kinds


_KINDS: Final[dict[str, Any]] = {
    "created": TEXT[0],
    "progress": whole("in_progress"),
    "other": {"type": "vendor.note"},
    "completed": whole("completed"),
    "stopped": whole("incomplete"),
    "error": {"type": "error", "message": "boom"},
    "sentinel": b"data: [DONE]\n\n",
}
_STATES: Final[dict[str, Stream]] = {"start": [], "open": [TEXT[0]], "ended": [TEXT[0], whole("completed")]}


@pytest.mark.parametrize("state", _STATES)
@pytest.mark.parametrize("kind", _KINDS)
def test_the_stream_does_what_its_table_says(state: str, kind: str) -> None:
    parser, contract = sse.EventParser(), Contract()
    for event in parser.feed(encode(_STATES[state])):
        assert list(contract.feed(event)) == []
    (event,) = parser.feed(encode([_KINDS[kind]]))
    codes = {found.code for found in contract.feed(event)} - {"responses.error.event"}
    cell = TABLE["stream"][state][kind]
    assert codes == ({cell.code} if isinstance(cell, Fault) else set())
    assert contract.ended is ((cell.then if isinstance(cell, Fault) else cell) == "ended")


# --- the codes --------------------------------------------------------------------------------------------------------


def test_every_code_is_told_by_some_row() -> None:
    rows = {f"responses.{code}" for row in quirks_items.ROWS for code, _, _ in row.told}
    bodies = {f"responses.{code}" for row in quirks_body.ROWS for code, _ in row.told}
    rest = {"responses.event.field-invalid"}  # the walk's last resort: see the test of it
    assert rows | bodies | rest == CODES.keys()


def test_every_code_is_described_in_one_sentence() -> None:
    for code, text in CODES.items():
        assert code.startswith("responses.")
        assert code.count(".") == 2
        assert text[0].isupper() or text[0] == "`"
        assert text.endswith(".")
        assert ". " not in text


def test_the_walk_lists_every_fault_of_an_event() -> None:
    kind = "response.output_text.delta"
    event, faults = explain({"type": kind, "error": {}, "output_index": True}, schema.EVENTS[kind])
    assert set(faults) == {
        ("responses.item.id-missing", "/item_id"),
        ("responses.item.index-missing", "/output_index"),
        ("responses.error.object", "/error"),
        ("responses.part.index-missing", "/content_index"),
        ("responses.delta.not-text", "/delta"),
    }
    assert isinstance(event, schema.OfPart)


def test_a_field_that_no_code_names_is_told_as_invalid(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RecursionError

    monkeypatch.setattr("wiremend.protocols.responses.contract.explain", refuse)
    assert told(change(TEXT, {4: {"/delta": None}})) == {("event.field-invalid", 4, "")}
    assert [found.code for found in check_body(b"{}")] == ["responses.event.field-invalid"]
