"""No credential in anything that is said (G8): planted wherever one can be, looked for in all forms of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.explain.kit import explained
from tests.replay.kit import captured
from tests.rules.kit import (
    ANTHROPIC,
    KIMI,
    MOONSHOT,
    OAUTH,
    OPENAI,
    OPENROUTER,
    PLAIN,
    WEB_TOKEN,
    bearer,
    body_of,
    request,
    resolved,
)
from wiremend.captures.capture import Body, Response
from wiremend.explain.plain import to_plain
from wiremend.explain.request import explain, explain_capture
from wiremend.explain.text import lines
from wiremend.explain.veil import Veil
from wiremend.families import family_of
from wiremend.headers import Headers
from wiremend.replay.report import plain
from wiremend.replay.rules import Today

if TYPE_CHECKING:
    from wiremend.explain.model import Explanation

KEYS = (KIMI, MOONSHOT, ANTHROPIC, OAUTH, OPENROUTER, OPENAI, WEB_TOKEN)
RULES = """
providers:
  moonshot: {key: client, headers: {X-From: $SOMETHING}}
routes:
  - {when: {model: "no*"}, to: deepseek}
  - {when: {header: {x-mine: "no*"}}, to: deepseek}
  - {when: {header: {authorization: "no*"}}, to: deepseek}
  - {when: {body: {/metadata/secret: "no*"}}, to: deepseek}
  - {when: {agent: "no*"}, to: deepseek}
default: moonshot/x
edits:
  - {when: {body: {/user: "no*"}}, set: {/x: 1}}
  - {when: {}, set: {/user: me}, remove: /metadata, headers: {X-Mine: other, X-Agent-Id: null}}
"""


def said(made: Explanation) -> str:
    """Give everything that is said, in all forms."""
    shown = ["".join(text for text, _ in line) for width in (40, 80, 200) for line in lines(made, width, every=True)]
    return "\n".join([*shown, json.dumps(to_plain(made), ensure_ascii=False), repr(made)])


def tail(key: str) -> str:
    """Give the part of a key that nobody may see: what is behind its family's prefix."""
    family = family_of(key)
    return key[len(family.prefix) if family else 0 :]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("host", (None, "api.example.com"))
def test_a_planted_key_is_nowhere(key: str, host: str | None) -> None:
    made = explained(
        RULES,
        host=host,
        target=f"/v1/chat/completions?key={key}&x={key}",
        headers={
            "Authorization": f"Bearer {key}", "x-api-key": key, "Cookie": f"session={key}", "X-Mine": key,
            "X-Unknown": f"a {key} b", "User-Agent": f"agent/{key}", "X-Agent-Id": key, "Referer": f"https://x/?key={key}",
        },
        body=body_of(
            f"m-{key}", user=key, metadata={"secret": key, "text": f"say {key} twice {key}", key: 1},
            messages=[{"role": "assistant", "content": ""}, {"role": "user", "content": f"my key is {key}"}],
        ),
    )  # fmt: skip
    everything = said(made)
    assert tail(key) not in everything
    assert tail(key)[:12] not in everything  # nor is a part of it


@pytest.mark.parametrize("place", ("header", "cookie", "member", "query", "header unknown"))
def test_a_key_of_no_family_is_known_by_its_place(place: str) -> None:
    asked: dict[str, Any] = {"model": "x"}
    match place:
        case "header":
            asked["headers"] = {"Authorization": f"Bearer {PLAIN}"}
        case "cookie":
            asked["headers"] = {"Cookie": f"session={PLAIN}"}
        case "member":
            asked["body"] = body_of("x", metadata={"api_key": PLAIN, "deep": {"client_secret": [PLAIN]}})
        case "query":
            asked["target"] = f"/v1/chat/completions?access_token={PLAIN}"
        case _:
            asked["headers"] = {"X-Invented": PLAIN}
    for host in (None, "api.example.com"):
        assert PLAIN not in said(explained(RULES, host=host, **asked))


def test_a_header_set_from_a_variable_is_not_shown() -> None:
    rules = resolved(RULES, {"SOMETHING": "value-of-a-variable"}, offline=True)
    made = explain(request(headers=bearer(MOONSHOT)), rules)
    assert "value-of-a-variable" not in said(made)
    (change,) = [one for one in made.headers if one.name == "X-From"]
    assert change.after == "(not shown)"


def test_nor_is_one_in_the_reply() -> None:
    capture = captured(target="/v1/chat/completions")
    attempt = capture.attempts[0]
    error = {"error": {"message": f"Incorrect API key provided: {OPENAI}", "type": "invalid_request_error"}}
    response = Response(401, "", Headers((("content-type", "application/json"),)), Body(json.dumps(error).encode()))
    failing = type(attempt)(attempt.request, response, f"refused {KIMI}")
    made = explain_capture(
        type(capture)(
            capture.id, 0.0, capture.request, inputs=capture.inputs, attempts=(failing,), error=f"{ANTHROPIC}"
        ),
        Today("default: deepseek/x\nproviders: {deepseek: {key: client}}", "rules.yaml"),
    )
    assert made.reply is not None
    assert made.reply.came_status == 401
    for key in (OPENAI, KIMI, ANTHROPIC):
        assert tail(key) not in said(made)


def test_what_is_no_secret_stays() -> None:
    veil = Veil(Headers((("X-Model", "claude-sonnet-4-5-20250929"),)), "/v1/messages?beta=true",
                resolved("version: 1"), plain=("claude-sonnet-4-5-20250929",))  # fmt: skip
    for text in ("claude-sonnet-4-5-20250929", "toolu_01ABCDEFGHIJKLMNOPQRSTUV", "sk-*", "a b", "", "é\ud83d"):
        assert veil.text(text) == text
    assert veil.target("/v1/messages?beta=true") == "/v1/messages?beta=true"
    document = {"a": [1, 2.5, None, True, "x"], "max_tokens": 5, "token_count": "7"}
    assert veil.value(document) == document
    assert veil.header("X-Team", None) is None


@given(st.text(max_size=30), st.sampled_from(KEYS), st.text(max_size=30))
def test_around_a_key_the_text_stays(before: str, key: str, behind: str) -> None:
    veil = Veil(Headers((("x-api-key", key),)), "/", resolved("version: 1"))
    assert tail(key) not in veil.text(f"{before} {key} {behind}")
    assert tail(key) not in json.dumps(veil.value({"a": [f"{before}{key}{behind}"], before + key: 1}))


def test_lines_have_no_line_ends_in_them() -> None:
    made = explained(RULES, target="/v1/chat/completions\n\x1b[31m", body=body_of("m\n\x1b", user="\u202e\x07"))
    assert not any(c in "".join(map(plain, lines(made, 80, every=True))) for c in "\n\x1b\x07\u202e")
