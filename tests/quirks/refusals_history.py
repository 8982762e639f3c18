"""How providers refuse what another one left in the history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.quirks.kit import Refusal
    from wiremend.headers import Headers

_KEYS = {
    "system": {"role", "content", "name"},
    "user": {"role", "content", "name"},
    "assistant": {"role", "content", "name", "tool_calls", "reasoning_content"},
    "tool": {"role", "content", "name", "tool_call_id"},
}


def _reasoning(body: dict[str, Any], _headers: Headers) -> tuple[int, str] | None:
    for number, message in enumerate(body["messages"]):
        for name in ("reasoning", "reasoning_content", "reasoning_details"):
            if name in message:
                return 400, f"'messages.{number}': property '{name}' is unsupported"
    return None


def _keys(body: dict[str, Any], _headers: Headers) -> tuple[int, str] | None:
    for number, message in enumerate(body["messages"]):
        for name in message:
            if name not in _KEYS[message["role"]] or (name == "name" and not message[name]):
                return 400, f"Extra inputs are not permitted, field: 'messages[{number}].{name}'"
        for call in message.get("tool_calls", ()):
            if set(call) - {"id", "type", "function"}:
                return 400, "Extra inputs are not permitted, field: 'tool_calls'"
    return None


def _orphan(body: dict[str, Any], headers: Headers) -> tuple[int, str] | None:
    if "input" in body:
        return _orphan_items(body["input"])
    if any("tool_calls" in message or message["role"] == "tool" for message in body["messages"]):
        return _orphan_chat(body["messages"])
    return _orphan_blocks(body["messages"], headers)


def _orphan_chat(messages: list[dict[str, Any]]) -> tuple[int, str] | None:
    calls: set[str] = set()
    for message in [*messages, {"role": "user"}]:
        if message["role"] == "tool":
            if message["tool_call_id"] not in calls:
                return 400, "tool result's tool id not found (2013)"
            calls.remove(message["tool_call_id"])
        elif calls:
            return 400, "An assistant message with 'tool_calls' must be followed by tool messages"
        else:
            calls = {call["id"] for call in message.get("tool_calls", ())}
    return None


def _orphan_blocks(messages: list[dict[str, Any]], _headers: Headers) -> tuple[int, str] | None:
    calls: list[str] = []
    for number, message in enumerate([*messages, {"role": "user", "content": "end"}]):
        blocks = message["content"] if isinstance(message["content"], list) else []
        kinds = [block["type"] for block in blocks]
        given = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        if "tool_result" in kinds and kinds.index("tool_result") > 0:
            return 400, f"messages.{number}: tool_result blocks must come first"
        if sorted(given) != sorted(calls):
            return 400, f"messages.{number}: `tool_use` ids were found without `tool_result` blocks immediately after"
        calls = [block["id"] for block in blocks if block["type"] == "tool_use"]
    return None


def _orphan_items(items: list[dict[str, Any]]) -> tuple[int, str] | None:
    calls = {item["call_id"] for item in items if item.get("type") in {"function_call", "custom_tool_call"}}
    given = {item["call_id"] for item in items if str(item.get("type")).endswith("_output")}
    if calls - given:
        return 400, f"No tool output found for function call {min(calls - given)}."
    if given - calls:
        return 400, f"No tool call found for function call output with call_id {min(given - calls)}."
    return None


REFUSALS: dict[str, Refusal] = {
    "reasoning-field-forbidden": _reasoning,
    "unknown-message-keys": _keys,
    "tool-result-orphan": _orphan,
}
