"""How Anthropic refuses a turn that does not begin with thinking, as the reports of it have it.

https://github.com/anomalyco/opencode/issues/3077, https://github.com/tailcallhq/forgecode/issues/1853 and
https://github.com/router-for-me/CLIProxyAPI/issues/4957 have the texts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.quirks.kit import Refusal
    from wiremend.headers import Headers

_THINKING = ("thinking", "redacted_thinking")


def turn_of(body: dict[str, Any]) -> list[str]:
    """Give the types of the blocks that the model wrote since the user spoke last, if results come last."""
    found: list[str] = []
    for message in reversed(body["messages"]):
        blocks = message["content"] if isinstance(message["content"], list) else [{"type": "text"}]
        kinds = [block["type"] for block in blocks]
        if message["role"] == "assistant":
            found[:0] = kinds
        elif message["role"] == "user" and "tool_result" not in kinds:
            break
    return found


def thinking_missing(body: dict[str, Any], _headers: Headers) -> tuple[int, str] | None:
    kind = body.get("thinking", {}).get("type")
    turn = turn_of(body)
    if kind == "enabled" and turn and turn[0] not in _THINKING:
        return 400, f"messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{turn[0]}`."
    if kind in {"enabled", "adaptive"}:
        return None
    if any(block in _THINKING for block in turn):
        return 400, "When thinking is disabled, an `assistant` message in the final position cannot contain `thinking`."
    edits = body.get("context_management", {}).get("edits", [])
    if any(edit["type"].startswith("clear_thinking") for edit in edits):
        return 400, "`clear_thinking_20251015` strategy requires `thinking` to be enabled or adaptive"
    return None


REFUSALS: dict[str, Refusal] = {"thinking-missing-mid-turn": thinking_missing}
