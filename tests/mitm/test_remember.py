"""What is remembered of an exchange, hook by hook: inputs, both sides, what failed, and what is not to be kept."""

from __future__ import annotations

import json
import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from mitmproxy import http
from mitmproxy.websocket import WebSocketData, WebSocketMessage
from wsproto.frame_protocol import Opcode

from tests.lab.replies import Answer, messages_body, messages_events
from tests.mitm.capture_kit import EVENTS, KEY, RULES, STREAM, captures_in, stage
from wiremend.mitm.recollect import recollect
from wiremend.mitm.record import Recalled, Record
from wiremend.quirks.memory import Memory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.mitm.capture_kit import Stage
    from wiremend.captures.capture import Capture

REPLY = messages_events(Answer("one two three", model="m"))
CLAUDE = {"user-agent": "claude-cli/2.1.197 (external, sdk-cli)"}


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Stage]:
    with stage(tmp_path) as one:
        yield one


def only(made: Stage) -> Capture:
    (capture,) = made.captures()
    return capture


def test_a_stream_is_remembered_from_both_sides(made: Stage) -> None:
    one = made.ask(headers=CLAUDE)
    given = made.stream(one, REPLY)
    made.end(one)
    capture = only(made)
    assert (capture.id, capture.client, capture.wire, capture.model) == (one.id, "claude-code", "messages", "m")
    assert capture.request.body == STREAM
    assert (capture.request.host, capture.request.port, capture.request.target) == (
        "api.anthropic.com",
        443,
        "/v1/messages",
    )
    (attempt,) = capture.attempts
    assert (attempt.request.host, attempt.request.port, attempt.request.target) == ("127.0.0.1", 9, "/v1/messages")
    assert attempt.response is not None
    assert attempt.response.body.chunks == REPLY
    assert attempt.error is None
    assert capture.answer is not None
    assert capture.answer.body.data == given
    assert capture.answer.headers.get("transfer-encoding") == "chunked", "the head as it was sent"
    assert "transfer-encoding" not in attempt.response.headers, "the head as it came"
    assert attempt.at <= attempt.response.body.cuts[0][1] <= capture.answer.body.cuts[0][1]


def test_the_decision_and_its_inputs_are_there(made: Stage) -> None:
    one = made.ask(headers=CLAUDE)
    made.stream(one, REPLY)
    made.end(one)
    capture = only(made)
    inputs = capture.inputs
    assert (inputs.seed, inputs.flow, inputs.style) == (one.id, one.id[:8], "proxy")
    assert inputs.now == int(one.request.timestamp_start)
    assert capture.began == one.request.timestamp_start
    decision = capture.attempts[0].decision
    assert (decision["provider"], decision["model"], decision["wire"], decision["by"]) == (
        "lab",
        "m",
        "messages",
        "default",
    )
    assert decision["url"] == "http://127.0.0.1:9/v1/messages"
    assert decision["mend"] is True
    assert decision["why"] == ["no route matches: the default (rules.yaml:2)"]
    assert capture.rules == made.house.resolved.rules.hash  # type: ignore[union-attr]  # they were loaded
    assert {"wiremend", "mitmproxy", "python"} < set(capture.versions)
    assert capture.versions["client"] == "claude-cli/2.1.197"
    assert one.comment == captures_comment(made)


def captures_comment(made: Stage) -> str:
    from wiremend.mitm.flows import read_flows  # noqa: PLC0415 - where it is used once

    (found,) = [found for path in made.folder.glob("*.flows") for found in read_flows(path)]
    assert found.flow is not None
    return found.flow.comment


def test_no_secret_of_the_head_is_in_the_file(made: Stage) -> None:
    one = made.ask(headers={**CLAUDE, "cookie": "session=c00kie-value-of-mine", "x-api-key": KEY})
    made.stream(one, REPLY)
    made.end(one)
    capture = only(made)
    stands = capture.request.headers.get("x-api-key")
    assert stands is not None
    assert stands.startswith("sk-ant-")
    assert "SCRUBBED" in stands
    assert capture.attempts[0].request.headers.get("x-api-key") == stands, "the same secret, the same surrogate"
    data = b"".join(path.read_bytes() for path in made.folder.rglob("*") if path.is_file())
    assert KEY.encode() not in data
    assert b"c00kie-value" not in data


VARIABLES = """
providers:
  lab:
    base_url: ${LAB_URL}/v1
    key: $LAB_KEY
    headers: {X-Org: $LAB_ORG, User-Agent: $LAB_AGENT}
default: lab/m
"""


def test_variables_and_credentials_of_the_rules_are_inputs_and_no_secret_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {
        "LAB_URL": "http://127.0.0.1:9",
        "LAB_KEY": "correct-horse-battery-staple",
        "LAB_ORG": "the-organisation-nobody-knows",
        "LAB_AGENT": "KimiCLI/1.3",
        "LAB_OTHER": "not named",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with stage(tmp_path, VARIABLES) as made:
        one = made.ask()
        body = json.dumps(messages_body(Answer(f"you said {given['LAB_KEY']}", model="m"))).encode()
        made.whole(one, body=body)
        capture = only(made)
        inputs = capture.inputs
        assert set(inputs.environment) == {"LAB_URL", "LAB_ORG", "LAB_AGENT"}
        assert inputs.environment["LAB_URL"] == given["LAB_URL"]
        assert inputs.environment["LAB_AGENT"] == "KimiCLI/1.3"
        sent = capture.attempts[0].request.headers
        assert inputs.environment["LAB_ORG"] == sent.get("x-org")
        assert "SCRUBBED" in inputs.environment["LAB_ORG"]
        assert set(inputs.credentials) == {"$LAB_KEY"}
        assert sent.get("x-api-key") in {inputs.credentials["$LAB_KEY"], None}
        assert "SCRUBBED" in inputs.credentials["$LAB_KEY"]
        data = b"".join(path.read_bytes() for path in made.folder.rglob("*") if path.is_file())
        assert given["LAB_KEY"].encode() not in data
        assert given["LAB_ORG"].encode() not in data


def test_what_the_memory_gave_and_took_is_written_down() -> None:
    shared = Memory()
    shared.keep("a", "1")
    seen = Recalled(shared)
    assert (seen.recall("a"), seen.recall("b")) == ("1", None)
    seen.keep("b", "2")
    seen.keep("a", "3")
    seen.keep("c", "4")
    assert (seen.recall("a"), seen.recall("b"), seen.recall("c")) == ("3", "2", "4")
    seen.forget("c")
    assert seen.asked == {"a": "1", "b": None}, "as it was first; what it left itself is no input"
    assert seen.left == {"b": "2", "a": "3"}
    assert (shared.recall("a"), shared.recall("b"), shared.recall("c")) == ("3", "2", None)


@pytest.mark.parametrize("tee", (True, False), ids=("with the layer", "without"))
def test_a_whole_reply_is_remembered_as_it_came_and_as_it_was_sent(made: Stage, *, tee: bool) -> None:
    one = made.ask(b'{"model":"m","max_tokens":9,"messages":[]}')
    body = json.dumps(messages_body(Answer("x", model="m")) | {"stop_reason": "odd"}).encode()
    made.whole(one, body=body, tee=tee)
    capture = only(made)
    response = capture.attempts[0].response
    assert response is not None
    assert response.body.data == body
    assert capture.answer is not None
    assert one.response is not None
    assert capture.answer.body.data == one.response.raw_content
    assert capture.answer.body.chunks == [one.response.raw_content]


def test_without_the_layer_a_stream_is_what_the_flow_stored_and_a_note_says_so(made: Stage) -> None:
    one = made.ask()
    response = http.Response.make(200, b"", EVENTS)
    one.response = response
    made.reply.responseheaders(one)
    assert callable(response.stream)
    out: list[Any] = [response.stream(chunk) for chunk in [*REPLY, b""]]
    response.data.content = b"".join(b"".join(given) for given in out)
    made.end(one)
    capture = only(made)
    assert capture.answer is not None
    assert capture.answer.body.data == b"".join(REPLY)
    assert capture.attempts[0].response is not None
    assert capture.attempts[0].response.body.data == b"".join(REPLY)
    assert any("were not seen" in note.what for note in capture.notes)


def test_a_cut_stream_is_kept_as_it_happened(made: Stage) -> None:
    one = made.ask()
    response = http.Response.make(200, b"", EVENTS)
    tapes = made.reply.tapes(one, response)
    one.response = response
    made.reply.responseheaders(one)
    assert callable(response.stream)
    assert tapes is not None
    tapes.begun = True
    for chunk in REPLY[:3]:
        tapes.heard.write(chunk)
        given: Any = response.stream(chunk)
        for piece in given:
            tapes.said.write(piece)
    tail = made.reply.cut(one, "peer closed connection", "connection")
    assert tail
    tapes.said.write(tail)
    made.end(one, "peer closed connection")
    capture = only(made)
    assert capture.error == capture.attempts[0].error == "peer closed connection"
    assert capture.answer is not None
    assert capture.answer.body.data == b"".join(REPLY[:3]) + tail
    assert capture.attempts[0].response is not None
    assert capture.attempts[0].response.body.chunks == REPLY[:3]


@pytest.mark.parametrize(
    ("count", "error"), ((None, None), (-1, "Client disconnected.")), ids=("at the last event", "before it")
)
def test_a_client_that_leaves_at_the_last_event_broke_nothing(
    made: Stage, count: int | None, error: str | None
) -> None:
    """It may close its connection before the provider's end is seen; what it had was whole."""
    flow = made.ask()
    response = http.Response.make(200, b"", EVENTS)
    made.reply.tapes(flow, response)
    flow.response = response
    made.reply.responseheaders(flow)
    assert callable(response.stream)
    for event in messages_events(Answer())[:count]:
        response.stream(event)
    made.end(flow, "Client disconnected.")
    capture = only(made)
    assert capture.error == error
    assert capture.attempts[0].error == error


def test_an_upstream_that_does_not_answer_leaves_no_response(made: Stage) -> None:
    one = made.ask()
    one.response = made.reply.unanswered(one, "connection refused", "connection")
    tapes = made.reply.tapes(one, None)
    assert tapes is not None
    tapes.begun = True
    made.end(one, "connection refused")
    capture = only(made)
    assert capture.attempts[0].response is None
    assert capture.attempts[0].error == "connection refused"
    assert capture.answer is not None
    assert capture.answer.status == 502
    assert b"did not answer" in capture.answer.body.data


def test_a_refused_request_is_remembered_with_our_refusal(tmp_path: Path) -> None:
    with stage(tmp_path, RULES.replace("key: client", "key: client, speaks: [chat]")) as made:
        one = made.ask(b"[]")
        assert one.response is not None, "what is no request cannot be translated"
        made.reply.responseheaders(one)
        made.end(one)
        capture = only(made)
        assert capture.attempts == ()
        assert capture.answer is not None
        assert capture.answer.status == one.response.status_code
        assert capture.answer.body.data == one.response.raw_content
        assert capture.error
        assert capture.attempt is None


def test_a_web_socket_is_remembered_frame_by_frame(made: Stage) -> None:
    made.context.configure(made.house, wiremend_rules="")
    path = made.folder.parent / "plain.yaml"
    path.write_text("listen: {intercept: [api.openai.com]}\n")
    made.context.configure(made.house, wiremend_rules=str(path))
    one = made.ask(b"", {"upgrade": "websocket", "sec-websocket-version": "13"}, "https://api.openai.com/v1/responses")
    assert one.response is None
    one.response = http.Response.make(101, b"", {"upgrade": "websocket"})
    made.reply.tapes(one, one.response)
    made.reply.responseheaders(one)
    one.websocket = WebSocketData()
    made.reply.response(one)
    made.remember.response(one)
    began = one.request.timestamp_start
    one.websocket.messages = [
        WebSocketMessage(Opcode.TEXT, True, b'{"type":"response.create"}', began + 0.5),  # noqa: FBT003 - mitmproxy's
        WebSocketMessage(Opcode.BINARY, False, f'{{"k":"{KEY}"}}'.encode(), began + 1.5),  # noqa: FBT003 - the same
    ]
    one.websocket.close_code = 1000
    made.remember.websocket_end(one)
    capture = only(made)
    assert [(frame.from_client, frame.text, frame.at) for frame in capture.frames] == [
        (True, True, 500_000),
        (False, False, 1_500_000),
    ]
    assert capture.frames[0].data == b'{"type":"response.create"}'
    assert KEY.encode() not in capture.frames[1].data
    assert capture.answer is not None
    assert capture.answer.status == 101


def test_what_mitmproxy_ended_without_a_word_is_kept_when_the_client_goes(made: Stage) -> None:
    one, other = made.ask(), made.ask()
    made.remember.client_disconnected(one.client_conn)
    assert list(made.remember.records) == [other.id]
    made.remember.client_disconnected(other.client_conn)
    captures = made.captures()
    assert {found.error for found in captures} == {"the client's connection was closed"}
    assert {found.answer for found in captures} == {None}
    assert len(captures) == 2


def test_what_is_under_way_when_the_proxy_ends_is_written_as_cut(made: Stage) -> None:
    one = made.ask()
    made.stream(one, REPLY[:2])
    made.ask()
    first, second = made.captures()
    assert first.error == first.attempts[0].error == "the proxy was shut down"
    assert first.answer is not None
    assert (second.answer, second.attempts[0].response) == (None, None)


# -- what is not kept


@contextmanager
def off(tmp_path: Path, rules: str, **options: Any) -> Iterator[Stage]:  # noqa: ANN401 - values of options
    with stage(tmp_path, rules) as made:
        if options:
            made.context.configure(made.house, **options)
        yield made


@pytest.mark.parametrize(
    ("rules", "options"),
    ((RULES + "capture: off\n", {}), (RULES, {"wiremend_capture": "off"}), (RULES, {"wiremend_enabled": False})),
)
def test_off_is_off(tmp_path: Path, rules: str, options: dict[str, Any]) -> None:
    with off(tmp_path, rules, **options) as made:
        one = made.ask()
        assert made.remember.records == {}
        one.response = http.Response.make(200, b"{}")
        made.end(one)
        made.close()
        assert not made.folder.exists()


def test_only_what_when_fits_is_kept(tmp_path: Path) -> None:
    with stage(tmp_path, RULES + "capture: {when: {client: claude-code}}\n") as made:
        for headers in (CLAUDE, {"user-agent": "curl/8"}):
            one = made.ask(headers=headers)
            made.stream(one, REPLY)
            made.end(one)
        assert [capture.client for capture in made.captures()] == ["claude-code"]


@pytest.mark.parametrize("url", ("https://api.anthropic.com/api/oauth/profile", "https://example.org/index.html"))
def test_what_is_no_llm_endpoint_is_not_kept(made: Stage, url: str) -> None:
    one = made.ask(url=url)
    one.response = http.Response.make(200, b"{}")
    made.end(one)
    assert made.captures() == []


def test_an_exchange_lies_where_the_rules_wanted_it_when_it_began(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    with stage(tmp_path, RULES + f"capture: {{dir: '{first}'}}\n") as made:
        made.context.configure(made.house, wiremend_capture="")
        one = made.ask()
        path = tmp_path / "other.yaml"
        path.write_text(RULES + f"capture: {{dir: '{second}'}}\n")
        made.context.configure(made.house, wiremend_rules=str(path))
        other = made.ask()
        for flow in (other, one, made.ask()):
            made.stream(flow, REPLY)
            made.end(flow)
        made.close()
        assert [capture.id for capture in captures_in(first)] == [one.id]
        assert len(captures_in(second)) == 2
        assert {path.name for path in (first / "rules").iterdir()} != {
            path.name for path in (second / "rules").iterdir()
        }


# -- our bugs are not their outage


@pytest.mark.parametrize("method", ("begin", "decided", "end", "capture"))
def test_a_bug_in_here_costs_a_capture_and_nothing_else(
    made: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, method: str
) -> None:
    def boom(*_: object, **__: object) -> None:
        raise ZeroDivisionError(f"a bug that quotes {KEY}")

    monkeypatch.setattr(Record, method, boom)
    with caplog.at_level(logging.WARNING, logger="wiremend"):
        one = made.ask()
        assert one.request.host == "127.0.0.1", "it is rewritten all the same"
        assert made.stream(one, REPLY) == b"".join(REPLY)
        made.end(one)
        made.close()
    assert sum("ZeroDivisionError" in record.getMessage() for record in caplog.records) == 1
    assert KEY not in caplog.text
    assert captures_in(made.folder) == []


# -- a conversation survives a restart


def keep(made: Stage, **values: str) -> None:
    one = made.ask()
    for key, value in values.items():
        made.remember.records[one.id].memory.keep(key, value)
    made.stream(one, REPLY)
    made.end(one)


def test_what_replies_left_is_found_again_the_last_word_counts(made: Stage) -> None:
    keep(made, a="1", b="2")
    keep(made, a="3")
    keep(made, c="\ud800 half a character")
    made.close()
    (path,) = made.folder.glob("*.flows")
    assert recollect(made.folder) == {"b": "2", "a": "3", "c": "\ud800 half a character"}
    assert list(recollect(made.folder)) == ["b", "a", "c"], "the oldest first"
    path.write_bytes(path.read_bytes()[:-5])
    assert recollect(made.folder) == {"b": "2", "a": "3"}, "of a file that is cut short, what is whole"


def test_only_so_much_is_looked_through_the_newest_first(made: Stage) -> None:
    for number in range(3):
        made.remember.store._desk._rolled = 0.0  # a new file
        keep(made, **{f"k{number}": "v"})
        made.remember.store._queue.put(lambda: None)
        made.close()
    files = sorted(made.folder.glob("*.flows"))
    assert len(files) == 3
    size = files[-1].stat().st_size
    assert set(recollect(made.folder, size)) == {"k2"}
    assert set(recollect(made.folder, size + 1)) == {"k2"}
    assert set(recollect(made.folder, size + files[-2].stat().st_size)) == {"k2", "k1"}
    assert recollect(made.folder.parent / "nowhere") == {}
