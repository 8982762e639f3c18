"""The guard in a real proxy: who is asked, what official SDKs raise, which row is written, who is asked instead."""

from __future__ import annotations

import gzip
import json
import re
from typing import TYPE_CHECKING, Any, Final

import anthropic
import openai
import pytest
from openai.types.responses import ResponseCreatedEvent, ResponseFailedEvent

from tests.lab import Answer, Client, Mitm, Upstream, provider
from tests.lab.sdk import KEY, anthropic_sdk, openai_sdk

if TYPE_CHECKING:
    from collections.abc import Iterator

RULES: Final = """
providers:
  lab:
    base_url: '{url}'
    key: client
    models: {{small: {{context_window: 1000}}, middle: {{context_window: 5000}}, large: {{context_window: 50000}}}}
  talk: {{base_url: '{url}', key: client, speaks: chat, models: {{large: {{context_window: 50000}}}}}}
routes:
  - {{when: {{model: chain}}, to: [lab/small, lab/middle, lab/large]}}
  - {{when: {{model: cross}}, to: [lab/small, talk/large]}}
  - {{when: {{model: nowhere}}, to: [lab/small, lab/middle]}}
  - {{to: lab}}
"""
LONG: Final = " ".join(["abcde"] * 6000)
ROOM: Final = " ".join(["abcde"] * 999)
"""What fits into 1,000 tokens by the guard's count, and would not by the estimate."""
CODEX: Final = "codex_exec/0.169.0 (Linux)"
PHRASE: Final = re.compile(r"prompt is too long[^0-9]*(\d+)\s*tokens?\s*>\s*(\d+)", re.IGNORECASE)


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream(provider(answer=Answer(text="all is well"))) as up:
        yield up


@pytest.fixture(scope="module")
def proxy(upstream: Upstream) -> Iterator[Mitm]:
    with Mitm(RULES.format(url=upstream.url)) as mitm:
        yield mitm


@pytest.fixture(autouse=True)
def forgotten(upstream: Upstream) -> None:
    upstream.forget()


def said(text: str = LONG) -> Any:  # noqa: ANN401 - the SDKs' own types
    return [{"role": "user", "content": text}]


def asked_models(upstream: Upstream) -> list[str]:
    return [json.loads(request.body)["model"] for request in upstream.requests]


def test_anthropics_sdk_raises_what_claude_code_acts_on(upstream: Upstream, proxy: Mitm) -> None:
    with anthropic_sdk(proxy.gateway) as client:
        with pytest.raises(anthropic.BadRequestError) as raised:
            client.messages.create(model="small", max_tokens=9, messages=said())
        assert PHRASE.search(str(raised.value)) is not None
        with (
            pytest.raises(anthropic.BadRequestError) as raised,
            client.messages.stream(model="small", max_tokens=9, messages=said()) as stream,
        ):
            stream.until_done()
        found = PHRASE.search(str(raised.value))
        assert found is not None
        assert int(found[1]) > int(found[2]) == 1000
        assert raised.value.response.headers["x-should-retry"] == "false"
        assert upstream.requests == []


@pytest.mark.parametrize("stream", (False, True))
def test_openais_sdk_raises_its_code_on_both_wires(upstream: Upstream, proxy: Mitm, *, stream: bool) -> None:
    with openai_sdk(f"{proxy.gateway}/v1") as client:
        with pytest.raises(openai.BadRequestError) as raised:
            client.chat.completions.create(model="small", messages=said(), stream=stream)
        assert raised.value.code == "context_length_exceeded"
        with pytest.raises(openai.BadRequestError) as raised:
            client.responses.create(model="small", input=LONG, stream=stream)
        assert raised.value.code == "context_length_exceeded"
        assert upstream.requests == []


def test_codex_gets_an_event(upstream: Upstream, proxy: Mitm) -> None:
    with openai_sdk(f"{proxy.gateway}/v1", agent=CODEX) as client:
        begun, failed = client.responses.create(model="small", input=LONG, stream=True)
        assert isinstance(begun, ResponseCreatedEvent)
        assert isinstance(failed, ResponseFailedEvent)
        assert failed.response.error is not None
        assert str(failed.response.error.code) == "context_length_exceeded"
        assert upstream.requests == []


def test_what_just_fits_reaches_the_provider(upstream: Upstream, proxy: Mitm) -> None:
    with anthropic_sdk(proxy.gateway) as client:
        answer = client.messages.create(model="small", max_tokens=9, messages=said(ROOM))
        assert answer.content[0].type == "text"
        assert asked_models(upstream) == ["small"]


def test_the_one_with_a_larger_window_answers_streamed(upstream: Upstream, proxy: Mitm) -> None:
    with anthropic_sdk(proxy.gateway) as client:
        with client.messages.stream(model="chain", max_tokens=9, messages=said()) as stream:
            assert stream.get_final_text() == "all is well"
        assert asked_models(upstream) == ["large"]
        upstream.forget()
        with client.messages.stream(model="cross", max_tokens=9, messages=said()) as stream:
            assert stream.get_final_text() == "all is well"
        assert [
            (request.path, model) for request, model in zip(upstream.requests, asked_models(upstream), strict=True)
        ] == [("/v1/chat/completions", "large")]


def test_where_none_is_large_enough_the_largest_is_told(upstream: Upstream, proxy: Mitm) -> None:
    with anthropic_sdk(proxy.gateway) as client:
        with pytest.raises(anthropic.BadRequestError) as raised:
            client.messages.create(model="nowhere", max_tokens=9, messages=said())
        found = PHRASE.search(str(raised.value))
        assert found is not None
        assert int(found[2]) == 5000
        assert upstream.requests == []


def test_the_row_of_a_refusal_and_that_of_one_that_was_passed_over(proxy: Mitm) -> None:
    with anthropic_sdk(proxy.gateway) as client:
        with pytest.raises(anthropic.BadRequestError):
            client.messages.create(model="small", max_tokens=9, messages=said(f"{LONG} refused"))
        client.messages.create(model="chain", max_tokens=9, messages=said(f"{LONG} passed over"))
    refused, passed = proxy.calls()[-2:]
    message = "the request has some 9,006 tokens, and the context window of lab/small is 1,000"
    assert (refused["asked"], refused["status"], refused["error"]) == ("small", 400, message)
    assert (refused["provider"], refused["model"], refused["attempts"]) == (None, None, [])
    assert (passed["asked"], passed["provider"], passed["model"]) == ("chain", "lab", "large")
    assert (passed["status"], passed["error"]) == (200, None)
    assert [(one["model"], one["status"], one["trouble"]) for one in passed["attempts"]] == [("large", 200, None)]
    proxy.wait_log(re.escape(f"small  messages 400  error: {message}"))
    proxy.wait_log(r"destination 3 of 'route 1'; before: lab/small context window too small; lab/middle")


def test_codex_has_a_row_that_failed(upstream: Upstream, proxy: Mitm) -> None:
    with openai_sdk(f"{proxy.gateway}/v1", agent=CODEX) as client:
        assert len(list(client.responses.create(model="small", input=LONG, stream=True))) == 2
    row = proxy.calls()[-1]
    assert (row["status"], row["client"], row["provider"]) == (200, "codex", None)
    assert row["error"] == "the request has some 9,000 tokens, and the context window of lab/small is 1,000"
    assert upstream.requests == []


def test_a_compressed_request_is_measured_by_what_is_in_it(upstream: Upstream, proxy: Mitm) -> None:
    body = gzip.compress(json.dumps({"model": "small", "max_tokens": 9, "messages": said()}).encode())
    assert len(body) < 1000
    head = {"host": "127.0.0.1", "x-api-key": KEY, "content-encoding": "gzip", "content-type": "application/json"}
    with Client.plain(proxy.port) as client:
        response = client.request("POST", "/v1/messages", head, body)
        assert (response.status, PHRASE.search(response.read().decode()) is None) == (400, False)
    assert upstream.requests == []
