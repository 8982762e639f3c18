"""The views through mitmproxy's own contentviews: every case, both sides, live flows, strangers, and our own bugs."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from mitmproxy import contentviews, http
from mitmproxy.test import taddons, tflow
from mitmproxy.websocket import WebSocketData, WebSocketMessage
from wsproto.frame_protocol import Opcode

from tests.mitm.capture_kit import KEY, stage
from tests.test_captures import ALL, name_of, stored
from wiremend.captures.capture import Attempt, Capture
from wiremend.mitm import views
from wiremend.mitm.flows import flow_of
from wiremend.mitm.house import House
from wiremend.mitm.views import CHOSEN, Views

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mitmproxy.contentviews import ContentviewResult

NAMES = ("LLM conversation", "LLM events", "LLM diff")
ASKED = b'{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}'


@contextmanager
def registered(house: House | None = None) -> Iterator[None]:
    """Register the views as mitmproxy's load hook does, and leave the registry as it was."""
    before = dict(contentviews.registry._by_name)
    Views(house or House()).load(None)
    try:
        yield
    finally:
        contentviews.registry._by_name.clear()
        contentviews.registry._by_name.update(before)


@pytest.fixture(autouse=True)
def context() -> Iterator[taddons.context]:
    with taddons.context() as made, registered():
        yield made


def look(flow: http.HTTPFlow, view: str = "auto", *, asks: bool = False) -> ContentviewResult:
    message = flow.request if asks else flow.response
    assert message is not None
    return contentviews.prettify_message(message, flow, view)


def sound(result: ContentviewResult, view: str) -> None:
    assert result.view_name == view
    assert "Wiremend failed" not in result.text
    assert "Traceback" not in result.text
    assert result.text.strip()


@pytest.mark.parametrize("folder", ALL, ids=name_of)
def test_every_case_opens_in_every_view_on_both_sides(folder: Path) -> None:
    capture = stored(folder).capture
    attempt = capture.attempt
    assert attempt is not None
    upstream = Capture(
        "up", 0.0, attempt.request, wire=capture.wire, attempts=(Attempt(attempt.request, attempt.response),)
    )
    for one in (flow_of(capture), flow_of(upstream)):
        for message in (one.request, one.response):
            if message is None:
                continue
            for name in NAMES:
                sound(contentviews.prettify_message(message, one, name), name)
        generates = one.request.path.split("?")[0].endswith(("/messages", "/completions", "/responses"))
        if generates and one.request.raw_content:
            assert look(one, asks=True).view_name == "LLM conversation"
        if generates and one.response is not None and one.response.raw_content:
            assert look(one).view_name == "LLM conversation"


def stranger(url: str, body: bytes, reply: bytes, kind: str = "application/json") -> http.HTTPFlow:
    made = tflow.tflow()
    made.request = http.Request.make("POST", url, body, http.Headers(content_type="application/json"))
    made.response = http.Response.make(200, reply, {"content-type": kind})
    return made


@pytest.mark.parametrize(
    ("url", "body", "reply"),
    (
        ("https://chat.example/api/v1/messages", b'{"to":"ann","text":"hi"}', b'{"ok":true}'),
        ("https://shop.example/v1/orders", ASKED, b'{"choices":[]}'),
        ("https://shop.example/graphql", b'{"query":"query { a }"}', b"{}"),
        ("https://api.openai.com/v1/embeddings", b'{"model":"e","input":"x"}', b'{"data":[]}'),
    ),
)
def test_other_flows_look_as_if_wiremend_were_not_there(url: str, body: bytes, reply: bytes) -> None:
    one = stranger(url, body, reply)
    for message in (one.request, one.response):
        assert message is not None
        seen = contentviews.prettify_message(message, one)
        for name in NAMES:
            del contentviews.registry._by_name[name.lower()]
        assert contentviews.prettify_message(message, one) == seen
        Views(House()).load(None)


def test_a_flow_that_others_recorded_is_shown_by_its_looks() -> None:
    one = stranger("https://llm.example/v1/chat/completions", ASKED, b'{"choices":[{"message":{"content":"Yes."}}]}')
    assert look(one).view_name == "LLM conversation"
    assert "Yes." in look(one).text
    assert "the other side is not known: Wiremend did not see it" in look(one, "LLM diff").text


def test_an_empty_body_is_no_conversation() -> None:
    one = stranger("https://llm.example/v1/chat/completions", ASKED, b"")
    assert look(one).view_name != "LLM conversation"


def test_the_conversation_is_chosen_before_all_of_mitmproxys_own() -> None:
    one = stranger("https://llm.example/v1/chat/completions", ASKED, b"{}")
    metadata = contentviews.Metadata(flow=one, http_message=one.request, content_type="application/json")
    others = [view for name, view in contentviews.registry.items() if not name.startswith("llm ")]
    assert max(view.render_priority(ASKED, metadata) for view in others) < CHOSEN


@pytest.mark.parametrize("web", (False, True))
def test_mitmweb_gets_no_empty_line_and_others_no_blanks_in_one(
    context: taddons.context,
    web: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Its page makes a box of each line, and an empty one has no height."""
    if web:
        context.options.add_option("web_port", int, 8081, "")
    flow = stranger("https://api.openai.com/v1/chat/completions", ASKED, b"{}")
    lines = look(flow, asks=True).text.split("\n")
    assert [line for line in lines if not line.strip()] == [" " if web else ""]


def test_a_bug_of_ours_gives_one_line_and_the_body_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> str:
        raise ZeroDivisionError("sk-ant-FAKE")

    for name in ("conversation", "events", "body_checked", "request_difference", "response_difference"):
        monkeypatch.setattr(views, name, broken)
    monkeypatch.setattr(views, "is_ours", broken)
    one = stranger("https://llm.example/v1/chat/completions", ASKED, b'{"choices":[1]}')
    for name in NAMES:
        lines = look(one, name).text.splitlines()
        assert lines[0] == "Wiremend failed to show this (ZeroDivisionError); as it is:"
        assert lines[2] == '{"choices":[1]}'


def test_a_capture_that_cannot_be_read_is_told_and_the_conversation_is_shown() -> None:
    one = stranger("https://llm.example/v1/chat/completions", ASKED, b'{"choices":[{"message":{"content":"Yes."}}]}')
    one.metadata["wiremend"] = {"capture": {"format": 99}}
    assert "Yes." in look(one, "LLM conversation").text
    assert look(one, "LLM diff").text.startswith("the capture in this flow cannot be read: ")


def test_messages_of_a_websocket() -> None:
    one = tflow.tflow(ws=True)
    one.request.path = "/v1/responses"
    one.metadata["wiremend"] = {"wire": "responses"}
    ask = json.dumps({"type": "response.create", "model": "gpt-x", "input": "Say it."}).encode()
    delta = json.dumps({"type": "response.output_text.delta", "delta": "Hel"}).encode()
    one.websocket = WebSocketData(
        messages=[
            WebSocketMessage(Opcode.TEXT, True, ask, 100.0),  # noqa: FBT003 - mitmproxy's argument
            WebSocketMessage(Opcode.TEXT, False, delta, 100.25),  # noqa: FBT003 - as above
        ]
    )
    first, second = (contentviews.prettify_message(message, one) for message in one.websocket.messages)
    assert first.view_name == second.view_name == "LLM conversation"
    assert "gpt-x" in first.text
    assert "Say it." in first.text
    assert second.text.splitlines() == ["response.output_text.delta", "  Hel"]
    shown = contentviews.prettify_message(one.websocket.messages[1], one, "LLM events").text
    assert shown.split()[:3] == ["2", "+250", "ms"]
    sound(contentviews.prettify_message(one.websocket.messages[0], one, "LLM diff"), "LLM diff")


CHUNK = b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[%s]}\n\n'
STREAM = [
    CHUNK % b'{"index":0,"delta":{"role":"assistant","content":"Hel"},"finish_reason":null}',
    CHUNK % b'{"index":0,"delta":{"content":"lo"},"finish_reason":"eos_token"}',
    b"data: [DONE]\n\n",
]
URL = "https://api.openai.com/v1/chat/completions"


def test_a_live_flow_shows_both_sides(tmp_path: Path) -> None:
    body = b'{"model":"gpt-x","stream":true,"messages":[{"role":"user","content":"hi"}]}'
    with stage(tmp_path) as made, registered(made.house):
        one = made.ask(body, {"authorization": f"Bearer {KEY}"}, URL)
        running = look(one, "LLM diff", asks=True).text  # before any reply
        given = made.stream(one, STREAM)
        assert one.response is not None
        one.response.raw_content = given  # as mitmproxy does, with store_streamed_bodies
        made.end(one)
        made.house.originals.ends(one.id)
        diff = look(one, "LLM diff").text
        listed = look(one, "LLM events").text.splitlines()
        asked = look(one, "LLM diff", asks=True).text
        said = look(one).text
    for text in (running, asked):
        assert '-   "gpt-x"\n+   "m"' in text
        assert KEY not in text
        assert KEY[12:] not in text
        assert "+   http://127.0.0.1:9/v1/chat/completions" in text
    assert '-   "eos_token"\n+   "stop"' in diff
    assert "Hello" in said
    assert [line.split()[0] for line in listed[3:6]] == ["1", "2", "→"]
    assert listed[3].split()[2] in {"µs", "ms", "s"}
    assert listed[4][16] == "~"


def test_what_is_not_at_hand_any_more_is_said_to_be_so(tmp_path: Path) -> None:
    with stage(tmp_path) as made, registered(made.house):
        one = made.ask(b'{"model":"gpt-x","messages":[]}', {}, URL)
        made.whole(one, body=b'{"choices":[]}')
        made.house.originals.forget(one.id)
        assert "not at hand any more" in look(one, "LLM diff").text
        sound(look(one, "LLM events"), "LLM events")


def test_nothing_is_added_to_a_flow_by_looking(tmp_path: Path) -> None:
    with stage(tmp_path) as made, registered(made.house):
        one = made.ask(b'{"model":"gpt-x","messages":[]}', {}, URL)
        made.whole(one, body=b'{"choices":[]}')
        made.house.originals.ends(one.id)
        before = repr(one.get_state())
        for name in NAMES:
            look(one, name)
            look(one, name, asks=True)
        assert repr(one.get_state()) == before


def test_without_captures_the_request_is_told_and_the_reply_is_said_to_be_unknown(tmp_path: Path) -> None:
    with stage(tmp_path) as made, registered(made.house):
        made.context.configure(made.house, wiremend_capture="off")
        one = made.ask(b'{"model":"gpt-x","messages":[]}', {}, URL)
        made.whole(one, body=b'{"choices":[]}', tee=False)
        made.house.originals.ends(one.id)
        assert '-   "gpt-x"\n+   "m"' in look(one, "LLM diff", asks=True).text
        assert "captures are off" in look(one, "LLM diff").text
