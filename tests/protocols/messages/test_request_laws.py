"""The law of the messages wire's request codec: what is read of what was written differs exactly at the losses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import msgspec
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from tests.protocols.messages.request_compare import differences
from tests.protocols.messages.request_kit import KIMI, MIDDLE, NEW, OLD, assert_official
from tests.protocols.requests import chat_requests, json_values
from wiremend.message import ChatRequest, CustomTool, Message, Text, ToolUse
from wiremend.protocols.codec import Recipient, TranslationError
from wiremend.protocols.messages.request_read import read_request
from wiremend.protocols.messages.request_write import write_request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wiremend.protocols.codec import Path

RECIPIENTS: Final = st.sampled_from(
    (OLD, MIDDLE, NEW, KIMI, Recipient("claude-latest"), Recipient("m", max_output=900))
)


def whole(path: Path) -> bool:
    """Tell whether a path leads to something in a list, which is gone if it is lost."""
    return len(path) > 1 and isinstance(path[-1], int)


@settings(max_examples=60)
@given(chat_requests(), RECIPIENTS)
@example(ChatRequest(wire="chat", model="m", messages=(Message("user", (Text("hi"),)),), cache_key="k"), OLD)
def test_what_differs_is_what_is_lost(request: ChatRequest, recipient: Recipient) -> None:
    custom = {tool.name for tool in request.tools if isinstance(tool, CustomTool)}
    uses = [part for message in request.messages for part in message.parts if isinstance(part, ToolUse)]
    assume(not any(part.name in custom for part in uses))  # a tool is called in its own form
    written = write_request(request, recipient)
    if request.wire != "messages":  # whose own strangers the official types do not know
        assert_official(written)
    differ = differences(request, written)
    for path in differ:
        assert any(loss.path == path[: len(loss.path)] for loss in written.losses), (path, "is told by no loss")
    gone = {loss.path for loss in written.losses if loss.kind == "lost" and whole(loss.path)}
    for loss in written.losses:
        if loss.code == "first_user" or (loss.kind, loss.code) == ("approximated", "system"):
            continue
        if any(loss.path[: len(path)] == path for path in gone):
            continue
        assert any(path[: len(loss.path)] == loss.path for path in differ), (loss, "is no difference")


RICH: Final[dict[str, Any]] = {
    "model": "claude-opus-4-8",
    "max_tokens": 9,
    "system": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "b", "citations": [{"type": "char_location"}]},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "c"}, "title": "d"},
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "e", "signature": "f"},
                {"type": "redacted_thinking", "data": "g"},
                {"type": "tool_use", "id": "h", "name": "i", "input": {"j": 1}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "h",
                    "is_error": True,
                    "content": [{"type": "text", "text": "k"}],
                }
            ],
        },
        {"role": "system", "content": "l"},
    ],
    "tools": [{"name": "i", "description": "m", "input_schema": {"type": "object"}, "strict": True}],
    "tool_choice": {"type": "tool", "name": "i", "disable_parallel_tool_use": True},
    "thinking": {"type": "enabled", "budget_tokens": 4000, "display": "omitted"},
    "output_config": {"effort": "high", "format": {"type": "json_schema", "schema": {}}},
    "metadata": {"user_id": "n"},
    "stop_sequences": ["o"],
    "temperature": 1,
    "stream": True,
}


def leaves(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if path:
        yield path
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        yield from leaves(inner, (*path, name))


@given(st.data(), RECIPIENTS)
def test_any_body_is_read_and_written_or_refused_at_a_place_in_it(data: st.DataObject, recipient: Recipient) -> None:
    document = json.loads(json.dumps(RICH))
    for path in data.draw(st.lists(st.sampled_from(list(leaves(RICH))), min_size=1, max_size=3)):
        place: Any = document
        try:
            for name in path[:-1]:
                place = place[name]
            place[path[-1]] = data.draw(json_values())
        except (TypeError, LookupError):
            continue
    try:
        request = read_request(document).request
    except TranslationError as error:
        found = error.pointer
    else:
        found = f"/{len(json.dumps(write_request(request, recipient).document))}"
    assert found.startswith("/")


@settings(max_examples=10)
@given(chat_requests(), RECIPIENTS)
def test_the_same_request_is_written_the_same(request: ChatRequest, recipient: Recipient) -> None:
    """Caches of prompts, and replays, live of that."""
    first, second = (write_request(request, recipient) for _ in range(2))
    assert msgspec.json.encode(first.document) == msgspec.json.encode(second.document)
    assert first.losses == second.losses
