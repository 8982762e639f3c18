"""A choice of tools that is refused: lowered while a model thinks, said as a word where objects are not read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.quirks.fields_kit import kinds, mended, text
from tests.quirks.refusals_tool_choice import REFUSALS
from wiremend.headers import Headers

NONE = Headers()
THINKING, OBJECT = "tool-choice-vs-thinking", "tool-choice-object"


def tool(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}


def named(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


@pytest.mark.parametrize("choice", ("required", named("f"), "any"))
@pytest.mark.parametrize(
    ("model", "said"),
    (
        ("deepseek-v4-flash", {}),
        ("deepseek-v4-pro", {"thinking": {"type": "enabled"}}),
        ("qwen3.5-plus", {}),
        ("qwen3.6-plus", {"enable_thinking": True}),
        ("kimi-k2.6", {}),
        ("kimi-for-coding", {}),
        ("k3", {"thinking": {"type": "disabled"}}),
        ("kimi-k2-thinking", {}),
    ),
)
def test_a_thinking_model_is_not_forced(model: str, said: dict[str, Any], choice: object) -> None:
    body = {"model": model, **said, "tool_choice": choice, "tools": [tool("f")]}
    assert choice == "any" or REFUSALS[THINKING](body, NONE) is not None
    left = json.loads(mended(THINKING, text(body), model=model))
    assert left == {**body, "tool_choice": "auto"}
    assert REFUSALS[THINKING](left, NONE) is None
    assert kinds(THINKING, text(body), model=model) == {"lost"}


@pytest.mark.parametrize(
    ("model", "body"),
    (
        ("deepseek-v4-flash", b'{"thinking":{"type":"disabled"},"tool_choice":"required"}'),
        ("kimi-k2.6", b'{"thinking":{"type":"disabled"},"tool_choice":{"type":"function","function":{"name":"f"}}}'),
        ("qwen3.5-plus", b'{"enable_thinking":false,"tool_choice":"required"}'),
        ("qwen3-max", b'{"tool_choice":"required"}'),
        ("kimi-k2.6", b'{"tool_choice":"auto"}'),
        ("kimi-k2.6", b'{"tool_choice":"none"}'),
        ("kimi-k2.6", b'{"tool_choice":null}'),
        ("kimi-k2.6", b'{"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[]}}}'),
    ),
)
def test_what_is_taken_stays(model: str, body: bytes) -> None:
    assert mended(THINKING, body, model=model) is body


def test_the_rest_keeps_its_bytes() -> None:
    body = b'{"temperature" : 1.0, "tool_choice" :{"type":"function","function":{"name":"f"}} , "seed":1e2}'
    assert mended(THINKING, body, model="kimi-k2.6") == b'{"temperature" : 1.0, "tool_choice" :"auto" , "seed":1e2}'


def test_an_object_becomes_a_word_and_one_tool() -> None:
    body = {"tools": [tool("a"), tool("b"), tool("c")], "tool_choice": named("b"), "n": 1}
    assert REFUSALS[OBJECT](body, NONE) is not None
    left = json.loads(mended(OBJECT, text(body)))
    assert left == {"tools": [tool("b")], "tool_choice": "required", "n": 1}
    assert REFUSALS[OBJECT](left, NONE) is None


@pytest.mark.parametrize(
    ("choice", "tools", "word"),
    (
        ({"type": "auto"}, ["a", "b"], "auto"),
        ({"type": "none"}, ["a", "b"], "none"),
        ({"type": "required"}, ["a", "b"], "required"),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [named("b")]}}, ["b"], "auto"),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [named("b"), named("a")]}},
            ["a", "b"],
            "required",
        ),
    ),
)
def test_other_objects(choice: dict[str, Any], tools: list[str], word: str) -> None:
    body = {"tools": [tool("a"), tool("b")], "tool_choice": choice}
    assert json.loads(mended(OBJECT, text(body))) == {"tools": [tool(name) for name in tools], "tool_choice": word}


@pytest.mark.parametrize(
    "body",
    (
        {"tools": [tool("a")], "tool_choice": named("gone")},
        {"tool_choice": named("a")},
        {"tools": [tool("a")], "tool_choice": {"type": "function"}},
        {"tools": [tool("a")], "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "x", "tools": []}}},
        {"tools": [tool("a")], "tool_choice": {"type": "allowed_tools", "allowed_tools": 7}},
        {"tools": [tool("a")], "tool_choice": "required"},
    ),
)
def test_what_cannot_be_said_is_left_to_the_server(body: dict[str, Any]) -> None:
    sent = text(body)
    assert mended(OBJECT, sent) is sent


@pytest.mark.parametrize("port", (8000, 8080, 30000))
def test_servers_that_read_objects_get_them(port: int) -> None:
    sent = text({"tools": [tool("a")], "tool_choice": named("a")})
    assert mended(OBJECT, sent, host="127.0.0.1", port=port) is sent
    assert mended(OBJECT, sent, host="127.0.0.1", port=1234) != sent


names = st.sampled_from(("a", "b", "c", "*", "-", "~1"))


@given(tools=st.lists(names.map(tool) | st.sampled_from([{}, None, 3, {"function": 1}]), max_size=6), wanted=names)
def test_only_the_named_tool_is_left_whatever_else_is_there(tools: list[Any], wanted: str) -> None:
    body = {"tools": tools, "tool_choice": named(wanted)}
    left = json.loads(mended(OBJECT, text(body)))
    kept = [one for one in tools if one == tool(wanted)]
    assert left == ({"tools": kept, "tool_choice": "required"} if kept else body)
