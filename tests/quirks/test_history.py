"""What another provider left in the history: rows of refused requests and how they are accepted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.quirks.refusals_history import REFUSALS
from tests.quirks.request_kit import CHAT_BODIES, RESPONSES_BODIES, Row, check_any, check_row, draft_of, mended, run
from wiremend.headers import Headers
from wiremend.quirks import all_quirks
from wiremend.quirks.amend import New, rearrange
from wiremend.quirks.base import Scope, WireName

if TYPE_CHECKING:
    from wiremend.notes import Kind

LOST: tuple[Kind, ...] = ("lost",)
NONE = "(no result: the call was interrupted)"
ROWS = {
    "reasoning": Row(
        "reasoning-field-forbidden",
        "chat",
        '{"messages": [{"role":"user","content":"a"},{"role":"assistant","reasoning_content":"\\n","content":"b" ,'
        '"reasoning":"r","reasoning_details":[{"type":"x"}]}],"top_p":1.0}',
        '{"messages": [{"role":"user","content":"a"},{"role":"assistant","content":"b"}],"top_p":1.0}',
        host="api.groq.com",
        kinds=LOST,
    ),
    "keys that a role lacks": Row(
        "unknown-message-keys",
        "chat",
        '{"messages":[{"role":"user","content":"Hi","name":"","tool_calls":null,"timestamp":1}]}',
        '{"messages":[{"role":"user","content":"Hi"}]}',
        kinds=("mended", "lost"),
    ),
    "a tool's name, and extra content of a call": Row(
        "unknown-message-keys",
        "chat",
        '{"messages":[{"role":"assistant","content":null,"reasoning_content":"why","tool_calls":[{"id":"c1",'
        '"type":"function","function":{"name":"f","arguments":"{}"},"extra_content":{"google":1}}]},'
        '{"role":"tool","tool_call_id":"c1","tool_name":"f","content":"r"}]}',
        '{"messages":[{"role":"assistant","content":null,"reasoning_content":"why","tool_calls":[{"id":"c1",'
        '"type":"function","function":{"name":"f","arguments":"{}"}}]},'
        '{"role":"tool","tool_call_id":"c1","content":"r"}]}',
        kinds=LOST,
    ),
    "chat: a call without a result": Row(
        "tool-result-orphan",
        "chat",
        '{"messages":[{"role":"assistant","content":null,"tool_calls":[{"id":"c1"},{"id":"c2"}]},'
        '{"role":"tool","tool_call_id":"c2","content":"r"},{"role":"user","content":"go on"}]}',
        '{"messages":[{"role":"assistant","content":null,"tool_calls":[{"id":"c1"},{"id":"c2"}]},'
        '{"role":"tool","tool_call_id":"c2","content":"r"},'
        f'{{"role":"tool","tool_call_id":"c1","content":"{NONE}"}},{{"role":"user","content":"go on"}}]}}',
        kinds=LOST,
    ),
    "chat: a call at the end keeps the bytes before it": Row(
        "tool-result-orphan",
        "chat",
        '{"messages":[{"role":"user","n":1.50, "content":"x"},{"role":"assistant","tool_calls":[{"id":"c1"}]}]}',
        '{"messages":[{"role":"user","n":1.50, "content":"x"},{"role":"assistant","tool_calls":[{"id":"c1"}]},'
        f'{{"role":"tool","tool_call_id":"c1","content":"{NONE}"}}]}}',
        kinds=LOST,
    ),
    "chat: all but what is put in and moved keeps its bytes": Row(
        "tool-result-orphan",
        "chat",
        '{"messages":[ {"role":"user","n":1.50} , {"n":1E2 ,"role":"assistant","tool_calls":[{"id":"c1"},{"id":"c2"}]},'
        '{"role":"user","n":2.50} ,\n{"role":"tool","tool_call_id":"c2","content":"r"}, {"role":"user","n": 3.00} ]}',
        '{"messages":[ {"role":"user","n":1.50} , {"n":1E2 ,"role":"assistant","tool_calls":[{"id":"c1"},{"id":"c2"}]},'
        '{"role":"tool","tool_call_id":"c2","content":"r"},'
        f'{{"role":"tool","tool_call_id":"c1","content":"{NONE}"}},'
        '{"role":"user","n":2.50} , {"role":"user","n": 3.00} ]}',
        kinds=LOST,
    ),
    "chat: a result without a call": Row(
        "tool-result-orphan",
        "chat",
        '{"messages":[{"role":"user", "content":"x"},{"role":"tool","tool_call_id":"c9","content":"r"}]}',
        '{"messages":[{"role":"user", "content":"x"}]}',
        kinds=LOST,
    ),
    "chat: a message between a call and its result": Row(
        "tool-result-orphan",
        "chat",
        '{"messages":[{"role":"assistant","tool_calls":[{"id":"c1"}]},{"role":"user","content":"wait"},'
        '{"role":"tool","tool_call_id":"c1","content":"r"}]}',
        '{"messages":[{"role":"assistant","tool_calls":[{"id":"c1"}]},'
        '{"role":"tool","tool_call_id":"c1","content":"r"},{"role":"user","content":"wait"}]}',
        kinds=LOST,
    ),
    "messages: a call without a result": Row(
        "tool-result-orphan",
        "messages",
        '{"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"t1","name":"f","input":{"n":1.50}}]},'
        '{"role":"user","content":"go on"}]}',
        '{"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"t1","name":"f","input":{"n":1.50}}]},'
        f'{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"t1","content":"{NONE}","is_error":true}},'
        '{"type":"text","text":"go on"}]}]}',
        kinds=LOST,
    ),
    "messages: results come first, and those of no call go": Row(
        "tool-result-orphan",
        "messages",
        '{"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"t1"}]},{"role":"user","content":['
        '{"type":"text","text":"a"},{"type":"tool_result","tool_use_id":"t0"},'
        '{"type":"tool_result","tool_use_id":"t1"}]}]}',
        '{"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"t1"}]},{"role":"user","content":['
        '{"type":"tool_result","tool_use_id":"t1"},{"type":"text","text":"a"}]}]}',
        kinds=LOST,
    ),
    "messages: blocks keep their bytes": Row(
        "tool-result-orphan",
        "messages",
        '{"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"t1"},{"type":"tool_use","id":"t2"}]},'
        '{"role":"user","content":[ {"type":"text","text":"a","n":1.50},{"type":"tool_result","tool_use_id":"t2"},'
        ' {"type":"text","text":"b" , "n":2E1} ]}]}',
        '{"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"t1"},{"type":"tool_use","id":"t2"}]},'
        '{"role":"user","content":[{"type":"tool_result","tool_use_id":"t2"},'
        f'{{"type":"tool_result","tool_use_id":"t1","content":"{NONE}","is_error":true}},'
        ' {"type":"text","text":"a","n":1.50}, {"type":"text","text":"b" , "n":2E1} ]}]}',
        kinds=LOST,
    ),
    "messages: a call that nothing follows": Row(
        "tool-result-orphan",
        "messages",
        '{"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"t1"}]}]}',
        '{"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"t1"}]},'
        f'{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"t1","content":"{NONE}",'
        '"is_error":true}]}]}',
        kinds=LOST,
    ),
    "responses: both kinds of orphans": Row(
        "tool-result-orphan",
        "responses",
        '{"input":[{"type":"function_call","call_id":"c1","name":"f","arguments":"{}"},'
        '{"type":"function_call_output","call_id":"c0","output":"r"},{"role":"user","content":"go on"}]}',
        '{"input":[{"type":"function_call","call_id":"c1","name":"f","arguments":"{}"},'
        f'{{"type":"function_call_output","call_id":"c1","output":"{NONE}"}},{{"role":"user","content":"go on"}}]}}',
        kinds=LOST,
    ),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_what_is_refused_is_accepted_after(row: Row) -> None:
    check_row(row, REFUSALS)


def test_where_the_provider_holds_the_history_nothing_is_an_orphan() -> None:
    body = '{"previous_response_id":"resp_1","input":[{"type":"function_call_output","call_id":"c0","output":"r"}]}'
    assert run("tool-result-orphan", Scope("responses"), body).notes == []


def test_anthropic_gets_what_the_client_sent() -> None:
    body = '{"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"t1"}]}]}'
    assert run("tool-result-orphan", Scope("messages", host="api.anthropic.com"), body).notes == []


def test_server_tools_are_no_orphans() -> None:
    blocks = [
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}},
        {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
        {"type": "redacted_thinking", "data": "x"},
    ]
    body = json.dumps({"messages": [{"role": "assistant", "content": blocks}, {"role": "user", "content": "a"}]})
    assert run("tool-result-orphan", Scope("messages"), body).notes == []


IDS = st.sampled_from(("c1", "c2", "c3"))
CHAT_TURNS = st.lists(
    st.one_of(
        st.builds(lambda text: {"role": "user", "content": text}, IDS),
        st.builds(
            lambda ids: {"role": "assistant", "content": "", "tool_calls": [{"id": one} for one in ids]},
            st.lists(IDS, unique=True, max_size=3),
        ),
        st.builds(lambda one: {"role": "tool", "tool_call_id": one, "content": one}, IDS),
    ),
    max_size=9,
)


@given(CHAT_TURNS)
def test_any_chat_is_whole_after(turns: list[dict[str, object]]) -> None:
    left = mended("tool-result-orphan", Scope("chat"), json.dumps({"messages": turns}))
    assert REFUSALS["tool-result-orphan"](left, Headers()) is None
    others = [turn for turn in turns if turn["role"] != "tool"]
    assert [turn for turn in left["messages"] if turn["role"] != "tool"] == others


BLOCK_TURNS = st.lists(
    st.one_of(
        st.builds(
            lambda ids, text: {
                "role": "user",
                "content": [
                    *({"type": "tool_result", "tool_use_id": one} for one in ids),
                    {"type": "text", "text": text},
                ],
            },
            st.lists(IDS, max_size=3),
            IDS,
        ),
        st.builds(lambda text: {"role": "user", "content": text}, IDS),
        st.builds(
            lambda ids: {"role": "assistant", "content": [{"type": "tool_use", "id": one} for one in ids]},
            st.lists(IDS, unique=True, max_size=3),
        ),
    ),
    max_size=8,
)


@given(BLOCK_TURNS)
def test_any_turns_of_blocks_are_whole_after(turns: list[dict[str, object]]) -> None:
    left = mended("tool-result-orphan", Scope("messages"), json.dumps({"messages": turns}))
    assert REFUSALS["tool-result-orphan"](left, Headers()) is None


@pytest.mark.parametrize("wire", ("chat", "messages"))
@pytest.mark.parametrize("name", REFUSALS)
@given(body=CHAT_BODIES)
def test_any_body_goes_through(wire: WireName, name: str, body: object) -> None:
    check_any(name, Scope(wire), body)


@given(RESPONSES_BODIES)
def test_any_input_goes_through(body: object) -> None:
    check_any("tool-result-orphan", Scope("responses"), body)


CHAT_QUIRKS = (
    "role-developer-rejected",
    "system-not-first",
    "roles-must-alternate",
    "reasoning-field-forbidden",
    "unknown-message-keys",
    "tool-result-orphan",
    "tool-content-must-be-string",
    "assistant-empty-text",
    "assistant-null-content",
    "lone-surrogates",
    "image-unsupported",
)


@given(CHAT_BODIES)
def test_quirks_that_follow_each_other_on_one_draft_agree_with_its_bytes(body: object) -> None:
    draft = draft_of(Scope("chat"), json.dumps(body))
    for name in CHAT_QUIRKS:
        mend = all_quirks()[name].request
        assert mend is not None
        assert draft.run(name, mend) is None
        assert json.loads(draft.body()) == draft.document


@given(st.data())
def test_a_list_is_what_its_plan_says_and_what_stays_in_order_keeps_its_bytes(data: st.DataObject) -> None:
    count = data.draw(st.integers(0, 6))
    staying = data.draw(st.permutations(range(count)))[: data.draw(st.integers(0, count))]
    plan: list[int | New] = list(staying)
    for _ in range(data.draw(st.integers(0, 3))):
        plan.insert(data.draw(st.integers(0, len(plan))), New({"new": [1]}))
    body = b'{ "n":1.50,"l":[' + b",".join(b' {"i":%d, "n":1.50} ' % index for index in range(count)) + b"]}"
    draft = draft_of(Scope("chat"), body)
    rearrange(draft, ("l",), plan, "moved")
    left = draft.body()
    wanted = [entry.value if isinstance(entry, New) else {"i": entry, "n": 1.5} for entry in plan]
    assert json.loads(left)["l"] == wanted
    assert json.loads(left) == draft.document
    if list(staying) == sorted(staying):
        assert all(b'{"i":%d, "n":1.50}' % index in left for index in staying)
        assert len(draft.notes) == count - len(staying) + len(plan) - len(staying)


def test_a_list_of_which_too_much_moves_is_written_anew() -> None:
    body = json.dumps({"l": list(range(600))}).encode()
    draft = draft_of(Scope("chat"), body)
    rearrange(draft, ("l",), list(reversed(range(600))), "turned")
    assert json.loads(draft.body()) == {"l": list(reversed(range(600)))}
    assert [note.where for note in draft.notes] == ["/l"]
