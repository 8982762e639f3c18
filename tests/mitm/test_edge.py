"""Our bugs are not their outage (G7): whatever fails in us is logged once with the flow's id, and the flow goes on."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

import pytest
from mitmproxy import http

from tests.lab.replies import Answer, messages_events
from tests.mitm.kit import addons, at_gateway, flow
from wiremend.mitm import calls, reply, rewrite
from wiremend.mitm.through import Through
from wiremend.pipeline.reply import ReplyStream

if TYPE_CHECKING:
    from pathlib import Path

    from tests.mitm.kit import Addons

RULES = "providers: {lab: {base_url: 'http://127.0.0.1:9/v1', key: client}}\ndefault: lab/m\n"
URL = "https://api.anthropic.com/v1/v1/messages"


def boom(*_: object, **__: object) -> None:
    raise ZeroDivisionError("a bug that quotes sk-kimi-FAKEFAKEFAKEFAKEFAKE")


@pytest.fixture
def _broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rewrite, "rewrite", boom)


@pytest.mark.usefixtures("_broken")
def test_a_request_goes_on_untouched_where_the_client_sent_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with addons(tmp_path, RULES) as made, caplog.at_level(logging.ERROR, logger="wiremend"):
        one = flow(URL, headers={"x-api-key": "k"})
        before = one.request.get_state()
        made.request(one)
        made.request(one)
    assert one.response is None
    assert one.request.get_state() == before
    assert [record.getMessage().count(one.id) for record in caplog.records] == [1], "logged once, with the flow's id"
    assert "FAKE" not in caplog.text


@pytest.mark.usefixtures("_broken")
@pytest.mark.parametrize(
    ("path", "kind"),
    (("/v1/messages", "api_error"), ("/v1/chat/completions", "server_error"), ("/v1/responses", "server_error")),
)
def test_a_gateway_request_has_nowhere_to_go_on_to_and_is_told_in_its_wires_words(
    tmp_path: Path, path: str, kind: str
) -> None:
    with addons(tmp_path, RULES) as made:
        one = at_gateway(made, flow(f"http://x{path}"))
        made.request(one)
    assert one.response is not None
    assert one.response.status_code == 500
    assert json.loads(one.response.content or b"")["error"]["type"] == kind
    assert b"FAKE" not in (one.response.content or b"")


def test_a_stream_goes_on_untouched_as_long_as_nothing_was_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    chunks = [b"da", b"ta: {}\n\nda", b"ta: {}\n", b"\n"]
    with addons(tmp_path, RULES) as made, caplog.at_level(logging.ERROR, logger="wiremend"):
        one, stream = streaming(made)
        assert stream(chunks[0]) == []
        monkeypatch.setattr(ReplyStream, "feed", boom)
        assert stream(chunks[1]) == [chunks[0] + chunks[1]]
        assert [stream(chunk) for chunk in chunks[2:]] == [[chunk] for chunk in chunks[2:]]
        assert stream(b"") == []
        made.response(one)
    assert sum(one.id in record.getMessage() for record in caplog.records) == 1


def test_a_stream_of_which_something_was_sent_ends_with_its_wires_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    events = messages_events(Answer())
    with addons(tmp_path, RULES) as made, caplog.at_level(logging.ERROR, logger="wiremend"):
        one, stream = streaming(made)
        assert stream(events[0]) == [events[0]]
        monkeypatch.setattr(ReplyStream, "feed", boom)
        (error,) = stream(events[1])
        assert error.startswith(b"event: error\ndata: {")
        assert stream(events[2]) == stream(b"") == []
        made.response(one)
    assert sum(one.id in record.getMessage() for record in caplog.records) == 1


def test_a_whole_reply_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with addons(tmp_path, RULES) as made, caplog.at_level(logging.ERROR, logger="wiremend"):
        one = flow(URL, headers={"x-api-key": "k"})
        made.request(one)
        one.response = http.Response.make(200, b'{"odd": 1}', {"content-type": "application/json"})
        made.reply.responseheaders(one)
        assert one.response.stream is False
        monkeypatch.setattr(reply, "whole", boom)
        made.response(one)
        assert one.response.content == b'{"odd": 1}'
    assert sum(one.id in record.getMessage() for record in caplog.records) == 1


def streaming(made: Addons) -> tuple[http.HTTPFlow, Through]:
    """Give a flow whose reply is a stream of events, and what it goes through."""
    one = flow(URL, headers={"x-api-key": "k"}, body=b'{"model":"m","stream":true}')
    made.request(one)
    one.response = http.Response.make(200, b"", {"content-type": "text/event-stream"})
    made.reply.responseheaders(one)
    assert isinstance(one.response.stream, Through)
    return one, one.response.stream


def test_a_key_that_the_provider_repeats_is_in_no_note(tmp_path: Path) -> None:
    key = "sk-kimi-FAKE0123456789abcdef"
    with addons(tmp_path, RULES) as made:
        one = flow(URL, headers={"x-api-key": key})
        made.request(one)
        error = {"error": {"type": "invalid_authentication_error", "message": f"no such key: {key}"}}
        one.response = http.Response.make(401, json.dumps(error), {"content-type": "application/json"})
        made.reply.responseheaders(one)
        made.response(one)
    assert key in (one.response.text or ""), "its words reach the client"
    assert key not in json.dumps(one.metadata)
    assert "no such key" in json.dumps(one.metadata)
    assert key not in one.comment


def test_a_row_that_cannot_be_made_spoils_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "row_of", boom)
    with addons(tmp_path, RULES) as made:
        one = flow(URL, headers={"x-api-key": "k"})
        made.request(one)
        one.response = http.Response.make(200, b"{}", {"content-type": "application/json"})
        made.reply.responseheaders(one)
        made.response(one)
        assert one.id not in made.house.exchanges


def test_a_broken_flow_is_forgotten_too(tmp_path: Path) -> None:
    with addons(tmp_path, RULES) as made:
        one = flow(URL, headers={"x-api-key": "k"})
        made.request(one)
        assert one.id in made.house.exchanges
        one.error = None
        made.calls.error(one)
        assert one.id not in made.house.exchanges
