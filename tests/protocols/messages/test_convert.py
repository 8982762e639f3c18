"""Whole replies of the messages wire: mended, written as streams, and read back.

The judges are the contract's check of a body, the contract of the stream, and the official SDK's accumulator, which
must read from the stream what the body says.
"""

from __future__ import annotations

import json
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.protocols.messages import quirks
from tests.protocols.messages.kit import (
    CALL,
    ERROR,
    HELLO,
    PARIS,
    START,
    STOP,
    TEXT,
    THINKING,
    TOOL,
    Json,
    begin,
    delta,
    end,
    judge,
    read,
    said,
    stop,
    stream,
)
from tests.protocols.messages.mend_kit import ORIGIN, events_of
from tests.protocols.messages.test_contract_properties import JSON, blocks, turns
from wiremend.protocols.messages.contract import check_body
from wiremend.protocols.messages.mend import MENDING

BODY: Final[Json] = quirks.WHOLE | {"usage": {"input_tokens": 11, "output_tokens": 7}}
FILLED: Final = PARIS[0][0]
FAILS: Final = "a failure"


def _body(**fields: object) -> bytes:
    return json.dumps({name: value for name, value in (BODY | fields).items() if value is not ...}).encode()


@pytest.mark.parametrize("body", quirks.BODIES, ids=lambda body: body.name)
def test_a_body_of_the_table_is_mended_or_fails(body: quirks.Body) -> None:
    whole = MENDING.body(body.raw, ORIGIN)
    if whole.failure is not None:
        assert whole.body is body.raw
        assert bool(whole.mends) == bool(body.found)
    elif body.found:
        assert check_body(whole.body) == []
        assert {mend.code.removeprefix("messages.") for mend in whole.mends} == {code for code, _ in body.found}
    else:
        assert whole.body is body.raw
        assert whole.mends == ()


@pytest.mark.parametrize(
    ("raw", "field", "value"),
    (
        (_body(stop_reason="length"), "stop_reason", "max_tokens"),
        (_body(stop_reason=None), "stop_reason", "end_turn"),
        (_body(stop_reason=None, content=[FILLED]), "stop_reason", "tool_use"),
        (_body(stop_reason="stop", content=[FILLED]), "stop_reason", "tool_use"),
        (_body(model=...), "model", "asked-model"),
        (_body(type=...), "type", "message"),
        (_body(content="Hello"), "content", HELLO[0]),
        (_body(content=["Hello", None]), "content", HELLO[0]),
        (_body(content=[{"text": "Hello"}]), "content", HELLO[0]),
        (_body(content=None), "content", []),
        (
            _body(content=[CALL | {"input": '{"city":"Paris"}'}], stop_reason="tool_use"),
            "content",
            [FILLED],
        ),
        (_body(content=[CALL | {"input": None}], stop_reason="tool_use"), "content", [CALL]),
        (
            _body(content=[FILLED | {"id": None}], stop_reason="tool_use"),
            "content",
            [FILLED | {"id": ORIGIN.mint("toolu", 1)}],
        ),
        (_body(content=[{"type": "thinking", "thinking": "Hm"}]), "content", [THINKING | {"thinking": "Hm"}]),
        (
            _body(usage={"prompt_tokens": 11, "completion_tokens": 7}),
            "usage",
            {"prompt_tokens": 11, "completion_tokens": 7, "input_tokens": 11, "output_tokens": 7},
        ),
        (_body(usage=None), "usage", {"input_tokens": 0, "output_tokens": 0}),
        (b"\xef\xbb\xbf" + _body(), "content", HELLO[0]),
        (_body(content=[{"type": "text", "text": "\ud83d"}]), "content", [{"type": "text", "text": "\ufffd"}]),
        (_body(content=[CALL | {"input": "{"}], stop_reason="tool_use"), FAILS, "not a JSON object"),
        (_body(content=[CALL | {"input": [1]}], stop_reason="tool_use"), FAILS, "not a JSON object"),
        (_body(content=[CALL | {"name": None}], stop_reason="tool_use"), FAILS, "without the tool's name"),
        (_body(stop_reason="network_error"), FAILS, "network_error"),
        (_body(content=None, stop_reason=None), FAILS, "not a reply"),
        (b'{"object":"chat.completion","choices":[{"message":{"content":"hi"}}]}', FAILS, "not a reply"),
        (b'[{"error":{"code":400,"message":"boom"}}]', FAILS, "boom"),
        (b'{"type":"message","content":[],"error":{"message":"boom"}}', FAILS, "boom"),
        (b'{"base_resp":{"status_code":1004,"status_msg":"boom"}}', FAILS, "boom"),
        (b"upstream boom", FAILS, "boom"),
        (b"", FAILS, "nothing"),
        (b"[" * 100_000, FAILS, ""),
        (stream(*TEXT[:4]), FAILS, "ended early"),
    ),
)
def test_each_wrong_value_of_a_body_is_mended_or_fails(raw: bytes, field: str, value: object) -> None:
    whole = MENDING.body(raw, ORIGIN)
    assert whole.mends
    if field == FAILS:
        assert whole.failure is not None
        assert whole.body is raw
        assert str(value) in whole.failure.message
    else:
        assert whole.failure is None
        assert check_body(whole.body) == []
        document = json.loads(whole.body)
        rest = {name for name in BODY if name not in {"content", "stop_reason"} and name != field}
        assert {name: document[name] for name in rest} == {name: BODY[name] for name in rest}
        assert document[field] == value
        assert MENDING.body(whole.body, ORIGIN).body is whole.body


def test_a_body_keeps_the_bytes_that_are_not_mended() -> None:
    raw = json.dumps(BODY | {"x": 1.5}, indent=1).encode().replace(b"1.5", b"1.50").replace(b"end_turn", b"stop")
    whole = MENDING.body(raw, ORIGIN)
    assert whole.body == raw.replace(b'"stop"', b'"end_turn"')


def test_an_event_stream_for_a_body_is_read() -> None:
    whole = MENDING.body(stream(*TOOL[:5], end("tool_calls")), ORIGIN)
    assert whole.failure is None
    assert json.loads(whole.body)["content"] == [FILLED]
    assert [mend.code for mend in whole.mends] == [
        "messages.body.stream",
        "messages.stop-reason.unknown",
        "messages.message-stop.missing",
    ]


@settings(max_examples=60)
@given(st.lists(blocks(), max_size=4), st.sampled_from(["max_tokens", "refusal"]), st.dictionaries(st.just("x"), JSON))
def test_a_body_comes_back_from_its_stream(made: list[Any], reason: str, more: Json) -> None:
    content = [done for done, _, _ in made]
    body = BODY | {"content": content, "stop_reason": reason, "stop_sequence": None} | more
    raw = json.dumps(body).encode()
    if b"\\ud8" in raw:
        return
    written = MENDING.to_stream(raw)
    assert judge(written) == set()
    back = MENDING.to_body(events_of(written), ORIGIN)
    assert back.failure is None
    assert back.mends == ()
    assert json.loads(back.body) == body
    seen = read(written)
    assert isinstance(seen, tuple), seen
    known = [block for block in content if block["type"] != "new"]
    assert [block for block in seen[0] if block["type"] != "new"] == known


@settings(max_examples=60)
@given(turns())
def test_a_stream_becomes_the_body_that_it_means(turn: tuple[list[Json], list[Json], str]) -> None:
    events, meant, reason = turn
    back = MENDING.to_body(events_of(stream(*events)), ORIGIN)
    assert back.failure is None
    document = json.loads(back.body)
    assert (document["content"], document["stop_reason"]) == (meant, reason)
    assert document["usage"] == {"input_tokens": 11, "output_tokens": 7}
    assert check_body(back.body) == []


@settings(max_examples=200)
@given(st.dictionaries(st.sampled_from([*BODY, "error", "x"]), JSON), st.lists(st.sampled_from(list(BODY))))
def test_any_json_is_a_legal_body_or_a_failure(document: Json, kept: list[str]) -> None:
    raw = json.dumps(document | {name: BODY[name] for name in kept}).encode()
    whole = MENDING.body(raw, ORIGIN)
    if whole.failure is None:
        assert check_body(whole.body) == []
        assert (whole.body is raw) == (whole.mends == ())
        assert judge(MENDING.to_stream(whole.body)) == set()
    else:
        assert whole.body is raw
    assert MENDING.to_stream(raw)


@given(st.binary(max_size=40))
def test_no_bytes_raise(raw: bytes) -> None:
    MENDING.body(raw, ORIGIN)
    assert judge(MENDING.to_stream(raw)) == set()
    assert MENDING.to_body(events_of(b"data: " + raw + b"\n\n"), ORIGIN).failure is not None


@pytest.mark.parametrize(
    ("raw", "says"),
    (
        (stream(*TEXT[:3]), "ended early"),
        (stream(*TEXT[:3], {"type": "error", "error": {"type": "overloaded_error", "message": "boom"}}), "boom"),
        (stream(*TEXT[1:]), "ended early"),
        (b"data: x\n\n", "cannot be read"),
    ),
)
def test_a_stream_without_a_reply_is_a_failure(raw: bytes, says: str) -> None:
    whole = MENDING.to_body(events_of(raw), ORIGIN)
    assert whole.failure is not None
    assert says in whole.failure.message


def test_an_error_becomes_the_event_that_tells_it() -> None:
    assert read(MENDING.to_stream(b'{"error":{"message":"boom"}}')) == ERROR


def test_an_input_that_the_limit_cut_is_left_out_whole() -> None:
    whole = MENDING.to_body(events_of(stream(*TOOL[:3], stop(), end("max_tokens"), STOP)), ORIGIN)
    assert json.loads(whole.body)["content"] == [CALL]
    assert [(mend.kind, mend.code) for mend in whole.mends] == [("lost", "messages.tool.input-cut")]


def test_numbers_of_an_input_keep_their_digits() -> None:
    piece = delta("input_json_delta", "partial_json", '{"n": 1.10, "big": 123456789012345678901234567890}')
    whole = MENDING.to_body(events_of(stream(*TOOL[:2], piece, *TOOL[4:])), ORIGIN)
    assert b'{"n": 1.10, "big": 123456789012345678901234567890}' in whole.body


def test_counts_of_both_ends_are_kept() -> None:
    start = START | {"message": START["message"] | {"usage": {"input_tokens": 11, "cache_read_input_tokens": 3}}}
    raw = stream(start, begin({"type": "text", "text": ""}), said("x"), stop(), end(cache_read_input_tokens=None), STOP)
    usage = json.loads(MENDING.to_body(events_of(raw), ORIGIN).body)["usage"]
    assert usage == {"input_tokens": 11, "cache_read_input_tokens": 3, "output_tokens": 7}
