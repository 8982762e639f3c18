"""Bodies of the messages wire, read: what clients send, what each field becomes, and what is refused.

The bodies are those of the vendor's documents, and of Claude Code as it was recorded.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from msgspec.structs import replace

from tests.protocols.messages.request_kit import asked, read
from wiremend.message import (
    Cache,
    FunctionTool,
    Message,
    OutputFormat,
    Reasoning,
    Text,
    ToolChoice,
    Unknown,
)
from wiremend.protocols.codec import Recipient, TranslationError
from wiremend.protocols.messages.request_read import read_request
from wiremend.protocols.messages.request_write import write_request

CAPTURES: Final = Path(__file__).parents[3] / "captures" / "messages"


# --- the top ----------------------------------------------------------------------------------------------------------


def test_a_request_of_the_documents() -> None:
    """https://platform.claude.com/docs/en/api/messages, with one of each field that has a neutral one."""
    found = read(
        {
            "model": "claude-opus-4-8",
            "max_tokens": 1024,
            "system": "Be short.",
            "messages": [{"role": "user", "content": "Hello, Claude"}],
            "stop_sequences": ["END"],
            "stream": True,
            "temperature": 0.5,
            "top_p": 0.9,
            "top_k": 5,
            "metadata": {"user_id": "u1"},
            "service_tier": "standard_only",
            "thinking": {"type": "enabled", "budget_tokens": 2000, "display": "omitted"},
            "output_config": {"effort": "high", "format": {"type": "json_schema", "schema": {"type": "object"}}},
            "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
            "tools": [{"name": "f", "description": "d", "input_schema": {"type": "object"}, "strict": True}],
        }
    ).request
    assert (found.wire, found.model, found.max_tokens, found.stream) == ("messages", "claude-opus-4-8", 1024, True)
    assert found.messages == (Message("system", (Text("Be short."),)), Message("user", (Text("Hello, Claude"),)))
    assert (found.stop, found.temperature, found.top_p, found.top_k) == (("END",), 0.5, 0.9, 5)
    assert (found.user, found.service_tier) == ("u1", "standard_only")
    assert found.reasoning == Reasoning("on", "high", 2000, "omitted")
    assert found.output == OutputFormat({"type": "object"})
    assert (found.tool_choice, found.parallel) == (ToolChoice("tool", "f"), False)
    assert found.tools == (FunctionTool("f", {"type": "object"}, "d", strict=True),)
    assert found.extra == {}


def test_what_nobody_else_has_is_carried() -> None:
    fields: dict[str, Any] = {
        "context_management": {"edits": []},
        "mcp_servers": [{"type": "url", "url": "https://example.test", "name": "m"}],
        "container": "container_1",
        "speed": "fast",
        "inference_geo": "us",
        "cache_control": {"type": "ephemeral"},
        "not_known_yet": {"a": None},
    }
    found = asked({"role": "user", "content": "x"}, **fields, diagnostics=None)
    assert found.request.extra == fields
    assert found.places.of(("extra", "speed")) == "/speed"


def test_of_an_object_that_is_read_the_rest_is_carried() -> None:
    found = asked(
        {"role": "user", "content": "x"},
        metadata={"user_id": "u", "team": "t"},
        output_config={"effort": "max", "task_budget": {"total": 9}},
        thinking={"type": "adaptive", "block_binding": {"a": 1}},
        tool_choice={"type": "auto", "later": 1},
    ).request
    assert (found.user, found.reasoning) == ("u", Reasoning("adaptive", "max"))
    assert found.tool_choice == ToolChoice("auto")
    assert found.extra == {
        "metadata": {"team": "t"},
        "output_config": {"task_budget": {"total": 9}},
        "thinking": {"block_binding": {"a": 1}},
        "tool_choice": {"later": 1},
    }


@pytest.mark.parametrize(
    ("fields", "reasoning", "extra"),
    (
        ({"thinking": {"type": "adaptive"}}, Reasoning("adaptive"), {}),
        ({"thinking": {"type": "disabled"}}, Reasoning("off"), {}),
        ({"thinking": {"type": "enabled"}}, Reasoning("on"), {}),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024.0}}, Reasoning("on", budget=1024), {}),
        ({"output_config": {"effort": "xhigh"}}, Reasoning(effort="xhigh"), {}),
        ({"thinking": None, "output_config": None}, None, {}),
        ({"thinking": {"type": "between_tools"}}, None, {"thinking": {"type": "between_tools"}}),
        ({"output_config": {"effort": "heroic"}}, None, {"output_config": {"effort": "heroic"}}),
    ),
)
def test_thinking(fields: dict[str, Any], reasoning: Reasoning | None, extra: dict[str, Any]) -> None:
    found = asked({"role": "user", "content": "x"}, **fields).request
    assert (found.reasoning, found.extra) == (reasoning, extra)


def test_an_output_format_by_its_old_name_and_one_that_is_more() -> None:
    form = {"type": "json_schema", "schema": {"type": "object"}}
    assert asked(output_format=form).request.output == OutputFormat({"type": "object"})
    more = asked(output_config={"format": form | {"name": "n"}}).request
    assert (more.output, more.extra) == (None, {"output_config": {"format": form | {"name": "n"}}})


def test_a_choice_of_tools_is_read_loosely() -> None:
    assert asked(tool_choice="any").request.tool_choice == ToolChoice("any")
    assert asked(tool_choice={"type": "auto", "disable_parallel_tool_use": False}).request.parallel is True
    strange = asked(tool_choice={"type": "some"}).request
    assert (strange.tool_choice, strange.extra) == (None, {"tool_choice": {"type": "some"}})


def test_tools_that_the_vendor_runs_are_unknown() -> None:
    search = {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}
    function = {
        "type": "custom",
        "name": "f",
        "input_schema": {"type": "object"},
        "cache_control": {"type": "ephemeral", "ttl": "1h"},
        "defer_loading": True,
    }
    found = asked(tools=[search, function])
    assert found.request.tools == (
        Unknown(search),
        FunctionTool("f", {"type": "object"}, cache=Cache("1h"), extra={"defer_loading": True}),
    )
    assert found.places.of(("tools", 1, "schema")) == "/tools/1/input_schema"
    assert found.places.of(("tools", 1, "extra", "defer_loading")) == "/tools/1/defer_loading"
    assert found.places.of(("tools", 1, "cache", "ttl")) == "/tools/1/cache_control/ttl"


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "pointer"),
    (
        ({"messages": None}, "/messages"),
        ({"messages": {}}, "/messages"),
        ({"messages": ["x"]}, "/messages/0"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "/messages/0/role"),
        ({"messages": [{"role": ["user"], "content": "x"}]}, "/messages/0/role"),
        ({"messages": [{"content": "x"}]}, "/messages/0/role"),
        ({"messages": [{"role": "user", "content": 1}]}, "/messages/0/content"),
        ({"messages": [{"role": "user", "content": [{"text": "x"}]}]}, "/messages/0/content/0"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": 1}]}]}, "/messages/0/content/0/text"),
        ({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "/messages/0/content/0/source"),
        ({"model": 1}, "/model"),
        ({"system": 1}, "/system"),
        ({"max_tokens": "many"}, "/max_tokens"),
        ({"max_tokens": True}, "/max_tokens"),
        ({"max_tokens": 1.5}, "/max_tokens"),
        ({"temperature": "hot"}, "/temperature"),
        ({"stream": "yes"}, "/stream"),
        ({"stop_sequences": ["a", 1]}, "/stop_sequences/1"),
        ({"tools": {}}, "/tools"),
        ({"tools": [{"type": "custom"}]}, "/tools/0/name"),
        ({"tools": [{"name": "f", "input_schema": "s"}]}, "/tools/0/input_schema"),
        ({"tool_choice": 1}, "/tool_choice"),
        ({"thinking": "on"}, "/thinking"),
        ({"metadata": "u"}, "/metadata"),
        ({"output_config": {"format": {"type": "json_schema"}}}, "/output_config/format/schema"),
    ),
)
def test_what_cannot_be_read_is_refused_at_its_place(fields: dict[str, Any], pointer: str) -> None:
    with pytest.raises(TranslationError) as caught:
        read({"model": "m", "messages": [{"role": "user", "content": "x"}]} | fields)
    assert caught.value.pointer == pointer
    assert str(caught.value).startswith(pointer)
    assert caught.value.status == 400


# --- and back ---------------------------------------------------------------------------------------------------------

BODIES: Final = [path for path in sorted(CAPTURES.glob("*/client.request.json")) if '"messages":[' in path.read_text()]


@pytest.mark.parametrize("path", BODIES, ids=lambda path: path.parent.name)
def test_a_recorded_body_comes_back_unless_a_loss_says_so(path: Path) -> None:
    document = msgspec.json.decode(path.read_bytes())
    found = read_request(document).request
    written = write_request(
        found, Recipient(found.model, host="gateway.test", max_output=document.get("max_tokens", 9))
    )
    again = read_request(msgspec.json.decode(msgspec.json.encode(written.document))).request
    if found.max_tokens is None:  # a body of count_tokens
        again = replace(again, max_tokens=None)
    assert (again == found) is (written.losses == ())


def test_the_recorded_claude_code_comes_back_whole() -> None:
    document = msgspec.json.decode((CAPTURES / "session-claude-code-01" / "client.request.json").read_bytes())
    found = read_request(document).request
    written = write_request(found, Recipient(found.model))
    assert written.losses == ()
    assert found.extra.keys() == {"context_management"}
    assert written.document == document
