"""A provider of another wire behind a real mitmdump: streams as they come, errors, counts, lists of models, strictness.

What each exchange means on either side is for tests/translate to show; here it is how it comes through the proxy.
"""

from __future__ import annotations

import json
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import anthropic
import openai
import pytest

from tests.lab import Answer, Client, Mitm, Reply, Request, Upstream, table
from tests.lab.replies import (
    chat_body,
    chat_events,
    messages_body,
    messages_events,
    responses_body,
    responses_events,
    sse,
)
from tests.lab.scripts import chat_stream, messages_stream, responses_stream
from tests.lab.sdk import KEY, MESSAGES, anthropic_sdk, openai_sdk
from wiremend.replay.compare import compare
from wiremend.replay.rules import Today
from wiremend.replay.run import CUTS, replay

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab import Script

ANSWER = Answer(model="m", text="one two three")
PATHS = {"messages": "/v1/messages", "chat": "/v1/chat/completions", "responses": "/v1/responses"}
EVENTS = {"messages": messages_events(ANSWER), "chat": chat_events(ANSWER), "responses": responses_events(ANSWER)}
BODIES = {"messages": messages_body(ANSWER), "chat": chat_body(ANSWER), "responses": responses_body(ANSWER)}
STREAMS = {"messages": messages_stream, "chat": chat_stream, "responses": responses_stream}
ASKED: dict[str, dict[str, Any]] = {
    "messages": {"model": "m", "max_tokens": 99, "messages": [{"role": "user", "content": "hi"}]},
    "chat": {"model": "m", "max_tokens": 99, "messages": [{"role": "user", "content": "hi"}]},
    "responses": {"model": "m", "max_output_tokens": 99, "input": "hi", "store": False},
}
HEADERS = {"host": "127.0.0.1", "x-api-key": KEY}
WAYS = [(client, upstream) for client in PATHS for upstream in PATHS if client != upstream]
SAID = {"messages": b'"text_delta","text":"%s', "chat": b'"content":"%s', "responses": b'"delta":"%s'}


class Stage:
    """What the upstream does next."""

    script: Script = staticmethod(table({}))

    def __call__(self, request: Request, reply: Reply) -> None:
        self.script(request, reply)


RULES = """
providers:
  p-messages: {{base_url: '{url}', speaks: [messages], key: client}}
  p-chat:
    base_url: '{url}'
    speaks: [chat]
    key: client
    models: {{big: {{context_window: 200000, max_output: 4096}}}}
  p-responses: {{base_url: '{url}', speaks: [responses], key: client}}
  p-both: {{base_url: '{url}', speaks: [messages, chat], key: client}}
aliases:
  nick: {{to: p-chat/m, keep_name: true}}
routes:
  - {{when: {{header: {{x-to: messages}}}}, to: p-messages}}
  - {{when: {{header: {{x-to: chat}}}}, to: p-chat}}
  - {{when: {{header: {{x-to: responses}}}}, to: p-responses}}
  - {{when: {{header: {{x-to: forced}}}}, to: p-both, via: chat}}
  - {{when: {{header: {{x-to: both}}}}, to: p-both}}
  - {{when: {{model: [nick, big]}}, to: p-chat}}
"""


@pytest.fixture(scope="module")
def stage() -> Stage:
    return Stage()


@pytest.fixture(scope="module")
def upstream(stage: Stage) -> Iterator[Upstream]:
    with Upstream(stage) as up:
        yield up


@pytest.fixture(scope="module")
def proxy(upstream: Upstream) -> Iterator[Mitm]:
    with Mitm(RULES.format(url=upstream.url)) as mitm:
        yield mitm


def asked(wire: str, **more: object) -> bytes:
    return json.dumps(ASKED[wire] | {"stream": True} | more).encode()


def ask(proxy: Mitm, client: str, to: str, body: bytes | None = None) -> tuple[int, dict[str, str], bytes]:
    with Client.plain(proxy.port) as one:
        got = one.request("POST", PATHS[client], {**HEADERS, "x-to": to}, body or asked(client))
        return got.status, {name.lower(): value for name, value in got.headers}, got.read()


@pytest.mark.parametrize(("client", "wire"), WAYS)
def test_each_word_arrives_before_the_next_is_sent(stage: Stage, proxy: Mitm, client: str, wire: str) -> None:
    """Of the upstream's events those that have a word are let through one by one, the others as they come (G4)."""
    words, gate = ANSWER.pieces(), threading.Semaphore(0)
    stage.script = STREAMS[wire](ANSWER, gate)
    having = [any(word.strip().encode() in event for word in words) for event in EVENTS[wire]]
    with Client.plain(proxy.port) as one:
        response = one.request("POST", PATHS[client], {**HEADERS, "x-to": wire}, asked(client))
        seen = 0
        for event, has in zip(EVENTS[wire], having, strict=True):
            gate.release()
            if has and seen < len(words) and words[seen].strip().encode() in event and b"delta" in event:
                response.read_until(SAID[client] % words[seen].encode())
                seen += 1
        assert seen == len(words)
        response.read()
        assert response.ending == "whole"


@pytest.mark.parametrize(("client", "wire"), WAYS)
def test_a_whole_reply_comes_whole(stage: Stage, proxy: Mitm, client: str, wire: str) -> None:
    stage.script = lambda _, reply: reply.json(200, BODIES[wire])
    status, head, body = ask(proxy, client, wire, asked(client, stream=False))
    assert (status, head["content-type"]) == (200, "application/json")
    found = json.loads(body)
    said = {
        "messages": lambda: found["content"][0]["text"],
        "chat": lambda: found["choices"][0]["message"]["content"],
        "responses": lambda: found["output"][0]["content"][0]["text"],
    }[client]()
    assert said == ANSWER.text


@pytest.mark.parametrize(("client", "wire"), WAYS)
def test_json_in_the_place_of_a_stream_is_a_stream_all_the_same(
    stage: Stage, proxy: Mitm, client: str, wire: str
) -> None:
    stage.script = lambda _, reply: reply.json(200, BODIES[wire])
    status, head, body = ask(proxy, client, wire)
    assert (status, head["content-type"]) == (200, "text/event-stream")
    assert ANSWER.text.encode() in body


@pytest.mark.parametrize("to", ("both", "forced"))
def test_via_forces_a_wire(stage: Stage, upstream: Upstream, proxy: Mitm, to: str) -> None:
    stage.script = table({PATHS["messages"]: messages_stream(ANSWER), PATHS["chat"]: chat_stream(ANSWER)})
    upstream.forget()
    status, _, body = ask(proxy, "messages", to)
    assert status == 200
    assert b"message_stop" in body
    assert upstream.requests[0].path == PATHS["chat" if to == "forced" else "messages"]


# -- errors

REFUSED = {
    "messages": {"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}},
    "chat": {
        "error": {"message": "slow down", "type": "rate_limit_error", "param": None, "code": "rate_limit_exceeded"}
    },
    "responses": {
        "error": {"message": "slow down", "type": "rate_limit_error", "param": None, "code": "rate_limit_exceeded"}
    },
}


@pytest.mark.parametrize(("client", "wire"), WAYS)
def test_a_refusal_is_one_of_the_clients_wire(stage: Stage, proxy: Mitm, client: str, wire: str) -> None:
    stage.script = lambda _, reply: reply.json(429, REFUSED[wire])
    status, _, body = ask(proxy, client, wire)
    error = json.loads(body)["error"]
    assert status == 429
    assert "slow down" in error["message"]
    assert error["type"] == "rate_limit_error" if client == "messages" else error["code"] == "rate_limit_exceeded"


@pytest.mark.parametrize(("client", "wire"), WAYS)
def test_a_cut_is_an_error_of_the_clients_wire_and_no_end(stage: Stage, proxy: Mitm, client: str, wire: str) -> None:
    events = EVENTS[wire]
    place = next(at for at, event in enumerate(events) if b"two" in event) + 1

    def script(_: Request, reply: Reply) -> None:
        reply.head(200, [("content-type", "text/event-stream")])
        for event in events[:place]:
            reply.send(event)
        reply.cut()

    stage.script = script
    _, _, body = ask(proxy, client, wire)
    assert b"one " in body
    ends = {"messages": b"message_stop", "chat": b'"finish_reason":"stop"', "responses": b"response.completed"}
    assert ends[client] not in body
    error = {"messages": b"event: error", "chat": b'data: {"error"', "responses": b"event: response.failed"}
    assert error[client] in body
    assert b"cut the stream" in body


def test_what_no_other_wire_can_say_is_refused_with_its_place(upstream: Upstream, proxy: Mitm) -> None:
    upstream.forget()
    status, _, body = ask(proxy, "responses", "chat", asked("responses", previous_response_id="resp_1"))
    error = json.loads(body)["error"]
    assert status == 400
    assert "/previous_response_id" in error["message"]
    assert upstream.requests == []


# -- losses


def test_what_is_lost_is_in_the_head_and_in_the_capture(stage: Stage, upstream: Upstream) -> None:
    stage.script = chat_stream(ANSWER)
    marked = {"type": "text", "text": "be brief", "cache_control": {"type": "ephemeral"}}
    body = asked("messages", context_management={"edits": [{"type": "clear_thinking"}]}, system=[marked])
    with Mitm(RULES.format(url=upstream.url)) as proxy:
        status, head, _ = ask(proxy, "messages", "chat", body)
        (capture,) = proxy.wait_captures(1)
    assert status == 200
    assert "context_management" in head["x-wiremend-lost"]
    lost = {note.where: note for note in capture.notes if note.kind == "lost"}
    assert {"/context_management", "/system/0/cache_control"} <= set(lost)
    assert all(note.what and note.why for note in lost.values())


def test_strict_mode_refuses_with_the_list(upstream: Upstream) -> None:
    with Mitm(RULES.format(url=upstream.url), options={"wiremend_strict": True}) as strict:
        upstream.forget()
        body = asked(
            "messages", top_k=5, context_management={"edits": [{"type": "clear_thinking"}]}, metadata={"user_id": "u"}
        )
        status, _, answer = ask(strict, "messages", "responses", body)
        error = json.loads(answer)["error"]
        assert status == 400
        assert error["type"] == "invalid_request_error"
        assert "lost /top_k" in error["message"]
        assert "lost /context_management" in error["message"]
        assert upstream.requests == []


def test_strict_mode_lets_pass_what_loses_nothing(stage: Stage, upstream: Upstream) -> None:
    stage.script = chat_stream(ANSWER)
    with Mitm(RULES.format(url=upstream.url), options={"wiremend_strict": True}) as strict:
        status, _, body = ask(strict, "messages", "chat")
        assert status == 200
        assert b"message_stop" in body


# -- names, counts, models


def test_an_alias_keeps_its_name_across_wires(stage: Stage, upstream: Upstream, proxy: Mitm) -> None:
    stage.script = chat_stream(ANSWER)
    upstream.forget()
    with (
        anthropic_sdk(proxy.gateway) as client,
        client.messages.stream(model="nick", max_tokens=9, messages=MESSAGES) as stream,
    ):
        message = stream.get_final_message()
    assert message.model == "nick"
    assert upstream.requests[0].json()["model"] == "m"


def test_tokens_are_estimated_where_the_providers_wire_counts_none(
    stage: Stage, upstream: Upstream, proxy: Mitm
) -> None:
    stage.script = table({})
    upstream.forget()
    with anthropic_sdk(proxy.gateway) as client:
        got = client.messages.with_raw_response.count_tokens(model="big", messages=MESSAGES)
    assert got.headers["x-wiremend-estimated"] == "input_tokens"
    assert got.parse().input_tokens > 0
    assert upstream.requests == []


@pytest.mark.parametrize(("client", "wire"), (("messages", "responses"), ("responses", "messages")))
def test_tokens_are_counted_by_a_provider_that_can(
    stage: Stage, upstream: Upstream, proxy: Mitm, client: str, wire: str
) -> None:
    counts = {"messages": "/v1/messages/count_tokens", "responses": "/v1/responses/input_tokens"}
    upstream.forget()
    stage.script = table({counts[wire]: lambda _, reply: reply.json(200, {"input_tokens": 77})})
    body = {name: value for name, value in ASKED[client].items() if name in {"model", "messages", "input"}}
    with Client.plain(proxy.port) as one:
        got = one.request("POST", counts[client], {**HEADERS, "x-to": wire}, json.dumps(body).encode())
        assert got.status == 200
        assert got.get("x-wiremend-estimated") is None
        assert json.loads(got.read())["input_tokens"] == 77
    said = {"messages": {"model", "messages"}, "responses": {"model", "input"}}
    assert set(upstream.requests[0].json()) == said[wire]  # both vendors refuse the fields of a turn that count nothing


LISTS = {
    "messages": {"data": [{"type": "model", "id": "a", "display_name": "A", "created_at": "2026-01-01T00:00:00Z"}],
                 "has_more": False, "first_id": "a", "last_id": "a"},
    "chat": {"object": "list", "data": [{"id": "a", "object": "model", "created": 1767225600, "owned_by": "lab"}]},
}  # fmt: skip


def test_models_are_listed_in_the_shape_of_the_clients_wire(stage: Stage, proxy: Mitm) -> None:
    with ExitStack() as stack:
        stage.script = table({"/v1/models": lambda _, reply: reply.json(200, LISTS["chat"])})
        claude = stack.enter_context(anthropic_sdk(proxy.gateway, headers={"x-to": "chat"}))
        assert [one.id for one in claude.models.list()] == ["a"]
        stage.script = table({"/v1/models": lambda _, reply: reply.json(200, LISTS["messages"])})
        gpt = stack.enter_context(openai_sdk(f"{proxy.gateway}/v1", headers={"x-to": "messages"}))
        listed = gpt.models.list().data
        assert [(one.id, one.created) for one in listed] == [("a", 1767225600)]


def test_models_come_from_the_catalogue_where_the_provider_has_none(stage: Stage, proxy: Mitm) -> None:
    stage.script = table({})
    with anthropic_sdk(proxy.gateway, headers={"x-to": "chat"}) as claude:
        assert "big" in [one.id for one in claude.models.list()]
    with openai_sdk(f"{proxy.gateway}/v1") as gpt:  # no route takes this request
        assert "nick" in [one.id for one in gpt.models.list()]
        assert gpt.models.retrieve("big").id == "big"
        with pytest.raises(openai.NotFoundError):
            gpt.models.retrieve("nobody-has-it")


def test_an_error_of_a_list_is_one_of_the_clients_wire(stage: Stage, proxy: Mitm) -> None:
    stage.script = lambda _, reply: reply.json(401, {"error": {"message": "no such key", "code": "invalid_api_key"}})
    with (
        anthropic_sdk(proxy.gateway, headers={"x-to": "chat"}) as claude,
        pytest.raises(anthropic.AuthenticationError, match="no such key"),
    ):
        claude.models.list()


def test_without_mending_it_is_translated_all_the_same(stage: Stage, upstream: Upstream) -> None:
    stage.script = chat_stream(ANSWER)
    with Mitm(f"mend: off\n{RULES.format(url=upstream.url)}") as quiet:
        status, _, body = ask(quiet, "messages", "chat")
        assert status == 200
        assert b"message_stop" in body
        stage.script = lambda _, reply: reply.json(429, REFUSED["chat"])
        status, _, body = ask(quiet, "messages", "chat")
        assert (status, json.loads(body)["type"]) == (429, "error")


# -- what is remembered of it


@pytest.mark.parametrize(("client", "wire"), WAYS)
def test_it_replays_from_its_capture_in_any_cuts(stage: Stage, upstream: Upstream, client: str, wire: str) -> None:
    stage.script = STREAMS[wire](Answer(model="m", text="", tool=("sh", {"command": "ls"})))
    rules = RULES.format(url=upstream.url)
    with Mitm(rules) as proxy:
        status, _, body = ask(proxy, client, wire)
        (capture,) = proxy.wait_captures(1)
    assert status == 200
    assert capture.answer is not None
    assert capture.answer.body.data == body
    assert (capture.wire, capture.upstream_wire, capture.translated) == (client, wire, True)
    today = Today(rules, "rules.yaml")
    for cuts in CUTS:
        assert compare(capture, replay(capture, today, cuts)) == []


def test_an_error_event_before_all_else_has_a_status(stage: Stage, proxy: Mitm) -> None:
    event = sse({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}, "error")
    stage.script = lambda _, reply: reply.events([event])
    status, _, body = ask(proxy, "chat", "messages")
    assert status == 503
    assert "busy" in json.loads(body)["error"]["message"]
