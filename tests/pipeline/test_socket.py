"""The messages of a WebSocket, both ways: what passes is the very object, what does not is what HTTP would have had.

Events are judged by the official SDK's own union of what a server may say on a WebSocket.
"""

from __future__ import annotations

import json
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai._models import construct_type  # what the SDK's own connection reads messages with
from openai.types.responses import ResponsesServerEvent
from openai.types.responses.responses_server_event import ResponseWsError
from pydantic import TypeAdapter

from tests.lab.replies import Answer, responses_events
from tests.rules.kit import OPENAI, bearer, request, resolved
from wiremend.pipeline.outcome import Rewritten
from wiremend.pipeline.request import rewrite
from wiremend.pipeline.socket import Socket
from wiremend.pipeline.upgrade import rules_for, upgrade_refused
from wiremend.quirks.memory import Memory
from wiremend.sse import EventParser

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wiremend.rules.resolve import Resolved

ERROR: TypeAdapter[ResponseWsError] = TypeAdapter(ResponseWsError)
SECRET = "sk-FAKE-lab-0123456789"
CODEX = "codex_exec/0.169.0 (Linux)"
LAB = "lab: {base_url: 'https://lab.example/v1', key: $LAB_KEY, websocket: true}"
PLAIN = f"providers: {{{LAB}}}\ndefault: lab\n"
ASK = b'{"type":"response.create", "model":"m","store":false,"input":[]}'


@cache
def ruled(text: str) -> Resolved:
    return resolved(text, {"LAB_KEY": SECRET, "DEEPSEEK_API_KEY": "sk-FAKE-deepseek-0001"})


def opened(text: str = PLAIN, *, headers: dict[str, str] | None = None, memory: Memory | None = None) -> Socket:
    """Open a socket at the gateway."""
    rules = ruled(text)
    sent = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Key": "x", **bearer(OPENAI)}
    asking = request(target="/v1/responses", method="GET", body=b"", headers=sent | (headers or {}))
    assert upgrade_refused(asking, rules) is None
    outcome = rewrite(asking, rules_for(asking, rules))
    assert isinstance(outcome, Rewritten)
    return Socket(outcome, rules, memory or Memory(), seed="seed", flow="f10f10f1")


def events(ident: str = "resp_1", lane: str | None = None, answer: Answer | None = None) -> list[bytes]:
    """Give the messages of a sound response."""
    stream = b"".join(responses_events(answer or Answer("one two"))).replace(b"resp_lab1", ident.encode())
    found = [one.data for one in EventParser().feed(stream) if one.data is not None]
    if lane is None:
        return found
    return [json.dumps(json.loads(data) | {"stream_id": lane}).encode() for data in found]


def kinds(messages: Sequence[bytes]) -> list[str]:
    return [json.loads(message)["type"] for message in messages]


def sound(messages: Sequence[bytes]) -> list[Any]:
    """Let the SDK read messages, as its connection does; an error must have all that its type asks for."""
    known: Any = ResponsesServerEvent
    found: list[Any] = [construct_type(type_=known, value=json.loads(message)) for message in messages]
    for message, one in zip(messages, found, strict=True):
        assert type(one).__name__.startswith("Response"), message
        if one.type == "error":
            ERROR.validate_json(message)
    return found


def through(socket: Socket, messages: Sequence[bytes], now: float = 2.0) -> list[bytes]:
    return [given for message in messages for given in socket.from_server(message, now)]


# --- what passes ------------------------------------------------------------------------------------------------------


def test_two_responses_follow_one_another_and_every_byte_is_the_same() -> None:
    socket = opened()
    for number, ident in enumerate(("resp_1", "resp_2"), 1):
        ask = ASK if number == 1 else ASK.replace(b'"m"', b'"m","previous_response_id":"resp_1"')
        assert socket.from_client(ask, float(number)).to_server is ask
        for message in events(ident):
            (given,) = socket.from_server(message, number + 0.5)
            assert given is message
    first, second = socket.over
    assert [turn.ident for turn in socket.over] == ["resp_1", "resp_2"]
    assert (first.began, first.first, second.began, second.first) == (1.0, 1.5, 2.0, 2.5)
    assert first.tally is not None
    assert (first.tally.input_tokens, first.tally.output_tokens) == (11, 7)
    assert [(turn.status, turn.error, turn.notes) for turn in socket.over] == [(None, None, [])] * 2


@pytest.mark.parametrize(
    "message",
    (
        b'{"type":"response.steer","previous_response_id":"resp_1","input":"no, the other"}',
        b'{"type":"response.processed","response_id":"resp_1"}',
        b'{"type":"session.update"}',
        b'{"type":1}',
        b"[]",
        b"no json",
        b"",
    ),
)
def test_what_else_a_client_says_passes(message: bytes) -> None:
    given = opened().from_client(message, 1.0)
    assert given.to_server is message
    assert given.to_client == ()


LIMITS = b'{"type":"codex.rate_limits","rate_limits":{"primary":{"used_percent":1}}}'
STEERED = b'{"type":"response.steer.accepted","sequence_number":9,"steer":{"id":"s","previous_response_id":"resp_1"}}'
DONE = b'{"type":"response.done","response":{"id":"resp_1"}}'


@pytest.mark.parametrize("message", (LIMITS, STEERED, DONE, b"no json", b"[]"))
def test_what_belongs_to_no_response_passes_between_them(message: bytes) -> None:
    socket = opened()
    assert socket.from_server(message, 1.0)[0] is message
    socket.from_client(ASK, 1.0)
    through(socket, events())
    (given,) = socket.from_server(message, 3.0)
    assert given is message
    assert socket.over[0].notes == []


def test_limits_in_front_of_a_response_do_not_begin_it() -> None:
    """OpenAI sends ``codex.rate_limits`` first; the mender of a stream would put ``response.created`` before it."""
    socket = opened()
    socket.from_client(ASK, 1.0)
    messages = [LIMITS, *events()[:3], STEERED, *events()[3:]]
    assert through(socket, messages) == messages


def test_a_warm_up_is_a_response_without_output() -> None:
    """``generate: false`` gives an id to go on from, and no output (OpenAI's guide)."""
    socket = opened()
    ask = ASK.replace(b'"m"', b'"m","generate":false')
    assert socket.from_client(ask, 1.0).to_server is ask
    whole = json.loads(events()[-1])["response"] | {"output": []}
    begun = json.loads(events()[0])
    messages = [
        json.dumps(begun).encode(),
        json.dumps({"type": "response.completed", "sequence_number": 1, "response": whole}).encode(),
    ]
    assert through(socket, messages) == messages
    assert socket.over[0].error is None


# --- what is mended ---------------------------------------------------------------------------------------------------


def test_what_a_response_lacks_is_put_in_where_it_belongs() -> None:
    socket = opened()
    socket.from_client(ASK, 1.0)
    broken = [
        one for one in events() if kinds([one])[0] not in {"response.output_item.added", "response.content_part.added"}
    ]
    given = [list(socket.from_server(message, 2.0)) for message in broken]
    assert kinds(given[2]) == [
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
    ]
    assert [len(one) for one in given] == [1, 1, 3, *[1] * (len(broken) - 3)]
    flat = list(chain.from_iterable(given))
    assert kinds(flat) == kinds(events())
    sound(flat)
    assert {note.short for note in socket.over[0].notes} == {"responses.item.not-added", "responses.part.not-added"}


def test_with_mending_off_it_is_only_watched() -> None:
    socket = opened(f"mend: off\n{PLAIN}")
    socket.from_client(ASK, 1.0)
    broken = [*events()[3:], events()[-1], b'{"type":"error","error":{"message":"late"}}']
    assert [socket.from_server(message, 2.0)[0] is message for message in broken] == [True] * len(broken)
    assert {note.kind for note in socket.over[0].notes} == {"seen"}
    assert socket.notes == []
    socket.from_client(ASK, 3.0)
    assert socket.close() == []


def test_a_stream_that_cannot_be_mended_ends_and_the_rest_of_it_is_dropped() -> None:
    """Chat chunks where events of this wire should be; then the next request is answered as if nothing had been."""
    socket = opened()
    socket.from_client(ASK, 1.0)
    chunk = b'{"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"x"}}]}'
    given = through(socket, [*events()[:2], chunk, *events()[2:]])
    assert kinds(given)[-1] == "response.failed"
    assert kinds(given).count("response.failed") == 1
    sound(given)
    assert [note.short for note in socket.notes] == ["responses.stream.after-end"]
    assert socket.over[0].error
    socket.from_client(ASK, 3.0)
    assert through(socket, events("resp_2")) == events("resp_2")
    assert socket.over[1].error is None


def test_the_rest_of_it_is_not_taken_for_the_next_response() -> None:
    """Also where the next was asked for at once, before the provider has done with the one that had to be ended."""
    socket = opened()
    socket.from_client(ASK, 1.0)
    chunk = b'{"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"x"}}]}'
    assert kinds(through(socket, [*events()[:2], chunk]))[-1] == "response.failed"
    socket.from_client(ASK, 3.0)
    assert through(socket, [*events()[2:], *events("resp_2")]) == events("resp_2")
    assert [bool(turn.error) for turn in socket.over] == [True, False]


def test_a_second_end_is_dropped() -> None:
    socket = opened()
    socket.from_client(ASK, 1.0)
    assert through(socket, [*events(), events()[-1]]) == events()
    assert [note.kind for note in socket.notes] == ["lost"]


def test_a_response_that_begins_before_the_end_of_another_ends_it() -> None:
    socket = opened()
    socket.from_client(ASK, 1.0)
    socket.from_client(ASK, 1.0)
    given = through(socket, [*events("resp_1")[:5], *events("resp_2")])
    assert kinds(given) == [*kinds(events())[:5], "response.failed", *kinds(events())]
    assert sound(given)[5].response.id == "resp_1"
    assert [turn.ident for turn in socket.over] == ["resp_1", "resp_2"]
    assert [bool(turn.error) for turn in socket.over] == [True, False]


def test_a_steered_response_is_followed_by_another_that_nobody_asked_for() -> None:
    """``response.incomplete`` for ``steered``, and its successor by itself (OpenAI's types)."""
    socket = opened()
    socket.from_client(ASK, 1.0)
    last = json.loads(events("resp_1")[-1])
    last |= {"type": "response.incomplete"}
    last["response"] |= {"status": "incomplete", "incomplete_details": {"reason": "steered"}, "output": []}
    ended = json.dumps(last).encode()
    messages = [*events("resp_1")[:2], ended, *events("resp_2")]
    assert through(socket, messages) == messages
    assert [turn.ident for turn in socket.over] == ["resp_1", "resp_2"]
    broken = events("resp_3")[:2] + events("resp_3")[4:]  # and that one is mended as any
    assert kinds(through(socket, broken)) == kinds(events())


@given(st.lists(st.sampled_from("ab"), min_size=20, max_size=40))
def test_lanes_do_not_wait_for_each_other(order: list[str]) -> None:
    """``stream_id``: on a lane responses stand in the order of their requests."""
    socket = opened()
    rest = {name: events(f"resp_{name}", name) for name in "ab"}
    for name in "ab":
        socket.from_client(ASK.replace(b'"m"', b'"m","stream_id":"%s"' % name.encode()), 1.0)
    for name in [*order, *"a" * 20, *"b" * 20]:
        if rest[name]:
            message = rest[name].pop(0)
            assert socket.from_server(message, 2.0)[0] is message
    assert {turn.ident for turn in socket.over} == {"resp_a", "resp_b"}


def test_what_is_put_in_names_its_lane() -> None:
    socket = opened()
    socket.from_client(ASK.replace(b'"m"', b'"m","stream_id":"left"'), 1.0)
    messages = events(lane="left")
    given = through(socket, [*messages[:2], *messages[4:7]])
    given += socket.close()
    assert kinds(given) == [*kinds(messages[:7]), "response.failed"]
    assert {json.loads(message)["stream_id"] for message in given} == {"left"}
    assert {one.stream_id for one in sound(given)} == {"left"}


# --- errors -----------------------------------------------------------------------------------------------------------

LIMIT = (
    b'{"type":"error","status":429,"error":{"type":"usage_limit_reached","message":"The usage limit has been reached",'
    b'"plan_type":"pro"},"headers":{"x-codex-primary-used-percent":"100.0"}}'
)


def test_an_error_in_a_web_sockets_own_form_passes_and_ends_the_turn() -> None:
    """With its status and headers, by which Codex knows what to do (openai/codex, responses_websocket.rs)."""
    socket = opened()
    socket.from_client(ASK, 1.0)
    (given,) = socket.from_server(LIMIT, 2.0)
    assert given is LIMIT
    (turn,) = socket.over
    assert (turn.status, turn.error) == (429, "The usage limit has been reached")
    assert socket.close() == []
    socket.from_client(ASK, 3.0)
    assert through(socket, events()) == events()


@pytest.mark.parametrize(
    "error",
    (
        b'{"type":"error","code":"server_error","message":"it broke","sequence_number":4}',
        b'{"type":"error","error":{"type":"server_error","message":"it broke"},"sequence_number":4}',
    ),
)
@pytest.mark.parametrize("twice", (False, True))
def test_an_error_of_a_stream_becomes_a_failure_for_codex_waits_for_that(error: bytes, twice: bool) -> None:  # noqa: FBT001
    """OpenAI tells it twice: by ``error``, and by ``response.failed``."""
    socket = opened(headers={"User-Agent": CODEX})
    socket.from_client(ASK, 1.0)
    failed = b'{"type":"response.failed","sequence_number":5,"response":{"id":"resp_1","error":{"message":"it broke"}}}'
    given = through(socket, [*events()[:4], error, *([failed] if twice else [])])
    assert kinds(given) == [*kinds(events()[:4]), "response.failed"]
    assert "it broke" in sound(given)[-1].response.error.message
    assert "it broke" in (socket.over[0].error or "")
    assert socket.notes == []
    assert socket.close() == []
    socket.from_client(ASK, 3.0)  # asked before the second of them has come
    assert through(socket, [failed, *events("resp_2")] if not twice else events("resp_2")) == events("resp_2")


def test_an_error_about_a_second_request_leaves_the_first_under_way() -> None:
    socket = opened()
    socket.from_client(ASK, 1.0)
    through(socket, events()[:4])
    socket.from_client(ASK, 2.0)
    busy = b'{"type":"error","status":400,"error":{"type":"invalid_request_error","message":"one at a time"}}'
    assert through(socket, [busy, *events()[4:]]) == [busy, *events()[4:]]
    assert [(turn.number, turn.status) for turn in socket.over] == [(2, 400), (1, None)]


# --- what the client asks ---------------------------------------------------------------------------------------------


def test_edits_and_names_are_those_of_a_request() -> None:
    text = f"""\
providers: {{{LAB}}}
aliases: {{small: {{to: lab/tiny, keep_name: true}}}}
edits:
- {{when: {{model: tiny, stream: true}}, default: {{/temperature: 0.5}}, remove: /store}}
default: lab
"""
    socket = opened(text)
    given = socket.from_client(b'{"type":"response.create", "model":"small","store":false,"input":[1.0]}', 1.0)
    assert given.to_server == b'{"type":"response.create", "model":"tiny","input":[1.0],"temperature":0.5}'
    assert given.to_client == ()
    got = through(socket, events(answer=Answer("x", model="tiny")))
    assert [json.loads(one)["response"]["model"] for one in (got[0], got[1], got[-1])] == ["small"] * 3
    (turn,) = socket.over
    assert (turn.facts.model, turn.outcome.decision.sent if isinstance(turn.outcome, Rewritten) else "") == (
        "small",
        "tiny",
    )
    assert {note.short for note in turn.notes} == {"model", "/temperature", "/store"}


def test_what_is_too_deep_to_be_looked_at_leaves_as_it_came() -> None:
    deep = b'{"type":"response.create","model":"m","input":%s}' % (b"[" * 5000 + b"]" * 5000)
    given = opened().from_client(deep, 1.0)
    assert given.to_server is deep


def test_what_is_no_json_to_the_rules_leaves_as_it_came() -> None:
    """A WebSocket's text is UTF-8; what is not would be refused before it comes here."""
    odd = b'{"type":"response.create","model":"m","x":"\xff"}'
    assert opened().from_client(odd, 1.0).to_server is odd


def test_what_says_stream_itself_keeps_it() -> None:
    text = f"providers: {{{LAB}}}\ndefault: lab\nedits: [{{set: {{/store: true}}}}]\n"
    given = opened(text).from_client(b'{"type":"response.create","model":"m","stream":true,"store":false}', 1.0)
    assert given.to_server == b'{"type":"response.create","model":"m","stream":true,"store":true}'


def test_an_edit_that_takes_the_type_away_does_not_make_another_message_of_it() -> None:
    text = f"providers: {{{LAB}}}\ndefault: lab\nedits: [{{remove: /type}}]\n"
    given = opened(text).from_client(ASK, 1.0)
    assert json.loads(given.to_server or b"") == json.loads(ASK)


@pytest.mark.parametrize(
    ("model", "client", "status", "words"),
    (
        ("deepseek/deepseek-v4-pro", None, 400, ("deepseek/deepseek-v4-pro", "goes to deepseek", "over HTTP")),
        ("nothing-fits", None, 404, ("nothing-fits",)),
        ("nothing-fits", CODEX, 400, ("nothing-fits",)),  # Codex asks six times after a 404, and once after a 400
    ),
)
def test_what_would_go_elsewhere_is_answered_and_does_not_leave(
    model: str, client: str | None, status: int, words: tuple[str, ...]
) -> None:
    rules = f"providers: {{{LAB}}}\nroutes: [{{when: {{model: gpt-*}}, to: lab}}]\n"
    socket = opened(rules, headers={"User-Agent": client} if client else None)
    given = socket.from_client(b'{"type":"response.create","model":"%s","stream_id":"b"}' % model.encode(), 1.0)
    assert given.to_server is None
    (frame,) = given.to_client
    (error,) = sound([frame])
    assert (error.type, error.status, error.stream_id) == ("error", status, "b")
    assert all(word in error.error.message for word in words), error.error.message
    (turn,) = socket.over
    assert (turn.status, turn.error) == (status, error.error.message)
    ask = ASK.replace(b'"m"', b'"gpt-5"')
    assert socket.from_client(ask, 2.0).to_server is ask  # and the socket goes on
    assert through(socket, events()) == events()


# --- the end ----------------------------------------------------------------------------------------------------------


def test_a_close_in_the_middle_is_a_failure_of_the_response_that_had_begun() -> None:
    socket = opened()
    socket.from_client(ASK, 1.0)
    given = through(socket, events()[:6]) + socket.close()
    failed = sound(given)[-1]
    assert (failed.type, failed.response.id, failed.response.status) == ("response.failed", "resp_1", "failed")
    assert failed.response.error.message == (
        "lab (lab.example) closed the WebSocket before the end of the response [flow f10f10f1]"
    )
    assert socket.close() == []


def test_a_close_before_the_first_event_is_an_error_of_the_socket() -> None:
    socket = opened()
    socket.from_client(ASK, 1.0)
    (error,) = sound(socket.close())
    assert (error.type, error.status) == ("error", 502)
    assert "closed the WebSocket" in error.error.message
    assert error.error.message.endswith("[flow f10f10f1]")


def test_the_client_that_closes_says_so_itself() -> None:
    socket = opened()
    socket.from_client(ASK, 1.0)
    through(socket, events()[:6])
    socket.close("the client closed the WebSocket")
    assert socket.over[0].error == "the client closed the WebSocket"


def test_between_responses_a_close_is_a_close() -> None:
    socket = opened()
    assert socket.close() == []
    socket.from_client(ASK, 1.0)
    through(socket, events())
    assert socket.close() == []


# --- secrets, and anything at all -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    (
        b'{"type":"error","status":401,"error":{"message":"Incorrect API key: %s"}}',
        b'{"type":"codex.rate_limits","key":"%s"}',
        b"no json %s",
    ),
)
def test_the_rules_own_key_is_not_in_what_the_client_gets(message: bytes) -> None:
    socket = opened()
    socket.from_client(ASK, 1.0)
    for sent in (message % SECRET.encode(), message % SECRET.encode()):
        assert all(SECRET.encode() not in given for given in socket.from_server(sent, 2.0))
    assert SECRET.encode() not in socket.clean(message % SECRET.encode())


PIECES = st.sampled_from(
    [
        *events(),
        *events("resp_2"),
        *events(lane="a")[:3],
        LIMITS,
        STEERED,
        DONE,
        LIMIT,
        b'{"type":"error","message":"x"}',
        b'{"type":"error","error":"x"}',
        b'{"type":"error","error":{"message":1}}',
        b'{"type":"response.created"}',
        b'{"type":"response.created","response":{"id":7}}',
        b'{"type":"response.completed","response":null}',
        b'{"type":"response.output_text.delta"}',
        b'{"type":null}',
        b"{}",
        b"[]",
        b"x\r\ny",
        b"",
        b"\xff",
    ]
)


@given(st.lists(st.tuples(st.booleans(), PIECES | st.just(ASK)), max_size=30))
def test_nothing_upsets_it_and_each_response_ends_once(said: list[tuple[bool, bytes]]) -> None:
    """Every response that the client sees begin ends before another begins, and every request has one end."""
    socket = opened()
    given: list[bytes] = []
    asked = 0
    for from_client, message in said:
        if from_client or message == ASK:
            asked += message == ASK
            socket.from_client(message, 1.0)
        else:
            given += socket.from_server(message, 2.0)
    given += socket.close()
    assert len(socket.over) >= asked
    under_way: object = None
    for message in given:
        try:
            document = json.loads(message)
        except ValueError:
            continue
        kind = document.get("type") if isinstance(document, dict) else None
        if not asked or not isinstance(kind, str) or document.get("stream_id"):
            continue
        if kind == "response.created":
            ident = (document.get("response") or {}).get("id")
            assert under_way in {None, ident}
            under_way = ident
        elif kind in {"response.completed", "response.failed", "response.incomplete", "error"}:
            under_way = None
    assert under_way is None
