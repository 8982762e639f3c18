"""Inputs and tools of the responses wire: rows of refused requests, and how they are accepted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.quirks.refusals_responses_input import REFUSALS
from tests.quirks.request_kit import RESPONSES_BODIES, Row, check_any, check_row, mended, run
from wiremend.quirks import all_quirks
from wiremend.quirks.base import Scope
from wiremend.quirks.memory import Memory
from wiremend.quirks.responses_tools import flat_name, split_name

if TYPE_CHECKING:
    from wiremend.notes import Kind

LOST: tuple[Kind, ...] = ("lost",)
ROWS = {
    "Codex's tools": Row(
        "resp-tool-types",
        "responses",
        '{"tools":[{"type":"function","name":"shell","strict":false,"parameters":{"type":"object", "n":1.50}},'
        '{"type":"namespace","name":"mcp__git","description":"Git.","tools":[{"type":"function","name":"log",'
        '"description":"Shows it.","strict":false,"parameters":{"type":"object"}}]},'
        '{"type":"web_search","external_web_access":true},{"type":"custom","name":"apply_patch"}],'
        '"tool_choice":"auto", "input":[]}',
        '{"tools":[{"type":"function","name":"shell","strict":false,"parameters":{"type":"object", "n":1.50}},'
        '{"type":"function","name":"mcp__git-_-log","description":"Shows it.","strict":false,'
        '"parameters":{"type":"object"}}],"tool_choice":"auto", "input":[]}',
        kinds=("mended", "lost"),
    ),
    "hosted tools alone keep the bytes of the others": Row(
        "resp-tool-types",
        "responses",
        '{"tools":[{"type":"function","name":"f","n":1.50},{"type":"web_search"}],"input":[]}',
        '{"tools":[{"type":"function","name":"f","n":1.50}],"input":[]}',
        kinds=LOST,
    ),
    "no tool is left": Row(
        "resp-tool-types",
        "responses",
        '{"tools":[{"type":"web_search"}],"tool_choice":{"type":"web_search"},"parallel_tool_calls":false,"input":[]}',
        '{"input":[]}',
        kinds=LOST,
    ),
    "a choice and a history that name a namespace": Row(
        "resp-tool-types",
        "responses",
        '{"tools":[{"type":"namespace","name":"ns","tools":[{"type":"function","name":"f"}]}],'
        '"tool_choice":{"type":"function","namespace":"ns","name":"f"},'
        '"input":[{"type":"function_call","call_id":"c1","name":"f","namespace":"ns","arguments":"{}"},'
        '{"type":"custom_tool_call","call_id":"c2","name":"apply_patch","input":"*** Begin"},'
        '{"type":"custom_tool_call_output","call_id":"c2","output":"ok"}]}',
        '{"tools":[{"type":"function","name":"ns-_-f"}],'
        '"tool_choice":{"type":"function","name":"ns-_-f"},'
        '"input":[{"type":"function_call","call_id":"c1","name":"ns-_-f","arguments":"{}"},'
        '{"type":"function_call","call_id":"c2","name":"apply_patch","arguments":"{\\"input\\":\\"*** Begin\\"}"},'
        '{"type":"function_call_output","call_id":"c2","output":"ok"}]}',
    ),
    "fields that xAI lacks": Row(
        "resp-unsupported-fields",
        "responses",
        '{"model":"grok-4","service_tier":"auto","max_output_tokens":9}',
        '{"model":"grok-4","max_output_tokens":9}',
        host="api.x.ai",
        kinds=LOST,
    ),
    "fields, by name, at any host": Row(
        "resp-unsupported-fields",
        "responses",
        '{"prompt_cache_retention":"24h","model":"m","max_output_tokens":9,"prompt_cache_options":{}}',
        '{"model":"m"}',
        kinds=LOST,
    ),
    "an empty id": Row(
        "resp-item-id-replay",
        "responses",
        '{"input":[{"type":"message","id":"","role":"assistant","content":[]}]}',
        '{"input":[{"type":"message","role":"assistant","content":[]}]}',
        host="api.openai.com",
    ),
    "ids of what is not stored": Row(
        "resp-item-id-replay",
        "responses",
        '{"store":false,"input":[{"type":"function_call","id":"fc_1","call_id":"c1"},'
        '{"type":"item_reference","id":"msg_1"}, {"type":"message","id":"msg_2","role":"assistant","content":"a"}]}',
        '{"store":false,"input":[{"type":"function_call","call_id":"c1"},'
        '{"type":"item_reference","id":"msg_1"}, {"type":"message","role":"assistant","content":"a"}]}',
        host="api.githubcopilot.com",
    ),
    "the status of a call": Row(
        "resp-fc-status",
        "responses",
        '{"input":[{"type":"function_call","call_id":"c1","status":"completed"},'
        '{"type":"message","role":"assistant","content":"a","status":"completed"}]}',
        '{"input":[{"type":"function_call","call_id":"c1"},'
        '{"type":"message","role":"assistant","content":"a","status":"completed"}]}',
    ),
    "an input that is a text": Row(
        "resp-string-input",
        "responses",
        '{"model":"m", "input":"hi"}',
        '{"model":"m", "input":[{"role":"user","content":[{"type":"input_text","text":"hi"}]}]}',
    ),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_what_is_refused_is_accepted_after(row: Row) -> None:
    check_row(row, REFUSALS)


@pytest.mark.parametrize("host", ("api.openai.com", "chatgpt.com", "eu.api.openai.com", "me.openai.azure.com"))
def test_openai_gets_ids_and_texts_as_they_are(host: str) -> None:
    body = '{"store":false,"input":[{"type":"message","id":"msg_1","role":"assistant","content":"a"}]}'
    assert run("resp-item-id-replay", Scope("responses", host=host), body).notes == []
    assert run("resp-string-input", Scope("responses", host=host), '{"input":"hi"}').notes == []


def test_ids_of_what_may_be_stored_stay() -> None:
    body = '{"input":[{"type":"message","id":"msg_1","role":"assistant","content":"a"}]}'
    assert run("resp-item-id-replay", Scope("responses"), body).notes == []


def test_a_tool_that_is_chosen_and_left_out_is_chosen_no_more() -> None:
    choice = '{"type":"custom","name":"p"}'
    body = f'{{"tools":[{{"type":"function","name":"f"}},{choice}],"tool_choice":{choice}}}'
    draft = run("resp-tool-types", Scope("responses"), body)
    assert json.loads(draft.body()) == {"tools": [{"type": "function", "name": "f"}], "tool_choice": "auto"}
    assert ("/tool_choice", "lost") in {(note.where, note.kind) for note in draft.notes}


# --- names, there and back --------------------------------------------------------------------------------------------

NAMES = st.text("ab-_", min_size=1, max_size=6)


@given(NAMES | st.just(""), NAMES)
def test_a_joined_name_is_read_back(namespace: str, name: str) -> None:
    flat = flat_name(namespace, name)
    if flat is None:
        assert "-" in namespace  # no namespace of Codex has one
    elif namespace:
        assert split_name(flat) == (namespace, name)
    else:
        assert flat == name


PLAIN = st.text("ab_", min_size=1, max_size=6)


@given(st.lists(st.tuples(PLAIN | st.just(""), PLAIN), unique=True, max_size=5))
def test_every_offered_tool_has_a_name_of_its_own_that_comes_back(pairs: list[tuple[str, str]]) -> None:
    tools: list[dict[str, Any]] = [
        {"type": "namespace", "name": space, "tools": [{"type": "function", "name": name}]}
        if space
        else {"type": "function", "name": name}
        for space, name in pairs
    ]
    left = mended("resp-tool-types", Scope("responses"), json.dumps({"tools": tools}))
    flat = [tool["name"] for tool in left.get("tools", [])]
    assert [split_name(name) for name in flat] == pairs
    assert len(set(flat)) == len(flat)


CALL = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "mcp__git-_-log", "arguments": "{}"}
TOLD = {**CALL, "name": "log", "namespace": "mcp__git"}


@pytest.mark.parametrize(
    ("event", "wanted"),
    (
        ({"type": "response.output_item.added", "item": CALL}, {"type": "response.output_item.added", "item": TOLD}),
        ({"type": "response.output_item.done", "item": CALL}, {"type": "response.output_item.done", "item": TOLD}),
        (
            {"type": "response.completed", "response": {"output": [{"type": "message"}, CALL]}},
            {"type": "response.completed", "response": {"output": [{"type": "message"}, TOLD]}},
        ),
    ),
)
def test_the_names_are_told_apart_in_a_stream(event: dict[str, Any], wanted: dict[str, Any]) -> None:
    step = all_quirks()["resp-tool-types"].step
    assert step is not None
    running, notes = step(Scope("responses"), Memory()), []
    text = json.dumps(event)
    assert any(needle in text.encode() for needle in running.needles)
    assert running.event(json.loads(text), lambda *note: notes.append(note)) == [wanted]
    assert len(notes) == 2
    assert running.event(wanted, lambda *note: notes.append(note)) is None
    assert running.close(lambda *note: notes.append(note)) == []
    assert len(notes) == 2


def test_the_names_are_told_apart_in_a_body() -> None:
    reply = all_quirks()["resp-tool-types"].reply
    assert reply is not None
    notes: list[tuple[str, str]] = []
    body: dict[str, Any] = {"output": [dict(CALL), {**CALL, "name": "plain"}]}
    reply(body, Scope("responses"), Memory(), lambda *note: notes.append(note))
    assert body == {"output": [TOLD, {**CALL, "name": "plain"}]}
    assert len(notes) == 2


@given(RESPONSES_BODIES)
def test_any_event_goes_through_the_step(body: object) -> None:
    step = all_quirks()["resp-tool-types"].step
    assert step is not None
    document = {"item": body, "response": body}
    given_back = step(Scope("responses"), Memory()).event(document, lambda *_: None)
    assert given_back in (None, [document])


@pytest.mark.parametrize("name", [name for name in REFUSALS if name.startswith("resp-")])
@pytest.mark.parametrize("host", ("llm.example", "api.openai.com", "api.x.ai"))
@given(body=RESPONSES_BODIES)
def test_any_body_goes_through(host: str, name: str, body: object) -> None:
    check_any(name, Scope("responses", host=host), body)
