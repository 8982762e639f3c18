"""Ids of tool calls: renamed in calls and results alike, by a rule, and never two into one."""

from __future__ import annotations

import hashlib
import json
import re
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.quirks.fields_kit import draft_of, mended, scope, text
from tests.quirks.kit_streams import WIRED, replied, sent
from tests.quirks.kit_streams import run as run_step
from tests.quirks.refusals_tool_ids import REFUSALS
from wiremend.headers import Headers
from wiremend.quirks.base import Scope, WireName
from wiremend.quirks.memory import Memory

NONE = Headers()
NINE, PLAIN = "toolid-mistral-9", "toolid-charset-len"


def history(wire: WireName, ids: list[str]) -> dict[str, Any]:
    """Write a history in which each id is called once, and answered in the turn after."""
    said: list[dict[str, Any]] = []
    for one in ids:
        if wire == "chat":
            call = {"id": one, "type": "function", "function": {"name": "f", "arguments": "{}"}}
            said += [
                {"role": "assistant", "content": None, "tool_calls": [call]},
                {"role": "tool", "tool_call_id": one, "content": one},
            ]
        elif wire == "messages":
            use = {"type": "tool_use", "id": one, "name": "f", "input": {"id": one}}
            result = {"type": "tool_result", "tool_use_id": one, "content": [{"type": "text", "text": one}]}
            said += [{"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]
        else:
            said += [
                {"type": "function_call", "id": "fc_1", "call_id": one, "name": "f", "arguments": "{}"},
                {"type": "function_call_output", "call_id": one, "output": one},
            ]
    return {"input": said} if wire == "responses" else {"messages": said}


def ids_of(wire: WireName, body: dict[str, Any]) -> list[str]:
    """Read the ids of such a history, one a call; results must be the same."""
    said = body["input" if wire == "responses" else "messages"]
    pairs = list(zip(said[::2], said[1::2], strict=True))
    if wire == "chat":
        found = [(call["tool_calls"][0]["id"], result["tool_call_id"]) for call, result in pairs]
    elif wire == "messages":
        found = [(call["content"][0]["id"], result["content"][0]["tool_use_id"]) for call, result in pairs]
    else:
        found = [(call["call_id"], result["call_id"]) for call, result in pairs]
    assert all(call == result for call, result in found)
    return [call for call, _ in found]


def nine(old: str) -> str:
    """Give the nine letters and digits of an id: its SHA-256 as a number, in base 62, lowest digit first."""
    number = int(hashlib.sha256(f"0\n{old}".encode()).hexdigest(), 16)
    digits = string.digits + string.ascii_lowercase + string.ascii_uppercase
    return "".join(digits[number // 62**place % 62] for place in range(9))


def test_mistral_gets_nine_letters_and_digits() -> None:
    old = "call_PTLP8xhu3uwZk4l3nlnrrJha"
    body = history("chat", [old, "aB3dE6gH9"])
    assert REFUSALS[NINE](body, NONE) is not None
    left = json.loads(mended(NINE, text(body)))
    assert REFUSALS[NINE](left, NONE) is None
    assert ids_of("chat", left) == [nine(old), "aB3dE6gH9"]
    assert left["messages"][1] == {"role": "tool", "tool_call_id": nine(old), "content": old}


def test_the_rest_of_a_history_keeps_its_bytes() -> None:
    call = b'{"id" : "x", "function":{"arguments":"{\\u0022a\\u0022:1.0}"}}'
    body = b'{"messages":[{"role":"assistant","tool_calls":[' + call + b"]}]}"
    assert mended(NINE, body) == body.replace(b'"x"', b'"%s"' % nine("x").encode())


@pytest.mark.parametrize(
    ("wire", "old", "new"),
    (
        ("chat", "call_1|fc_0123456789", "call_1"),
        ("messages", "functions.list_dir:0", "functions_list_dir_0"),
        ("responses", "call_1|fc_" + "a" * 400, "call_1"),
        ("chat", "|", "_"),
        ("messages", "dé/à", "d___"),
        ("chat", "c" * 41, "c" * 40),
        ("responses", "c" * 65, "c" * 64),
        ("messages", "c" * 65, "c" * 65),
        ("chat", "c" * 40, "c" * 40),
    ),
)
def test_ids_that_others_made_are_made_plain(wire: WireName, old: str, new: str) -> None:
    body = history(wire, [old])
    left = json.loads(mended(PLAIN, text(body), wire=wire))
    assert ids_of(wire, left) == [new]
    assert (REFUSALS[PLAIN](body, NONE) is None) is (old == new)
    assert REFUSALS[PLAIN](left, NONE) is None


def test_two_never_become_one() -> None:
    body = history("chat", ["a:0", "a.0", "a_0", "a|1", "a|2"])
    left = ids_of("chat", json.loads(mended(PLAIN, text(body), wire="chat")))
    assert left[2] == "a_0"  # legal, so it stays what it is
    assert left[3] == "a"
    assert len(set(left)) == 5
    assert all(re.fullmatch("a(_0)?_[0-9a-f]{8}", one) for one in (left[0], left[1], left[4]))


def test_an_id_that_comes_again_is_renamed_alike() -> None:
    body = history("messages", ["f:0", "g:0", "f:0"])
    assert ids_of("messages", json.loads(mended(PLAIN, text(body), wire="messages"))) == ["f_0", "g_0", "f_0"]


def test_a_longer_history_keeps_the_names_of_a_shorter_one() -> None:
    turns = ["f:0", "g.1", "call_1|a", "call_1|b"]
    short = ids_of("chat", json.loads(mended(PLAIN, text(history("chat", turns)), wire="chat")))
    longer = ids_of("chat", json.loads(mended(PLAIN, text(history("chat", [*turns, "f.0", "h:3"])), wire="chat")))
    assert longer[: len(short)] == short
    assert not set(turns) & set(short)


def test_what_was_renamed_is_remembered() -> None:
    draft = draft_of(PLAIN, text(history("chat", ["f:0", "legal"])), scope(PLAIN, wire="chat"))
    assert draft.memory.recall("toolid:f_0") == "f:0"
    assert draft.memory.recall("toolid:legal") is None


@pytest.mark.parametrize(
    ("wire", "told"),
    (
        ("chat", {"choices": [{"delta": {"tool_calls": [{"index": 0, "id": "f_0"}]}}]}),
        ("chat", {"choices": [{"message": {"tool_calls": [{"id": "f_0"}]}}]}),
        ("messages", {"type": "content_block_start", "content_block": {"type": "tool_use", "id": "f_0"}}),
        ("messages", {"type": "content_block_start", "content_block": {"type": "x_result", "tool_use_id": "f_0"}}),
        ("messages", {"type": "message", "content": [{"type": "text"}, {"type": "tool_use", "id": "f_0"}]}),
        ("messages", {"type": "message_start", "message": {"content": [{"type": "tool_use", "id": "f_0"}]}}),
        ("responses", {"type": "response.output_item.done", "item": {"type": "function_call", "call_id": "f_0"}}),
        ("responses", {"type": "response.completed", "response": {"output": [{"call_id": "f_0"}]}}),
        ("responses", {"object": "response", "output": [{"type": "function_call", "call_id": "f_0"}]}),
    ),
)
def test_what_the_provider_says_again_is_the_clients_own(wire: WireName, told: dict[str, Any]) -> None:
    memory, where = Memory(), scope(PLAIN, wire=wire)
    sent(PLAIN, text(history(wire, ["f:0"])), where, memory)
    home = json.loads(json.dumps(told).replace("f_0", "f:0"))
    other = json.loads(json.dumps(told).replace("f_0", "f_1"))
    ran = run_step(PLAIN, [told, other], where, memory)
    assert ran.documents == [home, other]
    assert ran.same == [False, True]
    assert [what for _, what in ran.notes] == ["f_0 was sent for f:0"]
    assert replied(PLAIN, told, where, memory)[0] == home
    assert replied(PLAIN, told, where)[0] == told


def test_nine_characters_lead_back() -> None:
    memory, where = Memory(), scope(NINE)
    body, _ = sent(NINE, text(history("chat", ["call_PTLP8xhu3uwZk4l3nlnrrJha"])), where, memory)
    (new,) = set(ids_of("chat", json.loads(body)))
    told = {"choices": [{"message": {"tool_calls": [{"id": new}]}}]}
    assert replied(NINE, told, where, memory)[0]["choices"][0]["message"]["tool_calls"][0]["id"].startswith("call_PTLP")


@pytest.mark.parametrize("wire", ("chat", "messages", "responses"))
@given(documents=st.lists(WIRED, max_size=3))
def test_no_reply_raises(wire: WireName, documents: list[Any]) -> None:
    memory, where = Memory(), scope(PLAIN, wire=wire)
    memory.keep("toolid:ping", "p:0")
    memory.keep("toolid:stop", "s:0")
    run_step(PLAIN, documents, where, memory)
    for document in documents:
        if isinstance(document, dict):
            replied(PLAIN, document, where, memory)


def test_blocks_of_other_kinds_have_no_ids_of_calls() -> None:
    blocks = [
        {"type": "text", "id": "a:0", "tool_use_id": 3},
        {"type": "document", "id": "a:0"},
        {"type": "server_tool_use", "id": "srv:0", "name": "web_search", "input": {}},
        {"type": "web_search_tool_result", "tool_use_id": "srv:0", "content": []},
    ]
    body = {"messages": [{"role": "assistant", "content": blocks}, {"role": "user", "content": "id"}]}
    left = json.loads(mended(PLAIN, text(body), wire="messages"))["messages"][0]["content"]
    assert left[:2] == blocks[:2]
    assert left[2]["id"] == left[3]["tool_use_id"] == "srv_0"


ids = st.lists(
    st.text(alphabet="ab:.|_-9", min_size=1, max_size=6) | st.text(min_size=1, max_size=90) | st.just("aB3dE6gH9"),
    max_size=8,
)


@pytest.mark.parametrize(("name", "wire"), ((NINE, "chat"), (PLAIN, "chat"), (PLAIN, "messages"), (PLAIN, "responses")))
@given(old=ids)
def test_whatever_the_ids(name: str, wire: WireName, old: list[str]) -> None:
    where = Scope(wire=wire)
    body = text(history(wire, old))
    left = json.loads(draft_of(name, body, where).body())
    assert not old or REFUSALS[name](left, NONE) is None
    new = ids_of(wire, left)
    assert len(set(zip(old, new, strict=True))) == len(set(old)) == len(set(new))  # one to one
    if old and REFUSALS[name](json.loads(body), NONE) is None:
        assert draft_of(name, body, where).body() is body
    assert draft_of(name, body, where).body() == draft_of(name, body, where).body()
