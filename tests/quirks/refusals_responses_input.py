"""How servers of the responses wire, and hosts that check signatures, refuse an input."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.quirks.kit import Refusal
    from wiremend.headers import Headers


def _signature(body: dict[str, Any], _headers: Headers) -> tuple[int, str] | None:
    for number, message in enumerate(body["messages"]):
        blocks = message["content"] if isinstance(message["content"], list) else []
        for at, block in enumerate(blocks):
            if block["type"] == "thinking" and not block.get("signature"):
                return 400, f"messages.{number}.content.{at}: Invalid `signature` in `thinking` block"
    return None


def _sealed(body: dict[str, Any], _headers: Headers) -> tuple[int, str] | None:
    if any("sealed-by-xai" in item.get("encrypted_content", "") for item in body["input"]):
        return 400, "invalid_encrypted_content: The encrypted content could not be verified."
    return None


def _functions(body: dict[str, Any], _headers: Headers) -> tuple[int, str] | None:
    tools = body.get("tools", [])
    if any(tool["type"] != "function" for tool in tools):
        return 400, "'type' of tool must be 'function'"
    names = [tool["name"] for tool in tools]
    if len(set(names)) < len(names) or not all(re.fullmatch(r"[a-zA-Z0-9_-]+", name) for name in names):
        return 400, "tool names must be unique, and of letters, digits, _ and -"
    choice = body.get("tool_choice", "auto")
    if isinstance(choice, dict) and choice.get("name") not in names:
        return 400, "tool_choice names no tool"
    return None


def _fields(body: dict[str, Any], _headers: Headers) -> tuple[int, str] | None:
    for name in ("service_tier", "prompt_cache_options", "prompt_cache_retention"):
        if name in body:
            return 400, f"Unsupported parameter: {name}"
    return None


def _ids(body: dict[str, Any], _headers: Headers) -> tuple[int, str] | None:
    for number, item in enumerate(body["input"]):
        if item.get("id") == "":
            return 400, f"Invalid 'input[{number}].id': ''. Expected an ID that begins with 'msg'."
        if item.get("id") and item["type"] != "item_reference":
            return 401, "input item ID does not belong to this connection"
    return None


def _status(body: dict[str, Any], _headers: Headers) -> tuple[int, str] | None:
    if any(item.get("type") == "function_call" and "status" in item for item in body["input"]):
        return 400, "1 validation error: input.function_call.status"
    return None


def _messages(body: dict[str, Any], _headers: Headers) -> tuple[int, str] | None:
    return None if isinstance(body["input"], list) else (400, "messages must not be empty")


REFUSALS: dict[str, Refusal] = {
    "thinking-signature-foreign": _signature,
    "resp-encrypted-reasoning-foreign": _sealed,
    "resp-tool-types": _functions,
    "resp-unsupported-fields": _fields,
    "resp-item-id-replay": _ids,
    "resp-fc-status": _status,
    "resp-string-input": _messages,
}
