"""Writes tools, and which of them is to be called, for the messages wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wiremend.message import CustomTool, FunctionTool
from wiremend.protocols.messages.request_values import json_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wiremend.message import ChatRequest, Tool
    from wiremend.protocols.codec import Path
    from wiremend.protocols.messages.request_names import Names
    from wiremend.protocols.messages.request_parts import Parts
    from wiremend.protocols.messages.request_values import Json, Losses

_RAW: Final = "`input` is the raw text of the call, as it is, without quoting or JSON around it."
_FOLLOWS: Final = "It follows this grammar"


def write_tools(tools: Sequence[Tool], names: Names, parts: Parts, losses: Losses, *, own: bool) -> list[Json]:
    """Write the tools; one of a kind that only another wire has is left out."""
    found = []
    for index, tool in enumerate(tools):
        path: Path = ("tools", index)
        match tool:
            case FunctionTool():
                found.append(parts.marked(_function(tool, names, own=own), tool, path))
            case CustomTool():
                found.append(parts.marked(_custom(tool, names, path, losses), tool, path))
            case _:
                known = parts.unknown(tool, path)
                if known is not None:
                    found.append(known)
    return found


def _function(tool: FunctionTool, names: Names, *, own: bool) -> Json:
    """Write a function. Its schema is one of an object, and ``strict`` is off, unless it is said."""
    block: Json = {"name": names[tool.name]}
    if tool.description is not None:
        block["description"] = tool.description
    schema: Mapping[str, Any] = {"properties": {}} if tool.schema is None else tool.schema
    block["input_schema"] = schema if "type" in schema else {"type": "object", **schema}
    if tool.strict or (own and tool.strict is not None):
        block["strict"] = tool.strict
    return block


def _custom(tool: CustomTool, names: Names, path: Path, losses: Losses) -> Json:
    """Write a tool of free text as a function that has the text in its one property."""
    texts = [tool.description] if tool.description else []
    grammar = _grammar(tool)
    if grammar is None:
        texts.append(_RAW)
    else:
        texts.append(f"{_RAW} {_FOLLOWS}{grammar}")
        what = "the grammar is in the description, and nobody enforces it"
        losses.approximated((*path, "format"), "grammar", what, "an input is JSON here")
    schema = {
        "type": "object",
        "properties": {"input": {"type": "string", "description": _RAW}},
        "required": ["input"],
        "additionalProperties": False,
    }
    return {"name": names[tool.name], "description": "\n\n".join(texts), "input_schema": schema}


def _grammar(tool: CustomTool) -> str | None:
    """Give the grammar that a tool's text must follow, with how it is written; None for any text."""
    form = tool.format or {"type": "text"}
    if form.get("type") == "text":
        return None
    inside = form.get("grammar")
    grammar: Mapping[str, Any] = inside if isinstance(inside, dict) else form
    definition, syntax = grammar.get("definition"), grammar.get("syntax")
    if not isinstance(definition, str):
        return f":\n{json_text(form)}"
    return f" ({syntax}):\n{definition}" if isinstance(syntax, str) else f":\n{definition}"


def write_choice(request: ChatRequest, tools: Sequence[Json], names: Names, losses: Losses, *, thinks: bool) -> Json:
    """Write which tool is to be called, and whether several may be. Without tools there is nothing to choose."""
    choice = request.tool_choice
    kind, name = (None, None) if choice is None else (choice.kind, choice.name)
    path: Path = ("tool_choice",)
    if kind == "tool" and name is None:
        kind = "any"
        losses.approximated(path, "tool_choice", "said as any tool", "it does not name one")
    if kind in {"any", "tool"}:
        why = _unforced(None if name is None else names[name], kind, tools, thinks=thinks)
        if why is not None:
            losses.lost(path, "tool_choice", "left out: the model chooses", why)
            kind = None
    if not tools:
        return {}
    if kind == "none":
        return {"tool_choice": {"type": "none"}}
    if kind is None and request.parallel is not False:
        return {}
    found: Json = {"type": kind or "auto"}
    if kind == "tool":
        found["name"] = names[name or ""]
    if request.parallel is not None:
        found["disable_parallel_tool_use"] = not request.parallel
    return {"tool_choice": found}


def _unforced(name: str | None, kind: str | None, tools: Sequence[Json], *, thinks: bool) -> str | None:
    """Say why no call can be forced; None where it can."""
    if thinks:
        return "no call can be forced while the model thinks"
    if not tools or (kind == "tool" and all(tool.get("name") != name for tool in tools)):
        return "the tool is not among those that can be sent"
    return None
