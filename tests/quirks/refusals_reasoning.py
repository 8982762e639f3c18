"""Providers that want back what a reply with tool calls had beside the calls; they answer as the catalogue has it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tests.quirks.kit import Refusal
    from wiremend.headers import Headers


def _calling(body: dict[str, Any]) -> list[tuple[int, dict[str, Any]]]:
    """Give the assistant's messages that call tools, on either wire."""
    found = []
    for number, message in enumerate(body.get("messages") or []):
        content = message.get("content")
        used = isinstance(content, list) and any(block.get("type") == "tool_use" for block in content)
        if message.get("role") == "assistant" and (message.get("tool_calls") or used):
            found.append((number, message))
    return found


def _off(body: dict[str, Any]) -> bool:
    return bool((body.get("thinking") or {}).get("type") == "disabled")


def kimi(body: dict[str, Any], _: Headers) -> tuple[int, str] | None:
    """Want the field, or a thinking block, whatever is in it (kimi-cli sends "")."""
    for number, message in _calling(body):
        content = message.get("content")
        block = isinstance(content, list) and any(item.get("type") == "thinking" for item in content)
        if not _off(body) and not block and not isinstance(message.get("reasoning_content"), str):
            text = (
                f"thinking is enabled but reasoning_content is missing in assistant tool call message at index {number}"
            )
            return 400, json.dumps({"error": {"message": text, "type": "invalid_request_error"}})
    return None


def deepseek(body: dict[str, Any], _: Headers) -> tuple[int, str] | None:
    """Want text in the field, and the thinking block first."""
    for _number, message in _calling(body):
        content = message.get("content")
        if isinstance(content, list) and any(item.get("type") == "tool_use" for item in content):
            if content[0].get("type") == "thinking" and content[0].get("thinking"):
                continue
            text = "The content[].thinking in the thinking mode must be passed back to the API."
        elif message.get("reasoning_content"):
            continue
        else:
            text = "The reasoning_content in the thinking mode must be passed back to the API."
        if not _off(body):
            return 400, json.dumps({"error": {"message": text, "type": "invalid_request_error"}})
    return None


def gemini(body: dict[str, Any], _: Headers) -> tuple[int, str] | None:
    """Want a signature with the first call of each turn; Google wraps the error in a list."""
    for number, message in _calling(body):
        extra = message["tool_calls"][0].get("extra_content") or {}
        if not (extra.get("google") or {}).get("thought_signature"):
            text = f"Function call is missing a thought_signature in functionCall parts. (content block {number})"
            return 400, json.dumps([{"error": {"code": 400, "message": text, "status": "INVALID_ARGUMENT"}}])
    return None


def repeated(body: dict[str, Any], _: Headers) -> tuple[int, str] | None:
    """Know the ids that the model made, and no others."""
    for message in body.get("messages") or []:
        ident = message.get("tool_call_id")
        if isinstance(ident, str) and not ident.rpartition(":")[2].isdigit():
            return 400, json.dumps({"error": {"message": "tool_call_id is not found", "type": "invalid_request_error"}})
    return None


REFUSALS: Final[dict[str, Refusal]] = {
    "reasoning-missing-kimi": kimi,
    "reasoning-missing-deepseek": deepseek,
    "gemini-thought-signature": gemini,
    "toolid-reused-kimi": repeated,
}
