"""A router model is asked over a socket: what it may answer, what may go wrong, and who pays."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from mitmproxy.test import taddons

from tests.lab import Answer
from tests.lab.replies import chat_body, chat_events, messages_body
from tests.mitm.asking_kit import KEY, OWN, Room, refuses, request, router, says
from wiremend.headers import Headers
from wiremend.mitm.asking import CLIENT, ROUTE, ask
from wiremend.mitm.outbound import MOST
from wiremend.rules.facts import Picked
from wiremend.rules.load import load_rules

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.lab import Reply, Request, Script
    from wiremend.pipeline.outcome import ClientRequest


# -- what is sent


def test_it_is_asked_as_the_rules_of_its_provider_say() -> None:
    with router(says("code_review", input_tokens=41, output_tokens=3)) as up:
        asked = Room(up.url).ask()
        sent = up.wait_for(1)[0]
    assert asked.picked == Picked("asked", "code_review")
    assert asked.failed is None
    assert asked.what.startswith("small/judge-1 was asked which preference fits: 'code_review', in ")
    assert asked.what.endswith("41 tokens in, 3 out")
    assert (sent.method, sent.target) == ("POST", "/v1/chat/completions")
    assert (sent.get("authorization"), sent.get("x-team")) == (f"Bearer {KEY}", "lab")
    assert sent.get("user-agent") == "claude-cli/2.1.197"
    body = sent.json()
    assert (body["model"], body["user"], body["stream"]) == ("judge-1", "router", False)
    assert "is this diff sound?" in body["messages"][1]["content"]


def test_it_has_a_row_of_its_own() -> None:
    with router(says("none", input_tokens=41, output_tokens=3)) as up:
        row = Room(up.url).ask(request((("x-agent-id", "planner"),))).row
    assert row is not None
    assert (row.id, row.client, row.agent, row.route) == ("flow-1-router", CLIENT, "planner", ROUTE)
    assert (row.provider, row.model, row.wire, row.status) == ("small", "judge-1", "chat", 200)
    assert (row.input_tokens, row.output_tokens, row.error) == (41, 3, None)
    assert [(one.provider, one.status, one.trouble) for one in row.attempts] == [("small", 200, None)]


def test_none_is_an_answer() -> None:
    with router(says("none")) as up:
        asked = Room(up.url).ask()
    assert (asked.picked, asked.failed) == (Picked("asked", ""), None)
    assert "'none'" in asked.what


def test_a_coded_answer_is_read() -> None:
    body = gzip.compress(json.dumps(chat_body(Answer("creative_writing"))).encode())
    with router(lambda _, reply: reply.body(200, [("content-encoding", "gzip")], body)) as up:
        assert Room(up.url).ask().picked == Picked("asked", "creative_writing")


def test_an_answer_may_be_long() -> None:
    plain, coded = padded(MOST), gzip.compress(padded(MOST))
    with router(lambda _, reply: reply.body(200, [], plain)) as up:
        assert Room(up.url).ask().picked == Picked("asked", "code_review")
    with router(lambda _, reply: reply.body(200, [("content-encoding", "gzip")], coded)) as up:
        assert Room(up.url).ask().picked == Picked("asked", "code_review")


def test_an_answer_may_end_with_its_connection() -> None:
    def script(_: Request, reply: Reply) -> None:
        reply.head(200, [("connection", "close")])
        reply.send(json.dumps(chat_body(Answer("code_review"))).encode())
        reply.cut()

    with router(script) as up:
        assert Room(up.url).ask().picked == Picked("asked", "code_review")


# -- who pays (G11)


def test_the_clients_own_key_stays_home() -> None:
    own = (("x-api-key", OWN), ("authorization", f"Bearer {OWN}"), ("cookie", "a=b"), ("x-secret", OWN))
    with router(says("code_review")) as up:
        Room(up.url).ask(request(own, "api.anthropic.com"))
        Room(up.url, key="client").ask(request(own, "api.anthropic.com"))
        first, second = up.wait_for(2)
    assert OWN not in str(first.headers)
    assert first.get("authorization") == f"Bearer {KEY}"
    assert second.get("authorization") == f"Bearer {OWN}", "the file says so"
    assert (second.get("x-api-key"), second.get("cookie"), second.get("x-secret")) == (None, None, None)


def test_a_stranger_gets_no_key_where_none_is_named() -> None:
    with router(says("code_review")) as up:
        room = Room(up.url)
        room.rules = room.rules.replace("key: $ROUTER_KEY, ", "")
        room.ask(request((("x-api-key", OWN),), "api.anthropic.com"))
        sent = up.wait_for(1)[0]
    assert OWN not in str(sent.headers)


def test_without_a_credential_nothing_is_sent() -> None:
    with router(says("code_review")) as up:
        room = Room(up.url, key="[client, $ROUTER_KEY]")
        room.environ = {}
        asked = room.ask()
        assert up.requests == []
    assert asked.picked is None
    assert asked.row is None, "nothing was paid"
    assert "no credential for 'small'" in str(asked.failed)


# -- what may be wrong with an answer


def _redirect(_: Request, reply: Reply) -> None:
    reply.body(307, [("location", "http://127.0.0.1:9/v1/chat/completions")], b"")


def _reset(_: Request, reply: Reply) -> None:
    reply.abort()


def _half(_: Request, reply: Reply) -> None:
    reply.head(200, [("content-length", "500")])
    reply.send(b'{"choices":')
    reply.cut()


def _no_http(_: Request, reply: Reply) -> None:
    reply.raw(b"220 mail.invalid ESMTP\r\n")
    reply.cut()


def _long_head(_: Request, reply: Reply) -> None:
    reply.head(200, [(f"x-{number}", "x" * 4000) for number in range(100)])
    reply.end()


def _huge(_: Request, reply: Reply) -> None:
    reply.head(200, [("content-type", "application/json")])
    while True:
        reply.send(b" " * 65536)


def padded(size: int) -> bytes:
    """Give a right answer of so many bytes."""
    body = json.dumps(chat_body(Answer("code_review"))).encode()
    return body + b" " * (size - len(body))


def _long(_: Request, reply: Reply) -> None:
    reply.body(200, [], padded(MOST + 1))


def _bomb(_: Request, reply: Reply) -> None:
    reply.body(200, [("content-encoding", "gzip")], gzip.compress(padded(MOST + 1)))


def _events(_: Request, reply: Reply) -> None:
    reply.events(chat_events(Answer("code_review")))


FAILURES: dict[str, tuple[Script, str]] = {
    "400": (refuses(400), "it answered 400"),
    "401": (refuses(401), "it answered 401"),
    "429": (refuses(429), "it answered 429"),
    "500": (refuses(500), "it answered 500"),
    "redirect": (_redirect, "it answered 307"),
    "reset": (_reset, "the connection was reset"),
    "half": (_half, "the connection broke, or what came back is no HTTP"),
    "no HTTP": (_no_http, "the connection broke, or what came back is no HTTP"),
    "long head": (_long_head, "the connection broke, or what came back is no HTTP"),
    "huge": (_huge, "its answer is over 256 KiB"),
    "long": (_long, "its answer is over 256 KiB"),
    "bomb": (_bomb, "its answer is none of the chat wire"),
    "events": (_events, "its answer is none of the chat wire"),
    "html": (lambda _, reply: reply.body(200, [], b"<html>hello</html>"), "its answer is none of the chat wire"),
    "empty": (lambda _, reply: reply.body(200, [], b""), "its answer is none of the chat wire"),
    "other wire": (
        lambda _, reply: reply.json(200, messages_body(Answer("code_review"))),
        "its answer is none of the chat wire",
    ),
    "garbage": (says("As a model I like both."), "its answer names none of the preferences, or several"),
    "both": (says("code_review, creative_writing"), "its answer names none of the preferences, or several"),
    "nothing": (says(""), "its answer is none of the chat wire"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_what_goes_wrong_is_told_and_goes_on(name: str) -> None:
    script, why = FAILURES[name]
    with router(script) as up:
        asked = Room(up.url).ask(request((("authorization", f"Bearer {OWN}"),)))
        assert len(up.wait_for(1)) == 1, "it is asked once"
    assert asked.picked is None
    assert asked.failed == why
    assert asked.row is not None
    assert asked.row.error is not None
    told = f"{asked} {asked.row}"
    assert KEY not in told, "G8: a provider may repeat the key"
    assert OWN not in told


def test_what_the_model_said_instead_is_shown_in_short() -> None:
    with router(says("As a model " + KEY + " I like both. " * 100)) as up:
        what = Room(up.url).ask().what
    assert "and said 'As a model " in what
    assert KEY not in what
    assert len(what) < 250


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    asked = Room(f"http://127.0.0.1:{port}").ask()
    assert (asked.picked, asked.failed) == (None, "the connection was refused")
    assert asked.row is not None
    assert (asked.row.status, asked.row.attempts[0].trouble) == (None, "connection")


# -- the edges


@pytest.mark.parametrize(
    "change",
    (
        lambda one: replace(one, body=b"\xff\xfe"),
        lambda one: replace(one, headers=Headers((("user-agent", "a\r\nb: c"),))),
        lambda one: replace(one, headers=one.headers.with_set("user-agent", "caf\udce9")),
        lambda one: replace(one, target="/"),
    ),
    ids=["body", "line end", "latin", "target"],
)
def test_whatever_the_client_sent_nothing_is_raised(change: Callable[[ClientRequest], ClientRequest]) -> None:
    with router(says("code_review")) as up:
        resolved = load_rules(Room(up.url).rules, "rules.yaml", {"ROUTER_KEY": KEY}).resolved
        preferences = resolved.rules.preferences
        assert preferences is not None
        with taddons.context():
            asked = asyncio.run(ask(change(request()), ("x",), preferences, resolved, "flow-1"))
        smuggled = [one for one in up.requests if one.get("b") is not None]
    assert asked.picked in {None, Picked("asked", "code_review")}
    assert smuggled == []


def test_a_bug_of_ours_is_no_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError(KEY)

    monkeypatch.setattr("wiremend.mitm.asking.rewrite", broken)
    asked = Room("http://127.0.0.1:9").ask()
    assert (asked.picked, asked.failed) == (None, "Wiremend failed to ask it (RuntimeError)")
