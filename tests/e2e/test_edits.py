"""Edits of the body by JSON pointer: default, set, remove, lists by wildcard; every match, in the order of the file.

What an edit does not name keeps its bytes: the bodies are written unevenly so that a rewrite would show.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from tests.e2e.socket_kit import opened, talking
from tests.lab import Answer, Client, Mitm, Upstream, provider
from tests.lab.replies import responses_events
from tests.lab.sdk import KEY
from wiremend.cli.main import cli
from wiremend.sse import EventParser

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.socket_kit import Peer
    from tests.lab import Request

RULES = """
providers:
  lab: {{base_url: '{url}', key: client}}
aliases: {{nickname: lab/edited-model}}
routes: [{{when: {{model: '*'}}, to: lab}}]
edits:
  - when: {{provider: lab, model: edited-*}}
    default: {{/temperature: 0.6, /metadata: {{tier: 1}}}}
    set: {{/top_p: 0.95, /options/deep: [1, null, "x"]}}
    remove: [/context_management, '/messages/*/content/*/cache_control', /absent/pointer]
  - {{when: {{model: ordered}}, set: {{/seed: 1}}}}
  - {{when: {{model: 'order*'}}, set: {{/seed: 2}}, default: {{/top_k: 3}}, headers: {{X-Edited: 'yes'}}}}
  - {{when: {{wire: chat}}, remove: /store}}
  - {{when: {{provider: elsewhere}}, set: {{/never: true}}}}
"""


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream(provider()) as up:
        yield up


@pytest.fixture(scope="module")
def proxy(upstream: Upstream) -> Iterator[Mitm]:
    with Mitm(RULES.format(url=upstream.url)) as mitm:
        yield mitm


def sent(upstream: Upstream, proxy: Mitm, body: bytes, path: str = "/v1/messages") -> tuple[bytes, str | None]:
    upstream.forget()
    with Client.plain(proxy.port) as client:
        response = client.request("POST", path, {"host": "127.0.0.1", "x-api-key": KEY}, body)
        assert response.status == 200, response.read()
        response.read()
    request = upstream.wait_for(1)[0]
    return request.body, request.get("x-edited")


@pytest.mark.parametrize("name", (b"edited-model", b"nickname"))
def test_default_set_and_remove(upstream: Upstream, proxy: Mitm, name: bytes) -> None:
    body = (
        b'{"model": "' + name + b'",  "temperature" : 1.0,"context_management":{"edits":[1,2]},"top_p":1,\n'
        b'"messages":[{"role":"user","content":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}}, '
        b'{"cache_control":null,"type":"text","text":"b"}]}, {"role":"assistant","content":"plain \\u00e9"}],'
        b'"metadata": {"user_id" : "u"}}'
    )
    got, header = sent(upstream, proxy, body)
    assert header is None
    for kept in (
        b'"temperature" : 1.0',  # there already, so `default` leaves it
        b'"metadata": {"user_id" : "u"}',
        b'{"type":"text","text":"a"}',
        b'{"type":"text","text":"b"}',
        b'{"role":"assistant","content":"plain \\u00e9"}',
        b'"model": "edited-model"',
    ):
        assert kept in got, kept
    assert json.loads(got) == {
        "model": "edited-model",
        "temperature": 1.0,
        "top_p": 0.95,
        "options": {"deep": [1, None, "x"]},
        "metadata": {"user_id": "u"},
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
            {"role": "assistant", "content": "plain é"},
        ],
    }


def test_every_match_applies_in_the_order_of_the_file(upstream: Upstream, proxy: Mitm) -> None:
    got, header = sent(upstream, proxy, b'{"model":"ordered","messages":[]}')
    assert (json.loads(got)["seed"], json.loads(got)["top_k"], header) == (2, 3, "yes")
    got, _ = sent(upstream, proxy, b'{"model":"orderly","top_k":1,"messages":[]}')
    assert (json.loads(got)["seed"], json.loads(got)["top_k"]) == (2, 1)


def test_an_edit_for_one_wire_leaves_the_others_alone(upstream: Upstream, proxy: Mitm) -> None:
    body = b'{"model":"m", "store":true ,"messages":[],"input":"x"}'
    got, _ = sent(upstream, proxy, body, "/v1/chat/completions")
    assert json.loads(got) == {"model": "m", "messages": [], "input": "x"}
    for path in ("/v1/messages", "/v1/responses"):
        assert sent(upstream, proxy, body, path) == (body, None)


@pytest.mark.parametrize(
    "body",
    (
        b'{"model":"edited-model","messages":"not a list","metadata":[1]}',
        b'{"model":"edited-model","messages":[{"content":[1,"x",null,[]]}],"options":5}',
    ),
)
def test_a_body_of_another_shape_than_the_pointers_is_no_accident(upstream: Upstream, proxy: Mitm, body: bytes) -> None:
    got, _ = sent(upstream, proxy, body)
    asked, left = json.loads(body), json.loads(got)
    assert left["model"] == "edited-model"
    assert left["messages"] == asked["messages"]


# --- numbers ----------------------------------------------------------------------------------------------------------

NUMBERS = """
providers:
  lab: {{base_url: '{url}', key: client}}
  gone: {{base_url: 'http://127.0.0.1:1', key: client}}
routes:
  - {{when: {{model: fallen}}, to: [gone, lab]}}
  - {{when: {{model: '*'}}, to: lab}}
edits:
  - name: as meant
    when: {{provider: lab}}
    clamp: {{/temperature: [0, 1]}}
    scale: {{/temperature: 1/0.6}}
  - {{name: from below, when: {{model: below}}, clamp: {{/top_k: [5, null]}}}}
"""


@pytest.fixture
def numbers(upstream: Upstream) -> Iterator[Mitm]:
    with Mitm(NUMBERS.format(url=upstream.url)) as mitm:
        yield mitm


def asked(model: str, temperature: str) -> bytes:
    return b'{"model":"%s", "temperature" : %s,"top_k":1, "messages" :[]}' % (model.encode(), temperature.encode())


def test_numbers_are_scaled_and_clamped_and_it_is_told(upstream: Upstream, numbers: Mitm) -> None:
    for came, left in (
        ("0.30", "0.5"),
        ("0.6", "1.0"),
        ("0.7", "1"),
        ("1", "1"),
        ("1e999999", "1"),
        ("-0.1", "0"),
        ('"0.7"', '"0.7"'),
        ("null", "null"),
    ):
        assert sent(upstream, numbers, asked("m", came))[0] == asked("m", left)
    calls = numbers.wait_calls(8)
    assert ["clamped" in call["mended"] for call in calls] == [False, False, True, True, True, True, False, False]
    assert ["/temperature" in call["mended"] for call in calls] == [True] * 5 + [True, False, False]
    told = (
        r"edit 'as meant' \(rules.yaml:\d+\): /temperature 1\.16666666667 -> 1, clamped: more was asked for than the 1"
    )
    numbers.wait_log(told)
    assert numbers.log().count("told once; each flow has its note") == 1
    sent(upstream, numbers, asked("below", "0"))
    numbers.wait_log(r"edit 'from below' \(rules.yaml:\d+\): /top_k 1 -> 5, clamped: less was asked for than the 5")
    assert numbers.log().count("told once; each flow has its note") == 2


def test_a_number_that_is_clamped_for_a_fallback_is_told_too(upstream: Upstream, numbers: Mitm) -> None:
    assert sent(upstream, numbers, asked("fallen", "0.9"))[0] == asked("fallen", "1")
    (call,) = numbers.wait_calls(1)
    assert (call["provider"], "clamped" in call["mended"]) == ("lab", True)
    numbers.wait_log(r"edit 'as meant' .*: /temperature 1\.5 -> 1, clamped: ")


def test_why_and_explain_say_that_more_was_asked_for(upstream: Upstream, numbers: Mitm) -> None:
    sent(upstream, numbers, asked("m", "0.9"))
    (capture,) = numbers.wait_captures(1)
    environ = {**numbers.environment, "WIREMEND_RULES": str(numbers.rules), "COLUMNS": "200"}
    why = CliRunner().invoke(cli, ["why"], env=environ).output
    place = "/temperature  1.5 -> 1, clamped: more was asked for than the 1 that this edit lets through"
    assert place in why, why
    assert why.index(place) < why.index("/temperature  0.9 -> 1.5")
    explained = CliRunner().invoke(cli, ["explain", capture.id], env=environ).output
    assert "/temperature: 1.5 -> 1, clamped: more was asked for than the 1 that this edit lets through" in explained
    (edit,) = [
        edit
        for edit in json.loads(CliRunner().invoke(cli, ["explain", "--json", capture.id], env=environ).output)["edits"]
        if edit["name"] == "as meant"
    ]
    assert edit["clamped"] == [place.replace("  ", ": ")]


def test_a_number_that_is_clamped_on_a_websocket_is_told_once() -> None:
    """A turn of it has its own row and its own notes; the log has one line."""
    heard: list[bytes] = []

    def talk(peer: Peer, _: Request) -> None:
        while (message := peer.hear()) is not None:
            heard.append(message)
            stream = b"".join(responses_events(Answer("one"))).replace(b"resp_lab1", b"resp_%d" % len(heard))
            peer.say(*(event.data for event in EventParser().feed(stream) if event.data is not None))

    rules = (
        "providers: {{lab: {{base_url: '{url}', auth: none, websocket: true, speaks: [responses]}}}}\ndefault: lab\n"
        "edits: [{{name: as meant, scale: {{/temperature: 1/0.6}}, clamp: {{/temperature: [0, 1]}}}}]\n"
    )
    said = b'{"type":"response.create","model":"m", "temperature" : %s,"input":"x"}'
    with Upstream(talking(talk)) as up, Mitm(rules.format(url=up.url)) as proxy, opened(proxy, {}) as peer:
        for temperature in (b"0.9", b"1.0"):
            peer.say(said % temperature)
            while b"response.completed" not in (peer.hear() or b"response.completed"):
                pass
        calls = proxy.wait_calls(2)
        peer.close()
        assert heard == [said % b"1", said % b"1"]
        assert [call["mended"].count("clamped") for call in calls] == [1, 1]
        proxy.wait_log(r"edit 'as meant' \(rules.yaml:3\): /temperature 1\.5 -> 1, clamped: more was asked for")
        assert proxy.log().count("told once; each flow has its note") == 1
