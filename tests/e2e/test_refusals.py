"""What Wiremend itself refuses: the client wire's own error object, which official SDKs turn into their own errors.

The message must say which line of rules.yaml to look at, or to add, and hold no credential.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import anthropic
import openai
import pytest

from tests.lab import Client, Mitm, Reply, Request, Upstream, provider
from tests.lab.sdk import CLAUDE, KEY, MESSAGES, NO_ANTHROPIC_KEY, NO_OPENAI_KEY, anthropic_sdk, openai_sdk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RULES = """\
providers:
  lab:     {{base_url: '{url}', key: client}}
  needy:   {{base_url: '{url}', key: [client, $LAB_UNSET]}}
  onewire: {{base_url: '{url}', speaks: [messages], key: client}}
routes:
  - {{when: {{model: needy}}, to: needy}}
  - {{when: {{model: onewire}}, to: onewire}}
  - {{when: {{model: lab-*}}, to: lab}}
"""


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream(provider()) as up:
        yield up


@pytest.fixture(scope="module")
def proxy(upstream: Upstream) -> Iterator[Mitm]:
    with Mitm(RULES.format(url=upstream.url)) as mitm:
        yield mitm


def messages(proxy: Mitm, model: str, *, stream: bool, headers: Any = None) -> Any:  # noqa: ANN401 - raises, in these tests
    with anthropic_sdk(proxy.gateway) as client:
        return list(
            client.messages.create(model=model, max_tokens=9, messages=MESSAGES, stream=stream, extra_headers=headers)
        )


def chat(proxy: Mitm, model: str, *, stream: bool, headers: Any = None) -> Any:  # noqa: ANN401
    with openai_sdk(f"{proxy.gateway}/v1") as client:
        return list(
            client.chat.completions.create(model=model, messages=MESSAGES, stream=stream, extra_headers=headers)
        )


def responses(proxy: Mitm, model: str, *, stream: bool, headers: Any = None) -> Any:  # noqa: ANN401
    with openai_sdk(f"{proxy.gateway}/v1") as client:
        return list(client.responses.create(model=model, input="hi", stream=stream, extra_headers=headers))


def kind_of(error: Exception) -> str | None:
    """Give what the wire's own error object calls it: its type on the messages wire, its code on OpenAI's."""
    if isinstance(error, anthropic.APIStatusError):
        body: Any = error.body
        return str(body["error"]["type"])
    assert isinstance(error, openai.APIStatusError)
    return error.code


WIRES = (messages, chat, responses)


@pytest.fixture(autouse=True)
def nothing_leaves(upstream: Upstream) -> Iterator[None]:
    upstream.forget()
    yield
    assert upstream.requests == []


@pytest.mark.parametrize("stream", (False, True))
@pytest.mark.parametrize("ask", WIRES)
def test_a_model_without_a_route_is_a_not_found_that_quotes_the_line_to_add(
    proxy: Mitm,
    ask: Callable[..., Any],
    stream: bool,  # noqa: FBT001 - a column of the table
) -> None:
    with pytest.raises((anthropic.NotFoundError, openai.NotFoundError)) as caught:
        ask(proxy, "gpt-unheard-of", stream=stream)
    message = str(caught.value)
    assert "gpt-unheard-of" in message
    assert "rules.yaml" in message
    assert "- {when: {model: 'gpt-unheard-of'}, to:" in message
    assert kind_of(caught.value) == {messages: "not_found_error"}.get(ask, "model_not_found")


@pytest.mark.parametrize("ask", WIRES)
def test_a_missing_credential_is_an_authentication_error_that_names_the_variable_and_the_line(
    proxy: Mitm, ask: Callable[..., Any]
) -> None:
    with pytest.raises((anthropic.AuthenticationError, openai.AuthenticationError)) as caught:
        ask(proxy, "needy", stream=True, headers=NO_ANTHROPIC_KEY if ask is messages else NO_OPENAI_KEY)
    message = str(caught.value)
    assert "LAB_UNSET" in message
    assert "rules.yaml:3" in message
    assert kind_of(caught.value) == {messages: "authentication_error"}.get(ask, "invalid_api_key")


def test_what_no_other_wire_can_ask_for_is_a_bad_request_that_names_the_line(proxy: Mitm) -> None:
    with openai_sdk(f"{proxy.gateway}/v1") as client, pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(model="onewire", input="x")
    assert "rules.yaml:7" in str(caught.value)
    assert "'onewire' speaks messages, and /v1/embeddings of the chat wire has no counterpart there" in str(
        caught.value
    )


def test_what_is_no_endpoint_of_ours_is_a_plain_404(proxy: Mitm) -> None:
    with Client.plain(proxy.port) as client:
        for path in ("/", "/favicon.ico", "/api/tags", "/version", "/props"):
            response = client.request("GET", path, {"host": "127.0.0.1"})
            assert response.status == 404
            assert path in response.json()["error"]["message"]


def test_a_refusal_is_json_and_says_so_and_holds_no_credential(proxy: Mitm) -> None:
    with Client.plain(proxy.port) as client:
        headers = {"host": "127.0.0.1", "x-api-key": KEY}
        response = client.request("POST", "/v1/messages", headers, b'{"model":"x","messages":[]}')
        assert (response.status, response.get("content-type")) == (404, "application/json")
        assert KEY.encode() not in response.read()
        # and the connection lives on
        assert client.request("POST", "/v1/messages", headers, b'{"model":"y","messages":[]}').status == 404
    assert KEY not in proxy.log()


def test_a_websocket_is_refused_with_the_status_that_makes_codex_go_on_over_http(proxy: Mitm) -> None:
    """426: at 404 or 405 it tries seven times first."""
    with Client.plain(proxy.port) as client:
        headers = {
            "host": "127.0.0.1",
            "authorization": f"Bearer {KEY}",
            "connection": "Upgrade",
            "upgrade": "websocket",
            "sec-websocket-version": "13",
            "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        }
        assert client.request("GET", "/v1/responses", headers).status == 426


@pytest.mark.parametrize("path", ("/", "/coding", "/v1"))
def test_the_probe_of_claude_code_is_answered_and_the_connection_lives_on(proxy: Mitm, path: str) -> None:
    """It sends ``HEAD`` to its base URL first; an answer with a body would spoil what follows."""
    with Client.plain(proxy.port) as client:
        for _ in range(2):
            response = client.request("HEAD", path, {"host": "127.0.0.1", "user-agent": CLAUDE})
            assert response.status in {200, 404}
            assert response.read() == b""


@pytest.mark.parametrize(
    ("status", "final"), ((401, True), (402, True), (403, True), (404, True), (429, False), (500, False))
)
def test_a_providers_final_failure_says_that_it_is_final(status: int, final: bool) -> None:  # noqa: FBT001 - a column
    """The SDKs try again after many statuses; these come again however often one asks. Every other byte stays."""
    kinds = {401: "authentication_error", 402: "billing_error", 403: "permission_error", 404: "not_found_error"}
    kind = (kinds | {429: "rate_limit_error", 500: "api_error"})[status]
    error = b'{"type": "error", "error": {"type": "%s",  "message": "no"}}' % kind.encode()

    def refuse(_: Request, reply: Reply) -> None:
        reply.body(status, [("content-type", "application/json")], error)

    with (
        Upstream(refuse) as upstream,
        Mitm(f"providers: {{lab: {{base_url: '{upstream.url}', key: client}}}}\ndefault: lab\n") as proxy,
        Client.plain(proxy.port) as client,
    ):
        headers = {"host": "127.0.0.1", "x-api-key": KEY}
        response = client.request("POST", "/v1/messages", headers, b'{"model":"m","messages":[]}')
        assert (response.status, response.read()) == (status, error)
        assert response.get("x-should-retry") == ("false" if final else None)
        (call,) = proxy.wait_calls(1)
        assert ("x-should-retry" in call["mended"]) is final


@pytest.mark.parametrize(
    ("agent", "status", "given"),
    (
        ("codex_exec/0.169.0 (x)", 401, 400),
        ("codex_exec/0.169.0 (x)", 404, 400),
        ("codex_exec/0.169.0 (x)", 500, 500),
        ("opencode/1.18.33", 404, 400),
        ("curl/8.5.0", 404, 404),
    ),
)
def test_codex_is_given_the_one_status_that_it_takes_for_final(agent: str, status: int, given: int) -> None:
    """It asks six times after a 401 or a 404, header or not, and once after a 400. The text tells what it was."""
    error = b'{"error": {"message": "no such \\u00e9", "type":  "x", "n": 1.0}}'

    def refuse(_: Request, reply: Reply) -> None:
        reply.body(status, [("content-type", "application/json")], error)

    with (
        Upstream(refuse) as upstream,
        Mitm(f"providers: {{lab: {{base_url: '{upstream.url}', key: client}}}}\ndefault: lab\n") as proxy,
        Client.plain(proxy.port) as client,
    ):
        headers = {"host": "127.0.0.1", "authorization": f"Bearer {KEY}", "user-agent": agent}
        response = client.request("POST", "/v1/responses", headers, b'{"model":"m","input":"x","stream":true}')
        body = response.read()
        assert response.status == given
        if given == status:
            assert body == error
        else:
            told = rb'"no such \\u00e9 \(the provider answered %d\) \[flow [0-9a-f]{8}\]"' % status
            pattern = re.escape(error).replace(re.escape(b'"no such \\u00e9"'), told)
            assert re.fullmatch(pattern, body), body
        (call,) = proxy.wait_calls(1)
        assert ("status" in call["mended"]) is (given != status)
