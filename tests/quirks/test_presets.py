"""Presets: whose host it is, and when a name counts instead."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiremend.families import HOMES
from wiremend.quirks.presets import BUILT_IN, HOSTS, PORTS, preset_of
from wiremend.rules.providers import builtin_nodes
from wiremend.rules.references import Template
from wiremend.rules.urls import parse_base

_TEXT = """
kimi-code moonshot deepseek openrouter zai ollama local openai anthropic groq mistral fireworks together dashscope
minimax xai gemini azure bedrock vertex cerebras nvidia siliconflow copilot xiaomi huggingface perplexity cloudflare
opencode-zen
"""
AGREED = _TEXT.split()


def test_the_agreed_presets_are_there() -> None:
    assert sorted(HOSTS) == sorted(AGREED)
    assert set(PORTS.values()) | set(BUILT_IN.values()) <= set(HOSTS)


def test_every_built_in_provider_has_the_preset_of_its_own_hosts() -> None:
    assert set(BUILT_IN) == set(builtin_nodes())
    for name, node in builtin_nodes().items():
        base = node.mapping["base_url"]
        for text in [*base.mapping.values()] or [base]:
            url = parse_base(Template(str(text.value)).expand({}))
            assert preset_of(None, url.host, url.port) == BUILT_IN[name], name


@pytest.mark.parametrize(
    ("provider", "host", "port", "preset"),
    (
        ("mine", "api.deepseek.com", 443, "deepseek"),
        (None, "API.DeepSeek.com", 443, "deepseek"),
        ("deepseek", "api.anthropic.com", 443, "anthropic"),  # the host counts, whatever it is called
        ("deepseek", "relay.example", 443, "deepseek"),  # a built-in that was moved
        ("deepseek", "127.0.0.1", 8000, "deepseek"),
        ("mistral", "relay.example", 443, None),  # a name of the user's own says nothing
        ("mine", "127.0.0.1", 11434, "ollama"),
        ("mine", "localhost", 1234, "local"),
        ("mine", "::1", 8080, "local"),
        ("mine", "127.0.0.1", 4000, None),
        ("mine", "llm.example", 11434, None),  # a port says something on this machine alone
        ("mine", "127.0.0.1", None, None),
        ("ollama", "127.0.0.1", 9, "ollama"),
        ("local", "gpu.example", 443, "local"),
        (None, "api.moonshot.cn", 443, "moonshot"),
        ("moonshot-cn", "relay.example", 443, "moonshot"),
        (None, "resource.openai.azure.com", 443, "azure"),
        (None, "eu.api.openai.com", 443, "openai"),
        (None, "bedrock-runtime.eu-west-1.amazonaws.com", 443, "bedrock"),
        (None, "us-east5-aiplatform.googleapis.com", 443, "vertex"),
        (None, "aiplatform.googleapis.com", 443, "vertex"),
        (None, "dashscope-intl.aliyuncs.com", 443, "dashscope"),
        (None, "api-inference.modelscope.cn", 443, "dashscope"),
        (None, "api.individual.githubcopilot.com", 443, "copilot"),
        (None, "notapi.deepseek.com", 443, None),
        (None, "api.deepseek.com.evil.example", 443, None),
        (None, "", None, None),
    ),
)
def test_whose_host_it_is(provider: str | None, host: str, port: int | None, preset: str | None) -> None:
    assert preset_of(provider, host, port) == preset


def test_the_home_of_every_family_of_keys_has_a_preset() -> None:
    assert [home for home in HOMES if preset_of(None, home, 443) is None] == []


def test_no_host_is_of_two_presets() -> None:
    concrete = {glob.replace("*", "x") for globs in HOSTS.values() for glob in globs}
    for host in concrete:
        fitting = [name for name, globs in HOSTS.items() if any(fnmatchcase(host, glob) for glob in globs)]
        assert len(fitting) == 1, (host, fitting)


def test_globs_are_in_lower_case_and_never_take_in_all() -> None:
    for globs in HOSTS.values():
        for glob in globs:
            assert glob == glob.lower()
            assert "." in glob.strip("*.")


@given(st.none() | st.text(), st.text(), st.none() | st.integers(0, 65535))
def test_anything_has_a_preset_or_none(provider: str | None, host: str, port: int | None) -> None:
    assert preset_of(provider, host, port) in {None, *HOSTS}
