"""How providers refuse roles."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.quirks.kit import Refusal
    from wiremend.headers import Headers


def _developer(body: dict[str, Any], _headers: Headers) -> tuple[int, str] | None:
    if all(message["role"] != "developer" for message in body["messages"]):
        return None
    return 400, "developer is not one of ['system', 'assistant', 'user', 'tool', 'function']"


def _system_first(body: dict[str, Any], _headers: Headers) -> tuple[int, str] | None:
    if all(message["role"] not in {"system", "developer"} for message in body["messages"][1:]):
        return None
    return 500, "Jinja Exception: System message must be at the beginning."


def _alternate(body: dict[str, Any], _headers: Headers) -> tuple[int, str] | None:
    messages = [message for message in body["messages"] if message["role"] != "system"]
    for one, other in pairwise(messages):
        if one["role"] == other["role"] != "tool":
            return 500, "conversation roles must alternate user/assistant/user/assistant/..."
    return None


def _two_roles(body: dict[str, Any], _headers: Headers) -> tuple[int, str] | None:
    calls: set[str] = set()
    for number, message in enumerate(body["messages"]):
        if message["role"] not in {"user", "assistant"}:
            return 400, f"messages.{number}.role: Input should be 'user' or 'assistant'"
        blocks = message["content"] if isinstance(message["content"], list) else []
        if calls - {block.get("tool_use_id") for block in blocks}:
            return 400, "tool_use ids were found without tool_result blocks immediately after"
        calls = {block["id"] for block in blocks if block["type"] == "tool_use"}
    return None


REFUSALS: dict[str, Refusal] = {
    "role-developer-rejected": _developer,
    "system-not-first": _system_first,
    "roles-must-alternate": _alternate,
    "system-role-in-messages": _two_roles,
}
