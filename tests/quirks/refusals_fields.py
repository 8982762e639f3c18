"""What providers answer to fields that they refuse, as the catalogue of wire quirks has it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.quirks.fields_kit import Refusal
    from wiremend.headers import Headers


def _extra(where: str, value: object) -> tuple[int, str]:
    """Say what Mistral's validator says."""
    found = {"type": "extra_forbidden", "loc": ["body", where], "msg": "Extra inputs are not permitted", "input": value}
    return 422, json.dumps({"object": "error", "message": {"detail": [found]}})


def _objects(body: dict[str, Any], name: str) -> list[tuple[int, dict[str, Any]]]:
    listed = body.get(name)
    return [(at, one) for at, one in enumerate(listed) if isinstance(one, dict)] if isinstance(listed, list) else []


def max_completion_tokens(body: dict[str, Any], _headers: Headers) -> tuple[int, str] | None:
    if "max_completion_tokens" in body:
        return _extra("max_completion_tokens", body["max_completion_tokens"])
    return None


def store_rejected(body: dict[str, Any], _headers: Headers) -> tuple[int, str] | None:
    return (400, "property 'store' is unsupported, did you mean 'stop'?") if "store" in body else None


def strict_tools_rejected(body: dict[str, Any], _headers: Headers) -> tuple[int, str] | None:
    for at, tool in _objects(body, "tools"):
        function = tool.get("function")
        if isinstance(function, dict) and "strict" in function:
            return 400, f"unknown field tools[{at}].function.strict"
    return None


def tools_empty_array(body: dict[str, Any], _headers: Headers) -> tuple[int, str] | None:
    return _extra("tools", []) if body.get("tools") == [] else None


def context_management_extra(body: dict[str, Any], _headers: Headers) -> tuple[int, str] | None:
    return (400, "context_management: Extra inputs are not permitted") if "context_management" in body else None


def eager_input_streaming(body: dict[str, Any], _headers: Headers) -> tuple[int, str] | None:
    for at, tool in _objects(body, "tools"):
        if "eager_input_streaming" in tool:
            return 400, f"tools.{at}.custom.eager_input_streaming: Extra inputs are not permitted"
    return None


def tool_extra_keys(body: dict[str, Any], headers: Headers) -> tuple[int, str] | None:
    fireworks = "fireworks" in (headers.get("host") or "")
    known = {"name", "description", "input_schema", "type"} | (set() if fireworks else {"cache_control"})
    fine = {"strict", "eager_input_streaming"} if fireworks else set()
    for at, tool in _objects(body, "tools"):
        extra = sorted(set(tool) - known - fine)
        if extra and tool.get("type") in (None, "custom"):
            return 400, f"tools.{at}.custom.{extra[0]}: Extra inputs are not permitted"
    return None


REFUSALS: dict[str, Refusal] = {
    "max-completion-tokens": max_completion_tokens,
    "store-rejected": store_rejected,
    "strict-tools-rejected": strict_tools_rejected,
    "tools-empty-array": tools_empty_array,
    "context-management-extra": context_management_extra,
    "eager-input-streaming": eager_input_streaming,
    "tool-extra-keys": tool_extra_keys,
}
