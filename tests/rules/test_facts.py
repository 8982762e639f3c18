"""What a request says about itself: its wire, client, credentials, model and stream flag, read tolerantly and once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rules.kit import KIMI, OAUTH, facts, resolved
from wiremend.headers import Headers
from wiremend.rules.clients import KNOWN, client_of
from wiremend.rules.facts import credentials_of, peek

RULES = resolved("version: 1")


@pytest.mark.parametrize(
    ("user_agent", "client"),
    (
        # measured: facts of the agents in the versions named there
        ("claude-cli/2.1.197 (external, sdk-cli)", "claude-code"),
        ("codex_exec/0.169.0 (Ubuntu 24.4.0; x86_64) dumb (codex_exec; 0.169.0)", "codex"),
        ("codex_cli_rs/0.169.0", "codex"),
        ("opencode/1.18.33 ai-sdk/provider-utils/3.0.0 runtime/bun/1.2", "opencode"),
        ("QwenCode/0.15.10 (linux; x64)", "qwen-code"),
        ("kimi-code-cli/2.1.0", "kimi-code"),
        ("KimiCLI/1.49", "kimi-cli"),
        ("hermes-agent/1.0", "hermes"),
        ("claude-code/0.1.0", "hermes"),
        ("claude-code/0.1.01", "claude-code"),
        ("claude-code/2.1.197", "claude-code"),
        # whoever is not listed goes by the first word
        ("OpenAI/Python 2.24.0", "openai/python"),
        ("python-httpx/0.28.1", "python-httpx"),
        ("curl/8.5.0", "curl"),
        ("MyAgent", "myagent"),
        ("Mozilla/5.0 (X11; Linux x86_64) claude-cli/2", "mozilla"),
        ("", None),
        (None, None),
    ),
)
def test_an_agent_is_known_by_its_user_agent(user_agent: str | None, client: str | None) -> None:
    assert client_of(user_agent) == client


def test_the_known_agents_are_named_in_lower_case_without_spaces() -> None:
    assert all(name == name.lower() and " " not in name for name in KNOWN)
    assert len(set(KNOWN)) == len(KNOWN)


@given(st.text(max_size=40))
def test_any_user_agent_gives_a_name_or_none(text: str) -> None:
    name = client_of(text)
    assert name is None or (name and name == name.lower())


@pytest.mark.parametrize(
    ("body", "model", "stream"),
    (
        (b'{"model": "a", "stream": true}', "a", True),
        (b'{"stream":false,"model":"a"}', "a", False),
        (b'{"model": null}', None, False),
        (b"{}", None, False),
        (b'{"model": 5, "stream": 1}', None, False),
        (b'{"model": ["a"], "stream": "true"}', None, False),
        (
            b'{"model": "a", "model": "b"}',
            None,
            False,
        ),  # a gate must not look at one while the provider takes the other
        (b'{"model": "a", "\\u006dodel": "b"}', None, False),
        (b'{"messages": [{"model": "x"}]}', None, False),
        (b'{"model": "\\u006b2"}', "k2", False),
        (b'\xef\xbb\xbf{"model": "a"}', "a", False),
        (b'  {"model":\n"a" , "stream" :true }\n', "a", True),
        (b'{"model": "a", "user": "half \\ud83d of it", "stream": true}', "a", True),
        ('{"model": "kimi-ключ"}'.encode(), "kimi-ключ", False),
        (b"[]", None, False),
        (b'"model"', None, False),
        (b"", None, False),
        (b"no json", None, False),
        (b'{"model": "a"', None, False),
        (None, None, False),
    ),
)
def test_model_and_stream_are_read_from_the_body(body: bytes | None, model: str | None, stream: bool) -> None:  # noqa: FBT001 - a column
    assert peek(body) == (model, stream)


@pytest.mark.parametrize(
    ("headers", "found"),
    (
        ({"Authorization": f"Bearer {KIMI}"}, [("authorization", KIMI)]),
        ({"authorization": f"BEARER {KIMI}"}, [("authorization", KIMI)]),
        ({"X-API-Key": KIMI}, [("x-api-key", KIMI)]),
        ({"api-key": KIMI}, [("api-key", KIMI)]),
        ({"x-goog-api-key": KIMI}, [("x-goog-api-key", KIMI)]),
        ({"Authorization": f"Bearer {OAUTH}", "x-api-key": KIMI}, [("x-api-key", KIMI), ("authorization", OAUTH)]),
        ({"Authorization": "Basic FAKE"}, []),
        ({"Authorization": "Bearer"}, []),
        ({"x-api-key": ""}, []),
        ({}, []),
    ),
)
def test_credentials_are_found_where_they_travel(headers: dict[str, str], found: list[tuple[str, str]]) -> None:
    credentials = credentials_of(Headers(tuple(headers.items())))
    assert [(credential.header, credential.value) for credential in credentials] == found
    assert "FAKE" not in repr(credentials)


@pytest.mark.parametrize(
    ("target", "headers", "wire", "generates"),
    (
        ("/v1/messages", {}, "messages", True),
        ("/v1/messages/count_tokens?beta=true", {}, "messages", True),
        ("/v1/chat/completions", {}, "chat", True),
        ("/v1/responses", {}, "responses", True),
        ("/v1/responses/resp_1", {}, "responses", False),
        ("/v1/embeddings", {}, "chat", True),
        ("/v1/models", {}, "chat", False),
        ("/v1/models", {"anthropic-version": "2023-06-01"}, "messages", False),
        ("/v1/models/x", {"x-api-key": "FAKE"}, "messages", False),
        ("/git/info/refs", {}, None, False),
    ),
)
def test_the_wire_is_told_by_the_path_and_where_that_is_not_enough_by_the_headers(
    target: str,
    headers: dict[str, str],
    wire: str | None,
    generates: bool,  # noqa: FBT001 - a column
) -> None:
    found = facts(RULES, target=target, headers=headers)
    assert (found.wire, found.generates) == (wire, generates)


def test_the_address_is_the_clients() -> None:
    found = facts(RULES, host="API.Kimi.COM", target="/coding/v1/v1/messages?beta=true")
    assert (found.style, found.host, found.port, found.path) == ("proxy", "api.kimi.com", 443, "/coding/v1/v1/messages")
    assert found.addressed("api.kimi.com", 443)
    assert not found.addressed("api.kimi.ai", 443)
    at_gateway = facts(RULES)
    assert (at_gateway.style, at_gateway.host, at_gateway.port) == ("gateway", None, None)
    assert not at_gateway.addressed("api.kimi.com", 443)
