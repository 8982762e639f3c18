"""Expectations: examples in the file that must hold, judged by the engine that decides real requests."""

from __future__ import annotations

import pytest

from tests.rules.kit import problems

RULES = """\
providers:
  work: {base_url: 'https://llm.work.example/v1', auth: none}
aliases: {small: work/tiny-model}
routes:
- {when: {client: claude-code, wire: messages}, to: local/a}
- {when: {client: codex, wire: responses}, to: local/b}
- {when: {key: sk-kimi-*}, to: local/c}
- {when: {host: api.other.example, path: /special/*}, to: local/d}
- {when: {agent: planner}, to: local/e}
- {when: {header: {x-team: blue}}, to: local/f}
- {when: {body: {/user: someone}}, to: local/g}
- {when: {stream: true}, to: local/h}
- {when: {model: null}, to: local/i}
- {when: {model: tiny-*}, to: work}
"""


@pytest.mark.parametrize(
    ("given", "to"),
    (
        ("{client: claude-code, model: x}", "local/a"),  # its usual wire
        ("{client: codex, model: x}", "local/b"),
        ("{key: sk-kimi-, model: x}", "local/c"),
        ("{key: sk-kimi-*, model: x}", "local/c"),
        ("{key: SK-KIMI-x, model: x}", "local/c"),
        ("{host: api.other.example, path: /special/v1/chat/completions}", "local/d"),
        ("{agent: planner, model: x}", "local/e"),
        ("{header: {X-Team: blue}, model: x}", "local/f"),
        ("{body: {/user: someone}, model: x}", "local/g"),
        ("{stream: true, model: x}", "local/h"),
        ("{model: null}", "local/i"),
        ("{}", "local/i"),
        ("{model: small}", "work/tiny-model"),
        ("{model: small}", "work"),
        ("{model: other, stream: false}", "null"),
        ("{model: other, host: api.other.example}", "null"),
    ),
)
def test_an_example_is_decided_as_a_request_would_be(given: str, to: str) -> None:
    assert problems(f"{RULES}expect: [{{given: {given}, to: {to}}}]") == []
    (problem,) = problems(f"{RULES}expect:\n- {{given: {given}, to: ollama/other}}")
    assert problem.startswith("16:3: this expectation does not hold")


@pytest.mark.parametrize(
    ("given", "to", "url", "holds"),
    (
        ("{model: tiny-x}", "work", "https://llm.work.example/v1/chat/completions", True),
        ("{model: tiny-x, wire: messages}", "work", "'*/v1/messages'", True),
        ("{model: tiny-x, path: /v1/v1/embeddings}", "work", "https://llm.work.example/v1/embeddings", True),
        ("{model: tiny-x}", "work", "'*/v2/*'", False),
        # where the client sent it is a URL too
        (
            "{model: x, host: api.other.example, path: /v1/v1/messages}",
            "null",
            "https://api.other.example/v1/messages",
            True,
        ),
        (
            "{model: x, host: api.other.example, path: /v1/v1/messages}",
            "null",
            "https://api.other.example/v1/v1/*",
            False,
        ),
        (
            "{model: x, host: api.openai.com, path: /v1/v1/responses}",
            "null",
            "https://api.openai.com/v1/responses",
            True,
        ),
        ("{model: x, host: api.openai.com, path: /v1/v1/responses}", "null", "'*/v1/v1/*'", False),
    ),
)
def test_a_url_is_judged_wherever_the_request_goes(given: str, to: str, url: str, holds: bool) -> None:  # noqa: FBT001 - a column
    assert (problems(f"{RULES}expect: [{{given: {given}, to: {to}, url: {url}}}]") == []) is holds


def test_every_example_that_fails_is_told_with_the_reason() -> None:
    told = problems(
        f"{RULES}expect:\n- {{given: {{model: small}}, to: local}}\n- {{given: {{agent: planner}}, to: null}}\n"
    )
    assert [line.split(":")[0] for line in told] == ["16", "17"]
    assert "expected local, but it goes to work/tiny-model" in told[0]
    assert "alias 'small'" in told[0]
    assert "expected no destination" in told[1]
    assert "'route 5' matches" in told[1]


def test_examples_wait_until_the_rest_is_sound() -> None:
    (problem,) = problems("default: nowhere\nexpect: [{given: {model: a}, to: local}]")
    assert "no provider 'nowhere'" in problem


def test_a_beginning_of_a_key_is_no_credential() -> None:
    assert (
        problems("routes: [{when: {key: sk-kimi-*}, to: local}]\nexpect: [{given: {key: sk-kimi-}, to: local}]") == []
    )
