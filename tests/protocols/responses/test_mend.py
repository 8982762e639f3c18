"""Each way to be wrong that providers have on this wire, mended: what goes out, and what the clients make of it.

The rows are those of the contract's tests. What a row must come to is the sound stream that it was made from, or a
failure; the judge is openai-python's accumulator, and for Codex, which it knows nothing of, the two rules by which
that reads a stream: messages and calls come from output_item.done alone, and response.completed counts in integers.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.protocols.responses import quirks_body, quirks_items
from tests.protocols.responses.kit import (
    DROP,
    Stream,
    call,
    change,
    custom,
    encode,
    judge,
    message,
    reasoning,
    refusal,
    response,
    sdk,
    search,
    stranger,
    whole,
    without,
)
from tests.protocols.responses.mend_kit import ORIGIN, codex, documents, gist, mend
from tests.protocols.responses.quirks import CALL, PY, TEXT, TWO, Row
from tests.protocols.responses.test_contract import FINISHED, STOPPED
from wiremend import sse
from wiremend.protocols.failure import Failure
from wiremend.protocols.mending import Origin
from wiremend.protocols.responses.contract import CODES
from wiremend.protocols.responses.mend import MENDING

if TYPE_CHECKING:
    from tests.protocols.responses.kit import Json

FAILS: Final = "fails"
INCOMPLETE: Final = "incomplete"
# what a row comes to, where that is not TEXT
COMES_TO: Final[dict[str, Any]] = {
    **dict.fromkeys(
        (
            "105 an error for a stream",
            "a page of a gateway",
            "nothing",
            "comments only",
            "144 an error event",
            "144 an error event as OpenAI sends it",
            "144 chat's error",
            "144 a bare error",
            "144 an error in another event",
            "failed without its number",
            "failed with an error that says nothing",
            "completed, with the status of a failure",
            "148 resp-stream-is-chat",
        ),
        FAILS,
    ),
    "incomplete for a reason that is no text": INCOMPLETE,
    "completed, with the status of an answer cut off": INCOMPLETE,
    "no delta of a refusal": [refusal("never")],
    "103 a body for a stream": [],
    "103 a body over lines": [message("x")],
    "139 no created, completed at once": [],
    "two items of one id": [message("Hello there"), message("bye")],
    "33 two calls of one call_id": [call(), call("g")],
    "142 all 0": [message("Hello there"), call()],
    "142 not from 0": [call()],
    "141 input missing": [custom()],
    "a call_id of another type, by which openai-python looks up the item": [stranger()],
    "141 no status of a search": [search()],
    "text in a refusal": [refusal("never")],
    **{
        name: [reasoning("first", "second", raw="raw")]
        for name in (
            "139 no summary_part.added",
            "141 no summary",
            "no delta of a summary",
            "no summary but in output_item.done",
        )
    },
    **{
        name: [call()]
        for name in (
            "138 nor of a call",
            "no delta of a call",
            "no delta of a call, nor its whole arguments",
            "139 no output_item.added",
            "a call that ends twice",
            "141 no item.id",
            "141 no call_id until the end",
            "another call_id at the end",
            "141 no name",
            "141 arguments null",
            "141 no status",
            "arguments as an object",
            "whole arguments as an object",
        )
    },
}


def comes_to(row: Row) -> Any:  # noqa: ANN401 - a list of items, or one of the two words
    return COMES_TO.get(row.quirk, [message("Hello there")])


@pytest.mark.parametrize("row", quirks_items.ROWS, ids=lambda row: row.quirk)
def test_each_way_to_be_wrong_is_mended(row: Row) -> None:
    mended, mender = mend(row.bad)
    found, contract = judge(mended)
    assert (found, contract.ended, mender.ended) == ([], True, True)
    assert mender.mends
    outcome = sdk(mended)
    assert outcome.error is None
    wanted = comes_to(row)
    if wanted in {FAILS, INCOMPLETE} if isinstance(wanted, str) else False:
        assert documents(mended)[-1]["type"] == ("response.failed" if wanted == FAILS else "response.incomplete")
        assert (mender.failure is not None) == (wanted == FAILS)
        return
    assert mender.failure is None
    assert outcome.output is not None
    assert [gist(item) for item in outcome.output] == [gist(item) for item in wanted]
    assert codex(mended) == [gist(item) for item in wanted]


@pytest.mark.parametrize("row", [row for row in quirks_items.ROWS if row.oracle == PY], ids=lambda row: row.quirk)
def test_openai_python_reads_after_mending_what_it_did_not_before(row: Row) -> None:
    before, after = sdk(row.bad), sdk(mend(row.bad)[0])
    assert after.error is None
    assert (before.error, before.output) != (after.error, after.output) or comes_to(row) in (FAILS, INCOMPLETE)


@pytest.mark.parametrize("row", quirks_items.ROWS, ids=lambda row: row.quirk)
def test_every_violation_is_told_once_more_as_what_was_done_about_it(row: Row) -> None:
    found, _ = judge(row.bad)
    _, mender = mend(row.bad)
    done = {one.code for one in mender.mends}
    # told by the contract of what the mend of another fault, or the end, has settled with it
    settled = {"responses.stream.after-end", "responses.response.output-short", "responses.item.call-id-changed"}
    assert {one.code for one in found} <= done | settled
    assert min(one.event for one in mender.mends) == min(one.event for one in found)
    assert all(one.what for one in mender.mends)


@pytest.mark.parametrize("name", (*FINISHED, *STOPPED))
def test_a_legal_stream_leaves_as_the_bytes_that_came(name: str) -> None:
    raw = encode({**FINISHED, **STOPPED}[name])
    parser, mender = sse.EventParser(), MENDING.mender(ORIGIN)
    assert all(mender.feed(event) is event.raw for event in parser.feed(raw))
    assert mender.close() == b""
    assert mender.mends == []
    assert mender.ended
    assert (mender.failure is not None) == ("failed" in name)


def test_every_code_is_mended_or_failed_by_some_row(monkeypatch: pytest.MonkeyPatch) -> None:
    done = {mend_.code for row in quirks_items.ROWS for mend_ in mend(row.bad)[1].mends}
    for row in quirks_body.ROWS:
        body = row.body if isinstance(row.body, bytes) else json.dumps(row.body).encode()
        done |= {one.code for one in MENDING.body(body, ORIGIN).mends}
    # the last resort, when what we made is not sound ourselves: nothing reaches it but a bug of ours
    monkeypatch.setattr("wiremend.protocols.responses.lifecycle.mend_usage", lambda *_: None)
    raw, mender = mend(change(TEXT, {9: {"/response/usage": {}}}))
    assert judge(raw)[0] == []
    done |= {one.code for one in mender.mends}
    assert mender.failure is not None
    assert done == CODES.keys()


# --- the end ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sentinel", (b"", b"data: [DONE]\n\n"))
@pytest.mark.parametrize(
    ("events", "last"),
    (
        (TEXT[:8], "response.completed"),
        (TWO[:-1], "response.completed"),
        (TEXT[:7], "response.failed"),
        (TWO[:9], "response.failed"),
        (TEXT[:1], "response.failed"),
        (change(TEXT[:8], {8: {"/item/status": "incomplete"}}), "response.failed"),
    ),
)
def test_an_end_is_invented_only_where_every_item_that_began_had_ended(
    events: Stream, last: str, sentinel: bytes
) -> None:
    raw = encode(events)
    mended, mender = mend(raw + sentinel)
    assert mended.startswith(raw)
    final = documents(mended)[-1]
    assert final["type"] == last
    assert final["response"]["id"] == "resp_1"
    assert mended.endswith(sentinel) or last == "response.failed"
    if last == "response.completed":
        ended = [event["item"] for event in events if event["type"] == "response.output_item.done"]  # type: ignore[call-overload] # dicts
        assert final["response"]["output"] == ended
        assert final["response"]["model"] == "lab-model"
        assert [(one.kind, one.code) for one in mender.mends] == [("invented", "responses.stream.completed-missing")]
    else:
        assert final["response"]["error"]["code"] == "server_error"
        assert mender.failure is not None


def test_a_second_close_gives_nothing_and_nothing_follows_a_failure() -> None:
    (event,) = sse.EventParser().feed(encode([TEXT[0]]))
    mender = MENDING.mender(ORIGIN)
    mender.feed(event)
    assert b"response.failed" in mender.close()
    assert mender.close() == b""
    assert mender.feed(event) == b""
    assert mender.fail(Failure("internal", 500, "late")) == b""


def test_a_stream_can_be_failed_from_outside_and_says_so_in_its_own_words() -> None:
    parser, mender = sse.EventParser(), MENDING.mender(ORIGIN)
    out = b"".join(mender.feed(event) for event in parser.feed(encode(TEXT[:4])))
    out += mender.fail(Failure("timeout", 504, "the provider fell silent"))
    assert judge(out)[0] == []
    final = documents(out)[-1]
    assert final["type"] == "response.failed"
    assert "the provider fell silent" in final["response"]["error"]["message"]
    assert mender.ended
    assert mender.failure is not None


@pytest.mark.parametrize(
    ("error", "code"),
    (
        ({"type": "error", "code": "server_error", "message": "boom"}, "server_error"),
        ({"type": "error", "error": {"code": "context_length_exceeded", "message": "m"}}, "context_length_exceeded"),
        ({"error": {"message": "This model's maximum context length is 8192 tokens"}}, "context_length_exceeded"),
        ({"error": {"code": "insufficient_quota", "message": "no money"}}, "insufficient_quota"),
        ({"code": "rate_limit_exceeded", "message": "slow"}, "rate_limit_exceeded"),
    ),
)
def test_an_error_of_any_shape_ends_the_stream_with_the_code_that_codex_knows(error: Json, code: str) -> None:
    mended, mender = mend([*TEXT[:4], error, *TEXT[4:]])
    final = documents(mended)[-1]
    assert final["type"] == "response.failed"
    assert final["response"]["error"]["code"] == code
    assert mender.failure is not None
    assert len(documents(mended)) == 5


def test_an_alias_of_the_end_is_what_its_status_says() -> None:
    failed = whole("failed", error={"code": "server_error", "message": "boom"}) | {"type": "response.done"}
    cut = whole("incomplete", incomplete_details={"reason": "max_output_tokens"}) | {"type": "response.done"}
    assert documents(mend([TEXT[0], failed])[0])[-1]["type"] == "response.failed"
    assert mend([TEXT[0], failed])[1].failure is not None
    assert documents(mend([TEXT[0], cut])[0])[-1]["type"] == "response.incomplete"


# --- what is put in ---------------------------------------------------------------------------------------------------


def test_what_is_put_in_is_what_openai_would_have_sent() -> None:
    mended, _ = mend([TEXT[3], TEXT[4], TEXT[8]])
    assert [event["type"].removeprefix("response.") for event in documents(mended)] == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    created = documents(mended)[0]["response"]
    assert (created["model"], created["created_at"], created["status"]) == ("asked-model", 1700000000, "in_progress")


def test_minted_names_are_the_same_for_one_exchange_and_others_for_another() -> None:
    bad = change(CALL, {number: {"/item/id": DROP, "/item/call_id": DROP} for number in (2, 6)})
    assert mend(bad)[0] == mend(bad)[0]
    assert mend(bad, Origin("flow-1"))[0] != mend(bad, Origin("flow-2"))[0]


def test_what_is_not_touched_keeps_its_bytes() -> None:
    odd = (
        b"event: response.output_item.done\n"
        b'data: { "vendor":1e2, "type":"response.output_item.done","output_index":0 , "item" : '
    )
    item = json.dumps(message("Hello there", ident="msg_other")).encode() + b"}\n\n"
    mended, _ = mend(encode(TEXT[:7]) + odd + item + encode(TEXT[8:]))
    assert odd + item.replace(b"msg_other", b"msg_1") in mended


def numbered(events: Stream) -> Stream:
    return [event | {"sequence_number": number} for number, event in enumerate(events) if isinstance(event, dict)]


def numbers(raw: bytes) -> list[int | None]:
    return [event.get("sequence_number") for event in documents(raw)]


def test_sequence_numbers_rise_where_events_were_put_in_and_stay_where_none_was() -> None:
    for gap in (without(numbered(TEXT), 1), without(numbered(TEXT), 3), without(numbered(TEXT), 8)):
        found = [number for number in numbers(mend(gap)[0]) if number is not None]
        assert len(found) == len(documents(mend(gap)[0]))
        assert sorted(set(found)) == found
    kept = change(numbered(TEXT), {9: {"/response/usage/total_tokens": DROP}})
    assert numbers(mend(kept)[0]) == list(range(9))
    assert set(numbers(mend(without(TEXT, 3))[0])) == {None}
    failed = numbers(mend(numbered(TEXT)[:4])[0])
    assert failed == [0, 1, 2, 3, 4]


def test_usage_in_chats_words_becomes_integers_that_codex_parses() -> None:
    usage = {
        "prompt_tokens": 11,
        "completion_tokens": "7",
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 3},
    }
    mended, _ = mend(change(TEXT, {9: {"/response/usage": usage}}))
    found = documents(mended)[-1]["response"]["usage"]
    assert {name: found[name] for name in ("input_tokens", "output_tokens", "total_tokens")} == {
        "input_tokens": 11,
        "output_tokens": 7,
        "total_tokens": 18,
    }
    assert found["input_tokens_details"] == {"cached_tokens": 4}
    assert found["output_tokens_details"] == {"reasoning_tokens": 3}


def test_the_wrong_wire_is_named() -> None:
    chat = b'data: {"object": "chat.completion.chunk", "choices": []}\n\n'
    mended, mender = mend(chat * 3)
    assert mender.failure is not None
    assert mender.failure.status == 400
    assert "chat" in documents(mended)[-1]["response"]["error"]["message"]
    assert "wire_api" in documents(mended)[-1]["response"]["error"]["message"]


def test_a_body_for_a_stream_becomes_its_events() -> None:
    items = [reasoning("so"), message("Hello"), call(), stranger()]
    for raw in (
        json.dumps(response("completed", items)).encode(),
        json.dumps(response("completed", items), indent=2).encode(),
        sse.render(json.dumps(response("completed", items)).encode()),
    ):
        mended, mender = mend(raw)
        assert mender.failure is None
        assert codex(mended) == [gist(item) for item in items]
        outcome = sdk(mended)
        assert outcome.output is not None
        assert [gist(item) for item in outcome.output] == [gist(item) for item in items]
