"""Writing the tools that are offered, and the choice among them.

===================================== ============================================================================
``FunctionTool``                      ``function``; ``strict`` is always said, for here it is on where nobody says
``CustomTool``                        ``custom``; a grammar is flat here, and an object of its own on chat
``Unknown``                           itself, on its own wire
``ToolChoice``                        ``auto``, ``required``, ``none``, or the tool by its type and name
===================================== ============================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wiremend.message import CustomTool, FunctionTool

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wiremend.message import ChatRequest
    from wiremend.protocols.codec import Path
    from wiremend.protocols.responses.request_losses import Desk, Json


def tools_of(request: ChatRequest, desk: Desk) -> list[Json]:
    """Write the tools."""
    written = []
    for index, tool in enumerate(request.tools):
        path: Path = ("tools", index)
        match tool:
            case FunctionTool():
                written.append(_function(tool, path, desk))
            case CustomTool():
                written.append(_custom(tool, path, desk))
            case _ if desk.own:
                written.append(dict(tool.data))
            case _:
                kind = str(tool.data.get("type") or tool.data.get("name") or "tool")
                desk.lose(path, kind, f"the tool {kind} is not offered", "only the provider of its own wire runs it")
    return written


def choice_of(request: ChatRequest, desk: Desk, tools: list[Json]) -> str | Json | None:
    """Write the choice, among the tools that were written. One that cannot be made is left out."""
    choice = request.tool_choice
    if choice is None:
        return None
    if choice.kind in {"auto", "none"}:
        return choice.kind
    if choice.kind == "any":
        if tools:
            return "required"
    else:
        name = desk.name(choice.name or "")
        kind = next((tool["type"] for tool in tools if tool.get("name") == name), None)
        if kind is not None:
            return {"type": kind, "name": name}
    desk.lose(("tool_choice",), "tool_choice", "the choice of a tool is left out", "no such tool is offered")
    return None


def _function(tool: FunctionTool, path: Path, desk: Desk) -> Json:
    desk.no_cache(path, tool.cache)
    written: Json = {**desk.own_of(path, tool.extra), "type": "function", "name": desk.name(tool.name)}
    if tool.description is not None:
        written["description"] = tool.description
    written["parameters"] = tool.schema
    written["strict"] = tool.strict if tool.strict is not None or desk.own else False
    return written


def _custom(tool: CustomTool, path: Path, desk: Desk) -> Json:
    desk.no_cache(path, tool.cache)
    written: Json = {**desk.own_of(path, tool.extra), "type": "custom", "name": desk.name(tool.name)}
    if tool.description is not None:
        written["description"] = tool.description
    if tool.format is not None:
        written["format"] = _flat(tool.format)
    return written


def _flat(form: Mapping[str, Any]) -> Json:
    """Write a format; chat has the grammar in an object of its own."""
    inner = form.get("grammar")
    if not isinstance(inner, dict):
        return dict(form)
    return {name: value for name, value in form.items() if name != "grammar"} | inner
