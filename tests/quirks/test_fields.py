"""Fields that a provider refuses: refused without the quirk, accepted with it, and the rest byte for byte."""

from __future__ import annotations

import json

import pytest
from hypothesis import given

from tests.quirks.fields_kit import draft_of, kinds, mended, near, scope, text
from tests.quirks.refusals_fields import REFUSALS
from wiremend.headers import Headers

NONE = Headers()
WEB_SEARCH = b'{"type":"web_search_20250305","name":"web_search","max_uses":5}'


@pytest.mark.parametrize(
    ("name", "before", "after", "kind"),
    (
        (
            "max-completion-tokens",
            b'{"model" : "m", "max_completion_tokens":32000 ,"temperature":1.0}',
            b'{"model" : "m","temperature":1.0,"max_tokens":32000}',
            "mended",
        ),
        (
            "max-completion-tokens",
            b'{"max_tokens": 10, "max_completion_tokens": 20, "x": [1, 2 ]}',
            b'{"max_tokens": 10, "x": [1, 2 ]}',
            "lost",
        ),
        ("max-completion-tokens", b'{"max_completion_tokens":null, "n":1}', b'{ "n":1}', "mended"),
        ("store-rejected", b'{"a":1, "store":false}', b'{"a":1}', "mended"),
        ("store-rejected", b'{"store":true,"metadata":{"k":"v"}, "a":1.50}', b'{ "a":1.50}', "lost"),
        (
            "strict-tools-rejected",
            b'{"tools":[{"type":"function","function":{"name":"f","strict":true,"parameters":{"strict":true}}}, 7]}',
            b'{"tools":[{"type":"function","function":{"name":"f","parameters":{"strict":true}}}, 7]}',
            "lost",
        ),
        (
            "strict-tools-rejected",
            b'{"tools":[{"function":{"strict":false, "name":"f"}}]}',
            b'{"tools":[{"function":{ "name":"f"}}]}',
            "mended",
        ),
        (
            "tools-empty-array",
            b'{"tools":[],"tool_choice":"auto","parallel_tool_calls":true, "model":"m"}',
            b'{ "model":"m"}',
            "mended",
        ),
        ("tools-empty-array", b'{"a":1,"tool_choice":"required","tools": [ ]}', b'{"a":1}', "lost"),
        (
            "context-management-extra",
            b'{"context_management":{"edits":[{"type":"clear_thinking_20251015"}]} , "max_tokens":1}',
            b'{ "max_tokens":1}',
            "lost",
        ),
        (
            "eager-input-streaming",
            b'{"tools":[{"name":"Bash", "eager_input_streaming" : true,"input_schema":{}},{"name":"x"}]}',
            b'{"tools":[{"name":"Bash","input_schema":{}},{"name":"x"}]}',
            "lost",
        ),
        (
            "tool-extra-keys",
            b'{"tools":[{"input_examples":[{}],"name":"f","cache_control":{},"*":1},' + WEB_SEARCH + b"]}",
            b'{"tools":[{"name":"f","cache_control":{}},' + WEB_SEARCH + b"]}",
            "lost",
        ),
    ),
)
def test_refused_without_and_accepted_with(name: str, before: bytes, after: bytes, kind: str) -> None:
    assert REFUSALS[name](json.loads(before), NONE) is not None
    assert REFUSALS[name](json.loads(after), NONE) is None
    found = mended(name, before)
    assert json.loads(found) == json.loads(after)
    assert found.replace(b" ", b"") == after.replace(b" ", b"")  # which comma's space goes is jsonedit's affair
    assert kind in kinds(name, before)
    assert kind == "lost" or "lost" not in kinds(name, before)


@pytest.mark.parametrize("name", sorted(set(REFUSALS)))
@given(body=near)
def test_what_is_refused_becomes_accepted_and_what_is_not_stays(name: str, body: object) -> None:
    if not isinstance(body, dict):
        body = {"tools": [body]}
    sent = text(body)
    left = mended(name, sent)
    assert REFUSALS[name](json.loads(left), NONE) is None
    if REFUSALS[name](body, NONE) is None:
        assert left is sent


@pytest.mark.parametrize(
    ("model", "host", "renamed"),
    (
        ("gpt-5.6", "house.openai.azure.com", False),
        ("mistral-large-2411", "house.services.ai.azure.com", True),
        ("Codestral-2501", "house.services.ai.azure.com", True),
        ("gpt-5.6", "relay.example", True),
    ),
)
def test_a_model_of_openai_at_azure_keeps_the_newer_name(model: str, host: str, *, renamed: bool) -> None:
    left = mended("max-completion-tokens", b'{"max_completion_tokens":5}', model=model, host=host)
    assert left == (b'{"max_tokens":5}' if renamed else b'{"max_completion_tokens":5}')


def test_the_spelling_of_a_limit_survives() -> None:
    assert mended("max-completion-tokens", b'{"max_completion_tokens":32000}') == b'{"max_tokens":32000}'


def test_the_beta_of_context_management_goes_with_the_field() -> None:
    headers = Headers((("anthropic-beta", "a,context-management-2025-06-27,b"),))
    draft = draft_of("context-management-extra", b'{"context_management":{}}', None, headers)
    assert draft.headers.get("anthropic-beta") == "a, b"
    untouched = draft_of("context-management-extra", b"{}", None, headers)
    assert untouched.headers is headers


def test_fireworks_names_the_keys_that_it_refuses() -> None:
    name = "tool-extra-keys"
    tool = {"name": "f", "strict": True, "cache_control": {}, "allowed_callers": [], "defer_loading": True}
    body, host = {"tools": [tool]}, Headers((("host", "api.fireworks.ai"),))
    assert REFUSALS[name](body, host) is not None
    left = json.loads(draft_of(name, text(body), scope(name, host="api.fireworks.ai")).body())
    assert left == {"tools": [{"name": "f", "strict": True}]}
    assert REFUSALS[name](left, host) is None
