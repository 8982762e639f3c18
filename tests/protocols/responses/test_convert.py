"""Whole bodies mended, written as streams, and read back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.protocols.responses.kit import (
    DROP,
    Json,
    Stream,
    call,
    change,
    encode,
    judge,
    message,
    reasoning,
    refusal,
    response,
    sdk,
    stream,
    whole,
)
from tests.protocols.responses.mend_kit import ORIGIN, documents
from tests.protocols.responses.quirks import TEXT
from tests.protocols.responses.quirks_body import FULL, ROWS, Row
from tests.protocols.responses.test_properties import JSON, NAMES, VALUES, items, legal, places
from wiremend import sse
from wiremend.protocols.mending import Whole
from wiremend.protocols.responses.contract import check_body
from wiremend.protocols.responses.mend import MENDING

ERRORS = {
    "not JSON",
    "empty",
    "a list",
    "105 an error",
    "105 an error in MiniMax's words",
    "105 an error in FastAPI's words",
    "105 a bare error",
    "105 a response that failed",
    "148 a chat completion",
}


def mend_body(body: bytes | Json) -> Whole:
    return MENDING.body(body if isinstance(body, bytes) else json.dumps(body).encode(), ORIGIN)


def read_back(raw: bytes) -> Whole:
    return MENDING.to_body(sse.EventParser(len(raw) + 1).feed(raw), ORIGIN)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_each_wrong_body_is_mended_or_told_as_the_error_that_it_is(row: Row) -> None:
    body = row.body if isinstance(row.body, bytes) else json.dumps(row.body).encode()
    done = mend_body(body)
    assert {code for code, _ in row.told} <= {one.code.removeprefix("responses.") for one in done.mends}
    assert (done.failure is not None) == (row.name in ERRORS)
    if done.failure is not None:
        assert done.body is body
        return
    assert check_body(done.body) == []
    assert mend_body(done.body) == Whole(done.body)


@pytest.mark.parametrize(
    "body",
    (FULL, response("incomplete", [message("cut")]), FULL | {"vendor": {"n": 1e2}}),
)
def test_a_sound_body_is_the_very_object_that_came(body: Json) -> None:
    raw = json.dumps(body, indent=1).encode()
    done = MENDING.body(raw, ORIGIN)
    assert done.body is raw
    assert done == Whole(raw)


def test_a_mended_body_keeps_the_bytes_of_all_else() -> None:
    body = json.dumps(FULL | {"vendor": [1, {"x": None}]}, indent=3).encode()
    assert mend_body(body.replace(b'"total_tokens": 18', b'"total_tokens": "18"')).body == body


def test_a_call_that_is_there_twice_is_there_once() -> None:
    done = mend_body(response("completed", [call(), call() | {"id": None}]))
    assert [item["call_id"] for item in json.loads(done.body)["output"]] == ["call_1"]


def test_a_call_that_names_no_tool_makes_the_body_a_failure() -> None:
    assert mend_body(response("completed", [call() | {"name": None}])).failure is not None


def test_arguments_as_an_object_become_text() -> None:
    done = mend_body(response("completed", [call() | {"arguments": {"a": 1}}]))
    assert json.loads(json.loads(done.body)["output"][0]["arguments"]) == {"a": 1}


def test_a_stream_for_a_body_becomes_the_body_or_its_failure() -> None:
    done = mend_body(encode(TEXT))
    assert json.loads(done.body) == TEXT[8]["response"]  # type: ignore[call-overload] # a dict
    cut = mend_body(encode(TEXT[:5]))
    assert cut.failure is not None
    error = mend_body(b'data: {"error": {"message": "boom"}}\n\n')
    assert error.failure is not None
    assert "boom" in error.failure.message


@settings(max_examples=80)
@given(items())
def test_a_body_is_the_same_after_having_been_a_stream(output: list[Json]) -> None:
    body = json.dumps(response("completed", output, vendor=[1])).encode()
    assert MENDING.body(body, ORIGIN).mends == ()
    raw = MENDING.to_stream(body)
    found, contract = judge(raw)
    assert (found, contract.ended) == ([], True)
    outcome = sdk(raw)
    assert outcome.error is None
    assert outcome.output is not None
    assert [item["id"] for item in outcome.output] == [item["id"] for item in output]
    assert json.loads(read_back(raw).body) == json.loads(body)


@settings(max_examples=80)
@given(legal())
def test_a_legal_stream_is_read_as_the_response_that_it_ends_with(drawn: tuple[list[Json], Stream]) -> None:
    output, events = drawn
    assert json.loads(read_back(encode(events)).body)["output"] == json.loads(json.dumps(output))


@pytest.mark.parametrize(
    ("status", "end"),
    (
        ("completed", "completed"),
        (None, "completed"),
        ("incomplete", "incomplete"),
        ("failed", "failed"),
        ("cancelled", "failed"),
        ("in_progress", "failed"),
        ("queued", "failed"),
    ),
)
def test_a_body_ends_its_stream_as_its_status_says(status: str | None, end: str) -> None:
    raw = MENDING.to_stream(json.dumps(response("completed", [message("x")]) | {"status": status}).encode())
    assert judge(raw)[0] == []
    assert documents(raw)[-1]["type"] == f"response.{end}"
    assert (read_back(raw).failure is not None) == (end == "failed")


def test_what_clients_show_is_in_the_deltas_of_a_written_stream() -> None:
    body = response("completed", [reasoning("so", raw="hm"), message("Hello", "there"), refusal("no", "msg_2"), call()])
    events = documents(MENDING.to_stream(json.dumps(body).encode()))
    deltas = [(event["type"].split(".")[1], event["delta"]) for event in events if event["type"].endswith(".delta")]
    assert deltas == [
        ("reasoning_summary_text", "so"),
        ("reasoning_text", "hm"),
        ("output_text", "Hello"),
        ("output_text", "there"),
        ("refusal", "no"),
        ("function_call_arguments", '{"a": 1}'),
    ]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))


def test_two_calls_of_one_call_id_are_two_in_the_stream() -> None:
    raw = MENDING.to_stream(json.dumps(response("completed", [call(), call("g") | {"id": "fc_2"}])).encode())
    assert judge(raw)[0] == []
    assert len({event["item"]["call_id"] for event in documents(raw) if "output_item.done" in event["type"]}) == 2


def test_an_incomplete_stream_without_output_is_read_with_the_items_that_ended() -> None:
    cut = change([*TEXT[:8], whole("incomplete")], {9: {"/response/output": DROP}})
    assert json.loads(read_back(encode(cut)).body)["output"] == [message("Hello there")]


def test_a_stream_without_an_end_is_a_failure() -> None:
    assert read_back(encode(TEXT[:8])).failure is not None
    assert MENDING.to_body([], ORIGIN).failure is not None


@pytest.mark.parametrize("body", (b"[]", b"{}", b"x", b'{"output": {}}'))
def test_only_a_response_can_be_written_as_a_stream(body: bytes) -> None:
    with pytest.raises(TypeError):
        MENDING.to_stream(body)


@st.composite
def damaged_bodies(draw: st.DrawFn) -> Json:
    body: Json = json.loads(json.dumps(response("completed", draw(items()))))
    for _ in range(draw(st.integers(1, 4))):
        found = places(body)
        if not found:
            break
        *path, last = draw(st.sampled_from(found))
        at: Any = body
        for name in path:
            at = at[name]
        value = draw(st.sampled_from(VALUES))
        if value is DROP:
            del at[last]
        else:
            at[last] = json.loads(json.dumps(value))
    return body


@settings(max_examples=250)
@given(
    damaged_bodies().map(lambda body: json.dumps(body).encode())
    | st.binary(max_size=30)
    | JSON.map(lambda value: json.dumps(value).encode())
    | st.dictionaries(st.sampled_from([*NAMES, "object", "usage", "choices"]), JSON).map(
        lambda value: json.dumps(value | {"object": "response"}).encode()
    )
)
def test_any_body_is_mended_or_failed_and_what_is_mended_can_be_streamed(body: bytes) -> None:
    done = MENDING.body(body, ORIGIN)
    if done.failure is not None:
        assert done.body is body
        return
    assert check_body(done.body) == []
    assert MENDING.body(done.body, ORIGIN) == Whole(done.body)
    raw = MENDING.to_stream(done.body)
    found, contract = judge(raw)
    assert (found, contract.ended) == ([], True)
    assert sdk(raw).error is None


def test_the_sound_streams_of_the_kit_round_trip() -> None:
    raw = encode(stream(message("Grüße"), call()))
    again = MENDING.to_stream(read_back(raw).body)
    assert json.loads(read_back(again).body) == json.loads(read_back(raw).body)
