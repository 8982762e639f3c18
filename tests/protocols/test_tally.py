"""What a tally reads off a reply.

Official replies first, in the shapes of the SDKs' types; then every looseness about usage and errors that the quirk
catalogue names, as a table of transcripts; then hypothesis, with anything at all: a tally never raises and never says a
thing of the wrong type.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wiremend import sse
from wiremend.protocols import WIRES

if TYPE_CHECKING:
    from wiremend.protocols.base import Tally, WireName


class Told(NamedTuple):
    """All that a tally says."""

    model: str | None = None
    input: int | None = None
    output: int | None = None
    cached: int | None = None
    stop: str | None = None
    error: str | None = None
    thought: int | None = None


def told(tally: Tally) -> Told:
    """Read a tally."""
    return Told(
        tally.model,
        tally.input_tokens,
        tally.output_tokens,
        tally.cached_tokens,
        tally.stop_reason,
        tally.error,
        tally.reasoning_tokens,
    )


def after_stream(wire: WireName, *events: object, named: bool = True) -> Told:
    """Send events through bytes to a tally: a dict is JSON data, named by its type; a str is an event's own bytes."""
    parser, tally = sse.EventParser(), WIRES[wire].tally()
    for event in events:
        if isinstance(event, str):
            raw = event.encode()
        else:
            name = event.get("type") if named and isinstance(event, dict) else None
            raw = sse.render(json.dumps(event).encode(), name)
        for one in parser.feed(raw):
            tally.event(one)
    for one in parser.close():
        tally.event(one)
    return told(tally)


def after_body(wire: WireName, body: object) -> Told:
    """Send a body to a tally: bytes as they are, all else as JSON."""
    tally = WIRES[wire].tally()
    tally.body(body if isinstance(body, bytes) else json.dumps(body).encode())
    return told(tally)


def message_start(**usage: object) -> dict[str, Any]:
    message = {"id": "m", "type": "message", "role": "assistant", "model": "kimi-k2.6", "content": [], "usage": usage}
    return {"type": "message_start", "message": message | {"stop_reason": None, "stop_sequence": None}}


def message_delta(stop: str | None, usage: object) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None}, "usage": usage}


def chunk(finish: str | None = None, **more: object) -> dict[str, Any]:
    choice = {"index": 0, "delta": {"content": "x"}, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion.chunk", "model": "kimi-k2.6", "choices": [choice], **more}


def response(kind: str, **more: object) -> dict[str, Any]:
    return {"type": f"response.{kind}", "response": {"id": "r", "object": "response", "model": "gpt-5", **more}}


TEXT_DELTA = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "stop_reason"}}
DONE = "data: [DONE]\n\n"
USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}


class TestMessages:
    def test_stream_merges_the_usage_of_its_start_and_its_end(self) -> None:
        assert after_stream(
            "messages",
            message_start(input_tokens=25, output_tokens=1),
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "ping"},
            TEXT_DELTA,
            {"type": "content_block_stop", "index": 0},
            message_delta("end_turn", {"output_tokens": 15}),
            {"type": "message_stop"},
        ) == Told("kimi-k2.6", 25, 15, None, "end_turn")

    def test_body_has_it_all_at_once(self) -> None:
        usage = {"input_tokens": 5, "output_tokens": 7, "cache_read_input_tokens": 90, "cache_creation_input_tokens": 5}
        body = {"type": "message", "model": "m", "content": [], "stop_reason": "tool_use", "usage": usage}
        assert after_body("messages", body) == Told("m", 100, 7, 90, "tool_use")

    @pytest.mark.parametrize(
        ("start", "end", "expected"),
        (
            pytest.param(
                {
                    "input_tokens": 5,
                    "cache_read_input_tokens": 90,
                    "cache_creation_input_tokens": 5,
                    "output_tokens": 1,
                },
                {"output_tokens": 15},
                (100, 15, 90),
                id="input is the total with the cache",
            ),
            pytest.param(
                {"input_tokens": 0, "output_tokens": 0},
                {"input_tokens": 25, "output_tokens": 15, "cache_read_input_tokens": 3},
                (28, 15, 3),
                id="all of it at the end",
            ),
            pytest.param(
                {"input_tokens": 25, "cache_read_input_tokens": 3, "output_tokens": 1},
                {"input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 15},
                (28, 15, 3),
                id="zeros at the end are no news",
            ),
            pytest.param(
                {"input_tokens": None, "output_tokens": "1"},
                {"input_tokens": "25", "output_tokens": 15.0, "cache_read_input_tokens": None},
                (25, 15, None),
                id="strings, null and floats",
            ),
            pytest.param(
                {"input_tokens": 0, "output_tokens": 0},
                USAGE | {"prompt_tokens_details": {"cached_tokens": 3}},
                (11, 7, 3),
                id="OpenAI's names, whose total has the cache in it",
            ),
            pytest.param({"input_tokens": 25}, None, (25, None, None), id="no usage at the end"),
            pytest.param({"input_tokens": 25}, [1], (25, None, None), id="a list for usage"),
            pytest.param({"input_tokens": -1, "output_tokens": True}, {}, (None, None, None), id="no numbers at all"),
            pytest.param(
                {"input_tokens": 0, "cache_read_input_tokens": 40}, {"output_tokens": 1}, (40, 1, 40), id="all cached"
            ),
        ),
    )
    def test_loose_usage(
        self, start: dict[str, object], end: object, expected: tuple[int | None, int | None, int | None]
    ) -> None:
        for named in (True, False):
            said = after_stream(
                "messages", message_start(**start), TEXT_DELTA, message_delta("end_turn", end), named=named
            )
            assert (said.input, said.output, said.cached) == expected
            assert (said.model, said.stop, said.error) == ("kimi-k2.6", "end_turn", None)

    @pytest.mark.parametrize(
        ("usage", "expected"),
        (
            ({"output_tokens": 9, "output_tokens_details": {"thinking_tokens": 5}}, 5),
            ({"output_tokens": 9, "completion_tokens_details": {"reasoning_tokens": "5"}}, 5),
            ({"output_tokens": 9, "output_tokens_details": {"thinking_tokens": -1}}, None),
            ({"output_tokens": 9, "output_tokens_details": None}, None),
        ),
    )
    def test_what_was_thought(self, usage: object, expected: int | None) -> None:
        assert (
            after_stream("messages", message_start(input_tokens=2), message_delta("end_turn", usage)).thought
            == expected
        )
        assert after_body("messages", {"type": "message", "model": "m", "usage": usage}).thought == expected

    def test_wrong_event_names_do_not_matter(self) -> None:
        events = [message_start(input_tokens=2), TEXT_DELTA, message_delta("max_tokens", {"output_tokens": 3})]
        wrong = [f"event: message\ndata: {json.dumps(event)}\n\n" for event in events]
        assert after_stream("messages", *wrong) == Told("kimi-k2.6", 2, 3, None, "max_tokens")

    def test_count_of_tokens_is_not_usage(self) -> None:
        assert after_body("messages", {"input_tokens": 1234}) == Told()

    @pytest.mark.parametrize(
        ("event", "expected"),
        (
            ({"type": "error", "error": {"type": "overloaded_error", "message": "Busy"}}, "overloaded_error: Busy"),
            ('event: error\ndata: {"error":{"message":"boom"}}\n\n', "boom"),
            ('data: {"error":{"message":"boom"}}\n\n', "boom"),
            ('event: error\ndata: {"type":"error"}\n\n', "error"),
            ("event: error\ndata: upstream went away\n\n", "upstream went away"),
        ),
    )
    def test_error_in_the_stream(self, event: object, expected: str) -> None:
        assert after_stream("messages", message_start(input_tokens=2), event) == Told("kimi-k2.6", 2, error=expected)


class TestChat:
    def test_stream_with_usage_in_the_trailing_chunk(self) -> None:
        trailing = {"id": "c", "model": "kimi-k2.6", "choices": [], "usage": USAGE}
        assert after_stream("chat", chunk(usage=None), chunk("stop", usage=None), trailing, DONE) == Told(
            "kimi-k2.6", 11, 7, None, "stop"
        )

    def test_body_has_it_all_at_once(self) -> None:
        choice = {"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "length"}
        body = {"object": "chat.completion", "model": "m", "choices": [choice]}
        usage = USAGE | {"prompt_tokens_details": {"cached_tokens": 3}}
        assert after_body("chat", body | {"usage": usage}) == Told("m", 11, 7, 3, "length")

    def test_embeddings_count_their_prompt(self) -> None:
        body = {"object": "list", "model": "e", "data": [], "usage": {"prompt_tokens": 8, "total_tokens": 8}}
        assert after_body("chat", body) == Told("e", 8)

    @pytest.mark.parametrize(
        ("usage", "expected"),
        (
            pytest.param(USAGE, (11, 7, None), id="official"),
            pytest.param(USAGE | {"prompt_tokens_details": {"cached_tokens": 3}}, (11, 7, 3), id="official cache"),
            pytest.param(USAGE | {"cached_tokens": 3}, (11, 7, 3), id="Moonshot's cache"),
            pytest.param(
                USAGE | {"prompt_cache_hit_tokens": 3, "prompt_cache_miss_tokens": 8}, (11, 7, 3), id="DeepSeek's cache"
            ),
            pytest.param(
                USAGE | {"prompt_tokens_details": {"cached_tokens": 0}, "cached_tokens": 3}, (11, 7, 3), id="two places"
            ),
            pytest.param(USAGE | {"prompt_tokens_details": None}, (11, 7, None), id="null details"),
            pytest.param({"prompt_tokens": "11", "completion_tokens": "7"}, (11, 7, None), id="strings"),
            pytest.param({"prompt_tokens": None, "completion_tokens": 7}, (None, 7, None), id="null counter"),
            pytest.param({"input_tokens": 11, "output_tokens": 7}, (11, 7, None), id="another wire's names"),
            pytest.param({"total_tokens": 0}, (None, None, None), id="a placeholder"),
            pytest.param(None, (None, None, None), id="null"),
            pytest.param("11", (None, None, None), id="a string"),
        ),
    )
    def test_loose_usage_at_the_top_and_in_the_choice(
        self, usage: object, expected: tuple[int | None, int | None, int | None]
    ) -> None:
        in_choice = chunk("stop")
        in_choice["choices"][0]["usage"] = usage
        for last in (chunk("stop", usage=usage), in_choice):
            said = after_stream("chat", chunk(), last, DONE)
            assert (said.input, said.output, said.cached) == expected
            assert said.stop == "stop"

    @pytest.mark.parametrize(
        ("more", "expected"),
        (
            ({"completion_tokens_details": {"reasoning_tokens": 5}}, 5),
            ({"reasoning_tokens": 5}, 5),
            ({"completion_tokens_details": {"reasoning_tokens": 0}, "reasoning_tokens": 5}, 5),
            ({"completion_tokens_details": None}, None),
            ({"completion_tokens_details": {"reasoning_tokens": 0}}, 0),
        ),
    )
    def test_what_was_thought(self, more: dict[str, object], expected: int | None) -> None:
        assert after_stream("chat", chunk(), chunk("stop", usage=USAGE | more), DONE).thought == expected
        assert after_body("chat", {"model": "m", "choices": [], "usage": USAGE | more}).thought == expected

    def test_placeholders_after_the_usage_are_no_news(self) -> None:
        zero = {"prompt_tokens": 0, "completion_tokens": 0}
        said = after_stream("chat", chunk(usage=zero), chunk("stop", usage=USAGE), chunk(usage=zero), chunk(usage=None))
        assert (said.input, said.output) == (11, 7)

    def test_running_totals_end_with_the_last(self) -> None:
        said = after_stream("chat", *(chunk(usage=USAGE | {"completion_tokens": n}) for n in (1, 2, 3)))
        assert (said.input, said.output) == (11, 3)

    @pytest.mark.parametrize("choices", (None, [], {}, [None], ["x"], [{"finish_reason": 1}], [[]]))
    def test_odd_choices_do_not_hide_the_usage(self, choices: object) -> None:
        assert after_stream("chat", {"model": "m", "choices": choices, "usage": USAGE}) == Told("m", 11, 7)

    def test_empty_names_do_not_hide_the_real_ones(self) -> None:
        first, last = chunk("stop"), chunk("")
        last["model"] = ""
        assert after_stream("chat", first, last) == Told("kimi-k2.6", stop="stop")

    def test_last_line_without_a_blank_line_counts(self) -> None:
        assert after_stream("chat", "data: " + json.dumps(chunk("stop", usage=USAGE))) == Told(
            "kimi-k2.6", 11, 7, None, "stop"
        )


class TestResponses:
    usage = {  # noqa: RUF012  never changed
        "input_tokens": 11,
        "input_tokens_details": {"cached_tokens": 3},
        "output_tokens": 7,
        "output_tokens_details": {"reasoning_tokens": 5},
        "total_tokens": 18,
    }

    def test_stream_ends_with_the_usage(self) -> None:
        assert after_stream(
            "responses",
            response("created", status="in_progress", usage=None, error=None),
            {"type": "response.output_text.delta", "delta": "x"},
            {"type": "response.output_item.done", "item": {"status": "completed"}},
            response("completed", status="completed", usage=self.usage, error=None, incomplete_details=None),
        ) == Told("gpt-5", 11, 7, 3, "completed", thought=5)

    def test_body_has_it_all_at_once(self) -> None:
        body = {"object": "response", "model": "m", "status": "completed", "error": None, "usage": self.usage}
        assert after_body("responses", body) == Told("m", 11, 7, 3, "completed", thought=5)

    def test_incomplete_says_why(self) -> None:
        details = {"reason": "max_output_tokens"}
        last = response("incomplete", status="incomplete", incomplete_details=details, usage=self.usage)
        assert after_stream("responses", last) == Told("gpt-5", 11, 7, 3, "max_output_tokens", thought=5)
        assert after_stream("responses", response("incomplete")).stop == "incomplete"

    def test_opening_events_do_not_end_it(self) -> None:
        opening = [response(kind, status=kind) for kind in ("queued", "in_progress")]
        assert after_stream("responses", response("created", status="in_progress"), *opening) == Told("gpt-5")

    @pytest.mark.parametrize(
        ("event", "expected"),
        (
            pytest.param(response("done", usage=USAGE), (11, 7, None, "completed"), id="alias, and chat's names"),
            pytest.param(
                response("completed", usage={"input_tokens": "11", "output_tokens": None}),
                (11, None, None, "completed"),
                id="loose counters",
            ),
            pytest.param(
                response("completed", usage={"input_tokens": 11, "output_tokens": 7, "input_tokens_details": None}),
                (11, 7, None, "completed"),
                id="null details",
            ),
            pytest.param(
                'event: response.completed\ndata: {"response":{"usage":{"input_tokens":11,"output_tokens":7}}}\n\n',
                (11, 7, None, "completed"),
                id="no type but on the event line",
            ),
            pytest.param({"type": "response.completed", "response": None}, (None, None, None, "completed"), id="null"),
        ),
    )
    def test_loose_endings(self, event: object, expected: tuple[int | None, int | None, int | None, str]) -> None:
        said = after_stream("responses", response("created"), event)
        assert (said.input, said.output, said.cached, said.stop) == expected
        assert (said.model, said.error) == ("gpt-5", None)

    @pytest.mark.parametrize(
        ("event", "expected", "stop"),
        (
            (
                response("failed", status="failed", error={"code": "rate_limit_exceeded", "message": "Slow down"}),
                "rate_limit_exceeded: Slow down",
                "failed",
            ),
            (response("failed"), "failed", "failed"),
            ({"type": "error", "code": "server_error", "message": "boom"}, "server_error: boom", None),
            ('event: error\ndata: {"error":{"message":"boom"}}\n\n', "boom", None),
            ("event: error\ndata: gone\n\n", "gone", None),
        ),
    )
    def test_error_in_the_stream(self, event: object, expected: str, stop: str | None) -> None:
        said = after_stream("responses", response("created"), event)
        assert (said.error, said.stop) == (expected, stop)

    def test_details_are_not_mistaken_for_the_whole(self) -> None:
        detail = {"type": "response.mcp_call.failed", "message": "no", "status": "failed", "response": {"model": "x"}}
        for named in (True, False):
            assert after_stream("responses", detail, named=named) == Told()


@pytest.mark.parametrize("wire", list(WIRES))
class TestEveryWire:
    @pytest.mark.parametrize(
        ("body", "expected"),
        (
            ({"type": "error", "error": {"type": "not_found_error", "message": "no"}}, "not_found_error: no"),
            ({"error": {"message": "no", "type": "invalid_request_error", "code": "x"}}, "invalid_request_error: no"),
            ({"error": {"message": "no", "type": None, "code": 1113}}, "1113: no"),
            ({"error": {"message": "no"}}, "no"),
            ({"error": {"code": "x"}}, "x"),
            ({"error": {"odd": 1}}, "error"),
            ({"error": "no"}, "no"),
            ({"error": True}, "error"),
            ({"code": 1302, "message": "no"}, "1302: no"),
            ({"code": "1302", "message": "no"}, "1302: no"),
            ({"message": "Forbidden"}, "Forbidden"),
            ({"detail": "Not Found"}, "Not Found"),
            ({"detail": [{"loc": ["body", "model"], "msg": "field required"}]}, "field required"),
            ({"detail": {"message": "no"}}, "no"),
            ({"base_resp": {"status_code": 1004, "status_msg": "login fail"}}, "1004: login fail"),
            ([{"error": {"code": 400, "message": "no", "status": "INVALID_ARGUMENT"}}], "400: no"),
            (b'\xef\xbb\xbf {"error": {"message": "no"}}', "no"),
            ({"error": {"message": "two\n lines\t here "}}, "two lines here"),
            ({"error": {"message": "x" * 500}}, "x" * 199 + "…"),
            # none of these is an error
            ({"error": None}, None),
            ({"error": {}}, None),
            ({"base_resp": {"status_code": 0, "status_msg": "success"}}, None),
            ({"message": ""}, None),
            ({}, None),
            ([], None),
            (None, None),
            (b"", None),
            (b"<html>502</html>", None),
            (b"\xff\xfe", None),
        ),
    )
    def test_error_bodies(self, wire: WireName, body: object, expected: str | None) -> None:
        assert after_body(wire, body) == Told(error=expected)

    def test_own_error_body_is_read_back(self, wire: WireName) -> None:
        error = after_body(wire, WIRES[wire].error_body(500, "internal", "a bug of ours")).error
        assert error is not None
        assert error.endswith(": a bug of ours")

    def test_first_error_is_kept(self, wire: WireName) -> None:
        assert after_stream(wire, {"error": "cause"}, {"error": "consequence"}).error == "cause"

    def test_comments_and_sentinels_say_nothing(self, wire: WireName) -> None:
        assert after_stream(wire, ": ping\n\n", "event: ping\n\n", "data:\n\n", DONE, "retry: 1\n\n", {}) == Told()

    @pytest.mark.parametrize("opening", (b"[", b'{"usage":', b'{"error":[', b'{"response":{"a":'))
    def test_depth_is_survived(self, wire: WireName, opening: bytes) -> None:
        assert after_body(wire, opening * 100_000) == Told()

    @pytest.mark.parametrize("number", ("9" * 5000, "1e400", "-1e400", "1e30", "NaN", "٣", "²", "0x1", "1_0", "+1"))
    def test_odd_numbers_are_survived(self, wire: WireName, number: str) -> None:
        for value in (number, f'"{number}"'):
            body = f'{{"usage":{{"input_tokens":{value},"prompt_tokens":{value}}},"model":"m"}}'
            assert after_body(wire, body.encode()).input is None


NAMES = [
    *["type", "error", "code", "message", "detail", "base_resp", "status_code", "status_msg", "msg", "model", "usage"],
    *["delta", "stop_reason", "choices", "finish_reason", "response", "status", "incomplete_details", "reason"],
    *["input_tokens", "output_tokens", "prompt_tokens", "completion_tokens", "cached_tokens", "prompt_tokens_details"],
    *["cache_read_input_tokens", "cache_creation_input_tokens", "prompt_cache_hit_tokens"],
    *["output_tokens_details", "completion_tokens_details", "reasoning_tokens", "thinking_tokens"],
]
TYPES = ["message_start", "message_delta", "error", "response.completed", "response.failed", "response.incomplete"]
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.sampled_from([*TYPES, "7"])
trees = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=12,
)


def assert_sane(tally: Tally) -> None:
    """Check that each value is of its type, and that no count is negative."""
    said = told(tally)
    for word in (said.model, said.stop, said.error):
        assert word is None or (type(word) is str and word.encode())
    for count in (said.input, said.output, said.cached, said.thought):
        assert count is None or (type(count) is int and count >= 0)
    assert said.error is None or (len(said.error) <= 200 and "\n" not in said.error)


@pytest.mark.parametrize("wire", list(WIRES))
class TestNothingRaises:
    @given(data=st.binary(max_size=80), name=st.none() | st.sampled_from(TYPES))
    @example(data=b'{"error": "\xff"}', name="error")
    @example(data=b'{"model": "\\ud83d"}', name=None)
    @settings(max_examples=80, deadline=None)
    def test_on_any_bytes(self, wire: WireName, data: bytes, name: str | None) -> None:
        tally = WIRES[wire].tally()
        tally.body(data)
        tally.event(sse.Event(data, name, data, None, None, complete=True))
        tally.event(sse.Event(data, name, None, None, None, complete=False))
        assert_sane(tally)

    @given(trees=st.lists(trees, max_size=3), name=st.none() | st.sampled_from(TYPES))
    @settings(max_examples=150, deadline=None)
    def test_on_any_json(self, wire: WireName, trees: list[object], name: str | None) -> None:
        tally = WIRES[wire].tally()
        for tree in trees:
            data = json.dumps(tree).encode()
            tally.event(sse.Event(data, name, data, None, None, complete=True))
            tally.body(data)
        assert_sane(tally)
