"""Which name a model goes by upstream, and that nothing else of the body is touched when the name is swapped (G6).

The bodies are written in a way that no JSON library would write them, so a body that was parsed and written again
cannot pass for one that was patched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.lab import Answer, Client, Mitm, Upstream, provider
from tests.lab.sdk import KEY, MESSAGES, anthropic_sdk, openai_sdk

if TYPE_CHECKING:
    from collections.abc import Iterator

RULES = """
providers:
  lab:    {{base_url: '{url}', key: client}}
  spaced: {{base_url: '{url}', key: client, models: {{moonshotai/kimi-k2.6: {{}}}}}}
aliases:
  arch.claude.code.small.fast: lab/deepseek-v4-flash
  faithful: {{to: lab/deepseek-v4-pro, keep_name: true}}
  chained: arch.claude.code.small.fast
routes:
  - {{when: {{model: claude-haiku-*}}, to: lab/kimi-for-coding}}
  - {{when: {{model: [kept-*, spaced-never]}}, to: lab}}
  - {{when: {{model: moonshotai/*}}, to: spaced}}
default: lab
"""

ODD = (
    b'{ "max_tokens" :9,\n\t"messages":[{"role":"user","content":"caf\\u00e9 \xc3\xa9 \\/ \\ud83d\\ude00"}],'
    b'"temperature":1.0e0,"big":12345678901234567890,"model"  :  "%s" ,"x_unknown":{"b":1,"a":[ ]},"tiny":1E-7 }\r\n'
)
"""A JSON body as an odd client might write it; it must arrive just so."""


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream(provider()) as up:
        yield up


@pytest.fixture(scope="module")
def proxy(upstream: Upstream) -> Iterator[Mitm]:
    with Mitm(RULES.format(url=upstream.url)) as mitm:
        yield mitm


def body_sent(upstream: Upstream, proxy: Mitm, body: bytes, path: str = "/v1/messages") -> bytes:
    upstream.forget()
    with Client.plain(proxy.port) as client:
        headers = {"host": "127.0.0.1", "content-type": "application/json", "x-api-key": KEY}
        response = client.request("POST", path, headers, body)
        assert response.status == 200, response.read()
        response.read()
    request = upstream.wait_for(1)[0]
    assert int(request.get("content-length") or -1) == len(request.body)
    return request.body


@pytest.mark.parametrize(
    ("asked", "sent"),
    (
        ("kept-as-it-is", "kept-as-it-is"),
        ("claude-haiku-4-5", "kimi-for-coding"),
        ("CLAUDE-Haiku-4-5-20251001", "kimi-for-coding"),
        ("arch.claude.code.small.fast", "deepseek-v4-flash"),
        ("chained", "deepseek-v4-flash"),
        ("lab/some-model", "some-model"),
        ("moonshotai/kimi-k2.6", "moonshotai/kimi-k2.6"),
        ("unheard-of", "unheard-of"),
        ("vendor/unheard-of", "vendor/unheard-of"),
    ),
)
@pytest.mark.parametrize("path", ("/v1/messages", "/v1/chat/completions", "/v1/responses", "/v1/messages/count_tokens"))
def test_the_name_is_swapped_and_every_other_byte_stays(
    upstream: Upstream, proxy: Mitm, asked: str, sent: str, path: str
) -> None:
    assert body_sent(upstream, proxy, ODD % asked.encode(), path) == ODD % sent.encode()


def test_an_escaped_name_is_the_same_name(upstream: Upstream, proxy: Mitm) -> None:
    assert body_sent(upstream, proxy, ODD % b"cha\\u0069ned") == ODD % b"deepseek-v4-flash"


def test_only_the_models_own_place_is_touched(upstream: Upstream, proxy: Mitm) -> None:
    body = b'{"metadata":{"model":"chained"},"model":"chained","messages":[{"role":"user","content":"model: chained"}]}'
    expected = body.replace(b'"model":"chained","mess', b'"model":"deepseek-v4-flash","mess')
    assert body_sent(upstream, proxy, body) == expected


@pytest.mark.parametrize(("asked", "replied"), (("faithful", "faithful"), ("chained", "deepseek-v4-flash")))
def test_the_reply_names_the_model_as_asked_where_the_alias_says_so(proxy: Mitm, asked: str, replied: str) -> None:
    with anthropic_sdk(proxy.gateway) as client:
        whole = client.messages.create(model=asked, max_tokens=9, messages=MESSAGES)
        with client.messages.stream(model=asked, max_tokens=9, messages=MESSAGES) as stream:
            streamed = stream.get_final_message()
    assert [whole.model, streamed.model] == [replied, replied]
    with openai_sdk(f"{proxy.gateway}/v1") as chat:
        assert chat.chat.completions.create(model=asked, messages=MESSAGES).model == replied
        chunks: Any = chat.chat.completions.create(model=asked, messages=MESSAGES, stream=True)
        assert {chunk.model for chunk in chunks} == {replied}
        response = chat.responses.create(model=asked, input="hi")
        assert (response.model, response.output_text) == (replied, Answer().text)
        with chat.responses.stream(model=asked, input="hi") as events:
            assert events.get_final_response().model == replied


def test_an_unregistered_model_goes_to_the_default_with_one_warning(upstream: Upstream, proxy: Mitm) -> None:
    start = len(proxy.log())
    for _ in range(3):
        body_sent(upstream, proxy, b'{"model":"never-heard-of-before","messages":[]}')
    body_sent(upstream, proxy, b'{"model":"the-last-one","messages":[]}')
    proxy.wait_log("no route.*the-last-one", after=start)
    warnings = [
        line for line in proxy.log()[start:].splitlines() if "never-heard-of-before" in line and "no route" in line
    ]
    assert len(warnings) == 1
