"""Replay is offline and a function of capture and rules (G10); it ends an exchange as the proxy would."""

from __future__ import annotations

import gzip
import json
import os
import socket
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.oracles import Served, verdict
from tests.replay.kit import KEY, RULES, STREAM, captured, replayed
from wiremend.captures.capture import Attempt, Body
from wiremend.headers import Headers
from wiremend.pipeline.outcome import Refused, Untouched
from wiremend.replay.rules import Today
from wiremend.replay.run import CUTS, cut, replay

if TYPE_CHECKING:
    from wiremend.captures.capture import Capture
    from wiremend.replay.run import Cuts, Replayed


def text_of(done: Replayed) -> bytes:
    assert done.answer is not None
    return done.answer.body.data


def test_a_sound_stream_leaves_as_its_own_bytes_and_the_request_as_the_rules_say() -> None:
    done = replayed(captured())
    assert text_of(done) == b"".join(STREAM)
    assert done.request is not None
    assert done.request.target == "/v1/chat/completions"
    assert (done.request.host, done.request.port) == ("127.0.0.1", 8000)
    assert json.loads(done.request.body)["temperature"] == 0.6
    assert done.request.headers.get("content-length") == str(len(done.request.body))
    assert done.request.headers.get("authorization") == f"Bearer {KEY}"


def test_a_websocket_is_refused_as_the_proxy_refuses_it() -> None:
    turn = captured(target="/v1/responses")
    headers = Headers((("connection", "Upgrade"), ("upgrade", "WebSocket"), ("authorization", f"Bearer {KEY}")))
    handshake = replace(turn, request=replace(turn.request, method="GET", body=b"", headers=headers), attempts=())
    done = replayed(handshake)
    assert isinstance(done.outcome, Refused)
    assert (done.request, done.outcome.status, done.notes) == (None, 426, ())
    assert b"use HTTP" in text_of(done)
    addressed = replace(handshake, request=replace(handshake.request, host="api.openai.com", port=443))
    assert not isinstance(
        replay(addressed, Today("version: 1", "rules.yaml")).outcome, Refused
    )  # no rule of ours is met


@given(st.binary(max_size=300), st.integers(0, 99), st.sampled_from(CUTS))
def test_cuts_lose_and_add_nothing(data: bytes, seed: int, cuts: Cuts) -> None:
    body = Body(data, ((len(data) // 2, 1), (len(data) - len(data) // 2, 2)) if data else ())
    chunks = cut(body, cuts, seed)
    assert b"".join(chunks) == data
    assert chunks == cut(body, cuts, seed)
    if cuts == "bytes":
        assert {len(chunk) for chunk in chunks} <= {1}
    if cuts == "recorded":
        assert [len(chunk) for chunk in chunks] == [size for size, _ in body.cuts]


@pytest.mark.parametrize("cuts", CUTS)
def test_cuts_do_not_matter(cuts: Cuts) -> None:
    broken = captured(stream=[STREAM[0].replace(b'"role": "assistant", ', b""), *STREAM[1:3], STREAM[4]])
    one, other = replay(broken, Today(RULES, "rules.yaml")), replay(broken, Today(RULES, "rules.yaml"), cuts, 7)
    assert text_of(one) == text_of(other)
    assert one.notes == other.notes


def test_nothing_of_this_machine_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def outside(*_: object, **__: object) -> None:
        raise AssertionError("replay looked at the machine")

    rules = RULES.replace("key: client", "key: $LAB_KEY").replace(
        "http://127.0.0.1:8000/v1", "'${LAB_URL:-http://there:1}/v1'"
    )
    monkeypatch.setenv("LAB_KEY", "sk-FAKE-of-this-machine")
    monkeypatch.setenv("LAB_URL", "http://elsewhere:2")
    today = Today(rules, "rules.yaml")
    monkeypatch.setattr(socket, "socket", outside)
    monkeypatch.setattr(socket, "getaddrinfo", outside)
    done = replay(captured(), today)
    assert done.request is not None
    assert done.request.host == "there"
    assert "FAKE-of-this-machine" not in (done.request.headers.get("authorization") or "")
    assert os.environ["LAB_URL"] not in str(done)


def test_a_capture_says_what_the_variables_and_the_keys_were() -> None:
    rules = RULES.replace("key: client", "key: $LAB_KEY").replace("http://127.0.0.1:8000", "$LAB_URL")
    capture = captured()
    inputs = replace(
        capture.inputs,
        environment={"LAB_URL": "http://recorded:3"},
        credentials={"$LAB_KEY": "sk-SCRUBBEDSCRUBBEDSCRUBBED"},
    )
    done = replayed(replace(capture, inputs=inputs), rules)
    assert done.request is not None
    assert done.request.host == "recorded"
    assert done.request.headers.get("authorization") == "Bearer sk-SCRUBBEDSCRUBBEDSCRUBBED"


@pytest.mark.parametrize(("met", "goes"), ((True, True), (False, False)))
def test_a_condition_on_a_key_asks_what_the_key_itself_matched(*, met: bool, goes: bool) -> None:
    rules = RULES.replace('model: "lab-*"', "key: sk-kimi-team-a-*")
    capture = captured()
    inputs = replace(capture.inputs, globs={KEY: {"sk-kimi-team-a-*": met}})
    done = replayed(replace(capture, inputs=inputs), rules)
    assert isinstance(done.outcome, Refused) is not goes


def test_a_refusal_is_in_the_clients_own_words() -> None:
    done = replayed(captured(), "routes: [{when: {model: other}, to: moonshot}]\n")
    assert isinstance(done.outcome, Refused)
    assert done.request is None
    assert done.answer is not None
    assert done.answer.headers.get("x-should-retry") == "false"
    assert json.loads(text_of(done))["error"]["message"] == done.outcome.message == done.error


def test_what_is_no_llm_request_is_left_alone() -> None:
    capture = captured(target="/robots.txt")
    proxied = replace(
        capture,
        request=replace(capture.request, host="example.com"),
        inputs=replace(capture.inputs, style="proxy"),
    )
    done = replayed(proxied)
    assert isinstance(done.outcome, Untouched)
    assert done.request == proxied.request
    assert text_of(done) == b"".join(STREAM)


def broken(capture: Capture, error: str, *, answered: bool, chunks: int = 2) -> Replayed:
    """Replay an exchange whose upstream broke off behind so many chunks, or before its head."""
    attempt = capture.attempts[0]
    response = attempt.response if answered else None
    if response is not None:
        response = replace(response, body=Body.of(STREAM[:chunks], range(chunks)))
    return replayed(replace(capture, attempts=(replace(attempt, response=response, error=error),)))


def test_an_upstream_that_did_not_answer_is_an_error_of_the_wire() -> None:
    done = broken(captured(), "connection refused", answered=False)
    assert done.answer is not None
    assert done.answer.status == 502
    assert "did not answer: connection refused" in json.loads(text_of(done))["error"]["message"]
    assert done.error == "connection refused"


def test_a_cut_is_never_a_success() -> None:
    done = broken(captured(), "server disconnected", answered=True)
    assert done.answer is not None
    assert done.answer.status == 200
    assert text_of(done).startswith(b"".join(STREAM[:2]))
    said = verdict("openai-py", Served(text_of(done), 200, "text/event-stream"))
    assert not said.ok
    assert "server disconnected" in (said.error or "")
    assert [note.short for note in done.notes if note.kind == "invented"] == ["cut"]


def test_a_connection_that_dies_before_its_first_event_did_not_answer() -> None:
    done = broken(captured(), "server disconnected", answered=True, chunks=0)
    assert done.answer is not None
    assert done.answer.status == 502


def test_a_request_alone_has_no_answer() -> None:
    done = replayed(replace(captured(), attempts=()))
    assert done.request is not None
    assert done.answer is None
    alone = replayed(replace(captured(), attempts=(Attempt(captured().request),)))
    assert alone.answer is None


def test_a_compressed_stream_is_undone_and_mended() -> None:
    capture = captured()
    attempt = capture.attempts[0]
    assert attempt.response is not None
    packed = gzip.compress(b"".join(STREAM))
    headers = Headers((("content-type", "text/event-stream"), ("content-encoding", "gzip")))
    response = replace(attempt.response, headers=headers, body=Body.of([packed[:9], packed[9:]], [1, 2]))
    done = replayed(replace(capture, attempts=(replace(attempt, response=response),)))
    assert text_of(done) == b"".join(STREAM)
    assert done.answer is not None
    assert "content-encoding" not in done.answer.headers


def test_the_same_seed_gives_the_same_ids() -> None:
    call = {"index": 0, "type": "function", "function": {"name": "f", "arguments": "{}"}}
    delta = {"role": "assistant", "tool_calls": [call]}
    event = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": []}
    first = {**event, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    last = {**event, "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}
    nameless = [b"data: " + json.dumps(one).encode() + b"\n\n" for one in (first, last)] + [STREAM[-1]]
    one, same = replayed(captured(stream=nameless)), replayed(captured(stream=nameless))
    assert text_of(one) == text_of(same)
    capture = captured(stream=nameless)
    other = replayed(replace(capture, inputs=replace(capture.inputs, seed="another")))
    assert text_of(one) != text_of(other)
