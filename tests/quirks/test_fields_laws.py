"""Laws of every quirk on fields, sampling, thinking, tool choice, ids, usage and betas: on JSON of any kind.

None raises; what it gives is JSON; what it gives it leaves alone the next time; and what it does not touch keeps its
bytes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.quirks import (
    refusals_fields,
    refusals_headers,
    refusals_sampling,
    refusals_thinking,
    refusals_tool_choice,
    refusals_tool_ids,
    refusals_usage_request,
)
from tests.quirks.fields_kit import anything, draft_of, near, quirk_of, scope, text
from wiremend.headers import Headers
from wiremend.quirks.base import Scope

if TYPE_CHECKING:
    from wiremend.quirks.base import WireName

NAMES = (
    "beta-header-rejected",
    "max-completion-tokens",
    "store-rejected",
    "strict-tools-rejected",
    "tools-empty-array",
    "kimi-temperature-fixed",
    "thinking-xor-effort",
    "thinking-dialect",
    "effort-enum",
    "tool-choice-vs-thinking",
    "tool-choice-object",
    "toolid-mistral-9",
    "toolid-charset-len",
    "thinking-needs-stream",
    "usage-not-requested",
    "context-management-extra",
    "eager-input-streaming",
    "tool-extra-keys",
    "thinking-adaptive",
)
PARTS = {"beta-header-rejected", "toolid-mistral-9", "toolid-charset-len"}
"""Those whose example is no body; the tests of their files have whole requests."""

MODELS = (
    None,
    "kimi-k2.6",
    "moonshotai/kimi-k2.5",
    "k3",
    "kimi-for-coding",
    "glm-4.7",
    "glm-5.2",
    "qwen3-32b",
    "qwen3.5-plus",
    "deepseek-v4-flash",
    "grok-4-1-fast",
    "grok-4.6",
    "minimax-m3",
    "gemma-3",
    "gpt-5.6",
)
HOSTS = ("llm.example", "api.minimax.io", "dashscope.aliyuncs.com", "api.fireworks.ai", "x.openai.azure.com")
BETAS = Headers((("anthropic-beta", "a, context-1m-2025-08-07"), ("Anthropic-Beta", "context-management-2025-06-27")))
SINGLE = {"type": "function", "function": {"name": "f"}}


@pytest.mark.parametrize("name", NAMES)
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=60)
@given(body=anything | near | st.dictionaries(st.sampled_from(("messages", "input", "tools")), near), data=st.data())
def test_any_json_is_taken_and_twice_is_once(name: str, body: object, data: st.DataObject) -> None:
    wire: WireName = data.draw(st.sampled_from(quirk_of(name).wires))
    model, host = data.draw(st.sampled_from(MODELS)), data.draw(st.sampled_from(HOSTS))
    where = Scope(wire=wire, model=model, host=host)
    sent = text(body)
    once = draft_of(name, sent, where, BETAS)
    first = once.body()
    json.loads(first)
    assert once.document == json.loads(first)
    assert once.notes or first is sent
    assert not once.notes or not quirk_of(name).needles or any(one in sent for one in quirk_of(name).needles)
    assert all(note.what and note.why == f"quirk {name}" for note in once.notes)
    twice = draft_of(name, first, where, once.headers)
    assert twice.body() is first
    assert twice.headers == once.headers
    assert twice.notes == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "body",
    (
        {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": False, "enable_thinking": False},
        {"messages": [], "tools": [SINGLE], "tool_choice": "auto", "stream": True, "stream_options": {}, "x": 1},
    ),
)
def test_a_sound_request_keeps_its_bytes(name: str, body: dict[str, object]) -> None:
    if name == "usage-not-requested":
        body = {**body, "stream": False}
    if name == "thinking-needs-stream":
        body = {**body, "stream": True}
    if name == "tool-extra-keys":
        body = {**body, "tools": [{"name": "f", "input_schema": {}}]}
    sent = text(body)
    draft = draft_of(name, sent, scope(name, model="some-model"))
    assert draft.body() is sent
    assert draft.notes == []


def test_these_are_the_quirks_with_refusals() -> None:
    refusals = {
        **refusals_headers.REFUSALS,
        **refusals_fields.REFUSALS,
        **refusals_sampling.REFUSALS,
        **refusals_thinking.REFUSALS,
        **refusals_tool_choice.REFUSALS,
        **refusals_tool_ids.REFUSALS,
        **refusals_usage_request.REFUSALS,
    }
    assert set(NAMES) == set(refusals)


@pytest.mark.parametrize("name", (*NAMES, "path-missing-v1", "path-beta-query", "auth-bearer-required"))
def test_an_entry_says_what_it_is(name: str) -> None:
    quirk = quirk_of(name)
    for sentence in (quirk.who, quirk.symptom, quirk.mend):
        assert sentence.endswith((".", "'stop'?"))
    assert quirk.before != quirk.after
    assert quirk.evidence
    assert all(link.startswith(("https://", "measured: ")) for link in quirk.evidence)
    assert quirk.works or quirk.kind == "always"


@pytest.mark.parametrize("name", sorted(set(NAMES) - PARTS))
def test_the_example_of_an_entry_is_what_happens(name: str) -> None:
    quirk = quirk_of(name)
    before = json.loads(quirk.before)
    where = scope(name, model=before.get("model", "kimi-k2.6"))
    if "name" in before or "function" in before:  # a tool's example stands in a list of tools
        before, after = {"tools": [before]}, {"tools": [json.loads(quirk.after)]}
    else:
        after = json.loads(quirk.after)
    assert json.loads(draft_of(name, text(before), where).body()) == after
