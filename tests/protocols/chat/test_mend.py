"""The chat mender, row by row: each breach of the catalogue is mended, said, and then read well by the openai SDK.

The rows are the contract's. Where the row's own good stream is not just what the mender must give (an id that it mints,
a reason that a word means), the expected one is written here.
"""

from __future__ import annotations

import json
import tracemalloc
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.lab.replies import sse
from tests.protocols.chat.kit import (
    CALLS,
    DONE,
    HEAD,
    ROLE,
    STOP,
    TEXT,
    TOTAL,
    USAGE,
    call,
    choices,
    chunk,
    more,
    oracle,
    tools,
    verdict,
)
from tests.protocols.chat.rows import BOOM, GOOD, GOOD_TWO, ONE, OTHERS, ROWS, TWO, WHOLE, Row, finish, first
from tests.protocols.chat.test_body import BODIES, body
from tests.protocols.chat.test_contract import LEGAL
from tests.protocols.chat.test_mend_properties import ORIGIN, mend, sound
from wiremend.protocols.chat import hold, pieces
from wiremend.protocols.chat.codes import CODES
from wiremend.protocols.chat.done import DONE as WHAT
from wiremend.protocols.chat.done import LEFT
from wiremend.protocols.chat.mend import MENDING
from wiremend.protocols.failure import Failure
from wiremend.sse import EventParser

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wiremend.sse import Event

EVERY: Final = [*ROWS, *OTHERS]
MINTED: Final = ORIGIN.mint("call", 0)
LENGTH: Final = ROLE + TEXT + chunk(finish="length") + DONE
CUT: Final = sse({"error": {"message": "the provider's stream ended early"}})
MINTED_ONE: Final = first(ONE | {"id": MINTED})

# a row's bad stream -> the stream that is meant, where the row's good one is another; None: it is an error
MEANT: Final = {
    finish("MAX_TOKENS"): LENGTH,
    finish("model_context_window_exceeded"): LENGTH,
    finish("error"): None,
    first({key: ONE[key] for key in ("index", "type", "function")}): MINTED_ONE,
    first(ONE | {"id": ""}): MINTED_ONE,
    ROLE + tools(call(0, "")) + tools(more(0, '{"a":1}') | {"id": "c1"}) + CALLS + DONE: MINTED_ONE,
    ROLE
    + chunk({"function_call": {"name": "f", "arguments": '{"a":1}'}})
    + chunk(finish="function_call")
    + DONE: MINTED_ONE,
    ROLE + sse({"error": {"code": 5}}): None,
    ROLE + GOOD.replace(b"data: ", b"").replace(b"\n\n", b"\n") + b'{"choices":[]}\n\n': GOOD,
}


def meant(item: Row) -> bytes | None:
    return MEANT.get(item.bad, item.good)


def parse(raw: bytes) -> list[Event]:
    parser = EventParser()
    return parser.feed(raw) + parser.close()


def codes(item: Row) -> set[str]:
    return {code for code, _, _ in item.found} - LEFT


def chunks_of(raw: bytes) -> list[Any]:
    return [json.loads(event.data) for event in parse(raw) if event.data not in {None, b"[DONE]"}]


def error_of(raw: bytes) -> str:
    """Give the words of the error that a stream ends with; [DONE] comes behind it."""
    *_, last = chunks_of(raw)
    assert raw.endswith(DONE)
    return str(last["error"]["message"])


@pytest.mark.parametrize("item", [item for item in EVERY if meant(item)], ids=str)
def test_a_row_is_mended_to_what_was_meant(item: Row) -> None:
    good = meant(item)
    assert good is not None
    out, mender = mend(item.bad)
    sound(out)
    wanted = oracle(good)
    if wanted.error is None:
        assert oracle(out) == wanted
        assert mender.failure is None
    else:  # the row is an error, and so it must be for the client
        assert oracle(out).error == wanted.error
        assert mender.failure is not None


@pytest.mark.parametrize("item", [item for item in EVERY if not meant(item)], ids=str)
def test_a_row_without_a_good_stream_becomes_sound(item: Row) -> None:
    out, mender = mend(item.bad)
    sound(out)
    assert (mender.failure is not None) == (b'{"error":' in out)


@pytest.mark.parametrize("item", EVERY, ids=str)
def test_each_breach_is_told(item: Row) -> None:
    _, mender = mend(item.bad)
    told = {mended.code for mended in mender.mends}
    let_through = {"chat.tool-call.type-wrong"} if b'"custom":' in item.bad else set()
    ended_before = {"chat.finish.unknown"} if mender.failure else set()
    assert codes(item) - told <= let_through | ended_before | _behind_the_end(item)
    assert all(mended.what for mended in mender.mends)


def _behind_the_end(item: Row) -> set[str]:
    """Give the breaches that no longer can be, because the stream ended with an error before."""
    _, mender = mend(item.bad)
    ends = [mended.event for mended in mender.mends if mended.kind == "failed"]
    return {code for code, event, _ in item.found if ends and event >= ends[0]}


def test_something_is_done_about_every_code() -> None:
    assert set(WHAT) == set(CODES) - LEFT
    told = {mended.code for item in EVERY for mended in mend(item.bad)[1].mends}
    bodies = [body(id=None), *(raw for raw, _ in BODIES.values())]
    told |= {mended.code for raw in bodies for mended in MENDING.body(raw, ORIGIN).mends}
    assert told == set(CODES) - LEFT


@pytest.mark.parametrize("name", LEGAL)
def test_a_legal_stream_leaves_byte_for_byte(name: str) -> None:
    out, mender = mend(LEGAL[name])
    assert out == LEGAL[name]
    assert mender.mends == []
    assert (mender.failure is not None) == ("error" in name)


def test_each_sound_event_leaves_at_once_as_the_very_bytes() -> None:
    mender = MENDING.mender(ORIGIN)
    for event in parse(ROLE + TEXT + tools(call(0, "c1")) + tools(more(0, '{"a":1}')) + CALLS + TOTAL + DONE):
        assert mender.feed(event) is event.raw


def test_what_a_mend_does_not_concern_keeps_its_bytes() -> None:
    begin = b'data: {"x": [1.50,  "\\u00e9"], "choices":[{"index":0, "delta":{'
    out, _ = mend(begin + b'"role":"","content":"H\\u0069"} }],"object":""}\n\n')
    [told, *_] = parse(out)
    assert told.data is not None
    assert told.raw.startswith(begin)
    assert b'"content":"H\\u0069"' in told.data


# --- how a stream ends ------------------------------------------------------------------------------------------------

TRUNCATED: Final = tools(call(0, "c1", '{"a":"b'))


@pytest.mark.parametrize(
    ("raw", "reason"),
    (
        (ROLE + TEXT + DONE, "stop"),
        (ROLE + tools(ONE) + DONE, "tool_calls"),
        (ROLE + TRUNCATED + DONE, "length"),
        (ROLE + TRUNCATED + STOP + DONE, "length"),
        (ROLE + TRUNCATED + chunk(finish="content_filter") + DONE, "content_filter"),
        (ROLE + TEXT + chunk(finish="end_turn"), "stop"),
        (ROLE + TEXT + chunk(finish="stop_sequence"), "stop"),
        (ROLE + tools(ONE) + chunk(finish="tool_use"), "tool_calls"),
        (ROLE + TEXT + chunk(finish="max_tokens"), "length"),
        (ROLE + TEXT + chunk(finish="SAFETY"), "content_filter"),
        (ROLE + TEXT + chunk(finish="sensitive"), "content_filter"),
        (ROLE + TEXT + chunk(finish="what nobody knows"), "stop"),
        (ROLE + chunk({"content": "Hi"}, "null") + chunk({"content": "Ho"}, "stop"), "stop"),
        (ROLE + TEXT + TOTAL, "stop"),
        (ROLE + tools(ONE) + TOTAL, "tool_calls"),
        (ROLE + TEXT + TOTAL + b": bye\n\n", "stop"),
    ),
)
def test_the_finish_reason_is_what_the_stream_shows(raw: bytes, reason: str) -> None:
    out, mender = mend(raw)
    sound(out)
    told = json.loads(oracle(out).completion)["choices"][0]
    assert told["finish_reason"] == reason
    assert mender.failure is None
    assert out.endswith(DONE)


@pytest.mark.parametrize(
    "raw",
    (
        ROLE,
        ROLE + TEXT,
        ROLE + tools(ONE),
        ROLE + TEXT + chunk(finish=""),
        ROLE + TOTAL + TEXT,  # usage first, then cut
        ROLE + TEXT + TOTAL + TEXT + TOTAL,  # usage now and then says nothing of the end
        ROLE + TEXT + choices(usage=USAGE | {"completion_tokens": 0}),
        chunk({"role": "assistant", "content": "Hi"}, index=0) + chunk(finish="stop", index=1),
        ROLE + TEXT + b'data: {"choices":[{"index":0,"delta":{},"finish_re',
        ROLE + TEXT + b"data: [DON",
    ),
)
def test_a_cut_is_an_error(raw: bytes) -> None:
    out, mender = mend(raw)
    sound(out)
    assert error_of(out) == "the provider's stream ended early"
    assert mender.failure is not None
    assert mender.mends[-1].kind == "failed"
    assert oracle(out).error


@pytest.mark.parametrize("word", ("error", "network_error", "insufficient_system_resource", "abort", "ERROR"))
def test_a_finish_reason_that_tells_a_failure_is_one(word: str) -> None:
    out, mender = mend(ROLE + TEXT + chunk(finish=word) + DONE)
    sound(out)
    assert word in error_of(out)
    assert mender.failure is not None
    assert b'"stop"' not in out


def test_an_unknown_word_is_kept_in_the_note() -> None:
    _, mender = mend(ROLE + TEXT + chunk(finish="because") + DONE)
    assert [(item.kind, item.what) for item in mender.mends] == [("mended", "'because' taken for stop")]


@pytest.mark.parametrize(
    "late", (chunk({"content": "more"}), tools(ONE), chunk({"function_call": {"name": "f", "arguments": "{}"}}))
)
def test_what_follows_the_finish_is_no_success(late: bytes) -> None:
    out, mender = mend(ROLE + TEXT + STOP + late + DONE)
    sound(out)
    assert mender.failure is not None
    assert "after it had ended" in error_of(out)


def test_a_blank_after_the_finish_does_no_harm() -> None:
    out, mender = mend(ROLE + TEXT + STOP + chunk({"content": "\n"}) + DONE)
    sound(out)
    assert mender.failure is None


@pytest.mark.parametrize(
    "bad",
    (
        b'data: {"choices":[{"index":0,"delta":{"content":"lo\n\n',
        b"data: {'choices': []}\n\n",
        tools({"index": 0, "id": "c", "function": "f"}),
        sse("{}", "error"),
        sse("boom", "error"),
    ),
)
def test_what_cannot_be_read_and_says_something_ends_the_stream(bad: bytes) -> None:
    out, mender = mend(ROLE + TEXT + bad + TEXT + STOP + DONE)
    sound(out)
    assert mender.failure is not None
    assert oracle(out).error
    assert out.count(b'"Hi"') == 1


def test_nan_is_read_as_null() -> None:
    bad = (
        b'data: {"object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"Hi"},"logprobs":NaN}]}\n\n'
    )
    out, mender = mend(ROLE + bad + STOP + DONE)
    sound(out)
    assert mender.failure is None
    assert json.loads(oracle(out).completion)["choices"][0]["message"]["content"] == "Hi"


@pytest.mark.parametrize(
    "bad",
    (
        sse({"error": {"message": "boom", "code": "1302"}, "choices": []}),
        sse({"error": "boom"}),
        sse({"code": 1302, "message": "boom"}),
        sse({"base_resp": {"status_code": 1004, "status_msg": "boom"}}),
        sse([{"error": {"message": "boom", "code": 400}}]),
        sse({"detail": [{"msg": "boom"}]}),
        sse({"type": "error", "error": {"type": "overloaded_error", "message": "boom"}}, "error"),
        b'{"error":{"message":"boom"}}\n\n',
        b'{\n "error": {\n  "message": "boom"\n }\n}\n\n',
    ),
)
@pytest.mark.parametrize("before", (b"", ROLE + TEXT))
def test_an_error_of_any_shape_is_told_in_this_wire_s(bad: bytes, before: bytes) -> None:
    out, mender = mend(before + bad + TEXT + STOP + DONE)
    sound(out)
    assert "boom" in error_of(out)
    assert mender.failure is not None
    assert "boom" in mender.failure.message
    assert "boom" in (oracle(out).error or "")


def test_a_legal_error_leaves_as_it_came_also_after_a_mend() -> None:
    out, mender = mend(TEXT + BOOM + DONE)
    assert out.endswith(BOOM + DONE)
    assert mender.failure is not None


def test_fail_ends_the_stream_once() -> None:
    failure = Failure("overloaded", 503, "no more")
    mender = MENDING.mender(ORIGIN)
    held = tools(call(0, "c1", "{}"))
    out = b"".join(mender.feed(event) for event in parse(ROLE + held))
    assert out == ROLE
    out += mender.fail(failure)
    assert out.startswith(ROLE + held)
    assert error_of(out) == "no more"
    assert mender.failure is failure
    assert mender.ended
    assert mender.fail(failure) == mender.close() == mender.feed(parse(TEXT)[0]) == b""
    sound(out)


def test_usage_is_said_again_where_clients_look() -> None:
    raw = ROLE + chunk({"content": "Hi"}, usage=USAGE | {"vendor": 1}) + TEXT + STOP + DONE
    out, _ = mend(raw)
    *_, last = chunks_of(out)
    assert last == HEAD | {"choices": [], "usage": USAGE | {"vendor": 1}}
    told = ROLE + TEXT + choices({"index": 0, "delta": {}, "finish_reason": "stop", "usage": USAGE})
    *_, last = chunks_of(mend(told)[0])
    assert last == HEAD | {"choices": [], "usage": USAGE}


# --- tool calls -------------------------------------------------------------------------------------------------------


def calls_of(raw: bytes) -> list[tuple[str, str, str]]:
    """Give id, name and arguments of each call, as the SDK reads them."""
    outcome = oracle(raw)
    assert outcome.error is None, outcome
    told = json.loads(outcome.completion)["choices"][0]["message"]["tool_calls"]
    return [(item["id"], item["function"]["name"], item["function"]["arguments"]) for item in told or ()]


def loose(entry: dict[str, Any], *without: str, **fields: object) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key not in without} | fields


F1, G2 = ("f", '{"a":1}'), ("g", '{"b":2}')
SECOND = call(1, "c2", '{"b":2}', "g")


@pytest.mark.parametrize(
    "pieces_",
    (
        [[loose(ONE, "index")], [loose(SECOND, "index")]],
        [[loose(ONE, "index"), loose(SECOND, "index")]],
        [[loose(ONE, index=0)], [loose(SECOND, index=0)]],
        [[loose(ONE, "id")], [loose(SECOND, "id", index=0)]],  # all at 0, no ids
        [[loose(ONE, "id", "index")], [loose(SECOND, "id", "index")]],
        [[loose(ONE, "index", id="")], [loose(SECOND, "index", id=None)]],
        [[loose(ONE, index="0")], [loose(SECOND, index="1")]],
        [[loose(ONE, index=7)], [loose(SECOND, index=3)]],
        [[loose(ONE, id="x")], [loose(SECOND, id="x")]],  # one id for both
        [[loose(ONE, id="x")], [loose(SECOND, id="x", function={"name": "g", "arguments": ""})],
         [more(1, '{"b":2}') | {"id": "x"}]],
        [[{"function": {"name": "f"}}, {"id": "a"}], [{"function": {"arguments": '{"a":1}'}}], [SECOND]],
        [[loose(ONE, id=1)], [loose(SECOND, id=2)]],
        [[{"name": "f", "arguments": {"a": 1}}], [{"name": "g", "arguments": {"b": 2}}]],  # no function around it
        [[ONE], [more(0, '{"a":1}') | {"id": "c1"}], [SECOND]],  # the whole call once more
        [[ONE], [None, {}, {"index": 0, "function": None}], [SECOND]],
        [[call(0, "c1", "{}")], [more(0, '{"a":1}')], [call(1, "c2", "null", "g")], [more(1, '{"b":2}')]],
        [[call(0, "c1", "{}"), call(1, "c2", "{}", "g")], [more(0, '{"a":1}')], [more(1, '{"b":2}')]],
        [[call(0, "c1", "{}")], [call(1, "c2", "{}", "g")], [more(0, '{"a":1}')], [more(1, '{"b":2}')]],
        [[call(0, "c1", "{}"), more(0, '{"a":1}')], [SECOND]],
        [[loose(ONE, function={"arguments": '{"a"'})], [{"index": 0, "function": {"name": "f"}}], [more(0, ":1}")],
         [SECOND]],
        [[loose(ONE, "id", function={})], [{"index": 0, "id": "c1", "function": {"name": "f", "arguments": '{"a":1}'}}],
         [SECOND]],
        [[{"index": 0, "id": "c1", "type": "function"}], [more(0, '{"a":1}')],
         [{"index": 0, "function": {"name": "f"}}], [SECOND]],
        [[loose(ONE, function={"name": "f", "arguments": '{"a"'})],
         [loose(ONE, function={"name": "f", "arguments": ":1"})],
         [loose(ONE, function={"name": "f", "arguments": "}"})], [SECOND]],  # all repeated in each piece
    ),
)  # fmt: skip
def test_two_calls_stay_two(pieces_: list[list[Any]]) -> None:
    for end in (CALLS + DONE, STOP + DONE, DONE, CALLS):
        out, mender = mend(ROLE + b"".join(tools(*entries) for entries in pieces_) + end)
        sound(out)
        assert mender.failure is None
        calls = calls_of(out)
        assert [(name, arguments) for _, name, arguments in calls] == [F1, G2]
        assert len({ident for ident, _, _ in calls}) == 2


def test_a_call_whose_name_is_late_does_not_stop_another() -> None:
    raw = ROLE + tools({"index": 0, "id": "c1"}) + tools(SECOND) + TEXT
    raw += tools({"index": 0, "function": {"name": "f", "arguments": '{"a":1}'}}) + CALLS + DONE
    out, mender = mend(raw)
    sound(out)
    assert calls_of(out) == [("c2", *G2), ("c1", *F1)]
    assert mender.failure is None


def test_what_was_held_with_a_call_is_not_lost() -> None:
    extra = {"extra_content": {"google": {"thought_signature": "x"}}}
    raw = ROLE + tools({"index": 0, "id": "c1"} | extra) + tools(more(0, "{}") | {"function": {"name": "f"}})
    out, _ = mend(raw + CALLS + DONE)
    told, *_ = [piece for item in chunks_of(out) for piece in item["choices"][0]["delta"].get("tool_calls", ())]
    assert told["extra_content"] == extra["extra_content"]
    assert calls_of(out) == [("c1", "f", "{}")]


@pytest.mark.parametrize(
    "raw",
    (
        ROLE + tools({"index": 0, "id": "c1", "function": {"arguments": '{"a":1}'}}) + CALLS + DONE,
        ROLE + tools({"index": 0, "id": "c1"}) + CALLS + DONE,
        ROLE + tools(5) + CALLS + DONE,
        ROLE + tools({"index": 0, "id": "c1"}, more(0, "x" * pieces.HELD)) + CALLS + DONE,
    ),
)
def test_a_call_that_nobody_could_run_is_an_error(raw: bytes) -> None:
    out, mender = mend(raw)
    sound(out)
    assert mender.failure is not None
    assert "tool call" in error_of(out)


def test_a_call_without_arguments_gets_an_empty_object() -> None:
    for empty in ("", None, "null", "{}", " "):
        out, mender = mend(first(loose(ONE, function={"name": "f", "arguments": empty})))
        sound(out)
        [(_, _, arguments)] = calls_of(out)
        assert json.loads(arguments) == {}
        assert mender.failure is None


def test_a_placeholder_is_held_until_something_else_comes() -> None:
    opening, *rest = parse(ROLE + tools(call(0, "c1", "{}")) + TEXT + CALLS + DONE)
    mender = MENDING.mender(ORIGIN)
    assert mender.feed(opening) is opening.raw
    assert mender.feed(rest[0]) == b""
    assert mender.feed(rest[1]) == rest[0].raw + rest[1].raw
    assert mender.feed(rest[2]) is rest[2].raw
    assert mender.mends == []


def test_a_placeholder_that_has_left_makes_an_error_of_what_follows() -> None:
    raw = ROLE + tools(call(0, "c1", "{}")) + TEXT + tools(more(0, '{"a":1}')) + CALLS + DONE
    out, mender = mend(raw)
    sound(out)
    assert mender.failure is not None


@pytest.mark.parametrize("count", (hold.EVENTS + 2, 2))
def test_the_hold_is_bounded(count: int) -> None:
    mender = MENDING.mender(ORIGIN)
    comment = b": " + b"x" * (hold.HELD // 2) + b"\n\n"
    raw = ROLE + tools(call(0, "c1", "{}")) + (b": hi\n\n" * count if count > 2 else comment * count)
    assert b"".join(mender.feed(event) for event in parse(raw)).startswith(ROLE + tools(call(0, "c1", "{}")))


def test_arguments_that_the_model_got_wrong_are_let_through() -> None:
    for raw in (first(call(0, "c1", '{"a":1,}')), first({"index": 0, "id": "c1", "type": "custom", "custom": {}})):
        out, mender = mend(raw)
        assert out == raw
        assert mender.mends == []


# --- other parts ------------------------------------------------------------------------------------------------------


def test_a_final_message_is_not_said_twice_but_its_calls_are() -> None:
    whole = choices({"index": 0, "message": WHOLE | {"tool_calls": [loose(ONE, "index")]}, "finish_reason": "stop"})
    out, _ = mend(ROLE + TEXT + whole + DONE)
    sound(out)
    assert calls_of(out) == [("c1", *F1)]
    assert out.count(b'"Hi"') == 1
    out, _ = mend(ROLE + tools(ONE) + whole + DONE)
    sound(out)
    assert calls_of(out) == [("c1", *F1)]
    assert out.count(b'"Hi"') == 1


@pytest.mark.parametrize("raw", (b"%s", b"data: %s\n\n", b"data: %s\n\ndata: [DONE]\n\n"))
def test_a_whole_completion_becomes_a_stream(raw: bytes) -> None:
    whole = {
        "id": "x",
        "object": "chat.completion",
        "created": 5,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": "Hi", "reasoning_content": "hm", "tool_calls": [ONE, TWO]},
            }
        ],
        "usage": USAGE,
    }
    for indent in (None, 1) if raw == b"%s" else (None,):
        out, mender = mend(raw.replace(b"%s", json.dumps(whole, indent=indent).encode()))
        sound(out)
        assert calls_of(out) == calls_of(GOOD_TWO)
        told = json.loads(oracle(out).completion)
        assert told["choices"][0]["message"]["content"] == "Hi"
        assert told["usage"]["total_tokens"] == 18
        assert b'"hm"' in out
        assert mender.failure is None
        assert out.endswith(DONE)


def test_pretty_printed_chunks_without_data_fields_are_read() -> None:
    raw = b"\n\n".join(json.dumps(item, indent=2).encode() for item in chunks_of(GOOD)) + b"\n\n" + DONE
    out, _ = mend(raw)
    sound(out)
    assert oracle(out) == oracle(GOOD)


def test_lists_are_numbered_so_that_pieces_join_and_things_do_not() -> None:
    def text(piece: str) -> bytes:
        return chunk({"reasoning_details": [{"type": "reasoning.text", "text": piece}]})

    image = {"images": [{"type": "image_url", "image_url": {"url": "https://example.com"}}]}
    sealed = chunk({"reasoning_details": [{"type": "reasoning.encrypted", "data": "x"}]})
    out, _ = mend(ROLE + text("a") + text("b") + sealed + 2 * chunk(image) + STOP + DONE)
    sound(out)
    message = json.loads(MENDING.to_body(parse(out), ORIGIN).body)["choices"][0]["message"]
    assert message["reasoning_details"] == [
        {"type": "reasoning.text", "text": "ab", "index": 0},
        {"type": "reasoning.encrypted", "data": "x", "index": 1},
    ]
    assert [item["image_url"]["url"] for item in message["images"]] == 2 * ["https://example.com"]
    assert oracle(out).error is None


def test_thinking_parts_become_reasoning_before_the_text() -> None:
    parts = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "Hi"}]
    out, _ = mend(ROLE + chunk({"content": parts}) + STOP + DONE)
    sound(out)
    deltas = [item["choices"][0]["delta"] for item in chunks_of(out)]
    assert deltas[1:3] == [{"reasoning_content": "hm"}, {"content": "Hi"}]


def test_keepalives_become_comments_that_keep_a_client_awake() -> None:
    mender = MENDING.mender(ORIGIN)
    out = [mender.feed(event) for event in parse(ROLE + b"data: {}\n\n" + b"event: ping\n\n" + b"data: hold on\n\n")]
    assert out[1:] == 3 * [b": keep-alive\n\n"]
    assert [(item.kind, item.code) for item in mender.mends] == [
        ("mended", "chat.event.not-chunk"),
        ("mended", "chat.event.no-data"),
        ("lost", "chat.event.not-json"),
    ]


def test_a_number_that_nobody_can_read_is_survived() -> None:
    long = b'"usage":{"prompt_tokens":1,"n":' + b"9" * 5000 + b"}"
    usual = TEXT.replace(b'"model":"m"', b'"model":"m",' + long)
    for end in (STOP, STOP + DONE, DONE, b""):
        out, mender = mend(ROLE + usual + TEXT + end)
        assert out.startswith(ROLE + usual + TEXT)
        assert out.endswith(DONE)
        assert mender.failure is not None


def test_the_older_endpoint_passes_as_it_is() -> None:
    old = [{"id": "x", "object": "text_completion", "choices": [{"text": t, "index": 0}]} for t in ("Hi", "Ho")]
    raw = b"".join(map(sse, old)) + DONE + b"event: x\n\n"
    out, mender = mend(raw)
    assert out == raw
    assert mender.mends == []


def test_the_same_stream_is_mended_to_the_same_bytes() -> None:
    raw = TEXT + tools(loose(ONE, "id", "index")) + DONE
    assert mend(raw)[0] == mend(raw)[0]
    assert MINTED.encode() in mend(raw)[0]


@pytest.mark.parametrize("depth", (40, 900, 5000, 100_000))
def test_any_depth_is_survived(depth: int) -> None:
    deep = b'{"a":' * depth + b"1" + b"}" * depth
    for raw in (
        b'data: {"choices":[{"index":0,"delta":{"content":[],"x":' + deep + b"}}]}\n\n",
        b'data: {"choices":[{"index":0,"delta":{"tool_calls":[{"function":{"name":"f","arguments":'
        + deep
        + b"}}]}}]}\n\n",
        b"data: " + deep + b"\n\n",
        deep,
    ):
        out, _ = mend(raw)
        assert out.endswith(DONE)


@pytest.mark.parametrize("opening", (ROLE + tools(call(0, "c1", "[")), TEXT + tools(call(0, "c1", "["))))
def test_memory_stays_flat_whether_or_not_something_was_mended(opening: bytes) -> None:
    mender = MENDING.mender(ORIGIN)
    for event in parse(opening):
        mender.feed(event)
    mender.mends.clear()
    usual: Iterable[Event] = parse(TEXT + tools(more(0, "[1]," * 2000)) + b"data: {}\n\n")

    def run(rounds: int) -> int:
        for _ in range(rounds):
            for event in usual:
                mender.feed(event)
            mender.mends.clear()
        held = tracemalloc.take_snapshot().filter_traces(
            [tracemalloc.Filter(inclusive=True, filename_pattern="*/wiremend/protocols/*")]
        )
        return sum(one.size for one in held.traces)  # and not what other tests' threads hold

    tracemalloc.start()
    try:
        run(140)  # until the budgets are spent
        before = run(50)
        assert run(500) - before < 8192
    finally:
        tracemalloc.stop()
    assert mender.failure is None


def test_no_bad_row_leaves_as_it_came() -> None:
    let_through = [item for item in EVERY if b'"custom":' in item.bad]
    bad = [item for item in EVERY if {breach.code for breach in verdict(item.bad)} - LEFT and item not in let_through]
    assert [item for item in bad if mend(item.bad)[0] == item.bad] == []
