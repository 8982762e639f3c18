"""What providers answer to ids of tool calls that they refuse, as the catalogue of wire quirks has it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.quirks.fields_kit import Refusal
    from wiremend.headers import Headers


def _calls_and_results(body: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Read the ids of a sound request of any wire: those of calls, and those of results."""
    calls, results = [], []
    for item in body.get("input", body.get("messages", [])):
        calls += [call["id"] for call in item.get("tool_calls", [])]
        results += [item["tool_call_id"]] if "tool_call_id" in item else []
        if "call_id" in item:
            (results if item["type"].endswith("_output") else calls).append(item["call_id"])
        content = item.get("content")
        for block in content if isinstance(content, list) else ():
            calls += [block["id"]] if block["type"] == "tool_use" else []
            results += [block["tool_use_id"]] if block["type"] == "tool_result" else []
    return calls, results


def _unpaired(calls: list[str], results: list[str]) -> tuple[int, str] | None:
    lost = [one for one in results if one not in calls]
    return (400, f"tool_call_id {lost[0]} is not found") if lost else None


def toolid_mistral_9(body: dict[str, Any], _headers: Headers) -> tuple[int, str] | None:
    calls, results = _calls_and_results(body)
    for one in calls + results:
        if re.fullmatch("[a-zA-Z0-9]{9}", one) is None:
            return 400, f"Tool call id was {one} but must be a-z, A-Z, 0-9, with a length of 9."
    return _unpaired(calls, results)


def toolid_charset_len(body: dict[str, Any], _headers: Headers) -> tuple[int, str] | None:
    calls, results = _calls_and_results(body)
    most = 64 if "input" in body else 40 if any("tool_calls" in one for one in body["messages"]) else 1000
    for one in calls + results:
        if re.fullmatch("[a-zA-Z0-9_-]+", one) is None:
            return 400, f"{one}: String should match pattern '^[a-zA-Z0-9_-]+$'"
        if len(one) > most:
            return 400, f"Invalid id: string too long. Expected a string with maximum length {most}"
    return _unpaired(calls, results)


REFUSALS: dict[str, Refusal] = {
    "toolid-mistral-9": toolid_mistral_9,
    "toolid-charset-len": toolid_charset_len,
}
