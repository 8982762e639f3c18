"""Laws of whole replies: any body under any status becomes what the client's wire has, a reply, a stream or an error.

Nothing raises (G7), an error is never told as a success nor the other way round, and what is legal, an error included,
leaves as the very object that came (G1).
"""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.lab import replies
from tests.pipeline.kit import JUNK, LEGAL, NAMES, SAMPLES, anything, context, faults, mended, succeeds, working
from tests.wire import cuttings
from wiremend.pipeline.whole import replied, whole
from wiremend.protocols.wires import CHECKS

if TYPE_CHECKING:
    from wiremend.pipeline.context import Context
    from wiremend.pipeline.whole import Answer
    from wiremend.protocols.base import WireName

each_wire = pytest.mark.parametrize("name", NAMES)
ANSWER = replies.Answer("one two", tool=("bash", {"command": "ls"}))
BODIES: dict[str, Any] = {
    "messages": replies.messages_body(ANSWER),
    "chat": replies.chat_body(ANSWER),
    "responses": replies.responses_body(ANSWER),
}
KINDS = st.sampled_from((None, "", "application/json", "text/event-stream; charset=utf-8", "text/html", "text/plain"))
STATUSES = st.sampled_from((200, 200, 200, 201, 204, 301, 400, 401, 402, 403, 404, 413, 422, 429, 500, 502, 503, 529))
VALUES: st.SearchStrategy[Any] = st.sampled_from(
    (None, "", "x", 0, -1, 1.5, True, [], {}, [None], [{}], {"type": "text"}, "\ud800", 10**30)
)
ERRORS = st.sampled_from(
    (
        b'{"error":{"message":"slow down","type":"rate_limit_error","code":429}}',
        b'{"error":"a text"}',
        b'{"detail":[{"loc":["body"],"msg":"no"}]}',
        b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}',
        b'[{"error":{"code":400,"message":"no","status":"INVALID_ARGUMENT"}}]',
        b'{"base_resp":{"status_code":1008,"status_msg":"insufficient balance"}}',
        b'{"code":1302,"message":"busy"}',
        b"<html><title>502 Bad Gateway</title></html>",
        b"upstream connect error",
        b"",
        b"null",
        b"[]",
        b"\xff\xfe",
        b"[" * 5000,
        b'{"a":' + b"9" * 5000 + b"}",
    )
)


@st.composite
def damaged(draw: st.DrawFn, name: str) -> bytes:
    """Draw a legal body of a wire to which a few things were done."""
    body = json.loads(json.dumps(BODIES[name]))
    for _ in range(draw(st.integers(0, 3))):
        *path, last = draw(st.sampled_from(places(body)))
        at: Any = body
        for step in path:
            at = at[step]
        if draw(st.booleans()):
            at[last] = draw(VALUES)
        else:
            del at[last]
        if not places(body):
            break
    return json.dumps(body).encode()


def places(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Give the path of every value inside."""
    items: list[Any] = list(value.items()) if isinstance(value, dict) else []
    items = list(enumerate(value)) if isinstance(value, list) else items
    return [found for key, inner in items for found in ((*path, key), *places(inner, (*path, key)))]


def bodies(name: str) -> st.SearchStrategy[bytes]:
    """Give bodies of all kinds, streams among them."""
    return damaged(name) | damaged(name) | ERRORS | anything(name) | st.sampled_from(NAMES).flatmap(LEGAL.__getitem__)


def assert_lawful(name: WireName, of: Context, answer: Answer) -> None:
    """See to it that an answer is a reply, a stream or an error of its wire, and says itself which."""
    if answer.content_type == "text/event-stream":
        assert of.stream
        assert answer.status < 400
        assert faults(name, answer.body) == []
        assert succeeds(name, answer.body) == (answer.failure is None)
    elif answer.failure is not None:
        assert answer.status >= 400
        assert is_error(name, json.loads(answer.body))
    else:
        assert answer.status < 400
        assert CHECKS[name](answer.body) == []
        assert not of.stream


def is_error(name: WireName, body: Any) -> bool:  # noqa: ANN401 - JSON
    """Tell whether a body is the error object of a wire, as its vendor documents it."""
    error = body["error"]
    assert isinstance(error["type"], str)
    assert isinstance(error["message"], str)
    assert error["message"].strip()
    if name == "messages":
        kind = error["type"]
        return bool(body["type"] == "error" and (kind.endswith("_error") or kind == "request_too_large"))
    return bool({"param", "code"} <= error.keys() and isinstance(error["code"], str | None))


@each_wire
@settings(max_examples=150)
@given(st.data())
def test_any_body_under_any_status_becomes_what_the_wire_has(name: WireName, data: st.DataObject) -> None:
    raw = data.draw(bodies(name))
    quirks = data.draw(st.sampled_from(([], working(name))))
    of = context(name, quirks=quirks, stream=data.draw(st.booleans()))
    status, kind = data.draw(STATUSES), data.draw(KINDS)
    assert_lawful(name, of, whole(of, status, raw, kind, of.wire.tally()))


@each_wire
@settings(max_examples=60)
@given(st.data())
def test_a_reply_in_chunks_is_lawful_and_cuts_do_not_matter(name: WireName, data: st.DataObject) -> None:
    raw = data.draw(bodies(name))
    of = context(name, quirks=data.draw(st.sampled_from(([], working(name)))), stream=data.draw(st.booleans()))
    status, kind = data.draw(STATUSES), data.draw(KINDS)
    answer = replied(of, status, kind, [raw])
    assert_lawful(name, of, answer)
    again = replied(of, status, kind, data.draw(cuttings(raw)))
    assert (again.status, again.content_type, again.body) == (answer.status, answer.content_type, answer.body)


@each_wire
@settings(max_examples=60)
@given(st.data())
def test_what_is_only_watched_leaves_as_it_came(name: WireName, data: st.DataObject) -> None:
    raw, status, kind = data.draw(bodies(name)), data.draw(STATUSES), data.draw(KINDS)
    of = context(name, quirks=working(name), mend=False, stream=data.draw(st.booleans()))
    answer = whole(of, status, raw, kind, of.wire.tally())
    assert (answer.status, answer.body, answer.content_type) == (status, raw, None)
    assert {note.kind for note in answer.notes} <= {"seen"}


@each_wire
@pytest.mark.parametrize("indent", (None, 1))
def test_a_legal_body_leaves_as_the_object_that_came(name: WireName, indent: int | None) -> None:
    raw = json.dumps(BODIES[name], indent=indent).encode()
    of = context(name, quirks=working(name), stream=False)
    answer = whole(of, 200, raw, "application/json", of.wire.tally())
    assert answer.body is raw
    assert (answer.content_type, answer.notes) == (None, ())


@each_wire
def test_a_body_made_a_stream_and_a_body_again_says_the_same(name: WireName) -> None:
    raw = json.dumps(BODIES[name]).encode()
    there = one_form(name, raw, stream=True)
    assert there != raw
    assert _answer(name, json.loads(one_form(name, there, stream=False))) == _answer(name, BODIES[name])


@each_wire
def test_a_stream_made_a_body_says_what_the_body_of_the_same_answer_does(name: WireName) -> None:
    made = one_form(name, b"".join(SAMPLES[name]), stream=False)
    assert _answer(name, json.loads(made)) == _answer(name, BODIES[name])


def one_form(name: WireName, raw: bytes, *, stream: bool) -> bytes:
    """Give the answer in the form that the client asked for."""
    of = context(name, stream=stream)
    answer = whole(of, 200, raw, None, of.wire.tally())
    assert_lawful(name, of, answer)
    assert answer.failure is None
    return answer.body


def _answer(name: WireName, body: Any) -> Any:  # noqa: ANN401 - JSON
    """Give what a whole body answers."""
    match name:
        case "messages":
            return body["content"], body["stop_reason"], body["usage"]
        case "chat":
            (choice,) = body["choices"]
            calls = [(call["id"], call["function"]) for call in choice["message"]["tool_calls"]]
            return choice["message"]["content"], calls, choice["finish_reason"], body["usage"]
        case _:
            return body["output"], body["status"], body["usage"]


@each_wire
@pytest.mark.parametrize(
    ("stream", "came"),
    ((False, "body"), (False, "stream"), (True, "body"), (True, "stream")),
)
def test_an_alias_comes_back_in_every_form(name: WireName, stream: bool, came: str) -> None:  # noqa: FBT001 - a column
    raw = json.dumps(BODIES[name]).encode() if came == "body" else b"".join(SAMPLES[name])
    of = context(name, name="alias", stream=stream)
    answer = whole(of, 200, raw, None, of.wire.tally())
    assert b'"lab-model"' not in answer.body
    assert b'"alias"' in answer.body


@each_wire
@settings(max_examples=40)
@given(st.data())
def test_a_part_of_a_body_is_never_a_success(name: WireName, data: st.DataObject) -> None:
    raw = json.dumps(BODIES[name]).encode()
    part = raw[: data.draw(st.integers(0, len(raw) - 1))]
    of = context(name, stream=data.draw(st.booleans()))
    answer = whole(of, 200, part, "application/json", of.wire.tally())
    assert answer.failure is not None
    assert_lawful(name, of, answer)


class Bug(Exception):  # noqa: N818 - what it stands for is no error of any kind that we know
    """A bug of ours."""


def raises(*_: object) -> Any:  # noqa: ANN401 - it gives nothing
    raise Bug


def _ruins(document: dict[str, Any], *_: object) -> None:
    document.clear()
    raise Bug


@each_wire
@pytest.mark.parametrize(
    "parts",
    (
        {"reply": raises},
        {"reply": _ruins},
        {"recorder": lambda *_: SimpleNamespace(body=raises, close=lambda: None)},
        {"recorder": lambda *_: SimpleNamespace(body=lambda _: None, close=raises)},
    ),
    ids=("reply", "reply, half done", "recorder", "recorder's close"),
)
def test_a_quirk_that_fails_takes_nothing_from_the_client(name: WireName, parts: dict[str, Any]) -> None:
    broken: Any = SimpleNamespace(**{"name": "of-the-test", "step": None, "reply": None, "recorder": None, **parts})
    raw = json.dumps(BODIES[name]).encode()
    of = context(name, quirks=[broken], stream=False)
    answer = whole(of, 200, raw, "application/json", of.wire.tally())
    assert answer.body == raw
    assert {note.kind for note in answer.notes} <= {"failed"}


@settings(max_examples=30)
@given(JUNK, STATUSES)
def test_junk_is_told_in_words(junk: bytes, status: int) -> None:
    of = context("chat", stream=False)
    answer = whole(of, status, junk, None, of.wire.tally())
    _, stream = mended(context("chat"), [junk])
    assert answer.failure is not None or stream.failure is None
