"""Writes the tools of a request for the chat wire.

Functions keep their JSON Schema as it is. A custom tool is one on OpenAI's hosts; elsewhere it is a function whose one
property is the text. What only another wire has (server tools) is lost, and a choice that names such a tool with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wiremend.message import CustomTool, FunctionTool, Unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wiremend.message import ToolChoice
    from wiremend.protocols.chat.request_writing import Json, Writing
    from wiremend.protocols.codec import Path

ARGUMENT: Final = "input"
"""The one property of a function that stands for a custom tool."""

_CHOICES: Final = {"auto": "auto", "any": "required", "none": "none"}
_BRIDGED: Final = f"Call this function with the tool's raw text, as it is, in the one property `{ARGUMENT}`."
_SCHEMA: Final = {
    "type": "object",
    "properties": {ARGUMENT: {"type": "string", "description": "The raw text for the tool."}},
    "required": [ARGUMENT],
    "additionalProperties": False,
}


def write_tools(writing: Writing, document: Json) -> None:
    """Put ``tools``, ``tool_choice`` and ``parallel_tool_calls`` into a document."""
    request = writing.request
    tools: list[Json] = []
    for number, tool in enumerate(request.tools):
        path: Path = ("tools", number)
        if isinstance(tool, FunctionTool):
            tools.append(_function(writing, tool, path))
        elif isinstance(tool, CustomTool):
            tools.append(_custom(writing, tool, path) if writing.is_custom(tool.name) else _bridge(writing, tool, path))
        elif writing.own:
            tools.append(dict(tool.data))
        else:
            kind = str(tool.data.get("type") or "tool")
            writing.lose("lost", path, kind, "the tool was left out", "only the client's wire has tools of this type")
    if tools:
        document["tools"] = tools
    _choice(writing, document)
    if request.parallel is None:
        return
    if tools:
        document["parallel_tool_calls"] = request.parallel
    else:
        writing.lose("lost", ("parallel",), "parallel_tool_calls", "left out", "it is refused where there are no tools")


def _function(writing: Writing, tool: FunctionTool, path: Path) -> Json:
    extra = dict(writing.extras(tool.extra, path))
    function: Json = {"name": writing.name(tool.name)}
    if tool.description is not None:
        function["description"] = tool.description
    if tool.schema is not None:
        function["parameters"] = tool.schema
    if tool.strict is not None:
        function["strict"] = tool.strict
    function |= inner(extra, "function")
    return extra | {"type": "function", "function": function} | writing.cache(tool.cache, path)


def inner(extra: Json, name: str) -> Json:
    """Take the unknown fields of an inner object out of the extras."""
    within = extra.get(name)
    if isinstance(within, dict):
        del extra[name]
        return within
    return {}


def _custom(writing: Writing, tool: CustomTool, path: Path) -> Json:
    extra = dict(writing.extras(tool.extra, path))
    custom: Json = {"name": tool.name}
    if tool.description is not None:
        custom["description"] = tool.description
    if tool.format is not None:
        custom["format"] = _format(tool.format)
    custom |= inner(extra, "custom")
    return extra | {"type": "custom", "custom": custom} | writing.cache(tool.cache, path)


def _format(form: Mapping[str, Any]) -> Mapping[str, Any]:
    """Write a grammar as this wire has it: in an object of its own. The responses wire has it flat."""
    if form.get("type") == "grammar" and "grammar" not in form:
        return {"type": "grammar", "grammar": {name: value for name, value in form.items() if name != "type"}}
    return form


def _bridge(writing: Writing, tool: CustomTool, path: Path) -> Json:
    """Write a custom tool as a function; a grammar can only be told to the model."""
    about = [tool.description, _BRIDGED] if tool.description else [_BRIDGED]
    form = _format(tool.format or {})
    grammar = form.get("grammar")
    if isinstance(grammar, dict):
        syntax, definition = grammar.get("syntax") or "", grammar.get("definition") or ""
        about.append(f"The text must follow this grammar ({syntax}):\n{definition}")
        what = "the grammar stands in the tool's description"
        why = "the tool is a function here, so that nothing makes the model keep to it"
        writing.lose("approximated", (*path, "format"), "grammar", what, why)
    elif form and form.get("type") != "text":
        writing.lose("lost", (*path, "format"), "format", "left out", "the tool is a function here")
    extra = dict(writing.extras(tool.extra, path))
    within = inner(extra, "custom")
    for name in within:
        writing.lose("lost", (*path, "extra", "custom"), name, "left out", "the tool is a function here")
    function: Json = {"name": writing.name(tool.name, custom=True), "description": "\n\n".join(about)}
    function["parameters"] = _SCHEMA
    return extra | {"type": "function", "function": function} | writing.cache(tool.cache, path)


# --- the choice -------------------------------------------------------------------------------------------------------


def _choice(writing: Writing, document: Json) -> None:
    choice = writing.request.tool_choice
    if choice is None:
        return
    if "tools" not in document:
        why = "it is refused where there are no tools"
        writing.lose("lost", ("tool_choice",), "tool_choice", "left out", why)
    elif choice.kind != "tool":
        document["tool_choice"] = _CHOICES[choice.kind]
    elif choice.name is None:
        writing.lose("approximated", ("tool_choice",), "tool_choice", "any tool instead of one", "it has no name")
        document["tool_choice"] = "required"
    else:
        _named(writing, document, choice, choice.name)


def _named(writing: Writing, document: Json, choice: ToolChoice, name: str) -> None:
    request = writing.request
    functions = {tool.name for tool in request.tools if isinstance(tool, FunctionTool)}
    customs = {tool.name for tool in request.tools if isinstance(tool, CustomTool)} - functions
    unknown = any(isinstance(tool, Unknown) and _is(tool.data, name) for tool in request.tools)
    if unknown and not writing.own and name not in functions | customs:
        why = f"the tool {choice.name} was left out itself"
        writing.lose("lost", ("tool_choice",), "tool_choice", "left out", why)
    elif name in customs and writing.is_custom(name):
        document["tool_choice"] = {"type": "custom", "custom": {"name": name}}
    else:
        function = {"name": writing.name(name, custom=name in customs)}
        document["tool_choice"] = {"type": "function", "function": function}


def _is(tool: Mapping[str, Any], name: str) -> bool:
    return tool.get("name") == name or (tool.get("name") is None and tool.get("type") == name)
