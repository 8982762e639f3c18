"""A translated exchange, explained: its reply is read on the wire that it came on, and what was lost is told.

The exchanges are made here, of the lab's replies, and recorded by replaying them with the rules of the test.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.explain.diagnose_kit import as_answered
from tests.lab.replies import (
    Answer,
    chat_body,
    chat_events,
    messages_body,
    messages_events,
    responses_body,
    responses_events,
)
from wiremend.captures.capture import Attempt, Body, Capture, Inputs, Request, Response
from wiremend.cli.captures_read import Picked, row_of
from wiremend.explain.diagnose import diagnose
from wiremend.explain.diagnose_text import lines
from wiremend.explain.reply import reply_of
from wiremend.explain.veil import Veil
from wiremend.headers import Headers
from wiremend.replay.against import changes
from wiremend.replay.compare import compare
from wiremend.replay.rules import Today
from wiremend.replay.run import replay

if TYPE_CHECKING:
    from wiremend.explain.diagnose_model import Diagnosis
    from wiremend.protocols.base import WireName

PATHS: Final[dict[WireName, str]] = {
    "messages": "/v1/messages",
    "chat": "/v1/chat/completions",
    "responses": "/v1/responses",
}
EVENTS: Final = {"messages": messages_events, "chat": chat_events, "responses": responses_events}
BODIES: Final = {"messages": messages_body, "chat": chat_body, "responses": responses_body}
WAYS: Final = [(client, upstream) for client in PATHS for upstream in PATHS if client != upstream]
ANSWER: Final = Answer("one two three", model="m", tool=("sh", {"command": "ls"}))
LOSSY: Final[dict[str, Any]] = {"context_management": {"edits": [{"type": "clear_thinking"}]}, "top_k": 5}


RULES: Final = "providers:\n  lab: {{base_url: 'http://lab.example/v1', speaks: [{wire}], key: client}}\ndefault: lab\n"


def rules(wire: WireName) -> Today:
    return Today(RULES.format(wire=wire), "rules.yaml")


def body(client: str, *, stream: bool, **more: object) -> bytes:
    asked = (
        {"input": "hi"} if client == "responses" else {"max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    )
    return json.dumps({"model": "m", "stream": stream, **asked, **more}).encode()


def exchange(
    client: WireName,
    wire: WireName,
    reply: bytes | list[bytes],
    *,
    status: int = 200,
    error: str | None = None,
    **more: object,
) -> tuple[Capture, Today]:
    """Make an exchange: a list is a stream in these cuts, bytes are a whole body."""
    stream, today = isinstance(reply, list), rules(wire)
    data = b"".join(reply) if isinstance(reply, list) else reply
    kind = "text/event-stream" if stream else "application/json"
    came = Response(status, "", Headers((("content-type", kind),)), Body(data))
    head = Headers((("content-type", "application/json"), ("authorization", "Bearer sk-FAKEFAKEFAKEFAKE01")))
    asked = Request("POST", "http", None, 80, PATHS[client], head, body(client, stream=stream, **more))
    capture = Capture(
        id="1" * 8, began=1.0, request=asked, client=None, wire=client, model="m", inputs=Inputs(seed="s", now=1),
        attempts=(Attempt(asked, came, error),),
    )  # fmt: skip
    return as_answered(capture, today), today


def told(found: Diagnosis) -> str:
    return "\n".join("".join(text for text, _ in line) for line in lines(found, 100))


@pytest.mark.parametrize("whole", (False, True), ids=("stream", "whole"))
@pytest.mark.parametrize(("client", "wire"), WAYS)
def test_nothing_is_wrong_with_a_good_one(client: WireName, wire: WireName, *, whole: bool) -> None:
    came = json.dumps(BODIES[wire](ANSWER)).encode() if whole else EVENTS[wire](ANSWER)
    capture, today = exchange(client, wire, came)
    assert capture.translated
    found = diagnose(capture, today)
    assert (found.problem, found.summary, found.causes) == (False, "nothing is wrong", ())
    assert {one.outcome for one in found.verdicts} == {"accepts"}
    assert {one.side for one in found.verdicts} == {"client"}
    assert "of what the client got" in told(found)
    assert "of the provider's reply" not in told(found)


def test_what_was_lost_is_counted() -> None:
    capture, today = exchange("messages", "responses", EVENTS["responses"](ANSWER), **LOSSY)
    found = diagnose(capture, today)
    assert not found.problem
    assert found.summary == "nothing is wrong for the client; 2 things it asked for had no place on the responses wire"


@pytest.mark.parametrize("whole", (False, True), ids=("stream", "whole"))
@pytest.mark.parametrize("answers", ("messages", "chat", "responses"))
@pytest.mark.parametrize(("client", "wire"), WAYS)
def test_a_provider_that_answers_on_another_wire_is_named(
    client: WireName, wire: WireName, answers: WireName, *, whole: bool
) -> None:
    if answers == wire:
        return
    came = json.dumps(BODIES[answers](ANSWER)).encode() if whole else EVENTS[answers](ANSWER)
    capture, today = exchange(client, wire, came)
    found = diagnose(capture, today, RULES.format(wire=wire))
    assert found.summary == f"lab answers on the {answers} wire, and was asked on the {wire} wire"
    assert len(found.causes) == 1
    assert found.patch is not None
    assert f"+  lab: {{base_url: 'http://lab.example/v1', speaks: [{answers}], key: client}}" in found.patch.diff


def test_an_error_is_not_taken_for_another_wire() -> None:
    """A chat error under a status of success is no answer of the chat wire."""
    event = b'data: {"error":{"message":"no","type":"server_error","param":null,"code":null}}\n\n'
    capture, today = exchange("chat", "messages", [event, b"data: [DONE]\n\n"])
    found = diagnose(capture, today, RULES.format(wire="messages"))
    assert found.problem
    assert "answers on" not in told(found)


@pytest.mark.parametrize(("client", "wire"), WAYS)
def test_an_error_is_read_on_the_wire_that_it_came_on(client: WireName, wire: WireName) -> None:
    error: dict[str, Any] = {"type": "rate_limit_error", "message": "slow down"}
    whole = (
        {"type": "error", "error": error} if wire == "messages" else {"error": error | {"param": None, "code": None}}
    )
    capture, today = exchange(client, wire, json.dumps(whole).encode(), status=429)
    found = diagnose(capture, today)
    assert found.summary == "The provider limits the rate (lab)"
    assert [cause.where for cause in found.causes] == ["error"]


@pytest.mark.parametrize(("client", "wire"), WAYS)
def test_a_cut_is_one_of_the_connection(client: WireName, wire: WireName) -> None:
    capture, today = exchange(client, wire, EVENTS[wire](ANSWER)[:-3], error="peer closed connection")
    found = diagnose(capture, today)
    assert found.problem
    assert found.summary.startswith("The provider broke its reply off in the middle")


@pytest.mark.parametrize(("client", "wire"), WAYS)
def test_tokens_are_those_that_the_provider_told(client: WireName, wire: WireName) -> None:
    """A chat client that did not ask for usage gets none, and it is known all the same."""
    capture, _ = exchange(client, wire, EVENTS[wire](ANSWER))
    row = row_of(Picked(Path("x.flows"), 1, capture))
    assert (row.input_tokens, row.output_tokens) == (11, 7)


def test_of_a_cut_no_zeros_are_told() -> None:
    """The messages wire demands numbers where nobody told any."""
    capture, _ = exchange("messages", "chat", EVENTS["chat"](ANSWER)[:-3], error="peer closed connection")
    row = row_of(Picked(Path("x.flows"), 1, capture))
    assert (row.input_tokens, row.output_tokens) == (None, None)


# -- rules that choose another wire than the one that was recorded


def test_what_comes_on_another_wire_is_not_known() -> None:
    capture, _ = exchange("messages", "chat", EVENTS["chat"](ANSWER))
    other = rules("responses")
    assert replay(capture, other).answer is None
    veil = Veil(capture.request.headers, capture.request.target, other.for_capture(capture.inputs))
    reply = reply_of(capture, other, veil)
    assert reply is not None
    assert reply.given == "not known: this reply is of the chat wire, and today's rules ask on the responses wire"
    assert (reply.given_status, reply.as_recorded) == (None, None)


def test_a_change_of_the_wire_is_two_differences() -> None:
    """The body is another document from end to end, and the reply is none of the new wire."""
    capture, chat = exchange("messages", "chat", EVENTS["chat"](ANSWER))
    other = rules("responses")
    found = compare(capture, replay(capture, other))
    assert [(one.part, one.where, one.expected, one.got) for one in found] == [
        ("decision", "wire", "chat", "responses"),
        ("upstream", "url", "http://lab.example/v1/chat/completions", "http://lab.example/v1/responses"),
    ]
    assert all(one.cause for one in found)
    against = changes(capture, replay(capture, chat), replay(capture, other))
    assert ("decision", "wire") in {(one.part, one.where) for one in against}
    assert not [one for one in against if one.part in {"answer", "notes"}]


def test_a_case_that_does_not_say_its_wire_is_compared_as_ever() -> None:
    capture, today = exchange("messages", "chat", EVENTS["chat"](ANSWER))
    (attempt,) = capture.attempts
    silent = replace(capture, attempts=(replace(attempt, decision={}),))
    assert replay(silent, today).answer is not None
    assert compare(silent, replay(silent, today)) == []
