"""Roles: each row is a request that a provider refuses, and the same as it is accepted."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.quirks.refusals_roles import REFUSALS
from tests.quirks.request_kit import CHAT_BODIES, Row, check_any, check_row, mended, run
from wiremend.headers import Headers
from wiremend.quirks.base import Scope

CALL = '{"role":"assistant","content":null,"tool_calls":[{"id":"c1"}]}'
ROWS = {
    "developer": Row(
        "role-developer-rejected",
        "chat",
        '{"messages": [{"role":"developer", "content":"Be short."},{"content":"x","role":"developer"}], "seed":1.0e2}',
        '{"messages": [{"role":"system", "content":"Be short."},{"content":"x","role":"system"}], "seed":1.0e2}',
        host="api.deepseek.com",
    ),
    "developer at OpenRouter": Row(
        "role-developer-rejected",
        "chat",
        '{"messages":[{"role":"developer","content":"x"}]}',
        '{"messages":[{"role":"system","content":"x"}]}',
        host="openrouter.ai",
        model="moonshotai/kimi-k2.6",
    ),
    "later systems go behind the first": Row(
        "system-not-first",
        "chat",
        '{"messages":[{"role":"system","content":"A"},{"role":"user","content":"x","n":1.50},'
        '{"role":"system","content":"B"},{"role":"developer","content":"C"},{"role":"user","content":"y"}]}',
        '{"messages":[{"role":"system","content":"A\\n\\nB\\n\\nC"},{"role":"user","content":"x","n":1.50},'
        '{"role":"user","content":"y"}]}',
    ),
    "system parts stay parts": Row(
        "system-not-first",
        "chat",
        '{"messages":[{"role":"system","content":"A"},{"role":"user","content":"x"},'
        '{"role":"system","content":[{"type":"text","text":"B","cache_control":{"type":"ephemeral"}}]}]}',
        '{"messages":[{"role":"system","content":[{"type":"text","text":"A"},'
        '{"type":"text","text":"B","cache_control":{"type":"ephemeral"}}]},{"role":"user","content":"x"}]}',
    ),
    "a first system is made": Row(
        "system-not-first",
        "chat",
        '{"messages":[{"role":"user","content":"x"},{"role":"system","content":"B"}],"top_p": 1.0}',
        '{"messages":[{"role":"system","content":"B"},{"role":"user","content":"x"}],"top_p": 1.0}',
    ),
    "a first system is made, and all else keeps its bytes": Row(
        "system-not-first",
        "chat",
        '{"messages":[ {"role":"user","content":"","n":1.50}, {"role":"system","content":"B"} ,{"role":"x","n":1E2} ]}',
        '{"messages":[{"role":"system","content":"B"}, {"role":"user","content":"","n":1.50},{"role":"x","n":1E2} ]}',
    ),
    "two of a user's": Row(
        "roles-must-alternate",
        "chat",
        '{"messages":[{"role":"system","content":"S"},{"role":"user","content":"a"},{"role":"user","content":"b"}]}',
        '{"messages":[{"role":"system","content":"S"},{"role":"user","content":"a\\n\\nb"}]}',
    ),
    "assistants that say nothing, as the catalogue has them": Row(
        "roles-must-alternate",
        "chat",
        '{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":""},'
        '{"role":"assistant","content":""}]}',
        '{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":""}]}',
    ),
    "an assistant that says nothing behind one that cannot take it in": Row(
        "roles-must-alternate",
        "chat",
        '{"messages":[{"role":"assistant","content":"a","reasoning_content":"why"},'
        '{"role":"assistant","content":null}]}',
        '{"messages":[{"role":"assistant","content":"a","reasoning_content":"why"}]}',
    ),
    "a text and parts become parts": Row(
        "roles-must-alternate",
        "chat",
        '{"messages":[{"role":"user","content":"a"},{"role":"user","content":[{"type":"text","text":"b"}]}]}',
        '{"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}]}',
    ),
    "a text and a call become one turn": Row(
        "roles-must-alternate",
        "chat",
        '{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"I look."},'
        '{"role":"assistant","content":"","tool_calls":[{"id":"c1"}]},'
        '{"role":"tool","tool_call_id":"c1","content":"r"}]}',
        '{"messages":[{"role":"user","content":"a"},'
        '{"role":"assistant","content":"I look.","tool_calls":[{"id":"c1"}]},'
        '{"role":"tool","tool_call_id":"c1","content":"r"}]}',
    ),
    "a system turn becomes a reminder": Row(
        "system-role-in-messages",
        "messages",
        '{"system":"S","messages":[{"role":"user","content":"a"},{"role":"system","content":"The file changed."}]}',
        '{"system":"S","messages":[{"role":"user","content":"a"},'
        '{"role":"user","content":"<system-reminder>\\nThe file changed.\\n</system-reminder>"}]}',
    ),
    "a system turn of blocks keeps what is in them": Row(
        "system-role-in-messages",
        "messages",
        '{"messages":[{"role":"system","content":[{"type":"text","text":"x","cache_control":{"type":"ephemeral"}}]}]}',
        '{"messages":[{"role":"user","content":[{"type":"text","text":"<system-reminder>\\nx\\n</system-reminder>",'
        '"cache_control":{"type":"ephemeral"}}]}]}',
    ),
    "a system turn between a call and its result": Row(
        "system-role-in-messages",
        "messages",
        '{"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"t1"}]},'
        '{"role":"system","content":"x"},'
        '{"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":"r"}]}]}',
        '{"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"t1"}]},'
        '{"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":"r"},'
        '{"type":"text","text":"<system-reminder>\\nx\\n</system-reminder>"}]}]}',
    ),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_what_is_refused_is_accepted_after(row: Row) -> None:
    check_row(row, REFUSALS)


@pytest.mark.parametrize("model", ("openai/gpt-5.6", "Anthropic/claude-sonnet-4-5"))
def test_openrouter_keeps_developer_where_the_model_knows_it(model: str) -> None:
    body = '{"messages":[{"role":"developer","content":"x"}]}'
    scope = Scope("chat", model, host="openrouter.ai")
    assert run("role-developer-rejected", scope, body).notes == []


@pytest.mark.parametrize(
    "kept",
    (
        '[{"role":"assistant","content":"a","reasoning_content":"why"},{"role":"assistant","content":"b"}]',
        '[{"role":"user","name":"ann","content":"a"},{"role":"user","name":"bob","content":"b"}]',
        '[{"role":"tool","content":"a"},{"role":"tool","content":"b"}]',
        '[{"role":"user","content":"a"},{"role":"assistant","content":""},{"role":"user","content":"b"}]',
        '[{"role":"assistant","content":null,"reasoning_content":"why"},{"role":"user","content":"a"}]',
    ),
)
def test_neighbours_that_cannot_become_one_stay_two(kept: str) -> None:
    body = f'{{"messages":{kept}}}'
    assert run("roles-must-alternate", Scope("chat"), body).body().decode() == body


TURNS = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(("user", "assistant")), "content": st.sampled_from(("", "a", "b"))}),
    min_size=2,
    max_size=8,
)


@given(TURNS)
def test_merged_turns_alternate_and_say_all_that_was_said(turns: list[dict[str, str]]) -> None:
    left = mended("roles-must-alternate", Scope("chat"), json.dumps({"messages": turns}))
    assert REFUSALS["roles-must-alternate"](left, Headers()) is None
    said = [letter for turn in turns for letter in turn["content"]]
    assert [letter for turn in left["messages"] for letter in turn["content"] if letter != "\n"] == said


NAMES = ("role-developer-rejected", "system-not-first", "roles-must-alternate", "system-role-in-messages")


@pytest.mark.parametrize("name", NAMES)
@given(body=CHAT_BODIES)
def test_any_body_goes_through(name: str, body: object) -> None:
    check_any(name, Scope("messages" if name == "system-role-in-messages" else "chat"), body)
