"""A request as a conversation: what it asks for, the system prompt, the tools, the turns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from wiremend.explain.conversation_parts import Part, Turn, parts_of, turns_of
from wiremend.explain.conversation_text import many, one_line
from wiremend.protocols import loose
from wiremend.quirks.base import encoded

_LIMITS: Final = ("max_tokens", "max_completion_tokens", "max_output_tokens")
_PLAIN: Final = ("temperature", "top_p", "n", "service_tier", "previous_response_id", "verbosity")
_SYSTEM: Final = {"system", "developer"}


@dataclass(slots=True)
class Asked:
    """A request: ``head`` are the pieces of its first line, ``tools`` names."""

    head: list[str]
    system: list[Part] = field(default_factory=list)
    tools: list[str] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)


def asked(body: dict[str, Any]) -> Asked:
    """Read a request. Never raises, whatever the JSON."""
    tools = _tools(body)
    turns = turns_of(_first(body, "messages", "input", "prompt", "contents"))
    system = [*parts_of(body.get("system")), *parts_of(body.get("instructions"))]
    while turns and turns[0].role in _SYSTEM:  # further behind they stand where they are
        system += turns.pop(0).parts
    return Asked(_head(body, tools, turns), system, tools, turns)


def looks_asked(body: object) -> bool:
    """Tell whether a JSON value is a request of one of the wires."""
    if not isinstance(body, dict):
        return False
    told = isinstance(body.get("messages"), list) or isinstance(body.get("input"), list | str)
    return told or ("prompt" in body and "model" in body)


def wire_by_looks(body: dict[str, Any]) -> str:
    """Name the wire of a request by its looks, where its path does not tell."""
    if "input" in body:
        return "responses"
    roles = {loose.text(loose.field(one, "role")) for one in body.get("messages") or () if isinstance(one, dict)}
    return "messages" if "system" in body or ("max_tokens" in body and not roles & {"system", "tool"}) else "chat"


def _first(body: dict[str, Any], *names: str) -> object:
    return next((body[name] for name in names if body.get(name) is not None), None)


def _head(body: dict[str, Any], tools: list[str], turns: list[Turn]) -> list[str]:
    head = [one_line(str(body["model"])) if body.get("model") is not None else "no model"]
    if body.get("stream") is True:
        head.append("stream")
    head += [f"{name} {_said(body[name])}" for name in _LIMITS if body.get(name) is not None]
    head.append(many(len(turns), "turn"))
    if tools:
        head.append(many(len(tools), "tool"))
    choice = body.get("tool_choice")
    if choice not in (None, "auto") and loose.field(choice, "type") != "auto":
        head.append(f"tool_choice {_said(choice)}")
    effort = (
        body.get("reasoning_effort")
        or loose.field(body, "reasoning", "effort")
        or loose.field(body, "output_config", "effort")
    )
    if effort is not None:
        head.append(f"effort {_said(effort)}")
    thinking = body.get("thinking")
    if thinking is not None:
        budget = loose.field(thinking, "budget_tokens")
        kind = loose.field(thinking, "type")
        head.append(f"thinking {_said(kind if kind is not None else thinking)}{f' {_said(budget)}' if budget else ''}")
    head += [f"{name} {_said(body[name])}" for name in _PLAIN if body.get(name) is not None]
    return head


def _said(value: object) -> str:
    return one_line(value if isinstance(value, str) else encoded(value).decode("utf-8", "replace"))


def _tools(body: dict[str, Any]) -> list[str]:
    found = []
    for name in ("tools", "functions"):
        tools = body.get(name)
        for tool in tools if isinstance(tools, list) else ():
            inner = tool.get("function") if isinstance(loose.field(tool, "function"), dict) else tool
            told = loose.text(loose.field(inner, "name")) or loose.text(loose.field(tool, "type"))
            found.append(one_line(told or "a tool without a name"))
    return found
