"""Edits of the body by JSON pointer: default, set, remove, lists by wildcard; every match, in the order of the file.

What an edit does not name keeps its bytes: the bodies are written unevenly so that a rewrite would show.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.lab import Client, Mitm, Upstream, provider
from tests.lab.sdk import KEY

if TYPE_CHECKING:
    from collections.abc import Iterator

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
