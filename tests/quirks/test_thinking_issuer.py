"""A turn that another provider began: thinking is off until it is over, where that is known, and only there."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.quirks.refusals_thinking_issuer import REFUSALS
from tests.quirks.request_kit import CHAT_BODIES, Row, check_any, check_row, draft_of, mended, run
from wiremend.headers import Headers
from wiremend.quirks import AUTO, all_quirks, chosen
from wiremend.quirks.base import Scope
from wiremend.quirks.memory import Memory

MISSING = "thinking-missing-mid-turn"
FOREIGN = "thinking-signature-foreign"
ISSUER = "thinking-issuer"
ANTHROPIC = Scope("messages", "claude-sonnet-4-5", host="api.anthropic.com")
ON = {"type": "enabled", "budget_tokens": 4000}
OFF = {"type": "disabled"}
OWN = {"type": "thinking", "thinking": "Hm.", "signature": "EqQB"}
UNSIGNED = {"type": "thinking", "thinking": "Hm.", "signature": ""}
USER = {"role": "user", "content": "ls"}


def called(own: str, *before: dict[str, Any]) -> list[dict[str, Any]]:
    """Give an assistant's call and the user's result."""
    call = {"type": "tool_use", "id": own, "name": "Bash", "input": {}}
    result = {"type": "tool_result", "tool_use_id": own, "content": "a b"}
    return [{"role": "assistant", "content": [*before, call]}, {"role": "user", "content": [result]}]


def body(*messages: dict[str, Any], thinking: Any = ON, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    return {"thinking": thinking, "messages": list(messages), **more}


def left(asked: dict[str, Any], *, memory: Memory | None = None) -> dict[str, Any]:
    """Let both quirks work, as they do on the way to Anthropic."""
    draft = draft_of(ANTHROPIC, json.dumps(asked), memory)
    steps = [(quirk.name, quirk.request) for quirk in chosen(AUTO, ANTHROPIC) if quirk.name in (MISSING, FOREIGN)]
    assert [name for name, _ in steps] == [FOREIGN, MISSING]
    assert draft.run_all([(name, mend) for name, mend in steps if mend is not None]) == {}
    found: dict[str, Any] = json.loads(draft.body())
    return found


_LOOP = (
    '"messages":[{"role":"user", "content":"ls"},{"role":"assistant","content":[{"type":"tool_use","id":"call_1"}]},'
    '{"role":"user","content":[{"type":"tool_result", "tool_use_id":"call_1"}]}]'
)
ROWS = {
    "a turn of another's": Row(
        MISSING,
        "messages",
        '{"thinking":{"type":"enabled","budget_tokens":4000},' + _LOOP + ',"top_p":1.0}',
        '{"thinking":{"type":"disabled"},' + _LOOP + ',"top_p":1.0}',
        host="api.anthropic.com",
        kinds=("lost",),
    ),
    "as Claude Code asks for it": Row(
        MISSING,
        "messages",
        '{"thinking":{"type":"enabled","budget_tokens":4000},"context_management":{"edits":'
        '[{"type":"clear_thinking_20251015", "keep":"all"}]},' + _LOOP + "}",
        '{"thinking":{"type":"disabled"},' + _LOOP + "}",
        host="api.anthropic.com",
        kinds=("lost", "mended"),
    ),
    "with another edit of the context": Row(
        MISSING,
        "messages",
        '{"thinking":{"type":"enabled"},"context_management":{"edits":[{"type":"clear_thinking_20251015"},'
        '{"type":"clear_tool_uses_20250919"}]},' + _LOOP + "}",
        '{"thinking":{"type":"disabled"},"context_management":{"edits":['
        '{"type":"clear_tool_uses_20250919"}]},' + _LOOP + "}",
        host="us-east5-aiplatform.googleapis.com",
        kinds=("lost", "mended"),
    ),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_what_is_refused_is_accepted_after(row: Row) -> None:
    check_row(row, REFUSALS)


@pytest.mark.parametrize(
    "asked",
    (
        body(USER, *called("call_1"), thinking={"type": "adaptive"}),  # it knows no such rule
        body(USER, *called("call_1"), thinking=OFF),
        {"messages": [USER, *called("call_1")]},
        body(USER, *called("call_1", OWN)),
        body(USER, *called("call_1", {"type": "redacted_thinking", "data": "x"})),
        body(USER, *called("toolu_01")),  # Claude varies: its own turn without thinking is the API's to judge
        body(USER, *called("call_1"), *called("toolu_01", OWN)),
        body(USER, *called("toolu_01", OWN), *called("call_1")),
        body(USER, *called("call_1"), {"role": "assistant", "content": "a b"}, USER),  # the turn is over
        body(USER, *called("call_1"), USER),
        body(USER, *called("call_1")[:1]),
        body(USER),
        body(),
    ),
)
def test_what_is_in_order_or_not_known_keeps_its_bytes(asked: dict[str, Any]) -> None:
    text = json.dumps(asked, indent=1)
    draft = run(MISSING, ANTHROPIC, text)
    assert draft.body().decode() == text
    assert draft.notes == []


@pytest.mark.parametrize(
    "asked",
    (
        body(USER, *called("call_1")),
        body(USER, *called("call_1"), *called("call_2")),
        body(USER, *called("toolu_01"), *called("functions.Bash:0")),
        body(USER, *called("call_1", {"type": "text", "text": "I look."})),
        body(USER, *called("call_1"), {"role": "system", "content": "now"}),
        body(USER, *called("toolu_00", OWN), {"role": "assistant", "content": "a"}, USER, *called("call_1")),
    ),
)
def test_a_turn_whose_calls_are_another_s_goes_on_without_thinking(asked: dict[str, Any]) -> None:
    assert REFUSALS[MISSING](asked, Headers()) is not None
    given_on = mended(MISSING, ANTHROPIC, json.dumps(asked))
    assert given_on == {**asked, "thinking": OFF}
    assert REFUSALS[MISSING](given_on, Headers()) is None


def test_a_turn_whose_thinking_was_taken_out_goes_on_without_whatever_its_ids() -> None:
    asked = body(USER, *called("toolu_01", UNSIGNED))
    assert left(asked) == body(USER, *called("toolu_01"), thinking=OFF)


def test_thinking_that_was_taken_out_of_an_older_turn_is_of_no_account() -> None:
    older = [USER, *called("toolu_00", UNSIGNED), {"role": "assistant", "content": "a"}, USER]
    asked = body(*older, *called("toolu_01", OWN))
    assert left(asked)["thinking"] == ON


def test_once_the_turn_is_over_it_thinks_again() -> None:
    asked = body(USER, *called("call_1", UNSIGNED), {"role": "assistant", "content": "a"}, USER)
    assert left(asked) == body(USER, *called("call_1"), {"role": "assistant", "content": "a"}, USER)


@pytest.mark.parametrize("host", ("api.anthropic.com", "us-east5-aiplatform.googleapis.com"))
def test_it_is_on_where_thinking_is_verified(host: str) -> None:
    assert MISSING in {quirk.name for quirk in chosen(AUTO, Scope("messages", "claude-opus-4-5", host=host))}


@pytest.mark.parametrize("host", ("api.kimi.com", "api.deepseek.com", "llm.example", "127.0.0.1"))
def test_it_is_off_where_it_is_not(host: str) -> None:
    assert MISSING not in {quirk.name for quirk in chosen(AUTO, Scope("messages", "m", host=host))}


# -- who thought, where only the model's name tells


def remembered(scope: Scope) -> Memory:
    """Give what all recorders of an exchange keep of a signed reply."""
    memory = Memory()
    reply = json.dumps({"content": [{"type": "thinking", "thinking": "Hm.", "signature": "q3Vk"}]}).encode()
    for quirk in chosen(AUTO, scope):
        if quirk.recorder is not None:
            hears = quirk.recorder(scope, memory)
            hears.body(reply)
            hears.close()
    return memory


@pytest.mark.parametrize(
    ("model", "host"),
    (
        ("moonshotai/kimi-k2.6", "openrouter.ai"),
        ("kimi-k2.6", "llm.example"),
        ("Qwen/Qwen3-32B", "127.0.0.1"),
        ("deepseek-v4-pro", "10.0.0.7"),
        ("glm-4.7", "localhost"),
        ("kimi-for-coding", "api.kimi.com"),
    ),
)
def test_a_model_that_is_no_claude_is_known_to_be_none_wherever_it_runs(model: str, host: str) -> None:
    memory = remembered(Scope("messages", model, host=host))
    asked = body(USER, *called("toolu_01", {**OWN, "signature": "q3Vk"}))
    assert left(asked, memory=memory) == body(USER, *called("toolu_01"), thinking=OFF)


@pytest.mark.parametrize(
    ("model", "host"),
    (
        ("claude-sonnet-4-5", "llm.example"),
        ("anthropic/claude-opus-5", "openrouter.ai"),
        ("kimi-or-claude", "llm.example"),
        ("smart", "llm.example"),
        ("smart", "openrouter.ai"),
        (None, "llm.example"),
    ),
)
def test_what_may_be_claude_s_is_left_alone(model: str | None, host: str) -> None:
    memory = remembered(Scope("messages", model, host=host))
    asked = body(USER, *called("toolu_01", {**OWN, "signature": "q3Vk"}))
    assert left(asked, memory=memory) == asked


def test_the_recorder_is_on_for_strangers_and_changes_no_request() -> None:
    quirk = all_quirks()[ISSUER]
    assert quirk in chosen(AUTO, Scope("messages", "kimi-k2.6", host="llm.example"))
    assert quirk.request is None
    assert quirk.step is None
    assert quirk.reply is None


LIKELY = st.lists(
    st.sampled_from((USER, *called("call_1"), *called("toolu_01", OWN), *called("toolu_02", UNSIGNED))), max_size=6
)


@given(LIKELY, st.sampled_from((ON, OFF, {"type": "adaptive"}, None, "on")), st.booleans())
def test_no_turn_is_refused_that_was_not_before(messages: list[Any], thinking: Any, clear: bool) -> None:  # noqa: ANN401, FBT001 - any JSON, and a drawn flag
    edits = {"edits": [{"type": "clear_thinking_20251015"}]}
    asked = body(*messages, thinking=thinking, **({"context_management": edits} if clear else {}))
    check_any(MISSING, ANTHROPIC, asked)
    if isinstance(thinking, dict) and REFUSALS[MISSING](asked, Headers()) is None:
        assert REFUSALS[MISSING](mended(MISSING, ANTHROPIC, json.dumps(asked)), Headers()) is None


@given(CHAT_BODIES)
def test_any_body_goes_through(asked: object) -> None:
    check_any(MISSING, ANTHROPIC, asked)
    if isinstance(asked, dict):
        check_any(MISSING, ANTHROPIC, {**asked, "thinking": ON})
